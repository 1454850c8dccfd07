// SPDX-License-Identifier: MIT
// Refunds requested by an administrator: allowed amounts, the effect of each response of the provider, and the order
// (BEHAVIOUR 18, 43). Notifications: refund-notify.test.mjs; automatic refunds: refund-automatic.test.mjs.
import assert from 'node:assert/strict';
import { afterEach, test } from 'node:test';
import { ATTEMPT, COMPLETED, PAID, REFUNDED, SHIPPED, assertRefused, fen, tally, until } from '../lib/trade.mjs';
import { FEN, FIRST_LOOK_S, STATE, assertRefund, openRefunds } from '../lib/refunds.mjs';

const refunds = await openRefunds({ leaks: true });
const { trade, shop, anna } = refunds;

const idle = await trade.product({ price: '10.00', stock: 1000 });
const freebie = await trade.product({ price: '0.00', stock: 1000 });
const countRows = async () => (await shop.sql('SELECT COUNT(*) AS n FROM refunds'))[0].n;
const paidBySource = async (by) => ({ order: await trade.orderIn(anna, [[idle, 1]], PAID, by) });

afterEach(() => refunds.settleAll());

// ---- requests ----

test('a full refund is requested, in progress, and completed by the provider (B43)', async () => {
  const x = await refunds.paid();
  const { status, body, headers } = await refunds.ask(x, { reason: '尺码不合适 👕' });
  assert.equal(status, 201);
  assertRefund(body, { order_id: x.order.order_id, amount: '10.00', status: 'PROCESSING', reason: '尺码不合适 👕', automatic: false });
  assert.equal(headers.get('idempotent-replayed'), null);
  assert.deepEqual(await refunds.refundsAtProvider(x), [[body.refund_no, FEN, 'PROCESSING']]);
  assert.deepEqual(await refunds.orderState(x), [PAID, [-1], 4], 'money that is under way is not back yet');
  assert.deepEqual((await refunds.read(body.refund_no)).body, body);
  assert.equal((await trade.read(x.order)).updated_at, body.created_at);
  assert.equal((await trade.attempts(x.order))[0].updated_at, Date.parse(body.created_at), 'what limits the sum is written (B61)');

  await refunds.completeRefund(body.refund_no, 'SUCCESS');
  const { updated_at: updated, ...rest } = (await refunds.read(body.refund_no)).body;
  const { updated_at: before, ...same } = body;
  assert.deepEqual(rest, { ...same, status: 'SUCCESS' });
  assert.ok(updated >= before);
  assert.deepEqual(await refunds.orderState(x), [REFUNDED, [-1, 1], 5]);
  assert.deepEqual(await trade.states(x.order), [ATTEMPT.granted], 'it was paid, and stays so');
  const { body: stands } = await trade.paymentStatus(anna, x.order);
  assert.deepEqual([stands.status, stands.trade_state, stands.total_amount], [REFUNDED, 'REFUND', '10.00']);
  assertRefused(await refunds.ask(x), 409, 'REFUND_EXCEEDS');
  assert.deepEqual(await refunds.jobsAt(12 * 3600), [], 'what is over is not asked about');
});

test('the request to the provider: number, both amounts, reason and notify_url (PAYMENTS 2.11)', async () => {
  const x = await refunds.paid();
  const made = await refunds.refund(x, { amount: 3, reason: '少发一件' });
  const { refunds: [{ request }] } = await trade.atWechat(x.outTradeNo);
  assert.deepEqual(request, {
    out_trade_no: x.outTradeNo, out_refund_no: made.refund_no, reason: '少发一件', notify_url: shop.env.WECHAT_NOTIFY_URL,
    amount: { refund: 300, total: FEN, currency: 'CNY' },
  });
});

test('only administrators request and read refunds (B4)', async () => {
  const x = await refunds.paid();
  const made = await refunds.refund(x, { amount: '1.00' });
  const before = await countRows();
  assertRefused(await refunds.ask(x, { token: anna.token }), 403, 'FORBIDDEN');
  assertRefused(await refunds.read(made.refund_no, anna.token), 403, 'FORBIDDEN');
  assertRefused(await refunds.ask(x, { token: null }), 401);
  assertRefused(await refunds.read(made.refund_no, null), 401);
  assert.equal(await countRows(), before);
});

test('unknown and deleted orders, and unknown refunds, are 404', async () => {
  const gone = { order: await trade.orderIn(anna, [[idle, 1]], COMPLETED, 'provider') };
  assert.equal((await trade.remove(gone.order)).status, 204);
  const ids = ['ORDER00000000000000000000', 'x', '订单', gone.order.order_id];
  for (const id of ids) assertRefused(await refunds.ask({ order: { order_id: id } }), 404);
  for (const no of ['RF00000000000000000000000000', 'x', '%E9%80%80', '1']) assertRefused(await refunds.read(no), 404);
});

test('an order without a refundable payment is 409: unpaid, cancelled, offline, free', async () => {
  const offline = await paidBySource('offline');
  const offlineRefunded = { order: await trade.orderIn(anna, [[idle, 1]], REFUNDED, 'offline') };
  const free = { order: await trade.order(anna, [[freebie, 1]]) };
  assert.equal(free.order.status, PAID);
  const unpaid = await refunds.prepared();
  const cancelled = await refunds.prepared();
  await trade.cancel(anna, cancelled.order);
  const before = await countRows();
  await trade.forgetRequests();
  for (const x of [offline, offlineRefunded, free, unpaid, cancelled]) {
    for (const more of [{}, { amount: '1.00' }]) assertRefused(await refunds.ask(x, more), 409, 'REFUND_UNPAID');
  }
  assert.deepEqual(await refunds.calls(), []);
  assert.equal(await countRows(), before);
});

test('an invalid amount, more than was paid, or an invalid reason: refused without a call (B10)', async () => {
  const x = await refunds.paid();
  const before = await countRows();
  await trade.forgetRequests();
  for (const amount of ['0', '0.00', 0, '-1', -1, '1.005', '1e1', ' 1', '', 'all', true, null, [], {}, '99999999999']) {
    assertRefused(await refunds.ask(x, { amount }), 400);
  }
  for (const reason of [undefined, null, '', 7, '退'.repeat(81), 'a\u0000b']) assertRefused(await refunds.ask(x, { reason }), 400);
  for (const orderId of [undefined, null, '', 7]) assertRefused(await refunds.ask(x, { order_id: orderId }), 400);
  for (const amount of ['10.01', 11, '9999999.99']) assertRefused(await refunds.ask(x, { amount }), 409, 'REFUND_EXCEEDS');
  assert.deepEqual(await refunds.calls(), []);
  assert.equal(await countRows(), before);
  assert.equal((await refunds.refund(x, { amount: '10.00', reason: '退'.repeat(80) })).amount, '10.00');
});

test('a payment with a coupon is refunded by its whole amount', async () => {
  const x = await refunds.paid(anna, { coupon_fen: 300 });
  const part = await refunds.refund(x, { amount: '3.33' });
  await refunds.completeRefund(part.refund_no, 'SUCCESS');
  const rest = await refunds.refund(x);
  await refunds.completeRefund(rest.refund_no, 'SUCCESS');
  assert.deepEqual([rest.amount, await trade.status(x.order)], ['6.67', REFUNDED]);
});

// ---- partial refunds ----

test('partial refunds add up: the order is 5 only when everything is refunded; the rest is the default amount (B43)', async () => {
  const x = await refunds.paid();
  const first = await refunds.refund(x, { amount: '3.00' });
  const second = await refunds.refund(x, { amount: '2.50' });
  assertRefused(await refunds.ask(x, { amount: '4.51' }), 409, 'REFUND_EXCEEDS');
  const rest = await refunds.refund(x);
  assert.equal(rest.amount, '4.50');
  assertRefused(await refunds.ask(x), 409, 'REFUND_EXCEEDS');
  assertRefused(await refunds.ask(x, { amount: '0.01' }), 409, 'REFUND_EXCEEDS');
  for (const { refund_no: no } of [rest, first]) {
    await refunds.completeRefund(no, 'SUCCESS');
    assert.deepEqual(await refunds.orderState(x), [PAID, [-1], 4], 'a part gives no stock back');
  }
  await refunds.completeRefund(second.refund_no, 'SUCCESS');
  assert.deepEqual(await refunds.orderState(x), [REFUNDED, [-1, 1], 5]);
});

for (const [name, status] of [['shipped', SHIPPED], ['completed', COMPLETED]]) {
  test(`an order that is ${name} can be refunded, without returning its stock (B43)`, async () => {
    const x = await refunds.paid();
    for (let to = SHIPPED; to <= status; to++) await trade.set(x.order, { status: to });
    const part = await refunds.refund(x, { amount: '0.01' });
    await refunds.completeRefund(part.refund_no, 'SUCCESS');
    assert.deepEqual(await refunds.orderState(x), [status, [-1], 4]);
    const rest = await refunds.refund(x);
    await refunds.completeRefund(rest.refund_no, 'SUCCESS');
    assert.deepEqual(await refunds.orderState(x), [REFUNDED, [-1], 4]);
  });
}

test('while a refund that completes the sum is in progress, 1 to 2 is 409; for a partial one it is not (B43)', async () => {
  const x = await refunds.paid();
  const part = await refunds.refund(x, { amount: '4.00' });
  await refunds.completeRefund(part.refund_no, 'SUCCESS');
  const rest = await refunds.refund(x);
  for (const status of ['PROCESSING', 'ABNORMAL']) {
    if (status !== 'PROCESSING') await refunds.completeRefund(rest.refund_no, status);
    assertRefused(await trade.put(x.order, { status: SHIPPED }), 409, 'REFUND_IN_FLIGHT');
    assert.equal(await trade.status(x.order), PAID);
  }
  await refunds.completeRefund(rest.refund_no, 'CLOSED');
  await refunds.refund(x, { amount: '5.99' });
  assert.equal((await trade.put(x.order, { status: SHIPPED })).status, 200);
});

test('shipping against a full refund: it ships, or the stock is returned, never both (B43)', async () => {
  await refunds.mode('SUCCESS');
  for (let round = 0; round < 12; round++) {
    const x = await refunds.paid();
    const acts = [() => refunds.ask(x), () => trade.put(x.order, { status: SHIPPED })];
    if (round % 2) acts.reverse();
    const answers = await Promise.all(acts.map((act) => act()));
    const [asked, shipped] = round % 2 ? [...answers].reverse() : answers;
    assert.equal(asked.status, 201);
    assert.ok([200, 409].includes(shipped.status), JSON.stringify(shipped.body));
    assert.deepEqual(await refunds.orderState(x), shipped.status === 200 ? [REFUNDED, [-1], 4] : [REFUNDED, [-1, 1], 5]);
  }
});

for (const mode of ['PROCESSING', 'SUCCESS']) {
  test(`twenty concurrent refunds of a tenth, answered ${mode}: ten succeed, and no fen more (B43)`, async () => {
    await refunds.mode(mode);
    const x = await refunds.paid();
    const answers = await Promise.all(Array.from({ length: 20 }, () => refunds.ask(x, { amount: '1.00' })));
    assert.deepEqual(tally(answers.map(({ status }) => status)), { 201: 10, 409: 10 });
    const there = await refunds.refundsAtProvider(x);
    assert.equal(new Set(there.map(([no]) => no)).size, 10);
    assert.equal(there.reduce((sum, [, part]) => sum + part, 0), FEN);
    if (mode === 'PROCESSING') await Promise.all(there.map(([no]) => refunds.completeRefund(no, 'SUCCESS')));
    assert.deepEqual(await refunds.orderState(x), [REFUNDED, [-1, 1], 5]);
  });
}

test('twenty concurrent refunds of different amounts, and of the rest, never exceed what was paid (B43)', async () => {
  const x = await refunds.paid();
  const answers = await Promise.all(Array.from({ length: 20 }, (_, i) => refunds.ask(x, i % 5 ? { amount: `${i % 4 + 1}.37` } : {})));
  const made = answers.filter(({ status }) => status === 201);
  assert.equal(answers.filter(({ status }) => status === 409).length, 20 - made.length);
  assert.ok(made.length >= 1 && made.reduce((sum, { body }) => sum + fen(body.amount), 0) <= FEN);
  assert.deepEqual((await refunds.refundsAtProvider(x)).map(([no]) => no).sort(), made.map(({ body }) => body.refund_no).sort());
});

// ---- responses of the provider ----

test('completed at once: the response is SUCCESS, and the order is 5 (B43)', async () => {
  await refunds.mode('SUCCESS');
  const x = await refunds.paid();
  assert.equal((await refunds.refund(x)).status, 'SUCCESS');
  assert.deepEqual(await refunds.orderState(x), [REFUNDED, [-1, 1], 5]);
});

test('ABNORMAL needs manual review, is followed, and finally succeeds (B43)', async () => {
  await refunds.mode('ABNORMAL');
  const x = await refunds.paid();
  const { refund_no: no, status } = await refunds.refund(x);
  assert.equal(status, 'ABNORMAL');
  assert.ok((await trade.audit(0)).some((line) => line === `open: refund ${no}: abnormal: ${FEN} fen, resolve it in the merchant console (abnormal refund)`));
  assertRefused(await refunds.ask(x, { amount: '0.01' }), 409, 'REFUND_EXCEEDS');
  assert.deepEqual(await refunds.jobsAt(FIRST_LOOK_S), ['refund_query']);
  assert.equal(await refunds.status(no), 'ABNORMAL');
  await refunds.end(no, { status: 'SUCCESS', notify: false });
  assert.deepEqual(await refunds.jobsAt(FIRST_LOOK_S + 3600), ['refund_query']);
  assert.equal(await refunds.status(no), 'SUCCESS');
  assert.deepEqual(await refunds.orderState(x), [REFUNDED, [-1, 1], 5]);
});

test('CLOSED releases the amount: a new refund has a new number, and works (B43)', async () => {
  await refunds.mode('CLOSED');
  const x = await refunds.paid();
  const closed = await refunds.refund(x);
  assert.equal(closed.status, 'CLOSED');
  assert.deepEqual(await refunds.orderState(x), [PAID, [-1], 4]);
  assert.deepEqual(await refunds.jobsAt(12 * 3600), []);
  shop.clock(0);
  await refunds.mode('SUCCESS');
  const again = await refunds.refund(x);
  assert.notEqual(again.refund_no, closed.refund_no);
  assert.deepEqual([again.amount, again.status, await trade.status(x.order)], ['10.00', 'SUCCESS', REFUNDED]);
  assert.deepEqual((await refunds.rows(x)).map(({ state }) => state), [STATE.CLOSED, STATE.SUCCESS]);
});

test('insufficient funds: it stays in progress, and jobs retry with the same number until it works (B43)', async () => {
  const x = await refunds.paid();
  await trade.fault('refund', 'not_enough', { times: 3 });
  const { refund_no: no, status } = await refunds.refund(x);
  assert.equal(status, 'PROCESSING');
  assert.deepEqual(await refunds.refundsAtProvider(x), []);
  assert.deepEqual(await refunds.jobsAt(FIRST_LOOK_S), ['refund_query', 'refund']);
  assert.deepEqual(await refunds.jobsAt(FIRST_LOOK_S + 1), [], 'not at once again');
  assert.deepEqual(await refunds.jobsAt(FIRST_LOOK_S + 3600), ['refund_query', 'refund']);
  assert.deepEqual([await refunds.refundsAtProvider(x), await refunds.status(no)], [[], 'PROCESSING']);
  await refunds.mode('SUCCESS');
  assert.deepEqual(await refunds.jobsAt(FIRST_LOOK_S + 7200), ['refund_query', 'refund']);
  assert.deepEqual(await refunds.refundsAtProvider(x), [[no, FEN, 'SUCCESS']]);
  assert.deepEqual([await refunds.status(no), await trade.status(x.order)], ['SUCCESS', REFUNDED]);
});

test('a permanent refusal closes the refund; it can be requested again (B43)', async () => {
  const x = await refunds.paid();
  shop.clock(366 * 24 * 3600); // the provider refunds nothing after a year
  await trade.adminSignIn();
  await trade.forgetRequests();
  const refused = await refunds.refund(x);
  assert.equal(refused.status, 'CLOSED');
  assert.deepEqual(await refunds.calls(), ['refund', 'refund_query'], 'closed only on its word that it has none');
  assert.deepEqual([await refunds.refundsAtProvider(x), await trade.status(x.order)], [[], PAID]);
  shop.clock(0);
  await trade.adminSignIn();
  await refunds.mode('SUCCESS');
  const again = await refunds.refund(x);
  assert.deepEqual([again.status, await refunds.refundsAtProvider(x)], ['SUCCESS', [[again.refund_no, FEN, 'SUCCESS']]]);
});

test('a permanent refusal without an answer to the query: it stays in progress (B43)', async () => {
  const x = await refunds.paid();
  shop.clock(366 * 24 * 3600);
  await trade.adminSignIn();
  await trade.fault('refund_query', 'status_500');
  const { refund_no: no, status } = await refunds.refund(x);
  assert.equal(status, 'PROCESSING');
  shop.clock(0);
  await trade.adminSignIn();
  assert.equal(await refunds.status(no), 'PROCESSING');
});

// Executed or not: the shop can't know which.
const UNDONE = ['status_500', 'status_429', 'status_202', 'status_502', 'hang'];
const DONE = ['drop_after', 'truncated', 'not_json', 'bad_signature', 'signtest', 'no_signature', 'old_timestamp', 'unknown_serial',
  'duplicate_header', 'wrong_out_refund_no'];
for (const fault of [...UNDONE, ...DONE]) {
  test(`${fault} leaves it in progress; jobs query, and there is one refund under one number (B43)`, async () => {
    await refunds.mode('SUCCESS');
    const x = await refunds.paid();
    await trade.fault('refund', fault);
    await trade.forgetRequests();
    const started = performance.now();
    const { refund_no: no, status } = await refunds.refund(x);
    assert.ok(performance.now() - started < 30_000);
    assert.deepEqual(await trade.faultsLeft(), []);
    assert.deepEqual([status, await refunds.calls()], ['PROCESSING', ['refund']]);
    assert.deepEqual(await refunds.refundsAtProvider(x), DONE.includes(fault) ? [[no, FEN, 'SUCCESS']] : []);
    assert.deepEqual(await refunds.orderState(x), [PAID, [-1], 4]);
    assertRefused(await refunds.ask(x, { amount: '0.01' }), 409, 'REFUND_EXCEEDS');
    assertRefused(await trade.put(x.order, { status: SHIPPED }), 409, 'REFUND_IN_FLIGHT');

    assert.deepEqual(await refunds.jobsAt(FIRST_LOOK_S), DONE.includes(fault) ? ['refund_query'] : ['refund_query', 'refund']);
    assert.deepEqual(await refunds.refundsAtProvider(x), [[no, FEN, 'SUCCESS']]);
    assert.equal(await refunds.status(no), 'SUCCESS');
    assert.deepEqual(await refunds.orderState(x), [REFUNDED, [-1, 1], 5]);
    assert.equal((await refunds.rows(x)).length, 1);
  });
}

for (const fault of ['status_500', 'status_429', 'bad_signature', 'drop_after', 'not_json', 'wrong_amount', 'wrong_out_trade_no', 'wrong_out_refund_no']) {
  test(`a query by jobs answered with ${fault}: nothing changes, nothing is requested again, and the next one completes it (B43)`, async () => {
    const x = await refunds.paid();
    const { refund_no: no } = await refunds.refund(x);
    await refunds.end(no, { status: 'SUCCESS', notify: false });
    await trade.fault('refund_query', fault);
    assert.deepEqual(await refunds.jobsAt(FIRST_LOOK_S), ['refund_query']);
    assert.deepEqual(await trade.faultsLeft(), []);
    assert.equal(await refunds.status(no), 'PROCESSING');
    assert.deepEqual(await refunds.orderState(x), [PAID, [-1], 4]);
    assert.deepEqual(await refunds.jobsAt(FIRST_LOOK_S + 3600), ['refund_query']);
    assert.deepEqual([await refunds.status(no), await trade.status(x.order)], ['SUCCESS', REFUNDED]);
  });
}

test('concurrent passes of jobs follow a refund once (B43)', async () => {
  const x = await refunds.paid();
  await trade.fault('refund', 'status_500');
  const { refund_no: no } = await refunds.refund(x);
  shop.clock(FIRST_LOOK_S);
  await trade.forgetRequests();
  await Promise.all(Array.from({ length: 4 }, () => shop.jobs()));
  assert.deepEqual(await refunds.calls(), ['refund_query', 'refund']);
  assert.deepEqual(await refunds.refundsAtProvider(x), [[no, FEN, 'PROCESSING']]);
});

// ---- replays ----

test('a replay returns the same refund in its current state; another body is 409; nothing is requested twice', async () => {
  const x = await refunds.paid();
  const headers = { 'idempotency-key': 'refund-1' };
  const first = await refunds.refund(x, { amount: '3.00', headers });
  const again = await refunds.ask(x, { amount: '3.00', headers });
  assert.deepEqual([again.status, again.headers.get('idempotent-replayed'), again.body], [201, 'true', first]);
  assertRefused(await refunds.ask(x, { amount: '4.00', headers }), 409, 'IDEMPOTENCY_MISMATCH');
  await refunds.completeRefund(first.refund_no, 'SUCCESS');
  const later = await refunds.ask(x, { amount: '3.00', headers });
  assert.deepEqual([later.status, later.body.refund_no, later.body.status], [201, first.refund_no, 'SUCCESS']);
  assert.equal((await refunds.refundsAtProvider(x)).length, 1);
});

test('a replay also works after its order was deleted: of a refund, a prepay or a card payment', async () => {
  const x = await refunds.prepared();
  const headers = { 'idempotency-key': 'deleted-later' };
  const prepaid = await trade.tryPrepay(x.person, x.order, headers);
  assert.equal((await trade.payNotified(x.outTradeNo)).body.status, 200);
  await refunds.mode('SUCCESS');
  const first = await refunds.refund(x, { headers });
  const { body: { card_id: card } } = await shop.call('POST', '/api/membership/cards', { token: trade.admin, body: { user_id: x.person.user.user_id } });
  await trade.ok('POST', '/api/membership/transactions', { token: trade.admin, body: { card_id: card, type: 1, amount: '10.00' } });
  const other = await trade.order(x.person, [[x.product, 1]]);
  const pay = () => shop.call('POST', '/api/payment/card', { token: x.person.token, headers, body: { order_id: other.order_id } });
  const paid = await pay();
  assert.equal(paid.status, 200, JSON.stringify(paid.body));
  for (const status of [SHIPPED, COMPLETED]) await trade.set(other, { status });
  for (const order of [x.order, other]) assert.equal((await trade.remove(order)).status, 204);

  const again = await refunds.ask(x, { headers });
  assert.deepEqual([again.status, again.headers.get('idempotent-replayed'), again.body.refund_no], [201, 'true', first.refund_no]);
  const payable = await trade.tryPrepay(x.person, x.order, headers);
  assert.deepEqual([payable.status, payable.headers.get('idempotent-replayed'), payable.body.package], [200, 'true', prepaid.body.package]);
  const repaid = await pay();
  assert.deepEqual([repaid.status, repaid.headers.get('idempotent-replayed'), repaid.body.transaction_id], [200, 'true', paid.body.transaction_id]);
  assertRefused(await refunds.ask(x, { amount: '1.00', headers }), 409, 'IDEMPOTENCY_MISMATCH');
  for (const order of [x.order, other]) assertRefused(await trade.tryPrepay(x.person, order), 404, 'NOT_FOUND');
});

test('a replay after a lost response has the same number, and makes no call', async () => {
  const x = await refunds.paid();
  const headers = { 'idempotency-key': 'refund-lost' };
  await trade.fault('refund', 'drop_after');
  const first = await refunds.refund(x, { headers });
  await trade.forgetRequests();
  const again = await refunds.ask(x, { headers });
  assert.deepEqual([again.status, again.body], [201, first]);
  assert.deepEqual(await refunds.calls(), []);
});

test('twenty concurrent duplicates are one refund; a refusal is not stored', async () => {
  const x = await refunds.paid();
  const headers = { 'idempotency-key': 'refund-twins' };
  assertRefused(await refunds.ask(x, { amount: '10.01', headers }), 409, 'REFUND_EXCEEDS');
  const answers = await Promise.all(Array.from({ length: 20 }, () => refunds.ask(x, { amount: '1.00', headers })));
  assert.deepEqual(tally(answers.map(({ status }) => status)), { 201: 20 });
  assert.equal(new Set(answers.map(({ body }) => body.refund_no)).size, 1);
  assert.equal(answers.filter((answer) => answer.headers.get('idempotent-replayed') === null).length, 1);
  assert.equal((await refunds.refundsAtProvider(x)).length, 1);
});

// The first of two duplicates is the victim of a deadlock after it has locked the order; the second makes the refund meanwhile.
async function twinsAfterDeadlock(x, headers) {
  const waiting = async (n) => (await shop.connections()).filter(({ command }) => command === 'Execute').length >= n;
  const holder = shop.session();
  try {
    await holder.run('START TRANSACTION');
    await holder.run('UPDATE stock_moves SET delta = delta + 1'); // the smaller transaction is the victim
    await holder.run(`SELECT attempt_id FROM payment_attempts WHERE out_trade_no = '${x.outTradeNo}' FOR UPDATE`);
    const first = refunds.ask(x, { headers });
    await until('the first to wait for the attempt', () => waiting(1));
    const second = refunds.ask(x, { headers });
    await until('the second to wait for the first', () => waiting(2));
    await holder.run(`SELECT id FROM orders WHERE order_no = '${x.order.order_id}' FOR UPDATE`);
    await holder.run('ROLLBACK');
    return await Promise.all([first, second]);
  } finally {
    await holder.close();
  }
}

test('a duplicate retried after a deadlock finds the refund made and returns it', async () => {
  for (let round = 0; round < 6; round++) {
    const x = await refunds.paid();
    const answers = await twinsAfterDeadlock(x, { 'idempotency-key': `refund-deadlock-${round}` });
    if (answers.some(({ status }) => status === 503)) continue; // delayed for too long
    assert.deepEqual(answers.map(({ status, body }) => [status, body.order_id]), [[201, x.order.order_id], [201, x.order.order_id]]);
    const replayed = answers.map(({ headers }) => headers.get('idempotent-replayed'));
    if (replayed[0] === 'true') return;
    assert.deepEqual(replayed, [null, 'true']); // the first retried before the second continued
  }
  assert.fail('never got so far');
});

// ---- paid by card ----

async function paidByCard(balance = '50.00') {
  const person = await trade.buyer();
  const { card_id: card } = await trade.ok('POST', '/api/membership/cards', { token: trade.admin, body: { user_id: person.user.user_id } });
  await trade.ok('POST', '/api/membership/transactions', { token: trade.admin, body: { card_id: card, type: 1, amount: balance } });
  const product = await trade.product({ price: '10.00', stock: 5 });
  const order = await trade.order(person, [[product, 1]]);
  await trade.ok('POST', '/api/payment/card', { token: person.token, body: { order_id: order.order_id } });
  return { person, card, product, order };
}

const balanceOf = async ({ card }) => (await shop.sql(`SELECT balance FROM cards WHERE card_id = ${card}`))[0].balance;
const ledgerOf = ({ card }) => shop.sql(`SELECT type, amount, balance_after FROM card_transactions WHERE card_id = ${card} ORDER BY transaction_id`);

test('a payment by card is refunded to the card in the same request, without a call (B22, B43)', async () => {
  const x = await paidByCard();
  assert.equal(await balanceOf(x), 4000);
  await trade.forgetRequests();
  const part = await refunds.refund(x, { amount: '4.00' });
  assert.deepEqual([part.status, part.amount, await balanceOf(x)], ['SUCCESS', '4.00', 4400]);
  assert.deepEqual(await refunds.orderState(x), [PAID, [-1], 4]);
  const rest = await refunds.refund(x);
  assert.deepEqual([rest.status, rest.amount, await balanceOf(x)], ['SUCCESS', '6.00', 5000]);
  assert.deepEqual(await refunds.orderState(x), [REFUNDED, [-1, 1], 5]);
  assert.deepEqual((await ledgerOf(x)).map((row) => [row.type, row.amount, row.balance_after]),
    [[1, 5000, 5000], [2, -1000, 4000], [3, 400, 4400], [3, 600, 5000]]);
  assertRefused(await refunds.ask(x, { amount: '0.01' }), 409, 'REFUND_EXCEEDS');
  assert.deepEqual(await refunds.jobsAt(12 * 3600), []);
  assert.deepEqual((await refunds.read(rest.refund_no)).body, rest);
});

test('twenty concurrent partial refunds to a card: no fen more than it paid, each once in its ledger (B21, B43)', async () => {
  const x = await paidByCard();
  const answers = await Promise.all(Array.from({ length: 20 }, () => refunds.ask(x, { amount: '1.00' })));
  assert.deepEqual(tally(answers.map(({ status }) => status)), { 201: 10, 409: 10 });
  assert.equal(await balanceOf(x), 5000);
  assert.equal((await ledgerOf(x)).length, 12);
  assert.deepEqual(await refunds.orderState(x), [REFUNDED, [-1, 1], 5]);
});

test('a replay to a card is one row; a disabled card accepts it; without a card it is 409 without effect (B22)', async () => {
  const x = await paidByCard('10.00');
  const headers = { 'idempotency-key': 'refund-card' };
  await trade.ok('PUT', `/api/membership/cards/${x.card}`, { token: trade.admin, body: { status: 0 } });
  const first = await refunds.refund(x, { amount: '1.00', headers });
  const again = await refunds.ask(x, { amount: '1.00', headers });
  assert.deepEqual([again.headers.get('idempotent-replayed'), again.body], ['true', first]);
  assert.equal(await balanceOf(x), 100);

  const y = await paidByCard('10.00');
  assert.equal((await shop.call('DELETE', `/api/membership/cards/${y.card}`, { token: trade.admin })).status, 204);
  assertRefused(await refunds.ask(y), 409, 'CARD_NONE');
  assert.deepEqual([await refunds.rows(y), await trade.status(y.order)], [[], PAID]);
  const { card_id: fresh } = await trade.ok('POST', '/api/membership/cards', { token: trade.admin, body: { user_id: y.person.user.user_id } });
  assert.equal((await refunds.refund(y)).status, 'SUCCESS');
  assert.deepEqual([await balanceOf(y), await balanceOf({ card: fresh }), await trade.status(y.order)], [0, 1000, REFUNDED]);
});
