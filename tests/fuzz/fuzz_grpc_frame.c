// SPDX-License-Identifier: Apache-2.0
/*
 * fuzz_grpc_frame.c - messages in bytes, texts and deadlines in headers, certificates of whoever
 *
 * The first byte says which. However the bytes are cut, the messages are the same.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "grpc/frame.h"
#include "grpc/status.h"

#define MAX 5000

/* All messages, one after the other; how the bytes end. */
static int take_all(const uint8_t *data, size_t size, size_t bite, uint8_t *out, size_t *n_out)
{
	struct frame frame = {};
	ssize_t took = 0;

	*n_out = 0;
	while (size) {
		took = frame_take(&frame, data, bite < size ? bite : size, MAX);
		if (took <= 0)
			break;
		data += took;
		size -= (size_t)took;
		if (!frame.message)
			continue;
		if (frame.size)
			memcpy(out + *n_out, frame.message, frame.size);
		*n_out += frame.size;
		frame_next(&frame);
	}
	if (frame.room > MAX || (size && !took))
		abort();
	frame_next(&frame);
	return took < 0 ? (int)took : 0;
}

static void frames(const uint8_t *data, size_t size, size_t bite)
{
	uint8_t *one = malloc(size + 1), *other = malloc(size + 1);
	size_t n_one, n_other;

	if (one && other &&
	    (take_all(data, size, size, one, &n_one) !=
		 take_all(data, size, bite, other, &n_other) ||
	     n_one != n_other || memcmp(one, other, n_one)))
		abort();
	free(one);
	free(other);
}

static void texts(const char *text)
{
	static char encoded[STATUS_ENCODED], decoded[STATUS_TEXT + 1], timeout[STATUS_TIMEOUT];
	uint64_t ns, again;

	status_encode(encoded, text);
	if (strlen(status_decode(decoded, encoded)) > STATUS_TEXT ||
	    strncmp(decoded, text, STATUS_TEXT))
		abort();
	status_decode(decoded, text);
	if ((unsigned)status_code(text) >= GRPC_CODE_MAX_)
		abort();
	status_is_grpc(text);
	if (!status_timeout_read(text, &ns) || ns == UINT64_MAX)
		return;
	if (!status_timeout_read(status_timeout(timeout, ns), &again) || again < ns)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct grpc_peer peer = {};
	char *text;

	if (!size)
		return 0;
	if (*data % 3 == 0) {
		frames(data + 1, size - 1, 1 + *data / 3);
	} else if (*data % 3 == 1) {
		text = strndup((const char *)data + 1, size - 1);
		if (text)
			texts(text);
		free(text);
	} else {
		grpc_peer_read(data + 1, size - 1, &peer);
		if (peer.san_malformed && peer.n_uri)
			abort();
		grpc_peer_done(&peer);
	}
	return 0;
}
