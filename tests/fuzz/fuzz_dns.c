// SPDX-License-Identifier: Apache-2.0
/*
 * fuzz_dns.c - whatever comes from either side, what we write is whole and says the same
 *
 * Input: two bytes of length, so many bytes of a container's query; then an upstream's answer:
 * two bytes of flags, six of counts, and the sections behind the question, which is put before
 * them as we would have asked it. The same bytes are also read as a whole answer of their own.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "dns/wire.h"

#define HEAD 12
#define TTL  77

static uint8_t answer_bytes[DNS_TCP_SIZE], body_bytes[DNS_TCP_SIZE], reply[DNS_TCP_SIZE];

static void check(int holds)
{
	if (!holds)
		abort();
}

static unsigned get16(const uint8_t *bytes)
{
	return bytes[0] << 8 | bytes[1];
}

/* Write into memory that ends where the limit does. */
static size_t write_tight(size_t limit, const struct dns_query *query, const struct dns_body *body,
			  enum dns_ede ede)
{
	uint8_t *tight = malloc(limit);
	size_t n;

	check(tight != NULL);
	n = dns_reply_write(tight, limit, query, body, body_bytes, TTL, ede, "because");
	check(n >= HEAD && n <= limit);
	memcpy(reply, tight, n);
	free(tight);
	check(get16(reply) == query->id && reply[2] & 0x80);
	return n;
}

/* What of @was is to be found in @now, which was written from it whole? All. */
static void same(const struct dns_answer *was, const struct dns_answer *now)
{
	check(now->n_chain == was->n_chain && now->n_addr == was->n_addr &&
	      now->n_data == was->n_data);
	check(now->ttl == TTL);
	for (unsigned i = 0; i < was->n_chain; i++)
		check(!strcmp(was->chain[i], now->chain[i]));
	check(!memcmp(was->addr, now->addr, was->n_addr * sizeof(was->addr[0])));
	for (unsigned i = 0; i < was->n_data; i++) {
		const struct dns_data *a = &was->data[i], *b = &now->data[i];

		check(a->type == b->type && a->priority == b->priority && a->weight == b->weight);
		check(a->port == b->port && a->size == b->size && !strcmp(a->target, b->target));
		check(!memcmp(a->text, b->text, a->size));
	}
}

/* The reply, read as whoever asked would read it. */
static void read_again(const struct dns_query *query, const struct dns_asked *asked,
		       const struct dns_body *body, const struct dns_answer *was)
{
	static const size_t limits[] = { DNS_UDP_PLAIN, 700, DNS_UDP_SIZE, DNS_TCP_SIZE };
	static struct dns_answer now;

	for (size_t i = 0; i < sizeof(limits) / sizeof(limits[0]); i++) {
		size_t n = write_tight(limits[i], query, body, i % 2 ? DNS_EDE_BLOCKED : 0);

		check(!dns_answer_parse(reply, n, asked, &now));
		if (limits[i] == DNS_TCP_SIZE)
			check(!now.truncated);
		if (now.truncated)
			continue;
		if (query->edns || body->rcode < 16)
			check(now.rcode == body->rcode);
		if (body->rcode == DNS_NOERROR || body->rcode == DNS_NXDOMAIN)
			same(was, &now);
	}
}

/* An upstream's answer to @asked; its size. */
static size_t answer_make(const struct dns_asked *asked, const uint8_t *data, size_t size)
{
	size_t n = HEAD + asked->question_size;

	memset(answer_bytes, 0, HEAD);
	answer_bytes[0] = asked->id >> 8;
	answer_bytes[1] = asked->id;
	answer_bytes[5] = 1;
	if (size >= 8) {
		memcpy(answer_bytes + 2, data, 2);
		memcpy(answer_bytes + 6, data + 2, 6);
		data += 8;
		size -= 8;
	}
	answer_bytes[2] |= 0x80;
	answer_bytes[2] &= ~0x78;
	memcpy(answer_bytes + HEAD, asked->question, asked->question_size);
	if (size > sizeof(answer_bytes) - n)
		size = sizeof(answer_bytes) - n;
	memcpy(answer_bytes + n, data, size);
	return n + size;
}

/* What goes upstream for @query is a query, and says no more than name and type. */
static void ask(const struct dns_query *query)
{
	static struct dns_query again;
	uint8_t out[DNS_QUERY_SIZE];
	struct dns_asked asked;
	int n =
	    dns_query_build(out, query->name, query->type, 1, dns_name_hash(query->name), &asked);

	check(n > 0 && !dns_query_parse(out, n, &again));
	check(!strcmp(again.name, query->name) && again.type == query->type);
	check(again.edns && !again.dnssec && again.recursion && !again.checking);
}

static void answer(const struct dns_query *query, const uint8_t *data, size_t size)
{
	static struct dns_answer got;
	struct dns_asked asked = {
		.id = query->id,
		.type = query->type,
		.question_size = query->question_size,
	};
	struct dns_body body;
	uint8_t *copy;
	size_t n;
	int r;

	memcpy(asked.question, query->question, query->question_size);
	n = answer_make(&asked, data, size);
	copy = malloc(n);
	check(copy != NULL);
	memcpy(copy, answer_bytes, n);
	r = dns_answer_parse(copy, n, &asked, &got);
	free(copy);
	check(r != -ENOMSG);
	if (r || got.truncated) {
		check(!got.n_chain && !got.n_addr && !got.n_data);
		return;
	}
	r = dns_body_build(body_bytes, sizeof(body_bytes), query->type, &got, &body);
	check(!r);
	read_again(query, &asked, &body, &got);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct dns_query query;
	static struct dns_answer any;
	struct dns_body body = {};
	uint8_t *copy;
	size_t n;
	int rcode;

	if (size < 2)
		return 0;
	n = get16(data);
	data += 2;
	size -= 2;
	n = n < size ? n : size;
	copy = malloc(n + !n);
	check(copy != NULL);
	memcpy(copy, data, n);
	rcode = dns_query_parse(copy, n, &query);
	free(copy);
	if (rcode < 0)
		return 0;
	body.rcode = rcode;
	write_tight(DNS_UDP_PLAIN, &query, &body, DNS_EDE_PROHIBITED);
	dns_answer_parse(data, size, &(struct dns_asked){ .id = query.id }, &any);
	if (rcode || !query.name[0])
		return 0;
	ask(&query);
	answer(&query, data + n, size - n);
	return 0;
}
