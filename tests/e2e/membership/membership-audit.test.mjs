// SPDX-License-Identifier: MIT
// `minimall audit` about memberships: each of its rules is violated once, by editing a row directly.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Cards } from '../lib/cards.mjs';
import { AUDIT_RULES, openVip } from '../lib/memberships.mjs';

const vip = await openVip();
const { shop, trade } = vip;
const month = await vip.plan({ price: '30.00', duration_days: 30, level: 1 });
const gold = await vip.plan({ price: '300.00', duration_days: 30, level: 2 });

// one of each: simulated payment and upgraded, through WeChat, by card, a gift, pending, cancelled, refunded, refunding
const [anna, bob, carol, dora, eve] = await trade.buyers(5);
const played = await vip.bought(anna, month);
const upgrade = await vip.bought(anna, gold);
const pending = await vip.create(anna, gold);
const wechat = await vip.boughtByWechat(bob, month);
const cancelled = await vip.create(bob, month);
await vip.cancel(bob, cancelled);
const gift = await vip.gift(carol, 1, 10);
await vip.mode('SUCCESS');
const refunded = await vip.boughtByWechat(carol, month);
await vip.refund(refunded);
await vip.mode('PROCESSING');
const refunding = await vip.boughtByWechat(dora, month);
await vip.refund(refunding);
const cards = new Cards(trade);
await cards.of(eve, '30.00');
const carded = await vip.create(eve, month);
await cards.pay(eve, { order_id: carded.order_no });

// Statements, and their repair: the original row.
const rows = {};
for (const [name, { order_no: no }] of Object.entries({ played, upgrade, pending, wechat, cancelled, gift, refunded, refunding, carded })) {
  const [order] = await shop.sql(`SELECT id, user_id FROM membership_orders WHERE order_no = '${no}'`);
  rows[name] = { no, id: order.id, user: order.user_id };
}
const [{ transaction_id: transactionId }] = await vip.attempts(wechat);
const [{ refund_no: back }] = await vip.refunds(refunded);
const [{ refund_no: onItsWay }] = await vip.refunds(refunding);

const order = (name, change) => `UPDATE membership_orders SET ${change} WHERE id = ${rows[name].id}`;
const segment = (name, change) => `UPDATE entitlement_segments SET ${change} WHERE order_id = ${rows[name].id}`;
// The same for an order and its segment, consistently.
const both = (name, member, change) => `UPDATE membership_orders o JOIN entitlement_segments s ON s.order_id = o.id
  SET o.${member} = o.${member} ${change}, s.${member} = s.${member} ${change} WHERE o.id = ${rows[name].id}`;
const attempt = ({ outTradeNo }, change) => `UPDATE payment_attempts SET ${change} WHERE out_trade_no = '${outTradeNo}'`;
const refundRow = (no, change) => `UPDATE refunds SET ${change} WHERE refund_no = '${no}'`;
const subject = (name) => `membership order ${rows[name].no}`;

const [ALONE, PAYER, PRICE, ORDER_PAYMENT, PAYMENT_ORDER, CHARGED, REFUND, SEGMENT, SEGMENT_ORDER, VERSION] = AUDIT_RULES;

// [rule, subject it must name, damage, repair]
const SABOTAGE = [
  [ALONE, subject('pending'), order('pending', 'pending_user_id = 999999'), order('pending', 'pending_user_id = user_id')],
  [PAYER, subject('played'), order('played', 'paid_by = 0'), order('played', 'paid_by = 2')],
  [PAYER, subject('played'), order('played', 'paid_by = 3'), order('played', 'paid_by = 2')],
  [PAYER, subject('played'), order('played', 'paid_by = 4'), order('played', 'paid_by = 2')],
  [PAYER, subject('cancelled'), order('cancelled', 'paid_by = 2'), order('cancelled', 'paid_by = 0')],
  [PAYER, subject('cancelled'), order('cancelled', 'paid_at = 1'), order('cancelled', 'paid_at = NULL')],
  [PAYER, subject('cancelled'), order('cancelled', 'status = 1'), order('cancelled', 'status = 2')],
  [PAYER, subject('gift'), order('gift', 'paid_by = 2'), order('gift', 'paid_by = 4')],
  [PAYER, subject('gift'), order('gift', `plan_id = ${month.id}`), order('gift', 'plan_id = NULL')],
  [PAYER, subject('refunded'), order('refunded', 'paid_by = 0'), order('refunded', 'paid_by = 1')],
  [PRICE, subject('upgrade'), order('upgrade', 'discount = discount + 1'), order('upgrade', 'discount = discount - 1')],
  [PRICE, subject('pending'), order('pending', 'amount = amount + 1'), order('pending', 'amount = amount - 1')],
  [PRICE, subject('pending'), order('pending', 'discount = discount + 1, amount = amount - 1'), order('pending', 'discount = discount - 1, amount = amount + 1')],
  [PRICE, subject('pending'), order('pending', 'value = price - 1'), order('pending', 'value = price')],
  [PRICE, subject('pending'), order('pending', 'days = plan_days - 1'), order('pending', 'days = plan_days')],
  [PRICE, subject('played'), both('played', 'days', '+ 300'), both('played', 'days', '- 300')],
  [PRICE, subject('wechat'), both('wechat', 'value', '+ 1'), both('wechat', 'value', '- 1')],
  [ORDER_PAYMENT, subject('wechat'), order('wechat', "payment_id = 'another'"), order('wechat', `payment_id = '${transactionId}'`)],
  [ORDER_PAYMENT, subject('wechat'), attempt(wechat, 'state = 1'), attempt(wechat, 'state = 2')],
  [ORDER_PAYMENT, subject('played'), order('played', 'paid_by = 1'), order('played', 'paid_by = 2')],
  [ORDER_PAYMENT, subject('carded'), `UPDATE payment_attempts SET payable_id = 999999 WHERE payable_kind = 2 AND payable_id = ${rows.carded.id}`,
    `UPDATE payment_attempts SET payable_id = ${rows.carded.id} WHERE payable_kind = 2 AND payable_id = 999999`],
  [PAYMENT_ORDER, `payment ${wechat.outTradeNo}`, order('wechat', 'paid_by = 2'), order('wechat', 'paid_by = 1')],
  [PAYMENT_ORDER, `payment ${wechat.outTradeNo}`, attempt(wechat, `payable_id = ${rows.played.id}`), attempt(wechat, `payable_id = ${rows.wechat.id}`)],
  [PAYMENT_ORDER, `payment ${wechat.outTradeNo}`, attempt(wechat, 'payable_id = 999999'), attempt(wechat, `payable_id = ${rows.wechat.id}`)],
  [CHARGED, subject('wechat'), attempt(wechat, 'amount = amount + 1'), attempt(wechat, 'amount = amount - 1')],
  [CHARGED, subject('wechat'), order('wechat', 'amount = amount - 1'), order('wechat', 'amount = amount + 1')],
  [REFUND, subject('refunded'), order('refunded', 'status = 1'), order('refunded', 'status = 5')],
  [REFUND, subject('refunded'), order('refunded', 'status = 4'), order('refunded', 'status = 5')],
  [REFUND, subject('refunded'), refundRow(back, 'amount = amount - 1'), refundRow(back, 'amount = amount + 1')],
  [REFUND, subject('refunded'), refundRow(back, 'state = 3'), refundRow(back, 'state = 2')],
  [REFUND, subject('refunding'), order('refunding', 'status = 5'), order('refunding', 'status = 4')],
  [REFUND, subject('refunding'), refundRow(onItsWay, 'state = 3'), refundRow(onItsWay, 'state = 1')],
  [REFUND, subject('refunding'), refundRow(onItsWay, 'state = 2'), refundRow(onItsWay, 'state = 1')],
  [REFUND, subject('wechat'), order('wechat', 'status = 5'), order('wechat', 'status = 1')],
  [REFUND, subject('wechat'), order('wechat', 'status = 4'), order('wechat', 'status = 1')],
  [REFUND, subject('played'), order('played', 'status = 4'), order('played', 'status = 1')],
  [REFUND, subject('played'), refundRow(back, `payable_id = ${rows.played.id}`), refundRow(back, `payable_id = ${rows.refunded.id}`)],
  [SEGMENT, subject('wechat'), segment('wechat', 'order_id = 999999'), `UPDATE entitlement_segments SET order_id = ${rows.wechat.id} WHERE order_id = 999999`],
  [SEGMENT, subject('wechat'), segment('wechat', 'state = 3, refunded_version = 9'), segment('wechat', 'state = 1, refunded_version = 0')],
  [SEGMENT, subject('wechat'), order('wechat', 'status = 2'), order('wechat', 'status = 1')],
  [SEGMENT, subject('gift'), order('gift', 'status = 5'), order('gift', 'status = 1')],
  [SEGMENT_ORDER, 'segment 999999', segment('wechat', 'order_id = 999999'), `UPDATE entitlement_segments SET order_id = ${rows.wechat.id} WHERE order_id = 999999`],
  ...['level', 'days', 'value', 'cash'].map((name) => [SEGMENT_ORDER, `segment ${rows.wechat.id}`, segment('wechat', `${name} = ${name} + 1`), segment('wechat', `${name} = ${name} - 1`)]),
  [SEGMENT_ORDER, `segment ${rows.wechat.id}`, segment('wechat', 'kind = 2'), segment('wechat', 'kind = 1')],
  [SEGMENT_ORDER, `segment ${rows.wechat.id}`, segment('wechat', 'user_id = 999999'), segment('wechat', `user_id = ${rows.wechat.user}`)],
  [VERSION, `user ${rows.played.user}`, `UPDATE entitlements SET version = version - 1 WHERE user_id = ${rows.played.user}`,
    `UPDATE entitlements SET version = version + 1 WHERE user_id = ${rows.played.user}`],
  [VERSION, `user ${rows.gift.user}`, `UPDATE entitlements SET user_id = 999999 WHERE user_id = ${rows.gift.user}`, `UPDATE entitlements SET user_id = ${rows.gift.user} WHERE user_id = 999999`],
];

test('consistent memberships of every kind: nothing is wrong, nothing open', async () => {
  const lines = await trade.audit(0);
  assert.match(lines.join('\n'), /^audit: \d+ rules, 0 wrong, 0 open$/);
});

test('every rule is violated here', () => {
  assert.deepEqual([...new Set(SABOTAGE.map(([rule]) => rule))], AUDIT_RULES);
});

for (const [rule, named, damage, repair] of SABOTAGE) {
  test(`${rule}: ${damage.slice(0, 90).replaceAll(/\s+/g, ' ')}`, async () => {
    await shop.sql(damage);
    const lines = await trade.audit(1);
    assert.ok(lines.some((line) => line.startsWith(`WRONG: ${named}`) && line.endsWith(`(${rule})`)), lines.join('\n'));
    await shop.sql(repair);
    await trade.audit(0);
  });
}

test('the audit only reads', async () => {
  const sums = async () => JSON.stringify(await shop.sql('CHECKSUM TABLE plans, membership_orders, entitlements, entitlement_segments, refunds, payment_attempts'));
  const before = await sums();
  await trade.audit(0);
  assert.equal(await sums(), before);
});
