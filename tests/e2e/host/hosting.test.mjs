// SPDX-License-Identifier: MIT
// The second part of docs/deploy.md, executed: a shop on a host with Apache, .htaccess, CGI and cron.

import { after, test } from 'node:test';
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, copyFileSync, mkdirSync, readFileSync, readdirSync, renameSync, writeFileSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import path from 'node:path';
import { writeSettings } from '../../../sandbox/config.mjs';
import { accepts, checkout, freePort, tail } from '../../../sandbox/files.mjs';
import { cleanEnv, run, startProcess, stopProcess, untilReady } from '../../../sandbox/process.mjs';
import { query } from '../../../sandbox/database/sql.mjs';
import { block, blocks, replaced } from '../lib/deploy-guide.mjs';
import { mode, openShop } from '../lib/harness.mjs';

const shop = await openShop({ testClock: false });
const AT = '/var/www/shop';
const home = path.join(shop.dir, 'host'); // of the customer of the host
const own = path.join(home, 'minimall');
const pages = path.join(home, 'public_html');
const customer = process.getuid() === 0 ? ids('www-data') : null; // the user of CGI and cron
const port = await freePort();
const at = `http://127.0.0.1:${port}`;
const name = `minimall_hosting_${process.pid}`;
const database = await shop.shop.db.createDatabase(name);
const started = [() => shop.shop.db.dropDatabase(name)]; // to be stopped after all tests, in reverse order
after(async () => {
  for (const end of started.reverse()) await end();
});
const sql = (statement) => query(shop.shop.db.socket, name, statement);

function ids(user) {
  const [uid, gid] = ['-u', '-g'].map((flag) => Number(spawnSync('id', [flag, user], { encoding: 'utf8' }).stdout));
  return { uid, gid };
}

async function bash(script, cwd = checkout) {
  const { code, stdout, stderr } = await run('bash', ['-euc', script], { cwd, env: cleanEnv(shop.dir, { MODE: mode }) });
  assert.equal(code, 0, stdout + stderr);
}

// Simulates FTP and the host: everything belongs to the customer.
function giveToCustomer() {
  if (customer) spawnSync('chown', ['-R', `${customer.uid}:${customer.gid}`, home]);
}

// Runs a cron line in an environment as minimal as cron's. Returns its log.
async function cron(words, log) {
  const lines = blocks.filter(({ kind }) => kind === 'cron').flatMap(({ text }) => text.split('\n'));
  const found = lines.filter((line) => line.includes(words));
  assert.equal(found.length, 1, words);
  const command = replaced(found[0], AT, home).replace(/^(\S+ ){5}/, '');
  const { code } = await run('sh', ['-c', command], { cwd: home, env: { HOME: home, PATH: '/usr/bin:/bin' }, as: customer });
  const said = readFileSync(path.join(own, log), 'utf8');
  return { code, said };
}

// The database's directory is accessible only to its user and root; the customer reaches it through this.
async function openDatabase(socket) {
  const relay = createServer((near) => {
    const far = connect({ path: shop.env.DB_SOCKET });
    near.pipe(far).pipe(near);
    for (const [end, other] of [[near, far], [far, near]]) end.on('error', () => other.destroy());
  });
  relay.listen({ path: socket, writableAll: true });
  await once(relay, 'listening');
  started.push(() => relay.close());
}

const MODULES = ['mpm_event', 'authz_core', 'dir', 'mime', 'env', 'headers', 'rewrite', 'cgid'];
const apacheConf = (dir) => `
ServerRoot /usr/lib/apache2
ServerName localhost
Listen 127.0.0.1:${port}
DefaultRuntimeDir "${dir}"
PidFile "${dir}/apache.pid"
ErrorLog "${dir}/error.log"
${MODULES.map((module) => `LoadModule ${module}_module modules/mod_${module}.so`).join('\n')}
User www-data
Group www-data
ScriptSock "${dir}/cgid.sock"
TypesConfig /dev/null
DocumentRoot "${pages}"
<Directory "${pages}">
  AllowOverride All
  Require all granted
</Directory>
`;

async function startApache() {
  const dir = path.join(shop.dir, 'apache');
  mkdirSync(dir, { mode: 0o711 });
  writeFileSync(path.join(dir, 'apache.conf'), apacheConf(dir));
  const logFile = path.join(dir, 'start.log');
  const child = startProcess('apache2', ['-D', 'FOREGROUND', '-f', path.join(dir, 'apache.conf')], { cwd: dir, logFile, env: cleanEnv(shop.dir) });
  started.push(() => stopProcess(child, 5000));
  assert.ok(await untilReady(() => accepts({ port }), child, 20_000), tail(logFile));
}

const ownerPassword = 'a-password-of-12';
let product;

async function signIn() {
  return (await shop.ok('POST', `${at}/api/auth/login`, { body: { account: 'owner@shop.example', password: ownerPassword } })).token;
}

test('the files built elsewhere are uploaded', async () => {
  const stage = path.join(shop.dir, 'stage');
  const script = replaced(replaced(block('sh', 'hosting'), `AT=${AT} `, `AT='${home}' `), 'STAGE=$PWD/stage', `STAGE='${stage}'`);
  await bash(`${script}\n${block('sh', 'libraries')}`);
  renameSync(path.join(stage, home), home);
  const libraries = readdirSync(path.join(own, 'lib')).filter((file) => file.includes('.so'));
  assert.ok(libraries.includes('libfcgi.so.0') && libraries.includes('libcurl.so.4'), libraries.join());
  assert.ok(!libraries.some((file) => /^(libc|ld-.*)\.so/.test(file)), libraries.join());
  const etc = path.join(own, 'etc');
  const keys = ['WECHAT_MCH_PRIVATE_KEY_FILE', 'WECHAT_PAY_PUBLIC_KEY_FILE'].map((setting) => {
    const file = path.join(etc, path.basename(shop.env[setting]));
    copyFileSync(shop.env[setting], file);
    chmodSync(file, 0o600);
    return [setting, file];
  });
  const socket = path.join(home, 'db.sock');
  writeSettings(path.join(etc, 'minimall.conf'), {
    ...shop.env, ...database, ...Object.fromEntries(keys), DB_SOCKET: socket, LOG_FILE: path.join(own, 'requests.log'),
    WECHAT_NOTIFY_URL: `${at}/api/payment/wxpay/notify`,
  });
  writeFileSync(path.join(own, 'password'), `${ownerPassword}\n`, { mode: 0o600 });
  await openDatabase(socket);
  giveToCustomer();
  const { code, said } = await cron('--check-config', 'check.log');
  assert.deepEqual([code, said], [0, 'good\n']);
});

test('an import of all migrations equals the result of `minimall migrate`, which finds nothing to do', async () => {
  await bash(replaced(block('sh', 'import'), '>import.sql', `>'${home}/import.sql'`));
  await sql(readFileSync(path.join(home, 'import.sql'), 'utf8'));
  const { code, said } = await cron(' migrate ', 'migrate.log');
  assert.deepEqual([code, said], [0, 'schema is up to date\n']);
  const tables = (await sql('SHOW TABLES')).map((row) => Object.values(row)[0]);
  assert.deepEqual((await shop.sql('SHOW TABLES')).map((row) => Object.values(row)[0]), tables);
  for (const table of tables) {
    const show = `SHOW CREATE TABLE ${table}`;
    const bare = ([row]) => Object.values(row)[1].replace(/ AUTO_INCREMENT=\d+/, '');
    assert.equal(bare(await sql(show)), bare(await shop.sql(show)), table);
  }
});

test('cron migrates an empty database, and creates the administrator', async () => {
  await sql(`DROP DATABASE ${name}; CREATE DATABASE ${name} CHARACTER SET utf8mb4`);
  const { said } = await cron(' migrate ', 'migrate.log');
  assert.match(said, /^applied 001-users\.sql\n[^]*\nschema is up to date\n$/);
  assert.match((await cron(' create-admin ', 'admin.log')).said, /^administrator \d+ created\n$/);
  await cron(' create-admin ', 'admin.log'); // a minute later, again
  assert.deepEqual(await sql('SELECT COUNT(*) AS n FROM users'), [{ n: 1 }]);
});

test('pages and health checks are served, settings are not', async () => {
  await startApache();
  for (const page of ['/', '/admin/']) {
    const { status, headers, body } = await shop.call('GET', `${at}${page}`);
    assert.equal(status, 200);
    assert.match(body, /<html/);
    assert.match(headers.get('content-security-policy'), /default-src 'none'/);
    assert.deepEqual(['x-content-type-options', 'referrer-policy'].map((name) => headers.get(name)), ['nosniff', 'same-origin'], 'B56');
  }
  assert.match((await shop.call('GET', `${at}/common/api.mjs`)).headers.get('content-type'), /^text\/javascript/);
  assert.equal((await shop.ok('GET', `${at}/readyz`)).status, 'ready');
  assert.equal((await shop.call('GET', `${at}/minimall/etc/minimall.conf`)).status, 404);
  const unknown = await shop.call('GET', `${at}/api/nothing`);
  assert.deepEqual([unknown.status, unknown.body.code], [404, 'NOT_FOUND']);
});

test('a customer signs in, browses, orders and pays; the audit passes', async () => {
  const admin = await signIn();
  const made = await shop.ok('POST', `${at}/api/products`, { token: admin, body: { name: '滇红', price: '20.00', stock: 5 } });
  product = made.product_id;
  const { token } = await shop.ok('POST', `${at}/weixin-login`, { body: { code: 'sandbox:hosting' } });
  assert.deepEqual((await shop.ok('GET', `${at}/api/products?limit=1`)).map((row) => row.product_id), [product]);
  const ordering = { body: { items: [{ product_id: product, quantity: 2 }] } };
  assert.equal((await shop.call('POST', `${at}/api/orders`, ordering)).status, 401);
  const { order_id: order } = await shop.ok('POST', `${at}/api/orders`, { token, ...ordering });
  const prepared = await shop.ok('POST', `${at}/api/payment/wxpay`, { token, body: { order_id: order } });
  assert.equal((await shop.pay(prepared.package.replace(/^prepay_id=/, ''))).status, 200);
  const paid = await shop.ok('GET', `${at}/api/orders/${order}`, { token });
  assert.deepEqual([paid.status, paid.total_amount], [1, '40.00']);
  assert.match((await cron(' jobs ', 'jobs.log')).said, /^jobs: 0 orders timed out/);
  assert.match((await cron(' audit ', 'audit.log')).said, /\d+ rules, 0 wrong/);
});

test('the programs themselves can be in cgi/ where SetEnv reaches them', async () => {
  for (const file of readdirSync(path.join(pages, 'cgi'))) copyFileSync(path.join(own, 'lib/minimall/cgi-bin', file), path.join(pages, 'cgi', file));
  const dead = await shop.call('GET', `${at}/api/products`); // the path of the settings is not set
  assert.deepEqual([dead.status, dead.body.code, dead.headers.get('cache-control')], [500, 'INTERNAL_ERROR', null], 'B66');
  assert.equal(dead.headers.get('x-content-type-options'), 'nosniff', 'B56');
  const rules = path.join(pages, '.htaccess');
  writeFileSync(rules, replaced(replaced(readFileSync(rules, 'utf8'), '#SetEnv', 'SetEnv'), '#Header always set Strict', 'Header always set Strict'));
  giveToCustomer();
  assert.equal((await shop.ok('GET', `${at}/api/products/${product}`)).stock, 3);
  const { status, headers } = await shop.call('GET', `${at}/admin/`);
  assert.deepEqual([status, headers.get('strict-transport-security')], [200, null], 'not over plain HTTP (B56)');
  assert.equal((await shop.ok('GET', `${at}/api/auth/me`, { token: await signIn() })).email, 'owner@shop.example');
});
