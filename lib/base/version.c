/* SPDX-License-Identifier: MIT */
#include "base/version.h"

const char minimall_version[] = MINIMALL_VERSION;
