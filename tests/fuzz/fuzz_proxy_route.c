// SPDX-License-Identifier: Apache-2.0
/*
 * fuzz_proxy_route.c - routes.json of whatever bytes
 *
 * What is a route has a place without blanks or line ends, and a header to show a secret in.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "proxy/route.h"

static void look(const struct route *route)
{
	const struct route_place *place = route_place(route, "/a/b?c");

	if (!place->origin || strpbrk(place->origin, " \r\n@") || !place->host || !*place->host ||
	    strpbrk(place->path, " \r\n?#"))
		abort();
	if (!*route->header || strpbrk(route->header, "\r\n: ") || strpbrk(route->prefix, "\r\n"))
		abort();
	for (unsigned i = 0; i < route->n_extra; i++)
		if (strpbrk(route->extra[i].value, "\r\n"))
			abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	_cleanup_(routes_freep) struct routes *routes = NULL;
	struct problem why;

	if (routes_read((const char *)data, size, NULL, NULL, &routes, &why))
		return 0;
	for (unsigned i = 0; i < routes_count(routes); i++) {
		look(routes_at(routes, i));
		if (!routes_find(routes, routes_at(routes, i)->provider))
			abort();
	}
	return 0;
}
