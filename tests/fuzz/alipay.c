/* SPDX-License-Identifier: MIT */
/* What Alipay sends. The first letter says what the rest is: a notification ('n'), or a response ('r'). */
#include "base/json_scan.h"
#include "ext/db.h"
#include "fuzz.h"
#include "providers/alipay/call.h"

#define NAME "alipay_trade_query_response"

/* stub of ext/db.c: nothing is called or stored */
bool db_in_tx(const struct db *db)
{
	(void)db;
	return false;
}

static const char *const pem =
	"-----BEGIN PUBLIC KEY-----\n"
	"MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8AMIIBCgKCAQEAqObrdC7hrgAVM98tK0nv\n"
	"3hSQRGGKT4lBsQjHiGjeYZjOPIPHR5knm2jnnz/YGIXIofVHkA/tAlBAd5DrY7Yp\n"
	"vI4tP5EONLtZKC2ghBMx7McI2wRD0xiqzxOQr1FuhZGJ8/AUokBzJrzY+aGX2xcO\n"
	"rxFYRlFilvVLTXg4LWjR1tdPkO6+i7wQZAIVMClPkwVRZEbaERRHlKqTzv2gGv5r\n"
	"DU8gRoe1LeaN+6BlbTqHWkQcNCUNrA8C6l17XAXGKDsm/9TFWwO8EPHHHCaQdjtV\n"
	"5/FdcWIt+L8SR1ss7EXTjYDFtxcKVv9rEoY1lX8T4mX+GbXfZHraG5NCF1+XioL5\n"
	"JwIDAQAB\n"
	"-----END PUBLIC KEY-----\n";

static void notification(struct ctx *c, struct slice body)
{
	struct provider_notice out = { 0 };
	struct alipay_params p, again;

	provider_alipay.read(c, &(struct notification){ .body = body }, &out);
	/* the seeds hold a real one: whatever is accepted has an id */
	HOLDS(out.kind == NOTICE_FORGED || out.kind == NOTICE_UNREADABLE || out.event_id != NULL);
	if (!alipay_read_form(&c->arena, body, &p))
		return;
	HOLDS(alipay_read_form(&c->arena, slice_of(alipay_form(&c->arena, &p)), &again));
	HOLDS(again.n == p.n);
	for (size_t i = 0; i < p.n; i++)
		HOLDS(strcmp(alipay_param(&again, p.list[i].name), p.list[i].value) == 0);
	for (int w = ALIPAY_SIGN; w <= ALIPAY_EMPTY_VALUES; w++)
		HOLDS(alipay_signed_text(&c->arena, &p, (enum alipay_unsigned)w).len <=
			2 * body.len);
}

/* The object is a part of the response, and JSON if the response is. */
static void response(struct ctx *c, struct slice body)
{
	const char *what;
	struct slice node;

	if (!alipay_node(body, NAME, &node))
		return;
	HOLDS(node.p >= body.p && node.len >= 2 && node.p + node.len <= body.p + body.len);
	HOLDS(node.p[0] == '{' && node.p[node.len - 1] == '}');
	if (json_scan(body.p, body.len, &c->arena, &what) == JSON_FINE)
		HOLDS(json_scan(node.p, node.len, &c->arena, &what) == JSON_FINE);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct alipay_keys keys;
	void *states[PROVIDER_N] = { [PROVIDER_ALIPAY] = &keys };
	struct ctx c = FUZZ_CTX;
	struct slice rest;

	if (size == 0)
		return 0;
	if (keys.alipay == NULL)
		keys.alipay = rsa_public_key(slice_of(pem));
	HOLDS(keys.alipay != NULL);
	c.provider_states = states;
	rest = (struct slice){ arena_dup(&c.arena, (const char *)data + 1, size - 1), size - 1 };
	if (data[0] == 'n')
		notification(&c, rest);
	else if (data[0] == 'r')
		response(&c, rest);
	HOLDS(c.fault == NULL); /* a fault of Alipay's data is not our caller's */
	arena_done(&c.arena);
	return 0;
}
