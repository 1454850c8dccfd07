/* SPDX-License-Identifier: MIT */
/* What the hosted gateway sends: a signed notification ('n'), or a signature of one ('s'). */
#include "ext/db.h"
#include "fuzz.h"
#include "providers/gateway/sign.h"
#include "providers/provider.h"

static const char *header(const void *from, const char *cgi_name)
{
	return strcmp(cgi_name, "HTTP_X_SIGNATURE") == 0 ? from : NULL;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct conf conf = { .gateway_secret = "Qz7Lw2Xc9Vb4Nm6Pa1Sd8Fg3Hj5Kl0Tr" };
	struct ctx c = FUZZ_CTX;
	struct provider_notice out;
	struct slice text;

	if (size == 0)
		return 0;
	c.conf = &conf;
	text = (struct slice){ arena_dup(&c.arena, (const char *)data + 1, size - 1), size - 1 };
	if (data[0] == 'n') {
		provider_gateway.read(
			&c, &(struct notification){ header, gateway_sign(&c, text), text }, &out);
		HOLDS(out.kind == NOTICE_UNREADABLE || out.kind == NOTICE_TRADE);
		if (out.kind == NOTICE_TRADE)
			HOLDS(out.trade.out_trade_no != NULL && out.trade.total_fen >= 0);
	} else {
		provider_gateway.read(
			&c, &(struct notification){ header, text.p, { "{}", 2 } }, &out);
		HOLDS(out.kind == NOTICE_FORGED);
	}
	HOLDS(c.fault == NULL); /* a fault of the gateway's data is not our caller's */
	arena_done(&c.arena);
	return 0;
}
