/* SPDX-License-Identifier: MIT */
/* gbk.h - texts in GBK, as some files of others have them. */
#ifndef BASE_GBK_H
#define BASE_GBK_H

#include "base/base.h"

/* A decoder, by the system's tables. NULL, after an alarm: the system has none for GBK. */
struct gbk;
struct gbk *gbk_open(void) MUST;
void gbk_close(struct gbk *g);
/*
 * A text as UTF-8, NUL-terminated: `out` has room for 3 * len + 1 bytes, since some single byte may become three.
 * False: it isn't GBK, or contains a NUL.
 */
bool gbk_decode(struct gbk *g, const char *text, size_t len, char *out) MUST;

#endif
