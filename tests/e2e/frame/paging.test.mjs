// SPDX-License-Identifier: MIT
// Lists: limits and cursors, and that the database reads any page by one index.

import test from 'node:test';
import assert from 'node:assert/strict';
import { sequence } from '../../../sandbox/database/sql.mjs';
import { openShop } from '../lib/harness.mjs';
import { rawRequest } from '../lib/raw-request.mjs';
import { EIGHT, assertWalks, cursorOf, deepCursor, nextOf, pagesOf, planOf, rowsRead, withQuery, withStatementLog } from '../lib/query-plans.mjs';

const ROWS = 6000; // of each kind: enough for an index to matter
const DEFAULT_LIMIT = 100;
const LIMIT_MAX = 500;

const shop = await openShop({ families: ['catalogue', 'login', 'members', 'memberships', 'orders', 'users'] });
const admin = await shop.admin();
const anna = await shop.login('anna');
const userId = anna.user.user_id;
const [webhook] = [await shop.ok('POST', '/api/webhooks', { token: admin, body: { url: 'https://hooks.example.com/1' } }),
  await shop.ok('POST', '/api/webhooks', { token: admin, body: { url: 'https://hooks.example.com/2' } })].map(({ webhook_id: id }) => id);

// Half of the products in category 6, half of the categories below category 7, states mixed, some deleted. Without stock no move is missing, and a free
// order without a line would be: so every order has its line and was cancelled or paid with nothing due.
await shop.sql(`
  INSERT INTO categories (category_id, name, parent_id, created_at, updated_at, deleted_at)
    SELECT seq, CONCAT('分类 ', seq), IF(seq > 10 AND seq % 2 = 0, 7, NULL), 1700000000000 + seq, 1700000000000 + seq, IF(seq % 50 = 49, 1700000000000, NULL)
    FROM ${sequence(ROWS)};
  INSERT INTO products (product_id, category_id, name, price, stock, status, created_at, updated_at)
    SELECT seq, IF(seq % 2 = 0, 6, seq % 100 + 1), CONCAT('商品 ', seq), seq, 0, IF(seq % 10 = 9, 2, seq % 3 > 0), 1700000000000 + seq, 1700000000000 + seq
    FROM ${sequence(ROWS)};
  INSERT INTO users (user_id, nickname, permission_level, created_at, updated_at)
    SELECT 1000 + seq, CONCAT('顾客 ', seq), 0, 1700000000000 + seq, 1700000000000 + seq FROM ${sequence(ROWS)};
  UPDATE users SET permission_level = 1 WHERE user_id > 1000 AND user_id % 4 = 0;
  INSERT INTO members (user_id, member_code, joined_at, last_active_at)
    SELECT user_id, CONCAT('T', user_id), created_at, created_at FROM users WHERE user_id > 1000;
  INSERT INTO member_log (member_id, action, operator_kind, created_at)
    SELECT IF(seq % 3 = 0, 1, ${anna.user.member_id}), 'freeze', 3, 1700000000000 + seq FROM ${sequence(ROWS)};
  INSERT INTO orders (id, order_no, user_id, total_amount, status, paid_by, stock_held, expires_at, paid_at, created_at, updated_at)
    SELECT seq, CONCAT('ORDERT', seq), IF(seq % 2 = 0, ${userId}, 1000 + seq), IF(seq % 3 = 0, 0, 100), IF(seq % 3 = 0, 5, 4), IF(seq % 3 = 0, 3, 0), 0, 1700000000000,
      IF(seq % 3 = 0, 1700000000000, NULL), 1700000000000 + FLOOR(seq / 7), 1700000000000 FROM ${sequence(ROWS)};
  INSERT INTO order_items (order_id, product_id, name, quantity, unit_price, total_price)
    SELECT id, 1, '旧', 1, total_amount, total_amount FROM orders;
  INSERT INTO plans (id, name, price, duration_days, level, is_active, created_at, updated_at) VALUES (1, '旧', 100, 30, 1, 0, 1700000000000, 1700000000000);
  INSERT INTO membership_orders (order_no, user_id, plan_id, plan_name, kind, level, price, plan_days, discount, amount, days, value, quote_version, status,
      expires_at, created_at, updated_at)
    SELECT CONCAT('VIPT', seq), IF(seq % 2 = 0, ${userId}, 1000 + seq), 1, '旧', 1, 1, 100, 30, 0, 100, 30, 100, 0, IF(seq % 5 < 2, 2, 3),
      1700000000000, 1700000000000, 1700000000000 FROM ${sequence(ROWS)};
  INSERT INTO webhook_deliveries (webhook_id, message_id, type, body, status, tries, answer_status, error, created_at)
    SELECT IF(seq % 3 = 0, ${webhook} + 1, ${webhook}), CONCAT('msg_', seq), 'order.paid', '{}', 1 + seq % 2, 1, IF(seq % 2 = 0, 200, 500), IF(seq % 2 = 0, NULL, 'STATUS'), 1700000000000
    FROM ${sequence(ROWS)};
  ANALYZE TABLE categories, products, users, orders, order_items, membership_orders, webhook_deliveries, members, member_log`);

// ---- limits ----

const LISTS = ['/api/products', '/api/categories', '/api/users', '/api/orders'];

test('a list without a limit has 100 rows, and never more than 500 (B13)', async () => {
  for (const list of LISTS) {
    for (const [query, rows] of [['', DEFAULT_LIMIT], ['?limit=1', 1], ['?limit=500', LIMIT_MAX], ['?limit=501', LIMIT_MAX], ['?limit=99999', LIMIT_MAX], ['?limit=2147483647', LIMIT_MAX]]) {
      const answer = await rawRequest(shop, 'GET', `${list}${query}`, { token: admin });
      assert.equal(answer.status, 200, `${list}${query}: ${answer.text}`);
      assert.ok(Array.isArray(answer.json));
      assert.equal(answer.json.length, rows, `${list}${query}`);
      assert.notEqual(nextOf(answer), null);
    }
  }
});

test('a limit that is not a positive 31-bit integer is 400 (B13)', async () => {
  for (const list of LISTS) {
    for (const limit of ['0', '-1', '-500', '2147483648', '4294967297', '99999999999999999999', 'abc', '', '1.5', '1e2', '+1', '01', '%201', '1%20', '0x10', '1,000', '١', 'null', '%00']) {
      const answer = await rawRequest(shop, 'GET', `${list}?limit=${encodeURI(limit).replaceAll('%25', '%')}`, { token: admin });
      assert.equal(answer.status, 400, `${list}?limit=${limit}: ${answer.text}`);
      assert.equal(answer.json.field, 'limit');
    }
  }
});

test('an out-of-range filter or one of another type is 400 and named (B12)', async () => {
  const bad = {
    '/api/products': { category_id: ['0', '-1', 'x', '1.5', '9223372036854775808'], status: ['2', '-1', 'x'], q: ['x'.repeat(101), '%FF', '%00', '%'] },
    '/api/categories': { parent_id: ['-1', 'x'], q: ['x'.repeat(101), '%C0%AF'] },
    '/api/users': { permission_level: ['2', '-1', 'x'], q: ['x'.repeat(101)] },
    '/api/orders': { status: ['6', '-1', 'x'], user_id: ['0', 'x'], created_from: ['x', '2023-13-01', '2023-02-30', '1'], created_to: ['yesterday'] },
  };
  for (const [list, fields] of Object.entries(bad)) {
    for (const [field, values] of Object.entries(fields)) {
      for (const value of values) {
        const answer = await rawRequest(shop, 'GET', `${list}?${field}=${value}`, { token: admin });
        assert.equal(answer.status, 400, `${list}?${field}=${value}: ${answer.text}`);
        assert.equal(answer.json.field, field);
      }
    }
  }
});

// ---- cursors ----

test('a forged, truncated or changed cursor, or one of another list, is 400 (B13)', async () => {
  const cursors = Object.fromEntries(await Promise.all(LISTS.map(async (list) => {
    const next = nextOf(await rawRequest(shop, 'GET', `${list}?limit=3`, { token: admin }));
    return [list, cursorOf(next)];
  })));
  assert.equal(new Set(Object.values(cursors)).size, LISTS.length);
  for (const [list, cursor] of Object.entries(cursors)) {
    assert.equal((await rawRequest(shop, 'GET', `${list}?cursor=${cursor}`, { token: admin })).status, 200);
    const flipped = [...cursor].map((letter, at) => `${cursor.slice(0, at)}${letter === 'A' ? 'B' : 'A'}${cursor.slice(at + 1)}`);
    const foreign = Object.entries(cursors).filter(([other]) => other !== list).map(([, other]) => other);
    const forged = [...flipped, ...foreign, cursor.slice(0, -1), cursor.slice(1), `${cursor}A`, `${cursor}=`, '', 'x', '1', '%00',
      Buffer.alloc(24).toString('base64url'), Buffer.alloc(16, 0xff).toString('base64url'), cursor.repeat(50)];
    for (const text of forged) {
      const answer = await rawRequest(shop, 'GET', `${list}?cursor=${text}`, { token: admin });
      assert.equal(answer.status, 400, `${list}?cursor=${text}: ${answer.text}`);
      assert.equal(answer.json.field, 'cursor');
    }
  }
});

const BELOW_7 = '(SELECT category_id FROM categories WHERE (category_id = 7 OR parent_id = 7) AND deleted_at IS NULL)';

test('the pages make up the list: newest first, no row repeated or missing (B13)', async () => {
  const ids = async (sql) => (await shop.sql(sql)).map(({ id }) => id);
  for (const [address, member, sql] of [
    ['/api/products?limit=499', 'product_id', 'SELECT product_id AS id FROM products WHERE status < 2'],
    ['/api/products?limit=500&status=0', 'product_id', 'SELECT product_id AS id FROM products WHERE status = 0'],
    ['/api/products?limit=250&category_id=6', 'product_id', 'SELECT product_id AS id FROM products WHERE status < 2 AND category_id = 6'],
    ['/api/products?limit=250&category_id=6&status=1', 'product_id', 'SELECT product_id AS id FROM products WHERE status = 1 AND category_id = 6'],
    ['/api/products?limit=70&category_id=7', 'product_id', `SELECT product_id AS id FROM products WHERE status < 2 AND category_id IN ${BELOW_7}`],
    ['/api/products?limit=70&category_id=7&status=1', 'product_id', `SELECT product_id AS id FROM products WHERE status = 1 AND category_id IN ${BELOW_7}`],
    ['/api/categories?limit=500', 'category_id', 'SELECT category_id AS id FROM categories WHERE deleted_at IS NULL'],
    ['/api/categories?limit=500&parent_id=0', 'category_id', 'SELECT category_id AS id FROM categories WHERE deleted_at IS NULL AND parent_id IS NULL'],
    ['/api/categories?limit=333&parent_id=7', 'category_id', 'SELECT category_id AS id FROM categories WHERE deleted_at IS NULL AND parent_id = 7'],
    ['/api/users?limit=500', 'user_id', 'SELECT user_id AS id FROM users WHERE deleted_at IS NULL'],
    ['/api/users?limit=251&permission_level=1', 'user_id', 'SELECT user_id AS id FROM users WHERE deleted_at IS NULL AND permission_level = 1'],
  ]) {
    const pages = await pagesOf(shop, address, admin);
    assert.ok(pages.length > 2, address);
    assert.ok(pages.every((page) => page.length > 0), 'there is no next page without rows');
    assert.deepEqual(pages.flat().map((row) => row[member]), await ids(`${sql} ORDER BY id DESC`), address);
  }
});

test('pages neither repeat nor skip a row while rows are added and deleted (B13)', async () => {
  const known = (await shop.sql('SELECT product_id AS id FROM products WHERE status < 2 ORDER BY id DESC')).map(({ id }) => id);
  const hidden = known.at(-1);
  const pages = await pagesOf(shop, '/api/products?limit=400', admin, async (n) => {
    await shop.ok('POST', '/api/products', { token: admin, body: { name: `新 ${n}`, price: 1 } });
    if (n === 1) await shop.call('DELETE', `/api/products/${hidden}`, { token: admin });
  });
  assert.deepEqual(pages.flat().map((row) => row.product_id), known.filter((id) => id !== hidden));
});

test('a full last page has no next one', async () => {
  const { category_id: id } = await shop.ok('POST', '/api/categories', { token: admin, body: { name: '满' } });
  for (const n of [1, 2, 3]) await shop.ok('POST', '/api/products', { token: admin, body: { name: `满 ${n}`, price: 1, category_id: id } });
  const full = await rawRequest(shop, 'GET', `/api/products?category_id=${id}&limit=3`);
  assert.equal(full.json.length, 3);
  assert.equal(full.headers.link, undefined);
  const part = await rawRequest(shop, 'GET', `/api/products?category_id=${id}&limit=2`);
  const rest = await rawRequest(shop, 'GET', nextOf(part));
  assert.equal(rest.json.length, 1);
  assert.equal(rest.headers.link, undefined);
  assert.deepEqual((await rawRequest(shop, 'GET', `/api/products?category_id=${id}&q=nichts`)).json, []);
});

test('the next page keeps every filter, re-encoded, at the requested path', async () => {
  const name = '桂 & 花=乌龙+茶#100% "x"';
  for (let i = 0; i < 3; i += 1) await shop.ok('POST', '/api/products', { token: admin, body: { name, price: 1 } });
  const query = `limit=2&q=${encodeURIComponent('桂 & 花=乌龙+茶#100% "')}&status=1&colour=gr%C3%BCn`;
  const first = await rawRequest(shop, 'GET', `/api/products/?cursor_of=x&${query}`, { token: admin });
  const next = nextOf(first);
  assert.match(next, /^\/api\/products\?[\x21-\x7e]+$/);
  assert.doesNotMatch(next, /["<>\s]/);
  const params = new URLSearchParams(next.split('?')[1]);
  const cursor = params.get('cursor');
  params.delete('cursor');
  assert.deepEqual([...params], [['cursor_of', 'x'], ['limit', '2'], ['q', '桂 & 花=乌龙+茶#100% "'], ['status', '1'], ['colour', 'grün']]);
  const second = await rawRequest(shop, 'GET', next, { token: admin });
  assert.equal(second.json.length, 1);
  assert.equal(second.json[0].name, name);
  assert.ok(!first.json.some((row) => row.product_id === second.json[0].product_id));
  const again = await rawRequest(shop, 'GET', `/api/products?${query}&cursor=${cursor}`, { token: admin });
  assert.deepEqual(again.json, second.json);
});

// ---- query plans ----

const VARIANTS = [
  ['/api/products', admin, 'p', 'PRIMARY', EIGHT],
  ['/api/products?status=1', admin, 'p', 'by_status', 1 + EIGHT],
  ['/api/products?category_id=6', admin, 'p', 'by_category', 1 + EIGHT + EIGHT],
  ['/api/products?category_id=6&status=1', admin, 'p', 'by_category_status', 1 + EIGHT + 1 + EIGHT],
  ['/api/products', undefined, 'p', 'by_status', 1 + EIGHT],
  ['/api/categories', undefined, 'categories', 'PRIMARY', EIGHT],
  ['/api/categories?parent_id=7', undefined, 'categories', 'by_parent', 1 + EIGHT + EIGHT],
  ['/api/categories?parent_id=0', undefined, 'categories', 'by_parent', 1 + EIGHT + EIGHT],
  ['/api/users', admin, 'u', 'PRIMARY', EIGHT],
  ['/api/users?permission_level=1', admin, 'u', 'by_level', 1 + EIGHT],
  ['/api/orders', admin, 'o', 'by_time', EIGHT],
  [`/api/orders?user_id=${userId}`, admin, 'o', 'by_user', EIGHT + EIGHT],
  ['/api/orders?status=5', admin, 'o', 'by_status', 1 + EIGHT],
  [`/api/orders?status=5&user_id=${userId}`, admin, 'o', 'by_user_status', EIGHT + 1 + EIGHT],
  ['/api/orders', anna.token, 'o', 'by_user', EIGHT + EIGHT],
  ['/api/orders?status=4', anna.token, 'o', 'by_user_status', EIGHT + 1 + EIGHT],
  [`/api/webhooks/${webhook}/deliveries`, admin, 'webhook_deliveries', 'by_webhook', EIGHT + EIGHT],
  [`/api/webhooks/${webhook}/deliveries?status=FAILED`, admin, 'webhook_deliveries', 'by_status', EIGHT + 1 + EIGHT],
  ['/api/v1/member-system/members', admin, 'm', 'PRIMARY', EIGHT],
  ['/api/v1/member-system/members?status=1', admin, 'm', 'by_status', 1 + EIGHT],
  ['/api/v1/member-system/members?level=1', admin, 'm', 'by_level', EIGHT + EIGHT],
  ['/api/v1/member-system/members?level=1&status=1', admin, 'm', 'by_level_status', EIGHT + 1 + EIGHT],
  [`/api/v1/member-system/members/${anna.user.member_id}/log`, admin, 'member_log', 'by_member', EIGHT + EIGHT],
];

test('every list reads its own index from the cursor on, at constant cost per page (B13, B60)', async () => {
  await withStatementLog(shop, async (statementFor) => {
    let limit = 101;
    for (const [address, token, table, key, bytes] of VARIANTS) {
      let cursor = '';
      const reads = [];
      for (const deep of [false, true]) {
        limit += 1;
        const answer = await rawRequest(shop, 'GET', withQuery(address, `limit=${limit}${cursor}`), { token });
        assert.equal((answer.json.data ?? answer.json).length, limit, `${address} ${answer.text.slice(0, 200)}`);
        const statement = await statementFor(limit);
        await assertWalks(shop, statement, { table, key, bytes }, `${address}${deep ? ' (deep)' : ''}`);
        reads.push(await rowsRead(shop, statement, table) - limit);
        cursor = `&cursor=${await deepCursor(shop, withQuery(address, 'limit=250'), token)}`;
      }
      const [first, deep] = reads;
      const hiddenShare = limit * 0.2; // deleted rows are skipped
      assert.ok(first <= 1 + hiddenShare, `${address}: page 1 read ${first} rows more than it shows`);
      assert.ok(deep <= 1 + hiddenShare, `${address}: a deep page read ${deep} rows more than it shows`);
    }
  });
});

// page and page_size are the contract's, so a late page costs the rows before it, but only in the index.
const MEMBERSHIPS = [
  ['', admin, 'PRIMARY', EIGHT], ['status=EXPIRED', admin, 'PRIMARY', EIGHT], ['status=CANCELLED', admin, 'by_status', 1], ['status=REFUNDING', admin, 'by_status', 1],
  [`user_id=${userId}`, admin, 'by_user', EIGHT], ['', anna.token, 'by_user', EIGHT], ['status=EXPIRED', anna.token, 'by_user', EIGHT],
  ['status=CANCELLED', anna.token, 'by_user_status', EIGHT + 1],
];

test('a page of membership orders is found in its index, in order, without reading the skipped rows (B13)', async () => {
  await withStatementLog(shop, async (statementFor) => {
    let size = 100;
    for (const [query, token, key, bytes] of MEMBERSHIPS) {
      size += 1;
      const answer = await rawRequest(shop, 'GET', `/api/membership/orders/list/?page=2&page_size=${size}&${query}`, { token });
      assert.equal(answer.json.data.length, query === 'status=REFUNDING' ? 0 : size, answer.text.slice(0, 200));
      const statement = await statementFor(size, `LIMIT ${size} OFFSET ${size}) q%`);
      const told = `${query} ${key}`;
      const plan = await planOf(shop, statement, 'p');
      assert.deepEqual([plan.key, Number(plan.key_len)], [key, bytes], `${told}: ${JSON.stringify(plan)}`);
      assert.doesNotMatch(plan.Extra, /filesort|temporary/, told);
      const read = await rowsRead(shop, statement, 'p');
      assert.ok(read <= 2 * size * (query.endsWith('EXPIRED') ? 2 : 1), `${told}: ${read} rows read for two pages of ${size}`);
    }
  });
});

// A point that is used and comes back, over and over; all rows of one member.
test('a page of the changes of points is found in its index, in order, without reading the skipped rows (B13)', async () => {
  const { member_id: member } = anna.user;
  await shop.sql(`
    INSERT INTO point_accounts VALUES (${member}, 1, 0, 0, 1, 0, 1700000000000);
    INSERT INTO point_lots (lot_id, member_id, unspent, held, expires_at, created_at) VALUES (1, ${member}, 1, 0, 4000000000000, 1700000000000);
    INSERT INTO member_counts (figure, subject, shard, n) VALUES (3, 0, 0, 1);
    INSERT INTO point_entries (entry_id, transaction_id, member_id, type, points, debt, balance_after, reference_type, reference_id, once, lot_id, of_entry_id, created_at)
      SELECT seq, CONCAT('PT_', seq), ${member}, IF(seq = 1, 1, IF(seq % 2 = 0, 2, 4)), IF(seq % 2 = 0, -1, 1), 0, seq % 2, 't', 'r', IF(seq = 1, 1, NULL), IF(seq = 1, 1, NULL),
        IF(seq > 1 AND seq % 2 = 1, seq - 1, NULL), 1700000000000 + seq FROM ${sequence(ROWS - 1)};
    INSERT INTO point_entry_lots SELECT entry_id, 1, 0, points FROM point_entries;
    ANALYZE TABLE point_entries`);
  await withStatementLog(shop, async (statementFor) => {
    let size = 100;
    for (const [query, key, bytes] of [['', 'by_time', EIGHT + EIGHT], ['type=use', 'by_type', EIGHT + 1 + EIGHT], ['start_date=2023-11-15', 'by_time', EIGHT + EIGHT]]) {
      size += 1;
      const { data } = (await rawRequest(shop, 'GET', `/api/v1/member-system/points/transactions?page=2&limit=${size}&${query}`, { token: anna.token })).json;
      assert.equal(data.transactions.length, size);
      assert.equal(data.pagination.total, query === 'type=use' ? ROWS / 2 - 1 : ROWS - 1);
      const statement = await statementFor(size, `LIMIT ${size} OFFSET ${size}) q%`);
      const plan = await planOf(shop, statement, 'p');
      assert.deepEqual([plan.key, Number(plan.key_len)], [key, bytes], `${query}: ${JSON.stringify(plan)}`);
      assert.doesNotMatch(plan.Extra, /filesort|temporary/, query);
      assert.ok(await rowsRead(shop, statement, 'p') <= 2 * size, query);
    }
  });
});
