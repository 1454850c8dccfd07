/* SPDX-License-Identifier: MIT */
#include "providers/alipay/call.h"

#include "base/log.h"
#include "ext/http.h"
#include "ext/json.h"
#include "providers/common.h"

enum { CONNECT_MS = 2000, TIMEOUT_MS = 5000 };
enum { CONTENT_MAX = 16 << 10, CODE_MAX = 128, SIGN_MAX = 1024 };

#define SUCCESS  "10000"
#define BUSINESS "40004" /* its sub_code says which */

/* ---- classes of refusals (PAYMENTS.md 3.5) ---- */

struct class
{
	const char *code;
	enum outcome outcome;
};

/* Faults of the request or the configuration. They are believed without a signature: nothing follows. */
static const struct class codes[] = {
	{ "20001", OUTCOME_REFUSED },
	{ "40001", OUTCOME_REFUSED },
	{ "40002", OUTCOME_REFUSED },
	{ "40003", OUTCOME_REFUSED },
	{ "40006", OUTCOME_REFUSED },
	{ NULL, OUTCOME_UNKNOWN },
};

static const struct class sub_codes[] = {
	{ "ACQ.TRADE_NOT_EXIST", OUTCOME_NONE }, /* the buyer may not have opened it yet */
	{ "BILL_NOT_EXIST", OUTCOME_NONE },
	{ "isp.bill_not_exist", OUTCOME_NONE },
	{ "UNKNOW_ERROR", OUTCOME_UNKNOWN }, /* so Alipay spells it */
	{ "ACQ.TRADE_HAS_CLOSE", OUTCOME_CLOSED },
	{ "ACQ.TRADE_HAS_SUCCESS", OUTCOME_PAID },
	{ "ACQ.TRADE_STATUS_ERROR", OUTCOME_PAID }, /* perhaps */
	{ "ACQ.SELLER_BALANCE_NOT_ENOUGH", OUTCOME_LATER },
	{ "ACQ.REASON_TRADE_BEEN_FREEZEN", OUTCOME_LATER },
	{ "ACQ.SYSTEM_ERROR", OUTCOME_UNKNOWN },
	{ "aop.ACQ.SYSTEM_ERROR", OUTCOME_UNKNOWN },
	{ NULL, OUTCOME_REFUSED },
};

static enum outcome class_of(const struct class *row, const char *code)
{
	while (row->code != NULL && strcmp(row->code, code) != 0)
		row++;
	return row->outcome;
}

/* ---- the response ---- */

/* The index after the string that begins at `at`; 0: it doesn't end. */
static size_t skip_string(struct slice s, size_t at)
{
	for (size_t i = at + 1; i < s.len; i++)
		if (s.p[i] == '\\')
			i++;
		else if (s.p[i] == '"')
			return i + 1;
	return 0;
}

/* Only objects have names, so arrays don't count. */
static int nesting(char ch)
{
	return (ch == '{') - (ch == '}');
}

/* The same of an object. */
static size_t skip_object(struct slice s, size_t at)
{
	int depth = 0;

	for (size_t i = at; i < s.len;) {
		depth += nesting(s.p[i]);
		i = s.p[i] == '"' ? skip_string(s, i) : i + 1;
		if (i == 0 || depth == 0)
			return i;
	}
	return 0;
}

static size_t skip_blanks(struct slice s, size_t at)
{
	while (at < s.len && s.p[at] != '\0' && strchr(" \t\r\n", s.p[at]) != NULL)
		at++;
	return at;
}

/* Is the string from `at` to `end` a name of an object's member? Then *at becomes the object's place. */
static bool names_object(struct slice s, size_t *at, size_t end, const char *name)
{
	const struct slice text = { s.p + *at + 1, end - *at - 2 };
	const size_t colon = skip_blanks(s, end);

	if (!slice_is(text, name) || colon == s.len || s.p[colon] != ':')
		return false;
	*at = skip_blanks(s, colon + 1);
	return *at < s.len && s.p[*at] == '{';
}

bool alipay_node(struct slice body, const char *name, struct slice *node)
{
	int depth = 0;

	for (size_t i = 0, end; i < body.len; i = end) {
		size_t at = i;

		depth += nesting(body.p[i]);
		end = body.p[i] == '"' ? skip_string(body, i) : i + 1;
		if (end == 0)
			return false;
		if (depth != 1 || body.p[i] != '"' || !names_object(body, &at, end, name))
			continue;
		end = skip_object(body, at);
		*node = (struct slice){ body.p + at, end - at };
		return end != 0;
	}
	return false;
}

struct envelope_in {
	uint64_t has;
	const char *sign, *alipay_cert_sn;
};

struct node_in {
	uint64_t has;
	const char *code, *sub_code;
};

static const struct field envelope_in_fields[] = {
	INPUT(struct envelope_in, sign, 0, SIGN_MAX, F_NULL),
	INPUT(struct envelope_in, alipay_cert_sn, 0, CODE_MAX, F_NULL),
	FIELD_END,
};

static const struct field node_in_fields[] = {
	INPUT(struct node_in, code, 0, CODE_MAX, F_NULL),
	INPUT(struct node_in, sub_code, 0, CODE_MAX, F_NULL),
	FIELD_END,
};

static const char other_certificate[] =
	"it is signed with another certificate than that of ALIPAY_CERT_FILE";

/* Why a response is not proved to be Alipay's; NULL: it is. */
static const char *unproved(struct ctx *c, struct slice node, const struct envelope_in *e)
{
	const struct alipay_keys *keys = alipay_keys_of(c);

	if (e->sign == NULL)
		return "it is not signed";
	if (keys->alipay_cert_sn != NULL &&
		(e->alipay_cert_sn == NULL || strcmp(e->alipay_cert_sn, keys->alipay_cert_sn) != 0))
		return other_certificate;
	return rsa_verify(&c->arena, keys->alipay, node, slice_of(e->sign))
		       ? NULL
		       : "the signature does not match";
}

static enum outcome classify(const struct node_in *in, bool proved)
{
	if (proved && strcmp(in->code, SUCCESS) == 0)
		return OUTCOME_OK;
	if (proved && strcmp(in->code, BUSINESS) == 0)
		return class_of(sub_codes, in->sub_code);
	return class_of(codes, in->code);
}

static enum outcome read_response(
	struct ctx *c, const char *method, struct slice body, struct slice *node)
{
	char *name = arena_printf(&c->arena, "%s_response", method);
	struct envelope_in e = { 0 };
	struct node_in in = { 0 };
	const char *doubt;
	enum log_level level = LOG_INFO;
	enum outcome outcome;

	for (char *dot = name; (dot = strchr(dot, '.')) != NULL;)
		*dot = '_';
	if (!provider_json(c, body, envelope_in_fields, &e) ||
		(!alipay_node(body, name, node) && !alipay_node(body, "error_response", node)) ||
		!provider_json(c, *node, node_in_fields, &in) || in.code == NULL) {
		log_line(LOG_WARN, "alipay", "%s: a response that is not Alipay's", method);
		return OUTCOME_UNKNOWN;
	}
	if (in.sub_code == NULL)
		in.sub_code = "none";
	doubt = unproved(c, *node, &e);
	outcome = classify(&in, doubt == NULL);
	if (outcome == OUTCOME_OK)
		return outcome;
	if (outcome == OUTCOME_REFUSED || doubt == other_certificate)
		level = LOG_ALARM;
	else if (outcome == OUTCOME_UNKNOWN)
		level = LOG_WARN;
	log_line(level, "alipay", "%s: code %s, sub_code %s%s%s", method, in.code, in.sub_code,
		doubt != NULL ? "; not trusted: " : "", doubt != NULL ? doubt : "");
	return outcome;
}

enum outcome alipay_nonsense(const char *method, const char *what)
{
	log_line(LOG_ALARM, "alipay", "%s: %s", method, what);
	return OUTCOME_UNKNOWN;
}

/* ---- calling ---- */

/* The public parameters are in the URL, which says how the form is encoded. */
static enum err send_signed(
	struct ctx *c, const char *method, const char *content, struct http_answer *http)
{
	static const char *const headers[] = {
		"Content-Type: application/x-www-form-urlencoded; charset=utf-8", NULL
	};
	struct alipay_params all = { 0 }, form = { 0 };

	alipay_add(&form, "biz_content", content);
	alipay_add(&all, "biz_content", content);
	alipay_add(&all, "method", method);
	TRY(alipay_sign(c, &all));
	all.list[0] = all.list[--all.n];
	return http_call(c,
		&(struct http_call){
			.method = "POST",
			.url = arena_printf(&c->arena, "%s?%s", c->conf->alipay_gateway,
				alipay_form(&c->arena, &all)),
			.body = slice_of(alipay_form(&c->arena, &form)),
			.headers = headers,
			.connect_timeout_ms = CONNECT_MS,
			.timeout_ms = TIMEOUT_MS,
		},
		http);
}

static enum outcome call(struct ctx *c, const char *method, const struct field *fields,
	const void *content, struct slice *node)
{
	struct str json = str_new(&c->arena, CONTENT_MAX);
	struct http_answer http;

	json_write(&json, fields, content);
	if (send_signed(c, method, str_text(&json), &http) != OK)
		return OUTCOME_UNKNOWN;
	if (http.status == 200)
		return read_response(c, method, http.body, node);
	log_line(LOG_WARN, "alipay", "%s: status %d", method, http.status);
	return OUTCOME_UNKNOWN;
}

enum outcome alipay_call(struct ctx *c, const char *method, const struct field *fields,
	const void *content, struct slice *node)
{
	const int64_t start_us = clock_mono_us();

	return provider_counted("alipay", start_us, call(c, method, fields, content, node));
}
