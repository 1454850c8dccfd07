/* SPDX-License-Identifier: MIT */
/*
 * url.h - is a text the address of something on the web? (RFC 3986; stricter where
 * browsers and image loaders of mini-programs differ.)
 *
 * Not libcurl's parser, which takes more (no dot in the host, blanks after a guess)
 * and would bring its thirty libraries into programs that call nobody; the unit tests
 * hold both against each other.
 */
#ifndef BASE_URL_H
#define BASE_URL_H

#include "base/base.h"

/* http or https, a host with a dot in it, no user, perhaps a port, a path and the rest. */
bool url_is_web(const char *s);
/* "/…" on this site. "//host" is none. */
bool url_is_local(const char *s);

#endif
