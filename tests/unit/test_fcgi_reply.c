/* SPDX-License-Identifier: MIT */
#include "unit.h"

#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "ext/fcgi_reply.h"

/* The records that a web server receives, read back by their specification (FastCGI 1.0, 3.3). */

enum { STDOUT = 6, END_REQUEST = 3, REQUEST_ID = 0x1234, LARGE = 16 << 20 };

static unsigned char *received;
static size_t received_n;
static int ends[2]; /* ours, and the web server's */

static int open_pair(void **state)
{
	(void)state;
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
	received = malloc((size_t)LARGE + (1 << 20));
	received_n = 0;
	return received != NULL ? 0 : -1;
}

static int close_pair(void **state)
{
	(void)state;
	for (int i = 0; i < 2; i++)
		if (ends[i] >= 0)
			close(ends[i]);
	free(received);
	return 0;
}

static void *receive(void *unused)
{
	ssize_t n;

	(void)unused;
	while ((n = read(ends[1], received + received_n, 100000)) > 0)
		received_n += (size_t)n;
	return NULL;
}

/* Send, and receive all of it. */
static void pass(struct slice head, struct slice body)
{
	pthread_t thread;

	assert_int_equal(pthread_create(&thread, NULL, receive, NULL), 0);
	assert_true(fcgi_reply_send(ends[0], REQUEST_ID, head, body));
	close(ends[0]);
	ends[0] = -1;
	assert_int_equal(pthread_join(thread, NULL), 0);
}

/* The next record's type; its content is moved to *out. */
static int next_record(size_t *at, size_t *content, unsigned char **out)
{
	unsigned char h[8];

	assert_in_range(*at + sizeof(h), 0, received_n);
	memcpy(h, received + *at, sizeof(h));
	assert_int_equal(h[0], 1);
	assert_int_equal(h[2] << 8 | h[3], REQUEST_ID);
	*content = (size_t)(h[4] << 8 | h[5]);
	assert_int_equal((*content + h[6]) % 8, 0);
	assert_in_range(h[6], 0, 7);
	assert_in_range(*at + sizeof(h) + *content + h[6], 0, received_n);
	memmove(*out, received + *at + sizeof(h), *content);
	*out += *content;
	*at += sizeof(h) + *content + h[6];
	return h[1];
}

static void assert_passed(struct slice head, struct slice body)
{
	size_t at = 0, content = 1;
	unsigned char *out = received; /* contents are shorter than what was read of them */

	while (content > 0)
		assert_int_equal(next_record(&at, &content, &out), STDOUT);
	assert_int_equal(out - received, head.len + body.len);
	assert_int_equal(next_record(&at, &content, &out), END_REQUEST);
	assert_int_equal(content, 8);
	assert_memory_equal(out - content, "\0\0\0\0\0\0\0\0", content);
	assert_int_equal(at, received_n);
	assert_memory_equal(received, head.p, head.len);
	assert_memory_equal(received + head.len, body.p, body.len);
}

static struct slice text_of(size_t len)
{
	char *p = malloc(len + 1);

	assert_non_null(p);
	for (size_t i = 0; i < len; i++)
		p[i] = (char)('!' + i % 89);
	return (struct slice){ p, len };
}

static void pass_sizes(size_t head_len, size_t body_len)
{
	const struct slice head = text_of(head_len), body = text_of(body_len);

	open_pair(NULL);
	pass(head, body);
	assert_passed(head, body);
	close_pair(NULL);
	free((void *)(uintptr_t)head.p);
	free((void *)(uintptr_t)body.p);
}

static void texts_of_any_length_arrive(void **state)
{
	static const size_t heads[] = { 0, 1, 7, 8, 300 };
	static const size_t bodies[] = { 0, 1, 8, 65527, 65528, 65529, 65535, 65536, 131056,
		1000000, LARGE };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(heads); i++)
		for (size_t j = 0; j < ARRAY_LEN(bodies); j++)
			pass_sizes(heads[i], bodies[j]);
	pass_sizes(70000, 70000);
}

/* What the kernel takes in pieces, from a descriptor that doesn't wait. */
static void a_slow_reader_gets_all(void **state)
{
	const struct slice head = slice_of("Status: 200\r\n\r\n"), body = text_of(3000001);
	const int few = 4096;

	(void)state;
	assert_int_equal(setsockopt(ends[0], SOL_SOCKET, SO_SNDBUF, &few, sizeof(few)), 0);
	assert_int_equal(fcntl(ends[0], F_SETFL, O_NONBLOCK), 0);
	pass(head, body);
	assert_passed(head, body);
	free((void *)(uintptr_t)body.p);
}

static void a_web_server_that_has_gone_is_told_not_a_signal(void **state)
{
	const struct slice body = text_of(1000000);

	(void)state;
	close(ends[1]);
	ends[1] = -1;
	assert_false(fcgi_reply_send(ends[0], REQUEST_ID, slice_of("head"), body));
	free((void *)(uintptr_t)body.p);
}

/* Unread input would make a plain close() a reset: the reader would get an error instead of the end. */
static void unread_input_does_not_cost_the_response(void **state)
{
	const struct slice unread = text_of(60000), head = slice_of("Status: 413\r\n\r\n");
	pthread_t thread;

	(void)state;
	assert_int_equal(write(ends[1], unread.p, unread.len), unread.len);
	assert_true(fcgi_reply_send(ends[0], REQUEST_ID, head, slice_of("")));
	assert_int_equal(shutdown(ends[1], SHUT_WR), 0);
	assert_int_equal(pthread_create(&thread, NULL, receive, NULL), 0);
	fcgi_reply_close_unread(ends[0]);
	ends[0] = -1;
	assert_int_equal(pthread_join(thread, NULL), 0);
	assert_passed(head, slice_of(""));
	assert_int_equal(read(ends[1], received, 1), 0);
	free((void *)(uintptr_t)unread.p);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, open_pair, close_pair)
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(texts_of_any_length_arrive),
		TEST(a_slow_reader_gets_all),
		TEST(a_web_server_that_has_gone_is_told_not_a_signal),
		TEST(unread_input_does_not_cost_the_response),
	};

	signal(SIGPIPE, SIG_DFL);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
