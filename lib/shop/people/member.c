/* SPDX-License-Identifier: MIT */
#include "shop/people/member.h"

#include <assert.h>

#include "ext/db.h"
#include "shop/people/member_count.h"

#define TOUCH_GAP_MS (5 * MINUTE_MS)

static const struct field member_fields[] = {
	FIELD(struct member, member_id),
	FIELD(struct member, user_id),
	FIELD(struct member, member_code),
	FIELD(struct member, status),
	FIELD(struct member, level_id),
	FIELD(struct member, earned_level_id),
	FIELD(struct member, manual_level_id),
	FIELD(struct member, total_spent),
	FIELD(struct member, counted),
	FIELD(struct member, active_day),
	FIELD_END,
};

static const char SQL_NEXT_NO[] =
	"INSERT INTO member_days (day, last_no) VALUES (?, 1) "
	"ON DUPLICATE KEY UPDATE last_no = last_no + 1";
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
/* written, which also locks: on Galera a lock alone is not enough */
static const char SQL_HOLD[] = "UPDATE members SET holds = holds + 1 WHERE member_id = ?";
static const char SQL_GET[] =
	"SELECT member_id, user_id, member_code, status, level_id, earned_level_id, "
	"manual_level_id, total_spent, counted, active_day FROM members WHERE member_id = ?";
static const char SQL_CLOSE[] =
	"UPDATE members SET status = " SQL(MEMBER_CLOSED) " WHERE member_id = ?";
static const char SQL_SET_LEVELS[] =
	"UPDATE members SET level_id = ?, earned_level_id = ?, manual_level_id = ? "
	"WHERE member_id = ?";
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

enum err member_create_tx(struct ctx *c, int64_t user_id, int64_t *member_id)
{
	struct member m = { .level_id = MEMBER_FIRST_LEVEL,
		.active_day = member_day(c->now_ms, 0) };
	char day[CLOCK_TEXT_MAX];
	const char *code;
	int64_t no;

	assert(db_in_tx(c->db));
	clock_shop_day(c->now_ms, day);
	/* the day's row stays locked until the end: numbers have no gaps or duplicates */
	TRY(db_exec(c, SQL_NEXT_NO, ARGS(TEXT(day)), NULL));
	TRY(db_int64(c, SQL_LAST_NO, ARGS(TEXT(day)), &no));
	code = arena_printf(&c->arena, "M%s%04lld", day, (long long)no);
	TRY(db_insert(c, SQL_INSERT,
		ARGS(I64(user_id), TEXT(code), I64(c->now_ms), I64(c->now_ms), I64(m.active_day),
			I64(m.level_id)),
		&m.member_id));
	*member_id = m.member_id;
	return count_tx(c, &m, 1);
}

enum err member_close_tx(struct ctx *c, int64_t user_id)
{
	struct member m = { 0 };
	int64_t member_id;

	TRY(member_of_user(c, user_id, &member_id));
	TRY(member_lock_tx(c, member_id, &m));
	if (m.status == MEMBER_CLOSED)
		return OK;
	TRY(db_exec_one(c, SQL_CLOSE, ARGS(I64(member_id))));
	return m.counted ? count_tx(c, &m, -1) : OK;
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

enum err member_touch(struct ctx *c, int64_t member_id, int64_t last_active_ms, int64_t active_day)
{
	const int64_t due = c->now_ms - TOUCH_GAP_MS, today = member_day(c->now_ms, 0);

	if (active_day != 0 && active_day < today)
		return db_tx(c, touch_day_tx, &(struct touch){ member_id, active_day, today });
	if (last_active_ms >= due)
		return OK;
	return db_exec(c, SQL_TOUCH, ARGS(I64(c->now_ms), I64(member_id), I64(due)), NULL);
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

enum err member_set_levels_tx(struct ctx *c, const struct member *m, int64_t before)
{
	TRY(db_exec_one(c, SQL_SET_LEVELS,
		ARGS(I64(m->level_id), I64(m->earned_level_id), OPT(m->manual_level_id),
			I64(m->member_id))));
	if (!m->counted || m->status == MEMBER_CLOSED || m->level_id == before)
		return OK;
	TRY(member_count_tx(c, m->member_id, COUNT_LEVEL, before, -1));
	return member_count_tx(c, m->member_id, COUNT_LEVEL, m->level_id, 1);
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
