// SPDX-License-Identifier: MIT
// The alert rules of docs/monitoring, run by promtool on made-up series: each alert is raised by what it is about, and by nothing less.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { checkout } from '../../../sandbox/files.mjs';
import { findPromtool } from '../../../sandbox/promtool.mjs';
import { makeDirectory } from '../lib/harness.mjs';

const RULES = path.join(checkout, 'docs', 'monitoring', 'alerts.yml');
const HOST = { instance: 'shop.example:443', job: 'shop' };
const STEPS = 90; // of a minute: how long each series lasts

const promtool = await findPromtool('the alert rules by promtool');

// { name: { severity, summary, action } }
const alerts = Object.fromEntries(readFileSync(RULES, 'utf8').split(/^ {6}- alert: /m).slice(1).map((text) => {
  const field = (name) => JSON.parse(new RegExp(`^ +${name}: (".*")$`, 'm').exec(text)[1]);
  return [/^\w+/.exec(text)[0], { severity: /severity: (\w+)/.exec(text)[1], summary: field('summary'), action: field('action') }];
}));

// A series by its name and labels; of a value that stays, or that grows so much every minute.
const series = (name, labels, values) => ({ series: `${name}{${Object.entries({ ...HOST, ...labels }).map(([label, value]) => `${label}="${value}"`).join(',')}}`, values });
const stays = (name, value, labels = {}) => series(name, labels, `${value}x${STEPS}`);
const grows = (name, each, labels = {}) => series(name, labels, `0+${each}x${STEPS}`);
// A histogram of which all that is counted, 60 a minute, took more than one bound, and no more than the next.
const took = (name, above, atMost, labels) => [[above, 0], [atMost, 60], ['+Inf', 60]].map(([le, each]) => grows(`${name}_bucket`, each, { ...labels, le }));
// 100 a minute, of which some have another label.
const among = (name, label, rest, some, labels = {}) => [grows(name, 100 - some.each, { ...labels, [label]: rest }), grows(name, some.each, { ...labels, [label]: some.value })];

const WECHAT = { provider: 'wechat' };
// For each alert what raises it (with the labels and the value that it then names), and what comes close.
const CASES = {
  ShopNotAnswering: { raised: [stays('up', 0)], labels: HOST, silent: [stays('up', 1)] },
  ShopWithoutDatabase: { raised: [stays('database_up', 0)], labels: HOST, silent: [stays('database_up', 1)] },
  ShopErrors: {
    raised: among('http_requests_total', 'status', '200', { value: '503', each: 3 }), labels: { instance: HOST.instance },
    silent: among('http_requests_total', 'status', '200', { value: '503', each: 1 }),
  },
  ShopSlow: {
    raised: took('http_request_duration_seconds', '0.5', '1', { route: '/api/products' }), labels: { instance: HOST.instance },
    silent: [...took('http_request_duration_seconds', '0.1', '0.25', { route: '/api/products' }), ...took('http_request_duration_seconds', '2.5', '5', { route: '/api/payment/wxpay' })],
  },
  ShopProviderFailing: {
    raised: among('provider_calls_total', 'outcome', 'ok', { value: 'unknown', each: 30 }, WECHAT), labels: { instance: HOST.instance, ...WECHAT },
    silent: [...among('provider_calls_total', 'outcome', 'ok', { value: 'refused', each: 10 }, WECHAT), grows('provider_calls_total', 1, { provider: 'wechat-bill', outcome: 'unknown' })],
  },
  ShopProviderSlow: {
    raised: took('provider_call_duration_seconds', '2.5', '5', WECHAT), labels: { instance: HOST.instance, ...WECHAT },
    silent: [...took('provider_call_duration_seconds', '0.5', '1', WECHAT), ...took('provider_call_duration_seconds', '5', '10', { provider: 'alipay-bill' })],
  },
  ShopPaymentsStopped: {
    raised: [grows('payments_total', 1, { ...WECHAT, type: 'JSAPI', event: 'created' }), stays('payments_total', 7, { ...WECHAT, type: 'JSAPI', event: 'paid' }),
      grows('payments_total', 1, { provider: 'card', type: 'CARD', event: 'paid' })], labels: WECHAT,
    silent: [grows('payments_total', 1, { ...WECHAT, type: 'JSAPI', event: 'created' }), grows('payments_total', 1, { ...WECHAT, type: 'H5', event: 'paid_late' })],
  },
  ShopOrphanPayment: { raised: [stays('orphan_payments_open', 2)], labels: HOST, value: '2', silent: [stays('orphan_payments_open', 0)] },
  ShopRefundInDoubt: {
    raised: [stays('refunds_in_doubt_oldest_age_seconds', 7200)], labels: HOST, value: '2h 0m 0s', silent: [stays('refunds_in_doubt_oldest_age_seconds', 3000)],
  },
  ShopBillsInTrouble: { raised: [stays('bills_in_trouble', 1)], labels: HOST, value: '1', silent: [stays('bills_in_trouble', 0)] },
  ShopJobsNotRunning: {
    raised: [stays('jobs_overdue_oldest_age_seconds', 2000)], labels: HOST,
    silent: [series('jobs_last_run_timestamp_seconds', {}, `0+60x${STEPS}`), stays('jobs_overdue_oldest_age_seconds', 60)],
  },
  ShopJobsInTrouble: { raised: [stays('jobs_in_trouble', 3)], labels: HOST, value: '3', silent: [stays('jobs_in_trouble', 0)] },
  ShopPasswordsTried: {
    raised: [grows('password_tries_total', 16, { outcome: 'refused' }), grows('password_tries_total', 4, { outcome: 'wrong' })],
    labels: { instance: HOST.instance }, value: '300', silent: [grows('password_tries_total', 100, { outcome: 'right' }), grows('password_tries_total', 1, { outcome: 'wrong' })],
  },
  ShopStateDegraded: { raised: [stays('state_up', 0)], labels: HOST, silent: [stays('state_up', 1)] },
  ShopLimitsEvicted: {
    raised: [grows('state_evictions_total', 1, { kind: 'limit' })], labels: { instance: HOST.instance }, silent: [grows('state_evictions_total', 1, { kind: 'value' })],
  },
  ShopMetricsDropped: { raised: [grows('metrics_dropped_total', 1)], labels: HOST, silent: [stays('metrics_dropped_total', 5)] },
};
// Jobs that ran at the start of the series, and no more.
const STOPPED_JOBS = { raised: [stays('jobs_last_run_timestamp_seconds', 1)], labels: HOST, silent: [] };

test('each alert is raised by what it is about, and not before', { skip: !promtool && 'no promtool' }, () => {
  assert.deepEqual(Object.keys(CASES).sort(), Object.keys(alerts).sort());
  const of = (name, input, expected) => ({ interval: '1m', input_series: input, alert_rule_test: [{ eval_time: '80m', alertname: name, exp_alerts: expected }] });
  const tests = [...Object.entries(CASES), ['ShopJobsNotRunning', STOPPED_JOBS]].flatMap(([name, { raised, silent, labels, value }]) => {
    const { severity, ...texts } = alerts[name];
    const told = Object.fromEntries(Object.entries(texts).map(([field, text]) => [field, text
      .replaceAll(/\{\{ \$labels\.(\w+) \}\}/g, (_, label) => labels[label]).replaceAll(/\{\{ \$value.*?\}\}/g, () => value)]));
    return [of(name, raised, [{ exp_labels: { ...labels, severity }, exp_annotations: told }]), of(name, silent, [])];
  });
  const file = path.join(makeDirectory(), 'alerts.json'); // which is YAML too
  writeFileSync(file, JSON.stringify({ rule_files: [RULES], evaluation_interval: '5m', tests }));
  execFileSync(promtool, ['test', 'rules', file]);
});
