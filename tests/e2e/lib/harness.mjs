// SPDX-License-Identifier: MIT
// A separate shop for every test file, on a new database:
//
//   import { openShop } from './harness.mjs';
//   const shop = await openShop();                   // at the top level of the file, once or more
//   test('…', async () => {
//     const { token } = await shop.login('anna');
//     const { status, body } = await shop.call('POST', '/api/orders', { token, body: { items: [...] } });
//   });
//
// When the file's tests are over, the shop must pass `minimall audit`, must have logged no secret, must have
// caused no sanitizer report, and must stop when asked. Files share only the database server and the simulator's
// initial keys.

import { after } from 'node:test';
import assert from 'node:assert/strict';
import { chmodSync, cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync } from 'node:fs';
import { randomBytes } from 'node:crypto';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { checkout, dropState } from '../../../sandbox/files.mjs';
import { attachDatabase, startDatabase, startShop } from '../../../sandbox/shop.mjs';
import { connectionsTo } from '../../../sandbox/database/sql.mjs';
import { logName, serverName } from '../../../sandbox/web.mjs';
import { request } from './http-client.mjs';

export const mode = process.env.MODE || 'release';
export const binDir = path.join(checkout, 'build', mode);

// The web server's own Server header: lighttpd sends none, Apache at least its name in any configuration.
export const serverTag = serverName === 'apache' ? 'Apache' : null;

const STOP_MS = mode === 'asan' ? 60_000 : 10_000; // all programs may check for leaks at once when they end
const INTERRUPTED = 130;
const PRIVATE_FIELDS = new Set(['token', 'refresh_token', 'openid', 'session_key', 'phone', 'password', 'old_password', 'card_number']);
const PRIVATE_SETTINGS = ['JWT_SECRET', 'DB_PASSWORD', 'WECHAT_SECRET', 'WECHAT_API_V3_KEY'];

// A directory for one file's shop. Its logs are kept when the file fails.
export function makeDirectory() {
  const dir = mkdtempSync(path.join(tmpdir(), 'minimall-e2e-'));
  chmodSync(dir, 0o711); // the database's user must be able to enter; everything below is private
  // Everything started ends with this process, by the kernel.
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => process.exit(INTERRUPTED));
  process.on('exit', (code) => {
    dropState(dir);
    rmSync(path.join(dir, 'db'), { recursive: true, force: true });
    if (code === 0 || code === INTERRUPTED) rmSync(dir, { recursive: true, force: true });
    else console.error(`the logs of ${path.basename(process.argv[1] ?? '')} are kept in ${dir}`);
  });
  return dir;
}

const endings = [];

// Registers work for the end of the file's tests or, when called in a test, of that test: it runs in the order of
// registration, regardless of failures. A file's tests are over as soon as all those registered by then are: the file must
// not await anything at its top level between two of them.
export function atEnd(work) {
  if (endings.length === 0) after(endAll);
  endings.push(work);
}

async function endAll() {
  const faults = [];
  for (const work of endings.splice(0)) await work().catch((error) => faults.push(error)); // work registered after this runs later
  if (faults.length === 1) throw faults[0];
  if (faults.length > 1) throw new AggregateError(faults, faults.map(({ message }) => message).join('\n\n'));
}

// options: env (settings that override the launcher's; null removes one), processEnv (environment of the programs), wechat (false:
// no simulator), certificates (true: its merchant also has platform certificates), binDir, leaks (true: the sanitizers' build checks
// for leaks, which costs a second at the end of every program; set in files that together cover all routes). The test
// clock is on unless `testClock` is false. db: the caller's database server. beside: a shop of which this one is
// another host, with the same secrets, simulator and data, where db is another node of the same cluster.
export async function openShop({
  env = {}, processEnv = {}, wechat = true, certificates = false, testClock = true, binDir: programs = binDir,
  leaks = false, db: given, beside,
} = {}) {
  const dir = makeDirectory();
  const reports = path.join(dir, 'sanitizer');
  mkdirSync(reports, { mode: 0o700 });
  const { MINIMALL_E2E_DATABASE: shared, MINIMALL_E2E_KEYS: keys } = process.env;
  if (beside) {
    cpSync(path.join(beside.dir, 'secrets.json'), path.join(dir, 'secrets.json'));
    wechat = false;
  }
  if (keys && wechat) cpSync(keys, path.join(dir, 'wechat'), { recursive: true });
  const db = given ?? (shared ? attachDatabase({ dir: shared }) : await startDatabase({ dir: path.join(dir, 'db'), durable: false }));
  const dbName = beside?.shop.dbName ?? `minimall_${process.pid}_${randomBytes(4).toString('hex')}`;
  let shop;
  const close = async () => {
    try {
      const stopped = await shop?.stop({ patienceMs: STOP_MS });
      if (!beside) await db.dropDatabase(dbName);
      return stopped;
    } finally {
      if (!given) await db.stop();
    }
  };
  try {
    shop = await startShop({
      dir, binDir: programs, db, dbName, wechat, certificates, lasting: false, testClock, providers: providersOf(beside),
      env,
      workerEnv: {
        ASAN_OPTIONS: `detect_leaks=${Number(leaks)}:log_path=${reports}/asan`, UBSAN_OPTIONS: `print_stacktrace=1:log_path=${reports}/ubsan`, ...processEnv,
      },
    });
  } catch (error) {
    await close();
    throw error;
  }
  const tested = new TestShop(shop, reports);
  if (beside) tested.sabotaged(); // the shared data is audited once
  atEnd(() => tested.finish(close));
  return tested;
}

// The settings of another shop for its providers.
function providersOf(shop) {
  return Object.fromEntries(Object.entries(shop?.env ?? {}).filter(([name]) => /^(WECHAT_|WXPAY_|PAYMENT_SIMULATION$)/.test(name)));
}

class TestShop {
  #canaries = new Set();
  #sabotaged = false;

  constructor(shop, reports) {
    this.shop = shop;
    this.reports = reports;
    for (const name of PRIVATE_SETTINGS) this.canary(shop.env[name]);
    this.canary(shop.admin.password);
  }

  get baseUrl() { return this.shop.baseUrl; }
  get sandboxUrl() { return this.shop.sandboxUrl; }
  get env() { return this.shop.env; }
  get dir() { return this.shop.dir; }
  get adminAccount() { return this.shop.admin; }

  // One request to the shop. body: sent as JSON; raw: sent unchanged. `path` may be a whole URL.
  // Returns { status, headers, body }; body is parsed JSON, a text, or null when empty.
  async call(method, address, { token, body, raw, headers = {}, signal } = {}) {
    const sent = raw ?? (body === undefined ? undefined : JSON.stringify(body));
    this.#watch(body);
    const { status, headers: told, text } = await request(new URL(address, this.baseUrl), {
      method,
      signal,
      body: sent,
      headers: {
        ...(sent === undefined ? {} : { 'content-type': 'application/json' }),
        ...(token ? { authorization: `Bearer ${token}` } : {}),
        ...headers,
      },
    });
    const answer = bodyOf(told, text);
    this.#watch(answer);
    return { status, headers: told, body: answer };
  }

  // call() that must succeed: returns the body, or fails with the response.
  async ok(method, address, options) {
    const { status, body } = await this.call(method, address, options);
    assert.ok(status >= 200 && status < 300, `${method} ${address}: ${status} ${JSON.stringify(body)}`);
    return body;
  }

  // Signs a customer in through the simulator: { token, refresh_token, expires_in, user }.
  login(name) {
    this.canary(`sandbox-${name}`);
    return this.ok('POST', '/weixin-login', { body: { code: `sandbox:${name}` } });
  }

  // A token of the shop's only administrator.
  async admin() {
    return (await this.ok('POST', '/api/auth/login', { body: this.shop.admin })).token;
  }

  // One request to the simulator: { status, headers, body }.
  async sandbox(method, address, body) {
    const { status, headers, text } = await request(new URL(address, this.sandboxUrl), {
      method,
      ...(body === undefined ? {} : { body: JSON.stringify(body), headers: { 'content-type': 'application/json' } }),
    });
    return { status, headers, body: bodyOf(headers, text) };
  }

  // Pays a prepay_id or out_trade_no at the simulator; options as for DESIGN's POST /pay.
  pay(id, options = {}) {
    return this.sandbox('POST', `/pay/${encodeURIComponent(id)}`, options);
  }

  // Prepares the payment of an order as its owner and pays it. Returns the shop's response to the notification.
  async payOrder(token, orderId, options) {
    const prepared = await this.ok('POST', '/api/payment/wxpay', { token, body: { order_id: orderId } });
    const { status, body } = await this.pay(prepared.package.replace(/^prepay_id=/, ''), options);
    assert.equal(status, 200, JSON.stringify(body));
    return body;
  }

  // Rows of SQL statements, run as the server's root. sandbox/database/sql.mjs says what a value looks like.
  sql(statements) { return this.shop.sql(statements); }

  // The current connections to this shop's database, the shop's and our own (connectionsTo in sandbox/database/sql.mjs).
  connections() { return connectionsTo(this.env.DB_NAME, (statement) => this.sql(statement)); }

  // A connection that can hold a transaction open: { run(statement), close() }.
  session() { return this.shop.session(); }

  // The CLI: { code, stdout, stderr }.
  minimall(args, options) { return this.shop.minimall(args, options); }

  // One pass of `minimall jobs`, which must succeed.
  async jobs() {
    const { code, stdout, stderr } = await this.minimall(['jobs']);
    assert.equal(code, 0, `minimall jobs: ${stdout}${stderr}`);
    return stdout;
  }

  audit() { return this.minimall(['audit']); }

  // Sets the time of shop and simulator to an offset in seconds from the real one.
  clock(offsetSeconds) { this.shop.setClock(offsetSeconds); }

  // Restarts the programs, with changed settings if any (null removes one).
  // A program that is killed while a sanitizer checks for leaks leaves an incomplete report.
  restartWeb(env) { return this.shop.restartWeb(env, STOP_MS); }

  // The shop's request log, one object per line.
  log() {
    const file = this.env.LOG_FILE;
    if (!existsSync(file)) return [];
    return readFileSync(file, 'utf8').split('\n').filter((line) => line !== '').map((line) => JSON.parse(line));
  }

  // Registers a text that no log may contain.
  canary(text) {
    if (typeof text === 'string' && text.length >= 6) this.#canaries.add(text);
  }

  // For a file that damages data on purpose: skips the audit at its end.
  sabotaged() { this.#sabotaged = true; }

  // The fields of a body that must not appear in a log, at any depth.
  #watch(value) {
    if (value === null || typeof value !== 'object') return;
    for (const [name, inner] of Object.entries(value)) {
      if (PRIVATE_FIELDS.has(name)) this.canary(inner);
      this.#watch(inner);
    }
  }

  // Stops the shop and reports all its faults at once.
  async finish(close) {
    const faults = [];
    try {
      if (!this.#sabotaged) {
        const { code, stdout, stderr } = await this.audit();
        if (code !== 0) faults.push(`minimall audit exits ${code}:\n${stdout}${stderr}`);
      }
      if (this.sandboxUrl) (await this.sandbox('GET', '/sandbox/session-keys')).body.forEach((key) => this.canary(key));
    } finally {
      const { forced } = await close();
      if (forced > 0) faults.push(`${forced} program(s) did not end within ${STOP_MS} ms of being asked`);
    }
    faults.push(...this.#logFaults(), ...this.#sanitizerReports());
    if (faults.length > 0) throw new Error(`the shop is not in order after its tests:\n\n${faults.join('\n\n')}`);
  }

  #logFaults() {
    const faults = [];
    for (const file of [this.env.LOG_FILE, path.join(this.dir, 'web', logName)]) {
      if (!existsSync(file)) continue;
      const lines = readFileSync(file, 'utf8').split('\n');
      for (const canary of this.#canaries) {
        const at = lines.findIndex((line) => line.includes(canary));
        if (at >= 0) faults.push(`${path.basename(file)}:${at + 1} holds the private text ${canary}:\n${lines[at]}`);
      }
      if (file !== this.env.LOG_FILE) continue;
      const broken = lines.findIndex((line) => line !== '' && !isJson(line));
      if (broken >= 0) faults.push(`${path.basename(file)}:${broken + 1} is no JSON:\n${lines[broken]}`);
    }
    return faults;
  }

  #sanitizerReports() {
    return readdirSync(this.reports).map((name) => `${name}:\n${readFileSync(path.join(this.reports, name), 'utf8')}`);
  }
}

function isJson(text) {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}

function bodyOf(headers, text) {
  if (text === '') return null;
  return (headers.get('content-type') ?? '').includes('json') ? JSON.parse(text) : text;
}
