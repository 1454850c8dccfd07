/* SPDX-License-Identifier: MIT */
/*
 * state_redis_wire.c - commands and replies on a connection that never blocks longer than the operation's deadline. The
 * protocol is hiredis'; replies are built in the arena, of bounded size and shape.
 */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/clock.h"
#include "ext/state_redis_internal.h"

enum { READ_AT_ONCE = 16 << 10, REPLIES_MAX = 256 << 10, ITEMS_MAX = 4096 };

bool redis_fails(struct redis *h, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	vsnprintf(h->why, sizeof(h->why), fmt, args);
	va_end(args);
	return false;
}

bool redis_wait(struct redis *h, short events)
{
	struct pollfd p = { .fd = h->fd, .events = events };

	for (;;) {
		const int64_t left_ms = h->deadline_ms - clock_mono_ms();
		/* past the deadline too: what is there already isn't late */
		const int n = poll(&p, 1, left_ms > 0 ? (int)left_ms : 0);

		if (n > 0)
			return true;
		if (n == 0 ? left_ms <= 0 : errno != EINTR)
			return false;
	}
}

void redis_hang_up(struct redis *h)
{
	if (h->reader != NULL)
		redisReaderFree(h->reader);
	tls_free(h->tls);
	if (h->fd >= 0)
		close(h->fd);
	h->reader = NULL;
	h->tls = NULL;
	h->fd = -1;
}

/* ---- replies in the arena ---- */

/* The place of a new reply: in its array, or one of its own. */
static struct reply *place_of(const redisReadTask *task)
{
	struct reply *r;

	if (task->parent != NULL)
		r = &((struct reply *)task->parent->obj)->items[task->idx];
	else
		r = arena_try(task->privdata, 1, sizeof(*r));
	if (r != NULL)
		*r = (struct reply){ .type = task->type, .text = { "", 0 } };
	return r;
}

static void *make_string(const redisReadTask *task, char *text, size_t len)
{
	struct reply *r = place_of(task);
	char *copy = r != NULL ? arena_try(task->privdata, len + 1, 1) : NULL;

	if (copy == NULL)
		return NULL;
	memcpy(copy, text, len);
	r->text = (struct slice){ copy, len };
	return r;
}

static void *make_array(const redisReadTask *task, int n)
{
	struct reply *r = n >= 0 && n <= ITEMS_MAX ? place_of(task) : NULL;

	if (r == NULL)
		return NULL;
	r->items_n = (size_t)n;
	r->items = arena_try(task->privdata, r->items_n + 1, sizeof(*r->items));
	return r->items != NULL ? r : NULL;
}

static void *make_integer(const redisReadTask *task, long long n)
{
	struct reply *r = place_of(task);

	if (r != NULL)
		r->n = n;
	return r;
}

/* The task is of what it could have been. */
static void *make_nil(const redisReadTask *task)
{
	struct reply *r = place_of(task);

	if (r != NULL)
		r->type = REDIS_REPLY_NIL;
	return r;
}

static void free_nothing(void *reply)
{
	(void)reply;
}

/* ---- bytes ---- */

enum outcome { MOVED, WAIT_READ, WAIT_WRITE, ENDED };

static enum outcome of_tls(enum tls_step step)
{
	return step == TLS_DONE         ? MOVED
	       : step == TLS_WAIT_READ  ? WAIT_READ
	       : step == TLS_WAIT_WRITE ? WAIT_WRITE
					: ENDED;
}

static enum outcome of_socket(ssize_t n, enum outcome wait, size_t *done)
{
	*done = n > 0 ? (size_t)n : 0;
	if (n > 0)
		return MOVED;
	return n < 0 && (errno == EAGAIN || errno == EINTR) ? wait : ENDED;
}

static enum outcome receive(struct redis *h, void *buf, size_t n, size_t *done)
{
	if (h->tls != NULL)
		return of_tls(tls_read(h->tls, buf, n, done));
	return of_socket(recv(h->fd, buf, n, 0), WAIT_READ, done);
}

static enum outcome transmit(struct redis *h, const void *buf, size_t n, size_t *done)
{
	if (h->tls != NULL)
		return of_tls(tls_write(h->tls, buf, n, done));
	return of_socket(send(h->fd, buf, n, MSG_NOSIGNAL), WAIT_WRITE, done);
}

bool redis_is_there(struct redis *h)
{
	char byte;
	size_t n;

	return h->fd >= 0 && receive(h, &byte, 1, &n) == WAIT_READ;
}

static bool wait_for(struct redis *h, enum outcome what)
{
	if (what == ENDED)
		return redis_fails(h, "the connection was closed");
	return redis_wait(h, what == WAIT_READ ? POLLIN : POLLOUT) ||
	       redis_fails(h, "no answer within %lld ms", (long long)h->timeout_ms);
}

static bool send_all(struct redis *h, const char *p, size_t n)
{
	while (n > 0) {
		size_t done;
		const enum outcome what = transmit(h, p, n, &done);

		if (what != MOVED) {
			if (!wait_for(h, what))
				return false;
			continue;
		}
		p += done;
		n -= done;
	}
	return true;
}

/* The next reply; NULL: none, and `why` is set. `room`: how many bytes may still come. */
static struct reply *next_reply(struct redis *h, size_t *room)
{
	char buf[READ_AT_ONCE];
	void *reply = NULL;

	for (;;) {
		enum outcome what;
		size_t n;

		if (redisReaderGetReply(h->reader, &reply) != REDIS_OK) {
			redis_fails(h, "an answer that is none");
			return NULL;
		}
		if (reply != NULL)
			return reply;
		what = receive(h, buf, sizeof(buf), &n);
		if (what != MOVED) {
			if (!wait_for(h, what))
				return NULL;
			continue;
		}
		if (n > *room || redisReaderFeed(h->reader, buf, n) != REDIS_OK) {
			redis_fails(h, "an answer that is too large");
			return NULL;
		}
		*room -= n;
	}
}

static redisReader *new_reader(void)
{
	static redisReplyObjectFunctions makers = { make_string, make_array, make_integer, make_nil,
		free_nothing };
	redisReader *reader = redisReaderCreateWithFunctions(&makers);

	if (reader == NULL)
		abort();
	return reader;
}

bool redis_exchange(
	struct redis *h, struct arena *a, const struct str *out, struct reply *replies, size_t n)
{
	size_t room = REPLIES_MAX;

	if (h->reader == NULL)
		h->reader = new_reader();
	h->reader->privdata = a;
	if (out->overflow)
		redis_fails(h, "a command that is too large");
	else if (send_all(h, str_text(out), out->len)) {
		size_t i = 0;

		for (const struct reply *r; i < n && (r = next_reply(h, &room)) != NULL; i++)
			replies[i] = *r;
		if (i == n)
			return true;
	}
	redis_hang_up(h);
	return false;
}

void redis_put(struct str *out, const char *const *argv, const size_t *lens, size_t n)
{
	char *text = NULL;
	const int len = redisFormatCommandArgv(&text, (int)n, (const char **)(uintptr_t)argv, lens);

	if (len < 0 || text == NULL)
		abort();
	str_add(out, text, (size_t)len);
	redisFreeCommand(text);
}
