// SPDX-License-Identifier: MIT
// The page that shows a WeChat Native payment as a QR code: what a phone scans there, until when, and what the buyer is told
// (contract membership-status; BEHAVIOUR 44, 57). An independent decoder reads the code from a picture of the page.

import test from 'node:test';
import assert from 'node:assert/strict';
import { createRequire } from 'node:module';
import { NASTY, PHONE, answered, fits, heading, openPages } from '../lib/browser.mjs';

const { default: jsQR } = createRequire(new URL('../../../sandbox/package.json', import.meta.url))('jsqr');

const HOUR_MS = 3_600_000;
const CODE = 'weixin://wxpay/bizpayurl?pr=NwY5Mz9&groupid=00';
const { shop, openTab } = await openPages();
const { data: plan } = await shop.ok('POST', '/api/membership/plans/', {
  token: await shop.admin(), body: { name: '年度会员 & 礼包', price: '1299.00', duration_days: 365, level: 1 },
});

async function native(name) {
  const person = await shop.login(name);
  const body = { plan_id: plan.id, payment_method: 'wechat', trade_type: 'NATIVE' };
  return { person, ...await shop.ok('POST', '/payment/create', { token: person.token, body }) };
}

// A tab with a session of this person, if any. ahead: of its device's clock, in ms.
async function openPay(t, url, { person, ahead = 0, ...options } = {}) {
  const tab = await openTab(t, options);
  const requests = [];
  tab.page.on('request', (request) => requests.push(decodeURIComponent(request.url())));
  await tab.page.addInitScript(({ session, ms }) => {
    if (session) sessionStorage.setItem('minimall.session', session);
    const { now } = Date;
    window.ahead = ms;
    Date.now = () => now() + window.ahead;
  }, { session: person && JSON.stringify(person), ms: ahead });
  await tab.page.goto(url);
  return { ...tab, requests };
}

const fragment = (members) => `/pay/#${new URLSearchParams(members)}`;
const inAnHour = () => Math.floor((Date.now() + HOUR_MS) / 1000);

// What a camera reads from the page as it is shown.
async function scan(page) {
  await page.getByRole('img', { name: '付款二维码' }).waitFor();
  const { width, height, grey } = await page.evaluate(async (png) => {
    const image = new Image();
    image.src = `data:image/png;base64,${png}`;
    await image.decode();
    const canvas = Object.assign(document.createElement('canvas'), { width: image.width, height: image.height });
    const context = canvas.getContext('2d');
    context.drawImage(image, 0, 0);
    const { data } = context.getImageData(0, 0, image.width, image.height);
    let bytes = ''; // one of each pixel: a text is sent quickly, an array of numbers is not
    for (let i = 0; i < data.length; i += 4) bytes += String.fromCharCode(data[i + 1]);
    return { width: image.width, height: image.height, grey: btoa(bytes) };
  }, (await page.screenshot()).toString('base64'));
  const pixels = Uint8ClampedArray.from([...Buffer.from(grey, 'base64')].flatMap((level) => [level, level, level, 255]));
  return jsQR(pixels, width, height)?.data;
}

for (const [name, viewport] of [['a computer', undefined], ['a phone', PHONE]]) {
  test(`the payment_url shows the code_url as a QR code on ${name}, with the plan, the amount and the time left`, async (t) => {
    const { payment_url: url, code_url: code } = await native(`viewer-${viewport?.width ?? 0}`);
    assert.ok(url.startsWith(`${shop.baseUrl}/pay/#`), url);
    assert.match(code, /^weixin:\/\/wxpay\/bizpayurl\?pr=/);
    const { page, requests } = await openPay(t, url, viewport && { viewport });
    await heading(page, '微信扫码付款');
    assert.equal(await scan(page), code);
    await page.getByText('年度会员 & 礼包').waitFor();
    await page.getByText('¥1,299.00').waitFor();
    assert.match(await page.getByRole('timer').textContent(), /^请在 (29|30):\d\d 内付款$/);
    assert.ok(await fits(page));
    assert.ok(requests.length > 3);
    for (const address of requests.filter((one) => one.startsWith('http'))) assert.ok(!address.split('#')[0].includes('weixin'), address);
    assert.ok(!requests.some((address) => address.includes('/api/')), 'without a session nobody is asked');
  });
}

test('who is signed in is told as soon as the code was paid', async (t) => {
  const { person, payment_url: url, order_id: no } = await native('payer');
  const { page } = await openPay(t, url, { person });
  await heading(page, '微信扫码付款');
  assert.equal((await shop.pay(no)).body.status, 200);
  await heading(page, '支付成功');
  await page.getByText('已收到您的付款。').waitFor();
  await page.getByText('¥1,299.00').waitFor();
  assert.equal(await page.getByRole('img').count(), 0, 'it can\'t be paid twice');
  await page.reload();
  await heading(page, '支付成功');
});

test('a payment whose notification got lost is found by the page (B44)', async (t) => {
  const { person, payment_url: url, order_id: no } = await native('unlucky');
  const { page } = await openPay(t, url, { person });
  await heading(page, '微信扫码付款');
  await shop.pay(no, { notify: false });
  await heading(page, '支付成功');
});

test('another\'s session learns nothing about the order, and shows the code all the same', async (t) => {
  const { payment_url: url, code_url: code } = await native('owner');
  const { page } = await openPay(t, url, { person: await shop.login('stranger'), expected: [answered(403)] });
  await page.waitForResponse((response) => response.url().includes('/api/payment/wxpay/') && response.status() === 403);
  assert.equal(await scan(page), code);
});

test('at its deadline the code goes away; a device whose clock is wrong still shows it', async (t) => {
  const past = await openPay(t, fragment({ code_url: CODE, until: Math.floor(Date.now() / 1000) - 5 }));
  await heading(past.page, '二维码已过期');
  for (const ahead of [2 * HOUR_MS, -2 * HOUR_MS]) {
    const { page } = await openPay(t, fragment({ code_url: CODE, until: inAnHour() }), { ahead });
    assert.equal(await scan(page), CODE);
    assert.match(await page.getByRole('timer').textContent(), /^请在 (59|1:00):\d\d 内付款$/);
    await page.evaluate((ms) => { window.ahead += ms; }, HOUR_MS);
    await heading(page, '二维码已过期');
    assert.equal(await page.getByRole('img').count(), 0);
  }
});

test('only a WeChat code is shown, and everything else as text (B57)', async (t) => {
  const { page } = await openPay(t, fragment({ code_url: CODE, title: NASTY, amount: '0.10' }));
  assert.equal(await scan(page), CODE);
  await page.getByText(NASTY).waitFor();
  await page.getByText('¥0.10').waitFor();
  for (const code of ['', 'https://wxpay.example/', 'weixin://dl/business/?t=1', 'javascript:alert(1)', 'weixin://wxpay/', 'weixin://wxpay/a b', `x${CODE}`, `weixin://wxpay/${'x'.repeat(501)}`]) {
    await page.goto(fragment({ code_url: code })); // within the page, as by hand
    await heading(page, '链接无效');
    assert.equal(await page.getByRole('img').count(), 0, code);
    await page.goto(fragment({ code_url: CODE, amount: '1e3', until: 'soon' }));
    await heading(page, '微信扫码付款');
    assert.equal(await page.locator('.amount').count(), 0);
  }
});
