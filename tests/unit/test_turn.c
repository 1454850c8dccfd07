/* SPDX-License-Identifier: MIT */
/* test_turn.c - a turn is one holder's, also of another process, until its end (BEHAVIOUR 54). */
#include "unit.h"

#include "child.h"
#include "ext/turn.h"
#include "state_rig.h"

static void try_in_child(void *arg)
{
	const char *const *name = arg;
	struct turn t;

	_exit(turn_take(&rig_conf, *name, &t) ? 0 : 1); /* without turn_end */
}

static bool child_takes(const char *name)
{
	char said[256];

	return child_run(try_in_child, &name, said, sizeof(said)) == 0;
}

static void test_one_holder(void **state)
{
	struct turn first, second;

	(void)state;
	assert_true(turn_take(&rig_conf, "one", &first));
	assert_false(turn_take(&rig_conf, "one", &second));
	assert_false(child_takes("one"));
	assert_true(child_takes("another"));
	turn_end(&second); /* had none */
	assert_false(child_takes("one"));
	turn_end(&first);
	assert_true(child_takes("one"));
	assert_true(turn_take(&rig_conf, "one", &second)); /* the child's ended with it */
	turn_end(&second);
}

static void test_no_directory(void **state)
{
	struct conf conf = rig_conf;
	struct turn first, second;

	(void)state;
	conf.state_dir = "/nowhere/state";
	assert_true(turn_take(&conf, "one", &first));
	assert_true(turn_take(&conf, "one", &second));
	turn_end(&first);
	turn_end(&second);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_one_holder, rig_open, rig_done),
		cmocka_unit_test_setup_teardown(test_no_directory, rig_open, rig_done),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
