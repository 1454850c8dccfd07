// SPDX-License-Identifier: MIT
// The database servers that tests run on, and what happens when one is unavailable.

import assert from 'node:assert/strict';
import { chmodSync, existsSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { checkout } from '../../../sandbox/files.mjs';
import { mirrorIn } from '../../../sandbox/packages.mjs';
import { run } from '../../../sandbox/process.mjs';
import { serverKind } from '../../../sandbox/database/kinds.mjs';
import { attachDatabase } from '../../../sandbox/shop.mjs';
import { query } from '../../../sandbox/database/sql.mjs';
import { makeDirectory } from '../lib/harness.mjs';
import { LEGS, filesOf } from '../lib/legs.mjs';

const shared = process.env.MINIMALL_E2E_DATABASE;
const dir = makeDirectory();

// Programs that come before the system's on PATH: { name: the text of a shell script }.
function programs(name, scripts) {
  const bin = path.join(dir, name);
  mkdirSync(bin);
  for (const [program, text] of Object.entries(scripts)) {
    writeFileSync(path.join(bin, program), `#!/bin/sh\n${text}\n`);
    chmodSync(path.join(bin, program), 0o755);
  }
  return `${bin}:${process.env.PATH}`;
}

const AS_MARIADB = { mysqld: 'echo "mysqld  Ver 10.11.19-MariaDB for debian-linux-gnu on x86_64"' };

test('the tests run on the requested server (B60)', { skip: !shared && 'only in a run of run.mjs' }, async () => {
  const { socket } = attachDatabase({ dir: shared });
  const [{ version }] = await query(socket, 'mysql', 'SELECT VERSION() AS version');
  assert.equal(/mariadb/i.test(version), serverKind().name !== 'mysql', version);
  if (serverKind().name === 'mysql') assert.ok(Number.parseInt(version, 10) >= 8, version);
});

test('without a MySQL its tests are skipped with a line that says why, and the run succeeds (B60)', async () => {
  const marker = path.join(dir, 'ran.test.mjs');
  writeFileSync(marker, `import { writeFileSync } from 'node:fs';\nwriteFileSync(${JSON.stringify(`${marker}.did`)}, '');\n`);
  const env = { ...process.env, DB: 'mysql', PATH: programs('without', AS_MARIADB), XDG_CACHE_HOME: '/dev/null/none' };
  const { code, stdout, stderr } = await run(process.execPath, [path.join(checkout, 'tests', 'e2e', 'run.mjs'), marker], { env });
  assert.equal(code, 0, stderr);
  assert.match(stdout, /^skipped: the end-to-end tests with DB=mysql: no mysqld is on PATH, and .+$/m);
  assert.equal(existsSync(`${marker}.did`), false);
});

test('a server that does not exist is a fault, not a skip', async () => {
  const env = { ...process.env, DB: 'postgres' };
  const { code, stderr } = await run(process.execPath, [path.join(checkout, 'tests', 'e2e', 'run.mjs'), 'x.test.mjs'], { env });
  assert.equal(code, 1);
  assert.match(stderr, /^DB=postgres: the database servers are mariadb, mysql/m);
});

test('.ci/run counts the tests of all runs, a failure outside tests, and skipped runs', async () => {
  const bin = programs('ci', {
    make: `case "$*" in
*DB=mysql*) echo "skipped: the end-to-end tests with DB=mysql: none" ;;
*DB=galera*) printf 'ℹ pass 3\\nℹ fail 0\\n' ;;
*asan*) printf 'ℹ pass 5\\nℹ fail 0\\n'; exit "$FAILS" ;;
test) printf 'unit: 7 passed, 1 failed\\nℹ pass 30\\nℹ fail 0\\n' ;;
esac`,
  });
  const { code, stdout } = await run(path.join(checkout, '.ci', 'run'), [], { env: { ...process.env, PATH: bin, FAILS: '0' } });
  assert.match(stdout, /\nskipped: the end-to-end tests with DB=mysql: none\n1 run of those above was skipped\n45 passed, 1 failed\n$/);
  assert.equal(code, 1);
});

// ---- fetching a server ----

test("the mirror is that of the machine's own apt, in either format of its files", () => {
  const at = (name, text) => mirrorIn([{ name, text }], 'bookworm');
  const uri = 'http://mirror.example/debian';
  assert.deepEqual(at('a.list', `# deb http://no.example/debian bookworm main\ndeb-src ${uri} bookworm main\ndeb [arch=amd64 signed-by=/k.gpg] ${uri} bookworm contrib main # x\n`),
    { uri, keyring: '/k.gpg' });
  const stanza = (changes) => Object.entries({ Types: 'deb deb-src', URIs: `${uri} http://other.example/debian`, Suites: 'bookworm bookworm-updates', Components: 'main', ...changes })
    .filter(([, value]) => value).map(([name, value]) => `${name}: ${value}\n`).join('');
  const keyring = '/usr/share/keyrings/debian-archive-keyring.gpg';
  assert.deepEqual(at('a.sources', `# Types: deb\n${stanza({ Suites: 'bookworm-security' })}\n \n${stanza({})}`), { uri, keyring });
  assert.deepEqual(at('a.sources', stanza({ Suites: 'stable', 'Signed-By': '/k.asc' })), { uri, keyring: '/k.asc' });
  for (const changes of [{ Enabled: 'no' }, { Types: 'deb-src' }, { Components: 'contrib' }, { Suites: 'trixie' }, { URIs: null }]) {
    assert.equal(at('a.sources', stanza(changes)), null, JSON.stringify(changes));
  }
  assert.equal(at('a.txt', stanza({})), null);
});

// Fake apt and dpkg, with a server whose loader prints its version.
const FETCHING = {
  ...AS_MARIADB,
  'apt-get': `case "$*" in
*simulate*) echo "Inst libc6 (1)"; echo "Inst perl (1)"; echo "Inst mysql-server-core (9)" ;;
*download*) for name; do case $name in libc6|perl|mysql-server-core) : >"$name.deb" ;; esac; done ;;
esac`,
  'dpkg-deb': `case $2 in *perl*) exit 1 ;; esac
mkdir -p "$3/usr/lib/any-linux" && printf '#!/bin/sh\\necho "mysqld  Ver 9.7.0 for Linux"\\n' >"$3/usr/lib/any-linux/ld-linux.so.2"
chmod 755 "$3/usr/lib/any-linux/ld-linux.so.2"`,
};

test('two concurrent runs that fetch a server get the same one, and leave nothing else behind', async (t) => {
  const cache = path.join(dir, 'cache');
  const text = `import { findMysql } from '${path.join(checkout, 'sandbox', 'database', 'mysql.mjs')}';
    console.log(JSON.stringify(await findMysql().catch((error) => error.message)));`;
  const env = { ...process.env, PATH: programs('fetching', FETCHING), XDG_CACHE_HOME: cache };
  const both = await Promise.all([1, 2].map(() => run(process.execPath, ['--input-type=module', '--eval', text], { env })));
  const [one, two] = both.map(({ stdout }) => JSON.parse(stdout));
  if (/only on Debian/.test(one)) return t.skip('no Debian');
  assert.deepEqual(one, two);
  assert.ok(one.root.startsWith(path.join(cache, 'minimall', 'mysql-')), one.root);
  assert.equal(one.command[0], path.join(one.root, 'usr', 'lib', 'any-linux', 'ld-linux.so.2'));
  assert.deepEqual(readdirSync(path.join(cache, 'minimall')), [path.basename(one.root)]);
});

test('each file named for a run exists, and the default run has all but those of another server', () => {
  const names = readdirSync(path.join(checkout, 'tests', 'e2e'), { recursive: true })
    .filter((name) => name.endsWith('.test.mjs')).map((name) => path.basename(name));
  for (const db of Object.keys(LEGS)) assert.ok(filesOf(db, names, { brief: true }).length > 0, db);
  assert.deepEqual(filesOf('mysql', names), filesOf('mariadb', names));
  assert.throws(() => filesOf('mysql', names.filter((name) => name !== 'paging.test.mjs'), { brief: true }), /paging/);
});
