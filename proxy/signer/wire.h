/* SPDX-License-Identifier: Apache-2.0 */
/*
 * wire.h - the bytes of SSH: numbers, strings and big numbers, read in place and written
 *
 * A reader never leaves its bytes: what is too short makes it bad, and from then on it reads
 * zeros and empty strings, so that it is asked once, at the end. A writer grows up to
 * WIRE_MAX; its error sticks as well. No I/O, no state, any thread.
 */
#ifndef SIGNER_WIRE_H
#define SIGNER_WIRE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/cleanup.h"

#define WIRE_MAX (1 << 20) /* bytes that a writer may grow to */

/* Bytes of somebody else's. */
struct span {
	const uint8_t *at;
	size_t n;
};

struct wire {
	const uint8_t *at;
	size_t left;
	bool bad;
};

struct wire_out {
	uint8_t *bytes; /* owned */
	size_t n, room;
	bool failed;
};

/** wire_of() - a reader of @n bytes; wire_begin() - of a span */
struct wire wire_of(const void *bytes, size_t n);
struct wire wire_begin(struct span span);

/** wire_u8(), wire_u32() - the next number, of a byte or of four in network order */
uint8_t wire_u8(struct wire *wire);
uint32_t wire_u32(struct wire *wire);

/** wire_string() - the next string: its length, then as many bytes; borrowed */
struct span wire_string(struct wire *wire);

/** wire_bytes() - the next @n bytes as they are */
struct span wire_bytes(struct wire *wire, size_t n);

/** wire_ended() - all was there, and nothing is left */
bool wire_ended(const struct wire *wire);

/** span_is() - are these the characters of @text? */
bool span_is(struct span span, const char *text);

/** span_same() - the same bytes; for what is not secret */
bool span_same(struct span a, struct span b);

/** span_of() - of @n bytes; span_text() - of a text without its NUL */
struct span span_of(const void *bytes, size_t n);
struct span span_text(const char *text);

/** wire_put_u8() and the like append; wire_put_mpint() takes a number's bytes, most significant first */
void wire_put_u8(struct wire_out *out, uint8_t value);
void wire_put_u32(struct wire_out *out, uint32_t value);
void wire_put_bytes(struct wire_out *out, struct span bytes);
void wire_put_string(struct wire_out *out, struct span bytes);
void wire_put_text(struct wire_out *out, const char *text);
void wire_put_mpint(struct wire_out *out, struct span bytes);

/** wire_out_span() - what was written; borrowed */
struct span wire_out_span(const struct wire_out *out);

/** wire_out_done() - frees it, and wipes it */
void wire_out_done(struct wire_out *out);
#define _cleanup_wire_ _cleanup_(wire_out_done)

#endif
