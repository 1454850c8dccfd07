/* SPDX-License-Identifier: MIT */
/*
 * journal.h - what an administrator or the command did that the data alone doesn't
 * tell: roles, passwords, offline payments, deletions. Append-only.
 * Owns tables: journal.
 */
#ifndef SHOP_BOOKS_JOURNAL_H
#define SHOP_BOOKS_JOURNAL_H

#include "base/ctx.h"

/* Write an entry in the current transaction. detail may be NULL; never a secret. */
enum err journal_add_tx(
	struct ctx *c, const char *action, const char *subject, const char *detail) MUST;

#endif
