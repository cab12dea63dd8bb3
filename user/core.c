// SPDX-License-Identifier: Apache-2.0
#include "core.h"

#include <errno.h>
#include <linux/capability.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "asked.h"
#include "audit.h"
#include "base/comm.h"
#include "base/confine.h"
#include "base/event.h"
#include "base/log.h"
#include "base/signals.h"
#include "base/sock.h"
#include "control.h"
#include "deeds.h"
#include "dossiers.h"
#include "flows.h"
#include "grants_tell.h"
#include "guard.h"
#include "held.h"
#include "history_core.h"
#include "kernel.h"
#include "lately.h"
#include "names.h"
#include "nameserver.h"
#include "owners.h"
#include "process.h"
#include "record.h"
#include "refused.h"
#include "serving.h"
#include "unheard.h"
#include "verdict.h"
#include "watched.h"
#include "why.h"
#include "worker.h"
#include "terok/names.h"

#define TRANSIENT_NS (10 * SECOND_NS) /* a transient agent without a first guard gives up */
#define RING_RECORDS (TEROK_RING_BYTES / sizeof(struct terok_record)) /* more than it holds */
#define FILES_GUARD  8                                                /* descriptors of one guard */
#define FILES        (FILES_GUARD * TEROK_MAX_GUARDS + 512)
#define FILES_FEW    (FILES_GUARD * 1024) /* fewer are worth a word */
#define CORE_NICE    -10                  /* the ring must be read while others run flat out */

struct core {
	const struct core_options *options;
	struct loop *loop;
	struct kernel *kernel;
	struct kernel_load load;
	struct records *records;
	struct asked_table *asked;
	struct held *held;
	struct lately *lately;
	struct unheard unheard; /* by the hub */
	struct grants *grants;
	struct watched *watched; /* the guards as people were last told of them */
	struct dossiers *dossiers;
	struct control *control;
	struct deeds *deeds;
	struct history *history; /* NULL: none is kept */
	struct why_audience audience;
	struct worker hub;
	struct nameserver *nameserver;
	struct owners *owners;
	struct serving serving;
	struct signals signals;
	struct timer give_up;
	int lock_fd, listen_fd;
};

const char *core_socket_path(void)
{
	static char path[108];

	snprintf(path, sizeof(path), "%s/clearance.sock", kernel_run_dir());
	return path;
}

/* Refusals that a person may lift by an answer: nobody decided them by name. */
static bool is_question(const struct terok_record *record)
{
	if (record->hook == TEROK_HOOK_SOCK_CREATE || !record->guard)
		return false;
	/* getaddrinfo() sorts addresses by UDP connects to no port: nothing is ever sent */
	if (record->proto == IPPROTO_UDP && (!record->dst_port || record->dst_port == 65535))
		return false;
	/* in down allow rules say nothing about private ranges, so no answer could open one */
	if (record->reason == TEROK_REASON_PRIVATE)
		return record->state != TEROK_STATE_DOWN;
	return record->reason == TEROK_REASON_DEFAULT || record->reason == TEROK_REASON_EXPIRED;
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

/* What asks is told anew when the hub has room; all else is counted, so that it can say so. */
static void send_refused(struct core *core, struct msg_packet *packet, uint64_t count)
{
	uint64_t lost = core->hub.lost;

	worker_send(&core->hub, packet);
	if (core->hub.lost != lost && (!packet->REFUSED.ask || packet->REFUSED.held))
		unheard_note(&core->unheard, packet->REFUSED.record.guard, count);
}

static void tell_refused(const struct asked *asked, void *user)
{
	struct core *core = user;
	struct msg_packet packet = { .type = MSG_REFUSED };

	refused_describe(core->kernel, asked, &packet.REFUSED);
	send_refused(core, &packet, 1);
}

static void tell_unheard(uint32_t guard, uint64_t count, void *user)
{
	struct core *core = user;
	struct msg_packet packet = { .type = MSG_UNHEARD };

	packet.UNHEARD = (struct msg_unheard){ .count = count, .guard = guard };
	worker_send(&core->hub, &packet);
}

/* Of what nobody is asked about people hear how much it is. */
static void tell_held(const struct asked *last, uint64_t count, void *user)
{
	struct core *core = user;
	struct msg_packet packet = { .type = MSG_REFUSED };

	refused_describe(core->kernel, last, &packet.REFUSED);
	packet.REFUSED.held = true;
	packet.REFUSED.count = count;
	send_refused(core, &packet, count);
}

/* People first, then the files. A question is told again and again, and noted once. */
static void note_refused(struct core *core, const struct asked *asked)
{
	struct terok_info info;

	if (asked->question && asked->count == 1)
		history_request(core->history, asked, process_name(&asked->record));
	if (!guard_info(core->kernel, asked->record.guard, &info))
		audit_refused(core->kernel, &info, &asked->record,
			      *asked->name ? asked->name : NULL, process_name(&asked->record),
			      dossiers_get(core->dossiers, asked->record.guard));
}

/* Its packets go nowhere; both ends should hear of it before they have waited for minutes. */
static void end_flow(struct core *core, const struct terok_record *record)
{
	struct problem why = {};
	int r = flows_end_socket(core->kernel, record->guard, record->sock_cookie, &why);

	if (r < 0)
		log_warn(0, "a flow of guard %u that named somebody else stays open, silent: %s",
			 record->guard, why.text);
}

static void on_asked(struct core *core, const struct asked *asked)
{
	if (!asked)
		return;
	serving_changed(&core->serving);
	/* a guard that a verb attached a moment ago: people hear its name first */
	watched_meet(core->watched, asked->record.guard);
	if (!asked->held)
		tell_refused(asked, core);
	else if (asked->count == 1)
		held_note(core->held, asked);
	note_refused(core, asked);
}

static void on_record(const struct terok_record *record, void *user)
{
	struct core *core = user;
	bool question = is_question(record);
	const char *name = "";

	if (question) /* all addresses of a name are one question */
		name = lately_name(core->lately, core->kernel, record,
				   nameserver_learned(core->nameserver));
	if (record->reason == TEROK_REASON_HELLO)
		end_flow(core, record);
	on_asked(core, asked_note(core->asked, record, NULL, name, question));
}

/* A name that a container asked for and did not get, as if a hook had refused it. */
static void on_unnamed(const struct msg_unnamed *unnamed, void *user)
{
	struct core *core = user;
	struct terok_record record = { .version = TEROK_ABI_VERSION,
				       .verdict = TEROK_DENY,
				       .reason = unnamed->why == UNNAMED_DENIED
						     ? TEROK_REASON_RULE_DENY
						     : TEROK_REASON_NAME_DENY,
				       .family = unnamed->v6 ? AF_INET6 : AF_INET,
				       .state = TEROK_STATE_UP,
				       .boot_ns = now_boot_ns(),
				       .guard = unnamed->guard };
	bool question = unnamed->why == UNNAMED_POLICY || unnamed->why == UNNAMED_BUDGET;

	if (unnamed->why == UNNAMED_ALARM) {
		log_warn(0, "guard %u asks for names that look like data: %.80s", unnamed->guard,
			 unnamed->name);
		return;
	}
	if (unnamed->why == UNNAMED_REBOUND)
		record.reason = TEROK_REASON_PRIVATE;
	on_asked(core, asked_note(core->asked, &record, unnamed->name, NULL, question));
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
	grants_guard(core->grants, guard->id, guard->info.uid);
	worker_send(&core->hub, &packet);
	owners_guard(core->owners, guard->id, guard->info.uid);
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

static const struct nameserver_events nameserver_events = { .unnamed = on_unnamed,
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
	grants_gone(core->grants, id);
	nameserver_leave(core->nameserver, id);
	dossiers_gone(core->dossiers, id);
	packet.GONE.id = id;
	snprintf(packet.GONE.reason, sizeof(packet.GONE.reason), "%s", reason);
	worker_send(&core->hub, &packet);
	owners_gone(core->owners, id);
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

static const struct owners_events owners_events = { .open = on_owner_open,
						    .close = on_owner_close };

/* The hub (again): every guard, then every question that is still open. */
static void on_hub_ready(void *user)
{
	struct core *core = user;

	dossiers_each(core->dossiers);
	watched_list(core->watched, 0);
	unheard_say(&core->unheard, tell_unheard, core);
	asked_each(core->asked, tell_refused, core);
	owners_tell(core->owners);
}

static int apply_verdict(struct core *core, const struct msg_verdict *verdict,
			 const struct asked *asked, struct verdict_rule *rule, struct problem *why)
{
	uint32_t guard;
	int r;

	if (!asked)
		return problem(why, -ENOENT, "nothing was asked by that number, or it is answered");
	guard = asked->record.guard;
	r = verdict_apply(core->kernel, asked, verdict, rule, why);
	if (r)
		return r;
	asked_answered(core->asked, verdict->ask);
	serving_changed(&core->serving);
	grants_note(core->grants, guard, rule, verdict->action, verdict->scope);
	if (rule->by_name) /* its resolver answers by it from now on */
		watched_look(core->watched, guard);
	return 0;
}

struct settling {
	struct core *core;
	const struct verdict_rule *rule;
	const struct msg_verdict *verdict;
	const struct msg_result *result;
	struct msg_settled said;
};

static void settle_one(const struct asked *asked, void *user)
{
	struct settling *settling = user;
	struct core *core = settling->core;
	struct msg_packet packet = { .type = MSG_SETTLED, .SETTLED = settling->said };

	if (asked->record.guard != settling->said.guard ||
	    !verdict_covers(core->kernel, settling->rule, settling->said.action, asked))
		return;
	packet.SETTLED.ask = asked->id;
	asked_answered(core->asked, asked->id);
	worker_send(&core->hub, &packet);
	history_verdict(core->history, asked, settling->verdict, settling->result);
}

/* One answer may be of many questions: nobody is to answer the others one by one. */
static void settle_others(struct core *core, uint32_t guard, const struct msg_verdict *verdict,
			  const struct verdict_rule *rule, const struct msg_result *result)
{
	struct settling settling = { .core = core,
				     .rule = rule,
				     .verdict = verdict,
				     .result = result,
				     .said = { .until_ns = result->until_ns,
					       .guard = guard,
					       .uid = verdict->uid,
					       .action = verdict->action,
					       .scope = verdict->scope } };

	memcpy(settling.said.rule, result->rule, sizeof(settling.said.rule));
	memcpy(settling.said.client, result->client, sizeof(settling.said.client));
	asked_each(core->asked, settle_one, &settling);
}

static void on_verdict(struct core *core, const struct msg_verdict *verdict)
{
	struct msg_packet packet = { .type = MSG_RESULT };
	const struct asked *asked = asked_find(core->asked, verdict->ask);
	/* it may be forgotten on the way */
	struct asked question = asked ? *asked : (struct asked){};
	uint32_t guard = question.record.guard;
	struct verdict_rule rule;
	struct problem why = {};

	packet.RESULT.ask = verdict->ask;
	packet.RESULT.token = verdict->token;
	process_comm(verdict->pid, verdict->uid, packet.RESULT.client);
	packet.RESULT.result = apply_verdict(core, verdict, asked, &rule, &why);
	snprintf(packet.RESULT.problem, sizeof(packet.RESULT.problem), "%.127s", why.text);
	if (!packet.RESULT.result) {
		packet.RESULT.until_ns = rule.until_ns;
		verdict_text(packet.RESULT.rule, verdict->action, &rule);
	}
	worker_send(&core->hub, &packet);
	history_verdict(core->history, &question, verdict, &packet.RESULT);
	if (packet.RESULT.result)
		return;
	settle_others(core, guard, verdict, &rule, &packet.RESULT);
	if (verdict->action == TEROK_DENY)
		flows_end_said(core->kernel, guard, FLOWS_REFUSED_NAMED);
	if (rule.by_name && verdict->action == TEROK_DENY)
		names_prune(core->kernel, guard);
	verdict_note(core->kernel, guard, verdict, &rule);
}

struct recall {
	struct core *core;
	uint64_t token;
};

static void send_entry(const struct msg_entry *entry, void *user)
{
	const struct recall *recall = user;
	struct msg_packet packet = { .type = MSG_ENTRY };

	packet.ENTRY = *entry;
	packet.ENTRY.token = recall->token;
	worker_send(&recall->core->hub, &packet);
}

static void on_history(struct core *core, const struct msg_history *asked)
{
	struct history_query query = { .after = asked->after,
				       .uid = asked->uid,
				       .guard = asked->guard,
				       .limit = asked->limit };
	struct recall recall = { core, asked->token };
	struct msg_packet done = { .type = MSG_LISTED };
	int r = 0;

	if (query.limit > MSG_HISTORY_MAX)
		query.limit = MSG_HISTORY_MAX;
	if (query.limit)
		r = history_read(core->history, &query, send_entry, &recall);
	done.LISTED.token = asked->token;
	done.LISTED.result = r < 0 ? r : 0;
	done.LISTED.more = r > 0;
	worker_send(&core->hub, &done);
}

static void tell_hub(struct msg_packet *packet, void *user)
{
	struct core *core = user;

	worker_send(&core->hub, packet);
}

static void on_revoke(struct core *core, const struct msg_revoke *revoke)
{
	struct msg_packet packet = { .type = MSG_REVOKED };
	struct granted granted;
	int r = grants_take_back(core->grants, revoke, &granted, &packet.REVOKED);

	if (!r) /* its resolver answers without it from now on */
		watched_look(core->watched, granted.guard);
	worker_send(&core->hub, &packet);
	if (r)
		return;
	history_revoked(core->history, granted.guard, packet.REVOKED.grant.dest,
			packet.REVOKED.grant.port, packet.REVOKED.grant.proto,
			packet.REVOKED.grant.action, revoke->uid, packet.REVOKED.client);
	grants_note_end(core->kernel, &granted, revoke->uid);
}

static void on_hub_message(const struct msg_packet *packet, void *user)
{
	struct core *core = user;

	if (packet->type == MSG_VERDICT)
		on_verdict(core, &packet->VERDICT);
	else if (packet->type == MSG_LIST)
		nameserver_tell(core->nameserver, &packet->LIST);
	else if (packet->type == MSG_HISTORY)
		on_history(core, &packet->HISTORY);
	else if (packet->type == MSG_AUDIENCE)
		core->audience.now = packet->AUDIENCE;
	else if (packet->type == MSG_GRANTS)
		grants_tell(core->grants, &packet->GRANTS, tell_hub, core);
	else if (packet->type == MSG_REVOKE)
		on_revoke(core, &packet->REVOKE);
}

static const struct worker_events hub_events = { .ready = on_hub_ready, .message = on_hub_message };

static void on_changed(struct core *core, uint32_t guard)
{
	struct terok_info info;

	/* what was refused before the word was said is told before it is answered */
	for (unsigned n = 0; n < RING_RECORDS && records_drain(core->records, RECORD_BATCH);)
		n += RECORD_BATCH;

	if (!guard_info(core->kernel, guard, &info)) /* one that goes keeps its own to the end */
		dossiers_look(core->dossiers, core->kernel, guard);
	watched_look(core->watched, guard);
}

static void on_deed(struct core *core, const struct control_caller *caller,
		    const struct control_deed *deed)
{
	_cleanup_close_ int fd = -1;
	struct problem why = {};
	int r;

	if (!caller->uid) {
		problem(&why, 0, "root does its deeds itself");
		control_done(core->control, caller->token, -EINVAL, 0, &why);
		return;
	}
	r = deeds_room(core->deeds, caller->uid, &why);
	if (r) {
		control_done(core->control, caller->token, r, 0, &why);
		return;
	}
	fd = control_take(core->control, caller->token);
	if (fd >= 0 && deeds_begin(core->deeds, caller->uid, deed, fd, &why))
		log_warn(0, "a deed of user %u: %s", caller->uid, why.text);
}

static void on_word(const struct control_caller *caller, const struct control_packet *word,
		    void *user)
{
	struct core *core = user;

	if (word->type == CONTROL_CHANGED) {
		on_changed(core, word->CHANGED.guard);
		control_done(core->control, caller->token, 0, word->CHANGED.guard, NULL);
	} else if (word->type == CONTROL_DEED) {
		on_deed(core, caller, &word->DEED);
	}
}

static const struct control_events control_events = { .word = on_word };

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
	core->hub = (struct worker){ .loop = core->loop,
				     .name = "hub",
				     .peer = FROM_HUB,
				     .listen_fd = core->listen_fd,
				     .events = &hub_events,
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
		r = asked_new(&core->asked);
	if (!r)
		r = lately_new(&core->lately);
	if (!r)
		r = held_new(core->loop, tell_held, core, &core->held);
	if (!r)
		r = grants_new(core->kernel, &core->grants);
	if (!r) {
		asked_on_expired(core->asked, on_expired, core);
		asked_on_owner(core->asked, owner_of, core);
	}
	if (!r)
		r = deeds_new(core->loop, &core->deeds);
	if (!r)
		r = watched_new(core->loop, core->kernel, &watched_events, core, &core->watched);
	if (!r)
		r = dossiers_new(on_dossier, core, &core->dossiers);
	if (!r)
		r = owners_new(core->loop, &owners_events, core, &core->owners);
	if (!r)
		r = records_open(core->kernel, on_record, core, &core->records);
	if (r)
		return problem(why, r, "start: %s", strerror(-r));
	r = nameserver_new(core->loop, core->kernel, core->options->upstream, &nameserver_events,
			   core, &core->nameserver, why);
	if (!r)
		r = control_serve(core->loop, &control_events, core, &core->control, why);
	if (!r)
		r = core_listen(core, why);
	return r;
}

static void core_close(struct core *core)
{
	serving_stop(&core->serving);
	audit_defer(NULL);
	owners_free(core->owners); /* who comes finds nothing, who is there is told the end */
	worker_stop(&core->hub);
	control_free(core->control);
	deeds_free(core->deeds);
	records_close(core->records);
	watched_free(core->watched);
	dossiers_free(core->dossiers);
	nameserver_free(core->nameserver);
	if (core->asked) /* no later agent has these questions */
		asked_each(core->asked, on_expired, core);
	history_free(core->history);
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

static const struct serving_events serving_events = { .settled = is_settled,
						      .ready = on_serving,
						      .status = tell_status };

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
	/* whoever attached a guard since we decided to end keeps it: the next agent adopts it */
	if (!r && options->transient && core.load.loaded)
		r = kernel_unload_idle(why) < 0 ? -EIO : 0;
	closep(&core.lock_fd);
	return r;
}
