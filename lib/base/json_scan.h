/* SPDX-License-Identifier: MIT */
/*
 * json_scan.h - is this text strictly JSON (RFC 8259) but for a bare -0, within our limits?
 *
 * json-c accepts more than JSON (NaN, single quotes, duplicate keys, overlong
 * UTF-8, \u0000; PLATFORM facts), so every untrusted text is checked here first.
 */
#ifndef BASE_JSON_SCAN_H
#define BASE_JSON_SCAN_H

#include "base/arena.h"

enum json_fault {
	JSON_FINE = 0,
	JSON_SYNTAX,    /* not JSON, or bytes after it */
	JSON_DEPTH,     /* nested deeper than JSON_DEPTH_MAX */
	JSON_ENCODING,  /* not UTF-8, or a lone surrogate */
	JSON_NUL,       /* U+0000, raw or escaped */
	JSON_DUPLICATE, /* a key twice in one object */
	JSON_MEMBERS,   /* an object with more than JSON_MEMBERS_MAX members */
};

enum { JSON_DEPTH_MAX = 16, JSON_MEMBERS_MAX = 256 };

/*
 * Scan len bytes. On a fault *what is the key or path it is about, as far
 * as known ("items[0].price"; "" at the top level), in the arena.
 */
enum json_fault json_scan(const char *text, size_t len, struct arena *a, const char **what) MUST;

#endif
