/* SPDX-License-Identifier: MIT */
/*
 * bill_lines.c - the lines of Alipay's trade bill, in GBK: the file of details has lines of remarks, which begin
 * with #, a header, a line for each payment and refund, and the totals in the remarks after them. The other
 * file, a summary by branches, says nothing more.
 */
#include "providers/alipay/bill.h"

enum column { ID, NUMBER, KIND, GOODS, MADE, DONE, TOTAL, RECEIVED, REFUND_NO, FEE };
static const char *const columns[ALIPAY_BILL_COLUMNS + 1] = { "支付宝交易号", "商户订单号",
	"业务类型", "商品名称", "创建时间", "完成时间", "订单金额（元）", "商家实收（元）",
	"退款批次号/请求号", "服务费（元）", NULL };

static const char *const kinds[] = { "交易", "退款", NULL }; /* at their places in enum bill_kind */

static const char ACCOUNT[] = "#账号：[", ACCOUNT_TAIL[] = "0156]";

static enum err refuse(struct alipay_bill_reader *r, const char *why)
{
	r->fault = why;
	return ERR_INTERNAL;
}

/* ---- remarks ---- */

/* "3笔，商家实收共36.10元…" or "1笔，商家实收退款共-0.01元…" after the colon. */
static bool read_total(char *text, const char *between, int64_t *count, money *sum)
{
	char *middle = strstr(text, between), *end;

	if (middle == NULL)
		return false;
	*middle = '\0';
	middle += strlen(between);
	end = strstr(middle, "元");
	if (end == NULL)
		return false;
	*end = '\0';
	*count = bill_number(text);
	return *count >= 0 && bill_amount(middle, sum);
}

static enum err read_remark(struct alipay_bill_reader *r, char *line)
{
	static const char paid[] = "#交易合计：", refunded[] = "#退款合计：";
	int64_t count = 0, expected = 0;
	money sum = MONEY_ZERO, expected_sum = MONEY_ZERO;
	bool good = true;

	if (str_starts(line, ACCOUNT)) {
		line += strlen(ACCOUNT);
		if (!str_starts(line, r->seller_id) ||
			strcmp(line + strlen(r->seller_id), ACCOUNT_TAIL) != 0)
			return refuse(r, "it is of another account");
	} else if (r->part == ALIPAY_BILL_LINES && str_starts(line, paid)) {
		r->payment_totals++;
		good = read_total(line + strlen(paid), "笔，商家实收共", &count, &sum);
		expected = r->received.payments;
		expected_sum = r->received.paid;
	} else if (r->part == ALIPAY_BILL_LINES && str_starts(line, refunded)) {
		r->refund_totals++;
		good = read_total(line + strlen(refunded), "笔，商家实收退款共", &count, &sum);
		expected = r->received.refunds;
		expected_sum = r->received.refunded;
	}
	if (!good)
		return refuse(r, "its totals are malformed");
	if (count != expected || money_cmp(sum, expected_sum) != 0)
		return refuse(r, "its totals are not those of its lines");
	return OK;
}

/* ---- the header and data ---- */

static char *trim(char *cell)
{
	size_t len;

	cell += strspn(cell, " \t");
	for (len = strlen(cell); len > 0 && strchr(" \t", cell[len - 1]) != NULL;)
		cell[--len] = '\0';
	return cell;
}

static bool cut(char *line, struct bill_cells *cells)
{
	if (!bill_cut(line, ",", cells))
		return false;
	for (size_t i = 0; i < cells->n; i++)
		cells->cell[i] = trim(cells->cell[i]);
	return true;
}

static enum err read_header(struct alipay_bill_reader *r, char *line)
{
	struct bill_cells cells;

	if (!cut(line, &cells))
		return refuse(r, "a header has too many cells");
	r->part = ALIPAY_BILL_OTHER;
	if (!bill_find(&cells, columns, r->at))
		return OK;
	r->width = cells.n;
	r->part = ALIPAY_BILL_LINES;
	return r->details++ == 0 ? OK : refuse(r, "it has more than one file of details");
}

/*
 * The goods' name may have commas, which nothing marks: it ends where the two times are. Returns by how many cells
 * what comes after it is moved, or -1.
 */
static int moved_by(const struct alipay_bill_reader *r, const struct bill_cells *cells)
{
	for (size_t by = 0; cells->n >= r->width + by; by++)
		if (bill_time(cells->cell[r->at[MADE] + by]) > 0 &&
			bill_time(cells->cell[r->at[DONE] + by]) > 0)
			return (int)by;
	return -1;
}

static const char *fill(const struct alipay_bill_reader *r, const struct bill_cells *cells,
	size_t moved, struct bill_line *out, struct bill_line *received)
{
	const char *cell[ALIPAY_BILL_COLUMNS];
	int kind;
	money fee;

	for (size_t i = 0; i < ALIPAY_BILL_COLUMNS; i++)
		cell[i] = cells->cell[r->at[i] + (r->at[i] > r->at[GOODS] ? moved : 0)];
	kind = str_index(cell[KIND], kinds);
	if (kind < 0)
		return "a line is neither a payment nor a refund";
	*out = (struct bill_line){
		.kind = (enum bill_kind)kind,
		.out_trade_no = cell[NUMBER],
		.transaction_id = cell[ID],
		.at_ms = bill_time(cell[DONE]),
	};
	if (out->kind == BILL_REFUND) {
		out->refund = REFUND_SUCCESS;
		out->refund_no = cell[REFUND_NO][0] != '\0' ? cell[REFUND_NO] : NULL;
	} else {
		out->trade = TRADE_PAID;
	}
	if (!str_is_id(out->out_trade_no, BILL_ID_MAX) ||
		!str_is_id(out->transaction_id, BILL_ID_MAX) ||
		(out->refund_no != NULL && !str_is_id(out->refund_no, BILL_ID_MAX)))
		return "a line has a malformed number";
	*received = *out;
	return bill_amount(cell[TOTAL], &out->amount) &&
			       bill_amount(cell[RECEIVED], &received->amount) &&
			       bill_amount(cell[FEE], &fee)
		       ? NULL
		       : "a line has a malformed amount";
}

static enum err read_data(struct alipay_bill_reader *r, char *line)
{
	struct bill_cells cells;
	struct bill_line out, received;
	const char *fault;
	int moved;

	if (!cut(line, &cells) || cells.n < r->width)
		return refuse(r, "a line has another number of cells");
	moved = moved_by(r, &cells);
	if (moved < 0)
		return refuse(r, "a line has malformed times");
	if (r->payment_totals + r->refund_totals > 0)
		return refuse(r, "it goes on after its totals");
	fault = fill(r, &cells, (size_t)moved, &out, &received);
	if (fault != NULL)
		return refuse(r, fault);
	if (!bill_count(&r->sum, &out) || !bill_count(&r->received, &received))
		return refuse(r, "its totals are beyond all amounts");
	return r->each != NULL ? r->each(r->c, r->arg, &out) : OK;
}

/* ---- files ---- */

enum err alipay_bill_file(struct alipay_bill_reader *r)
{
	r->part = ALIPAY_BILL_HEAD;
	return OK;
}

enum err alipay_bill_line(void *reader, char *line, size_t len)
{
	struct alipay_bill_reader *r = reader;

	if (!gbk_decode(r->gbk, line, len, r->text))
		return refuse(r, "it is not GBK");
	if (r->text[0] == '#')
		return read_remark(r, r->text);
	if (r->part == ALIPAY_BILL_OTHER || len == 0)
		return OK;
	return r->part == ALIPAY_BILL_HEAD ? read_header(r, r->text) : read_data(r, r->text);
}

bool alipay_bill_whole(struct alipay_bill_reader *r)
{
	if (r->fault == NULL && r->details == 0)
		r->fault = "it has no file of details";
	else if (r->fault == NULL && (r->payment_totals != 1 || r->refund_totals != 1))
		r->fault = "it lacks its totals";
	return r->fault == NULL;
}
