/* SPDX-License-Identifier: Apache-2.0 */
/*
 * place.h - where a measured call is made: a cgroup, a network namespace, a destination
 *
 * The runner made the namespaces (files net-NAME in bench.dir) and one cgroup for the run;
 * here the cgroups below it are made. Each client namespace reaches a server namespace over
 * its own veth pair; the server owns 198.18.0.0/15, so any address of it answers.
 * Owns: nothing that outlives the process but empty cgroups, which the runner removes.
 */
#ifndef BENCH_PLACE_H
#define BENCH_PLACE_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "bench.h"

#define PLACE_PORT 7777

/* Destinations: the first 100,000 addresses are those that rules allow. */
#define DEST_ALLOWED 100000
#define DEST_REFUSED 16000

/** place_cgroup() - make a cgroup below the run's (or open it); a directory, or negative errno */
int place_cgroup(const char *name);

/** place_netns() - open a namespace of the runner: "client", "server", "reset", ... */
int place_netns(const char *name);

/** place_enter() - move this process into both; -1 leaves that one as it is */
int place_enter(int cgroup_fd, int netns_fd);

/** place_leave() - back to the cgroup and namespace of the run */
void place_leave(void);

/** place_allowed() - the i-th address that a rule may allow */
struct sockaddr_in place_allowed(unsigned i);

/** place_refused() - the i-th address that no rule names */
struct sockaddr_in place_refused(unsigned i);

/** place_next() - an address of place_refused() that nobody got in this process yet */
struct sockaddr_in place_fresh(void);

/** place_v6() - as 16 bytes, IPv4-mapped, the form that maps hold */
void place_mapped(const struct sockaddr_in *to, uint8_t ret[static 16]);

/** place_listen() - non-blocking TCP listener on PLACE_PORT of every address of the server */
int place_listen(void);

/** place_accept() - close what has been accepted so far, with a reset */
void place_accept(int listener);

/**
 * place_connect() - one TCP connect() on a new socket
 * @error: what it failed with, 0 if it passed
 *
 * Return: how long the call took, nanoseconds.
 */
uint64_t place_connect(const struct sockaddr_in *to, int *error);

/** place_random() - a number below @n; the same sequence in every run */
uint32_t place_random(uint32_t n);

#endif
