// SPDX-License-Identifier: MIT
// A payment that is made by scanning a code with WeChat: the payment_url of POST /payment/create with trade_type NATIVE. What it
// shows is in the address after the #, which no browser sends anywhere. Where the tab has a session, the shop is asked whether
// that user's order was paid; the notification from WeChat settles it in any case.

import { h, show } from '../common/dom.mjs';
import { showYuan } from '../common/money.mjs';
import { call, user } from '../common/session.mjs';
import { drawCode, readPayment } from './code.mjs';

const SECOND_MS = 1000;
const OFTEN_MS = 2 * SECOND_MS; // WeChat's advice for the first minute
const OFTEN_FOR_MS = 60 * SECOND_MS;
const SELDOM_MS = 5 * SECOND_MS;
const AFTER_MS = 60 * SECOND_MS; // who paid in the last second is told so
const NOT_OURS = [401, 403, 404]; // the order is not this session's
const RESULTS = {
  SUCCESS: { title: '支付成功', text: '已收到您的付款。' },
  REFUND: { title: '已退款', text: '这笔付款已退回。', ended: true },
  CLOSED: { title: '支付已关闭', text: '这笔支付已关闭，请回到下单的页面重新支付。', ended: true },
};
const EXPIRED = { title: '二维码已过期', text: '如果已经付款，结果稍后会更新；否则请重新下单。', ended: true };
const NONE = { title: '链接无效', text: '这个链接里没有有效的付款码，请回到下单的页面重试。', ended: true };

const main = document.getElementById('main');
let ahead = 0; // of this device's clock, by the shop's
let visit = new AbortController();

const now = () => Date.now() - ahead;

async function open() {
  visit.abort();
  visit = new AbortController();
  const { signal } = visit;
  const payment = readPayment(location.hash);
  if (payment.codeUrl === null) {
    end(payment, NONE);
    return;
  }
  if (payment.until !== null) ahead = await clockAhead(signal);
  if (signal.aborted) return;
  if (isOver(payment)) end(payment, EXPIRED);
  else wait(payment, signal);
  if (payment.order !== null && user() !== null) await follow(payment, signal);
}

const isOver = ({ until }) => until !== null && now() >= until;

function draw({ title, amount }, heading, ...rest) {
  document.title = heading;
  show(main, h('section', { class: 'pay' },
    h('h1', {}, heading),
    title !== null && h('p', {}, title),
    amount !== null && h('p', { class: 'amount' }, showYuan(amount)),
    rest));
}

function end(payment, { title, text, ended = false }) {
  draw(payment, title, h('p', { class: ended ? 'result ended' : 'result', role: 'status' }, text));
}

// Shows the code until it is over.
function wait(payment, signal) {
  const left = h('p', { class: 'left', role: 'timer' });
  draw(payment, '微信扫码付款',
    drawCode(payment.codeUrl, '付款二维码'),
    payment.until !== null && left,
    h('p', {}, '请用微信“扫一扫”扫描二维码，付款前请核对收款商户和金额。'),
    h('p', { class: 'hint' }, '正在手机上看本页时，请用另一部手机扫描。'),
    h('p', { class: 'hint' }, user() === null ? '付款后请回到下单的页面查看结果。' : '付款后本页会显示结果。'));
  if (payment.until === null) return;
  const tick = () => {
    if (isOver(payment)) end(payment, EXPIRED);
    else left.textContent = `请在 ${timeLeft(payment.until - now())} 内付款`;
    if (isOver(payment) || signal.aborted) clearInterval(timer);
  };
  const timer = setInterval(tick, SECOND_MS);
  signal.addEventListener('abort', () => clearInterval(timer));
  tick();
}

// 29:05, or 1:00:00
function timeLeft(ms) {
  const seconds = Math.ceil(ms / SECOND_MS);
  const pad = (n) => String(n).padStart(2, '0');
  const minutes = Math.floor(seconds / 60);
  return minutes < 60 ? `${pad(minutes)}:${pad(seconds % 60)}` : `${Math.floor(minutes / 60)}:${pad(minutes % 60)}:${pad(seconds % 60)}`;
}

// Asks for the result until there is one; not while nobody looks.
async function follow(payment, signal) {
  const began = Date.now();
  while (!signal.aborted && (payment.until === null || now() < payment.until + AFTER_MS)) {
    const { result, unknown } = document.hidden ? {} : await ask(payment, signal);
    if (unknown || signal.aborted) return;
    if (result) {
      visit.abort(); // and its clock
      end(payment, result);
      return;
    }
    await pause(Date.now() < began + OFTEN_FOR_MS ? OFTEN_MS : SELDOM_MS);
  }
}

// The result, if there is one and the shop can be reached; unknown: this session won't learn it.
async function ask({ order }, signal) {
  try {
    const { body } = await call('GET', `/api/payment/wxpay/${order}`, { signal });
    return { result: RESULTS[body.trade_state] };
  } catch (error) {
    return { unknown: NOT_OURS.includes(error.status) };
  }
}

const pause = (ms) => new Promise((resolve) => { setTimeout(resolve, ms); });

// A device's clock may be wrong by more than a payment has time.
async function clockAhead(signal) {
  try {
    const { headers } = await fetch('/pay/', { method: 'HEAD', cache: 'no-store', credentials: 'omit', signal });
    return Date.now() - (Date.parse(headers.get('date')) || Date.now());
  } catch {
    return 0;
  }
}

window.addEventListener('hashchange', open);
open();
