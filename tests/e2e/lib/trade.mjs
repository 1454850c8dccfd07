// SPDX-License-Identifier: MIT
// Helpers of the tests of orders and payments: a shop with products and buyers, and their operations.
//
//   const trade = await openTrade();
//   const anna = await trade.buyer();                        // { token, user, name }
//   const tea = await trade.product({ price: '29.90', stock: 5 });
//   const order = await trade.order(anna, [[tea, 2]]);       // the response body
//   const { outTradeNo, prepayId } = await trade.prepay(anna, order);

import assert from 'node:assert/strict';
import { readlinkSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { processesOf } from '../../../sandbox/process.mjs';
import { WORKERS } from '../../../sandbox/web.mjs';
import { openShop } from './harness.mjs';

export const PENDING = 0;
export const PAID = 1;
export const SHIPPED = 2;
export const COMPLETED = 3;
export const CANCELLED = 4;
export const REFUNDED = 5;

// The states of a payment attempt, as in the schema.
export const ATTEMPT = { open: 0, closed: 1, granted: 2, grantedLate: 3, refundDue: 4 };
export const VERDICT = { granted: 1, grantedLate: 2, refundDue: 3, repeat: 4, nothing: 5, orphan: 6 };

export const MINUTE_S = 60;
export const DAY_S = 86_400;
export const PAY_S = 30 * MINUTE_S; // ORDER_PAY_MINUTES

const PATIENCE_MS = 4500; // the shop's calls of WeChat Pay time out after 5 s

export const DATE = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/;
const ORDER_EXTRAS = ['paid_by', 'discount_amount', 'points_used', 'points_amount', 'consignee', 'remark', 'shipment']; // DESIGN: extra members of an order

// The families of programs that most files about orders and payments use.
export const TRADE = ['catalogue', 'login', 'notify', 'orders', 'payments', 'users'];

export async function openTrade(options) {
  const shop = await openShop(options);
  return new Trade(shop, await shop.admin());
}

class Trade {
  #buyers = 0;
  #products = 0;

  constructor(shop, admin) {
    this.shop = shop;
    this.admin = admin;
    this.keys = shop.keys;
  }

  call(...args) { return this.shop.call(...args); }
  ok(...args) { return this.shop.ok(...args); }

  // ---- users and products ----

  async buyer() {
    this.#buyers += 1;
    const name = `buyer-${this.#buyers}`;
    return { name, ...await this.shop.login(name) };
  }

  buyers(n) {
    return Promise.all(Array.from({ length: n }, () => this.buyer()));
  }

  // A token is valid for a day of the shop's clock; afterwards sign in again.
  async signInAgain(person) {
    person.token = (await this.shop.login(person.name)).token;
    return person;
  }

  async adminSignIn() {
    this.admin = await this.shop.admin();
  }

  async product(fields = {}) {
    this.#products += 1;
    const body = { name: `商品 ${this.#products}`, price: '10.00', stock: 100, ...fields };
    return (await this.ok('POST', '/api/products', { token: this.admin, body })).product_id;
  }

  async stock(productId) {
    const [row] = await this.shop.sql(`SELECT stock FROM products WHERE product_id = ${productId}`);
    return row.stock;
  }

  // ---- orders ----

  // lines: [[product_id, quantity], …]
  tryOrder(person, lines, { headers, ...more } = {}) {
    const items = lines.map(([productId, quantity]) => ({ product_id: productId, quantity }));
    return this.call('POST', '/api/orders', { token: person.token, headers, body: { items, ...more } });
  }

  async order(person, lines, more) {
    const { status, body } = await this.tryOrder(person, lines, more);
    assert.equal(status, 201, JSON.stringify(body));
    return body;
  }

  // As an administrator sees it.
  read(order) {
    return this.ok('GET', `/api/orders/${order.order_id}`, { token: this.admin });
  }

  async status(order) {
    return (await this.read(order)).status;
  }

  put(order, body, token = this.admin) {
    return this.call('PUT', `/api/orders/${order.order_id}`, { token, body });
  }

  async set(order, body) {
    const { status, body: answer } = await this.put(order, body);
    assert.equal(status, 200, JSON.stringify(answer));
    return answer;
  }

  cancel(person, order) {
    return this.call('POST', `/api/orders/${order.order_id}/cancel`, { token: person.token });
  }

  complete(person, order) {
    return this.call('POST', `/api/orders/${order.order_id}/complete`, { token: person.token });
  }

  remove(order, token = this.admin) {
    return this.call('DELETE', `/api/orders/${order.order_id}`, { token });
  }

  payOffline(order) {
    return this.set(order, { status: PAID, payment_method: '现金', payment_id: `cash-${order.order_id}` });
  }

  // A new order, brought to a status; by: paid through 'provider' or 'offline'.
  async orderIn(person, lines, status, by = 'provider') {
    const order = await this.order(person, lines);
    if (status === PENDING) return order;
    if (status === CANCELLED) {
      assert.equal((await this.cancel(person, order)).status, 200);
      return order;
    }
    if (by === 'offline') await this.payOffline(order);
    else await this.payByWechat(person, order);
    if (status === SHIPPED || status === COMPLETED) await this.set(order, { status: SHIPPED });
    if (status === COMPLETED) await this.set(order, { status: COMPLETED });
    if (status === REFUNDED) await this.set(order, { status: REFUNDED });
    return order;
  }

  // What is stored of its state.
  async rowOf(order) {
    const [row] = await this.shop.sql(`SELECT status, payment_method, payment_id, paid_by, paid_at, stock_held, deleted_at
      FROM orders WHERE order_no = '${order.order_id}'`);
    return row;
  }

  // ---- payments ----

  tryPrepay(person, order, headers) {
    return this.call('POST', '/api/payment/wxpay', { token: person.token, headers, body: { order_id: order.order_id } });
  }

  // Prepares the payment; also returns the simulator's ids for it.
  async prepay(person, order) {
    const { status, body } = await this.tryPrepay(person, order);
    assert.equal(status, 200, JSON.stringify(body));
    const prepayId = prepayIdOf(body);
    const [{ out_trade_no: outTradeNo }] = await this.shop.sql(
      `SELECT out_trade_no FROM payment_attempts WHERE handle = '${prepayId}'`);
    return { body, prepayId, outTradeNo };
  }

  // Paid at the provider, which notifies the shop until it accepts: returns the result of shop.pay().
  async payNotified(outTradeNo, options) {
    let answer;
    await redelivered(async () => {
      answer = await this.shop.pay(outTradeNo, options);
      return answer.body;
    });
    return answer;
  }

  // Refunded in the merchant's console, in full unless options say otherwise: the simulator's response.
  async refundInConsole(outTradeNo, options) {
    return (await this.#sandbox('POST', `/console/refund/${outTradeNo}`, options)).body;
  }

  // Prepared, paid, and notified.
  async payByWechat(person, order) {
    const prepared = await this.prepay(person, order);
    const answer = await this.payNotified(prepared.outTradeNo);
    assert.equal(answer.body.status, 200, JSON.stringify(answer.body));
    return prepared;
  }

  paymentStatus(person, order) {
    return this.call('GET', `/api/payment/wxpay/${order.order_id}`, { token: person.token });
  }

  // Returns once the shop has made such a call to the simulator.
  asked(name) {
    return until(`a call of ${name}`, async () => (await this.requests()).includes(name));
  }

  // The simulator's data on an attempt; 404 and no body for an unknown one.
  async atWechat(outTradeNo) {
    const { status, body } = await this.shop.sandbox('GET', `/sandbox/orders/${outTradeNo}`);
    return status === 200 ? body : null;
  }

  fault(on, fault, more = {}) {
    return this.#sandbox('POST', '/sandbox/faults', { on, fault, ...more });
  }

  // The simulator executes the next such call, and withholds the response until noFaults(), or for as long as the shop waits.
  delayed(on) { return this.fault(on, 'late', { delay_ms: PATIENCE_MS }); }

  noFaults() { return this.#sandbox('DELETE', '/sandbox/faults'); }
  async faultsLeft() { return (await this.#sandbox('GET', '/sandbox/faults')).body; }
  forgetRequests() { return this.#sandbox('DELETE', '/sandbox/requests'); }

  // The shop's calls since forgetRequests(), as "query", "close", "jsapi", "native" and "h5".
  async requests() {
    const { body } = await this.#sandbox('GET', '/sandbox/requests');
    return body.filter(({ path: p }) => p.startsWith('/v3/') && p !== '/v3/certificates').map(({ method, path: p }) => {
      const [, name] = /\/(jsapi|native|h5|close)$/.exec(p) ?? [];
      if (name) return name;
      return method === 'GET' ? 'query' : p;
    });
  }

  async #sandbox(method, address, body) {
    const answer = await this.shop.sandbox(method, address, body);
    assert.ok(answer.status < 300, JSON.stringify(answer.body));
    return answer;
  }

  // ---- internals ----

  attempts(order) {
    return this.shop.sql(`SELECT a.* FROM payment_attempts a JOIN orders o ON o.id = a.payable_id
      WHERE a.payable_kind = 1 AND o.order_no = '${order.order_id}' ORDER BY attempt_id`);
  }

  async states(order) {
    return (await this.attempts(order)).map(({ state }) => state);
  }

  // An order's stock moves: their deltas, in order.
  async moves(order) {
    const rows = await this.shop.sql(`SELECT m.delta FROM stock_moves m JOIN orders o ON o.id = m.order_id
      WHERE o.order_no = '${order.order_id}' ORDER BY m.move_id`);
    return rows.map(({ delta }) => delta);
  }

  events(where) {
    return this.shop.sql(`SELECT event_id, verdict, reason, out_trade_no, transaction_id, amount, copies
      FROM payment_events WHERE ${where} ORDER BY event_no`);
  }

  // The audit's output lines; it must exit as expected.
  async audit(code = 0) {
    const result = await this.shop.audit();
    assert.equal(result.code, code, result.stdout + result.stderr);
    return result.stdout.split('\n').filter((line) => line !== '');
  }

  // Process ids of the serving programs; name: only these.
  workers(name = '') {
    return programsOf(path.join(this.shop.dir, 'web'), name);
  }

  // The same in order, once all are running: the first may have served before the last was started.
  async allWorkers(name = '') {
    const full = Object.entries(WORKERS).reduce((sum, [family, count]) => sum + (name === '' || family === name ? count : 0), 0);
    await until(`${full} programs`, () => this.workers(name).length === full, { limitMs: 60_000, everyMs: 50 });
    return this.workers(name).sort((a, b) => a - b);
  }
}

export function prepayIdOf(body) {
  assert.match(body.package, /^prepay_id=wx[0-9A-Za-z]+$/);
  return body.package.slice('prepay_id='.length);
}

export function assertOrder(body, expected = {}) {
  const { order_id: id, user_id: user, total_amount: total, status, payment_method: method, payment_id: payment,
    created_at: created, updated_at: updated, user: buyer, orderItems: lines, ...rest } = body;
  assert.match(id, /^ORDER[0-9A-Z]{20,}$/);
  assert.ok(Number.isSafeInteger(user) && user > 0, `user_id ${user}`);
  assert.match(total, /^\d+\.\d\d$/);
  assert.ok(Number.isInteger(status) && status >= PENDING && status <= REFUNDED, `status ${status}`);
  for (const text of [method, payment]) assert.ok(text === null || typeof text === 'string', `${text}`);
  for (const moment of [created, updated]) assert.match(moment, DATE);
  assert.deepEqual(Object.keys(rest).filter((name) => !ORDER_EXTRAS.includes(name)), [], 'members no contract knows');
  for (const [name, value] of Object.entries(expected)) assert.deepEqual(body[name], value, name);
}

export function assertFullOrder(body, expected = {}) {
  assertOrder(body, expected);
  assert.deepEqual(Object.keys(body.user), ['user_id', 'nickname', 'email']);
  assert.equal(body.user.user_id, body.user_id);
  assert.ok(body.orderItems.length >= 1);
  for (const line of body.orderItems) {
    assert.deepEqual(Object.keys(line), ['order_item_id', 'order_id', 'product_id', 'quantity', 'unit_price', 'total_price', 'product', 'discount_amount']);
    assert.equal(line.order_id, body.order_id);
    assert.deepEqual(Object.keys(line.product), ['product_id', 'name', 'price']);
    assert.equal(line.product.product_id, line.product_id);
    assert.equal(typeof line.product.price, 'number');
    for (const price of [line.unit_price, line.total_price, line.discount_amount]) assert.match(price, /^\d+\.\d\d$/);
    assert.equal(fen(line.total_price), fen(line.unit_price) * line.quantity);
  }
  const sum = (name) => body.orderItems.reduce((fens, line) => fens + fen(line[name]), 0);
  assert.equal(sum('discount_amount'), fen(body.discount_amount));
  assert.equal(sum('total_price') - fen(body.discount_amount) - fen(body.points_amount), fen(body.total_amount));
}

export function fen(text) {
  return Math.round(Number(text) * 100);
}

// An error's status and code; it must have a message.
export function assertRefused({ status, body }, expected, code) {
  assert.equal(status, expected, JSON.stringify(body));
  assert.ok(body.message, JSON.stringify(body));
  if (code) assert.equal(body.code, code, JSON.stringify(body));
}

// Waits for a condition, which must become true soon.
export async function until(what, condition, { limitMs = 10_000, everyMs = 5 } = {}) {
  const end = Date.now() + limitMs;
  while (!await condition()) {
    assert.ok(Date.now() < end, `waited ${limitMs} ms in vain for ${what}`);
    await delay(everyMs);
  }
}

// The shop's response to a notification that `deliver` delivers, repeated as WeChat does: when a row is locked or the
// database slow for longer than two seconds, the correct response is a 503 (B40). Any other, such as a 500, is final.
// Concurrent copies must all be accepted, and are delivered again together.
export async function redelivered(deliver) {
  let answer;
  await until('a notification to be heard', async () => {
    answer = await deliver();
    const copies = answer.answers ?? [answer];
    return !copies.some(isPutOff) || copies.some((copy) => copy.status !== 200 && !isPutOff(copy));
  }, { limitMs: 60_000, everyMs: 100 });
  return answer;
}

// Answered by the shop itself, not by a web server that lost the program; or not at all within the simulator's wait.
function isPutOff({ status, body, error = '' }) {
  return status === 503 ? /\bFAIL\b/.test(JSON.stringify(body)) : status === 0 && error.startsWith('no answer within');
}

// Refused by the shop because a lock was not available in time, which can happen to any request on a slow machine.
export function isBusy({ status, body }) {
  return status === 503 && body?.code === 'BUSY';
}

// Kills database connections by their ids; run: one statement. Returns how many there were: one may close by itself.
export async function killConnections(run, ids) {
  let killed = 0;
  for (const id of ids) {
    killed += await run(`KILL CONNECTION ${id}`).then(() => 1, (error) => {
      assert.match(error.message, /Unknown thread id/);
      return 0;
    });
  }
  return killed;
}

// Which operations ({ name: async function }) take less than half or more than twice the median time of `reference`:
// [[name, ratio]]. Interleaved, so that other load affects all of them; and three times, since a real difference recurs.
export async function timingDifferences(acts, reference, rounds) {
  const median = (list) => list.sort((a, b) => a - b)[list.length >> 1];
  let told;
  for (let i = 0; i < 3 && told?.length !== 0; i++) {
    const times = Object.fromEntries(Object.keys(acts).map((name) => [name, []]));
    for (let round = 0; round < rounds; round++) {
      for (const [name, act] of Object.entries(acts)) {
        const started = performance.now();
        await act();
        times[name].push(performance.now() - started);
      }
    }
    const base = median(times[reference]);
    told = Object.entries(times).map(([name, list]) => [name, median(list) / base]).filter(([, ratio]) => ratio <= 0.5 || ratio >= 2);
  }
  return told;
}

// Was the answer that of an earlier request with the same Idempotency-Key? 'true' or null.
export const replayed = ({ headers }) => headers.get('idempotent-replayed');

// The number of occurrences of each value.
export function tally(values) {
  const counts = {};
  for (const value of values) counts[value] = (counts[value] ?? 0) + 1;
  return counts;
}

// The processes of a family below the home of a web server.
export function programsOf(home, name) {
  return processesOf(home).filter((pid) => programOf(pid).includes(`${name}.fcgi`));
}

// The program that a process runs; '' if it ended meanwhile.
export function programOf(pid) {
  try {
    return readlinkSync(`/proc/${pid}/exe`);
  } catch (error) {
    if (error.code !== 'ENOENT' && error.code !== 'ESRCH') throw error;
    return '';
  }
}
