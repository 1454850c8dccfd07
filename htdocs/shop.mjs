// SPDX-License-Identifier: MIT
// The shop's front page: products on sale, by category or name, as seen by the public.

import { address, hashOf, readHash } from './common/address.mjs';
import { send } from './common/api.mjs';
import { add, empty, failure, h, loading, picture, show } from './common/dom.mjs';
import { showYuan } from './common/money.mjs';
import { loadTree } from './common/tree.mjs';

const PAGE = 24;
const goods = document.getElementById('goods');
const search = document.getElementById('search');
let tree = null;
let visit = new AbortController();

async function route() {
  visit.abort();
  visit = new AbortController();
  const { signal } = visit;
  const { query } = readHash();
  const q = query.get('q') ?? '';
  const category = Number(query.get('category')) || null;
  search.q.value = q;
  show(goods, loading());
  try {
    tree ??= await loadTree((page) => send('GET', page, { signal }));
    drawCategories(category, q);
    await drawGoods(address('/api/products', { category_id: category, q, limit: PAGE }), signal);
  } catch (error) {
    if (!signal.aborted) show(goods, failure(error, route));
  }
}

// first: the address of the first page.
async function drawGoods(first, signal) {
  const grid = h('ul', { class: 'grid' });
  const end = h('div', { class: 'more' });
  let page = first;
  const fill = async () => {
    show(end, loading());
    const { body, next } = await send('GET', page, { signal });
    const cards = body.map(card);
    add(grid, cards);
    page = next;
    show(end, page && h('button', { type: 'button', class: 'button', on: { click: further } }, '加载更多'));
    return cards;
  };
  const further = async () => {
    try {
      const [newest] = await fill();
      newest?.querySelector('button').focus();
    } catch (error) {
      if (!signal.aborted) show(end, failure(error, further));
    }
  };
  await fill();
  show(goods, grid.children.length === 0 ? empty('这里暂时没有商品。') : [grid, end]);
}

function drawCategories(chosen, q) {
  const link = (id, text) => h('a', { href: hashOf('', { category: id, q }), 'aria-current': id === chosen ? 'true' : null }, text);
  const row = (parent, first) => {
    const children = tree.childrenOf(parent);
    return children.length > 0 && h('div', { class: 'category-row' }, first, children.map((one) => link(one.category_id, one.name)));
  };
  // the path to the chosen category, each level with its siblings
  const path = [];
  for (let at = chosen === null ? null : tree.get(chosen); at; at = tree.get(at.parent_id)) path.unshift(at.category_id);
  show(document.getElementById('categories'), row(null, link(null, '全部')), path.map((id) => row(id)));
}

function card(product) {
  const { name, price, stock, image_url: image } = product;
  return h('li', {}, h('button', { type: 'button', class: 'card', on: { click: () => open(product) } },
    picture(image, name),
    h('span', { class: 'card-name' }, name),
    h('span', { class: 'card-foot' },
      h('span', { class: 'price' }, showYuan(price)),
      stock === 0 && h('span', { class: 'out' }, '暂时缺货'))));
}

function open({ name, description, price, stock, image_url: image, category }) {
  const close = h('button', { type: 'button', class: 'button', on: { click: () => dialog.close() } }, '关闭');
  const dialog = h('dialog', { 'aria-labelledby': 'product-name', class: 'product' },
    picture(image, name, 'large'),
    category && h('p', { class: 'hint' }, category.name),
    h('h2', { id: 'product-name' }, name),
    h('p', { class: 'price' }, showYuan(price), stock === 0 && h('span', { class: 'out' }, '暂时缺货')),
    description && h('p', { class: 'description' }, description),
    h('div', { class: 'product-foot' }, h('span', { class: 'hint' }, '在微信小程序中下单'), close));
  dialog.addEventListener('click', ({ target }) => { if (target === dialog) dialog.close(); });
  dialog.addEventListener('close', () => dialog.remove());
  document.body.append(dialog);
  dialog.showModal();
  close.focus();
}

search.addEventListener('submit', (event) => {
  event.preventDefault();
  const hash = hashOf('', { category: readHash().query.get('category'), q: search.q.value.trim() });
  if (location.hash === hash) route();
  else location.hash = hash;
});
window.addEventListener('hashchange', route);
route();
