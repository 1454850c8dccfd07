// SPDX-License-Identifier: MIT
// The string literals of our C sources, and which of them are SQL statements.

import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, readFileSync, readdirSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

const root = path.join(path.dirname(fileURLToPath(import.meta.url)), '..', '..');

export const sources = ['lib', 'cgi-bin', 'cli'].flatMap(filesBelow).filter((file) => /\.[ch]$/.test(file)).sort();

export function filesBelow(dir) {
  const full = path.join(root, dir);
  if (!existsSync(full)) return [];
  return readdirSync(full, { withFileTypes: true })
    .flatMap((entry) => (entry.isDirectory() ? filesBelow(`${dir}/${entry.name}`) : [`${dir}/${entry.name}`]));
}

const packages = ['json-c', 'libmariadb', 'libcrypto', 'libcurl', 'fcgi'];
const flags = execFileSync('pkg-config', ['--cflags', ...packages], { encoding: 'utf8' }).split(/\s+/).filter(Boolean);

// A source after preprocessing, so that macros for pieces of SQL are expanded.
// Its tokens: words, strings, and single characters, without those of included files.
function tokensOf(file) {
  const options = ['-E', '-std=c11', '-D_GNU_SOURCE=', '-Ilib', ...flags, '-x', 'c', file];
  const run = spawnSync(process.env.CC || 'gcc', options, { cwd: root, encoding: 'utf8', maxBuffer: 64 << 20 });
  const tokens = [];
  if (run.status !== 0) throw new Error(`${file}:1: can't be preprocessed: ${run.stderr.split('\n')[0]}`);
  let [from, line] = [file, 0];
  for (const text of run.stdout.split('\n')) {
    const marker = /^# (\d+) "(.*?)"/.exec(text);
    if (marker) {
      [line, from] = [Number(marker[1]), marker[2]];
      continue;
    }
    if (from === file) {
      for (const match of text.matchAll(/"((?:\\.|[^"\\])*)"|'(?:\\.|[^'\\])*'|\w+|\S/g)) {
        tokens.push(match[1] !== undefined ? { line, text: unescape(match[1]) } : { line, word: match[0] });
      }
    }
    line++;
  }
  return tokens;
}

function unescape(literal) {
  return literal.replace(/\\[nt]/g, ' ').replace(/\\(.)/g, '$1');
}

// Neighbouring literals, `parts`, are one text; `name` is the constant that it initialises, `constant` whether that is
// declared as SQL has to be.
export function textsOf(file) {
  const tokens = tokensOf(file);
  const texts = [];
  for (let i = 0; i < tokens.length; i++) {
    if (tokens[i].text === undefined) continue;
    const before = tokens.slice(Math.max(0, i - 7), i).map((token) => token.word ?? '""').join(' ');
    const match = /(static const char )?\b(\w+) \[ \] = $/.exec(`${before} `);
    const text = { line: tokens[i].line, text: '', parts: [], name: match?.[2] ?? '', constant: match?.[1] !== undefined };
    for (; tokens[i]?.text !== undefined; i++) text.parts.push(tokens[i].text);
    texts.push({ ...text, text: text.parts.join('') });
  }
  return texts;
}

// Every `static const char SQL_X[]`: { file, name, text }.
export function statements() {
  return sources.filter((file) => file.endsWith('.c') && readFileSync(path.join(root, file), 'utf8').includes('SQL_'))
    .flatMap((file) => textsOf(file).filter(({ name }) => name.startsWith('SQL_')).map(({ name, text }) => ({ file, name, text })));
}
