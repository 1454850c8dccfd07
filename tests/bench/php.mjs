// SPDX-License-Identifier: MIT
// The peer: the five works in PHP (php/), with PHP-FPM behind the same web server; its own database server.

import { existsSync, mkdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { Fault, accepts, checkout, freePort, tail } from '../../sandbox/files.mjs';
import { cleanEnv, processesOf, startProcess, stopProcess, untilReady } from '../../sandbox/process.mjs';
import { serverKind } from '../../sandbox/database/kinds.mjs';
import { query } from '../../sandbox/database/sql.mjs';
import { startDatabase } from '../../sandbox/database/start.mjs';
import { mintToken, phpSql, phpUsersSql, placeOrders, productIds } from './data.mjs';
import { httpPeer, openDatabase, webParts } from './peers.mjs';
import { nameOf, treeOf } from './proc.mjs';

const FPM = 'php-fpm8.2';
const PROCESSES = 8; // measured: of 4, 8 and 16 the best for it, in requests and in CPU
const READY_MS = 20_000;
const STOP_MS = 3_000;
// Both in one session, as minimall's programs are in that of their web server: Linux shares processors among sessions.
const BOTH = `root=; [ "$(id -u)" != 0 ] || root=--allow-to-run-as-root
  setpriv --pdeathsig TERM -- ${FPM} --nodaemonize $root --fpm-config "$1" &
  exec lighttpd -D -f "$2"`;
const SECRET = 'a secret of the peer, used for nothing else';
const DATABASE = 'minimall_php';
const source = path.join(checkout, 'tests', 'bench', 'php');

// The packages that are missing, or null.
export function missingForPhp() {
  const found = (name) => (process.env.PATH ?? '').split(':').concat('/usr/sbin').some((directory) => existsSync(path.join(directory, name)));
  const extension = existsSync('/etc/php/8.2/fpm/conf.d/20-pdo_mysql.ini');
  return found(FPM) && extension ? null : 'php8.2-fpm and php8.2-mysql';
}

export async function startPhp({ dir, size }) {
  mkdirSync(dir, { mode: 0o711 });
  const db = await openDatabase(path.join(dir, 'db'), { startDatabase, serverKind });
  const home = path.join(dir, 'web');
  let server;
  const stop = async () => {
    if (server) await stopServer(server);
    await db.stop();
  };
  try {
    mkdirSync(home);
    const port = await freePort();
    const settings = await db.createDatabase(DATABASE);
    await fill(db.socket, size);
    const env = cleanEnv(home, {
      ...settings, JWT_SECRET: SECRET, BENCH_HOME: home, BENCH_PORT: String(port), BENCH_PHP: source, BENCH_PROCESSES: String(PROCESSES),
    });
    const logFile = path.join(home, 'start.log');
    server = startProcess('/bin/sh', ['-c', BOTH, 'sh', path.join(source, 'fpm.conf'), path.join(source, 'lighttpd.conf')], { env, cwd: home, logFile });
    const ready = async () => await accepts({ port }) && accepts({ path: path.join(home, 'fpm.sock') });
    if (!await untilReady(ready, server, READY_MS)) throw new Fault(`PHP-FPM and its lighttpd did not start:\n${tail(logFile)}`);
    const parts = () => ({ ...webParts(treeOf(server.pid)), database: processesOf(path.join(dir, 'db')) });
    const tokens = Array.from({ length: size.users }, (_, i) => mintToken(SECRET, i + 1));
    const peer = httpPeer(`http://127.0.0.1:${port}`, { name: 'PHP-FPM', kind: 'php', parts, stop, tokens, products: productIds(size.products) });
    peer.orders = await placeOrders(peer.call, tokens, peer.products);
    return peer;
  } catch (error) {
    await stop();
    throw error;
  }
}

// PHP-FPM's processes write their titles over the environment by which others are found.
async function stopServer(server) {
  const pids = treeOf(server.pid);
  await stopProcess(server, STOP_MS);
  const end = Date.now() + STOP_MS;
  while (pids.some((pid) => nameOf(pid)?.startsWith('php-fpm'))) {
    if (Date.now() > end) throw new Fault('PHP-FPM does not end');
    await delay(20);
  }
}

async function fill(socket, { users, products }) {
  const schema = readFileSync(path.join(source, 'schema.sql'), 'utf8').replaceAll(/^--.*$/gm, '');
  await query(socket, DATABASE, schema);
  await query(socket, DATABASE, phpUsersSql(users) + phpSql(1, products));
}
