/* SPDX-License-Identifier: MIT */
/*
 * reason.h - the stored reasons of payments, messages and refunds, in words for administrators.
 */
#ifndef SHOP_MONEY_REASON_H
#define SHOP_MONEY_REASON_H

/* Why a message matches nothing (payment_events.reason of an orphan); NULL-terminated. */
extern const char *const orphan_reasons[];

/* In words; NULL stays NULL, and an unknown one is itself. Static. */
const char *reason_text(const char *reason);

#endif
