/* SPDX-License-Identifier: MIT */
/* order_view.c - reads orders: one, and pages with their lines. */
#include "base/phone.h"
#include "ext/db.h"
#include "shop/trade/order.h"
#include "shop/trade/order_sql.h"

static const char *const payers[] = { "PROVIDER", "OFFLINE", "NOTHING_DUE", NULL };

static const struct field order_user_fields[] = {
	FIELD(struct order_user, user_id),
	FIELD(struct order_user, nickname),
	FIELD_WITH(struct order_user, email, .flags = F_NULL),
	FIELD_END,
};

static const struct field order_product_fields[] = {
	FIELD(struct order_product, product_id),
	FIELD(struct order_product, name),
	FIELD(struct order_product, price),
	FIELD_END,
};

static const struct field order_item_fields[] = {
	FIELD(struct order_item, order_item_id),
	FIELD_WITH(struct order_item, order_id, .flags = F_NO_COLUMN),
	FIELD(struct order_item, product_id),
	FIELD(struct order_item, quantity),
	FIELD_WITH(struct order_item, unit_price, .flags = F_TEXT),
	FIELD_WITH(struct order_item, total_price, .flags = F_TEXT),
	OBJECT(struct order_item, product, order_product_fields, 0),
	FIELD_WITH(struct order_item, discount_amount, .flags = F_TEXT),
	FIELD_WITH(struct order_item, at, .flags = F_HIDDEN),
	FIELD_END,
};

const struct field consignee_fields[] = {
	INPUT(struct consignee, name, 1, 100, F_REQUIRED),
	INPUT(struct consignee, phone, 5, 30, F_REQUIRED, .valid = phone_is_contact),
	INPUT(struct consignee, address, 1, 500, F_REQUIRED | F_PROSE),
	FIELD_END,
};
const struct field shipment_fields[] = {
	INPUT(struct shipment, carrier, 1, 50, F_REQUIRED),
	INPUT(struct shipment, tracking_no, 1, 64, F_REQUIRED),
	FIELD_END,
};

/* clang-format off */
#define ORDER_FIELDS                                                                           \
	FIELD_WITH(struct order, order_id, .column = "order_no"),                               \
	FIELD(struct order, user_id),                                                          \
	FIELD_WITH(struct order, total_amount, .flags = F_TEXT),                               \
	FIELD(struct order, status),                                                           \
	{ .name = "payment_method", FIELD_AT(struct order, payment.method), .flags = F_NULL }, \
	{ .name = "payment_id", FIELD_AT(struct order, payment.id), .flags = F_NULL },         \
	FIELD(struct order, created_at),                                                       \
	FIELD(struct order, updated_at),                                                       \
	FIELD_WITH(struct order, discount_amount, .flags = F_TEXT),                            \
	FIELD(struct order, points_used),                                                      \
	FIELD_WITH(struct order, points_amount, .flags = F_TEXT),                              \
	OBJECT(struct order, consignee, consignee_fields, F_NULL),                             \
	FIELD_WITH(struct order, remark, .flags = F_NULL),                                     \
	OBJECT(struct order, shipment, shipment_fields, F_NULL),                               \
	FIELD_WITH(struct order, id, .flags = F_HIDDEN),                                       \
	{ .name = "paid_by", FIELD_AT(struct order, payment.by), .flags = F_HIDDEN },          \
	FIELD_WITH(struct order, stock_held, .flags = F_HIDDEN),                               \
	FIELD_WITH(struct order, rewarded, .flags = F_HIDDEN),                                 \
	FIELD_WITH(struct order, expires_at, .flags = F_HIDDEN),                               \
	{ .name = "paid_at", FIELD_AT(struct order, payment.at), .flags = F_HIDDEN },          \
	FIELD_WITH(struct order, deleted_at, .flags = F_HIDDEN)
/* clang-format on */

const struct field order_fields[] = { ORDER_FIELDS, FIELD_END };
const struct field order_full_fields[] = {
	ORDER_FIELDS,
	OBJECT(struct order, user, order_user_fields, 0),
	{ .name = "paid_by",
		.column = "paid_by_name",
		FIELD_AT(struct order, paid_by_name),
		.flags = F_NULL,
		.words = payers },
	{ .name = "orderItems",
		.type = F_LIST,
		.off = offsetof(struct order, items),
		.sub = order_item_fields,
		.sub_size = sizeof(struct order_item) },
	FIELD_END,
};

const struct field order_query_fields[] = {
	INPUT(struct order_query, status, ORDER_PENDING, ORDER_REFUNDED, 0),
	INPUT(struct order_query, user_id, 1, INT64_MAX - 1, 0),
	INPUT(struct order_query, created_from, 0, 0, F_DAY_OR_TIME),
	INPUT(struct order_query, created_to, 0, 0, F_DAY_OR_TIME | F_DAY_END),
	FIELD_END,
};

#define WITH_USER                                                                                  \
	ORDER_COLUMNS                                                                              \
	", CASE o.paid_by WHEN " SQL(PAID_BY_PROVIDER) " THEN 'PROVIDER' "                         \
	"WHEN " SQL(PAID_OFFLINE) " THEN 'OFFLINE' "                                               \
	"WHEN " SQL(PAID_NOTHING_DUE) " THEN 'NOTHING_DUE' END AS paid_by_name"                    \
	", u.user_id AS `user.user_id`, u.nickname AS `user.nickname`, "                           \
	"u.email AS `user.email`"
#define JOIN_USER " LEFT JOIN users u ON u.user_id = o.user_id "

static const char SQL_GET[] = "SELECT " WITH_USER " FROM orders o" JOIN_USER
			      "WHERE o.order_no = ? AND o.deleted_at IS NULL";

/*
 * One statement for each combination of filters, each with its own index; the key is
 * (created_at, id). The redundant `created_at <= ?` gives the index its range: neither
 * server derives one from a row comparison.
 */
#define LIST_BY(index, where)                                                                      \
	"SELECT " WITH_USER " FROM orders o FORCE INDEX (" index ")" JOIN_USER "WHERE " where      \
	" o.created_at <= ? AND o.created_at >= ? AND (o.created_at < ? OR o.id < ?) "             \
	"AND o.deleted_at IS NULL ORDER BY o.created_at DESC, o.id DESC LIMIT ?"
static const char SQL_LIST[] = LIST_BY("by_time", "");
static const char SQL_LIST_USER[] = LIST_BY("by_user", "o.user_id = ? AND");
static const char SQL_LIST_STATUS[] = LIST_BY("by_status", "o.status = ? AND");
static const char SQL_LIST_USER_STATUS[] =
	LIST_BY("by_user_status", "o.user_id = ? AND o.status = ? AND");

/* The lines of all orders of a page at once; `at` is the order's index. */
static const char SQL_ITEMS[] =
	"SELECT i.order_item_id, i.product_id, i.quantity, i.unit_price, i.total_price, "
	"i.discount_amount, "
	"i.product_id AS `product.product_id`, i.name AS `product.name`, "
	"i.unit_price AS `product.price`, l.at "
	"FROM JSON_TABLE(?, '$[*]' COLUMNS (at FOR ORDINALITY, id BIGINT PATH '$')) l "
	"STRAIGHT_JOIN order_items i ON i.order_id = l.id ORDER BY l.at, i.order_item_id LIMIT ?";

/*
 * Attach the lines to their orders. If the lines of a page are too many to hold, *n is
 * lowered to the orders that are complete.
 */
static enum err add_items(struct ctx *c, struct order *orders, int64_t *n)
{
	const int64_t limit = *n * ORDER_LINES_MAX;
	int64_t *ids = arena_array(&c->arena, (size_t)*n + 1, sizeof(*ids));
	struct order_item *items;
	struct db_rows found;

	for (int64_t i = 0; i < *n; i++)
		ids[i] = orders[i].id;
	TRY(db_all(c, SQL_ITEMS, ARGS(TEXT(db_id_list(c, ids, (size_t)*n)), I64(limit + 1)),
		order_item_fields, sizeof(*items), limit, &found));
	items = found.list.rows;
	if (found.more && found.list.n > 0)
		*n = items[found.list.n - 1].at - 1;
	for (int64_t i = 0; i < found.list.n && items[i].at <= *n; i++) {
		struct order *o = &orders[items[i].at - 1];

		if (o->items.n++ == 0)
			o->items.rows = &items[i];
		items[i].order_id = o->order_id;
	}
	return OK;
}

enum err order_get(struct ctx *c, const char *order_id, struct order *out)
{
	int64_t n = 1;

	TRY(db_one(c, SQL_GET, ARGS(TEXT(order_id)), order_full_fields, out));
	if (!c->actor.administrator && out->user_id != c->actor.user_id)
		return ERR_FORBIDDEN;
	return add_items(c, out, &n);
}

enum err order_list(struct ctx *c, const struct order_query *q, struct page_rows *out)
{
	const bool by_user = !c->actor.administrator || field_has(order_query_fields, q, "user_id");
	const bool by_status = field_has(order_query_fields, q, "status");
	const int64_t newest =
		field_has(order_query_fields, q, "created_to") ? q->created_to.ms - 1 : INT64_MAX;
	const struct db_arg user = I64(c->actor.administrator ? q->user_id : c->actor.user_id),
			    status = I64(q->status), from = I64(q->created_from.ms),
			    at = I64(q->page.after[0]), id = I64(q->page.after[1]),
			    n = I64(q->page.limit + 1),
			    to = I64(newest < q->page.after[0] ? newest : q->page.after[0]);
	const size_t size = sizeof(struct order);
	struct order *rows;
	struct db_rows found;

	if (by_user && by_status)
		TRY(db_all(c, SQL_LIST_USER_STATUS, ARGS(user, status, to, from, at, id, n),
			order_full_fields, size, q->page.limit, &found));
	else if (by_user)
		TRY(db_all(c, SQL_LIST_USER, ARGS(user, to, from, at, id, n), order_full_fields,
			size, q->page.limit, &found));
	else if (by_status)
		TRY(db_all(c, SQL_LIST_STATUS, ARGS(status, to, from, at, id, n), order_full_fields,
			size, q->page.limit, &found));
	else
		TRY(db_all(c, SQL_LIST, ARGS(to, from, at, id, n), order_full_fields, size,
			q->page.limit, &found));
	rows = found.list.rows;
	if (found.list.n > 0) {
		int64_t complete = found.list.n;

		TRY(add_items(c, rows, &complete));
		found.more = found.more || complete < found.list.n;
		found.list.n = complete;
	}
	*out = (struct page_rows){ found.list, found.more,
		{ offsetof(struct order, created_at.ms), offsetof(struct order, id) }, 2 };
	return OK;
}
