// SPDX-License-Identifier: MIT
// Helpers of the tests of stored-value cards: operations, and the invariants of a ledger.
//
//   const cards = new Cards(trade);
//   const card = await cards.of(anna, '50.00');              // a new card, topped up
//   const { status } = await cards.transact(card, SPEND, '3.00');

import assert from 'node:assert/strict';
import { DATE, fen } from './trade.mjs';

export const DISABLED = 0;
export const IN_USE = 1;
export const TOP_UP = 1;
export const SPEND = 2;
export const REFUND = 3;
export const ADJUSTMENT = 4;

export const CARDS = '/api/membership/cards';
export const LEDGER = '/api/membership/transactions';
export const CARD_KEYS = ['card_id', 'user_id', 'card_number', 'balance', 'status', 'created_at', 'updated_at'];
const ENTRY_KEYS = ['transaction_id', 'card_id', 'type', 'amount', 'balance_after', 'description', 'created_at', 'updated_at'];

export class Cards {
  constructor(trade) {
    this.trade = trade;
    this.shop = trade.shop;
  }

  call(method, address, options) { return this.shop.call(method, address, { token: this.trade.admin, ...options }); }
  ok(method, address, options) { return this.shop.ok(method, address, { token: this.trade.admin, ...options }); }

  tryCreate(person) {
    return this.call('POST', CARDS, { body: { user_id: person.user.user_id } });
  }

  // A user's new card, topped up if an amount is given.
  async of(person, balance) {
    const { status, body } = await this.tryCreate(person);
    assert.equal(status, 201, JSON.stringify(body));
    if (balance !== undefined) await this.entry(body, TOP_UP, balance);
    return body;
  }

  read(card, token = this.trade.admin) { return this.call('GET', `${CARDS}/${card.card_id}`, { token }); }
  async balance(card) { return (await this.ok('GET', `${CARDS}/${card.card_id}`)).balance; }
  put(card, body, headers) { return this.call('PUT', `${CARDS}/${card.card_id}`, { body, headers }); }
  set(card, body) { return this.ok('PUT', `${CARDS}/${card.card_id}`, { body }); }
  remove(card) { return this.call('DELETE', `${CARDS}/${card.card_id}`); }

  transact(card, type, amount, { headers, ...more } = {}) {
    return this.call('POST', LEDGER, { headers, body: { card_id: card.card_id, type, amount, ...more } });
  }

  async entry(card, type, amount, more) {
    const { status, body } = await this.transact(card, type, amount, more);
    assert.equal(status, 201, JSON.stringify(body));
    return body;
  }

  pay(person, order, headers) {
    return this.call('POST', '/api/payment/card', { token: person.token, headers, body: { order_id: order.order_id } });
  }

  // A card's whole ledger as on the wire, oldest first.
  async ledger(card, token = this.trade.admin) {
    const rows = [];
    for (let next = `${LEDGER}?card_id=${card.card_id}&limit=500`; next;) {
      const { status, headers, body } = await this.call('GET', next, { token });
      assert.equal(status, 200, JSON.stringify(body));
      rows.push(...body);
      next = /^<([^>]+)>; rel="next"$/.exec(headers.get('link') ?? '')?.[1];
    }
    return rows.reverse();
  }

  // Checks the ledger: every balance_after is the sum of the rows so far, none is negative, the last is the card's (B21).
  async assertAddsUp(card) {
    const rows = await this.ledger(card);
    let balance = 0;
    for (const row of rows) {
      assertEntry(row, { card_id: card.card_id });
      balance += signedFen(row);
      assert.equal(fen(row.balance_after), balance, JSON.stringify(row));
      assert.ok(balance >= 0, JSON.stringify(row));
    }
    const [stored] = await this.shop.sql(`SELECT k.balance, (SELECT COALESCE(SUM(t.amount), 0) FROM card_transactions t
      WHERE t.card_id = k.card_id) AS total FROM cards k WHERE k.card_id = ${card.card_id}`);
    assert.deepEqual([Number(stored.balance), Number(stored.total)], [balance, balance]);
    return rows;
  }

  // Staff's changes of a card, from the journal.
  journal(card) {
    return this.shop.sql(`SELECT actor_user_id, action, detail FROM journal WHERE subject = 'card ${card.card_id}' ORDER BY entry_id`);
  }
}

// The effect of a row on the wire on the balance: spending is positive there.
export function signedFen({ type, amount }) {
  return type === SPEND ? -fen(amount) : fen(amount);
}

export function isLuhn(number) {
  const sum = [...number].reverse().map(Number).reduce((total, digit, at) => {
    const counted = at % 2 === 1 ? digit * 2 : digit;
    return total + (counted > 9 ? counted - 9 : counted);
  }, 0);
  return sum % 10 === 0;
}

// A card as in the response of a write; with `user`, as in that of a read.
export function assertCard(body, expected = {}, { withUser = false } = {}) {
  assert.deepEqual(Object.keys(body), withUser ? [...CARD_KEYS, 'user'] : CARD_KEYS);
  assert.ok(Number.isSafeInteger(body.card_id) && body.card_id > 0);
  assert.match(body.card_number, /^[1-9]\d{15}$/);
  assert.ok(isLuhn(body.card_number), body.card_number);
  assert.match(body.balance, /^\d+\.\d\d$/);
  for (const moment of [body.created_at, body.updated_at]) assert.match(moment, DATE);
  assert.ok(body.updated_at >= body.created_at);
  if (withUser) {
    assert.deepEqual(Object.keys(body.user), ['user_id', 'nickname', 'email', 'phone']);
    assert.equal(body.user.user_id, body.user_id);
  }
  for (const [name, value] of Object.entries(expected)) assert.deepEqual(body[name], value, name);
}

export function assertEntry(body, expected = {}) {
  assert.deepEqual(Object.keys(body), ENTRY_KEYS);
  assert.ok(Number.isSafeInteger(body.transaction_id) && body.transaction_id > 0);
  assert.match(body.amount, body.type === ADJUSTMENT ? /^-?\d+\.\d\d$/ : /^\d+\.\d\d$/);
  assert.match(body.balance_after, /^\d+\.\d\d$/);
  for (const moment of [body.created_at, body.updated_at]) assert.match(moment, DATE);
  for (const [name, value] of Object.entries(expected)) assert.deepEqual(body[name], value, name);
}
