// SPDX-License-Identifier: MIT
// Runs end-to-end tests: `node tests/e2e/run.mjs [files…]`, by default those that legs.mjs selects. One database server
// serves the whole run, in its own directory, and the simulator's keys are generated once; each file has a shop to itself, one
// from the pool (shop-pool.mjs) or a separate one (harness.mjs). When the server of DB is unavailable, the run is skipped with a
// line, successfully.
//   MODE=asan    test build/asan            E2E_JOBS=1   one file at a time (default: one more than processors)
//   DB=mysql     on that server             BRIEF=1      only what .ci/run runs there
//   DB=galera    the files that start a cluster each

import { spawn } from 'node:child_process';
import { chmodSync, existsSync, mkdtempSync, readFileSync, readdirSync, rmSync, statSync } from 'node:fs';
import { availableParallelism, tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { Fault, Unavailable, checkout } from '../../sandbox/files.mjs';
import { withinMs } from '../../sandbox/process.mjs';
import { findProvider } from '../../sandbox/database/galera.mjs';
import { startDatabase } from '../../sandbox/shop.mjs';
import { makeKeys as makeAlipayKeys } from '../../sandbox/alipay/keys.mjs';
import { makeKeys as makeWechatKeys } from '../../sandbox/wechat/keys.mjs';
import { filesOf } from './lib/legs.mjs';
import { openPool } from './lib/shop-pool.mjs';

const SLOWEST = 10;
const LIMIT_MS = 45 * 60_000; // a hanging test must not block the machine

const here = path.join(checkout, 'tests', 'e2e');
const db = process.env.DB || 'mariadb';
const given = process.argv.slice(2).map((file) => path.resolve(file));
const tests = new Map(readdirSync(here).filter((theme) => statSync(path.join(here, theme)).isDirectory())
  .flatMap((theme) => readdirSync(path.join(here, theme)).filter((name) => name.endsWith('.test.mjs')).map((name) => [name, path.join(here, theme, name)])));
const files = given.length > 0 ? given
  : filesOf(db, [...tests.keys()], { brief: process.env.BRIEF === '1', sanitized: process.env.MODE === 'asan' }).map((name) => tests.get(name));

let stopping = null;
const interrupted = new Promise((resolve) => {
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) {
    process.on(signal, () => { stopping ??= signal; resolve(signal); });
  }
});

const dir = mkdtempSync(path.join(tmpdir(), 'minimall-e2e-db-'));
chmodSync(dir, 0o711); // the server's user must be able to enter
let code = 1;
try {
  const { database, place: at } = await openDatabase();
  try {
    const keys = path.join(dir, 'keys');
    makeWechatKeys(path.join(keys, 'wechat'));
    makeAlipayKeys(path.join(keys, 'alipay'));
    const place = { ...at, MINIMALL_E2E_KEYS: keys };
    if (!stopping) code = await (database ? runWithPool(place) : runTests(place));
  } finally {
    await database?.stop();
  }
} catch (error) {
  if (error instanceof Unavailable) {
    console.log(`skipped: the end-to-end tests with DB=${db}: ${error.message}`);
    code = 0;
  } else {
    console.error(error instanceof Fault ? error.message : error);
  }
} finally {
  rmSync(dir, { recursive: true, force: true });
}
process.exit(code);

// Shared by all files; those that need a cluster start their own.
async function openDatabase() {
  if (db === 'galera') {
    findProvider();
    return { place: {} };
  }
  const database = await startDatabase({ dir: path.join(dir, 'db'), durable: false, log: (line) => console.log(line) });
  return { database, place: { MINIMALL_E2E_DATABASE: path.join(dir, 'db') } };
}

async function runWithPool(place) {
  const pool = await openPool({ home: dir, place });
  try {
    return await runTests({ ...place, MINIMALL_E2E_POOL: pool.address });
  } finally {
    await pool.close();
  }
}

async function runTests(shared) {
  const jobs = process.env.E2E_JOBS || String(availableParallelism() + 1);
  const times = path.join(dir, 'times');
  const runner = spawn('setpriv', ['--pdeathsig', 'TERM', '--', process.execPath, '--import', path.join(here, 'lib', 'timed.mjs'), '--test', '--test-reporter=spec', `--test-concurrency=${jobs}`,
    ...files], {
    cwd: checkout, stdio: ['ignore', 'inherit', 'inherit'], detached: true,
    env: { ...process.env, ...shared, MINIMALL_E2E_TIMES: times },
  });
  const ended = new Promise((resolve) => runner.on('exit', (status) => resolve(status ?? 1)));
  const first = await withinMs(Promise.race([ended, interrupted]), LIMIT_MS);
  tellSlowest(times);
  if (typeof first === 'number') return first;
  console.error(first ? `\nstopped by ${first}` : `\nstopped: the tests took longer than ${LIMIT_MS / 60_000} minutes`);
  await endGroup(-runner.pid);
  return 1;
}

function tellSlowest(times) {
  const lines = existsSync(times) ? readFileSync(times, 'utf8').trim().split('\n') : [];
  const files = lines.map((line) => line.split(' ')).sort(([a], [b]) => b - a);
  const all = files.reduce((sum, [seconds]) => sum + Number(seconds), 0);
  console.log(`the slowest of ${files.length} files, which took ${all.toFixed(0)} s one by one:`);
  for (const [seconds, name] of files.slice(0, SLOWEST)) console.log(`  ${seconds.padStart(6)} s  ${name}`);
}

// The files' processes end what they started, and need the database for that.
async function endGroup(group) {
  const end = Date.now() + 15_000;
  try {
    process.kill(group, 'SIGTERM');
    for (;;) {
      await delay(50);
      process.kill(group, Date.now() < end ? 0 : 'SIGKILL');
    }
  } catch (error) {
    if (error.code !== 'ESRCH') throw error; // no process is left
  }
}
