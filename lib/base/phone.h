/* SPDX-License-Identifier: MIT */
/*
 * phone.h - telephone numbers: what is one, and the form in which two are compared
 * (BEHAVIOUR 65). They are shown as they were entered.
 */
#ifndef BASE_PHONE_H
#define BASE_PHONE_H

#include "base/base.h"

enum { PHONE_TEXT_MAX = 20, PHONE_E164_SIZE = 17 }; /* "+", fifteen digits, NUL */

/*
 * E.164, a number without a country's code being one of China: 139…, 86139…, +86139…,
 * 0086139… and 0139… are all +86139…. False for what is no number, or too long.
 */
bool phone_e164(const char *text, char out[static PHONE_E164_SIZE]) MUST;

/* A user's own number: digits, with or without a leading +. */
bool phone_is_number(const char *text);
/*
 * Where a consignee is called: digits in groups, and perhaps an extension, as wx.chooseAddress
 * hands them over: "020-81167888", "021-22223333转801", "13800000000-1234".
 */
bool phone_is_contact(const char *text);

#endif
