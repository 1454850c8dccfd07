/* SPDX-License-Identifier: MIT */
#include "life.h"

static void refunded(struct life *l, int64_t order_id, int64_t now_s)
{
	assert_int_equal(entitlement_refundable(&l->e, order_id), OK);
	assert_int_equal(entitlement_refund(&l->e, order_id, now_s, ++l->version), OK);
	assert_int_equal(row(l, order_id)->state, SEGMENT_REFUNDED);
	assert_int_equal(row(l, order_id)->refunded_s, now_s);
	assert_int_equal(row(l, order_id)->refunded_version, l->version);
	assert_int_equal(entitlement_refundable(&l->e, order_id), ERR_REFUNDED_ALREADY);
}

static void check_refusal(struct life *l, int64_t order_id, enum err why)
{
	static struct life before;

	before = *l;
	assert_int_equal(entitlement_refundable(&l->e, order_id), why);
	assert_int_equal(entitlement_refund(&l->e, order_id, ON(20), l->version + 1), why);
	assert_memory_equal(&before, l, sizeof(before));
}

/* Three of 30 days each, bought on day 0: to day 30, 60 and 90. */
static struct life *three(void)
{
	struct life *l = born();

	for (int i = 0; i < 3; i++)
		bought(l, offer(3000, 30, 1), BEGIN);
	return l;
}

static const struct {
	int64_t order, at_s;                /* refunded */
	int64_t taken_s, cut_s, start_s[3]; /* afterwards */
	int64_t level, expire_s, shown_s;
} refunds[] = {
	/* the first: unused, in use, used, and when the others are nearly or all used */
	{ 101, 0, 30 * DAY, 0, { 0, 0, 30 * DAY }, 1, 60 * DAY, 60 * DAY },
	{ 101, 10 * DAY, 30 * DAY, 10 * DAY, { 0, 0, 30 * DAY }, 1, 60 * DAY, 60 * DAY },
	{ 101, 45 * DAY, 30 * DAY, 30 * DAY, { 0, 0, 30 * DAY }, 1, 60 * DAY, 60 * DAY },
	{ 101, 60 * DAY - 1, 30 * DAY, 30 * DAY, { 0, 0, 30 * DAY }, 1, 60 * DAY, 60 * DAY },
	{ 101, 60 * DAY, 30 * DAY, 30 * DAY, { 0, 0, 30 * DAY }, 0, 60 * DAY, 60 * DAY },
	{ 101, 60 * DAY + 1, 30 * DAY - 1, 30 * DAY, { 0, 1, 30 * DAY + 1 }, 0, 60 * DAY + 1,
		60 * DAY + 1 },
	{ 101, 75 * DAY, 15 * DAY, 30 * DAY, { 0, 15 * DAY, 45 * DAY }, 0, 75 * DAY, 75 * DAY },
	{ 101, 90 * DAY - 1, 1, 30 * DAY, { 0, 30 * DAY - 1, 60 * DAY - 1 }, 0, 90 * DAY - 1,
		90 * DAY - 1 },
	{ 101, 90 * DAY, 0, 30 * DAY, { 0, 30 * DAY, 60 * DAY }, 0, 90 * DAY, 90 * DAY },
	{ 101, 99 * DAY, 0, 30 * DAY, { 0, 30 * DAY, 60 * DAY }, 0, 90 * DAY, 90 * DAY },
	/* the middle one: not begun, in its first second, in use, used */
	{ 102, 0, 30 * DAY, 30 * DAY, { 0, 30 * DAY, 30 * DAY }, 1, 60 * DAY, 60 * DAY },
	{ 102, 30 * DAY, 30 * DAY, 30 * DAY, { 0, 30 * DAY, 30 * DAY }, 1, 60 * DAY, 60 * DAY },
	{ 102, 45 * DAY, 30 * DAY, 45 * DAY, { 0, 30 * DAY, 30 * DAY }, 1, 60 * DAY, 60 * DAY },
	{ 102, 70 * DAY, 20 * DAY, 60 * DAY, { 0, 30 * DAY, 40 * DAY }, 0, 70 * DAY, 70 * DAY },
	/* the last */
	{ 103, 10 * DAY, 30 * DAY, 60 * DAY, { 0, 30 * DAY, 60 * DAY }, 1, 60 * DAY, 60 * DAY },
	{ 103, 60 * DAY, 30 * DAY, 60 * DAY, { 0, 30 * DAY, 60 * DAY }, 0, 60 * DAY, 60 * DAY },
	{ 103, 60 * DAY + 1, 30 * DAY - 1, 60 * DAY + 1, { 0, 30 * DAY, 60 * DAY }, 0, 60 * DAY,
		60 * DAY + 1 },
	{ 103, 75 * DAY, 15 * DAY, 75 * DAY, { 0, 30 * DAY, 60 * DAY }, 0, 60 * DAY, 75 * DAY },
	{ 103, 90 * DAY, 0, 90 * DAY, { 0, 30 * DAY, 60 * DAY }, 0, 60 * DAY, 90 * DAY },
	{ 103, 95 * DAY, 0, 90 * DAY, { 0, 30 * DAY, 60 * DAY }, 0, 60 * DAY, 90 * DAY },
};

static void b29_a_refund_shortens_only_its_own_chain(void **state)
{

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(refunds); i++) {
		struct life *l = three();
		const struct segment *s = row(l, refunds[i].order);
		int64_t now_s = BEGIN + refunds[i].at_s;
		bool right;

		refunded(l, refunds[i].order, now_s);
		right = s->taken_s == refunds[i].taken_s && s->cut_s == BEGIN + refunds[i].cut_s &&
			entitlement_level(&l->e, now_s) == refunds[i].level &&
			entitlement_expire_s(&l->e) == BEGIN + refunds[i].expire_s &&
			entitlement_shown_until_s(&l->e) == BEGIN + refunds[i].shown_s;
		for (int j = 0; j < 3; j++)
			right = right && l->rows[j].start_s == BEGIN + refunds[i].start_s[j] &&
				l->rows[j].chain == 101 && l->rows[j].days == 30 &&
				(&l->rows[j] == s || l->rows[j].state == SEGMENT_ACTIVE);
		if (!right)
			fail_msg("case %zu: taken %lld, cut %lld, expires %lld", i,
				(long long)s->taken_s, (long long)(s->cut_s - BEGIN),
				(long long)(entitlement_expire_s(&l->e) - BEGIN));
	}
}

static void b29_refunds_of_one_chain_follow_one_another(void **state)
{
	struct life *l = three();

	(void)state;
	refunded(l, 101, ON(10)); /* the second runs from day 0 to 30, the third to 60 */
	refunded(l, 102, ON(15));
	check_segment(row(l, 103), SEGMENT_RENEWAL, SEGMENT_ACTIVE, 101, BEGIN, 30);
	assert_int_equal(row(l, 102)->cut_s, ON(15));
	bought(l, offer(3000, 30, 1), ON(20));
	check_segment(row(l, 104), SEGMENT_RENEWAL, SEGMENT_ACTIVE, 101, ON(30), 30);
	refunded(l, 103, ON(25));
	check_segment(row(l, 104), SEGMENT_RENEWAL, SEGMENT_ACTIVE, 101, BEGIN, 30);
	refunded(l, 104, ON(26));
	assert_int_equal(row(l, 104)->taken_s, 4 * DAY);
	assert_int_equal(entitlement_expire_s(&l->e), 0);
	assert_int_equal(entitlement_level(&l->e, ON(26)), 0);
	assert_int_equal(entitlement_shown_until_s(&l->e), ON(26));
	/* nothing is live: its own chain */
	bought(l, offer(3000, 30, 1), ON(26));
	check_segment(row(l, 105), SEGMENT_NEW, SEGMENT_ACTIVE, 105, ON(26), 30);
}

static void b29_another_chain_is_untouched(void **state)
{
	struct life *l = born();
	int64_t old = bought(l, offer(100, 10, 1), BEGIN);
	int64_t a = bought(l, offer(100, 10, 1), ON(10));
	int64_t b = bought(l, offer(100, 10, 1), ON(11));

	(void)state;
	refunded(l, old, ON(15));
	assert_int_equal(row(l, old)->taken_s, 0);
	assert_int_equal(row(l, old)->cut_s, ON(10));
	check_segment(row(l, a), SEGMENT_NEW, SEGMENT_ACTIVE, a, ON(10), 10);
	check_segment(row(l, b), SEGMENT_RENEWAL, SEGMENT_ACTIVE, a, ON(20), 10);
}

static void b29_the_example_of_an_upgrade(void **state)
{
	struct life *l = born();
	int64_t a = bought(l, offer(3000, 30, 1), BEGIN);
	int64_t u = bought(l, offer(30000, 365, 2), ON(15));

	(void)state;
	refunded(l, u, ON(20));
	assert_int_equal(row(l, u)->cut_s, ON(20));
	assert_int_equal(row(l, u)->taken_s, 360 * DAY);
	check_segment(row(l, a), SEGMENT_NEW, SEGMENT_ACTIVE, a, BEGIN, 30);
	assert_int_equal(row(l, a)->folded_by, 0);
	assert_int_equal(entitlement_level(&l->e, ON(20)), 1);
	assert_int_equal(entitlement_level(&l->e, ON(30) - 1), 1);
	assert_int_equal(entitlement_level(&l->e, ON(30)), 0);
	assert_int_equal(entitlement_expire_s(&l->e), ON(30));
	assert_int_equal(entitlement_shown_until_s(&l->e), ON(30));
	assert_int_equal(entitlement_refundable(&l->e, a), OK);
}

static void b29_an_upgrade_refunded_after_the_folded_segments_would_have_ended(void **state)
{
	struct life *l = born();
	int64_t a = bought(l, offer(3000, 30, 1), BEGIN);
	int64_t u = bought(l, offer(30000, 365, 2), ON(15));

	(void)state;
	refunded(l, u, ON(40));
	assert_int_equal(row(l, a)->state, SEGMENT_ACTIVE);
	assert_int_equal(entitlement_level(&l->e, ON(40)), 0);
	assert_int_equal(entitlement_expire_s(&l->e), ON(30));
	assert_int_equal(entitlement_shown_until_s(&l->e), ON(40)); /* B25: it had begun */
	refunded(l, a, ON(41));
	assert_int_equal(row(l, a)->taken_s, 0);
}

static void b29_a_folded_order_is_refunded_after_its_upgrade(void **state)
{
	struct life *l = three();
	int64_t u = bought(l, offer(30000, 365, 2), ON(40));

	(void)state;
	check_refusal(l, 102, ERR_SEGMENT_FOLDED);
	check_refusal(l, 103, ERR_SEGMENT_FOLDED);
	check_refusal(l, 100, ERR_NOT_FOUND);
	/* the first had ended, and folded segments are not part of its chain at that time */
	refunded(l, 101, ON(41));
	assert_int_equal(row(l, 101)->taken_s, 0);
	refunded(l, u, ON(50));
	check_segment(row(l, 102), SEGMENT_RENEWAL, SEGMENT_ACTIVE, 101, ON(30), 30);
	check_segment(row(l, 103), SEGMENT_RENEWAL, SEGMENT_ACTIVE, 101, ON(60), 30);
	check_refusal(l, u, ERR_REFUNDED_ALREADY);
	check_refusal(l, 101, ERR_REFUNDED_ALREADY);
	refunded(l, 102, ON(50));
	check_segment(row(l, 103), SEGMENT_RENEWAL, SEGMENT_ACTIVE, 101, ON(30), 30);
}

static void b29_an_upgrade_waits_for_every_later_grant(void **state)
{
	struct life *l = born();
	int64_t a = bought(l, offer(1000, 10, 1), BEGIN);
	int64_t u = bought(l, offer(2000, 10, 2), ON(1));
	int64_t r = bought(l, offer(2000, 10, 2), ON(2));
	int64_t v = bought(l, offer(9000, 10, 3), ON(3));
	int64_t late = bought(l, offer(9000, 10, 1), ON(50));

	(void)state;
	check_refusal(
		l, v, ERR_GRANTED_LATER); /* though it is its own chain, and everything has ended */
	check_refusal(l, u, ERR_SEGMENT_FOLDED);
	refunded(l, late, ON(50));
	refunded(l, v, ON(51));
	check_segment(row(l, u), SEGMENT_UPGRADE, SEGMENT_ACTIVE, u, ON(1), 10);
	check_segment(row(l, r), SEGMENT_RENEWAL, SEGMENT_ACTIVE, u, ON(11), 10);
	check_segment(row(l, a), SEGMENT_NEW, SEGMENT_FOLDED, a, BEGIN, 10);
	check_refusal(l, u, ERR_GRANTED_LATER); /* its own renewal */
	check_refusal(l, a, ERR_SEGMENT_FOLDED);
	refunded(l, r, ON(51));
	refunded(l, u, ON(51));
	check_segment(row(l, a), SEGMENT_NEW, SEGMENT_ACTIVE, a, BEGIN, 10);
}

static void b27_an_upgrade_that_was_granted_as_new_is_refunded_as_new(void **state)
{
	struct life *l = born();
	struct quote q;
	int64_t a = bought(l, offer(1000, 10, 1), BEGIN), b, c;

	(void)state;
	q = quoted(l, offer(2000, 10, 2), ON(9));
	b = granted(l, &q, ON(10));
	c = bought(l, offer(2000, 10, 2), ON(11));
	refunded(l, b, ON(12));
	check_segment(row(l, a), SEGMENT_NEW, SEGMENT_ACTIVE, a, BEGIN, 10);
	check_segment(row(l, c), SEGMENT_RENEWAL, SEGMENT_ACTIVE, b, ON(10), 10);
}

static void b30_a_refund_refused_by_the_provider_is_undone(void **state)
{
	static const int64_t at_s[] = { 0, 10 * DAY, 44 * DAY, 45 * DAY, 130 * DAY, 500 * DAY };
	static struct life before;

	(void)state;
	for (size_t i = 0; i < 10 * ARRAY_LEN(at_s); i++) {
		struct life *l = three();
		int64_t order = 101 + (int64_t)i % 5, level = 1 + (int64_t)i / 5 % 2;
		int64_t now_s = ON(45) + at_s[i / 10];

		bought(l, offer(30000, 40, level), ON(45)); /* level 2 folds two of three */
		bought(l, offer(30000, 40, level), ON(45));
		if (order == 104)
			refunded(l, 105, ON(45));
		before = *l;
		if (entitlement_refund(&l->e, order, now_s, l->version + 1) != OK)
			continue;
		assert_int_equal(entitlement_refund_undo(&l->e, order), OK);
		assert_memory_equal(&before, l, sizeof(before));
		refunded(l, order, now_s); /* and may be retried */
	}
}

/* A history with every kind of change. */
static struct life *full(void)
{
	struct life *l = three();

	refunded(l, 102, ON(10));
	l->version++;                            /* 5: a refund, undone */
	bought(l, offer(30000, 100, 2), ON(20)); /* 104 folds 101 and 103 */
	bought(l, offer(30000, 100, 2), ON(21));
	bought(l, offer(90000, 100, 3), ON(22)); /* 106 folds 104 and 105 */
	refunded(l, 106, ON(23));
	refunded(l, 105, ON(24));
	bought(l, offer(90000, 100, 2), ON(25));
	bought(l, offer(90000, 100, 1), ON(500)); /* another chain */
	bought(l, offer(90000, 100, 1), ON(501));
	refunded(l, 108, ON(502));
	return l;
}

static const struct {
	int64_t order;
	size_t off;
	int64_t add;
	const char *name; /* the member reported */
	int64_t at;       /* and its place; 0: the changed one */
} lies[] = {
	{ 101, offsetof(struct segment, state), -1, "state", 0 },
	{ 105, offsetof(struct segment, state), -2, "state", 0 },
	{ 109, offsetof(struct segment, start_s), 1, "start_s", 0 },
	{ 109, offsetof(struct segment, chain), 1, "chain", 0 },
	{ 103, offsetof(struct segment, folded_by), 1, "folded_by", 0 },
	{ 109, offsetof(struct segment, folded_by), 1, "folded_by", 0 },
	{ 106, offsetof(struct segment, cut_s), 1, "cut_s", 0 },
	{ 105, offsetof(struct segment, taken_s), 1, "taken_s", 0 },
	{ 104, offsetof(struct segment, taken_s), 1, "taken_s", 0 },
	{ 107, offsetof(struct segment, refunded_s), 1, "refunded_s", 0 },
	{ 104, offsetof(struct segment, kind), -1, "kind", 0 },
	{ 104, offsetof(struct segment, kind), -2, "kind", 0 },
	{ 108, offsetof(struct segment, kind), 2, "kind", 0 },
	{ 107, offsetof(struct segment, kind), 9, "kind", 0 },
	{ 101, offsetof(struct segment, level), -1, "level", 0 },
	{ 101, offsetof(struct segment, level), 1, "kind", 102 },
	{ 105, offsetof(struct segment, level), -1, "kind", 0 },
	{ 101, offsetof(struct segment, days), -30, "days", 0 },
	{ 101, offsetof(struct segment, days), 36571, "days", 0 },
	{ 104, offsetof(struct segment, days), 1, "start_s", 105 },
	{ 109, offsetof(struct segment, value), -90001, "value", 0 },
	{ 109, offsetof(struct segment, value), -1, "cash", 0 },
	{ 109, offsetof(struct segment, cash), -90001, "cash", 0 },
	{ 109, offsetof(struct segment, cash), 1, "cash", 0 },
	{ 101, offsetof(struct segment, granted_s), 1, "start_s", 0 },
	{ 109, offsetof(struct segment, granted_s), INT64_MIN, "granted_s", 0 },
	{ 101, offsetof(struct segment, granted_version), -1, "granted_version", 0 },
	{ 102, offsetof(struct segment, granted_version), -1, "granted_version", 0 },
	{ 109, offsetof(struct segment, order_id), -1, "order_id", 108 },
	{ 108, offsetof(struct segment, order_id), 9, "chain", 117 },
	{ 102, offsetof(struct segment, refunded_s), INT64_MIN, "refunded_s", 0 },
	{ 102, offsetof(struct segment, refunded_version), -4, "state", 0 },
	{ 102, offsetof(struct segment, refunded_version), -3, "state", 0 },
	{ 109, offsetof(struct segment, refunded_version), 5, "refunded_version", 0 },
	{ 103, offsetof(struct segment, refunded_version), 99, "refunded_version", 0 },
	{ 107, offsetof(struct segment, refunded_version), -1, "refunded_version", 0 },
};

static void every_member_can_be_recomputed_and_a_wrong_one_is_named(void **state)
{
	static struct segment work[ENTITLEMENT_SEGMENTS_MAX];

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(lies); i++) {
		struct life *l = full();
		int64_t *member = (void *)((char *)row(l, lies[i].order) + lies[i].off), at = -1;
		const char *found = entitlement_replay(&l->e, work, &at);

		if (found != NULL)
			fail_msg("a true life has a false %s at %lld", found, (long long)at);
		assert_int_equal(at, -1);
		*member += lies[i].add;
		for (int64_t j = 0; j < l->e.n; j++) { /* the rest of `work` is unused */
			work[j] = l->rows[0];
			work[j].granted_version = 0;
			work[j].state = SEGMENT_ACTIVE;
		}
		found = entitlement_replay(&l->e, work, &at);
		if (found == NULL || strcmp(found, lies[i].name) != 0 ||
			at != (lies[i].at ? lies[i].at : lies[i].order))
			fail_msg(
				"lie %zu: %s at %lld", i, found ? found : "nothing", (long long)at);
	}
}

/* Added to a valid grant: 30 days, on day 1 of three(). */
struct wrong {
	const struct offer *quoted;
	struct quote q;
	int64_t order, cash, at_s, version;
};

static enum err grant_wrong(const struct wrong *wrong)
{
	struct life *l = three();
	struct quote q = quoted(l, *wrong->quoted, ON(1));

	q.kind += wrong->q.kind;
	q.level += wrong->q.level;
	q.days += wrong->q.days;
	q.price.fen += wrong->q.price.fen;
	q.discount.fen += wrong->q.discount.fen;
	q.amount.fen += wrong->q.amount.fen;
	q.value.fen += wrong->q.value.fen;
	return entitlement_grant(&l->e, 104 + wrong->order, &q,
		(money){ q.amount.fen + wrong->cash }, ON(1) + wrong->at_s, 4 + wrong->version);
}

static const struct offer renewal = { { 3000 }, 30, 1 }, upgrade = { { 30000 }, 30, 2 },
			  for_nothing = { { 5000 }, 30, 2 }, gift = { { 0 }, 30, 1 };
static struct wrong never_quoted[] = {
	{ .quoted = &renewal, .q.kind = -1 },
	{ .quoted = &renewal, .q.kind = 1 },
	{ .quoted = &renewal, .q.level = 1 },
	/* nothing is live then */
	{ .quoted = &renewal, .q.kind = -2, .at_s = 99 * DAY },
	{ .quoted = &renewal, .q.kind = 2, .at_s = 99 * DAY },
	{ .quoted = &renewal, .q.level = -1, .at_s = 99 * DAY },
	{ .quoted = &renewal, .q.days = -30 },
	{ .quoted = &renewal, .q.days = 36571 },
	{ .quoted = &renewal, .q.price = { 1 }, .q.discount = { 1 }, .q.value = { 1 } },
	{ .quoted = &renewal, .q.price = { 1 }, .q.amount = { 1 } },
	{ .quoted = &renewal, .q.value = { 1 } },
	{ .quoted = &gift, .q.value = { 1 } },
	{ .quoted = &gift, .q.kind = 1, .q.level = 1 },
	{ .quoted = &upgrade, .q.kind = -1 },
	{ .quoted = &upgrade, .q.level = -1 },
	{ .quoted = &upgrade, .q.amount = { -1 } },
	{ .quoted = &upgrade, .q.discount = { -8901 }, .q.amount = { 8901 } },
	{ .quoted = &upgrade, .q.discount = { 30000 }, .q.amount = { -30000 }, .cash = 9000 },
	{ .quoted = &upgrade, .q.value = { 1 } },
	{ .quoted = &upgrade, .q.value = { -1 } },
	{ .quoted = &for_nothing, .q.value = { -3901 } },
	{ .quoted = &renewal, .cash = 1 },
	{ .quoted = &renewal, .cash = -3001 },
	{ .quoted = &renewal, .version = -1 },
	{ .quoted = &renewal, .order = -3 },
	{ .quoted = &renewal, .at_s = -ON(1) - 1 },
};

static void only_quoted_changes_can_be_granted(void **state)
{
	static struct wrong right[] = { { .quoted = &renewal }, { .quoted = &upgrade },
		{ .quoted = &for_nothing }, { .quoted = &gift },
		{ .quoted = &renewal, .at_s = 99 * DAY }, { .quoted = &upgrade, .at_s = 99 * DAY },
		{ .quoted = &renewal, .cash = -3000, .at_s = 5, .version = 5, .order = 5 } };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(right); i++)
		if (grant_wrong(&right[i]) != OK)
			fail_msg("right one %zu is not granted", i);
	for (size_t i = 0; i < ARRAY_LEN(never_quoted); i++)
		if (grant_wrong(&never_quoted[i]) != ERR_INTERNAL)
			fail_msg("wrong one %zu is granted", i);
}

static enum err misuse(int how)
{
	struct life *l = three();
	struct quote q;
	struct offer dear_gift = offer(1, 30, 1), free = offer(0, 30, 1);

	refunded(l, 102, ON(1));
	switch (how) {
	case 0:
		return entitlement_refund_undo(&l->e, 102);
	case 1:
		return entitlement_refund_undo(&l->e, 101); /* not refunded */
	case 2:
		return entitlement_refund_undo(&l->e, 104); /* no such order */
	case 3:
		bought(l, offer(3000, 30, 1), ON(1));
		return entitlement_refund_undo(&l->e, 102); /* not the latest change */
	case 4:
		return entitlement_refund(&l->e, 101, ON(1), l->version);
	case 5:
		return entitlement_quote(&l->e, &free, ON(1), &q);
	case 6:
		return entitlement_quote_gift(&l->e, &dear_gift, ON(1), &q);
	default:
		return entitlement_quote(&l->e, &dear_gift, -1, &q);
	}
}

static void b63_invalid_calls_are_errors_and_change_nothing(void **state)
{
	(void)state;
	for (int i = 0; i < 8; i++)
		if ((misuse(i) == ERR_INTERNAL) != (i > 0))
			fail_msg("misuse %d", i);
}

static void b63_impossible_rows_are_reported(void **state)
{
	struct life *l = three();
	const size_t members[] = { offsetof(struct segment, kind), offsetof(struct segment, state),
		offsetof(struct segment, level), offsetof(struct segment, days),
		offsetof(struct segment, start_s), offsetof(struct segment, granted_s),
		offsetof(struct segment, taken_s), offsetof(struct segment, value) };

	(void)state;
	assert_true(entitlement_possible(&l->e));
	for (size_t i = 0; i < ARRAY_LEN(members); i++) {
		int64_t *at = (int64_t *)(void *)((char *)&l->rows[1] + members[i]), was = *at;

		*at = -1;
		assert_false(entitlement_possible(&l->e));
		*at = INT64_MAX;
		/* any level above 0 is valid */
		if (members[i] != offsetof(struct segment, level))
			assert_false(entitlement_possible(&l->e));
		*at = was;
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(b29_a_refund_shortens_only_its_own_chain),
		cmocka_unit_test(b29_refunds_of_one_chain_follow_one_another),
		cmocka_unit_test(b29_another_chain_is_untouched),
		cmocka_unit_test(b29_the_example_of_an_upgrade),
		cmocka_unit_test(
			b29_an_upgrade_refunded_after_the_folded_segments_would_have_ended),
		cmocka_unit_test(b29_a_folded_order_is_refunded_after_its_upgrade),
		cmocka_unit_test(b29_an_upgrade_waits_for_every_later_grant),
		cmocka_unit_test(b27_an_upgrade_that_was_granted_as_new_is_refunded_as_new),
		cmocka_unit_test(b30_a_refund_refused_by_the_provider_is_undone),
		cmocka_unit_test(every_member_can_be_recomputed_and_a_wrong_one_is_named),
		cmocka_unit_test(only_quoted_changes_can_be_granted),
		cmocka_unit_test(b63_invalid_calls_are_errors_and_change_nothing),
		cmocka_unit_test(b63_impossible_rows_are_reported),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
