// SPDX-License-Identifier: MIT
// SQL through the command-line client: no driver to install, and independent of the tested code.
// Returns the rows of all statements in order. A value is null, a Number if the text is an integer of up to
// 15 digits, otherwise a string. Statements run as the server's root.

import { spawn } from 'node:child_process';
import { clientArgs } from './start.mjs';
import { cleanEnv } from '../process.mjs';

// A pool for statements that don't need their own connection: query(statements) takes an idle one or opens one, since a new
// client costs more than most statements. It rejects with the server's error line; later statements are not run.
export function openPool(socket, database, home = '') {
  const idle = new Set();
  const all = new Set();
  const open = () => {
    const session = openSession(socket, database, home, { force: false });
    all.add(session);
    session.ended.then(() => { all.delete(session); idle.delete(session); });
    return session;
  };
  return {
    query: async (statements) => {
      const [session = open()] = idle;
      idle.delete(session);
      const rows = await session.run(statements);
      idle.add(session); // a failed session has ended
      return rows;
    },
    close: () => Promise.all([...all].map((session) => session.close())),
  };
}

// Statements on a new connection.
export async function query(socket, database, statements) {
  const session = openSession(socket, database, '', { force: false });
  try {
    return await session.run(statements);
  } finally {
    await session.close();
  }
}

// A connection that stays open, for transactions and locks held while something else happens.
// Returns { run(statements), close(), ended }; run() rejects with the server's error line. force: continues after an error.
export function openSession(socket, database, home = '', { force = true } = {}) {
  // One pipe for output and errors keeps them in order.
  const command = 'exec mariadb "$@" --xml --unbuffered 2>&1';
  const args = [...clientArgs(socket), ...force ? ['--force'] : [], database];
  const child = spawn('sh', ['-c', command, 'sh', ...args], { env: cleanEnv(home) });
  let received = '';
  let waiting = null;
  let count = 0;
  let over = false;
  const ended = new Promise((resolve) => child.on('close', () => {
    over = true;
    waiting?.reject(new Error(errorLine(received) || 'the session ended'));
    resolve();
  }));
  child.stdin.on('error', () => {}); // reported by 'close'
  child.stdout.setEncoding('utf8');
  child.stdout.on('data', (chunk) => {
    received += chunk;
    const at = waiting ? received.indexOf(waiting.mark) : -1;
    if (at < 0) return;
    const answer = received.slice(0, received.lastIndexOf('<resultset', at));
    const { resolve, reject } = waiting;
    received = '';
    waiting = null;
    if (force && /^ERROR /m.test(answer)) reject(new Error(errorLine(answer)));
    else resolve(rowsOf(answer));
  });
  let last = Promise.resolve();
  const runOne = (statements) => new Promise((resolve, reject) => {
    const mark = `<field name="mark">end-${count += 1}</field>\n  </row>\n</resultset>\n`;
    if (over) throw new Error('the session ended');
    waiting = { mark, resolve, reject };
    const text = statements.trim().replace(/;$/, '');
    child.stdin.write(`${text}${text && ';'}\nSELECT 'end-${count}' AS mark;\n`);
  });
  return {
    ended,
    run: (statements) => {
      const answer = last.then(() => runOne(statements));
      last = answer.catch(() => {});
      return answer;
    },
    close: () => { child.stdin.end(); return ended; },
  };
}

// A server's connections to one database: [{ id, user, command, state, info }]. ask: runs one statement.
// MySQL's process list fails while a statement contains bytes that are not text (error 3854); this query does not.
export async function connectionsTo(database, ask) {
  const rows = await ask('SHOW FULL PROCESSLIST');
  return rows.filter((row) => row.db === database)
    .map(({ Id: id, User: user, Command: command, State: state, Info: info }) => ({ id, user, command, state: state ?? '', info: String(info ?? '') }));
}

// For a FROM: n rows whose column seq counts from 1, limited by the server's max_allowed_packet. Only MariaDB has an
// engine for it.
export function sequence(n) {
  return `JSON_TABLE(CONCAT('[', REPEAT('0,', ${n} - 1), '0]'), '$[*]' COLUMNS (seq FOR ORDINALITY)) AS sequence`;
}

function errorLine(text) {
  return text.split('\n').find((line) => line.startsWith('ERROR ')) ?? text.trim();
}

function rowsOf(xml) {
  return [...xml.matchAll(/<row>([^]*?)<\/row>/g)].map(([, row]) => Object.fromEntries(
    [...row.matchAll(/<field name="([^"]*)"(?: xsi:nil="true" \/>|>([^]*?)<\/field>)/g)]
      .map(([, name, text]) => [plain(name), text === undefined ? null : typed(plain(text))])));
}

function plain(text) {
  const signs = { lt: '<', gt: '>', quot: '"', amp: '&' };
  return text.replace(/&(lt|gt|quot|amp);/g, (_, name) => signs[name]);
}

function typed(text) {
  return /^-?(0|[1-9][0-9]{0,14})$/.test(text) ? Number(text) : text;
}
