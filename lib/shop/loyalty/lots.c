/* SPDX-License-Identifier: MIT */
#include "shop/loyalty/lots.h"

__extension__ typedef __int128 wide;

static int64_t min_of(int64_t a, int64_t b)
{
	return a < b ? a : b;
}

/* What may be spent of a lot, or covers a debt. */
static int64_t free_of(const struct lot *lot, int64_t now_ms)
{
	return lot->expires_ms > now_ms ? lot->unspent - lot->held : 0;
}

static bool is_before(const struct lot *a, const struct lot *b)
{
	return a->expires_ms < b->expires_ms ||
	       (a->expires_ms == b->expires_ms && a->lot_id < b->lot_id);
}

bool lots_possible(const struct lots *l)
{
	if (l->debt < 0)
		return false;
	for (int64_t i = 0; i < l->n; i++) {
		const struct lot *lot = &l->rows[i];

		if (lot->lot_id <= 0 || lot->held < 0 || lot->held > lot->unspent ||
			(i > 0 && !is_before(&l->rows[i - 1], lot)))
			return false;
	}
	return true;
}

void lots_mark(struct lots *l)
{
	l->was_debt = l->debt;
	for (int64_t i = 0; i < l->n; i++) {
		struct lot *lot = &l->rows[i];

		lot->was_expires_ms = lot->expires_ms;
		lot->was_unspent = lot->unspent;
		lot->was_held = lot->held;
	}
}

int64_t lots_balance(const struct lots *l)
{
	int64_t sum = -l->debt;

	for (int64_t i = 0; i < l->n; i++)
		sum += l->rows[i].unspent;
	return sum;
}

int64_t lots_held(const struct lots *l)
{
	int64_t sum = 0;

	for (int64_t i = 0; i < l->n; i++)
		sum += l->rows[i].held;
	return sum;
}

int64_t lots_available(const struct lots *l, int64_t now_ms)
{
	int64_t sum = -l->debt;

	for (int64_t i = 0; i < l->n; i++)
		sum += free_of(&l->rows[i], now_ms);
	return sum;
}

static struct lot *find(const struct lots *l, int64_t lot_id)
{
	for (int64_t i = 0; i < l->n; i++)
		if (l->rows[i].lot_id == lot_id)
			return &l->rows[i];
	return NULL;
}

/* Restore the order after the lot at i got a later expiry, or was appended. */
static void put_in_order(struct lots *l, int64_t i)
{
	const struct lot lot = l->rows[i];

	for (; i > 0 && is_before(&lot, &l->rows[i - 1]); i--)
		l->rows[i] = l->rows[i - 1];
	for (; i < l->n - 1 && is_before(&l->rows[i + 1], &lot); i++)
		l->rows[i] = l->rows[i + 1];
	l->rows[i] = lot;
}

void lots_include(struct lots *l, const struct lot *lot)
{
	if (find(l, lot->lot_id) != NULL)
		return;
	l->rows[l->n++] = *lot;
	put_in_order(l, l->n - 1);
}

/* Take from a lot's free points: how many. */
static int64_t take(struct lot *lot, int64_t points, int64_t now_ms)
{
	const int64_t taken = min_of(free_of(lot, now_ms), points);

	lot->unspent -= taken;
	return taken;
}

/* Take from those that expire first: how many there were. */
static int64_t take_first(struct lots *l, int64_t points, int64_t now_ms)
{
	int64_t left = points;

	for (int64_t i = 0; i < l->n && left > 0; i++)
		left -= take(&l->rows[i], left, now_ms);
	return points - left;
}

static void cover(struct lots *l, int64_t now_ms)
{
	l->debt -= take_first(l, l->debt, now_ms);
}

enum err lots_add(
	struct lots *l, int64_t lot_id, int64_t expires_ms, int64_t points, int64_t now_ms)
{
	struct lot *lot = find(l, lot_id);

	if (points < 1 || lot_id < 1 || expires_ms <= now_ms ||
		(lot != NULL && lot->expires_ms != expires_ms))
		return ERR_INTERNAL;
	if (lot != NULL) {
		lot->unspent += points;
	} else {
		l->rows[l->n++] = (struct lot){
			.lot_id = lot_id,
			.expires_ms = expires_ms,
			.unspent = points,
			.was_expires_ms = expires_ms,
		};
		put_in_order(l, l->n - 1);
	}
	cover(l, now_ms);
	return OK;
}

/* May so many points be spent or held? */
static enum err check_available(const struct lots *l, int64_t points, int64_t now_ms)
{
	if (points < 1)
		return ERR_INTERNAL;
	return points <= lots_available(l, now_ms) ? OK : ERR_INSUFFICIENT_POINTS;
}

enum err lots_spend(struct lots *l, int64_t points, int64_t now_ms)
{
	TRY(check_available(l, points, now_ms));
	return take_first(l, points, now_ms) == points ? OK : ERR_INTERNAL;
}

int64_t lots_expire(struct lots *l, int64_t now_ms)
{
	int64_t expired = 0;

	for (int64_t i = 0; i < l->n; i++) {
		struct lot *lot = &l->rows[i];

		if (lot->expires_ms > now_ms)
			break;
		expired += lot->unspent - lot->held;
		lot->unspent = lot->held;
	}
	return expired;
}

enum err lots_hold(struct lots *l, int64_t points, int64_t now_ms)
{
	TRY(check_available(l, points, now_ms));
	for (int64_t i = 0; i < l->n && points > 0; i++) {
		const int64_t taken = min_of(free_of(&l->rows[i], now_ms), points);

		l->rows[i].held += taken;
		points -= taken;
	}
	return OK;
}

/* Is each part in its lot, held? */
static bool are_held(const struct lots *l, const struct lot_parts *held)
{
	for (int64_t i = 0; i < held->n; i++) {
		const struct lot *lot = find(l, held->rows[i].lot_id);

		if (lot == NULL || held->rows[i].points < 1 || held->rows[i].points > lot->held)
			return false;
		for (int64_t j = 0; j < i; j++)
			if (held->rows[j].lot_id == lot->lot_id)
				return false;
	}
	return true;
}

enum err lots_post(struct lots *l, const struct lot_parts *held)
{
	if (!are_held(l, held))
		return ERR_INTERNAL;
	for (int64_t i = 0; i < held->n; i++) {
		struct lot *lot = find(l, held->rows[i].lot_id);

		lot->held -= held->rows[i].points;
		lot->unspent -= held->rows[i].points;
	}
	return OK;
}

enum err lots_release(struct lots *l, const struct lot_parts *held, int64_t now_ms)
{
	if (!are_held(l, held))
		return ERR_INTERNAL;
	for (int64_t i = 0; i < held->n; i++)
		find(l, held->rows[i].lot_id)->held -= held->rows[i].points;
	cover(l, now_ms);
	return OK;
}

/* Do the parts exist, and are there so many points after the first `returned`? */
static bool can_return(
	const struct lots *l, const struct lot_parts *spent, int64_t returned, int64_t points)
{
	int64_t sum = 0;

	for (int64_t i = 0; i < spent->n; i++) {
		if (spent->rows[i].points < 1 || find(l, spent->rows[i].lot_id) == NULL)
			return false;
		sum += spent->rows[i].points;
	}
	return returned >= 0 && points >= 1 && returned <= sum && points <= sum - returned;
}

static void return_to(
	struct lots *l, struct lot *lot, int64_t points, int64_t now_ms, int64_t until_ms)
{
	lot->unspent += points;
	if (lot->expires_ms <= now_ms && until_ms > now_ms) {
		lot->expires_ms = until_ms;
		put_in_order(l, lot - l->rows);
	}
}

enum err lots_return(struct lots *l, const struct lot_parts *spent, int64_t returned,
	int64_t points, int64_t now_ms, int64_t until_ms)
{
	int64_t skip = returned, left = points;

	if (!can_return(l, spent, returned, points))
		return ERR_INTERNAL;
	for (int64_t i = 0; i < spent->n && left > 0; i++) {
		const struct lot_part *part = &spent->rows[i];
		const int64_t skipped = min_of(part->points, skip);
		const int64_t back = min_of(part->points - skipped, left);

		skip -= skipped;
		left -= back;
		if (back > 0)
			return_to(l, find(l, part->lot_id), back, now_ms, until_ms);
	}
	cover(l, now_ms);
	return OK;
}

enum err lots_take_back(struct lots *l, int64_t own, int64_t points, int64_t now_ms)
{
	struct lot *lot = own != 0 ? find(l, own) : NULL;

	if (points < 1)
		return ERR_INTERNAL;
	if (lot != NULL)
		points -= take(lot, points, now_ms);
	points -= take_first(l, points, now_ms);
	l->debt += points;
	return OK;
}

enum err lots_of_refund(int64_t points, const struct lot_refund *r, int64_t *out)
{
	if (points < 0 || r->refunded < 0 || r->paid < 0 || (r->paid == 0 && !r->all))
		return ERR_INTERNAL;
	*out = r->all || r->refunded >= r->paid ? points
						: (int64_t)((wide)points * r->refunded / r->paid);
	return OK;
}
