/* SPDX-License-Identifier: MIT */
/*
 * fuzz.h - what every fuzz target begins with: one parser of bytes from outside a file, run by
 * libFuzzer under AddressSanitizer and UBSan (`make fuzz`).
 *
 * A target feeds the bytes to the parser, and where the parser took them it checks what must
 * hold: what was read is within its limits, what is written from it reads back as the same.
 */
#ifndef FUZZ_FUZZ_H
#define FUZZ_FUZZ_H

#include <stdint.h>
#include <stdlib.h>

#include "base/ctx.h"
#include "base/str.h"

/* libFuzzer calls this; it returns 0. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* What must hold; libFuzzer shows the stack and keeps the input. */
#define HOLDS(condition)                                                                           \
	do {                                                                                       \
		if (!(condition))                                                                  \
			abort();                                                                   \
	} while (0)

/* The input as a text: up to its first NUL, in a block of just that size. */
static inline const char *fuzz_text(struct arena *a, const uint8_t *data, size_t size)
{
	return arena_dup(a, (const char *)data, strnlen((const char *)data, size));
}

/* The settings and the moment of every target. */
static const struct conf fuzz_conf = {
	.jwt_secret = "x9Kq2mVb7Rt4Lp8Zs6Wd3Yf5Hj1Nc0Ga",
	.wechat_appid = "wx2421b1c4370ec43b",
	.wechat_mchid = "1900007291",
};
#define FUZZ_CTX ((struct ctx){ .conf = &fuzz_conf, .now_ms = INT64_C(1795262400000) })

#endif
