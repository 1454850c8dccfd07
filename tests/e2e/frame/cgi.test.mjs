// SPDX-License-Identifier: MIT
// The same programs started in other ways: as plain CGI directly, behind lighttpd's mod_cgi and Apache's mod_cgid, and as
// FastCGI behind Apache's mod_fcgid.

import { after, test } from 'node:test';
import assert from 'node:assert/strict';
import { readdirSync, statSync } from 'node:fs';
import path from 'node:path';
import { run } from '../../../sandbox/process.mjs';
import { serverName } from '../../../sandbox/web.mjs';
import { rawRequest } from '../lib/raw-request.mjs';
import { binDir, openShop } from '../lib/harness.mjs';
import { serveBy } from '../lib/second-server.mjs';

const shop = await openShop({ testClock: false });
const admin = await shop.admin();
const { product_id: product } = await shop.ok('POST', '/api/products', { token: admin, body: { name: '普洱', price: '12.50', stock: 9 } });

// ---- directly ----

const KEPT = ['ASAN_OPTIONS', 'UBSAN_OPTIONS'].filter((name) => process.env[name]);

// One request to a program, as a web server makes it: { status, headers, body }.
async function cgi(program, method, uri, { body = '', env = {} } = {}) {
  const { code, stdout, stderr } = await run(path.join(binDir, `${program}.fcgi`), [], {
    input: body,
    env: {
      MINIMALL_CONFIG: path.join(shop.dir, 'minimall.conf'), ...Object.fromEntries(KEPT.map((name) => [name, process.env[name]])),
      GATEWAY_INTERFACE: 'CGI/1.1', SERVER_PROTOCOL: 'HTTP/1.1', REMOTE_ADDR: '127.0.0.1', REQUEST_METHOD: method, REQUEST_URI: uri,
      ...(body === '' ? {} : { CONTENT_LENGTH: String(Buffer.byteLength(body)), CONTENT_TYPE: 'application/json' }), ...env,
    },
  });
  assert.deepEqual([code, stderr], [0, '']);
  const border = stdout.indexOf('\r\n\r\n');
  const headers = Object.fromEntries(stdout.slice(0, border).split('\r\n').map((line) => line.split(/: (.*)/s)));
  const text = stdout.slice(border + 4);
  if (headers['Content-Length']) assert.equal(Buffer.byteLength(text), method === 'HEAD' ? 0 : Number(headers['Content-Length']));
  return { status: Number(headers.Status), headers, body: text === '' ? null : JSON.parse(text) };
}

const credentials = JSON.stringify(shop.adminAccount);

test('a program that a web server starts for one request answers it and ends', async () => {
  const found = await cgi('catalogue', 'GET', `/api/products/${product}`);
  assert.deepEqual([found.status, found.body.name], [200, '普洱']);
  const head = await cgi('catalogue', 'HEAD', '/api/products');
  assert.deepEqual([head.status, head.body], [200, null]);
  const missing = await cgi('catalogue', 'GET', '/api/products/999999');
  assert.deepEqual([missing.status, missing.body.code], [404, 'NOT_FOUND']);
  assert.equal((await cgi('catalogue', 'GET', '/api/productsX')).status, 404);
  const wrong = await cgi('catalogue', 'PATCH', '/api/products');
  assert.deepEqual([wrong.status, wrong.headers.Allow], [405, 'GET, HEAD, POST, OPTIONS']);
});

test('a body is read up to its length, and ignored without one', async () => {
  const signIn = (options) => cgi('passwords', 'POST', '/api/auth/login', { body: credentials, ...options });
  const { status, body: { token } } = await signIn();
  assert.equal(status, 200);
  const bearer = { HTTP_AUTHORIZATION: `Bearer ${token}` };
  assert.equal((await cgi('users', 'GET', '/api/auth/me', { env: bearer })).status, 200);
  assert.equal((await signIn({ body: `${credentials}{"more":1}`, env: { CONTENT_LENGTH: String(credentials.length) } })).status, 200);
  const made = await cgi('catalogue', 'POST', '/api/categories', { body: '{"name":"茶"}', env: bearer });
  assert.equal(made.status, 201, JSON.stringify(made.body));
  for (const length of ['', '0', String(credentials.length + 1), 'x', '-1']) {
    assert.equal((await signIn({ env: { CONTENT_LENGTH: length } })).status, 400, `CONTENT_LENGTH=${length}`);
  }
  assert.equal((await cgi('passwords', 'POST', '/api/auth/login')).status, 400, 'no length, no body');
});

test('a body over the limit is refused, whether sent or only announced', async () => {
  for (const body of ['x'.repeat(70_000), 'x'.repeat(300_000)]) {
    assert.equal((await cgi('passwords', 'POST', '/api/auth/login', { body })).status, 413);
  }
  assert.equal((await cgi('passwords', 'POST', '/api/auth/login', { body: '{}', env: { CONTENT_LENGTH: '9223372036854775806' } })).status, 413);
  const provider = '/api/payment/wxpay/notify';
  assert.notEqual((await cgi('notify', 'POST', provider, { body: 'x'.repeat(70_000) })).status, 413);
  assert.equal((await cgi('notify', 'POST', provider, { body: 'x'.repeat(300_000) })).status, 413);
});

// ---- behind a web server ----

const served = new Map(); // programs of a failed server must not remain
after(() => Promise.all([...served.values()].map((server) => server.stop())));

// With the shipped configuration each path reaches the same program as otherwise.
const ADDRESSES = [
  '/healthz', '/v1/nothing', '/api', '/api/productsX', '/api/products%2F1',
  '/api%2Fproducts', '/api/products/%ff', '/api/categories/../products', '/api/users', '/api/auth/nothing', '/api/products/', '/api/categories',
  '/api/orders', '/api/membership/cards', '/api/membership/transactions', '/api/payment/wxpay', '/api/payment/wxpay/notify',
  '/payment/create', '/v1/payment/create', '/v1/payment/notify', '/weixin-login', `/api/products/${'1'.repeat(300)}`,
];

const PAGES = ['/', '/admin/', '/nothing.html', '/metricsX']; // lighttpd words a missing one otherwise

async function answersAsTheShop({ base }) {
  for (const address of [...ADDRESSES, ...(serverName === 'apache' ? PAGES : [])]) {
    for (const method of ['GET', 'HEAD']) {
      const [here, there] = await Promise.all([rawRequest({ baseUrl: base }, method, address), rawRequest(shop, method, address)]);
      const said = ({ status, json, headers }) => [status, json?.code, headers['content-type'], headers['x-content-type-options'],
        headers['content-security-policy'], headers.allow, json && headers['content-length']];
      assert.deepEqual(said(here), said(there), `${method} ${address}`);
    }
  }
}

// The web server's sockets that others could open, regardless of their directory. (db.sock is the test's.)
function openSockets(home) {
  return readdirSync(home, { withFileTypes: true }).flatMap((entry) => {
    const file = path.join(home, entry.name);
    const { mode } = statSync(file);
    if (entry.isDirectory()) return (mode & 0o077) === 0 ? [] : openSockets(file);
    return entry.isSocket() && entry.name !== 'db.sock' && (mode & 0o077) !== 0 ? [`${file} ${(mode & 0o777).toString(8)}`] : [];
  });
}

for (const module of ['mod_cgi', 'mod_cgid', 'mod_fcgid']) {
  test(`a customer signs in, orders and pays through ${module}`, async () => {
    const server = await serveBy(shop, module);
    served.set(module, server);
    const at = server.base;
    const { token } = await shop.ok('POST', `${at}/weixin-login`, { body: { code: `sandbox:${module}` } });
    assert.equal((await shop.call('GET', `${at}/api/auth/me`)).status, 401);
    assert.equal((await shop.call('GET', `${at}/api/products/${product}/x`)).status, 404);
    const goods = await shop.ok('GET', `${at}/api/products?limit=1`);
    assert.equal(goods[0].product_id, product);
    const placed = await shop.call('POST', `${at}/api/orders`, { token, body: { items: [{ product_id: product, quantity: 2 }] } });
    assert.equal(placed.status, 201, JSON.stringify(placed.body));
    const { order_id: order } = placed.body;
    const prepared = await shop.ok('POST', `${at}/api/payment/wxpay`, { token, body: { order_id: order } });
    const paid = await shop.pay(prepared.package.replace(/^prepay_id=/, ''));
    assert.equal(paid.status, 200, JSON.stringify(paid.body));
    assert.equal((await shop.ok('GET', `${at}/api/orders/${order}`, { token })).status, 1);
    const large = await shop.call('POST', `${at}/api/auth/login`, { raw: 'x'.repeat(70_000) });
    assert.equal(large.status, 413);
    const nobodys = await shop.call('GET', `${at}/api/nothing`);
    assert.equal(nobodys.status, 404);
    for (const { body } of [large, nobodys]) assert.ok(body.message, 'in the words of the API');
    if (module !== 'mod_cgi') await answersAsTheShop(server);
    assert.deepEqual(openSockets(path.join(shop.dir, module)), []);
    served.delete(module);
    assert.deepEqual(await server.stop(), { forced: 0, reports: [] });
  });
}
