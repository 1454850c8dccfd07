/* SPDX-License-Identifier: MIT */
/*
 * journal.h - actions of administrators and the command that the data alone doesn't
 * show: roles, passwords, offline payments, deletions. Append-only.
 * Owns tables: journal.
 */
#ifndef SHOP_BOOKS_JOURNAL_H
#define SHOP_BOOKS_JOURNAL_H

#include "base/ctx.h"

/* Add an entry in the current transaction. detail may be NULL; never a secret. */
enum err journal_add_tx(
	struct ctx *c, const char *action, const char *subject, const char *detail) MUST;

#endif
