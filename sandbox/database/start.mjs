// SPDX-License-Identifier: MIT
// A private database server, MariaDB or another kind (kinds.mjs): data, socket and log in one directory, no network, independent
// of system servers.

import { randomBytes } from 'node:crypto';
import { chownSync, existsSync, mkdirSync, readFileSync, renameSync, rmSync, statSync } from 'node:fs';
import { userInfo } from 'node:os';
import path from 'node:path';
import { connect } from 'node:net';
import { Fault, keptJson, lockDirectory, readJson, shortName, step, tail, writePrivate } from '../files.mjs';
import { cleanEnv, endStrays, mayEnter, run, startProcess, stopProcess, untilReady } from '../process.mjs';
import { serverKind } from './kinds.mjs';

const READY_MS = 60_000; // a server recovers first if it was killed
const STOP_MS = 3_000;
const ACCOUNT = 'minimall';

// Starts the server, creating its files the first time. signal: aborts that at once. durable: false, for temporary data:
// commits don't wait for the disk, which keeps lock waits short on a slow one. kind: of kinds.mjs.
// Returns { socket, logFile, createDatabase(name), dropDatabase(name), exited, stop(patienceMs) }; stop() kills a server that
// has not stopped in time.
export async function startDatabase({ dir, durable = true, kind = serverKind(), signal, log = () => {} }) {
  const home = path.resolve(dir);
  mkdirSync(home, { recursive: true, mode: 0o700 });
  const lock = lockDirectory(home);
  let short;
  let server;
  const endChildren = () => { endStrays(home).catch(() => {}); }; // pending waits return, and stop() ends the rest
  signal?.addEventListener('abort', endChildren);
  try {
    const { asked } = await endStrays(home);
    if (asked > 0) log('ended a database server that an earlier start had left behind');
    const found = await kind.find(log);
    const as = serverUser([home, found.root], log);
    const start = { kind, found, home, data: path.join(home, kind.data), as, durable, log };
    await prepareFiles(start);
    signal?.throwIfAborted();
    short = shortName(home, `${kind.name}.sock`);
    const socket = path.join(short.path, `${kind.name}.sock`);
    server = await startServer({ ...start, socket });
    const { password } = keptJson(path.join(home, 'account.json'), () => ({ password: randomBytes(24).toString('hex') }));
    writePrivate(path.join(home, 'socket'), socket);
    await createAccounts(kind, socket, password);
    return { ...handle(socket, password), logFile: logFile(start), exited: server.exited, stop };
  } catch (error) {
    await stop();
    throw error;
  } finally {
    signal?.removeEventListener('abort', endChildren);
  }

  async function stop(patienceMs = STOP_MS) {
    if (server) await stopProcess(server, patienceMs);
    await endStrays(home);
    rmSync(path.join(home, 'socket'), { force: true });
    short?.remove();
    lock.release();
  }
}

// The same for a server that another process starts and stops.
export function attachDatabase({ dir }) {
  const home = path.resolve(dir);
  if (!existsSync(path.join(home, 'socket'))) throw new Fault(`no database server runs in ${home}`);
  return {
    ...handle(readFileSync(path.join(home, 'socket'), 'utf8'), readJson(path.join(home, 'account.json')).password),
    exited: new Promise(() => {}),
    stop: async () => {},
  };
}

function handle(socket, password) {
  return {
    socket,
    async createDatabase(name) {
      await asRoot(socket, `CREATE DATABASE IF NOT EXISTS ${checkedName(name)} CHARACTER SET utf8mb4`);
      return { DB_SOCKET: socket, DB_USER: ACCOUNT, DB_PASSWORD: password, DB_NAME: name };
    },
    dropDatabase: (name) => asRoot(socket, `DROP DATABASE IF EXISTS ${checkedName(name)}`),
  };
}

function checkedName(name) {
  if (!/^minimall[a-z0-9_]{0,50}$/.test(name)) throw new Fault(`not a database name of ours: ${name}`);
  return name;
}

// The arguments that make the command-line client talk to a private server as its root.
export function clientArgs(socket) {
  return ['--no-defaults', '--user=root', `--socket=${socket}`, '--default-character-set=utf8mb4'];
}

async function asRoot(socket, sql) {
  const { code, stderr } = await run('mariadb', clientArgs(socket), { env: cleanEnv(''), input: sql });
  if (code !== 0) throw new Error(`database: ${stderr.trim()}`);
}

// The user that the server runs as: the current one; for root an unprivileged user, if it can access the files.
function serverUser(directories, log) {
  if (process.getuid() !== 0) return null;
  const users = readFileSync('/etc/passwd', 'utf8').split('\n').map((line) => line.split(':'));
  const found = ['mysql', 'nobody'].map((name) => users.find((user) => user[0] === name)).find(Boolean);
  if (found) {
    const as = { uid: Number(found[2]), gid: Number(found[3]), name: found[0] };
    const shut = directories.filter(Boolean).map((directory) => path.dirname(directory)).find((directory) => !mayEnter(directory, as));
    if (shut === undefined) return as;
    log(`the database server runs as root: the user ${found[0]} cannot enter ${shut}`);
  } else {
    log('the database server runs as root: this machine has no unprivileged user for it');
  }
  return { uid: 0, gid: 0, name: 'root' };
}

const tmpOf = (home) => path.join(home, 'tmp');
const logFile = ({ home, kind }) => path.join(home, `${kind.name}.log`);

async function prepareFiles({ kind, found, home, data, as, log }) {
  for (const directory of [home, tmpOf(home)]) {
    mkdirSync(directory, { recursive: true, mode: 0o700 });
    if (as) chownSync(directory, as.uid, as.gid);
  }
  if (!existsSync(data)) await step(log, 'creating the database (a few seconds)', () => createFiles({ kind, found, home, data, as }));
  else if (as && statSync(data).uid !== as.uid) await must('chown', ['-R', `${as.uid}:${as.gid}`, data], home);
}

// Created next to its final place and renamed when complete, so that an aborted start leaves no incomplete server.
async function createFiles({ kind, found, home, data, as }) {
  const fresh = `${data}.new`;
  rmSync(fresh, { recursive: true, force: true });
  mkdirSync(fresh, { mode: 0o700 });
  if (as) chownSync(fresh, as.uid, as.gid);
  const [command, ...args] = kind.create({ data: fresh, tmp: tmpOf(home), user: as?.name, found });
  await must(command, args, home);
  renameSync(fresh, data);
}

async function must(command, args, home) {
  const { code, stdout, stderr } = await run(command, args, { env: cleanEnv(home), cwd: home });
  if (code !== 0) throw new Fault(`${path.basename(command)} failed:\n${(stdout + stderr).trim().split('\n').slice(-15).join('\n')}`);
}

async function startServer({ kind, found, home, data, socket, as, durable }) {
  const said = logFile({ home, kind });
  for (const name of ['sock', 'sock.lock', 'pid']) rmSync(path.join(home, `${kind.name}.${name}`), { force: true });
  const [command, ...args] = found.command;
  const server = startProcess(command, [...args, '--no-defaults', ...found.options, `--datadir=${data}`, `--socket=${socket}`,
    `--pid-file=${path.join(home, `${kind.name}.pid`)}`, `--tmpdir=${tmpOf(home)}`, ...kind.options,
    ...(durable ? [] : kind.lazy), ...(as?.uid === 0 ? ['--user=root'] : [])], { env: cleanEnv(home), cwd: home, logFile: said, as });
  if (await untilReady(() => (kind.ready ?? greets)(socket), server, READY_MS)) return server;
  await stopProcess(server, STOP_MS);
  throw new Fault(`the database server did not start; the end of ${said}:\n${tail(said)}`);
}

// A server is ready when it sends its greeting, not when its socket exists.
function greets(socket) {
  return new Promise((resolve) => {
    const connection = connect({ path: socket });
    connection.once('data', () => { connection.destroy(); resolve(true); });
    connection.once('error', () => resolve(false));
    connection.once('close', () => resolve(false));
  });
}

async function createAccounts(kind, socket, password) {
  const statements = [
    `CREATE USER IF NOT EXISTS ${ACCOUNT}@localhost`,
    `ALTER USER ${ACCOUNT}@localhost IDENTIFIED BY '${password}'`,
    `GRANT ALL ON \`${ACCOUNT}%\`.* TO ${ACCOUNT}@localhost`,
  ];
  const { username } = userInfo();
  if (username !== 'root' && username !== ACCOUNT) { // so that `mariadb --socket=…` needs no further option
    const name = `'${username.replace(/['\\]/g, '\\$&')}'@localhost`;
    statements.push(`CREATE USER IF NOT EXISTS ${name} ${kind.peer}`, `GRANT ALL ON *.* TO ${name}`);
  }
  await asRoot(socket, statements.join(';\n'));
}
