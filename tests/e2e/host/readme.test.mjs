// SPDX-License-Identifier: MIT
// The README's tour, pasted as a reader would.

import { test } from 'node:test';
import assert from 'node:assert/strict';
import { execFile, execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { promisify } from 'node:util';
import { checkout } from '../../../sandbox/files.mjs';
import { cleanEnv, run } from '../../../sandbox/process.mjs';
import { FAMILIES } from '../../../sandbox/web.mjs';
import { replaced } from '../lib/deploy-guide.mjs';
import { binDir, openShop } from '../lib/harness.mjs';

const readme = readFileSync(path.join(checkout, 'README.md'), 'utf8');
const shop = await openShop();

test('the tour works as pasted: signed in, ordered, paid, shipped', async () => {
  const token = await shop.admin();
  for (const name of ['体验商品甲', '体验商品乙']) {
    await shop.ok('POST', '/api/products', { token, body: { name, price: '0.01', stock: 10 } });
  }
  const tour = /^## A tour$[^]*?^```sh$([^]*?)^```$/m.exec(readme)[1];
  assert.match(tour, /^\. var\/dev\.env/m);
  const script = tour.replace(/^\. var\/dev\.env.*$/m, '');
  const { account, password } = shop.adminAccount;
  // not synchronously: the simulator runs in this process
  const { stdout: printed } = await promisify(execFile)('sh', ['-eu', '-c', script], {
    timeout: 30_000,
    env: {
      PATH: process.env.PATH, BASE_URL: shop.baseUrl, SANDBOX_URL: shop.sandboxUrl, ADMIN_ACCOUNT: account, ADMIN_PASSWORD: password,
    },
  });
  const answers = printed.trim().split('\n').map((line) => JSON.parse(line));
  assert.equal(answers.length, 4, printed);
  const [products, paid, order, shipped] = answers;
  assert.equal(products.length, 2);
  assert.equal(paid.status, 200);
  assert.equal(order.status, 1);
  assert.equal(order.total_amount, '0.02');
  assert.equal(shipped.status, 2);
  assert.equal(shipped.order_id, order.order_id);
});

test('the doctor looks at what is around the shop, as pasted', async () => {
  const [line] = /^MINIMALL_CONFIG=.* doctor\b/m.exec(readme);
  const script = replaced(replaced(line, 'var/minimall.conf', path.join(shop.dir, 'minimall.conf')), 'build/release', binDir);
  const { code, stdout } = await run('sh', ['-c', script], { env: cleanEnv(shop.dir) });
  assert.ok([0, 1].includes(code), stdout);
  assert.match(stdout, /^ok +settings: [^]*^ok +keys: wechat[^]*\ndoctor: /m);
});

test('the table of the API names every route', () => {
  const table = /^## The API$[^]*?^## /m.exec(readme)[0];
  const routes = FAMILIES.flatMap((name) =>
    execFileSync(path.join(binDir, `${name}.fcgi`), ['--routes'], { encoding: 'utf8' })
      .split('\n').filter(Boolean).map((line) => line.split(/\s+/)));
  assert.ok(routes.length > 40);
  const rows = table.split('\n').filter((row) => row.startsWith('| `')).map((row) => row.split('|')[1].replaceAll('/`', '`'));
  for (const [method, address] of routes) {
    const folder = address.slice(0, address.lastIndexOf('/'));
    const leaf = address.slice(folder.length);
    // "`POST /api/auth/login`, `/refresh`": a sibling is named by its last segment
    const named = rows.some((row) => row.includes(method) &&
      (row.includes(`${address}\``) || (row.includes(`${folder}/`) && row.includes(`\`${leaf}\``))));
    assert.ok(named, `${method} ${address}`);
  }
});
