// SPDX-License-Identifier: MIT
// The WeChat simulator: login and WeChat Pay v3 on a loopback port, as strict as WeChat, plus
// endpoints by which a test makes it pay, forge, fail and hang.
//   GET  /sns/jscode2session, /v3/…                     what the shop calls
//   POST /pay/<prepay_id or out_trade_no>               pay, and deliver the notification
//   POST /refund/<out_refund_no>                        complete a refund, and deliver the notification
//   POST /console/refund/<out_trade_no>                 refund it in the merchant console, and deliver the notification
//   POST /sandbox/refund-mode                           the status of new refunds
//   POST /sandbox/sign-with                             the key that signs from now on
//   GET, POST, DELETE /sandbox/faults                   fault switches
//   GET, DELETE /sandbox/requests                       the shop's calls so far
//   GET  /sandbox/orders/<out_trade_no>, /sandbox/session-keys
import { randomBytes } from 'node:crypto';
import events, { once } from 'node:events';
import http from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import { makeClock } from './clock.mjs';
import { Refusal, SandboxError } from './errors.mjs';
import { FaultSwitches } from './faults.mjs';
import { checkLogin, login, loginError } from './login.mjs';
import { pay, refundInConsole, settleRefund } from './notify.mjs';
import { tradeState } from './pay.mjs';
import { Platform } from './platform.mjs';
import { readRefundMode } from './refund.mjs';
import { checkQuery, findRoute } from './routes.mjs';
import { readBody } from './rules.mjs';
import { State } from './state.mjs';
import { makeGate } from './strict.mjs';

export { makeKeys } from './keys.mjs';

const BODY_BYTES_MAX = 65_536;
const REQUESTS_MAX = 10_000;
const IDLE_MS = 600_000; // a kept-alive connection is not closed while a caller may reuse it
const NO_FAULT = { delayMs: 0 };

async function readRaw(request) {
  const chunks = [];
  let size = 0;
  for await (const chunk of request) {
    size += chunk.length;
    if (size <= BODY_BYTES_MAX) chunks.push(chunk); // the rest is read and discarded, so that the response arrives
  }
  return size > BODY_BYTES_MAX ? null : Buffer.concat(chunks);
}

class Wechat {
  constructor({ appid, secret, mchid, apiV3Key, merchantSerial, merchantPublicKey, notifyUrl, clockFile, stateFile,
    refundMode = 'PROCESSING', log = () => {}, ...platform }) {
    this.merchant = { appid, secret, mchid };
    this.clock = makeClock(clockFile);
    this.state = new State(stateFile);
    this.platform = new Platform({ ...platform, apiV3Key });
    this.sign = (text, timestamp) => this.platform.sign(text, timestamp);
    this.gate = makeGate({
      mchid, merchantSerial, merchantPublicKey, platformSerials: this.platform.serials, clock: this.clock,
    });
    this.notices = { apiV3Key, notifyUrl };
    this.refundMode = readRefundMode({ status: refundMode });
    this.faults = new FaultSwitches();
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

  // An internal error must not look like a response of WeChat that a test expects.
  alarm(request, error) {
    const text = `WeChat simulator: ${request.method} ${request.url.split('?')[0]} failed inside: ${error.stack}`;
    process.stderr.write(`${text}\n`);
    this.log(text);
  }

  async handle(request, response) {
    const [pathname, search = ''] = request.url.split(/\?(.*)/s);
    const query = new URLSearchParams(search);
    const raw = await readRaw(request);
    if (pathname.startsWith('/v3/')) return this.handlePay({ request, response, pathname, query, raw });
    if (pathname === '/sns/jscode2session') return this.handleLogin({ request, response, pathname, query });
    return this.handleSandbox({ request, response, pathname, raw });
  }

  async handleLogin({ request, response, pathname, query }) {
    const entry = this.note(request, pathname);
    const wrong = checkLogin(request.method, query, this.merchant);
    const fault = wrong ? NO_FAULT : this.faults.take('jscode2session');
    const work = async () => {
      const errcode = wrong || fault.errcode;
      const body = errcode ? loginError(errcode) : login(query.get('js_code'), this.state);
      if (body.errcode) this.log(`jscode2session: ${body.errcode} ${body.errmsg}`);
      await this.state.saved();
      return { status: 200, type: 'text/plain', text: JSON.stringify(body), signed: false };
    };
    const reply = await this.play(fault, work, response);
    await this.send(response, { ...reply, signed: false }, entry);
  }

  async handlePay({ request, response, pathname, query, raw }) {
    const entry = this.note(request, pathname);
    const orRefusal = (work) => Promise.resolve().then(work).catch((error) => this.refuse(request, error, entry));
    let call;
    const refused = await orRefusal(() => {
      call = this.admit({ request, pathname, query, raw });
    });
    const fault = refused ? NO_FAULT : this.faults.take(call.route.name);
    const reply = refused ?? await this.play(fault, () => orRefusal(() => this.perform(call)), response);
    await this.send(response, reply, entry);
  }

  // All checks of a request that don't depend on orders.
  admit({ request, pathname, query, raw }) {
    if (raw === null) throw new Refusal('PAYLOAD_TOO_LARGE');
    this.gate(request, raw);
    const { route, params } = findRoute(request.method, pathname);
    checkQuery(route, query, this.merchant);
    return { route, params, query, serial: request.headers['wechatpay-serial'], body: route.body ? readBody(raw, route.body) : undefined };
  }

  async perform({ route, ...call }) {
    const { merchant, state, platform, refundMode, clock } = this;
    const result = route.handle({ ...call, merchant, state, platform, refundMode, now: clock.ms() });
    if (result.changed) await state.saved();
    const text = result.body === null ? '' : JSON.stringify(result.body);
    return { status: result.status, type: 'application/json', text, signed: true, sign: result.sign };
  }

  refuse(request, error, entry) {
    const refusal = error instanceof Refusal ? error : new Refusal('SYSTEM_ERROR');
    const { status, code, number } = refusal;
    entry.code = code;
    if (refusal !== error) this.alarm(request, error);
    else this.log(`${request.method} ${entry.path}: ${status} ${code}: ${refusal.reason}`);
    return { status, type: 'application/json', text: JSON.stringify(refusal.body), signed: true, number };
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

  signatureHeaders({ signed, text, sign = this.sign, ageS = 0, bend = (headers) => headers }) {
    return signed ? bend(sign(text, this.clock.seconds() - ageS)) : {};
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
    const { status, type, text, number = 0 } = reply;
    entry.status = status;
    response.writeHead(status, {
      'Request-ID': `${randomBytes(20).toString('hex').toUpperCase()}-${number}`,
      ...this.signatureHeaders(reply),
      ...(text !== '' && { 'Content-Type': `${type}; charset=utf-8` }),
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

  // The response body, or undefined for none.
  command(line, raw) {
    const [, payable] = /^POST \/pay\/([^/]+)$/.exec(line) ?? [];
    const [, refundable] = /^POST \/refund\/([^/]+)$/.exec(line) ?? [];
    const [, paid] = /^POST \/console\/refund\/([^/]+)$/.exec(line) ?? [];
    const [, outTradeNo] = /^GET \/sandbox\/orders\/([^/]+)$/.exec(line) ?? [];
    if (payable) return pay(decode(payable), sandboxBody(raw), this.noticeContext());
    if (refundable) return settleRefund(decode(refundable), sandboxBody(raw), this.noticeContext());
    if (paid) return refundInConsole(decode(paid), sandboxBody(raw), this.noticeContext());
    if (outTradeNo) return this.describe(decode(outTradeNo));
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
      case 'POST /sandbox/refund-mode':
        this.refundMode = readRefundMode(sandboxBody(raw));
        return { status: this.refundMode };
      case 'POST /sandbox/sign-with': return this.platform.choose(sandboxBody(raw));
      case 'GET /sandbox/session-keys': return this.state.sessionKeys;
      default: throw new SandboxError(404, `${line}: no such thing in the sandbox`);
    }
  }

  noticeContext() {
    const { state, clock, sign, log } = this;
    return { ...this.notices, state, clock, sign, log, signal: this.stopping.signal };
  }

  describe(outTradeNo) {
    const order = this.state.orders.get(outTradeNo);
    if (!order) throw new SandboxError(404, 'no order with this out_trade_no');
    return { ...order, trade_state: tradeState(order, this.clock.ms()) };
  }
}

function decode(segment) {
  try {
    return decodeURIComponent(segment);
  } catch {
    throw new SandboxError(400, 'the path is not percent-encoded UTF-8');
  }
}

function sandboxBody(raw) {
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

// Starts the simulator on 127.0.0.1; resolves to { url, port, close }. It needs everything that makeKeys()
// generates. close() ends hanging calls and keeps the state.
//   port          0: any free one
//   clockFile     a file with an offset in seconds from the machine's clock
//   stateFile     where orders and refunds are stored across restarts
//   notifyUrl     where notifications are sent, overriding an order's or refund's own
//   certificates  true: the merchant has platform certificates in addition to the public key
//   refundMode    the status of new refunds: PROCESSING, SUCCESS, ABNORMAL or CLOSED
//   log           gets a line of text for each notable event
export async function startWechat({ port = 0, ...config }) {
  const wechat = new Wechat(config);
  const server = http.createServer((request, response) => {
    wechat.handle(request, response).catch((error) => {
      if (!request.complete) return; // the caller disconnected while sending
      wechat.alarm(request, error);
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
    wechat.stopping.abort();
    server.closeAllConnections();
    await closed;
    await wechat.state.saved();
  };
  const { port: actual } = server.address();
  return { url: `http://127.0.0.1:${actual}`, port: actual, close };
}
