/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pkt.h - git's packets, as they come in bites: four hexadecimal digits, then so many bytes
 *
 * Of each packet its first bytes are kept; all of it passes by data(). Nothing is allocated.
 * Called by: witness.c. Threads: none.
 */
#ifndef GATE_PKT_H
#define GATE_PKT_H

#include <stdbool.h>
#include <stddef.h>

#define PKT_TEXT 1024 /* bytes kept of one; a line of git's is shorter */

struct pkt {
	char head[4];
	unsigned head_n;
	size_t left, n; /* bytes to come, bytes kept */
	char text[PKT_TEXT + 1];
	bool broken; /* what came is none: nothing more is read */
	bool past;   /* a flush came */
	void (*data)(struct pkt *pkt, const char *bytes, size_t n, void *user); /* may be NULL */
	void (*line)(struct pkt *pkt, void *user); /* one has come: text, NUL-terminated, n */
	void *user;
};

/** pkt_feed() - some more bytes */
void pkt_feed(struct pkt *pkt, const char *bytes, size_t n);

#endif
