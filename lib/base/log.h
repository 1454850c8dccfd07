/* SPDX-License-Identifier: MIT */
/*
 * log.h - one JSON line per event, one write(2) per line.
 *
 * Called where a cause is known: lib/ext, lib/providers, flows that decide over
 * money, and the frame's access line. Never pass it a token, secret, openid,
 * phone, card number or body (BEHAVIOUR 55).
 */
#ifndef BASE_LOG_H
#define BASE_LOG_H

#include "base/str.h"

enum log_level { LOG_INFO, LOG_WARN, LOG_ERROR, LOG_ALARM };

/* Append to path; NULL keeps standard error. False when it can't be opened. */
bool log_open(const char *path, const char *program) MUST;
/* The id that every line carries until the next call; borrowed, "" for none. */
void log_request_id(const char *id);
void log_line(enum log_level level, const char *area, const char *fmt, ...) PRINTF_LIKE(3, 4);

struct log_access {
	const char *method, *route; /* the route's template, never the raw path */
	int status;
	const char *code; /* of err.def, or NULL */
	int64_t ms;
	size_t bytes;
	int64_t user_id; /* 0: anonymous */
};
void log_access(const struct log_access *a);

#endif
