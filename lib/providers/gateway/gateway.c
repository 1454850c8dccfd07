/* SPDX-License-Identifier: MIT */
/*
 * gateway.c - the hosted gateway (PAYMENTS.md 4, BEHAVIOUR 42): the customer pays at its page, whose
 * address we make and sign, and it notifies us of the result. It has no interface for anything else: an
 * attempt ends with a notification or its deadline, and money is refunded in its console.
 */
#include "base/log.h"
#include "providers/common.h"
#include "providers/gateway/sign.h"

/* An address is valid for as long as an order may wait for its payment. */
#define ADDRESS_MS (2 * HOUR_MS)

enum { ADDRESS_MAX = 4096, ID_MAX = 64, WORD_MAX = 32, TIME_MAX = 64 };

static const char CURRENCY[] = "CNY";

/* ---- the page's address ---- */

static void add(struct str *s, const char *name, const char *value)
{
	if (value == NULL)
		return;
	str_addf(s, "%s=", name);
	str_add_url(s, value);
	str_addc(s, '&');
}

/* "TXN...?amount=...&...": below the page's address, without the signature. */
static const char *page_request(struct ctx *c, const struct purchase *p)
{
	struct str s = str_new(&c->arena, ADDRESS_MAX);
	char amount[MONEY_TEXT_MAX];

	money_text(p->total, false, amount);
	str_addf(&s, "%s?", p->out_trade_no);
	add(&s, "amount", amount);
	add(&s, "currency", CURRENCY);
	add(&s, "order_id", p->order_no);
	add(&s, "subject", p->description);
	add(&s, "return_url", p->return_url);
	add(&s, "notify_url", c->conf->gateway_notify_url);
	str_cut(&s, s.len - 1);
	return str_text(&s);
}

/* The signature covers the path and the query: so no customer changes the amount. */
static enum outcome prepare(struct ctx *c, const char *request, const char **handle)
{
	const char *base = c->conf->gateway_page_url;
	const char *address = arena_printf(&c->arena, "%s/%s", base, request);
	const char *host = strstr(address, "://");
	const char *target = host != NULL ? strchr(host + 3, '/') : NULL;

	if (target == NULL || strlen(address) > ADDRESS_MAX - 128)
		return OUTCOME_REFUSED;
	*handle = arena_printf(
		&c->arena, "%s&signature=%s", address, gateway_sign(c, slice_of(target)));
	return OUTCOME_OK;
}

/* ---- notifications ---- */

struct notice_in {
	uint64_t has;
	const char *transaction_id, *status, *currency, *timestamp;
	money amount;
};

static const struct field notice_in_fields[] = {
	INPUT(struct notice_in, transaction_id, 1, ID_MAX, 0),
	INPUT(struct notice_in, status, 1, WORD_MAX, 0),
	INPUT(struct notice_in, amount, 0, MONEY_MAX_FEN, 0),
	INPUT(struct notice_in, currency, 1, WORD_MAX, 0),
	INPUT(struct notice_in, timestamp, 0, TIME_MAX, F_NULL),
	FIELD_END,
};

static const struct {
	const char *word;
	enum trade_state state;
} states[] = {
	{ "success", TRADE_PAID },
	{ "failed", TRADE_CLOSED },
	{ "closed", TRADE_CLOSED },
	{ "pending", TRADE_PAYING },
};

static bool state_of(const char *word, enum trade_state *out)
{
	for (size_t i = 0; i < ARRAY_LEN(states); i++)
		if (strcmp(states[i].word, word) == 0) {
			*out = states[i].state;
			return true;
		}
	return false;
}

static bool is_whole(const struct notice_in *in)
{
	return in->transaction_id != NULL && in->status != NULL && in->amount.fen >= 0 &&
	       in->currency != NULL;
}

/* Has no id of its own: it is stored under the hash of its bytes. */
static void read_notice(struct ctx *c, const struct notification *n, struct provider_notice *out)
{
	struct provider_trade *t = &out->trade;
	struct notice_in in = { .amount = { -1 } };

	*out = (struct provider_notice){ 0 };
	if (!gateway_is_signed(c, n->body, n->header(n->from, "HTTP_X_SIGNATURE"))) {
		log_line(LOG_WARN, "gateway", "notification refused: its signature is not valid");
		return;
	}
	out->kind = NOTICE_UNREADABLE;
	out->why = "MALFORMED";
	if (!provider_json(c, n->body, notice_in_fields, &in) || !is_whole(&in))
		return;
	out->why = "STATUS";
	if (!state_of(in.status, &t->state))
		return;
	out->kind = NOTICE_TRADE;
	t->out_trade_no = t->transaction_id = in.transaction_id;
	t->total_fen = in.amount.fen;
	t->currency = in.currency;
	if (in.timestamp == NULL || !clock_parse(in.timestamp, &t->paid_ms))
		t->paid_ms = 0;
}

/* ---- the row ---- */

static bool start(const struct conf *conf, struct arena *a, learn_fn *learn, void **state)
{
	static char configured;

	(void)a;
	(void)learn;
	*state = conf->gateway_page_url != NULL ? &configured : NULL;
	return true;
}

static void stop(void *state)
{
	(void)state;
}

static bool usable(const struct ctx *c)
{
	return c->conf->gateway_secret != NULL;
}

const struct channel channel_gateway_page = {
	.number = 7,
	.trade_type = "PAGE",
	.provider = &provider_gateway,
	.number_prefix = "TXN",
	.is_url = true,
	.handle_ms = ADDRESS_MS,
	.request = page_request,
	.prepare = prepare,
};

static const struct channel *const channels[] = { &channel_gateway_page, NULL };

const struct provider provider_gateway = {
	.id = PROVIDER_GATEWAY,
	.name = "the gateway",
	.key = "gateway",
	.method = "在线支付",
	.channels = channels,
	.start = start,
	.stop = stop,
	.usable = usable,
	.read = read_notice,
	.notifies_all = true,
	.acknowledgement = "{\"success\": true}",
	.acknowledgement_type = "application/json; charset=utf-8",
};
