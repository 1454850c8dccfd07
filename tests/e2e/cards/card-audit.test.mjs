// SPDX-License-Identifier: MIT
// `minimall audit` and stored-value cards: each of its rules is violated once, by editing a row directly.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Cards, SPEND, TOP_UP } from '../lib/cards.mjs';
import { openTrade } from '../lib/trade.mjs';

const trade = await openTrade();
const { shop } = trade;
const cards = new Cards(trade);
const [anna, bob, carl] = await trade.buyers(3);

const hers = await cards.of(anna, '100.00');
const order = await trade.order(anna, [[await trade.product({ price: '8.00' }), 1]]);
await cards.pay(anna, order);
const [{ attempt_id: attemptId, out_trade_no: paidBy }] = await trade.attempts(order);
await cards.set(hers, { balance: '50.00' });
const his = await cards.of(bob, '3.00');
const [{ transaction_id: topUp }] = await cards.ledger(his);
const { transaction_id: spent } = await cards.entry(his, SPEND, '1.00');
const deleted = await cards.of(carl);
assert.equal((await cards.remove(deleted)).status, 204);

const card = ({ card_id: id }, change) => `UPDATE cards SET ${change} WHERE card_id = ${id}`;
const row = (id, change) => `UPDATE card_transactions SET ${change} WHERE transaction_id = ${id}`;
const rowOfPayment = (change) => `UPDATE card_transactions SET ${change} WHERE attempt_id = ${attemptId}`;

const BALANCE = "a card's balance is the sum of its ledger";
const SEQUENCE = 'each balance_after is correct in sequence';
const SIGN = "the ledger's signs match its types";
const LIVE = "a live card is its user's only one";
const PAYMENT = "a card's payments and refunds are in its ledger";

// [rule, subject it must name, damage, repair]
const SABOTAGE = [
  [BALANCE, `card ${hers.card_id}`, card(hers, 'balance = balance + 1'), card(hers, 'balance = balance - 1')],
  [BALANCE, `card ${his.card_id}`, card(his, 'balance = 0'), card(his, 'balance = 200')],
  [BALANCE, `card ${his.card_id}`,
    `INSERT INTO card_transactions (card_id, type, amount, balance_after, created_at) VALUES (${his.card_id}, ${TOP_UP}, 1, 201, 77)`,
    'DELETE FROM card_transactions WHERE created_at = 77'],
  [BALANCE, `card ${his.card_id}`, row(spent, `card_id = ${hers.card_id}`), row(spent, `card_id = ${his.card_id}`)],
  [BALANCE, `card ${deleted.card_id}`,
    `INSERT INTO card_transactions (card_id, type, amount, balance_after, created_at) VALUES (${deleted.card_id}, ${TOP_UP}, 1, 1, 78)`,
    'DELETE FROM card_transactions WHERE created_at = 78'],
  [SEQUENCE, `card_transaction ${topUp}`, row(topUp, 'balance_after = 299'), row(topUp, 'balance_after = 300')],
  [SEQUENCE, `card_transaction ${spent}`, row(spent, 'balance_after = balance_after + 1'), row(spent, 'balance_after = balance_after - 1')],
  [SEQUENCE, `card_transaction ${topUp}`, // the sum is unchanged, the individual rows aren't
    `${row(topUp, 'amount = 400')}; ${row(spent, 'amount = -200')}`, `${row(topUp, 'amount = 300')}; ${row(spent, 'amount = -100')}`],
  [SIGN, `card_transaction ${topUp}`, row(topUp, `type = ${SPEND}`), row(topUp, `type = ${TOP_UP}`)],
  [SIGN, `card_transaction ${spent}`, row(spent, 'type = 1'), row(spent, `type = ${SPEND}`)],
  [SIGN, `card_transaction ${spent}`, row(spent, 'type = 3'), row(spent, `type = ${SPEND}`)],
  [LIVE, `card ${his.card_id}`, card(his, 'live_user_id = NULL'), card(his, `live_user_id = ${bob.user.user_id}`)],
  [LIVE, `card ${his.card_id}`, card(his, 'deleted_at = 1'), card(his, 'deleted_at = NULL')],
  [LIVE, `card ${his.card_id}`, card(his, `user_id = ${carl.user.user_id}`), card(his, `user_id = ${bob.user.user_id}`)],
  [LIVE, `card ${his.card_id}`, card(his, 'deleted_at = 1, live_user_id = NULL'), card(his, `deleted_at = NULL, live_user_id = ${bob.user.user_id}`)],
  [LIVE, `card ${deleted.card_id}`, card(deleted, `live_user_id = ${carl.user.user_id}`), card(deleted, 'live_user_id = NULL')],
  [PAYMENT, `payment ${paidBy}`, rowOfPayment('attempt_id = 999999'), `UPDATE card_transactions SET attempt_id = ${attemptId} WHERE attempt_id = 999999`],
  [PAYMENT, `payment ${paidBy}`, rowOfPayment('amount = -799'), rowOfPayment('amount = -800')],
  [PAYMENT, `payment ${paidBy}`, row(spent, `attempt_id = ${attemptId}`), row(spent, 'attempt_id = NULL')],
];

test('a shop whose cards are in order: exit 0 and one line', async () => {
  assert.equal((await trade.audit(0)).length, 1);
});

for (const [rule, subject, damage, repair] of SABOTAGE) {
  test(`${rule}: ${damage.slice(0, 90).replaceAll(/\s+/g, ' ')}`, async () => {
    await shop.sql(damage);
    const lines = await trade.audit(1);
    assert.ok(lines.some((line) => line.startsWith(`WRONG: ${subject}: `) && line.endsWith(`(${rule})`)), lines.join('\n'));
    await shop.sql(repair);
    await trade.audit(0);
  });
}

test('what the schema\'s constraints forbid is refused by the database', async () => {
  for (const damage of [
    card(his, 'balance = -1'),
    card(his, 'status = 2'),
    card(his, `live_user_id = ${anna.user.user_id}`),
    card(his, `card_number = '${hers.card_number}'`),
    row(spent, 'amount = 0'),
    row(spent, 'balance_after = -1'),
    row(spent, 'type = 5'),
  ]) {
    await assert.rejects(shop.sql(damage), damage);
  }
  await trade.audit(0);
});

test('audit only reads cards, and prints no card number (B55)', async () => {
  const sums = async () => JSON.stringify(await shop.sql('CHECKSUM TABLE cards, card_transactions, payment_attempts, orders, journal'));
  const before = await sums();
  await shop.sql(card(hers, 'balance = balance + 1'));
  const lines = await trade.audit(1);
  assert.ok(!lines.join('\n').includes(hers.card_number));
  await shop.sql(card(hers, 'balance = balance - 1'));
  assert.equal(await sums(), before);
});
