// SPDX-License-Identifier: MIT
// The simulator's state: trades with their refunds and notifications.
import { Store } from '../lib/store.mjs';

const TRADES_MAX = 20_000;

export class State extends Store {
  constructor(file) {
    super(file);
    this.trades = new Map(); // by out_trade_no, oldest first
    this.byTradeNo = new Map();
    for (const trade of this.load()?.trades ?? []) this.put(trade);
  }

  put(trade) {
    this.trades.set(trade.out_trade_no, trade);
    this.byTradeNo.set(trade.trade_no, trade);
    if (this.trades.size <= TRADES_MAX) return;
    const oldest = this.trades.values().next().value;
    this.trades.delete(oldest.out_trade_no);
    this.byTradeNo.delete(oldest.trade_no);
  }

  // By Alipay's number or the merchant's; the former wins when both are given, as with Alipay.
  find({ trade_no: tradeNo, out_trade_no: outTradeNo }) {
    return tradeNo === undefined ? this.trades.get(outTradeNo) : this.byTradeNo.get(tradeNo);
  }

  // A refund's number is unique only within its trade: the newest.
  findRefund(number) {
    for (const trade of [...this.trades.values()].reverse()) {
      const refund = trade.refunds.find(({ out_request_no: own }) => own === number);
      if (refund) return { trade, refund };
    }
    return {};
  }

  dump() {
    return { trades: [...this.trades.values()] };
  }
}
