/* SPDX-License-Identifier: MIT */
/*
 * system.c - liveness, readiness, whom to notify, and every path that no other executable owns: 404
 * in the error shape of its family.
 */
#include "base/address.h"
#include "base/version.h"
#include "flow/monitor.h"
#include "flow/provider_keys.h"
#include "shop/books/epoch.h"
#include "shop/books/health.h"
#include "shop/books/webhook_delivery.h"
#include "shop/people/session.h"
#include "web/app.h"

struct health {
	const char *status, *version, *database, *provider_keys, *state;
};

static const struct field alive_fields[] = {
	FIELD(struct health, status),
	FIELD(struct health, version),
	FIELD_END,
};
static const struct field ready_fields[] = {
	FIELD(struct health, status),
	FIELD(struct health, database),
	FIELD(struct health, provider_keys),
	FIELD(struct health, state),
	FIELD_END,
};

/* Liveness: checks nothing else, so that a database failure restarts no process. */
static enum err read_health(struct ctx *c, struct call *k)
{
	(void)c;
	*(struct health *)k->answer =
		(struct health){ .status = "ok", .version = minimall_version };
	return OK;
}

/* Readiness. */
static enum err read_readiness(struct ctx *c, struct call *k)
{
	static const char *const words[] = {
		[DATABASE_OK] = "ok",
		[DATABASE_UNREACHABLE] = "unreachable",
		[DATABASE_NOT_MIGRATED] = "not migrated",
	};
	static const char *const state_words[] = {
		[STATE_OK] = "ok",
		[STATE_PER_HOST] = "per host",
		[STATE_DEGRADED] = "degraded",
	};
	const enum health_database database = health_database(c);
	const bool keys = keys_usable(c), good = database == DATABASE_OK && keys;

	*(struct health *)k->answer = (struct health){
		.status = good ? "ready" : "not ready",
		.database = words[database],
		.provider_keys = keys ? "ok" : "missing",
		.state = state_words[health_state(c)],
	};
	if (!good)
		k->status = 503;
	return OK;
}

/* ---- metrics ---- */

/*
 * An address of METRICS_ALLOW. Behind a proxy that isn't one of TRUSTED_PROXIES everybody seems to have the proxy's
 * address, which therefore counts for nothing.
 */
static bool is_allowed_address(struct ctx *c, const struct req *r)
{
	const char *address = req_client_ip(c, r), *peer = req_header(r, "REMOTE_ADDR");
	const bool forwarded = req_header(r, "HTTP_X_FORWARDED_FOR") != NULL ||
			       req_header(r, "HTTP_FORWARDED") != NULL;

	if (address == NULL || peer == NULL || (forwarded && strcmp(address, peer) == 0))
		return false;
	return address_is_listed(c->conf->metrics_allow, address);
}

static bool may_read_metrics(struct ctx *c, const struct req *r)
{
	return c->actor.kind == ACTOR_SYSTEM || is_allowed_address(c, r) ||
	       auth_has_token(r, c->conf->metrics_token);
}

/* The database may be what is wrong: what is counted in memory is shown without it. */
static enum err read_metrics(struct ctx *c, struct call *k)
{
	if (!may_read_metrics(c, k->req))
		return ERR_FORBIDDEN;
	*(struct raw *)k->answer = (struct raw){
		.content_type = "text/plain; version=0.0.4; charset=utf-8",
		.text = monitor_text(c, RESP_MAX),
	};
	return OK;
}

/* ---- outgoing notifications ---- */

static enum err list_webhooks(struct ctx *c, struct call *k)
{
	return webhook_list(c, k->query, k->answer);
}

static enum err create_webhook(struct ctx *c, struct call *k)
{
	return webhook_create(c, k->body, k->answer);
}

static enum err read_webhook(struct ctx *c, struct call *k)
{
	return webhook_get(c, k->id, k->answer);
}

static enum err update_webhook(struct ctx *c, struct call *k)
{
	return webhook_update(c, k->id, k->body, k->answer);
}

static enum err rotate_webhook_secret(struct ctx *c, struct call *k)
{
	return webhook_rotate(c, k->id, k->answer);
}

static enum err delete_webhook(struct ctx *c, struct call *k)
{
	return webhook_delete(c, k->id);
}

static enum err list_deliveries(struct ctx *c, struct call *k)
{
	return delivery_list(c, k->id, k->query, k->answer);
}

static enum err list_client_deliveries(struct ctx *c, struct call *k)
{
	return delivery_list(c, DELIVERY_TO_CLIENT, k->query, k->answer);
}

static enum err read_delivery(struct ctx *c, struct call *k)
{
	return delivery_get(c, k->id, k->answer);
}

static enum err replay_delivery(struct ctx *c, struct call *k)
{
	return delivery_replay(c, k->id, k->answer);
}

/* clang-format off */
#define WEBHOOKS   "/api/webhooks"
#define DELIVERIES WEBHOOKS "/deliveries/:id"
static const struct route routes[] = {
	{ GET, "/healthz", ROLE_PUBLIC, RATE_NONE, DO(read_health),
		ROUTE_VOLATILE | ROUTE_ANONYMOUS,
		.answer = ONE(struct health, alive_fields),
		.summary = "Liveness" },
	{ GET, "/readyz", ROLE_PUBLIC, RATE_NONE, DO(read_readiness),
		ROUTE_VOLATILE | ROUTE_ANONYMOUS,
		.answer = ONE(struct health, ready_fields), .other_status = 503,
		.summary = "Readiness" },
	{ GET, "/metrics", ROLE_PUBLIC, RATE_NONE, DO(read_metrics), ROUTE_VOLATILE,
		.answer = PLAIN_TEXT,
		.summary = "Metrics for Prometheus, for addresses of METRICS_ALLOW or with a token" },
	{ GET, WEBHOOKS, ROLE_ADMIN, RATE_READ, DO(list_webhooks),
		.query = LISTED(struct webhook_query, webhook_query_fields),
		.answer = PAGE(struct webhook, webhook_fields),
		.summary = "List the addresses that are notified" },
	{ POST, WEBHOOKS, ROLE_ADMIN, RATE_WRITE, DO(create_webhook),
		.body = NEW(struct webhook, webhook_new_fields),
		.answer = ONE(struct webhook, webhook_secret_fields), .status = 201,
		.summary = "Notify an address; the answer alone has the secret" },
	{ GET, WEBHOOKS "/:id", ROLE_ADMIN, RATE_READ, DO(read_webhook),
		.answer = ONE(struct webhook, webhook_fields),
		.summary = "Read an address that is notified" },
	{ PUT, WEBHOOKS "/:id", ROLE_ADMIN, RATE_WRITE, DO(update_webhook),
		.body = CHANGE(struct webhook, webhook_change_fields),
		.answer = ONE(struct webhook, webhook_fields),
		.summary = "Change an address, of what it is notified, or whether" },
	{ DELETE, WEBHOOKS "/:id", ROLE_ADMIN, RATE_WRITE, DO(delete_webhook),
		.answer = EMPTY,
		.summary = "Notify an address no more" },
	{ POST, WEBHOOKS "/:id/secret", ROLE_ADMIN, RATE_WRITE, DO(rotate_webhook_secret),
		.answer = ONE(struct webhook, webhook_secret_fields),
		.summary = "Replace the secret; the one before it is valid for a day more" },
	{ GET, WEBHOOKS "/:id/deliveries", ROLE_ADMIN, RATE_READ, DO(list_deliveries),
		.query = LISTED(struct delivery_query, delivery_query_fields),
		.answer = PAGE(struct delivery, delivery_fields),
		.summary = "List what an address was notified of" },
	{ GET, WEBHOOKS "/clients/deliveries", ROLE_ADMIN, RATE_READ, DO(list_client_deliveries),
		.query = LISTED(struct delivery_query, delivery_query_fields),
		.answer = PAGE(struct delivery, delivery_fields),
		.summary = "List what clients were notified of at a notify_url of their own" },
	{ GET, DELIVERIES, ROLE_ADMIN, RATE_READ, DO(read_delivery),
		.answer = ONE(struct delivery, delivery_full_fields),
		.summary = "Read a notification with its body" },
	{ POST, DELIVERIES "/replay", ROLE_ADMIN, RATE_WRITE, DO(replay_delivery),
		.answer = ONE(struct delivery, delivery_full_fields),
		.summary = "Deliver a notification once more" },
	{ .path = NULL },
};
/* clang-format on */

int main(int argc, char **argv)
{
	const struct app app = { .name = "system",
		.routes = routes,
		.start = keys_start,
		.identify = session_identify,
		.epoch = &epoch_hooks };

	return app_main(argc, argv, &app);
}
