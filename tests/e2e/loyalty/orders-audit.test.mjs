// SPDX-License-Identifier: MIT
// `minimall audit` about the points that orders use and earn: each of its rules is violated once, by editing a row directly.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Points, REWARD_RULES, serviceToken } from '../lib/loyalty.mjs';
import { openRefunds } from '../lib/refunds.mjs';

const refunds = await openRefunds({ families: ['catalogue', 'login', 'members', 'notify', 'orders', 'payments', 'users'] });
const { trade, shop } = refunds;
const points = new Points(shop, await serviceToken(shop));
const [anna, bob] = await trade.buyers(2);
await points.earn(anna, 5000);
await points.earn(bob, 10);
const tea = await trade.product({ price: '100.00' });

const order = (used) => trade.order(anna, [[tea, 1]], { points: used });
const held = await order(100);
const released = await order(200);
await trade.cancel(anna, released);
const partly = await order(1000);
await trade.payByWechat(anna, partly);
const { refund_no: part } = await refunds.refund({ order: partly }, { amount: '45.00' });
await refunds.completeRefund(part, 'SUCCESS');
const till = await order(300);
await trade.payOffline(till);

const change = (table, where, set) => [
  `CREATE TABLE kept AS SELECT * FROM ${table} WHERE ${where}; UPDATE ${table} SET ${set} WHERE ${where}`,
  `REPLACE INTO ${table} SELECT * FROM kept; DROP TABLE kept`];
const orderRow = ({ order_id: no }, set) => change('orders', `order_no = '${no}'`, set);
// changed and changed back
const both = (table, where, [there, back]) => [`UPDATE ${table} SET ${there} WHERE ${where}`, `UPDATE ${table} SET ${back} WHERE ${where}`];
const about = ({ order_id: no }) => `reference_type = 'shop_order' AND reference_id = '${no}'`;
const [HOLD, OWN, EARNED, SHARE, COUNTED, SPENT] = REWARD_RULES;
const members = { anna: anna.user.member_id, bob: bob.user.member_id };

// [rule, subject it must name, damage, repair]
const SABOTAGE = [
  [HOLD, `order ${held.order_id}`, ...orderRow(held, 'points_used = 99')],
  [HOLD, `order ${held.order_id}`, ...both('point_holds', about(held), ['state = 3, live = NULL, ended_at = 1', 'state = 1, live = TRUE, ended_at = NULL'])],
  [HOLD, `order ${released.order_id}`, ...both('point_holds', about(released), ['state = 1, live = TRUE, ended_at = NULL', 'state = 3, live = NULL, ended_at = 1'])],
  [HOLD, `order ${till.order_id}`, ...orderRow(till, 'points_used = 0, points_amount = 0')],
  [OWN, 'hold ', ...both('point_holds', about(held), [`member_id = ${members.bob}`, `member_id = ${members.anna}`])],
  [EARNED, 'point_entry ', ...orderRow(till, 'rewarded = 0')],
  [EARNED, 'point_entry ', ...both('point_entries', `${about(till)} AND type = 1`, [`member_id = ${members.bob}`, `member_id = ${members.anna}`])],
  [SHARE, `order ${partly.order_id}`, ...both('point_entries', `${about(partly)} AND type = 5`, ['points = points - 1', 'points = points + 1'])],
  [SHARE, `order ${partly.order_id}`, ...both('point_entries', `${about(partly)} AND type = 4`, ['points = points - 1', 'points = points + 1'])],
  [COUNTED, `order ${held.order_id}`, ...orderRow(held, 'rewarded = 1')],
  [COUNTED, `order ${till.order_id}`, ...orderRow(till, 'rewarded = 0')],
  [SPENT, `member ${members.anna}`, ...both('members', `member_id = ${members.anna}`, ['total_spent = total_spent + 1', 'total_spent = total_spent - 1'])],
  [SPENT, `member ${members.anna}`, ...orderRow(till, 'rewarded = 0')],
];

test("each rule about orders' points finds what breaks it (B47, B59)", async () => {
  await trade.audit(0);
  for (const [rule, subject, damage, repair] of SABOTAGE) {
    await shop.sql(damage);
    const lines = await trade.audit(1);
    assert.ok(lines.some((line) => line.startsWith(`WRONG: ${subject}`) && line.endsWith(`(${rule})`)), `${damage}: ${lines.join('\n')}`);
    await shop.sql(repair);
    await trade.audit(0);
  }
  assert.deepEqual([...new Set(SABOTAGE.map(([rule]) => rule))], REWARD_RULES);
});
