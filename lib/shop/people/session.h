/* SPDX-License-Identifier: MIT */
/*
 * session.h - signing in, staying signed in, and being signed out at once.
 * Owns tables: sessions, refresh_tokens.
 *
 * An access token names a session; it is good while the session is neither ended nor
 * older than its user's token_version (BEHAVIOUR 3). Refresh tokens can't be guessed, are
 * stored as SHA-256, and used once; using one again ends the session (DESIGN.md 2), but for a
 * minute in which nobody has used its successor: then the answer was lost, or two came at once,
 * and the same successor is answered again.
 * Fails everywhere: DB, DB_LOST, BUSY.
 */
#ifndef SHOP_PEOPLE_SESSION_H
#define SHOP_PEOPLE_SESSION_H

#include "shop/people/user.h"

struct session {
	int64_t session_id;
	const char *token; /* filled in by the frame, which knows its form */
	const char *refresh_token;
	int64_t expires_in; /* s, of the access token */
	struct user user;
};
extern const struct field session_fields[];         /* sign-in's answer */
extern const struct field session_refresh_fields[]; /* refresh's answer: without the user */

/* What sign-in and refresh are asked. */
struct sign_in {
	uint64_t has;
	const char *account, *password, *code, *refresh_token;
	bool all;
};
extern const struct field sign_in_password_fields[], sign_in_code_fields[],
	sign_in_refresh_fields[], sign_out_fields[];

/* web's identify_fn: is the credential still good, and whose is it? Fails: UNAUTHENTICATED. */
enum err session_identify(struct ctx *c, const struct credential *cred) MUST;

/* Fails: LOGIN_FAILED, alike and equally slow for a wrong account and a wrong password. */
enum err session_open_password(
	struct ctx *c, const char *account, const char *password, struct session *out) MUST;
/* For a user whom WeChat vouched for. */
enum err session_open_openid(struct ctx *c, const char *openid, struct session *out) MUST;
/* Fails: REFRESH_INVALID. */
enum err session_refresh(struct ctx *c, const char *refresh_token, struct session *out) MUST;
/* End the actor's session, or all of its user's. */
enum err session_end(struct ctx *c, bool all) MUST;
/* Forget what expired; at most `limit` rows of each kind. */
enum err session_purge(struct ctx *c, int64_t limit, int64_t *purged) MUST;

#endif
