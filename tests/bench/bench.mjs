// SPDX-License-Identifier: MIT
// make bench: how fast the shop answers, as ratios within one run (absolute figures are the machine's, not ours).
// Its own shop, bounded in count and time; 16 persistent connections from this process.

import { rmSync } from 'node:fs';
import path from 'node:path';
import { startDatabase, startShop } from '../../sandbox/shop.mjs';
import { binDir, makeDirectory } from '../e2e/lib/harness.mjs';
import { openLoad } from './load.mjs';

const CONNECTIONS = 16;
const PRODUCTS = 1000;

const { send, json, measure, close } = openLoad(CONNECTIONS);

async function prepare(shop) {
  const base = shop.baseUrl;
  const { token: admin } = await json(base, { method: 'POST', address: '/api/auth/login', body: shop.admin });
  const { token: user } = await json(base, { method: 'POST', address: '/weixin-login', body: { code: 'sandbox:bench' } });
  const { category_id } = await json(base, { method: 'POST', address: '/api/categories', token: admin, body: { name: '压测' } });
  const ids = [];
  for (let i = 0; i < PRODUCTS; i += 1) {
    const body = { category_id, name: `商品 ${i}`, description: '说明'.repeat(20), price: '9.90', stock: 900_000_000 };
    ids.push((await json(base, { method: 'POST', address: '/api/products', token: admin, body })).product_id);
  }
  return { user, ids };
}

const dir = makeDirectory();
const db = await startDatabase({ dir: path.join(dir, 'db') });
const shop = await startShop({ dir, binDir, db, dbName: 'minimall_bench', wechat: true });
try {
  const { user, ids } = await prepare(shop);
  const any = () => ids[Math.floor(Math.random() * ids.length)];
  const deep = await send(shop.baseUrl, { address: '/api/products?limit=20' });
  if (deep.status !== 200) throw new Error(deep.text);
  const scenes = [
    ['a file of the web server', () => ({ address: '/' }), 200],
    ['404 of an executable', () => ({ address: '/api/nothing' }), 404],
    ['one product', () => ({ address: `/api/products/${any()}` }), 200],
    ['a page of 20 products', () => ({ address: '/api/products?limit=20' }), 200],
    ['oneself, signed in', () => ({ address: '/api/auth/me', token: user }), 200],
    ['an order of one line', () => ({
      method: 'POST', address: '/api/orders', token: user, body: { items: [{ product_id: any(), quantity: 1 }] },
    }), 201],
    ['an order of the same product', () => ({
      method: 'POST', address: '/api/orders', token: user, body: { items: [{ product_id: ids[0], quantity: 1 }] },
    }), 201],
    ['a page of 20 own orders', () => ({ address: '/api/orders?limit=20', token: user }), 200],
  ];
  let first;
  console.log(`${'scene'.padEnd(32)}${'per s'.padStart(9)}${'ratio'.padStart(8)}${'p50 us'.padStart(9)}${'p99 us'.padStart(9)}`);
  for (const [name, make, expected] of scenes) {
    const { perSecond, p50, p99 } = await measure(shop.baseUrl, make, expected);
    first ??= perSecond;
    console.log(`${name.padEnd(32)}${perSecond.toFixed(0).padStart(9)}${(perSecond / first).toFixed(2).padStart(8)}${
      String(p50).padStart(9)}${String(p99).padStart(9)}`);
  }
} finally {
  close();
  await shop.stop();
  await db.stop();
  rmSync(dir, { recursive: true, force: true });
}
