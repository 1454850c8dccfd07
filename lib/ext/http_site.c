/* SPDX-License-Identifier: MIT */
/* http_site.c - the certificate of a site. */
#include <assert.h>

#include "base/url.h"
#include "ext/crypto.h"
#include "ext/http_internal.h"

enum { CONNECT_MS = 5000 };
#define PEM "Cert:" /* how libcurl calls a certificate's text */

static void easy_done(CURL **curl)
{
	curl_easy_cleanup(*curl);
}

/* verify: accept only a chain and a name that any browser would. */
static CURLcode try_site(
	CURL *curl, const char *url, bool verify, char reason[static CURL_ERROR_SIZE])
{
	bool set = true;

	curl_easy_reset(curl);
	reason[0] = '\0';
	set &= curl_easy_setopt(curl, CURLOPT_URL, url) == CURLE_OK;
	set &= curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L) == CURLE_OK;
	set &= curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "https") == CURLE_OK;
	set &= curl_easy_setopt(curl, CURLOPT_CONNECT_ONLY, 1L) == CURLE_OK;
	set &= curl_easy_setopt(curl, CURLOPT_FRESH_CONNECT, 1L) == CURLE_OK;
	set &= curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT_MS, (long)CONNECT_MS) == CURLE_OK;
	set &= curl_easy_setopt(curl, CURLOPT_CERTINFO, 1L) == CURLE_OK;
	set &= curl_easy_setopt(curl, CURLOPT_SSL_VERIFYPEER, verify ? 1L : 0L) == CURLE_OK;
	set &= curl_easy_setopt(curl, CURLOPT_SSL_VERIFYHOST, verify ? 2L : 0L) == CURLE_OK;
	set &= curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, reason) == CURLE_OK;
	if (url_is_loopback(url)) /* ignore proxies from the environment */
		set &= curl_easy_setopt(curl, CURLOPT_NOPROXY, "*") == CURLE_OK;
	assert(set);
	return curl_easy_perform(curl);
}

/* Of the site's own certificate, the first of its chain. */
static int64_t expiry_of(CURL *curl)
{
	struct curl_certinfo *chain = NULL;
	struct certificate facts;

	if (curl_easy_getinfo(curl, CURLINFO_CERTINFO, &chain) != CURLE_OK || chain == NULL ||
		chain->num_of_certs < 1)
		return 0;
	for (const struct curl_slist *line = chain->certinfo[0]; line != NULL; line = line->next)
		if (str_starts(line->data, PEM) &&
			certificate_facts(slice_of(line->data + sizeof(PEM) - 1), &facts))
			return facts.to_s * SECOND_MS;
	return 0;
}

enum err http_site(struct ctx *c, const char *url, struct http_site *out)
{
	char reason[CURL_ERROR_SIZE];
	AUTO(easy_done) CURL *curl = http_new_handle();
	CURLcode rc;

	*out = (struct http_site){ 0 };
	/* an expired certificate is also to be read; nothing is sent to a site that isn't trusted */
	if (try_site(curl, url, false, reason) != CURLE_OK)
		return ERR_PROVIDER_BUSY;
	out->expires_ms = expiry_of(curl);
	rc = try_site(curl, url, true, reason);
	if (rc != CURLE_OK)
		out->distrusted = arena_printf(
			&c->arena, "%s", reason[0] != '\0' ? reason : curl_easy_strerror(rc));
	curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, NULL); /* its scope ends here */
	return OK;
}
