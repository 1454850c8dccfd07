/* SPDX-License-Identifier: MIT */
#include "providers/bill.h"

#include <stdio.h>

#include "base/clock.h"
#include "base/log.h"

/* Real bills are packed to a tenth; a hundred times that is somebody's doing. */
const struct unpack_limits bill_limits = { .size_max = INT64_C(2) << 30, .ratio_max = 200 };

enum { TIME_LEN = 19 };

bool bill_cut(char *line, const char *mark, struct bill_cells *out)
{
	const size_t len = strlen(mark);

	out->n = 0;
	for (char *end; line != NULL; line = end) {
		if (out->n == BILL_CELLS_MAX)
			return false;
		end = strstr(line, mark);
		if (end != NULL) {
			*end = '\0';
			end += len;
		}
		out->cell[out->n++] = line;
	}
	return true;
}

bool bill_find(const struct bill_cells *header, const char *const *names, size_t *at)
{
	for (; *names != NULL; names++, at++) {
		size_t i = 0;

		while (i < header->n && strcmp(header->cell[i], *names) != 0)
			i++;
		if (i == header->n)
			return false;
		*at = i;
	}
	return true;
}

bool bill_amount(const char *text, money *out)
{
	return money_parse(slice_of(text + (text[0] == '-')), out);
}

int64_t bill_time(const char *text)
{
	char rfc3339[CLOCK_TEXT_MAX];
	int64_t ms;

	if (strlen(text) != TIME_LEN || text[10] != ' ')
		return 0;
	snprintf(rfc3339, sizeof(rfc3339), "%.10sT%.8s+08:00", text, text + 11);
	return clock_parse(rfc3339, &ms) ? ms : 0;
}

int64_t bill_number(const char *text)
{
	money m;

	return money_parse(slice_of(text), &m) && m.fen % 100 == 0 ? m.fen / 100 : -1;
}

bool bill_add(money *sum, money m)
{
	return !__builtin_add_overflow(sum->fen, m.fen, &sum->fen);
}

bool bill_count(struct bill_summary *sum, const struct bill_line *line)
{
	const bool refund = line->kind == BILL_REFUND;

	++*(refund ? &sum->refunds : &sum->payments);
	return bill_add(refund ? &sum->refunded : &sum->paid, line->amount);
}

enum outcome bill_refused(const struct provider *p, const char *day, const char *why)
{
	log_line(LOG_ALARM, "bill", "the bill of %s of %s is not accepted: %s", p->name, day, why);
	return OUTCOME_UNKNOWN;
}
