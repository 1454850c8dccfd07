/* SPDX-License-Identifier: MIT */
/* state_redis_call.c - a call of a script: its keys and arguments, and the shape of its reply. */
#include "ext/state_redis_internal.h"

enum { HEAD = 3 }; /* EVALSHA, the script, how many keys */

void redis_push(struct redis_call *x, const char *p, size_t len)
{
	x->argv[x->n] = p;
	x->lens[x->n++] = len;
}

void redis_push_text(struct redis_call *x, const char *text)
{
	redis_push(x, text, strlen(text));
}

void redis_push_number(struct redis_call *x, int64_t n)
{
	redis_push_text(x, arena_printf(x->arena, "%lld", (long long)n));
}

void redis_push_stamp(struct redis_call *x, uint64_t stamp)
{
	redis_push_text(x, arena_printf(x->arena, "%016llx", (unsigned long long)stamp));
}

static void push_key(struct redis_call *x, const char *p, size_t len)
{
	x->keys[x->keys_n] = p;
	x->key_lens[x->keys_n++] = len;
}

/* keys_max: with the marks; args_max: with the time. */
struct redis_call redis_call_new(
	struct ctx *c, enum redis_script script, size_t keys_max, size_t args_max)
{
	struct redis *h = (struct redis *)c->state;
	struct redis_call x = {
		.h = h,
		.arena = &c->arena,
		.script = script,
		.argv = arena_array(&c->arena, args_max, sizeof(*x.argv)),
		.lens = arena_array(&c->arena, args_max, sizeof(*x.lens)),
		.keys = arena_array(&c->arena, keys_max, sizeof(*x.keys)),
		.key_lens = arena_array(&c->arena, keys_max, sizeof(*x.key_lens)),
	};

	redis_push_text(
		&x, h->by_request ? arena_printf(&c->arena, "%lld", (long long)c->now_ms) : "");
	push_key(&x, "", 0); /* the marks, known once connected */
	return x;
}

/* PREFIX KIND ":" FAMILY ":" ID of a record's name. */
void redis_push_record(struct redis_call *x, const struct state_name *name)
{
	const char *family = (const char *)name->bytes + STATE_NAME_HEAD;
	const size_t family_len = strlen(family);
	struct str key = str_new(x->arena, REDIS_COMMAND_MAX);

	str_adds(&key, x->h->prefix);
	str_addc(&key, (char)name->bytes[0]);
	str_addc(&key, ':');
	str_add(&key, family, family_len);
	str_addc(&key, ':');
	str_add(&key, family + family_len + 1, name->len - STATE_NAME_HEAD - family_len - 1);
	push_key(x, str_text(&key), key.len);
}

/* The field of a mark, which isn't hashed. */
const char *redis_field(struct redis_call *x, const struct state_name *name)
{
	uint32_t slot;

	if (name->bytes[0] == STATE_FAMILY)
		return arena_printf(x->arena, "F:%s", (const char *)name->bytes + STATE_NAME_HEAD);
	memcpy(&slot, name->bytes + 1, sizeof(slot));
	return arena_printf(x->arena, "S:%u", (unsigned)slot);
}

bool redis_is_mark(const struct state_name *name)
{
	return name->bytes[0] == STATE_FAMILY || name->bytes[0] == STATE_SLOT;
}

/* A cell's field, or the number of its key, which is added. */
void redis_push_cell(struct redis_call *x, const struct state_name *name)
{
	redis_push_text(x, arena_printf(x->arena, "%c", name->bytes[0]));
	if (redis_is_mark(name)) {
		redis_push_text(x, redis_field(x, name));
		return;
	}
	redis_push_record(x, name);
	redis_push_number(x, (int64_t)x->keys_n);
}

static void put_call(struct redis_call *x, struct str *out, const char *verb, const char *script,
	size_t script_len)
{
	const size_t n = HEAD + x->keys_n + x->n;
	const char **argv = arena_array(x->arena, n, sizeof(*argv));
	size_t *lens = arena_array(x->arena, n, sizeof(*lens));
	const char *keys_n = arena_printf(x->arena, "%zu", x->keys_n);

	argv[0] = verb;
	lens[0] = strlen(verb);
	argv[1] = script;
	lens[1] = script_len;
	argv[2] = keys_n;
	lens[2] = strlen(keys_n);
	memcpy(argv + HEAD, x->keys, x->keys_n * sizeof(*argv));
	memcpy(lens + HEAD, x->key_lens, x->keys_n * sizeof(*lens));
	memcpy(argv + HEAD + x->keys_n, x->argv, x->n * sizeof(*argv));
	memcpy(lens + HEAD + x->keys_n, x->lens, x->n * sizeof(*lens));
	redis_put(out, argv, lens, n);
}

static bool send_call(struct redis_call *x, bool whole, struct reply *reply)
{
	struct redis *h = x->h;
	struct str out = str_new(x->arena, REDIS_COMMAND_MAX);

	if (whole)
		put_call(x, &out, "EVAL", redis_scripts[x->script],
			strlen(redis_scripts[x->script]));
	else
		put_call(x, &out, "EVALSHA", h->sha[x->script], SHA1_HEX_LEN);
	return redis_exchange(h, x->arena, &out, reply, 1);
}

/* Is it an array of texts or nils, as many, of which the first is one? */
static bool is_answer(const struct reply *r, size_t n)
{
	if (r->type != REDIS_REPLY_ARRAY || r->items_n != n)
		return false;
	for (size_t i = 0; i < n; i++)
		if (r->items[i].type != REDIS_REPLY_STRING &&
			(i == 0 || r->items[i].type != REDIS_REPLY_NIL))
			return false;
	return true;
}

/* With `n` items, or with `less`. False: it may or may not have run. */
bool redis_call_run(struct redis_call *x, size_t n, size_t less, struct reply *reply)
{
	struct redis *h = x->h;
	const char *marks = arena_printf(x->arena, "%sm:%s", h->prefix, h->run);

	x->keys[0] = marks;
	x->key_lens[0] = strlen(marks);
	if (!send_call(x, false, reply))
		return redis_give_up(h);
	if (redis_is_error(reply, "NOSCRIPT") && !send_call(x, true, reply))
		return redis_give_up(h);
	if (!is_answer(reply, n) && !is_answer(reply, less)) {
		(void)redis_refused(h, reply);
		return redis_give_up(h);
	}
	return redis_is_well(h);
}
