/* SPDX-License-Identifier: MIT */
#include "shop/people/member_count.h"

#include <assert.h>

#include "base/str.h"
#include "ext/db.h"

enum { SHARDS = 16 };

static const char SQL_COUNT[] =
	"INSERT INTO member_counts (figure, subject, shard, n) VALUES (?, ?, ?, ?) "
	"ON DUPLICATE KEY UPDATE n = n + VALUES(n)";

int64_t member_day(int64_t ms, int later)
{
	char day[CLOCK_TEXT_MAX];
	int64_t n;

	clock_shop_day(later != 0 ? clock_shop_midnight(ms, later) : ms, day);
	return str_to_i64(slice_of(day), INT64_MAX, &n) ? n : 0;
}

enum err member_count_tx(
	struct ctx *c, int64_t member_id, enum count_figure figure, int64_t subject, int64_t change)
{
	assert(db_in_tx(c->db));
	if (change == 0)
		return OK;
	return db_exec(c, SQL_COUNT,
		ARGS(I64(figure), I64(subject), I64(member_id % SHARDS), I64(change)), NULL);
}
