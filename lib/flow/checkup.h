/* SPDX-License-Identifier: MIT */
/*
 * checkup.h - checks of `minimall doctor` about payment providers and the shop's site. They need
 * keys_start(), and change nothing.
 */
#ifndef FLOW_CHECKUP_H
#define FLOW_CHECKUP_H

#include "base/checkup.h"
#include "base/ctx.h"

/* Could the settings and the keys that they name be read? */
void check_settings(struct ctx *c, struct checkup *k);
/* Can each provider of this shop sign and verify, and for how long? */
void check_keys(struct ctx *c, struct checkup *k);
/* The difference between a provider's clock and ours: signatures are refused at 300 s. */
void check_provider_clock(struct ctx *c, struct checkup *k);
/* The last comparison with the bill of each of the latest days. */
void check_reconciliation(struct ctx *c, struct checkup *k);
/* The certificate of the shop's site. */
void check_site(struct ctx *c, struct checkup *k);

#endif
