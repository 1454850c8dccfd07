// SPDX-License-Identifier: MIT
// make bench: what a request costs, minimall against what limits it and a peer, as ratios within one run (absolute figures are
// the machine's, not ours). docs/performance.md says how to read what it prints.
//   QUICK=1          about a minute: the five works, 32 connections
//   WORKS=W1,W4      only these
//   ROUNDS, MS       how many rounds, and the length of one measurement
//   CONNECTIONS=32,500

import assert from 'node:assert/strict';
import { rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { Fault } from '../../sandbox/files.mjs';
import { run } from '../../sandbox/process.mjs';
import { binDir, makeDirectory } from '../e2e/lib/harness.mjs';
import { missingForPhp, startHello, startOurs, startPhp } from './peers.mjs';
import { cpuOf } from './proc.mjs';
import { report } from './report.mjs';
import { WORKS, textOf } from './works.mjs';

const { QUICK, WORKS: only, PHP_PROCESSES = '8' } = process.env;
const quick = QUICK === '1';
const ROUNDS = Number(process.env.ROUNDS ?? (quick ? 3 : 7));
const MS = Number(process.env.MS ?? (quick ? 800 : 1500));
const CONNECTIONS = (process.env.CONNECTIONS ?? (quick ? '32' : '32,500')).split(',').map(Number);
const SIZE = { products: 1000, users: quick ? 400 : 2000 };
const REQUESTS_MAX = Number(process.env.REQUESTS ?? 1_000_000);
const works = WORKS.filter(({ name, quick: first }) => (only ? only.split(',').includes(name) : first || !quick));

const dir = makeDirectory();
const opened = [];

async function open(start) {
  const peer = await start;
  opened.push(peer);
  return peer;
}

// The peers that do a work, each with the file of its requests.
async function prepare(work, peers) {
  const able = peers.filter((peer) => work.of?.(peer) ?? true);
  return Promise.all(able.map(async (peer) => {
    const requests = await (peer.requestsOf?.(work) ?? work.requests(peer));
    const file = path.join(dir, `${peer.name}-${work.name}`);
    writeFileSync(file, requests.map((request) => textOf(request, peer.port)).map((text) => `${Buffer.byteLength(text)}\n${text}`).join(''));
    const { status, body } = await peer.ask(requests[0]);
    const wanted = peer.kind === 'hello' ? 200 : work.status;
    if (status !== wanted) throw new Fault(`${peer.name} answers ${status} instead of ${wanted} to ${work.name}: ${JSON.stringify(body)}`);
    return { peer, file, status: wanted, essence: peer.kind === 'hello' ? undefined : work.essence(body) };
  }));
}

// The peers must do the same.
function compare(work, prepared) {
  const [first, ...others] = prepared.filter(({ essence }) => essence !== undefined);
  for (const other of others) assert.deepEqual(other.essence, first.essence, `${work.name} of ${other.peer.name} is not that of ${first.peer.name}`);
}

async function measure({ peer, file, status }, connections, ms) {
  const parts = peer.parts();
  const before = cpuOf(parts);
  const { code, stdout, stderr } = await run(path.join(binDir, 'bench', 'load'),
    [peer.port, connections, ms, REQUESTS_MAX, status, file].map(String), { env: process.env });
  const after = cpuOf(parts);
  if (code !== 0) throw new Fault(`load failed: ${stderr}`);
  const { requests, failed, why, seconds, cpuUs, p50, p99 } = JSON.parse(stdout);
  if (failed > 0) throw new Fault(`${failed} of ${requests + failed} requests to ${peer.name} failed: ${why}`);
  const cost = (part) => (after[part] - before[part]) / requests;
  return { perSecond: requests / seconds, p50, p99, front: cost('front'), app: cost('app'), database: cost('database'), client: cpuUs / requests };
}

const rotated = (list, by) => list.map((_, i) => list[(i + by) % list.length]);

// results: { work, connections, peer, rounds }
async function measureAll(prepared) {
  const results = [];
  for (const connections of CONNECTIONS) {
    for (const { work, able } of prepared) {
      const rows = able.map(({ peer }) => ({ work, connections, peer, rounds: [] }));
      for (const one of able) await measure(one, connections, Math.min(MS, 300)); // statements are prepared, caches are filled
      for (let round = 0; round < ROUNDS; round += 1) {
        for (const i of rotated(able.map((_, at) => at), round)) rows[i].rounds.push(await measure(able[i], connections, MS));
      }
      results.push(...rows);
      console.error(`measured ${work.name} at ${connections} connections`);
    }
  }
  return results;
}

try {
  const ours = await open(startOurs({ dir: path.join(dir, 'minimall'), size: SIZE, binDir }));
  const missing = missingForPhp();
  if (missing) console.log(`without the peer: it needs the packages ${missing} (make bench-needs)`);
  const peers = [
    ours,
    ...(missing ? [] : [await open(startPhp({ dir: path.join(dir, 'php'), size: SIZE, processes: Number(PHP_PROCESSES) }))]),
    await open(startHello({ dir: path.join(dir, 'hello'), binDir, like: ours })),
  ];
  const prepared = [];
  for (const work of works) {
    const able = await prepare(work, peers);
    compare(work, able);
    prepared.push({ work, able });
  }
  report(await measureAll(prepared));
} finally {
  for (const peer of opened.reverse()) await peer.stop();
  rmSync(dir, { recursive: true, force: true });
}
