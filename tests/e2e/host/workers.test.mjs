// SPDX-License-Identifier: MIT
// cgi-bin/workers.sh: keeps a number of programs running, none of which ever outlives it.

import { afterEach, test } from 'node:test';
import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { checkout } from '../../../sandbox/files.mjs';
import { cleanEnv, endStrays, processesOf, startProcess, untilReady } from '../../../sandbox/process.mjs';
import { makeDirectory } from '../lib/harness.mjs';

const COUNT = 3;
const ALL = 1 + 2 * COUNT; // the script, and for each program its waiting shell
const TURNS = 3 * ALL;
const BOUND_MS = 60_000;

const dir = makeDirectory();
const program = path.join(dir, 'program');
writeFileSync(program, '#!/bin/sh\nexec sleep 600\n', { mode: 0o700 });

afterEach(() => endStrays(dir));

// Ids of the processes with these arguments, from the kernel.
function having(words) {
  return processesOf(dir).filter((pid) => {
    try {
      return readFileSync(`/proc/${pid}/cmdline`, 'utf8') === `${words.join('\0')}\0`;
    } catch {
      return false; // ended meanwhile
    }
  });
}

const script = path.join(checkout, 'cgi-bin', 'workers.sh');
const programs = () => having(['sleep', '600']);
const keepers = () => having(['/bin/sh', script, '--keep', program]);

function startGroup() {
  return startProcess('spawn-fcgi', ['-n', '-s', path.join(dir, 'socket'), '--', '/bin/sh', script, String(COUNT), program],
    { env: cleanEnv(dir), cwd: dir, logFile: path.join(dir, 'log') });
}

async function started() {
  const group = startGroup();
  await becomes(() => programs().length === COUNT, 'all run');
  return group;
}

async function becomes(condition, what) {
  const child = { exited: new Promise(() => {}) }; // polled until the group is gone
  assert.ok(await untilReady(condition, child, BOUND_MS), `${what}: not within ${BOUND_MS} ms; there are ${processesOf(dir)}`);
}

test('a program that ends is restarted', async () => {
  await started();
  for (const signal of ['SIGTERM', 'SIGKILL']) {
    const [ended] = programs();
    process.kill(ended, signal);
    await becomes(() => programs().length === COUNT && !programs().includes(ended), `after ${signal} another one runs`);
  }
});

for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP', 'SIGKILL']) {
  test(`${signal} to only the script ends all programs`, async () => {
    const group = await started();
    group.kill(signal);
    await becomes(() => processesOf(dir).length === 0, 'nothing is left');
  });
}

test('a program does not outlive its waiting shell', async () => {
  await started();
  assert.equal(keepers().length, COUNT);
  for (const pid of keepers()) process.kill(pid, 'SIGKILL');
  await becomes(() => processesOf(dir).length === 0, 'nothing is left');
});

test('killed at any time during its start it leaves nothing behind', async () => {
  for (let turn = 0; turn < TURNS; turn += 1) {
    const group = startGroup();
    const end = Date.now() + BOUND_MS;
    while (processesOf(dir).length <= turn % ALL) assert.ok(Date.now() < end, 'it does not begin');
    group.kill('SIGKILL');
    await becomes(() => processesOf(dir).length === 0, `nothing is left in turn ${turn}`);
  }
});
