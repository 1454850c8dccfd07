/* SPDX-License-Identifier: MIT */
/* state_note.c - what a transaction changes of values that are cached is invalidated after it. */
#include "base/log.h"
#include "ext/db.h"
#include "ext/state_home.h"

struct note {
	struct note *next;
	struct state_key key;
};

static bool is_same(struct state_key a, struct state_key b)
{
	return strcmp(a.family, b.family) == 0 && a.id.len == b.id.len &&
	       memcmp(a.id.p, b.id.p, a.id.len) == 0;
}

/* All in one step. */
static void invalidate_noted(struct ctx *c, void *notes, bool committed)
{
	struct state_key *keys;
	size_t n = 0;

	for (const struct note *x = notes; x != NULL; x = x->next)
		n++;
	keys = arena_array(&c->arena, n, sizeof(*keys));
	n = 0;
	for (const struct note *x = notes; x != NULL; x = x->next)
		keys[n++] = x->key;
	if (state_invalidate(c, keys, n, committed ? 0 : STATE_HOLD_MAX_MS) != OK)
		log_line(LOG_ALARM, "state", "what others have cached could not be invalidated");
}

void state_note_tx(struct ctx *c, struct state_key key)
{
	void **notes = db_after_tx(c, invalidate_noted);
	struct note *x;

	for (x = *notes; x != NULL; x = x->next)
		if (is_same(x->key, key))
			return;
	x = arena_alloc(&c->arena, sizeof(*x));
	*x = (struct note){ *notes, key };
	*notes = x;
}
