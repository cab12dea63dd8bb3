/* SPDX-License-Identifier: Apache-2.0 */
/*
 * hello_make.h - ClientHellos to order, for the tests of bpf/hello.h
 *
 * make_hello() writes the message, make_records() puts records around it. Every length field
 * that was written is remembered, so that a test can make each of them lie.
 */
#ifndef TESTS_HELLO_MAKE_H
#define TESTS_HELLO_MAKE_H

#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define MAKE_BYTES   (160 * 1024)
#define MAKE_LENGTHS 64

struct make {
	uint8_t bytes[MAKE_BYTES];
	size_t size;
	struct make_length {
		size_t at;
		unsigned width;
	} lengths[MAKE_LENGTHS];
	unsigned n_lengths;
};

/* Zero is a plain hello without a name. */
struct make_hello {
	const char *name, *second_name; /* second_name: in an extension of its own */
	size_t key_share;               /* bytes; a post-quantum one has 1216 */
	unsigned fill;                  /* empty extensions besides */
	int ech, early, bare;           /* bare: no extensions at all */
	unsigned session_more;          /* bytes of the session id beyond 32 */
	unsigned ciphers_more;          /* bytes of the cipher suites beyond 4 */
	uint8_t name_type;
};

static inline void make_put(struct make *make, unsigned width, uint32_t value)
{
	if (make->size + width > MAKE_BYTES)
		abort();
	while (width--)
		make->bytes[make->size++] = value >> 8 * width;
}

static inline void make_bytes(struct make *make, const void *bytes, size_t size)
{
	if (make->size + size > MAKE_BYTES)
		abort();
	memcpy(make->bytes + make->size, bytes, size);
	make->size += size;
}

static inline void make_fill(struct make *make, uint8_t byte, size_t size)
{
	while (size--)
		make_put(make, 1, byte);
}

/* A length field that make_close() fills in; its place. */
static inline size_t make_open(struct make *make, unsigned width)
{
	if (make->n_lengths < MAKE_LENGTHS)
		make->lengths[make->n_lengths++] = (struct make_length){ make->size, width };
	make_put(make, width, 0);
	return make->size - width;
}

static inline void make_close(struct make *make, size_t at, unsigned width)
{
	size_t length = make->size - at - width;

	for (unsigned i = 0; i < width; i++)
		make->bytes[at + i] = length >> 8 * (width - 1 - i);
}

static inline void make_server_name(struct make *make, const char *name, uint8_t type)
{
	size_t extension, list, text;

	make_put(make, 2, 0);
	extension = make_open(make, 2);
	list = make_open(make, 2);
	make_put(make, 1, type);
	text = make_open(make, 2);
	make_bytes(make, name, strlen(name));
	make_close(make, text, 2);
	make_close(make, list, 2);
	make_close(make, extension, 2);
}

static inline void make_extension(struct make *make, uint16_t type, size_t size)
{
	size_t at;

	make_put(make, 2, type);
	at = make_open(make, 2);
	make_fill(make, (uint8_t)type, size);
	make_close(make, at, 2);
}

static inline void make_extensions(struct make *make, const struct make_hello *what)
{
	size_t all = make_open(make, 2);

	make_extension(make, 0x0a0a, 0); /* GREASE */
	if (what->name)
		make_server_name(make, what->name, what->name_type);
	make_extension(make, 43, 3);
	if (what->key_share)
		make_extension(make, 51, what->key_share);
	if (what->ech)
		make_extension(make, 0xfe0d, 186);
	if (what->early)
		make_extension(make, 42, 0);
	if (what->second_name)
		make_server_name(make, what->second_name, 0);
	for (unsigned i = 0; i < what->fill; i++)
		make_extension(make, 0x1a1a, 0);
	make_close(make, all, 2);
}

/** make_hello() - append the message, without records */
static inline void make_hello(struct make *make, const struct make_hello *what)
{
	size_t message, field;

	make_put(make, 1, 1);
	message = make_open(make, 3);
	make_put(make, 2, 0x0303);
	make_fill(make, 0x52, 32);
	field = make_open(make, 1);
	make_fill(make, 0x53, 32 + what->session_more);
	make_close(make, field, 1);
	field = make_open(make, 2);
	make_put(make, 2, 0x1301);
	make_put(make, 2, 0x1302);
	make_fill(make, 0x13, what->ciphers_more);
	make_close(make, field, 2);
	field = make_open(make, 1);
	make_put(make, 1, 0);
	make_close(make, field, 1);
	if (!what->bare)
		make_extensions(make, what);
	make_close(make, message, 3);
}

static inline void make_record(struct make *make, uint8_t type, const void *bytes, size_t size)
{
	make_put(make, 1, type);
	make_put(make, 2, 0x0301);
	make_put(make, 2, size);
	make_bytes(make, bytes, size);
}

/** make_records() - append @message in records of @each bytes at most */
static inline void make_records(struct make *make, const struct make *message, size_t each)
{
	for (size_t at = 0; at < message->size; at += each) {
		size_t left = message->size - at;

		make_record(make, 22, message->bytes + at, left < each ? left : each);
	}
}

/** make_flow() - a flow that begins with that hello, in as few records as possible */
static inline void make_flow(struct make *make, const struct make_hello *what)
{
	static struct make message;

	message.size = message.n_lengths = 0;
	make_hello(&message, what);
	make_records(make, &message, 16384);
}

#endif
