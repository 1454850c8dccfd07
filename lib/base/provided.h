/* SPDX-License-Identifier: MIT */
/*
 * provided.h - what a provider says and the shop's books keep as it is: their two layers don't
 * know each other.
 */
#ifndef BASE_PROVIDED_H
#define BASE_PROVIDED_H

#include "base/clock.h"

/* How far a refund is; the numbers are those of refunds.state (ext/sql.h says why they are macros). */
#define REFUND_UNKNOWN    0 /* a word of the provider's that says nothing to us; never stored */
#define REFUND_PROCESSING 1 /* under way, or not known: the provider is asked */
#define REFUND_SUCCESS    2
#define REFUND_CLOSED     3 /* nothing went back, and nothing will under this number */
#define REFUND_ABNORMAL   4 /* the provider could not give it back; not final */
enum refund_state {
	REFUND_UNKNOWN_ = REFUND_UNKNOWN,
	REFUND_PROCESSING_ = REFUND_PROCESSING,
	REFUND_SUCCESS_ = REFUND_SUCCESS,
	REFUND_CLOSED_ = REFUND_CLOSED,
	REFUND_ABNORMAL_ = REFUND_ABNORMAL,
};

/* A certificate that verifies what a provider signs, sealed as it came. */
struct sealed_certificate {
	const char *serial, *nonce, *associated_data, *ciphertext;
	timestamp effective_at, expires_at;
};

#endif
