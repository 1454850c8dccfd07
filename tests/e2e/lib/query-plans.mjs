// SPDX-License-Identifier: MIT
// What the database does for a page of a list: the statements that the shop made, and how they are carried out.
//
//   await withStatementLog(shop, async (statementFor) => {
//     const statement = await statementFor(101);                 // of the page with ?limit=101
//     await assertWalks(shop, statement, { table: 'p', key: 'by_status', bytes: 9 }, \'the message of a failure\');
//     const rows = await rowsRead(shop, statement, 'p');
//   });

import assert from 'node:assert/strict';
import { serverKind } from '../../../sandbox/database/kinds.mjs';
import { rawRequest } from './raw-request.mjs';

export const EIGHT = 8; // bytes of a BIGINT, NOT NULL; a NULL needs one more

const TURN_S = 600; // more than any file keeps the log

// The address of the next page, or null.
export function nextOf({ headers }) {
  const link = headers.link ?? headers.get?.('link');
  return link === undefined || link === null ? null : /^<(\/[^>]*)>; rel="next"$/.exec(link)?.[1] ?? assert.fail(`no link of ours: ${link}`);
}

export const cursorOf = (address) => new URLSearchParams(address.split('?')[1]).get('cursor');

export const withQuery = (address, query) => `${address}${address.includes('?') ? '&' : '?'}${query}`;

// All pages of a list from one on; each(n) is awaited after the n-th.
export async function pagesOf(shop, address, token, each = () => {}) {
  const pages = [];
  for (let next = address; next !== null;) {
    const answer = await rawRequest(shop, 'GET', next, { token });
    assert.equal(answer.status, 200, `${next}: ${answer.text}`);
    pages.push(answer.json);
    next = nextOf(answer);
    await each(pages.length);
  }
  return pages;
}

// A cursor from behind the middle of a list.
export async function deepCursor(shop, address, token) {
  const addresses = [];
  for (let next = address; next !== null;) {
    next = nextOf(await rawRequest(shop, 'GET', next, { token }));
    if (next !== null) addresses.push(next);
  }
  return cursorOf(addresses[Math.floor(addresses.length * 0.6)]);
}

// Runs `work` with the server's log of statements on. statementFor(limit) is what our own programs asked for that page,
// the statement that ends so. The log is server-wide: files running concurrently use it one after the other.
export async function withStatementLog(shop, work) {
  const turn = shop.session();
  try {
    const [{ mine }] = await turn.run(`SELECT GET_LOCK('minimall statement log', ${TURN_S}) AS mine`);
    assert.equal(mine, 1, 'another file keeps the log of statements');
    return await loggingStatements(shop, work);
  } finally {
    await turn.close();
  }
}

async function loggingStatements(shop, work) {
  const [before] = await shop.sql('SELECT @@GLOBAL.general_log AS on_off, @@GLOBAL.log_output AS target');
  await shop.sql("SET GLOBAL log_output = 'TABLE'; SET GLOBAL general_log = ON");
  await shop.restartWeb(); // only statements prepared while the log is on are logged with their values
  const statementFor = async (limit, ending = `LIMIT ${limit + 1}`) => {
    const programs = (await shop.connections()).map(({ id }) => id);
    const rows = await shop.sql(`SELECT CONVERT(argument USING utf8mb4) AS sql_text FROM mysql.general_log
      WHERE command_type = 'Execute' AND argument LIKE '%FORCE INDEX%${ending}'
      AND thread_id IN (${programs})`);
    assert.equal(rows.length, 1, `statements of the page of ${limit}: ${rows.length}`);
    return rows[0].sql_text;
  };
  try {
    return await work(statementFor);
  } finally {
    await shop.sql(`SET GLOBAL general_log = ${before.on_off}; SET GLOBAL log_output = '${before.target}'`);
  }
}

// Asserts that a statement reads its table by a range of so many bytes of one index, in that index's order.
export async function assertWalks(shop, statement, { table, key, bytes }, what) {
  const plan = await planOf(shop, statement, table);
  const told = `${what}: ${JSON.stringify(plan)}`;
  assert.equal(plan.type, 'range', told);
  assert.equal(plan.key, key, told);
  assert.equal(Number(plan.key_len), bytes, told);
  assert.doesNotMatch(plan.Extra, /filesort|temporary/, told);
}

// How a statement accesses one of its tables: a row of EXPLAIN in the format common to both servers.
export async function planOf(shop, statement, table) {
  return (await shop.sql(`EXPLAIN FORMAT=TRADITIONAL ${statement}`)).find((row) => row.table === table);
}

// How many rows of the listed table and its index were read for a statement.
export async function rowsRead(shop, statement, table) {
  return serverKind().name === 'mysql' ? rowsReadByMysql(shop, statement, table) : rowsReadByMariadb(shop, statement, table);
}

async function rowsReadByMariadb(shop, statement, table) {
  const [row] = await shop.sql(`ANALYZE FORMAT=JSON ${statement}`);
  const find = (node) => {
    if (node === null || typeof node !== 'object') return undefined;
    if (node.table?.table_name === table) return node.table;
    return Object.values(node).map(find).find((found) => found !== undefined);
  };
  const found = find(JSON.parse(row.ANALYZE));
  return found.r_rows * found.r_loops;
}

// A line of its tree: "-> Index range scan on p using by_status over (…)  (cost=…) (actual time=0.1..0.4 rows=102 loops=1)".
async function rowsReadByMysql(shop, statement, table) {
  const [{ EXPLAIN: tree }] = await shop.sql(`EXPLAIN ANALYZE FORMAT=TREE ${statement}`);
  const found = tree.split('\n').find((line) => new RegExp(`-> (?:Index|Table|Covering|Single-row|Constant).* on ${table}\\b`).test(line));
  const actual = / rows=([0-9.e+]+) loops=([0-9.e+]+)\)\s*$/.exec(found ?? '');
  assert.notEqual(actual, null, `no reading of ${table} in ${tree}`);
  return Math.round(Number(actual[1]) * Number(actual[2]));
}
