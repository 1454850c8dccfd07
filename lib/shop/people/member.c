/* SPDX-License-Identifier: MIT */
#include "shop/people/member.h"

#include <assert.h>

#include "ext/db.h"

#define TOUCH_GAP_MS (5 * MINUTE_MS)

static const char SQL_NEXT_NO[] =
	"INSERT INTO member_days (day, last_no) VALUES (?, 1) "
	"ON DUPLICATE KEY UPDATE last_no = last_no + 1";
static const char SQL_LAST_NO[] = "SELECT last_no FROM member_days WHERE day = ?";
static const char SQL_INSERT[] =
	"INSERT INTO members (user_id, member_code, joined_at, last_active_at) VALUES (?, ?, ?, ?)";
static const char SQL_TOUCH[] =
	"UPDATE members SET last_active_at = ? WHERE member_id = ? AND last_active_at < ?";
static const char SQL_OWNER[] = "SELECT user_id FROM members WHERE member_id = ?";

enum err member_create_tx(struct ctx *c, int64_t user_id, int64_t *member_id)
{
	char day[CLOCK_TEXT_MAX];
	const char *code;
	int64_t no;

	assert(db_in_tx(c->db));
	clock_shop_day(c->now_ms, day);
	/* the day's row stays locked until the end: numbers have no gaps or duplicates */
	TRY(db_exec(c, SQL_NEXT_NO, ARGS(TEXT(day)), NULL));
	TRY(db_int64(c, SQL_LAST_NO, ARGS(TEXT(day)), &no));
	code = arena_printf(&c->arena, "M%s%04lld", day, (long long)no);
	return db_insert(c, SQL_INSERT,
		ARGS(I64(user_id), TEXT(code), I64(c->now_ms), I64(c->now_ms)), member_id);
}

enum err member_touch(struct ctx *c, int64_t member_id, int64_t last_active_ms)
{
	const int64_t due = c->now_ms - TOUCH_GAP_MS;

	if (last_active_ms >= due)
		return OK;
	return db_exec(c, SQL_TOUCH, ARGS(I64(c->now_ms), I64(member_id), I64(due)), NULL);
}

enum err member_user(struct ctx *c, int64_t member_id, int64_t *user_id)
{
	TRY(db_int64(c, SQL_OWNER, ARGS(I64(member_id)), user_id));
	return *user_id != 0 ? OK : ERR_NOT_FOUND;
}
