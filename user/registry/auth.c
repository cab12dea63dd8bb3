// SPDX-License-Identifier: Apache-2.0
#include "auth.h"

#include <errno.h>
#include <openssl/crypto.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/json.h"
#include "base/log.h"
#include "introspect.h"

#define SCOPE_ADMIN    "admin"
#define SCOPE_REGISTER "agent:self:register"
#define BEARER         "Bearer "

const struct auth_method auth_methods[] = {
	{ "/clawker.agent.v1.AgentService/Register", SCOPE_REGISTER, AUTH_CLIENT_AGENT },
	{ "/clawker.admin.v1.AdminService/ListAgents", SCOPE_ADMIN, NULL },
	{},
};

/* What an assertion of a client lets it do; a server's tokens say so themselves. */
static const struct {
	const char *client, *scopes;
} clients[] = {
	{ AUTH_CLIENT_AGENT, SCOPE_REGISTER },
	{ AUTH_CLIENT_CLI, SCOPE_ADMIN },
};

struct auth {
	struct auth_use use;
	struct introspect *introspect;
};

int auth_new(struct loop *loop, const struct auth_use *use, struct auth **ret, struct problem *why)
{
	struct auth *auth = calloc(1, sizeof(*auth));
	int r;

	if (!auth)
		return problem(why, -ENOMEM, "no memory");
	auth->use = *use;
	if (use->introspect) {
		r = introspect_new(loop, use->introspect, use->ca_file, &auth->introspect, why);
		if (r) {
			free(auth);
			return r;
		}
	}
	*ret = auth;
	return 0;
}

void auth_free(struct auth *auth)
{
	if (!auth)
		return;
	introspect_free(auth->introspect);
	free(auth);
}

/* --- replies ---------------------------------------------------------------------------- */

static void say(struct auth_ask *ask, enum reply_code code, const char *text)
{
	const struct reply reply = reply_make(code, "%s", text);

	ask->done(ask, &reply);
}

static void unauthenticated(struct auth_ask *ask, const char *event, const char *why,
			    const char *text)
{
	log_warn(0, "event=%s method=%s %s", event, ask->method ? ask->method->path : "?", why);
	say(ask, REPLY_UNAUTHENTICATED, text);
}

bool auth_has_scope(const char *scopes, const char *scope)
{
	size_t n = strlen(scope);

	for (scopes += strspn(scopes, " \t\r\n"); *scopes; scopes += strspn(scopes, " \t\r\n")) {
		size_t word = strcspn(scopes, " \t\r\n");

		if (word == n && !memcmp(scopes, scope, n))
			return true;
		scopes += word;
	}
	return false;
}

/* The same text for a scope that is missing and a client that is another: it tells neither. */
static void decide(struct auth_ask *ask, const char *scopes, const char *client)
{
	const struct auth_method *method = ask->method;
	struct reply reply;

	if (auth_has_scope(scopes, method->scope) &&
	    (!method->client || leaf_same(client, method->client))) {
		say(ask, REPLY_OK, "");
		return;
	}
	log_warn(0, "event=auth_scope_missing method=%s scope=%s", method->path, method->scope);
	ask->assertion = (struct assertion){};
	reply = reply_make(REPLY_DENIED, "token missing required scope \"%s\"", method->scope);
	ask->done(ask, &reply);
}

/* --- assertions ------------------------------------------------------------------------- */

static const char *scopes_of(const char *client)
{
	for (size_t i = 0; i < sizeof(clients) / sizeof(*clients); i++)
		if (!strcmp(clients[i].client, client))
			return clients[i].scopes;
	return "";
}

bool auth_spent(const struct auth_ask *ask, struct spent *ret)
{
	const struct assertion *assertion = &ask->assertion;

	if (!*assertion->client)
		return false;
	*ret = (struct spent){ assertion->client, assertion->jti, ask->leaf->thumbprint,
			       assertion->exp };
	return true;
}

/* Is it this certificate's to use? */
static int holder_check(struct auth *auth, struct auth_ask *ask, struct problem *why)
{
	const struct assertion *assertion = &ask->assertion;
	struct spent spent;
	int r;

	if (!ask->leaf->present)
		return problem(why, -EACCES, "nobody with a certificate shows it");
	if (assertion->bound &&
	    CRYPTO_memcmp(assertion->thumbprint, ask->leaf->thumbprint, LEAF_THUMBPRINT))
		return problem(why, -EACCES, "it is bound to another certificate");
	auth_spent(ask, &spent);
	r = agents_spent(auth->use.agents, &spent, why);
	return r > 0 ? 0 : r;
}

void auth_proof_done(struct auth_proof *proof)
{
	free(proof->token);
	*proof = (struct auth_proof){};
}

/* Without memory for it the next call costs what this one did. */
static void proof_keep(struct auth_proof *proof, const char *token, size_t n, uint64_t generation,
		       const struct assertion *assertion)
{
	char *copy = generation ? malloc(n) : NULL;

	auth_proof_done(proof);
	if (copy)
		*proof = (struct auth_proof){ memcpy(copy, token, n), n, generation, *assertion };
}

static bool proof_holds(const struct auth_proof *proof, const char *token, size_t n,
			uint64_t generation)
{
	return proof->token && proof->generation == generation && proof->n == n &&
	       !CRYPTO_memcmp(proof->token, token, n);
}

/* By what is known of its bytes, if anything is; what they say is compared with now either way. */
static int prove(struct auth *auth, struct auth_ask *ask, const char *token, struct problem *why)
{
	const struct assertion_keys *keys = auth->use.keys;
	size_t n = strlen(token);
	int64_t now = time(NULL);
	int r;

	if (ask->proof && proof_holds(ask->proof, token, n, keys->generation)) {
		ask->assertion = ask->proof->assertion;
		return assertion_times(&ask->assertion, now, why);
	}
	r = assertion_read(token, n, keys, auth->use.audience, now, &ask->assertion, why);
	if (!r && ask->proof)
		proof_keep(ask->proof, token, n, keys->generation, &ask->assertion);
	return r;
}

static void read_here(struct auth *auth, struct auth_ask *ask, const char *token)
{
	struct problem why = {};
	int r = prove(auth, ask, token, &why) ?: holder_check(auth, ask, &why);

	if (!r) {
		decide(ask, scopes_of(ask->assertion.client), ask->assertion.client);
		return;
	}
	ask->assertion = (struct assertion){};
	unauthenticated(ask, r == -EEXIST ? "auth_assertion_replay" : "auth_assertion_refused",
			why.text, "token inactive");
}

/* --- a server ---------------------------------------------------------------------------- */

/* "" if there is none; what is too long, or has a NUL behind which more stands, is no answer. */
static int take_text(struct json_object *all, const char *key, char *ret, size_t size)
{
	struct json_object *value = json_member(all, key, json_type_string);
	const char *text = value ? json_object_get_string(value) : "";
	size_t n = value ? (size_t)json_object_get_string_len(value) : 0;

	if (n >= size || strlen(text) != n)
		return -EBADMSG;
	strcpy(ret, text);
	return 0;
}

int auth_introspected_read(const char *text, size_t size, struct introspected *ret)
{
	_cleanup_(json_putp) struct json_object *all = NULL;
	struct json_object *active, *exp;

	*ret = (struct introspected){};
	if (!text || json_parse(text, size, &all) || !json_object_is_type(all, json_type_object))
		return -EBADMSG;
	active = json_member(all, "active", json_type_boolean);
	if (!active)
		return -EBADMSG;
	if (!json_object_get_boolean(active))
		return 0;
	if (take_text(all, "scope", ret->scope, sizeof(ret->scope)) ||
	    take_text(all, "client_id", ret->client, sizeof(ret->client)))
		return -EBADMSG;
	exp = json_member(all, "exp", json_type_int);
	ret->active = !exp || json_object_get_int64(exp) > time(NULL);
	return 0;
}

static void on_introspected(const char *text, size_t size, int error, const char *why, void *user)
{
	struct auth_ask *ask = user;
	struct introspected is;
	char safe[256];

	ask->introspection = NULL;
	if (error || auth_introspected_read(text, size, &is))
		unauthenticated(ask, "auth_introspection_failed",
				error ? log_safe(safe, sizeof(safe), why)
				      : "no answer as RFC 7662 has it",
				"token validation failed");
	else if (!is.active)
		unauthenticated(ask, "auth_token_inactive", "", "token inactive");
	else
		decide(ask, is.scope, is.client);
}

/* --- the way in -------------------------------------------------------------------------- */

void auth_begin(struct auth *auth, struct auth_ask *ask)
{
	const char *token;
	int r;

	ask->assertion = (struct assertion){};
	ask->introspection = NULL;
	for (ask->method = auth->use.methods; ask->method->path; ask->method++)
		if (!strcmp(ask->method->path, ask->path))
			break;
	if (!ask->method->path) {
		ask->method = NULL;
		unauthenticated(ask, "auth_method_unmapped", "", "unauthorized");
		return;
	}
	if (!*ask->method->scope) {
		say(ask, REPLY_OK, "");
		return;
	}
	if (!ask->header || strncmp(ask->header, BEARER, strlen(BEARER)) ||
	    !ask->header[strlen(BEARER)]) {
		unauthenticated(ask, "auth_token_missing", "", "missing bearer token");
		return;
	}
	token = ask->header + strlen(BEARER);
	if (strlen(token) > AUTH_TOKEN_MAX) {
		unauthenticated(ask, "auth_token_too_long", "", "token validation failed");
		return;
	}
	if (!auth->introspect) {
		read_here(auth, ask, token);
		return;
	}
	r = introspect_ask(auth->introspect, token, ask->method->scope, on_introspected, ask,
			   &ask->introspection);
	if (r)
		unauthenticated(ask, "auth_introspection_failed", strerror(-r),
				"token validation failed");
}

void auth_forget(struct auth_ask *ask)
{
	introspect_end(ask->introspection);
	ask->introspection = NULL;
}
