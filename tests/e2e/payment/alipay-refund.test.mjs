// SPDX-License-Identifier: MIT
// Refunds of payments by Alipay, whose notifications and responses tell the sum of a trade's refunds: asked for here in part
// and in full, under way, refused, lost, and made in Alipay's console (BEHAVIOUR 41, 43, 62).
import assert from 'node:assert/strict';
import { afterEach, test } from 'node:test';
import { openAlipay } from '../lib/alipay.mjs';
import { ATTEMPT, PAID, REFUNDED, VERDICT, assertRefused, until } from '../lib/trade.mjs';

const alipay = await openAlipay();
const { trade, shop } = alipay;
const anna = await trade.buyer();
const FEN = 1000;
const FIRST_LOOK_S = 61;
const VERDICT_REFUND = 7;
const product = await trade.product({ price: '10.00', stock: 1000 });

afterEach(async () => {
  await alipay.noFaults();
  await alipay.refundMode('Y');
  shop.clock(0);
  for (const line of await trade.audit(0)) assert.doesNotMatch(line, /^WRONG/);
});

async function paid(options) {
  const x = await alipay.opened(anna, await trade.order(anna, [[product, 1]]));
  await alipay.pay(x, options);
  return x;
}

const ask = (x, body = {}) => shop.call('POST', '/api/payment/refunds', {
  token: trade.admin, body: { order_id: x.order.order_id, reason: '退货', ...body },
});

async function refund(x, body) {
  const { status, body: made } = await ask(x, body);
  assert.equal(status, 201, JSON.stringify(made));
  return made;
}

const list = (x) => shop.ok('GET', `/api/payment/refunds?order_id=${x.order.order_id}`, { token: trade.admin });
const statuses = async (x) => (await list(x)).map(({ amount, status }) => [amount, status]).reverse();
const events = async (x) => (await trade.events(`out_trade_no = '${x.outTradeNo}'`)).map(({ verdict, reason }) => [verdict, reason]);
const atAlipay = async (x) => (await alipay.tradeOf(x)).refunds.map(({ out_request_no: no, fen }) => [no, fen]);

async function jobsAt(seconds) {
  shop.clock(seconds);
  await alipay.forgetRequests();
  await shop.jobs();
  return alipay.requests();
}

test('a partial refund and the rest, each under its own number: the order is refunded with the last (B43)', async () => {
  const x = await paid();
  const first = await refund(x, { amount: '3.00' });
  assert.deepEqual([first.status, await trade.status(x.order)], ['SUCCESS', PAID]);
  const rest = await refund(x);
  assert.deepEqual([rest.amount, rest.status, await trade.status(x.order)], ['7.00', 'SUCCESS', REFUNDED]);
  assert.deepEqual(await atAlipay(x), [[first.refund_no, 300], [rest.refund_no, 700]]);
  assert.deepEqual(await trade.moves(x.order), [-1, 1]);
  assertRefused(await ask(x), 409, 'REFUND_EXCEEDS');
});

test("the notifications of one's own refunds change nothing and are acknowledged, in whatever order (B41, B43)", async () => {
  const x = await paid();
  const [first, rest] = [await refund(x, { amount: '3.00' }), await refund(x)];
  for (const { refund_no: no } of [rest, first, rest]) {
    const { status, body } = await alipay.completeRefund(no);
    assert.deepEqual([status, body], [200, 'success']);
  }
  assert.deepEqual(await statuses(x), [['3.00', 'SUCCESS'], ['7.00', 'SUCCESS']]);
  assert.deepEqual(await events(x), [[VERDICT.granted, null], [VERDICT_REFUND, null], [VERDICT_REFUND, null]]);
  assert.deepEqual(await trade.states(x.order), [ATTEMPT.granted]);
});

test('a refund under way is followed until it is done, and never requested under a second number (B43)', async () => {
  const x = await paid();
  await alipay.refundMode('N');
  const made = await refund(x, { amount: '3.00' });
  assert.equal(made.status, 'PROCESSING');
  assert.deepEqual(await jobsAt(FIRST_LOOK_S), ['fastpay.refund.query']);
  assert.deepEqual(await statuses(x), [['3.00', 'PROCESSING']]);
  await alipay.completeRefund(made.refund_no, { notify: false });
  assert.deepEqual(await jobsAt(3600), ['fastpay.refund.query']);
  assert.deepEqual(await statuses(x), [['3.00', 'SUCCESS']]);
  assert.deepEqual(await atAlipay(x), [[made.refund_no, 300]]);
});

test('its notification completes a refund under way (B43)', async () => {
  const x = await paid();
  await alipay.refundMode('N');
  const made = await refund(x);
  assert.equal((await alipay.completeRefund(made.refund_no)).body, 'success');
  assert.deepEqual([await statuses(x), await trade.status(x.order)], [[['10.00', 'SUCCESS']], REFUNDED]);
});

for (const fault of ['drop_after', 'bad_signature', 'system_error', 'no_fund_change']) {
  test(`a refund answered with ${fault} is asked about, and paid back once (B43)`, async () => {
    const x = await paid();
    await alipay.fault('refund', fault);
    const made = await refund(x, { amount: '3.00' });
    assert.ok(['PROCESSING', 'SUCCESS'].includes(made.status), made.status);
    await jobsAt(FIRST_LOOK_S);
    assert.deepEqual(await statuses(x), [['3.00', 'SUCCESS']]);
    assert.deepEqual(await atAlipay(x), [[made.refund_no, 300]]);
  });
}

test('without funds a refund waits and is requested again under its number (B43)', async () => {
  const x = await paid();
  await alipay.fault('refund', 'seller_balance');
  const made = await refund(x);
  assert.equal(made.status, 'PROCESSING');
  assert.deepEqual(await jobsAt(FIRST_LOOK_S), ['fastpay.refund.query', 'refund']);
  assert.deepEqual([await statuses(x), await trade.status(x.order)], [[['10.00', 'SUCCESS']], REFUNDED]);
  assert.deepEqual(await atAlipay(x), [[made.refund_no, FEN]]);
});

test('a refund that Alipay refuses for good is closed, and another may be asked for (B43)', async () => {
  const x = await paid({ status: 'TRADE_FINISHED' });
  const made = await refund(x);
  assert.equal(made.status, 'CLOSED');
  assert.deepEqual(await atAlipay(x), []);
  assert.equal(await trade.status(x.order), PAID);
  assert.equal((await refund(x)).status, 'CLOSED');
});

// ---- made in Alipay's console ----

test('a refund in the console is recorded by its notification, with what it adds to the sum so far (B62)', async () => {
  const x = await paid();
  await refund(x, { amount: '2.00' });
  for (const [fen, status] of [[300, PAID], [500, REFUNDED]]) {
    const { answer } = await alipay.refundInConsole(x, { amount_fen: fen });
    assert.deepEqual([answer.status, answer.body], [200, 'success']);
    assert.equal(await trade.status(x.order), status);
  }
  assert.deepEqual(await statuses(x), [['2.00', 'SUCCESS'], ['3.00', 'SUCCESS'], ['5.00', 'SUCCESS']]);
  assert.deepEqual(await trade.states(x.order), [ATTEMPT.granted], 'TRADE_CLOSED reverts nothing else');
});

test('one whose notification never came is noted with its payment, once (B62)', async () => {
  const x = await paid();
  const { out_request_no: no } = await alipay.refundInConsole(x, { amount_fen: 400, notify: false });
  const note = (...more) => shop.minimall(['note-refund', no, ...more]);
  assert.equal((await note()).code, 1, 'Alipay knows no number without its payment');
  assert.equal((await note('--payment', 'PAY_1_none')).code, 1);
  assert.equal((await note('--payment', x.outTradeNo, '--amount', '4.00')).code, 1, 'Alipay says how much it was');
  assert.deepEqual(await statuses(x), []);
  for (let i = 0; i < 2; i += 1) {
    const noted = await note('--payment', x.outTradeNo);
    assert.equal(noted.code, 0, noted.stderr);
    assert.match(noted.stdout, new RegExp(`^${no}: 4.00 of order ${x.order.order_id}, SUCCESS`));
  }
  assert.deepEqual([await statuses(x), await trade.status(x.order)], [[['4.00', 'SUCCESS']], PAID]);
  assert.equal((await shop.minimall(['note-refund', 'R0', '--payment', x.outTradeNo])).code, 1, 'one that Alipay does not know');
});

test('while one of our refunds is under way, one in the console waits for the repeated notification (B62)', async () => {
  const x = await paid();
  await alipay.refundMode('N');
  const made = await refund(x, { amount: '2.00' });
  const { answer, out_request_no: no } = await alipay.refundInConsole(x, { amount_fen: 300 });
  assert.deepEqual([answer.status, answer.body], [400, 'fail']);
  assert.equal((await alipay.completeRefund(made.refund_no)).body, 'success');
  // its first notification told the sum of that time
  assert.deepEqual(await alipay.send(alipay.notice(x.outTradeNo, FEN, {
    trade_no: (await alipay.tradeOf(x)).trade_no, out_biz_no: no, refund_fee: '5.00',
  })), { status: 200, body: 'success' });
  assert.deepEqual(await statuses(x), [['2.00', 'SUCCESS'], ['3.00', 'SUCCESS']]);
});

test('two notifications of refunds in the console at once are not both taken for the whole sum (B62)', async () => {
  const x = await paid();
  const { trade_no: number } = await alipay.tradeOf(x);
  const notice = (no, fee) => alipay.notice(x.outTradeNo, FEN, { trade_no: number, out_biz_no: no, refund_fee: fee });
  const both = [notice('C1', '1.00'), notice('C2', '3.00')];
  const answers = await shop.holding([`SELECT 1 FROM payment_attempts WHERE out_trade_no = '${x.outTradeNo}' FOR UPDATE`], async (session) => {
    const sent = both.map((one) => alipay.send(one));
    const waiting = "SELECT COUNT(*) AS n FROM information_schema.innodb_trx WHERE trx_state = 'LOCK WAIT'";
    await until('both to wait for the lock', async () => (await shop.sql(waiting))[0].n >= 2, { everyMs: 150 }); // the view is renewed after 100 ms
    await session.run('ROLLBACK');
    return Promise.all(sent);
  });
  assert.deepEqual(answers.map(({ status }) => status).sort(), [200, 400]);
  for (const [i, { status }] of answers.entries()) if (status !== 200) await alipay.send(both[i]);
  const sum = (await list(x)).reduce((fen, { amount }) => fen + Math.round(Number(amount) * 100), 0);
  assert.equal(sum, 300);
});

test("the notification of one's own refund must report at least its amount (B43)", async () => {
  const x = await paid();
  await alipay.refundMode('N');
  const made = await refund(x, { amount: '3.00' });
  const notice = alipay.notice(x.outTradeNo, FEN, { trade_no: (await alipay.tradeOf(x)).trade_no, out_biz_no: made.refund_no, refund_fee: '2.99' });
  assert.equal((await alipay.send(notice)).status, 400);
  assert.deepEqual(await statuses(x), [['3.00', 'PROCESSING']]);
  assert.equal((await alipay.send({ ...notice, refund_fee: '3.00' })).status, 200);
  assert.deepEqual(await statuses(x), [['3.00', 'SUCCESS']]);
  await alipay.completeRefund(made.refund_no, { notify: false });
});

test('what was refunded in the console before the shop heard of the payment grants nothing (B62)', async () => {
  const x = await paid({ notify: false });
  const { answer } = await alipay.refundInConsole(x);
  assert.equal(answer.body, 'success');
  assert.equal(await trade.status(x.order), 0);
  assert.equal((await alipay.pay(x)).body, 'success');
  assert.deepEqual([await trade.status(x.order), await trade.states(x.order)], [0, [5]]);
});

test('a query that reports a trade as closed after its payment holds it until the refund is known (B62)', async () => {
  const x = await paid({ notify: false });
  const { out_request_no: no } = await alipay.refundInConsole(x, { notify: false });
  await jobsAt(FIRST_LOOK_S);
  assert.equal(await trade.status(x.order), 0);
  assert.ok((await trade.audit(0)).some((line) => line.startsWith(`open: payment ${x.outTradeNo}: held`)));
  assert.equal((await alipay.completeRefund(no)).body, 'success');
  await jobsAt(3600);
  assert.deepEqual(await trade.states(x.order), [5]);
});
