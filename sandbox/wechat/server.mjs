// SPDX-License-Identifier: MIT
// The WeChat simulator: login and WeChat Pay v3 on a loopback port, as strict as WeChat, plus
// endpoints by which a test makes it pay, forge, fail and hang.
//   GET  /sns/jscode2session, /v3/…                     what the shop calls
//   GET, POST /cgi-bin/mmpayweb-bin/checkmweb           an h5_url: the page on which a person pays, and its buttons
//   POST /pay/<prepay_id, code_url or out_trade_no>     pay, and deliver the notification
//   POST /refund/<out_refund_no>                        complete a refund, and deliver the notification
//   POST /console/refund/<out_trade_no>                 refund it in the merchant console, and deliver the notification
//   POST /sandbox/refund-mode                           the status of new refunds
//   PUT  /sandbox/bill                                  differences between bills and what happened (lib/bill.mjs)
//   POST /sandbox/sign-with                             the key that signs from now on
//   GET, POST, DELETE /sandbox/faults                   fault switches
//   GET, DELETE /sandbox/requests                       the shop's calls so far
//   GET  /sandbox/orders/<out_trade_no>, /sandbox/session-keys
import { randomBytes } from 'node:crypto';
import { Links, readPlan } from '../lib/bill.mjs';
import { SandboxError } from '../lib/errors.mjs';
import { Simulator, decode, sandboxBody, serve } from '../lib/simulator.mjs';
import { LINK_MS } from './bill.mjs';
import { Refusal } from './errors.mjs';
import { FAULTS } from './faults.mjs';
import { cashier } from './h5.mjs';
import { checkLogin, login, loginError } from './login.mjs';
import { pay, refundInConsole, settleRefund } from './notify.mjs';
import { H5_PATH, tradeState } from './pay.mjs';
import { Platform } from './platform.mjs';
import { readRefundMode } from './refund.mjs';
import { checkQuery, findRoute } from './routes.mjs';
import { readBody } from './rules.mjs';
import { State } from './state.mjs';
import { makeGate } from './strict.mjs';

export { makeKeys } from './keys.mjs';

const NO_FAULT = { delayMs: 0 };

class Wechat extends Simulator {
  constructor({ appid, secret, mchid, apiV3Key, merchantSerial, merchantPublicKey, notifyUrl, clockFile, stateFile,
    refundMode = 'PROCESSING', log, ...platform }) {
    super({ name: 'WeChat', faults: FAULTS, clockFile, log });
    this.merchant = { appid, secret, mchid };
    this.state = new State(stateFile);
    this.platform = new Platform({ ...platform, apiV3Key });
    this.sign = (text, timestamp) => this.platform.sign(text, timestamp);
    this.gate = makeGate({
      mchid, merchantSerial, merchantPublicKey, platformSerials: this.platform.serials, clock: this.clock,
    });
    this.notices = { apiV3Key, notifyUrl };
    this.refundMode = readRefundMode({ status: refundMode });
    this.bills = { links: new Links(LINK_MS), plan: readPlan({}) };
  }

  handleCall({ search, ...call }) {
    const query = new URLSearchParams(search);
    if (call.pathname.startsWith('/v3/')) return this.handlePay({ ...call, query });
    if (call.pathname === H5_PATH) return this.handleCashier({ ...call, query });
    if (call.pathname === '/sns/jscode2session') return this.handleLogin({ ...call, query });
    return null;
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

  async handleCashier({ request, response, pathname, query, raw }) {
    const entry = this.note(request, pathname);
    await this.send(response, { ...await cashier({ request, query, raw }, this.noticeContext()), signed: false }, entry);
  }

  async handlePay({ request, response, pathname, query, raw }) {
    const entry = this.note(request, pathname);
    const orRefusal = (work) => Promise.resolve().then(work).catch((error) => this.refuse(request, error, entry));
    let call;
    const refused = await orRefusal(() => {
      call = this.admit({ request, pathname, query, raw });
    });
    const fault = refused ? NO_FAULT : this.faults.take(call.route.name);
    const reply = refused ?? await this.play(fault, () => orRefusal(() => this.perform(call, fault)), response);
    await this.send(response, reply, entry);
  }

  // All checks of a request that don't depend on orders.
  admit({ request, pathname, query, raw }) {
    if (raw === null) throw new Refusal('PAYLOAD_TOO_LARGE');
    this.gate(request, raw);
    const { route, params } = findRoute(request.method, pathname);
    checkQuery(route, query, this.merchant);
    const url = `http://${request.headers.host}`;
    return { route, params, query, url, serial: request.headers['wechatpay-serial'], body: route.body ? readBody(raw, route.body) : undefined };
  }

  async perform({ route, ...call }, { damage }) {
    const { merchant, state, platform, refundMode, bills, clock } = this;
    const result = route.handle({ ...call, merchant, state, platform, refundMode, bills, now: clock.ms(), damage });
    if (result.changed) await state.saved();
    if (result.file) return { status: result.status, type: 'application/octet-stream', text: result.file, signed: false };
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

  headersOf({ headers, signed, text, number = 0, sign = this.sign, ageS = 0, bend = (headers) => headers }) {
    if (headers) return headers;
    return {
      'Request-ID': `${randomBytes(20).toString('hex').toUpperCase()}-${number}`,
      ...(signed ? bend(sign(text, this.clock.seconds() - ageS)) : {}),
    };
  }

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
      case 'POST /sandbox/refund-mode':
        this.refundMode = readRefundMode(sandboxBody(raw));
        return { status: this.refundMode };
      case 'PUT /sandbox/bill':
        this.bills.plan = readPlan(sandboxBody(raw));
        return this.bills.plan;
      case 'POST /sandbox/sign-with': return this.platform.choose(sandboxBody(raw));
      case 'GET /sandbox/session-keys': return this.state.sessionKeys;
      default: return super.command(line, raw);
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

// Starts the simulator on 127.0.0.1; resolves to { url, port, close }. It needs everything that makeKeys()
// generates.
//   port          0: any free one
//   clockFile     a file with an offset in seconds from the machine's clock
//   stateFile     where orders and refunds are stored across restarts
//   notifyUrl     where notifications are sent, overriding an order's or refund's own
//   certificates  true: the merchant has platform certificates in addition to the public key
//   refundMode    the status of new refunds: PROCESSING, SUCCESS, ABNORMAL or CLOSED
//   log           gets a line of text for each notable event
export async function startWechat({ port = 0, ...config }) {
  return serve(new Wechat(config), port);
}
