// SPDX-License-Identifier: MIT
// The simulator's state: orders with their refunds, used login codes, issued session keys.
import { Store } from '../lib/store.mjs';

const ORDERS_MAX = 20_000;
const CODES_MAX = 20_000;
const SESSION_KEYS_MAX = 20_000;
const PREPAYS_MAX = 100; // of one order

export class State extends Store {
  constructor(file) {
    super(file);
    this.orders = new Map(); // by out_trade_no, oldest first
    this.byPrepay = new Map();
    this.byTransaction = new Map();
    this.refunds = new Map(); // by out_refund_no; each is one of its order's
    this.codes = new Set();
    this.sessionKeys = [];
    const saved = this.load();
    if (!saved) return;
    for (const order of saved.orders) this.putOrder(order);
    this.codes = new Set(saved.codes);
    this.sessionKeys = saved.session_keys;
  }

  putOrder(order) {
    order.refunds ??= []; // an old file may have no refunds
    order.trade_type ??= 'JSAPI'; // or only such orders
    this.orders.set(order.out_trade_no, order);
    for (const prepay of order.prepays) this.byPrepay.set(prepay.id, order);
    for (const refund of order.refunds) this.refunds.set(refund.out_refund_no, refund);
    if (order.transaction_id) this.byTransaction.set(order.transaction_id, order);
    if (this.orders.size > ORDERS_MAX) this.#forget(this.orders.values().next().value);
  }

  #forget(order) {
    this.orders.delete(order.out_trade_no);
    this.byTransaction.delete(order.transaction_id);
    for (const prepay of order.prepays) this.byPrepay.delete(prepay.id);
    for (const refund of order.refunds) this.refunds.delete(refund.out_refund_no);
  }

  addPrepay(order, prepay) {
    order.prepays.push(prepay);
    this.byPrepay.set(prepay.id, order);
    if (order.prepays.length > PREPAYS_MAX) this.byPrepay.delete(order.prepays.shift().id);
  }

  // What was answered before is not good any more.
  dropPrepays(order) {
    for (const prepay of order.prepays.splice(0)) this.byPrepay.delete(prepay.id);
  }

  addRefund(order, refund) {
    order.refunds.push(refund);
    this.refunds.set(refund.out_refund_no, refund);
  }

  // False if the code was used before.
  useCode(code) {
    if (this.codes.has(code)) return false;
    this.codes.add(code);
    if (this.codes.size > CODES_MAX) this.codes.delete(this.codes.values().next().value);
    return true;
  }

  addSessionKey(key) {
    this.sessionKeys.push(key);
    if (this.sessionKeys.length > SESSION_KEYS_MAX) this.sessionKeys.shift();
  }

  dump() {
    return { orders: [...this.orders.values()], codes: [...this.codes], session_keys: this.sessionKeys };
  }
}
