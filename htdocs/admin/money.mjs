// SPDX-License-Identifier: MIT
// Money that needs a person: refunds that wait, providers' messages that match nothing, and payments with a problem.

import { address, hashOf } from '../common/address.mjs';
import { h } from '../common/dom.mjs';
import { showYuan } from '../common/money.mjs';
import { showTime } from '../common/time.mjs';
import { ask, say } from './dialog.mjs';
import { atMost, makeFilter } from './form.mjs';
import { makeList, tabs } from './list.mjs';
import { call } from './session.mjs';

const SECTION = 'money';
const PROVIDERS = { wechat: '微信支付', alipay: '支付宝', gateway: '在线支付', card: '会员卡' };
const TONES = { OPEN: 'wait', CLOSED: 'still', GRANTED: 'good', GRANTED_LATE: 'good', REFUND_DUE: 'act', REFUNDED: 'still' };
const NOTE = { name: 'note', label: '处理说明', type: 'textarea', required: true, check: atMost(500), hint: '会和您的账号、时间一起记录，不能修改。' };

const providerOf = ({ provider }) => PROVIDERS[provider] ?? provider;
const code = (text) => text && h('span', { class: 'code' }, text);
const hint = (text) => text && h('p', { class: 'hint' }, text);
const orderLink = ({ order_id: id }) => h('a', {
  href: hashOf(`${id.startsWith('VIP') ? 'membership-orders' : 'orders'}/${encodeURIComponent(id)}`), class: 'code',
}, id);

// A button that asks for a note, and sends it.
function noteButton({ label, title, text, danger, done, target }, reload) {
  const take = async () => {
    if (!await ask({ title, text, danger, submit: label, fields: [NOTE], save: ({ note }) => call('POST', target, { body: { note } }) })) return;
    say(done);
    reload();
  };
  return h('button', { type: 'button', class: 'button', on: { click: take } }, label);
}

// ---- refunds ----

const STEPS = {
  MANUAL: (refund) => ({
    label: '已在后台退款', title: '登记退款', danger: true, done: '退款已登记',
    text: `请先在支付平台的商户后台退 ${showYuan(refund.amount)}，再在这里登记：登记后商店认为这笔钱已经退回。`,
  }),
  REFUSED: () => ({
    label: '不再退款', title: '不再退款', done: '已记录',
    text: '这笔退款不再提醒。需要退款时，仍可以在订单中重新退款。',
  }),
};

const refunds = {
  name: '退款',
  nothing: '没有等待处理的退款。',
  first: () => address('/api/payment/refunds', { attention: true, limit: 30 }),
  columns: (reload) => [
    { label: '订单', className: 'main', cell: (r) => [orderLink(r), hint(code(r.refund_no))] },
    { label: '金额', className: 'number', cell: (r) => showYuan(r.amount) },
    { label: '问题', className: 'wide', cell: (r) => [h('span', {}, r.attention_text), hint(r.reason)] },
    { label: '时间', className: 'time', cell: (r) => showTime(r.created_at) },
    { label: '处理', cell: (r) => {
      const step = STEPS[r.attention]?.(r);
      return step ? noteButton({ ...step, target: `/api/payment/refunds/${encodeURIComponent(r.refund_no)}/resolve` }, reload) : '—';
    } },
  ],
};

// ---- messages that match nothing ----

const orphans = (status, name) => ({
  name,
  nothing: status === 'OPEN' ? '没有未处理的异常通知。' : '还没有处理过的异常通知。',
  first: () => address('/api/payment/orphans', { status, limit: 30 }),
  columns: (reload) => [
    { label: '通知', className: 'main', cell: (o) => [h('span', {}, o.reason_text), hint(code(o.event_id))] },
    { label: '支付平台', cell: providerOf },
    { label: '支付单号', className: 'wide', cell: (o) => [code(o.out_trade_no) ?? '—', o.transaction_id !== o.out_trade_no && hint(code(o.transaction_id))] },
    { label: '金额', className: 'number', cell: (o) => (o.amount === null ? '—' : showYuan(o.amount)) },
    { label: '收到', className: 'time', cell: (o) => [showTime(o.received_at), o.copies > 1 && hint(`共 ${o.copies} 次`)] },
    status === 'OPEN'
      ? { label: '处理', cell: (o) => noteButton({
        label: '处理', title: '处理异常通知', done: '已记录', target: `/api/payment/orphans/${o.orphan_id}/resolve`,
        text: `${o.reason_text}。请先在支付平台的商户后台核对这笔钱，再记录结果。`,
      }, reload) }
      : { label: '处理说明', className: 'wide', cell: (o) => [h('span', {}, o.note), hint(`${showTime(o.resolved_at)} 用户 ${o.resolved_by}`)] },
  ],
});

// ---- payments ----

const SEARCHED = { order_id: '订单号', out_trade_no: '支付单号', transaction_id: '交易号' };

const payments = {
  name: '支付',
  nothing: '没有符合条件的支付。',
  // without a number to look for: those with a problem
  first: (searched) => address('/api/payment/attempts', { ...(Object.values(searched).some(Boolean) ? searched : { attention: true }), limit: 30 }),
  columns: () => [
    { label: '支付单号', className: 'main', cell: (a) => [code(a.out_trade_no), a.transaction_id !== a.out_trade_no && hint(code(a.transaction_id))] },
    { label: '订单', cell: orderLink },
    { label: '支付平台', cell: providerOf },
    { label: '金额', className: 'number', cell: (a) => [showYuan(a.amount), a.refunded_amount !== '0.00' && hint(`已退 ${showYuan(a.refunded_amount)}`),
      a.refunding_amount !== '0.00' && hint(`退款中 ${showYuan(a.refunding_amount)}`)] },
    { label: '状态', className: 'wide', cell: (a) => [h('span', { class: `badge ${TONES[a.status] ?? 'still'}` }, a.status_text), hint(a.reason_text), hint(a.attention_text)] },
    { label: '时间', className: 'time', cell: (a) => showTime(a.created_at) },
  ],
  filter: (searched, go) => makeFilter({
    submit: '查找',
    fields: Object.entries(SEARCHED).map(([name, label]) => ({ name, label, type: 'search', value: searched[name], check: atMost(64), more: { autocomplete: 'off' } })),
    buttons: [h('a', { class: 'button', href: hashOf(SECTION, { list: 'payments' }) }, '清除')],
    save: (values) => go(hashOf(SECTION, { list: 'payments', ...values })),
  }),
};

const LISTS = { '': refunds, orphans: orphans('OPEN', '异常通知'), payments, resolved: orphans('RESOLVED', '已处理的通知') };

export async function showMoney({ query, signal, go, reload }) {
  const chosen = Object.hasOwn(LISTS, query.get('list') ?? '') ? query.get('list') ?? '' : '';
  const { name, nothing, first, columns, filter } = LISTS[chosen];
  const searched = Object.fromEntries(Object.keys(SEARCHED).map((key) => [key, query.get(key) ?? '']));
  const list = await makeList({ caption: name, columns: columns(reload), signal, nothing, first: first(searched) });
  return {
    title: '待处理资金',
    body: [
      tabs('待处理资金', Object.entries(LISTS).map(([value, { name: text }]) => [value, text]), chosen, (value) => hashOf(SECTION, { list: value })),
      filter?.(searched, go),
      list,
    ],
  };
}
