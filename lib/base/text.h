/* SPDX-License-Identifier: MIT */
/*
 * text.h - whether a text is visible to people (BEHAVIOUR 65). Texts are valid UTF-8.
 *
 * Refused in texts for people: control characters, unassigned characters (except reserved
 * pictographs and ideographs: newer emoji, and rare characters of names) and those that
 * change the direction of what follows. Joiners, variation selectors and marks are allowed
 * next to visible characters: emoji and several scripts need them.
 */
#ifndef BASE_TEXT_H
#define BASE_TEXT_H

#include "base/base.h"

/* One line with at least one visible character. */
bool text_is_line(const char *s);
/* Any number of lines, perhaps none; tabs and line breaks are allowed. */
bool text_is_prose(const char *s);
/* Does it have a visible character? */
bool text_is_visible(const char *s);

/* The length of the blank (a space of any width, tab or line break) at p; 0 if there is none. */
size_t text_blank(const char *p, size_t len);

#endif
