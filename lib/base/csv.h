/* SPDX-License-Identifier: MIT */
/*
 * csv.h - a record of a CSV file (RFC 4180) that is one line: a quoted cell has no line break.
 */
#ifndef BASE_CSV_H
#define BASE_CSV_H

#include "base/base.h"

/*
 * Split a line in place into its cells, without the quotes and without blanks around them. The line may end in
 * CR, LF or both. Returns their number; -1: wrongly quoted, or more than `max`.
 */
int csv_split(char *line, char **cells, int max);

#endif
