// SPDX-License-Identifier: MIT
// A shop for every test file, whose database has only its administrator:
//
//   import { openShop } from './harness.mjs';
//   const shop = await openShop();                   // at the top level of the file, once or more
//   test('…', async () => {
//     const { token } = await shop.login('anna');
//     const { status, body } = await shop.call('POST', '/api/orders', { token, body: { items: [...] } });
//   });
//
// openShop() gives a running one, which test files use in turns, one at a time (shop-pool.mjs). A file may shift the clock, make the
// simulator fail and write rows as it likes. It needs a separate shop, openShop({ own: true }), for what would affect the next file:
// other settings, a restart of the programs, a changed schema, damage that the audit reports; and for what depends on a fresh shop:
// query plans and costs, killed programs that are counted. Most of this is refused with an error.
//
// When the file's tests are over, the shop must pass `minimall audit`, must have logged no secret, must have
// caused no sanitizer report, and must stop when asked. Files share only the database server and the simulator's
// initial keys at any one time.

import { after } from 'node:test';
import assert from 'node:assert/strict';
import { chmodSync, existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { dropState } from '../../../sandbox/files.mjs';
import { connectionsTo } from '../../../sandbox/database/sql.mjs';
import { logName, serverName } from '../../../sandbox/web.mjs';
import { request } from './http-client.mjs';
import { takeShop } from './shop-pool.mjs';
import { STOP_MS, reportsIn, startTestShop } from './start-shop.mjs';

export { binDir, mode } from './start-shop.mjs';

// The web server's own Server header: lighttpd sends none, Apache at least its name in any configuration.
export const serverTag = serverName === 'apache' ? 'Apache' : null;

const INTERRUPTED = 130;
const PRIVATE_FIELDS = new Set(['token', 'refresh_token', 'openid', 'session_key', 'phone', 'password', 'old_password', 'card_number', 'secret']);
const PRIVATE_SETTINGS = ['JWT_SECRET', 'DB_PASSWORD', 'WECHAT_SECRET', 'WECHAT_API_V3_KEY', 'METRICS_TOKEN'];

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
    else tellLogs(dir);
  });
  return dir;
}

const tellLogs = (dir) => console.error(`the logs of ${path.basename(process.argv[1] ?? '')} are kept in ${dir}`);

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

// A running shop of the pool where run.mjs provides one; with any option but `leaks` and `alipay: true` a separate shop. Options: own
// (true: separate for no other reason), families (the only ones whose programs are started: those that the file uses), env (settings that override the launcher's; null removes one), editWeb (changes the web server's configuration), processEnv (environment of the
// programs), wechat (false: no simulator), certificates (true: its merchant also has platform certificates), alipay, gateway (true: their
// simulators too; or options of startAlipay(), startGateway()), binDir, leaks (true: the sanitizers' build checks for leaks, which costs a
// second at the end of every program; the pool's shops, which have Alipay's simulator, always do). The test clock is on unless
// `testClock` is false. db: the caller's database server. beside: a shop of which this one is another host, with the same secrets,
// simulator and data, where db is another node of the same cluster or the same server. redis: its shared state is in a Redis server
// (redis.mjs): true for one of its own, or another shop's.
export async function openShop({ own, ...options } = {}) {
  const { MINIMALL_E2E_POOL: pool } = process.env;
  if (pool && !own && Object.entries(options).every(([name, value]) => name === 'leaks' || (name === 'alipay' && value === true))) {
    const taken = await takeShop(pool);
    process.on('exit', (code) => { if (code !== 0) tellLogs(taken.keep()); });
    const tested = new TestShop(taken.shop, taken);
    atEnd(() => tested.finish());
    return tested;
  }
  const { shop, redis, close } = await startTestShop(makeDirectory(), options);
  const tested = new TestShop(shop, undefined, redis);
  if (options.beside) tested.skipAudit(); // the shared data is audited once
  atEnd(() => tested.finish(close));
  return tested;
}

class TestShop {
  #canaries = new Set();
  #skipAudit = false;

  #taken;

  // taken: of takeShop(), or undefined for a separate shop.
  constructor(shop, taken, redis) {
    this.shop = shop;
    this.redis = redis;
    this.#taken = taken;
    if (redis) this.canary(redis.password);
    for (const name of PRIVATE_SETTINGS) this.canary(shop.env[name]);
    this.canary(shop.admin.password);
  }

  get baseUrl() { return this.shop.baseUrl; }
  get sandboxUrl() { return this.shop.sandboxUrl; }
  get env() { return this.shop.env; }
  get keys() { return this.shop.keys ?? null; } // the simulator's, as makeKeys() returns them
  get simulators() { return this.shop.simulators; } // { url, keys } of each by its name
  get dir() { return this.shop.dir; }
  get adminAccount() { return this.shop.admin; }

  // One request to the shop. body: sent as JSON; raw: sent unchanged. `path` may be a whole URL.
  // Returns { status, headers, body }; body is parsed JSON, a text, or null when empty.
  async call(method, address, { token, body, raw, headers = {}, signal, from } = {}) {
    const sent = raw ?? (body === undefined ? undefined : JSON.stringify(body));
    this.#watch(body);
    const { status, headers: told, text } = await request(new URL(address, this.baseUrl), {
      method,
      signal,
      from,
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

  // The same to Alipay's simulator.
  alipay(method, address, body) {
    return this.sandbox(method, new URL(address, this.simulators.alipay.url), body);
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

  // Runs work with a session that holds what `statements` lock.
  async holding(statements, work) {
    const session = this.session();
    try {
      await session.run('START TRANSACTION');
      for (const statement of statements) await session.run(statement);
      return await work(session);
    } finally {
      await session.close(); // and with it the transaction, if it still is one
    }
  }

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
  restartWeb(env) {
    this.#mustBeOwn('a restart of the programs');
    return this.shop.restartWeb(env, STOP_MS);
  }

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
  skipAudit() {
    this.#mustBeOwn('permanent damage');
    this.#skipAudit = true;
  }

  #mustBeOwn(what) {
    if (this.#taken) throw new Error(`${what} needs a separate shop: openShop({ own: true })`);
  }

  // The fields of a body that must not appear in a log, at any depth.
  #watch(value) {
    if (value === null || typeof value !== 'object') return;
    for (const [name, inner] of Object.entries(value)) {
      if (PRIVATE_FIELDS.has(name)) this.canary(inner);
      this.#watch(inner);
    }
  }

  // Stops the shop, or gives it back, and reports all its faults at once. close: of startTestShop().
  async finish(close = () => this.#taken.leave()) {
    const faults = [];
    try {
      if (!this.#skipAudit) {
        const { code, stdout, stderr } = await this.audit();
        if (code !== 0) faults.push(`minimall audit exits ${code}:\n${stdout}${stderr}`);
      }
      if (this.sandboxUrl) (await this.sandbox('GET', '/sandbox/session-keys')).body.forEach((key) => this.canary(key));
      if (this.#taken && !await this.#taken.sameSchema()) faults.push("the schema was changed, which needs a separate shop: openShop({ own: true })");
    } finally {
      const { forced } = await close();
      if (forced > 0) faults.push(`${forced} program(s) did not end within ${STOP_MS} ms of being asked`);
    }
    faults.push(...this.#logFaults(), ...this.#sanitizerReports());
    if (faults.length > 0) throw new Error(`the shop is not in order after its tests:\n\n${faults.join('\n\n')}`);
    await this.#taken?.giveBack();
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
    return reportsIn(this.dir);
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
