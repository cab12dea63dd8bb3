/* SPDX-License-Identifier: Apache-2.0 */
/*
 * diag.h - TCP sockets of a network namespace, as the kernel lists them (sock_diag(7))
 *
 * Called by: flows.c, why_peer.c, whose.c. Threads: moves the calling one, see netns.h.
 */
#ifndef TEROK_DIAG_H
#define TEROK_DIAG_H

#include <stdint.h>

struct nl_sock;
struct nlmsghdr;

/** diag_open() - to ask about that namespace, from wherever we are; NULL: it cannot be asked */
struct nl_sock *diag_open(int netns_fd);

/** diag_cgroup() - in which cgroup the socket that a reply is about was made; -ENOENT: not said */
int diag_cgroup(struct nlmsghdr *reply, uint64_t *ret);

/* A connection as one end of it has it: IPv4 as ::ffff:a.b.c.d, ports in host byte order. */
struct diag_ends {
	uint8_t here[16], there[16];
	uint16_t here_port, there_port;
};

/**
 * diag_find() - the socket that has exactly these ends, and is or was connected
 * @ret: the id of the cgroup in which it was made
 *
 * Who listens at a port that a connection had has not that connection. Return: 0; -ENOENT: nobody
 * has it; -EIO: the kernel cannot be asked.
 */
int diag_find(int netns_fd, const struct diag_ends *ends, uint64_t *ret);

#endif
