// SPDX-License-Identifier: MIT
// Whatever happens to a payment, in whatever order, ends as the rules say, with every provider: sequences of events are
// generated from a seed over the table of ways to pay (lib/payment-ways.mjs), and compared with a model of the rules
// (lib/payment-model.mjs) (BEHAVIOUR 20, 33 to 39, 41 to 44, 62).
//   PERMUTATION_SEED=n   another choice of sequences
//   PERMUTATIONS=n       how many of them for each way to pay, besides all orders of a few events
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { BARRIERS, Play, inOrder } from '../lib/payment-play.mjs';
import { FEN, WAYS, openWays, wayOf } from '../lib/payment-ways.mjs';
import { below, inParallel, oneOf, permutations, random, shuffled } from '../lib/sequences.mjs';
import { MINUTE_S, PAY_S, tally } from '../lib/trade.mjs';

const SEED = Number(process.env.PERMUTATION_SEED ?? 20261127);
const PER_WAY = Number(process.env.PERMUTATIONS ?? 12);

// What a sequence is about: how it begins, and of which events each is as likely as it is often here.
const ALL = {
  first: [],
  pool: ['notify', 'notify', 'twice', 'query', 'query', 'cancel', 'cancel', 'refund', 'refunded', 'other', 'rival', 'rival', 'remove', 'forged', 'fail', 'console'],
};
const REFUNDS = { first: ['pay', 'notify'], pool: ['refund', 'refund', 'refunded', 'twice', 'query', 'console', 'rival', 'remove', 'cancel'] };
const ONLY_ORDERS = ['part', 'part'];
// What may happen at the same time as another of them, except a removal during a query, which may have begun before it.
const AT_ONCE = ['notify', 'twice', 'query', 'cancel', 'refund', 'refunded', 'remove', 'forged'];
const NOT_AT_ONCE = ['query+remove', 'remove+query'];

function sampled(rng, { kind }) {
  const { first, pool } = oneOf(rng, [ALL, ALL, REFUNDS]);
  const events = kind === 'order' ? [...pool, ...ONLY_ORDERS] : pool;
  const one = () => {
    const both = shuffled(rng, AT_ONCE).slice(0, 2).join('+');
    return below(rng, 4) > 0 || NOT_AT_ONCE.includes(both) ? oneOf(rng, events) : both;
  };
  const rest = Array.from({ length: 3 + below(rng, 5) }, one);
  if (first.length === 0 && below(rng, 10) > 0) rest.push('pay'); // else nobody pays
  return inOrder([...first, ...shuffled(rng, [...rest, ...BARRIERS])]);
}

const paidBefore = (pay, found) => (sequence) => !sequence.includes(found) || sequence.indexOf(pay) < sequence.indexOf(found);

// All orders of payment, its discovery, a cancel and the deadline.
const EXHAUSTIVE = ['notify', 'query'].flatMap((found) => permutations(['pay', found, 'cancel', 'time-out']).filter(paidBefore('pay', found)));

function generated() {
  const rng = random(SEED);
  return WAYS.flatMap((way) => [
    ...EXHAUSTIVE.map((sequence) => ({ way, sequence, opened: true })),
    ...Array.from({ length: PER_WAY }, () => ({ way, sequence: sampled(rng, way), opened: below(rng, 4) > 0 })),
  ]);
}

const ways = await openWays();
const { shop } = ways;

test('every sequence of events with every provider ends as the rules say, once (B20, B33, B35, B36, B37, B38, B41, B42, B43, B44, B62)', async (t) => {
  const list = generated();
  t.diagnostic(`PERMUTATION_SEED=${SEED}: ${list.length} sequences`);
  const ends = await new Play(ways).all(list);
  t.diagnostic(JSON.stringify(tally(ends.map((s) => `${s.kind} ${s.order} ${s.attempt}`))));
});

// ---- two providers ----

// Both payments can be made: the second is prepared while the first one is Alipay's, which doesn't know it yet and can't close
// it, or the payer was paying the first in the moment in which it was closed.
async function preparedTwice({ first, second }) {
  const order = await ways.ordered(first.kind);
  const a = await ways.attempted(order, first, { opened: first.provider.name !== 'alipay' });
  await ways.fail(a); // the gateway can't be told to close it
  const b = await ways.attempted(order, second);
  return { a, b };
}

// a and b: the first and the second are paid; a! and b!: notified of. Otherwise jobs find them, or a late notification.
const BOTH = ['a', 'b', 'a!', 'b!'];
const ORDERS = [...permutations(BOTH), ...permutations(['a', 'b']), ...permutations(['a', 'b', 'b!'])]
  .filter(paidBefore('a', 'a!')).filter(paidBefore('b', 'b!'));
const PLAYED = { a: ({ a }) => ways.pay(a), b: ({ b }) => ways.pay(b), 'a!': ({ a }) => ways.notify(a), 'b!': ({ b }) => ways.twice(b) };

// All orders for WeChat and Alipay, and some for the other pairs of providers.
function pairs() {
  const rng = random(SEED);
  const main = ['order', 'membership'].flatMap((kind) => permutations([wayOf('JSAPI', kind), wayOf('PAGE', kind)]));
  const rest = WAYS.flatMap((first) => WAYS.filter((second) => second.kind === first.kind && second.provider !== first.provider).map((second) => [first, second]))
    .filter(([first, second]) => !main.some((pair) => pair[0] === first && pair[1] === second));
  const of = ([first, second], sequences) => sequences.map((sequence) => ({ first, second, sequence }));
  return [...main.flatMap((pair) => of(pair, ORDERS)), ...rest.flatMap((pair) => of(pair, shuffled(rng, ORDERS).slice(0, 2)))];
}

const ENDS = { granted: 0, grantedLate: 0, refunded: FEN };

// Why a pair does not end as it must; found: what is recorded before the late notifications.
function faultOf({ sequence, a, b }, found, results) {
  const ends = [a, b].map((x) => results.get(x.outTradeNo));
  const told = JSON.stringify(ends);
  const heard = sequence.find((event) => event.endsWith('!')); // first
  const winner = ends.findIndex(({ refunded }) => refunded === 0);
  if (!ends.every(({ order, by, attempt, refunded }) => order === 'PAID' && by === 'provider' && ENDS[attempt] === refunded)) return told;
  if (ends[1 - winner]?.attempt !== 'refunded' || ends.every(({ refunded }) => refunded > 0)) return told;
  if (heard !== undefined && winner !== (heard === 'b!' ? 1 : 0)) return `${told}, of which the other was heard of first`;
  // jobs find a payment unless its provider can't be asked, or has confirmed that it is closed
  const lost = [a, b].filter((x) => x.way.provider.can.query && !(x === a && x.way.provider.name === 'wechat'))
    .find((x) => !Object.hasOwn(ENDS, found.get(x.outTradeNo).attempt) && found.get(x.outTradeNo).attempt !== 'refundDue');
  return lost && `${told}, and ${lost.outTradeNo} was not found by jobs`;
}

test('two payments by different providers, open for one order at the same time: one pays it, the other is refunded (B37, B38, B39)', async (t) => {
  const list = pairs();
  await ways.slowRefunds();
  await inParallel(list, 8, async (one) => {
    Object.assign(one, await preparedTwice(one));
    for (const event of one.sequence) await PLAYED[event](one);
  });
  const payments = list.flatMap(({ a, b }) => [a, b]);
  await ways.jobsAt(MINUTE_S + 1);
  await ways.jobsAt(PAY_S + 6 * MINUTE_S);
  const found = await ways.results();
  await inParallel(payments.filter(({ heard }) => !heard), 8, (x) => ways.notify(x));
  for (let at = 2 * PAY_S; await ways.completeRefunds(payments, { seconds: at }) > 0; at += 60 * MINUTE_S) assert.ok(at < 20 * PAY_S, 'refunds never end');
  const results = await ways.results();
  const faults = list.map((one) => [one, faultOf(one, found, results)]).filter(([, fault]) => fault)
    .map(([{ first, second, sequence }, fault]) => `${first.name}, ${second.name}: ${sequence.join(' ')}: ${fault}`);
  assert.deepEqual(faults, [], `PERMUTATION_SEED=${SEED}: ${faults.length} of ${list.length}`);
  for (const { a, b } of list) { // an administrator sees both
    const refunds = await shop.ok('GET', `/api/payment/refunds?order_id=${a.no}`, { token: ways.trade.admin });
    const [{ reason, automatic }, ...more] = refunds;
    assert.deepEqual([automatic, reason.split(' ').at(-1), more], [true, 'ALREADY_PAID', []]);
    const back = [a, b].filter((x) => x.way.provider.can.refund && results.get(x.outTradeNo).refunded > 0);
    for (const x of back) assert.equal(await ways.refundedThere(x), FEN);
  }
  t.diagnostic(`${list.length} pairs of payments`);
  shop.clock(0);
});
