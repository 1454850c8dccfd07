/* SPDX-License-Identifier: MIT */
/* Telephone numbers of users and addresses. */
#include "base/phone.h"
#include "fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct arena a = { 0 };
	const char *text = fuzz_text(&a, data, size);
	char once[PHONE_E164_SIZE], twice[PHONE_E164_SIZE];

	if (phone_e164(text, once)) {
		HOLDS(once[0] == '+' && strlen(once) < sizeof(once));
		HOLDS(strspn(once + 1, "0123456789") == strlen(once) - 1);
		HOLDS(phone_e164(once, twice) && strcmp(once, twice) == 0);
	}
	if (phone_is_number(text))
		HOLDS(strlen(text) <= PHONE_TEXT_MAX && phone_e164(text, once));
	(void)phone_is_contact(text);
	arena_done(&a);
	return 0;
}
