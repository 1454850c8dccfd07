/* SPDX-License-Identifier: MIT */
/* test_provider.c - every provider's row is whole, and every channel is found by its number. */
#include "unit.h"

#include "providers/provider.h"
#include "shop/money/payment.h"

static void a_row_is_at_its_number_and_says_what_flow_relies_on(void **state)
{
	(void)state;
	for (size_t i = 0; i < PROVIDER_N; i++) {
		const struct provider *p = providers[i];

		assert_non_null(p);
		assert_int_equal(p->id, i);
		assert_non_null(p->name);
		assert_non_null(p->method);
		assert_ptr_equal(provider_find(p->key), p); /* the first of this key */
		assert_true(p->start != NULL && p->stop != NULL && p->usable != NULL);
		assert_true(p->read != NULL && p->acknowledgement != NULL &&
			    p->acknowledgement_type != NULL);
		/* what was asked for must be asked about; what is fetched must be added */
		assert_true((p->refund == NULL) == (p->query_refund == NULL));
		assert_true((p->fetch_certificates == NULL) == (p->add_certificate == NULL));
		/* what a bill finds missing here is settled by a query */
		assert_true(p->bill == NULL || p->query != NULL);
	}
	assert_null(providers[PROVIDER_N]);
}

static void a_channel_has_a_number_of_its_own(void **state)
{
	(void)state;
	for (size_t i = 0; i < PROVIDER_N; i++) {
		assert_non_null(providers[i]->channels[0]); /* its events have the first's number */
		for (const struct channel *const *ch = providers[i]->channels; *ch != NULL; ch++) {
			assert_ptr_equal((*ch)->provider, providers[i]);
			assert_ptr_equal(
				channel_of((*ch)->number), *ch); /* the first of this number */
			assert_int_not_equal((*ch)->number, CHANNEL_CARD);
			assert_true((*ch)->number > 0 && (*ch)->number <= INT8_MAX);
			assert_true((*ch)->handle_ms > 0);
			assert_false((*ch)->is_url && (*ch)->is_code);
			assert_true((*ch)->request != NULL && (*ch)->prepare != NULL);
			assert_ptr_equal(provider_channel(providers[i], (*ch)->trade_type), *ch);
		}
	}
	assert_null(channel_of(CHANNEL_CARD));
	assert_null(channel_of(0));
	assert_null(channel_of(INT64_MAX));
}

static void without_a_trade_type_it_is_the_channel_of_a_browser(void **state)
{
	(void)state;
	assert_string_equal(provider_channel(&provider_wechat, NULL)->trade_type, "H5");
	assert_string_equal(provider_channel(&provider_wechat, "NATIVE")->trade_type, "NATIVE");
	assert_null(provider_channel(&provider_wechat, "PAGE"));
	assert_null(provider_find("cash"));
}

static enum outcome closes(struct ctx *c, const char *no)
{
	(void)c;
	(void)no;
	return OUTCOME_OK;
}

static void without_a_query_nothing_is_known_and_without_a_close_nothing_is_closed(void **state)
{
	const struct provider mute = { .name = "mute" }, closing = { .close = closes };
	struct provider_trade t = { 0 };
	struct ctx c = { 0 };

	(void)state;
	assert_int_equal(provider_query(&c, &mute, "MM1", &t), OUTCOME_NONE);
	assert_int_equal(provider_close(&c, &mute, "MM1"), OUTCOME_REFUSED);
	assert_int_equal(provider_close(&c, &closing, "MM1"), OUTCOME_OK);
}

static void nothing_is_configured_before_the_start(void **state)
{
	const struct ctx c = { 0 };

	(void)state;
	for (size_t i = 0; i < PROVIDER_N; i++)
		assert_null(provider_state(&c, (enum provider_id)i));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_row_is_at_its_number_and_says_what_flow_relies_on),
		cmocka_unit_test(a_channel_has_a_number_of_its_own),
		cmocka_unit_test(without_a_trade_type_it_is_the_channel_of_a_browser),
		cmocka_unit_test(
			without_a_query_nothing_is_known_and_without_a_close_nothing_is_closed),
		cmocka_unit_test(nothing_is_configured_before_the_start),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
