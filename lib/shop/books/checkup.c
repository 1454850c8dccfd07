/* SPDX-License-Identifier: MIT */
#include "shop/books/checkup.h"

#include <sys/statvfs.h>
#include <unistd.h>

#include "base/str.h"
#include "ext/db.h"
#include "ext/state.h"
#include "shop/books/health.h"
#include "shop/books/job_pass.h"

#define CLOCK_MAX_MS (10 * SECOND_MS)
#define JOBS_MAX_MS  (30 * MINUTE_MS) /* a pass of all shares takes less */
#define MIB          INT64_C(1048576)
enum { DISK_MIN_MIB = 1024, STATE_MIN_MIB = 16, HOST_MAX = 256 };

/* Processes of all families (cgi-bin/families), each with a connection, and one of jobs (Makefile). */
static const int64_t processes = FAMILY_PROCESSES, jobs_processes = 1;

struct server {
	const char *version, *datadir, *hostname;
	int64_t max_connections, max_user_connections; /* the second 0: no limit */
};
static const struct field server_fields[] = {
	FIELD(struct server, version),
	FIELD(struct server, datadir),
	FIELD(struct server, hostname),
	FIELD(struct server, max_connections),
	FIELD(struct server, max_user_connections),
	FIELD_END,
};

static const char SQL_SERVER[] =
	"SELECT VERSION() AS version, @@datadir AS datadir, @@hostname AS hostname, "
	"CAST(@@max_connections AS SIGNED) AS max_connections, "
	"CAST(@@max_user_connections AS SIGNED) AS max_user_connections";
static const char SQL_CLOCK[] =
	"SELECT TIMESTAMPDIFF(MICROSECOND, '1970-01-01', UTC_TIMESTAMP(3)) DIV 1000";

static bool ask_server(struct ctx *c, struct checkup *k, struct server *out)
{
	const enum err e = db_one(c, SQL_SERVER, NO_ARGS, server_fields, out);

	if (e != OK)
		checkup_failed(k, e);
	return e == OK;
}

void check_database(struct ctx *c, struct checkup *k)
{
	struct server s = { 0 };
	const enum err e = db_one(c, SQL_SERVER, NO_ARGS, server_fields, &s);

	if (e == OK)
		checkup_ok(k, "%s, version %s", c->conf->db_name, s.version);
	else
		checkup_bad(k, "start the server, and compare DB_* with its account",
			"%s can't be reached, %s", c->conf->db_name, err_info(e)->code);
}

void check_schema(struct ctx *c, struct checkup *k)
{
	switch (health_database(c)) {
	case DATABASE_OK:
		checkup_ok(k, "up to date");
		return;
	case DATABASE_NOT_MIGRATED:
		checkup_bad(k, "run minimall migrate", "older than the programs");
		return;
	case DATABASE_UNREACHABLE:
		checkup_bad(k, "start the database, or run minimall migrate if it is new",
			"it can't be read");
		return;
	}
}

void check_database_clock(struct ctx *c, struct checkup *k)
{
	int64_t before_ms, after_ms, theirs_ms, behind_ms;
	enum err e = db_ready(c); /* so that connecting takes no time in between */

	before_ms = clock_now_ms();
	if (e == OK)
		e = db_int64(c, SQL_CLOCK, NO_ARGS, &theirs_ms);
	after_ms = clock_now_ms();
	if (e != OK) {
		checkup_failed(k, e);
		return;
	}
	behind_ms = theirs_ms - (before_ms + (after_ms - before_ms) / 2);
	if (behind_ms > CLOCK_MAX_MS || behind_ms < -CLOCK_MAX_MS)
		checkup_bad(k, "synchronise both hosts by NTP",
			"the database's is %+lld s from this host's",
			(long long)(behind_ms / SECOND_MS));
	else
		checkup_ok(k, "within %d s of this host's", (int)(CLOCK_MAX_MS / SECOND_MS));
}

void check_connections(struct ctx *c, struct checkup *k)
{
	const int64_t wanted = processes + jobs_processes;
	struct server s = { 0 };
	const char *name = "max_connections";
	int64_t most;

	if (!ask_server(c, k, &s))
		return;
	most = s.max_connections;
	if (s.max_user_connections > 0 && s.max_user_connections < most) {
		most = s.max_user_connections;
		name = "max_user_connections";
	}
	if (most < wanted)
		checkup_bad(k,
			"raise it in the server's settings, to more than all its clients together need",
			"%s is %lld, and %lld processes and jobs keep one each", name,
			(long long)most, (long long)processes);
	else
		checkup_ok(k, "%s is %lld, and this host needs %lld", name, (long long)most,
			(long long)wanted);
}

/* Free for this user, in MiB. -1: unknown. */
static int64_t free_mib(const char *path)
{
	struct statvfs fs;

	return statvfs(path, &fs) == 0 ? (int64_t)fs.f_bavail * (int64_t)fs.f_frsize / MIB : -1;
}

static bool is_this_host(const char *name)
{
	char host[HOST_MAX];

	return gethostname(host, sizeof(host)) == 0 && strcmp(host, name) == 0;
}

void check_data_disk(struct ctx *c, struct checkup *k)
{
	struct server s = { 0 };
	int64_t mib;

	if (!ask_server(c, k, &s))
		return;
	mib = is_this_host(s.hostname) ? free_mib(s.datadir) : -1;
	if (mib < 0)
		checkup_skip(k, "%s of the host %s can't be seen from here", s.datadir, s.hostname);
	else if (mib < DISK_MIN_MIB)
		checkup_bad(k, "make room, or move it to a larger disk", "%lld MiB free for %s",
			(long long)mib, s.datadir);
	else
		checkup_ok(k, "%lld MiB free for %s", (long long)mib, s.datadir);
}

/* The state in Redis. What remains of STATE_DIR is small, and is made anew if lost. */
static void check_server(struct ctx *c, struct checkup *k)
{
	struct state_server s;

	if (!state_server(c, &s))
		checkup_bad(k, "start Redis, and compare REDIS_URL with its address, users and CA",
			"%s: %s", s.name, state_error(c));
	else if (s.open)
		checkup_bad(
			k, "give it a password", "%s lets in anyone, who may undo limits", s.name);
	else if (s.plain)
		checkup_bad(k, "use rediss://", "%s is another host, and not encrypted", s.name);
	else if (!s.keeps_values)
		checkup_bad(k, "allow the shop's user the command INFO",
			"%s doesn't say which server it is, so nothing is cached", s.name);
	else if (s.round_trip_us * 2 > c->conf->redis_timeout_ms * 1000)
		checkup_bad(k, "move Redis near the shop, or find out what keeps it busy",
			"%s takes %lld us to answer, and has %lld ms for all", s.name,
			(long long)s.round_trip_us, (long long)c->conf->redis_timeout_ms);
	else if (s.evicted > 0)
		checkup_bad(k, "raise its maxmemory, and set maxmemory-policy to noeviction",
			"%s has evicted %lld keys, and with them limits", s.name,
			(long long)s.evicted);
	else if (s.max_bytes > 0 && s.policy != NULL && strcmp(s.policy, "noeviction") != 0)
		checkup_bad(k, "set its maxmemory-policy to noeviction",
			"%s would evict limits (%s)", s.name, s.policy);
	else if (s.max_bytes > 0 && s.used_bytes > s.max_bytes / 10 * 9)
		checkup_bad(k, "raise its maxmemory", "%s has used %lld of its %lld MiB", s.name,
			(long long)(s.used_bytes / MIB), (long long)(s.max_bytes / MIB));
	else
		checkup_ok(k, "%s, version %s, answers in %lld us, %lld MiB used", s.name,
			s.version != NULL ? s.version : "unknown", (long long)s.round_trip_us,
			(long long)(s.used_bytes / MIB));
}

void check_state(struct ctx *c, struct checkup *k)
{
	const char *why;
	struct state_place place = { 0 };

	if (state_is_shared(c)) {
		check_server(c, k);
		return;
	}
	why = state_error(c);
	state_place(c, &place);
	if (why != NULL)
		checkup_bad(k,
			"give STATE_DIR to the programs' user, mode 0700, and run this as that user",
			"%s: %s", place.dir, why);
	else if (!place.memory)
		checkup_bad(k, "set STATE_DIR to a directory below /dev/shm",
			"%s is not on a memory file system", place.dir);
	else if (place.free_bytes / MIB < STATE_MIN_MIB)
		checkup_bad(k, "make room: it may have to be made anew, with 16 MiB",
			"%lld MiB free for %s", (long long)(place.free_bytes / MIB), place.dir);
	else
		checkup_ok(k, "%s, in memory, %lld KiB used, %lld MiB free", place.dir,
			(long long)(place.used_bytes / 1024), (long long)(place.free_bytes / MIB));
}

void check_jobs(struct ctx *c, struct checkup *k)
{
	struct job_pass last = { 0 };
	const enum err e = job_pass_last(c, &last);
	char at[CLOCK_TEXT_MAX];

	if (e != OK) {
		checkup_failed(k, e);
		return;
	}
	clock_iso(last.ended_at.ms, false, at);
	if (last.ended_at.ms == 0)
		checkup_bad(k, "have a timer or cron run minimall jobs every minute or more often",
			"there has been no pass");
	else if (c->now_ms - last.ended_at.ms > JOBS_MAX_MS)
		checkup_bad(k, "see that the timer or cron still runs minimall jobs",
			"the last pass ended at %s", at);
	else if (last.in_trouble > 0)
		checkup_bad(k, "run minimall jobs, which names it, and see the log",
			"%lld kinds of work in trouble in the pass that ended at %s",
			(long long)last.in_trouble, at);
	else
		checkup_ok(k, "the last pass ended at %s", at);
}
