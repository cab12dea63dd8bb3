/* SPDX-License-Identifier: Apache-2.0 */
/*
 * web.h - HTTP for figures of proxies: an upstream that costs little, and who asks it
 *
 * The upstream is a child that does what the path says, over TCP and over TLS:
 *	/tiny		64 bytes
 *	/bytes/N	N zeros
 *	/events/N	N events, one each millisecond, each with the time at which it was written
 *	POST /sink	what comes is thrown away
 * A request without the secret that a proxy must have put into it is a 403. The load keeps
 * connections busy (each asks again when it has its reply), or asks at fixed times whether or
 * not replies came, and counts from those times: who is slow makes nobody wait unseen.
 * Called by: ways.c, bench_proxy.c, bench_carry.c. One thread each.
 */
#ifndef BENCH_WEB_H
#define BENCH_WEB_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "bench.h"

#define WEB_LOAD_MAX 1024 /* connections of a load */
#define WEB_REPLY    64   /* bytes of /tiny */

struct web_upstream {
	int plain, tls; /* listening */
	uint16_t plain_port, tls_port;
	pid_t pid;
};

/** web_upstream_listen() - so that its ports are known to who will ask it; 0 or negative errno */
int web_upstream_listen(struct web_upstream *upstream);

/** web_upstream_start() - the child, on CPU @cpu; cert.pem and key.pem are in @folder */
int web_upstream_start(struct web_upstream *upstream, const char *folder, const char *secret,
		       int cpu);
void web_upstream_stop(struct web_upstream *upstream);

/* Who is asked what. */
struct web_target {
	uint16_t port; /* of 127.0.0.1 */
	char token[96];
};

/** web_request() - the bytes of one to @target; returns their number */
size_t web_request(const struct web_target *target, const char *method, const char *path,
		   uint64_t length, char *buf, size_t size);

/** web_connect() - a blocking connection, at which nothing blocks for longer than 30 s */
int web_connect(const struct web_target *target);

/**
 * web_reply() - the head of a reply, and what of its body came with it
 * @body:   what came of the body, within @buf
 * Return: bytes of the body that are at @body; -EPROTO: not a 200; other negative errno
 */
ssize_t web_reply(int fd, char *buf, size_t size, char **body, uint64_t *length);

/** web_tiny() - one request over @fd and its whole reply; 0 or negative errno */
int web_tiny(int fd, const struct web_target *target);

/** web_download(), web_upload() - @bytes, over a connection of their own; 0 or negative errno */
int web_download(const struct web_target *target, uint64_t bytes);
int web_upload(const struct web_target *target, uint64_t bytes);

/** web_events() - @n of them; how long each was on its way is added to @out */
int web_events(const struct web_target *target, unsigned n, struct samples *out);

struct web_load;

/** web_load_new() - @n connections to @target, each of which had a reply; NULL: see errno */
struct web_load *web_load_new(const struct web_target *target, unsigned n);
void web_load_free(struct web_load *load);

/** web_load_closed() - all ask all the time; returns replies within @ns, or a negative errno */
int64_t web_load_closed(struct web_load *load, uint64_t ns, uint64_t *took);

/**
 * web_load_open() - @rate requests a second for @ns; each one's time from when it was due
 *
 * Those that are not answered a second after the last was due count as if they were then.
 * Return: how many those are, or a negative errno.
 */
int64_t web_load_open(struct web_load *load, unsigned rate, uint64_t ns, struct samples *out);

#endif
