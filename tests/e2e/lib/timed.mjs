// SPDX-License-Identifier: MIT
// Preloaded into every test file: records its duration where run.mjs collects it, and ends a file that hangs, so that the run
// says which one it was.

import { appendFileSync } from 'node:fs';
import path from 'node:path';

const LIMIT_MS = 8 * 60_000; // the slowest file takes a tenth of it

const file = process.argv[1] ?? '';
const times = process.env.MINIMALL_E2E_TIMES;
if (times && file.endsWith('.test.mjs')) {
  process.on('exit', () => appendFileSync(times, `${process.uptime().toFixed(1)} ${path.basename(file)}\n`));
  setTimeout(() => {
    console.error(`${path.basename(file)} took longer than ${LIMIT_MS / 60_000} minutes and is ended`);
    process.kill(process.pid, 'SIGTERM'); // the harness then ends what the file started
  }, LIMIT_MS).unref();
}
