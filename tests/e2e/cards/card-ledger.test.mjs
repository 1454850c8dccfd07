// SPDX-License-Identifier: MIT
// Changes of a card's balance: top-ups, spending, refunds, and the ledger (BEHAVIOUR 4, 21, 22).
import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  ADJUSTMENT, Cards, DISABLED, IN_USE, LEDGER, REFUND, SPEND, TOP_UP, assertEntry, signedFen,
} from '../lib/cards.mjs';
import { assertRefused, fen, openTrade, replayed, tally } from '../lib/trade.mjs';

const trade = await openTrade();
const { shop } = trade;
const cards = new Cards(trade);
const MOST = '9999999999.99';

const keyed = (key) => ({ headers: { 'idempotency-key': key } });
const newCard = async (balance) => cards.of(await trade.buyer(), balance);

// ---- each type ----

test('a top-up, a spending and a refund are as the contract shows them, and stored signed', async () => {
  const card = await newCard();
  const said = [
    [TOP_UP, '50.00', '50.00', '充值50元'], [SPEND, '20.30', '29.70', '柜台消费 🍵'], [REFUND, '0.30', '30.00', '少收'], [TOP_UP, '0.01', '30.01', 'x'],
  ];
  for (const [type, amount, after, description] of said) {
    const { status, body } = await cards.transact(card, type, amount, { description });
    assert.equal(status, 201);
    assertEntry(body, { card_id: card.card_id, type, amount, balance_after: after, description, updated_at: body.created_at });
    assert.equal(await cards.balance(card), after);
  }
  const stored = await shop.sql(`SELECT type, amount FROM card_transactions WHERE card_id = ${card.card_id} ORDER BY transaction_id`);
  assert.deepEqual(stored.map(({ type, amount }) => [type, Number(amount)]), [[1, 5000], [2, -2030], [3, 30], [1, 1]]);
  await cards.assertAddsUp(card);
});

test('the ledger stores who made an entry', async () => {
  const card = await newCard('10.00');
  const { user_id: staff } = await shop.ok('GET', '/api/auth/me', { token: trade.admin });
  const rows = await shop.sql(`SELECT actor_user_id FROM card_transactions WHERE card_id = ${card.card_id}`);
  assert.ok(rows.length > 0);
  for (const { actor_user_id: actor } of rows) assert.equal(Number(actor), staff);
});

test('amounts are numbers or strings, exact to the fen (B10)', async () => {
  const card = await newCard();
  for (const [amount, told] of [[19.99, '19.99'], ['0.01', '0.01'], ['5', '5.00'], [29.9, '29.90'], ['0007.5', '7.50'], [1, '1.00']]) {
    assertEntry(await cards.entry(card, TOP_UP, amount), { amount: told });
  }
  assert.equal(await cards.balance(card), '63.40');
});

test('a description is optional', async () => {
  const card = await newCard();
  for (const description of [undefined, null]) assert.equal((await cards.entry(card, TOP_UP, '1', { description })).description, null);
  assert.equal((await cards.entry(card, TOP_UP, '1', { description: '字'.repeat(500) })).description, '字'.repeat(500));
  for (const description of ['字'.repeat(501), 5, {}]) {
    const answer = await cards.transact(card, TOP_UP, '1', { description });
    assertRefused(answer, 400);
    assert.equal(answer.body.field, 'description');
  }
});

// ---- refusals ----

test('types other than 1 to 3 are 400: an adjustment is only made by a new balance', async () => {
  const card = await newCard('10.00');
  for (const type of [ADJUSTMENT, 0, 5, -1, 1.5, '1', null, true, undefined]) {
    const answer = await cards.transact(card, type, '1.00');
    assertRefused(answer, 400);
    assert.equal(answer.body.field, 'type', JSON.stringify(type));
  }
  assert.equal((await cards.ledger(card)).length, 1);
});

test('an amount that is not above zero, or no amount, is 400 (B10, B22)', async () => {
  const card = await newCard('10.00');
  const odd = [0, '0', '0.00', -1, '-1', '-0.01', '1.005', 1.005, '29.905', '1e3', ' 1', '1 ', '+1', '', '.5', '5.', '1,000', '0x10', '１',
    '12345678901', 'NaN', 'Infinity', null, true, [], {}, undefined];
  for (const type of [TOP_UP, SPEND, REFUND]) {
    for (const amount of odd) {
      const answer = await cards.transact(card, type, amount);
      assertRefused(answer, 400);
      assert.equal(answer.body.field, 'amount', JSON.stringify(amount));
    }
  }
  for (const number of ['1e0', '1E2', '-0', '1.000', '12345678901', '1e-2']) {
    assertRefused(await cards.call('POST', LEDGER, { raw: `{"card_id":${card.card_id},"type":1,"amount":${number}}` }), 400);
  }
  assert.equal(await cards.balance(card), '10.00');
  assert.equal((await cards.ledger(card)).length, 1);
});

test('spending more than the balance is refused, to the fen (B22)', async () => {
  const card = await newCard('10.00');
  for (const amount of ['10.01', '11', MOST]) {
    const answer = await cards.transact(card, SPEND, amount);
    assertRefused(answer, 409, 'INSUFFICIENT_BALANCE');
    assert.equal(answer.body.field, 'amount');
  }
  await cards.entry(card, SPEND, '10.00');
  assertRefused(await cards.transact(card, SPEND, '0.01'), 409, 'INSUFFICIENT_BALANCE');
  assert.equal((await cards.assertAddsUp(card)).length, 2);
});

test('a balance can\'t exceed the maximum amount', async () => {
  const card = await newCard(MOST);
  for (const type of [TOP_UP, REFUND]) {
    const answer = await cards.transact(card, type, '0.01');
    assertRefused(answer, 400);
    assert.equal(answer.body.field, 'amount');
  }
  await cards.entry(card, SPEND, MOST);
  assert.equal(await cards.balance(card), '0.00');
});

test('an unknown card is 404, an invalid id 400', async () => {
  assertRefused(await cards.transact({ card_id: 999_999 }, TOP_UP, '1'), 404, 'NOT_FOUND');
  for (const id of [0, -1, '1', 1.5, null, undefined]) {
    const answer = await cards.transact({ card_id: id }, TOP_UP, '1');
    assertRefused(answer, 400);
    assert.equal(answer.body.field, 'card_id', JSON.stringify(id));
  }
});

test('a disabled card refuses top-up and spending, and accepts refunds and adjustments (B22)', async () => {
  const card = await newCard('10.00');
  await cards.set(card, { status: DISABLED });
  for (const type of [TOP_UP, SPEND]) {
    const answer = await cards.transact(card, type, '1.00');
    assertRefused(answer, 409, 'CARD_DISABLED');
    assert.equal(answer.body.field, 'card_id');
  }
  assertRefused(await cards.transact(card, SPEND, '99.00'), 409, 'CARD_DISABLED');
  assertEntry(await cards.entry(card, REFUND, '2.00'), { balance_after: '12.00' });
  assert.equal((await cards.set(card, { balance: '5.00' })).balance, '5.00');
  await cards.set(card, { status: IN_USE });
  assertEntry(await cards.entry(card, SPEND, '1.00'), { balance_after: '4.00' });
  assert.equal((await cards.assertAddsUp(card)).length, 4);
});

test("a refund to a deleted card is credited to its user's live one, even if disabled, else 409 (B22)", async () => {
  const anna = await trade.buyer();
  const old = await cards.of(anna);
  assert.equal((await cards.remove(old)).status, 204);
  assertRefused(await cards.transact(old, REFUND, '3.00'), 409, 'CARD_NONE');
  for (const type of [TOP_UP, SPEND]) assertRefused(await cards.transact(old, type, '3.00'), 404, 'NOT_FOUND');
  const live = await cards.of(anna, '1.00');
  assertEntry(await cards.entry(old, REFUND, '3.00'), { card_id: live.card_id, type: REFUND, amount: '3.00', balance_after: '4.00' });
  await cards.set(live, { status: DISABLED });
  assertEntry(await cards.entry(old, REFUND, '0.50'), { card_id: live.card_id, balance_after: '4.50' });
  for (const type of [TOP_UP, SPEND]) assertRefused(await cards.transact(old, type, '3.00'), 404, 'NOT_FOUND');
  assert.deepEqual(await cards.assertAddsUp(old), []);
  assert.equal((await cards.assertAddsUp(live)).length, 3);
});

// ---- keys ----

test('an entry with an Idempotency-Key is made once, and its replay is identical', async () => {
  const card = await newCard('10.00');
  const first = await cards.transact(card, TOP_UP, '5.00', keyed('entry-1'));
  assert.deepEqual([first.status, replayed(first)], [201, null]);
  await cards.entry(card, SPEND, '15.00');
  const again = await cards.transact(card, TOP_UP, '5.00', keyed('entry-1'));
  assert.deepEqual([again.status, replayed(again)], [201, 'true']);
  assert.deepEqual(again.body, first.body);
  assertRefused(await cards.transact(card, TOP_UP, '6.00', keyed('entry-1')), 409, 'IDEMPOTENCY_MISMATCH');
  assertRefused(await cards.transact(card, SPEND, '0.01', keyed('entry-2')), 409, 'INSUFFICIENT_BALANCE');
  await cards.entry(card, TOP_UP, '0.01');
  const late = await cards.transact(card, SPEND, '0.01', keyed('entry-2'));
  assert.deepEqual([late.status, replayed(late)], [201, null], 'a refusal is not kept');
  assert.equal((await cards.assertAddsUp(card)).length, 5);
});

test('twenty concurrent duplicates are one entry', async () => {
  const card = await newCard('10.00');
  for (const type of [TOP_UP, SPEND, REFUND]) {
    const answers = await Promise.all(Array.from({ length: 20 }, () => cards.transact(card, type, '3.00', keyed(`twin-${type}`))));
    assert.deepEqual(tally(answers.map(({ status }) => status)), { 201: 20 });
    assert.equal(new Set(answers.map(({ body }) => body.transaction_id)).size, 1);
    assert.equal(answers.filter((answer) => replayed(answer) === null).length, 1);
  }
  assert.equal((await cards.assertAddsUp(card)).length, 4);
});

// ---- reading it ----

test('the ledger is read newest first by its owner and administrators (B4)', async () => {
  const [anna, bob] = await trade.buyers(2);
  const card = await cards.of(anna, '100.00');
  for (let i = 1; i <= 6; i++) await cards.entry(card, SPEND, `${i}.00`);
  await cards.set(card, { balance: '50.00' });
  const whole = await shop.ok('GET', `${LEDGER}?card_id=${card.card_id}`, { token: anna.token });
  assert.deepEqual(whole, await cards.ok('GET', `${LEDGER}?card_id=${card.card_id}`));
  assert.deepEqual(whole.map(({ type, amount, balance_after: after }) => [type, amount, after]), [
    [ADJUSTMENT, '-29.00', '50.00'], [SPEND, '6.00', '79.00'], [SPEND, '5.00', '85.00'], [SPEND, '4.00', '90.00'], [SPEND, '3.00', '94.00'],
    [SPEND, '2.00', '97.00'], [SPEND, '1.00', '99.00'], [TOP_UP, '100.00', '100.00'],
  ]);
  for (const row of whole) assertEntry(row, { card_id: card.card_id });
  const other = await cards.of(bob, '1.00');
  const foreign = (more = '') => shop.call('GET', `${LEDGER}?card_id=${card.card_id}${more}`, { token: bob.token });
  assertRefused(await foreign(), 403, 'FORBIDDEN');
  assertRefused(await foreign(`&user_id=${bob.user.user_id}`), 400, 'INVALID_REQUEST'); // not a filter of this list (B65)
  assert.equal((await shop.ok('GET', `${LEDGER}?card_id=${other.card_id}`, { token: bob.token })).length, 1);
});

test('a ledger without card_id is 400, of an unknown card 404; of a deleted card it stays readable for the same users', async () => {
  const [anna, bob] = await trade.buyers(2);
  const card = await cards.of(anna, '1.00');
  await cards.set(card, { balance: '0' });
  assert.equal((await cards.remove(card)).status, 204);
  for (const token of [anna.token, trade.admin]) {
    for (const query of ['', '?limit=5', '?card_id=0', '?card_id=x', '?card_id=-1', '?card_id=9223372036854775808']) {
      const answer = await shop.call('GET', `${LEDGER}${query}`, { token });
      assertRefused(answer, 400);
      assert.equal(answer.body.field, 'card_id', query);
    }
    assertRefused(await shop.call('GET', `${LEDGER}?card_id=999999`, { token }), 404, 'NOT_FOUND');
    assert.equal((await cards.ledger(card, token)).length, 2);
  }
  assertRefused(await shop.call('GET', `${LEDGER}?card_id=${card.card_id}`, { token: bob.token }), 403, 'FORBIDDEN');
});

// ---- many at once ----

test('thirty concurrent spendings of a balance for seven: seven succeed, never negative (B21)', async () => {
  for (let round = 0; round < 3; round++) {
    const card = await newCard('7.50');
    const answers = await Promise.all(Array.from({ length: 30 }, () => cards.transact(card, SPEND, '1.00')));
    assert.deepEqual(tally(answers.map(({ status }) => status)), { 201: 7, 409: 23 });
    for (const answer of answers.filter(({ status }) => status === 409)) assertRefused(answer, 409, 'INSUFFICIENT_BALANCE');
    assert.equal((await cards.assertAddsUp(card)).length, 8);
    assert.equal(await cards.balance(card), '0.50');
  }
});

// A seeded generator, so that a failing run can be repeated.
function randomOf(seed) {
  let state = seed;
  return (n) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return Math.floor((state / 2 ** 32) * n);
  };
}

test('a thousand random operations, 25 at a time: each balance equals the sum of its ledger (B21)', async () => {
  const OPERATIONS = 1000;
  const AT_A_TIME = 25;
  const random = randomOf(20_240_915);
  const people = await trade.buyers(3);
  const own = await Promise.all(people.map((person) => cards.of(person, '20.00')));
  const product = await trade.product({ price: '3.00', stock: OPERATIONS });
  const amount = () => `${random(9)}.${String(1 + random(99)).padStart(2, '0')}`;
  const made = [];
  const statuses = [];
  const spendOnOrder = async (at) => {
    const order = await trade.order(people[at], [[product, 1]]);
    return cards.pay(people[at], order);
  };
  const operation = () => {
    const at = random(own.length);
    const kind = random(20);
    if (kind < 5) return () => cards.transact(own[at], TOP_UP, amount());
    if (kind < 13) return () => cards.transact(own[at], SPEND, amount());
    if (kind < 15) return () => cards.transact(own[at], REFUND, amount());
    if (kind < 17) return () => spendOnOrder(at);
    if (kind < 18) return () => cards.put(own[at], { status: random(2) });
    if (kind < 19) return () => cards.put(own[at], { balance: amount(), status: IN_USE });
    return () => cards.remove(own[at]);
  };
  const queue = Array.from({ length: OPERATIONS }, operation);
  const workers = Array.from({ length: AT_A_TIME }, async () => {
    for (let next = queue.pop(); next; next = queue.pop()) {
      const { status, body } = await next();
      statuses.push(status);
      if (status === 201) made.push(body);
    }
  });
  await Promise.all(workers);
  const counts = tally(statuses);
  assert.deepEqual(Object.keys(counts).filter((status) => !['200', '201', '204', '404', '409'].includes(status)), [], JSON.stringify(counts));
  assert.ok(counts[201] > OPERATIONS / 4 && counts[409] > OPERATIONS / 20, `it was a mixture: ${JSON.stringify(counts)}`);
  const rows = (await Promise.all(own.map((card) => cards.assertAddsUp(card)))).flat();
  const byId = new Map(rows.map((row) => [row.transaction_id, row]));
  for (const entry of made) assert.deepEqual(byId.get(entry.transaction_id), entry, 'what was answered is what was done');
  const paid = await shop.sql('SELECT COUNT(*) AS n FROM orders WHERE paid_by = 1');
  const fromOrders = rows.filter(({ type, description }) => type === SPEND && description !== null);
  assert.equal(fromOrders.length, Number(paid[0].n), 'an order is paid exactly when the card was charged');
  for (const row of fromOrders) assert.equal(signedFen(row), -300);
  assert.ok(fromOrders.length > 0 && rows.some(({ type }) => type === ADJUSTMENT));
  const manual = rows.filter((row) => row.type !== ADJUSTMENT && !fromOrders.includes(row));
  assert.equal(manual.length, made.length + own.length, 'nothing was done that was not answered');
  assert.ok(rows.every((row) => fen(row.balance_after) >= 0));
  await trade.audit(0);
});
