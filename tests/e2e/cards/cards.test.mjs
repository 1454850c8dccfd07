// SPDX-License-Identifier: MIT
// Stored-value cards: creating, reading, changing and deleting (DESIGN 2; BEHAVIOUR 4, 8, 22). Their ledger: card-ledger.test.mjs.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { sequence } from '../../../sandbox/database/sql.mjs';
import { ADJUSTMENT, CARDS, CARD_KEYS, Cards, DISABLED, IN_USE, LEDGER, TOP_UP, assertCard, isLuhn } from '../lib/cards.mjs';
import { MINUTE_S, assertRefused, fen, openTrade, replayed, tally } from '../lib/trade.mjs';

const trade = await openTrade({ leaks: true });
const { shop } = trade;
const cards = new Cards(trade);
const adminId = (await cards.ok('GET', '/api/auth/me')).user_id;

const isGone = async (card) => assertRefused(await cards.read(card), 404, 'NOT_FOUND');
const keyed = (key) => ({ 'idempotency-key': key });

// ---- creating ----

test('a new card is as the contract shows it: empty, in use, with a number', async () => {
  const anna = await trade.buyer();
  const { status, body } = await cards.tryCreate(anna);
  assert.equal(status, 201);
  assertCard(body, { user_id: anna.user.user_id, balance: '0.00', status: IN_USE, updated_at: body.created_at });
  assert.ok(Math.abs(Date.parse(body.created_at) - Date.now()) < MINUTE_S * 1000);
});

test('unknown members of the body are ignored', async () => {
  const anna = await trade.buyer();
  const body = await cards.ok('POST', CARDS, {
    body: { user_id: anna.user.user_id, balance: '99.00', status: DISABLED, card_number: '4111111111111111', card_id: 77_777 },
  });
  assertCard(body, { balance: '0.00', status: IN_USE });
  assert.notEqual(body.card_number, '4111111111111111');
  assert.notEqual(body.card_id, 77_777);
  assert.deepEqual(await cards.ledger(body), []);
});

test('a card for an unknown user is 404, an invalid user_id is 400 and named', async () => {
  assertRefused(await cards.call('POST', CARDS, { body: { user_id: 999_999 } }), 404, 'NOT_FOUND');
  for (const odd of [0, -1, 1.5, '1', null, true, [], {}, 2 ** 63, undefined]) {
    const answer = await cards.call('POST', CARDS, { body: { user_id: odd } });
    assertRefused(answer, 400);
    assert.equal(answer.body.field, 'user_id', JSON.stringify(odd));
  }
});

test('a second live card is 409', async () => {
  const anna = await trade.buyer();
  const card = await cards.of(anna, '5.00');
  const second = await cards.tryCreate(anna);
  assertRefused(second, 409, 'CARD_EXISTS');
  assert.equal(second.body.field, 'user_id');
  await cards.set(card, { status: DISABLED });
  assertRefused(await cards.tryCreate(anna), 409, 'CARD_EXISTS');
  assert.equal(await cards.balance(card), '5.00');
});

test('twenty concurrent creations are one card', async () => {
  for (const person of await trade.buyers(3)) {
    const answers = await Promise.all(Array.from({ length: 20 }, () => cards.tryCreate(person)));
    assert.deepEqual(tally(answers.map(({ status }) => status)), { 201: 1, 409: 19 });
    for (const answer of answers.filter(({ status }) => status === 409)) assertRefused(answer, 409, 'CARD_EXISTS');
    const [{ n }] = await shop.sql(`SELECT COUNT(*) AS n FROM cards WHERE user_id = ${person.user.user_id}`);
    assert.equal(n, 1);
  }
});

test('numbers have sixteen digits, the last a Luhn check digit, the others random (B8)', async () => {
  const COUNT = 200;
  const FIRST = 50_001;
  await shop.sql(`INSERT INTO users (user_id, nickname, permission_level, created_at, updated_at)
      SELECT ${FIRST - 1} + seq, CONCAT('顾客 ', seq), 0, 1700000000000, 1700000000000 FROM ${sequence(COUNT)};
    INSERT INTO members (user_id, member_code, joined_at, last_active_at)
      SELECT user_id, CONCAT('T', user_id), created_at, created_at FROM users WHERE user_id >= ${FIRST}`);
  const made = await Promise.all(Array.from({ length: COUNT }, (_, i) => cards.ok('POST', CARDS, { body: { user_id: FIRST + i } })));
  for (const card of made) assertCard(card);
  const numbers = made.sort((a, b) => a.card_id - b.card_id).map((card) => card.card_number);
  // by chance, two of 200 share nine digits once in 40,000 runs, and a position practically never lacks four values
  assert.equal(new Set(numbers.map((number) => number.slice(0, 9))).size, COUNT, 'no common beginning');
  assert.equal(new Set(numbers.map((number) => number.slice(6, 15))).size, COUNT, 'no common end');
  for (let at = 0; at < 16; at++) assert.ok(new Set(numbers.map((number) => number[at])).size >= 7, `digit ${at} hardly varies`);
  assert.ok(numbers.some((number, i) => i > 0 && number < numbers[i - 1]), 'they do not count upwards');
  assert.ok(numbers.some((number, i) => i > 0 && number > numbers[i - 1]));
  assert.ok(!isLuhn(`${numbers[0].slice(0, 15)}${(Number(numbers[0][15]) + 1) % 10}`), 'the check can fail');
});

// ---- reading ----

test('the owner and administrators see a card, with its user; another user is refused in any state (B4)', async () => {
  const [anna, bob] = await trade.buyers(2);
  const card = await cards.of(anna, '12.30');
  await shop.ok('PUT', '/api/auth/me', { token: anna.token, body: { nickname: '安娜 🌸', email: 'anna@example.com' } });
  const user = { user_id: anna.user.user_id, nickname: '安娜 🌸', email: 'anna@example.com', phone: null };
  for (const token of [anna.token, trade.admin]) {
    const { status, body } = await cards.read(card, token);
    assert.equal(status, 200);
    assertCard(body, { card_id: card.card_id, user_id: anna.user.user_id, card_number: card.card_number, balance: '12.30', status: IN_USE, user },
      { withUser: true });
  }
  const refusals = [await cards.read(card, bob.token)];
  await cards.set(card, { balance: '0', status: DISABLED });
  refusals.push(await cards.read(card, bob.token));
  assert.equal((await cards.remove(card)).status, 204);
  refusals.push(await cards.read(card, bob.token));
  for (const answer of refusals) {
    assertRefused(answer, 403, 'FORBIDDEN');
    const { request_id: _, ...rest } = answer.body;
    const { request_id: __, ...first } = refusals[0].body;
    assert.deepEqual(rest, first);
  }
  assertRefused(await cards.read(card, anna.token), 404, 'NOT_FOUND');
  assertRefused(await cards.read({ card_id: 999_999 }, bob.token), 404, 'NOT_FOUND');
});

test('a user lists only the own card, whatever the filters (B4)', async () => {
  const [anna, bob, carl] = await trade.buyers(3);
  const [hers, his] = [await cards.of(anna, '1.00'), await cards.of(bob, '2.00')];
  for (const query of ['', `?user_id=${bob.user.user_id}`, '?status=1', `?user_id=${bob.user.user_id}&status=1&limit=500`]) {
    const rows = await shop.ok('GET', `${CARDS}${query}`, { token: anna.token });
    assert.deepEqual(rows.map((row) => row.card_id), [hers.card_id], query);
    assertCard(rows[0], { user_id: anna.user.user_id, balance: '1.00' }, { withUser: true });
  }
  assert.deepEqual(await shop.ok('GET', `${CARDS}?status=0`, { token: anna.token }), []);
  assert.deepEqual(await shop.ok('GET', CARDS, { token: carl.token }), [], 'nobody without a card has one');
  const all = await cards.ok('GET', `${CARDS}?limit=500`);
  for (const row of all) assertCard(row, {}, { withUser: true });
  for (const card of [hers, his]) assert.ok(all.some((row) => row.card_id === card.card_id));
  assert.deepEqual(all.map((row) => row.card_id), all.map((row) => row.card_id).sort((a, b) => b - a), 'newest first');
});

test('an administrator filters by user and by status', async () => {
  const [anna, bob] = await trade.buyers(2);
  const [hers, his] = [await cards.of(anna), await cards.of(bob)];
  await cards.set(his, { status: DISABLED });
  const ids = async (query) => (await cards.ok('GET', `${CARDS}?limit=500&${query}`)).map((row) => row.card_id);
  assert.deepEqual(await ids(`user_id=${anna.user.user_id}`), [hers.card_id]);
  assert.deepEqual(await ids(`user_id=${anna.user.user_id}&status=1`), [hers.card_id]);
  assert.deepEqual(await ids(`user_id=${anna.user.user_id}&status=0`), []);
  assert.deepEqual(await ids(`user_id=${bob.user.user_id}&status=0`), [his.card_id]);
  assert.deepEqual(await ids('user_id=999999'), []);
  const [disabled, inUse] = [await ids('status=0'), await ids('status=1')];
  assert.ok(disabled.includes(his.card_id) && !disabled.includes(hers.card_id));
  assert.ok(inUse.includes(hers.card_id) && !inUse.includes(his.card_id));
  for (const [field, values] of Object.entries({ status: ['2', '-1', 'x'], user_id: ['0', '-1', 'x', '1.5', '9223372036854775808'] })) {
    for (const value of values) {
      const answer = await cards.call('GET', `${CARDS}?${field}=${value}`);
      assertRefused(answer, 400);
      assert.equal(answer.body.field, field, value);
    }
  }
});

// ---- changing ----

test("an administrator's balance becomes an adjustment row, signed, and an entry in the journal", async () => {
  const anna = await trade.buyer();
  const card = await cards.of(anna, '50.00');
  const raised = await cards.set(card, { balance: '200.00' });
  assertCard(raised, { card_id: card.card_id, card_number: card.card_number, balance: '200.00', status: IN_USE, created_at: card.created_at });
  assertCard(await cards.set(card, { balance: 30.5 }), { balance: '30.50' });
  assertCard(await cards.set(card, { balance: '0' }), { balance: '0.00' });
  const rows = await cards.assertAddsUp(card);
  assert.deepEqual(rows.map(({ type, amount, balance_after: after }) => [type, amount, after]), [
    [TOP_UP, '50.00', '50.00'], [ADJUSTMENT, '150.00', '200.00'], [ADJUSTMENT, '-169.50', '30.50'], [ADJUSTMENT, '-30.50', '0.00'],
  ]);
  for (const row of rows.slice(1)) assert.match(row.description, /\p{Script=Han}/u);
  assert.deepEqual(await cards.journal(card), [20_000, 3050, 0].map((to) => ({ actor_user_id: adminId, action: 'card-balance', detail: `to ${to} fen` })));
});

test('an unchanged balance is no adjustment, and an empty change has no effect', async () => {
  const card = await cards.of(await trade.buyer(), '7.00');
  const before = (await cards.read(card)).body;
  for (const body of [{ balance: '7.00' }, { balance: 7 }, { status: IN_USE }, { balance: '7', status: IN_USE }, { colour: 'green' }, {}]) {
    const { user: _, ...same } = before;
    assert.deepEqual(await cards.set(card, body), same, JSON.stringify(body));
  }
  assert.equal((await cards.ledger(card)).length, 1);
  assert.deepEqual(await cards.journal(card), []);
});

test('a card can be disabled and enabled; balance and status may change together', async () => {
  const card = await cards.of(await trade.buyer(), '7.00');
  assertCard(await cards.set(card, { status: DISABLED }), { status: DISABLED, balance: '7.00' });
  assertCard(await cards.set(card, { status: IN_USE, balance: '9.99' }), { status: IN_USE, balance: '9.99' });
  assertCard(await cards.set(card, { balance: '1.00', status: DISABLED }), { status: DISABLED, balance: '1.00' });
  assert.deepEqual((await cards.read(card)).body.status, DISABLED);
  assert.equal((await cards.assertAddsUp(card)).length, 3);
});

test('a refused change has no effect, and names its field (B10, B12)', async () => {
  const card = await cards.of(await trade.buyer(), '7.00');
  const odd = {
    balance: ['-1', '-0.01', -1, '1.005', 1.005, '1e3', ' 1', '1 ', '+1', '', '.5', '5.', '1,000', '12345678901', 'NaN', null, true, [], {}],
    status: [2, -1, '1', 1.5, null, true, [], {}],
  };
  for (const [field, values] of Object.entries(odd)) {
    for (const value of values) {
      const other = field === 'balance' ? { status: DISABLED } : { balance: '100.00' };
      const answer = await cards.put(card, { ...other, [field]: value });
      assertRefused(answer, 400);
      assert.equal(answer.body.field, field, JSON.stringify(value));
    }
  }
  for (const number of ['1e3', '1E0', '-0', '7.000', '12345678901']) {
    assertRefused(await cards.call('PUT', `${CARDS}/${card.card_id}`, { raw: `{"balance":${number}}` }), 400);
  }
  const { body } = await cards.read(card);
  assert.deepEqual([body.balance, body.status], ['7.00', IN_USE]);
  assert.equal((await cards.ledger(card)).length, 1);
  assertRefused(await cards.put({ card_id: 999_999 }, { balance: '1.00' }), 404, 'NOT_FOUND');
});

test('a card\'s user and number can\'t be changed', async () => {
  const [anna, bob] = await trade.buyers(2);
  const card = await cards.of(anna);
  const changed = await cards.set(card, { user_id: bob.user.user_id, card_number: '4111111111111111', card_id: 5, deleted_at: null, status: DISABLED });
  assertCard(changed, { card_id: card.card_id, user_id: anna.user.user_id, card_number: card.card_number, status: DISABLED });
});

test('a change with an Idempotency-Key is made once, and its replay shows the current card', async () => {
  const card = await cards.of(await trade.buyer(), '10.00');
  const first = await cards.put(card, { balance: '25.00' }, keyed('put-1'));
  assert.deepEqual([first.status, replayed(first), first.body.balance], [200, null, '25.00']);
  await cards.entry(card, TOP_UP, '1.00');
  const again = await cards.put(card, { balance: '25.00' }, keyed('put-1'));
  assert.deepEqual([again.status, replayed(again)], [200, 'true']);
  assertCard(again.body, { card_id: card.card_id, balance: '26.00' });
  assertRefused(await cards.put(card, { balance: '30.00' }, keyed('put-1')), 409, 'IDEMPOTENCY_MISMATCH');
  assert.equal((await cards.assertAddsUp(card)).length, 3);
  const answers = await Promise.all(Array.from({ length: 20 }, () => cards.put(card, { balance: '3.00' }, keyed('put-2'))));
  assert.deepEqual(tally(answers.map(({ status }) => status)), { 200: 20 });
  assert.equal(answers.filter((answer) => replayed(answer) === null).length, 1);
  assert.equal((await cards.assertAddsUp(card)).length, 4);
});

test("a key used for one card is not a replay for another card's change", async () => {
  const [hers, his] = await Promise.all((await trade.buyers(2)).map((person) => cards.of(person, '10.00')));
  await cards.put(hers, { balance: '25.00' }, keyed('put-3'));
  const other = await cards.put(his, { balance: '25.00' }, keyed('put-3'));
  assertRefused(other, 409, 'IDEMPOTENCY_MISMATCH');
  assert.equal(replayed(other), null);
  assert.equal(await cards.balance(his), '10.00');
});

test('concurrent changes of a balance: each row is correct in sequence, the last one wins (B21)', async () => {
  const card = await cards.of(await trade.buyer());
  const answers = await Promise.all(Array.from({ length: 40 }, (_, i) => cards.put(card, { balance: `${1 + (i % 7)}.00` })));
  assert.deepEqual(tally(answers.map(({ status }) => status)), { 200: 40 });
  const rows = await cards.assertAddsUp(card);
  assert.equal(await cards.balance(card), rows.at(-1).balance_after);
});

// ---- deleting ----

test('a card with a balance can\'t be deleted; an empty one is soft-deleted, and its user may get another', async () => {
  const anna = await trade.buyer();
  const card = await cards.of(anna, '0.01');
  assertRefused(await cards.remove(card), 409, 'CARD_NOT_EMPTY');
  assert.equal(await cards.balance(card), '0.01');
  await cards.set(card, { balance: '0.00' });
  const gone = await cards.remove(card);
  assert.deepEqual([gone.status, gone.body], [204, null]);
  await isGone(card);
  assertRefused(await cards.remove(card), 404, 'NOT_FOUND');
  assertRefused(await cards.put(card, { balance: '5.00' }), 404, 'NOT_FOUND');
  assertRefused(await cards.put(card, { status: DISABLED }), 404, 'NOT_FOUND');
  assert.deepEqual(await cards.ok('GET', `${CARDS}?user_id=${anna.user.user_id}`), []);
  assert.deepEqual(await shop.ok('GET', CARDS, { token: anna.token }), []);
  assert.deepEqual((await cards.journal(card)).at(-1), { actor_user_id: adminId, action: 'delete', detail: null });
  const next = await cards.of(anna, '3.00');
  assert.notEqual(next.card_number, card.card_number);
  assert.deepEqual((await cards.ok('GET', `${CARDS}?user_id=${anna.user.user_id}`)).map((row) => row.card_id), [next.card_id]);
  assert.equal((await cards.assertAddsUp(card)).length, 2, 'what was done with it stays readable');
});

test('concurrent deletion and top-up: the money is on a live card, or was refused', async () => {
  for (const person of await trade.buyers(15)) {
    const card = await cards.of(person);
    const [gone, entry] = await Promise.all([cards.remove(card), cards.transact(card, TOP_UP, '5.00')]);
    assert.deepEqual([gone.status, entry.status], gone.status === 204 ? [204, 404] : [409, 201]);
    assert.equal((await cards.read(card)).status, gone.status === 204 ? 404 : 200);
  }
});

// ---- deletion of users ----

test('a user with a card balance can\'t be deleted; an empty card is deleted too, and no personal data remains', async () => {
  const anna = await trade.buyer();
  await shop.ok('PUT', '/api/auth/me', { token: anna.token, body: { nickname: '安娜大人', email: 'leaving@example.com' } });
  const card = await cards.of(anna, '0.01');
  const order = await trade.orderIn(anna, [[await trade.product(), 1]], 4);
  const leave = () => cards.call('DELETE', `/api/users/${anna.user.user_id}`);
  const refused = await leave();
  assertRefused(refused, 409, 'USER_IN_USE');
  assert.match(refused.body.message, /会员卡/);
  assert.equal((await cards.read(card, anna.token)).status, 200, 'the session lives on');
  await cards.set(card, { status: DISABLED });
  assertRefused(await leave(), 409, 'USER_IN_USE');
  await cards.set(card, { balance: '0' });
  assert.equal((await leave()).status, 204);
  await isGone(card);
  assert.equal((await cards.read(card, anna.token)).status, 401);
  const [row] = await shop.sql(`SELECT nickname, email, phone, openid, avatar_url FROM users WHERE user_id = ${anna.user.user_id}`);
  assert.deepEqual(row, { nickname: '已注销用户', email: null, phone: null, openid: null, avatar_url: null });
  assert.equal((await trade.read(order)).user.nickname, '已注销用户');
  assertRefused(await cards.tryCreate(anna), 404, 'NOT_FOUND');
  const { user } = await shop.login(anna.name);
  assert.notEqual(user.user_id, anna.user.user_id);
  assertCard(await cards.of({ user }), { balance: '0.00' });
});

test('a user is deleted while the card is created or topped up: no balance without an owner', async () => {
  for (const person of await trade.buyers(10)) {
    const card = await cards.of(person);
    const [left, entry] = await Promise.all([
      cards.call('DELETE', `/api/users/${person.user.user_id}`), cards.transact(card, TOP_UP, '5.00')]);
    assert.deepEqual([left.status, entry.status], left.status === 204 ? [204, 404] : [409, 201]);
  }
  for (const person of await trade.buyers(10)) {
    const [left, made] = await Promise.all([cards.call('DELETE', `/api/users/${person.user.user_id}`), cards.tryCreate(person)]);
    assert.equal(left.status, 204);
    assert.ok([201, 404].includes(made.status), JSON.stringify(made.body));
    const live = await shop.sql(`SELECT card_id FROM cards WHERE user_id = ${person.user.user_id} AND deleted_at IS NULL`);
    assert.deepEqual(live, []);
  }
});

test('only administrators change cards, and refusals don\'t reveal whether one exists (B4)', async () => {
  const [anna, bob] = await trade.buyers(2);
  const card = await cards.of(anna, '5.00');
  for (const { token } of [anna, bob]) {
    for (const id of [card.card_id, 999_999]) {
      assertRefused(await shop.call('PUT', `${CARDS}/${id}`, { token, body: { balance: '500.00' } }), 403, 'FORBIDDEN');
      assertRefused(await shop.call('DELETE', `${CARDS}/${id}`, { token }), 403, 'FORBIDDEN');
      assertRefused(await shop.call('POST', LEDGER, { token, body: { card_id: id, type: TOP_UP, amount: '5.00' } }), 403, 'FORBIDDEN');
    }
    assertRefused(await shop.call('POST', CARDS, { token, body: { user_id: bob.user.user_id } }), 403, 'FORBIDDEN');
  }
  const { body } = await cards.read(card);
  assert.deepEqual(CARD_KEYS.map((name) => body[name]).slice(0, 2), [card.card_id, anna.user.user_id]);
  assert.equal(fen(body.balance), 500);
});
