/* SPDX-License-Identifier: MIT */
#include "unit.h"

#include "shop/money/payment.h"
#include "shop/money/reconciliation.h"

enum { OURS = 7, FEN = 100 };

/* A payment of FEN, transaction "42". */
struct payment_case {
	int64_t billed, amount, attempt_id, state;
	const char *transaction, *booked_transaction;
	int64_t orphan, expected;
};

static void a_payment_is_judged(void **state)
{
	static const struct payment_case cases[] = {
		{ BILLED_PAID, FEN, OURS, ATTEMPT_GRANTED, "42", "42", 0, FINDING_AGREES },
		{ BILLED_PAID, FEN, OURS, ATTEMPT_GRANTED_LATE, "42", "42", 0, FINDING_AGREES },
		{ BILLED_PAID, FEN, OURS, ATTEMPT_REFUND_DUE, "42", "42", 0, FINDING_AGREES },
		{ BILLED_PAID, FEN, OURS, ATTEMPT_REFUNDED, "42", "42", 0, FINDING_AGREES },
		/* not said by the bill; a second payment of a settled one was stored too */
		{ BILLED_PAID, FEN, OURS, ATTEMPT_GRANTED, "", "42", 0, FINDING_AGREES },
		{ BILLED_PAID, FEN, OURS, ATTEMPT_GRANTED, "42", "42", BILLED_ORPHAN,
			FINDING_AGREES },
		/* nothing was paid */
		{ BILLED_NOT_PAID, FEN, OURS, ATTEMPT_CLOSED, "", NULL, 0, FINDING_AGREES },
		{ BILLED_NOT_PAID, FEN, OURS, ATTEMPT_OPEN, "", NULL, 0, FINDING_AGREES },
		{ BILLED_NOT_PAID, FEN, 0, 0, "", NULL, 0, FINDING_AGREES },

		{ BILLED_PAID, FEN, 0, 0, "42", NULL, 0, FINDING_PAYMENT_UNKNOWN },
		{ BILLED_PAID, FEN, 0, 0, "42", NULL, BILLED_ORPHAN, FINDING_PAYMENT_ORPHAN },
		{ BILLED_PAID, FEN, 0, 0, "42", NULL, BILLED_ORPHAN_RESOLVED, FINDING_AGREES },
		{ BILLED_PAID, FEN + 1, OURS, ATTEMPT_CLOSED, "42", NULL, BILLED_ORPHAN_RESOLVED,
			FINDING_AGREES },
		{ BILLED_PAID, FEN + 1, OURS, ATTEMPT_GRANTED, "42", "42", BILLED_ORPHAN_RESOLVED,
			FINDING_PAYMENT_AMOUNT },
		{ BILLED_PAID, FEN, OURS, ATTEMPT_OPEN, "42", NULL, 0, FINDING_PAYMENT_UNSETTLED },
		{ BILLED_PAID, FEN, OURS, ATTEMPT_CLOSED, "42", NULL, 0,
			FINDING_PAYMENT_UNSETTLED },
		{ BILLED_PAID, FEN, OURS, ATTEMPT_CLOSED, "42", NULL, BILLED_ORPHAN,
			FINDING_PAYMENT_ORPHAN },
		{ BILLED_PAID, FEN + 1, OURS, ATTEMPT_GRANTED, "42", "42", 0,
			FINDING_PAYMENT_AMOUNT },
		{ BILLED_PAID, FEN + 1, OURS, ATTEMPT_OPEN, "42", NULL, BILLED_ORPHAN,
			FINDING_PAYMENT_AMOUNT },
		{ BILLED_PAID, FEN, OURS, ATTEMPT_GRANTED, "42", "43", 0,
			FINDING_PAYMENT_TRANSACTION },
		{ BILLED_NOT_PAID, FEN, OURS, ATTEMPT_GRANTED, "42", "42", 0,
			FINDING_PAYMENT_NOT_PAID },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		const struct payment_case *x = &cases[i];
		const struct billed_match m = {
			.number = "PAY_1",
			.out_trade_no = "PAY_1",
			.transaction_id = x->transaction,
			.amount.fen = x->amount,
			.state = x->billed,
			.attempt_id = x->attempt_id,
			.booked_id = x->attempt_id,
			.booked.fen = x->attempt_id != 0 ? FEN : 0,
			.booked_state = x->state,
			.booked_transaction = x->booked_transaction,
			.orphan = x->orphan,
		};

		assert_int_equal(billed_judge_payment(&m), x->expected);
	}
}

static int64_t judged(int64_t billed, int64_t booked)
{
	return billed_judge_refund(&(struct billed_match){
		.transaction_id = "42",
		.amount.fen = FEN,
		.state = billed,
		.attempt_id = OURS,
		.booked_id = 1,
		.booked.fen = FEN,
		.booked_state = booked,
	});
}

static void the_bill_of_a_day_may_be_of_an_earlier_state_of_a_refund(void **state)
{
	/* ours from PROCESSING to ABNORMAL */
	static const int64_t expected[][4] = {
		[REFUND_UNKNOWN] = { FINDING_REFUND_STATE, 0, 0, FINDING_REFUND_STATE },
		[REFUND_PROCESSING] = { 0, 0, 0, 0 },
		[REFUND_SUCCESS] = { FINDING_REFUND_UNFINISHED, 0, FINDING_REFUND_CLOSED_HERE,
			FINDING_REFUND_UNFINISHED },
		[REFUND_CLOSED] = { FINDING_REFUND_UNFINISHED, FINDING_REFUND_FAILED_THERE, 0,
			FINDING_REFUND_UNFINISHED },
		[REFUND_ABNORMAL] = { 0, 0, 0, 0 },
	};

	(void)state;
	for (int64_t billed = REFUND_UNKNOWN; billed <= REFUND_ABNORMAL; billed++)
		for (int64_t booked = REFUND_PROCESSING; booked <= REFUND_ABNORMAL; booked++)
			assert_int_equal(judged(billed, booked), expected[billed][booked - 1]);
}

static void a_refund_that_the_books_lack_is_judged(void **state)
{
	static const struct {
		int64_t billed, attempt_id;
		int64_t orphan, expected;
	} cases[] = {
		{ REFUND_SUCCESS, OURS, 0, FINDING_REFUND_UNKNOWN },
		{ REFUND_PROCESSING, OURS, 0, FINDING_REFUND_UNKNOWN },
		{ REFUND_SUCCESS, OURS, BILLED_ORPHAN, FINDING_REFUND_UNKNOWN },
		{ REFUND_SUCCESS, 0, 0, FINDING_REFUND_UNKNOWN },
		{ REFUND_SUCCESS, 0, BILLED_ORPHAN, FINDING_REFUND_OF_ORPHAN },
		{ REFUND_SUCCESS, 0, BILLED_ORPHAN_RESOLVED, FINDING_AGREES },
		{ REFUND_CLOSED, OURS, 0, FINDING_AGREES }, /* nothing was refunded */
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++)
		assert_int_equal(billed_judge_refund(&(struct billed_match){
					 .amount.fen = FEN,
					 .state = cases[i].billed,
					 .attempt_id = cases[i].attempt_id,
					 .orphan = cases[i].orphan,
				 }),
			cases[i].expected);
	assert_int_equal(billed_judge_refund(&(struct billed_match){
				 .amount.fen = FEN,
				 .state = REFUND_SUCCESS,
				 .attempt_id = OURS,
				 .booked_id = 1,
				 .booked.fen = FEN - 1,
				 .booked_state = REFUND_SUCCESS,
			 }),
		FINDING_REFUND_AMOUNT);
}

static void every_reason_has_its_words(void **state)
{
	(void)state;
	for (int i = FINDING_AGREES + 1; i < FINDING_N; i++) {
		const struct finding_reason *r = &finding_reasons[i];

		assert_non_null(r->name);
		assert_non_null(r->kind);
		assert_true(strlen(r->words) > 0 && strlen(r->spoken) > 0);
		/* flow/reconcile.c: refunds come after payments */
		assert_string_equal(r->subject, i < FINDING_REFUND_UNKNOWN ? "PAYMENT" : "REFUND");
		assert_int_equal(strncmp(r->name, r->subject, strlen(r->subject)), 0);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_payment_is_judged),
		cmocka_unit_test(the_bill_of_a_day_may_be_of_an_earlier_state_of_a_refund),
		cmocka_unit_test(a_refund_that_the_books_lack_is_judged),
		cmocka_unit_test(every_reason_has_its_words),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
