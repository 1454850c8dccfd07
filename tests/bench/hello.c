/* SPDX-License-Identifier: MIT */
/*
 * hello.c - the least that a FastCGI program of libfcgi can do: it answers with as many bytes as the query "bytes=N" says.
 * What a shop answers through the same web server can't be faster than this.
 */
#include <fcgiapp.h>
#include <stdlib.h>
#include <string.h>

enum { BYTES_MAX = 1 << 16 };

int main(void)
{
	static char body[BYTES_MAX];
	FCGX_Request request;

	memset(body, 'x', sizeof(body));
	FCGX_Init();
	FCGX_InitRequest(&request, 0, 0);
	while (FCGX_Accept_r(&request) == 0) {
		const char *query = FCGX_GetParam("QUERY_STRING", request.envp);
		int n = query != NULL && strncmp(query, "bytes=", 6) == 0 ? atoi(query + 6) : 0;

		if (n < 0 || n > BYTES_MAX)
			n = 0;
		FCGX_FPrintF(request.out,
			"Status: 200\r\nContent-Type: text/plain\r\nContent-Length: %d\r\n\r\n", n);
		FCGX_PutStr(body, n, request.out);
		FCGX_Finish_r(&request);
	}
	return 0;
}
