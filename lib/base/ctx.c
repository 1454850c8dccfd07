#include "base/ctx.h"

enum err fail(struct ctx *c, enum err e, const char *what)
{
	c->fault = what;
	return e;
}
