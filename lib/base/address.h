/* SPDX-License-Identifier: MIT */
/*
 * address.h - what kind of host does a socket's address belong to? For calls of addresses that
 * somebody else has chosen (BEHAVIOUR 15). And who is the client behind the shop's own proxies
 * (BEHAVIOUR 51)? Their texts: IPv4, IPv6, or IPv4 written as IPv6 (::ffff:192.0.2.1), which is the same.
 */
#ifndef BASE_ADDRESS_H
#define BASE_ADDRESS_H

#include <sys/socket.h>

#include "base/base.h"

/*
 * A host on the Internet: not this host, no private or link-local network, nothing reserved, no
 * group of hosts; of IPv6 only what is assigned, without the ranges that wrap an IPv4 address.
 */
bool address_is_public(const struct sockaddr *a);
/* This host. */
bool address_is_loopback(const struct sockaddr *a);

enum { ADDRESS_TEXT_SIZE = 46 };

/* Addresses and ranges between commas: "10.0.0.0/8, 2001:db8::/32, ::1". "" is none. */
bool address_are_ranges(const char *list) MUST;
/* Is an address in such a list? False for what is no address. */
bool address_is_listed(const char *list, const char *address) MUST;
/*
 * The client of a request that came from `peer`, by its X-Forwarded-For (NULL: none): the last of
 * these addresses that is no proxy of the list, since each proxy appends the address that it was called from. If all are
 * proxies, the first; if one can't be read, the proxy that named it. What a peer that is no proxy sends
 * is not looked at. An entry may have a port. Returns peer, or text.
 */
const char *address_client(const char *proxies, const char *peer, const char *forwarded,
	char text[static ADDRESS_TEXT_SIZE]) MUST;

/*
 * What limits count a client by: of an IPv6 address its /64, which one customer has alone. Returns text, or address
 * where it is none.
 */
const char *address_network(const char *address, char text[static ADDRESS_TEXT_SIZE]) MUST;

#endif
