// SPDX-License-Identifier: MIT
// The hosted gateway's simulator on a loopback port: the payment page that a person clicks through, and endpoints by which a
// test makes it pay, forge, fail and hang. It has no interface to query, close or refund.
//   GET  /pay/<transaction_id>?amount&currency&order_id&subject&notify_url[&return_url]&signature    the page
//   POST /page/<transaction_id>                    its buttons
//   POST /pay/<transaction_id>                     end the transaction, and deliver the notification; the page must have been opened
//   POST /sandbox/secret                           the secret that signs and checks from now on
//   GET, POST, DELETE /sandbox/faults              fault switches
//   GET, DELETE /sandbox/requests                  the pages opened so far
//   GET  /sandbox/transactions/<transaction_id>
// A shop's settings: gatewaySettings() in ../config.mjs.
import { SandboxError } from '../lib/errors.mjs';
import { brokenAnswers, lostNotices } from '../lib/faults.mjs';
import { buttonOf, page, redirect } from '../lib/page.mjs';
import { Simulator, decode, sandboxBody, serve } from '../lib/simulator.mjs';
import { Refusal, State, open, pay } from './transactions.mjs';

const SECRET_MIN = 24;
const FAULTS = {
  ...brokenAnswers(['page']),
  ...lostNotices,
  late: { on: ['page', 'notify'], after: (reply) => reply },
};
const BUTTONS = { pay: 'success', fail: 'failed', close: 'closed' };
const TITLES = { success: '支付成功', failed: '支付失败', closed: '支付已关闭' };

class Gateway extends Simulator {
  constructor({ secret, notifyUrl, clockFile, stateFile, log }) {
    super({ name: 'Gateway', faults: FAULTS, clockFile, log });
    this.state = new State(stateFile);
    this.notifyUrl = notifyUrl;
    this.setSecret(secret);
  }

  setSecret(secret) {
    if (typeof secret !== 'string' || secret.length < SECRET_MIN) throw new SandboxError(400, `secret must have ${SECRET_MIN} characters or more`);
    this.secret = secret;
  }

  handleCall(call) {
    const { method } = call.request;
    const [, shown] = /^\/pay\/(TXN[0-9A-Za-z_-]{1,61})$/.exec(call.pathname) ?? [];
    const [, pressed] = /^\/page\/(TXN[0-9A-Za-z_-]{1,61})$/.exec(call.pathname) ?? [];
    if (method === 'GET' && shown) return this.handlePage(call, this.faults.take('page'), () => this.show(call, shown));
    if (method === 'POST' && pressed) return this.handlePage(call, { delayMs: 0 }, () => this.press(pressed, buttonOf(call.raw)));
    return null;
  }

  async handlePage({ request, response, pathname }, fault, work) {
    const entry = this.note(request, pathname);
    const orError = () => work().catch((error) => {
      if (!(error instanceof Refusal) && !(error instanceof SandboxError)) throw error;
      this.log(`${request.method} ${pathname}: ${error.message}`);
      return page({ status: error.status ?? 400, title: '收银台：无法支付', facts: [['说明', error.message]] });
    });
    await this.send(response, await this.play(fault, orError, response), entry);
  }

  async show({ request, search }, id) {
    const { state, secret, clock } = this;
    const one = open({ url: request.url, id, search, state, secret, now: clock.ms() });
    await state.saved();
    const { subject, amount, order_id: orderId } = one.request;
    const waiting = one.status === 'waiting';
    return page({
      title: waiting ? '收银台（沙箱）' : `收银台：${TITLES[one.status]}`,
      facts: [['商品', subject], ['金额', `¥${Number(amount).toFixed(2)}`], ['订单号', orderId], ['交易号', id]],
      action: `/page/${id}`,
      buttons: waiting ? [['pay', '确认支付'], ['fail', '支付失败'], ['close', '关闭交易']] : [],
    });
  }

  // The shop is notified before the customer is sent back, unless a fault says otherwise.
  async press(id, button) {
    if (!Object.hasOwn(BUTTONS, button ?? '')) throw new Refusal('no such button');
    const status = BUTTONS[button];
    await pay(id, { status }, this.context());
    const { request } = this.state.find(id);
    if (!request.return_url) return page({ title: `收银台：${TITLES[status]}` });
    const address = new URL(request.return_url);
    address.searchParams.set('transaction_id', id);
    address.searchParams.set('status', status);
    return redirect(address.toString());
  }

  headersOf({ headers = {} }) {
    return headers;
  }

  context() {
    const { state, clock, secret, faults, notifyUrl, log } = this;
    return { state, clock, secret, faults, notifyUrl, log, signal: this.stopping.signal };
  }

  command(line, raw) {
    const [, payable] = /^POST \/pay\/([^/]+)$/.exec(line) ?? [];
    const [, described] = /^GET \/sandbox\/transactions\/([^/]+)$/.exec(line) ?? [];
    if (payable) return pay(decode(payable), sandboxBody(raw), this.context());
    if (described) return this.state.find(decode(described));
    if (line === 'POST /sandbox/secret') return this.setSecret(sandboxBody(raw).secret);
    return super.command(line, raw);
  }
}

// Starts the simulator on 127.0.0.1; resolves to { url, port, close }.
//   secret        what it shares with the shop, at least 24 characters
//   port          0: any free one
//   clockFile     a file with an offset in seconds from the machine's clock
//   stateFile     where transactions are stored across restarts
//   notifyUrl     where notifications are sent, overriding a transaction's own
//   log           gets a line of text for each notable event
export async function startGateway({ port = 0, ...config }) {
  return serve(new Gateway(config), port);
}
