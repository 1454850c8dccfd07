/* SPDX-License-Identifier: MIT */
/*
 * openapi.h - `X.fcgi --openapi`: an OpenAPI 3.1 document of one executable's routes, from the rows
 * that they are served by. `make openapi` joins them into docs/openapi.json.
 */
#ifndef WEB_OPENAPI_H
#define WEB_OPENAPI_H

#include "web/app.h"

/* False: some row lacks what its kind needs, and which one was said. */
bool openapi_print(const struct app *app) MUST;

#endif
