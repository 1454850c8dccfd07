/*
 * outbox.h - work that follows from a committed change and is done later, by `minimall
 * jobs`: written in the change's own transaction, so that it is neither lost nor invented.
 * Owns tables: outbox.
 */
#ifndef SHOP_OUTBOX_H
#define SHOP_OUTBOX_H

#include "base/ctx.h"
#include "base/field.h"

enum outbox_kind { OUTBOX_FOLLOW_ATTEMPT = 1, OUTBOX_FOLLOW_REFUND = 2 };

struct outbox {
	int64_t outbox_id, ref_id, tries;
	timestamp due_at; /* the lease, once claimed */
	timestamp created_at;
};

/* Make (or hasten) the work of this kind about ref, due at a moment. */
enum err outbox_put_tx(struct ctx *c, enum outbox_kind kind, int64_t ref_id, int64_t due_ms) MUST;
/* What is due, oldest first, without claiming it. */
enum err outbox_due(struct ctx *c, enum outbox_kind kind, int64_t limit, struct list *out) MUST;
/* Claim a row for lease_ms; *mine false: another process was first. Commits at once. */
enum err outbox_claim(struct ctx *c, struct outbox *row, int64_t lease_ms, bool *mine) MUST;
/* Due again later, unless somebody hastened it meanwhile. */
enum err outbox_again(struct ctx *c, const struct outbox *row, int64_t due_ms) MUST;
/* The work about ref is done. */
enum err outbox_done(struct ctx *c, enum outbox_kind kind, int64_t ref_id) MUST;

#endif
