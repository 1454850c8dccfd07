// SPDX-License-Identifier: MIT
// The staff's pages of the VIP membership in a real browser: plans, and the orders of plans (BEHAVIOUR 24, 29 to 31, 57).

import test from 'node:test';
import assert from 'node:assert/strict';
import { NASTY, PHONE, answered, fits, heading, openPages, press, said, tokenOf } from '../lib/browser.mjs';

const PLANS = '/api/membership/plans/';
const ORDERS = '/api/membership/orders';
const PAGE = 30;

const { shop, openTab, openAdmin, fillSignIn } = await openPages();
const admin = await shop.admin();
const month = await makePlan({ name: '月度会员', price: '29.90', original_price: '39.90', duration_days: 30, level: 1 });
const year = await makePlan({ name: '年度会员', price: '299.00', duration_days: 365, level: 2 });

async function makePlan(body) {
  return (await shop.ok('POST', PLANS, { token: admin, body })).data;
}

async function planNow(id) {
  const { data } = await shop.ok('GET', `${PLANS}?page_size=500`, { token: admin });
  return data.find((plan) => plan.id === id);
}

const order = async ({ token }, plan = month) => (
  (await shop.ok('POST', `${ORDERS}/create/`, { token, body: { plan_id: plan.id } })).data);

const pay = ({ token }, { order_no: no }) => (
  shop.ok('POST', `${ORDERS}/pay/`, { token, body: { order_no: no, payment_method: 'ALIPAY' } }));

const cancel = ({ token }, { order_no: no }) => (
  shop.ok('POST', `${ORDERS}/action/`, { token, body: { order_no: no, action: 'cancel' } }));

async function bought(person, plan = month) {
  const made = await order(person, plan);
  await pay(person, made);
  return made;
}

const orderNow = async ({ order_no: no }) => (await shop.ok('GET', `${ORDERS}/detail/?order_no=${no}`, { token: admin })).data;
const at = ({ order_no: no }) => `#/membership-orders/${no}`;
const fact = (page, name) => page.locator('.facts div').filter({ has: page.getByText(name, { exact: true }) }).locator('dd');

test('a plan with markup is created, shown as text, changed only in the edited fields, and deleted', async (t) => {
  const { page } = await openAdmin(t, '#/plans');
  await page.getByRole('link', { name: '新建套餐' }).click();
  await heading(page, '新建套餐');
  await press(page, '创建套餐');
  assert.equal(await page.getByText('必填').count(), 2);
  for (const wrong of ['19.905', '0.00', '1000000.01', '-1', '1e3']) {
    await page.getByLabel('价格（元）').fill(wrong);
    await press(page, '创建套餐');
    await page.locator('.field').filter({ has: page.getByLabel('价格（元）') }).getByText('请输入').waitFor();
  }
  await page.getByLabel('名称').fill(NASTY);
  await page.getByLabel('价格（元）').fill('19.99');
  await page.getByLabel('原价（元）').fill('1000000');
  await page.getByLabel('天数').fill('3661');
  await page.getByLabel('会员等级').fill('999');
  await page.getByLabel('特权说明').fill('<img src=x onerror=alert(2)>\n第二行');
  await press(page, '创建套餐');
  await page.getByText('请输入 1 到 3660 的整数').waitFor();
  await page.getByLabel('天数').fill('3660');
  await press(page, '创建套餐');
  await said(page, '套餐已创建');

  const row = page.getByRole('row').filter({ hasText: NASTY });
  await row.getByText('¥19.99').waitFor();
  await row.getByText('¥1,000,000.00').waitFor();
  await row.getByRole('link', { name: NASTY }).click();
  await heading(page, NASTY);
  const id = Number(/\d+$/.exec(page.url())[0]);
  const { created_at: _, updated_at: __, ...made } = await planNow(id);
  assert.deepEqual(made, {
    id, name: NASTY, price: '19.99', original_price: '1000000.00', duration_days: 3660, level: 999, is_active: true,
    description: '<img src=x onerror=alert(2)>\n第二行',
  });
  assert.equal(await page.getByLabel('特权说明').inputValue(), made.description);
  assert.equal(await page.locator('body script, main img').count(), 0);

  await page.getByLabel('价格（元）').fill('20');
  await page.getByLabel('原价（元）').fill('');
  await page.getByLabel('状态').selectOption('下架');
  const sent = page.waitForRequest((request) => request.method() === 'PATCH');
  await press(page, '保存');
  assert.deepEqual((await sent).postDataJSON(), { price: '20.00', original_price: null, is_active: false });
  await said(page, '套餐已保存');
  await page.getByRole('row').filter({ hasText: NASTY }).getByText('下架').waitFor();
  const changed = await planNow(id);
  assert.deepEqual([changed.price, changed.original_price, changed.is_active], ['20.00', null, false]);

  await page.getByRole('link', { name: NASTY }).click();
  await heading(page, NASTY);
  await press(page, '删除');
  await press(page.getByRole('dialog'), '返回');
  assert.ok(await planNow(id), 'a step that was given up is not taken');
  await press(page, '删除');
  await press(page.getByRole('dialog'), '删除套餐');
  await said(page, '套餐已删除');
  assert.equal(await planNow(id), undefined);
  await page.goto(`/admin/#/plans/${id}`);
  await page.getByRole('alert').getByText('没有这个套餐').waitFor();
});

test('a plan with orders is deactivated, and the page says so (BEHAVIOUR 31)', async (t) => {
  const plan = await makePlan({ name: '体验会员', price: '1.00', duration_days: 3, level: 1 });
  const lin = await shop.login('lin');
  await cancel(lin, await order(lin, plan));
  const { page } = await openAdmin(t, `#/plans/${plan.id}`);
  await press(page, '删除');
  await press(page.getByRole('dialog'), '删除套餐');
  await said(page, '套餐已有订单，已下架');
  await page.getByRole('row').filter({ hasText: '体验会员' }).getByText('下架').waitFor();
  assert.equal((await planNow(plan.id)).is_active, false);
});

test('a refused plan shows the error in the form, which stays open', async (t) => {
  const { page } = await openAdmin(t, `#/plans/${month.id}`, { expected: [answered(400), answered(404)] });
  const refuse = (status, json) => page.route(`**${PLANS}?id=*`, (route) => route.fulfill({ status, json }), { times: 1 });
  await page.getByLabel('名称').fill('月卡');
  await refuse(400, { success: false, code: 'VALIDATION_ERROR', message: '请求参数错误: name', field: 'name' });
  await press(page, '保存');
  await page.locator('.field').filter({ has: page.getByLabel('名称') }).getByText('请求参数错误').waitFor();
  await refuse(404, { success: false, code: 'NOT_FOUND', message: '请求的资源不存在' });
  await press(page, '保存');
  await page.getByRole('alert').getByText('请求的资源不存在').waitFor();
  assert.equal(await page.getByLabel('名称').inputValue(), '月卡');
  assert.equal((await planNow(month.id)).name, '月度会员');
});

test('plans have numbered pages', async (t) => {
  const plans = [];
  for (let i = 0; i < PAGE; i += 1) plans.push(await makePlan({ name: `套餐 ${i}`, price: '5.00', duration_days: 7, level: 1 }));
  t.after(async () => {
    for (const { id } of plans) await shop.ok('DELETE', `${PLANS}?id=${id}`, { token: admin });
  });
  const { page } = await openAdmin(t, '#/plans');
  const rows = page.locator('.list tbody tr');
  assert.equal(await rows.count(), PAGE);
  await page.getByRole('link', { name: '下一页 ›' }).first().click();
  await page.getByRole('link', { name: '套餐 29', exact: true }).waitFor();
  assert.equal(new URL(page.url()).hash, '#/plans?page=2');
  await page.getByRole('link', { name: '套餐 29', exact: true }).click();
  await heading(page, '套餐 29');
});

test('orders show what the staff needs, filtered by status and user', async (t) => {
  const [wang, zhao] = [await shop.login('wang'), await shop.login('zhao')];
  await shop.ok('PUT', '/api/auth/me', { token: wang.token, body: { nickname: `王${NASTY}` } });
  const paid = await bought(wang);
  const upgrade = await order(wang, year);
  const other = await order(zhao);
  const { page } = await openAdmin(t, '#/membership-orders', { expected: [answered(404)] });
  const numbers = () => page.locator('.list td.main').allTextContents();
  assert.deepEqual((await numbers()).slice(0, 3), [other, upgrade, paid].map((one) => one.order_no), 'newest first');

  await page.getByLabel('用户编号').fill('x');
  await press(page, '筛选');
  await page.getByText('编号是正整数').waitFor();
  await page.getByLabel('用户编号').fill(String(wang.user.user_id));
  await press(page, '筛选');
  await page.getByText('共 2 条').waitFor();
  assert.deepEqual(await numbers(), [upgrade.order_no, paid.order_no]);
  await page.getByRole('link', { name: '待付款', exact: true }).click();
  await page.getByText('共 1 条').waitFor();
  assert.equal(new URL(page.url()).hash, `#/membership-orders?status=PENDING&user_id=${wang.user.user_id}`);
  const row = page.getByRole('row').filter({ hasText: upgrade.order_no });
  for (const text of ['年度会员', '升级 · 等级 2 · 365 天', '¥269.10', '已抵扣 ¥29.90', '待付款']) {
    await row.getByText(text, { exact: true }).waitFor();
  }
  await page.getByRole('link', { name: '退款中', exact: true }).click();
  await page.getByText('没有符合条件的会员订单。').waitFor();

  await page.getByLabel('订单号').fill(upgrade.order_no);
  await press(page, '筛选');
  await heading(page, upgrade.order_no);
  const shown = {
    顾客: `王${NASTY}`, 套餐: '年度会员', 类型: '升级', 等级: '2', 天数: '365', 套餐价格: '¥299.00', 抵扣: '¥29.90', 应付: '¥269.10',
  };
  for (const [name, text] of Object.entries(shown)) assert.equal(await fact(page, name).textContent(), text, name);
  for (const name of ['下单时间', '付款期限']) assert.match(await fact(page, name).textContent(), /^\d{4}-\d\d-\d\d \d\d:\d\d$/);
  assert.equal(await page.locator('main script').count(), 0);
  await fact(page, '顾客').getByRole('link').click();
  await heading(page, `王${NASTY}`);
  await page.locator('.head').getByRole('link', { name: '会员订单' }).click();
  await page.getByText('共 2 条').waitFor();
  await page.goto('/admin/#/membership-orders/VIP0');
  await page.getByRole('alert').getByText('请求的资源不存在').waitFor();
});

test('orders can be paged forward and back without repetition, keeping the keyboard focus', async (t) => {
  const sun = await shop.login('sun');
  const made = [];
  for (let i = 0; i <= 2 * PAGE; i += 1) {
    const one = await order(sun);
    await cancel(sun, one);
    made.unshift(one.order_no);
  }
  const { page } = await openAdmin(t, `#/membership-orders?user_id=${sun.user.user_id}`);
  const numbers = () => page.locator('.list td.main').allTextContents();
  const above = page.getByRole('navigation', { name: '翻页', exact: true });
  const below = page.getByRole('navigation', { name: '翻页（列表末尾）' });
  await above.getByText(`第 1 / 3 页，共 ${made.length} 条`).waitFor();
  assert.equal(await above.getByRole('link', { name: '上一页' }).count(), 0);
  const seen = await numbers();
  await above.getByRole('link', { name: '下一页' }).focus();
  await page.keyboard.press('Enter');
  await above.getByText('第 2 / 3 页').waitFor();
  seen.push(...await numbers());
  assert.equal(await page.evaluate(() => document.activeElement.textContent), '下一页 ›');
  await below.getByRole('link', { name: '下一页' }).click();
  await above.getByText('第 3 / 3 页').waitFor();
  seen.push(...await numbers());
  assert.equal(await page.evaluate(() => window.scrollY), 0);
  assert.deepEqual(seen, made);
  await below.getByRole('link', { name: '上一页' }).click();
  await above.getByText('第 2 / 3 页').waitFor();
  assert.deepEqual(await numbers(), made.slice(PAGE, 2 * PAGE));
  await page.goBack();
  await above.getByText('第 3 / 3 页').waitFor();
  await page.goto(`/admin/#/membership-orders?user_id=${sun.user.user_id}&page=9`);
  await page.getByText('这一页已经没有内容。').waitFor();
  await page.getByRole('link', { name: '去最后一页' }).click();
  await above.getByText('第 3 / 3 页').waitFor();
  await page.getByRole('link', { name: '已取消', exact: true }).click();
  await above.getByText('第 1 / 3 页').waitFor();
});

test('an order is cancelled after a dialog that explains it', async (t) => {
  const qian = await shop.login('qian');
  const one = await order(qian);
  const { page } = await openAdmin(t, at(one), { expected: [answered(422)] });
  const dialog = page.getByRole('dialog');
  await press(page, '取消订单');
  await dialog.getByText('可以重新下单').waitFor();
  await press(dialog, '返回');
  assert.equal((await orderNow(one)).status, 'PENDING', 'a step that was given up is not taken');
  await press(page, '取消订单');
  await press(dialog, '取消订单');
  await said(page, '订单已取消');
  await heading(page, '已取消');
  assert.equal(await page.locator('.steps button').count(), 0);
  assert.equal((await orderNow(one)).status, 'CANCELLED');

  const late = await order(qian);
  await page.goto(`/admin/${at(late)}`);
  await heading(page, late.order_no);
  await pay(qian, late);
  await press(page, '取消订单');
  await press(dialog, '取消订单');
  await dialog.getByRole('alert').getByText('订单已支付').waitFor();
  assert.equal((await orderNow(late)).status, 'PAID');
});

test('a refund explains its effect, and an upgrade is refunded before what it folded (BEHAVIOUR 29)', async (t) => {
  const li = await shop.login('li');
  const first = await bought(li);
  const upgrade = await bought(li, year);
  const { page } = await openAdmin(t, at(first), { expected: [answered(422)] });
  const dialog = page.getByRole('dialog');
  await press(page, '退款');
  await dialog.getByText('将把实付的 ¥29.90 全额按原支付方式退给顾客。').waitFor();
  await dialog.getByText('减少这张订单的 30 天').waitFor();
  await press(dialog, '确认退款');
  await dialog.getByRole('alert').getByText('订单已折算到升级订单，不能单独退款').waitFor();
  assert.equal((await orderNow(first)).status, 'PAID');

  for (const [one, words] of [[upgrade, '升级前的会员恢复'], [first, '会员有效期立即减少']]) {
    await page.goto(`/admin/${at(one)}`);
    await heading(page, one.order_no);
    await press(page, '退款');
    await dialog.getByText(words).waitFor();
    await press(dialog, '确认退款');
    await said(page, '订单已退款，会员权益已扣除');
    await heading(page, '已退款');
    assert.equal((await orderNow(one)).status, 'REFUNDED');
  }
});

test('a refund not confirmed by the provider is shown as in progress', async (t) => {
  const zhou = await shop.login('zhou');
  const one = await order(zhou);
  assert.equal((await shop.payOrder(zhou.token, one.order_no)).status, 200);
  const { page } = await openAdmin(t, at(one));
  assert.equal(await fact(page, '付款方式').textContent(), '微信支付');
  await press(page, '退款');
  await press(page.getByRole('dialog'), '确认退款');
  await said(page, '退款处理中，会员权益已扣除');
  await heading(page, '退款中');
  await page.getByText('支付平台还没有确认退款').waitFor();
  assert.equal(await page.locator('.steps button').count(), 0);
  await page.goto('/admin/#/membership-orders?status=REFUNDING');
  await page.getByRole('row').filter({ hasText: one.order_no }).getByText('退款中', { exact: true }).waitFor();

  await shop.jobs();
  const [{ refund_no: no }] = await shop.sql('SELECT refund_no FROM refunds WHERE state = 1');
  assert.equal((await shop.sandbox('POST', `/refund/${no}`, { status: 'SUCCESS' })).body.status, 200);
  await page.goto(`/admin/${at(one)}`);
  await heading(page, '已退款');
});

test('a refund whose response was lost is retried from the dialog, with the same key', async (t) => {
  const wu = await shop.login('wu');
  const one = await bought(wu);
  const { page } = await openAdmin(t, at(one), { expected: [/net::ERR_FAILED/] });
  const keys = [];
  await page.route(`**${ORDERS}/action/`, async (route) => {
    keys.push(route.request().headers()['idempotency-key']);
    if (keys.length > 1) return route.continue();
    await route.fetch();
    return route.abort();
  });
  await press(page, '退款');
  await press(page.getByRole('dialog'), '确认退款');
  await page.getByRole('dialog').getByRole('alert').getByText('连接不上服务器').waitFor();
  await press(page.getByRole('dialog'), '确认退款');
  await said(page, '订单已退款，会员权益已扣除');
  assert.match(keys[0], /^[0-9a-f]{32}$/);
  assert.deepEqual(keys, [keys[0], keys[0]]);
});

test('an ended session asks to sign in and returns to the page, also from a dialog', async (t) => {
  const one = await order(await shop.login('zheng'));
  const { page } = await openAdmin(t, at(one), { expected: [answered(401)] });
  await press(page, '取消订单');
  await shop.ok('POST', '/api/auth/logout', { token: await tokenOf(page) });
  await press(page.getByRole('dialog'), '取消订单');
  await page.getByRole('alert').getByText('登录已失效，请重新登录。').waitFor();
  assert.ok(!(await page.locator('body').textContent()).includes(one.order_no));
  assert.equal((await orderNow(one)).status, 'PENDING');
  await fillSignIn(page);
  await heading(page, one.order_no);
  await shop.ok('POST', '/api/auth/logout', { token: await tokenOf(page) });
  await page.getByRole('link', { name: '会员套餐' }).click();
  await page.getByRole('alert').getByText('登录已失效，请重新登录。').waitFor();
  assert.equal(await page.getByText('月度会员').count(), 0, 'the public list of plans is not taken for the staff\'s');
});

test('none of these pages is wider than a phone', async (t) => {
  const feng = await shop.login('feng');
  const one = await bought(feng);
  const { page } = await openTab(t, { viewport: PHONE });
  await page.goto('/admin/');
  await fillSignIn(page);
  await heading(page, '订单');
  const pages = {
    plans: '会员套餐', 'plans/new': '新建套餐', [`plans/${month.id}`]: '月度会员', 'membership-orders': '会员订单',
    [`membership-orders/${one.order_no}`]: one.order_no,
  };
  for (const [hash, title] of Object.entries(pages)) {
    await page.goto(`/admin/#/${hash}`);
    await heading(page, title);
    assert.ok(await fits(page), hash);
  }
});
