/* SPDX-License-Identifier: MIT */
/* membership_view.c - reads membership orders for output. */
#include "ext/db.h"
#include "shop/membership/membership_internal.h"

static const char *const status_names[] = {
	[MEMBERSHIP_PENDING] = "PENDING",
	[MEMBERSHIP_PAID] = "PAID",
	[MEMBERSHIP_CANCELLED] = "CANCELLED",
	[MEMBERSHIP_EXPIRED] = "EXPIRED",
	[MEMBERSHIP_REFUNDING] = "REFUNDING",
	[MEMBERSHIP_REFUNDED] = "REFUNDED",
	NULL,
};
static const char *const kind_names[] = { "NEW", "RENEWAL", "UPGRADE",
	NULL }; /* from SEGMENT_NEW on */
static const char *const scopes[] = { "my", "all", NULL };
static const char *const actions[] = { "cancel", "refund", NULL };

/* clang-format off */
const struct field membership_order_fields[] = {
	FIELD(struct membership_order, order_no),
	FIELD(struct membership_order, user_id),
	FIELD(struct membership_order, plan_id),
	FIELD(struct membership_order, plan_name),
	FIELD_WITH(struct membership_order, order_type, .flags = F_NO_COLUMN, .words = kind_names),
	FIELD(struct membership_order, level),
	{ .name = "duration_days", .column = "days", FIELD_AT(struct membership_order, days) },
	FIELD_WITH(struct membership_order, price, .flags = F_TEXT),
	{ .name = "discount_amount", .column = "discount", FIELD_AT(struct membership_order, discount),
		.flags = F_TEXT },
	FIELD_WITH(struct membership_order, amount, .flags = F_TEXT),
	{ .name = "status", .column = "-", FIELD_AT(struct membership_order, status_name),
		.flags = F_NO_COLUMN, .words = status_names },
	{ .name = "payment_method", FIELD_AT(struct membership_order, payment.method), .flags = F_NULL },
	FIELD(struct membership_order, created_at),
	FIELD(struct membership_order, expires_at),
	{ .name = "paid_at", FIELD_AT(struct membership_order, payment.at), .flags = F_NULL },
	FIELD_WITH(struct membership_order, remaining_seconds, .flags = F_NO_COLUMN),
	FIELD(struct membership_order, updated_at),
	FIELD_WITH(struct membership_order, id, .flags = F_HIDDEN),
	FIELD_WITH(struct membership_order, kind, .flags = F_HIDDEN, .min = SEGMENT_NEW, .max = SEGMENT_UPGRADE),
	FIELD_WITH(struct membership_order, value, .flags = F_HIDDEN),
	FIELD_WITH(struct membership_order, plan_days, .flags = F_HIDDEN),
	FIELD_WITH(struct membership_order, quote_version, .flags = F_HIDDEN),
	{ .name = "status", FIELD_AT(struct membership_order, status), .flags = F_HIDDEN,
		.min = MEMBERSHIP_PENDING, .max = MEMBERSHIP_REFUNDED },
	{ .name = "paid_by", FIELD_AT(struct membership_order, payment.by), .flags = F_HIDDEN },
	{ .name = "payment_id", FIELD_AT(struct membership_order, payment.id), .flags = F_HIDDEN },
	FIELD_END,
};

const struct field membership_quote_fields[] = {
	FIELD(struct membership_quote, plan_id),
	FIELD(struct membership_quote, plan_name),
	FIELD_WITH(struct membership_quote, order_type, .words = kind_names),
	FIELD(struct membership_quote, level),
	{ .name = "duration_days", FIELD_AT(struct membership_quote, days) },
	FIELD_WITH(struct membership_quote, price, .flags = F_TEXT),
	{ .name = "discount_amount", FIELD_AT(struct membership_quote, discount), .flags = F_TEXT },
	FIELD_WITH(struct membership_quote, amount, .flags = F_TEXT),
	FIELD_END,
};
/* clang-format on */

const struct field membership_create_fields[] = {
	INPUT(struct membership_request, plan_id, 1, INT64_MAX - 1, F_REQUIRED),
	FIELD_END,
};
const struct field membership_pay_fields[] = {
	INPUT(struct membership_request, order_no, 1, 64, F_REQUIRED),
	INPUT(struct membership_request, payment_method, 1, 50, F_REQUIRED),
	FIELD_END,
};
const struct field membership_action_fields[] = {
	INPUT(struct membership_request, order_no, 1, 64, F_REQUIRED),
	INPUT(struct membership_request, action, 1, 50, F_REQUIRED, .words = actions),
	FIELD_END,
};
const struct field membership_detail_query_fields[] = {
	INPUT(struct membership_request, order_no, 1, 64, F_REQUIRED),
	FIELD_END,
};
const struct field membership_query_fields[] = {
	INPUT(struct membership_query, scope, 1, 20, 0, .words = scopes),
	INPUT(struct membership_query, status, 1, 20, 0, .words = status_names),
	INPUT(struct membership_query, user_id, 1, INT64_MAX - 1, 0),
	FIELD_END,
};

enum { NO_MAX = 64 };

static const char SQL_FIND[] =
	"SELECT " MEMBERSHIP_COLUMNS " FROM membership_orders o WHERE o.order_no = ?";
static const char SQL_READ[] =
	"SELECT " MEMBERSHIP_COLUMNS " FROM membership_orders o WHERE o.id = ?";
/* The page's ids are read first, from a covering index where possible. */
#define LIST_BY(index, where)                                                                      \
	"SELECT " MEMBERSHIP_COLUMNS                                                               \
	" FROM (SELECT p.id FROM membership_orders p FORCE INDEX (" index ") WHERE " where         \
	" ORDER BY p.id DESC LIMIT ? OFFSET ?) q "                                                 \
	"STRAIGHT_JOIN membership_orders o ON o.id = q.id ORDER BY o.id DESC"
#define COUNT_BY(index, where)                                                                     \
	"SELECT COUNT(*) FROM membership_orders p FORCE INDEX (" index ") WHERE " where
/* Orders pending past their deadline are shown, and so filtered, as expired. */
#define IS "p.status = ? AND (p.status <> " SQL(MEMBERSHIP_PENDING) " OR p.expires_at > ?)"
#define IS_EXPIRED                                                                                 \
	"(p.status = " SQL(MEMBERSHIP_EXPIRED) " OR (p.status = " SQL(                             \
		MEMBERSHIP_PENDING) " AND p.expires_at <= ?))"
static const char SQL_LIST[] = LIST_BY("PRIMARY", "TRUE");
static const char SQL_COUNT[] = COUNT_BY("by_status", "TRUE");
static const char SQL_LIST_IS[] = LIST_BY("by_status", IS);
static const char SQL_COUNT_IS[] = COUNT_BY("by_status", IS);
static const char SQL_LIST_EXPIRED[] = LIST_BY("PRIMARY", IS_EXPIRED);
/* each half from a covering index: it is needed for every page */
static const char SQL_COUNT_EXPIRED[] =
	"SELECT (" COUNT_BY("by_status", "p.status = " SQL(MEMBERSHIP_EXPIRED)) ") + "
	"(" COUNT_BY(
		"by_deadline", "p.status = " SQL(MEMBERSHIP_PENDING) " AND p.expires_at <= ?") ")";
static const char SQL_LIST_USER[] = LIST_BY("by_user", "p.user_id = ?");
static const char SQL_COUNT_USER[] = COUNT_BY("by_user", "p.user_id = ?");
static const char SQL_LIST_USER_IS[] = LIST_BY("by_user_status", "p.user_id = ? AND " IS);
static const char SQL_COUNT_USER_IS[] = COUNT_BY("by_user_status", "p.user_id = ? AND " IS);
static const char SQL_LIST_USER_EXPIRED[] = LIST_BY("by_user", "p.user_id = ? AND " IS_EXPIRED);
static const char SQL_COUNT_USER_EXPIRED[] = COUNT_BY("by_user", "p.user_id = ? AND " IS_EXPIRED);

enum wanted { ANY_STATUS, ONE_STATUS, EXPIRED_STATUS };
/* by whether a user is given, and by status */
static const struct {
	const char *list, *count;
} lists[2][3] = {
	{ [ANY_STATUS] = { SQL_LIST, SQL_COUNT },
		[ONE_STATUS] = { SQL_LIST_IS, SQL_COUNT_IS },
		[EXPIRED_STATUS] = { SQL_LIST_EXPIRED, SQL_COUNT_EXPIRED } },
	{ [ANY_STATUS] = { SQL_LIST_USER, SQL_COUNT_USER },
		[ONE_STATUS] = { SQL_LIST_USER_IS, SQL_COUNT_USER_IS },
		[EXPIRED_STATUS] = { SQL_LIST_USER_EXPIRED, SQL_COUNT_USER_EXPIRED } },
};

const char *membership_kind_name(int64_t kind)
{
	return kind_names[kind - SEGMENT_NEW];
}

void membership_show(const struct ctx *c, struct membership_order *o)
{
	const int64_t left_ms = o->expires_at.ms - c->now_ms;
	const bool waits = o->status == MEMBERSHIP_PENDING && left_ms > 0;

	o->order_type = membership_kind_name(o->kind);
	o->remaining_seconds = waits ? (left_ms + SECOND_MS - 1) / SECOND_MS : 0;
	o->status_name = status_names[o->status];
	if (o->status == MEMBERSHIP_PENDING && !waits)
		o->status_name = status_names[MEMBERSHIP_EXPIRED];
}

enum err membership_find(struct ctx *c, const char *order_no, struct membership_order *out)
{
	/* numbers are ASCII; comparing other text would be a collation error */
	if (!str_is_id(order_no, NO_MAX))
		return ERR_NOT_FOUND;
	TRY(db_one(c, SQL_FIND, ARGS(TEXT(order_no)), membership_order_fields, out));
	membership_show(c, out);
	return OK;
}

enum err membership_read(struct ctx *c, int64_t id, struct membership_order *out)
{
	TRY(db_one(c, SQL_READ, ARGS(I64(id)), membership_order_fields, out));
	membership_show(c, out);
	return OK;
}

enum err membership_get(struct ctx *c, const char *order_no, struct membership_order *out)
{
	TRY(membership_find(c, order_no, out));
	return c->actor.administrator || out->user_id == c->actor.user_id ? OK : ERR_FORBIDDEN;
}

/* The user whose orders to list; 0: all. */
static enum err scope_of(const struct ctx *c, const struct membership_query *q, int64_t *user_id)
{
	const char *scope = field_has(membership_query_fields, q, "scope") ? q->scope : NULL;
	const bool named = field_has(membership_query_fields, q, "user_id");
	const bool all = scope != NULL && strcmp(scope, "all") == 0;

	*user_id = c->actor.user_id;
	if (scope != NULL && !all) /* "my" */
		return OK;
	if (!c->actor.administrator)
		return all || (named && q->user_id != *user_id) ? ERR_FORBIDDEN : OK;
	*user_id = named ? q->user_id : 0;
	return OK;
}

static opt_i64 status_of(const struct membership_query *q)
{
	if (!field_has(membership_query_fields, q, "status"))
		return (opt_i64){ 0 };
	return (opt_i64){ str_index(q->status, status_names), true };
}

/* The arguments of the filter; returns their number. */
static size_t args_of(const struct ctx *c, int64_t user_id, enum wanted wanted, opt_i64 status,
	struct db_arg *args)
{
	size_t n = 0;

	if (user_id != 0)
		args[n++] = I64(user_id);
	if (wanted == ONE_STATUS)
		args[n++] = OPT(status);
	if (wanted != ANY_STATUS)
		args[n++] = I64(c->now_ms);
	return n;
}

enum err membership_list(struct ctx *c, const struct membership_query *q, struct page_counted *out)
{
	struct membership_order *orders;
	enum wanted wanted = ANY_STATUS;
	struct db_arg args[5];
	struct db_rows rows;
	const opt_i64 status = status_of(q);
	int64_t total, user_id = 0;
	size_t n;

	TRY(scope_of(c, q, &user_id));
	if (status.set)
		wanted = status.n == MEMBERSHIP_EXPIRED ? EXPIRED_STATUS : ONE_STATUS;
	n = args_of(c, user_id, wanted, status, args);
	TRY(db_int64(c, lists[user_id != 0][wanted].count, args, n, &total));
	args[n++] = I64(q->page.size);
	args[n++] = I64((q->page.page - 1) * q->page.size);
	TRY(db_all(c, lists[user_id != 0][wanted].list, args, n, membership_order_fields,
		sizeof(*orders), q->page.size, &rows));
	orders = rows.list.rows;
	for (int64_t i = 0; i < rows.list.n; i++)
		membership_show(c, &orders[i]);
	*out = (struct page_counted){ rows.list, total };
	return OK;
}
