// SPDX-License-Identifier: MIT
// The staff's pages of comparisons with the providers' bills, in a real browser (BEHAVIOUR 57, 67).

import test from 'node:test';
import assert from 'node:assert/strict';
import { NASTY, PHONE, fits, heading, openPages } from '../lib/browser.mjs';

const { shop, openAdmin } = await openPages();
const row = (page, text) => page.getByRole('row').filter({ hasText: text });
const COLUMNS = 'provider, starts_at, outcome, error, automatic, repairs, lease_at, payments, paid, refunds, refunded, findings, repaired, created_at, ended_at';
const DAY = Date.parse('2026-11-26T00:00:00+08:00');

await shop.sql(`INSERT INTO reconciliations (${COLUMNS}) VALUES
    ('wechat', ${DAY}, 3, NULL, 1, 1, 1, 12, 123456, 2, 300, 2, 1, ${DAY}, ${DAY}),
    ('alipay', ${DAY}, 5, 'UNKNOWN', 0, 0, 1, 0, 0, 0, 0, 0, 0, ${DAY}, ${DAY}),
    ('wechat', ${DAY - 86_400_000}, 1, NULL, 1, 1, 1, 0, 0, 0, 0, 0, 0, ${DAY}, ${DAY});
  INSERT INTO reconciliation_findings (reconciliation_id, reason, number, out_trade_no, billed, booked, created_at, repaired_at)
    SELECT reconciliation_id, 4, 'PAY_1_A', 'PAY_1_A', 1001, 1000, 1, NULL FROM reconciliations WHERE findings = 2;
  INSERT INTO reconciliation_findings (reconciliation_id, reason, number, out_trade_no, billed, booked, created_at, repaired_at)
    SELECT reconciliation_id, 8, '${NASTY.replaceAll(/[^!-~]/g, '').slice(0, 60).replaceAll("'", "''")}', 'PAY_1_B', 200, NULL, 1, ${DAY} FROM reconciliations WHERE findings = 2`);

test('runs are listed, by outcome too; one shows what it found, with the reason and what was repaired', async (t) => {
  const { page } = await openAdmin(t, '#/orders');
  await page.getByRole('link', { name: '对账', exact: true }).click();
  await heading(page, '对账');
  await row(page, '支付宝 2026-11-26').getByText('失败').waitFor();
  await row(page, '微信支付 2026-11-25').getByText('无差异').waitFor();
  await page.getByRole('link', { name: '有差异', exact: true }).click();
  await row(page, '支付宝').waitFor({ state: 'detached' });
  await row(page, '微信支付 2026-11-26').getByText('2 处，已修复 1 处').waitFor();
  await row(page, '微信支付 2026-11-26').getByText('12 笔，¥1,234.56').waitFor();
  await page.getByRole('link', { name: '微信支付 2026-11-26' }).click();
  await heading(page, '对账 微信支付 2026-11-26');
  await page.getByText('自动，查询支付平台并修复').waitFor();
  const amount = row(page, 'PAY_1_A');
  for (const text of ['支付，金额不同', '账单中的支付金额与本店不一致', '¥10.01', '¥10.00', '待处理']) await amount.getByText(text).waitFor();
  const refund = row(page, 'PAY_1_B');
  for (const text of ['退款，本店没有', '账单中有这笔退款，本店没有记录', '¥2.00', '已修复']) await refund.getByText(text).first().waitFor();
  assert.equal(await page.locator('main script').count(), 0);
});

test('a failed run says why, and has no findings; also on a telephone', async (t) => {
  const [{ reconciliation_id: id }] = await shop.sql('SELECT reconciliation_id FROM reconciliations WHERE outcome = 5');
  const { page } = await openAdmin(t, `#/reconciliations/${id}`, { viewport: PHONE });
  await page.getByText('UNKNOWN').waitFor();
  await page.getByText('没有差异。').waitFor();
  assert.ok(await fits(page));
  await page.getByRole('link', { name: '全部对账' }).click();
  await heading(page, '对账');
  assert.ok(await fits(page));
});
