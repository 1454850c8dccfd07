/* SPDX-License-Identifier: MIT */
/*
 * certificate.h - a provider's certificates as received, encrypted, for all processes; and
 * when to fetch their list again (BEHAVIOUR 33, PAYMENTS.md 2.4).
 * Owns tables: platform_certificates, certificate_refresh.
 * Memory: texts in out structs live in c->arena. Fails everywhere: DB, DB_LOST, BUSY.
 */
#ifndef SHOP_MONEY_CERTIFICATE_H
#define SHOP_MONEY_CERTIFICATE_H

#include "base/ctx.h"
#include "base/field.h"
#include "base/provided.h"

/* By its serial, case-insensitively. */
enum err certificate_find(
	struct ctx *c, const char *serial, struct sealed_certificate *out, bool *found) MUST;
/* The one that is valid now and expires last. */
enum err certificate_newest(struct ctx *c, struct sealed_certificate *out, bool *found) MUST;
/* Insert it, or replace the one of its serial. */
enum err certificate_put(struct ctx *c, const struct sealed_certificate *row) MUST;
/* Delete those that expired a day ago. */
enum err certificate_purge(struct ctx *c) MUST;

/* A message named an unknown serial: fetch the list soon, at the earliest five minutes after the last time. */
enum err certificate_request_refresh(struct ctx *c) MUST;
/* Is a refresh due? Claims it for one process; the next is in six hours. */
enum err certificate_claim_refresh(struct ctx *c, bool *mine) MUST;
/* The refresh failed: retry in five minutes. */
enum err certificate_refresh_failed(struct ctx *c) MUST;

#endif
