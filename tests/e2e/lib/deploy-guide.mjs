// SPDX-License-Identifier: MIT
// docs/deploy.md, for the tests that execute it.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { checkout } from '../../../sandbox/files.mjs';

export const document = readFileSync(path.join(checkout, 'docs', 'deploy.md'), 'utf8');

// Its code blocks: { kind, name, text }, as in "```sh hosting".
export const blocks = [...document.matchAll(/^```([a-z]+)(?: ([a-z-]+))?\n([^]*?)^```$/gm)]
  .map(([, kind, name, text]) => ({ kind, name: name ?? '', text }));

export function block(kind, name) {
  const found = blocks.filter((one) => one.kind === kind && one.name === name);
  assert.equal(found.length, 1, `docs/deploy.md has one block "${kind} ${name}"`);
  return found[0].text;
}

// Replaces a text that must be present.
export function replaced(text, old, value) {
  assert.ok(text.includes(old), `${old} in\n${text}`);
  return text.replaceAll(old, value);
}
