#include "shop/entitlement.h"

#include <assert.h>

#define DAY ENTITLEMENT_DAY_S

/* ---- what there is ---- */

static int64_t clamp(int64_t n, int64_t lo, int64_t hi)
{
	return n < lo ? lo : n > hi ? hi : n;
}

/* As granted, whatever became of it. */
static int64_t end_of(const struct segment *s)
{
	return s->start_s + s->days * DAY;
}

int64_t entitlement_end_s(const struct segment *s)
{
	return s->state == SEGMENT_REFUNDED ? s->cut_s : end_of(s);
}

/* ACTIVE, and not over. */
static bool is_open(const struct segment *s, int64_t now_s)
{
	return s->state == SEGMENT_ACTIVE && end_of(s) > now_s;
}

static struct segment *find(const struct entitlement *e, int64_t order_id)
{
	for (int64_t i = 0; i < e->n; i++)
		if (e->rows[i].order_id == order_id)
			return &e->rows[i];
	return NULL;
}

int64_t entitlement_expire_s(const struct entitlement *e)
{
	int64_t latest = 0;

	for (int64_t i = 0; i < e->n; i++)
		if (is_open(&e->rows[i], latest))
			latest = end_of(&e->rows[i]);
	return latest;
}

int64_t entitlement_shown_until_s(const struct entitlement *e)
{
	int64_t latest = entitlement_expire_s(e);

	for (int64_t i = 0; i < e->n; i++) {
		const struct segment *s = &e->rows[i];

		if (s->state == SEGMENT_REFUNDED && s->cut_s > s->start_s && s->cut_s > latest)
			latest = s->cut_s;
	}
	return latest;
}

int64_t entitlement_level(const struct entitlement *e, int64_t now_s)
{
	for (int64_t i = 0; i < e->n; i++)
		if (is_open(&e->rows[i], now_s) && e->rows[i].start_s <= now_s)
			return e->rows[i].level;
	return 0;
}

/* ---- pricing ---- */

/* What is left of all that counts: whole days begun, half up (BEHAVIOUR 26). */
static int64_t credit(const struct entitlement *e, int64_t now_s)
{
	int64_t sum = 0;

	for (int64_t i = 0; i < e->n; i++) {
		const struct segment *s = &e->rows[i];
		const int64_t from_s = now_s > s->start_s ? now_s : s->start_s;
		int64_t left;

		if (!is_open(s, now_s))
			continue;
		left = clamp((end_of(s) - from_s + DAY - 1) / DAY, 0, s->days);
		sum += (2 * s->value.fen * left + s->days) / (2 * s->days);
	}
	return sum;
}

/* An upgrade's price: credit beyond the plan's price becomes days. */
static enum err price_upgrade(const struct offer *offer, int64_t credit_fen, struct quote *q)
{
	const int64_t price = offer->price.fen, over = credit_fen - price;
	int64_t extra;

	q->kind = SEGMENT_UPGRADE;
	q->discount.fen = over < 0 ? credit_fen : price;
	q->amount.fen = price - q->discount.fen;
	if (over <= 0)
		return OK;
	if (__builtin_mul_overflow(over, offer->days, &extra) ||
		extra / price > ENTITLEMENT_AHEAD_DAYS_MAX)
		return ERR_ENTITLEMENT_TOO_LONG;
	q->days += extra / price;
	q->value.fen = credit_fen;
	return OK;
}

static enum err check_reach(int64_t from_s, int64_t days, int64_t now_s)
{
	return from_s - now_s <= (ENTITLEMENT_AHEAD_DAYS_MAX - days) * DAY
		       ? OK
		       : ERR_ENTITLEMENT_TOO_LONG;
}

enum err entitlement_quote(
	const struct entitlement *e, const struct offer *offer, int64_t now_s, struct quote *out)
{
	const int64_t expire_s = entitlement_expire_s(e), level = entitlement_level(e, now_s);
	struct quote q = { SEGMENT_NEW, offer->level, offer->days, offer->price, MONEY_ZERO,
		offer->price, offer->price };
	int64_t from_s = now_s;

	if (expire_s > now_s) {
		if (offer->level < level)
			return ERR_PLAN_LEVEL_LOWER;
		if (offer->level > level) {
			TRY(price_upgrade(offer, credit(e, now_s), &q));
		} else {
			q.kind = SEGMENT_RENEWAL;
			from_s = expire_s;
		}
	}
	TRY(check_reach(from_s, q.days, now_s));
	*out = q;
	return OK;
}

enum err entitlement_quote_gift(
	const struct entitlement *e, const struct offer *offer, int64_t now_s, struct quote *out)
{
	const int64_t expire_s = entitlement_expire_s(e);
	const bool live = expire_s > now_s;

	if (live && entitlement_level(e, now_s) != offer->level)
		return ERR_PLAN_LEVEL_OTHER;
	TRY(check_reach(live ? expire_s : now_s, offer->days, now_s));
	*out = (struct quote){ .kind = live ? SEGMENT_RENEWAL : SEGMENT_NEW,
		.level = offer->level,
		.days = offer->days };
	return OK;
}

/* ---- granting ---- */

void entitlement_grant(struct entitlement *e, int64_t order_id, const struct quote *quote,
	money cash, int64_t now_s, int64_t version)
{
	const int64_t expire_s = entitlement_expire_s(e);
	struct segment s = { .order_id = order_id,
		.kind = expire_s > now_s ? quote->kind : SEGMENT_NEW,
		.level = quote->level,
		.state = SEGMENT_ACTIVE,
		.chain = order_id,
		.start_s = now_s,
		.days = quote->days,
		.value = quote->value,
		.cash = cash,
		.granted_s = now_s,
		.granted_version = version };

	for (int64_t i = 0; i < e->n; i++) {
		struct segment *r = &e->rows[i];

		if (!is_open(r, now_s))
			continue;
		if (s.kind == SEGMENT_RENEWAL && end_of(r) == expire_s) {
			s.start_s = expire_s;
			s.chain = r->chain;
		} else if (s.kind == SEGMENT_UPGRADE) {
			r->state = SEGMENT_FOLDED;
			r->folded_by = order_id;
		}
	}
	e->rows[e->n++] = s;
}

/* ---- refunding ---- */

enum err entitlement_refundable(const struct entitlement *e, int64_t order_id)
{
	const struct segment *s = find(e, order_id);

	if (s == NULL)
		return ERR_NOT_FOUND;
	if (s->state == SEGMENT_REFUNDED)
		return ERR_REFUNDED_ALREADY;
	if (s->state == SEGMENT_FOLDED)
		return ERR_SEGMENT_FOLDED;
	for (int64_t i = 0; s->kind == SEGMENT_UPGRADE && i < e->n; i++)
		if (e->rows[i].granted_version > s->granted_version &&
			e->rows[i].state != SEGMENT_REFUNDED)
			return ERR_GRANTED_LATER;
	return OK;
}

/* What was granted after s on its chain moves by so much. */
static void shift_later(struct entitlement *e, const struct segment *s, int64_t by_s)
{
	for (int64_t i = 0; i < e->n; i++) {
		struct segment *r = &e->rows[i];

		if (r->state == SEGMENT_ACTIVE && r->chain == s->chain &&
			r->granted_version > s->granted_version)
			r->start_s += by_s;
	}
}

/* What the chain of s loses with it: its days, as far as the chain has them left. */
static int64_t loss_of(const struct entitlement *e, const struct segment *s, int64_t now_s)
{
	int64_t chain_end_s = now_s;

	for (int64_t i = 0; i < e->n; i++) {
		const struct segment *r = &e->rows[i];

		if (r->chain == s->chain && is_open(r, chain_end_s))
			chain_end_s = end_of(r);
	}
	return clamp(chain_end_s - now_s, 0, s->days * DAY);
}

/* What an upgrade folded comes back as it was. */
static void unfold(struct entitlement *e, const struct segment *upgrade)
{
	for (int64_t i = 0; i < e->n; i++) {
		struct segment *r = &e->rows[i];

		if (r->folded_by == upgrade->order_id) {
			r->state = SEGMENT_ACTIVE;
			r->folded_by = 0;
		}
	}
}

/* The same backwards: of what was granted before it, an upgrade left ACTIVE only what was over. */
static void fold_again(struct entitlement *e, const struct segment *upgrade)
{
	for (int64_t i = 0; i < e->n; i++) {
		struct segment *r = &e->rows[i];

		if (is_open(r, upgrade->granted_s) &&
			r->granted_version < upgrade->granted_version) {
			r->state = SEGMENT_FOLDED;
			r->folded_by = upgrade->order_id;
		}
	}
}

enum err entitlement_refund(struct entitlement *e, int64_t order_id, int64_t now_s, int64_t version)
{
	struct segment *s = find(e, order_id);

	TRY(entitlement_refundable(e, order_id));
	if (s->kind == SEGMENT_UPGRADE)
		unfold(e, s);
	else
		s->taken_s = loss_of(e, s, now_s);
	s->state = SEGMENT_REFUNDED;
	s->cut_s = clamp(now_s, s->start_s, end_of(s));
	s->refunded_s = now_s;
	s->refunded_version = version;
	shift_later(e, s, -s->taken_s);
	return OK;
}

void entitlement_refund_undo(struct entitlement *e, int64_t order_id)
{
	struct segment *s = find(e, order_id);

	assert(s != NULL && s->state == SEGMENT_REFUNDED);
	if (s->kind == SEGMENT_UPGRADE)
		fold_again(e, s);
	shift_later(e, s, s->taken_s);
	s->state = SEGMENT_ACTIVE;
	s->cut_s = s->taken_s = s->refunded_s = s->refunded_version = 0;
}

/* ---- deriving anew ---- */

/* The next change after `version`: its segment, and whether it is the refund of it. NULL: none. */
static const struct segment *next_change(
	const struct entitlement *e, int64_t version, bool *refund, int64_t *next)
{
	const struct segment *found = NULL;

	*next = INT64_MAX;
	for (int64_t i = 0; i < e->n; i++) {
		const struct segment *s = &e->rows[i];

		if (s->granted_version > version && s->granted_version < *next) {
			*next = s->granted_version;
			*refund = false;
			found = s;
		}
		if (s->state == SEGMENT_REFUNDED && s->refunded_version > version &&
			s->refunded_version < *next) {
			*next = s->refunded_version;
			*refund = true;
			found = s;
		}
	}
	return found;
}

static const char *difference(const struct segment *is, const struct segment *derived)
{
	if (is->kind != derived->kind)
		return "its kind is not what there was to extend";
	if (is->chain != derived->chain)
		return "it belongs to another chain";
	if (is->state != derived->state || is->folded_by != derived->folded_by)
		return "its state is not what grants and refunds make it";
	if (is->start_s != derived->start_s)
		return "it begins at another moment";
	if (is->cut_s != derived->cut_s || is->taken_s != derived->taken_s ||
		is->refunded_s != derived->refunded_s ||
		is->refunded_version != derived->refunded_version)
		return "its refund took something else";
	return NULL;
}

/* One change of what is derived. False: it could not have happened. */
static bool apply(struct entitlement *derived, const struct segment *s, bool refund)
{
	const struct quote quote = {
		.kind = s->kind, .level = s->level, .days = s->days, .value = s->value
	};

	if (refund)
		return entitlement_refund(
			       derived, s->order_id, s->refunded_s, s->refunded_version) == OK;
	if (s->days < 1 || s->days > ENTITLEMENT_AHEAD_DAYS_MAX ||
		find(derived, s->order_id) != NULL)
		return false;
	if (s->kind == SEGMENT_NEW && entitlement_expire_s(derived) > s->granted_s)
		return false; /* there was something to extend */
	entitlement_grant(derived, s->order_id, &quote, s->cash, s->granted_s, s->granted_version);
	return true;
}

const char *entitlement_replay(const struct entitlement *e, struct segment *work, int64_t *order_id)
{
	struct entitlement derived = { work, 0 };
	const struct segment *s;
	int64_t version = 0;
	bool refund = false;

	while ((s = next_change(e, version, &refund, &version)) != NULL)
		if (!apply(&derived, s, refund)) {
			*order_id = s->order_id;
			return refund ? "it could not have been refunded"
				      : "it could not have been granted";
		}
	for (int64_t i = 0; i < e->n; i++) {
		const struct segment *is = &e->rows[i], *was = find(&derived, is->order_id);
		const char *what = was == NULL ? "its grant has no number" : difference(is, was);

		if (what != NULL) {
			*order_id = is->order_id;
			return what;
		}
	}
	return NULL;
}
