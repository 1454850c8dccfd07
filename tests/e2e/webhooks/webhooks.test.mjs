// SPDX-License-Identifier: MIT
// Outgoing notifications: who is notified of what, signatures, retries, and where they may go (PAYMENTS.md 9.2).
import assert from 'node:assert/strict';
import { afterEach, test } from 'node:test';
import { assertSigned, openReceivers, v1, xSignature } from '../lib/receivers.mjs';
import { openVip } from '../lib/memberships.mjs';
import { CANCELLED, COMPLETED, DATE, DAY_S, MINUTE_S, PAID, REFUNDED, SHIPPED, assertRefused } from '../lib/trade.mjs';

const vip = await openVip();
const { trade, shop } = vip;
const hooks = await openReceivers(shop, trade.admin);
const anna = await trade.buyer();
const product = await trade.product({ price: '5.00', stock: 100_000 });

const SCHEDULE_S = [0, 5, 300, 1800, 7200, 18_000, 36_000, 50_400, 72_000, 86_400];
const JITTER = 1.11; // and rounding
const HOUR_S = 3600;

const typesOf = (received) => received.map(({ json }) => json.type);
const paidOrder = () => trade.orderIn(anna, [[product, 1]], PAID, 'offline');
const only = (list) => {
  assert.equal(list.length, 1);
  return list[0];
};

const assertInvalid = (answer, field) => {
  assertRefused(answer, 400, 'INVALID_REQUEST');
  assert.equal(answer.body.field, field);
};

let offset = 0;
function clock(seconds) {
  offset = seconds;
  shop.clock(offset);
}

// Tokens are of the present clock.
async function signIn() {
  await trade.adminSignIn();
  hooks.admin = trade.admin;
}

afterEach(async () => {
  if (offset !== 0) {
    clock(0);
    await signIn();
    await trade.signInAgain(anna);
  }
  for (const { webhook_id: id } of await hooks.ok('GET', '')) await hooks.ok('DELETE', `/${id}`);
  await shop.jobs();
});

test('a paid order is notified, signed by the secret that only creation shows', async () => {
  const hook = await hooks.open();
  const order = await paidOrder();
  assert.deepEqual(hook.received, []); // not in the request
  assert.match(await shop.jobs(), / 1 of 1 notifications delivered/);
  const sent = only(hook.received);
  assert.equal(sent.method, 'POST');
  assert.equal(sent.headers['content-type'], 'application/json');
  assert.match(sent.headers['webhook-id'], /^msg_[0-9a-z]{26}$/);
  assertSigned(sent, hook.secret);
  assert.throws(() => assertSigned({ ...sent, body: sent.body.replace('5.00', '0.05') }, hook.secret));
  const { updated_at: updated, created_at: created } = await trade.read(order);
  const { type, timestamp, data, ...more } = sent.json;
  assert.deepEqual(more, {});
  assert.equal(type, 'order.paid');
  assert.match(timestamp, DATE);
  assert.deepEqual(data, {
    order_id: order.order_id, user_id: anna.user.user_id, status: PAID, total_amount: '5.00', payment_method: '现金', payment_id: `cash-${order.order_id}`,
    paid_at: updated, created_at: created, updated_at: updated,
  });
  for (const shown of [await hooks.read(hook), only(await hooks.ok('GET', ''))]) {
    assert.deepEqual([shown.url, shown.types, shown.status, shown.secret], [hook.url, null, 'ENABLED', undefined]);
  }
  assert.match(await shop.jobs(), / 0 of 0 notifications delivered/);
});

test('each status of an order and each refund is notified, once', async () => {
  const hook = await hooks.open();
  await trade.orderIn(anna, [[product, 1]], CANCELLED);
  const order = await trade.orderIn(anna, [[product, 1]], COMPLETED);
  const free = await trade.product({ price: '0.00' });
  await trade.order(anna, [[free, 1]]);
  const refund = (amount) => trade.ok('POST', '/api/payment/refunds', { token: trade.admin, body: { order_id: order.order_id, reason: '退货', amount } });
  await shop.sandbox('POST', '/sandbox/refund-mode', { status: 'SUCCESS' });
  const first = await refund('2.00');
  await refund('3.00');
  await shop.sandbox('POST', '/sandbox/refund-mode', { status: 'PROCESSING' });
  assert.equal(await trade.status(order), REFUNDED);
  assert.equal((await trade.put(order, { status: SHIPPED })).status, 409); // notifies nobody
  await shop.jobs();
  assert.deepEqual(typesOf(hook.received), ['order.cancelled', 'order.paid', 'order.shipped', 'order.completed', 'order.paid',
    'refund.succeeded', 'refund.succeeded', 'order.refunded']);
  const { data } = hook.received[5].json;
  assert.deepEqual([data.refund_no, data.order_id, data.amount, data.automatic], [first.refund_no, order.order_id, '2.00', false]);
  assert.equal(new Set(hook.received.map(({ headers }) => headers['webhook-id'])).size, 8);
  for (const { body } of hook.received) assert.doesNotMatch(body, /consignee|openid|phone/);
});

test('a membership is notified when it is granted, when it is refunded, and when it ends', async () => {
  const hook = await hooks.open({ types: 'membership.ended,membership.granted,membership.refunded' });
  const [bob, carol] = await trade.buyers(2);
  const month = await vip.plan();
  const order = await vip.bought(bob, month);
  const other = await vip.bought(carol, month);
  await vip.refund(other);
  await shop.jobs();
  assert.deepEqual(typesOf(hook.received), ['membership.granted', 'membership.granted', 'membership.refunded', 'membership.ended']);
  const [{ json: granted }, , { json: refunded }, { json: ended }] = hook.received;
  assert.deepEqual([granted.data.order_no, granted.data.user_id, granted.data.order_type, granted.data.days, granted.data.amount],
    [order.order_no, bob.user.user_id, 'NEW', 30, '30.00']);
  assert.equal(refunded.data.order_no, other.order_no);
  assert.equal(ended.data.user_id, carol.user.user_id);
  const end = await vip.until(bob);
  clock(30 * DAY_S - MINUTE_S);
  await shop.jobs();
  assert.equal(hook.received.length, 4);
  clock(30 * DAY_S + MINUTE_S);
  await shop.jobs();
  await shop.jobs();
  const last = only(hook.received.slice(4)).json;
  assert.deepEqual([last.type, last.data.user_id, last.data.ended_at.slice(0, 19)], ['membership.ended', bob.user.user_id, new Date(end * 1000).toISOString().slice(0, 19)]);
});

test('a renewal moves the end that is notified', async () => {
  const hook = await hooks.open({ types: 'membership.ended' });
  const dora = await trade.buyer();
  const month = await vip.plan();
  await vip.bought(dora, month);
  const renewal = await vip.bought(dora, month);
  clock(31 * DAY_S);
  await shop.jobs();
  assert.deepEqual(hook.received, []);
  clock(61 * DAY_S);
  await shop.jobs();
  assert.equal(only(hook.received).json.data.user_id, dora.user.user_id);
  await signIn();
  assert.equal((await vip.tryRefund(renewal)).status, 200); // of what has ended: it doesn't end again
  await shop.jobs();
  only(hook.received);
});

test('each webhook gets what it asked for, all under one id and with the same bytes', async () => {
  const all = await hooks.open();
  const paid = await hooks.open({ types: 'order.paid,membership.ended' });
  const shipped = await hooks.open({ types: 'order.shipped' });
  const disabled = await hooks.open();
  await hooks.set(disabled, { status: 'DISABLED' });
  const order = await paidOrder();
  await trade.set(order, { status: SHIPPED });
  await shop.jobs();
  assert.deepEqual([all, paid, shipped, disabled].map(({ received }) => typesOf(received)), [['order.paid', 'order.shipped'], ['order.paid'], ['order.shipped'], []]);
  assert.equal(all.received[0].headers['webhook-id'], paid.received[0].headers['webhook-id']);
  assert.equal(all.received[0].body, paid.received[0].body);
  assert.notEqual(all.received[0].headers['x-signature'], paid.received[0].headers['x-signature']);
  await hooks.set(shipped, { types: null });
  await paidOrder();
  await shop.jobs();
  assert.deepEqual(typesOf(shipped.received), ['order.shipped', 'order.paid']);
});

test('a failed delivery is repeated by the schedule, with the same id and bytes, and at last fails; then the webhook is off', async () => {
  const hook = await hooks.open();
  hook.answer = { status: 500 };
  await paidOrder();
  let now = 0;
  for (const [i, gap] of SCHEDULE_S.entries()) {
    if (gap > 10) { // not before its time
      clock(now + gap - 10);
      await shop.jobs();
      assert.equal(hook.received.length, i);
    }
    now += Math.ceil(gap * JITTER) + 1;
    clock(now);
    await shop.jobs();
    assert.equal(hook.received.length, i + 1, `attempt ${i + 1}`);
    const { headers, body } = hook.received[i];
    assert.ok(Math.abs(Number(headers['webhook-timestamp']) - Date.now() / 1000 - now) < 60);
    assert.equal(headers['webhook-signature'], v1(hook.secret, hook.received[i]));
    assert.deepEqual([headers['webhook-id'], body], [hook.received[0].headers['webhook-id'], hook.received[0].body]);
  }
  await signIn();
  const failed = only(await hooks.deliveries(hook));
  assert.deepEqual([failed.status, failed.tries, failed.answer_status, failed.error, failed.due_at], ['FAILED', 10, 500, 'STATUS', null]);
  const { status, reason, failing_since: since } = await hooks.read(hook);
  assert.deepEqual([status, reason], ['OFF', 'EXHAUSTED']);
  assert.match(since, DATE);
  assert.match((await shop.audit()).stdout, new RegExp(`webhook ${hook.id}: switched off: EXHAUSTED`));
  await trade.signInAgain(anna);
  await paidOrder(); // notifies nobody
  assert.equal((await hooks.deliveries(hook)).length, 1);
  hook.answer = { status: 200 };
  const { status: on, reason: none, failing_since: never } = await hooks.set(hook, { status: 'ENABLED' });
  assert.deepEqual([on, none, never], ['ENABLED', null, null]);
  assert.equal((await hooks.replay(failed)).status, 200);
  await shop.jobs();
  assert.equal(only(await hooks.deliveries(hook)).status, 'DELIVERED');
});

test('a delivery that fails alone switches nothing off', async () => {
  const hook = await hooks.open();
  hook.answer = { status: 500 };
  await paidOrder();
  for (const i of SCHEDULE_S.keys()) {
    await shop.sql(`UPDATE webhook_deliveries SET due_at = 1 WHERE webhook_id = ${hook.id} AND status = 0`);
    if (i === SCHEDULE_S.length - 1) await paidOrder();
    await shop.jobs();
  }
  assert.deepEqual((await hooks.deliveries(hook)).map(({ status }) => status), ['PENDING', 'FAILED']);
  assert.equal((await hooks.read(hook)).status, 'ENABLED');
});

test('410 switches a webhook off at once; what is pending for it fails', async () => {
  const hook = await hooks.open();
  hook.answer = { status: 410 };
  await paidOrder();
  await paidOrder();
  await shop.jobs();
  assert.equal(hook.received.length, 1);
  await shop.jobs();
  assert.equal(hook.received.length, 1);
  const { status, reason } = await hooks.read(hook);
  assert.deepEqual([status, reason], ['OFF', 'GONE']);
  assert.deepEqual((await hooks.deliveries(hook)).map((one) => [one.status, one.error]), [['FAILED', 'DISABLED'], ['FAILED', 'STATUS']]);
  assertRefused(await hooks.replay((await hooks.deliveries(hook))[0]), 409, 'WEBHOOK_DISABLED');
  await hooks.close(hook);
  assertRefused(await hooks.call('GET', `/${hook.id}`), 404, 'NOT_FOUND');
  assertRefused(await hooks.call('GET', `/${hook.id}/deliveries`), 404, 'NOT_FOUND');
});

test('a redirect fails and is not followed; a large answer is not read', async () => {
  const elsewhere = await hooks.open({ types: 'membership.ended' });
  const hook = await hooks.open();
  hook.answer = { status: 307, headers: { location: elsewhere.url } };
  await paidOrder();
  await shop.jobs();
  assert.deepEqual([hook.received.length, elsewhere.received.length], [1, 0]);
  const [{ status, answer_status: answered, error }] = await hooks.deliveries(hook);
  assert.deepEqual([status, answered, error], ['PENDING', 307, 'STATUS']);
  hook.answer = { status: 200, body: 'x'.repeat(4 << 20) };
  clock(10);
  await shop.jobs();
  const [delivered] = await hooks.deliveries(hook);
  assert.deepEqual([delivered.status, delivered.answer_status, delivered.error, delivered.tries], ['DELIVERED', 200, null, 2]);
  assert.doesNotMatch(JSON.stringify(delivered), /xxx/);
});

test('one that is too busy is left alone for as long as it says', async () => {
  const [first, second] = [await hooks.open(), await hooks.open()];
  first.answer = { status: 429, headers: { 'retry-after': '3600' } };
  second.answer = { status: 504 };
  await paidOrder();
  await shop.jobs();
  clock(30);
  await paidOrder();
  await shop.jobs();
  assert.deepEqual([first.received.length, second.received.length], [1, 1]); // nothing else either
  second.answer = { status: 200 };
  clock(2 * MINUTE_S);
  await shop.jobs();
  assert.deepEqual([first.received.length, second.received.length], [1, 3]);
  first.answer = { status: 200 };
  clock(HOUR_S + 5);
  await shop.jobs();
  assert.deepEqual([first.received.length, second.received.length], [3, 3]);
  assert.equal((await hooks.read(first)).failing_since, null);
});

test('webhooks take turns: neither many deliveries nor a dead receiver delay those of another', async () => {
  const [dead, busy] = [await hooks.open(), await hooks.open()];
  for (let i = 0; i < 3; i++) await paidOrder();
  const late = await hooks.open();
  await paidOrder();
  dead.answer = { status: 503 };
  await shop.jobs();
  assert.deepEqual(hooks.arrivals.slice(-6).map(({ to }) => to), [dead, busy, late, busy, busy, busy]);
  await paidOrder();
  clock(10);
  await shop.jobs(); // now the dead one is the last
  assert.deepEqual(hooks.arrivals.slice(-3).map(({ to }) => to), [busy, late, dead]);
});

test('nobody is there: the attempt fails without an answer', async () => {
  const { webhook_id: id } = await hooks.ok('POST', '', { url: 'http://127.0.0.1:9/' });
  await paidOrder();
  await shop.jobs();
  const { status, answer_status: answered, error, tries } = only(await hooks.deliveries({ id }));
  assert.deepEqual([status, answered, error, tries], ['PENDING', null, 'CONNECTION', 1]);
});

const PRIVATE = ['http://shop.example/', 'https://shop.example:8443/', 'https://10.0.0.1/', 'https://127.0.0.2/', 'https://169.254.169.254/latest/meta-data',
  'https://192.168.1.1/', 'https://2130706433/', 'https://0x7f000001/', 'https://017700000001/', 'https://[fd00::1]/', 'https://user:secret@shop.example/',
  'https://shop.example@127.0.0.1/', 'ftp://shop.example/', 'http://[::2]/', 'javascript:alert(1)', 'shop.example', ''];

test('an address of a private network, another scheme or port is refused', async () => {
  for (const url of PRIVATE) assertInvalid(await hooks.call('POST', '', { url }), 'url');
  const hook = await hooks.open();
  assertInvalid(await hooks.call('PUT', `/${hook.id}`, { url: 'https://10.0.0.1/' }), 'url');
  assert.equal((await hooks.set(hook, { url: 'https://hooks.example.com/minimall?shop=1' })).url, 'https://hooks.example.com/minimall?shop=1');
  assert.equal((await hooks.set(hook, { url: 'https://hooks.example.com:443/' })).url, 'https://hooks.example.com:443/');
});

test('a name that stands for a private address is refused when it is called', async () => {
  const { webhook_id: id } = await hooks.ok('POST', '', { url: 'https://hooks.localhost/' });
  await paidOrder();
  await shop.jobs();
  assert.equal(only(await hooks.deliveries({ id })).error, 'ADDRESS');
  await shop.sql(`UPDATE webhooks SET url = 'https://10.0.0.1/' WHERE webhook_id = ${id}`); // of a shop with other settings
  clock(10);
  await shop.jobs();
  const { error, tries } = only(await hooks.deliveries({ id }));
  assert.deepEqual([error, tries], ['ADDRESS', 2]);
});

test('a delivery is sent once more by hand, as it was', async () => {
  const hook = await hooks.open();
  await paidOrder();
  await shop.jobs();
  const before = only(await hooks.deliveries(hook));
  const one = await hooks.ok('GET', `/deliveries/${before.delivery_id}`);
  assert.deepEqual([one.body, one.message_id, one.status], [hook.received[0].body, hook.received[0].headers['webhook-id'], 'DELIVERED']);
  const { status, body } = await hooks.replay(before);
  assert.deepEqual([status, body.status, body.tries], [200, 'PENDING', 0]);
  await shop.jobs();
  const [first, again] = hook.received;
  assert.deepEqual([again.headers['webhook-id'], again.body], [first.headers['webhook-id'], first.body]);
  assertSigned(again, hook.secret);
  assertRefused(await hooks.replay({ delivery_id: 999_999_999 }), 404, 'NOT_FOUND');
  assertRefused(await hooks.call('GET', '/deliveries/999999999'), 404, 'NOT_FOUND');
});

test('a new secret signs together with the one before it for a day', async () => {
  const hook = await hooks.open();
  const rotated = await hooks.ok('POST', `/${hook.id}/secret`);
  assert.notEqual(rotated.secret, hook.secret);
  assert.match(rotated.old_secret_until, DATE);
  assert.equal((await hooks.read(hook)).secret, undefined);
  await paidOrder();
  await shop.jobs();
  const [both] = hook.received;
  assertSigned(both, rotated.secret);
  assert.equal(both.headers['webhook-signature'], `${v1(rotated.secret, both)} ${v1(hook.secret, both)}`);
  clock(DAY_S + MINUTE_S);
  await trade.signInAgain(anna);
  await signIn();
  await paidOrder();
  await shop.jobs();
  const [, alone] = hook.received;
  assert.equal(alone.headers['webhook-signature'], v1(rotated.secret, alone));
  assert.equal(alone.headers['x-signature'], xSignature(rotated.secret, alone.body));
});

test('deliveries are listed by status, in pages, and are forgotten after 30 days, but for those that are pending', async () => {
  const hook = await hooks.open();
  for (let i = 0; i < 3; i++) await paidOrder();
  await shop.jobs();
  hook.answer = { status: 500 };
  await paidOrder();
  await shop.jobs();
  const all = await hooks.deliveries(hook);
  assert.deepEqual(all.map(({ status }) => status), ['PENDING', 'DELIVERED', 'DELIVERED', 'DELIVERED']);
  assert.deepEqual(await hooks.deliveries(hook, '?status=DELIVERED'), all.slice(1));
  assert.deepEqual(await hooks.deliveries(hook, '?status=FAILED'), []);
  const { headers, body } = await hooks.call('GET', `/${hook.id}/deliveries?limit=3`);
  assert.deepEqual(body, all.slice(0, 3));
  const [, next] = /<(.*)>; rel="next"/.exec(headers.get('link'));
  assert.deepEqual(await shop.ok('GET', next, { token: trade.admin }), all.slice(3));
  assertInvalid(await hooks.call('GET', `/${hook.id}/deliveries?status=LOST`), 'status');
  clock(31 * DAY_S);
  await shop.sql(`UPDATE webhooks SET held_until = ${Date.now() + 40 * DAY_S * 1000} WHERE webhook_id = ${hook.id}`);
  await shop.jobs();
  await signIn();
  assert.deepEqual((await hooks.deliveries(hook)).map(({ status }) => status), ['PENDING']);
  await shop.sql(`UPDATE webhooks SET held_until = 0 WHERE webhook_id = ${hook.id}`);
});

test('bodies are checked, there are at most ten webhooks, and only administrators see them', async () => {
  for (const [body, field] of [[{}, 'url'], [{ url: 5 }, 'url'], [{ url: hooks.newUrl(), types: 'order.lost' }, 'types'],
    [{ url: hooks.newUrl(), types: 'order.paid,' }, 'types'], [{ url: hooks.newUrl(), types: '' }, 'types'], [{ url: `https://a.cn/${'x'.repeat(500)}` }, 'url']]) {
    assertInvalid(await hooks.call('POST', '', body), field);
  }
  const hook = await hooks.open();
  assertInvalid(await hooks.call('PUT', `/${hook.id}`, { status: 'OFF' }), 'status');
  const made = await Promise.all(Array.from({ length: 12 }, () => hooks.call('POST', '', { url: hooks.newUrl() })));
  const refused = made.filter(({ status }) => status !== 201);
  assert.equal(refused.length, 3);
  for (const one of refused) assertRefused(one, 409, 'WEBHOOKS_LIMIT');
  assertRefused(await shop.call('GET', '/api/webhooks', { token: anna.token }), 403, 'FORBIDDEN');
  assertRefused(await shop.call('POST', `/api/webhooks/${hook.id}/secret`, { token: anna.token }), 403, 'FORBIDDEN');
  const { headers } = await hooks.call('GET', `/${hook.id}`);
  await hooks.set(hook, { types: 'order.paid' });
  const stale = await shop.call('PUT', `/api/webhooks/${hook.id}`, { token: trade.admin, body: { status: 'DISABLED' }, headers: { 'if-match': headers.get('etag') } });
  assertRefused(stale, 412, 'PRECONDITION_FAILED');
});
