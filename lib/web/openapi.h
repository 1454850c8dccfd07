/* SPDX-License-Identifier: MIT */
/*
 * openapi.h - `X.fcgi --openapi`: an OpenAPI 3.1 document of one executable's routes, from the rows
 * that serve them. `make openapi` joins them into docs/openapi.json.
 */
#ifndef WEB_OPENAPI_H
#define WEB_OPENAPI_H

#include "web/app.h"

/* False: a row lacks what its kind needs, as reported on standard error. */
bool openapi_print(const struct app *app) MUST;

#endif
