/* SPDX-License-Identifier: MIT */
/*
 * phone.h - telephone numbers: validation, and the normal form for comparison
 * (BEHAVIOUR 65). They are shown as entered.
 */
#ifndef BASE_PHONE_H
#define BASE_PHONE_H

#include "base/base.h"

enum { PHONE_TEXT_MAX = 20, PHONE_E164_SIZE = 17 }; /* "+", fifteen digits, NUL */

/*
 * E.164; a number without a country code is Chinese: 139…, 86139…, +86139…,
 * 0086139… and 0139… are all +86139…. False if it is not a number or too long.
 */
bool phone_e164(const char *text, char out[static PHONE_E164_SIZE]) MUST;

/* A user's own number: digits, with or without a leading +. */
bool phone_is_number(const char *text);
/*
 * A consignee's number: digits in groups, perhaps with an extension, as wx.chooseAddress
 * returns them: "020-81167888", "021-22223333转801", "13800000000-1234".
 */
bool phone_is_contact(const char *text);

#endif
