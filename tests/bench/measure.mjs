// SPDX-License-Identifier: MIT
// Measures in rounds: in each the peers take turns right after one another, in an order that changes, so that whatever else the
// machine does affects all of them.

import assert from 'node:assert/strict';
import { Fault } from '../../sandbox/files.mjs';
import { cpuOf, machineCpu } from './proc.mjs';

const WARM_MS = 300; // statements are prepared, caches are filled
// With few connections a measurement can be short, and the turns so many more: what else the machine does changes less between
// two short ones. Many connections take a while until all of them are busy.
const FEW = 64;
const SHORTER = 4;

// One measurement of a peer: requests a second, latencies, and CPU us a request by part; others: the part of the machine that
// other processes took.
async function measureOne({ peer, load }, connections, { ms, requests: max }) {
  const parts = peer.parts();
  const before = cpuOf(parts);
  const machine = machineCpu();
  const started = performance.now();
  const { requests, failed, why, seconds, cpuUs, appUs = 0, p50, p99 } = await load(connections, ms, max);
  const tookUs = (performance.now() - started) * 1000;
  const busyUs = machineCpu().us - machine.us;
  const after = cpuOf(parts);
  if (failed > 0) throw new Fault(`${failed} of ${requests + failed} requests to ${peer.name} failed: ${why}`);
  const cost = Object.fromEntries(Object.keys(parts).map((part) => [part, (after[part] - before[part] + (part === 'app' ? appUs : 0)) / requests]));
  const oursUs = Object.values(cost).reduce((a, b) => a + b, 0) * requests + cpuUs;
  return { perSecond: requests / seconds, p50, p99, ...cost, others: Math.max(0, busyUs - oursUs) / (tookUs * machine.processors) };
}

// 0..n-1 in the order of a round: each is as often before as after each other.
function orderOf(round, n) {
  const order = Array.from({ length: n }, (_, i) => (i + (round >> 1)) % n);
  return round % 2 === 0 ? order : order.reverse();
}

// The peers that do a work: [{ peer, load }]. They must answer the same.
async function prepare(work, peers, directory) {
  const able = [];
  for (const peer of peers.filter((one) => one.does(work))) able.push({ peer, ...await peer.prepare(work, directory) });
  const [first, ...others] = able.filter(({ essence }) => essence !== undefined);
  for (const other of others) assert.deepEqual(other.essence, first.essence, `${work.name} of ${other.peer.name} is not that of ${first.peer.name}`);
  return able;
}

// plan: { connections, rounds, ms, requests }.  Returns [{ work, connections, peer, rounds }].
export async function measureAll(works, peers, { connections: crowds, rounds, ...one }, { directory, log }) {
  const results = [];
  for (const work of works) {
    const able = await prepare(work, peers, directory);
    for (const connections of crowds) {
      const rows = able.map(({ peer }) => ({ work, connections, peer, rounds: [] }));
      for (const each of able) await measureOne(each, connections, { ...one, ms: Math.min(one.ms, WARM_MS) });
      const split = connections <= FEW ? SHORTER : 1;
      for (let round = 0; round < rounds * split; round += 1) {
        for (const i of orderOf(round, able.length)) rows[i].rounds.push(await measureOne(able[i], connections, { ...one, ms: one.ms / split }));
      }
      results.push(...rows);
      log(`measured ${work.name} with ${connections} connections`);
    }
  }
  return results;
}
