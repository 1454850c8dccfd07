// SPDX-License-Identifier: MIT
// A proxy between the shop and its database that simulates faults of servers, hosts and networks: it drops responses, closes
// idle connections, refuses statements, changes the server's version. Everything else passes unchanged.
//
//   const proxy = await openDbProxy(shop.env.DB_SOCKET, shop.dir);
//   await shop.restartWeb({ DB_SOCKET: proxy.socket });
//   proxy.once(/^COMMIT$/, 'lose');   // the server executes it, the shop gets no response
//
// A statement is matched by its text, a prepared one on each execution (its preparation as "PREPARE …").

import { createServer, connect } from 'node:net';
import path from 'node:path';

const COMMAND = { query: 0x03, prepare: 0x16, execute: 0x17, close: 0x19, quit: 0x01 };
const OK = 0x00;
const ERROR = 0xff;

export async function openDbProxy(serverSocket, dir) {
  const proxy = new Proxy(serverSocket, path.join(dir, 'proxy.sock'));
  await proxy.listen();
  return proxy;
}

class Proxy {
  #rules = [];
  links = new Set();
  seen = []; // texts of all statements since forget()
  codes = []; // of the server's own errors since forget()
  greeting = null; // the server's version string for new connections
  init = null; // the first statement of each new connection, like a host's init_connect

  constructor(serverSocket, socket) {
    this.serverSocket = serverSocket;
    this.socket = socket;
  }

  listen() {
    this.server = createServer((client) => { this.links.add(new Link(this, client)); });
    this.server.unref(); // open until the file's shop has stopped
    return new Promise((resolve, reject) => { this.server.once('error', reject).listen(this.socket, resolve); });
  }

  // For the next matching statement; act: 'lose' (executed, and the connection is closed before the response), 'last' (closed
  // after it), 'drop' (closed before the server gets the statement), { error: [code, message] } (the server never gets it), or
  // { prepare: [from, to] } (the server prepares another text).
  // among: only on these links. Returns { hit }: the link that matched.
  once(pattern, act, { among } = {}) {
    const rule = { pattern, act, among, hit: null };
    this.#rules.push(rule);
    return rule;
  }

  take(text, link) {
    this.seen.push(text);
    const rule = this.#rules.find(({ pattern, among, hit }) => !hit && pattern.test(text) && (among?.has(link) ?? true));
    if (rule) rule.hit = link;
    return rule?.act;
  }

  forget() {
    this.#rules = [];
    this.seen = [];
    this.codes = [];
  }

  // Closes all connections, as a server does after wait_timeout; notice: an error code sent before.
  async closeAll({ notice } = {}) {
    await Promise.all([...this.links].map((link) => link.end(notice)));
  }
}

class Link {
  #authenticated = false;
  #statements = new Map(); // id: text
  #preparing = null;
  #losing = false;
  #last = false;
  #greeted = false;
  #held = null; // the server's OK to the sign-in, until `init` is done
  #order = Promise.resolve();

  constructor(proxy, client) {
    this.proxy = proxy;
    this.client = client;
    this.server = connect(proxy.serverSocket);
    this.ended = new Promise((resolve) => { this.tellEnd = resolve; });
    this.#pump(client, (packet) => this.#command(packet));
    this.#pump(this.server, (packet) => this.#answer(packet));
  }

  // Forwards whole packets, each after the previous one is processed.
  #pump(socket, handle) {
    let kept = Buffer.alloc(0);
    socket.on('data', (chunk) => {
      kept = Buffer.concat([kept, chunk]);
      while (kept.length >= 4 && kept.length >= 4 + kept.readUIntLE(0, 3)) {
        const end = 4 + kept.readUIntLE(0, 3);
        const packet = kept.subarray(0, end);
        kept = kept.subarray(end);
        this.#order = this.#order.then(() => handle(packet));
      }
    });
    socket.on('error', () => {}); // reported by 'close'
    socket.on('close', () => this.#over());
  }

  #over() {
    this.client.destroy();
    this.server.destroy();
    this.proxy.links.delete(this);
    this.tellEnd();
  }

  #command(packet) {
    const [sequence, command] = [packet[3], packet[4]];
    if (this.#authenticated && sequence === 0) {
      const text = this.#textOf(command, packet.subarray(5));
      const act = text === null ? undefined : this.proxy.take(text, this);
      if (act === 'drop') return this.#over();
      if (act?.error) return this.client.write(errorPacket(1, ...act.error));
      this.#losing = act === 'lose';
      this.#last = act === 'last';
      if (command === COMMAND.prepare) this.#preparing = text.slice('PREPARE '.length);
      if (act?.prepare) return this.server.write(framed(0, Buffer.from(packet.subarray(4).toString().replace(...act.prepare))));
    }
    return this.server.write(packet);
  }

  #textOf(command, body) {
    if (command === COMMAND.query) return body.toString();
    if (command === COMMAND.prepare) return `PREPARE ${body}`;
    if (command === COMMAND.execute) return this.#statements.get(body.readUInt32LE(0)) ?? 'unknown statement';
    return null;
  }

  #answer(packet) {
    const kind = packet[4];
    if (!this.#greeted) {
      this.#greeted = true;
      return this.client.write(this.proxy.greeting === null ? packet : renamed(packet, this.proxy.greeting));
    }
    if (this.#held) { // the response to `init`
      if (kind === ERROR) throw new Error(`init: ${packet.subarray(5)}`);
      this.client.write(this.#held);
      this.#held = null;
      return undefined;
    }
    if (this.#losing) return this.#over();
    if (kind === ERROR) this.proxy.codes.push(packet.readUInt16LE(5));
    if (this.#preparing !== null) {
      if (kind === OK) this.#statements.set(packet.readUInt32LE(5), this.#preparing);
      this.#preparing = null;
    }
    if (!this.#authenticated && kind === OK) {
      this.#authenticated = true;
      if (this.proxy.init) {
        this.#held = packet;
        return this.server.write(framed(0, Buffer.concat([Buffer.from([COMMAND.query]), Buffer.from(this.proxy.init)])));
      }
    }
    this.client.write(packet);
    return this.#last ? this.end() : undefined;
  }

  end(notice) {
    if (notice) this.client.write(errorPacket(0, notice, 'The client was disconnected by the server because of inactivity.'));
    this.client.end();
    this.server.destroy();
    return this.ended;
  }
}

function framed(sequence, payload) {
  const head = Buffer.alloc(4);
  head.writeUIntLE(payload.length, 0, 3);
  head[3] = sequence;
  return Buffer.concat([head, payload]);
}

function errorPacket(sequence, code, message) {
  const head = Buffer.alloc(3);
  head[0] = ERROR;
  head.writeUInt16LE(code, 1);
  return framed(sequence, Buffer.concat([head, Buffer.from(`#HY000${message}`)]));
}

// The greeting with another version: one byte of protocol version, then the server's version string up to a NUL.
function renamed(packet, name) {
  const rest = packet.subarray(packet.indexOf(0, 5));
  return framed(packet[3], Buffer.concat([packet.subarray(4, 5), Buffer.from(name), rest]));
}
