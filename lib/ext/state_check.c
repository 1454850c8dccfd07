/* SPDX-License-Identifier: MIT */
/*
 * state_check.c - LMDB believes every page that it reads. Before it is given a file that
 * anything may have happened to, all pages that it would follow are looked at here: the format
 * of LMDB 0.9 (data version 1), the main database and the list of free pages.
 */
#include <string.h>
#include <unistd.h>

#include "ext/state_internal.h"

enum {
	MAGIC = (int)0xBEEFC0DE,
	DATA_VERSION = 1,
	BRANCH = 0x01,
	LEAF = 0x02,
	OVERFLOW = 0x04,
	META = 0x08,
	BIG_DATA = 0x01,
	INTEGER_KEY = 0x08,
	DEPTH_MAX = 32,
	KEY_MAX = 511,
	PAGE_MAX = 0x8000,
	PAGE_MIN = 512,
};
#define NO_PAGE SIZE_MAX

struct page_head {
	size_t no;
	uint16_t pad, flags;
	uint16_t lower, upper; /* together the number of pages, of an overflow page */
};

struct node_head {
	uint16_t lo, hi, flags, key_len;
};

struct db_head {
	uint32_t pad;
	uint16_t flags, depth;
	size_t branches, leaves, overflows, entries, root;
};

struct meta {
	uint32_t magic, version;
	size_t address, map_size;
	struct db_head free, main;
	size_t last_page, txn;
};

struct check {
	const unsigned char *file;
	size_t page_size, last_page;
	unsigned char seen[STATE_MAP_BYTES / PAGE_MIN / 8];
	uint16_t sizes[PAGE_MAX / 2]; /* of a page's nodes, by their place */
	bool free_list;               /* which of the two is walked */
	struct db_head count;
};

struct span {
	const unsigned char *p;
	size_t len;
};

static const unsigned char *page_at(const struct check *k, size_t no)
{
	return k->file + no * k->page_size;
}

/* Pages first … first + n - 1 are used for one thing only. */
static bool claim(struct check *k, size_t first, size_t n)
{
	if (first < 2 || first > k->last_page || n > k->last_page - first + 1)
		return false;
	for (size_t no = first; no < first + n; no++) {
		const unsigned char bit = (unsigned char)(1U << (no % 8));

		if (k->seen[no / 8] & bit)
			return false;
		k->seen[no / 8] |= bit;
	}
	return true;
}

static int compare(struct span a, struct span b)
{
	int order = memcmp(a.p, b.p, a.len < b.len ? a.len : b.len);

	return order != 0 ? order : (a.len > b.len) - (a.len < b.len);
}

/* What the record of free pages names is used for nothing else. */
static bool free_pages_sound(struct check *k, struct span ids)
{
	size_t n, id, before = NO_PAGE;

	if (ids.len < sizeof(n))
		return false;
	memcpy(&n, ids.p, sizeof(n));
	if (n > ids.len / sizeof(id) - 1)
		return false;
	for (size_t i = 1; i <= n; i++) {
		memcpy(&id, ids.p + i * sizeof(id), sizeof(id));
		if (id >= before || !claim(k, id, 1))
			return false;
		before = id;
	}
	return true;
}

/* A leaf's node and its data, wherever it is. */
static bool leaf_node_sound(struct check *k, const unsigned char *node, size_t room, size_t *size)
{
	struct node_head head;
	struct span data;

	memcpy(&head, node, sizeof(head));
	data.len = head.lo | (size_t)head.hi << 16;
	data.p = node + sizeof(head) + head.key_len;
	*size = sizeof(head) + head.key_len;
	if (head.flags == 0) {
		*size += data.len;
		if (*size > room)
			return false;
	} else {
		struct page_head over;
		size_t no, pages;

		if (head.flags != BIG_DATA || (*size += sizeof(no)) > room)
			return false;
		memcpy(&no, data.p, sizeof(no));
		if (no < 2 || no > k->last_page)
			return false;
		memcpy(&over, page_at(k, no), sizeof(over));
		pages = over.lower | (size_t)over.upper << 16;
		if (over.no != no || over.flags != OVERFLOW || data.len > STATE_MAP_BYTES ||
			pages < (sizeof(over) + data.len - 1) / k->page_size + 1 ||
			!claim(k, no, pages))
			return false;
		k->count.overflows += pages;
		data.p = page_at(k, no) + sizeof(over);
	}
	k->count.entries++;
	return !k->free_list || free_pages_sound(k, data);
}

static bool page_sound(
	struct check *k, size_t no, unsigned depth, struct span low, struct span high);

/* The node's key lies in its page's range; a branch's children lie between it and the next. */
static bool key_sound(const struct check *k, const unsigned char *node, struct span *key)
{
	struct node_head head;

	memcpy(&head, node, sizeof(head));
	*key = (struct span){ node + sizeof(head), head.key_len };
	return key->len <= KEY_MAX &&
	       (!k->free_list || key->len == sizeof(size_t) || key->len == 0);
}

/* Keys ascend. LMDB compares those of the free list as numbers. */
static bool ascends(const struct check *k, struct span a, struct span b)
{
	size_t m, n;

	if (a.p == NULL || b.p == NULL)
		return true;
	if (!k->free_list)
		return compare(a, b) < 0;
	if (a.len != sizeof(m) || b.len != sizeof(n))
		return false;
	memcpy(&m, a.p, sizeof(m));
	memcpy(&n, b.p, sizeof(n));
	return m < n;
}

static size_t offset_of(const unsigned char *page, size_t i)
{
	uint16_t off;

	memcpy(&off, page + sizeof(struct page_head) + i * sizeof(off), sizeof(off));
	return off;
}

/* What is used of a page is its n nodes, one after the other. */
static bool tiled(const struct check *k, size_t upper, size_t n)
{
	size_t at = upper, seen = 0;

	while (at < k->page_size && k->sizes[at / 2] != 0) {
		at += k->sizes[at / 2];
		seen++;
	}
	return at == k->page_size && seen == n;
}

static bool child_sound(struct check *k, const unsigned char *node, unsigned depth, struct span low,
	struct span high)
{
	struct node_head head;

	memcpy(&head, node, sizeof(head));
	return page_sound(k, head.lo | (size_t)head.hi << 16 | (size_t)head.flags << 32, depth - 1,
		low, high);
}

static bool nodes_sound(struct check *k, const unsigned char *page, size_t n, unsigned depth,
	struct span low, struct span high)
{
	const struct span none = { NULL, 0 };
	struct page_head head;
	struct span before = none;

	memcpy(&head, page, sizeof(head));
	memset(k->sizes, 0, k->page_size / 2 * sizeof(k->sizes[0]));
	for (size_t i = 0; i < n; i++) {
		const size_t off = offset_of(page, i);
		const unsigned char *node = page + off;
		size_t size;
		struct span key;

		if (off % 2 != 0 || off < head.upper ||
			off + sizeof(struct node_head) > k->page_size || !key_sound(k, node, &key))
			return false;
		size = sizeof(struct node_head) + key.len;
		if (off + size > k->page_size)
			return false;
		if (depth == 1 && !leaf_node_sound(k, node, k->page_size - off, &size))
			return false;
		k->sizes[off / 2] = (uint16_t)((size + 1) & ~(size_t)1);
		if (depth > 1 && i == 0) /* stands for all below the second */
			key = low;
		else if (key.len == 0 || !ascends(k, before, key) || !ascends(k, key, high) ||
			 (low.p != NULL && ascends(k, key, low)))
			return false;
		before = key;
	}
	if (!tiled(k, head.upper, n))
		return false;
	for (size_t i = 0; depth > 1 && i < n; i++) {
		struct span from = low, to = high;

		if (i > 0 && !key_sound(k, page + offset_of(page, i), &from))
			return false;
		if (i + 1 < n && !key_sound(k, page + offset_of(page, i + 1), &to))
			return false;
		if (!child_sound(k, page + offset_of(page, i), depth, from, to))
			return false;
	}
	return true;
}

/* A page `depth` steps above the data (1: a leaf), with keys from low up to, not including, high. */
static bool page_sound(
	struct check *k, size_t no, unsigned depth, struct span low, struct span high)
{
	const unsigned want = depth == 1 ? LEAF : BRANCH;
	const unsigned char *page;
	struct page_head head;
	size_t n;

	if (!claim(k, no, 1))
		return false;
	page = page_at(k, no);
	memcpy(&head, page, sizeof(head));
	if (head.no != no || head.flags != want || head.lower < sizeof(head) ||
		head.lower > head.upper || head.upper > k->page_size || head.lower % 2 != 0 ||
		head.upper % 2 != 0)
		return false;
	n = (head.lower - sizeof(head)) / sizeof(uint16_t);
	if (depth == 1)
		k->count.leaves++;
	else
		k->count.branches++;
	return n >= (depth == 1 ? 1U : 2U) && nodes_sound(k, page, n, depth, low, high);
}

static bool tree_sound(struct check *k, const struct db_head *db, bool free_list)
{
	const struct span none = { NULL, 0 };

	k->free_list = free_list;
	k->count = (struct db_head){ 0 };
	if (db->flags != (free_list ? INTEGER_KEY | MDB_NOSUBDIR : 0) || db->depth > DEPTH_MAX)
		return false;
	if (db->root == NO_PAGE)
		return db->depth == 0 && db->entries == 0 && db->branches == 0 && db->leaves == 0 &&
		       db->overflows == 0;
	return db->depth > 0 && page_sound(k, db->root, db->depth, none, none) &&
	       k->count.branches == db->branches && k->count.leaves == db->leaves &&
	       k->count.overflows == db->overflows && k->count.entries == db->entries;
}

/* LMDB works in pages of the system's size, up to its own maximum. */
static size_t expected_page_size(void)
{
	const long system = sysconf(_SC_PAGESIZE);

	return system < PAGE_MIN || system > PAGE_MAX ? PAGE_MAX : (size_t)system;
}

static bool meta_read(const unsigned char *file, size_t page_size, size_t no, struct meta *m)
{
	struct page_head head;

	memcpy(&head, file + no * page_size, sizeof(head));
	memcpy(m, file + no * page_size + sizeof(head), sizeof(*m));
	return head.no == no && head.flags == META && m->magic == (uint32_t)MAGIC &&
	       m->version == DATA_VERSION && m->free.pad == page_size &&
	       m->map_size == STATE_MAP_BYTES && m->address == 0;
}

bool state_file_sound(const unsigned char *file, size_t size, uint64_t *txn)
{
	const size_t page_size = expected_page_size();
	struct check k = { .file = file, .page_size = page_size };
	struct meta metas[2];
	const struct meta *m;

	if (size != STATE_MAP_BYTES)
		return false;
	for (size_t i = 0; i < 2; i++)
		if (!meta_read(file, page_size, i, &metas[i]))
			return false;
	/* written in turn, each by the next transaction */
	m = &metas[metas[1].txn > metas[0].txn];
	if (metas[0].txn % 2 != 0 || metas[1].txn % 2 != 1 ||
		metas[0].txn + metas[1].txn != 2 * m->txn - 1)
		return false;
	if (m->last_page < 2 || m->last_page >= size / page_size)
		return false;
	k.last_page = m->last_page;
	*txn = m->txn;
	return tree_sound(&k, &m->free, true) && tree_sound(&k, &m->main, false);
}
