/* SPDX-License-Identifier: MIT */
#include "base/url.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/address.h"

enum { LABEL_MAX = 63, HOST_MAX = 253, PORT_MAX = 65535, PORTS_MAX = 8, HTTPS_PORT = 443 };

static const char DIGITS[] = "0123456789";
static const char HEX[] = "0123456789abcdefABCDEF";
static const char LABEL[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-";

/* Four numbers up to 255 without leading zeros (which some parsers take for octal). */
static bool is_ipv4(const char *host, size_t len)
{
	const char *p = host, *const end = host + len;

	for (int i = 0; i < 4; i++) {
		const size_t n = strspn(p, DIGITS);
		int value = 0;

		if (n < 1 || n > 3 || (n > 1 && p[0] == '0'))
			return false;
		for (size_t k = 0; k < n; k++)
			value = value * 10 + (p[k] - '0');
		p += n;
		if (value > 255 || (i < 3 && *p++ != '.'))
			return false;
	}
	return p == end;
}

/* Labels of letters, digits and inner hyphens, at least two; the last is not a number. */
static bool is_name(const char *host, size_t len)
{
	const char *p = host, *const end = host + len;
	size_t labels = 0, n = 0;

	if (len > HOST_MAX)
		return false;
	while (p < end) {
		n = strspn(p, LABEL);
		if (n < 1 || n > LABEL_MAX || p[0] == '-' || p[n - 1] == '-')
			return false;
		labels++;
		p += n;
		if (p < end && (*p++ != '.' || p == end))
			return false;
	}
	return labels >= 2 && strspn(end - n, DIGITS) < n;
}

/* 1 to PORT_MAX; 0: it is none. */
static long port_number(const char *digits, size_t len)
{
	long value = 0;

	if (len < 1 || len > 5)
		return 0;
	for (size_t i = 0; i < len; i++) {
		if (digits[i] < '0' || digits[i] > '9')
			return 0;
		value = value * 10 + (digits[i] - '0');
	}
	return value <= PORT_MAX ? value : 0;
}

/* ":443", or nothing. */
static bool is_port(const char *p, size_t len)
{
	return len == 0 || (p[0] == ':' && port_number(p + 1, len - 1) > 0);
}

/* Path, query and fragment: letters of other scripts need not be encoded. */
static bool is_rest(const char *p)
{
	for (; *p != '\0'; p++) {
		if ((unsigned char)*p <= 0x20 || *p == 0x7f || strchr("\"<>\\^`{|}", *p) != NULL)
			return false;
		if (*p == '%' && strspn(p + 1, HEX) < 2)
			return false;
	}
	return true;
}

/* What follows http:// or https://; NULL: neither. */
static const char *after_scheme(const char *s)
{
	if (strncasecmp(s, "https://", 8) == 0)
		return s + 8;
	return strncasecmp(s, "http://", 7) == 0 ? s + 7 : NULL;
}

bool url_is_web(const char *s)
{
	const char *host = after_scheme(s);
	size_t authority, len;

	if (host == NULL)
		return false;
	authority = strcspn(host, "/?#");
	len = strcspn(host, ":/?#");
	return (is_ipv4(host, len) || is_name(host, len)) && is_port(host + len, authority - len) &&
	       is_rest(host + authority);
}

bool url_is_loopback(const char *s)
{
	static const char *const hosts[] = { "127.0.0.1", "localhost", "[::1]" };
	const char *host = after_scheme(s);
	size_t authority = host != NULL ? strcspn(host, "/?#") : 0;

	for (size_t i = 0; i < ARRAY_LEN(hosts); i++) {
		size_t len = strlen(hosts[i]);

		if (authority >= len && strncmp(host, hosts[i], len) == 0 &&
			is_port(host + len, authority - len)) /* not "localhost:x@elsewhere" */
			return true;
	}
	return false;
}

/* The first port of a list, and the list after it. */
static long next_port(const char **ports)
{
	const size_t len = strcspn(*ports, ",");
	const long value = port_number(*ports, len);

	*ports += len;
	if (**ports == ',')
		++*ports;
	return value;
}

bool url_are_ports(const char *s)
{
	int n = 0;

	while (*s != '\0')
		if (next_port(&s) == 0 || ++n > PORTS_MAX)
			return false;
	return n > 0 && s[-1] != ',';
}

static bool is_listed(long port, const char *ports)
{
	while (*ports != '\0')
		if (next_port(&ports) == port)
			return true;
	return false;
}

/* A host that is an IPv4 address, and not a public one? */
static bool is_private_ipv4(const char *host, size_t len)
{
	struct sockaddr_in in = { .sin_family = AF_INET };
	char text[INET_ADDRSTRLEN];

	if (!is_ipv4(host, len))
		return false;
	snprintf(text, sizeof(text), "%.*s", (int)len, host);
	return inet_pton(AF_INET, text, &in.sin_addr) != 1 ||
	       !address_is_public((const struct sockaddr *)&in);
}

bool url_is_outside(const char *s, const char *ports)
{
	static const char scheme[] = "https://";
	const char *const host = s + sizeof(scheme) - 1;
	size_t authority, len;

	if (strncasecmp(s, scheme, sizeof(scheme) - 1) != 0 || !url_is_web(s))
		return false;
	authority = strcspn(host, "/?#");
	len = strcspn(host, ":/?#");
	return !is_private_ipv4(host, len) &&
	       is_listed(len == authority ? HTTPS_PORT
					  : port_number(host + len + 1, authority - len - 1),
		       ports);
}

bool url_is_https_on(const char *s, const char *hosts)
{
	const char *host = after_scheme(s);
	const size_t len = host != NULL ? strcspn(host, "/?#") : 0;

	if (!url_is_web(s) || strncasecmp(s, "https:", 6) != 0)
		return false;
	for (const char *p = hosts; *p != '\0';) {
		size_t n;

		p += strspn(p, ", ");
		n = strcspn(p, ", ");
		if (n > 0 && n == len && strncasecmp(p, host, n) == 0)
			return true;
		p += n;
	}
	return false;
}

bool url_is_local(const char *s)
{
	return s[0] == '/' && s[1] != '/' && is_rest(s);
}
