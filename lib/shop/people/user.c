/* SPDX-License-Identifier: MIT */
#include "shop/people/user.h"

#include "base/phone.h"
#include "base/text.h"
#include "base/url.h"
#include "ext/crypto.h"
#include "ext/db.h"
#include "ext/entity.h"
#include "shop/books/guard.h"
#include "shop/books/journal.h"
#include "shop/people/member.h"
#include "shop/people/new_password.h"
#include "shop/people/standing.h"

bool user_is_email(const char *s)
{
	const char *at = strchr(s, '@');

	if (at == NULL || at == s || strchr(at + 1, '@') != NULL || at[1] == '\0' || at[1] == '.')
		return false;
	for (const char *p = s; *p != '\0'; p++)
		if (*p <= 0x20 || *p > 0x7e || strchr("<>()[],;:\\\"", *p) != NULL)
			return false;
	return strchr(at, '.') != NULL && s[strlen(s) - 1] != '.';
}

/* the limit is in bytes, as hashed, not characters */
static bool is_password(const char *s)
{
	return strlen(s) <= PASSWORD_MAX;
}

/* clang-format off */
#define USER_FIELDS                                                                            \
	FIELD(struct user, user_id),                                                           \
	FIELD_WITH(struct user, openid, .flags = F_NULL),                                      \
	FIELD(struct user, nickname),                                                          \
	FIELD_WITH(struct user, avatar_url, .flags = F_NULL),                                  \
	FIELD_WITH(struct user, gender, .flags = F_NULL),                                      \
	FIELD_WITH(struct user, phone, .flags = F_NULL),                                       \
	FIELD_WITH(struct user, email, .flags = F_NULL),                                       \
	FIELD(struct user, permission_level),                                                  \
	FIELD(struct user, created_at),                                                        \
	FIELD(struct user, updated_at),                                                        \
	FIELD_WITH(struct user, phone_e164, .flags = F_HIDDEN),                                \
	FIELD_WITH(struct user, password_hash, .flags = F_HIDDEN)

#define CONTACT_INPUT                                                                          \
	INPUT(struct user, nickname, 1, 100, 0),                                               \
	INPUT(struct user, avatar_url, 1, 500, F_NULL, .valid = url_is_web,                    \
		.format = "uri"),                                                              \
	INPUT(struct user, gender, 0, 2, F_NULL),                                              \
	INPUT(struct user, phone, 5, PHONE_TEXT_MAX, F_NULL | F_PACK,                          \
		.valid = phone_is_number),                                                     \
	INPUT(struct user, email, 3, 254, F_NULL | F_LOWER, .valid = user_is_email,                 \
		.format = "email"),                                                            \
	INPUT(struct user, password, PASSWORD_MIN, PASSWORD_MAX, F_OPAQUE,                     \
		.valid = is_password, .format = "password")
/* clang-format on */

const struct field user_fields[] = { USER_FIELDS, FIELD_END };
const struct field user_member_fields[] = {
	USER_FIELDS,
	FIELD(struct user, member_id),
	FIELD_END,
};
const struct field user_admin_input[] = {
	CONTACT_INPUT,
	INPUT(struct user, permission_level, LEVEL_USER, LEVEL_ADMINISTRATOR, 0),
	FIELD_END,
};
const struct field user_self_input[] = {
	CONTACT_INPUT,
	INPUT(struct user, old_password, 1, PASSWORD_MAX, F_OPAQUE, .valid = is_password,
		.format = "password"),
	FIELD_END,
};

const struct field user_query_fields[] = {
	INPUT(struct user_query, permission_level, LEVEL_USER, LEVEL_ADMINISTRATOR, 0),
	INPUT(struct user_query, q, 1, 100, F_TRIM | F_OPAQUE),
	FIELD_END,
};

#define COLUMNS                                                                                    \
	"u.user_id, u.openid, u.nickname, u.avatar_url, u.gender, u.phone, u.email, "              \
	"u.permission_level, u.created_at, u.updated_at"
/* phone and e-mail are ASCII columns: converted, since a Chinese pattern would be a collation error */
#define LIST_BY(index, where)                                                                      \
	"SELECT " COLUMNS " FROM users u FORCE INDEX (" index ") WHERE " where                     \
	" u.deleted_at IS NULL AND u.user_id < ? AND (? IS NULL OR u.nickname LIKE ? "             \
	"OR CONVERT(u.phone USING utf8mb4) LIKE ? OR CONVERT(u.email USING utf8mb4) LIKE ? "       \
	"OR u.phone_e164 LIKE ?) "                                                                 \
	"ORDER BY u.user_id DESC LIMIT ?"
static const char SQL_LIST[] = LIST_BY("PRIMARY", "");
static const char SQL_LIST_LEVEL[] = LIST_BY("by_level", "u.permission_level = ? AND");

static const char SQL_GET[] =
	"SELECT " COLUMNS
	", m.member_id FROM users u LEFT JOIN members m ON m.user_id = u.user_id "
	"WHERE u.user_id = ? AND u.deleted_at IS NULL";
static const char SQL_LOCK[] = "SELECT " COLUMNS
			       ", u.phone_e164, u.password_hash FROM users u "
			       "WHERE u.user_id = ? AND u.deleted_at IS NULL FOR UPDATE";
/* written, which also locks: on Galera a lock alone is not enough */
static const char SQL_HOLD[] =
	"UPDATE users SET holds = holds + 1 WHERE user_id = ? AND deleted_at IS NULL";
/* LAST_INSERT_ID() of a value returns that with the answer to the UPDATE */
static const char SQL_HOLD_TO_ORDER[] =
	"UPDATE users SET holds = holds + 1, pending_most = LAST_INSERT_ID(pending_most + 1) "
	"WHERE user_id = ? AND deleted_at IS NULL";
static const char SQL_SET_PENDING[] = "UPDATE users SET pending_most = ? WHERE user_id = ?";
static const char SQL_EXISTS[] = "SELECT user_id FROM users WHERE user_id = ?";
static const char SQL_LEVEL[] =
	"SELECT permission_level FROM users WHERE user_id = ? AND deleted_at IS NULL";
static const char SQL_SECRET[] =
	"SELECT u.user_id, u.email, u.phone_e164, u.password_hash FROM users u "
	"WHERE u.user_id = ? AND u.deleted_at IS NULL";
static const char SQL_BY_OPENID[] = "SELECT user_id FROM users WHERE openid = ?";
static const char SQL_BY_EMAIL[] =
	"SELECT " COLUMNS ", u.password_hash FROM users u WHERE u.email = ?";
static const char SQL_BY_PHONE[] =
	"SELECT " COLUMNS ", u.password_hash FROM users u WHERE u.phone_e164 = ?";
/* with their guard held: concurrent demotions wait for it */
static const char SQL_OTHER_ADMINISTRATOR[] =
	"SELECT u.user_id FROM users u FORCE INDEX (by_level) "
	"WHERE u.permission_level = " SQL(LEVEL_ADMINISTRATOR) " AND u.deleted_at IS NULL "
	"AND u.user_id <> ? LIMIT 1";
/* clang-format off */
/* what is kept of a user and may change */
#define USER_ROW(X)                                                                            \
	X(nickname) X(avatar_url) X(gender) X(phone) X(phone_e164) X(email) X(password_hash)   \
	X(permission_level)
/* clang-format on */
static const char SQL_INSERT[] =
	"INSERT INTO users (openid, " USER_ROW(SQL_NAME) "created_at, updated_at) "
	"VALUES (?, " USER_ROW(SQL_MARK) "?, ?)";
static const char SQL_UPDATE[] =
	"UPDATE users SET " USER_ROW(SQL_SET) "token_version = token_version + ?, updated_at = ? "
	"WHERE user_id = ? AND deleted_at IS NULL";
static const char SQL_DELETE[] =
	"UPDATE users "
	"SET openid = NULL, phone = NULL, phone_e164 = NULL, email = NULL, password_hash = NULL, "
	"nickname = '已注销用户', avatar_url = NULL, gender = NULL, permission_level "
	"= " SQL(LEVEL_USER) ", token_version = token_version + 1, updated_at = ?, deleted_at = "
	"? WHERE user_id = ? AND deleted_at IS NULL";
static const char SQL_END_SESSIONS[] =
	"UPDATE users SET token_version = token_version + 1 WHERE user_id = ?";

static const struct db_listed listed = DB_LISTED(user_fields, struct user, user_id);

/* The normal form for comparison; NULL if invalid. */
static const char *normal_phone(struct ctx *c, const char *phone)
{
	char e164[PHONE_E164_SIZE];

	return phone != NULL && phone_e164(phone, e164) ? arena_printf(&c->arena, "%s", e164)
							: NULL;
}

/* An account name; both NULL: it is neither. */
struct account {
	const char *email, *phone; /* normalised like input: lower case, without blanks */
};

static struct account account_of(struct ctx *c, const char *text)
{
	const bool email = strchr(text, '@') != NULL;
	struct account out = { 0 };
	char *copy = arena_alloc(&c->arena, strlen(text) + 1), *to = copy;

	for (const char *p = text; *p != '\0'; p++)
		if (email || *p != ' ')
			*to++ = email && *p >= 'A' && *p <= 'Z' ? (char)(*p + 32) : *p;
	*to = '\0';
	if (email && user_is_email(copy) && strlen(copy) <= 254)
		out.email = copy;
	if (!email && phone_is_number(copy))
		out.phone = copy;
	return out;
}

const char *user_phone_pattern(struct ctx *c, const char *q)
{
	const char *e164 = q != NULL ? normal_phone(c, account_of(c, q).phone) : NULL;

	return e164 != NULL ? arena_printf(&c->arena, "%s%%", e164) : NULL;
}

enum err user_list(struct ctx *c, const struct user_query *q, struct page_rows *out)
{
	const struct db_arg like = TEXT(db_like(c, q->q)),
			    phone = TEXT(user_phone_pattern(c, q->q)),
			    after = I64(q->page.after[0]), n = I64(q->page.limit + 1);

	if (field_has(user_query_fields, q, "permission_level"))
		return db_page(c, SQL_LIST_LEVEL,
			ARGS(I64(q->permission_level), after, like, like, like, like, phone, n),
			&listed, q->page.limit, out);
	return db_page(c, SQL_LIST, ARGS(after, like, like, like, like, phone, n), &listed,
		q->page.limit, out);
}

enum err user_get(struct ctx *c, int64_t id, struct user *out)
{
	return db_one(c, SQL_GET, ARGS(I64(id)), user_member_fields, out);
}

/* ---- changes ---- */

struct change {
	int64_t id;
	const struct field *fields; /* user_admin_input or user_self_input */
	const struct user *in;
	const char *password_hash; /* of in->password, hashed before the transaction; or NULL */
	const char *checked_hash;  /* the hash that old_password was checked against; NULL: none */
};

/* A duplicate key as the caller's fault. */
static enum err taken(struct ctx *c, enum err e)
{
	if (e == ERR_DUPLICATE && db_duplicate_of(c, "email"))
		return fail(c, ERR_EMAIL_TAKEN, "email");
	if (e == ERR_DUPLICATE && db_duplicate_of(c, "phone_e164"))
		return fail(c, ERR_PHONE_TAKEN, "phone");
	return e;
}

/*
 * Before anything is locked: would the shop have no administrator left? *is_one: the user is
 * one; this may change until the user is locked.
 */
static enum err keep_one_administrator_tx(struct ctx *c, int64_t leaving, bool *is_one)
{
	int64_t level, another;

	TRY(db_int64(c, SQL_LEVEL, ARGS(I64(leaving)), &level));
	*is_one = level == LEVEL_ADMINISTRATOR;
	if (!*is_one)
		return OK;
	TRY(guard_tx(c, GUARD_ADMINISTRATORS));
	TRY(db_int64(c, SQL_OTHER_ADMINISTRATOR, ARGS(I64(leaving)), &another));
	return another != 0 ? OK : fail(c, ERR_LAST_ADMINISTRATOR, NULL);
}

/* Lock a user who may stop being an administrator; the administrators' guard comes first. */
static enum err lock_for_deletion_tx(struct ctx *c, int64_t id, struct user *row)
{
	bool is_one;

	TRY(keep_one_administrator_tx(c, id, &is_one));
	TRY(db_one(c, SQL_LOCK, ARGS(I64(id)), user_fields, row));
	return row->permission_level == LEVEL_ADMINISTRATOR && !is_one ? db_retry(c) : OK;
}

static enum err write_user_tx(struct ctx *c, const struct user *row, bool end_sessions)
{
	TRY(taken(c, db_exec_one(c, SQL_UPDATE,
			     ARGS(USER_ROW(ROW_VALUE) I64(end_sessions), I64(c->now_ms),
				     I64(row->user_id)))));
	return end_sessions ? standing_revoke_tx(c, row->user_id) : OK;
}

/* Does a locked user match the request's If-Match, as shown by the GET of that route? */
static enum err check_unchanged_tx(struct ctx *c, const struct change *x)
{
	struct user now = { 0 };

	if (c->if_match == NULL)
		return OK;
	TRY(user_get(c, x->id, &now));
	return entity_unchanged(
		c, x->fields == user_admin_input ? user_fields : user_member_fields, &now);
}

static enum err update_tx(struct ctx *c, void *arg)
{
	const struct change *x = arg;
	const bool role =
		x->fields == user_admin_input && field_has(x->fields, x->in, "permission_level");
	const char *subject = arena_printf(&c->arena, "user %lld", (long long)x->id);
	struct user row = { 0 };
	bool new_role;

	if (role && x->in->permission_level == LEVEL_USER)
		TRY(lock_for_deletion_tx(c, x->id, &row));
	else
		TRY(db_one(c, SQL_LOCK, ARGS(I64(x->id)), user_fields, &row));
	TRY(check_unchanged_tx(c, x));
	if (x->checked_hash != NULL &&
		(row.password_hash == NULL || strcmp(row.password_hash, x->checked_hash) != 0))
		return fail(c, ERR_PASSWORD_WRONG, "old_password");
	new_role = role && row.permission_level != x->in->permission_level;
	field_merge(x->fields, &row, x->in);
	if (field_has(x->fields, x->in, "phone"))
		row.phone_e164 = normal_phone(c, row.phone);
	if (x->password_hash != NULL)
		row.password_hash = x->password_hash;
	if (new_role)
		TRY(journal_add_tx(c, "role", subject,
			row.permission_level == LEVEL_ADMINISTRATOR ? "administrator" : "user"));
	if (x->password_hash != NULL)
		TRY(journal_add_tx(c, "password", subject, NULL));
	return write_user_tx(c, &row, new_role || x->password_hash != NULL);
}

enum err user_update(struct ctx *c, int64_t id, const struct user *in)
{
	struct change x = { .id = id, .fields = user_admin_input, .in = in };

	if (field_has(user_admin_input, in, "password"))
		TRY(new_password(c, in->password, &x.password_hash));
	return db_tx(c, update_tx, &x);
}

/* What sign-in counts wrong passwords of a user by, who may have no such name: then a text that nobody can send. */
static const char *account_name(struct ctx *c, const struct user *u)
{
	if (u->email != NULL)
		return u->email;
	return u->phone_e164 != NULL ? u->phone_e164
				     : arena_printf(&c->arena, "\xff%lld", (long long)u->user_id);
}

/* Check the old password and hash the new one, before the transaction. */
static enum err replace_password(struct ctx *c, struct change *x, const char *address)
{
	struct user now = { 0 };

	TRY(db_one(c, SQL_SECRET, ARGS(I64(x->id)), user_fields, &now));
	if (now.password_hash == NULL)
		return fail(c, ERR_PASSWORD_UNSET, "password");
	if (!field_has(user_self_input, x->in, "old_password"))
		return fail(c, ERR_INVALID, "old_password");
	x->checked_hash = now.password_hash;
	return new_password_for_old(c,
		&(struct password_change){ .account = account_name(c, &now),
			.address = address,
			.old_hash = now.password_hash,
			.old = x->in->old_password,
			.new = x->in->password },
		&x->password_hash);
}

enum err user_update_self(
	struct ctx *c, const struct user *in, const char *address, struct user *out)
{
	struct change x = { .id = c->actor.user_id, .fields = user_self_input, .in = in };

	if (field_has(user_self_input, in, "password"))
		TRY(replace_password(c, &x, address));
	TRY(db_tx(c, update_tx, &x));
	return user_get(c, x.id, out);
}

enum err user_hold_tx(struct ctx *c, int64_t id)
{
	int64_t matched;

	TRY(db_exec(c, SQL_HOLD, ARGS(I64(id)), &matched));
	return matched == 1 ? OK : ERR_NOT_FOUND;
}

enum err user_hold_to_order_tx(struct ctx *c, int64_t id, int64_t *pending_most)
{
	TRY(db_insert(c, SQL_HOLD_TO_ORDER, ARGS(I64(id)), pending_most));
	return *pending_most > 0 ? OK : ERR_NOT_FOUND;
}

enum err user_set_pending_tx(struct ctx *c, int64_t id, int64_t pending)
{
	return db_exec_one(c, SQL_SET_PENDING, ARGS(I64(pending), I64(id)));
}

/* A deleted user never comes back, and needs no lock. */
enum err user_lock_tx(struct ctx *c, int64_t id, bool *live)
{
	const enum err e = user_hold_tx(c, id);
	int64_t gone;

	*live = e == OK;
	if (e != ERR_NOT_FOUND)
		return e;
	TRY(db_int64(c, SQL_EXISTS, ARGS(I64(id)), &gone));
	return gone != 0 ? OK : ERR_NOT_FOUND;
}

enum err user_lock_to_delete_tx(struct ctx *c, int64_t id)
{
	struct user row = { 0 };

	return lock_for_deletion_tx(c, id, &row);
}

enum err user_delete_tx(struct ctx *c, int64_t id)
{
	TRY(journal_add_tx(c, "delete", arena_printf(&c->arena, "user %lld", (long long)id), NULL));
	TRY(member_close_tx(c, id));
	TRY(db_exec_one(c, SQL_DELETE, ARGS(I64(c->now_ms), I64(c->now_ms), I64(id))));
	return standing_revoke_tx(c, id);
}

enum err user_end_sessions_tx(struct ctx *c, int64_t user_id)
{
	TRY(db_exec(c, SQL_END_SESSIONS, ARGS(I64(user_id)), NULL));
	return standing_revoke_tx(c, user_id);
}

/* ---- creating ---- */

static enum err create_tx(struct ctx *c, void *arg)
{
	struct user *row = arg;

	row->phone_e164 = normal_phone(c, row->phone);
	TRY(db_insert(c, SQL_INSERT,
		ARGS(TEXT(row->openid), USER_ROW(ROW_VALUE) I64(c->now_ms), I64(c->now_ms)),
		&row->user_id));
	return member_create_tx(c, row->user_id, &row->member_id);
}

enum err user_of_openid(struct ctx *c, const char *openid, int64_t *user_id)
{
	struct user x = { .openid = openid, .nickname = "微信用户" };
	enum err e;

	TRY(db_int64(c, SQL_BY_OPENID, ARGS(TEXT(openid)), user_id));
	if (*user_id != 0)
		return OK;
	e = db_tx(c, create_tx, &x);
	if (e == ERR_DUPLICATE && db_duplicate_of(c, "openid")) {
		/* created concurrently (BEHAVIOUR 7) */
		TRY(db_int64(c, SQL_BY_OPENID, ARGS(TEXT(openid)), user_id));
		return *user_id != 0 ? OK : ERR_BUSY;
	}
	*user_id = x.user_id;
	return e;
}

enum err user_create_customer_tx(
	struct ctx *c, const char *phone, const char *email, int64_t *user_id, int64_t *member_id)
{
	struct user x = { .nickname = "会员", .phone = phone, .email = email };

	TRY(taken(c, create_tx(c, &x)));
	*user_id = x.user_id;
	*member_id = x.member_id;
	return OK;
}

const char *user_account_name(struct ctx *c, const char *account)
{
	const struct account a = account_of(c, account);
	const char *phone = normal_phone(c, a.phone);

	return a.email != NULL ? a.email : phone != NULL ? phone : account;
}

enum err user_find_account(struct ctx *c, const char *account, struct user *out, bool *found)
{
	const struct account a = account_of(c, account);

	*found = false;
	if (a.email != NULL)
		return db_find(c, SQL_BY_EMAIL, ARGS(TEXT(a.email)), user_fields, out, found);
	if (a.phone != NULL)
		return db_find(c, SQL_BY_PHONE, ARGS(TEXT(normal_phone(c, a.phone))), user_fields,
			out, found);
	return OK;
}

enum err user_create_administrator(struct ctx *c, const char *account, const char *password,
	const char *nickname, int64_t *user_id)
{
	struct user x = { .nickname = nickname, .permission_level = LEVEL_ADMINISTRATOR };
	const int64_t nickname_len = utf8_count(nickname, strlen(nickname));
	const struct account a = account_of(c, account);

	if (a.email == NULL && a.phone == NULL)
		return fail(c, ERR_INVALID, "account");
	if (utf8_count(password, strlen(password)) < PASSWORD_MIN || !is_password(password))
		return fail(c, ERR_INVALID, "password");
	if (nickname_len < 1 || nickname_len > 100 || !text_is_line(nickname))
		return fail(c, ERR_INVALID, "nickname");
	x.email = a.email;
	x.phone = a.phone;
	TRY(password_hash(&c->arena, password, &x.password_hash));
	TRY(taken(c, db_tx(c, create_tx, &x)));
	*user_id = x.user_id;
	return OK;
}
