// SPDX-License-Identifier: MIT
// Payments refunded in the merchant console, before or after we were notified of them: in any order of the messages, what
// was refunded grants nothing, and the rest is granted with that refund recorded (BEHAVIOUR 35, 37, 38, 62).
import assert from 'node:assert/strict';
import { afterEach, test } from 'node:test';
import { ATTEMPT, CANCELLED, PAID, PAY_S, PENDING, REFUNDED, SHIPPED, VERDICT, assertRefused, redelivered, tally } from '../lib/trade.mjs';
import { ATTEMPT_REFUNDED, FEN, openRefunds } from '../lib/refunds.mjs';

const refunds = await openRefunds();
const { trade, shop, anna } = refunds;
const PART = 300;
const HELD = 8;

afterEach(async () => {
  await refunds.settleAll();
  for (const line of await trade.audit(0)) assert.doesNotMatch(line, /^WRONG/);
});

// Paid at the provider without notification.
async function unheard() {
  const x = await refunds.prepared();
  await shop.pay(x.outTradeNo, { notify: false });
  return x;
}

// Refunded in the console; notifications follow later. Returns the refund's number.
async function inConsole(x, options = {}) {
  return (await trade.refundInConsole(x.outTradeNo, { notify: false, ...options })).out_refund_no;
}

// Runs `jobs` when everything about payments is due.
async function jobs() {
  await shop.sql('UPDATE outbox SET due_at = 1 WHERE kind = 1');
  return shop.jobs();
}

const news = {
  async payment(x) { assert.equal((await trade.payNotified(x.outTradeNo)).body.status, 200); },
  async query() { await jobs(); },
  async refund(x) { for (const no of x.nos) await refunds.completeRefund(no, 'SUCCESS'); },
};

const attempt = async (x) => (await trade.attempts(x.order)).find(({ out_trade_no: no }) => no === x.outTradeNo);
const heldLines = async (x) => (await trade.audit(0)).filter((line) => line.startsWith(`open: payment ${x.outTradeNo}: held: of ${FEN} fen`));
const rows = async (x) => (await refunds.rows(x)).map(({ refund_no: no, amount, state, automatic }) => [no, amount, state, automatic]);

function orders(list) {
  return list.length < 2 ? [list] : list.flatMap((first) => orders(list.filter((other) => other !== first)).map((rest) => [first, ...rest]));
}

// ---- every order of messages ----

for (const [what, parts] of [['wholly', [FEN]], ['in two halves', [FEN / 2, FEN / 2]]]) {
  for (const order of orders(Object.keys(news))) {
    test(`refunded ${what} before any message; messages ${order.join(', ')}: nothing stays granted (B62)`, async () => {
      const x = await unheard();
      x.nos = [];
      for (const fen of parts) x.nos.push(await inConsole(x, { amount_fen: fen }));
      for (const told of order) {
        await news[told](x);
        if (order[0] !== 'payment') assert.equal(await trade.status(x.order), PENDING, `after ${told}`);
      }
      await jobs();
      assert.deepEqual(await rows(x), parts.map((fen, i) => [x.nos[i], fen, 2, 0]));
      assert.deepEqual(await heldLines(x), []);
      if (order[0] === 'payment') { // granting it was correct: there was no other information
        assert.deepEqual(await refunds.orderState(x), [REFUNDED, [-1, 1], 5]);
        assert.equal((await attempt(x)).state, ATTEMPT.granted);
      } else {
        const { state, reason, transaction_id: transaction } = await attempt(x);
        assert.deepEqual([state, reason], [ATTEMPT_REFUNDED, 'REFUNDED_ELSEWHERE']);
        assert.equal(transaction, (await trade.atWechat(x.outTradeNo)).transaction_id);
      }
      // repeated messages have no effect
      for (const told of order) await news[told](x);
      assert.deepEqual((await rows(x)).length, parts.length);
      assert.notEqual(await trade.status(x.order), PAID);
    });
  }
}

for (const order of orders(Object.keys(news))) {
  test(`partially refunded before any message; messages ${order.join(', ')}: paid, with that refund recorded (B62)`, async () => {
    const x = await unheard();
    x.nos = [await inConsole(x, { amount_fen: PART })];
    for (const told of order) await news[told](x);
    await jobs();
    assert.deepEqual(await refunds.orderState(x), [PAID, [-1], 4]);
    assert.deepEqual(await rows(x), [[x.nos[0], PART, 2, 0]]);
    assert.equal((await attempt(x)).state, ATTEMPT.granted);
    const { body } = await refunds.read(x.nos[0]);
    assert.deepEqual([body.status, body.amount, body.automatic, body.order_id], ['SUCCESS', '3.00', false, x.order.order_id]);
    assertRefused(await refunds.ask(x, { amount: '7.01' }), 409, 'REFUND_EXCEEDS');
    const { refund_no: rest, amount } = await refunds.refund(x);
    assert.equal(amount, '7.00');
    await refunds.completeRefund(rest, 'SUCCESS');
    assert.deepEqual(await refunds.orderState(x), [REFUNDED, [-1, 1], 5]);
  });
}

test('all messages concurrently, many times each: nothing stays granted, and each refund is recorded once (B36, B62)', async () => {
  for (const parts of [[FEN], [FEN / 2, FEN / 2]]) {
    const x = await unheard();
    const nos = [];
    for (const fen of parts) nos.push(await inConsole(x, { amount_fen: fen }));
    await shop.sql('UPDATE outbox SET due_at = 1 WHERE kind = 1');
    const all = await Promise.all([
      trade.payNotified(x.outTradeNo, { times: 5 }), shop.jobs(), shop.jobs(), ...nos.map((no) => refunds.endNotified(no, { times: 5 })),
      trade.paymentStatus(anna, x.order),
    ]);
    for (const told of [all[0].body, ...all.slice(3, 3 + nos.length)]) assert.deepEqual(tally(told.answers.map(({ status }) => status)), { 200: 5 });
    await jobs();
    assert.deepEqual((await rows(x)).map(([, fen, state]) => [fen, state]), parts.map((fen) => [fen, 2]));
    assert.ok([PENDING, REFUNDED].includes(await trade.status(x.order)));
  }
});

// ---- while the amount is unknown ----

test('a payment refunded by an unknown amount is held: neither granted nor closed, even past its deadline, and listed (B62)', async () => {
  const x = await unheard();
  const no = await inConsole(x);
  await jobs();
  assert.equal((await heldLines(x)).length, 1);
  await news.payment(x); // recorded, but not granted yet
  assert.equal(await trade.status(x.order), PENDING);
  assert.deepEqual((await trade.events(`out_trade_no = '${x.outTradeNo}'`)).map((e) => [e.verdict, e.reason]),
    [[HELD, 'REFUNDED_ELSEWHERE'], [HELD, 'REFUNDED_ELSEWHERE']]);
  const { body } = await trade.paymentStatus(anna, x.order);
  assert.deepEqual([body.status, body.trade_state], [PENDING, 'REFUND']);
  assertRefused(await trade.tryPrepay(anna, x.order), 409, 'ORDER_PAID');

  shop.clock(PAY_S + 600);
  await trade.forgetRequests();
  await jobs();
  assert.deepEqual(await trade.requests(), ['query'], 'asked again, and not closed');
  assert.equal((await attempt(x)).state, ATTEMPT.open);
  assert.equal(await trade.status(x.order), PENDING, 'and what is paid for is not let go');
  await trade.forgetRequests();
  await shop.jobs();
  assert.deepEqual(await trade.requests(), [], 'not at every pass');

  // an administrator enters the number from the console
  const { code, stdout, stderr } = await shop.minimall(['note-refund', no]);
  assert.equal(code, 0, stderr);
  assert.match(stdout, new RegExp(`^${no}: 10\\.00 of order ${x.order.order_id}, SUCCESS; `));
  await shop.jobs();
  assert.equal((await attempt(x)).state, ATTEMPT_REFUNDED);
  assert.deepEqual(await refunds.orderState(x), [CANCELLED, [-1, 1], 5], 'its time was over: it is let go as if never paid');
  assert.deepEqual(await heldLines(x), []);
});

test('a fully refunded payment leaves its order payable until its deadline (B62)', async () => {
  const x = await unheard();
  await inConsole(x, { notify: true });
  await jobs();
  assert.equal((await attempt(x)).state, ATTEMPT_REFUNDED);
  const again = await trade.prepay(anna, x.order);
  assert.notEqual(again.outTradeNo, x.outTradeNo);
  assert.equal((await trade.payNotified(again.outTradeNo)).body.status, 200);
  assert.equal(await trade.status(x.order), PAID);
  assert.equal((await refunds.refund(x)).amount, '10.00', 'and all of the second payment can be given back');
});

for (const [end, expected, attemptState] of [['CLOSED', PAID, ATTEMPT.granted], ['SUCCESS', PENDING, ATTEMPT_REFUNDED]]) {
  test(`a full refund in progress is awaited; ${end}: ${expected === PAID ? 'granted' : 'nothing granted'} (B62)`, async () => {
    const x = await unheard();
    const no = await inConsole(x, { status: 'ABNORMAL', notify: true });
    await news.payment(x);
    await jobs();
    assert.equal(await trade.status(x.order), PENDING);
    assert.equal((await heldLines(x)).length, 1);
    await refunds.completeRefund(no, end);
    await jobs();
    assert.equal(await trade.status(x.order), expected);
    assert.equal((await attempt(x)).state, attemptState);
    assert.deepEqual(await heldLines(x), []);
  });
}

test('jobs query a refund made elsewhere, and never request it (B62)', async () => {
  const x = await refunds.paid();
  const no = await inConsole(x, { status: 'ABNORMAL', notify: true, amount_fen: PART });
  assert.equal(await refunds.status(no), 'ABNORMAL');
  await trade.fault('refund_query', 'status_500');
  assert.deepEqual(await refunds.jobsAt(61), ['refund_query']);
  await refunds.end(no, { notify: false });
  await shop.sql('UPDATE outbox SET due_at = 1 WHERE kind = 2');
  assert.deepEqual(await refunds.jobsAt(62), ['refund_query']);
  assert.equal(await refunds.status(no), 'SUCCESS');
  assert.deepEqual(await refunds.orderState(x), [PAID, [-1], 4]);
});

// ---- payments due for refund anyway, or late ----

test('of a payment that its order doesn\'t need, only the rest is refunded automatically (B37, B62)', async () => {
  const x = await unheard();
  await trade.payOffline(x.order);
  const no = await inConsole(x, { amount_fen: PART, notify: true });
  await news.payment(x);
  assert.deepEqual((await attempt(x)).state, ATTEMPT.refundDue);
  await refunds.settleAll();
  assert.deepEqual((await refunds.refundsAtProvider(x)).map(([, fen, status]) => [fen, status]), [[PART, 'SUCCESS'], [FEN - PART, 'SUCCESS']]);
  assert.deepEqual((await rows(x)).map(([number, fen, state, automatic]) => [number === no, fen, state, automatic]),
    [[true, PART, 2, 0], [false, FEN - PART, 2, 1]]);
  assert.equal((await attempt(x)).state, ATTEMPT_REFUNDED);
  assert.equal(await trade.status(x.order), PAID);
});

test('of a payment that its order doesn\'t need, a console refund that failed is refunded automatically too (B37, B62)', async () => {
  const x = await unheard();
  await trade.payOffline(x.order);
  const hung = await inConsole(x, { status: 'ABNORMAL', amount_fen: PART, notify: true });
  await news.payment(x);
  await refunds.mode('SUCCESS');
  await shop.jobs();
  assert.deepEqual((await refunds.refundsAtProvider(x)).map(([, fen, status]) => [fen, status]), [[PART, 'ABNORMAL'], [FEN - PART, 'SUCCESS']]);
  await refunds.completeRefund(hung, 'CLOSED');
  shop.clock(7200);
  await shop.jobs();
  assert.deepEqual((await rows(x)).map(([, fen, state, automatic]) => [fen, state, automatic]),
    [[PART, 3, 0], [FEN - PART, 2, 1], [PART, 2, 1]]);
  assert.equal((await attempt(x)).state, ATTEMPT_REFUNDED);
  shop.clock(2 * 86_400);
  await trade.forgetRequests();
  await shop.jobs();
  assert.deepEqual(await refunds.calls(), []);
});

test('a refund due that is made in the console settles it, and is not made twice (B37, B43, B62)', async () => {
  const x = await unheard();
  await trade.payOffline(x.order);
  await trade.fault('refund', 'not_enough', { times: 50 });
  await news.payment(x);
  await shop.jobs();
  const [[automatic]] = await rows(x);
  const number = await inConsole(x); // the provider has not accepted ours
  const answer = await refunds.end(number);
  assert.equal(answer.status, 400, 'ours is still under way: told again later');
  assert.equal((await trade.events(`out_trade_no = '${x.outTradeNo}'`)).at(-1).reason, 'REFUND_EXCEEDS');
  await trade.noFaults();
  await shop.sql('UPDATE outbox SET due_at = 1 WHERE kind = 2');
  await shop.jobs(); // ours is finally refused
  assert.equal(await refunds.status(automatic), 'CLOSED');
  await refunds.completeRefund(number, 'SUCCESS');
  assert.equal((await attempt(x)).state, ATTEMPT_REFUNDED);
  shop.clock(2 * 86_400);
  await trade.forgetRequests();
  await shop.jobs();
  assert.deepEqual(await refunds.calls(), []);
});

test('a late payment, partially refunded before, is granted late with that refund recorded (B38, B62)', async () => {
  const x = await refunds.prepared();
  await trade.cancel(anna, x.order);
  await jobs();
  assert.deepEqual(await trade.states(x.order), [ATTEMPT.closed]);
  await shop.pay(x.outTradeNo, { force: true, notify: false });
  const no = await inConsole(x, { amount_fen: PART });
  await refunds.completeRefund(no, 'SUCCESS');
  assert.equal((await heldLines(x)).length, 1);
  await jobs();
  assert.deepEqual(await trade.states(x.order), [ATTEMPT.grantedLate]);
  assert.deepEqual(await refunds.orderState(x), [PAID, [-1, 1, -1], 4]);
  assert.deepEqual(await rows(x), [[no, PART, 2, 0]]);
});

test('a shipped order refunded in the console is refunded, without returning its stock (B43, B62)', async () => {
  const x = await refunds.paid();
  await trade.set(x.order, { status: SHIPPED });
  await inConsole(x, { amount_fen: PART, notify: true });
  assert.equal(await trade.status(x.order), SHIPPED);
  await inConsole(x, { notify: true });
  assert.deepEqual(await refunds.orderState(x), [REFUNDED, [-1], 4]);
});

// ---- refunds that can't be recorded ----

test('a refund concurrent with one of ours in progress waits until that is refused (B43, B62)', async () => {
  const x = await refunds.paid();
  await trade.fault('refund', 'status_500');
  const { refund_no: ours, status } = await refunds.refund(x);
  assert.equal(status, 'PROCESSING');
  const no = await inConsole(x, { amount_fen: PART });
  assert.equal((await refunds.end(no)).status, 400);
  assertRefused(await refunds.read(no), 404, 'NOT_FOUND');
  assert.ok((await trade.audit(0)).some((line) => line.includes(`orphan: REFUND_EXCEEDS, ${x.outTradeNo}, ${PART} fen`)));
  assert.deepEqual(await refunds.jobsAt(61), ['refund_query', 'refund', 'refund_query']);
  assert.equal(await refunds.status(ours), 'CLOSED');
  await refunds.completeRefund(no, 'SUCCESS');
  assert.equal(await refunds.status(no), 'SUCCESS');
  assert.deepEqual(await refunds.orderState(x), [PAID, [-1], 4]);
});

test('a number unknown to the provider, or not of a payment of ours, can\'t be recorded (B34, B62)', async () => {
  const x = await refunds.paid();
  const no = await inConsole(x, { amount_fen: PART, out_refund_no: 'console|1*@_-' });
  const before = await rows(x);
  for (const args of [['note-refund'], ['note-refund', no, no]]) assert.equal((await shop.minimall(args)).code, 2);
  for (const [number, code] of [['nothing', 'NOT_FOUND'], ['退款', 'NOT_FOUND']]) {
    const answer = await shop.minimall(['note-refund', number]);
    assert.deepEqual([answer.code, answer.stderr.includes(`(${code})`)], [1, true], answer.stderr);
  }
  for (const [fault, code] of [['status_500', 'PROVIDER_UNKNOWN'], ['bad_signature', 'PROVIDER_UNKNOWN'], ['wrong_out_trade_no', 'CONFLICT'], ['wrong_out_refund_no', 'PROVIDER_UNKNOWN']]) {
    await trade.fault('refund_query', fault);
    const answer = await shop.minimall(['note-refund', no]);
    assert.deepEqual([answer.code, answer.stderr.includes(`(${code})`)], [1, true], answer.stderr);
  }
  assert.deepEqual(await rows(x), before);
  assert.equal((await shop.minimall(['note-refund', no])).code, 0);
  assert.equal((await shop.minimall(['note-refund', no])).code, 0, 'once more is no news');
  assert.deepEqual(await rows(x), [[no, PART, 2, 0]]);
});

test('a refund of another transaction than the settled one changes nothing, and is stored (B34, B62)', async () => {
  const x = await refunds.paid();
  const no = await inConsole(x);
  const { transaction_id: transaction } = await trade.atWechat(x.outTradeNo);
  await shop.sql(`UPDATE payment_attempts SET transaction_id = 'another' WHERE out_trade_no = '${x.outTradeNo}'`);
  assert.equal((await refunds.end(no)).status, 400);
  assert.deepEqual(await rows(x), []);
  assert.equal((await trade.events(`out_trade_no = '${x.outTradeNo}'`)).at(-1).verdict, VERDICT.orphan);
  await shop.sql(`UPDATE payment_attempts SET transaction_id = '${transaction}' WHERE out_trade_no = '${x.outTradeNo}'`);
  await refunds.completeRefund(no, 'SUCCESS');
  assert.equal(await trade.status(x.order), REFUNDED);
});

test('a refund of ours that its provider still processes is not recorded as made by hand (B43)', async () => {
  const x = await refunds.paid();
  const { refund_no: no } = await refunds.refund(x);
  const { code, stdout } = await shop.minimall(['note-refund', no]);
  assert.equal(code, 0);
  assert.match(stdout, /PROCESSING/);
  assert.equal(await refunds.status(no), 'PROCESSING');
  await refunds.completeRefund(no, 'SUCCESS');
});
