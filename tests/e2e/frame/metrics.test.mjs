// SPDX-License-Identifier: MIT
// /metrics (BEHAVIOUR 52; contract renewal-payments): what is counted by all processes, also by those that were killed, in a text
// that Prometheus accepts; and who may read it.

import { test } from 'node:test';
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { checkout } from '../../../sandbox/files.mjs';
import { findPromtool } from '../../../sandbox/promtool.mjs';
import { Cards } from '../lib/cards.mjs';
import { openDbProxy } from '../lib/db-proxy.mjs';
import { metricsOf, sumOf } from '../lib/metrics.mjs';
import { askProcess, processSockets } from '../lib/raw-request.mjs';
import { DAY_S, MINUTE_S, PAID, TRADE, openTrade } from '../lib/trade.mjs';

const TOKEN = 'nVfP2yKq8xWc5TjRzB7mHd3L';
const MONITORING = path.join(checkout, 'docs', 'monitoring');
const OUTSIDE = '203.0.113.9';

const promtool = await findPromtool('the checks by promtool');
const trade = await openTrade({ own: true, families: [...TRADE, 'cards', 'catalogue', 'system'], env: { METRICS_TOKEN: TOKEN, SIGN_IN_FAILURES_PER_ACCOUNT: '2' } });
const { shop } = trade;
const tea = await trade.product();
const [system] = processSockets(shop, 'system');

async function restart(env) {
  await shop.restartWeb(env);
  assert.equal((await shop.call('GET', '/healthz')).status, 200); // all programs have started
}

// Read by the process itself, as from an address.
const scrape = (headers = {}, token = undefined) => askProcess(system, { uri: '/metrics', headers, token });
async function metrics() {
  const { status, text } = await scrape();
  assert.equal(status, 200, text);
  return metricsOf(text);
}
const requests = (all, labels) => sumOf(all, 'http_requests_total', labels);
const from = (address, headers = {}) => ({ REMOTE_ADDR: address, ...headers });

test('the text is what Prometheus reads: no series twice, buckets that add up, nothing without a HELP and TYPE (B52)', async () => {
  await shop.call('GET', '/api/products');
  const { status, headers, text } = await scrape();
  assert.deepEqual([status, headers['content-type'], headers['cache-control']], [200, 'text/plain; version=0.0.4; charset=utf-8', 'no-store']);
  const all = metricsOf(text); // it checks the format
  for (const name of ['http_requests_total', 'http_request_duration_seconds_bucket', 'active_connections', 'processes', 'database_connections', 'orphan_payments_open', 'refunds_in_doubt', 'jobs_overdue', 'database_up', 'metrics_dropped_total']) {
    assert.ok(all.some((series) => series.name === name), name);
  }
  assert.equal(sumOf(all, 'metrics_dropped_total'), 0);
  assert.equal(sumOf(all, 'database_up'), 1);
  assert.equal((await shop.call('GET', '/metrics')).status, 200, 'through the web server, from this host');
  assert.equal((await shop.call('HEAD', '/metrics')).status, 200);
});

test('promtool has no complaint about the metrics (B52)', { skip: !promtool && 'no promtool' }, async () => {
  const { text } = await scrape();
  execFileSync(promtool, ['check', 'metrics'], { input: text });
});

test('promtool has no complaint about the alert rules', { skip: !promtool && 'no promtool' }, () => {
  execFileSync(promtool, ['check', 'rules', path.join(MONITORING, 'alerts.yml')]);
});

test('what docs/monitoring asks for is there', async () => {
  const { text } = await scrape();
  const rules = readFileSync(path.join(MONITORING, 'alerts.yml'), 'utf8');
  const { panels } = JSON.parse(readFileSync(path.join(MONITORING, 'dashboard.json'), 'utf8'));
  const asked = [...rules.matchAll(/^ +expr: (.*)$/gm)].map(([, expression]) => expression);
  assert.equal(rules.match(/^ +action: /gm).length, asked.length, 'each alert says what to do');
  asked.push(...panels.flatMap(({ targets }) => targets.map(({ expr }) => expr)));
  const guide = readFileSync(path.join(checkout, 'docs', 'deploy.md'), 'utf8');
  for (const [, name] of text.matchAll(/^# TYPE (\S+)/gm)) assert.ok(guide.includes(`\`${name}\``), `docs/deploy.md doesn't explain ${name}`);
  const known = new Set([...text.matchAll(/^# TYPE (\S+) (\S+)$/gm)].map(([, name, type]) => (type === 'histogram' ? `${name}_bucket` : name)));
  for (const expression of asked) {
    for (const [name] of expression.replaceAll(/"[^"]*"|\[\w+\]/g, '').matchAll(/\b[a-z]+_[a-z_]+\b/g)) {
      assert.ok(known.has(name) || name === 'histogram_quantile', `${name} in ${expression}`);
    }
  }
});

test('requests to all processes of a family are counted exactly, by template, method and status (B52)', async () => {
  const sockets = processSockets(shop, 'catalogue');
  assert.ok(sockets.length >= 4);
  const before = await metrics();
  const each = 25;
  await Promise.all(sockets.flatMap((socket) => Array.from({ length: each }, (_, i) => askProcess(socket, {
    uri: i % 5 === 0 ? '/api/products/999999' : `/api/products/${tea}`,
  }))));
  await askProcess(sockets[0], { method: 'BREW', uri: '/api/products' });
  await askProcess(sockets[0], { method: 'PATCH', uri: '/api/products' });
  const since = await metrics();
  const more = (labels) => requests(since, labels) - requests(before, labels);
  const route = '/api/products/:id';
  assert.equal(more({ route, method: 'GET', status: '200' }), sockets.length * each * 4 / 5);
  assert.equal(more({ route, method: 'GET', status: '404' }), sockets.length * each / 5);
  assert.equal(more({ route: 'none', method: 'PATCH', status: '405' }), 1);
  const timed = (all) => sumOf(all, 'http_request_duration_seconds_count', { route });
  assert.equal(timed(since) - timed(before), sockets.length * each, 'the same number of times');
});

test('payments are counted by method and status, and no label has an id (B52)', async () => {
  const before = await metrics();
  const anna = await trade.buyer();
  const { order_id: order } = await trade.order(anna, [[tea, 1]]);
  await trade.ok('POST', '/api/payment/wxpay', { token: anna.token, body: { order_id: order } });
  assert.equal((await trade.call('POST', '/api/payment/wxpay', { token: anna.token, body: { order_id: 'none' } })).status, 404);
  const since = await metrics();
  const more = (name, labels) => sumOf(since, name, labels) - sumOf(before, name, labels);
  assert.equal(more('payment_requests_total', { method: 'POST', status: '200' }), 1);
  assert.equal(more('payment_requests_total', { method: 'POST', status: '404' }), 1);
  assert.equal(more('payment_request_duration_seconds_count', { method: 'POST' }), 2);
  assert.equal(more('provider_calls_total', { provider: 'wechat', outcome: 'ok' }), 1);
  assert.equal(more('provider_call_duration_seconds_count', { provider: 'wechat' }), 1);
  const words = since.flatMap(({ labels }) => Object.values(labels)).join(' ');
  assert.ok(!words.includes(order) && !/\/[0-9]+/.test(words), words);
});

// What became of payments while `work` ran: { 'wechat JSAPI paid': 1, … }.
async function payments(work) {
  const counts = async () => Object.fromEntries((await metrics()).filter(({ name }) => name === 'payments_total')
    .map(({ labels: { provider, type, event }, value }) => [`${provider} ${type} ${event}`, value]));
  const before = await counts();
  await work();
  return Object.fromEntries(Object.entries(await counts()).map(([key, value]) => [key, value - (before[key] ?? 0)]).filter(([, value]) => value !== 0));
}

test('what becomes of payments is counted once each, by provider and type, however often a provider says it (B36, B52)', async () => {
  const anna = await trade.buyer();
  const order = () => trade.order(anna, [[tea, 1]]);
  const paid = await order();
  assert.deepEqual(await payments(async () => {
    const { outTradeNo } = await trade.prepay(anna, paid);
    await trade.tryPrepay(anna, paid); // the same attempt
    assert.equal((await trade.payNotified(outTradeNo, { times: 5 })).body.status, 200);
    await trade.paymentStatus(anna, paid);
  }), { 'wechat JSAPI created': 1, 'wechat JSAPI paid': 1 });
  assert.deepEqual(await payments(async () => {
    const asked = await trade.call('POST', '/api/payment/refunds', { token: trade.admin, body: { order_id: paid.order_id, reason: '退货' } });
    assert.equal(asked.status, 201, JSON.stringify(asked.body));
    await shop.sandbox('POST', `/refund/${asked.body.refund_no}`, { status: 'SUCCESS' });
    await shop.jobs();
  }), { 'wechat JSAPI refunded': 1 });
  assert.deepEqual(await payments(async () => {
    const given = await order();
    await trade.prepay(anna, given);
    await trade.cancel(anna, given);
    await shop.jobs();
  }), { 'wechat JSAPI created': 1, 'wechat JSAPI closed': 1 });
  assert.deepEqual(await payments(async () => trade.payOffline(await order())), { 'none OFFLINE paid': 1 });
});

test('a payment that is rolled back is not counted (B52)', async () => {
  const anna = await trade.buyer();
  const cards = new Cards(trade);
  const byCard = async () => trade.call('POST', '/api/payment/card', { token: anna.token, body: { order_id: (await trade.order(anna, [[tea, 1]])).order_id } });
  await cards.of(anna, '10.00');
  assert.deepEqual(await payments(async () => assert.equal((await byCard()).status, 200)), { 'card CARD paid': 1 });
  assert.deepEqual(await payments(async () => assert.equal((await byCard()).status, 409)), {});
});

test('what a transaction did is counted once, however often it runs, and not if its COMMIT is lost (B52, B53)', async (t) => {
  const anna = await trade.buyer();
  const order = () => trade.order(anna, [[tea, 1]]);
  const { DB_SOCKET } = shop.env;
  const proxy = await openDbProxy(DB_SOCKET, shop.dir);
  await restart({ DB_SOCKET: proxy.socket });
  t.after(() => restart({ DB_SOCKET }));
  const again = await order();
  const late = proxy.once(/^SELECT .* FROM payment_attempts WHERE payable_kind = \? AND open_payable_id = \?/, { error: [1213, 'Deadlock found'] });
  assert.deepEqual(await payments(() => trade.payOffline(again)), { 'none OFFLINE paid': 1 });
  assert.ok(late.hit);
  const unknown = await order();
  const lost = proxy.once(/^COMMIT$/, 'lose');
  assert.deepEqual(await payments(async () => {
    const { status } = await trade.put(unknown, { status: PAID, payment_method: '现金', payment_id: 'lost' });
    assert.equal(status, 503);
  }), {});
  assert.ok(lost.hit);
});

test('passwords are counted as right, wrong, and refused unseen (B9, B52)', async () => {
  const before = await metrics();
  const address = '192.0.2.77';
  const [socket] = processSockets(shop, 'passwords');
  const signIn = (account, password) => askProcess(socket, {
    method: 'POST', uri: '/api/auth/login', headers: { REMOTE_ADDR: address, CONTENT_TYPE: 'application/json' }, body: { account, password },
  });
  const { account, password } = shop.adminAccount;
  assert.equal((await signIn(account, password)).status, 200);
  for (const status of [401, 401, 429]) assert.equal((await signIn('nobody@example.com', 'a-wrong-password')).status, status);
  const since = await metrics();
  const more = (outcome) => sumOf(since, 'password_tries_total', { outcome }) - sumOf(before, 'password_tries_total', { outcome });
  assert.deepEqual([more('right'), more('wrong'), more('refused')], [1, 2, 1]);
});

test('killed processes: no sum goes back, and no gauge of theirs stays (B52, B53)', async () => {
  const before = await metrics();
  const pids = trade.workers('catalogue');
  assert.equal(sumOf(before, 'processes', { program: 'catalogue' }), pids.length);
  for (const pid of pids) process.kill(pid, 'SIGKILL');
  const now = await metrics();
  assert.ok(sumOf(now, 'processes', { program: 'catalogue' }) <= pids.length);
  assert.equal(sumOf(now, 'active_connections', { program: 'catalogue' }), 0);
  assert.equal(sumOf(now, 'active_connections', { program: 'system' }), 1, 'this request');
  const kept = new Map(now.map((series) => [series.key, series.value]));
  for (const { key, name, value } of before) {
    if (/_(total|bucket|sum|count)$/.test(name)) assert.ok(kept.get(key) >= value, `${key}: ${value}, then ${kept.get(key)}`);
  }
});

test('what waits for a person is shown with its age, and what jobs left (B34, B52)', async () => {
  await shop.sql(`INSERT INTO payment_events (channel, event_id, verdict, reason, body, received_at, judged_at)
    VALUES (1, 'waits', 6, 'MCHID', '', ${Date.now() - MINUTE_S * 1000}, 1)`);
  await shop.jobs();
  const all = await metrics();
  assert.equal(sumOf(all, 'orphan_payments_open'), 1);
  const age = sumOf(all, 'orphan_payments_oldest_age_seconds');
  assert.ok(age >= MINUTE_S && age < 2 * MINUTE_S, `${age}`);
  const ran = sumOf(all, 'jobs_last_run_timestamp_seconds');
  assert.ok(ran > Date.now() / 1000 - MINUTE_S && ran <= Date.now() / 1000 + 1, `${ran}`);
  assert.equal(sumOf(all, 'jobs_in_trouble'), 0);
  assert.equal(sumOf(all, 'jobs_overdue'), 0);
  await shop.sql(`INSERT INTO outbox (kind, ref_id, due_at, created_at) VALUES (1, 999999, ${Date.now() - 2 * MINUTE_S * 1000}, 1), (3, 999999, ${Date.now() - MINUTE_S * 1000}, 1)`);
  const late = await metrics();
  assert.equal(sumOf(late, 'jobs_overdue'), 2);
  const overdue = sumOf(late, 'jobs_overdue_oldest_age_seconds');
  assert.ok(overdue >= 2 * MINUTE_S && overdue < 3 * MINUTE_S, `${overdue}`);
  await shop.sql('DELETE FROM outbox WHERE ref_id = 999999');
  // the latest of a bill counts: outcome 3 differs, 2 is repaired, 5 failed
  const compared = (day, outcome) => shop.sql(`INSERT INTO reconciliations (provider, starts_at, outcome, automatic, repairs, lease_at, findings, repaired, created_at, ended_at)
    VALUES ('wechat', ${Date.now() - day * DAY_S * 1000}, ${outcome}, 1, 1, 1, 0, 0, 1, 2)`);
  for (const [day, outcome, open] of [[3, 3, 1], [2, 5, 2], [40, 3, 2], [1, 1, 2]]) {
    await compared(day, outcome);
    assert.equal(sumOf(await metrics(), 'bills_in_trouble'), open);
  }
  await shop.sql(`UPDATE reconciliations SET starts_at = (SELECT starts_at FROM (SELECT * FROM reconciliations) r WHERE outcome = 5) WHERE outcome = 1`);
  assert.equal(sumOf(await metrics(), 'bills_in_trouble'), 1);
  await shop.sql('DELETE FROM reconciliations');
  await shop.sql("DELETE FROM payment_events WHERE event_id = 'waits'");
  assert.equal(sumOf(await metrics(), 'orphan_payments_open'), 0);
});

test('only allowed addresses or a token read it, and a proxy in between is no allowed address (B52)', async () => {
  const status = async (...args) => (await scrape(...args)).status;
  assert.equal(await status(from('127.0.0.1')), 200);
  assert.equal(await status(from('::1')), 200);
  assert.equal(await status(from(OUTSIDE)), 403);
  assert.equal(await status(from('127.0.0.1', { HTTP_X_FORWARDED_FOR: OUTSIDE })), 403);
  assert.equal(await status(from('127.0.0.1', { HTTP_FORWARDED: `for=${OUTSIDE}` })), 403);
  assert.equal(await status(from(OUTSIDE, { HTTP_X_FORWARDED_FOR: '127.0.0.1' })), 403);
  assert.equal(await status(from(OUTSIDE), TOKEN), 200);
  assert.equal(await status(from(OUTSIDE), `${TOKEN}x`), 403);
  assert.equal(await status(from(OUTSIDE), (await trade.buyer()).token), 403);
  const issued = await shop.minimall(['issue-token', '--system', 'prometheus']);
  const [token] = /mms_\S+/.exec(issued.stdout);
  assert.equal(await status(from(OUTSIDE), token), 200);
});

test('without the database the rest is shown, and with other allowed addresses others may read', async () => {
  const { DB_SOCKET } = shop.env;
  const sent = requests(await metrics(), { route: '/api/products/:id' });
  await restart({ DB_SOCKET: '/nowhere/mariadb.sock', METRICS_ALLOW: `${OUTSIDE}/24, 2001:db8::/32`, TRUSTED_PROXIES: '127.0.0.1' });
  const [socket] = processSockets(shop, 'system');
  const ask = (address, more) => askProcess(socket, { uri: '/metrics', headers: from(address, more) });
  assert.equal((await ask('127.0.0.1')).status, 403);
  assert.equal((await ask('2001:db8::7')).status, 200);
  assert.equal((await ask('127.0.0.1', { HTTP_X_FORWARDED_FOR: OUTSIDE })).status, 200, 'behind a trusted proxy');
  assert.equal((await ask('127.0.0.1', { HTTP_X_FORWARDED_FOR: '192.0.2.1' })).status, 403);
  const { status, text } = await ask(OUTSIDE);
  assert.equal(status, 200);
  const all = metricsOf(text);
  assert.equal(sumOf(all, 'database_up'), 0);
  assert.ok(sumOf(all, 'database_errors_total', { class: 'connection' }) >= 1);
  assert.equal(all.some(({ name }) => name === 'orphan_payments_open'), false);
  assert.ok(requests(all, { route: '/api/products/:id' }) >= sent || sent === 0);
  await shop.restartWeb({ DB_SOCKET, METRICS_ALLOW: null, TRUSTED_PROXIES: null });
});
