/* SPDX-License-Identifier: MIT */
#include "base/address.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <string.h>

/* The first `bits` of an address, in network order. */
struct range {
	unsigned char bytes[16];
	int bits;
};

static const struct range loopback_4 = { { 127 }, 8 };
static const struct range loopback_6 = { { [15] = 1 }, 128 };

/* IANA's registry of special purpose, and what is no single host. */
static const struct range special_4[] = {
	{ { 0 }, 8 }, { { 10 }, 8 }, { { 100, 64 }, 10 }, /* carriers' own */
	{ { 127 }, 8 }, { { 169, 254 }, 16 }, /* link-local, and the metadata of cloud hosts */
	{ { 172, 16 }, 12 }, { { 192, 0, 0 }, 24 }, { { 192, 0, 2 }, 24 },
	{ { 192, 88, 99 }, 24 }, /* 6to4 relays */
	{ { 192, 168 }, 16 }, { { 198, 18 }, 15 }, { { 198, 51, 100 }, 24 },
	{ { 203, 0, 113 }, 24 }, { { 224 }, 3 }, /* multicast, reserved, broadcast */
};

/* What IPv6 assigns to hosts, ... */
static const struct range global_6 = { { 0x20 }, 3 };
/* ... and what of it is for special purposes or wraps IPv4. */
static const struct range special_6[] = {
	{ { 0x20, 0x01, 0x00 }, 23 },
	{ { 0x20, 0x01, 0x0d, 0xb8 }, 32 },
	{ { 0x20, 0x02 }, 16 },
	{ { 0x3f, 0xff, 0x00 }, 20 },
};

static bool is_in(const struct range *r, const unsigned char *address)
{
	const size_t whole = (size_t)r->bits / 8;
	const int mask = 0xff00 >> r->bits % 8;

	return memcmp(r->bytes, address, whole) == 0 &&
	       (r->bits % 8 == 0 || ((r->bytes[whole] ^ address[whole]) & mask & 0xff) == 0);
}

static bool is_in_any(const struct range *r, size_t n, const unsigned char *address)
{
	for (size_t i = 0; i < n; i++)
		if (is_in(&r[i], address))
			return true;
	return false;
}

/* The bytes of an IPv4 or IPv6 address; its family, or 0 for another. */
static int bytes_of(const struct sockaddr *a, unsigned char bytes[static 16])
{
	if (a->sa_family == AF_INET) {
		struct sockaddr_in in;

		memcpy(&in, a, sizeof(in));
		memcpy(bytes, &in.sin_addr, 4);
	} else if (a->sa_family == AF_INET6) {
		struct sockaddr_in6 in6;

		memcpy(&in6, a, sizeof(in6));
		memcpy(bytes, &in6.sin6_addr, 16);
	} else {
		return 0;
	}
	return a->sa_family;
}

bool address_is_public(const struct sockaddr *a)
{
	unsigned char bytes[16] = { 0 };

	switch (bytes_of(a, bytes)) {
	case AF_INET:
		return !is_in_any(special_4, ARRAY_LEN(special_4), bytes);
	case AF_INET6:
		return is_in(&global_6, bytes) &&
		       !is_in_any(special_6, ARRAY_LEN(special_6), bytes);
	default:
		return false;
	}
}

bool address_is_loopback(const struct sockaddr *a)
{
	unsigned char bytes[16] = { 0 };

	switch (bytes_of(a, bytes)) {
	case AF_INET:
		return is_in(&loopback_4, bytes);
	case AF_INET6:
		return is_in(&loopback_6, bytes);
	default:
		return false;
	}
}
