/* SPDX-License-Identifier: MIT */
/*
 * child.h - runs in a child process what aborts the process or changes its state
 * (environment, standard error).
 */
#ifndef UNIT_CHILD_H
#define UNIT_CHILD_H

#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

typedef void child_fn(void *arg);

/*
 * Run fn in a child and store its standard error in `said` (at most size - 1 bytes).
 * Returns the child's wait status.
 */
static inline int child_run(child_fn *fn, void *arg, char *said, size_t size)
{
	const struct rlimit no_core = { 0, 0 };
	size_t have = 0;
	int fds[2], status;
	ssize_t n;
	pid_t pid;

	fflush(NULL);
	if (pipe(fds) != 0 || (pid = fork()) < 0)
		abort();
	if (pid == 0) {
		if (setrlimit(RLIMIT_CORE, &no_core) != 0 || dup2(fds[1], STDERR_FILENO) < 0)
			_exit(99);
		close(fds[0]);
		close(fds[1]);
		/* cmocka's handlers would turn a signal into a long jump */
		signal(SIGABRT, SIG_DFL);
		fn(arg);
		fflush(NULL);
		_exit(0);
	}
	close(fds[1]);
	while ((n = read(fds[0], said + have, size - 1 - have)) > 0)
		have += (size_t)n;
	said[have] = '\0';
	close(fds[0]);
	if (waitpid(pid, &status, 0) != pid)
		abort();
	return status;
}

/* Does fn abort(), as assertions do? */
static inline bool child_aborts(child_fn *fn, void *arg)
{
	char said[4096];
	int status = child_run(fn, arg, said, sizeof(said));

	return WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT;
}

#endif
