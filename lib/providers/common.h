/* SPDX-License-Identifier: MIT */
/* common.h - what several providers' folders need; nobody else includes it. */
#ifndef PROVIDERS_COMMON_H
#define PROVIDERS_COMMON_H

#include "providers/provider.h"

/* Print a fault of a setting on standard error, as conf_load does. Returns false. */
bool provider_fault(const char *setting, const char *what);
/* The file of keys or certificates that a setting names. False, after such a line, if it can't be read. */
bool provider_read_file(
	struct arena *a, const char *setting, const char *path, struct slice *text) MUST;

/* Count a call that began at clock_mono_us() by its outcome and time (ext/metrics.h). Returns the outcome. */
enum outcome provider_counted(const char *provider, int64_t start_us, enum outcome outcome);

/* json_read for a provider's texts: their faults are not our caller's. */
bool provider_json(struct ctx *c, struct slice text, const struct field *fields, void *out) MUST;

/* The first `max` characters of valid UTF-8, with control characters and those of `unwanted` as spaces. */
const char *provider_line(struct arena *a, const char *text, int max, const char *unwanted) MUST;

#endif
