/* SPDX-License-Identifier: MIT */
/*
 * entity.h - which state of an entity a change was meant for (RFC 9110, 8.8.3 and 13.1.1).
 *
 * An entity's tag is strong: a hash of what its GET shows. Whoever changes an entity by PUT or
 * PATCH asks entity_unchanged() in the transaction that writes, after the row is locked: nobody
 * comes in between (BEHAVIOUR 65).
 */
#ifndef EXT_ENTITY_H
#define EXT_ENTITY_H

#include "base/ctx.h"
#include "base/field.h"
#include "base/str.h"

/* The tag of an answer's bytes, quoted. */
const char *entity_tag_of(struct ctx *c, struct slice bytes) MUST;
/* The tag of the entity that GET shows by these fields. */
const char *entity_tag(struct ctx *c, const struct field *fields, const void *row) MUST;

/*
 * Does a list of tags, as in If-Match and If-None-Match, name this one? "*" names any. A weak one
 * ("W/") counts only where the same meaning is enough.
 */
bool entity_is_listed(const char *list, const char *tag, bool weak);

/*
 * Is the entity, as its GET would show it now, one that the request was meant for? Yes for a
 * request that doesn't say. Fails: PRECONDITION.
 */
enum err entity_unchanged(struct ctx *c, const struct field *fields, const void *row) MUST;

#endif
