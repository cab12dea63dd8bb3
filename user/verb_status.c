// SPDX-License-Identifier: Apache-2.0
/* verb_status.c - terok-bpfd status: the agent, and every guard as the kernel has it */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/cli.h"
#include "base/json.h"
#include "base/log.h"
#include "base/sanitise.h"
#include "caller.h"
#include "control.h"
#include "core.h"
#include "deed.h"
#include "guard.h"
#include "journal.h"
#include "setup.h"
#include "verbs.h"
#include "terok/names.h"

#define RED   "\033[31m"
#define PLAIN "\033[0m"

struct printer {
	const struct kernel *kernel;
	struct json json;
	bool as_json, colour;
	unsigned n;
	const char *one; /* only what is called so; NULL: all */
	unsigned alarms;
};

static void guard_json(struct json *json, const struct guard *guard, const struct terok_counts *c)
{
	char reason[AGENT_REASON + 1], detail[AGENT_DETAIL + 1];
	struct journal_cause cause;

	json_open_object(json, NULL);
	json_add_uint(json, "guard", guard->id);
	json_add_string(json, "name", guard->info.name);
	json_add_string(json, "container", guard->info.container);
	json_add_string(json, "kind", terok_kind_name(guard->info.kind));
	json_add_string(json, "cgroup", guard->info.path);
	json_add_uint(json, "cgroup_id", guard->info.cgroup);
	json_add_uint(json, "uid", guard->info.uid);
	json_add_string(json, "state", terok_state_name(guard->state));
	json_add_bool(json, "alive", guard->alive);
	if (guard_cause(guard, &cause) == 1) {
		json_open_object(json, "contained");
		json_add_string(json, "reason",
				sanitise(reason, AGENT_REASON, cause.reason, strlen(cause.reason)));
		json_add_string(json, "detail",
				sanitise(detail, AGENT_DETAIL, cause.detail, strlen(cause.detail)));
		json_close_object(json);
	}
	json_open_object(json, "counters");
	json_add_uint(json, "attempts", c->allowed + c->refused);
	json_add_uint(json, "allowed", c->allowed);
	json_add_uint(json, "refused", c->refused);
	json_add_uint(json, "delivered", c->delivered);
	json_add_uint(json, "limited", c->limited);
	json_add_uint(json, "lost", c->lost);
	json_add_uint(json, "dropped", c->dropped);
	json_close_object(json);
	json_close_object(json);
}

static void guard_text(const struct guard *guard, const struct terok_counts *c, bool may_colour)
{
	bool bad = guard->state == TEROK_STATE_NONE, colour = bad && may_colour;
	char path[TEROK_PATH_LEN];

	printf("%s%9u  %-20.20s  %-8s  %9llu  %9llu  %9llu  %s%s%s\n", colour ? RED : "", guard->id,
	       guard->info.name, terok_state_name(guard->state),
	       (unsigned long long)(c->allowed + c->refused), (unsigned long long)c->refused,
	       (unsigned long long)(c->limited + c->lost),
	       log_safe(path, sizeof(path), guard->info.path),
	       !guard->alive ? "  (its cgroup is gone or a hook is missing)" : "",
	       colour ? PLAIN : "");
}

/* Why a control plane had it blocked, and how that ends. */
static void cause_text(const struct guard *guard, bool may_colour)
{
	char reason[AGENT_REASON], detail[AGENT_DETAIL];
	struct journal_cause cause;

	if (guard_cause(guard, &cause) != 1)
		return;
	printf("%s           CONTAINED: %s%s%s: terok-bpfd up %u lets it out again%s\n",
	       may_colour ? RED : "", log_safe(reason, sizeof(reason), cause.reason),
	       *cause.detail ? ": " : "", log_safe(detail, sizeof(detail), cause.detail), guard->id,
	       may_colour ? PLAIN : "");
}

static int print_guard(const struct guard *guard, void *user)
{
	struct printer *printer = user;
	struct terok_counts counts = {};

	if (!caller_may(guard->info.uid))
		return 0;
	guard_counts(printer->kernel, guard, &counts); /* none left of a dead cgroup */
	if (printer->as_json)
		guard_json(&printer->json, guard, &counts);
	else if (!printer->n)
		printf("%9s  %-20s  %-8s  %9s  %9s  %9s  %s\n", "GUARD", "NAME", "STATE",
		       "ATTEMPTS", "REFUSED", "UNTOLD", "CGROUP");
	if (!printer->as_json) {
		guard_text(guard, &counts, printer->colour);
		cause_text(guard, printer->colour);
	}
	printer->n++;
	return 0;
}

/*
 * Does podman call hooks of ours? Of root's, since the agent knows nobody else's files; users have
 * it in text, or of setup --check --json. NULL: text.
 */
static void print_setup(struct json *json)
{
	struct setup_health health;
	char issue[sizeof(health.issue)];
	bool well, colour;

	setup_health(&health);
	well = !strcmp(health.health, "ok");
	if (json) {
		json_open_object(json, "setup");
		json_add_string(json, "hooks", health.hooks);
		json_add_string(json, "health", health.health);
		json_add_string(json, "dir", health.dir);
		json_add_bool(json, "needs_setup", !well);
		json_add_string(json, "issue", health.issue);
		json_add_string(json, "hint", health.hint);
		json_close_object(json);
		return;
	}
	colour = !well && cli_colour(1);
	if (well)
		printf("hooks:   installed in %s, version %d\n", health.dir, health.version);
	else
		printf("hooks:   %s%s; try: %s%s\n", colour ? RED : "",
		       log_safe(issue, sizeof(issue), health.issue), health.hint,
		       colour ? PLAIN : "");
}

static bool is_asked_for(const struct printer *printer, const struct control_alarm *alarm)
{
	size_t n = printer->one ? strlen(printer->one) : 0;

	return !n || !strcmp(printer->one, alarm->name) ||
	       (n >= GUARD_ID_MIN && !strncmp(printer->one, alarm->id, n));
}

static void alarm_json(struct json *json, const struct control_alarm *alarm)
{
	json_open_object(json, NULL);
	json_add_string(json, "container", alarm->id);
	json_add_string(json, "name", alarm->name);
	json_add_uint(json, "uid", alarm->uid);
	json_add_uint(json, "pid", alarm->pid);
	json_add_uint(json, "since_ns", alarm->since_ns);
	json_add_string(json, "problem", alarm->why);
	json_close_object(json);
}

/* A container that asks for a guard and has none: only the agent knows of it. */
static void print_alarm(const struct control_packet *reply, void *user)
{
	struct printer *printer = user;
	struct control_alarm alarm = reply->ALARM;
	char why[CONTROL_TEXT];

	if (reply->type != CONTROL_ALARM)
		return;
	alarm.id[sizeof(alarm.id) - 1] = alarm.name[sizeof(alarm.name) - 1] = '\0';
	alarm.why[sizeof(alarm.why) - 1] = '\0';
	if (!is_asked_for(printer, &alarm))
		return;
	printer->alarms++;
	if (printer->as_json)
		alarm_json(&printer->json, &alarm);
	else
		printf("%sUNGUARDED: container %s (%.12s) of user %u: %s%s\n",
		       printer->colour ? RED : "", alarm.name, alarm.id, alarm.uid,
		       log_safe(why, sizeof(why), alarm.why), printer->colour ? PLAIN : "");
}

static void print_alarms(struct printer *printer)
{
	struct control_ask ask = { .word = { .type = CONTROL_ALARMS, .ALARMS.uid = caller_scope() },
				   .reply = print_alarm,
				   .user = printer };
	struct problem why = {};
	int r;

	if (printer->as_json)
		json_open_array(&printer->json, "unguarded");
	r = kernel_agent_pid() ? control_ask(&ask, NULL, &why) : 0;
	if (printer->as_json)
		json_close_array(&printer->json);
	if (r)
		log_warn(r, "the agent did not say which containers have no guard");
}

static void print_agent(struct printer *printer, bool loaded)
{
	pid_t pid = kernel_agent_pid();
	char agent[48] = "not running (decisions go on; nobody is asked)";

	if (printer->as_json) {
		json_open_object(&printer->json, NULL);
		json_add_bool(&printer->json, "loaded", loaded);
		json_add_string(&printer->json, "pins", kernel_pins());
		json_add_int(&printer->json, "agent_pid", pid);
		json_add_string(&printer->json, "hub", pid ? core_socket_path() : "");
		json_open_array(&printer->json, "guards");
		return;
	}
	if (pid)
		snprintf(agent, sizeof(agent), "running, pid %d", (int)pid);
	printf("agent:   %s\nkernel:  %s%s\n", agent,
	       loaded ? "loaded at " : "nothing loaded; try: ",
	       loaded ? kernel_pins() : "terok-bpfd load");
}

static int print_all(struct printer *printer, const char *one, struct problem *why)
{
	struct guard guard;
	int r;

	if (!one)
		return guard_each(printer->kernel, print_guard, printer);
	r = guard_find(printer->kernel, one, caller_scope(), &guard, why);
	return r ? r : print_guard(&guard, printer);
}

int deed_status(const struct control_deed *deed)
{
	_cleanup_(kernel_freep) struct kernel *kernel = NULL;
	const char *one = *deed->guard ? deed->guard : NULL;
	struct printer printer = { .as_json = deed->json, .colour = deed->colour, .one = one };
	struct problem why = {};
	int r = kernel_open(&kernel, &why);

	if (r && r != -ENOENT)
		return verb_fail(r == -EINVAL ? -EIO : r, &why);
	print_agent(&printer, kernel != NULL);
	printer.kernel = kernel;
	if (kernel)
		r = print_all(&printer, one, &why);
	else
		r = one ? r : 0;
	if (printer.as_json && (!r || r == -ENOENT))
		json_close_array(&printer.json);
	if (!r || r == -ENOENT)
		print_alarms(&printer);
	if (r == -ENOENT && printer.alarms) /* what was asked for has no guard, and that was said */
		r = 0;
	if (printer.as_json && !r) {
		if (!one && !caller_scope())
			print_setup(&printer.json);
		json_close_object(&printer.json);
		puts(json_done(&printer.json) ?: "{}");
	} else if (!r && kernel && !printer.n && !one) {
		printf("guards:  none\n");
	}
	json_free(&printer.json);
	return r ? verb_fail(r == -EINVAL ? -EIO : r, &why) : 0;
}

int verb_status(int argc, char **argv)
{
	bool json = false;
	const struct cli_option options[] = {
		{ "json", NULL, "one JSON object", CLI_FLAG, &json },
		{},
	};
	struct problem why = {};
	struct control_deed deed;
	int n = cli_parse(argc, argv, options, 0, 1), r;

	if (n < 0)
		return n;
	r = deed_init(&deed, DEED_STATUS, n ? argv[1] : NULL, &why);
	if (r)
		return verb_fail(r, &why);
	deed.json = json;
	deed.colour = cli_colour(1);
	r = deed_do(&deed);
	if (!r && !n && !json)
		print_setup(NULL);
	return r;
}
