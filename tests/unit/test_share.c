/* SPDX-License-Identifier: MIT */
#include "unit.h"

#include <stdio.h>
#include <unistd.h>

#include "base/log.h"
#include "shop/books/share.h"

/* Each job has its share of a pass, whatever happens in it. */

static struct ctx ctx;

static int forget(void **state)
{
	(void)state;
	arena_done(&ctx.arena);
	ctx = (struct ctx){ 0 };
	return 0;
}

static int64_t left_ms(void)
{
	return ctx.deadline_ms - clock_mono_ms();
}

static void a_share_is_over_when_its_time_is(void **state)
{
	struct share s = share_begin("x", 0), later = share_begin("x", HOUR_MS);

	(void)state;
	assert_false(share_next(&ctx, &s));
	assert_true(share_next(&ctx, &later));
	later.until_ms = clock_mono_ms();
	assert_false(share_next(&ctx, &later));
}

static void each_row_has_its_own_time_and_deadline(void **state)
{
	struct share s = share_begin("x", HOUR_MS);
	const int64_t from_ms = clock_now_ms();

	(void)state;
	assert_true(share_next(&ctx, &s));
	assert_true(ctx.now_ms >= from_ms && ctx.now_ms <= clock_now_ms());
	assert_true(left_ms() <= 20 * SECOND_MS && left_ms() > 5 * SECOND_MS);
}

static void the_wait_for_an_unresponsive_provider_shrinks_until_it_answers(void **state)
{
	struct share s = share_begin("x", HOUR_MS);

	(void)state;
	for (int i = 0; i < 3; i++) {
		assert_true(share_next(&ctx, &s));
		assert_true(left_ms() > 5 * SECOND_MS);
		share_note_answer(&s, false);
	}
	assert_true(share_next(&ctx, &s));
	assert_true(left_ms() <= SECOND_MS);
	share_note_answer(&s, true);
	assert_true(share_next(&ctx, &s));
	assert_true(left_ms() > 5 * SECOND_MS);
}

static void forty_consecutive_unanswered_rows_end_a_share_and_forty_others_do_not(void **state)
{
	struct share s = share_begin("x", HOUR_MS);

	(void)state;
	for (int i = 0; i < 400; i++) {
		share_note_answer(&s, i % 40 == 0);
		assert_true(share_next(&ctx, &s));
	}
	share_note_answer(&s, false);
	assert_false(share_next(&ctx, &s));
	share_note_answer(&s, true);
	assert_false(share_next(&ctx, &s)); /* permanently */
}

static void the_wait_for_a_lock_shrinks_too(void **state)
{
	struct share s = share_begin("x", HOUR_MS);

	(void)state;
	for (int i = 0; i < 3; i++) {
		enum err e = ERR_BUSY;

		assert_true(share_next(&ctx, &s));
		assert_true(left_ms() > 5 * SECOND_MS);
		assert_true(share_failed(&ctx, &s, 7, &e));
	}
	assert_true(share_next(&ctx, &s));
	assert_true(left_ms() <= SECOND_MS);
}

static void no_row_has_more_than_a_quarter_of_a_share(void **state)
{
	struct share s = share_begin("x", 20 * SECOND_MS);

	(void)state;
	assert_true(share_next(&ctx, &s));
	assert_true(left_ms() <= 5 * SECOND_MS && left_ms() > SECOND_MS);
}

static void failures_are_counted_and_the_first_is_kept(void **state)
{
	struct share s = share_begin("x", HOUR_MS);
	enum err e = OK;

	(void)state;
	assert_false(share_failed(&ctx, &s, 7, &e));
	assert_int_equal(s.failed, 0);
	e = ERR_CONFLICT;
	assert_true(share_failed(&ctx, &s, 7, &e));
	e = ERR_DB;
	assert_true(share_failed(&ctx, &s, 8, &e));
	assert_int_equal(s.failed, 2);
	assert_int_equal(s.error, ERR_CONFLICT);
	assert_true(share_next(&ctx, &s));
	e = ERR_DB_LOST; /* possibly caused by the row itself */
	assert_true(share_failed(&ctx, &s, 9, &e));
	assert_int_equal(s.failed, 3);
	assert_true(share_next(&ctx, &s));
}

static void a_share_ends_when_a_rows_result_cannot_be_stored(void **state)
{
	struct share s = share_begin("x", HOUR_MS);

	(void)state;
	share_claim_failed(&ctx, &s, 7, OK);
	share_claim_failed(&ctx, &s, 7, ERR_BUSY);
	assert_int_equal(s.failed, 1);
	assert_true(share_next(&ctx, &s));
	share_claim_failed(&ctx, &s, 8, ERR_DB_LOST);
	assert_int_equal(s.failed, 2);
	assert_false(share_next(&ctx, &s));
}

static void exhausted_memory_is_a_failure_of_the_row_whatever_it_returned(void **state)
{
	struct share s = share_begin("x", HOUR_MS);
	enum err e = OK;

	(void)state;
	assert_null(arena_try(&ctx.arena, 1, ARENA_MAX + 1));
	assert_true(share_failed(&ctx, &s, 7, &e));
	assert_int_equal(e, ERR_INTERNAL);
}

static void failures_back_off_and_busy_rows_are_retried_in_a_minute(void **state)
{
	static const int64_t minutes[] = { 1, 2, 4, 8, 16, 32, 60, 60 };

	(void)state;
	ctx.now_ms = 1700000000000;
	for (int64_t tries = 0; tries < (int64_t)ARRAY_LEN(minutes); tries++) {
		assert_int_equal(share_retry_ms(&ctx, ERR_DB, tries),
			ctx.now_ms + minutes[tries] * MINUTE_MS);
		assert_int_equal(share_retry_ms(&ctx, ERR_BUSY, tries), ctx.now_ms + MINUTE_MS);
	}
	assert_int_equal(share_retry_ms(&ctx, ERR_DB, INT64_MAX), ctx.now_ms + HOUR_MS);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(a_share_is_over_when_its_time_is, forget),
		cmocka_unit_test_teardown(each_row_has_its_own_time_and_deadline, forget),
		cmocka_unit_test_teardown(
			the_wait_for_an_unresponsive_provider_shrinks_until_it_answers, forget),
		cmocka_unit_test_teardown(
			forty_consecutive_unanswered_rows_end_a_share_and_forty_others_do_not,
			forget),
		cmocka_unit_test_teardown(failures_are_counted_and_the_first_is_kept, forget),
		cmocka_unit_test_teardown(a_share_ends_when_a_rows_result_cannot_be_stored, forget),
		cmocka_unit_test_teardown(the_wait_for_a_lock_shrinks_too, forget),
		cmocka_unit_test_teardown(no_row_has_more_than_a_quarter_of_a_share, forget),
		cmocka_unit_test_teardown(
			exhausted_memory_is_a_failure_of_the_row_whatever_it_returned, forget),
		cmocka_unit_test_teardown(
			failures_back_off_and_busy_rows_are_retried_in_a_minute, forget),
	};

	if (!log_open("/dev/null", "test"))
		return 1;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
