/* SPDX-License-Identifier: MIT */
#include "providers/alipay/params.h"

#include <assert.h>
#include <stdlib.h>

/* Of a notification, whose body the frame bounds, and of its form once more encoded. */
enum { TEXT_MAX = 1 << 20 };

void alipay_add(struct alipay_params *p, const char *name, const char *value)
{
	if (value == NULL || value[0] == '\0')
		return;
	assert(p->n < ALIPAY_PARAMS_MAX);
	p->list[p->n++] = (struct alipay_param){ name, value };
}

const char *alipay_param(const struct alipay_params *p, const char *name)
{
	for (size_t i = 0; i < p->n; i++)
		if (strcmp(p->list[i].name, name) == 0)
			return p->list[i].value;
	return NULL;
}

/* Cut the part before `end` off *rest. */
static struct slice cut(struct slice *rest, char end)
{
	const char *at = rest->len > 0 ? memchr(rest->p, end, rest->len) : NULL;
	const struct slice part = { rest->p, at != NULL ? (size_t)(at - rest->p) : rest->len };
	const size_t gone = part.len + (at != NULL);

	rest->p += gone;
	rest->len -= gone;
	return part;
}

bool alipay_read_form(struct arena *a, struct slice body, struct alipay_params *out)
{
	out->n = 0;
	while (body.len > 0) {
		struct slice value = cut(&body, '&'), name = cut(&value, '=');
		struct alipay_param *at = &out->list[out->n];

		if (name.len == 0)
			continue;
		if (out->n == ALIPAY_PARAMS_MAX)
			return false;
		at->name = str_url_decode(a, name, true);
		at->value = str_url_decode(a, value, true);
		if (at->name == NULL || at->value == NULL || alipay_param(out, at->name) != NULL)
			return false;
		out->n++;
	}
	return true;
}

static int by_name(const void *a, const void *b)
{
	const struct alipay_param *x = a, *y = b;

	return strcmp(x->name, y->name);
}

static bool is_covered(const struct alipay_param *p, enum alipay_unsigned without)
{
	return strcmp(p->name, "sign") != 0 &&
	       (without == ALIPAY_SIGN || strcmp(p->name, "sign_type") != 0) &&
	       (without != ALIPAY_EMPTY_VALUES || p->value[0] != '\0');
}

struct slice alipay_signed_text(
	struct arena *a, const struct alipay_params *p, enum alipay_unsigned without)
{
	struct alipay_params sorted = *p;
	struct str text = str_new(a, TEXT_MAX);

	qsort(sorted.list, sorted.n, sizeof(sorted.list[0]), by_name);
	for (size_t i = 0; i < sorted.n; i++) {
		if (!is_covered(&sorted.list[i], without))
			continue;
		if (text.len > 0)
			str_addc(&text, '&');
		str_adds(&text, sorted.list[i].name);
		str_addc(&text, '=');
		str_adds(&text, sorted.list[i].value);
	}
	return (struct slice){ str_text(&text), text.len };
}

const char *alipay_form(struct arena *a, const struct alipay_params *p)
{
	struct str text = str_new(a, TEXT_MAX);

	for (size_t i = 0; i < p->n; i++) {
		if (i > 0)
			str_addc(&text, '&');
		str_add_url(&text, p->list[i].name);
		str_addc(&text, '=');
		str_add_url(&text, p->list[i].value);
	}
	return str_text(&text);
}
