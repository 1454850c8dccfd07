/* SPDX-License-Identifier: MIT */
#include "base/json_scan.h"

#include "base/str.h"

/* One level of nesting: an array's index, or an object's keys so far. */
struct level {
	bool array;
	int64_t index;
	int n_keys;
	struct slice keys[JSON_MEMBERS_MAX]; /* decoded */
};

struct scan {
	const char *p, *end;
	struct arena *arena;
	struct level *levels[JSON_DEPTH_MAX];
	int depth;
};

static void skip_space(struct scan *s)
{
	while (s->p < s->end && (*s->p == ' ' || *s->p == '\t' || *s->p == '\n' || *s->p == '\r'))
		s->p++;
}

static bool take(struct scan *s, char ch)
{
	if (s->p == s->end || *s->p != ch)
		return false;
	s->p++;
	return true;
}

static bool take_word(struct scan *s, const char *word)
{
	size_t len = strlen(word);

	if ((size_t)(s->end - s->p) < len || memcmp(s->p, word, len) != 0)
		return false;
	s->p += len;
	return true;
}

static bool take_digits(struct scan *s)
{
	const char *start = s->p;

	while (s->p < s->end && *s->p >= '0' && *s->p <= '9')
		s->p++;
	return s->p > start;
}

static enum json_fault scan_number(struct scan *s)
{
	const bool minus = take(s, '-'), zero = take(s, '0');

	if (!zero && !take_digits(s))
		return JSON_SYNTAX;
	/* json-c would turn it into 0, and an amount can't be negative (BEHAVIOUR 10) */
	if (minus && zero && (s->p == s->end || strchr(".eE", *s->p) == NULL))
		return JSON_SYNTAX;
	if (take(s, '.') && !take_digits(s))
		return JSON_SYNTAX;
	if (take(s, 'e') || take(s, 'E')) {
		if (!take(s, '+'))
			(void)take(s, '-');
		if (!take_digits(s))
			return JSON_SYNTAX;
	}
	return JSON_FINE;
}

static bool take_hex4(struct scan *s, unsigned *out)
{
	unsigned value = 0;

	if (s->end - s->p < 4)
		return false;
	for (int i = 0; i < 4; i++, s->p++) {
		const char *hex = "0123456789abcdef";
		const char *at = strchr(hex, *s->p >= 'A' && *s->p <= 'F' ? *s->p + 32 : *s->p);

		if (*s->p == '\0' || at == NULL)
			return false;
		value = value << 4 | (unsigned)(at - hex);
	}
	*out = value;
	return true;
}

/* Add one code point as UTF-8. */
static void add_code_point(struct str *out, unsigned cp)
{
	if (cp < 0x80) {
		str_addc(out, (char)cp);
	} else if (cp < 0x800) {
		str_addc(out, (char)(0xc0 | cp >> 6));
		str_addc(out, (char)(0x80 | (cp & 63)));
	} else if (cp < 0x10000) {
		str_addc(out, (char)(0xe0 | cp >> 12));
		str_addc(out, (char)(0x80 | (cp >> 6 & 63)));
		str_addc(out, (char)(0x80 | (cp & 63)));
	} else {
		str_addc(out, (char)(0xf0 | cp >> 18));
		str_addc(out, (char)(0x80 | (cp >> 12 & 63)));
		str_addc(out, (char)(0x80 | (cp >> 6 & 63)));
		str_addc(out, (char)(0x80 | (cp & 63)));
	}
}

/* After "\u": one code point, two escapes for those beyond U+FFFF. */
static enum json_fault scan_unicode(struct scan *s, struct str *out)
{
	unsigned cp, low;

	if (!take_hex4(s, &cp))
		return JSON_SYNTAX;
	if (cp == 0)
		return JSON_NUL;
	if (cp >= 0xdc00 && cp <= 0xdfff)
		return JSON_ENCODING;
	if (cp >= 0xd800 && cp <= 0xdbff) {
		if (!take_word(s, "\\u"))
			return JSON_ENCODING;
		if (!take_hex4(s, &low))
			return JSON_SYNTAX;
		if (low < 0xdc00 || low > 0xdfff)
			return JSON_ENCODING;
		cp = 0x10000 + ((cp - 0xd800) << 10) + (low - 0xdc00);
	}
	if (out != NULL)
		add_code_point(out, cp);
	return JSON_FINE;
}

static enum json_fault scan_escape(struct scan *s, struct str *out)
{
	static const char from[] = "\"\\/bfnrt", to[] = "\"\\/\b\f\n\r\t";
	const char *at;

	if (take(s, 'u'))
		return scan_unicode(s, out);
	at = s->p < s->end && *s->p != '\0' ? strchr(from, *s->p) : NULL;
	if (at == NULL)
		return JSON_SYNTAX;
	s->p++;
	if (out != NULL)
		str_addc(out, to[at - from]);
	return JSON_FINE;
}

/* A string; decoded into out unless NULL. */
static enum json_fault scan_string(struct scan *s, struct str *out)
{
	const char *first;

	if (!take(s, '"'))
		return JSON_SYNTAX;
	first = s->p;
	for (;;) {
		const char *start = s->p;
		enum json_fault fault;

		while (s->p < s->end && *s->p != '"' && *s->p != '\\' &&
			(unsigned char)*s->p >= 0x20)
			s->p++;
		if (out != NULL)
			str_add(out, start, (size_t)(s->p - start));
		if (s->p == s->end)
			return JSON_SYNTAX;
		if (*s->p == '\0')
			return JSON_NUL;
		if (take(s, '"'))
			return utf8_count(first, (size_t)(s->p - 1 - first)) < 0 ? JSON_ENCODING
										 : JSON_FINE;
		if (!take(s, '\\'))
			return JSON_SYNTAX; /* a raw control character */
		fault = scan_escape(s, out);
		if (fault != JSON_FINE)
			return fault;
	}
}

/* A member's key, which must be unique in its object. */
static enum json_fault scan_key(struct scan *s, struct level *l)
{
	struct str key = str_new(s->arena, (size_t)(s->end - s->p));
	enum json_fault fault = scan_string(s, &key);

	if (fault != JSON_FINE)
		return fault;
	if (l->n_keys == JSON_MEMBERS_MAX)
		return JSON_MEMBERS;
	l->keys[l->n_keys++] = (struct slice){ str_text(&key), key.len };
	for (int i = 0; i < l->n_keys - 1; i++)
		if (l->keys[i].len == key.len && memcmp(l->keys[i].p, str_text(&key), key.len) == 0)
			return JSON_DUPLICATE;
	skip_space(s);
	return take(s, ':') ? JSON_FINE : JSON_SYNTAX;
}

static enum json_fault scan_value(struct scan *s);

static enum json_fault scan_members(struct scan *s, struct level *l, char close)
{
	enum json_fault fault;

	skip_space(s);
	if (take(s, close))
		return JSON_FINE;
	for (;;) {
		skip_space(s);
		if (!l->array) {
			fault = scan_key(s, l);
			if (fault != JSON_FINE)
				return fault;
		}
		fault = scan_value(s);
		if (fault != JSON_FINE)
			return fault;
		skip_space(s);
		if (take(s, close))
			return JSON_FINE;
		if (!take(s, ','))
			return JSON_SYNTAX;
		l->index++;
	}
}

static enum json_fault scan_container(struct scan *s, bool array)
{
	struct arena_mark mark;
	enum json_fault fault;
	struct level *l;

	if (s->depth == JSON_DEPTH_MAX)
		return JSON_DEPTH;
	/* one per depth, reused by the next sibling */
	if (s->levels[s->depth] == NULL)
		s->levels[s->depth] = arena_alloc(s->arena, sizeof(*l));
	l = s->levels[s->depth++];
	l->array = array;
	l->index = 0;
	l->n_keys = 0;
	mark = arena_mark(s->arena);
	fault = scan_members(s, l, array ? ']' : '}');
	if (fault != JSON_FINE) /* keep the path */
		return fault;
	/* free its keys and the levels below it: a text may have very many objects */
	memset(s->levels + s->depth, 0, (size_t)(JSON_DEPTH_MAX - s->depth) * sizeof(*s->levels));
	arena_rewind(s->arena, mark);
	s->depth--;
	return JSON_FINE;
}

static enum json_fault scan_value(struct scan *s)
{
	skip_space(s);
	if (take(s, '{'))
		return scan_container(s, false);
	if (take(s, '['))
		return scan_container(s, true);
	if (s->p < s->end && *s->p == '"')
		return scan_string(s, NULL);
	if (take_word(s, "true") || take_word(s, "false") || take_word(s, "null"))
		return JSON_FINE;
	return scan_number(s);
}

static const char *path_of(const struct scan *s)
{
	struct str path = str_new(s->arena, 512);

	for (int i = 0; i < s->depth; i++) {
		const struct level *l = s->levels[i];

		if (l->array) {
			str_addf(&path, "[%lld]", (long long)l->index);
		} else if (l->n_keys > 0) {
			const struct slice *key = &l->keys[l->n_keys - 1];

			if (path.len > 0)
				str_addc(&path, '.');
			if (utf8_count(key->p, key->len) >= 0)
				str_add(&path, key->p, key->len);
		}
	}
	return str_text(&path);
}

enum json_fault json_scan(const char *text, size_t len, struct arena *a, const char **what)
{
	struct scan s = { .p = text, .end = text + len, .arena = a };
	const struct arena_mark mark = arena_mark(a);
	enum json_fault fault;

	*what = "";
	fault = scan_value(&s);
	skip_space(&s);
	if (fault == JSON_FINE && s.p != s.end)
		fault = JSON_SYNTAX;
	if (fault == JSON_SYNTAX && s.p < s.end && *s.p == '\0')
		fault = JSON_NUL;
	if (fault == JSON_FINE)
		arena_rewind(a, mark);
	else
		*what = path_of(&s);
	return fault;
}
