/* SPDX-License-Identifier: MIT */
/*
 * state_record.c - what a home holds, in LMDB's main database:
 *   h                         the home's id: one record
 *   r HASH FAMILY NUL ID      a value, a counter or a hold. The hash comes first, so that a random place is
 *                             as likely to be anywhere as anywhere else: sweeping looks there
 *   f FAMILY, s SLOT          marks: the transaction that cleared the family last, or deleted
 *                             any of the slot's keys
 * A record is valid if it was written after its family's mark; a hold, whatever is cleared.
 * Everything has a checksum.
 */
#include <assert.h>

#include "base/clock.h"
#include "ext/state_internal.h"

enum {
	LAYOUT = 1, /* of the records */
	SLOTS = 1024,
};
/* Processes' clocks of one moment differ by the age of their requests. */
#define SKEW_MS MINUTE_MS

struct mark {
	uint64_t sum, txn;
};

struct home {
	uint64_t sum, id, layout;
};

uint64_t state_sum(uint64_t sum, const void *bytes, size_t n)
{
	const uint64_t prime = UINT64_C(0x9E3779B97F4A7C15);
	const unsigned char *p = bytes;
	uint64_t word;

	for (; n >= sizeof(word); p += sizeof(word), n -= sizeof(word)) {
		memcpy(&word, p, sizeof(word));
		sum = (sum ^ word) * prime;
		sum ^= sum >> 29;
	}
	word = (uint64_t)n << 56;
	if (n > 0)
		memcpy(&word, p, n);
	sum = (sum ^ word) * prime;
	return sum ^ sum >> 32;
}

/* ---- keys, marks and records ---- */

static MDB_val val(const void *p, size_t len)
{
	return (MDB_val){ len, (void *)(uintptr_t)p };
}

MDB_val state_bytes_val(const struct state_bytes *k)
{
	return val(k->bytes, k->len);
}

bool state_key_fits(struct state_key key)
{
	assert(strlen(key.family) <= STATE_FAMILY_MAX);
	return key.id.len <= STATE_ID_MAX;
}

struct state_bytes state_record_key(struct state_key key)
{
	const size_t family_len = strlen(key.family);
	struct state_bytes k = { .len = STATE_PREFIX_BYTES };
	uint32_t hash;

	memcpy(k.bytes + k.len, key.family, family_len);
	k.len += family_len + 1;
	memcpy(k.bytes + k.len, key.id.p, key.id.len);
	k.len += key.id.len;
	hash = (uint32_t)state_sum(0, k.bytes, k.len);
	k.bytes[0] = 'r';
	memcpy(k.bytes + 1, &hash, sizeof(hash));
	return k;
}

struct state_bytes state_family_key(const char *family)
{
	struct state_bytes k = { .len = 1 + strlen(family) };

	k.bytes[0] = 'f';
	memcpy(k.bytes + 1, family, k.len - 1);
	return k;
}

struct state_bytes state_slot_key(const struct state_bytes *record)
{
	struct state_bytes k = { .len = STATE_PREFIX_BYTES };
	uint32_t slot;

	memcpy(&slot, record->bytes + 1, sizeof(slot));
	slot %= SLOTS;
	k.bytes[0] = 's';
	memcpy(k.bytes + 1, &slot, sizeof(slot));
	return k;
}

static uint64_t mark_sum(uint64_t id, MDB_val k, uint64_t txn)
{
	return state_sum(state_sum(id, k.mv_data, k.mv_size), &txn, sizeof(txn));
}

static bool mark_sound(uint64_t id, MDB_val k, MDB_val v, struct mark *m)
{
	if (v.mv_size != sizeof(*m))
		return false;
	memcpy(m, v.mv_data, sizeof(*m));
	return m->sum == mark_sum(id, k, m->txn);
}

/* The transaction of a mark, 0 when there is none. */
int state_mark_get(const struct state *s, MDB_txn *txn, const struct state_bytes *key, uint64_t *at)
{
	MDB_val k = state_bytes_val(key), v;
	struct mark m;
	int rc = mdb_get(txn, s->dbi, &k, &v);

	*at = 0;
	if (rc == MDB_NOTFOUND)
		return 0;
	if (rc == 0 && !mark_sound(s->id, k, v, &m))
		return MDB_CORRUPTED;
	if (rc == 0)
		*at = m.txn;
	return rc;
}

int state_mark_put(const struct state *s, MDB_txn *txn, const struct state_bytes *key)
{
	MDB_val k = state_bytes_val(key), v;
	struct mark m = { .txn = mdb_txn_id(txn) };

	m.sum = mark_sum(s->id, k, m.txn);
	v = val(&m, sizeof(m));
	return mdb_put(txn, s->dbi, &k, &v, 0);
}

static uint64_t record_sum(uint64_t id, MDB_val k, const struct state_record *r, const void *bytes)
{
	uint64_t sum = state_sum(id, k.mv_data, k.mv_size);

	sum = state_sum(sum, (const char *)r + sizeof(r->sum), sizeof(*r) - sizeof(r->sum));
	return state_sum(sum, bytes, r->len);
}

bool state_record_open(MDB_val v, struct state_record *r, const char **bytes)
{
	if (v.mv_size < sizeof(*r))
		return false;
	memcpy(r, v.mv_data, sizeof(*r));
	*bytes = (const char *)v.mv_data + sizeof(*r);
	return r->len == v.mv_size - sizeof(*r) && r->len <= STATE_VALUE_MAX;
}

bool state_record_live(const struct state_record *r, uint64_t cleared, int64_t now_ms)
{
	return (r->written > cleared || r->kind == STATE_HOLD) && r->expires_ms > now_ms &&
	       r->expires_ms - now_ms - SKEW_MS <= r->ttl_ms;
}

/* A key's live record; NOTFOUND. */
int state_record_get(const struct state *s, MDB_txn *txn, const struct state_bytes *key,
	const char *family, int64_t now_ms, struct state_record *r, const char **bytes)
{
	const struct state_bytes mark = state_family_key(family);
	MDB_val k = state_bytes_val(key), v;
	uint64_t cleared;
	int rc = state_mark_get(s, txn, &mark, &cleared);

	if (rc == 0)
		rc = mdb_get(txn, s->dbi, &k, &v);
	if (rc != 0)
		return rc;
	if (!state_record_open(v, r, bytes) || r->sum != record_sum(s->id, k, r, *bytes))
		return MDB_CORRUPTED;
	return state_record_live(r, cleared, now_ms) ? 0 : MDB_NOTFOUND;
}

int state_record_put(const struct state *s, MDB_txn *txn, const struct state_bytes *key,
	struct state_record *r, const void *bytes)
{
	MDB_val k = state_bytes_val(key), v = val(NULL, sizeof(*r) + r->len);
	int rc;

	r->written = mdb_txn_id(txn);
	r->sum = record_sum(s->id, k, r, bytes);
	rc = mdb_put(txn, s->dbi, &k, &v, MDB_RESERVE);
	if (rc == 0) {
		memcpy(v.mv_data, r, sizeof(*r));
		if (r->len > 0)
			memcpy((char *)v.mv_data + sizeof(*r), bytes, r->len);
	}
	return rc;
}

/* ---- a home's own records ---- */

int state_content_begin(const struct state *s, MDB_txn *txn)
{
	struct home home = { .id = s->id, .layout = LAYOUT };
	MDB_val k = val("h", 1), v = val(&home, sizeof(home));

	home.sum = state_sum(0, &home.id, sizeof(home) - sizeof(home.sum));
	return mdb_put(txn, s->dbi, &k, &v, 0);
}

/* Marks that were lost would let old values be valid again: each is looked at. */
static bool marks_sound(const struct state *s, MDB_txn *txn, const char *kind)
{
	MDB_val k = val(kind, 1), v;
	MDB_cursor *cursor;
	struct mark m;
	bool sound = true;
	int rc = mdb_cursor_open(txn, s->dbi, &cursor);

	if (rc != 0)
		return false;
	for (rc = mdb_cursor_get(cursor, &k, &v, MDB_SET_RANGE);
		rc == 0 && *(const char *)k.mv_data == *kind && sound;
		rc = mdb_cursor_get(cursor, &k, &v, MDB_NEXT))
		sound = mark_sound(s->id, k, v, &m) && m.txn <= mdb_txn_id(txn);
	mdb_cursor_close(cursor);
	return sound && (rc == 0 || rc == MDB_NOTFOUND);
}

bool state_content_sound(const struct state *s, MDB_txn *txn)
{
	MDB_val k = val("h", 1), v;
	struct home home;

	if (mdb_get(txn, s->dbi, &k, &v) != 0 || v.mv_size != sizeof(home))
		return false;
	memcpy(&home, v.mv_data, sizeof(home));
	return home.sum == state_sum(0, &home.id, sizeof(home) - sizeof(home.sum)) &&
	       home.id == s->id && home.layout == LAYOUT && marks_sound(s, txn, "f") &&
	       marks_sound(s, txn, "s");
}
