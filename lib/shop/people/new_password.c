/* SPDX-License-Identifier: MIT */
#include "shop/people/new_password.h"

#include "ext/crypto.h"
#include "ext/turn.h"
#include "shop/people/throttle.h"

static const char TURN[] = "hashing";

enum err new_password(struct ctx *c, const char *password, const char **hash)
{
	AUTO(turn_end) struct turn turn;

	if (!turn_take(c->conf, TURN, &turn))
		return ERR_BUSY;
	return password_hash(&c->arena, password, hash);
}

static enum err check_and_hash(struct ctx *c, const struct password_change *x, const char **hash)
{
	if (!password_verify(x->old, x->old_hash))
		return fail(c, ERR_PASSWORD_WRONG, "old_password");
	return password_hash(&c->arena, x->new, hash);
}

enum err new_password_for_old(struct ctx *c, const struct password_change *x, const char **hash)
{
	AUTO(turn_end) struct turn turn;
	struct throttle t;

	if (!turn_take(c->conf, TURN, &turn))
		return ERR_BUSY;
	TRY(throttle_begin(c, &t, x->account, x->address));
	return throttle_end(c, &t, check_and_hash(c, x, hash));
}
