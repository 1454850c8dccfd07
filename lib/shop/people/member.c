/* SPDX-License-Identifier: MIT */
#include "shop/people/member.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "ext/db.h"
#include "shop/people/member_count.h"

#define TOUCH_GAP_MS (5 * MINUTE_MS)

/* clang-format off */
/* what is kept of a member and may change; without total_spent, which is added to */
#define MEMBER_ROW(X)                                                                          \
	X(member_code) X(status) X(birthday) X(newsletter) X(sms_notification)                 \
	X(promotion_notification) X(level_id) X(earned_level_id) X(manual_level_id)            \
	X(manual_reason) X(manual_by) X(manual_at)
#define MEMBER_FIELD(column) FIELD(struct member, column),
/* clang-format on */
static const struct field member_fields[] = {
	MEMBER_ROW(MEMBER_FIELD) FIELD(struct member, member_id),
	FIELD(struct member, user_id),
	FIELD(struct member, total_spent),
	FIELD(struct member, counted),
	FIELD(struct member, active_day),
	FIELD_END,
};

static const char SQL_NEXT_NO[] =
	"INSERT INTO member_days (day, last_no) VALUES (?, 1) "
	"ON DUPLICATE KEY UPDATE last_no = last_no + 1";
/* after an administrator or an import has given away a number of that day */
static const char SQL_SKIP_NOS[] =
	"UPDATE member_days SET last_no = COALESCE((SELECT MAX(CAST(SUBSTRING(m.member_code, 10) "
	"AS SIGNED)) FROM members m FORCE INDEX (member_code) WHERE m.member_code >= ? "
	"AND m.member_code < ?), last_no) WHERE day = ?";
static const char SQL_LAST_NO[] = "SELECT last_no FROM member_days WHERE day = ?";
static const char SQL_INSERT[] =
	"INSERT INTO members (user_id, member_code, joined_at, last_active_at, active_day, "
	"level_id, counted) VALUES (?, ?, ?, ?, ?, ?, TRUE)";
static const char SQL_TOUCH[] =
	"UPDATE members SET last_active_at = ? WHERE member_id = ? AND last_active_at < ?";
/* on a new day; once, of concurrent requests */
static const char SQL_TOUCH_DAY[] =
	"UPDATE members SET last_active_at = ?, active_day = ? "
	"WHERE member_id = ? AND active_day = ? AND counted = TRUE "
	"AND status IN (" SQL(MEMBER_FROZEN, MEMBER_ACTIVE) ")";
static const char SQL_OWNER[] = "SELECT user_id FROM members WHERE member_id = ?";
static const char SQL_OF_USER[] = "SELECT member_id FROM members WHERE user_id = ?";
static const char SQL_OF_CODE[] = "SELECT member_id FROM members WHERE member_code = ?";
/* written, which also locks: on Galera a lock alone is not enough */
static const char SQL_HOLD[] = "UPDATE members SET holds = holds + 1 WHERE member_id = ?";
static const char SQL_GET[] =
	"SELECT " MEMBER_ROW(SQL_NAME) "member_id, user_id, total_spent, counted, active_day "
	"FROM members WHERE member_id = ?";
static const char SQL_UPDATE[] =
	"UPDATE members SET " MEMBER_ROW(SQL_SET) "holds = holds + 1 WHERE member_id = ?";
static const char SQL_SPEND[] =
	"UPDATE members SET total_spent = total_spent + ? WHERE member_id = ?";
static const char SQL_UNCOUNTED[] =
	"SELECT member_id FROM members FORCE INDEX (by_counted) WHERE counted = FALSE "
	"ORDER BY member_id LIMIT ?";
static const char SQL_SET_COUNTED[] =
	"UPDATE members SET counted = TRUE, active_day = ? WHERE member_id = ?";
static const char SQL_LAST_ACTIVE[] = "SELECT last_active_at FROM members WHERE member_id = ?";

/* Add a member to the figures about members who aren't closed, or (-1) take it out of them. */
static enum err count_tx(struct ctx *c, const struct member *m, int64_t change)
{
	TRY(member_count_tx(c, m->member_id, COUNT_LEVEL, m->level_id, change));
	return member_count_tx(c, m->member_id, COUNT_DAY, m->active_day, change);
}

bool member_code_is_valid(const char *code)
{
	const size_t digits = code[0] == 'M' ? strspn(code + 1, "0123456789") : 0;
	char day[CLOCK_TEXT_MAX];

	if (digits < 8 + 4 || digits > MEMBER_CODE_MAX - 1 || code[1 + digits] != '\0')
		return false;
	snprintf(day, sizeof(day), "%.4s-%.2s-%.2s", code + 1, code + 5, code + 7);
	return clock_is_day(day);
}

/* Insert a member with the day's next number; DUPLICATE where somebody has been given that. */
static enum err insert_tx(struct ctx *c, const char *day, struct member *m)
{
	int64_t no;

	/* the day's row stays locked until the end: numbers have no gaps or duplicates */
	TRY(db_exec(c, SQL_NEXT_NO, ARGS(TEXT(day)), NULL));
	TRY(db_int64(c, SQL_LAST_NO, ARGS(TEXT(day)), &no));
	m->member_code = arena_printf(&c->arena, "M%s%04lld", day, (long long)no);
	return db_insert(c, SQL_INSERT,
		ARGS(I64(m->user_id), TEXT(m->member_code), I64(c->now_ms), I64(c->now_ms),
			I64(m->active_day), I64(m->level_id)),
		&m->member_id);
}

enum err member_create_tx(struct ctx *c, int64_t user_id, int64_t *member_id)
{
	struct member m = {
		.user_id = user_id,
		.level_id = MEMBER_FIRST_LEVEL,
		.active_day = member_day(c->now_ms, 0),
	};
	char day[CLOCK_TEXT_MAX];
	enum err e;

	assert(db_in_tx(c->db));
	clock_shop_day(c->now_ms, day);
	e = insert_tx(c, day, &m);
	if (e == ERR_DUPLICATE && db_duplicate_of(c, "member_code")) {
		const char *first = arena_printf(&c->arena, "M%s", day),
			   *end = arena_printf(&c->arena, "M%s:", day); /* after every digit */

		TRY(db_exec(c, SQL_SKIP_NOS, ARGS(TEXT(first), TEXT(end), TEXT(day)), NULL));
		e = insert_tx(c, day, &m);
	}
	TRY(e);
	*member_id = m.member_id;
	return count_tx(c, &m, 1);
}

enum err member_close_tx(struct ctx *c, int64_t user_id)
{
	struct member before = { 0 }, m;
	int64_t member_id;

	TRY(member_of_user(c, user_id, &member_id));
	TRY(member_lock_tx(c, member_id, &before));
	m = before;
	m.status = MEMBER_CLOSED;
	m.birthday = NULL;
	return member_write_tx(c, &before, &m);
}

struct touch {
	int64_t member_id, from, to; /* days */
};

static enum err touch_day_tx(struct ctx *c, void *arg)
{
	const struct touch *x = arg;
	int64_t matched;

	TRY(db_exec(c, SQL_TOUCH_DAY,
		ARGS(I64(c->now_ms), I64(x->to), I64(x->member_id), I64(x->from)), &matched));
	if (matched == 0)
		return OK;
	TRY(member_count_tx(c, x->member_id, COUNT_DAY, x->from, -1));
	return member_count_tx(c, x->member_id, COUNT_DAY, x->to, 1);
}

static bool is_new_day(const struct ctx *c, int64_t active_day)
{
	return active_day != 0 && active_day < member_day(c->now_ms, 0);
}

bool member_touch_due(const struct ctx *c, int64_t last_active_ms, int64_t active_day)
{
	return is_new_day(c, active_day) || last_active_ms < c->now_ms - TOUCH_GAP_MS;
}

enum err member_touch(
	struct ctx *c, int64_t member_id, int64_t *last_active_ms, int64_t *active_day)
{
	const int64_t today = member_day(c->now_ms, 0);

	if (!member_touch_due(c, *last_active_ms, *active_day))
		return OK;
	if (is_new_day(c, *active_day)) {
		TRY(db_tx(c, touch_day_tx, &(struct touch){ member_id, *active_day, today }));
		*active_day = today;
	} else {
		TRY(db_exec(c, SQL_TOUCH,
			ARGS(I64(c->now_ms), I64(member_id), I64(c->now_ms - TOUCH_GAP_MS)), NULL));
	}
	*last_active_ms = c->now_ms;
	return OK;
}

enum err member_user(struct ctx *c, int64_t member_id, int64_t *user_id)
{
	TRY(db_int64(c, SQL_OWNER, ARGS(I64(member_id)), user_id));
	return *user_id != 0 ? OK : ERR_NOT_FOUND;
}

enum err member_of_user(struct ctx *c, int64_t user_id, int64_t *member_id)
{
	TRY(db_int64(c, SQL_OF_USER, ARGS(I64(user_id)), member_id));
	return *member_id != 0 ? OK : ERR_MEMBER_NOT_FOUND;
}

enum err member_of_code(struct ctx *c, const char *code, int64_t *member_id)
{
	return db_int64(c, SQL_OF_CODE, ARGS(TEXT(code)), member_id);
}

enum err member_code_of(struct ctx *c, int64_t member_id, const char **code)
{
	struct member m = { 0 };
	bool found;

	TRY(db_find(c, SQL_GET, ARGS(I64(member_id)), member_fields, &m, &found));
	*code = m.member_code;
	return found ? OK : ERR_MEMBER_NOT_FOUND;
}

enum err member_lock_tx(struct ctx *c, int64_t member_id, struct member *out)
{
	int64_t matched;

	assert(db_in_tx(c->db));
	TRY(db_exec(c, SQL_HOLD, ARGS(I64(member_id)), &matched));
	if (matched == 0)
		return ERR_MEMBER_NOT_FOUND;
	return db_one(c, SQL_GET, ARGS(I64(member_id)), member_fields, out);
}

enum err member_spend_tx(struct ctx *c, int64_t member_id, money amount)
{
	if (amount.fen == 0)
		return OK;
	return db_exec_one(c, SQL_SPEND, ARGS(I64(amount.fen), I64(member_id)));
}

enum err member_write_tx(struct ctx *c, const struct member *before, const struct member *row)
{
	const bool was = before->counted && before->status != MEMBER_CLOSED,
		   is = row->counted && row->status != MEMBER_CLOSED;
	enum err e;

	e = db_exec_one(c, SQL_UPDATE, ARGS(MEMBER_ROW(ROW_VALUE) I64(row->member_id)));
	if (e == ERR_DUPLICATE && db_duplicate_of(c, "member_code"))
		return fail(c, ERR_MEMBER_CODE_TAKEN, "member_code");
	TRY(e);
	if (was != is)
		return count_tx(c, row, is ? 1 : -1);
	if (!is || row->level_id == before->level_id)
		return OK;
	TRY(member_count_tx(c, row->member_id, COUNT_LEVEL, before->level_id, -1));
	return member_count_tx(c, row->member_id, COUNT_LEVEL, row->level_id, 1);
}

/* ---- jobs ---- */

static enum err count_missed_tx(struct ctx *c, void *arg)
{
	const int64_t member_id = *(const int64_t *)arg;
	struct member m = { 0 };
	int64_t last_active_ms;

	TRY(member_lock_tx(c, member_id, &m));
	if (m.counted)
		return OK;
	TRY(db_int64(c, SQL_LAST_ACTIVE, ARGS(I64(member_id)), &last_active_ms));
	m.active_day = member_day(last_active_ms, 0);
	TRY(db_exec_one(c, SQL_SET_COUNTED, ARGS(I64(m.active_day), I64(member_id))));
	return m.status != MEMBER_CLOSED ? count_tx(c, &m, 1) : OK;
}

enum err member_count_missed(struct ctx *c, int64_t limit, int64_t *counted)
{
	struct db_rows rows;
	const int64_t *ids;

	*counted = 0;
	TRY(db_int64_all(c, SQL_UNCOUNTED, ARGS(I64(limit)), limit, &rows));
	ids = rows.list.rows;
	for (; *counted < rows.list.n; (*counted)++) {
		const struct arena_mark mark = arena_mark(&c->arena);
		int64_t id = ids[*counted];

		TRY(db_tx(c, count_missed_tx, &id));
		arena_rewind(&c->arena, mark);
	}
	return OK;
}
