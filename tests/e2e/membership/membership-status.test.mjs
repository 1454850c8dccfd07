// SPDX-License-Identifier: MIT
// The VIP status, and who may read it (BEHAVIOUR 5, 12, 25, 50; contract membership-status).
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { CLEAR, STATUS, assertStatus, openVip } from '../lib/memberships.mjs';
import { askProcess, processSockets } from '../lib/raw-request.mjs';
import { DAY_S } from '../lib/trade.mjs';

const vip = await openVip();
const { shop, trade } = vip;
const month = await vip.plan({ price: '30.00', duration_days: 30, level: 1 });
const gold = await vip.plan({ price: '300.00', duration_days: 30, level: 2 });
const CLEARED = { message: 'Cache cleared successfully' };

// An error in the dialect of membership-status.
function assertDenied({ status, body }, expected, field) {
  assert.equal(status, expected, JSON.stringify(body));
  assert.equal(body.success, false);
  assert.match(body.message, /\p{Script=Han}/u);
  assert.equal(body.field, field, JSON.stringify(body));
}

const clear = (token, body) => vip.call('POST', CLEAR, { token, body });
const none = ({ user }) => ({ member_id: user.member_id, is_vip: false, vip_expire_at: null, days_remaining: null });
const wire = (second) => new Date(second * 1000).toISOString().replace('.000Z', 'Z');

// Signs in a minute before a second of the shop's clock: as the clock is set back to that second again and again, no token may
// be of later.
const signedInBefore = (second, person) => vip.after(second - 60 - Math.floor(Date.now() / 1000), person);

// ---- the response ----

test('a user who never bought anything is no VIP, and everything else is null', async () => {
  const anna = await vip.buyer();
  assert.deepEqual(await vip.status(anna), none(anna));
  await vip.create(anna, month);
  assert.deepEqual(await vip.status(anna), none(anna), 'an order that is unpaid entitles to nothing');
});

test('a VIP has the end of the membership, in whole seconds, and the days until then', async () => {
  const anna = await vip.buyer();
  await vip.bought(anna, month);
  const [{ end }] = await vip.segments(anna);
  assert.deepEqual(await vip.status(anna), { member_id: anna.user.member_id, is_vip: true, vip_expire_at: wire(end), days_remaining: 30 });
  await vip.bought(anna, month);
  assert.deepEqual(await vip.status(anna), { member_id: anna.user.member_id, is_vip: true, vip_expire_at: wire(end + 30 * DAY_S), days_remaining: 60 });
  await vip.bought(anna, gold);
  assert.equal((await vip.status(anna)).days_remaining, 30, 'an upgrade folds what was');
});

test('VIP until the second before the end, and days are rounded up (B25)', async () => {
  const anna = await vip.buyer();
  await vip.bought(anna, month);
  const [{ start, end }] = await vip.segments(anna);
  const at = async (second, days) => {
    await signedInBefore(second, anna);
    const { status, body } = await vip.within(second, () => vip.tryStatus(anna.user.member_id, anna.token));
    assert.equal(status, 200);
    assertStatus(body, anna);
    assert.deepEqual(body, { member_id: anna.user.member_id, is_vip: days !== null, vip_expire_at: wire(end), days_remaining: days }, `${end - second} s before the end`);
  };
  await at(start + 5, 30);
  await at(end - 29 * DAY_S - 1, 30);
  await at(end - 29 * DAY_S, 29);
  await at(end - DAY_S - 1, 2);
  await at(end - DAY_S, 1);
  await at(end - 2, 1);
  await at(end - 1, 1);
  await at(end, null);
  await at(end + 1, null);
  await at(end + 400 * DAY_S, null);
  await vip.at(0);
});

test('after a refund the end is at the cut; a segment that never began has none (B25)', async () => {
  const [anna, bob] = await trade.buyers(2);
  const order = await vip.bought(anna, month);
  await vip.at(10, anna);
  await vip.refund(order);
  const [{ end }] = await vip.segments(anna);
  assert.deepEqual(await vip.status(anna), { member_id: anna.user.member_id, is_vip: false, vip_expire_at: wire(end), days_remaining: null });
  await vip.at(0, anna);
  const base = await vip.bought(bob, month);
  const renewal = await vip.bought(bob, month);
  const [{ end: first }] = await vip.segments(bob);
  await vip.refund(renewal);
  assert.deepEqual((await vip.status(bob)).vip_expire_at, wire(first));
  await vip.at(20, bob);
  await vip.refund(base);
  const [cut] = await vip.segments(bob);
  assert.deepEqual([(await vip.status(bob)).is_vip, await vip.until(bob)], [false, cut.end]);
  await vip.at(0);
});

test('a gift makes a VIP like any other order', async () => {
  const anna = await vip.buyer();
  await vip.gift(anna, 3, 7);
  const [{ end }] = await vip.segments(anna);
  assert.deepEqual(await vip.status(anna), { member_id: anna.user.member_id, is_vip: true, vip_expire_at: wire(end), days_remaining: 7 });
});

// ---- authorisation ----

test('a user reads the own status, an administrator any; another user\'s is 403, without revealing whether the member exists (B5)', async () => {
  const [anna, eve] = await trade.buyers(2);
  await vip.bought(anna, month);
  assert.deepEqual(await vip.status(anna, vip.admin), await vip.status(anna));
  for (const id of [anna.user.member_id, 999_999_999]) {
    const answer = await vip.tryStatus(id, eve.token);
    assertDenied(answer, 403);
    assert.equal(answer.body.message, (await vip.tryStatus(1, eve.token)).body.message);
  }
  const { body: me } = await vip.call('GET', '/api/auth/me', { token: vip.admin });
  assert.equal((await vip.tryStatus(me.member_id, vip.admin)).status, 200);
});

test('without a token 401, an unknown member 404, a missing or invalid member_id 400 that names it (B12)', async () => {
  const anna = await vip.buyer();
  assertDenied(await vip.tryStatus(anna.user.member_id), 401);
  assertDenied(await vip.tryStatus(anna.user.member_id, 'x.y.z'), 401);
  assertDenied(await vip.tryStatus(999_999_999, vip.admin), 404);
  for (const token of [anna.token, vip.admin]) {
    for (const query of ['', '?member_id=', '?member_id=0', '?member_id=-1', '?member_id=x', '?member_id=1.5', '?member_id=99999999999999999999', '?member_id=%00', '?user_id=1']) {
      assertDenied(await vip.call('GET', `${STATUS}${query}`, { token }), 400, 'member_id');
    }
  }
});

test('member_id is the member\'s, not the user\'s', async () => {
  const anna = await vip.buyer();
  await shop.sql('UPDATE members SET member_id = member_id + 100000 ORDER BY member_id DESC');
  try {
    await trade.signInAgain(anna);
    const { user } = await shop.login(anna.name);
    assert.notEqual(user.member_id, user.user_id);
    await vip.bought(anna, month);
    assert.equal((await vip.status({ ...anna, user })).is_vip, true);
    assertDenied(await vip.tryStatus(user.user_id, anna.token), 403);
    assert.equal((await vip.status({ ...anna, user }, vip.admin)).is_vip, true);
  } finally {
    await shop.sql('UPDATE members SET member_id = member_id - 100000 ORDER BY member_id');
  }
});

test('with or without a trailing slash, also HEAD; another method is 405, another path 404, in the dialect', async () => {
  const anna = await vip.buyer();
  assert.deepEqual((await vip.call('GET', `${STATUS}/?member_id=${anna.user.member_id}`, { token: anna.token })).body, none(anna));
  assert.equal((await vip.call('HEAD', `${STATUS}?member_id=${anna.user.member_id}`, { token: anna.token })).status, 200);
  assert.equal((await clear(anna.token, { member_id: anna.user.member_id })).status, 200);
  assert.equal((await vip.call('POST', `${CLEAR}/`, { token: vip.admin, body: {} })).status, 200);
  for (const [method, address] of [['POST', STATUS], ['DELETE', STATUS], ['GET', CLEAR], ['PUT', CLEAR]]) assertDenied(await vip.call(method, address, { token: vip.admin }), 405);
  for (const address of ['/membership', '/membership/x', '/membership/status/x']) assertDenied(await vip.call('GET', address, { token: vip.admin }), 404);
});

test('the response is not storable by others (B56)', async () => {
  const anna = await vip.buyer();
  const { headers } = await vip.tryStatus(anna.user.member_id, anna.token);
  assert.equal(headers.get('cache-control'), 'no-store');
});

// ---- clear-cache ----

test('a user clears the own status, an administrator any and all (B5)', async () => {
  const [anna, eve] = await trade.buyers(2);
  const own = { member_id: anna.user.member_id };
  for (const [token, body] of [[anna.token, own], [vip.admin, own], [vip.admin, {}], [vip.admin, undefined]]) {
    const answer = await clear(token, body);
    assert.deepEqual([answer.status, answer.body], [200, CLEARED], JSON.stringify(body));
  }
  assertDenied(await clear(eve.token, own), 403);
  assertDenied(await clear(eve.token, { member_id: 999_999_999 }), 403);
  for (const body of [{}, undefined]) assertDenied(await clear(anna.token, body), 403);
  assertDenied(await clear(undefined, own), 401);
  assertDenied(await clear(vip.admin, { member_id: 999_999_999 }), 404);
});

test('member_id may also be in the query, as for the status; two that differ are 400', async () => {
  const [anna, eve] = await trade.buyers(2);
  const asked = (token, query, body) => vip.call('POST', `${CLEAR}?${query}`, { token, body });
  const own = `member_id=${anna.user.member_id}`;
  for (const [token, body] of [[anna.token], [vip.admin], [anna.token, { member_id: anna.user.member_id }], [anna.token, {}]]) {
    const answer = await asked(token, own, body);
    assert.deepEqual([answer.status, answer.body], [200, CLEARED], JSON.stringify(body));
  }
  assertDenied(await asked(eve.token, own), 403);
  assertDenied(await asked(vip.admin, 'member_id=999999999'), 404, undefined);
  assertDenied(await asked(vip.admin, own, { member_id: eve.user.member_id }), 400, 'member_id');
  for (const value of ['x', '0', '-1', '1.5']) assertDenied(await asked(vip.admin, `member_id=${value}`), 400, 'member_id');
});

test('an invalid member_id is 400 and clears nothing (B12)', async () => {
  const anna = await vip.buyer();
  for (const value of [0, -1, 1.5, '1', true, [], {}, 2 ** 63]) {
    for (const token of [anna.token, vip.admin]) assertDenied(await clear(token, { member_id: value }), 400, 'member_id');
  }
  assertDenied(await clear(vip.admin, { member_id: null }), 400, 'member_id');
  for (const raw of ['null', '[]', '{', '"1"', '{"member_id":1,"member_id":1}']) {
    assertDenied({ ...await vip.call('POST', CLEAR, { token: vip.admin, raw }), field: undefined }, 400, raw.startsWith('{"') ? 'member_id' : undefined);
  }
});

// ---- B50: fresh everywhere ----

// The status from each process of the family in turn.
async function askAll(person) {
  const sockets = processSockets(shop, 'memberships');
  assert.ok(sockets.length > 1);
  const answers = [];
  for (const socket of sockets) answers.push(await askProcess(socket, { uri: `${STATUS}?member_id=${person.user.member_id}`, token: person.token }));
  return answers;
}

// The status that all of them return.
function agreed(answers) {
  for (const { status, json } of answers) {
    assert.equal(status, 200);
    assert.deepEqual(json, answers[0].json);
  }
  return answers[0].json;
}

const everywhere = async (person) => agreed(await askAll(person));

test('right after a payment, a gift, a refund, its refusal and an upgrade every process returns the current status (B50)', async () => {
  const anna = await vip.buyer();
  assert.deepEqual(await everywhere(anna), none(anna));
  const order = await vip.boughtByWechat(anna, month); // settled by another program
  assert.equal((await everywhere(anna)).days_remaining, 30);
  await vip.bought(anna, month);
  assert.equal((await everywhere(anna)).days_remaining, 60);
  const gift = await vip.gift(anna, 1, 5); // on the command line
  assert.equal((await everywhere(anna)).days_remaining, 65);
  await vip.refund(gift);
  assert.equal((await everywhere(anna)).days_remaining, 60);
  await vip.mode('PROCESSING');
  await vip.refund(order);
  assert.equal((await everywhere(anna)).days_remaining, 30);
  await vip.completeRefund((await vip.refunds(order))[0].refund_no, 'CLOSED');
  assert.equal((await everywhere(anna)).days_remaining, 60);
  const dear = await vip.plan({ price: '300.00', duration_days: 90, level: 2 });
  await vip.bought(anna, dear);
  assert.equal((await everywhere(anna)).days_remaining, 90);
});

test('read in all processes while orders are paid and refunded: no response is older than the previous change (B50)', async () => {
  const anna = await vip.buyer();
  const sockets = processSockets(shop, 'memberships');
  let busy = true;
  const ask = (socket) => askProcess(socket, { uri: `${STATUS}?member_id=${anna.user.member_id}`, token: anna.token });
  const readers = sockets.slice(0, 2).map(async (socket) => { while (busy) await ask(socket); }); // they fill whatever cache there is
  try {
    for (let round = 0; round < 10; round++) {
      const order = await vip.bought(anna, month);
      for (const socket of sockets) assert.equal((await ask(socket)).json.is_vip, true, `round ${round}`);
      await vip.refund(order);
      for (const socket of sockets) assert.equal((await ask(socket)).json.is_vip, false, `round ${round}`);
    }
  } finally {
    busy = false;
    await Promise.all(readers);
  }
});

test('whether it has ended is not cached: the second of the end is the same in every process (B50)', async () => {
  const anna = await vip.buyer();
  await vip.bought(anna, month);
  const [{ end }] = await vip.segments(anna);
  await signedInBefore(end - 1, anna);
  assert.equal(agreed(await vip.within(end - 1, () => askAll(anna))).is_vip, true);
  assert.equal(agreed(await vip.within(end, () => askAll(anna))).is_vip, false);
  await vip.at(0);
});
