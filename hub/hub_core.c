// SPDX-License-Identifier: Apache-2.0
#include "hub_core.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "terok/dossier.h"

#define BUCKETS 256

/* Tokens of grants are counted by themselves: so they are none of the others. */
#define TOKEN_GRANTS (UINT64_C(1) << 62)

struct known { /* a guard */
	struct known *next;
	bool told; /* the label is; else only who it will be */
	struct label label;
	struct terok_dossier *dossier; /* NULL: nothing */
};

struct hub_core {
	hub_send_fn send;
	void *user;
	struct hub *hub;
	struct turns *answers, *lists; /* what waits for the core */
	struct known *bucket[BUCKETS];
};

/* --- what the hub wants of the core ------------------------------------------------------- */

static int core_answer(const struct request *request, const struct hub_answer *answer,
		       uint64_t token, void *user)
{
	struct hub_core *core = user;
	struct msg_packet packet = { .type = MSG_VERDICT };

	packet.VERDICT = (struct msg_verdict){ .ask = request->ask,
					       .token = token,
					       .action = answer->action,
					       .scope = answer->scope,
					       .seconds = answer->seconds,
					       .reach = answer->reach,
					       .ports = answer->ports,
					       .uid = answer->uid,
					       .pid = answer->pid };
	return turns_say(core->answers, &packet, answer->uid, token);
}

static int core_list(uint64_t token, uint32_t uid, void *user)
{
	struct hub_core *core = user;
	struct msg_packet packet = { .type = MSG_LIST, .LIST = { token, uid, 0 } };

	return turns_say(core->lists, &packet, uid, token);
}

static void core_list_end(uint64_t token, void *user)
{
	struct hub_core *core = user;

	turns_forget(core->lists, token);
}

static int core_history(const struct msg_history *wanted, void *user)
{
	struct hub_core *core = user;
	struct msg_packet packet = { .type = MSG_HISTORY };

	packet.HISTORY = *wanted;
	return core->send(&packet, core->user);
}

static int core_audience(const struct msg_audience *audience, void *user)
{
	struct hub_core *core = user;
	struct msg_packet packet = { .type = MSG_AUDIENCE };

	packet.AUDIENCE = *audience;
	return core->send(&packet, core->user);
}

static int core_grants(const struct msg_grants *wanted, void *user)
{
	struct hub_core *core = user;
	struct msg_packet packet = { .type = MSG_GRANTS, .GRANTS = *wanted };

	return turns_say(core->lists, &packet, wanted->uid, TOKEN_GRANTS | wanted->token);
}

static int core_revoke(const struct msg_revoke *revoke, void *user)
{
	struct hub_core *core = user;
	struct msg_packet packet = { .type = MSG_REVOKE, .REVOKE = *revoke };

	return turns_say(core->answers, &packet, revoke->uid, TOKEN_GRANTS | revoke->token);
}

static struct known **known_slot(struct hub_core *core, uint32_t id)
{
	struct known **slot = &core->bucket[id % BUCKETS];

	while (*slot && (*slot)->label.id != id)
		slot = &(*slot)->next;
	return slot;
}

static const struct label *core_label(uint32_t guard, void *user)
{
	struct known *known = *known_slot(user, guard);

	return known && known->told ? &known->label : NULL;
}

static struct known *known_get(struct hub_core *core, uint32_t id)
{
	struct known **slot = known_slot(core, id);

	if (!*slot) {
		*slot = calloc(1, sizeof(**slot));
		if (*slot)
			(*slot)->label.id = id;
	}
	return *slot;
}

static void known_free(struct known *known)
{
	free(known->dossier);
	free(known);
}

static const struct hub_back back = { .answer = core_answer,
				      .list = core_list,
				      .list_end = core_list_end,
				      .history = core_history,
				      .grants = core_grants,
				      .revoke = core_revoke,
				      .audience = core_audience,
				      .label = core_label };

int hub_core_new(hub_send_fn send, void *user, struct hub_core **ret)
{
	struct hub_core *core = calloc(1, sizeof(*core));
	int r;

	if (!core)
		return -ENOMEM;
	core->send = send;
	core->user = user;
	r = turns_new(HUB_ANSWERS_OPEN, send, user, &core->answers);
	if (!r)
		r = turns_new(HUB_LISTS_OPEN, send, user, &core->lists);
	if (!r)
		r = hub_new(&back, core, &core->hub);
	if (r) {
		hub_core_free(core);
		return r;
	}
	/* the hub before may have ended with people in it */
	core_audience(&(struct msg_audience){}, core);
	*ret = core;
	return 0;
}

void hub_core_free(struct hub_core *core)
{
	if (!core)
		return;
	hub_free(core->hub);
	turns_free(core->answers);
	turns_free(core->lists);
	for (int i = 0; i < BUCKETS; i++) {
		struct known *known;

		while ((known = core->bucket[i])) {
			core->bucket[i] = known->next;
			known_free(known);
		}
	}
	free(core);
}

struct hub *hub_core_hub(struct hub_core *core)
{
	return core->hub;
}

/* A field of a message, which may fill it to its end. */
#define text_of(buf, field) text_end(buf, field, sizeof(field))

static const char *text_end(char *buf, const char *field, size_t size)
{
	size_t n = strnlen(field, size);

	memcpy(buf, field, n);
	buf[n] = '\0';
	return buf;
}

/* --- what the core says ------------------------------------------------------------------- */

static void on_question(struct hub_core *core, const struct label *label,
			const struct msg_refused *refused)
{
	struct news news = { .clearance = "connection_blocked",
			     .label = label,
			     .refused = refused };
	char id[32], container[TEROK_NAME_LEN], dest[TEROK_DOMAIN_LEN];
	struct question question = { .id = id,
				     .container = container,
				     .dest = dest,
				     .addr = refused->by_name ? NULL : refused->record.dst,
				     .ask = refused->ask,
				     .guard = label->id,
				     .uid = label->info.uid };

	wire_request_id(id, label, refused->ask);
	wire_container(container, label);
	wire_target(dest, refused);
	hub_request_open(core->hub, &question, &news);
}

static void on_refused(struct hub_core *core, const struct msg_refused *refused)
{
	const struct label *label = core_label(refused->record.guard, core);
	struct news news = { .type = refused->held ? "held" : "refused",
			     .label = label,
			     .guard = refused->record.guard,
			     .owner = EVENT_ROOT_ONLY,
			     .refused = refused };

	if (refused->ask && !refused->held && label)
		on_question(core, label, refused);
	else
		hub_publish(core->hub, &news);
}

static void on_unheard(struct hub_core *core, const struct msg_unheard *unheard)
{
	struct news news = { .type = "missed",
			     .label = core_label(unheard->guard, core),
			     .guard = unheard->guard,
			     .owner = EVENT_ROOT_ONLY,
			     .count = unheard->count };

	hub_publish(core->hub, &news);
}

static void guard_news(struct hub_core *core, const struct label *label, const char *type,
		       const char *clearance)
{
	struct news news = { .type = type, .clearance = clearance, .label = label };

	hub_publish(core->hub, &news);
}

/* Its pairs, and what it is called where they do not say. */
static unsigned alarm_says(const struct msg_alarm *alarm, struct terok_dossier *pairs,
			   const char *name, struct said ret[static TEROK_DOSSIER_MAX + 2])
{
	static const char *const called[] = { "name", "container_name" };
	unsigned n = 0;

	terok_dossier_take(&alarm->pairs, pairs);
	for (unsigned i = 0; i < 2; i++)
		if (!terok_dossier_get(pairs, called[i]))
			ret[n++] = (struct said){ called[i], name };
	for (unsigned i = 0; i < pairs->n; i++)
		ret[n++] = (struct said){ pairs->key[i], pairs->value[i] };
	return n;
}

static void on_alarm(struct hub_core *core, const struct msg_alarm *alarm)
{
	char id[sizeof(alarm->id) + 1], name[sizeof(alarm->name) + 1], why[sizeof(alarm->why) + 1];
	struct said said[TEROK_DOSSIER_MAX + 2];
	struct terok_dossier pairs;
	struct news news = { .type = alarm->over ? "alarm_over" : "alarm",
			     .clearance = alarm->over ? NULL : "container_unguarded",
			     .owner = alarm->uid,
			     .container = text_of(id, alarm->id),
			     .name = text_of(name, alarm->name),
			     .reason = "unguarded",
			     .problem = text_of(why, alarm->why),
			     .uid = alarm->uid,
			     .dossier = said };

	news.n_dossier = alarm_says(alarm, &pairs, name, said);
	hub_alarm(core->hub, &news, alarm->over);
}

/* What goes with it beside its reason, in pairs: texts, since that is what the contract has there. */
struct agent_says {
	unsigned n;
	struct said said[13];
	char number[5][24];
	unsigned numbers;
	char text[6][2 * AGENT_TEXT + 1];
	unsigned texts;
};

static void says_text(struct agent_says *says, const char *key, const char *field, size_t size)
{
	if (*field)
		says->said[says->n++] =
		    (struct said){ key, text_end(says->text[says->texts++], field, size) };
}

static void says_number(struct agent_says *says, const char *key, int64_t value)
{
	char *text = says->number[says->numbers++];

	snprintf(text, sizeof(says->number[0]), "%" PRId64, value);
	says->said[says->n++] = (struct said){ key, text };
}

#define SAYS(key, field) says_text(says, key, told->field, sizeof(told->field))

static void agent_says(struct agent_says *says, const struct agent_told *told)
{
	SAYS("agent", agent);
	SAYS("agent_project", project);
	SAYS("address", address);
	SAYS("step", step);
	SAYS("peer_agent_full_name", peer_name);
	SAYS("peer_thumbprint", peer_thumbprint);
	if (told->attempts)
		says_number(says, "attempts", told->attempts);
	if (told->step_count)
		says_number(says, "step_count", told->step_count);
	if (*told->step)
		says_number(says, "step_index", told->step_index);
	if (told->type == AGENT_EVENT_STEP_COMPLETED || told->type == AGENT_EVENT_STEP_FAILED)
		says_number(says, "exit_code", told->exit_code);
	if (told->duration_ns)
		says_number(says, "duration", told->duration_ns);
}

static void on_agent(struct hub_core *core, const struct msg_agent *msg)
{
	const struct agent_told *told = &msg->told;
	const char *type = agent_event_type_name(told->type);
	char reason[sizeof(told->reason) + 1], detail[sizeof(told->detail) + 1];
	char problem[sizeof(detail) + TEROK_NAME_LEN + 96];
	struct agent_says says = {};
	struct news news = { .type = type,
			     .clearance = type,
			     .label = core_label(msg->guard, core),
			     .reason = text_of(reason, told->reason),
			     .problem = text_of(detail, told->detail),
			     .ok = told->ok,
			     .uid = msg->uid,
			     .dossier = says.said };

	if (!news.label)
		return;
	agent_says(&says, told);
	if (*detail)
		says.said[says.n++] = (struct said){ "detail", detail };
	news.n_dossier = says.n;
	if (told->type == AGENT_EVENT_CONTAINED) {
		snprintf(problem, sizeof(problem),
			 "%s%snothing leaves it until a person lets it: terok-bpfd up %.*s", detail,
			 *detail ? "; " : "", TEROK_NAME_LEN, news.label->info.name);
		news.problem = problem;
	}
	if (told->type == AGENT_EVENT_CONTAINED)
		hub_contained(core->hub, &news, told->wall_ns);
	else
		hub_publish(core->hub, &news);
}

static void on_state(struct hub_core *core, const struct label *label)
{
	static const char *const told[TEROK_STATE_MAX_] = {
		[TEROK_STATE_UP] = "shield_up",
		[TEROK_STATE_DOWN] = "shield_down",
		[TEROK_STATE_DOWN_ALL] = "shield_disengaged",
	};

	if (label->state != TEROK_STATE_UP) /* its questions are answered by the transition */
		hub_request_purge_guard(core->hub, label->id);
	guard_news(core, label, "guard_state",
		   label->state < TEROK_STATE_MAX_ ? told[label->state] : NULL);
}

static void on_guard(struct hub_core *core, const struct msg_guard *msg)
{
	struct known *known = known_get(core, msg->id);

	if (!known)
		return;
	known->told = true;
	known->label = (struct label){
		.id = msg->id, .state = msg->state, .info = msg->info, .dossier = known->dossier
	};
	if (msg->state != TEROK_STATE_BLOCK)
		hub_contained_end(core->hub, &known->label);
	if (msg->news == GUARD_ATTACHED)
		guard_news(core, &known->label, "guard_attached", "container_started");
	else if (msg->news == GUARD_STATE)
		on_state(core, &known->label);
	else if (msg->news == GUARD_RENAMED)
		guard_news(core, &known->label, "guard_renamed", NULL);
	if (msg->token)
		hub_list_guard(core->hub, msg->token, &known->label, &msg->counts);
}

static void on_dossier(struct hub_core *core, const struct msg_dossier *msg)
{
	struct known *known = known_get(core, msg->guard);

	if (known && !known->dossier)
		known->dossier = malloc(sizeof(*known->dossier));
	if (!known || !known->dossier)
		return;
	terok_dossier_take(&msg->now, known->dossier);
	known->label.dossier = known->dossier;
}

static void on_gone(struct hub_core *core, const struct msg_gone *msg)
{
	struct known **slot = known_slot(core, msg->id), *known = *slot;
	char reason[sizeof(msg->reason) + 1];
	struct news news = { .type = "guard_detached",
			     .clearance = "container_exited",
			     .reason = text_of(reason, msg->reason) };

	hub_request_purge_guard(core->hub, msg->id);
	if (!known)
		return;
	news.label = &known->label;
	hub_contained_end(core->hub, &known->label);
	if (known->told)
		hub_publish(core->hub, &news);
	*slot = known->next;
	known_free(known);
}

static void on_result(struct hub_core *core, const struct msg_result *result)
{
	const struct request *request = hub_answering(core->hub, result->token);
	char problem[sizeof(result->problem) + 1], rule[sizeof(result->rule) + 1],
	    client[sizeof(result->client) + 1];
	struct hub_outcome outcome = { .result = result->result,
				       .until_ns = result->until_ns,
				       .problem = text_of(problem, result->problem),
				       .rule = text_of(rule, result->rule),
				       .client = text_of(client, result->client) };

	if (!request || request->ask != result->ask)
		return; /* nobody's: the hub was started anew meanwhile */
	turns_over(core->answers, result->token);
	hub_answered(core->hub, result->token, &outcome);
}

static void on_settled(struct hub_core *core, const struct msg_settled *settled)
{
	const struct label *label = core_label(settled->guard, core);
	const struct hub_answer given = { .uid = settled->uid,
					  .action = settled->action,
					  .scope = settled->scope };
	char id[32], rule[sizeof(settled->rule) + 1], client[sizeof(settled->client) + 1];
	struct hub_outcome outcome = { .until_ns = settled->until_ns,
				       .rule = text_of(rule, settled->rule),
				       .client = text_of(client, settled->client) };

	if (!label)
		return;
	wire_request_id(id, label, settled->ask);
	hub_request_settled(core->hub, id, &given, &outcome);
}

/* Who took it back waits: the news is for the others. */
static void on_revoked(struct hub_core *core, const struct msg_revoked *revoked)
{
	const struct msg_grant *grant = &revoked->grant;
	char dest[sizeof(grant->dest) + 1], rule[sizeof(revoked->rule) + 1],
	    client[sizeof(revoked->client) + 1];
	struct news news = { .type = "revoked",
			     .label = core_label(grant->guard, core),
			     .dest = text_of(dest, grant->dest),
			     .domain = grant->by_name ? dest : NULL,
			     .port = grant->port,
			     .proto = grant->proto,
			     .action = wire_action(grant->action),
			     .scope = wire_scope(grant->scope),
			     .until_ns = grant->until_ns,
			     .rule = text_of(rule, revoked->rule),
			     .client = text_of(client, revoked->client),
			     .uid = revoked->uid,
			     .ok = true };

	turns_over(core->answers, TOKEN_GRANTS | revoked->token);
	grant_calls_heard_revoked(hub_grants(core->hub), revoked);
	if (!revoked->result && news.label)
		hub_publish(core->hub, &news);
}

void hub_core_hear(struct hub_core *core, const struct msg_packet *packet)
{
	switch (packet->type) {
	case MSG_GUARD: on_guard(core, &packet->GUARD); break;
	case MSG_DOSSIER: on_dossier(core, &packet->DOSSIER); break;
	case MSG_ALARM: on_alarm(core, &packet->ALARM); break;
	case MSG_AGENT: on_agent(core, &packet->AGENT); break;
	case MSG_GONE: on_gone(core, &packet->GONE); break;
	case MSG_REFUSED: on_refused(core, &packet->REFUSED); break;
	case MSG_RESULT: on_result(core, &packet->RESULT); break;
	case MSG_LISTED:
		turns_over(core->lists, packet->LISTED.token);
		hub_list_done(core->hub, packet->LISTED.token);
		hub_recall_done(core->hub, &packet->LISTED);
		break;
	case MSG_ENTRY: hub_recall_entry(core->hub, &packet->ENTRY); break;
	case MSG_GRANT: grant_calls_heard(hub_grants(core->hub), &packet->GRANT); break;
	case MSG_GRANTED:
		turns_over(core->lists, TOKEN_GRANTS | packet->GRANTED.token);
		grant_calls_heard_all(hub_grants(core->hub), &packet->GRANTED);
		break;
	case MSG_UNHEARD: on_unheard(core, &packet->UNHEARD); break;
	case MSG_SETTLED: on_settled(core, &packet->SETTLED); break;
	case MSG_REVOKED: on_revoked(core, &packet->REVOKED); break;
	}
}
