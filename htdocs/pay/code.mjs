// SPDX-License-Identifier: MIT
// What a payment page's address says, and the QR code of it.

import { isYuan } from '../common/money.mjs';
import { generate } from './lean-qr.mjs';

const SVG = 'http://www.w3.org/2000/svg';
const CODE_URL = /^weixin:\/\/wxpay\/[!-~]{1,500}$/;
const ORDER_NO = /^[0-9A-Za-z_-]{1,64}$/;
const UNTIL = /^[1-9]\d{0,10}$/;
const TITLE_MAX = 100;
const QUIET = 4; // dots of white around a code, by its standard

// { codeUrl, order, amount, title, until }, until in ms. Null where it says nothing valid: without a codeUrl there is nothing to pay.
export function readPayment(hash) {
  const query = new URLSearchParams(hash.replace(/^#/, ''));
  const valid = (name, rule) => (rule.test(query.get(name) ?? '') ? query.get(name) : null);
  const amount = query.get('amount') ?? '';
  const until = valid('until', UNTIL);
  return {
    codeUrl: valid('code_url', CODE_URL),
    order: valid('order', ORDER_NO),
    amount: isYuan(amount) ? amount : null,
    title: query.get('title')?.slice(0, TITLE_MAX) || null,
    until: until && Number(until) * 1000,
  };
}

// An image of as many dots as needed, one by one unit, scaled by its style.
export function drawCode(text, label) {
  const code = generate(text);
  const side = code.size + 2 * QUIET;
  const image = svg('svg', { class: 'code', viewBox: `0 0 ${side} ${side}`, 'shape-rendering': 'crispEdges', role: 'img', 'aria-label': label });
  image.append(svg('path', { fill: '#fff', d: `M0 0h${side}v${side}H0z` }), svg('path', { d: rowsOf(code) }));
  return image;
}

// Each run of dark dots in a row is a rectangle.
function rowsOf(code) {
  let path = '';
  for (let y = 0; y < code.size; y += 1) {
    for (let x = 0; x < code.size; x += 1) {
      const from = x;
      while (code.get(x, y)) x += 1;
      if (x > from) path += `M${from + QUIET} ${y + QUIET}h${x - from}v1h${from - x}z`;
    }
  }
  return path;
}

function svg(tag, attributes) {
  const element = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  return element;
}
