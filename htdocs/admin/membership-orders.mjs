// SPDX-License-Identifier: MIT
// Membership orders: the list, and one order with its possible steps.

import { address, hashOf } from '../common/address.mjs';
import { h } from '../common/dom.mjs';
import { showYuan } from '../common/money.mjs';
import { showTime } from '../common/time.mjs';
import { makeFilter } from './form.mjs';
import { facts, makePage, tabs } from './list.mjs';
import { CHOICES, hasDiscount, kindOf, methodOf, nameOf, stepsOf, toneOf } from './membership-state.mjs';
import { call } from './session.mjs';
import { stepButtons } from './steps.mjs';

const SECTION = 'membership-orders';
const badge = ({ status }) => h('span', { class: `badge ${toneOf(status)}` }, nameOf(status));
const orderHash = (no) => hashOf(`${SECTION}/${encodeURIComponent(no)}`);
const userLink = ({ user_id: id }, name = `用户 ${id}`) => h('a', { href: hashOf(`users/${id}`) }, name);

const COLUMNS = [
  { label: '订单', className: 'main', cell: (o) => h('a', { href: orderHash(o.order_no), class: 'code' }, o.order_no) },
  { label: '顾客', cell: (o) => userLink(o) },
  { label: '套餐', className: 'wide', cell: (o) => [h('span', {}, o.plan_name), h('p', { class: 'hint' },
    `${kindOf(o.order_type)} · 等级 ${o.level} · ${o.duration_days} 天`)] },
  { label: '应付', className: 'number', cell: (o) => [h('span', {}, showYuan(o.amount)),
    hasDiscount(o) && h('p', { class: 'hint' }, `已抵扣 ${showYuan(o.discount_amount)}`)] },
  { label: '状态', cell: badge },
  { label: '下单时间', className: 'time', cell: (o) => showTime(o.created_at) },
];

export async function listMembershipOrders({ query, signal, go }) {
  const filter = Object.fromEntries(['status', 'user_id'].map((name) => [name, query.get(name) ?? '']));
  const list = await makePage({
    caption: '会员订单',
    columns: COLUMNS,
    signal,
    nothing: '没有符合条件的会员订单。',
    target: address('/api/membership/orders/list/', { ...filter, page: query.get('page'), page_size: 30 }),
    hrefOf: (page) => hashOf(SECTION, { ...filter, page }),
  });
  return {
    title: '会员订单',
    body: [
      tabs('订单状态', [['', '全部'], ...CHOICES], filter.status, (status) => hashOf(SECTION, { ...filter, status })),
      filterForm(filter, go),
      list,
    ],
  };
}

function filterForm(filter, go) {
  return makeFilter({
    submit: '筛选',
    fields: [
      { name: 'order_no', label: '订单号', type: 'search', more: { autocomplete: 'off' } },
      {
        name: 'user_id', label: '用户编号', type: 'search', value: filter.user_id, more: { inputmode: 'numeric' },
        check: (text) => (/^[1-9]\d{0,17}$/.test(text) ? null : '编号是正整数'),
      },
    ],
    buttons: [h('a', { class: 'button', href: hashOf(SECTION) }, '清除')],
    save: ({ order_no: no, ...rest }) => go(no ? orderHash(no) : hashOf(SECTION, { status: filter.status, ...rest })),
  });
}

export async function showMembershipOrder({ params: [no], signal, go, reload }) {
  const { body: order } = await call('GET', address('/api/membership/orders/detail/', { order_no: no }), { signal });
  return {
    title: '会员订单详情',
    heading: [h('span', { class: 'code' }, order.order_no), ' ', badge(order)],
    back: { href: hashOf(SECTION), text: '全部会员订单' },
    body: [
      stepButtons(stepsOf(order), order, { reload, leave: () => go(hashOf(SECTION)) }),
      order.status === 'REFUNDING' && h('p', { class: 'notice' },
        '退款处理中：会员权益已经扣除，支付平台还没有确认退款。商店会继续询问，结果出来后这里会变化。'),
      facts(rowsOf(order, await ownerOf(order, signal))),
    ],
  };
}

// A deleted user can't be read any more, but the order can.
async function ownerOf({ user_id: id }, signal) {
  try {
    return (await call('GET', `/api/users/${id}`, { signal })).body;
  } catch (error) {
    if (error.status === 404) return null;
    throw error;
  }
}

function rowsOf(order, owner) {
  const waits = order.status === 'PENDING';
  return [
    ['顾客', owner ? userLink(order, owner.nickname || undefined) : `用户 ${order.user_id}（已删除）`],
    ['套餐', order.plan_id === null ? order.plan_name : h('a', { href: hashOf(`plans/${order.plan_id}`) }, order.plan_name)],
    ['类型', kindOf(order.order_type)],
    ['等级', order.level],
    ['天数', order.duration_days],
    ['套餐价格', showYuan(order.price)],
    ['抵扣', hasDiscount(order) && showYuan(order.discount_amount)],
    ['应付', h('span', { class: 'total' }, showYuan(order.amount))],
    ['付款方式', order.payment_method && methodOf(order.payment_method)],
    ['下单时间', showTime(order.created_at)],
    ['付款期限', waits && showTime(order.expires_at)],
    ['付款时间', order.paid_at && showTime(order.paid_at)],
    ['最后变更', showTime(order.updated_at)],
  ];
}
