/* SPDX-License-Identifier: MIT */
/*
 * redis_url.h - where a Redis server is: the usual syntax of its clients (REDIS_URL).
 *
 *   redis://[[USER]:PASSWORD@]HOST[:PORT][/DB]      rediss://… with TLS
 *   unix:///PATH[?db=DB&password=PASSWORD&username=USER]
 *
 * User, password and path are percent-encoded; an IPv6 address is in brackets.
 */
#ifndef BASE_REDIS_URL_H
#define BASE_REDIS_URL_H

#include "base/arena.h"

struct redis_url {
	const char *socket; /* its path, or: */
	const char *host;
	int64_t port;
	bool tls;
	const char *user, *password; /* NULL: none; a user only with a password */
	int64_t db;
};

/* Texts are in the arena. NULL, or what is wrong with it, without a word of it: it may hold a secret. */
const char *redis_url_read(struct arena *a, const char *url, struct redis_url *out) MUST;

#endif
