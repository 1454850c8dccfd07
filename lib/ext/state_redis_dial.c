/* SPDX-License-Identifier: MIT */
/*
 * state_redis_dial.c - connecting to the server, whatever its name's resolver or network does: by the deadline. A look-up
 * that takes longer goes on, for the next try; until one ends, the addresses of the last are used.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "ext/state_redis_internal.h"

#define RESOLVED_MS MINUTE_MS

/* ---- the host's addresses ---- */

static void adopt(struct redis *h, const struct addrinfo *found)
{
	h->addresses_n = 0;
	for (; found != NULL && h->addresses_n < ADDRESSES_MAX; found = found->ai_next) {
		if (found->ai_addrlen > sizeof(h->addresses[0]))
			continue;
		memcpy(&h->addresses[h->addresses_n], found->ai_addr, found->ai_addrlen);
		h->lengths[h->addresses_n++] = found->ai_addrlen;
	}
	h->resolved_ms = clock_mono_ms();
}

/* Has the look-up ended? */
static bool take_lookup(struct redis *h)
{
	struct lookup *l = &h->lookup;
	const int rc = l->pending ? gai_error(&l->ask) : EAI_INPROGRESS;

	if (rc == EAI_INPROGRESS)
		return false;
	l->pending = false;
	if (rc == 0)
		adopt(h, l->ask.ar_result);
	if (l->ask.ar_result != NULL)
		freeaddrinfo(l->ask.ar_result);
	l->ask.ar_result = NULL;
	return true;
}

static void begin_lookup(struct redis *h)
{
	struct lookup *l = &h->lookup;
	struct gaicb *list[] = { &l->ask };

	l->hints = (struct addrinfo){ .ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM };
	snprintf(l->port, sizeof(l->port), "%lld", (long long)h->at.port);
	l->ask = (struct gaicb){
		.ar_name = h->at.host, .ar_service = l->port, .ar_request = &l->hints
	};
	l->pending = getaddrinfo_a(GAI_NOWAIT, list, 1, NULL) == 0;
}

static void await_lookup(struct redis *h)
{
	const struct gaicb *list[] = { &h->lookup.ask };

	while (h->lookup.pending && !take_lookup(h)) {
		const int64_t left_ms = h->deadline_ms - clock_mono_ms();
		const struct timespec limit = { .tv_nsec = left_ms % 1000 * 1000000,
			.tv_sec = left_ms / 1000 };

		if (left_ms <= 0)
			return;
		(void)gai_suspend(list, 1, &limit);
	}
}

/* An address needs no look-up, nor the thread that does them. */
static bool adopt_address(struct redis *h)
{
	struct sockaddr_in in = { .sin_family = AF_INET, .sin_port = htons((uint16_t)h->at.port) };
	struct sockaddr_in6 in6 = { .sin6_family = AF_INET6,
		.sin6_port = htons((uint16_t)h->at.port) };
	struct addrinfo one = { .ai_addr = (struct sockaddr *)&in, .ai_addrlen = sizeof(in) };

	if (inet_pton(AF_INET, h->at.host, &in.sin_addr) != 1) {
		if (inet_pton(AF_INET6, h->at.host, &in6.sin6_addr) != 1)
			return false;
		one.ai_addr = (struct sockaddr *)&in6;
		one.ai_addrlen = sizeof(in6);
	}
	adopt(h, &one);
	return true;
}

static bool resolve(struct redis *h)
{
	(void)take_lookup(h);
	if (h->addresses_n > 0 && clock_mono_ms() < h->resolved_ms + RESOLVED_MS)
		return true;
	if (adopt_address(h))
		return true;
	if (!h->lookup.pending)
		begin_lookup(h);
	if (h->addresses_n == 0)
		await_lookup(h);
	return h->addresses_n > 0 || redis_fails(h, "the host's name can't be resolved");
}

/* ---- a socket ---- */

static bool connect_to(struct redis *h, const struct sockaddr *to, socklen_t len)
{
	const int on = 1;
	int error = 0;
	socklen_t error_len = sizeof(error);

	h->fd = socket(to->sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (h->fd < 0)
		return redis_fails(h, "no socket: %s", strerrorname_np(errno));
	if (to->sa_family != AF_UNIX)
		(void)setsockopt(h->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	if (connect(h->fd, to, len) == 0)
		return true;
	if (errno != EINPROGRESS)
		return redis_fails(h, "can't be connected to: %s", strerrorname_np(errno));
	if (!redis_wait(h, POLLOUT))
		return redis_fails(h, "can't be connected to in time");
	if (getsockopt(h->fd, SOL_SOCKET, SO_ERROR, &error, &error_len) != 0)
		error = errno;
	return error == 0 || redis_fails(h, "can't be connected to: %s", strerrorname_np(error));
}

static bool shake_hands(struct redis *h)
{
	h->tls = tls_new(h->fd, h->at.host, h->ca_file);
	if (h->tls == NULL)
		return redis_fails(h, "the file of CAs has no certificates");
	for (;;)
		switch (tls_handshake(h->tls)) {
		case TLS_DONE:
			return true;
		case TLS_WAIT_READ:
			if (!redis_wait(h, POLLIN))
				return redis_fails(h, "no TLS in time");
			break;
		case TLS_WAIT_WRITE:
			if (!redis_wait(h, POLLOUT))
				return redis_fails(h, "no TLS in time");
			break;
		case TLS_FAILED:
			return redis_fails(h, "TLS: %s", tls_why(h->tls));
		}
}

static bool connect_any(struct redis *h)
{
	struct sockaddr_un un = { .sun_family = AF_UNIX };

	if (h->at.socket != NULL) {
		snprintf(un.sun_path, sizeof(un.sun_path), "%s", h->at.socket);
		return connect_to(h, (const struct sockaddr *)&un, sizeof(un));
	}
	if (!resolve(h))
		return false;
	for (size_t i = 0; i < h->addresses_n; i++) {
		if (connect_to(h, (const struct sockaddr *)&h->addresses[i], h->lengths[i]))
			return true;
		redis_hang_up(h);
	}
	h->resolved_ms = clock_mono_ms() - RESOLVED_MS; /* it may be elsewhere now */
	return false;
}

bool redis_dial(struct redis *h)
{
	if (connect_any(h) && (!h->at.tls || shake_hands(h)))
		return true;
	redis_hang_up(h);
	return false;
}

void redis_dial_done(struct redis *h)
{
	const struct gaicb *list[] = { &h->lookup.ask };

	if (!h->lookup.pending || gai_cancel(&h->lookup.ask) != EAI_NOTCANCELED)
		return;
	while (!take_lookup(h)) /* the resolver's own limit ends it */
		(void)gai_suspend(list, 1, NULL);
}
