// SPDX-License-Identifier: MIT
// Request bodies: unambiguous JSON of bounded size and type, with every fault named by its field.

import test from 'node:test';
import assert from 'node:assert/strict';
import { openShop } from '../lib/harness.mjs';
import { rawRequest } from '../lib/raw-request.mjs';

const KIB = 1024;
const BODY_MAX = 64 * KIB;
const PROVIDER_BODY_MAX = 256 * KIB;

const shop = await openShop();
const admin = await shop.admin();
const anna = await shop.login('anna');
const root = (await shop.ok('POST', '/api/categories', { token: admin, body: { name: '根' } })).category_id;
const tea = await shop.ok('POST', '/api/products', { token: admin, body: { name: '茶', price: '29.90', stock: 5 } });

const post = (body, more) => rawRequest(shop, 'POST', '/api/products', { token: admin, body, ...more });
const put = (body) => rawRequest(shop, 'PUT', `/api/products/${tea.product_id}`, { token: admin, body });
const productCount = async () => (await shop.sql('SELECT COUNT(*) AS n FROM products'))[0].n;

function refused(answer, field, words) {
  assert.equal(answer.status, 400, `${words}: ${answer.text}`);
  assert.equal(answer.json.field, field, `${words}: ${answer.text}`);
  if (field !== undefined) assert.ok(answer.json.message.includes(field), answer.text);
}

// ---- money (B10) ----

const GOOD_PRICES = [
  ['29.90', 29.9], [29.9, 29.9], [29, 29], ['29', 29], [0, 0], ['0', 0], ['0.00', 0], ['0.01', 0.01], ['19.99', 19.99], ['007.5', 7.5],
  ['9999999999.99', 9999999999.99], ['1.5', 1.5],
];
const GOOD_PRICE_SOURCES = [['29.90', 29.9], ['0.1', 0.1], ['0.10', 0.1], ['19.99', 19.99], ['1.10', 1.1], ['4.35', 4.35], ['9999999999.99', 9999999999.99]];
const BAD_PRICE_SOURCES = [
  '29.905', '-1', '-0.0', '-0.01', '1e3', '1E3', '1e-1', '2.5e1', '10000000000', '10000000000.00', '12345678901', '0.001', '1e400', '-1e400',
  '9007199254740993.5', '99999999999999999999999999', '"29.905"', '"-1"', '"+1"', '"1e3"', '" 1"', '"1 "', '"1."', '".5"', '""', '"NaN"', '"Infinity"',
  '"1,5"', '"１"', '"0x10"', '"10000000000"', '"1.2.3"', '"1\\n"', 'true', 'false', 'null', '{}', '[]', '[1]',
];

test('an amount is taken from its source text, as a number or a string (B10)', async () => {
  for (const [price, expected] of GOOD_PRICES) {
    const answer = await put(JSON.stringify({ price }));
    assert.equal(answer.status, 200, `${price}: ${answer.text}`);
    assert.equal(answer.json.price, expected);
  }
  for (const [source, expected] of GOOD_PRICE_SOURCES) {
    const answer = await put(`{"price":${source}}`);
    assert.equal(answer.json.price, expected, source);
    const [{ price }] = await shop.sql(`SELECT price FROM products WHERE product_id = ${tea.product_id}`);
    const [yuan, cents = ''] = source.split('.');
    assert.equal(price, Number(yuan) * 100 + Number(cents.padEnd(2, '0')), source);
  }
});

test('anything but a plain amount is 400 and names its field (B10)', async () => {
  await put('{"price":"12.34"}');
  for (const source of BAD_PRICE_SOURCES) {
    refused(await put(`{"price":${source}}`), 'price', source);
    refused(await post(`{"name":"x","price":${source}}`), 'price', source);
  }
  assert.equal((await shop.ok('GET', `/api/products/${tea.product_id}`)).price, 12.34);
  assert.equal(await productCount(), 1);
});

// ---- JSON (B12) ----

const NESTED = (depth) => `${'{"a":'.repeat(depth - 1)}{}${'}'.repeat(depth - 1)}`;
const NOT_JSON = {
  'nothing': '',
  'white space': ' \n',
  'a text': 'hello',
  'half an object': '{"name":"x","price":1',
  'a missing value': '{"name":}',
  'a missing colon': '{"name" "x"}',
  'a trailing comma': '{"name":"x","price":1,}',
  'a comma in front': '{,"name":"x","price":1}',
  'trailing bytes': '{"name":"x","price":1}x',
  'two objects': '{"name":"x","price":1}{}',
  'an array': '[{"name":"x","price":1}]',
  'a string': '"x"',
  'a number': '1',
  'null': 'null',
  'single quotes': "{'name':'x','price':1}",
  'no quotes': '{name:"x","price":1}',
  'a line comment': '{"name":"x",// c\n"price":1}',
  'a block comment': '{"name":"x",/* c */"price":1}',
  'NaN': '{"name":"x","price":1,"stock":NaN}',
  'Infinity': '{"name":"x","price":1,"stock":Infinity}',
  '-Infinity': '{"name":"x","price":1,"stock":-Infinity}',
  'undefined': '{"name":"x","price":1,"stock":undefined}',
  'TRUE': '{"name":"x","price":1,"more":TRUE}',
  'a leading zero': '{"name":"x","price":01}',
  'a plus': '{"name":"x","price":+1}',
  'a bare point': '{"name":"x","price":1.}',
  'a point in front': '{"name":"x","price":.5}',
  'hexadecimal': '{"name":"x","price":0x10}',
  'half an exponent': '{"name":"x","price":1,"more":1e}',
  'a duplicate key': '{"name":"x","price":1,"name":"y"}',
  'a duplicate key, once escaped': '{"name":"x","price":1,"\\u006eame":"y"}',
  'a duplicate of an unknown key': '{"name":"x","price":1,"a":1,"a":2}',
  'a duplicate key far down': '{"name":"x","price":1,"a":[{"b":{"c":1,"c":2}}]}',
  'a line break in a text': '{"name":"a\nb","price":1}',
  'a tab in a text': '{"name":"a\tb","price":1}',
  'a control character in a text': '{"name":"a\x01b","price":1}',
  'an unknown escape': '{"name":"\\x41","price":1}',
  'half an escape': '{"name":"\\u00","price":1}',
  'an escaped NUL': '{"name":"a\\u0000b","price":1}',
  'an escaped NUL in a key': '{"name":"x","price":1,"a\\u0000":1}',
  'a raw NUL': '{"name":"a\x00b","price":1}',
  'a NUL behind it': '{"name":"x","price":1}\x00',
  'a lone high surrogate': '{"name":"\\ud83d","price":1}',
  'a lone low surrogate': '{"name":"\\ude00","price":1}',
  'surrogates the wrong way round': '{"name":"\\ude00\\ud83d","price":1}',
  'a high surrogate and a letter': '{"name":"\\ud83dx","price":1}',
  'two byte order marks': '\ufeff\ufeff{"name":"x","price":1}',
  'a byte order mark inside': '{\ufeff"name":"x","price":1}',
  'a no-break space': '\u00a0{"name":"x","price":1}',
  'a vertical tab': '\v{"name":"x","price":1}',
  'objects 17 deep': `{"name":"x","price":1,"a":${NESTED(16)}}`,
  'arrays 17 deep': `{"name":"x","price":1,"a":${'['.repeat(16)}${']'.repeat(16)}}`,
  'arrays 30,000 deep': `{"name":"x","price":1,"a":${'['.repeat(30_000)}${']'.repeat(30_000)}}`,
  'a broken literal': '{"name":"x","price":1,"a":nul}',
};
const NOT_UTF8 = {
  'an overlong slash': [0xc0, 0xaf],
  'an overlong NUL': [0xc0, 0x80],
  'a surrogate': [0xed, 0xa0, 0xbd],
  'beyond U+10FFFF': [0xf4, 0x90, 0x80, 0x80],
  'a stray continuation': [0x80],
  'a cut sequence': [0xe8, 0x8c],
  'Latin-1': [0xe9],
  '0xFF': [0xff],
  'GBK': [0xb2, 0xe8],
};

test('a body that is not exactly one JSON object is 400, without effect (B12)', async () => {
  const before = await productCount();
  for (const [words, body] of Object.entries(NOT_JSON)) {
    const answer = await post(body);
    assert.equal(answer.status, 400, `${words}: ${answer.text}`);
    assert.match(answer.json.code, /^(MALFORMED|INVALID)_REQUEST$/, words);
  }
  for (const [words, bytes] of Object.entries(NOT_UTF8)) {
    for (const [before1, after] of [['{"name":"', '","price":1}'], ['{"name":"x","price":1,"', '":1}']]) {
      const answer = await post(Buffer.concat([Buffer.from(before1), Buffer.from(bytes), Buffer.from(after)]));
      assert.equal(answer.status, 400, `${words}: ${answer.text}`);
      assert.equal(answer.json.code, 'MALFORMED_REQUEST', words);
    }
  }
  assert.equal(await productCount(), before);
});

test('ambiguous JSON is refused with its path (B12)', async () => {
  refused(await post('{"name":"x","price":1,"name":"y"}'), 'name', 'a duplicate');
  refused(await post('{"name":"x","price":1,"\\u006eame":"y"}'), 'name', 'an escaped duplicate');
  refused(await post('{"name":"x","price":1,"a":[1,{"b":{"c":1,"c":2}}]}'), 'a[1].b.c', 'a deep duplicate');
  refused(await post('{"name":"a\\u0000b","price":1}'), 'name', 'a NUL');
  refused(await post('{"name":"x","description":"\\ud83d","price":1}'), 'description', 'a lone surrogate');
  refused(await rawRequest(shop, 'POST', '/api/orders', { token: anna.token, body: '{"items":[{"product_id":1,"quantity":1},{"product_id":1,"quantity":1,"quantity":2}]}' }),
    'items[1].quantity', 'a duplicate in a line');
});

test('everything that RFC 8259 allows is accepted: 16 levels, white space, escapes, many members (B12)', async () => {
  for (const body of [
    `{"name":"x","price":1,"a":${NESTED(15)}}`,
    `{"name":"x","price":1,"a":${'['.repeat(15)}${']'.repeat(15)}}`,
    ' \t\r\n{ "name" : "x" , "price" : 1 } \t\r\n',
    '{"\\u006eame":"x","pr\\u0069ce":1}',
    '\ufeff{"name":"x","price":1}', // a byte order mark is skipped
    `{"name":"x","price":1,${Array.from({ length: 200 }, (_, i) => `"m${i}":${i}`).join(',')}}`,
    '{"name":"x","price":1,"more":-0.5E+10,"many":1e400,"long":123456789012345678901234567890}',
  ]) {
    const answer = await post(body);
    assert.equal(answer.status, 201, `${body.slice(0, 80)}: ${answer.text}`);
    assert.equal(answer.json.name, 'x');
    assert.equal(answer.json.price, 1);
  }
});

test('texts are returned as sent: emoji, quotes, line breaks, rare characters (B12)', async () => {
  const texts = ['😀👨‍👩‍👧‍👦🇨🇳', '桂花乌龙「特级」', '"\\/', "Robert'); DROP TABLE products;--", '<script>alert(1)</script>', '%41 100% _x_',
    '\ud7fb\ue000\ufffd', '\u{10fffd}\u{10000}', 'ﷺ e\u0301 é', 'a\ufeffb'];
  for (const text of texts) {
    const made = await shop.ok('POST', '/api/products', { token: admin, body: { name: text, description: `${text}\r\n\t\n`, price: 1 } });
    assert.equal(made.name, text);
    const read = await shop.ok('GET', `/api/products/${made.product_id}`);
    assert.equal(read.name, text);
    assert.equal(read.description, `${text}\r\n\t\n`);
    assert.ok((await shop.ok('GET', `/api/products?q=${encodeURIComponent(text)}`)).some((row) => row.product_id === made.product_id), text);
  }
  const escaped = await post('{"name":"\\ud83d\\ude00 \\u8336\\/\\"","price":1}');
  assert.equal(escaped.json.name, '😀 茶/"');
});

test('unknown members of a body and unknown query parameters are ignored', async () => {
  const answer = await post('{"name":"x","price":1,"product_id":77,"created_at":"2000-01-01T00:00:00.000Z","constructor":{},"__proto__":[],"":0}');
  assert.equal(answer.status, 201, answer.text);
  assert.notEqual(answer.json.product_id, 77);
  assert.ok(Date.parse(answer.json.created_at) > Date.parse('2020-01-01'));
  for (const query of ['x=1', 'x', '&&', '=', '=1', '%7A=1', 'limit=5&x=%FF', `x=${'y'.repeat(3000)}`]) {
    assert.equal((await rawRequest(shop, 'GET', `/api/products?${query}`)).status, 200, query);
  }
});

test('the name of a parameter is decoded like its value; one that only resembles a known one is 400 and named (B65)', async () => {
  const { user: { user_id: bert }, token } = await shop.login('bert');
  for (const who of [anna.token, token]) {
    await shop.ok('POST', '/api/orders', { token: who, body: { items: [{ product_id: tea.product_id, quantity: 1 }] } });
  }
  const orders = (query) => rawRequest(shop, 'GET', `/api/orders?limit=20&${query}`, { token: admin });
  for (const name of ['user_id', 'user%5Fid', '%75ser_id', '%75%73%65%72%5f%69%64']) {
    assert.deepEqual((await orders(`${name}=${bert}`)).json.map(({ user_id: id }) => id), [bert], name);
  }
  for (const query of ['userId=1', 'user_id[]=1', 'user%5Fid%5B%5D=1', 'USER_ID=1', '+user_id=1', 'user_id+=1', 'user_id%20=1', 'user_id_=1', 'user-id=1',
    'user.id=1', `user_id=${bert}&user_id=${bert}`, `user_id=${bert}&user%5Fid=1`, `user_id=&user_id=${bert}`, `user_id=${bert}&userId=1`]) {
    refused(await orders(query), 'user_id', query);
  }
  for (const [query, field] of [['%zz=1', 'query'], ['status%=1', 'query'], ['%FF=1', 'query'], ['a%00=1', 'query'], ['page=2', 'page'], ['page=1', 'page'], ['Page=2', 'page'],
    ['page_size=5', 'page_size'], ['pageSize=5', 'page_size'], ['offset=20', 'offset'], ['q=x', 'q'], ['category_id=1', 'category_id'], ['Limit=5', 'limit'],
    ['Cursor=x', 'cursor'], ['limit=5', 'limit']]) {
    refused(await orders(query), field, query);
  }
  for (const query of ['x=1', 'sort=name', '_=1700000000', 'utm_source=x', 'x[]=1&x[]=2', 'user=1', 'id=1', 'statuses=1', 'x=%FF']) {
    assert.equal((await orders(query)).json.length, 2, `${query} is nobody's`);
  }
  for (const [address, field] of [['/api/products?user_id=1', 'user_id'], ['/api/users?status=1', 'status'], ['/api/membership/cards?q=1', 'q'],
    ['/api/payment/refunds?created_from=2026-01-01', 'created_from'], ['/api/categories?page=2', 'page'], ['/api/membership/orders/list?order_no=1', 'order_no'],
    ['/api/membership/plans?cursor=x', 'cursor'], ['/membership/status?memberId=1', 'member_id']]) {
    refused(await rawRequest(shop, 'GET', address, { token: admin }), field, address);
  }
});

// ---- fields (B12) ----

const LONG = (n) => '长'.repeat(n);
const BAD_FIELDS = [
  ['POST', '/api/products', { name: 'x', price: 1 }, {
    name: [undefined, null, 1, true, [], {}, '', ' ', '\t\n', LONG(101)],
    price: [undefined],
    description: [1, false, [], LONG(5001)],
    stock: [null, -1, 1.5, '2', true, 1e9, 2 ** 31, [], {}],
    image_url: ['', 1, 'ftp://x', 'javascript:alert(1)', '//evil.example.com/x', 'x.jpg', `https://${'x'.repeat(500)}`],
    status: [null, -1, 2, 3, 0.5, '1', true],
    category_id: [0, -1, 1.5, '1', true, 2 ** 53, 999999999],
  }],
  ['PUT', `/api/products/${tea.product_id}`, {}, { name: [null, '', 5], price: [null, ''], stock: [null, -1], status: [2], category_id: [0, 999999999] }],
  ['POST', '/api/categories', { name: 'x' }, {
    name: [undefined, null, 1, '', ' ', '\u200b', '\u3164', '\u2060\u2060', '\u2800', 'a\u2066', 'a\nb', LONG(101)], description: [1, 'a\u0001', 'a\u202e', LONG(5001)], parent_id: [0, -1, '1', 1.5, true, 999999999],
  }],
  ['PUT', `/api/categories/${root}`, {}, { name: [null, ''], parent_id: [0, '1', 999999999] }],
  ['PUT', `/api/users/${anna.user.user_id}`, {}, {
    nickname: [null, '', ' ', 5, LONG(101)],
    email: ['', 'x', '@x.cn', 'a@', 'a@b@c.cn', 'a b@c.cn', 'a@c', 'a@.cn', 'a@c.', '茶@c.cn', 1, `${'a'.repeat(250)}@c.cn`],
    phone: ['', '1234', 'abcdef', '+', '1-2-3-4-5', '１２３４５６', 13800138000, '1'.repeat(16)],
    password: [null, '', 'short', '1234567', 12345678, 'x'.repeat(1025)],
    permission_level: [null, -1, 2, '1', true, 0.5],
  }],
  ['PUT', '/api/auth/me', {}, {
    nickname: [null, ''], avatar_url: ['', 'ftp://x', 'data:image/png;base64,x', `https://${'x'.repeat(500)}`], gender: [-1, 3, '1', true, 1.5],
    old_password: ['', 1, null],
  }],
  ['POST', '/api/auth/login', { account: 'a@b.cn', password: 'x' }, { account: [undefined, null, 1, '', 'x'.repeat(255)], password: [undefined, null, 1, '', [], 'x'.repeat(1025)] }],
  ['POST', '/api/auth/refresh', { refresh_token: 'x' }, { refresh_token: [undefined, null, 1, '', 'x'.repeat(257)] }],
  ['POST', '/api/auth/logout', {}, { all: [null, 1, 'true', 'yes', []] }],
  ['POST', '/weixin-login', { code: 'x' }, { code: [undefined, null, 1, '', ' ', {}, 'x'.repeat(257)] }],
  ['POST', '/api/orders', { items: [{ product_id: tea.product_id, quantity: 1 }] }, {
    items: [undefined, null, 1, 'x', {}, [], Array(101).fill({ product_id: 1, quantity: 1 })], payment_method: ['', 1, LONG(51)],
  }],
  ['POST', '/api/payment/wxpay', { order_id: 'x' }, { order_id: [undefined, null, 1, '', [], {}] }],
];

test('a wrong type, a missing field and an out-of-range value are 400 and name the field (B12)', async () => {
  const before = await shop.sql('SELECT COUNT(*) AS n FROM orders');
  const anonymous = ['/api/auth/login', '/api/auth/refresh', '/weixin-login'];
  for (const [method, address, good, fields] of BAD_FIELDS) {
    const token = anonymous.includes(address) ? undefined : address.startsWith('/api/auth') || address.startsWith('/api/orders') ? anna.token : admin;
    for (const [field, values] of Object.entries(fields)) {
      for (const value of values) {
        const answer = await rawRequest(shop, method, address, { token, body: JSON.stringify({ ...good, [field]: value }) });
        refused(answer, field, `${method} ${address} ${field}=${JSON.stringify(value)?.slice(0, 60)}`);
      }
    }
  }
  assert.deepEqual(await shop.sql('SELECT COUNT(*) AS n FROM orders'), before);
});

test('quantities and elements of a list are named by their index (B11, B12)', async () => {
  const line = { product_id: tea.product_id, quantity: 1 };
  for (const [items, field] of [
    [[line, 5], 'items[1]'], [[null], 'items[0]'], [[line, []], 'items[1]'], [[{}], 'items[0].product_id'], [[{ product_id: 1 }], 'items[0].quantity'],
    ...[0, -1, 1.5, '2', 2 ** 31, 2 ** 63, 10_000, null, true, 1e300].map((quantity) => [[line, { ...line, quantity }], 'items[1].quantity']),
    ...[0, -1, '1', 1.5, 2 ** 63, null].map((id) => [[{ ...line, product_id: id }], 'items[0].product_id']),
  ]) {
    const answer = await rawRequest(shop, 'POST', '/api/orders', { token: anna.token, body: JSON.stringify({ items }) });
    refused(answer, field, JSON.stringify(items));
  }
});

test('limits count characters, not bytes, and are inclusive (B12)', async () => {
  const made = await post(JSON.stringify({ name: '😀'.repeat(100), description: LONG(5000), price: '9999999999.99', stock: 999_999_999, image_url: `https://a.cn/${'x'.repeat(487)}` }));
  assert.equal(made.status, 201, made.text);
  assert.equal([...made.json.name].length, 100);
  assert.equal([...made.json.description].length, 5000);
  assert.equal(made.json.stock, 999_999_999);
  const read = await shop.ok('GET', `/api/products/${made.json.product_id}`);
  assert.equal(read.description, LONG(5000));
  for (const image of ['/images/a.jpg', 'http://example.com/a.jpg', null]) {
    assert.equal((await post(JSON.stringify({ name: 'x', price: 1, image_url: image, description: null, category_id: null }))).status, 201);
  }
});

// ---- sizes and types ----

const padded = (size) => `{"name":"x","price":1,"pad":"${'p'.repeat(size - 31)}"}`;

test('a body of 64 KiB is read and one byte more is 413, with a length or in chunks (B12)', async () => {
  assert.equal(Buffer.byteLength(padded(BODY_MAX)), BODY_MAX);
  for (const [size, status] of [[BODY_MAX - 1, 201], [BODY_MAX, 201], [BODY_MAX + 1, 413], [BODY_MAX * 2, 413], [PROVIDER_BODY_MAX + 1, 413]]) {
    const whole = await post(padded(size));
    const pieces = await rawRequest(shop, 'POST', '/api/products', { token: admin, chunks: padded(size).match(/[^]{1,5000}/g) });
    for (const answer of [whole, pieces]) {
      assert.equal(answer.status, status, `${size} bytes: ${answer.text}`);
      if (status === 413) assert.equal(answer.json.code, 'BODY_TOO_LARGE');
    }
  }
  assert.equal((await rawRequest(shop, 'GET', '/api/products')).status, 200);
});

test('401 and 403 take precedence over 413', async () => {
  assert.equal((await rawRequest(shop, 'POST', '/api/products', { body: padded(BODY_MAX + 1) })).status, 401);
  assert.equal((await rawRequest(shop, 'POST', '/api/products', { token: anna.token, body: padded(BODY_MAX + 1) })).status, 403);
  assert.equal((await rawRequest(shop, 'POST', '/weixin-login', { body: padded(BODY_MAX + 1) })).status, 413);
});

test('a provider may send 256 KiB of any type, and one byte more is 413 (B12)', async () => {
  const notify = (body, headers) => rawRequest(shop, 'POST', '/api/payment/wxpay/notify', { body, headers });
  for (const [size, status] of [[PROVIDER_BODY_MAX, 401], [PROVIDER_BODY_MAX + 1, 413]]) {
    for (const headers of [{}, { 'content-type': 'text/plain' }, { 'content-type': null }]) {
      const answer = await notify('x'.repeat(size), headers);
      assert.equal(answer.status, status, answer.text);
      assert.equal(answer.json.code, 'FAIL');
    }
  }
});

test('a content type other than JSON is 415, JSON with parameters is accepted (B12)', async () => {
  const body = '{"name":"x","price":1}';
  for (const type of ['text/plain', 'text/json', 'application/x-www-form-urlencoded', 'multipart/form-data; boundary=x', 'application/jsonx', 'application/json-patch+json',
    'application/xml', 'json', '*/*', 'x application/json', null]) {
    const answer = await post(body, { headers: { 'content-type': type } });
    assert.equal(answer.status, 415, `${type}: ${answer.text}`);
    assert.equal(answer.json.code, 'MEDIA_TYPE');
  }
  for (const type of ['application/json', 'application/json; charset=utf-8', 'application/json;charset=UTF-8', 'Application/JSON', 'application/json ;x=y']) {
    assert.equal((await post(body, { headers: { 'content-type': type } })).status, 201, type);
  }
});

test('without a body no content type is required', async () => {
  const signedIn = await shop.login('bert');
  const out = await rawRequest(shop, 'POST', '/api/auth/logout', { token: signedIn.token });
  assert.equal(out.status, 204, out.text);
  const empty = await rawRequest(shop, 'POST', '/api/products', { token: admin, body: '', headers: { 'content-type': 'text/plain' } });
  assert.equal(empty.status, 400, empty.text);
});
