// SPDX-License-Identifier: MIT
// A payment that could not be granted is refunded automatically: requested by `jobs`, under a number derived from the
// payment, leaving the order unchanged (BEHAVIOUR 37, 38).
import assert from 'node:assert/strict';
import { afterEach, test } from 'node:test';
import { ATTEMPT, CANCELLED, MINUTE_S, PAID, REFUNDED, SHIPPED, VERDICT, assertRefused, tally } from '../lib/trade.mjs';
import { ATTEMPT_REFUNDED, FEN, FIRST_LOOK_S, STATE, VERDICT_REFUND, assertRefund, openRefunds } from '../lib/refunds.mjs';

const refunds = await openRefunds();
const { trade, shop, anna } = refunds;

afterEach(() => refunds.settleAll());

const HOUR_S = 60 * MINUTE_S;
const numberOf = ({ outTradeNo }) => `R${outTradeNo}L`;
const stateOf = async (x) => (await trade.attempts(x.order)).find(({ out_trade_no: no }) => no === x.outTradeNo).state;

// Paid at the provider without notification, and then not payable in the shop any more.
async function paidInVain(act, person = anna) {
  const x = await refunds.prepared(person);
  await shop.pay(x.outTradeNo, { notify: false });
  await act(x);
  return x;
}

const offline = (x) => trade.payOffline(x.order);

const WAYS = [
  ['paid twice', 'ALREADY_PAID', async (x) => {
    await shop.sql(`UPDATE payment_attempts SET state = 1, open_payable_id = NULL WHERE out_trade_no = '${x.outTradeNo}'`);
    const { outTradeNo } = await trade.prepay(anna, x.order);
    assert.equal((await trade.payNotified(outTradeNo)).body.status, 200);
  }],
  ['paid offline', 'ALREADY_PAID', offline],
  ['paid offline and shipped', 'ALREADY_PAID', async (x) => { await offline(x); await trade.set(x.order, { status: SHIPPED }); }],
  ['paid offline and refunded', 'ALREADY_REFUNDED', async (x) => { await offline(x); await trade.set(x.order, { status: REFUNDED }); }],
  ['deleted', 'ORDER_DELETED', async (x) => { assert.equal((await trade.remove(x.order)).status, 204); }],
  ['cancelled, its goods gone', 'OUT_OF_STOCK', async (x) => {
    assert.equal((await trade.cancel(anna, x.order)).status, 200);
    await trade.order(anna, [[x.product, 5]]);
  }],
  ['left behind by its owner', 'USER_DELETED', async ({ person }) => {
    assert.equal((await shop.call('DELETE', `/api/users/${person.user.user_id}`, { token: trade.admin })).status, 204);
  }, () => trade.buyer()],
];

for (const [what, reason, act, who = () => anna] of WAYS) {
  test(`a payment for an order that was ${what} is refunded automatically; the order is unchanged (B37, B38)`, async () => {
    const x = await paidInVain(act, await who());
    const before = [await trade.rowOf(x.order), await trade.moves(x.order), await trade.stock(x.product)];
    await trade.forgetRequests();
    assert.equal((await trade.payNotified(x.outTradeNo)).body.status, 200);
    assert.deepEqual(await refunds.calls(), [], 'hearing of it calls nobody');
    const no = numberOf(x);
    const { body } = await refunds.read(no);
    assertRefund(body, { refund_no: no, order_id: x.order.order_id, amount: '10.00', status: 'PROCESSING', automatic: true });
    assert.match(body.reason, new RegExp(`自动退款 ${reason}$`));

    assert.deepEqual(await refunds.jobsAt(1), ['refund_query', 'refund']);
    assert.deepEqual(await refunds.refundsAtProvider(x), [[no, FEN, 'PROCESSING']]);
    assert.equal(await stateOf(x), ATTEMPT.refundDue);
    assert.ok((await trade.audit(0)).some((line) => line.startsWith(`open: payment ${x.outTradeNo}: refund due`)));
    await refunds.completeRefund(no, 'SUCCESS');
    assert.deepEqual([await stateOf(x), await refunds.status(no)], [ATTEMPT_REFUNDED, 'SUCCESS']);
    assert.ok(!(await trade.audit(0)).some((line) => line.includes(x.outTradeNo)), 'nobody waits for it any more');
    assert.deepEqual([await trade.rowOf(x.order), await trade.moves(x.order), await trade.stock(x.product)], before);
    assert.deepEqual((await trade.events(`out_trade_no = '${x.outTradeNo}'`)).map((e) => [e.verdict, e.reason]),
      [[VERDICT.refundDue, reason], [VERDICT_REFUND, null]]);
  });
}

test('a payment found by jobs is refunded in the same pass, and completed by the response (B37)', async () => {
  await refunds.mode('SUCCESS');
  const x = await paidInVain(offline);
  const before = await trade.rowOf(x.order);
  assert.deepEqual(await refunds.jobsAt(1), ['refund_query', 'refund']);
  assert.deepEqual(await refunds.refundsAtProvider(x), [[numberOf(x), FEN, 'SUCCESS']]);
  assert.equal(await stateOf(x), ATTEMPT_REFUNDED);
  assert.deepEqual(await trade.rowOf(x.order), before);
});

test('fifteen deliveries before, during and after the refund are one refund (B36, B37)', async () => {
  await refunds.mode('SUCCESS');
  const x = await paidInVain(offline);
  const deliver = async () => {
    const { body } = await trade.payNotified(x.outTradeNo, { times: 5 });
    assert.deepEqual(tally(body.answers.map(({ status }) => status)), { 200: 5 });
  };
  await deliver();
  await Promise.all([deliver(), shop.jobs(), shop.jobs()]);
  await deliver();
  assert.equal((await trade.payNotified(x.outTradeNo, { event_id: 'once-more' })).body.status, 200, 'another event about it as well');
  await refunds.jobsAt(FIRST_LOOK_S);
  assert.deepEqual(await refunds.refundsAtProvider(x), [[numberOf(x), FEN, 'SUCCESS']]);
  assert.deepEqual((await refunds.rows(x)).map(({ state, automatic }) => [state, automatic]), [[STATE.SUCCESS, 1]]);
  assert.equal(await stateOf(x), ATTEMPT_REFUNDED);
});

test('it blocks nothing: the order can be shipped and its payment refunded as usual (B38)', async () => {
  const first = await refunds.prepared();
  await shop.pay(first.outTradeNo, { notify: false });
  await shop.sql(`UPDATE payment_attempts SET state = 1, open_payable_id = NULL WHERE out_trade_no = '${first.outTradeNo}'`);
  const second = { ...first, ...await trade.prepay(anna, first.order) };
  assert.equal((await trade.payNotified(second.outTradeNo)).body.status, 200);
  assert.equal((await trade.payNotified(first.outTradeNo)).body.status, 200);
  await refunds.jobsAt(1);
  shop.clock(0);
  await trade.set(first.order, { status: SHIPPED });
  const made = await refunds.refund(second);
  assert.equal(made.amount, '10.00');
  await refunds.completeRefund(numberOf(first), 'SUCCESS');
  assert.equal(await trade.status(first.order), SHIPPED, 'what went back by itself does not count');
  await refunds.completeRefund(made.refund_no, 'SUCCESS');
  assert.equal(await trade.status(first.order), REFUNDED);
  assert.deepEqual((await trade.attempts(first.order)).map(({ state }) => state), [ATTEMPT_REFUNDED, ATTEMPT.granted]);
});

test('an administrator cannot request it a second time (B43)', async () => {
  const x = await paidInVain(offline);
  assert.equal((await trade.payNotified(x.outTradeNo)).body.status, 200);
  assertRefused(await refunds.ask(x), 409, 'REFUND_UNPAID');
});

for (const fault of ['status_500', 'status_429', 'drop_after', 'bad_signature', 'not_enough']) {
  test(`requested with ${fault} as the response: the same number again, one refund (B43)`, async () => {
    await refunds.mode('SUCCESS');
    const x = await paidInVain(offline);
    await trade.fault('refund', fault);
    assert.deepEqual(await refunds.jobsAt(1), ['refund_query', 'refund']);
    assert.equal(await stateOf(x), ATTEMPT.refundDue);
    const done = ['drop_after', 'bad_signature'].includes(fault);
    assert.deepEqual(await refunds.jobsAt(3600), done ? ['refund_query'] : ['refund_query', 'refund']);
    assert.deepEqual(await refunds.refundsAtProvider(x), [[numberOf(x), FEN, 'SUCCESS']]);
    assert.equal(await stateOf(x), ATTEMPT_REFUNDED);
  });
}

test('closed by the provider, it is retried under another number, with growing gaps, without end (B37, B43)', async () => {
  await refunds.mode('CLOSED');
  const x = await paidInVain(offline);
  const numbers = [numberOf(x)];
  await refunds.jobsAt(1);
  for (let hours = 0, tries = 1; tries <= 7; tries++) {
    const closed = numbers.map((no) => [no, FEN, 'CLOSED']);
    assert.deepEqual(await refunds.refundsAtProvider(x), closed);
    assert.deepEqual(await refunds.jobsAt((hours + tries) * HOUR_S - 30 * MINUTE_S), [], `${tries} hours have not passed`);
    hours += tries + 1;
    if (tries === 7) await refunds.mode('SUCCESS');
    assert.deepEqual(await refunds.jobsAt(hours * HOUR_S), ['refund_query', 'refund']);
    numbers.push(`${numberOf(x)}${tries + 1}`);
  }
  assert.deepEqual((await refunds.refundsAtProvider(x)).at(-1), [numbers.at(-1), FEN, 'SUCCESS']);
  assert.equal(await stateOf(x), ATTEMPT_REFUNDED);
  await trade.audit(0);
  assert.deepEqual(await refunds.jobsAt(100 * HOUR_S), []);
});

test('ABNORMAL stays due and is listed by the audit until it succeeds (B37)', async () => {
  await refunds.mode('ABNORMAL');
  const x = await paidInVain(offline);
  await refunds.jobsAt(1);
  const lines = await trade.audit(0);
  assert.ok(lines.some((line) => line.startsWith(`open: refund ${numberOf(x)}: abnormal`)), lines.join('\n'));
  assert.equal(await stateOf(x), ATTEMPT.refundDue);
  await refunds.completeRefund(numberOf(x), 'SUCCESS');
  assert.equal(await stateOf(x), ATTEMPT_REFUNDED);
});

test('a refund due from before automatic refunds existed is found by jobs, once (B37)', async () => {
  await refunds.mode('SUCCESS');
  const all = [];
  for (let i = 0; i < 3; i++) {
    const x = await paidInVain(offline);
    assert.equal((await trade.payNotified(x.outTradeNo)).body.status, 200);
    all.push(x);
  }
  await shop.sql(`DELETE b FROM outbox b JOIN refunds r ON b.kind = 2 AND b.ref_id = r.refund_id WHERE r.state = 1`);
  await shop.sql('DELETE FROM refunds WHERE state = 1');
  shop.clock(1);
  await Promise.all([shop.jobs(), shop.jobs(), shop.jobs()]);
  await shop.jobs();
  for (const x of all) {
    assert.deepEqual(await refunds.refundsAtProvider(x), [[numberOf(x), FEN, 'SUCCESS']]);
    assert.equal(await stateOf(x), ATTEMPT_REFUNDED);
  }
});

test('a refund that can\'t be started is postponed, and the others are started (B37)', async () => {
  await refunds.mode('SUCCESS');
  const all = [];
  for (let i = 0; i < 2; i++) {
    const x = await paidInVain(offline);
    assert.equal((await trade.payNotified(x.outTradeNo)).body.status, 200);
    all.push(x);
  }
  const [bad, good] = all;
  await shop.sql(`DELETE b FROM outbox b JOIN refunds r ON b.kind = 2 AND b.ref_id = r.refund_id WHERE r.state = 1`);
  await shop.sql('DELETE FROM refunds WHERE state = 1');
  await shop.sql(`CREATE TRIGGER unwritable BEFORE INSERT ON refunds FOR EACH ROW
    SET NEW.reason = IF(NEW.refund_no = '${numberOf(bad)}', NULL, NEW.reason)`);
  try {
    shop.clock(1);
    const { code, stdout, stderr } = await shop.minimall(['jobs']);
    assert.equal(code, 1, stdout + stderr);
    assert.match(stderr, /^minimall: missing refunds: 1 failed/);
    assert.equal(await stateOf(good), ATTEMPT_REFUNDED);
    assert.deepEqual(await refunds.jobsAt(2), [], 'put off');
  } finally {
    await shop.sql('DROP TRIGGER unwritable');
  }
  await refunds.jobsAt(3 * MINUTE_S);
  for (const x of all) assert.deepEqual([await refunds.refundsAtProvider(x), await stateOf(x)], [[[numberOf(x), FEN, 'SUCCESS']], ATTEMPT_REFUNDED]);
});

test('late payments of five orders for three items: two are refunded, each once (B38)', async () => {
  await refunds.mode('SUCCESS');
  const product = await trade.product({ price: '10.00', stock: 5 });
  const all = [];
  for (let i = 0; i < 5; i++) {
    const order = await trade.order(anna, [[product, 1]]);
    all.push({ order, product, ...await trade.prepay(anna, order) });
  }
  for (const { order, outTradeNo } of all) {
    await shop.pay(outTradeNo, { notify: false });
    await trade.cancel(anna, order);
  }
  await trade.order(anna, [[product, 2]]);
  await Promise.all(all.map(({ outTradeNo }) => trade.payNotified(outTradeNo, { times: 3 })));
  await refunds.jobsAt(1);
  const ends = await Promise.all(all.map(async (x) => [await trade.status(x.order), await stateOf(x), (await refunds.refundsAtProvider(x)).length].join()));
  assert.deepEqual(tally(ends), { [[PAID, ATTEMPT.grantedLate, 0]]: 3, [[CANCELLED, ATTEMPT_REFUNDED, 1]]: 2 });
  assert.equal(await trade.stock(product), 0);
});
