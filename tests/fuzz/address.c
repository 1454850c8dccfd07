/* SPDX-License-Identifier: MIT */
/* X-Forwarded-For, which begins with what a client wrote; and lists of proxies. */
#include "base/address.h"
#include "fuzz.h"

static const char proxies[] = "10.0.0.0/8, 2001:db8::/32, ::1";

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct arena a = { 0 };
	const char *text = fuzz_text(&a, data, size);
	struct str longer = str_new(&a, 2 * size + 64);
	char one[ADDRESS_TEXT_SIZE], two[ADDRESS_TEXT_SIZE];
	const char *client = address_client(proxies, "10.0.0.1", text, one);

	/* an address in its one spelling */
	HOLDS(strlen(client) < sizeof(one) && address_is_listed("::/0", client));
	HOLDS(strcmp(address_client(proxies, "10.0.0.1", client, two), client) == 0);
	/* nothing that a client wrote in front changes what a proxy appended */
	str_adds(&longer, text);
	str_adds(&longer, ", 198.51.100.7, 2001:db8::9");
	HOLDS(strcmp(address_client(proxies, "::1", str_text(&longer), two), "198.51.100.7") == 0);
	/* nor counts anything from another peer */
	HOLDS(strcmp(address_client(proxies, "192.0.2.1", text, two), "192.0.2.1") == 0);
	if (!address_are_ranges(text))
		HOLDS(text[0] != '\0');
	(void)address_is_listed(text, "192.0.2.1");
	arena_done(&a);
	return 0;
}
