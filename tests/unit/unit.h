/* SPDX-License-Identifier: MIT */
/*
 * unit.h - cmocka, with the headers that it requires before it.
 */
#ifndef UNIT_UNIT_H
#define UNIT_UNIT_H

/* clang-format off */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
/* clang-format on */

/* cmocka's fail() clashes with a function of base/ctx.h, and its fail_msg() uses it. */
#undef fail
#undef fail_msg
#define fail_msg(...) (print_error(__VA_ARGS__), print_error("\n"), _fail(__FILE__, __LINE__))

#endif
