// SPDX-License-Identifier: MIT
// Helpers for files, locks and ports shared by the launcher and the tests.

import { spawnSync } from 'node:child_process';
import { createHash, randomInt } from 'node:crypto';
import {
  accessSync, chmodSync, closeSync, constants, existsSync, ftruncateSync, mkdtempSync, openSync, readFileSync, renameSync, rmSync, symlinkSync,
  writeFileSync, writeSync,
} from 'node:fs';
import { connect, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';

// A fault that the user can fix: shown without a stack.
export class Fault extends Error {}

// Something unavailable on this machine: what needs it is skipped with a notice.
export class Unavailable extends Fault {}

export const checkout = path.resolve(import.meta.dirname ?? path.dirname(new URL(import.meta.url).pathname), '..');

// Writes a file readable only by its owner, atomically. flush: it outlives a power cut.
export function writePrivate(file, text, { flush = true } = {}) {
  const fresh = `${file}.new`;
  rmSync(fresh, { force: true });
  writeFileSync(fresh, text, { mode: 0o600, flush });
  renameSync(fresh, file);
}

export function readJson(file) {
  return existsSync(file) ? JSON.parse(readFileSync(file, 'utf8')) : null;
}

// The value stored in a JSON file; created and stored first if there is none.
export function keptJson(file, make) {
  const kept = readJson(file);
  if (kept !== null) return kept;
  const made = make();
  writePrivate(file, `${JSON.stringify(made, null, 2)}\n`);
  return made;
}

export function tail(file, lines = 15) {
  if (!existsSync(file)) return '';
  return readFileSync(file, 'utf8').trimEnd().split('\n').slice(-lines).join('\n');
}

// Takes the lock of a directory, or fails with its owner. The kernel releases it when this process ends in any way:
// flock(1) locks the open file that it shares with us.
export function lockDirectory(directory) {
  const file = path.join(directory, 'lock');
  const handle = openOwn(file);
  const { status } = spawnSync('flock', ['--nonblock', '3'], { stdio: ['ignore', 'ignore', 'ignore', handle] });
  if (status !== 0) {
    closeSync(handle);
    const owner = readFileSync(file, 'utf8').trim();
    throw new Fault(`${directory} is in use by a shop that runs already (process ${owner || 'unknown'})`);
  }
  ftruncateSync(handle);
  writeSync(handle, `${process.pid}\n`);
  return { release: () => closeSync(handle) };
}

function openOwn(file) {
  try {
    return openSync(file, 'a+', 0o600);
  } catch (error) {
    if (error.code !== 'EACCES') throw error;
    throw new Fault(`${path.dirname(file)} belongs to another user: run this as that user, or remove it`);
  }
}

// A socket's path is limited to 107 bytes. Returns a short path for a directory that is too deep for `longest` below it: a
// symlink in the system's temporary directory, which grants no additional access.
export function shortName(directory, longest) {
  const note = path.join(directory, 'short-name');
  if (existsSync(note)) { // of a launcher that was killed
    rmSync(readFileSync(note, 'utf8'), { recursive: true, force: true });
    rmSync(note);
  }
  if (Buffer.byteLength(path.join(directory, longest)) <= 107) return { path: directory, remove: () => {} };
  const base = tmpdir().length < 60 ? tmpdir() : '/tmp';
  const link = mkdtempSync(path.join(base, 'minimall-'));
  chmodSync(link, 0o711);
  symlinkSync(directory, path.join(link, 'd'));
  writePrivate(note, link);
  return {
    path: path.join(link, 'd'),
    remove: () => {
      rmSync(link, { recursive: true, force: true });
      rmSync(note, { force: true });
    },
  };
}

// STATE_DIR of a directory's shop: on a memory file system, if there is one.
export function stateDirectory(directory) {
  try {
    accessSync('/dev/shm', constants.W_OK | constants.X_OK);
  } catch {
    return path.join(directory, 'state');
  }
  const hash = createHash('sha256').update(path.resolve(directory)).digest('hex').slice(0, 16);
  return `/dev/shm/minimall-dev-${process.getuid()}-${hash}`;
}

export function dropState(directory) {
  rmSync(stateDirectory(directory), { recursive: true, force: true });
}

export function portIsFree(port) {
  return new Promise((resolve) => {
    const probe = createServer();
    probe.once('error', () => resolve(false));
    probe.listen(port, '127.0.0.1', () => probe.close(() => resolve(true)));
  });
}

// A free port below the kernel's ephemeral range: one in that range could be taken by an outgoing connection before it
// is listened on. No other caller gets it while this process lives: it is claimed on another loopback address
// meanwhile.
export async function freePort() {
  for (;;) {
    const port = randomInt(12000, 32000);
    if (await claim(port) && await portIsFree(port)) return port;
  }
}

function claim(port) {
  return new Promise((resolve) => {
    const claimed = createServer((socket) => socket.destroy());
    claimed.once('error', ({ code }) => resolve(code !== 'EADDRINUSE')); // without such an address there are no claims
    claimed.listen(port, '127.0.0.2', () => resolve(true)).unref();
  });
}

// True if something accepts a connection there. `where`: { port } or { path }.
export function accepts(where) {
  return new Promise((resolve) => {
    const socket = connect({ host: '127.0.0.1', ...where });
    socket.once('connect', () => { socket.destroy(); resolve(true); });
    socket.once('error', () => resolve(false));
  });
}

// A shell word for exactly this text.
export function quoted(text) {
  return `'${String(text).replaceAll("'", "'\\''")}'`;
}

// Announces a slow step, runs it, and reports how long it took.
export async function step(log, text, work) {
  const start = Date.now();
  log(`==> ${text} …`);
  const value = await work();
  log(`    done in ${((Date.now() - start) / 1000).toFixed(1)} s`);
  return value;
}
