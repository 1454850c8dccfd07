/* SPDX-License-Identifier: MIT */
#include "shop/people/service_token.h"

#include "ext/crypto.h"
#include "ext/db.h"
#include "shop/books/journal.h"

enum { TOKENS_MAX = 1000 };

const struct field service_token_fields[] = {
	FIELD(struct service_token, token_id),
	FIELD(struct service_token, name),
	FIELD(struct service_token, created_at),
	FIELD_WITH(struct service_token, revoked_at, .flags = F_NULL),
	FIELD_END,
};

static const char SQL_INSERT[] =
	"INSERT INTO service_tokens (name, token_sha256, created_at) VALUES (?, ?, ?)";
static const char SQL_LIST[] =
	"SELECT token_id, name, created_at, revoked_at FROM service_tokens "
	"ORDER BY token_id DESC LIMIT ?";
static const char SQL_REVOKE[] =
	"UPDATE service_tokens SET revoked_at = ? WHERE token_id = ? AND revoked_at IS NULL";
static const char SQL_IDENTIFY[] =
	"SELECT token_id FROM service_tokens WHERE token_sha256 = ? AND revoked_at IS NULL";

struct issuing {
	const char *name;
	unsigned char sha256[SHA256_LEN];
};

static enum err issue_tx(struct ctx *c, void *arg)
{
	const struct issuing *x = arg;
	int64_t id;

	TRY(db_insert(c, SQL_INSERT,
		ARGS(TEXT(x->name), BYTES(x->sha256, SHA256_LEN), I64(c->now_ms)), &id));
	return journal_add_tx(c, "service-token",
		arena_printf(&c->arena, "service_token %lld", (long long)id), x->name);
}

enum err service_token_issue(struct ctx *c, const char *name, const char **token)
{
	struct issuing x = { .name = name };
	unsigned char secret[32];
	const char *text;

	crypto_random(secret, sizeof(secret));
	text = arena_printf(
		&c->arena, "mms_%s", base64url_encode(&c->arena, secret, sizeof(secret)));
	crypto_sha256(text, strlen(text), x.sha256);
	TRY(db_tx(c, issue_tx, &x));
	*token = text;
	return OK;
}

enum err service_token_list(struct ctx *c, struct list *out)
{
	struct db_rows rows;

	TRY(db_all(c, SQL_LIST, ARGS(I64(TOKENS_MAX)), service_token_fields,
		sizeof(struct service_token), TOKENS_MAX, &rows));
	*out = rows.list;
	return OK;
}

static enum err revoke_tx(struct ctx *c, void *arg)
{
	const int64_t id = *(const int64_t *)arg;
	int64_t matched;

	TRY(db_exec(c, SQL_REVOKE, ARGS(I64(c->now_ms), I64(id)), &matched));
	if (matched == 0)
		return ERR_NOT_FOUND;
	return journal_add_tx(c, "service-token-revoked",
		arena_printf(&c->arena, "service_token %lld", (long long)id), NULL);
}

enum err service_token_revoke(struct ctx *c, int64_t token_id)
{
	return db_tx(c, revoke_tx, &token_id);
}

enum err service_token_identify(struct ctx *c, const unsigned char *token_sha256)
{
	int64_t id;

	TRY(db_int64(c, SQL_IDENTIFY, ARGS(BYTES(token_sha256, SHA256_LEN)), &id));
	if (id == 0)
		return ERR_UNAUTHENTICATED;
	c->actor = (struct actor){ .kind = ACTOR_SYSTEM, .token_id = id };
	return OK;
}
