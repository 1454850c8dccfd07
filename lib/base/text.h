/* SPDX-License-Identifier: MIT */
/*
 * text.h - what people can see of a text (BEHAVIOUR 65). Texts are valid UTF-8.
 *
 * Refused wherever people read: control characters, characters that Unicode has not
 * assigned (reserved pictographs and ideographs excepted: newer emoji, and rare characters
 * of people's names) and those that turn the direction of what follows. Joiners, variation
 * selectors and marks may stand beside what is visible: emoji and several scripts need them.
 */
#ifndef BASE_TEXT_H
#define BASE_TEXT_H

#include "base/base.h"

/* One line with at least one visible character. */
bool text_is_line(const char *s);
/* Any number of lines, perhaps none; tabs and line breaks are allowed. */
bool text_is_prose(const char *s);
/* Is anything of it visible? */
bool text_is_visible(const char *s);

/* The bytes of the blank (a space of any width, tab or line break) at p, 0 when none is there. */
size_t text_blank(const char *p, size_t len);

#endif
