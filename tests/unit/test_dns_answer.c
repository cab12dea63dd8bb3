// SPDX-License-Identifier: Apache-2.0
/* test_dns_answer.c - dns/wire_answer.c: what of an upstream's words counts, and what does not */
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

#define ID            0x1234
#define RESPONSE      0x8180 /* QR, RD, RA */

static struct message message;
static struct dns_asked asked;
static struct dns_answer answer;

/* Ask, and begin the answer: question and case as asked. */
static void ask(const char *name, unsigned type, unsigned flags)
{
	uint8_t query[DNS_QUERY_SIZE];

	assert_true(dns_query_build(query, name, type, ID, 0x5555, &asked) > 0);
	message_begin(&message, ID, flags, NULL, 0);
	message_add(&message, asked.question, asked.question_size);
	message_count(&message, QUESTIONS);
}

static int parse_cut(size_t size)
{
	uint8_t *copy = bytes_copy(message.bytes, size);
	int r;

	memset(&answer, 0xee, sizeof(answer));
	r = dns_answer_parse(copy, size, &asked, &answer);
	free(copy);
	if (r && (answer.n_chain || answer.n_addr || answer.n_data))
		fail_msg("something was taken from what was refused");
	return r;
}

static int parse(void)
{
	return parse_cut(message.n);
}

static void is_counts(unsigned chain, unsigned addrs, unsigned data)
{
	assert_int_equal(answer.n_chain, chain);
	assert_int_equal(answer.n_addr, addrs);
	assert_int_equal(answer.n_data, data);
}

static void is_v4(unsigned i, const char *v4)
{
	assert_true(i < answer.n_addr);
	assert_memory_equal(answer.addr[i], "\0\0\0\0\0\0\0\0\0\0\xff\xff", 12);
	assert_memory_equal(answer.addr[i] + 12, v4, 4);
}

static void add_a(const char *owner, uint32_t ttl, const char *v4)
{
	message_record(&message, ANSWERS, owner, DNS_A, ttl, v4, 4);
}

static void add_cname(const char *owner, uint32_t ttl, const char *target)
{
	message_record_name(&message, ANSWERS, owner, DNS_CNAME, ttl, "", 0, target);
}

static void add_soa(uint32_t ttl, uint32_t minimum)
{
	size_t head;

	message_head(&message, AUTHORITY, "example", DNS_SOA, ttl, 0);
	head = message.n;
	message_name(&message, "ns.example");
	message_name(&message, "root.example");
	for (unsigned i = 0; i < 4; i++)
		message_32(&message, i);
	message_32(&message, minimum);
	message.bytes[head - 1] = message.n - head;
}

/* --- is it an answer? -------------------------------------------------------------------- */

static void addresses_are_taken_as_we_write_addresses(void **state)
{
	(void)state;
	ask("www.example", DNS_A, RESPONSE);
	add_a("@", 300, "\1\2\3\4");
	add_a("WWW.eXample", 200, "\5\6\7\x08");
	assert_int_equal(parse(), 0);
	is_counts(0, 2, 0);
	is_v4(0, "\1\2\3\4");
	is_v4(1, "\5\6\7\x08");
	assert_int_equal(answer.ttl, 200);
	assert_int_equal(answer.rcode, DNS_NOERROR);
	assert_false(answer.truncated);

	ask("www.example", DNS_AAAA, RESPONSE);
	message_record(&message, ANSWERS, "@", DNS_AAAA, 7, "\x20\1\xd\xb8\0\0\0\0\0\0\0\0\0\0\0\1",
		       16);
	assert_int_equal(parse(), 0);
	is_counts(0, 1, 0);
	assert_memory_equal(answer.addr[0], "\x20\1\xd\xb8\0\0\0\0\0\0\0\0\0\0\0\1", 16);
}

static void what_answers_another_question_is_none(void **state)
{
	/* id, QR, opcode, questions, a label's length, letters' case, the root, type, class */
	static const unsigned cases[][2] = { { 0, 1 },    { 1, 0x80 }, { 2, 0x80 }, { 2, 8 },
					     { 2, 0x40 }, { 4, 1 },    { 5, 1 },    { 12, 1 },
					     { 13, 32 },  { 14, 32 },  { 24, 1 },   { 25, 1 },
					     { 26, 1 },   { 27, 1 },   { 28, 1 } };

	(void)state;
	ask("www.example", DNS_A, RESPONSE);
	add_a("@", 300, "\1\2\3\4");
	for (size_t i = 0; i < LENGTH(cases); i++) {
		message.bytes[cases[i][0]] ^= cases[i][1];
		if (parse() != -ENOMSG)
			fail_msg("case %zu was taken", i);
		message.bytes[cases[i][0]] ^= cases[i][1];
		assert_int_equal(parse(), 0);
	}
}

static void each_cut_of_an_answer_is_refused(void **state)
{
	(void)state;
	ask("www.example", DNS_A, RESPONSE);
	add_cname("@", 300, "a.example");
	add_a("a.example", 300, "\1\2\3\4");
	add_soa(1, 1);
	message_record(&message, ADDITIONAL, "", DNS_OPT, 0, "\0\x0a\0\0", 4);
	assert_int_equal(parse(), 0);
	for (size_t size = 0; size < message.n; size++)
		assert_int_equal(parse_cut(size), size < 12 + 17 ? -ENOMSG : -EBADMSG);
}

static void a_truncated_answer_is_said_to_be_and_not_read(void **state)
{
	(void)state;
	ask("www.example", DNS_A, RESPONSE | 0x0200);
	add_a("@", 300, "\1\2\3\4");
	message.bytes[7] = 9; /* records which are not there */
	assert_int_equal(parse(), 0);
	assert_true(answer.truncated);
	is_counts(0, 0, 0);
	assert_int_equal(answer.ttl, 0);
}

static void a_failure_is_its_rcode_and_nothing_else(void **state)
{
	(void)state;
	for (unsigned rcode = 1; rcode < 16; rcode++) {
		if (rcode == DNS_NXDOMAIN)
			continue;
		ask("www.example", DNS_A, RESPONSE | rcode);
		add_a("@", 300, "\1\2\3\4");
		message_add(&message, "\xff", 1);
		assert_int_equal(parse(), 0);
		assert_int_equal(answer.rcode, rcode);
		is_counts(0, 0, 0);
		assert_int_equal(answer.ttl, 0);
	}
}

static void the_upper_bits_of_an_rcode_count(void **state)
{
	(void)state;
	ask("www.example", DNS_A, RESPONSE);
	add_a("@", 300, "\1\2\3\4");
	message_record(&message, ADDITIONAL, "", DNS_OPT, 0x01000000, "", 0);
	assert_int_equal(parse(), 0);
	assert_int_equal(answer.rcode, DNS_BADVERS);
	is_counts(0, 0, 0);
	message.bytes[message.n - 6] = 0x10; /* more than there is room for */
	assert_int_equal(parse(), 0);
	assert_int_equal(answer.rcode, DNS_SERVFAIL);
	is_counts(0, 0, 0);
	message.bytes[message.n - 6] = 0;
	assert_int_equal(parse(), 0);
	is_counts(0, 1, 0);
	message_record(&message, ADDITIONAL, "", DNS_OPT, 0, "", 0);
	assert_int_equal(parse(), -EBADMSG);
}

/* --- what counts ------------------------------------------------------------------------- */

static void what_nobody_asked_for_is_passed_over(void **state)
{
	(void)state;
	ask("www.example", DNS_A, RESPONSE);
	add_a("ww.example", 1, "\1\1\1\1");
	add_a("a.www.example", 1, "\1\1\1\2");
	add_a("", 1, "\1\1\1\3");
	add_a("www.exampl\xc5", 1, "\1\1\1\4");
	message_record(&message, ANSWERS, "@", DNS_AAAA, 1, "\x20\1\xd\xb8\0\0\0\0\0\0\0\0\0\0\0\1",
		       16);
	message_record(&message, ANSWERS, "@", DNS_TXT, 1, "\1x", 2);
	add_cname("other.example", 1, "@");
	add_a("@", 1, "\1\1\1\5");
	message.bytes[message.n - 11] = 3; /* class CH */
	add_a("@", 600, "\1\2\3\4");
	message_record(&message, AUTHORITY, "@", DNS_A, 1, "\1\1\1\6", 4);
	message_record(&message, ADDITIONAL, "@", DNS_A, 1, "\1\1\1\7", 4);
	assert_int_equal(parse(), 0);
	is_counts(0, 1, 0);
	is_v4(0, "\1\2\3\4");
	assert_int_equal(answer.ttl, 600);
}

static void an_address_has_its_size(void **state)
{
	(void)state;
	for (size_t size = 0; size < 20; size++) {
		ask("www.example", DNS_A, RESPONSE);
		message_record(&message, ANSWERS, "@", DNS_A, 1, "12345678901234567890", size);
		assert_int_equal(parse(), size == 4 ? 0 : -EBADMSG);
		ask("www.example", DNS_AAAA, RESPONSE);
		message_record(&message, ANSWERS, "@", DNS_AAAA, 1, "12345678901234567890", size);
		assert_int_equal(parse(), size == 16 ? 0 : -EBADMSG);
	}
}

static void an_address_counts_once(void **state)
{
	(void)state;
	ask("www.example", DNS_A, RESPONSE);
	for (unsigned i = 0; i < 10; i++)
		add_a("@", 60 - i, i % 2 ? "\1\2\3\4" : "\4\3\2\1");
	assert_int_equal(parse(), 0);
	is_counts(0, 2, 0);
	is_v4(0, "\4\3\2\1");
	is_v4(1, "\1\2\3\4");
	assert_int_equal(answer.ttl, 51);
}

static void an_address_of_ipv4_is_none_of_ipv6(void **state)
{
	(void)state;
	ask("www.example", DNS_AAAA, RESPONSE);
	message_record(&message, ANSWERS, "@", DNS_AAAA, 1,
		       "\0\0\0\0\0\0\0\0\0\0\xff\xff\x7f\0\0\1", 16);
	assert_int_equal(parse(), 0);
	is_counts(0, 0, 0);
}

static void of_119_addresses_119_are_taken_and_of_more_128(void **state)
{
	(void)state;
	for (unsigned n = 119; n < 140; n++) {
		ask("www.example", DNS_A, RESPONSE);
		for (unsigned i = 0; i < n; i++)
			add_a("@", 60, (char[]){ 10, 0, 0, i });
		assert_int_equal(parse(), 0);
		is_counts(0, n < DNS_ADDRS ? n : DNS_ADDRS, 0);
		for (unsigned i = 0; i < answer.n_addr; i++)
			assert_int_equal(answer.addr[i][15], i);
	}
}

static void a_ttl_is_the_least_of_what_counts(void **state)
{
	(void)state;
	ask("www.example", DNS_A, RESPONSE);
	add_cname("@", 100, "a.example");
	add_a("a.example", 200, "\1\2\3\4");
	assert_int_equal(parse(), 0);
	assert_int_equal(answer.ttl, 100);
	add_a("a.example", 50, "\1\2\3\5");
	assert_int_equal(parse(), 0);
	assert_int_equal(answer.ttl, 50);
	add_a("a.example", 0x80000000, "\1\2\3\6"); /* not a time: 0 */
	assert_int_equal(parse(), 0);
	assert_int_equal(answer.ttl, 0);

	ask("www.example", DNS_A, RESPONSE);
	add_a("@", 0x7fffffff, "\1\2\3\4");
	add_soa(1, 1); /* of a positive answer: nothing */
	assert_int_equal(parse(), 0);
	assert_int_equal(answer.ttl, 0x7fffffff);
}

/* --- chains ------------------------------------------------------------------------------ */

static void is_chain_of(unsigned n)
{
	char name[32];

	assert_int_equal(answer.n_chain, n);
	for (unsigned i = 0; i < n; i++) {
		snprintf(name, sizeof(name), "c%u.example", i + 1);
		assert_string_equal(answer.chain[i], name);
	}
}

/* CNAME number @i of a chain: c0 is the question. */
static void add_link(unsigned i)
{
	char owner[32], target[32];

	snprintf(owner, sizeof(owner), "c%u.example", i);
	snprintf(target, sizeof(target), "C%u.EXAMPLE", i + 1);
	add_cname(owner, 60, target);
}

static void a_chain_is_followed_in_any_order(void **state)
{
	static const unsigned orders[][4] = {
		{ 0, 1, 2, 3 }, { 3, 2, 1, 0 }, { 1, 0, 3, 2 }, { 2, 0, 3, 1 }, { 3, 0, 1, 2 },
	};

	(void)state;
	for (size_t i = 0; i < LENGTH(orders); i++) {
		ask("c0.example", DNS_A, RESPONSE);
		add_a("c4.example", 60, "\1\2\3\4");
		add_a("c3.example", 60, "\1\1\1\1"); /* not at its end */
		for (unsigned j = 0; j < 4; j++)
			add_link(orders[i][j]);
		add_a("c4.example", 60, "\1\2\3\5");
		assert_int_equal(parse(), 0);
		is_chain_of(4);
		assert_int_equal(answer.n_addr, 2);
		is_v4(0, "\1\2\3\4");
		is_v4(1, "\1\2\3\5");
	}
}

static void a_chain_has_a_length(void **state)
{
	(void)state;
	for (unsigned backwards = 0; backwards < 2; backwards++) {
		for (unsigned n = 0; n <= DNS_CHAIN + 2; n++) {
			ask("c0.example", DNS_A, RESPONSE);
			for (unsigned i = 0; i < n; i++)
				add_link(backwards ? n - 1 - i : i);
			if (n > DNS_CHAIN) {
				assert_int_equal(parse(), -EBADMSG);
				continue;
			}
			assert_int_equal(parse(), 0);
			is_chain_of(n);
		}
	}
}

static void a_loop_is_refused(void **state)
{
	(void)state;
	ask("c0.example", DNS_A, RESPONSE);
	add_cname("@", 60, "C0.example");
	assert_int_equal(parse(), -EBADMSG);

	for (unsigned n = 1; n < DNS_CHAIN; n++) {
		for (unsigned to = 0; to <= n; to++) {
			char owner[32], target[32];

			ask("c0.example", DNS_A, RESPONSE);
			for (unsigned i = 0; i < n; i++)
				add_link(i);
			snprintf(owner, sizeof(owner), "c%u.example", n);
			snprintf(target, sizeof(target), "c%u.example", to);
			add_cname(owner, 60, target);
			assert_int_equal(parse(), -EBADMSG);
		}
	}
}

static void a_loop_is_refused_where_a_second_way_leads_out_of_it(void **state)
{
	(void)state;
	for (unsigned behind = 0; behind < 2; behind++) {
		ask("c0.example", DNS_A, RESPONSE);
		if (behind)
			add_link(0);
		add_cname(behind ? "c1.example" : "c0.example", 60, "loop.example");
		add_cname("loop.example", 60, behind ? "c1.example" : "c0.example");
		add_cname(behind ? "c1.example" : "c0.example", 60, "out.example");
		add_a("out.example", 60, "\1\2\3\4");
		assert_int_equal(parse(), -EBADMSG);
	}
}

static void of_two_ways_on_the_first_counts(void **state)
{
	(void)state;
	ask("c0.example", DNS_A, RESPONSE);
	add_link(0);
	add_cname("c0.example", 60, "elsewhere.example");
	add_link(0);
	add_a("c1.example", 60, "\1\2\3\4");
	assert_int_equal(parse(), 0);
	is_chain_of(1);
	is_v4(0, "\1\2\3\4");
}

static void a_chain_leads_to_host_names_only(void **state)
{
	static const char *const odd[] = { "", "*.example", "a b" };

	(void)state;
	for (size_t i = 0; i < LENGTH(odd); i++) {
		ask("c0.example", DNS_A, RESPONSE);
		add_cname("@", 60, odd[i]);
		assert_int_equal(parse(), -EBADMSG);
	}
	ask("c0.example", DNS_A, RESPONSE); /* more or less data than a name */
	message_record(&message, ANSWERS, "@", DNS_CNAME, 1, "\1a\0\0", 4);
	assert_int_equal(parse(), -EBADMSG);
	ask("c0.example", DNS_A, RESPONSE);
	message_record(&message, ANSWERS, "@", DNS_CNAME, 1, "\1a", 2);
	message_add(&message, "", 1);
	assert_int_equal(parse(), -EBADMSG);
	ask("c0.example", DNS_A, RESPONSE);
	message_record(&message, ANSWERS, "@", DNS_CNAME, 1, "", 0);
	message_add(&message, "\1a", 3);
	assert_int_equal(parse(), -EBADMSG);
}

static void who_asks_for_a_cname_is_led_no_further(void **state)
{
	(void)state;
	ask("c0.example", DNS_CNAME, RESPONSE);
	add_link(1);
	add_link(0);
	add_soa(1, 1);
	assert_int_equal(parse(), 0);
	is_chain_of(1);
	assert_int_equal(answer.ttl, 60);
}

/* --- nothing ----------------------------------------------------------------------------- */

static void nothing_lasts_as_long_as_the_soa_says(void **state)
{
	(void)state;
	for (unsigned rcode = 0; rcode <= DNS_NXDOMAIN; rcode += DNS_NXDOMAIN) {
		ask("www.example", DNS_A, RESPONSE | rcode);
		assert_int_equal(parse(), 0);
		assert_int_equal(answer.ttl, 0);
		add_soa(900, 3600);
		assert_int_equal(parse(), 0);
		is_counts(0, 0, 0);
		assert_int_equal(answer.ttl, 900);
		assert_int_equal(answer.rcode, rcode);
		ask("www.example", DNS_A, RESPONSE | rcode);
		add_soa(86400, 7200);
		assert_int_equal(parse(), 0);
		assert_int_equal(answer.ttl, 7200);
		add_soa(86400, 0xffffffff);
		assert_int_equal(parse(), 0);
		assert_int_equal(answer.ttl, 0);
	}
}

static void a_chain_to_nothing_is_kept(void **state)
{
	(void)state;
	ask("c0.example", DNS_A, RESPONSE | DNS_NXDOMAIN);
	add_link(0);
	add_link(1);
	add_a("c2.example", 60, "\1\2\3\4"); /* no such name has no address */
	add_soa(900, 30);
	assert_int_equal(parse(), 0);
	is_chain_of(2);
	is_counts(2, 0, 0);
	assert_int_equal(answer.rcode, DNS_NXDOMAIN);
	assert_int_equal(answer.ttl, 30);
}

static void an_soa_counts_in_the_authority_section_and_whole(void **state)
{
	(void)state;
	ask("www.example", DNS_A, RESPONSE);
	add_soa(900, 900);
	message.bytes[9] = 0;
	message.bytes[7] = 1; /* moved into the answer section */
	assert_int_equal(parse(), 0);
	assert_int_equal(answer.ttl, 0);
	for (size_t size = 0; size < 30; size++) {
		ask("www.example", DNS_A, RESPONSE);
		message_record(&message, AUTHORITY, "@", DNS_SOA, 1,
			       "\xc0\x0c\xc0\x0c\0\0\0\1\0\0\0\1\0\0\0\1\0\0\0\1\0\0\0\1......",
			       size);
		assert_int_equal(parse(), size == 24 ? 0 : -EBADMSG);
	}
}

/* --- other types ------------------------------------------------------------------------- */

static void mail_servers_and_services_are_taken(void **state)
{
	(void)state;
	ask("www.example", DNS_MX, RESPONSE);
	message_record_name(&message, ANSWERS, "@", DNS_MX, 9, "\1\2", 2, "Mail.example");
	message_record_name(&message, ANSWERS, "@", DNS_MX, 9, "\0\0", 2, "");
	message_record_name(&message, ANSWERS, "@", DNS_MX, 9, "\0\0", 2, "no host");
	assert_int_equal(parse(), 0);
	is_counts(0, 0, 2);
	assert_int_equal(answer.data[0].type, DNS_MX);
	assert_int_equal(answer.data[0].priority, 0x102);
	assert_string_equal(answer.data[0].target, "mail.example");
	assert_string_equal(answer.data[1].target, "");

	ask("_x._tcp.example", DNS_SRV, RESPONSE);
	add_cname("@", 60, "_y._tcp.example");
	message_record_name(&message, ANSWERS, "_y._tcp.example", DNS_SRV, 9, "\0\1\0\2\1\xbb", 6,
			    "@");
	assert_int_equal(parse(), 0);
	is_counts(1, 0, 1);
	assert_int_equal(answer.data[0].priority, 1);
	assert_int_equal(answer.data[0].weight, 2);
	assert_int_equal(answer.data[0].port, 443);
	assert_string_equal(answer.data[0].target, "_x._tcp.example");

	ask("1.2.0.192.in-addr.arpa", DNS_PTR, RESPONSE);
	message_record_name(&message, ANSWERS, "@", DNS_PTR, 9, "", 0, "host.example");
	assert_int_equal(parse(), 0);
	assert_string_equal(answer.data[0].target, "host.example");
}

static void data_are_whole(void **state)
{
	static const struct {
		unsigned type;
		const char *data;
		size_t size;
	} cases[] = {
		{ DNS_MX, BYTES("") },
		{ DNS_MX, BYTES("\0") },
		{ DNS_MX, BYTES("\0\1") },
		{ DNS_MX, BYTES("\0\1\1a") },
		{ DNS_MX, BYTES("\0\1\1a\0x") },
		{ DNS_SRV, BYTES("\0\1\0\1\0") },
		{ DNS_SRV, BYTES("\0\1\0\1\0\1") },
		{ DNS_NS, BYTES("") },
		{ DNS_PTR, BYTES("\1a\0\0") },
		{ DNS_TXT, BYTES("") },
		{ DNS_TXT, BYTES("\2x") },
		{ DNS_TXT, BYTES("\1xx") },
		{ DNS_HTTPS, BYTES("\0\1") },
		{ DNS_HTTPS, BYTES("\0\1\2") }, /* its target ends in the next record */
		{ DNS_HTTPS, BYTES("\0\1\0\0") },
		{ DNS_HTTPS, BYTES("\0\1\0\0\5\0") },
		{ DNS_HTTPS, BYTES("\0\1\0\0\5\0\2a") },
		{ DNS_HTTPS, BYTES("\0\1\0\0\5\0\1ab") },
		/* twice, in descending order, not a port, no ALPN, not whole, nothing mandatory */
		{ DNS_HTTPS, BYTES("\0\1\0\0\3\0\2\0\1\0\3\0\2\0\1") },
		{ DNS_HTTPS, BYTES("\0\1\0\0\3\0\2\0\1\0\1\0\3\2h2") },
		{ DNS_HTTPS, BYTES("\0\1\0\0\3\0\3\0\1\1") },
		{ DNS_HTTPS, BYTES("\0\1\0\0\1\0\0") },
		{ DNS_HTTPS, BYTES("\0\1\0\0\1\0\1\0") },
		{ DNS_HTTPS, BYTES("\0\1\0\0\1\0\3\3h2") },
		{ DNS_HTTPS, BYTES("\0\1\0\0\0\0\0") },
		{ DNS_HTTPS, BYTES("\0\1\0\0\0\0\3\0\1\0") }
	};

	(void)state;
	for (size_t i = 0; i < LENGTH(cases); i++) {
		ask("www.example", cases[i].type, RESPONSE);
		message_record(&message, ANSWERS, "@", cases[i].type, 9, cases[i].data,
			       cases[i].size);
		message_record(&message, ADDITIONAL, "@", DNS_A, 1, "\0\0\0\0", 4);
		if (parse() != -EBADMSG)
			fail_msg("case %zu was taken", i);
	}
}

static void texts_are_taken_up_to_a_length(void **state)
{
	char text[600];

	(void)state;
	memset(text, 'x', sizeof(text));
	text[0] = (char)255;
	text[256] = (char)254;
	for (unsigned more = 0; more < 3; more++) {
		ask("www.example", DNS_TXT, RESPONSE);
		text[511] = more - 1;
		message_record(&message, ANSWERS, "@", DNS_TXT, 9, text, 511 + more);
		message_record(&message, ANSWERS, "@", DNS_TXT, 9, "\0", 1);
		assert_int_equal(parse(), 0);
		is_counts(0, 0, 511 + more > DNS_TEXT ? 1 : 2);
		assert_int_equal(answer.data[answer.n_data - 1].size, 1);
		if (answer.n_data == 2) {
			assert_int_equal(answer.data[0].size, 511 + more);
			assert_memory_equal(answer.data[0].text, text, 511 + more);
		}
	}
}

static void services_lose_hints_and_keys_of_ech(void **state)
{
	/* 1 . mandatory alpn port; alpn h3 h2, no-default-alpn, port 8443, ipv4hint, ech, ipv6hint */
	static const char full[] = "\0\1\0\0\0\0\4\0\1\0\3\0\1\0\6\2h3\2h2\0\2\0\0\0\3\0\2\x20\xfb"
				   "\0\4\0\4\1\2\3\4\0\5\0\3ech\0\6\0\x10"
				   "0123456789abcdef";
	struct dns_body body;
	uint8_t out[512];

	(void)state;
	ask("www.example", DNS_HTTPS, RESPONSE);
	message_record(&message, ANSWERS, "@", DNS_HTTPS, 9, BYTES(full));
	assert_int_equal(parse(), 0);
	is_counts(0, 0, 1);
	assert_int_equal(answer.data[0].priority, 1);
	assert_string_equal(answer.data[0].target, "");
	assert_int_equal(answer.data[0].port, 8443);
	assert_int_equal(answer.data[0].size, 6);
	assert_memory_equal(answer.data[0].text, "\2h3\2h2", 6);
	assert_int_equal(dns_body_build(out, sizeof(out), DNS_HTTPS, &answer, &body), 0);
	assert_int_equal(body.size, 12 + 3 + 4 + 6 + 4 + 2);
}

static void a_service_that_needs_what_we_drop_is_left_out(void **state)
{
	(void)state;
	for (unsigned key = 0; key < 300; key++) {
		char data[] = "\0\1\0\0\0\0\4\0\1\0\0";

		ask("www.example", DNS_SVCB, RESPONSE);
		data[9] = key >> 8;
		data[10] = key;
		message_record(&message, ANSWERS, "@", DNS_SVCB, 9, data, 11);
		assert_int_equal(parse(), 0);
		is_counts(0, 0, key == 1 || key == 3);
	}
	ask("www.example", DNS_SVCB, RESPONSE); /* an alias: nothing of it counts */
	message_record(&message, ANSWERS, "@", DNS_SVCB, 9,
		       BYTES("\0\0\1a\0\0\0\0\2\0\5\0\3\0\2\0\1"));
	assert_int_equal(parse(), 0);
	is_counts(0, 0, 1);
	assert_int_equal(answer.data[0].port, 0);
	assert_string_equal(answer.data[0].target, "a");
}

static void of_many_data_the_first_are_taken(void **state)
{
	(void)state;
	for (unsigned n = DNS_DATA - 1; n < DNS_DATA + 3; n++) {
		ask("www.example", DNS_TXT, RESPONSE);
		for (unsigned i = 0; i < n; i++)
			message_record(&message, ANSWERS, "@", DNS_TXT, 9, (char[]){ 1, 'a' + i },
				       2);
		assert_int_equal(parse(), 0);
		is_counts(0, 0, n < DNS_DATA ? n : DNS_DATA);
		assert_int_equal(answer.data[answer.n_data - 1].text[1], 'a' + answer.n_data - 1);
	}
}

static void types_without_a_place_are_nothing(void **state)
{
	(void)state;
	ask("www.example", 257, RESPONSE);
	message_record(&message, ANSWERS, "@", 257, 9, "data", 4);
	add_soa(30, 60);
	assert_int_equal(parse(), 0);
	is_counts(0, 0, 0);
	assert_int_equal(answer.ttl, 30);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(addresses_are_taken_as_we_write_addresses),
		cmocka_unit_test(what_answers_another_question_is_none),
		cmocka_unit_test(each_cut_of_an_answer_is_refused),
		cmocka_unit_test(a_truncated_answer_is_said_to_be_and_not_read),
		cmocka_unit_test(a_failure_is_its_rcode_and_nothing_else),
		cmocka_unit_test(the_upper_bits_of_an_rcode_count),
		cmocka_unit_test(what_nobody_asked_for_is_passed_over),
		cmocka_unit_test(an_address_has_its_size),
		cmocka_unit_test(an_address_counts_once),
		cmocka_unit_test(an_address_of_ipv4_is_none_of_ipv6),
		cmocka_unit_test(of_119_addresses_119_are_taken_and_of_more_128),
		cmocka_unit_test(a_ttl_is_the_least_of_what_counts),
		cmocka_unit_test(a_chain_is_followed_in_any_order),
		cmocka_unit_test(a_chain_has_a_length),
		cmocka_unit_test(a_loop_is_refused),
		cmocka_unit_test(a_loop_is_refused_where_a_second_way_leads_out_of_it),
		cmocka_unit_test(of_two_ways_on_the_first_counts),
		cmocka_unit_test(a_chain_leads_to_host_names_only),
		cmocka_unit_test(who_asks_for_a_cname_is_led_no_further),
		cmocka_unit_test(nothing_lasts_as_long_as_the_soa_says),
		cmocka_unit_test(a_chain_to_nothing_is_kept),
		cmocka_unit_test(an_soa_counts_in_the_authority_section_and_whole),
		cmocka_unit_test(mail_servers_and_services_are_taken),
		cmocka_unit_test(data_are_whole),
		cmocka_unit_test(texts_are_taken_up_to_a_length),
		cmocka_unit_test(services_lose_hints_and_keys_of_ech),
		cmocka_unit_test(a_service_that_needs_what_we_drop_is_left_out),
		cmocka_unit_test(of_many_data_the_first_are_taken),
		cmocka_unit_test(types_without_a_place_are_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
