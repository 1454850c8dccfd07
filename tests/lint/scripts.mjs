// SPDX-License-Identifier: MIT
// Checks that each module given parses: in one process, since starting one costs more than the checks.
//   node --experimental-vm-modules --no-warnings scripts.mjs FILE…
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import vm from 'node:vm';

for (const file of process.argv.slice(2)) {
  try {
    new vm.SourceTextModule(readFileSync(file, 'utf8'), { identifier: file });
  } catch {
    spawnSync(process.execPath, ['--check', file], { stdio: 'inherit' }); // it shows where
    process.exitCode = 1;
  }
}
