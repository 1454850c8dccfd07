// SPDX-License-Identifier: MIT
// Products and categories: shapes, visibility, the tree, and races.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { DATE, assertRefused, openTrade, tally } from '../lib/trade.mjs';

const PRODUCT = ['product_id', 'category_id', 'name', 'description', 'price', 'stock', 'image_url', 'status', 'created_at', 'updated_at'];
const CATEGORY = ['category_id', 'name', 'description', 'parent_id', 'created_at', 'updated_at'];
const ROUNDS = 20;

const trade = await openTrade({ leaks: true });
const { shop } = trade;
const anna = await trade.buyer();

const asAdmin = (method, address, body) => shop.call(method, address, { token: trade.admin, body });
const product = (id, token) => shop.call('GET', `/api/products/${id}`, { token });
const products = (query, token) => shop.ok('GET', `/api/products?${new URLSearchParams(query)}`, { token });
const putProduct = (id, body) => asAdmin('PUT', `/api/products/${id}`, body);
const removeProduct = (id) => asAdmin('DELETE', `/api/products/${id}`);
const category = (id) => shop.call('GET', `/api/categories/${id}`);
const categories = (query) => shop.ok('GET', `/api/categories?${new URLSearchParams(query)}`);
const putCategory = (id, body) => asAdmin('PUT', `/api/categories/${id}`, body);
const removeCategory = (id) => asAdmin('DELETE', `/api/categories/${id}`);
const idsOf = (list) => list.map((one) => one.product_id ?? one.category_id);

let made = 0;
async function newCategory(fields = {}) {
  const { status, body } = await asAdmin('POST', '/api/categories', { name: `分类 ${made += 1}`, ...fields });
  assert.equal(status, 201, JSON.stringify(body));
  return body.category_id;
}

async function change(id, body) {
  const answer = await putProduct(id, body);
  assert.equal(answer.status, 200, JSON.stringify(answer.body));
  return answer.body;
}

// ---- products ----

test('a product is created, read, changed and deleted as in the contract', async () => {
  const folder = await newCategory({ name: '茶叶', description: '山里的' });
  const fields = {
    category_id: folder, name: '绿茶 🍵', description: '商品描述', price: 99.99, stock: 100, image_url: 'http://example.com/image.jpg', status: 1,
  };
  const created = await asAdmin('POST', '/api/products', fields);
  assert.equal(created.status, 201);
  assert.deepEqual(Object.keys(created.body), PRODUCT);
  const { product_id: id, created_at: born, updated_at: touched } = created.body;
  assert.deepEqual(created.body, { ...fields, product_id: id, created_at: born, updated_at: touched });
  assert.ok(Number.isSafeInteger(id) && id > 0);
  assert.match(born, DATE);
  assert.equal(touched, born);
  const whole = { ...created.body, category: { category_id: folder, name: '茶叶', description: '山里的' } };
  const read = await product(id);
  assert.deepEqual([read.status, read.body], [200, whole]);
  assert.deepEqual(Object.keys(read.body), [...PRODUCT, 'category']);
  assert.equal(read.headers.get('cache-control'), 'no-cache');
  assert.deepEqual((await products({ category_id: folder })), [whole]);
  const changed = await putProduct(id, { name: '新的商品名称', price: 89.99, stock: 150, product_id: 1, created_at: 'x', unknown: [] });
  assert.equal(changed.status, 200);
  assert.deepEqual(Object.keys(changed.body), PRODUCT);
  assert.deepEqual(changed.body, { ...created.body, name: '新的商品名称', price: 89.99, stock: 150, updated_at: changed.body.updated_at });
  assert.ok(changed.body.updated_at >= touched);
  const gone = await removeProduct(id);
  assert.deepEqual([gone.status, gone.body], [204, null]);
  for (const answer of [await product(id), await product(id, trade.admin), await putProduct(id, { name: 'x' }), await removeProduct(id)]) {
    assertRefused(answer, 404);
  }
  for (const token of [undefined, trade.admin]) assert.deepEqual(await products({ category_id: folder }, token), []);
});

test('omitted members get defaults, and null clears optional ones', async () => {
  const bare = (await asAdmin('POST', '/api/products', { name: '只有名字', price: '0' })).body;
  assert.deepEqual(bare, {
    ...bare, category_id: null, description: null, price: 0, stock: 0, image_url: null, status: 1,
  });
  assert.equal((await product(bare.product_id)).body.category, null);
  const folder = await newCategory();
  const full = await change(bare.product_id, { category_id: folder, description: '', image_url: '/img/1.jpg' });
  assert.deepEqual([full.category_id, full.description, full.image_url], [folder, '', '/img/1.jpg']);
  const cleared = await change(bare.product_id, { category_id: null, description: null, image_url: null });
  assert.deepEqual(cleared, { ...bare, updated_at: cleared.updated_at });
  assert.deepEqual(await change(bare.product_id, {}), { ...bare, updated_at: (await product(bare.product_id)).body.updated_at });
});

test('a price is a number of yuan with at most two decimals, exactly (B10)', async () => {
  for (const [sent, shown, fen] of [
    [19.99, 19.99, 1999], ['29.90', 29.9, 2990], [29.9, 29.9, 2990], [29, 29, 2900], ['0.01', 0.01, 1], [0.07, 0.07, 7], [1.1, 1.1, 110],
    ['9999999999.99', 9999999999.99, 999999999999],
  ]) {
    const { status, body } = await asAdmin('POST', '/api/products', { name: '价格', price: sent });
    assert.equal(status, 201, `${sent}: ${JSON.stringify(body)}`);
    assert.equal(body.price, shown);
    const [row] = await shop.sql(`SELECT price FROM products WHERE product_id = ${body.product_id}`);
    assert.equal(row.price, fen);
  }
  for (const text of ['29.905', '-1', '1e3', '"1e3"', '"NaN"', '12345678901', '" 1"', '"1 "', 'true', '""', '".5"', '"1."', '[]', 'null', '"+1"', '"１"', '0x10']) {
    const answer = await shop.call('POST', '/api/products', { token: trade.admin, raw: `{"name": "价格", "price": ${text}}` });
    assertRefused(answer, 400);
    if (text !== '0x10') assert.equal(answer.body.field, 'price', text);
  }
});

const BAD_PRODUCT = {
  name: ['', 'x'.repeat(101), null, 5],
  description: ['x'.repeat(5001), 5],
  stock: [-1, 1.5, '2', 1_000_000_000, null, true],
  image_url: ['', 'javascript:alert(1)', '//example.com/a.png', 'a.png', `https://${'x'.repeat(500)}`],
  status: [2, -1, '1', null, true],
  category_id: [0, -1, 1.5, '1', 2 ** 40],
};

test('an invalid field of a product is 400 and named, on creation and change (B12)', async () => {
  const id = await trade.product();
  const before = (await product(id)).body;
  for (const [field, values] of Object.entries(BAD_PRODUCT)) {
    for (const value of values) {
      const body = { name: '名', price: 1, stock: 7, [field]: value };
      for (const answer of [await asAdmin('POST', '/api/products', body), await putProduct(id, body)]) {
        assertRefused(answer, 400);
        assert.equal(answer.body.field, field, `${field} ${JSON.stringify(value)}`);
      }
    }
  }
  for (const [body, field] of [[{ price: 1 }, 'name'], [{ name: '名' }, 'price']]) {
    const answer = await asAdmin('POST', '/api/products', body);
    assertRefused(answer, 400);
    assert.equal(answer.body.field, field);
  }
  const long = await asAdmin('POST', '/api/products', { name: '🧧'.repeat(100), price: 1, description: '长'.repeat(5000) });
  assert.equal(long.status, 201);
  assert.deepEqual([[...long.body.name].length, long.body.description.length], [100, 5000]);
  assert.deepEqual((await product(id)).body, before);
});

test('products off sale are visible only to administrators', async () => {
  const folder = await newCategory();
  const [on, off, deleted] = await Promise.all([1, 0, 1].map((status) => trade.product({ category_id: folder, status })));
  await removeProduct(deleted);
  const shown = [...[on, off]].sort((a, b) => b - a);
  for (const token of [undefined, anna.token]) {
    for (const status of [undefined, '0', '1']) {
      const query = { category_id: folder, ...(status && { status }) };
      assert.deepEqual(idsOf(await products(query, token)), [on], `status=${status}`);
    }
    assertRefused(await product(off, token), 404);
    assert.equal((await product(on, token)).status, 200);
  }
  assert.deepEqual(idsOf(await products({ category_id: folder }, trade.admin)), shown);
  assert.deepEqual(idsOf(await products({ category_id: folder, status: 0 }, trade.admin)), [off]);
  assert.deepEqual(idsOf(await products({ category_id: folder, status: 1 }, trade.admin)), [on]);
  assert.equal((await product(off, trade.admin)).body.status, 0);
  await change(off, { status: 1 });
  await change(on, { status: 0 });
  assert.deepEqual(idsOf(await products({ category_id: folder })), [off]);
  for (const query of ['status=2', 'status=-1', 'status=x', 'category_id=0', 'category_id=x', 'category_id=-1', 'q=%ff']) {
    const answer = await shop.call('GET', `/api/products?${query}`, { token: trade.admin });
    assertRefused(answer, 400);
    assert.equal(answer.body.field, query.split('=')[0]);
  }
});

test('products are found by part of their name, taken literally, newest first', async () => {
  const folder = await newCategory();
  const make = (name, more) => trade.product({ name, ...more });
  const a = await make('寻物 100% 纯');
  const b = await make('寻物 100_纯', { category_id: folder });
  const c = await make('寻物 \\ ABC', { category_id: folder });
  for (const [query, wanted] of [
    [{ q: '寻物' }, [c, b, a]],
    [{ q: '100%' }, [a]],
    [{ q: '100_' }, [b]],
    [{ q: '\\' }, [c]],
    [{ q: 'abc' }, [c]],
    [{ q: '寻物', category_id: folder }, [c, b]],
    [{ q: '%' }, [a]],
    [{ q: "寻' OR '1'='1" }, []],
    [{ category_id: 2 ** 40 }, []],
  ]) {
    for (const token of [undefined, trade.admin]) {
      assert.deepEqual(idsOf(await products(query, token)), wanted, JSON.stringify(query));
    }
  }
  const first = await shop.call('GET', `/api/products?${new URLSearchParams({ q: '寻物', limit: 2 })}`);
  const [, next] = /^<(\/api\/products\?[^>]+)>; rel="next"$/.exec(first.headers.get('link'));
  assert.deepEqual([...idsOf(first.body), ...idsOf(await shop.ok('GET', next))], [c, b, a]);
});

test('the list of a category includes its subcategories', async () => {
  const top = await newCategory();
  const below = (parent) => newCategory({ parent_id: parent });
  const [left, right] = [await below(top), await below(top)];
  const deep = await below(left);
  const aside = await newCategory();
  const made = {};
  for (const [name, category_id, more] of [['top', top], ['deep', deep], ['aside', aside], ['left', left], ['off', right, { status: 0 }], ['right', right]]) {
    made[name] = await trade.product({ name: `层 ${name}`, category_id, ...more });
  }
  const found = async (query, token) => idsOf(await products(query, token)).map((id) => Object.keys(made).find((name) => made[name] === id));
  assert.deepEqual(await found({ category_id: top }), ['right', 'left', 'deep', 'top']);
  assert.deepEqual(await found({ category_id: top }, trade.admin), ['right', 'off', 'left', 'deep', 'top']);
  assert.deepEqual(await found({ category_id: top, status: 0 }, trade.admin), ['off']);
  assert.deepEqual(await found({ category_id: left }), ['left', 'deep']);
  assert.deepEqual(await found({ category_id: deep }), ['deep']);
  assert.deepEqual(await found({ category_id: top, q: 'ep' }), ['deep']);
  const first = await shop.call('GET', `/api/products?category_id=${top}&limit=3`);
  const [, next] = /^<(\/api\/products\?[^>]+)>; rel="next"$/.exec(first.headers.get('link'));
  assert.deepEqual([...idsOf(first.body), ...idsOf(await shop.ok('GET', next))], [made.right, made.left, made.deep, made.top]);
  for (let i = 0; i < 20; i++) await below(right); // more than one statement reads
  const last = await trade.product({ category_id: await below(right) });
  assert.deepEqual(idsOf(await products({ category_id: top })), [last, made.right, made.left, made.deep, made.top]);
  assert.equal((await putCategory(right, { parent_id: null })).status, 200);
  assert.deepEqual(await found({ category_id: top }), ['left', 'deep', 'top']);
});

test('each change of the stock is a separate move, and concurrent changes add up', async () => {
  const id = await trade.product({ stock: 10 });
  await change(id, { stock: 10 });
  await change(id, { stock: 3 });
  await change(id, { name: '改名' });
  await change(id, { stock: 25 });
  const deltas = async () => (await shop.sql(`SELECT delta FROM stock_moves WHERE product_id = ${id} ORDER BY move_id`)).map(({ delta }) => delta);
  assert.deepEqual(await deltas(), [10, -7, 22]);
  await Promise.all(Array.from({ length: 20 }, (_, i) => change(id, { stock: i * 7 })));
  const left = (await product(id)).body.stock;
  assert.equal((await deltas()).reduce((sum, delta) => sum + delta, 0), left);
  assert.equal(left % 7, 0);
});

test('concurrent changes of different fields are all kept', async () => {
  const id = await trade.product();
  await Promise.all([{ name: '并行' }, { price: '7.77' }, { description: '都在' }, { image_url: '/p.png' }, { stock: 77 }].map((body) => change(id, body)));
  const { body } = await product(id);
  assert.deepEqual([body.name, body.price, body.description, body.image_url, body.stock], ['并行', 7.77, '都在', '/p.png', 77]);
});

test('an invalid or unknown id is 404 (B8)', async () => {
  for (const family of ['products', 'categories']) {
    for (const id of ['0', '-1', '1.5', 'x', '99999999', '9223372036854775807', '9223372036854775808', '1e3', '+1']) {
      for (const [method, body] of [['GET'], ['PUT', { name: 'x' }], ['DELETE']]) {
        assertRefused(await asAdmin(method, `/api/${family}/${id}`, body), 404, 'NOT_FOUND');
      }
    }
  }
});

// ---- concurrent changes ----

const ifMatch = (id, tag, body) => shop.call('PUT', `/api/products/${id}`, { token: trade.admin, body, headers: { 'if-match': tag } });
const tagOf = async (id, token) => (await product(id, token)).headers.get('etag');

test('a stock changed on the basis of an outdated one: 412 with the old tag, and the sale is kept (B65)', async () => {
  const id = await trade.product({ stock: 5 });
  const seen = await tagOf(id);
  assert.equal(await tagOf(id, trade.admin), seen, 'staff and customers see the same');
  await trade.order(anna, [[id, 1]]);
  assertRefused(await ifMatch(id, seen, { stock: 7 }), 412, 'PRECONDITION_FAILED');
  assert.equal(await trade.stock(id), 4);
  assert.equal((await ifMatch(id, await tagOf(id), { stock: 6 })).status, 200);
  assert.equal(await trade.stock(id), 6);
});

test('of 20 concurrent changes with one tag exactly one is made (B65)', async () => {
  const id = await trade.product({ stock: 5 });
  const seen = await tagOf(id);
  const answers = await Promise.all(Array.from({ length: 20 }, (_, i) => ifMatch(id, seen, { stock: 100 + i })));
  assert.deepEqual(tally(answers.map(({ status }) => status)), { 200: 1, 412: 19 });
  assert.equal(await trade.stock(id), answers.find(({ status }) => status === 200).body.stock);
  const [{ moves }] = await shop.sql(`SELECT COUNT(*) AS moves FROM stock_moves WHERE product_id = ${id}`);
  assert.equal(moves, 2, 'making it, and the one change');
});

test('the name of a product\'s category is part of its tag (B65)', async () => {
  const folder = await newCategory({ name: '旧名' });
  const id = await trade.product({ category_id: folder });
  const seen = await tagOf(id);
  await putCategory(folder, { name: '新名' });
  assertRefused(await ifMatch(id, seen, { stock: 7 }), 412, 'PRECONDITION_FAILED');
});

test('stock_delta changes the stock relative to its current value, with a move; never below zero (B65)', async () => {
  const id = await trade.product({ stock: 5 });
  assert.equal((await change(id, { stock_delta: 7 })).stock, 12);
  assert.deepEqual(Object.keys(await change(id, { stock_delta: -2, name: '新名' })), PRODUCT);
  for (const [body, status, code] of [
    [{ stock_delta: 0 }, 400], [{ stock_delta: 1, stock: 3 }, 400], [{ stock_delta: 1.5 }, 400], [{ stock_delta: '1' }, 400], [{ stock_delta: null }, 400],
    [{ stock_delta: 2 ** 63 }, 400], [{ stock_delta: 999_999_999 }, 400], [{ stock_delta: -11 }, 409, 'INSUFFICIENT_STOCK'],
  ]) {
    const answer = await putProduct(id, body);
    assertRefused(answer, status, code);
    assert.equal(answer.body.field, 'stock_delta', JSON.stringify(body));
  }
  await Promise.all([...Array.from({ length: 10 }, () => putProduct(id, { stock_delta: 3 })), ...Array.from({ length: 5 }, () => trade.order(anna, [[id, 1]]))]);
  assert.equal(await trade.stock(id), 10 + 30 - 5);
  assert.equal((await change(id, { stock_delta: -35 })).stock, 0);
  const rows = await shop.sql(`SELECT delta FROM stock_moves WHERE product_id = ${id} AND order_id IS NULL ORDER BY move_id`);
  assert.deepEqual(rows.map(({ delta }) => delta), [5, 7, -2, ...Array(10).fill(3), -35]);
  assert.equal((await asAdmin('POST', '/api/products', { name: '新', price: 1, stock_delta: 5 })).body.stock, 0, 'nobody\'s, when a product is made');
});

test('a change of the stock whose response was lost is retried with its Idempotency-Key, and made once', async () => {
  const [id, other] = [await trade.product({ stock: 5 }), await trade.product({ stock: 5 })];
  const add = (key, body = { stock_delta: 3 }, product = id, more = {}) => shop.call('PUT', `/api/products/${product}`,
    { token: trade.admin, body, headers: { 'idempotency-key': key, ...more } });
  const seen = { 'if-match': await tagOf(id) }; // as at the first try, when it was made
  const answers = [await add('stock-1', undefined, id, seen), ...await Promise.all(Array.from({ length: 4 }, () => add('stock-1', undefined, id, seen)))];
  assert.deepEqual(answers.map(({ status, body, headers }) => [status, body.stock, headers.get('idempotent-replayed')]),
    [[200, 8, null], ...Array(4).fill([200, 8, 'true'])]);
  assert.deepEqual(Object.keys(answers[4].body), PRODUCT);
  for (const answer of [await add('stock-1', { stock_delta: 4 }), await add('stock-1', undefined, other)]) {
    assertRefused(answer, 409, 'IDEMPOTENCY_MISMATCH');
    assert.equal(answer.headers.get('idempotent-replayed'), null);
  }
  assertRefused(await add('stock-2', { stock_delta: -9 }), 409, 'INSUFFICIENT_STOCK'); // a failure is not stored
  await change(id, { stock_delta: 1 });
  assert.equal((await add('stock-2', { stock_delta: -9 })).body.stock, 0);
  assert.deepEqual([await trade.stock(id), await trade.stock(other)], [0, 5]);
});

// ---- categories ----

test('a category is created, read, changed and deleted as in the contract', async () => {
  const created = await asAdmin('POST', '/api/categories', { name: '分类名称', description: '分类描述', parent_id: null });
  assert.equal(created.status, 201);
  assert.deepEqual(Object.keys(created.body), CATEGORY);
  const { category_id: id, created_at: born } = created.body;
  assert.deepEqual(created.body, { category_id: id, name: '分类名称', description: '分类描述', parent_id: null, created_at: born, updated_at: born });
  assert.match(born, DATE);
  assert.deepEqual((await category(id)).body, created.body);
  assert.deepEqual((await categories({ limit: 1 })), [created.body]);
  const changed = await putCategory(id, { name: '新的分类名称', description: '新的分类描述', category_id: 1, unknown: 1 });
  assert.equal(changed.status, 200);
  assert.deepEqual(changed.body, { ...created.body, name: '新的分类名称', description: '新的分类描述', updated_at: changed.body.updated_at });
  assert.equal((await putCategory(id, { description: null })).body.description, null);
  const gone = await removeCategory(id);
  assert.deepEqual([gone.status, gone.body], [204, null]);
  for (const answer of [await category(id), await putCategory(id, { name: 'x' }), await removeCategory(id)]) assertRefused(answer, 404);
  assert.ok(!idsOf(await categories({ limit: 500 })).includes(id));
});

test('categories are filtered by parent and by part of their name', async () => {
  const root = await newCategory({ name: '寻根' });
  const [a, b] = [await newCategory({ name: '寻根 甲', parent_id: root }), await newCategory({ name: '寻根 乙_', parent_id: root })];
  assert.deepEqual(idsOf(await categories({ parent_id: root })), [b, a]);
  assert.deepEqual(idsOf(await categories({ parent_id: a })), []);
  assert.deepEqual(idsOf(await categories({ q: '寻根' })), [b, a, root]);
  assert.deepEqual(idsOf(await categories({ q: '乙_' })), [b]);
  assert.deepEqual(idsOf(await categories({ q: '寻根', parent_id: 0 })), [root]);
  const roots = await categories({ parent_id: 0, limit: 500 });
  assert.ok(roots.every((one) => one.parent_id === null) && idsOf(roots).includes(root));
  for (const query of ['parent_id=-1', 'parent_id=x', `q=${'x'.repeat(101)}`]) {
    assertRefused(await shop.call('GET', `/api/categories?${query}`), 400);
  }
});

test('an invalid field of a category is 400 and named (B12)', async () => {
  const id = await newCategory();
  for (const [field, values] of Object.entries({
    name: ['', 'x'.repeat(101), null, 5], description: ['x'.repeat(5001), 5], parent_id: [0, -1, '1', 1.5, 2 ** 40],
  })) {
    for (const value of values) {
      const body = { name: '名', [field]: value };
      for (const answer of [await asAdmin('POST', '/api/categories', body), await putCategory(id, body)]) {
        assertRefused(answer, 400);
        assert.equal(answer.body.field, field, `${field} ${JSON.stringify(value)}`);
      }
    }
  }
});

test('a deleted category can\'t be a parent or contain products', async () => {
  const gone = await newCategory();
  const kept = await newCategory();
  const tea = await trade.product();
  await removeCategory(gone);
  for (const [answer, field] of [
    [await asAdmin('POST', '/api/categories', { name: '名', parent_id: gone }), 'parent_id'],
    [await putCategory(kept, { parent_id: gone }), 'parent_id'],
    [await asAdmin('POST', '/api/products', { name: '名', price: 1, category_id: gone }), 'category_id'],
    [await putProduct(tea, { category_id: gone }), 'category_id'],
  ]) {
    assertRefused(answer, 400);
    assert.equal(answer.body.field, field);
  }
});

test('a category with live products or children cannot be deleted (B19)', async () => {
  const folder = await newCategory();
  const child = await newCategory({ parent_id: folder });
  assertRefused(await removeCategory(folder), 409, 'CATEGORY_IN_USE');
  assert.equal((await removeCategory(child)).status, 204);
  for (const status of [1, 0]) {
    const id = await trade.product({ category_id: folder, status });
    assertRefused(await removeCategory(folder), 409, 'CATEGORY_IN_USE');
    await removeProduct(id);
  }
  const elsewhere = await trade.product({ category_id: folder });
  await change(elsewhere, { category_id: null });
  assert.equal((await removeCategory(folder)).status, 204);
});

test('a category cannot become its own ancestor, at any depth (B19)', async () => {
  const chain = [await newCategory()];
  for (let depth = 1; depth < 30; depth++) chain.push(await newCategory({ parent_id: chain.at(-1) }));
  for (const below of [0, 1, 2, 15, 29]) {
    const answer = await putCategory(chain[0], { parent_id: chain[below], name: '不可保留' });
    assertRefused(answer, 409, 'CATEGORY_CYCLE');
  }
  assertRefused(await putCategory(chain[10], { parent_id: chain[20] }), 409, 'CATEGORY_CYCLE');
  const { body } = await category(chain[0]);
  assert.equal(body.parent_id, null);
  assert.notEqual(body.name, '不可保留');
  assert.equal((await putCategory(chain[20], { parent_id: null })).status, 200);
  assert.equal((await putCategory(chain[0], { parent_id: chain[29] })).status, 200, 'after the move it is below no more');
  assertRefused(await putCategory(chain[25], { parent_id: chain[5] }), 409, 'CATEGORY_CYCLE');
});

// The categories from which no root is reached.
async function circles() {
  const rows = await shop.sql('SELECT category_id AS id, parent_id AS parent FROM categories');
  const parents = new Map(rows.map(({ id, parent }) => [id, parent]));
  return rows.filter(({ id }) => {
    let at = id;
    for (let steps = 0; at !== null && steps <= rows.length; steps++) at = parents.get(at);
    return at !== null;
  });
}

test('moves that together create a cycle: one of them is refused (B19)', async () => {
  for (let round = 0; round < ROUNDS; round++) {
    const [a, b, c] = await Promise.all([newCategory(), newCategory(), newCategory()]);
    const two = await Promise.all([putCategory(a, { parent_id: b }), putCategory(b, { parent_id: a })]);
    assert.deepEqual(tally(two.map(({ status }) => status)), { 200: 1, 409: 1 });
    await Promise.all([putCategory(a, { parent_id: null }), putCategory(b, { parent_id: null })]);
    const three = await Promise.all([[a, b], [b, c], [c, a]].map(([id, parent]) => putCategory(id, { parent_id: parent })));
    assert.deepEqual(tally(three.map(({ status }) => status)), { 200: 2, 409: 1 });
  }
  assert.deepEqual(await circles(), []);
});

// Additions to a category during its deletion: [how, request, status when first].
const ARRIVALS = [
  ['a product made', (folder) => asAdmin('POST', '/api/products', { name: '赶上', price: 1, category_id: folder }), 201],
  ['a product moved', (folder, tea) => putProduct(tea, { category_id: folder }), 200],
  ['a child made', (folder) => asAdmin('POST', '/api/categories', { name: '赶上', parent_id: folder }), 201],
  ['a child moved', (folder, tea, other) => putCategory(other, { parent_id: folder }), 200],
];

test('an addition to a category during its deletion: one of the two is refused (B19)', async () => {
  for (const [how, arrive, done] of ARRIVALS) {
    for (let round = 0; round < ROUNDS; round++) {
      const [folder, tea, other] = await Promise.all([newCategory(), trade.product(), newCategory()]);
      const requests = [() => arrive(folder, tea, other), () => removeCategory(folder)];
      const order = round % 2 ? requests : [...requests].reverse();
      const answers = await Promise.all(order.map((send) => send()));
      const [arrived, removed] = round % 2 ? answers : [...answers].reverse();
      const pair = `${arrived.status} ${removed.status}`;
      assert.ok([`${done} 409`, '400 204'].includes(pair), `${how}: ${pair} ${JSON.stringify(arrived.body)}`);
    }
  }
  const [{ lost }] = await shop.sql(`SELECT (SELECT COUNT(*) FROM products p JOIN categories k ON k.category_id = p.category_id
      WHERE p.status IN (0, 1) AND k.deleted_at IS NOT NULL)
    + (SELECT COUNT(*) FROM categories c JOIN categories k ON k.category_id = c.parent_id
      WHERE c.deleted_at IS NULL AND k.deleted_at IS NOT NULL) AS lost`);
  assert.equal(lost, 0);
});

test('of concurrent deletions of one product or category one succeeds', async () => {
  const [tea, folder] = await Promise.all([trade.product(), newCategory()]);
  for (const [remove, id] of [[removeProduct, tea], [removeCategory, folder]]) {
    const answers = await Promise.all(Array.from({ length: 8 }, () => remove(id)));
    assert.deepEqual(tally(answers.map(({ status }) => status)), { 204: 1, 404: 7 });
  }
});
