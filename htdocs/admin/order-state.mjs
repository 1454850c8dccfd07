// SPDX-License-Identifier: MIT
// An order's states, and an administrator's possible steps in each.

import { fenOf, isYuan, showYuan } from '../common/money.mjs';
import { atMost } from './form.mjs';

const [PENDING, PAID, SHIPPED, COMPLETED, CANCELLED, REFUNDED] = [0, 1, 2, 3, 4, 5];

export const NAMES = ['待付款', '已付款', '已发货', '已完成', '已取消', '已退款'];
const TONES = ['wait', 'act', 'move', 'good', 'still', 'still'];

export const nameOf = (status) => NAMES[status] ?? `状态 ${status}`;
export const toneOf = (status) => TONES[status] ?? 'still';

export const addressOf = (id) => `/api/orders/${encodeURIComponent(id)}`;

// See steps.mjs for what a step is.
const payOffline = {
  label: '登记线下收款',
  tone: 'primary',
  done: '已登记收款',
  question: (order) => ({
    title: '登记线下收款',
    text: `确认已在线下收到 ${showYuan(order.total_amount)}？登记后订单变为“已付款”并记入审计日志，不能撤回。`,
    submit: '确认收款',
    fields: [
      {
        name: 'payment_method', label: '收款方式', required: true, check: atMost(50), hint: '例如：现金、银行转账',
        more: { autocomplete: 'off' },
      },
      {
        name: 'payment_id', label: '收据号或流水号', required: true, check: atMost(64), more: { autocomplete: 'off' },
      },
    ],
  }),
  request: (order, values) => ['PUT', addressOf(order.order_id), { status: PAID, ...values }],
};

// The shipment's fields.
const ship = {
  label: '发货',
  tone: 'primary',
  done: '已发货',
  question: (order) => ({
    title: '发货',
    text: '确认货物已经寄出？订单将变为“已发货”，顾客可以确认收货。',
    submit: '确认发货',
    fields: 'shipment' in order ? [
      { name: 'carrier', label: '快递公司', check: atMost(50), hint: '自提等不用快递时留空' },
      { name: 'tracking_no', label: '快递单号', check: atMost(64), more: { autocomplete: 'off' } },
    ] : [],
  }),
  request: (order, values) => ['PUT', addressOf(order.order_id),
    { status: SHIPPED, ...(values.carrier || values.tracking_no ? { shipment: values } : {}) }],
};

const complete = {
  label: '确认完成',
  tone: 'primary',
  done: '订单已完成',
  question: () => ({ title: '确认完成', text: '确认顾客已经收到货物？订单将变为“已完成”。', submit: '确认完成' }),
  request: (order) => ['POST', `${addressOf(order.order_id)}/complete`],
};

const cancel = {
  label: '取消订单',
  done: '订单已取消，库存已退回',
  question: () => ({ title: '取消订单', text: '取消后顾客不能再付款，库存立即退回。', submit: '取消订单', danger: true }),
  request: (order) => ['POST', `${addressOf(order.order_id)}/cancel`],
};

// Payments through WeChat or by card are refunded in the same way. refunds: from order-refunds.mjs.
const refundOnline = {
  label: '退款',
  tone: 'danger',
  done: '退款已提交',
  question: ({ refunds, payment_method: method }) => ({
    title: '退款',
    text: `按原支付方式（${method ?? '在线支付'}）退给顾客。还可以退 ${showYuan(refunds.left)}；`
      + '全部退完后订单变为“已退款”，未发货的库存会退回。退款不能撤回。',
    submit: '确认退款',
    danger: true,
    fields: [
      {
        name: 'amount', label: '退款金额（元）', required: true, value: refunds.left, more: { inputmode: 'decimal', autocomplete: 'off' },
        check: (text) => (isYuan(text) && fenOf(text) > 0 && fenOf(text) <= fenOf(refunds.left) ? null
          : `请输入 0.01 到 ${refunds.left} 之间的金额`),
      },
      { name: 'reason', label: '退款原因', required: true, check: atMost(80), hint: '顾客会在支付平台的退款通知里看到' },
    ],
  }),
  request: ({ order_id }, { amount, reason }) => ['POST', '/api/payment/refunds', { order_id, amount, reason }],
};

const refundOffline = {
  label: '登记线下退款',
  done: '已登记退款',
  question: (order) => ({
    title: '登记线下退款',
    text: `确认已把 ${showYuan(order.total_amount)} 全额退给顾客？登记后不能撤回。`
      + `${order.points_used > 0 ? `抵扣的 ${order.points_used} 积分将退回。` : ''}`
      + `${order.status === PAID ? '库存将退回。' : '货物已经寄出，库存不退回。'}`,
    submit: '确认退款',
    danger: true,
  }),
  request: (order) => ['PUT', addressOf(order.order_id), { status: REFUNDED }],
};

const remove = {
  label: '删除',
  done: '订单已删除',
  leaves: true,
  question: (order) => ({
    title: '删除订单',
    text: `${order.status === PENDING ? '订单会先被取消，库存退回。' : ''}删除后顾客和管理员都不再看到它，账目仍会保留。`,
    submit: '删除订单',
    danger: true,
  }),
  request: (order) => ['DELETE', addressOf(order.order_id)],
};

const STEPS = {
  [PENDING]: [payOffline, cancel, remove],
  [PAID]: [ship, refundOnline, refundOffline],
  [SHIPPED]: [complete, refundOnline, refundOffline],
  [COMPLETED]: [refundOnline, refundOffline, remove],
  [CANCELLED]: [remove],
  [REFUNDED]: [remove],
};

// Only the refund matching the payment is offered, and only while something is refundable.
const fits = (step, { paid_by: by, refunds }) => {
  if (step === refundOnline) return by === 'PROVIDER' && fenOf(refunds.left) > 0;
  return step !== refundOffline || by !== 'PROVIDER';
};

export const stepsOf = (order) => (STEPS[order.status] ?? []).filter((step) => fits(step, order));
