/* SPDX-License-Identifier: MIT */
#include "shop/money/certificate.h"

#include <ctype.h>

#include "ext/db.h"

#define REFRESH_MS  (6 * HOUR_MS)
#define AT_LEAST_MS (5 * MINUTE_MS)
#define KEPT_MS     DAY_MS

enum { SERIAL_MAX = 64 };

/* clang-format off */
#define CERTIFICATE_ROW(X) X(nonce) X(associated_data) X(ciphertext) X(effective_at) X(expires_at)

#define CERTIFICATE_FIELD(m) FIELD(struct sealed_certificate, m),
static const struct field certificate_fields[] = {
	FIELD(struct sealed_certificate, serial),
	CERTIFICATE_ROW(CERTIFICATE_FIELD)
	FIELD_END,
};
/* clang-format on */

#define COLUMNS CERTIFICATE_ROW(SQL_NAME) "serial"
static const char SQL_FIND[] = "SELECT " COLUMNS " FROM platform_certificates WHERE serial = ?";
static const char SQL_NEWEST[] = "SELECT " COLUMNS
				 " FROM platform_certificates "
				 "WHERE effective_at <= ? AND expires_at > ? "
				 "ORDER BY expires_at DESC LIMIT 1";
static const char SQL_PUT[] =
	"INSERT INTO platform_certificates (" CERTIFICATE_ROW(SQL_NAME) "serial, created_at, "
	"updated_at) VALUES (" CERTIFICATE_ROW(SQL_MARK) "?, ?, ?) "
	"ON DUPLICATE KEY UPDATE " CERTIFICATE_ROW(SQL_REPLACE) "updated_at = VALUES(updated_at)";
static const char SQL_PURGE[] = "DELETE FROM platform_certificates WHERE expires_at < ?";
static const char SQL_REQUEST_REFRESH[] =
	"UPDATE certificate_refresh SET due_at = LEAST(due_at, GREATEST(?, tried_at + ?)) "
	"WHERE id = 1";
static const char SQL_CLAIM[] =
	"UPDATE certificate_refresh SET tried_at = ?, due_at = ? WHERE id = 1 AND due_at <= ?";
static const char SQL_FAILED[] = "UPDATE certificate_refresh SET due_at = ? WHERE id = 1";

/* Serials are stored in upper case. NULL: not a valid serial. */
static const char *clean(struct ctx *c, const char *serial)
{
	char *copy;

	if (!str_is_id(serial, SERIAL_MAX))
		return NULL;
	copy = arena_dup(&c->arena, serial, strlen(serial));
	for (char *p = copy; *p != '\0'; p++)
		*p = (char)toupper((unsigned char)*p);
	return copy;
}

enum err certificate_find(
	struct ctx *c, const char *serial, struct sealed_certificate *out, bool *found)
{
	const char *key = clean(c, serial);

	*found = false;
	if (key == NULL)
		return OK;
	return db_find(c, SQL_FIND, ARGS(TEXT(key)), certificate_fields, out, found);
}

enum err certificate_newest(struct ctx *c, struct sealed_certificate *out, bool *found)
{
	return db_find(c, SQL_NEWEST, ARGS(I64(c->now_ms), I64(c->now_ms)), certificate_fields, out,
		found);
}

enum err certificate_put(struct ctx *c, const struct sealed_certificate *row)
{
	const char *key = clean(c, row->serial);

	if (key == NULL)
		return ERR_INVALID;
	return db_exec(c, SQL_PUT,
		ARGS(CERTIFICATE_ROW(ROW_VALUE) TEXT(key), I64(c->now_ms), I64(c->now_ms)), NULL);
}

enum err certificate_purge(struct ctx *c)
{
	return db_exec(c, SQL_PURGE, ARGS(I64(c->now_ms - KEPT_MS)), NULL);
}

enum err certificate_request_refresh(struct ctx *c)
{
	return db_exec(c, SQL_REQUEST_REFRESH, ARGS(I64(c->now_ms), I64(AT_LEAST_MS)), NULL);
}

enum err certificate_claim_refresh(struct ctx *c, bool *mine)
{
	const struct db_arg now = I64(c->now_ms);
	int64_t matched;

	TRY(db_exec(c, SQL_CLAIM, ARGS(now, I64(c->now_ms + REFRESH_MS), now), &matched));
	*mine = matched == 1;
	return OK;
}

enum err certificate_refresh_failed(struct ctx *c)
{
	return db_exec(c, SQL_FAILED, ARGS(I64(c->now_ms + AT_LEAST_MS)), NULL);
}
