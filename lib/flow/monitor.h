/* SPDX-License-Identifier: MIT */
/* monitor.h - the text of `/metrics`: what is counted in memory, and what the database knows. */
#ifndef FLOW_MONITOR_H
#define FLOW_MONITOR_H

#include "base/ctx.h"

/* Prometheus' text format, of at most max bytes. Without a database it has what was counted. */
const char *monitor_text(struct ctx *c, size_t max) MUST;

#endif
