/* SPDX-License-Identifier: MIT */
/*
 * peer.h - the server of a provider call: a thread on a free loopback port that
 * follows a script, step by step, and records the requests.
 */
#ifndef UNIT_PEER_H
#define UNIT_PEER_H

#include <arpa/inet.h>
#include <assert.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/base.h"

enum { PEER_STEPS_MAX = 8, PEER_REQUEST_MAX = 16 << 10 };

struct peer_step {
	const char *answer; /* sent verbatim; NULL: nothing */
	bool keep;          /* the connection stays open for the next step */
	bool hang;          /* then wait until the caller gives up */
};

struct peer {
	const struct peer_step *steps;
	const size_t *sizes; /* of the answers; NULL: they are texts */
	int steps_n, served; /* `served` is valid after peer_stop only */
	char requests[PEER_STEPS_MAX][PEER_REQUEST_MAX];
	char url[64];
	int listener, stop, conn;
	pthread_t thread;
};

/* False when the test is over. */
static inline bool peer_readable(const struct peer *p, int fd)
{
	struct pollfd fds[] = { { .fd = fd, .events = POLLIN },
		{ .fd = p->stop, .events = POLLIN } };

	while (poll(fds, 2, -1) < 0)
		;
	return fds[1].revents == 0;
}

static inline size_t peer_request_len(const char *request)
{
	const char *end = strstr(request, "\r\n\r\n"),
		   *h = strcasestr(request, "\r\nContent-Length:");
	size_t body = 0;

	if (end == NULL)
		return SIZE_MAX;
	if (h != NULL && h < end)
		body = strtoul(h + strlen("\r\nContent-Length:"), NULL, 10);
	return (size_t)(end + 4 - request) + body;
}

/* Read one complete request; false at the end of the connection. */
static inline bool peer_read(const struct peer *p, char *request)
{
	size_t have = 0;
	ssize_t n;

	while (have < peer_request_len(request)) {
		if (!peer_readable(p, p->conn))
			return false;
		n = recv(p->conn, request + have, PEER_REQUEST_MAX - 1 - have, 0);
		if (n <= 0)
			return false;
		have += (size_t)n;
	}
	return true;
}

static inline void peer_write(const struct peer *p, const char *answer, size_t len)
{
	size_t sent = 0;
	ssize_t n = 1;

	while (sent < len && n > 0) {
		n = send(p->conn, answer + sent, len - sent, MSG_NOSIGNAL);
		sent += n > 0 ? (size_t)n : 0;
	}
}

static inline void peer_hang_up(struct peer *p)
{
	if (p->conn >= 0)
		close(p->conn);
	p->conn = -1;
}

static inline void *peer_main(void *arg)
{
	struct peer *p = arg;
	char rest[256];

	while (p->served < p->steps_n) {
		const struct peer_step *s = &p->steps[p->served];
		char *request = p->requests[p->served];

		if (p->conn < 0) {
			if (!peer_readable(p, p->listener))
				break;
			p->conn = accept4(p->listener, NULL, NULL, SOCK_CLOEXEC);
			assert(p->conn >= 0);
		}
		memset(request, 0, PEER_REQUEST_MAX);
		if (!peer_read(p, request)) {
			peer_hang_up(p);
			if (!peer_readable(p, p->listener))
				break;
			continue;
		}
		p->served++;
		if (s->answer != NULL)
			peer_write(p, s->answer,
				p->sizes != NULL ? p->sizes[p->served - 1] : strlen(s->answer));
		while (s->hang && peer_readable(p, p->conn) &&
			recv(p->conn, rest, sizeof(rest), 0) > 0)
			;
		if (!s->keep)
			peer_hang_up(p);
	}
	peer_hang_up(p);
	return NULL;
}

/* A socket bound to a free loopback port, and its URL. */
static inline int peer_bind(char *url, size_t size)
{
	struct sockaddr_in at = { .sin_family = AF_INET,
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t len = sizeof(at);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd < 0 || bind(fd, (struct sockaddr *)&at, len) != 0 ||
		getsockname(fd, (struct sockaddr *)&at, &len) != 0)
		abort();
	snprintf(url, size, "http://127.0.0.1:%d", ntohs(at.sin_port));
	return fd;
}

static inline void peer_start_sized(
	struct peer *p, const struct peer_step *steps, const size_t *sizes, size_t n)
{
	assert(n <= PEER_STEPS_MAX);
	memset(p, 0, sizeof(*p));
	p->steps = steps;
	p->sizes = sizes;
	p->steps_n = (int)n;
	p->conn = -1;
	p->listener = peer_bind(p->url, sizeof(p->url));
	p->stop = eventfd(0, EFD_CLOEXEC);
	if (p->stop < 0 || listen(p->listener, 8) != 0 ||
		pthread_create(&p->thread, NULL, peer_main, p) != 0)
		abort();
}

static inline void peer_start(struct peer *p, const struct peer_step *steps, size_t n)
{
	peer_start_sized(p, steps, NULL, n);
}

static inline void peer_stop(struct peer *p)
{
	if (eventfd_write(p->stop, 1) != 0 || pthread_join(p->thread, NULL) != 0)
		abort();
	close(p->listener);
	close(p->stop);
}

#endif
