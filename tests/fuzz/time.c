/* SPDX-License-Identifier: MIT */
/* Timestamps and days in bodies and queries. */
#include "base/clock.h"
#include "fuzz.h"

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	(void)argc;
	(void)argv;
	HOLDS(clock_init("Asia/Shanghai", NULL));
	return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct arena a = { 0 };
	const char *text = fuzz_text(&a, data, size);
	char out[CLOCK_TEXT_MAX];
	int64_t ms, again, next;

	if (clock_parse(text, &ms) && ms >= 0) {
		clock_iso(ms, true, out);
		HOLDS(clock_parse(out, &again));
		HOLDS(again == ms);
		clock_rfc3339_cst(ms, out);
		clock_shop_day(ms, out);
	}
	if (clock_parse_day(text, 0, &ms) && clock_parse_day(text, 1, &next))
		HOLDS(next - ms >= 23 * HOUR_MS && next - ms <= 25 * HOUR_MS);
	arena_done(&a);
	return 0;
}
