/* SPDX-License-Identifier: MIT */
/* URLs of pictures. */
#include <strings.h>

#include "base/url.h"
#include "fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct arena a = { 0 };
	const char *text = fuzz_text(&a, data, size);
	const bool web = url_is_web(text), local = url_is_local(text);

	HOLDS(!(web && local));
	if (web)
		HOLDS(strncasecmp(text, "http", 4) == 0 && strchr(text, '.') != NULL);
	if (local)
		HOLDS(text[0] == '/' && text[1] != '/');
	if (web || local)
		HOLDS(strpbrk(text, " \t\r\n<>\"\\") == NULL);
	arena_done(&a);
	return 0;
}
