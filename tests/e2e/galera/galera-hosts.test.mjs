// SPDX-License-Identifier: MIT
// Two hosts on two Galera nodes, both written to at once: the row that guards a rule is written in the transaction that
// relies on it (BEHAVIOUR 61), each host shows the other's changes (50), and when a node dies nothing is lost or done twice
// (53).
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { Cards, SPEND } from '../lib/cards.mjs';
import { openHosts } from '../lib/hosts.mjs';
import { Points } from '../lib/loyalty.mjs';
import { CANCELLED, PAID, PENDING, REFUNDED, assertRefused, redelivered, tally, until } from '../lib/trade.mjs';

const ROUNDS = 6;
const STEP_MS = 6;
const HOSTS = 2;
const { cluster, one, two, race, caughtUp } = await openHosts();
const { shop } = one;
const cards = { one: new Cards(one), two: new Cards(two) };
const points = { one: new Points(shop, one.admin), two: new Points(two.shop, one.admin) };
const consignee = { name: '卡尔', phone: '13400000003', address: '某街 1 号' };

const rounds = async (play) => { for (let round = 0; round < ROUNDS; round++) await play(round); };
// A little later in each round, so that its COMMIT comes before the other's in some, after it in others.
const later = (round, act) => async () => { await delay(round * STEP_MS); return act(); };
const codes = (answers) => answers.map(({ status, body }) => (status < 300 ? status : body.code ?? status));
const leave = (host, person) => host.call('DELETE', `/api/users/${person.user.user_id}`, { token: one.admin });

// A user known to both hosts.
async function buyer() {
  const person = await one.buyer();
  await caughtUp();
  return person;
}

// ---- rules about many rows ----

test('two administrators demote each other: one of them remains (B61)', async () => {
  const anna = await one.buyer();
  await shop.ok('PUT', `/api/users/${anna.user.user_id}`, { token: one.admin, body: { permission_level: 1 } });
  const { token } = await one.signInAgain(anna);
  const [chief] = await shop.sql("SELECT user_id FROM users WHERE email = 'admin@example.com'");
  const before = await shop.sql(`SELECT user_id, token_version FROM users WHERE user_id IN (${anna.user.user_id}, ${chief.user_id})`);
  const demote = (host, id, by) => host.call('PUT', `/api/users/${id}`, { token: by, body: { permission_level: 0 } });
  await caughtUp();
  await rounds(async () => {
    const answers = await race(() => demote(one, anna.user.user_id, one.admin), () => demote(two, chief.user_id, token));
    const [{ n }] = await shop.sql('SELECT COUNT(*) AS n FROM users WHERE permission_level = 1 AND deleted_at IS NULL');
    for (const { user_id: id, token_version: version } of before) {
      await shop.sql(`UPDATE users SET permission_level = 1, token_version = ${version} WHERE user_id = ${id}`);
    }
    await caughtUp();
    assert.equal(n, 1, JSON.stringify(codes(answers)));
    assert.equal(answers.filter(({ status }) => status === 200).length, 1, JSON.stringify(codes(answers)));
  });
  await shop.sql(`UPDATE users SET permission_level = 0 WHERE user_id = ${anna.user.user_id}`);
});

async function category(parent = null) {
  return (await shop.ok('POST', '/api/categories', { token: one.admin, body: { name: '茶', parent_id: parent } })).category_id;
}

test('two categories move below each other: no cycle (B19, B61)', async () => {
  const move = (host, id, parent) => host.call('PUT', `/api/categories/${id}`, { token: one.admin, body: { parent_id: parent } });
  await rounds(async () => {
    const [black, green] = [await category(), await category()];
    await caughtUp();
    const answers = await race(() => move(one, black, green), () => move(two, green, black));
    assert.deepEqual(codes(answers).sort(), [200, 'CATEGORY_CYCLE']);
  });
});

test('a category is deleted while something is added to it: one of the two is refused (B19, B61)', async () => {
  const put = {
    'a product': (id) => two.call('POST', '/api/products', { token: one.admin, body: { name: '龙井', price: '1.00', category_id: id } }),
    'a category': (id) => two.call('POST', '/api/categories', { token: one.admin, body: { name: '龙井', parent_id: id } }),
  };
  for (const [what, act] of Object.entries(put)) {
    await rounds(async () => {
      const id = await category();
      await caughtUp();
      const [gone, made] = await race(() => shop.call('DELETE', `/api/categories/${id}`, { token: one.admin }), () => act(id));
      const pair = JSON.stringify([what, gone.status, made.status, gone.body?.code]);
      assert.ok(['[204,400]', '[409,201]'].includes(JSON.stringify([gone.status, made.status])), pair);
    });
  }
});

test('a plan is deleted while it is ordered: it is kept for its order, or there is no order (B31, B61)', async () => {
  await rounds(async (round) => {
    const { data: plan } = await shop.ok('POST', '/api/membership/plans/', {
      token: one.admin, body: { name: '月卡', price: '30.00', duration_days: 30, level: 1 },
    });
    const anna = await buyer();
    const [gone, made] = await race(later(round, () => shop.call('DELETE', `/api/membership/plans/?id=${plan.id}`, { token: one.admin })),
      () => two.call('POST', '/api/membership/orders/create/', { token: anna.token, body: { plan_id: plan.id } }));
    assert.equal(gone.status, 200);
    assert.ok([200, 404].includes(made.status), JSON.stringify(made.body));
    const [{ orphans }] = await shop.sql(`SELECT COUNT(*) AS orphans FROM membership_orders o
      LEFT JOIN plans p ON p.id = o.plan_id WHERE o.user_id = ${anna.user.user_id} AND p.id IS NULL`);
    assert.equal(orphans, 0);
  });
});

// ---- a user being deleted ----

test('an order of a user being deleted: cancelled without its address, or not placed (B17, B61)', async () => {
  const own = await one.product({ stock: 100 });
  await rounds(async (round) => {
    const anna = await buyer();
    const [left, placed] = await race(later(round, () => leave(one, anna)), () => two.tryOrder(anna, [[own, 1]], { consignee }));
    assert.equal(left.status, 204);
    assert.ok([201, 401].includes(placed.status), JSON.stringify(placed.body));
    const rows = await shop.sql(`SELECT status, consignee_name FROM orders WHERE user_id = ${anna.user.user_id}`);
    assert.deepEqual(rows, placed.status === 201 ? [{ status: CANCELLED, consignee_name: null }] : []);
  });
  assert.equal(await one.stock(own), 100);
});

test('a card for a user being deleted: none remains (B61)', async () => {
  await rounds(async () => {
    const anna = await buyer();
    const [left] = await race(() => leave(one, anna), () => cards.two.tryCreate(anna));
    assert.equal(left.status, 204);
    assert.deepEqual(await shop.sql(`SELECT card_id FROM cards WHERE live_user_id = ${anna.user.user_id}`), []);
  });
});

test('a payment prepared for a user being deleted does not keep the openid (B61)', async () => {
  const own = await one.product({ stock: 100 });
  await rounds(async (round) => {
    const anna = await one.buyer();
    const order = await one.order(anna, [[own, 1]]);
    await caughtUp();
    const [left] = await race(later(round, () => leave(one, anna)), () => two.tryPrepay(anna, order));
    assert.equal(left.status, 204);
    assert.deepEqual((await one.attempts(order)).filter(({ request }) => request !== ''), []);
    assert.equal(await one.status(order), CANCELLED);
  });
});

test('a late payment for a user being deleted: granted to an existing user, or refund due (B37, B61)', async () => {
  const own = await one.product({ stock: 100 });
  await rounds(async () => {
    const anna = await one.buyer();
    const order = await one.order(anna, [[own, 1]]);
    const { outTradeNo } = await one.prepay(anna, order);
    await shop.pay(outTradeNo, { notify: false });
    await one.cancel(anna, order);
    await caughtUp();
    const [left] = await race(() => leave(two, anna), () => one.payNotified(outTradeNo));
    const status = await one.status(order);
    assert.deepEqual([left.status, status], left.status === 204 ? [204, CANCELLED] : [409, PAID]);
  });
});

// ---- money and stock ----

test('the last item is sold once (B16, B61)', async () => {
  await rounds(async () => {
    const own = await one.product({ stock: 1 });
    const anna = await buyer();
    const answers = await race(() => one.tryOrder(anna, [[own, 1]]), () => two.tryOrder(anna, [[own, 1]]));
    assert.deepEqual(codes(answers).sort(), [201, 'INSUFFICIENT_STOCK']);
    assert.equal(await one.stock(own), 0);
  });
});

test('a card is spent on both hosts: never below zero (B21, B61)', async () => {
  await rounds(async () => {
    const card = await cards.one.of(await one.buyer(), '10.00');
    await caughtUp();
    const answers = await race(() => cards.one.transact(card, SPEND, '7.00'), () => cards.two.transact(card, SPEND, '7.00'));
    assert.deepEqual(codes(answers).sort(), [201, 'INSUFFICIENT_BALANCE']);
    assert.equal(await cards.one.balance(card), '3.00');
  });
});

test('points are used on both hosts: never more than there are (B46, B61)', async () => {
  await rounds(async (round) => {
    const member = await buyer();
    assert.equal((await points.one.earn(member, 10)).status, 201);
    await caughtUp();
    const answers = await race(() => points.one.use(member, 7), later(round, () => points.two.use(member, 7)));
    await caughtUp();
    assert.equal((await points.one.balance(member)).current_points, 3);
    assert.deepEqual(tally(answers.map(({ status, body }) => body.error?.code ?? status)), { 201: 1, INSUFFICIENT_POINTS: 1 });
  });
});

test('points are earned on both hosts for one source: one row, the same answer (B45, B61)', async () => {
  await rounds(async (round) => {
    const members = [await buyer(), await buyer()];
    const source = { source_id: `BOTH-${round}` };
    const answers = await race(() => points.one.earn(members[0], 5, source), later(round, () => points.two.earn(members[round % 2], 5, source)));
    assert.deepEqual(answers.map(({ status }) => status), [201, 201], JSON.stringify(answers));
    assert.deepEqual(answers[0].body, answers[1].body);
  });
});

test('one order is paid by card on both hosts: once (B21, B61)', async () => {
  const own = await one.product({ stock: 100 });
  await rounds(async () => {
    const anna = await one.buyer();
    const card = await cards.one.of(anna, '50.00');
    const order = await one.order(anna, [[own, 1]]);
    await caughtUp();
    const answers = await race(() => cards.one.pay(anna, order), () => cards.two.pay(anna, order));
    assert.deepEqual(codes(answers).sort(), [200, 'ORDER_PAID']);
    assert.equal(await cards.one.balance(card), '40.00');
  });
});

test('one payment is notified to one host and queried by the other: granted once (B36, B61)', async () => {
  const own = await one.product({ stock: 100 });
  await rounds(async () => {
    const anna = await one.buyer();
    const order = await one.order(anna, [[own, 1]]);
    const { outTradeNo } = await one.prepay(anna, order);
    await shop.pay(outTradeNo, { notify: false });
    await caughtUp();
    await race(() => one.payNotified(outTradeNo), () => two.paymentStatus(anna, order));
    assert.equal(await one.status(order), PAID);
    assert.deepEqual([await one.moves(order), (await one.states(order)).length], [[-1], 1]);
  });
});

const refund = (host, order, amount) => host.call('POST', '/api/payment/refunds', {
  token: one.admin, body: { order_id: order.order_id, reason: '退货', amount },
});

async function paidOrder() {
  const anna = await one.buyer();
  const order = await one.order(anna, [[await one.product({ price: '10.00', stock: 5 }), 1]]);
  await one.payByWechat(anna, order);
  await caughtUp();
  return order;
}

test('two refunds of one payment never exceed what was paid (B43, B61)', async () => {
  await rounds(async () => {
    const order = await paidOrder();
    const answers = await race(() => refund(one, order, '7.00'), () => refund(two, order, '7.00'));
    assert.deepEqual(codes(answers).sort(), [201, 'REFUND_EXCEEDS']);
  });
});

test('two refunds that succeed concurrently: everything is refunded, and so is the order (B43, B61)', async () => {
  await shop.sandbox('POST', '/sandbox/refund-mode', { status: 'PROCESSING' });
  await rounds(async () => {
    const order = await paidOrder();
    const made = [await refund(one, order, '5.00'), await refund(one, order, '5.00')].map(({ body }) => body.refund_no);
    await caughtUp();
    const numbers = made.map((no) => `'${no}'`).join();
    // the provider completed both; one host is notified of the first, the other queries the second
    await Promise.all(made.map((no) => shop.sandbox('POST', `/refund/${no}`, { status: 'SUCCESS', notify: false })));
    await shop.sql(`UPDATE outbox SET due_at = 1 WHERE kind = 2
      AND ref_id = (SELECT refund_id FROM refunds WHERE refund_no = '${made[1]}')`);
    await caughtUp();
    await one.forgetRequests();
    await one.fault('refund_query', 'late', { delay_ms: 4500 });
    const jobs = two.shop.jobs();
    await one.asked('query');
    await Promise.all([
      redelivered(async () => (await shop.sandbox('POST', `/refund/${made[0]}`, { status: 'SUCCESS' })).body),
      one.noFaults(), jobs,
    ]);
    await caughtUp();
    assert.deepEqual(await shop.sql(`SELECT DISTINCT state FROM refunds WHERE refund_no IN (${numbers})`), [{ state: 2 }]);
    assert.equal(await one.status(order), REFUNDED);
  });
  await shop.sandbox('POST', '/sandbox/refund-mode', { status: 'SUCCESS' });
});

test('one Idempotency-Key on both hosts: one order, returned by both', async () => {
  const own = await one.product({ stock: 100 });
  await rounds(async (round) => {
    const anna = await buyer();
    const headers = { 'idempotency-key': `both-hosts-${round}` };
    const answers = await race(() => one.tryOrder(anna, [[own, 1]], { headers }), () => two.tryOrder(anna, [[own, 1]], { headers }));
    assert.deepEqual(codes(answers), [201, 201]);
    assert.equal(answers[0].body.order_id, answers[1].body.order_id);
    assert.equal((await shop.sql(`SELECT id FROM orders WHERE user_id = ${anna.user.user_id}`)).length, 1);
  });
});

// ---- freshness on the other host ----

test('a status is fresh on the other host right after a payment (B50)', async () => {
  const { data: plan } = await shop.ok('POST', '/api/membership/plans/', {
    token: one.admin, body: { name: '月卡', price: '30.00', duration_days: 30, level: 1 },
  });
  await rounds(async () => {
    const anna = await one.buyer();
    const vip = async (host) => (await host.shop.ok('GET', `/membership/status?member_id=${anna.user.member_id}`, { token: anna.token })).is_vip;
    assert.deepEqual([await vip(two), await vip(one)], [false, false]);
    const { data: order } = await shop.ok('POST', '/api/membership/orders/create/', { token: anna.token, body: { plan_id: plan.id } });
    await shop.ok('POST', '/api/membership/orders/pay/', { token: anna.token, body: { order_no: order.order_no, payment_method: 'ALIPAY' } });
    assert.deepEqual([await vip(two), await vip(one)], [true, true]);
  });
});

// ---- a node that dies ----

const BUYERS = 8;

test('a node is killed while orders commit: what was acknowledged exists, what is unknown happened once or not at all (B53, B61)', async () => {
  const own = await one.product({ price: '1.00', stock: 1000 });
  const people = await one.buyers(BUYERS);
  await caughtUp();
  await cluster.evictFast();
  const key = (person) => ({ 'idempotency-key': `killed-${person.user.user_id}` });
  const tries = people.map((person, i) => (i % 2 ? two.tryOrder(person, [[own, 1]]) : two.tryOrder(person, [[own, 1]], { headers: key(person) }))
    .catch((error) => ({ status: 0, body: { code: error.message } })));
  await delay(30); // some are in progress, some not started
  const killed = cluster.nodes[1].kill();
  const answers = await Promise.all(tries);
  await killed;
  for (const { status, body } of answers) {
    assert.ok(status === 201 || (status === 503 && ['UNKNOWN_OUTCOME', 'DATABASE_UNAVAILABLE'].includes(body.code)), `${status} ${JSON.stringify(body)}`);
  }
  const placed = async (person) => (await shop.sql(`SELECT id FROM orders WHERE user_id = ${person.user.user_id}`)).length;
  await until('the first node to go on alone', async () => (await one.tryOrder(people[1], [[own, 1]])).status === 201, { limitMs: 60_000, everyMs: 200 });
  assert.ok(await placed(people[1]) >= 1);

  // retried with the same key, on the host that still works
  for (const [i, person] of people.entries()) {
    if (i % 2 === 0) {
      const again = await one.tryOrder(person, [[own, 1]], { headers: key(person) });
      assert.equal(again.status, 201, JSON.stringify(again.body));
      if (answers[i].status === 201) assert.equal(again.body.order_id, answers[i].body.order_id);
      assert.equal(await placed(person), 1);
    } else if (i > 1) {
      const n = await placed(person);
      assert.ok(answers[i].status === 201 ? n === 1 : n <= 1, `${answers[i].status}, and ${n} orders`);
    }
  }
  const [{ n }] = await shop.sql(`SELECT COUNT(*) AS n FROM order_items WHERE product_id = ${own}`);
  assert.equal(await one.stock(own), 1000 - n);
  assert.equal((await one.audit()).length > 0, true);

  // the host without a node answers 503, and serves again as soon as it has one
  assertRefused(await two.tryOrder(people[0], [[own, 1]]), 503, 'DATABASE_UNAVAILABLE');
  await two.shop.restartWeb({ DB_SOCKET: cluster.nodes[0].socket });
  assert.equal((await two.tryOrder(people[0], [[own, 1]])).status, 201);
  assert.equal(await placed(people[0]), HOSTS);
});
