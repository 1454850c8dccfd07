// SPDX-License-Identifier: MIT
// docs/deploy.md: what it names exists. tests/e2e/host/hosting.test.mjs executes its second part.

import { test } from 'node:test';
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { checkout, freePort } from '../../../sandbox/files.mjs';
import { cleanEnv, run } from '../../../sandbox/process.mjs';
import { FAMILIES } from '../../../sandbox/web.mjs';
import { blocks, document, replaced } from '../lib/deploy-guide.mjs';
import { binDir, makeDirectory, mode } from '../lib/harness.mjs';

const dir = makeDirectory();
const families = [...FAMILIES].sort();
const code = blocks.map(({ text }) => text).join('\n');

async function ok(command, args, options = {}) {
  const { code: status, stdout, stderr } = await run(command, args, { env: cleanEnv(dir), ...options });
  assert.equal(status, 0, `${command} ${args.join(' ')}: ${stdout}${stderr}`);
  return stdout + stderr;
}

test('every shell block parses', async () => {
  const shell = blocks.filter(({ kind }) => kind === 'sh');
  assert.ok(shell.length > 15);
  for (const { text } of shell) await ok('bash', ['-n', '-c', text]);
});

test('every command, file and unit named exists', async () => {
  const root = path.join(dir, 'root');
  await ok('make', ['install', `MODE=${mode}`, `DESTDIR=${root}`], { cwd: checkout });
  const installed = [...document.matchAll(/\/usr\/local\/(?!src)[\w./-]*\w|\/etc\/minimall\/[\w.-]+\.example/g)].map(([name]) => name);
  assert.ok(installed.length > 10);
  for (const name of installed) assert.ok(existsSync(path.join(root, name)), `${name} is installed`);
  const { stderr } = await run(path.join(binDir, 'minimall'), [], { env: cleanEnv(dir) });
  const commands = [...stderr.matchAll(/^ {2}([a-z-]+)/gm)].map(([, name]) => name);
  for (const [, name] of code.matchAll(/(?<!\w )\bminimall ([a-z][a-z-]+)/g)) assert.ok(commands.includes(name), `minimall ${name}`);
  for (const [name] of code.matchAll(/minimall-[a-z]+\.(timer|service)/g)) assert.ok(existsSync(path.join(checkout, 'docs/systemd', name)), name);
  const lists = [...code.matchAll(/minimall@\{([a-z,]+)\}\.socket/g)].map(([, list]) => list.split(',').sort());
  assert.ok(lists.length >= 2);
  for (const list of lists) assert.deepEqual(list, families);
});

test('the packages to run the shop are those of its linked libraries', async () => {
  const [, runtime] = /apt-get -y install (mariadb-server [^]*?)\napt-get/.exec(code);
  const packages = runtime.replaceAll('\\\n', ' ').split(/\s+/).filter(Boolean);
  const headers = await ok('objdump', ['-p', path.join(binDir, 'minimall'), ...families.map((name) => path.join(binDir, `${name}.fcgi`))]);
  const needed = new Set([...headers.matchAll(/NEEDED +(\S+)/g)].map(([, name]) => name).filter((name) => !/^lib(c|m|asan|ubsan)\.so/.test(name)));
  assert.ok(needed.size >= 6);
  // of those installed here
  const files = spawnSync('dpkg-query', ['-L', ...packages], { encoding: 'utf8' }).stdout.split('\n').map((file) => path.basename(file));
  for (const library of needed) assert.ok(files.includes(library), `${library} is in one of ${packages.join(', ')}`);
});

test('only the command links the library that reads archives', async () => {
  const linked = async (name) => /NEEDED +libzip\.so/.test(await ok('objdump', ['-p', path.join(binDir, name)]));
  assert.ok(await linked('minimall'));
  for (const name of families) assert.ok(!await linked(`${name}.fcgi`), name);
});

test('Apache accepts the configuration of a VPS', async () => {
  const [, text] = /^cat >\/etc\/minimall\/apache\.conf <<EOF\n([^]*?)^EOF$/m.exec(code);
  await ok('openssl', ['req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-subj', '/CN=shop.example', '-keyout', 'privkey.pem', '-out', 'fullchain.pem'], { cwd: dir });
  let conf = text.replaceAll('$DOMAIN', 'shop.example').replaceAll('\\$', '$');
  const here = [['/etc/minimall/apache.conf.example', path.join(checkout, 'apache.conf.example')], ['/etc/letsencrypt/live/shop.example', dir],
    ['/usr/local/share/minimall', checkout], ['/run/minimall', dir], ['/run/apache2', dir], ['/var/log/apache2', dir], ['/var/www/html', dir],
    ['0.0.0.0:80', `127.0.0.1:${await freePort()}`], ['MINIMALL_BIND 0.0.0.0', 'MINIMALL_BIND 127.0.0.1'], ['MINIMALL_PORT 443', `MINIMALL_PORT ${await freePort()}`]];
  for (const [old, value] of here) conf = replaced(conf, old, value);
  mkdirSync(path.join(dir, '.well-known/acme-challenge'), { recursive: true });
  writeFileSync(path.join(dir, 'apache.conf'), conf);
  assert.match(await ok('apache2', ['-t', '-f', path.join(dir, 'apache.conf')]), /Syntax OK/);
});

test('the rules for shared hosting send every route to its program', async () => {
  const text = readFileSync(path.join(checkout, 'docs/shared-hosting/htaccess'), 'utf8');
  const rules = [...text.matchAll(/^RewriteRule +(\S+) +cgi\/([a-z]+)\.fcgi +\[END\]$/gm)].map(([, pattern, program]) => ({ pattern: new RegExp(pattern), program }));
  assert.deepEqual([...new Set(rules.map(({ program }) => program))].sort(), families);
  const answering = (address) => rules.find(({ pattern }) => pattern.test(address))?.program;
  for (const family of families) {
    const routes = (await ok(path.join(binDir, `${family}.fcgi`), ['--routes'])).trim().split('\n').map((line) => line.split(/\s+/)[1]);
    for (const route of routes) assert.equal(answering(route.slice(1)), family, route);
  }
  const borders = { 'api/ordersX': 'system', 'api/payment/wxpay/notifyX': 'payments', 'api/membership/cardsX': 'system', 'weixin-loginX': undefined };
  for (const [address, program] of Object.entries(borders)) assert.equal(answering(address), program, address);
  for (const page of ['', 'index.html', 'admin/', 'apiX', 'paymentX', 'common/api.mjs']) assert.equal(answering(page), undefined, page);
});
