// SPDX-License-Identifier: Apache-2.0
#include "grpc/decode.h"

#include <stdlib.h>

#define PIECE_COSTS 48 /* beside its bytes */

static void *decode_alloc(void *user, size_t n)
{
	struct decode *decode = user;

	if (n > decode->left || PIECE_COSTS > decode->left - n)
		return NULL;
	decode->left -= n + PIECE_COSTS;
	return malloc(n);
}

static void decode_free(void *user, void *at)
{
	(void)user;
	free(at);
}

ProtobufCAllocator *decode_within(struct decode *decode, size_t bytes)
{
	*decode = (struct decode){
		.allocator = { .alloc = decode_alloc,
			       .free = decode_free,
			       .allocator_data = decode },
		.left = bytes,
	};
	return &decode->allocator;
}
