/* SPDX-License-Identifier: MIT */
/*
 * fcgi_reply.h - a response as FastCGI records, all of them in one write on the web server's connection.
 * libfcgi would copy it through its buffer, and write and close in several steps.
 */
#ifndef EXT_FCGI_REPLY_H
#define EXT_FCGI_REPLY_H

#include "base/str.h"

/* Send head and body as the whole response of a request. False: the web server no longer takes it. */
bool fcgi_reply_send(int fd, int request_id, struct slice head, struct slice body) MUST;

/*
 * Close a connection of which part of the request was not read. A plain close() would then be a reset, which may take the
 * response with it; so what arrives is read and ignored until the web server closes, for a bounded time and length.
 */
void fcgi_reply_close_unread(int fd);

#endif
