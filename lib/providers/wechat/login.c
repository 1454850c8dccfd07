/* SPDX-License-Identifier: MIT */
#include "providers/wechat/login.h"

#include "base/log.h"
#include "ext/http.h"
#include "ext/json.h"
#include "providers/common.h"

enum { CONNECT_MS = 2000, TIMEOUT_MS = 5000, PAUSE_MS = 300, TRIES = 2 };
enum { URL_MAX = 4096, TEXT_MAX = 1024, OPENID_MAX = 64, RID_MAX = 64 };
enum { ERRCODE_BUSY = -1 };

/* What each errcode means (PAYMENTS.md 1.1). */
static const struct errcode {
	int64_t errcode;
	enum err err;
	enum log_level level;
} errcodes[] = {
	{ ERRCODE_BUSY, ERR_PROVIDER_BUSY, LOG_WARN },
	{ 40029, ERR_LOGIN_CODE_INVALID, LOG_INFO },
	{ 40163, ERR_LOGIN_CODE_INVALID, LOG_INFO },
	{ 41008, ERR_INVALID, LOG_INFO },
	{ 45011, ERR_RATE_LIMITED, LOG_WARN },
	{ 40226, ERR_ACCOUNT_BLOCKED, LOG_INFO },
	{ 40001, ERR_PROVIDER_CONFIG, LOG_ALARM },
	{ 40013, ERR_PROVIDER_CONFIG, LOG_ALARM },
	{ 40125, ERR_PROVIDER_CONFIG, LOG_ALARM },
	{ 40164, ERR_PROVIDER_CONFIG, LOG_ALARM },
	{ 41002, ERR_PROVIDER_CONFIG, LOG_ALARM },
	{ 41004, ERR_PROVIDER_CONFIG, LOG_ALARM },
	{ 45009, ERR_PROVIDER_BUSY, LOG_ALARM },
};
static const struct errcode other_errcode = { 0, ERR_PROVIDER_REFUSED, LOG_ERROR };

struct session {
	uint64_t has;
	opt_i64 errcode;
	const char *errmsg, *openid, *session_key;
};

static const struct field session_fields[] = {
	INPUT(struct session, errcode, INT32_MIN, INT32_MAX, F_NULL),
	INPUT(struct session, errmsg, 0, TEXT_MAX, F_NULL),
	INPUT(struct session, openid, 0, TEXT_MAX, F_NULL),
	INPUT(struct session, session_key, 0, TEXT_MAX, F_NULL),
	FIELD_END,
};

static const struct errcode *find_errcode(int64_t errcode)
{
	for (size_t i = 0; i < ARRAY_LEN(errcodes); i++)
		if (errcodes[i].errcode == errcode)
			return &errcodes[i];
	return &other_errcode;
}

/* The request's id for WeChat's support, from "…, rid: 5f8e-…"; the rest of errmsg is free text. */
static const char *find_rid(struct arena *a, const char *errmsg)
{
	const char *rid = errmsg != NULL ? strstr(errmsg, "rid:") : NULL;
	size_t len;

	if (rid == NULL)
		return "none";
	rid += strlen("rid:");
	rid += strspn(rid, " ");
	len = strspn(rid, "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz-");
	return arena_dup(a, rid, len < RID_MAX ? len : RID_MAX);
}

static bool is_openid(const char *s)
{
	size_t len = strspn(s, "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz_-");

	return len > 0 && len <= OPENID_MAX && s[len] == '\0';
}

/* Contains the secret: only for http_call, which doesn't log queries. NULL when the code is too long.
 */
static const char *make_url(struct ctx *c, const char *code)
{
	struct str url = str_new(&c->arena, URL_MAX);

	str_adds(&url, c->conf->wechat_login_base_url);
	while (url.len > 0 && url.p[url.len - 1] == '/')
		url.p[--url.len] = '\0';
	str_adds(&url, "/sns/jscode2session?appid=");
	str_add_url(&url, c->conf->wechat_appid);
	str_adds(&url, "&secret=");
	str_add_url(&url, c->conf->wechat_secret);
	str_adds(&url, "&js_code=");
	str_add_url(&url, code);
	str_adds(&url, "&grant_type=authorization_code");
	return url.overflow ? NULL : str_text(&url);
}

/* WeChat always answers 200, and JSON under any content type: classify by content. */
static enum err ask(struct ctx *c, const char *url, struct session *out)
{
	const struct http_call call = { .method = "GET",
		.url = url,
		.connect_timeout_ms = CONNECT_MS,
		.timeout_ms = TIMEOUT_MS };
	const char *fault = c->fault;
	struct http_answer answer;

	TRY(http_call(c, &call, &answer));
	if (answer.status == 429 || answer.status >= 500)
		return ERR_PROVIDER_BUSY;
	if (answer.status != 200)
		return ERR_PROVIDER_REFUSED;
	if (json_read(c, answer.body, session_fields, JSON_CHANGE, out) != OK) {
		c->fault = fault; /* a member of WeChat's response, not of the request */
		log_line(LOG_ERROR, "wxlogin", "an unreadable response");
		return ERR_PROVIDER_UNKNOWN;
	}
	return OK;
}

static enum err classify(struct ctx *c, const struct session *s, const char **openid)
{
	const struct errcode *known;

	if (s->errcode.set && s->errcode.n != 0) {
		known = find_errcode(s->errcode.n);
		log_line(known->level, "wxlogin", "refused: errcode %lld, rid %s",
			(long long)s->errcode.n, find_rid(&c->arena, s->errmsg));
		return fail(c, known->err, known->err == ERR_INVALID ? "code" : NULL);
	}
	/* a response without a session_key is not from jscode2session */
	if (s->openid == NULL || !is_openid(s->openid) || s->session_key == NULL ||
		s->session_key[0] == '\0') {
		log_line(LOG_ERROR, "wxlogin", "a response without a usable openid");
		return ERR_PROVIDER_REFUSED;
	}
	*openid = s->openid;
	return OK;
}

/* A refusal of the code is an answer. */
static enum err counted(int64_t start_us, enum err e)
{
	const enum outcome outcome = e == OK                     ? OUTCOME_OK
				     : e == ERR_PROVIDER_REFUSED ? OUTCOME_REFUSED
				     : e == ERR_PROVIDER_BUSY    ? OUTCOME_LATER
								 : OUTCOME_UNKNOWN;

	(void)provider_counted("wechat-login", start_us, outcome);
	return e;
}

enum err wxlogin_openid(struct ctx *c, const char *code, const char **openid)
{
	const char *url = make_url(c, code);
	struct session s;

	if (url == NULL)
		return fail(c, ERR_LOGIN_CODE_INVALID, "code");
	for (int i = 1;; i++) {
		const int64_t start_us = clock_mono_us();

		s = (struct session){ 0 };
		TRY(counted(start_us, ask(c, url, &s)));
		if (s.errcode.n != ERRCODE_BUSY || i == TRIES || !http_pause(c, PAUSE_MS))
			return classify(c, &s, openid);
	}
}
