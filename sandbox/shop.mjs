// SPDX-License-Identifier: MIT
// A complete shop: database, settings, simulators of the providers, web server. Used by `make run` and the tests.

import { existsSync, mkdirSync } from 'node:fs';
import path from 'node:path';
import { baseSettings, shopSecrets, writeSettings } from './config.mjs';
import { loadDemo } from './demo.mjs';
import { Fault, checkout, dropState, freePort, lockDirectory, portIsFree, writePrivate } from './files.mjs';
import { cleanEnv, endStrays, run } from './process.mjs';
import { openPool, openSession } from './database/sql.mjs';
import { startSimulator } from './simulators.mjs';
import { logName, startWeb } from './web.mjs';

export { attachDatabase, startDatabase } from './database/start.mjs';

const ADMIN_ACCOUNT = 'admin@example.com';

// dir         everything this shop writes; kept between starts
// port        0: any free one
// binDir      the programs and the CLI
// db, dbName  server from startDatabase, name of this shop's database in it
// wechat      start its simulator; otherwise `providers` has the providers' settings
// certificates  its merchant has platform certificates in addition to the public key
// refundMode  its answer to new refunds
// alipay, gateway  start their simulators too: true, or options of startAlipay(), startGateway()
// lasting     false: the simulators' state is not stored
// demo        load the demo data, once
// testClock   let setClock() shift the shop's time
// env         settings that override the launcher's; null removes one
// workerEnv   environment of the programs (sanitizers, TZ)
// families    whose programs are started (sandbox/web.mjs); all of them unless given
// editWeb     changes the web server's configuration (sandbox/web.mjs)
// signal      aborts the start
// Returns { baseUrl, sandboxUrl, keys, simulators, env, dir, admin, gatewaySecret, describe, minimall, sql, session, setClock,
// renewSimulators, restartWeb, died, stop }; simulators: { url, keys } by name, of which sandboxUrl and keys are WeChat's.
export async function startShop({
  dir, port = 0, binDir, db, dbName, wechat = true, certificates = false, refundMode, alipay = false, gateway = false, lasting = true, providers = {},
  demo = false, testClock = false, env = {}, workerEnv = {}, families, editWeb, signal, log = () => {},
}) {
  if (!existsSync(path.join(binDir, 'minimall'))) throw new Fault(`nothing is built in ${binDir}: run make first`);
  const shop = new Shop({ dir: path.resolve(dir), binDir: path.resolve(binDir), db, dbName, workerEnv, families, editWeb });
  shop.open();
  try {
    await endStrays(shop.webHome); // a web server whose launcher was killed may hold the port
    shop.port = port === 0 ? await freePort() : port;
    if (!await portIsFree(shop.port)) {
      throw new Fault(`port ${shop.port} is taken by another program, or not yours to use: choose one with PORT=…`);
    }
    const simulators = { wechat: wechat && { certificates, refundMode }, alipay, gateway };
    await shop.configure({ simulators, lasting, providers, testClock, env });
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
    this.simulators = {};
    this.running = [];
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

  get sandboxUrl() {
    return this.simulators.wechat?.url;
  }

  get keys() {
    return this.simulators.wechat?.keys;
  }

  // For attachShop(), in another process.
  describe() {
    const { dir, binDir, dbName, workerEnv, port, env, admin, gatewaySecret, clockFile, simulators } = this;
    return { dir, binDir, dbName, workerEnv, port, env, admin, gatewaySecret, clockFile, simulators };
  }

  open() {
    mkdirSync(path.join(this.dir, 'log'), { recursive: true, mode: 0o700 });
    this.lock = lockDirectory(this.dir);
    this.secrets = shopSecrets(this.dir);
    this.admin = { account: ADMIN_ACCOUNT, password: this.secrets.admin };
    this.gatewaySecret = this.secrets.gateway;
  }

  async configure({ simulators, lasting, providers, testClock, env }) {
    await endStrays(this.dir);
    dropState(this.dir); // it may belong to another database
    const database = await this.db.createDatabase(this.dbName);
    if (testClock) {
      this.clockFile = path.join(this.dir, 'clock');
      this.setClock(0);
    }
    const simulated = {};
    for (const [name, options] of Object.entries(simulators)) {
      if (options) Object.assign(simulated, await this.startSimulator(name, { lasting, options: options === true ? {} : options }));
    }
    this.env = {
      ...baseSettings(this.dir, this.secrets), ...database, ...providers, ...simulated,
      ...(testClock ? { MINIMALL_TEST_CLOCK: this.clockFile } : {}), ...env,
    };
    writeSettings(this.configFile, this.env);
  }

  // options: of startSimulator(). Returns the shop's settings.
  async startSimulator(name, options) {
    const { dir, baseUrl, secrets, clockFile } = this;
    const simulator = await startSimulator(name, { dir, baseUrl, secrets, clockFile, ...options });
    this.running.push(simulator);
    this.simulators[name] = { url: simulator.url, keys: simulator.keys };
    return simulator.settings;
  }

  // Replaces the simulators by new ones, which have no state unless they are lasting.
  async renewSimulators() {
    await Promise.all(this.running.map((simulator) => simulator.renew()));
  }

  async migrate() {
    const { code, stdout, stderr } = await this.minimall(['migrate']);
    if (code !== 0) throw new Fault(`minimall migrate failed:\n${(stdout + stderr).trim()}`);
  }

  async startWeb() {
    this.web = await startWeb({
      home: this.webHome, port: this.port, binDir: this.binDir, configFile: this.configFile,
      env: this.workerEnv, families: this.families, editWeb: this.editWeb,
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
    await Promise.all(this.running.map((simulator) => simulator.close()));
    this.lock?.release();
    return { forced };
  }
}

