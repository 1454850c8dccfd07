// SPDX-License-Identifier: MIT
// A complete shop: database, settings, WeChat simulator, web server. Used by `make run` and the tests.

import { appendFileSync, existsSync, mkdirSync } from 'node:fs';
import path from 'node:path';
import { baseSettings, sandboxSettings, shopSecrets, writeSettings } from './config.mjs';
import { loadDemo } from './demo.mjs';
import { Fault, checkout, dropState, freePort, keptJson, lockDirectory, portIsFree, writePrivate } from './files.mjs';
import { cleanEnv, endStrays, run } from './process.mjs';
import { openPool, openSession } from './database/sql.mjs';
import { logName, startWeb } from './web.mjs';

export { attachDatabase, startDatabase } from './database/start.mjs';

const ADMIN_ACCOUNT = 'admin@example.com';

// dir         everything this shop writes; kept between starts
// port        0: any free one
// binDir      the programs and the CLI
// db, dbName  server from startDatabase, name of this shop's database in it
// wechat      start the simulator; otherwise `providers` has the providers' settings
// certificates  its merchant has platform certificates in addition to the public key
// lasting     false: the simulator's state is not stored
// refundMode  the simulator's answer to new refunds
// demo        load the demo data, once
// testClock   let setClock() shift the shop's time
// env         settings that override the launcher's; null removes one
// workerEnv   environment of the programs (sanitizers, TZ)
// signal      aborts the start
// Returns { baseUrl, sandboxUrl, keys, env, dir, admin, gatewaySecret, describe, minimall, sql, session, setClock, renewWechat, restartWeb,
// died, stop }.
export async function startShop({
  dir, port = 0, binDir, db, dbName, wechat = true, certificates = false, lasting = true, refundMode, providers = {}, demo = false,
  testClock = false, env = {}, workerEnv = {}, signal, log = () => {},
}) {
  if (!existsSync(path.join(binDir, 'minimall'))) throw new Fault(`nothing is built in ${binDir}: run make first`);
  const shop = new Shop({ dir: path.resolve(dir), binDir: path.resolve(binDir), db, dbName, workerEnv });
  shop.open();
  try {
    await endStrays(shop.webHome); // a web server whose launcher was killed may hold the port
    shop.port = port === 0 ? await freePort() : port;
    if (!await portIsFree(shop.port)) {
      throw new Fault(`port ${shop.port} is taken by another program, or not yours to use: choose one with PORT=…`);
    }
    await shop.configure({ wechat, certificates, lasting, refundMode, providers, testClock, env });
    signal?.throwIfAborted();
    await shop.migrate();
    await shop.startWeb();
    await shop.createAdmin();
    if (demo) await loadDemo(shop, { customers: wechat, log, signal });
    return shop;
  } catch (error) {
    await shop.stop();
    throw error;
  }
}

// The same for a shop that another process started and will stop, from the result of describe() and its database server.
export function attachShop({ dir, binDir, dbName, workerEnv, ...rest }, db) {
  return Object.assign(new Shop({ dir, binDir, db, dbName, workerEnv }), rest);
}

class Shop {
  constructor(parts) {
    Object.assign(this, parts);
    this.configFile = path.join(this.dir, 'minimall.conf');
    // Resolves with a message when the web server ends unexpectedly.
    this.died = new Promise((resolve) => { this.tellDeath = resolve; });
  }

  get webHome() {
    return path.join(this.dir, 'web');
  }

  get baseUrl() {
    return `http://127.0.0.1:${this.port}`;
  }

  // For attachShop(), in another process.
  describe() {
    const { dir, binDir, dbName, workerEnv, port, env, admin, gatewaySecret, sandboxUrl, clockFile, keys } = this;
    return { dir, binDir, dbName, workerEnv, port, env, admin, gatewaySecret, sandboxUrl, clockFile, keys };
  }

  open() {
    mkdirSync(path.join(this.dir, 'log'), { recursive: true, mode: 0o700 });
    this.lock = lockDirectory(this.dir);
    this.secrets = shopSecrets(this.dir);
    this.admin = { account: ADMIN_ACCOUNT, password: this.secrets.admin };
    this.gatewaySecret = this.secrets.gateway;
  }

  async configure({ wechat, certificates, lasting, refundMode, providers, testClock, env }) {
    await endStrays(this.dir);
    dropState(this.dir); // it may belong to another database
    const database = await this.db.createDatabase(this.dbName);
    if (testClock) {
      this.clockFile = path.join(this.dir, 'clock');
      this.setClock(0);
    }
    this.env = {
      ...baseSettings(this.dir, this.secrets), ...database,
      ...(wechat ? await this.startWechat({ certificates, lasting, refundMode }) : providers),
      ...(testClock ? { MINIMALL_TEST_CLOCK: this.clockFile } : {}), ...env,
    };
    writeSettings(this.configFile, this.env);
  }

  // The simulator keeps its port between starts, so that earlier orders are still found there.
  async startWechat({ certificates, lasting, refundMode }) {
    const { makeKeys, startWechat } = await import('./wechat/server.mjs'); // slow to load, and attachShop() does not need it
    const keys = makeKeys(path.join(this.dir, 'wechat'), { clockFile: this.clockFile });
    this.keys = keys;
    const portFile = path.join(this.dir, 'wechat', 'port.json');
    const kept = keptJson(portFile, () => 0);
    const port = kept !== 0 && await portIsFree(kept) ? kept : await freePort();
    this.newWechat = () => startWechat({
      ...keys, certificates, refundMode, port, clockFile: this.clockFile,
      ...(lasting ? { stateFile: path.join(this.dir, 'wechat', 'state.json') } : {}),
      log: (line) => appendFileSync(path.join(this.dir, 'log', 'wechat.log'), `${line}\n`),
    });
    this.wechat = await this.newWechat();
    writePrivate(portFile, JSON.stringify(this.wechat.port));
    this.sandboxUrl = this.wechat.url;
    return sandboxSettings(keys, this.wechat.url, this.baseUrl);
  }

  // Replaces the simulator by a new one, which has no state unless it is lasting.
  async renewWechat() {
    await this.wechat.close();
    this.wechat = await this.newWechat();
  }

  async migrate() {
    const { code, stdout, stderr } = await this.minimall(['migrate']);
    if (code !== 0) throw new Fault(`minimall migrate failed:\n${(stdout + stderr).trim()}`);
  }

  async startWeb() {
    this.web = await startWeb({
      home: this.webHome, port: this.port, binDir: this.binDir, configFile: this.configFile,
      env: this.workerEnv,
    });
    const { web } = this;
    web.exited.then(() => { if (this.web === web) this.tellDeath(`the web server ended; its log is ${this.webHome}/${logName}`); });
  }

  async stopWeb(patienceMs) {
    const { web } = this;
    this.web = null;
    return await web?.stop(patienceMs) ?? { forced: 0 };
  }

  // Restarts all programs; `env` changes settings first (null removes one).
  async restartWeb(env = {}, patienceMs = undefined) {
    await this.stopWeb(patienceMs);
    this.env = { ...this.env, ...env };
    writeSettings(this.configFile, this.env);
    await this.startWeb();
  }

  // The password is stored before the account is created, so an aborted start still knows it.
  async createAdmin() {
    const marker = path.join(this.dir, `admin-${this.dbName}`);
    if (existsSync(marker)) return;
    const args = ['create-admin', '--account', this.admin.account, '--nickname', '店长'];
    const { code, stdout, stderr } = await this.minimall(args, { input: `${this.admin.password}\n` });
    if (code !== 0 && !await this.adminSignsIn()) {
      throw new Fault(`minimall create-admin failed:\n${(stdout + stderr).trim()}`);
    }
    writePrivate(marker, '');
  }

  async adminSignsIn() {
    const response = await fetch(`${this.baseUrl}/api/auth/login`, {
      method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(this.admin),
    });
    await response.arrayBuffer();
    return response.ok;
  }

  // Runs the CLI to its end: { code, stdout, stderr }. options: input for its standard input, signal to abort it.
  minimall(args, options = {}) {
    return run(path.join(this.binDir, 'minimall'), args, {
      ...options,
      cwd: checkout,
      env: cleanEnv(this.dir, {
        MINIMALL_CONFIG: this.configFile, MINIMALL_SCHEMA_DIR: path.join(checkout, 'schema'), ...this.workerEnv,
      }),
    });
  }

  sql(statements) {
    this.pool ??= openPool(this.db.socket, this.dbName, this.dir);
    return this.pool.query(statements);
  }

  session() {
    return openSession(this.db.socket, this.dbName, this.dir);
  }

  // Shifts the time of the shop and of the simulator, in seconds from the real one.
  setClock(offsetSeconds) {
    if (!this.clockFile) throw new Error('the shop was started without a test clock');
    if (!Number.isSafeInteger(offsetSeconds)) throw new Error(`not whole seconds: ${offsetSeconds}`);
    writePrivate(this.clockFile, `${offsetSeconds}\n`, { flush: false });
  }

  // Returns { forced }: how many programs had to be killed.
  async stop({ patienceMs } = {}) {
    const { forced } = await this.stopWeb(patienceMs);
    await this.pool?.close();
    await endStrays(this.dir);
    if (this.lock) dropState(this.dir);
    await this.wechat?.close();
    this.lock?.release();
    return { forced };
  }
}

