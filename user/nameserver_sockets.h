/* SPDX-License-Identifier: Apache-2.0 */
/*
 * nameserver_sockets.h - the four sockets of a resolver, made in somebody's network namespace
 *
 * Called by: nameserver.c. Threads: moves the calling one, see netns.h.
 */
#ifndef TEROK_NAMESERVER_SOCKETS_H
#define TEROK_NAMESERVER_SOCKETS_H

#include <stdint.h>

#include "terok/core_msg.h"

/**
 * nameserver_sockets() - UDP and TCP on 127.0.0.1, the same on ::1, all on one port
 * @port: wanted, if it is free; 0: any
 * @fd: the caller's; those of IPv6 are -1 where the namespace has none
 *
 * The ports are bound by number: a socket that is destroyed from inside (ss -K) otherwise
 * loses its port as well. Nobody can share them. Loopback may be down still.
 * Return: 0; -EADDRINUSE, or what the kernel said.
 */
int nameserver_sockets(int netns_fd, uint16_t port, int fd[static MSG_SOCKETS], uint16_t *ret_port);

#endif
