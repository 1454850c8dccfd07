/* SPDX-License-Identifier: MIT */
/*
 * standing.h - what identifying the holder of a token needs to know, cached in the shared state for at most a minute: for
 * session.c and user.c only.
 *
 * The key is the user, so that one invalidation reaches all of its sessions, also one that is just being opened. Whatever
 * ends a session or changes a user's role calls standing_revoke_tx in its transaction (tests/lint/cached.mjs), and fails
 * where that fails: no process goes by what is revoked, once that was acknowledged (BEHAVIOUR 3, DESIGN.md 2).
 */
#ifndef SHOP_PEOPLE_STANDING_H
#define SHOP_PEOPLE_STANDING_H

#include "ext/state.h"

struct standing {
	int64_t user_id, permission_level, member_id, last_active_at, active_day;
};

enum { STANDING_SESSIONS = 4 /* of a user; of more, the latest */ };
/* As cached: the sessions are those that were found to be valid, each until a time. */
struct standing_cached {
	int64_t permission_level, member_id, last_active_at, active_day;
	struct {
		int64_t session_id, until_ms;
	} sessions[STANDING_SESSIONS];
};
/* Between finding and storing. */
struct standing_ticket {
	struct state_ticket ticket;
	struct standing_cached kept; /* what was cached of the user; zero: nothing */
};

/*
 * False: it isn't cached of this session, or the member's time of activity is to be written; read the rows, and pass them
 * to standing_store with the ticket, which was taken before.
 */
bool standing_find(struct ctx *c, const struct credential *cred, struct standing_ticket *ticket,
	struct standing *out) MUST;
void standing_store(struct ctx *c, const struct credential *cred, struct standing_ticket *ticket,
	const struct standing *row);

/*
 * In the transaction that revokes, after its last lock (books/epoch.h): nothing is cached of the user any more, until it is
 * certainly over. Fails: BUSY.
 */
enum err standing_revoke_tx(struct ctx *c, int64_t user_id) MUST;

#endif
