// SPDX-License-Identifier: MIT
// The web server's own behaviour: its errors are in the API's format (BEHAVIOUR 66), slow or idle clients delay nobody (40),
// and only it can open the programs' sockets.
import { after, test } from 'node:test';
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { readFileSync, readdirSync, statSync } from 'node:fs';
import { connect } from 'node:net';
import path from 'node:path';
import { checkout } from '../../../sandbox/files.mjs';
import { WORKERS, serverName } from '../../../sandbox/web.mjs';
import { withinMs } from '../../../sandbox/process.mjs';
import { rawRequest } from '../lib/raw-request.mjs';
import { openTrade, until } from '../lib/trade.mjs';

const trade = await openTrade({ own: true });
const { shop } = trade;
const { host, hostname, port } = new URL(shop.baseUrl);
const anna = await trade.buyer();
const tea = await trade.product();
const opened = new Set();
after(() => opened.forEach((socket) => socket.destroy()));

// A connection that has sent this much.
function send(text) {
  const socket = connect({ host: hostname, port: Number(port) });
  opened.add(socket);
  socket.on('error', () => {});
  socket.on('close', () => opened.delete(socket));
  socket.write(text);
  return socket;
}

// The complete response to a raw text: { status, headers, body }.
async function ask(text) {
  const socket = send(text);
  const parts = [];
  socket.on('data', (part) => parts.push(part));
  await once(socket, 'close');
  const [head, body = ''] = Buffer.concat(parts).toString().split(/\r\n\r\n([^]*)/);
  const [line, ...lines] = head.split('\r\n');
  return { status: Number(line.split(' ')[1]), headers: new Headers(lines.map((one) => one.split(/: (.*)/).slice(0, 2))), body };
}

const HEAD = `Host: ${host}\r\nConnection: close\r\n`;
const JSON_HEAD = `${HEAD}Content-Type: application/json\r\n`;

// ---- errors ----

// For each dialect (lib/web/dialect.c): a path, and the members of its errors.
const DIALECTS = [
  ['/api/products', ['code', 'message']], ['/weixin-login', ['code', 'message']], ['/healthz', ['code', 'message']],
  ['/api/membership/orders', ['success', 'code', 'message']], ['/membership/status', ['success', 'code', 'message']],
  ['/payment/create', ['success', 'code', 'message']], ['/v1/payment/create', ['error']], ['/api/v1/member-system/points', ['error']],
];

function assertRefused({ status, headers, body }, wanted, members, what) {
  assert.equal(status, wanted, what);
  assert.equal(headers.get('content-type'), 'application/json; charset=utf-8', `${what}: ${body}`);
  const said = JSON.parse(body);
  assert.deepEqual(Object.keys(said).filter((name) => name !== 'request_id'), members, what);
  const { code, message } = said.error ?? said;
  assert.match(code, /^[A-Z_]+$/, what);
  assert.match(message, /\p{Script=Han}/u, what);
}

test('a body over the server\'s limit is refused in the dialect of the path (B66)', async () => {
  for (const [address, members] of DIALECTS) {
    assertRefused(await ask(`POST ${address} HTTP/1.1\r\n${JSON_HEAD}Content-Length: 3000000\r\n\r\n`), 413, members, address);
  }
});

// lighttpd answers 431 where Apache answers 400, and knows the path only when it could read all headers.
const HEADERS_TOO_LARGE = { lighttpd: 431, apache: 400 }[serverName];

test('an unreadable request is refused in the API\'s format (B66)', async () => {
  for (const [what, request, status] of [
    ['no Host', 'GET /api/products HTTP/1.1\r\nConnection: close\r\n\r\n', 400],
    ['no Host, healthy', 'GET /healthz HTTP/1.1\r\nConnection: close\r\n\r\n', 400],
    ['two lengths', `POST /api/orders HTTP/1.1\r\n${JSON_HEAD}Content-Length: 2\r\nContent-Length: 3\r\n\r\n{} `, 400],
    ['a length that is none', `POST /api/orders HTTP/1.1\r\n${JSON_HEAD}Content-Length: x\r\n\r\n`, 400],
    ['a header of 20 kB', `GET /api/products HTTP/1.1\r\n${HEAD}X: ${'a'.repeat(20_000)}\r\n\r\n`, HEADERS_TOO_LARGE],
    ['no HTTP', 'GET /api/products nonsense\r\n\r\n', 400],
  ]) assertRefused(await ask(request), status, ['code', 'message'], what);
});

test('a body without a length is refused in the API\'s format (B66)', async () => {
  const { status, headers, body } = await ask(`POST /api/auth/login HTTP/1.1\r\n${JSON_HEAD}\r\n`);
  assertRefused({ status: 400, headers, body }, 400, ['code', 'message'], 'POST');
  assert.ok([400, 411].includes(status), `${status}`);
});

test('the error documents can\'t be requested, and pages have the server\'s own (B66)', async () => {
  const documents = readdirSync(path.join(checkout, 'htdocs/errors'), { recursive: true }).filter((name) => name.endsWith('.html'));
  assert.ok(documents.length > 50);
  for (const name of ['400.html', 'renewal/503.html', 'membership-orders/500.html']) {
    assert.ok(documents.includes(name), name);
    const { status, json } = await rawRequest(shop, 'GET', `/errors/${name}`);
    assert.deepEqual([status, json?.code], [404, 'NOT_FOUND'], name);
  }
  for (const address of ['/nothing.html', '/admin/index.html/x', '/index.html/', '/apiX']) {
    const { status, headers, text } = await rawRequest(shop, 'GET', address);
    assert.equal(status, 404, address);
    assert.match(headers['content-type'], /^text\/html/, address);
    assert.match(text, /<html/, address);
  }
});

test('a program that crashes in a request leaves an error in the API\'s format (B53, B66)', async () => {
  const product = await trade.product();
  const session = shop.session();
  await session.run('START TRANSACTION');
  await session.run(`SELECT stock FROM products WHERE product_id = ${product} FOR UPDATE`);
  const text = JSON.stringify({ items: [{ product_id: product, quantity: 1 }] });
  const answered = ask(`POST /api/orders HTTP/1.1\r\n${JSON_HEAD}Authorization: Bearer ${anna.token}\r\nContent-Length: ${text.length}\r\n\r\n${text}`);
  await until('the order to wait for its product', async () => (await shop.connections())
    .some(({ command, info }) => command !== 'Sleep' && info.includes('FOR UPDATE')));
  for (const pid of trade.workers('orders')) process.kill(pid, 'SIGKILL');
  const answer = await answered;
  await session.close();
  assertRefused(answer, { lighttpd: 500, apache: 503 }[serverName], ['code', 'message'], 'the order');
  if (answer.status === 503) assert.match(answer.headers.get('retry-after'), /^[1-9]/);
  await until('orders to be served again', async () => (await trade.tryOrder(anna, [[product, 1]])).status === 201, { limitMs: 60_000 });
});

test('a request target in absolute form is accepted (RFC 9112, 3.2.2)', async () => {
  const answers = await Promise.all(['/healthz', `http://${host}/healthz`, `HTTP://${host}/healthz?x=1`, `http://${host}/api/products/0`]
    .map((target) => ask(`GET ${target} HTTP/1.1\r\n${HEAD}\r\n`)));
  assert.deepEqual(answers.map(({ status }) => status), [200, 200, 200, 404]);
  assert.equal(answers[1].body, answers[0].body);
});

// ---- slow clients ----

test('8 clients that never finish sending delay no notification (B40)', async () => {
  // if they were disconnected before, the test proves nothing: repeat it on a busy machine
  const played = [];
  for (let round = 0; round < 3; round += 1) {
    const slow = Array.from({ length: 2 * WORKERS.notify }, () => send(`POST /api/payment/wxpay/notify HTTP/1.1\r\n${JSON_HEAD}Content-Length: 400\r\n\r\n{"i`));
    slow.forEach((socket) => socket.resume()); // only a reader notices the end
    await Promise.all(slow.map((socket) => once(socket, 'connect')));
    await rawRequest(shop, 'GET', '/healthz'); // accepted after them
    const { status } = await rawRequest(shop, 'POST', '/api/payment/wxpay/notify', { body: '{}' });
    for (let i = 0; i < 5; i += 1) await rawRequest(shop, 'GET', '/healthz'); // a disconnect is known by now
    const open = slow.filter(({ readyState }) => readyState === 'open').length;
    slow.forEach((socket) => socket.destroy());
    played.push(`${status} beside ${open} of ${slow.length}`);
    if (status === 401 && open === slow.length) return;
  }
  assert.fail(played.join(', '));
});

test('clients that request a large response and don\'t read it delay nobody', async () => {
  await Promise.all(Array.from({ length: 80 }, () => trade.product({ description: '茶'.repeat(5000) })));
  assert.ok((await rawRequest(shop, 'GET', '/api/products?limit=300')).text.length > 300_000); // and three bytes a character
  const slow = Array.from({ length: 2 * WORKERS.catalogue }, () => send(`GET /api/products?limit=300 HTTP/1.1\r\nHost: ${host}\r\n\r\n`).pause());
  await Promise.all(slow.map((socket) => once(socket, 'connect')));
  await rawRequest(shop, 'GET', '/healthz'); // accepted after them
  const answer = await withinMs(rawRequest(shop, 'GET', `/api/products/${tea}`), 20_000); // a program that writes to them is released after 30 s
  slow.forEach((socket) => socket.destroy());
  assert.equal(answer?.status, 200);
});

test('2,000 connections that never finish their headers delay nobody', async () => {
  const COUNT = 2000;
  const played = [];
  for (let round = 0; round < 3; round += 1) { // see above
    const idle = [];
    while (idle.length < COUNT) { // at most the server's backlog at a time: the kernel would delay the others
      const some = Array.from({ length: 250 }, () => send('GET /api/products HTTP/1.1\r\nHost: shop').resume());
      idle.push(...some);
      await Promise.all(some.map((socket) => once(socket, 'connect')));
    }
    const answers = [];
    for (const address of ['/healthz', '/api/products', '/']) answers.push((await rawRequest(shop, 'GET', address)).status);
    answers.push((await trade.tryOrder(anna, [[tea, 1]])).status);
    const open = idle.filter(({ readyState }) => readyState === 'open').length;
    idle.forEach((socket) => socket.destroy());
    played.push(`${answers} beside ${open} of ${COUNT}`);
    if (answers.join() === '200,200,200,201' && open === COUNT) return;
  }
  assert.fail(played.join('; '));
});

// ---- sockets ----

test('only the web server can open the programs\' sockets', () => {
  const home = path.join(shop.dir, 'web');
  const sockets = readdirSync(home).map((name) => [name, statSync(path.join(home, name))]).filter(([, stat]) => stat.isSocket());
  assert.ok(sockets.length >= Object.keys(WORKERS).length);
  const owner = serverName === 'apache' && process.getuid() === 0 ? /^www-data:.*?:(\d+):/m.exec(readFileSync('/etc/passwd', 'utf8'))[1] : process.getuid();
  for (const [name, { mode, uid }] of sockets) assert.deepEqual([name, (mode & 0o777).toString(8), uid], [name, '600', Number(owner)]);
  const unit = readFileSync(path.join(checkout, 'docs/systemd/minimall@.socket'), 'utf8');
  assert.match(unit, /^SocketMode=0600$/m);
  assert.match(unit, /^SocketUser=www-data$/m);
});
