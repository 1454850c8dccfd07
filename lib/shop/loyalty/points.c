/* SPDX-License-Identifier: MIT */
#include "shop/loyalty/points.h"

#include "base/log.h"
#include "ext/db.h"
#include "shop/books/idempotency.h"
#include "shop/loyalty/points_internal.h"
#include "shop/people/member_log.h"

/* From so many lots on, what is earned joins the lot that expires with it: a day's. */
enum { LOTS_APART = 1000 };

static bool is_source_type(const char *text)
{
	return str_is_id(text, 50) && !str_starts(text, POINTS_OWN);
}

static bool is_source_id(const char *text)
{
	return str_is_id(text, 100);
}

#define TYPE_INPUT(m)                                                                              \
	INPUT(struct points_request, m, 1, 50, F_REQUIRED | F_OPAQUE, .valid = is_source_type)
#define ID_INPUT(m, more)                                                                          \
	INPUT(struct points_request, m, 1, 100, (more) | F_OPAQUE, .valid = is_source_id)
#define POINTS_INPUT INPUT(struct points_request, points, 1, POINTS_MAX, F_REQUIRED)
#define TEXT_INPUT   INPUT(struct points_request, description, 0, 500, F_NULL | F_PROSE)
const struct field points_earn_fields[] = {
	INPUT(struct points_request, user_id, 1, INT64_MAX - 1, F_REQUIRED),
	POINTS_INPUT,
	TYPE_INPUT(source_type),
	ID_INPUT(source_id, F_REQUIRED),
	TEXT_INPUT,
	FIELD_END,
};
const struct field points_use_fields[] = {
	INPUT(struct points_request, user_id, 1, INT64_MAX - 1, 0),
	POINTS_INPUT,
	TYPE_INPUT(usage_type),
	ID_INPUT(reference_id, F_NULL),
	TEXT_INPUT,
	FIELD_END,
};

/* clang-format off */
#define RECEIPT_FIELDS(name_of_points)                                                         \
	FIELD_WITH(struct points_receipt, entry_id, .flags = F_HIDDEN),                        \
	FIELD(struct points_receipt, transaction_id),                                          \
	FIELD_WITH(struct points_receipt, member_id, .flags = F_HIDDEN),                       \
	{ .name = name_of_points, .column = "points", FIELD_AT(struct points_receipt, points) }, \
	{ .name = "current_balance", .column = "balance_after", FIELD_AT(struct points_receipt, balance) }, \
	{ .name = "transaction_time", .column = "created_at", FIELD_AT(struct points_receipt, at), .flags = F_SECONDS }
/* clang-format on */
const struct field points_earned_fields[] = { RECEIPT_FIELDS("points_earned"), FIELD_END };
const struct field points_used_fields[] = { RECEIPT_FIELDS("points_used"), FIELD_END };

static const char SQL_RECEIPT[] =
	"SELECT entry_id, transaction_id, member_id, ABS(points) AS points, balance_after, "
	"created_at FROM point_entries WHERE entry_id = ?";
static const char SQL_NEW_LOT[] =
	"INSERT INTO point_lots (member_id, unspent, held, expires_at, created_at) "
	"VALUES (?, 0, 0, ?, ?)";

static struct points_receipt receipt_of(const struct points_entry *row)
{
	return (struct points_receipt){
		.entry_id = row->entry_id,
		.transaction_id = row->transaction_id,
		.member_id = row->member_id,
		.points = row->points < 0 ? -row->points : row->points,
		.balance = row->balance_after,
		.at = row->created_at,
	};
}

/* ---- earning ---- */

/* The lot that earned points go to: a new one, or with very many lots one of the same day. */
static enum err lot_for_tx(
	struct ctx *c, struct points_account *a, int64_t expires_ms, int64_t *lot_id)
{
	for (int64_t i = a->lots.n; a->lots.n >= LOTS_APART && i > 0; i--)
		if (a->lots.rows[i - 1].expires_ms == expires_ms) {
			*lot_id = a->lots.rows[i - 1].lot_id;
			return OK;
		}
	return db_insert(c, SQL_NEW_LOT,
		ARGS(I64(a->member.member_id), I64(expires_ms), I64(c->now_ms)), lot_id);
}

/* What a source has earned already; entry_id 0: nothing. A repeat that asks for something else is logged. */
static enum err find_earned(struct ctx *c, int64_t member_id, const struct points_source *source,
	int64_t points, struct points_receipt *out)
{
	struct points_entry row;

	TRY(points_find_entry(c, POINTS_EARN, source, &row));
	*out = receipt_of(&row);
	if (row.entry_id != 0 && (row.member_id != member_id || row.points != points))
		log_line(LOG_WARN, "points",
			"%s earned %lld points of member %lld: not %lld of member %lld",
			row.transaction_id, (long long)row.points, (long long)row.member_id,
			(long long)points, (long long)member_id);
	return OK;
}

enum err points_earned(
	struct ctx *c, const struct points_source *source, struct points_receipt *out)
{
	struct points_entry row;

	TRY(points_find_entry(c, POINTS_EARN, source, &row));
	*out = receipt_of(&row);
	return OK;
}

enum err points_earn_until_tx(struct ctx *c, int64_t member_id, const struct points_source *source,
	int64_t points, int64_t expires_ms, const char *description, struct points_receipt *out)
{
	const opt_i64 user = { c->actor.user_id, c->actor.user_id != 0 },
		      token = { c->actor.token_id, c->actor.token_id != 0 };
	struct points_account a;
	struct points_entry row;
	int64_t lot_id;

	*out = (struct points_receipt){ 0 };
	if (points == 0)
		return OK;
	TRY(points_open_tx(c, member_id, &a));
	TRY(find_earned(c, member_id, source, points, out));
	if (out->entry_id != 0)
		return OK;
	TRY(lot_for_tx(c, &a, expires_ms, &lot_id));
	points_reserve(c, &a, 1);
	TRY(invariant_checked(c, lots_add(&a.lots, lot_id, expires_ms, points, c->now_ms),
		"earned points can be spent"));
	row = (struct points_entry){
		.type = POINTS_EARN,
		.points = points,
		.reference_type = source->type,
		.reference_id = source->id,
		.once = { 1, true },
		.description = description,
		.lot_id = { lot_id, true },
		.actor_user_id = user,
		.token_id = token,
	};
	TRY(points_enter_tx(c, &a, &row));
	*out = receipt_of(&row);
	return OK;
}

enum err points_earn_tx(struct ctx *c, int64_t member_id, const struct points_source *source,
	int64_t points, const char *description, struct points_receipt *out)
{
	/* usable until the end of a day */
	const int64_t expires_ms =
		clock_shop_midnight(c->now_ms, (int)c->conf->points_valid_days + 1);

	return points_earn_until_tx(c, member_id, source, points, expires_ms, description, out);
}

/* ---- requests ---- */

struct work {
	const struct points_request *in;
	struct points_receipt *out;
	int64_t member_id;
};

/* Of a request about a member: by its row. Whose user is deleted has no member any more. */
static enum err check_status(struct ctx *c, int64_t status)
{
	if (status == MEMBER_CLOSED)
		return fail(c, ERR_MEMBER_NOT_FOUND, "user_id");
	return status == MEMBER_ACTIVE ? OK : fail(c, ERR_MEMBER_STATUS, NULL);
}

/* What staff or another system did, in the log of the member. */
static enum err log_tx(struct ctx *c, const char *action, int64_t member_id, int64_t points,
	int64_t balance, const char *reason)
{
	const char *old_value, *new_value;

	if (c->actor.kind == ACTOR_USER && c->actor.member_id == member_id)
		return OK;
	old_value = arena_printf(&c->arena, "%lld", (long long)(balance - points));
	new_value = arena_printf(&c->arena, "%lld", (long long)balance);
	return member_log_tx(c, member_id, action, old_value, new_value, reason);
}

static enum err earn_tx(struct ctx *c, void *arg)
{
	struct work *x = arg;
	const struct points_source source = { x->in->source_type, x->in->source_id };
	int64_t known;
	struct member m;

	TRY(idempotency_begin_tx(c, &known));
	if (known != 0)
		return db_one(c, SQL_RECEIPT, ARGS(I64(known)), points_earned_fields, x->out);
	TRY(member_lock_tx(c, x->member_id, &m));
	c->now_ms = clock_now_ms(); /* others were first, while waiting */
	TRY(find_earned(c, x->member_id, &source, x->in->points, x->out));
	if (x->out->entry_id == 0) {
		TRY(check_status(c, m.status));
		TRY(points_earn_tx(
			c, x->member_id, &source, x->in->points, x->in->description, x->out));
		TRY(log_tx(c, "earn", x->member_id, x->out->points, x->out->balance,
			x->in->description));
	}
	return idempotency_end_tx(c, x->out->entry_id, 201);
}

enum err points_earn(struct ctx *c, const struct points_request *in, struct points_receipt *out)
{
	struct work x = { in, out, 0 };

	TRY(member_of_user(c, in->user_id, &x.member_id));
	return db_tx(c, earn_tx, &x);
}

static enum err use_tx(struct ctx *c, void *arg)
{
	struct work *x = arg;
	const opt_i64 user = { c->actor.user_id, c->actor.user_id != 0 },
		      token = { c->actor.token_id, c->actor.token_id != 0 };
	struct points_account a;
	struct points_entry row;
	int64_t known;
	enum err e;

	TRY(idempotency_begin_tx(c, &known));
	if (known != 0)
		return db_one(c, SQL_RECEIPT, ARGS(I64(known)), points_used_fields, x->out);
	TRY(member_lock_tx(c, x->member_id, &a.member));
	c->now_ms = clock_now_ms();
	TRY(check_status(c, a.member.status));
	TRY(points_open_tx(c, x->member_id, &a));
	e = lots_spend(&a.lots, x->in->points, c->now_ms);
	if (e != OK)
		return points_refused(c, &a, e, x->in->points);
	row = (struct points_entry){
		.type = POINTS_USE,
		.points = -x->in->points,
		.reference_type = x->in->usage_type,
		.reference_id = x->in->reference_id,
		.description = x->in->description,
		.actor_user_id = user,
		.token_id = token,
	};
	TRY(points_enter_tx(c, &a, &row));
	*x->out = receipt_of(&row);
	TRY(log_tx(c, "use", x->member_id, row.points, row.balance_after, x->in->description));
	return idempotency_end_tx(c, row.entry_id, 201);
}

enum err points_use(struct ctx *c, const struct points_request *in, struct points_receipt *out)
{
	const bool named = field_has(points_use_fields, in, "user_id");
	struct work x = { in, out, c->actor.member_id };

	if (c->actor.kind == ACTOR_SYSTEM && !named)
		return fail(c, ERR_INVALID, "user_id");
	if (named && (c->actor.kind == ACTOR_SYSTEM || c->actor.administrator))
		TRY(member_of_user(c, in->user_id, &x.member_id));
	return db_tx(c, use_tx, &x);
}
