// SPDX-License-Identifier: MIT
// A person pays by Alipay in a browser: from the shop's address through the sandbox's cashier and back to the shop.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { openAlipay } from '../lib/alipay.mjs';
import { PHONE, openBrowser } from '../lib/browser.mjs';
import { PAID, PENDING } from '../lib/trade.mjs';

const alipay = await openAlipay();
const { trade, shop } = alipay;
const browser = await openBrowser();
const anna = await trade.buyer();
const product = await trade.product({ price: '88.80', stock: 1000 });

for (const [type, viewport] of [['PAGE', { width: 1280, height: 800 }], ['WAP', PHONE]]) {
  test(`a buyer pays at the cashier and is sent back to the shop (${type})`, async () => {
    const x = await alipay.prepared(anna, await trade.order(anna, [[product, 1]]), { trade_type: type });
    const page = await browser.newPage({ viewport, locale: 'zh-CN' });
    page.setDefaultTimeout(15_000);
    await page.goto(x.url);
    await page.getByText('¥88.80').waitFor();
    await page.getByText(x.outTradeNo).waitFor();
    assert.equal(await trade.status(x.order), PENDING);
    await page.getByRole('button', { name: '确认付款' }).click();
    await page.waitForURL((url) => url.href.startsWith(shop.env.ALIPAY_RETURN_URL) && url.searchParams.get('out_trade_no') === x.outTradeNo);
    assert.equal(await trade.status(x.order), PAID, 'the notification came before the buyer');
    await page.close();
  });
}

test('a buyer who cancels at the cashier can pay later, at the same address', async () => {
  const x = await alipay.prepared(anna, await trade.order(anna, [[product, 1]]));
  const page = await browser.newPage();
  page.setDefaultTimeout(15_000);
  await page.goto(x.url);
  await page.getByRole('button', { name: '取消' }).click();
  await page.getByText('已取消付款').first().waitFor();
  assert.equal(await trade.status(x.order), PENDING);
  await page.goto(x.url);
  await page.getByRole('button', { name: '确认付款' }).click();
  await page.waitForURL((url) => url.href.startsWith(shop.env.ALIPAY_RETURN_URL));
  assert.equal(await trade.status(x.order), PAID);
  await page.close();
});
