/* SPDX-License-Identifier: MIT */
#include "unit.h"

#include <stdio.h>

#include "base/csv.h"

enum { CELLS = 3 };

static void a_line_is_split_into_its_cells(void **state)
{
	static const struct {
		const char *line;
		int n;
		const char *cells[CELLS];
	} cases[] = {
		{ "", 1, { "" } },
		{ "\r\n", 1, { "" } },
		{ "a", 1, { "a" } },
		{ "a,b,c\r\n", 3, { "a", "b", "c" } },
		{ "a,,\n", 3, { "a", "", "" } },
		{ " a b \t, c ,", 3, { "a b", "c", "" } },
		{ "\"a,b\",\"c\"\"d\",\"\"", 3, { "a,b", "c\"d", "" } },
		{ " \" a \" , b", 2, { " a ", "b" } },
		{ "\xe9\x87\x91,1", 2, { "\xe9\x87\x91", "1" } },
		{ "a,b,c,d", -1, { NULL } },
		{ "\"a", -1, { NULL } },
		{ "\"a\"b,c", -1, { NULL } },
		{ "a\"b\"", -1, { NULL } },
		{ "a,\"", -1, { NULL } },
		{ "\"\"\"", -1, { NULL } },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		char line[64], *cells[CELLS];

		snprintf(line, sizeof(line), "%s", cases[i].line);
		assert_int_equal(csv_split(line, cells, CELLS), cases[i].n);
		for (int k = 0; k < cases[i].n; k++)
			assert_string_equal(cells[k], cases[i].cells[k]);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_line_is_split_into_its_cells),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
