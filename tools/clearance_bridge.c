// SPDX-License-Identifier: Apache-2.0
/*
 * clearance_bridge.c - terok-clearance bridge: the hub's requests as org.terok.Shield1
 *
 * clearance_relay.c knows the hub, clearance_shield.c the bus; here is which guard has which
 * name, and which call waits for which answer. A call of Verdict returns true when an outcome
 * follows as VerdictApplied, false when none will: not an open request of that container, or
 * the hub did not take it. Whoever answered, by whatever way, everybody hears the outcome.
 */
#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/cli.h"
#include "base/log.h"
#include "base/signals.h"
#include "clearance.h"
#include "clearance_relay.h"
#include "clearance_shield.h"

#define CONTAINERS_MAX 512 /* connections to the bus; half of the descriptors a process has */

struct container {
	struct container *next;
	struct bridge *bridge;
	struct shield shield;
	char key[SHIELD_KEY + 1];
	unsigned guards; /* whose requests go by this name */
};

/* A call of Verdict whose answer is with the hub. */
struct call {
	struct call *next;
	struct container *container;
	sd_bus_message *message;
	uint64_t cookie;
	char request_id[RELAY_TEXT];
};

struct bridge {
	struct relay relay;
	struct signals signals;
	struct container *containers;
	struct call *calls;
	unsigned n;
	uint64_t cookies;
	const char *path; /* of the object that each name has */
	bool once;        /* a hub or bus that goes away ends it */
	bool bus_lost;
};

/* --- calls --------------------------------------------------------------------------- */

static void call_end(struct call **slot, bool ok)
{
	struct call *call = *slot;

	*slot = call->next;
	shield_reply(&call->container->shield, call->message, ok);
	free(call);
}

/* All of a container (NULL: of every one) that are about a request (NULL: about any). */
static void calls_end(struct bridge *bridge, const struct container *container,
		      const char *request_id, bool ok)
{
	struct call **slot = &bridge->calls;

	while (*slot) {
		if ((container && (*slot)->container != container) ||
		    (request_id && strcmp((*slot)->request_id, request_id)))
			slot = &(*slot)->next;
		else
			call_end(slot, ok);
	}
}

static bool on_verdict_call(struct shield *shield, sd_bus_message *message, const char *request_id,
			    const char *action)
{
	struct container *container = container_of(shield, struct container, shield);
	struct bridge *bridge = container->bridge;
	struct relay_request *request = relay_request_find(&bridge->relay, request_id);
	struct relay_guard *guard;
	struct call *call;
	bool allow;

	if (!request || relay_action(action, &allow))
		return false;
	guard = relay_guard_find(&bridge->relay, request->guard, request->container);
	if (!guard || guard->of != container) /* another container's */
		return false;
	call = calloc(1, sizeof(*call));
	if (!call)
		return false;
	if (relay_answer(&bridge->relay, request, allow, ++bridge->cookies)) {
		free(call);
		return false;
	}
	call->container = container;
	call->message = message;
	call->cookie = bridge->cookies;
	snprintf(call->request_id, sizeof(call->request_id), "%s", request_id);
	call->next = bridge->calls;
	bridge->calls = call;
	return true;
}

/* --- containers ---------------------------------------------------------------------- */

/* The container as its requests' ids have it: what stands before the last colon. */
static const char *label_of(char ret[static RELAY_TEXT], const char *request_id,
			    const char *container)
{
	const char *colon = strrchr(request_id, ':');

	if (colon && colon != request_id)
		snprintf(ret, RELAY_TEXT, "%.*s", (int)(colon - request_id), request_id);
	else /* a reader's, which may call it anything */
		snprintf(ret, RELAY_TEXT, "%s", container);
	return ret;
}

static void tell_blocked(struct container *container, struct relay_request *request)
{
	char label[RELAY_TEXT];

	if (!container->shield.owned)
		return;
	request->number = 1;
	shield_blocked(&container->shield, label_of(label, request->id, request->container),
		       request->dest, request->port, request->proto, request->domain, request->id);
}

static void tell_if_its(struct relay_request *request, void *arg)
{
	struct container *container = arg;
	struct relay_guard *guard =
	    relay_guard_find(&container->bridge->relay, request->guard, request->container);

	if (request->open && guard && guard->of == container)
		tell_blocked(container, request);
}

/* Who listens now has heard nothing yet: everything that waits. */
static void on_owned(struct shield *shield)
{
	struct container *container = container_of(shield, struct container, shield);

	if (container->bridge->bus_lost)
		log_info("the bus is back");
	container->bridge->bus_lost = false;
	relay_each(&container->bridge->relay, tell_if_its, container);
}

static void on_bus_lost(struct shield *shield)
{
	struct container *container = container_of(shield, struct container, shield);
	struct bridge *bridge = container->bridge;

	calls_end(bridge, container, NULL, false);
	if (!bridge->bus_lost)
		log_warn(0, "the bus went away%s", bridge->once ? "" : "; trying again");
	bridge->bus_lost = true;
	if (bridge->once)
		loop_stop(bridge->relay.loop);
}

static const struct shield_face shield_face = {
	.owned = on_owned,
	.lost = on_bus_lost,
	.verdict = on_verdict_call,
};

static struct container **container_slot(struct bridge *bridge, const char *key)
{
	struct container **slot = &bridge->containers;

	while (*slot && strcmp((*slot)->key, key))
		slot = &(*slot)->next;
	return slot;
}

static struct container *container_new(struct bridge *bridge, const char *key)
{
	struct container *container;

	if (bridge->n == CONTAINERS_MAX) {
		log_warn(0, "%s%s is one name too many: %d are taken", SHIELD_PREFIX, key,
			 CONTAINERS_MAX);
		return NULL;
	}
	container = calloc(1, sizeof(*container));
	if (!container)
		return NULL;
	container->bridge = bridge;
	container->shield.bus.loop = bridge->relay.loop;
	container->shield.face = &shield_face;
	container->shield.path = bridge->path;
	snprintf(container->key, sizeof(container->key), "%s", key);
	container->next = bridge->containers;
	bridge->containers = container;
	bridge->n++;
	shield_start(&container->shield, container->key);
	return container;
}

static void container_free(struct bridge *bridge, struct container *container)
{
	struct container **slot = container_slot(bridge, container->key);

	calls_end(bridge, container, NULL, false);
	shield_stop(&container->shield);
	*slot = container->next;
	bridge->n--;
	free(container);
}

/* --- what the relay says ------------------------------------------------------------- */

static void name_guard(struct bridge *bridge, struct relay_guard *guard)
{
	struct container *container;
	char key[SHIELD_KEY + 1];

	shield_key(key, guard->container);
	container = *container_slot(bridge, key) ?: container_new(bridge, key);
	guard->of = container;
	if (container)
		container->guards++;
}

/* There is a name again for one that had to do without. */
static void name_another(struct bridge *bridge)
{
	struct relay_guard *guard = bridge->relay.guards;

	while (guard && (guard->of || guard->gone))
		guard = guard->next;
	if (!guard)
		return;
	name_guard(bridge, guard);
}

static void on_guard(struct relay_guard *guard, bool here, void *user)
{
	struct bridge *bridge = user;
	struct container *container = guard->of;

	if (here) {
		name_guard(bridge, guard);
	} else if (container) {
		guard->of = NULL;
		if (!--container->guards) {
			container_free(bridge, container);
			name_another(bridge);
		}
	}
}

static void on_request(struct relay_request *request, struct relay_guard *guard, void *user)
{
	(void)user;
	if (guard->of && !request->number) /* once: what is counted again is no news */
		tell_blocked(guard->of, request);
}

static void on_verdict(struct relay_request *request, const struct terok_event *event, void *user)
{
	struct bridge *bridge = user;
	struct relay_guard *guard =
	    relay_guard_find(&bridge->relay, event->guard, event->container);
	struct container *container = guard ? guard->of : NULL;
	char label[RELAY_TEXT];

	/* who called hears that it was taken before everybody hears what came of it */
	calls_end(bridge, NULL, event->request_id, true);
	if (container)
		shield_applied(&container->shield,
			       label_of(label, event->request_id, event->container),
			       request ? request->dest : event->dest, event->request_id,
			       strcmp(event->action, "allow") ? "deny" : "accept", event->ok);
}

static void on_answered(const char *error, const char *problem, uint64_t cookie, void *user)
{
	struct bridge *bridge = user;
	struct call **slot = &bridge->calls;
	bool taken = relay_is_told(error);

	while (*slot && (*slot)->cookie != cookie)
		slot = &(*slot)->next;
	if (!*slot)
		return;
	if (!taken)
		log_info("%s: not answered: %s", (*slot)->request_id, problem);
	call_end(slot, taken);
}

static void on_unanswered(void *user)
{
	calls_end(user, NULL, NULL, false);
}

static int on_listed(void *user)
{
	struct bridge *bridge = user;

	log_info("hears the hub at %s", bridge->relay.path);
	return 0;
}

/* Its names go: whoever takes up the next ones has heard nothing. */
static void forget_telling(struct relay_request *request, void *arg)
{
	(void)arg;
	request->number = 0;
}

static int on_hub_lost(void *user)
{
	struct bridge *bridge = user;

	relay_each(&bridge->relay, forget_telling, NULL);
	return bridge->once ? log_error(-EPIPE, "the hub went away") : 0;
}

static const struct relay_face relay_face = {
	.guard = on_guard,
	.request = on_request,
	.verdict = on_verdict,
	.answered = on_answered,
	.unanswered = on_unanswered,
	.listed = on_listed,
	.lost = on_hub_lost,
};

/* --- the verb ------------------------------------------------------------------------ */

static int on_signal(struct signals *signals, int signal)
{
	struct bridge *bridge = container_of(signals, struct bridge, signals);

	(void)signal;
	loop_stop(bridge->relay.loop);
	return 0;
}

static int bridge_run(struct bridge *bridge)
{
	struct problem why = {};
	sd_bus *bus = NULL;
	int r = bus_open(NULL, &bus);

	sd_bus_close_unref(bus);
	if (r)
		return log_error(0, "cannot reach the session bus: %s",
				 r == -ENOMEDIUM ? "DBUS_SESSION_BUS_ADDRESS is not set"
						 : strerror(-r)),
		       r;
	r = relay_start(&bridge->relay, !bridge->once, &why);
	if (r)
		return log_error(0, "%s", why.text), r;
	r = loop_run(bridge->relay.loop);
	return r ? r : bridge->once && bridge->bus_lost ? -EPIPE : 0;
}

static void bridge_end(struct bridge *bridge)
{
	while (bridge->containers)
		container_free(bridge, bridge->containers);
	relay_stop(&bridge->relay);
	signals_end(&bridge->signals);
	loop_free(bridge->relay.loop);
}

int verb_bridge(int argc, char **argv)
{
	struct bridge bridge = { .path = SHIELD_PATH };
	const char *path = NULL, *scope = "forever";
	const struct cli_option options[] = {
		{ "scope", "SCOPE", "of answers: once, session or forever (default)", CLI_STRING,
		  &scope },
		{ "path", "PATH", "of the object (" SHIELD_PATH ")", CLI_STRING, &bridge.path },
		{ "no-reconnect", NULL, "end when the hub or the bus goes away", CLI_FLAG,
		  &bridge.once },
		{ "socket", "PATH", "the hub (/run/terok/clearance.sock)", CLI_STRING, &path },
		{},
	};
	int r = cli_parse(argc, argv, options, 0, 0);

	if (r < 0)
		return r;
	if (!relay_scope(scope))
		return log_error(0, "scope '%s' is none of once, session, forever", scope), -EINVAL;
	if (!sd_bus_object_path_is_valid(bridge.path))
		return log_error(0, "'%.80s' is no path of an object", bridge.path), -EINVAL;
	signal(SIGPIPE, SIG_IGN);
	bridge.relay.path = path ?: session_socket();
	bridge.relay.scope = scope;
	bridge.relay.face = &relay_face;
	bridge.relay.user = &bridge;
	r = loop_new(&bridge.relay.loop);
	if (!r)
		r = signals_add(bridge.relay.loop, &bridge.signals, NULL, on_signal);
	if (r)
		log_error(r, "cannot start");
	else
		r = bridge_run(&bridge);
	bridge_end(&bridge);
	return r;
}
