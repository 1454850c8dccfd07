// SPDX-License-Identifier: MIT
// `make bench` at its smallest: every work on whatever of its peers this machine has. It compares what they answer itself, and
// fails where a request fails. Nothing here depends on how long anything takes.

import assert from 'node:assert/strict';
import { readdirSync } from 'node:fs';
import { test } from 'node:test';
import path from 'node:path';
import { checkout } from '../../../sandbox/files.mjs';
import { cleanEnv, run } from '../../../sandbox/process.mjs';
import { makeDirectory, mode } from '../lib/harness.mjs';
import { GUARDED } from '../../bench/guards.mjs';
import { WORKS } from '../../bench/works.mjs';

const SMALL = { ROUNDS: '1', MS: '2000', REQUESTS: '20', CONNECTIONS: '2', PRODUCTS: '30', USERS: '20' };

async function bench(env) {
  const dir = makeDirectory();
  const { code, stdout, stderr } = await run(process.execPath, [path.join(checkout, 'tests', 'bench', 'bench.mjs')],
    { cwd: checkout, env: cleanEnv(dir, { ...SMALL, TMPDIR: dir, SERVER: 'lighttpd', MODE: mode, ...env }) });
  assert.equal(code, 0, stderr + stdout);
  return { dir, stdout };
}

test('make bench measures every work, and its peers answer the same', async () => {
  const { dir, stdout } = await bench({});
  for (const { name, title } of WORKS) assert.match(stdout, new RegExp(`^${name} ${title.replaceAll(/[()]/g, '\\$&')}, 2 connections$`, 'm'));
  for (const peer of ['minimall', 'hello', 'statements', 'no metrics']) assert.match(stdout, new RegExp(`^${peer} +[0-9]+ `, 'm'));
  assert.equal(stdout.match(/^no metrics +[0-9]+ /gm).length, GUARDED.length);
  assert.match(stdout, /^all +\d+ +[\d.]+$/m, 'the memory of all programs');
  assert.deepEqual(readdirSync(dir), [], 'it removes what it wrote');
});

test('make bench ROWS=… compares deep pages with the first ones', async () => {
  const { stdout } = await bench({ ROWS: '400' });
  assert.match(stdout, /^first pages +\d/m);
  assert.match(stdout, /^deep pages +\d/m);
});
