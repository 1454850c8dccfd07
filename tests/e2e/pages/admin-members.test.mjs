// SPDX-License-Identifier: MIT
// The staff's pages of members in a real browser: the list, and one member with its points and log, to freeze, thaw and upgrade.

import test from 'node:test';
import assert from 'node:assert/strict';
import { NASTY, PHONE, answered, fits, heading, openPages, press, said } from '../lib/browser.mjs';
import { Points, SYSTEM, serviceToken } from '../lib/loyalty.mjs';

const { shop, openAdmin, openTab, fillSignIn } = await openPages();
const admin = await shop.admin();
const points = new Points(shop, await serviceToken(shop));
const lin = await points.member('lin', 1500);
await shop.ok('PUT', '/api/auth/me', { token: lin.token, body: { nickname: NASTY, phone: '13800138000' } });
await shop.ok('PUT', `${SYSTEM}/profile`, { token: lin.token, body: { birthday: '1990-05-20', preferences: { newsletter: true } } });
const wu = await points.member('wu');
await shop.ok('PUT', '/api/auth/me', { token: wu.token, body: { nickname: '吴小姐' } });

const memberNow = async ({ user }) => (await shop.ok('GET', `${SYSTEM}/members/${user.member_id}`, { token: admin })).data;
const at = ({ user }) => `#/members/${user.member_id}`;
const fact = (page, name) => page.locator('.facts div').filter({ has: page.getByText(name, { exact: true }) }).locator('dd');
const dialog = (page) => page.getByRole('dialog');

test('members are found by level, status and name, and shown as text', async (t) => {
  const { page } = await openAdmin(t, '#/members');
  await page.getByRole('link', { name: '银牌会员' }).click();
  await page.locator('#tab-2[aria-current=true]').waitFor();
  const row = page.getByRole('row').filter({ hasText: NASTY });
  await row.getByText('13800138000').waitFor();
  await row.getByText('正常').waitFor();
  assert.equal(await page.getByRole('row').filter({ hasText: '吴小姐' }).count(), 0);
  await page.getByRole('link', { name: '清除' }).click();
  await page.getByRole('row').filter({ hasText: '吴小姐' }).waitFor();
  await page.getByLabel('编号、昵称、手机或邮箱').fill('吴小');
  await press(page, '搜索');
  await page.getByText('共 1 条，已全部显示').waitFor();
  await page.getByLabel('状态').selectOption('已冻结');
  await press(page, '搜索');
  await page.getByText('没有符合条件的会员。').waitFor();
  assert.equal(await page.locator('body script, main img').count(), 0);
});

test('one member with its level, points and wishes', async (t) => {
  const { page } = await openAdmin(t, at(lin));
  await heading(page, (await memberNow(lin)).member_code);
  for (const [name, value] of [['等级', '银牌会员'], ['积分', '1500'], ['累计获得', '1500'], ['累计使用', '0'], ['生日', '1990-05-20'], ['通知', '邮件']]) {
    assert.equal(await fact(page, name).innerText(), value, name);
  }
  const row = page.getByRole('table', { name: '操作日志' }).getByRole('row').nth(1);
  await row.getByText('发放积分').waitFor();
  await row.getByText('0 → 1500').waitFor();
});

test('a member is frozen and thawed with a reason, which the log shows', async (t) => {
  const { page } = await openAdmin(t, at(lin));
  await press(page, '冻结');
  await press(dialog(page), '冻结');
  await dialog(page).getByText('必填').waitFor();
  await dialog(page).getByLabel('原因').fill(NASTY);
  await press(dialog(page), '冻结');
  await said(page, '会员已冻结');
  assert.equal((await memberNow(lin)).profile.status, 0);
  await page.getByRole('table', { name: '操作日志' }).getByText(NASTY).waitFor();
  assert.equal(await page.getByRole('button', { name: '升级' }).count(), 0, 'a frozen one isn\'t upgraded');
  await press(page, '解冻');
  await dialog(page).getByLabel('原因').fill('已核实');
  await press(dialog(page), '解冻');
  await said(page, '会员已解冻');
  assert.equal((await memberNow(lin)).profile.status, 1);
});

test('an upgrade whose threshold isn\'t met is refused in its dialog; otherwise the level changes', async (t) => {
  const { page } = await openAdmin(t, at(lin), { expected: [answered(409)] });
  await press(page, '升级');
  await dialog(page).getByLabel('目标等级').selectOption('金牌会员（5000 起）');
  assert.deepEqual(await dialog(page).getByRole('option').allInnerTexts(), ['金牌会员（5000 起）', '钻石会员（20000 起）'], 'only higher ones');
  await dialog(page).getByLabel('原因').fill('老顾客');
  await press(dialog(page), '升级');
  await dialog(page).getByText('无效的等级升级操作').waitFor();
  await shop.sql(`UPDATE members SET total_spent = 600000 WHERE member_id = ${lin.user.member_id}`);
  t.after(() => shop.sql(`UPDATE members SET total_spent = 0 WHERE member_id = ${lin.user.member_id}`));
  await press(dialog(page), '升级');
  await said(page, '会员已升级');
  await page.getByRole('table', { name: '操作日志' }).getByText('银牌会员 → 金牌会员').waitFor();
  assert.equal(await fact(page, '等级').innerText(), '金牌会员');
  assert.equal((await memberNow(lin)).level.id, 3);
});

test('a deleted user\'s member is shown, without steps; an unknown one is an error with a way back', async (t) => {
  const gus = await points.member('gus');
  await shop.ok('DELETE', `/api/users/${gus.user.user_id}`, { token: admin });
  const { page } = await openAdmin(t, at(gus), { expected: [answered(404)] });
  await heading(page, '已注销');
  assert.equal(await page.locator('.steps button').count(), 0);
  await page.goto('/admin/#/members/999999999');
  await page.getByRole('alert').getByText('会员信息不存在').waitFor();
  await page.getByRole('link', { name: '返回会员列表' }).click();
  await heading(page, '会员');
});

test('the pages of members fit a phone', async (t) => {
  const { page } = await openTab(t, { viewport: PHONE });
  await page.goto('/admin/#/members');
  await fillSignIn(page);
  await page.getByRole('row').filter({ hasText: '吴小姐' }).waitFor();
  assert.ok(await fits(page), 'the list');
  await page.goto(`/admin/${at(lin)}`);
  await page.getByRole('table', { name: '操作日志' }).waitFor();
  assert.ok(await fits(page), 'one');
});
