// SPDX-License-Identifier: Apache-2.0
/* verb_route.c - terok-proxy route lint: are routes as the proxy can use them? */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/cli.h"
#include "base/log.h"
#include "base/paths.h"
#include "route.h"
#include "service/own_file.h"
#include "verbs.h"

struct lint {
	unsigned unknown;
};

static void on_unknown(const char *route, const char *key, void *user)
{
	struct lint *lint = user;
	char name[80], what[80];

	lint->unknown++;
	log_warn(0, "route %s: %s is nothing that we know", log_safe(name, sizeof(name), route),
		 log_safe(what, sizeof(what), key));
}

static int lint(const char *path)
{
	_cleanup_(routes_freep) struct routes *routes = NULL;
	_cleanup_free_ char *text = NULL;
	struct lint lint = {};
	struct problem why;
	size_t size;
	int r = own_file_read(path, ROUTES_SIZE_MAX, &text, &size, NULL, &why);

	if (!r && !text)
		return log_error(-ENOENT, "%s", path);
	if (!r)
		r = routes_read(text, size, on_unknown, &lint, &routes, &why);
	if (r) {
		log_error(0, "%s", why.text);
		return r == -EINVAL ? 1 : r;
	}
	for (unsigned i = 0; i < routes_count(routes); i++) {
		const struct route *route = routes_at(routes, i);

		printf("%s\t%s%s\t%s%s\n", route->provider, route->upstream.origin,
		       route->upstream.path, route->header, route->token_url ? "\trefresh" : "");
		if (!route->upstream.tls)
			log_warn(0, "route %s: its secret goes over plain http", route->provider);
	}
	return 0;
}

int verb_route(int argc, char **argv)
{
	_cleanup_free_ char *standard = path_below(ROOT_CREDENTIALS, "routes.json");
	const char *path = NULL;
	const struct cli_option options[] = {
		{ "routes-file", "FILE", "instead of the default one", CLI_STRING, &path },
		{},
	};
	int r = cli_parse(argc, argv, options, 1, 1);

	if (r < 0)
		return r;
	if (strcmp(argv[1], "lint") != 0)
		return log_error(-EINVAL, "route: there is lint, and no %s", argv[1]);
	path = path ?: standard;
	return path ? lint(path) : log_error(-ENOENT, "there is no home: give --routes-file");
}
