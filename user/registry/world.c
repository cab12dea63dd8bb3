// SPDX-License-Identifier: Apache-2.0
/* world.c - see world.h */
#include "world.h"

#include <errno.h>
#include <string.h>

/* Sorted by id: looked up in log n, and told in order. */
struct ids {
	struct entry {
		const char *id; /* the entry's own */
		void *of;
	} * entry;
	unsigned n, size;
};

struct world {
	struct ids containers, agents;
	unsigned unknown;
};

static void agent_free(struct world_agent *agent)
{
	if (!agent)
		return;
	free(agent->container);
	free(agent->agent);
	free(agent->project);
	free(agent->address);
	free(agent->thumbprint);
	free(agent->error);
	free(agent->untrusted);
	free(agent->init.step);
	free(agent->init.error);
	free(agent);
}
DEFINE_CLEANUP(struct world_agent, agent_free)

static void container_free(struct world_container *container)
{
	if (!container)
		return;
	free(container->id);
	free(container->name);
	free(container->labels);
	free(container);
}
DEFINE_CLEANUP(struct world_container, container_free)

/* Where it is, or where it would be. */
static unsigned place(const struct ids *ids, const char *id, bool *there)
{
	unsigned low = 0, high = ids->n;

	*there = false;
	while (low < high) {
		unsigned mid = low + (high - low) / 2;
		int cmp = strcmp(ids->entry[mid].id, id);

		if (!cmp) {
			*there = true;
			return mid;
		}
		if (cmp < 0)
			low = mid + 1;
		else
			high = mid;
	}
	return low;
}

static void *find(const struct ids *ids, const char *id)
{
	bool there;
	unsigned i = place(ids, id, &there);

	return there ? ids->entry[i].of : NULL;
}

static int insert(struct ids *ids, const char *id, void *of)
{
	bool there;
	unsigned i = place(ids, id, &there);

	if (ids->n == WORLD_MAX)
		return -ENOSPC;
	if (ids->n == ids->size) {
		unsigned size = ids->size ? 2 * ids->size : 16;
		struct entry *entry = reallocarray(ids->entry, size, sizeof(*entry));

		if (!entry)
			return -ENOMEM;
		ids->entry = entry;
		ids->size = size;
	}
	memmove(&ids->entry[i + 1], &ids->entry[i], (ids->n - i) * sizeof(*ids->entry));
	ids->entry[i] = (struct entry){ id, of };
	ids->n++;
	return 0;
}

static void *take_out(struct ids *ids, const char *id)
{
	bool there;
	unsigned i = place(ids, id, &there);
	void *of;

	if (!there)
		return NULL;
	of = ids->entry[i].of;
	ids->n--;
	memmove(&ids->entry[i], &ids->entry[i + 1], (ids->n - i) * sizeof(*ids->entry));
	return of;
}

/* NULL is no text: what there was is kept if there is no memory for what comes. */
static void replace(char **text, const char *with)
{
	char *copy = with && *with ? strdup(with) : NULL;

	if (with && *with && !copy)
		return;
	free(*text);
	*text = copy;
}

static struct world_agent *agent_of(struct world *world, const char *id)
{
	_cleanup_(agent_freep) struct world_agent *agent = NULL;
	struct world_agent *there = find(&world->agents, id);

	if (there)
		return there;
	agent = calloc(1, sizeof(*agent));
	if (!agent || !(agent->container = strdup(id)) ||
	    insert(&world->agents, agent->container, agent) < 0) {
		world->unknown++;
		return NULL;
	}
	return TAKE_PTR(agent);
}

static struct world_container *container_of_id(struct world *world, const char *id)
{
	_cleanup_(container_freep) struct world_container *container = NULL;
	struct world_container *there = find(&world->containers, id);

	if (there)
		return there;
	container = calloc(1, sizeof(*container));
	if (!container || !(container->id = strdup(id)) ||
	    insert(&world->containers, container->id, container) < 0) {
		world->unknown++;
		return NULL;
	}
	return TAKE_PTR(container);
}

static bool is_one_of(const char *word, const char *const *words)
{
	for (; *words; words++)
		if (!strcmp(word, *words))
			return true;
	return false;
}

static void apply_container(struct world *world, const struct agent_event *event)
{
	static const char *const runs[] = { "start", "restart", "unpause", NULL },
				 *const stops[] = { "die", "stop", "oom", NULL };
	struct world_container *container;

	if (!event->action)
		return;
	if (!strcmp(event->action, "destroy")) {
		agent_free(take_out(&world->agents, event->container));
		container_free(take_out(&world->containers, event->container));
		return;
	}
	container = container_of_id(world, event->container);
	if (!container)
		return;
	if (is_one_of(event->action, runs))
		container->status = CONTAINER_RUNNING;
	else if (is_one_of(event->action, stops))
		container->status = CONTAINER_STOPPED;
	if (event->name)
		replace(&container->name, event->name);
	if (event->labels)
		replace(&container->labels, event->labels);
	container->updated_ns = event->wall_ns;
}

static void apply_session(struct world_agent *agent, const struct agent_event *event)
{
	bool up = event->type == AGENT_EVENT_CONNECTING || event->type == AGENT_EVENT_CONNECTED;

	agent->session = event->type == AGENT_EVENT_CONNECTING  ? SESSION_CONNECTING
			 : event->type == AGENT_EVENT_CONNECTED ? SESSION_CONNECTED
			 : event->type == AGENT_EVENT_FAILED    ? SESSION_FAILED
								: SESSION_BROKEN;
	if (event->address)
		replace(&agent->address, event->address);
	if (event->peer_thumbprint)
		replace(&agent->thumbprint, event->peer_thumbprint);
	if (event->type == AGENT_EVENT_CONNECTED || event->type == AGENT_EVENT_FAILED)
		agent->attempts = event->attempts;
	replace(&agent->error, up ? NULL : event->reason);
}

static void apply_init(struct world_agent *agent, const struct agent_event *event)
{
	switch (event->type) {
	case AGENT_EVENT_INIT_STARTED:
		replace(&agent->init.step, NULL);
		replace(&agent->init.error, NULL);
		agent->init.status = INIT_RUNNING;
		agent->init.index = 0;
		agent->init.count = event->step_count;
		agent->init.started_ns = event->wall_ns;
		agent->init.completed_ns = 0;
		return;
	case AGENT_EVENT_STEP_STARTED:
	case AGENT_EVENT_STEP_COMPLETED:
	case AGENT_EVENT_STEP_FAILED:
		replace(&agent->init.step, event->step);
		agent->init.index = event->step_index;
		if (event->step_count)
			agent->init.count = event->step_count;
		if (agent->init.count && agent->init.index >= agent->init.count)
			agent->init.index = agent->init.count - 1;
		return;
	default:
		agent->init.status = event->type == AGENT_EVENT_INIT_COMPLETED ? INIT_COMPLETED
									       : INIT_FAILED;
		if (event->type == AGENT_EVENT_INIT_FAILED)
			replace(&agent->init.error, event->reason);
		/* the clock may have been set back between the two */
		agent->init.completed_ns = event->wall_ns > agent->init.started_ns
					       ? event->wall_ns
					       : agent->init.started_ns;
	}
}

/* Sessions say nothing of trust: whoever is connected is not therefore whom we think. */
static void apply_agent(struct world *world, const struct agent_event *event)
{
	struct world_agent *agent = agent_of(world, event->container);

	if (!agent)
		return;
	if (event->agent)
		replace(&agent->agent, event->agent);
	if (event->project)
		replace(&agent->project, event->project);
	agent->updated_ns = event->wall_ns;

	switch (event->type) {
	case AGENT_EVENT_CONNECTING ... AGENT_EVENT_BROKEN: apply_session(agent, event); break;
	case AGENT_EVENT_REGISTERED: agent->registered = event->ok; break;
	case AGENT_EVENT_UNTRUSTED: /* without a reason: trusted */
		replace(&agent->untrusted, event->reason);
		break;
	case AGENT_EVENT_INIT_STARTED ... AGENT_EVENT_INIT_FAILED: apply_init(agent, event); break;
	default: break;
	}
}

void world_apply(struct world *world, const struct agent_event *event)
{
	if (!event->container || !*event->container || event->type == AGENT_EVENT_REAP_DEGRADED)
		return;
	if (event->type == AGENT_EVENT_CONTAINER)
		apply_container(world, event);
	else
		apply_agent(world, event);
}

int world_new(struct world **ret)
{
	struct world *world = calloc(1, sizeof(*world));

	if (!world)
		return -ENOMEM;
	*ret = world;
	return 0;
}

void world_free(struct world *world)
{
	if (!world)
		return;
	for (unsigned i = 0; i < world->agents.n; i++)
		agent_free(world->agents.entry[i].of);
	for (unsigned i = 0; i < world->containers.n; i++)
		container_free(world->containers.entry[i].of);
	free(world->agents.entry);
	free(world->containers.entry);
	free(world);
}

const struct world_agent *world_agent(const struct world *world, const char *container)
{
	return find(&world->agents, container);
}

const struct world_container *world_container(const struct world *world, const char *id)
{
	return find(&world->containers, id);
}

void world_counts(const struct world *world, struct world_counts *ret)
{
	*ret = (struct world_counts){ .containers = world->containers.n,
				      .agents = world->agents.n,
				      .unknown = world->unknown };
	for (unsigned i = 0; i < world->agents.n; i++) {
		const struct world_agent *agent = world->agents.entry[i].of;

		ret->sessions += agent->session == SESSION_CONNECTED;
	}
}

static void add_text(struct json *json, const char *key, const char *text)
{
	json_add_string(json, key, text ?: "");
}

void world_agent_json(struct json *json, const char *key, const struct world_agent *agent)
{
	static const char *const sessions[] = { "", "connecting", "connected", "failed", "broken" },
				 *const inits[] = { "", "running", "completed", "failed" };

	json_open_object(json, key);
	add_text(json, "container_id", agent->container);
	add_text(json, "agent", agent->agent);
	add_text(json, "project", agent->project);
	add_text(json, "address", agent->address);
	add_text(json, "session", sessions[agent->session]);
	json_add_bool(json, "registered", agent->registered);
	add_text(json, "trust", agent->untrusted);
	add_text(json, "thumbprint", agent->thumbprint);
	json_add_uint(json, "attempts", agent->attempts);
	add_text(json, "last_error", agent->error);
	json_add_uint(json, "updated_unix_ns", agent->updated_ns);
	json_open_object(json, "init");
	add_text(json, "status", inits[agent->init.status]);
	add_text(json, "step", agent->init.step);
	json_add_uint(json, "step_index", agent->init.index);
	json_add_uint(json, "step_count", agent->init.count);
	add_text(json, "error", agent->init.error);
	json_add_uint(json, "started_unix_ns", agent->init.started_ns);
	json_add_uint(json, "completed_unix_ns", agent->init.completed_ns);
	json_close_object(json);
	json_close_object(json);
}

static void container_json(struct json *json, const struct world_container *container)
{
	static const char *const statuses[] = { "", "running", "stopped" };

	json_open_object(json, NULL);
	add_text(json, "id", container->id);
	add_text(json, "name", container->name);
	add_text(json, "status", statuses[container->status]);
	json_add_raw(json, "labels", container->labels ?: "{}", strlen(container->labels ?: "{}"));
	json_add_uint(json, "updated_unix_ns", container->updated_ns);
	json_close_object(json);
}

void world_json(struct json *json, const char *key, const struct world *world)
{
	json_open_object(json, key);
	json_open_array(json, "containers");
	for (unsigned i = 0; i < world->containers.n; i++)
		container_json(json, world->containers.entry[i].of);
	json_close_array(json);
	json_open_array(json, "agents");
	for (unsigned i = 0; i < world->agents.n; i++)
		world_agent_json(json, NULL, world->agents.entry[i].of);
	json_close_array(json);
	json_close_object(json);
}
