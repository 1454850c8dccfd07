// SPDX-License-Identifier: MIT
// Alipay's faults (lib/faults.mjs). A response is { node, key, sign, … } and becomes a text when it is sent, so that a fault
// can change the node before it is signed (`lie`) or the text afterwards (`bend`).
import { brokenAnswers, lostNotices } from '../lib/faults.mjs';
import { corrupt, otherEnd } from '../lib/sign.mjs';
import { Refusal } from './errors.mjs';
import { FAULT_NAMES as API } from './routes.mjs';
import { toYuan } from './rules.mjs';

const refused = (subCode) => () => ({ node: new Refusal(subCode).body });

// Changes of a successful node, properly signed.
const lie = (change) => (reply) => {
  if (reply.node?.code !== '10000') return reply;
  const node = { ...reply.node };
  change(node);
  return { ...reply, node };
};

const otherNumber = (name) => lie((node) => { node[name] = otherEnd(node[name]); });
const addFen = (name) => lie((node) => { node[name] = toYuan(Math.round(Number(node[name]) * 100) + 1); });
const sent = (change) => (reply) => ({ ...reply, bend: change });
const broken = brokenAnswers([...API, 'bill_file']);
const TRADES = API.filter((name) => name !== 'bill');

// The bill is another one than it should be, or damaged: bill.mjs.
const damages = Object.fromEntries(
  ['account', 'bomb', 'damaged', 'elsewhere', 'encoding', 'encrypted', 'many', 'no_details', 'size', 'totals', 'truncated']
    .map((what) => [`bill_${what}`, { on: ['bill'], damage: `bill_${what}` }]));

export const FAULTS = {
  ...Object.fromEntries(Object.entries(broken).map(([name, { after, ...row }]) => [name, { ...row, ...(after && { after: sent(after) }) }])),
  ...lostNotices,
  late: { on: [...API, 'bill_file', 'notify'], after: (reply) => reply },
  status_500: { on: [...API, 'bill_file'], instead: () => ({ status: 500, type: 'text/html', text: '<html><h1>500</h1></html>' }) },
  unavailable: { on: API, instead: refused('isp.unknow-error') },
  system_error: { on: API, instead: refused('ACQ.SYSTEM_ERROR') },
  unknown_trade: { on: TRADES, instead: refused('ACQ.TRADE_NOT_EXIST') },
  bill_none: { on: ['bill'], instead: refused('BILL_NOT_EXIST') },
  ...damages,
  seller_balance: { on: ['refund'], instead: refused('ACQ.SELLER_BALANCE_NOT_ENOUGH') },
  status_error: { on: ['close', 'refund'], instead: refused('ACQ.TRADE_STATUS_ERROR') },
  error_response: { on: API, instead: () => ({ ...refused('isp.unknow-error')(), key: 'error_response', sign: false }) },
  bad_signature: { on: API, after: (reply) => ({ ...reply, sign: corrupt }) },
  no_signature: { on: API, after: (reply) => ({ ...reply, sign: false }) },
  altered_body: { on: API, after: sent((reply) => ({ ...reply, text: reply.text.replace('"code":', '"code": ') })) },
  other_certificate: { on: API, after: (reply) => ({ ...reply, otherCertificate: true }) },
  closed: { on: ['query'], after: lie((node) => { node.trade_status = 'TRADE_CLOSED'; }) },
  finished: { on: ['query'], after: lie((node) => { node.trade_status = 'TRADE_FINISHED'; }) },
  no_fund_change: { on: ['refund'], after: lie((node) => { node.fund_change = 'N'; }) },
  wrong_amount: { on: ['query'], after: addFen('total_amount') },
  wrong_out_trade_no: { on: TRADES, after: otherNumber('out_trade_no') },
  wrong_trade_no: { on: TRADES, after: otherNumber('trade_no') },
  wrong_refund_amount: { on: ['refund_query'], after: addFen('refund_amount') },
  wrong_out_request_no: { on: ['refund_query'], after: otherNumber('out_request_no') },
};
