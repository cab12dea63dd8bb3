// SPDX-License-Identifier: Apache-2.0
#include "nameserver.h"

#include <bpf/bpf.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/socket.h>
#include <fcntl.h>
#include <unistd.h>

#include "base/log.h"
#include "domains.h"
#include "names.h"
#include "nameserver_sockets.h"
#include "netns.h"
#include "upstreams.h"
#include "why.h"
#include "worker.h"

#define BUCKETS   256
#define TELLING   64              /* who waits to be told; more are told at once */
#define REOPEN_NS (1 * SECOND_NS) /* sockets that were destroyed come back after */

/* One guard that is served. */
struct served {
	struct served *next;
	struct nameserver *nameserver;
	uint32_t id;
	bool told; /* the worker knows its domains as of .domains */
	uint32_t domains;
	uint64_t netns;  /* inode of the namespace its sockets are in */
	uint16_t port;   /* that they have, or had: asked for again */
	uint64_t cookie; /* of that namespace, as hooks know it; 0: nothing is written */
	int netns_fd;    /* to open them again; closed with them */
	int fd[MSG_SOCKETS];
	struct timer reopen;
	struct names_book book;
};

struct nameserver {
	struct loop *loop;
	const struct kernel *kernel;
	const struct nameserver_events *events;
	void *user;
	struct worker worker;
	uint64_t learned; /* answers whose addresses were written down */
	struct msg_upstreams upstreams;
	struct msg_list telling[TELLING];
	unsigned n_telling;
	int conf_fd; /* inotify */
	struct source conf;
	struct served *bucket[BUCKETS];
};

static struct served **served_slot(struct nameserver *nameserver, uint32_t id)
{
	struct served **slot = &nameserver->bucket[id % BUCKETS];

	while (*slot && (*slot)->id != id)
		slot = &(*slot)->next;
	return slot;
}

/* Other guards of its namespace must not ask it. */
static int port_write(struct served *served)
{
	struct terok_port_key key = { .port = served->port };
	socklen_t size = sizeof(key.netns);

	if (getsockopt(served->fd[0], SOL_SOCKET, SO_NETNS_COOKIE, &key.netns, &size))
		return -errno;
	served->cookie = key.netns;
	if (bpf_map_update_elem(served->nameserver->kernel->map[MAP_PORTS], &key, &served->id,
				BPF_ANY))
		return -errno;
	return 0;
}

static void port_delete(struct served *served)
{
	struct terok_port_key key = { .netns = served->cookie, .port = served->port };

	if (served->cookie)
		bpf_map_delete_elem(served->nameserver->kernel->map[MAP_PORTS], &key);
	served->cookie = 0;
}

/* Those of an agent that died: its sockets went with it. */
static void ports_forget(const struct kernel *kernel)
{
	struct terok_port_key key;

	while (!bpf_map_get_next_key(kernel->map[MAP_PORTS], NULL, &key) &&
	       !bpf_map_delete_elem(kernel->map[MAP_PORTS], &key))
		;
}

static void sockets_close(struct served *served)
{
	port_delete(served);
	for (unsigned i = 0; i < MSG_SOCKETS; i++)
		closep(&served->fd[i]);
	closep(&served->netns_fd);
	served->netns = 0;
}

/* --- the guard's word --------------------------------------------------------------------- */

struct word {
	uint16_t port;
	bool own_net;
};

static void word_change(struct terok_guard *value, void *user)
{
	const struct word *word = user;

	value->dns_port = word->port;
	if (word->own_net)
		value->names |= TEROK_NAMES_OWN_NET;
	else
		value->names &= ~TEROK_NAMES_OWN_NET;
}

static int word_write(struct served *served, const struct terok_guard *value)
{
	struct word word = { .port = served->port };
	_cleanup_close_ int ours = netns_of_pid(0, NULL), lock = -1;
	uint64_t here = 0;

	if (ours >= 0)
		netns_inode(ours, &here);
	word.own_net = served->netns && served->netns != here;
	if (value->dns_port == word.port && !(value->names & TEROK_NAMES_OWN_NET) == !word.own_net)
		return 0;
	lock = kernel_lock(NULL);
	return lock < 0
		   ? lock
		   : guard_change(served->nameserver->kernel, served->id, word_change, &word, NULL);
}

/* --- telling the worker -------------------------------------------------------------------- */

struct telling {
	struct worker *worker;
	uint32_t guard;
};

static int tell_domain(const struct domain_rule *rule, void *user)
{
	struct telling *telling = user;
	struct msg_packet packet = { .type = MSG_DOMAIN };

	packet.DOMAIN.guard = telling->guard;
	packet.DOMAIN.news = DOMAIN_MORE;
	packet.DOMAIN.until_ns = rule->value.until_ns;
	packet.DOMAIN.port = rule->dest.port;
	packet.DOMAIN.proto = rule->dest.proto;
	packet.DOMAIN.action = rule->value.action;
	packet.DOMAIN.flags = rule->value.flags;
	memcpy(packet.DOMAIN.domain, rule->domain, sizeof(packet.DOMAIN.domain));
	worker_send(telling->worker, &packet);
	return 0;
}

static void tell_domain_news(struct served *served, enum domain_news news)
{
	struct msg_packet packet = { .type = MSG_DOMAIN };

	packet.DOMAIN.guard = served->id;
	packet.DOMAIN.news = news;
	worker_send(&served->nameserver->worker, &packet);
}

static void tell_domains(struct served *served, const struct terok_guard *value)
{
	struct telling telling = { &served->nameserver->worker, served->id };
	int r;

	if (served->told && served->domains == value->domains)
		return;
	tell_domain_news(served, DOMAIN_NONE);
	r = names_domains(served->nameserver->kernel, served->id, tell_domain, &telling);
	if (r) { /* half of them might lack what is denied */
		log_error(r, "guard %u: its domains cannot be read; names are refused", served->id);
		tell_domain_news(served, DOMAIN_NONE);
	}
	tell_domain_news(served, DOMAIN_DONE);
	served->told = !r;
	served->domains = value->domains;
}

static void tell_serve(struct served *served, const struct terok_guard *value, bool fresh)
{
	struct msg_packet packet = { .type = MSG_SERVE };

	packet.SERVE.guard = served->id;
	packet.SERVE.state = value->state;
	packet.SERVE.bypass_ns = value->bypass_ns;
	packet.SERVE.names = value->names & (TEROK_NAMES_EXACT | TEROK_NAMES_OFF);
	packet.SERVE.fresh = fresh;
	packet.SERVE.notes = value->notes;
	worker_send_fds(&served->nameserver->worker, &packet, served->fd, fresh ? MSG_SOCKETS : 0);
	tell_domains(served, value);
}

static void tell_gone(struct nameserver *nameserver, uint32_t guard)
{
	struct msg_packet packet = { .type = MSG_UNSERVE };

	packet.UNSERVE.guard = guard;
	worker_send(&nameserver->worker, &packet);
}

void nameserver_tell(struct nameserver *nameserver, const struct msg_list *list)
{
	struct msg_packet packet = { .type = MSG_TELL };

	if (!nameserver->worker.pid || nameserver->n_telling == TELLING) {
		nameserver->events->told(list, nameserver->user);
		return;
	}
	nameserver->telling[nameserver->n_telling++] = *list;
	packet.TELL.token = list->token;
	worker_send(&nameserver->worker, &packet);
}

/* Those before it were asked before it: whoever still waits waits for a worker that ended. */
static void told_until(struct nameserver *nameserver, uint64_t token)
{
	unsigned n = 0;

	while (n < nameserver->n_telling && nameserver->telling[n].token != token)
		n++;
	n += n < nameserver->n_telling;
	for (unsigned i = 0; i < n; i++)
		nameserver->events->told(&nameserver->telling[i], nameserver->user);
	nameserver->n_telling -= n;
	memmove(nameserver->telling, nameserver->telling + n,
		nameserver->n_telling * sizeof(nameserver->telling[0]));
}

void nameserver_flush(struct nameserver *nameserver, uint32_t guard, const char *name)
{
	struct served *served = *served_slot(nameserver, guard);
	struct msg_packet packet = { .type = MSG_FLUSH };

	if (served)
		served->book.counted = false;
	packet.FLUSH.guard = guard;
	memccpy(packet.FLUSH.name, name, '\0', sizeof(packet.FLUSH.name) - 1);
	worker_send(&nameserver->worker, &packet);
}

/* --- serving ------------------------------------------------------------------------------- */

static struct served *served_new(struct nameserver *nameserver, uint32_t id)
{
	struct served **slot = served_slot(nameserver, id), *served;

	if (*slot)
		return *slot;
	served = calloc(1, sizeof(*served));
	if (!served)
		return NULL;
	*served = (struct served){ .nameserver = nameserver, .id = id, .netns_fd = -1 };
	for (unsigned i = 0; i < MSG_SOCKETS; i++)
		served->fd[i] = -1;
	*slot = served;
	return served;
}

static void served_free(struct served **slot)
{
	struct served *served = *slot;

	*slot = served->next;
	timer_disarm(&served->reopen);
	sockets_close(served);
	dns_policy_free(served->book.policy);
	free(served);
}

static int served_open(struct served *served, int netns_fd)
{
	int r = 0;

	served->netns_fd = netns_fd < 0 ? netns_of_pid(0, NULL)
					: fcntl(netns_fd, F_DUPFD_CLOEXEC, 3);
	if (served->netns_fd < 0)
		r = -errno;
	if (!r)
		r = netns_inode(served->netns_fd, &served->netns);
	if (!r)
		r = nameserver_sockets(served->netns_fd, served->port, served->fd, &served->port);
	if (!r)
		r = port_write(served);
	if (r) {
		sockets_close(served);
		served->port = 0;
	}
	return r;
}

/* Are its sockets where its processes are? */
static bool served_is_at(const struct served *served, int netns_fd)
{
	_cleanup_close_ int ours = netns_fd < 0 ? netns_of_pid(0, NULL) : -1;
	uint64_t inode = 0;

	if (netns_inode(netns_fd < 0 ? ours : netns_fd, &inode))
		return true; /* cannot be known: leave it */
	return served->netns == inode;
}

void nameserver_serve(struct nameserver *nameserver, uint32_t guard, int netns_fd)
{
	struct terok_guard value;
	struct terok_info info;
	struct served *served;
	bool fresh = false;
	int r = guard_value(nameserver->kernel, guard, &info, &value, NULL);

	if (r || value.names & TEROK_NAMES_OFF) {
		nameserver_leave(nameserver, guard);
		return;
	}
	served = served_new(nameserver, guard);
	if (served && !served_is_at(served, netns_fd)) {
		sockets_close(served);
		r = served_open(served, netns_fd);
		fresh = !r;
	}
	if (!r && served) {
		r = word_write(served, &value);
		/* or the worker is never given them, since they are where they should be */
		if (r && fresh)
			sockets_close(served);
	}
	if (!served || r)
		log_error(r ?: -ENOMEM, "guard %u (%s) gets no resolver: names do not resolve",
			  guard, info.name);
	else
		tell_serve(served, &value, fresh);
}

void nameserver_leave(struct nameserver *nameserver, uint32_t guard)
{
	struct served **slot = served_slot(nameserver, guard);
	struct terok_guard value;
	struct terok_info info;

	if (!*slot)
		return;
	sockets_close(*slot);
	(*slot)->port = 0;
	if (!guard_value(nameserver->kernel, guard, &info, &value, NULL))
		word_write(*slot, &value);
	served_free(slot);
	tell_gone(nameserver, guard);
}

/* --- what the worker says ------------------------------------------------------------------ */

static int served_reopen(struct timer *timer)
{
	struct served *served = container_of(timer, struct served, reopen);
	_cleanup_close_ int netns_fd = TAKE_FD(served->netns_fd);

	sockets_close(served);
	nameserver_serve(served->nameserver, served->id, netns_fd);
	return 0;
}

/* Somebody in the container destroyed them: it harms only itself, but not for ever. */
static void on_deaf(struct nameserver *nameserver, const struct msg_unserve *deaf)
{
	struct served *served = *served_slot(nameserver, deaf->guard);

	if (!served || served->reopen.loop)
		return;
	log_warn(0, "guard %u: the sockets of its resolver were destroyed from inside", served->id);
	timer_arm(nameserver->loop, &served->reopen, now_boot_ns() + REOPEN_NS, served_reopen);
}

static void on_learn(struct nameserver *nameserver, const struct msg_learn *learn)
{
	struct served *served = *served_slot(nameserver, learn->guard);
	struct msg_packet packet = { .type = MSG_LEARNED };

	if (served) {
		names_learn(nameserver->kernel, &served->book, learn, &packet.LEARNED);
		nameserver->learned++;
	} else {
		packet.LEARNED.token = learn->token;
		packet.LEARNED.result = -ENOENT;
	}
	worker_send(&nameserver->worker, &packet);
}

static void on_reverse(struct nameserver *nameserver, const struct msg_reverse *reverse)
{
	struct msg_packet packet = { .type = MSG_REVERSED };

	packet.REVERSED.token = reverse->token;
	names_reverse(nameserver->kernel, reverse->guard, reverse->addr, packet.REVERSED.name);
	worker_send(&nameserver->worker, &packet);
}

/* On a loopback that it shares, the host's for one, anybody may have connected to its port. */
static void on_why(struct nameserver *nameserver, const struct msg_why *why)
{
	struct served *served = *served_slot(nameserver, why->guard);
	struct terok_info info;
	int r = -EPERM;

	if (served && served->netns_fd >= 0 && !guard_info(nameserver->kernel, why->guard, &info))
		r = why_peer_check(served->netns_fd, info.cgroup, why, served->port);
	nameserver->events->why(why, r, nameserver->user);
}

uint64_t nameserver_learned(const struct nameserver *nameserver)
{
	return nameserver->learned;
}

void nameserver_because(struct nameserver *nameserver, struct msg_packet *packet)
{
	worker_send(&nameserver->worker, packet);
}

/*
 * The worker reads strangers' bytes and may be theirs: what it says becomes a question, whose
 * answer becomes a rule and a line of a file. "*.x" is no name, nor is one with a line's end.
 */
static bool is_name(const char name[static TEROK_DOMAIN_LEN])
{
	return memchr(name, '\0', TEROK_DOMAIN_LEN) && dns_name_is_canonical(name);
}

static void on_message(const struct msg_packet *packet, void *user)
{
	struct nameserver *nameserver = user;

	switch (packet->type) {
	case MSG_LEARN: on_learn(nameserver, &packet->LEARN); break;
	case MSG_REVERSE: on_reverse(nameserver, &packet->REVERSE); break;
	case MSG_TOLD: told_until(nameserver, packet->TOLD.token); break;
	case MSG_DEAF: on_deaf(nameserver, &packet->DEAF); break;
	case MSG_WHY: on_why(nameserver, &packet->WHY); break;
	case MSG_UNNAMED:
		if (is_name(packet->UNNAMED.name) &&
		    *served_slot(nameserver, packet->UNNAMED.guard))
			nameserver->events->unnamed(&packet->UNNAMED, nameserver->user);
		break;
	case MSG_QUERIES:
		if (*served_slot(nameserver, packet->QUERIES.guard))
			bpf_map_update_elem(nameserver->kernel->map[MAP_QUERIES],
					    &packet->QUERIES.guard, &packet->QUERIES.counts,
					    BPF_ANY);
		break;
	default: break;
	}
}

static void tell_upstreams(struct nameserver *nameserver)
{
	struct msg_packet packet = { .type = MSG_UPSTREAMS };

	packet.UPSTREAMS = nameserver->upstreams;
	worker_send(&nameserver->worker, &packet);
}

/* A new worker knows nothing. */
static void on_ready(void *user)
{
	struct nameserver *nameserver = user;

	if (nameserver->n_telling) /* of the one before */
		told_until(nameserver, nameserver->telling[nameserver->n_telling - 1].token);
	tell_upstreams(nameserver);
	for (unsigned i = 0; i < BUCKETS; i++) {
		for (struct served *served = nameserver->bucket[i]; served; served = served->next) {
			struct terok_guard value;
			struct terok_info info;

			served->told = false;
			if (!guard_value(nameserver->kernel, served->id, &info, &value, NULL))
				tell_serve(served, &value, true);
		}
	}
}

static const struct worker_events worker_events = { .ready = on_ready, .message = on_message };

/* --- name servers -------------------------------------------------------------------------- */

static int conf_changed(struct source *source, uint32_t events)
{
	struct nameserver *nameserver = container_of(source, struct nameserver, conf);
	char buf[4096] __attribute__((__aligned__(__alignof__(struct inotify_event))));
	struct msg_upstreams now;

	(void)events;
	while (read(nameserver->conf_fd, buf, sizeof(buf)) > 0)
		;
	/* half written, or away for a moment: those that are known stay */
	if (!upstreams_read(upstreams_path(), &now) && now.n &&
	    memcmp(&now, &nameserver->upstreams, sizeof(now))) {
		nameserver->upstreams = now;
		tell_upstreams(nameserver);
	}
	return 0;
}

static void conf_follow(struct nameserver *nameserver)
{
	char folder[4096];
	int r = 0;

	memccpy(folder, upstreams_path(), '\0', sizeof(folder) - 1);
	folder[sizeof(folder) - 1] = '\0';
	*strrchr(folder, '/') = '\0';
	nameserver->conf_fd = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
	if (nameserver->conf_fd < 0 ||
	    inotify_add_watch(nameserver->conf_fd, *folder ? folder : "/",
			      IN_CLOSE_WRITE | IN_MOVED_TO | IN_ONLYDIR) < 0)
		r = -errno;
	if (!r)
		r = source_add(nameserver->loop, &nameserver->conf, nameserver->conf_fd, EPOLLIN,
			       conf_changed);
	if (r)
		log_warn(r, "changes of %s are not followed", upstreams_path());
}

static int upstreams_begin(struct nameserver *nameserver, const char *const *upstream,
			   struct problem *why)
{
	int r = 0;

	for (; upstream && *upstream && !r; upstream++)
		r = upstreams_parse(*upstream, &nameserver->upstreams, why);
	if (r || nameserver->upstreams.n)
		return r;
	r = upstreams_read(upstreams_path(), &nameserver->upstreams);
	if (r || !nameserver->upstreams.n)
		log_warn(0, "%s names no server: names do not resolve in guards until it does",
			 upstreams_path());
	conf_follow(nameserver);
	return 0;
}

int nameserver_new(struct loop *loop, const struct kernel *kernel, const char *const *upstream,
		   const struct nameserver_events *events, void *user, struct nameserver **ret,
		   struct problem *why)
{
	struct nameserver *nameserver = calloc(1, sizeof(*nameserver));
	int r;

	if (!nameserver)
		return problem(why, -ENOMEM, "start the resolver: %s", strerror(ENOMEM));
	nameserver->loop = loop;
	nameserver->kernel = kernel;
	nameserver->events = events;
	nameserver->user = user;
	nameserver->conf_fd = -1;
	ports_forget(kernel);
	r = upstreams_begin(nameserver, upstream, why);
	nameserver->worker = (struct worker){ .loop = loop,
					      .name = "resolver",
					      .peer = FROM_RESOLVER,
					      .listen_fd = -1,
					      .events = &worker_events,
					      .user = nameserver };
	if (!r) {
		r = worker_start(&nameserver->worker);
		if (r)
			problem(why, r, "start the resolver: %s", strerror(-r));
	}
	if (r)
		nameserver_free(nameserver);
	else
		*ret = nameserver;
	return r;
}

struct worker *nameserver_worker(struct nameserver *nameserver)
{
	return &nameserver->worker;
}

void nameserver_free(struct nameserver *nameserver)
{
	if (!nameserver)
		return;
	worker_stop(&nameserver->worker);
	for (unsigned i = 0; i < BUCKETS; i++)
		while (nameserver->bucket[i])
			served_free(&nameserver->bucket[i]);
	source_del(&nameserver->conf);
	closep(&nameserver->conf_fd);
	free(nameserver);
}
