/* SPDX-License-Identifier: MIT */
#include "shop/catalogue/product.h"

#include <stdlib.h>

#include "base/url.h"
#include "ext/db.h"
#include "ext/entity.h"
#include "shop/books/idempotency.h"
#include "shop/catalogue/answers.h"

enum { STOCK_MAX = 999999999 };

static bool is_image_url(const char *s)
{
	return url_is_web(s) || url_is_local(s);
}

/* clang-format off */
/* What is given of a product: another column is a line here and a member of the struct. */
#define PRODUCT_ROW(X)                                                                         \
	X(category_id, 1, INT64_MAX - 1, F_NULL)                                               \
	X(name, 1, 100, F_REQUIRED)                                                            \
	X(description, 0, 5000, F_NULL | F_PROSE)                                              \
	X(price, 0, MONEY_MAX_FEN, F_REQUIRED)                                                 \
	X(stock, 0, STOCK_MAX, 0)                                                              \
	X(image_url, 1, 500, F_NULL, .valid = is_image_url, .format = "uri-reference")         \
	X(status, PRODUCT_OFF, PRODUCT_ON, 0)

#define PRODUCT_INPUT(...) INPUT(struct product, __VA_ARGS__),
#define PRODUCT_FIELDS                                                                         \
	FIELD(struct product, product_id),                                                     \
	PRODUCT_ROW(PRODUCT_INPUT)                                                             \
	FIELD(struct product, created_at),                                                     \
	FIELD(struct product, updated_at)
/* clang-format on */

const struct field product_fields[] = { PRODUCT_FIELDS, FIELD_END };
const struct field product_full_fields[] = {
	PRODUCT_FIELDS,
	OBJECT(struct product, category, category_brief_fields, F_NULL),
	FIELD_END,
};

const struct field product_change_fields[] = {
	PRODUCT_FIELDS,
	INPUT(struct product, stock_delta, -STOCK_MAX, STOCK_MAX, F_HIDDEN | F_NO_COLUMN),
	FIELD_END,
};

const struct field product_query_fields[] = {
	INPUT(struct product_query, category_id, 1, INT64_MAX - 1, 0),
	INPUT(struct product_query, status, PRODUCT_OFF, PRODUCT_ON, 0),
	INPUT(struct product_query, q, 1, 100, F_TRIM | F_OPAQUE),
	FIELD_END,
};

#define P_NAME(column, ...) "p." #column ", "
#define COLUMNS             "p.product_id, " PRODUCT_ROW(P_NAME) "p.created_at, p.updated_at"
#define WITH_CATEGORY                                                                              \
	COLUMNS ", k.category_id AS `category.category_id`, k.name AS `category.name`, "           \
		"k.description AS `category.description`"
#define JOIN_CATEGORY                                                                              \
	" LEFT JOIN categories k ON k.category_id = p.category_id AND k.deleted_at IS NULL "

/*
 * One statement for each combination of filters, so that each reads its own index from the
 * cursor on. The index is forced: otherwise the server uses only the status column and scans
 * from the top (a thousand times slower for late pages).
 */
#define LIST_BY(index, where)                                                                      \
	"SELECT " WITH_CATEGORY " FROM products p FORCE INDEX (" index ")" JOIN_CATEGORY           \
	"WHERE " where                                                                             \
	" AND p.product_id < ? AND (? IS NULL OR p.name LIKE ?) "                                  \
	"ORDER BY p.product_id DESC LIMIT ?"
static const char SQL_LIST[] = LIST_BY("PRIMARY", "p.status IN (" SQL(PRODUCT_LIVE_SET) ")");
static const char SQL_LIST_STATUS[] = LIST_BY("by_status", "p.status = ?");
static const char SQL_LIST_CATEGORY[] =
	LIST_BY("by_category", "p.category_id = ? AND p.status IN (" SQL(PRODUCT_LIVE_SET) ")");
static const char SQL_LIST_CATEGORY_STATUS[] =
	LIST_BY("by_category_status", "p.category_id = ? AND p.status = ?");

/*
 * A category's list includes its subcategories. Their newest products need one index range per category; the
 * ranges are merged here.
 */
#define WALK(index, where)                                                                         \
	"(SELECT p.product_id AS id FROM products p FORCE INDEX (" index ") WHERE " where          \
	" AND p.product_id < ? AND (? IS NULL OR p.name LIKE ?) "                                  \
	"ORDER BY p.product_id DESC LIMIT ?)"
#define FOUR_WALKS(walk) walk " UNION ALL " walk " UNION ALL " walk " UNION ALL " walk
#define EIGHT_WALKS(walk)                                                                          \
	FOUR_WALKS(walk) " UNION ALL " FOUR_WALKS(walk) " ORDER BY id DESC LIMIT ?"
static const char SQL_BRANCH[] = EIGHT_WALKS(
	WALK("by_category", "p.category_id = ? AND p.status IN (" SQL(PRODUCT_LIVE_SET) ")"));
static const char SQL_BRANCH_STATUS[] =
	EIGHT_WALKS(WALK("by_category_status", "p.category_id = ? AND p.status = ?"));
static const char SQL_LIST_IDS[] =
	"SELECT " WITH_CATEGORY
	" FROM (SELECT l.id FROM JSON_TABLE(?, '$[*]' COLUMNS (id BIGINT PATH '$')) l) l "
	"STRAIGHT_JOIN products p FORCE INDEX (PRIMARY) ON p.product_id = l.id" JOIN_CATEGORY
	"WHERE p.status IN (?, ?) ORDER BY p.product_id DESC LIMIT ?";

static const char SQL_GET[] = "SELECT " WITH_CATEGORY " FROM products p" JOIN_CATEGORY
			      "WHERE p.product_id = ? "
			      "AND p.status IN (" SQL(PRODUCT_ON) ", ?)";
static const char SQL_LOCK[] = "SELECT " COLUMNS
			       " FROM products p WHERE p.product_id = ? "
			       "AND p.status IN (" SQL(PRODUCT_LIVE_SET) ") FOR UPDATE";
static const char SQL_INSERT[] =
	"INSERT INTO products (" PRODUCT_ROW(SQL_NAME) "created_at, updated_at) "
	"VALUES (" PRODUCT_ROW(SQL_MARK) "?, ?)";
static const char SQL_UPDATE[] =
	"UPDATE products SET " PRODUCT_ROW(SQL_SET) "updated_at = ? "
	"WHERE product_id = ? AND status IN (" SQL(PRODUCT_LIVE_SET) ")";
static const char SQL_DELETE[] =
	"UPDATE products SET status = " SQL(PRODUCT_DELETED) ", updated_at = ? "
	"WHERE product_id = ? AND status IN (" SQL(PRODUCT_LIVE_SET) ")";
static const char SQL_MOVE[] =
	"INSERT INTO stock_moves (product_id, delta, reason, order_id, at) VALUES (?, ?, ?, NULL, ?)";

static const struct db_listed listed = DB_LISTED(product_full_fields, struct product, product_id);

static int newest_first(const void *a, const void *b)
{
	const int64_t *x = a, *y = b;

	return (*x < *y) - (*x > *y);
}

enum { WALKS = 8, WALK_ARGS_MAX = 6 };

/* The newest products of a branch after the cursor: at most `wanted`; *n is their number. */
static enum err find_newest(struct ctx *c, const struct product_query *q, const struct list *branch,
	const struct db_arg *status, int64_t wanted, int64_t *newest, int64_t *n)
{
	const int64_t *categories = branch->rows;
	const struct db_arg nothing = { .kind = DB_NULL }, like = TEXT(db_like(c, q->q));
	struct db_rows found;

	*n = 0;
	for (int64_t first = 0; first < branch->n; first += WALKS) {
		const struct arena_mark mark = arena_mark(&c->arena);
		struct db_arg args[WALKS * WALK_ARGS_MAX + 1];
		size_t args_n = 0;

		for (int64_t i = first; i < first + WALKS; i++) {
			args[args_n++] = i < branch->n ? I64(categories[i]) : nothing;
			if (status != NULL)
				args[args_n++] = *status;
			args[args_n++] = I64(q->page.after[0]);
			args[args_n++] = like;
			args[args_n++] = like;
			args[args_n++] = I64(wanted);
		}
		args[args_n++] = I64(wanted);
		TRY(db_int64_all(c, status != NULL ? SQL_BRANCH_STATUS : SQL_BRANCH, args, args_n,
			wanted, &found));
		if (found.list.n > 0)
			memcpy(newest + *n, found.list.rows,
				(size_t)found.list.n * sizeof(*newest));
		*n += found.list.n;
		qsort(newest, (size_t)*n, sizeof(*newest), newest_first);
		*n = *n < wanted ? *n : wanted;
		arena_rewind(&c->arena, mark);
	}
	return OK;
}

/* A page of a category and its descendants; status NULL: on sale or not. */
static enum err list_branch(struct ctx *c, const struct product_query *q, const struct list *branch,
	const struct db_arg *status, struct page_rows *out)
{
	const int64_t limit = q->page.limit;
	int64_t n, *ids = arena_array(&c->arena, 2 * (size_t)(limit + 1), sizeof(*ids));

	TRY(find_newest(c, q, branch, status, limit + 1, ids, &n));
	TRY(db_page(c, SQL_LIST_IDS,
		ARGS(TEXT(db_id_list(c, ids, (size_t)(n < limit ? n : limit))),
			status != NULL ? *status : I64(PRODUCT_OFF),
			status != NULL ? *status : I64(PRODUCT_ON), I64(limit + 1)),
		&listed, q->page.limit, out));
	out->more = out->more || n > limit;
	return OK;
}

enum err product_list(struct ctx *c, const struct product_query *q, struct page_rows *out)
{
	const bool by_category = field_has(product_query_fields, q, "category_id");
	const bool all = c->actor.administrator && !field_has(product_query_fields, q, "status");
	const struct db_arg category = I64(q->category_id),
			    status = I64(c->actor.administrator ? q->status : PRODUCT_ON),
			    after = I64(q->page.after[0]), like = TEXT(db_like(c, q->q)),
			    n = I64(q->page.limit + 1);
	struct list branch = { 0 };

	if (by_category) {
		TRY(category_branch(c, q->category_id, &branch));
		if (branch.n > 1)
			return list_branch(c, q, &branch, all ? NULL : &status, out);
	}
	if (by_category && all)
		return db_page(c, SQL_LIST_CATEGORY, ARGS(category, after, like, like, n), &listed,
			q->page.limit, out);
	if (by_category)
		return db_page(c, SQL_LIST_CATEGORY_STATUS,
			ARGS(category, status, after, like, like, n), &listed, q->page.limit, out);
	if (all)
		return db_page(
			c, SQL_LIST, ARGS(after, like, like, n), &listed, q->page.limit, out);
	return db_page(c, SQL_LIST_STATUS, ARGS(status, after, like, like, n), &listed,
		q->page.limit, out);
}

enum err product_get(struct ctx *c, int64_t id, struct product *out)
{
	const int64_t also = c->actor.administrator ? PRODUCT_OFF : PRODUCT_ON;

	return db_one(c, SQL_GET, ARGS(I64(id), I64(also)), product_full_fields, out);
}

struct change {
	int64_t id;
	const struct product *in;
	struct product *out;
};

/* An administrator's change of the stock is a move. */
static enum err set_stock_tx(struct ctx *c, int64_t id, int64_t delta)
{
	if (delta == 0)
		return OK;
	return db_exec(c, SQL_MOVE, ARGS(I64(id), I64(delta), I64(MOVE_SET), I64(c->now_ms)), NULL);
}

static enum err create_tx(struct ctx *c, void *arg)
{
	struct change *x = arg;
	struct product *row = x->out;

	*row = *x->in;
	row->created_at.ms = row->updated_at.ms = c->now_ms;
	if (!field_has(product_fields, x->in, "status"))
		row->status = PRODUCT_ON;
	if (row->category_id.set)
		TRY(category_hold_tx(c, row->category_id.n, "category_id"));
	TRY(db_insert(c, SQL_INSERT,
		ARGS(PRODUCT_ROW(ROW_VALUE) AT(row->created_at), AT(row->updated_at)),
		&row->product_id));
	answers_note_product_tx(c, row->product_id);
	return set_stock_tx(c, row->product_id, row->stock);
}

enum err product_create(struct ctx *c, const struct product *in, struct product *out)
{
	return db_tx(c, create_tx, &(struct change){ .in = in, .out = out });
}

/* Does a locked product match the request's If-Match? */
static enum err check_unchanged_tx(struct ctx *c, int64_t id)
{
	struct product now = { 0 };

	if (c->if_match == NULL)
		return OK;
	TRY(product_get(c, id, &now));
	return entity_unchanged(c, product_full_fields, &now);
}

/* Two concurrent relative changes both count; of two absolute ones the last wins. */
static enum err add_stock(struct ctx *c, int64_t delta, int64_t *stock)
{
	*stock += delta;
	if (*stock < 0)
		return fail(c, ERR_INSUFFICIENT_STOCK, "stock_delta");
	return *stock <= STOCK_MAX ? OK : fail(c, ERR_INVALID, "stock_delta");
}

static enum err update_tx(struct ctx *c, void *arg)
{
	struct change *x = arg;
	struct product *row = x->out;
	int64_t before;
	bool done;

	TRY(idempotency_begin_change_tx(c, x->id, &done));
	if (done)
		return product_get(c, x->id, row);
	if (field_has(product_change_fields, x->in, "category_id") && x->in->category_id.set)
		TRY(category_hold_tx(c, x->in->category_id.n, "category_id"));
	TRY(db_one(c, SQL_LOCK, ARGS(I64(x->id)), product_fields, row));
	TRY(check_unchanged_tx(c, x->id));
	before = row->stock;
	field_merge(product_change_fields, row, x->in);
	if (field_has(product_change_fields, x->in, "stock_delta"))
		TRY(add_stock(c, x->in->stock_delta, &row->stock));
	row->updated_at.ms = c->now_ms;
	answers_note_product_tx(c, x->id);
	TRY(db_exec_one(
		c, SQL_UPDATE, ARGS(PRODUCT_ROW(ROW_VALUE) AT(row->updated_at), I64(x->id))));
	TRY(set_stock_tx(c, x->id, row->stock - before));
	return idempotency_end_tx(c, x->id, 200);
}

enum err product_update(struct ctx *c, int64_t id, const struct product *in, struct product *out)
{
	if (field_has(product_change_fields, in, "stock_delta") &&
		(in->stock_delta == 0 || field_has(product_change_fields, in, "stock")))
		return fail(c, ERR_INVALID, "stock_delta");
	return db_tx(c, update_tx, &(struct change){ id, in, out });
}

static enum err delete_tx(struct ctx *c, void *arg)
{
	const int64_t id = *(const int64_t *)arg;
	int64_t matched;

	answers_note_product_tx(c, id);
	TRY(db_exec(c, SQL_DELETE, ARGS(I64(c->now_ms), I64(id)), &matched));
	return matched == 1 ? OK : ERR_NOT_FOUND;
}

enum err product_delete(struct ctx *c, int64_t id)
{
	return db_tx(c, delete_tx, &id);
}
