// SPDX-License-Identifier: MIT
// The staff's page of money that needs a person, in a real browser (BEHAVIOUR 34, 37, 43, 57).

import test from 'node:test';
import assert from 'node:assert/strict';
import { NASTY, PHONE, fits, heading, openPages, press, said } from '../lib/browser.mjs';
import { FEN } from '../lib/refunds.mjs';

const { shop, openAdmin } = await openPages();
const admin = await shop.admin();
const anna = await shop.login('anna');
const tea = (await shop.ok('POST', '/api/products', { token: admin, body: { name: '桂花乌龙', price: '10.00', stock: 1000 } })).product_id;
const row = (page, text) => page.getByRole('row').filter({ hasText: text });
const dialog = (page) => page.getByRole('dialog');

// An order with a WeChat payment, which is not made yet.
async function prepared() {
  const order = await shop.ok('POST', '/api/orders', { token: anna.token, body: { items: [{ product_id: tea, quantity: 1 }] } });
  await shop.ok('POST', '/api/payment/wxpay', { token: anna.token, body: { order_id: order.order_id } });
  const [{ out_trade_no: no }] = await shop.ok('GET', `/api/payment/attempts?order_id=${order.order_id}`, { token: admin });
  return { id: order.order_id, no };
}

async function paid() {
  const x = await prepared();
  assert.equal((await shop.pay(x.no)).body.status, 200);
  return x;
}

// A refund that the provider leaves in this state.
async function refunded(status) {
  const x = await paid();
  await shop.sandbox('POST', '/sandbox/refund-mode', { status });
  const refund = await shop.ok('POST', '/api/payment/refunds', { token: admin, body: { order_id: x.id, reason: NASTY } });
  await shop.sandbox('POST', '/sandbox/refund-mode', { status: 'PROCESSING' });
  return { ...x, refund: refund.refund_no };
}

const refundNow = (no) => shop.ok('GET', `/api/payment/refunds/${no}`, { token: admin });

test('refunds that wait: one made by hand is noted, a refused one given up, an abnormal one is shown', async (t) => {
  const [byHand, refused, abnormal] = [await refunded('PROCESSING'), await refunded('CLOSED'), await refunded('ABNORMAL')];
  await shop.sql(`UPDATE refunds SET attention = 2 WHERE refund_no = '${byHand.refund}'`); // as at a provider that can't refund
  const { page } = await openAdmin(t, '#/orders');
  await page.getByRole('link', { name: '资金', exact: true }).click();
  await heading(page, '待处理资金');
  await row(page, abnormal.refund).getByText('顾客的账户收不了款').waitFor();
  await row(page, abnormal.refund).getByText(NASTY).waitFor();
  assert.equal(await row(page, abnormal.refund).getByRole('button').count(), 0);

  await press(row(page, byHand.refund), '已在后台退款');
  await dialog(page).getByText('¥10.00').waitFor();
  await press(dialog(page), '已在后台退款');
  await dialog(page).getByText('必填').waitFor();
  await press(dialog(page), '返回');
  assert.equal((await refundNow(byHand.refund)).status, 'PROCESSING', 'a step that was given up is not taken');
  await press(row(page, byHand.refund), '已在后台退款');
  await page.getByLabel('处理说明').fill('已在网关后台退款，流水 88');
  await press(dialog(page), '已在后台退款');
  await said(page, '退款已登记');
  await row(page, byHand.refund).waitFor({ state: 'detached' });
  assert.equal((await refundNow(byHand.refund)).status, 'SUCCESS');
  assert.deepEqual(await shop.sql(`SELECT detail FROM journal WHERE subject = '${byHand.refund}'`), [{ detail: '已在网关后台退款，流水 88' }]);

  await press(row(page, refused.refund), '不再退款');
  await page.getByLabel('处理说明').fill('顾客不要了');
  await press(dialog(page), '不再退款');
  await said(page, '已记录');
  await row(page, refused.refund).waitFor({ state: 'detached' });
  assert.deepEqual([(await refundNow(refused.refund)).status, (await refundNow(refused.refund)).attention], ['CLOSED', undefined]);

  await row(page, abnormal.refund).getByRole('link', { name: abnormal.id }).click();
  await heading(page, abnormal.id);
});

test('a message that matches nothing is resolved with a note, and listed among the resolved with it', async (t) => {
  const x = await prepared();
  await shop.pay(x.no, { tamper: 'amount' });
  const { page } = await openAdmin(t, '#/money');
  await page.getByRole('link', { name: '异常通知', exact: true }).click();
  await row(page, x.no).getByText('金额与本店的支付不符').waitFor();
  await row(page, x.no).getByText(`¥${(FEN + 1) / 100}`).waitFor();
  await row(page, x.no).getByText('微信支付').waitFor();
  await press(row(page, x.no), '处理');
  await page.getByLabel('处理说明').fill(`${NASTY}\n第二行`);
  await press(dialog(page), '处理');
  await said(page, '已记录');
  await page.getByText('没有未处理的异常通知').waitFor();
  await page.getByRole('link', { name: '已处理的通知' }).click();
  await row(page, x.no).getByText(NASTY).waitFor();
  assert.equal(await page.locator('main script').count(), 0);
});

test('payments with a problem, and any payment by its numbers; also on a telephone', async (t) => {
  const [x, fine] = [await prepared(), await paid()];
  await shop.pay(x.no, { tamper: 'amount' });
  const { page } = await openAdmin(t, '#/money?list=payments', { viewport: PHONE });
  await row(page, x.no).getByText('有 1 条与本店记录不符的支付通知未处理').waitFor();
  assert.equal(await row(page, fine.no).count(), 0);
  assert.ok(await fits(page));
  await page.getByLabel('订单号').fill(fine.id);
  await press(page, '查找');
  await row(page, fine.no).getByText('已入账').waitFor();
  assert.equal(await row(page, x.no).count(), 0);
  await page.getByLabel('订单号').fill('');
  await page.getByLabel('支付单号').fill('PAY_0');
  await press(page, '查找');
  await page.getByText('没有符合条件的支付').waitFor();
  await page.getByRole('link', { name: '清除' }).click();
  await row(page, x.no).waitFor();
});
