// SPDX-License-Identifier: MIT
// Users: the list, and the form that changes one.

import { address, hashOf } from '../common/address.mjs';
import { h } from '../common/dom.mjs';
import { showTime } from '../common/time.mjs';
import { ask, say } from './dialog.mjs';
import { atMost, changes, makeFilter, makeForm, orNull } from './form.mjs';
import { makeList, tabs } from './list.mjs';
import { call, user as signedIn } from './session.mjs';

const ROLES = [['0', '普通用户'], ['1', '管理员']];
const addressOf = (id) => `/api/users/${id}`;
const nameOf = (user) => user.nickname || `用户 ${user.user_id}`;

const COLUMNS = [
  { label: '用户', className: 'main', cell: (u) => h('a', { href: hashOf(`users/${u.user_id}`) }, nameOf(u)) },
  { label: '编号', className: 'code', cell: (u) => u.user_id },
  { label: '手机', cell: (u) => u.phone ?? '—' },
  { label: '邮箱', className: 'wide', cell: (u) => u.email ?? '—' },
  { label: '角色', cell: (u) => h('span', { class: `badge ${u.permission_level >= 1 ? 'act' : 'still'}` },
    u.permission_level >= 1 ? '管理员' : '普通用户') },
  { label: '注册时间', className: 'time', cell: (u) => showTime(u.created_at) },
];

export async function listUsers({ query, signal, go }) {
  const filter = Object.fromEntries(['permission_level', 'q'].map((name) => [name, query.get(name) ?? '']));
  const list = await makeList({
    caption: '用户', columns: COLUMNS, signal, nothing: '没有符合条件的用户。',
    first: address('/api/users', { ...filter, limit: 30 }),
  });
  const form = makeFilter({
    submit: '搜索',
    fields: [{ name: 'q', label: '昵称、手机或邮箱', type: 'search', value: filter.q, check: atMost(100) }],
    buttons: [h('a', { class: 'button', href: hashOf('users') }, '清除')],
    save: (values) => go(hashOf('users', { ...filter, ...values })),
  });
  return {
    title: '用户',
    body: [
      tabs('角色', [['', '全部'], ...ROLES], filter.permission_level,
        (level) => hashOf('users', { ...filter, permission_level: level })),
      form,
      list,
    ],
  };
}

export async function editUser({ params: [id], signal, go }) {
  const { body: user } = await call('GET', addressOf(id), { signal });
  const self = user.user_id === signedIn()?.user_id;
  const form = makeForm({
    submit: '保存',
    buttons: [h('a', { class: 'button', href: hashOf('users') }, '返回')],
    fields: fieldsOf(user, self),
    save: async (values) => {
      const body = changes(fromForm(values), user);
      if (Object.keys(body).length > 0) await call('PUT', addressOf(id), { body });
      say('用户已保存');
      go(hashOf('users'));
    },
  });
  const remove = async () => {
    const done = await ask({
      title: '删除用户', danger: true, submit: '删除用户',
      text: `“${nameOf(user)}”将不能再登录，手机、邮箱和微信绑定被清除；订单和账目保留。`,
      save: () => call('DELETE', addressOf(id)),
    });
    if (!done) return;
    say('用户已删除');
    go(hashOf('users'));
  };
  return {
    title: '编辑用户',
    heading: nameOf(user),
    back: { href: hashOf('users'), text: '全部用户' },
    actions: [
      h('a', { class: 'button', href: hashOf('orders', { user_id: user.user_id }) }, '查看订单'),
      h('a', { class: 'button', href: hashOf('membership-orders', { user_id: user.user_id }) }, '会员订单'),
      h('button', { type: 'button', class: 'button danger', on: { click: remove } }, '删除'),
    ],
    body: h('div', { class: 'panel narrow' },
      h('p', { class: 'hint' }, `编号 ${user.user_id}，注册于 ${showTime(user.created_at)}${user.openid ? '，已绑定微信' : ''}`),
      form),
  };
}

function fieldsOf(user, self) {
  return [
    { name: 'nickname', label: '昵称', required: true, value: user.nickname, check: atMost(100), more: { autocomplete: 'off' } },
    {
      name: 'phone', label: '手机', type: 'tel', value: user.phone, more: { autocomplete: 'off' },
      check: (text) => (/^\+?\d{5,19}$/.test(text.replace(/\s/g, '')) ? null : '请输入电话号码，只含数字，可以 + 开头'),
    },
    {
      name: 'email', label: '邮箱', type: 'email', value: user.email, more: { autocomplete: 'off' },
      check: (text) => (/^[^\s@]+@[^\s@]+\.[^\s@]+$/.test(text) ? null : '请输入邮箱地址'),
    },
    {
      name: 'permission_level', label: '角色', type: 'select', value: user.permission_level, choices: ROLES,
      hint: self ? '这是您自己：改变角色会让您立即退出。' : '改变角色会让这个用户重新登录。',
    },
    {
      name: 'password', label: '新密码', type: 'password', more: { autocomplete: 'new-password' },
      hint: `至少 8 个字符；留空则不改。改后${self ? '您' : '该用户'}需要重新登录。`,
      check: (text) => {
        const bytes = new TextEncoder().encode(text).length;
        return Array.from(text).length >= 8 && bytes <= 128 ? null : '8 个字符以上，128 字节以内';
      },
    },
  ];
}

function fromForm({ nickname, phone, email, permission_level: level, password }) {
  return {
    nickname,
    phone: orNull(phone),
    email: orNull(email.toLowerCase()),
    permission_level: Number(level),
    ...(password === '' ? {} : { password }),
  };
}
