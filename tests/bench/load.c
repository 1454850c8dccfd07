/* SPDX-License-Identifier: MIT */
/*
 * load.c - the requests of a measurement, over persistent connections that are always busy:
 *   load PORT CONNECTIONS MILLISECONDS REQUESTS_MAX STATUS FILE
 * FILE holds the requests, each as the length of its text, a newline, and the text; they are sent in turn, from a random
 * one on. Twelve "@" in a text are replaced by a value of which no two requests have the same. Each answer must have STATUS.
 * After the time or the number, requests under way are finished. Prints one line of JSON; latencies in us.
 *
 * wrk would do but for its latencies: it adds ones that no request had (against coordinated omission, which a closed loop
 * cannot mend), and it takes whole seconds only.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum {
	TEXT_MAX = 8 << 10,
	HEAD_MAX = 4 << 10,
	PART_MAX = 64 << 10,
	LATENCIES_MAX = 4 << 20,
	DRAIN_MS = 10000
};

static const char mark[] = "@@@@@@@@@@@@";
#define MARK_LEN (sizeof(mark) - 1)

struct request {
	const char *text;
	size_t len;
	const char *mark; /* in the text, or NULL */
};

struct connection {
	int fd; /* -1: closed */
	int64_t sent_us;
	bool in_body, closing;
	int status;
	size_t have;     /* arrived of the answer, until its head is complete */
	int64_t missing; /* of the body */
	char head[HEAD_MAX];
};

struct load {
	struct sockaddr_in to;
	int epoll, want, open; /* connections */
	struct request *requests;
	size_t n_requests, next;
	uint64_t key;
	int64_t stop_us, last_us, started, started_max, finished, failed, bytes;
	uint32_t *latency_us;
	char why[200]; /* of the first failure */
};

static int64_t now_us(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

static void die(const char *what)
{
	fprintf(stderr, "load: %s: %s\n", what, strerror(errno));
	exit(2);
}

static void failed(struct load *l, const char *what, int status)
{
	if (l->failed++ == 0)
		snprintf(l->why, sizeof(l->why), "%s (status %d)", what, status);
}

/* ---- the requests ---- */

static void read_requests(struct load *l, const char *file)
{
	FILE *f = fopen(file, "rb");
	size_t room = 0, len;

	if (f == NULL)
		die(file);
	while (fscanf(f, "%zu", &len) == 1 && getc(f) == '\n') {
		char *text = malloc(len + 1);

		if (text == NULL || len > TEXT_MAX || fread(text, 1, len, f) != len)
			die("a request");
		text[len] = '\0';
		if (l->n_requests == room) {
			room = room == 0 ? 1024 : room * 2;
			l->requests = realloc(l->requests, room * sizeof(*l->requests));
			if (l->requests == NULL)
				die("memory");
		}
		l->requests[l->n_requests++] = (struct request){ text, len, strstr(text, mark) };
	}
	fclose(f);
	if (l->n_requests == 0) {
		fprintf(stderr, "load: no request in %s\n", file);
		exit(2);
	}
}

/* ---- one connection ---- */

static void hang_up(struct load *l, struct connection *k)
{
	if (k->fd < 0)
		return;
	close(k->fd);
	k->fd = -1;
	l->open--;
}

/* Loopback: the connection is there at once, or is refused. */
static bool dial(struct load *l, struct connection *k)
{
	struct epoll_event event = { .events = EPOLLIN, .data.ptr = k };
	const int on = 1;

	k->fd = socket(AF_INET, SOCK_STREAM, 0);
	if (k->fd < 0)
		return false;
	l->open++;
	if (connect(k->fd, (struct sockaddr *)&l->to, sizeof(l->to)) != 0 ||
		fcntl(k->fd, F_SETFL, O_NONBLOCK) != 0 ||
		setsockopt(k->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on)) != 0 ||
		epoll_ctl(l->epoll, EPOLL_CTL_ADD, k->fd, &event) != 0) {
		hang_up(l, k);
		return false;
	}
	return true;
}

/* Send the next request, unless it is time to stop. A connection that fails is not used again. */
static void send_next(struct load *l, struct connection *k)
{
	const struct request *r = &l->requests[l->next];
	char text[TEXT_MAX], key[MARK_LEN + 1];

	if (l->started >= l->started_max || now_us() >= l->stop_us) {
		hang_up(l, k);
		return;
	}
	if (k->fd < 0 && !dial(l, k)) {
		failed(l, strerror(errno), 0);
		return;
	}
	l->next = (l->next + 1) % l->n_requests;
	memcpy(text, r->text, r->len);
	if (r->mark != NULL) {
		snprintf(key, sizeof(key), "%012llx",
			(unsigned long long)l->key++ & 0xffffffffffffU);
		memcpy(text + (r->mark - r->text), key, MARK_LEN);
	}
	k->have = 0;
	k->in_body = k->closing = false;
	k->sent_us = now_us();
	l->started++;
	if (send(k->fd, text, r->len, MSG_NOSIGNAL) != (ssize_t)r->len) {
		failed(l, "a request could not be sent", 0);
		hang_up(l, k);
	}
}

static void finish(struct load *l, struct connection *k)
{
	const int64_t now = now_us();

	if (k->status != l->want)
		failed(l, "another status than wanted", k->status);
	else if (l->finished < LATENCIES_MAX)
		l->latency_us[l->finished++] = (uint32_t)(now - k->sent_us);
	l->last_us = now;
	if (k->closing)
		hang_up(l, k);
	send_next(l, k);
}

/* The value of a header in lower case, or NULL. */
static const char *header(const char *head, const char *name)
{
	const size_t len = strlen(name);

	for (const char *line = strstr(head, "\r\n"); line != NULL; line = strstr(line + 2, "\r\n"))
		if (strncasecmp(line + 2, name, len) == 0)
			return line + 2 + len;
	return NULL;
}

/* Reads the head that is complete: the status, and how much of the body is missing. False: not understood. */
static bool read_head(struct connection *k, size_t head_len)
{
	const char *length, *kept;

	if (sscanf(k->head, "HTTP/1.1 %d", &k->status) != 1)
		return false;
	length = header(k->head, "content-length:");
	kept = header(k->head, "connection:");
	k->closing = kept != NULL && strncasecmp(kept, " close", 6) == 0;
	if (length == NULL && k->status != 304 && k->status != 204)
		return false;
	k->missing = k->status == 304 || length == NULL ? 0 : strtoll(length, NULL, 10);
	k->missing -= (int64_t)(k->have - head_len);
	k->in_body = true;
	return k->missing >= 0;
}

/* What arrived is in head[] until the head is complete, and then only counted. False: the answer is not understood. */
static bool take(struct connection *k, const char *p, size_t n)
{
	const char *end;
	size_t kept;

	if (k->in_body) {
		k->missing -= (int64_t)n;
		return k->missing >= 0;
	}
	kept = n < sizeof(k->head) - 1 - k->have ? n : sizeof(k->head) - 1 - k->have;
	memcpy(k->head + k->have, p, kept);
	k->head[k->have + kept] = '\0';
	k->have += n;
	end = strstr(k->head, "\r\n\r\n");
	if (end == NULL)
		return k->have < sizeof(k->head);
	return read_head(k, (size_t)(end - k->head) + 4);
}

static void receive(struct load *l, struct connection *k)
{
	static char part[PART_MAX];
	const ssize_t n = recv(k->fd, part, sizeof(part), 0);

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n <= 0 || !take(k, part, (size_t)n)) {
		failed(l, n <= 0 ? "closed early" : "an answer that is not understood", k->status);
		hang_up(l, k);
		send_next(l, k);
		return;
	}
	l->bytes += n;
	if (k->in_body && k->missing == 0)
		finish(l, k);
}

/* ---- all of them ---- */

static void run(struct load *l, struct connection *all, int n)
{
	struct epoll_event events[256];
	const int64_t give_up_us = l->stop_us + (int64_t)DRAIN_MS * 1000;

	for (int i = 0; i < n; i++)
		send_next(l, &all[i]);
	while (l->open > 0 && now_us() < give_up_us) {
		const int ready = epoll_wait(l->epoll, events, 256, 1000);

		for (int i = 0; i < ready; i++)
			receive(l, events[i].data.ptr);
	}
	for (int i = 0; i < n; i++)
		if (all[i].fd >= 0)
			failed(l, "no answer", 0);
}

static int by_size(const void *a, const void *b)
{
	const uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return (x > y) - (x < y);
}

static unsigned at(const struct load *l, int permille)
{
	return l->finished == 0 ? 0 : l->latency_us[(l->finished - 1) * permille / 1000];
}

static void print(struct load *l, int64_t start_us)
{
	struct rusage used;
	int64_t cpu;

	getrusage(RUSAGE_SELF, &used);
	cpu = ((int64_t)used.ru_utime.tv_sec + used.ru_stime.tv_sec) * 1000000 +
	      used.ru_utime.tv_usec + used.ru_stime.tv_usec;
	qsort(l->latency_us, (size_t)l->finished, sizeof(*l->latency_us), by_size);
	printf("{\"requests\":%lld,\"failed\":%lld,\"why\":\"%s\",\"seconds\":%.6f,\"bytes\":%lld,"
	       "\"cpuUs\":%lld,\"p50\":%u,\"p99\":%u,\"max\":%u}\n",
		(long long)l->finished, (long long)l->failed, l->why,
		(double)(l->last_us - start_us) / 1e6, (long long)l->bytes, (long long)cpu,
		at(l, 500), at(l, 990), at(l, 1000));
}

int main(int argc, char **argv)
{
	static struct load l;
	struct connection *all;
	int64_t start_us;
	int n;

	if (argc != 7) {
		fprintf(stderr,
			"usage: load PORT CONNECTIONS MILLISECONDS REQUESTS_MAX STATUS FILE\n");
		return 2;
	}
	n = atoi(argv[2]);
	l.to = (struct sockaddr_in){ .sin_family = AF_INET,
		.sin_port = htons((uint16_t)atoi(argv[1])),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	l.started_max = atoll(argv[4]);
	l.want = atoi(argv[5]);
	read_requests(&l, argv[6]);
	all = calloc((size_t)n, sizeof(*all));
	l.latency_us = malloc(LATENCIES_MAX * sizeof(*l.latency_us));
	l.epoll = epoll_create1(EPOLL_CLOEXEC);
	if (n <= 0 || all == NULL || l.latency_us == NULL || l.epoll < 0)
		die("start");
	start_us = now_us();
	l.key = (uint64_t)start_us * 64; /* no run sends so many in a microsecond */
	l.next = (size_t)start_us % l.n_requests;
	for (int i = 0; i < n; i++)
		all[i].fd = -1;
	for (int i = 0; i < n; i++)
		if (!dial(&l, &all[i]))
			die("connect");
	start_us = l.last_us = now_us();
	l.stop_us = start_us + atoll(argv[3]) * 1000;
	run(&l, all, n);
	print(&l, start_us);
	return 0;
}
