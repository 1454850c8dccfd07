/* SPDX-License-Identifier: MIT */
/*
 * state_redis_server.c - the server of a process: its settings, whether it can be asked now, and what it says of itself.
 */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "ext/metrics.h"
#include "ext/state_redis_internal.h"

enum { RETRY_MS = 1000 };

static int hello(struct redis *h, struct str *out)
{
	const char *const password[] = { "AUTH", h->at.password };
	const char *const both[] = { "AUTH", h->at.user, h->at.password };
	const char *const info[] = { "INFO", "server" };
	char db[16];
	const char *const choose[] = { "SELECT", db };
	int n = 1;

	snprintf(db, sizeof(db), "%lld", (long long)h->at.db);
	if (h->at.password != NULL) {
		if (h->at.user != NULL)
			redis_put(out, both, NULL, ARRAY_LEN(both));
		else
			redis_put(out, password, NULL, ARRAY_LEN(password));
		n++;
	}
	if (h->at.db > 0) {
		redis_put(out, choose, NULL, ARRAY_LEN(choose));
		n++;
	}
	redis_put(out, info, NULL, ARRAY_LEN(info));
	return n;
}

bool redis_is_error(const struct reply *r, const char *code)
{
	return r->type == REDIS_REPLY_ERROR && str_starts(r->text.p, code);
}

/* An error's text is the server's: only its code is certain to have nothing secret. */
bool redis_refused(struct redis *h, const struct reply *r)
{
	return redis_fails(h, "answers %.*s",
		r->type == REDIS_REPLY_ERROR ? (int)strcspn(r->text.p, " \r\n") : 7,
		r->type == REDIS_REPLY_ERROR ? r->text.p : "in vain");
}

/* A line of INFO, NULL-terminated in the arena; NULL: there is none of that name. */
static const char *info_of(struct arena *a, const struct reply *info, const char *name)
{
	const size_t len = strlen(name);

	for (const char *line = info->text.p; line != NULL; line = strchr(line, '\n')) {
		line += *line == '\n';
		if (strncmp(line, name, len) == 0 && line[len] == ':')
			return arena_dup(a, line + len + 1, strcspn(line + len + 1, "\r\n"));
	}
	return NULL;
}

/* The server's process, from INFO. Who may not ask for it keeps no values. */
static bool take_run(struct redis *h, struct arena *a, const struct reply *info)
{
	const char *run;

	h->run[0] = '\0';
	if (redis_is_error(info, "NOPERM") || redis_is_error(info, "ERR"))
		return true;
	if (info->type != REDIS_REPLY_STRING)
		return redis_refused(h, info);
	run = info_of(a, info, "run_id");
	if (run == NULL || strlen(run) < sizeof(h->run) - 1)
		return redis_fails(h, "has no run_id");
	snprintf(h->run, sizeof(h->run), "%.*s", (int)sizeof(h->run) - 1, run);
	return true;
}

static bool greet(struct redis *h, struct arena *a)
{
	struct str out = str_new(a, REDIS_COMMAND_MAX);
	struct reply replies[3];
	const int n = hello(h, &out);

	if (!redis_exchange(h, a, &out, replies, (size_t)n))
		return false;
	for (int i = 0; i < n - 1; i++)
		if (replies[i].type != REDIS_REPLY_STATUS)
			return redis_refused(h, &replies[i]);
	return take_run(h, a, &replies[n - 1]);
}

/* ---- each use ---- */

/* Not asked again for a while; logged when it begins. */
bool redis_give_up(struct redis *h)
{
	redis_hang_up(h);
	if (h->base.error == NULL)
		log_line(LOG_WARN, "state", "%s: %s; doing without", h->name, h->why);
	h->base.error = h->why;
	h->retry_ms = clock_mono_ms() + RETRY_MS;
	metrics_count(METRIC_REDIS, "failed", NULL, NULL);
	return false;
}

bool redis_is_well(struct redis *h)
{
	if (h->base.error != NULL)
		log_line(LOG_INFO, "state", "%s: there again", h->name);
	h->base.error = NULL;
	metrics_count(METRIC_REDIS, "answered", NULL, NULL);
	return true;
}

/* Connect if necessary. False: the server can't be asked now. */
bool redis_enter(struct redis *h, struct arena *a)
{
	const int64_t now_ms = clock_mono_ms();

	if (h->fd >= 0 && h->pid != getpid())
		redis_hang_up(h); /* the parent's */
	if (h->base.error != NULL && now_ms < h->retry_ms) {
		metrics_count(METRIC_REDIS, "skipped", NULL, NULL);
		return false;
	}
	h->deadline_ms = now_ms + h->timeout_ms;
	if (redis_is_there(h))
		return true;
	redis_hang_up(h);
	h->pid = getpid();
	return (redis_dial(h) && greet(h, a)) || redis_give_up(h);
}

/* ---- what it says of itself ---- */

static int64_t number_of(struct arena *a, const struct reply *info, const char *name)
{
	const char *text = info_of(a, info, name);
	int64_t n;

	return text != NULL && str_to_i64(slice_of(text), INT64_MAX - 1, &n) ? n : 0;
}

static bool is_this_host(const char *host)
{
	return str_starts(host, "127.") || strcmp(host, "::1") == 0 ||
	       strcmp(host, "localhost") == 0;
}

bool redis_ask(struct ctx *c, struct state_server *out)
{
	static const char *const all[] = { "INFO" };
	struct redis *h = (struct redis *)c->state;
	struct str command = str_new(&c->arena, REDIS_COMMAND_MAX);
	struct arena *a = &c->arena;
	struct reply info;
	int64_t start_us;

	*out = (struct state_server){ .name = h->name, .keeps_values = false };
	redis_put(&command, all, NULL, ARRAY_LEN(all));
	if (!redis_enter(h, a))
		return false;
	out->keeps_values = h->run[0] != '\0';
	out->open = h->at.socket == NULL && h->at.password == NULL;
	out->plain = h->at.socket == NULL && !h->at.tls && !is_this_host(h->at.host);
	start_us = clock_mono_us();
	if (!redis_exchange(h, a, &command, &info, 1))
		return redis_give_up(h);
	out->round_trip_us = clock_mono_us() - start_us;
	if (info.type != REDIS_REPLY_STRING)
		return true;
	out->version = info_of(a, &info, "redis_version");
	out->policy = info_of(a, &info, "maxmemory_policy");
	out->max_bytes = number_of(a, &info, "maxmemory");
	out->used_bytes = number_of(a, &info, "used_memory");
	out->evicted = number_of(a, &info, "evicted_keys");
	return true;
}

/* ---- the handle ---- */

static const char *name_of(struct redis *h)
{
	if (h->at.socket != NULL)
		return arena_printf(&h->forever, "unix://%s", h->at.socket);
	return arena_printf(&h->forever, "%s://%s:%lld", h->at.tls ? "rediss" : "redis", h->at.host,
		(long long)h->at.port);
}

static void hash_script(const char *text, char out[static SHA1_HEX_LEN + 1])
{
	struct sha1 *sum = sha1_new();

	sha1_add(sum, text, strlen(text));
	sha1_hex(sum, out);
	sha1_free(sum);
}

struct state *redis_new(const struct conf *conf)
{
	struct redis *h = calloc(1, sizeof(*h));

	/* conf.c has read the URL */
	if (h == NULL || redis_url_read(&h->forever, conf->redis_url, &h->at) != NULL)
		abort();
	h->prefix = conf->redis_prefix != NULL
			    ? conf->redis_prefix
			    : arena_printf(&h->forever, "minimall:%s:", conf->db_name);
	h->ca_file = conf->redis_ca_file;
	h->timeout_ms = conf->redis_timeout_ms;
	h->by_request = conf->test_clock != NULL;
	h->name = name_of(h);
	h->fd = -1;
	for (size_t i = 0; i < REDIS_SCRIPTS; i++)
		hash_script(redis_scripts[i], h->sha[i]);
	return &h->base;
}

void redis_free(struct state *s)
{
	struct redis *h = (struct redis *)s;

	redis_hang_up(h);
	redis_dial_done(h);
	arena_done(&h->forever);
	free(h);
}
