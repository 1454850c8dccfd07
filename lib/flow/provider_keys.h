/* SPDX-License-Identifier: MIT */
/*
 * provider_keys.h - the providers' keys of a process: those of the configuration, loaded once at its
 * start, and certificates, which `minimall jobs` fetches for all
 * processes and each loads when a message first names one (BEHAVIOUR 33, PAYMENTS.md 2.4, 2.5).
 */
#ifndef FLOW_PROVIDER_KEYS_H
#define FLOW_PROVIDER_KEYS_H

#include "base/ctx.h"

/* Load them into c->provider_states. On faults: false, after a line per fault on standard error. */
bool keys_start(struct ctx *c) MUST;
/* Is there a signing key and a verification key? */
bool keys_usable(struct ctx *c);
void keys_stop(struct ctx *c);

/* Fetch the platform certificates if due; *learnt is their number. For `minimall jobs`. */
enum err keys_refresh(struct ctx *c, int64_t *learnt) MUST;

#endif
