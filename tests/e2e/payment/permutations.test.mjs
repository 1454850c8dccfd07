// SPDX-License-Identifier: MIT
// Whatever happens to a payment, in whatever order, ends as the rules say, with every provider: sequences of events are
// generated from a seed over the table of ways to pay (lib/payment-ways.mjs), run side by side, and compared with a model of the
// rules (lib/payment-model.mjs) (BEHAVIOUR 20, 33 to 38, 41 to 44).
//   PERMUTATION_SEED=n   another choice of sequences
//   PERMUTATIONS=n       how many of them for each way to pay, besides all orders of a few events
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { EVENTS, begin, canRival, finish, pass, resultOf, violations } from '../lib/payment-model.mjs';
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
const POOL = ['notify', 'notify', 'twice', 'query', 'query', 'cancel', 'cancel', 'refund', 'refunded', 'other', 'rival', 'rival', 'remove', 'forged', 'fail'];
const ONLY_ORDERS = ['part'];
const BARRIERS = PARTS.slice(1).map(({ name }) => name);

// 'pay, notify | cancel': events with the beginnings of the later parts in between, to a list of events for each part.
function partsOf(sequence) {
  const parts = [[]];
  for (const event of sequence) {
    const at = BARRIERS.indexOf(event) + 1;
    if (at === 0) parts.at(-1).push(event);
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
  const events = ['pay', ...Array.from({ length: 3 + below(rng, 5) }, () => oneOf(rng, pool))];
  if (below(rng, 10) === 0) events.shift(); // nobody pays
  return inOrder(shuffled(rng, [...events, ...BARRIERS]));
}

// All orders of payment, its discovery, a cancel and the deadline.
const EXHAUSTIVE = ['notify', 'query'].flatMap((found) => permutations(['pay', found, 'cancel', 'time-out']));

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
  one.s = begin({ kind, can: provider.can, fen: FEN, opened: one.x.opened, expires: provider.expires });
}

async function play(one, part) {
  for (const event of one.parts[part]) {
    if (event === 'rival' && !canRival(one.s)) continue; // what it would do is not this payment's
    const expected = EVENTS[event](one.s);
    const accepted = await ways.act(one.x, event);
    if (accepted !== expected) one.faults.push(`${event} in "${PARTS[part].name}" was ${accepted ? '' : 'not '}accepted`);
  }
}

async function compare(all) {
  const results = await ways.results();
  for (const one of all) {
    const actual = results.get(one.x.outTradeNo);
    try {
      assert.deepEqual(actual, resultOf(one.s));
    } catch {
      one.faults.push(`ends as ${JSON.stringify(actual)}, not ${JSON.stringify(resultOf(one.s))}`);
    }
  }
}

function report(all) {
  const faults = all.filter(({ faults: list }) => list.length > 0).map((one) => `${about(one)}\n    ${one.faults.join('\n    ')}`);
  assert.equal(faults.length, 0, `PERMUTATION_SEED=${SEED}: ${faults.length} of ${all.length} sequences\n  ${faults.join('\n  ')}`);
}

test('every sequence of events with every provider ends as the rules say, once (B20, B33, B35, B36, B37, B38, B41, B42, B43, B44)', async (t) => {
  const all = generated();
  t.diagnostic(`PERMUTATION_SEED=${SEED}: ${all.length} sequences`);
  await ways.slowRefunds();
  await inParallel(all, WIDTH, prepare);
  for (const [i, { jobs, at }] of PARTS.entries()) {
    if (jobs) await ways.jobsAt(at);
    else shop.clock(at);
    for (const one of all) {
      one.s.overdue = at > PAY_S;
      if (jobs) pass(one.s);
    }
    await inParallel(all, WIDTH, (one) => play(one, i));
  }
  let at = END_S;
  await ways.jobsAt(at);
  await inParallel(all.filter(({ x }) => x.paid), WIDTH, ({ x }) => ways.notify(x));
  await ways.jobsAt(at);
  for (let round = 0; await ways.completeRefunds(all.map(({ x }) => x), { seconds: at += STEP_S }) > 0; round++) assert.ok(round < 4, 'refunds never end');
  for (const { s } of all) finish(s);
  await compare(all);
  for (const one of all) one.faults.push(...violations(one.s).map((rule) => `the model breaks a rule: ${rule}`));
  await inParallel(all, WIDTH, async (one) => {
    const [given, recorded] = [await ways.refundedThere(one.x), resultOf(one.s).refunded];
    if (one.way.provider.can.refund && given !== recorded) one.faults.push(`the provider refunded ${given}, not ${recorded}`);
  });
  report(all);

  // much later everything is notified once more
  await inParallel(all.filter(({ x }) => x.paid), WIDTH, ({ x }) => ways.twice(x));
  await ways.jobsAt(at + STEP_S);
  await compare(all);
  report(all);
  t.diagnostic(JSON.stringify(tally(all.map(({ s }) => `${s.kind} ${s.order} ${s.attempt}`))));
});
