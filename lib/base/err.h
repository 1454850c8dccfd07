/*
 * err.h - one enum of causes; err.def holds status, wire code and text.
 *
 * Three classes. The caller's fault (4xx): raised with fail() of ctx.h, which
 * names the field, and not logged. The world's fault (database, WeChat, disk):
 * logged once where the cause is known, then only forwarded by TRY. Our own
 * fault: assert(); the web server answers 500 and starts a new process.
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
