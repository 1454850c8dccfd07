/* SPDX-License-Identifier: MIT */
#include "base/str.h"

#include <assert.h>
#include <ctype.h>
#include <stdio.h>

enum { SHORT_MAX = 64 << 10, LARGE_MIN = 1 << 20 };

struct str str_new(struct arena *a, size_t max)
{
	return (struct str){ .arena = a, .max = max };
}

/* The next capacity; at most the maximum and its NUL. */
static size_t grown(size_t cap, size_t max)
{
	const size_t times = cap < LARGE_MIN ? 2 : 4;

	return cap > max / times ? max + 1 : cap * times;
}

static bool str_room(struct str *s, size_t more)
{
	size_t cap = s->cap ? s->cap : 256;
	char *p;

	if (s->overflow || more > s->max - s->len) {
		s->overflow = true;
		return false;
	}
	if (s->p != NULL && s->cap - s->len > more)
		return true;
	while (cap - s->len <= more)
		cap = grown(cap, s->max);
	/* a short text, such as the out-of-memory response, may use the reserve */
	p = cap <= SHORT_MAX ? arena_alloc(s->arena, cap) : arena_try(s->arena, 1, cap);
	if (p == NULL) {
		s->overflow = true;
		return false;
	}
	if (s->len > 0)
		memcpy(p, s->p, s->len);
	s->p = p;
	s->cap = cap;
	return true;
}

void str_add(struct str *s, const char *bytes, size_t len)
{
	if (!str_room(s, len))
		return;
	if (len > 0)
		memcpy(s->p + s->len, bytes, len);
	s->len += len;
	s->p[s->len] = '\0';
}

void str_adds(struct str *s, const char *text)
{
	str_add(s, text, strlen(text));
}

void str_addc(struct str *s, char ch)
{
	str_add(s, &ch, 1);
}

char *str_digits(char *end, uint64_t n)
{
	do
		*--end = (char)('0' + n % 10);
	while ((n /= 10) > 0);
	return end;
}

void str_addi(struct str *s, int64_t n)
{
	char buf[24], *const end = buf + sizeof(buf);
	char *p = str_digits(end, n < 0 ? 0 - (uint64_t)n : (uint64_t)n);

	if (n < 0)
		*--p = '-';
	str_add(s, p, (size_t)(end - p));
}

void str_addf(struct str *s, const char *fmt, ...)
{
	const size_t room = s->overflow || s->p == NULL ? 0 : s->cap - s->len;
	va_list ap, again;
	int len;

	va_start(ap, fmt);
	va_copy(again, ap);
	len = vsnprintf(room > 0 ? s->p + s->len : NULL, room, fmt, ap);
	va_end(ap);
	assert(len >= 0);
	if (str_room(s, (size_t)len)) {
		if ((size_t)len >= room) /* it was cut */
			vsnprintf(s->p + s->len, (size_t)len + 1, fmt, again);
		s->len += (size_t)len;
	} else if (room > 0) {
		s->p[s->len] = '\0';
	}
	va_end(again);
}

void str_add_json(struct str *s, const char *text, size_t len)
{
	static const char hex[] = "0123456789abcdef";
	size_t start = 0;

	str_addc(s, '"');
	for (size_t i = 0; i < len; i++) {
		const unsigned char ch = (unsigned char)text[i];
		char esc[6];
		size_t esc_len = 2;

		if (ch != '"' && ch != '\\' && ch >= 0x20)
			continue;
		esc[0] = '\\';
		esc[1] = (char)ch;
		if (ch == '\n') {
			esc[1] = 'n';
		} else if (ch == '\r') {
			esc[1] = 'r';
		} else if (ch == '\t') {
			esc[1] = 't';
		} else if (ch < 0x20) {
			memcpy(esc, "\\u00", 4);
			esc[4] = hex[ch >> 4];
			esc[5] = hex[ch & 15];
			esc_len = 6;
		}
		str_add(s, text + start, i - start);
		str_add(s, esc, esc_len);
		start = i + 1;
	}
	str_add(s, text + start, len - start);
	str_addc(s, '"');
}

void str_add_url(struct str *s, const char *text)
{
	for (; *text != '\0'; text++) {
		unsigned char ch = (unsigned char)*text;

		if ((ch < 0x80 && isalnum(ch)) || strchr("-._~", ch) != NULL)
			str_addc(s, (char)ch);
		else
			str_addf(s, "%%%02X", ch);
	}
}

void str_cut(struct str *s, size_t len)
{
	s->len = len;
	s->overflow = false;
	if (s->p != NULL)
		s->p[len] = '\0';
}

const char *str_text(const struct str *s)
{
	return s->p != NULL ? s->p : "";
}

bool slice_is(struct slice s, const char *text)
{
	return strlen(text) == s.len && memcmp(s.p, text, s.len) == 0;
}

/* The length of the valid sequence at p, or 0 (Unicode 15, table 3-7; NUL is refused). */
static size_t utf8_sequence(const unsigned char *p, size_t left)
{
	unsigned char lo = 0x80, hi = 0xbf;
	size_t n;

	if (p[0] >= 0x01 && p[0] <= 0x7f)
		return 1;
	if (p[0] >= 0xc2 && p[0] <= 0xdf)
		n = 2;
	else if (p[0] >= 0xe0 && p[0] <= 0xef)
		n = 3;
	else if (p[0] >= 0xf0 && p[0] <= 0xf4)
		n = 4;
	else
		return 0;
	if (p[0] == 0xe0)
		lo = 0xa0; /* overlong below */
	else if (p[0] == 0xed)
		hi = 0x9f; /* surrogates above */
	else if (p[0] == 0xf0)
		lo = 0x90;
	else if (p[0] == 0xf4)
		hi = 0x8f; /* beyond U+10FFFF */
	if (left < n || p[1] < lo || p[1] > hi)
		return 0;
	for (size_t i = 2; i < n; i++)
		if (p[i] < 0x80 || p[i] > 0xbf)
			return 0;
	return n;
}

int64_t utf8_count(const char *s, size_t len)
{
	int64_t n = 0;

	for (size_t i = 0; i < len; n++) {
		size_t step = utf8_sequence((const unsigned char *)s + i, len - i);

		if (step == 0)
			return -1;
		i += step;
	}
	return n;
}

bool str_is_id(const char *s, size_t max)
{
	size_t len = 0;

	for (; s != NULL && s[len] != '\0'; len++)
		if (len == max || s[len] < 0x21 || s[len] > 0x7e)
			return false;
	return len > 0;
}

int str_index(const char *s, const char *const *words)
{
	for (int i = 0; words[i] != NULL; i++)
		if (strcmp(words[i], s) == 0)
			return i;
	return -1;
}

bool str_starts(const char *s, const char *prefix)
{
	return strncmp(s, prefix, strlen(prefix)) == 0;
}

bool str_same_nocase(const char *a, const char *b)
{
	for (; *a != '\0' && *b != '\0'; a++, b++)
		if (tolower((unsigned char)*a) != tolower((unsigned char)*b))
			return false;
	return *a == *b;
}

bool str_to_i64(struct slice s, int64_t max, int64_t *out)
{
	int64_t n = 0;

	if (s.len == 0 || (s.len > 1 && s.p[0] == '0'))
		return false;
	for (size_t i = 0; i < s.len; i++) {
		if (s.p[i] < '0' || s.p[i] > '9')
			return false;
		if (__builtin_mul_overflow(n, 10, &n) ||
			__builtin_add_overflow(n, s.p[i] - '0', &n) || n > max)
			return false;
	}
	*out = n;
	return true;
}

static int hex_digit(char ch)
{
	if (ch >= '0' && ch <= '9')
		return ch - '0';
	if (ch >= 'A' && ch <= 'F')
		return ch - 'A' + 10;
	if (ch >= 'a' && ch <= 'f')
		return ch - 'a' + 10;
	return -1;
}

const char *str_url_decode(struct arena *a, struct slice text, bool plus)
{
	char *out = arena_alloc(a, text.len + 1);
	size_t n = 0;

	for (size_t i = 0; i < text.len; i++) {
		char ch = text.p[i];

		if (ch == '+' && plus) {
			ch = ' ';
		} else if (ch == '%') {
			if (i + 2 >= text.len || hex_digit(text.p[i + 1]) < 0 ||
				hex_digit(text.p[i + 2]) < 0)
				return NULL;
			ch = (char)(hex_digit(text.p[i + 1]) * 16 + hex_digit(text.p[i + 2]));
			i += 2;
		}
		out[n++] = ch;
	}
	return utf8_count(out, n) < 0 ? NULL : out;
}

void hex_encode(const unsigned char *in, size_t n, char *out)
{
	static const char hex[] = "0123456789abcdef";

	for (size_t i = 0; i < n; i++) {
		out[2 * i] = hex[in[i] >> 4];
		out[2 * i + 1] = hex[in[i] & 15];
	}
	out[2 * n] = '\0';
}

bool bytes_equal(const void *a, const void *b, size_t n)
{
	const unsigned char *x = a, *y = b;
	volatile unsigned char diff = 0;

	for (size_t i = 0; i < n; i++)
		diff = (unsigned char)(diff | (x[i] ^ y[i]));
	return diff == 0;
}
