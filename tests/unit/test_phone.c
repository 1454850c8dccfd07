/* SPDX-License-Identifier: MIT */
#include "unit.h"

#include <string.h>

#include "base/phone.h"

/* BEHAVIOUR 65: one normal form, E.164 with +86 by default. */
static void a_number_has_one_normal_form(void **state)
{
	static const struct {
		const char *text, *e164;
	} cases[] = {
		{ "13912345678", "+8613912345678" },
		{ "+8613912345678", "+8613912345678" },
		{ "8613912345678", "+8613912345678" },
		{ "008613912345678", "+8613912345678" },
		{ "013912345678", "+8613912345678" },
		{ "+86013912345678", "+8613912345678" },
		{ "02081167888", "+862081167888" },
		{ "+862081167888", "+862081167888" },
		{ "+86 02081167888", NULL },
		{ "8612345",
			"+868612345" }, /* not followed by a mobile number: a domestic number */
		{ "12345", "+8612345" },
		{ "+85212345678", "+85212345678" },
		{ "0085212345678", "+85212345678" },
		{ "+14155550123", "+14155550123" },
		{ "+123456789012345", "+123456789012345" },
		{ "+1234567890123456", NULL },
		{ "1234567890123", "+861234567890123" },
		{ "12345678901234", NULL },
		{ "1234", NULL },
		{ "+1234", NULL },
		{ "001234", NULL }, /* +1234 */
		{ "00000", NULL },
		{ "+860012345678", NULL }, /* the rest would have a trunk prefix again */
		{ "0086000000000000", NULL },
		{ "", NULL },
		{ "+", NULL },
		{ "++8613912345678", NULL },
		{ "139-1234-5678", NULL },
		{ "139123456x8", NULL },
		{ "１３９１２３４５６７８", NULL },
		{ "99999999999999999999999999999999", NULL },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		char out[PHONE_E164_SIZE] = "";
		const bool is = phone_e164(cases[i].text, out);

		if (is != (cases[i].e164 != NULL) || (is && strcmp(out, cases[i].e164) != 0))
			fail_msg("%s became %s", cases[i].text, is ? out : "nothing");
		assert_int_equal(phone_is_number(cases[i].text), is);
	}
}

static void a_consignee_may_have_groups_and_an_extension(void **state)
{
	static const char *const numbers[] = { "13800138000", "+86 138-0000-0000", "020-81167888",
		"(020) 81167888", "021-22223333转801", "021-22223333 转 801", "13800000000-1234",
		"13800000000,1234", "02022223333#12", "02022223333ext.7" };
	static const char *const refused[] = { "", "-----", "+ - + -", "1234", "12ab5",
		"13800138000转", "转801", "021-22223333转1234567", "021-22223333转801转2",
		"13800138000+", "+" };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(numbers); i++)
		if (!phone_is_contact(numbers[i]))
			fail_msg("refused: %s", numbers[i]);
	for (size_t i = 0; i < ARRAY_LEN(refused); i++)
		if (phone_is_contact(refused[i]))
			fail_msg("taken: %s", refused[i]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_number_has_one_normal_form),
		cmocka_unit_test(a_consignee_may_have_groups_and_an_extension),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
