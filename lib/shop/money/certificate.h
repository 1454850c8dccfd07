/* SPDX-License-Identifier: MIT */
/*
 * certificate.h - a provider's certificates as they came, sealed, for all processes; and
 * when their list is to be fetched anew (BEHAVIOUR 33, PAYMENTS.md 2.4).
 * Owns tables: platform_certificates, certificate_refresh.
 * Memory: texts in out structs live in c->arena. Fails everywhere: DB, DB_LOST, BUSY.
 */
#ifndef SHOP_MONEY_CERTIFICATE_H
#define SHOP_MONEY_CERTIFICATE_H

#include "base/ctx.h"
#include "base/field.h"
#include "base/provided.h"

/* By its serial, whatever its case. */
enum err certificate_find(
	struct ctx *c, const char *serial, struct sealed_certificate *out, bool *found) MUST;
/* The one that is good now and stays so longest. */
enum err certificate_newest(struct ctx *c, struct sealed_certificate *out, bool *found) MUST;
/* Keep it, or what has come anew under its serial. */
enum err certificate_put(struct ctx *c, const struct sealed_certificate *in) MUST;
/* Forget those that expired a day ago. */
enum err certificate_purge(struct ctx *c) MUST;

/* Somebody named a serial that nobody knows: fetch the list soon, five minutes after the last time at the earliest. */
enum err certificate_want(struct ctx *c) MUST;
/* Is it due, and ours to do? At most one process is told so; the next time is in six hours. */
enum err certificate_claim_refresh(struct ctx *c, bool *mine) MUST;
/* It came to nothing: again in five minutes. */
enum err certificate_refresh_failed(struct ctx *c) MUST;

#endif
