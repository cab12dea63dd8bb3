/* SPDX-License-Identifier: Apache-2.0 */
/*
 * dns_message.h - DNS messages written by hand, right or wrong, for tests
 *
 * Nothing is checked but that it fits, and nothing of the subject is used. Threads: none.
 */
#ifndef TESTS_DNS_MESSAGE_H
#define TESTS_DNS_MESSAGE_H

#include <assert.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

/* where the counts are in the header */
enum message_section {
	QUESTIONS = 4,
	ANSWERS = 6,
	AUTHORITY = 8,
	ADDITIONAL = 10,
};

struct message {
	uint8_t bytes[65535 + 512];
	size_t n;
};

static inline void message_add(struct message *m, const void *bytes, size_t n)
{
	assert(n <= sizeof(m->bytes) - m->n);
	memcpy(m->bytes + m->n, bytes, n);
	m->n += n;
}

static inline void message_16(struct message *m, unsigned value)
{
	message_add(m, (uint8_t[]){ value >> 8, value }, 2);
}

static inline void message_32(struct message *m, uint32_t value)
{
	message_16(m, value >> 16);
	message_16(m, value);
}

static inline unsigned message_get(const uint8_t *bytes, size_t at)
{
	return bytes[at] << 8 | bytes[at + 1];
}

/* Dots part labels, "" is the root, "@" a pointer to byte 12. */
static inline void message_name(struct message *m, const char *text)
{
	if (!strcmp(text, "@")) {
		message_16(m, 0xc00c);
		return;
	}
	while (*text) {
		size_t n = strcspn(text, ".");

		message_add(m, (uint8_t[]){ n }, 1);
		message_add(m, text, n);
		text += n + (text[n] == '.');
	}
	message_add(m, "", 1);
}

static inline void message_count(struct message *m, enum message_section section)
{
	unsigned n = message_get(m->bytes, section) + 1;

	m->bytes[section] = n >> 8;
	m->bytes[section + 1] = n;
}

/* A header and, if @name is not NULL, a question of class IN. */
static inline void message_begin(struct message *m, unsigned id, unsigned flags, const char *name,
				 unsigned type)
{
	m->n = 0;
	message_16(m, id);
	message_16(m, flags);
	message_add(m, (uint8_t[8]){ 0 }, 8);
	if (!name)
		return;
	message_name(m, name);
	message_16(m, type);
	message_16(m, 1);
	message_count(m, QUESTIONS);
}

/* A record up to its data, of which there will be @size bytes. */
static inline void message_head(struct message *m, enum message_section section, const char *owner,
				unsigned type, uint32_t ttl, size_t size)
{
	message_name(m, owner);
	message_16(m, type);
	message_16(m, 1);
	message_32(m, ttl);
	message_16(m, size);
	message_count(m, section);
}

static inline void message_record(struct message *m, enum message_section section,
				  const char *owner, unsigned type, uint32_t ttl, const void *data,
				  size_t size)
{
	message_head(m, section, owner, type, ttl, size);
	message_add(m, data, size);
}

/* A record whose data are @size bytes and a name behind them. */
static inline void message_record_name(struct message *m, enum message_section section,
				       const char *owner, unsigned type, uint32_t ttl,
				       const void *data, size_t size, const char *name)
{
	size_t head;

	message_head(m, section, owner, type, ttl, 0);
	head = m->n;
	message_add(m, data, size);
	message_name(m, name);
	m->bytes[head - 2] = (m->n - head) >> 8;
	m->bytes[head - 1] = m->n - head;
}

/* The first @n bytes in memory of their own, so that a sanitizer sees what is read behind them. */
static inline uint8_t *bytes_copy(const void *bytes, size_t n)
{
	uint8_t *copy = malloc(n ? n : 1);

	assert(copy);
	if (n)
		memcpy(copy, bytes, n);
	return copy;
}

#endif
