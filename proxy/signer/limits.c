// SPDX-License-Identifier: Apache-2.0
#include "limits.h"

#include <errno.h>
#include <limits.h>
#include <openssl/evp.h>
#include <stdlib.h>
#include <string.h>

#include "key.h"

/* --- reading -------------------------------------------------------------------------- */

int limits_key(const char *line, struct wire_out *ret)
{
	size_t type_n = strcspn(line, " \t"), n, end;
	const char *at = line + type_n + strspn(line + type_n, " \t");
	_cleanup_free_ uint8_t *bytes = NULL;
	struct wire wire;
	int got;

	n = strcspn(at, " \t\r\n");
	if (!type_n || !n || n % 4 || n > 4 * BIND_HOST)
		return -EINVAL;
	bytes = malloc(n);
	if (!bytes)
		return -ENOMEM;
	got = EVP_DecodeBlock(bytes, (const unsigned char *)at, (int)n);
	for (end = n; end && at[end - 1] == '=' && n - end < 2; end--)
		got--;
	if (got <= 0)
		return -EINVAL;
	wire = wire_of(bytes, (size_t)got);
	if (!span_same(wire_string(&wire), span_of(line, type_n)))
		return -EINVAL;
	*ret = (struct wire_out){};
	wire_put_bytes(ret, span_of(bytes, (size_t)got));
	return ret->failed ? -ENOMEM : 0;
}

/* A name for people and for comparing: no control characters, no end in the middle. */
static int text_take(struct json_object *from, const char *what, char **ret, struct problem *why)
{
	const char *text = json_object_get_string(from);
	size_t n = json_object_is_type(from, json_type_string)
		       ? (size_t)json_object_get_string_len(from)
		       : 0;

	if (!n || n >= LIMITS_TEXT)
		return problem(why, -EINVAL, "%s is no text of 1 to %d bytes", what,
			       LIMITS_TEXT - 1);
	for (size_t i = 0; i < n; i++)
		if ((unsigned char)text[i] < 0x20 || text[i] == 0x7f)
			return problem(why, -EINVAL, "%s has a control character", what);
	*ret = strdup(text);
	return *ret ? 0 : problem(why, -ENOMEM, "no memory for %s", what);
}

static int keys_read(struct json_object *list, struct destination *to, struct problem *why)
{
	size_t n = json_object_is_type(list, json_type_array) ? json_object_array_length(list) : 0;

	if (!n || n > LIMITS_KEYS)
		return problem(why, -EINVAL, "the keys of %s are no list of 1 to %d", to->host,
			       LIMITS_KEYS);
	to->key = calloc(n, sizeof(*to->key));
	if (!to->key)
		return problem(why, -ENOMEM, "no memory for the keys of %s", to->host);
	for (size_t i = 0; i < n; i++) {
		struct json_object *one = json_object_array_get_idx(list, i);
		const char *line =
		    json_object_is_type(one, json_type_string) ? json_object_get_string(one) : "";

		if (limits_key(line, &to->key[to->n_keys]))
			return problem(why, -EINVAL, "key %zu of %s is none", i + 1, to->host);
		to->n_keys++;
		if (key_blob_check(wire_out_span(&to->key[i])))
			return problem(why, -EINVAL, "key %zu of %s is none of Ed25519, RSA, ECDSA",
				       i + 1, to->host);
	}
	return 0;
}

static int destination_read(struct json_object *from, struct destination *to, struct problem *why)
{
	struct json_object *host = NULL, *user = NULL, *keys = NULL;
	int r;

	if (!json_object_is_type(from, json_type_object))
		return problem(why, -EINVAL, "a destination is no object");
	json_object_object_get_ex(from, "host", &host);
	json_object_object_get_ex(from, "keys", &keys);
	r = text_take(host, "a destination's host", &to->host, why);
	if (!r && json_object_object_get_ex(from, "user", &user))
		r = text_take(user, "a destination's user", &to->user, why);
	return r ?: keys_read(keys, to, why);
}

static int destinations_read(struct json_object *list, struct limits *ret, struct problem *why)
{
	size_t n = json_object_is_type(list, json_type_array) ? json_object_array_length(list) : 0;
	int r = 0;

	if (!n || n > LIMITS_DESTINATIONS)
		return problem(why, -EINVAL, "destinations is no list of 1 to %d",
			       LIMITS_DESTINATIONS);
	ret->destination = calloc(n, sizeof(*ret->destination));
	if (!ret->destination)
		return problem(why, -ENOMEM, "no memory for destinations");
	for (size_t i = 0; !r && i < n; i++) {
		ret->n_destinations++;
		r = destination_read(json_object_array_get_idx(list, i), &ret->destination[i], why);
	}
	return r;
}

static int names_read(struct json_object *list, struct limits *ret, struct problem *why)
{
	size_t n = json_object_is_type(list, json_type_array) ? json_object_array_length(list) : 0;
	int r = 0;

	if (!n || n > LIMITS_NAMESPACES)
		return problem(why, -EINVAL, "namespaces is no list of 1 to %d", LIMITS_NAMESPACES);
	ret->name = calloc(n, sizeof(*ret->name));
	if (!ret->name)
		return problem(why, -ENOMEM, "no memory for namespaces");
	for (size_t i = 0; !r && i < n; i++) {
		r = text_take(json_object_array_get_idx(list, i), "a namespace", &ret->name[i],
			      why);
		ret->n_names += !r;
	}
	return r;
}

static int number_read(struct json_object *from, const char *key, int64_t max, int64_t *ret,
		       struct problem *why)
{
	struct json_object *value;

	if (!json_object_object_get_ex(from, key, &value))
		return 0;
	*ret = json_object_is_type(value, json_type_int) ? json_object_get_int64(value) : 0;
	return *ret > 0 && *ret <= max
		   ? 0
		   : problem(why, -EINVAL, "%s is no number from 1 to %lld", key, (long long)max);
}

int limits_read(struct json_object *from, struct limits *ret, struct problem *why)
{
	struct json_object *value;
	struct limits limits = {};
	int64_t per_minute = 0;
	int r = 0;

	if (json_object_object_get_ex(from, "destinations", &value))
		r = destinations_read(value, &limits, why);
	if (!r && json_object_object_get_ex(from, "namespaces", &value))
		r = names_read(value, &limits, why);
	if (!r && json_object_object_get_ex(from, "confirm", &value)) {
		if (!json_object_is_type(value, json_type_boolean))
			r = problem(why, -EINVAL, "confirm is neither true nor false");
		limits.confirm = !r && json_object_get_boolean(value);
	}
	if (!r)
		r = number_read(from, "per_minute", LIMITS_PER_MINUTE, &per_minute, why);
	if (!r)
		r = number_read(from, "total", INT64_MAX, &limits.total, why);
	limits.per_minute = (unsigned)per_minute;
	if (r) {
		limits_done(&limits);
		return r;
	}
	*ret = limits;
	return 0;
}

int limits_of_terms(const struct ssh_key_terms *terms, struct limits *ret, struct problem *why)
{
	_cleanup_(json_putp) struct json_object *object = NULL;
	int r = 0;

	if (terms->destinations) {
		if (json_parse(terms->destinations, strlen(terms->destinations), &object) ||
		    !json_object_is_type(object, json_type_object))
			return problem(why, -EINVAL, "its destinations are no JSON object");
		r = limits_read(object, ret, why);
	}
	if (r)
		return r;
	/* made into a number without a sign it would be no limit at all */
	if (terms->per_minute < 0 || terms->total < 0) {
		limits_done(ret);
		*ret = (struct limits){};
		return problem(why, -EINVAL, "a limit of it is below nothing");
	}
	ret->confirm |= terms->confirm;
	if (terms->per_minute)
		ret->per_minute = terms->per_minute > LIMITS_PER_MINUTE
				      ? LIMITS_PER_MINUTE
				      : (unsigned)terms->per_minute;
	ret->total = terms->total;
	return 0;
}

/* --- writing -------------------------------------------------------------------------- */

static void key_write(const struct wire_out *key, struct json *json)
{
	struct span blob = wire_out_span(key);
	struct wire wire = wire_begin(blob);
	struct span type = wire_string(&wire);
	_cleanup_free_ char *line = malloc(type.n + 2 + (blob.n + 2) / 3 * 4 + 1);

	if (!line) {
		json->error = -ENOMEM;
		return;
	}
	memcpy(line, type.at, type.n);
	line[type.n] = ' ';
	EVP_EncodeBlock((unsigned char *)line + type.n + 1, blob.at, (int)blob.n);
	json_add_string(json, NULL, line);
}

void limits_write(const struct limits *limits, struct json *json)
{
	if (limits->n_destinations)
		json_open_array(json, "destinations");
	for (unsigned i = 0; i < limits->n_destinations; i++) {
		const struct destination *to = &limits->destination[i];

		json_open_object(json, NULL);
		json_add_string(json, "host", to->host);
		if (to->user)
			json_add_string(json, "user", to->user);
		json_open_array(json, "keys");
		for (unsigned k = 0; k < to->n_keys; k++)
			key_write(&to->key[k], json);
		json_close_array(json);
		json_close_object(json);
	}
	if (limits->n_destinations)
		json_close_array(json);
	if (limits->n_names)
		json_open_array(json, "namespaces");
	for (unsigned i = 0; i < limits->n_names; i++)
		json_add_string(json, NULL, limits->name[i]);
	if (limits->n_names)
		json_close_array(json);
	if (limits->confirm)
		json_add_bool(json, "confirm", true);
	if (limits->per_minute)
		json_add_uint(json, "per_minute", limits->per_minute);
	if (limits->total)
		json_add_int(json, "total", limits->total);
}

bool limits_said(const struct limits *limits)
{
	return limits->n_destinations || limits->n_names || limits->confirm || limits->per_minute ||
	       limits->total;
}

void limits_done(struct limits *limits)
{
	for (unsigned i = 0; i < limits->n_destinations; i++) {
		struct destination *to = &limits->destination[i];

		while (to->n_keys)
			wire_out_done(&to->key[--to->n_keys]);
		free(to->key);
		free(to->host);
		free(to->user);
	}
	while (limits->n_names)
		free(limits->name[--limits->n_names]);
	free(limits->destination);
	free(limits->name);
	*limits = (struct limits){};
}

/* --- asking --------------------------------------------------------------------------- */

static bool is_host(const struct destination *to, struct span host)
{
	for (unsigned i = 0; i < to->n_keys; i++)
		if (span_same(wire_out_span(&to->key[i]), host))
			return true;
	return false;
}

/* The first destination behind @bound where @user (all, if there is none) may log in. */
static const struct destination *find(const struct limits *limits, const struct bound *bound,
				      const struct span *user)
{
	struct span host = span_of(bound->host, bound->host_n);

	for (unsigned i = 0; i < limits->n_destinations; i++) {
		const struct destination *to = &limits->destination[i];

		if (is_host(to, host) && (!user || !to->user || span_is(*user, to->user)))
			return to;
	}
	return NULL;
}

static int login_allow(const struct limits *limits, const struct bindings *bindings,
		       const struct purpose *purpose, const struct destination **ret,
		       struct problem *why)
{
	const struct bound *last = bind_last(bindings);

	if (!limits->n_destinations)
		return problem(why, -EACCES, "it signs no logins");
	if (!last)
		return problem(why, -EACCES,
			       "it has destinations, and the client did not say where it goes");
	if (bindings->n > 1 || last->forwarded)
		return problem(why, -EACCES,
			       "it has destinations, and is not for forwarded agents");
	if (!span_same(purpose->session, span_of(last->session, last->session_n)))
		return problem(why, -EACCES, "the login is another connection's");
	if (purpose->host.at && !span_same(purpose->host, span_of(last->host, last->host_n)))
		return problem(why, -EACCES, "the login is for another host");
	*ret = find(limits, last, &purpose->user);
	return *ret ? 0 : problem(why, -EACCES, "that host and user are none of its destinations");
}

static int text_allow(const struct limits *limits, const struct purpose *purpose,
		      struct problem *why)
{
	for (unsigned i = 0; i < limits->n_names; i++)
		if (span_is(purpose->name, limits->name[i]))
			return 0;
	return problem(why, -EACCES, "texts of that namespace are none that it signs");
}

int limits_allow(const struct limits *limits, struct span blob, const struct bindings *bindings,
		 const struct purpose *purpose, const struct destination **ret, struct problem *why)
{
	const struct destination *none, **to = ret ?: &none;

	*to = NULL;
	if (purpose->kind == PURPOSE_LOGIN && !span_same(purpose->key, blob))
		return problem(why, -EACCES, "the login names another key");
	if (!limits->n_destinations && !limits->n_names)
		return 0;
	switch (purpose->kind) {
	case PURPOSE_LOGIN: return login_allow(limits, bindings, purpose, to, why);
	case PURPOSE_TEXT: return text_allow(limits, purpose, why);
	case PURPOSE_UNKNOWN: break;
	}
	return problem(why, -EACCES, "it signs logins and texts only, and this is neither");
}

bool limits_reach(const struct limits *limits, const struct bindings *bindings)
{
	const struct bound *last = bind_last(bindings);

	if (!limits->n_destinations || !last)
		return true;
	return bindings->n == 1 && !last->forwarded && find(limits, last, NULL);
}
