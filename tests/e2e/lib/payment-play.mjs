// SPDX-License-Identifier: MIT
// Plays sequences of events on payments of many orders side by side, on one clock, and compares each with the model of the rules.
//
//   const play = new Play(ways);
//   await play.all([{ way, opened: true, sequence: ['pay', 'cancel', 'time-out', 'notify+query'] }]);
//
// 'time-out' and the like begin a later part of the time; 'a+b' are two events at the same time.

import assert from 'node:assert/strict';
import { advance, begin, finish, isPossible, pass, passes, resultOf, violations } from './payment-model.mjs';
import { FEN } from './payment-ways.mjs';
import { inParallel } from './sequences.mjs';
import { MINUTE_S, PAY_S } from './trade.mjs';

const WIDTH = 8;

// The time of a sequence. Where jobs run, it is at the start of a part.
const PARTS = [
  { name: 'at once', jobs: false, at: 0 },
  { name: 'jobs', jobs: true, at: MINUTE_S + 1 },
  { name: 'overdue', jobs: false, at: PAY_S + 6 * MINUTE_S },
  { name: 'time-out', jobs: true, at: PAY_S + 6 * MINUTE_S },
];
export const BARRIERS = PARTS.slice(1).map(({ name }) => name);
const END_S = 2 * PAY_S;
const STEP_S = 60 * MINUTE_S;

// To a list for each part, of lists of events at once.
function partsOf(sequence) {
  const parts = [[]];
  for (const event of sequence) {
    const at = BARRIERS.indexOf(event) + 1;
    if (at === 0) parts.at(-1).push(event.split('+'));
    else while (parts.length <= at) parts.push([]);
  }
  while (parts.length < PARTS.length) parts.push([]);
  return parts;
}

// The beginnings of parts, in a random order of everything, in their own order.
export function inOrder(sequence) {
  const barriers = sequence.filter((event) => BARRIERS.includes(event)).sort((a, b) => BARRIERS.indexOf(a) - BARRIERS.indexOf(b));
  return sequence.map((event) => (BARRIERS.includes(event) ? barriers.shift() : event));
}

const isSame = (a, b) => Object.keys(b).every((name) => a[name] === b[name]);

export class Play {
  // chaos(part, work): runs the work of a part while it disturbs the shop: what is requested then may be done or not.
  constructor(ways, { chaos = null } = {}) {
    Object.assign(this, { ways, chaos });
  }

  async all(list) {
    this.runs = list.map((one) => ({ ...one, parts: partsOf(one.sequence), faults: [] }));
    await this.ways.slowRefunds();
    await this.#each((one) => this.#prepare(one));
    for (const i of PARTS.keys()) await this.#part(i);
    await this.#end();
    this.#report();
    await this.#again();
    this.#report();
    this.ways.shop.clock(0);
    return this.runs.map(({ states: [s] }) => s);
  }

  #each(work, runs = this.runs) { return inParallel(runs, WIDTH, work); }
  get #states() { return this.runs.flatMap(({ states }) => states); }

  async #prepare(one) {
    const { provider, kind } = one.way;
    one.x = await this.ways.prepared(one.way, one);
    one.states = [begin({ kind, can: provider.can, fen: FEN, opened: one.x.opened, expires: provider.expires })];
  }

  async #part(i) {
    const { jobs, at } = PARTS[i];
    this.ways.shop.clock(at);
    for (const s of this.#states) s.overdue = at > PAY_S;
    const work = async () => {
      if (jobs) await this.ways.jobsAt(at);
      for (const one of jobs ? this.runs : []) {
        if (this.chaos) one.states = passes(one.states);
        else one.states.forEach(pass);
      }
      await this.#each((one) => this.#play(one, i));
    };
    this.ways.disturbed = this.chaos !== null;
    await (this.chaos ? this.chaos(i, work) : work());
    this.ways.disturbed = false;
  }

  async #play(one, part) {
    for (const events of one.parts[part]) {
      const possible = events.filter((event) => one.states.every((s) => isPossible(s, event)));
      const accepted = {};
      await Promise.all(possible.map(async (event) => { accepted[event] = await this.ways.act(one.x, event); }));
      const after = advance(one.states, possible, accepted, { disturbed: this.ways.disturbed });
      if (after.length === 0) return one.faults.push(`in "${PARTS[part].name}", accepted: ${JSON.stringify(accepted)}, after ${JSON.stringify(one.states)}`);
      one.states = after;
    }
    return undefined;
  }

  // Every success is notified of that the shop hasn't acknowledged yet, and everything is completed.
  async #end() {
    const { ways } = this;
    let at = END_S;
    await ways.jobsAt(at);
    await this.#each(({ x }) => ways.notify(x), this.runs.filter(({ x }) => x.paid && !x.heard));
    await ways.jobsAt(at);
    const payments = this.runs.map(({ x }) => x);
    for (let round = 0; await ways.completeRefunds(payments, { seconds: at += STEP_S }) > 0; round++) assert.ok(round < 6, 'refunds never end');
    this.endedAt = at;
    this.#states.forEach(finish);
    await this.#compare();
    for (const one of this.runs) one.faults.push(...one.states.flatMap(violations).map((rule) => `the model breaks a rule: ${rule}`));
    await this.#each(async (one) => {
      const [given, recorded] = [await ways.refundedThere(one.x), resultOf(one.states[0]).refunded];
      if (given !== recorded) one.faults.push(`the provider refunded ${given}, not ${recorded}`);
    }, this.runs.filter(({ way }) => way.provider.can.refund));
  }

  // Much later everything is notified once more, and nothing changes.
  async #again() {
    await this.#each(({ x }) => this.ways.twice(x), this.runs.filter(({ x }) => x.paid));
    await this.ways.jobsAt(this.endedAt + STEP_S);
    await this.#compare();
  }

  // Which of the possible ends is the actual one?
  async #compare() {
    const results = await this.ways.results();
    for (const one of this.runs.filter(({ faults }) => faults.length === 0)) {
      const actual = results.get(one.x.outTradeNo);
      const same = one.states.filter((s) => isSame(actual, resultOf(s)));
      if (same.length === 0) one.faults.push(`ends as ${JSON.stringify(actual)}, not ${one.states.map((s) => JSON.stringify(resultOf(s))).join(' or ')}`);
      else one.states = same;
    }
  }

  #report() {
    const about = ({ way, sequence, opened, x }) => `${way.name}${opened ? '' : ', not opened'}: ${sequence.join(', ')} (${x.outTradeNo})`;
    const faults = this.runs.filter(({ faults: list }) => list.length > 0).map((one) => `${about(one)}\n    ${one.faults.join('\n    ')}`);
    assert.equal(faults.length, 0, `${faults.length} of ${this.runs.length} sequences\n  ${faults.join('\n  ')}`);
  }
}
