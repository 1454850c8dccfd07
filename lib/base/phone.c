/* SPDX-License-Identifier: MIT */
#include "base/phone.h"

#include <stdio.h>
#include <string.h>

enum { DIGITS_MIN = 5, DIGITS_MAX = 15, EXTENSION_MAX = 6 };

static const char CHINA[] = "86";

static bool is_digit(char ch)
{
	return ch >= '0' && ch <= '9';
}

/* "86" and a mobile number: no Chinese number without country code looks like that. */
static bool has_code_of_china(const char *digits)
{
	return strlen(digits) == 13 && strncmp(digits, "861", 3) == 0;
}

bool phone_e164(const char *text, char out[static PHONE_E164_SIZE])
{
	char digits[2 + DIGITS_MAX + 1] = "";
	const char *rest = digits;
	const bool plus = text[0] == '+';
	bool international = plus;
	size_t n = 0;

	for (const char *p = text + plus; *p != '\0'; p++) {
		if (!is_digit(*p) || n == sizeof(digits) - 1)
			return false;
		digits[n++] = *p;
	}
	digits[n] = '\0';
	if (n < DIGITS_MIN)
		return false;
	if (!international && strncmp(rest, "00", 2) == 0) {
		international = true;
		rest += 2;
	}
	if (!international && has_code_of_china(rest))
		international = true;
	if (international && strncmp(rest, CHINA, 2) == 0) {
		international = false;
		rest += 2;
	}
	if (!international && rest[0] == '0') /* the trunk prefix for domestic calls */
		rest++;
	n = strlen(rest) + (international ? 0 : 2);
	/* no country code begins with 0, nor does a Chinese number after the trunk prefix: the result must be valid too */
	if (n < DIGITS_MIN || n > DIGITS_MAX || rest[0] == '0')
		return false;
	return snprintf(out, PHONE_E164_SIZE, "+%s%s", international ? "" : CHINA, rest) <
	       PHONE_E164_SIZE;
}

bool phone_is_number(const char *text)
{
	char e164[PHONE_E164_SIZE];

	return strlen(text) <= PHONE_TEXT_MAX && phone_e164(text, e164);
}

/* The length of the extension separator at p; 0: none. */
static size_t extension_mark(const char *p)
{
	static const char *const marks[] = { "转", "轉", "ext.", "ext", "x", "X", "#", ",", "，" };

	for (size_t i = 0; i < ARRAY_LEN(marks); i++)
		if (strncmp(p, marks[i], strlen(marks[i])) == 0)
			return strlen(marks[i]);
	return 0;
}

bool phone_is_contact(const char *text)
{
	const char *p = text + (text[0] == '+');
	size_t digits = 0, mark;

	for (; is_digit(*p) || (*p != '\0' && strchr(" -()", *p) != NULL); p++)
		digits += is_digit(*p);
	if (digits < DIGITS_MIN || digits > DIGITS_MAX + EXTENSION_MAX)
		return false;
	if (*p == '\0')
		return true;
	mark = extension_mark(p);
	p += mark;
	p += strspn(p, " ");
	digits = strspn(p, "0123456789");
	return mark > 0 && digits > 0 && digits <= EXTENSION_MAX && p[digits] == '\0';
}
