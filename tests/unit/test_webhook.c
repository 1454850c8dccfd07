/* SPDX-License-Identifier: MIT */
/* Outgoing notifications: signatures and schedule. */
#include "unit.h"

#include "shop/books/webhook_delivery.h"
#include "shop/books/webhook_sign.h"
#include "vectors.h"

static struct arena arena;

static int forget(void **state)
{
	(void)state;
	arena_reset(&arena);
	return 0;
}

/* ---- signatures ---- */

static void a_signature_is_that_of_the_known_answers(void **state)
{
	struct json_object *file = data_json("hmac_gateway.json");
	const char *const secrets[] = { text_at(file, "/schemes/2/key_text"), NULL };
	struct webhook_headers h;

	(void)state;
	assert_true(
		webhook_sign(&arena, secrets, "evt_0001", 1795262400, slice_at(file, "/body"), &h));
	assert_string_equal(h.lines[0], "Content-Type: application/json");
	assert_string_equal(h.lines[1], "webhook-id: evt_0001");
	assert_string_equal(h.lines[2], "webhook-timestamp: 1795262400");
	assert_string_equal(h.lines[3], arena_printf(&arena, "webhook-signature: %s",
						text_at(file, "/schemes/2/signature")));
	assert_string_equal(h.lines[4],
		arena_printf(&arena, "X-Signature: %s", text_at(file, "/schemes/0/signature")));
	assert_null(h.lines[5]);
	json_object_put(file);
}

static void two_secrets_give_two_signatures_and_x_signature_is_of_the_first(void **state)
{
	const char *const secrets[] = { webhook_new_secret(&arena), webhook_new_secret(&arena),
		NULL };
	struct webhook_headers both, one;

	(void)state;
	assert_string_not_equal(secrets[0], secrets[1]);
	assert_true(str_starts(secrets[0], "whsec_"));
	assert_int_equal(strlen(secrets[0]), 6 + 44); /* 32 bytes */
	assert_true(webhook_sign(&arena, secrets, "msg_1", 1, slice_of("{}"), &both));
	assert_true(webhook_sign(&arena, (const char *const[]){ secrets[0], NULL }, "msg_1", 1,
		slice_of("{}"), &one));
	assert_true(str_starts(both.lines[3], one.lines[3]));
	assert_true(str_starts(both.lines[3] + strlen(one.lines[3]), " v1,"));
	assert_string_equal(both.lines[4], one.lines[4]);
	assert_true(webhook_sign(&arena, &secrets[1], "msg_1", 1, slice_of("{}"), &one));
	assert_string_equal(both.lines[3] + strlen(both.lines[3]) - 44,
		one.lines[3] + strlen(one.lines[3]) - 44);
}

static void a_client_gets_the_contracts_signature_alone(void **state)
{
	struct json_object *file = data_json("hmac_gateway.json");
	struct webhook_headers h;

	(void)state;
	client_sign(&arena, text_at(file, "/secret_utf8"), slice_at(file, "/body"), &h);
	assert_string_equal(h.lines[0], "Content-Type: application/json");
	assert_string_equal(h.lines[1],
		arena_printf(&arena, "X-Signature: %s", text_at(file, "/schemes/0/signature")));
	assert_null(h.lines[2]);
	json_object_put(file);
}

static void what_is_no_secret_signs_nothing(void **state)
{
	static const char *const bad[] = { "", "whsec_", "whsec_!", "d2hzZWNfYWJj", NULL };
	struct webhook_headers h;

	(void)state;
	for (size_t i = 0; bad[i] != NULL; i++)
		if (webhook_sign(&arena, (const char *const[]){ bad[i], NULL }, "msg_1", 1,
			    slice_of("{}"), &h))
			fail_msg("taken: %s", bad[i]);
	assert_false(webhook_sign(&arena, &bad[4], "msg_1", 1, slice_of("{}"), &h));
}

/* ---- the schedule ---- */

static void ten_attempts_span_three_days(void **state)
{
	int64_t sum = 0, tries = 1;

	(void)state;
	assert_int_equal(delivery_gap_ms(1), 5 * SECOND_MS);
	assert_int_equal(delivery_gap_ms(2), 5 * MINUTE_MS);
	for (; delivery_gap_ms(tries) > 0; tries++) {
		assert_true(tries == 1 || delivery_gap_ms(tries) > delivery_gap_ms(tries - 1));
		sum += delivery_gap_ms(tries);
	}
	assert_int_equal(tries, 10);
	assert_int_equal(sum, 75 * HOUR_MS + 35 * MINUTE_MS + 5 * SECOND_MS);
	assert_int_equal(delivery_gap_ms(11), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(a_signature_is_that_of_the_known_answers, forget),
		cmocka_unit_test_teardown(
			two_secrets_give_two_signatures_and_x_signature_is_of_the_first, forget),
		cmocka_unit_test_teardown(a_client_gets_the_contracts_signature_alone, forget),
		cmocka_unit_test_teardown(what_is_no_secret_signs_nothing, forget),
		cmocka_unit_test(ten_attempts_span_three_days),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
