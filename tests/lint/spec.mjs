// SPDX-License-Identifier: MIT
// Whatever code, tests and documents cite of docs/spec exists, and every rule of behaviour.md that is built is
// named by a test. Cited are rules ("BEHAVIOUR 20, 37 and 43", in tests also "(B20, B37)") and sections ("PAYMENTS.md 2.10").

import { readFileSync, readdirSync } from 'node:fs';
import path from 'node:path';

const root = path.join(import.meta.dirname ?? path.dirname(new URL(import.meta.url).pathname), '..', '..');
const PLACES = ['cgi-bin', 'cli', 'docs', 'htdocs', 'lib', 'sandbox', 'schema', 'tests'];
const SKIPPED = new Set(['node_modules', 'contracts']);
const NUMBERS = '[0-9]+(?:(?:, | and |–)[0-9]+)*';

function* filesBelow(directory) {
  for (const entry of readdirSync(directory, { withFileTypes: true })) {
    const file = path.join(directory, entry.name);
    if (entry.isDirectory() && !SKIPPED.has(entry.name)) yield* filesBelow(file);
    else if (entry.isFile()) yield file;
  }
}

const textOf = (file) => readFileSync(path.join(root, file), 'utf8');
const files = [
  ...PLACES.flatMap((place) => [...filesBelow(path.join(root, place))]),
  ...readdirSync(root).filter((name) => /\.(md|example)$/.test(name) || name === 'Makefile').map((name) => path.join(root, name)),
];

const rules = new Map([...textOf('docs/spec/behaviour.md').matchAll(/^([0-9]+)\. (\*\(not built\)\*)?/gm)].map(([, number, missing]) => [Number(number), !missing]));
const sections = Object.fromEntries(['design', 'payments', 'platform'].map((name) => (
  [name, new Set([...textOf(`docs/spec/${name}.md`).matchAll(/^#{2,3} ([0-9]+(?:\.[0-9]+|[a-z])?)[. ]/gm)].map(([, number]) => number))])));

// "20, 23–25 and 30" is 20, 23, 24, 25, 30.
function numbersIn(text) {
  return text.split(/, | and /).flatMap((part) => {
    const [first, last = first] = part.split('–').map(Number);
    return Array.from({ length: last - first + 1 }, (_, i) => first + i);
  });
}

const faults = [];
const tested = new Set();
for (const file of files) {
  const name = path.relative(root, file);
  const isTest = name.startsWith('tests/e2e/') || name.startsWith('tests/unit/');
  const lines = readFileSync(file, 'utf8').split('\n');
  lines.forEach((line, at) => {
    const cited = [...line.matchAll(new RegExp(`BEHAVIOUR (${NUMBERS})`, 'g'))].flatMap(([, text]) => numbersIn(text));
    if (isTest) cited.push(...[...line.matchAll(/\bB([0-9]{1,2})\b(?=[,)–:;'`]| and)/g)].map(([, number]) => Number(number)));
    for (const number of cited) {
      if (isTest) tested.add(number);
      if (!rules.has(number)) faults.push(`${name}:${at + 1}: behaviour.md has no ${number}`);
    }
    for (const [, title, number] of line.matchAll(/\b(DESIGN|PAYMENTS|PLATFORM)(?:\.md)? ([0-9]+(?:\.[0-9]+|[a-z])?)/g)) {
      if (!sections[title.toLowerCase()].has(number)) faults.push(`${name}:${at + 1}: ${title.toLowerCase()}.md has no section ${number}`);
    }
  });
}
for (const [number, built] of rules) {
  if (built && !tested.has(number)) faults.push(`docs/spec/behaviour.md: no test names ${number}; is it built?`);
  if (!built && tested.has(number)) faults.push(`docs/spec/behaviour.md: tests name ${number}, which is marked as not built`);
}
if (rules.size === 0) faults.push('docs/spec/behaviour.md: no rules were found');
for (const fault of faults) console.log(fault);
process.exit(faults.length > 0 ? 1 : 0);
