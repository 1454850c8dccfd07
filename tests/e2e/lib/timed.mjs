// SPDX-License-Identifier: MIT
// Preloaded into every test file: records its duration where run.mjs collects it.

import { appendFileSync } from 'node:fs';
import path from 'node:path';

const file = process.argv[1] ?? '';
const times = process.env.MINIMALL_E2E_TIMES;
if (times && file.endsWith('.test.mjs')) {
  process.on('exit', () => appendFileSync(times, `${process.uptime().toFixed(1)} ${path.basename(file)}\n`));
}
