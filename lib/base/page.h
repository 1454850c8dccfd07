/* SPDX-License-Identifier: MIT */
/*
 * page.h - keyset paging: a page continues after the key of the last row of the one
 * before, so that page 10,000 costs what page 1 costs.
 */
#ifndef BASE_PAGE_H
#define BASE_PAGE_H

#include "base/field.h"

enum { PAGE_DEFAULT = 100, PAGE_MAX = 500 };

/* A requested page. */
struct page {
	int64_t limit;    /* 1..PAGE_MAX */
	int64_t after[2]; /* the last key seen; INT64_MAX twice for the first page */
};
#define PAGE_FIRST(n) ((struct page){ .limit = (n), .after = { INT64_MAX, INT64_MAX } })

/* Its rows, newest first. */
struct page_rows {
	struct list list;
	bool more;         /* there is a next page, after the last row's key */
	size_t key_off[2]; /* offsets of the key's members in a row, int64 each */
	size_t keys;       /* their number, 1 or 2 */
};

/* Lists with numbered pages and a total (contract membership-orders). */
struct page_number {
	int64_t page; /* from 1 */
	int64_t size; /* 1..PAGE_MAX */
};

struct page_counted {
	struct list list;
	int64_t total;
};

#endif
