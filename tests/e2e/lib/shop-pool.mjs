// SPDX-License-Identifier: MIT
// Running shops that test files use in turns, one file at a time each. Starting one costs more than most files do: a database, its
// migrations, two simulators, some thirty programs.
//
//   const pool = await openPool({ home, place });            // in run.mjs
//   const { shop, giveBack } = await takeShop(address);      // in a file, through openShop() of harness.mjs
//
// A shop that passes the checks of harness.mjs is returned to the pool. Then its rows are those of its start, except that AUTO_INCREMENT does
// not restart, so no id is used twice; the simulators are replaced, the clock is reset, logs and shared state are emptied. The programs
// keep running: state that one of them keeps in memory from an earlier file is a bug that a later file may find. A shop that is not
// returned, or whose file failed, is stopped, and its logs are kept.

import { once } from 'node:events';
import { chmodSync, existsSync, mkdtempSync, readdirSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { openPool as openClients } from '../../../sandbox/database/sql.mjs';
import { stateDirectory } from '../../../sandbox/files.mjs';
import { attachDatabase, attachShop } from '../../../sandbox/shop.mjs';
import { logName } from '../../../sandbox/web.mjs';
import { STOP_MS, reportsIn, startTestShop } from './start-shop.mjs';

const IN_ORDER = 'in order';
const FAILED = 'failed'; // a file in the shop's directory: all that can be written while a process exits

// A checksum of the schema.
const SCHEMA = `SELECT SUM(CRC32(CONCAT_WS('/', table_name, column_name, ordinal_position, column_type, is_nullable, column_default))) AS print
  FROM information_schema.columns WHERE table_schema = DATABASE()
  UNION ALL SELECT SUM(CRC32(CONCAT_WS('/', table_name, index_name, seq_in_index, column_name, non_unique)))
  FROM information_schema.statistics WHERE table_schema = DATABASE()
  UNION ALL SELECT COUNT(*) FROM information_schema.triggers WHERE trigger_schema = DATABASE()`;

// home: directory of its socket. place: as in start-shop.mjs.
// Returns { address, close() }; close() stops the shops and throws their faults.
export async function openPool({ home, place }) {
  const address = path.join(home, 'pool.sock');
  const idle = [];
  const serving = [];
  const faults = [];
  const server = createServer((connection) => {
    serving.push(serve(connection).catch((error) => {
      connection.destroy();
      faults.push(error.stack);
    }));
  });
  server.listen(address);
  await once(server, 'listening');

  async function serve(connection) {
    connection.on('error', () => {}); // its lines end as well
    const shop = idle.pop() ?? await start(place);
    connection.write(`${JSON.stringify(shop.description)}\n`);
    let inOrder = false;
    for await (const line of createInterface({ input: connection })) inOrder ||= line === IN_ORDER; // until the file's process has ended
    if (inOrder && !existsSync(path.join(shop.description.dir, FAILED))) {
      await shop.renew();
      idle.push(shop);
    } else {
      await shop.end();
    }
  }

  async function close() {
    server.close();
    await Promise.all(serving); // every file has ended by now
    faults.push(...(await Promise.all(idle.map((shop) => shop.end({ inOrder: true })))).flat());
    if (faults.length > 0) throw new Error(`faults of the pool's shops:\n\n${faults.join('\n\n')}`);
  }

  return { address, close };
}

async function start(place) {
  const dir = mkdtempSync(path.join(tmpdir(), 'minimall-e2e-'));
  chmodSync(dir, 0o711); // the database server's user must be able to enter; everything below is private
  const { shop, close } = await startTestShop(dir, { alipay: true, leaks: true }, place); // they end once for many files
  const clients = openClients(shop.db.socket, shop.dbName, path.join(dir, 'pool')); // a file ends the processes with the shop's own mark
  const restore = await keepRows(clients, shop.dbName);
  const schema = JSON.stringify(await clients.query(SCHEMA));

  async function renew() {
    await shop.renewSimulators();
    shop.setClock(0);
    await clients.query(restore);
    const state = stateDirectory(dir);
    for (const name of existsSync(state) ? readdirSync(state) : []) rmSync(path.join(state, name), { recursive: true, force: true });
    for (const file of [shop.env.LOG_FILE, path.join(dir, 'web', logName)]) if (existsSync(file)) truncateSync(file);
  }

  // Returns its faults. Its directory is removed if there are none and it was in order before.
  async function end({ inOrder = false } = {}) {
    await clients.query(`DROP DATABASE ${seedsOf(shop.dbName)}`);
    await clients.close();
    const { forced } = await close();
    const faults = reportsIn(dir);
    if (forced > 0) faults.push(`${forced} program(s) did not end within ${STOP_MS} ms of being asked`);
    if (inOrder && faults.length === 0) rmSync(dir, { recursive: true, force: true });
    return faults;
  }

  return { description: { ...shop.describe(), schema }, renew, end };
}

const seedsOf = (dbName) => `${dbName}_seeds`;

// Copies all rows to another database; returns the statements that restore the tables from it.
async function keepRows(clients, dbName) {
  const tables = await clients.query(`SET SESSION group_concat_max_len = 65536; SELECT t.table_name AS name, GROUP_CONCAT(CONCAT('\`', c.column_name, '\`')) AS columns
    FROM information_schema.tables t JOIN information_schema.columns c ON c.table_schema = t.table_schema AND c.table_name = t.table_name
    WHERE t.table_schema = DATABASE() AND COALESCE(c.generation_expression, '') = '' GROUP BY t.table_name`);
  await clients.query(`CREATE DATABASE ${seedsOf(dbName)}`);
  const restore = ['SET FOREIGN_KEY_CHECKS = 0', ...tables.map(({ name }) => `DELETE FROM ${name}`)];
  for (const { name, columns } of tables) {
    const kept = `${seedsOf(dbName)}.${name}`;
    const [first] = await clients.query(`SELECT 1 FROM ${name} LIMIT 1`);
    if (!first) continue;
    await clients.query(`CREATE TABLE ${kept} AS SELECT ${columns} FROM ${name}`);
    restore.push(`INSERT INTO ${name} (${columns}) SELECT ${columns} FROM ${kept}`);
  }
  return [...restore, 'SET FOREIGN_KEY_CHECKS = 1'].join(';\n');
}

// Takes a shop from the pool at an address:
//   shop           as of startShop()
//   sameSchema()   whether the schema is still that of the migrations
//   leave()        ends this process's connections and processes
//   giveBack()     marks it as in order: when this process ends, the next file gets it; otherwise it is stopped then
//   keep()         revokes that, and returns the directory with its logs
export async function takeShop(address, place = process.env) {
  const connection = connect({ path: address });
  const lines = createInterface({ input: connection });
  const [line] = await Promise.race([once(lines, 'line'), once(lines, 'close').then(() => [])]);
  if (line === undefined) throw new Error('no shop could be started: see the output of run.mjs');
  const { schema, ...description } = JSON.parse(line);
  const shop = attachShop(description, attachDatabase({ dir: place.MINIMALL_E2E_DATABASE }));
  return {
    shop,
    sameSchema: async () => JSON.stringify(await shop.sql(SCHEMA)) === schema,
    leave: () => {
      connection.unref(); // the process may end
      return shop.stop();
    },
    giveBack: () => new Promise((resolve) => { connection.write(`${IN_ORDER}\n`, resolve); }),
    keep: () => {
      writeFileSync(path.join(shop.dir, FAILED), '');
      return shop.dir;
    },
  };
}
