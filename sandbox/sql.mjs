// SQL through the command-line client: no driver to install, and what is tested is not what tests.

import { spawn } from 'node:child_process';
import { clientArgs } from './database.mjs';
import { cleanEnv, run } from './process.mjs';

// Runs statements as the server's root; returns the rows of those that give any, in order. A value is null, a Number
// where the text is an integer up to 15 digits, a string otherwise.
export async function query(socket, database, statements) {
  const { code, stdout, stderr } = await run('mariadb', [...clientArgs(socket), '--xml', database],
    { env: cleanEnv(''), input: statements });
  if (code !== 0) throw new Error(errorLine(stderr));
  return rowsOf(stdout);
}

// A connection that stays open, for transactions and locks that are held while something else happens.
// Returns { run(statement), close() }; run() rejects with the server's own error line.
export function openSession(socket, database, home = '') {
  // One pipe for answers and errors keeps them in order; --force goes on after an error.
  const command = 'exec mariadb "$@" --xml --unbuffered --force 2>&1';
  const child = spawn('sh', ['-c', command, 'sh', ...clientArgs(socket), database], { env: cleanEnv(home) });
  let received = '';
  let waiting = null;
  let count = 0;
  const ended = new Promise((resolve) => child.on('close', () => {
    waiting?.reject(new Error(`the session ended: ${errorLine(received)}`));
    resolve();
  }));
  child.stdin.on('error', () => {}); // told by 'close'
  child.stdout.setEncoding('utf8');
  child.stdout.on('data', (chunk) => {
    received += chunk;
    const at = waiting ? received.indexOf(waiting.mark) : -1;
    if (at < 0) return;
    const answer = received.slice(0, received.lastIndexOf('<resultset', at));
    const { resolve, reject } = waiting;
    received = '';
    waiting = null;
    if (/^ERROR /m.test(answer)) reject(new Error(errorLine(answer)));
    else resolve(rowsOf(answer));
  });
  let last = Promise.resolve();
  const runOne = (statement) => new Promise((resolve, reject) => {
    const mark = `<field name="mark">end-${count += 1}</field>\n  </row>\n</resultset>\n`;
    waiting = { mark, resolve, reject };
    child.stdin.write(`${statement.replace(/;\s*$/, '')};\nSELECT 'end-${count}' AS mark;\n`);
  });
  return {
    run: (statement) => {
      const answer = last.then(() => runOne(statement));
      last = answer.catch(() => {});
      return answer;
    },
    close: () => { child.stdin.end(); return ended; },
  };
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
