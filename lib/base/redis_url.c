/* SPDX-License-Identifier: MIT */
#include "base/redis_url.h"

#include "base/str.h"

enum { PORT = 6379, PORT_MAX = 65535, DB_MAX = 65535, HOST_MAX = 253, PATH_MAX_BYTES = 107 };

static const char BAD_SCHEME[] = "must begin with redis://, rediss:// or unix:///";
static const char BAD_CODE[] = "has a user, password or path that isn't percent-encoded UTF-8";
static const char BAD_USER[] =
	"has a user without a password: write :PASSWORD@ for a password alone";
static const char BAD_HOST[] = "has no valid host";
static const char BAD_PORT[] = "has a port that is not 1 to 65535";
static const char BAD_DB[] = "has a database that is not 0 to 65535";
static const char BAD_PATH[] = "has no socket's path of at most 107 bytes";
static const char BAD_QUERY[] = "has a query, which is only db, password and username of unix://";

/* What precedes `ch`, or all; *rest: what follows it, or "". */
static struct slice until(const char *text, int ch, const char **rest)
{
	const char *at = strchr(text, ch);

	*rest = at != NULL ? at + 1 : text + strlen(text);
	return (struct slice){ text, at != NULL ? (size_t)(at - text) : strlen(text) };
}

static const char *text_of(struct arena *a, struct slice s)
{
	return arena_dup(a, s.p, s.len);
}

static const char *read_db(struct slice digits, struct redis_url *out)
{
	return str_to_i64(digits, DB_MAX, &out->db) ? NULL : BAD_DB;
}

/* "USER:PASSWORD" or ":PASSWORD" */
static const char *read_user(struct arena *a, struct slice both, struct redis_url *out)
{
	const char *colon = memchr(both.p, ':', both.len);
	struct slice user, password;

	if (colon == NULL)
		return BAD_USER;
	user = (struct slice){ both.p, (size_t)(colon - both.p) };
	password = (struct slice){ colon + 1, both.len - user.len - 1 };
	out->user = user.len > 0 ? str_url_decode(a, user, false) : NULL;
	out->password = password.len > 0 ? str_url_decode(a, password, false) : NULL;
	if ((user.len > 0 && out->user == NULL) || (password.len > 0 && out->password == NULL))
		return BAD_CODE;
	return out->user != NULL && out->password == NULL ? BAD_USER : NULL;
}

/* "HOST", "HOST:PORT" or "[IPv6]:PORT" */
static const char *read_host(struct arena *a, const char *text, struct redis_url *out)
{
	const bool brackets = text[0] == '[';
	const char *port;
	struct slice host = until(brackets ? text + 1 : text, brackets ? ']' : ':', &port);

	if (brackets && (strchr(text, ']') == NULL || (port[0] != '\0' && *port++ != ':')))
		return BAD_HOST;
	out->host = text_of(a, host);
	if (host.len == 0 || host.len > HOST_MAX || strpbrk(out->host, "@%?#[] ") != NULL)
		return BAD_HOST;
	out->port = PORT;
	if (port[0] != '\0' &&
		(!str_to_i64(slice_of(port), PORT_MAX, &out->port) || out->port == 0))
		return BAD_PORT;
	return NULL;
}

static const char *read_server(struct arena *a, const char *text, struct redis_url *out)
{
	const char *db, *host, *why;
	const struct slice authority = until(text, '/', &db);
	const char *server = text_of(a, authority), *at = strrchr(server, '@');

	if (strpbrk(text, "?#") != NULL)
		return BAD_QUERY;
	host = at != NULL ? at + 1 : server;
	why = at != NULL ? read_user(a, (struct slice){ server, (size_t)(at - server) }, out)
			 : NULL;
	if (why == NULL)
		why = read_host(a, host, out);
	return why == NULL && db[0] != '\0' ? read_db(slice_of(db), out) : why;
}

static const char *read_option(struct arena *a, const char *option, struct redis_url *out)
{
	const char *value;
	const struct slice name = until(option, '=', &value);
	const char *decoded = str_url_decode(a, slice_of(value), false);

	if (slice_is(name, "db"))
		return read_db(slice_of(value), out);
	if (decoded == NULL || decoded[0] == '\0')
		return BAD_CODE;
	if (slice_is(name, "password"))
		out->password = decoded;
	else if (slice_is(name, "username"))
		out->user = decoded;
	else
		return BAD_QUERY;
	return NULL;
}

static const char *read_socket(struct arena *a, const char *text, struct redis_url *out)
{
	const char *query, *why = NULL;
	const struct slice path = until(text, '?', &query);

	out->socket = str_url_decode(a, path, false);
	if (out->socket == NULL)
		return BAD_CODE;
	if (out->socket[0] != '/' || strlen(out->socket) > PATH_MAX_BYTES)
		return BAD_PATH;
	while (why == NULL && query[0] != '\0')
		why = read_option(a, text_of(a, until(query, '&', &query)), out);
	return why == NULL && out->user != NULL && out->password == NULL ? BAD_USER : why;
}

const char *redis_url_read(struct arena *a, const char *url, struct redis_url *out)
{
	*out = (struct redis_url){ 0 };
	if (str_starts(url, "unix://"))
		return read_socket(a, url + strlen("unix://"), out);
	out->tls = str_starts(url, "rediss://");
	if (!out->tls && !str_starts(url, "redis://"))
		return BAD_SCHEME;
	return read_server(a, strstr(url, "//") + 2, out);
}
