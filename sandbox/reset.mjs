// SPDX-License-Identifier: MIT
// `make reset`: drops the data of `make run`. Refuses while it runs.

import { existsSync, readdirSync, rmSync } from 'node:fs';
import path from 'node:path';
import { Fault, checkout, dropState, lockDirectory } from './files.mjs';

// Only what the launcher has created; anything else is left alone.
const OURS = /^(db|web|wechat|alipay|gateway|log|secrets\.json|minimall\.conf|dev\.env|clock|lock|admin-minimall\w*|demo-\w+-minimall\w*)$/;

const dir = path.resolve(process.env.VAR_DIR || path.join(checkout, 'var'));
try {
  const locked = [path.join(dir, 'db'), dir].filter((directory) => existsSync(directory)).map(lockDirectory);
  for (const name of existsSync(dir) ? readdirSync(dir) : []) {
    if (OURS.test(name)) rmSync(path.join(dir, name), { recursive: true, force: true });
  }
  dropState(dir);
  for (const lock of locked) lock.release();
  console.log(locked.length > 0 ? 'the data of make run is gone' : 'there was no data to drop');
} catch (error) {
  console.error(`minimall: ${error instanceof Fault ? error.message : `${dir}: ${error.message}`}`);
  process.exitCode = 1;
}
