// SPDX-License-Identifier: MIT
// A membership order's states and types, and an administrator's possible steps in each.

import { showYuan } from '../common/money.mjs';

const STATES = {
  PENDING: ['待付款', 'wait'],
  PAID: ['已付款', 'good'],
  CANCELLED: ['已取消', 'still'],
  EXPIRED: ['已过期', 'still'],
  REFUNDING: ['退款中', 'move'],
  REFUNDED: ['已退款', 'still'],
};
const KINDS = { NEW: '新购', RENEWAL: '续费', UPGRADE: '升级' };
const METHODS = { ALIPAY: '支付宝', WECHAT: '微信' };

export const CHOICES = Object.entries(STATES).map(([status, [name]]) => [status, name]);
export const nameOf = (status) => STATES[status]?.[0] ?? status;
export const toneOf = (status) => STATES[status]?.[1] ?? 'still';
export const kindOf = (type) => KINDS[type] ?? type;
export const methodOf = (method) => METHODS[method] ?? method;

export const hasDiscount = (order) => !isNothing(order.discount_amount);

// See steps.mjs for what a step is.
const act = (action) => (order) => ['POST', '/api/membership/orders/action/', { order_no: order.order_no, action }];

const cancel = {
  label: '取消订单',
  done: '订单已取消',
  question: (order) => ({
    title: '取消会员订单',
    text: `取消后顾客不能再支付“${order.plan_name}”的这张订单，可以重新下单。如果顾客此刻正在付款，付进来的钱会自动退回。`,
    submit: '取消订单',
    danger: true,
  }),
  request: act('cancel'),
};

const refund = {
  label: '退款',
  tone: 'danger',
  done: '订单已退款',
  question: (order) => ({
    title: '会员订单退款',
    text: `${moneyBack(order)}${timeBack(order)}退款不能撤回。`,
    submit: '确认退款',
    danger: true,
  }),
  request: act('refund'),
};

const moneyBack = ({ amount }) => (isNothing(amount) ? '这张订单没有收款，不会退钱。'
  : `将把实付的 ${showYuan(amount)} 全额按原支付方式退给顾客。`);

const timeBack = ({ order_type: type, duration_days: days }) => (type === 'UPGRADE'
  ? '升级立即失效，升级前的会员恢复为原来的等级和到期时间。'
  : `会员有效期立即减少这张订单的 ${days} 天，最多减到现在为止。`);

const STEPS = { PENDING: [cancel], PAID: [refund] };

export const stepsOf = (order) => STEPS[order.status] ?? [];

function isNothing(amount) {
  return /^0+(\.0+)?$/.test(amount);
}
