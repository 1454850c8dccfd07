// SPDX-License-Identifier: MIT
// What is compared: minimall, the limit that a bare FastCGI program sets, and the same shop in PHP. Each has its own web
// server of the same kind and configuration, and its own database server, if it has one.
//   { name, kind, port, tokens, orders, products, ask, tagOf(request), parts(), stop() }
// parts(): process ids by what they do, front (web server), app (programs) and database.

import { copyFileSync, existsSync, mkdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { Fault, accepts, checkout, freePort, tail } from '../../sandbox/files.mjs';
import { cleanEnv, endStrays, processesOf, startProcess, stopProcess, untilReady } from '../../sandbox/process.mjs';
import { query } from '../../sandbox/database/sql.mjs';
import { FAMILIES, startWeb } from '../../sandbox/web.mjs';
import { clientOf } from './client.mjs';
import { CATEGORY, mintToken, oursSql, phpSql, phpUsersSql, placeOrders } from './data.mjs';
import { nameOf, treeOf } from './proc.mjs';

const READY_MS = 20_000;
const STOP_MS = 3_000;
const SECRET = 'a secret of the peer, used for nothing else';
const AT_ONCE = 16;
export const FPM = 'php-fpm8.2';

// Everything on, and so high that no limit is reached.
const LIMITS = {
  PAYMENT_REQUESTS_PER_MINUTE: '1000000', USER_REQUESTS_PER_MINUTE: '1000000', ADDRESS_REQUESTS_PER_MINUTE: '1000000', REQUESTS_PER_SECOND: '1000000',
  FORGED_PER_MINUTE: '60', SIGN_IN_FAILURES_PER_ACCOUNT: '5', SIGN_IN_FAILURES_PER_ADDRESS: '20', PENDING_ORDERS_MAX: '10000',
};
const isFront = (pid) => ['lighttpd', 'sed', 'sh'].includes(nameOf(pid));

const databaseOptions = ['--innodb-buffer-pool-size=512M', '--innodb-flush-log-at-trx-commit=1', '--skip-log-bin'];

// A database server whose commits wait for the disk. modules: the checkout's that starts it.
async function openDatabase(dir, { startDatabase, serverKind }) {
  const kind = serverKind('mariadb');
  return startDatabase({ dir, durable: true, kind: { ...kind, options: [...kind.options, ...databaseOptions] } });
}

const productIds = (n) => Array.from({ length: n }, (_, i) => i + 1);

function peerOf(base, rest) {
  const { ask, call } = clientOf(base);
  const tagOf = async (request) => (await ask(request)).tag;
  return { port: Number(new URL(base).port), ask, call, tagOf, ...rest };
}

// root: the checkout whose programs, configuration and schema are used.
export async function startOurs({ dir, size, name = 'minimall', root = checkout, binDir, env = {} }) {
  const load = (file) => import(path.join(root, 'sandbox', file));
  const { startDatabase, startShop } = await load('shop.mjs');
  const { serverKind } = await load('database/kinds.mjs');
  mkdirSync(dir, { mode: 0o711 });
  const db = await openDatabase(path.join(dir, 'db'), { startDatabase, serverKind });
  let shop;
  const stop = async () => {
    await shop?.stop();
    await db.stop();
  };
  try {
    shop = await startShop({ dir, binDir, db, dbName: 'minimall_bench', wechat: true, lasting: false, env: { ...LIMITS, ...env } });
    const web = path.join(dir, 'web');
    const parts = () => {
      const started = processesOf(web);
      return { front: started.filter(isFront), app: started.filter((pid) => !isFront(pid)), database: processesOf(path.join(dir, 'db')) };
    };
    const peer = peerOf(shop.baseUrl, { name, kind: 'ours', shop, dir, parts, stop, products: productIds(size.products) });
    await fillOurs(peer, shop, size);
    return peer;
  } catch (error) {
    await stop();
    throw error;
  }
}

async function fillOurs(peer, shop, { products, users }) {
  const { token: admin } = await peer.call({ method: 'POST', path: '/api/auth/login', body: shop.admin });
  await peer.call({ method: 'POST', path: '/api/categories', token: admin, body: CATEGORY });
  await shop.sql(oursSql(1, products));
  peer.tokens = [];
  for (let i = 0; i < users; i += AT_ONCE) {
    const some = Array.from({ length: Math.min(AT_ONCE, users - i) }, (_, n) => `sandbox:bench-${i + n}`);
    const signedIn = await Promise.all(some.map((code) => peer.call({ method: 'POST', path: '/weixin-login', body: { code } })));
    peer.tokens.push(...signedIn.map(({ token }) => token));
  }
  peer.orders = await placeOrders(peer.call, peer.tokens, peer.products);
}

// The least that can be behind the same web server: every program of a family is tests/bench/hello.c. It answers as many bytes
// as `like` does.
export async function startHello({ dir, binDir, like }) {
  const programs = path.join(dir, 'bin');
  const home = path.join(dir, 'web');
  mkdirSync(programs, { recursive: true });
  for (const family of FAMILIES) copyFileSync(path.join(binDir, 'bench', 'hello'), path.join(programs, `${family}.fcgi`));
  const port = await freePort();
  const web = await startWeb({ home, port, binDir: programs, configFile: path.join(dir, 'none'), env: {} });
  const parts = () => {
    const started = processesOf(home);
    return { front: started.filter(isFront), app: started.filter((pid) => !isFront(pid)), database: [] };
  };
  const peer = peerOf(`http://127.0.0.1:${port}`, { name: 'hello', kind: 'hello', parts, stop: () => web.stop() });
  peer.requestsOf = async (work) => {
    const [request] = await work.requests(like);
    const { length } = await like.ask(request);
    return [{ method: 'GET', path: `${request.path.replace(/\?.*/, '')}?bytes=${length}`, token: request.token }];
  };
  return peer;
}

export function missingForPhp() {
  const found = (name) => ['/usr/sbin', '/usr/bin', '/usr/local/sbin'].some((directory) => existsSync(path.join(directory, name)));
  return found(FPM) ? null : 'php8.2-fpm and php8.2-mysql';
}

export async function startPhp({ dir, size, processes }) {
  const { startDatabase } = await import('../../sandbox/shop.mjs');
  const { serverKind } = await import('../../sandbox/database/kinds.mjs');
  mkdirSync(dir, { mode: 0o711 });
  const db = await openDatabase(path.join(dir, 'db'), { startDatabase, serverKind });
  const home = path.join(dir, 'web');
  const children = [];
  const stop = async () => {
    for (const child of children) await stopProcess(child, STOP_MS);
    await endStrays(home);
    await db.stop();
  };
  try {
    const port = await freePort();
    mkdirSync(home);
    const settings = await db.createDatabase('minimall_php');
    await query(db.socket, 'minimall_php', readFileSync(path.join(checkout, 'tests/bench/php/schema.sql'), 'utf8').replaceAll(/^--.*$/gm, ''));
    await query(db.socket, 'minimall_php', phpUsersSql(size.users) + phpSql(1, size.products));
    const env = cleanEnv(home, {
      ...settings, JWT_SECRET: SECRET, BENCH_HOME: home, BENCH_PORT: String(port), BENCH_PHP: path.join(checkout, 'tests', 'bench', 'php'), BENCH_PROCESSES: String(processes),
    });
    const start = async (what, command, ready) => {
      const logFile = path.join(home, `${what}.start.log`);
      const child = startProcess(command[0], command.slice(1), { env, cwd: home, logFile });
      children.unshift(child);
      if (!await untilReady(ready, child, READY_MS)) throw new Fault(`${what} did not start:\n${tail(logFile)}`);
      return child;
    };
    const conf = (file) => path.join(checkout, 'tests', 'bench', 'php', file);
    const fpm = await start(FPM, [FPM, '--nodaemonize', ...(process.getuid() === 0 ? ['--allow-to-run-as-root'] : []), '--fpm-config', conf('fpm.conf')],
      () => accepts({ path: path.join(home, 'fpm.sock') }));
    const front = await start('lighttpd', ['lighttpd', '-D', '-f', conf('lighttpd.conf')], () => accepts({ port }));
    const parts = () => ({ front: treeOf(front.pid), app: treeOf(fpm.pid), database: processesOf(path.join(dir, 'db')) });
    const tokens = productIds(size.users).map((id) => mintToken(SECRET, id));
    const peer = peerOf(`http://127.0.0.1:${port}`, { name: 'PHP-FPM', kind: 'php', dir, parts, stop, tokens, products: productIds(size.products) });
    peer.orders = await placeOrders(peer.call, tokens, peer.products);
    return peer;
  } catch (error) {
    await stop();
    throw error;
  }
}
