/* SPDX-License-Identifier: MIT */
/*
 * db_class.h - what a code of failure means: one table for MariaDB, MySQL, Galera, the
 * client library and the proxies between (BEHAVIOUR 64). Pure.
 */
#ifndef EXT_DB_CLASS_H
#define EXT_DB_CLASS_H

enum db_class {
	CODE_FAULT,     /* ours, or what no row names: 500, and an alarm */
	CODE_DUPLICATE, /* a unique key holds the value already */
	CODE_PRESENT,   /* DDL: what it makes is there */
	CODE_REPEAT,    /* busy: undone, and done again from the start; 503 once that was in vain */
	CODE_BUSY, /* busy: this statement is undone, and to try it again now is of no use: 503 */
	CODE_USELESS, /* the connection is: closed, 503, and the next request has a new one */
};

enum {
	CODE_ALARM = 1,  /* somebody must act, or it stays so */
	CODE_UNDONE = 2, /* what was sent had no effect, not even if it was COMMIT */
};

struct db_meaning {
	unsigned first, last; /* codes, both included */
	enum db_class class;
	unsigned flags;
};

/* Never NULL. */
const struct db_meaning *db_meaning_of(unsigned code);

#endif
