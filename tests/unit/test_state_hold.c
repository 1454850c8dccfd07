/* SPDX-License-Identifier: MIT */
/* test_state_hold.c - a key that is held while a change of it is in progress. */
#include "unit.h"

#include "base/log.h"
#include "state_rig.h"

static void while_a_key_is_held_nothing_is_stored_under_it(void **state)
{
	const struct state_key key = rig_key("f", "held"), other = rig_key("f", "free");
	struct ctx c = rig_ctx(), d = rig_ctx(); /* two processes' views of one home */
	struct state_ticket before, during;
	struct slice got;

	(void)state;
	assert_false(state_get(&d, key, &before, &got));
	assert_true(rig_puts(&c, "f", "held", "old"));
	assert_true(state_hold(&c, key, 30000));
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
	assert_true(state_hold(&c, key, 30000)); /* and again */
	c.now_ms += 29999;
	assert_false(rig_puts(&c, "f", "held", "old"));
	c.now_ms += 1;
	assert_true(rig_puts(&c, "f", "held", "new"));
	d.now_ms = c.now_ms;
	assert_string_equal(rig_gets(&d, "f", "held"), "new");
	rig_free(&c);
	rig_free(&d);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(while_a_key_is_held_nothing_is_stored_under_it),
	};

	if (!log_open("/dev/null", "test"))
		return 1;
	return cmocka_run_group_tests(tests, rig_open, rig_done);
}
