// SPDX-License-Identifier: MIT
// Helpers of the tests of memberships: plans, customers who buy them, and their operations.
//
//   const vip = await openVip();
//   const month = await vip.plan({ price: '30.00', duration_days: 30, level: 1 });
//   const anna = await vip.buyer();
//   const order = await vip.bought(anna, month);             // created, with a simulated payment
//   await vip.at(15, anna);                                   // fifteen days later, with tokens valid then
//   await vip.segments(anna);                                 // [{ order_no, kind: 'NEW', state: 'ACTIVE', start, end, … }]

import assert from 'node:assert/strict';
import { prepayIdOf, openTrade, redelivered, DATE, DAY_S } from './trade.mjs';

export const PLANS = '/api/membership/plans/';
export const ORDERS = '/api/membership/orders';
export const STATUS = '/membership/status';
export const CLEAR = '/membership/clear-cache';

export const PENDING_TEXT = '存在未支付的订单';
export const REFUNDING_TEXT = '退款处理中';

const ORDER_KEYS = ['order_no', 'user_id', 'plan_id', 'plan_name', 'order_type', 'level', 'duration_days', 'price', 'discount_amount', 'amount',
  'status', 'payment_method', 'created_at', 'expires_at', 'paid_at', 'remaining_seconds', 'updated_at'];
const STATUSES = ['PENDING', 'PAID', 'CANCELLED', 'EXPIRED', 'REFUNDING', 'REFUNDED'];
const TYPES = ['NEW', 'RENEWAL', 'UPGRADE'];
const SEGMENT_STATES = [null, 'ACTIVE', 'FOLDED', 'REFUNDED'];
const CODES = { 400: 'VALIDATION_ERROR', 401: 'UNAUTHORIZED', 403: 'FORBIDDEN', 404: 'NOT_FOUND', 405: 'METHOD_NOT_ALLOWED', 422: 'VALIDATION_ERROR' };

export async function openVip(options) {
  const trade = await openTrade(options);
  return new Vip(trade);
}

class Vip {
  #plans = 0;
  #admins = new Map(); // the administrator's tokens by clock offset: password sign-in is slow
  #offset = 0; // the current one of the clock

  constructor(trade) {
    this.trade = trade;
    this.shop = trade.shop;
    this.#admins.set(0, trade.admin);
  }

  get admin() { return this.trade.admin; }
  call(...args) { return this.shop.call(...args); }
  buyer() { return this.trade.buyer(); }

  // ---- plans ----

  tryPlan(fields, token = this.admin) {
    return this.call('POST', PLANS, { token, body: fields });
  }

  // 30.00 yuan for 30 days of level 1, except as given.
  async plan(fields = {}) {
    this.#plans += 1;
    return dataOf(await this.tryPlan({ name: `套餐 ${this.#plans}`, price: '30.00', duration_days: 30, level: 1, ...fields }));
  }

  // ---- orders ----

  quote(person, plan) {
    return this.call('GET', `${ORDERS}/quote/?plan_id=${plan.id}`, { token: person.token });
  }

  tryCreate(person, plan, headers) {
    return this.call('POST', `${ORDERS}/create/`, { token: person.token, headers, body: { plan_id: plan.id } });
  }

  async create(person, plan) {
    return dataOf(await this.tryCreate(person, plan));
  }

  tryPay(person, order, { headers, method = 'ALIPAY' } = {}) {
    return this.call('POST', `${ORDERS}/pay/`, { token: person.token, headers, body: { order_no: order.order_no, payment_method: method } });
  }

  async pay(person, order) {
    return dataOf(await this.tryPay(person, order));
  }

  // Created, with a simulated payment if anything is due.
  async bought(person, plan) {
    const order = await this.create(person, plan);
    return order.status === 'PAID' ? order : this.pay(person, order);
  }

  // Created, and paid through WeChat: the order with its outTradeNo and prepayId.
  async boughtByWechat(person, plan) {
    const order = await this.create(person, plan);
    return { ...order, ...await this.payWechat(person, order) };
  }

  detail(order, token = this.admin) {
    return this.call('GET', `${ORDERS}/detail/?order_no=${order.order_no}`, { token });
  }

  // As an administrator sees it.
  async read(order) {
    const body = dataOf(await this.detail(order));
    assertOrder(body);
    return body;
  }

  async state(order) {
    return (await this.read(order)).status;
  }

  list(query = '', token = this.admin) {
    return this.call('GET', `${ORDERS}/list/${query}`, { token });
  }

  act(token, order, action, headers) {
    return this.call('POST', `${ORDERS}/action/`, { token, headers, body: { order_no: order.order_no, action } });
  }

  tryCancel(person, order) { return this.act(person.token, order, 'cancel'); }
  async cancel(person, order) { return dataOf(await this.tryCancel(person, order)); }
  tryRefund(order, headers) { return this.act(this.admin, order, 'refund', headers); }

  // Refunded, as it is once jobs has called the provider, if there is one.
  async refund(order) {
    const answer = dataOf(await this.tryRefund(order));
    if (answer.status !== 'REFUNDING') return answer;
    await this.jobs();
    return this.read(order);
  }

  // Its purge at a later time also removes sessions that are valid at an earlier one.
  async jobs() {
    await this.shop.jobs();
    if (this.#offset >= DAY_S) this.#admins.clear();
  }

  async gift(person, level, days) {
    const { code, stdout, stderr } = await this.tryGift(person, level, days);
    assert.equal(code, 0, stdout + stderr);
    return { order_no: /^(VIP\w+): /.exec(stdout)[1] };
  }

  tryGift(person, level, days) {
    return this.shop.minimall(['grant-vip', '--user', String(person.user.user_id), '--level', String(level), '--days', String(days)]);
  }

  // ---- payments ----

  // POST /payment/create; more: { method, trade_type, headers, from }.
  tryPayment(person, plan, { method = 'wechat', trade_type, headers, from } = {}) {
    const body = { plan_id: plan.id, payment_method: method, trade_type };
    return this.call('POST', '/payment/create', { token: person.token, headers, from, body });
  }

  // Prepared: { order_id, payment_url }.
  async payment(person, plan, more) {
    const { status, body } = await this.tryPayment(person, plan, more);
    assert.equal(status, 200, JSON.stringify(body));
    return body;
  }

  tryPrepay(person, order, headers) {
    return this.trade.tryPrepay(person, { order_id: order.order_no }, headers);
  }

  async prepay(person, order) {
    const { status, body } = await this.tryPrepay(person, order);
    assert.equal(status, 200, JSON.stringify(body));
    const prepayId = prepayIdOf(body);
    const [{ out_trade_no: outTradeNo }] = await this.shop.sql(`SELECT out_trade_no FROM payment_attempts WHERE handle = '${prepayId}'`);
    return { prepayId, outTradeNo };
  }

  // Paid at the provider; the shop must have accepted the notification.
  async settle({ outTradeNo }, options) {
    const { status, body } = await this.trade.payNotified(outTradeNo, options);
    assert.equal(status, 200, JSON.stringify(body));
    assert.equal(body.status, 200, JSON.stringify(body));
  }

  async payWechat(person, order) {
    const prepared = await this.prepay(person, order);
    await this.settle(prepared);
    return prepared;
  }

  paymentStatus(person, order) {
    return this.trade.paymentStatus(person, { order_id: order.order_no });
  }

  attempts(order) {
    return this.shop.sql(`SELECT a.* FROM payment_attempts a JOIN membership_orders o ON o.id = a.payable_id
      WHERE a.payable_kind = 2 AND o.order_no = '${order.order_no}' ORDER BY a.attempt_id`);
  }

  async attemptStates(order) {
    return (await this.attempts(order)).map(({ state }) => state);
  }

  // An order's refunds: [{ refund_no, amount (fen), state, automatic, reason }].
  refunds(order) {
    return this.shop.sql(`SELECT r.refund_no, r.amount, r.state, r.automatic, r.reason FROM refunds r JOIN membership_orders o ON o.id = r.payable_id
      WHERE r.payable_kind = 2 AND o.order_no = '${order.order_no}' ORDER BY r.refund_id`);
  }

  // The status of new refunds at the provider.
  async mode(status) {
    assert.deepEqual((await this.shop.sandbox('POST', '/sandbox/refund-mode', { status })).body, { status });
  }

  // The provider completes a refund and notifies the shop.
  async completeRefund(refundNo, status = 'SUCCESS') {
    const heard = await redelivered(async () => {
      const { status: code, body } = await this.shop.sandbox('POST', `/refund/${refundNo}`, { status });
      assert.equal(code, 200, JSON.stringify(body));
      return body;
    });
    assert.equal(heard.status, 200, JSON.stringify(heard));
  }

  // A payment's refunds at the provider: [[fen, status], …].
  async refundsAtProvider({ outTradeNo }) {
    const { refunds } = await this.trade.atWechat(outTradeNo);
    return refunds.map(({ request, status }) => [request.amount.refund, status]);
  }

  // ---- entitlement ----

  // In the order of granting; times in seconds since 1970.
  async segments(person) {
    const rows = await this.shop.sql(`SELECT o.order_no, s.kind, s.level, s.state, s.start_s, s.days, s.value, s.cash, s.cut_s, s.taken_s
      FROM entitlement_segments s JOIN membership_orders o ON o.id = s.order_id WHERE s.user_id = ${person.user.user_id} ORDER BY s.granted_version`);
    return rows.map(({ kind, state, start_s: start, cut_s: cut, taken_s: taken, ...row }) => ({
      ...row, start, taken, kind: TYPES[kind - 1], state: SEGMENT_STATES[state], end: state === 3 ? cut : start + row.days * DAY_S,
    }));
  }

  // The rows without the version, which counts changes: an undone change must leave them as they were.
  rows(person) {
    return this.shop.sql(`SELECT * FROM entitlement_segments WHERE user_id = ${person.user.user_id} ORDER BY order_id`);
  }

  tryStatus(memberId, token) {
    return this.call('GET', `${STATUS}?member_id=${memberId}`, { token });
  }

  // The caller's own, or as an administrator sees it: { member_id, is_vip, vip_expire_at, days_remaining }.
  async status(person, token = person.token) {
    const { status, body } = await this.tryStatus(person.user.member_id, token);
    assert.equal(status, 200, JSON.stringify(body));
    assertStatus(body, person);
    return body;
  }

  // The expiry, in seconds since 1970; null: none.
  async until(person) {
    const { vip_expire_at: end } = await this.status(person);
    return end === null ? null : Date.parse(end) / 1000;
  }

  // ---- time ----

  // Sets the time to so many days and seconds after now; the given users and the administrator sign in again.
  async at(days, ...people) {
    await this.after(days * DAY_S, ...people);
  }

  async after(seconds, ...people) {
    this.shop.clock(seconds);
    this.#offset = seconds;
    if (!this.#admins.has(seconds)) this.#admins.set(seconds, await this.shop.admin());
    this.trade.admin = this.#admins.get(seconds);
    for (const person of people) await this.trade.signInAgain(person);
  }

  // The result of `ask`, run within one second of the shop's clock, and that second. It is called again if the second
  // changed meanwhile: it must change nothing and assert nothing.
  async within(second, ask) {
    for (;;) {
      const began = Math.floor(Date.now() / 1000);
      this.shop.clock(second - began);
      const answer = await ask();
      if (Math.floor(Date.now() / 1000) === began) return answer;
    }
  }
}

// The data of an envelope, which must be a success.
export function dataOf({ status, body }) {
  assert.equal(status, 200, JSON.stringify(body));
  assert.deepEqual([body.success, body.code], [true, 'OK'], JSON.stringify(body));
  for (const name of Object.keys(body)) assert.ok(['success', 'code', 'data', 'message', 'meta'].includes(name), name);
  return body.data;
}

// An error in the dialect of membership-orders; text: what its message must contain.
export function assertDenied({ status, body }, expected, text = '') {
  assert.equal(status, expected, JSON.stringify(body));
  assert.deepEqual([body.success, body.code], [false, CODES[expected]], JSON.stringify(body));
  assert.match(body.message, /\p{Script=Han}/u);
  assert.ok(body.message.includes(text), JSON.stringify(body));
  assert.equal('data' in body, false);
}

export function assertOrder(body, expected = {}) {
  assert.deepEqual(Object.keys(body), ORDER_KEYS);
  assert.match(body.order_no, /^VIP\d{8}[0-9A-HJKMNP-TV-Z]{16}$/);
  for (const name of ['user_id', 'level', 'duration_days']) assert.ok(Number.isSafeInteger(body[name]) && body[name] > 0, name);
  assert.ok(body.plan_id === null || (Number.isSafeInteger(body.plan_id) && body.plan_id > 0));
  for (const name of ['price', 'discount_amount', 'amount']) assert.match(body[name], /^\d+\.\d\d$/, name);
  assert.ok(STATUSES.includes(body.status), body.status);
  assert.ok(TYPES.includes(body.order_type), body.order_type);
  for (const name of ['created_at', 'expires_at', 'updated_at']) assert.match(body[name], DATE, name);
  const paid = ['PAID', 'REFUNDING', 'REFUNDED'].includes(body.status);
  if (paid) assert.match(body.paid_at, DATE);
  else assert.deepEqual([body.paid_at, body.payment_method], [null, null]);
  assert.ok(Number.isSafeInteger(body.remaining_seconds));
  assert.equal(body.remaining_seconds > 0, body.status === 'PENDING', JSON.stringify(body));
  for (const [name, value] of Object.entries(expected)) assert.deepEqual(body[name], value, name);
}

export function assertStatus(body, { user }) {
  assert.deepEqual(Object.keys(body), ['member_id', 'is_vip', 'vip_expire_at', 'days_remaining']);
  assert.equal(body.member_id, user.member_id);
  assert.equal(typeof body.is_vip, 'boolean');
  if (body.vip_expire_at !== null) assert.match(body.vip_expire_at, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/);
  if (body.is_vip) assert.ok(Number.isSafeInteger(body.days_remaining) && body.days_remaining > 0, JSON.stringify(body));
  else assert.equal(body.days_remaining, null);
}

// The audit's rules about memberships, each of which membership-audit.test.mjs violates once.
export const AUDIT_RULES = [
  "a pending membership order is its user's only one", 'status and payer of a membership order agree', "a membership order's terms add up",
  'a membership order paid by a provider has its payment', "a membership's granted payment has its order", "a membership's charge equals its price",
  'a membership order is refunded when its cash is refunded', 'a paid membership order has its segment', 'a segment matches its order',
  'changes of segments are counted',
];
export const AUDIT_OTHERS = ['every entitlement follows from its orders', 'a difference not refunded']; // these have their own tests
