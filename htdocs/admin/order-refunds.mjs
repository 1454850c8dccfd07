// SPDX-License-Identifier: MIT
// An order's refunds, completed or in progress: loaded with the order, shown below it.

import { address } from '../common/address.mjs';
import { everyRow } from '../common/api.mjs';
import { h } from '../common/dom.mjs';
import { fenOf, showYuan, yuanOf } from '../common/money.mjs';
import { showTime } from '../common/time.mjs';
import { call } from './session.mjs';

const STATES = {
  PROCESSING: ['处理中', 'wait', '支付平台还没有确认，商店会继续询问。'],
  SUCCESS: ['已退回', 'good', ''],
  CLOSED: ['未退成', 'still', '支付平台没有退出这笔钱，可以重新退款。'],
  ABNORMAL: ['异常', 'act', '顾客的账户收不了款，请在支付平台的商户后台处理。'],
};

// { rows, left }: every refund of the order, and the refundable amount, as a text in yuan. Automatic refunds are of payments
// that the order didn't need, and are not part of its amount.
export async function refundsOf({ order_id, total_amount: total, paid_by: by }, signal) {
  if (by !== 'PROVIDER') return { rows: [], left: '0.00' };
  const rows = await everyRow((page) => call('GET', page, { signal }), address('/api/payment/refunds', { order_id, limit: 500 }));
  const taken = rows.filter(({ automatic, status }) => !automatic && status !== 'CLOSED');
  return { rows, left: yuanOf(fenOf(total) - taken.reduce((sum, { amount }) => sum + fenOf(amount), 0)) };
}

export function refundList({ rows, left }, reload) {
  if (rows.length === 0) return null;
  const waits = rows.some(({ status }) => status === 'PROCESSING');
  return h('section', { class: 'panel', 'aria-labelledby': 'refunds' },
    h('div', { class: 'head' },
      h('h2', { id: 'refunds' }, '退款'),
      waits && h('button', { id: 'again', type: 'button', class: 'button quiet', on: { click: reload } }, '刷新')),
    h('table', { class: 'lines', 'aria-label': '退款明细' },
      h('thead', {}, h('tr', {}, ['时间', '状态', '原因', '金额'].map((text, i) => (
        h('th', { scope: 'col', class: i === 3 ? 'number' : null }, text))))),
      h('tbody', {}, rows.map(refundRow)),
      h('tfoot', {}, h('tr', {},
        h('th', { scope: 'row', colspan: 3 }, '还可以退'),
        h('td', { class: 'number total' }, showYuan(left))))));
}

function refundRow({ created_at: at, status, reason, amount, automatic, refund_no: no }) {
  const [name, tone, hint] = STATES[status] ?? [status, 'still', ''];
  return h('tr', {},
    h('td', {}, showTime(at), h('p', { class: 'hint code' }, no)),
    h('td', {}, h('span', { class: `badge ${tone}` }, name), hint && h('p', { class: 'hint' }, hint)),
    h('td', {}, reason, automatic && h('p', { class: 'hint' }, '商店自动退回，不计入本订单')),
    h('td', { class: 'number' }, showYuan(amount)));
}
