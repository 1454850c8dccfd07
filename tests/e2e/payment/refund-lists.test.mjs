// SPDX-License-Identifier: MIT
// The staff's list of refunds: of every kind, by order and by status (BEHAVIOUR 13, 37).
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { sequence } from '../../../sandbox/database/sql.mjs';
import { EIGHT, assertWalks, nextOf, pagesOf, rowsRead, withQuery, withStatementLog } from '../lib/query-plans.mjs';
import { openRefunds } from '../lib/refunds.mjs';
import { TRADE, assertRefused } from '../lib/trade.mjs';

const LIST = '/api/payment/refunds';
const MANY = 600;

const refunds = await openRefunds({ families: [...TRADE, 'memberships'] });
const { trade, shop, anna } = refunds;
const list = (query = '', token = trade.admin) => shop.call('GET', `${LIST}${query}`, { token });
const numbers = async (query) => {
  const { status, body } = await list(query);
  assert.equal(status, 200, JSON.stringify(body));
  return body.map(({ refund_no: no }) => no);
};

const none = await refunds.paid();
const parts = await refunds.paid();
const made = [await refunds.refund(parts, { amount: '1.00' }), await refunds.refund(parts, { amount: '2.00' })];
await refunds.completeRefund(made[0].refund_no, 'SUCCESS');
const vain = await refunds.prepared(); // paid, and refunded automatically
await shop.pay(vain.outTradeNo, { notify: false });
await trade.payOffline(vain.order);
assert.equal((await trade.payNotified(vain.outTradeNo)).body.status, 200);
const plan = await trade.ok('POST', '/api/membership/plans/', { token: trade.admin, body: { name: '月度', price: '30.00', duration_days: 30, level: 1 } });
const { data: { order_no: orderNo } } = await trade.ok('POST', '/api/membership/orders/create/', { token: anna.token, body: { plan_id: plan.data.id } });
const membership = await trade.prepay(anna, { order_id: orderNo });
assert.equal((await trade.payNotified(membership.outTradeNo)).body.status, 200);
await trade.ok('POST', '/api/membership/orders/action/', { token: trade.admin, body: { order_no: orderNo, action: 'refund' } });

test('all refunds, newest first, each as read separately, with its payable', async () => {
  const { status, body } = await list();
  assert.equal(status, 200);
  assert.deepEqual(body.map(({ order_id: no, automatic, status: state }) => [no, automatic, state]), [
    [orderNo, false, 'PROCESSING'], [vain.order.order_id, true, 'PROCESSING'],
    [parts.order.order_id, false, 'PROCESSING'], [parts.order.order_id, false, 'SUCCESS'],
  ]);
  for (const refund of body) assert.deepEqual((await refunds.read(refund.refund_no)).body, refund);
});

test('by shop or membership order; an unknown one has none', async () => {
  assert.deepEqual(await numbers(`?order_id=${parts.order.order_id}`), made.map(({ refund_no: no }) => no).reverse());
  assert.deepEqual(await numbers(`?order_id=${vain.order.order_id}`), [`R${vain.outTradeNo}L`]);
  assert.equal((await numbers(`?order_id=${orderNo}`)).length, 1);
  for (const no of [none.order.order_id, 'ORDER0', "x'y", encodeURIComponent('订单')]) assert.deepEqual(await numbers(`?order_id=${no}`), []);
});

test('by status, alone and with an order', async () => {
  assert.deepEqual(await numbers('?status=SUCCESS'), [made[0].refund_no]);
  assert.deepEqual(await numbers(`?status=PROCESSING&order_id=${parts.order.order_id}`), [made[1].refund_no]);
  for (const status of ['CLOSED', 'ABNORMAL']) assert.deepEqual(await numbers(`?status=${status}`), []);
});

test('an invalid status is 400, and only administrators may list (B4, B12)', async () => {
  for (const status of ['success', '1', 'REFUNDED', 'x']) assertRefused(await list(`?status=${status}`), 400, 'INVALID_REQUEST');
  assertRefused(await list('', anna.token), 403, 'FORBIDDEN');
  assertRefused(await list('', null), 401);
});

test('each list reads its own index from the cursor on, page by page (B13)', async () => {
  await shop.sql(`INSERT INTO refunds (refund_no, attempt_id, payable_kind, payable_id, payable_no, amount, reason, automatic, state, created_at, updated_at)
    SELECT CONCAT('RFMANY', seq), r.attempt_id, r.payable_kind, r.payable_id, r.payable_no, 1, '旧', 0, 3, seq, seq
    FROM refunds r JOIN ${sequence(MANY)} WHERE r.refund_no = '${made[0].refund_no}'`);
  await shop.sql('ANALYZE TABLE refunds');
  await withStatementLog(shop, async (statementFor) => {
    let limit = 101;
    for (const [query, key, bytes] of [['', 'PRIMARY', EIGHT], ['?status=CLOSED', 'by_state', 1 + EIGHT], [`?order_id=${parts.order.order_id}`, 'by_number', 2 + 40 + EIGHT]]) {
      const first = await list(withQuery(query || '?', `limit=${limit}`).replace('?&', '?'));
      assert.equal(first.body.length, limit);
      const statement = await statementFor(limit);
      await assertWalks(shop, statement, { table: 'refunds', key, bytes }, query);
      assert.ok(await rowsRead(shop, statement, 'refunds') <= limit + 1);
      const pages = await pagesOf(shop, nextOf(first), trade.admin);
      const seen = [first.body, ...pages].flat().map(({ refund_no: no }) => no);
      assert.equal(new Set(seen).size, seen.length);
      assert.ok(seen.length >= MANY);
      limit += 1;
    }
  });
});
