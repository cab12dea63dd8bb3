/* SPDX-License-Identifier: Apache-2.0 */
/*
 * exchange.h - one query to one server on a socket of its own, and what comes back
 *
 * By UDP each datagram is handed on, for as long as nobody says stop: which of them is the
 * answer is not for a socket to know. By TCP it is one message. Knows no DNS but the length
 * before a message on a stream, and no time: who started it stops it.
 *
 * Called by: upstream.c. Owns: its socket and what it has read so far. Threads: none.
 */
#ifndef TEROK_DNS_EXCHANGE_H
#define TEROK_DNS_EXCHANGE_H

#include <stdbool.h>

#include "base/event.h"
#include "dns/upstream.h"

struct exchange;

/**
 * exchange_fn - something came back
 * @msg: borrowed; NULL: nothing will come any more, because of @error
 *
 * May stop the exchange, start it again, or free what it is a member of.
 */
typedef void (*exchange_fn)(struct exchange *exchange, const uint8_t *msg, size_t size, int error);

struct exchange {
	struct source source;
	exchange_fn fn;
	int fd; /* -1: stopped */
	unsigned out_size, out_done;
	unsigned in_size, in_done; /* of head and message; head only, until that is there */
	uint8_t *in;               /* the message; allocated when its size is known */
	uint8_t head[2];
	uint8_t out[2 + DNS_QUERY_SIZE];
};

/** exchange_init() - once, before anything else */
void exchange_init(struct exchange *exchange);

/**
 * exchange_start() - send @query; what was going on before is stopped
 * @size: DNS_QUERY_SIZE at most
 *
 * Return: 0; negative errno, and @fn will not be called; it never is from within this call.
 */
int exchange_start(struct exchange *exchange, struct loop *loop,
		   const struct upstream_server *server, bool tcp, const uint8_t *query,
		   size_t size, exchange_fn fn);

/** exchange_stop() - close; nothing comes any more; again is fine */
void exchange_stop(struct exchange *exchange);

#endif
