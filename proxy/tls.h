/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tls.h - the client's side of TLS over a connection that is there: OpenSSL, without waiting
 *
 * TLS 1.2 or newer; the certificate must be good for the host, by whom libcurl trusts or by a file;
 * HTTP/1.1 is all that is offered (ALPN). Reading takes what the kernel has in one call, so that a
 * record costs one; tls_pending() says whether some of it was left here, which no descriptor tells.
 *
 * Called by: line.c. Owns: sessions. Threads: none.
 */
#ifndef PROXY_TLS_H
#define PROXY_TLS_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>
#include <sys/uio.h>

#include "base/problem.h"

struct tls;
struct tls_side;

/** tls_new() - @ca_file: who is trusted, in place of the system's; NULL: those. 0; -ENOMEM, -EIO */
int tls_new(const char *ca_file, struct tls **ret, struct problem *why);
/** tls_free() - its sides have gone before. NULL: nothing */
void tls_free(struct tls *tls);

/** tls_side_new() - over @fd, which stays the caller's; @host: a name or an address, with no port */
int tls_side_new(struct tls *tls, int fd, const char *host, struct tls_side **ret);
/** tls_side_free() - says good-bye to one that was greeted. NULL: nothing */
void tls_side_free(struct tls_side *side);

/** tls_greet() - 0: both sides know each other; -EAGAIN: not yet; -EPROTO with @why */
int tls_greet(struct tls_side *side, struct problem *why);

/** tls_send() - of several pieces as if they were one. Bytes taken; -EAGAIN: the same again; -EPIPE */
ssize_t tls_send(struct tls_side *side, const struct iovec *iov, int n);
/** tls_recv() - bytes; 0: the other side has ended; -EAGAIN; -ECONNRESET */
ssize_t tls_recv(struct tls_side *side, char *bytes, size_t size);

/** tls_pending() - was something read that is not given out yet? */
bool tls_pending(const struct tls_side *side);
/** tls_wants_out() - -EAGAIN was for that it cannot write */
bool tls_wants_out(const struct tls_side *side);

#endif
