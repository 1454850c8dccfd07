/* SPDX-License-Identifier: MIT */
/* state_pair.h - a home for each test of ext/state, seen by two processes. */
#ifndef UNIT_STATE_PAIR_H
#define UNIT_STATE_PAIR_H

#include "state_redis_rig.h"

static struct ctx c, d; /* two processes' views of one home */

static inline int begin(void **state)
{
	(void)state;
	if (rig_is_redis())
		rig_redis_fresh();
	c = rig_ctx();
	d = rig_ctx();
	return 0;
}

static inline int end(void **state)
{
	(void)state;
	rig_free(&c);
	rig_free(&d);
	rig_remove(rig_dir);
	return 0;
}

#endif
