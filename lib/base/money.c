/* SPDX-License-Identifier: MIT */
#include "base/money.h"

#include <stdlib.h>

money money_add(money a, money b)
{
	money sum;

	if (__builtin_add_overflow(a.fen, b.fen, &sum.fen))
		abort();
	return sum;
}

money money_sub(money a, money b)
{
	money diff;

	if (__builtin_sub_overflow(a.fen, b.fen, &diff.fen))
		abort();
	return diff;
}

money money_times(money a, int64_t n)
{
	money product;

	if (__builtin_mul_overflow(a.fen, n, &product.fen))
		abort();
	return product;
}

int money_cmp(money a, money b)
{
	return (a.fen > b.fen) - (a.fen < b.fen);
}

static bool digits(struct slice s, size_t min, size_t max, int64_t *out)
{
	int64_t n = 0;

	if (s.len < min || s.len > max)
		return false;
	for (size_t i = 0; i < s.len; i++) {
		if (s.p[i] < '0' || s.p[i] > '9')
			return false;
		n = n * 10 + (s.p[i] - '0');
	}
	*out = n;
	return true;
}

bool money_parse(struct slice text, money *out)
{
	const char *point = text.len > 0 ? memchr(text.p, '.', text.len) : NULL;
	struct slice whole = text, part = { "0", 1 };
	int64_t yuan, fen;

	if (point != NULL) {
		whole.len = (size_t)(point - text.p);
		part = (struct slice){ point + 1, text.len - whole.len - 1 };
	}
	if (!digits(whole, 1, 10, &yuan) || !digits(part, 1, 2, &fen))
		return false;
	if (part.len == 1)
		fen *= 10;
	out->fen = yuan * 100 + fen;
	return true;
}

size_t money_text(money m, bool shortest, char out[static MONEY_TEXT_MAX])
{
	const uint64_t fen = m.fen < 0 ? 0 - (uint64_t)m.fen : (uint64_t)m.fen;
	const unsigned rest = (unsigned)(fen % 100);
	char text[MONEY_TEXT_MAX], *const end = text + sizeof(text), *p = end;

	*--p = '\0';
	if (!shortest || rest % 10 != 0)
		*--p = (char)('0' + rest % 10);
	if (!shortest || rest != 0) {
		*--p = (char)('0' + rest / 10);
		*--p = '.';
	}
	p = str_digits(p, fen / 100);
	if (m.fen < 0)
		*--p = '-';
	memcpy(out, p, (size_t)(end - p));
	return (size_t)(end - p) - 1;
}
