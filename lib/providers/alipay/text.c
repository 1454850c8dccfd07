/* SPDX-License-Identifier: MIT */
#include "providers/alipay/text.h"

#include <stdio.h>

enum { TIME_LEN = 19 };

void alipay_time_text(int64_t ms, char out[static CLOCK_TEXT_MAX])
{
	clock_rfc3339_cst(ms, out);
	out[strlen("2026-11-27")] = ' ';
	out[TIME_LEN] = '\0';
}

int64_t alipay_time(const char *text)
{
	char rfc3339[CLOCK_TEXT_MAX];
	int64_t ms;

	if (text == NULL || strlen(text) < TIME_LEN || text[10] != ' ' ||
		(text[TIME_LEN] != '\0' && text[TIME_LEN] != '.'))
		return 0;
	snprintf(rfc3339, sizeof(rfc3339), "%.10sT%.8s+08:00", text, text + 11);
	return clock_parse(rfc3339, &ms) ? ms : 0;
}

int64_t alipay_fen(const char *text)
{
	money m;

	return text != NULL && money_parse(slice_of(text), &m) ? m.fen : -1;
}

enum trade_state alipay_trade_state(const char *status, bool paid)
{
	static const char *const words[] = { "WAIT_BUYER_PAY", "TRADE_SUCCESS", "TRADE_FINISHED",
		"TRADE_CLOSED", NULL };
	static const enum trade_state states[] = { TRADE_UNPAID, TRADE_PAID, TRADE_PAID,
		TRADE_CLOSED };
	const int at = str_index(status, words);

	if (at < 0)
		return TRADE_UNKNOWN;
	return states[at] == TRADE_CLOSED && paid ? TRADE_REFUNDED : states[at];
}
