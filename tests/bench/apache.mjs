// SPDX-License-Identifier: MIT
// make bench-apache: Apache's mod_proxy_fcgi, as in apache.conf.example, against mod_fcgid, in one run, with the same
// shop and number of processes. More connections than processes, and clients that send their bodies slowly.

import { rmSync } from 'node:fs';
import { connect } from 'node:net';
import path from 'node:path';
import { startDatabase, startShop } from '../../sandbox/shop.mjs';
import { WORKERS } from '../../sandbox/web.mjs';
import { binDir, makeDirectory } from '../e2e/lib/harness.mjs';
import { serveBy } from '../e2e/lib/second-server.mjs';
import { httpPeer } from './peers.mjs';
import { median } from './report.mjs';

const PROCESSES = WORKERS.catalogue;
const CROWDS = [PROCESSES, 32];
const ROUNDS = 3; // alternating, so that other load affects both
const MS = 1500; // of one measurement
const DRIP_MS = 250;

// The family's usual number of processes.
function limitProcesses(text) {
  const limited = text.replace(/^(FcgidMaxProcessesPerClass) +[0-9]+$/m, `$1 ${PROCESSES}\nFcgidMinProcessesPerClass ${PROCESSES}`);
  if (limited === text) throw new Error('the number of processes is not in the configuration');
  return limited;
}

// Announces a body and then sends a byte at a time. Returns { cut, close }: cut resolves when the server disconnects.
function sendSlowly(base, address, token) {
  const { hostname, port } = new URL(base);
  const socket = connect({ host: hostname, port });
  socket.on('error', () => {});
  socket.write(`POST ${address} HTTP/1.1\r\nHost: ${hostname}\r\nAuthorization: Bearer ${token}\r\n`
    + 'Content-Type: application/json\r\nContent-Length: 1000\r\n\r\n{');
  const drip = setInterval(() => socket.write(' '), DRIP_MS);
  socket.resume();
  const ended = new Promise((resolve) => {
    socket.on('close', () => {
      clearInterval(drip);
      resolve();
    });
  });
  const started = Date.now();
  return { cut: ended.then(() => Date.now() - started), close: () => socket.destroy() };
}

// The middle of the rounds of each server.
async function crowd(servers, connections, work, directory) {
  const loads = [];
  for (const server of servers) loads.push((await server.prepare(work, directory)).load);
  const results = servers.map(() => []);
  for (let round = 0; round < ROUNDS; round += 1) {
    for (const [i, load] of loads.entries()) {
      const { requests, failed, why, seconds, ...times } = await load(connections, MS, 1_000_000);
      if (failed > 0) throw new Error(`${failed} requests to ${servers[i].name} failed: ${why}`);
      results[i].push({ perSecond: requests / seconds, ...times });
    }
  }
  return results.map((rounds) => Object.fromEntries(['perSecond', 'p50', 'p99', 'max'].map((key) => [key, median(rounds.map((one) => one[key]))])));
}

// How long one reader waits next to as many slow senders as there are processes, in ms, and when those were disconnected.
async function beside({ base, ask }, request, admin) {
  const senders = Array.from({ length: PROCESSES }, () => sendSlowly(base, '/api/products', admin));
  try {
    await new Promise((resolve) => { setTimeout(resolve, 2 * DRIP_MS); }); // long enough for all of them to have a process
    const started = performance.now();
    const { status } = await ask(request);
    const waited = performance.now() - started;
    if (status !== 200) throw new Error(`${status} beside slow senders`);
    return { waited, cut: await Promise.all(senders.map(({ cut }) => cut)) };
  } finally {
    senders.forEach(({ close }) => close());
  }
}

const dir = makeDirectory();
const db = await startDatabase({ dir: path.join(dir, 'db') });
const shop = await startShop({ dir, binDir, db, dbName: 'minimall_bench', wechat: true });
let fcgid;
try {
  fcgid = await serveBy(shop, 'mod_fcgid', { edit: limitProcesses });
  const servers = [{ name: 'mod_proxy_fcgi', base: shop.baseUrl }, { name: 'mod_fcgid', base: fcgid.base }].map((one) => httpPeer(one.base, one));
  const [{ call }] = servers;
  const { token: admin } = await call({ method: 'POST', path: '/api/auth/login', body: shop.admin });
  const { product_id: product } = await call({ method: 'POST', path: '/api/products', token: admin, body: { name: '商品', price: '9.90', stock: 9 } });
  const request = { method: 'GET', path: `/api/products/${product}` };
  const work = { name: 'product', status: 200, requests: () => [request], essence: (body) => body };
  const ms = (us) => (us / 1000).toFixed(1).padStart(10);
  console.log(`one product, ${PROCESSES} processes, the middle of ${ROUNDS} rounds`);
  console.log(`${'connections'.padEnd(12)}${''.padEnd(16)}${'ratio'.padStart(8)}${['p50 ms', 'p99 ms', 'max ms'].map((name) => name.padStart(10)).join('')}`);
  for (const connections of CROWDS) {
    const results = await crowd(servers, connections, work, dir);
    for (const [i, { perSecond, p50, p99, max }] of results.entries()) {
      const ratio = (perSecond / results[0].perSecond).toFixed(2).padStart(8);
      console.log(`${String(connections).padEnd(12)}${servers[i].name.padEnd(16)}${ratio}${ms(p50)}${ms(p99)}${ms(max)}`);
    }
  }
  console.log(`one reader beside ${PROCESSES} senders of a byte every ${DRIP_MS} ms`);
  for (const server of servers) {
    const { waited, cut } = await beside(server, request, admin);
    console.log(`            ${server.name.padEnd(16)}waited ${waited.toFixed(1)} ms; senders were cut off after ${Math.min(...cut)} to ${Math.max(...cut)} ms`);
  }
} finally {
  await fcgid?.stop();
  await shop.stop();
  await db.stop();
  rmSync(dir, { recursive: true, force: true });
}
