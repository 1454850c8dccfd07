/* SPDX-License-Identifier: MIT */
#include "providers/wechat/call.h"

#include "base/log.h"
#include "ext/http.h"
#include "providers/common.h"

enum { CONNECT_MS = 2000, TIMEOUT_MS = 5000, DOWNLOAD_MS = 600000 };
enum { CODE_MAX = 64 };

/* The response headers, in the order of wanted[]. */
enum { H_TIMESTAMP, H_NONCE, H_SERIAL, H_SIGNATURE, H_TYPE, H_REQUEST_ID, H_N };
static const char *const wanted[H_N + 1] = { "Wechatpay-Timestamp", "Wechatpay-Nonce",
	"Wechatpay-Serial", "Wechatpay-Signature", "Wechatpay-Signature-Type", "Request-ID", NULL };

/*
 * Error codes that say something about the order, or whose status is misleading (PAYMENTS.md
 * 2.13). They are unsigned, so none means more than call.h allows. WeChat spells the codes
 * with and without underscores; here without.
 */
static const struct refusal {
	const char *code;
	int class; /* of the status */
	enum outcome outcome;
} refusals[] = {
	{ "ORDERPAID", 4, OUTCOME_PAID },
	{ "OUTTRADENOUSED", 4, OUTCOME_PAID },
	{ "ORDERCLOSED", 4, OUTCOME_CLOSED },
	{ "ORDERNOTEXIST", 4, OUTCOME_NONE },
	{ "RESOURCENOTEXISTS", 4, OUTCOME_NONE },
	{ "NOSTATEMENTEXIST", 4, OUTCOME_NONE },
	{ "STATEMENTCREATING", 4, OUTCOME_LATER },
	{ "NOTENOUGH", 4, OUTCOME_LATER },
	{ "FREQUENCYLIMITED", 4, OUTCOME_UNKNOWN },
	{ "RATELIMITEXCEEDED", 4, OUTCOME_UNKNOWN },
	{ "SYSTEMERROR", 4, OUTCOME_UNKNOWN },
	{ "OPENIDMISMATCH", 5, OUTCOME_REFUSED },
	{ "INVALIDTRANSACTIONID", 5, OUTCOME_REFUSED },
};

struct refusal_in {
	uint64_t has;
	const char *code;
};

static const struct field refusal_in_fields[] = {
	INPUT(struct refusal_in, code, 0, CODE_MAX, F_NULL),
	FIELD_END,
};

/* ---- classifying ---- */

static bool same_code(const char *code, const char *bare)
{
	for (; *code != '\0'; code++)
		if (*code != '_' && *code != *bare++)
			return false;
	return *bare == '\0';
}

static enum outcome classify_error(int status, const char *code)
{
	if (status == 429 || status == 408)
		return OUTCOME_UNKNOWN;
	for (size_t i = 0; i < ARRAY_LEN(refusals); i++)
		if (refusals[i].class == status / 100 && same_code(code, refusals[i].code))
			return refusals[i].outcome;
	return status / 100 == 4 ? OUTCOME_REFUSED : OUTCOME_UNKNOWN;
}

static const char *or_none(const char *text)
{
	return text != NULL && text[0] != '\0' ? text : "none";
}

static void read_refusal(struct ctx *c, const char *target, struct wx_reply *reply)
{
	struct refusal_in in = { 0 };
	enum log_level level = LOG_INFO;

	if (!provider_json(c, reply->body, refusal_in_fields, &in) || in.code == NULL)
		in.code = "";
	reply->outcome = classify_error(reply->status, in.code);
	reply->temporary = reply->outcome == OUTCOME_UNKNOWN && reply->status >= 400;
	if (reply->outcome == OUTCOME_REFUSED)
		level = LOG_ALARM;
	else if (reply->outcome == OUTCOME_UNKNOWN)
		level = LOG_WARN;
	log_line(level, "wxpay", "%.*s: status %d, code %s, Request-ID %.80s",
		(int)strcspn(target, "?"), target, reply->status, or_none(in.code),
		or_none(reply->request_id));
}

static void copy_signature(
	const char *const values[static H_N], bool repeated, struct wx_reply *reply)
{
	if (repeated) /* ambiguous: treated as an incomplete signature */
		return;
	reply->proof = (struct wx_signed){
		.timestamp = values[H_TIMESTAMP],
		.nonce = values[H_NONCE],
		.serial = values[H_SERIAL],
		.signature = values[H_SIGNATURE],
		.signature_type = values[H_TYPE],
		.body = reply->body,
	};
}

/* Probes with a wrong signature are routine (PAYMENTS.md 2.14), hence only a warning. */
void wx_verify_reply(
	struct ctx *c, const struct wx_keys *keys, const char *target, struct wx_reply *reply)
{
	enum wx_verdict v;

	if (reply->status != 200 && reply->status != 204)
		return;
	v = wx_check(c, keys, &reply->proof, clock_now_ms() / SECOND_MS);
	if (v == WX_VALID)
		reply->outcome = OUTCOME_OK;
	else
		log_line(LOG_WARN, "wxpay", "%.*s: status %d not trusted: %s, Request-ID %.80s",
			(int)strcspn(target, "?"), target, reply->status, wx_verdict_text(v),
			or_none(reply->request_id));
}

/* ---- calling ---- */

/* The configured URL without a trailing slash. */
static const char *trim_base(struct arena *a, const char *base)
{
	size_t len = strlen(base);

	while (len > 0 && base[len - 1] == '/')
		len--;
	return arena_dup(a, base, len);
}

/* The path of a trimmed URL, which is also signed; "" for none. */
static const char *base_path(const char *base)
{
	const char *host = strstr(base, "://");
	const char *slash = host != NULL ? strchr(host + 3, '/') : NULL;

	return slash != NULL ? slash : "";
}

/* file: where the body of a 200 goes; NULL: it is in the answer. */
static enum err send_signed(struct ctx *c, const char *method, const char *target,
	struct slice body, struct spool *file, const char **values, struct http_answer *http)
{
	struct arena *a = &c->arena;
	const char *base = trim_base(a, c->conf->wechat_pay_base_url), *authorization;
	const char *headers[4] = { NULL };
	size_t n = 1;

	TRY(wx_authorization(a, wx_keys_of(c), c->conf->wechat_mchid, method,
		arena_printf(a, "%s%s", base_path(base), target), body, clock_now_ms() / SECOND_MS,
		wx_nonce(a), &authorization));
	headers[0] = arena_printf(a, "Authorization: %s", authorization);
	if (body.p != NULL)
		headers[n++] = "Content-Type: application/json";
	/* requests a response signed with this key (PAYMENTS.md 2.5) */
	if (c->conf->wechat_pay_public_key_id != NULL)
		headers[n] =
			arena_printf(a, "Wechatpay-Serial: %s", c->conf->wechat_pay_public_key_id);
	return http_call(c,
		&(struct http_call){
			.method = method,
			.url = arena_printf(a, "%s%s", base, target),
			.body = body,
			.headers = headers,
			.wanted = wanted,
			.wanted_values = values,
			.connect_timeout_ms = CONNECT_MS,
			.timeout_ms = file != NULL ? DOWNLOAD_MS : TIMEOUT_MS,
			.spool = file,
		},
		http);
}

static struct wx_reply send_and_sort(struct ctx *c, const char *method, const char *target,
	struct slice body, struct spool *file)
{
	struct wx_reply reply = { .outcome = OUTCOME_UNKNOWN };
	const char *values[H_N] = { NULL };
	struct http_answer http;
	enum err e = send_signed(c, method, target, body, file, values, &http);

	if (e != OK) {
		reply.temporary = e == ERR_PROVIDER_BUSY;
		return reply;
	}
	reply.status = http.status;
	reply.body = http.body;
	reply.request_id = values[H_REQUEST_ID];
	reply.date_ms = http.date_ms;
	if (http.status == 200 || http.status == 204)
		copy_signature(values, http.repeated, &reply);
	else
		read_refusal(c, target, &reply);
	return reply;
}

struct wx_reply wx_send(struct ctx *c, const char *method, const char *target, struct slice body)
{
	return send_and_sort(c, method, target, body, NULL);
}

struct wx_reply wx_call(struct ctx *c, const char *method, const char *target, struct slice body)
{
	const int64_t start_us = clock_mono_us();
	struct wx_reply reply = wx_send(c, method, target, body);

	wx_verify_reply(c, wx_keys_of(c), target, &reply);
	(void)provider_counted("wechat", start_us, reply.outcome);
	return reply;
}

enum outcome wx_download(struct ctx *c, const char *target, struct spool *file)
{
	const int64_t start_us = clock_mono_us();
	const struct wx_reply reply = send_and_sort(c, "GET", target, (struct slice){ 0 }, file);

	return provider_counted(
		"wechat-bill", start_us, reply.status == 200 ? OUTCOME_OK : OUTCOME_UNKNOWN);
}
