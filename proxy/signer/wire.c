// SPDX-License-Identifier: Apache-2.0
#include "wire.h"

#include <stdlib.h>
#include <string.h>

struct wire wire_of(const void *bytes, size_t n)
{
	return (struct wire){ .at = bytes, .left = n };
}

struct wire wire_begin(struct span span)
{
	return wire_of(span.at, span.n);
}

struct span wire_bytes(struct wire *wire, size_t n)
{
	struct span ret = { wire->at, n };

	if (wire->bad || n > wire->left) {
		wire->bad = true;
		return (struct span){};
	}
	wire->at += n;
	wire->left -= n;
	return ret;
}

uint8_t wire_u8(struct wire *wire)
{
	struct span one = wire_bytes(wire, 1);

	return one.n ? *one.at : 0;
}

uint32_t wire_u32(struct wire *wire)
{
	struct span four = wire_bytes(wire, 4);

	if (!four.n)
		return 0;
	return (uint32_t)four.at[0] << 24 | (uint32_t)four.at[1] << 16 | (uint32_t)four.at[2] << 8 |
	       four.at[3];
}

struct span wire_string(struct wire *wire)
{
	uint32_t n = wire_u32(wire);

	return wire_bytes(wire, n);
}

bool wire_ended(const struct wire *wire)
{
	return !wire->bad && !wire->left;
}

struct span span_of(const void *bytes, size_t n)
{
	return (struct span){ bytes, n };
}

struct span span_text(const char *text)
{
	return span_of(text, strlen(text));
}

bool span_same(struct span a, struct span b)
{
	return a.n == b.n && (!a.n || !memcmp(a.at, b.at, a.n));
}

bool span_is(struct span span, const char *text)
{
	return span_same(span, span_text(text));
}

/* --- writing -------------------------------------------------------------------------- */

static uint8_t *more(struct wire_out *out, size_t n)
{
	size_t room = out->room ?: 256;
	uint8_t *bytes;

	if (out->failed || n > WIRE_MAX || out->n + n > WIRE_MAX) {
		out->failed = true;
		return NULL;
	}
	while (room < out->n + n)
		room *= 2;
	if (room != out->room) {
		bytes = malloc(room);
		if (!bytes) {
			out->failed = true;
			return NULL;
		}
		if (out->n)
			memcpy(bytes, out->bytes, out->n);
		if (out->bytes)
			explicit_bzero(out->bytes, out->room);
		free(out->bytes);
		out->bytes = bytes;
		out->room = room;
	}
	out->n += n;
	return out->bytes + out->n - n;
}

void wire_put_u8(struct wire_out *out, uint8_t value)
{
	uint8_t *to = more(out, 1);

	if (to)
		*to = value;
}

void wire_put_u32(struct wire_out *out, uint32_t value)
{
	uint8_t *to = more(out, 4);

	for (int i = 0; to && i < 4; i++)
		to[i] = (uint8_t)(value >> (24 - 8 * i));
}

void wire_put_bytes(struct wire_out *out, struct span bytes)
{
	uint8_t *to = more(out, bytes.n);

	if (to && bytes.n)
		memcpy(to, bytes.at, bytes.n);
}

void wire_put_string(struct wire_out *out, struct span bytes)
{
	if (bytes.n > WIRE_MAX)
		out->failed = true;
	wire_put_u32(out, (uint32_t)bytes.n);
	wire_put_bytes(out, bytes);
}

void wire_put_text(struct wire_out *out, const char *text)
{
	wire_put_string(out, span_text(text));
}

/* No zeros in front, but for one where the first bit would be a sign. */
void wire_put_mpint(struct wire_out *out, struct span bytes)
{
	bool sign;

	while (bytes.n && !*bytes.at) {
		bytes.at++;
		bytes.n--;
	}
	sign = bytes.n && *bytes.at & 0x80;
	wire_put_u32(out, (uint32_t)(bytes.n + sign));
	if (sign)
		wire_put_u8(out, 0);
	wire_put_bytes(out, bytes);
}

struct span wire_out_span(const struct wire_out *out)
{
	return out->failed ? (struct span){} : span_of(out->bytes, out->n);
}

void wire_out_done(struct wire_out *out)
{
	if (out->bytes)
		explicit_bzero(out->bytes, out->room);
	free(out->bytes);
	*out = (struct wire_out){};
}
