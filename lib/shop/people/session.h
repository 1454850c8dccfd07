/* SPDX-License-Identifier: MIT */
/*
 * session.h - sessions: sign-in, refresh, and immediate sign-out.
 * Owns tables: sessions, refresh_tokens.
 *
 * An access token names a session; it is valid while the session is neither ended nor
 * older than its user's token_version (BEHAVIOUR 3). Refresh tokens can't be guessed, are
 * stored as SHA-256, and used once; reuse ends the session (DESIGN.md 2), except within a
 * minute while its successor is unused: then the response was lost, or the requests were
 * concurrent, and the same successor is returned again.
 * Fails everywhere: DB, DB_LOST, BUSY.
 */
#ifndef SHOP_PEOPLE_SESSION_H
#define SHOP_PEOPLE_SESSION_H

#include "shop/people/user.h"

struct session {
	int64_t session_id;
	const char *token; /* filled in by the frame, which knows its format */
	const char *refresh_token;
	int64_t expires_in; /* s, of the access token */
	struct user user;
};
extern const struct field session_fields[];         /* the response to sign-in */
extern const struct field session_refresh_fields[]; /* the response to refresh: without the user */

/* The bodies of sign-in and refresh. */
struct sign_in {
	uint64_t has;
	const char *account, *password, *code, *refresh_token;
	bool all;
};
extern const struct field sign_in_password_fields[], sign_in_code_fields[],
	sign_in_refresh_fields[], sign_out_fields[];

/* web's identify_fn: check a credential and identify its user. Fails: UNAUTHENTICATED. */
enum err session_identify(struct ctx *c, const struct credential *cred) MUST;

/*
 * address: the client's, NULL if unknown. Fails: LOGIN_FAILED, the same and equally slow for an unknown account and a
 * wrong password; RATE_LIMITED, before any of it, after too many of those (throttle.h).
 */
enum err session_open_password(
	struct ctx *c, const struct sign_in *in, const char *address, struct session *out) MUST;
/* For a user authenticated by WeChat. */
enum err session_open_openid(struct ctx *c, const char *openid, struct session *out) MUST;
/* Fails: REFRESH_INVALID. */
enum err session_refresh(struct ctx *c, const char *refresh_token, struct session *out) MUST;
/* End the actor's session, or all of the user's. */
enum err session_end(struct ctx *c, bool all) MUST;
/* Delete what expired; at most `limit` rows of each kind. */
enum err session_purge(struct ctx *c, int64_t limit, int64_t *purged) MUST;

#endif
