/* SPDX-License-Identifier: MIT */
/* The lists of tags in If-Match and If-None-Match. */
#include "ext/entity.h"
#include "fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char tag[] = "\"0123456789abcdef\"";
	struct arena a = { 0 };
	const char *list = fuzz_text(&a, data, size);

	if (entity_is_listed(list, tag, false)) {
		HOLDS(entity_is_listed(list, tag, true));
		HOLDS(strchr(list, '*') != NULL || strstr(list, tag) != NULL);
	}
	arena_done(&a);
	return 0;
}
