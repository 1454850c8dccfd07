// SPDX-License-Identifier: MIT
// Where SQL may be, and who writes to which table (HACKING.md, SQL).
//   * SQL is a `static const char SQL_X[]` in lib/shop; otherwise only lib/ext/db*.c and cli/migrate.c have any.
//   * Nothing is formatted into it: no `%` but the SQL literal '%'. DDL is only in schema/.
//   * There are at most as many statements as a connection caches.
//   * Each table of schema/ is named by exactly one "Owns tables:" of a lib/shop header, and only that header's .c
//     writes to it. A room of lib/shop reads the tables of the rooms that rooms.txt allows it.
//   * A locking read guards nothing by itself: each is listed in locking-reads.mjs, with what is written together with it.
//   * More than six `?` in a row are made from a list of columns: SQL_MARK of ext/sql.h.
//   * A number that stands for a state or a kind (a TINYINT of schema/) is written by its name: SQL() of ext/sql.h.
//   * Whatever writes to a table of cached.mjs also invalidates what is cached of it.
//   * No syntax that only one of MariaDB and MySQL accepts.

import { readFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { CACHED, HARMLESS } from './cached.mjs';
import { LOCKING_READS } from './locking-reads.mjs';
import { filesBelow, sources, textsOf } from './texts.mjs';

process.chdir(path.join(path.dirname(fileURLToPath(import.meta.url)), '..', '..'));

const faults = [];
const fault = (file, line, text) => faults.push(`${file}:${line}: ${text}`);

// ---- SQL: what a text does ----

// SQL is upper case here, to distinguish it from prose; what begins like SQL is SQL in any case.
const statement = new RegExp([
  'SELECT\\s[\\s\\S]*\\bFROM', '(?:INSERT|REPLACE)\\s+(?:IGNORE\\s+)?INTO', 'DELETE\\s+(?:\\w+\\s+)?FROM',
  '(?<!FOR\\s+|KEY\\s+)UPDATE\\s+\\w[\\s\\S]*\\sSET',
].map((form) => `\\b${form}\\b`).join('|'));
const beginning = new RegExp(`^\\s*(?:${[
  'SELECT\\s', '(?:INSERT|REPLACE)\\s+INTO\\s', 'UPDATE\\s+\\w+\\s+SET\\s', 'DELETE\\s+FROM\\s', 'LOCK\\s+TABLES\\s',
  'SET\\s+(?:SESSION|GLOBAL|NAMES|TRANSACTION|@)', 'START\\s+TRANSACTION\\b', 'CALL\\s+\\w+\\s*\\(',
].join('|')})`, 'i');
const ddl = new RegExp([
  '\\b(?:CREATE|ALTER|DROP|TRUNCATE|RENAME)\\s+(?:OR\\s+REPLACE\\s+|TEMPORARY\\s+|UNIQUE\\s+)*',
  '(?:TABLE|INDEX|VIEW|DATABASE|TRIGGER|PROCEDURE|FUNCTION|USER)\\b',
].join(''), 'i');
const isSql = (text) => statement.test(text) || beginning.test(text) || ddl.test(text);

// The tables that a statement writes to.
function writes(sql) {
  const names = [];
  for (const match of sql.matchAll(/\b(?:INSERT|REPLACE)\s+(?:IGNORE\s+)?INTO\s+`?(\w+)/gi)) names.push(match[1]);
  for (const match of sql.matchAll(/\bDELETE\s+([\w\s,]*?)FROM\s+`?(\w+)`?([\s\S]*)/gi)) {
    const targets = match[1].split(/[\s,]+/).filter(Boolean);
    const aliases = aliasesOf(`FROM ${match[2]}${match[3]}`);
    names.push(...(targets.length === 0 ? [match[2]] : targets.map((target) => aliases.get(target) ?? target)));
  }
  for (const match of sql.matchAll(/(?<!\bFOR\s+|\bKEY\s+)\bUPDATE\s+([\s\S]*?)\bSET\b([\s\S]*?)(?:\bWHERE\b|$)/gi)) {
    const aliases = aliasesOf(`FROM ${match[1]}`);
    const first = [...aliases.values()][0];
    for (const target of match[2].matchAll(/(?:^|,)\s*(?:`?(\w+)`?\s*\.\s*)?`?\w+`?\s*=/g)) {
      names.push(target[1] ? aliases.get(target[1]) ?? target[1] : first);
    }
  }
  return [...new Set(names.filter(Boolean))];
}

// alias (or name) -> table, for everything after FROM and JOIN.
function aliasesOf(clause) {
  const aliases = new Map();
  for (let before; before !== clause;) [before, clause] = [clause, clause.replace(/\([^()]*\)/g, '')];
  const keyword = '(?:JOIN|LEFT|INNER|CROSS|STRAIGHT_JOIN|ON|USING|SET|WHERE|FORCE|USE|ORDER|LIMIT)\\b';
  const table = '(?:\\bFROM|\\b(?:STRAIGHT_)?JOIN|,)\\s+`?(\\w+)`?';
  const word = new RegExp(`${table}(?:\\s+(?:AS\\s+)?(?!${keyword})\`?(\\w+)\`?)?`, 'gi');
  for (const match of clause.matchAll(word)) {
    if (/^JSON_TABLE$/i.test(match[1])) continue;
    aliases.set(match[2] ?? match[1], match[1]);
  }
  return aliases;
}

// ---- the tables and their owners ----

const tables = new Set();
const codes = new Set(); // columns that hold a state, a kind or a flag: by their names, and as table.column
for (const file of filesBelow('schema').filter((name) => name.endsWith('.sql')).sort()) {
  const sql = readFileSync(file, 'utf8').replace(/--[^\n]*/g, '').replace(/\/\*[\s\S]*?\*\//g, '');
  for (const match of sql.matchAll(/\bCREATE\s+TABLE\s+(?:IF\s+NOT\s+EXISTS\s+)?`?(\w+)/gi)) tables.add(match[1]);
  for (const match of sql.matchAll(/\bDROP\s+TABLE\s+`?(\w+)/gi)) tables.delete(match[1]);
  for (const match of sql.matchAll(/\bTABLE\s+(\w+)([^;]*)/gi)) {
    for (const [, column] of match[2].matchAll(/(\w+)\s+TINYINT\b/gi)) if (column !== 'id') codes.add(column).add(`${match[1]}.${column}`);
  }
}

const owners = new Map();
for (const header of sources.filter((file) => /^lib\/.*\.h$/.test(file))) {
  const text = readFileSync(header, 'utf8');
  const match = /Owns tables?:([^.]*)\./.exec(text);
  if (!match) continue;
  const line = text.slice(0, match.index).split('\n').length;
  for (const table of match[1].replace(/^\s*\*/gm, ' ').split(/[\s,]+/).filter(Boolean)) {
    if (table === 'none') continue;
    if (!header.startsWith('lib/shop/')) fault(header, line, `owns ${table}: only lib/shop owns tables`);
    else if (!tables.has(table)) fault(header, line, `owns ${table}, which schema/ doesn't create`);
    else if (owners.has(table)) fault(header, line, `owns ${table}, which ${owners.get(table)} owns already`);
    else owners.set(table, header);
  }
}
for (const table of tables) {
  if (!owners.has(table)) fault('schema', 1, `${table}: no "Owns tables:" of a lib/shop header names it`);
}

const roomOf = (file) => /^lib\/shop\/(\w+)\//.exec(file)?.[1];
const rooms = new Map(readFileSync('tests/lint/rooms.txt', 'utf8').split('\n').filter((line) => /^\w/.test(line))
  .map((line) => line.split(/\s+/)).map(([room, ...lower]) => [room, new Set([room, ...lower])]));
for (const [room, lower] of rooms) {
  const below = [...rooms.keys()].slice(0, [...rooms.keys()].indexOf(room) + 1);
  if ([...lower].some((other) => !below.includes(other))) fault('tests/lint/rooms.txt', 1, `${room} looks up`);
}
for (const room of new Set(sources.map(roomOf).filter(Boolean))) {
  if (!rooms.has(room)) fault('tests/lint/rooms.txt', 1, `${room}: what may it include and read?`);
}

// ---- every text of every source ----

const locking = new Set();
const harmless = new Set(Object.keys(HARMLESS));
let statements = 0;

for (const file of sources) {
  for (const { line, text, parts, name, constant } of textsOf(file)) {
    const named = name.startsWith('SQL_');
    if (named) statements += 1;
    if (!named && !isSql(text)) continue;
    checkPlace(file, line, text, named && constant);
    checkText(file, line, text);
    checkLock(file, line, text, name);
    if (file.startsWith('lib/shop/')) {
      checkOwner(file, line, text);
      checkCached(file, line, text, name);
      checkNumbers(file, line, parts);
      checkCounts(file, line, parts);
      checkRoom(file, line, text);
    }
  }
}

function isDatabase(file) {
  return /^lib\/ext\/db(_\w+)?\.c$/.test(file);
}

function checkPlace(file, line, text, constant) {
  if (ddl.test(text) && file !== 'cli/migrate.c') fault(file, line, 'DDL belongs in schema/');
  if (isDatabase(file) || file === 'cli/migrate.c') return;
  if (!/^lib\/shop\/\w+\/\w+\.c$/.test(file)) fault(file, line, 'SQL belongs in lib/shop');
  else if (!constant) fault(file, line, 'SQL must be a `static const char SQL_X[]`');
}

function checkText(file, line, text) {
  const printed = !isDatabase(file) && text.replaceAll("'%'", '').includes('%');
  if (printed) fault(file, line, "a % in SQL: values come in by ? (only the literal '%' is fine)");
  if (/\bRETURNING\b/i.test(text)) fault(file, line, 'RETURNING is MariaDB alone');
  if (locksTableFunction(text)) fault(file, line, "FOR UPDATE at the level of a JSON_TABLE is MySQL's error 3569: put that into a subquery");
  if (/;\s*\S/.test(text)) fault(file, line, 'one statement a text');
}

// Whether a locking clause is outside the parentheses that contain a table function.
function locksTableFunction(text) {
  if (!/\b(?:FOR\s+(?:UPDATE|SHARE)|LOCK\s+IN\s+SHARE\s+MODE)\b/i.test(text)) return false;
  let outer = text.replace(/\bJSON_TABLE\b/gi, '@');
  for (let before; before !== outer;) [before, outer] = [outer, outer.replace(/\([^()]*\)/g, '')];
  return outer.includes('@');
}

function checkLock(file, line, text, name) {
  if (!/\bFOR\s+(?:UPDATE|SHARE)\b|\bLOCK\s+IN\s+SHARE\s+MODE\b/i.test(text)) return;
  locking.add(`${file} ${name}`);
  if (LOCKING_READS[`${file} ${name}`] === undefined) {
    fault(file, line, `${name} locks: what is written with it, so that it holds on Galera too? (tests/lint/locking-reads.mjs)`);
  }
}

function checkOwner(file, line, text) {
  for (const table of writes(text)) {
    const owner = owners.get(table);
    if (!tables.has(table)) fault(file, line, `writes to ${table}, which schema/ doesn't create`);
    else if (owner && owner !== file.replace(/(_[a-z]+)?\.c$/, '.h') && owner !== file.replace(/\.c$/, '.h')) fault(file, line, `writes to ${table}, which ${owner} owns`);
  }
}

// The bodies of a file's functions: in this style only their braces are alone in the first column.
function bodiesOf(file) {
  return readFileSync(file, 'utf8').match(/^\{$[^]*?^\}$/gm) ?? [];
}

function checkCached(file, line, text, name) {
  if (harmless.delete(`${file} ${name}`)) return;
  for (const table of writes(text).filter((written) => CACHED[written] !== undefined)) {
    const using = bodiesOf(file).filter((body) => new RegExp(`\\b${name}\\b`).test(body));
    if (using.length === 0 || !using.every((body) => new RegExp(`\\b${CACHED[table]}\\w+\\(`).test(body))) {
      fault(file, line, `${name} writes to ${table}, and a function that uses it doesn't call ${CACHED[table]}… (tests/lint/cached.mjs)`);
    }
  }
}

function checkRoom(file, line, text) {
  const words = new Set(text.replace(/'[^']*'/g, '').split(/\W+/));
  for (const [table, owner] of owners) {
    if (words.has(table) && !rooms.get(roomOf(file))?.has(roomOf(owner))) {
      fault(file, line, `the room ${roomOf(file)} may not read ${table}, which ${owner} owns`);
    }
  }
}

// A bare number compared with, assigned to, inserted into or aliased as a column that holds a code. Flags are TRUE or FALSE.
// SQL() and the list macros make separate literals, which distinguishes their numbers from written ones.
function checkNumbers(file, line, parts) {
  const text = parts.map((part) => part.replace(/^(?:\d+(?:, )?)+$/, '@').replace(/^(?=[A-Z]+_[A-Z_, ]+$)/, '@')).join('');
  const column = `\\b(${[...codes].join('|')})\\b`;
  const forms = [`${column}\\s*(?:[=<>]+|BETWEEN|IN\\s*\\()[\\s(]*\\d`, `${column}\\s+NOT\\s+IN\\s*\\(\\s*\\d`, `\\bCASE\\s+(?:\\w+\\.)?${column}\\s+WHEN\\s+\\d`,
    `\\b\\d+\\s+AS\\s+${column}`, `\\bELT\\(\\s*(?:\\w+\\.)?${column}`];
  for (const form of forms) {
    for (const [, name] of text.matchAll(new RegExp(form, 'g'))) fault(file, line, `a number of ${name} without its name: SQL() of ext/sql.h, or TRUE and FALSE`);
  }
  for (const [, name] of text.matchAll(/@([A-Z]\w+)/g)) fault(file, line, `SQL(${name}): there is no such number`);
  for (const [, table, names, values] of text.matchAll(/\bINTO\s+(\w+)\s*\(([^)]*)\)\s*VALUES\s*\(([^)]*)\)/g)) {
    const given = values.split(',');
    for (const [i, name] of names.split(',').entries()) {
      if (codes.has(`${table}.${name.trim()}`) && /^\s*\d/.test(given[i])) fault(file, line, `a number of ${name.trim()} without its name`);
    }
  }
}

function checkCounts(file, line, parts) {
  if (parts.some((part) => /(?:\?,\s*){6}\?/.test(part))) fault(file, line, 'values counted by hand: a list of columns and SQL_MARK of ext/sql.h');
}

for (const known of Object.keys(LOCKING_READS)) {
  if (!locking.has(known)) fault('tests/lint/locking-reads.mjs', 1, `${known} is not a locking read any more`);
}

for (const known of harmless) fault('tests/lint/cached.mjs', 1, `${known} is not there any more`);

const internal = 'lib/ext/db_internal.h';
const room = Number(/\bDB_CACHE_SIZE = (\d+)/.exec(readFileSync(internal, 'utf8'))?.[1]);
if (!(statements <= room)) fault(internal, 1, `${statements} statements, and a cache for ${room}`);

if (faults.length > 0) console.error(faults.join('\n'));
process.exit(faults.length > 0 ? 1 : 0);
