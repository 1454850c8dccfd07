// SPDX-License-Identifier: MIT
// Loads the demo data through the shop's API, so that its orders follow the same rules as customers' orders.

import { existsSync } from 'node:fs';
import path from 'node:path';
import { Fault, step, writePrivate } from './files.mjs';
import { categories, orders, people, plans, products } from './demo-data.mjs';

const CARRIERS = ['顺丰速运', '中通快递'];

// Loads what is missing: the catalogue, the plans, and with `customers` the users and their orders (they need the
// simulator). What an aborted start left is recognised by name or Idempotency-Key and completed.
export async function loadDemo(shop, { customers, log = () => {}, signal }) {
  const missing = (part) => !existsSync(marker(shop, part));
  if (!missing('catalogue') && !missing('plans') && (!customers || !missing('customers'))) return;
  const demo = new Demo(shop, signal);
  await step(log, 'loading the demo data', async () => {
    await demo.signIn();
    if (missing('catalogue')) {
      await demo.addCatalogue();
      writePrivate(marker(shop, 'catalogue'), '');
    }
    if (missing('plans')) {
      await demo.addPlans();
      writePrivate(marker(shop, 'plans'), '');
    }
    if (customers && missing('customers')) {
      await demo.addCustomers();
      writePrivate(marker(shop, 'customers'), '');
    }
  });
}

function marker(shop, part) {
  return path.join(shop.dir, `demo-${part}-${shop.dbName}`);
}

class Demo {
  constructor(shop, signal) {
    this.shop = shop;
    this.signal = signal;
  }

  async request(base, method, address, { token, body, key } = {}) {
    const response = await fetch(new URL(address, base), {
      method,
      signal: this.signal,
      headers: {
        ...(body ? { 'content-type': 'application/json' } : {}),
        ...(token ? { authorization: `Bearer ${token}` } : {}),
        ...(key ? { 'idempotency-key': key } : {}),
      },
      body: body && JSON.stringify(body),
    });
    const text = await response.text();
    if (!response.ok) throw new Fault(`the demo data could not be loaded: ${method} ${address}: ${response.status} ${text}`);
    return text === '' ? null : JSON.parse(text);
  }

  call(method, address, options) {
    return this.request(this.shop.baseUrl, method, address, options);
  }

  async signIn() {
    this.admin = (await this.call('POST', '/api/auth/login', { body: this.shop.admin })).token;
  }

  async addCatalogue() {
    const ids = await this.idsByName('/api/categories?limit=500', 'category_id');
    for (const [name, description, parent] of categories) {
      if (ids.has(name)) continue;
      const body = { name, description, parent_id: parent && ids.get(parent) };
      ids.set(name, (await this.call('POST', '/api/categories', { token: this.admin, body })).category_id);
    }
    const known = await this.idsByName('/api/products?limit=500', 'product_id');
    for (const [category, name, description, price, stock, status] of products) {
      if (known.has(name)) continue;
      const body = { category_id: ids.get(category), name, description, price, stock, image_url: null, status };
      await this.call('POST', '/api/products', { token: this.admin, body });
    }
  }

  async addPlans() {
    const { data } = await this.call('GET', '/api/membership/plans/?page_size=500', { token: this.admin });
    for (const [name, price, originalPrice, days, level, description] of plans) {
      if (data.some((one) => one.name === name)) continue;
      const body = { name, price, original_price: originalPrice, duration_days: days, level, description };
      await this.call('POST', '/api/membership/plans/', { token: this.admin, body });
    }
  }

  async idsByName(address, id) {
    const rows = await this.call('GET', address, { token: this.admin });
    return new Map(rows.map((row) => [row.name, row[id]]));
  }

  async addCustomers() {
    const ids = await this.idsByName('/api/products?limit=500', 'product_id');
    const tokens = new Map();
    for (const [name, nickname] of people) {
      const { token } = await this.call('POST', '/weixin-login', { body: { code: `sandbox:${name}` } });
      await this.call('PUT', '/api/auth/me', { token, body: { nickname } });
      tokens.set(name, token);
    }
    for (const [number, { buyer, status, lines, consignee, remark }] of orders.entries()) {
      const token = tokens.get(buyer);
      const items = lines.map(([name, quantity]) => ({ product_id: ids.get(name), quantity }));
      const body = { items, payment_method: '微信支付', consignee, remark };
      const order = await this.call('POST', '/api/orders', { token, body, key: `demo-order-${number + 1}` });
      await this.advance(order.order_id, status, token, number);
    }
  }

  // Moves an order from its status to `target`, each step as a user who may do so.
  async advance(id, target, owner, number) {
    const address = `/api/orders/${id}`;
    const { status } = await this.call('GET', address, { token: owner });
    if (status === target) return;
    if (target === 4) await this.call('POST', `${address}/cancel`, { token: owner });
    else if (status === 0) await this.pay(id, owner);
    else if (status === 1) {
      const shipment = { carrier: CARRIERS[number % CARRIERS.length], tracking_no: `SF10${String(number).padStart(8, '0')}` };
      await this.call('PUT', address, { token: this.admin, body: { status: 2, shipment } });
    } else if (status === 2) await this.call('POST', `${address}/complete`, { token: owner });
    const after = await this.call('GET', address, { token: owner });
    if (after.status === status) throw new Fault(`the demo data could not be loaded: an order stays at ${status}`);
    await this.advance(id, target, owner, number);
  }

  async pay(id, token) {
    const prepared = await this.call('POST', '/api/payment/wxpay', { token, body: { order_id: id } });
    const prepayId = prepared.package.slice('prepay_id='.length);
    await this.request(this.shop.sandboxUrl, 'POST', `/pay/${prepayId}`, { body: {} });
  }
}
