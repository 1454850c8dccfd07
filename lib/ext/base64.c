/* SPDX-License-Identifier: MIT */
/* base64.c - both alphabets of RFC 4648, strictly (declared in crypto.h). */
#include "ext/crypto.h"

struct alphabet {
	const char *letters;
	bool padded;
};

static const struct alphabet standard = {
	"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/", true
};
static const struct alphabet url_safe = {
	"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_", false
};

static char *encode(struct arena *a, const struct alphabet *alphabet, const void *data, size_t len)
{
	const unsigned char *in = data;
	char *text = arena_alloc(a, (len + 2) / 3 * 4 + 1), *out = text;

	for (size_t i = 0; i < len; i += 3) {
		const size_t left = len - i;
		uint32_t bits = (uint32_t)in[i] << 16;

		if (left > 1)
			bits |= (uint32_t)in[i + 1] << 8;
		if (left > 2)
			bits |= in[i + 2];
		for (size_t k = 0; k < 4; k++)
			if (k <= left)
				*out++ = alphabet->letters[bits >> (18 - 6 * k) & 63];
			else if (alphabet->padded)
				*out++ = '=';
	}
	return text;
}

/* A character's six bits, or -1. */
static int letter_value(const struct alphabet *alphabet, char ch)
{
	if (ch >= 'A' && ch <= 'Z')
		return ch - 'A';
	if (ch >= 'a' && ch <= 'z')
		return ch - 'a' + 26;
	if (ch >= '0' && ch <= '9')
		return ch - '0' + 52;
	if (ch == alphabet->letters[62])
		return 62;
	return ch == alphabet->letters[63] ? 63 : -1;
}

static bool decode(
	struct arena *a, const struct alphabet *alphabet, struct slice text, struct slice *out)
{
	size_t len = text.len, n = 0;
	uint32_t bits = 0; /* the bits of an incomplete byte, below those already written */
	unsigned have = 0;
	char *bytes;

	if (alphabet->padded) {
		if (len % 4 != 0)
			return false;
		for (int i = 0; i < 2 && len > 0 && text.p[len - 1] == '='; i++)
			len--;
	}
	if (len % 4 == 1)
		return false;
	bytes = arena_alloc(a, len / 4 * 3 + 3);
	for (size_t i = 0; i < len; i++) {
		int value = letter_value(alphabet, text.p[i]);

		if (value < 0)
			return false;
		bits = bits << 6 | (uint32_t)value;
		have += 6;
		if (have >= 8) {
			have -= 8;
			bytes[n++] = (char)(unsigned char)(bits >> have & 255);
		}
	}
	if ((bits & ((1u << have) - 1)) != 0)
		return false; /* stray bits in the last character: two texts for one value */
	*out = (struct slice){ bytes, n };
	return true;
}

char *base64_encode(struct arena *a, const void *data, size_t len)
{
	return encode(a, &standard, data, len);
}

bool base64_decode(struct arena *a, struct slice text, struct slice *out)
{
	return decode(a, &standard, text, out);
}

char *base64url_encode(struct arena *a, const void *data, size_t len)
{
	return encode(a, &url_safe, data, len);
}

bool base64url_decode(struct arena *a, struct slice text, struct slice *out)
{
	return decode(a, &url_safe, text, out);
}
