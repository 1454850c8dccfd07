// SPDX-License-Identifier: MIT
// make bench: what a request costs, minimall against two limits and a peer, as ratios within one run (absolute figures are the
// machine's, not ours). docs/performance.md says what the figures mean. In the environment:
//   QUICK=1              about a minute: the five works, 32 connections
//   WORKS=W1,W4          only these works; none: only what PEERS adds
//   PEERS=php,hello      only these besides minimall: php, hello, statements, guards
//   ROUNDS, MS           how many rounds, and the length of one measurement; REQUESTS: at most so many in one
//   CONNECTIONS=32,500
//   ROWS=1000000         instead: pages deep in so many products against the first ones
//   BASE=<commit>        instead: another commit against this checkout

import { existsSync, rmSync } from 'node:fs';
import path from 'node:path';
import { Fault } from '../../sandbox/files.mjs';
import { run } from '../../sandbox/process.mjs';
import { FAMILIES } from '../../sandbox/web.mjs';
import { binDir, makeDirectory } from '../e2e/lib/harness.mjs';
import { buildBase } from './base.mjs';
import { GROWTH, startGrowth } from './growth.mjs';
import { GUARDED, startGuards } from './guards.mjs';
import { startHello, startStatements } from './limits.mjs';
import { measureAll } from './measure.mjs';
import { startOurs, startVariant } from './ours.mjs';
import { missingForPhp, startPhp } from './php.mjs';
import { memoryByFamily } from './proc.mjs';
import { reportMemory, reportOthers, reportSizes, reportWorks } from './report.mjs';
import { WORKS } from './works.mjs';

const { env } = process;
const quick = env.QUICK === '1';
const listed = (text) => text.split(',').filter(Boolean);
const plan = {
  rounds: Number(env.ROUNDS ?? (quick ? 3 : 5)),
  ms: Number(env.MS ?? (quick ? 600 : 1000)),
  requests: Number(env.REQUESTS ?? 1_000_000),
  connections: listed(env.CONNECTIONS ?? (quick ? '32' : '32,500')).map(Number),
};
const size = { products: Number(env.PRODUCTS ?? 1000), users: Number(env.USERS ?? (quick ? 400 : 2000)) };
const wanted = listed(env.PEERS ?? (quick ? 'php,hello,statements' : 'php,hello,statements,guards'));
const works = WORKS.filter(({ name, quick: first }) => (env.WORKS ? listed(env.WORKS).includes(name) : first || !quick));

const UNCACHED = ['catalogue']; // families whose answers are cached

const dir = makeDirectory();
const peers = [];
const print = (line) => console.log(line);
const log = (line) => console.error(line);

async function measure(some, of) {
  if (some.length === 0) return;
  const results = await measureAll(some, of, plan, { directory: dir, log });
  reportWorks(results, print);
  reportOthers(results, print);
}

const opened = (peer) => {
  peers.push(peer);
  return peer;
};

// ---- what is compared ----

async function comparePeers() {
  const ours = opened(await startOurs({ dir: path.join(dir, 'minimall'), size, binDir }));
  reportMemory('idle programs, which have served nobody', ours.idle, print); // before other shops share them
  const against = [ours, opened(await startVariant({ name: 'minimall', dir: path.join(dir, 'uncached'), binDir, like: ours, env: {}, families: UNCACHED }))];
  if (wanted.includes('php')) {
    const missing = missingForPhp();
    if (missing) log(`without PHP-FPM: ${missing} are not installed (make bench-needs)`);
    else against.push(opened(await startPhp({ dir: path.join(dir, 'php'), size })));
  }
  if (wanted.includes('hello')) against.push(opened(await startHello({ dir: path.join(dir, 'hello'), binDir, like: ours })));
  if (wanted.includes('statements')) against.push(opened(await startStatements({ like: ours, works })));
  await measure(works, against);
  reportMemory('the programs after that', memoryByFamily(ours.parts().app), print);
  if (wanted.includes('guards')) await compareGuards(ours);
  reportSizes(await sizes(), print);
}

async function compareGuards(like) {
  const variants = [];
  await startGuards({ dir, binDir, like, onStart: (peer) => variants.push(opened(peer)) });
  print('\n---- what the guard rails cost ----');
  await measure(WORKS.filter(({ name }) => GUARDED.includes(name)), variants);
}

async function compareBase(commit) {
  const base = await buildBase({ dir, commit, log });
  const ours = opened(await startOurs({ dir: path.join(dir, 'minimall'), size, binDir, name: 'this' }));
  const theirs = opened(await startOurs({ dir: path.join(dir, 'other'), size, ...base }));
  const uncached = (name, like, programs) => startVariant({ name, dir: path.join(dir, `uncached-${name}`), binDir: programs, like, env: {}, families: UNCACHED });
  const bare = opened(await uncached('this', ours, binDir));
  await measure(works, [ours, bare, theirs, opened(await uncached(base.name, theirs, base.binDir))]);
}

async function compareGrowth(rows) {
  const pages = await startGrowth({ dir, binDir, rows, log });
  pages.forEach(opened);
  print(`\n---- pages of ${rows} products ----`);
  await measure([GROWTH], pages);
}

async function sizes() {
  const out = path.join(dir, 'stripped');
  const files = [];
  for (const name of [...FAMILIES.map((family) => `${family}.fcgi`), 'minimall']) {
    await run('strip', ['-o', out, path.join(binDir, name)]);
    files.push([name, (await run('stat', ['-c', '%s', out])).stdout]);
  }
  return files;
}

try {
  if (!existsSync(path.join(binDir, 'bench', 'load'))) throw new Fault('its programs are not built: start it by make bench');
  if (env.BASE) await compareBase(env.BASE);
  else if (env.ROWS) await compareGrowth(Number(env.ROWS));
  else await comparePeers();
} catch (error) {
  console.error(error instanceof Fault ? error.message : error);
  process.exitCode = 1;
} finally {
  for (const peer of peers.reverse()) await peer.stop();
  if (!process.exitCode) rmSync(dir, { recursive: true, force: true });
}
