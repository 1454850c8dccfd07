// SPDX-License-Identifier: MIT
// Alipay's trade bill of a day, made from what was paid and refunded here: a zip archive of two files in GBK.
import { Links, applyPlan, startOf, unavailable, within } from '../lib/bill.mjs';
import { toDigits, toLocal } from '../lib/clock.mjs';
import { digits } from '../lib/sign.mjs';
import { Refusal } from './errors.mjs';
import { toGbk } from './gbk.mjs';
import { toYuan } from './rules.mjs';
import { BUYER } from './trade.mjs';
import { zip } from './zip.mjs';

export const FILE_PATH = '/downloadBillFile.resource';
const LINK_MS = 30_000;
const KEPT_DAYS = 3650;
const DAY_MS = 86_400_000;
const CRLF = '\r\n';
const BOMB_BYTES = 64 << 20;
const FEE_RATE = 60; // of ten thousand

const HEADER = '支付宝交易号,商户订单号,业务类型,商品名称,创建时间,完成时间,门店编号,门店名称,操作员,终端号,对方账户,订单金额（元）,商家实收（元）,'
  + '支付宝红包（元）,集分宝（元）,支付宝优惠（元）,商家优惠（元）,券核销金额（元）,券名称,商家红包消费金额（元）,卡消费金额（元）,退款批次号/请求号,'
  + '服务费（元）,分润（元）,备注';
const SUMMARY_HEADER = '门店编号,门店名称,交易订单总笔数,退款订单总笔数,订单金额（元）,商家实收（元）,支付宝优惠（元）,商家优惠（元）,卡消费金额（元）,'
  + '服务费（元）,分润（元）,实收净额（元）';

export const makeLinks = () => new Links(LINK_MS);

const signed = (fen) => (fen < 0 ? `-${toYuan(-fen)}` : toYuan(fen));
const chinese = (ms) => `${toLocal(ms).replace(/^(\d+)-(\d+)-(\d+)/, '$1年$2月$3日')}`;

// What was completed on that day. A refund still in progress is not in a bill.
function linesOf(state, start) {
  const trades = [...state.trades.values()];
  const payments = trades.filter((trade) => within(start, trade.paid_ms)).map((trade) => ({
    kind: 'payment', fen: trade.fen, coupon_fen: trade.coupon_fen ?? 0, at_ms: trade.paid_ms, made_ms: trade.created_ms, trade,
  }));
  const refunds = trades.flatMap((trade) => trade.refunds.filter((refund) => within(start, refund.done_ms)).map((refund) => ({
    kind: 'refund', fen: refund.fen, coupon_fen: 0, at_ms: refund.done_ms, made_ms: refund.created_ms, refund_no: refund.out_request_no, trade,
  })));
  return [...payments, ...refunds].map(({ trade, ...line }) => ({
    ...line,
    out_trade_no: trade.out_trade_no,
    transaction_id: trade.trade_no,
    subject: trade.request.subject,
    state: line.kind === 'refund' ? '退款' : '交易',
  }));
}

const extra = ({ kind }, ms) => ({
  transaction_id: `${toDigits(ms).slice(0, 8)}22001${digits(15)}`,
  state: kind === 'refund' ? '退款' : '交易',
  subject: '沙箱',
  coupon_fen: 0,
  made_ms: ms,
});

function rowOf(line) {
  const sign = line.kind === 'refund' ? -1 : 1;
  const money = signed(sign * line.fen);
  const fee = Math.round(line.fen * FEE_RATE / 10_000);
  return [
    `${line.transaction_id}\t`, `${line.out_trade_no}\t`, `${line.state}\t`, line.subject, toLocal(line.made_ms), toLocal(line.at_ms), '\t', '\t', '\t', '\t',
    `*宝宝(${BUYER.buyer_logon_id})\t`, money, money, '0.00', '0.00', signed(sign * line.coupon_fen), '0.00', '0.00', '', '0.00\t', '0.00',
    `${line.refund_no ?? ''}\t`, signed(-sign * fee), '0.00', '',
  ].join(',');
}

const head = (what, sellerId, start) => [
  `#支付宝${what}查询`, `#账号：[${sellerId}0156]`, `#起始日期：[${chinese(start)}]   终止日期：[${chinese(start + DAY_MS)}]`,
];

function detailsText(lines, { sellerId, start, now, wrongTotals }) {
  const sum = (kind) => lines.filter((line) => line.kind === kind).reduce((total, { fen }) => total + fen, 0);
  const count = (kind) => lines.filter((line) => line.kind === kind).length;
  const rule = '-'.repeat(41);
  return [
    ...head('业务明细', sellerId, start), `#${rule}业务明细列表${rule.slice(1)}`, HEADER, ...lines.map(rowOf), `#${rule}业务明细列表结束${rule.slice(5)}`,
    `#交易合计：${count('payment')}笔，商家实收共${toYuan(sum('payment') + (wrongTotals ? 1 : 0))}元，商家优惠共0.00元`,
    `#退款合计：${count('refund')}笔，商家实收退款共${signed(-sum('refund'))}元，商家优惠退款共0.00元`,
    `#导出时间：[${chinese(now)}]`, '',
  ].join(CRLF);
}

function summaryText(lines, { sellerId, start, now }) {
  const sum = lines.reduce((total, { kind, fen }) => total + (kind === 'refund' ? -fen : fen), 0);
  const count = (kind) => lines.filter((line) => line.kind === kind).length;
  const cells = (name) => [
    '', name, count('payment'), count('refund'), signed(sum), signed(sum), '0.00', '0.00', '0.00', '0.00', '0.00', signed(sum),
  ].map((cell) => `${cell}\t`).join(',');
  return [
    ...head('业务汇总', sellerId, start), SUMMARY_HEADER, cells('其他'), cells('合计'), `#导出时间：[${chinese(now)}]`, '',
  ].join(CRLF);
}

// What can be wrong with an archive, by the name of its fault (faults.mjs): a change of its files, or of its bytes.
const first = (change) => ({ files: ([details, ...rest]) => [{ ...details, ...change(details) }, ...rest] });
function bomb({ content }) {
  const text = content.toString('latin1');
  const end = text.indexOf(CRLF, text.indexOf(CRLF, text.indexOf('#---')) + 2) + 2; // of the header
  return { content: Buffer.concat([content.subarray(0, end), Buffer.alloc(BOMB_BYTES, `#${'-'.repeat(100)}${CRLF}`)]) };
}
const DAMAGES = {
  bill_encoding: first(({ content }) => ({ content: Buffer.concat([content, Buffer.from([0x23, 0x81, 0x20, 0x0d, 0x0a])]) })),
  bill_damaged: first(() => ({ crc: 1 })),
  bill_encrypted: first(() => ({ flags: 1 })),
  bill_size: first(({ content }) => ({ size: content.length + 1 })),
  bill_bomb: first(bomb),
  bill_no_details: { files: ([, ...rest]) => rest },
  bill_many: { files: (all) => Array.from({ length: 20 }, () => all[1]) },
  bill_truncated: { bytes: (archive) => archive.subarray(0, -30) },
};

// alipay.data.dataservice.bill.downloadurl.query. damage: the name of a fault of the archive, if one is switched on.
export function billUrl({ content, merchant, state, bills, now, url, damage }) {
  const start = startOf(content.bill_date);
  const why = start === null ? 'wrong' : unavailable(start, now, KEPT_DAYS);
  if (why === 'making') throw new Refusal('BILL_NOT_EXIST');
  if (why) throw new Refusal('INVAILID_ARGUMENTS', `bill_date: ${why}`);
  const { sellerId } = merchant;
  const lines = applyPlan(linesOf(state, start), bills.plan, start, extra);
  const about = { sellerId: damage === 'bill_account' ? [...sellerId].reverse().join('') : sellerId, start, now, wrongTotals: damage === 'bill_totals' };
  const name = `${sellerId}0156_${content.bill_date.replaceAll('-', '')}`;
  const { files = (all) => all, bytes = (archive) => archive } = DAMAGES[damage] ?? {};
  const archive = bytes(zip(files([
    { name: toGbk(`${name}_业务明细.csv`), content: toGbk(detailsText(lines, about)) },
    { name: toGbk(`${name}_业务明细(汇总).csv`), content: toGbk(summaryText(lines, about)) },
  ])));
  const params = new URLSearchParams({
    bizType: 'trade', userId: `${sellerId}0156`, fileType: 'csv.zip', bizDates: content.bill_date.replaceAll('-', ''),
    downloadFileName: `${name}.csv.zip`, fileId: `/trade/${name}.csv.zip`, token: bills.links.add(archive, now),
  });
  return {
    bill_download_url: `${damage === 'bill_elsewhere' ? 'https://dwbillcenter.alipay.com.example.com' : url}${FILE_PATH}?${params}`,
    ...(lines.length === 0 && { bill_file_code: 'EMPTY_DATA_WITH_BILL_FILE' }),
  };
}

// GET of the link, by anybody who has it: a reply.
export function billFile({ search }, bills, now) {
  const file = bills.links.get(new URLSearchParams(search).get('token'), now);
  return file ? { status: 200, type: 'application/zip', text: file } : { status: 403, type: 'text/html', text: '<html>下载链接已失效</html>' };
}
