/* SPDX-License-Identifier: MIT */
#include "providers/wechat/bill.h"

#include "base/log.h"
#include "providers/common.h"
#include "providers/wechat/call.h"

enum { TEXT_MAX = 2048 };

/* WeChat's own hosts: links to bills may name one of them even where WECHAT_PAY_BASE_URL is that of a proxy. */
static const char *const hosts[] = { "https://api.mch.weixin.qq.com",
	"https://api2.mch.weixin.qq.com" };

/* ---- the link ---- */

struct link_in {
	uint64_t has;
	const char *hash_type, *hash_value, *download_url;
};

static const struct field link_in_fields[] = {
	INPUT(struct link_in, hash_type, 0, TEXT_MAX, F_NULL),
	INPUT(struct link_in, hash_value, 0, TEXT_MAX, F_NULL),
	INPUT(struct link_in, download_url, 0, TEXT_MAX, F_NULL),
	FIELD_END,
};

/* The path and query of a URL of this host; NULL: it is elsewhere. */
static const char *target_on(const char *url, const char *host)
{
	const size_t len = strlen(host);

	return strncmp(url, host, len) == 0 && url[len] == '/' ? url + len : NULL;
}

/*
 * What is signed and sent is sent to the configured host only, whatever the link says; so a link elsewhere
 * is a mistake or worse, and is not followed.
 */
static const char *target_of(struct ctx *c, const char *url)
{
	const char *base = c->conf->wechat_pay_base_url, *start = strstr(base, "://");
	const size_t len = start != NULL ? (size_t)(start - base) + 3 + strcspn(start + 3, "/") : 0;
	const char *target = target_on(url, arena_dup(&c->arena, base, len));

	for (size_t i = 0; target == NULL && i < ARRAY_LEN(hosts); i++)
		target = target_on(url, hosts[i]);
	return target;
}

static const char *read_link(
	struct ctx *c, struct slice body, struct link_in *in, const char **target)
{
	if (!provider_json(c, body, link_in_fields, in) || in->hash_type == NULL ||
		in->hash_value == NULL || !str_is_id(in->download_url, TEXT_MAX))
		return "the link to it is malformed";
	if (strcmp(in->hash_type, "SHA1") != 0)
		return "its hash is not SHA1";
	*target = target_of(c, in->download_url);
	return *target != NULL ? NULL : "the link to it names another host";
}

/* ---- reading ---- */

struct reading {
	struct lines lines;
	struct sha1 *sha1; /* of the first reading */
};

static enum err take(void *arg, const char *bytes, size_t n)
{
	struct reading *r = arg;

	if (r->sha1 != NULL)
		sha1_add(r->sha1, bytes, n);
	return lines_add(&r->lines, bytes, n);
}

/* Read the file once. *why: why the bill is not accepted; NULL with a failure: `each` failed, or the disk. */
static enum err read_file(struct ctx *c, const struct spool *file, struct wxbill_reader *reader,
	struct sha1 *sha1, const char **why)
{
	struct reading r = {
		.lines = lines_new(&c->arena, BILL_LINE_MAX, wxbill_line, reader),
		.sha1 = sha1,
	};
	const char *packed;
	enum err e = gunzip(file, &bill_limits, take, &r, &packed);

	if (e == OK)
		e = lines_end(&r.lines);
	*why = packed != NULL          ? packed
	       : r.lines.overflow      ? "a line is too long"
	       : reader->fault != NULL ? reader->fault
				       : NULL;
	if (e == OK && !wxbill_whole(reader)) {
		*why = reader->fault;
		e = ERR_INTERNAL;
	}
	return e;
}

static void sha1_done(struct sha1 **sha1)
{
	sha1_free(*sha1);
}

/* The hash is that of the text, not of the packed file. */
static enum err verify(struct ctx *c, const struct spool *file, const char *hash,
	struct bill_summary *sum, const char **why)
{
	AUTO(sha1_done) struct sha1 *sha1 = sha1_new();
	struct wxbill_reader reader = { .c = c, .mchid = c->conf->wechat_mchid };
	char hex[SHA1_HEX_LEN + 1];
	enum err e = read_file(c, file, &reader, sha1, why);

	TRY(e);
	sha1_hex(sha1, hex);
	if (!str_same_nocase(hex, hash)) {
		*why = "its hash is not the one that was declared";
		return ERR_INTERNAL;
	}
	*sum = reader.sum;
	return OK;
}

/* ---- the whole ---- */

static enum outcome fetch(struct ctx *c, const char *day, struct spool *file, struct link_in *link)
{
	const struct wx_reply r = wx_call(c, "GET",
		arena_printf(&c->arena,
			"/v3/bill/tradebill?bill_date=%s&bill_type=ALL&tar_type=GZIP", day),
		(struct slice){ 0 });
	const char *target = NULL, *why;

	if (r.outcome == OUTCOME_NONE &&
		r.status == 404) /* of the interface, not of the day's bill */
		return OUTCOME_UNKNOWN;
	if (r.outcome != OUTCOME_OK)
		return r.outcome;
	why = read_link(c, r.body, link, &target);
	if (why != NULL)
		return bill_refused(&provider_wechat, day, why);
	return wx_download(c, target, file);
}

enum outcome wxbill(
	struct ctx *c, const char *day, bill_line_fn *each, void *arg, struct bill_summary *sum)
{
	AUTO(spool_close) struct spool file;
	struct link_in link = { 0 };
	struct wxbill_reader reader = {
		.c = c, .mchid = c->conf->wechat_mchid, .each = each, .arg = arg
	};
	enum outcome outcome;
	const char *why = NULL;

	if (!spool_open(&file, BILL_PACKED_MAX))
		return OUTCOME_UNKNOWN;
	outcome = fetch(c, day, &file, &link);
	if (outcome != OUTCOME_OK)
		return outcome;
	if (verify(c, &file, link.hash_value, sum, &why) != OK ||
		read_file(c, &file, &reader, NULL, &why) != OK)
		return why != NULL ? bill_refused(&provider_wechat, day, why) : OUTCOME_UNKNOWN;
	return OUTCOME_OK;
}
