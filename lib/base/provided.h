/* SPDX-License-Identifier: MIT */
/*
 * provided.h - provider data that the shop stores unchanged: the two layers share it here,
 * since they don't know each other.
 */
#ifndef BASE_PROVIDED_H
#define BASE_PROVIDED_H

#include "base/clock.h"

/* The state of a refund: the values of refunds.state (why macros: ext/sql.h). */
#define REFUND_UNKNOWN    0 /* a provider's state that we don't know; never stored */
#define REFUND_PROCESSING 1 /* in progress, or unknown: the provider is queried */
#define REFUND_SUCCESS    2
#define REFUND_CLOSED     3 /* nothing was refunded, nor will be under this number */
#define REFUND_ABNORMAL   4 /* the provider could not refund it; not final */
enum refund_state {
	REFUND_UNKNOWN_ = REFUND_UNKNOWN,
	REFUND_PROCESSING_ = REFUND_PROCESSING,
	REFUND_SUCCESS_ = REFUND_SUCCESS,
	REFUND_CLOSED_ = REFUND_CLOSED,
	REFUND_ABNORMAL_ = REFUND_ABNORMAL,
};

/* A certificate that verifies a provider's signatures, encrypted as received. */
struct sealed_certificate {
	const char *serial, *nonce, *associated_data, *ciphertext;
	timestamp effective_at, expires_at;
};

#endif
