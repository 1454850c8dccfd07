/* SPDX-License-Identifier: MIT */
/*
 * provider.h - a payment provider: a row of functions, and provider-neutral facts.
 *
 * A provider is a folder here and its row, listed in provider.c. It knows its protocol and
 * nothing about orders; its callers know nothing about the protocol. Texts in facts are in
 * c->arena. Nothing here may be called in a transaction.
 */
#ifndef PROVIDERS_PROVIDER_H
#define PROVIDERS_PROVIDER_H

#include "base/ctx.h"
#include "base/field.h"
#include "base/provided.h"
#include "base/str.h"

enum provider_id { PROVIDER_WECHAT, PROVIDER_ALIPAY, PROVIDER_GATEWAY, PROVIDER_N };

/* The outcome of a call. Facts are set only on OUTCOME_OK, and only if a valid signature covers them. */
enum outcome {
	OUTCOME_OK = 0,
	OUTCOME_PAID,    /* already paid: query for details */
	OUTCOME_CLOSED,  /* it can't be paid any more */
	OUTCOME_NONE,    /* unknown to the provider */
	OUTCOME_REFUSED, /* permanently: a fault of ours or of the configuration */
	OUTCOME_LATER,   /* retry the same later */
	OUTCOME_UNKNOWN, /* no trustworthy response: it may have been done or not */
};

enum trade_state {
	TRADE_NONE = 0, /* not reported */
	TRADE_UNKNOWN,  /* a provider's state that we don't know */
	TRADE_UNPAID,
	TRADE_PAYING, /* the payer is paying */
	TRADE_PAID,
	TRADE_REFUNDED, /* paid, and refunded by an unknown amount */
	TRADE_CLOSED,   /* without payment */
};

/* A provider's facts about a payment. NULL or 0 if absent. */
struct provider_trade {
	const char *out_trade_no, *transaction_id;
	enum trade_state state;
	int64_t total_fen; /* -1: absent */
	const char *currency;
	const char *payer_openid;
	int64_t paid_ms;
	const char *mismatch; /* why it isn't this merchant's ("MCHID"); NULL: it is */
};

/* A provider's facts about a refund. */
struct provider_refund {
	const char *out_trade_no, *transaction_id;
	const char *refund_no; /* ours */
	const char *refund_id; /* the provider's */
	enum refund_state state;
	int64_t refund_fen, total_fen; /* -1: absent; total: of the payment */
	/* if refund_fen is absent: of all successful refunds of the payment so far */
	int64_t refunded_fen;
	const char *mismatch; /* as above */
};

/* A raw, unverified notification. */
struct notification {
	const char *(*header)(const void *from, const char *cgi_name); /* NULL: absent */
	const void *from;
	struct slice body;
};

enum { EVENT_ID_MAX = 64 };
enum notice_kind {
	NOTICE_FORGED = 0, /* not verified */
	NOTICE_UNREADABLE, /* verified, but unreadable: `why` */
	NOTICE_TRADE,
	NOTICE_REFUND,
};
/* A verified and parsed notification. */
struct provider_notice {
	enum notice_kind kind;
	const char *event_id; /* the same in every copy (str_is_id, EVENT_ID_MAX); NULL: none */
	const char *serial;   /* of the signing key, if keys have one */
	const char *why;      /* NOTICE_UNREADABLE: "UNDECRYPTABLE" */
	struct provider_trade trade;
	struct provider_refund refund;
};

/* A payment to prepare. */
struct purchase {
	const char *description;
	const char *out_trade_no; /* 6-32 of [0-9A-Za-z_-] */
	const char *order_no;     /* of what is bought */
	const char *return_url;   /* where the payer goes afterwards; NULL: nowhere */
	const char *payer_openid; /* if the channel needs it */
	const char *client_ip;    /* the payer's address, if the channel needs it */
	money total;              /* at least 1 fen */
	int64_t expires_ms;
};

/* What the client needs to pay. */
struct checkout {
	const char *out_trade_no;
	const char *handle; /* the result of prepare(): a prepay_id, a code's text, a URL */
	/* derived from it for wx.requestPayment, under its names; otherwise NULL */
	const char *timeStamp, *nonceStr, *package, *signType, *paySign;
};

struct refund_request {
	const char *out_trade_no, *refund_no;
	const char *reason;  /* at most 80 characters */
	money refund, total; /* total: the amount paid */
};

/* A payment method of a provider. */
struct channel {
	int64_t number; /* stored, so it never changes; 2 is the card, which has no provider */
	const char *trade_type; /* its name for clients, unique within the provider */
	const struct provider *provider;
	bool needs_openid;
	bool needs_client_ip;      /* it can be paid from that address only */
	bool is_url;               /* the handle is a URL that any browser opens */
	bool is_code;              /* the handle is a text to be scanned as a QR code */
	bool one_handle;           /* preparing it again invalidates the handle before */
	const char *number_prefix; /* of its out_trade_nos; NULL: none is wanted */
	int64_t handle_ms;         /* validity of the handle */
	/* The request that prepare() sends: stored, so that a repeat is byte-equal. */
	const char *(*request)(struct ctx *c, const struct purchase *p);
	/* Prepare it; *handle only on OUTCOME_OK: 1 to 4096 characters, visible ASCII. */
	enum outcome (*prepare)(struct ctx *c, const char *request, const char **handle);
	/* Fill in the members of `out` derived from its handle. NULL: there are none. */
	enum err (*fill_checkout)(struct ctx *c, struct checkout *out);
};

/* One line of a provider's bill of a day. The texts live until the callback returns. */
enum bill_kind { BILL_PAYMENT, BILL_REFUND };
struct bill_line {
	enum bill_kind kind;
	const char *out_trade_no, *transaction_id; /* of the payment, in both kinds */
	/* BILL_REFUND: our number and the provider's; NULL if the bill doesn't say it */
	const char *refund_no, *refund_id;
	money amount;             /* positive in both kinds */
	enum trade_state trade;   /* BILL_PAYMENT */
	enum refund_state refund; /* BILL_REFUND */
	int64_t at_ms;            /* of the payment, or of the refund; 0: not said */
};
/* What a bill declares about its lines; they were found to agree with it. */
struct bill_summary {
	int64_t payments, refunds;
	money paid, refunded;
};
/* Called outside a transaction. Anything but OK ends the bill. */
typedef enum err bill_line_fn(struct ctx *c, void *arg, const struct bill_line *line);

/* A certificate that a provider signs or verifies with. */
struct provider_certificate {
	const char *name;   /* for people */
	int64_t expires_ms; /* 0: unknown */
	const char *advice; /* how to renew it, or how to make its expiry known; one line */
};

/* Look for a stored key of this serial and add it. False: there is none. */
typedef bool learn_fn(struct ctx *c, const char *serial);

/* A function may be NULL only where its comment says so. */
struct provider {
	enum provider_id id;
	const char *name;   /* in logs */
	const char *key;    /* in requests */
	const char *method; /* an order's payment_method */
	/* NULL-terminated; events have the number of the first */
	const struct channel *const *channels;

	/*
	 * Load keys and the like from the configuration, into `a`. On faults: false, after a line for
	 * each on standard error. *state NULL: not configured, and not used.
	 */
	bool (*start)(const struct conf *conf, struct arena *a, learn_fn *learn, void **state);
	void (*stop)(void *state);
	bool (*usable)(const struct ctx *c); /* does it have keys to sign and to verify? */
	/*
	 * Verifying certificates: fetch all; add a stored one. False: it can't be decrypted, or is
	 * not valid now. NULL: all keys are from the configuration.
	 */
	enum outcome (*fetch_certificates)(struct ctx *c, struct list *out);
	bool (*add_certificate)(struct ctx *c, const struct sealed_certificate *kept);
	/* The certificates of this process (struct provider_certificate), in c->arena. NULL: no key of it expires. */
	void (*certificates)(struct ctx *c, struct list *out);
	/* The provider's clock, by the Date of a response. False: it does not answer. NULL: it isn't asked. */
	bool (*clock)(struct ctx *c, int64_t *now_ms);

	/* Query an attempt. NULL: not supported; it counts as closed some minutes after its deadline. */
	enum outcome (*query)(struct ctx *c, const char *out_trade_no, struct provider_trade *out);
	/* Close an attempt. NULL: not supported; it ends by its deadline. */
	enum outcome (*close)(struct ctx *c, const char *out_trade_no);
	/* Idempotent by number. Both NULL: refunds are possible only in the provider's console. */
	enum outcome (*refund)(
		struct ctx *c, const struct refund_request *r, struct provider_refund *out);
	/* out_trade_no NULL: unknown. */
	enum outcome (*query_refund)(struct ctx *c, const char *out_trade_no, const char *refund_no,
		struct provider_refund *out);

	/*
	 * The payments and refunds of one day (yyyy-mm-dd, UTC+8); a refund may be listed on the day of its
	 * request, while it is still in progress. The whole bill is verified (its
	 * hash or signature, what it declares about itself) before the first line is given.
	 * OUTCOME_NONE: the provider knows of no trade on that day. OUTCOME_LATER: not made yet.
	 * OUTCOME_UNKNOWN: no trustworthy bill, or `each` failed. `sum` is set only on OUTCOME_OK.
	 * There may be a million lines: memory is bounded. NULL: it has no bills.
	 */
	enum outcome (*bill)(struct ctx *c, const char *day, bill_line_fn *each, void *arg,
		struct bill_summary *sum);

	/* Verify and parse a notification; forged ones are logged. */
	void (*read)(struct ctx *c, const struct notification *n, struct provider_notice *out);
	/* It also notifies of what is not paid, which is acknowledged; otherwise that is refused. */
	bool notifies_all;
	/* The response that acknowledges a notification. */
	const char *acknowledgement, *acknowledgement_type;
};

/* All providers; NULL-terminated. */
extern const struct provider *const providers[];
extern const struct provider provider_wechat, provider_alipay, provider_gateway;
extern const struct channel channel_wechat_jsapi, channel_alipay_page, channel_alipay_wap,
	channel_gateway_page;

/* The channel of an attempt; NULL: not a provider's. */
const struct channel *channel_of(int64_t number);
/* By its key; NULL: none. */
const struct provider *provider_find(const char *key);
/* A provider's channel of a trade type; NULL: the first with a URL. NULL when there is none. */
const struct channel *provider_channel(const struct provider *p, const char *trade_type);

/* A row's query and close, or the default if it has none. */
enum outcome provider_query(struct ctx *c, const struct provider *p, const char *out_trade_no,
	struct provider_trade *out) MUST;
enum outcome provider_close(struct ctx *c, const struct provider *p, const char *out_trade_no) MUST;

/* Start all, into c->provider_states. On faults: false, after a line for each. */
bool providers_start(struct ctx *c, learn_fn *learn) MUST;
void providers_stop(struct ctx *c);
/* The state from start(); NULL: not configured here. */
static inline void *provider_state(const struct ctx *c, enum provider_id id)
{
	return c->provider_states != NULL ? c->provider_states[id] : NULL;
}

#endif
