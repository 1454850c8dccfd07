// SPDX-License-Identifier: MIT
// Notifications about refunds: which are believed, which are kept, and which change nothing (BEHAVIOUR 33 to 36, 40, 43).
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

// What the provider would say of it; more: over that.
const plain = (x, more) => forger.refund(x.outTradeNo, x.no, FEN, more);
const send = (x, more, id = newId()) => forger.send(forger.refundEvent(plain(x, more), { id }));

async function assertUntouched(x, status = 'PROCESSING') {
  assert.equal(await refunds.status(x.no), status);
  assert.deepEqual(await refunds.standing(x), [PAID, [-1], 4]);
}

async function assertRefunded(x) {
  assert.equal(await refunds.status(x.no), 'SUCCESS');
  assert.deepEqual(await refunds.standing(x), [REFUNDED, [-1, 1], 5]);
}

// ---- what is believed ----

test("the simulator's notification ends the refund, and the answer is what WeChat expects (B33)", async () => {
  const x = await underWay();
  const answer = await refunds.end(x.no);
  assert.deepEqual([answer.status, JSON.parse(answer.body)], [200, SUCCESS]);
  await assertRefunded(x);
  const [, event] = await trade.events(`out_trade_no = '${x.outTradeNo}'`);
  assert.deepEqual([event.verdict, event.reason, event.amount, event.copies], [VERDICT_REFUND, null, FEN, 1]);
  const [row] = await shop.sql(`SELECT provider_refund_id FROM refunds WHERE refund_no = '${x.no}'`);
  assert.match(row.provider_refund_id, /^5030\d{25}$/);
});

test('a notification built by node:crypto alone is the same thing, and need not know coupons (B33)', async () => {
  const x = await underWay();
  assertSuccess(await send(x, { amount: { payer_total: 700, payer_refund: 700 } }));
  await assertRefunded(x);
});

for (const status of ['ABNORMAL', 'CLOSED']) {
  test(`REFUND.${status} is noted, and the order stays as it was (B43)`, async () => {
    const x = await underWay();
    await refunds.told(x.no, status);
    await assertUntouched(x, status);
    const abnormal = (await trade.audit(0)).some((line) => line.startsWith(`open: refund ${x.no}: abnormal: ${FEN} fen`));
    assert.equal(abnormal, status === 'ABNORMAL');
    if (status === 'ABNORMAL') {
      assertRefused(await refunds.ask(x, { amount: '0.01' }), 409, 'REFUND_EXCEEDS');
      await refunds.told(x.no, 'SUCCESS');
      await assertRefunded(x);
    } else {
      const again = await refunds.refund(x);
      assert.notEqual(again.refund_no, x.no);
      await refunds.told(again.refund_no, 'SUCCESS');
      await assertRefunded({ ...x, no: again.refund_no });
      await refunds.told(x.no, 'CLOSED');
      assert.equal(await refunds.status(x.no), 'CLOSED');
    }
  });
}

test('what the notification ended, jobs asks about no more', async () => {
  const x = await underWay();
  await refunds.told(x.no, 'SUCCESS');
  assert.deepEqual(await refunds.jobsAt(FIRST_LOOK_S), []);
});

test('a notification after a lost answer ends it before jobs can ask (B43)', async () => {
  const x = await refunds.paid();
  await trade.fault('refund', 'drop_after');
  const { refund_no: no, status } = await refunds.refund(x);
  assert.equal(status, 'PROCESSING');
  await refunds.told(no, 'SUCCESS');
  await assertRefunded({ ...x, no });
});

// ---- out of order ----

test('what is over stays so, whatever is told afterwards, and the provider may forget it (B43)', async () => {
  const done = await underWay();
  await refunds.told(done.no, 'SUCCESS');
  for (const status of ['CLOSED', 'ABNORMAL', 'PROCESSING', 'SUCCESS']) assertSuccess(await send(done, { refund_status: status }));
  await assertRefunded(done);

  const closed = await underWay();
  await refunds.told(closed.no, 'CLOSED');
  for (const status of ['ABNORMAL', 'PROCESSING', 'CLOSED']) assertSuccess(await send(closed, { refund_status: status }));
  await assertUntouched(closed, 'CLOSED');
});

test('a success of what is closed here changes nothing, and is kept where somebody sees it (B34, B43)', async () => {
  const x = await underWay();
  await refunds.told(x.no, 'CLOSED');
  const id = newId();
  for (let copy = 0; copy < 2; copy++) assertFail(await send(x, {}, id), 400);
  await assertUntouched(x, 'CLOSED');
  assert.deepEqual((await eventsOf(id)).map((e) => [e.verdict, e.reason, e.copies]), [[VERDICT.orphan, 'REFUND_CLOSED', 2]]);
  assert.ok((await trade.audit(0)).some((line) => line.startsWith(`open: event ${id}: orphan: REFUND_CLOSED, ${x.outTradeNo}, ${FEN} fen`)));
});

test('an order that was refunded is not given its goods back a second time by a late word (B43)', async () => {
  const x = await underWay();
  const id = newId();
  assertSuccess(await send(x, {}, id));
  assertSuccess(await send(x, {}, id));
  assertSuccess(await send(x));
  await assertRefunded(x);
  assert.deepEqual((await eventsOf(id)).map((e) => [e.verdict, e.copies]).flat().slice(0, 1), [VERDICT_REFUND]);
});

// ---- what decides ----

test('event_type alone decides nothing: what is sealed does (B35)', async () => {
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

test('a refund that calls itself a payment pays nothing, and a payment that calls itself a refund neither (B35)', async () => {
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

// ---- what fits nothing ----

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
  test(`${what}: never SUCCESS to the provider, nothing is done, kept as an orphan ${reason}; the right one still works (B34)`, async () => {
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
  test(`${what}: kept as an orphan UNDECRYPTABLE, and nothing is done (B34)`, async () => {
    const x = await underWay();
    const id = newId();
    const { sealed, ...options } = typeof change === 'function' ? {} : change;
    const event = forger.refundEvent(sealed ?? plain(x), { id, ...options });
    assertFail(await forger.send(typeof change === 'function' ? change(event) : event), 400);
    await assertUntouched(x);
    assert.deepEqual((await eventsOf(id)).map((e) => [e.verdict, e.reason]), [[VERDICT.orphan, 'UNDECRYPTABLE']]);
  });
}

test("the simulator's own forgeries: 401 leaves no trace, 400 is kept, and none does anything (B33, B34)", async () => {
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
  await refunds.end(x.no, { tamper: 'state' }); // says PROCESSING under REFUND.SUCCESS
  await assertUntouched(x);
  await refunds.told(x.no, 'SUCCESS');
  await assertRefunded(x);
});

// ---- many at once ----

test('one notification 50 times at once: 50 success answers, one effect (B36)', async () => {
  const x = await underWay();
  const { answers } = await refunds.heard(x.no, { times: 50 });
  assert.deepEqual(tally(answers.map(({ status }) => status)), { 200: 50 });
  for (const answer of answers) assert.deepEqual(JSON.parse(answer.body), SUCCESS);
  await assertRefunded(x);
  assert.deepEqual((await trade.events(`out_trade_no = '${x.outTradeNo}'`)).map((e) => e.verdict), [VERDICT.granted, VERDICT_REFUND]);
});

test('fifty different events about one refund at once: 50 success answers, one effect (B36)', async () => {
  const x = await underWay();
  const ids = Array.from({ length: 50 }, () => newId());
  const answers = await Promise.all(ids.map((id) => redelivered(() => send(x, {}, id))));
  answers.forEach(assertSuccess);
  await assertRefunded(x);
});

test('ten parts told at once, while jobs asks about them: the order is 5 once, its goods are back once (B36, B43)', async () => {
  const x = await refunds.paid();
  const numbers = [];
  for (let i = 0; i < 10; i++) numbers.push((await refunds.refund(x, { amount: '1.00' })).refund_no);
  shop.clock(FIRST_LOOK_S);
  const [told] = await Promise.all([
    Promise.all(numbers.map((no) => refunds.heard(no, { times: 3 }))), shop.jobs(), shop.jobs(),
  ]);
  for (const { answers } of told) assert.deepEqual(tally(answers.map(({ status }) => status)), { 200: 3 });
  for (const no of numbers) assert.equal(await refunds.status(no), 'SUCCESS');
  assert.deepEqual(await refunds.standing(x), [REFUNDED, [-1, 1], 5]);
});

test('SUCCESS and CLOSED at once: one of them stands, and the order goes with it (B43)', async () => {
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

test('while another holds the row, the answer comes within 5 s and is 5xx; redelivered, it counts (B40)', async () => {
  const x = await underWay();
  for (const lock of [
    `SELECT id FROM orders WHERE order_no = '${x.order.order_id}' FOR UPDATE`,
    `SELECT refund_id FROM refunds WHERE refund_no = '${x.no}' FOR UPDATE`,
  ]) {
    await assertPutOff(shop, lock, () => refunds.end(x.no));
    await assertUntouched(x);
  }
  await refunds.told(x.no, 'SUCCESS');
  await assertRefunded(x);
});
