/* SPDX-License-Identifier: MIT */
/*
 * bill_lines.c - the lines of WeChat's trade bill: a header, a line for each payment and refund, then a header and a line of
 * totals. The data's cells begin with a backtick: so no comma in a text divides anything, and no text is taken for a number
 * by a spreadsheet.
 */
#include "providers/wechat/bill.h"

/* In the header's order only by chance: columns are found by their names. */
enum column {
	TIME,
	MCHID,
	ID,
	NUMBER,
	STATE,
	REFUND_ID,
	REFUND_NO,
	REFUND_WORD,
	GOODS,
	TOTAL,
	REFUND
};
static const char *const columns[WXBILL_COLUMNS + 1] = { "交易时间", "商户号", "微信订单号",
	"商户订单号", "交易状态", "微信退款单号", "商户退款单号", "退款状态", "商品名称",
	"订单金额", "申请退款金额", NULL };

enum total { TOTAL_COUNT, TOTAL_PAID, TOTAL_REFUNDED };
static const char *const totals[] = { "总交易单数", "订单总金额", "申请退款总金额", NULL };

static const char BOM[] = "\xef\xbb\xbf";

static const struct {
	const char *word;
	enum trade_state state;
} trades[] = {
	{ "SUCCESS", TRADE_PAID },
	{ "REFUND", TRADE_REFUNDED },
	{ "REVOKED", TRADE_CLOSED },
};

static const struct {
	const char *word;
	enum refund_state state;
} refunds[] = {
	{ "SUCCESS", REFUND_SUCCESS },
	{ "PROCESSING", REFUND_PROCESSING },
	{ "CLOSED", REFUND_CLOSED },
	{ "REFUNDCLOSE", REFUND_CLOSED },
	{ "ABNORMAL", REFUND_ABNORMAL },
	{ "CHANGE", REFUND_ABNORMAL },
	{ "FAIL", REFUND_ABNORMAL },
};

static enum trade_state trade_of(const char *word)
{
	for (size_t i = 0; i < ARRAY_LEN(trades); i++)
		if (strcmp(trades[i].word, word) == 0)
			return trades[i].state;
	return TRADE_UNKNOWN;
}

static enum refund_state refund_of(const char *word)
{
	for (size_t i = 0; i < ARRAY_LEN(refunds); i++)
		if (strcmp(refunds[i].word, word) == 0)
			return refunds[i].state;
	return REFUND_UNKNOWN;
}

static enum err refuse(struct wxbill_reader *r, const char *why)
{
	r->fault = why;
	return ERR_INTERNAL;
}

/* ---- headers ---- */

/* Their cells may have backticks too. */
static bool cut_header(char *line, struct bill_cells *cells)
{
	if (!bill_cut(line, ",", cells))
		return false;
	for (size_t i = 0; i < cells->n; i++)
		cells->cell[i] += cells->cell[i][0] == '`';
	return true;
}

static enum err read_header(struct wxbill_reader *r, char *line)
{
	struct bill_cells cells;

	if (str_starts(line, BOM))
		line += strlen(BOM);
	if (!cut_header(line, &cells) || !bill_find(&cells, columns, r->at))
		return refuse(r, "its header lacks a column");
	r->width = cells.n;
	r->part = WXBILL_LINES;
	return OK;
}

static enum err read_totals_header(struct wxbill_reader *r, char *line)
{
	struct bill_cells cells;

	if (!cut_header(line, &cells) || !bill_find(&cells, totals, r->at))
		return refuse(r, "a line is neither data nor the header of the totals");
	r->width = cells.n;
	r->part = WXBILL_TOTALS;
	return OK;
}

/* ---- data ---- */

/*
 * A text with a comma and a backtick has cut itself into more cells: what comes after the goods' name is
 * counted from the end.
 */
static const char *cell(
	const struct wxbill_reader *r, const struct bill_cells *cells, size_t column)
{
	const size_t at = r->at[column];

	return cells->cell[at > r->at[GOODS] ? at + cells->n - r->width : at];
}

static const char *or_null(const char *number)
{
	return number[0] == '\0' || strcmp(number, "0") == 0 ? NULL : number;
}

static const char *fill(
	const struct wxbill_reader *r, const struct bill_cells *cells, struct bill_line *out)
{
	const char *refund_id = or_null(cell(r, cells, REFUND_ID));
	const char *refund_no = or_null(cell(r, cells, REFUND_NO));
	const bool refund = refund_id != NULL || refund_no != NULL;

	*out = (struct bill_line){
		.kind = refund ? BILL_REFUND : BILL_PAYMENT,
		.out_trade_no = cell(r, cells, NUMBER),
		.transaction_id = cell(r, cells, ID),
		.refund_no = refund_no,
		.refund_id = refund_id,
		.at_ms = bill_time(cell(r, cells, TIME)),
	};
	if (refund)
		out->refund = refund_of(cell(r, cells, REFUND_WORD));
	else
		out->trade = trade_of(cell(r, cells, STATE));
	if (strcmp(cell(r, cells, MCHID), r->mchid) != 0)
		return "a line is of another merchant";
	if (!str_is_id(out->out_trade_no, BILL_ID_MAX) ||
		!str_is_id(out->transaction_id, BILL_ID_MAX) ||
		(refund_no != NULL && !str_is_id(refund_no, BILL_ID_MAX)) ||
		(refund_id != NULL && !str_is_id(refund_id, BILL_ID_MAX)))
		return "a line has a malformed number";
	if (out->at_ms == 0)
		return "a line has a malformed time";
	if (!bill_amount(cell(r, cells, refund ? REFUND : TOTAL), &out->amount))
		return "a line has a malformed amount";
	return NULL;
}

static enum err read_data(struct wxbill_reader *r, char *line)
{
	struct bill_cells cells;
	struct bill_line out;
	const char *fault;

	if (!bill_cut(line + 1, ",`", &cells) || cells.n < r->width)
		return refuse(r, "a line has another number of cells");
	fault = fill(r, &cells, &out);
	if (fault != NULL)
		return refuse(r, fault);
	if (!bill_count(&r->sum, &out))
		return refuse(r, "its totals are beyond all amounts");
	return r->each != NULL ? r->each(r->c, r->arg, &out) : OK;
}

static enum err read_totals(struct wxbill_reader *r, char *line)
{
	struct bill_cells cells;
	money paid, refunded;

	if (line[0] != '`' || !bill_cut(line + 1, ",`", &cells) || cells.n != r->width ||
		!bill_amount(cells.cell[r->at[TOTAL_PAID]], &paid) ||
		!bill_amount(cells.cell[r->at[TOTAL_REFUNDED]], &refunded))
		return refuse(r, "its totals are malformed");
	if (bill_number(cells.cell[r->at[TOTAL_COUNT]]) != r->sum.payments + r->sum.refunds ||
		money_cmp(paid, r->sum.paid) != 0 || money_cmp(refunded, r->sum.refunded) != 0)
		return refuse(r, "its totals are not those of its lines");
	r->part = WXBILL_END;
	return OK;
}

enum err wxbill_line(void *reader, char *line, size_t len)
{
	struct wxbill_reader *r = reader;

	if (utf8_count(line, len) < 0)
		return refuse(r, "it is not UTF-8");
	switch (r->part) {
	case WXBILL_HEADER:
		return read_header(r, line);
	case WXBILL_LINES:
		return line[0] == '`' && strncmp(line + 1, totals[0], strlen(totals[0])) != 0
			       ? read_data(r, line)
			       : read_totals_header(r, line);
	case WXBILL_TOTALS:
		return read_totals(r, line);
	case WXBILL_END:
		break;
	}
	return line[0] == '\0' ? OK : refuse(r, "it goes on after its totals");
}

bool wxbill_whole(struct wxbill_reader *r)
{
	if (r->part != WXBILL_END && r->fault == NULL)
		r->fault = "it ends before its totals";
	return r->part == WXBILL_END && r->fault == NULL;
}
