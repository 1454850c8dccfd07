/* SPDX-License-Identifier: MIT */
#include "ext/db_watch.h"

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <unistd.h>

#include "base/log.h"
#include "ext/db_internal.h"

enum { KILL_TIMEOUT_S = 3 };

/* Written before the thread is started, never afterwards. */
static struct {
	const struct conf *conf;
	unsigned long connection;
	sigset_t signals;
} watch;
static atomic_bool ending;

void db_set_limits(struct db *db, const struct db_limits *limits)
{
	db->limits = limits;
}

/* Kill the other connection's statement; if the server can't be reached, its time limit applies. */
static void kill_connection(void)
{
	const struct conf *conf = watch.conf;
	const bool socket = conf->db_socket != NULL;
	const unsigned timeout_s = KILL_TIMEOUT_S;
	char sql[32];
	MYSQL my;

	mysql_init(&my);
	mysql_options(&my, MYSQL_OPT_CONNECT_TIMEOUT, &timeout_s);
	mysql_options(&my, MYSQL_OPT_READ_TIMEOUT, &timeout_s);
	mysql_options(&my, MYSQL_OPT_WRITE_TIMEOUT, &timeout_s);
	snprintf(sql, sizeof(sql), "KILL %lu", watch.connection);
	if (mysql_real_connect(&my, socket ? "localhost" : conf->db_host, conf->db_user,
		    conf->db_password, NULL, (unsigned)conf->db_port,
		    socket ? conf->db_socket : NULL, 0) == NULL ||
		mysql_real_query(&my, sql, strlen(sql)) != 0)
		log_line(LOG_ERROR, "db", "the statement of an interrupted command: %u %.200s",
			mysql_errno(&my), mysql_error(&my));
	mysql_close(&my);
}

static void *wait_for_signal(void *unused)
{
	const struct sigaction usual = { .sa_handler = SIG_DFL };
	int number = 0;

	(void)unused;
	mysql_thread_init();
	while (sigwait(&watch.signals, &number) != 0)
		;
	atomic_store(&ending, true);
	kill_connection();
	sigaction(number, &usual, NULL);
	pthread_sigmask(SIG_UNBLOCK, &watch.signals, NULL);
	kill(getpid(), number);
	return NULL;
}

void db_exit_if_cancelled(void)
{
	while (atomic_load(&ending))
		pause();
}

enum err db_cancel_on_signal(struct ctx *c)
{
	pthread_t thread;

	TRY(db_ready(c));
	watch.conf = c->conf;
	watch.connection = mysql_thread_id(&c->db->my);
	sigemptyset(&watch.signals);
	sigaddset(&watch.signals, SIGINT);
	sigaddset(&watch.signals, SIGTERM);
	sigaddset(&watch.signals, SIGHUP);
	if (pthread_sigmask(SIG_BLOCK, &watch.signals, NULL) != 0 ||
		pthread_create(&thread, NULL, wait_for_signal, NULL) != 0)
		return ERR_INTERNAL;
	pthread_detach(thread);
	return OK;
}
