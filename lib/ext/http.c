/* SPDX-License-Identifier: MIT */
#include "ext/http_internal.h"

#include <assert.h>
#include <signal.h>
#include <stdlib.h>
#include <time.h>

#include "base/address.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/url.h"
#include "ext/crypto.h"
#include "ext/db.h"

/* A connection idle for longer is not reused: the peer may be about to close it. */
enum { IDLE_MAX_S = 30 };
/* of a stranger's answer */
enum { STRANGER_ANSWER_MAX = 64 << 10 };

static void headers_done(struct curl_slist **list)
{
	curl_slist_free_all(*list);
}

static void url_done(CURLU **url)
{
	curl_url_cleanup(*url);
}

CURL *http_new_handle(void)
{
	const struct sigaction ignore = { .sa_handler = SIG_IGN };
	CURL *curl;

	/* curl doesn't ignore SIGPIPE with NOSIGNAL, and OpenSSL writes without MSG_NOSIGNAL */
	if (sigaction(SIGPIPE, &ignore, NULL) != 0 ||
		curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK)
		abort();
	curl = curl_easy_init();
	if (curl == NULL)
		abort();
	return curl;
}

/* One handle per process: it keeps connections and TLS sessions between calls. */
static CURL *handle(void)
{
	static CURL *curl;

	if (curl == NULL)
		curl = http_new_handle();
	return curl;
}

/* A URL, parsed by curl's own parser, so that there is no second interpretation. */
struct target {
	CURLU *url;
	const char *host, *path; /* for the log: never the query */
	bool loopback;
	bool stranger, refused; /* refused: what it resolves to may not be called */
};

static const char *url_part(struct arena *a, CURLU *url, CURLUPart part)
{
	char *text = NULL;
	const char *copy;

	if (curl_url_get(url, part, &text, 0) != CURLUE_OK)
		return "";
	copy = arena_dup(a, text, strlen(text));
	curl_free(text);
	return copy;
}

static void target_done(struct target *t)
{
	url_done(&t->url);
}

/* False for anything but https, or http to loopback, and for URLs with a user. */
static bool target_read(struct arena *a, const char *address, struct target *t)
{
	const char *scheme;

	t->url = curl_url();
	if (t->url == NULL)
		abort();
	if (curl_url_set(t->url, CURLUPART_URL, address, CURLU_DISALLOW_USER) != CURLUE_OK)
		return false;
	scheme = url_part(a, t->url, CURLUPART_SCHEME);
	t->host = url_part(a, t->url, CURLUPART_HOST);
	t->path = url_part(a, t->url, CURLUPART_PATH);
	t->loopback = url_is_loopback(address);
	return strcmp(scheme, "https") == 0 || (strcmp(scheme, "http") == 0 && t->loopback);
}

/* Open a socket to a stranger, if it is where it may be. */
static curl_socket_t open_stranger(void *arg, curlsocktype purpose, struct curl_sockaddr *to)
{
	struct target *t = arg;

	(void)purpose;
	if (!(t->loopback ? address_is_loopback(&to->addr) : address_is_public(&to->addr))) {
		t->refused = true;
		return CURL_SOCKET_BAD;
	}
	return socket(to->family, to->socktype | SOCK_CLOEXEC, to->protocol);
}

/* Where the body goes. */
struct sink {
	CURL *curl;
	struct str text;
	struct spool *spool;
};

static bool is_200(CURL *curl)
{
	long status = 0;

	return curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &status) == CURLE_OK &&
	       status == 200;
}

static size_t take_body(char *bytes, size_t size, size_t n, void *arg)
{
	struct sink *sink = arg;

	if (sink->spool != NULL && is_200(sink->curl))
		return spool_add(sink->spool, bytes, size * n) ? size * n : 0;
	str_add(&sink->text, bytes, size * n);
	return sink->text.overflow ? 0 : size * n; /* 0 ends the call */
}

static bool overflown(const struct sink *sink)
{
	return sink->text.overflow || (sink->spool != NULL && sink->spool->overflow);
}

static struct curl_slist *make_headers(const struct http_call *call)
{
	AUTO(headers_done) struct curl_slist *list = NULL;
	struct curl_slist *longer;
	/* "Expect:" removes a header that curl would add, and the delay it causes */
	static const char *const ours[] = { "Accept: application/json", "Expect:", NULL };
	const char *const *const both[] = { ours, call->headers };

	for (size_t i = 0; i < ARRAY_LEN(both); i++)
		for (const char *const *h = both[i]; h != NULL && *h != NULL; h++) {
			longer = curl_slist_append(list, *h);
			if (longer == NULL)
				abort();
			list = longer;
		}
	return TAKE(list);
}

/* The remaining time, at most the call's own limit. */
static int64_t time_left_ms(const struct ctx *c, int64_t limit_ms)
{
	int64_t left = limit_ms;

	if (c->deadline_ms != 0 && c->deadline_ms - clock_mono_ms() < left)
		left = c->deadline_ms - clock_mono_ms();
	return left;
}

/* An option that can't be set is a fault of the library's build, found by the first call of any
 * test. */
static void set_limits(
	CURL *curl, const struct target *t, const struct http_call *call, int64_t timeout_ms)
{
	const int64_t connect_ms =
		call->connect_timeout_ms < timeout_ms ? call->connect_timeout_ms : timeout_ms;
	bool set = true;

	/* without QUICK_EXIT a timeout while resolving would wait for the resolver */
	set &= curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L) == CURLE_OK;
	set &= curl_easy_setopt(curl, CURLOPT_QUICK_EXIT, 1L) == CURLE_OK;
	set &= curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR,
		       t->loopback ? "http,https" : "https") == CURLE_OK;
	set &= curl_easy_setopt(curl, CURLOPT_FOLLOWLOCATION, 0L) == CURLE_OK;
	set &= curl_easy_setopt(curl, CURLOPT_SSL_VERIFYPEER, 1L) == CURLE_OK;
	set &= curl_easy_setopt(curl, CURLOPT_SSL_VERIFYHOST, 2L) == CURLE_OK;
	set &= curl_easy_setopt(curl, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2) ==
	       CURLE_OK;
	set &= curl_easy_setopt(curl, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1) ==
	       CURLE_OK;
	set &= curl_easy_setopt(curl, CURLOPT_MAXAGE_CONN, (long)IDLE_MAX_S) == CURLE_OK;
	set &= curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, (long)timeout_ms) == CURLE_OK;
	set &= curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT_MS, (long)connect_ms) == CURLE_OK;
	if (t->loopback || t->stranger) /* ignore proxies from the environment */
		set &= curl_easy_setopt(curl, CURLOPT_NOPROXY, "*") == CURLE_OK;
	assert(set);
}

static void set_stranger(CURL *curl, struct target *t)
{
	bool set = true;

	if (!t->stranger)
		return;
	set &= curl_easy_setopt(curl, CURLOPT_OPENSOCKETFUNCTION, open_stranger) == CURLE_OK;
	set &= curl_easy_setopt(curl, CURLOPT_OPENSOCKETDATA, t) == CURLE_OK;
	set &= curl_easy_setopt(curl, CURLOPT_FRESH_CONNECT, 1L) == CURLE_OK;
	set &= curl_easy_setopt(curl, CURLOPT_FORBID_REUSE, 1L) == CURLE_OK;
	assert(set);
}

static void set_request(CURL *curl, const struct target *t, const struct http_call *call,
	struct curl_slist *headers, struct sink *sink)
{
	const bool post = strcmp(call->method, "POST") == 0;
	bool set = true;

	assert(post || (strcmp(call->method, "GET") == 0 && call->body.p == NULL));
	set &= curl_easy_setopt(curl, CURLOPT_CURLU, t->url) == CURLE_OK;
	set &= curl_easy_setopt(curl, CURLOPT_USERAGENT, "minimall") == CURLE_OK;
	set &= curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers) == CURLE_OK;
	set &= curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, take_body) == CURLE_OK;
	set &= curl_easy_setopt(curl, CURLOPT_WRITEDATA, sink) == CURLE_OK;
	set &= curl_easy_setopt(curl, post ? CURLOPT_POST : CURLOPT_HTTPGET, 1L) == CURLE_OK;
	if (post) {
		set &= curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE_LARGE,
			       (curl_off_t)call->body.len) == CURLE_OK;
		set &= curl_easy_setopt(curl, CURLOPT_POSTFIELDS,
			       call->body.p != NULL ? call->body.p : "") == CURLE_OK;
	}
	assert(set);
}

/*
 * Keep the wanted headers of the final response (not those of a proxy, an interim
 * response or a trailer). True when one of them was repeated.
 */
static bool keep_headers(CURL *curl, struct arena *a, const struct http_call *call)
{
	bool repeated = false;

	for (size_t i = 0; call->wanted != NULL && call->wanted[i] != NULL; i++) {
		struct curl_header *h;

		call->wanted_values[i] = NULL;
		if (curl_easy_header(curl, call->wanted[i], 0, CURLH_HEADER, -1, &h) != CURLHE_OK)
			continue;
		call->wanted_values[i] = arena_dup(a, h->value, strlen(h->value));
		repeated = repeated || h->amount > 1;
	}
	return repeated;
}

static int64_t date_of(CURL *curl)
{
	struct curl_header *h;
	time_t at = -1;

	if (curl_easy_header(curl, "Date", 0, CURLH_HEADER, -1, &h) == CURLHE_OK)
		at = curl_getdate(h->value, NULL);
	return at > 0 ? (int64_t)at * SECOND_MS : 0;
}

/* Not a byte of the request was sent: only then is it certain that it had no effect. */
static bool nothing_sent(CURL *curl)
{
	long sent = 1;

	return curl_easy_getinfo(curl, CURLINFO_REQUEST_SIZE, &sent) == CURLE_OK && sent == 0;
}

static enum err perform(CURL *curl, const struct target *t, const struct sink *sink)
{
	char reason[CURL_ERROR_SIZE] = "";
	int64_t start_ms = clock_mono_ms();
	long status = 0;
	enum err e = OK;
	CURLcode rc;

	if (curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, reason) != CURLE_OK)
		abort();
	rc = curl_easy_perform(curl);
	curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, NULL); /* its scope ends here */
	if (t->stranger && sink->text.overflow)            /* the status is all that is wanted */
		rc = CURLE_OK;
	if (rc != CURLE_OK) {
		e = t->refused           ? ERR_PROVIDER_CONFIG
		    : nothing_sent(curl) ? ERR_PROVIDER_BUSY
					 : ERR_PROVIDER_UNKNOWN;
		log_line(LOG_ERROR, "http", "%s%s: %s%s, after %lld ms", t->host, t->path,
			overflown(sink) ? "answer too large: " : "",
			reason[0] != '\0' ? reason : curl_easy_strerror(rc),
			(long long)(clock_mono_ms() - start_ms));
	} else if (curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &status) == CURLE_OK &&
		   status >= 400) {
		log_line(LOG_WARN, "http", "%s%s: status %ld, after %lld ms", t->host, t->path,
			status, (long long)(clock_mono_ms() - start_ms));
	}
	return e;
}

enum err http_call(struct ctx *c, const struct http_call *call, struct http_answer *out)
{
	AUTO(target_done) struct target t = { 0 };
	AUTO(headers_done) struct curl_slist *headers = NULL;
	int64_t left_ms = time_left_ms(c, call->timeout_ms);
	CURL *curl = handle();
	struct sink sink = {
		.curl = curl,
		.text = str_new(&c->arena, call->stranger ? STRANGER_ANSWER_MAX : HTTP_ANSWER_MAX),
		.spool = call->spool,
	};
	curl_off_t retry_s = 0;
	long status = 0;

	assert(c->db == NULL || !db_in_tx(c->db));
	assert(call->timeout_ms > 0 && call->connect_timeout_ms > 0);
	if (c->arena.exhausted) /* the request may be truncated */
		return ERR_INTERNAL;
	if (!target_read(&c->arena, call->url, &t)) {
		log_line(LOG_ALARM, "http", "a URL that may not be called");
		return ERR_PROVIDER_CONFIG;
	}
	t.stranger = call->stranger;
	if (t.stranger)
		t.path = "";
	if (left_ms <= 0) {
		log_line(LOG_ERROR, "http", "%s%s: no time left to ask", t.host, t.path);
		return ERR_PROVIDER_BUSY;
	}
	headers = make_headers(call);
	curl_easy_reset(curl); /* only the options; connections are kept */
	set_limits(curl, &t, call, left_ms);
	set_stranger(curl, &t);
	set_request(curl, &t, call, headers, &sink);
	TRY(perform(curl, &t, &sink));
	if (curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &status) != CURLE_OK ||
		curl_easy_getinfo(curl, CURLINFO_RETRY_AFTER, &retry_s) != CURLE_OK)
		return ERR_PROVIDER_UNKNOWN;
	out->retry_after_s = retry_s;
	out->repeated = keep_headers(curl, &c->arena, call);
	out->date_ms = date_of(curl);
	out->status = (int)status;
	out->body = t.stranger ? (struct slice){ "", 0 }
			       : (struct slice){ str_text(&sink.text), sink.text.len };
	return OK;
}

bool http_pause(struct ctx *c, int64_t ms)
{
	unsigned char jitter;
	struct timespec ts;

	assert(c->db == NULL || !db_in_tx(c->db));
	crypto_random(&jitter, 1);
	ms += ms * jitter / 1024; /* up to a quarter more, so that processes don't retry in step */
	if (time_left_ms(c, ms + 1) <= ms)
		return false;
	ts = (struct timespec){ .tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000 };
	while (nanosleep(&ts, &ts) != 0)
		; /* interrupted by a signal: sleep the rest */
	return true;
}
