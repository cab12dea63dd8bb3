/* SPDX-License-Identifier: Apache-2.0 */
/*
 * multi.h - libcurl's transfers on our loop
 *
 * libcurl says which sockets and which moment it waits for; each transfer that has ended is told,
 * and then that libcurl has had its turn. Nothing here is called from within libcurl, so what is
 * told may begin, end and free transfers, but not the multi itself.
 *
 * Called by: proxy/upstream.c, user/registry/introspect.c. Owns: the multi handle and its
 * connections. Threads: one (libcurl has others for names).
 */
#ifndef SERVICE_MULTI_H
#define SERVICE_MULTI_H

#include <curl/curl.h>

#include "base/event.h"

struct multi {
	struct loop *loop;
	CURLM *handle; /* whose options and transfers are its owner's to set */
	struct timer timer;
	/* a transfer is over, and still in the handle; @mine is its CURLOPT_PRIVATE */
	void (*ended)(void *mine, CURLcode result);
	void (*after)(void *user); /* NULL: nobody wants to know */
	void *user;
};

/** multi_init() - @multi stays where it is until multi_done(). 0; -ENOMEM */
int multi_init(struct multi *multi, struct loop *loop, void (*ended)(void *mine, CURLcode result));
/** multi_done() - its transfers were taken out before. Also of one that was never begun */
void multi_done(struct multi *multi);

#endif
