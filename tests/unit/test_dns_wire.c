// SPDX-License-Identifier: Apache-2.0
/* test_dns_wire.c - dns/wire.c: queries that come, ours, bodies, and replies byte for byte */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "dns/wire.h"
#include "unit/dns_message.h"

#define LENGTH(array) (sizeof(array) / sizeof((array)[0]))
#define BYTES(text)   text, sizeof(text) - 1 /* of a literal, without its NUL */

static struct message message;

static int parse(const void *bytes, size_t size, struct dns_query *ret)
{
	uint8_t *copy = bytes_copy(bytes, size);
	int r = dns_query_parse(copy, size, ret);

	free(copy);
	return r;
}

static void is_bytes(const uint8_t *bytes, size_t n, const char *expected, size_t size)
{
	assert_int_equal(n, size);
	assert_memory_equal(bytes, expected, size);
}

/* --- queries that come ------------------------------------------------------------------- */

/* wWw.Example A, RD and CD, EDNS of 4096 bytes with DO and a cookie */
static const char asked[] = "\x12\x34\1\x10\0\1\0\0\0\0\0\1\3wWw\7Example\0\0\1\0\1"
			    "\0\0\x29\x10\0\0\0\x80\0\0\x0c\0\x0a\0\x08"
			    "12345678";

static void a_query_is_read_and_its_question_kept_as_it_came(void **state)
{
	struct dns_query query;

	(void)state;
	assert_int_equal(parse(BYTES(asked), &query), 0);
	assert_int_equal(query.id, 0x1234);
	assert_int_equal(query.type, DNS_A);
	assert_int_equal(query.class, 1);
	assert_true(query.recursion && query.checking && query.edns && query.dnssec);
	assert_int_equal(query.udp_size, DNS_UDP_SIZE);
	assert_string_equal(query.name, "www.example");
	is_bytes(query.question, query.question_size, BYTES("\3wWw\7Example\0\0\1\0\1"));

	assert_int_equal(parse(BYTES("\0\1\0\0\0\1\0\0\0\0\0\0\1a\0\0\x1c\0\1"), &query), 0);
	assert_int_equal(query.type, DNS_AAAA);
	assert_false(query.recursion || query.checking || query.edns || query.dnssec);
	assert_int_equal(query.udp_size, DNS_UDP_PLAIN);
}

static void a_response_or_less_than_a_header_is_not_replied_to(void **state)
{
	struct dns_query query;
	char response[sizeof(asked)];

	(void)state;
	for (size_t size = 0; size < 12; size++)
		assert_int_equal(parse(asked, size, &query), -EBADMSG);
	memcpy(response, asked, sizeof(asked));
	response[2] |= 0x80;
	assert_int_equal(parse(response, sizeof(response) - 1, &query), -EBADMSG);
}

static void each_cut_of_a_query_is_malformed(void **state)
{
	struct dns_query query;

	(void)state;
	for (size_t size = 12; size < sizeof(asked) - 1; size++) {
		assert_int_equal(parse(asked, size, &query), DNS_FORMERR);
		assert_int_equal(query.id, 0x1234);
		assert_int_equal(query.question_size, size < 29 ? 0 : 17);
		assert_string_equal(query.name, size < 29 ? "" : "www.example");
	}
}

static void what_is_not_one_plain_question_is_malformed(void **state)
{
	static const struct {
		const char *bytes;
		size_t size;
		unsigned question;
	} cases[] = {
		{ BYTES("\0\1\0\0\0\0\0\0\0\0\0\0"), 0 },
		{ BYTES("\0\1\0\0\0\0\0\0\0\0\0\0\1a\0\0\1\0\1"), 0 },
		{ BYTES("\0\1\0\0\0\2\0\0\0\0\0\0\1a\0\0\1\0\1\1a\0\0\1\0\1"), 0 },
		{ BYTES("\0\1\0\0\1\1\0\0\0\0\0\0\1a\0\0\1\0\1"), 0 },
		/* an answer, an authority that is and one that is not there, and more */
		{ BYTES("\0\1\0\0\0\1\0\1\0\0\0\0\1a\0\0\1\0\1\0\0\1\0\1\0\0\0\0\0\0"), 7 },
		{ BYTES("\0\1\0\0\0\1\0\0\0\1\0\0\1a\0\0\1\0\1\0\0\1\0\1\0\0\0\0\0\0"), 7 },
		{ BYTES("\0\1\0\0\0\1\0\0\1\0\0\0\1a\0\0\1\0\1"), 7 },
		{ BYTES("\0\1\0\0\0\1\0\0\0\0\0\0\1a\0\0\1\0\1\0"), 7 },
		/* a question with a pointer, to itself, to zeros, behind a label */
		{ BYTES("\0\1\0\0\0\1\0\0\0\0\0\0\xc0\x0c\0\1\0\1"), 0 },
		{ BYTES("\0\1\0\0\0\1\0\0\0\0\0\0\xc0\2\0\1\0\1"), 0 },
		{ BYTES("\0\1\0\0\0\1\0\0\0\0\0\0\1a\xc0\0\0\1\0\1"), 0 },
		{ BYTES("\0\1\0\0\0\1\0\0\0\0\0\0\x40\0\0\1\0\1"), 0 },
		/* an additional record with too much data, one with half an owner */
		{ BYTES("\0\1\0\0\0\1\0\0\0\0\0\1\1a\0\0\1\0\1\0\0\1\0\1\0\0\0\0\0\1"), 7 },
		{ BYTES("\0\1\0\0\0\1\0\0\0\0\0\1\1a\0\0\1\0\1\7a"), 7 },
		{ BYTES("\0\1\0\0\0\1\0\0\0\0\0\1\1a\0\0\1\0\1\xc0"), 7 },
		{ BYTES("\0\1\0\0\0\1\0\0\0\0\0\1\1a\0\0\1\0\1\x80\0\0\1\0\1\0\0\0\0\0\0"), 7 },
	};

	(void)state;
	for (size_t i = 0; i < LENGTH(cases); i++) {
		struct dns_query query;

		if (parse(cases[i].bytes, cases[i].size, &query) != DNS_FORMERR)
			fail_msg("case %zu was taken", i);
		assert_int_equal(query.question_size, cases[i].question);
	}
}

static void a_question_is_as_long_as_a_name_can_be(void **state)
{
	static const char label[] =
	    "abcdefghijklmnopqrstuvwxyzabcdefghijklmnopqrstuvwxyzabcdefghijk";
	struct dns_query query;
	char name[300];

	(void)state;
	assert_int_equal(strlen(label), 63);
	snprintf(name, sizeof(name), "%s.%s.%s.%.61s", label, label, label, label);
	message_begin(&message, 1, 0, name, DNS_A);
	assert_int_equal(parse(message.bytes, message.n, &query), 0);
	assert_string_equal(query.name, name);
	assert_int_equal(query.question_size, DNS_WIRE_MAX + 4);
	snprintf(name, sizeof(name), "%s.%s.%s.%.62s", label, label, label, label);
	message_begin(&message, 1, 0, name, DNS_A);
	assert_int_equal(parse(message.bytes, message.n, &query), DNS_FORMERR);
	assert_int_equal(query.question_size, 0);
}

static void other_opcodes_are_not_implemented_and_other_classes_refused(void **state)
{
	struct dns_query query;
	char bytes[sizeof(asked)];

	(void)state;
	for (unsigned opcode = 1; opcode < 16; opcode++) {
		memcpy(bytes, asked, sizeof(asked));
		bytes[2] |= opcode << 3;
		assert_int_equal(parse(bytes, sizeof(asked) - 1, &query), DNS_NOTIMP);
		assert_int_equal(query.opcode, opcode);
		assert_int_equal(query.question_size, 0);
	}
	memcpy(bytes, asked, sizeof(asked));
	for (unsigned number = 0; number < 256; number++) {
		bytes[28] = number;
		assert_int_equal(parse(bytes, sizeof(asked) - 1, &query),
				 number == 1 ? 0 : DNS_REFUSED);
		assert_int_equal(query.question_size, 17);
	}
}

static void what_is_no_host_name_is_nameless_but_echoed(void **state)
{
	struct dns_query query;

	(void)state;
	assert_int_equal(parse(BYTES("\0\1\0\0\0\1\0\0\0\0\0\0\0\0\2\0\1"), &query), 0);
	assert_string_equal(query.name, "");
	is_bytes(query.question, query.question_size, BYTES("\0\0\2\0\1"));
	assert_int_equal(parse(BYTES("\0\1\0\0\0\1\0\0\0\0\0\0\2*.\0\0\2\0\1"), &query), 0);
	assert_string_equal(query.name, "");
	assert_int_equal(query.question_size, 8);
}

/* A query with an OPT of this size, TTL and owner. */
static int parse_opt(unsigned size, uint32_t ttl, const char *owner, struct dns_query *ret)
{
	message_begin(&message, 1, 0, "a", DNS_A);
	message_record(&message, ADDITIONAL, owner, DNS_OPT, ttl, "", 0);
	message.bytes[message.n - 8] = size >> 8;
	message.bytes[message.n - 7] = size;
	return parse(message.bytes, message.n, ret);
}

static void the_size_that_edns_offers_has_bounds(void **state)
{
	static const unsigned sizes[][2] = { { 0, 512 },     { 511, 512 },   { 512, 512 },
					     { 513, 513 },   { 1231, 1231 }, { 1232, 1232 },
					     { 1233, 1232 }, { 65535, 1232 } };
	struct dns_query query;

	(void)state;
	for (size_t i = 0; i < LENGTH(sizes); i++) {
		assert_int_equal(parse_opt(sizes[i][0], 0, "", &query), 0);
		assert_int_equal(query.udp_size, sizes[i][1]);
		assert_true(query.edns && !query.dnssec);
	}
}

static void edns_is_of_version_0_of_the_root_and_there_once(void **state)
{
	struct dns_query query;

	(void)state;
	assert_int_equal(parse_opt(1232, 0x00010000, "", &query), DNS_BADVERS);
	assert_true(query.edns);
	assert_int_equal(query.question_size, 7);
	assert_int_equal(parse_opt(1232, 0xff00ffff, "", &query), 0); /* other bits are others' */
	assert_true(query.dnssec);
	assert_int_equal(parse_opt(1232, 0, "a", &query), DNS_FORMERR);
	assert_int_equal(parse_opt(1232, 0, "@", &query), DNS_FORMERR);

	for (unsigned version = 0; version < 2; version++) {
		parse_opt(1232, version << 16, "", &query);
		message_record(&message, ADDITIONAL, "", DNS_OPT, 0, "", 0);
		assert_int_equal(parse(message.bytes, message.n, &query), DNS_FORMERR);
		assert_int_equal(query.question_size, 7);
	}
}

static void other_additional_records_are_passed_over(void **state)
{
	struct dns_query query;

	(void)state;
	message_begin(&message, 1, 0, "a", DNS_A);
	message_record(&message, ADDITIONAL, "key.example", 250, 0, "signature", 9);
	message_record(&message, ADDITIONAL, "", DNS_OPT, 0x8000, "\0\x0a\xff\xff", 4);
	message_record(&message, ADDITIONAL, "@", DNS_A, 60, "\1\2\3\4", 4);
	assert_int_equal(parse(message.bytes, message.n, &query), 0);
	assert_true(query.edns && query.dnssec);
	for (size_t size = 19; size < message.n; size++)
		assert_int_equal(parse(message.bytes, size, &query), DNS_FORMERR);
}

/* --- our query --------------------------------------------------------------------------- */

static void what_we_ask_is_a_name_and_a_type_and_no_more(void **state)
{
	uint8_t out[DNS_QUERY_SIZE];
	struct dns_asked ours;
	int n = dns_query_build(out, "a-1.bcd", DNS_AAAA, 0xabcd, 0x5, &ours);

	(void)state;
	is_bytes(out, n,
		 BYTES("\xab\xcd\1\0\0\1\0\0\0\0\0\1\3A-1\3bCd\0\0\x1c\0\1"
		       "\0\0\x29\4\xd0\0\0\0\0\0\0"));
	is_bytes(ours.question, ours.question_size, BYTES("\3A-1\3bCd\0\0\x1c\0\1"));
	assert_int_equal(ours.id, 0xabcd);
	assert_int_equal(ours.type, DNS_AAAA);
	assert_int_equal(dns_query_build(out, "A", DNS_A, 1, 0, &ours), -EINVAL);
	assert_int_equal(dns_query_build(out, "", DNS_A, 1, 0, &ours), -EINVAL);
}

static void the_case_of_letters_is_used_again_after_64(void **state)
{
	char name[DNS_NAME_LEN] = "";
	uint8_t out[DNS_QUERY_SIZE];
	struct dns_query query;
	struct dns_asked ours;
	int n;

	(void)state;
	for (unsigned i = 0; i < DNS_NAME_MAX; i++)
		name[i] = i % 50 == 49 ? '.' : 'x';
	n = dns_query_build(out, name, DNS_A, 1, UINT64_C(0x8000000000000001), &ours);
	assert_int_equal(n, 12 + DNS_WIRE_MAX + 4 + 11);
	assert_true(n <= DNS_QUERY_SIZE);
	for (unsigned i = 0, letter = 0; i < DNS_NAME_MAX; i++) {
		if (name[i] == '.')
			continue;
		assert_int_equal(out[13 + i], letter % 64 == 0 || letter % 64 == 63 ? 'X' : 'x');
		letter++;
	}
	assert_int_equal(parse(out, n, &query), 0);
	assert_string_equal(query.name, name);
}

/* --- bodies ------------------------------------------------------------------------------ */

static struct dns_answer answer;

static void answer_begin(void)
{
	memset(&answer, 0, sizeof(answer));
}

static void answer_addr(uint32_t v4)
{
	uint8_t *addr = answer.addr[answer.n_addr++];

	memcpy(addr, "\0\0\0\0\0\0\0\0\0\0\xff\xff", 12);
	addr[12] = v4 >> 24;
	addr[13] = v4 >> 16;
	addr[14] = v4 >> 8;
	addr[15] = v4;
}

static void answer_chain(const char *target)
{
	strcpy(answer.chain[answer.n_chain++], target);
}

static struct dns_data *answer_data(uint16_t type, const char *target)
{
	struct dns_data *data = &answer.data[answer.n_data++];

	data->type = type;
	strcpy(data->target, target);
	return data;
}

/* The body is these bytes in so many records, fits in so much room exactly, and in no less. */
static void body_is(uint16_t type, unsigned records, const char *bytes, size_t size)
{
	struct dns_body body = { .records = 4242 };
	uint8_t out[4096];

	for (size_t room = 0; room < size; room++) {
		uint8_t *tight = malloc(room ?: 1);

		assert_int_equal(dns_body_build(tight, room, type, &answer, &body), -ENOSPC);
		assert_int_equal(body.records, 4242);
		free(tight);
	}
	assert_int_equal(dns_body_build(out, size, type, &answer, &body), 0);
	is_bytes(out, body.size, bytes, size);
	assert_int_equal(body.records, records);
}

static void a_body_is_the_chain_and_the_addresses_of_its_type(void **state)
{
	(void)state;
	answer_begin();
	answer_addr(0x01020304);
	memcpy(answer.addr[answer.n_addr++], "\x20\1\xd\xb8\0\0\0\0\0\0\0\0\0\0\0\1", 16);
	body_is(DNS_A, 1, BYTES("\xc0\x0c\0\1\0\1\0\0\0\0\0\4\1\2\3\4"));
	body_is(DNS_AAAA, 1,
		BYTES("\xc0\x0c\0\x1c\0\1\0\0\0\0\0\x10\x20\1\xd\xb8\0\0\0\0\0\0\0\0\0\0\0\1"));
	body_is(DNS_MX, 0, BYTES(""));
	answer_chain("b.c");
	answer_chain("d");
	body_is(DNS_A, 3,
		BYTES("\xc0\x0c\0\5\0\1\0\0\0\0\0\5\1b\1c\0"
		      "\1b\1c\0\0\5\0\1\0\0\0\0\0\3\1d\0"
		      "\1d\0\0\1\0\1\0\0\0\0\0\4\1\2\3\4"));
}

static void a_body_has_each_type_of_data_in_its_form(void **state)
{
	struct dns_data *data;

	(void)state;
	answer_begin();
	answer_data(DNS_MX, "m")->priority = 0x102;
	body_is(DNS_MX, 1, BYTES("\xc0\x0c\0\x0f\0\1\0\0\0\0\0\5\1\2\1m\0"));
	answer_begin();
	answer_data(DNS_MX, ""); /* "." */
	body_is(DNS_MX, 1, BYTES("\xc0\x0c\0\x0f\0\1\0\0\0\0\0\3\0\0\0"));
	answer_begin();
	data = answer_data(DNS_SRV, "s");
	data->priority = 1, data->weight = 2, data->port = 443;
	body_is(DNS_SRV, 1, BYTES("\xc0\x0c\0\x21\0\1\0\0\0\0\0\x09\0\1\0\2\1\xbb\1s\0"));
	answer_begin();
	answer_chain("b");
	answer_data(DNS_PTR, "p");
	answer_data(DNS_NS, "n");
	body_is(DNS_PTR, 3,
		BYTES("\xc0\x0c\0\5\0\1\0\0\0\0\0\3\1b\0\1b\0\0\x0c\0\1\0\0\0\0\0\3\1p\0"
		      "\1b\0\0\2\0\1\0\0\0\0\0\3\1n\0"));
	answer_begin();
	data = answer_data(DNS_TXT, "");
	data->size = 4;
	memcpy(data->text, "\2ab\0", 4);
	body_is(DNS_TXT, 1, BYTES("\xc0\x0c\0\x10\0\1\0\0\0\0\0\4\2ab\0"));
}

static void a_body_of_services_has_alpn_and_port_unless_it_is_an_alias(void **state)
{
	struct dns_data *data;

	(void)state;
	answer_begin();
	data = answer_data(DNS_HTTPS, "");
	data->priority = 1;
	body_is(DNS_HTTPS, 1, BYTES("\xc0\x0c\0\x41\0\1\0\0\0\0\0\3\0\1\0"));
	data->size = 3;
	memcpy(data->text, "\2h2", 3);
	body_is(DNS_HTTPS, 1, BYTES("\xc0\x0c\0\x41\0\1\0\0\0\0\0\x0a\0\1\0\0\1\0\3\2h2"));
	data->port = 8443;
	body_is(DNS_HTTPS, 1,
		BYTES("\xc0\x0c\0\x41\0\1\0\0\0\0\0\x10\0\1\0\0\1\0\3\2h2\0\3\0\2\x20\xfb"));
	data->priority = 0;
	strcpy(data->target, "t");
	body_is(DNS_HTTPS, 1, BYTES("\xc0\x0c\0\x41\0\1\0\0\0\0\0\5\0\0\1t\0"));
}

static void what_has_no_place_in_a_body_is_refused(void **state)
{
	struct dns_body body = { .size = 4242 };
	uint8_t out[4096];

	(void)state;
	answer_begin();
	answer_chain("");
	assert_int_equal(dns_body_build(out, sizeof(out), DNS_A, &answer, &body), -EINVAL);
	answer_begin();
	answer_chain("Not.Canonical");
	assert_int_equal(dns_body_build(out, sizeof(out), DNS_A, &answer, &body), -EINVAL);
	answer_begin();
	answer_data(DNS_SOA, "a");
	assert_int_equal(dns_body_build(out, sizeof(out), DNS_SOA, &answer, &body), -EINVAL);
	answer_begin();
	answer_data(DNS_TXT, "")->size = DNS_TEXT + 1;
	assert_int_equal(dns_body_build(out, sizeof(out), DNS_TXT, &answer, &body), -EINVAL);
	assert_int_equal(body.size, 4242);
}

static void nothing_of_the_type_is_negative_and_a_failure_is_not(void **state)
{
	struct dns_body body;
	uint8_t out[4096];

	(void)state;
	answer_begin();
	assert_int_equal(dns_body_build(out, sizeof(out), DNS_A, &answer, &body), 0);
	assert_true(body.negative);
	answer_chain("b");
	assert_int_equal(dns_body_build(out, sizeof(out), DNS_A, &answer, &body), 0);
	assert_true(body.negative);
	assert_int_equal(dns_body_build(out, sizeof(out), DNS_CNAME, &answer, &body), 0);
	assert_false(body.negative); /* that is what was asked for */
	answer_addr(1);
	assert_int_equal(dns_body_build(out, sizeof(out), DNS_A, &answer, &body), 0);
	assert_false(body.negative);
	assert_int_equal(dns_body_build(out, sizeof(out), DNS_AAAA, &answer, &body), 0);
	assert_true(body.negative);
	answer_begin();
	answer.rcode = DNS_NXDOMAIN;
	assert_int_equal(dns_body_build(out, sizeof(out), DNS_A, &answer, &body), 0);
	assert_true(body.negative);
	assert_int_equal(body.rcode, DNS_NXDOMAIN);
	answer.rcode = DNS_SERVFAIL;
	assert_int_equal(dns_body_build(out, sizeof(out), DNS_A, &answer, &body), 0);
	assert_false(body.negative);
}

/* --- replies ----------------------------------------------------------------------------- */

static struct dns_query query_of(const char *name, unsigned type, bool edns)
{
	struct dns_query query;

	message_begin(&message, 0x1234, 0x0100, name, type);
	if (edns)
		message_record(&message, ADDITIONAL, "", DNS_OPT, 0, "", 0);
	assert_int_equal(parse(message.bytes, message.n, &query), 0);
	return query;
}

/* Into memory that ends where the limit is; and the reply, for the test to look at. */
static size_t reply(uint8_t *out, size_t limit, const struct dns_query *query,
		    const struct dns_body *body, const uint8_t *bytes, uint32_t ttl,
		    enum dns_ede ede, const char *text)
{
	uint8_t *tight = malloc(limit);
	size_t n;

	assert_non_null(tight);
	n = dns_reply_write(tight, limit, query, body, bytes, ttl, ede, text);
	assert_true(n <= limit);
	memcpy(out, tight, n);
	free(tight);
	return n;
}

static void a_reply_has_its_query_s_question_and_each_record_the_ttl(void **state)
{
	uint8_t bytes[512], out[512];
	struct dns_query query;
	struct dns_body body;
	size_t n;

	(void)state;
	answer_begin();
	answer_chain("b.c");
	answer_addr(0x01020304);
	assert_int_equal(dns_body_build(bytes, sizeof(bytes), DNS_A, &answer, &body), 0);
	parse(BYTES(asked), &query);
	n = reply(out, 512, &query, &body, bytes, 0x10203, DNS_EDE_NONE, NULL);
	is_bytes(out, n,
		 BYTES("\x12\x34\x81\x90\0\1\0\2\0\0\0\1\3wWw\7Example\0\0\1\0\1"
		       "\xc0\x0c\0\5\0\1\0\1\2\3\0\5\1b\1c\0"
		       "\1b\1c\0\0\1\0\1\0\1\2\3\0\4\1\2\3\4"
		       "\0\0\x29\4\xd0\0\0\x80\0\0\0"));
	query.edns = query.checking = query.recursion = false;
	n = reply(out, 512, &query, &body, bytes, 0, DNS_EDE_BLOCKED, "text");
	is_bytes(out, n,
		 BYTES("\x12\x34\x80\x80\0\1\0\2\0\0\0\0\3wWw\7Example\0\0\1\0\1"
		       "\xc0\x0c\0\5\0\1\0\0\0\0\0\5\1b\1c\0"
		       "\1b\1c\0\0\1\0\1\0\0\0\0\0\4\1\2\3\4"));
}

static void nothing_is_said_for_as_long_as_the_soa_says(void **state)
{
	struct dns_body body = { .rcode = DNS_NXDOMAIN, .negative = true };
	struct dns_query query = query_of("a", DNS_A, false);
	uint8_t out[512];
	size_t n = reply(out, 512, &query, &body, NULL, 0x102, DNS_EDE_NONE, NULL);

	(void)state;
	is_bytes(out, n,
		 BYTES("\x12\x34\x81\x83\0\1\0\0\0\1\0\0\1a\0\0\1\0\1"
		       "\xc0\x0c\0\6\0\1\0\0\1\2\0\x18\xc0\x0c\xc0\x0c\0\0\0\1\0\0\x0e\x10"
		       "\0\0\2\x58\0\1\x51\x80\0\0\1\2"));
}

/* A body of @n addresses behind a chain of one. */
static void body_of(unsigned n, uint8_t *bytes, size_t room, struct dns_body *body)
{
	answer_begin();
	answer_chain("b");
	for (unsigned i = 0; i < n; i++)
		answer_addr(i);
	assert_int_equal(dns_body_build(bytes, room, DNS_A, &answer, body), 0);
}

static void what_does_not_fit_is_left_out_by_whole_records(void **state)
{
	uint8_t bytes[4096], out[4096];
	struct dns_body body;

	(void)state;
	body_of(119, bytes, sizeof(bytes), &body);
	assert_int_equal(body.size, 15 + 119 * 17);
	for (unsigned edns = 0; edns < 2; edns++) {
		struct dns_query query = query_of("a", DNS_A, edns);
		size_t fixed = 12 + 7 + 15 + (edns ? 11 : 0), whole = fixed + 119 * 17;

		for (size_t limit = 512; limit < whole + 3; limit++) {
			unsigned fit = limit < whole ? (limit - fixed) / 17 : 119;
			size_t n = reply(out, limit, &query, &body, bytes, 1, DNS_EDE_NONE, NULL);

			assert_int_equal(n, fixed + fit * 17);
			assert_int_equal(message_get(out, 6), 1 + fit);
			assert_int_equal(message_get(out, 10), edns);
			assert_int_equal(!!(out[2] & 2), fit < 119);
			assert_int_equal(out[fixed - (edns ? 11 : 0) + fit * 17 - 1], fit - 1);
		}
	}
}

static void an_soa_that_does_not_fit_is_left_out_as_well(void **state)
{
	struct dns_query query = query_of("a", DNS_AAAA, true);
	uint8_t bytes[4096], out[4096];
	struct dns_body body;

	(void)state;
	body_of(30, bytes, sizeof(bytes), &body);
	body.negative = true; /* such bodies are of CNAMEs, but size is what counts */
	for (size_t limit = 512; limit < 700; limit++) {
		size_t n = reply(out, limit, &query, &body, bytes, 1, DNS_EDE_NONE, NULL);
		bool all = limit >= 12U + 7 + body.size + 36 + 11;

		assert_int_equal(!!(out[2] & 2), !all);
		assert_int_equal(message_get(out, 8), all);
		assert_int_equal(message_get(out, n - 10), DNS_OPT);
	}
}

static void a_large_body_goes_by_tcp_as_it_is(void **state)
{
	struct dns_query query = query_of("a", DNS_A, true);
	static uint8_t bytes[70000], out[70000];
	struct dns_body body = { .records = 65505 / 17, .size = 65505 / 17 * 17 };

	(void)state;
	for (unsigned i = 0; i < body.records; i++)
		memcpy(bytes + 17 * i, "\1b\0\0\1\0\1\0\0\0\0\0\4\1\2\3\4", 17);
	assert_int_equal(reply(out, sizeof(out), &query, &body, bytes, 1, DNS_EDE_NONE, NULL),
			 12 + 7 + body.size + 11);
	assert_int_equal(message_get(out, 6), body.records);
	assert_int_equal(out[2] & 2, 0);
	body.size += 17, body.records++; /* one more than any message takes */
	assert_true(reply(out, sizeof(out), &query, &body, bytes, 1, DNS_EDE_NONE, NULL) <=
		    DNS_TCP_SIZE);
	assert_int_equal(message_get(out, 6), body.records - 1);
	assert_int_equal(out[2] & 2, 2);
}

static void who_speaks_edns_is_told_why(void **state)
{
	struct dns_body body = { .rcode = DNS_REFUSED };
	struct dns_query query = query_of("a", DNS_A, true);
	uint8_t out[512];
	size_t n = reply(out, 512, &query, &body, NULL, 0, DNS_EDE_FILTERED, "not allowed");

	(void)state;
	is_bytes(out, n,
		 BYTES("\x12\x34\x81\x85\0\1\0\0\0\0\0\1\1a\0\0\1\0\1"
		       "\0\0\x29\4\xd0\0\0\0\0\0\x11\0\x0f\0\x0d\0\x11not allowed"));
	n = reply(out, 512, &query, &body, NULL, 0, DNS_EDE_PROHIBITED, NULL);
	is_bytes(out, n,
		 BYTES("\x12\x34\x81\x85\0\1\0\0\0\0\0\1\1a\0\0\1\0\1"
		       "\0\0\x29\4\xd0\0\0\0\0\0\6\0\x0f\0\2\0\x12"));
}

static void a_reason_gives_way_to_records_first_its_text(void **state)
{
	struct dns_query query = query_of("a", DNS_A, true);
	char text[600], small[] = "a";
	uint8_t bytes[4096], out[4096];
	struct dns_body body = { .rcode = DNS_REFUSED };

	(void)state;
	memset(text, 't', sizeof(text));
	text[512 - 12 - 7 - 11 - 6] = '\0';
	assert_int_equal(reply(out, 512, &query, &body, NULL, 0, DNS_EDE_BLOCKED, text), 512);
	text[512 - 12 - 7 - 11 - 6] = 't';
	text[512 - 12 - 7 - 11 - 6 + 1] = '\0';
	assert_int_equal(reply(out, 512, &query, &body, NULL, 0, DNS_EDE_BLOCKED, text),
			 12 + 7 + 11 + 6);

	body_of(29, bytes, sizeof(bytes), &body); /* 12 + 7 + 15 + 29 * 17 + 11 = 538 */
	assert_int_equal(reply(out, 538 + 7, &query, &body, bytes, 0, DNS_EDE_BLOCKED, small), 545);
	assert_int_equal(reply(out, 538 + 6, &query, &body, bytes, 0, DNS_EDE_BLOCKED, small), 544);
	assert_int_equal(reply(out, 538 + 5, &query, &body, bytes, 0, DNS_EDE_BLOCKED, small), 538);
	assert_int_equal(out[2] & 2, 0);
	assert_int_equal(message_get(out, 538 - 2), 0);
}

static void an_rcode_of_more_than_four_bits_needs_edns(void **state)
{
	struct dns_body body = { .rcode = DNS_BADVERS };
	struct dns_query query = query_of("a", DNS_A, true);
	uint8_t out[512];
	size_t n = reply(out, 512, &query, &body, NULL, 0, DNS_EDE_NONE, NULL);

	(void)state;
	is_bytes(out, n,
		 BYTES("\x12\x34\x81\x80\0\1\0\0\0\0\0\1\1a\0\0\1\0\1"
		       "\0\0\x29\4\xd0\1\0\0\0\0\0"));
	query.edns = false;
	reply(out, 512, &query, &body, NULL, 0, DNS_EDE_NONE, NULL);
	assert_int_equal(out[3] & 15, DNS_SERVFAIL);
}

static void a_query_without_a_question_has_a_reply_without(void **state)
{
	struct dns_body body = { .rcode = DNS_NOTIMP, .negative = true };
	struct dns_query query;
	uint8_t out[512], bytes[4096];
	size_t n;

	(void)state;
	assert_int_equal(parse(BYTES("\x12\x34\x29\0\0\1\0\0\0\0\0\0\1a\0\0\1\0\1"), &query),
			 DNS_NOTIMP);
	n = reply(out, 512, &query, &body, NULL, 0, DNS_EDE_NONE, NULL);
	is_bytes(out, n, BYTES("\x12\x34\xa9\x84\0\0\0\0\0\0\0\0"));
	/* nothing may point to byte 12 then */
	body_of(1, bytes, sizeof(bytes), &body);
	query.edns = true;
	n = reply(out, 512, &query, &body, bytes, 0, DNS_EDE_NONE, NULL);
	assert_int_equal(n, 12 + 11);
	assert_int_equal(message_get(out, 6), 0);
}

static void less_than_everybody_takes_is_nothing(void **state)
{
	struct dns_query query = query_of("a", DNS_A, true);
	struct dns_body body = {};
	uint8_t out[512];

	(void)state;
	assert_int_equal(reply(out, 511, &query, &body, NULL, 0, DNS_EDE_NONE, NULL), 0);
	assert_int_equal(reply(out, 1, &query, &body, NULL, 0, DNS_EDE_NONE, NULL), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_query_is_read_and_its_question_kept_as_it_came),
		cmocka_unit_test(a_response_or_less_than_a_header_is_not_replied_to),
		cmocka_unit_test(each_cut_of_a_query_is_malformed),
		cmocka_unit_test(what_is_not_one_plain_question_is_malformed),
		cmocka_unit_test(a_question_is_as_long_as_a_name_can_be),
		cmocka_unit_test(other_opcodes_are_not_implemented_and_other_classes_refused),
		cmocka_unit_test(what_is_no_host_name_is_nameless_but_echoed),
		cmocka_unit_test(the_size_that_edns_offers_has_bounds),
		cmocka_unit_test(edns_is_of_version_0_of_the_root_and_there_once),
		cmocka_unit_test(other_additional_records_are_passed_over),
		cmocka_unit_test(what_we_ask_is_a_name_and_a_type_and_no_more),
		cmocka_unit_test(the_case_of_letters_is_used_again_after_64),
		cmocka_unit_test(a_body_is_the_chain_and_the_addresses_of_its_type),
		cmocka_unit_test(a_body_has_each_type_of_data_in_its_form),
		cmocka_unit_test(a_body_of_services_has_alpn_and_port_unless_it_is_an_alias),
		cmocka_unit_test(what_has_no_place_in_a_body_is_refused),
		cmocka_unit_test(nothing_of_the_type_is_negative_and_a_failure_is_not),
		cmocka_unit_test(a_reply_has_its_query_s_question_and_each_record_the_ttl),
		cmocka_unit_test(nothing_is_said_for_as_long_as_the_soa_says),
		cmocka_unit_test(what_does_not_fit_is_left_out_by_whole_records),
		cmocka_unit_test(an_soa_that_does_not_fit_is_left_out_as_well),
		cmocka_unit_test(a_large_body_goes_by_tcp_as_it_is),
		cmocka_unit_test(who_speaks_edns_is_told_why),
		cmocka_unit_test(a_reason_gives_way_to_records_first_its_text),
		cmocka_unit_test(an_rcode_of_more_than_four_bits_needs_edns),
		cmocka_unit_test(a_query_without_a_question_has_a_reply_without),
		cmocka_unit_test(less_than_everybody_takes_is_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
