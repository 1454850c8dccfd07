/* SPDX-License-Identifier: MIT */
/* no_metrics.c - takes the place of ext/metrics.c in programs that are compared with the real ones: counts nothing. */
#include "ext/metrics.h"
#include "ext/metrics_internal.h"

void metrics_open(const struct conf *conf, const char *program)
{
	(void)conf;
	(void)program;
}

void metrics_close(void)
{
}

void metrics_refresh(void)
{
}

void metrics_add(enum metric m, uint64_t n, const char *a, const char *b, const char *c)
{
	(void)m;
	(void)n;
	(void)a;
	(void)b;
	(void)c;
}

void metrics_count(enum metric m, const char *a, const char *b, const char *c)
{
	metrics_add(m, 1, a, b, c);
}

void metrics_time(enum metric m, int64_t us, const char *a, const char *b)
{
	metrics_add(m, (uint64_t)us, a, b, NULL);
}

void metrics_set(enum metric m, int64_t value)
{
	(void)m;
	(void)value;
}

void metrics_serving(bool on)
{
	(void)on;
}

void metrics_connected(bool on)
{
	(void)on;
}

struct metric_file *metric_file(void)
{
	return NULL;
}

bool metric_slot_lives(int slot)
{
	(void)slot;
	return false;
}
