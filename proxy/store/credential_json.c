// SPDX-License-Identifier: Apache-2.0
/* credential_json.c - what of a credential's JSON is used, and the same with other tokens in it */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/json_scan.h"
#include "credential.h"

#define VALUE_MAX (16 << 10) /* bytes of one token: a header's line has to take it */

static const char *const names[] = { [CREDENTIAL_NONE] = "none",
				     [CREDENTIAL_OAUTH] = "oauth",
				     [CREDENTIAL_API_KEY] = "api_key",
				     [CREDENTIAL_PAT] = "pat",
				     [CREDENTIAL_OTHER] = "other" };

const char *credential_kind_name(enum credential_kind kind)
{
	return names[kind];
}

enum member { TYPE, ACCESS, REFRESH, EXPIRES, BETA, TOKEN, KEY, MEMBERS };

static const char *const member_names[MEMBERS] = { "type",       "access_token", "refresh_token",
						   "expires_at", "beta_header",  "token",
						   "key" };

/* The members that count; of one that is there twice the later. */
struct members {
	struct json_span span[MEMBERS];
};

static void note_member(const struct json_span *key, const struct json_span *value, void *user)
{
	struct members *members = user;

	for (enum member i = 0; i < MEMBERS; i++)
		if (json_span_is(key, member_names[i]))
			members->span[i] = *value;
}

static bool has(const struct members *members, enum member which)
{
	const struct json_span *span = &members->span[which];

	return span->text && span->type == json_type_string && span->n;
}

static bool is_said(const struct members *members, enum member which)
{
	return members->span[which].text && members->span[which].type != json_type_null;
}

int credential_value_check(const char *what, const struct secret *value, struct problem *why)
{
	if (!value->len || value->len > VALUE_MAX)
		return problem(why, -EINVAL, "%s has %zu bytes: 1 to %d are allowed", what,
			       value->len, VALUE_MAX);
	for (size_t i = 0; i < value->len; i++)
		if (value->bytes[i] <= ' ' || value->bytes[i] > '~')
			return problem(
			    why, -EINVAL,
			    "byte %zu of %s is no printable ASCII: it cannot stand in a header",
			    i + 1, what);
	return 0;
}

static int take_value(const struct members *members, enum member which, struct secret **ret,
		      struct problem *why)
{
	const struct json_span *span = &members->span[which];
	_cleanup_secret_ struct secret *secret = NULL;

	int r;

	if (span->n > CREDENTIAL_MAX)
		return -EINVAL; /* the text as a whole is no longer */
	secret = secret_new(span->n);
	if (!secret)
		return problem(why, -ENOMEM, "no memory for a credential");
	secret->len = json_span_text(span, secret->bytes, secret->size);
	r = credential_value_check(member_names[which], secret, why);
	if (!r)
		*ret = TAKE_PTR(secret);
	return r;
}

static enum credential_kind kind_of(const struct members *members)
{
	const struct json_span *type = &members->span[TYPE];

	if (!is_said(members, TYPE))
		return has(members, ACCESS) ? CREDENTIAL_OAUTH : CREDENTIAL_OTHER;
	for (enum credential_kind kind = CREDENTIAL_OAUTH; kind < CREDENTIAL_OTHER; kind++)
		if (json_span_is(type, names[kind]))
			return kind;
	return CREDENTIAL_OTHER;
}

static int take_oauth(const struct members *members, struct credential_use *use,
		      struct problem *why)
{
	const struct json_span *beta = &members->span[BETA], *expires = &members->span[EXPIRES];
	char number[40] = "";
	int r = 0;

	if (is_said(members, REFRESH) && has(members, REFRESH))
		r = take_value(members, REFRESH, &use->refresh, why);
	if (!r && has(members, BETA)) {
		size_t n = json_span_text(beta, use->beta, sizeof(use->beta) - 1);

		for (size_t i = 0; i < n; i++)
			if (use->beta[i] < ' ' || use->beta[i] > '~' ||
			    beta->n >= sizeof(use->beta))
				return problem(why, -EINVAL,
					       "beta_header cannot stand in a header");
	}
	if (r || !is_said(members, EXPIRES))
		return r;
	if (expires->type != json_type_int && expires->type != json_type_double)
		return problem(why, -EINVAL, "expires_at is no number");
	if (expires->n < sizeof(number))
		json_span_text(expires, number, sizeof(number) - 1);
	use->expires_at = strtod(number, NULL);
	return 0;
}

static int take_all(const struct members *members, struct credential_use *use, struct problem *why)
{
	enum member value = use->kind == CREDENTIAL_OAUTH ? ACCESS
			    : has(members, TOKEN)         ? TOKEN
							  : KEY;
	int r;

	if (is_said(members, TYPE) && members->span[TYPE].type != json_type_string)
		return problem(why, -EINVAL, "its type is no text");
	if (!has(members, value))
		return problem(why, -EINVAL, "it has no %s",
			       value == ACCESS                   ? "access_token"
			       : use->kind == CREDENTIAL_API_KEY ? "key"
								 : "token, and no key");
	r = take_value(members, value, &use->value, why);
	return r || use->kind != CREDENTIAL_OAUTH ? r : take_oauth(members, use, why);
}

int credential_read(const char *json, size_t size, struct credential_use *ret, struct problem *why)
{
	struct credential_use use = {};
	struct members members = {};
	int r;

	if (size > CREDENTIAL_MAX)
		return problem(why, -EINVAL, "a credential of %zu bytes: %d are allowed", size,
			       CREDENTIAL_MAX);
	if (json_scan(json, size, note_member, &members))
		return problem(why, -EINVAL, "it is no JSON object");
	use.kind = kind_of(&members);
	r = take_all(&members, &use, why);
	if (r)
		credential_use_done(&use);
	else
		*ret = use;
	return r;
}

void credential_use_done(struct credential_use *use)
{
	secret_freep(&use->value);
	secret_freep(&use->refresh);
	*use = (struct credential_use){};
}

/* --- the same with other tokens ------------------------------------------------------- */

/* Writes into a secret; @over when it does not fit. */
struct renewal {
	struct secret *to;
	size_t n;
	bool over, replaced_refresh;
	const struct secret *refresh;
};

static void put(struct renewal *renewal, const char *bytes, size_t n)
{
	if (renewal->over || n > renewal->to->size - renewal->n) {
		renewal->over = true;
		return;
	}
	memcpy(renewal->to->bytes + renewal->n, bytes, n);
	renewal->n += n;
}

static void put_text(struct renewal *renewal, const char *text)
{
	put(renewal, text, strlen(text));
}

/* A token as credential_value_check() lets it through needs no escapes but two. */
static void put_string(struct renewal *renewal, const char *key, const struct secret *value)
{
	put_text(renewal, "\"");
	put_text(renewal, key);
	put_text(renewal, "\": \"");
	for (size_t i = 0; i < value->len; i++) {
		if (value->bytes[i] == '"' || value->bytes[i] == '\\')
			put_text(renewal, "\\");
		put(renewal, value->bytes + i, 1);
	}
	put_text(renewal, "\", ");
}

/* Members that stay, as they stand in the text. */
static void put_member(const struct json_span *key, const struct json_span *value, void *user)
{
	struct renewal *renewal = user;
	const char *quote = value->type == json_type_string ? "\"" : "";

	if (json_span_is(key, "access_token") || json_span_is(key, "expires_at") ||
	    (renewal->refresh && json_span_is(key, "refresh_token")))
		return;
	put_text(renewal, "\"");
	put(renewal, key->text, key->n);
	put_text(renewal, "\": ");
	put_text(renewal, quote);
	put(renewal, value->text, value->n);
	put_text(renewal, quote);
	put_text(renewal, ", ");
}

int credential_renew(const struct secret *json, const struct secret *access,
		     const struct secret *refresh, int64_t expires_at, struct secret **ret,
		     struct problem *why)
{
	_cleanup_secret_ struct secret *to = secret_new(CREDENTIAL_MAX);
	struct renewal renewal = { .to = to, .refresh = refresh };
	struct credential_use use = {};
	char end[64];
	int r = credential_read(json->bytes, json->len, &use, why);

	if (r)
		return r;
	if (use.kind != CREDENTIAL_OAUTH)
		r = problem(why, -EINVAL, "it is not of type oauth");
	else if (!to)
		r = problem(why, -ENOMEM, "no memory for a credential");
	if (!r)
		r = credential_value_check("the new access_token", access, why);
	if (!r && refresh)
		r = credential_value_check("the new refresh_token", refresh, why);
	credential_use_done(&use);
	if (r)
		return r;
	put_text(&renewal, "{");
	json_scan(json->bytes, json->len, put_member, &renewal);
	put_string(&renewal, "access_token", access);
	if (refresh)
		put_string(&renewal, "refresh_token", refresh);
	snprintf(end, sizeof(end), "\"expires_at\": %lld}", (long long)expires_at);
	put_text(&renewal, end);
	if (renewal.over)
		return problem(why, -EINVAL, "with the new tokens it is larger than %d bytes",
			       CREDENTIAL_MAX);
	to->len = renewal.n;
	*ret = TAKE_PTR(to);
	return 0;
}
