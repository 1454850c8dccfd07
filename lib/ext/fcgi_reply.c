/* SPDX-License-Identifier: MIT */
#include "ext/fcgi_reply.h"

#include <errno.h>
#include <fastcgi.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include "base/clock.h"

/* CONTENT_MAX: the most that a record holds, of whole words: only a response's last record is padded. */
enum { WORD = 8, CONTENT_MAX = 65535 / WORD * WORD, PARTS_MAX = 64 };
enum { UNREAD_MAX_BYTES = 4 << 20, UNREAD_MAX_MS = 2000 };

/* ---- what is to be sent, in the order of its parts ---- */

struct output {
	int fd;
	size_t n;
	struct iovec parts[PARTS_MAX];
	FCGI_Header headers[PARTS_MAX]; /* each of the part with its index */
};

/* Wait until the connection takes more. */
static void await_room(int fd)
{
	struct pollfd p = { .fd = fd, .events = POLLOUT };

	(void)poll(&p, 1, -1);
}

static void remove_sent(struct msghdr *m, size_t sent)
{
	while (m->msg_iovlen > 0 && sent >= m->msg_iov->iov_len) {
		sent -= m->msg_iov->iov_len;
		m->msg_iov++;
		m->msg_iovlen--;
	}
	if (m->msg_iovlen > 0) {
		m->msg_iov->iov_base = (char *)m->msg_iov->iov_base + sent;
		m->msg_iov->iov_len -= sent;
	}
}

static bool flush(struct output *o)
{
	struct msghdr m = { .msg_iov = o->parts, .msg_iovlen = o->n };

	o->n = 0;
	while (m.msg_iovlen > 0) {
		const ssize_t sent = sendmsg(o->fd, &m, MSG_NOSIGNAL);

		if (sent >= 0)
			remove_sent(&m, (size_t)sent);
		else if (errno == EAGAIN)
			await_room(o->fd);
		else if (errno != EINTR)
			return false;
	}
	return true;
}

static void add(struct output *o, const void *p, size_t len)
{
	if (len > 0)
		o->parts[o->n++] = (struct iovec){ (void *)(uintptr_t)p, len };
}

static void add_header(struct output *o, int type, int request_id, size_t content, size_t padding)
{
	FCGI_Header *h = &o->headers[o->n];

	*h = (FCGI_Header){
		.version = FCGI_VERSION_1,
		.type = (unsigned char)type,
		.requestIdB1 = (unsigned char)(request_id >> 8),
		.requestIdB0 = (unsigned char)request_id,
		.contentLengthB1 = (unsigned char)(content >> 8),
		.contentLengthB0 = (unsigned char)content,
		.paddingLength = (unsigned char)padding,
	};
	add(o, h, sizeof(*h));
}

/* ---- responses ---- */

/* Take up to *left bytes off a text. */
static void add_from(struct output *o, struct slice *from, size_t *left)
{
	const size_t n = from->len < *left ? from->len : *left;

	add(o, from->p, n);
	*left -= n;
	*from = (struct slice){ from->p + n, from->len - n };
}

bool fcgi_reply_send(int fd, int request_id, struct slice head, struct slice body)
{
	/* a record's header, its content of two texts, and its padding; then the records of the end */
	enum { PARTS_OF_RECORD = 4, PARTS_OF_END = 3 };
	static const char padding[WORD] = "";
	static const FCGI_EndRequestBody end = { .protocolStatus = FCGI_REQUEST_COMPLETE };
	struct output o;

	o.fd = fd;
	o.n = 0;
	while (head.len + body.len > 0) {
		const size_t rest = head.len + body.len;
		const size_t content = rest < CONTENT_MAX ? rest : CONTENT_MAX;
		const size_t pad = (WORD - content % WORD) % WORD;
		size_t left = content;

		if (o.n + PARTS_OF_RECORD + PARTS_OF_END > PARTS_MAX && !flush(&o))
			return false;
		add_header(&o, FCGI_STDOUT, request_id, content, pad);
		add_from(&o, &head, &left);
		add_from(&o, &body, &left);
		add(&o, padding, pad);
	}
	add_header(&o, FCGI_STDOUT, request_id, 0, 0);
	add_header(&o, FCGI_END_REQUEST, request_id, sizeof(end), 0);
	add(&o, &end, sizeof(end));
	return flush(&o);
}

void fcgi_reply_close_unread(int fd)
{
	const int64_t until_ms = clock_mono_ms() + UNREAD_MAX_MS;
	size_t left = UNREAD_MAX_BYTES;
	ssize_t n = shutdown(fd, SHUT_WR) == 0;
	char buf[16384];

	while (n > 0 && left > 0) {
		struct pollfd p = { .fd = fd, .events = POLLIN };
		const int64_t wait_ms = until_ms - clock_mono_ms();

		if (wait_ms <= 0 || poll(&p, 1, (int)wait_ms) <= 0)
			break;
		n = recv(fd, buf, sizeof(buf), 0);
		left -= n > 0 && (size_t)n < left ? (size_t)n : left;
	}
	close(fd);
}
