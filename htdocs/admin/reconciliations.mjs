// SPDX-License-Identifier: MIT
// Comparisons of the providers' bills with the shop's records, and what each found. Nothing is changed here.

import { address, hashOf } from '../common/address.mjs';
import { h } from '../common/dom.mjs';
import { showYuan } from '../common/money.mjs';
import { showTime } from '../common/time.mjs';
import { facts, makeList, tabs } from './list.mjs';
import { call } from './session.mjs';

const SECTION = 'reconciliations';
const ROUTE = '/api/payment/reconciliations';
const PROVIDERS = { wechat: '微信支付', alipay: '支付宝' };
const OUTCOMES = {
  FINDINGS: ['有差异', 'act'], FAILED: ['失败', 'act'], NOT_READY: ['账单未生成', 'wait'], RUNNING: ['进行中', 'wait'], REPAIRED: ['已修复', 'good'], CLEAN: ['无差异', 'good'],
};
const KINDS = { MISSING_HERE: '本店没有', MISSING_THERE: '账单没有', AMOUNT: '金额不同', STATE: '状态不同', ORPHAN: '异常款项' };

const nameOf = ({ provider, date }) => `${PROVIDERS[provider] ?? provider} ${date}`;
const badge = ([text, tone]) => h('span', { class: `badge ${tone}` }, text);
const outcomeOf = ({ outcome }) => badge(OUTCOMES[outcome] ?? [outcome, 'still']);
const leftOf = ({ findings, repaired }) => (findings === 0 ? '—' : `${findings} 处，已修复 ${repaired} 处`);
const amount = (yuan) => (yuan === null ? '—' : showYuan(yuan));
const sum = (n, yuan) => `${n} 笔，${showYuan(yuan)}`;

const RUNS = [
  { label: '账单', className: 'main', cell: (r) => h('a', { href: hashOf(`${SECTION}/${r.reconciliation_id}`) }, nameOf(r)) },
  { label: '结果', cell: outcomeOf },
  { label: '差异', cell: leftOf },
  { label: '支付', className: 'wide', cell: (r) => sum(r.payments, r.paid) },
  { label: '退款', className: 'wide', cell: (r) => sum(r.refunds, r.refunded) },
  { label: '时间', className: 'time', cell: (r) => showTime(r.created_at) },
];

const FINDINGS = [
  { label: '单号', className: 'main', cell: (f) => [
    h('span', { class: 'code' }, f.number), f.out_trade_no !== f.number && h('p', { class: 'hint' }, '支付单 ', h('span', { class: 'code' }, f.out_trade_no)),
  ] },
  { label: '类型', cell: (f) => `${f.subject === 'REFUND' ? '退款' : '支付'}，${KINDS[f.kind] ?? f.kind}` },
  { label: '原因', className: 'wide', cell: (f) => f.reason },
  { label: '账单金额', className: 'number', cell: (f) => amount(f.billed) },
  { label: '本店金额', className: 'number', cell: (f) => amount(f.booked) },
  { label: '处理', cell: (f) => (f.repaired ? [badge(['已修复', 'good']), h('p', { class: 'hint' }, showTime(f.repaired_at))] : badge(['待处理', 'act'])) },
];

export async function listReconciliations({ query, signal }) {
  const outcome = query.get('outcome') ?? '';
  return {
    title: '对账',
    body: [
      tabs('结果', [['', '全部'], ...Object.entries(OUTCOMES).map(([value, [text]]) => [value, text])], outcome, (value) => hashOf(SECTION, { outcome: value })),
      await makeList({ caption: '对账', columns: RUNS, signal, nothing: '没有符合条件的对账。', first: address(ROUTE, { outcome, limit: 30 }) }),
    ],
  };
}

export async function showReconciliation({ params: [id], signal }) {
  const target = `${ROUTE}/${id}`;
  const { body: run } = await call('GET', target, { signal });
  return {
    title: `对账 ${nameOf(run)}`,
    back: { href: hashOf(SECTION), text: '全部对账' },
    body: [
      facts([
        ['结果', outcomeOf(run)], ['失败原因', run.error], ['差异', leftOf(run)], ['账单中的支付', sum(run.payments, run.paid)], ['账单中的退款', sum(run.refunds, run.refunded)],
        ['方式', `${run.automatic ? '自动' : '命令行'}${run.repairs ? '，查询支付平台并修复' : ''}`], ['开始', showTime(run.created_at)], ['结束', run.ended_at && showTime(run.ended_at)],
      ]),
      await makeList({ caption: '差异', columns: FINDINGS, signal, nothing: '没有差异。', first: address(`${target}/findings`, { limit: 30 }) }),
    ],
  };
}
