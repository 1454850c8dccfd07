// SPDX-License-Identifier: MIT
// A shop started with every provider's simulator: its settings for them, and that they are replaced together.
import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { test } from 'node:test';
import { openShop } from '../lib/harness.mjs';
import { command, send } from '../lib/simulators.mjs';
import { programsOf } from '../lib/trade.mjs';
import { FAMILIES } from '../../../sandbox/web.mjs';

const { shop } = await openShop({ alipay: { certificates: true }, gateway: true });

test('its settings are those of the simulators that run', async () => {
  const { simulators: { alipay, gateway, wechat }, env, sandboxUrl, gatewaySecret } = shop;
  assert.equal(wechat.url, sandboxUrl);
  assert.equal(env.ALIPAY_APP_ID, alipay.keys.appId);
  assert.equal(env.ALIPAY_GATEWAY, `${alipay.url}/gateway.do`);
  assert.equal(env.ALIPAY_PUBLIC_KEY_FILE, undefined);
  for (const name of ['ALIPAY_PRIVATE_KEY_FILE', 'ALIPAY_APP_CERT_FILE', 'ALIPAY_CERT_FILE', 'ALIPAY_ROOT_CERT_FILE']) assert.ok(existsSync(env[name]), name);
  const reply = JSON.parse((await send('GET', env.ALIPAY_GATEWAY)).text);
  assert.equal(reply.error_response.sub_code, 'isv.missing-app-id');
  assert.equal(env.GATEWAY_SECRET, gatewaySecret);
  assert.equal((await send('GET', `${env.GATEWAY_PAGE_URL}/TXN1`)).status, 400);
  assert.equal(gateway.url, new URL(env.GATEWAY_PAGE_URL).origin);
});

test('a clock for all, and new simulators at the same addresses', async () => {
  const { simulators: { alipay, gateway } } = shop;
  const requests = async ({ url }) => (await command(url, 'GET', '/sandbox/requests')).body;
  const at = async (seconds) => {
    shop.setClock(seconds);
    await send('GET', `${alipay.url}/gateway.do`);
    return Date.parse((await requests(alipay)).at(-1).at) - Date.now();
  };
  assert.ok(await at(86_400) > 86_000_000);
  assert.ok(await at(0) < 86_000_000);
  await shop.renewSimulators();
  for (const one of [alipay, gateway]) assert.deepEqual(await requests(one), []);
});

test('only the programs of the families that were asked for are started', async () => {
  const small = await openShop({ families: ['users'] });
  assert.equal((await small.call('GET', '/healthz')).status, 200);
  assert.equal((await small.call('GET', '/api/products')).status, 503);
  const started = FAMILIES.filter((family) => programsOf(small.shop.webHome, family).length > 0);
  assert.deepEqual(started, ['passwords', 'users', 'system']); // the first and the last are always wanted: the administrator signs in, and /readyz is asked
});
