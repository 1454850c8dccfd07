// SPDX-License-Identifier: MIT
// `make run` and `make reset` as used, in a separate directory.

import test, { after, afterEach } from 'node:test';
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { existsSync, readdirSync, statSync } from 'node:fs';
import http from 'node:http';
import { createServer } from 'node:net';
import path from 'node:path';
import { checkout, freePort } from '../../../sandbox/files.mjs';
import { processStatus, processesOf, run, stopProcess, untilReady, withinMs } from '../../../sandbox/process.mjs';
import { WORKERS, serverName } from '../../../sandbox/web.mjs';
import { makeDirectory, mode, serverTag } from '../lib/harness.mjs';
import { programOf } from '../lib/trade.mjs';

const READY_MS = 90_000;
// the database server of these tests, and its directory if not the default
const DATABASE = Object.fromEntries(['DB', 'XDG_CACHE_HOME'].filter((name) => process.env[name]).map((name) => [name, process.env[name]]));
const STOP_MS = 60_000; // the launcher has its own timeouts for each part
const QUICK_MS = 8_000;
const PROGRAMS = Object.values(WORKERS).reduce((sum, count) => sum + count, 0);

const base = makeDirectory();
const dir = path.join(base, 'db', 'var'); // below a directory that makeDirectory() always removes
const port = await freePort();
const started = new Set();

let first; // dev.env of the first start
let running; // the shop that several tests look at

// A failing test leaves nothing behind that affects the next.
async function stopAllBut(kept) {
  const left = [...started].filter((child) => child !== kept);
  await Promise.all(left.map((child) => stopProcess(child, STOP_MS)));
}

afterEach(() => stopAllBut(running?.child));
after(() => stopAllBut(null));

// Runs a script of sandbox/ as make does: { child, output(), exited }.
function script(name, env = {}) {
  const child = spawn(process.execPath, [path.join(checkout, 'sandbox', name)], {
    cwd: checkout, stdio: ['ignore', 'pipe', 'pipe'],
    env: { PATH: process.env.PATH, HOME: process.env.HOME, MODE: mode, VAR_DIR: dir, PORT: String(port), SERVER: serverName, ...DATABASE, ...env },
  });
  let text = '';
  for (const stream of [child.stdout, child.stderr]) stream.setEncoding('utf8').on('data', (chunk) => { text += chunk; });
  started.add(child);
  child.exited = new Promise((resolve) => child.on('close', (code, signal) => {
    started.delete(child);
    resolve({ code, signal, output: text });
  }));
  return { child, output: () => text, exited: child.exited };
}

async function ready(env) {
  const shop = script('start.mjs', env);
  const is = await untilReady(() => /^minimall is ready$/m.test(shop.output()), shop.child, READY_MS);
  assert.ok(is, `not ready: ${shop.output()}`);
  return shop;
}

async function stopped(shop, signal) {
  shop.child.kill(signal);
  const end = await withinMs(shop.exited, STOP_MS);
  assert.ok(end, `still there ${STOP_MS} ms after ${signal}: ${shop.output()}`);
  return end;
}

// The result of a script that ends by itself: { code, output }.
async function finished(name, env) {
  const { exited, output } = script(name, env);
  const end = await withinMs(exited, READY_MS);
  assert.ok(end, `${name} does not end: ${output()}`);
  return end;
}

// The variables of dev.env, sourced by a shell.
async function devEnv() {
  const names = ['BASE_URL', 'ADMIN_ACCOUNT', 'ADMIN_PASSWORD', 'SANDBOX_URL', 'SANDBOX_ALIPAY_URL', 'GATEWAY_SECRET', 'DB_SOCKET', 'DB_NAME'];
  const print = names.map((name) => `printf '%s\\n' "\${${name}?}"`).join(';');
  const { code, stdout, stderr } = await run('sh', ['-eu', '-c', `. "$1"; ${print}`, 'sh', path.join(dir, 'dev.env')]);
  assert.equal(code, 0, stderr);
  const values = stdout.split('\n');
  return Object.fromEntries(names.map((name, index) => [name, values[index]]));
}

async function request(address, { token, ...options } = {}) {
  const headers = { 'content-type': 'application/json', ...(token ? { authorization: `Bearer ${token}` } : {}) };
  const response = await fetch(address, { headers, ...options });
  assert.ok(response.ok, `${address}: ${response.status}`);
  return response.json();
}

// One request with a raw path: { status, headers, body }.
function rawRequest(method, address, body) {
  return new Promise((resolve, reject) => {
    const headers = body ? { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) } : {};
    const asked = http.request({ host: '127.0.0.1', port, method, path: address, headers, agent: false }, (response) => {
      let text = '';
      response.setEncoding('utf8').on('data', (chunk) => { text += chunk; });
      response.on('end', () => resolve({ status: response.statusCode, headers: response.headers, body: text }));
    });
    asked.on('error', reject);
    asked.end(body);
  });
}

async function adminToken({ BASE_URL, ADMIN_ACCOUNT, ADMIN_PASSWORD }) {
  const body = JSON.stringify({ account: ADMIN_ACCOUNT, password: ADMIN_PASSWORD });
  return (await request(`${BASE_URL}/api/auth/login`, { method: 'POST', body })).token;
}

// Everything that a start may leave behind: processes of the shop, its web server and its database.
function processes() {
  return [dir, path.join(dir, 'web'), path.join(dir, 'db')].flatMap(processesOf);
}

// Whether the web server, which accepts sooner, has started all of its programs.
function allRun() {
  return processesOf(path.join(dir, 'web')).filter((pid) => programOf(pid).endsWith('.fcgi')).length === PROGRAMS;
}

// The web server's main process: Apache's children run the same program, and ids don't tell.
function webServer({ child }) {
  const program = { lighttpd: /lighttpd$/, apache: /apache2$/ }[serverName];
  const found = processesOf(path.join(dir, 'web')).filter((pid) => program.test(programOf(pid)) && processStatus(pid)?.parent === child.pid);
  assert.equal(found.length, 1, `web servers: ${found}`);
  return found[0];
}

test('a first start reports that it is ready, and its URLs', async () => {
  running = await ready();
  first = await devEnv();
  assert.equal(first.BASE_URL, `http://127.0.0.1:${port}`);
  for (const name of ['BASE_URL', 'ADMIN_ACCOUNT', 'ADMIN_PASSWORD', 'SANDBOX_URL']) {
    assert.ok(running.output().includes(first[name]), `${name} is not in: ${running.output()}`);
  }
  assert.ok(running.output().includes(`${first.BASE_URL}/admin/`));
  assert.doesNotMatch(running.output(), /warning/i);
  assert.equal(statSync(path.join(dir, 'dev.env')).mode & 0o777, 0o600);
  assert.equal(statSync(path.join(dir, 'minimall.conf')).mode & 0o777, 0o600);
});

test('the demo shop has products, orders in every status, and exactly one administrator', async () => {
  const token = await adminToken(first);
  const at = (address) => request(`${first.BASE_URL}${address}?limit=500`, { token });
  const [users, products, categories, orders] = await Promise.all(['users', 'products', 'categories', 'orders'].map((name) => at(`/api/${name}`)));
  assert.equal(users.filter((user) => user.permission_level === 1).length, 1);
  assert.equal(users.filter((user) => user.nickname && user.openid).length, 4);
  assert.equal(products.length, 30);
  assert.equal(categories.length, 10);
  assert.deepEqual(orders.map((order) => order.status).sort(), [0, 1, 1, 2, 2, 3, 3, 4]);
  const onShelf = await request(`${first.BASE_URL}/api/products?limit=500`);
  assert.equal(onShelf.length, 28);
  assert.ok(onShelf.some((product) => product.stock === 0) && onShelf.some((product) => product.price === 0.01));
});

test('a payment and its refund work with only the shop and its simulator (B30, B43)', async () => {
  const send = (method, address, token, body) => request(`${first.BASE_URL}${address}`, { method, token, body: JSON.stringify(body) });
  const { token } = await send('POST', '/weixin-login', undefined, { code: 'sandbox:refunded' });
  const staff = await adminToken(first);
  const [product] = (await request(`${first.BASE_URL}/api/products?limit=500`)).filter(({ stock }) => stock > 0);
  const order = await send('POST', '/api/orders', token, { items: [{ product_id: product.product_id, quantity: 1 }] });
  const [{ id: plan }] = (await request(`${first.BASE_URL}/api/membership/plans/`)).data;
  const membership = (await send('POST', '/api/membership/orders/create/', token, { plan_id: plan })).data;
  for (const no of [order.order_id, membership.order_no]) {
    const prepared = JSON.stringify(await send('POST', '/api/payment/wxpay', token, { order_id: no }));
    const paid = await request(`${first.SANDBOX_URL}/pay/${/prepay_id=(\w+)/.exec(prepared)[1]}`, { method: 'POST' });
    assert.equal(paid.status, 200);
  }
  assert.equal((await send('POST', '/api/payment/refunds', staff, { order_id: order.order_id, reason: '退货' })).status, 'SUCCESS');
  const asked = (await send('POST', '/api/membership/orders/action/', staff, { order_no: membership.order_no, action: 'refund' })).data;
  assert.match(asked.status, /^REFUND(ING|ED)$/);
  const detail = `${first.BASE_URL}/api/membership/orders/detail/?order_no=${membership.order_no}`;
  const done = async () => (await request(detail, { token: staff })).data.status === 'REFUNDED';
  assert.ok(await untilReady(done, running.child, READY_MS), 'the start has jobs done');
});

test('the database is reachable with dev.env', async () => {
  const { code, stdout, stderr } = await run('mariadb', ['--no-defaults', `--socket=${first.DB_SOCKET}`, '--batch', first.DB_NAME,
    '--execute', 'SELECT COUNT(*) FROM products']);
  assert.equal(code, 0, stderr);
  assert.equal(stdout.trim().split('\n').pop(), '30');
});

// [path exactly as sent, status, part of the body]; the API's 404 is JSON, the web server's is a page. A path outside the
// root is invalid for Apache, so the API refuses it.
const OUTSIDE = serverName === 'apache' ? '"message"' : '<html';
const ADDRESSES = [
  ['/api/products?limit=1', 200, '"product_id"'],
  ['/api/products/', 200, '"product_id"'],
  ['/api/productsX', 404, '"message"'],
  ['/api/nothing', 404, '"message"'],
  ['/api', 404, '"message"'],
  ['/v1/nothing', 404, '"code"'],
  ['/api%2Fproducts', 404, '"message"'],
  ['/api/products%2F1', 404, '"message"'],
  ['/api/categories/../products', 404, '"message"'],
  ['/api/categories/%2e%2e/products', 404, '"message"'],
  ['/api/products/%ff', 404, '"message"'],
  ['/metricsX', 404, '<html'],
  ['/../../../../etc/passwd', 404, OUTSIDE],
  ['/..%2f..%2f..%2fetc/passwd', 404, '<html'],
  ['/%2e%2e/lighttpd.conf.example', 404, OUTSIDE],
];

test('every path reaches the program that owns it, unchanged', async () => {
  for (const [address, status, words] of ADDRESSES) {
    const answer = await rawRequest('GET', address);
    assert.equal(answer.status, status, `${address}: ${answer.body}`);
    assert.ok(answer.body.includes(words), `${address}: ${answer.body}`);
    assert.equal(answer.headers['x-content-type-options'], 'nosniff', address);
    assert.equal(answer.headers.server ?? null, serverTag, address);
  }
});

test('a body over the limit is refused in the API\'s format, or by the web server\'s limit', async () => {
  const refused = await rawRequest('POST', '/api/auth/login', JSON.stringify({ account: 'a'.repeat(70_000) }));
  assert.equal(refused.status, 413);
  assert.ok(JSON.parse(refused.body).message);
  assert.equal((await rawRequest('POST', '/api/auth/login', 'x'.repeat(400_000))).status, 413);
});

test('everything else is served with the security headers of pages', async () => {
  for (const address of ['/', '/admin/', '/pay/', '/nothing.html']) {
    const { headers } = await rawRequest('GET', address);
    assert.match(headers['content-security-policy'], /default-src 'none'; script-src 'self';/, address);
    assert.doesNotMatch(headers['content-security-policy'], /unsafe/, address);
    assert.equal(headers['x-content-type-options'], 'nosniff', address);
  }
});

test('every page of htdocs is served with its type and a short max-age', async () => {
  const htdocs = path.join(checkout, 'htdocs');
  const pages = ['', 'admin', 'pay'].map((part) => path.join(htdocs, part)).filter((directory) => existsSync(directory))
    .flatMap((directory) => readdirSync(directory).filter((name) => name.endsWith('.html')).map((name) => path.join(directory, name)));
  for (const page of pages) {
    const { status, headers } = await rawRequest('GET', `/${path.relative(htdocs, page)}`);
    assert.equal(status, 200, page);
    assert.equal(headers['content-type'], 'text/html; charset=utf-8');
    assert.equal(headers['cache-control'], 'max-age=300');
  }
});

test('a second start and a reset are refused while it runs, and don\'t disturb it', async () => {
  for (const [name, env] of [['start.mjs', {}], ['start.mjs', { PORT: String(await freePort()) }], ['reset.mjs', {}]]) {
    const { code, output } = await finished(name, env);
    assert.equal(code, 1, output);
    assert.match(output, /is in use by a shop that runs already \(process [0-9]+\)/);
  }
  assert.deepEqual(await devEnv(), first);
  await request(`${first.BASE_URL}/api/products`);
});

test('Ctrl-C stops everything within 8 seconds', async () => {
  let ms = Infinity;
  for (let tries = 0; tries < 2 && ms > QUICK_MS; tries++) { // a busy machine may be late once
    const shop = running ?? await ready();
    running = undefined;
    assert.ok(await untilReady(() => processes().length > 10, shop.child, READY_MS));
    const began = performance.now();
    const { code, output } = await stopped(shop, 'SIGINT');
    ms = performance.now() - began;
    assert.equal(code, 0, output);
    assert.deepEqual(processes(), []);
    await assert.rejects(fetch(first.BASE_URL));
  }
  assert.ok(ms <= QUICK_MS, `${ms} ms`);
});

test('a second start keeps data, sign-in and sandbox', async () => {
  const shop = await ready();
  assert.deepEqual(await devEnv(), first);
  assert.ok(!shop.output().includes('demo data'), shop.output());
  const token = await adminToken(first);
  assert.equal((await request(`${first.BASE_URL}/api/orders?limit=500`, { token })).length, 9, 'those of the demo, and the refunded one');
  const { code, output } = await stopped(shop, 'SIGTERM');
  assert.equal(code, 0, output);
  assert.deepEqual(processes(), []);
});

test('when a start is killed everything ends', async () => {
  const shop = await ready();
  // a program that lighttpd is just starting misses the signal
  assert.ok(await untilReady(allRun, shop.child, READY_MS), `not ${PROGRAMS} programs: ${processes()}`);
  shop.child.kill('SIGKILL');
  await shop.exited;
  const forever = { exited: new Promise(() => {}) };
  assert.ok(await untilReady(() => processes().length === 0, forever, STOP_MS), `left after ${STOP_MS} ms: ${processes()}`);
});

test('what a killed start leaves behind ends by itself or is ended by the next start', async () => {
  const shop = await ready();
  process.kill(webServer(shop), 'SIGKILL'); // its programs lose their parent
  shop.child.kill('SIGKILL');
  await shop.exited;
  const next = await ready();
  assert.deepEqual(await devEnv(), first);
  const { code, output } = await stopped(next, 'SIGHUP');
  assert.equal(code, 0, output);
  assert.deepEqual(processes(), []);
});

test('when the web server dies, the start reports it and stops everything', async () => {
  const shop = await ready();
  process.kill(webServer(shop), 'SIGKILL');
  const end = await withinMs(shop.exited, STOP_MS);
  assert.equal(end?.code, 1, shop.output());
  assert.match(end.output, /the web server ended/);
  assert.deepEqual(processes(), []);
});

test('an interrupted first start cleans up and can be repeated', async () => {
  const other = path.join(base, 'db', 'other');
  const shop = script('start.mjs', { VAR_DIR: other });
  assert.ok(await untilReady(() => /creating the database/.test(shop.output()), shop.child, READY_MS), shop.output());
  const { code, output } = await stopped(shop, 'SIGINT');
  assert.equal(code, 0, output);
  assert.deepEqual([other, path.join(other, 'web'), path.join(other, 'db')].flatMap(processesOf), []);
  assert.equal((await stopped(await ready({ VAR_DIR: other }), 'SIGTERM')).code, 0);
});

test('a port that is in use or invalid is named', async (t) => {
  const server = createServer().listen(0, '127.0.0.1');
  t.after(() => server.close());
  await new Promise((resolve) => server.once('listening', resolve));
  const taken = String(server.address().port);
  for (const [PORT, words] of [[taken, `port ${taken} is taken`], ['eighty', 'PORT=eighty is no port number']]) {
    const { code, output } = await finished('start.mjs', { PORT });
    assert.equal(code, 1, output);
    assert.ok(output.includes(words), output);
  }
  assert.deepEqual(processes(), []);
});

test('without the sandbox every missing setting of the providers is named', async () => {
  const { code, output } = await finished('start.mjs', { SANDBOX: 'off', WECHAT_APPID: 'wx0123456789abcdef' });
  assert.equal(code, 1, output);
  assert.match(output, /Missing: WECHAT_SECRET, WECHAT_MCHID, WECHAT_API_V3_KEY, /);
  assert.deepEqual(processes(), []);
});

test('a reset drops the data and nothing else', async () => {
  const { code, output } = await finished('reset.mjs');
  assert.equal(code, 0, output);
  assert.ok(existsSync(dir));
  assert.deepEqual(readdirSync(dir), []);
});
