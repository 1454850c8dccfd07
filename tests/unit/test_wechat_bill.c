/* SPDX-License-Identifier: MIT */
/* test_wechat_bill.c - WeChat's trade bill: what its lines say, and which bills are not accepted. */
#include "bill_seen.h"

#include "providers/wechat/bill.h"

#define HEADER                                                                                                                          \
	"交易时间,公众账号ID,商户号,特约商户号,设备号,微信订单号,商户订单号,用户标识,交易类型,"    \
	"交易状态,付款银行,货币种类,应结订单金额,代金券金额,微信退款单号,商户退款单号,退款金额," \
	"充值券退款金额,退款类型,退款状态,商品名称,商户数据包,手续费,费率,订单金额,申请退款金额,费率备注"
#define TOTALS                                                                                     \
	"总交易单数,应结订单总金额,退款总金额,充值券退款总金额,手续费总金额,订单总金额,申请退款总金额"
#define WHO "wx2421b1c4370ec43b,`1900007291,`0,`"
#define PAID                                                                                       \
	"`2024-01-16 22:43:59,`" WHO                                                               \
	",`4200002086,`MM1747,`oX,`NATIVE,`SUCCESS,`OTHERS,`CNY,`0.02,"                            \
	"`0.00,`0,`0,`0.00,`0.00,`,`,`茶, 水,`,`0.00000,`0.90%,`0.03,`0.00,`"
#define REFUNDED                                                                                   \
	"`2024-01-16 22:45:16,`" WHO                                                               \
	",`4200002086,`MM1747,`oX,`NATIVE,`REFUND,`OTHERS,`CNY,`0.00,"                             \
	"`0.00,`50303108,`R1747,`0.01,`0.00,`ORIGINAL,`PROCESSING,`茶,`,`0.00000,`0.90%,`0.00,`0.01,`"
#define SUMS "`2,`0.02,`0.01,`0.00,`0.00000,`0.03,`0.01"
#define BILL HEADER "\r\n" PAID "\r\n" REFUNDED "\r\n" TOTALS "\r\n" SUMS "\r\n"
#define BOM  "\xef\xbb\xbf"

static enum err read_all(const char *text, size_t len, struct wxbill_reader *r)
{
	struct lines l = lines_new(&ctx.arena, BILL_LINE_MAX, wxbill_line, r);

	*r = (struct wxbill_reader){ .c = &ctx, .mchid = "1900007291", .each = note, .arg = seen };
	TRY(lines_add(&l, text, len));
	TRY(lines_end(&l));
	return wxbill_whole(r) ? OK : ERR_INTERNAL;
}

/* Why a bill is not accepted; NULL: it is. */
static const char *fault_of(const char *text)
{
	struct wxbill_reader r;
	const enum err e = read_all(text, strlen(text), &r);

	assert_int_equal(e == OK, r.fault == NULL);
	forget(NULL);
	return r.fault;
}

static void a_bill_gives_its_payments_and_refunds(void **state)
{
	struct wxbill_reader r;

	(void)state;
	assert_int_equal(read_all(BOM BILL, strlen(BOM BILL), &r), OK);
	assert_int_equal(seen_n, 2);
	assert_int_equal(seen[0].kind, BILL_PAYMENT);
	assert_string_equal(seen[0].out_trade_no, "MM1747");
	assert_int_equal(seen[0].amount.fen, 3); /* the order's, not what is settled */
	assert_int_equal(seen[0].trade, TRADE_PAID);
	assert_int_equal(seen[0].at_ms, INT64_C(1705416239000));
	assert_null(seen[0].refund_no);
	assert_null(seen[0].refund_id);
	assert_int_equal(seen[1].kind, BILL_REFUND);
	assert_string_equal(seen[1].out_trade_no, "MM1747");
	assert_string_equal(seen[1].refund_no, "R1747");
	assert_int_equal(seen[1].amount.fen, 1);
	assert_int_equal(seen[1].refund, REFUND_PROCESSING);
	assert_int_equal(r.sum.payments, 1);
	assert_int_equal(r.sum.refunds, 1);
	assert_int_equal(r.sum.paid.fen, 3);
	assert_int_equal(r.sum.refunded.fen, 1);
}

static void it_may_lack_its_mark_and_say_its_numbers_in_other_ways(void **state)
{
	(void)state;
	assert_null(fault_of(BILL));
	assert_null(fault_of(HEADER "\n" PAID "\n" TOTALS "\n`1.0,`0.02,`0,`0.0,`0,`0.03,`0"));
	assert_null(fault_of(HEADER "\n" TOTALS "\n`0,`0.00,`0.00,`0.00,`0.00000,`0.00,`0.00\n\n"));
	/* headers with backticks too */
	assert_null(fault_of(replaced(BILL, HEADER, "`" HEADER)));
	assert_null(fault_of(replaced(BILL, TOTALS, "`" TOTALS)));
}

static void a_text_that_cuts_itself_changes_no_other_cell(void **state)
{
	struct wxbill_reader r;
	const char *bill = replaced(BILL, "茶, 水", "茶,`9.99,`0.00,`SUCCESS,`水");

	(void)state;
	assert_int_equal(read_all(bill, strlen(bill), &r), OK);
	assert_int_equal(seen[0].amount.fen, 3);
	assert_int_equal(seen[1].amount.fen, 1);
}

static void states_are_those_of_the_words(void **state)
{
	static const struct {
		const char *word;
		enum refund_state state;
	} words[] = { { "SUCCESS", REFUND_SUCCESS }, { "CLOSED", REFUND_CLOSED },
		{ "FAIL", REFUND_ABNORMAL }, { "CHANGE", REFUND_ABNORMAL }, { "", REFUND_UNKNOWN },
		{ "NEW_WORD", REFUND_UNKNOWN } };
	struct wxbill_reader r;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(words); i++) {
		const char *bill = replaced(BILL, "PROCESSING", words[i].word);

		assert_int_equal(read_all(bill, strlen(bill), &r), OK);
		assert_int_equal(seen[1].refund, words[i].state);
		forget(NULL);
	}
	assert_int_equal(read_all(replaced(BILL, "SUCCESS", "REVOKED"), strlen(BILL), &r), OK);
	assert_int_equal(seen[0].trade, TRADE_CLOSED);
}

static void a_bill_that_is_not_whole_is_not_accepted(void **state)
{
	static const char bill[] = BILL;
	struct wxbill_reader r;
	size_t whole = 0;

	(void)state;
	for (size_t n = 0; n < strlen(bill); n++) {
		whole += read_all(bill, n, &r) == OK;
		forget(NULL);
	}
	assert_int_equal(whole, 2); /* without its last line's CRLF, or its LF */
	assert_string_equal(fault_of(""), "it ends before its totals");
	assert_string_equal(fault_of(BILL PAID), "it goes on after its totals");
}

static void totals_must_be_those_of_the_lines(void **state)
{
	static const char *const sums[] = {
		"`1,`0.02,`0.01,`0.00,`0.00000,`0.03,`0.01",
		"`2,`0.02,`0.01,`0.00,`0.00000,`0.04,`0.01",
		"`2,`0.02,`0.01,`0.00,`0.00000,`0.03,`0.00",
		"`2.5,`0.02,`0.01,`0.00,`0.00000,`0.03,`0.01",
		"`,`0.02,`0.01,`0.00,`0.00000,`0.03,`0.01",
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(sums); i++)
		assert_string_equal(fault_of(replaced(BILL, SUMS, sums[i])),
			"its totals are not those of its lines");
	assert_string_equal(fault_of(replaced(BILL, SUMS, "`2,`0.02")), "its totals are malformed");
	assert_string_equal(fault_of(replaced(BILL, SUMS, "2,0.02,0.01,0.00,0,0.03,0.01")),
		"its totals are malformed");
	assert_string_equal(
		fault_of(replaced(BILL, PAID "\r\n", "")), "its totals are not those of its lines");
}

static void malformed_lines_are_not_accepted(void **state)
{
	static const struct {
		const char *part, *other, *fault;
	} cases[] = {
		{ "微信退款单号", "退款单", "its header lacks a column" },
		{ "申请退款总金额", "总额", "a line is neither data nor the header of the totals" },
		{ PAID, "", "a line is neither data nor the header of the totals" },
		{ PAID, "`2024", "a line has another number of cells" },
		{ "1900007291", "1900007292", "a line is of another merchant" },
		{ "`4200002086", "`", "a line has a malformed number" },
		{ "`4200002086", "`42 00", "a line has a malformed number" },
		{ "MM1747", "订单", "a line has a malformed number" },
		{ "R1747", "退", "a line has a malformed number" },
		{ "2024-01-16 22:43:59", "2024-01-16", "a line has a malformed time" },
		{ "2024-01-16 22:43:59", "2024-02-30 22:43:59", "a line has a malformed time" },
		{ "0.90%,`0.03", "0.90%,`0.031", "a line has a malformed amount" },
		{ "0.90%,`0.03", "0.90%,`", "a line has a malformed amount" },
		{ "0.90%,`0.03", "0.90%,`1e3", "a line has a malformed amount" },
		{ "茶", "\xff", "it is not UTF-8" },
		{ "茶", "\xc0\x80", "it is not UTF-8" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		const char *fault = fault_of(replaced(BILL, cases[i].part, cases[i].other));

		if (fault == NULL)
			fail_msg("accepted: %s", cases[i].other);
		assert_string_equal(fault, cases[i].fault);
	}
}

static void what_the_caller_answers_ends_it(void **state)
{
	struct wxbill_reader r;

	(void)state;
	answer = ERR_BUSY;
	assert_int_equal(read_all(BILL, strlen(BILL), &r), ERR_BUSY);
	assert_int_equal(seen_n, 1);
	assert_null(r.fault);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(a_bill_gives_its_payments_and_refunds, forget),
		cmocka_unit_test_teardown(
			it_may_lack_its_mark_and_say_its_numbers_in_other_ways, forget),
		cmocka_unit_test_teardown(a_text_that_cuts_itself_changes_no_other_cell, forget),
		cmocka_unit_test_teardown(states_are_those_of_the_words, forget),
		cmocka_unit_test_teardown(a_bill_that_is_not_whole_is_not_accepted, forget),
		cmocka_unit_test_teardown(totals_must_be_those_of_the_lines, forget),
		cmocka_unit_test_teardown(malformed_lines_are_not_accepted, forget),
		cmocka_unit_test_teardown(what_the_caller_answers_ends_it, forget),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
