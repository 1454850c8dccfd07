/* SPDX-License-Identifier: MIT */
#include "shop/loyalty/profile.h"

#include "ext/db.h"
#include "ext/entity.h"
#include "shop/people/member_log.h"
#include "shop/people/user.h"

/* clang-format off */
#define PREFERENCE(member) INPUT(struct preferences, member, 0, 0, 0)
static const struct field preference_fields[] = {
	PREFERENCE(newsletter),
	PREFERENCE(sms_notification),
	PREFERENCE(promotion_notification),
	FIELD_END,
};
#define ABOUT_FIELDS                                                                           \
	FIELD_WITH(struct profile_data, birthday, .flags = F_NULL, .format = "date"),          \
	OBJECT(struct profile_data, preferences, preference_fields, F_WHOLE)
static const struct field data_fields[] = {
	FIELD_WITH(struct profile_data, join_date, .flags = F_NO_COLUMN, .format = "date"),
	FIELD(struct profile_data, total_spent),
	FIELD_WITH(struct profile_data, status, .min = MEMBER_FROZEN, .max = MEMBER_CLOSED),
	FIELD_WITH(struct profile_data, last_active, .column = "last_active_at", .flags = F_SECONDS),
	ABOUT_FIELDS,
	FIELD_WITH(struct profile_data, joined_at, .flags = F_HIDDEN),
	FIELD_END,
};
static const struct field data_tag_fields[] = { FIELD(struct profile_data, status), ABOUT_FIELDS, FIELD_END };
#define WHO_FIELDS FIELD(struct profile, member_id), FIELD(struct profile, member_code)
const struct field profile_fields[] = {
	WHO_FIELDS,
	FIELD(struct profile, user_id),
	OBJECT(struct profile, level, level_brief_fields, 0),
	OBJECT(struct profile, points, points_totals_fields, F_WHOLE),
	OBJECT(struct profile, profile, data_fields, 0),
	FIELD_END,
};
const struct field profile_tag_fields[] = {
	WHO_FIELDS,
	OBJECT(struct profile, profile, data_tag_fields, F_WHOLE),
	FIELD_END,
};

#define CHANGE_FIELDS                                                                          \
	INPUT(struct profile_change, birthday, 10, 10, F_NULL, .valid = clock_is_day, .format = "date"), \
	OBJECT(struct profile_change, preferences, preference_fields, F_IN)
const struct field profile_change_fields[] = { CHANGE_FIELDS, FIELD_END };
const struct field profile_admin_change_fields[] = {
	CHANGE_FIELDS,
	INPUT(struct profile_change, status, MEMBER_FROZEN, MEMBER_ACTIVE, 0),
	INPUT(struct profile_change, member_code, 13, MEMBER_CODE_MAX, F_PACK, .valid = member_code_is_valid),
	INPUT(struct profile_change, reason, 1, 500, F_TRIM | F_PROSE),
	FIELD_END,
};

const struct field member_row_fields[] = {
	FIELD(struct member_row, member_id),
	FIELD(struct member_row, member_code),
	FIELD(struct member_row, user_id),
	FIELD(struct member_row, nickname),
	FIELD_WITH(struct member_row, phone, .flags = F_NULL),
	FIELD_WITH(struct member_row, email, .flags = F_NULL),
	OBJECT(struct member_row, level, level_brief_fields, 0),
	FIELD_WITH(struct member_row, status, .min = MEMBER_FROZEN, .max = MEMBER_CLOSED),
	FIELD(struct member_row, total_spent),
	FIELD_WITH(struct member_row, joined_at, .flags = F_SECONDS),
	FIELD_WITH(struct member_row, last_active, .column = "last_active_at", .flags = F_SECONDS),
	FIELD_END,
};
const struct field member_query_fields[] = {
	INPUT(struct member_query, level, 1, INT64_MAX - 1, 0),
	INPUT(struct member_query, status, MEMBER_FROZEN, MEMBER_CLOSED, 0),
	INPUT(struct member_query, q, 1, 100, F_TRIM | F_OPAQUE),
	FIELD_END,
};
/* clang-format on */

#define LEVEL_COLUMNS                                                                              \
	"l.level_id AS `level.level_id`, l.name AS `level.name`, "                                 \
	"l.discount_permille AS `level.discount_permille`"
static const char SQL_GET[] =
	"SELECT m.member_id, m.member_code, m.user_id, " LEVEL_COLUMNS
	", m.joined_at AS `profile.joined_at`, m.total_spent AS `profile.total_spent`, "
	"m.status AS `profile.status`, m.last_active_at AS `profile.last_active_at`, "
	"m.birthday AS `profile.birthday`, m.newsletter AS `profile.preferences.newsletter`, "
	"m.sms_notification AS `profile.preferences.sms_notification`, "
	"m.promotion_notification AS `profile.preferences.promotion_notification` "
	"FROM members m JOIN member_levels l ON l.level_id = m.level_id WHERE m.member_id = ?";
/* phone and e-mail are ASCII columns: converted, since a Chinese pattern would be a collation error */
#define LIST_BY(index, where)                                                                      \
	"SELECT m.member_id, m.member_code, m.user_id, u.nickname, u.phone, u.email, "             \
	"m.status, m.total_spent, m.joined_at, m.last_active_at, " LEVEL_COLUMNS                   \
	" FROM members m FORCE INDEX (" index                                                      \
	") "                                                                                       \
	"STRAIGHT_JOIN users u FORCE INDEX (PRIMARY) ON u.user_id = m.user_id "                    \
	"STRAIGHT_JOIN member_levels l FORCE INDEX (PRIMARY) ON l.level_id = m.level_id "          \
	"WHERE " where                                                                             \
	" AND m.member_id < ? AND (? IS NULL OR u.nickname LIKE ? "                                \
	"OR CONVERT(m.member_code USING utf8mb4) LIKE ? "                                          \
	"OR CONVERT(u.phone USING utf8mb4) LIKE ? OR CONVERT(u.email USING utf8mb4) LIKE ? "       \
	"OR u.phone_e164 LIKE ?) ORDER BY m.member_id DESC LIMIT ?"
#define IS_OPEN "m.status IN (" SQL(MEMBER_FROZEN, MEMBER_ACTIVE) ")"
static const char SQL_LIST[] = LIST_BY("PRIMARY", IS_OPEN);
static const char SQL_LIST_STATUS[] = LIST_BY("by_status", "m.status = ?");
static const char SQL_LIST_LEVEL[] = LIST_BY("by_level", "m.level_id = ? AND " IS_OPEN);
static const char SQL_LIST_LEVEL_STATUS[] =
	LIST_BY("by_level_status", "m.level_id = ? AND m.status = ?");

static const struct db_listed listed = DB_LISTED(member_row_fields, struct member_row, member_id);

enum err profile_get(struct ctx *c, int64_t member_id, struct profile *out)
{
	char date[CLOCK_TEXT_MAX];
	bool found;

	TRY(db_find(c, SQL_GET, ARGS(I64(member_id)), profile_fields, out, &found));
	if (!found)
		return ERR_MEMBER_NOT_FOUND;
	clock_shop_date(out->profile.joined_at.ms, date);
	out->profile.join_date = arena_printf(&c->arena, "%s", date);
	return points_totals(c, member_id, &out->points);
}

/* ---- changes ---- */

struct change {
	int64_t member_id;
	const struct field *fields; /* of profile_change_fields and profile_admin_change_fields */
	const struct profile_change *in;
};

static void merge_preferences(struct member *m, const struct preferences *in)
{
	if (field_has(preference_fields, in, "newsletter"))
		m->newsletter = in->newsletter;
	if (field_has(preference_fields, in, "sms_notification"))
		m->sms_notification = in->sms_notification;
	if (field_has(preference_fields, in, "promotion_notification"))
		m->promotion_notification = in->promotion_notification;
}

/* Nobody is born tomorrow. */
static enum err check_birthday(struct ctx *c, const char *birthday)
{
	char today[CLOCK_TEXT_MAX];

	clock_shop_date(c->now_ms, today);
	return birthday == NULL || strcmp(birthday, today) <= 0 ? OK
								: fail(c, ERR_INVALID, "birthday");
}

/* What staff changes is in the member's log, with its reason. */
static enum err log_tx(
	struct ctx *c, const struct change *x, const struct member *before, const struct member *m)
{
	const bool code = strcmp(before->member_code, m->member_code) != 0;

	if ((m->status != before->status || code) && x->in->reason == NULL)
		return fail(c, ERR_INVALID, "reason");
	if (m->status != before->status)
		TRY(member_log_tx(c, m->member_id, m->status == MEMBER_FROZEN ? "freeze" : "thaw",
			NULL, NULL, x->in->reason));
	return code ? member_log_tx(c, m->member_id, "member_code", before->member_code,
			      m->member_code, x->in->reason)
		    : OK;
}

static enum err update_tx(struct ctx *c, void *arg)
{
	const struct change *x = arg;
	struct member before = { 0 }, m;
	struct profile shown = { 0 };

	TRY(member_lock_tx(c, x->member_id, &before));
	if (c->if_match != NULL)
		TRY(profile_get(c, x->member_id, &shown));
	TRY(entity_unchanged(c, profile_tag_fields, &shown));
	if (before.status == MEMBER_CLOSED)
		return ERR_MEMBER_STATUS;
	m = before;
	if (field_has(x->fields, x->in, "birthday"))
		m.birthday = x->in->birthday;
	merge_preferences(&m, &x->in->preferences);
	if (x->fields == profile_admin_change_fields) {
		if (field_has(x->fields, x->in, "status"))
			m.status = x->in->status;
		if (field_has(x->fields, x->in, "member_code"))
			m.member_code = x->in->member_code;
		TRY(log_tx(c, x, &before, &m));
	}
	return member_write_tx(c, &before, &m);
}

static enum err update(struct ctx *c, int64_t member_id, const struct field *fields,
	const struct profile_change *in, struct profile *out)
{
	struct change x = { member_id, fields, in };

	TRY(check_birthday(c, in->birthday));
	TRY(db_tx(c, update_tx, &x));
	return profile_get(c, member_id, out);
}

enum err profile_update_self(struct ctx *c, const struct profile_change *in, struct profile *out)
{
	return update(c, c->actor.member_id, profile_change_fields, in, out);
}

enum err profile_update(
	struct ctx *c, int64_t member_id, const struct profile_change *in, struct profile *out)
{
	return update(c, member_id, profile_admin_change_fields, in, out);
}

/* ---- the list ---- */

enum err member_list(struct ctx *c, const struct member_query *q, struct page_rows *out)
{
	const bool by_level = field_has(member_query_fields, q, "level"),
		   by_status = field_has(member_query_fields, q, "status");
	const struct db_arg level = I64(q->level), status = I64(q->status),
			    like = TEXT(db_like(c, q->q)),
			    phone = TEXT(user_phone_pattern(c, q->q)),
			    after = I64(q->page.after[0]), n = I64(q->page.limit + 1);

#define REST after, like, like, like, like, like, phone, n
	if (by_level && by_status)
		return db_page(c, SQL_LIST_LEVEL_STATUS, ARGS(level, status, REST), &listed,
			q->page.limit, out);
	if (by_level)
		return db_page(c, SQL_LIST_LEVEL, ARGS(level, REST), &listed, q->page.limit, out);
	if (by_status)
		return db_page(c, SQL_LIST_STATUS, ARGS(status, REST), &listed, q->page.limit, out);
	return db_page(c, SQL_LIST, ARGS(REST), &listed, q->page.limit, out);
#undef REST
}
