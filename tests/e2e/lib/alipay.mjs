// SPDX-License-Identifier: MIT
// Helpers of the tests of payments by Alipay: a shop with both simulators, and what buyers, Alipay and a forger do.
//
//   const alipay = await openAlipay();
//   const x = await alipay.opened(anna, order);                 // { order, url, outTradeNo }
//   await alipay.pay(x);                                        // paid, and the shop was notified

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { makeSigner, signedText } from '../../../sandbox/alipay/sign.mjs';
import { openTrade, redelivered } from './trade.mjs';

export async function openAlipay(options) {
  const trade = await openTrade({ alipay: true, ...options });
  return new Alipay(trade);
}

class Alipay {
  constructor(trade) {
    this.trade = trade;
    this.shop = trade.shop;
    this.keys = trade.shop.simulators.alipay.keys;
  }

  // ---- the buyer ----

  tryPrepare(person, order, { headers, ...more } = {}) {
    return this.shop.call('POST', '/api/payment/alipay', { token: person.token, headers, body: { order_id: order.order_id, ...more } });
  }

  // The address of an order's payment, which nobody has opened yet.
  async prepared(person, order, more) {
    const { status, body } = await this.tryPrepare(person, order, more);
    assert.equal(status, 200, JSON.stringify(body));
    return { order, url: body.payment_url, outTradeNo: contentOf(body.payment_url).out_trade_no };
  }

  async opened(person, order, more) {
    const x = await this.prepared(person, order, more);
    await this.open(x);
    return x;
  }

  // Opens the address as a browser would: from then on there is a trade.
  async open({ url }) {
    const answer = await this.shop.sandbox('GET', url);
    assert.equal(answer.status, 200, answer.body);
    return answer.body;
  }

  // ---- Alipay ----

  async #command(address, body) {
    const answer = await this.shop.alipay('POST', address, body);
    assert.ok(answer.status < 300, JSON.stringify(answer.body));
    return answer.body;
  }

  // Pays, and notifies the shop unless options say otherwise: returns the shop's answer.
  pay({ outTradeNo }, options) {
    return redelivered(() => this.#command(`/pay/${outTradeNo}`, options));
  }

  notifyAgain({ outTradeNo }, options) { return this.#command(`/notify/${outTradeNo}`, options); }
  completeRefund(number, options) { return this.#command(`/refund/${number}`, options); }
  refundInConsole({ outTradeNo }, options) { return this.#command(`/console/refund/${outTradeNo}`, options); }
  refundMode(fundChange) { return this.#command('/sandbox/refund-mode', { fund_change: fundChange }); }

  // Alipay's data on a trade; null: it has none.
  async tradeOf({ outTradeNo }) {
    const { status, body } = await this.shop.alipay('GET', `/sandbox/trades/${outTradeNo}`);
    return status === 200 ? body : null;
  }

  fault(on, fault, more = {}) { return this.#command('/sandbox/faults', { on, fault, ...more }); }
  noFaults() { return this.shop.alipay('DELETE', '/sandbox/faults'); }
  async faultsLeft() { return (await this.shop.alipay('GET', '/sandbox/faults')).body; }
  forgetRequests() { return this.shop.alipay('DELETE', '/sandbox/requests'); }

  // The shop's calls since forgetRequests(), as "query" or "fastpay.refund.query".
  async requests() {
    const { body } = await this.shop.alipay('GET', '/sandbox/requests');
    return body.filter(({ method }) => method === 'POST').map(({ api }) => api.replace('alipay.trade.', ''));
  }

  // ---- a forger ----

  // Sends the shop a notification; key: the private key that signs it.
  async send(params, { key = this.keys.alipayPrivateKey, headers = {} } = {}) {
    const sign = makeSigner(key)(signedText(params, ['sign', 'sign_type']));
    const raw = new URLSearchParams({ ...params, sign }).toString();
    const { status, body } = await this.shop.call('POST', '/api/payment/alipay/notify', {
      raw, headers: { 'content-type': 'application/x-www-form-urlencoded; charset=utf-8', ...headers },
    });
    return { status, body };
  }

  // The content of a notification about a payment of `fen`.
  notice(outTradeNo, fen, more = {}) {
    const yuan = `${Math.trunc(fen / 100)}.${String(fen % 100).padStart(2, '0')}`;
    return {
      app_id: this.keys.appId, seller_id: this.keys.sellerId, charset: 'utf-8', sign_type: 'RSA2', version: '1.0',
      notify_id: newNumber(), notify_type: 'trade_status_sync', notify_time: '2026-11-27 12:00:00', gmt_payment: '2026-11-27 12:00:00',
      out_trade_no: outTradeNo, trade_no: newNumber(), trade_status: 'TRADE_SUCCESS', total_amount: yuan, ...more,
    };
  }
}

// biz_content of an address.
export function contentOf(url) {
  return JSON.parse(new URL(url).searchParams.get('biz_content'));
}

let numbers = 0;
function newNumber() {
  numbers += 1;
  return `20261127${process.pid}${String(numbers).padStart(12, '0')}`;
}

export const publicKeyOf = (file) => readFileSync(file, 'utf8');
