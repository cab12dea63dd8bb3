// SPDX-License-Identifier: Apache-2.0
#include "sessions.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "bus.h"
#include "dialer.h"
#include "feeder.h"
#include "session_line.h"
#include "pki.h"
#include "watch.h"
#include "world.h"

struct sessions {
	struct sessions_use use;
	struct bus *bus;
	struct world *world;
	struct plan *plan; /* of sessions that begin from now on */
	struct lines *lines;
	struct dialer *dialer;
	struct feeder *feeder;
	struct watch *watch;
	struct teller *teller;
};

static void on_apply(void *user, const struct agent_event *event)
{
	struct sessions *sessions = user;

	world_apply(sessions->world, event);
}

/* Whom to contain is not to depend on how much else happens in the same round. */
static void on_wished(void *user, const struct agent_event *wish)
{
	struct sessions *sessions = user;

	teller_heard(sessions->teller, wish);
}

/* What containers and peers chose stands in the events themselves, for those who watch. */
static void on_log(void *user, const struct agent_event *event)
{
	char name[64], step[64], reason[128];

	(void)user;
	/* a host's ordinary life; and what reap.c has said */
	if (event->type == AGENT_EVENT_CONTAINER || event->type == AGENT_EVENT_REAP_DEGRADED)
		return;
	log_info("event=%s container=%.12s%s%s%s%s", agent_event_name(event, name, sizeof(name)),
		 event->container ?: "", event->step ? " step=" : "",
		 log_safe(step, sizeof(step), event->step ?: ""), event->reason ? " reason=" : "",
		 log_safe(reason, sizeof(reason), event->reason ?: ""));
}

/* --- who acts on what containers do ----------------------------------------------------------- */

static void on_dial(void *user, const char *container)
{
	struct sessions *sessions = user;
	int r = dialer_dial(sessions->dialer, container);

	if (r)
		log_error(r, "event=agentdial_refused container=%.12s", container);
}

static void on_cancel(void *user, const char *container)
{
	struct sessions *sessions = user;

	dialer_cancel(sessions->dialer, container);
}

static void on_seen(void *user, const char *container)
{
	struct sessions *sessions = user;

	registrar_touch(sessions->use.registrar, container);
}

static int on_evict(void *user, const char *container, struct problem *why)
{
	struct sessions *sessions = user;

	return registrar_evict(sessions->use.registrar, container, why);
}

static void on_moved(void *user, const char *container)
{
	struct sessions *sessions = user;

	peers_moved(sessions->use.peers, container);
}

/* --- begin and end ---------------------------------------------------------------------------- */

/* Who a peer is is not TLS's to say: it is told, and the session is there. */
static int tls_read(const char *folder, struct grpc_tls **ret, struct problem *why)
{
	_cleanup_free_ char *ca = NULL, *client = NULL;
	struct grpc_tls_use use = { .client = true, .verify = GRPC_VERIFY_CAPTURE };

	if (asprintf(&ca, "%s/" PKI_CA_FILE, folder) < 0 ||
	    asprintf(&client, "%s/%s", folder, pki_file(CERT_CLIENT)) < 0)
		return problem(why, -ENOMEM, "no memory for a path");
	use.cert.file = use.key.file = client;
	use.ca.file = ca;
	return grpc_tls_new(&use, ret, why);
}

static int lines_begin(struct sessions *sessions, struct problem *why)
{
	struct grpc_tls *tls = NULL;
	int r = tls_read(sessions->use.folder, &tls, why);

	if (r)
		return r;
	r = lines_grpc_new(sessions->use.loop, tls, (uint16_t)sessions->use.port, &sessions->lines);
	if (r)
		grpc_tls_free(tls);
	return r;
}

static int on_inside(void *user, const char *container)
{
	struct sessions *sessions = user;

	return sessions->use.inside(sessions->use.user, container);
}

static int dialer_begin(struct sessions *sessions)
{
	const struct dialer_use use = { .loop = sessions->use.loop,
					.runtime = sessions->use.runtime,
					.lines = sessions->lines,
					.agents = sessions->use.agents,
					.bus = sessions->bus,
					.plan = sessions->plan,
					.seen = on_seen,
					.user = sessions,
					.inside = sessions->use.inside ? on_inside : NULL,
					.times = DIAL_TIMES };

	return dialer_new(&use, &sessions->dialer);
}

/* A control plane that nobody can watch is better than none. */
static void watch_begin(struct sessions *sessions)
{
	struct problem why = {};
	int r = watch_new(sessions->use.loop, sessions->bus, sessions->world, sessions->use.passed,
			  sessions->use.socket, &sessions->watch, &why);

	if (r)
		log_warn(0, "nobody can watch: %s", *why.text ? why.text : strerror(-r));
}

int sessions_new(const struct sessions_use *use, struct sessions **ret, struct problem *why)
{
	struct sessions *sessions = calloc(1, sizeof(*sessions));
	int r = sessions ? world_new(&sessions->world) : -ENOMEM;

	if (!r) {
		const struct bus_first first = { on_wished, on_apply, on_log, sessions };

		sessions->use = *use;
		r = bus_new(use->loop, &first, &sessions->bus);
	}
	if (!r && use->plan)
		r = plan_read(use->plan, &sessions->plan, why);
	r = r ?: lines_begin(sessions, why) ?: dialer_begin(sessions);
	r = r ?: teller_new(use->loop, sessions->bus, use->contain, &sessions->teller);
	if (r) {
		sessions_free(sessions);
		return r;
	}
	watch_begin(sessions);
	*ret = sessions;
	return 0;
}

int sessions_begin(struct sessions *sessions, const char *degraded)
{
	const struct feeder_use use = { .loop = sessions->use.loop,
					.by = sessions->use.by,
					.bus = sessions->bus,
					.dial = on_dial,
					.cancel = on_cancel,
					.evict = on_evict,
					.moved = on_moved,
					.user = sessions };
	const struct agent_event event = { .type = AGENT_EVENT_REAP_DEGRADED, .detail = degraded };

	if (*degraded)
		(void)bus_publish(sessions->bus, &event);
	return feeder_new(&use, &sessions->feeder);
}

int sessions_renew(struct sessions *sessions, struct problem *why)
{
	struct grpc_tls *tls = NULL;
	int r = tls_read(sessions->use.folder, &tls, why);

	if (!r)
		lines_grpc_tls(sessions->lines, tls);
	return r;
}

int sessions_replan(struct sessions *sessions, struct problem *why)
{
	struct plan *plan = NULL;
	int r = sessions->use.plan ? plan_read(sessions->use.plan, &plan, why) : 0;

	if (r || !plan)
		return r;
	plan_free(sessions->plan);
	sessions->plan = plan;
	dialer_plan(sessions->dialer, plan);
	return 0;
}

void sessions_free(struct sessions *sessions)
{
	if (!sessions)
		return;
	feeder_free(sessions->feeder);
	dialer_free(sessions->dialer);
	lines_free(sessions->lines);
	watch_free(sessions->watch);
	teller_free(sessions->teller);
	bus_free(sessions->bus);
	world_free(sessions->world);
	plan_free(sessions->plan);
	free(sessions);
}
