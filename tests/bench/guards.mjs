// SPDX-License-Identifier: MIT
// What the guard rails cost: the same programs with and without limits, log and metrics, on the same data. Metrics can't be turned
// off: without them a program is linked with no_metrics.c.

import path from 'node:path';
import { startVariant } from './ours.mjs';

const NO_LIMITS = {
  PAYMENT_REQUESTS_PER_MINUTE: '0', USER_REQUESTS_PER_MINUTE: '0', ADDRESS_REQUESTS_PER_MINUTE: '0', REQUESTS_PER_SECOND: '0',
};
const NO_LOG = { LOG_FILE: '/dev/null' };

const VARIANTS = [
  { name: 'all on', env: {}, metrics: true },
  { name: 'no limits', env: NO_LIMITS, metrics: true },
  { name: 'no log', env: NO_LOG, metrics: true },
  { name: 'no metrics', env: {}, metrics: false },
  { name: 'none', env: { ...NO_LIMITS, ...NO_LOG }, metrics: false },
];

// The programs that GUARDED needs; the Makefile links them without metrics too.
const FAMILIES = ['catalogue', 'system'];
export const GUARDED = ['W0', 'W1'];

// like: minimall, whose database and settings they have. onStart: of each that runs.
export async function startGuards({ dir, binDir, like, onStart }) {
  for (const { name, env, metrics } of VARIANTS) {
    const programs = metrics ? binDir : path.join(binDir, 'bench', 'no-metrics');
    onStart(await startVariant({ name, kind: 'guarded', dir: path.join(dir, name.replace(' ', '-')), binDir: programs, like, env, families: FAMILIES }));
  }
}
