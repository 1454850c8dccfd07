// SPDX-License-Identifier: MIT
// The table of ways to pay, and what buyers, providers and administrators do to a payment in each of them, as an event of
// payment-model.mjs: for tests that treat all providers alike.
//
//   const ways = await openWays();
//   const x = await ways.prepared(WAYS[0], { opened: true });
//   const accepted = await ways.act(x, 'pay');

import assert from 'node:assert/strict';
import { openVip } from './memberships.mjs';
import { PART_FEN } from './payment-model.mjs';
import { command, send } from './simulators.mjs';
import { PAID, REFUNDED, TRADE, isBusy, redelivered, until } from './trade.mjs';

export const FEN = 1000;
const YUAN = '10.00';

const WECHAT = {
  name: 'wechat', can: { query: true, close: true, refund: true }, expires: true, opens: false,
  trade: (no) => `/sandbox/orders/${no}`,
  isPaid: ({ transaction_id: id }) => id !== undefined,
  refunds: ({ refunds }) => refunds.map(({ request, status }) => ({ fen: request.amount.refund, done: status === 'SUCCESS' })),
};
const ALIPAY = {
  name: 'alipay', can: { query: true, close: true, refund: true }, expires: true, opens: true,
  trade: (no) => `/sandbox/trades/${no}`,
  isPaid: ({ paid_ms: ms }) => ms !== undefined,
  refunds: ({ refunds }) => refunds.map(({ fen, done_ms: ms }) => ({ fen, done: ms !== null })),
};
const GATEWAY = {
  name: 'gateway', can: { query: false, close: false, refund: false }, expires: false, opens: true,
  trade: (no) => `/sandbox/transactions/${no}`,
  isPaid: ({ status }) => status === 'success',
  refunds: () => [],
};

// prepare(ways, x): the URL or code of the payment of x.no by x.person.
const jsapi = async (ways, x) => (await ways.post(x, '/api/payment/wxpay', { order_id: x.no })).package;
const ofPlan = (method, type) => async (ways, x) => (await ways.post(x, '/payment/create', { plan_id: ways.plan.id, payment_method: method, trade_type: type })).payment_url;
const alipay = (type) => async (ways, x) => (await ways.post(x, '/api/payment/alipay', { order_id: x.no, trade_type: type })).payment_url;
const hosted = async (ways, x) => (await ways.post(x, '/v1/payment/create', { order_id: x.no, amount: YUAN })).payment_url;

const CHANNELS = [
  { channel: 'JSAPI', provider: WECHAT, prepare: jsapi, kinds: ['order', 'membership'] },
  { channel: 'NATIVE', provider: WECHAT, prepare: ofPlan('wechat', 'NATIVE'), kinds: ['membership'] },
  { channel: 'H5', provider: WECHAT, prepare: ofPlan('wechat', 'H5'), kinds: ['membership'] },
  { channel: 'PAGE', provider: ALIPAY, prepare: alipay('PAGE'), kinds: ['order', 'membership'] },
  { channel: 'WAP', provider: ALIPAY, prepare: alipay('WAP'), kinds: ['order', 'membership'] },
  { channel: 'hosted', provider: GATEWAY, prepare: hosted, kinds: ['order', 'membership'] },
];
export const WAYS = CHANNELS.flatMap(({ kinds, ...way }) => kinds.map((kind) => ({ ...way, kind, name: `${way.provider.name} ${way.channel} of ${kind}` })));
export const wayOf = (channel, kind) => WAYS.find((way) => way.channel === channel && way.kind === kind);

const STATUS = { order: ['PENDING', 'PAID', 'SHIPPED', 'COMPLETED', 'CANCELLED', 'REFUNDED'],
  membership: ['PENDING', 'PAID', 'CANCELLED', 'EXPIRED', 'REFUNDING', 'REFUNDED'] };
const BY = [null, 'provider', 'other'];
const ATTEMPT = ['open', 'closed', 'granted', 'grantedLate', 'refundDue', 'refunded'];
const PROCESSING = 1;
const DISTURBED_PASSES = 3;
const REFUSALS = [401, 403, 404, 409, 422];

export async function openWays(options) {
  const vip = await openVip({
    families: [...TRADE, 'memberships'], alipay: true, gateway: true,
    env: { PAYMENT_CREATE_PER_HOUR: '0', PAYMENT_QUERY_GAP_S: '0', FORGED_PER_MINUTE: '0', PENDING_ORDERS_MAX: '0' }, ...options,
  });
  vip.shop.canary(vip.shop.env.GATEWAY_SECRET);
  return new Ways(vip, await vip.plan({ price: YUAN }), await vip.buyer());
}

// A request without an answer that says whether it was done.
class Unanswered extends Error {}

class Ways {
  acted = 0; // how many events
  disturbed = false; // requests may go unanswered, and jobs fail

  constructor(vip, plan, stranger) {
    Object.assign(this, { vip, trade: vip.trade, shop: vip.shop, plan, stranger });
  }

  // ---- preparing ----

  async post({ person }, address, body) {
    const answer = await this.shop.call('POST', address, { token: person.token, body });
    assert.equal(answer.status, 200, `${address}: ${JSON.stringify(answer.body)}`);
    return answer.body;
  }

  // A new order of a new person, without a payment.
  async ordered(kind) {
    const person = await this.trade.buyer();
    if (kind === 'membership') return { kind, person, no: (await this.vip.create(person, this.plan)).order_no };
    const product = await this.trade.product({ price: YUAN, stock: 1 });
    return { kind, person, product, no: (await this.trade.order(person, [[product, 1]])).order_id };
  }

  // Adds an attempt to an order, as another object.
  async attempted(x, way, { opened = true } = {}) {
    const y = { ...x, way, opened: false };
    y.url = await way.prepare(this, y);
    const [row] = await this.shop.sql(`SELECT out_trade_no FROM payment_attempts WHERE attempt_id =
      (SELECT MAX(attempt_id) FROM payment_attempts WHERE user_id = ${x.person.user.user_id})`);
    y.outTradeNo = row.out_trade_no;
    if (opened || !way.provider.opens) await this.open(y);
    return y;
  }

  async prepared(way, options) {
    return this.attempted(await this.ordered(way.kind), way, options);
  }

  // ---- the provider ----

  sandbox({ way }, method, path, body) {
    return command(this.shop.simulators[way.provider.name].url, method, path, body);
  }

  // The payer opens the page, by which the trade comes to exist.
  async open(x) {
    if (way(x).opens && !x.opened) x.opened = /value="pay"/.test((await send('GET', x.url)).text);
    else x.opened = true;
    return x.opened;
  }

  async pay(x) {
    if (!await this.open(x)) return false;
    const { status, body } = await this.sandbox(x, 'POST', `/pay/${x.outTradeNo}`, { notify: false, force: true });
    assert.equal(status, 200, JSON.stringify(body));
    x.paid = true;
    return true;
  }

  // Of a payment. Before one: what the provider notifies of, if anything.
  async notify(x, options = {}) {
    const { name } = way(x);
    let path = `/pay/${x.outTradeNo}`;
    let body = options;
    if (!x.paid && name === 'gateway' && x.opened) body = { ...options, status: 'pending' };
    else if (!x.paid && name === 'alipay' && (await this.tradeOf(x))?.status === 'TRADE_CLOSED') path = `/notify/${x.outTradeNo}`;
    else if (!x.paid) return true;
    const ofSuccess = x.paid === true;
    await this.#heard(async () => {
      const answer = await this.sandbox(x, 'POST', path, body);
      assert.equal(answer.status, 200, JSON.stringify(answer.body));
      return answer.body;
    });
    x.heard ||= ofSuccess; // its provider won't repeat it
    return true;
  }

  // The gateway reports that nothing was paid; the others notify of success only.
  async fail(x) {
    if (way(x).name !== 'gateway' || x.paid || !x.opened) return true;
    return this.#heard(async () => (await this.sandbox(x, 'POST', `/pay/${x.outTradeNo}`, { status: 'failed' })).body);
  }

  async forged(x) {
    const { status, body } = await this.sandbox(x, 'POST', `/pay/${x.outTradeNo}`, { tamper: 'signature' });
    if (status === 404) return false; // there is no trade to claim anything about
    assert.equal(status, 200, JSON.stringify(body));
    assert.ok(body.status === 401 || (this.disturbed && (body.status === 0 || body.status >= 500)), JSON.stringify(body));
    return false;
  }

  // null: the provider has none.
  async tradeOf(x) {
    const { status, body } = await this.sandbox(x, 'GET', way(x).trade(x.outTradeNo));
    return status === 200 ? body : null;
  }

  // What the provider has given back: fen.
  async refundedThere(x) {
    const trade = await this.tradeOf(x);
    const refunds = trade ? way(x).refunds(trade) : [];
    assert.ok(refunds.every(({ done }) => done), JSON.stringify(trade));
    return refunds.reduce((sum, { fen }) => sum + fen, 0);
  }

  async slowRefunds() {
    await this.vip.mode('PROCESSING');
    assert.equal((await command(this.shop.simulators.alipay.url, 'POST', '/sandbox/refund-mode', { fund_change: 'N' })).status, 200);
  }

  // Completes what the provider was asked for.
  async refunded(x, { notify = true } = {}) {
    const open = await this.shop.sql(`SELECT refund_no FROM refunds r JOIN payment_attempts a ON a.attempt_id = r.attempt_id
      WHERE a.out_trade_no = '${x.outTradeNo}' AND r.state = ${PROCESSING}`);
    for (const { refund_no: no } of open) await this.complete(x, no, { notify });
    return true;
  }

  async complete(x, refundNo, { notify = true } = {}) {
    if (!way(x).can.refund) return;
    await this.#heard(async () => {
      const { status, body } = await this.sandbox(x, 'POST', `/refund/${refundNo}`, { notify });
      if (status === 404) return { status: 200 }; // it was not asked for yet
      assert.equal(status, 200, JSON.stringify(body));
      return notify ? body : { status: 200 };
    });
  }

  // Everything, in the merchant's console; the shop is notified.
  async console(x) {
    const { status, body } = await this.sandbox(x, 'POST', `/console/refund/${x.outTradeNo}`, {});
    assert.equal(status, 200, JSON.stringify(body));
    return body.answer.status === 200 || this.#heard(async () => (await this.sandbox(x, 'POST', `/refund/${body.out_refund_no ?? body.out_request_no}`, {})).body);
  }

  // ---- buyers and administrators ----

  // Was a request accepted? It may be put off while another holds its locks.
  async #accepted(token, method, address, body) {
    let answer;
    await until('a request to be heard', async () => !isBusy(answer = await this.shop.call(method, address, { token, body })), { limitMs: 60_000 });
    const { status } = answer;
    if (status >= 500) throw new Unanswered(`${method} ${address}: ${status} ${JSON.stringify(answer.body)}`);
    assert.ok(status < 300 || REFUSALS.includes(status), `${method} ${address}: ${status} ${JSON.stringify(answer.body)}`);
    return status < 300;
  }

  #as(x, ...request) { return this.#accepted(x.person.token, ...request); }
  #admin(...request) { return this.#accepted(this.trade.admin, ...request); }
  #action(token, x, action) { return this.#accepted(token, 'POST', '/api/membership/orders/action/', { order_no: x.no, action }); }

  query(x) { return this.#as(x, 'GET', `/api/payment/wxpay/${x.no}`); }

  cancel(x) {
    return x.kind === 'order' ? this.#as(x, 'POST', `/api/orders/${x.no}/cancel`) : this.#action(x.person.token, x, 'cancel');
  }

  other(x) {
    if (x.kind === 'membership') return this.#simulated(x.person, x.no);
    return this.#admin('PUT', `/api/orders/${x.no}`, { status: PAID, payment_method: '现金', payment_id: `cash-${x.no}` });
  }

  #simulated(person, no) {
    return this.#accepted(person.token, 'POST', '/api/membership/orders/pay/', { order_no: no, payment_method: 'ALIPAY' });
  }

  async refund(x) {
    if (x.kind === 'membership') return this.#action(this.trade.admin, x, 'refund');
    const { paid_by: by } = await this.trade.rowOf({ order_id: x.no });
    if (BY[by] === 'other') return this.#admin('PUT', `/api/orders/${x.no}`, { status: REFUNDED });
    return this.#admin('POST', '/api/payment/refunds', { order_id: x.no, reason: '退货' });
  }

  part(x) {
    return this.#admin('POST', '/api/payment/refunds', { order_id: x.no, reason: '退货', amount: (PART_FEN / 100).toFixed(2) });
  }

  remove(x) {
    return this.#admin('DELETE', x.kind === 'order' ? `/api/orders/${x.no}` : `/api/users/${x.person.user.user_id}`);
  }

  async rival(x) {
    if (x.kind === 'order') {
      const { status, body } = await this.trade.tryOrder(this.stranger, [[x.product, 1]]);
      assert.ok(status === 201 || REFUSALS.includes(status), JSON.stringify(body));
      if (status === 201) await this.trade.payOffline(body); // it doesn't end by its deadline
      return status === 201;
    }
    const { status, body } = await this.vip.tryCreate(x.person, this.plan);
    assert.equal(status, 200, JSON.stringify(body));
    return this.#simulated(x.person, body.data.order_no);
  }

  twice(x) { return this.notify(x, { times: 2 }); }

  // One event of payment-model.mjs. Was it accepted? null: the shop gave no answer; only if it is disturbed.
  async act(x, event) {
    this.acted += 1;
    try {
      return await this[event](x);
    } catch (error) {
      if (this.disturbed && (error instanceof Unanswered || error.message === 'no answer')) return null;
      throw error;
    }
  }

  // A provider repeats its notification until the shop accepts it.
  async #heard(deliver) {
    const isHeard = ({ answers, ...one }) => (answers ?? [one]).every(({ status }) => status === 200);
    if (!this.disturbed) {
      const heard = await redelivered(deliver);
      assert.ok(isHeard(heard), JSON.stringify(heard));
    } else await until('a notification to be heard', async () => isHeard(await deliver()), { limitMs: 60_000, everyMs: 50 });
    return true;
  }

  // ---- time ----

  // Moves the clock and runs jobs until nothing is due at that time.
  async jobsAt(seconds) {
    const untilMs = Date.now() + seconds * 1000;
    this.shop.clock(seconds);
    for (let round = 0; round === 0 || await this.#due(untilMs) > 0; round++) {
      if (this.disturbed && round === DISTURBED_PASSES) return;
      assert.ok(round < 8, 'jobs leave work that is due');
      const { code, stdout, stderr } = await this.shop.minimall(['jobs']);
      // a refund that no provider makes is reported by each pass until it is recorded
      if (code !== 0 && !this.disturbed) assert.match(stderr, /^minimall: refunds: \d+ failed, .*REFUND_MANUAL.*\n$/, stdout + stderr);
    }
  }

  async #due(untilMs) {
    const [{ n }] = await this.shop.sql(`SELECT COUNT(*) AS n FROM outbox WHERE due_at <= ${untilMs}`);
    return n;
  }

  // Completes all refunds: with a notification or, of every second one, found by jobs; by a person where no provider makes them.
  async completeRefunds(payments, { seconds }) {
    const byNo = new Map(payments.map((x) => [x.outTradeNo, x]));
    const open = await this.shop.sql(`SELECT refund_no, out_trade_no FROM refunds r JOIN payment_attempts a ON a.attempt_id = r.attempt_id
      WHERE r.state = ${PROCESSING}`);
    for (const [i, { refund_no: no, out_trade_no: outTradeNo }] of open.entries()) {
      const x = byNo.get(outTradeNo);
      if (way(x).can.refund) await this.complete(x, no, { notify: i % 2 === 0 });
      else assert.equal((await this.shop.minimall(['note-refund', no])).code, 0, no);
    }
    await this.jobsAt(seconds);
    return open.length;
  }

  // ---- results ----

  // Of many payments at once: what resultOf() of payment-model.mjs gives, by out_trade_no.
  async results() {
    const rows = await this.shop.sql(`SELECT a.out_trade_no, a.payable_kind, a.state, COALESCE(o.status, m.status) AS status,
      COALESCE(o.paid_by, m.paid_by) AS paid_by, p.stock,
      (SELECT COALESCE(SUM(r.amount), 0) FROM refunds r WHERE r.attempt_id = a.attempt_id AND r.state = 2) AS refunded
      FROM payment_attempts a LEFT JOIN orders o ON a.payable_kind = 1 AND o.id = a.payable_id
      LEFT JOIN membership_orders m ON a.payable_kind = 2 AND m.id = a.payable_id
      LEFT JOIN order_items i ON i.order_id = o.id LEFT JOIN products p ON p.product_id = i.product_id`);
    return new Map(rows.map((row) => {
      const kind = row.payable_kind === 1 ? 'order' : 'membership';
      return [row.out_trade_no, {
        order: STATUS[kind][row.status],
        by: BY[row.paid_by],
        attempt: ATTEMPT[row.state],
        refunded: Number(row.refunded),
        ...(kind === 'order' && { stock: row.stock }),
      }];
    }));
  }
}

const way = (x) => x.way.provider;
