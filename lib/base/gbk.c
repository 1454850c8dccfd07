/* SPDX-License-Identifier: MIT */
#include "base/gbk.h"

#include <iconv.h>
#include <string.h>

#include "base/log.h"

/* An iconv_t, which is a pointer in glibc. */
struct gbk *gbk_open(void)
{
	const iconv_t cd = iconv_open("UTF-8", "GBK");

	if (cd != (iconv_t)-1)
		return (struct gbk *)cd;
	log_line(LOG_ALARM, "bill", "this system can't decode GBK: its gconv modules are missing");
	return NULL;
}

void gbk_close(struct gbk *g)
{
	if (g != NULL)
		iconv_close((iconv_t)g);
}

bool gbk_decode(struct gbk *g, const char *text, size_t len, char *out)
{
	char *in = (char *)(uintptr_t)text; /* iconv changes the pointer, never the text */
	size_t room = 3 * len;

	if (memchr(text, '\0', len) != NULL)
		return false;
	iconv((iconv_t)g, NULL, NULL, NULL, NULL);
	if (iconv((iconv_t)g, &in, &len, &out, &room) != 0)
		return false;
	*out = '\0';
	return true;
}
