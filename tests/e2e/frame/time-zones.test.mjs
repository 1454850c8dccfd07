// SPDX-License-Identifier: MIT
// UTC in, UTC out: the results don't depend on the programs' zone, and days are those of SHOP_TZ (BEHAVIOUR 49).
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { CANCELLED, DAY_S, PAY_S, TRADE, openTrade } from '../lib/trade.mjs';

const SHANGHAI_MS = 8 * 3_600_000;
const NEAR_MS = 60_000;
const NIGHT_UTC_S = 20 * 3600; // already the next day in the shop

const near = (moment, ms, what) => assert.ok(Math.abs(Date.parse(moment) - ms) < NEAR_MS, `${what}: ${moment}, not ${new Date(ms).toISOString()}`);

for (const zone of ['UTC', 'Asia/Shanghai', 'America/St_Johns']) {
  test(`with TZ=${zone} times are UTC, and days are the shop's (B49)`, async () => {
    const trade = await openTrade({ families: TRADE, processEnv: { TZ: zone } });
    const { shop } = trade;
    const offset = DAY_S + NIGHT_UTC_S - Math.floor(Date.now() / 1000) % DAY_S; // tomorrow at 20:00 UTC
    const now = () => Date.now() + offset * 1000;
    shop.clock(offset);
    await trade.adminSignIn();
    const anna = await trade.buyer();
    const product = await trade.product();
    const order = await trade.order(anna, [[product, 1]]);
    near(order.created_at, now(), 'created_at');
    const { outTradeNo } = await trade.prepay(anna, order);
    near((await trade.atWechat(outTradeNo)).request.time_expire, now() + PAY_S * 1000, 'time_expire');
    assert.equal((await trade.payNotified(outTradeNo)).body.status, 200);
    near((await trade.paymentStatus(anna, order)).body.paid_at, now(), 'paid_at');
    const day = new Date(now() + SHANGHAI_MS).toISOString().slice(0, 10);
    const before = new Date(now() + SHANGHAI_MS - DAY_S * 1000).toISOString().slice(0, 10);
    const listed = async (query) => (await shop.ok('GET', `/api/orders?${query}`, { token: anna.token })).length;
    assert.deepEqual([await listed(`created_from=${day}`), await listed(`created_from=${before}&created_to=${before}`)], [1, 0]);
    const [{ member_code: code }] = await shop.sql(`SELECT member_code FROM members WHERE user_id = ${anna.user.user_id}`);
    assert.ok(code.startsWith(`M${day.replaceAll('-', '')}`), code);
    const unpaid = await trade.order(anna, [[product, 1]]);
    shop.clock(offset + PAY_S - 60);
    await shop.jobs();
    assert.equal(await trade.status(unpaid), 0);
    shop.clock(offset + PAY_S + 60);
    await shop.jobs();
    assert.equal(await trade.status(unpaid), CANCELLED);
    shop.clock(0);
  });
}
