// SPDX-License-Identifier: Apache-2.0
#include "route.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "service/own_file.h"

struct routes {
	struct route *item;
	unsigned n;
};

struct reading {
	const char *provider;
	void (*unknown)(const char *route, const char *key, void *user);
	void *user;
	struct problem *why;
};

static int wrong(const struct reading *in, const char *what, const char *how)
{
	return problem(in->why, -EINVAL, "route %.64s: %.80s %.80s", in->provider, what, how);
}

static int copy(char **to, const char *text)
{
	free(*to);
	*to = strdup(text);
	return *to ? 0 : -ENOMEM;
}

/* A header's name, or a part of its value: what cannot begin another line. */
static bool is_name(const char *text)
{
	if (!*text)
		return false;
	for (; *text; text++)
		if (!isalnum((unsigned char)*text) && !strchr("!#$%&'*+-.^_`|~", *text))
			return false;
	return true;
}

static bool is_value(const char *text)
{
	for (; *text; text++)
		if ((unsigned char)*text < ' ' || *text == 0x7f)
			return false;
	return true;
}

/* --- places --------------------------------------------------------------------------- */

static void place_done(struct route_place *place)
{
	free(place->origin);
	free(place->host);
	free(place->path);
}

static bool is_host(const char *text, size_t n)
{
	bool any = false;

	for (size_t i = 0; i < n; i++) {
		if (!isalnum((unsigned char)text[i]) && !strchr("-._:[]", text[i]))
			return false;
		any = true;
	}
	return any && *text != ':';
}

static int place_read(const struct reading *in, const char *what, const char *url,
		      struct route_place *ret)
{
	bool tls = !strncmp(url, "https://", 8);
	const char *host = url + (tls ? 8 : 7);
	size_t n, path;

	if (!tls && strncmp(url, "http://", 7) != 0)
		return wrong(in, what, "is no http:// or https:// URL");
	n = strcspn(host, "/?#");
	if (!is_host(host, n))
		return wrong(in, what, "names no host (nor may it have a user or password)");
	if (strpbrk(host, "?# ") || !is_value(url))
		return wrong(in, what, "has a query, a fragment or a blank");
	path = strlen(host + n);
	while (path && host[n + path - 1] == '/')
		path--;
	free(ret->origin), free(ret->host), free(ret->path);
	ret->tls = tls;
	ret->origin = strndup(url, (size_t)(host - url) + n);
	ret->host = strndup(host, n);
	ret->path = strndup(host + n, path);
	return ret->origin && ret->host && ret->path ? 0 : -ENOMEM;
}

static int paths_read(const struct reading *in, struct json_object *from, struct route *ret)
{
	int r = 0;

	json_object_object_foreach(from, key, value)
	{
		struct route_path *path = &ret->paths[ret->n_paths];
		size_t n = strlen(key);

		if (*key != '/' || !is_value(key))
			return wrong(in, "path_upstreams",
				     "has a prefix that does not begin with /");
		if (!json_object_is_type(value, json_type_string))
			return wrong(in, "path_upstreams", "has a value that is no text");
		if (ret->n_paths == ROUTE_PATHS_MAX)
			return wrong(in, "path_upstreams", "has too many prefixes");
		while (n && key[n - 1] == '/')
			n--;
		path->prefix = strndup(key, n);
		ret->n_paths++;
		r = path->prefix ? place_read(in, "path_upstreams", json_object_get_string(value),
					      &path->place)
				 : -ENOMEM;
		if (r)
			return r;
	}
	return 0;
}

/* --- the other fields ----------------------------------------------------------------- */

static int extra_read(const struct reading *in, struct json_object *from, struct route *ret)
{
	json_object_object_foreach(from, key, value)
	{
		const char *text = json_object_get_string(value);
		struct route_header *extra = &ret->extra[ret->n_extra];

		if (!is_name(key) || !json_object_is_type(value, json_type_string) || !*text ||
		    !is_value(text))
			return wrong(in, "oauth_extra_headers", "has what is no header and text");
		if (ret->n_extra == ROUTE_EXTRA_MAX)
			return wrong(in, "oauth_extra_headers", "has too many headers");
		*extra = (struct route_header){ strdup(key), strdup(text) };
		ret->n_extra++;
		if (!extra->name || !extra->value)
			return -ENOMEM;
	}
	return 0;
}

static int refresh_read(const struct reading *in, struct json_object *from, struct route *ret)
{
	struct route_place place = {};
	int r = 0;

	json_object_object_foreach(from, key, value)
	{
		char **to = !strcmp(key, "token_url")       ? &ret->token_url
			    : !strcmp(key, "client_id")     ? &ret->client_id
			    : !strcmp(key, "scope")         ? &ret->scope
			    : !strcmp(key, "client_secret") ? &ret->client_secret
							    : NULL;

		if (!to && in->unknown)
			in->unknown(in->provider, key, in->user);
		if (!to || !value)
			continue;
		if (!json_object_is_type(value, json_type_string))
			return wrong(in, "oauth_refresh", "has a value that is no text");
		r = copy(to, json_object_get_string(value));
		if (r)
			return r;
	}
	if (!ret->token_url || !ret->client_id)
		return wrong(in, "oauth_refresh", "needs token_url and client_id");
	r = place_read(in, "oauth_refresh token_url", ret->token_url, &place);
	place_done(&place);
	return r;
}

static int text_read(const struct reading *in, const char *key, struct json_object *value,
		     struct route *ret)
{
	const char *text = json_object_get_string(value);

	if (!json_object_is_type(value, json_type_string))
		return wrong(in, key, "is no text");
	if (!strcmp(key, "upstream"))
		return *text ? place_read(in, key, text, &ret->upstream)
			     : wrong(in, key, "is empty");
	if (!strcmp(key, "auth_header"))
		return is_name(text) ? copy(&ret->header, text)
				     : wrong(in, key, "is no name of a header");
	return is_value(text) ? copy(&ret->prefix, text)
			      : wrong(in, key, "cannot stand in a header");
}

static int field_read(const struct reading *in, const char *key, struct json_object *value,
		      struct route *ret)
{
	static const struct {
		const char *key;
		int (*read)(const struct reading *in, struct json_object *from, struct route *ret);
	} objects[] = {
		{ "oauth_refresh", refresh_read },
		{ "path_upstreams", paths_read },
		{ "oauth_extra_headers", extra_read },
	};

	for (size_t i = 0; i < sizeof(objects) / sizeof(objects[0]); i++) {
		if (strcmp(key, objects[i].key) != 0)
			continue;
		if (!value) /* null: as if it were not there */
			return 0;
		return json_object_is_type(value, json_type_object)
			   ? objects[i].read(in, value, ret)
			   : wrong(in, key, "is no object");
	}
	if (!strcmp(key, "upstream") || !strcmp(key, "auth_header") || !strcmp(key, "auth_prefix"))
		return text_read(in, key, value, ret);
	if (in->unknown)
		in->unknown(in->provider, key, in->user);
	return 0;
}

static int route_read(const struct reading *in, struct json_object *from, struct route *ret)
{
	bool dynamic;
	int r = copy(&ret->provider, in->provider);

	if (!json_object_is_type(from, json_type_object))
		return wrong(in, "it", "is no object");
	if (!is_value(in->provider) || !*in->provider)
		return wrong(in, "its name", "is empty, or has control characters");
	json_object_object_foreach(from, key, value) r = r ?: field_read(in, key, value, ret);
	if (r)
		return r;
	if (!ret->upstream.origin)
		return wrong(in, "upstream", "is missing");
	/* keys of such a provider are shown so; OAuth's are not told by these fields anyway */
	dynamic = ret->header && !strcmp(ret->header, "dynamic");
	if (dynamic)
		r = copy(&ret->header, "x-api-key") ?: copy(&ret->prefix, "");
	if (!r && !ret->header)
		r = copy(&ret->header, "Authorization");
	if (!r && !ret->prefix)
		r = copy(&ret->prefix, "Bearer ");
	return r;
}

int routes_read(const char *text, size_t size,
		void (*unknown)(const char *route, const char *key, void *user), void *user,
		struct routes **ret, struct problem *why)
{
	_cleanup_(json_putp) struct json_object *from = NULL;
	_cleanup_(routes_freep) struct routes *routes = calloc(1, sizeof(*routes));
	struct reading in = { .unknown = unknown, .user = user, .why = why };
	int r = 0;

	if (json_parse(text, size, &from) || !json_object_is_type(from, json_type_object))
		return problem(why, -EINVAL, "routes: that is no JSON object");
	if (routes)
		routes->item =
		    calloc((size_t)json_object_object_length(from) + 1, sizeof(*routes->item));
	if (!routes || !routes->item)
		return problem(why, -ENOMEM, "no memory for routes");
	json_object_object_foreach(from, key, value)
	{
		in.provider = key;
		r = route_read(&in, value, &routes->item[routes->n++]);
		if (r)
			return r == -ENOMEM ? problem(why, r, "no memory for routes") : r;
	}
	*ret = TAKE_PTR(routes);
	return 0;
}

int routes_load(const char *path, struct routes **ret, struct problem *why)
{
	_cleanup_free_ char *text = NULL;
	struct problem inner = {};
	size_t size = 0;
	int r = own_file_read(path, ROUTES_SIZE_MAX, &text, &size, NULL, why);

	if (r)
		return r;
	r = routes_read(text ?: "{}", text ? size : 2, NULL, NULL, ret, &inner);
	return r ? problem(why, r, "%.120s: %.120s", path, inner.text) : 0;
}

/* --- the table ------------------------------------------------------------------------ */

static void route_done(struct route *route)
{
	free(route->provider);
	place_done(&route->upstream);
	free(route->header);
	free(route->prefix);
	free(route->token_url);
	free(route->client_id);
	free(route->scope);
	if (route->client_secret)
		explicit_bzero(route->client_secret, strlen(route->client_secret));
	free(route->client_secret);
	for (unsigned i = 0; i < route->n_paths; i++) {
		free(route->paths[i].prefix);
		place_done(&route->paths[i].place);
	}
	for (unsigned i = 0; i < route->n_extra; i++) {
		free(route->extra[i].name);
		free(route->extra[i].value);
	}
}

void routes_free(struct routes *routes)
{
	if (!routes)
		return;
	for (unsigned i = 0; i < routes->n; i++)
		route_done(&routes->item[i]);
	free(routes->item);
	free(routes);
}

unsigned routes_count(const struct routes *routes)
{
	return routes->n;
}

const struct route *routes_at(const struct routes *routes, unsigned i)
{
	return &routes->item[i];
}

const struct route *routes_find(const struct routes *routes, const char *provider)
{
	for (unsigned i = 0; i < routes->n; i++)
		if (!strcmp(routes->item[i].provider, provider))
			return &routes->item[i];
	return NULL;
}

const struct route_place *route_place(const struct route *route, const char *target)
{
	const struct route_place *ret = &route->upstream;
	size_t longest = 0;

	for (unsigned i = 0; i < route->n_paths; i++) {
		const char *prefix = route->paths[i].prefix;
		size_t n = strlen(prefix);

		if (n < longest || strncmp(target, prefix, n) != 0 ||
		    (target[n] && !strchr("/?", target[n])))
			continue;
		longest = n;
		ret = &route->paths[i].place;
	}
	return ret;
}
