// SPDX-License-Identifier: Apache-2.0
#include "discover.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "audit.h"
#include "base/container.h"
#include "base/log.h"
#include "cgroup.h"
#include "guard.h"
#include "history_core.h"
#include "watchers.h"

struct discover {
	struct loop *loop;
	const struct kernel *kernel;
	struct dossiers *dossiers;
	struct history *history;
	const struct discover_events *events;
	void *user;
	struct containers *containers;
	struct watchers *watchers; /* NULL: not begun */
};

static void tell(const struct msg_alarm *alarm, void *user)
{
	struct discover *discover = user;
	struct msg_packet packet = { .type = MSG_ALARM };

	packet.ALARM = *alarm;
	discover->events->tell(&packet, discover->user);
}

static void on_alarm(const struct msg_alarm *alarm, void *user)
{
	struct discover *discover = user;
	struct terok_info info = { .uid = alarm->uid, .kind = TEROK_KIND_CONTAINER };

	tell(alarm, discover);
	memcpy(info.container, alarm->id, sizeof(alarm->id));
	memcpy(info.name, alarm->name, sizeof(info.name));
	if (alarm->over) {
		log_info("alarm over: container %s (%.12s) of user %u: %s", alarm->name, alarm->id,
			 alarm->uid, alarm->why);
	} else {
		log_error(0, "ALARM: container %s (%.12s) of user %u: %s", alarm->name, alarm->id,
			  alarm->uid, alarm->why);
		history_alarm(discover->history, &info);
	}
	audit_deed(&info,
		   &(struct audit_deed){ .action = alarm->over ? "unguarded_over" : "unguarded",
					 .detail = alarm->why,
					 .uid = alarm->uid });
}

static void on_renamed(uint32_t guard, void *user)
{
	struct discover *discover = user;

	discover->events->renamed(guard, discover->user);
}

static void on_described(uint32_t guard, void *user)
{
	struct discover *discover = user;

	dossiers_look(discover->dossiers, discover->kernel, guard);
}

static void on_file(uint32_t guard, const struct terok_dossier *says, void *user)
{
	struct discover *discover = user;

	dossiers_file(discover->dossiers, guard, says);
}

#define SWEEP_MAX 64 /* guards that end in one sweep; the others end in the next */

struct sweep {
	struct discover *discover;
	uint32_t uid;
	uint32_t ended[SWEEP_MAX]; /* first all are looked at: ending one changes the list */
	unsigned n;
};

/*
 * Its cgroup tells when a container ends. Where that was left behind, empty, it does not: whoever
 * removes it may have been killed.
 */
static void sweep_one(uint32_t guard, void *arg)
{
	struct sweep *sweep = arg;
	struct discover *discover = sweep->discover;
	_cleanup_close_ int fd = -1;
	struct terok_info info;

	if (guard_info(discover->kernel, guard, &info) || info.kind != TEROK_KIND_CONTAINER ||
	    !container_is_id(info.container) ||
	    containers_has(discover->containers, sweep->uid, info.container))
		return;
	fd = cgroup_open_id(info.cgroup, NULL);
	if (fd >= 0 && cgroup_populated(fd) == 0 && sweep->n < SWEEP_MAX)
		sweep->ended[sweep->n++] = guard;
}

static void on_swept(uint32_t uid, void *user)
{
	struct discover *discover = user;
	struct sweep sweep = { .discover = discover, .uid = uid };

	discover->events->each_guard(uid, sweep_one, &sweep, discover->user);
	for (unsigned i = 0; i < sweep.n; i++)
		discover->events->ended(sweep.ended[i], discover->user);
}

static const struct containers_events containers_events = { .swept = on_swept,
							    .alarm = on_alarm,
							    .renamed = on_renamed,
							    .described = on_described,
							    .file = on_file };

static void on_message(uint32_t uid, const struct msg_packet *packet, void *user)
{
	containers_hear(((struct discover *)user)->containers, uid, packet);
}

static void on_begun(uint32_t uid, void *user)
{
	containers_begin(((struct discover *)user)->containers, uid);
}

static int on_has_guard(uint32_t uid, void *user)
{
	struct discover *discover = user;

	return discover->events->has_guard(uid, discover->user);
}

static const struct watchers_events watchers_events = { .message = on_message,
							.begun = on_begun,
							.has_guard = on_has_guard };

int discover_new(struct loop *loop, const struct kernel *kernel, struct dossiers *dossiers,
		 struct history *history, const struct discover_events *events, void *user,
		 struct discover **ret)
{
	struct discover *discover = calloc(1, sizeof(*discover));
	int r;

	if (!discover)
		return -ENOMEM;
	*discover = (struct discover){ .loop = loop,
				       .kernel = kernel,
				       .dossiers = dossiers,
				       .history = history,
				       .events = events,
				       .user = user };
	r = containers_new(loop, kernel, &containers_events, discover, &discover->containers);
	if (r) {
		free(discover);
		return r;
	}
	*ret = discover;
	return 0;
}

void discover_free(struct discover *discover)
{
	if (!discover)
		return;
	watchers_free(discover->watchers);
	containers_free(discover->containers);
	free(discover);
}

void discover_begin(struct discover *discover)
{
	int r = watchers_new(discover->loop, &watchers_events, discover, &discover->watchers);

	if (r)
		log_warn(r, "containers are not watched: the hooks tell of those that they guard");
}

void discover_beat(struct discover *discover)
{
	watchers_ping(discover->watchers);
}

void discover_folders(struct discover *discover)
{
	watchers_folders(discover->watchers);
}

void discover_guard(struct discover *discover, const struct guard *guard)
{
	if (guard->info.kind == TEROK_KIND_CONTAINER)
		watchers_user(discover->watchers, guard->info.uid);
	containers_guard(discover->containers, &guard->info);
}

void discover_gone(struct discover *discover, uint32_t guard)
{
	containers_gone(discover->containers, guard);
}

void discover_tell(struct discover *discover)
{
	containers_alarms(discover->containers, 0, tell, discover);
}

void discover_alarms(struct discover *discover, uint32_t uid,
		     void (*fn)(const struct msg_alarm *alarm, void *user), void *user)
{
	containers_alarms(discover->containers, uid, fn, user);
}
