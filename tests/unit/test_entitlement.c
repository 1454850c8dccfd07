/* The arithmetic of VIP membership, case by case: BEHAVIOUR 24 to 29. */
#include "entitled.h"

static struct user u;

static int fresh(void **state)
{
	(void)state;
	begin(&u);
	return 0;
}

/* ---- what is bought (B24, B27) ---- */

static void the_first_is_new_the_same_level_a_renewal_a_higher_one_an_upgrade_b24(void **state)
{
	struct offer lower = yuan(10, 30, 1);
	struct quote q;

	(void)state;
	assert_int_equal(quoted(&u, yuan(30, 30, 2), AT_DAY(0)).kind, SEGMENT_NEW);
	buy(&u, yuan(30, 30, 2), AT_DAY(0));
	assert_int_equal(quoted(&u, yuan(50, 60, 2), AT_DAY(1)).kind, SEGMENT_RENEWAL);
	assert_int_equal(quoted(&u, yuan(50, 60, 3), AT_DAY(1)).kind, SEGMENT_UPGRADE);
	assert_int_equal(entitlement_quote(&u.e, &lower, AT_DAY(1), &q), ERR_PLAN_LEVEL_LOWER);
	/* to the second: while it lasts, and no longer */
	assert_int_equal(entitlement_quote(&u.e, &lower, AT_DAY(30) - 1, &q), ERR_PLAN_LEVEL_LOWER);
	assert_int_equal(entitlement_quote(&u.e, &lower, AT_DAY(30), &q), OK);
	assert_int_equal(q.kind, SEGMENT_NEW);
}

static void a_renewal_begins_where_the_last_one_ends_b27(void **state)
{
	const struct segment *a = buy(&u, yuan(30, 30, 1), AT_DAY(0));
	const struct segment *b = buy(&u, yuan(88, 90, 1), AT_DAY(10));
	const struct segment *c = buy(&u, yuan(30, 30, 1), AT_DAY(11));

	(void)state;
	assert_segment(a, NEW, ACTIVE, AT_DAY(0), AT_DAY(30));
	assert_segment(b, RENEWAL, ACTIVE, AT_DAY(30), AT_DAY(120));
	assert_segment(c, RENEWAL, ACTIVE, AT_DAY(120), AT_DAY(150));
	assert_int_equal(b->value.fen, 8800);
	assert_int_equal(c->chain, 1);
	assert_int_equal(entitlement_expire_s(&u.e), AT_DAY(150));
}

static void a_renewal_or_upgrade_settled_too_late_is_new_at_its_quoted_price_b27(void **state)
{
	struct quote renewal, upgrade;
	const struct segment *s;

	(void)state;
	buy(&u, yuan(30, 30, 1), AT_DAY(0));
	renewal = quoted(&u, yuan(30, 30, 1), AT_DAY(29));
	upgrade = quoted(&u, yuan(300, 365, 2), AT_DAY(15));
	assert_int_equal(upgrade.amount.fen, 28500);
	s = granted(&u, &renewal, AT_DAY(30)); /* the very second of its end */
	assert_segment(s, NEW, ACTIVE, AT_DAY(30), AT_DAY(60));
	assert_int_equal(s->chain, 2);
	s = granted(&u, &upgrade, AT_DAY(75));
	assert_segment(s, NEW, ACTIVE, AT_DAY(75), AT_DAY(440));
	assert_int_equal(s->value.fen, 30000);
	assert_int_equal(s->cash.fen, 28500);
	assert_int_equal(u.rows[0].state, SEGMENT_ACTIVE);
	assert_int_equal(refund(&u, 3, AT_DAY(80)), OK); /* as what it is: new */
	assert_int_equal(u.rows[2].taken_s, 360 * D);
}

static void a_renewal_settled_a_second_before_the_end_goes_on_from_it_b27(void **state)
{
	struct quote q;

	(void)state;
	buy(&u, yuan(30, 30, 1), AT_DAY(0));
	q = quoted(&u, yuan(30, 30, 1), AT_DAY(1));
	assert_segment(granted(&u, &q, AT_DAY(30) - 1), RENEWAL, ACTIVE, AT_DAY(30), AT_DAY(60));
}

/* ---- upgrades (B26) ---- */

static void fifteen_days_of_thirty_are_worth_half_b26(void **state)
{
	struct quote q;
	const struct segment *s;

	(void)state;
	buy(&u, yuan(30, 30, 1), AT_DAY(0));
	q = quoted(&u, yuan(300, 365, 2), AT_DAY(15));
	assert_int_equal(q.discount.fen, 1500);
	assert_int_equal(q.amount.fen, 28500);
	assert_int_equal(q.days, 365);
	s = granted(&u, &q, AT_DAY(15) + 7); /* settled later: from then on */
	assert_segment(s, UPGRADE, ACTIVE, AT_DAY(15) + 7, AT_DAY(380) + 7);
	assert_int_equal(s->value.fen, 30000);
	assert_int_equal(u.rows[0].state, SEGMENT_FOLDED);
	assert_int_equal(u.rows[0].folded_by, 2);
	assert_int_equal(entitlement_level(&u.e, AT_DAY(16)), 2);
}

static void a_day_that_has_begun_is_left_as_a_whole_b26(void **state)
{
	(void)state;
	buy(&u, yuan(30, 30, 1), AT_DAY(0));
	assert_int_equal(quoted(&u, yuan(300, 365, 2), AT_DAY(0)).discount.fen, 3000);
	assert_int_equal(quoted(&u, yuan(300, 365, 2), AT_DAY(1) - 1).discount.fen, 3000);
	assert_int_equal(quoted(&u, yuan(300, 365, 2), AT_DAY(1)).discount.fen, 2900);
	assert_int_equal(quoted(&u, yuan(300, 365, 2), AT_DAY(30) - 1).discount.fen, 100);
	assert_int_equal(quoted(&u, yuan(300, 365, 2), AT_DAY(30)).discount.fen, 0);
}

static void halves_of_a_fen_go_up_each_segment_by_itself_b26(void **state)
{
	const struct offer odd = { { 1 }, 2, 1 }; /* 1 fen for two days: half a fen a day */

	(void)state;
	buy(&u, odd, AT_DAY(0));
	assert_int_equal(quoted(&u, yuan(1, 30, 2), AT_DAY(1)).discount.fen, 1);
	buy(&u, odd, AT_DAY(1)); /* not begun: all of it */
	assert_int_equal(quoted(&u, yuan(1, 30, 2), AT_DAY(1)).discount.fen, 2);
	begin(&u);
	buy(&u, (struct offer){ { 1 }, 3, 1 }, AT_DAY(0));
	assert_int_equal(quoted(&u, yuan(1, 30, 2), AT_DAY(2)).discount.fen, 0);
	assert_int_equal(quoted(&u, yuan(1, 30, 2), AT_DAY(1)).discount.fen, 1);
}

static void more_credit_than_the_price_becomes_days_b26(void **state)
{
	struct quote q;

	(void)state;
	buy(&u, yuan(300, 30, 1), AT_DAY(0));
	q = quoted(&u, yuan(300, 90, 2), AT_DAY(0)); /* exactly as much */
	assert_int_equal(q.amount.fen, 0);
	assert_int_equal(q.days, 90);
	assert_int_equal(q.value.fen, 30000);
	q = quoted(&u, yuan(299, 90, 2), AT_DAY(0)); /* 100 * 90 / 29900 = 0.3 */
	assert_int_equal(q.days, 90);
	assert_int_equal(q.value.fen, 30000);
	assert_int_equal(q.discount.fen, 29900);
	q = quoted(&u, yuan(100, 31, 2), AT_DAY(0));
	assert_int_equal(q.days, 31 + 62);
	q = quoted(&u, (struct offer){ { 29999 - 9999 }, 7, 2 }, AT_DAY(0));
	assert_int_equal(q.amount.fen, 0);
	assert_int_equal(q.days, 7 + 10000 * 7 / 20000);
}

static void going_up_by_steps_costs_what_going_up_at_once_costs_b26(void **state)
{
	struct user steps;
	struct quote b, c, at_once;

	(void)state;
	buy(&u, yuan(30, 30, 1), AT_DAY(0));
	steps = u;
	steps.e.rows = steps.rows;
	at_once = quoted(&u, yuan(300, 365, 3), AT_DAY(3) + 5);
	b = quoted(&steps, yuan(100, 90, 2), AT_DAY(3) + 5);
	granted(&steps, &b, AT_DAY(3) + 5);
	c = quoted(&steps, yuan(300, 365, 3), AT_DAY(3) + 5);
	assert_int_equal(b.amount.fen + c.amount.fen, at_once.amount.fen);
	assert_int_equal(c.days, at_once.days);
}

static void no_grant_reaches_beyond_36600_days_b26(void **state)
{
	struct offer day = yuan(1, 1, 1), great = yuan(1, 3660, 1), dear = { { 1 }, 1, 2 },
		     gift = { MONEY_ZERO, 1, 1 };
	struct quote q;

	(void)state;
	for (int i = 0; i < 10; i++)
		buy(&u, great, AT_DAY(0));
	assert_int_equal(entitlement_expire_s(&u.e), AT_DAY(36600));
	assert_int_equal(entitlement_quote(&u.e, &day, AT_DAY(0), &q), ERR_ENTITLEMENT_TOO_LONG);
	assert_int_equal(
		entitlement_quote(&u.e, &day, AT_DAY(1) - 1, &q), ERR_ENTITLEMENT_TOO_LONG);
	assert_int_equal(entitlement_quote(&u.e, &day, AT_DAY(1), &q), OK);
	assert_int_equal(
		entitlement_quote_gift(&u.e, &gift, AT_DAY(1) - 1, &q), ERR_ENTITLEMENT_TOO_LONG);
	assert_int_equal(entitlement_quote_gift(&u.e, &gift, AT_DAY(1), &q), OK);
	/* a thousand fen of credit for days at one fen each, and then far too many */
	assert_int_equal(entitlement_quote(&u.e, &dear, AT_DAY(0), &q), OK);
	assert_int_equal(q.days, 1000);
	begin(&u);
	buy(&u, yuan(1000000, 3660, 1), AT_DAY(0));
	assert_int_equal(entitlement_quote(&u.e, &dear, AT_DAY(0), &q), ERR_ENTITLEMENT_TOO_LONG);
}

static void a_gift_is_worth_nothing_and_of_the_live_level_only_b25(void **state)
{
	struct offer gift = { MONEY_ZERO, 10, 1 }, other = { MONEY_ZERO, 10, 2 };
	struct quote q;

	(void)state;
	assert_int_equal(entitlement_quote_gift(&u.e, &gift, AT_DAY(0), &q), OK);
	assert_segment(granted(&u, &q, AT_DAY(0)), NEW, ACTIVE, AT_DAY(0), AT_DAY(10));
	assert_int_equal(entitlement_quote_gift(&u.e, &other, AT_DAY(1), &q), ERR_PLAN_LEVEL_OTHER);
	assert_int_equal(entitlement_quote_gift(&u.e, &gift, AT_DAY(1), &q), OK);
	assert_segment(granted(&u, &q, AT_DAY(1)), RENEWAL, ACTIVE, AT_DAY(10), AT_DAY(20));
	assert_int_equal(quoted(&u, yuan(300, 365, 2), AT_DAY(2)).discount.fen, 0);
	assert_int_equal(entitlement_quote_gift(&u.e, &other, AT_DAY(20), &q), OK);
}

/* ---- refunds (B29) ---- */

static void an_upgrade_refunded_on_day_20_leaves_level_1_until_day_30_b29(void **state)
{
	(void)state;
	buy(&u, yuan(30, 30, 1), AT_DAY(0));
	buy(&u, yuan(300, 365, 2), AT_DAY(15));
	assert_int_equal(refund(&u, 1, AT_DAY(20)), ERR_SEGMENT_FOLDED);
	assert_int_equal(refund(&u, 2, AT_DAY(20)), OK);
	assert_segment(&u.rows[1], UPGRADE, REFUNDED, AT_DAY(15), AT_DAY(20));
	assert_segment(&u.rows[0], NEW, ACTIVE, AT_DAY(0), AT_DAY(30));
	assert_int_equal(entitlement_level(&u.e, AT_DAY(20)), 1);
	assert_int_equal(entitlement_level(&u.e, AT_DAY(30)), 0);
	assert_int_equal(entitlement_shown_until_s(&u.e), AT_DAY(30));
	assert_int_equal(refund(&u, 2, AT_DAY(20)), ERR_REFUNDED_ALREADY);
	assert_int_equal(refund(&u, 9, AT_DAY(20)), ERR_NOT_FOUND);
}

static void an_upgrade_goes_back_only_after_what_was_granted_later_b29(void **state)
{
	(void)state;
	buy(&u, yuan(30, 30, 1), AT_DAY(0));
	buy(&u, yuan(300, 365, 2), AT_DAY(15));
	buy(&u, yuan(300, 365, 2), AT_DAY(16));
	assert_int_equal(refund(&u, 2, AT_DAY(17)), ERR_GRANTED_LATER);
	assert_int_equal(refund(&u, 3, AT_DAY(17)), OK);
	assert_segment(&u.rows[2], RENEWAL, REFUNDED, AT_DAY(380), AT_DAY(380)); /* never begun */
	assert_int_equal(refund(&u, 2, AT_DAY(17)), OK);
	assert_int_equal(entitlement_expire_s(&u.e), AT_DAY(30));
	assert_int_equal(entitlement_shown_until_s(&u.e), AT_DAY(30));
}

static void what_was_granted_later_on_the_chain_moves_up_b29(void **state)
{
	struct user before;

	(void)state;
	buy(&u, yuan(30, 30, 1), AT_DAY(0));
	buy(&u, yuan(60, 60, 1), AT_DAY(0));
	buy(&u, yuan(90, 90, 1), AT_DAY(0));
	before = u;
	assert_int_equal(refund(&u, 2, AT_DAY(10)), OK); /* not begun */
	assert_segment(&u.rows[1], RENEWAL, REFUNDED, AT_DAY(30), AT_DAY(30));
	assert_segment(&u.rows[2], RENEWAL, ACTIVE, AT_DAY(30), AT_DAY(120));
	u = before;
	u.e.rows = u.rows;
	assert_int_equal(refund(&u, 1, AT_DAY(10)), OK); /* under way: all its days go */
	assert_segment(&u.rows[0], NEW, REFUNDED, AT_DAY(0), AT_DAY(10));
	assert_segment(&u.rows[1], RENEWAL, ACTIVE, AT_DAY(0), AT_DAY(60));
	assert_segment(&u.rows[2], RENEWAL, ACTIVE, AT_DAY(60), AT_DAY(150));
	u = before;
	u.e.rows = u.rows;
	assert_int_equal(
		refund(&u, 1, AT_DAY(170)), OK); /* over: what the chain has left, 10 days */
	assert_segment(&u.rows[0], NEW, REFUNDED, AT_DAY(0), AT_DAY(30));
	assert_int_equal(u.rows[0].taken_s, 10 * D);
	assert_segment(&u.rows[2], RENEWAL, ACTIVE, AT_DAY(80), AT_DAY(170));
	assert_int_equal(entitlement_level(&u.e, AT_DAY(170)), 0);
	u = before;
	u.e.rows = u.rows;
	assert_int_equal(refund(&u, 3, AT_DAY(180)), OK); /* all over: only cash */
	assert_int_equal(u.rows[2].taken_s, 0);
	assert_segment(&u.rows[2], RENEWAL, REFUNDED, AT_DAY(90), AT_DAY(180));
	assert_int_equal(entitlement_shown_until_s(&u.e), AT_DAY(180));
}

static void other_chains_are_untouched_b29(void **state)
{
	struct segment second;

	(void)state;
	buy(&u, yuan(30, 30, 1), AT_DAY(0));
	second = *buy(&u, yuan(30, 30, 1), AT_DAY(40));
	assert_int_equal(u.rows[1].chain, 2);
	assert_int_equal(refund(&u, 1, AT_DAY(50)), OK);
	assert_int_equal(u.rows[0].taken_s, 0);
	assert_memory_equal(&u.rows[1], &second, sizeof(second));
}

static void what_was_cut_before_it_began_shows_no_end_b25(void **state)
{
	(void)state;
	assert_int_equal(entitlement_shown_until_s(&u.e), 0);
	buy(&u, yuan(30, 30, 1), AT_DAY(0));
	assert_int_equal(refund(&u, 1, AT_DAY(0)), OK); /* in its very first second */
	assert_int_equal(entitlement_expire_s(&u.e), 0);
	assert_int_equal(entitlement_shown_until_s(&u.e), 0);
	buy(&u, yuan(30, 30, 1), AT_DAY(1));
	assert_int_equal(refund(&u, 2, AT_DAY(1) + 1), OK);
	assert_int_equal(entitlement_shown_until_s(&u.e), AT_DAY(1) + 1);
}

static void a_refund_that_was_refused_for_good_never_was_b30(void **state)
{
	static struct user before;

	(void)state;
	buy(&u, yuan(30, 30, 1), AT_DAY(0));
	buy(&u, yuan(30, 30, 1), AT_DAY(1));
	buy(&u, yuan(300, 365, 2), AT_DAY(15));
	buy(&u, yuan(300, 365, 2), AT_DAY(16));
	before = u;
	for (int64_t id = 3; id <= 4; id++) {
		if (id == 3)
			u.e.n = before.e.n = 3; /* as if the last had not been bought */
		assert_int_equal(refund(&u, id, AT_DAY(20)), OK);
		entitlement_refund_undo(&u.e, id);
		assert_memory_equal(u.rows, before.rows, (size_t)u.e.n * sizeof(u.rows[0]));
		u.e.n = before.e.n = 4;
	}
}

int main(void)
{
#define EACH(f) cmocka_unit_test_setup(f, fresh)
	const struct CMUnitTest tests[] = {
		EACH(the_first_is_new_the_same_level_a_renewal_a_higher_one_an_upgrade_b24),
		EACH(a_renewal_begins_where_the_last_one_ends_b27),
		EACH(a_renewal_or_upgrade_settled_too_late_is_new_at_its_quoted_price_b27),
		EACH(a_renewal_settled_a_second_before_the_end_goes_on_from_it_b27),
		EACH(fifteen_days_of_thirty_are_worth_half_b26),
		EACH(a_day_that_has_begun_is_left_as_a_whole_b26),
		EACH(halves_of_a_fen_go_up_each_segment_by_itself_b26),
		EACH(more_credit_than_the_price_becomes_days_b26),
		EACH(going_up_by_steps_costs_what_going_up_at_once_costs_b26),
		EACH(no_grant_reaches_beyond_36600_days_b26),
		EACH(a_gift_is_worth_nothing_and_of_the_live_level_only_b25),
		EACH(an_upgrade_refunded_on_day_20_leaves_level_1_until_day_30_b29),
		EACH(an_upgrade_goes_back_only_after_what_was_granted_later_b29),
		EACH(what_was_granted_later_on_the_chain_moves_up_b29),
		EACH(other_chains_are_untouched_b29),
		EACH(what_was_cut_before_it_began_shows_no_end_b25),
		EACH(a_refund_that_was_refused_for_good_never_was_b30),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
