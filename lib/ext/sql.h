/* SPDX-License-Identifier: MIT */
/*
 * sql.h - building blocks of SQL texts.
 *
 * A stored number (a state, a kind) has one name in C and in SQL:
 *
 *	#define ORDER_PENDING 0
 *	#define ORDER_PAID    1
 *	enum order_status { STORED(ORDER_PENDING), STORED(ORDER_PAID) };
 *
 *	"... WHERE status IN (" SQL(ORDER_PENDING, ORDER_PAID) ")"
 *
 * The enum is their type, so that a switch must have every value. Lint refuses a bare number
 * next to such a column.
 *
 * The written columns of a row are in one list, so that none is counted by hand:
 *
 *	#define CARD_ROW(X) X(card_number) X(balance) X(status)
 *
 *	"INSERT INTO cards (" CARD_ROW(SQL_NAME) "created_at) VALUES (" CARD_ROW(SQL_MARK) "?)"
 *	"UPDATE cards SET " CARD_ROW(SQL_SET) "updated_at = ? WHERE card_id = ?"
 *	ARGS(CARD_ROW(ROW_VALUE) AT(row->created_at))
 *
 * Each column is followed by a comma, so the list can't be last. X's further arguments are the member,
 * if its name differs (ROW_MEMBER), or what makes it a row of a field table.
 */
#ifndef EXT_SQL_H
#define EXT_SQL_H

#define STORED(name) name##_ = name

/* The numbers of these names, as a text: "0, 1". */
#define SQL(...)      SQL_TEXT(__VA_ARGS__)
#define SQL_TEXT(...) #__VA_ARGS__

#define SQL_NAME(...) SQL_NAME_OF(__VA_ARGS__, )
#define SQL_MARK(...) "?, "
#define SQL_SET(...)  SQL_SET_OF(__VA_ARGS__, )
/* In ON DUPLICATE KEY UPDATE: the value that would have been inserted. */
#define SQL_REPLACE(...) SQL_REPLACE_OF(__VA_ARGS__, )

#define SQL_NAME_OF(column, ...)    #column ", "
#define SQL_SET_OF(column, ...)     #column " = ?, "
#define SQL_REPLACE_OF(column, ...) #column " = VALUES(" #column "), "

#endif
