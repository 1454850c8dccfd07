// SPDX-License-Identifier: MIT
// Records the statements that minimall sends for a work from the server's general log, so that statements.c can repeat exactly
// these: what the database takes for a work, without anything around it.
//
// A repetition needs values of its own, since two that lock the same rows would wait for each other. In the recording they are
// recognised by their text: the work's own values, and the number and the row of the order that it places.

import { readFileSync } from 'node:fs';
import { isOrderRow } from './data.mjs';
import { CACHE, NO_CACHE } from './ours.mjs';

// works: those with values.  Returns the scripts by the works' names.
export async function record(peer, works) {
  const { shop } = peer;
  const log = `${(await shop.sql('SELECT @@datadir AS place'))[0].place}statements.log`;
  await shop.sql(`SET GLOBAL general_log_file = '${log}'; SET GLOBAL general_log = 1`);
  try {
    for (const [uncached, env] of [[true, NO_CACHE], [false, CACHE]]) {
      await shop.restartWeb(env); // statements that were prepared before are logged without their values
      await perform(peer, works.filter((work) => Boolean(work.uncached) === uncached));
    }
  } finally {
    await shop.sql('SET GLOBAL general_log = 0');
    await shop.restartWeb();
  }
  const entries = entriesOf(readFileSync(log, 'utf8'));
  return new Map(works.map((work) => [work.name, scriptOf(entries, work.name, work.values(peer))]));
}

// Each twice, so that what is only done the first time isn't recorded.
async function perform({ shop, call, ...peer }, works) {
  for (const work of works) {
    const [request] = work.requests(peer);
    await call(request);
    await shop.sql(`SELECT 'begin ${work.name}'`);
    await call(request);
    await shop.sql(`SELECT 'end ${work.name}'`);
  }
}

// The first row of values is that of the recording.
function scriptOf(entries, name, values) {
  const prepared = entries.filter(({ what }) => what === 'Prepare').map(({ sql }) => sql);
  const mine = between(entries, name).filter(({ what }) => ['Query', 'Execute'].includes(what));
  const settings = entries.filter(({ id, what, sql }) => id === mine[0].id && what === 'Query' && sql.startsWith('SET SESSION '));
  return [
    ...settings.map(({ sql }) => `C ${sql}`), ...values.map((row) => `R ${row.join(' ')}`),
    ...mine.flatMap((entry) => linesOf(entry, prepared, values[0])),
  ].join('\n');
}

// The log's entries: { id, what, sql }, id being the connection's.
function entriesOf(text) {
  return [...text.matchAll(/^(?:\d{6} +[\d:]+|\t)\t +(\d+) (\w+)\t(.*)$/gm)].map(([, id, what, sql]) => ({ id, what, sql }));
}

// What minimall sent between two marks of our own.
function between(entries, name) {
  const at = (mark) => entries.findIndex(({ sql }) => sql === `SELECT '${mark} ${name}'`);
  const [first, last] = [at('begin'), at('end')];
  return entries.slice(first + 1, last).filter(({ id }) => id !== entries[first].id);
}

function linesOf({ what, sql }, prepared, one) {
  if (what === 'Query') return [`Q ${sql}`];
  for (const template of prepared) {
    const params = match(template, sql);
    if (params) return [`P ${template}`, ...params.map((param) => lineOf(param, one)), ...(template.startsWith('INSERT INTO orders ') ? ['K'] : [])];
  }
  throw new Error(`a statement that was not prepared: ${sql}`);
}

// The parameters of a prepared statement, as SQL text; null when this is another statement.
function match(template, sql) {
  const parts = template.split('?').map((part) => part.replaceAll(/[.*+?^${}()|[\]\\]/g, String.raw`\$&`));
  const value = String.raw`(NULL|-?\d+|'(?:[^'\\]|\\.)*')`;
  return new RegExp(`^${parts.join(value)}$`).exec(sql)?.slice(1) ?? null;
}

function lineOf(param, one) {
  if (param === 'NULL') return 'n';
  const text = param.startsWith("'") ? param.slice(1, -1).replaceAll(/\\(.)/g, '$1') : param;
  const named = text.replaceAll(/[A-Za-z0-9]+/g, (word) => {
    const at = one.indexOf(word);
    if (at >= 0) return `{${at}}`;
    if (/^ORDER[0-9A-Z]{20}$/.test(word)) return '{no}';
    return isOrderRow(word) ? '{id}' : word;
  });
  return `${param.startsWith("'") ? 's' : 'i'} ${named}`;
}
