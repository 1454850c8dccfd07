/* SPDX-License-Identifier: MIT */
#include "shop/books/job_pass.h"

#include "ext/db.h"

static const struct field pass_fields[] = {
	FIELD(struct job_pass, ended_at),
	FIELD(struct job_pass, in_trouble),
	FIELD_END,
};

static const char SQL_NOTE[] = "UPDATE job_passes SET ended_at = ?, in_trouble = ? WHERE id = 1";
static const char SQL_LAST[] = "SELECT ended_at, in_trouble FROM job_passes WHERE id = 1";

enum err job_pass_note(struct ctx *c, int64_t in_trouble)
{
	return db_exec(c, SQL_NOTE, ARGS(I64(c->now_ms), I64(in_trouble)), NULL);
}

enum err job_pass_last(struct ctx *c, struct job_pass *out)
{
	return db_one(c, SQL_LAST, NO_ARGS, pass_fields, out);
}
