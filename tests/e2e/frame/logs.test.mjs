// SPDX-License-Identifier: MIT
// The logs: one JSON line for each request, and nothing private (BEHAVIOUR 55). Private values are canaries here: they are
// sent through every route, in requests that succeed, are refused or fail, and then searched for in every log.
import assert from 'node:assert/strict';
import { appendFileSync, copyFileSync, existsSync, readFileSync, readdirSync } from 'node:fs';
import http from 'node:http';
import path from 'node:path';
import { test } from 'node:test';
import { run } from '../../../sandbox/process.mjs';
import { logName } from '../../../sandbox/web.mjs';
import { Canaries, ENCODINGS } from '../lib/private-texts.mjs';
import { askProcess, rawRequest, processSockets } from '../lib/raw-request.mjs';
import { makeForger } from '../lib/notifications.mjs';
import { binDir } from '../lib/harness.mjs';
import { PAID, openTrade, prepayIdOf, until } from '../lib/trade.mjs';

const NOTIFY = '/api/payment/wxpay/notify';
const PRIVATE_MEMBERS = new Set(['token', 'refresh_token', 'openid', 'phone', 'email', 'card_number', 'paySign', 'package', 'nonceStr']);

const canaries = new Canaries();
const trade = await openTrade({ own: true });
const { shop } = trade;
const forger = makeForger(trade.keys, `${shop.baseUrl}${NOTIFY}`);
const anna = await trade.buyer();
const product = await trade.product({ stock: 10_000 });

// ---- private data ----

for (const name of ['JWT_SECRET', 'DB_PASSWORD', 'WECHAT_SECRET', 'WECHAT_API_V3_KEY']) canaries.add(name, shop.env[name]);
const keyLines = readFileSync(shop.env.WECHAT_MCH_PRIVATE_KEY_FILE, 'utf8').split('\n').filter((line) => line.length > 16 && !line.startsWith('-----'));
for (const line of keyLines) canaries.add('private key', line);
canaries.add('administrator\'s password', shop.adminAccount.password);
canaries.add('administrator\'s token', trade.admin);
canaries.add('token', anna.token);

let digits = 0;
const newPhone = (label) => canaries.add(label, `1${String(38_000_000_00 + 7919 * (digits += 1) + process.pid).slice(-10)}`);
const name = canaries.make('login code and openid');
const sent = {
  path: canaries.make('path'),
  query: canaries.make('query'),
  cursor: canaries.make('cursor'),
  cookie: canaries.make('cookie', 'session='),
  agent: canaries.make('user agent', 'Mozilla/5.0 '),
  referer: canaries.make('referer', 'https://example.com/?from='),
  forwarded: canaries.make('forwarded', 'for='),
  idempotency: canaries.make('idempotency key'),
  bearer: canaries.make('strange token'),
  body: canaries.make('body', '张三 '),
  password: canaries.make('password'),
  oldPassword: canaries.make('old password'),
  wrongPassword: canaries.make('wrong password'),
  refresh: canaries.make('refresh token'),
  code: canaries.add('login code', `sandbox:${name}`),
  usedCode: canaries.make('used login code', 'sandbox:once:once-'),
  strangeCode: canaries.make('strange login code'),
  email: canaries.make('e-mail', '', '@example.com'),
  phone: newPhone('phone'),
  consignee: { name: canaries.make('consignee', '李四 '), phone: newPhone('consignee\'s phone'), address: canaries.make('address', '上海市 ') },
  remark: canaries.make('remark', '门口的 "箱子"\n'),
  description: canaries.make('description of a transaction'),
};

// ---- requests ----

const answered = []; // [X-Request-Id, request]
const commands = path.join(shop.dir, 'log', 'commands.log'); // all output of the command

function watch(value) {
  if (value === null || typeof value !== 'object') return;
  for (const [member, inner] of Object.entries(value)) {
    if (PRIVATE_MEMBERS.has(member) && typeof inner === 'string') canaries.add(member, inner);
    watch(inner);
  }
}

// One request with canaries wherever possible. body: a value sent as JSON; raw: sent unchanged.
async function ask(method, address, { token, body, raw, headers = {}, query = `q=${sent.query}&cursor=${sent.cursor}` } = {}) {
  const answer = await rawRequest(shop, method, `${address}${query && '?'}${query}`, {
    token, body: raw ?? (body === undefined ? undefined : JSON.stringify(body)),
    headers: {
      cookie: sent.cookie, 'user-agent': sent.agent, referer: sent.referer, forwarded: sent.forwarded, 'x-forwarded-for': sent.forwarded,
      'idempotency-key': sent.idempotency, ...headers,
    },
  });
  const id = answer.headers['x-request-id'];
  assert.match(id ?? '', /^[0-9a-z]{20}$/, `${method} ${address}: ${answer.status} ${answer.text}`);
  answered.push([id, `${method} ${address}: ${answer.status}`]);
  watch(answer.json);
  return answer;
}

// One with the given status, without canaries in its path.
async function tell(status, method, address, options) {
  const answer = await ask(method, address, { query: '', headers: { 'idempotency-key': null }, ...options });
  assert.equal(answer.status, status, `${method} ${address}: ${answer.text}`);
  return answer.json;
}

async function command(args, options) {
  const result = await shop.minimall(args, options);
  appendFileSync(commands, result.stdout + result.stderr);
  return result;
}

// The canaries in everything logged so far. The programs are stopped first: a line is written after its response.
async function leaks() {
  await shop.restartWeb();
  return Object.entries(logs()).flatMap(([file, bytes]) => canaries.find(bytes).map((leak) => `${file}:${leak.at} ${leak.label}, ${leak.encoding}:\n${leak.line}`));
}

function logs() {
  const home = path.join(shop.dir, 'log');
  const files = [...readdirSync(home).map((file) => path.join(home, file)), path.join(shop.dir, 'web', logName)];
  return Object.fromEntries(files.filter((file) => existsSync(file)).map((file) => [path.basename(file), readFileSync(file, 'latin1')]));
}

async function routes() {
  const programs = readdirSync(binDir).filter((file) => file.endsWith('.fcgi'));
  const tables = await Promise.all(programs.map((file) => run(path.join(binDir, file), ['--routes'], { env: {} })));
  return tables.flatMap(({ stdout }) => stdout.trim().split('\n')).map((line) => line.split(/ +/)).map(([method, pattern]) => ({ method, pattern }));
}

// Every member read by any route.
const everything = {
  ...Object.fromEntries(['nickname', 'avatar_url', 'name', 'image_url', 'payment_method', 'payment_id', 'order_id', 'reason']
    .map((member) => [member, sent.body])),
  code: sent.strangeCode, account: sent.email, email: sent.email, phone: sent.phone, password: sent.wrongPassword, old_password: sent.wrongPassword,
  refresh_token: sent.refresh, remark: sent.remark, description: sent.description, consignee: sent.consignee,
  shipment: { carrier: sent.body, tracking_no: sent.body }, items: [{ product_id: product, quantity: 1 }],
};
const mistyped = Object.fromEntries(['gender', 'permission_level', 'price', 'stock', 'status', 'category_id', 'parent_id', 'user_id', 'balance',
  'card_id', 'type', 'amount', 'all'].map((member) => [member, sent.body]));

const WAYS = [
  { body: everything },
  { body: { ...everything, ...mistyped } },
  { body: Object.fromEntries(Object.keys({ ...everything, ...mistyped }).map((member) => [member, [sent.body]])) },
  { body: { [sent.body]: sent.body } },
  { raw: `{"password": "${sent.password}", "phone": "${sent.phone}` }, // 400
  { raw: `password=${sent.password}&phone=${sent.phone}`, headers: { 'content-type': 'application/x-www-form-urlencoded' } }, // 415
  { raw: JSON.stringify(everything), headers: { 'content-type': `text/${sent.body.slice(-12)}` } },
  { raw: `"${sent.password.repeat(12_000)}"` }, // 413
  { raw: `{"code": "\u0000${sent.code}"}` },
  { body: everything, headers: { 'idempotency-key': `${sent.idempotency} ü` } },
];

test('no route logs private input, for any caller (B55)', async () => {
  const all = (await routes()).sort(({ pattern }) => (pattern === '/api/auth/logout' ? 1 : -1)); // the end of the tokens comes last
  assert.ok(all.length >= 40);
  const { stdout } = await shop.minimall(['issue-token', '--system', 'warehouse']); // shown only once
  const service = canaries.add('service token', stdout.trim());
  const statuses = new Set();
  for (const { method, pattern } of all) {
    for (const token of [undefined, sent.bearer, service, anna.token, trade.admin]) {
      for (const address of [pattern.replace(/:id|:no/, sent.path), pattern.replace(':id', '999999999').replace(':no', `ORDER${sent.path}`)]) {
        const ways = method === 'POST' || method === 'PUT' ? WAYS : [{}, { query: `q=${sent.query}&limit=${sent.query}&status=${sent.query}` }];
        for (const way of ways) statuses.add((await ask(method, address, { token, ...way })).status);
      }
    }
    for (const other of ['PATCH', 'OPTIONS', sent.path.toUpperCase()]) {
      if (/^[A-Z]+$/.test(other)) statuses.add((await ask(other, pattern.replace(/:id|:no/, sent.path))).status);
    }
    statuses.add((await ask(method, `${pattern}/${sent.path}/x`)).status);
  }
  for (const status of [200, 400, 401, 403, 404, 405, 413, 415]) assert.ok(statuses.has(status), `none was ${status}: ${[...statuses]}`);
  canaries.add('token', (await trade.signInAgain(anna)).token);
  await trade.adminSignIn();
  canaries.add('administrator\'s token', trade.admin);
  assert.deepEqual(await leaks(), []);
});

// ---- sign-in and orders ----

test('signing in and out logs nothing private (B55)', async () => {
  const { token, user } = await tell(200, 'POST', '/weixin-login', { body: { code: sent.code } });
  await tell(200, 'PUT', '/api/auth/me', { token, body: { email: sent.email, phone: sent.phone, nickname: sent.body, avatar_url: `https://example.com/${sent.body.slice(-12)}` } });
  await tell(409, 'PUT', '/api/auth/me', { token, body: { password: sent.password, old_password: sent.wrongPassword } }); // has none
  await tell(200, 'PUT', `/api/users/${user.user_id}`, { token: trade.admin, body: { password: sent.oldPassword } });
  const first = await tell(200, 'POST', '/api/auth/login', { body: { account: sent.email, password: sent.oldPassword } });
  await tell(403, 'PUT', '/api/auth/me', { token: first.token, body: { password: sent.password, old_password: sent.wrongPassword } });
  await tell(200, 'PUT', '/api/auth/me', { token: first.token, body: { password: sent.password, old_password: sent.oldPassword } });
  await tell(401, 'POST', '/api/auth/login', { body: { account: sent.phone, password: sent.wrongPassword } });
  const second = await tell(200, 'POST', '/api/auth/login', { body: { account: sent.phone, password: sent.password } });
  const third = await tell(200, 'POST', '/api/auth/refresh', { body: { refresh_token: second.refresh_token } });
  await tell(200, 'POST', '/api/auth/refresh', { body: { refresh_token: third.refresh_token } });
  await tell(401, 'POST', '/api/auth/refresh', { body: { refresh_token: second.refresh_token } }); // reuse: the session ends
  await tell(401, 'GET', '/api/auth/me', { token: second.token });
  await tell(409, 'PUT', '/api/auth/me', { token: anna.token, body: { email: sent.email } });
  await tell(409, 'PUT', `/api/users/${anna.user.user_id}`, { token: trade.admin, body: { phone: sent.phone } });
  await tell(200, 'GET', '/api/users', { token: trade.admin, query: `q=${sent.phone}` });
  await tell(200, 'POST', '/weixin-login', { body: { code: sent.usedCode } });
  await tell(401, 'POST', '/weixin-login', { body: { code: sent.usedCode } });
  await tell(401, 'POST', '/weixin-login', { body: { code: sent.strangeCode } });
  await tell(204, 'DELETE', `/api/users/${user.user_id}`, { token: trade.admin });
  for (const key of (await shop.sandbox('GET', '/sandbox/session-keys')).body) canaries.add('session_key', key);
  assert.deepEqual(await leaks(), []);
});

const newOrder = () => tell(201, 'POST', '/api/orders', {
  token: anna.token, body: { items: [{ product_id: product, quantity: 1 }], consignee: sent.consignee, remark: sent.remark } });

async function newPayment() {
  const order = await newOrder();
  const prepared = await tell(200, 'POST', '/api/payment/wxpay', { token: anna.token, body: { order_id: order.order_id }, headers: { 'idempotency-key': canaries.make('key') } });
  return { ...order, prepayId: canaries.add('prepay_id', prepayIdOf(prepared)) };
}

test('orders, payments and refunds log nothing private (B55)', async () => {
  const order = await newPayment();
  await tell(200, 'GET', `/api/payment/wxpay/${order.order_id}`, { token: anna.token });
  assert.equal((await trade.payNotified(order.prepayId)).body.status, 200);
  await tell(200, 'PUT', `/api/orders/${order.order_id}`, { token: trade.admin, body: { status: 2, shipment: { carrier: sent.body, tracking_no: sent.body } } });
  await tell(201, 'POST', '/api/payment/refunds', { token: trade.admin, body: { order_id: order.order_id, amount: '1.00', reason: sent.body } });
  const { card_id: card } = await tell(201, 'POST', '/api/membership/cards', { token: trade.admin, body: { user_id: anna.user.user_id } });
  const entry = { card_id: card, amount: '50.00', description: sent.description };
  await tell(201, 'POST', '/api/membership/transactions', { token: trade.admin, body: { ...entry, type: 1 } });
  await tell(409, 'POST', '/api/membership/transactions', { token: trade.admin, body: { ...entry, type: 2, amount: '51.00' } });
  await tell(409, 'POST', '/api/membership/cards', { token: trade.admin, body: { user_id: anna.user.user_id } });
  await tell(200, 'POST', '/api/payment/card', { token: anna.token, body: { order_id: (await newOrder()).order_id } });
  await tell(200, 'GET', '/api/membership/cards', { token: trade.admin });
  const cash = await newOrder();
  await tell(200, 'PUT', `/api/orders/${cash.order_id}`, { token: trade.admin, body: { status: PAID, payment_method: sent.body, payment_id: sent.body } });
  assert.deepEqual(await leaks(), []);
});

// ---- WeChat's messages ----

// A notification's headers and body, with canaries in everything that is not logged on purpose.
function notification(plain, { spoil = (headers) => headers, ...more } = {}) {
  const event = forger.event(plain, more);
  canaries.add('ciphertext', event.resource.ciphertext);
  const raw = JSON.stringify(event);
  const headers = spoil(forger.headers(raw));
  canaries.add('signature', headers['Wechatpay-Signature']);
  return { raw, headers, query: '' };
}

test('a notification\'s content, genuine, forged or mismatching, is stored but not logged (B34, B55)', async () => {
  const openid = canaries.make('payer', 'sandbox-');
  const plain = (outTradeNo, fen, more) => forger.transaction(outTradeNo, fen, {
    payer: { openid }, attach: sent.body, bank_type: sent.body, trade_state_desc: sent.body, success_time: sent.body, ...more });
  const [paid, other] = [await newPayment(), await newPayment()];
  const [[{ out_trade_no: no }], [{ out_trade_no: unpaid }]] = [await trade.attempts(paid), await trade.attempts(other)];
  const summary = sent.body;
  const genuine = plain(no, 1000);
  const spoil = (headers) => ({ ...headers, 'Wechatpay-Signature': canaries.make('forged signature'), 'Wechatpay-Nonce': sent.body.slice(-12) });
  for (const [at, [status, notice]] of [
    [200, notification(genuine, { summary })],
    [200, notification(genuine, { summary })],
    [400, notification(plain(no, 1000), { summary })],
    [401, notification(plain(unpaid, 1000), { summary, spoil })],
    [400, notification(plain(unpaid, 1001), { summary })],
    [400, notification(plain(unpaid, 1000, { mchid: sent.body, appid: sent.body }), { summary })],
    [400, notification(plain(unpaid, 1000, { appid: sent.body }), { summary })],
    [400, notification(plain(unpaid, 1000, { amount: { total: 1000, currency: sent.body } }), { summary })],
    [400, notification(plain(unpaid, 1000, { transaction_id: sent.body }), { summary })],
    [400, notification(plain(unpaid, 1000, { trade_state: sent.body }), { summary })],
    [400, notification(plain(unpaid, 1000), { summary, sealing: { key: 'k'.repeat(32) } })],
    [400, notification(sent.body, { summary })],
    [400, notification(plain(unpaid, 1000), { summary, id: sent.body })],
    [400, notification({ ...forger.refund(unpaid, `RF${'0'.repeat(26)}`, 5), user_received_account: sent.body }, { summary, sealing: { kind: 'refund', data: 'refund' } })],
  ].entries()) {
    const answer = await ask('POST', NOTIFY, notice);
    assert.equal(answer.status, status, `notification ${at}: ${answer.text}`);
  }
  assert.deepEqual(await leaks(), []);
});

// A provider that echoes the request and its headers in every member.
async function startEcho() {
  const server = http.createServer(async (request, response) => {
    let body = '';
    for await (const chunk of request) body += chunk;
    const all = JSON.stringify([request.url, request.headers, body]);
    response.writeHead(server.status, { 'Content-Type': 'application/json', 'Request-ID': '"\u00ff,\t{}\\' });
    response.end(JSON.stringify({
      code: 'A\r\n{"level":"info"}\u2028\u0000', message: all, detail: all, errcode: server.errcode, errmsg: `${all}, rid: a\r\n{}`,
      openid: `${all}`, session_key: all, unionid: all, prepay_id: all,
    }));
  });
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  return Object.assign(server, { status: 200, url: `http://127.0.0.1:${server.address().port}`, end: () => new Promise((resolve) => server.close(resolve)) });
}

test('nor are WeChat\'s responses, whether late, broken, or echoing the request (B55)', async () => {
  for (const fault of ['status_500', 'status_502', 'busy', 'not_json', 'truncated', 'drop_after', 'huge', 'hang']) await trade.fault('jscode2session', fault);
  const signIns = Array.from({ length: 8 }, () => ask('POST', '/weixin-login', { body: { code: sent.code } }));
  assert.ok((await Promise.all(signIns)).filter(({ status }) => status === 503).length >= 5);
  const order = await newPayment();
  const { order_id: paid, prepayId } = await newPayment();
  assert.equal((await trade.payNotified(prepayId)).body.status, 200);
  for (const fault of ['status_500', 'status_429', 'not_json', 'bad_signature', 'no_signature', 'unknown_serial', 'truncated', 'hang']) {
    for (const on of ['query', 'jsapi', 'refund', 'refund_query', 'close']) await trade.fault(on, fault);
  }
  const asked = [];
  for (let i = 0; i < 8; i += 1) asked.push(ask('GET', `/api/payment/wxpay/${order.order_id}`, { token: anna.token, query: '' }));
  await Promise.all(asked);
  await Promise.all([
    ...Array.from({ length: 4 }, async () => {
      const { order_id: another } = await newOrder();
      return ask('POST', '/api/payment/wxpay', { token: anna.token, body: { order_id: another }, headers: { 'idempotency-key': canaries.make('key') } });
    }),
    ...Array.from({ length: 3 }, () => ask('POST', '/api/payment/refunds', {
      token: trade.admin, query: '', body: { order_id: paid, amount: '1.00', reason: sent.body }, headers: { 'idempotency-key': canaries.make('key') } })),
  ]);
  await trade.noFaults();
  const { WECHAT_LOGIN_BASE_URL, WECHAT_PAY_BASE_URL } = shop.env;
  const echo = await startEcho();
  await shop.restartWeb({ WECHAT_LOGIN_BASE_URL: echo.url, WECHAT_PAY_BASE_URL: echo.url });
  for (const [status, errcode] of [[200, 0], [200, 40029], [400, 40125], [404, 0], [500, -1]]) {
    Object.assign(echo, { status, errcode });
    assert.ok((await ask('POST', '/weixin-login', { body: { code: sent.code } })).status >= 400);
    await ask('GET', `/api/payment/wxpay/${order.order_id}`, { token: anna.token, query: '' });
    await ask('POST', '/api/payment/refunds', {
      token: trade.admin, query: '', body: { order_id: paid, amount: '0.01', reason: sent.body }, headers: { 'idempotency-key': canaries.make('key') } });
  }
  await shop.sql('UPDATE outbox SET due_at = 1');
  await command(['jobs']);
  await echo.end();
  await command(['jobs']);
  await ask('POST', '/weixin-login', { body: { code: sent.code } });
  await shop.restartWeb({ WECHAT_LOGIN_BASE_URL, WECHAT_PAY_BASE_URL });
  assert.deepEqual(await leaks(), []);
});

// ---- failures ----

test('failures of the database or a program log nothing private (B53, B55)', async () => {
  const everybody = async () => {
    for (const [method, address, token, body] of [
      ['POST', '/weixin-login', undefined, { code: sent.code }],
      ['POST', '/api/auth/login', undefined, { account: sent.phone, password: sent.password }],
      ['POST', '/api/auth/refresh', undefined, { refresh_token: sent.refresh }],
      ['GET', '/api/products', undefined, undefined],
      ['POST', '/api/orders', anna.token, everything],
      ['GET', '/api/users', trade.admin, undefined],
    ]) {
      const { status, text } = await ask(method, address, { token, body, query: method === 'GET' ? `q=${sent.phone}` : '' });
      assert.ok(status >= 500, `${method} ${address}: ${status} ${text}`);
    }
    assert.notEqual((await command(['jobs'])).code, 0);
  };
  const { DB_SOCKET, DB_PASSWORD } = shop.env;
  await shop.restartWeb({ DB_SOCKET: '/nowhere/mariadb.sock' });
  await everybody();
  await shop.restartWeb({ DB_SOCKET, DB_PASSWORD: canaries.make('wrong DB_PASSWORD') });
  await everybody();
  await shop.restartWeb({ DB_PASSWORD });
  // a database error quotes the start of the value that it can't store
  const consignee = { ...sent.consignee, name: `${canaries.add('a name', '欧阳')}修竹` };
  await shop.sql('UPDATE orders SET consignee_name = NULL; ALTER TABLE orders MODIFY consignee_name VARCHAR(100) CHARACTER SET ascii');
  await tell(500, 'POST', '/api/orders', { token: anna.token, body: { items: everything.items, consignee } });
  await shop.sql('ALTER TABLE orders MODIFY consignee_name VARCHAR(100) CHARACTER SET utf8mb4');
  assert.ok(shop.log().some(({ area, message }) => area === 'db' && / (?:1366|3988) /.test(message)));
  assert.deepEqual(await leaks(), []);
});

test('the request of a killed program is not logged by the web server (B53, B55)', async () => {
  await shop.sandbox('DELETE', '/sandbox/requests');
  await trade.fault('jscode2session', 'hang');
  const lost = rawRequest(shop, 'POST', `/weixin-login?q=${sent.query}&phone=${sent.phone}`, { body: JSON.stringify({ code: sent.code }), headers: { cookie: sent.cookie } });
  await until('the simulator to be asked', async () => (await shop.sandbox('GET', '/sandbox/requests')).body.some(({ path: asked }) => asked === '/sns/jscode2session'));
  for (const pid of trade.workers('login')) process.kill(pid, 'SIGKILL');
  assert.ok((await lost).status >= 500);
  assert.deepEqual(await leaks(), []);
});

test('the command and refused settings print no value (B1, B55)', async () => {
  for (const [code, args, input] of [
    [0, ['create-admin', '--account', canaries.make('e-mail', '', '@example.com')], sent.password],
    [1, ['create-admin', '--account', shop.adminAccount.account], sent.password],
    [1, ['create-admin', '--account', sent.body], sent.password],
    [1, ['create-admin', '--account', canaries.make('e-mail', '', '@example.com')], 'short'],
    [2, ['create-admin', '--password', sent.password], ''],
    [2, [sent.body], ''],
    [0, ['issue-token', '--list'], ''],
    [1, ['issue-token', '--revoke', sent.body], ''],
    [0, ['migrate'], ''],
    [0, ['audit'], ''],
    [0, ['jobs'], ''],
  ]) {
    const result = await command(args, { input: `${input}\n` });
    assert.equal(result.code, code, `${args}: ${result.stdout}${result.stderr}`);
  }
  const wrong = Object.fromEntries(['JWT_SECRET', 'WECHAT_API_V3_KEY', 'DB_PORT', 'DB_NAME', 'WECHAT_MCH_PRIVATE_KEY_FILE', 'WECHAT_PAY_PUBLIC_KEY_ID', 'WECHAT_NOTIFY_URL',
    'WECHAT_PAY_BASE_URL', 'SHOP_TZ', 'ORDER_PAY_MINUTES', 'LOG_FILE'].map((setting) => [setting, canaries.make(setting, '!')]));
  const { MINIMALL_TEST_CLOCK: _, ...settings } = shop.env;
  const refused = await run(path.join(binDir, 'payments.fcgi'), ['--check-config'], { env: { ...settings, ...wrong } });
  assert.equal(refused.code, 1);
  for (const setting of ['JWT_SECRET', 'WECHAT_API_V3_KEY', 'DB_PORT', 'SHOP_TZ']) assert.match(refused.stderr, new RegExp(setting));
  appendFileSync(commands, refused.stdout + refused.stderr);
  assert.deepEqual(await leaks(), []);
});

// ---- the shape of the log ----

const FORGED = '"}\r\n{"level":"alarm","request_id":"forged"}\n\u007f\u0085\u2028';

test('no line end in the input makes a second line (B55)', async () => {
  await tell(200, 'GET', '/healthz'); // all programs have logged
  const before = shop.log().length;
  const hostile = Object.fromEntries(['HTTP_USER_AGENT', 'HTTP_REFERER', 'HTTP_COOKIE', 'HTTP_X_FORWARDED_FOR', 'HTTP_IDEMPOTENCY_KEY', 'CONTENT_TYPE', 'REMOTE_ADDR',
    'HTTP_WECHATPAY_SERIAL', 'HTTP_WECHATPAY_NONCE', 'HTTP_WECHATPAY_SIGNATURE', 'HTTP_ORIGIN', 'SERVER_PROTOCOL'].map((header) => [header, `${FORGED}\u0000`]));
  let asked = 0;
  for (const [program, address] of [['orders', '/api/orders'], ['login', '/weixin-login'], ['notify', NOTIFY], ['users', '/api/auth/login'], ['system', '/v1/x']]) {
    const [socket] = processSockets(shop, program);
    for (const request of [{ method: FORGED, uri: address }, { method: 'POST', uri: `${address}${FORGED}` }, { method: 'POST', uri: `${address}?q=${FORGED}` },
      { method: 'POST', uri: address, token: FORGED }, { method: 'POST', uri: address, body: { code: FORGED, account: FORGED, password: FORGED } }]) {
      const { headers, status } = await askProcess(socket, { ...request, headers: hostile });
      answered.push([headers['x-request-id'], `${program}: ${status}`]);
      asked += 1;
    }
  }
  const other = await newPayment();
  const [{ out_trade_no: no }] = await trade.attempts(other);
  for (const more of [{ out_trade_no: FORGED }, { trade_state: FORGED }, { transaction_id: FORGED }, { mchid: FORGED }, { amount: { total: 1000, currency: FORGED } }]) {
    assert.ok((await ask('POST', NOTIFY, notification(forger.transaction(no, 1000, more)))).status < 600);
  }
  assert.equal((await ask('POST', NOTIFY, notification(forger.transaction(no, 1000), { id: FORGED }))).status, 400);
  await shop.restartWeb();
  const lines = shop.log().slice(before); // each is one object, or this would fail
  assert.ok(lines.filter(({ route }) => route !== undefined).length >= asked + 6);
  assert.ok(lines.every((line) => !Array.isArray(line) && typeof line.program === 'string' && line.request_id !== 'forged'));
  assert.ok(lines.some(({ message }) => message?.includes('forged')), 'what an orphan calls its order is told, on its own line');
});

test('every line is one object, and every response has exactly one access line (B55)', async () => {
  await shop.restartWeb();
  const accesses = new Map();
  for (const line of shop.log()) {
    assert.equal(new Date(line.time).toISOString(), line.time);
    assert.match(line.level, /^(info|warn|error|alarm)$/);
    const members = Object.keys(line).filter((member) => !['time', 'level', 'program', 'request_id'].includes(member));
    if (line.route === undefined) {
      assert.deepEqual(members, ['area', 'message']);
      continue;
    }
    assert.deepEqual(members.filter((member) => !['code', 'user_id'].includes(member)), ['method', 'route', 'status', 'ms', 'bytes']);
    assert.match(line.request_id, /^[0-9a-z]{20}$/);
    assert.ok(!accesses.has(line.request_id), `two lines of ${line.request_id}`);
    accesses.set(line.request_id, line);
  }
  assert.ok(answered.length > 1000);
  assert.equal(new Set(answered.map(([id]) => id)).size, answered.length);
  const templates = new Set((await routes()).map(({ pattern }) => pattern));
  for (const [id, what] of answered) {
    const line = accesses.get(id) ?? assert.fail(`no line of ${id}, ${what}`);
    assert.ok(what.endsWith(`: ${line.status}`), `${what}: ${JSON.stringify(line)}`);
    assert.ok(line.route === '-' || templates.has(line.route), line.route);
  }
});

// ---- the detector ----

test('a canary in a log is found in any encoding, and even in part', () => {
  const [[file, bytes]] = Object.entries(logs()).filter(([, text]) => text !== '');
  const copy = path.join(shop.dir, 'copy.log');
  copyFileSync(path.join(shop.dir, 'log', file), copy);
  for (const [text, label] of canaries.all) {
    for (const [encoding, write] of Object.entries(ENCODINGS)) {
      const written = Buffer.from(write(text), 'latin1').toString('latin1');
      if (written.length < 6) continue;
      const planted = `${bytes.slice(0, 200)}{"message":"x${written}y"}\n`;
      assert.ok(canaries.find(planted).length > 0, `${label} in ${encoding}: ${planted}`);
    }
  }
  assert.deepEqual(canaries.find(bytes), []);
  appendFileSync(copy, `{"level":"info","message":"signed in: ${sent.phone}"}\n`);
  const found = canaries.find(readFileSync(copy, 'latin1'));
  assert.deepEqual(found.map(({ label, encoding }) => [label, encoding]), [['phone', 'plain']]);
  assert.equal(canaries.find(`cut: ${canaries.all[0][0].slice(0, 20)}`).length, 1);
});
