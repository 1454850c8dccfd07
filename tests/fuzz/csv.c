/* SPDX-License-Identifier: MIT */
/* Lines of the files that `minimall import-members` reads. */
#include "base/csv.h"
#include "fuzz.h"

enum { CELLS = 6 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct arena a = { 0 };
	char *line = arena_dup(&a, (const char *)data, strnlen((const char *)data, size));
	const size_t len = strlen(line);
	char *cells[CELLS];
	const int n = csv_split(line, cells, CELLS);

	HOLDS(n == -1 || (n >= 1 && n <= CELLS));
	for (int i = 0; i < n; i++) {
		HOLDS(cells[i] >= line && cells[i] + strlen(cells[i]) <= line + len);
		HOLDS(i == 0 || cells[i] > cells[i - 1]);
		HOLDS(strpbrk(cells[i], "\r\n") == NULL);
	}
	arena_done(&a);
	return 0;
}
