// SPDX-License-Identifier: MIT
// `minimall audit` finds inconsistencies: each of its rules is violated once, by editing a row directly.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { checkout } from '../../../sandbox/files.mjs';
import { LOYALTY_RULES } from '../lib/loyalty.mjs';
import { AUDIT_OTHERS, AUDIT_RULES } from '../lib/memberships.mjs';
import { PAID, SHIPPED, openTrade } from '../lib/trade.mjs';

const trade = await openTrade();
const { shop } = trade;
const [anna, bob] = await trade.buyers(2);
const product = await trade.product({ price: '8.00', stock: 100_000 });
const idle = await trade.product({ stock: 7 });

const pending = await trade.order(anna, [[product, 2]]);
const cancelled = await trade.orderIn(anna, [[product, 1]], 4);
const offline = await trade.orderIn(anna, [[product, 1]], PAID, 'offline');
const shipped = await trade.orderIn(anna, [[product, 1]], SHIPPED);
const { outTradeNo: open } = await trade.prepay(anna, pending);
const [{ out_trade_no: granted, transaction_id: transactionId }] = await trade.attempts(shipped);
const [{ event_id: eventId }] = await trade.events(`out_trade_no = '${granted}'`);

// refunds: one in full, a partial one in progress, an automatic one, and one to a card
const refund = (of, amount) => trade.ok('POST', '/api/payment/refunds', {
  token: trade.admin, body: { order_id: of.order_id, reason: '退货', ...(amount && { amount }) },
});
const refundMode = (status) => shop.sandbox('POST', '/sandbox/refund-mode', { status });
await refundMode('SUCCESS');
const refunded = await trade.orderIn(anna, [[product, 1]], PAID);
await refund(refunded);
const twice = await trade.order(anna, [[product, 1]]);
const { outTradeNo: inVain } = await trade.prepay(anna, twice);
await trade.payOffline(twice);
await trade.payNotified(inVain);
await shop.jobs();
await refundMode('PROCESSING');
const partly = await trade.orderIn(anna, [[product, 1]], PAID);
const { refund_no: part } = await refund(partly, '3.00');
const [{ out_trade_no: partlyPaid }] = await trade.attempts(partly);

const heardOf = await trade.orderIn(anna, [[product, 1]], PAID);
const { refund_no: heard } = await refund(heardOf, '2.00');
assert.equal((await shop.sandbox('POST', `/refund/${heard}`, { status: 'SUCCESS' })).body.status, 200);

const { card_id: card } = await trade.ok('POST', '/api/membership/cards', { token: trade.admin, body: { user_id: anna.user.user_id } });
await trade.ok('POST', '/api/membership/transactions', { token: trade.admin, body: { card_id: card, type: 1, amount: '50.00' } });
const byCard = await trade.order(anna, [[product, 1]]);
await trade.ok('POST', '/api/payment/card', { token: anna.token, body: { order_id: byCard.order_id } });
const { refund_no: toCard } = await refund(byCard, '2.00');
const [{ out_trade_no: cardPaid }] = await trade.attempts(byCard);
await trade.ok('PUT', `/api/membership/cards/${card}`, { token: trade.admin, body: { balance: '60.00' } });
const [topUp, spent, back, adjusted] = (await shop.sql(`SELECT transaction_id FROM card_transactions WHERE card_id = ${card} ORDER BY transaction_id`))
  .map((row) => row.transaction_id);

// a comparison with a bill, with one finding
await shop.sql(`INSERT INTO reconciliations (provider, starts_at, outcome, automatic, repairs, lease_at, findings, created_at, ended_at)
  VALUES ('wechat', 1700000000000, 3, 0, 0, 1, 1, 1, 1)`);
const [{ reconciliation_id: compared }] = await shop.sql('SELECT reconciliation_id FROM reconciliations');
await shop.sql(`INSERT INTO reconciliation_findings (reconciliation_id, reason, number, out_trade_no, created_at) VALUES (${compared}, 1, 'x', 'x', 1)`);

// a webhook, and a notification of it that was accepted
const { webhook_id: webhook } = await trade.ok('POST', '/api/webhooks', { token: trade.admin, body: { url: 'https://hooks.example.com/', types: 'membership.ended' } });
await shop.sql(`INSERT INTO webhook_deliveries (webhook_id, message_id, type, body, status, tries, answer_status, created_at)
  VALUES (${webhook}, 'msg_1', 'membership.ended', '{}', 1, 1, 204, ${Date.now()})`);

const rowId = async (order) => (await shop.sql(`SELECT id FROM orders WHERE order_no = '${order.order_id}'`))[0].id;
const ids = { pending: await rowId(pending), cancelled: await rowId(cancelled), offline: await rowId(offline), shipped: await rowId(shipped), refunded: await rowId(refunded), partly: await rowId(partly) };

const order = (id, change) => `UPDATE orders SET ${change} WHERE id = ${id}`;
const attempt = (no, change) => `UPDATE payment_attempts SET ${change} WHERE out_trade_no = '${no}'`;
const refundRow = (no, change) => `UPDATE refunds SET ${change} WHERE refund_no = '${no}'`;
const cardRow = (change) => `UPDATE cards SET ${change} WHERE card_id = ${card}`;
const entry = (id, change) => `UPDATE card_transactions SET ${change} WHERE transaction_id = ${id}`;
const event = (change) => `UPDATE payment_events SET ${change} WHERE event_id = '${eventId}'`;

// A damage and its repair, by a copy of the row: changed, or deleted.
const edited = (table, where, change) => [
  `CREATE TABLE kept AS SELECT * FROM ${table} WHERE ${where}; UPDATE ${table} SET ${change} WHERE ${where}`, `REPLACE INTO ${table} SELECT * FROM kept; DROP TABLE kept`];
const gone = (table, where) => [
  `CREATE TABLE kept AS SELECT * FROM ${table} WHERE ${where}; DELETE FROM ${table} WHERE ${where}`, `INSERT INTO ${table} SELECT * FROM kept; DROP TABLE kept`];
const orderOf = (id) => ['orders', `id = ${id}`];
const attemptOf = (no) => ['payment_attempts', `out_trade_no = '${no}'`];
const refundOf = (no) => ['refunds', `refund_no = '${no}'`];
const eventOf = ['payment_events', `event_id = '${eventId}'`];
const entryOf = (id) => ['card_transactions', `transaction_id = ${id}`];
const cardOf = ['cards', `card_id = ${card}`];
const wordOf = ['journal', `subject = '${offline.order_id}' AND action = 'offline-payment'`];

// [rule, subject it must name, damage, repair]; more than one for a rule that can be broken in several ways
const SABOTAGE = [
  ["stock is the sum of its moves", `product ${idle}`,
    `UPDATE products SET stock = stock + 1 WHERE product_id = ${idle}`, `UPDATE products SET stock = stock - 1 WHERE product_id = ${idle}`],
  ["stock is the sum of its moves", `product ${idle}`,
    `INSERT INTO stock_moves (product_id, delta, reason, at) VALUES (${idle}, -7, 1, 0)`,
    `DELETE FROM stock_moves WHERE product_id = ${idle} AND delta = -7`],
  ["an order's lines hold their stock", `order ${pending.order_id} product ${product}`,
    `UPDATE stock_moves SET delta = delta + 1 WHERE order_id = ${ids.pending}`, `UPDATE stock_moves SET delta = delta - 1 WHERE order_id = ${ids.pending}`],
  ["an order's lines hold their stock", `order ${cancelled.order_id} product ${product}`,
    `INSERT INTO stock_moves (product_id, delta, reason, order_id, at) VALUES (${product}, 1, 3, ${ids.cancelled}, 77)`,
    'DELETE FROM stock_moves WHERE at = 77'],
  ['every move of an order has its line', 'stock_move ',
    `INSERT INTO stock_moves (product_id, delta, reason, order_id, at) VALUES (${idle}, 0, 2, ${ids.pending}, 78)`, 'DELETE FROM stock_moves WHERE at = 78'],
  ['status and held stock agree', `order ${offline.order_id}`, order(ids.offline, 'stock_held = 0'), order(ids.offline, 'stock_held = 1')],
  ['status and held stock agree', `order ${cancelled.order_id}`, order(ids.cancelled, 'stock_held = 1'), order(ids.cancelled, 'stock_held = 0')],
  ["an order's total is the sum of its lines, less discount and points", `order ${pending.order_id}`,
    order(ids.pending, 'total_amount = total_amount - 1'), order(ids.pending, 'total_amount = total_amount + 1')],
  ["an order's total is the sum of its lines, less discount and points", `order ${offline.order_id}`,
    `UPDATE order_items SET order_id = 999999 WHERE order_id = ${ids.offline}`, `UPDATE order_items SET order_id = ${ids.offline} WHERE order_id = 999999`],
  ['status and payer agree', `order ${pending.order_id}`, order(ids.pending, 'status = 1'), order(ids.pending, 'status = 0')],
  ['status and payer agree', `order ${offline.order_id}`, order(ids.offline, 'paid_by = 0'), order(ids.offline, 'paid_by = 2')],
  ['status and payer agree', `order ${offline.order_id}`, order(ids.offline, 'paid_by = 3'), order(ids.offline, 'paid_by = 2')],
  ['status and payer agree', `order ${cancelled.order_id}`, order(ids.cancelled, 'paid_at = 1'), order(ids.cancelled, 'paid_at = NULL')],
  ['an order paid by a provider has its payment', `order ${shipped.order_id}`,
    order(ids.shipped, "payment_id = 'another'"), order(ids.shipped, `payment_id = '${transactionId}'`)],
  ['an order paid by a provider has its payment', `order ${offline.order_id}`, order(ids.offline, 'paid_by = 1'), order(ids.offline, 'paid_by = 2')],
  ['an order paid by a provider has its payment', `order ${shipped.order_id}`, attempt(granted, 'amount = amount + 1'), attempt(granted, 'amount = amount - 1')],
  ['a granted payment has its order', `payment ${granted}`, order(ids.shipped, 'paid_by = 2'), order(ids.shipped, 'paid_by = 1')],
  ['a granted payment has its order', `payment ${granted}`, attempt(granted, `payable_id = ${ids.offline}`), attempt(granted, `payable_id = ${ids.shipped}`)],
  ["a payment's state matches its data", `payment ${open}`, attempt(open, 'open_payable_id = NULL'), attempt(open, `open_payable_id = ${ids.pending}`)],
  ["a payment's state matches its data", `payment ${open}`, attempt(open, "transaction_id = 'x'"), attempt(open, 'transaction_id = NULL')],
  ["a payment's state matches its data", `payment ${granted}`, attempt(granted, 'state = 1'), attempt(granted, 'state = 2')],
  ['an open payment is followed', `payment ${open}`,
    'CREATE TABLE kept AS SELECT * FROM outbox; DELETE FROM outbox', 'INSERT INTO outbox SELECT * FROM kept; DROP TABLE kept'],
  ['a payment was settled by its transaction', `event ${eventId}`, event("transaction_id = 'x'"), event(`transaction_id = '${transactionId}'`)],
  ['a payment was settled by its transaction', `event ${eventId}`, event(`out_trade_no = '${open}'`), event(`out_trade_no = '${granted}'`)],
  ["a card's balance is the sum of its ledger", `card ${card}`, cardRow('balance = balance + 1'), cardRow('balance = balance - 1')],
  ["a card's balance is the sum of its ledger", `card ${card}`, entry(topUp, 'card_id = 999999'), entry(topUp, `card_id = ${card}`)],
  ['each balance_after is correct in sequence', `card_transaction ${spent}`,
    entry(spent, 'balance_after = balance_after + 1'), entry(spent, 'balance_after = balance_after - 1')],
  ["the ledger's signs match its types", `card_transaction ${spent}`, entry(spent, 'type = 1'), entry(spent, 'type = 2')],
  ["the ledger's signs match its types", `card_transaction ${back}`, entry(back, 'type = 2'), entry(back, 'type = 3')],
  ["a live card is its user's only one", `card ${card}`, cardRow('live_user_id = NULL'), cardRow('live_user_id = user_id')],
  ["a live card is its user's only one", `card ${card}`, cardRow('live_user_id = 999999'), cardRow('live_user_id = user_id')],
  ["a live card is its user's only one", `card ${card}`,
    cardRow('deleted_at = 1, live_user_id = NULL'), cardRow('deleted_at = NULL, live_user_id = user_id')],
  ['no more is refunded than was paid', `payment ${partlyPaid}`, refundRow(part, 'amount = 801'), refundRow(part, 'amount = 300')],
  ['no more is refunded than was paid', `payment ${partlyPaid}`, attempt(partlyPaid, 'state = 1'), attempt(partlyPaid, 'state = 2')],
  ['no more is refunded than was paid', `payment ${partlyPaid}`, // made elsewhere, of an unsettled payment: it must be held
    `${refundRow(part, 'origin = 1')}; CREATE TABLE kept AS SELECT * FROM payment_attempts WHERE out_trade_no = '${partlyPaid}'; ${
      attempt(partlyPaid, 'held_at = NULL, state = 1')}`,
    `REPLACE INTO payment_attempts SELECT * FROM kept; DROP TABLE kept; ${refundRow(part, 'origin = 0')}`],
  ['an order is refunded when all that was paid is refunded', `order ${refunded.order_id}`, order(ids.refunded, 'status = 3'), order(ids.refunded, 'status = 5')],
  ['an order is refunded when all that was paid is refunded', `order ${partly.order_id}`, order(ids.partly, 'status = 5'), order(ids.partly, 'status = 1')],
  ['an order is refunded when all that was paid is refunded', `order ${partly.order_id}`,
    refundRow(part, 'state = 2, amount = 800'), refundRow(part, 'state = 1, amount = 300')],
  ['an order is refunded when all that was paid is refunded', `order ${refunded.order_id}`,
    `UPDATE refunds SET automatic = 1 WHERE payable_id = ${ids.refunded}`, `UPDATE refunds SET automatic = 0 WHERE payable_id = ${ids.refunded}`],
  ['an automatic refund settles its payment', `payment ${inVain}`, attempt(inVain, 'state = 4'), attempt(inVain, 'state = 5')],
  ['an automatic refund settles its payment', `payment ${inVain}`, refundRow(`R${inVain}L`, 'state = 3'), refundRow(`R${inVain}L`, 'state = 2')],
  ['an automatic refund settles its payment', `payment ${inVain}`, refundRow(`R${inVain}L`, 'amount = 799'), refundRow(`R${inVain}L`, 'amount = 800')],
  ['a refund in progress is followed', `refund ${part}`,
    'CREATE TABLE kept AS SELECT * FROM outbox; DELETE FROM outbox', 'INSERT INTO outbox SELECT * FROM kept; DROP TABLE kept'],
  ['a refund in progress is followed', `refund R${inVain}L`, refundRow(`R${inVain}L`, 'state = 4'), refundRow(`R${inVain}L`, 'state = 2')],
  ["a card's payments and refunds are in its ledger", `payment ${cardPaid}`, entry(spent, 'attempt_id = NULL'),
    `UPDATE card_transactions s JOIN card_transactions b ON b.transaction_id = ${back} SET s.attempt_id = b.attempt_id WHERE s.transaction_id = ${spent}`],
  ["a card's payments and refunds are in its ledger", `payment ${cardPaid}`, refundRow(toCard, 'amount = 201'), refundRow(toCard, 'amount = 200')],
  ["only a running reconciliation has a bill's lines", `reconciliation ${compared}`,
    `INSERT INTO reconciliation_lines VALUES (${compared}, 0, 1, 'x', 'x', '', 1, 1)`, 'DELETE FROM reconciliation_lines'],
  ...['findings = 2', 'repaired = 1', 'outcome = 1', 'outcome = 0', 'outcome = 2', "running = 'alipay', outcome = 0, ended_at = NULL"].map((change) => (
    ["a reconciliation's outcome follows from its findings", `reconciliation ${compared}`, ...edited('reconciliations', `reconciliation_id = ${compared}`, change)])),
  ["a reconciliation's outcome follows from its findings", `reconciliation ${compared}`, ...gone('reconciliation_findings', `reconciliation_id = ${compared}`)],
  ['every user is a member', `user ${anna.user.user_id}`,
    `UPDATE members SET user_id = 999999 WHERE user_id = ${anna.user.user_id}`, `UPDATE members SET user_id = ${anna.user.user_id} WHERE user_id = 999999`],

  ['stock is the sum of its moves', `product ${idle}`, ...gone('stock_moves', `product_id = ${idle}`)],
  ['a move takes or returns what its reason says', 'stock_move ', ...edited('stock_moves', `product_id = ${idle}`, 'reason = 3')],
  ['a move takes or returns what its reason says', 'stock_move ', ...edited('stock_moves', `order_id = ${ids.pending}`, 'reason = 3')],
  ['a move takes or returns what its reason says', 'stock_move ', ...edited('stock_moves', `order_id = ${ids.pending}`, 'order_id = NULL')],
  ['a move takes or returns what its reason says', 'stock_move ', ...edited('order_items', `order_id = ${ids.cancelled}`, 'quantity = 2, unit_price = 400')],
  ['a move takes or returns what its reason says', 'stock_move ', ...gone('products', `product_id = ${idle}`)],
  ['every move of an order has its line', 'stock_move ', ...edited('stock_moves', `order_id = ${ids.pending}`, `product_id = ${idle}`)],
  ['every move of an order has its line', 'stock_move ', ...edited('order_items', `order_id = ${ids.pending}`, `product_id = ${idle}`)],
  ["an order's total is the sum of its lines, less discount and points", `order ${pending.order_id}`,
    ...edited('order_items', `order_id = ${ids.pending}`, 'unit_price = 700, total_price = 1400')],
  ["an order's total is the sum of its lines, less discount and points", `order ${offline.order_id}`, ...gone('order_items', `order_id = ${ids.offline}`)],
  ["an order's total is the sum of its lines, less discount and points", `order ${pending.order_id}`, ...edited(...orderOf(ids.pending), 'discount_amount = 1')],
  ["an order's total is the sum of its lines, less discount and points", `order ${pending.order_id}`,
    ...edited(...orderOf(ids.pending), 'points_used = 1, points_amount = 1')],
  ["an order's discount is the sum of its lines' discounts", `order ${pending.order_id}`, ...edited(...orderOf(ids.pending), 'discount_amount = 1')],
  ["an order's discount is the sum of its lines' discounts", `order ${pending.order_id}`, ...edited('order_items', `order_id = ${ids.pending}`, 'discount_amount = 1')],
  ['every line has its order', 'order_item ', ...gone(...orderOf(ids.pending))],
  ['a deleted order has a final status', `order ${offline.order_id}`, ...edited(...orderOf(ids.offline), 'deleted_at = 1')],
  ['an offline payment is in the journal', `order ${pending.order_id}`,
    ...edited(...orderOf(ids.pending), "status = 1, paid_by = 2, paid_at = 1, payment_method = '现金', payment_id = 'x'")],
  ['an offline payment is in the journal', `order ${offline.order_id}`, ...edited(...orderOf(ids.offline), 'payment_id = NULL')],
  ['an offline payment is in the journal', `order ${offline.order_id}`, ...gone(...wordOf)],
  ['an offline payment is in the journal', `order ${offline.order_id}`, ...edited(...wordOf, "action = 'delete'")],
  ['an offline payment is in the journal', `order ${offline.order_id}`, ...edited(...wordOf, `subject = '${pending.order_id}'`)],
  ['an order paid by a provider has its payment', `order ${shipped.order_id}`, ...edited(...orderOf(ids.shipped), 'paid_at = paid_at + 1')],
  ['an order paid by a provider has its payment', `order ${shipped.order_id}`, ...edited(...attemptOf(granted), 'paid_at = paid_at + 1')],
  ['an order paid by a provider has its payment', `order ${shipped.order_id}`, ...edited(...attemptOf(granted), 'payable_kind = 2')],
  ['an order paid by a provider has its payment', `order ${shipped.order_id}`, ...gone(...attemptOf(granted))],
  ["a payment has its payable's number", `payment ${open}`, ...edited(...attemptOf(open), `payable_no = '${shipped.order_id}'`)],
  ["a payment is of its order's buyer and total", `payment ${open}`, ...edited(...attemptOf(open), 'amount = amount + 1')],
  ["a payment is of its order's buyer and total", `payment ${open}`, ...edited(...attemptOf(open), `user_id = ${bob.user.user_id}`)],
  ["a payment is of its order's buyer and total", `payment ${granted}`, ...edited(...orderOf(ids.shipped), `user_id = ${bob.user.user_id}`)],
  ['an open payment is followed', `payment ${open}`, ...edited('outbox', 'kind = 1', 'ref_id = ref_id + 1000')],
  ['an open payment is followed', `payment ${open}`, ...edited('outbox', 'kind = 1', 'kind = 3')],
  ['a payment was settled by its transaction', `event ${eventId}`, ...edited(...eventOf, 'verdict = 2')],
  ['a payment was settled by its transaction', `event ${eventId}`, ...edited(...eventOf, 'amount = amount - 1')],
  ['a payment was settled by its transaction', `event ${eventId}`, ...edited(...attemptOf(granted), 'state = 3')],
  ['a payment was settled by its transaction', `event ${eventId}`, ...edited(...attemptOf(granted), "out_trade_no = 'MMx'")],
  ['a settled payment has its event', `payment ${granted}`, ...gone(...eventOf)],
  ['a settled payment has its event', `payment ${granted}`, ...edited(...eventOf, 'channel = 2')],
  ['a settled payment has its event', `payment ${granted}`, ...edited(...eventOf, 'verdict = 6')],
  ['a settled payment has its event', `payment ${cardPaid}`, ...edited(...attemptOf(cardPaid), 'channel = 1')],
  ['a refund is of its payment', `refund ${part}`, ...edited(...refundOf(part), 'attempt_id = 999999')],
  ['a refund is of its payment', `refund ${part}`, ...edited(...refundOf(part), `payable_id = ${ids.shipped}`)],
  ['a refund is of its payment', `refund ${part}`, ...edited(...refundOf(part), 'payable_kind = 2')],
  ['a refund is of its payment', `refund ${part}`, ...edited(...refundOf(part), 'automatic = 1')],
  ['a refund is of its payment', `refund R${inVain}L`, ...edited(...refundOf(`R${inVain}L`), 'origin = 1')],
  ['a refund is of its payment', `refund ${part}`, ...gone(...attemptOf(partlyPaid))],
  ["a refund has its payable's number", `refund ${part}`, ...edited(...refundOf(part), `payable_no = '${shipped.order_id}'`)],
  ['a reported refund is recorded', 'event ', ...edited(...refundOf(heard), 'amount = amount + 1')],
  ['a reported refund is recorded', 'event ', ...gone(...refundOf(heard))],
  ['what is followed is in progress', 'outbox ', ...edited(...refundOf(part), 'state = 2')],
  ['what is followed is in progress', 'outbox ', ...edited(...refundOf(part), 'state = 3')],
  ['what is followed is in progress', 'outbox ', ...gone(...refundOf(part))],
  ['what is followed is in progress', 'outbox ', ...gone(...attemptOf(open))],
  ['a refund in progress is followed', `refund ${heard}`, ...edited(...refundOf(heard), 'state = 1')],
  ["a card's payments and refunds are in its ledger", `payment ${cardPaid}`, ...gone(...refundOf(toCard))],
  ["a card's payments and refunds are in its ledger", `payment ${cardPaid}`, ...edited(...refundOf(toCard), 'state = 3')],
  ["a card's balance is the sum of its ledger", `card ${card}`, ...gone(...entryOf(topUp))],
  ["a card's balance is the sum of its ledger", `card ${card}`, ...edited(...entryOf(topUp), 'amount = amount + 1')],
  ['every entry has its card', `card_transaction ${topUp}`, ...gone(...cardOf)],
  ['a card pays for its owner', `card_transaction ${spent}`, ...edited(...cardOf, `user_id = ${bob.user.user_id}, live_user_id = ${bob.user.user_id}`)],
  ['a card pays for its owner', `card_transaction ${topUp}`,
    ...edited(...entryOf(topUp), `attempt_id = (SELECT attempt_id FROM payment_attempts WHERE out_trade_no = '${cardPaid}')`)],
  ['a card pays for its owner', `card_transaction ${spent}`, ...gone(...attemptOf(cardPaid))],
  ['an adjustment is in the journal', `card ${card}`, ...edited(...entryOf(adjusted), 'type = 1')],
  ['an adjustment is in the journal', `card ${card}`, ...edited(...entryOf(topUp), 'type = 4')],
  ['an adjustment is in the journal', `card ${card}`, ...gone('journal', "action = 'card-balance'")],
  ['everything owned has its owner', `order ${cancelled.order_id}`, ...edited(...orderOf(ids.cancelled), 'user_id = 999999')],
  ['everything owned has its owner', `card ${card}`, ...edited(...cardOf, 'user_id = 999999, live_user_id = 999999')],
  ['everything owned has its owner', 'member ', ...gone('users', `user_id = ${bob.user.user_id}`)],
  ['a deleted user has no pending order', `order ${shipped.order_id}`, ...edited('users', `user_id = ${anna.user.user_id}`, 'deleted_at = 1')],
  ['no user has more pending orders than are known', `user ${anna.user.user_id}`, ...edited('users', `user_id = ${anna.user.user_id}`, 'pending_most = 0')],
  ['no user has more pending orders than are known', `user ${anna.user.user_id}`, // two, of which one is known
    `UPDATE users SET pending_most = 1 WHERE user_id = ${anna.user.user_id}; ${order(ids.cancelled, 'status = 0')}`,
    `UPDATE users SET pending_most = 100 WHERE user_id = ${anna.user.user_id}; ${order(ids.cancelled, 'status = 4')}`],
  ...['webhook_id = 999999', 'answer_status = 500', "error = 'STATUS'", 'status = 2'].map((change) => (
    ['a notification is delivered when it was accepted', 'delivery ', ...edited('webhook_deliveries', 'status = 1', change)])),
  ['every user is a member', `user ${bob.user.user_id}`, ...gone('members', `user_id = ${bob.user.user_id}`)],
];
const MEMBERSHIPS = [...AUDIT_RULES, ...AUDIT_OTHERS];
const OPEN_WORK = ['refund due', 'held payment', 'abnormal refund', 'refund that needs a person', 'orphan payment', 'webhook switched off'];

async function summary(code) {
  const lines = await trade.audit(code);
  const [, rules, wrong, waiting] = /^audit: (\d+) rules, (\d+) wrong, (\d+) open$/.exec(lines.at(-1));
  return { lines, rules: Number(rules), wrong: Number(wrong), waiting: Number(waiting) };
}

test('a consistent shop: exit 0, and only the number of rules checked', async () => {
  const { lines, wrong, waiting } = await summary(0);
  assert.deepEqual([lines.length, wrong, waiting], [1, 0, 0]);
});

test('every rule is violated here, or in the files about memberships and loyalty', async () => {
  const tables = ['audit.c', 'audit_bills.c', 'audit_open.c'].map((file) => (
    /(?:shop|bill|open)_rules\[\] = \{(.*?)\n\};/s.exec(readFileSync(path.join(checkout, 'lib', 'shop', 'audit', file), 'utf8'))[1]));
  const names = [...tables.join('').matchAll(/\{ "([^"]+)",\s+SQL_/g)].map(([, name]) => name);
  assert.equal(names.length + MEMBERSHIPS.length + LOYALTY_RULES.length, (await summary(0)).rules);
  assert.deepEqual([...new Set(SABOTAGE.map(([rule]) => rule)), ...OPEN_WORK].sort(), names.sort());
});

// Columns other than money and stock: the audit can't recompute them.
const TELLS_NOTHING = {
  products: ['category_id', 'name', 'description', 'price', 'image_url', 'status', 'created_at', 'updated_at'],
  stock_moves: ['at'],
  orders: ['rewarded', // orders-audit.test.mjs
    'order_no', 'expires_at', 'created_at', 'updated_at', 'consignee_name', 'consignee_phone', 'consignee_address', 'remark', 'carrier', 'tracking_no'],
  order_items: ['name'],
  payment_attempts: ['provider', 'request', 'handle', 'handle_expires_at', 'reason', 'expires_at', 'queried_at', 'created_at', 'updated_at', 'notify_url'],
  payment_events: ['event_id', 'reason', 'serial', 'body', 'copies', 'received_at', 'judged_at', 'resolved', 'note', 'resolved_at', 'resolved_by'],
  outbox: ['due_at', 'tries', 'created_at'],
  refunds: ['refund_no', 'reason', 'attention', 'provider_refund_id', 'created_at', 'updated_at'],
  cards: ['card_number', 'status', 'created_at', 'updated_at'],
  card_transactions: ['description', 'actor_user_id', 'created_at'],
  members: [ // levels and figures: member-audit.test.mjs
    'member_code', 'joined_at', 'last_active_at', 'status', 'birthday', 'newsletter', 'sms_notification', 'promotion_notification', 'level_id', 'earned_level_id',
    'manual_level_id', 'manual_reason', 'manual_by', 'manual_at', 'total_spent', 'active_day', 'counted', 'holds',
  ],
  journal: ['at', 'actor_user_id', 'detail'],
};

test('every column with money or stock is damaged once, and the loss of a row', async () => {
  const damages = SABOTAGE.map(([, , damage]) => damage);
  const touched = new Set(damages.flatMap((damage) => [...damage.matchAll(/UPDATE (\w+) SET (.*?) WHERE /g)])
    .flatMap(([, table, changes]) => [...changes.matchAll(/(\w+) = /g)].map(([, column]) => `${table}.${column}`)));
  for (const [table, exempt] of Object.entries(TELLS_NOTHING)) {
    const columns = (await shop.sql(`SELECT column_name AS name FROM information_schema.columns
      WHERE table_schema = DATABASE() AND table_name = '${table}' AND extra NOT LIKE '%auto_increment%'`)).map(({ name }) => name);
    assert.deepEqual(columns.filter((column) => touched.has(`${table}.${column}`) === exempt.includes(column)), [], `columns of ${table}`);
    assert.ok(damages.some((damage) => damage.includes(`DELETE FROM ${table}`)), `a row of ${table} that is gone`);
  }
});

for (const [rule, subject, damage, repair] of SABOTAGE) {
  test(`${rule}: ${damage.replace(/^CREATE.*?; /, '').slice(0, 90).replaceAll(/\s+/g, ' ')}`, async () => {
    await shop.sql(damage);
    const { lines, wrong } = await summary(1);
    assert.ok(lines.some((line) => line.startsWith(`WRONG: ${subject}`) && line.endsWith(`(${rule})`)), lines.join('\n'));
    assert.ok(wrong >= 1);
    await shop.sql(repair);
  });
}

test('after all repairs the shop is consistent again', async () => {
  await trade.audit(0);
});

test('as many pending orders as are known, or fewer, are consistent (B65)', async () => {
  await shop.sql(`UPDATE users SET pending_most = 1 WHERE user_id = ${anna.user.user_id}`);
  assert.equal((await shop.sql(`SELECT id FROM orders WHERE status = 0 AND user_id = ${anna.user.user_id}`)).length, 1);
  await trade.audit(0);
  await shop.sql(`UPDATE users SET pending_most = 100 WHERE user_id = ${anna.user.user_id}`);
  await trade.audit(0);
});

test('payments that need manual review are listed as open, with exit 0 (B34, B37, B43)', async () => {
  await refundMode('ABNORMAL');
  const { refund_no: abnormal } = await refund(partly, '1.00');
  const x = await trade.order(anna, [[product, 1]]);
  const { outTradeNo } = await trade.prepay(anna, x);
  await shop.pay(outTradeNo, { tamper: 'amount', event_id: 'strange' });
  await trade.payOffline(x);
  await trade.payNotified(outTradeNo);
  const { lines, waiting } = await summary(0);
  assert.equal(waiting, 3);
  assert.deepEqual(lines.slice(0, 3), [
    `open: payment ${outTradeNo}: refund due: 800 fen, ALREADY_PAID (refund due)`,
    `open: refund ${abnormal}: abnormal: 100 fen, resolve it in the merchant console (abnormal refund)`,
    `open: event strange: orphan: AMOUNT, ${outTradeNo}, 801 fen (orphan payment)`,
  ]);
});

test('up to a hundred findings of a rule are listed, and that there are more', async () => {
  await shop.sql(`INSERT INTO stock_moves (product_id, delta, reason, order_id, at)
    SELECT ${idle}, 0, 2, ${ids.pending}, 79 FROM JSON_TABLE(CONCAT('[0', REPEAT(',0', 149), ']'), '$[*]' COLUMNS (n INT PATH '$')) t`);
  const { lines } = await summary(1);
  assert.equal(lines.filter((line) => line.startsWith('WRONG: stock_move ')).length, 100);
  assert.ok(lines.some((line) => line.startsWith('WRONG: and more')));
  await shop.sql('DELETE FROM stock_moves WHERE at = 79');
  await trade.audit(0);
});

test('audit writes nothing, and accepts no argument', async () => {
  const sums = async () => JSON.stringify(await shop.sql(
    'CHECKSUM TABLE users, members, sessions, products, stock_moves, orders, order_items, payment_attempts, payment_events, outbox, journal, refunds, cards, card_transactions'));
  const before = await sums();
  await trade.audit(0);
  assert.equal(await sums(), before);
  const odd = await shop.minimall(['audit', '--fix']);
  assert.equal(odd.code, 2, odd.stdout + odd.stderr);
});

test('audit passes during operation: an open transaction is not reported (B16)', async () => {
  const buyers = await trade.buyers(10);
  let working = true;
  const audits = [];
  const auditor = (async () => {
    while (working) audits.push(await shop.audit());
  })();
  const trading = Promise.all(buyers.map(async (person) => {
    for (let i = 0; i < 12 || (audits.length < 2 && i < 500); i++) { // so that audits run meanwhile
      const placed = await trade.order(person, [[product, 1]]);
      if (i % 3 === 0) await trade.payByWechat(person, placed);
      if (i % 3 !== 0) await trade.cancel(person, placed);
    }
  }));
  await trading.finally(() => { working = false; }); // whatever happens, the auditor ends
  await auditor;
  assert.ok(audits.length >= 2);
  for (const { code, stdout } of audits) assert.equal(code, 0, stdout);
});

// ---- interruption ----

// Connections of our programs that use a table: their ids.
const busyWith = async (table) => (await shop.connections()).filter(({ info }) => info.startsWith('SELECT ') && info.includes(table)).map(({ id }) => id);

async function until(what, there) {
  for (const end = Date.now() + 30_000; there(await what()) !== true;) {
    assert.ok(Date.now() < end, `waited in vain: ${there}`);
    await delay(20);
  }
}

// Reading this table takes years, and the reader doesn't notice signals.
async function endless(table, work) {
  const copies = Array.from({ length: 45 }, (_, i) => `kept k${i}`);
  await shop.sql(`RENAME TABLE ${table} TO kept; CREATE VIEW ${table} AS SELECT * FROM kept WHERE (SELECT SUM(k0.stock + k1.stock) FROM ${copies.join(' STRAIGHT_JOIN ')}) > 0`);
  try {
    await work();
  } finally {
    for (const id of await busyWith(table)) await shop.sql(`KILL ${id}`).catch(({ message }) => assert.match(message, /Unknown thread id/)); // it ended by itself
    await shop.sql(`DROP VIEW ${table}; RENAME TABLE kept TO ${table}`);
  }
}

test('an interrupted audit cancels its statement', async () => {
  await endless('products', async () => {
    const ending = new AbortController();
    const audit = shop.minimall(['audit'], { signal: ending.signal });
    await until(() => busyWith('products'), (ids) => ids.length > 0);
    ending.abort();
    assert.equal((await audit).signal, 'SIGTERM');
    await until(() => busyWith('products'), (ids) => ids.length === 0);
  });
});

test('an audit aborts a rule after --limit seconds, names it and fails', async () => {
  await endless('products', async () => {
    const { code, stderr } = await shop.minimall(['audit', '--limit', '1']);
    assert.equal(code, 1);
    assert.match(stderr, /^minimall: not checked: stock is the sum of its moves\nminimall: .* \(BUSY\)$/m);
  });
  for (const limit of ['0', '-1', 'x', '86401', '']) assert.equal((await shop.minimall(['audit', '--limit', limit])).code, 2, limit);
});
