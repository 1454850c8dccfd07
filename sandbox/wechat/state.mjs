// SPDX-License-Identifier: MIT
// The simulator's state: orders with their refunds, used login codes, issued session keys.
// With a file, it survives a restart; a response is sent only after its content is stored.
import { existsSync, readFileSync } from 'node:fs';
import { rename, writeFile } from 'node:fs/promises';

const VERSION = 1;
const ORDERS_MAX = 20_000;
const CODES_MAX = 20_000;
const SESSION_KEYS_MAX = 20_000;
const PREPAYS_MAX = 100; // of one order

export class State {
  constructor(file) {
    this.file = file;
    this.orders = new Map(); // by out_trade_no, oldest first
    this.byPrepay = new Map();
    this.byTransaction = new Map();
    this.refunds = new Map(); // by out_refund_no; each is one of its order's
    this.codes = new Set();
    this.sessionKeys = [];
    this.writing = Promise.resolve();
    this.queued = null;
    if (file && existsSync(file)) this.#read();
  }

  #read() {
    let saved;
    try {
      saved = JSON.parse(readFileSync(this.file, 'utf8'));
    } catch (error) {
      throw new Error(`${this.file} holds no state of the WeChat simulator (${error.message}): remove it`);
    }
    if (saved.version !== VERSION) {
      throw new Error(`${this.file} is of version ${saved.version}, not ${VERSION}: remove it`);
    }
    for (const order of saved.orders) this.putOrder(order);
    this.codes = new Set(saved.codes);
    this.sessionKeys = saved.session_keys;
  }

  putOrder(order) {
    order.refunds ??= []; // an old file may have no refunds
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

  // Resolves when all changes before this call are in the file. Changes made while a
  // write is in progress share the next one.
  saved() {
    if (!this.file) return Promise.resolve();
    this.queued ??= this.writing.catch(() => {}).then(() => {
      this.queued = null;
      this.writing = this.#write();
      return this.writing;
    });
    return this.queued;
  }

  async #write() {
    const text = JSON.stringify({
      version: VERSION,
      orders: [...this.orders.values()],
      codes: [...this.codes],
      session_keys: this.sessionKeys,
    });
    const temporary = `${this.file}.${process.pid}.tmp`;
    await writeFile(temporary, text, { mode: 0o600 });
    await rename(temporary, this.file);
  }
}
