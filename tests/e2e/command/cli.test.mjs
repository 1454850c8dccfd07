// SPDX-License-Identifier: MIT
// The command: migrations, administrators, service tokens; and invalid settings.
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { chownSync, copyFileSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { checkout } from '../../../sandbox/files.mjs';
import { cleanEnv, run } from '../../../sandbox/process.mjs';
import { connectionsTo, openSession, query } from '../../../sandbox/database/sql.mjs';
import { binDir, openShop } from '../lib/harness.mjs';
import { assertRefused, tally } from '../lib/trade.mjs';

const PROGRAMS = ['cards', 'catalogue', 'login', 'members', 'memberships', 'notify', 'orders', 'payments', 'system', 'users'];
const SCHEMA = path.join(checkout, 'schema');
const PASSWORD = 'a-password-of-12';

const shop = await openShop({ families: ['catalogue', 'login', 'orders', 'users'], leaks: true });
const { db } = shop.shop;

// A program with the shop's settings but for these (null removes one), and no settings file: { code, stdout, stderr }.
function start(name, args, changes = {}) {
  const env = Object.fromEntries(Object.entries({ ...shop.env, ...changes }).filter(([, value]) => value !== null));
  return run(path.join(binDir, name), args, { env: cleanEnv(shop.dir, env), cwd: shop.dir });
}

const check = (changes, name = 'users') => start(`${name}.fcgi`, ['--check-config'], changes);
const faultsOf = (stderr) => stderr.split('\n').filter(Boolean).map((line) => /^configuration: (\S+) ./.exec(line)?.[1] ?? line);

test('every program prints its version, without any setting: that of the Makefile', async () => {
  const [, wanted] = /^VERSION := (\S+)$/m.exec(readFileSync(path.join(checkout, 'Makefile'), 'utf8'));
  const { body } = await shop.call('GET', '/healthz');
  assert.equal(body.version.replace(/\+.*/, ''), wanted);
  for (const name of ['minimall', ...PROGRAMS.map((program) => `${program}.fcgi`)]) {
    const { code, stdout, stderr } = await run(path.join(binDir, name), ['--version'], { env: cleanEnv(shop.dir) });
    assert.deepEqual([code, stdout, stderr], [0, `${name === 'minimall' ? name : `${name} (minimall)`} ${body.version}\n`, '']);
  }
});

// ---- migrations ----

let fresh = 0;

// An empty database, and a directory of migrations: { migrate(), sql(), write(), session() }.
async function emptyShop(t, files = {}) {
  const name = `minimall_cli_${process.pid}_${fresh += 1}`;
  const schema = path.join(shop.dir, name);
  const settings = await db.createDatabase(name);
  t.after(() => db.dropDatabase(name));
  mkdirSync(schema);
  const write = (file, text) => writeFileSync(path.join(schema, file), text);
  for (const [file, text] of Object.entries(files)) write(file, text);
  return {
    schema, write, name,
    migrate: () => start('minimall', ['migrate'], { ...settings, MINIMALL_SCHEMA_DIR: schema }),
    sql: (statements) => query(db.socket, name, statements),
    session: () => openSession(db.socket, name, shop.dir),
  };
}

async function migrated(empty, files) {
  const { code, stdout, stderr } = await empty.migrate();
  assert.equal(code, 0, stderr);
  assert.equal(stdout, [...files.map((file) => `applied ${file}`), 'schema is up to date', ''].join('\n'));
}

const tablesOf = async (empty) => (await empty.sql('SHOW TABLES')).map((row) => Object.values(row)[0]);

test('a second migration finds nothing to do (B60)', async () => {
  const before = await shop.sql('SELECT * FROM schema_migrations ORDER BY name');
  assert.deepEqual(before.map(({ name }) => name), readdirSync(SCHEMA).filter((name) => name.endsWith('.sql')).sort());
  assert.ok(before.every(({ applied_at: at }) => at > 0));
  const { code, stdout } = await shop.minimall(['migrate']);
  assert.deepEqual([code, stdout], [0, 'schema is up to date\n']);
  assert.deepEqual(await shop.sql('SELECT * FROM schema_migrations ORDER BY name'), before);
});

test('concurrent migrations of an empty database apply each file once', async (t) => {
  const empty = await emptyShop(t);
  const files = readdirSync(SCHEMA).filter((name) => name.endsWith('.sql')).sort();
  for (const file of files) copyFileSync(path.join(SCHEMA, file), path.join(empty.schema, file));
  const ends = await Promise.all(Array.from({ length: 4 }, () => empty.migrate()));
  assert.deepEqual(tally(ends.map(({ code }) => code)), { 0: 4 }, ends.map(({ stderr }) => stderr).join(''));
  const lines = ends.flatMap(({ stdout }) => stdout.split('\n')).filter((line) => line.startsWith('applied '));
  assert.deepEqual(lines.sort(), files.map((file) => `applied ${file}`));
  const own = (await shop.sql('SHOW TABLES')).map((row) => Object.values(row)[0]);
  assert.deepEqual(await tablesOf(empty), own);
});

const FIRST = '-- tables\nCREATE TABLE a (n INT);\n\nINSERT INTO a\nVALUES (1);\n-- which is not there yet\nINSERT INTO later VALUES (1);\nINSERT INTO a VALUES (2);\n';

test('an interrupted file continues where it stopped', async (t) => {
  const empty = await emptyShop(t, { '001-first.sql': FIRST, '002-second.sql': 'CREATE TABLE b (n INT);\n' });
  for (let again = 0; again < 2; again++) {
    const { code, stdout, stderr } = await empty.migrate();
    assert.deepEqual([code, stdout], [1, '']);
    assert.match(stderr, /^minimall: /);
    assert.deepEqual(await tablesOf(empty), ['a', 'schema_migrations'], 'no later file before it');
    assert.deepEqual(await empty.sql('SELECT statements_done, applied_at FROM schema_migrations'), [{ statements_done: 2, applied_at: null }]);
  }
  await empty.sql('CREATE TABLE later (n INT)');
  await migrated(empty, ['001-first.sql', '002-second.sql']);
  assert.deepEqual((await empty.sql('SELECT n FROM a ORDER BY n')).map(({ n }) => n), [1, 2]);
  assert.deepEqual((await empty.sql('SELECT n FROM later')).map(({ n }) => n), [1]);
});

test('a statement that ran before its process died is not run again, one that was refused is', async (t) => {
  const script = 'CREATE TABLE a (n INT PRIMARY KEY);\nCREATE TABLE b (n INT);\nALTER TABLE a ADD m INT, ADD KEY by_m (m);\nINSERT INTO a VALUES (1, 1);\nALTER TABLE b RENAME COLUMN n TO k;\n';
  const empty = await emptyShop(t, { '001-first.sql': script });
  await migrated(empty, ['001-first.sql']);
  for (let n = 5; n >= 1; n--) { // as if it had died before the n-th was noted
    if (n < 5) await empty.sql('ALTER TABLE b RENAME COLUMN k TO n');
    if (n < 4) await empty.sql('DELETE FROM a');
    if (n < 3) await empty.sql('ALTER TABLE a DROP m');
    if (n < 2) await empty.sql('DROP TABLE b');
    await empty.sql(`UPDATE schema_migrations SET statements_done = -${n}, applied_at = NULL`);
    await migrated(empty, ['001-first.sql']);
    assert.deepEqual(await empty.sql('SELECT n, m FROM a'), [{ n: 1, m: 1 }], `after statement ${n}`);
    assert.equal((await empty.sql('SELECT statements_done FROM schema_migrations'))[0].statements_done, 5);
  }
  const taken = await emptyShop(t, { '001-first.sql': script });
  await taken.sql('CREATE TABLE a (another INT)');
  for (let again = 0; again < 2; again++) {
    assert.equal((await taken.migrate()).code, 1, "somebody else's table is not ours");
    assert.deepEqual(await taken.sql('SELECT statements_done, applied_at FROM schema_migrations'), [{ statements_done: 0, applied_at: null }]);
  }
});

test('after a connection lost in the middle of a file a second run completes it', async (t) => {
  const empty = await emptyShop(t, { '001-first.sql': 'CREATE TABLE a (n INT);\nALTER TABLE held ADD m INT;\nCREATE TABLE b (n INT);\n' });
  await empty.sql('CREATE TABLE held (n INT); INSERT INTO held VALUES (1)');
  const holder = empty.session();
  await holder.run('BEGIN');
  await holder.run('SELECT * FROM held');
  let end;
  const running = empty.migrate().then((result) => { end = result; });
  let waiting = [];
  while (waiting.length === 0 && !end) {
    waiting = (await connectionsTo(empty.name, empty.sql)).filter(({ state }) => state.startsWith('Waiting for table metadata lock'));
  }
  await empty.sql(`KILL CONNECTION ${waiting[0].id}`);
  await running;
  assert.equal(end.code, 1, end.stdout);
  await holder.run('COMMIT');
  await holder.close();
  await migrated(empty, ['001-first.sql']);
  assert.deepEqual(await tablesOf(empty), ['a', 'b', 'held', 'schema_migrations']);
});

test('of users with one number in two spellings the one with a password, or the older one, keeps it for sign-in (B65)', async (t) => {
  const empty = await emptyShop(t);
  const files = readdirSync(SCHEMA).filter((name) => name.endsWith('.sql')).sort();
  const copy = (names) => names.forEach((name) => copyFileSync(path.join(SCHEMA, name), path.join(empty.schema, name)));
  copy(files.filter((name) => name < '013'));
  assert.equal((await empty.migrate()).code, 0);
  const rows = { '+8613900000001': '+8613900000001', 13900000001: null, '008613900000002': '+8613900000002', '02081167888': '+862081167888', '+85212345678': '+85212345678', 13900000003: null, '+8613900000003': '+8613900000003' };
  for (const phone of Object.keys(rows)) {
    await empty.sql(`INSERT INTO users (nickname, phone, created_at, updated_at) VALUES ('x', '${phone}', 1, 1)`);
  }
  await empty.sql(`UPDATE users SET user_id = 1000 WHERE phone = '13900000001'; UPDATE users SET user_id = 1001, password_hash = 'x' WHERE phone = '+8613900000003'`);
  copy(files.filter((name) => name >= '013'));
  const { code, stderr } = await empty.migrate();
  assert.equal(code, 0, stderr);
  const now = await empty.sql('SELECT phone, phone_e164 FROM users');
  assert.deepEqual(Object.fromEntries(now.map((row) => [row.phone, row.phone_e164])), rows);
});

test('a file that was changed after it was applied stops the migration, a new one does not', async (t) => {
  const empty = await emptyShop(t, { '001-first.sql': 'CREATE TABLE a (n INT);\n', '010-last.sql': 'CREATE TABLE z (n INT);\n' });
  await migrated(empty, ['001-first.sql', '010-last.sql']);
  empty.write('005-between.sql', 'CREATE TABLE m (n INT);\n');
  await migrated(empty, ['005-between.sql']);
  empty.write('001-first.sql', 'CREATE TABLE a (n INT);\n-- a word more\n');
  empty.write('011-new.sql', 'CREATE TABLE n (n INT);\n');
  const { code, stdout, stderr } = await empty.migrate();
  assert.deepEqual([code, stdout], [1, '']);
  assert.match(stderr, /001-first\.sql was changed after it was applied/);
  assert.deepEqual(await tablesOf(empty), ['a', 'm', 'schema_migrations', 'z']);
  empty.write('001-first.sql', 'CREATE TABLE a (n INT);\n');
  await migrated(empty, ['011-new.sql']);
});

test('a directory may hold any number of migrations, of up to a megabyte each (B63)', async (t) => {
  const names = Array.from({ length: 130 }, (_, i) => `${String(i).padStart(3, '0')}-of-many.sql`);
  const padding = `-- ${'x'.repeat(99)}\n`.repeat(9_900);
  const files = Object.fromEntries(names.map((name, i) => [name, `${padding}DO ${i};\n`]));
  const empty = await emptyShop(t, files);
  await migrated(empty, names);
  empty.write('200-too-long.sql', padding + padding);
  const { code, stderr } = await empty.migrate();
  assert.equal(code, 1);
  assert.match(stderr, /200-too-long\.sql can't be read/);
});

test('other files are skipped, and a directory without migrations is an error', async (t) => {
  const empty = await emptyShop(t, { 'README.md': 'x', '01-short.sql': 'x', 'x01-first.sql': 'x', '001-first.sql.bak': 'x' });
  for (const directory of [empty.schema, path.join(shop.dir, 'nothing')]) {
    const { code, stderr } = await start('minimall', ['migrate'], { MINIMALL_SCHEMA_DIR: directory });
    assert.equal(code, 1);
    assert.match(stderr, /no migrations in .*MINIMALL_SCHEMA_DIR/);
  }
  empty.write('001-first.sql', 'CREATE TABLE a (n INT);\n');
  await migrated(empty, ['001-first.sql']);
});

// ---- the command line ----

test('a wrong command line prints the usage and does nothing', async () => {
  for (const args of [
    [], ['bogus'], ['--help'], ['migrate', 'x'], ['audit', 'x'], ['jobs', 'x'], ['create-admin'], ['create-admin', '--account'],
    ['create-admin', '--account', 'x@example.com', '--bogus', 'x'], ['create-admin', 'x@example.com'], ['issue-token'],
    ['issue-token', '--system'], ['issue-token', '--list', 'x'], ['issue-token', '--system', 'x', '--list'], ['issue-token', '--revoke'],
    ['grant-vip'], ['grant-vip', '--user', '1', '--level', '1'], ['grant-vip', '--user', '1', '--days', '1'], ['grant-vip', '--level', '1', '--days', '1'],
    ['grant-vip', '1', '1', '1'], ['grant-vip', '--user', '1', '--level', '1', '--days', '1', '--reason', 'x'],
    ...['0', '-1', 'x', '1.5', ''].flatMap((odd) => [
      ['grant-vip', '--user', odd, '--level', '1', '--days', '1'], ['grant-vip', '--user', '1', '--level', odd, '--days', '1'], ['grant-vip', '--user', '1', '--level', '1', '--days', odd],
    ]),
    ['grant-vip', '--user', '1', '--level', '1000', '--days', '1'], ['grant-vip', '--user', '1', '--level', '1', '--days', '3661'],
  ]) {
    const { code, stdout, stderr } = await shop.minimall(args, { input: `${PASSWORD}\n` });
    assert.deepEqual([code, stdout], [2, ''], args.join(' '));
    assert.match(stderr, /^usage: minimall /, args.join(' '));
  }
  assert.deepEqual(await shop.sql('SELECT token_id FROM service_tokens'), []);
});

// ---- gifts ----

test('grant-vip grants to an existing user, adds a journal entry, and refuses another level than the live one (B25)', async () => {
  const { user } = await shop.login('gifted');
  const give = (id, level, days) => shop.minimall(['grant-vip', '--user', String(id), '--level', String(level), '--days', String(days)]);
  const refused = async (code, ...args) => {
    const answer = await give(...args);
    assert.deepEqual([answer.code, answer.stdout], [1, ''], answer.stderr);
    assert.match(answer.stderr, new RegExp(`^minimall: .*\\(${code}\\)\n$`));
  };
  await refused('NOT_FOUND', 999_999_999, 1, 1);
  const first = await give(user.user_id, 2, 3660);
  assert.equal(first.code, 0, first.stderr);
  const [, no] = /^(VIP\w+): level 2 for 3660 days given to user (\d+) \(NEW\)\n$/.exec(first.stdout);
  for (const level of [1, 3]) await refused('PLAN_LEVEL_OTHER', user.user_id, level, 10);
  const second = await give(user.user_id, 2, 1);
  assert.match(second.stdout, /\(RENEWAL\)/);
  const journal = await shop.sql("SELECT actor_user_id, subject, detail FROM journal WHERE action = 'grant-vip' ORDER BY entry_id");
  assert.deepEqual(journal, [
    { actor_user_id: null, subject: no, detail: `user ${user.user_id}, level 2, 3660 days` },
    { actor_user_id: null, subject: second.stdout.split(':')[0], detail: `user ${user.user_id}, level 2, 1 days` },
  ]);
  const [{ n }] = await shop.sql('SELECT COUNT(*) AS n FROM membership_orders');
  assert.equal(n, 2, 'what was refused left nothing');
  await shop.sql(`UPDATE users SET deleted_at = 1 WHERE user_id = ${user.user_id}`);
  await refused('NOT_FOUND', user.user_id, 2, 1);
  await shop.sql(`UPDATE users SET deleted_at = NULL WHERE user_id = ${user.user_id}`);
});

test('root grants as the user of STATE_DIR, and leaves that user\'s files there', { skip: process.getuid() !== 0 && 'root alone can be another user' }, async (t) => {
  const NOBODY = 65534;
  const { user } = await shop.login('given-by-root');
  const dir = mkdtempSync('/dev/shm/minimall-owner-');
  t.after(() => rmSync(dir, { recursive: true }));
  chownSync(dir, NOBODY, NOBODY);
  const { code, stderr } = await start('minimall', ['grant-vip', '--user', String(user.user_id), '--level', '2', '--days', '1'], { STATE_DIR: dir });
  assert.equal(code, 0, stderr);
  const owners = readdirSync(dir).map((name) => statSync(path.join(dir, name)).uid);
  assert.deepEqual([...new Set(owners)], [NOBODY]);
});

test('root doesn\'t switch to a user who can\'t read the settings', { skip: process.getuid() !== 0 && 'root alone can be another user' }, async (t) => {
  const SHM = '/dev/shm';
  const { user } = await shop.login('given-by-root-alone');
  const { STATE_DIR: _, ...settings } = shop.env;
  const file = path.join(shop.dir, 'no-state-dir.conf');
  writeFileSync(file, Object.entries(settings).map(([name, value]) => `${name}=${value}\n`).join(''), { mode: 0o600 });
  const give = () => run(path.join(binDir, 'minimall'), ['grant-vip', '--user', String(user.user_id), '--level', '2', '--days', '1'],
    { env: cleanEnv(shop.dir, { MINIMALL_CONFIG: file }), cwd: shop.dir });
  const database = createHash('sha256').update([settings.DB_SOCKET, '', 3306, settings.DB_NAME].join('\n')).digest('hex').slice(0, 16);
  const [own, planted] = ['0', '65534'].map((uid) => `minimall-${uid}-${database}`);
  t.after(() => { for (const name of [own, planted]) rmSync(path.join(SHM, name), { recursive: true, force: true }); });
  assert.equal((await give()).code, 0);
  rmSync(path.join(SHM, own), { recursive: true });
  mkdirSync(path.join(SHM, planted), { mode: 0o700 });
  chownSync(path.join(SHM, planted), 65534, 65534);
  const { code, stderr } = await give();
  assert.deepEqual([code, stderr], [1, "configuration: the user of STATE_DIR can't be acted as\n"]);
  assert.deepEqual(readdirSync(path.join(SHM, planted)), []);
});

// ---- administrators ----

const createAdmin = (args, password = PASSWORD) => shop.minimall(['create-admin', ...args], { input: `${password}\n` });
const signIn = (account, password = PASSWORD) => shop.call('POST', '/api/auth/login', { body: { account, password } });

test('an administrator is created with an e-mail or a phone, and can sign in', async () => {
  for (const [account, args, user] of [
    ['Boss@Example.com', ['--nickname', '店长 🧧'], { email: 'boss@example.com', phone: null, nickname: '店长 🧧' }],
    ['+8613312345678', [], { email: null, phone: '+8613312345678', nickname: '管理员' }],
  ]) {
    const { code, stdout, stderr } = await createAdmin(['--account', account, ...args]);
    assert.deepEqual([code, stderr], [0, '']);
    const [, id] = /^administrator ([0-9]+) created\n$/.exec(stdout);
    const { status, body } = await signIn(account);
    assert.equal(status, 200);
    assert.deepEqual({ ...body.user, ...user, user_id: Number(id), openid: null, permission_level: 1 }, body.user);
    assert.ok(body.user.member_id > 0);
    assert.equal((await shop.call('GET', '/api/users', { token: body.token })).status, 200);
  }
});

test('an invalid administrator is refused with the reason, and none is created', async () => {
  const count = async () => (await shop.sql('SELECT COUNT(*) AS n FROM users'))[0].n;
  const before = await count();
  for (const [args, password, words] of [
    [['--account', 'no account'], PASSWORD, /account/],
    [['--account', ''], PASSWORD, /account/],
    [['--account', '@example.com'], PASSWORD, /account/],
    [['--account', '1234'], PASSWORD, /account/],
    [['--account', `${'a'.repeat(250)}@example.com`], PASSWORD, /account/],
    [['--account', 'new@example.com'], 'short-7', /password/],
    [['--account', 'new@example.com'], '', /password/],
    [['--account', 'new@example.com'], '密码密码密码密', /password/], // 21 bytes, but 7 characters
    [['--account', 'new@example.com'], 'x'.repeat(129), /password/],
    [['--account', 'new@example.com'], 'x'.repeat(5000), /password/],
    [['--account', 'new@example.com', '--nickname', ''], PASSWORD, /nickname/],
    [['--account', 'new@example.com', '--nickname', 'x'.repeat(101)], PASSWORD, /nickname/],
    [['--account', 'boss@EXAMPLE.com'], PASSWORD, /EMAIL_TAKEN/],
    [['--account', '+8613312345678'], PASSWORD, /PHONE_TAKEN/],
  ]) {
    const { code, stdout, stderr } = await createAdmin(args, password);
    assert.deepEqual([code, stdout], [1, ''], `${args.join(' ')}: ${stderr}`);
    assert.match(stderr, words);
    assert.ok(password.length < 8 || !stderr.includes(password));
  }
  const silent = await shop.minimall(['create-admin', '--account', 'new@example.com'], { input: '' });
  assert.equal(silent.code, 1);
  assert.match(silent.stderr, /password is expected/);
  assert.equal(await count(), before);
});

test('a password is the line as it is, without its line end', async () => {
  for (const [account, input, password] of [
    ['spaces@example.com', ' spaces kept \n', ' spaces kept '], ['dos@example.com', 'windows-line\r\n', 'windows-line'],
    ['bare@example.com', 'without-an-end', 'without-an-end'], ['more@example.com', 'first-line\nsecond-line\n', 'first-line'],
    ['long@example.com', `${'x'.repeat(128)}\n`, 'x'.repeat(128)], ['words@example.com', '八个汉字的密码吧\n', '八个汉字的密码吧'],
  ]) {
    const { code, stderr } = await shop.minimall(['create-admin', '--account', account], { input });
    assert.equal(code, 0, stderr);
    assert.equal((await signIn(account, password)).status, 200, account);
  }
});

test('of concurrent commands for one account one creates it', async () => {
  const ends = await Promise.all(Array.from({ length: 5 }, () => createAdmin(['--account', 'race@example.com'])));
  assert.deepEqual(tally(ends.map(({ code }) => code)), { 0: 1, 1: 4 });
  for (const { code, stderr } of ends) if (code === 1) assert.match(stderr, /EMAIL_TAKEN/);
  const [{ strays }] = await shop.sql('SELECT COUNT(*) - (SELECT COUNT(*) FROM users) AS strays FROM members');
  assert.equal(strays, 0);
});

// ---- service tokens ----

async function tokens() {
  const { code, stdout } = await shop.minimall(['issue-token', '--list']);
  assert.equal(code, 0);
  return stdout.split('\n').filter(Boolean).map((line) => line.split('\t'));
}

test('a service token is shown once, stored as its hash, listed and revoked at once', async () => {
  assert.deepEqual(await tokens(), []);
  const issued = await shop.minimall(['issue-token', '--system', '仓库系统']);
  assert.equal(issued.code, 0, issued.stderr);
  const token = issued.stdout.trim();
  assert.match(token, /^mms_[0-9A-Za-z_-]{43}$/);
  shop.canary(token);
  const second = (await shop.minimall(['issue-token', '--system', 'x'.repeat(100)])).stdout.trim();
  assert.notEqual(second, token);
  const [row] = await shop.sql(`SELECT token_id, name FROM service_tokens WHERE token_sha256 = UNHEX(SHA2('${token}', 256))`);
  assert.equal(row.name, '仓库系统');
  const list = await tokens();
  assert.deepEqual(list.map(([id, name, , end]) => [Number(id), name, end]),
    [[row.token_id + 1, 'x'.repeat(100), 'live'], [row.token_id, '仓库系统', 'live']]);
  assert.ok(list.every(([, , at]) => Math.abs(Date.parse(at) - Date.now()) < 60_000));
  assert.ok(!JSON.stringify(list).includes(token));
  // known, but not a user: no route of users or administrators is open
  for (const [method, address] of [['GET', '/api/auth/me'], ['GET', '/api/users'], ['GET', '/api/orders'], ['POST', '/api/products']]) {
    assertRefused(await shop.call(method, address, { token, body: method === 'GET' ? undefined : { name: 'x', price: 1 } }), 403, 'FORBIDDEN');
  }
  assert.equal((await shop.call('GET', '/api/products', { token })).status, 200);
  assert.equal((await shop.minimall(['issue-token', '--revoke', String(row.token_id)])).code, 0);
  const answers = await Promise.all(Array.from({ length: 12 }, (_, i) => shop.call('GET', i % 2 ? '/api/orders' : '/api/auth/me', { token })));
  assert.deepEqual(tally(answers.map(({ status }) => status)), { 401: 12 });
  assertRefused(await shop.call('GET', '/api/auth/me', { token: second }), 403, 'FORBIDDEN');
  const ends = Object.fromEntries((await tokens()).map(([id, , , end]) => [id, end]));
  assert.equal(ends[row.token_id + 1], 'live');
  assert.ok(Math.abs(Date.parse(ends[row.token_id]) - Date.now()) < 60_000);
  const journal = await shop.sql(`SELECT action FROM journal WHERE subject = 'service_token ${row.token_id}' ORDER BY entry_id`);
  assert.deepEqual(journal.map(({ action }) => action), ['service-token', 'service-token-revoked']);
  for (const id of [row.token_id, 0, -1, 'x', 99999, '']) {
    const { code, stderr } = await shop.minimall(['issue-token', '--revoke', String(id)]);
    assert.equal(code, 1, `${id}`);
    assert.match(stderr, /^minimall: /);
  }
  for (const name of ['', 'x'.repeat(101)]) assert.equal((await shop.minimall(['issue-token', '--system', name])).code, 1);
  assert.equal((await tokens()).length, 2);
});

// ---- settings ----

test('valid settings are accepted by every program, from the environment or a file', async () => {
  for (const name of PROGRAMS) {
    const { code, stderr } = await check({}, name);
    assert.deepEqual([code, stderr], [0, ''], name);
  }
  const file = path.join(shop.dir, 'quoted.conf');
  const text = Object.entries(shop.env).map(([name, value]) => `  ${name} = '${value}'`).join('\n');
  writeFileSync(file, `# a remark\n\n${text}\nUNKNOWN=1\n`);
  const nothing = Object.fromEntries(Object.keys(shop.env).map((name) => [name, null]));
  assert.deepEqual(await check({ ...nothing, MINIMALL_CONFIG: file }).then(({ code, stderr }) => [code, stderr]), [0, '']);
  const wins = await check({ ...nothing, MINIMALL_CONFIG: file, ORDER_PAY_MINUTES: 'x' });
  assert.deepEqual([wins.code, faultsOf(wins.stderr)], [1, ['ORDER_PAY_MINUTES']], 'the environment wins');
  writeFileSync(file, `${text}\nno equals sign\n`);
  for (const bad of [file, path.join(shop.dir, 'nothing.conf')]) {
    const { code, stderr } = await check({ MINIMALL_CONFIG: bad });
    assert.deepEqual([code, faultsOf(stderr)], [1, ['MINIMALL_CONFIG']]);
  }
});

// Each of these alone stops a program and is named alone; [setting, values].
const BAD_SETTINGS = {
  JWT_SECRET: [null, '', 'x7Gq2Lm9-31-bytes-are-too-few-0', 'changeme-changeme-changeme-changeme', 'your-256-bit-secret-your-256-bit-secret',
    'SECRET-of-our-little-shop-0123456789', 'a'.repeat(64), 'abcdabcdabcdabcdabcdabcdabcdabcd', '0123456789abcdef0123456789abcdef', 'x'.repeat(600)],
  WECHAT_API_V3_KEY: [null, '', 'k9'.concat('Zq3LmT7'.repeat(2)), 'Zq3LmT7pWx8RvB2nKd5YhC6jFg4SsA1', 'Zq3LmT7pWx8RvB2nKd5YhC6jFg4SsA1xx', 'k'.repeat(32)],
  WECHAT_SECRET: [null, 'f00df00', 'changeme12345678'],
  WECHAT_APPID: [null, 'wx'],
  WECHAT_MCHID: [null],
  WECHAT_MCH_SERIAL_NO: [null, 'not-hexadecimal-digits', 'ABC'],
  WECHAT_MCH_PRIVATE_KEY_FILE: [null, '/nonexistent/key.pem'],
  WECHAT_PAY_PUBLIC_KEY_FILE: [null, '/nonexistent/key.pem'],
  WECHAT_PAY_PUBLIC_KEY_ID: [null, 'KEY_ID_0123456789'],
  WECHAT_NOTIFY_URL: [null, 'http://shop.example/api/payment/wxpay/notify', 'https://shop.example/notify?x=1', 'ftp://shop.example/'],
  DB_NAME: [null, 'mini mall', 'minimall;drop'],
  DB_USER: [null],
  DB_PORT: ['33o6', '0', '65536', '-1', '3306.5', ' 3306'],
  ORDER_PAY_MINUTES: ['0', '121', 'thirty', '1e1'],
  PAYMENT_QUERY_GAP_S: ['-1', '61'],
  PAYMENT_SIMULATION: ['yes', '1', 'ON'],
  SHOP_TZ: ['Asia/Nowhere', '../../etc/passwd'],
  SHOP_NAME: ['x'.repeat(61)],
};

test('each invalid setting prevents the start and is named, without its value (B1)', async () => {
  for (const [name, values] of Object.entries(BAD_SETTINGS)) {
    const ends = await Promise.all(values.map((value) => check({ [name]: value })));
    ends.forEach(({ code, stdout, stderr }, i) => {
      const value = values[i];
      assert.deepEqual([code, stdout, faultsOf(stderr)], [1, '', [name]], `${name}=${value}: ${stderr}`);
      if (value && /SECRET|KEY$/.test(name)) assert.ok(!stderr.includes(value), stderr);
    });
  }
});

test('all faults of the settings are reported at once, by every program and by the command (B1)', async () => {
  const faulty = {
    JWT_SECRET: 'short', WECHAT_API_V3_KEY: 'sixteen-bytes-ok', WECHAT_MCH_PRIVATE_KEY_FILE: '/nonexistent/key.pem', DB_PORT: '33o6', WECHAT_APPID: null,
    DB_NAME: 'mini mall', SHOP_TZ: 'Asia/Nowhere', PAYMENT_SIMULATION: 'perhaps',
  };
  for (const name of PROGRAMS) {
    for (const args of [['--check-config'], []]) {
      const { code, stdout, stderr } = await start(`${name}.fcgi`, args, faulty);
      assert.deepEqual([code, stdout, faultsOf(stderr).sort()], [1, '', Object.keys(faulty).sort()], name);
    }
  }
  const jobs = await start('minimall', ['jobs'], faulty);
  assert.deepEqual([jobs.code, faultsOf(jobs.stderr).sort()], [1, Object.keys(faulty).sort()]);
});

test('the database\'s address is mandatory', async () => {
  const { code, stderr } = await check({ DB_SOCKET: null, DB_HOST: null });
  assert.deepEqual([code, faultsOf(stderr)], [1, ['DB_SOCKET']]);
  assert.equal((await check({ DB_SOCKET: null, DB_HOST: 'db.example' })).code, 0);
  const lost = await start('minimall', ['audit'], { DB_SOCKET: path.join(shop.dir, 'nothing.sock') });
  assert.equal(lost.code, 1);
  assert.match(lost.stderr, /DATABASE_UNAVAILABLE/);
});

test('commands that call no provider need no provider settings', async () => {
  const without = Object.fromEntries(Object.keys(shop.env).filter((name) => /^(WECHAT_|JWT_)/.test(name)).map((name) => [name, null]));
  const { code, stderr } = await start('minimall', ['audit'], { ...without, PAYMENT_SIMULATION: 'off', MINIMALL_TEST_CLOCK: null });
  assert.equal(code, 0, stderr);
});

const ELSEWHERE = ['https://api.example.com', 'https://127.0.0.1.example.com', 'https://localhost@example.com', 'https://localhost:x@example.com/'];

test('simulated payment or the test clock with a real provider prevents the start', async () => {
  for (const name of ['WECHAT_PAY_BASE_URL', 'WECHAT_LOGIN_BASE_URL']) {
    for (const url of [...ELSEWHERE, null]) { // null: the provider's own address
      const toys = [
        { PAYMENT_SIMULATION: 'on', MINIMALL_TEST_CLOCK: null },
        { PAYMENT_SIMULATION: 'off', MINIMALL_TEST_CLOCK: shop.env.MINIMALL_TEST_CLOCK },
      ];
      for (const toy of toys) {
        const { code, stderr } = await check({ ...toy, [name]: url });
        assert.deepEqual([code, faultsOf(stderr)], [1, [name]], `${url} ${stderr}`);
        assert.match(stderr, /PAYMENT_SIMULATION or MINIMALL_TEST_CLOCK/);
      }
      const { code, stderr } = await check({ PAYMENT_SIMULATION: 'off', MINIMALL_TEST_CLOCK: null, [name]: url });
      assert.equal(code, 0, stderr);
    }
    for (const url of ['http://api.example.com', 'http://127.0.0.1.example.com', 'http://localhost@example.com', 'http://10.0.0.1']) {
      const { code, stderr } = await check({ PAYMENT_SIMULATION: 'off', MINIMALL_TEST_CLOCK: null, [name]: url });
      assert.deepEqual([code, faultsOf(stderr)], [1, [name]], 'plain http never leaves this host');
    }
    for (const url of ['http://127.0.0.1:8080', 'http://localhost', 'http://[::1]:1/x', 'https://localhost:8443']) {
      assert.equal((await check({ [name]: url })).code, 0, url);
    }
  }
});
