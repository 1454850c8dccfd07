// SPDX-License-Identifier: MIT
// The Alipay simulator: the open gateway (gateway.do, RSA2) on a loopback port, as strict as Alipay, with the cashier that a
// person or a script opens, plus endpoints by which a test makes it pay, forge, fail and hang.
//   GET, POST /gateway.do                          what the shop and its customers' browsers call
//   GET  /downloadBillFile.resource                the link to a bill
//   POST /cashier/<trade_no>                       the cashier's buttons
//   POST /pay/<out_trade_no or trade_no>           pay, and deliver the notification; the address must have been opened
//   POST /notify/<out_trade_no or trade_no>        deliver the last notification again, or the one of a closed trade
//   POST /refund/<out_request_no>                  complete a refund, and deliver the notification
//   POST /console/refund/<out_trade_no>            refund it in the merchant console, and deliver the notification
//   POST /sandbox/refund-mode                      fund_change of new refunds: Y, or N, in progress until completed
//   PUT  /sandbox/bill                             differences between bills and what happened (../lib/bill.mjs)
//   GET, POST, DELETE /sandbox/faults              fault switches
//   GET, DELETE /sandbox/requests                  the shop's calls so far
//   GET  /sandbox/trades/<out_trade_no>
// A shop's settings: alipaySettings() in ../config.mjs.
import { readFileSync } from 'node:fs';
import { readPlan } from '../lib/bill.mjs';
import { toLocal } from '../lib/clock.mjs';
import { SandboxError } from '../lib/errors.mjs';
import { buttonOf, page, redirect } from '../lib/page.mjs';
import { Simulator, decode, sandboxBody, serve } from '../lib/simulator.mjs';
import { FILE_PATH, billFile, makeLinks } from './bill.mjs';
import { Refusal } from './errors.mjs';
import { FAULTS } from './faults.mjs';
import { notifyAgain, pay, refundInConsole, settleRefund } from './notify.mjs';
import { METHODS } from './routes.mjs';
import { readContent, toYuan } from './rules.mjs';
import { certificateSn, makeSigner, rootSn, signedText } from './sign.mjs';
import { State } from './state.mjs';
import { makeGate, readParams } from './strict.mjs';
import { open, statusOf } from './trade.mjs';

export { makeKeys } from './keys.mjs';

const FUND_CHANGES = ['Y', 'N'];
const SUCCESS = { code: '10000', msg: 'Success' };

const COMMANDS = [
  [/^POST \/pay\/([^/]+)$/, pay],
  [/^POST \/notify\/([^/]+)$/, notifyAgain],
  [/^POST \/refund\/([^/]+)$/, settleRefund],
  [/^POST \/console\/refund\/([^/]+)$/, refundInConsole],
];

// Members in the order of Alipay's responses, slashes escaped as there.
function nodeText({ code, msg, ...rest }) {
  const sorted = Object.entries(rest).sort(([a], [b]) => (a < b ? -1 : 1));
  return JSON.stringify({ code, msg, ...Object.fromEntries(sorted) }).replaceAll('/', '\\/');
}

class Alipay extends Simulator {
  constructor({ appId, sellerId, appPublicKey, notifyUrl, clockFile, stateFile, fundChange = 'Y', certificates = false, log, ...keys }) {
    super({ name: 'Alipay', faults: FAULTS, clockFile, log });
    const read = (name) => readFileSync(keys[name], 'utf8');
    this.merchant = { appId, sellerId };
    this.state = new State(stateFile);
    this.sign = makeSigner(certificates ? keys.alipayCertificatePrivateKey : keys.alipayPrivateKey);
    this.certificateSn = certificates ? certificateSn(read('alipayCertificateFile')) : null;
    const serials = certificates
      ? { app_cert_sn: certificateSn(read('appCertificateFile')), alipay_root_cert_sn: rootSn(read('alipayRootCertificateFile')) } : null;
    this.gate = makeGate({ appId, appPublicKey, serials, clock: this.clock });
    this.notifyUrl = notifyUrl;
    this.setFundChange(fundChange);
    this.bills = { links: makeLinks(), plan: readPlan({}) };
  }

  setFundChange(value) {
    if (!FUND_CHANGES.includes(value)) throw new SandboxError(400, `fund_change must be one of ${FUND_CHANGES.join(' ')}`);
    this.fundChange = value;
    return { fund_change: value };
  }

  handleCall(call) {
    if (call.pathname === '/gateway.do') return this.handleGateway(call);
    if (call.pathname === FILE_PATH) return this.handleFile(call);
    const [, tradeNo] = /^\/cashier\/(\d+)$/.exec(call.pathname) ?? [];
    return tradeNo ? this.handleCashier(call, tradeNo) : null;
  }

  async handleGateway(call) {
    const { request, response, pathname } = call;
    const entry = this.note(request, pathname);
    let params = {};
    let method;
    let refusal = null;
    try {
      params = readParams(call);
      entry.api = params.method;
      this.gate(params);
      method = METHODS[params.method];
    } catch (error) {
      refusal = this.refused(request, error, entry);
    }
    const fault = refusal || !method.handle ? { delayMs: 0 } : this.faults.take(method.fault);
    const work = async () => refusal ?? this.perform(request, method, params, entry, fault.damage);
    const reply = await this.play(fault, work, response);
    await this.send(response, this.render(reply, params), entry);
  }

  // Resolves to a page, or to the node of a response.
  async perform(request, { rule, handle }, params, entry, damage) {
    const { merchant, state, bills, clock, fundChange } = this;
    const call = { params, merchant, state, bills, now: clock.ms(), fundChange, url: `http://${request.headers.host}`, damage };
    try {
      call.content = readContent(params.biz_content, rule);
      const result = (handle ?? open)(call);
      await this.state.saved();
      return handle ? { node: { ...SUCCESS, ...result } } : this.cashier(result);
    } catch (error) {
      return this.refused(request, error, entry);
    }
  }

  refused(request, error, entry) {
    const refusal = error instanceof Refusal ? error : new Refusal('isp.unknow-error');
    entry.code = refusal.subCode;
    if (refusal !== error) this.alarm(request, error);
    else this.log(`${request.method} ${entry.api ?? entry.path}: ${refusal.subCode}: ${refusal.message}`);
    return { node: refusal.body };
  }

  // What is sent: the signature covers the bytes of the node. Refusals of an app or a method that is not known have no key
  // to be signed with, and those of a page are shown to the customer.
  render(reply, { app_id: appId, method }) {
    if (!reply.node) return reply;
    const known = appId === this.merchant.appId && Object.hasOwn(METHODS, method ?? '');
    if (known && !METHODS[method].handle) {
      const { sub_code: subCode, sub_msg: text } = reply.node;
      return page({ status: 400, title: '支付宝：无法付款', facts: [['错误码', subCode], ['说明', text]] });
    }
    const { sign = (same) => same, bend = (same) => same } = reply;
    const node = nodeText(reply.node);
    const key = reply.key ?? (known ? `${method.replaceAll('.', '_')}_response` : 'error_response');
    const parts = [`"${key}":${node}`];
    if (this.certificateSn && known) {
      const sn = this.certificateSn;
      parts.push(`"alipay_cert_sn":"${reply.otherCertificate ? [...sn].reverse().join('') : sn}"`);
    }
    if (known && sign) parts.push(`"sign":"${sign(this.sign(node))}"`);
    return bend({ status: 200, type: 'text/html', text: `{${parts.join(',')}}` });
  }

  headersOf({ headers = {} }) {
    return headers;
  }

  // The cashier of a trade, which exists as soon as this is shown.
  cashier(trade) {
    return page({
      title: '支付宝收银台（沙箱）',
      facts: [['商品', trade.request.subject], ['金额', `¥${toYuan(trade.fen)}`], ['订单号', trade.out_trade_no], ['付款截止', toLocal(trade.expire_ms)]],
      action: `/cashier/${trade.trade_no}`,
      buttons: [['pay', '确认付款'], ['cancel', '取消']],
    });
  }

  async handleFile(call) {
    const { request, response, pathname } = call;
    const entry = this.note(request, pathname);
    const fault = this.faults.take('bill_file');
    const reply = await this.play(fault, async () => billFile(call, this.bills, this.clock.ms()), response);
    await this.send(response, reply.bend ? reply.bend(reply) : reply, entry);
  }

  async handleCashier({ request, response, pathname, raw }, tradeNo) {
    const entry = this.note(request, pathname);
    await this.send(response, await this.pressed(request, tradeNo, buttonOf(raw)), entry);
  }

  // A payment is notified before the customer is sent back, unless a fault says otherwise.
  async pressed(request, tradeNo, button) {
    const trade = this.state.byTradeNo.get(tradeNo);
    if (request.method !== 'POST' || !trade) return page({ status: 404, title: '支付宝：没有这笔交易' });
    if (button !== 'pay') {
      const { quit_url: quitUrl } = trade.request;
      return quitUrl ? redirect(quitUrl) : page({ title: '支付宝：已取消付款' });
    }
    try {
      await pay(tradeNo, {}, this.context());
    } catch (error) {
      if (!(error instanceof SandboxError)) throw error;
      return page({ status: 409, title: '支付宝：交易已关闭' });
    }
    return trade.return_url ? redirect(this.returnAddress(trade)) : page({ title: '支付宝：付款成功' });
  }

  // Where the customer's browser goes after paying; signed as a notification, and no proof of anything.
  returnAddress(trade) {
    const params = {
      charset: 'utf-8',
      out_trade_no: trade.out_trade_no,
      method: `${trade.method}.return`,
      total_amount: toYuan(trade.fen),
      trade_no: trade.trade_no,
      auth_app_id: this.merchant.appId,
      version: '1.0',
      app_id: this.merchant.appId,
      sign_type: 'RSA2',
      seller_id: this.merchant.sellerId,
      timestamp: toLocal(this.clock.ms()),
    };
    const address = new URL(trade.return_url);
    const all = { ...params, sign: this.sign(signedText(params, ['sign', 'sign_type'])) };
    for (const [name, value] of Object.entries(all)) address.searchParams.set(name, value);
    return address.toString();
  }

  context() {
    const { merchant, state, clock, sign, faults, notifyUrl, log } = this;
    return { merchant, state, clock, sign, faults, notifyUrl, log, signal: this.stopping.signal };
  }

  command(line, raw) {
    for (const [pattern, run] of COMMANDS) {
      const [, id] = pattern.exec(line) ?? [];
      if (id) return run(decode(id), sandboxBody(raw), this.context());
    }
    const [, outTradeNo] = /^GET \/sandbox\/trades\/([^/]+)$/.exec(line) ?? [];
    if (outTradeNo) return this.describe(decode(outTradeNo));
    if (line === 'PUT /sandbox/bill') {
      this.bills.plan = readPlan(sandboxBody(raw));
      return this.bills.plan;
    }
    if (line === 'POST /sandbox/refund-mode') return this.setFundChange(sandboxBody(raw).fund_change);
    return super.command(line, raw);
  }

  describe(outTradeNo) {
    const trade = this.state.trades.get(outTradeNo);
    if (!trade) throw new SandboxError(404, 'no trade with this out_trade_no');
    return { ...trade, trade_status: statusOf(trade, this.clock.ms()) };
  }
}

// Starts the simulator on 127.0.0.1; resolves to { url, port, close }. It needs everything that makeKeys() generates.
//   port          0: any free one
//   clockFile     a file with an offset in seconds from the machine's clock
//   stateFile     where trades are stored across restarts
//   notifyUrl     where notifications are sent, overriding a trade's own
//   certificates  true: certificate mode; otherwise public-key mode
//   fundChange    of new refunds: Y (the default), or N: in progress until POST /refund/…
//   log           gets a line of text for each notable event
export async function startAlipay({ port = 0, ...config }) {
  return serve(new Alipay(config), port);
}
