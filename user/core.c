// SPDX-License-Identifier: Apache-2.0
#include "core_within.h"

#include <errno.h>
#include <linux/capability.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "audit.h"
#include "base/confine.h"
#include "base/log.h"
#include "base/sock.h"
#include "guard.h"
#include "system_log.h"

#define TRANSIENT_NS (10 * SECOND_NS) /* a transient agent without a first guard gives up */
#define RING_RECORDS (TEROK_RING_BYTES / sizeof(struct terok_record)) /* more than it holds */
#define FILES_GUARD  8                                                /* descriptors of one guard */
#define FILES        (FILES_GUARD * TEROK_MAX_GUARDS + 512)
#define FILES_FEW    (FILES_GUARD * 1024) /* fewer are worth a word */
#define CORE_NICE    -10                  /* the ring must be read while others run flat out */

const char *core_socket_path(void)
{
	static char path[108];

	snprintf(path, sizeof(path), "%s/clearance.sock", kernel_run_dir());
	return path;
}

static uint32_t owner_of(uint32_t guard, void *user)
{
	struct core *core = user;
	struct terok_info info;

	return guard_info(core->kernel, guard, &info) ? 0 : info.uid;
}

static void on_expired(const struct asked *asked, void *user)
{
	struct core *core = user;

	history_expired(core->history, asked);
}

static void send_because(struct msg_packet *packet, void *user)
{
	struct core *core = user;

	nameserver_because(core->nameserver, packet);
}

static void on_why(const struct msg_why *why, int result, void *user)
{
	struct core *core = user;

	why_tell(core->kernel, core->asked, &core->audience, why, result, send_because, core);
}

static void on_dossier(uint32_t guard, const struct terok_dossier *now, void *user)
{
	struct core *core = user;
	struct msg_packet packet = { .type = MSG_DOSSIER, .DOSSIER = { .guard = guard } };

	packet.DOSSIER.now = *now;
	worker_send(&core->hub, &packet);
}

static void on_guard(const struct guard *guard, enum guard_news news, uint64_t token, void *user)
{
	struct core *core = user;
	struct msg_packet packet = { .type = MSG_GUARD };

	if (!token)
		serving_changed(&core->serving);
	serving_extend(&core->serving);
	packet.GUARD.news = news;
	packet.GUARD.id = guard->id;
	packet.GUARD.state = guard->state;
	packet.GUARD.token = token;
	packet.GUARD.info = guard->info;
	guard_counts(core->kernel, guard, &packet.GUARD.counts);
	/* what a transition away from up answered needs no answer any more */
	if (news == GUARD_STATE && guard->state != TEROK_STATE_UP) {
		asked_forget_guard(core->asked, guard->id);
		held_forget(core->held, guard->id);
	}
	if (news != GUARD_STATE && !token) /* who is told of the guard hears who it is first */
		dossiers_look(core->dossiers, core->kernel, guard->id);
	timer_disarm(&core->give_up);
	history_guard(core->history, guard->id, &guard->info, news == GUARD_ATTACHED);
	system_log_guard(guard->id, &guard->info, guard->state, news);
	grants_guard(core->grants, guard->id, guard->info.uid);
	worker_send(&core->hub, &packet);
	owners_guard(core->owners, guard->id, guard->info.uid);
	if (news == GUARD_ATTACHED) {
		core_tell_contained(guard, core);
		discover_guard(core->discover, guard);
	}
}

struct listed {
	struct core *core;
	uint64_t token;
};

static void list_one(uint32_t id, void *user)
{
	struct listed *listed = user;
	struct guard guard;

	if (!guard_get(listed->core->kernel, id, &guard))
		on_guard(&guard, GUARD_LISTED, listed->token, listed->core);
}

/*
 * Every refusal that there is was told: now the list. A user's is as long as they have guards,
 * and takes as long, whatever others have.
 */
static void on_told(const struct msg_list *list, void *user)
{
	struct core *core = user;
	struct listed listed = { core, list->token };
	struct msg_packet done = { .type = MSG_LISTED };

	if (list->uid)
		owners_each(core->owners, list->uid, list_one, &listed);
	else
		watched_list(core->watched, list->token);
	done.LISTED.token = list->token;
	worker_send(&core->hub, &done);
}

static const struct nameserver_events nameserver_events = { .unnamed = core_on_unnamed,
							    .told = on_told,
							    .why = on_why };

static void on_gone(uint32_t id, const char *reason, void *user)
{
	struct core *core = user;
	struct msg_packet packet = { .type = MSG_GONE };

	serving_changed(&core->serving);
	asked_forget_guard(core->asked, id);
	held_forget(core->held, id);
	history_gone(core->history, id);
	system_log_gone(id, reason);
	grants_gone(core->grants, id);
	nameserver_leave(core->nameserver, id);
	dossiers_gone(core->dossiers, id);
	packet.GONE.id = id;
	snprintf(packet.GONE.reason, sizeof(packet.GONE.reason), "%s", reason);
	worker_send(&core->hub, &packet);
	owners_gone(core->owners, id);
	discover_gone(core->discover, id);
	if (core->options->transient && !watched_count(core->watched))
		loop_stop(core->loop);
}

static void on_placed(uint32_t id, int netns_fd, void *user)
{
	struct core *core = user;

	nameserver_serve(core->nameserver, id, netns_fd);
}

static void on_emptied(uint32_t id, void *user)
{
	struct core *core = user;

	nameserver_leave(core->nameserver, id);
}

static const struct watched_events watched_events = {
	.guard = on_guard, .gone = on_gone, .placed = on_placed, .emptied = on_emptied
};

static void on_owner_open(uint32_t uid, uint32_t places, const int *fd, unsigned n, void *user)
{
	struct core *core = user;
	struct msg_packet packet = { .type = MSG_OPEN, .OPEN = { uid, places } };

	worker_send_fds(&core->hub, &packet, fd, n);
}

static void on_owner_close(uint32_t uid, void *user)
{
	struct core *core = user;
	struct msg_packet packet = { .type = MSG_CLOSE, .CLOSE = { .uid = uid } };

	worker_send(&core->hub, &packet);
}

static void on_folders(void *user)
{
	struct core *core = user;

	discover_folders(core->discover);
}

static const struct owners_events owners_events = { .open = on_owner_open,
						    .close = on_owner_close,
						    .folders = on_folders };

static void on_renamed(uint32_t guard, void *user)
{
	struct core *core = user;

	watched_renamed(core->watched, guard);
}

static void count_one(uint32_t guard, void *user)
{
	(void)guard;
	++*(int *)user;
}

static int has_guard(uint32_t uid, void *user)
{
	struct core *core = user;
	int n = 0;

	owners_each(core->owners, uid, count_one, &n);
	return n;
}

static void each_guard(uint32_t uid, void (*fn)(uint32_t guard, void *arg), void *arg, void *user)
{
	struct core *core = user;

	owners_each(core->owners, uid, fn, arg);
}

static void on_container_ended(uint32_t guard, void *user)
{
	struct core *core = user;

	watched_end(core->watched, guard);
}

static const struct discover_events discover_events = { .each_guard = each_guard,
							.ended = on_container_ended,
							.tell = core_tell_hub,
							.renamed = on_renamed,
							.has_guard = has_guard };

static void on_changed(uint32_t guard, void *user)
{
	struct core *core = user;
	struct terok_info info;

	/* what was refused before the word was said is told before it is answered */
	for (unsigned n = 0; n < RING_RECORDS && records_drain(core->records, RECORD_BATCH);)
		n += RECORD_BATCH;

	if (!guard_info(core->kernel, guard, &info)) /* one that goes keeps its own to the end */
		dossiers_look(core->dossiers, core->kernel, guard);
	watched_look(core->watched, guard);
}

static void on_guarded(uint32_t guard, void *user)
{
	struct core *core = user;

	dossiers_look(core->dossiers, core->kernel, guard);
	watched_look(core->watched, guard);
	watched_check(core->watched, guard);
}

static void on_ended(uint32_t guard, void *user)
{
	struct core *core = user;

	watched_check(core->watched, guard);
}

static void on_alarms(uint32_t uid, void (*fn)(const struct msg_alarm *alarm, void *arg), void *arg,
		      void *user)
{
	struct core *core = user;

	discover_alarms(core->discover, uid, fn, arg);
}

static int on_netns(uint32_t guard, void *user)
{
	struct core *core = user;

	return watched_netns(core->watched, guard);
}

/* People hear first that its state is another, then why. */
static void on_agent(const struct msg_agent *agent, void *user)
{
	struct core *core = user;
	struct msg_packet packet = { .type = MSG_AGENT, .AGENT = *agent };

	if (agent->told.type == AGENT_EVENT_CONTAINED) {
		watched_look(core->watched, agent->guard);
		history_contained(core->history, agent);
	}
	worker_send(&core->hub, &packet);
}

static const struct orders_events orders_events = { .changed = on_changed,
						    .guarded = on_guarded,
						    .ended = on_ended,
						    .alarms = on_alarms,
						    .netns = on_netns,
						    .agent = on_agent };

static int on_signal(struct signals *signals, int signal)
{
	struct core *core = container_of(signals, struct core, signals);

	(void)signal;
	loop_stop(core->loop);
	return 0;
}

static int on_give_up(struct timer *timer)
{
	struct core *core = container_of(timer, struct core, give_up);

	if (!watched_count(core->watched))
		loop_stop(core->loop);
	return 0;
}

static int core_listen(struct core *core, struct problem *why)
{
	const char *path = core->options->socket ? core->options->socket : core_socket_path();
	int r = sock_listen(path, 0600, &core->listen_fd, why);

	if (r)
		return r;
	sock_no_fds(core->listen_fd); /* the hub would close them, and wait */
	core->hub = (struct worker){ .loop = core->loop,
				     .name = "hub",
				     .peer = FROM_HUB,
				     .listen_fd = core->listen_fd,
				     .events = &core_hub_events,
				     .user = core };
	r = worker_start(&core->hub);
	return r ? problem(why, r, "start the hub: %s", strerror(-r)) : 0;
}

/* A guard takes eight descriptors, and the usual limit is 1,024: take what we may have. */
static void core_raise_files(void)
{
	struct rlimit files;

	if (getrlimit(RLIMIT_NOFILE, &files) || files.rlim_cur >= FILES)
		return;
	files.rlim_cur = files.rlim_max < FILES ? files.rlim_max : FILES;
	if (setrlimit(RLIMIT_NOFILE, &files) || files.rlim_cur < FILES_FEW)
		log_warn(0, "at most %llu open files: some guards of more than %llu go unwatched",
			 (unsigned long long)files.rlim_cur,
			 (unsigned long long)files.rlim_cur / FILES_GUARD);
}

static int core_open(struct core *core, struct problem *why)
{
	int r;

	core->lock_fd = kernel_agent_lock(why);
	if (core->lock_fd < 0)
		return core->lock_fd;
	core_raise_files();
	serving_extend(&core->serving);
	r = kernel_load(&core->kernel, &core->load, why);
	if (r)
		return r;
	r = loop_new(&core->loop);
	if (!r) {
		audit_defer(core->loop);
		signal(SIGPIPE, SIG_IGN);
		r = signals_add(core->loop, &core->signals, NULL, on_signal);
	}
	if (!r)
		r = history_new(core->loop, &core->options->history, &core->history);
	if (!r)
		system_log_open(NULL);
	if (!r)
		r = asked_new(&core->asked);
	if (!r)
		r = lately_new(&core->lately);
	if (!r)
		r = held_new(core->loop, core_tell_held, core, &core->held);
	if (!r)
		r = grants_new(core->kernel, &core->grants);
	if (!r) {
		asked_on_expired(core->asked, on_expired, core);
		asked_on_owner(core->asked, owner_of, core);
	}
	if (!r)
		r = watched_new(core->loop, core->kernel, &watched_events, core, &core->watched);
	if (!r)
		r = dossiers_new(on_dossier, core, &core->dossiers);
	if (!r)
		r = discover_new(core->loop, core->kernel, core->dossiers, core->history,
				 &discover_events, core, &core->discover);
	if (!r)
		r = owners_new(core->loop, &owners_events, core, &core->owners);
	if (!r)
		r = records_open(core->kernel, core_on_record, core, &core->records);
	if (r)
		return problem(why, r, "start: %s", strerror(-r));
	r = nameserver_new(core->loop, core->kernel, core->options->upstream, &nameserver_events,
			   core, &core->nameserver, why);
	if (!r)
		r = orders_serve(core->loop, core->kernel, &orders_events, core, &core->orders,
				 why);
	if (!r)
		r = core_listen(core, why);
	return r;
}

static void core_close(struct core *core)
{
	serving_stop(&core->serving);
	audit_defer(NULL);
	discover_free(core->discover);
	owners_free(core->owners); /* who comes finds nothing, who is there is told the end */
	worker_stop(&core->hub);
	orders_free(core->orders);
	records_close(core->records);
	watched_free(core->watched);
	dossiers_free(core->dossiers);
	nameserver_free(core->nameserver);
	if (core->asked) /* no later agent has these questions */
		asked_each(core->asked, on_expired, core);
	history_free(core->history);
	system_log_close();
	lately_free(core->lately);
	asked_free(core->asked);
	held_free(core->held);
	grants_free(core->grants);
	signals_end(&core->signals);
	timer_disarm(&core->give_up);
	loop_free(core->loop);
	if (core->listen_fd >= 0)
		unlink(core->options->socket ? core->options->socket : core_socket_path());
	closep(&core->listen_fd);
	kernel_free(core->kernel);
}

/*
 * What the core may still do, and what for. Everything else went; the workers give up all
 * of it.
 */
static const uint64_t core_caps =
    1ULL << CAP_BPF | 1ULL << CAP_PERFMON | /* maps and hooks of guards */
    1ULL << CAP_NET_ADMIN |                 /* attach: a verdict never needs it, adopting does */
    1ULL << CAP_SYS_ADMIN |       /* into a guard's network namespace, for its addresses */
    1ULL << CAP_SYS_PTRACE |      /* /proc/PID/exe of other users' processes */
    1ULL << CAP_DAC_READ_SEARCH | /* open a cgroup by its id */
    1ULL << CAP_SETUID | 1ULL << CAP_SETGID | 1ULL << CAP_SETPCAP | /* workers become nobody */
    1ULL << CAP_KILL;                                               /* ... and are ended */

static int core_confine(struct problem *why)
{
	int r = confine_privs();

	if (!r)
		r = confine_caps(core_caps);
	return r ? problem(why, r, "give up privileges: %s", strerror(-r)) : 0;
}

static void on_serving(void *user)
{
	struct core *core = user;

	if (core->options->transient)
		timer_arm(core->loop, &core->give_up, now_boot_ns() + TRANSIENT_NS, on_give_up);
}

static bool is_settled(void *user)
{
	const struct core *core = user;

	return owners_settled(core->owners);
}

static void count_asked(const struct asked *asked, void *user)
{
	(void)asked;
	++*(unsigned *)user;
}

static void tell_status(char text[static SERVING_STATUS], void *user)
{
	struct core *core = user;
	unsigned open = 0;

	asked_each(core->asked, count_asked, &open);
	snprintf(text, SERVING_STATUS, "Guards: %u, open requests: %u",
		 watched_count(core->watched), open);
}

static void on_beat(void *user)
{
	const struct core *core = user;

	discover_beat(core->discover);
}

static const struct serving_events serving_events = {
	.settled = is_settled, .ready = on_serving, .status = tell_status, .beat = on_beat
};

int core_run(const struct core_options *options, struct problem *why)
{
	struct core core = { .options = options, .lock_fd = -1, .listen_fd = -1 };
	int r;

	serving_begin(&core.serving, options->ready_fd, &serving_events, &core);
	r = core_open(&core, why);
	if (!r) {
		setpriority(PRIO_PROCESS, 0, CORE_NICE);
		r = core_confine(why);
	}
	if (!r) {
		log_info("%s at %s: %u guards; hub at %s",
			 core.load.loaded ? "loaded" : "adopted what was", kernel_pins(),
			 core.load.guards, options->socket ? options->socket : core_socket_path());
		watched_adopt(core.watched);
		if (!options->transient)
			discover_begin(core.discover);
		r = records_start(core.records, core.loop);
		if (!r) {
			serving_attend(&core.serving, &core.hub);
			serving_attend(&core.serving, nameserver_worker(core.nameserver));
			serving_start(&core.serving, core.loop);
		}
		if (!r)
			r = loop_run(core.loop);
	}
	core_close(&core);
	kernel_agent_left(core.lock_fd);
	/* whoever attached a guard since we decided to end keeps it: the next agent adopts it */
	if (!r && options->transient && core.load.loaded)
		r = kernel_unload_idle(NULL, why) < 0 ? -EIO : 0;
	closep(&core.lock_fd);
	return r;
}
