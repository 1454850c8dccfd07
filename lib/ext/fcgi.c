/* SPDX-License-Identifier: MIT */
#include "ext/fcgi.h"

#include <fcgiapp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "ext/fcgi_reply.h"

#define DRAIN_MAX ((int64_t)4 << 20)

struct fcgi {
	FCGX_Request request;
	bool cgi, served;
	int64_t read; /* of the request's body */
};

/*
 * libfcgi checks whether it should stop and then blocks in accept(): a signal in between is
 * missed, and the process would wait for a request that never comes. So the signal is
 * followed by one per second, any of which interrupts accept().
 */
static void again(int signal)
{
	(void)signal;
	alarm(1);
}

static void stop(int signal)
{
	FCGX_ShutdownPending();
	again(signal);
}

static void catch_signals(void)
{
	struct sigaction action = { .sa_handler = stop }; /* no SA_RESTART: waits must end */

	sigemptyset(&action.sa_mask);
	sigaction(SIGTERM, &action, NULL);
	sigaction(SIGUSR1, &action, NULL);
	action.sa_handler = again;
	sigaction(SIGALRM, &action, NULL);
}

struct fcgi *fcgi_new(void)
{
	struct fcgi *f = calloc(1, sizeof(*f));

	if (f == NULL || FCGX_Init() != 0 || FCGX_InitRequest(&f->request, 0, 0) != 0)
		abort();
	f->cgi = FCGX_IsCGI() != 0;
	if (!f->cgi)
		catch_signals();
	return f;
}

void fcgi_free(struct fcgi *f)
{
	if (f == NULL)
		return;
	FCGX_Free(&f->request, 1);
	free(f);
}

bool fcgi_accept(struct fcgi *f)
{
	f->read = 0;
	if (!f->cgi)
		return FCGX_Accept_r(&f->request) == 0;
	if (f->served)
		return false;
	f->served = true;
	return true;
}

const char *fcgi_var(const struct fcgi *f, const char *name)
{
	return f->cgi ? getenv(name) : FCGX_GetParam(name, f->request.envp);
}

const char *fcgi_var_sole(const struct fcgi *f, const char *name)
{
	const size_t len = strlen(name);
	size_t n = 0;

	for (char **p = f->cgi ? environ : f->request.envp; *p != NULL; p++)
		n += strncmp(*p, name, len) == 0 && (*p)[len] == '=';
	return n == 1 ? fcgi_var(f, name) : NULL;
}

static size_t read_some(struct fcgi *f, char *buf, size_t n)
{
	const int64_t got =
		f->cgi ? (int64_t)fread(buf, 1, n, stdin) : FCGX_GetStr(buf, (int)n, f->request.in);

	f->read += got > 0 ? got : 0;
	return got > 0 ? (size_t)got : 0;
}

/* How much of the announced body was not read yet; -1: unknown. */
static int64_t unread(const struct fcgi *f)
{
	const char *length = fcgi_var(f, "CONTENT_LENGTH");
	int64_t n = 0;

	if (length != NULL && length[0] != '\0' && !str_to_i64(slice_of(length), INT64_MAX - 1, &n))
		return -1;
	return n - f->read;
}

/*
 * If a CGI program ends before it has read the body, Apache drops the connection and the
 * response. On a kept FastCGI connection the body precedes the next request.
 */
static void drain(struct fcgi *f)
{
	int64_t left = unread(f);
	char buf[8192];

	left = left < DRAIN_MAX ? left : DRAIN_MAX;
	while (left > 0) {
		const size_t want = left < (int64_t)sizeof(buf) ? (size_t)left : sizeof(buf);
		const size_t got = read_some(f, buf, want);

		left = got > 0 ? left - (int64_t)got : 0;
	}
}

enum fcgi_body fcgi_read_body(struct fcgi *f, struct arena *a, size_t max, struct slice *out)
{
	const char *length = fcgi_var(f, "CONTENT_LENGTH");
	struct str body = str_new(a, max);
	int64_t expected = -1;
	char buf[8192];

	if (length != NULL && length[0] != '\0' &&
		!str_to_i64(slice_of(length), INT64_MAX - 1, &expected))
		return FCGI_BODY_BROKEN;
	if (expected > (int64_t)max)
		return FCGI_BODY_TOO_LARGE;
	if (f->cgi && expected < 0)
		expected = 0; /* CGI doesn't guarantee an end of file on standard input */
	while (!body.overflow && (expected < 0 || body.len < (size_t)expected)) {
		size_t want = sizeof(buf), got;

		if (expected >= 0 && (size_t)expected - body.len < want)
			want = (size_t)expected - body.len;
		got = read_some(f, buf, want);
		if (got == 0)
			break;
		str_add(&body, buf, got);
	}
	if (body.overflow)
		return FCGI_BODY_TOO_LARGE;
	*out = (struct slice){ str_text(&body), body.len };
	return expected >= 0 && body.len != (size_t)expected ? FCGI_BODY_BROKEN : FCGI_BODY_OK;
}

/*
 * Did the request end, so that nothing more of it arrives? Its last record mostly came together with what was read. Only a web
 * server that streams a body of unknown length may still be waiting for the client: this doesn't wait for that.
 */
static bool all_arrived(struct fcgi *f)
{
	char byte;

	if (FCGX_HasSeenEOF(f->request.in))
		return true;
	if (unread(f) != 0 || fcgi_var(f, "HTTP_TRANSFER_ENCODING") != NULL)
		return false;
	return read_some(f, &byte, 1) == 0 && FCGX_GetError(f->request.in) == 0;
}

/* Release what libfcgi keeps of an answered request, and end its connection. */
static void close_connection(FCGX_Request *r, bool arrived)
{
	FCGX_Free(r, 0);
	if (arrived)
		close(r->ipcFd);
	else
		fcgi_reply_close_unread(r->ipcFd);
	r->ipcFd = -1; /* accept another */
}

/*
 * On a kept connection the next request follows the response at once: what is still to be read of this one is read before,
 * since libfcgi's buffer ends with the request.
 */
static void reply_and_keep(struct fcgi *f, struct slice head, struct slice body)
{
	FCGX_Request *r = &f->request;
	bool arrived;

	drain(f);
	arrived = all_arrived(f);
	if (fcgi_reply_send(r->ipcFd, r->requestId, head, body) && arrived)
		FCGX_Free(r, 0);
	else
		close_connection(r, arrived);
}

void fcgi_reply(struct fcgi *f, struct slice head, struct slice body)
{
	FCGX_Request *r = &f->request;

	/* a closed client connection is not our failure */
	if (f->cgi) {
		drain(f);
		fwrite(head.p, 1, head.len, stdout);
		fwrite(body.p, 1, body.len, stdout);
		fflush(stdout);
		return;
	}
	if (r->keepConnection)
		reply_and_keep(f, head, body);
	else
		close_connection(
			r, !fcgi_reply_send(r->ipcFd, r->requestId, head, body) || all_arrived(f));
}
