// SPDX-License-Identifier: Apache-2.0
/*
 * clearance_web_call.c - paths, and what calls of the page say: bytes in, structs out
 *
 * Strict: a key that is not known, a wrong type or a text that is too long is an error with a
 * sentence, as everywhere else. What the words mean is the hub's business.
 */
#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "clearance_web.h"

#include "alarms.js.h"
#include "app.css.h"
#include "app.js.h"
#include "ask.js.h"
#include "hub.js.h"
#include "icon.svg.h"
#include "index.html.h"
#include "list.js.h"
#include "tables.js.h"
#include "words.js.h"

/* --- paths ------------------------------------------------------------------------------ */

#define ASSET(path, type, text)                                                                    \
	{                                                                                          \
		path, type, text, sizeof(text) - 1                                                 \
	}

#define SCRIPT "text/javascript; charset=utf-8"

static const struct web_asset assets[] = {
	ASSET("/", "text/html; charset=utf-8", index_html),
	ASSET("/app.css", "text/css; charset=utf-8", app_css),
	ASSET("/words.js", SCRIPT, words_js),
	ASSET("/hub.js", SCRIPT, hub_js),
	ASSET("/alarms.js", SCRIPT, alarms_js),
	ASSET("/list.js", SCRIPT, list_js),
	ASSET("/ask.js", SCRIPT, ask_js),
	ASSET("/tables.js", SCRIPT, tables_js),
	ASSET("/app.js", SCRIPT, app_js),
	ASSET("/icon.svg", "image/svg+xml", icon_svg),
};

static const struct {
	const char *path, *method;
	enum web_route route;
} routes[] = {
	{ "/api/login", "POST", ROUTE_LOGIN },   { "/api/logout", "POST", ROUTE_LOGOUT },
	{ "/api/events", "GET", ROUTE_EVENTS },  { "/api/answer", "POST", ROUTE_ANSWER },
	{ "/api/guards", "GET", ROUTE_GUARDS },  { "/api/grants", "GET", ROUTE_GRANTS },
	{ "/api/revoke", "POST", ROUTE_REVOKE }, { "/api/history", "GET", ROUTE_HISTORY },
};

static bool is_method(const char *method, const char *wanted, const char **allow)
{
	bool same = !strcmp(method, wanted);

	*allow = same ? NULL : wanted;
	return same;
}

enum web_route web_route_find(const char *method, const char *path, const struct web_asset **asset,
			      const char **allow)
{
	*allow = NULL;
	for (size_t i = 0; i < sizeof(assets) / sizeof(assets[0]); i++) {
		if (strcmp(path, assets[i].path))
			continue;
		*asset = &assets[i];
		return is_method(method, "GET", allow) ? ROUTE_ASSET : ROUTE_NONE;
	}
	for (size_t i = 0; i < sizeof(routes) / sizeof(routes[0]); i++)
		if (!strcmp(path, routes[i].path))
			return is_method(method, routes[i].method, allow) ? routes[i].route
									  : ROUTE_NONE;
	return ROUTE_NONE;
}

bool web_route_changes(enum web_route route)
{
	return route == ROUTE_LOGIN || route == ROUTE_LOGOUT || route == ROUTE_ANSWER ||
	       route == ROUTE_REVOKE;
}

/* --- bodies ----------------------------------------------------------------------------- */

static int body_parse(const char *text, size_t size, struct json_object **ret, struct problem *why)
{
	_cleanup_(json_putp) struct json_object *body = NULL;

	if (json_parse(text, size, &body) || json_object_get_type(body) != json_type_object)
		return problem(why, -EINVAL, "the body is no JSON object");
	*ret = TAKE_PTR(body);
	return 0;
}

/* A string without a NUL in it, which would pass for a shorter one. */
static int string_take(const char *key, struct json_object *value, size_t size, const char **ret,
		       struct problem *why)
{
	if (json_object_get_type(value) != json_type_string)
		return problem(why, -EINVAL, "%s is no string", key);
	if ((size_t)json_object_get_string_len(value) >= size)
		return problem(why, -EINVAL, "%s is longer than %zu bytes", key, size - 1);
	if (strlen(json_object_get_string(value)) != (size_t)json_object_get_string_len(value))
		return problem(why, -EINVAL, "%s has a NUL in it", key);
	*ret = json_object_get_string(value);
	return 0;
}

static int ids_take(struct json_object *list, struct web_answer *answer, struct problem *why)
{
	int r = 0;

	if (json_object_get_type(list) != json_type_array)
		return problem(why, -EINVAL, "requests is no array");
	answer->n = json_object_array_length(list);
	if (!answer->n || json_object_array_length(list) > WEB_ANSWERS)
		return problem(why, -EINVAL, "requests are 1 to %d", WEB_ANSWERS);
	for (unsigned i = 0; !r && i < answer->n; i++)
		r = string_take("a request's id", json_object_array_get_idx(list, i), WEB_ID_LEN,
				&answer->ids[i], why);
	return r;
}

static int answer_take(struct web_answer *answer, const char *key, struct json_object *value,
		       struct problem *why)
{
	const struct {
		const char *key, **to;
	} texts[] = {
		{ "action", &answer->action },
		{ "scope", &answer->scope },
		{ "reach", &answer->reach },
		{ "ports", &answer->ports },
	};

	if (!strcmp(key, "requests"))
		return ids_take(value, answer, why);
	if (!strcmp(key, "seconds")) {
		if (json_object_get_type(value) != json_type_int)
			return problem(why, -EINVAL, "seconds is no whole number");
		answer->seconds = json_object_get_int64(value);
		return 0;
	}
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		if (!strcmp(key, texts[i].key))
			return string_take(key, value, 16, texts[i].to, why);
	return problem(why, -EINVAL,
		       "'%.20s' is none of requests, action, scope, seconds, reach, ports", key);
}

int web_answer_parse(const char *text, size_t size, struct web_answer *ret, struct problem *why)
{
	struct web_answer answer = {};
	int r = body_parse(text, size, &answer.body, why);

	if (r)
		return r;
	json_object_object_foreach(answer.body, key, value)
	{
		if (!r)
			r = answer_take(&answer, key, value, why);
	}
	if (!r && (!answer.n || !answer.action))
		r = problem(why, -EINVAL, "requests and action are needed");
	if (!r && strcmp(answer.action, "allow") && strcmp(answer.action, "deny"))
		r = problem(why, -EINVAL, "action is allow or deny");
	if (r) {
		web_answer_done(&answer);
		return r;
	}
	answer.scope = answer.scope ?: "session";
	*ret = answer;
	return 0;
}

void web_answer_done(struct web_answer *answer)
{
	json_putp(&answer->body);
}

int web_text_parse(const char *text, size_t n, const char *key, char *ret, size_t size,
		   struct problem *why)
{
	_cleanup_(json_putp) struct json_object *body = NULL;
	struct json_object *value;
	const char *found = NULL;
	int r = body_parse(text, n, &body, why);

	if (r)
		return r;
	if (json_object_object_length(body) != 1 || !json_object_object_get_ex(body, key, &value))
		return problem(why, -EINVAL, "%s is needed, and nothing else", key);
	r = string_take(key, value, size, &found, why);
	if (!r)
		strcpy(ret, found);
	return r;
}

int web_number_parse(const char *text, int64_t max, int64_t *ret, struct problem *why)
{
	char *end;
	long long value;

	if (!text)
		return 0;
	errno = 0;
	value = strtoll(text, &end, 10);
	if (!isdigit((unsigned char)*text) || *end || errno || value > max)
		return problem(why, -EINVAL, "'%.24s' is no number from 0 to %lld", text,
			       (long long)max);
	*ret = value;
	return 0;
}
