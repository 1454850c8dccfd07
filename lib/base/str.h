/* SPDX-License-Identifier: MIT */
/*
 * str.h - growing text with a maximum size, and checks of text for input
 * validation. Memory comes from an arena.
 */
#ifndef BASE_STR_H
#define BASE_STR_H

#include <string.h>

#include "base/arena.h"

/*
 * NUL-terminated once something was added. A str that would exceed its maximum,
 * or for which the arena has no room, stops growing and sets `overflow`:
 * writers need not check each step, the reader checks once. Outgrown buffers
 * stay in the arena.
 */
struct str {
	struct arena *arena;
	char *p;
	size_t len, cap, max;
	bool overflow;
};

struct str str_new(struct arena *a, size_t max);
void str_add(struct str *s, const char *bytes, size_t len);
void str_adds(struct str *s, const char *text);
void str_addc(struct str *s, char ch);
/* The decimal digits of n, at most 20, right before end; returns where they begin. */
char *str_digits(char *end, uint64_t n) __attribute__((returns_nonnull));
void str_addi(struct str *s, int64_t n);
void str_addf(struct str *s, const char *fmt, ...) PRINTF_LIKE(2, 3);
/* A JSON string with its quotes; text must be valid UTF-8. */
void str_add_json(struct str *s, const char *text, size_t len);
/* Percent-encode all but RFC 3986's unreserved characters. */
void str_add_url(struct str *s, const char *text);
/* Truncate to len, a length it had without overflow, and clear `overflow`. */
void str_cut(struct str *s, size_t len);
/* "" for an empty str, never NULL. */
const char *str_text(const struct str *s);

/* Borrowed bytes. */
struct slice {
	const char *p;
	size_t len;
};

static inline struct slice slice_of(const char *text)
{
	return (struct slice){ text, strlen(text) };
}
bool slice_is(struct slice s, const char *text);
/* Percent-decode (with `plus`, + is a space). NULL: bad encoding, NUL or not UTF-8. */
const char *str_url_decode(struct arena *a, struct slice text, bool plus) MUST;

/* Strict UTF-8 (no overlong form, surrogate, or NUL): the number of code points, or -1. */
int64_t utf8_count(const char *s, size_t len) MUST;
/* Visible ASCII, 1 to max characters, such as a provider's ids. False for NULL. */
bool str_is_id(const char *s, size_t max);
/* Its index in a NULL-terminated list of words; -1: not in it. */
int str_index(const char *s, const char *const *words);
bool str_starts(const char *s, const char *prefix);
/* Case-insensitive for ASCII. */
bool str_same_nocase(const char *a, const char *b);
/* Decimal digits only, no sign, no leading zero unless "0", at most max. */
bool str_to_i64(struct slice s, int64_t max, int64_t *out) MUST;
/* out needs 2 * n + 1 bytes; lower case. */
void hex_encode(const unsigned char *in, size_t n, char *out);
/* Constant-time for equal lengths. */
bool bytes_equal(const void *a, const void *b, size_t n);

#endif
