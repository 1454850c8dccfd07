/* SPDX-License-Identifier: MIT */
/* state_lmdb_cell.c - a cell as LMDB has it: its name, and its record with the value behind it. */
#include "ext/state_lmdb_internal.h"

MDB_val lmdb_name(const struct state_name *name)
{
	return (MDB_val){ name->len, (void *)(uintptr_t)name->bytes };
}

int lmdb_parse(MDB_val v, struct state_cell *cell)
{
	if (v.mv_size < sizeof(cell->r))
		return MDB_CORRUPTED;
	memcpy(&cell->r, v.mv_data, sizeof(cell->r));
	cell->value.len = v.mv_size - sizeof(cell->r);
	cell->value.p = cell->value.len > 0 ? (char *)v.mv_data + sizeof(cell->r) : "";
	return 0;
}

int lmdb_get(const struct lmdb *h, MDB_txn *txn, struct state_cell *cell)
{
	MDB_val k = lmdb_name(&cell->name), v;
	int rc = mdb_get(txn, h->dbi, &k, &v);

	if (rc == 0)
		return lmdb_parse(v, cell);
	cell->r = (struct state_record){ 0 };
	cell->value = (struct slice){ "", 0 };
	return rc == MDB_NOTFOUND ? 0 : rc;
}

int lmdb_put(const struct lmdb *h, MDB_txn *txn, const struct state_name *name,
	const struct state_record *r, struct slice value)
{
	MDB_val k = lmdb_name(name), v = { sizeof(*r) + value.len, NULL };
	int rc;

	if (r->expires_ms == 0) {
		rc = mdb_del(txn, h->dbi, &k, NULL);
		return rc == MDB_NOTFOUND ? 0 : rc;
	}
	rc = mdb_put(txn, h->dbi, &k, &v, MDB_RESERVE);
	if (rc == 0) {
		memcpy(v.mv_data, r, sizeof(*r));
		if (value.len > 0)
			memcpy((char *)v.mv_data + sizeof(*r), value.p, value.len);
	}
	return rc;
}
