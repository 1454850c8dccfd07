/* SPDX-License-Identifier: MIT */
/*
 * version.h - the version: VERSION of the Makefile, and "+" and the commit when built from a
 * checkout ("1.2.0", "1.3.0-dev+0123456789ab").
 */
#ifndef BASE_VERSION_H
#define BASE_VERSION_H

extern const char minimall_version[];

#endif
