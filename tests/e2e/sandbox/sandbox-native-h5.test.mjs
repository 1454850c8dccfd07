// SPDX-License-Identifier: MIT
// The WeChat simulator's Native and H5 payments: what is refused, how long an answer is good, and the page of an h5_url.
import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { byNumber, verifyNotification, keys, order, pay, post, query, refused, sdk, setClock, shop, stop } from '../lib/simulator.mjs';
import { send } from '../lib/simulators.mjs';

after(stop, { timeout: 10_000 });

const NATIVE = '/v3/pay/transactions/native';
const H5 = '/v3/pay/transactions/h5';
const SCENE = { payer_client_ip: '127.0.0.1', h5_info: { type: 'Wap' } };
const SHOP_PAGE = { headers: { referer: 'https://shop.example/' } };

const nativeOrder = (more) => order({ payer: undefined, ...more });
const h5Order = (more) => nativeOrder({ scene_info: SCENE, ...more });
const prepared = async (path, body) => {
  const reply = await post(path, body);
  assert.equal(reply.status, 200, reply.text);
  return JSON.parse(reply.text);
};
const press = (url, button) => send('POST', url, { text: `do=${button}` });
const transactionOf = async ({ out_trade_no: no }) => JSON.parse((await query(no)).text);

test('a code is paid by whoever scans it, and ordering again invalidates it', async () => {
  const body = nativeOrder();
  const { data: { code_url: first } } = await sdk.request(NATIVE, 'POST', body);
  assert.match(first, /^weixin:\/\/wxpay\/bizpayurl\?pr=[0-9A-Za-z]+$/);
  const { code_url: second } = await prepared(NATIVE, body);
  assert.notEqual(second, first);
  assert.equal((await pay(encodeURIComponent(first))).status, 404);
  assert.equal((await pay(encodeURIComponent(second))).status, 200);
  const paid = await transactionOf(body);
  assert.deepEqual([paid.trade_state, paid.trade_type], ['SUCCESS', 'NATIVE']);
  assert.deepEqual(verifyNotification(shop.received.at(-1)), paid);
});

test('an address opens a page whose button pays', async () => {
  const body = h5Order();
  const { h5_url: url } = await prepared(H5, body);
  const page = await send('GET', url, SHOP_PAGE);
  assert.equal(page.status, 200, page.text);
  for (const text of ['¥88.00', body.description, body.out_trade_no]) assert.ok(page.text.includes(text), text);
  assert.equal((await press(url, 'cancel')).status, 200);
  assert.equal((await transactionOf(body)).trade_state, 'NOTPAY');
  const done = await press(`${url}&redirect_url=${encodeURIComponent('https://shop.example/done')}`, 'pay');
  assert.deepEqual([done.status, done.headers.location], [303, 'https://shop.example/done']);
  const paid = await transactionOf(body);
  assert.deepEqual([paid.trade_state, paid.trade_type], ['SUCCESS', 'MWEB']);
  assert.deepEqual(verifyNotification(shop.received.at(-1)), paid);
});

test('an address from elsewhere, at another address, over or closed shows why not, and pays nothing', async () => {
  const [near, far, closed] = [h5Order(), h5Order({ scene_info: { ...SCENE, payer_client_ip: '203.0.113.7' } }), h5Order()];
  const [{ h5_url: url }, { h5_url: there }, { h5_url: gone }] = await Promise.all([near, far, closed].map((body) => prepared(H5, body)));
  await post(`${byNumber(closed.out_trade_no)}/close`, { mchid: keys.mchid });
  const cases = [[url, {}, '商家参数格式有误'], [there, SHOP_PAGE, '网络环境未能通过安全验证'], [gone, SHOP_PAGE, '支付请求已失效']];
  for (const [address, options, text] of cases) {
    const reply = await send('GET', address, options);
    assert.equal(reply.status, 400);
    assert.ok(reply.text.includes(text), reply.text);
  }
  for (const address of [there, gone]) assert.equal((await press(address, 'pay')).status, 400);
  setClock(299);
  assert.equal((await send('GET', url, SHOP_PAGE)).status, 200);
  setClock(301);
  assert.equal((await send('GET', url, SHOP_PAGE)).status, 400);
  setClock(0);
  for (const body of [near, far]) assert.equal((await transactionOf(body)).trade_state, 'NOTPAY');
});

test('what WeChat refuses: a payer in a code, no scene or a wrong one in an address, one number in two ways', async () => {
  refused(await post(NATIVE, order()), 400, 'PARAM_ERROR');
  refused(await post(H5, nativeOrder()), 400, 'PARAM_ERROR');
  for (const scene of [{ payer_client_ip: '127.0.0.1' }, { h5_info: { type: 'Wap' } }, { ...SCENE, payer_client_ip: 'here' },
    { ...SCENE, h5_info: {} }, { ...SCENE, h5_info: { type: 'Web' } }]) {
    refused(await post(H5, h5Order({ scene_info: scene })), 400, 'PARAM_ERROR');
  }
  const scene = { payer_client_ip: '127.0.0.1' };
  const body = nativeOrder({ scene_info: scene });
  await prepared(NATIVE, body);
  refused(await post(H5, { ...body, scene_info: SCENE }), 400, 'INVALID_REQUEST');
});
