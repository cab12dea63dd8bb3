// SPDX-License-Identifier: Apache-2.0
/* test_dns_hostile.c - dns/wire_answer.c: what broken and expensive messages cost; a round trip */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <cmocka.h>

#include "dns/wire.h"
#include "unit/dns_message.h"

#define LENGTH(array) (sizeof(array) / sizeof((array)[0]))
#define BYTES(text)   text, sizeof(text) - 1 /* of a literal, without its NUL */

#define ID            0x1234

static struct message message;
static struct dns_asked asked;
static struct dns_answer answer;

/* Ask for addresses of c0.example, and begin the answer. */
static void ask(void)
{
	uint8_t query[DNS_QUERY_SIZE];

	assert_true(dns_query_build(query, "c0.example", DNS_A, ID, 0, &asked) > 0);
	message_begin(&message, ID, 0x8180, "c0.example", DNS_A);
}

static int parse(void)
{
	uint8_t *copy = bytes_copy(message.bytes, message.n);
	int r = dns_answer_parse(copy, message.n, &asked, &answer);

	free(copy);
	return r;
}

static void add_cname(const char *owner, const char *target)
{
	message_record_name(&message, ANSWERS, owner, DNS_CNAME, 60, "", 0, target);
}

/* The @n CNAMEs of a chain, each before the one that leads to it. */
static void add_chain(unsigned n)
{
	char owner[32], target[32];

	for (; n; n--) {
		snprintf(owner, sizeof(owner), "c%u.example", n - 1);
		snprintf(target, sizeof(target), "c%u.example", n);
		add_cname(owner, target);
	}
}

static void owners_that_lead_nowhere_are_refused(void **state)
{
	static const struct {
		const char *owner;
		size_t size;
	} cases[] = {
		{ BYTES("\xc0\x1c") }, /* itself: 12 + 16 */
		{ BYTES("\xc0\x40") }, /* forwards */
		{ BYTES("\xff\xff") }, { BYTES("\1a\xc0\x1c") },
		{ BYTES("\x40") },     { BYTES("\x80\x0c") },
	};

	(void)state;
	for (size_t i = 0; i < LENGTH(cases); i++) {
		ask();
		assert_int_equal(message.n, 0x1c);
		message_add(&message, cases[i].owner, cases[i].size);
		message_add(&message, "\0\1\0\1\0\0\0\0\0\4\1\2\3\4", 14);
		message_count(&message, ANSWERS);
		message_record(&message, ADDITIONAL, "", DNS_TXT, 0, "0123456789012345678901234",
			       25);
		if (parse() != -EBADMSG)
			fail_msg("case %zu was taken", i);
	}
}

static void add_other_cnames(unsigned n)
{
	for (unsigned i = 0; i < n; i++)
		add_cname("other.example", "example");
}

static void an_answer_has_so_many_cnames_and_no_more(void **state)
{
	(void)state;
	ask();
	add_other_cnames(DNS_CNAMES - DNS_CHAIN);
	add_chain(DNS_CHAIN);
	assert_int_equal(parse(), 0);
	assert_int_equal(answer.n_chain, DNS_CHAIN);
	add_other_cnames(1);
	assert_int_equal(parse(), -EBADMSG);
}

/* Seconds for one message of full size whose owners each cost what a name can cost. */
static double worst(bool pointers)
{
	struct timespec from, to;
	size_t at, last;

	ask();
	message_head(&message, ANSWERS, "", DNS_TXT, 0, 0);
	at = last = message.n;
	for (unsigned i = 0; i < 123 && !pointers; i++)
		message_add(&message, "\1a", 2);
	message_16(&message, 0xc00f); /* example */
	for (unsigned i = 0; i < 125 && pointers; i++) {
		message_16(&message, 0xc000 | last);
		last = message.n - 2;
	}
	message.bytes[at - 2] = (message.n - at) >> 8;
	message.bytes[at - 1] = message.n - at;
	for (unsigned i = 0; message.n < DNS_TCP_SIZE - 600; i++) {
		message_16(&message, 0xc000 | last);
		message_add(&message, i < DNS_CNAMES - DNS_CHAIN ? "\0\5" : "\0\1", 2);
		message_add(&message, "\0\1\0\0\0\0\0\0", 8);
		message_count(&message, ANSWERS);
	}
	add_chain(DNS_CHAIN);
	assert_true(message.n <= DNS_TCP_SIZE);
	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &from);
	assert_int_equal(parse(), 0);
	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &to);
	assert_int_equal(answer.n_chain, DNS_CHAIN);
	return to.tv_sec - from.tv_sec + (to.tv_nsec - from.tv_nsec) / 1e9;
}

static void the_worst_message_costs_little(void **state)
{
	double pointers = worst(true), labels = worst(false);

	(void)state;
	print_message("%.1f ms by pointers, %.1f ms by labels\n", pointers * 1e3, labels * 1e3);
	assert_true(pointers < 1 && labels < 1); /* s; a sanitizer's are tens of ms */
}

/* --- round trip -------------------------------------------------------------------------- */

static void what_we_reply_is_what_we_were_told(void **state)
{
	uint8_t query_bytes[DNS_QUERY_SIZE], bytes[4096], out[4096];
	struct dns_answer told;
	struct dns_query query;
	struct dns_body body;
	int n;

	(void)state;
	ask();
	add_chain(2);
	for (unsigned i = 0; i < 20; i++)
		message_record(&message, ANSWERS, "c2.example", DNS_A, 77, (char[]){ 10, 0, 0, i },
			       4);
	assert_int_equal(parse(), 0);
	told = answer;
	assert_int_equal(dns_body_build(bytes, sizeof(bytes), DNS_A, &told, &body), 0);
	n = dns_query_build(query_bytes, "c0.example", DNS_A, ID, 0xff, &asked);
	assert_int_equal(dns_query_parse(query_bytes, n, &query), 0);
	message.n =
	    dns_reply_write(out, sizeof(out), &query, &body, bytes, 60, DNS_EDE_BLOCKED, "text");
	memcpy(message.bytes, out, message.n);
	assert_int_equal(parse(), 0);
	assert_int_equal(answer.n_chain, 2);
	assert_string_equal(answer.chain[0], "c1.example");
	assert_string_equal(answer.chain[1], "c2.example");
	assert_int_equal(answer.n_addr, 20);
	assert_memory_equal(answer.addr, told.addr, 20 * 16);
	assert_int_equal(answer.ttl, 60);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(owners_that_lead_nowhere_are_refused),
		cmocka_unit_test(an_answer_has_so_many_cnames_and_no_more),
		cmocka_unit_test(the_worst_message_costs_little),
		cmocka_unit_test(what_we_reply_is_what_we_were_told),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
