// SPDX-License-Identifier: MIT
// Starts a shop for tests in a given directory: for one file (harness.mjs) or for the pool (shop-pool.mjs).

import { cpSync, mkdirSync, readFileSync, readdirSync } from 'node:fs';
import { randomBytes } from 'node:crypto';
import path from 'node:path';
import { checkout } from '../../../sandbox/files.mjs';
import { attachDatabase, startDatabase, startShop } from '../../../sandbox/shop.mjs';
import { startRedis } from './redis.mjs';

export const mode = process.env.MODE || 'release';
export const binDir = path.join(checkout, 'build', mode);
export const STOP_MS = mode === 'asan' ? 60_000 : 10_000; // all programs may check for leaks at once when they end

// options: of openShop() in harness.mjs. place: the variables with which run.mjs names its database server and keys.
// Returns { shop, redis, close() }; close() returns { forced }, the number of programs that did not end when asked.
export async function startTestShop(dir, {
  env = {}, processEnv = {}, wechat = true, certificates = false, alipay = false, gateway = false, testClock = true, binDir: programs = binDir, leaks = false, families, editWeb, db: given, beside, redis: wanted,
} = {}, place = process.env) {
  const reports = reportsOf(dir);
  mkdirSync(reports, { mode: 0o700 });
  const { MINIMALL_E2E_DATABASE: shared, MINIMALL_E2E_KEYS: keys } = place;
  if (beside) {
    cpSync(path.join(beside.dir, 'secrets.json'), path.join(dir, 'secrets.json'));
    wechat = false;
  }
  for (const [name, simulated] of Object.entries({ wechat, alipay })) if (keys && simulated) cpSync(path.join(keys, name), path.join(dir, name), { recursive: true });
  const db = given ?? (shared ? attachDatabase({ dir: shared }) : await startDatabase({ dir: path.join(dir, 'db'), durable: false }));
  const dbName = beside?.shop.dbName ?? `minimall_${process.pid}_${randomBytes(4).toString('hex')}`;
  const redis = wanted === true ? await startRedis({ dir: path.join(dir, 'redis') }) : wanted;
  let shop;
  const close = async () => {
    try {
      const stopped = await shop?.stop({ patienceMs: STOP_MS });
      if (!beside) await db.dropDatabase(dbName);
      return stopped;
    } finally {
      if (wanted === true) await redis.stop();
      if (!given) await db.stop();
    }
  };
  try {
    shop = await startShop({
      dir, binDir: programs, db, dbName, wechat, certificates, alipay, gateway, lasting: false, testClock, providers: providersOf(beside),
      env: { RECONCILE: 'off', ...redis?.env, ...env }, // jobs in the tests' times would also compare bills, and count as calls
      families: families && [...families, 'passwords'], // the administrator signs in with one
      editWeb,
      workerEnv: {
        ASAN_OPTIONS: `detect_leaks=${Number(leaks)}:log_path=${reports}/asan`, UBSAN_OPTIONS: `print_stacktrace=1:log_path=${reports}/ubsan`, ...processEnv,
      },
    });
  } catch (error) {
    await close();
    throw error;
  }
  return { shop, redis, close };
}

// Where the programs of a directory's shop write sanitizer reports, and the reports.
const reportsOf = (dir) => path.join(dir, 'sanitizer');
export const reportsIn = (dir) => readdirSync(reportsOf(dir)).map((name) => `${name}:\n${readFileSync(path.join(reportsOf(dir), name), 'utf8')}`);

// The settings of another shop for its providers.
function providersOf(shop) {
  return Object.fromEntries(Object.entries(shop?.env ?? {}).filter(([name]) => /^(WECHAT_|ALIPAY_|PAYMENT_SIMULATION$)/.test(name)));
}
