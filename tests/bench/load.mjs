// SPDX-License-Identifier: MIT
// The requests of a measurement, over persistent connections, bounded in count and time.
//
//   const load = openLoad(16);
//   const { perSecond, p50, p99, max } = await load.measure(base, () => ({ address: '/' }), 200);    // microseconds
//   load.close();

import { Agent, request } from 'node:http';

const REQUESTS_MAX = 20_000;
export const SECONDS_MAX = Number(process.env.SECONDS ?? 3);

export function openLoad(connections) {
  const agent = new Agent({ keepAlive: true, maxSockets: connections });

  // One request: { status, text, us }.
  function send(base, { method = 'GET', address, token, body }) {
    return new Promise((resolve, reject) => {
      const text = body === undefined ? undefined : JSON.stringify(body);
      const started = process.hrtime.bigint();
      const req = request(new URL(address, base), {
        agent,
        method,
        headers: {
          ...(text === undefined ? {} : { 'content-type': 'application/json', 'content-length': Buffer.byteLength(text) }),
          ...(token ? { authorization: `Bearer ${token}` } : {}),
        },
      }, (res) => {
        const parts = [];
        res.on('data', (part) => parts.push(part));
        res.on('end', () => resolve({
          status: res.statusCode, text: Buffer.concat(parts).toString(), us: Number(process.hrtime.bigint() - started) / 1000,
        }));
      });
      req.on('error', reject);
      req.end(text);
    });
  }

  // The response of a request that must succeed.
  async function json(base, options) {
    const { status, text } = await send(base, options);
    if (status >= 300) throw new Error(`${options.method ?? 'GET'} ${options.address}: ${status} ${text}`);
    return text === '' ? null : JSON.parse(text);
  }

  // As many requests as possible, with all connections always busy.
  async function measure(base, make, expected) {
    const until = Date.now() + SECONDS_MAX * 1000;
    const took = [];
    let sent = 0;
    const started = process.hrtime.bigint();
    await Promise.all(Array.from({ length: connections }, async () => {
      while (sent < REQUESTS_MAX && Date.now() < until) {
        sent += 1;
        const { status, text, us } = await send(base, make());
        if (status !== expected) throw new Error(`${status} instead of ${expected}: ${text}`);
        took.push(us);
      }
    }));
    const seconds = Number(process.hrtime.bigint() - started) / 1e9;
    took.sort((a, b) => a - b);
    const at = (share) => Math.round(took[Math.min(took.length - 1, Math.floor(took.length * share))]);
    return { perSecond: took.length / seconds, p50: at(0.5), p99: at(0.99), max: at(1) };
  }

  return { send, json, measure, close: () => agent.destroy() };
}
