// SPDX-License-Identifier: Apache-2.0
#include "grpc/frame.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define ROOM_FIRST 512

static size_t take_head(struct frame *frame, const uint8_t *bytes, size_t n)
{
	size_t lacks = FRAME_HEAD - frame->n_head;

	if (n > lacks)
		n = lacks;
	memcpy(frame->head + frame->n_head, bytes, n);
	frame->n_head += (unsigned)n;
	return n;
}

static int check_head(struct frame *frame, size_t max)
{
	const uint8_t *h = frame->head;

	if (h[0] > 1)
		return -EPROTO;
	if (h[0])
		return -EOPNOTSUPP;
	frame->size = (size_t)h[1] << 24 | (size_t)h[2] << 16 | (size_t)h[3] << 8 | h[4];
	return frame->size > max ? -EMSGSIZE : 0;
}

static int grow(struct frame *frame, size_t to)
{
	size_t room = frame->room ? frame->room : ROOM_FIRST;
	uint8_t *grown;

	if (to <= frame->room)
		return 0;
	while (room < to)
		room *= 2;
	if (room > frame->size)
		room = frame->size;
	grown = realloc(frame->kept, room);
	if (!grown)
		return -ENOMEM;
	frame->kept = grown;
	frame->room = room;
	return 0;
}

ssize_t frame_take(struct frame *frame, const uint8_t *bytes, size_t n, size_t max)
{
	size_t took = 0, lacks;
	int r;

	if (frame->n_head < FRAME_HEAD) {
		took = take_head(frame, bytes, n);
		if (frame->n_head < FRAME_HEAD)
			return (ssize_t)took;
		r = check_head(frame, max);
		if (r)
			return r;
	}
	bytes += took;
	n -= took;
	lacks = frame->size - frame->n_kept;
	if (n >= lacks && !frame->n_kept) {
		frame->message = bytes;
		return (ssize_t)(took + lacks);
	}
	if (n > lacks)
		n = lacks;
	if (!n)
		return (ssize_t)took;
	r = grow(frame, frame->n_kept + n);
	if (r)
		return r;
	memcpy(frame->kept + frame->n_kept, bytes, n);
	frame->n_kept += n;
	if (frame->n_kept == frame->size)
		frame->message = frame->kept;
	return (ssize_t)(took + n);
}

void frame_next(struct frame *frame)
{
	free(frame->kept);
	*frame = (struct frame){};
}

bool frame_between(const struct frame *frame)
{
	return !frame->n_head;
}

void frame_head(uint8_t ret[static FRAME_HEAD], size_t n)
{
	ret[0] = 0;
	for (unsigned i = 1; i < FRAME_HEAD; i++)
		ret[i] = (uint8_t)(n >> (8 * (FRAME_HEAD - 1 - i)));
}
