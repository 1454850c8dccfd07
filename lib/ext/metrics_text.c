/* SPDX-License-Identifier: MIT */
/* metrics_text.c - the text of the metrics (metrics.h). */
#include <stdio.h>

#include "ext/metrics_internal.h"

static void head(struct str *out, const char *name, const char *help, const char *kind)
{
	str_addf(out, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, kind);
}

void metrics_print_gauge(struct str *out, const char *name, const char *help, int64_t value)
{
	head(out, name, help, metric_kinds[METRIC_GAUGE]);
	str_addf(out, "%s %lld\n", name, (long long)value);
}

/* ---- series ---- */

/* A copy of an entry's text; false if the file was damaged. */
static bool text_of(const struct metric_series *s, char out[static METRIC_TEXT_MAX])
{
	size_t quotes = 0;

	memcpy(out, s->text, METRIC_TEXT_MAX);
	out[METRIC_TEXT_MAX - 1] = '\0';
	for (const char *p = out; *p != '\0'; p++) {
		if (*p < 0x20 || *p > 0x7e || *p == '\\')
			return false;
		quotes += *p == '"';
	}
	return quotes % 2 == 0;
}

static uint64_t number(const struct metric_series *s, size_t i)
{
	return atomic_load_explicit(&s->n[i], memory_order_relaxed);
}

/* "0.25": without needless digits, so that a bound is always written the same. */
static void add_seconds(struct str *out, uint64_t us)
{
	char text[40];
	size_t len = (size_t)snprintf(text, sizeof(text), "%llu.%06llu",
		(unsigned long long)(us / 1000000), (unsigned long long)(us % 1000000));

	while (text[len - 1] == '0')
		len--;
	str_add(out, text, text[len - 1] == '.' ? len - 1 : len);
}

static void print_histogram(
	struct str *out, const char *name, const struct metric_series *s, const char *labels)
{
	const char *comma = labels[0] != '\0' ? "," : "";
	const uint64_t sum = number(s, METRIC_SUM);
	unsigned long long n = 0;

	for (size_t i = 0; i < METRIC_BOUNDS; i++) {
		n += number(s, i);
		str_addf(out, "%s_bucket{%s%sle=\"", name, labels, comma);
		add_seconds(out, (uint64_t)metric_bounds_us[i]);
		str_addf(out, "\"} %llu\n", n);
	}
	n += number(s, METRIC_BOUNDS);
	str_addf(out, "%s_bucket{%s%sle=\"+Inf\"} %llu\n", name, labels, comma, n);
	str_addf(out, "%s_sum{%s} ", name, labels);
	add_seconds(out, sum);
	str_addf(out, "\n%s_count{%s} %llu\n", name, labels, n);
}

static void print_series(
	struct str *out, const struct metric_row *row, const struct metric_series *s)
{
	char labels[METRIC_TEXT_MAX];

	if (!text_of(s, labels))
		return;
	if (row->kind == METRIC_HISTOGRAM)
		print_histogram(out, row->name, s, labels);
	else
		str_addf(out, labels[0] != '\0' ? "%s{%s} %llu\n" : "%s%s %llu\n", row->name,
			labels, (unsigned long long)number(s, 0));
}

static void print_metric(struct str *out, const struct metric_file *file, enum metric m)
{
	const struct metric_row *row = &metric_rows[m];

	head(out, row->name, row->help, metric_kinds[row->kind]);
	for (size_t i = 0; i < METRIC_SERIES; i++) {
		const struct metric_series *s = &file->series[i];

		if (atomic_load_explicit(&s->ready, memory_order_acquire) &&
			s->metric == (uint32_t)m)
			print_series(out, row, s);
	}
}

/* ---- living processes ---- */

enum { PROGRAMS_MAX = 32 };
struct program {
	char name[METRIC_PROGRAM_MAX];
	int64_t processes, serving, connected;
};

/* Their sums by program; the number of programs. */
static size_t add_up(const struct metric_file *file, struct program out[static PROGRAMS_MAX])
{
	size_t n = 0;

	for (int slot = 0; slot < METRIC_SLOTS; slot++) {
		const struct metric_slot *s = &file->slots[slot];
		char name[METRIC_PROGRAM_MAX];
		size_t i = 0;

		memcpy(name, s->program, sizeof(name));
		name[sizeof(name) - 1] = '\0';
		if (name[0] == '\0' ||
			strspn(name, "abcdefghijklmnopqrstuvwxyz-_") != strlen(name) ||
			!metric_slot_lives(slot))
			continue;
		while (i < n && strcmp(out[i].name, name) != 0)
			i++;
		if (i == PROGRAMS_MAX)
			continue;
		if (i == n) {
			out[n++] = (struct program){ 0 };
			memcpy(out[i].name, name, sizeof(name));
		}
		out[i].processes++;
		out[i].serving += atomic_load(&s->serving) != 0;
		out[i].connected += atomic_load(&s->connected) != 0;
	}
	return n;
}

static const struct {
	const char *name, *help;
	size_t off;
} of_programs[] = {
	{ "processes", "Processes alive.", offsetof(struct program, processes) },
	{ "active_connections", "Requests being answered.", offsetof(struct program, serving) },
	{ "database_connections", "Open connections to the database.",
		offsetof(struct program, connected) },
};

static void print_programs(struct str *out, const struct metric_file *file)
{
	struct program programs[PROGRAMS_MAX];
	const size_t n = add_up(file, programs);

	for (size_t g = 0; g < ARRAY_LEN(of_programs); g++) {
		head(out, of_programs[g].name, of_programs[g].help, metric_kinds[METRIC_GAUGE]);
		for (size_t i = 0; i < n; i++)
			str_addf(out, "%s{program=\"%s\"} %lld\n", of_programs[g].name,
				programs[i].name,
				(long long)*(
					const int64_t *)(const void *)((const char *)&programs[i] +
								       of_programs[g].off));
	}
}

void metrics_print(struct str *out)
{
	const struct metric_file *file = metric_file();

	if (file == NULL)
		return;
	for (enum metric m = 0; m < METRIC_N; m++)
		print_metric(out, file, m);
	print_programs(out, file);
	head(out, "metrics_dropped_total", "What could not be counted for want of room.",
		metric_kinds[METRIC_COUNTER]);
	str_addf(out, "metrics_dropped_total %llu\n",
		(unsigned long long)atomic_load_explicit(&file->dropped, memory_order_relaxed));
}
