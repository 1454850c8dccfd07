// SPDX-License-Identifier: MIT
// Every response: headers, ids, CORS, HEAD; isolation between requests; and a lost database connection is one clean 503.
import assert from 'node:assert/strict';
import { request } from 'node:http';
import { test } from 'node:test';
import { WORKERS, serverName } from '../../../sandbox/web.mjs';
import { askProcess, processSockets } from '../lib/raw-request.mjs';
import { serverTag } from '../lib/harness.mjs';
import { nextOf } from '../lib/query-plans.mjs';
import { assertRefused, killConnections, openTrade, until } from '../lib/trade.mjs';

const ORIGINS = ['https://shop.example', 'http://localhost:3000'];
const trade = await openTrade({ env: { CORS_ORIGINS: ORIGINS.join(',') } });
const { shop } = trade;
const REQUEST_ID = /^[0-9a-hjkmnp-tv-z]{20}$/;

const anna = await trade.buyer();
const product = await trade.product({ name: '龙井' });
const hidden = await trade.product({ name: '未上架', status: 0 });
const order = await trade.order(anna, [[product, 1]]);

// One raw request: fetch() would correct or refuse some of these.
function send(baseUrl, method, address, { headers = {}, token, raw, chunks } = {}) {
  const { hostname, port } = new URL(baseUrl);
  return new Promise((resolve, reject) => {
    const outgoing = request({
      hostname, port, method, path: address, agent: false,
      headers: {
        ...(raw === undefined ? {} : { 'content-length': Buffer.byteLength(raw) }),
        ...(raw === undefined && !chunks ? {} : { 'content-type': 'application/json' }),
        ...(token ? { authorization: `Bearer ${token}` } : {}),
        ...headers,
      },
    }, (response) => {
      const parts = [];
      response.on('data', (part) => parts.push(part));
      response.on('error', reject);
      response.on('end', () => {
        const text = Buffer.concat(parts).toString();
        const json = text !== '' && (response.headers['content-type'] ?? '').includes('json');
        resolve({ status: response.statusCode, headers: new Headers(response.headers), text, body: json ? JSON.parse(text) : null });
      });
    });
    outgoing.on('error', reject);
    for (const chunk of chunks ?? []) outgoing.write(chunk);
    outgoing.end(raw);
  });
}

const get = (address, options) => send(shop.baseUrl, 'GET', address, options);
const post = (address, raw, options) => send(shop.baseUrl, 'POST', address, { raw, ...options });

const READS = [
  ['/api/products'], ['/api/categories'], [`/api/products/${product}`], ['/api/products', 'admin'], ['/api/products?limit=1', 'admin'],
  ['/api/users', 'admin'], [`/api/users/${anna.user.user_id}`, 'admin'], ['/api/auth/me', 'anna'], ['/api/orders', 'anna'],
  [`/api/orders/${order.order_id}`, 'anna'], [`/api/payment/wxpay/${order.order_id}`, 'anna'],
  ['/api/orders'], ['/api/users', 'anna'], [`/api/products/${hidden}`], ['/api/nothing'], ['/v1/payment/x'], ['/api/products?limit=0'],
];
const tokenOf = (who) => ({ admin: trade.admin, anna: anna.token })[who];

// ---- HTTPS ----

test('with REQUIRE_HTTPS=on plain HTTP is refused, whatever headers a client sends (B56)', async (t) => {
  await shop.restartWeb({ REQUIRE_HTTPS: 'on' });
  t.after(() => shop.restartWeb({ REQUIRE_HTTPS: null }));
  const claims = { 'x-forwarded-proto': 'https', https: 'on', 'x-https': 'on', forwarded: 'proto=https' };
  for (const [address, who] of [...READS, ['/healthz'], ['/membership/status', 'anna']]) {
    const { status, headers, text } = await get(address, { token: tokenOf(who), headers: claims });
    assert.equal(status, 403, address);
    assert.equal(headers.get('cache-control'), 'no-store');
    assert.equal(headers.get('strict-transport-security'), null);
    if (address.startsWith('/api/')) assert.equal(JSON.parse(text).code, 'HTTPS_REQUIRED', address);
  }
  const before = await shop.sql('SELECT COUNT(*) AS n FROM users');
  assert.equal((await post('/weixin-login', JSON.stringify({ code: 'sandbox:plain-http' }))).status, 403);
  assert.deepEqual(await shop.sql('SELECT COUNT(*) AS n FROM users'), before);
  const [socket] = processSockets(shop, 'catalogue');
  for (const [secure, expected] of [[{ HTTPS: 'on' }, 200], [{ REQUEST_SCHEME: 'https' }, 200], [{ HTTPS: 'off' }, 403], [{ REQUEST_SCHEME: 'http' }, 403], [{}, 403]]) {
    assert.equal((await askProcess(socket, { uri: '/api/products', headers: secure })).status, expected, JSON.stringify(secure));
  }
});

test('behind a trusted proxy its word counts, and answers say that HTTPS is all there is (B56)', async (t) => {
  await shop.restartWeb({ REQUIRE_HTTPS: 'on', TRUSTED_PROXIES: '10.0.0.0/8, 127.0.0.1' });
  t.after(() => shop.restartWeb({ REQUIRE_HTTPS: null, TRUSTED_PROXIES: null }));
  const HSTS = 'max-age=31536000';
  for (const [proto, expected] of [['https', 200], ['HTTPS', 200], ['http', 403], ['https, http', 403], ['http, https', 403], ['', 403], [undefined, 403]]) {
    const { status, headers } = await get('/api/products', { headers: proto === undefined ? {} : { 'x-forwarded-proto': proto } });
    assert.deepEqual([status, headers.get('strict-transport-security')], [expected, expected === 200 ? HSTS : null], proto);
  }
  for (const address of ['/api/nothing', '/api/orders']) { // errors too
    assert.equal((await get(address, { headers: { 'x-forwarded-proto': 'https' } })).headers.get('strict-transport-security'), HSTS, address);
  }
  const [socket] = processSockets(shop, 'catalogue');
  for (const [peer, more, expected] of [
    ['10.1.2.3', { HTTP_X_FORWARDED_PROTO: 'https' }, 200], ['192.0.2.1', { HTTP_X_FORWARDED_PROTO: 'https' }, 403],
    ['192.0.2.1', { HTTP_X_FORWARDED_FOR: '10.1.2.3', HTTP_X_FORWARDED_PROTO: 'https' }, 403], ['192.0.2.1', { HTTP_X_FORWARDED_PROTO: 'http', HTTPS: 'on' }, 200],
    ['10.1.2.3', { HTTP_X_FORWARDED_PROTO: 'http', HTTPS: 'on' }, 403], ['10.1.2.3', { HTTPS: 'on' }, 200],
  ]) {
    assert.equal((await askProcess(socket, { uri: '/api/products', headers: { ...more, REMOTE_ADDR: peer } })).status, expected, `${peer} ${JSON.stringify(more)}`);
  }
});

// ---- headers ----

test('HEAD is GET without its body, also for errors', async () => {
  const kept = (headers) => [...headers].filter(([name]) => !['date', 'x-request-id'].includes(name));
  for (const [address, who] of READS) {
    const token = tokenOf(who);
    const wanted = await get(address, { token });
    const answer = await send(shop.baseUrl, 'HEAD', address, { token });
    assert.equal(answer.text, '', address);
    assert.deepEqual([answer.status, kept(answer.headers)], [wanted.status, kept(wanted.headers)], address);
    assert.equal(Number(answer.headers.get('content-length')), Buffer.byteLength(wanted.text), address);
  }
});

test('a response is complete, whatever range is requested', async () => {
  const { headers: { etag } } = { headers: Object.fromEntries((await get('/api/products')).headers) };
  for (const [address, who] of [['/api/products'], [`/api/products/${product}`], [`/api/orders/${order.order_id}`, 'anna'], ['/healthz'], ['/v1/payment/x']]) {
    const token = tokenOf(who);
    const whole = await get(address, { token });
    assert.equal(whole.headers.get('accept-ranges'), 'none', address);
    for (const range of ['bytes=0-4', 'bytes=5-', 'bytes=-5', 'bytes=0-0,2-2', 'bytes=99999999-', 'bytes=x', 'lines=1-2']) {
      for (const more of [{}, { 'if-range': etag }]) {
        const { status, headers, text } = await get(address, { token, headers: { range, ...more } });
        assert.deepEqual([status, headers.get('content-range'), text.replace(/"request_id":"\w+"/, '')],
          [whole.status, null, whole.text.replace(/"request_id":"\w+"/, '')], `${address} ${range}`);
      }
    }
  }
});

test('only public responses to anonymous requests are publicly storable, and nosniff is set (B56)', async () => {
  for (const [address, who] of READS) {
    const { status, headers } = await get(address, { token: tokenOf(who) });
    assert.equal(headers.get('cache-control'), status === 200 && who === undefined ? 'no-cache' : 'no-store', `${address} ${who}`);
    assert.equal(headers.get('x-content-type-options'), 'nosniff', address);
    assert.equal(headers.get('content-type'), 'application/json; charset=utf-8', address);
    assert.equal(headers.get('server'), serverTag, address);
  }
  for (const answer of [
    await post('/weixin-login', JSON.stringify({ code: 'sandbox:frame-login' })), await post('/weixin-login', '{}'),
    await post('/api/payment/wxpay/notify', '{}'), await send(shop.baseUrl, 'OPTIONS', '/api/products'),
    await send(shop.baseUrl, 'DELETE', `/api/products/${await trade.product()}`, { token: trade.admin }),
  ]) {
    assert.equal(answer.headers.get('cache-control'), 'no-store');
    assert.equal(answer.headers.get('x-content-type-options'), 'nosniff');
    if (answer.status !== 204) continue;
    assert.deepEqual([answer.text, answer.headers.get('content-type')], ['', null]);
  }
});

test('every response has a unique id, and the log one line for it without private data (B55)', async () => {
  const secret = 'frame-private-text-in-a-query';
  shop.canary(secret);
  const asked = [];
  const ask = async (method, address, route, options = {}) => {
    const answer = await send(shop.baseUrl, method, address, options);
    asked.push({ method, route, status: answer.status, code: answer.body?.code ?? answer.body?.error?.code, id: answer.headers.get('x-request-id') });
  };
  await Promise.all(Array.from({ length: 8 }, () => ask('GET', '/api/products', '/api/products')));
  await ask('GET', `/api/products/${product}?q=${secret}`, '/api/products/:id');
  await ask('HEAD', '/api/categories', '/api/categories');
  await ask('GET', '/api/orders', '/api/orders');
  await ask('GET', `/api/users/${anna.user.user_id}`, '/api/users/:id', { token: anna.token });
  await ask('PUT', `/api/products/${product}`, '/api/products/:id', { token: trade.admin, raw: `{"name":"${secret}","name":1}` });
  await ask('POST', '/weixin-login', '/weixin-login', { raw: `{"code":"${secret}"}` });
  await ask('PATCH', `/api/${secret}`, '-');
  await ask('PATCH', '/api/products', '-');
  await ask('OPTIONS', '/api/products', '-');
  await ask('PROPFIND', '/v1/payment/x', '-');
  await ask('GET', `/api/orders/${order.order_id}`, '/api/orders/:no', { token: anna.token, headers: { 'x-request-id': secret } });
  assert.equal(new Set(asked.map(({ id }) => id)).size, asked.length);
  await shop.restartWeb(); // the programs end when their last line is written
  const log = shop.log();
  for (const { method, route, status, code, id } of asked) {
    assert.match(id, REQUEST_ID);
    const lines = log.filter((line) => line.request_id === id && 'status' in line);
    assert.equal(lines.length, 1, `${method} ${route}`);
    const [line] = lines;
    assert.deepEqual([line.method, line.route, line.status, line.code],
      [method === 'PROPFIND' ? '?' : method, route, status, code], JSON.stringify(line));
    for (const name of ['time', 'level', 'program', 'ms', 'bytes']) assert.ok(name in line, JSON.stringify(line));
  }
  const known = log.find(({ request_id: id }) => id === asked.at(-1).id);
  assert.equal(known.user_id, anna.user.user_id);
});

// ---- CORS ----

const PREFLIGHT = { 'access-control-request-method': 'PUT', 'access-control-request-headers': 'authorization, content-type' };
const corsOf = ({ headers }) => [...headers].filter(([name]) => name.startsWith('access-control-')).map(([name]) => name).sort();

test('a page of a configured origin may call and read, preflight included (B56)', async () => {
  for (const origin of ORIGINS) {
    for (const [address, methods] of [
      ['/api/products', 'GET, HEAD, POST, OPTIONS'], [`/api/products/${product}`, 'GET, HEAD, PUT, DELETE, OPTIONS'],
      ['/api/auth/login', 'POST, OPTIONS'], [`/api/orders/${order.order_id}/cancel`, 'POST, OPTIONS'],
    ]) {
      const { status, text, headers } = await send(shop.baseUrl, 'OPTIONS', address, { headers: { origin, ...PREFLIGHT } });
      assert.deepEqual([status, text], [204, '']);
      assert.equal(headers.get('access-control-allow-origin'), origin);
      assert.equal(headers.get('access-control-allow-methods'), methods);
      const allowed = headers.get('access-control-allow-headers').toLowerCase().split(/, */);
      for (const name of ['authorization', 'content-type', 'idempotency-key']) assert.ok(allowed.includes(name), name);
      assert.match(headers.get('access-control-max-age'), /^[1-9][0-9]*$/);
      assert.equal(headers.get('vary'), 'Origin');
    }
    for (const [address, who] of READS) {
      const { headers } = await get(address, { token: tokenOf(who), headers: { origin } });
      assert.equal(headers.get('access-control-allow-origin'), origin, address);
      assert.match(headers.get('vary'), /\bOrigin\b/, address);
      const exposed = headers.get('access-control-expose-headers').split(/, */);
      for (const name of ['Link', 'X-Request-Id', 'Idempotent-Replayed', 'Retry-After']) assert.ok(exposed.includes(name), name);
      assert.equal(headers.get('access-control-allow-credentials'), null);
    }
  }
});

test('other origins get no CORS headers (B56)', async () => {
  const [own] = ORIGINS;
  for (const origin of ['https://evil.example', `${own}.evil.example`, `${own}:444`, own.replace('https', 'http'), own.slice(0, -1), own.slice(1),
    `${own}/`, own.toUpperCase(), 'null', '*', ',', ORIGINS.join(','), 'https://', '']) {
    for (const answer of [
      await send(shop.baseUrl, 'OPTIONS', '/api/products', { headers: { origin, ...PREFLIGHT } }), await get('/api/products', { headers: { origin } }),
      await get('/api/orders', { headers: { origin } }), await get('/api/nothing', { headers: { origin } }),
    ]) {
      assert.deepEqual(corsOf(answer), [], origin);
      assert.match(answer.headers.get('vary'), /\bOrigin\b/, 'a cache must not mix the origins up');
    }
  }
  assert.deepEqual(corsOf(await send(shop.baseUrl, 'OPTIONS', '/api/products')), []);
});

test('without configured origins none is allowed, and there is no Vary', async () => {
  await shop.restartWeb({ CORS_ORIGINS: null });
  for (const origin of [...ORIGINS, '', '*', 'null']) {
    for (const method of ['GET', 'OPTIONS']) {
      const answer = await send(shop.baseUrl, method, '/api/products', { headers: { origin, ...PREFLIGHT } });
      assert.deepEqual([corsOf(answer), /Origin/.test(answer.headers.get('vary') ?? '')], [[], false], origin);
    }
  }
  await shop.restartWeb({ CORS_ORIGINS: ORIGINS.join(',') });
});

// ---- one request after another ----

// The connections that the programs hold, as the database counts them.
async function connections() {
  const rows = (await shop.connections()).filter(({ user, command }) => user === shop.env.DB_USER && command !== 'Killed');
  return rows.map(({ id }) => id).sort((a, b) => a - b);
}

function withoutIds(answer) {
  const headers = [...answer.headers].filter(([name]) => !['date', 'x-request-id'].includes(name));
  const text = answer.text.replace(answer.headers.get('x-request-id'), 'ID');
  return { status: answer.status, headers, text };
}

test('nothing of a request remains for the next one in the same process', async () => {
  const origin = { origin: ORIGINS[0] };
  const before = [
    () => get('/api/products?status=0&limit=1&q=%E6%9C%AA', { token: trade.admin, headers: origin }),
    () => get(`/api/products/${hidden}`, { token: trade.admin }),
    () => post('/api/products', '{"name":"a","name":"b"}', { token: trade.admin }),
    () => post('/api/products', '{"name":"长名","price":"1.00","stock":-1}', { token: trade.admin }),
    () => post('/api/products', 'x'.repeat(70_000), { token: trade.admin }),
    () => post('/api/products', '{}', { token: trade.admin, headers: { 'content-type': 'text/plain' } }),
    () => post('/api/products', '{}', { token: anna.token, headers: { 'idempotency-key': 'frame-1', ...origin } }),
    () => send(shop.baseUrl, 'OPTIONS', '/api/products', { headers: { ...origin, ...PREFLIGHT } }),
    () => send(shop.baseUrl, 'PATCH', '/api/products', { token: trade.admin }),
    () => send(shop.baseUrl, 'HEAD', '/api/products', { token: trade.admin }),
    () => get('/api/products/1/2'),
    () => get('/api/products?limit=abc'),
    () => send(shop.baseUrl, 'PROPFIND', '/api/products'),
  ];
  const after = [
    () => get('/api/products'),
    () => get(`/api/products/${hidden}`),
    () => post('/api/products', '{}'),
    () => post('/api/products', '{"price":"1.00"}', { token: trade.admin }),
    () => send(shop.baseUrl, 'PROPFIND', '/api/products'),
  ];
  await shop.restartWeb();
  const alone = [];
  for (const b of after) {
    await shop.restartWeb(); // the first request of a process has no previous one
    alone.push(withoutIds(await b()));
  }
  assert.deepEqual(alone.map(({ status }) => status), [200, 404, 401, 400, 405]);
  // Processes on one socket take turns; lighttpd prefers the first of several idle ones.
  const turns = serverName === 'apache' ? WORKERS.catalogue : 1;
  await until('all that take turns to have served', async () => { // a program may start after the first one serves
    await get('/api/products?limit=1', { token: trade.admin }); // no answer that is kept: it asks the database
    return (await connections()).length === turns;
  }, { limitMs: 60_000 });
  for (const a of before) {
    for (const [i, b] of after.entries()) {
      for (let turn = 0; turn < turns; turn++) await a();
      assert.deepEqual(withoutIds(await b()), alone[i], `${b} after ${a}`);
    }
  }
  assert.equal((await connections()).length, turns, 'one request at a time is served by the same processes');
});

// ---- large responses ----

// Runs `work`, and checks that no program ended meanwhile.
async function withoutDeaths(work) {
  const before = trade.workers();
  await work();
  assert.deepEqual(before.filter((pid) => !trade.workers().includes(pid)), [], 'programs that ended');
}

test('a list that is too long to write is cut into pages, for any caller, and no program ends (B63)', async () => {
  // each of these is escaped as six characters, twice in each row; without stock the audit passes
  await shop.sql(`INSERT INTO categories (category_id, name, description, created_at, updated_at)
    VALUES (63, '长', REPEAT(CHAR(1), 5000), 1700000000000, 1700000000000);
    INSERT INTO products (category_id, name, description, price, stock, status, created_at, updated_at)
    SELECT 63, '长', REPEAT(CHAR(1), 5000), 100, 0, 1, 1700000000000, 1700000000000 FROM
    (WITH RECURSIVE n AS (SELECT 1 AS i UNION ALL SELECT i + 1 FROM n WHERE i < 500) SELECT i FROM n) rows_wanted`);
  await withoutDeaths(async () => {
    for (const limit of [300, 500]) {
      const pages = [];
      for (let next = `/api/products?limit=${limit}&q=${encodeURIComponent('长')}`; next !== null;) {
        const answer = await get(next);
        assert.equal(answer.status, 200, answer.text);
        pages.push(answer.body);
        next = nextOf(answer);
      }
      assert.ok(pages[0].length < limit, `the first of ${limit} has ${pages[0].length} rows`);
      const ids = pages.flat().map(({ product_id: id }) => id);
      assert.equal(new Set(ids).size, ids.length);
      assert.equal(ids.length, 500);
      assert.ok(pages.flat().every(({ description }) => description === '\u0001'.repeat(5000)));
    }
  });
  await shop.sql("DELETE FROM products WHERE name = '长'; DELETE FROM categories WHERE category_id = 63");
});

test('a row that is too large for a request is one 500 and an alarm, and its program continues (B63)', async () => {
  const [{ packet }] = await shop.sql('SELECT @@GLOBAL.max_allowed_packet AS packet');
  const large = await trade.product({ name: '占满内存' });
  const long = await trade.product({ name: '答复过长' });
  await shop.sql(`SET GLOBAL max_allowed_packet = ${128 << 20}`);
  const session = await shop.session(); // a connection keeps the limit from its start
  await session.run(`ALTER TABLE products RENAME COLUMN description TO kept, ADD COLUMN description LONGTEXT AS
    (CASE name WHEN '占满内存' THEN REPEAT('x', ${70 << 20}) WHEN '答复过长' THEN REPEAT(CHAR(1), ${3 << 20}) ELSE kept END) VIRTUAL`);
  try {
    await shop.restartWeb();
    await withoutDeaths(async () => {
      for (const id of [large, long, large]) {
        const answer = await get(`/api/products/${id}`);
        assertRefused(answer, 500, 'INTERNAL_ERROR');
        const alarms = shop.log().filter(({ level, request_id: of }) => level === 'alarm' && of === answer.headers.get('x-request-id'));
        assert.deepEqual(alarms.map(({ area }) => area), ['memory']);
        assert.equal((await get(`/api/products/${product}`)).body.name, '龙井');
      }
    });
  } finally {
    await session.run('ALTER TABLE products DROP COLUMN description, RENAME COLUMN kept TO description');
    await session.close();
    await shop.sql(`SET GLOBAL max_allowed_packet = ${packet}`);
    await shop.restartWeb();
  }
});

// ---- lost database connections ----

// Kills the programs' connections as a database administrator would; returns how many there were.
async function loseConnections() {
  const ids = await connections();
  const killed = await killConnections((sql) => shop.sql(sql), ids);
  const left = new Set(await connections());
  assert.deepEqual(ids.filter((id) => left.has(id)), []);
  return killed;
}

function assertUnavailable({ status, headers, body }) {
  assert.equal(status, 503);
  assert.deepEqual(Object.keys(body), ['code', 'message', 'request_id']);
  assert.equal(body.code, 'DATABASE_UNAVAILABLE');
  assert.match(headers.get('retry-after'), /^[1-9][0-9]*$/);
  assert.equal(headers.get('cache-control'), 'no-store');
}

test('a lost connection is at most one clean 503 in each process, and everything works afterwards (B53)', async () => {
  await shop.restartWeb();
  const rush = (n) => Promise.all(Array.from({ length: n }, () => get('/api/products')));
  for (const { status } of await rush(60)) assert.equal(status, 200);
  const lost = await loseConnections();
  assert.ok(lost >= 1 && lost <= 4, `${lost} connections`);
  const answers = [...await rush(60), ...await rush(60)];
  const refused = answers.filter(({ status }) => status !== 200);
  refused.forEach(assertUnavailable);
  assert.ok(refused.length <= lost, `${refused.length} refusals, ${lost} connections`);
  assert.equal(new Set(answers.filter(({ status }) => status === 200).map(({ text }) => text)).size, 1);
});

test('a write that lost its connection is complete or has no effect (B53)', async () => {
  await shop.restartWeb();
  const tea = await trade.product({ stock: 1000 });
  const place = () => post('/api/orders', JSON.stringify({ items: [{ product_id: tea, quantity: 1 }] }), { token: anna.token });
  const rush = () => Promise.all(Array.from({ length: 20 }, place));
  const placed = [];
  let lost = 0;
  let refused = 0;
  // five rounds at least, and more until a connection was lost in the middle of a transaction
  for (let round = 0; round < 5 || (refused === 0 && round < 100); round++) {
    const [amid, killed] = await Promise.all([rush(), loseConnections()]);
    lost += killed;
    for (const { status, text, body } of [...amid, ...await rush(), ...await rush()]) {
      assert.ok([201, 503].includes(status), text);
      if (status === 201) placed.push(body.order_id);
      else refused += 1;
    }
    // over all rounds so far: an idle program notices its loss in a later one
    assert.ok(refused <= lost, `${refused} refusals, ${lost} connections`);
  }
  assert.ok(refused > 0, 'the connections were really lost');
  const rows = await shop.sql(`SELECT o.order_no AS order_id FROM orders o JOIN order_items i ON i.order_id = o.id WHERE i.product_id = ${tea}`);
  const kept = new Set(rows.map(({ order_id: id }) => id));
  assert.deepEqual(placed.filter((id) => !kept.has(id)), [], 'acknowledged, and not there');
  assert.equal(await trade.stock(tea), 1000 - kept.size);
});
