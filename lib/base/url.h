/* SPDX-License-Identifier: MIT */
/*
 * url.h - is a text a web URL? (RFC 3986; stricter where browsers and image loaders
 * of mini-programs differ.)
 *
 * Not libcurl's parser, which accepts more (no dot in the host, guessed blanks) and
 * would link its thirty libraries into programs that make no calls; the unit tests
 * compare the two.
 */
#ifndef BASE_URL_H
#define BASE_URL_H

#include "base/base.h"

/* http or https, a host with a dot, no user; port, path, query and fragment are optional. */
bool url_is_web(const char *s);
/* http or https of this host by one of its three names, no user: where simulators are. */
bool url_is_loopback(const char *s);
/*
 * https of another host, on one of these ports ("443,8443"); no private IPv4 address. What a name
 * stands for is known only when it is called (ext/http.h).
 */
bool url_is_outside(const char *s, const char *ports);
/* One to eight ports between commas? */
bool url_are_ports(const char *s);
/* https, on the default port of a host that is one of a comma-separated list. */
bool url_is_https_on(const char *s, const char *hosts);
/* "/…" on this site, not "//host". */
bool url_is_local(const char *s);

#endif
