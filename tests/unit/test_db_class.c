/* SPDX-License-Identifier: MIT */
#include "unit.h"

#include "base/base.h"
#include "ext/db_class.h"

static void check(unsigned code, enum db_class class, unsigned flags)
{
	const struct db_meaning *m = db_meaning_of(code);

	if (m->class != class || m->flags != flags)
		fail_msg("%u is of class %d and flags %u", code, (int)m->class, m->flags);
}

static void each_code_has_one_class(void **state)
{
	static const struct {
		unsigned code;
		enum db_class class;
		unsigned flags;
	} cases[] = {
		{ 1062, CODE_DUPLICATE, CODE_UNDONE },
		{ 1050, CODE_PRESENT, CODE_UNDONE },
		{ 1060, CODE_PRESENT, CODE_UNDONE },
		{ 1061, CODE_PRESENT, CODE_UNDONE },
		{ 1054, CODE_PRESENT, CODE_ALARM | CODE_UNDONE },
		/* busy: rolled back and retried */
		{ 1213, CODE_REPEAT, CODE_UNDONE },
		{ 1205, CODE_REPEAT, CODE_UNDONE },
		{ 1020, CODE_REPEAT, CODE_UNDONE },
		{ 1412, CODE_REPEAT, CODE_UNDONE },
		{ 1615, CODE_REPEAT, CODE_UNDONE },
		{ 3101, CODE_REPEAT, CODE_UNDONE },
		/* busy: a time limit, an interruption, or the disk */
		{ 1969, CODE_BUSY, 0 },
		{ 3024, CODE_BUSY, 0 },
		{ 1317, CODE_BUSY, 0 },
		{ 1114, CODE_BUSY, CODE_ALARM },
		{ 1021, CODE_BUSY, CODE_ALARM },
		{ 1026, CODE_BUSY, CODE_ALARM },
		{ 1030, CODE_BUSY, CODE_ALARM },
		/* connection lost, or server shutting down */
		{ 2002, CODE_USELESS, 0 },
		{ 2003, CODE_USELESS, 0 },
		{ 2006, CODE_USELESS, 0 },
		{ 2013, CODE_USELESS, 0 },
		{ 2055, CODE_USELESS, 0 },
		{ 1053, CODE_USELESS, 0 },
		{ 1079, CODE_USELESS, 0 },
		{ 1927, CODE_USELESS, 0 },
		{ 3169, CODE_USELESS, 0 },
		{ 3032, CODE_USELESS, 0 },
		{ 4031, CODE_USELESS, CODE_UNDONE },
		/* out of sync */
		{ 2014, CODE_USELESS, CODE_ALARM },
		{ 1243, CODE_USELESS, 0 },
		/* another server is the primary, or none at the moment */
		{ 1047, CODE_USELESS, 0 },
		{ 1180, CODE_USELESS, 0 },
		{ 1290, CODE_USELESS, CODE_UNDONE },
		{ 1836, CODE_USELESS, CODE_UNDONE },
		{ 1792, CODE_USELESS, CODE_UNDONE },
		{ 9001, CODE_USELESS, 0 },
		{ 9006, CODE_USELESS, 0 },
		/* quota exhausted */
		{ 1040, CODE_USELESS, CODE_ALARM | CODE_UNDONE },
		{ 1203, CODE_USELESS, CODE_ALARM | CODE_UNDONE },
		{ 1226, CODE_USELESS, CODE_ALARM | CODE_UNDONE },
		{ 1461, CODE_USELESS, CODE_ALARM | CODE_UNDONE },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++)
		check(cases[i].code, cases[i].class, cases[i].flags);
}

static void unlisted_codes_are_our_fault_and_an_alarm(void **state)
{
	/* none; syntax; no such table; out of range; no row, or two, referenced; a library's complaint */
	static const unsigned codes[] = { 0, 1064, 1146, 1264, 1406, 1452, 1142, 2031, 3819, 4025,
		65535 };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(codes); i++)
		check(codes[i], CODE_FAULT, CODE_ALARM);
}

/* A COMMIT without a response, after a lost connection or with a server still running, may have taken effect. */
static void a_lost_response_never_means_rolled_back(void **state)
{
	static const unsigned codes[] = { 2006, 2013, 2055, 2027, 1053, 1927, 3169, 1180, 1047,
		1317, 1969, 1114, 1030 };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(codes); i++)
		if ((db_meaning_of(codes[i])->flags & CODE_UNDONE) != 0)
			fail_msg("%u", codes[i]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_code_has_one_class),
		cmocka_unit_test(unlisted_codes_are_our_fault_and_an_alarm),
		cmocka_unit_test(a_lost_response_never_means_rolled_back),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
