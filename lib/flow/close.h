/* SPDX-License-Identifier: MIT */
/*
 * close.h - what `minimall jobs` does about payments: follow open attempts, close those
 * that nobody needs, and let overdue orders go, the provider first (BEHAVIOUR 20).
 */
#ifndef FLOW_CLOSE_H
#define FLOW_CLOSE_H

#include "shop/books/outbox.h"

/* Each works on a row of its kind (outbox_fn), and counts what it did. */
/* An order past its deadline that waits for no provider. */
enum err close_order(struct ctx *c, struct outbox *row, struct outbox_report *report) MUST;
/* The same of a membership order. */
enum err close_membership(struct ctx *c, struct outbox *row, struct outbox_report *report) MUST;
/* An attempt: ask, close if need be, and let the payable go if that was all it waited for. */
enum err close_attempt(struct ctx *c, struct outbox *row, struct outbox_report *report) MUST;

#endif
