// SPDX-License-Identifier: MIT
// 1,000 random earns, uses and expiries at the same time, twice from one seed. POINTS_SEED=n repeats a run.

import test from 'node:test';
import assert from 'node:assert/strict';
import { openShop } from '../lib/harness.mjs';
import { Points, SYSTEM, serviceToken } from '../lib/loyalty.mjs';
import { tally } from '../lib/trade.mjs';

const OPERATIONS = 1000;
const MEMBERS = 5;
const PHASES = 10;
const STEP_DAYS = 200; // between two of them: what a phase earned has expired four later
const VALID_DAYS = 730;
const AT_ONCE = 20;
const DAY_S = 86_400;

const seed = Number(process.env.POINTS_SEED ?? Math.floor(Math.random() * 2 ** 31));
const shop = await openShop();
const system = await serviceToken(shop);
const points = new Points(shop, system);

// A generator of whole numbers below n (mulberry32).
function randomOf(start) {
  let state = start;
  return (n) => {
    state = (state + 0x6d2b79f5) | 0;
    let x = Math.imul(state ^ (state >>> 15), state | 1);
    x ^= x + Math.imul(x ^ (x >>> 7), x | 61);
    return ((x ^ (x >>> 14)) >>> 0) % n;
  };
}

// What a member must have at the end: its points by the phase in which they were earned.
class Model {
  lots = new Map();
  earned = 0;
  used = 0;

  expire(phase) {
    for (const from of [...this.lots.keys()]) if ((phase - from) * STEP_DAYS > VALID_DAYS) this.lots.delete(from);
  }

  get balance() { return [...this.lots.values()].reduce((sum, n) => sum + n, 0); }

  earn(phase, n) {
    this.lots.set(phase, (this.lots.get(phase) ?? 0) + n);
    this.earned += n;
  }

  use(n) {
    let left = n;
    for (const [from, has] of this.lots) {
      const taken = Math.min(has, left);
      this.lots.set(from, has - taken);
      left -= taken;
    }
    this.used += n;
  }
}

// Phases of operations, the first of a phase before the others: { earn | use, n, source, again, refused }. No use depends on
// what is earned in its own phase, so that every order of a phase is possible.
function plan(random, models) {
  return Array.from({ length: PHASES }, (_, phase) => {
    const operations = [];
    const before = models.map((model) => {
      model.expire(phase);
      return model.balance;
    });
    for (let i = 0; i < OPERATIONS / PHASES; i += 1) {
      const member = random(MEMBERS);
      const n = 1 + random(60);
      const source = `${phase}-${i}`;
      const kind = random(10);
      if (kind < 4) {
        operations.push({ member, earn: n, source });
        models[member].earn(phase, n);
      } else if (kind < 5) { // twice for one source
        operations.push({ member, earn: n, source }, { member, earn: n, source });
        models[member].earn(phase, n);
        i += 1;
      } else if (kind < 6 || before[member] < n || n > 40) {
        operations.push({ member, use: 900_000, refused: true });
      } else {
        before[member] -= n;
        operations.push({ member, use: n });
        models[member].use(n);
      }
    }
    return operations;
  });
}

async function perform(run, members, { member, earn, use, source, refused }) {
  const answer = earn
    ? await points.earn(members[member], earn, { source_type: `random-${run}`, source_id: `${seed}-${source}` })
    : await points.use(members[member], use, { token: system });
  if (refused) assert.ok(['INSUFFICIENT_POINTS', 'POINTS_EXPIRED'].includes(answer.body.error?.code), JSON.stringify(answer.body));
  else assert.equal(answer.status, 201, `POINTS_SEED=${seed}: ${JSON.stringify({ earn, use, source })} ${JSON.stringify(answer.body)}`);
  return earn ? 'earn' : refused ? 'refused' : 'use';
}

// AT_ONCE of them at any time.
async function together(works) {
  const done = [];
  const queue = works.values();
  await Promise.all(Array.from({ length: AT_ONCE }, async () => {
    for (const work of queue) done.push(await work());
  }));
  return done;
}

test('random earns, uses and expiries leave the books exact, and the same balances from the same seed (B45, B46)', async () => {
  console.log(`# POINTS_SEED=${seed}`);
  const runs = await Promise.all([1, 2].map(async (run) => {
    const random = randomOf(seed);
    const models = Array.from({ length: MEMBERS }, () => new Model());
    return { run, models, phases: plan(random, models), shuffled: randomOf(seed + run),
      members: await Promise.all(models.map((_, i) => shop.login(`random-${run}-${i}`))) };
  }));
  const done = [];
  for (let phase = 0; phase < PHASES; phase += 1) {
    shop.clock(phase * STEP_DAYS * DAY_S);
    const works = runs.flatMap(({ run, members, phases, shuffled }) => phases[phase]
      .map((operation) => [shuffled(2 ** 30), () => perform(run, members, operation)]))
      .sort(([a], [b]) => a - b).map(([, work]) => work);
    const [kinds] = await Promise.all([together(works), shop.jobs()]);
    done.push(...kinds);
  }
  assert.ok(done.length >= 2 * OPERATIONS);
  const counts = tally(done);
  assert.ok(counts.earn > 600 && counts.use > 200 && counts.refused > 100, JSON.stringify(counts));

  const ends = [];
  for (const { run, models } of runs) {
    const balances = [];
    for (const [i, model] of models.entries()) {
      const { token } = await shop.login(`random-${run}-${i}`); // the one before has expired
      balances.push(await points.balance({ token }));
      const { current_points: current, total_earned: earned, total_used: used } = balances.at(-1);
      model.expire(PHASES - 1);
      assert.deepEqual({ current, earned, used }, { current: model.balance, earned: model.earned, used: model.used }, `POINTS_SEED=${seed}: member ${i} of run ${run}`);
    }
    ends.push(balances);
  }
  assert.deepEqual(ends[0], ends[1], `POINTS_SEED=${seed}`);
  const [{ n }] = await shop.sql('SELECT COUNT(*) AS n FROM point_entries WHERE type = 3');
  assert.ok(n > 0, 'something has expired');
  const { code, stdout } = await shop.audit();
  assert.equal(code, 0, `POINTS_SEED=${seed}: ${stdout}`);

  // and recalculating changes nothing
  const admin = await shop.admin();
  for (const { user } of runs[0].members) {
    const { data } = await shop.ok('POST', `${SYSTEM}/admin/recalculate/${user.member_id}`, { token: admin, body: { reason: '核对' } });
    assert.deepEqual([data.changed, data.drift], [false, []]);
  }
  shop.clock(0);
});
