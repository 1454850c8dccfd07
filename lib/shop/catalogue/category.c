/* SPDX-License-Identifier: MIT */
#include "shop/catalogue/category.h"

#include "ext/db.h"
#include "ext/entity.h"
#include "shop/books/guard.h"
#include "shop/catalogue/answers.h"
#include "shop/catalogue/product.h"

const struct field category_fields[] = {
	FIELD(struct category, category_id),
	INPUT(struct category, name, 1, 100, F_REQUIRED),
	INPUT(struct category, description, 0, 5000, F_NULL | F_PROSE),
	INPUT(struct category, parent_id, 1, INT64_MAX - 1, F_NULL),
	FIELD(struct category, created_at),
	FIELD(struct category, updated_at),
	FIELD_END,
};

const struct field category_brief_fields[] = {
	FIELD(struct category_brief, category_id),
	FIELD(struct category_brief, name),
	FIELD_WITH(struct category_brief, description, .flags = F_NULL),
	FIELD_END,
};

const struct field category_query_fields[] = {
	INPUT(struct category_query, parent_id, 0, INT64_MAX - 1, 0),
	INPUT(struct category_query, q, 1, 100, F_TRIM | F_OPAQUE),
	FIELD_END,
};

#define COLUMNS "category_id, name, description, parent_id, created_at, updated_at"

/* by primary key, newest first */
static const char SQL_LIST[] =
	"SELECT " COLUMNS
	" FROM categories FORCE INDEX (PRIMARY) "
	"WHERE deleted_at IS NULL AND category_id < ? AND (? IS NULL OR name LIKE ?) "
	"ORDER BY category_id DESC LIMIT ?";
/* the children of one, by the index on them */
static const char SQL_LIST_CHILDREN[] =
	"SELECT " COLUMNS
	" FROM categories FORCE INDEX (by_parent) "
	"WHERE parent_id = ? AND deleted_at IS NULL AND category_id < ? "
	"AND (? IS NULL OR name LIKE ?) ORDER BY category_id DESC LIMIT ?";
static const char SQL_LIST_ROOTS[] =
	"SELECT " COLUMNS
	" FROM categories FORCE INDEX (by_parent) "
	"WHERE parent_id IS NULL AND deleted_at IS NULL AND category_id < ? "
	"AND (? IS NULL OR name LIKE ?) ORDER BY category_id DESC LIMIT ?";
/* UNION, not UNION ALL: it terminates even on a cycle, which must not exist */
static const char SQL_BRANCH[] =
	"WITH RECURSIVE branch (id) AS ("
	"SELECT category_id FROM categories WHERE category_id = ? AND deleted_at IS NULL UNION "
	"SELECT k.category_id FROM branch b STRAIGHT_JOIN categories k FORCE INDEX (by_parent) "
	"ON k.parent_id = b.id WHERE k.deleted_at IS NULL) SELECT id FROM branch LIMIT ?";
static const char SQL_GET[] =
	"SELECT " COLUMNS " FROM categories WHERE category_id = ? AND deleted_at IS NULL";
static const char SQL_LOCK[] =
	"SELECT " COLUMNS
	" FROM categories WHERE category_id = ? AND deleted_at IS NULL FOR UPDATE";
/* is one an ancestor of another? With the tree's guard held: concurrent moves could otherwise create a cycle */
static const char SQL_IS_ABOVE[] =
	"WITH RECURSIVE above (id, parent) AS ("
	"SELECT category_id, parent_id FROM categories WHERE category_id = ? UNION "
	"SELECT k.category_id, k.parent_id FROM above a STRAIGHT_JOIN categories k "
	"FORCE INDEX (PRIMARY) ON k.category_id = a.parent) "
	"SELECT id FROM above WHERE id = ? LIMIT 1";
static const char SQL_INSERT[] =
	"INSERT INTO categories (name, description, parent_id, created_at, updated_at) "
	"VALUES (?, ?, ?, ?, ?)";
static const char SQL_UPDATE[] =
	"UPDATE categories SET name = ?, description = ?, parent_id = ?, updated_at = ? "
	"WHERE category_id = ? AND deleted_at IS NULL";
static const char SQL_CHILD[] =
	"SELECT category_id FROM categories WHERE parent_id = ? AND deleted_at IS NULL LIMIT 1";
static const char SQL_PRODUCT[] =
	"SELECT category_id FROM products WHERE category_id = ? "
	"AND status IN (" SQL(PRODUCT_LIVE_SET) ") LIMIT 1";
static const char SQL_DELETE[] =
	"UPDATE categories SET deleted_at = ?, updated_at = ? "
	"WHERE category_id = ? AND deleted_at IS NULL";

enum { TREE_MAX = 10000 };

static const struct db_listed listed = DB_LISTED(category_fields, struct category, category_id);

enum err category_list(struct ctx *c, const struct category_query *q, struct page_rows *out)
{
	const char *like = db_like(c, q->q);
	const int64_t after = q->page.after[0], n = q->page.limit + 1;

	if (!field_has(category_query_fields, q, "parent_id"))
		return db_page(c, SQL_LIST, ARGS(I64(after), TEXT(like), TEXT(like), I64(n)),
			&listed, q->page.limit, out);
	if (q->parent_id == 0)
		return db_page(c, SQL_LIST_ROOTS, ARGS(I64(after), TEXT(like), TEXT(like), I64(n)),
			&listed, q->page.limit, out);
	return db_page(c, SQL_LIST_CHILDREN,
		ARGS(I64(q->parent_id), I64(after), TEXT(like), TEXT(like), I64(n)), &listed,
		q->page.limit, out);
}

enum err category_get(struct ctx *c, int64_t id, struct category *out)
{
	return db_one(c, SQL_GET, ARGS(I64(id)), category_fields, out);
}

enum err category_branch(struct ctx *c, int64_t id, struct list *out)
{
	struct db_rows found;

	TRY(db_int64_all(c, SQL_BRANCH, ARGS(I64(id), I64(TREE_MAX + 1)), TREE_MAX, &found));
	*out = found.list;
	return OK;
}

enum err category_hold_tx(struct ctx *c, int64_t id, const char *field)
{
	struct category row;
	bool found;

	TRY(guard_tx(c, GUARD_CATEGORIES));
	TRY(db_find(c, SQL_GET, ARGS(I64(id)), category_fields, &row, &found));
	return found ? OK : fail(c, ERR_INVALID, field);
}

struct change {
	int64_t id;
	const struct category *in;
	struct category *out;
};

static enum err create_tx(struct ctx *c, void *arg)
{
	struct change *x = arg;
	struct category *row = x->out;

	*row = *x->in;
	row->created_at.ms = row->updated_at.ms = c->now_ms;
	if (row->parent_id.set)
		TRY(category_hold_tx(c, row->parent_id.n, "parent_id"));
	TRY(db_insert(c, SQL_INSERT,
		ARGS(TEXT(row->name), TEXT(row->description), OPT(row->parent_id),
			AT(row->created_at), AT(row->updated_at)),
		&row->category_id));
	answers_note_category_tx(c, row->category_id);
	return OK;
}

enum err category_create(struct ctx *c, const struct category *in, struct category *out)
{
	return db_tx(c, create_tx, &(struct change){ .in = in, .out = out });
}

/* May `id` be a child of `parent`, in the guarded tree? */
static enum err check_move_tx(struct ctx *c, int64_t id, int64_t parent)
{
	struct category row = { 0 };
	int64_t above;
	bool found;

	TRY(db_find(c, SQL_GET, ARGS(I64(parent)), category_fields, &row, &found));
	if (!found)
		return fail(c, ERR_INVALID, "parent_id");
	TRY(db_int64(c, SQL_IS_ABOVE, ARGS(I64(parent), I64(id)), &above));
	return above != 0 ? fail(c, ERR_CATEGORY_CYCLE, "parent_id") : OK;
}

static enum err update_tx(struct ctx *c, void *arg)
{
	struct change *x = arg;
	struct category *row = x->out;

	if (field_has(category_fields, x->in, "parent_id") && x->in->parent_id.set) {
		struct category exists;

		TRY(guard_tx(c, GUARD_CATEGORIES));
		TRY(category_get(c, x->id, &exists));
		TRY(check_move_tx(c, x->id, x->in->parent_id.n));
	}
	TRY(db_one(c, SQL_LOCK, ARGS(I64(x->id)), category_fields, row));
	TRY(entity_unchanged(c, category_fields, row));
	field_merge(category_fields, row, x->in);
	row->updated_at.ms = c->now_ms;
	answers_note_category_tx(c, x->id);
	return db_exec_one(c, SQL_UPDATE,
		ARGS(TEXT(row->name), TEXT(row->description), OPT(row->parent_id),
			AT(row->updated_at), I64(x->id)));
}

enum err category_update(struct ctx *c, int64_t id, const struct category *in, struct category *out)
{
	return db_tx(c, update_tx, &(struct change){ id, in, out });
}

static enum err delete_tx(struct ctx *c, void *arg)
{
	const int64_t id = *(const int64_t *)arg;
	struct category row;
	int64_t child, product;

	TRY(guard_tx(c, GUARD_CATEGORIES));
	TRY(db_one(c, SQL_LOCK, ARGS(I64(id)), category_fields, &row));
	TRY(db_int64(c, SQL_CHILD, ARGS(I64(id)), &child));
	TRY(db_int64(c, SQL_PRODUCT, ARGS(I64(id)), &product));
	if (child != 0 || product != 0)
		return fail(c, ERR_CATEGORY_IN_USE, NULL);
	answers_note_category_tx(c, id);
	return db_exec_one(c, SQL_DELETE, ARGS(I64(c->now_ms), I64(c->now_ms), I64(id)));
}

enum err category_delete(struct ctx *c, int64_t id)
{
	return db_tx(c, delete_tx, &id);
}
