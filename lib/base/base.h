/* SPDX-License-Identifier: MIT */
/*
* base.h - the five macros that all code may use.
 * (FIELD and INPUT in field.h and ARGS in ext/db.h are the others.)
 */
#ifndef BASE_BASE_H
#define BASE_BASE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

/* A fallible function: dropping its result does not compile under -Werror. */
#define MUST __attribute__((warn_unused_result))

#define PRINTF_LIKE(fmt, args) __attribute__((format(printf, fmt, args)))

/*
 * The only hidden return in the tree: forward a failure to the caller.
 * Safe because memory belongs to the arena or to an AUTO variable.
 */
#define TRY(call)                                                                                  \
	do {                                                                                       \
		enum err try_err_ = (call);                                                        \
		if (try_err_ != OK)                                                                \
			return try_err_;                                                           \
	} while (0)

/* A foreign handle that is released at the end of its scope, unless taken. */
#define AUTO(done) __attribute__((cleanup(done)))
#define TAKE(p)                                                                                    \
	__extension__({                                                                            \
		__typeof__(p) take_ = (p);                                                         \
		(p) = NULL;                                                                        \
		take_;                                                                             \
	})

#define ARRAY_LEN(a) (sizeof(a) / sizeof((a)[0]))

#endif
