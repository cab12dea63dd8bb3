// SPDX-License-Identifier: Apache-2.0
#include "feeder.h"

#include <errno.h>
#include <string.h>

#include "agent_name.h"
#include "base/log.h"
#include "base/spawn.h"
#include "podman_line.h"
#include "runtime_podman.h"

#define LIST_MAX (64U << 20)
#define FOREVER  (UINT64_C(366) * 86400 * SECOND_NS)
#define LIST_NS  (10 * SECOND_NS)

struct feeder {
	struct feeder_use use;
	struct spawn_child *child; /* podman ps, then podman events; NULL: we pause */
	struct timer again, more;
	struct json_object *list; /* what podman ps said, of which .at are told; NULL: all are */
	size_t at;
	bool listed; /* once they are, podman is followed */
	uint64_t backoff_ns;
	int64_t since; /* seconds since 1970, of the stream that is next */
	unsigned evicts_failed;
	bool malformed; /* that an event could not be read is said, once a stream */
	char *line;     /* the beginning of one */
	size_t n_line;
};

/* --- what happens --------------------------------------------------------------------------- */

/* podman's word for what it did, ours, and what follows; those of which nobody wants to know are not here. */
static const struct action {
	const char *podman, *name;
	bool starts, stops, goes;
} actions[] = {
	{ .podman = "create", .name = "create" },
	{ .podman = "init", .name = "init" },
	{ "start", "start", .starts = true },
	{ "restart", "restart", .starts = true },
	{ "unpause", "unpause", .starts = true },
	{ .podman = "pause", .name = "pause" },
	{ .podman = "rename", .name = "rename" },
	{ .podman = "health_status", .name = "health_status" },
	{ "died", "die", .stops = true },
	{ "die", "die", .stops = true },
	{ "exited", "die", .stops = true },
	{ "stop", "stop", .stops = true },
	{ .podman = "kill", .name = "kill" }, /* any signal: one that ends it is told by its end */
	{ "oom", "oom", .stops = true },
	{ "remove", "destroy", .stops = true, .goes = true },
	{ "destroy", "destroy", .stops = true, .goes = true },
};

static const struct action *action_of(const char *podman)
{
	for (unsigned i = 0; i < sizeof(actions) / sizeof(*actions); i++)
		if (!strcmp(actions[i].podman, podman))
			return &actions[i];
	return NULL;
}

/* What a container is: its state in a list, as what had happened last. */
static const char *action_of_state(const char *state)
{
	static const char *const row[][2] = {
		{ "running", "start" },    { "paused", "pause" }, { "exited", "die" },
		{ "stopped", "die" },      { "dead", "die" },     { "stopping", "die" },
		{ "removing", "destroy" },
	};

	for (unsigned i = 0; i < sizeof(row) / sizeof(*row); i++)
		if (!strcmp(row[i][0], state))
			return row[i][1];
	return NULL;
}

/* Labels, without what podman says of the event itself in the same place. */
static void labels_json(struct json *json, struct json_object *labels)
{
	static const char *const others[] = {
		"image",   "name",         "exitCode",          "signal",
		"oldName", "execDuration", "containerExitCode", "podId"
	};

	json_open_object(json, NULL);
	json_object_object_foreach(labels, key, value)
	{
		bool other = !json_object_is_type(value, json_type_string);

		for (unsigned i = 0; i < sizeof(others) / sizeof(*others); i++)
			other = other || !strcmp(key, others[i]);
		if (!other)
			json_add_string(json, key, json_object_get_string(value));
	}
	json_close_object(json);
}

static void evict(struct feeder *feeder, const char *id)
{
	struct problem why = {};

	if (!feeder->use.evict(feeder->use.user, id, &why)) {
		feeder->evicts_failed = 0;
		return;
	}
	log_warn(0, "event=agentregistry_evict_failed container=%.12s %s", id, why.text);
	if (++feeder->evicts_failed == FEEDER_EVICTS)
		log_error(0,
			  "event=agentregistry_evict_ceiling %d rows of removed containers could "
			  "not be evicted",
			  FEEDER_EVICTS);
}

static void happened(struct feeder *feeder, const struct action *action, const char *id,
		     const char *name, struct json_object *labels)
{
	const char *purpose = json_text(labels, "dev.clawker.purpose");
	bool agent = purpose && !strcmp(purpose, RUNTIME_PURPOSE);
	_cleanup_json_ struct json json = {};
	struct agent_event event = { .type = AGENT_EVENT_CONTAINER,
				     .container = id,
				     .agent = json_text(labels, "dev.clawker.agent"),
				     .project = json_text(labels, "dev.clawker.project"),
				     .action = action->name,
				     .name = name };

	if (labels && action->starts) {
		labels_json(&json, labels);
		event.labels = json_done(&json);
	}
	(void)bus_publish(feeder->use.bus, &event); /* the bus counts what it could not take */
	/* also of one that has lost its label: what we do of it is by its id */
	if (action->stops) {
		feeder->use.moved(feeder->use.user, id);
		feeder->use.cancel(feeder->use.user, id);
	}
	if (action->goes)
		evict(feeder, id);
	if (action->starts && agent)
		feeder->use.dial(feeder->use.user, id);
}

static void follow(struct feeder *feeder);

static void take_one(struct feeder *feeder, struct json_object *one)
{
	struct json_object *names = json_member(one, "Names", json_type_array);
	struct json_object *name = names ? json_object_array_get_idx(names, 0) : NULL;
	const char *state = json_text(one, "State");
	const char *action = state ? action_of_state(state) : NULL;

	if (action)
		happened(feeder, action_of(action), json_text(one, "Id"),
			 name ? json_object_get_string(name) : NULL,
			 json_member(one, "Labels", json_type_object));
}

static void list_done(struct feeder *feeder)
{
	timer_disarm(&feeder->more);
	json_object_put(TAKE_PTR(feeder->list));
	feeder->at = 0;
}

static int on_more(struct timer *timer)
{
	struct feeder *feeder = container_of(timer, struct feeder, more);
	size_t n = json_object_array_length(feeder->list);

	for (unsigned i = 0; i < FEEDER_ROUND && feeder->at < n; i++)
		take_one(feeder, json_object_array_get_idx(feeder->list, feeder->at++));
	if (feeder->at < n) {
		timer_arm(feeder->use.loop, timer, 0, on_more);
		return 0;
	}
	list_done(feeder);
	if (feeder->listed)
		follow(feeder);
	return 0;
}

static bool is_list(struct json_object *list)
{
	if (!json_object_is_type(list, json_type_array))
		return false;
	for (size_t i = 0; i < json_object_array_length(list); i++) {
		const char *id = json_text(json_object_array_get_idx(list, i), "Id");

		if (!id || agent_id_check(id, NULL))
			return false;
	}
	return true;
}

int feeder_take_list(struct feeder *feeder, const char *text, size_t size)
{
	_cleanup_(json_putp) struct json_object *list = NULL;
	int n;

	if (json_parse(text, size, &list) || !is_list(list))
		return -EBADMSG;
	n = (int)json_object_array_length(list);
	list_done(feeder);
	feeder->list = TAKE_PTR(list);
	on_more(&feeder->more);
	return n;
}

int feeder_take_event(struct feeder *feeder, const char *text, size_t size)
{
	_cleanup_(json_putp) struct json_object *one = NULL;
	const char *id, *status, *type;
	const struct action *action;

	if (json_parse(text, size, &one))
		return -EBADMSG;
	id = json_text(one, "ID");
	status = json_text(one, "Status");
	type = json_text(one, "Type");
	if (!id || !status || !type)
		return -EBADMSG;
	if (strcmp(type, "container") != 0)
		return 0;
	if (agent_id_check(id, NULL))
		return -EBADMSG;
	action = action_of(status);
	if (action)
		happened(feeder, action, id, json_text(one, "Name"),
			 json_member(one, "Attributes", json_type_object));
	return 0;
}

/* --- podman --------------------------------------------------------------------------------- */

static int on_again(struct timer *timer);

static void come_again(struct feeder *feeder, const char *why)
{
	char safe[256];

	log_warn(0, "event=docker_events_reconnecting %s", log_safe(safe, sizeof(safe), why));
	timer_arm(feeder->use.loop, &feeder->again, now_boot_ns() + feeder->backoff_ns, on_again);
	feeder->backoff_ns *= 2;
	if (feeder->backoff_ns > feeder->use.backoff_max_ns)
		feeder->backoff_ns = feeder->use.backoff_max_ns;
}

static void take_line(struct feeder *feeder, const char *line, size_t n)
{
	feeder->since = (int64_t)(now_wall_ns() / SECOND_NS);
	if (!n || !feeder_take_event(feeder, line, n) || feeder->malformed)
		return;
	feeder->malformed = true;
	log_warn(0, "event=docker_events_malformed podman says what is no event");
}

/* Lines, of which the last may have only begun. */
static int on_events(int fd, const char *bytes, size_t n, void *user)
{
	struct feeder *feeder = user;
	char *bigger = realloc(feeder->line, feeder->n_line + n + 1), *at = bigger, *end;

	(void)fd;
	if (!bigger)
		return -ENOMEM;
	feeder->line = bigger;
	memcpy(bigger + feeder->n_line, bytes, n);
	feeder->n_line += n;
	feeder->backoff_ns = feeder->use.backoff_ns; /* it works */
	while ((end = memchr(at, '\n', (size_t)(bigger + feeder->n_line - at)))) {
		take_line(feeder, at, (size_t)(end - at));
		at = end + 1;
	}
	feeder->n_line -= (size_t)(at - bigger);
	memmove(bigger, at, feeder->n_line);
	return feeder->n_line > FEEDER_LINE ? -EFBIG : 0;
}

static void why_ended(char *ret, size_t size, const struct spawn_result *result, int error)
{
	if (error)
		snprintf(ret, size, "%s", strerror(-error));
	else
		snprintf(ret, size, "exit %d: %.150s", result->status, result->error);
}

static void on_stream_end(const struct spawn_result *result, int error, void *user)
{
	struct feeder *feeder = user;
	char why[256];

	feeder->child = NULL;
	feeder->use.moved(feeder->use.user, NULL);
	feeder->n_line = 0;
	feeder->malformed = false;
	if (!error && !result->status)
		feeder->backoff_ns = feeder->use.backoff_ns;
	why_ended(why, sizeof(why), result, error);
	come_again(feeder, why);
}

static void follow(struct feeder *feeder)
{
	const char *argv[PODMAN_EVENTS_WORDS + 2] = PODMAN_EVENTS, *env[PODMAN_ENV];
	const struct spawn spawn = { argv, env, FOREVER, LIST_MAX, feeder->use.by };
	char since[32];
	struct problem why = {};

	feeder->listed = false;
	snprintf(since, sizeof(since), "%lld", (long long)feeder->since);
	argv[PODMAN_EVENTS_WORDS] = since;
	podman_environment(env);
	if (spawn_begin_follow(feeder->use.loop, &spawn, on_events, on_stream_end, feeder,
			       &feeder->child, &why))
		come_again(feeder, why.text);
}

static void on_listed(const struct spawn_result *result, int error, void *user)
{
	struct feeder *feeder = user;
	char why[256];

	feeder->child = NULL;
	feeder->use.moved(feeder->use.user, NULL);
	feeder->listed = true;
	if (!error && !result->status &&
	    feeder_take_list(feeder, result->output ?: "", result->size) >= 0)
		return;
	if (!error && !result->status)
		snprintf(why, sizeof(why), "podman ps says what is no list");
	else
		why_ended(why, sizeof(why), result, error);
	come_again(feeder, why);
}

static int on_again(struct timer *timer)
{
	struct feeder *feeder = container_of(timer, struct feeder, again);
	const char *env[PODMAN_ENV];
	const struct spawn spawn = { podman_managed, env, LIST_NS, LIST_MAX, feeder->use.by };
	struct problem why = {};

	if (!feeder->since)
		feeder->since = (int64_t)(now_wall_ns() / SECOND_NS);
	podman_environment(env);
	if (spawn_begin(feeder->use.loop, &spawn, on_listed, feeder, &feeder->child, &why))
		come_again(feeder, why.text);
	return 0;
}

/* --- begin and end ---------------------------------------------------------------------------- */

int feeder_new(const struct feeder_use *use, struct feeder **ret)
{
	struct feeder *feeder;

	if (!use->loop || !use->bus || !use->dial || !use->cancel || !use->evict || !use->moved)
		return -EINVAL;
	feeder = calloc(1, sizeof(*feeder));
	if (!feeder)
		return -ENOMEM;
	feeder->use = *use;
	if (!feeder->use.backoff_ns)
		feeder->use.backoff_ns = SECOND_NS;
	if (!feeder->use.backoff_max_ns)
		feeder->use.backoff_max_ns = 30 * SECOND_NS;
	feeder->backoff_ns = feeder->use.backoff_ns;
	timer_arm(use->loop, &feeder->again, 0, on_again);
	*ret = feeder;
	return 0;
}

void feeder_free(struct feeder *feeder)
{
	if (!feeder)
		return;
	timer_disarm(&feeder->again);
	list_done(feeder);
	spawn_end(feeder->child);
	free(feeder->line);
	free(feeder);
}
