// SPDX-License-Identifier: MIT
// A MySQL server for tests: the one on PATH, if any; otherwise Debian's, from unstable (the stable releases have none), with
// its libraries, unpacked side by side (../packages.mjs) and started through their own loader.

import { existsSync, readdirSync } from 'node:fs';
import path from 'node:path';
import { Unavailable, step } from '../files.mjs';
import { run } from '../process.mjs';
import { debianEnv, unpackedPackages } from '../packages.mjs';

const PACKAGE = 'mysql-server-core';
const OLDEST_MAJOR = 8;

// Returns { command, options, root }: root is the directory of the server's own files, or null. Throws
// Unavailable when there is no server.
export async function findMysql(log = () => {}) {
  const installed = { command: ['mysqld'], options: [], root: null };
  if (await isMysql(installed)) return installed;
  const kept = await unpackedPackages({
    name: 'mysql', suite: 'sid', why: 'no mysqld is on PATH', choose: choosePackages, works,
    fetching: (fetch) => step(log, 'getting a MySQL server (50 MB, a minute or less)', fetch),
  });
  const found = unpacked(kept);
  if (found === null || !await isMysql(found)) throw new Unavailable(`what is in ${kept} does not start: remove it to have it made again`);
  return found;
}

// As if nothing was installed all libraries are fetched, but nothing for the maintainer scripts: it is not installed.
async function choosePackages(apt) {
  const plan = await apt('--simulate', 'install', PACKAGE);
  return [...plan.matchAll(/^Inst (\S+)/gm)].map(([, name]) => name).filter((name) => /^(lib(?!perl)|zlib|mysql-)/.test(name));
}

async function works(root) {
  const found = unpacked(root);
  return found !== null && await isMysql(found);
}

// MariaDB also installs itself under MySQL's name.
async function isMysql({ command: [program, ...args] }) {
  const { code, stdout } = await run(program, [...args, '--no-defaults', '--version'], { env: debianEnv() });
  const major = Number(/\bVer ([0-9]+)\./.exec(stdout)?.[1]);
  return code === 0 && !/mariadb/i.test(stdout) && major >= OLDEST_MAJOR;
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
