// SPDX-License-Identifier: MIT
// libcurl and what it brings along are loaded by the first call of a provider: a process that never makes one doesn't have them.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import path from 'node:path';
import { processesOf } from '../../../sandbox/process.mjs';
import { openShop } from '../lib/harness.mjs';

const shop = await openShop({ own: true, families: ['login'] });

const mapped = () => processesOf(path.join(shop.dir, 'web')).map((pid) => readFileSync(`/proc/${pid}/maps`, 'utf8')).filter((maps) => maps.includes('/login.fcgi'));
const withCurl = () => mapped().filter((maps) => maps.includes('/libcurl')).length;

test('libcurl is loaded by the first call of a provider', async () => {
  assert.ok(mapped().length > 1);
  assert.equal(withCurl(), 0);
  await shop.login('anna');
  assert.equal(withCurl(), 1);
});
