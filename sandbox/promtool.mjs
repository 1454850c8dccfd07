// SPDX-License-Identifier: MIT
// Prometheus' checker of metrics and rules, for tests: the one on PATH, if any; otherwise that of Debian's package, of which
// nothing is installed (packages.mjs).

import path from 'node:path';
import { Unavailable } from './files.mjs';
import { run } from './process.mjs';
import { debianEnv, unpackedPackages } from './packages.mjs';

// The program's name or path; undefined when there is none, after a line that says what is skipped, and why.
export async function findPromtool(what) {
  try {
    return await starts('promtool') ? 'promtool' : await unpacked();
  } catch (error) {
    if (!(error instanceof Unavailable)) throw error;
    console.log(`skipped: ${what}: ${error.message}`);
    return undefined;
  }
}

async function unpacked() {
  const inside = (root) => path.join(root, 'usr', 'bin', 'promtool');
  return inside(await unpackedPackages({
    name: 'promtool', why: 'no promtool is on PATH', choose: () => ['prometheus'], works: (root) => starts(inside(root)),
  }));
}

async function starts(program) {
  return (await run(program, ['--version'], { env: debianEnv() })).code === 0;
}
