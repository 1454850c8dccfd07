// SPDX-License-Identifier: MIT
// Whatever happens to a payment, in whatever order, ends as the rules say, with every provider: sequences of events are
// generated from a seed over the table of ways to pay (lib/payment-ways.mjs), run side by side, and compared with a model of the
// rules (lib/payment-model.mjs) (BEHAVIOUR 20, 33 to 38, 41 to 44, 62).
//   PERMUTATION_SEED=n   another choice of sequences
//   PERMUTATIONS=n       how many of them for each way to pay, besides all orders of a few events
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { advance, begin, finish, isPossible, pass, resultOf, violations } from '../lib/payment-model.mjs';
import { FEN, WAYS, openWays } from '../lib/payment-ways.mjs';
import { inParallel, below, oneOf, permutations, random, shuffled } from '../lib/sequences.mjs';
import { MINUTE_S, PAY_S, tally } from '../lib/trade.mjs';

const SEED = Number(process.env.PERMUTATION_SEED ?? 20261127);
const PER_WAY = Number(process.env.PERMUTATIONS ?? 12);
const WIDTH = 8;

// The time of a sequence; jobs run at the start of a part, except where it says not. Events happen after that.
const PARTS = [
  { name: 'at once', jobs: false, at: 0 },
  { name: 'jobs', jobs: true, at: MINUTE_S + 1 },
  { name: 'overdue', jobs: false, at: PAY_S + 6 * MINUTE_S },
  { name: 'time-out', jobs: true, at: PAY_S + 6 * MINUTE_S },
];
const END_S = 2 * PAY_S;
const STEP_S = 60 * MINUTE_S;

// Each is as likely as it is often here.
const POOL = ['notify', 'notify', 'twice', 'query', 'query', 'cancel', 'cancel', 'refund', 'refunded', 'other', 'rival', 'rival', 'remove', 'forged', 'fail', 'console'];
const ONLY_ORDERS = ['part'];
// What may happen at the same time as another of them, except a removal during a query, which may have begun before it.
const AT_ONCE = ['notify', 'twice', 'query', 'cancel', 'refund', 'refunded', 'remove', 'forged'];
const NOT_AT_ONCE = ['query+remove', 'remove+query'];
const BARRIERS = PARTS.slice(1).map(({ name }) => name);

// Events with the beginnings of the later parts in between, to a list of events for each part. An event is a list: of those at once.
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

const inOrder = (sequence) => {
  const barriers = sequence.filter((event) => BARRIERS.includes(event)).sort((a, b) => BARRIERS.indexOf(a) - BARRIERS.indexOf(b));
  return sequence.map((event) => (BARRIERS.includes(event) ? barriers.shift() : event));
};

function sampled(rng, { kind }) {
  const pool = kind === 'order' ? [...POOL, ...ONLY_ORDERS] : POOL;
  const one = () => {
    const both = shuffled(rng, AT_ONCE).slice(0, 2).join('+');
    return below(rng, 4) > 0 || NOT_AT_ONCE.includes(both) ? oneOf(rng, pool) : both;
  };
  const events = ['pay', ...Array.from({ length: 3 + below(rng, 5) }, one)];
  if (below(rng, 10) === 0) events.shift(); // nobody pays
  return inOrder(shuffled(rng, [...events, ...BARRIERS]));
}

// All orders of payment, its discovery, a cancel and the deadline.
const EXHAUSTIVE = ['notify', 'query'].flatMap((found) => permutations(['pay', found, 'cancel', 'time-out'])
  .filter((sequence) => sequence.indexOf('pay') < sequence.indexOf(found)));

function generated() {
  const rng = random(SEED);
  return WAYS.flatMap((way) => [
    ...EXHAUSTIVE.map((sequence) => ({ way, sequence, opened: true })),
    ...Array.from({ length: PER_WAY }, () => ({ way, sequence: sampled(rng, way), opened: below(rng, 4) > 0 })),
  ]).map((one) => ({ ...one, parts: partsOf(one.sequence), faults: [] }));
}

const ways = await openWays();
const { shop } = ways;

const about = ({ way, sequence, opened }) => `${way.name}${opened ? '' : ', not opened'}: ${sequence.join(', ')}`;

async function prepare(one) {
  const { provider, kind } = one.way;
  one.x = await ways.prepared(one.way, one);
  one.states = [begin({ kind, can: provider.can, fen: FEN, opened: one.x.opened, expires: provider.expires })];
}

async function play(one, part) {
  for (const events of one.parts[part]) {
    const possible = events.filter((event) => one.states.every((s) => isPossible(s, event)));
    const accepted = {};
    await Promise.all(possible.map(async (event) => { accepted[event] = await ways.act(one.x, event); }));
    const after = advance(one.states, possible, accepted);
    if (after.length === 0) return one.faults.push(`in "${PARTS[part].name}", accepted: ${JSON.stringify(accepted)}, after ${JSON.stringify(one.states)}`);
    one.states = after;
  }
  return undefined;
}

const isSame = (a, b) => Object.keys(b).every((name) => a[name] === b[name]);

// Which of the possible ends is the actual one?
async function compare(all) {
  const results = await ways.results();
  for (const one of all.filter(({ faults }) => faults.length === 0)) {
    const actual = results.get(one.x.outTradeNo);
    const same = one.states.filter((s) => isSame(actual, resultOf(s)));
    if (same.length === 0) one.faults.push(`ends as ${JSON.stringify(actual)}, not ${one.states.map((s) => JSON.stringify(resultOf(s))).join(' or ')}`);
    else one.states = same;
  }
}

function report(all) {
  const faults = all.filter(({ faults: list }) => list.length > 0).map((one) => `${about(one)}\n    ${one.faults.join('\n    ')}`);
  assert.equal(faults.length, 0, `PERMUTATION_SEED=${SEED}: ${faults.length} of ${all.length} sequences\n  ${faults.join('\n  ')}`);
}

test('every sequence of events with every provider ends as the rules say, once (B20, B33, B35, B36, B37, B38, B41, B42, B43, B44, B62)', async (t) => {
  const all = generated();
  t.diagnostic(`PERMUTATION_SEED=${SEED}: ${all.length} sequences`);
  await ways.slowRefunds();
  await inParallel(all, WIDTH, prepare);
  for (const [i, { jobs, at }] of PARTS.entries()) {
    if (jobs) await ways.jobsAt(at);
    else shop.clock(at);
    for (const s of all.flatMap(({ states }) => states)) {
      s.overdue = at > PAY_S;
      if (jobs) pass(s);
    }
    await inParallel(all, WIDTH, (one) => play(one, i));
  }
  let at = END_S;
  await ways.jobsAt(at);
  await inParallel(all.filter(({ x }) => x.paid), WIDTH, ({ x }) => ways.notify(x));
  await ways.jobsAt(at);
  for (let round = 0; await ways.completeRefunds(all.map(({ x }) => x), { seconds: at += STEP_S }) > 0; round++) assert.ok(round < 4, 'refunds never end');
  for (const s of all.flatMap(({ states }) => states)) finish(s);
  await compare(all);
  for (const one of all) one.faults.push(...one.states.flatMap(violations).map((rule) => `the model breaks a rule: ${rule}`));
  await inParallel(all.filter(({ way }) => way.provider.can.refund), WIDTH, async (one) => {
    const [given, recorded] = [await ways.refundedThere(one.x), resultOf(one.states[0]).refunded];
    if (given !== recorded) one.faults.push(`the provider refunded ${given}, not ${recorded}`);
  });
  report(all);

  // much later everything is notified once more
  await inParallel(all.filter(({ x }) => x.paid), WIDTH, ({ x }) => ways.twice(x));
  await ways.jobsAt(at + STEP_S);
  await compare(all);
  report(all);
  t.diagnostic(JSON.stringify(tally(all.map(({ states: [s] }) => `${s.kind} ${s.order} ${s.attempt}`))));
});
