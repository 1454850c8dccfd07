// A MariaDB server of one's own: data, socket and log below one directory, no network, no system server touched.

import { randomBytes } from 'node:crypto';
import { chownSync, existsSync, mkdirSync, readFileSync, renameSync, rmSync, statSync } from 'node:fs';
import { userInfo } from 'node:os';
import path from 'node:path';
import { connect } from 'node:net';
import { Fault, keptJson, lockDirectory, readJson, shortName, step, tail, writePrivate } from './files.mjs';
import { cleanEnv, endStrays, mayEnter, run, startProcess, stopProcess, untilReady } from './process.mjs';

const READY_MS = 60_000; // a server that was killed first repairs its files
const STOP_MS = 3_000;
const ACCOUNT = 'minimall';

const OPTIONS = [
  '--skip-networking', '--skip-name-resolve', '--character-set-server=utf8mb4', '--max-connections=300',
  '--innodb-buffer-pool-size=64M', '--innodb-log-file-size=48M', '--key-buffer-size=1M',
  '--aria-pagecache-buffer-size=8M', '--performance-schema=OFF',
];

// Starts the server, creating its files the first time. signal: breaks that off at once. durable: false, for what is thrown
// away: a commit need not wait until the disk has it, which keeps waits for locks short on a slow one.
// Returns { socket, createDatabase(name), dropDatabase(name), client(args…), exited, stop() }.
export async function startDatabase({ dir, durable = true, signal, log = () => {} }) {
  const home = path.resolve(dir);
  mkdirSync(home, { recursive: true, mode: 0o700 });
  const lock = lockDirectory(home);
  let short;
  let server;
  const breakOff = () => { endStrays(home).catch(() => {}); }; // whoever waits for one of them goes on, and stop() ends the rest
  signal?.addEventListener('abort', breakOff);
  try {
    const { asked } = await endStrays(home);
    if (asked > 0) log('ended a database server that an earlier start had left behind');
    const as = serverUser(home, log);
    await prepareFiles(home, as, log);
    signal?.throwIfAborted();
    short = shortName(home, 'mariadb.sock');
    const socket = path.join(short.path, 'mariadb.sock');
    server = await startServer({ home, socket, as, durable, log });
    const { password } = keptJson(path.join(home, 'account.json'), () => ({ password: randomBytes(24).toString('hex') }));
    writePrivate(path.join(home, 'socket'), socket);
    await createAccounts(socket, password);
    return { ...handle(socket, password), exited: server.exited, stop: () => stop() };
  } catch (error) {
    await stop();
    throw error;
  } finally {
    signal?.removeEventListener('abort', breakOff);
  }

  async function stop() {
    if (server) await stopProcess(server, STOP_MS);
    await endStrays(home);
    rmSync(path.join(home, 'socket'), { force: true });
    short?.remove();
    lock.release();
  }
}

// The same for a server that another process started and will stop.
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

// Whom the server runs as: oneself; for root an unprivileged user, if that user can come to the files at all.
function serverUser(home, log) {
  if (process.getuid() !== 0) return null;
  const users = readFileSync('/etc/passwd', 'utf8').split('\n').map((line) => line.split(':'));
  const found = ['mysql', 'nobody'].map((name) => users.find((user) => user[0] === name)).find(Boolean);
  if (found) {
    const as = { uid: Number(found[2]), gid: Number(found[3]) };
    if (mayEnter(path.dirname(home), as)) return as;
    log(`the database server runs as root: the user ${found[0]} cannot enter ${path.dirname(home)}`);
  } else {
    log('the database server runs as root: this machine has no unprivileged user for it');
  }
  return { uid: 0, gid: 0 };
}

async function prepareFiles(home, as, log) {
  const data = path.join(home, 'data');
  for (const directory of [home, path.join(home, 'tmp')]) {
    mkdirSync(directory, { recursive: true, mode: 0o700 });
    if (as) chownSync(directory, as.uid, as.gid);
  }
  if (!existsSync(data)) await step(log, 'creating the database (a few seconds)', () => createFiles(home, data, as));
  else if (as && statSync(data).uid !== as.uid) await must('chown', ['-R', `${as.uid}:${as.gid}`, data], home);
}

// Made beside its place and moved there when complete, so that a start which was broken off leaves no half a server.
async function createFiles(home, data, as) {
  const fresh = `${data}.new`;
  rmSync(fresh, { recursive: true, force: true });
  mkdirSync(fresh, { mode: 0o700 });
  if (as) chownSync(fresh, as.uid, as.gid);
  await must('mariadb-install-db', ['--no-defaults', `--datadir=${fresh}`, `--tmpdir=${path.join(home, 'tmp')}`,
    '--auth-root-authentication-method=normal', '--skip-test-db', '--skip-name-resolve',
    '--force', // even where the host's own name cannot be looked up
    ...(as ? [`--user=${userName(as.uid)}`] : [])], home);
  renameSync(fresh, data);
}

function userName(uid) {
  const line = readFileSync('/etc/passwd', 'utf8').split('\n').map((text) => text.split(':')).find((user) => Number(user[2]) === uid);
  return line[0];
}

async function must(command, args, home) {
  const { code, stdout, stderr } = await run(command, args, { env: cleanEnv(home), cwd: home });
  if (code !== 0) throw new Fault(`${command} failed:\n${(stdout + stderr).trim().split('\n').slice(-15).join('\n')}`);
}

async function startServer({ home, socket, as, durable, log }) {
  const logFile = path.join(home, 'mariadb.log');
  for (const name of ['mariadb.sock', 'mariadb.pid']) rmSync(path.join(home, name), { force: true });
  const server = startProcess('mariadbd', ['--no-defaults', `--datadir=${path.join(home, 'data')}`, `--socket=${socket}`,
    `--pid-file=${path.join(home, 'mariadb.pid')}`, `--tmpdir=${path.join(home, 'tmp')}`, ...OPTIONS,
    ...(durable ? [] : ['--innodb-flush-log-at-trx-commit=2']), ...(as?.uid === 0 ? ['--user=root'] : [])], { env: cleanEnv(home), cwd: home, logFile, as });
  if (await untilReady(() => greets(socket), server, READY_MS)) return server;
  await stopProcess(server, STOP_MS);
  throw new Fault(`the database server did not start; the end of ${logFile}:\n${tail(logFile)}`);
}

// A server is ready when it greets, not when its socket exists.
function greets(socket) {
  return new Promise((resolve) => {
    const connection = connect({ path: socket });
    connection.once('data', () => { connection.destroy(); resolve(true); });
    connection.once('error', () => resolve(false));
    connection.once('close', () => resolve(false));
  });
}

async function createAccounts(socket, password) {
  const statements = [
    `CREATE USER IF NOT EXISTS ${ACCOUNT}@localhost`,
    `ALTER USER ${ACCOUNT}@localhost IDENTIFIED BY '${password}'`,
    `GRANT ALL ON \`${ACCOUNT}%\`.* TO ${ACCOUNT}@localhost`,
  ];
  const { username } = userInfo();
  if (username !== 'root' && username !== ACCOUNT) { // so that `mariadb --socket=…` needs no option more
    const name = `'${username.replace(/['\\]/g, '\\$&')}'@localhost`;
    statements.push(`CREATE USER IF NOT EXISTS ${name} IDENTIFIED VIA unix_socket`, `GRANT ALL ON *.* TO ${name}`);
  }
  await asRoot(socket, statements.join(';\n'));
}
