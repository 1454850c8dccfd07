/* SPDX-License-Identifier: MIT */
/* product_stock.c - stock taken and returned by orders. product.c has administrators\' changes. */
#include "ext/db.h"
#include "shop/catalogue/answers.h"
#include "shop/catalogue/product.h"

static const struct field stock_line_fields[] = {
	FIELD(struct stock_line, product_id),
	FIELD(struct stock_line, name),
	FIELD(struct stock_line, price),
	FIELD(struct stock_line, stock),
	FIELD(struct stock_line, status),
	FIELD_END,
};

/*
 * Many lines in one statement: [[product_id, quantity], ...] in product order. Each product is found by its key,
 * even in a small table: a scan would wait for other rows' locks.
 * FOR UPDATE next to a bare JSON_TABLE is MySQL's error 3569, next to one in a subquery it isn't.
 */
#define LINES "JSON_TABLE(?, '$[*]' COLUMNS (id BIGINT PATH '$[0]', n BIGINT PATH '$[1]')) l "
static const char SQL_LOCK_LINES[] =
	"SELECT p.product_id, p.name, p.price, p.stock, p.status "
	"FROM (SELECT l.id FROM " LINES
	") l "
	"STRAIGHT_JOIN products p FORCE INDEX (PRIMARY) ON p.product_id = l.id FOR UPDATE";
static const char SQL_TAKE[] =
	"UPDATE " LINES
	"STRAIGHT_JOIN products p FORCE INDEX (PRIMARY) ON p.product_id = l.id "
	"SET p.stock = p.stock - l.n WHERE p.stock >= l.n";
static const char SQL_RETURN[] =
	"UPDATE " LINES
	"STRAIGHT_JOIN products p FORCE INDEX (PRIMARY) ON p.product_id = l.id "
	"SET p.stock = p.stock + l.n";
static const char SQL_MOVE_LINES[] =
	"INSERT INTO stock_moves (product_id, delta, reason, order_id, at) "
	"SELECT l.id, l.n * ?, ?, ?, ? FROM " LINES;

static struct db_arg lines_arg(struct ctx *c, const struct stock_line *lines, size_t n)
{
	struct str s = str_new(&c->arena, 64 + n * 48);

	str_addc(&s, '[');
	for (size_t i = 0; i < n; i++)
		str_addf(&s, "%s[%lld,%lld]", i > 0 ? "," : "", (long long)lines[i].product_id,
			(long long)lines[i].quantity);
	str_addc(&s, ']');
	return TEXT(str_text(&s));
}

enum err stock_lock_tx(struct ctx *c, struct stock_line *lines, size_t n)
{
	const struct stock_line *rows;
	struct db_rows found;
	int64_t at = 0;

	TRY(db_all(c, SQL_LOCK_LINES, ARGS(lines_arg(c, lines, n)), stock_line_fields,
		sizeof(*rows), (int64_t)n, &found));
	rows = found.list.rows;
	for (size_t i = 0; i < n; i++) {
		lines[i].status = PRODUCT_DELETED;
		if (at == found.list.n || rows[at].product_id != lines[i].product_id)
			continue;
		lines[i].name = rows[at].name;
		lines[i].price = rows[at].price;
		lines[i].stock = rows[at].stock;
		lines[i].status = rows[at].status;
		at++;
	}
	return OK;
}

static enum err move_lines_tx(struct ctx *c, const struct stock_line *lines, size_t n,
	int64_t order, int64_t sign, int64_t reason)
{
	return db_exec(c, SQL_MOVE_LINES,
		ARGS(I64(sign), I64(reason), I64(order), I64(c->now_ms), lines_arg(c, lines, n)),
		NULL);
}

enum err stock_take_tx(struct ctx *c, const struct stock_line *lines, size_t n, int64_t order)
{
	int64_t matched;

	answers_note_stock_tx(c, lines, n);
	TRY(db_exec(c, SQL_TAKE, ARGS(lines_arg(c, lines, n)), &matched));
	if (matched != (int64_t)n)
		return fail(c, ERR_INSUFFICIENT_STOCK, NULL);
	return move_lines_tx(c, lines, n, order, -1, MOVE_TAKEN);
}

enum err stock_return_tx(struct ctx *c, const struct stock_line *lines, size_t n, int64_t order)
{
	int64_t matched;

	answers_note_stock_tx(c, lines, n);
	TRY(db_exec(c, SQL_RETURN, ARGS(lines_arg(c, lines, n)), &matched));
	if (matched != (int64_t)n)
		return ERR_CONFLICT;
	return move_lines_tx(c, lines, n, order, 1, MOVE_RETURNED);
}
