/* SPDX-License-Identifier: MIT */
/*
 * webhook.h - sends notifications to webhooks and clients (shop/books/webhook_delivery.h;
 * PAYMENTS.md 9.2, BEHAVIOUR 15).
 */
#ifndef FLOW_WEBHOOK_H
#define FLOW_WEBHOOK_H

#include "shop/books/outbox.h"

/*
 * A pass of jobs, until c->deadline_ms: the webhooks take turns, one delivery each, those that
 * work first. One that fails has its next turn in the next pass, and none has more than its
 * part of the pass, so that a dead or slow one doesn't delay the others. A failed delivery is
 * due again by the schedule; after its last attempt it is FAILED, and if nothing has
 * succeeded for days its webhook is OFF. All clients together have the turns of one webhook, which is
 * never OFF, and goes on after a failure. Counts tried and done in the report.
 */
enum err webhook_pass(struct ctx *c, struct outbox_report *report) MUST;

#endif
