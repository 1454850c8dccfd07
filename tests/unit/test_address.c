/* SPDX-License-Identifier: MIT */
/* Where addresses that somebody else has chosen may lead, and whose a forwarded request is. */
#include "unit.h"

#include <arpa/inet.h>
#include <string.h>

#include "base/address.h"
#include "base/url.h"

static bool is(bool (*kind)(const struct sockaddr *), const char *text)
{
	struct sockaddr_in6 six = { .sin6_family = AF_INET6 };
	struct sockaddr_in four = { .sin_family = AF_INET };

	if (inet_pton(AF_INET, text, &four.sin_addr) == 1)
		return kind((const struct sockaddr *)&four);
	if (inet_pton(AF_INET6, text, &six.sin6_addr) != 1)
		fail_msg("no address: %s", text);
	return kind((const struct sockaddr *)&six);
}

static void only_hosts_of_the_internet_are_public(void **state)
{
	static const char *const public[] = { "1.1.1.1", "9.255.255.255", "11.0.0.0",
		"100.63.255.255", "100.128.0.0", "126.255.255.255", "128.0.0.1", "169.253.1.1",
		"172.15.255.255", "172.32.0.0", "192.0.1.1", "192.167.1.1", "192.169.0.0",
		"198.17.255.255", "198.20.0.0", "223.255.255.255", "2400:3200::1",
		"2606:4700::1111", "2001:4860:4860::8888", "3ffe::1" };
	static const char *const others[] = { "0.0.0.0", "0.1.2.3", "10.0.0.1", "10.255.255.255",
		"100.64.0.1", "100.127.255.255", "127.0.0.1", "127.255.255.255", "169.254.169.254",
		"172.16.0.1", "172.31.255.255", "192.0.0.8", "192.0.2.1", "192.88.99.1",
		"192.168.0.1", "192.168.255.255", "198.18.0.1", "198.19.255.255", "198.51.100.7",
		"203.0.113.9", "224.0.0.1", "239.255.255.255", "240.0.0.1", "255.255.255.255",
		"::", "::1", "::ffff:1.1.1.1", "::ffff:127.0.0.1", "64:ff9b::7f00:1", "100::1",
		"fc00::1", "fd00:ec2::254", "fe80::1", "fec0::1", "ff02::1", "2001::1",
		"2001:db8::1", "2002:7f00:1::1", "3fff::1", "4000::1" };
	const struct sockaddr local = { .sa_family = AF_UNIX };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(public); i++)
		if (!is(address_is_public, public[i]) || is(address_is_loopback, public[i]))
			fail_msg("refused: %s", public[i]);
	for (size_t i = 0; i < ARRAY_LEN(others); i++)
		if (is(address_is_public, others[i]))
			fail_msg("taken: %s", others[i]);
	assert_true(is(address_is_loopback, "127.0.0.1"));
	assert_true(is(address_is_loopback, "::1"));
	assert_false(is(address_is_loopback, "128.0.0.1"));
	assert_false(is(address_is_loopback, "::"));
	assert_false(address_is_public(&local));
	assert_false(address_is_loopback(&local));
}

static void an_outside_url_is_https_on_a_listed_port(void **state)
{
	static const char *const good[] = { "https://a.cn", "https://a.cn/x?y=1",
		"HTTPS://hooks.example.com:443/", "https://1.1.1.1/", "https://a.cn:8443/" };
	static const char *const bad[] = { "http://a.cn/", "https://a.cn:80/", "https://a.cn:44/",
		"https://a.cn:84430/", "https://127.0.0.1/", "https://10.1.2.3/",
		"https://169.254.169.254/latest", "https://192.168.1.1:8443/", "https://localhost/",
		"https://2130706433/", "https://0x7f000001/", "https://[::1]/",
		"https://user@a.cn/", "https://a.cn@127.0.0.1/", "ftp://a.cn/", "" };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(good); i++)
		if (!url_is_outside(good[i], "443,8443"))
			fail_msg("refused: %s", good[i]);
	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		if (url_is_outside(bad[i], "443,8443"))
			fail_msg("taken: %s", bad[i]);
	assert_false(url_is_outside("https://a.cn/", "8443"));
}

static void ports_are_a_list_of_numbers(void **state)
{
	static const char *const bad[] = { "", ",", "443,", ",443", "443,,8443", "0", "65536", "x",
		"443 8443", "-1", "1,2,3,4,5,6,7,8,9" };

	(void)state;
	assert_true(url_are_ports("443"));
	assert_true(url_are_ports("443,8443,65535"));
	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		if (url_are_ports(bad[i]))
			fail_msg("taken: %s", bad[i]);
}

/* ---- proxies (BEHAVIOUR 51) ---- */

static void ranges_are_addresses_with_bits(void **state)
{
	static const char *const good[] = { "", "127.0.0.1", "0.0.0.0/0", "10.0.0.0/8",
		"10.0.0.1/32", "::/0", "::1", "2001:db8::/32,\t10.0.0.0/8 , ::1/128",
		"::ffff:10.0.0.0/104" };
	static const char *const bad[] = { ",", "10.0.0.0/8,", ",::1", "10.0.0.0/33", "10.0.0.0/",
		"10.0.0.0/-1", "10.0.0.0/8/8", "::/129", "10.0.0", "10.0.0.0.0", "010.0.0.1/x",
		"localhost", "*", "10.0.0.0-10.0.0.9", "10.0.0.1 10.0.0.2", "[::1]", "::1%lo",
		"1.2.3.4:80", "/8",
		"unix:", "0000:0000:0000:0000:0000:0000:0000:0000:0000:0000:0000:0000:0000" };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(good); i++)
		if (!address_are_ranges(good[i]))
			fail_msg("refused: %s", good[i]);
	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		if (address_are_ranges(bad[i]))
			fail_msg("taken: %s", bad[i]);
}

static void an_address_is_in_a_range_or_not(void **state)
{
	static const struct {
		const char *list, *in, *out;
	} cases[] = {
		{ "10.0.0.0/8", "10.255.255.255", "11.0.0.0" },
		{ "192.0.2.129/25", "192.0.2.128", "192.0.2.127" }, /* only the first bits count */
		{ "192.0.2.1", "192.0.2.1", "192.0.2.2" },
		{ "192.0.2.1", "::ffff:192.0.2.1", "::192.0.2.1" },
		{ "0.0.0.0/0", "255.255.255.255", "::1" },
		{ "2001:db8::/33", "2001:db8:7fff::1", "2001:db8:8000::" },
		{ "::1", "::1", "::2" },
		{ "::1, 10.0.0.0/8", "10.1.2.3", "127.0.0.1" },
		{ "::ffff:10.0.0.0/104", "10.1.2.3", "11.1.2.3" },
		{ "::/0", "1.2.3.4", "x" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		if (!address_is_listed(cases[i].list, cases[i].in))
			fail_msg("%s is not in %s", cases[i].in, cases[i].list);
		if (address_is_listed(cases[i].list, cases[i].out))
			fail_msg("%s is in %s", cases[i].out, cases[i].list);
	}
	assert_false(address_is_listed("", "127.0.0.1"));
	assert_false(address_is_listed("127.0.0.1", ""));
}

static void the_client_is_the_last_that_is_no_proxy(void **state)
{
	static const char proxies[] = "10.0.0.0/8, 2001:db8::/32";
	static const struct {
		const char *peer, *forwarded, *client;
	} cases[] = {
		/* nobody else is believed */
		{ "192.0.2.1", "198.51.100.1", "192.0.2.1" },
		{ "192.0.2.1", NULL, "192.0.2.1" },
		{ "192.0.2.1", "10.0.0.1", "192.0.2.1" },
		{ "", "198.51.100.1", "" },
		/* what the proxies append, not what the client wrote before it */
		{ "10.0.0.1", "198.51.100.1", "198.51.100.1" },
		{ "10.0.0.1", "203.0.113.9, 198.51.100.1", "198.51.100.1" },
		{ "10.0.0.1", "10.0.0.9,198.51.100.1,10.0.0.2 , 10.0.0.3", "198.51.100.1" },
		{ "10.0.0.1", "203.0.113.9,\t198.51.100.1 ", "198.51.100.1" },
		{ "2001:db8::1", "2400:3200::1", "2400:3200::1" },
		{ "::ffff:10.0.0.1", "::ffff:198.51.100.1", "198.51.100.1" },
		/* one way to write each */
		{ "10.0.0.1", "2400:3200:0:0::0001", "2400:3200::1" },
		/* ports */
		{ "10.0.0.1", "198.51.100.1:4711", "198.51.100.1" },
		{ "10.0.0.1", "[2400:3200::1]:4711", "2400:3200::1" },
		{ "10.0.0.1", "[2400:3200::1]", "2400:3200::1" },
		/* only proxies: the first */
		{ "10.0.0.1", "10.0.0.3, 10.0.0.2", "10.0.0.3" },
		/* not said, or not readable: who named it */
		{ "10.0.0.1", NULL, "10.0.0.1" },
		{ "10.0.0.1", "", "10.0.0.1" },
		{ "10.0.0.1", "198.51.100.1,", "10.0.0.1" },
		{ "10.0.0.1", "198.51.100.1, unknown", "10.0.0.1" },
		{ "10.0.0.1", "198.51.100.1, unknown, 10.0.0.2", "10.0.0.2" },
		{ "10.0.0.1", "198.51.100.1, [", "10.0.0.1" },
		{ "10.0.0.1", "198.51.100.1, 1.2.3.4.5", "10.0.0.1" },
		{ "10.0.0.1", ",,,", "10.0.0.1" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		char text[ADDRESS_TEXT_SIZE];
		const char *client =
			address_client(proxies, cases[i].peer, cases[i].forwarded, text);

		if (strcmp(client, cases[i].client) != 0)
			fail_msg("%s, %s: %s, not %s", cases[i].peer,
				cases[i].forwarded != NULL ? cases[i].forwarded : "-", client,
				cases[i].client);
	}
}

/* Of IPv6 what one customer has. */
static void a_client_counts_as_its_network(void **state)
{
	static const char *const cases[][2] = {
		{ "192.0.2.1", "192.0.2.1" },
		{ "::ffff:192.0.2.1", "192.0.2.1" },
		{ "2001:db8:1:2:3:4:5:6", "2001:db8:1:2::" },
		{ "2001:DB8:1:2:ffff::1", "2001:db8:1:2::" },
		{ "2001:db8:1:3::1", "2001:db8:1:3::" },
		{ "::1", "::" },
		{ "", "" },
		{ "unknown", "unknown" },
	};
	char text[ADDRESS_TEXT_SIZE];

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++)
		assert_string_equal(address_network(cases[i][0], text), cases[i][1]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(only_hosts_of_the_internet_are_public),
		cmocka_unit_test(an_outside_url_is_https_on_a_listed_port),
		cmocka_unit_test(ports_are_a_list_of_numbers),
		cmocka_unit_test(ranges_are_addresses_with_bits),
		cmocka_unit_test(an_address_is_in_a_range_or_not),
		cmocka_unit_test(the_client_is_the_last_that_is_no_proxy),
		cmocka_unit_test(a_client_counts_as_its_network),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
