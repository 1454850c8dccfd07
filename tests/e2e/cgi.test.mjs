// The same programs as plain CGI: alone, behind lighttpd's mod_cgi, and behind Apache's mod_cgid.

import { after, test } from 'node:test';
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, chownSync, copyFileSync, mkdirSync, writeFileSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import path from 'node:path';
import { writeSettings } from '../../sandbox/config.mjs';
import { accepts, freePort, tail } from '../../sandbox/files.mjs';
import { cleanEnv, run, startProcess, stopProcess, untilReady } from '../../sandbox/process.mjs';
import { binDir, openShop } from './harness.mjs';

const shop = await openShop({ testClock: false });
const admin = await shop.admin();
const { product_id: product } = await shop.ok('POST', '/api/products', { token: admin, body: { name: '普洱', price: '12.50', stock: 9 } });

// ---- alone ----

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
  const found = await cgi('products', 'GET', `/api/products/${product}`);
  assert.deepEqual([found.status, found.body.name], [200, '普洱']);
  const head = await cgi('products', 'HEAD', '/api/products');
  assert.deepEqual([head.status, head.body], [200, null]);
  const missing = await cgi('products', 'GET', '/api/products/999999');
  assert.deepEqual([missing.status, missing.body.code], [404, 'NOT_FOUND']);
  assert.equal((await cgi('products', 'GET', '/api/productsX')).status, 404);
  const wrong = await cgi('products', 'PATCH', '/api/products');
  assert.deepEqual([wrong.status, wrong.headers.Allow], [405, 'GET, HEAD, POST, OPTIONS']);
});

test('it reads a body as far as its length says, and takes none without one', async () => {
  const signIn = (options) => cgi('users', 'POST', '/api/auth/login', { body: credentials, ...options });
  const { status, body: { token } } = await signIn();
  assert.equal(status, 200);
  const bearer = { HTTP_AUTHORIZATION: `Bearer ${token}` };
  assert.equal((await cgi('users', 'GET', '/api/auth/me', { env: bearer })).status, 200);
  assert.equal((await signIn({ body: `${credentials}{"more":1}`, env: { CONTENT_LENGTH: String(credentials.length) } })).status, 200);
  const made = await cgi('categories', 'POST', '/api/categories', { body: '{"name":"茶"}', env: bearer });
  assert.equal(made.status, 201, JSON.stringify(made.body));
  for (const length of ['', '0', String(credentials.length + 1), 'x', '-1']) {
    assert.equal((await signIn({ env: { CONTENT_LENGTH: length } })).status, 400, `CONTENT_LENGTH=${length}`);
  }
  assert.equal((await cgi('users', 'POST', '/api/auth/login')).status, 400, 'no length, no body');
});

test('a body over the limit is refused, whether it is sent or only announced', async () => {
  for (const body of ['x'.repeat(70_000), 'x'.repeat(300_000)]) {
    assert.equal((await cgi('users', 'POST', '/api/auth/login', { body })).status, 413);
  }
  assert.equal((await cgi('users', 'POST', '/api/auth/login', { body: '{}', env: { CONTENT_LENGTH: '9223372036854775806' } })).status, 413);
  const provider = '/api/payment/wxpay/notify';
  assert.notEqual((await cgi('notify', 'POST', provider, { body: 'x'.repeat(70_000) })).status, 413);
  assert.equal((await cgi('notify', 'POST', provider, { body: 'x'.repeat(300_000) })).status, 413);
});

// ---- behind a web server ----

const ROUTES = [
  ['/api/payment/wxpay/notify', 'notify'], ['/api/payment', 'payments'], ['/api/orders', 'orders'], ['/api/products', 'products'],
  ['/api/auth', 'users'], ['/weixin-login', 'login'],
];

const lighttpdConf = ({ home, port }) => `
server.modules = ("mod_alias", "mod_setenv", "mod_cgi")
server.bind = "127.0.0.1"
server.port = ${port}
server.document-root = "${home}"
server.upload-dirs = ("${home}")
server.http-parseopts = ("url-normalize" => "disable")
setenv.add-environment = ("MINIMALL_CONFIG" => "${home}/cgi.conf")
alias.url = (${ROUTES.map(([prefix, program]) => `"${prefix}" => "${binDir}/${program}.fcgi"`).join(', ')})
cgi.assign = (".fcgi" => "")
`;

const apacheConf = ({ home, port, user }) => `
ServerRoot /usr/lib/apache2
ServerName localhost
Listen 127.0.0.1:${port}
DefaultRuntimeDir "${home}"
PidFile "${home}/apache.pid"
ErrorLog "${home}/server.log"
LogLevel crit
${['mpm_event', 'authz_core', 'alias', 'env', 'cgid'].map((name) => `LoadModule ${name}_module modules/mod_${name}.so`).join('\n')}
User ${user}
Group ${user}
ScriptSock "${home}/cgid.sock"
SetEnv MINIMALL_CONFIG "${home}/cgi.conf"
AllowEncodedSlashes NoDecode
MergeSlashes Off
<Directory "${binDir}">
  Options +ExecCGI
  CGIPassAuth On
  Require all granted
</Directory>
${ROUTES.map(([prefix, program]) => `ScriptAliasMatch "^${prefix}(/.*)?$" "${binDir}/${program}.fcgi"`).join('\n')}
`;

const SERVERS = [
  { name: 'lighttpd', command: ['lighttpd', '-D', '-f'], conf: lighttpdConf, user: null },
  { name: 'apache', command: ['apache2', '-D', 'FOREGROUND', '-f'], conf: apacheConf, user: 'www-data' },
];

// A directory for one web server: settings, key files and log, all readable by whom its programs run as.
function prepareHome({ name, conf, user }, port) {
  const home = path.join(shop.dir, `cgi-${name}`);
  mkdirSync(home, { mode: 0o700 });
  const keys = Object.fromEntries(['WECHAT_MCH_PRIVATE_KEY_FILE', 'WECHAT_PAY_PUBLIC_KEY_FILE'].map((setting) => {
    copyFileSync(shop.env[setting], path.join(home, path.basename(shop.env[setting])));
    return [setting, path.join(home, path.basename(shop.env[setting]))];
  }));
  writeSettings(path.join(home, 'cgi.conf'), {
    ...shop.env, ...keys, DB_SOCKET: path.join(home, 'db.sock'), LOG_FILE: path.join(home, 'requests.log'), WECHAT_NOTIFY_URL: `http://127.0.0.1:${port}/api/payment/wxpay/notify`,
  });
  writeFileSync(path.join(home, 'requests.log'), '', { mode: 0o600 });
  const file = path.join(home, 'server.conf');
  writeFileSync(file, conf({ home, port, user }));
  if (user !== null && process.getuid() === 0) {
    const [uid, gid] = ['-u', '-g'].map((flag) => Number(spawnSync('id', [flag, user], { encoding: 'utf8' }).stdout));
    for (const kept of [home, ...[...Object.values(keys), 'cgi.conf', 'requests.log'].map((part) => path.resolve(home, part))]) chownSync(kept, uid, gid);
  }
  chmodSync(home, 0o711);
  return { home, file };
}

// The database's own directory admits nobody but its user and root; programs of another user reach it through this.
async function openDatabase(home) {
  const relay = createServer((near) => {
    const far = connect({ path: shop.env.DB_SOCKET });
    near.pipe(far).pipe(near);
    for (const [end, other] of [[near, far], [far, near]]) end.on('error', () => other.destroy());
  });
  const socket = path.join(home, 'db.sock');
  relay.listen({ path: socket, writableAll: true });
  await once(relay, 'listening');
  after(() => relay.close());
}

async function serve(server) {
  const port = await freePort();
  const { home, file } = prepareHome(server, port);
  await openDatabase(home);
  const [command, ...args] = server.command;
  const logFile = path.join(home, 'start.log');
  const child = startProcess(command, [...args, file], { cwd: home, logFile, env: cleanEnv(shop.dir) });
  after(() => stopProcess(child, 5000));
  assert.ok(await untilReady(() => accepts({ port }), child, 20_000), tail(logFile));
  return `http://127.0.0.1:${port}`;
}

for (const server of SERVERS) {
  test(`a customer signs in, orders and pays through ${server.name} and plain CGI`, async () => {
    const at = await serve(server);
    const { token } = await shop.ok('POST', `${at}/weixin-login`, { body: { code: `sandbox:cgi-${server.name}` } });
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
    assert.ok(large.body.message, 'in the words of the API');
  });
}
