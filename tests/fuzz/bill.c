/* SPDX-License-Identifier: MIT */
/* The lines of providers' bills. The first letter says whose: WeChat's ('w') or Alipay's ('a'). */
#include "providers/alipay/bill.h"
#include "ext/db.h"
#include "fuzz.h"
#include "providers/wechat/bill.h"

/* stub of ext/db.c: nothing is called or stored */
bool db_in_tx(const struct db *db)
{
	(void)db;
	return false;
}

/* What is given is what the summary says. */
static enum err count(struct ctx *c, void *arg, const struct bill_line *line)
{
	(void)c;
	HOLDS(str_is_id(line->out_trade_no, BILL_ID_MAX) &&
		str_is_id(line->transaction_id, BILL_ID_MAX));
	HOLDS(line->refund_no == NULL || str_is_id(line->refund_no, BILL_ID_MAX));
	HOLDS(line->amount.fen >= 0 && line->at_ms > 0);
	HOLDS(line->kind == BILL_REFUND || (line->refund_no == NULL && line->refund_id == NULL));
	HOLDS(bill_count(arg, line));
	return OK;
}

static void same(const struct bill_summary *a, const struct bill_summary *b)
{
	HOLDS(a->payments == b->payments && a->refunds == b->refunds);
	HOLDS(a->paid.fen == b->paid.fen && a->refunded.fen == b->refunded.fen);
}

/* In pieces of several sizes: the result is the same. */
static enum err feed(struct ctx *c, line_fn *line, void *reader, struct slice text, size_t piece)
{
	struct lines l = lines_new(&c->arena, BILL_LINE_MAX, line, reader);

	for (size_t i = 0; i < text.len; i += piece)
		TRY(lines_add(&l, text.p + i, text.len - i < piece ? text.len - i : piece));
	return lines_end(&l);
}

static void wechat(struct ctx *c, struct slice text)
{
	struct bill_summary given = { 0 }, again = { 0 };
	struct wxbill_reader r = { .c = c, .mchid = "1900007291", .each = count, .arg = &given };
	struct wxbill_reader s = { .c = c, .mchid = "1900007291", .each = count, .arg = &again };
	const enum err e = feed(c, wxbill_line, &r, text, text.len + 1);

	HOLDS(feed(c, wxbill_line, &s, text, 7) == e && (e == OK) == (r.fault == NULL));
	same(&r.sum, &given);
	same(&again, &given);
	HOLDS(e != OK || wxbill_whole(&r) == wxbill_whole(&s));
}

static struct alipay_bill_reader alipay_reader(
	struct ctx *c, struct gbk *gbk, struct bill_summary *given)
{
	return (struct alipay_bill_reader){
		.c = c,
		.seller_id = "2088531891668739",
		.gbk = gbk,
		.text = arena_alloc(&c->arena, 3 * BILL_LINE_MAX + 1),
		.each = count,
		.arg = given,
	};
}

static void alipay(struct ctx *c, struct slice text)
{
	static struct gbk *gbk;
	struct bill_summary given = { 0 }, again = { 0 };
	struct alipay_bill_reader r, s;
	enum err e;

	if (gbk == NULL)
		gbk = gbk_open();
	HOLDS(gbk != NULL);
	r = alipay_reader(c, gbk, &given);
	s = alipay_reader(c, gbk, &again);
	e = feed(c, alipay_bill_line, &r, text, text.len + 1);
	HOLDS(feed(c, alipay_bill_line, &s, text, 7) == e && (e == OK) == (r.fault == NULL));
	same(&r.sum, &given);
	same(&again, &given);
	HOLDS(e != OK || alipay_bill_whole(&r) == alipay_bill_whole(&s));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct ctx c = FUZZ_CTX;
	struct slice text;

	if (size == 0)
		return 0;
	text = (struct slice){ arena_dup(&c.arena, (const char *)data + 1, size - 1), size - 1 };
	if (data[0] == 'w')
		wechat(&c, text);
	else if (data[0] == 'a')
		alipay(&c, text);
	HOLDS(c.fault == NULL); /* a fault of a bill is not our caller's */
	arena_done(&c.arena);
	return 0;
}
