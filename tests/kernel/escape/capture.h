/* SPDX-License-Identifier: Apache-2.0 */
/*
 * capture.h - the judge: what arrives on the far side of the veth
 *
 * A packet socket in the far namespace sees every frame that leaves the near one. What the
 * near kernel says by itself (neighbours, memberships of its own) is told apart address by
 * address. A sentinel of ours, sent from every CPU, ends a window: each CPU delivers its
 * frames in order, so what was sent before has been seen.
 */
#ifndef TESTS_ESCAPE_CAPTURE_H
#define TESTS_ESCAPE_CAPTURE_H

#include <stdbool.h>

#include "vector.h"

struct capture {
	int fd;          /* the packet socket over there */
	int sentinel_fd; /* a UDP socket over here */
	int far_netns;
	unsigned n_sentinels;
};

/* What one window saw. */
struct seen {
	unsigned frames; /* that are not the near kernel's own, nor meant for the allowed address */
	unsigned reached; /* of these: that name the target or carry its marker */
	unsigned marked;  /* of these: that carry the marker */
	char first[160];  /* the first of frames, for people */
};

/** capture_open() - in the world's far namespace; capture_close() */
int capture_open(struct capture *capture, int far_pid);
void capture_close(struct capture *capture);

/**
 * capture_window() - all that arrived since the last window
 * @joins: wait for a membership report of ours, too: reports come from a timer
 *
 * Return: 0; -ETIMEDOUT the sentinel did not come, -ENOBUFS frames were lost.
 */
int capture_window(struct capture *capture, const struct target *target, bool joins,
		   struct seen *ret);

#endif
