/* SPDX-License-Identifier: MIT */
/*
 * user.h - users: customers signing in with WeChat, staff with account and password.
 * Owns tables: users.
 * Memory: texts in out structs live in c->arena. Fails everywhere: DB, DB_LOST, BUSY.
 */
#ifndef SHOP_PEOPLE_USER_H
#define SHOP_PEOPLE_USER_H

#include "base/ctx.h"
#include "base/page.h"
#include "ext/sql.h"

#define LEVEL_USER          0
#define LEVEL_ADMINISTRATOR 1
enum permission_level { STORED(LEVEL_USER), STORED(LEVEL_ADMINISTRATOR) };

struct user {
	uint64_t has;
	int64_t user_id;
	const char *openid; /* NULL: staff who never used WeChat */
	const char *nickname, *avatar_url;
	opt_i64 gender; /* 0 unknown, 1 male, 2 female */
	const char *phone, *email;
	const char *phone_e164; /* the normal form (base/phone.h); NULL if another user has it */
	int64_t permission_level;
	timestamp created_at, updated_at;
	int64_t member_id;
	const char *password_hash;           /* rows only */
	const char *password, *old_password; /* input only */
};
extern const struct field user_fields[];        /* the contract's user object */
extern const struct field user_member_fields[]; /* with member_id, for sign-in and `me` */
extern const struct field user_admin_input[];   /* what an administrator may change */
extern const struct field user_self_input[];    /* what users may change themselves */

struct user_query {
	uint64_t has;
	int64_t permission_level;
	const char *q; /* part of the nickname, phone or e-mail */
	struct page page;
};
extern const struct field user_query_fields[];

enum err user_list(struct ctx *c, const struct user_query *q, struct page_rows *out) MUST;
/* The pattern of phone_e164 for numbers that begin with a searched one, in any spelling; NULL: q is none. */
const char *user_phone_pattern(struct ctx *c, const char *q) MUST;
/* Fails: NOT_FOUND. */
enum err user_get(struct ctx *c, int64_t id, struct user *out) MUST;

/*
 * Change the present members of `in` (of user_admin_input). A new role or password ends the user's
 * sessions. Fails: NOT_FOUND, PRECONDITION, EMAIL_TAKEN, PHONE_TAKEN, LAST_ADMINISTRATOR; BUSY (new_password.h).
 */
enum err user_update(struct ctx *c, int64_t id, const struct user *in) MUST;
/*
 * Change the actor's own user (of user_self_input). A new password needs the old one and ends
 * all sessions; address: the client's, NULL if unknown. Fails: PRECONDITION, PASSWORD_UNSET, EMAIL_TAKEN, PHONE_TAKEN;
 * PASSWORD_WRONG, RATE_LIMITED, BUSY (new_password.h).
 */
enum err user_update_self(
	struct ctx *c, const struct user *in, const char *address, struct user *out) MUST;
/* Lock a user who is about to be deleted (flow/user_close.h). Fails: NOT_FOUND, LAST_ADMINISTRATOR. */
enum err user_lock_to_delete_tx(struct ctx *c, int64_t id) MUST;
/* Soft-delete a locked user, close its member, and release openid, e-mail and phone; records keep the id. */
enum err user_delete_tx(struct ctx *c, int64_t id) MUST;

/*
 * In a transaction: keep a live user from being deleted until its end, on any node: the row
 * is locked and written (BEHAVIOUR 61). Fails: NOT_FOUND.
 */
enum err user_hold_tx(struct ctx *c, int64_t id) MUST;
/*
 * The same before the user places an order. *pending_most: with it, at most so many of the user's orders wait for payment,
 * probably fewer. Whoever then counts them says how many they really are, with the new one.
 */
enum err user_hold_to_order_tx(struct ctx *c, int64_t id, int64_t *pending_most) MUST;
enum err user_set_pending_tx(struct ctx *c, int64_t id, int64_t pending) MUST;

/* The same where the user may be deleted, which is permanent: *live. Fails: NOT_FOUND. */
enum err user_lock_tx(struct ctx *c, int64_t id, bool *live) MUST;

/* The user of a WeChat openid, created with its member at the first sign-in. */
enum err user_of_openid(struct ctx *c, const char *openid, int64_t *user_id) MUST;
/* One text for all spellings of an account's name, whether there is such an account or not. */
const char *user_account_name(struct ctx *c, const char *account);
/* By e-mail or phone, with password_hash; *found false: no such live account. */
enum err user_find_account(struct ctx *c, const char *account, struct user *out, bool *found) MUST;
/*
 * A customer whom the shop knows by phone or e-mail (one may be NULL; both valid), without a password.
 * Fails: EMAIL_TAKEN, PHONE_TAKEN.
 */
enum err user_create_customer_tx(struct ctx *c, const char *phone, const char *email,
	int64_t *user_id, int64_t *member_id) MUST;
bool user_is_email(const char *s);
/* For the command line. Fails: EMAIL_TAKEN, PHONE_TAKEN, INVALID naming account. */
enum err user_create_administrator(struct ctx *c, const char *account, const char *password,
	const char *nickname, int64_t *user_id) MUST;
/* End every session of a user. Fails: BUSY (standing.h). */
enum err user_end_sessions_tx(struct ctx *c, int64_t user_id) MUST;

#endif
