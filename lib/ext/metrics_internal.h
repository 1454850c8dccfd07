/* SPDX-License-Identifier: MIT */
/* metrics_internal.h - the file of metrics.h: its layout, and its table of rows. */
#ifndef EXT_METRICS_INTERNAL_H
#define EXT_METRICS_INTERNAL_H

#include <stdatomic.h>

#include "ext/metrics.h"

enum metric_kind { METRIC_COUNTER, METRIC_GAUGE, METRIC_HISTOGRAM };

struct metric_row {
	const char *name, *help;
	enum metric_kind kind;
	const char *labels[METRIC_LABELS_MAX + 1]; /* NULL-terminated */
};
extern const struct metric_row metric_rows[METRIC_N];
extern const char *const metric_kinds[]; /* in the text, by enum metric_kind */

/* Upper bounds of the buckets, in microseconds; one more has the rest. */
enum { METRIC_BOUNDS = 13 };
extern const int64_t metric_bounds_us[METRIC_BOUNDS];
/* A histogram's numbers: its buckets, not cumulated, then the sum in microseconds. */
enum { METRIC_SUM = METRIC_BOUNDS + 1, METRIC_NUMBERS };

enum { METRIC_TEXT_MAX = 176, METRIC_SERIES = 4096, METRIC_SLOTS = 512, METRIC_PROGRAM_MAX = 16 };

/*
 * A series, never removed. Whoever takes a free entry writes its hash first; all who find the
 * hash before the entry is ready write the same text, so that one who is killed in between leaves nothing open.
 */
struct metric_series {
	_Atomic uint64_t hash; /* 0: free */
	_Atomic uint32_t ready;
	uint32_t metric;
	char text[METRIC_TEXT_MAX]; /* method="GET",route="/api/orders" */
	_Atomic uint64_t n[METRIC_NUMBERS];
};

struct metric_slot {
	char program[METRIC_PROGRAM_MAX];
	_Atomic uint32_t serving, connected;
};

struct metric_file {
	_Atomic uint64_t layout; /* written last */
	_Atomic uint64_t dropped;
	struct metric_slot slots[METRIC_SLOTS];
	struct metric_series series[METRIC_SERIES];
};

/* What names the file: changes with the rows and the structs. */
uint64_t metric_layout(void);

/* The mapped file of this process; NULL before metrics_open. */
struct metric_file *metric_file(void);
/* Does the process that owns a slot live? */
bool metric_slot_lives(int slot);

#endif
