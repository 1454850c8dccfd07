// SPDX-License-Identifier: MIT
// VIP plans: the list, and the form that creates and changes one.

import { address, hashOf } from '../common/address.mjs';
import { ApiError } from '../common/api.mjs';
import { h } from '../common/dom.mjs';
import { fenOf, isYuan, showYuan, yuanText } from '../common/money.mjs';
import { ask, say } from './dialog.mjs';
import { atMost, changes, makeForm, orNull } from './form.mjs';
import { makePage } from './list.mjs';
import { call } from './session.mjs';

const PLANS = '/api/membership/plans/';
const PRICE_MAX_FEN = 100_000_000;
const STATES = [['true', '在售'], ['false', '下架']];
const addressOf = (id) => address(PLANS, { id });
const planHash = (id) => hashOf(`plans/${id}`);

const COLUMNS = [
  { label: '套餐', className: 'main', cell: (p) => h('a', { href: planHash(p.id) }, p.name) },
  { label: '编号', className: 'code', cell: (p) => p.id },
  { label: '等级', className: 'number', cell: (p) => p.level },
  { label: '天数', className: 'number', cell: (p) => p.duration_days },
  { label: '价格', className: 'number', cell: (p) => [h('span', {}, showYuan(p.price)),
    p.original_price && h('p', { class: 'hint' }, '原价 ', h('s', {}, showYuan(p.original_price)))] },
  { label: '状态', cell: ({ is_active: active }) => h('span', { class: `badge ${active ? 'good' : 'still'}` },
    active ? '在售' : '下架') },
];

export async function listPlans({ query, signal }) {
  return {
    title: '会员套餐',
    actions: h('a', { class: 'button primary', href: hashOf('plans/new') }, '新建套餐'),
    body: await makePage({
      caption: '会员套餐',
      columns: COLUMNS,
      signal,
      nothing: '还没有会员套餐。',
      target: address(PLANS, { page: query.get('page'), page_size: 30 }),
      hrefOf: (page) => hashOf('plans', { page }),
    }),
  };
}

export async function newPlan({ go }) {
  const blank = {
    name: '', level: 1, duration_days: 30, price: '', original_price: null, is_active: true, description: null,
  };
  return {
    title: '新建套餐',
    back: { href: hashOf('plans'), text: '全部套餐' },
    body: h('div', { class: 'panel narrow' }, planForm(blank, '创建套餐', async (body) => {
      await call('POST', PLANS, { body });
      say('套餐已创建');
      go(hashOf('plans'));
    })),
  };
}

export async function editPlan({ params: [id], signal, go }) {
  const plan = await findPlan(Number(id), signal);
  const before = fromRow(plan);
  const save = async (values) => {
    const body = changes(values, before);
    if (Object.keys(body).length > 0) await call('PATCH', addressOf(id), { body });
    say('套餐已保存');
    go(hashOf('plans'));
  };
  const remove = async () => {
    let words = null;
    const done = await ask({
      title: '删除套餐', danger: true, submit: '删除套餐',
      text: `确认删除“${plan.name}”？还没有人下过单时它会消失；有过订单时它只会下架，订单和顾客已有的会员不受影响。`,
      save: async () => { ({ message: words } = await call('DELETE', addressOf(id))); },
    });
    if (!done) return;
    say(words ?? '套餐已删除');
    go(hashOf('plans'));
  };
  return {
    title: '编辑套餐',
    heading: plan.name,
    back: { href: hashOf('plans'), text: '全部套餐' },
    actions: h('button', { type: 'button', class: 'button danger', on: { click: remove } }, '删除'),
    body: h('div', { class: 'panel narrow' }, planForm(before, '保存', save)),
  };
}

// The API returns plans only as a list.
async function findPlan(id, signal) {
  for (let page = 1, more = true; more; page += 1) {
    const { body: rows, pagination } = await call('GET', address(PLANS, { page, page_size: 500 }), { signal });
    const plan = rows.find((row) => row.id === id);
    if (plan) return plan;
    more = rows.length > 0 && page * pagination.page_size < pagination.total;
  }
  throw new ApiError('没有这个套餐，可能已被删除。', { status: 404 });
}

// A row in the form's representation, so that the two can be compared.
function fromRow({ name, level, duration_days, price, original_price, is_active, description }) {
  return {
    name, level, duration_days, is_active, description,
    price: yuanText(price),
    original_price: original_price === null ? null : yuanText(original_price),
  };
}

function planForm(plan, submit, save) {
  return makeForm({
    submit,
    buttons: [h('a', { class: 'button', href: hashOf('plans') }, '返回')],
    fields: fieldsOf(plan),
    save: (values) => save({
      name: values.name,
      level: Number(values.level),
      duration_days: Number(values.duration_days),
      price: yuanText(values.price),
      original_price: values.original_price === '' ? null : yuanText(values.original_price),
      is_active: values.is_active === 'true',
      description: orNull(values.description),
    }),
  });
}

const between = (least, most) => (text) => (
  /^\d{1,9}$/.test(text) && Number(text) >= least && Number(text) <= most ? null : `请输入 ${least} 到 ${most} 的整数`);

function priceFault(text) {
  if (!isYuan(text)) return '请输入金额，最多两位小数，例如 29.90';
  return fenOf(text) >= 1 && fenOf(text) <= PRICE_MAX_FEN ? null : '请输入 0.01 到 1000000.00 的金额';
}

function fieldsOf(plan) {
  const digits = { inputmode: 'numeric', autocomplete: 'off' };
  const amount = { inputmode: 'decimal', autocomplete: 'off' };
  return [
    { name: 'name', label: '名称', required: true, value: plan.name, check: atMost(100) },
    {
      name: 'price', label: '价格（元）', required: true, value: plan.price, more: amount, check: priceFault,
      hint: plan.name && '改价不影响已经下的订单。',
    },
    {
      name: 'original_price', label: '原价（元）', value: plan.original_price, more: amount, check: priceFault,
      hint: '划线显示给顾客看的价格；没有就留空',
    },
    {
      name: 'duration_days', label: '天数', required: true, value: plan.duration_days, more: digits, check: between(1, 3660),
    },
    {
      name: 'level', label: '会员等级', required: true, value: plan.level, more: digits, check: between(1, 999),
      hint: '数字越大等级越高；会员可以续费同级套餐，或升级到更高级的套餐',
    },
    {
      name: 'is_active', label: '状态', type: 'select', value: String(plan.is_active), choices: STATES,
      hint: '下架后顾客看不到也买不到；已有的会员不受影响。',
    },
    {
      name: 'description', label: '特权说明', type: 'textarea', value: plan.description, check: atMost(5000), hint: '一行一项特权',
    },
  ];
}
