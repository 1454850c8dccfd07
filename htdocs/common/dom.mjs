// SPDX-License-Identifier: MIT
// Elements from data. Stored data reaches the page only as text or as attribute values, never as markup.

import { messageOf } from './api.mjs';

// h('a', { href: '#/orders', class: 'link' }, '订单', 3): children are nodes, texts, lists of these, or null for nothing.
// `on` has listeners; true sets an attribute without a value; null, undefined and false omit it.
export function h(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name === 'on') {
      for (const [event, listener] of Object.entries(value)) element.addEventListener(event, listener);
    } else if (value !== null && value !== undefined && value !== false) {
      element.setAttribute(name, value === true ? '' : String(value));
    }
  }
  add(element, children);
  return element;
}

export function add(element, ...children) {
  for (const child of children.flat(Infinity)) {
    if (child === null || child === undefined || child === false) continue;
    element.append(child instanceof Node ? child : document.createTextNode(String(child)));
  }
}

export function show(element, ...children) {
  element.replaceChildren();
  add(element, children);
}

// A thing's picture, or its first character if there is none that may be loaded.
export function picture(address, name, className = '') {
  const frame = h('span', { class: `picture ${className}`, 'aria-hidden': 'true' });
  const blank = () => show(frame, h('span', { class: 'picture-blank' }, Array.from(name)[0] ?? ''));
  if (mayLoad(address)) show(frame, h('img', { src: address, alt: '', loading: 'lazy', on: { error: blank } }));
  else blank();
  return frame;
}

// What the pages' Content-Security-Policy allows.
export function mayLoad(address) {
  try {
    const { protocol, origin } = new URL(address ?? 'about:blank', location.href);
    return protocol === 'https:' || origin === location.origin;
  } catch {
    return false;
  }
}

export function loading(text = '正在加载…') {
  return h('p', { class: 'note loading', role: 'status' }, text);
}

export function empty(text, ...more) {
  return h('div', { class: 'note' }, h('p', {}, text), more);
}

// An error, a retry button if that can help, and other links.
export function failure(error, retry, ...ways) {
  return h('div', { class: 'note failure', role: 'alert' },
    h('p', {}, messageOf(error)),
    retry && h('button', { type: 'button', class: 'button', on: { click: retry } }, '重试'), ways);
}
