/* SPDX-License-Identifier: MIT */
#include "providers/alipay/bill.h"

#include <stdio.h>

#include "base/log.h"
#include "ext/http.h"
#include "providers/alipay/call.h"
#include "providers/common.h"

enum { URL_MAX = 4096, CONNECT_MS = 2000, DOWNLOAD_MS = 600000 };

static const char METHOD[] = "alipay.data.dataservice.bill.downloadurl.query";

/* How long after its day a bill that isn't there may still come. */
#define LATE_MS (2 * DAY_MS)

/* ---- the link ---- */

struct day_out {
	const char *bill_type, *bill_date;
};

static const struct field day_out_fields[] = {
	FIELD(struct day_out, bill_type),
	FIELD(struct day_out, bill_date),
	FIELD_END,
};

struct link_in {
	uint64_t has;
	const char *bill_download_url;
};

static const struct field link_in_fields[] = {
	INPUT(struct link_in, bill_download_url, 0, URL_MAX, F_NULL),
	FIELD_END,
};

/* The name of a URL's host, in lower case and without a port; empty: it is none. */
static struct slice host_of(const char *url)
{
	const char *host = strstr(url, "://");

	if (host == NULL)
		return (struct slice){ "", 0 };
	host += 3;
	return (struct slice){ host, strspn(host, "abcdefghijklmnopqrstuvwxyz0123456789.-") };
}

/* The last two labels of a name; nothing of an address in numbers. */
static struct slice site_of(struct slice host)
{
	size_t start = host.len;

	if (start > 0 && (host.p[start - 1] < 'a' || host.p[start - 1] > 'z'))
		return (struct slice){ host.p, 0 };
	for (int dots = 0; start > 0; start--)
		if (host.p[start - 1] == '.' && ++dots == 2)
			break;
	return (struct slice){ host.p + start, host.len - start };
}

static bool same_site(struct slice a, struct slice b)
{
	a = site_of(a);
	b = site_of(b);
	return a.len > 0 && a.len == b.len && memcmp(a.p, b.p, a.len) == 0;
}

/*
 * The file has neither a signature nor a hash: what proves it is the signed link and the host's certificate. So
 * the host must be of the gateway's site, by https, as Alipay's still say http; or the gateway's very own.
 */
const char *alipay_bill_address(struct ctx *c, const char *url)
{
	const char *gateway = c->conf->alipay_gateway, *path = strstr(gateway, "://");
	const struct slice host = host_of(url);
	const size_t origin =
		path != NULL ? (size_t)(path - gateway) + 3 + strcspn(path + 3, "/") : 0;

	if (strncmp(url, gateway, origin) == 0 && url[origin] == '/')
		return url;
	if ((!str_starts(url, "https://") && !str_starts(url, "http://")) ||
		host.p[host.len] != '/' || !same_site(host, host_of(gateway)))
		return NULL;
	return arena_printf(&c->arena, "https://%s", host.p);
}

/* ---- reading ---- */

struct reading {
	struct lines lines;
	struct alipay_bill_reader *reader;
};

static enum err begin(void *arg)
{
	struct reading *r = arg;

	TRY(lines_end(&r->lines)); /* of the file before */
	return alipay_bill_file(r->reader);
}

static enum err take(void *arg, const char *bytes, size_t n)
{
	return lines_add(&((struct reading *)arg)->lines, bytes, n);
}

/* Read the archive once. *why: why the bill is not accepted; NULL with a failure: `each` failed, or the disk. */
static enum err read_archive(struct ctx *c, const struct spool *file,
	struct alipay_bill_reader *reader, const char **why)
{
	struct reading r = {
		.lines = lines_new(&c->arena, BILL_LINE_MAX, alipay_bill_line, reader),
		.reader = reader,
	};
	const struct unzip_to to = { begin, take, &r };
	enum err e = c->unzip(file, &bill_limits, &to, why);

	if (e == OK)
		e = lines_end(&r.lines);
	if (e == OK && !alipay_bill_whole(reader))
		e = ERR_INTERNAL;
	if (*why == NULL)
		*why = r.lines.overflow ? "a line is too long" : reader->fault;
	return e;
}

static void gbk_done(struct gbk **g)
{
	gbk_close(*g);
}

static enum outcome read_twice(struct ctx *c, const char *day, const struct spool *file,
	bill_line_fn *each, void *arg, struct bill_summary *sum)
{
	AUTO(gbk_done) struct gbk *gbk = gbk_open();
	const struct alipay_bill_reader fresh = {
		.c = c,
		.seller_id = c->conf->alipay_seller_id,
		.gbk = gbk,
		.text = arena_alloc(&c->arena, 3 * BILL_LINE_MAX + 1),
		.arg = arg,
	};
	struct alipay_bill_reader checking = fresh, giving = fresh;
	const char *why = NULL;

	giving.each = each;
	if (gbk == NULL)
		return OUTCOME_UNKNOWN;
	if (read_archive(c, file, &checking, &why) != OK ||
		read_archive(c, file, &giving, &why) != OK)
		return why != NULL ? bill_refused(&provider_alipay, day, why) : OUTCOME_UNKNOWN;
	*sum = checking.sum;
	return OUTCOME_OK;
}

/* ---- the whole ---- */

static enum outcome download(struct ctx *c, const char *url, struct spool *file)
{
	struct http_answer http;

	if (http_call(c,
		    &(struct http_call){
			    .method = "GET",
			    .url = url,
			    .connect_timeout_ms = CONNECT_MS,
			    .timeout_ms = DOWNLOAD_MS,
			    .spool = file,
		    },
		    &http) != OK)
		return OUTCOME_UNKNOWN;
	if (http.status == 200)
		return OUTCOME_OK;
	log_line(LOG_WARN, "alipay", "the bill's file: status %d", http.status);
	return OUTCOME_UNKNOWN;
}

/* A bill of a day without trade is there, and empty; one that isn't there is late, or was never to come. */
static enum outcome absent(const struct ctx *c, const char *day)
{
	int64_t start_ms = 0;
	char text[CLOCK_TEXT_MAX];

	(void)snprintf(text, sizeof(text), "%.10sT00:00:00+08:00", day);
	if (clock_parse(text, &start_ms) && c->now_ms < start_ms + DAY_MS + LATE_MS)
		return OUTCOME_LATER;
	return OUTCOME_NONE;
}

static enum outcome fetch(struct ctx *c, const char *day, struct spool *file)
{
	const struct day_out content = { "trade", day };
	struct link_in in = { 0 };
	struct slice node;
	const char *url = NULL;
	int64_t start_us;
	const enum outcome outcome = alipay_call(c, METHOD, day_out_fields, &content, &node);

	if (outcome != OUTCOME_OK)
		return outcome == OUTCOME_NONE ? absent(c, day) : outcome;
	if (provider_json(c, node, link_in_fields, &in) && str_is_id(in.bill_download_url, URL_MAX))
		url = alipay_bill_address(c, in.bill_download_url);
	if (url == NULL)
		return bill_refused(&provider_alipay, day,
			"the link to it is malformed, or names another host");
	start_us = clock_mono_us();
	return provider_counted("alipay-bill", start_us, download(c, url, file));
}

enum outcome alipay_bill(
	struct ctx *c, const char *day, bill_line_fn *each, void *arg, struct bill_summary *sum)
{
	AUTO(spool_close) struct spool file;
	enum outcome outcome;

	if (c->unzip == NULL) {
		log_line(LOG_ALARM, "bill", "this program reads no archives");
		return OUTCOME_REFUSED;
	}
	if (!spool_open(&file, BILL_PACKED_MAX))
		return OUTCOME_UNKNOWN;
	outcome = fetch(c, day, &file);
	return outcome == OUTCOME_OK ? read_twice(c, day, &file, each, arg, sum) : outcome;
}
