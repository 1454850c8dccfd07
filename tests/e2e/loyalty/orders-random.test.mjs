// SPDX-License-Identifier: MIT
// 1,000 random earnings, uses, orders, payments, refunds and expiries of members in parallel leave every member's books exact, and a
// second run of the same seed ends in the same balances (points-random.test.mjs: without orders, but with a model). LOYALTY_SEED=n repeats one.
//
// A member's own operations follow each other, since which of them comes first decides what is refused; where they are concurrent,
// they are equal, or only add points. The members of both runs are concurrent throughout.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Points, serviceToken } from '../lib/loyalty.mjs';
import { openRefunds } from '../lib/refunds.mjs';
import { below, random } from '../lib/sequences.mjs';
import { DAY_S, PAID, REFUNDED, fen, tally } from '../lib/trade.mjs';
import { yuanOf } from '../../../htdocs/common/money.mjs';

const MEMBERS = 8;
const ROUNDS = 5;
const STEPS = 25; // of each member in a round: 1,000 of each run
const ROUND_DAYS = 250; // points of a round expire before the third after it
const SEED = Number(process.env.LOYALTY_SEED ?? 20_261_127);

const refunds = await openRefunds({ families: ['catalogue', 'login', 'members', 'notify', 'orders', 'payments', 'users'] });
const { trade, shop } = refunds;
const points = new Points(shop, await serviceToken(shop));
const PRICES = ['0.99', '10.00', '19.99', '333.33'];
const goods = [];
for (const price of PRICES) goods.push(await trade.product({ price, stock: 100_000 }));

class Life {
  told = []; // every step and its answers
  paid = []; // { order, left, part, till }: fen not refunded yet

  constructor(person, seed) {
    this.person = person;
    const rng = random(seed);
    this.any = (n) => below(rng, n); // 0 … n - 1
  }

  // A step's answers, which must be granted or refused for a reason.
  tell(step, ...answers) {
    const said = answers.map(({ status, body }) => (status < 300 ? `${status}` : `${status} ${body.code ?? body.error?.code}`)).sort();
    for (const { status, body } of answers) assert.ok(status < 300 || status === 409 || status === 400, `${step}: ${status} ${JSON.stringify(body)}`);
    this.told.push(`${step}: ${said.join()}`);
  }

  async step() {
    const steps = [this.earn, this.earn, this.use, this.order, this.order, this.order, this.refund, this.refund];
    await steps[this.any(steps.length)].call(this);
  }

  async earn() {
    const [n, m] = [1 + this.any(300), 1 + this.any(300)];
    if (this.any(3) > 0) {
      this.tell(`earn ${n}`, await points.earn(this.person, n));
    } else if (this.any(2) === 0) {
      this.tell(`earn ${n} and ${m}`, ...await Promise.all([points.earn(this.person, n), points.earn(this.person, m)]));
    } else { // a repeat
      const source = { source_id: `random-${this.person.user.user_id}-${this.told.length}` };
      this.tell(`earn ${n} twice`, ...await Promise.all([points.earn(this.person, n, source), points.earn(this.person, n, source)]));
    }
  }

  async use() {
    const n = 1 + this.any(250);
    const uses = Array.from({ length: 1 + this.any(2) }, () => points.use(this.person, n));
    this.tell(`use ${n}`, ...await Promise.all(uses));
  }

  async order() {
    const at = this.any(goods.length);
    const used = this.any(3) === 0 ? 0 : this.any(400);
    const end = ['wechat', 'till', 'till', 'cancel', 'late', 'leave'][this.any(6)];
    const answer = await trade.tryOrder(this.person, [[goods[at], 1]], { points: used });
    this.tell(`order ${at} with ${used}`, answer);
    if (answer.status !== 201) return;
    const order = answer.body;
    if (order.status === PAID) this.paid.push({ order, left: 0, till: true });
    else await this[end](order);
  }

  async wechat(order) {
    const { outTradeNo } = await trade.prepay(this.person, order);
    await trade.payNotified(outTradeNo, { times: 1 + this.any(2) });
    this.settled(order, false);
  }

  async till(order) {
    const offline = { status: PAID, payment_method: '现金', payment_id: 'cash' };
    this.tell('till', await trade.put(order, offline));
    this.settled(order, true);
  }

  async cancel(order) {
    this.tell('cancel', ...await Promise.all(Array.from({ length: 1 + this.any(2) }, () => trade.cancel(this.person, order))));
  }

  // Paid after it was cancelled: granted if its points can be held again.
  async late(order) {
    const { outTradeNo } = await trade.prepay(this.person, order);
    await trade.cancel(this.person, order);
    const n = this.any(300);
    if (n > 0) this.tell(`use ${n}`, await points.use(this.person, n));
    await trade.payNotified(outTradeNo);
    const status = await trade.status(order);
    this.told.push(`late: ${status}`);
    if (status === PAID) this.settled(order, false);
  }

  async leave() {
    this.told.push('leave');
  }

  settled(order, till) {
    const left = fen(order.total_amount);
    this.paid.push({ order, left, till, part: Math.max(1, Math.floor(left / 3)) });
  }

  async refund() {
    const x = this.paid[this.any(this.paid.length || 1)];
    if (!x) return;
    if (x.till) {
      this.tell('refund at the till', await trade.put(x.order, { status: REFUNDED }));
    } else if (x.left >= 2 * x.part && this.any(2) === 0) {
      const amount = yuanOf(x.part);
      this.tell(`refund ${amount} twice`, ...await Promise.all([refunds.ask(x, { amount }), refunds.ask(x, { amount })]));
      x.left -= 2 * x.part;
    } else if (x.left > 0) {
      const part = this.any(2) === 0 ? x.left : Math.min(x.left, x.part);
      this.tell(`refund ${part}`, await refunds.ask(x, { amount: yuanOf(part) }));
      x.left -= part;
    }
  }

  async end() {
    const { pending_expiry: _, ...data } = await points.balance(this.person);
    const [row] = await shop.sql(`SELECT total_spent, level_id FROM members WHERE user_id = ${this.person.user.user_id}`);
    return { ...data, ...row };
  }
}

test('1,000 random operations in parallel leave exact books, and the same seed ends in the same balances (B45, B46, B47, B58, B59)', { timeout: 300_000 }, async (t) => {
  await refunds.mode('SUCCESS');
  const people = await trade.buyers(2 * MEMBERS);
  const runs = [0, 1].map((run) => Array.from({ length: MEMBERS }, (_, i) => new Life(people[run * MEMBERS + i], SEED + i)));
  const lives = runs.flat();
  for (let round = 0; round < ROUNDS; round += 1) {
    shop.clock(round * ROUND_DAYS * DAY_S);
    await trade.adminSignIn();
    await Promise.all(people.map((person) => trade.signInAgain(person)));
    await Promise.all(lives.map(async (life) => {
      for (let i = 0; i < STEPS; i += 1) await life.step();
    }));
    // what was left unpaid times out, and what has expired by the next round is seen by its first read
    shop.clock(round * ROUND_DAYS * DAY_S + 3600);
    await shop.jobs();
  }
  const ends = [];
  for (const run of runs) ends.push(await Promise.all(run.map((life) => life.end())));
  await refunds.settleAll();
  await trade.audit(0);
  runs[0].forEach((life, i) => assert.deepEqual(runs[1][i].told, life.told, `member ${i} of seed ${SEED}`));
  assert.deepEqual(ends[1], ends[0]);
  const said = lives.flatMap(({ told }) => told).map((line) => line.replace(/\d.*: /, ': '));
  t.diagnostic(JSON.stringify(tally(said)));
  const types = await shop.sql('SELECT type, COUNT(*) AS n FROM point_entries GROUP BY type');
  for (const type of [1, 2, 3, 4, 5]) assert.ok(types.some((row) => row.type === type && row.n >= 10), `entries of type ${type}: ${JSON.stringify(types)}`);
  shop.clock(0);
});
