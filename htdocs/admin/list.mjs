// SPDX-License-Identifier: MIT
// Lists: a table that becomes cards on a narrow screen, with filters and paging.

import { messageOf } from '../common/api.mjs';
import { h, loading, empty, show } from '../common/dom.mjs';
import { call } from './session.mjs';

// Filters as links, one for each value.
export function tabs(label, choices, chosen, hrefOf) {
  return h('nav', { class: 'tabs', 'aria-label': label }, choices.map(([value, text]) => h('a', {
    id: `tab-${value}`, href: hrefOf(value), 'aria-current': value === chosen ? 'true' : null,
  }, text)));
}

// columns: [{ label, cell: (row) => content, className }]; `first` is the address of the first page.
// Resolves to the table once its first page is loaded; more rows can be appended while the API names a next page.
export async function makeList({ caption, columns, first, signal, nothing }) {
  const { table, body, addRow } = makeTable(caption, columns);
  const end = h('div', { class: 'list-end' });

  const addPage = async (page) => {
    const { body: rows, next } = await call('GET', page, { signal });
    const added = rows.map(addRow);
    show(end, next ? moreButton(next) : allShown(body.rows.length));
    return added;
  };
  const moreButton = (next) => h('button', { type: 'button', class: 'button', on: { click: async () => {
    show(end, loading());
    try {
      const [row] = await addPage(next);
      row?.querySelector('a, button')?.focus();
    } catch (error) {
      if (signal.aborted) return;
      show(end, h('p', { class: 'fault', role: 'alert' }, messageOf(error)), moreButton(next));
    }
  } } }, '加载更多');

  await addPage(first);
  return body.rows.length === 0 ? empty(nothing) : h('div', { class: 'panel' }, table, end);
}

// The same for a list with numbered pages: one page at `target`, with links to the previous and next above and below.
// hrefOf(page): the admin page's address of another page.
export async function makePage({ caption, columns, target, signal, nothing, hrefOf }) {
  const { body: rows, pagination: { total, page, page_size: size } } = await call('GET', target, { signal });
  const pages = Math.ceil(total / size);
  if (total === 0) return empty(nothing);
  if (rows.length === 0) return empty('这一页已经没有内容。', h('a', { class: 'button', href: hrefOf(pages) }, '去最后一页'));
  const { table, addRow } = makeTable(caption, columns);
  rows.forEach(addRow);
  if (pages === 1) return h('div', { class: 'panel' }, table, h('div', { class: 'list-end' }, allShown(total)));
  // only the links above the list keep the keyboard focus; those below lead to the start of the next page
  const pager = (where, attributes) => {
    const link = (name, to, text) => h(to >= 1 && to <= pages ? 'a' : 'span', {
      class: 'button', href: to >= 1 && to <= pages ? hrefOf(to) : null, ...attributes(name),
    }, text);
    return h('nav', { class: `pager ${where}`, 'aria-label': where === 'above' ? '翻页' : '翻页（列表末尾）' },
      link('previous', page - 1, '‹ 上一页'),
      h('p', { class: 'hint' }, h('span', {}, `第 ${page} / ${pages} 页，`), h('span', {}, `共 ${total} 条`)),
      link('next', page + 1, '下一页 ›'));
  };
  return h('div', { class: 'panel' },
    pager('above', (name) => ({ id: `page-${name}` })),
    table,
    pager('below', () => ({ on: { click: () => window.scrollTo(0, 0) } })));
}

// The properties of one thing: [[name, value]], without empty ones.
export function facts(rows) {
  return h('dl', { class: 'panel facts' }, rows.filter(([, value]) => value || value === 0)
    .map(([name, value]) => h('div', {}, h('dt', {}, name), h('dd', {}, value))));
}

function makeTable(caption, columns) {
  const body = h('tbody', { role: 'rowgroup' });
  const table = h('table', { class: 'list', role: 'table', 'aria-label': caption },
    h('thead', { role: 'rowgroup' }, h('tr', { role: 'row' }, columns.map(({ label, className }) => (
      h('th', { scope: 'col', role: 'columnheader', class: className }, label))))),
    body);
  const addRow = (row) => {
    const element = h('tr', { role: 'row' }, columns.map(({ label, cell, className }) => (
      h('td', { role: 'cell', 'data-label': label, class: className }, cell(row)))));
    body.append(element);
    return element;
  };
  return { table, body, addRow };
}

function allShown(n) {
  return h('p', { class: 'hint' }, `共 ${n} 条，已全部显示`);
}
