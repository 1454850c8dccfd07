/* SPDX-License-Identifier: MIT */
/*
 * close.h - the jobs about payments: follow open attempts, close those not needed any more,
 * and cancel overdue orders, after closing at the provider (BEHAVIOUR 20).
 */
#ifndef FLOW_CLOSE_H
#define FLOW_CLOSE_H

#include "shop/books/outbox.h"

/* Each processes a row of its kind (outbox_fn) and counts the result. */
/* An order past its deadline without an open attempt. */
enum err close_order(struct ctx *c, struct outbox *row, struct outbox_report *report) MUST;
/* The same for a membership order. */
enum err close_membership(struct ctx *c, struct outbox *row, struct outbox_report *report) MUST;
/* An attempt: query it, close it if needed, and expire the payable if it waited only for that. */
enum err close_attempt(struct ctx *c, struct outbox *row, struct outbox_report *report) MUST;

#endif
