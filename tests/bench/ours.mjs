// SPDX-License-Identifier: MIT
// minimall with everything on: authentication with the check of the session, limits, metrics, log; its own database server.

import { mkdirSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { writeSettings } from '../../sandbox/config.mjs';
import { Fault, checkout, dropState, freePort, stateDirectory } from '../../sandbox/files.mjs';
import { processStatus, processesOf } from '../../sandbox/process.mjs';
import { FAMILIES, WORKERS } from '../../sandbox/web.mjs';
import { CATEGORY, oursFirstSql, oursSql, placeOrders, productIds } from './data.mjs';
import { httpPeer, openDatabase, webParts } from './peers.mjs';
import { memoryByFamily } from './proc.mjs';

const AT_ONCE = 16; // of those who sign in
const START_MS = 20_000;

// So high that none is reached.
const LIMITS = {
  PAYMENT_REQUESTS_PER_MINUTE: '1000000', USER_REQUESTS_PER_MINUTE: '1000000', ADDRESS_REQUESTS_PER_MINUTE: '1000000', REQUESTS_PER_SECOND: '1000000',
  FORGED_PER_MINUTE: '60', SIGN_IN_FAILURES_PER_ACCOUNT: '5', SIGN_IN_FAILURES_PER_ADDRESS: '20', PENDING_ORDERS_MAX: '10000',
};

// What keeps the shop from caching anything.
export const NO_CACHE = { SHARED_HOSTS: 'on' };
export const CACHE = { SHARED_HOSTS: 'off' };

// root, binDir: the checkout whose configuration, schema and launcher are used, and its programs. env: settings that differ.
// families: the only ones that run.
export async function startOurs({ dir, size, name = 'minimall', root = checkout, binDir, env = {}, families }) {
  const load = (file) => import(path.join(root, 'sandbox', file));
  const { startDatabase, startShop } = await load('shop.mjs');
  mkdirSync(dir, { mode: 0o711 });
  const dbDir = path.join(dir, 'db');
  const db = await openDatabase(dbDir, { startDatabase, ...await load('database/kinds.mjs') });
  let shop;
  const stop = async () => {
    await shop?.stop();
    await db.stop();
  };
  try {
    shop = await startShop({ dir, binDir, db, dbName: 'minimall_bench', wechat: true, lasting: false, families, env: { ...LIMITS, ...env } });
    const parts = () => ({ ...webParts(processesOf(path.join(dir, 'web'))), database: processesOf(dbDir) });
    const peer = httpPeer(shop.baseUrl, { name, kind: 'ours', shop, root, parts, stop, products: productIds(size.products) });
    if (root === checkout) {
      await untilIdle(parts, families ?? FAMILIES);
      peer.idle = memoryByFamily(parts().app);
    }
    await fill(peer, size);
    return peer;
  } catch (error) {
    await stop();
    throw error;
  }
}

// Until every process of these families, and of the one that always runs, waits for its first request.
async function untilIdle(parts, families) {
  const expected = FAMILIES.filter((family) => families.includes(family) || family === FAMILIES.at(-1)).reduce((sum, family) => sum + WORKERS[family], 0);
  const idle = () => parts().app.filter((pid) => processStatus(pid)?.state === 'S').length;
  for (const end = Date.now() + START_MS; idle() < expected;) {
    if (Date.now() > end) throw new Fault(`of ${expected} programs, ${idle()} are ready`);
    await delay(20);
  }
}

async function fill(peer, { products, users }) {
  const { shop, call } = peer;
  const { token: admin } = await call({ method: 'POST', path: '/api/auth/login', body: shop.admin });
  await call({ method: 'POST', path: '/api/categories', token: admin, body: CATEGORY });
  await shop.sql(oursFirstSql + oursSql(1, products));
  peer.tokens = [];
  for (let i = 0; i < users; i += AT_ONCE) {
    const codes = Array.from({ length: Math.min(AT_ONCE, users - i) }, (_, n) => `sandbox:bench-${i + n}`);
    const signedIn = await Promise.all(codes.map((code) => call({ method: 'POST', path: '/weixin-login', body: { code } })));
    peer.tokens.push(...signedIn.map(({ token }) => token));
  }
  const placed = new Map((await placeOrders(call, peer.tokens, peer.products)).map((order) => [order.id, order]));
  for (const { id, order_no: no } of await shop.sql('SELECT id, order_no FROM orders')) placed.get(no).row = id;
  peer.orders = [...placed.values()];
}

// The same shop, with its database, users and data, once more with other settings or programs; it caches nothing.
// kind: `uncached` does only the works that are measured so.
export async function startVariant({ name, kind = 'uncached', dir, binDir, like, env, families }) {
  const configFile = path.join(dir, 'minimall.conf');
  const home = path.join(dir, 'web');
  mkdirSync(dir, { mode: 0o700 });
  writeSettings(configFile, { ...like.shop.env, STATE_DIR: stateDirectory(dir), LOG_FILE: path.join(dir, 'requests.log'), ...NO_CACHE, ...env });
  const port = await freePort();
  const { startWeb } = await import(path.join(like.root, 'sandbox', 'web.mjs'));
  const web = await startWeb({ home, port, binDir, configFile, env: {}, families });
  const { tokens, orders, products } = like;
  return httpPeer(`http://127.0.0.1:${port}`, {
    name,
    kind,
    tokens,
    orders,
    products,
    parts: () => ({ ...webParts(processesOf(home)), database: like.parts().database }),
    stop: async () => {
      await web.stop();
      dropState(dir);
    },
  });
}
