// SPDX-License-Identifier: Apache-2.0
#include "register.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/log.h"

struct registrar {
	struct loop *loop;
	struct agents *agents;
	struct timer commit;                /* at the end of this round */
	struct register_ask *first, **last; /* wait for the commit */
	struct register_ask *told;          /* those of a commit, while they are told of it */
	bool open;                          /* something is to be committed */
	int failed; /* a commit of some who are not told yet: they are all told so */
	struct timer write_seen;
	unsigned n_seen;
	struct seen {
		char container[AGENT_ID_LEN];
		int64_t at;
	} seen[REGISTRAR_SEEN_MAX];
};

static void seen_write(struct registrar *registrar);

int registrar_new(struct loop *loop, struct agents *agents, struct registrar **ret)
{
	struct registrar *registrar = calloc(1, sizeof(*registrar));

	if (!registrar)
		return -ENOMEM;
	registrar->loop = loop;
	registrar->agents = agents;
	registrar->last = &registrar->first;
	*ret = registrar;
	return 0;
}

void registrar_free(struct registrar *registrar)
{
	struct problem why = {};

	if (!registrar)
		return;
	timer_disarm(&registrar->write_seen);
	if (registrar->n_seen)
		seen_write(registrar);
	if (registrar->open && agents_commit(registrar->agents, &why))
		log_error(0, "event=agent_register_add_failed %s", why.text);
	while (registrar->first)
		register_forget(registrar->first);
	timer_disarm(&registrar->commit);
	free(registrar);
}

void register_forget(struct register_ask *ask)
{
	struct registrar *registrar = ask->registrar;
	struct register_ask **at;

	if (!registrar)
		return;
	ask->registrar = NULL;
	for (at = &registrar->told; *at; at = &(*at)->next)
		if (*at == ask) {
			*at = ask->next;
			return;
		}
	for (at = &registrar->first; *at != ask; at = &(*at)->next)
		;
	*at = ask->next;
	if (!*at)
		registrar->last = at;
}

/* --- what is said ----------------------------------------------------------------------- */

static void note(int level, const char *event, const struct register_ask *ask, const char *why)
{
	char agent[AGENT_NAME_LEN], project[AGENT_NAME_LEN], id[AGENT_ID_LEN], hex[LEAF_HEX_LEN];
	const struct resolved *who = ask->who;

	leaf_hex(ask->leaf->thumbprint, hex);
	log_full(level, 0, "event=%s container_id=%s project=%s agent=%s cert_thumbprint=%s%s%s",
		 event, log_safe(id, sizeof(id), who ? who->container : ""),
		 log_safe(project, sizeof(project), who ? who->project : ""),
		 log_safe(agent, sizeof(agent), who ? who->agent : ""), hex, *why ? " " : "", why);
}

static struct reply denied(const struct register_ask *ask, const char *event)
{
	note(LOG_WARNING, event, ask, "");
	return reply_make(REPLY_DENIED, "%s", REGISTER_FAILED);
}

static struct reply broken(const struct register_ask *ask, const char *event, const char *why,
			   const char *text)
{
	note(LOG_ERR, event, ask, why);
	return reply_make(REPLY_INTERNAL, "register: %s", text);
}

/* --- the checks -------------------------------------------------------------------------- */

/* REPLY_NONE: nothing is wrong with it so far. */
static struct reply request_check(const struct register_ask *ask)
{
	if (!ask->agent || !ask->project)
		return reply_make(REPLY_INVALID, "register: nil request");
	if (!*ask->agent)
		return reply_make(REPLY_INVALID, "register: invalid agent name");
	if (!ask->who || !*ask->who->container) {
		note(LOG_ERR, "agent_register_no_resolved_container", ask, "");
		return reply_make(REPLY_INTERNAL, "register: identity not resolved");
	}
	return (struct reply){};
}

static struct reply identity_check(const struct register_ask *ask)
{
	const struct leaf *leaf = ask->leaf;

	if (!leaf->present)
		return denied(ask, "agent_register_peer_cert_missing_post_resolve");
	if (!leaf_same(ask->agent, ask->who->agent) || !leaf_same(ask->project, ask->who->project))
		return denied(ask, "agent_register_request_label_mismatch");
	if (leaf->container_san == SAN_MISSING)
		return denied(ask, "agent_register_no_container_san");
	if (leaf->container_san == SAN_MALFORMED)
		return denied(ask, "agent_register_malformed_container_san");
	if (!leaf_same(leaf->container, ask->who->container))
		return denied(ask, "agent_register_container_id_mismatch");
	return (struct reply){};
}

static struct reply add_row(struct registrar *registrar, struct register_ask *ask, int64_t now)
{
	struct agent *row = &ask->row;
	struct problem why = {};

	*row = (struct agent){ .registered = now, .seen = now };
	memcpy(row->thumbprint, ask->leaf->thumbprint, sizeof(row->thumbprint));
	strcpy(row->container, ask->who->container);
	strcpy(row->project, ask->who->project);
	strcpy(row->name, ask->who->agent);
	if (agents_add(registrar->agents, row, &why))
		return broken(ask, "agent_register_add_failed", why.text, "persist failed");
	ask->added = true;
	return (struct reply){ .code = REPLY_OK };
}

/* A row that is there: the same certificate's is its own, no other's is. */
static struct reply row_check(struct registrar *registrar, struct register_ask *ask, int64_t now)
{
	const char *container = ask->who->container;
	struct problem why = {};
	int r = agents_lookup(registrar->agents, container, &ask->row, &why);

	if (r == -ENOENT)
		return add_row(registrar, ask, now);
	if (r == -EBADMSG) {
		if (agents_evict(registrar->agents, container, &why))
			return broken(ask, "agent_register_malformed_row_evict_failed", why.text,
				      "evict malformed row failed");
		note(LOG_WARNING, "agent_register_malformed_row_evicted", ask, "");
		return add_row(registrar, ask, now);
	}
	if (r)
		return broken(ask, "agent_register_lookup_error", why.text, "lookup failed");
	if (memcmp(ask->row.thumbprint, ask->leaf->thumbprint, LEAF_THUMBPRINT))
		return denied(ask, "agent_register_thumbprint_replay");
	note(LOG_INFO, "agent_register_idempotent", ask, "");
	return (struct reply){ .code = REPLY_OK };
}

/* --- a commit ---------------------------------------------------------------------------- */

int registrar_commit(struct registrar *registrar, struct problem *why)
{
	int r = agents_commit(registrar->agents, why);

	registrar->open = false;
	if (r && registrar->first)
		registrar->failed = r;
	return r;
}

static int on_commit(struct timer *timer)
{
	struct registrar *registrar = container_of(timer, struct registrar, commit);
	struct problem why = {};
	struct register_ask *ask;
	int r;

	if (registrar->open)
		(void)registrar_commit(registrar, &why);
	r = registrar->failed; /* also of one before it, in this round */
	registrar->failed = 0;
	/* who is told may ask again, which is for the next commit, or forget others */
	registrar->told = registrar->first;
	registrar->first = NULL;
	registrar->last = &registrar->first;
	while ((ask = registrar->told)) {
		register_forget(ask);
		if (r)
			ask->reply =
			    broken(ask, "agent_register_add_failed", why.text, "persist failed");
		else if (ask->added)
			note(LOG_INFO, "agent_registered", ask, "");
		ask->done(ask, &ask->reply);
	}
	return 0;
}

static int open_commit(struct registrar *registrar, struct problem *why)
{
	int r;

	/* what others have begun was taken back: they hear so, whatever becomes of what follows */
	if (registrar->open && !agents_is_begun(registrar->agents))
		(void)registrar_commit(registrar, NULL);
	r = agents_begin(registrar->agents, why);
	if (r)
		return r;
	registrar->open = true;
	timer_arm(registrar->loop, &registrar->commit, 0, on_commit);
	return 0;
}

int registrar_spend(struct registrar *registrar, const struct spent *spent, struct problem *why)
{
	return open_commit(registrar, why)
		   ?: agents_spend(registrar->agents, spent, time(NULL), why);
}

static void note_seen(struct registrar *registrar, const struct register_ask *ask, int64_t now)
{
	if (ask->row.seen <= now - REGISTER_SEEN_S)
		registrar_touch(registrar, ask->who->container);
}

/*
 * All of it stands in the registry, so nothing is to be committed. While others' is, what stands
 * there may be taken back: then it waits with them.
 */
static bool is_known(const struct registrar *registrar, struct register_ask *ask)
{
	return !registrar->open &&
	       !agents_lookup(registrar->agents, ask->who->container, &ask->row, NULL) &&
	       !memcmp(ask->row.thumbprint, ask->leaf->thumbprint, LEAF_THUMBPRINT) &&
	       (!ask->spent || agents_spent(registrar->agents, ask->spent, NULL) > 0);
}

static struct reply decide(struct registrar *registrar, struct register_ask *ask, int64_t now)
{
	struct problem why = {};
	struct reply reply;
	int r = open_commit(registrar, &why);

	if (r)
		return broken(ask, "agent_register_add_failed", why.text, "persist failed");
	r = ask->spent ? agents_spend(registrar->agents, ask->spent, now, &why) : 0;
	if (r == -EEXIST) /* by another, since it was let in */
		return denied(ask, "agent_register_assertion_replay");
	if (r)
		return broken(ask, "agent_register_add_failed", why.text, "persist failed");
	reply = row_check(registrar, ask, now);
	if (reply.code == REPLY_OK && !ask->added)
		note_seen(registrar, ask, now);
	return reply;
}

void register_begin(struct registrar *registrar, struct register_ask *ask)
{
	struct reply reply = request_check(ask);
	int64_t now = time(NULL);

	ask->registrar = NULL;
	ask->added = false;
	if (reply.code == REPLY_NONE)
		reply = identity_check(ask);
	if (reply.code == REPLY_NONE && is_known(registrar, ask)) {
		note(LOG_INFO, "agent_register_idempotent", ask, "");
		note_seen(registrar, ask, now);
		reply.code = REPLY_OK;
		ask->done(ask, &reply);
		return;
	}
	if (reply.code == REPLY_NONE)
		reply = decide(registrar, ask, now);
	if (reply.code != REPLY_OK) {
		ask->done(ask, &reply);
		return;
	}
	ask->reply = reply;
	ask->registrar = registrar;
	ask->next = NULL;
	*registrar->last = ask;
	registrar->last = &ask->next;
}

int registrar_evict(struct registrar *registrar, const char *container, struct problem *why)
{
	/* what others have begun is committed first: if that fails, it is theirs alone */
	int r = registrar->open ? registrar_commit(registrar, why) : 0;

	return r ?: agents_evict(registrar->agents, container, why);
}

/* --- who was seen ------------------------------------------------------------------------- */

/* With the next commit. That a row has gone is no error; that the disk is full costs no more than this. */
static void seen_write(struct registrar *registrar)
{
	struct problem why = {};
	int r = open_commit(registrar, &why);

	for (unsigned i = 0; !r && i < registrar->n_seen; i++)
		r = agents_touch(registrar->agents, registrar->seen[i].container,
				 registrar->seen[i].at, &why);
	registrar->n_seen = 0;
	if (r)
		log_warn(0, "event=agentregistry_touch_failed %s", why.text);
}

static int on_write_seen(struct timer *timer)
{
	seen_write(container_of(timer, struct registrar, write_seen));
	return 0;
}

void registrar_touch(struct registrar *registrar, const char *container)
{
	struct seen *seen = &registrar->seen[registrar->n_seen];

	if (strlen(container) >= sizeof(seen->container))
		return;
	strcpy(seen->container, container);
	seen->at = time(NULL);
	if (!registrar->n_seen++)
		timer_arm(registrar->loop, &registrar->write_seen,
			  now_boot_ns() + REGISTRAR_SEEN_NS, on_write_seen);
	if (registrar->n_seen < REGISTRAR_SEEN_MAX)
		return;
	timer_disarm(&registrar->write_seen);
	seen_write(registrar);
}
