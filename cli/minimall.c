/* SPDX-License-Identifier: MIT */
/* minimall.c - the shop's command: a table of subcommands. */
#include <grp.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/version.h"
#include "command.h"
#include "ext/db.h"
#include "ext/metrics.h"
#include "ext/state.h"
#include "ext/unpack.h"
#include "shop/books/epoch.h"

static const struct command commands[] = {
	{ "migrate", run_migrate, CONF_DB, "", "update the database schema", false, NULL },
	{ "create-admin", run_create_admin, CONF_DB, "--account EMAIL_OR_PHONE [--nickname NAME]",
		"create an administrator; the password is one line on standard input", false,
		NULL },
	{ "issue-token", run_issue_token, CONF_DB, "--system NAME | --list | --revoke ID",
		"issue a service token (shown once), list them, or revoke one", false, NULL },
	{ "grant-vip", run_grant_vip, CONF_DB, "--user ID --level N --days N",
		"give a user a VIP membership for nothing", true, NULL },
	{ "import-members", run_import_members, CONF_DB, "FILE.csv [--apply]",
		"check a file of members with their points, or import it", false, NULL },
	{ "note-refund", run_note_refund, CONF_ALL, "NUMBER [--payment NUMBER [--amount YUAN]]",
		"record a refund made in a merchant console, by querying the payment providers",
		true, NULL },
	{ "reconcile", run_reconcile, CONF_ALL,
		"--date YYYY-MM-DD [--provider wechat|alipay] [--repair]",
		"compare the payment providers' bills of a day with the books; exits 1 when they differ",
		true, NULL },
	{ "jobs", run_jobs, CONF_ALL, "", "one pass over everything that is due", true, NULL },
	{ "doctor", run_doctor, CONF_ALL, "",
		"look at everything around the shop; exits 1 when there is a complaint", true,
		tell_doctor_settings },
	{ "audit", run_audit, CONF_DB, "[--limit SECONDS]",
		"recompute stock, payments, cards and memberships; exits 1 when something is wrong",
		false, NULL },
};

const char *option(int argc, char **argv, const char *name)
{
	for (int i = 1; i + 1 < argc; i++)
		if (strcmp(argv[i], name) == 0)
			return argv[i + 1];
	return NULL;
}

bool options_known(int argc, char **argv, const char *const *known)
{
	for (int i = 1; i < argc; i++) {
		const char *const *k = known;
		size_t len = strlen(argv[i]);

		while (*k != NULL && (strncmp(*k, argv[i], len) != 0 ||
					     ((*k)[len] != '\0' && strcmp(*k + len, "=") != 0)))
			k++;
		if (*k == NULL)
			return false;
		if ((*k)[len] == '=' && ++i == argc)
			return false;
	}
	return true;
}

int print_failure(const struct ctx *c, enum err e)
{
	const struct err_info *info = err_info(e);

	if (c->arena.exhausted)
		log_line(LOG_ALARM, "memory", "a command passed the limit of its arena");
	fprintf(stderr, "minimall: %s (%s)%s%s\n", info->text, info->code,
		c->fault != NULL ? ": " : "", c->fault != NULL ? c->fault : "");
	return EXIT_FAILED;
}

static int usage(void)
{
	fprintf(stderr, "usage: minimall COMMAND | --version\n\n");
	for (size_t i = 0; i < ARRAY_LEN(commands); i++)
		fprintf(stderr, "  %s %s\n      %s\n", commands[i].name, commands[i].usage,
			commands[i].help);
	fprintf(stderr,
		"\nSettings come from the environment or the file that MINIMALL_CONFIG names.\n");
	return EXIT_USAGE;
}

/*
 * When started by root, switch to the user of the shop's programs, so that the shared state is changed for them and stays
 * theirs. If STATE_DIR is not set, anyone may have created the default directory, but only the shop's user can read the
 * settings. False on failure.
 */
static bool act_as_owner(const struct conf *conf)
{
	const char *settings = conf->state_dir == NULL ? getenv("MINIMALL_CONFIG") : NULL;
	const struct passwd *user;
	uid_t uid;
	gid_t gid;

	if (geteuid() != 0 || (conf->state_dir == NULL && settings == NULL) ||
		!state_owner(conf, &uid, &gid) || uid == 0)
		return true;
	user = getpwuid(uid);
	if (user != NULL)
		gid = user->pw_gid;
	return (user != NULL ? initgroups(user->pw_name, gid) : setgroups(0, NULL)) == 0 &&
	       setresgid(gid, gid, gid) == 0 && setresuid(uid, uid, uid) == 0 &&
	       (settings == NULL || access(settings, R_OK) == 0);
}

static int run(const struct command *command, int argc, char **argv)
{
	struct arena forever = { 0 };
	struct conf conf;
	struct ctx c = { .actor.kind = ACTOR_COMMAND, .unzip = unzip_library };
	int status = EXIT_FAILED;

	if (conf_load(&conf, command->needs, &forever)) {
		const bool logs = log_open(conf.log_file, "minimall");
		const bool owner = logs && (!command->as_owner || act_as_owner(&conf));

		c.conf = &conf;
		c.db = db_new(&conf, &db_limits_command);
		c.state = state_new(&conf, &epoch_hooks);
		c.now_ms = clock_now_ms();
		if (owner && command->as_owner)
			metrics_open(&conf, "minimall");
		if (owner)
			status = command->run(&c, argc, argv);
		else
			fprintf(stderr, "configuration: %s\n",
				logs ? "the user of STATE_DIR can't be acted as"
				     : "LOG_FILE can't be opened");
		state_settle(&c);
		state_free(c.state);
		db_free(c.db);
		metrics_close();
	} else if (command->with_faults != NULL) {
		status = command->with_faults(argc);
	}
	arena_done(&c.arena);
	arena_done(&forever);
	if (status == EXIT_USAGE)
		fprintf(stderr, "usage: minimall %s %s\n", command->name, command->usage);
	return status;
}

int main(int argc, char **argv)
{
	if (argc == 2 && strcmp(argv[1], "--version") == 0) {
		printf("minimall %s\n", minimall_version);
		return EXIT_DONE;
	}
	for (size_t i = 0; argc > 1 && i < ARRAY_LEN(commands); i++)
		if (strcmp(argv[1], commands[i].name) == 0)
			return run(&commands[i], argc - 1, argv + 1);
	return usage();
}
