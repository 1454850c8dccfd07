// SPDX-License-Identifier: MIT
// Users: lists, changes by administrators and by themselves, deletion, and the last administrator.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ATTEMPT, CANCELLED, COMPLETED, DATE, PAID, PENDING, REFUNDED, SHIPPED, assertRefused, isBusy, openTrade, tally } from '../lib/trade.mjs';

const USER = ['user_id', 'openid', 'nickname', 'avatar_url', 'gender', 'phone', 'email', 'permission_level', 'created_at', 'updated_at'];
const DONE = { message: '用户信息更新成功' };
const PASSWORD = 'a-password-of-12';

const trade = await openTrade({ leaks: true });
const { shop } = trade;
const anna = await trade.buyer();

const get = (id, token = trade.admin) => shop.call('GET', `/api/users/${id}`, { token });
const put = (id, body, token = trade.admin) => shop.call('PUT', `/api/users/${id}`, { token, body });
const remove = (id, token = trade.admin) => shop.call('DELETE', `/api/users/${id}`, { token });
const putMe = (person, body) => shop.call('PUT', '/api/auth/me', { token: person.token, body });
const list = (query, token = trade.admin) => shop.ok('GET', `/api/users?${query}`, { token });
const signIn = (account, password) => shop.call('POST', '/api/auth/login', { body: { account, password } });
const ids = (users) => users.map(({ user_id: id }) => id);
const rowOf = async (id) => (await shop.sql(`SELECT * FROM users WHERE user_id = ${id}`))[0];

async function set(id, body) {
  const answer = await put(id, body);
  assert.deepEqual([answer.status, answer.body], [200, DONE], JSON.stringify(answer.body));
}

// Every input field, with refused values; for administrators and own changes.
const BAD_FIELDS = {
  nickname: ['', '\u200b', '\u3164', '\u2800', '\u3000', '\u200e\u202e', 'a\u202eb', 'a\tb', 'a\u0001', 'a\u0378', 'x'.repeat(101), null, 5, true, [], {}],
  avatar_url: ['', 'http://tmp/9xN2cQk7.jpg', 'https://', 'https:///a.png', 'https://a b/c.png', 'https://x" onerror="y', 'javascript:alert(1)', 'ftp://example.com/a.png', 'x.png', `https://${'x'.repeat(500)}`, 5],
  gender: [-1, 3, 1.5, '1', true],
  phone: ['1234', 'abcdefg', '1'.repeat(16), '138-0013-8000', '+', 13800138000, '１３８００１３８０００'],
  email: ['', 'a', '@b.cn', 'a@', 'a@b', 'a@b.', 'a@.cn', 'a@@b.cn', 'a b@c.cn', '张@example.com', `${'a'.repeat(250)}@b.cn`, '<a@b.cn>', 5],
  password: ['', 'short-7', 'x'.repeat(129), '密'.repeat(43), null, 12345678],
};

test('the list is for administrators, newest first, in the shape of the contract', async () => {
  const people = await trade.buyers(3);
  const all = await list('limit=500');
  for (const user of all) {
    assert.deepEqual(Object.keys(user), USER);
    for (const moment of [user.created_at, user.updated_at]) assert.match(moment, DATE);
    assert.ok(Number.isSafeInteger(user.user_id) && [0, 1].includes(user.permission_level));
  }
  assert.deepEqual(ids(all), [...ids(all)].sort((a, b) => b - a));
  for (const { user } of people) assert.ok(ids(all).includes(user.user_id));
  const one = await get(anna.user.user_id);
  assert.equal(one.status, 200);
  assert.equal(one.headers.get('cache-control'), 'no-store');
  assert.deepEqual(one.body, all.find((user) => user.user_id === anna.user.user_id));
  assertRefused(await shop.call('GET', '/api/users', { token: anna.token }), 403, 'FORBIDDEN');
  assertRefused(await get(anna.user.user_id, anna.token), 403, 'FORBIDDEN');
  assertRefused(await put(anna.user.user_id, { permission_level: 1 }, anna.token), 403, 'FORBIDDEN');
  assertRefused(await remove(people[0].user.user_id, anna.token), 403, 'FORBIDDEN');
  assert.equal((await get(people[0].user.user_id)).status, 200);
});

test('the list is filtered by level and by part of nickname, phone or e-mail', async () => {
  const [a, b, c] = ids((await trade.buyers(3)).map(({ user }) => user)).sort((x, y) => x - y);
  await set(a, { nickname: '搜寻者甲 100%', email: 'Seek.One@example.com', phone: '15500000001' });
  await set(b, { nickname: '搜寻者乙 100_', email: 'seek.two@example.com', phone: '15500000002' });
  await set(c, { nickname: '搜寻者丙 100\\', permission_level: 1 });
  for (const [query, wanted] of [
    [{ q: '搜寻者' }, [c, b, a]],
    [{ q: '寻者甲' }, [a]],
    [{ q: 'SEEK.' }, [b, a]],
    [{ q: 'seek.' }, [b, a]],
    [{ q: '155000000' }, [b, a]],
    [{ q: '+86 155 000 000' }, [b, a]],
    [{ q: '155 0000 0001' }, [a]],
    [{ q: '+8615500000001' }, [a]],
    [{ q: '008615500000002' }, [b]],
    [{ q: ' \u3000搜寻者 ' }, [c, b, a]],
    [{ q: '100%' }, [a]],
    [{ q: '100_' }, [b]],
    [{ q: '100\\' }, [c]],
    [{ q: '搜寻者', permission_level: 1 }, [c]],
    [{ q: '搜寻者', permission_level: 0 }, [b, a]],
    [{ q: "' OR 1=1 -- " }, []],
    [{ q: '搜寻者', unknown: 'x' }, [c, b, a]],
  ]) {
    assert.deepEqual(ids(await list(new URLSearchParams(query))), wanted, JSON.stringify(query));
  }
  const staff = await list('permission_level=1');
  assert.deepEqual(tally(staff.map((user) => user.permission_level)), { 1: 2 });
  for (const query of ['permission_level=2', 'permission_level=x', 'permission_level=-1', `q=${'x'.repeat(101)}`, 'q=%ff']) {
    const answer = await shop.call('GET', `/api/users?${query}`, { token: trade.admin });
    assertRefused(answer, 400);
    assert.equal(answer.body.field, query.split('=')[0]);
  }
  await set(c, { permission_level: 0 });
});

test('paging keeps the filter', async () => {
  const people = await trade.buyers(7);
  for (const { user } of people) await set(user.user_id, { nickname: `分页 ${user.user_id}` });
  const found = [];
  let next = `/api/users?limit=3&q=${encodeURIComponent('分页')}`;
  const sizes = [];
  while (next) {
    const { status, headers, body } = await shop.call('GET', next, { token: trade.admin });
    assert.equal(status, 200);
    sizes.push(body.length);
    found.push(...ids(body));
    [, next] = /^<(\/api\/users\?[^>]+)>; rel="next"$/.exec(headers.get('link') ?? '') ?? [];
  }
  assert.deepEqual(sizes, [3, 3, 1]);
  assert.deepEqual(found, people.map(({ user }) => user.user_id).sort((a, b) => b - a));
});

test('a change affects only the present members and ignores read-only ones (B6)', async () => {
  const { user } = await trade.buyer();
  const before = await rowOf(user.user_id);
  await set(user.user_id, { nickname: '小明 🧧', email: 'Ming@Example.COM', phone: '+8613700000001', gender: 1, avatar_url: 'https://example.com/a.png' });
  const { body } = await get(user.user_id);
  assert.deepEqual(body, {
    ...body, nickname: '小明 🧧', email: 'ming@example.com', phone: '+8613700000001', gender: 1, avatar_url: 'https://example.com/a.png', openid: user.openid,
  });
  assert.ok(body.updated_at >= user.updated_at);
  await set(user.user_id, {
    user_id: 1, openid: 'stolen', created_at: '2020-01-01T00:00:00.000Z', token_version: 9, password_hash: 'x', deleted_at: 5, member_id: 1, unknown: {},
  });
  await set(user.user_id, {});
  const row = await rowOf(user.user_id);
  for (const name of ['openid', 'created_at', 'token_version', 'password_hash', 'deleted_at', 'permission_level']) {
    assert.deepEqual(row[name], before[name], name);
  }
  assert.equal(row.nickname, '小明 🧧');
});

test('null clears optional members', async () => {
  const { user } = await trade.buyer();
  await set(user.user_id, { email: 'null@example.com', phone: '13700000009', gender: 2, avatar_url: 'https://example.com/a.png' });
  await set(user.user_id, { email: null, phone: null, gender: null, avatar_url: null });
  const { body } = await get(user.user_id);
  assert.deepEqual([body.email, body.phone, body.gender, body.avatar_url], [null, null, null, null]);
  assert.equal(body.nickname, user.nickname);
});

test('an invalid field is 400 and named, and nothing of that change is stored (B12)', async () => {
  const carl = await trade.buyer();
  const before = await rowOf(carl.user.user_id);
  const change = { admin: (body) => put(carl.user.user_id, body), self: (body) => putMe(carl, body) };
  for (const [field, values] of Object.entries(BAD_FIELDS)) {
    for (const value of values) {
      for (const [who, send] of Object.entries(change)) {
        const answer = await send({ nickname: '不可保留', gender: 1, old_password: PASSWORD, ...{ [field]: value } });
        assert.equal(answer.status, 400, `${who} ${field} ${JSON.stringify(value)}: ${JSON.stringify(answer.body)}`);
        assert.equal(answer.body.field, field);
      }
    }
  }
  for (const level of [2, -1, '1', true, null, 0.5]) {
    const answer = await put(carl.user.user_id, { permission_level: level });
    assertRefused(answer, 400);
    assert.equal(answer.body.field, 'permission_level');
  }
  assert.deepEqual({ ...await rowOf(carl.user.user_id) }, before);
});

test('e-mail and phone are unique among live users, case-insensitively (409)', async () => {
  const [a, b] = await trade.buyers(2);
  await set(a.user.user_id, { email: 'unique@example.com', phone: '13600000001' });
  for (const send of [(body) => put(b.user.user_id, body), (body) => putMe(b, body)]) {
    const email = await send({ email: 'UNIQUE@Example.com', nickname: '不可保留' });
    assertRefused(email, 409, 'EMAIL_TAKEN');
    assert.equal(email.body.field, 'email');
    const phone = await send({ phone: '13600000001', nickname: '不可保留' });
    assertRefused(phone, 409, 'PHONE_TAKEN');
    assert.equal(phone.body.field, 'phone');
  }
  assert.equal((await get(b.user.user_id)).body.nickname, b.user.nickname);
  await set(a.user.user_id, { email: 'UNIQUE@example.com' }); // the user's own
  await set(a.user.user_id, { email: null });
  await set(b.user.user_id, { email: 'unique@example.com' });
  const people = await trade.buyers(8);
  const spelled = ['13600000002', '+8613600000002', '8613600000002', '008613600000002'];
  const answers = await Promise.all(people.map(({ user }, i) => put(user.user_id, { phone: spelled[i % 4] })));
  assert.deepEqual(tally(answers.map(({ status }) => status)), { 200: 1, 409: 7 });
});

test('a phone is one number in every spelling, shown as entered without its blanks (B65)', async () => {
  const [a, b] = await trade.buyers(2);
  for (const [entered, shown] of [['+86 136 0000 0003', '+8613600000003'], ['136 0000\u30000003', '13600000003']]) {
    await set(a.user.user_id, { phone: entered, password: PASSWORD });
    assert.equal((await get(a.user.user_id)).body.phone, shown);
    for (const spelling of ['13600000003', '+8613600000003', '8613600000003', '0086 136 0000 0003', '013600000003']) {
      assertRefused(await putMe(b, { phone: spelling }), 409, 'PHONE_TAKEN');
      const { status, body } = await shop.call('POST', '/api/auth/login', { body: { account: spelling, password: PASSWORD } });
      assert.deepEqual([status, body.user?.user_id], [200, a.user.user_id], spelling);
    }
  }
  await set(a.user.user_id, { nickname: '别的都不变' });
  assertRefused(await putMe(b, { phone: '+8613600000003' }), 409, 'PHONE_TAKEN');
  await set(a.user.user_id, { phone: null });
  await set(b.user.user_id, { phone: '8613600000003' });
});

test('a password is hashed, and neither returned nor logged (B6)', async () => {
  const { user } = await trade.buyer();
  await set(user.user_id, { email: 'hashed@example.com', password: PASSWORD });
  const { password_hash: hash, ...row } = await rowOf(user.user_id);
  assert.match(hash, /^\$y\$/);
  assert.ok(!JSON.stringify(row).includes(PASSWORD));
  const other = await trade.buyer();
  await set(other.user.user_id, { password: PASSWORD });
  assert.notEqual((await rowOf(other.user.user_id)).password_hash, hash, 'each with a salt of its own');
  const answers = [await get(user.user_id), await signIn('hashed@example.com', PASSWORD), { body: await list('limit=500') }];
  for (const { body } of answers) {
    assert.ok(!JSON.stringify(body).includes(hash));
    assert.doesNotMatch(JSON.stringify(body), /"password|\$y\$/);
  }
  const [entry] = await shop.sql(`SELECT action, detail, actor_user_id FROM journal WHERE subject = 'user ${user.user_id}'`);
  assert.equal(entry.action, 'password');
  assert.equal(entry.detail, null);
  assert.equal((await get(entry.actor_user_id)).body.permission_level, 1);
});

test('the own account: shown with the member, limited to own fields, returned completely', async () => {
  const carl = await trade.buyer();
  const me = await shop.ok('GET', '/api/auth/me', { token: carl.token });
  assert.deepEqual(Object.keys(me), [...USER, 'member_id']);
  assert.deepEqual(me, carl.user);
  const { status, body } = await putMe(carl, {
    nickname: '卡尔', gender: 0, phone: '13500000001', email: 'Carl@Example.com', avatar_url: 'https://example.com/c.png',
    permission_level: 1, openid: 'stolen', user_id: 1, member_id: 1, created_at: '2020-01-01T00:00:00.000Z', unknown: 1,
  });
  assert.equal(status, 200);
  assert.deepEqual(body, {
    ...me, nickname: '卡尔', gender: 0, phone: '13500000001', email: 'carl@example.com', avatar_url: 'https://example.com/c.png', updated_at: body.updated_at,
  });
  assertRefused(await shop.call('GET', '/api/users', { token: carl.token }), 403);
  assert.deepEqual(await shop.ok('GET', '/api/auth/me', { token: carl.token }), body);
});

test('a new password requires the correct old one', async () => {
  const carl = await trade.buyer();
  assertRefused(await putMe(carl, { password: PASSWORD }), 409, 'PASSWORD_UNSET');
  assertRefused(await putMe(carl, { password: PASSWORD, old_password: '' }), 400);
  await set(carl.user.user_id, { email: 'carl-2@example.com', password: PASSWORD });
  carl.token = (await signIn('carl-2@example.com', PASSWORD)).body.token;
  const missing = await putMe(carl, { password: 'another-one-1', nickname: '不可保留' });
  assertRefused(missing, 400);
  assert.equal(missing.body.field, 'old_password');
  const wrong = await putMe(carl, { password: 'another-one-1', old_password: `${PASSWORD}x`, nickname: '不可保留' });
  assertRefused(wrong, 403, 'PASSWORD_WRONG');
  assert.equal((await get(carl.user.user_id)).body.nickname, carl.user.nickname);
  assert.equal((await putMe(carl, { old_password: 'ignored alone', nickname: '新名' })).status, 200);
  const answers = await Promise.all(Array.from({ length: 8 }, (_, i) => (
    putMe(carl, { password: `parallel-change-${i}`, old_password: PASSWORD }))));
  const counts = tally(answers.map(({ status }) => status));
  assert.equal(counts[200], 1, JSON.stringify(counts)); // the others: the old password or the session is not valid any more
  const winner = answers.findIndex(({ status }) => status === 200);
  assert.equal((await signIn('carl-2@example.com', `parallel-change-${winner}`)).status, 200);
  assert.equal((await signIn('carl-2@example.com', PASSWORD)).status, 401);
});

test('an invalid or unknown id is 404 (B8)', async () => {
  for (const id of ['0', '-1', '1.5', 'x', '99999999', '9223372036854775807', '9223372036854775808', '1e3', '%31x', '+1', '0x1']) {
    assertRefused(await get(id), 404, 'NOT_FOUND');
    assertRefused(await put(id, { nickname: 'x' }), 404, 'NOT_FOUND');
    assertRefused(await remove(id), 404, 'NOT_FOUND');
  }
});

test('a user with a paid or shipped order can\'t be deleted, with any other order can', async () => {
  const product = await trade.product();
  for (const status of [PAID, SHIPPED]) {
    const carl = await trade.buyer();
    const order = await trade.orderIn(carl, [[product, 1]], status, 'offline');
    assertRefused(await remove(carl.user.user_id), 409, 'USER_IN_USE');
    assert.equal((await shop.call('GET', '/api/auth/me', { token: carl.token })).status, 200);
    if (status === PAID) await trade.set(order, { status: SHIPPED });
    await trade.set(order, { status: COMPLETED });
    assert.equal((await remove(carl.user.user_id)).status, 204);
  }
  for (const status of [COMPLETED, CANCELLED, REFUNDED]) {
    const carl = await trade.buyer();
    const order = await trade.orderIn(carl, [[product, 1]], status, 'offline');
    assert.equal((await remove(carl.user.user_id)).status, 204, `with an order in ${status}`);
    const kept = await trade.read(order);
    assert.equal(kept.status, status);
    assert.equal(kept.user.user_id, carl.user.user_id);
  }
});

test('a deleted user\'s pending order is cancelled, and its stock returned', async () => {
  const [goods, others] = [await trade.product({ stock: 5 }), await trade.product({ stock: 5 })];
  const carl = await trade.buyer();
  const consignee = { name: '卡尔', phone: '13400000002', address: '某街 1 号' };
  const pending = [];
  for (const lines of [[[goods, 1], [others, 2]], [[others, 1]], [[goods, 2]]]) pending.push(await trade.order(carl, lines, { consignee }));
  const { outTradeNo } = await trade.prepay(carl, pending[0]);
  const sent = async () => (await trade.attempts(pending[0])).map(({ request }) => request.includes(carl.user.openid));
  assert.deepEqual(await sent(), [true]);
  assert.equal((await remove(carl.user.user_id)).status, 204);
  for (const order of pending) {
    const kept = await trade.read(order);
    assert.deepEqual([kept.status, kept.consignee, kept.user.user_id], [CANCELLED, null, carl.user.user_id]);
  }
  assert.deepEqual([await trade.stock(goods), await trade.stock(others)], [5, 5]);
  assert.deepEqual(await sent(), [false], 'it named who was to pay');
  await shop.jobs();
  assert.equal((await trade.atWechat(outTradeNo)).trade_state, 'CLOSED', 'nobody can pay it any more');
});

// Many pending orders of one user, each with lines of all products, numbered in order; more than could be placed.
async function pile(userId, goods, n, first) {
  await shop.sql(`
    CREATE TEMPORARY TABLE pile (n BIGINT NOT NULL PRIMARY KEY);
    INSERT INTO pile VALUES ${Array.from({ length: n }, (_, i) => `(${first + i})`).join()};
    INSERT INTO orders (id, order_no, user_id, total_amount, status, stock_held, expires_at, created_at, updated_at, consignee_name)
      SELECT n, CONCAT('ORDERP', n), ${userId}, ${goods.length}, 0, 1, 4102444800000, 1700000000000 + n DIV 7, 1700000000000, '堆' FROM pile;
    INSERT INTO order_items (order_id, product_id, name, quantity, unit_price, total_price)
      SELECT n, p.product_id, '堆', 1, 1, 1 FROM pile JOIN products p ON p.product_id IN (${goods.join()});
    INSERT INTO stock_moves (product_id, delta, reason, order_id, at)
      SELECT p.product_id, -1, 2, n, 1700000000000 FROM pile JOIN products p ON p.product_id IN (${goods.join()});
    UPDATE products SET stock = stock - ${n} WHERE product_id IN (${goods.join()});
    DROP TEMPORARY TABLE pile`);
}

const standing = async (userId) => (await shop.sql(`SELECT status, COUNT(*) AS n, COUNT(consignee_name) AS addresses FROM orders
  WHERE user_id = ${userId} GROUP BY status`)).map((row) => [row.status, row.n, row.addresses]);

test('any number of a deleted user\'s pending orders are cancelled one by one while others buy the same products (B17)', async () => {
  const PILE = 300;
  const goods = [await trade.product({ stock: 5000 }), await trade.product({ stock: 5000 }), await trade.product({ stock: 5000 })];
  const [carl, ...others] = await trade.buyers(4);
  await pile(carl.user.user_id, goods, PILE, 1_000_000);
  let over = false;
  const buying = Promise.all(others.map(async (person) => {
    const answers = [];
    while (!over) answers.push(await trade.tryOrder(person, [[goods[answers.length % 3], 1], [goods[(answers.length + 1) % 3], 1]]));
    return answers;
  }));
  const answer = await remove(carl.user.user_id);
  for (let passes = 1; (await standing(carl.user.user_id)).some(([status]) => status === PENDING); passes += 1) {
    shop.clock(120 * passes); // the rest is due
    await shop.jobs();
  }
  shop.clock(0);
  over = true;
  assert.equal(answer.status, 204);
  const bought = (await buying).flat();
  assert.ok(bought.length >= others.length);
  assert.deepEqual(bought.filter(({ status }) => status !== 201).map(({ body }) => body), []);
  assert.deepEqual(await standing(carl.user.user_id), [[CANCELLED, PILE, 0]]);
  await trade.audit(0);
});

test('an order that can\'t be cancelled doesn\'t prevent the deletion: jobs do the rest (B17)', async () => {
  const [goods, held] = [await trade.product({ stock: 5 }), await trade.product({ stock: 5 })];
  const carl = await trade.buyer();
  const consignee = { name: '卡尔', phone: '13400000002', address: '某街 1 号' };
  const orders = [];
  for (const id of [goods, held, goods]) orders.push(await trade.order(carl, [[id, 1]], { consignee }));
  const { outTradeNo } = await trade.prepay(carl, orders[1]);
  const other = shop.session();
  await other.run(`START TRANSACTION; SELECT stock FROM products WHERE product_id = ${held} FOR UPDATE`);
  assert.equal((await remove(carl.user.user_id)).status, 204);
  assertRefused(await get(carl.user.user_id), 404, 'NOT_FOUND');
  assert.equal(await trade.status(orders[1]), PENDING);
  await trade.audit(0); // the audit passes in between, too
  assertRefused(await trade.put(orders[1], { status: PAID, payment_method: '现金', payment_id: 'late' }), 409, 'ORDER_TRANSITION');
  await trade.payNotified(outTradeNo); // and a payment for it is refunded
  assert.deepEqual((await trade.attempts(orders[1])).map(({ state }) => state), [ATTEMPT.refundDue]);
  await other.close();
  shop.clock(120);
  assert.match(await shop.jobs(), / 1 users,/);
  shop.clock(0);
  for (const order of orders) assert.deepEqual([await trade.status(order), (await trade.read(order)).consignee], [CANCELLED, null]);
  assert.deepEqual([await trade.stock(goods), await trade.stock(held)], [5, 5]);
  assert.deepEqual((await trade.attempts(orders[1])).map(({ request }) => request), ['']);
  assert.deepEqual(await shop.sql('SELECT * FROM outbox WHERE kind = 3'), []);
});

test('a refused deletion keeps pending orders', async () => {
  const carl = await trade.buyer();
  const goods = await trade.product({ stock: 5 });
  const paid = await trade.orderIn(carl, [[goods, 1]], PAID, 'offline');
  const waiting = await trade.order(carl, [[goods, 1]]);
  assertRefused(await remove(carl.user.user_id), 409, 'USER_IN_USE');
  assert.deepEqual([await trade.status(waiting), await trade.status(paid)], [PENDING, PAID]);
});

test('a deleted user is hidden everywhere, and the same person can sign in as a new user', async () => {
  const carl = await trade.buyer();
  const id = carl.user.user_id;
  await set(id, { email: 'gone@example.com', phone: '13400000001', nickname: '离开的人' });
  const answer = await remove(id);
  assert.deepEqual([answer.status, answer.body], [204, null]);
  for (const again of [await get(id), await put(id, { nickname: 'x' }), await remove(id)]) assertRefused(again, 404, 'NOT_FOUND');
  assert.deepEqual(await list(`q=${encodeURIComponent('离开的人')}`), []);
  const row = await rowOf(id);
  assert.deepEqual([row.openid, row.email, row.phone, row.password_hash], [null, null, null, null]);
  assert.ok(row.deleted_at > 0);
  const reborn = await shop.login(carl.name);
  assert.notEqual(reborn.user.user_id, id);
  assert.notEqual(reborn.user.member_id, carl.user.member_id);
  assert.equal(reborn.user.openid, carl.user.openid);
  assert.equal(reborn.user.email, null);
  await set(reborn.user.user_id, { email: 'gone@example.com', phone: '13400000001' });
  const journal = await shop.sql(`SELECT action FROM journal WHERE subject = 'user ${id}'`);
  assert.deepEqual(journal.map(({ action }) => action), ['delete']);
});

test('of concurrent deletions of one user one succeeds', async () => {
  const { user } = await trade.buyer();
  const answers = await Promise.all(Array.from({ length: 8 }, () => remove(user.user_id)));
  assert.deepEqual(tally(answers.map(({ status }) => status)), { 204: 1, 404: 7 });
});

// ---- the last administrator ----

async function administrators() {
  return ids(await shop.sql('SELECT user_id FROM users WHERE permission_level = 1 AND deleted_at IS NULL ORDER BY user_id'));
}

// Another administrator, by the command line: { id, account, token }.
async function hire(n) {
  const account = `staff-${n}@example.com`;
  const { code, stderr } = await shop.minimall(['create-admin', '--account', account], { input: `${PASSWORD}\n` });
  assert.equal(code, 0, stderr);
  const { body } = await signIn(account, PASSWORD);
  return { id: body.user.user_id, account, token: body.token };
}

// After a round the boss is the only administrator again, whichever of the two remained.
async function bossAlone(boss, rival) {
  const left = await administrators();
  if (!left.includes(boss)) {
    const { token } = (await signIn(rival.account, PASSWORD)).body;
    assert.equal((await put(boss, { permission_level: 1 }, token)).status, 200);
    await trade.adminSignIn();
  }
  if (left.includes(rival.id)) await set(rival.id, { permission_level: 0 });
  assert.deepEqual(await administrators(), [boss]);
}

test('the last administrator can be neither demoted nor deleted, only otherwise changed (B6)', async () => {
  const [boss, ...others] = await administrators();
  assert.deepEqual(others, []);
  assertRefused(await put(boss, { permission_level: 0, nickname: '不可保留' }), 409, 'LAST_ADMINISTRATOR');
  assertRefused(await remove(boss), 409, 'LAST_ADMINISTRATOR');
  await set(boss, { nickname: '老板', permission_level: 1 });
  assert.deepEqual(await administrators(), [boss]);
  assert.equal((await get(boss)).body.nickname, '老板');
});

test('of two administrators who remove each other concurrently one remains, every time (B6)', async () => {
  const [boss] = await administrators();
  for (let round = 0; round < 10; round++) {
    const rival = await hire(round);
    const [ours, theirs] = round % 2 // one demotes, or one deletes; the boss is only ever demoted, and promoted again
      ? await Promise.all([remove(rival.id), put(boss, { permission_level: 0 }, rival.token)])
      : await Promise.all([put(rival.id, { permission_level: 0 }), put(boss, { permission_level: 0 }, rival.token)]);
    const done = [ours, theirs].filter(({ status }) => status < 300);
    assert.equal(done.length, 1, JSON.stringify([ours, theirs].map(({ status, body }) => [status, body])));
    const [lost] = [ours, theirs].filter(({ status }) => status >= 300);
    // too late: the last one (409), or no administrator any more at the request (401)
    assert.ok((lost.status === 409 && lost.body.code === 'LAST_ADMINISTRATOR') || lost.status === 401, JSON.stringify(lost.body));
    assert.equal((await administrators()).length, 1);
    await bossAlone(boss, rival);
  }
});

test('with both delayed until both are authenticated: still one remains (B6)', async () => {
  const [boss] = await administrators();
  // How many waited concurrently, and both responses. On a busy machine one may have timed out (503 BUSY) before the other waits.
  const held = async (rival) => {
    const lock = shop.session();
    let waiting = 0;
    let acts;
    try {
      await lock.run('BEGIN');
      await lock.run("SELECT version FROM guards WHERE name = 'administrators' FOR UPDATE");
      let ended = false;
      acts = Promise.all([put(rival.id, { permission_level: 0 }), put(boss, { permission_level: 0 }, rival.token)])
        .finally(() => { ended = true; });
      while (waiting < 2 && !ended) { // both are authenticated now, and request the row
        waiting = (await shop.connections()).filter(({ info }) => info.startsWith('UPDATE guards')).length;
      }
      await lock.run('COMMIT');
    } finally {
      await lock.close();
    }
    return { waiting, answers: await acts };
  };
  let round;
  for (let i = 0; i < 5 && (i === 0 || round.answers.some(isBusy)); i++) {
    const rival = await hire(`held-${i}`);
    round = await held(rival);
    assert.equal((await administrators()).length, round.answers.filter(isBusy).length === 2 ? 2 : 1);
    await bossAlone(boss, rival);
  }
  assert.equal(round.waiting, 2);
  assert.deepEqual(tally(round.answers.map(({ status }) => status)), { 200: 1, 409: 1 });
});
