// SPDX-License-Identifier: MIT
// A person pays a membership at the hosted gateway's page, in a browser: from the order to the status (contract renewal-payments).
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { openBrowser } from '../lib/browser.mjs';
import { openVip } from '../lib/memberships.mjs';

const RETURN = 'https://shop.example.com/done';
const vip = await openVip({ gateway: true, env: { CLIENT_URL_HOSTS: 'shop.example.com' } });
const { shop } = vip;
const browser = await openBrowser();
const year = await vip.plan({ price: '99.90', duration_days: 365, level: 2 });

// The page of a new order, and where it leads.
async function openPage(t) {
  const anna = await vip.buyer();
  const order = await vip.create(anna, year);
  const { transaction_id: id, payment_url: url } = await shop.ok('POST', '/v1/payment/create', {
    token: anna.token, body: { order_id: order.order_no, amount: 99.9, subject: '年度会员', return_url: RETURN },
  });
  const context = await browser.newContext();
  t.after(() => context.close());
  const page = await context.newPage();
  await page.goto(url);
  assert.match(await page.textContent('body'), /年度会员[^]*¥99\.90/);
  return { anna, order, id, page };
}

// Presses a button; returns what the customer's browser tells the page where it is sent, which doesn't exist.
async function press(page, name) {
  const [request] = await Promise.all([
    page.waitForRequest((one) => one.url().startsWith(RETURN), { timeout: 15_000 }),
    page.getByRole('button', { name }).click({ noWaitAfter: true }),
  ]);
  return new URL(request.url()).searchParams;
}

const status = ({ token, user }) => shop.ok('GET', `/membership/status?member_id=${user.member_id}`, { token });

test('who confirms the payment returns as a member', async (t) => {
  const { anna, order, id, page } = await openPage(t);
  const told = await press(page, '确认支付');
  assert.deepEqual([told.get('transaction_id'), told.get('status')], [id, 'success']);
  assert.equal(await vip.state(order), 'PAID');
  assert.equal((await status(anna)).is_vip, true);
  const refused = await vip.tryRefund(order); // it must be made in the gateway's console
  assert.deepEqual([refused.status, refused.body.cause], [422, 'REFUND_MANUAL']);
  assert.equal((await status(anna)).is_vip, true, 'nothing is revoked');
});

test('who fails or closes it is no member, and can try again', async (t) => {
  for (const [button, word] of [['支付失败', 'failed'], ['关闭交易', 'closed']]) {
    const { anna, order, id, page } = await openPage(t);
    assert.equal((await press(page, button)).get('status'), word);
    assert.equal(await vip.state(order), 'PENDING');
    assert.equal((await status(anna)).is_vip, false);
    const again = await shop.ok('POST', '/v1/payment/create', { token: anna.token, body: { order_id: order.order_no, amount: '99.90', return_url: RETURN } });
    assert.notEqual(again.transaction_id, id);
    const next = await page.context().newPage(); // the old one may still be on its way to an address that doesn't exist
    await next.goto(again.payment_url);
    await press(next, '确认支付');
    assert.equal(await vip.state(order), 'PAID');
  }
});
