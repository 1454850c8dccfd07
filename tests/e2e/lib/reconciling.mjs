// SPDX-License-Identifier: MIT
// Helpers of the tests of reconciliation: a shop whose days are chosen, and what a buyer and a provider do, alike for every provider.
//
//   const books = await openBooks();
//   await books.at(1, '12:00');                       // noon of tomorrow, in China
//   const x = await books.side('alipay').paid();      // { order, outTradeNo }
//   const { code, lines } = await books.reconcile(1, ['--provider', 'alipay']);

import assert from 'node:assert/strict';
import { contentOf } from './alipay.mjs';
import { TRADE, openTrade } from './trade.mjs';

const DAY_MS = 86_400_000;
const CST_MS = 8 * 3_600_000;
export const FEN = 1000;

export async function openBooks({ env, ...options } = {}) {
  const trade = await openTrade({ alipay: true, families: [...TRADE, 'cards'], env: { RECONCILE: 'on', ...env }, ...options });
  return new Books(trade, await trade.buyer());
}

class Books {
  #start = Math.floor((Date.now() + CST_MS) / DAY_MS) * DAY_MS - CST_MS; // of today in China

  constructor(trade, anna) {
    this.trade = trade;
    this.shop = trade.shop;
    this.anna = anna;
    this.sides = { wechat: new Wechat(this), alipay: new Alipay(this) };
  }

  // ---- days ----

  ms(day, time) {
    const [hours, minutes, seconds = 0] = time.split(':').map(Number);
    return this.#start + day * DAY_MS + ((hours * 60 + minutes) * 60 + seconds) * 1000;
  }

  date(day) { return new Date(this.#start + CST_MS + day * DAY_MS).toISOString().slice(0, 10); }
  rfc3339(day, time) { return `${new Date(this.ms(day, time) + CST_MS).toISOString().slice(0, 19)}+08:00`; }

  // The shop and the simulators are at this time of a day in China, and everybody signs in again.
  async at(day, time) {
    this.shop.clock(Math.ceil((this.ms(day, time) - Date.now()) / 1000));
    await this.trade.adminSignIn();
    await this.trade.signInAgain(this.anna);
  }

  // ---- runs ----

  // Of the bills of a day, on the next one at noon.
  async reconcile(day, args = [], time = '12:00') {
    await this.at(day + 1, time);
    return this.command(['--date', this.date(day), ...args]);
  }

  async command(args, options) {
    const { code, stdout, stderr } = await this.shop.minimall(['reconcile', ...args], options);
    return { code, lines: stdout.split('\n').filter((line) => line !== ''), stderr };
  }

  get(address) { return this.shop.ok('GET', `/api/payment/reconciliations${address}`, { token: this.trade.admin }); }
  runs(day, provider) { return this.get(`?date=${this.date(day)}&provider=${provider}`); }

  // What the newest run of a day found, as [reason, number, repaired], in order.
  async found(day, provider) {
    const [run] = await this.runs(day, provider);
    const findings = await this.get(`/${run.reconciliation_id}/findings`);
    return findings.map(({ code, number, repaired }) => [code, number, repaired]).sort();
  }

  async staged() { return (await this.shop.sql('SELECT COUNT(*) AS n FROM reconciliation_lines'))[0].n; }
}

// What is alike at every provider.
class Side {
  constructor(books, name) {
    this.books = books;
    this.name = name;
    this.trade = books.trade;
    this.shop = books.shop;
  }

  async prepared() {
    this.product ??= await this.trade.product({ price: '10.00', stock: 1000 });
    const order = await this.trade.order(this.books.anna, [[this.product, 1]]);
    return { order, ...await this.prepare(order) };
  }

  // notify: false: the shop isn't told.
  async paid(options) {
    const x = await this.prepared();
    await this.pay(x, options);
    return x;
  }

  async refunded(x, amount, { end = true, notify = true } = {}) {
    const { status, body } = await this.shop.call('POST', '/api/payment/refunds', {
      token: this.trade.admin, body: { order_id: x.order.order_id, reason: '退货', ...(amount && { amount }) },
    });
    assert.equal(status, 201, JSON.stringify(body));
    if (end) await this.endRefund(body.refund_no, notify);
    return body.refund_no;
  }

  async refundStatus(no) {
    const { status, body } = await this.shop.call('GET', `/api/payment/refunds/${no}`, { token: this.trade.admin });
    return status === 200 ? body.status : status;
  }

  // Differences in its bills from now on; {} ends them.
  async plan(plan) { await this.#done(this.send('PUT', '/sandbox/bill', plan)); }
  async fault(on, fault, more = {}) { await this.#done(this.send('POST', '/sandbox/faults', { on, fault, ...more })); }
  async noFaults() { await this.#done(this.send('DELETE', '/sandbox/faults')); }
  async command(address, body) { return this.#done(this.send('POST', address, body)); }

  async #done(answer) {
    const { status, body } = await answer;
    assert.ok(status < 300, JSON.stringify(body));
    return body;
  }
}

class Wechat extends Side {
  constructor(books) { super(books, 'wechat'); }
  send(...args) { return this.shop.sandbox(...args); }
  prepare(order) { return this.trade.prepay(this.books.anna, order); }
  pay({ outTradeNo }, options) { return this.command(`/pay/${outTradeNo}`, options); }
  endRefund(no, notify) { return this.command(`/refund/${no}`, { status: 'SUCCESS', notify }); }
  async refundInConsole({ outTradeNo }, options) { return (await this.command(`/console/refund/${outTradeNo}`, { notify: false, ...options })).out_refund_no; }
}

class Alipay extends Side {
  constructor(books) { super(books, 'alipay'); }
  send(...args) { return this.shop.alipay(...args); }

  async prepare(order) {
    const { payment_url: url } = await this.shop.ok('POST', '/api/payment/alipay', { token: this.books.anna.token, body: { order_id: order.order_id } });
    assert.equal((await this.shop.sandbox('GET', url)).status, 200);
    return { outTradeNo: contentOf(url).out_trade_no };
  }

  pay({ outTradeNo }, options) { return this.command(`/pay/${outTradeNo}`, options); }
  endRefund(no, notify) { return this.command(`/refund/${no}`, { notify }); }
  async refundInConsole({ outTradeNo }, options) { return (await this.command(`/console/refund/${outTradeNo}`, { notify: false, ...options })).out_request_no; }
}
