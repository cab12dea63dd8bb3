/* SPDX-License-Identifier: Apache-2.0 */
/*
 * route.h - routes.json: where the requests of each provider go, and how its secret is shown there
 *
 * { "provider": { "upstream": "https://host", ... }, ... }, keyed by the provider of the token,
 * never by anything in the request. All fields of the contract (sandbox.md 3.1); one that is not
 * known is a warning for lint and no error, since newer producers may write it.
 *
 * Called by: server.c, refresh.c, verb_route.c. Owns: the table. Threads: none.
 */
#ifndef PROXY_ROUTE_H
#define PROXY_ROUTE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/cleanup.h"
#include "base/problem.h"

#define ROUTES_SIZE_MAX (1 << 20) /* bytes of the file: 10,000 routes of 100 bytes */
#define ROUTE_PATHS_MAX 32        /* of one route */
#define ROUTE_EXTRA_MAX 16        /* headers of one route */

/* A place that requests go to. */
struct route_place {
	char *origin; /* "https://host:port", no slash at its end */
	char *host;   /* "host:port", as it stands in Host */
	char *path;   /* what is put before a request's path; "": nothing */
	bool tls;
};

struct route_path {
	char *prefix; /* without a slash at its end */
	struct route_place place;
};

struct route_header {
	char *name, *value;
};

struct route {
	char *provider;
	struct route_place upstream;
	char *header, *prefix;                   /* of a secret that is none of OAuth's */
	char *token_url;                         /* NULL: OAuth is not refreshed */
	char *client_id, *scope, *client_secret; /* the last two may be NULL */
	struct route_path paths[ROUTE_PATHS_MAX];
	unsigned n_paths;
	struct route_header extra[ROUTE_EXTRA_MAX]; /* of OAuth's requests */
	unsigned n_extra;
};

struct routes;

/**
 * routes_read() - routes of a text
 * @unknown: is told of each key that is not known; NULL: they are passed over
 *
 * Return: 0 with @ret the caller's to routes_free(); -EINVAL with @why, which names the route; -ENOMEM.
 */
int routes_read(const char *text, size_t size,
		void (*unknown)(const char *route, const char *key, void *user), void *user,
		struct routes **ret, struct problem *why);

/** routes_load() - the same of a file, which nobody else may write. No file: no routes */
int routes_load(const char *path, struct routes **ret, struct problem *why);

/** routes_free() - NULL: nothing */
void routes_free(struct routes *routes);
DEFINE_CLEANUP(struct routes, routes_free)

/** routes_count() - how many; routes_at() - each of them */
unsigned routes_count(const struct routes *routes);
/** routes_at() - see there */
const struct route *routes_at(const struct routes *routes, unsigned i);

/** routes_find() - that provider's; NULL: none */
const struct route *routes_find(const struct routes *routes, const char *provider);

/**
 * route_place() - where a request goes: the longest of path_upstreams' prefixes that ends where a
 * segment of @target does, else the upstream
 */
const struct route_place *route_place(const struct route *route, const char *target);

#endif
