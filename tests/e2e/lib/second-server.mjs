// SPDX-License-Identifier: MIT
// A second web server for a shop, which starts the shop's programs itself: with the alternatives that are comments in
// apache.conf.example, or with lighttpd's mod_cgi.
//
//   const { base, stop } = await serveBy(shop, 'mod_fcgid');    // or 'mod_cgid', 'mod_cgi'

import { spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, chownSync, copyFileSync, mkdirSync, readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import path from 'node:path';
import { writeSettings } from '../../../sandbox/config.mjs';
import { accepts, checkout, freePort, tail } from '../../../sandbox/files.mjs';
import { cleanEnv, endStrays, startProcess, stopProcess, untilReady } from '../../../sandbox/process.mjs';
import { ADDRESSES } from '../../../sandbox/web.mjs';
import { binDir } from './harness.mjs';

const READY_MS = 20_000;
const STOP_MS = 10_000;
const SANITIZER_OPTIONS = ['ASAN_OPTIONS', 'UBSAN_OPTIONS'];

// The first that fits wins.
const CGI_ROUTES = [...Object.entries(ADDRESSES).flatMap(([family, addresses]) => addresses.map((address) => [address, family])), ['/api', 'system']];

function lighttpdConf(home) {
  return `
server.modules = ("mod_alias", "mod_setenv", "mod_cgi")
server.bind = env.MINIMALL_BIND
server.port = env.MINIMALL_PORT
server.document-root = "${home}"
server.upload-dirs = ("${home}")
server.http-parseopts = ("url-normalize" => "disable")
setenv.add-environment = (${['MINIMALL_CONFIG', ...SANITIZER_OPTIONS].map((name) => `"${name}" => env.${name}`).join(', ')})
alias.url = (${CGI_ROUTES.map(([prefix, program]) => `"${prefix}" => "${binDir}/${program}.fcgi"`).join(', ')})
cgi.assign = (".fcgi" => "")
`;
}

// apache.conf.example as a user would edit it: without the part for mod_proxy_fcgi, and with the commented-out lines of
// the common part and of this module's part. A real comment is "# " and a word.
export function apacheConf(module) {
  const parts = readFileSync(path.join(checkout, 'apache.conf.example'), 'utf8').split(/^(?=# ---- )/m);
  const wanted = parts.slice(1).filter((part) => /^# ---- instead of mod_proxy_fcgi/.test(part) || part.startsWith(`# ---- with ${module}`));
  if (wanted.length !== 2) throw new Error(`apache.conf.example has no part for ${module}`);
  return [parts[0], ...wanted.map((part) => part.replace(/^#(?! [^ ])/gm, ''))].join('');
}

const SERVERS = {
  mod_cgi: { command: ['lighttpd', '-D', '-f'], conf: lighttpdConf, user: null },
  mod_cgid: {
    command: ['apache2', '-D', 'FOREGROUND', '-f'],
    conf: () => `${apacheConf('mod_cgid')}PassEnv ${SANITIZER_OPTIONS.join(' ')}\n`,
    user: 'www-data',
  },
  mod_fcgid: {
    command: ['apache2', '-D', 'FOREGROUND', '-f'],
    conf: () => apacheConf('mod_fcgid') + SANITIZER_OPTIONS.map((name) => `FcgidInitialEnv ${name} "\${${name}}"\n`).join(''),
    user: 'www-data',
  },
};

// A directory for one web server: settings, key files and log, all readable by the user of its programs.
function prepareHome(shop, module, port) {
  const { conf, user } = SERVERS[module];
  const home = path.join(shop.dir, module);
  mkdirSync(home, { mode: 0o700 });
  const keys = Object.fromEntries(Object.keys(shop.env).filter((name) => /_(KEY|CERT)_FILE$/.test(name)).map((setting) => {
    copyFileSync(shop.env[setting], path.join(home, path.basename(shop.env[setting])));
    return [setting, path.join(home, path.basename(shop.env[setting]))];
  }));
  writeSettings(path.join(home, 'shop.conf'), {
    ...shop.env, ...keys, DB_SOCKET: path.join(home, 'db.sock'), LOG_FILE: path.join(home, 'requests.log'),
    WECHAT_NOTIFY_URL: `http://127.0.0.1:${port}/api/payment/wxpay/notify`,
  });
  writeFileSync(path.join(home, 'requests.log'), '', { mode: 0o600 });
  writeFileSync(path.join(home, 'server.conf'), conf(home));
  if (user !== null && process.getuid() === 0) {
    const [uid, gid] = ['-u', '-g'].map((flag) => Number(spawnSync('id', [flag, user], { encoding: 'utf8' }).stdout));
    for (const kept of [home, ...[...Object.values(keys), 'shop.conf', 'requests.log'].map((part) => path.resolve(home, part))]) chownSync(kept, uid, gid);
  }
  chmodSync(home, 0o711);
  return home;
}

// The database's directory is accessible only to its user and root; programs of another user reach it through this.
async function openDatabase(shop, home) {
  const relay = createServer((near) => {
    const far = connect({ path: shop.env.DB_SOCKET });
    near.pipe(far).pipe(near);
    for (const [end, other] of [[near, far], [far, near]]) end.on('error', () => other.destroy());
  });
  relay.listen({ path: path.join(home, 'db.sock'), writableAll: true });
  await once(relay, 'listening');
  return relay;
}

// edit: changes the configuration's text.
// Returns { base, stop }; stop() returns how many processes had to be killed, and the sanitizers' reports.
export async function serveBy(shop, module, { edit = (text) => text } = {}) {
  const port = await freePort();
  const home = prepareHome(shop, module, port);
  const [command, ...args] = SERVERS[module].command;
  const file = path.join(home, 'server.conf');
  writeFileSync(file, edit(readFileSync(file, 'utf8')));
  const relay = await openDatabase(shop, home);
  const logFile = path.join(home, 'start.log');
  const child = startProcess(command, [...args, file], {
    cwd: home, logFile,
    env: cleanEnv(home, {
      MINIMALL_BIND: '127.0.0.1', MINIMALL_PORT: String(port), MINIMALL_ROOT: checkout, MINIMALL_BIN: binDir, MINIMALL_VAR: home,
      MINIMALL_CONFIG: path.join(home, 'shop.conf'), MINIMALL_USER: 'www-data',
      ASAN_OPTIONS: `detect_leaks=0:log_path=${home}/sanitizer`, UBSAN_OPTIONS: `print_stacktrace=1:log_path=${home}/sanitizer`,
    }),
  });
  const stop = async () => {
    await stopProcess(child, STOP_MS);
    const { forced } = await endStrays(home, STOP_MS);
    relay.close();
    const reports = readdirSync(home).filter((name) => name.startsWith('sanitizer')).map((name) => readFileSync(path.join(home, name), 'utf8'));
    return { forced, reports };
  };
  if (!await untilReady(() => accepts({ port }), child, READY_MS)) {
    await stop();
    throw new Error(`${module} did not start: ${tail(logFile)}`);
  }
  return { base: `http://127.0.0.1:${port}`, stop };
}
