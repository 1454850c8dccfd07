/* SPDX-License-Identifier: MIT */
/*
 * provider.h - what a payment provider is to the shop: a row of functions, and neutral facts.
 *
 * A provider is a folder here and its row, which provider.c lists. It knows its protocol and
 * nothing of orders; whoever calls it knows nothing of the protocol. Texts in facts live in
 * c->arena. Nothing here is called in a transaction.
 */
#ifndef PROVIDERS_PROVIDER_H
#define PROVIDERS_PROVIDER_H

#include "base/ctx.h"
#include "base/field.h"
#include "base/provided.h"
#include "base/str.h"

enum provider_id { PROVIDER_WECHAT, PROVIDER_N };

/* What a call came to. Facts come with OUTCOME_OK alone, and only where a good signature covers them. */
enum outcome {
	OUTCOME_OK = 0,
	OUTCOME_PAID,    /* it was paid already: a query says more */
	OUTCOME_CLOSED,  /* no money is taken for it any more */
	OUTCOME_NONE,    /* the provider knows nothing of it */
	OUTCOME_REFUSED, /* and will be again: a fault of ours or of the configuration */
	OUTCOME_LATER,   /* the same again later */
	OUTCOME_UNKNOWN, /* nothing that can be believed came: it may have been done or not */
};

enum trade_state {
	TRADE_UNHEARD = 0, /* nothing was said of it */
	TRADE_STRANGE,     /* a word of the provider's that says nothing to us */
	TRADE_UNPAID,
	TRADE_PAYING, /* the payer is at it */
	TRADE_PAID,
	TRADE_REFUNDED, /* it was paid, and something of it went back: nobody says how much */
	TRADE_CLOSED,   /* and never paid */
};

/* What a provider says of a payment. NULL or 0 where it says nothing. */
struct provider_trade {
	const char *out_trade_no, *transaction_id;
	enum trade_state state;
	int64_t total_fen; /* -1: it names no amount */
	const char *currency;
	const char *payer_openid;
	int64_t paid_ms;
	const char *foreign; /* why it is none of this merchant's ("MCHID"); NULL: it is */
};

/* What a provider says of a refund. */
struct provider_refund {
	const char *out_trade_no, *transaction_id;
	const char *refund_no; /* ours */
	const char *refund_id; /* the provider's */
	enum refund_state state;
	int64_t refund_fen, total_fen; /* -1: it names no amount; total: of the payment */
	const char *foreign;           /* as above */
};

/* A notification as it came: not even its sender is known yet. */
struct notification {
	const char *(*header)(const void *from, const char *cgi_name); /* NULL: absent */
	const void *from;
	struct slice body;
};

enum { EVENT_ID_MAX = 64 };
enum notice_kind {
	NOTICE_FORGED = 0, /* not proved to be the provider's */
	NOTICE_STRANGE,    /* the provider's, but it can't be read: `why` */
	NOTICE_TRADE,
	NOTICE_REFUND,
};
/* What a notification says. */
struct provider_notice {
	enum notice_kind kind;
	const char
		*event_id; /* the same in every copy (str_is_id, EVENT_ID_MAX); NULL: it has none */
	const char *serial; /* of the key that signed it, if keys have one */
	const char *why;    /* NOTICE_STRANGE: "UNDECRYPTABLE" */
	struct provider_trade trade;
	struct provider_refund refund;
};

/* What is to be paid. */
struct purchase {
	const char *description;
	const char *out_trade_no; /* 6-32 of [0-9A-Za-z_-] */
	const char *payer_openid; /* where the channel needs it */
	money total;              /* at least 1 fen */
	int64_t expires_ms;
};

/* What the client is handed to pay with. */
struct checkout {
	const char *handle; /* what prepare() answered: a prepay_id, a code's text, an address */
	/* made of it for wx.requestPayment, under its names; else NULL */
	const char *timeStamp, *nonceStr, *package, *signType, *paySign;
};

struct refund_request {
	const char *out_trade_no, *refund_no;
	const char *reason;  /* at most 80 characters */
	money refund, total; /* total: what was paid */
};

/* One way of paying at a provider. */
struct channel {
	int64_t number; /* in the books, so it never changes; 2 is the card, which has no provider */
	const char *name;
	const struct provider *provider;
	bool needs_openid;
	int64_t handle_ms; /* how long what prepare() answered is good for */
	/* The request that prepare() sends: it is kept, so that a repeat is byte-equal. */
	const char *(*request)(struct ctx *c, const struct purchase *p);
	/* Order it; *handle only on OUTCOME_OK, at most HANDLE_MAX of ASCII. */
	enum outcome (*prepare)(struct ctx *c, const char *request, const char **handle);
	/* Fill what of `out` is made of its handle. NULL: the handle is all. */
	enum err (*hand_out)(struct ctx *c, struct checkout *out);
};
enum { HANDLE_MAX = 4096 };

/* A key that this process lacks was named: is there one by now? It is added then. */
typedef bool learn_fn(struct ctx *c, const char *serial);

/* A function that a provider lacks is NULL where this says what follows from it. */
struct provider {
	enum provider_id id;
	const char *name;   /* in logs */
	const char *method; /* how an order says that it was paid */
	const struct channel *const
		*channels; /* the last is NULL; the first's number is its events' */

	/*
	 * Load what the configuration names, as long as `a` lives. On faults: false, after a line for
	 * each on standard error. *state NULL: it is not configured, and not used.
	 */
	bool (*start)(const struct conf *conf, struct arena *a, learn_fn *learn, void **state);
	void (*stop)(void *state);
	bool (*usable)(const struct ctx *c); /* has it keys to sign and to verify with? */
	/*
	 * Certificates that verify: fetch those that there are; add one that was kept. False: it
	 * can't be opened, or is not good now. NULL: its keys are the configuration's alone.
	 */
	enum outcome (*fetch_certificates)(struct ctx *c, struct list *out);
	bool (*add_certificate)(struct ctx *c, const struct sealed_certificate *kept);

	/* How an attempt stands. NULL: nobody can be asked; it is over some minutes after its deadline. */
	enum outcome (*query)(struct ctx *c, const char *out_trade_no, struct provider_trade *out);
	/* No money shall be taken for it any more. NULL: what can't be closed ends by its deadline. */
	enum outcome (*close)(struct ctx *c, const char *out_trade_no);
	/* A repeat under its number is the same refund. Both NULL: only a person can give it back. */
	enum outcome (*refund)(
		struct ctx *c, const struct refund_request *r, struct provider_refund *out);
	/* out_trade_no NULL: it isn't known. */
	enum outcome (*query_refund)(struct ctx *c, const char *out_trade_no, const char *refund_no,
		struct provider_refund *out);

	/* Prove and read a notification; what is forged is logged. */
	void (*read)(struct ctx *c, const struct notification *n, struct provider_notice *out);
	/* It also notifies of what brings no money, and then may forget it; else that is refused. */
	bool tells_all;
	/* What it wants to be answered when it may forget a notification. */
	const char *acknowledgement, *acknowledgement_type;
};

/* Every provider; the last is NULL. */
extern const struct provider *const providers[];
extern const struct provider provider_wechat;
extern const struct channel channel_wechat_jsapi;

/* The channel of an attempt; NULL: none of a provider's. */
const struct channel *channel_of(int64_t number);

/* query and close of a row, or what follows where it has none. */
enum outcome provider_query(struct ctx *c, const struct provider *p, const char *out_trade_no,
	struct provider_trade *out) MUST;
enum outcome provider_close(struct ctx *c, const struct provider *p, const char *out_trade_no) MUST;

/* Start them all, into c->provider_states. On faults: false, after a line for each. */
bool providers_start(struct ctx *c, learn_fn *learn) MUST;
void providers_stop(struct ctx *c);
/* Its keys and the like; NULL: it isn't configured here. */
static inline void *provider_state(const struct ctx *c, enum provider_id id)
{
	return c->provider_states != NULL ? c->provider_states[id] : NULL;
}

#endif
