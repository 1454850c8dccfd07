// SPDX-License-Identifier: MIT
// The data of every peer: the same products in one category, users who are signed in, and an order of each of some users.

import { createHmac } from 'node:crypto';

export const CATEGORY = { name: '山货', description: '产自本地' };
const STOCK = 900_000_000;
const ORDERS = 50;
const [PRODUCT_0, USER_0, SESSION_0, ORDER_0] = [3_000_000, 5_000_000, 6_000_000, 7_000_000];

// Ids are large, so that statements.mjs finds them among other numbers.
export const productIds = (n) => Array.from({ length: n }, (_, i) => PRODUCT_0 + i + 1);
export const isOrderRow = (word) => /^7\d{6}$/.test(word);
export const oursFirstSql = `ALTER TABLE users AUTO_INCREMENT = ${USER_0 + 1};
  ALTER TABLE sessions AUTO_INCREMENT = ${SESSION_0 + 1}; ALTER TABLE orders AUTO_INCREMENT = ${ORDER_0 + 1};`;

// SQL of the n-th product's values, the same in every peer.
const NAME = "CONCAT('商品 ', seq)";
const DESCRIPTION = "REPEAT('说明', 20)";
const IMAGE = "CONCAT('https://img.example/', seq, '.jpg')";
const PRICE_FEN = '100 + seq % 900';

// Rows from..to of minimall's products, each with the move of its stock.
export const oursSql = (from, to) => `
  INSERT INTO products (product_id, category_id, name, description, price, stock, image_url, status, created_at, updated_at)
    SELECT ${PRODUCT_0} + seq, 1, ${NAME}, ${DESCRIPTION}, ${PRICE_FEN}, ${STOCK}, ${IMAGE}, 1, 1800000000000, 1800000000000 FROM seq_${from}_to_${to};
  INSERT INTO stock_moves (product_id, delta, reason, at) SELECT ${PRODUCT_0} + seq, ${STOCK}, 1, 1800000000000 FROM seq_${from}_to_${to};`;

export const phpSql = (from, to) => `
  INSERT INTO products (id, category_id, name, description, price, stock, image_url, status, created_at, updated_at)
    SELECT ${PRODUCT_0} + seq, 1, ${NAME}, ${DESCRIPTION}, (${PRICE_FEN}) / 100, ${STOCK}, ${IMAGE}, 1, '2027-01-15 08:00:00', '2027-01-15 08:00:00' FROM seq_${from}_to_${to};
  INSERT INTO stock_moves (product_id, delta) SELECT ${PRODUCT_0} + seq, ${STOCK} FROM seq_${from}_to_${to};`;

export const phpUsersSql = (n) => `
  INSERT INTO categories (id, name, description) VALUES (1, '${CATEGORY.name}', '${CATEGORY.description}');
  INSERT INTO users (id, openid, nickname) SELECT ${USER_0} + seq, CONCAT('bench-', seq), '微信用户' FROM seq_1_to_${n};
  INSERT INTO sessions (id, user_id, token_version, expires_at) SELECT ${SESSION_0} + seq, ${USER_0} + seq, 0, '2099-01-01' FROM seq_1_to_${n};`;

// A token as minimall's, for the peer that has no sign-in.
export function mintToken(secret, n) {
  const part = (value) => Buffer.from(value).toString('base64url');
  const now = Math.floor(Date.now() / 1000);
  const claims = { iss: 'bench', aud: 'bench', sub: String(USER_0 + n), sid: SESSION_0 + n, iat: now, nbf: now, exp: now + 86400 };
  const signed = `${part('{"alg":"HS256","typ":"JWT"}')}.${part(JSON.stringify(claims))}`;
  return `${signed}.${createHmac('sha256', secret).update(signed).digest('base64url')}`;
}

// One order of each of the first users: [{ token, id }].
export async function placeOrders(call, tokens, products) {
  const placed = [];
  for (const [i, token] of tokens.slice(0, ORDERS).entries()) {
    const items = [0, 1].map((line) => ({ product_id: products[i % (products.length - 1) + line], quantity: 1 }));
    placed.push({ token, id: (await call({ method: 'POST', path: '/api/orders', token, body: { items } })).order_id });
  }
  return placed;
}
