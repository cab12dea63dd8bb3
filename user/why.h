/* SPDX-License-Identifier: Apache-2.0 */
/*
 * why.h - the core's half of the word to a container: what it was refused, and what holds now
 *
 * A process in a guard asks 169.254.84.75, port 80; hooks send that to the guard's resolver
 * (bpf/steer.h), whose worker speaks HTTP (dns/why.h) and asks the core each time. So nothing
 * is kept for it, and what is said of the answer is what the kernel would decide now.
 * Told is what asked.c remembers of that guard and of no other.
 *
 * Called by: core. Threads: none.
 */
#ifndef TEROK_WHY_H
#define TEROK_WHY_H

#include <stdbool.h>

#include "asked.h"
#include "kernel.h"
#include "terok/core_msg.h"

/* Who listens at the hub; zero: nobody. */
struct why_audience {
	struct msg_audience now;
};

/** why_hears() - is somebody there who may answer for that guard of @owner? */
bool why_hears(const struct why_audience *audience, uint32_t guard, uint32_t owner);

/**
 * why_tell() - MSG_BECAUSE for each of the last refusals, then MSG_BECAUSES
 * @result: not 0: whoever asks may not know, and is told that only
 */
void why_tell(const struct kernel *kernel, const struct asked_table *table,
	      const struct why_audience *audience, const struct msg_why *why, int result,
	      void (*send)(struct msg_packet *packet, void *user), void *user);

/**
 * why_peer_check() - is the other end of a loopback connection a socket of that guard's cgroup?
 * @netns_fd: the namespace it is in
 * @cgroup: the guard's, by its id
 * @port: the asker's, @served: where it was accepted
 *
 * On the host's loopback anybody can connect to anybody. Return: 0, -EPERM no, or it cannot
 * be known.
 */
int why_peer_check(int netns_fd, uint64_t cgroup, const struct msg_why *why, uint16_t served);

#endif
