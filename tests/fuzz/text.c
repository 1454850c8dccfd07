/* SPDX-License-Identifier: MIT */
/* Texts for people: UTF-8, visibility, and their encoding in JSON and URLs. */
#include "base/text.h"
#include "base/json_scan.h"
#include "ext/fcgi.h"
#include "fuzz.h"
#include "web/req.h"

/* stub of ext/fcgi.c: no header is read here */
const char *fcgi_var(const struct fcgi *f, const char *name)
{
	(void)f;
	(void)name;
	return NULL;
}
const char *fcgi_var_sole(const struct fcgi *f, const char *name)
{
	return fcgi_var(f, name);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct ctx c = FUZZ_CTX;
	const char *text = fuzz_text(&c.arena, data, size), *back, *what;
	const size_t len = strlen(text);
	struct str json = str_new(&c.arena, 1 << 20), url = str_new(&c.arena, 1 << 20);

	(void)utf8_count(arena_dup(&c.arena, (const char *)data, size), size);
	if (utf8_count(text, len) >= 0) {
		if (text_is_line(text))
			HOLDS(text_is_visible(text) && text_is_prose(text));
		for (size_t i = 0; i < len; i++)
			HOLDS(text_blank(text + i, len - i) <= len - i);
		str_add_json(&json, text, len);
		HOLDS(json_scan(str_text(&json), json.len, &c.arena, &what) == JSON_FINE);
		str_add_url(&url, text);
		back = str_url_decode(&c.arena, slice_of(str_text(&url)), true);
		HOLDS(back != NULL && strcmp(back, text) == 0);
	}
	arena_done(&c.arena);
	return 0;
}
