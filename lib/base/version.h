/* SPDX-License-Identifier: MIT */
/*
 * version.h - which minimall this is: VERSION of the Makefile, and "+" and the commit where a
 * checkout was built ("1.2.0", "1.3.0-dev+0123456789ab").
 */
#ifndef BASE_VERSION_H
#define BASE_VERSION_H

extern const char minimall_version[];

#endif
