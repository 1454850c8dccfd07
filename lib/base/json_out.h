/* SPDX-License-Identifier: MIT */
/*
 * json_out.h - writing JSON piece by piece: commas and quotes exist once. Inside an object each
 * piece has a name, inside an array it is NULL. What is opened must be closed.
 */
#ifndef BASE_JSON_OUT_H
#define BASE_JSON_OUT_H

#include "base/str.h"

/* The comma, if one is due, and the name: a value is to follow. */
void json_put_name(struct str *s, const char *name);
void json_put_object(struct str *s, const char *name);
void json_put_array(struct str *s, const char *name);
void json_put_text(struct str *s, const char *name, const char *text);
void json_put_int(struct str *s, const char *name, int64_t n);
void json_put_bool(struct str *s, const char *name, bool yes);
void json_end_object(struct str *s);
void json_end_array(struct str *s);

#endif
