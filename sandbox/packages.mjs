// SPDX-License-Identifier: MIT
// Debian packages for tests that are not installed, only unpacked: fetched by apt with its own directories, from the mirror that
// the machine already uses. The system's apt is not changed, and no service starts. The unpacked files are kept for later runs;
// remove them to get a newer version.

import { existsSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { homedir } from 'node:os';
import path from 'node:path';
import { Unavailable } from './files.mjs';
import { run } from './process.mjs';

const NAMED_SUITES = ['stable', 'oldstable', 'testing', 'unstable', 'sid']; // alternatives to the code name in a source
const KEYRING = '/usr/share/keyrings/debian-archive-keyring.gpg';
const FETCH_MS = 300_000;
const DAY_MS = 86_400_000;

// Returns the directory that has the packages' files. Throws Unavailable, beginning with `why` they are wanted, when they can't be had.
// name: of what is kept; suite: of Debian, by default the machine's; choose(apt): the packages' names, where apt(...args) runs
// apt-get and returns its output; works(root): is what was unpacked of use here?; fetching(fetch): runs it, and may say so.
export async function unpackedPackages({ name, suite = release('VERSION_CODENAME'), why, choose, works, fetching = (fetch) => fetch() }) {
  const kept = path.join(cacheDirectory(), `${name}-${suite}-${process.arch}`);
  if (!existsSync(kept)) await fetching(() => fetchTo(kept, { suite, why, choose, works }));
  return kept;
}

// For root it must be readable by the unprivileged user that the server runs as.
function cacheDirectory() {
  const { XDG_CACHE_HOME: xdg } = process.env;
  const base = xdg && path.isAbsolute(xdg) ? xdg : process.getuid() === 0 ? '/var/cache' : path.join(homedir(), '.cache');
  return path.join(base, 'minimall');
}

// Created next to its final place and renamed when complete. Of two concurrent runs, one finds the place taken.
async function fetchTo(place, wanted) {
  const { why } = wanted;
  const source = mirror();
  if (source === null) throw new Unavailable(`${why}, and only on Debian with a mirror in its sources can one be fetched`);
  let dir;
  try {
    mkdirSync(path.dirname(place), { recursive: true, mode: 0o755 });
    dropAbandoned(path.dirname(place));
    dir = mkdtempSync(path.join(path.dirname(place), 'fetching-'));
  } catch (error) {
    throw new Unavailable(`${why}, and none can be kept: ${error.message}`);
  }
  try {
    const root = await fetchPackages(dir, source, wanted);
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

async function fetchPackages(dir, { uri, keyring }, { suite, why, choose, works }) {
  for (const name of ['state/lists/partial', 'cache/archives/partial', 'packages', 'root']) mkdirSync(path.join(dir, name), { recursive: true });
  writeFileSync(path.join(dir, 'sources.list'), `deb [signed-by=${keyring}] ${uri} ${suite} main\n`);
  writeFileSync(path.join(dir, 'state', 'status'), ''); // as if nothing was installed
  const options = {
    'Dir::Etc::sourcelist': path.join(dir, 'sources.list'), 'Dir::Etc::sourceparts': '/dev/null', 'Dir::Etc::preferences': '/dev/null',
    'Dir::Etc::preferencesparts': '/dev/null', 'Dir::State': path.join(dir, 'state'), 'Dir::State::lists': path.join(dir, 'state', 'lists'),
    'Dir::State::status': path.join(dir, 'state', 'status'), 'Dir::Cache': path.join(dir, 'cache'), 'APT::Sandbox::User': 'root',
    'APT::Default-Release': '', 'APT::Install-Recommends': 'false', 'Acquire::Languages': 'none', 'Acquire::Retries': '1',
    'Acquire::Check-Valid-Until': 'false', // signed, but a mirror may be outdated, or this machine's clock ahead
  };
  const must = async (command, args, cwd) => {
    const { code, stdout, stderr } = await run(command, args, { env: debianEnv(), cwd, limitMs: FETCH_MS });
    if (code === 0) return stdout;
    const said = (stderr || stdout).trim().split('\n').slice(-3).join(' | ');
    throw new Unavailable(`${why}, and ${command} cannot get one: ${said || `it ended with ${code}`}`);
  };
  const apt = (...args) => must('apt-get', ['-q', ...Object.entries(options).map(([name, value]) => `-o${name}=${value}`), ...args],
    path.join(dir, 'packages'));
  await apt('update');
  await apt('download', ...await choose(apt));
  const root = path.join(dir, 'root');
  for (const file of readdirSync(path.join(dir, 'packages')).filter((name) => name.endsWith('.deb'))) {
    await must('dpkg-deb', ['--extract', path.join(dir, 'packages', file), root], dir);
  }
  if (!await works(root)) throw new Unavailable(`${why}, and that of Debian's ${suite} does not start here`);
  return root;
}

// A proxy, if set in the environment.
export function debianEnv() {
  return { ...process.env, LC_ALL: 'C', PATH: `${process.env.PATH ?? ''}:/usr/local/sbin:/usr/sbin:/sbin:/usr/bin:/bin` };
}

// A value of os-release(5), or undefined.
function release(name) {
  const text = existsSync('/etc/os-release') ? readFileSync('/etc/os-release', 'utf8') : '';
  return new RegExp(`^${name}="?([^"\\n]*)"?$`, 'm').exec(text)?.[1];
}

// The mirror of Debian that the machine's own apt uses: { uri, keyring }, or null.
function mirror() {
  if (release('ID') !== 'debian') return null;
  const parts = '/etc/apt/sources.list.d';
  const files = ['/etc/apt/sources.list', ...existsSync(parts) ? readdirSync(parts).sort().map((name) => path.join(parts, name)) : []];
  return mirrorIn(files.filter(existsSync).map((name) => ({ name, text: readFileSync(name, 'utf8') })), release('VERSION_CODENAME'));
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
