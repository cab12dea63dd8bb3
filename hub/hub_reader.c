// SPDX-License-Identifier: Apache-2.0
#include "hub_reader.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/comm.h"
#include "helper_client.h"
#include "reader_names.h"
#include "terok/names.h"
#include "terok/push.h"

/* An answer that is with the helper. */
struct given {
	struct given *next;
	uint64_t token;
	struct hub_answer answer;
	char client[TEROK_COMM_LEN]; /* asked for when it came: later it may have gone */
};

struct hub_reader {
	struct hub *hub;
	struct helper_client *helper;
	struct history *history; /* NULL: none is kept */
	struct given *given;
	uint32_t uid;
	void (*idle)(void *user); /* not NULL: it is about to end */
	void *user;
	struct reader_names names;
};

static bool is_address(const char *text)
{
	unsigned char addr[16];

	return inet_pton(AF_INET, text, addr) == 1 || inet_pton(AF_INET6, text, addr) == 1;
}

/*
 * A shield allows and denies a target on every port, and keeps that with the container. Who asks
 * for that, however long, or leaves open how much is meant, is served; who asks for less, or for
 * more, is told that it cannot be done. A push or a signature is one, and what is said without an end
 * of its own is said of it alone.
 */
static bool can_shield(const struct request *request, const struct hub_answer *answer)
{
	if (terok_is_deed(request->dest))
		return answer->scope != SCOPE_TIME &&
		       (answer->reach == REACH_ASKED || answer->reach == REACH_NAME);
	if (answer->scope == SCOPE_ONCE || answer->scope == SCOPE_TIME ||
	    answer->reach == REACH_CHILDREN)
		return false;
	return answer->reach == REACH_ASKED ||
	       (answer->reach == REACH_ADDRESS) == is_address(request->dest);
}

/* --- the journal --------------------------------------------------------------------------- */

/* @name: of the container; NULL: as it was said before. */
static struct msg_entry *note(struct hub_reader *reader, enum entry_type type,
			      const char *container, const char *name)
{
	if (!reader->history)
		return NULL;
	return history_entry(reader->history,
			     history_container(reader->history, reader->uid, container, name),
			     type);
}

static struct msg_entry *note_request(struct hub_reader *reader, enum entry_type type,
				      const struct request *request)
{
	struct msg_entry *entry = note(reader, type, request->container, NULL);

	if (!entry)
		return NULL;
	snprintf(entry->request, sizeof(entry->request), "%s", request->id);
	snprintf(entry->dest, sizeof(entry->dest), "%s", request->dest);
	if (!is_address(request->dest))
		memcpy(entry->domain, entry->dest, sizeof(entry->domain));
	entry->port = request->port;
	entry->proto = request->proto;
	entry->count = 1;
	return entry;
}

static void reader_asked(const struct request *request, void *user)
{
	note_request(user, ENTRY_REQUEST, request);
}

static void reader_expired(const struct request *request, void *user)
{
	note_request(user, ENTRY_EXPIRED, request);
}

static void note_verdict(struct hub_reader *reader, const struct given *given, bool ok)
{
	const struct request *request = hub_answering(reader->hub, given->token);
	struct msg_entry *entry = request ? note_request(reader, ENTRY_VERDICT, request) : NULL;

	if (!entry)
		return;
	entry->action = given->answer.action;
	entry->scope = given->answer.scope;
	entry->uid = given->answer.uid;
	entry->ok = ok;
	memcpy(entry->client, given->client, sizeof(given->client));
}

struct telling {
	struct hub *hub;
	uint64_t token;
};

static void tell_entry(const struct msg_entry *entry, void *user)
{
	const struct telling *telling = user;
	struct msg_entry told = *entry;

	told.token = telling->token;
	hub_recall_entry(telling->hub, &told);
}

static int reader_history(const struct msg_history *wanted, void *user)
{
	struct hub_reader *reader = user;
	struct telling telling = { reader->hub, wanted->token };
	struct history_query query = { .after = wanted->after,
				       .uid = wanted->uid,
				       .guard = wanted->guard,
				       .limit = wanted->limit };
	struct msg_listed listed = { .token = wanted->token };
	int r = query.limit ? history_read(reader->history, &query, tell_entry, &telling) : 0;

	if (r < 0)
		return r;
	listed.more = r;
	hub_recall_done(reader->hub, &listed);
	return 0;
}

/* --- answers ------------------------------------------------------------------------------- */

/* Who gave it is needed when it is known what became of it. */
static int given_add(struct hub_reader *reader, const struct hub_answer *answer, uint64_t token)
{
	struct given *given = calloc(1, sizeof(*given));

	if (!given)
		return -ENOMEM;
	given->token = token;
	given->answer = *answer;
	process_comm(answer->pid, answer->uid, given->client);
	given->next = reader->given;
	reader->given = given;
	return 0;
}

static struct given *given_take(struct hub_reader *reader, uint64_t token)
{
	struct given **slot = &reader->given, *given;

	while (*slot && (*slot)->token != token)
		slot = &(*slot)->next;
	given = *slot;
	if (given)
		*slot = given->next;
	return given;
}

static int reader_answer(const struct request *request, const struct hub_answer *answer,
			 uint64_t token, void *user)
{
	struct hub_reader *reader = user;
	int r;

	if (!can_shield(request, answer))
		return -EOPNOTSUPP;
	if (reader->idle)
		return -ESHUTDOWN;
	r = given_add(reader, answer, token);
	if (!r)
		r = helper_client_apply(reader->helper, request->container, request->dest,
					answer->action == TEROK_ALLOW ? "allow" : "deny", token);
	if (r)
		free(given_take(reader, token));
	return r;
}

static const struct hub_back back = { .answer = reader_answer,
				      .history = reader_history,
				      .asked = reader_asked,
				      .expired = reader_expired };

static void on_applied(uint64_t token, bool ok, const char *text, void *user)
{
	struct hub_reader *reader = user;
	_cleanup_free_ struct given *given = given_take(reader, token);
	struct hub_outcome outcome = { .result = ok ? 0 : -EIO,
				       .problem = ok ? NULL : text,
				       .client = given->client };

	note_verdict(reader, given, ok);
	hub_answered(reader->hub, token, &outcome);
	if (reader->idle && !helper_client_pending(reader->helper))
		reader->idle(reader->user);
}

int hub_reader_new(struct loop *loop, const char *helper, struct history *history,
		   struct hub_reader **ret)
{
	struct hub_reader *reader = calloc(1, sizeof(*reader));
	int r;

	if (!reader)
		return -ENOMEM;
	reader->uid = getuid();
	reader->history = history;
	r = hub_new(&back, reader, &reader->hub);
	if (!r)
		r = helper_client_new(loop, helper, HELPER_ANSWER_NS, on_applied, reader,
				      &reader->helper);
	if (r)
		hub_reader_free(reader);
	else
		*ret = reader;
	return r;
}

void hub_reader_free(struct hub_reader *reader)
{
	if (!reader)
		return;
	helper_client_free(reader->helper);
	if (reader->hub) /* no later hub has these requests */
		hub_request_purge(reader->hub, NULL);
	while (reader->given)
		free(given_take(reader, reader->given->token));
	hub_free(reader->hub);
	free(reader);
}

struct hub *hub_reader_hub(struct hub_reader *reader)
{
	return reader->hub;
}

void hub_reader_close(struct hub_reader *reader, void (*idle)(void *user), void *user)
{
	reader->idle = idle;
	reader->user = user;
	if (!helper_client_pending(reader->helper))
		idle(user);
}

/* What a dossier says under that key; NULL: nothing. */
static const char *dossier_says(const struct dossier *dossier, const char *key)
{
	for (unsigned i = 0; i < dossier->n; i++)
		if (!strcmp(dossier->entry[i].key, key))
			return dossier->entry[i].value;
	return NULL;
}

/* What the container is called: readers say it in their dossier, if they know. */
static const char *name_of(const struct dossier *dossier)
{
	return dossier_says(dossier, "container_name") ?: dossier_says(dossier, "name");
}

/*
 * The container that a line is of. Requests and those who end are by id; a shield is taken up and
 * down by what its user typed.
 */
static const char *container_of_line(struct reader_names *names, const struct reader_line *line)
{
	if (line->type != READER_BLOCKED && line->type != READER_STARTED)
		return reader_names_find(names, line->container);
	reader_names_learn(names, line->container, dossier_says(&line->dossier, "container_name"));
	return line->container;
}

/* An id that comes to mean something else: what it meant can no longer be answered. */
static void note_replaced(struct hub_reader *reader, const struct question *question)
{
	const struct request *request = hub_find(reader->hub, question->id, 0);

	if (request && (strcmp(request->container, question->container) ||
			strcmp(request->dest, question->dest)))
		note_request(reader, ENTRY_EXPIRED, request);
}

static void on_blocked(struct hub_reader *reader, const struct reader_line *line, struct news *news)
{
	const struct question question = {
		.id = line->id,
		.container = line->container,
		.dest = *line->domain ? line->domain : line->dest,
		.uid = reader->uid,
		.port = line->port,
		.proto = line->proto,
	};

	news->dest = line->dest;
	news->domain = line->domain;
	news->port = line->port;
	news->proto = line->proto;
	news->count = 1;
	note_replaced(reader, &question);
	if (reader->history)
		history_container(reader->history, reader->uid, line->container, news->name);
	/* what nobody could answer is told all the same */
	if (*line->id && !hub_request_open(reader->hub, &question, news))
		return;
	news->type = "refused";
	news->request_id = line->id;
	hub_publish(reader->hub, news);
}

/* The types of Firewall1, and the shield's state after each. */
static const struct {
	const char *type;
	enum terok_state state;
	bool purge;
} kinds[READER_TYPE_MAX_] = {
	[READER_STARTED] = { "guard_attached", TEROK_STATE_NONE, false },
	[READER_EXITED] = { "guard_detached", TEROK_STATE_NONE, true },
	[READER_UP] = { "guard_state", TEROK_STATE_UP, false },
	[READER_DOWN] = { "guard_state", TEROK_STATE_DOWN, true },
	[READER_DISENGAGED] = { "guard_state", TEROK_STATE_DOWN_ALL, true },
};

void hub_reader_hear(const struct reader_line *line, void *user)
{
	enum terok_state state = kinds[line->type].state;
	struct hub_reader *reader = user;
	struct news news = {
		.type = kinds[line->type].type,
		.clearance = reader_type_name(line->type),
		.owner = reader->uid,
		.container = container_of_line(&reader->names, line),
		.name = name_of(&line->dossier),
		.state = state == TEROK_STATE_NONE ? NULL : terok_state_name(state),
		.reason = line->reason,
		.dossier = line->dossier.entry,
		.n_dossier = line->dossier.n,
	};

	if (line->type == READER_STARTED)
		note(reader, ENTRY_ATTACHED, news.container, news.name);
	if (line->type == READER_BLOCKED) {
		on_blocked(reader, line, &news);
		return;
	}
	if (kinds[line->type].purge)
		hub_request_purge(reader->hub, news.container);
	hub_publish(reader->hub, &news);
	if (line->type == READER_EXITED) {
		note(reader, ENTRY_DETACHED, news.container, news.name);
		reader_names_forget(&reader->names, news.container);
	}
}
