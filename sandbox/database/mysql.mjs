// SPDX-License-Identifier: MIT
// A MySQL server for tests: the one on PATH, if any; otherwise Debian's, from unstable (the stable releases have none).
// Its packages and their libraries are fetched by apt with its own directories, from the mirror that the machine already
// uses, unpacked side by side and started through their own loader: nothing is installed, and the system's apt is not
// changed. The unpacked files are kept for later runs; remove them to get a newer version.

import { existsSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { homedir } from 'node:os';
import path from 'node:path';
import { Unavailable, step } from '../files.mjs';
import { run } from '../process.mjs';

const PACKAGE = 'mysql-server-core';
const SUITE = 'sid';
const NAMED_SUITES = ['stable', 'oldstable', 'testing', 'unstable', SUITE]; // alternatives to the code name in a source
const KEYRING = '/usr/share/keyrings/debian-archive-keyring.gpg';
const OLDEST_MAJOR = 8;
const FETCH_MS = 300_000;
const DAY_MS = 86_400_000;

// Returns { command, options, root }: root is the directory of the server's own files, or null. Throws
// Unavailable when there is no server.
export async function findMysql(log = () => {}) {
  const installed = { command: ['mysqld'], options: [], root: null };
  if (await isMysql(installed)) return installed;
  const kept = path.join(cacheDirectory(), `mysql-${SUITE}-${process.arch}`);
  if (!existsSync(kept)) await step(log, 'getting a MySQL server (50 MB, a minute or less)', () => fetchServer(kept));
  const found = unpacked(kept);
  if (found === null || !await isMysql(found)) throw new Unavailable(`what is in ${kept} does not start: remove it to have it made again`);
  return found;
}

// MariaDB also installs itself under MySQL's name.
async function isMysql({ command: [program, ...args] }) {
  const { code, stdout } = await run(program, [...args, '--no-defaults', '--version'], { env: aptEnv() });
  const major = Number(/\bVer ([0-9]+)\./.exec(stdout)?.[1]);
  return code === 0 && !/mariadb/i.test(stdout) && major >= OLDEST_MAJOR;
}

// For root it must be readable by the unprivileged user that the server runs as.
function cacheDirectory() {
  const { XDG_CACHE_HOME: xdg } = process.env;
  const base = xdg && path.isAbsolute(xdg) ? xdg : process.getuid() === 0 ? '/var/cache' : path.join(homedir(), '.cache');
  return path.join(base, 'minimall');
}

// How to start the server in an unpacked directory: with the loader of its own C library.
function unpacked(root) {
  const lib = path.join(root, 'usr', 'lib');
  if (!existsSync(lib)) return null;
  const loaders = readdirSync(lib, { withFileTypes: true }).filter((entry) => entry.isDirectory())
    .flatMap(({ name }) => readdirSync(path.join(lib, name)).filter((file) => /^ld.*\.so\.[0-9]+$/.test(file)).map((file) => path.join(lib, name, file)));
  if (loaders.length === 0) return null;
  const [loader] = loaders;
  const libraries = [path.dirname(loader), path.join(path.dirname(loader), 'mysql', 'private'), path.join(lib, 'mysql', 'private')];
  const share = path.join(root, 'usr', 'share', 'mysql');
  return {
    command: [loader, '--library-path', libraries.join(':'), path.join(root, 'usr', 'sbin', 'mysqld')],
    options: [`--basedir=${path.join(root, 'usr')}`, `--lc-messages-dir=${share}`, `--character-sets-dir=${path.join(share, 'charsets')}`,
      `--plugin-dir=${path.join(lib, 'mysql', 'plugin')}`],
    root,
  };
}

// Created next to its final place and renamed when complete. Of two concurrent runs, one finds the place taken.
async function fetchServer(place) {
  const source = mirror();
  if (source === null) throw new Unavailable('no mysqld is on PATH, and only on Debian with a mirror in its sources can one be fetched');
  let dir;
  try {
    mkdirSync(path.dirname(place), { recursive: true, mode: 0o755 });
    dropAbandoned(path.dirname(place));
    dir = mkdtempSync(path.join(path.dirname(place), 'fetching-'));
  } catch (error) {
    throw new Unavailable(`no mysqld is on PATH, and none can be kept: ${error.message}`);
  }
  try {
    const root = await fetchPackages(dir, source);
    try {
      renameSync(root, place);
    } catch (error) {
      if (!['ENOTEMPTY', 'EEXIST'].includes(error.code)) throw error;
    }
  } finally {
    rmSync(dir, { recursive: true, force: true });
  }
}

function dropAbandoned(directory) {
  for (const name of readdirSync(directory).filter((entry) => entry.startsWith('fetching-'))) {
    const dir = path.join(directory, name);
    if (Date.now() - statSync(dir).mtimeMs > DAY_MS) rmSync(dir, { recursive: true, force: true });
  }
}

async function fetchPackages(dir, { uri, keyring }) {
  for (const name of ['state/lists/partial', 'cache/archives/partial', 'packages', 'root']) mkdirSync(path.join(dir, name), { recursive: true });
  writeFileSync(path.join(dir, 'sources.list'), `deb [signed-by=${keyring}] ${uri} ${SUITE} main\n`);
  writeFileSync(path.join(dir, 'state', 'status'), ''); // as if nothing was installed: all libraries are fetched
  const options = {
    'Dir::Etc::sourcelist': path.join(dir, 'sources.list'), 'Dir::Etc::sourceparts': '/dev/null', 'Dir::Etc::preferences': '/dev/null',
    'Dir::Etc::preferencesparts': '/dev/null', 'Dir::State': path.join(dir, 'state'), 'Dir::State::lists': path.join(dir, 'state', 'lists'),
    'Dir::State::status': path.join(dir, 'state', 'status'), 'Dir::Cache': path.join(dir, 'cache'), 'APT::Sandbox::User': 'root',
    'APT::Default-Release': '', 'APT::Install-Recommends': 'false', 'Acquire::Languages': 'none', 'Acquire::Retries': '1',
    'Acquire::Check-Valid-Until': 'false', // signed, but a mirror may be outdated, or this machine's clock ahead
  };
  const apt = (...args) => must('apt-get', ['-q', ...Object.entries(options).map(([name, value]) => `-o${name}=${value}`), ...args],
    path.join(dir, 'packages'));
  await apt('update');
  const plan = await apt('--simulate', 'install', PACKAGE);
  // Without dependencies of its maintainer scripts: it is not installed.
  const names = [...plan.matchAll(/^Inst (\S+)/gm)].map(([, name]) => name).filter((name) => /^(lib(?!perl)|zlib|mysql-)/.test(name));
  await apt('download', ...names);
  const root = path.join(dir, 'root');
  for (const file of readdirSync(path.join(dir, 'packages')).filter((name) => name.endsWith('.deb'))) {
    await must('dpkg-deb', ['--extract', path.join(dir, 'packages', file), root], dir);
  }
  const found = unpacked(root);
  if (found === null || !await isMysql(found)) throw new Unavailable(`Debian's ${PACKAGE} of ${SUITE} does not start here`);
  return root;
}

async function must(command, args, cwd) {
  const { code, stdout, stderr } = await run(command, args, { env: aptEnv(), cwd, limitMs: FETCH_MS });
  if (code === 0) return stdout;
  const said = (stderr || stdout).trim().split('\n').slice(-3).join(' | ');
  throw new Unavailable(`no mysqld is on PATH, and ${command} cannot get one: ${said || `it ended with ${code}`}`);
}

// A proxy, if set in the environment.
function aptEnv() {
  return { ...process.env, LC_ALL: 'C', PATH: `${process.env.PATH ?? ''}:/usr/local/sbin:/usr/sbin:/sbin:/usr/bin:/bin` };
}

// The mirror of Debian that the machine's own apt uses: { uri, keyring }, or null.
function mirror() {
  const release = existsSync('/etc/os-release') ? readFileSync('/etc/os-release', 'utf8') : '';
  const value = (name) => new RegExp(`^${name}="?([^"\\n]*)"?$`, 'm').exec(release)?.[1];
  if (value('ID') !== 'debian') return null;
  const parts = '/etc/apt/sources.list.d';
  const files = ['/etc/apt/sources.list', ...existsSync(parts) ? readdirSync(parts).sort().map((name) => path.join(parts, name)) : []];
  return mirrorIn(files.filter(existsSync).map((name) => ({ name, text: readFileSync(name, 'utf8') })), value('VERSION_CODENAME'));
}

// The same from the texts of apt's files, [{ name, text }], on a Debian of that code name.
export function mirrorIn(files, codename) {
  const suites = [codename, ...NAMED_SUITES];
  const found = files.flatMap(({ name, text }) => {
    const plain = text.replace(/^[ \t]*#.*\n?/gm, '');
    return name.endsWith('.sources') ? stanzas(plain) : name.endsWith('.list') ? lines(plain) : [];
  }).find((source) => source.components.includes('main') && source.suites.some((suite) => suites.includes(suite)));
  return found === undefined ? null : { uri: found.uri, keyring: found.keyring?.startsWith('/') ? found.keyring : KEYRING };
}

// "deb [signed-by=/a.gpg] http://… bookworm main"
function lines(text) {
  return [...text.matchAll(/^[ \t]*deb[ \t]+(?:\[([^\]\n]*)\][ \t]+)?(\S+)[ \t]+(\S+)[ \t]+([^#\n]*)/gm)].map(([, options = '', uri, suite, components]) => (
    { uri, suites: [suite], components: components.trim().split(/\s+/), keyring: /signed-by=(\S+)/.exec(options)?.[1] }));
}

// The same as stanzas of "Name: value".
function stanzas(text) {
  const field = (stanza, name) => new RegExp(`^${name}:[ \\t]*(.*)$`, 'im').exec(stanza)?.[1].trim().split(/\s+/) ?? [];
  return text.split(/\n[ \t]*\n/).filter((stanza) => field(stanza, 'Types').includes('deb') && !field(stanza, 'Enabled').includes('no'))
    .filter((stanza) => field(stanza, 'URIs').length > 0)
    .map((stanza) => ({
      uri: field(stanza, 'URIs')[0], suites: field(stanza, 'Suites'), components: field(stanza, 'Components'), keyring: field(stanza, 'Signed-By')[0],
    }));
}
