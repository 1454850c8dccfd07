/* SPDX-License-Identifier: MIT */
#include "unit.h"

#include <stdalign.h>
#include <string.h>

#include "base/arena.h"
#include "child.h"

static bool is_zero(const unsigned char *p, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (p[i] != 0)
			return false;
	return true;
}

static void memory_of_any_size_is_zeroed_and_aligned(void **state)
{
	struct arena a = { 0 };

	(void)state;
	for (size_t size = 0; size < 2000; size++) {
		unsigned char *p = arena_alloc(&a, size);

		assert_int_equal((uintptr_t)p % alignof(max_align_t), 0);
		assert_true(is_zero(p, size));
		memset(p, 0xff, size);
	}
	arena_done(&a);
}

static void reused_memory_is_zeroed(void **state)
{
	struct arena a = { 0 };

	(void)state;
	memset(arena_alloc(&a, 5000), 0xff, 5000);
	arena_reset(&a);
	assert_true(is_zero(arena_alloc(&a, 5000), 5000));
	arena_done(&a);
}

static void allocations_never_overlap(void **state)
{
	enum { N = 3000 };
	static unsigned char *p[N];
	struct arena a = { 0 };

	(void)state;
	for (size_t i = 0; i < N; i++) {
		p[i] = arena_alloc(&a, i % 257 + 1);
		memset(p[i], (int)(i % 251 + 1), i % 257 + 1);
	}
	for (size_t i = 0; i < N; i++)
		for (size_t k = 0; k < i % 257 + 1; k++)
			if (p[i][k] != i % 251 + 1)
				fail_msg("allocation %zu was overwritten at %zu", i, k);
	arena_done(&a);
}

static void an_allocation_may_exceed_a_block(void **state)
{
	struct arena a = { 0 };
	char *big = arena_alloc(&a, (size_t)1 << 20), *small;

	(void)state;
	memset(big, 'x', (size_t)1 << 20);
	small = arena_dup(&a, "small", 5);
	assert_int_equal(big[((size_t)1 << 20) - 1], 'x');
	assert_string_equal(small, "small");
	arena_reset(&a);
	assert_int_equal(a.used, 0);
	arena_done(&a);
	assert_null(a.top);
}

static void a_copy_is_nul_terminated_and_keeps_inner_nuls(void **state)
{
	struct arena a = { 0 };

	(void)state;
	assert_memory_equal(arena_dup(&a, "a\0b!", 3), "a\0b", 4);
	assert_string_equal(arena_dup(&a, NULL, 0), "");
	arena_done(&a);
}

static void formatted_text_is_never_truncated(void **state)
{
	struct arena a = { 0 };
	char *text = arena_printf(&a, "%s %0*d %d", "fen", 200000, 7, 42);

	(void)state;
	assert_int_equal(strlen(text), 4 + 200000 + 3);
	assert_string_equal(text + 4 + 200000 - 1, "7 42");
	assert_string_equal(arena_printf(&a, "%s", ""), "");
	arena_done(&a);
}

static void a_rewind_frees_only_what_came_after_the_mark(void **state)
{
	struct arena a = { 0 };
	struct arena_mark empty = arena_mark(&a), mark;
	char *kept = arena_dup(&a, "kept", 4);
	size_t used;

	(void)state;
	mark = arena_mark(&a);
	used = a.used;
	for (int round = 0; round < 3; round++) {
		for (int i = 0; i < 100; i++)
			memset(arena_alloc(&a, 3000), 0xee, 3000);
		assert_true(a.used >= used + 300000);
		arena_rewind(&a, mark);
		assert_int_equal(a.used, used);
		assert_string_equal(kept, "kept");
		assert_true(is_zero(arena_alloc(&a, 3000), 3000));
		arena_rewind(&a, mark);
	}
	arena_rewind(&a, empty);
	assert_int_equal(a.used, 0);
	arena_done(&a);
}

static void a_rewind_frees_room_within_a_block(void **state)
{
	struct arena a = { 0 };
	struct arena_mark mark;
	const char *first;

	(void)state;
	(void)!arena_dup(&a, "kept", 4)[0];
	mark = arena_mark(&a);
	first = arena_dup(&a, "one", 3);
	arena_rewind(&a, mark);
#if defined(__SANITIZE_ADDRESS__)
	(void)first; /* there each allocation is a malloc */
#else
	assert_ptr_equal(arena_dup(&a, "two", 3), first);
#endif
	arena_done(&a);
	assert_null(a.top);
}

static void a_rewind_without_allocations_changes_nothing(void **state)
{
	struct arena a = { 0 };
	char *kept = arena_dup(&a, "kept", 4);

	(void)state;
	arena_rewind(&a, arena_mark(&a));
	assert_string_equal(kept, "kept");
	assert_string_not_equal(arena_dup(&a, "next", 4), kept);
	arena_done(&a);
	arena_rewind(&a, arena_mark(&a));
	assert_null(a.top);
}

static void one_block_is_kept_across_any_number_of_requests(void **state)
{
	struct arena a = { 0 };

	(void)state;
	for (int request = 0; request < 1000; request++) {
		for (size_t i = 0; i < 20; i++)
			memset(arena_alloc(&a, i * 997), 1, i * 997);
		arena_reset(&a);
		assert_int_equal(a.used, 0);
	}
	arena_done(&a);
	arena_done(&a); /* calling it twice is harmless */
}

/* ---- limits ---- */

static void fill(struct arena *a, size_t max)
{
	while (a->used < max)
		((char *)arena_alloc(a, (size_t)1 << 20))[0] = 1;
}

static void exactly_the_limit_is_allowed(void **state)
{
	struct arena a = { 0 };

	(void)state;
	fill(&a, ARENA_MAX);
	assert_int_equal(a.used, ARENA_MAX);
	assert_false(a.exhausted);
	arena_done(&a);
}

static void beyond_the_limit_small_allocations_succeed_and_set_exhausted(void **state)
{
	struct arena a = { 0 };

	(void)state;
	fill(&a, ARENA_MAX);
	assert_string_equal(arena_printf(&a, "%d", 42), "42");
	assert_true(a.exhausted);
	fill(&a, ARENA_MAX + ARENA_RESERVE - ((size_t)1 << 20));
	assert_true(a.exhausted);
	arena_done(&a);
}

static void unbounded_sizes_are_refused_beyond_the_limit(void **state)
{
	static const struct {
		size_t n, size;
	} cases[] = { { 1, ARENA_MAX + 1 }, { ARENA_MAX / 8, 9 }, { 1, SIZE_MAX }, { SIZE_MAX, 1 },
		{ SIZE_MAX / 16 + 2, 16 }, { 2, SIZE_MAX } };
	struct arena a = { 0 };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		volatile size_t n = cases[i].n, size = cases[i].size;

		assert_null(arena_try(&a, n, size));
		assert_true(a.exhausted);
		assert_int_equal(a.used, 0);
		arena_reset(&a);
		assert_false(a.exhausted);
	}
	assert_non_null(arena_try(&a, 0, 8));
	assert_true(is_zero(arena_try(&a, 1000, 8), 8000));
	fill(&a, ARENA_MAX - ((size_t)1 << 20));
	assert_false(a.exhausted);
	assert_null(arena_try(&a, 1, (size_t)2 << 20));
	assert_true(a.exhausted);
	arena_done(&a);
	assert_false(a.exhausted);
}

static void exhausted_lasts_until_a_rewind_to_before_it(void **state)
{
	struct arena a = { 0 };
	struct arena_mark before = arena_mark(&a), after;
	volatile size_t size = SIZE_MAX;

	(void)state;
	assert_null(arena_try(&a, 1, size));
	(void)!arena_dup(&a, "small", 5)[0];
	assert_true(a.exhausted);
	after = arena_mark(&a);
	arena_rewind(&a, after);
	assert_true(a.exhausted);
	arena_rewind(&a, before);
	assert_false(a.exhausted);
	arena_done(&a);
}

static void take_the_reserve_too(void *arg)
{
	struct arena a = { 0 };

	(void)arg;
	fill(&a, ARENA_MAX + ARENA_RESERVE + 1);
}

static void take_an_array_whose_size_overflows(void *arg)
{
	struct arena a = { 0 };
	volatile size_t n = SIZE_MAX / 16 + 2;
	char *volatile p;

	(void)arg;
	p = arena_array(&a, n, 16); /* 16 bytes, if the product wrapped */
	p[0] = 1;
}

static void an_endless_loop_aborts_the_process(void **state)
{
	(void)state;
	assert_true(child_aborts(take_the_reserve_too, NULL));
	assert_true(child_aborts(take_an_array_whose_size_overflows, NULL));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(memory_of_any_size_is_zeroed_and_aligned),
		cmocka_unit_test(reused_memory_is_zeroed),
		cmocka_unit_test(allocations_never_overlap),
		cmocka_unit_test(an_allocation_may_exceed_a_block),
		cmocka_unit_test(a_copy_is_nul_terminated_and_keeps_inner_nuls),
		cmocka_unit_test(formatted_text_is_never_truncated),
		cmocka_unit_test(a_rewind_frees_only_what_came_after_the_mark),
		cmocka_unit_test(a_rewind_frees_room_within_a_block),
		cmocka_unit_test(a_rewind_without_allocations_changes_nothing),
		cmocka_unit_test(one_block_is_kept_across_any_number_of_requests),
		cmocka_unit_test(exactly_the_limit_is_allowed),
		cmocka_unit_test(beyond_the_limit_small_allocations_succeed_and_set_exhausted),
		cmocka_unit_test(unbounded_sizes_are_refused_beyond_the_limit),
		cmocka_unit_test(exhausted_lasts_until_a_rewind_to_before_it),
		cmocka_unit_test(an_endless_loop_aborts_the_process),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
