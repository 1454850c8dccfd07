// SPDX-License-Identifier: MIT
// A real Redis server for the shared state, without persistence, on a unix socket of its own or with TLS on a loopback port.
//
//   const shop = await openShop({ redis: true });            // its state is there, and shop.redis is this server
//   const shop = await openShop({ redis: other.redis });     // a second host's
//   for (const home of homes) test(`… ${home.title}`, …)     // openShop({ ...home.options })

import { existsSync, mkdirSync } from 'node:fs';
import path from 'node:path';
import { Fault, freePort, tail } from '../../../sandbox/files.mjs';
import { cleanEnv, run, startProcess, stopProcess, untilReady } from '../../../sandbox/process.mjs';

const START_MS = 10_000;
const PASSWORD = 'p@ss:/word%1';
// A machine that runs several tests at once may keep a server waiting longer than the default allows.
const PATIENT_MS = '1000';

// Both homes of the shared state, for tests of what doesn't depend on which it is.
export const homes = [{ title: 'in LMDB', options: {} }, { title: 'in Redis', options: { redis: true } }];

// tls: { ca, cert, key } of files; the server then listens on a loopback port instead. settings: of redis.conf, by their names.
export async function startRedis({ dir, tls, settings = {} }) {
  const redis = new Redis({ dir, tls, settings });
  mkdirSync(dir, { recursive: true, mode: 0o700 });
  if (tls) redis.port = await freePort();
  await redis.start();
  return redis;
}

class Redis {
  constructor(parts) {
    Object.assign(this, parts);
    this.socket = path.join(this.dir, 'redis.sock');
    this.log = path.join(this.dir, 'redis.log');
  }

  // The settings of a shop.
  get env() {
    const password = encodeURIComponent(PASSWORD);
    return {
      REDIS_URL: this.tls ? `rediss://:${password}@127.0.0.1:${this.port}` : `unix://${this.socket}?password=${password}`,
      REDIS_TIMEOUT_MS: PATIENT_MS,
      ...(this.tls ? { REDIS_CA_FILE: this.tls.ca } : {}),
    };
  }

  get password() { return PASSWORD; }

  async start() {
    const { tls } = this;
    const settings = {
      save: '', appendonly: 'no', requirepass: PASSWORD, unixsocket: this.socket, dir: this.dir, bind: '127.0.0.1', port: '0',
      ...(tls ? { 'tls-port': String(this.port), 'tls-cert-file': tls.cert, 'tls-key-file': tls.key, 'tls-ca-cert-file': tls.ca, 'tls-auth-clients': 'no' } : {}),
      ...this.settings,
    };
    const args = Object.entries(settings).flatMap(([name, value]) => [`--${name}`, value]);
    this.child = startProcess('redis-server', args, { env: cleanEnv(this.dir), cwd: this.dir, logFile: this.log });
    if (!await untilReady(async () => existsSync(this.socket) && (await this.ask('PING')) === 'PONG', this.child, START_MS)) {
      throw new Fault(`redis-server does not start:\n${tail(this.log)}`);
    }
  }

  // A command's answer, as redis-cli prints it.
  async ask(...words) {
    const { stdout } = await run('redis-cli', ['-s', this.socket, '--raw', ...words], { env: cleanEnv(this.dir, { REDISCLI_AUTH: PASSWORD }) });
    return stdout.trimEnd();
  }

  // The names of all keys of a kind: v values, c counters, l limits, m marks.
  async keys(kind) {
    return (await this.ask('KEYS', `*:${kind}:*`)).split('\n').filter((name) => name !== '');
  }

  // New marks are closed for half a minute: as if that were over.
  async open() {
    for (const marks of await this.keys('m')) await this.ask('HSET', marks, 'born', '1');
  }

  pause() { this.child.kill('SIGSTOP'); }
  resume() { this.child.kill('SIGCONT'); }

  async kill() {
    this.child.kill('SIGKILL');
    await this.child.exited;
  }

  async restart() {
    await this.kill();
    await this.start();
  }

  async stop() {
    this.resume();
    await stopProcess(this.child, START_MS);
  }
}
