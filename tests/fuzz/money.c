/* SPDX-License-Identifier: MIT */
/* An amount's source text. */
#include "base/money.h"
#include "fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct arena a = { 0 };
	const struct slice text = { arena_dup(&a, (const char *)data, size), size };
	money m, again;

	if (money_parse(text, &m)) {
		char out[MONEY_TEXT_MAX];

		HOLDS(m.fen >= 0 && m.fen <= MONEY_MAX_FEN);
		for (int shortest = 0; shortest <= 1; shortest++) {
			const size_t len = money_text(m, shortest, out);

			HOLDS(len == strlen(out) &&
				money_parse((struct slice){ out, len }, &again));
			HOLDS(again.fen == m.fen);
		}
	}
	arena_done(&a);
	return 0;
}
