// SPDX-License-Identifier: MIT
// The page of an h5_url: opened by the payer's browser, from the shop's site and from the address that the order names.
import { buttonOf, page, redirect } from '../lib/page.mjs';
import { pay } from './notify.mjs';
import { prepayExpired, tradeState } from './pay.mjs';

const refusal = (text) => page({ status: 400, title: '微信支付：无法付款', facts: [['说明', text]] });
const yuan = (fen) => `¥${Math.floor(fen / 100)}.${String(fen % 100).padStart(2, '0')}`;
const plain = (ip) => ip.replace(/^::ffff:/, '');

// What WeChat says instead of its page; null: nothing.
function objection(order, id, request, now) {
  if (!order || order.trade_type !== 'MWEB') return '支付请求不存在';
  if (request.method === 'GET' && !/^https?:/.test(request.headers.referer ?? '')) return '商家参数格式有误，请联系商家解决';
  if (plain(request.socket.remoteAddress) !== plain(order.request.scene_info.payer_client_ip)) return '网络环境未能通过安全验证，请稍后再试';
  if (prepayExpired(order, id, now) || tradeState(order, now) === 'CLOSED') return '支付请求已失效，请重新发起支付';
  return null;
}

const back = (query, title) => (query.has('redirect_url') ? redirect(query.get('redirect_url')) : page({ title }));

// The page, or what a button of it did. context: as of pay().
export async function cashier({ request, query, raw }, context) {
  const id = query.get('prepay_id');
  const order = context.state.byPrepay.get(id);
  const text = objection(order, id, request, context.clock.ms());
  if (text) return refusal(text);
  if (request.method === 'POST') {
    if (buttonOf(raw) !== 'pay') return back(query, '支付已取消');
    await pay(id, {}, context);
    return back(query, '支付成功');
  }
  if (order.state === 'SUCCESS') return back(query, '该订单已支付');
  return page({
    title: '微信支付（沙箱）',
    facts: [['商品', order.request.description], ['金额', yuan(order.request.amount.total)], ['订单号', order.out_trade_no]],
    action: request.url,
    buttons: [['pay', '确认付款'], ['cancel', '取消']],
  });
}
