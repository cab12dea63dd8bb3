/* SPDX-License-Identifier: Apache-2.0 */
/*
 * listen.h - sockets that a service listens at, and how it goes on without who began it
 *
 * Called by: verb_serve.c of each. Owns: nothing. Threads: none (one forks).
 */
#ifndef SERVICE_LISTEN_H
#define SERVICE_LISTEN_H

#include "base/passed.h"
#include "base/problem.h"
#include "base/sock.h"
#include "service.h"

/**
 * listen_tcp() - a listening socket, non-blocking, close-on-exec
 * @address: IPv4 or IPv6, as numbers
 *
 * Return: 0; -EINVAL (the address), -EADDRINUSE, other negative errno, with @why.
 */
int listen_tcp(const struct service *service, const char *address, unsigned port, int *ret,
	       struct problem *why);

/**
 * listen_port() - what we were started with that listens at @port, else listen_tcp(); as that
 * @passed: NULL: nothing
 */
int listen_port(const struct service *service, struct passed *passed, const char *address,
		unsigned port, int *ret, struct problem *why);

/**
 * listen_path() - what we were started with that listens at @path, else one of our own, 0600
 *
 * Return: 0 and @ret, to be left by sock_place_leave(); -EEXIST: what is there is no socket; as
 * sock_place_adopt(), sock_place_take().
 */
int listen_path(struct passed *passed, const char *path, struct sock_place *ret,
		struct problem *why);

/**
 * listen_detach() - go on in a child that leads a session of its own
 * @pid_file: made by the parent with the child's number, no newline, 0600, and the folders to
 *	      it; a link is refused, and so is one of a daemon that lives. NULL: none
 *
 * In the child: 0, with nothing at its standard descriptors but the system's log. The parent
 * returns only when it fails, with @why, and the child is no more then.
 */
int listen_detach(const struct service *service, const char *pid_file, struct problem *why);

#endif
