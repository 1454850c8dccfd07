// SPDX-License-Identifier: MIT
// Two hosts of one shop, each with its own programs and its own node of a Galera cluster, with replication so delayed
// that concurrent operations never see each other's changes.
//
//   const { cluster, one, two, race } = await openHosts();   // one, two: of trade.mjs; users and products are created on `one`
//   const [a, b] = await race(() => act(one), () => act(two));

import assert from 'node:assert/strict';
import path from 'node:path';
import { startCluster } from '../../../sandbox/database/galera.mjs';
import { atEnd, makeDirectory } from './harness.mjs';
import { isBusy, openTrade, until } from './trade.mjs';

const LATENCY_MS = 25; // one way; a COMMIT takes two of them, everything before it in an operation less

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

// Runs operations concurrently, on any hosts: returns their responses, in order. None of them may time out.
async function race(...acts) {
  const answers = await Promise.all(acts.map((act) => act()));
  assert.deepEqual(answers.filter(isBusy), []);
  return answers;
}

// Returns once each node has everything that the other has committed so far.
async function caughtUp(...hosts) {
  const seqno = async ({ shop }) => (await shop.sql("SHOW STATUS LIKE 'wsrep_last_committed'"))[0].Value;
  const target = Math.max(...await Promise.all(hosts.map(seqno)));
  for (const host of hosts) await until('a node to catch up', async () => await seqno(host) >= target, { limitMs: 30_000 });
}
