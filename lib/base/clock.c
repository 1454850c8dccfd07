/* SPDX-License-Identifier: MIT */
#include "base/clock.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/str.h"

/* 9999-12-31T23:59:59.999Z */
#define YEAR_9999_END_MS INT64_C(253402300799999)

static const char *offset_file;

bool clock_init(const char *shop_tz, const char *test_clock_file)
{
	char path[160];

	offset_file = test_clock_file;
	if (strstr(shop_tz, "..") != NULL || shop_tz[0] == '/')
		return false;
	snprintf(path, sizeof(path), "/usr/share/zoneinfo/%s", shop_tz);
	if (access(path, R_OK) != 0) {
		/* most shops' zone, for hosts without tzdata */
		if (strcmp(shop_tz, "Asia/Shanghai") != 0)
			return false;
		shop_tz = "CST-8";
	}
	if (setenv("TZ", shop_tz, 1) != 0)
		return false;
	tzset();
	return true;
}

/* Seconds from the test clock's file; a missing or empty file is no offset. */
static int64_t test_offset_s(void)
{
	char buf[32] = { 0 };
	ssize_t n;
	int fd;

	if (offset_file == NULL)
		return 0;
	fd = open(offset_file, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return 0;
	n = read(fd, buf, sizeof(buf) - 1);
	close(fd);
	return n > 0 ? strtoll(buf, NULL, 10) : 0;
}

int64_t clock_now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_REALTIME, &ts);
	return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000 + test_offset_s() * 1000;
}

int64_t clock_mono_us(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (int64_t)ts.tv_sec * 1000000 + ts.tv_nsec / 1000;
}

int64_t clock_mono_ms(void)
{
	return clock_mono_us() / 1000;
}

/* Two digits, and what separates them from the next. */
static char *put(char *p, int n, char after)
{
	*p++ = (char)('0' + n / 10);
	*p++ = (char)('0' + n % 10);
	if (after != '\0')
		*p++ = after;
	return p;
}

void clock_iso(int64_t ms, bool with_ms, char out[static CLOCK_TEXT_MAX])
{
	const int64_t in_range = ms < 0 ? 0 : ms > YEAR_9999_END_MS ? YEAR_9999_END_MS : ms;
	time_t s = (time_t)(in_range / 1000);
	const int fraction = (int)(in_range % 1000);
	struct tm tm;
	char *p;

	gmtime_r(&s, &tm);
	p = put(out, (tm.tm_year + 1900) / 100, '\0');
	p = put(p, (tm.tm_year + 1900) % 100, '-');
	p = put(p, tm.tm_mon + 1, '-');
	p = put(p, tm.tm_mday, 'T');
	p = put(p, tm.tm_hour, ':');
	p = put(p, tm.tm_min, ':');
	p = put(p, tm.tm_sec, with_ms ? '.' : 'Z');
	if (with_ms) {
		*p++ = (char)('0' + fraction / 100);
		p = put(p, fraction % 100, 'Z');
	}
	*p = '\0';
}

#define CST_MS (8 * HOUR_MS)

void clock_rfc3339_cst(int64_t ms, char out[static CLOCK_TEXT_MAX])
{
	time_t s = (time_t)((ms + CST_MS) / 1000);
	struct tm tm;

	gmtime_r(&s, &tm);
	strftime(out, CLOCK_TEXT_MAX, "%Y-%m-%dT%H:%M:%S+08:00", &tm);
}

void clock_cst_day(int64_t ms, char out[static CLOCK_TEXT_MAX])
{
	time_t s = (time_t)((ms + CST_MS) / 1000);
	struct tm tm;

	gmtime_r(&s, &tm);
	strftime(out, CLOCK_TEXT_MAX, "%Y-%m-%d", &tm);
}

int64_t clock_cst_midnight(int64_t ms)
{
	return ms - (ms + CST_MS) % DAY_MS;
}

int64_t clock_shop_time_of_day(int64_t ms)
{
	time_t s = (time_t)(ms / 1000);
	struct tm tm;

	localtime_r(&s, &tm);
	return tm.tm_hour * HOUR_MS + tm.tm_min * MINUTE_MS + tm.tm_sec * SECOND_MS;
}

void clock_shop_day(int64_t ms, char out[static CLOCK_TEXT_MAX])
{
	time_t s = (time_t)(ms / 1000);
	struct tm tm;

	localtime_r(&s, &tm);
	strftime(out, CLOCK_TEXT_MAX, "%Y%m%d", &tm);
}

void clock_shop_date(int64_t ms, char out[static CLOCK_TEXT_MAX])
{
	time_t s = (time_t)(ms / 1000);
	struct tm tm;

	localtime_r(&s, &tm);
	strftime(out, CLOCK_TEXT_MAX, "%Y-%m-%d", &tm);
}

int64_t clock_shop_midnight(int64_t ms, int later)
{
	time_t s = (time_t)(ms / 1000);
	struct tm at, day = { .tm_isdst = -1 };

	localtime_r(&s, &at);
	day.tm_year = at.tm_year;
	day.tm_mon = at.tm_mon;
	day.tm_mday = at.tm_mday + later; /* mktime() normalises */
	return (int64_t)mktime(&day) * 1000;
}

/* Exactly n digits at *p, which is advanced. */
static bool take_number(const char **p, int n, int lo, int hi, int *out)
{
	int value = 0;

	for (int i = 0; i < n; i++, (*p)++) {
		if (**p < '0' || **p > '9')
			return false;
		value = value * 10 + (**p - '0');
	}
	*out = value;
	return value >= lo && value <= hi;
}

static bool take_char(const char **p, const char *any_of)
{
	if (**p == '\0' || strchr(any_of, **p) == NULL)
		return false;
	(*p)++;
	return true;
}

static bool take_date(const char **p, int first_year, struct tm *tm)
{
	static const int month_days[] = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };
	int year, month, leap;

	if (!take_number(p, 4, first_year, 9999, &year) || !take_char(p, "-") ||
		!take_number(p, 2, 1, 12, &month) || !take_char(p, "-") ||
		!take_number(p, 2, 1, 31, &tm->tm_mday))
		return false;
	leap = month == 2 && (year % 4 == 0 && (year % 100 != 0 || year % 400 == 0));
	tm->tm_year = year - 1900;
	tm->tm_mon = month - 1;
	return tm->tm_mday <= month_days[month - 1] + leap;
}

/* ".123456": digits after the third are ignored. */
static bool take_fraction(const char **p, int64_t *ms)
{
	int64_t unit = 100;
	const char *start;

	*ms = 0;
	if (!take_char(p, "."))
		return true;
	start = *p;
	for (; **p >= '0' && **p <= '9'; (*p)++, unit /= 10)
		*ms += (**p - '0') * unit;
	return *p > start && *p - start <= 9;
}

static bool take_offset(const char **p, int64_t *offset_ms)
{
	int sign = **p == '-' ? -1 : 1, hour, minute;

	*offset_ms = 0;
	if (take_char(p, "Zz"))
		return true;
	if (!take_char(p, "+-") || !take_number(p, 2, 0, 23, &hour) || !take_char(p, ":") ||
		!take_number(p, 2, 0, 59, &minute))
		return false;
	*offset_ms = sign * (hour * HOUR_MS + minute * MINUTE_MS);
	return true;
}

bool clock_parse(const char *text, int64_t *out_ms)
{
	struct tm tm = { 0 };
	int64_t fraction, offset, ms;

	if (!take_date(&text, 1970, &tm) || !take_char(&text, "Tt") ||
		!take_number(&text, 2, 0, 23, &tm.tm_hour) || !take_char(&text, ":") ||
		!take_number(&text, 2, 0, 59, &tm.tm_min) || !take_char(&text, ":") ||
		!take_number(&text, 2, 0, 59, &tm.tm_sec) || !take_fraction(&text, &fraction) ||
		!take_offset(&text, &offset) || *text != '\0')
		return false;
	ms = (int64_t)timegm(&tm) * 1000 + fraction - offset;
	/* the offset must not move it out of the supported years */
	if (ms < 0 || ms > YEAR_9999_END_MS)
		return false;
	*out_ms = ms;
	return true;
}

bool clock_parse_cst_day(const char *text, int64_t *out_ms)
{
	struct tm tm = { 0 };

	if (!take_date(&text, 1970, &tm) || *text != '\0')
		return false;
	*out_ms = (int64_t)timegm(&tm) * 1000 - CST_MS;
	return *out_ms >= 0;
}

bool clock_parse_day(const char *text, int later, int64_t *out_ms)
{
	struct tm tm = { .tm_isdst = -1 };

	if (!take_date(&text, 1970, &tm) || *text != '\0')
		return false;
	tm.tm_mday += later; /* mktime() normalises; a day may have 23 hours */
	*out_ms = (int64_t)mktime(&tm) * 1000;
	return true;
}

bool clock_is_day(const char *text)
{
	struct tm tm = { 0 };

	return take_date(&text, 1900, &tm) && *text == '\0';
}
