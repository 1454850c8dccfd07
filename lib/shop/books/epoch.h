/* SPDX-License-Identifier: MIT */
/*
 * epoch.h - the number that begins anew what is cached in Redis (ext/state.h says when and why).
 * Owns tables: state_epochs.
 */
#ifndef SHOP_BOOKS_EPOCH_H
#define SHOP_BOOKS_EPOCH_H

#include "ext/state.h"

/* In transactions last in the lock order, and locked until their end: only while Redis can't be reached. */
extern const struct state_epoch epoch_hooks;

#endif
