// SPDX-License-Identifier: Apache-2.0
#include "session.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "audit.h"
#include "base/event.h"
#include "base/log.h"
#include "proxy/store/ssh_key.h"
#include "proxy/store/token.h"

struct session {
	struct signing *signing;
	struct word_open who;
	char text[TOKEN_SIZE]; /* of its token; "": it came without one */
	char shown[TOKEN_SIZE];
	struct token token;
	char project[STORE_NAME_SIZE];
	struct bindings bindings;
};

/* --- who ------------------------------------------------------------------------------ */

/* Is its token one for here, still? */
static int token_check(struct session *session, struct problem *why)
{
	struct token *token = &session->token;
	const struct word_open *who = &session->who;
	int r;

	if (!*session->text)
		return 0;
	r = token_lookup(session->signing->store, session->text, strlen(session->text), token, why);
	if (r)
		return r;
	if (strcmp(token->provider, AGENT_SSH_PROVIDER))
		return problem(why, -EACCES, "the token is for %s, not for keys", token->provider);
	if (*who->project && strcmp(who->project, token->project))
		return problem(why, -EACCES, "the token is of project %s", token->project);
	if (*session->project && strcmp(session->project, token->project))
		return problem(why, -EACCES, "the token is another project's now");
	if (!token_is_for(token, who->container) && !token_is_for(token, who->name))
		return problem(why, -EACCES, "the token is for container %s", token->container);
	return 0;
}

static int identify(struct session *session, struct span token, struct problem *why)
{
	const struct word_open *who = &session->who;
	int r;

	if (who->local) {
		if (!session->signing->local || !*who->project || token.n)
			return problem(why, -EACCES, "nobody is let in without a token");
		strcpy(session->project, who->project);
		return 0;
	}
	if (!session->signing->store)
		return problem(why, -EACCES, "there is no store that has tokens");
	if (!token.n || token.n >= sizeof(session->text) || memchr(token.at, 0, token.n))
		return problem(why, -EACCES, "that is no token");
	memcpy(session->text, token.at, token.n);
	r = token_check(session, why);
	if (r)
		return r;
	strcpy(session->project, session->token.project);
	token_mask(session->text, session->shown);
	return 0;
}

static unsigned usable(const struct keyring *ring)
{
	unsigned n = 0;

	for (unsigned i = 0; i < ring->n; i++)
		n += !held_is_over(&ring->held[i]);
	return n;
}

int session_open(struct signing *signing, const struct word_open *who, struct span token,
		 struct session **ret, struct word_opened *told)
{
	struct session *session = calloc(1, sizeof(*session));
	struct problem why = {};
	struct keyring *ring;
	int r = session ? 0 : -ENOMEM;

	if (session) {
		session->signing = signing;
		session->who = *who;
		r = identify(session, token, &why);
	}
	if (!r)
		r = keyring_get(&signing->rings, session->project, &ring, &why);
	if (!r && !usable(ring))
		r = problem(&why, -ENOKEY, "project %s has no keys", session->project);
	if (session) {
		snprintf(told->project, sizeof(told->project), "%s", session->project);
		snprintf(told->task, sizeof(told->task), "%s", session->token.task);
	}
	snprintf(told->problem, sizeof(told->problem), "%.*s", WORD_PROBLEM - 1, why.text);
	told->result = r;
	if (r)
		session_free(session);
	else
		*ret = session;
	return r;
}

void session_free(struct session *session)
{
	if (!session)
		return;
	bind_done(&session->bindings);
	explicit_bzero(session, sizeof(*session));
	free(session);
}

/* Clients may be refused as often as they like: one line a second is theirs. */
static bool may_tell(struct signing *signing)
{
	uint64_t now = now_boot_ns();

	if (signing->told_ns && now - signing->told_ns < SECOND_NS)
		return false;
	signing->told_ns = now;
	return true;
}

/* --- what ----------------------------------------------------------------------------- */

static int failure(struct wire_out *reply)
{
	wire_put_u8(reply, AGENT_FAILURE);
	return reply->failed ? -ENOMEM : 0;
}

static int list(struct session *session, struct wire_out *reply)
{
	_cleanup_wire_ struct wire_out keys = {};
	struct keyring *ring;
	struct problem why;
	uint32_t n = 0;

	if (token_check(session, &why) ||
	    keyring_get(&session->signing->rings, session->project, &ring, &why)) {
		if (may_tell(session->signing))
			log_info("project %s: %s", session->project, why.text);
		return failure(reply);
	}
	for (unsigned i = 0; i < ring->n; i++) {
		const struct held *held = &ring->held[i];
		struct span blob = wire_out_span(&held->key->blob);

		if (held_is_over(held) || !limits_reach(&held->limits, &session->bindings))
			continue;
		if (keys.n + blob.n + KEY_COMMENT + 8 > AGENT_FRAME_MAX - 5)
			break;
		wire_put_string(&keys, blob);
		wire_put_text(&keys, held->comment);
		n++;
	}
	wire_put_u8(reply, AGENT_LISTED);
	wire_put_u32(reply, n);
	wire_put_bytes(reply, wire_out_span(&keys));
	return keys.failed || reply->failed ? -ENOMEM : 0;
}

/* A request to sign, and what is known of it. */
struct wanted {
	struct span blob, data;
	uint32_t flags;
	struct deed deed;
};

static bool wanted_read(struct session *session, struct span message, struct wanted *ret)
{
	struct wire wire = wire_begin(message);
	const struct bound *last = bind_last(&session->bindings);

	wire_u8(&wire);
	*ret = (struct wanted){ .blob = wire_string(&wire), .data = wire_string(&wire) };
	ret->flags = wire_u32(&wire);
	ret->deed = (struct deed){
		.project = session->project,
		.task = session->token.task,
		.container = *session->who.name ? session->who.name : session->who.container,
		.token = session->shown,
		.peer = session->who.peer,
		.size = ret->data.n,
	};
	if (!wire_ended(&wire))
		return false;
	purpose_read(ret->data, &ret->deed.purpose);
	/* what the connection is bound to says nothing of a login somewhere else */
	if (ret->deed.purpose.kind == PURPOSE_LOGIN && last &&
	    span_same(ret->deed.purpose.session, span_of(last->session, last->session_n)))
		ret->deed.bound = last;
	return true;
}

/* May it be, as things are now? */
static int wanted_check(struct session *session, struct wanted *wanted, struct held **ret,
			struct problem *why)
{
	struct keyring *ring;
	struct held *held;
	int r = token_check(session, why);

	if (!r)
		r = keyring_get(&session->signing->rings, session->project, &ring, why);
	if (r)
		return r;
	held = keyring_find(ring, wanted->blob);
	if (!held)
		return problem(why, -ENOKEY, "the project has no such key");
	wanted->deed.held = held;
	r = limits_allow(&held->limits, wanted->blob, &session->bindings, &wanted->deed.purpose,
			 &wanted->deed.to, why);
	if (!r)
		*ret = held;
	return r;
}

/* One of what there is a number of. */
static int spend(struct session *session, struct held *held, struct problem *why)
{
	bool counted = *session->text && session->token.budget != TOKEN_UNLIMITED;
	struct store *store = session->signing->store;
	const struct meter before = held->meter;
	int r = held_take(held, now_boot_ns());

	if (r)
		return problem(why, r, "it signs %u times in a minute, and did",
			       held->limits.per_minute);
	/* the token first: one that is used up takes nothing from others of the project */
	if (counted) {
		r = token_spend(store, &session->token, 1, why);
		if (!r)
			r = problem(why, -EDQUOT, "the token's requests are used up");
		counted = r > 0;
	}
	if (r >= 0)
		r = held->limits.total ? ssh_key_spend(store, session->project, held->row, why) : 0;
	if (r && counted)
		token_spend(store, &session->token, -1, NULL);
	if (r)
		held->meter = before;
	return r;
}

static int refused(struct session *session, struct wanted *wanted, const char *outcome,
		   const char *why, struct wire_out *reply)
{
	char text[WORD_SHOWN];

	wanted->deed.outcome = outcome;
	wanted->deed.why = why;
	refusals_note(&session->signing->refusals, &wanted->deed);
	if (!may_tell(session->signing))
		return failure(reply);
	log_warn(0, "project %s, key %s: %s is %s: %s", session->project,
		 wanted->deed.held ? wanted->deed.held->key->fingerprint : "unknown",
		 deed_text(&wanted->deed, text, sizeof(text)), outcome, why);
	return failure(reply);
}

static void ask_fill(const struct session *session, const struct wanted *wanted,
		     struct word_confirm *ask)
{
	const struct held *held = wanted->deed.held;

	*ask = (struct word_confirm){};
	strcpy(ask->project, session->project);
	strcpy(ask->task, session->token.task);
	snprintf(ask->container, sizeof(ask->container), "%s", wanted->deed.container);
	snprintf(ask->key, sizeof(ask->key), "%s%s%s", held->comment, *held->comment ? " " : "",
		 held->key->fingerprint);
	deed_text(&wanted->deed, ask->what, sizeof(ask->what));
}

static int sign(struct session *session, struct span message, bool confirmed,
		struct wire_out *reply, struct word_confirm *ask)
{
	_cleanup_wire_ struct wire_out signature = {};
	struct problem why = {};
	struct wanted wanted;
	struct held *held;
	int r;

	if (!wanted_read(session, message, &wanted))
		return failure(reply);
	r = wanted_check(session, &wanted, &held, &why);
	if (!r && held->limits.confirm && !confirmed) {
		ask_fill(session, &wanted, ask);
		return 1;
	}
	wanted.deed.confirmed = confirmed;
	if (!r)
		r = spend(session, held, &why);
	if (r)
		return refused(session, &wanted, "refused", why.text, reply);
	if (key_sign(held->key, wanted.data, wanted.flags, &signature))
		return refused(session, &wanted, "failed", "the key did not sign", reply);
	wanted.deed.outcome = "signed";
	audit_sign(session->signing->refusals.audit, &wanted.deed);
	wire_put_u8(reply, AGENT_SIGNED);
	wire_put_string(reply, wire_out_span(&signature));
	return reply->failed ? -ENOMEM : 0;
}

static int extension(struct session *session, struct span message, struct wire_out *reply)
{
	struct wire wire = wire_begin(message);
	int r;

	wire_u8(&wire);
	if (!span_is(wire_string(&wire), BIND_EXTENSION))
		return failure(reply);
	r = bind_add(&session->bindings, wire_bytes(&wire, wire.left));
	if (r) {
		log_debug(r, "project %s: what a client says of its connection is not believed",
			  session->project);
		return failure(reply);
	}
	wire_put_u8(reply, AGENT_SUCCESS);
	return reply->failed ? -ENOMEM : 0;
}

int session_message(struct session *session, struct span message, bool confirmed,
		    struct wire_out *reply, struct word_confirm *ask)
{
	switch (message.n ? *message.at : 0) {
	case AGENT_LIST: return list(session, reply);
	case AGENT_SIGN: return sign(session, message, confirmed, reply, ask);
	case AGENT_EXTENSION: return extension(session, message, reply);
	default: return failure(reply);
	}
}

int session_refuse(struct session *session, struct span message, const char *reason,
		   struct wire_out *reply)
{
	struct wanted wanted;
	struct problem why;
	struct held *held;

	if (!wanted_read(session, message, &wanted))
		return failure(reply);
	if (wanted_check(session, &wanted, &held, &why))
		reason = why.text;
	return refused(session, &wanted, "refused", reason, reply);
}
