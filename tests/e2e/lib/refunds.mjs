// SPDX-License-Identifier: MIT
// Helpers of the tests of refunds: a shop whose customers have paid, and operations on refunds.
//
//   const { trade, paid, ask, refund, ... } = await openRefunds();
//   const x = await paid();                              // { order, outTradeNo, product }, 10.00 yuan paid through WeChat
//   const made = await refund(x, { amount: '3.00' });    // the response body
//   await end(made.refund_no, { status: 'SUCCESS' });    // the provider completes it and notifies

import assert from 'node:assert/strict';
import { DATE, openTrade, redelivered } from './trade.mjs';

export const ATTEMPT_REFUNDED = 5;
export const VERDICT_REFUND = 7;
export const STATE = { PROCESSING: 1, SUCCESS: 2, CLOSED: 3, ABNORMAL: 4 };
export const FEN = 1000;
export const FIRST_LOOK_S = 61; // `jobs` queries a refund a minute after it was requested

const MEMBERS = ['refund_no', 'order_id', 'amount', 'status', 'reason', 'automatic', 'created_at', 'updated_at'];
const NUMBER = { false: /^RF[0-9A-HJKMNP-TV-Z]{26}$/, true: /^RPAY_[0-9]{10}_[0-9A-Za-z]{12}L$/ };

// Whom a refund in this state may wait for; undefined: nobody.
const ATTENTION = { PROCESSING: [undefined, 'MANUAL', 'IN_DOUBT'], SUCCESS: [undefined], CLOSED: [undefined, 'REFUSED'], ABNORMAL: ['ABNORMAL'] };

export function assertRefund(body, expected = {}) {
  assert.deepEqual(Object.keys(body).filter((name) => !name.startsWith('attention')), MEMBERS);
  assert.ok(ATTENTION[body.status].includes(body.attention), `${body.status} ${body.attention}`);
  assert.equal(body.attention === undefined, body.attention_text === undefined);
  assert.match(body.refund_no, NUMBER[body.automatic]);
  assert.match(body.amount, /^\d+\.\d\d$/);
  for (const moment of [body.created_at, body.updated_at]) assert.match(moment, DATE);
  for (const [name, value] of Object.entries(expected)) assert.deepEqual(body[name], value, name);
}

export async function openRefunds(options) {
  const trade = await openTrade(options);
  return new Refunds(trade, await trade.buyer());
}

class Refunds {
  constructor(trade, anna) {
    this.trade = trade;
    this.shop = trade.shop;
    this.anna = anna;
  }

  // An order of 10.00 with one line, prepared at the provider but not paid.
  async prepared(person = this.anna) {
    const product = await this.trade.product({ price: '10.00', stock: 5 });
    const order = await this.trade.order(person, [[product, 1]]);
    return { order, product, person, ...await this.trade.prepay(person, order) };
  }

  async paid(person, payment) {
    const x = await this.prepared(person);
    const { body } = await this.trade.payNotified(x.outTradeNo, payment);
    assert.equal(body.status, 200, JSON.stringify(body));
    return x;
  }

  // ---- the administrator ----

  ask({ order }, { token = this.trade.admin, headers, ...body } = {}) {
    return this.shop.call('POST', '/api/payment/refunds', { token, headers, body: { order_id: order.order_id, reason: '退货', ...body } });
  }

  async refund(x, more) {
    const { status, body } = await this.ask(x, more);
    assert.equal(status, 201, JSON.stringify(body));
    assertRefund(body, { order_id: x.order.order_id, automatic: false });
    return body;
  }

  read(refundNo, token = this.trade.admin) {
    return this.shop.call('GET', `/api/payment/refunds/${refundNo}`, { token });
  }

  async status(refundNo) {
    const { status, body } = await this.read(refundNo);
    assert.equal(status, 200, JSON.stringify(body));
    return body.status;
  }

  // Runs `jobs` some time after now; returns its calls to the provider about refunds.
  async jobsAt(seconds) {
    this.shop.clock(seconds);
    await this.trade.forgetRequests();
    await this.shop.jobs();
    return this.calls();
  }

  // ---- the provider ----

  async mode(status) {
    const answer = await this.shop.sandbox('POST', '/sandbox/refund-mode', { status });
    assert.deepEqual(answer.body, { status });
  }

  // Completes a refund at the provider; returns the shop's response to the notification.
  async end(refundNo, body = {}) {
    const answer = await this.shop.sandbox('POST', `/refund/${refundNo}`, body);
    assert.equal(answer.status, 200, JSON.stringify(answer.body));
    return answer.body;
  }

  // The same, for a notification that the shop must accept.
  endNotified(refundNo, body) {
    return redelivered(() => this.end(refundNo, body));
  }

  async completeRefund(refundNo, status) {
    assert.equal((await this.endNotified(refundNo, { status })).status, 200);
  }

  // A payment's refunds at the provider: [[number, fen, status], …].
  async refundsAtProvider({ outTradeNo }) {
    const { refunds } = await this.trade.atWechat(outTradeNo);
    return refunds.map(({ out_refund_no: no, request, status }) => [no, request.amount.refund, status]);
  }

  // The shop's calls about refunds since forgetRequests(), as "refund" and "refund_query".
  async calls() {
    const { body } = await this.shop.sandbox('GET', '/sandbox/requests');
    return body.filter(({ path }) => path.startsWith('/v3/refund/')).map(({ method }) => (method === 'GET' ? 'refund_query' : 'refund'));
  }

  // ---- internals ----

  rows({ order }) {
    return this.shop.sql(`SELECT r.refund_no, r.amount, r.state, r.automatic, r.reason, a.out_trade_no FROM refunds r JOIN orders o ON o.id = r.payable_id
      JOIN payment_attempts a ON a.attempt_id = r.attempt_id WHERE o.order_no = '${order.order_id}' ORDER BY r.refund_id`);
  }

  // An order's status and stock: [status, its moves, the stock of its product].
  async orderState({ order, product }) {
    return [await this.trade.status(order), await this.trade.moves(order), await this.trade.stock(product)];
  }

  // Completes whatever a test left pending, so that no other test's `jobs` finds it.
  async settleAll() {
    await this.trade.noFaults();
    await this.mode('SUCCESS');
    this.shop.clock(0);
    await this.shop.sql('UPDATE outbox SET due_at = 1 WHERE kind = 2');
    await this.shop.jobs();
    const open = 'SELECT refund_no FROM refunds WHERE state IN (1, 4)';
    for (const { refund_no: no } of await this.shop.sql(open)) await this.completeRefund(no, 'SUCCESS');
    assert.deepEqual(await this.shop.sql(open), []);
    await this.mode('PROCESSING');
  }
}
