/* SPDX-License-Identifier: MIT */
/*
 * db_watch.h - limits of a command's statements: by time, and when the command is interrupted.
 */
#ifndef EXT_DB_WATCH_H
#define EXT_DB_WATCH_H

#include "ext/db.h"

/* Replace the limits of db_new, before the first statement. They must outlive db. */
void db_set_limits(struct db *db, const struct db_limits *limits);

/*
 * From now on SIGINT, SIGTERM and SIGHUP first kill the connection's statement at the server, which
 * would not notice, through a second connection, and then end the process as the signal does by
 * default. Connects if needed. At most once per process. Also fails: INTERNAL (no thread could be started).
 */
enum err db_cancel_on_signal(struct ctx *c) MUST;
/* After a failure: if such a signal caused it, this never returns and the process ends by the signal. */
void db_exit_if_cancelled(void);

#endif
