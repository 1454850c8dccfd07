// SPDX-License-Identifier: MIT
// The frame of the admin pages: sign-in state, routing by address, and rendering.

import { hashOf, readHash } from '../common/address.mjs';
import { ApiError } from '../common/api.mjs';
import { failure, h, loading, show } from '../common/dom.mjs';
import { showCategories } from './categories.mjs';
import { closeDialogs, say } from './dialog.mjs';
import { makeForm } from './form.mjs';
import { listMembershipOrders, showMembershipOrder } from './membership-orders.mjs';
import { showMoney } from './money.mjs';
import { listOrders, showOrder } from './orders.mjs';
import { listMembers, showMember } from './members.mjs';
import { editPlan, listPlans, newPlan } from './plans.mjs';
import { editProduct, listProducts, newProduct } from './products.mjs';
import { listReconciliations, showReconciliation } from './reconciliations.mjs';
import { SignedOut, check, onLost, signIn, signOut, user } from './session.mjs';
import { editUser, listUsers } from './users.mjs';

// A page is made by an async function of { params, query, signal, go, reload }. It returns { title, body } and optionally
// heading (default: the title), back { href, text } and actions; all are nodes or texts.
const PAGES = [
  [/^orders$/, listOrders],
  [/^orders\/([^/]+)$/, showOrder],
  [/^products$/, listProducts],
  [/^products\/new$/, newProduct],
  [/^products\/(\d+)$/, editProduct],
  [/^categories$/, showCategories],
  [/^plans$/, listPlans],
  [/^plans\/new$/, newPlan],
  [/^plans\/(\d+)$/, editPlan],
  [/^membership-orders$/, listMembershipOrders],
  [/^membership-orders\/([^/]+)$/, showMembershipOrder],
  [/^money$/, showMoney],
  [/^reconciliations$/, listReconciliations],
  [/^reconciliations\/(\d+)$/, showReconciliation],
  [/^members$/, listMembers],
  [/^members\/(\d+)$/, showMember],
  [/^users$/, listUsers],
  [/^users\/(\d+)$/, editUser],
];
const SECTIONS = [
  ['orders', '订单'], ['products', '商品'], ['categories', '分类'],
  ['plans', '会员套餐'], ['membership-orders', '会员订单'], ['members', '会员'], ['money', '资金'], ['reconciliations', '对账'], ['users', '用户'],
];
const START = 'orders';

const main = document.getElementById('main');
const bar = document.getElementById('bar');
let visit = new AbortController();
let shown = null; // path of the page on the screen
let typed = false; // it has unsent input
let kept = null; // such a page, kept when the session ended, for when its user returns

function go(hash) {
  if (location.hash === hash) route();
  else location.hash = hash;
}

// Shows the page of the address. A visit superseded by another shows nothing.
async function route() {
  visit.abort();
  visit = new AbortController();
  const { signal } = visit;
  closeDialogs();
  typed = false;
  kept = null;
  if (!user()) return showSignIn();
  const { path, query } = readHash();
  if (path === '') return history.replaceState(null, '', hashOf(START)), route();
  const [pattern, make] = PAGES.find(([one]) => one.test(path)) ?? [];
  drawBar(path);
  if (path === shown) main.setAttribute('aria-busy', 'true');
  else show(main, loading());
  try {
    await check(signal);
    if (!make) throw new ApiError('没有这个页面。');
    const params = pattern.exec(path).slice(1).map(decodeURIComponent);
    const page = await make({ params, query, signal, go, reload: route });
    if (!signal.aborted) draw(path, page);
  } catch (error) {
    if (signal.aborted || error instanceof SignedOut) return undefined;
    shown = null;
    const [section] = path.split('/');
    const list = path !== section && SECTIONS.find(([name]) => name === section);
    show(main, failure(error, error.status === 404 ? null : route,
      list && h('a', { class: 'button', href: hashOf(section) }, `返回${list[1]}列表`)));
  } finally {
    if (!signal.aborted) main.removeAttribute('aria-busy');
  }
  return undefined;
}

function draw(path, { title, heading = title, back, actions, body }) {
  const focused = document.activeElement?.id;
  document.title = `${title} · 管理后台`;
  const h1 = h('h1', { tabindex: -1 }, heading);
  show(main,
    back && h('a', { class: 'back', href: back.href }, `‹ ${back.text}`),
    h('div', { class: 'head' }, h1, actions && h('div', { class: 'buttons' }, actions)),
    body);
  // a filtered list keeps the keyboard focus
  const before = path === shown && focused ? document.getElementById(focused) : null;
  (before && main.contains(before) ? before : h1).focus({ preventScroll: path === shown });
  if (path !== shown) window.scrollTo(0, 0);
  shown = path;
  typed = false;
}

function drawBar(path) {
  bar.hidden = false;
  const [section] = path.split('/');
  show(document.getElementById('nav'), SECTIONS.map(([name, text]) => (
    h('a', { href: hashOf(name), 'aria-current': name === section ? 'page' : null }, text))));
  const who = document.getElementById('who');
  show(who, user().nickname);
  who.href = hashOf(`users/${user().user_id}`);
}

function showSignIn(notice = '') {
  shown = null;
  bar.hidden = true;
  show(document.getElementById('who'));
  document.title = '登录 · 管理后台';
  const form = makeForm({
    submit: '登录',
    fields: [
      { name: 'account', label: '邮箱或手机号', required: true, more: { autocomplete: 'username', autocapitalize: 'none' } },
      { name: 'password', label: '密码', type: 'password', required: true, more: { autocomplete: 'current-password' } },
    ],
    save: async ({ account, password }) => {
      await signIn(account, password);
      if (!takeUp()) route();
    },
  });
  show(main, h('div', { class: 'panel sign-in' },
    h('h1', {}, '管理后台'),
    notice && h('p', { class: 'notice', role: 'alert' }, notice),
    form,
    h('p', { class: 'hint' }, h('a', { href: '/' }, '‹ 去商店首页'))));
  form.querySelector('input').focus();
}

// Removes the page with unsent input from the screen, to restore it after signing in again.
function putAside(who) {
  const dialogs = [...document.querySelectorAll('dialog[open]')];
  kept = { who, hash: location.hash, shown, title: document.title, dialogs, nodes: [...main.childNodes] };
  for (const dialog of dialogs) {
    dialog.remove(); // removed, not closed: the question is still pending
    dialog.removeAttribute('open');
  }
}

// Restores it for the same user at the same address; returns whether there was one.
function takeUp() {
  const page = kept;
  kept = null;
  if (page?.who !== user()?.user_id || page.hash !== location.hash) return false;
  ({ shown } = page);
  typed = true;
  drawBar(shown);
  document.title = page.title;
  show(main, page.nodes);
  for (const dialog of page.dialogs) {
    document.body.append(dialog);
    dialog.showModal();
  }
  say('已重新登录，填写的内容还在，请再提交一次。');
  return true;
}

onLost((who) => {
  if (typed && shown !== null) {
    putAside(who);
  } else {
    visit.abort();
    closeDialogs();
  }
  showSignIn('登录已失效，请重新登录。');
});
document.addEventListener('input', ({ target }) => { typed ||= shown !== null && !target.closest('.filter'); });

document.getElementById('sign-out').addEventListener('click', async ({ currentTarget: button }) => {
  button.disabled = true;
  const told = await signOut();
  button.disabled = false;
  history.pushState(null, '', location.pathname);
  route();
  say(told ? '已退出登录' : '已在本机退出；没能通知服务器，请联网后修改密码以作废旧登录。');
});
document.getElementById('skip').addEventListener('click', (event) => {
  event.preventDefault();
  main.focus();
});
window.addEventListener('hashchange', route);
// a page from the browser's back/forward cache may belong to a user who has signed out
window.addEventListener('pageshow', ({ persisted }) => { if (persisted) route(); });
route();
