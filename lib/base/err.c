/* SPDX-License-Identifier: MIT */
#include "base/err.h"

#include <assert.h>

static const struct err_info infos[ERR_N] = {
	[OK] = { 200, "OK", "成功" },
#define ERR(name, status, code, text) [ERR_##name] = { status, code, text },
#include "base/err.def"
#undef ERR
};

const struct err_info *err_info(enum err e)
{
	assert((unsigned)e < ERR_N);
	return &infos[e];
}
