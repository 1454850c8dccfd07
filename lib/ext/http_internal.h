/* SPDX-License-Identifier: MIT */
/* http_internal.h - curl, for the files of http.h. */
#ifndef EXT_HTTP_INTERNAL_H
#define EXT_HTTP_INTERNAL_H

#include <curl/curl.h>

#include "ext/http.h"

/* A new handle, freed by curl_easy_cleanup; the process ignores SIGPIPE from now on. */
CURL *http_new_handle(void);

#endif
