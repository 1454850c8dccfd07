// SPDX-License-Identifier: MIT
// The gateway's transactions: the URL of a payment page, the result, and the notification.
import { createHmac, randomBytes, timingSafeEqual } from 'node:crypto';
import { NOT_NOTIFIED, OPTIONS, deliver, flag, oneOf, readOptions } from '../lib/deliver.mjs';
import { SandboxError } from '../lib/errors.mjs';
import { makeRules, required } from '../lib/rules.mjs';
import { Store } from '../lib/store.mjs';

const TRANSACTIONS_MAX = 20_000;
const FINAL = ['success', 'failed', 'closed'];
const STATUSES = [...FINAL, 'pending'];
const SIGNATURE = /&signature=([0-9a-f]{64})$/;

// A fault in the address of a payment page, shown to the customer.
export class Refusal extends Error {}

const { address, object, text } = makeRules((at, value, issue) => {
  throw new Refusal(`${at.field.slice(1)} ${issue}`);
});

const PAGE = object({
  amount: required(text(12, /^(0|[1-9]\d*)(\.\d{1,2})?$/)),
  currency: required(text(3, /^CNY$/)),
  order_id: required(text(64)),
  subject: required(text(256)),
  notify_url: required(address(512, { query: true })),
  return_url: address(512, { query: true }),
});

export class State extends Store {
  constructor(file) {
    super(file);
    this.transactions = new Map(); // by transaction_id, oldest first
    for (const one of this.load()?.transactions ?? []) this.put(one);
  }

  put(one) {
    this.transactions.set(one.transaction_id, one);
    if (this.transactions.size > TRANSACTIONS_MAX) this.transactions.delete(this.transactions.keys().next().value);
  }

  find(id) {
    const one = this.transactions.get(id);
    if (!one) throw new SandboxError(404, 'no transaction with this id: has its address been opened?');
    return one;
  }

  dump() {
    return { transactions: [...this.transactions.values()] };
  }
}

export const hmac = (secret, message) => createHmac('sha256', secret).update(message).digest('hex');

// The address of a payment page is signed as a notification is: X-Signature's function of the path and the query as sent, up to
// the last parameter, &signature=. So no customer changes the amount.
function checkSignature(url, secret) {
  const [end, signature] = SIGNATURE.exec(url) ?? [];
  if (!end) throw new Refusal('signature is required, at the end');
  const own = hmac(secret, url.slice(0, -end.length));
  if (!timingSafeEqual(Buffer.from(own), Buffer.from(signature))) throw new Refusal('signature does not match the address');
}

// The transaction whose address a customer opens; it exists from then on.
export function open({ url, id, search, state, secret, now }) {
  checkSignature(url, secret);
  const given = [...new URLSearchParams(search)].filter(([name]) => name !== 'signature');
  const request = Object.fromEntries(given);
  if (Object.keys(request).length !== given.length) throw new Refusal('a parameter is given twice');
  PAGE(request, { field: '' });
  if (Number(request.amount) === 0) throw new Refusal('amount must be positive');
  const known = state.transactions.get(id);
  if (known && (known.request.amount !== request.amount || known.request.order_id !== request.order_id)) {
    throw new Refusal('this transaction has another amount or order');
  }
  const one = known ?? { transaction_id: id, status: 'waiting', created_ms: now };
  one.request = request;
  if (!known) state.put(one);
  return one;
}

// claim: other members, properly signed; signature: a change of it, null leaves it out; text: a change of the signed body;
// secret: another one.
const TAMPERS = {
  amount: { claim: ({ amount }) => ({ amount: Number((amount + 0.01).toFixed(2)) }) },
  currency: { claim: () => ({ currency: 'USD' }) },
  status: { claim: () => ({ status: 'paid' }) },
  transaction_id: { claim: ({ transaction_id: id }) => ({ transaction_id: `${id}X` }) },
  altered_body: { text: (body) => body.replace('"amount":', '"amount":1') },
  reordered: { text: (body) => JSON.stringify(Object.fromEntries(Object.entries(JSON.parse(body)).reverse())) },
  signature: { signature: (own) => (own.startsWith('0') ? '1' : '0') + own.slice(1) },
  short_signature: { signature: (own) => own.slice(0, -1) },
  no_signature: { signature: () => null },
  secret: { secret: randomBytes(32).toString('hex') },
};

const PAY_OPTIONS = {
  ...OPTIONS,
  tamper: oneOf(Object.keys(TAMPERS)),
  status: oneOf(STATUSES),
  amount_text: [(value) => typeof value === 'string' && /^-?[0-9.eE+-]{1,40}$/.test(value), 'a number as in JSON'],
  upper_case: [flag, 'true or false'],
  force: [flag, 'true or false'],
};

// The body that the contract shows. amount_text: how the number is written, since 99.9, 99.90 and 999e-1 are one amount.
function bodyOf(one, status, { claim }, amountText, now) {
  const truth = {
    transaction_id: one.transaction_id,
    status,
    amount: Number(one.request.amount),
    currency: one.request.currency,
    timestamp: new Date(now).toISOString(),
  };
  const body = JSON.stringify({ ...truth, ...claim?.(truth) });
  return amountText === undefined ? body : body.replace(/"amount":[^,]*/, `"amount":${amountText}`);
}

function notify(one, status, options, { clock, secret, faults, notifyUrl, signal, log }) {
  if (!options.notify) return NOT_NOTIFIED;
  const tamper = TAMPERS[options.tamper] ?? {};
  const body = bodyOf(one, status, tamper, options.amount_text, clock.ms()); // the copies of one notification are equal
  const signature = (tamper.signature ?? ((own) => own))(hmac(tamper.secret ?? secret, body));
  const sent = options.upper_case ? signature?.toUpperCase() : signature;
  const makeCopy = () => ({
    headers: { 'User-Agent': 'Gateway', 'Content-Type': 'application/json', ...(sent !== null && { 'X-Signature': sent }) },
    text: tamper.text ? tamper.text(body) : body,
  });
  return deliver({ address: notifyUrl ?? one.request.notify_url, makeCopy, about: `of ${one.transaction_id}`, fault: faults.take('notify') }, options, { signal, log });
}

// Ends the transaction with options.status, by default success, and notifies the shop; resolves to its response. pending and
// tampered notifications change nothing. force: a result after the final one, such as a success that was in progress.
// context: { state, clock, secret, faults, notifyUrl, signal, log }
export async function pay(id, body, context) {
  const { state } = context;
  const options = readOptions(body, PAY_OPTIONS);
  const one = state.find(id);
  const status = options.status ?? 'success';
  if (!options.tamper && FINAL.includes(status) && one.status !== status) {
    if (one.status !== 'waiting' && !options.force) {
      throw new SandboxError(409, `the transaction is ${one.status} already: "force": true plays a result that was under way`);
    }
    one.status = status;
    await state.saved();
  }
  return notify(one, status, options, context);
}
