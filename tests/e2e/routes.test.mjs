// Every route: that it is known, whom it lets in, and what all other addresses and methods answer in each family's words.
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { readdirSync } from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { promisify } from 'node:util';
import { binDir } from './harness.mjs';
import { openTrade } from './trading.mjs';
import { send } from './wire.mjs';

// What the programs must say of themselves. A new route is added here, and below where its role asks for it.
const ROUTES = `
  categories GET    /api/categories            public   read
  categories POST   /api/categories            admin    write
  categories GET    /api/categories/:id        public   read
  categories PUT    /api/categories/:id        admin    write
  categories DELETE /api/categories/:id        admin    write
  login      POST   /weixin-login              public   login
  notify     POST   /api/payment/wxpay/notify  provider notify
  orders     GET    /api/orders                user     read
  orders     POST   /api/orders                user     write   idempotent
  orders     GET    /api/orders/:no            user     read
  orders     PUT    /api/orders/:no            admin    write
  orders     DELETE /api/orders/:no            admin    write
  orders     POST   /api/orders/:no/cancel     user     write
  orders     POST   /api/orders/:no/complete   user     write
  payments   POST   /api/payment/wxpay         user     payment idempotent
  payments   GET    /api/payment/wxpay/:no     user     read
  products   GET    /api/products              public   read
  products   POST   /api/products              admin    write
  products   GET    /api/products/:id          public   read
  products   PUT    /api/products/:id          admin    write
  products   DELETE /api/products/:id          admin    write
  users      GET    /api/users                 admin    read
  users      GET    /api/users/:id             admin    read
  users      PUT    /api/users/:id             admin    write
  users      DELETE /api/users/:id             admin    write
  users      POST   /api/auth/login            public   login
  users      POST   /api/auth/refresh          public   login
  users      POST   /api/auth/logout           user     write
  users      GET    /api/auth/me               user     read
  users      PUT    /api/auth/me               user     write
`.trim().split('\n').map((line) => line.trim().replace(/ +/g, ' '));

const routes = ROUTES.map((line) => {
  const [program, method, pattern, role] = line.split(' ');
  return { program, method, pattern, role, name: `${method} ${pattern}` };
});
const METHODS = ['GET', 'POST', 'PUT', 'PATCH', 'DELETE'];
const WRITES = new Set(['POST', 'PUT', 'PATCH']);

const trade = await openTrade();
const { shop } = trade;
const anna = await trade.buyer();
const product = await trade.product();
const order = await trade.order(anna, [[product, 1]]);
const { category_id: category } = await trade.ok('POST', '/api/categories', { token: trade.admin, body: { name: '茶' } });

// An address of the pattern that exists, so that a refusal is never for want of the thing.
function addressOf({ pattern }) {
  const id = pattern.startsWith('/api/products') ? product : pattern.startsWith('/api/users') ? anna.user.user_id : category;
  return pattern.replace(':id', id).replace(':no', order.order_id);
}

function requestOf(route, more = {}) {
  return send(shop.baseUrl, route.method, addressOf(route), { ...WRITES.has(route.method) ? { raw: '{}' } : {}, ...more });
}

// ---- the dialects ----

const DIALECTS = {
  shop({ body }, code) {
    assert.deepEqual(Object.keys(body), ['code', 'message', 'request_id']);
    assert.equal(body.code, code);
  },
  membershipOrders({ body }, code) {
    assert.deepEqual(Object.keys(body), ['success', 'code', 'message', 'request_id']);
    assert.deepEqual([body.success, body.code], [false, code]);
  },
  membershipStatus({ body }, code) {
    assert.deepEqual(Object.keys(body), ['success', 'code', 'message', 'request_id']);
    assert.deepEqual([body.success, body.code], [false, code]);
  },
  nested({ body }, code) {
    assert.deepEqual(Object.keys(body), ['error']);
    assert.deepEqual(Object.keys(body.error), ['code', 'message', 'details']);
    assert.deepEqual(Object.keys(body.error.details), ['request_id']);
    assert.equal(body.error.code, code);
  },
  wechat({ body }) {
    assert.deepEqual(Object.keys(body), ['code', 'message']);
    assert.equal(body.code, 'FAIL');
  },
  alipay({ text, headers }) {
    assert.equal(text, 'fail');
    assert.match(headers.get('content-type'), /^text\/plain/);
  },
};

function assertSpeaks(dialect, answer, status, code) {
  assert.equal(answer.status, status, answer.text);
  assert.ok(answer.body || dialect === 'alipay', `no JSON: ${answer.text}`);
  DIALECTS[dialect](answer, code);
  if (dialect === 'alipay') return;
  assert.equal(answer.headers.get('content-type'), 'application/json; charset=utf-8');
  const inner = answer.body.error ?? answer.body;
  assert.match(inner.message, /\p{Script=Han}/u, 'a message for people');
  const id = inner.details?.request_id ?? inner.request_id;
  if (id !== undefined) assert.equal(id, answer.headers.get('x-request-id'));
}

const dialectOf = ({ role }) => (role === 'provider' ? 'wechat' : 'shop');

// ---- the routes ----

test('the programs serve exactly the routes that are listed here', async () => {
  const programs = readdirSync(binDir).filter((name) => name.endsWith('.fcgi')).sort();
  const served = await Promise.all(programs.map(async (program) => {
    const { stdout } = await promisify(execFile)(path.join(binDir, program), ['--routes']);
    return stdout.split('\n').filter(Boolean).map((line) => `${path.basename(program, '.fcgi')} ${line.trim().replace(/ +/g, ' ')}`);
  }));
  assert.deepEqual(served.flat(), ROUTES);
});

test('without a token only the public and the provider\'s routes answer (B4)', async () => {
  for (const route of routes.filter(({ role }) => role !== 'public')) {
    const answer = await requestOf(route);
    assertSpeaks(dialectOf(route), answer, 401, 'UNAUTHENTICATED');
    assert.equal(answer.headers.get('www-authenticate'), route.role === 'provider' ? null : 'Bearer', route.name);
  }
});

test('a public route lets anyone in, with a token, without one, and with a bad one', async () => {
  const wanted = { 'GET /api/categories': 200, 'GET /api/categories/:id': 200, 'GET /api/products': 200, 'GET /api/products/:id': 200 };
  for (const route of routes.filter(({ role }) => role === 'public')) {
    for (const token of [undefined, anna.token, trade.admin, 'x.y.z', 'mmst_unknown']) {
      const answer = await requestOf(route, { token });
      assert.equal(answer.status, wanted[route.name] ?? 400, `${route.name}: ${answer.text}`);
    }
  }
});

test('a token of no use is refused where one is needed (B2)', async () => {
  const [head, body, signature] = anna.token.split('.');
  const other = Buffer.from(JSON.stringify({ ...JSON.parse(Buffer.from(body, 'base64url')), sub: '1' })).toString('base64url');
  for (const authorization of ['Bearer', 'Bearer ', 'Bearer x', `Basic ${anna.token}`, anna.token, `Bearer ${head}.${body}`,
    `Bearer ${head}.${body}.`, `Bearer ${head}.${other}.${signature}`, `Bearer ${anna.token}x`, `Bearer ${anna.token} x`]) {
    const answer = await send(shop.baseUrl, 'GET', '/api/auth/me', { headers: { authorization } });
    assertSpeaks('shop', answer, 401, 'UNAUTHENTICATED');
  }
  assert.equal((await send(shop.baseUrl, 'GET', '/api/auth/me', { headers: { authorization: `bearer   ${anna.token}` } })).status, 200);
});

test("an administrator's routes are closed to a user and change nothing (B3, B4)", async () => {
  const state = () => shop.sql(`SELECT * FROM products; SELECT * FROM categories; SELECT * FROM orders;
    SELECT user_id, nickname, permission_level, deleted_at FROM users`);
  const before = await state();
  const closed = routes.filter(({ role }) => role === 'admin');
  assert.equal(closed.length, 12);
  for (const route of closed) assertSpeaks('shop', await requestOf(route, { token: anna.token }), 403, 'FORBIDDEN');
  assert.deepEqual(await state(), before);
});

test('access is judged before the body: who may not come in learns nothing of his mistakes', async () => {
  for (const route of routes.filter(({ role, method }) => role !== 'public' && role !== 'provider' && WRITES.has(method))) {
    const raw = '{"name":';
    assertSpeaks('shop', await requestOf(route, { raw }), 401, 'UNAUTHENTICATED');
    if (route.role === 'admin') assertSpeaks('shop', await requestOf(route, { raw, token: anna.token }), 403, 'FORBIDDEN');
  }
});

// ---- other methods ----

function methodsOf(pattern) {
  return routes.filter((route) => route.pattern === pattern).map(({ method }) => method);
}

test('a method that a path does not have is 405 with those it has, for anyone', async () => {
  for (const pattern of new Set(routes.map((route) => route.pattern))) {
    const known = methodsOf(pattern);
    const { role } = routes.find((route) => route.pattern === pattern);
    const allow = METHODS.filter((method) => known.includes(method))
      .flatMap((method) => (method === 'GET' ? ['GET', 'HEAD'] : [method])).concat('OPTIONS').join(', ');
    for (const method of [...METHODS, 'PROPFIND'].filter((name) => !known.includes(name))) {
      for (const token of [undefined, trade.admin]) {
        const answer = await send(shop.baseUrl, method, addressOf({ pattern }), { token });
        assertSpeaks(dialectOf({ role }), answer, 405, 'METHOD_NOT_ALLOWED');
        assert.equal(answer.headers.get('allow'), allow, `${method} ${pattern}`);
      }
    }
    const options = await send(shop.baseUrl, 'OPTIONS', addressOf({ pattern }));
    assert.deepEqual([options.status, options.text, options.headers.get('allow')], [204, '', allow], pattern);
    if (known.includes('GET')) continue;
    const head = await send(shop.baseUrl, 'HEAD', addressOf({ pattern }));
    assert.deepEqual([head.status, head.text, head.headers.get('allow')], [405, '', allow], pattern);
  }
});

// ---- other addresses ----

const UNKNOWN = {
  shop: ['/api', '/api/', '/api/x', '/api/productsX', '/api/products/1/2', '/api/products/1/reviews', '/api/categories/1/products',
    '/api/usersX', '/api/users/1/orders', '/api/auth', '/api/auth/x', '/api/auth/login/x', '/api/orders/x/pay', '/api/orders/x/cancel/y',
    '/api/payment', '/api/payment/x', '/api/payment/wxpay/x/y', '/api/payment/alipay', '/api/paymentX', '/weixin-login/x',
    '/api/membership', '/api/membership/x', '/api/membership/cards', '/api/membership/cards/1', '/api/membership/transactions',
    '/api/membership/ordersX', '/api/membership/plansX', '/api/v1', '/api/v1/x', '/api/v1/member-systemX', '/v1', '/v1/x', '/v1/paymentX',
    '/metrics/x', '/healthz/x', '/readyz/x'],
  membershipOrders: ['/api/membership/plans', '/api/membership/plans/', '/api/membership/plans/1', '/api/membership/orders',
    '/api/membership/orders/x', '/api/membership/orders/create/', '/api/membership/orders/x/y/z'],
  membershipStatus: ['/membership', '/membership/x', '/membership/status', '/membership/clear-cache', '/payment', '/payment/create', '/payment/x'],
  nested: ['/api/v1/member-system', '/api/v1/member-system/x', '/api/v1/member-system/members/1', '/v1/payment', '/v1/payment/create',
    '/v1/payment/x', '/v1/payment/notify', '/v1/payment/notify/x'],
  wechat: ['/api/payment/wxpay/notify/x'],
  alipay: ['/api/payment/alipay/notify', '/api/payment/alipay/notify/', '/api/payment/alipay/notify/x'],
};

for (const [dialect, addresses] of Object.entries(UNKNOWN)) {
  test(`an unknown address is 404 in the words of its family: ${dialect}`, async () => {
    for (const address of addresses) {
      for (const method of ['GET', 'POST', 'DELETE', 'OPTIONS', 'PROPFIND']) {
        for (const [target, token] of [[address, undefined], [`${address}?a=/api/products`, trade.admin]]) {
          const answer = await send(shop.baseUrl, method, target, { token, ...method === 'POST' ? { raw: 'no json' } : {} });
          assertSpeaks(dialect, answer, 404, 'NOT_FOUND');
        }
      }
    }
  });
}

test('no spelling of an address reaches a route that the plain one does not', async () => {
  for (const address of ['/api/products%2F1', '/api%2fproducts', `/api/products/${product}%00`, '/api/products%00', '/api/products/..%2fusers',
    '/api/products/%ff', '/api/products/%C0%B1', '/api/products/%', '/api/products/%4', '/api/products/%zz', '/api/Products',
    '/api/products/.', '/api/products;x', '/api/products.json', `/api/products/${product}%20`, '/api/users/%31%00/x']) {
    for (const token of [undefined, trade.admin]) {
      const answer = await send(shop.baseUrl, 'GET', address, { token });
      assertSpeaks('shop', answer, 404, 'NOT_FOUND');
    }
  }
});

test('a percent sign more or less is the same address, and a trailing slash never matters', async () => {
  for (const [plain, ...spellings] of [
    ['/api/products', '/api/products/', '/api/products//', '/api/%70roducts', '/api/products?', '/api/products/?x=1', '/api/products?x=1'],
    [`/api/products/${product}`, `/api/products/${product}/`, `/api/products//${product}`],
    ['/api/categories', '/api/categories/'],
    ['/api/users', '/api/users/'], ['/api/auth/me', '/api/auth/me/'],
    ['/api/orders', '/api/orders/'], [`/api/orders/${order.order_id}`, `/api/orders/${order.order_id}/`],
    [`/api/payment/wxpay/${order.order_id}`, `/api/payment/wxpay/${order.order_id}/`],
  ]) {
    const token = plain.startsWith('/api/payment') ? anna.token : trade.admin;
    const wanted = await send(shop.baseUrl, 'GET', plain, { token });
    assert.equal(wanted.status, 200, plain);
    for (const spelling of spellings) {
      const answer = await send(shop.baseUrl, 'GET', spelling, { token });
      assert.deepEqual([answer.status, answer.body], [wanted.status, wanted.body], spelling);
    }
  }
  for (const address of ['/weixin-login/', '/api/auth/login/', '/api/auth/refresh/']) {
    assert.equal((await send(shop.baseUrl, 'POST', address, { raw: '{}' })).status, 400, address);
  }
  assertSpeaks('wechat', await send(shop.baseUrl, 'POST', '/api/payment/wxpay/notify/', { raw: '{}' }), 401);
});
