/* SPDX-License-Identifier: Apache-2.0 */
/*
 * hosts.h - HOST:PORT as an address: a number, or a name that the container's /etc/hosts has
 *
 * No server is asked: who the control plane is does not come from the network. Threads: none.
 */
#ifndef AGENTD_HOSTS_H
#define AGENTD_HOSTS_H

#include <sys/socket.h>

#include "base/problem.h"

#define HOSTS_FILE "/etc/hosts"

/**
 * hosts_find() - "192.0.2.1:7444", "[2001:db8::1]:7444", "name:7444", ":7700" (any address)
 *
 * Return: 0; -EINVAL, -ENOENT, with @why.
 */
int hosts_find(const char *text, struct sockaddr_storage *ret, socklen_t *size,
	       struct problem *why);

#endif
