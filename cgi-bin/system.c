/* system.c - every path that no other executable owns: 404 in the shape of its family. */
#include "web/app.h"

static const struct route routes[] = {
	{ .path = NULL },
};

int main(int argc, char **argv)
{
	const struct app app = { .name = "system", .routes = routes };

	return app_main(argc, argv, &app);
}
