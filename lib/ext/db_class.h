/* SPDX-License-Identifier: MIT */
/*
 * db_class.h - what an error code means: one table for MariaDB, MySQL, Galera, the
 * client library and proxies (BEHAVIOUR 64). Pure.
 */
#ifndef EXT_DB_CLASS_H
#define EXT_DB_CLASS_H

enum db_class {
	CODE_FAULT,     /* our fault, or a code without a row: 500 and an alarm */
	CODE_DUPLICATE, /* a unique key already has the value */
	CODE_PRESENT,   /* DDL: what it creates exists, or what it renames has its new name */
	CODE_REPEAT,    /* busy: rolled back and retried from the start; 503 if that fails */
	CODE_BUSY,      /* busy: this statement is rolled back, and a retry now is useless: 503 */
	CODE_USELESS, /* the connection is unusable: closed, 503, and the next request gets a new one */
};

enum {
	CODE_ALARM = 1,  /* an operator must act */
	CODE_UNDONE = 2, /* what was sent had no effect, not even if it was COMMIT */
};

struct db_meaning {
	unsigned first, last; /* codes, inclusive */
	enum db_class class;
	unsigned flags;
};

/* Never NULL. */
const struct db_meaning *db_meaning_of(unsigned code);

#endif
