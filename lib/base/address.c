/* SPDX-License-Identifier: MIT */
#include "base/address.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <string.h>

#include "base/str.h"

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

/* ---- proxies ---- */

enum { MAPPED_BITS = 96, NETWORK_BYTES = 8 /* of IPv6 */ };

/* The range of one address: IPv4 as IPv6. */
static bool read_address(struct slice text, struct range *out)
{
	static const struct range mapped = { { [10] = 0xff, [11] = 0xff }, 128 };
	char copy[ADDRESS_TEXT_SIZE];

	if (text.len >= sizeof(copy) || memchr(text.p, '\0', text.len) != NULL)
		return false;
	memcpy(copy, text.p, text.len);
	copy[text.len] = '\0';
	*out = mapped;
	return inet_pton(AF_INET, copy, out->bytes + 12) == 1 ||
	       inet_pton(AF_INET6, copy, out->bytes) == 1;
}

/* "10.0.0.0/8": an address and how many of its bits count. */
static bool read_range(struct slice text, struct range *out)
{
	const char *slash = memchr(text.p, '/', text.len);
	const size_t len = slash != NULL ? (size_t)(slash - text.p) : text.len;
	const bool is_4 = memchr(text.p, ':', len) == NULL;
	int64_t bits;

	if (!read_address((struct slice){ text.p, len }, out))
		return false;
	if (slash == NULL)
		return true;
	if (!str_to_i64((struct slice){ slash + 1, text.len - len - 1 }, is_4 ? 32 : 128, &bits) ||
		bits < 0)
		return false;
	out->bits = (int)bits + (is_4 ? MAPPED_BITS : 0);
	return true;
}

static struct slice trimmed(struct slice text)
{
	while (text.len > 0 && (text.p[0] == ' ' || text.p[0] == '\t'))
		text = (struct slice){ text.p + 1, text.len - 1 };
	while (text.len > 0 && (text.p[text.len - 1] == ' ' || text.p[text.len - 1] == '\t'))
		text.len--;
	return text;
}

/* The next item of a list; *p is advanced. False at the end. */
static bool next_item(const char **p, struct slice *item)
{
	size_t len;

	if (*p == NULL)
		return false;
	len = strcspn(*p, ",");
	*item = trimmed((struct slice){ *p, len });
	*p = (*p)[len] == ',' ? *p + len + 1 : NULL;
	return true;
}

bool address_are_ranges(const char *list)
{
	struct slice item;
	struct range range;

	if (list[0] == '\0')
		return true;
	while (next_item(&list, &item))
		if (!read_range(item, &range))
			return false;
	return true;
}

static bool is_listed(const char *list, const struct range *address)
{
	struct slice item;
	struct range range;

	while (next_item(&list, &item))
		if (read_range(item, &range) && is_in(&range, address->bytes))
			return true;
	return false;
}

bool address_is_listed(const char *list, const char *address)
{
	struct range a;

	return read_address(slice_of(address), &a) && is_listed(list, &a);
}

/* Without a port: "192.0.2.1:1234", "[2001:db8::1]:1234", "[2001:db8::1]". */
static struct slice without_port(struct slice text)
{
	const char *end = memchr(text.p, ':', text.len);

	if (text.len > 0 && text.p[0] == '[') {
		end = memchr(text.p, ']', text.len);
		if (end == NULL)
			return text;
		return (struct slice){ text.p + 1, (size_t)(end - text.p) - 1 };
	}
	if (end != NULL && memchr(text.p, '.', (size_t)(end - text.p)) != NULL)
		return (struct slice){ text.p, (size_t)(end - text.p) };
	return text;
}

/* The last entry of the first *len bytes; *len is what is before it. False: there is none. */
static bool last_entry(const char *entries, size_t *len, struct slice *out)
{
	size_t begin = *len;

	if (*len == 0)
		return false;
	while (begin > 0 && entries[begin - 1] != ',')
		begin--;
	*out = without_port(trimmed((struct slice){ entries + begin, *len - begin }));
	*len = begin > 0 ? begin - 1 : 0;
	return true;
}

static bool is_mapped(const struct range *a)
{
	static const struct range mapped = { { [10] = 0xff, [11] = 0xff }, MAPPED_BITS };

	return is_in(&mapped, a->bytes);
}

static void write_address(const struct range *a, char text[static ADDRESS_TEXT_SIZE])
{
	if (is_mapped(a))
		(void)inet_ntop(AF_INET, a->bytes + 12, text, ADDRESS_TEXT_SIZE);
	else
		(void)inet_ntop(AF_INET6, a->bytes, text, ADDRESS_TEXT_SIZE);
}

const char *address_client(const char *proxies, const char *peer, const char *forwarded,
	char text[static ADDRESS_TEXT_SIZE])
{
	size_t len = forwarded != NULL ? strlen(forwarded) : 0;
	struct range hop;
	struct slice entry;

	if (!read_address(slice_of(peer), &hop) || !is_listed(proxies, &hop))
		return peer;
	write_address(&hop, text);
	while (last_entry(forwarded, &len, &entry) && read_address(entry, &hop)) {
		write_address(&hop, text);
		if (!is_listed(proxies, &hop))
			break;
	}
	return text;
}

const char *address_network(const char *address, char text[static ADDRESS_TEXT_SIZE])
{
	struct range a;

	if (!read_address(slice_of(address), &a))
		return address;
	if (!is_mapped(&a))
		memset(a.bytes + NETWORK_BYTES, 0, sizeof(a.bytes) - NETWORK_BYTES);
	write_address(&a, text);
	return text;
}
