/* SPDX-License-Identifier: Apache-2.0 */
/*
 * flows.h - connections that policy no longer allows: end them
 *
 * The hooks stop their packets at the next one by themselves; this is for the two ends that
 * would otherwise wait for each other. A guard's TCP sockets are found by their cgroup in
 * every network namespace that its processes live in (sock_diag(7)), and destroyed where
 * explain_dest() says deny.
 * Called by: verbs, core. Threads: moves the calling one between namespaces, see netns.h.
 */
#ifndef TEROK_FLOWS_H
#define TEROK_FLOWS_H

#include "guard.h"

/* Which connections end. */
enum flows_end {
	FLOWS_REFUSED, /* all that would be refused if they began now */
	FLOWS_REFUSED_NAMED, /* what a deny names, and addresses of names: flows that outlived a timed rule stay */
};

/**
 * flows_end() - destroy the guard's TCP connections that policy refuses
 *
 * Return: how many; -EOPNOTSUPP when the kernel was built without CONFIG_INET_DIAG_DESTROY
 * (their packets are dropped all the same), another negative errno with @why.
 */
int flows_end(const struct kernel *kernel, uint32_t guard, enum flows_end which,
	      struct problem *why);

/** flows_end_socket() - destroy one of them, by its cookie (socket(7), SO_COOKIE); as flows_end() */
int flows_end_socket(const struct kernel *kernel, uint32_t guard, uint64_t cookie,
		     struct problem *why);

/**
 * flows_end_said() - the same for a verb that has changed policy already: a failure is a
 * warning, since the packets are dropped whatever becomes of the sockets
 *
 * Return: how many ended.
 */
unsigned flows_end_said(const struct kernel *kernel, uint32_t guard, enum flows_end which);

#endif
