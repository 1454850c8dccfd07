// SPDX-License-Identifier: MIT
// Joins what the built programs print with --openapi: node tests/lint/openapi.mjs --write writes docs/openapi.json, without --write
// it is compared. Components that several programs print must be equal.

import { spawnSync } from 'node:child_process';
import { readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import path from 'node:path';

const checkout = fileURLToPath(new URL('../..', import.meta.url));
const file = path.join(checkout, 'docs', 'openapi.json');

const isObject = (value) => typeof value === 'object' && value !== null && !Array.isArray(value);

function join(a, b, at) {
  if (!isObject(a) || !isObject(b)) {
    if (JSON.stringify(a) !== JSON.stringify(b)) throw new Error(`two programs differ in ${at}`);
    return a;
  }
  const all = { ...a };
  for (const [name, value] of Object.entries(b)) all[name] = name in a ? join(a[name], value, `${at}/${name}`) : value;
  return all;
}

const sorted = (object) => Object.fromEntries(Object.entries(object).sort(([a], [b]) => (a < b ? -1 : 1)));

function parts() {
  return readdirSync(path.join(checkout, 'cgi-bin')).filter((name) => name.endsWith('.c')).sort()
    .map((name) => path.join(checkout, 'build', 'release', `${path.parse(name).name}.fcgi`))
    .map((program) => {
      const { status, stdout } = spawnSync(program, ['--openapi'], { encoding: 'utf8', env: {}, maxBuffer: 1 << 24, stdio: ['ignore', 'pipe', 'inherit'] });
      if (status !== 0) process.exit(1); // it said why
      return JSON.parse(stdout);
    });
}

function document() {
  const { paths, components, ...head } = parts().reduce((all, part) => join(all, part, '#'));
  const kinds = Object.entries(components).map(([kind, named]) => [kind, sorted(named)]);
  return `${JSON.stringify({ ...head, paths: sorted(paths), components: Object.fromEntries(kinds) }, null, 2)}\n`;
}

const made = document();
if (process.argv[2] === '--write') {
  writeFileSync(file, made);
} else if (readFileSync(file, 'utf8') !== made) {
  console.error('docs/openapi.json is stale: make openapi');
  process.exit(1);
}
