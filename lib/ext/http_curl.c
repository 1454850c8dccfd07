/* SPDX-License-Identifier: MIT */
/*
 * http_curl.c - libcurl's functions as the programs call them, and libcurl itself only from the first call on: it brings
 * twenty-five libraries along, 0.8 MiB in each process, and most processes never call anybody.
 */
#define CURL_DISABLE_TYPECHECK
#include <dlfcn.h>
#include <stdarg.h>
#include <stdlib.h>

#include "base/log.h"
#include "ext/http_internal.h"

#ifndef CURL_SONAME /* of what the headers belong to (Makefile) */
#define CURL_SONAME "libcurl.so.4"
#endif

/* Whoever has this file can link against the library, but it may have been removed since. */
static void *library(void)
{
	static void *curl;

	if (curl == NULL)
		curl = dlopen(CURL_SONAME, RTLD_NOW | RTLD_LOCAL);
	if (curl == NULL) {
		log_line(LOG_ALARM, "http", "libcurl can't be loaded: %s", dlerror());
		abort();
	}
	return curl;
}

static void *function(const char *name)
{
	void *f = dlsym(library(), name);

	if (f == NULL) {
		log_line(LOG_ALARM, "http", "libcurl has no %s", name);
		abort();
	}
	return f;
}

/* The real function of this name, looked up once. ISO C has no other way from dlsym to a function. */
#define REAL(name)                                                                                 \
	static __typeof__(name) *real;                                                             \
	if (real == NULL)                                                                          \
	*(void **)&real = function(#name)

CURLcode curl_global_init(long flags)
{
	REAL(curl_global_init);
	return real(flags);
}

CURL *curl_easy_init(void)
{
	REAL(curl_easy_init);
	return real();
}

void curl_easy_cleanup(CURL *curl)
{
	REAL(curl_easy_cleanup);
	real(curl);
}

void curl_easy_reset(CURL *curl)
{
	REAL(curl_easy_reset);
	real(curl);
}

CURLcode curl_easy_perform(CURL *curl)
{
	REAL(curl_easy_perform);
	return real(curl);
}

const char *curl_easy_strerror(CURLcode code)
{
	REAL(curl_easy_strerror);
	return real(code);
}

/* As in libcurl, the option's number says which type its value has. */
#undef curl_easy_setopt
CURLcode curl_easy_setopt(CURL *curl, CURLoption option, ...)
{
	CURLcode code;
	va_list value;

	REAL(curl_easy_setopt);
	va_start(value, option);
	if (option < CURLOPTTYPE_OBJECTPOINT)
		code = real(curl, option, va_arg(value, long));
	else if (option >= CURLOPTTYPE_OFF_T && option < CURLOPTTYPE_BLOB)
		code = real(curl, option, va_arg(value, curl_off_t));
	else
		code = real(curl, option, va_arg(value, void *));
	va_end(value);
	return code;
}

/* The value is a pointer, whatever it points to. */
#undef curl_easy_getinfo
CURLcode curl_easy_getinfo(CURL *curl, CURLINFO info, ...)
{
	CURLcode code;
	va_list value;

	REAL(curl_easy_getinfo);
	va_start(value, info);
	code = real(curl, info, va_arg(value, void *));
	va_end(value);
	return code;
}

CURLHcode curl_easy_header(CURL *curl, const char *name, size_t index, unsigned origin, int request,
	struct curl_header **out)
{
	REAL(curl_easy_header);
	return real(curl, name, index, origin, request, out);
}

struct curl_slist *curl_slist_append(struct curl_slist *list, const char *text)
{
	REAL(curl_slist_append);
	return real(list, text);
}

void curl_slist_free_all(struct curl_slist *list)
{
	REAL(curl_slist_free_all);
	real(list);
}

time_t curl_getdate(const char *text, const time_t *unused)
{
	REAL(curl_getdate);
	return real(text, unused);
}

CURLU *curl_url(void)
{
	REAL(curl_url);
	return real();
}

void curl_url_cleanup(CURLU *url)
{
	REAL(curl_url_cleanup);
	real(url);
}

/* Its first parameter has become const. */
typedef __typeof__(__builtin_choose_expr(
	__builtin_types_compatible_p(
		__typeof__(curl_url_get), CURLUcode(const CURLU *, CURLUPart, char **, unsigned)),
	(const CURLU *)NULL, (CURLU *)NULL)) url_read;

CURLUcode curl_url_get(url_read url, CURLUPart part, char **out, unsigned flags)
{
	REAL(curl_url_get);
	return real(url, part, out, flags);
}

CURLUcode curl_url_set(CURLU *url, CURLUPart part, const char *text, unsigned flags)
{
	REAL(curl_url_set);
	return real(url, part, text, flags);
}

void curl_free(void *p)
{
	REAL(curl_free);
	real(p);
}
