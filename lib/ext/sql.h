/* SPDX-License-Identifier: MIT */
/*
 * sql.h - what SQL texts are put together from, so that nothing in them is counted by hand.
 *
 * A number that rows hold (a state, a kind) has one name in C and in SQL:
 *
 *	#define ORDER_PENDING 0
 *	#define ORDER_PAID    1
 *	enum order_status { STORED(ORDER_PENDING), STORED(ORDER_PAID) };
 *
 *	"... WHERE status IN (" SQL(ORDER_PENDING, ORDER_PAID) ")"
 *
 * The enum is their type, of which a switch must have every value. Lint refuses a bare number
 * beside such a column.
 */
#ifndef EXT_SQL_H
#define EXT_SQL_H

#define STORED(name) name##_ = name

/* The numbers that these names stand for, as a text: "0, 1". */
#define SQL(...)      SQL_TEXT(__VA_ARGS__)
#define SQL_TEXT(...) #__VA_ARGS__

#endif
