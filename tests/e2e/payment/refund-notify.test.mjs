// SPDX-License-Identifier: MIT
// Notifications about refunds: accepted ones, stored ones, and those without effect (BEHAVIOUR 33 to 36, 40, 43).
import assert from 'node:assert/strict';
import { afterEach, test } from 'node:test';
import { SUCCESS, assertFail, assertPutOff, assertSuccess, makeForger } from '../lib/notifications.mjs';
import { ATTEMPT, PAID, REFUNDED, VERDICT, assertRefused, redelivered, tally } from '../lib/trade.mjs';
import { FEN, FIRST_LOOK_S, VERDICT_REFUND, openRefunds } from '../lib/refunds.mjs';

const refunds = await openRefunds();
const { trade, shop } = refunds;
const forger = makeForger(trade.keys, new URL('/api/payment/wxpay/notify', shop.baseUrl));
let events = 0;

afterEach(() => refunds.settleAll());

const newId = () => `event-${events += 1}`;
const eventsOf = (id) => trade.events(`event_id = '${id}'`);
const countEvents = async () => (await trade.events('1')).length;

async function underWay(more) {
  const x = await refunds.paid();
  const { refund_no: no } = await refunds.refund(x, more);
  return { ...x, no };
}

// The provider's plain text about it; more: overrides.
const plain = (x, more) => forger.refund(x.outTradeNo, x.no, FEN, more);
const send = (x, more, id = newId()) => forger.send(forger.refundEvent(plain(x, more), { id }));

async function assertUntouched(x, status = 'PROCESSING') {
  assert.equal(await refunds.status(x.no), status);
  assert.deepEqual(await refunds.orderState(x), [PAID, [-1], 4]);
}

async function assertRefunded(x) {
  assert.equal(await refunds.status(x.no), 'SUCCESS');
  assert.deepEqual(await refunds.orderState(x), [REFUNDED, [-1, 1], 5]);
}

// ---- accepted ----

test("the simulator's notification completes the refund, and the response is what WeChat expects (B33)", async () => {
  const x = await underWay();
  const answer = await refunds.end(x.no);
  assert.deepEqual([answer.status, JSON.parse(answer.body)], [200, SUCCESS]);
  await assertRefunded(x);
  const [, event] = await trade.events(`out_trade_no = '${x.outTradeNo}'`);
  assert.deepEqual([event.verdict, event.reason, event.amount, event.copies], [VERDICT_REFUND, null, FEN, 1]);
  const [row] = await shop.sql(`SELECT provider_refund_id FROM refunds WHERE refund_no = '${x.no}'`);
  assert.match(row.provider_refund_id, /^5030\d{25}$/);
});

test('a notification built only with node:crypto is equivalent, and need not have coupon members (B33)', async () => {
  const x = await underWay();
  assertSuccess(await send(x, { amount: { payer_total: 700, payer_refund: 700 } }));
  await assertRefunded(x);
});

for (const status of ['ABNORMAL', 'CLOSED']) {
  test(`REFUND.${status} is stored, and the order is unchanged (B43)`, async () => {
    const x = await underWay();
    await refunds.completeRefund(x.no, status);
    await assertUntouched(x, status);
    const abnormal = (await trade.audit(0)).some((line) => line.startsWith(`open: refund ${x.no}: abnormal: ${FEN} fen`));
    assert.equal(abnormal, status === 'ABNORMAL');
    if (status === 'ABNORMAL') {
      assertRefused(await refunds.ask(x, { amount: '0.01' }), 409, 'REFUND_EXCEEDS');
      await refunds.completeRefund(x.no, 'SUCCESS');
      await assertRefunded(x);
    } else {
      const again = await refunds.refund(x);
      assert.notEqual(again.refund_no, x.no);
      await refunds.completeRefund(again.refund_no, 'SUCCESS');
      await assertRefunded({ ...x, no: again.refund_no });
      await refunds.completeRefund(x.no, 'CLOSED');
      assert.equal(await refunds.status(x.no), 'CLOSED');
    }
  });
}

test('a refund completed by a notification is not queried by jobs any more', async () => {
  const x = await underWay();
  await refunds.completeRefund(x.no, 'SUCCESS');
  assert.deepEqual(await refunds.jobsAt(FIRST_LOOK_S), []);
});

test('a notification after a lost response completes it before jobs query (B43)', async () => {
  const x = await refunds.paid();
  await trade.fault('refund', 'drop_after');
  const { refund_no: no, status } = await refunds.refund(x);
  assert.equal(status, 'PROCESSING');
  await refunds.completeRefund(no, 'SUCCESS');
  await assertRefunded({ ...x, no });
});

// ---- out of order ----

test('a final refund is unchanged by later messages, which are acknowledged (B43)', async () => {
  const done = await underWay();
  await refunds.completeRefund(done.no, 'SUCCESS');
  for (const status of ['CLOSED', 'ABNORMAL', 'PROCESSING', 'SUCCESS']) assertSuccess(await send(done, { refund_status: status }));
  await assertRefunded(done);

  const closed = await underWay();
  await refunds.completeRefund(closed.no, 'CLOSED');
  for (const status of ['ABNORMAL', 'PROCESSING', 'CLOSED']) assertSuccess(await send(closed, { refund_status: status }));
  await assertUntouched(closed, 'CLOSED');
});

test('a success of a refund closed here changes nothing, and is stored for manual review (B34, B43)', async () => {
  const x = await underWay();
  await refunds.completeRefund(x.no, 'CLOSED');
  const id = newId();
  for (let copy = 0; copy < 2; copy++) assertFail(await send(x, {}, id), 400);
  await assertUntouched(x, 'CLOSED');
  assert.deepEqual((await eventsOf(id)).map((e) => [e.verdict, e.reason, e.copies]), [[VERDICT.orphan, 'REFUND_CLOSED', 2]]);
  assert.ok((await trade.audit(0)).some((line) => line.startsWith(`open: event ${id}: orphan: REFUND_CLOSED, ${x.outTradeNo}, ${FEN} fen`)));
});

test('a late message doesn\'t return a refunded order\'s stock a second time (B43)', async () => {
  const x = await underWay();
  const id = newId();
  assertSuccess(await send(x, {}, id));
  assertSuccess(await send(x, {}, id));
  assertSuccess(await send(x));
  await assertRefunded(x);
  assert.deepEqual((await eventsOf(id)).map((e) => [e.verdict, e.copies]).flat().slice(0, 1), [VERDICT_REFUND]);
});

// ---- the encrypted content decides ----

test('event_type alone decides nothing: the encrypted content does (B35)', async () => {
  const x = await underWay();
  const tell = (sealed, more) => forger.send(forger.refundEvent(sealed, { id: newId(), ...more }));
  assertSuccess(await tell(plain(x, { refund_status: 'ABNORMAL' }), { event_type: 'REFUND.SUCCESS' }));
  await assertUntouched(x, 'ABNORMAL');
  assertSuccess(await tell(plain(x, { refund_status: 'PROCESSING' }), { event_type: 'REFUND.SUCCESS' }));
  await assertUntouched(x);
  assertSuccess(await tell(plain(x), { event_type: 'REFUND.CLOSED' }));
  await assertRefunded(x);
  const y = await underWay();
  assertSuccess(await tell(plain(y), { event_type: 'TRANSACTION.SUCCESS' }));
  await assertRefunded(y);
});

test('a refund labelled as a payment has no effect, nor has a payment labelled as a refund (B35)', async () => {
  const x = await underWay();
  assertFail(await forger.send(forger.refundEvent(plain(x), { sealing: { kind: 'transaction' } })), 400);
  await assertUntouched(x);
  const unpaid = await refunds.prepared();
  const id = newId();
  const payment = forger.transaction(unpaid.outTradeNo, FEN);
  assertFail(await forger.send(forger.refundEvent(payment, { id })), 400);
  assert.deepEqual((await eventsOf(id)).map((e) => [e.verdict, e.reason]), [[VERDICT.orphan, 'UNDECRYPTABLE']]);
  assert.deepEqual(await trade.states(unpaid.order), [ATTEMPT.open]);
});

// ---- mismatches ----

for (const [what, more, reason] of [
  ['another merchant', { mchid: '1900000001' }, 'MCHID'],
  ['no merchant', { mchid: undefined }, 'MCHID'],
  ['another sum refunded', { amount: { refund: FEN + 1 } }, 'REFUND_AMOUNT'],
  ['a smaller sum refunded', { amount: { refund: FEN - 1 } }, 'REFUND_AMOUNT'],
  ['another sum paid', { amount: { total: FEN + 1 } }, 'REFUND_AMOUNT'],
  ['no sums', { amount: { refund: undefined, total: undefined } }, 'REFUND_AMOUNT'],
  ['another payment', { out_trade_no: 'MM00000000000000000000000000' }, 'REFUND_AMOUNT'],
  ['no payment', { out_trade_no: undefined }, 'REFUND_AMOUNT'],
  ['an unknown refund of an unknown payment', { out_refund_no: 'RF0', out_trade_no: 'MM00000000000000000000000000' }, 'UNKNOWN_REFUND'],
  ['an unknown refund of a payment by what is no ASCII', { out_refund_no: 'RF0', out_trade_no: '订单' }, 'UNKNOWN_REFUND'],
  ['an unknown refund of another transaction', { out_refund_no: 'RF0' }, 'SECOND_TRANSACTION'],
  ['an unknown refund of nothing', { out_refund_no: 'RF0', amount: { refund: 0 } }, 'REFUND_AMOUNT'],
  ['a refund by what is no ASCII', { out_refund_no: '退款' }, 'REFUND_NO'],
  ['a number of the provider\'s that is too long', { refund_id: '5'.repeat(65) }, 'REFUND_ID'],
  ['a number of the provider\'s that is no ASCII', { refund_id: '退款' }, 'REFUND_ID'],
  ['an unknown status', { refund_status: 'DONE' }, 'REFUND_STATUS'],
  ['no status', { refund_status: undefined }, 'UNDECRYPTABLE'],
  ['no number', { out_refund_no: undefined }, 'UNDECRYPTABLE'],
]) {
  test(`${what}: never SUCCESS to the provider, no effect, stored as an orphan ${reason}; the correct one still works (B34)`, async () => {
    const x = await underWay();
    const id = newId();
    assertFail(await send(x, more, id), 400);
    await assertUntouched(x);
    assert.deepEqual((await eventsOf(id)).map((e) => [e.verdict, e.reason]), [[VERDICT.orphan, reason]]);
    assert.ok((await trade.audit(0)).some((line) => line.startsWith(`open: event ${id}: orphan: ${reason}`)));
    assertSuccess(await send(x, {}, id));
    await assertRefunded(x);
    assert.deepEqual((await eventsOf(id)).map((e) => [e.verdict, e.reason]), [[VERDICT_REFUND, null]], 'and it is no orphan any more');
  });
}

for (const [what, change] of [
  ['a foreign key', { sealing: { key: 'x'.repeat(32) } }],
  ['another algorithm', (event) => ({ ...event, resource: { ...event.resource, algorithm: 'AES' } })],
  ['a changed ciphertext', (event) => ({ ...event, resource: { ...event.resource, ciphertext: `AAAA${event.resource.ciphertext.slice(4)}` } })],
  ['a ciphertext that is no Base64', (event) => ({ ...event, resource: { ...event.resource, ciphertext: '退款' } })],
  ['other associated data', (event) => ({ ...event, resource: { ...event.resource, associated_data: 'transaction' } })],
  ['no nonce', (event) => ({ ...event, resource: { ...event.resource, nonce: undefined } })],
  ['a text that is no JSON', { sealed: 'SUCCESS' }],
]) {
  test(`${what}: stored as an orphan UNDECRYPTABLE, without effect (B34)`, async () => {
    const x = await underWay();
    const id = newId();
    const { sealed, ...options } = typeof change === 'function' ? {} : change;
    const event = forger.refundEvent(sealed ?? plain(x), { id, ...options });
    assertFail(await forger.send(typeof change === 'function' ? change(event) : event), 400);
    await assertUntouched(x);
    assert.deepEqual((await eventsOf(id)).map((e) => [e.verdict, e.reason]), [[VERDICT.orphan, 'UNDECRYPTABLE']]);
  });
}

test("the simulator's forgeries: 401 leaves no trace, 400 is stored, and none has an effect (B33, B34)", async () => {
  const x = await underWay();
  const before = await countEvents();
  for (const tamper of ['signature', 'timestamp']) assert.equal((await refunds.end(x.no, { tamper })).status, 401, tamper);
  assert.equal((await refunds.end(x.no, { tamper: 'amount', reorder: true })).status, 401);
  assert.equal(await countEvents(), before, 'what is not signed is not kept');
  for (const [tamper, reason] of [['amount', 'REFUND_AMOUNT'], ['mchid', 'MCHID'], ['ciphertext', 'UNDECRYPTABLE']]) {
    const id = newId();
    assert.equal((await refunds.end(x.no, { tamper, event_id: id })).status, 400, tamper);
    assert.deepEqual((await eventsOf(id)).map((e) => [e.verdict, e.reason]), [[VERDICT.orphan, reason]]);
  }
  await assertUntouched(x);
  await refunds.end(x.no, { tamper: 'state' }); // has PROCESSING under REFUND.SUCCESS
  await assertUntouched(x);
  await refunds.completeRefund(x.no, 'SUCCESS');
  await assertRefunded(x);
});

// ---- concurrency ----

test('one notification 50 times concurrently: 50 success answers, one effect (B36)', async () => {
  const x = await underWay();
  const { answers } = await refunds.endNotified(x.no, { times: 50 });
  assert.deepEqual(tally(answers.map(({ status }) => status)), { 200: 50 });
  for (const answer of answers) assert.deepEqual(JSON.parse(answer.body), SUCCESS);
  await assertRefunded(x);
  assert.deepEqual((await trade.events(`out_trade_no = '${x.outTradeNo}'`)).map((e) => e.verdict), [VERDICT.granted, VERDICT_REFUND]);
});

test('fifty concurrent events about one refund: 50 success answers, one effect (B36)', async () => {
  const x = await underWay();
  const ids = Array.from({ length: 50 }, () => newId());
  const answers = await Promise.all(ids.map((id) => redelivered(() => send(x, {}, id))));
  answers.forEach(assertSuccess);
  await assertRefunded(x);
});

test('concurrent notifications of ten parts, while jobs query them: the order is 5 once, its stock returned once (B36, B43)', async () => {
  const x = await refunds.paid();
  const numbers = [];
  for (let i = 0; i < 10; i++) numbers.push((await refunds.refund(x, { amount: '1.00' })).refund_no);
  shop.clock(FIRST_LOOK_S);
  const [told] = await Promise.all([
    Promise.all(numbers.map((no) => refunds.endNotified(no, { times: 3 }))), shop.jobs(), shop.jobs(),
  ]);
  for (const { answers } of told) assert.deepEqual(tally(answers.map(({ status }) => status)), { 200: 3 });
  for (const no of numbers) assert.equal(await refunds.status(no), 'SUCCESS');
  assert.deepEqual(await refunds.orderState(x), [REFUNDED, [-1, 1], 5]);
});

test('concurrent SUCCESS and CLOSED: one of them wins, and the order follows it (B43)', async () => {
  const seen = [];
  for (let round = 0; round < 10; round++) {
    const x = await underWay();
    const [success, closed] = [newId(), newId()];
    const both = [() => send(x, {}, success), () => send(x, { refund_status: 'CLOSED' }, closed)];
    if (round % 2) both.reverse();
    const answers = await Promise.all(both.map(redelivered));
    if (round % 2) answers.reverse();
    const status = await refunds.status(x.no);
    seen.push(status);
    assertSuccess(answers[1]);
    if (status === 'SUCCESS') assertSuccess(answers[0]);
    else assertFail(answers[0], 400);
    if (status === 'SUCCESS') await assertRefunded(x);
    else await assertUntouched(x, 'CLOSED');
  }
  assert.deepEqual(seen.filter((status) => !['SUCCESS', 'CLOSED'].includes(status)), []);
});

test('while the row is locked, the response comes within 5 s and is 5xx; redelivered, it has effect (B40)', async () => {
  const x = await underWay();
  for (const lock of [
    `SELECT id FROM orders WHERE order_no = '${x.order.order_id}' FOR UPDATE`,
    `SELECT refund_id FROM refunds WHERE refund_no = '${x.no}' FOR UPDATE`,
  ]) {
    await assertPutOff(shop, lock, () => refunds.end(x.no));
    await assertUntouched(x);
  }
  await refunds.completeRefund(x.no, 'SUCCESS');
  await assertRefunded(x);
});
