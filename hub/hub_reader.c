// SPDX-License-Identifier: Apache-2.0
#include "hub_reader.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "helper_client.h"
#include "reader_names.h"
#include "terok/names.h"

struct hub_reader {
	struct hub *hub;
	struct helper_client *helper;
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
 * more, is told that it cannot be done.
 */
static bool can_shield(const struct request *request, const struct hub_answer *answer)
{
	if (answer->scope == SCOPE_ONCE || answer->scope == SCOPE_TIME ||
	    answer->reach == REACH_CHILDREN)
		return false;
	return answer->reach == REACH_ASKED ||
	       (answer->reach == REACH_ADDRESS) == is_address(request->dest);
}

static int reader_answer(const struct request *request, const struct hub_answer *answer,
			 uint64_t token, void *user)
{
	struct hub_reader *reader = user;

	if (!can_shield(request, answer))
		return -EOPNOTSUPP;
	if (reader->idle)
		return -ESHUTDOWN;
	return helper_client_apply(reader->helper, request->container, request->dest,
				   answer->action == TEROK_ALLOW ? "allow" : "deny", token);
}

static const struct hub_back back = { .answer = reader_answer };

static void on_applied(uint64_t token, bool ok, const char *text, void *user)
{
	struct hub_reader *reader = user;
	struct hub_outcome outcome = { .result = ok ? 0 : -EIO, .problem = ok ? NULL : text };

	hub_answered(reader->hub, token, &outcome);
	if (reader->idle && !helper_client_pending(reader->helper))
		reader->idle(reader->user);
}

int hub_reader_new(struct loop *loop, const char *helper, struct hub_reader **ret)
{
	struct hub_reader *reader = calloc(1, sizeof(*reader));
	int r;

	if (!reader)
		return -ENOMEM;
	reader->uid = getuid();
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

static void on_blocked(struct hub_reader *reader, const struct reader_line *line, struct news *news)
{
	const struct question question = {
		.id = line->id,
		.container = line->container,
		.dest = *line->domain ? line->domain : line->dest,
		.uid = reader->uid,
	};

	news->dest = line->dest;
	news->domain = line->domain;
	news->port = line->port;
	news->proto = line->proto;
	news->count = 1;
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

	if (line->type == READER_BLOCKED) {
		on_blocked(reader, line, &news);
		return;
	}
	if (kinds[line->type].purge)
		hub_request_purge(reader->hub, news.container);
	hub_publish(reader->hub, &news);
	if (line->type == READER_EXITED)
		reader_names_forget(&reader->names, news.container);
}
