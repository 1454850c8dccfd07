// SPDX-License-Identifier: MIT
// Two hosts of one shop, each with its own programs and its own node of a Galera cluster, which know of each other's changes
// late enough that two acts at once never do.
//
//   const { cluster, one, two, race } = await openHosts();   // one, two: of trade.mjs; people and goods come from `one`
//   const [a, b] = await race(() => act(one), () => act(two));

import assert from 'node:assert/strict';
import path from 'node:path';
import { startCluster } from '../../../sandbox/database/galera.mjs';
import { atEnd, makeDirectory } from './harness.mjs';
import { isBusy, openTrade, until } from './trade.mjs';

const LATENCY_MS = 25; // one way; a COMMIT takes two of them, all that an act does before it less

export async function openHosts() {
  const cluster = await startCluster({ dir: path.join(makeDirectory(), 'db'), latencyMs: LATENCY_MS });
  const options = { testClock: false, env: { SHARED_HOSTS: 'on' } };
  let [one, two] = [];
  try {
    one = await openTrade({ ...options, db: cluster.nodes[0] });
    two = await openTrade({ ...options, db: cluster.nodes[1], beside: one.shop });
  } catch (error) {
    await cluster.stop();
    throw error;
  }
  atEnd(() => cluster.stop()); // after the shops
  return { cluster, one, two, race, caughtUp: () => caughtUp(one, two) };
}

// Acts at once, on whatever hosts: their answers, in order. None of them is given up.
async function race(...acts) {
  const answers = await Promise.all(acts.map((act) => act()));
  assert.deepEqual(answers.filter(isBusy), []);
  return answers;
}

// Returns once each node has what the other one has committed by now.
async function caughtUp(...hosts) {
  const seqno = async ({ shop }) => (await shop.sql("SHOW STATUS LIKE 'wsrep_last_committed'"))[0].Value;
  const target = Math.max(...await Promise.all(hosts.map(seqno)));
  for (const host of hosts) await until('a node to catch up', async () => await seqno(host) >= target, { limitMs: 30_000 });
}
