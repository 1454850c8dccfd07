/* SPDX-License-Identifier: MIT */
/* metrics_rows.c - what is counted: a metric is a row. */
#include "ext/metrics_internal.h"

/* clang-format off */
const struct metric_row metric_rows[METRIC_N] = {
	[METRIC_REQUESTS] = { "http_requests_total", "Requests answered.",
		METRIC_COUNTER, { "method", "route", "status" } },
	[METRIC_REQUEST_TIME] = { "http_request_duration_seconds", "Time to answer a request.",
		METRIC_HISTOGRAM, { "method", "route" } },
	[METRIC_PAYMENTS] = { "payment_requests_total", "Requests to payment paths answered.",
		METRIC_COUNTER, { "method", "status" } },
	[METRIC_PAYMENT_TIME] = { "payment_request_duration_seconds", "Time to answer a request to a payment path.",
		METRIC_HISTOGRAM, { "method" } },
	[METRIC_RATE_LIMITED] = { "rate_limited_requests_total", "Requests refused by a limit of their number.",
		METRIC_COUNTER, { "program" } },
	[METRIC_CACHE] = { "cache_requests_total", "Look-ups of cached values.",
		METRIC_COUNTER, { "cache", "result" } },
	[METRIC_EVICTIONS] = { "state_evictions_total", "Values and limits of the shared state removed for want of room.",
		METRIC_COUNTER, { "kind" } },
	[METRIC_REDIS] = { "redis_operations_total", "Operations of the shared state in Redis; skipped ones for a second after a failure.",
		METRIC_COUNTER, { "outcome" } },
	[METRIC_DB_ERRORS] = { "database_errors_total", "Errors of the database by their class.",
		METRIC_COUNTER, { "class" } },
	[METRIC_DB_RETRIES] = { "database_retries_total", "Transactions and statements tried again.",
		METRIC_COUNTER, { "kind" } },
	[METRIC_PROVIDER_CALLS] = { "provider_calls_total", "Calls of payment and sign-in providers by their outcome.",
		METRIC_COUNTER, { "provider", "outcome" } },
	[METRIC_PROVIDER_TIME] = { "provider_call_duration_seconds", "Time of a call of a provider, until its answer is verified.",
		METRIC_HISTOGRAM, { "provider" } },
	[METRIC_PAYMENT_EVENTS] = { "payments_total", "What became of payments: by provider, type of payment, and event.",
		METRIC_COUNTER, { "provider", "type", "event" } },
	[METRIC_PASSWORDS] = { "password_tries_total", "Passwords tried: right, wrong, or refused unseen for too many wrong ones.",
		METRIC_COUNTER, { "outcome" } },
	[METRIC_ORPHANS] = { "orphan_payments_total", "Notifications of payments that match nothing.",
		METRIC_COUNTER, { NULL } },
	[METRIC_JOBS_RUN] = { "jobs_last_run_timestamp_seconds", "When the last pass of the jobs on this host ended.",
		METRIC_GAUGE, { NULL } },
	[METRIC_JOBS_IN_TROUBLE] = { "jobs_in_trouble", "Kinds of work that failed in the last pass of the jobs on this host.",
		METRIC_GAUGE, { NULL } },
};
/* clang-format on */

const int64_t metric_bounds_us[METRIC_BOUNDS] = { 1000, 2500, 5000, 10000, 25000, 50000, 100000,
	250000, 500000, 1000000, 2500000, 5000000, 10000000 };

const char *const metric_kinds[] = {
	[METRIC_COUNTER] = "counter", [METRIC_GAUGE] = "gauge", [METRIC_HISTOGRAM] = "histogram"
};

static uint64_t mix(uint64_t h, const char *text)
{
	for (; *text != '\0'; text++)
		h = (h ^ (unsigned char)*text) * UINT64_C(1099511628211);
	return (h ^ 0xff) * UINT64_C(1099511628211);
}

uint64_t metric_layout(void)
{
	uint64_t h = UINT64_C(14695981039346656037) ^ sizeof(struct metric_file);

	for (size_t i = 0; i < METRIC_N; i++) {
		h = mix(mix(h, metric_rows[i].name), metric_kinds[metric_rows[i].kind]);
		for (const char *const *label = metric_rows[i].labels; *label != NULL; label++)
			h = mix(h, *label);
	}
	for (size_t i = 0; i < METRIC_BOUNDS; i++)
		h = (h ^ (uint64_t)metric_bounds_us[i]) * UINT64_C(1099511628211);
	return h != 0 ? h : 1;
}
