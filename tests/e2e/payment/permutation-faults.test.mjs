// SPDX-License-Identifier: MIT
// The sequences of permutations.test.mjs while everything fails now and then: the providers' answers are lost, wrong or late, the
// database's connection is lost at a COMMIT, programs are killed. What was accepted stays, and in the end each payment is granted,
// granted late or refunded, once (BEHAVIOUR 34, 36 to 38, 40, 43, 53).
//   PERMUTATION_SEED=n, PERMUTATIONS=n   as there
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { openDbProxy } from '../lib/db-proxy.mjs';
import { killer } from '../lib/disturb.mjs';
import { BARRIERS, Play, inOrder } from '../lib/payment-play.mjs';
import { WAYS, openWays } from '../lib/payment-ways.mjs';
import { below, oneOf, random, shuffled } from '../lib/sequences.mjs';
import { command } from '../lib/simulators.mjs';
import { tally, until } from '../lib/trade.mjs';

const SEED = Number(process.env.PERMUTATION_SEED ?? 20261127);
const PER_WAY = Number(process.env.PERMUTATIONS ?? 5);
const POOL = ['notify', 'notify', 'twice', 'query', 'query', 'cancel', 'refund', 'refund', 'refunded', 'other', 'other', 'forged', 'fail', 'query+notify', 'cancel+notify'];

const ways = await openWays();
const { shop, trade } = ways;
const rng = random(SEED);

const sequences = WAYS.flatMap((way) => Array.from({ length: PER_WAY }, () => ({
  way, opened: below(rng, 4) > 0,
  sequence: inOrder(shuffled(rng, ['pay', ...Array.from({ length: 3 + below(rng, 4) }, () => oneOf(rng, POOL)), ...BARRIERS])),
})));

// ---- faults ----

const COMMITS = 4; // of which one is lost
const EVENTS = 12; // after which a program is killed

const ON = { wechat: ['query', 'close', 'refund', 'refund_query'], alipay: ['query', 'close', 'refund', 'refund_query'] };
const FAULTS = ['status_500', 'drop_after', 'bad_signature', 'truncated', 'not_json', 'late'];

// Of each provider's next calls of each kind, every one with another fault, in turn; of the queries of a part one hangs.
async function failProviders(part) {
  for (const [name, interfaces] of Object.entries(ON)) {
    for (const on of interfaces) {
      for (const fault of [...shuffled(rng, FAULTS).slice(0, 3), ...(on === 'query' && part === 0 ? ['hang'] : [])]) {
        const { status, body } = await command(shop.simulators[name].url, 'POST', '/sandbox/faults', { on, fault, ...(fault === 'late' && { delay_ms: 300 }) });
        assert.equal(status, 200, JSON.stringify(body));
      }
    }
  }
}

const mendProviders = () => Promise.all(Object.keys(ON).map((name) => command(shop.simulators[name].url, 'DELETE', '/sandbox/faults')));

// Of every few COMMITs one is lost: the server executes it, or doesn't, and the shop learns nothing of it.
async function loseCommits(proxy, isOver) {
  const acts = ['lose', 'drop', 'last'];
  let seen = 0;
  let lost = 0;
  const pattern = { test: (text) => text === 'COMMIT' && (seen += 1) % COMMITS === 0 };
  while (!isOver()) {
    const rule = proxy.once(pattern, acts[lost % acts.length]);
    await until('a COMMIT', () => rule.hit || isOver(), { limitMs: 300_000, everyMs: 20 });
    lost += rule.hit ? 1 : 0;
  }
  return lost;
}

// After every few events a program of a family is killed.
async function killSome(name, isOver) {
  const kill = killer(trade, name);
  let killed = 0;
  while (!isOver()) {
    const from = ways.acted;
    await until('some events', () => ways.acted >= from + EVENTS || isOver(), { limitMs: 300_000, everyMs: 20 });
    if (!isOver()) killed += await kill();
  }
  return killed;
}

test('sequences of events under faults end as the rules say, once (B34, B36, B37, B38, B40, B43, B53)', async (t) => {
  const proxy = await openDbProxy(shop.env.DB_SOCKET, shop.dir);
  await shop.restartWeb({ DB_SOCKET: proxy.socket });
  const struck = { commits: 0, notify: 0, payments: 0 };
  const chaos = async (part, work) => {
    await failProviders(part);
    let over = false;
    const isOver = () => over;
    const [commits, notify, payments] = await Promise.all([loseCommits(proxy, isOver), killSome('notify', isOver), killSome('payments', isOver),
      work().finally(() => { over = true; })]);
    Object.entries({ commits, notify, payments }).forEach(([name, n]) => { struck[name] += n; });
    proxy.forget();
    await mendProviders();
  };
  t.diagnostic(`PERMUTATION_SEED=${SEED}: ${sequences.length} sequences`);
  const ends = await new Play(ways, { chaos }).all(sequences);
  t.diagnostic(`${JSON.stringify(struck)}; ${JSON.stringify(tally(ends.map((s) => `${s.order} ${s.attempt}`)))}`);
  for (const [what, n] of Object.entries(struck)) assert.ok(n >= 3, `${n} ${what}`);
});
