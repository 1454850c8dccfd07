/* SPDX-License-Identifier: MIT */
#include "shop/loyalty/import.h"

#include "base/phone.h"
#include "ext/db.h"
#include "shop/loyalty/points.h"
#include "shop/people/member.h"
#include "shop/people/member_log.h"
#include "shop/people/user.h"

/* the source of imported points, and the reason in the log */
static const char import_source[] = "import";

const struct field import_fields[] = {
	INPUT(struct import_line, member_code, 13, MEMBER_CODE_MAX, F_REQUIRED,
		.valid = member_code_is_valid),
	INPUT(struct import_line, phone, 5, PHONE_TEXT_MAX, F_PACK, .valid = phone_is_number),
	INPUT(struct import_line, email, 3, 254, F_LOWER, .valid = user_is_email),
	INPUT(struct import_line, points, 0, POINTS_MAX, 0),
	INPUT(struct import_line, expires_on, 10, 10, 0, .valid = clock_is_day),
	FIELD_END,
};

/* What is there already for a line. */
struct found {
	int64_t user_id, member_id; /* 0: to be created */
	int64_t expires_ms;
	struct points_source source;
	struct points_receipt earned; /* entry_id 0: not yet */
};

static enum err find_user(struct ctx *c, const struct import_line *line, int64_t *user_id)
{
	struct user by_phone = { 0 }, by_email = { 0 };
	bool found;

	if (line->phone == NULL && line->email == NULL)
		return fail(c, ERR_INVALID, "phone: neither it nor email");
	if (line->phone != NULL)
		TRY(user_find_account(c, line->phone, &by_phone, &found));
	if (line->email != NULL)
		TRY(user_find_account(c, line->email, &by_email, &found));
	if (by_phone.user_id != 0 && by_email.user_id != 0 && by_phone.user_id != by_email.user_id)
		return fail(c, ERR_INVALID, "email: another user's than phone");
	*user_id = by_phone.user_id != 0 ? by_phone.user_id : by_email.user_id;
	return OK;
}

/* When its points expire: at the end of a day that is neither over nor beyond the shop's limit. */
static enum err find_expiry(struct ctx *c, const struct import_line *line, int64_t *expires_ms)
{
	const int64_t latest = clock_shop_midnight(c->now_ms, (int)c->conf->points_valid_days + 1);

	*expires_ms = latest;
	if (line->expires_on == NULL)
		return OK;
	if (!clock_parse_day(line->expires_on, 1, expires_ms) || *expires_ms <= c->now_ms)
		return fail(c, ERR_INVALID, "expires_on: is over");
	return *expires_ms <= latest
		       ? OK
		       : fail(c, ERR_INVALID, "expires_on: later than POINTS_VALID_DAYS");
}

static enum err find(struct ctx *c, const struct import_line *line, struct found *f)
{
	int64_t of_code;

	*f = (struct found){ 0 };
	TRY(find_user(c, line, &f->user_id));
	if (f->user_id != 0)
		TRY(member_of_user(c, f->user_id, &f->member_id));
	TRY(member_of_code(c, line->member_code, &of_code));
	if (of_code != 0 && of_code != f->member_id)
		return fail(c, ERR_MEMBER_CODE_TAKEN, "member_code");
	TRY(find_expiry(c, line, &f->expires_ms));
	f->source = (struct points_source){ import_source,
		arena_printf(&c->arena, "%s/%s", line->member_code,
			line->expires_on != NULL ? line->expires_on : "default") };
	TRY(points_earned(c, &f->source, &f->earned));
	if (f->earned.entry_id != 0 &&
		(f->earned.member_id != f->member_id || f->earned.points != line->points))
		return fail(c, ERR_DUPLICATE, "points: imported before, but others");
	return OK;
}

static struct import_outcome outcome_of(
	const struct import_line *line, const struct found *f, const char *code)
{
	return (struct import_outcome){
		.creates_user = f->user_id == 0,
		.changes_code = code == NULL || strcmp(code, line->member_code) != 0,
		.earns = line->points > 0 && f->earned.entry_id == 0,
		.earned = f->earned.entry_id != 0,
	};
}

enum err import_check(struct ctx *c, const struct import_line *line, struct import_outcome *out)
{
	const char *code = NULL;
	struct found f;

	TRY(find(c, line, &f));
	if (f.member_id != 0)
		TRY(member_code_of(c, f.member_id, &code));
	*out = outcome_of(line, &f, code);
	return OK;
}

struct importing {
	const struct import_line *line;
	struct import_outcome *out;
};

static enum err import_tx(struct ctx *c, void *arg)
{
	const struct importing *x = arg;
	const struct import_line *line = x->line;
	struct member before = { 0 }, m;
	struct points_receipt receipt;
	struct found f;

	TRY(find(c, line, &f));
	if (f.user_id == 0) {
		int64_t user_id;

		TRY(user_create_customer_tx(c, line->phone, line->email, &user_id, &f.member_id));
	}
	TRY(member_lock_tx(c, f.member_id, &before));
	*x->out = outcome_of(line, &f, before.member_code);
	if (x->out->changes_code) {
		m = before;
		m.member_code = line->member_code;
		TRY(member_write_tx(c, &before, &m));
		TRY(member_log_tx(c, m.member_id, "member_code", before.member_code, m.member_code,
			import_source));
	}
	if (!x->out->earns)
		return OK;
	TRY(points_earn_until_tx(
		c, f.member_id, &f.source, line->points, f.expires_ms, NULL, &receipt));
	return member_log_tx(c, f.member_id, "earn",
		arena_printf(&c->arena, "%lld", (long long)(receipt.balance - receipt.points)),
		arena_printf(&c->arena, "%lld", (long long)receipt.balance), import_source);
}

enum err import_apply(struct ctx *c, const struct import_line *line, struct import_outcome *out)
{
	struct importing x = { line, out };

	return db_tx(c, import_tx, &x);
}
