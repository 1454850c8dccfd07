/* SPDX-License-Identifier: MIT */
#include "shop/people/session.h"

#include "ext/crypto.h"
#include "ext/db.h"
#include "shop/people/member.h"
#include "shop/people/service_token.h"
#include "shop/people/standing.h"
#include "shop/people/throttle.h"

#define REFRESH_LIFETIME_MS (30 * DAY_MS)
#define REFRESH_GRACE_MS    (60 * SECOND_MS)

/* clang-format off */
#define TOKEN_FIELDS                                                                           \
	FIELD(struct session, token),                                                          \
	FIELD(struct session, refresh_token),                                                  \
	FIELD(struct session, expires_in)
/* clang-format on */

const struct field session_fields[] = {
	TOKEN_FIELDS,
	OBJECT(struct session, user, user_member_fields, 0),
	FIELD_END,
};
const struct field session_refresh_fields[] = { TOKEN_FIELDS, FIELD_END };

const struct field sign_in_password_fields[] = {
	INPUT(struct sign_in, account, 1, 254, F_REQUIRED | F_OPAQUE),
	INPUT(struct sign_in, password, 1, 1024, F_REQUIRED | F_OPAQUE),
	FIELD_END,
};
const struct field sign_in_code_fields[] = {
	INPUT(struct sign_in, code, 1, 256, F_REQUIRED | F_OPAQUE),
	FIELD_END,
};
const struct field sign_in_refresh_fields[] = {
	INPUT(struct sign_in, refresh_token, 1, 256, F_REQUIRED | F_OPAQUE),
	FIELD_END,
};
const struct field sign_out_fields[] = {
	INPUT(struct sign_in, all, 0, 0, 0),
	FIELD_END,
};

/* Everything about a credential in one row: one round trip per request. */
static const struct field identity_fields[] = {
	FIELD(struct standing, user_id),
	FIELD(struct standing, permission_level),
	FIELD(struct standing, member_id),
	FIELD(struct standing, last_active_at),
	FIELD(struct standing, active_day),
	FIELD_END,
};

struct refresh_row {
	int64_t session_id, user_id;
	timestamp used_at;
};
static const struct field refresh_row_fields[] = {
	FIELD(struct refresh_row, session_id),
	FIELD(struct refresh_row, user_id),
	FIELD(struct refresh_row, used_at),
	FIELD_END,
};

static const char SQL_IDENTITY[] =
	"SELECT u.user_id, u.permission_level, m.member_id, m.last_active_at, m.active_day "
	"FROM sessions s JOIN users u ON u.user_id = s.user_id "
	"JOIN members m ON m.user_id = u.user_id "
	"WHERE s.session_id = ? AND s.user_id = ? AND s.ended_at IS NULL "
	"AND s.token_version = u.token_version AND u.deleted_at IS NULL";
/* The checked password must still be the user's: a concurrent change wins. */
static const char SQL_OPEN[] =
	"INSERT INTO sessions (user_id, token_version, created_at, expires_at) "
	"SELECT user_id, token_version, ?, ? FROM users "
	"WHERE user_id = ? AND deleted_at IS NULL AND (? IS NULL OR password_hash = ?)";
static const char SQL_ADD_REFRESH[] =
	"INSERT INTO refresh_tokens (token_sha256, session_id, created_at, expires_at) "
	"VALUES (?, ?, ?, ?)";
static const char SQL_USE_REFRESH[] =
	"UPDATE refresh_tokens SET used_at = ? "
	"WHERE token_sha256 = ? AND used_at IS NULL AND expires_at > ?";
static const char SQL_REFRESH_ROW[] =
	"SELECT r.session_id, s.user_id, r.used_at FROM refresh_tokens r "
	"JOIN sessions s ON s.session_id = r.session_id WHERE r.token_sha256 = ?";
static const char SQL_EXTEND[] =
	"UPDATE sessions s JOIN users u ON u.user_id = s.user_id SET s.expires_at = ? "
	"WHERE s.session_id = ? AND s.ended_at IS NULL AND s.token_version = u.token_version "
	"AND u.deleted_at IS NULL";
static const char SQL_END[] =
	"UPDATE sessions SET ended_at = ? WHERE session_id = ? AND ended_at IS NULL";
static const char SQL_PURGE_REFRESH[] =
	"DELETE FROM refresh_tokens WHERE expires_at < ? ORDER BY expires_at LIMIT ?";
static const char SQL_PURGE[] =
	"DELETE FROM sessions WHERE expires_at < ? ORDER BY expires_at LIMIT ?";

static enum err find_standing(struct ctx *c, const struct credential *cred, struct standing *row)
{
	struct standing_ticket ticket;
	bool found;

	if (standing_find(c, cred, &ticket, row))
		return OK;
	TRY(db_find(c, SQL_IDENTITY, ARGS(I64(cred->session_id), I64(cred->user_id)),
		identity_fields, row, &found));
	if (!found)
		return ERR_UNAUTHENTICATED;
	TRY(member_touch(c, row->member_id, &row->last_active_at, &row->active_day));
	standing_store(c, cred, &ticket, row);
	return OK;
}

enum err session_identify(struct ctx *c, const struct credential *cred)
{
	struct standing row;

	if (cred->token_sha256 != NULL)
		return service_token_identify(c, cred->token_sha256);
	TRY(find_standing(c, cred, &row));
	c->actor = (struct actor){ .kind = ACTOR_USER,
		.user_id = row.user_id,
		.member_id = row.member_id,
		.session_id = cred->session_id,
		.administrator = row.permission_level == LEVEL_ADMINISTRATOR };
	return OK;
}

static enum err end_tx(struct ctx *c, int64_t user_id, int64_t session_id)
{
	TRY(db_exec(c, SQL_END, ARGS(I64(c->now_ms), I64(session_id)), NULL));
	return standing_revoke_tx(c, user_id);
}

/* ---- opening ---- */

struct opening {
	int64_t user_id;
	const char *password_hash; /* NULL: sign-in without password */
	struct session *out;
};

static const char *first_token(struct ctx *c)
{
	unsigned char secret[32];

	crypto_random(secret, sizeof(secret));
	return base64url_encode(&c->arena, secret, sizeof(secret));
}

/*
 * A token's successor, derived from it with the shop's secret: a repeated refresh gets the same
 * one, though only hashes are stored.
 */
static const char *successor(struct ctx *c, const char *token)
{
	const char *text = arena_printf(&c->arena, "refresh token after %s", token);
	unsigned char mac[SHA256_LEN];

	crypto_hmac_sha256(slice_of(c->conf->jwt_secret), slice_of(text), mac);
	return base64url_encode(&c->arena, mac, sizeof(mac));
}

static enum err add_refresh_token_tx(struct ctx *c, const char *token, struct session *s)
{
	unsigned char sha256[SHA256_LEN];

	crypto_sha256(token, strlen(token), sha256);
	s->refresh_token = token;
	return db_exec(c, SQL_ADD_REFRESH,
		ARGS(BYTES(sha256, sizeof(sha256)), I64(s->session_id), I64(c->now_ms),
			I64(c->now_ms + REFRESH_LIFETIME_MS)),
		NULL);
}

static enum err open_tx(struct ctx *c, void *arg)
{
	const struct opening *x = arg;

	TRY(db_insert(c, SQL_OPEN,
		ARGS(I64(c->now_ms), I64(c->now_ms + REFRESH_LIFETIME_MS), I64(x->user_id),
			TEXT(x->password_hash), TEXT(x->password_hash)),
		&x->out->session_id));
	if (x->out->session_id == 0)
		return ERR_LOGIN_FAILED;
	TRY(add_refresh_token_tx(c, first_token(c), x->out));
	return user_get(c, x->user_id, &x->out->user);
}

static enum err check_and_open(
	struct ctx *c, const char *account, const char *password, struct session *out)
{
	struct user user = { 0 };
	bool found;

	TRY(user_find_account(c, account, &user, &found));
	/* for an unknown account a dummy check takes the same time */
	if (strlen(password) > PASSWORD_MAX)
		password = "";
	if (!password_verify(password, found ? user.password_hash : NULL))
		return ERR_LOGIN_FAILED;
	return db_tx(c, open_tx, &(struct opening){ user.user_id, user.password_hash, out });
}

enum err session_open_password(
	struct ctx *c, const struct sign_in *in, const char *address, struct session *out)
{
	struct throttle t;

	TRY(throttle_begin(c, &t, user_account_name(c, in->account), address));
	return throttle_end(c, &t, check_and_open(c, in->account, in->password, out));
}

enum err session_open_openid(struct ctx *c, const char *openid, struct session *out)
{
	int64_t user_id;

	TRY(user_of_openid(c, openid, &user_id));
	return db_tx(c, open_tx, &(struct opening){ user_id, NULL, out });
}

/* ---- refreshing ---- */

struct refreshing {
	const char *token;
	unsigned char sha256[SHA256_LEN];
	struct session *out;
	bool good;
};

/*
 * Is a used token repeated because its response was lost, or concurrently? Then it was used within
 * the last minute and its successor has not been used yet.
 */
static enum err is_repeated_tx(
	struct ctx *c, const struct refreshing *x, const struct refresh_row *used, bool *repeated)
{
	const char *next = successor(c, x->token);
	unsigned char sha256[SHA256_LEN];
	struct refresh_row row = { 0 };

	*repeated = false;
	if (used->used_at.ms <= c->now_ms - REFRESH_GRACE_MS)
		return OK;
	crypto_sha256(next, strlen(next), sha256);
	TRY(db_find(c, SQL_REFRESH_ROW, ARGS(BYTES(sha256, sizeof(sha256))), refresh_row_fields,
		&row, repeated));
	*repeated = *repeated && row.used_at.ms == 0 && row.session_id == used->session_id;
	if (*repeated)
		x->out->refresh_token = next;
	return OK;
}

/*
 * A refusal is also a change (reuse ends the session), so it commits; `good` has the result.
 */
static enum err refresh_tx(struct ctx *c, void *arg)
{
	struct refreshing *x = arg;
	const struct db_arg sha256 = BYTES(x->sha256, SHA256_LEN);
	struct refresh_row row = { 0 };
	int64_t used, alive;
	bool found, repeated = false;

	x->good = false;
	TRY(db_exec(c, SQL_USE_REFRESH, ARGS(I64(c->now_ms), sha256, I64(c->now_ms)), &used));
	TRY(db_find(c, SQL_REFRESH_ROW, ARGS(sha256), refresh_row_fields, &row, &found));
	if (!found)
		return OK;
	if (used != 1 && row.used_at.ms == 0)
		return OK; /* expired */
	if (used != 1)
		TRY(is_repeated_tx(c, x, &row, &repeated));
	if (used != 1 && !repeated) /* the token was copied: end the session for both */
		return end_tx(c, row.user_id, row.session_id);
	TRY(db_exec(c, SQL_EXTEND, ARGS(I64(c->now_ms + REFRESH_LIFETIME_MS), I64(row.session_id)),
		&alive));
	if (alive == 0)
		return OK;
	x->good = true;
	x->out->session_id = row.session_id;
	x->out->user.user_id = row.user_id;
	return repeated ? OK : add_refresh_token_tx(c, successor(c, x->token), x->out);
}

enum err session_refresh(struct ctx *c, const char *refresh_token, struct session *out)
{
	struct refreshing x = { .token = refresh_token, .out = out };

	crypto_sha256(refresh_token, strlen(refresh_token), x.sha256);
	TRY(db_tx(c, refresh_tx, &x));
	return x.good ? OK : ERR_REFRESH_INVALID;
}

static enum err sign_out_tx(struct ctx *c, void *arg)
{
	const bool all = *(const bool *)arg;

	return all ? user_end_sessions_tx(c, c->actor.user_id)
		   : end_tx(c, c->actor.user_id, c->actor.session_id);
}

enum err session_end(struct ctx *c, bool all)
{
	return db_tx(c, sign_out_tx, &all);
}

enum err session_purge(struct ctx *c, int64_t limit, int64_t *purged)
{
	int64_t tokens, sessions;

	TRY(db_exec(c, SQL_PURGE_REFRESH, ARGS(I64(c->now_ms), I64(limit)), &tokens));
	TRY(db_exec(c, SQL_PURGE, ARGS(I64(c->now_ms), I64(limit)), &sessions));
	*purged = tokens + sessions;
	return OK;
}
