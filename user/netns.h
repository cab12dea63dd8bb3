/* SPDX-License-Identifier: Apache-2.0 */
/*
 * netns.h - network namespaces: of a process, its addresses, and news about them
 *
 * Owns: the short moment in which the calling thread stands in another namespace. It
 * leaves again on every path; if the way back is barred the program aborts, because
 * everything after would happen in a container's network.
 * Called by: core and verbs. Knows no guards. Needs CAP_SYS_ADMIN.
 * Threads: moves the calling thread only; nothing else may run on it meanwhile.
 */
#ifndef TEROK_NETNS_H
#define TEROK_NETNS_H

#include <stdint.h>
#include <sys/types.h>

#include "base/problem.h"

#define NETNS_MAX_ADDRS 256 /* own addresses of one guard; more are left out, never an error */

/** netns_of_pid() - a descriptor of a network namespace; @pid 0: our own; -ESRCH */
int netns_of_pid(pid_t pid, struct problem *why);

/** netns_inode() - the number of a namespace as in /proc/PID/ns/net: "net:[NUMBER]" */
int netns_inode(int netns_fd, uint64_t *ret);

/**
 * netns_enter() - step into a namespace; the result goes to netns_leave() and nowhere else
 *
 * Return: a descriptor of where we were; negative errno, and we are still there.
 */
int netns_enter(int netns_fd);

/** netns_leave() - step back and close @back; aborts rather than stay */
void netns_leave(int *back);

/**
 * netns_addresses() - the addresses of all interfaces in a namespace, loopback included
 * @netns_fd: -1: our own
 * @ret: network order, IPv4 as ::ffff:a.b.c.d; no duplicates
 *
 * Return: how many, at most NETNS_MAX_ADDRS; negative errno.
 */
int netns_addresses(int netns_fd, uint8_t ret[static NETNS_MAX_ADDRS][16]);

/**
 * netns_watch() - a descriptor (non-blocking) that is readable when an address in the
 * namespace came or went; it lives on after the namespace's processes and keeps it alive
 */
int netns_watch(int netns_fd);

/** netns_changed() - read the news away; 1: addresses must be listed again, 0: nothing new */
int netns_changed(int watch_fd);

#endif
