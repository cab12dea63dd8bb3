// SPDX-License-Identifier: Apache-2.0
#include "clearance_hub.h"

#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "clearance_item.h"

void hub_more(const struct terok_event *event, struct hub_more *ret)
{
	size_t n = 0, size = sizeof(ret->parents);

	ret->rule = event->rule;
	ret->client = event->client;
	ret->parents[0] = '\0';
	for (unsigned i = 0; i < event->parents && n < size; i++)
		n += snprintf(ret->parents + n, size - n, "%s%s", i ? " < " : "", event->parent[i]);
}

static void on_subscribed(void *user)
{
	struct hub_line *line = user;

	if (line->events->subscribed)
		line->events->subscribed(line->user);
}

static void on_event(const struct terok_event *event, int64_t lost, void *user)
{
	struct hub_line *line = user;

	if (line->events->event)
		line->events->event(event, lost, line->user);
}

static void on_outcome(const struct terok_outcome *outcome, uint64_t cookie, void *user)
{
	struct hub_line *line = user;

	if (line->events->outcome)
		line->events->outcome(outcome, cookie, line->user);
}

static void on_answered(const char *error, const char *problem, uint64_t cookie, void *user)
{
	struct hub_line *line = user;

	if (line->events->answered)
		line->events->answered(error, problem, cookie, line->user);
}

static void on_guard(const struct terok_guard_status *guard, void *user)
{
	struct hub_line *line = user;

	if (line->events->guard)
		line->events->guard(guard, line->user);
}

#define COPY(field, text) text_copy(field, sizeof(field), text)

static void on_entry(const struct terok_entry *from, bool more, const char *problem, void *user)
{
	struct hub_line *line = user;
	struct entry entry;
	size_t n;

	if (!line->events->entry)
		return;
	if (!from) {
		line->events->entry(NULL, more, problem, line->user);
		return;
	}
	entry = (struct entry){ .number = from->number,
				.guard = from->guard,
				.port = from->port,
				.proto = from->proto,
				.uid = from->uid,
				.count = from->count,
				.wall_ns = from->wall_ns,
				.until_ns = from->until_ns,
				.ok = from->ok,
				.json = from->json };
	COPY(entry.type, from->type);
	COPY(entry.container, from->container);
	COPY(entry.name, from->name);
	COPY(entry.request_id, from->request_id);
	COPY(entry.dest, from->dest);
	COPY(entry.domain, from->domain);
	COPY(entry.action, from->action);
	COPY(entry.scope, from->scope);
	COPY(entry.client, from->client);
	COPY(entry.process, from->process);
	n = strlen(entry.process);
	if (n && entry.process[n - 1] == ' ')
		entry.process[n - 1] = '\0'; /* of who had ended there is no program */
	line->events->entry(&entry, more, problem, line->user);
}

static void on_grant(const struct terok_grant_status *from, bool more, const char *problem,
		     void *user)
{
	struct hub_line *line = user;
	struct grant grant;

	if (!line->events->grant)
		return;
	if (!from) {
		line->events->grant(NULL, more, problem, line->user);
		return;
	}
	grant = (struct grant){ .guard = from->guard,
				.port = from->port,
				.proto = from->proto,
				.uid = from->uid,
				.until_ns = from->until_ns,
				.since_ns = from->since_ns,
				.json = from->json };
	COPY(grant.grant, from->grant);
	COPY(grant.container, from->container);
	COPY(grant.name, from->name);
	COPY(grant.dest, from->dest);
	COPY(grant.action, from->action);
	COPY(grant.scope, from->scope);
	line->events->grant(&grant, more, problem, line->user);
}

static void on_revoked(const char *error, const char *problem, uint64_t cookie, void *user)
{
	struct hub_line *line = user;

	if (line->events->revoked)
		line->events->revoked(error, problem, cookie, line->user);
}

static void on_closed(int error, void *user)
{
	struct hub_line *line = user;

	if (line->events->closed)
		line->events->closed(error, line->user);
}

static const struct terok_client_events events = {
	.subscribed = on_subscribed,
	.event = on_event,
	.outcome = on_outcome,
	.answered = on_answered,
	.guard = on_guard,
	.grant = on_grant,
	.revoked = on_revoked,
	.entry = on_entry,
	.closed = on_closed,
};

int hub_open(struct hub_line *line, const char *path)
{
	return terok_client_open(path, &events, line, &line->client);
}

void hub_close(struct hub_line *line)
{
	terok_client_close(TAKE_PTR(line->client));
}

int hub_answer(struct hub_line *line, const char *request_id, const struct answer_choice *choice,
	       uint64_t cookie)
{
	const struct terok_answer answer = { .action = choice->allow ? "allow" : "deny",
					     .scope = choice->scope,
					     .seconds = choice->seconds,
					     .reach = choice->reach,
					     .ports = choice->ports };

	return terok_client_answer_with(line->client, request_id, &answer, cookie);
}

int hub_list_grants(struct hub_line *line, int64_t guard)
{
	return terok_client_list_grants(line->client, guard);
}

int hub_revoke(struct hub_line *line, const char *grant, uint64_t cookie)
{
	return terok_client_revoke(line->client, grant, cookie);
}

int hub_history(struct hub_line *line, int64_t guard, int64_t after, int64_t limit)
{
	return terok_client_history(line->client, guard, after, limit);
}
