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
 * The lines of an order in one statement, in product order. Each product is found by its key, even in a small table: a scan
 * would wait for other rows' locks. FEW lines, as most orders have, are parameters, the last of which is repeated where there
 * are fewer: for the temporary table of JSON_TABLE a server needs more time than for all the rest.
 * FOR UPDATE next to a bare JSON_TABLE is MySQL's error 3569, next to one in a subquery it isn't.
 */
enum { FEW = 4 };
#define FEW_IDS        "(?, ?, ?, ?)"
#define FEW_QUANTITIES "CASE product_id WHEN ? THEN ? WHEN ? THEN ? WHEN ? THEN ? ELSE ? END"
#define LINES          "JSON_TABLE(?, '$[*]' COLUMNS (id BIGINT PATH '$[0]', n BIGINT PATH '$[1]')) l "
static const char SQL_LOCK_FEW[] =
	"SELECT product_id, name, price, stock, status FROM products FORCE INDEX (PRIMARY) "
	"WHERE product_id IN " FEW_IDS " ORDER BY product_id FOR UPDATE";
static const char SQL_LOCK_LINES[] =
	"SELECT p.product_id, p.name, p.price, p.stock, p.status "
	"FROM (SELECT l.id FROM " LINES
	") l "
	"STRAIGHT_JOIN products p FORCE INDEX (PRIMARY) ON p.product_id = l.id FOR UPDATE";
/* what is returned is taken with a negative quantity */
static const char SQL_TAKE_FEW[] =
	"UPDATE products FORCE INDEX (PRIMARY) SET stock = stock - " FEW_QUANTITIES
	" WHERE product_id IN " FEW_IDS " AND stock >= " FEW_QUANTITIES;
static const char SQL_TAKE_LINES[] =
	"UPDATE " LINES
	"STRAIGHT_JOIN products p FORCE INDEX (PRIMARY) ON p.product_id = l.id "
	"SET p.stock = p.stock - l.n WHERE p.stock >= l.n";
static const char SQL_MOVE[] =
	"INSERT INTO stock_moves (product_id, delta, reason, order_id, at) VALUES (?, ?, ?, ?, ?)";

/* What is changed of each line's stock: its quantity, taken or returned. */
enum direction { TAKEN = 1, RETURNED = -1 };

static struct db_arg lines_arg(
	struct ctx *c, const struct stock_line *lines, size_t n, enum direction direction)
{
	struct str s = str_new(&c->arena, 64 + n * 48);

	str_addc(&s, '[');
	for (size_t i = 0; i < n; i++)
		str_addf(&s, "%s[%lld,%lld]", i > 0 ? "," : "", (long long)lines[i].product_id,
			(long long)(lines[i].quantity * direction));
	str_addc(&s, ']');
	return TEXT(str_text(&s));
}

/* The parameters of FEW lines. */
struct few {
	struct db_arg id[FEW], n[FEW];
};
#define FEW_IDS_OF(f)        (f).id[0], (f).id[1], (f).id[2], (f).id[3]
#define FEW_QUANTITIES_OF(f) (f).id[0], (f).n[0], (f).id[1], (f).n[1], (f).id[2], (f).n[2], (f).n[3]

static struct few few_of(const struct stock_line *lines, size_t n, enum direction direction)
{
	struct few f;

	for (size_t i = 0; i < FEW; i++) {
		const struct stock_line *l = &lines[i < n ? i : n - 1];

		f.id[i] = I64(l->product_id);
		f.n[i] = I64(l->quantity * direction);
	}
	return f;
}

static enum err find_and_lock_tx(
	struct ctx *c, const struct stock_line *lines, size_t n, struct db_rows *out)
{
	struct few f;

	if (n > FEW)
		return db_all(c, SQL_LOCK_LINES, ARGS(lines_arg(c, lines, n, TAKEN)),
			stock_line_fields, sizeof(*lines), (int64_t)n, out);
	f = few_of(lines, n, TAKEN);
	return db_all(c, SQL_LOCK_FEW, ARGS(FEW_IDS_OF(f)), stock_line_fields, sizeof(*lines),
		(int64_t)n, out);
}

enum err stock_lock_tx(struct ctx *c, struct stock_line *lines, size_t n)
{
	const struct stock_line *rows;
	struct db_rows found = { 0 };
	int64_t at = 0;

	if (n > 0)
		TRY(find_and_lock_tx(c, lines, n, &found));
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

/* *all: did each have enough? */
static enum err change_tx(struct ctx *c, const struct stock_line *lines, size_t n,
	enum direction direction, bool *all)
{
	int64_t matched = 0;
	struct few f;

	answers_note_stock_tx(c, lines, n);
	if (n > FEW) {
		TRY(db_exec(c, SQL_TAKE_LINES, ARGS(lines_arg(c, lines, n, direction)), &matched));
	} else if (n > 0) {
		f = few_of(lines, n, direction);
		TRY(db_exec(c, SQL_TAKE_FEW,
			ARGS(FEW_QUANTITIES_OF(f), FEW_IDS_OF(f), FEW_QUANTITIES_OF(f)), &matched));
	}
	*all = matched == (int64_t)n;
	return OK;
}

static enum err note_moves_tx(struct ctx *c, const struct stock_line *lines, size_t n,
	int64_t order_id, enum direction direction)
{
	enum { ROW_ARGS = 5 };
	const int64_t reason = direction == TAKEN ? MOVE_TAKEN : MOVE_RETURNED;
	struct db_arg *args = arena_array(&c->arena, n, ROW_ARGS * sizeof(*args)), *next = args;

	for (size_t i = 0; i < n; i++, next += ROW_ARGS) {
		const struct db_arg row[ROW_ARGS] = { I64(lines[i].product_id),
			I64(-lines[i].quantity * direction), I64(reason), I64(order_id),
			I64(c->now_ms) };

		memcpy(next, row, sizeof(row));
	}
	return db_insert_rows(c, SQL_MOVE, args, ROW_ARGS, n);
}

enum err stock_take_tx(struct ctx *c, const struct stock_line *lines, size_t n, int64_t order)
{
	bool all;

	TRY(change_tx(c, lines, n, TAKEN, &all));
	return all ? note_moves_tx(c, lines, n, order, TAKEN)
		   : fail(c, ERR_INSUFFICIENT_STOCK, NULL);
}

enum err stock_return_tx(struct ctx *c, const struct stock_line *lines, size_t n, int64_t order)
{
	bool all;

	TRY(change_tx(c, lines, n, RETURNED, &all));
	return all ? note_moves_tx(c, lines, n, order, RETURNED) : ERR_CONFLICT;
}
