// SPDX-License-Identifier: MIT
// What every simulator has: a loopback port, the clock, fault switches, the list of the shop's calls.
//   GET, POST, DELETE /sandbox/faults     fault switches
//   GET, DELETE /sandbox/requests         the shop's calls so far
import events, { once } from 'node:events';
import http from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import { makeClock } from './clock.mjs';
import { SandboxError } from './errors.mjs';
import { FaultSwitches } from './faults.mjs';

const BODY_BYTES_MAX = 65_536;
const REQUESTS_MAX = 10_000;
const IDLE_MS = 600_000; // a kept-alive connection is not closed while a caller may reuse it

async function readRaw(request) {
  const chunks = [];
  let size = 0;
  for await (const chunk of request) {
    size += chunk.length;
    if (size <= BODY_BYTES_MAX) chunks.push(chunk); // the rest is read and discarded, so that the response arrives
  }
  return size > BODY_BYTES_MAX ? null : Buffer.concat(chunks);
}

// A subclass has
//   handleCall(call)   handles what the shop or a browser calls, and returns a promise; or returns null: not its
//   command(line, raw) the response body of a command to the sandbox, or undefined for none
//   headersOf(reply)   the provider's own headers of a response
//   state              a Store (store.mjs)
export class Simulator {
  // name: for messages; faults: the table for FaultSwitches
  constructor({ name, faults, clockFile, log = () => {} }) {
    this.name = name;
    this.clock = makeClock(clockFile);
    this.faults = new FaultSwitches(faults);
    this.requests = [];
    this.stopping = new AbortController();
    events.setMaxListeners(0, this.stopping.signal); // every pending notification listens
    this.log = log;
  }

  note(request, pathname) {
    const at = new Date(this.clock.ms()).toISOString();
    const entry = { method: request.method, path: pathname, status: null, at };
    this.requests.push(entry);
    if (this.requests.length > REQUESTS_MAX) this.requests.shift();
    return entry;
  }

  // An internal error must not look like a response of the provider that a test expects.
  alarm(request, error) {
    const text = `${this.name} simulator: ${request.method} ${request.url.split('?')[0]} failed inside: ${error.stack}`;
    process.stderr.write(`${text}\n`);
    this.log(text);
  }

  async handle(request, response) {
    const [pathname, search = ''] = request.url.split(/\?(.*)/s);
    const call = { request, response, pathname, search, raw: await readRaw(request) };
    return this.handleCall(call) ?? this.handleSandbox(call);
  }

  // The reply as changed by the fault; waits for the fault's delay, unless it is cleared or the caller disconnects.
  async play(fault, work, response) {
    const left = new AbortController();
    response.once('close', () => left.abort());
    if (response.destroyed) left.abort();
    const reply = fault.instead ? fault.instead() : await work();
    if (reply.hang && !left.signal.aborted) await once(left.signal, 'abort');
    if (fault.delayMs > 0) {
      const signal = AbortSignal.any([left.signal, fault.cleared]);
      await sleep(fault.delayMs, undefined, { signal }).catch(() => {});
    }
    return fault.after ? fault.after(reply) : reply;
  }

  async send(response, reply, entry) {
    if (reply.hang || response.destroyed) {
      response.destroy();
      return;
    }
    if (reply.drop) {
      // Not before the first byte: libcurl would consider a reused connection stale and silently
      // retry. Nor within the header: it considers that an empty response.
      response.socket.write('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n', () => response.destroy());
      return;
    }
    const { status, type, text, dateS = 0 } = reply;
    entry.status = status;
    response.writeHead(status, {
      Date: new Date(this.clock.ms() + dateS * 1000).toUTCString(),
      ...this.headersOf(reply),
      ...(text !== '' && { 'Content-Type': typeof text === 'string' ? `${type}; charset=utf-8` : type }),
      ...(status !== 204 && { 'Content-Length': Buffer.byteLength(text) }),
    });
    if (reply.cut) response.write(text.slice(0, text.length / 2), () => response.destroy());
    else response.end(text);
  }

  async handleSandbox({ request, response, pathname, raw }) {
    let status = 200;
    let body;
    try {
      if (raw === null) throw new SandboxError(413, `a body has at most ${BODY_BYTES_MAX} bytes`);
      body = await this.command(`${request.method} ${pathname}`, raw);
      if (body === undefined) status = 204;
    } catch (error) {
      if (!(error instanceof SandboxError) && error.name !== 'AbortError') this.alarm(request, error);
      status = error.status ?? 500;
      body = { message: error.message };
    }
    const text = body === undefined ? '' : JSON.stringify(body);
    response.writeHead(status, { 'Content-Type': 'application/json; charset=utf-8' });
    response.end(text);
  }

  command(line, raw) {
    switch (line) {
      case 'GET /sandbox/faults': return this.faults.list();
      case 'POST /sandbox/faults':
        this.faults.add(sandboxBody(raw));
        return this.faults.list();
      case 'DELETE /sandbox/faults': return this.faults.clear();
      case 'GET /sandbox/requests': return this.requests;
      case 'DELETE /sandbox/requests':
        this.requests = [];
        return undefined;
      default: throw new SandboxError(404, `${line}: no such thing in the sandbox`);
    }
  }
}

export function decode(segment) {
  try {
    return decodeURIComponent(segment);
  } catch {
    throw new SandboxError(400, 'the path is not percent-encoded UTF-8');
  }
}

export function sandboxBody(raw) {
  if (raw.length === 0) return {};
  let body;
  try {
    body = JSON.parse(raw.toString());
  } catch (error) {
    throw new SandboxError(400, `the body is not JSON: ${error.message}`);
  }
  if (typeof body === 'object' && body !== null && !Array.isArray(body)) return body;
  throw new SandboxError(400, 'the body must be a JSON object');
}

// Starts a simulator on 127.0.0.1; resolves to { url, port, close }. close() ends hanging calls and keeps the state.
export async function serve(simulator, port) {
  const server = http.createServer((request, response) => {
    simulator.handle(request, response).catch((error) => {
      if (!request.complete) return; // the caller disconnected while sending
      simulator.alarm(request, error);
      response.destroy();
    });
  });
  server.keepAliveTimeout = IDLE_MS;
  server.listen(port, '127.0.0.1');
  await once(server, 'listening');

  const close = async () => {
    if (!server.listening) return;
    const closed = once(server, 'close');
    server.close();
    simulator.stopping.abort();
    server.closeAllConnections();
    await closed;
    await simulator.state.saved();
  };
  const { port: actual } = server.address();
  return { url: `http://127.0.0.1:${actual}`, port: actual, close };
}
