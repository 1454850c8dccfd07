// SPDX-License-Identifier: MIT
// The pages of htdocs/ in a real browser: the staff's admin/, and the public front page.
// Any error in a page's console, including violations of the Content-Security-Policy, fails the test.

import test from 'node:test';
import assert from 'node:assert/strict';
import { DAY_S, redelivered, until } from '../lib/trade.mjs';
import { NASTY, PHONE, answered, heading, openPages, press, said, tokenOf } from '../lib/browser.mjs';

const { shop, openTab, openAdmin, fillSignIn } = await openPages();
const admin = await shop.admin();
const customer = await shop.login('lin');
await shop.ok('PUT', '/api/auth/me', { token: customer.token, body: { nickname: `林小雨${NASTY}` } });
const tea = await shop.ok('POST', '/api/products', { token: admin, body: { name: '龙井', price: '128.00', stock: 500 } });

async function placeOrder(quantity = 1) {
  const body = { items: [{ product_id: tea.product_id, quantity }] };
  return (await shop.ok('POST', '/api/orders', { token: customer.token, body })).order_id;
}

async function paidOrder() {
  const id = await placeOrder();
  await shop.payOrder(customer.token, id);
  return id;
}

const orderNow = (id) => shop.ok('GET', `/api/orders/${id}`, { token: admin });
const stockNow = async () => (await shop.ok('GET', `/api/products/${tea.product_id}`, { token: admin })).stock;

test('a wrong password is reported at its field', async (t) => {
  const { page } = await openTab(t, { expected: [answered(401)] });
  await page.goto('/admin/');
  await fillSignIn(page, { account: shop.adminAccount.account, password: 'not-the-password' });
  await page.getByRole('alert').getByText('账号或密码错误').waitFor();
  assert.equal(await page.getByRole('navigation', { name: '主导航' }).isVisible(), false);
});

test('an ordinary user is refused, and the session of the sign-in is ended', async (t) => {
  const account = { account: 'lin@example.com', password: 'lin-the-customer' };
  await shop.ok('PUT', `/api/users/${customer.user.user_id}`, { token: admin, body: { email: account.account } });
  const other = await shop.login('mei');
  await shop.ok('PUT', `/api/users/${other.user.user_id}`, {
    token: admin, body: { email: 'mei@example.com', password: account.password },
  });
  const { page } = await openTab(t);
  await page.goto('/admin/');
  const signedIn = page.waitForResponse((response) => response.url().endsWith('/api/auth/login'));
  await fillSignIn(page, { ...account, account: 'mei@example.com' });
  await page.getByText('这个账号不是管理员，不能进入管理后台。').waitFor();
  const { token } = await (await signedIn).json();
  assert.equal((await shop.call('GET', '/api/auth/me', { token })).status, 401);
  assert.equal(await page.evaluate(() => sessionStorage.length), 0);
});

test('the staff ships a paid order and completes it', async (t) => {
  const id = await paidOrder();
  const { page } = await openAdmin(t);
  await page.getByRole('row', { name: id }).getByText('已付款').waitFor();
  await page.getByRole('link', { name: id }).click();
  await heading(page, id);
  await page.getByRole('table', { name: '商品明细' }).getByText('¥128.00').first().waitFor();
  await press(page, '发货');
  await press(page.getByRole('dialog'), '返回');
  assert.equal((await orderNow(id)).status, 1, 'a step that was given up is not taken');
  await press(page, '发货');
  await press(page.getByRole('dialog'), '确认发货');
  await said(page, '已发货');
  assert.equal((await orderNow(id)).status, 2);
  await press(page, '确认完成');
  await press(page.getByRole('dialog'), '确认完成');
  await said(page, '订单已完成');
  assert.equal((await orderNow(id)).status, 3);
});

test('an offline payment is entered with its receipt, and refunded, returning the stock', async (t) => {
  const id = await placeOrder(3);
  const before = await stockNow();
  const { page } = await openAdmin(t, `#/orders/${id}`);
  await press(page, '登记线下收款');
  const dialog = page.getByRole('dialog');
  await press(dialog, '确认收款');
  assert.equal(await dialog.getByText('必填').count(), 2);
  assert.equal((await orderNow(id)).status, 0);
  await dialog.getByLabel('收款方式').fill('现金');
  await dialog.getByLabel('收据号或流水号').fill('收据 0042');
  await press(dialog, '确认收款');
  await said(page, '已登记收款');
  const paid = await orderNow(id);
  assert.deepEqual([paid.status, paid.payment_method, paid.payment_id], [1, '现金', '收据 0042']);
  await press(page, '登记线下退款');
  await press(page.getByRole('dialog'), '确认退款');
  await said(page, '已登记退款');
  assert.equal((await orderNow(id)).status, 5);
  assert.equal(await stockNow(), before + 3);
});

test('an order shows what its points paid, and says that a refund returns them (B58)', async (t) => {
  const body = { user_id: customer.user.user_id, points: 12_800, source_type: 'test', source_id: 'admin-page' };
  await shop.ok('POST', '/api/v1/member-system/points/earn', { token: admin, body });
  const place = (points) => shop.ok('POST', '/api/orders', { token: customer.token, body: { items: [{ product_id: tea.product_id, quantity: 1 }], points } });
  const partly = await place(2800);
  const { page } = await openAdmin(t, `#/orders/${partly.order_id}`);
  const table = page.getByRole('table', { name: '商品明细' });
  await table.getByRole('row', { name: '积分抵扣（2800 分） −¥28.00' }).waitFor();
  await table.getByRole('row', { name: '合计 ¥100.00' }).waitFor();
  assert.equal(await table.getByText('会员折扣').count(), 0);
  await shop.ok('POST', `/api/orders/${partly.order_id}/cancel`, { token: customer.token });
  const wholly = await place(12_800);
  await page.goto(`/admin/#/orders/${wholly.order_id}`);
  await heading(page, wholly.order_id);
  await press(page, '登记线下退款');
  await page.getByRole('dialog').getByText('抵扣的 12800 积分将退回。').waitFor();
  await press(page.getByRole('dialog'), '确认退款');
  await said(page, '已登记退款');
  assert.equal((await orderNow(wholly.order_id)).status, 5);
});

const orderRefunds = (id) => shop.ok('GET', `/api/payment/refunds?order_id=${id}`, { token: admin });

async function refundOnPage(page, { amount, reason }) {
  await press(page, '退款');
  const dialog = page.getByRole('dialog');
  if (amount) await dialog.getByLabel('退款金额（元）').fill(amount);
  await dialog.getByLabel('退款原因').fill(reason);
  await press(dialog, '确认退款');
  await said(page, '退款已提交');
}

test('a payment through WeChat is refunded in parts, showing the rest and each status', async (t) => {
  const id = await paidOrder();
  const before = await stockNow();
  const { page } = await openAdmin(t, `#/orders/${id}`);
  await page.getByRole('button', { name: '发货' }).waitFor();
  assert.equal(await page.getByRole('button', { name: '登记线下退款' }).count(), 0, 'it would end in 409');
  await press(page, '退款');
  const dialog = page.getByRole('dialog');
  await dialog.getByText('还可以退 ¥128.00').waitFor();
  for (const amount of ['128.01', '0', '1.234', '-1']) {
    await dialog.getByLabel('退款金额（元）').fill(amount);
    await press(dialog, '确认退款');
    await dialog.getByText('请输入 0.01 到 128.00 之间的金额').waitFor();
  }
  await press(dialog, '返回');
  assert.deepEqual(await orderRefunds(id), []);
  await refundOnPage(page, { amount: '28.5', reason: '少发一件' });
  const table = page.getByRole('table', { name: '退款明细' });
  await table.getByRole('row', { name: '少发一件' }).getByText('¥28.50').waitFor();
  await table.getByText('¥99.50').waitFor();
  await table.getByText('处理中').waitFor();
  const giveBack = async () => { // WeChat completes it and notifies
    const [{ refund_no: no }] = await orderRefunds(id);
    assert.equal((await redelivered(async () => (await shop.sandbox('POST', `/refund/${no}`, { status: 'SUCCESS' })).body)).status, 200);
  };
  await giveBack();
  await press(page, '刷新');
  await table.getByText('已退回').waitFor();
  assert.equal((await orderNow(id)).status, 1, 'a part leaves the order paid');
  await refundOnPage(page, { reason: '全部退掉' });
  await table.getByText('全部退掉').waitFor(); // the notice of the first one may still be shown
  await giveBack();
  assert.equal((await orderNow(id)).status, 5);
  assert.deepEqual((await orderRefunds(id)).map(({ amount }) => amount), ['99.50', '28.50']);
  assert.equal(await stockNow(), before + 1);
  await page.reload();
  await heading(page, '已退款');
  await table.getByText('¥0.00').waitFor();
  assert.equal(await page.getByRole('button', { name: '退款', exact: true }).count(), 0);
});

test('a payment by card is refunded to the card', async (t) => {
  const { user } = customer;
  const card = await shop.ok('POST', '/api/membership/cards', { token: admin, body: { user_id: user.user_id } });
  await shop.ok('POST', '/api/membership/transactions', { token: admin, body: { card_id: card.card_id, type: 1, amount: '200.00' } });
  const id = await placeOrder();
  await shop.ok('POST', '/api/payment/card', { token: customer.token, body: { order_id: id } });
  const { page } = await openAdmin(t, `#/orders/${id}`);
  await refundOnPage(page, { reason: '不想要了' });
  await heading(page, '已退款');
  await page.getByRole('table', { name: '退款明细' }).getByText('已退回').waitFor();
  assert.equal((await shop.ok('GET', `/api/membership/cards/${card.card_id}`, { token: admin })).balance, '200.00');
});

test('an unknown number leads back to the list', async (t) => {
  const { page } = await openAdmin(t, '#/orders', { expected: [answered(404)] });
  await page.getByLabel('订单号').fill('ORDERnowhere');
  await press(page, '筛选');
  await page.getByRole('alert').getByText('请求的资源不存在').waitFor();
  await page.getByRole('link', { name: '返回订单列表' }).click();
  await heading(page, '订单');
  await page.goto('/admin/#/products/99999999');
  await page.getByRole('link', { name: '返回商品列表' }).click();
  await heading(page, '商品');
});

test('the first click on a button is registered, even after typing', async (t) => {
  const { page } = await openAdmin(t, '#/products/new', { viewport: { width: 1280, height: 1600 } });
  await page.getByLabel('名称').fill('一次点击');
  await page.getByLabel('价格（元）').fill('1');
  await page.getByLabel('图片地址').pressSequentially('/common/icon.svg');
  const box = await page.getByRole('button', { name: '创建商品' }).boundingBox();
  await page.mouse.click(box.x + box.width / 2, box.y + box.height / 2); // where the user saw it
  await said(page, '商品已创建');
});

test('unsent input is restored after signing in again, in a page and in a dialog', async (t) => {
  const { page } = await openAdmin(t, '#/products/new', { expected: [answered(401)] });
  await page.getByLabel('名称').fill('写了很久的商品');
  await page.getByLabel('价格（元）').fill('66');
  await shop.ok('POST', '/api/auth/logout', { token: await tokenOf(page) });
  await press(page, '创建商品');
  await page.getByRole('alert').getByText('登录已失效，请重新登录。').waitFor();
  assert.equal(await page.getByLabel('名称').count(), 0, 'nothing of it is seen meanwhile');
  await fillSignIn(page);
  assert.equal(await page.getByLabel('名称').inputValue(), '写了很久的商品');
  await press(page, '创建商品');
  await said(page, '商品已创建');

  const id = await placeOrder();
  await page.goto(`/admin/#/orders/${id}`);
  await press(page, '登记线下收款');
  await page.getByLabel('收款方式').fill('现金');
  await page.getByLabel('收据号或流水号').fill('收据 7');
  await shop.ok('POST', '/api/auth/logout', { token: await tokenOf(page) });
  await press(page.getByRole('dialog'), '确认收款');
  await page.getByRole('alert').getByText('登录已失效，请重新登录。').waitFor();
  assert.equal(await page.getByRole('dialog').count(), 0);
  await fillSignIn(page);
  assert.equal(await page.getByLabel('收据号或流水号').inputValue(), '收据 7');
  await press(page.getByRole('dialog'), '确认收款');
  await said(page, '已登记收款');
  assert.equal((await orderNow(id)).status, 1);
});

test('an order is cancelled, then deleted, and disappears from the list', async (t) => {
  const id = await placeOrder();
  const { page } = await openAdmin(t, `#/orders/${id}`);
  await press(page, '取消订单');
  await press(page.getByRole('dialog'), '取消订单');
  await said(page, '订单已取消');
  await heading(page, '已取消');
  assert.deepEqual(await page.locator('.steps button').allTextContents(), ['删除']);
  await press(page, '删除');
  await press(page.getByRole('dialog'), '删除订单');
  await heading(page, '订单');
  assert.equal(await page.getByRole('link', { name: id }).count(), 0);
  assert.equal((await shop.call('GET', `/api/orders/${id}`, { token: admin })).status, 404);
});

test('the shipment is entered when shipping', async (t) => {
  const id = await paidOrder();
  const { page } = await openTab(t);
  await page.route(`**/api/orders/${id}`, async (route) => {
    if (route.request().method() !== 'GET') return route.continue();
    const response = await route.fetch();
    return route.fulfill({ response, json: { ...await response.json(), shipment: null } });
  });
  await page.goto(`/admin/#/orders/${id}`);
  await fillSignIn(page);
  await press(page, '发货');
  await page.getByLabel('快递公司').fill('顺丰速运');
  await page.getByLabel('快递单号').fill('SF1234567890');
  const sent = page.waitForRequest((request) => request.method() === 'PUT');
  await press(page.getByRole('dialog'), '确认发货');
  assert.deepEqual((await sent).postDataJSON(), { status: 2, shipment: { carrier: '顺丰速运', tracking_no: 'SF1234567890' } });
  await said(page, '已发货');
});

test('orders are filtered by status and day, and the list continues by its cursor without repetition', async (t) => {
  const today = () => new Intl.DateTimeFormat('sv-SE', { timeZone: 'Asia/Shanghai' }).format(Date.now());
  const began = today();
  const placed = [];
  for (let i = 0; i < 65; i += 1) placed.push(await placeOrder());
  const { page } = await openAdmin(t, '#/orders?status=0');
  await page.getByRole('link', { name: '待付款' }).and(page.locator('[aria-current]')).waitFor();
  const rows = page.locator('.list tbody tr');
  assert.equal(await rows.count(), 30);
  await press(page, '加载更多');
  await rows.nth(59).waitFor();
  await press(page, '加载更多');
  await page.getByText('已全部显示').waitFor();
  const ids = await rows.locator('td.main').allTextContents();
  assert.deepEqual(ids.slice(0, 65), placed.reverse());
  assert.equal(new Set(ids).size, ids.length);

  await page.getByLabel('下单日期从').fill('2000-01-01');
  await page.getByLabel('到（含当日）').fill('2000-01-02');
  await press(page, '筛选');
  await page.getByText('没有符合条件的订单。').waitFor();
  assert.equal(new URL(page.url()).hash, '#/orders?status=0&from=2000-01-01&to=2000-01-02');
  await page.getByLabel('下单日期从').fill(began);
  await page.getByLabel('到（含当日）').fill(today());
  await press(page, '筛选');
  await rows.first().waitFor();
  await page.getByLabel('用户编号').fill('999999');
  await press(page, '筛选');
  await page.getByText('没有符合条件的订单。').waitFor();
});

test('a name with markup and emoji is shown as text on every page (B57)', async (t) => {
  const { page } = await openAdmin(t, '#/products');
  await page.getByRole('link', { name: '新建商品' }).click();
  await heading(page, '新建商品');
  await page.getByLabel('价格（元）').fill('19.905');
  await press(page, '创建商品');
  await page.getByText('请输入金额').waitFor();
  await page.getByLabel('名称').fill(NASTY);
  await page.getByLabel('价格（元）').fill('19.9');
  await page.getByLabel('库存').fill('7');
  await page.getByLabel('描述').fill(`<img src=x onerror=alert(2)>\n第二行`);
  await press(page, '创建商品');
  await said(page, '商品已创建');
  const row = page.getByRole('row').filter({ hasText: NASTY });
  await row.getByText('¥19.90').waitFor();
  await row.getByRole('link', { name: NASTY }).click();
  await heading(page, NASTY);
  const nasty = Number(/\d+$/.exec(page.url())[0]);
  assert.deepEqual(
    await shop.sql(`SELECT price, stock FROM products WHERE product_id = ${nasty}`),
    await shop.sql('SELECT 1990 AS price, 7 AS stock'),
  );

  await page.goto('/');
  await page.getByRole('button', { name: NASTY }).click();
  await page.getByRole('dialog').getByRole('heading', { name: NASTY }).waitFor();
  await page.getByRole('dialog').getByText('<img src=x onerror=alert(2)>').waitFor();

  await page.goto('/admin/#/users');
  await page.getByRole('link', { name: `林小雨${NASTY}` }).click();
  await heading(page, `林小雨${NASTY}`);
  assert.equal(await page.locator('body script').count(), 0);
});

test('an edit sends only changed fields, so that a concurrent sale is kept', async (t) => {
  const { page } = await openAdmin(t, `#/products/${tea.product_id}`);
  await page.getByLabel('价格（元）').fill('99');
  await placeOrder(2);
  const before = await stockNow();
  const sent = page.waitForRequest((request) => request.method() === 'PUT');
  await press(page, '保存');
  assert.deepEqual((await sent).postDataJSON(), { price: '99.00' });
  await said(page, '商品已保存');
  assert.equal(await stockNow(), before);
});

test('the stock is changed relatively, so that a concurrent sale is kept (B65)', async (t) => {
  const { page } = await openAdmin(t, `#/products/${tea.product_id}`);
  const seen = await stockNow();
  await page.getByLabel('库存').fill(String(seen + 20));
  await placeOrder(2);
  await press(page, '保存');
  await said(page, '商品已保存');
  assert.equal(await stockNow(), seen + 20 - 2);
});

test('a stock change without a response is saved again, and made once', async (t) => {
  const { page } = await openAdmin(t, `#/products/${tea.product_id}`, { expected: [/net::ERR_FAILED/] });
  const seen = await stockNow();
  let tries = 0;
  await page.route(`**/api/products/${tea.product_id}`, async (route) => {
    if (route.request().method() !== 'PUT' || (tries += 1) > 1) return route.continue();
    await route.fetch();
    return route.abort();
  });
  await page.getByLabel('库存').fill(String(seen + 20));
  await press(page, '保存');
  await page.getByRole('alert').getByText('连接不上服务器').waitFor();
  await press(page, '保存');
  await said(page, '商品已保存');
  assert.deepEqual([tries, await stockNow()], [2, seen + 20]);
});

test('a product off sale is visible only to staff, and a deleted one to nobody', async (t) => {
  const name = '只此一件';
  const { product_id: id } = await shop.ok('POST', '/api/products', { token: admin, body: { name, price: 5, stock: 1 } });
  const { page } = await openAdmin(t, `#/products/${id}`);
  await page.getByLabel('状态').selectOption('下架');
  await press(page, '保存');
  await heading(page, '商品');
  await page.getByLabel('名称').fill(name);
  await press(page, '筛选');
  await page.getByRole('row').filter({ hasText: name }).getByText('下架').waitFor();
  await page.goto(`/#/?q=${encodeURIComponent(name)}`);
  await page.getByText('这里暂时没有商品。').waitFor();
  await page.goto(`/admin/#/products/${id}`);
  await press(page, '删除');
  await press(page.getByRole('dialog'), '删除商品');
  await said(page, '商品已删除');
  assert.equal((await shop.call('GET', `/api/products/${id}`, { token: admin })).status, 404);
});

test('categories are created, moved, filled and emptied', async (t) => {
  const { page } = await openAdmin(t, '#/categories', { expected: [answered(409)] });
  const dialog = page.getByRole('dialog');
  await press(page, '新建分类');
  await dialog.getByLabel('名称').fill('茶');
  await press(dialog, '创建分类');
  await said(page, '分类已创建');
  await press(page, '添加下级：茶');
  await dialog.getByLabel('名称').fill('绿茶');
  await press(dialog, '创建分类');
  await page.getByRole('link', { name: '绿茶' }).waitFor();
  await press(page, '编辑：茶');
  assert.deepEqual(await dialog.getByLabel('上级分类').locator('option').allTextContents(), ['（无，顶级分类）'],
    'neither itself nor what is below it is offered');
  await press(dialog, '返回');
  await press(page, '删除：茶');
  await press(dialog, '删除分类');
  await dialog.getByText('分类下还有商品或子分类，不能删除').waitFor();
  await press(dialog, '返回');
  await press(page, '编辑：绿茶');
  await dialog.getByLabel('名称').fill('明前绿茶');
  await dialog.getByLabel('上级分类').selectOption('');
  await press(dialog, '保存');
  await said(page, '分类已保存');
  const rows = await shop.ok('GET', '/api/categories');
  assert.deepEqual(rows.map(({ name, parent_id: parent }) => [name, parent]), [['明前绿茶', null], ['茶', null]]);

  const [green] = rows;
  await shop.ok('PUT', `/api/products/${tea.product_id}`, { token: admin, body: { category_id: green.category_id } });
  await page.goto('/');
  await page.getByRole('link', { name: '明前绿茶' }).click();
  await page.getByRole('link', { name: '明前绿茶' }).and(page.locator('[aria-current]')).waitFor();
  await page.getByRole('button', { name: '龙井' }).waitFor();
  assert.equal(await page.locator('.card').count(), 1);

  await page.goto('/admin/#/categories');
  await press(page, '删除：茶');
  await press(dialog, '删除分类');
  await said(page, '分类已删除');
  assert.deepEqual((await shop.ok('GET', '/api/categories')).map(({ name }) => name), ['明前绿茶']);
});

test('users are found, changed and deleted; an error is shown at its field', async (t) => {
  const one = await shop.login('wang');
  await shop.ok('PUT', `/api/users/${one.user.user_id}`, { token: admin, body: { nickname: '王师傅', phone: '13900000001' } });
  await shop.login('zhao');
  const { page } = await openAdmin(t, '#/users', { expected: [answered(409)] });
  await page.getByLabel('昵称、手机或邮箱').fill('1390000');
  await press(page, '搜索');
  assert.equal(await page.getByLabel('昵称、手机或邮箱').evaluate((field) => field.value), '1390000');
  await page.getByRole('link', { name: '王师傅' }).click();
  await page.getByLabel('邮箱').fill(shop.adminAccount.account);
  await press(page, '保存');
  const email = page.getByLabel('邮箱');
  await page.locator('.field-email').getByText('邮箱已被使用').waitFor();
  assert.equal(await email.getAttribute('aria-invalid'), 'true');
  assert.equal(await email.evaluate((field) => field === document.activeElement), true);
  await email.fill('wang@example.com');
  await page.getByLabel('角色').selectOption('管理员');
  await press(page, '保存');
  await said(page, '用户已保存');
  const changed = await shop.ok('GET', `/api/users/${one.user.user_id}`, { token: admin });
  assert.deepEqual([changed.email, changed.permission_level, changed.phone], ['wang@example.com', 1, '13900000001']);
  assert.equal((await shop.call('GET', '/api/auth/me', { token: one.token })).status, 401, 'a new role ends what was signed in');

  await page.goto(`/admin/#/users/${one.user.user_id}`);
  await press(page, '删除');
  await press(page.getByRole('dialog'), '删除用户');
  await said(page, '用户已删除');
  const me = await shop.ok('GET', '/api/auth/me', { token: admin });
  await page.goto(`/admin/#/users/${me.user_id}`);
  await page.getByLabel('角色').selectOption('普通用户');
  await press(page, '保存');
  await page.getByText('不能删除或降级最后一位管理员').waitFor();
});

test('after signing out nothing is visible, and the token is invalid', async (t) => {
  const id = await paidOrder();
  const { page } = await openAdmin(t);
  await page.getByRole('link', { name: id }).click();
  await heading(page, id);
  const token = await tokenOf(page);
  assert.equal((await shop.call('GET', '/api/auth/me', { token })).status, 200);
  await press(page, '退出登录');
  await heading(page, '管理后台');
  assert.equal((await shop.call('GET', '/api/auth/me', { token })).status, 401);
  for (let i = 0; i < 2; i += 1) {
    await page.goBack();
    await heading(page, '管理后台');
    const text = await page.locator('body').textContent();
    assert.ok(!text.includes(id) && !text.includes('龙井') && !text.includes('店长'), text);
  }
  assert.equal(await page.evaluate(() => sessionStorage.length), 0);
});

test('an expired token is refreshed once, transparently; an ended session asks to sign in and returns to the page', async (t) => {
  const { page } = await openAdmin(t, '#/orders', { expected: [answered(401)] });
  t.after(() => shop.clock(0));
  const asked = [];
  page.on('request', (request) => asked.push(new URL(request.url()).pathname));
  const old = await tokenOf(page);
  shop.clock(DAY_S + 60);
  await page.getByRole('link', { name: '商品' }).click();
  await page.getByRole('link', { name: '龙井' }).waitFor();
  assert.equal(asked.filter((one) => one === '/api/auth/refresh').length, 1);
  const renewed = await tokenOf(page);
  assert.notEqual(renewed, old);

  await shop.ok('POST', '/api/auth/logout', { token: renewed });
  await page.getByRole('link', { name: '用户' }).click();
  await page.getByRole('alert').getByText('登录已失效，请重新登录。').waitFor();
  assert.equal(await page.getByText('林小雨').count(), 0);
  await fillSignIn(page);
  await heading(page, '用户');
});

test('a failed request can be retried', async (t) => {
  const { page } = await openAdmin(t, '#/products', { expected: [/net::ERR_FAILED/] });
  await page.route('**/api/orders?*', (route) => route.abort(), { times: 1 });
  await page.getByRole('link', { name: '订单', exact: true }).click();
  await page.getByRole('alert').getByText('连接不上服务器').waitFor();
  await press(page, '重试');
  await page.getByRole('table', { name: '订单' }).waitFor();
});

test('no page is wider than a phone, and an order is reachable by keyboard', async (t) => {
  const id = await paidOrder();
  const { page } = await openTab(t, { viewport: PHONE });
  const fits = () => page.evaluate(() => document.documentElement.scrollWidth <= window.innerWidth);
  await page.goto('/');
  await page.locator('.card').first().waitFor();
  assert.ok(await fits(), 'the front page');
  await page.goto('/admin/');
  await heading(page);
  await page.keyboard.type(shop.adminAccount.account);
  await page.keyboard.press('Tab');
  await page.keyboard.type(shop.adminAccount.password);
  await page.keyboard.press('Enter');
  await heading(page, '订单');
  const name = () => page.evaluate(() => document.activeElement.textContent);
  for (let i = 0; i < 40 && await name() !== id; i += 1) await page.keyboard.press('Tab');
  assert.equal(await name(), id);
  await page.keyboard.press('Enter');
  await heading(page, id);
  const pages = {
    [`orders/${id}`]: id, orders: '订单', products: '商品', 'products/new': '新建商品', [`products/${tea.product_id}`]: '龙井',
    categories: '分类', users: '用户', [`users/${customer.user.user_id}`]: '林小雨',
  };
  for (const [hash, title] of Object.entries(pages)) {
    await page.goto(`/admin/#/${hash}`);
    await heading(page, title);
    assert.ok(await fits(), hash);
  }
});

test('an injected script does not run (B57)', async (t) => {
  const { page, complaints } = await openTab(t, { expected: [/Content Security Policy/] });
  for (const address of ['/', '/admin/']) {
    complaints.length = 0;
    await page.goto(address);
    const ran = await page.evaluate(() => {
      document.body.append(Object.assign(document.createElement('script'), { textContent: 'window.ran = true' }));
      document.body.setAttribute('onclick', 'window.ran = true');
      document.body.click();
      return window.ran === true;
    });
    assert.equal(ran, false);
    await until('both complaints', () => complaints.length >= 2); // the browser reports them asynchronously
  }
});
