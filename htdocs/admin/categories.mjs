// SPDX-License-Identifier: MIT
// Categories: the tree, and dialogs that create, rename, move and delete one.

import { hashOf } from '../common/address.mjs';
import { empty, h } from '../common/dom.mjs';
import { loadTree } from '../common/tree.mjs';
import { ask, say } from './dialog.mjs';
import { atMost, changes, orNull } from './form.mjs';
import { call } from './session.mjs';

const addressOf = (id) => `/api/categories/${id}`;

export async function showCategories({ signal, reload }) {
  const tree = await loadTree((page) => call('GET', page, { signal }));
  const after = async (asked, words) => {
    if (!await asked) return;
    say(words);
    reload();
  };
  const make = (parent) => after(ask({
    title: parent ? `在“${parent.name}”下新建分类` : '新建分类',
    submit: '创建分类',
    fields: fieldsOf({ parent_id: parent?.category_id ?? null }, tree),
    save: (values) => call('POST', '/api/categories', { body: fromForm(values) }),
  }), '分类已创建');
  const edit = (row) => after(ask({
    title: '编辑分类',
    submit: '保存',
    fields: fieldsOf(row, tree),
    save: async (values) => {
      const body = changes(fromForm(values), row);
      if (Object.keys(body).length > 0) await call('PUT', addressOf(row.category_id), { body });
    },
  }), '分类已保存');
  const remove = (row) => after(ask({
    title: '删除分类',
    text: `确认删除“${row.name}”？下面还有商品或子分类时不能删除。`,
    submit: '删除分类',
    danger: true,
    save: () => call('DELETE', addressOf(row.category_id)),
  }), '分类已删除');

  const button = (text, what, row, more = '') => h('button', {
    id: `${what.name}-${row.category_id}`, type: 'button', class: `button quiet ${more}`,
    'aria-label': `${text}：${row.name}`, on: { click: () => what(row) },
  }, text);
  const branch = (parent) => h('ul', {}, tree.childrenOf(parent).map((row) => h('li', {},
    h('div', { class: 'category' },
      h('div', { class: 'category-text' },
        h('a', { href: hashOf('products', { category_id: row.category_id }) }, row.name),
        row.description && h('span', { class: 'hint' }, row.description)),
      h('div', { class: 'buttons' }, button('添加下级', make, row), button('编辑', edit, row),
        button('删除', remove, row, 'danger'))),
    tree.childrenOf(row.category_id).length > 0 && branch(row.category_id))));

  return {
    title: '分类',
    actions: h('button', { id: 'make', type: 'button', class: 'button primary', on: { click: () => make(null) } }, '新建分类'),
    body: tree.childrenOf(null).length === 0 ? empty('还没有分类。')
      : h('div', { class: 'panel tree' }, branch(null)),
  };
}

function fieldsOf(row, tree) {
  return [
    { name: 'name', label: '名称', required: true, value: row.name, check: atMost(100) },
    {
      name: 'parent_id', label: '上级分类', type: 'select', value: row.parent_id ?? '',
      choices: [['', '（无，顶级分类）'], ...tree.choices(row.category_id ?? null)],
    },
    { name: 'description', label: '描述', type: 'textarea', value: row.description, check: atMost(5000), more: { rows: 3 } },
  ];
}

function fromForm({ name, description, parent_id: parent }) {
  return { name, description: orNull(description), parent_id: parent === '' ? null : Number(parent) };
}
