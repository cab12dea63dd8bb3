// SPDX-License-Identifier: Apache-2.0
/*
 * fuzz_hello.c - what a flow says first does not depend on its segments
 *
 * The first byte is the kind, the second where the cuts are. The same bytes in one segment,
 * byte by byte and cut at will leave the same state behind, down to the last field; nothing
 * outside a segment is read, HELLO_STEPS are enough, and a name is canonical.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "terok/abi.h"

struct source {
	uint8_t *bytes;
	__u32 size;
};

static int hello_load(void *source, __u32 offset, void *to, __u32 n)
{
	const struct source *from = source;

	if (!n || n > 64 || offset > from->size || n > from->size - offset)
		abort();
	memcpy(to, from->bytes + offset, n);
	return 0;
}

#include "hello.h"

#define SEQ 0xfffffff0U

static void feed(struct hello *hello, size_t at, const uint8_t *data, size_t size)
{
	struct source source = { malloc(size ? size : 1), size };
	unsigned steps = 0;

	if (!source.bytes)
		abort();
	memcpy(source.bytes, data, size);
	if (hello_segment(hello, SEQ + at, 0, size)) {
		while (hello_step(hello, &source))
			if (++steps == HELLO_STEPS)
				abort();
		hello_result(hello);
	}
	free(source.bytes);
}

/* @cuts: 0, all at once; 1, byte by byte; else cut by what it begins. */
static void run(struct hello *hello, uint8_t kind, uint32_t cuts, const uint8_t *data, size_t size)
{
	hello_begin(hello, kind, SEQ);
	for (size_t at = 0, n; at < size; at += n) {
		cuts = cuts > 1 ? cuts * 1103515245 + 12345 : cuts;
		n = cuts > 1 ? 1 + (cuts >> 16) % (cuts >> 30 ? 40 : 2000) : cuts ? 1 : size;
		n = n < size - at ? n : size - at;
		feed(hello, at, data + at, n);
		if (cuts > 1 && cuts >> 28 == 3) /* sent again */
			feed(hello, at, data + at, n);
	}
	if (hello->name_length >= sizeof(hello->name))
		abort();
	hello->at = hello->end = hello->next = 0; /* the last segment's */
}

static void assert_canonical(const struct hello *hello)
{
	static const char of_name[] = "abcdefghijklmnopqrstuvwxyz0123456789-_.";

	if (hello->result != HELLO_NAME)
		return;
	if (!hello->name_length || strlen(hello->name) != hello->name_length ||
	    strspn(hello->name, of_name) != hello->name_length || hello->name[0] == '.' ||
	    hello->name[hello->name_length - 1] == '.' || strstr(hello->name, ".."))
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct hello whole, bytes, pieces;
	uint8_t kind;

	if (size < 2)
		return 0;
	kind = data[0] % 3;
	run(&whole, kind, 0, data + 2, size - 2);
	run(&bytes, kind, 1, data + 2, size - 2);
	run(&pieces, kind, 2 + data[1], data + 2, size - 2);
	/* what is refused ends at once, wherever the segment's end is */
	if (whole.result != bytes.result || whole.result != pieces.result)
		abort();
	if (whole.result != HELLO_BAD &&
	    (memcmp(&whole, &bytes, sizeof(whole)) || memcmp(&whole, &pieces, sizeof(whole))))
		abort();
	assert_canonical(&whole);
	return 0;
}
