// SPDX-License-Identifier: MIT
// WeChat's trade bill of a day (ALL), made from what was paid and refunded here.
import { createHash } from 'node:crypto';
import { gzipSync } from 'node:zlib';
import { applyPlan, readyAt, startOf, unavailable, within } from '../lib/bill.mjs';
import { toLocal } from '../lib/clock.mjs';
import { digits } from '../lib/sign.mjs';
import { Refusal, paramError } from './errors.mjs';
import { newTransactionId } from './pay.mjs';

export const FILE_PATH = '/v3/billdownload/file';
export const LINK_MS = 5 * 60_000;
const KEPT_DAYS = 92;
const FEE_RATE = 60n; // of ten thousand
const BOM = '\ufeff';
const CRLF = '\r\n';
const BOMB_BYTES = 64 << 20;

const HEADER = '交易时间,公众账号ID,商户号,特约商户号,设备号,微信订单号,商户订单号,用户标识,交易类型,交易状态,付款银行,货币种类,'
  + '应结订单金额,代金券金额,微信退款单号,商户退款单号,退款金额,充值券退款金额,退款类型,退款状态,商品名称,商户数据包,手续费,费率,'
  + '订单金额,申请退款金额,费率备注';
const TOTALS = '总交易单数,应结订单总金额,退款总金额,充值券退款总金额,手续费总金额,订单总金额,申请退款总金额';

const yuan = (fen) => `${Math.floor(fen / 100)}.${String(fen % 100).padStart(2, '0')}`;

// In hundred thousandths of a yuan: five decimals.
const feeOf = (fen) => BigInt(fen) * FEE_RATE / 10n;
const feeText = (fee) => `${fee < 0n ? '-' : ''}${(fee < 0n ? -fee : fee) / 100_000n}.${String((fee < 0n ? -fee : fee) % 100_000n).padStart(5, '0')}`;
const fee = (line) => (line.kind === 'refund' ? -feeOf(line.fen) : feeOf(line.fen));

function payments(state, start) {
  return [...state.orders.values()].filter((order) => order.state === 'SUCCESS' && within(start, order.success_ms)).map((order) => ({
    kind: 'payment',
    out_trade_no: order.out_trade_no,
    transaction_id: order.transaction_id,
    fen: order.request.amount.total,
    coupon_fen: order.coupon_fen,
    state: 'SUCCESS',
    at_ms: order.success_ms,
    order,
  }));
}

// A refund is in the bill of the day on which it was requested, with its state when the bill is made.
function refunds(state, start) {
  const stateOf = ({ status, success_ms: ms }) => (status === 'SUCCESS' && ms >= readyAt(start) ? 'PROCESSING' : status);
  return [...state.refunds.values()].filter((refund) => within(start, refund.created_ms)).map((refund) => {
    const order = state.orders.get(refund.out_trade_no);
    return {
      kind: 'refund',
      out_trade_no: order.out_trade_no,
      transaction_id: order.transaction_id,
      refund_no: refund.out_refund_no,
      refund_id: refund.refund_id,
      fen: refund.request.amount.refund,
      coupon_fen: refund.coupon_fen,
      state: stateOf(refund),
      at_ms: refund.created_ms,
      order,
    };
  });
}

const extra = ({ kind, refund_no: refundNo }, ms) => ({
  transaction_id: newTransactionId(ms),
  ...(kind === 'refund' && { refund_no: refundNo, refund_id: `5030${digits(25)}` }),
  state: 'SUCCESS',
  coupon_fen: 0,
  order: null,
});

// A text as in a bill, which has no quoting: a comma stays what it is.
const plain = (text) => (text ?? '').replace(/\p{Cc}/gu, ' ');

function rowOf(line, merchant) {
  const refund = line.kind === 'refund';
  const request = line.order?.request;
  return [
    toLocal(line.at_ms), merchant.appid, merchant.mchid, '0', '', line.transaction_id, line.out_trade_no, request?.payer?.openid ?? 'sandbox-payer',
    line.order?.trade_type ?? 'JSAPI', refund ? 'REFUND' : line.state, 'OTHERS', 'CNY',
    refund ? '0.00' : yuan(line.fen), refund ? '0.00' : yuan(line.coupon_fen),
    refund ? line.refund_id : '0', refund ? line.refund_no : '0',
    refund ? yuan(line.fen) : '0.00', refund ? yuan(line.coupon_fen) : '0.00',
    refund ? 'ORIGINAL' : '', refund ? line.state : '', plain(request?.description), plain(request?.attach),
    feeText(fee(line)), '0.60%', refund ? '0.00' : yuan(line.fen), refund ? yuan(line.fen) : '0.00', '',
  ];
}

const cells = (row) => row.map((cell) => `\`${cell}`).join(',');

// The text of a bill; wrongTotals: by one fen.
export function billText(lines, merchant, wrongTotals = false) {
  const sum = (kind, member) => lines.filter((line) => line.kind === kind).reduce((total, line) => total + line[member], 0);
  const paid = sum('payment', 'fen') + (wrongTotals ? 1 : 0);
  const fees = lines.reduce((total, line) => total + fee(line), 0n);
  const totals = [
    lines.length, yuan(paid), yuan(sum('refund', 'fen')), yuan(sum('refund', 'coupon_fen')), feeText(fees), yuan(paid), yuan(sum('refund', 'fen')),
  ];
  return [BOM + HEADER, ...lines.map((line) => cells(rowOf(line, merchant))), TOTALS, cells(totals), ''].join(CRLF);
}

const badEncoding = (text) => Buffer.concat([Buffer.from(text), Buffer.from([0x60, 0xff, 0xfe, 0x0d, 0x0a])]);

// The same line again and again.
function bomb(bytes) {
  const [header, line] = bytes.toString().split(CRLF);
  return gzipSync(Buffer.concat([Buffer.from(header + CRLF), Buffer.alloc(BOMB_BYTES, line + CRLF)]));
}

// What can be wrong with a file, by the name of its fault (faults.mjs).
const DAMAGES = {
  bill_encoding: { content: badEncoding },
  bill_truncated: { pack: (bytes) => gzipSync(bytes).subarray(0, -12) },
  bill_damaged: { pack: (bytes) => { const packed = gzipSync(bytes); packed[packed.length - 8] ^= 1; return packed; } },
  bill_bomb: { pack: bomb },
  bill_trailing: { pack: (bytes) => Buffer.concat([gzipSync(bytes), Buffer.from('trailing')]) },
};

// GET /v3/bill/tradebill. damage: the name of a fault of the file, if one is switched on.
export function tradeBill({ query, merchant, state, bills, now, url, damage }) {
  const start = startOf(query.get('bill_date'));
  const why = unavailable(start, now, KEPT_DAYS);
  if (why === 'making') throw new Refusal('STATEMENT_CREATING');
  if (why) throw paramError('bill_date', query.get('bill_date'), why === 'old' ? 'is more than three months ago' : 'must be before today', 'query');
  const lines = applyPlan([...payments(state, start), ...refunds(state, start)], bills.plan, start, extra);
  if (lines.length === 0) throw new Refusal('NO_STATEMENT_EXIST');
  const { content = Buffer.from, pack = gzipSync } = DAMAGES[damage] ?? {};
  const text = content(billText(lines, merchant, damage === 'bill_totals'));
  const token = bills.links.add(query.has('tar_type') ? pack(text) : text, now);
  const host = damage === 'bill_elsewhere' ? 'https://api.mch.weixin.qq.com.example.com' : url;
  const hash = createHash('sha1').update(text).digest('hex');
  return {
    status: 200,
    body: {
      hash_type: 'SHA1',
      hash_value: damage === 'bill_hash' ? hash.split('').reverse().join('') : hash,
      download_url: `${host}${FILE_PATH}?token=${token}`,
    },
  };
}

// GET of the link: the file, not signed.
export function billFile({ query, bills, now }) {
  const file = bills.links.get(query.get('token'), now);
  if (!file) throw new Refusal('RESOURCE_NOT_EXISTS', { text: '账单文件不存在或下载链接已失效' });
  return { status: 200, file };
}
