// SPDX-License-Identifier: MIT
// A family that is stuck, at a provider that hangs or under a flood, keeps nobody else waiting (BEHAVIOUR 54). What counts is the order
// in which requests end, not how long they take.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { WORKERS } from '../../../sandbox/web.mjs';
import { TRADE, openTrade, tally, until } from '../lib/trade.mjs';

const FLOOD = 400;
const trade = await openTrade({ families: [...TRADE, 'system'] });
const { shop } = trade;
const crowd = await trade.buyers(WORKERS.payments + 1);
const [anna] = crowd;
const tea = await trade.product({ price: '9.90', stock: 1000 });

const statuses = (answers) => tally(answers.map(({ status }) => status));

// One after another, so that each is served at once: what everybody else does meanwhile.
async function others() {
  const order = await trade.order(anna, [[tea, 1]]);
  await trade.ok('GET', '/api/products');
  await trade.ok('GET', `/api/products/${tea}`);
  await trade.ok('GET', `/api/orders/${order.order_id}`, { token: anna.token });
  await trade.ok('GET', '/api/auth/me', { token: anna.token });
  await trade.ok('GET', '/readyz');
  assert.equal((await trade.cancel(anna, order)).status, 200);
  return order;
}

// Requests, and how many of them have ended.
function follow(requests) {
  const stuck = { ended: 0 };
  stuck.answers = Promise.all(requests.map((request) => request.finally(() => { stuck.ended += 1; })));
  return stuck;
}

const asked = async (path) => (await shop.sandbox('GET', '/sandbox/requests')).body.filter((request) => request.path.startsWith(path)).length;

test('while every process of payments and of sign-in waits for WeChat, everything else is served, and they are free when it is given up (B54)', async () => {
  const orders = [];
  for (const person of crowd) orders.push(await trade.order(person, [[tea, 1]]));
  const last = orders.pop();
  const { outTradeNo } = await trade.prepay(anna, await trade.order(anna, [[tea, 1]]));
  await trade.forgetRequests();
  await trade.fault('jsapi', 'hang', { times: WORKERS.payments });
  await trade.fault('jscode2session', 'hang', { times: WORKERS.login });
  const payments = follow(orders.map((order, i) => trade.tryPrepay(crowd[i], order)));
  const signIns = follow(Array.from({ length: WORKERS.login }, (_, i) => shop.call('POST', '/weixin-login', { body: { code: `sandbox:stuck-${i}` } })));
  await until('all of them to wait', async () => await asked('/v3/pay') === WORKERS.payments && await asked('/sns') === WORKERS.login);
  const next = follow([trade.tryPrepay(crowd.at(-1), last), shop.call('POST', '/weixin-login', { body: { code: 'sandbox:patient' } })]);
  await others();
  assert.equal((await trade.payNotified(outTradeNo)).body.status, 200, 'a notification, which calls nobody');
  assert.deepEqual([payments.ended, signIns.ended, next.ended], [0, 0, 0]);
  assert.deepEqual([statuses(await payments.answers), statuses(await signIns.answers)], [{ 503: WORKERS.payments }, { 503: WORKERS.login }]);
  assert.deepEqual(statuses(await next.answers), { 200: 2 });
});

test('a flood of one family, whose processes answer nothing, leaves the others alone, and is answered afterwards (B54)', async (t) => {
  const busy = await trade.allWorkers('payments');
  const go = () => busy.forEach((pid) => process.kill(pid, 'SIGCONT'));
  t.after(go);
  for (const pid of busy) process.kill(pid, 'SIGSTOP');
  const order = await trade.order(anna, [[tea, 1]]);
  const flood = follow(Array.from({ length: FLOOD }, () => trade.paymentStatus(anna, order)));
  await others();
  assert.equal(flood.ended, 0);
  go();
  assert.deepEqual(statuses(await flood.answers), { 200: FLOOD });
});
