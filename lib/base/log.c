/* SPDX-License-Identifier: MIT */
#include "base/log.h"

#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "base/clock.h"

#define LINE_MAX_BYTES 4096

static int log_fd = STDERR_FILENO;
static const char *log_program = "minimall";
static const char *log_id = "";

static const char *const level_names[] = { "info", "warn", "error", "alarm" };

bool log_open(const char *path, const char *program)
{
	int fd;

	log_program = program;
	if (path == NULL)
		return true;
	fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0640);
	if (fd < 0)
		return false;
	log_fd = fd;
	return true;
}

void log_request_id(const char *id)
{
	log_id = id;
}

static struct str begin_line(struct arena *a, enum log_level level)
{
	struct str line = str_new(a, 2 * LINE_MAX_BYTES);
	char at[CLOCK_TEXT_MAX];

	clock_iso(clock_now_ms(), true, at);
	str_addf(&line, "{\"time\":\"%s\",\"level\":\"%s\",\"program\":\"%s\"", at,
		level_names[level], log_program);
	if (log_id[0] != '\0')
		str_addf(&line, ",\"request_id\":\"%s\"", log_id);
	return line;
}

static void end_line(struct arena *a, struct str *line)
{
	str_adds(line, "}\n");
	/* nothing can be done about a failed write */
	if (write(log_fd, str_text(line), line->len) < 0 && log_fd != STDERR_FILENO)
		dprintf(STDERR_FILENO, "%s", str_text(line));
	arena_done(a);
}

void log_line(enum log_level level, const char *area, const char *fmt, ...)
{
	struct arena a = { 0 };
	struct str line = begin_line(&a, level);
	char text[LINE_MAX_BYTES / 2];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	for (unsigned char *p = (unsigned char *)text; *p != '\0'; p++)
		if (*p >= 0x80)
			*p = '?'; /* a truncated or invalid sequence must not break the line */
	str_addf(&line, ",\"area\":\"%s\",\"message\":", area);
	str_add_json(&line, text, strlen(text));
	end_line(&a, &line);
}

void log_access(const struct log_access *x)
{
	struct arena a = { 0 };
	struct str line = begin_line(&a, LOG_INFO);

	str_addf(&line, ",\"method\":\"%s\",\"route\":\"%s\",\"status\":%d", x->method, x->route,
		x->status);
	if (x->code != NULL)
		str_addf(&line, ",\"code\":\"%s\"", x->code);
	str_addf(&line, ",\"ms\":%lld,\"bytes\":%zu", (long long)x->ms, x->bytes);
	if (x->user_id != 0)
		str_addf(&line, ",\"user_id\":%lld", (long long)x->user_id);
	end_line(&a, &line);
}
