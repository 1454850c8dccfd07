// SPDX-License-Identifier: MIT
// Receivers of the shop's outgoing notifications: servers of this host that record what comes and answer as set.
//
//   const hook = await hooks.open();                 // registered at the shop: { id, url, secret, received, answer }
//   hook.answer = { status: 503 };                   // from now on
//   await hooks.jobs(); hook.received                // [{ headers, body (the text), json, to }], in the order of arrival

import { createHmac } from 'node:crypto';
import { once } from 'node:events';
import http from 'node:http';
import { createRequire } from 'node:module';
import assert from 'node:assert/strict';
import { atEnd } from './harness.mjs';

const { Webhook } = createRequire(new URL('../../../sandbox/package.json', import.meta.url))('standardwebhooks');

const WEBHOOKS = '/api/webhooks';
const BASE64 = /^[A-Za-z0-9+/]{43}=$/;

export async function openReceivers(shop, admin) {
  const server = http.createServer();
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const hooks = new Receivers(shop, admin, server);
  atEnd(async () => {
    server.close();
    server.closeAllConnections();
  });
  return hooks;
}

class Receivers {
  #n = 0;
  #byPath = new Map();

  constructor(shop, admin, server) {
    this.shop = shop;
    this.admin = admin;
    this.arrivals = []; // of all receivers
    this.base = `http://127.0.0.1:${server.address().port}`;
    server.on('request', (request, response) => this.#receive(request, response));
  }

  async #receive(request, response) {
    const chunks = [];
    for await (const chunk of request) chunks.push(chunk);
    const body = Buffer.concat(chunks).toString();
    const hook = this.#byPath.get(request.url);
    const one = { headers: request.headers, method: request.method, body, json: JSON.parse(body), to: hook };
    this.arrivals.push(one);
    hook.received.push(one);
    const { status, headers = {}, body: answer = '' } = hook.answer;
    response.writeHead(status, headers).end(answer);
  }

  // An address of this server that nobody is registered for yet.
  newUrl() {
    this.#n += 1;
    return `${this.base}/hook/${this.#n}`;
  }

  call(method, path, body) {
    return this.shop.call(method, `${WEBHOOKS}${path}`, { token: this.admin, body });
  }

  async ok(method, path, body) {
    const { status, body: answer } = await this.call(method, path, body);
    assert.ok(status >= 200 && status < 300, `${method} ${path}: ${status} ${JSON.stringify(answer)}`);
    return answer;
  }

  // A registered receiver; more: members of the request.
  async open(more = {}) {
    const url = this.newUrl();
    const hook = { url, received: [], answer: { status: 204 } };
    this.#byPath.set(new URL(url).pathname, hook);
    const body = await this.ok('POST', '', { url, ...more });
    assert.match(body.secret.replace(/^whsec_/, ''), BASE64);
    return Object.assign(hook, { id: body.webhook_id, secret: body.secret });
  }

  read(hook) { return this.ok('GET', `/${hook.id}`); }
  set(hook, change) { return this.ok('PUT', `/${hook.id}`, change); }
  deliveries(hook, query = '') { return this.ok('GET', `/${hook.id}/deliveries${query}`); }
  replay({ delivery_id: id }) { return this.call('POST', `/deliveries/${id}/replay`); }

  async close(...hooks) {
    for (const hook of hooks) await this.ok('DELETE', `/${hook.id}`);
  }
}

// The key that a secret stands for.
export const keyOf = (secret) => Buffer.from(secret.slice('whsec_'.length), 'base64');
export const xSignature = (secret, body) => createHmac('sha256', keyOf(secret)).update(body).digest('hex');
export const v1 = (secret, { headers, body }) => new Webhook(secret).sign(headers['webhook-id'], new Date(Number(headers['webhook-timestamp']) * 1000), body);

// As a receiver would check it, by now of the real clock.
export function assertSigned(received, secret) {
  const verified = new Webhook(secret).verify(received.body, received.headers);
  assert.deepEqual(verified, received.json);
  assert.equal(received.headers['x-signature'], xSignature(secret, received.body));
}
