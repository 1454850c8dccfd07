// SPDX-License-Identifier: MIT
// Concurrent cancel, timeout, payment and deletion of one order, in any interleaving: one final state, and stock
// returned once or not at all (BEHAVIOUR 17).
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ATTEMPT, CANCELLED, COMPLETED, PAID, PAY_S, PENDING, REFUNDED, SHIPPED, isBusy, openTrade, tally } from '../lib/trade.mjs';

const trade = await openTrade();
const { shop } = trade;
const anna = await trade.buyer();
const STOCK = 9;
const QUANTITY = 2;

async function newOrder() {
  const own = await trade.product({ price: '6.00', stock: STOCK });
  return { own, order: await trade.order(anna, [[own, QUANTITY]]) };
}

async function prepared() {
  const x = await newOrder();
  return { ...x, ...await trade.prepay(anna, x.order) };
}

const cancel = ({ order }) => trade.cancel(anna, order);
const cancelByPut = ({ order }) => trade.put(order, { status: CANCELLED });
const remove = ({ order }) => trade.remove(order);
const offline = ({ order }) => trade.put(order, { status: PAID, payment_method: '现金', payment_id: 'cash' });
const pay = async ({ outTradeNo }) => ({ status: (await trade.payNotified(outTradeNo)).body.status });
const poll = ({ order }) => trade.paymentStatus(anna, order);
const prepay = ({ order }) => trade.tryPrepay(anna, order);
const jobs = async () => { await shop.jobs(); return { status: 200 }; };

async function stateOf({ own, order }) {
  const [row] = await shop.sql(`SELECT status, stock_held, paid_by, deleted_at IS NOT NULL AS deleted FROM orders WHERE order_no = '${order.order_id}'`);
  return { ...row, stock: await trade.stock(own), moves: await trade.moves(order), attempts: await trade.states(order) };
}

// The invariants of an order.
function assertSound(end) {
  assert.ok(end.status === PENDING || end.status === PAID || end.status === CANCELLED, JSON.stringify(end));
  const held = end.status !== CANCELLED;
  assert.equal(end.stock_held, held ? 1 : 0, JSON.stringify(end));
  assert.equal(end.stock, held ? STOCK - QUANTITY : STOCK, JSON.stringify(end));
  const late = end.attempts.includes(ATTEMPT.grantedLate);
  const moves = late ? [-QUANTITY, QUANTITY, -QUANTITY] : held ? [-QUANTITY] : [-QUANTITY, QUANTITY];
  assert.deepEqual(end.moves, moves, JSON.stringify(end));
  const granted = end.attempts.filter((state) => state === ATTEMPT.granted || state === ATTEMPT.grantedLate).length;
  assert.equal(granted, end.paid_by === 1 ? 1 : 0, JSON.stringify(end));
  assert.ok(end.attempts.filter((state) => state === ATTEMPT.open).length <= 1);
}

function assertAnswered(answers) {
  for (const { status, body } of answers) assert.ok([200, 204, 404, 409].includes(status), `${status} ${JSON.stringify(body)}`);
}

const BUSY_ROUNDS = 5;

// Runs operations concurrently, in a different order each round, and collects the outcomes. A round in which one of them
// timed out must end consistently too, and is repeated.
async function race(rounds, make, acts, check) {
  const ends = [];
  for (let round = 0, busy = 0; round < rounds + busy; round++) {
    const x = await make();
    const turned = acts.map((_, i) => acts[(i + round) % acts.length]);
    const answers = await Promise.all(turned.map((act) => act(x)));
    const gaveUp = busy < BUSY_ROUNDS && answers.some(isBusy);
    assertAnswered(gaveUp ? answers.filter((answer) => !isBusy(answer)) : answers);
    const end = await stateOf(x);
    assertSound(end);
    if (gaveUp) {
      busy += 1;
      continue;
    }
    await check?.(end, new Map(turned.map((act, i) => [act, answers[i].status])), x);
    ends.push(end);
  }
  return ends;
}

test('ten cancels of one order: one succeeds, the stock is returned once (B17)', async () => {
  await race(10, newOrder, Array.from({ length: 10 }, () => (x) => cancel(x)), (end) => assert.equal(end.status, CANCELLED));
  const { order } = await newOrder();
  const answers = await Promise.all(Array.from({ length: 10 }, () => trade.cancel(anna, order)));
  assert.deepEqual(tally(answers.map(({ status }) => status)), { 200: 1, 409: 9 });
});

test('cancel by the owner, cancel and delete by the administrator, offline payment: one final state (B17)', async () => {
  await race(25, newOrder, [cancel, cancelByPut, remove, offline], (end, answer) => {
    assert.equal(end.status, answer.get(offline) === 200 ? PAID : CANCELLED);
    if (end.status === PAID) assert.deepEqual([answer.get(cancel), answer.get(cancelByPut), answer.get(remove)], [409, 409, 409]);
    assert.equal(end.deleted, answer.get(remove) === 204 ? 1 : 0);
  });
});

test('cancel against payment: the payment is granted, in time or late (B17, B38)', async () => {
  const ends = await race(25, prepared, [pay, cancel], (end, answer) => {
    assert.equal(answer.get(pay), 200);
    assert.equal(end.status, PAID);
    assert.deepEqual(end.attempts, [answer.get(cancel) === 200 ? ATTEMPT.grantedLate : ATTEMPT.granted]);
  });
  assert.equal(ends.length, 25);
});

test('delete against payment: either it was paid first and remains, or a refund is due (B17, B37)', async () => {
  await race(25, prepared, [pay, remove], (end, answer) => {
    assert.equal(answer.get(pay), 200);
    if (answer.get(remove) === 204) assert.deepEqual([end.status, end.deleted, end.attempts], [CANCELLED, 1, [ATTEMPT.refundDue]]);
    else assert.deepEqual([answer.get(remove), end.status, end.attempts], [409, PAID, [ATTEMPT.granted]]);
  });
});

test('deletion of the user against an order: placed before and cancelled, without its address, or not placed (B17)', async () => {
  const consignee = { name: '卡尔', phone: '13400000003', address: '某街 1 号' };
  const own = await trade.product({ stock: STOCK });
  for (let round = 0; round < 20; round++) {
    const person = await trade.buyer();
    const acts = [
      () => trade.tryOrder(person, [[own, QUANTITY]], { consignee }),
      () => shop.call('DELETE', `/api/users/${person.user.user_id}`, { token: trade.admin }),
    ];
    if (round % 2) acts.reverse();
    const answers = await Promise.all(acts.map((act) => act()));
    const [placed, left] = round % 2 ? answers.reverse() : answers;
    assert.equal(left.status, 204);
    assert.ok([201, 401].includes(placed.status), `${placed.status} ${JSON.stringify(placed.body)}`);
    const rows = await shop.sql(`SELECT status, consignee_name FROM orders WHERE user_id = ${person.user.user_id}`);
    assert.deepEqual(rows, placed.status === 201 ? [{ status: CANCELLED, consignee_name: null }] : []);
  }
  assert.equal(await trade.stock(own), STOCK);
});

test('deletion of the user against payment: an order to deliver with its address, or a refund is due (B17, B37)', async () => {
  const consignee = { name: '卡尔', phone: '13400000003', address: '某街 1 号' };
  const make = async (cancelled) => {
    const person = await trade.buyer();
    const own = await trade.product({ stock: STOCK });
    const order = await trade.order(person, [[own, QUANTITY]], { consignee });
    const x = { own, order, person, ...await trade.prepay(person, order) };
    if (cancelled) {
      await shop.pay(x.outTradeNo, { notify: false });
      assert.equal((await trade.cancel(person, order)).status, 200);
    }
    return x;
  };
  const leave = ({ person }) => shop.call('DELETE', `/api/users/${person.user.user_id}`, { token: trade.admin });
  for (const cancelled of [false, true]) {
    await race(15, () => make(cancelled), [pay, leave], async (end, answer, x) => {
      assert.equal(answer.get(pay), 200);
      if (answer.get(leave) === 204) assert.deepEqual([end.status, end.attempts], [CANCELLED, [ATTEMPT.refundDue]]);
      else assert.deepEqual([answer.get(leave), end.status], [409, PAID]);
      assert.deepEqual((await trade.read(x.order)).consignee, end.status === PAID ? consignee : null);
    });
  }
});

test('offline payment against the provider: one pays, the other payment is refund due (B17, B37)', async () => {
  await race(25, prepared, [pay, offline], (end, answer) => {
    assert.equal(answer.get(pay), 200);
    assert.equal(end.status, PAID);
    const paidOffline = end.paid_by === 2;
    assert.equal(answer.get(offline), paidOffline ? 200 : 409);
    assert.deepEqual(end.attempts, [paidOffline ? ATTEMPT.refundDue : ATTEMPT.granted]);
  });
});

test('cancel, timeout, payment, polls and deletion, all concurrent (B17)', async () => {
  const make = async () => {
    shop.clock(0);
    const x = await prepared();
    shop.clock(PAY_S + 1);
    await shop.sql('UPDATE outbox SET due_at = 1');
    return x;
  };
  const payLate = async ({ outTradeNo }) => ({ status: (await trade.payNotified(outTradeNo, { force: true, times: 2 })).body.status });
  const ends = await race(20, make, [payLate, cancel, jobs, remove, poll, jobs, poll], (end, answer) => {
    assert.equal(answer.get(payLate), 200);
    assert.ok([ATTEMPT.granted, ATTEMPT.grantedLate, ATTEMPT.refundDue].includes(end.attempts[0]), 'money that came is never lost');
    assert.equal(end.status, end.attempts[0] === ATTEMPT.refundDue ? CANCELLED : PAID);
  });
  shop.clock(0);
  assert.equal(ends.length, 20);
});

test('timeout by two passes against cancel and delete, without money: cancelled once (B17)', async () => {
  for (const withAttempt of [false, true]) {
    const make = async () => {
      shop.clock(0);
      const x = withAttempt ? await prepared() : await newOrder();
      shop.clock(PAY_S + 1);
      return x;
    };
    await race(8, make, [jobs, cancel, jobs, remove], (end) => assert.equal(end.status, CANCELLED));
    shop.clock(0);
  }
});

test('prepay against cancel and offline payment: the provider\'s order is closed by jobs (B17, B18)', async () => {
  for (const other of [cancel, offline]) {
    const made = [];
    await race(10, newOrder, [prepay, other, prepay], (end, answer, x) => {
      made.push(x);
      assert.equal(answer.get(other), 200);
      assert.equal(end.status, other === cancel ? CANCELLED : PAID);
    });
    await shop.jobs();
    for (const x of made) {
      for (const attempt of await trade.attempts(x.order)) {
        assert.equal(attempt.state, ATTEMPT.closed);
        const there = await trade.atWechat(attempt.out_trade_no);
        assert.ok(there === null || there.trade_state === 'CLOSED', 'nothing stays payable there');
      }
    }
  }
});

test('concurrent shipping, completing, refunding and deleting of a paid order: allowed transitions, stock returned at most once (B17, B18)', async () => {
  for (let round = 0; round < 15; round++) {
    const own = await trade.product({ price: '6.00', stock: STOCK });
    const order = await trade.orderIn(anna, [[own, QUANTITY]], PAID, 'offline');
    const acts = [
      () => trade.put(order, { status: SHIPPED }), () => trade.complete(anna, order), () => trade.put(order, { status: REFUNDED }),
      () => trade.remove(order), () => trade.cancel(anna, order), () => trade.put(order, { status: COMPLETED }),
    ];
    assertAnswered(await Promise.all(acts.map((_, i) => acts[(i + round) % acts.length]())));
    const [row] = await shop.sql(`SELECT status FROM orders WHERE order_no = '${order.order_id}'`);
    assert.ok([SHIPPED, COMPLETED, REFUNDED].includes(row.status));
    const moves = await trade.moves(order);
    assert.deepEqual(moves, row.status === REFUNDED && moves.length === 2 ? [-QUANTITY, QUANTITY] : [-QUANTITY]);
    assert.equal(await trade.stock(own), STOCK + moves.reduce((sum, delta) => sum + delta, 0));
  }
});

test('many orders of the same products, concurrently cancelled, paid or deleted: the stock adds up (B16, B17)', async () => {
  const goods = [await trade.product({ stock: 500 }), await trade.product({ stock: 500 }), await trade.product({ stock: 500 })];
  const orders = await Promise.all(Array.from({ length: 30 }, (_, i) => (
    trade.order(anna, i % 2 ? goods.map((id) => [id, 1]) : [...goods].reverse().map((id) => [id, 1])))));
  const all = await Promise.all(orders.map(async (order) => ({ order, ...await trade.prepay(anna, order) })));
  const answers = await Promise.all(all.flatMap((x) => [cancel(x), pay(x), remove(x), offline(x)]));
  assertAnswered(answers);
  const rows = await shop.sql(`SELECT SUM(stock_held) AS held FROM orders WHERE order_no IN (${orders.map((o) => `'${o.order_id}'`).join()})`);
  for (const id of goods) assert.equal(await trade.stock(id), 500 - Number(rows[0].held));
  await trade.audit(0);
});
