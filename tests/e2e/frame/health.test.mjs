// SPDX-License-Identifier: MIT
// Liveness, readiness, and conditional requests.

import { test } from 'node:test';
import assert from 'node:assert/strict';
import { openShop } from '../lib/harness.mjs';

const shop = await openShop({ own: true });
const admin = await shop.admin();
const product = await shop.ok('POST', '/api/products', { token: admin, body: { name: '白茶', price: '8.00', stock: 3 } });

test('/healthz reports liveness to anyone, and is never stored', async () => {
  const { status, body, headers } = await shop.call('GET', '/healthz');
  assert.deepEqual([status, body, headers.get('cache-control'), headers.get('etag')], [200, { status: 'ok', version: body.version }, 'no-store', null]);
  assert.match(body.version, /^[0-9]+\.[0-9]+\.[0-9]+(-[a-z0-9.]+)?(\+[0-9a-f]{12})?$/);
});

test('/readyz reports that database and keys are available', async () => {
  const { status, body } = await shop.call('GET', '/readyz');
  assert.deepEqual([status, body], [200, { status: 'ready', database: 'ok', provider_keys: 'ok', state: 'ok' }]);
});

test('without its database the shop is alive but not ready, and ready again when it is back', async () => {
  const { DB_SOCKET } = shop.env;
  await shop.restartWeb({ DB_SOCKET: '/nowhere/mariadb.sock' });
  assert.equal((await shop.call('GET', '/healthz')).status, 200);
  const { status, body } = await shop.call('GET', '/readyz');
  assert.deepEqual([status, body], [503, { status: 'not ready', database: 'unreachable', provider_keys: 'ok', state: 'ok' }]);
  for (const address of ['/readyz', '/api/products', '/api/membership/plans', '/membership/status?member_id=1']) {
    const answer = await shop.call('GET', address, { token: admin });
    assert.deepEqual([answer.status, answer.headers.get('retry-after')], [503, '1'], `${address} says when to come again`);
    if (address !== '/readyz') assert.equal(answer.body.cause ?? answer.body.code, 'DATABASE_UNAVAILABLE', `${address} says why`);
  }
  await shop.restartWeb({ DB_SOCKET });
  assert.equal((await shop.call('GET', '/readyz')).status, 200);
});

test('with a schema that lacks a migration the shop is alive but not ready; with one more it is ready', async () => {
  const ready = async () => {
    const { status, body, headers } = await shop.call('GET', '/readyz');
    return [status, body.status, body.database, headers.get('retry-after')];
  };
  const [{ last }] = await shop.sql('SELECT MAX(name) AS last FROM schema_migrations');
  const [{ first }] = await shop.sql('SELECT MIN(name) AS first FROM schema_migrations');
  for (const name of [last, first]) {
    await shop.sql(`UPDATE schema_migrations SET name = 'kept', applied_at = applied_at WHERE name = '${name}'`);
    assert.deepEqual(await ready(), [503, 'not ready', 'not migrated', '1'], name);
    assert.equal((await shop.call('GET', '/healthz')).status, 200);
    await shop.sql(`UPDATE schema_migrations SET name = '${name}' WHERE name = 'kept'`);
    assert.deepEqual(await ready(), [200, 'ready', 'ok', null]);
  }
  await shop.sql(`UPDATE schema_migrations SET applied_at = NULL WHERE name = '${last}'`);
  assert.deepEqual(await ready(), [503, 'not ready', 'not migrated', '1'], 'it is under way');
  await shop.sql(`UPDATE schema_migrations SET applied_at = 1 WHERE name = '${last}'`);
  await shop.sql("INSERT INTO schema_migrations (name, sha256, statements_done, applied_at) VALUES ('999-newer.sql', '', 1, 1)");
  assert.deepEqual(await ready(), [200, 'ready', 'ok', null]);
  await shop.sql("DELETE FROM schema_migrations WHERE name = '999-newer.sql'");
});

test('without its shared state the shop is ready, and reports it', async () => {
  const { STATE_DIR } = shop.env;
  await shop.restartWeb({ STATE_DIR: '/nowhere/state' });
  const { status, body } = await shop.call('GET', '/readyz');
  assert.deepEqual([status, body], [200, { status: 'ready', database: 'ok', provider_keys: 'ok', state: 'degraded' }]);
  assert.equal((await shop.call('GET', '/api/products')).status, 200);
  await shop.restartWeb({ STATE_DIR });
  assert.equal((await shop.call('GET', '/readyz')).body.state, 'ok');
});

for (const address of ['/api/products', `/api/products/${product.product_id}`, '/api/categories', '/api/products?limit=1']) {
  test(`unchanged content is not sent again: ${address.replace(/\d+$/, 'N')}`, async () => {
    const first = await shop.call('GET', address);
    const tag = first.headers.get('etag');
    assert.match(tag, /^"[\w-]{22}"$/);
    assert.equal(first.headers.get('cache-control'), 'no-cache');
    assert.match(first.headers.get('vary'), /Authorization/);
    for (const known of [tag, `W/${tag}`, `"x", ${tag}`, `"x",W/${tag},"y"`, '*']) {
      const again = await shop.call('GET', address, { headers: { 'if-none-match': known } });
      assert.deepEqual([again.status, again.body, again.headers.get('etag')], [304, null, tag], known);
    }
    for (const other of ['"x"', tag.slice(0, -2), tag.slice(1, -1), '""']) {
      const again = await shop.call('GET', address, { headers: { 'if-none-match': other } });
      assert.deepEqual([again.status, again.body], [200, first.body], other);
    }
    const head = await shop.call('HEAD', address, { headers: { 'if-none-match': tag } });
    assert.equal(head.status, 304);
  });
}

test('a signed-in customer revalidates a private copy', async () => {
  const { token } = await shop.login('etag');
  const address = `/api/products/${product.product_id}`;
  const first = await shop.call('GET', address, { token });
  assert.equal(first.headers.get('cache-control'), 'private, no-cache');
  const again = await shop.call('GET', address, { token, headers: { 'if-none-match': first.headers.get('etag') } });
  assert.deepEqual([again.status, again.body, again.headers.get('etag')], [304, null, first.headers.get('etag')]);
});

test('a change is visible at once, and an administrator gets the tag but never 304', async () => {
  const address = `/api/products/${product.product_id}`;
  const tag = (await shop.call('GET', address)).headers.get('etag');
  await shop.ok('PUT', address, { token: admin, body: { stock: 2 } });
  const fresh = await shop.call('GET', address, { headers: { 'if-none-match': tag } });
  assert.deepEqual([fresh.status, fresh.body.stock], [200, 2]);
  assert.notEqual(fresh.headers.get('etag'), tag);
  const own = await shop.call('GET', address, { token: admin, headers: { 'if-none-match': fresh.headers.get('etag') } });
  assert.deepEqual([own.status, own.headers.get('etag'), own.headers.get('cache-control')], [200, fresh.headers.get('etag'), 'no-store']);
});

test('an error has no ETag, nor has what is neither storable nor changed by PUT', async () => {
  for (const [address, options] of [['/api/products/999999', {}], ['/api/users', { token: admin }], ['/api/products', { token: admin }]]) {
    assert.equal((await shop.call('GET', address, options)).headers.get('etag'), null);
  }
});
