// SPDX-License-Identifier: MIT
// What a request costs, counted rather than timed, so that it hardly depends on the machine: round trips to the database, rows read
// there, system calls, and instructions of the program. The limits are what was measured, and a tenth or two more for other versions of the
// libraries. A change that needs more raises one and says why.

import { test } from 'node:test';
import assert from 'node:assert/strict';
import { mkdirSync, readFileSync, readdirSync } from 'node:fs';
import path from 'node:path';
import { accepts } from '../../../sandbox/files.mjs';
import { serverKind } from '../../../sandbox/database/kinds.mjs';
import { startDatabase } from '../../../sandbox/shop.mjs';
import { query } from '../../../sandbox/database/sql.mjs';
import { cleanEnv, endStrays, startProcess, untilReady } from '../../../sandbox/process.mjs';
import { openFastcgi } from '../lib/fastcgi.mjs';
import { atEnd, binDir, makeDirectory, mode, openShop } from '../lib/harness.mjs';

const BOUND_MS = 60_000;
const WARM = 3; // requests until connections are open, statements prepared, answers kept
const MEASURED = 10;
const PRODUCTS = 40;

const place = ({ anna }) => ({ method: 'POST', uri: '/api/orders', token: anna, body: { items: [{ product_id: 1, quantity: 1 }, { product_id: 2, quantity: 2 }] } });

// Of one request: roundTrips and rows at most; calls, and instructions in thousands.
const COSTS = [
  { what: 'a path without an owner', family: 'system', request: () => ({ uri: '/api/nothing' }), status: 404, roundTrips: 0, rows: 0, calls: 8, instructions: 46 },
  { what: 'a product whose answer is kept', family: 'catalogue', request: () => ({ uri: '/api/products/1' }), status: 200, roundTrips: 0, rows: 0, calls: 11, instructions: 55 },
  { what: 'a page of 20 products for the staff', family: 'catalogue', request: ({ admin }) => ({ uri: '/api/products?limit=20', token: admin }), status: 200, roundTrips: 1, rows: 23, calls: 17, instructions: 440 },
  { what: 'an own order', family: 'orders', request: ({ anna, order }) => ({ uri: `/api/orders/${order}`, token: anna }), status: 200, roundTrips: 2, rows: 13, calls: 23, instructions: 245 },
  { what: 'placing an order of two lines', family: 'orders', request: place, status: 201, roundTrips: 8, rows: 6, calls: 58, instructions: 293 },
];

const dir = makeDirectory();
const db = await startDatabase({ dir: path.join(dir, 'server'), durable: false });
const shop = await openShop({ own: true, db, families: ['catalogue', 'login', 'orders'], testClock: false });
atEnd(() => db.stop());
const skip = mode !== 'release' || serverKind().name !== 'mariadb' ? 'the limits are those of a release build with MariaDB' : false;

const admin = await shop.admin();
for (let i = 0; i < PRODUCTS; i += 1) {
  await shop.ok('POST', '/api/products', { token: admin, body: { name: `商品 ${i}`, description: '说明'.repeat(20), price: '9.90', stock: 100_000 } });
}
const { token: anna } = await shop.login('anna');
const { order_id: order } = await shop.ok('POST', '/api/orders', { token: anna, body: place({}).body });
const known = { admin, anna, order };

// Starts a program below a tool that counts, and sends its requests; each is called with its number before it is sent.
let started = 0;
async function runBelow(tool, { family, request, status }, each = () => {}) {
  started += 1;
  const home = path.join(dir, `run${started}`);
  const socket = path.join(dir, `s${started}`);
  mkdirSync(home);
  const child = startProcess('spawn-fcgi', ['-n', '-s', socket, '--', '/bin/sh', '-c', 'exec "$@"', 'sh', ...tool(home), path.join(binDir, `${family}.fcgi`)],
    { env: cleanEnv(home, { MINIMALL_CONFIG: path.join(shop.dir, 'minimall.conf') }), cwd: home, logFile: path.join(home, 'log') });
  try {
    assert.ok(await untilReady(() => accepts({ path: socket }), child, BOUND_MS), readFileSync(path.join(home, 'log'), 'utf8'));
    for (let i = 0; i < WARM + MEASURED; i += 1) {
      await each(i);
      const connection = openFastcgi(socket);
      const answer = await connection.ask(request(known));
      assert.equal(answer.status, status, `${answer.bytes}`);
      await connection.closed();
      connection.close();
    }
    await each(WARM + MEASURED);
  } finally {
    await endStrays(home, BOUND_MS);
    await child.exited;
  }
  return home;
}

const median = (values) => [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)];

// System calls by name, from one request's accept() to the next, of each measured request.
async function callsOf(cost, each) {
  const home = await runBelow((at) => ['strace', '-f', '-o', path.join(at, 'trace')], cost, each);
  const names = readFileSync(path.join(home, 'trace'), 'utf8').split('\n').map((line) => /^\d+ +(\w+)\(/.exec(line)?.[1]).filter(Boolean);
  const starts = names.flatMap((name, i) => (name === 'accept' ? [i] : [])); // the last one is waited in
  return starts.slice(0, -1).map((start, i) => names.slice(start, starts[i + 1])).slice(-MEASURED);
}

// Instructions of the measured requests, in thousands: valgrind writes what it counted after each response.
async function instructionsOf(cost) {
  const home = await runBelow((at) => ['valgrind', '--tool=callgrind', '--dump-after=fcgi_reply', `--callgrind-out-file=${path.join(at, 'count')}`], cost);
  const dumps = readdirSync(home).map((name) => /^count\.(\d+)$/.exec(name)).filter(Boolean).sort((a, b) => a[1] - b[1]).map(([name]) => name);
  const totals = dumps.map((name) => Number(/^(?:summary|totals): (\d+)/m.exec(readFileSync(path.join(home, name), 'utf8'))[1]));
  assert.equal(totals.length, WARM + MEASURED, `${totals}`);
  return totals.slice(-MEASURED).map((n) => n / 1000);
}

// How many rows the server has read until now, and again after that question.
async function rowsRead() {
  const ask = async () => (await query(db.socket, 'mysql', "SHOW GLOBAL STATUS LIKE 'Handler_read%'")).reduce((sum, { Value }) => sum + Number(Value), 0);
  return [await ask(), await ask()];
}

for (const cost of COSTS) {
  test(`${cost.what}: round trips, rows, system calls and instructions stay below their limits`, { skip }, async () => {
    const counted = [];
    const requests = await callsOf(cost, async (i) => {
      if (i === WARM || i === WARM + MEASURED) counted.push(await rowsRead());
    });
    const instructions = await instructionsOf(cost);
    const [[question, from], [to]] = counted;
    const measured = {
      roundTrips: Math.max(...requests.map((names) => names.filter((name) => name === 'sendto').length)),
      rows: (to - from - (from - question)) / MEASURED,
      calls: median(requests.map(({ length }) => length)),
      instructions: median(instructions),
    };
    for (const [name, value] of Object.entries(measured)) assert.ok(value <= cost[name], `${name}: ${value} for ${cost.what}, more than ${cost[name]}: ${JSON.stringify(measured)}`);
  });
}
