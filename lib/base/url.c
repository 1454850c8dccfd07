/* SPDX-License-Identifier: MIT */
#include "base/url.h"

#include <string.h>
#include <strings.h>

enum { LABEL_MAX = 63, HOST_MAX = 253, PORT_MAX = 65535 };

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

/* ":443", or nothing. */
static bool is_port(const char *p, size_t len)
{
	long value = 0;

	if (len == 0)
		return true;
	if (p[0] != ':' || len < 2 || len > 6)
		return false;
	for (size_t i = 1; i < len; i++) {
		if (p[i] < '0' || p[i] > '9')
			return false;
		value = value * 10 + (p[i] - '0');
	}
	return value >= 1 && value <= PORT_MAX;
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

bool url_is_local(const char *s)
{
	return s[0] == '/' && s[1] != '/' && is_rest(s);
}
