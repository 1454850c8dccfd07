/* SPDX-License-Identifier: MIT */
/* test_alipay_bill.c - Alipay's trade bill: what its lines say, and which bills are not accepted. */
#include "bill_seen.h"

#include <iconv.h>
#include <stdlib.h>

#include "providers/alipay/bill.h"

#define SELLER "2088531891668739"
#define HEAD                                                                                             \
	"#支付宝业务明细查询\r\n#账号：[" SELLER                                                         \
	"0156]\r\n"                                                                                      \
	"#起始日期：[2019年09月16日 00:00:00]   终止日期：[2019年09月17日 00:00:00]\r\n" \
	"#-----------------------------------------业务明细列表----------------------------------------\r\n"
#define HEADER                                                                                                                                  \
	"支付宝交易号,商户订单号,业务类型,商品名称,创建时间,完成时间,门店编号,门店名称,操作员,终端号," \
	"对方账户,订单金额（元）,商家实收（元）,支付宝红包（元）,集分宝（元）,支付宝优惠（元）,"        \
	"商家优惠（元）,券核销金额（元）,券名称,商家红包消费金额（元）,卡消费金额（元）,"                  \
	"退款批次号/请求号,服务费（元）,分润（元）,备注\r\n"
#define PAID                                                                                              \
	"2019091622001458860517860493\t,PAY_1\t,交易\t,茶, 一斤,2019-09-16 18:43:06,"                \
	"2019-09-16 18:43:34,\t,\t,\t,\t,*津水(602***@qq.com)\t,12.50,12.30,0.00,0.00,0.20,0.00,0.00,," \
	"0.00\t,0.00,\t,-0.07,0.00,备注\r\n"
#define BACK                                                                                           \
	"2019091622001458860517860493\t,PAY_1\t,退款\t,茶,2019-09-16 19:00:00,2019-09-16 19:00:01," \
	"\t,\t,\t,\t,*津水(602***@qq.com)\t,-0.45,-0.44,0.00,0.00,0.00,0.00,0.00,,0.00\t,0.00,"      \
	"re_20190916\t,0.01,0.00,\r\n"
#define TAIL                                                                                       \
	"#-----------------------------------------业务明细列表结束------------------------------------\r\n"
#define PAID_TOTAL "#交易合计：1笔，商家实收共12.30元，商家优惠共0.00元\r\n"
#define BACK_TOTAL "#退款合计：1笔，商家实收退款共-0.44元，商家优惠退款共0.00元\r\n"
#define DETAILS                                                                                    \
	HEAD HEADER PAID BACK TAIL PAID_TOTAL BACK_TOTAL "#导出时间：[2019年09月17日 05:46:49]\r\n"
#define SUMMARY                                                                                    \
	"#支付宝业务汇总查询\r\n#账号：[" SELLER                                                   \
	"0156]\r\n门店编号,门店名称,交易订单总笔数\r\n"                             \
	"\t,合计\t,1\t\r\n#交易合计：不是合计\r\n"

static struct gbk *gbk;

static int set_up(void **state)
{
	(void)state;
	gbk = gbk_open();
	return gbk == NULL;
}

static int tear_down(void **state)
{
	(void)state;
	gbk_close(gbk);
	arena_done(&ctx.arena);
	return 0;
}

static struct slice to_gbk(const char *text)
{
	const iconv_t cd = iconv_open("GBK", "UTF-8");
	size_t len = strlen(text), room = 2 * len + 1;
	char *out = arena_alloc(&ctx.arena, room), *p = out, *in = arena_dup(&ctx.arena, text, len);

	if (cd == (iconv_t)-1 || iconv(cd, &in, &len, &p, &room) == (size_t)-1)
		abort();
	iconv_close(cd);
	return (struct slice){ out, (size_t)(p - out) };
}

static struct alipay_bill_reader new_reader(void)
{
	return (struct alipay_bill_reader){
		.c = &ctx,
		.seller_id = SELLER,
		.gbk = gbk,
		.text = arena_alloc(&ctx.arena, 3 * BILL_LINE_MAX + 1),
		.each = note,
		.arg = seen,
	};
}

static enum err read_file(struct alipay_bill_reader *r, struct slice text)
{
	struct lines l = lines_new(&ctx.arena, BILL_LINE_MAX, alipay_bill_line, r);

	TRY(alipay_bill_file(r));
	TRY(lines_add(&l, text.p, text.len));
	return lines_end(&l);
}

/* Why a bill of these files is not accepted; NULL: it is. */
static const char *fault_of(const char *one, const char *two)
{
	struct alipay_bill_reader r = new_reader();
	enum err e = read_file(&r, to_gbk(one));
	bool whole;

	if (e == OK && two != NULL)
		e = read_file(&r, to_gbk(two));
	whole = e == OK && alipay_bill_whole(&r);
	assert_int_equal(whole, r.fault == NULL);
	forget(NULL);
	return r.fault;
}

static void a_bill_gives_its_payments_and_refunds(void **state)
{
	struct alipay_bill_reader r = new_reader();

	(void)state;
	assert_int_equal(read_file(&r, to_gbk(DETAILS)), OK);
	assert_int_equal(read_file(&r, to_gbk(SUMMARY)), OK);
	assert_true(alipay_bill_whole(&r));
	assert_int_equal(seen_n, 2);
	assert_int_equal(seen[0].kind, BILL_PAYMENT);
	assert_string_equal(seen[0].out_trade_no, "PAY_1");
	assert_int_equal(seen[0].amount.fen, 1250); /* the order's, not what was received */
	assert_int_equal(seen[0].trade, TRADE_PAID);
	assert_int_equal(seen[0].at_ms, INT64_C(1568630614000));
	assert_null(seen[0].refund_no);
	assert_int_equal(seen[1].kind, BILL_REFUND);
	assert_string_equal(seen[1].refund_no, "re_20190916");
	assert_null(seen[1].refund_id);
	assert_int_equal(seen[1].amount.fen, 45);
	assert_int_equal(seen[1].refund, REFUND_SUCCESS);
	assert_int_equal(r.sum.payments, 1);
	assert_int_equal(r.sum.refunds, 1);
	assert_int_equal(r.sum.paid.fen, 1250);
	assert_int_equal(r.sum.refunded.fen, 45);
}

static void its_files_are_in_any_order_and_a_day_may_be_empty(void **state)
{
	(void)state;
	assert_null(fault_of(SUMMARY, DETAILS));
	assert_null(fault_of(DETAILS, NULL));
	assert_null(
		fault_of(HEAD HEADER TAIL "#交易合计：0笔，商家实收共0.00元，商家优惠共0.00元\n"
					  "#退款合计：0笔，商家实收退款共0.00元，商家优惠",
			SUMMARY));
	assert_null(fault_of(replaced(DETAILS, "re_20190916", ""),
		NULL)); /* a refund without a number of ours */
}

static void a_name_with_commas_changes_no_other_cell(void **state)
{
	struct alipay_bill_reader r = new_reader();

	(void)state;
	assert_int_equal(
		read_file(&r, to_gbk(replaced(DETAILS, "茶, 一斤", "茶,,9.99,交易,退款,x"))), OK);
	assert_int_equal(seen[0].amount.fen, 1250);
}

static void a_bill_needs_its_details_and_both_totals(void **state)
{
	(void)state;
	assert_string_equal(fault_of("", NULL), "it has no file of details");
	assert_string_equal(fault_of(SUMMARY, SUMMARY), "it has no file of details");
	assert_string_equal(fault_of(replaced(DETAILS, "订单金额（元）", "金额"), NULL),
		"it has no file of details");
	assert_string_equal(fault_of(DETAILS, DETAILS), "it has more than one file of details");
	assert_string_equal(
		fault_of(replaced(DETAILS, PAID_TOTAL, ""), NULL), "it lacks its totals");
	assert_string_equal(
		fault_of(replaced(DETAILS, BACK_TOTAL, ""), NULL), "it lacks its totals");
	assert_string_equal(fault_of(replaced(DETAILS, BACK_TOTAL, BACK_TOTAL BACK_TOTAL), NULL),
		"it lacks its totals");
	assert_string_equal(fault_of(HEAD HEADER PAID BACK, NULL), "it lacks its totals");
}

static void malformed_bills_are_not_accepted(void **state)
{
	static const struct {
		const char *part, *other, *fault;
	} cases[] = {
		{ SELLER, "2088531891668730", "it is of another account" },
		{ SELLER "0156]", SELLER "0157]", "it is of another account" },
		{ "共12.30元", "共12.31元", "its totals are not those of its lines" },
		{ "：1笔，商家实收共", "：2笔，商家实收共",
			"its totals are not those of its lines" },
		{ "共-0.44元", "共-0.45元", "its totals are not those of its lines" },
		{ BACK, "", "its totals are not those of its lines" },
		{ "共12.30元", "共", "its totals are malformed" },
		{ "共12.30元", "共一元", "its totals are malformed" },
		{ "1笔，商家实收退款共", "1，商家实收退款共", "its totals are malformed" },
		{ "1笔，商家实收退款共", "笔，商家实收退款共", "its totals are malformed" },
		{ PAID, "x,y\r\n", "a line has another number of cells" },
		{ "2019-09-16 18:43:06", "2019-09-16", "a line has malformed times" },
		{ "2019-09-16 18:43:34", "2019-09-31 18:43:34", "a line has malformed times" },
		{ "交易\t", "转账\t", "a line is neither a payment nor a refund" },
		{ "PAY_1", "", "a line has a malformed number" },
		{ "PAY_1", "订单", "a line has a malformed number" },
		{ "2019091622001458860517860493\t", "\t", "a line has a malformed number" },
		{ "re_20190916", "re 2019", "a line has a malformed number" },
		{ "12.50", "12.505", "a line has a malformed amount" },
		{ "12.30,", ",", "a line has a malformed amount" },
		{ "-0.07", "x", "a line has a malformed amount" },
		{ PAID_TOTAL, PAID_TOTAL PAID, "it goes on after its totals" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		const char *fault =
			fault_of(replaced(DETAILS, cases[i].part, cases[i].other), NULL);

		if (fault == NULL || strcmp(fault, cases[i].fault) != 0)
			fail_msg("%s: %s", cases[i].other, fault != NULL ? fault : "accepted");
	}
}

static void what_is_not_gbk_is_not_accepted(void **state)
{
	static const char *const texts[] = { "#\xff\xff", "#\x81", "#\x81 ", "#\xc0\x20" };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
		struct alipay_bill_reader r = new_reader();

		assert_int_equal(read_file(&r, slice_of(texts[i])), ERR_INTERNAL);
		assert_string_equal(r.fault, "it is not GBK");
		/* and the next is read from its beginning */
		r = new_reader();
		assert_int_equal(read_file(&r, to_gbk(DETAILS)), OK);
		forget(NULL);
	}
}

static void no_text_grows_beyond_its_room(void **state)
{
	enum { ALL = 0x10000 };
	char in[3], out[3 * 2 + 1];
	size_t good = 0;

	(void)state;
	for (int i = 0; i < ALL; i++) {
		in[0] = (char)(i >> 8);
		in[1] = (char)i;
		if (in[0] != '\0' && in[1] != '\0' && gbk_decode(gbk, in, 2, out)) {
			good++;
			assert_true(utf8_count(out, strlen(out)) > 0);
		}
	}
	assert_true(good > 20000);
	assert_true(gbk_decode(gbk, "\x80\x80", 2, out));
	assert_string_equal(out, "€€");
	assert_false(gbk_decode(gbk, "a\0b", 3, arena_alloc(&ctx.arena, 8)));
}

static void what_the_caller_answers_ends_it(void **state)
{
	struct alipay_bill_reader r = new_reader();

	(void)state;
	answer = ERR_BUSY;
	assert_int_equal(read_file(&r, to_gbk(DETAILS)), ERR_BUSY);
	assert_int_equal(seen_n, 1);
	assert_null(r.fault);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(a_bill_gives_its_payments_and_refunds, forget),
		cmocka_unit_test_teardown(
			its_files_are_in_any_order_and_a_day_may_be_empty, forget),
		cmocka_unit_test_teardown(a_name_with_commas_changes_no_other_cell, forget),
		cmocka_unit_test_teardown(a_bill_needs_its_details_and_both_totals, forget),
		cmocka_unit_test_teardown(malformed_bills_are_not_accepted, forget),
		cmocka_unit_test_teardown(what_is_not_gbk_is_not_accepted, forget),
		cmocka_unit_test_teardown(no_text_grows_beyond_its_room, forget),
		cmocka_unit_test_teardown(what_the_caller_answers_ends_it, forget),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
