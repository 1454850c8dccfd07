// SPDX-License-Identifier: MIT
// `make install` into a separate root, a shop served from there, and `make uninstall`.

import { test } from 'node:test';
import assert from 'node:assert/strict';
import { mkdirSync, readFileSync, readdirSync, statSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { checkout } from '../../../sandbox/files.mjs';
import { cleanEnv, processesOf, run } from '../../../sandbox/process.mjs';
import { FAMILIES } from '../../../sandbox/web.mjs';
import { makeDirectory, mode, openShop } from '../lib/harness.mjs';
import { programOf, until } from '../lib/trade.mjs';

const root = path.join(makeDirectory(), 'root');
const share = path.join(root, 'opt/shop/share/minimall');
const cgiDir = path.join(root, 'srv/cgi');
const etc = path.join(root, 'etc/shop');

async function make(target) {
  const { code, stdout, stderr } = await run('make', [target, `MODE=${mode}`, `DESTDIR=${root}`, 'PREFIX=/opt/shop', 'CGIDIR=/srv/cgi', 'SYSCONFDIR=/etc/shop'],
    { cwd: checkout, env: cleanEnv(root) });
  assert.equal(code, 0, stdout + stderr);
}

// Every file and directory below a directory, with its mode: 'a/b 644'.
function contents(directory) {
  return readdirSync(directory, { withFileTypes: true }).flatMap((entry) => {
    const file = path.join(directory, entry.name);
    const line = `${path.relative(root, file)} ${(statSync(file).mode & 0o7777).toString(8)}`;
    return entry.isDirectory() ? [line, ...contents(file)] : [line];
  });
}

const EXAMPLES = ['minimall', 'lighttpd', 'apache', 'logrotate'].map((name) => `${name}.conf.example`);
const programs = FAMILIES.map((name) => `${name}.fcgi`);
const settings = path.join(etc, 'minimall.conf');
mkdirSync(path.dirname(etc), { recursive: true }); // accessible to all: Apache runs as another user
mkdirSync(etc, { mode: 0o750 });
writeFileSync(settings, 'of the shop\n', { mode: 0o600 });
await make('install');

test('everything is installed where requested, readable by all and writable only by its owner', () => {
  const lines = contents(root);
  for (const file of [...programs.map((name) => `srv/cgi/${name}`), 'opt/shop/bin/minimall', 'opt/shop/lib/minimall/workers.sh']) {
    assert.ok(lines.includes(`${file} 755`), `${file} in\n${lines.join('\n')}`);
  }
  const files = (folder) => readdirSync(path.join(checkout, folder), { recursive: true }).filter((name) => statSync(path.join(checkout, folder, name)).isFile());
  for (const file of [...files('htdocs').map((name) => `opt/shop/share/minimall/htdocs/${name}`),
    ...files('schema').filter((name) => name.endsWith('.sql')).map((name) => `opt/shop/share/minimall/schema/${name}`),
    ...files('docs/systemd').map((name) => `opt/shop/lib/systemd/system/${name}`), ...EXAMPLES.map((name) => `etc/shop/${name}`),
    'opt/shop/share/man/man8/minimall.8']) {
    assert.ok(lines.includes(`${file} 644`), `${file} in\n${lines.join('\n')}`);
  }
  assert.equal(readFileSync(settings, 'utf8'), 'of the shop\n');
  assert.ok(lines.includes('etc/shop 750'), 'a directory of settings stays as private as it was');
});

test('the units have the paths of the installation', () => {
  const units = path.join(root, 'opt/shop/lib/systemd/system');
  const text = readdirSync(units).map((name) => readFileSync(path.join(units, name), 'utf8')).join('');
  assert.doesNotMatch(text, /\/usr\/local|\/etc\/minimall/);
  assert.match(text, /^ExecStart=\/bin\/sh \/opt\/shop\/lib\/minimall\/workers\.sh \$\{WORKERS\} \/srv\/cgi\/%i\.fcgi$/m);
  assert.match(text, /^ExecStart=\/opt\/shop\/bin\/minimall jobs$/m);
});

test('the manual has the paths of the installation', () => {
  const page = readFileSync(path.join(root, 'opt/shop/share/man/man8/minimall.8'), 'utf8');
  assert.match(page, /^\.I \/opt\/shop\/share\/minimall\/schema\/\n(?:.*\n)*?\.TP$/m);
  assert.match(page, /^\.I \/etc\/shop\/minimall\.conf$/m);
  assert.doesNotMatch(page, /\/usr\/local|\/etc\/minimall/);
});

test('a shop is served from the installation', async () => {
  const shop = await openShop({ processEnv: { MINIMALL_ROOT: share, MINIMALL_BIN: cgiDir, MINIMALL_SCHEMA_DIR: path.join(share, 'schema') } });
  const own = path.join(share, 'htdocs', 'own.txt');
  writeFileSync(own, 'only here\n');
  assert.equal((await shop.call('GET', '/own.txt')).body, 'only here\n');
  assert.match((await shop.call('GET', '/admin/')).body, /<html/);
  const token = await shop.admin();
  await shop.ok('POST', '/api/products', { token, body: { name: '白茶', price: '1.00', stock: 1 } });
  const running = () => processesOf(path.join(shop.dir, 'web')).map(programOf).filter((exe) => exe.endsWith('.fcgi'));
  await until('every program to run', () => new Set(running()).size >= programs.length, { limitMs: 60_000 });
  assert.deepEqual([...new Set(running())].sort(), programs.map((name) => path.join(cgiDir, name)).sort());
  const minimall = (command) => run(path.join(root, 'opt/shop/bin/minimall'), [command],
    { cwd: '/', env: cleanEnv(shop.dir, { MINIMALL_CONFIG: path.join(shop.dir, 'minimall.conf') }) });
  const audit = await minimall('audit');
  assert.equal(audit.code, 0, audit.stdout + audit.stderr);
  const migrate = await minimall('migrate');
  assert.deepEqual([migrate.code, migrate.stdout], [0, 'schema is up to date\n'], `it finds its schema by itself: ${migrate.stderr}`);
});

test('uninstall removes exactly what was installed', async () => {
  await make('uninstall');
  const kept = contents(root).filter((line) => statSync(path.join(root, line.replace(/ \d+$/, ''))).isFile());
  assert.deepEqual(kept.sort(), ['etc/shop/minimall.conf 600', 'opt/shop/share/minimall/htdocs/own.txt 644']);
  assert.deepEqual(readdirSync(path.join(share, 'htdocs')), ['own.txt']);
});
