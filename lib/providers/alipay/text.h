/* SPDX-License-Identifier: MIT */
/* text.h - Alipay's words for times, amounts and states (PAYMENTS.md 3.1, 3.4, 3.5). */
#ifndef PROVIDERS_ALIPAY_TEXT_H
#define PROVIDERS_ALIPAY_TEXT_H

#include "base/clock.h"
#include "base/money.h"
#include "providers/provider.h"

/* "2026-11-27 14:30:00" in China, whatever the shop's zone. */
void alipay_time_text(int64_t ms, char out[static CLOCK_TEXT_MAX]);
/* The same, perhaps with a fraction; 0: absent or malformed. */
int64_t alipay_time(const char *text);

/* Decimal yuan in fen; -1: absent or malformed. */
int64_t alipay_fen(const char *text);

/* TRADE_CLOSED is the end of an unpaid trade, and of one that was refunded in full. */
enum trade_state alipay_trade_state(const char *trade_status, bool paid);

#endif
