// SPDX-License-Identifier: MIT
// Products: the list, and the form that creates and changes one.

import { address, hashOf } from '../common/address.mjs';
import { newKey } from '../common/api.mjs';
import { h, mayLoad, picture, show } from '../common/dom.mjs';
import { isYuan, showYuan, yuanText } from '../common/money.mjs';
import { loadTree } from '../common/tree.mjs';
import { ask, say } from './dialog.mjs';
import { atMost, changes, makeFilter, makeForm, orNull } from './form.mjs';
import { makeList, tabs } from './list.mjs';
import { call } from './session.mjs';

const LOW_STOCK = 5;
const STATES = [['1', '上架'], ['0', '下架']];
const addressOf = (id) => `/api/products/${id}`;
const productHash = (id) => hashOf(`products/${id}`);

const COLUMNS = [
  { label: '商品', className: 'main', cell: (p) => h('a', { href: productHash(p.product_id), class: 'with-picture' },
    picture(p.image_url, p.name, 'small'), h('span', {}, p.name)) },
  { label: '编号', className: 'code', cell: (p) => p.product_id },
  { label: '分类', cell: (p) => p.category?.name ?? '—' },
  { label: '价格', className: 'number', cell: (p) => showYuan(p.price) },
  { label: '库存', className: 'number', cell: ({ stock }) => (
    h('span', { class: stock <= LOW_STOCK ? 'low' : null }, stock === 0 ? '0（缺货）' : stock)) },
  { label: '状态', cell: ({ status }) => h('span', { class: `badge ${status === 1 ? 'good' : 'still'}` },
    status === 1 ? '上架' : '下架') },
];

export async function listProducts({ query, signal, go }) {
  const filter = Object.fromEntries(['status', 'category_id', 'q'].map((name) => [name, query.get(name) ?? '']));
  const load = (page) => call('GET', page, { signal });
  const [tree, list] = await Promise.all([loadTree(load), makeList({
    caption: '商品', columns: COLUMNS, signal, nothing: '没有符合条件的商品。',
    first: address('/api/products', { ...filter, limit: 30 }),
  })]);
  const form = makeFilter({
    submit: '筛选',
    fields: [
      { name: 'q', label: '名称', type: 'search', value: filter.q, check: atMost(100) },
      {
        name: 'category_id', label: '分类', type: 'select', value: filter.category_id,
        choices: [['', '全部分类'], ...tree.choices()],
      },
    ],
    buttons: [h('a', { class: 'button', href: hashOf('products') }, '清除')],
    save: (values) => go(hashOf('products', { status: filter.status, ...values })),
  });
  return {
    title: '商品',
    actions: h('a', { class: 'button primary', href: hashOf('products/new') }, '新建商品'),
    body: [
      tabs('商品状态', [['', '全部'], ...STATES], filter.status, (status) => hashOf('products', { ...filter, status })),
      form,
      list,
    ],
  };
}

export async function newProduct({ signal, go }) {
  const tree = await loadTree((page) => call('GET', page, { signal }));
  const blank = { name: '', description: null, price: '', stock: 0, image_url: null, status: 1, category_id: null };
  return {
    title: '新建商品',
    back: { href: hashOf('products'), text: '全部商品' },
    body: h('div', { class: 'panel narrow' }, productForm(blank, tree, '创建商品', async (values) => {
      await call('POST', '/api/products', { body: values });
      say('商品已创建');
      go(hashOf('products'));
    })),
  };
}

export async function editProduct({ params: [id], signal, go }) {
  const load = (page) => call('GET', page, { signal });
  const [{ body: product }, tree] = await Promise.all([load(addressOf(id)), loadTree(load)]);
  const before = fromRow(product);
  const key = newKey(); // the stock is changed once, even if the response is lost and 保存 is clicked again
  const save = async (values) => {
    const { stock, ...body } = changes(values, before);
    // sales since the form was opened are kept
    if (stock !== undefined) body.stock_delta = stock - before.stock;
    if (Object.keys(body).length > 0) await call('PUT', addressOf(id), { body, key });
    say('商品已保存');
    go(hashOf('products'));
  };
  const remove = async () => {
    const done = await ask({
      title: '删除商品', danger: true, submit: '删除商品',
      text: `“${product.name}”将从商店和这里消失；已有订单里仍会显示它。只是暂停销售的话，把它下架即可。`,
      save: () => call('DELETE', addressOf(id)),
    });
    if (!done) return;
    say('商品已删除');
    go(hashOf('products'));
  };
  return {
    title: '编辑商品',
    heading: product.name,
    back: { href: hashOf('products'), text: '全部商品' },
    actions: h('button', { type: 'button', class: 'button danger', on: { click: remove } }, '删除'),
    body: h('div', { class: 'panel narrow' }, productForm(before, tree, '保存', save)),
  };
}

// A row in the form's representation, so that the two can be compared.
function fromRow(row) {
  const { name, description, stock, image_url, status, category_id } = row;
  return { name, description, price: yuanText(row.price), stock, image_url, status, category_id };
}

function productForm(product, tree, submit, save) {
  return makeForm({
    submit,
    buttons: [h('a', { class: 'button', href: hashOf('products') }, '返回')],
    fields: fieldsOf(product, tree),
    save: (values) => save({
      name: values.name,
      description: orNull(values.description),
      price: yuanText(values.price),
      stock: Number(values.stock),
      image_url: orNull(values.image_url),
      status: Number(values.status),
      category_id: values.category_id === '' ? null : Number(values.category_id),
    }),
  });
}

function fieldsOf(product, tree) {
  return [
    { name: 'name', label: '名称', required: true, value: product.name, check: atMost(100) },
    {
      name: 'category_id', label: '分类', type: 'select', value: product.category_id ?? '',
      choices: [['', '不分类'], ...tree.choices()],
    },
    {
      name: 'price', label: '价格（元）', required: true, value: product.price, more: { inputmode: 'decimal', autocomplete: 'off' },
      check: (text) => (isYuan(text) ? null : '请输入金额，最多两位小数，例如 29.90'),
    },
    {
      name: 'stock', label: '库存', required: true, value: product.stock, more: { inputmode: 'numeric', autocomplete: 'off' },
      hint: product.name && '按改动的差额增减：把 5 改成 7 就是加 2，期间卖出的不受影响。',
      check: (text) => (/^\d{1,9}$/.test(text) ? null : '请输入 0 到 999999999 的整数'),
    },
    { name: 'status', label: '状态', type: 'select', value: product.status, choices: STATES },
    {
      name: 'image_url', label: '图片地址', type: 'url', value: product.image_url,
      hint: 'https:// 开头的地址，或本站以 / 开头的路径', aside: previewOf,
      check: (text) => atMost(500)(text)
        ?? (/^(https:\/\/|\/(?!\/))\S+$/.test(text) && mayLoad(text) ? null : '须以 https:// 或 / 开头'),
    },
    { name: 'description', label: '描述', type: 'textarea', value: product.description, check: atMost(5000) },
  ];
}

function previewOf(control) {
  const place = h('div', { class: 'preview' });
  // its space is reserved from the beginning: if the buttons below moved, a click could miss them
  const draw = () => show(place, picture(control.value.trim() || null, '图', 'medium'));
  control.addEventListener('change', draw);
  queueMicrotask(draw); // the value is set after the control is created
  return place;
}
