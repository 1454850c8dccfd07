// SPDX-License-Identifier: MIT
// Paying an order by stored-value card: no provider, one transaction (BEHAVIOUR 4, 18, 21, 22, 37).
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Cards, DISABLED, IN_USE, SPEND, TOP_UP } from '../lib/cards.mjs';
import {
  ATTEMPT, CANCELLED, COMPLETED, DATE, MINUTE_S, PAID, PAY_S, PENDING, REFUNDED, SHIPPED, VERDICT, assertFullOrder, assertRefused, openTrade, replayed, tally, until,
} from '../lib/trade.mjs';

const trade = await openTrade();
const { shop } = trade;
const cards = new Cards(trade);
const tea = await trade.product({ price: '12.34', stock: 100_000 });
const CHANNEL_CARD = 2;

const keyed = (key) => ({ 'idempotency-key': key });

// A buyer with a card, and an order of 12.34.
async function buyerWith(balance = '100.00') {
  const person = await trade.buyer();
  return { person, card: await cards.of(person, balance), order: await trade.order(person, [[tea, 1]]) };
}

async function assertUntouched({ card, order }, balance, status = PENDING) {
  assert.equal(await cards.balance(card), balance);
  assert.equal(await trade.status(order), status);
  assert.deepEqual((await trade.attempts(order)).filter(({ channel }) => channel === CHANNEL_CARD), []);
  assert.deepEqual((await cards.ledger(card)).filter(({ type }) => type === SPEND), []);
}

// Paid by card, once: order, attempt, ledger and stock agree.
async function assertPaidByCard({ card, order }, after) {
  const granted = (await trade.attempts(order)).filter(({ state }) => state === ATTEMPT.granted || state === ATTEMPT.grantedLate);
  assert.equal(granted.length, 1);
  const [attempt] = granted;
  assert.deepEqual([attempt.channel, attempt.state, Number(attempt.amount)], [CHANNEL_CARD, ATTEMPT.granted, 1234]);
  assert.equal(attempt.transaction_id, attempt.out_trade_no);
  assertFullOrder(await trade.read(order), { status: PAID, payment_method: '会员卡', payment_id: attempt.transaction_id });
  const spent = (await cards.ledger(card)).filter(({ description }) => description?.includes(order.order_id));
  assert.deepEqual(spent.map(({ type, amount }) => [type, amount]), [[SPEND, '12.34']]);
  const rows = await shop.sql(`SELECT transaction_id FROM card_transactions WHERE attempt_id = ${attempt.attempt_id}`);
  assert.deepEqual(rows.map((row) => row.transaction_id), spent.map((row) => row.transaction_id));
  assert.deepEqual(await trade.moves(order), [-1]);
  if (after !== undefined) assert.equal(await cards.balance(card), after);
  return attempt;
}

// ---- success ----

test('an order is paid by its owner\'s card, and its payment status is reported like any other', async () => {
  const x = await buyerWith('100.00');
  await trade.forgetRequests();
  const { status, body } = await cards.pay(x.person, x.order);
  assert.equal(status, 200);
  const attempt = await assertPaidByCard(x, '87.66');
  assert.match(body.paid_at, DATE);
  assert.deepEqual(body, {
    order_id: x.order.order_id, status: PAID, total_amount: '12.34', trade_state: 'SUCCESS', transaction_id: attempt.transaction_id, paid_at: body.paid_at,
  });
  const stands = await trade.paymentStatus(x.person, x.order);
  assert.deepEqual([stands.status, stands.body], [200, body]);
  assert.deepEqual(await trade.requests(), [], 'no provider is asked about it');
  await cards.assertAddsUp(x.card);
});

test('the last fen can be spent, not one more (B22)', async () => {
  const enough = await buyerWith('12.34');
  assert.equal((await cards.pay(enough.person, enough.order)).status, 200);
  await assertPaidByCard(enough, '0.00');
  const short = await buyerWith('12.33');
  assertRefused(await cards.pay(short.person, short.order), 409, 'INSUFFICIENT_BALANCE');
  await assertUntouched(short, '12.33');
  await cards.entry(short.card, TOP_UP, '0.01');
  assert.equal((await cards.pay(short.person, short.order)).status, 200);
  await assertPaidByCard(short, '0.00');
});

test('an order paid by card can be shipped, completed and read; its payment is fixed (B18)', async () => {
  const x = await buyerWith();
  await cards.pay(x.person, x.order);
  assertRefused(await trade.put(x.order, { payment_id: 'other' }), 409, 'PAYMENT_FIXED');
  assertRefused(await trade.cancel(x.person, x.order), 409, 'ORDER_TRANSITION');
  await trade.set(x.order, { status: SHIPPED });
  assert.equal((await trade.complete(x.person, x.order)).status, 200);
  assert.equal(await trade.status(x.order), COMPLETED);
  assert.equal((await trade.paymentStatus(x.person, x.order)).body.trade_state, 'SUCCESS');
});

test('the order\'s amount is charged, whatever the body says (B14)', async () => {
  const x = await buyerWith();
  await shop.ok('POST', '/api/payment/card', {
    token: x.person.token, body: { order_id: x.order.order_id, amount: '0.01', total_amount: '0.01', card_id: 1, user_id: 1 },
  });
  await assertPaidByCard(x, '87.66');
});

// ---- refusals ----

test('only the owner can pay, in any state, and a refusal doesn\'t reveal the state (B4)', async () => {
  const x = await buyerWith();
  const other = await buyerWith('500.00');
  const refusals = [await cards.pay(other.person, x.order), await cards.pay({ token: trade.admin }, x.order)];
  await assertUntouched(x, '100.00');
  await cards.pay(x.person, x.order);
  refusals.push(await cards.pay(other.person, x.order));
  refusals.push(await cards.pay(await trade.buyer(), x.order));
  const told = refusals.map((answer) => {
    assertRefused(answer, 403, 'FORBIDDEN');
    const { request_id: _, ...rest } = answer.body;
    return JSON.stringify(rest);
  });
  assert.equal(new Set(told).size, 1, told.join('\n'));
  await assertUntouched(other, '500.00');
  assertRefused(await trade.paymentStatus(other.person, x.order), 403, 'FORBIDDEN');
});

test('an unknown order is 404, an invalid order_id 400 and named', async () => {
  const { person } = await buyerWith();
  for (const id of ['ORDERNONE', '茶', "' OR 1=1 -- ", 'x'.repeat(64)]) assertRefused(await cards.pay(person, { order_id: id }), 404, 'NOT_FOUND');
  for (const id of [undefined, null, 5, '', 'x'.repeat(65), [], {}, true]) {
    const answer = await cards.pay(person, { order_id: id });
    assertRefused(answer, 400);
    assert.equal(answer.body.field, 'order_id', JSON.stringify(id));
  }
});

test('without a card, with a deleted or a disabled one, nothing is paid (B22)', async () => {
  const person = await trade.buyer();
  const order = await trade.order(person, [[tea, 1]]);
  assertRefused(await cards.pay(person, order), 409, 'CARD_NONE');
  const gone = await cards.of(person);
  assert.equal((await cards.remove(gone)).status, 204);
  assertRefused(await cards.pay(person, order), 409, 'CARD_NONE');
  const card = await cards.of(person, '100.00');
  await cards.set(card, { status: DISABLED });
  assertRefused(await cards.pay(person, order), 409, 'CARD_DISABLED');
  await assertUntouched({ card, order }, '100.00');
  await cards.set(card, { status: IN_USE });
  assert.equal((await cards.pay(person, order)).status, 200);
  await assertPaidByCard({ card, order }, '87.66');
});

test('a paid, cancelled or refunded order can\'t be paid', async () => {
  const { person, card } = await buyerWith();
  const expected = { [PAID]: 'ORDER_PAID', [SHIPPED]: 'ORDER_PAID', [COMPLETED]: 'ORDER_PAID', [CANCELLED]: 'ORDER_NOT_PENDING', [REFUNDED]: 'ORDER_NOT_PENDING' };
  for (const [status, code] of Object.entries(expected)) {
    const order = await trade.orderIn(person, [[tea, 1]], Number(status), 'offline');
    assertRefused(await cards.pay(person, order), 409, code);
    await assertUntouched({ card, order }, '100.00', Number(status));
  }
  const byWechat = await trade.orderIn(person, [[tea, 1]], PAID);
  assertRefused(await cards.pay(person, byWechat), 409, 'ORDER_PAID');
  const free = await trade.order(person, [[await trade.product({ price: '0.00' }), 1]]);
  assert.equal(free.status, PAID);
  assertRefused(await cards.pay(person, free), 409, 'ORDER_PAID');
  const deleted = await trade.order(person, [[tea, 1]]);
  assert.equal((await trade.remove(deleted)).status, 204);
  assertRefused(await cards.pay(person, deleted), 404, 'NOT_FOUND');
  const twice = await trade.order(person, [[tea, 1]]);
  assert.equal((await cards.pay(person, twice)).status, 200);
  assertRefused(await cards.pay(person, twice), 409, 'ORDER_PAID');
  assertRefused(await trade.tryPrepay(person, twice), 409, 'ORDER_PAID');
  assert.equal(await cards.balance(card), '87.66');
});

test('an order can be paid until the second of its deadline, not after (B20)', async () => {
  const [inTime, late] = [await buyerWith(), await buyerWith()];
  shop.clock(PAY_S - MINUTE_S);
  assert.equal((await cards.pay(inTime.person, inTime.order)).status, 200);
  shop.clock(PAY_S + 1);
  assertRefused(await cards.pay(late.person, late.order), 409, 'ORDER_EXPIRED');
  await assertUntouched(late, '100.00');
  await shop.jobs();
  await assertUntouched(late, '100.00', CANCELLED);
  assertRefused(await cards.pay(late.person, late.order), 409, 'ORDER_NOT_PENDING');
  assert.equal(await trade.status(inTime.order), PAID);
  shop.clock(0);
});

// ---- keys ----

test('a payment with an Idempotency-Key is made once, and its replay returns the current status', async () => {
  const x = await buyerWith();
  const first = await cards.pay(x.person, x.order, keyed('pay-1'));
  assert.deepEqual([first.status, replayed(first)], [200, null]);
  const again = await cards.pay(x.person, x.order, keyed('pay-1'));
  assert.deepEqual([again.status, replayed(again), again.body], [200, 'true', first.body]);
  const another = await trade.order(x.person, [[tea, 1]]);
  assertRefused(await cards.pay(x.person, another, keyed('pay-1')), 409, 'IDEMPOTENCY_MISMATCH');
  await trade.set(x.order, { status: SHIPPED });
  const later = await cards.pay(x.person, x.order, keyed('pay-1'));
  assert.deepEqual([later.status, replayed(later), later.body], [200, 'true', { ...first.body, status: SHIPPED }]);
  assert.equal(await cards.balance(x.card), '87.66');
  assert.equal(await trade.status(another), PENDING);
});

test('a refusal stores no key; twenty concurrent duplicates are one payment, and all get it', async () => {
  const x = await buyerWith('12.00');
  assertRefused(await cards.pay(x.person, x.order, keyed('pay-2')), 409, 'INSUFFICIENT_BALANCE');
  await cards.entry(x.card, TOP_UP, '88.00');
  const answers = await Promise.all(Array.from({ length: 20 }, () => cards.pay(x.person, x.order, keyed('pay-2'))));
  assert.deepEqual(tally(answers.map(({ status }) => status)), { 200: 20 });
  assert.equal(answers.filter((answer) => replayed(answer) === null).length, 1);
  for (const { body } of answers) assert.deepEqual(body, answers[0].body);
  await assertPaidByCard(x, '87.66');
});

// ---- concurrency ----

// Deleting a user locks the user first, then the card: the opposite order would deadlock.
test('the user is locked before the card, also by a payment of a cancelled order and by a refund to the card (HACKING, lock order)', async () => {
  const x = await buyerWith();
  const paid = await trade.order(x.person, [[tea, 1]]);
  assert.equal((await cards.pay(x.person, paid)).status, 200);
  assert.equal((await trade.cancel(x.person, x.order)).status, 200);
  const ask = () => shop.call('POST', '/api/payment/refunds', { token: trade.admin, body: { order_id: paid.order_id, reason: '退货' } });
  for (const [act, status] of [[() => cards.pay(x.person, x.order), 409], [ask, 201]]) {
    let answer;
    await shop.holding([`SELECT user_id FROM users WHERE user_id = ${x.person.user.user_id} FOR UPDATE`], async (holder) => {
      answer = act();
      let seen = [];
      await until('a wait for the user', async () => { // a statement seen repeatedly is waiting
        const { id } = (await shop.connections()).find(({ info }) => info.includes('users')) ?? {};
        seen = id !== undefined && (seen.length === 0 || seen[0] === id) ? [...seen, id] : [];
        return seen.length > 5;
      });
      await holder.run(`SELECT card_id FROM cards WHERE card_id = ${x.card.card_id} FOR UPDATE NOWAIT`);
    });
    assert.equal((await answer).status, status);
  }
});

test('twenty concurrent payments of one order: one succeeds (B17, B21)', async () => {
  for (let round = 0; round < 3; round++) {
    const x = await buyerWith('1000.00');
    const answers = await Promise.all(Array.from({ length: 20 }, () => cards.pay(x.person, x.order)));
    assert.deepEqual(tally(answers.map(({ status, body }) => (status === 200 ? 200 : body.code))), { 200: 1, ORDER_PAID: 19 });
    await assertPaidByCard(x, '987.66');
  }
});

test('two orders and a balance for one: one is paid, the other stays pending (B21)', async () => {
  for (let round = 0; round < 10; round++) {
    const x = await buyerWith('12.34');
    const orders = [x.order, await trade.order(x.person, [[tea, 1]])];
    const answers = await Promise.all(orders.map((order) => cards.pay(x.person, order)));
    assert.deepEqual(tally(answers.map(({ status, body }) => (status === 200 ? 200 : body.code))), { 200: 1, INSUFFICIENT_BALANCE: 1 });
    const won = answers.findIndex(({ status }) => status === 200);
    await assertPaidByCard({ card: x.card, order: orders[won] }, '0.00');
    const waiting = orders[1 - won];
    assert.equal(await trade.status(waiting), PENDING);
    assert.deepEqual(await trade.attempts(waiting), []);
    assert.deepEqual(await trade.moves(waiting), [-1]);
  }
});

test('a payment against a cancel by the owner, and against an offline payment: one succeeds (B17)', async () => {
  const rivals = {
    cancel: (x) => trade.cancel(x.person, x.order),
    offline: (x) => trade.put(x.order, { status: PAID, payment_method: '现金', payment_id: 'cash' }),
    remove: (x) => trade.remove(x.order),
  };
  for (const [name, rival] of Object.entries(rivals)) {
    for (let round = 0; round < 10; round++) {
      const x = await buyerWith();
      const acts = [() => cards.pay(x.person, x.order), () => rival(x)];
      const answers = await Promise.all((round % 2 ? acts : acts.reverse()).map((act) => act()));
      const [paid, other] = round % 2 ? answers : answers.reverse();
      if (paid.status === 200) {
        assert.equal(other.status, 409, `${name}: ${JSON.stringify(other.body)}`);
        await assertPaidByCard(x, '87.66');
      } else {
        assert.ok([404, 409].includes(paid.status), JSON.stringify(paid.body));
        assert.ok([200, 204].includes(other.status), `${name}: ${JSON.stringify(other.body)}`);
        assert.equal(await cards.balance(x.card), '100.00');
      }
    }
  }
});

test('a payment that empties the card against the deletion of its user: never a paid order without owner', async () => {
  for (let round = 0; round < 20; round++) {
    const x = await buyerWith('12.34');
    const leave = () => cards.call('DELETE', `/api/users/${x.person.user.user_id}`);
    const acts = [() => cards.pay(x.person, x.order), leave];
    const answers = await Promise.all((round % 2 ? acts : acts.reverse()).map((act) => act()));
    const [paid, left] = round % 2 ? answers : answers.reverse();
    assert.deepEqual([paid.status, left.status], [200, 409], 'before it there is money on the card, after it an order to ship');
    await assertPaidByCard(x, '0.00');
  }
});

// ---- together with WeChat ----

test('an open payment at WeChat is closed by jobs once the card has paid (B37, B39)', async () => {
  const x = await buyerWith();
  const { outTradeNo } = await trade.prepay(x.person, x.order);
  await trade.forgetRequests();
  assert.equal((await cards.pay(x.person, x.order)).status, 200);
  assert.deepEqual(await trade.requests(), [], 'a card payment calls nobody');
  assert.deepEqual(await trade.states(x.order), [ATTEMPT.open, ATTEMPT.granted]);
  const stands = await trade.paymentStatus(x.person, x.order);
  assert.deepEqual([stands.body.status, stands.body.trade_state], [PAID, 'SUCCESS'], 'what paid for it counts, not what is still open');
  const attempt = await assertPaidByCard(x, '87.66');
  assert.equal(stands.body.transaction_id, attempt.transaction_id);
  await shop.jobs();
  assert.ok((await trade.requests()).includes('close'));
  assert.equal((await trade.atWechat(outTradeNo)).trade_state, 'CLOSED');
  assert.deepEqual(await trade.states(x.order), [ATTEMPT.closed, ATTEMPT.granted]);
  assert.deepEqual((await trade.paymentStatus(x.person, x.order)).body, stands.body);
  await assertPaidByCard(x, '87.66');
});

test("a WeChat payment for an order paid by card is refunded automatically, and the order is unchanged (B37)", async () => {
  const x = await buyerWith();
  const { outTradeNo } = await trade.prepay(x.person, x.order);
  assert.equal((await cards.pay(x.person, x.order)).status, 200);
  const before = await trade.read(x.order);
  const notified = await shop.pay(outTradeNo);
  assert.equal(notified.body.status, 200, JSON.stringify(notified.body));
  assert.deepEqual(await trade.states(x.order), [ATTEMPT.refundDue, ATTEMPT.granted]);
  assert.equal((await trade.events(`out_trade_no = '${outTradeNo}'`))[0].verdict, VERDICT.refundDue);
  const refunds = () => shop.sql(`SELECT r.refund_no, r.amount, r.automatic, r.state FROM refunds r JOIN payment_attempts a
    ON a.attempt_id = r.attempt_id WHERE a.out_trade_no = '${outTradeNo}'`);
  const [due] = await refunds();
  assert.deepEqual([Number(due.amount), due.automatic], [1234, 1]);
  await shop.jobs();
  const ended = await shop.sandbox('POST', `/refund/${due.refund_no}`);
  assert.deepEqual([ended.status, ended.body.status], [200, 200], JSON.stringify(ended.body));
  assert.deepEqual(await refunds(), [{ ...due, state: 2 }]);
  assert.deepEqual((await trade.states(x.order)).slice(1), [ATTEMPT.granted]);
  assert.deepEqual(await trade.read(x.order), before);
  const stands = (await trade.paymentStatus(x.person, x.order)).body;
  assert.deepEqual([stands.trade_state, stands.transaction_id], ['SUCCESS', before.payment_id]);
  await assertPaidByCard(x, '87.66');
  await trade.audit(0);
});

test('card and WeChat concurrently: one pays, the other charges nothing or is refunded (B17, B37)', async () => {
  for (let round = 0; round < 20; round++) {
    const x = await buyerWith();
    const { outTradeNo } = await trade.prepay(x.person, x.order);
    const acts = [() => cards.pay(x.person, x.order), () => trade.payNotified(outTradeNo)];
    const answers = await Promise.all((round % 2 ? acts : acts.reverse()).map((act) => act()));
    const [byCard, byWechat] = round % 2 ? answers : answers.reverse();
    assert.equal(byWechat.body.status, 200, JSON.stringify(byWechat.body));
    if (byCard.status === 200) {
      await assertPaidByCard(x, '87.66');
      assert.deepEqual(await trade.states(x.order), [ATTEMPT.refundDue, ATTEMPT.granted]);
    } else {
      assertRefused(byCard, 409, 'ORDER_PAID');
      await assertUntouched(x, '100.00', PAID);
      assert.deepEqual(await trade.states(x.order), [ATTEMPT.granted]);
    }
    assert.deepEqual(await trade.moves(x.order), [-1]);
  }
});

test('paying by card works at once while WeChat hangs (B54)', async () => {
  const x = await buyerWith();
  await trade.fault('query', 'hang', { times: 5 });
  await trade.prepay(x.person, x.order);
  const controller = new AbortController();
  let ended = false;
  const poll = shop.call('GET', `/api/payment/wxpay/${x.order.order_id}`, { token: x.person.token, signal: controller.signal })
    .catch((error) => error).finally(() => { ended = true; });
  await trade.asked('query');
  assert.equal((await cards.pay(x.person, x.order)).status, 200);
  assert.equal(ended, false, 'the query hung all the while');
  controller.abort();
  await poll;
  await trade.noFaults();
  await assertPaidByCard(x, '87.66');
});
