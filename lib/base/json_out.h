/* SPDX-License-Identifier: MIT */
/*
 * json_out.h - writes JSON piece by piece and adds the commas. In an object every value has a
 * name, in an array the name is NULL.
 */
#ifndef BASE_JSON_OUT_H
#define BASE_JSON_OUT_H

#include "base/str.h"

/* A comma if needed, and the name; the caller adds the value. */
void json_put_name(struct str *s, const char *name);
void json_put_object(struct str *s, const char *name);
void json_put_array(struct str *s, const char *name);
void json_put_text(struct str *s, const char *name, const char *text);
void json_put_int(struct str *s, const char *name, int64_t n);
void json_put_bool(struct str *s, const char *name, bool yes);
void json_end_object(struct str *s);
void json_end_array(struct str *s);

#endif
