/* SPDX-License-Identifier: Apache-2.0 */
/*
 * decode.h - messages of protobuf decoded within bounds
 *
 * Two bytes of a message can be a hundred in memory: each field that nobody knows is a piece of its
 * own. So whoever decodes what a peer says gives it as much memory as an honest message needs; one
 * that wants more is no message. Called by: who has calls. Threads: no state, any.
 */
#ifndef GRPC_DECODE_H
#define GRPC_DECODE_H

#include <protobuf-c/protobuf-c.h>
#include <stddef.h>

struct decode {
	ProtobufCAllocator allocator;
	size_t left;
};

/**
 * decode_within() - an allocator for one message, to be freed by it as well
 * @bytes: that it may take, with what each of its pieces costs beside them
 */
ProtobufCAllocator *decode_within(struct decode *decode, size_t bytes);

#endif
