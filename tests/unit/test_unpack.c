/* SPDX-License-Identifier: MIT */
/* test_unpack.c - temporary files, lines that arrive in pieces, and gzip and zip files of others. */
#include "unit.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "base/lines.h"
#include "base/log.h"
#include "ext/unpack.h"
#include "pack.h"

static struct arena arena;

static int forget(void **state)
{
	(void)state;
	arena_reset(&arena);
	return 0;
}

/* ---- temporary files ---- */

static void a_spool_has_no_name_and_a_maximum(void **state)
{
	struct spool s;
	struct stat st;
	char back[8] = "";

	(void)state;
	assert_true(spool_open(&s, 6));
	assert_int_equal(fstat(s.fd, &st), 0);
	assert_int_equal(st.st_nlink, 0);
	assert_int_equal(st.st_mode & 0077, 0);
	assert_true(spool_add(&s, "abcd", 4));
	assert_true(spool_add(&s, "", 0));
	assert_false(spool_add(&s, "efg", 3));
	assert_true(s.overflow);
	assert_true(spool_add(&s, "ef", 2));
	assert_int_equal(spool_read(&s, 1, back, sizeof(back)), 5);
	assert_memory_equal(back, "bcdef", 5);
	assert_int_equal(spool_read(&s, 6, back, sizeof(back)), 0);
	spool_close(&s);
	assert_int_equal(s.fd, -1);
	spool_close(&s);
}

static void a_spool_needs_its_directory(void **state)
{
	struct spool s;

	(void)state;
	assert_int_equal(setenv("TMPDIR", "/nonexistent", 1), 0);
	assert_true(log_open("/dev/null", "test"));
	assert_false(spool_open(&s, 6));
	assert_int_equal(s.fd, -1);
	assert_int_equal(unsetenv("TMPDIR"), 0);
}

/* ---- lines ---- */

static char seen[256];
static enum err stop_at;

static enum err note(void *arg, char *line, size_t len)
{
	(void)arg;
	assert_int_equal(strlen(line), len);
	strcat(strcat(seen, line), "|");
	return strcmp(line, "stop") == 0 ? stop_at : OK;
}

/* The lines of a text in pieces of n bytes. */
static enum err cut(const char *text, size_t n, size_t max)
{
	struct lines l = lines_new(&arena, max, note, NULL);
	const size_t len = strlen(text);

	seen[0] = '\0';
	for (size_t i = 0; i < len; i += n)
		TRY(lines_add(&l, text + i, n < len - i ? n : len - i));
	return lines_end(&l);
}

static void lines_are_the_same_in_any_pieces(void **state)
{
	(void)state;
	for (size_t n = 1; n < 12; n++) {
		assert_int_equal(cut("one\r\ntwo\n\nthree\r\rlast", n, 16), OK);
		assert_string_equal(seen, "one|two||three\r\rlast|");
		assert_int_equal(cut("one\n", n, 4), OK);
		assert_string_equal(seen, "one|");
		assert_int_equal(cut("", n, 4), OK);
		assert_string_equal(seen, "");
	}
}

static void a_line_that_is_too_long_ends_it_and_so_does_a_refusal(void **state)
{
	struct lines l = lines_new(&arena, 4, note, NULL);

	(void)state;
	for (size_t n = 1; n < 12; n++) {
		assert_int_equal(cut("1234\n12345\n1", n, 4), ERR_INTERNAL);
		assert_string_equal(seen, "1234|");
		stop_at = ERR_BUSY;
		assert_int_equal(cut("a\nstop\nb\n", n, 4), ERR_BUSY);
		assert_string_equal(seen, "a|stop|");
		assert_int_equal(cut("a\nstop", n, 4), ERR_BUSY);
	}
	assert_int_equal(lines_add(&l, "12345", 5), ERR_INTERNAL);
	assert_true(l.overflow);
}

/* ---- gzip ---- */

static const struct unpack_limits wide = { INT64_C(1) << 30, 2000 };
static struct str got;

static enum err keep(void *arg, const char *bytes, size_t n)
{
	(void)arg;
	str_add(&got, bytes, n);
	return got.overflow ? ERR_BUSY : OK;
}

static const char *unpacked(struct slice packed, const struct unpack_limits *limits, enum err want)
{
	AUTO(spool_close) struct spool file = spooled(packed);
	const char *fault = "none";

	got = str_new(&arena, 8 << 20);
	assert_int_equal(gunzip(&file, limits, keep, NULL, &fault), want);
	return fault;
}

static struct slice joined(struct slice a, struct slice b)
{
	char *both = arena_alloc(&arena, a.len + b.len);

	memcpy(both, a.p, a.len);
	memcpy(both + a.len, b.p, b.len);
	return (struct slice){ both, a.len + b.len };
}

/* Text that is hard to pack. */
static struct slice noise(size_t n)
{
	char *p = arena_alloc(&arena, n);
	uint32_t x = 1;

	for (size_t i = 0; i < n; i++) {
		x = x * 1664525 + 1013904223;
		p[i] = (char)(x >> 24);
	}
	return (struct slice){ p, n };
}

static void what_was_packed_comes_back(void **state)
{
	const size_t sizes[] = { 0, 1, 1000, 65535, 65536, 65537, 131072, 300000 };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
		const struct slice text = noise(sizes[i]);
		const struct slice packed = gzipped(&arena, text);

		assert_null(unpacked(packed, &wide, OK));
		assert_int_equal(got.len, text.len);
		assert_memory_equal(str_text(&got), text.p, text.len);
		/* two members, one after the other */
		assert_null(unpacked(joined(packed, gzipped(&arena, slice_of("end"))), &wide, OK));
		assert_int_equal(got.len, text.len + 3);
		arena_reset(&arena);
	}
}

static void no_part_of_a_file_is_taken_for_the_whole(void **state)
{
	const struct slice packed = gzipped(&arena, slice_of("a bill, and its totals"));

	(void)state;
	for (size_t n = 0; n < packed.len; n++)
		assert_string_equal(
			unpacked((struct slice){ packed.p, n }, &wide, ERR_INTERNAL), "truncated");
}

static void a_changed_byte_is_noticed(void **state)
{
	const struct slice packed = gzipped(&arena, noise(2000));
	const size_t places[] = { 0, 1, 2, 12, packed.len / 2, packed.len - 8, packed.len - 1 };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(places); i++) {
		char *copy = arena_dup(&arena, packed.p, packed.len);

		copy[places[i]] ^= 1;
		assert_non_null(unpacked((struct slice){ copy, packed.len }, &wide, ERR_INTERNAL));
	}
	assert_string_equal(
		unpacked(joined(packed, slice_of("more")), &wide, ERR_INTERNAL), "damaged");
	assert_string_equal(unpacked(slice_of("not packed"), &wide, ERR_INTERNAL), "damaged");
}

static void a_bomb_costs_no_more_than_its_limits(void **state)
{
	const size_t size = 16 << 20;
	const struct slice bomb =
		gzipped(&arena, (struct slice){ arena_alloc(&arena, size), size });
	const struct unpack_limits small = { 3 << 20, 2000 }, tight = { INT64_C(1) << 30, 100 };

	(void)state;
	assert_string_equal(unpacked(bomb, &small, ERR_INTERNAL), "too large");
	assert_true(got.len <= 3 << 20);
	assert_string_equal(unpacked(bomb, &tight, ERR_INTERNAL), "packed too tightly");
	assert_true(got.len <= 1 << 20);
	/* below a megabyte no ratio counts */
	assert_null(
		unpacked(gzipped(&arena, (struct slice){ arena_alloc(&arena, 1 << 20), 1 << 20 }),
			&tight, OK));
}

static void a_refusal_of_what_was_unpacked_is_passed_on(void **state)
{
	(void)state;
	assert_null(unpacked(gzipped(&arena, noise(9 << 20)), &wide, ERR_BUSY));
}

/* ---- zip ---- */

static int begun;

static enum err begin(void *arg)
{
	(void)arg;
	begun++;
	return OK;
}

static const char *unzipped(struct slice packed, const struct unpack_limits *limits, enum err want)
{
	AUTO(spool_close) struct spool file = spooled(packed);
	const struct unzip_to to = { begin, keep, NULL };
	const char *fault = "none";

	got = str_new(&arena, 8 << 20);
	begun = 0;
	assert_int_equal(unzip_library(&file, limits, &to, &fault), want);
	return fault;
}

static void the_files_of_an_archive_come_one_after_the_other(void **state)
{
	const struct slice texts[] = { slice_of("one"), slice_of(""), noise(200000),
		slice_of("end") };
	const struct slice packed = zipped(&arena, texts, ARRAY_LEN(texts));

	(void)state;
	assert_null(unzipped(packed, &wide, OK));
	assert_int_equal(begun, 4);
	assert_int_equal(got.len, 200006);
	assert_memory_equal(str_text(&got), "one", 3);
	assert_memory_equal(str_text(&got) + 3, texts[2].p, texts[2].len);
	assert_string_equal(str_text(&got) + 200003, "end");
}

static void no_part_of_an_archive_is_taken_for_the_whole(void **state)
{
	const struct slice text = slice_of("a bill, and its totals");
	const struct slice packed = zipped(&arena, &text, 1);

	(void)state;
	for (size_t n = 0; n < packed.len; n++)
		assert_string_equal(
			unzipped((struct slice){ packed.p, n }, &wide, ERR_INTERNAL), "damaged");
}

static void a_changed_text_of_an_archive_is_noticed(void **state)
{
	const struct slice text = noise(2000);
	const struct slice packed = zipped(&arena, &text, 1);
	const size_t after = packed.len - 2000; /* noise isn't packed: it is somewhere in there */

	(void)state;
	for (size_t i = after; i < 2000; i += 97) {
		char *copy = arena_dup(&arena, packed.p, packed.len);

		copy[i] ^= 1;
		assert_string_equal(
			unzipped((struct slice){ copy, packed.len }, &wide, ERR_INTERNAL),
			"damaged");
	}
}

static void an_archive_costs_no_more_than_its_limits(void **state)
{
	const struct slice zeros = { arena_alloc(&arena, 4 << 20), 4 << 20 },
			   few = { zeros.p, 1 << 20 };
	const struct slice bombs[] = { zeros, zeros };
	const struct unpack_limits small = { 7 << 20, 2000 }, tight = { INT64_C(1) << 30, 100 };
	struct slice many[17];

	(void)state;
	assert_null(unzipped(zipped(&arena, bombs, 1), &small, OK));
	assert_string_equal(unzipped(zipped(&arena, bombs, 2), &small, ERR_INTERNAL), "too large");
	assert_string_equal(
		unzipped(zipped(&arena, bombs, 1), &tight, ERR_INTERNAL), "packed too tightly");
	assert_true(got.len <= 1 << 20);
	assert_null(unzipped(zipped(&arena, &few, 1), &tight, OK));
	for (size_t i = 0; i < ARRAY_LEN(many); i++)
		many[i] = slice_of("x");
	assert_null(unzipped(zipped(&arena, many, 16), &wide, OK));
	assert_string_equal(
		unzipped(zipped(&arena, many, 17), &wide, ERR_INTERNAL), "of too many files");
	assert_int_equal(begun, 0);
}

static void a_refusal_of_a_file_of_an_archive_is_passed_on(void **state)
{
	const struct slice text = noise(9 << 20);

	(void)state;
	assert_null(unzipped(zipped(&arena, &text, 1), &wide, ERR_BUSY));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(a_spool_has_no_name_and_a_maximum, forget),
		cmocka_unit_test_teardown(a_spool_needs_its_directory, forget),
		cmocka_unit_test_teardown(lines_are_the_same_in_any_pieces, forget),
		cmocka_unit_test_teardown(
			a_line_that_is_too_long_ends_it_and_so_does_a_refusal, forget),
		cmocka_unit_test_teardown(what_was_packed_comes_back, forget),
		cmocka_unit_test_teardown(no_part_of_a_file_is_taken_for_the_whole, forget),
		cmocka_unit_test_teardown(a_changed_byte_is_noticed, forget),
		cmocka_unit_test_teardown(a_bomb_costs_no_more_than_its_limits, forget),
		cmocka_unit_test_teardown(a_refusal_of_what_was_unpacked_is_passed_on, forget),
		cmocka_unit_test_teardown(the_files_of_an_archive_come_one_after_the_other, forget),
		cmocka_unit_test_teardown(no_part_of_an_archive_is_taken_for_the_whole, forget),
		cmocka_unit_test_teardown(a_changed_text_of_an_archive_is_noticed, forget),
		cmocka_unit_test_teardown(an_archive_costs_no_more_than_its_limits, forget),
		cmocka_unit_test_teardown(a_refusal_of_a_file_of_an_archive_is_passed_on, forget),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
