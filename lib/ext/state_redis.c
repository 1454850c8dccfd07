/* SPDX-License-Identifier: MIT */
/*
 * state_redis.c - the home on a Redis server, shared by all hosts of a shop: what is kept there, and what happens when the
 * server can't be asked.
 *
 * An operation is one round trip, of at most REDIS_TIMEOUT_MS with connecting; after one that failed the server
 * isn't asked again for a second. Times are the server's: replies have what is left until them.
 *
 * Keys, all of which expire: PREFIX "m:" RUN, the hash of the marks; PREFIX KIND ":" FAMILY ":" ID, a record.
 * RUN identifies the server's process, so that marks, and with them all values, end with it: a server that comes back
 * with an old file, or another one in its place, has none. Counters and limits live on.
 *
 * A value is live if it has its family's stamp, in whose low bits a reader puts the epoch that it has confirmed
 * with the database: a value that was computed in an earlier epoch never matches. An invalidation that can't be made here
 * begins the next epoch (state.h). So marks need no epoch: those who believe in different ones share them.
 */
#include <stdlib.h>

#include "base/clock.h"
#include "ext/db.h"
#include "ext/state_redis_internal.h"

enum { EPOCH_RETRY_MS = 1000, EPOCH_BITS = 24 };

/* ---- what replies say ---- */

static int64_t number_at(const char **p)
{
	char *end;
	const long long n = strtoll(*p, &end, 10);

	*p = *end == ' ' ? end + 1 : end;
	return n;
}

static uint64_t stamp_at(const char **p)
{
	char *end;
	const unsigned long long n = strtoull(*p, &end, 16);

	*p = *end == ' ' ? end + 1 : end;
	return n;
}

/* The request's time of what is so long ahead of the server's. */
static int64_t ahead(const struct ctx *c, int64_t ms)
{
	int64_t out;

	return __builtin_add_overflow(c->now_ms, ms, &out) ? INT64_MAX : out;
}

static uint64_t epoch_bits(const struct redis *h)
{
	return (uint64_t)h->epoch & ((UINT64_C(1) << EPOCH_BITS) - 1);
}

/* "STAMP LEFT" */
static void take_mark(const struct ctx *c, const struct reply *r, struct state_cell *cell)
{
	const char *p = r->text.p;

	cell->r.stamp = stamp_at(&p);
	if (cell->name.bytes[0] == STATE_FAMILY)
		cell->r.stamp = cell->r.stamp << EPOCH_BITS | epoch_bits((struct redis *)c->state);
	cell->r.ttl_ms = number_at(&p);
	if (cell->r.ttl_ms < 0)
		cell->r.ttl_ms = 0;
	cell->r.expires_ms = ahead(c, cell->r.ttl_ms);
}

/* "STAMP EXPIRES TTL BYTES" at a time */
static void take_value(
	const struct ctx *c, int64_t now_ms, const struct reply *r, struct state_cell *cell)
{
	const char *p = r->text.p, *const end = r->text.p + r->text.len;

	cell->r.stamp = stamp_at(&p);
	cell->r.expires_ms = ahead(c, number_at(&p) - now_ms);
	cell->r.ttl_ms = number_at(&p);
	cell->value = (struct slice){ p, (size_t)(end - p) };
}

/* ---- the epoch ---- */

/*
 * Known and confirmed a moment ago. Never in a transaction, where nothing cached is answered or computed: on Galera it may not see
 * what others have committed since it began.
 */
static bool confirm_epoch(struct ctx *c)
{
	struct redis *h = (struct redis *)c->state;
	const int64_t now_ms = clock_mono_ms();

	if (db_in_tx(c->db))
		return false;
	if (h->epoch_known && now_ms < h->confirmed_ms + STATE_CONFIRMED_MS)
		return true;
	if (h->base.epoch == NULL || now_ms < h->epoch_retry_ms)
		return false;
	h->epoch_known = h->base.epoch->read(c, &h->epoch) == OK;
	h->confirmed_ms = now_ms;
	if (!h->epoch_known)
		h->epoch_retry_ms = clock_mono_ms() + EPOCH_RETRY_MS;
	return h->epoch_known;
}

static enum err home_drop(struct ctx *c, struct state_cell *put, size_t n)
{
	struct redis *h = (struct redis *)c->state;

	(void)put;
	(void)n;
	if (h->base.epoch == NULL)
		return ERR_BUSY;
	TRY(h->base.epoch->raise(c));
	h->epoch_known = false;
	h->base.unsettled = true;
	return OK;
}

/* ---- operations ---- */

static bool home_read(struct ctx *c, struct state_cell *cells, size_t n)
{
	struct redis *h = (struct redis *)c->state;
	struct redis_call x = redis_call_new(c, REDIS_READ, 1 + n, 2 + 2 * n);
	struct reply reply;
	const char *time;
	uint64_t fresh;
	int64_t now_ms;

	if (!redis_enter(h, &c->arena) || (n > 0 && (h->run[0] == '\0' || !confirm_epoch(c))))
		return false;
	crypto_random(&fresh, sizeof(fresh));
	redis_push_stamp(&x, fresh | 1);
	for (size_t i = 0; i < n; i++)
		redis_push_cell(&x, &cells[i].name);
	if (!redis_call_run(&x, 1 + n, 1 + n, &reply))
		return false;
	time = reply.items[0].text.p;
	now_ms = number_at(&time);
	for (size_t i = 0; i < n; i++) {
		const struct reply *r = &reply.items[1 + i];

		cells[i].r = (struct state_record){ 0 };
		cells[i].value = (struct slice){ "", 0 };
		if (r->type == REDIS_REPLY_NIL)
			continue;
		if (redis_is_mark(&cells[i].name))
			take_mark(c, r, &cells[i]);
		else
			take_value(c, now_ms, r, &cells[i]);
	}
	return true;
}

/* A family's without the epoch in it. */
static void push_stamp(struct redis_call *x, const struct state_cell *cell)
{
	if (cell->name.bytes[0] == STATE_FAMILY)
		redis_push_text(x, arena_printf(x->arena, "%010llx",
					   (unsigned long long)(cell->r.stamp >> EPOCH_BITS)));
	else
		redis_push_stamp(x, cell->r.stamp);
}

static void push_want(struct redis_call *x, const struct state_cell *want)
{
	redis_push_text(x, redis_field(x, &want->name));
	push_stamp(x, want);
}

static void push_put(struct redis_call *x, const struct state_cell *put)
{
	const char *family = (const char *)put->name.bytes + STATE_NAME_HEAD;

	redis_push_cell(x, &put->name);
	push_stamp(x, put);
	redis_push_number(x, put->r.expires_ms == 0 ? -1 : put->r.ttl_ms);
	redis_push_number(x, put->r.count);
	if (put->name.bytes[0] == STATE_COUNTER)
		redis_push_text(x, family);
	else
		redis_push(x, put->value.p, put->value.len);
}

static bool has_mark(const struct state_cell *cells, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (redis_is_mark(&cells[i].name))
			return true;
	return false;
}

static bool home_write(struct ctx *c, const struct state_cell *want, size_t n_want,
	struct state_cell *put, size_t n_put)
{
	struct redis *h = (struct redis *)c->state;
	struct redis_call x = redis_call_new(c, REDIS_WRITE, 1 + n_put, 2 + 2 * n_want + 6 * n_put);
	struct reply reply;

	if (!redis_enter(h, &c->arena))
		return false;
	/* others who may ask for it may have marks and values */
	if (h->run[0] == '\0' && (n_want > 0 || has_mark(put, n_put)))
		return false;
	redis_push_number(&x, (int64_t)n_want);
	for (size_t i = 0; i < n_want; i++)
		push_want(&x, &want[i]);
	for (size_t i = 0; i < n_put; i++)
		push_put(&x, &put[i]);
	if (!redis_call_run(&x, 2 + n_put, 2, &reply) || reply.items_n != 2 + n_put)
		return false;
	for (size_t i = 0; i < n_put; i++) {
		const char *p = reply.items[2 + i].text.p;

		if (put[i].r.expires_ms == 0 || put[i].name.bytes[0] != STATE_COUNTER)
			continue;
		put[i].r.expires_ms = ahead(c, number_at(&p));
		put[i].r.count = number_at(&p);
	}
	return n_put > 0 || slice_is(reply.items[1].text, "1");
}

static void push_limit_key(struct redis_call *x, const struct state_limit *limit)
{
	const struct state_cell cell = state_cell(STATE_LOG, limit->key);

	redis_push_record(x, &cell.name);
	redis_push_text(x, limit->key.family);
}

static bool home_admit(struct ctx *c, struct state_limit *limits, size_t n, bool *admitted)
{
	struct redis *h = (struct redis *)c->state;
	struct redis_call x = redis_call_new(c, REDIS_ADMIT, 1 + n, 1 + 5 * n);
	const char *time;
	struct reply reply;

	if (!redis_enter(h, &c->arena))
		return false;
	for (size_t i = 0; i < n; i++) {
		push_limit_key(&x, &limits[i]);
		redis_push_number(&x, limits[i].max);
		redis_push_number(&x, limits[i].window_ms);
		redis_push_number(&x, limits[i].free);
		redis_push_number(&x, limits[i].free_ms);
	}
	if (!redis_call_run(&x, 2 + n, 2 + n, &reply))
		return false;
	*admitted = slice_is(reply.items[1].text, "1");
	time = reply.items[0].text.p;
	limits[0].at_ms = number_at(&time);
	for (size_t i = 0; i < n; i++) {
		const char *p = reply.items[2 + i].text.p;

		limits[i].at_ms = limits[0].at_ms;
		limits[i].count = number_at(&p);
		limits[i].oldest_ms = ahead(c, -number_at(&p));
		limits[i].spare = number_at(&p);
	}
	return true;
}

static bool home_withdraw(struct ctx *c, const struct state_limit *limits, size_t n)
{
	struct redis_call x = redis_call_new(c, REDIS_WITHDRAW, 1 + n, 2 + 2 * n);
	struct reply reply;

	if (!redis_enter((struct redis *)c->state, &c->arena))
		return false;
	for (size_t i = 0; i < n; i++) {
		push_limit_key(&x, &limits[i]);
		redis_push_number(&x, limits[i].at_ms);
	}
	return redis_call_run(&x, 1, 1, &reply);
}

/* The server removes what has expired. */
static int64_t home_sweep(struct ctx *c)
{
	(void)c;
	return 0;
}

const struct state_home state_redis = {
	.shared = true,
	.open = redis_new,
	.close = redis_free,
	.read = home_read,
	.write = home_write,
	.admit = home_admit,
	.withdraw = home_withdraw,
	.sweep = home_sweep,
	.drop = home_drop,
	.ask = redis_ask,
};
