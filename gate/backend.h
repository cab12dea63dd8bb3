/* SPDX-License-Identifier: Apache-2.0 */
/*
 * backend.h - one git http-backend, and the bytes between it and a client
 *
 * The program gets what it needs and nothing else: an environment of its own, three pipes, its
 * own process group, and a signal when we die. Its three pipes are served at once, so that none
 * of both can wait for the other for ever: what it writes while a body still comes is kept, up to
 * BACKEND_EARLY. Else no byte is kept: what it has written is read when the client can take it.
 *
 * A reply ends when the program has ended: one that was killed must not look whole. A client that
 * goes away ends it, first by SIGTERM, after which git leaves no lock behind.
 *
 * Owns: the process and the pipes. It outlives its request until the process has ended.
 * Threads: none (it forks).
 */
#ifndef GATE_BACKEND_H
#define GATE_BACKEND_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/event.h"
#include "base/problem.h"
#include "cgi.h"
#include "http/http.h"

#define BACKEND_EARLY     (8 << 20)        /* bytes written before the body was read */
#define BACKEND_LINGER_NS (30 * SECOND_NS) /* from the end of its output to its own */
#define BACKEND_TERM_NS   (5 * SECOND_NS)  /* from SIGTERM to SIGKILL */
#define BACKEND_STDERR    1024             /* bytes of it that are kept for the log */

struct backend;

/* What one is started with; all is read before backend_new() returns. */
struct backend_start {
	const char *const *argv; /* argv[0] is an absolute path */
	const char *const *env;
	const char *folder;  /* where it is run */
	uint64_t silence_ns; /* it neither reads nor writes for so long: killed; 0: never */
};

/* What became of it. */
struct backend_end {
	bool whole;             /* the client has all of its reply */
	bool failed;            /* it was killed, or could not be followed */
	int status;             /* 0 to 255, or 128 + signal */
	uint64_t in, out;       /* bytes of the request's body and of the reply's */
	const char *complaints; /* on standard error; "": none */
};

struct backend_owner {
	/** head() - its reply begins, with a head that may be changed; @extra: up to @n headers to go along, of which it returns the number */
	unsigned (*head)(void *user, struct cgi_head *head, struct http_header *extra, unsigned n);
	/** saw() - bytes that pass; @in: towards it. May be NULL. */
	void (*saw)(void *user, bool in, const char *bytes, size_t n);
	/** over() - it is no more */
	void (*over)(void *user, const struct backend_end *end);
	void *user;
};

/**
 * backend_new() - start one for a request
 * @request: replied to by the backend from here on; backend_gone() ends that
 * @owner:   copied
 *
 * Return: 0; -ENOENT, -EACCES (the program), -EAGAIN, -EMFILE, -ENOMEM, with @why.
 */
int backend_new(struct loop *loop, struct http_request *request, const struct backend_start *start,
		const struct backend_owner *owner, struct backend **ret, struct problem *why);

/** backend_body() - as struct http_use has it, and so has backend_fill() */
size_t backend_body(struct backend *backend, const char *bytes, size_t n);
/** backend_fill() - see there */
ssize_t backend_fill(struct backend *backend, char *bytes, size_t size);

/** backend_gone() - its request is over; over() comes when the process has ended */
void backend_gone(struct backend *backend, bool whole);

/** backend_kill() - end it now and free it; over() is not called. NULL: nothing */
void backend_kill(struct backend *backend);

#endif
