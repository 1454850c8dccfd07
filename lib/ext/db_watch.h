/* SPDX-License-Identifier: MIT */
/*
 * db_watch.h - how a command's statements end: after so long, or with the command.
 */
#ifndef EXT_DB_WATCH_H
#define EXT_DB_WATCH_H

#include "ext/db.h"

/* Other limits than those of db_new, before the first statement. They outlive db. */
void db_set_limits(struct db *db, const struct db_limits *limits);

/*
 * From now on SIGINT, SIGTERM and SIGHUP first end what the connection does at the server, which would
 * not notice, through a second connection; then the process, as such a signal does. Connects, if need
 * be. At most once a process. Fails also: INTERNAL (no thread could be started).
 */
enum err db_end_on_signal(struct ctx *c) MUST;
/* After a failure: if such a signal was its cause, this never returns, and the process ends by it. */
void db_wait_if_ending(void);

#endif
