// SPDX-License-Identifier: MIT
// The member system's public part: its health, and the levels.

import test from 'node:test';
import assert from 'node:assert/strict';
import { openShop } from '../lib/harness.mjs';

const SYSTEM = '/api/v1/member-system';

const shop = await openShop();

test('health is in the shape of the contract, for anybody, whatever their token', async () => {
  for (const token of [undefined, 'nonsense', await shop.admin()]) {
    const { status, body, headers } = await shop.call('GET', `${SYSTEM}/health`, { token });
    assert.equal(status, 200);
    const { timestamp, ...rest } = body;
    assert.deepEqual(rest, { status: 'healthy', database: 'connected', cache: 'connected' });
    assert.match(timestamp, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/);
    assert.equal(headers.get('cache-control'), 'no-store');
  }
});

test('the levels are public, the lowest first, with an ETag', async () => {
  const { status, body, headers } = await shop.call('GET', `${SYSTEM}/levels`);
  assert.equal(status, 200);
  assert.deepEqual(body.data.map(({ id, name, min_points: points }) => [id, name, points]),
    [[1, '铜牌会员', 0], [2, '银牌会员', 1000], [3, '金牌会员', 5000], [4, '钻石会员', 20000]]);
  assert.deepEqual(body.data.slice(0, 2).map(({ discount_rate: rate }) => rate), [1, 0.95]);
  assert.deepEqual(body.data[0].benefits, ['基础客服', '生日祝福']);
  assert.deepEqual(body.data[1].benefits, ['优先客服', '生日折扣', '免邮特权']);
  const again = await shop.call('GET', `${SYSTEM}/levels/`, { headers: { 'if-none-match': headers.get('etag') } });
  assert.equal(again.status, 304);
});

test('errors have the codes of the contract', async () => {
  const wrong = await shop.call('POST', `${SYSTEM}/levels`, { body: {} });
  assert.equal(wrong.status, 405);
  assert.equal(wrong.headers.get('allow'), 'GET, HEAD, OPTIONS');
  const missing = await shop.call('GET', `${SYSTEM}/nothing`);
  assert.equal(missing.status, 404);
  assert.deepEqual(Object.keys(missing.body), ['error']);
});
