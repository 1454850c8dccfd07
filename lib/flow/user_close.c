/* SPDX-License-Identifier: MIT */
#include "flow/user_close.h"

#include "base/log.h"
#include "ext/db.h"
#include "shop/membership/membership.h"
#include "shop/money/card.h"
#include "shop/money/payment.h"
#include "shop/people/user.h"
#include "shop/trade/order.h"

/* How long the request itself cancels and removes data; jobs do the rest. */
#define AT_ONCE_MS (2 * SECOND_MS)
/* For how long jobs skip a deletion that a request or a pass has just processed. */
#define HEAD_START_MS MINUTE_MS
/* How long a pass of jobs works on one user, a part of its share; the claim lasts longer (outbox.h). */
#define A_PASS_MS (20 * SECOND_MS)

/* All checks come first; what follows can't be refused any more. */
static enum err user_close_tx(struct ctx *c, void *arg)
{
	const int64_t id = *(const int64_t *)arg;

	TRY(user_lock_to_delete_tx(c, id));
	/* locked first, so that a concurrent payment, by card or otherwise, is visible */
	TRY(card_delete_of_user_tx(c, id));
	TRY(membership_user_close_tx(c, id));
	TRY(order_check_user_deletion_tx(c, id));
	TRY(outbox_put_tx(c, OUTBOX_ERASE_USER, id, c->now_ms + HEAD_START_MS));
	return user_delete_tx(c, id);
}

/* Cancel a deleted user's orders and remove personal data, until a time of clock_mono_ms(). */
static enum err erase_until(struct ctx *c, int64_t user_id, int64_t until_ms, bool *done)
{
	const struct arena_mark mark = arena_mark(&c->arena);
	struct order_walk at = { .before_ms = INT64_MAX, .more = true };
	int64_t after = 0;
	bool more = true;

	*done = false;
	while (at.more && clock_mono_ms() < until_ms) {
		TRY(order_erase_some(c, user_id, until_ms, &at));
		arena_rewind(&c->arena, mark);
	}
	while (!at.more && more && clock_mono_ms() < until_ms) {
		TRY(payment_erase_some(c, user_id, &after, &more));
		arena_rewind(&c->arena, mark);
	}
	*done = !at.more && !more && at.left == 0;
	return OK;
}

/* The same for a duration, after which nothing is retried. */
static enum err forget(struct ctx *c, int64_t user_id, int64_t patience_ms, bool *done)
{
	const int64_t deadline_ms = c->deadline_ms, until_ms = clock_mono_ms() + patience_ms;
	enum err e;

	c->deadline_ms = until_ms;
	e = erase_until(c, user_id, until_ms, done);
	c->deadline_ms = deadline_ms;
	if (e != OK || !*done)
		log_line(LOG_WARN, "leave", "user %lld: the rest is left to jobs",
			(long long)user_id);
	return e;
}

enum err user_close(struct ctx *c, int64_t user_id)
{
	bool done;

	TRY(db_tx(c, user_close_tx, &user_id));
	/* the user is deleted in any case; a failure of the rest is logged, and retried by jobs */
	if (forget(c, user_id, AT_ONCE_MS, &done) == OK && done)
		(void)!outbox_done(c, OUTBOX_ERASE_USER, user_id);
	return OK;
}

enum err user_close_rest(struct ctx *c, struct outbox *row, struct outbox_report *report)
{
	bool done;

	TRY(forget(c, row->ref_id, A_PASS_MS, &done));
	report->done += done;
	row->again_ms = done ? 0 : c->now_ms + HEAD_START_MS;
	return OK;
}
