/* SPDX-License-Identifier: MIT */
/*
 * command.h - a subcommand of `minimall` is a row in minimall.c and a file here.
 */
#ifndef CLI_COMMAND_H
#define CLI_COMMAND_H

#include "base/ctx.h"

/* Exit statuses of the command. */
enum { EXIT_DONE = 0, EXIT_FAILED = 1, EXIT_USAGE = 2 };

struct command {
	const char *name;
	int (*run)(struct ctx *c, int argc, char **argv); /* argv[0] is the name */
	unsigned needs;                                   /* of conf.h */
	const char *usage, *help;
	bool as_owner; /* it changes the shared state: when started by root it runs as the programs' user */
	int (*with_faults)(int argc); /* instead of run() when settings are wrong; NULL: it fails */
};

int run_migrate(struct ctx *c, int argc, char **argv);
int run_create_admin(struct ctx *c, int argc, char **argv);
int run_issue_token(struct ctx *c, int argc, char **argv);
int run_grant_vip(struct ctx *c, int argc, char **argv);
int run_import_members(struct ctx *c, int argc, char **argv);
int run_note_refund(struct ctx *c, int argc, char **argv);
int run_reconcile(struct ctx *c, int argc, char **argv);
int run_jobs(struct ctx *c, int argc, char **argv);
int run_doctor(struct ctx *c, int argc, char **argv);
int run_audit(struct ctx *c, int argc, char **argv);

/* Settings were wrong, each fault is on standard error: the doctor's complaint about them. */
int tell_doctor_settings(int argc);

/* The value after `--name`, or NULL. *bad is set for an option that isn't in `known`. */
const char *option(int argc, char **argv, const char *name);
/* Is everything in argv one of these "--options" (each with a value if it ends in '=')? */
bool options_known(int argc, char **argv, const char *const *known);
/* Print a failure for the user; returns EXIT_FAILED. */
int print_failure(const struct ctx *c, enum err e);

#endif
