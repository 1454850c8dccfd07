// SPDX-License-Identifier: MIT
// Orders: the list, and one order with its lines and possible steps.

import { address, hashOf } from '../common/address.mjs';
import { h } from '../common/dom.mjs';
import { fenOf, showYuan } from '../common/money.mjs';
import { showTime, startOfDay } from '../common/time.mjs';
import { makeFilter } from './form.mjs';
import { facts, makeList, tabs } from './list.mjs';
import { refundList, refundsOf } from './order-refunds.mjs';
import { NAMES, addressOf, nameOf, stepsOf, toneOf } from './order-state.mjs';
import { call } from './session.mjs';
import { stepButtons } from './steps.mjs';

const badge = ({ status }) => h('span', { class: `badge ${toneOf(status)}` }, nameOf(status));
const orderHash = (id) => hashOf(`orders/${encodeURIComponent(id)}`);
const nameOfUser = ({ user, user_id: id }) => user?.nickname || `用户 ${id}`;

const COLUMNS = [
  { label: '订单', className: 'main', cell: (o) => h('a', { href: orderHash(o.order_id), class: 'code' }, o.order_id) },
  { label: '顾客', cell: nameOfUser },
  { label: '商品', className: 'wide', cell: ({ orderItems: [first, ...others] }) => (
    first && `${first.product.name} × ${first.quantity}${others.length > 0 ? ` 等 ${others.length + 1} 种` : ''}`) },
  { label: '金额', className: 'number', cell: (o) => showYuan(o.total_amount) },
  { label: '状态', cell: badge },
  { label: '下单时间', className: 'time', cell: (o) => showTime(o.created_at) },
];

export async function listOrders({ query, signal, go }) {
  const filter = Object.fromEntries(['status', 'user_id', 'from', 'to'].map((name) => [name, query.get(name) ?? '']));
  const list = await makeList({
    caption: '订单',
    columns: COLUMNS,
    signal,
    nothing: '没有符合条件的订单。',
    first: address('/api/orders', {
      status: filter.status,
      user_id: filter.user_id,
      created_from: startOfDay(filter.from),
      created_to: startOfDay(filter.to, 1),
      limit: 30,
    }),
  });
  const states = [['', '全部'], ...NAMES.map((name, status) => [String(status), name])];
  return {
    title: '订单',
    body: [
      tabs('订单状态', states, filter.status, (status) => hashOf('orders', { ...filter, status })),
      filterForm(filter, go),
      list,
    ],
  };
}

function filterForm(filter, go) {
  return makeFilter({
    submit: '筛选',
    fields: [
      { name: 'order_id', label: '订单号', type: 'search', more: { autocomplete: 'off' } },
      {
        name: 'user_id', label: '用户编号', type: 'search', value: filter.user_id, more: { inputmode: 'numeric' },
        check: (text) => (/^[1-9]\d{0,17}$/.test(text) ? null : '编号是正整数'),
      },
      { name: 'from', label: '下单日期从', type: 'date', value: filter.from },
      { name: 'to', label: '到（含当日）', type: 'date', value: filter.to },
    ],
    buttons: [h('a', { class: 'button', href: hashOf('orders') }, '清除')],
    save: ({ order_id: id, ...rest }) => go(id ? orderHash(id) : hashOf('orders', { status: filter.status, ...rest })),
  });
}

export async function showOrder({ params: [id], signal, go, reload }) {
  const { body: order } = await call('GET', addressOf(id), { signal });
  order.refunds = await refundsOf(order, signal);
  return {
    title: '订单详情',
    heading: [h('span', { class: 'code' }, order.order_id), ' ', badge(order)],
    back: { href: hashOf('orders'), text: '全部订单' },
    body: [
      stepButtons(stepsOf(order), order, { reload, leave: () => go(hashOf('orders')) }),
      factsOf(order),
      refundList(order.refunds, reload),
      lines(order),
    ],
  };
}

function factsOf(order) {
  const { consignee, remark, shipment, user } = order;
  return facts([
    ['顾客', h('a', { href: hashOf(`users/${order.user_id}`) }, nameOfUser(order))],
    ['邮箱', user?.email],
    ['收货人', consignee && `${consignee.name} ${consignee.phone}`],
    ['收货地址', consignee?.address],
    ['备注', remark],
    ['快递', shipment && `${shipment.carrier} ${shipment.tracking_no}`],
    ['付款方式', order.payment_method],
    ['交易号', order.payment_id && h('span', { class: 'code' }, order.payment_id)],
    ['下单时间', showTime(order.created_at)],
    ['最后变更', showTime(order.updated_at)],
  ]);
}

// What the order costs less than its lines.
const reductionsOf = ({ discount_amount: discount, points_used: points, points_amount: value }) => [
  ['会员折扣', discount],
  [`积分抵扣（${points} 分）`, value],
].filter(([, amount]) => fenOf(amount) > 0);

function lines(order) {
  const { orderItems: items, total_amount: total } = order;
  const head = ['商品', '单价', '数量', '小计'];
  return h('div', { class: 'panel' }, h('table', { class: 'lines', 'aria-label': '商品明细' },
    h('thead', {}, h('tr', {}, head.map((text, i) => h('th', { scope: 'col', class: i > 0 ? 'number' : null }, text)))),
    h('tbody', {}, items.map((item) => h('tr', {},
      h('td', {}, item.product.name),
      h('td', { class: 'number' }, showYuan(item.unit_price)),
      h('td', { class: 'number' }, item.quantity),
      h('td', { class: 'number' }, showYuan(item.total_price))))),
    h('tfoot', {},
      reductionsOf(order).map(([name, amount]) => h('tr', {},
        h('th', { scope: 'row', colspan: 3 }, name),
        h('td', { class: 'number' }, `−${showYuan(amount)}`))),
      h('tr', {},
        h('th', { scope: 'row', colspan: 3 }, '合计'),
        h('td', { class: 'number total' }, showYuan(total))))));
}
