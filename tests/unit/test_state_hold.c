/* SPDX-License-Identifier: MIT */
/* test_state_hold.c - keys that are held, or noted, while a change of them is in progress. */
#include "unit.h"

#include "base/log.h"
#include "ext/db_internal.h"
#include "state_pair.h"

static void while_a_key_is_held_nothing_is_stored_under_it(void **state)
{
	const struct state_key key = rig_key("f", "held"), other = rig_key("f", "free");
	struct state_ticket before, during;
	struct slice got;

	(void)state;
	assert_false(state_get(&d, key, &before, &got));
	assert_true(rig_puts(&c, "f", "held", "old"));
	assert_int_equal(state_hold(&c, key, 30000), OK);
	assert_false(state_get(&d, key, &during, &got));
	state_set(&d, &before, slice_of("old"), 60000);
	state_set(&d, &during, slice_of("old"), 60000);
	assert_string_equal(rig_gets(&c, "f", "held"), "");
	/* not even after another process deletes it, or clears everything */
	assert_true(state_delete(&d, key));
	assert_false(rig_puts(&d, "f", "held", "old"));
	assert_true(state_clear(&d, "f"));
	assert_false(rig_puts(&d, "f", "held", "old"));
	assert_true(rig_put(&d, other, slice_of("new"), 60000)); /* only that key */
	c.now_ms += 29999;
	assert_false(rig_puts(&c, "f", "held", "old"));
	assert_int_equal(state_hold(&c, key, 30000), OK); /* and again */
	c.now_ms += 29999;
	assert_false(rig_puts(&c, "f", "held", "old"));
	c.now_ms += 1;
	assert_true(rig_puts(&c, "f", "held", "new"));
	d.now_ms = c.now_ms;
	assert_string_equal(rig_gets(&d, "f", "held"), "new");
}

static struct db in_transaction = { .in_tx = true };
static const char WHOLE[] = ""; /* the id that stands for a family */

/* Another process's value under the id, stored with a ticket that was taken before. */
struct reading {
	const char *id;
	struct state_ticket ticket;
};

static void begin_reading(struct ctx *x, const char *id, struct reading *r)
{
	struct slice got;

	r->id = id;
	assert_true(state_delete(x, rig_key("f", id)));
	assert_false(state_get(x, rig_key("f", id), &r->ticket, &got));
}

static void end_reading(struct ctx *x, const struct reading *r, const char *expected)
{
	state_set(x, &r->ticket, slice_of("read before"), 60000);
	assert_string_equal(rig_gets(x, "f", r->id), expected);
}

static void what_a_transaction_noted_is_deleted_once_it_is_over(void **state)
{
	struct reading one, other;

	(void)state;
	c.db = &in_transaction;
	assert_true(rig_puts(&d, "f", "one", "old"));
	state_note_tx(&c, rig_key("f", "one"));
	state_note_tx(&c, rig_key("f", "one")); /* twice is once */
	assert_string_equal(rig_gets(&d, "f", "one"), "old");
	begin_reading(&d, "one", &one);
	begin_reading(&d, "other", &other);
	db_do_after(&c, true);
	end_reading(&d, &one, "");
	end_reading(&d, &other, "read before");
	assert_true(rig_puts(&d, "f", "one", "new")); /* at once */
	db_do_after(&c, true);                        /* nothing was noted since */
	assert_string_equal(rig_gets(&d, "f", "one"), "new");
}

static void a_noted_family_is_cleared(void **state)
{
	struct reading one;

	(void)state;
	c.db = &in_transaction;
	assert_true(rig_puts(&d, "g", "one", "kept"));
	assert_true(rig_puts(&d, "f", "two", "old"));
	begin_reading(&d, "one", &one);
	state_note_tx(&c, rig_key("f", WHOLE));
	state_note_tx(&c, rig_key("f", "two"));
	db_do_after(&c, true);
	end_reading(&d, &one, "");
	assert_string_equal(rig_gets(&d, "f", "two"), "");
	assert_string_equal(rig_gets(&d, "g", "one"), "kept");
	assert_true(rig_puts(&d, "f", "one", "new"));
}

static void after_an_unknown_outcome_nothing_is_stored_for_a_while(void **state)
{
	static const char *const noted[] = { "one", WHOLE };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(noted); i++) {
		c.db = &in_transaction;
		c.now_ms = d.now_ms += (int64_t)i * HOUR_MS; /* the first hold is over */
		assert_true(rig_puts(&d, "f", "one", "old"));
		state_note_tx(&c, rig_key("f", noted[i]));
		db_do_after(&c, false);
		assert_string_equal(rig_gets(&d, "f", "one"), "");
		assert_false(rig_puts(&d, "f", "one", "old"));
		/* nor after another change, whose outcome is known */
		state_note_tx(&c, rig_key("f", noted[i]));
		db_do_after(&c, true);
		assert_false(rig_puts(&d, "f", "one", "old"));
		d.now_ms += 29999;
		assert_false(rig_puts(&d, "f", "one", "old"));
		d.now_ms += 1;
		assert_true(rig_puts(&d, "f", "one", "new"));
	}
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, begin, end)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(while_a_key_is_held_nothing_is_stored_under_it),
		TEST(what_a_transaction_noted_is_deleted_once_it_is_over),
		TEST(a_noted_family_is_cleared),
		TEST(after_an_unknown_outcome_nothing_is_stored_for_a_while),
	};

	if (!log_open("/dev/null", "test"))
		return 1;
	return rig_run(tests, ARRAY_LEN(tests), 0);
}
