/* SPDX-License-Identifier: MIT */
/*
 * err.h - one enum of causes; err.def holds status, wire code and text.
 *
 * Three classes. The caller's fault (4xx): raised with fail() of ctx.h, which
 * names the field, and not logged. The environment's fault (database, provider,
 * disk): logged once where the cause is known, then only forwarded by TRY. Our
 * fault: assert(), but only for what no row, clock or message can cause; a
 * broken rule of the data is invariant_violated() of ctx.h, one request's 500 (BEHAVIOUR 63).
 */
#ifndef BASE_ERR_H
#define BASE_ERR_H

enum err {
	OK = 0,
#define ERR(name, status, code, text) ERR_##name,
#include "base/err.def"
#undef ERR
	ERR_N
};

struct err_info {
	int status;       /* HTTP */
	const char *code; /* upper case, stable */
	const char *text; /* for people, Chinese */
};

const struct err_info *err_info(enum err e);

#endif
