// SPDX-License-Identifier: MIT
// `minimall doctor`: nothing to complain of in the sandbox's shop, and a complaint for each thing that is made wrong.
import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { afterEach, test } from 'node:test';
import tls from 'node:tls';
import { selfSigned } from '../../../sandbox/lib/certificate.mjs';
import { makePair } from '../../../sandbox/lib/sign.mjs';
import { cleanEnv, run } from '../../../sandbox/process.mjs';
import { atEnd, binDir, openShop } from '../lib/harness.mjs';

const MINUTE_S = 60;
const DAY_S = 86_400;
const DAY_MS = 86_400_000;
const YEAR_S = 365 * DAY_S;
const CHECKS = ['settings', 'database', 'schema', 'database-clock', 'connections', 'data-disk', 'state', 'keys', 'clock', 'jobs', 'open-work', 'reconciliation', 'site'];

const shop = await openShop({ own: true, families: ['system'], alipay: { certificates: true }, certificates: true });
shop.skipAudit(); // it is given open work that nothing has caused
await shop.jobs();

// With changed settings (null removes one): { code, stdout, stderr, lines }, a line being [verdict, check, text].
async function doctor(changes = {}) {
  const env = Object.fromEntries(Object.entries({ ...shop.env, ...changes }).filter(([, value]) => value !== null));
  const { code, stdout, stderr } = await run(path.join(binDir, 'minimall'), ['doctor'], { env: cleanEnv(shop.dir, env) });
  const said = stdout.trimEnd().split('\n');
  const last = said.pop();
  const lines = said.map((line) => /^(ok  |BAD |skip) ([a-z-]+): (.+)$/.exec(line)?.slice(1) ?? assert.fail(`not a line of a check: ${line}`));
  const bad = lines.filter(([verdict]) => verdict === 'BAD ');
  assert.equal(last, `doctor: ${bad.length} complaints`);
  assert.equal(code, bad.length > 0 ? 1 : 0, stdout + stderr);
  for (const [, , text] of bad) assert.match(text, /: [^:]/, 'a complaint says what to do');
  return { code, stdout, stderr, lines };
}

const complaints = ({ lines }) => lines.filter(([verdict]) => verdict === 'BAD ').map(([, check, text]) => `${check}: ${text}`);

// Exactly one complaint, which matches.
async function assertComplaint(expected, changes) {
  const found = complaints(await doctor(changes));
  assert.equal(found.length, 1, found.join('\n'));
  assert.match(found[0], expected);
}

const PLANTED = "DELETE FROM payment_events WHERE event_id = 'EVT-DOCTOR'; DELETE FROM reconciliations";

afterEach(async () => {
  shop.clock(0);
  await shop.sandbox('DELETE', '/sandbox/faults');
  await shop.sql(PLANTED);
  await shop.jobs();
});

// A certificate of a key that begins and ends so many days from now.
const certify = (pair, { from = -10, to, serial }) => selfSigned(pair, { from: Date.now() + from * DAY_MS, to: Date.now() + to * DAY_MS, serial });

test("nothing is wrong in the sandbox's shop: every check has a line, and the exit status is 0", async () => {
  const { code, lines, stdout, stderr } = await doctor();
  assert.equal(code, 0, stdout + stderr);
  assert.deepEqual([...new Set(lines.map(([, check]) => check))], CHECKS);
  assert.match(stdout, /^ok {3}connections: max_connections is \d+, and this host needs \d+$/m);
  assert.match(stdout, /^ok {3}state: \S+, in memory, \d+ KiB used, \d+ MiB free$/m);
  assert.match(stdout, /^ok {3}keys: alipay: the app's certificate is valid until \d{4}-/m);
  assert.match(stdout, /^skip keys: wechat: when the merchant certificate expires is unknown: set WECHAT_MCH_CERT_FILE$/m);
  assert.match(stdout, /^ok {3}clock: within 60 s of wechat's$/m);
  assert.match(stdout, /^skip site: http:\S+ is not https$/m);
});

test('it changes nothing, and takes no arguments', async () => {
  const sums = async () => {
    const rows = await shop.sql('SELECT * FROM job_passes; SELECT * FROM platform_certificates; SELECT * FROM certificate_refresh; SELECT * FROM outbox');
    return createHash('sha256').update(JSON.stringify(rows)).digest('hex');
  };
  const before = await sums();
  await doctor();
  assert.equal(await sums(), before);
  const { code, stderr } = await shop.minimall(['doctor', '--all']);
  assert.deepEqual([code, /usage: minimall doctor/.test(stderr)], [2, true]);
});

test('all faults of the settings are named at once, for every family, and of the files that they name (B1)', async () => {
  const wrong = await doctor({ JWT_SECRET: 'short', WECHAT_APPID: null, DB_PORT: 'x', ALIPAY_SELLER_ID: null });
  assert.deepEqual(complaints(wrong).length, 1);
  assert.match(wrong.stdout, /^BAD {2}settings: those named on standard error: correct them/m);
  for (const name of ['JWT_SECRET', 'WECHAT_APPID', 'DB_PORT', 'ALIPAY_SELLER_ID']) assert.match(wrong.stderr, new RegExp(`^configuration: ${name} `, 'm'));

  const files = await doctor({ WECHAT_PAY_PUBLIC_KEY_FILE: shop.keys.merchantPrivateKeyFile });
  assert.match(files.stderr, /^configuration: WECHAT_PAY_PUBLIC_KEY_FILE holds no RSA public key/m);
  assert.match(complaints(files).join(), /^settings: files of keys are wrong: correct them/);
  assert.match(files.stdout, /^ok {3}database: /m, 'the other checks are made');
  assert.match(files.stdout, /^skip keys: /m);
});

test('a database that can not be reached', async () => {
  const wrong = { DB_PASSWORD: 'another', DB_USER: 'minimall' };
  await assertComplaint(/^database: \S+ can't be reached, [A-Z_]+: start the server, and compare DB_\* with its account$/, wrong);
  assert.match((await doctor(wrong)).stdout, /^skip jobs: the database must be reached first$/m);
});

test('a schema that is older than the programs', async () => {
  const last = "name = '032-job-passes.sql'";
  await shop.sql(`UPDATE schema_migrations SET applied_at = NULL WHERE ${last}`);
  try {
    await assertComplaint(/^schema: older than the programs: run minimall migrate$/);
  } finally {
    await shop.sql(`UPDATE schema_migrations SET applied_at = 1 WHERE ${last}`);
  }
});

test("the database's clock is another than ours", async () => {
  shop.clock(-MINUTE_S);
  await assertComplaint(/^database-clock: the database's is \+(59|60) s from this host's: synchronise both hosts by NTP$/);
});

test('fewer connections are allowed than there are processes', async () => {
  const account = `minimall_few_${process.pid}`;
  const password = randomBytes(12).toString('hex');
  await shop.sql(`CREATE USER ${account}@localhost IDENTIFIED BY '${password}' WITH MAX_USER_CONNECTIONS 20;
    GRANT ALL ON \`${shop.env.DB_NAME}\`.* TO ${account}@localhost`);
  try {
    await assertComplaint(/^connections: max_user_connections is 20, and \d+ processes and jobs keep one each: raise it/, { DB_USER: account, DB_PASSWORD: password });
  } finally {
    await shop.sql(`DROP USER ${account}@localhost`);
  }
});

test('shared state that can not be opened, or is not in memory', async () => {
  await assertComplaint(/^state: \/proc\/none: .+: give STATE_DIR to the programs' user/, { STATE_DIR: '/proc/none' });
  const { stdout } = await run('stat', ['-f', '-c', '%T', shop.dir], { env: cleanEnv(shop.dir) });
  if (stdout.trim() !== 'tmpfs') await assertComplaint(/^state: \S+ is not on a memory file system: set STATE_DIR/, { STATE_DIR: path.join(shop.dir, 'disk') });
});

test("the provider's clock is another than ours: a complaint beyond 60 s; not asked when it does not answer", async () => {
  await shop.sandbox('POST', '/sandbox/faults', { on: 'certificates', fault: 'wrong_date' });
  await assertComplaint(/^clock: wechat's is \+(89|90) s from this host's: synchronise this host's clock by NTP/);
  const { code, stdout } = await doctor({ WECHAT_PAY_BASE_URL: 'http://127.0.0.1:1' });
  assert.equal(code, 0);
  assert.match(stdout, /^skip clock: wechat does not answer, or this host is offline$/m);
});

test('certificates of a provider are named from 30 days before they expire (B33)', async () => {
  shop.clock(5 * YEAR_S - 40 * DAY_S);
  await shop.jobs();
  const named = async () => complaints(await doctor()).filter((text) => text.startsWith('keys: '));
  assert.deepEqual(await named(), []);
  shop.clock(5 * YEAR_S - 10 * DAY_S);
  const soon = await named();
  assert.equal(soon.length, 2, soon.join('\n'));
  assert.match(soon[0], /^keys: alipay: the app's certificate expires at \S+: renew it in the open platform's console/);
  assert.match(soon[1], /^keys: alipay: its own certificate expires at \S+: download the new one/);
  shop.clock(5 * YEAR_S + 10 * DAY_S);
  assert.match((await named())[0], /^keys: alipay: the app's certificate expired at /);
});

test('without the public key the platform certificate is looked at, and missed where there is none (B33)', async () => {
  const alone = { WECHAT_PAY_PUBLIC_KEY_ID: null, WECHAT_PAY_PUBLIC_KEY_FILE: null };
  assert.match((await doctor(alone)).stdout, /^ok {3}keys: wechat: platform certificate [0-9A-F]{40} is valid until /m);
  const rows = await shop.sql('SELECT serial, expires_at FROM platform_certificates');
  await shop.sql('UPDATE platform_certificates SET expires_at = 1');
  try {
    await assertComplaint(/^keys: wechat: there is no key that verifies: run minimall jobs/, alone);
  } finally {
    for (const { serial, expires_at: at } of rows) await shop.sql(`UPDATE platform_certificates SET expires_at = ${at} WHERE serial = '${serial}'`);
  }
});

test('the merchant certificate, where its file is known; it must be that of the key and the serial number', async () => {
  const { merchantSerial: serial, merchantPrivateKeyFile, merchantPublicKey: publicKey } = shop.keys;
  const merchant = { privateKey: readFileSync(merchantPrivateKeyFile, 'utf8'), publicKey };
  const file = path.join(shop.dir, 'apiclient_cert.pem');
  const given = { WECHAT_MCH_CERT_FILE: file };
  const other = makePair();

  writeFileSync(file, certify(merchant, { serial, to: 100 }));
  assert.match((await doctor(given)).stdout, /^ok {3}keys: wechat: the merchant certificate is valid until /m);
  writeFileSync(file, certify(merchant, { serial, to: 20 }));
  await assertComplaint(/^keys: wechat: the merchant certificate expires at \S+: renew it in the merchant console/, given);
  writeFileSync(file, certify(merchant, { to: 100 }));
  assert.match((await doctor(given)).stderr, /^configuration: WECHAT_MCH_CERT_FILE has another serial number than WECHAT_MCH_SERIAL_NO$/m);
  writeFileSync(file, certify(other, { serial, to: 100 }));
  assert.match((await doctor(given)).stderr, /^configuration: WECHAT_MCH_CERT_FILE is not the certificate of WECHAT_MCH_PRIVATE_KEY_FILE$/m);
  writeFileSync(file, 'no certificate');
  assert.match((await doctor(given)).stderr, /^configuration: WECHAT_MCH_CERT_FILE holds no certificate/m);
});

test('jobs that never ran, that do not run any more, and that are in trouble', async () => {
  await shop.sql('UPDATE job_passes SET ended_at = NULL');
  await assertComplaint(/^jobs: there has been no pass: have a timer or cron run minimall jobs/);
  await shop.sql(`UPDATE job_passes SET ended_at = ${Date.now() - 31 * MINUTE_S * 1000}`);
  await assertComplaint(/^jobs: the last pass ended at \S+Z: see that the timer or cron still runs minimall jobs$/);
  await shop.sql(`UPDATE job_passes SET ended_at = ${Date.now()}, in_trouble = 2`);
  await assertComplaint(/^jobs: 2 kinds of work in trouble in the pass that ended at \S+: run minimall jobs/);
  await shop.jobs();
  assert.deepEqual((await shop.sql('SELECT in_trouble FROM job_passes')).map((row) => row.in_trouble), [0]);
  assert.equal((await doctor()).code, 0);
});

test('open work of the audit, and days that differ from their bill', async () => {
  await shop.sql(`INSERT INTO payment_events (event_id, channel, verdict, amount, body, received_at, judged_at)
    VALUES ('EVT-DOCTOR', 1, 6, 100, '', ${Date.now()}, ${Date.now()})`);
  await assertComplaint(/^open-work: orphan payment: 1: see minimall audit/);
  await shop.sql(PLANTED);

  const day = (ago) => Math.floor((Date.now() + 8 * 3_600_000) / DAY_MS - ago) * DAY_MS - 8 * 3_600_000;
  const compared = (ago, outcome) => shop.sql(`INSERT INTO reconciliations (provider, starts_at, outcome, automatic, repairs, lease_at, findings, created_at, ended_at)
    VALUES ('wechat', ${day(ago)}, ${outcome}, 1, 1, 0, 1, 1, 1)`);
  await compared(2, 3);
  await assertComplaint(/^reconciliation: wechat \d{4}-\d\d-\d\d: it differs from the bill: see what differs with minimall reconcile/);
  await compared(2, 1);
  assert.equal((await doctor()).code, 0, 'the latest run of a day counts');
  await compared(1, 5);
  await assertComplaint(/^reconciliation: wechat \S+: the bill could not be compared: run minimall reconcile for that day/);
});

test("the site's certificate: expired, about to, not trusted; and a site that does not answer", async () => {
  const pair = makePair();
  const server = tls.createServer({ key: pair.privateKey, cert: certify(pair, { to: 100 }) });
  server.on('tlsClientError', () => {}); // those that don't trust it
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  atEnd(() => new Promise((resolve) => { server.close(resolve); }));
  const site = { PUBLIC_URL: `https://localhost:${server.address().port}` };
  const shows = (days) => server.setSecureContext({ key: pair.privateKey, cert: certify(pair, { from: -100, to: days }) });

  await assertComplaint(/^site: the certificate of https:\/\/localhost:\d+ is not trusted, .+: install a certificate for this name/, site);
  shows(-5);
  await assertComplaint(/^site: the certificate of \S+ expired at \S+: renew it, and see that the web server has loaded it$/, site);
  shows(5);
  await assertComplaint(/^site: the certificate of \S+ expires at \S+: renew it/, site);
  assert.match((await doctor({ PUBLIC_URL: 'https://localhost:1' })).stdout, /^skip site: https:\/\/localhost:1 can't be connected to from here$/m);
});
