// SPDX-License-Identifier: MIT
// An order's consignee, remark and shipment (DESIGN 2, shop order).

import { test } from 'node:test';
import assert from 'node:assert/strict';
import { assertRefused, openTrade } from '../lib/trade.mjs';

const trade = await openTrade();
const { shop } = trade;
const anna = await trade.buyer();
const product = await trade.product();
const consignee = { name: '张三', phone: '+86 138-0000-0000', address: '上海市黄浦区人民大道 1 号 😀' };

const place = (body) => shop.call('POST', '/api/orders', { token: anna.token, body: { items: [{ product_id: product, quantity: 1 }], ...body } });
const put = (id, body) => shop.call('PUT', `/api/orders/${id}`, { token: trade.admin, body });
const read = (id) => trade.ok('GET', `/api/orders/${id}`, { token: anna.token });

async function paid(more) {
  const { order_id: id } = (await place(more)).body;
  await shop.payOrder(anna.token, id);
  return id;
}

test('consignee and remark are stored as given, and null if not given', async () => {
  const { status, body } = await place({ consignee, remark: '请放门口' });
  assert.equal(status, 201);
  assert.deepEqual([body.consignee, body.remark, body.shipment], [consignee, '请放门口', null]);
  const full = await read(body.order_id);
  assert.deepEqual([full.consignee, full.remark, full.shipment], [consignee, '请放门口', null]);
  const plain = (await place({})).body;
  assert.deepEqual([plain.consignee, plain.remark, plain.shipment], [null, null, null]);
  assert.equal((await place({ consignee: null, remark: null })).status, 201);
});

test('a consignee\'s phone may have groups of digits and an extension (B65)', async () => {
  for (const phone of ['020-81167888', '021-22223333转801', '13800000000-1234']) {
    const { status, body } = await place({ consignee: { ...consignee, phone, address: '上海市\n某街 1 号' } });
    assert.deepEqual([status, body.consignee?.phone], [201, phone]);
  }
});

test('an invalid consignee is refused, naming its member (B12)', async () => {
  for (const [wrong, field] of [
    [{ ...consignee, phone: undefined }, 'consignee.phone'], [{ ...consignee, phone: '12ab5' }, 'consignee.phone'],
    [{ ...consignee, phone: '1234' }, 'consignee.phone'], [{ ...consignee, phone: '-----' }, 'consignee.phone'],
    [{ ...consignee, phone: '+ - + -' }, 'consignee.phone'], [{ ...consignee, name: '\u3164' }, 'consignee.name'], [{ ...consignee, name: '' }, 'consignee.name'],
    [{ ...consignee, address: '路'.repeat(501) }, 'consignee.address'], [[], 'consignee'], ['上海', 'consignee'],
  ]) {
    const answer = await place({ consignee: wrong });
    assertRefused(answer, 400);
    assert.equal(answer.body.field, field);
  }
  assert.equal((await place({ remark: '长'.repeat(501) })).body.field, 'remark');
  assert.equal((await place({ remark: 'a\u202e' })).body.field, 'remark');
});

test('shipping accepts carrier and number, which may be corrected until completion', async () => {
  const id = await paid({ consignee });
  const shipment = { carrier: '顺丰速运', tracking_no: 'SF1234567890' };
  assertRefused(await put(id, { shipment }), 409, 'ORDER_TRANSITION');
  const sent = await put(id, { status: 2, shipment });
  assert.deepEqual([sent.status, sent.body.status, sent.body.shipment], [200, 2, shipment]);
  const other = { carrier: '中通快递', tracking_no: 'ZT9' };
  assert.deepEqual((await put(id, { shipment: other })).body.shipment, other);
  assert.deepEqual((await put(id, { status: 2 })).body.shipment, other);
  assertRefused(await put(id, { shipment: { carrier: '顺丰速运' } }), 400);
  assert.equal((await put(id, { status: 3 })).status, 200);
  assertRefused(await put(id, { shipment }), 409, 'ORDER_TRANSITION');
  assert.deepEqual((await read(id)).shipment, other);
});

test('an order may be shipped without a number', async () => {
  const id = await paid({});
  assert.equal((await put(id, { status: 2 })).status, 200);
  assert.equal((await read(id)).shipment, null);
});

test('the orders of a deleted user remain, without addresses', async () => {
  const bob = await trade.buyer();
  const body = { items: [{ product_id: product, quantity: 1 }], consignee, remark: '送给李四' };
  const { order_id: id } = await shop.ok('POST', '/api/orders', { token: bob.token, body });
  await trade.cancel(bob, id);
  await shop.ok('DELETE', `/api/users/${bob.user.user_id}`, { token: trade.admin });
  const order = await shop.ok('GET', `/api/orders/${id}`, { token: trade.admin });
  assert.deepEqual([order.consignee, order.remark, order.user.nickname], [null, null, '已注销用户']);
  assert.equal(order.orderItems.length, 1);
});
