// SPDX-License-Identifier: MIT
// Tests of every route. A new route must be added to the list here.

import test from 'node:test';
import assert from 'node:assert/strict';
import { readdirSync } from 'node:fs';
import path from 'node:path';
import { run } from '../../../sandbox/process.mjs';
import { binDir, openShop, serverTag } from '../lib/harness.mjs';
import { rawRequest } from '../lib/raw-request.mjs';

const ROUTES = `
GET    /api/categories          public
POST   /api/categories          admin
GET    /api/categories/:id      public
PUT    /api/categories/:id      admin
DELETE /api/categories/:id      admin
GET    /api/membership/cards    user
POST   /api/membership/cards    admin
GET    /api/membership/cards/:id user
PUT    /api/membership/cards/:id admin
DELETE /api/membership/cards/:id admin
GET    /api/membership/transactions user
POST   /api/membership/transactions admin
GET    /api/membership/plans    public
POST   /api/membership/plans    admin
PATCH  /api/membership/plans    admin
DELETE /api/membership/plans    admin
GET    /api/membership/orders/quote user
POST   /api/membership/orders/create user
GET    /api/membership/orders/detail user
GET    /api/membership/orders/list user
POST   /api/membership/orders/pay user
POST   /api/membership/orders/action user
GET    /membership/status       user
POST   /membership/clear-cache  user
GET    /api/v1/member-system/health public
GET    /api/v1/member-system/levels public
GET    /api/v1/member-system/points/balance user
POST   /api/v1/member-system/points/earn admin+system
POST   /api/v1/member-system/points/use user+system
GET    /api/v1/member-system/points/transactions user
POST   /api/v1/member-system/admin/recalculate/:id admin
POST   /api/v1/member-system/levels/:id/upgrade admin
GET    /api/v1/member-system/profile user
PUT    /api/v1/member-system/profile user
GET    /api/v1/member-system/members admin
GET    /api/v1/member-system/members/:id admin
PUT    /api/v1/member-system/members/:id admin
GET    /api/v1/member-system/members/:id/log admin
GET    /api/v1/member-system/stats/summary admin
POST   /weixin-login            public
POST   /api/payment/wxpay/notify provider
POST   /api/payment/alipay/notify provider
POST   /v1/payment/notify       provider
GET    /api/orders              user
POST   /api/orders              user
GET    /api/orders/:no          user
PUT    /api/orders/:no          admin
DELETE /api/orders/:no          admin
POST   /api/orders/:no/cancel   user
POST   /api/orders/:no/complete user
POST   /api/payment/wxpay       user
POST   /api/payment/alipay      user
POST   /payment/create          user
POST   /v1/payment/create       user
GET    /api/payment/wxpay/:no   user
POST   /api/payment/card        user
GET    /api/payment/refunds     admin
POST   /api/payment/refunds     admin
GET    /api/payment/refunds/:no admin
POST   /api/payment/refunds/:no/resolve admin
GET    /api/payment/attempts    admin
GET    /api/payment/orphans     admin
POST   /api/payment/orphans/:id/resolve admin
GET    /api/payment/reconciliations admin
GET    /api/payment/reconciliations/:id admin
GET    /api/payment/reconciliations/:id/findings admin
GET    /api/products            public
POST   /api/products            admin
GET    /api/products/:id        public
PUT    /api/products/:id        admin
DELETE /api/products/:id        admin
GET    /healthz                 public
GET    /readyz                  public
GET    /metrics                 public
GET    /api/webhooks            admin
POST   /api/webhooks            admin
GET    /api/webhooks/:id        admin
PUT    /api/webhooks/:id        admin
DELETE /api/webhooks/:id        admin
POST   /api/webhooks/:id/secret admin
GET    /api/webhooks/:id/deliveries admin
GET    /api/webhooks/clients/deliveries admin
GET    /api/webhooks/deliveries/:id admin
POST   /api/webhooks/deliveries/:id/replay admin
GET    /api/users               admin
GET    /api/users/:id           admin
PUT    /api/users/:id           admin
DELETE /api/users/:id           admin
POST   /api/auth/login          public
POST   /api/auth/refresh        public
POST   /api/auth/logout         user
GET    /api/auth/me             user
PUT    /api/auth/me             user
`.trim().split('\n').map((line) => line.split(/ +/)).map(([method, pattern, role]) => ({ method, pattern, role }));

const CONSTANT = ROUTES.filter(({ method, pattern }) => method === 'GET' && pattern !== '/metrics'); // it counts the requests for it
const ORIGIN = 'https://admin.example.com';
const METHODS = ['GET', 'POST', 'PUT', 'PATCH', 'DELETE'];
const REQUEST_ID = /^[0-9a-z]{20}$/;

const shop = await openShop({ leaks: true, env: { CORS_ORIGINS: `https://other.example.com, ${ORIGIN}`, PAYMENT_CREATE_PER_HOUR: '0' } });
const admin = await shop.admin();
const anna = await shop.login('anna');
const category = (await shop.ok('POST', '/api/categories', { token: admin, body: { name: '茶' } })).category_id;
const product = (await shop.ok('POST', '/api/products', { token: admin, body: { name: '桂花乌龙', price: 29.9, stock: 100 } })).product_id;
const card = (await shop.ok('POST', '/api/membership/cards', { token: admin, body: { user_id: anna.user.user_id } })).card_id;
const plan = (await shop.ok('POST', '/api/membership/plans', { token: admin, body: { name: '月度会员', price: '30.00', duration_days: 30, level: 1 } })).data.id;
const order = (await shop.ok('POST', '/api/orders', { token: anna.token, body: { items: [{ product_id: product, quantity: 1 }] } })).order_id;
const webhook = (await shop.ok('POST', '/api/webhooks', { token: admin, body: { url: 'https://hooks.example.com/' } })).webhook_id;
await shop.sql(`INSERT INTO webhook_deliveries (webhook_id, message_id, type, body, status, tries, error, created_at)
  VALUES (${webhook}, 'msg_1', 'order.paid', '{}', 2, 10, 'STATUS', ${Date.now()})`);
await shop.sql(`INSERT INTO payment_events (channel, event_id, verdict, reason, body, received_at, judged_at) VALUES (1, 'strange', 6, 'MCHID', '', 1, 1)`);
const [{ event_no: orphan }] = await shop.sql("SELECT event_no FROM payment_events WHERE event_id = 'strange'");
const [{ delivery_id: delivery }] = await shop.sql('SELECT delivery_id FROM webhook_deliveries');
await shop.sql(`INSERT INTO reconciliations (provider, starts_at, outcome, automatic, repairs, lease_at, created_at, ended_at)
  VALUES ('wechat', 1700000000000, 1, 0, 0, 1, 1, 1)`);
const [{ reconciliation_id: comparison }] = await shop.sql('SELECT reconciliation_id FROM reconciliations');

const IDS = {
  '/api/categories': category, '/api/products': product, '/api/users': anna.user.user_id, '/api/membership/cards': card,
  '/api/payment/orphans': orphan, '/api/webhooks/deliveries': delivery, '/api/webhooks': webhook, '/api/payment/reconciliations': comparison, '/api/v1/member-system/admin/recalculate': anna.user.member_id,
  '/api/v1/member-system/members': anna.user.member_id, '/api/v1/member-system/levels': anna.user.member_id,
};
// A path of a resource of its owner or an administrator.
function existing(pattern) {
  const id = IDS[pattern.replace(/\/:id.*/, '')];
  return pattern.replace(':id', id).replace(':no', order);
}
// One without a resource.
const missing = (pattern) => pattern.replace(':id', '999999999').replace(':no', 'ORDERNONE');

const inDialect = {
  shop: (json, status) => {
    assert.deepEqual(Object.keys(json).filter((name) => name !== 'field').sort(), ['code', 'message', 'request_id']);
    assert.match(json.message, /\p{Script=Han}/u);
    return { status, code: json.code };
  },
  flat: (json, status) => {
    assert.equal(json.success, false);
    assert.match(json.message, /\p{Script=Han}/u);
    return { status, code: json.code };
  },
  nested: (json, status) => {
    assert.deepEqual(Object.keys(json), ['error']);
    assert.match(json.error.message, /\p{Script=Han}/u);
    assert.equal(typeof json.error.details, 'object');
    return { status, code: json.error.code };
  },
  wechat: (json, status) => {
    assert.deepEqual(Object.keys(json), ['code', 'message']);
    return { status, code: json.code };
  },
  alipay: (json, status) => { // the text `fail`, which has its own type
    assert.equal(json, null);
    return { status, code: 'FAIL' };
  },
};

function dialectOf(address) {
  if (address.startsWith('/api/payment/wxpay/notify')) return inDialect.wechat;
  if (address.startsWith('/api/payment/alipay/notify')) return inDialect.alipay;
  if (/^\/(v1\/payment|api\/v1\/member-system)(\/|\?|$)/.test(address)) return inDialect.nested;
  if (/^\/(api\/membership\/(plans|orders)|membership|payment)(\/|\?|$)/.test(address)) return inDialect.flat;
  return inDialect.shop;
}

// membership-orders, member-system and renewal-payments have codes of their own for some causes.
function codeOf(address, code) {
  if (address.startsWith('/api/v1/')) return { UNAUTHENTICATED: 'AUTHENTICATION_REQUIRED', FORBIDDEN: 'PERMISSION_DENIED' }[code] ?? code;
  if (address.startsWith('/v1/payment')) return { UNAUTHENTICATED: 'INVALID_TOKEN' }[code] ?? code;
  return dialectOf(address) === inDialect.flat && address.startsWith('/api/') ? { UNAUTHENTICATED: 'UNAUTHORIZED' }[code] ?? code : code;
}

// The headers of every response.
function hasFrame({ headers, status, text }) {
  assert.match(headers['x-request-id'], REQUEST_ID);
  assert.equal(headers['x-content-type-options'], 'nosniff');
  assert.match(headers['cache-control'], /^(no-store|(private, )?no-cache)$/);
  assert.equal(headers.server ?? null, serverTag);
  if (status === 204) assert.equal(headers['content-type'], undefined);
  else assert.equal(headers['content-type'], `${text === 'fail' ? 'text/plain' : 'application/json'}; charset=utf-8`);
}

test('the programs serve exactly the routes that are listed here, each once', async () => {
  const programs = readdirSync(binDir).filter((name) => name.endsWith('.fcgi'));
  assert.ok(programs.length >= 9);
  const tables = await Promise.all(programs.map((name) => run(path.join(binDir, name), ['--routes'], { env: {} })));
  for (const { code, stderr } of tables) assert.equal(code, 0, stderr);
  const rows = tables.flatMap(({ stdout }) => stdout.split('\n')).filter((line) => line.trim() !== '');
  const found = rows.map((line) => line.trim().split(/ +/).slice(0, 3).join(' ')).sort();
  assert.deepEqual(found, ROUTES.map(({ method, pattern, role }) => `${method} ${pattern} ${role}`).sort());
});

test('without a token every route is 401 unless public or a provider\'s (B4)', async () => {
  for (const { method, pattern, role } of ROUTES) {
    for (const address of [existing(pattern), missing(pattern)]) {
      for (const headers of [{}, { authorization: 'Bearer ' }, { authorization: 'Bearer x.y.z' }, { authorization: `Basic ${admin}` }]) {
        const answer = await rawRequest(shop, method, address, { headers });
        if (role === 'public' || role === 'provider') {
          assert.notEqual(answer.headers['www-authenticate'], 'Bearer', `${method} ${address}`);
          assert.notEqual(answer.status, 403, `${method} ${address}`);
          continue;
        }
        hasFrame(answer);
        assert.deepEqual(dialectOf(pattern)(answer.json, answer.status), { status: 401, code: codeOf(pattern, 'UNAUTHENTICATED') }, `${method} ${address}`);
        assert.equal(answer.headers['www-authenticate'], 'Bearer');
      }
    }
  }
});

test('an ordinary user is 403 on every administrator\'s route, before the body or the resource is checked (B4)', async () => {
  const rows = ROUTES.filter(({ role }) => role.startsWith('admin'));
  for (const { method, pattern } of rows) {
    for (const [address, body] of [[existing(pattern), '{}'], [missing(pattern), '{}'], [existing(pattern), 'no json']]) {
      const answer = await rawRequest(shop, method, address, { token: anna.token, ...(method === 'GET' ? {} : { body }) });
      hasFrame(answer);
      assert.deepEqual(dialectOf(pattern)(answer.json, answer.status), { status: 403, code: codeOf(pattern, 'FORBIDDEN') }, `${method} ${address}`);
    }
  }
  assert.equal((await shop.call('GET', `/api/products/${product}`)).status, 200, 'nothing was deleted');
  assert.equal((await shop.call('GET', `/api/categories/${category}`)).status, 200);
  assert.equal((await shop.call('GET', `/api/users/${anna.user.user_id}`, { token: admin })).status, 200);
  assert.equal((await shop.call('GET', `/api/membership/cards/${card}`, { token: admin })).status, 200);
});

test('a service token is not a user: 403 on every route of users and administrators that isn\'t also of other systems (B4)', async () => {
  const { code, stdout, stderr } = await shop.minimall(['issue-token', '--system', 'till']);
  assert.equal(code, 0, stderr);
  const token = stdout.trim();
  shop.canary(token);
  for (const { method, pattern } of ROUTES.filter(({ role }) => role === 'admin' || role === 'user')) {
    const answer = await rawRequest(shop, method, existing(pattern), { token, ...(method === 'GET' ? {} : { body: '{}' }) });
    assert.equal(answer.status, 403, `${method} ${pattern}: ${answer.text}`);
  }
  for (const { method, pattern } of ROUTES.filter(({ role }) => role.endsWith('+system'))) {
    const answer = await rawRequest(shop, method, existing(pattern), { token, ...(method === 'GET' ? {} : { body: '{}' }) });
    assert.ok(![401, 403].includes(answer.status), `${method} ${pattern}: ${answer.text}`);
  }
  const wrong = await rawRequest(shop, 'GET', '/api/auth/me', { token: `${token.slice(0, -1)}${token.endsWith('A') ? 'B' : 'A'}` });
  assert.equal(wrong.status, 401);
});

// ---- bodies ----

const BODY_MAX = 64 * 1024;
const pad = (size) => `{"pad":"${'p'.repeat(size - 10)}"}`;

test('a truncated body is 400, another type 415 and a long one 413 on every route, without effect (B12)', async () => {
  assert.equal(Buffer.byteLength(pad(BODY_MAX)), BODY_MAX);
  const [before] = await shop.sql('SELECT (SELECT COUNT(*) FROM sessions WHERE ended_at IS NOT NULL) AS ended');
  for (const { method, pattern, role } of ROUTES.filter((row) => row.method !== 'GET' && row.role !== 'provider')) {
    const token = role === 'public' ? undefined : admin;
    for (const [body, status, headers] of [
      ['{"reason":"', 400], ['{}x', 400], ['{"a":1,"a":2}', 400], ['x', 400], [Buffer.from([0x7b, 0x22, 0xff, 0x22, 0x3a, 0x31, 0x7d]), 400],
      ['{}', 415, { 'content-type': 'text/plain' }], ['{}', 415, { 'content-type': null }], [pad(BODY_MAX + 1), 413],
    ]) {
      const answer = await rawRequest(shop, method, existing(pattern), { token, body, headers });
      hasFrame(answer);
      dialectOf(pattern)(answer.json, answer.status);
      assert.equal(answer.status, status, `${method} ${pattern} ${String(body).slice(0, 20)}: ${answer.text}`);
    }
  }
  assert.equal((await shop.ok('GET', `/api/orders/${order}`, { token: admin })).status, 0, 'not cancelled');
  for (const pattern of ['/api/products/:id', '/api/categories/:id', '/api/users/:id', '/api/membership/cards/:id', '/api/auth/me']) {
    assert.equal((await rawRequest(shop, 'GET', existing(pattern), { token: admin })).status, 200, `${pattern} is still there`);
  }
  assert.deepEqual(await shop.sql('SELECT (SELECT COUNT(*) FROM sessions WHERE ended_at IS NOT NULL) AS ended'), [before]);
});

test('a body of GET or HEAD is ignored (B12)', async () => {
  const constant = ({ status, text }) => [status, text.replace(/"request_id":"\w+"/, '').replace(/"timestamp":"[^"]+"/, '')];
  const same = (a, b, words) => assert.deepEqual(constant(a), constant(b), words);
  for (const { method, pattern } of CONSTANT) {
    const plain = await rawRequest(shop, method, existing(pattern), { token: admin });
    for (const options of [
      { body: '{}' }, { body: '{"x":' }, { body: 'x', headers: { 'content-type': 'text/plain' } }, { body: '' }, { chunks: [] }, { chunks: ['{', '}x'] },
      { body: 'x'.repeat(BODY_MAX + 1) }, { body: 'x'.repeat(1 << 20) },
    ]) {
      const answer = await rawRequest(shop, method, existing(pattern), { token: admin, ...options });
      same(answer, plain, `${pattern} with ${JSON.stringify(options).slice(0, 60)}`);
      assert.equal((await rawRequest(shop, 'HEAD', existing(pattern), { token: admin, ...options })).status, plain.status, pattern);
    }
  }
});

// ---- conditional changes ----

test('every PUT and PATCH honours If-Match with the tag of its entity\'s GET: else 412, without effect (B65)', async () => {
  const rows = ROUTES.filter(({ method }) => method === 'PUT' || method === 'PATCH');
  assert.ok(rows.length >= 7);
  for (const { method, pattern } of rows) {
    const address = `${existing(pattern)}${method === 'PATCH' ? `?id=${plan}` : ''}`;
    const read = () => rawRequest(shop, 'GET', address, { token: admin });
    const change = (tag) => rawRequest(shop, method, address, { token: admin, body: '{}', headers: { 'if-match': tag } });
    const before = await read();
    assert.match(before.headers.etag, /^"[\w-]{22}"$/, address);
    const { etag } = before.headers;
    for (const tag of ['"x"', `W/${etag}`, etag.slice(1, -1), '"*"', `"x", W/${etag}`, 'x, *']) {
      const answer = await change(tag);
      hasFrame(answer);
      const code = new Map([[inDialect.flat, 'VALIDATION_ERROR'], [inDialect.nested, 'INVALID_REQUEST_FORMAT']]).get(dialectOf(pattern)) ?? 'PRECONDITION_FAILED';
      assert.deepEqual(dialectOf(pattern)(answer.json, answer.status), { status: 412, code }, `${method} ${address} ${tag}`);
      const { cause, code: plain } = answer.json.error?.details ?? answer.json;
      assert.equal(cause ?? plain, 'PRECONDITION_FAILED');
    }
    assert.equal((await read()).text, before.text, `${method} ${address}`);
    for (const list of [(tag) => tag, () => '*', () => ' * ', (tag) => `"x", ${tag},"y"`, (tag) => `W/"x",${tag}`]) {
      const tag = list((await read()).headers.etag);
      assert.equal((await change(tag)).status, 200, `${method} ${address} ${tag}`);
    }
    assert.equal((await rawRequest(shop, method, missing(pattern), { token: admin, body: '{}', headers: { 'if-match': '*' } })).status,
      pattern.includes(':') ? 404 : method === 'PATCH' ? 400 : 200);
  }
});

test('a list of one plan has that plan\'s tag, and an unknown id is an empty list (B65)', async () => {
  const read = async (id, token = admin) => rawRequest(shop, 'GET', `/api/membership/plans?id=${id}`, { token });
  const one = await read(plan);
  assert.deepEqual([one.json.data.map(({ id }) => id), one.json.meta.pagination.total], [[plan], 1]);
  const { etag } = one.headers;
  assert.equal((await read(plan, undefined)).headers.etag, etag, 'everybody sees the same');
  const patch = (body) => rawRequest(shop, 'PATCH', `/api/membership/plans?id=${plan}`, { token: admin, body: JSON.stringify(body), headers: { 'if-match': etag } });
  assert.equal((await patch({ level: 2 })).status, 200);
  assert.equal((await patch({ level: 3 })).status, 412);
  assert.notEqual((await read(plan)).headers.etag, etag);
  for (const token of [admin, undefined]) {
    const none = await read(999999999, token);
    assert.deepEqual([none.status, none.json.data, none.json.meta.pagination.total], [200, [], 0]);
  }
  assert.equal((await rawRequest(shop, 'GET', '/api/membership/plans?ID=1')).status, 400);
});

test('a wrong method is 405 with exactly the methods of its path, for any caller', async () => {
  for (const pattern of new Set(ROUTES.map((route) => route.pattern))) {
    const known = METHODS.filter((method) => ROUTES.some((route) => route.method === method && route.pattern === pattern));
    const allow = [...known.flatMap((method) => (method === 'GET' ? ['GET', 'HEAD'] : [method])), 'OPTIONS'].join(', ');
    for (const method of [...METHODS, 'PROPFIND'].filter((name) => !known.includes(name))) {
      for (const token of [undefined, admin]) {
        const answer = await rawRequest(shop, method, existing(pattern), { token });
        hasFrame(answer);
        const expected = /^\/api\/.*\/notify$/.test(pattern) ? 'FAIL' : 'METHOD_NOT_ALLOWED';
        assert.deepEqual(dialectOf(pattern)(answer.json, answer.status), { status: 405, code: expected }, `${method} ${pattern}`);
        assert.equal(answer.headers.allow, allow, `${method} ${pattern}`);
      }
    }
    if (!known.includes('GET')) assert.equal((await rawRequest(shop, 'HEAD', existing(pattern))).status, 405);
  }
});

test('HEAD is GET without the body, on success and on errors', async () => {
  for (const { pattern } of CONSTANT) {
    for (const [address, token] of [[existing(pattern), admin], [missing(pattern), admin], [existing(pattern), undefined]]) {
      const [get, head] = [await rawRequest(shop, 'GET', address, { token }), await rawRequest(shop, 'HEAD', address, { token })];
      assert.equal(head.status, get.status, address);
      assert.equal(head.text, '');
      assert.notEqual(get.text, '');
      const kept = ({ headers }) => {
        const { date, 'x-request-id': id, ...rest } = headers;
        return rest;
      };
      assert.deepEqual(kept(head), kept(get), address);
      assert.equal(Number(head.headers['content-length']), Buffer.byteLength(get.text));
    }
  }
});

test('a preflight from an allowed origin is answered for every path, without a token (B56)', async () => {
  for (const pattern of new Set(ROUTES.map((route) => route.pattern))) {
    const headers = { origin: ORIGIN, 'access-control-request-method': 'PUT', 'access-control-request-headers': 'authorization' };
    const answer = await rawRequest(shop, 'OPTIONS', existing(pattern), { headers });
    assert.equal(answer.status, 204, pattern);
    assert.equal(answer.text, '');
    assert.equal(answer.headers['access-control-allow-origin'], ORIGIN);
    assert.equal(answer.headers['access-control-allow-methods'], answer.headers.allow);
    for (const { method } of ROUTES.filter((route) => route.pattern === pattern)) {
      assert.ok(answer.headers.allow.split(', ').includes(method), `${pattern}: ${answer.headers.allow}`);
    }
    assert.deepEqual(answer.headers['access-control-allow-headers'].toLowerCase().split(', ').sort(),
      ['authorization', 'content-type', 'idempotency-key', 'if-match', 'if-none-match']);
    assert.match(answer.headers.vary, /Origin/);
    assert.equal(answer.headers['access-control-allow-credentials'], undefined);
  }
});

test('only configured origins may read a response (B56)', async () => {
  const foreign = ['https://evil.example.com', 'http://admin.example.com', `${ORIGIN}.evil.example.com`, `${ORIGIN}:8443`, ORIGIN.toUpperCase(),
    'https://admin.example.co', 'null', '*', `${ORIGIN},https://evil.example.com`, ''];
  for (const origin of foreign) {
    for (const method of ['OPTIONS', 'GET', 'DELETE']) {
      const { headers } = await rawRequest(shop, method, '/api/products', { headers: { origin } });
      const granted = Object.keys(headers).filter((name) => name.startsWith('access-control-'));
      assert.deepEqual(granted, [], `${method} from ${origin}`);
      assert.match(headers.vary, /Origin/, 'what differs by origin must not be stored as if it did not');
    }
  }
  for (const [method, address, status] of [['GET', '/api/products', 200], ['GET', '/api/orders', 401], ['GET', '/api/nothing', 404]]) {
    const answer = await rawRequest(shop, method, address, { headers: { origin: ORIGIN } });
    assert.equal(answer.status, status);
    assert.equal(answer.headers['access-control-allow-origin'], ORIGIN);
    assert.match(answer.headers['access-control-expose-headers'], /\bLink\b.*\bX-Request-Id\b/);
  }
});

test('without configured origins no origin is allowed (B56)', async () => {
  await shop.restartWeb({ CORS_ORIGINS: null });
  for (const method of ['GET', 'OPTIONS']) {
    const { status, headers } = await rawRequest(shop, method, '/api/products', { headers: { origin: ORIGIN } });
    assert.equal(status, method === 'GET' ? 200 : 204);
    assert.deepEqual(Object.keys(headers).filter((name) => name.startsWith('access-control-')), []);
  }
});

test('a trailing slash is ignored', async () => {
  for (const { method, pattern, role } of ROUTES) {
    const address = existing(pattern);
    for (const token of [undefined, ...(method === 'GET' ? [admin] : [])]) {
      const [plain, slashed] = [await rawRequest(shop, method, address, { token }), await rawRequest(shop, method, `${address}/`, { token })];
      assert.equal(slashed.status, plain.status, `${method} ${address}/ (${role})`);
      if (method === 'GET' && pattern !== '/metrics') assert.equal(slashed.text.replace(/"request_id":"\w+"/, ''), plain.text.replace(/"request_id":"\w+"/, ''));
    }
  }
});

const UNKNOWN = [
  ['/api', inDialect.shop, 'NOT_FOUND'],
  ['/api/', inDialect.shop, 'NOT_FOUND'],
  ['/api/nothing', inDialect.shop, 'NOT_FOUND'],
  ['/api/products/1/x', inDialect.shop, 'NOT_FOUND'],
  ['/api/productsX', inDialect.shop, 'NOT_FOUND'],
  ['/api/Products', inDialect.shop, 'NOT_FOUND'],
  ['/api/users/1/x', inDialect.shop, 'NOT_FOUND'],
  ['/api/auth', inDialect.shop, 'NOT_FOUND'],
  ['/api/auth/x', inDialect.shop, 'NOT_FOUND'],
  ['/api/categories/x', inDialect.shop, 'NOT_FOUND'],
  ['/api/orders/a/b/c', inDialect.shop, 'NOT_FOUND'],
  ['/api/orders/a%20b', inDialect.shop, 'NOT_FOUND'],
  ['/api/payment', inDialect.shop, 'NOT_FOUND'],
  ['/api/payment/x', inDialect.shop, 'NOT_FOUND'],
  ['/weixin-login/x', inDialect.shop, 'NOT_FOUND'],
  ['/api/v1/x', inDialect.shop, 'NOT_FOUND'],
  ['/v1', inDialect.shop, 'NOT_FOUND'],
  ['/v1/x', inDialect.shop, 'NOT_FOUND'],
  ['/api/membership', inDialect.shop, 'NOT_FOUND'],
  ['/api/membership/cards/1/x', inDialect.shop, 'NOT_FOUND'],
  ['/api/membership/transactions/1', inDialect.shop, 'NOT_FOUND'],
  ['/api/membership/cardsX', inDialect.shop, 'NOT_FOUND'],
  ['/api/membership/ordersX/y', inDialect.shop, 'NOT_FOUND'],
  ['/api/membership/orders/x', inDialect.flat, 'NOT_FOUND'],
  ['/api/membership/orders', inDialect.flat, 'NOT_FOUND'],
  ['/api/membership/plans/x/y', inDialect.flat, 'NOT_FOUND'],
  ['/membership', inDialect.flat, 'NOT_FOUND'],
  ['/membership/x', inDialect.flat, 'NOT_FOUND'],
  ['/payment', inDialect.flat, 'NOT_FOUND'],
  ['/payment/x', inDialect.flat, 'NOT_FOUND'],
  ['/v1/payment', inDialect.nested, 'NOT_FOUND'],
  ['/v1/payment/x', inDialect.nested, 'NOT_FOUND'],
  ['/api/v1/member-system', inDialect.nested, 'NOT_FOUND'],
  ['/api/v1/member-system/x', inDialect.nested, 'NOT_FOUND'],
  ['/api/payment/wxpay/notify/x', inDialect.wechat, 'FAIL'],
  ['/api/payment/alipay/notify/x', inDialect.alipay, 'FAIL'],
];

test('an unknown path is 404 for every method, in its family\'s format', async () => {
  for (const [address, dialect, code] of UNKNOWN) {
    for (const method of [...METHODS, 'OPTIONS', 'PROPFIND']) {
      const answer = await rawRequest(shop, method, address, { token: admin });
      hasFrame(answer);
      assert.deepEqual(dialect(answer.json, answer.status), { status: 404, code }, `${method} ${address}: ${answer.text}`);
    }
    assert.equal((await rawRequest(shop, 'HEAD', address)).text, '');
  }
});

test('a badly encoded path gets the format of its family', async () => {
  for (const [family, dialect] of [['/api/membership/plans', inDialect.flat], ['/api/membership/orders', inDialect.flat], ['/membership', inDialect.flat],
    ['/payment', inDialect.flat], ['/v1/payment', inDialect.nested], ['/api/v1/member-system', inDialect.nested], ['/api/products', inDialect.shop],
    ['/api/membership/cards', inDialect.shop]]) {
    for (const odd of ['/%zz', '/%', '/%4', '/%ff', '/x%C3%28', '%2Fx', '%00', '/%00', '/a%2fb']) {
      if (odd === '%00' && !/^\/(api|v1)\//.test(family)) continue; // has no owner for the web server, like /paymentX
      const answer = await rawRequest(shop, 'GET', `${family}${odd}`);
      hasFrame(answer);
      assert.deepEqual(dialect(answer.json, answer.status), { status: 404, code: 'NOT_FOUND' }, `${family}${odd}: ${answer.text}`);
    }
  }
});

test('a badly encoded path, or one with an encoded slash or NUL, is 404', async () => {
  for (const odd of ['/api%2Forders', '/api/products%2f1', '/api/products/%31%00', '/api/products/%', '/api/products/%4', '/api/products/%zz',
    '/api/products/%C3%28', '/api/products/1;x=1', '/api/products/1%20', '/api/products/%ED%A0%80']) {
    assert.equal((await rawRequest(shop, 'GET', odd)).status, 404, odd);
  }
  assert.ok(product < 10);
  for (const same of [`/api/%70roducts/${product}`, `/api/products/%3${product}`]) {
    assert.equal((await rawRequest(shop, 'GET', same)).status, 200, `${same} is the same address`);
  }
});

test(':id is a positive integer in range, anything else is 404 (B8)', async () => {
  const ids = ['0', '-1', '+1', '01', '1.0', '1e0', '0x1', 'abc', '1a', '９', '%20', '9223372036854775807', '9223372036854775808',
    '18446744073709551617', '99999999999999999999999999', 'null', 'undefined', 'NaN', ''];
  for (const family of ['products', 'categories', 'users', 'membership/cards']) {
    for (const id of ids.filter((text) => text !== '')) {
      for (const method of ['GET', 'PUT', 'DELETE']) {
        const answer = await rawRequest(shop, method, `/api/${family}/${encodeURI(id)}`, { token: admin, ...(method === 'PUT' ? { body: '{}' } : {}) });
        assert.equal(answer.status, 404, `${method} /api/${family}/${id}: ${answer.text}`);
      }
    }
  }
  const longest = await rawRequest(shop, 'GET', '/api/products/9223372036854775806', { token: admin });
  assert.equal(longest.status, 404);
});

test('order numbers have their own format, anything else is 404 (B8)', async () => {
  for (const no of ['a b', 'a%00', 'x'.repeat(65), '%E8%8C%B6', "a'b", 'a.b', 'a"b']) {
    for (const address of [`/api/orders/${encodeURI(no).replaceAll('%25', '%')}`, `/api/payment/wxpay/${encodeURI(no).replaceAll('%25', '%')}`]) {
      assert.equal((await rawRequest(shop, 'GET', address, { token: admin })).status, 404, address);
    }
  }
});

test('public responses may be stored and revalidated, personal ones and errors may not (B56)', async () => {
  const stored = async (address, options) => (await rawRequest(shop, 'GET', address, options)).headers['cache-control'];
  for (const address of ['/api/products', `/api/products/${product}`, '/api/categories', `/api/categories/${category}`]) {
    assert.equal(await stored(address), 'no-cache', address);
    assert.equal(await stored(address, { token: admin }), 'no-store', `${address} as an administrator`);
    assert.equal(await stored(address, { token: anna.token }), 'private, no-cache', `${address} as a customer`);
  }
  assert.equal(await stored('/api/products/999999999'), 'no-store');
  assert.equal(await stored('/api/auth/me', { token: anna.token }), 'no-store');
});

test('every response\'s request id is unique, in its error body and in its log line (B55)', async () => {
  const from = shop.log().length;
  const asked = [
    [await rawRequest(shop, 'GET', `/api/products/${product}?q=geheim`), { method: 'GET', route: '/api/products/:id', status: 200, program: 'catalogue' }],
    [await rawRequest(shop, 'HEAD', '/api/categories'), { method: 'HEAD', route: '/api/categories', status: 200, program: 'catalogue' }],
    [await rawRequest(shop, 'GET', '/api/auth/me', { token: anna.token }),
      { method: 'GET', route: '/api/auth/me', status: 200, program: 'users', user_id: anna.user.user_id }],
    [await rawRequest(shop, 'GET', '/api/orders'), { method: 'GET', route: '/api/orders', status: 401, program: 'orders', code: 'UNAUTHENTICATED' }],
    [await rawRequest(shop, 'GET', '/v1/nothing'), { method: 'GET', route: '-', status: 404, program: 'system', code: 'NOT_FOUND' }],
    [await rawRequest(shop, 'PROPFIND', '/api/users'), { method: '?', route: '-', status: 405, program: 'users', code: 'METHOD_NOT_ALLOWED' }],
    [await rawRequest(shop, 'POST', '/weixin-login', { body: '{' }), { method: 'POST', route: '/weixin-login', status: 400, program: 'login', code: 'MALFORMED_REQUEST' }],
  ];
  await shop.restartWeb(); // a line is written after its response: stop the programs first
  const lines = shop.log().slice(from);
  for (const [answer, expected] of asked) {
    const id = answer.headers['x-request-id'];
    if (answer.status >= 400) assert.equal(answer.json.request_id, id);
    const own = lines.filter((line) => line.request_id === id);
    assert.equal(own.length, 1, `${JSON.stringify(expected)}: ${JSON.stringify(own)}`);
    const { time, level, request_id: _, ms, bytes, ...rest } = own[0];
    assert.deepEqual(rest, expected);
    assert.ok(Math.abs(Date.parse(time) - Date.now()) < 60_000, time);
    assert.equal(level, 'info');
    assert.ok(Number.isInteger(ms) && ms >= 0 && Number.isInteger(bytes));
  }
  const ids = asked.map(([answer]) => answer.headers['x-request-id']);
  assert.equal(new Set(ids).size, ids.length);
  assert.ok(!JSON.stringify(lines).includes('geheim'), 'what was searched for is not logged');
});
