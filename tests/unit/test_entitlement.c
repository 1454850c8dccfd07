/* SPDX-License-Identifier: MIT */
#include "unit.h"

#include "life.h"

static enum err refused(const struct life *l, struct offer o, int64_t now_s)
{
	struct quote q = { .kind = -1 };
	enum err e = (o.price.fen > 0 ? entitlement_quote : entitlement_quote_gift)(
		&l->e, &o, now_s, &q);

	assert_int_equal(q.kind == -1, e != OK); /* written only on OK */
	return e;
}

static void check_quote(
	struct quote q, int64_t kind, int64_t discount, int64_t amount, int64_t days, int64_t value)
{
	if (q.kind != kind || q.discount.fen != discount || q.amount.fen != amount ||
		q.days != days || q.value.fen != value ||
		q.discount.fen + q.amount.fen != q.price.fen)
		fail_msg("kind %lld discount %lld amount %lld days %lld value %lld price %lld",
			(long long)q.kind, (long long)q.discount.fen, (long long)q.amount.fen,
			(long long)q.days, (long long)q.value.fen, (long long)q.price.fen);
}

static void b24_the_kind_follows_from_the_live_level(void **state)
{
	struct life *l = born();

	(void)state;
	assert_int_equal(entitlement_level(&l->e, BEGIN), 0);
	assert_int_equal(entitlement_expire_s(&l->e), 0);
	assert_int_equal(entitlement_shown_until_s(&l->e), 0);
	check_quote(quoted(l, offer(3000, 30, 2), BEGIN), SEGMENT_NEW, 0, 3000, 30, 3000);
	bought(l, offer(3000, 30, 2), BEGIN);
	check_quote(quoted(l, offer(2900, 31, 2), ON(3)), SEGMENT_RENEWAL, 0, 2900, 31, 2900);
	assert_int_equal(quoted(l, offer(3000, 30, 3), ON(3)).kind, SEGMENT_UPGRADE);
	assert_int_equal(refused(l, offer(3000, 30, 1), ON(3)), ERR_PLAN_LEVEL_LOWER);
	assert_int_equal(refused(l, offer(3000, 30, 1), ON(30) - 1), ERR_PLAN_LEVEL_LOWER);
	check_quote(quoted(l, offer(100, 1, 1), ON(30)), SEGMENT_NEW, 0, 100, 1, 100);
}

static void b25_a_segment_includes_its_start_and_excludes_its_end(void **state)
{
	struct life *l = born();
	int64_t a = bought(l, offer(3000, 30, 7), BEGIN);
	const struct segment *s = row(l, a);

	(void)state;
	check_segment(s, SEGMENT_NEW, SEGMENT_ACTIVE, a, BEGIN, 30);
	assert_int_equal(s->level, 7);
	assert_int_equal(s->value.fen, 3000);
	assert_int_equal(s->cash.fen, 3000);
	assert_int_equal(s->granted_s, BEGIN);
	assert_int_equal(s->granted_version, 1);
	assert_int_equal(s->folded_by | s->cut_s | s->taken_s | s->refunded_s, 0);
	assert_int_equal(entitlement_end_s(s), ON(30));
	assert_int_equal(entitlement_level(&l->e, BEGIN - 1), 0);
	assert_int_equal(entitlement_level(&l->e, BEGIN), 7);
	assert_int_equal(entitlement_level(&l->e, ON(30) - 1), 7);
	assert_int_equal(entitlement_level(&l->e, ON(30)), 0);
	assert_int_equal(entitlement_expire_s(&l->e), ON(30));
	assert_int_equal(entitlement_shown_until_s(&l->e), ON(30));
}

static void b25_a_gift_has_no_value_and_requires_the_live_level(void **state)
{
	struct life *l = born();
	int64_t a, b;

	(void)state;
	check_quote(quoted(l, offer(0, 7, 2), BEGIN), SEGMENT_NEW, 0, 0, 7, 0);
	a = bought(l, offer(0, 7, 2), BEGIN);
	assert_int_equal(refused(l, offer(0, 7, 1), ON(1)), ERR_PLAN_LEVEL_OTHER);
	assert_int_equal(refused(l, offer(0, 7, 3), ON(1)), ERR_PLAN_LEVEL_OTHER);
	check_quote(quoted(l, offer(0, 5, 2), ON(1)), SEGMENT_RENEWAL, 0, 0, 5, 0);
	b = bought(l, offer(0, 5, 2), ON(1));
	check_segment(row(l, b), SEGMENT_RENEWAL, SEGMENT_ACTIVE, a, ON(7), 5);
	/* no credit, but it is folded */
	check_quote(quoted(l, offer(500, 10, 3), ON(2)), SEGMENT_UPGRADE, 0, 500, 10, 500);
	assert_int_equal(refused(l, offer(0, 36600 - 11, 2), ON(1)), OK);
	assert_int_equal(refused(l, offer(0, 36600 - 10, 2), ON(1)), ERR_ENTITLEMENT_TOO_LONG);
	assert_int_equal(refused(l, offer(0, 7, 3), ON(12)), OK);
	/* and is refunded like any other order */
	assert_int_equal(entitlement_refund(&l->e, a, ON(2), ++l->version), OK);
	check_segment(row(l, b), SEGMENT_RENEWAL, SEGMENT_ACTIVE, a, BEGIN, 5);
}

static void b26_the_example(void **state)
{
	struct life *l = born();
	int64_t a = bought(l, offer(3000, 30, 1), BEGIN), u;

	(void)state;
	check_quote(
		quoted(l, offer(30000, 365, 2), ON(15)), SEGMENT_UPGRADE, 1500, 28500, 365, 30000);
	u = bought(l, offer(30000, 365, 2), ON(15));
	check_segment(row(l, u), SEGMENT_UPGRADE, SEGMENT_ACTIVE, u, ON(15), 365);
	assert_int_equal(row(l, u)->value.fen, 30000);
	assert_int_equal(row(l, u)->cash.fen, 28500);
	check_segment(row(l, a), SEGMENT_NEW, SEGMENT_FOLDED, a, BEGIN, 30);
	assert_int_equal(row(l, a)->folded_by, u);
	assert_int_equal(entitlement_level(&l->e, ON(15)), 2);
	assert_int_equal(entitlement_expire_s(&l->e), ON(380));
}

/* The credit of an upgrade at now_s, using a sufficiently expensive plan. */
static int64_t credit(const struct life *l, int64_t now_s)
{
	return quoted(l, offer(MONEY_MAX_FEN, 1, 999), now_s).discount.fen;
}

static void b26_a_started_day_is_credited_in_full(void **state)
{
	static const struct {
		int64_t at_s, days;
	} cases[] = {
		{ 0, 30 },
		{ 1, 30 },
		{ DAY - 1, 30 },
		{ DAY, 29 },
		{ DAY + 1, 29 },
		{ 15 * DAY - 1, 16 },
		{ 15 * DAY, 15 },
		{ 29 * DAY - 1, 2 },
		{ 29 * DAY, 1 },
		{ 30 * DAY - 1, 1 },
	};
	struct life *l = born();

	(void)state;
	bought(l, offer(3000, 30, 1), BEGIN);
	for (size_t i = 0; i < ARRAY_LEN(cases); i++)
		if (credit(l, BEGIN + cases[i].at_s) != 100 * cases[i].days)
			fail_msg("%lld at second %lld", (long long)credit(l, BEGIN + cases[i].at_s),
				(long long)cases[i].at_s);
	/* segments that have not begun count in full; each segment is rounded separately */
	bought(l, offer(700, 7, 1), ON(3));
	assert_int_equal(credit(l, ON(10)), 2000 + 700);
	assert_int_equal(credit(l, ON(30) - 1), 100 + 700);
	assert_int_equal(credit(l, ON(30)), 700);
	assert_int_equal(credit(l, ON(31)), 600);
}

static void b26_a_credit_is_rounded_half_up(void **state)
{
	static const struct {
		int64_t value, days, rem, credit;
	} cases[] = {
		{ 1, 2, 1, 1 },                      /* 0.5 */
		{ 3, 2, 1, 2 },                      /* 1.5 */
		{ 1, 3, 1, 0 },                      /* 0.33 */
		{ 1, 3, 2, 1 },                      /* 0.67 */
		{ 4, 10, 1, 0 },                     /* 0.4 */
		{ 5, 10, 1, 1 },                     /* 0.5 */
		{ 14, 10, 1, 1 },                    /* 1.4 */
		{ 15, 10, 1, 2 },                    /* 1.5 */
		{ 7, 10, 5, 4 },                     /* 3.5 */
		{ 182, 365, 1, 0 },                  /* 0.4986 */
		{ 183, 365, 1, 1 },                  /* 0.5014 */
		{ 100000000, 3660, 3659, 99972678 }, /* 99972677.6 */
		{ 100000000, 3660, 1, 27322 },       /* 27322.4 */
		{ 100000000, 3660, 3660, 100000000 },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct life *l = born();
		int64_t got;

		bought(l, offer(cases[i].value, cases[i].days, 1), BEGIN);
		got = credit(l, ON(cases[i].days - cases[i].rem));
		if (got != cases[i].credit)
			fail_msg("case %zu: %lld", i, (long long)got);
	}
	/* two halves are two fen, since each is rounded separately */
	for (int64_t i = 0; i < 2; i++) {
		struct life *l = born();

		bought(l, offer(1, 2, 1), BEGIN);
		bought(l, offer(2, 2, 1), BEGIN);
		assert_int_equal(credit(l, ON(1) + i * 3600), 1 + 2);
	}
}

static void b26_more_credit_than_the_price_is_paid_in_days(void **state)
{
	static const struct {
		int64_t credit, price, days;
		int64_t discount, amount, granted, value;
	} cases[] = {
		{ 99, 100, 30, 99, 1, 30, 100 },
		{ 100, 100, 30, 100, 0, 30, 100 },
		{ 101, 100, 30, 100, 0, 30, 101 },  /* 0.3 days */
		{ 103, 100, 30, 100, 0, 30, 103 },  /* 0.9 */
		{ 104, 100, 30, 100, 0, 31, 104 },  /* 1.2 */
		{ 110, 100, 30, 100, 0, 33, 110 },  /* 3.0 */
		{ 200, 100, 30, 100, 0, 60, 200 },  /* as much as two of them */
		{ 1220, 1, 30, 1, 0, 36600, 1220 }, /* exactly the limit */
		{ 100000000, 99999999, 3660, 99999999, 0, 3660, 100000000 },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct life *l = born();

		bought(l, offer(cases[i].credit, 50, 1), BEGIN);
		check_quote(quoted(l, offer(cases[i].price, cases[i].days, 2), BEGIN),
			SEGMENT_UPGRADE, cases[i].discount, cases[i].amount, cases[i].granted,
			cases[i].value);
		check_segment(row(l, bought(l, offer(cases[i].price, cases[i].days, 2), BEGIN)),
			SEGMENT_UPGRADE, SEGMENT_ACTIVE, 102, BEGIN, cases[i].granted);
		assert_int_equal(row(l, 102)->value.fen, cases[i].value);
	}
}

static void b26_too_many_days_are_refused_and_nothing_overflows(void **state)
{
	struct life *l = born();

	(void)state;
	bought(l, offer(100000000, 3660, 1), BEGIN);
	assert_int_equal(refused(l, offer(1, 3660, 2), BEGIN), ERR_ENTITLEMENT_TOO_LONG);
	assert_int_equal(refused(l, offer(1, 1, 2), BEGIN), ERR_ENTITLEMENT_TOO_LONG);
	/* larger and larger: the product, then the sum of the days overflows */
	l->rows[0].value.fen = INT64_MAX - 3660;
	assert_int_equal(refused(l, offer(1, 3660, 2), BEGIN), ERR_ENTITLEMENT_TOO_LONG);
	assert_int_equal(refused(l, offer(1, 1, 2), BEGIN), ERR_ENTITLEMENT_TOO_LONG);
	l->rows[0].value.fen = INT64_C(1) << 62; /* 2^63 - 2 days more, and 2 */
	assert_int_equal(refused(l, offer(1, 2, 2), BEGIN), ERR_ENTITLEMENT_TOO_LONG);
	l->rows[0].value.fen = INT64_MAX;
	assert_int_equal(refused(l, offer(1, 1, 2), BEGIN), ERR_ENTITLEMENT_TOO_LONG);
	/* 2^57 days are 0 seconds, modulo 2^64 */
	l->rows[0].value.fen = INT64_C(1) << 57;
	assert_int_equal(refused(l, offer(1, 1, 2), BEGIN), ERR_ENTITLEMENT_TOO_LONG);
	assert_int_equal(
		refused(born(), offer(1, INT64_C(1) << 57, 2), BEGIN), ERR_ENTITLEMENT_TOO_LONG);
	/* a large value is credited to the fen: (2^62 + 1) * 1830 / 3660 = 2^61 + 0.5 */
	bought(l, offer(100000000, 3660, 1), BEGIN);
	l->rows[0].value.fen = (INT64_C(1) << 62) + 1;
	assert_int_equal(
		refused(l, offer(MONEY_MAX_FEN, 1, 2), ON(1830)), ERR_ENTITLEMENT_TOO_LONG);
	l->rows[0].value.fen = MONEY_MAX_FEN;
	assert_int_equal(credit(l, ON(1830)), MONEY_MAX_FEN / 2 + 1);
}

static void b26_no_grant_ends_after_36600_days_to_the_second(void **state)
{
	struct life *l = born();

	(void)state;
	assert_int_equal(refused(l, offer(1, 36600, 1), BEGIN), OK);
	assert_int_equal(refused(l, offer(1, 36601, 1), BEGIN), ERR_ENTITLEMENT_TOO_LONG);
	bought(l, offer(36000, 36000, 1), BEGIN);
	assert_int_equal(refused(l, offer(1, 600, 1), BEGIN), OK);
	assert_int_equal(refused(l, offer(1, 601, 1), BEGIN), ERR_ENTITLEMENT_TOO_LONG);
	assert_int_equal(refused(l, offer(1, 601, 1), ON(1) - 1), ERR_ENTITLEMENT_TOO_LONG);
	assert_int_equal(refused(l, offer(1, 601, 1), ON(1)), OK);
	/* an upgrade starts a new chain */
	assert_int_equal(refused(l, offer(36000, 36600, 2), BEGIN), OK);
	assert_int_equal(refused(l, offer(36000, 36601, 2), BEGIN), ERR_ENTITLEMENT_TOO_LONG);
	assert_int_equal(refused(l, offer(100, 102, 2), BEGIN), ERR_ENTITLEMENT_TOO_LONG);
	check_quote(quoted(l, offer(120, 122, 2), BEGIN), SEGMENT_UPGRADE, 120, 0, 36600, 36000);
	/* a lower level is refused first */
	bought(l, offer(36000, 36600, 2), BEGIN);
	assert_int_equal(refused(l, offer(1, 36601, 1), BEGIN), ERR_PLAN_LEVEL_LOWER);
}

static void b26_an_upgrade_folds_only_what_has_not_ended(void **state)
{
	struct life *l = born();
	int64_t old = bought(l, offer(100, 10, 1), BEGIN);
	int64_t a = bought(l, offer(100, 10, 1), ON(20));
	int64_t b = bought(l, offer(100, 10, 1), ON(21));
	int64_t c = bought(l, offer(100, 10, 1), ON(22));
	int64_t u = bought(l, offer(1000, 10, 2), ON(30)); /* a ends in this second */
	int64_t v = bought(l, offer(5000, 10, 5), ON(35));

	(void)state;
	check_segment(row(l, old), SEGMENT_NEW, SEGMENT_ACTIVE, old, BEGIN, 10);
	check_segment(row(l, a), SEGMENT_NEW, SEGMENT_ACTIVE, a, ON(20), 10);
	check_segment(row(l, b), SEGMENT_RENEWAL, SEGMENT_FOLDED, a, ON(30), 10);
	check_segment(row(l, c), SEGMENT_RENEWAL, SEGMENT_FOLDED, a, ON(40), 10);
	check_segment(row(l, u), SEGMENT_UPGRADE, SEGMENT_FOLDED, u, ON(30), 10);
	check_segment(row(l, v), SEGMENT_UPGRADE, SEGMENT_ACTIVE, v, ON(35), 10);
	assert_int_equal(row(l, b)->folded_by, u);
	assert_int_equal(row(l, c)->folded_by, u);
	assert_int_equal(row(l, u)->folded_by, v);
	assert_int_equal(row(l, u)->cash.fen, 1000 - 200);
	assert_int_equal(row(l, v)->cash.fen, 5000 - 500);
	assert_int_equal(entitlement_expire_s(&l->e), ON(45));
	assert_int_equal(entitlement_level(&l->e, ON(35)), 5);
	assert_int_equal(entitlement_level(&l->e, ON(29)), 1); /* as it was */
}

static void b26_an_intermediate_upgrade_costs_nothing(void **state)
{
	static const int64_t left[] = { 0, 1, 1499, 3000, 9999, 30000, 30001, 90000 };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(left); i++) {
		struct life *l = born();
		struct quote direct, first, second;

		bought(l, offer(left[i], 30, 1), BEGIN);
		direct = quoted(l, offer(30000, 365, 3), BEGIN);
		first = quoted(l, offer(3000, 60, 2), BEGIN);
		granted(l, &first, BEGIN);
		second = quoted(l, offer(30000, 365, 3), BEGIN);
		assert_int_equal(first.amount.fen + second.amount.fen, direct.amount.fen);
		if (left[i] > 3000) /* then the intermediate step cost nothing */
			check_quote(second, SEGMENT_UPGRADE, direct.discount.fen, direct.amount.fen,
				direct.days, direct.value.fen);
	}
}

static void b27_a_renewal_starts_at_the_latest_end(void **state)
{
	struct life *l = born();
	int64_t a = bought(l, offer(100, 10, 1), BEGIN);
	int64_t b = bought(l, offer(200, 20, 1), BEGIN);
	int64_t c = bought(l, offer(300, 30, 1), ON(30) - 1);

	(void)state;
	check_segment(row(l, b), SEGMENT_RENEWAL, SEGMENT_ACTIVE, a, ON(10), 20);
	check_segment(row(l, c), SEGMENT_RENEWAL, SEGMENT_ACTIVE, a, ON(30), 30);
	assert_int_equal(entitlement_expire_s(&l->e), ON(60));
}

static void b27_from_the_second_of_expiry_everything_is_new_in_its_own_chain(void **state)
{
	struct life *l = born();
	int64_t a = bought(l, offer(100, 10, 1), BEGIN), b, c, d;
	struct quote renewal = quoted(l, offer(200, 20, 1), ON(10) - 1), upgrade;

	(void)state;
	assert_int_equal(renewal.kind, SEGMENT_RENEWAL);
	check_quote(quoted(l, offer(200, 20, 1), ON(10)), SEGMENT_NEW, 0, 200, 20, 200);
	b = granted(l, &renewal, ON(10));
	check_segment(row(l, b), SEGMENT_NEW, SEGMENT_ACTIVE, b, ON(10), 20);
	assert_int_equal(row(l, b)->cash.fen, 200);
	/* an upgrade, whose amount and days stay as quoted */
	upgrade = quoted(l, offer(3, 7, 2), ON(30) - 1);
	check_quote(upgrade, SEGMENT_UPGRADE, 3, 0, 23, 10);
	c = granted(l, &upgrade, ON(40));
	check_segment(row(l, c), SEGMENT_NEW, SEGMENT_ACTIVE, c, ON(40), 23);
	assert_int_equal(row(l, c)->value.fen, 10);
	check_segment(row(l, b), SEGMENT_NEW, SEGMENT_ACTIVE, b, ON(10), 20);
	d = bought(l, offer(50, 5, 2), ON(41));
	check_segment(row(l, d), SEGMENT_RENEWAL, SEGMENT_ACTIVE, c, ON(63), 5);
	assert_int_equal(row(l, a)->chain, a);
	/* NEW, so it can be refunded though something was granted on it */
	assert_int_equal(entitlement_refundable(&l->e, c), OK);
}

static void b27_a_stored_quote_is_granted_unchanged(void **state)
{
	struct life *l = born();
	int64_t a = bought(l, offer(3000, 30, 1), BEGIN);
	struct quote q = quoted(l, offer(3100, 31, 2), BEGIN); /* credits 3000 */
	int64_t u = granted(l, &q, ON(29));

	(void)state;
	check_segment(row(l, u), SEGMENT_UPGRADE, SEGMENT_ACTIVE, u, ON(29), 31);
	assert_int_equal(row(l, u)->cash.fen, 100);
	assert_int_equal(row(l, a)->state, SEGMENT_FOLDED);
}

static void a_clock_set_back_starts_no_overlapping_chain(void **state)
{
	struct life *l = born();
	int64_t a = bought(l, offer(3000, 30, 1), BEGIN);
	int64_t b = bought(l, offer(3000, 30, 1), BEGIN - 1), c;

	(void)state;
	check_segment(row(l, b), SEGMENT_RENEWAL, SEGMENT_ACTIVE, a, ON(30), 30);
	assert_int_equal(credit(l, BEGIN - DAY), 6000); /* never more than the value */
	assert_int_equal(entitlement_refund(&l->e, a, BEGIN - 1, ++l->version), OK);
	assert_int_equal(row(l, a)->cut_s, BEGIN);
	check_segment(row(l, b), SEGMENT_RENEWAL, SEGMENT_ACTIVE, a, BEGIN, 30);
	/* nor does a refund in one affect the other */
	c = bought(l, offer(3000, 30, 1), ON(30));
	assert_int_equal(entitlement_refund(&l->e, b, ON(30) - 1, ++l->version), OK);
	assert_int_equal(row(l, b)->taken_s, 1);
	check_segment(row(l, c), SEGMENT_NEW, SEGMENT_ACTIVE, c, ON(30), 30);
}

static void a_user_with_the_maximum_of_segments_gets_no_quote(void **state)
{
	struct life *l = born();

	(void)state;
	while (l->e.n < ENTITLEMENT_SEGMENTS_MAX)
		bought(l, offer(100000000, 1, 1), BEGIN);
	assert_int_equal(refused(l, offer(1, 1, 1), BEGIN), ERR_ENTITLEMENT_TOO_LONG);
	assert_int_equal(refused(l, offer(0, 1, 1), BEGIN), ERR_ENTITLEMENT_TOO_LONG);
	l->e.n--;
	/* five hundred times the most expensive plan is still a valid credit */
	assert_int_equal(credit(l, BEGIN), INT64_C(499) * 100000000);
}

/* A segment that had ended when the quote was made is live again: the quote does not apply then. */
static void b63_a_clock_set_back_invalidates_the_quote(void **state)
{
	struct life *l = born();
	struct quote fresh;

	(void)state;
	bought(l, offer(3000, 30, 2), BEGIN);
	fresh = quoted(l, offer(3000, 30, 1), ON(31));
	assert_true(entitlement_quote_is_valid(&l->e, &fresh, ON(31)));
	assert_false(entitlement_quote_is_valid(&l->e, &fresh, ON(29)));
	assert_int_equal(
		entitlement_grant(&l->e, 102, &fresh, fresh.amount, ON(29), 2), ERR_INTERNAL);
	assert_int_equal(l->e.n, 1);
	assert_int_equal(entitlement_grant(&l->e, 102, &fresh, fresh.amount, ON(31), 2), OK);
	assert_int_equal(entitlement_level(&l->e, ON(31)), 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(b24_the_kind_follows_from_the_live_level),
		cmocka_unit_test(b25_a_segment_includes_its_start_and_excludes_its_end),
		cmocka_unit_test(b25_a_gift_has_no_value_and_requires_the_live_level),
		cmocka_unit_test(b26_the_example),
		cmocka_unit_test(b26_a_started_day_is_credited_in_full),
		cmocka_unit_test(b26_a_credit_is_rounded_half_up),
		cmocka_unit_test(b26_more_credit_than_the_price_is_paid_in_days),
		cmocka_unit_test(b26_too_many_days_are_refused_and_nothing_overflows),
		cmocka_unit_test(b26_no_grant_ends_after_36600_days_to_the_second),
		cmocka_unit_test(b26_an_upgrade_folds_only_what_has_not_ended),
		cmocka_unit_test(b26_an_intermediate_upgrade_costs_nothing),
		cmocka_unit_test(b27_a_renewal_starts_at_the_latest_end),
		cmocka_unit_test(b27_from_the_second_of_expiry_everything_is_new_in_its_own_chain),
		cmocka_unit_test(b27_a_stored_quote_is_granted_unchanged),
		cmocka_unit_test(a_clock_set_back_starts_no_overlapping_chain),
		cmocka_unit_test(a_user_with_the_maximum_of_segments_gets_no_quote),
		cmocka_unit_test(b63_a_clock_set_back_invalidates_the_quote),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
