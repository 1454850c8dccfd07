/* SPDX-License-Identifier: MIT */
#include "shop/membership/entitlement.h"

static const int64_t MOMENT_MAX_S = INT64_C(253402300799); /* the end of the year 9999 */
static const int64_t AHEAD_MAX_S = ENTITLEMENT_AHEAD_DAYS_MAX * ENTITLEMENT_DAY_S;

static int64_t least(int64_t a, int64_t b)
{
	return a < b ? a : b;
}

static int64_t most(int64_t a, int64_t b)
{
	return a > b ? a : b;
}

static bool valid_time(int64_t now_s)
{
	return now_s >= 0 && now_s <= MOMENT_MAX_S;
}

int64_t entitlement_end_s(const struct segment *s)
{
	return s->start_s + s->days * ENTITLEMENT_DAY_S;
}

/* Is it ACTIVE at now_s or later? Only such segments have a credit and are folded. */
static bool is_live(const struct segment *s, int64_t now_s)
{
	return s->state == SEGMENT_ACTIVE && entitlement_end_s(s) > now_s;
}

/*
 * What is renewed or upgraded at now_s, or NULL: the last of the segments that have not
 * ended. They are one chain, so its level is the live one. Not the segment at now_s: after
 * a clock set back there may be none, and an overlapping chain would be sold.
 */
static const struct segment *latest(const struct entitlement *e, int64_t now_s)
{
	const struct segment *last = NULL;

	for (int64_t i = 0; i < e->n; i++) {
		const struct segment *s = &e->rows[i];

		if (is_live(s, now_s) &&
			(last == NULL || entitlement_end_s(s) > entitlement_end_s(last)))
			last = s;
	}
	return last;
}

int64_t entitlement_expire_s(const struct entitlement *e)
{
	const struct segment *last = latest(e, 0);

	return last != NULL ? entitlement_end_s(last) : 0;
}

int64_t entitlement_shown_until_s(const struct entitlement *e)
{
	int64_t until = entitlement_expire_s(e);

	for (int64_t i = 0; i < e->n; i++) {
		const struct segment *s = &e->rows[i];

		if (s->state == SEGMENT_REFUNDED && s->cut_s > s->start_s)
			until = most(until, s->cut_s);
	}
	return until;
}

int64_t entitlement_level(const struct entitlement *e, int64_t now_s)
{
	for (int64_t i = 0; i < e->n; i++)
		if (is_live(&e->rows[i], now_s) && e->rows[i].start_s <= now_s)
			return e->rows[i].level;
	return 0;
}

/* The type of an order for this level, given the live segment; 0: not allowed. */
static int64_t kind_for(const struct segment *found, int64_t level)
{
	if (found == NULL)
		return SEGMENT_NEW;
	if (level == found->level)
		return SEGMENT_RENEWAL;
	return level > found->level ? SEGMENT_UPGRADE : 0;
}

/*
 * value * rem / days, rounded half up, of a live segment: 1 <= rem <= days. Whole multiples
 * of days are factored out first, so that no product exceeds the value.
 */
static money credit_of(const struct segment *s, int64_t now_s)
{
	int64_t left_s = entitlement_end_s(s) - most(now_s, s->start_s);
	int64_t rem = (left_s + ENTITLEMENT_DAY_S - 1) / ENTITLEMENT_DAY_S;
	int64_t whole = s->value.fen / s->days, rest = s->value.fen % s->days;

	return (money){ whole * rem + (2 * rest * rem + s->days) / (2 * s->days) };
}

static money credit(const struct entitlement *e, int64_t now_s)
{
	money sum = MONEY_ZERO;

	for (int64_t i = 0; i < e->n; i++)
		if (is_live(&e->rows[i], now_s))
			sum = money_add(sum, credit_of(&e->rows[i], now_s));
	return sum;
}

/* False on overflow. */
static bool spend(money credit, struct quote *q)
{
	int64_t more;

	if (money_cmp(credit, q->price) <= 0) {
		q->discount = credit;
		q->amount = money_sub(q->price, credit);
		return true;
	}
	q->discount = q->price;
	q->amount = MONEY_ZERO;
	q->value = credit;
	return !__builtin_mul_overflow(money_sub(credit, q->price).fen, q->days, &more) &&
	       !__builtin_add_overflow(q->days, more / q->price.fen, &q->days);
}

static enum err make_quote(
	const struct entitlement *e, const struct offer *offer, int64_t now_s, struct quote *out)
{
	const struct segment *found = latest(e, now_s);
	struct quote q = {
		.kind = kind_for(found, offer->level),
		.level = offer->level,
		.days = offer->days,
		.price = offer->price,
		.amount = offer->price,
		.value = offer->price,
	};
	int64_t start_s = now_s;

	if (!valid_time(now_s) || offer->level < 1 || offer->days < 1 || offer->price.fen < 0 ||
		offer->price.fen > MONEY_MAX_FEN)
		return ERR_INTERNAL;
	if (q.kind == 0)
		return ERR_PLAN_LEVEL_LOWER;
	if (q.kind == SEGMENT_RENEWAL)
		start_s = entitlement_end_s(found);
	if (q.kind == SEGMENT_UPGRADE && !spend(credit(e, now_s), &q))
		return ERR_ENTITLEMENT_TOO_LONG;
	if (e->n >= ENTITLEMENT_SEGMENTS_MAX || q.days > ENTITLEMENT_AHEAD_DAYS_MAX ||
		start_s + q.days * ENTITLEMENT_DAY_S > now_s + AHEAD_MAX_S)
		return ERR_ENTITLEMENT_TOO_LONG;
	*out = q;
	return OK;
}

enum err entitlement_quote(
	const struct entitlement *e, const struct offer *offer, int64_t now_s, struct quote *out)
{
	return offer->price.fen < 1 ? ERR_INTERNAL : make_quote(e, offer, now_s, out);
}

enum err entitlement_quote_gift(
	const struct entitlement *e, const struct offer *offer, int64_t now_s, struct quote *out)
{
	const struct segment *found = latest(e, now_s);

	if (offer->price.fen != 0)
		return ERR_INTERNAL;
	if (found != NULL && offer->level != found->level)
		return ERR_PLAN_LEVEL_OTHER;
	return make_quote(e, offer, now_s, out);
}

/* Could make_quote have made it? */
static bool made(const struct quote *q)
{
	if (q->kind < SEGMENT_NEW || q->kind > SEGMENT_UPGRADE || q->level < 1 || q->days < 1 ||
		q->days > ENTITLEMENT_AHEAD_DAYS_MAX)
		return false;
	if (q->discount.fen < 0 || money_cmp(q->amount, money_sub(q->price, q->discount)) != 0)
		return false;
	if (q->kind == SEGMENT_UPGRADE && q->amount.fen == 0)
		return q->price.fen >= 1 && money_cmp(q->value, q->price) >= 0;
	return money_cmp(q->value, q->price) == 0 &&
	       (q->kind == SEGMENT_UPGRADE || q->discount.fen == 0);
}

static struct segment *find(const struct entitlement *e, int64_t order_id)
{
	for (int64_t i = 0; i < e->n; i++)
		if (e->rows[i].order_id == order_id)
			return &e->rows[i];
	return NULL;
}

/* The latest change that is still in effect. */
static int64_t last_version(const struct entitlement *e)
{
	int64_t last = 0;

	for (int64_t i = 0; i < e->n; i++)
		last = most(last, most(e->rows[i].granted_version, e->rows[i].refunded_version));
	return last;
}

/*
 * Fold what was live when the upgrade was granted. Undoing its refund folds the same: it was
 * the latest change, so everything granted after the upgrade is REFUNDED, and the rest is as
 * at the grant.
 */
static void fold(struct entitlement *e, const struct segment *upgrade)
{
	for (int64_t i = 0; i < e->n; i++) {
		struct segment *s = &e->rows[i];

		if (is_live(s, upgrade->granted_s)) {
			s->state = SEGMENT_FOLDED;
			s->folded_by = upgrade->order_id;
		}
	}
}

static void unfold(struct entitlement *e, const struct segment *upgrade)
{
	for (int64_t i = 0; i < e->n; i++) {
		struct segment *s = &e->rows[i];

		if (s->state == SEGMENT_FOLDED && s->folded_by == upgrade->order_id) {
			s->state = SEGMENT_ACTIVE;
			s->folded_by = 0;
		}
	}
}

/* `s` has the order, its quote (kind, level, days, value, cash) and the time; the rest is computed. */
static void append(struct entitlement *e, struct segment s)
{
	const struct segment *found = latest(e, s.granted_s);

	if (found == NULL)
		s.kind = SEGMENT_NEW;
	s.state = SEGMENT_ACTIVE;
	s.chain = s.order_id;
	s.start_s = s.granted_s;
	s.folded_by = s.cut_s = s.taken_s = s.refunded_s = s.refunded_version = 0;
	if (s.kind == SEGMENT_RENEWAL) {
		s.chain = found->chain;
		s.start_s = entitlement_end_s(found);
	}
	if (s.kind == SEGMENT_UPGRADE)
		fold(e, &s);
	e->rows[e->n++] = s;
}

bool entitlement_quote_is_valid(
	const struct entitlement *e, const struct quote *quote, int64_t now_s)
{
	const struct segment *found = latest(e, now_s);

	return found == NULL || quote->kind == kind_for(found, quote->level);
}

enum err entitlement_grant(struct entitlement *e, int64_t order_id, const struct quote *quote,
	money cash, int64_t now_s, int64_t version)
{
	if (!valid_time(now_s) || version <= last_version(e) || e->n >= ENTITLEMENT_SEGMENTS_MAX ||
		find(e, order_id) != NULL)
		return ERR_INTERNAL;
	if (!made(quote) || cash.fen < 0 || money_cmp(cash, quote->amount) > 0 ||
		!entitlement_quote_is_valid(e, quote, now_s))
		return ERR_INTERNAL;
	append(e, (struct segment){
			  .order_id = order_id,
			  .kind = quote->kind,
			  .level = quote->level,
			  .days = quote->days,
			  .value = quote->value,
			  .cash = cash,
			  .granted_s = now_s,
			  .granted_version = version,
		  });
	return OK;
}

static enum err refundable(const struct entitlement *e, const struct segment *s)
{
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

/* Shift the later segments of its chain. None of an upgrade's is ACTIVE when it is refunded. */
static void shift(struct entitlement *e, const struct segment *than, int64_t by_s)
{
	for (int64_t i = 0; i < e->n; i++) {
		struct segment *s = &e->rows[i];

		if (s->state == SEGMENT_ACTIVE && s->chain == than->chain &&
			s->granted_version > than->granted_version)
			s->start_s += by_s;
	}
}

static void refund(struct entitlement *e, struct segment *s, int64_t now_s, int64_t version)
{
	int64_t chain_end_s = now_s;

	for (int64_t i = 0; i < e->n; i++)
		if (e->rows[i].chain == s->chain && is_live(&e->rows[i], chain_end_s))
			chain_end_s = entitlement_end_s(&e->rows[i]);
	s->taken_s = least(s->days * ENTITLEMENT_DAY_S, chain_end_s - now_s);
	s->cut_s = least(most(now_s, s->start_s), entitlement_end_s(s));
	s->state = SEGMENT_REFUNDED;
	s->refunded_s = now_s;
	s->refunded_version = version;
	shift(e, s, -s->taken_s);
	unfold(e, s);
}

enum err entitlement_refundable(const struct entitlement *e, int64_t order_id)
{
	const struct segment *s = find(e, order_id);

	return s != NULL ? refundable(e, s) : ERR_NOT_FOUND;
}

enum err entitlement_refund(struct entitlement *e, int64_t order_id, int64_t now_s, int64_t version)
{
	if (!valid_time(now_s) || version <= last_version(e))
		return ERR_INTERNAL;
	TRY(entitlement_refundable(e, order_id));
	refund(e, find(e, order_id), now_s, version);
	return OK;
}

enum err entitlement_refund_undo(struct entitlement *e, int64_t order_id)
{
	struct segment *s = find(e, order_id);

	if (s == NULL || s->state != SEGMENT_REFUNDED || s->refunded_version != last_version(e))
		return ERR_INTERNAL;
	if (s->kind == SEGMENT_UPGRADE)
		fold(e, s);
	shift(e, s, s->taken_s);
	s->state = SEGMENT_ACTIVE;
	s->cut_s = s->taken_s = s->refunded_s = s->refunded_version = 0;
	return OK;
}

/* Far above any sum of credits, and far below an overflow. */
#define VALUE_MAX_FEN (MONEY_MAX_FEN * ENTITLEMENT_SEGMENTS_MAX)

static bool possible(const struct segment *s)
{
	return s->kind >= SEGMENT_NEW && s->kind <= SEGMENT_UPGRADE && s->state >= SEGMENT_ACTIVE &&
	       s->state <= SEGMENT_REFUNDED && s->level >= 1 && s->days >= 1 &&
	       s->days <= ENTITLEMENT_AHEAD_DAYS_MAX && valid_time(s->start_s) &&
	       valid_time(s->granted_s) && s->taken_s >= 0 && s->taken_s <= AHEAD_MAX_S &&
	       s->value.fen >= 0 && s->value.fen <= VALUE_MAX_FEN;
}

bool entitlement_possible(const struct entitlement *e)
{
	for (int64_t i = 0; i < e->n; i++)
		if (!possible(&e->rows[i]))
			return false;
	return true;
}

/* Replay the grant of a stored, untrusted row. `version`: the previous change. */
static const char *replay_grant(
	struct entitlement *replayed, const struct segment *row, int64_t version)
{
	if (row->granted_version <= version)
		return "granted_version";
	if (find(replayed, row->order_id) != NULL)
		return "order_id";
	if (row->level < 1)
		return "level";
	if (row->days < 1 || row->days > ENTITLEMENT_AHEAD_DAYS_MAX)
		return "days";
	if (row->value.fen < 0)
		return "value";
	if (row->cash.fen < 0 || money_cmp(row->cash, row->value) > 0)
		return "cash";
	if (!valid_time(row->granted_s))
		return "granted_s";
	if (row->kind != kind_for(latest(replayed, row->granted_s), row->level))
		return "kind";
	append(replayed, *row);
	return NULL;
}

static const char *replay_refund(
	struct entitlement *replayed, const struct segment *row, struct segment *same)
{
	if (same >= replayed->rows + replayed->n || refundable(replayed, same) != OK)
		return "refunded_version";
	if (!valid_time(row->refunded_s))
		return "refunded_s";
	refund(replayed, same, row->refunded_s, row->refunded_version);
	return NULL;
}

static const struct segment *next_refund(const struct entitlement *e, int64_t version)
{
	const struct segment *next = NULL;

	for (int64_t i = 0; i < e->n; i++) {
		const struct segment *s = &e->rows[i];

		if (s->refunded_version > version &&
			(next == NULL || s->refunded_version < next->refunded_version))
			next = s;
	}
	return next;
}

static const char *difference(const struct segment *a, const struct segment *b)
{
	static const struct {
		const char *name;
		size_t off;
	} members[] = {
		{ "state", offsetof(struct segment, state) },
		{ "chain", offsetof(struct segment, chain) },
		{ "start_s", offsetof(struct segment, start_s) },
		{ "folded_by", offsetof(struct segment, folded_by) },
		{ "cut_s", offsetof(struct segment, cut_s) },
		{ "taken_s", offsetof(struct segment, taken_s) },
		{ "refunded_s", offsetof(struct segment, refunded_s) },
		{ "refunded_version", offsetof(struct segment, refunded_version) },
	};

	for (size_t i = 0; i < ARRAY_LEN(members); i++)
		if (memcmp((const char *)a + members[i].off, (const char *)b + members[i].off,
			    sizeof(int64_t)) != 0)
			return members[i].name;
	return NULL;
}

const char *entitlement_replay(const struct entitlement *e, struct segment *work, int64_t *order_id)
{
	struct entitlement replayed = { work, 0 };
	const struct segment *row = NULL;
	const char *what = NULL;
	int64_t version = 0;

	while (what == NULL) {
		const struct segment *granted = replayed.n < e->n ? &e->rows[replayed.n] : NULL;
		const struct segment *refunded = next_refund(e, version);

		if (granted == NULL && refunded == NULL)
			break;
		if (granted != NULL &&
			(!refunded || granted->granted_version <= refunded->refunded_version)) {
			row = granted;
			what = replay_grant(&replayed, row, version);
			version = row->granted_version;
		} else {
			row = refunded;
			what = replay_refund(&replayed, row, &work[row - e->rows]);
			version = row->refunded_version;
		}
	}
	for (int64_t i = 0; what == NULL && i < e->n; i++) {
		row = &e->rows[i];
		what = difference(row, &work[i]);
	}
	if (what != NULL)
		*order_id = row->order_id;
	return what;
}
