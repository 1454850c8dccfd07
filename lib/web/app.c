/* SPDX-License-Identifier: MIT */
#include "web/app.h"

#include <assert.h>
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/log.h"
#include "base/version.h"
#include "ext/crypto.h"
#include "ext/db.h"
#include "ext/fcgi.h"
#include "ext/metrics.h"
#include "ext/state.h"
#include "web/call.h"
#include "web/cors.h"
#include "web/dialect.h"
#include "web/etag.h"
#include "web/openapi.h"
#include "web/rate.h"

enum { REQUEST_ID_LEN = 20, BUDGET_MS = 5000 };

/* ---- one request ---- */

static bool is_json_type(const char *type)
{
	static const char json[] = "application/json";

	if (type == NULL || strncasecmp(type, json, sizeof(json) - 1) != 0)
		return false;
	type += sizeof(json) - 1;
	return *type == '\0' || *type == ';' || isspace((unsigned char)*type);
}

/* Skip a byte order mark, as RFC 8259 allows: some clients send one. */
static struct slice without_bom(struct slice text)
{
	static const char bom[] = "\xEF\xBB\xBF";

	if (text.len < 3 || memcmp(text.p, bom, 3) != 0)
		return text;
	return (struct slice){ text.p + 3, text.len - 3 };
}

/*
 * 413, 415 and malformed JSON are handled by the frame (BEHAVIOUR 12), even where no body is
 * expected. A body of GET or HEAD is ignored and not read.
 */
static enum err read_body(struct ctx *c, struct req *r)
{
	const bool provider = r->route->role == ROLE_PROVIDER;
	const size_t max = provider ? BODY_MAX_PROVIDER : BODY_MAX;

	r->body = (struct slice){ "", 0 };
	if (r->method == GET)
		return OK;
	switch (fcgi_read_body(r->fcgi, &c->arena, max, &r->body)) {
	case FCGI_BODY_TOO_LARGE:
		return ERR_TOO_LARGE;
	case FCGI_BODY_BROKEN:
		return ERR_MALFORMED;
	case FCGI_BODY_OK:
		break;
	}
	if (r->body.len == 0 || provider)
		return OK;
	if (!is_json_type(fcgi_var(r->fcgi, "CONTENT_TYPE")))
		return ERR_MEDIA_TYPE;
	r->body = without_bom(r->body);
	return json_check(c, r->body);
}

/* If-Match applies to changes of an existing entity. */
static void read_precondition(struct ctx *c, const struct req *r)
{
	if (r->method == PUT || r->method == PATCH)
		c->if_match = req_header(r, "HTTP_IF_MATCH");
}

/* Only routes that declare it use an Idempotency-Key (DESIGN.md 1). */
static enum err read_idempotency_key(struct ctx *c, const struct req *r)
{
	const char *key = req_header(r, "HTTP_IDEMPOTENCY_KEY");

	if (key == NULL || !(r->route->flags & ROUTE_IDEMPOTENT))
		return OK;
	if (key[0] == '\0' || strlen(key) > IDEMPOTENCY_KEY_MAX)
		return ERR_IDEMPOTENCY_KEY;
	for (const char *p = key; *p != '\0'; p++)
		if (*p < 0x21 || *p > 0x7e)
			return ERR_IDEMPOTENCY_KEY;
	c->idem.key = key;
	c->idem.route = arena_printf(&c->arena, "%s %s", method_name(r->method), r->route->path);
	crypto_sha256(r->body.p, r->body.len, c->idem.body_sha256);
	return OK;
}

/* Read the request of a caller who may, and answer it by the row. */
static enum err answer(struct ctx *c, struct req *r, struct resp *w)
{
	if (r->route->role != ROLE_PROVIDER)
		TRY(req_read_query(c, r));
	TRY(read_body(c, r));
	read_precondition(c, r);
	TRY(read_idempotency_key(c, r));
	return call_run(c, r, w);
}

/* Find the route, authenticate, count, and answer. */
static enum err dispatch(struct ctx *c, const struct app *app, struct req *r, struct resp *w)
{
	struct match m;
	enum err e;

	if (!req_read_target(c, r))
		return ERR_NOT_FOUND;
	if (c->conf->require_https && !req_is_secure(c, r))
		return ERR_HTTPS_REQUIRED;
	m = route_match(app->routes, r->method, r->path);
	if (!m.path_known)
		return ERR_NOT_FOUND;
	if (r->method == OPTIONS) {
		cors_preflight(c, r, m.methods, w);
		return OK;
	}
	if (m.route == NULL) {
		resp_header(w, "Allow", cors_methods(c, m.methods));
		return ERR_METHOD_NOT_ALLOWED;
	}
	r->route = m.route;
	r->changeable = m.methods & 1U << PUT;
	r->id = m.id;
	r->no = m.no;
	e = auth_check(c, r, app->identify);
	TRY(rate_enter(c, r));
	return rate_leave(c, r, e == OK ? answer(c, r, w) : e);
}

/* May the response be stored and revalidated? Public ones, as anyone but staff gets them. */
static bool is_storable(const struct ctx *c, const struct req *r, const struct resp *w)
{
	return r->route != NULL && route_is_storable(r->route) && !c->actor.administrator &&
	       w->status == 200;
}

/* Does the response get an ETag, for revalidation or conditional changes? */
static bool is_tagged(const struct req *r, const struct resp *w, bool storable)
{
	return storable ||
	       (r->method == GET && w->status == 200 && (r->changeable || w->tag != NULL));
}

/* A response to a signed-in user is private, even if its content is the same. */
static const char *cache_control(const struct ctx *c, bool storable)
{
	if (!storable)
		return "no-store";
	return c->actor.kind == ACTOR_ANONYMOUS ? "no-cache" : "private, no-cache";
}

static void send_reply(struct ctx *c, const struct req *r, struct resp *w, const char *id)
{
	const bool storable = is_storable(c, r, w);
	struct str head = str_new(&c->arena, 32 << 10);

	if (c->idem.replayed)
		resp_header(w, "Idempotent-Replayed", "true");
	if (storable) /* administrators see more */
		resp_header(w, "Vary", "Authorization");
	if (is_tagged(r, w, storable))
		etag_apply(c, r, w, storable);
	if (w->status == 503)
		resp_header(w, "Retry-After", "1");
	if (c->conf->require_https && req_is_secure(c, r))
		resp_header(w, "Strict-Transport-Security", "max-age=31536000");
	rate_headers(c, r, w);
	cors_headers(c, r, w);
	str_addf(&head,
		"Status: %d\r\nX-Request-Id: %s\r\nX-Content-Type-Options: nosniff\r\n"
		"Accept-Ranges: none\r\n",
		w->status, id);
	str_addf(&head, "Cache-Control: %s\r\n", cache_control(c, storable));
	if (w->content_type != NULL)
		str_addf(&head, "Content-Type: %s\r\nContent-Length: %zu\r\n", w->content_type,
			w->body.len);
	str_add(&head, str_text(&w->headers), w->headers.len);
	str_adds(&head, "\r\n");
	fcgi_reply(r->fcgi, (struct slice){ str_text(&head), head.len },
		(struct slice){ str_text(&w->body), r->head ? 0 : w->body.len });
}

static const char *method_of_request(const struct req *r)
{
	if (r->head)
		return "HEAD";
	return r->method != 0 ? method_name(r->method) : "?";
}

/* Count an answer (BEHAVIOUR 52): by the route's template, never by the path. */
static void count(const struct app *app, const struct req *r, int status, int64_t us)
{
	static const char *const payments[] = { "/payment/", "/api/payment/", "/v1/payment/" };
	const char *method = method_of_request(r);
	const char *route = r->route != NULL ? r->route->path : "none";
	char code[12];

	snprintf(code, sizeof(code), "%d", status);
	metrics_count(METRIC_REQUESTS, method, route, code);
	metrics_time(METRIC_REQUEST_TIME, us, method, route);
	for (size_t i = 0; i < ARRAY_LEN(payments); i++)
		if (str_starts(route, payments[i])) {
			metrics_count(METRIC_PAYMENTS, method, code, NULL);
			metrics_time(METRIC_PAYMENT_TIME, us, method, NULL);
		}
	if (status == 429)
		metrics_count(METRIC_RATE_LIMITED, app->name, NULL, NULL);
}

static void serve_one(struct ctx *c, const struct app *app, struct fcgi *fcgi)
{
	const int64_t start_us = clock_mono_us(), start_ms = start_us / 1000;
	const char *id = crypto_random_text(&c->arena, BASE32_SMALL, REQUEST_ID_LEN);
	struct req r = { .fcgi = fcgi };
	struct resp w = resp_new(c);
	struct log_access access;
	const char *code = NULL;
	int64_t us;
	enum err e;

	log_request_id(id);
	c->now_ms = clock_now_ms();
	c->deadline_ms = start_ms + (app->budget_ms > 0 ? app->budget_ms : BUDGET_MS);
	e = dispatch(c, app, &r, &w);
	assert(!db_in_tx(c->db));
	if (c->arena.exhausted || (e == OK && w.body.overflow)) {
		log_line(LOG_ALARM, "memory", "a request passed the limit of %s",
			c->arena.exhausted ? "its arena" : "its answer");
		e = fail(c, ERR_INTERNAL, NULL);
	}
	if (e != OK) {
		struct str kept = w.headers; /* Allow */
		struct wire_error wire = dialect_error(c, r.path != NULL ? r.path : "", e, id, &w);

		if (e == ERR_METHOD_NOT_ALLOWED)
			str_add(&w.headers, str_text(&kept), kept.len);
		code = wire.code;
	}
	state_settle(c);
	us = clock_mono_us() - start_us;
	count(app, &r, w.status,
		us); /* before the answer, so that whoever has it finds it counted */
	send_reply(c, &r, &w, id);
	access = (struct log_access){ .method = method_of_request(&r),
		.route = r.route != NULL ? r.route->path : "-",
		.status = w.status,
		.code = code,
		.ms = us / 1000,
		.bytes = w.body.len,
		.user_id = c->actor.user_id };
	log_access(&access);
	log_request_id("");
}

/* ---- the process ---- */

static bool start(struct ctx *c, const struct app *app, struct conf *conf, struct arena *forever)
{
	if (!conf_load(conf, CONF_ALL, forever))
		return false;
	if (!log_open(conf->log_file, app->name)) {
		fprintf(stderr, "configuration: LOG_FILE can't be opened\n");
		return false;
	}
	c->conf = conf;
	return app->start == NULL || app->start(c);
}

/* What SHARED_HOSTS=on costs; NULL: it is off. */
static const char *shared_hosts_notice(const struct conf *conf)
{
	if (!conf->shared_hosts)
		return NULL;
	return conf->redis_url != NULL
		       ? "SHARED_HOSTS=on: reads wait for what other hosts have committed"
		       : "SHARED_HOSTS=on: nothing is cached, reads wait for what other hosts have committed";
}

static int check_config(const struct conf *conf)
{
	const char *notice = shared_hosts_notice(conf);

	if (notice != NULL)
		puts(notice);
	return 0;
}

static int serve(struct ctx *c, const struct app *app)
{
	struct ctx fresh;
	struct fcgi *fcgi;

	if (getenv("REQUEST_METHOD") == NULL && isatty(0)) {
		fprintf(stderr,
			"%s: to be started by a web server (FastCGI or CGI); see README.md\n",
			app->name);
		return 2;
	}
	c->db = db_new(c->conf, app->db_limits != NULL ? app->db_limits : &db_limits_web);
	c->state = state_new(c->conf, app->epoch);
	if (shared_hosts_notice(c->conf) != NULL && getenv("REQUEST_METHOD") == NULL)
		log_line(LOG_INFO, "start", "%s", shared_hosts_notice(c->conf));
	metrics_open(c->conf, app->name);
	fcgi = fcgi_new();
	fresh = *c;
	while (fcgi_accept(fcgi)) {
		struct arena arena = c->arena;

		/* nothing of a request remains for the next */
		*c = fresh;
		c->arena = arena;
		arena_reset(&c->arena);
		metrics_refresh();
		metrics_serving(true);
		serve_one(c, app, fcgi);
		metrics_serving(false);
	}
	fcgi_free(fcgi);
	state_free(c->state);
	db_free(c->db);
	metrics_close();
	arena_done(&c->arena);
	return 0;
}

int app_main(int argc, char **argv, const struct app *app)
{
	struct arena forever = { 0 };
	struct conf conf;
	struct ctx c = { 0 };
	int status;

	/* files are private to the account; the umask inherited from lighttpd would make directories unusable */
	umask(0077);
	if (argc == 2 && strcmp(argv[1], "--routes") == 0) {
		route_print(app->routes);
		return 0;
	}
	if (argc == 2 && strcmp(argv[1], "--openapi") == 0)
		return openapi_print(app) ? 0 : 1;
	if (argc == 2 && strcmp(argv[1], "--version") == 0) {
		printf("%s.fcgi (minimall) %s\n", app->name, minimall_version);
		return 0;
	}
	if (!start(&c, app, &conf, &forever))
		status = 1;
	else
		status = argc == 2 && strcmp(argv[1], "--check-config") == 0 ? check_config(&conf)
									     : serve(&c, app);
	arena_done(&forever);
	return status;
}
