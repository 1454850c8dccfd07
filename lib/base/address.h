/* SPDX-License-Identifier: MIT */
/*
 * address.h - what kind of host does a socket's address belong to? For calls of addresses that
 * somebody else has chosen (BEHAVIOUR 15).
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

#endif
