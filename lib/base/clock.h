/* SPDX-License-Identifier: MIT */
/*
 * clock.h - the time, its texts, and the shop's zone.
 * Unit: milliseconds since 1970 UTC. Stored and sent as UTC; only "today" and
 * times for providers use another zone.
 */
#ifndef BASE_CLOCK_H
#define BASE_CLOCK_H

#include "base/base.h"

/* A point in time; ms == 0 means "none" where a field may be null. */
typedef struct {
	int64_t ms;
} timestamp;

#define SECOND_MS INT64_C(1000)
#define MINUTE_MS (60 * SECOND_MS)
#define HOUR_MS   (60 * MINUTE_MS)
#define DAY_MS    (24 * HOUR_MS)

/*
 * Set the process's zone to the shop's, and the file that holds the test
 * clock's offset in seconds (NULL: none). False when the zone is unknown.
 */
bool clock_init(const char *shop_tz, const char *test_clock_file) MUST;

/* The time plus the test clock's offset, which is read at each call. */
int64_t clock_now_ms(void);
/* A monotonic clock for durations. */
int64_t clock_mono_ms(void);
/* The same in microseconds. */
int64_t clock_mono_us(void);

enum { CLOCK_TEXT_MAX = 40 };
/* "2023-09-15T08:00:00.000Z", without the milliseconds "2023-09-15T08:00:00Z". */
void clock_iso(int64_t ms, bool with_ms, char out[static CLOCK_TEXT_MAX]);
/* "2023-09-15T16:00:00+08:00", the format of WeChat Pay (PAYMENTS.md 2.7). */
void clock_rfc3339_cst(int64_t ms, char out[static CLOCK_TEXT_MAX]);
/* "2023-09-15" in UTC+8, the zone of the providers' days; its start; and that of a day's text. */
void clock_cst_day(int64_t ms, char out[static CLOCK_TEXT_MAX]);
int64_t clock_cst_midnight(int64_t ms);
bool clock_parse_cst_day(const char *text, int64_t *out_ms) MUST;
/* How long ago the shop's day began, by its clock on the wall. */
int64_t clock_shop_time_of_day(int64_t ms);
/* "20230915" in the shop's zone. */
void clock_shop_day(int64_t ms, char out[static CLOCK_TEXT_MAX]);
/* "2023-09-15" in the shop's zone. */
void clock_shop_date(int64_t ms, char out[static CLOCK_TEXT_MAX]);
/* The start of the day, in the shop's zone, that is `later` days after that of ms. */
int64_t clock_shop_midnight(int64_t ms, int later);

/* RFC 3339 with any offset; seconds and fraction as given, years 1970-9999. */
bool clock_parse(const char *text, int64_t *out_ms) MUST;
/* "YYYY-MM-DD": the start of that day, or of the day `later` days after it, in the shop's zone. */
bool clock_parse_day(const char *text, int later, int64_t *out_ms) MUST;
/* Is it an existing day, "YYYY-MM-DD", from 1900 on? For dates of birth, which are in no zone. */
bool clock_is_day(const char *text);

#endif
