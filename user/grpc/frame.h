/* SPDX-License-Identifier: Apache-2.0 */
/*
 * frame.h - messages in a stream of bytes: one byte whether compressed, four how long, the message
 *
 * A message may come in as many pieces as its sender likes. Memory follows the bytes that have
 * come, not the length that was said. No state but the struct's, any thread.
 */
#ifndef GRPC_FRAME_H
#define GRPC_FRAME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define FRAME_HEAD 5

struct frame {
	uint8_t head[FRAME_HEAD];
	unsigned n_head; /* of it that have come */
	uint8_t *kept;   /* of a message in pieces */
	size_t n_kept, room;
	const uint8_t *message; /* one that is whole, until frame_next() */
	size_t size;
};

/**
 * frame_take() - some more bytes
 * @max: bytes of a message
 *
 * Return: how many were taken, up to the end of a message: then frame->message is set, and
 * may lie in @bytes. -EMSGSIZE: longer than @max; -EOPNOTSUPP: compressed; -EPROTO; -ENOMEM.
 */
ssize_t frame_take(struct frame *frame, const uint8_t *bytes, size_t n, size_t max);

/** frame_next() - that message was read */
void frame_next(struct frame *frame);

/** frame_between() - no message is begun */
bool frame_between(const struct frame *frame);

/** frame_head() - of a message of @n bytes */
void frame_head(uint8_t ret[static FRAME_HEAD], size_t n);

#endif
