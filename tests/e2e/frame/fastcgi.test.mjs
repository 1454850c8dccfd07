// SPDX-License-Identifier: MIT
// FastCGI between the web server and the programs: whole responses, kept connections, requests that are answered before they were read.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { openFastcgi } from '../lib/fastcgi.mjs';
import { openShop } from '../lib/harness.mjs';
import { processSockets, rawRequest } from '../lib/raw-request.mjs';
import { programsOf } from '../lib/trade.mjs';

const PRODUCTS = 60;
const PAGE = { uri: `/api/products?limit=${PRODUCTS}` };
const LONG_BYTES = 3 * 5000; // of a description
const LARGE = PRODUCTS * LONG_BYTES;

const shop = await openShop();
const [socket] = processSockets(shop, 'catalogue');
const [orders] = processSockets(shop, 'orders');
const values = Array.from({ length: PRODUCTS }, (_, i) => `('${i}', REPEAT('长', 5000), 100, 0, 1, ${i + 1}, ${i + 1})`);
await shop.sql(`INSERT INTO products (name, description, price, stock, status, created_at, updated_at) VALUES ${values.join(',')}`);

// On a connection of its own, or on one that is kept.
async function connected(options, work, path = socket) {
  const connection = openFastcgi(path, options);
  try {
    await work(connection);
  } finally {
    connection.close();
  }
}

function assertAnswered({ status, headers, bytes }, wanted, what) {
  assert.equal(status, wanted, `${what}: ${bytes}`);
  assert.equal(Number(headers['content-length']), bytes.length, what);
  JSON.parse(bytes);
}

test('a response of any length arrives whole, and the connection is closed behind it', async () => {
  await connected({}, async (connection) => {
    const answer = await connection.ask(PAGE);
    assertAnswered(answer, 200, 'a page');
    assert.ok(answer.bytes.length > LARGE, 'it takes many records');
    await connection.closed();
  });
  await connected({}, async (connection) => {
    const answer = await connection.ask({ ...PAGE, method: 'HEAD' });
    assert.equal(answer.bytes.length, 0);
    assert.ok(Number(answer.headers['content-length']) > LARGE);
    await connection.closed();
  });
});

test('a connection that the web server wants kept takes one request after another, of any number', async () => {
  await connected({ keep: true }, async (connection) => {
    for (const id of [1, 2, 258, 65535]) {
      assertAnswered(await connection.ask({ ...PAGE, id }), 200, `request ${id}`);
      assertAnswered(await connection.ask({ uri: '/api/nothing', id }), 404, `request ${id}`);
      assertAnswered(await connection.ask({ method: 'POST', uri: '/api/products', body: { name: 'x' }, id }), 401, `request ${id}`);
      const { bytes } = await connection.ask({ ...PAGE, method: 'HEAD', id });
      assert.equal(bytes.length, 0);
    }
  });
});

test('a body that nobody reads does not disturb the next request of a kept connection', async () => {
  await connected({ keep: true }, async (connection) => {
    for (const size of [1, 8192, 300_000]) {
      assertAnswered(await connection.ask({ method: 'POST', uri: '/api/products', raw: 'x'.repeat(size) }), 401, `${size} bytes`);
      assertAnswered(await connection.ask({ uri: '/api/products?limit=1', raw: 'x'.repeat(size) }), 200, `GET with ${size} bytes`);
      assertAnswered(await connection.ask({ uri: '/api/products?limit=1' }), 200, 'the next');
    }
  });
});

test('an early refusal is answered before the body has arrived, and its rest is no fault', async () => {
  for (const [method, size, held] of [['POST', 100_000, 90_000], ['POST', 1000, 500], ['GET', 100_000, 90_000]]) {
    await connected({}, async (connection) => {
      const rest = connection.send({ method, uri: '/api/orders', raw: 'x'.repeat(size), held });
      assertAnswered(await connection.answer(), 401, `${method} of ${size}`);
      connection.write(rest);
      await connection.closed();
    }, orders);
  }
});

test('a body of unknown length is not waited for once the request is answered', async () => {
  await connected({}, async (connection) => {
    const headers = { CONTENT_LENGTH: null, HTTP_TRANSFER_ENCODING: 'chunked' };
    const rest = connection.send({ uri: '/api/products?limit=1', raw: 'xxxx', headers, held: 12 });
    assertAnswered(await connection.answer(), 200, 'GET');
    connection.write(rest);
    await connection.closed();
  });
});

test('a web server that leaves in the middle of a response ends no program', async () => {
  const before = programsOf(shop.dir, 'catalogue');
  for (let turn = 0; turn < 10; turn += 1) {
    await connected({ keep: turn % 2 === 1 }, async (connection) => {
      connection.send(PAGE);
      await connection.abandon();
    });
    await connected({}, async (connection) => assertAnswered(await connection.ask(PAGE), 200, 'the next'));
  }
  assert.deepEqual(programsOf(shop.dir, 'catalogue'), before);
});

test('an early refusal of a long body reaches the client through the web server', async () => {
  for (let turn = 0; turn < 10; turn += 1) {
    for (const size of [20_000, 300_000, 1_500_000]) {
      const { status } = await rawRequest(shop, 'POST', '/api/orders', { body: 'x'.repeat(size) });
      assert.equal(status, 401);
    }
  }
});
