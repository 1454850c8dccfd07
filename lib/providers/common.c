/* SPDX-License-Identifier: MIT */
#include "providers/common.h"

#include <stdio.h>

#include "ext/json.h"
#include "ext/metrics.h"

enum { FILE_MAX_BYTES = 16 << 10 };

bool provider_fault(const char *setting, const char *what)
{
	fprintf(stderr, "configuration: %s %s\n", setting, what);
	return false;
}

bool provider_read_file(struct arena *a, const char *setting, const char *path, struct slice *out)
{
	FILE *file = fopen(path, "re");
	char *text;
	size_t n;

	if (file == NULL)
		return provider_fault(setting, "names a file that can't be read");
	text = arena_alloc(a, FILE_MAX_BYTES);
	n = fread(text, 1, FILE_MAX_BYTES, file);
	fclose(file);
	if (n == 0 || n == FILE_MAX_BYTES)
		return provider_fault(setting, "names a file that is not a key");
	*out = (struct slice){ text, n };
	return true;
}

bool provider_json(struct ctx *c, struct slice text, const struct field *fields, void *out)
{
	const char *fault = c->fault;
	enum err e = json_read(c, text, fields, JSON_CHANGE, out);

	c->fault = fault;
	return e == OK;
}

const char *provider_line(struct arena *a, const char *text, int max, const char *unwanted)
{
	char *copy = arena_dup(a, text, strlen(text));
	size_t i = 0;

	for (int chars = 0; copy[i] != '\0'; chars++) {
		const unsigned char ch = (unsigned char)copy[i], next = (unsigned char)copy[i + 1];

		if (chars == max)
			break;
		if (ch < 0x20 || ch == 0x7f || strchr(unwanted, ch) != NULL)
			copy[i] = ' ';
		else if (ch == 0xc2 && next < 0xa0) /* U+0080 to U+009F */
			memcpy(copy + i, "\xc2\xa0", 2);
		for (i++; ((unsigned char)copy[i] & 0xc0) == 0x80;)
			i++;
	}
	copy[i] = '\0';
	return copy;
}

enum outcome provider_counted(const char *provider, int64_t start_us, enum outcome outcome)
{
	static const char *const words[] = {
		[OUTCOME_OK] = "ok",
		[OUTCOME_PAID] = "paid",
		[OUTCOME_CLOSED] = "closed",
		[OUTCOME_NONE] = "none",
		[OUTCOME_REFUSED] = "refused",
		[OUTCOME_LATER] = "later",
		[OUTCOME_UNKNOWN] = "unknown",
	};

	metrics_count(METRIC_PROVIDER_CALLS, provider, words[outcome], NULL);
	metrics_time(METRIC_PROVIDER_TIME, clock_mono_us() - start_us, provider, NULL);
	return outcome;
}
