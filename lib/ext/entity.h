/* SPDX-License-Identifier: MIT */
/*
 * entity.h - entity tags and If-Match (RFC 9110, 8.8.3 and 13.1.1).
 *
 * An entity's tag is strong: a hash of what its GET shows. Every PUT or PATCH calls
 * entity_unchanged() in the transaction that writes, after the row is locked, so that no change
 * can come in between (BEHAVIOUR 65).
 */
#ifndef EXT_ENTITY_H
#define EXT_ENTITY_H

#include "base/ctx.h"
#include "base/field.h"
#include "base/str.h"

/* The tag of a response's bytes, quoted. */
const char *entity_tag_of(struct ctx *c, struct slice bytes) MUST;
/* The tag of an entity that GET shows with these fields. */
const char *entity_tag(struct ctx *c, const struct field *fields, const void *row) MUST;

/*
 * Does a list of tags, as in If-Match and If-None-Match, contain this one? "*" matches any. A weak
 * tag ("W/") matches only under weak comparison.
 */
bool entity_is_listed(const char *list, const char *tag, bool weak);

/*
 * Does the entity, as its GET would show it now, match the request's If-Match? Yes without one.
 * Fails: PRECONDITION.
 */
enum err entity_unchanged(struct ctx *c, const struct field *fields, const void *row) MUST;

#endif
