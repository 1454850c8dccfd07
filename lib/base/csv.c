/* SPDX-License-Identifier: MIT */
#include "base/csv.h"

#include <string.h>

static char *skip_blanks(char *p)
{
	return p + strspn(p, " \t");
}

/* What is between quotes, in place, from after the first; *end: after the last. NULL: there is none. */
static char *unquote(char *p, char **end)
{
	char *out = p, *to = p;

	for (; *p != '\0'; *to++ = *p++) {
		if (*p != '"')
			continue;
		if (*++p != '"') { /* a doubled one is one */
			*end = skip_blanks(p);
			*to = '\0';
			return out;
		}
	}
	return NULL;
}

/* An unquoted cell: *end: its comma or the end of the line. NULL: it contains a quote. */
static char *plain(char *p, char **end)
{
	char *last;

	*end = p + strcspn(p, ",");
	if (memchr(p, '"', (size_t)(*end - p)) != NULL)
		return NULL;
	for (last = *end; last > p && strchr(" \t", last[-1]) != NULL;)
		last--;
	if (last != *end)
		*last = '\0';
	return p;
}

int csv_split(char *line, char **cells, int max)
{
	int n = 0;
	char *p = line, *end = NULL;

	line[strcspn(line, "\r\n")] = '\0';
	for (;;) {
		p = skip_blanks(p);
		if (n == max)
			return -1;
		cells[n] = *p == '"' ? unquote(p + 1, &end) : plain(p, &end);
		if (cells[n++] == NULL || (*end != ',' && *end != '\0'))
			return -1;
		if (*end == '\0')
			return n;
		*end = '\0';
		p = end + 1;
	}
}
