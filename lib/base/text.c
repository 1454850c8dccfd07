/* SPDX-License-Identifier: MIT */
#include "base/text.h"

#include <locale.h>
#include <string.h>
#include <wctype.h>

struct range {
	uint32_t first, last;
};

static bool is_in(uint32_t ch, const struct range *ranges, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (ch >= ranges[i].first && ch <= ranges[i].last)
			return true;
	return false;
}

/* White_Space of the Unicode character database. */
static const struct range blanks[] = {
	{ 0x0009, 0x000d },
	{ 0x0020, 0x0020 },
	{ 0x0085, 0x0085 },
	{ 0x00a0, 0x00a0 },
	{ 0x1680, 0x1680 },
	{ 0x2000, 0x200a },
	{ 0x2028, 0x2029 },
	{ 0x202f, 0x202f },
	{ 0x205f, 0x205f },
	{ 0x3000, 0x3000 },
};

/* Default_Ignorable_Code_Point, and characters with an empty glyph. */
static const struct range unseen[] = {
	{ 0x00ad, 0x00ad },
	{ 0x034f, 0x034f },
	{ 0x061c, 0x061c },
	{ 0x115f, 0x1160 },
	{ 0x17b4, 0x17b5 },
	{ 0x180b, 0x180f },
	{ 0x200b, 0x200f },
	{ 0x202a, 0x202e },
	{ 0x2060, 0x206f },
	{ 0x2800, 0x2800 }, /* braille blank */
	{ 0x3164, 0x3164 },
	{ 0xfe00, 0xfe0f },
	{ 0xfeff, 0xfeff },
	{ 0xffa0, 0xffa0 },
	{ 0xfff0, 0xfffb },
	{ 0x1bca0, 0x1bca3 },
	{ 0x1d173, 0x1d17a },
	{ 0xe0000, 0xe0fff },
};

/* Embeddings, overrides and isolates: they change the display order of what follows. */
static const struct range turning[] = { { 0x202a, 0x202e }, { 0x2066, 0x2069 } };

/*
 * Characters that may be newer than the C library's tables: emoji (Extended_Pictographic), and
 * ideographs of rare names, i.e. all of planes 2 and 3.
 */
static const struct range growing[] = {
	{ 0x1f000, 0x1faff },
	{ 0x20000, 0x2fffd },
	{ 0x30000, 0x3fffd },
};

/* The character at *s, which is advanced past it. */
static uint32_t take(const char **s)
{
	const unsigned char *p = (const unsigned char *)*s;
	const unsigned n = p[0] < 0x80 ? 1 : p[0] < 0xe0 ? 2 : p[0] < 0xf0 ? 3 : 4;
	uint32_t ch = n == 1 ? p[0] : p[0] & (0x7fU >> n);

	for (unsigned i = 1; i < n; i++)
		ch = ch << 6 | (p[i] & 0x3fU);
	*s += n;
	return ch;
}

/* By the C library's built-in tables for C.UTF-8; without them nothing counts as unassigned. */
static bool is_assigned(uint32_t ch)
{
	static locale_t unicode = (locale_t)0;

	if (is_in(ch, growing, ARRAY_LEN(growing)))
		return true;
	if (unicode == (locale_t)0)
		unicode = newlocale(LC_CTYPE_MASK, "C.UTF-8", (locale_t)0);
	return unicode == (locale_t)0 || iswprint_l((wint_t)ch, unicode) != 0;
}

static bool is_line_break_or_tab(uint32_t ch)
{
	return ch == '\n' || ch == '\r' || ch == '\t';
}

/* Is it allowed in a text for people? Controls and line separators are not printable. */
static bool is_allowed(uint32_t ch)
{
	if (ch >= 0x20 && ch < 0x7f)
		return true;
	return ch >= 0xa0 && !is_in(ch, turning, ARRAY_LEN(turning)) && is_assigned(ch);
}

static bool is_visible(uint32_t ch)
{
	return !is_in(ch, blanks, ARRAY_LEN(blanks)) && !is_in(ch, unseen, ARRAY_LEN(unseen));
}

bool text_is_visible(const char *s)
{
	while (*s != '\0')
		if (is_visible(take(&s)))
			return true;
	return false;
}

bool text_is_line(const char *s)
{
	for (const char *p = s; *p != '\0';)
		if (!is_allowed(take(&p)))
			return false;
	return text_is_visible(s);
}

bool text_is_prose(const char *s)
{
	while (*s != '\0') {
		const uint32_t ch = take(&s);

		if (!is_allowed(ch) && !is_line_break_or_tab(ch))
			return false;
	}
	return true;
}

size_t text_blank(const char *p, size_t len)
{
	const char *end = p;

	return len > 0 && is_in(take(&end), blanks, ARRAY_LEN(blanks)) ? (size_t)(end - p) : 0;
}
