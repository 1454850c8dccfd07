#include "shop/health.h"

#include "ext/db.h"
#include "ext/state.h"

struct ping {
	int64_t n;
};
static const struct field ping_fields[] = { FIELD(struct ping, n), FIELD_END };

/* a table that a shop without its schema doesn't have */
static const char SQL_PING[] = "SELECT COUNT(*) AS n FROM schema_migrations";

enum err health_database(struct ctx *c)
{
	struct ping row;

	return db_one(c, SQL_PING, NO_ARGS, ping_fields, &row);
}

bool health_state(struct ctx *c)
{
	return state_trouble(c) == NULL;
}
