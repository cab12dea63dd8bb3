/* SPDX-License-Identifier: Apache-2.0 */
/*
 * knock.h - does somebody answer at a port of this host's loopback?
 *
 * For those who look after a service and for its doctors: it waits, so not for a loop.
 * Threads: none shared.
 */
#ifndef BASE_KNOCK_H
#define BASE_KNOCK_H

/** knock_port() - a connected stream, the caller's; -ETIMEDOUT, -ECONNREFUSED, other negative errno */
int knock_port(unsigned port, unsigned limit_ms);

/**
 * knock_http() - a GET, without a token
 * @path:  "/-/health"
 * @begin: of the answer, where "?" is any byte: "HTTP/1.? 200"
 *
 * Return: 0; -EBADMSG: another answer; -EPIPE: none at all; as knock_port().
 */
int knock_http(unsigned port, const char *path, const char *begin, unsigned limit_ms);

#define KNOCK_HEALTH "/-/health"
#define KNOCK_GOOD   "HTTP/1.? 200"

#endif
