// SPDX-License-Identifier: MIT
// The web server with the shop's programs, with the configuration that the project ships: lighttpd, or Apache
// with SERVER=apache.

import { spawnSync } from 'node:child_process';
import { chmodSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { Fault, accepts, checkout, shortName, tail } from './files.mjs';
import { cleanEnv, endStrays, mayEnter, startProcess, stopProcess, untilReady } from './process.mjs';

const READY_MS = 20_000;
const STOP_MS = 1_500;

export const serverName = process.env.SERVER || 'lighttpd';

// cgi-bin/families: for each family how many requests are processed at once behind either server, and its addresses.
const list = readFileSync(path.join(checkout, 'cgi-bin', 'families'), 'utf8').split('\n')
  .filter((line) => line !== '' && !line.startsWith('#')).map((line) => line.split(/ +/));
export const WORKERS = Object.fromEntries(list.map(([family, count]) => [family, Number(count)]));
export const ADDRESSES = Object.fromEntries(list.map(([family, , ...addresses]) => [family, addresses]));
export const FAMILIES = Object.keys(WORKERS);
const LONGEST = FAMILIES.reduce((longest, name) => (name.length > longest.length ? name : longest));

// Debian's account for web servers, which must be able to connect to the programs' sockets and read the pages.
const APACHE_USER = 'www-data';

const SERVERS = {
  lighttpd: {
    // the umask sets the mode of the programs' sockets
    command: (configuration) => ['/bin/sh', '-c', 'umask 0177 && exec "$@"', 'sh', 'lighttpd', '-D', '-f', configuration],
    shipped: 'lighttpd.conf.example',
    without: withoutPrograms,
    prepare: () => {},
    startPrograms: () => [],
  },
  apache: {
    command: (configuration) => ['apache2', '-D', 'FOREGROUND', '-f', configuration],
    shipped: 'apache.conf.example',
    without: (text) => text,
    prepare: admitApache,
    startPrograms,
  },
};

// The web server's log file.
export const logName = `${serverName}.log`;

// home: the web server's directory for sockets and log. families: whose programs are started, besides the last one, which answers
// paths without an owner; the others' addresses answer 503. editWeb: changes the text of the configuration.
// Returns { exited, stop(patienceMs) }; stop() returns how many programs had to be killed.
export async function startWeb({ home, port, binDir, configFile, env, families: wanted = FAMILIES, editWeb = (text) => text }) {
  const kind = SERVERS[serverName];
  const families = FAMILIES.filter((family) => wanted.includes(family) || family === FAMILIES.at(-1));
  if (!kind) throw new Fault(`SERVER=${serverName} is none of ${Object.keys(SERVERS).join(', ')}`);
  mkdirSync(home, { recursive: true, mode: 0o700 });
  await endStrays(home);
  const short = shortName(home, `${LONGEST}.sock-00`);
  const logFile = path.join(home, logName);
  const serverEnv = cleanEnv(home, {
    MINIMALL_BIND: '127.0.0.1', MINIMALL_PORT: String(port), MINIMALL_ROOT: checkout, MINIMALL_BIN: binDir,
    MINIMALL_VAR: short.path, MINIMALL_CONFIG: configFile, MINIMALL_USER: APACHE_USER, ...env,
  });
  kind.prepare(home);
  const [command, ...args] = kind.command(configuration(kind, home, { families, editWeb }));
  const server = startProcess(command, args, { cwd: checkout, logFile, env: serverEnv });
  const groups = kind.startPrograms({ logFile, env: serverEnv, families });
  const stop = async (patienceMs) => {
    await stopProcess(server, STOP_MS);
    groups.forEach(endGroup); // first, so that ended programs are not restarted
    const { forced } = await endStrays(home, patienceMs); // a program finishes its request before it ends
    for (const name of ['lighttpd.pid', 'apache.pid']) rmSync(path.join(home, name), { force: true });
    short.remove();
    return { forced };
  };
  const ready = async () => await accepts({ port }) && await allAccept(groups);
  if (!await untilReady(ready, server, READY_MS)) {
    await stop();
    throw new Fault(`the web server did not start; the end of ${logFile}:\n${tail(logFile)}`);
  }
  return { exited: server.exited, stop };
}

// The configuration that the project ships, or a changed copy.
function configuration({ shipped, without }, home, { families, editWeb }) {
  const file = path.join(checkout, shipped);
  const text = readFileSync(file, 'utf8');
  const wanted = editWeb(without(text, families));
  if (wanted === text) return file;
  const changed = path.join(home, 'server.conf');
  writeFileSync(changed, wanted, { mode: 0o600 });
  return changed;
}

// lighttpd itself starts the programs that its configuration names.
function withoutPrograms(text, families) {
  return text.replaceAll(/"bin-path" => env\.MINIMALL_BIN \+ "\/(\w+)\.fcgi", /g, (named, family) => (families.includes(family) ? named : ''));
}

// When started by root Apache runs as another user, which must be able to reach pages and sockets; secrets stay root's.
function admitApache(home) {
  if (process.getuid() !== 0) return;
  chmodSync(home, 0o711);
  const [uid, gid] = ['-u', '-g'].map((flag) => Number(spawnSync('id', [flag, APACHE_USER], { encoding: 'utf8' }).stdout));
  for (const directory of [home, path.join(checkout, 'htdocs')]) {
    if (!mayEnter(directory, { uid, gid })) {
      throw new Fault(`Apache never serves as root, and its user ${APACHE_USER} cannot enter ${directory}: `
        + 'move the checkout, or start this as another user');
    }
  }
}

// Each family's programs on one listening socket, kept running by workers.sh.
function startPrograms({ logFile, env, families }) {
  const owner = process.getuid() === 0 ? ['-U', APACHE_USER, '-G', APACHE_USER] : [];
  return families.map((family) => {
    const socket = path.join(env.MINIMALL_VAR, `${family}.sock`);
    const group = startProcess('spawn-fcgi', ['-n', '-s', socket, '-b', '1024', '-M', '0600', ...owner, '--', '/bin/sh',
      path.join(checkout, 'cgi-bin', 'workers.sh'), String(WORKERS[family]), path.join(env.MINIMALL_BIN, `${family}.fcgi`)],
    { cwd: checkout, logFile, env });
    return Object.assign(group, { socket });
  });
}

// Accepting is not serving: callers wait while a program is still starting.
async function allAccept(groups) {
  const open = await Promise.all(groups.map(({ socket }) => accepts({ path: socket })));
  return open.every(Boolean);
}

function endGroup({ pid }) {
  try {
    process.kill(-pid, 'SIGTERM');
  } catch (error) {
    if (error.code !== 'ESRCH') throw error;
  }
}
