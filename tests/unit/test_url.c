/* SPDX-License-Identifier: MIT */
#include "unit.h"

#include <curl/curl.h>
#include <string.h>
#include <strings.h>

#include "base/url.h"

static const char *const addresses[] = { "https://thirdwx.qlogo.cn/mmopen/vi_32/a/132",
	"HTTPS://thirdwx.qlogo.cn/mmopen/vi_32/a/132", "http://wx.qlogo.cn/x", "https://a.cn",
	"https://a.cn?x=1", "https://a.cn#top", "https://a.cn:8443/x", "https://192.168.0.10/a.png",
	"https://xn--fiqs8s.xn--fiqz9s/a.png", "https://a.cn/图.png?%E4%BD%A0=1&b[]=2",
	"https://a-b.c1.cn/~x/(y)'z',!$*;@:" };

static const char *const refused[] = { "", "https://", "https:///a.png", "http://tmp/9xN2cQk7.jpg",
	"https://localhost/x", "https://a b/c.png", "https://a.cn/b c.png",
	"https://x\" onerror=\"y", "https://a.cn/\"onerror=", "https://a.cn/<script>",
	"https://a.cn/%zz", "https://a.cn/%4", "https://user@a.cn/", "https://a.cn@b.cn/",
	"https://a.cn:/", "https://a.cn:0/", "https://a.cn:65536/", "https://a.cn:80x/",
	"https://.a.cn/", "https://a..cn/", "https://a.cn./", "https://-a.cn/", "https://a-.cn/",
	"https://256.1.1.1/", "https://1.2.3/", "https://01.2.3.4/", "https://0x7f.1/",
	"https://[::1]/", "https://a_b.cn/", "https://图.cn/", "ftp://a.cn/x", "//a.cn/x", "/x",
	"https:/a.cn", "javascript:alert(1)", "data:image/png;base64,x", "https://a.cn\\x",
	"https://a.cn/\\x", "https://a.cn/\x01" };

static void a_web_url_is_recognised(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(addresses); i++)
		if (!url_is_web(addresses[i]))
			fail_msg("refused: %s", addresses[i]);
	for (size_t i = 0; i < ARRAY_LEN(refused); i++)
		if (url_is_web(refused[i]))
			fail_msg("taken: %s", refused[i]);
}

static void a_url_of_this_host_is_recognised(void **state)
{
	static const char *const here[] = { "http://127.0.0.1", "https://127.0.0.1/",
		"http://localhost:8080/x?y=a@b", "https://[::1]:9", "http://[::1]/x",
		"HTTP://localhost#x" };
	static const char *const elsewhere[] = { "", "127.0.0.1", "ftp://127.0.0.1/",
		"http://127.0.0.1.cn/", "http://localhost.cn", "http://localhostx/",
		"http://127.0.0.10/", "http://a.cn/127.0.0.1", "http://localhost:x@a.cn/",
		"http://localhost@a.cn/", "http://127.0.0.1:80@a.cn", "http://127.0.0.1:80\\@a.cn",
		"http://[::1", "http://[::1]a.cn/", "http://a@localhost/", "http://" };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(here); i++)
		if (!url_is_loopback(here[i]))
			fail_msg("refused: %s", here[i]);
	for (size_t i = 0; i < ARRAY_LEN(elsewhere); i++)
		if (url_is_loopback(elsewhere[i]))
			fail_msg("taken: %s", elsewhere[i]);
}

/* Another parser must not find a different host in what is accepted here. */
static void libcurl_parses_the_same_host(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(addresses); i++) {
		CURLU *u = curl_url();
		char *host = NULL;

		assert_int_equal(curl_url_set(u, CURLUPART_URL, addresses[i], 0), CURLUE_OK);
		assert_int_equal(curl_url_get(u, CURLUPART_HOST, &host, 0), CURLUE_OK);
		assert_int_equal(
			strncasecmp(strstr(addresses[i], "://") + 3, host, strlen(host)), 0);
		curl_free(host);
		curl_url_cleanup(u);
	}
}

static void a_path_of_this_site_has_no_host(void **state)
{
	(void)state;
	assert_true(url_is_local("/images/a.png?v=2"));
	assert_true(url_is_local("/"));
	assert_false(url_is_local("//a.cn/x"));
	assert_false(url_is_local("a.png"));
	assert_false(url_is_local("/a b"));
	assert_false(url_is_local("/\\a.cn"));
	assert_false(url_is_local("/\"x"));
}

static void an_address_of_a_listed_host_is_taken(void **state)
{
	static const char hosts[] = "a.cn, Shop.example.com,,";
	static const char *const listed[] = { "https://a.cn", "https://A.CN/", "HTTPS://a.cn?x",
		"https://shop.example.com/done?a=1#x" };
	static const char *const others[] = { "http://a.cn/", "https://b.cn/", "https://a.cn.b.cn/",
		"https://xa.cn/", "https://a.cn:443/", "https://a.cn@b.cn/", "https://b.cn@a.cn/",
		"https://a.c", "https://", "//a.cn/", "", "https://a.cn\\@b.cn/" };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(listed); i++)
		if (!url_is_https_on(listed[i], hosts))
			fail_msg("refused: %s", listed[i]);
	for (size_t i = 0; i < ARRAY_LEN(others); i++)
		if (url_is_https_on(others[i], hosts))
			fail_msg("taken: %s", others[i]);
	assert_false(url_is_https_on("https://a.cn/", ""));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_web_url_is_recognised),
		cmocka_unit_test(a_url_of_this_host_is_recognised),
		cmocka_unit_test(libcurl_parses_the_same_host),
		cmocka_unit_test(an_address_of_a_listed_host_is_taken),
		cmocka_unit_test(a_path_of_this_site_has_no_host),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
