/* SPDX-License-Identifier: MIT */
/*
 * metrics.h - what is counted for `/metrics` (BEHAVIOUR 52), by all processes of a shop on this host.
 *
 * Home: one file in the directory of the shared state (state_home.h), mapped by every process. Each series is
 * one entry of it, whose numbers every process adds to: counting is a search and an atomic addition,
 * without a lock or a system call, and the sums survive whoever counted. What is true only while a
 * process lives (its requests, its connection) is in its slot, which it owns by a lock of the file
 * that the kernel releases with the process: the slots of others are not read.
 *
 * The file's name has a hash of its layout, so that programs of two versions never share one; one that no process uses
 * any more is removed when another is created. Bounds: about
 * 1.5 MiB, allocated on creation; a series or process beyond is not counted, which is counted. Whatever bytes
 * it has, reading it is safe. A removed file is replaced within a second, and its sums begin again at 0, as they
 * do when the host starts. Not covered: a file that is truncated in use, as in state.h. Without a directory each
 * process counts by itself.
 *
 * Labels are ours (route templates, names of states), never ids: a bounded number of series.
 */
#ifndef EXT_METRICS_H
#define EXT_METRICS_H

#include "base/conf.h"
#include "base/str.h"

enum metric {
	METRIC_REQUESTS,        /* counter: method, route, status */
	METRIC_REQUEST_TIME,    /* histogram: method, route */
	METRIC_PAYMENTS,        /* counter: method, status */
	METRIC_PAYMENT_TIME,    /* histogram: method */
	METRIC_RATE_LIMITED,    /* counter: program */
	METRIC_CACHE,           /* counter: cache, result */
	METRIC_EVICTIONS,       /* counter: kind */
	METRIC_REDIS,           /* counter: outcome */
	METRIC_DB_ERRORS,       /* counter: class */
	METRIC_DB_RETRIES,      /* counter: kind */
	METRIC_PROVIDER_CALLS,  /* counter: provider, outcome */
	METRIC_PROVIDER_TIME,   /* histogram: provider */
	METRIC_PAYMENT_EVENTS,  /* counter: provider, type, event */
	METRIC_PASSWORDS,       /* counter: outcome */
	METRIC_ORPHANS,         /* counter */
	METRIC_JOBS_RUN,        /* gauge: of the last pass */
	METRIC_JOBS_IN_TROUBLE, /* gauge: of the last pass */
	METRIC_N
};
enum { METRIC_LABELS_MAX = 3 };

/* Begin counting, once per process; `program` is its name in gauges. */
void metrics_open(const struct conf *conf, const char *program);
void metrics_close(void);
/* Between requests: notices at most once a second that the file was removed. */
void metrics_refresh(void);

/* Values in the order of the row's labels; NULL where it has none. Before metrics_open: nothing. */
void metrics_add(enum metric m, uint64_t n, const char *a, const char *b, const char *c);
void metrics_count(enum metric m, const char *a, const char *b, const char *c);
/* A duration in microseconds. */
void metrics_time(enum metric m, int64_t us, const char *a, const char *b);
/* Of this host: the latest value counts. */
void metrics_set(enum metric m, int64_t value);

/* Of this process, as long as it lives. */
void metrics_serving(bool on);
void metrics_connected(bool on);

/* All of it, in Prometheus' text format 0.0.4. */
void metrics_print(struct str *out);
/* A gauge that is known elsewhere: with its HELP and TYPE. */
void metrics_print_gauge(struct str *out, const char *name, const char *help, int64_t value);

#endif
