/*
 * keys.h - the providers' keys of a process, loaded once at its start.
 */
#ifndef FLOW_KEYS_H
#define FLOW_KEYS_H

#include "base/ctx.h"

/* Load them into c->wx_keys. On faults: false, after a line per fault on standard error. */
bool keys_start(struct ctx *c) MUST;
/* Is there a key to sign with, and one to verify with? */
bool keys_usable(const struct ctx *c);
void keys_stop(struct ctx *c);

#endif
