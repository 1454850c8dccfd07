/* SPDX-License-Identifier: MIT */
#include "shop/loyalty/reward.h"

#include "shop/people/member.h"

#define FEN_PER_YUAN 100

static struct points_source source_of(const struct rewarded *r)
{
	return (struct points_source){ REWARD_SOURCE, r->no };
}

/* Every user has a member. */
static enum err member_of(struct ctx *c, int64_t user_id, int64_t *member_id)
{
	const enum err e = member_of_user(c, user_id, member_id);

	return e == ERR_MEMBER_NOT_FOUND ? invariant_violated(c, "a user without a member") : e;
}

enum err reward_lock_tx(struct ctx *c, int64_t user_id)
{
	struct member m = { 0 };
	int64_t member_id;

	TRY(member_of(c, user_id, &member_id));
	return member_lock_tx(c, member_id, &m);
}

enum err reward_hold_tx(struct ctx *c, const struct rewarded *r)
{
	const struct points_source source = source_of(r);
	int64_t member_id;

	if (r->points == 0)
		return OK;
	TRY(member_of(c, r->user_id, &member_id));
	return points_hold_tx(c, member_id, &source, r->points);
}

/* The hold is there, since whoever sets the order paid has it or has held anew. */
static enum err post_tx(struct ctx *c, const struct rewarded *r)
{
	const struct points_source source = source_of(r);
	int64_t state;

	if (r->points == 0)
		return OK;
	TRY(points_post_tx(c, &source, "订单抵扣", &state));
	return state == HOLD_POSTED ? OK
				    : invariant_violated(c, "an order paid without its points");
}

/* What is refunded of the points, those earned and those used (BEHAVIOUR 47). */
static enum err refund_points_tx(struct ctx *c, const struct rewarded *r, money refunded, bool all)
{
	const struct points_source source = source_of(r);

	return points_refund_tx(c, &source,
		&(struct lot_refund){ .refunded = refunded.fen, .paid = r->paid.fen, .all = all });
}

enum err reward_paid_tx(struct ctx *c, const struct rewarded *r, money gone)
{
	/* at most 10^12 fen at 10^3 points a yuan */
	const int64_t points = r->paid.fen * c->conf->points_earned_per_yuan / FEN_PER_YUAN;
	const struct points_source source = source_of(r);
	struct points_receipt receipt;
	int64_t member_id;

	TRY(post_tx(c, r));
	if (r->paid.fen == 0)
		return OK;
	TRY(member_of(c, r->user_id, &member_id));
	TRY(member_spend_tx(c, member_id, money_sub(r->paid, gone)));
	TRY(points_earn_tx(c, member_id, &source, points, "订单完成支付", &receipt));
	return gone.fen > 0 ? refund_points_tx(c, r, gone, false) : OK;
}

enum err reward_dropped_tx(struct ctx *c, const struct rewarded *r)
{
	const struct points_source source = source_of(r);
	int64_t state;

	return r->points == 0 ? OK : points_release_tx(c, &source, &state);
}

enum err reward_refunded_tx(
	struct ctx *c, const struct rewarded *r, money amount, money refunded, bool all)
{
	int64_t member_id;

	if (!r->counted)
		return OK;
	if (amount.fen > 0) {
		TRY(member_of(c, r->user_id, &member_id));
		TRY(member_spend_tx(c, member_id, money_sub(MONEY_ZERO, amount)));
	}
	return refund_points_tx(c, r, refunded, all);
}
