#include "flow/keys.h"

#include "providers/wxsign.h"

static struct arena forever; /* as long as the process */
static struct wx_keys keys;

bool keys_start(struct ctx *c)
{
	if (!wx_keys_load(&keys, c->conf, &forever))
		return false;
	c->wx_keys = &keys;
	return true;
}

bool keys_usable(const struct ctx *c)
{
	return c->wx_keys != NULL && c->wx_keys->merchant != NULL && c->wx_keys->verify_n > 0;
}

void keys_stop(struct ctx *c)
{
	if (c->wx_keys == NULL)
		return;
	c->wx_keys = NULL;
	wx_keys_done(&keys);
	arena_done(&forever);
}
