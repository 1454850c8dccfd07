// Lists: a table that becomes cards on a narrow screen, filters above it, and more rows at its end as long as there are.

import { messageOf } from '../common/api.mjs';
import { h, loading, empty, show } from '../common/dom.mjs';
import { call } from './session.mjs';

// Filters that are links, one for each value.
export function tabs(label, choices, chosen, hrefOf) {
  return h('nav', { class: 'tabs', 'aria-label': label }, choices.map(([value, text]) => h('a', {
    id: `tab-${value}`, href: hrefOf(value), 'aria-current': value === chosen ? 'true' : null,
  }, text)));
}

// columns: [{ label, cell: (row) => content, className }]; `first` is the address of the first page.
// Answers the table once its first page is there.
export async function makeList({ caption, columns, first, signal, nothing }) {
  const body = h('tbody', { role: 'rowgroup' });
  const end = h('div', { class: 'list-end' });
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
  const addPage = async (page) => {
    const { body: rows, next } = await call('GET', page, { signal });
    const added = rows.map(addRow);
    show(end, next ? moreButton(next) : h('p', { class: 'hint' }, `共 ${body.rows.length} 条，已全部显示`));
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
