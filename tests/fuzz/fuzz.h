/* SPDX-License-Identifier: MIT */
/*
 * fuzz.h - common part of the fuzz targets: one file per parser of untrusted bytes, run by
 * libFuzzer under AddressSanitizer and UBSan (`make fuzz`).
 *
 * A target feeds the bytes to the parser and, where the parser accepts them, checks that
 * the result is within its limits and survives a round trip.
 */
#ifndef FUZZ_FUZZ_H
#define FUZZ_FUZZ_H

#include <stdint.h>
#include <stdlib.h>

#include "base/ctx.h"
#include "base/str.h"

/* libFuzzer calls this; it returns 0. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Assert; libFuzzer shows the stack and keeps the input. */
#define HOLDS(condition)                                                                           \
	do {                                                                                       \
		if (!(condition))                                                                  \
			abort();                                                                   \
	} while (0)

/* The input as a text: up to its first NUL, in a block of exactly that size. */
static inline const char *fuzz_text(struct arena *a, const uint8_t *data, size_t size)
{
	return arena_dup(a, (const char *)data, strnlen((const char *)data, size));
}

/* The settings and the time for every target. */
static const struct conf fuzz_conf = {
	.jwt_secret = "x9Kq2mVb7Rt4Lp8Zs6Wd3Yf5Hj1Nc0Ga",
	.wechat_appid = "wx2421b1c4370ec43b",
	.wechat_mchid = "1900007291",
	.alipay_app_id = "2019073166072302",
	.alipay_seller_id = "2088531891668739",
};
#define FUZZ_CTX ((struct ctx){ .conf = &fuzz_conf, .now_ms = INT64_C(1795262400000) })

#endif
