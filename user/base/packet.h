/* SPDX-License-Identifier: Apache-2.0 */
/*
 * packet.h - speak to a SOCK_SEQPACKET socket of somebody who may be busy, or stopped
 *
 * Every wait has an end, and it is a moment, so that several waits have one end together.
 * Called by: the verbs and the OCI hook, which say words to the core. Threads: any.
 */
#ifndef BASE_PACKET_H
#define BASE_PACKET_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/**
 * packet_connect() - connect, waiting for room in the listener's backlog
 * @until_ns: CLOCK_BOOTTIME
 *
 * Return: a descriptor; -ENOENT: nobody listens there; -ETIMEDOUT; other negative errno.
 */
int packet_connect(const char *path, uint64_t until_ns);

/** packet_send() - one packet, all of it; 0, -ETIMEDOUT, other negative errno */
int packet_send(int fd, const void *bytes, size_t size, uint64_t until_ns);

/** packet_receive() - the next; its size, also if it is bigger than @size; 0: the end; as above */
ssize_t packet_receive(int fd, void *bytes, size_t size, uint64_t until_ns);

#endif
