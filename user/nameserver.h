/* SPDX-License-Identifier: Apache-2.0 */
/*
 * nameserver.h - the core's half of names: sockets in containers' namespaces, the resolver
 * worker, what it may write
 *
 * For each guard four sockets on the loopback of its network namespace (UDP and TCP, IPv4 and
 * IPv6, one port), opened from outside and handed to the worker, which answers there. The port
 * is in the guard's word: hooks send port 53 to it. Sockets are kept here as well, for the
 * next worker, and closed when the guard's cgroup is empty, so that no namespace outlives its
 * container. The worker says "these are the addresses of that name"; the core decides whether
 * to write them (names.h), and has written them when it answers.
 *
 * Called by: core. Threads: none.
 */
#ifndef TEROK_NAMESERVER_H
#define TEROK_NAMESERVER_H

#include "base/cleanup.h"
#include "base/event.h"
#include "guard.h"
#include "terok/core_msg.h"

struct nameserver;
struct worker;

struct nameserver_events {
	/* a name that was refused; its strings are checked to end */
	void (*unnamed)(const struct msg_unnamed *unnamed, void *user);
	/*
	 * somebody asks why it was refused; @result not 0: it is none of that guard. It is owed
	 * an answer by nameserver_because().
	 */
	void (*why)(const struct msg_why *why, int result, void *user);
	/* everything that nameserver_tell() asked for has been said */
	void (*told)(const struct msg_list *list, void *user);
};

/**
 * nameserver_new() - start the worker
 * @upstream: servers as ADDR or ADDR:PORT, NULL at the end; NULL: those of resolv.conf, also
 *	      when it changes
 */
int nameserver_new(struct loop *loop, const struct kernel *kernel, const char *const *upstream,
		   const struct nameserver_events *events, void *user, struct nameserver **ret,
		   struct problem *why);
void nameserver_free(struct nameserver *nameserver);

/** nameserver_worker() - the resolver, to be attended */
struct worker *nameserver_worker(struct nameserver *nameserver);

/**
 * nameserver_serve() - a guard is new, has moved or changed: serve it as it is now
 * @netns_fd: the namespace its processes are in; -1: ours
 */
void nameserver_serve(struct nameserver *nameserver, uint32_t guard, int netns_fd);

/** nameserver_leave() - its cgroup is empty, or gone: close its sockets, forget it */
void nameserver_leave(struct nameserver *nameserver, uint32_t guard);

/**
 * nameserver_tell() - names that were refused and wait for being told: now
 *
 * events.told is called with @list when that is done, from within if nobody is there to ask.
 */
void nameserver_tell(struct nameserver *nameserver, const struct msg_list *list);

/** nameserver_learned() - rises with each answer whose addresses were written down */
uint64_t nameserver_learned(const struct nameserver *nameserver);

/** nameserver_because() - MSG_BECAUSE or MSG_BECAUSES, for who asked why */
void nameserver_because(struct nameserver *nameserver, struct msg_packet *packet);

/** nameserver_flush() - the worker forgets what it answered; @name "": all */
void nameserver_flush(struct nameserver *nameserver, uint32_t guard, const char *name);

#endif
