// SPDX-License-Identifier: Apache-2.0
/* test_hello.c - bpf/hello.h on the host: the name, whatever the segments are */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "hello_bytes.h"
#include "hello_make.h"
#include "terok/abi.h"

/* A segment, in the middle of a packet: what is around it must not be read. */
struct source {
	const uint8_t *bytes;
	__u32 offset, size;
};

static int hello_load(void *source, __u32 offset, void *to, __u32 n)
{
	const struct source *from = source;

	if (n < 1 || n > 64 || offset < from->offset || offset + n > from->offset + from->size)
		fail_msg("%u bytes at %u, of %u at %u", n, offset, from->size, from->offset);
	memcpy(to, from->bytes + (offset - from->offset), n);
	return 0;
}

#include "hello.h"

#define FIRST  0xffffff80U /* so that sequence numbers wrap early */
#define OFFSET 52

static struct hello hello;
static unsigned most_steps;

static enum hello_result segment(__u32 seq, const uint8_t *bytes, size_t size)
{
	struct source source = { bytes, OFFSET, size };
	unsigned steps = 0;

	if (!hello_segment(&hello, seq, OFFSET, size))
		return hello.result;
	while (steps < HELLO_STEPS && hello_step(&hello, &source))
		steps++;
	most_steps = steps > most_steps ? steps : most_steps;
	return hello_result(&hello);
}

/* All of a flow, in segments of @each bytes, the first one of @first. */
static enum hello_result flow(enum hello_kind kind, const uint8_t *bytes, size_t size, size_t first,
			      size_t each)
{
	hello_begin(&hello, kind, FIRST);
	for (size_t at = 0, n = first; at < size; at += n, n = each) {
		n = n < size - at ? n : size - at;
		segment(FIRST + at, bytes + at, n);
	}
	return hello.result;
}

static enum hello_result whole(enum hello_kind kind, const void *bytes, size_t size)
{
	return flow(kind, bytes, size, size, size);
}

static void assert_state(enum hello_result want, const char *name, const char *what, size_t cut)
{
	if (hello.result != want || (want == HELLO_NAME && strcmp(hello.name, name)))
		fail_msg("%s %zu: %u '%s', not %u '%s'", what, cut, hello.result, hello.name, want,
			 name);
}

/* The same answer in one segment, in segments of every size, and cut in two everywhere. */
static void assert_flow(enum hello_kind kind, const void *bytes, size_t size,
			enum hello_result want, const char *name)
{
	whole(kind, bytes, size);
	assert_state(want, name, "whole", size);
	for (size_t each = 1; each < size; each++) {
		flow(kind, bytes, size, each, each);
		assert_state(want, name, "pieces of", each);
		flow(kind, bytes, size, each, size);
		assert_state(want, name, "cut at", each);
	}
}

static void assert_hello(const struct make_hello *what, enum hello_result want, const char *name)
{
	static struct make make;

	make.size = make.n_lengths = 0;
	make_flow(&make, what);
	assert_flow(HELLO_KIND_TLS, make.bytes, make.size, want, name);
}

#define ASSERT_TLS(bytes, want, name) assert_flow(HELLO_KIND_TLS, bytes, sizeof(bytes), want, name)

static void real_clients_say_their_name(void **state)
{
	(void)state;
	ASSERT_TLS(hello_of_openssl, HELLO_NAME, "example.com");
	ASSERT_TLS(hello_of_openssl_12, HELLO_NAME, "example.com");
	ASSERT_TLS(hello_of_openssl_bare, HELLO_NONE, "");
	ASSERT_TLS(hello_of_curl, HELLO_NAME, "example.com");
	ASSERT_TLS(hello_of_node, HELLO_NAME, "example.com");
	ASSERT_TLS(hello_of_java, HELLO_NAME, "example.com");
	assert_flow(HELLO_KIND_HTTP, head_of_curl, sizeof(head_of_curl), HELLO_NAME, "example.com");
	assert_flow(HELLO_KIND_HTTP, head_of_wget, sizeof(head_of_wget), HELLO_NAME, "example.com");
}

static void a_post_quantum_hello_is_longer_than_a_segment(void **state)
{
	(void)state;
	assert_hello(&(struct make_hello){ .name = "example.com", .key_share = 1216 + 32 + 12 },
		     HELLO_NAME, "example.com");
}

static void a_hello_of_64_kib_is_one_segment(void **state)
{
	static struct make make;

	(void)state;
	make.size = make.n_lengths = 0;
	make_flow(&make, &(struct make_hello){ .name = "example.com", .key_share = 65000 });
	assert_int_equal(whole(HELLO_KIND_TLS, make.bytes, make.size), HELLO_NAME);
	assert_string_equal(hello.name, "example.com");
	assert_int_equal(flow(HELLO_KIND_TLS, make.bytes, make.size, 1, 1460), HELLO_NAME);
}

static void a_hello_without_a_name_says_none(void **state)
{
	(void)state;
	assert_hello(&(struct make_hello){}, HELLO_NONE, "");
	assert_hello(&(struct make_hello){ .bare = 1 }, HELLO_NONE, "");
}

static void an_encrypted_hello_is_marked_and_its_outer_name_counts(void **state)
{
	(void)state;
	assert_hello(&(struct make_hello){ .name = "outer.example", .ech = 1 }, HELLO_NAME,
		     "outer.example");
	assert_true(hello.flags & HELLO_ECH);
	assert_hello(&(struct make_hello){ .name = "outer.example" }, HELLO_NAME, "outer.example");
	assert_false(hello.flags & HELLO_ECH);
}

static void two_names_are_refused_even_if_equal(void **state)
{
	(void)state;
	assert_hello(&(struct make_hello){ .name = "a.example", .second_name = "b.example" },
		     HELLO_BAD, "");
	assert_hello(&(struct make_hello){ .name = "a.example", .second_name = "a.example" },
		     HELLO_BAD, "");
}

static void a_name_is_letters_digits_and_dots_between(void **state)
{
	static const char *const bad[] = { "",    ".",        "a.",    ".a",    "a..b",
					   "a b", "a/b",      "[::1]", "::1",   "a\tb",
					   "a:1", "\xc3\xa4", "a@b",   "a\x01b" };

	(void)state;
	assert_hello(&(struct make_hello){ .name = "WWW.Ex-ample_9.COM" }, HELLO_NAME,
		     "www.ex-ample_9.com");
	assert_hello(&(struct make_hello){ .name = "192.0.2.1" }, HELLO_NAME, "192.0.2.1");
	for (unsigned i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_hello(&(struct make_hello){ .name = bad[i] }, HELLO_BAD, "");
}

static void a_name_has_255_bytes_at_most(void **state)
{
	char name[HELLO_NAME_SIZE + 1] = {};

	(void)state;
	memset(name, 'a', 255);
	assert_hello(&(struct make_hello){ .name = name }, HELLO_NAME, name);
	name[255] = 'a';
	assert_hello(&(struct make_hello){ .name = name }, HELLO_BAD, "");
}

static void records_may_cut_it_anywhere(void **state)
{
	static struct make message, make;

	(void)state;
	message.size = make.size = 0;
	make_hello(&message, &(struct make_hello){ .name = "example.com", .ech = 1 });
	for (size_t cut = 1; cut < message.size; cut++) {
		make.size = 0;
		make_record(&make, 22, message.bytes, cut);
		make_record(&make, 22, message.bytes + cut, message.size - cut);
		assert_int_equal(whole(HELLO_KIND_TLS, make.bytes, make.size), HELLO_NAME);
		assert_int_equal(flow(HELLO_KIND_TLS, make.bytes, make.size, 1, 1), HELLO_NAME);
		assert_int_equal(flow(HELLO_KIND_TLS, make.bytes, make.size, cut + 3, 7),
				 HELLO_NAME);
		assert_string_equal(hello.name, "example.com");
	}
	for (size_t each = (message.size + 63) / 64; each < message.size; each++) {
		make.size = 0;
		make_records(&make, &message, each);
		assert_int_equal(whole(HELLO_KIND_TLS, make.bytes, make.size), HELLO_NAME);
		assert_int_equal(flow(HELLO_KIND_TLS, make.bytes, make.size, 1, 1), HELLO_NAME);
	}
}

static void a_hello_has_64_records_at_most(void **state)
{
	static struct make message, make;

	(void)state;
	message.size = make.size = 0;
	make_hello(&message, &(struct make_hello){ .name = "example.com" });
	for (size_t i = 0; i < HELLO_RECORDS - 1; i++)
		make_record(&make, 22, message.bytes + i, 1);
	make_record(&make, 22, message.bytes + 63, message.size - 63);
	assert_flow(HELLO_KIND_TLS, make.bytes, make.size, HELLO_NAME, "example.com");
	make.size = 0;
	for (size_t i = 0; i < HELLO_RECORDS; i++)
		make_record(&make, 22, message.bytes + i, 1);
	make_record(&make, 22, message.bytes + 64, message.size - 64);
	assert_flow(HELLO_KIND_TLS, make.bytes, make.size, HELLO_BAD, "");
}

static void a_hello_has_96_extensions_at_most(void **state)
{
	(void)state;
	assert_hello(&(struct make_hello){ .name = "a.example", .fill = HELLO_EXTENSIONS - 3 },
		     HELLO_NAME, "a.example");
	assert_hello(&(struct make_hello){ .name = "a.example", .fill = HELLO_EXTENSIONS - 2 },
		     HELLO_BAD, "");
}

static void part_of_a_hello_says_nothing_yet(void **state)
{
	(void)state;
	for (size_t size = 0; size < sizeof(hello_of_curl); size++) {
		whole(HELLO_KIND_TLS, hello_of_curl, size);
		assert_state(HELLO_MORE, "", "cut off at", size);
		assert_true(hello_wants(&hello));
	}
}

/* A message that is not what it says: never a name, and refused when more of it comes. */
static void assert_lie(const struct make *message)
{
	static const char more[] = "\x11\x11\x11\x11\x11\x11\x11"; /* of no meaning anywhere */
	static struct make make;

	make.size = 0;
	make_records(&make, message, 16384);
	whole(HELLO_KIND_TLS, make.bytes, make.size);
	if (hello.result != HELLO_MORE)
		assert_state(HELLO_BAD, "", "lie", 0);
	for (int i = 0; i < 8; i++)
		make_record(&make, 22, more, sizeof(more) - 1);
	assert_flow(HELLO_KIND_TLS, make.bytes, make.size, HELLO_BAD, "");
}

static const struct make_hello all_fields = { .name = "example.com", .ech = 1, .key_share = 36 };

/* Every length field, one too many and one too few. */
static void a_length_that_lies_is_noticed(void **state)
{
	static struct make message, make;

	(void)state;
	message.size = message.n_lengths = 0;
	make_hello(&message, &all_fields);
	assert_true(message.n_lengths >= 10);
	for (unsigned i = 0; i < message.n_lengths; i++) {
		struct make_length *length = &message.lengths[i];
		uint8_t *last = &message.bytes[length->at + length->width - 1];

		for (int lie = -1; lie <= 1; lie += 2) {
			*last += lie;
			assert_lie(&message);
			*last -= lie;
		}
	}
	make.size = 0;
	make_records(&make, &message, 16384);
	assert_flow(HELLO_KIND_TLS, make.bytes, make.size, HELLO_NAME, "example.com");
}

/* The message's own length is right, what is in it ends too early. */
static void a_message_that_ends_anywhere_is_noticed(void **state)
{
	static struct make message, make, bare;

	(void)state;
	message.size = bare.size = 0;
	make_hello(&message, &all_fields);
	make_hello(&bare, &(struct make_hello){ .bare = 1 });
	for (size_t size = message.size - 1; size >= 4; size--) {
		message.size = size;
		make_close(&message, 1, 3);
		make.size = 0;
		make_records(&make, &message, 16384);
		whole(HELLO_KIND_TLS, make.bytes, make.size);
		if (size == bare.size)
			assert_state(HELLO_NONE, "", "ends after", size);
		else if (hello.result != HELLO_MORE)
			assert_state(HELLO_BAD, "", "ends after", size);
		if (size != bare.size)
			assert_lie(&message);
	}
}

/* The record that the message ends in must end with it, which is known before its end comes. */
static void a_record_ends_with_the_message(void **state)
{
	static struct make make;

	(void)state;
	make.size = 0;
	make_flow(&make, &all_fields);
	assert_flow(HELLO_KIND_TLS, make.bytes, make.size, HELLO_NAME, "example.com");
	make.bytes[4]++;
	assert_flow(HELLO_KIND_TLS, make.bytes, make.size, HELLO_BAD, "");
}

static void fields_that_cannot_be_are_refused(void **state)
{
	(void)state;
	assert_hello(&(struct make_hello){ .name = "a.example", .ciphers_more = 2 }, HELLO_NAME,
		     "a.example");
	assert_hello(&(struct make_hello){ .name = "a.example", .ciphers_more = 1 }, HELLO_BAD, "");
	assert_hello(&(struct make_hello){ .name = "a.example", .session_more = 1 }, HELLO_BAD, "");
	assert_hello(&(struct make_hello){ .name = "a.example", .name_type = 1 }, HELLO_BAD, "");
}

static void what_is_not_a_hello_is_refused(void **state)
{
	static const uint8_t ssl2[] = {
		0x80, 0x2e, 0x01, 0x03, 0x01, 0x00, 0x15, 0x00, 0x00, 0x00
	};
	static const uint8_t alert[] = { 21, 3, 1, 0, 2, 1, 90 };
	static const uint8_t change[] = { 20, 3, 1, 0, 1, 1, 22, 3, 1, 0, 4, 1, 0, 0, 0 };
	static const uint8_t data[] = { 23, 3, 3, 0, 1, 0 };
	static const uint8_t empty[] = { 22, 3, 1, 0, 0, 22, 3, 1, 0, 1, 1 };
	static const uint8_t major[] = { 22, 2, 0, 0, 1, 1 };
	static const uint8_t large[] = { 22, 3, 1, 0x40, 1, 1 };
	static const uint8_t server[] = { 22, 3, 1, 0, 4, 2, 0, 0, 80 };
	static const uint8_t huge[] = { 22, 3, 1, 0, 4, 1, 1, 0, 1 };
	static const uint8_t version[] = { 22, 3, 1, 0, 6, 1, 0, 0, 50, 2, 0 };
	static const uint8_t no_bytes[] = { 22, 3, 1, 0, 4, 1, 0, 0, 0 };

	(void)state;
	ASSERT_TLS(ssl2, HELLO_BAD, "");
	ASSERT_TLS(alert, HELLO_BAD, "");
	ASSERT_TLS(change, HELLO_BAD, "");
	ASSERT_TLS(data, HELLO_BAD, "");
	ASSERT_TLS(empty, HELLO_BAD, "");
	ASSERT_TLS(major, HELLO_BAD, "");
	ASSERT_TLS(large, HELLO_BAD, "");
	ASSERT_TLS(server, HELLO_BAD, "");
	ASSERT_TLS(huge, HELLO_BAD, "");
	ASSERT_TLS(version, HELLO_BAD, "");
	ASSERT_TLS(no_bytes, HELLO_BAD, "");
	ASSERT_TLS(head_of_curl, HELLO_BAD, "");
	assert_flow(HELLO_KIND_HTTP, hello_of_curl, sizeof(hello_of_curl), HELLO_BAD, "");
	assert_flow(HELLO_KIND_NONE, hello_of_curl, sizeof(hello_of_curl), HELLO_BAD, "");
}

/* A first hello, what the test adds behind it, and a second hello. */
static struct make two;
static const uint8_t sealed[256]; /* what is in a record of early data */

static void two_begin(const struct make_hello *first)
{
	two.size = two.n_lengths = 0;
	make_flow(&two, first);
}

static void assert_two(const struct make_hello *second, enum hello_result want, int watching)
{
	if (second)
		make_flow(&two, second);
	assert_flow(HELLO_KIND_TLS, two.bytes, two.size, want, "a.example");
	assert_int_equal(!!(hello.flags & HELLO_WATCHING), watching);
}

static const struct make_hello name_a = { .name = "a.example" }, name_b = { .name = "b.example" },
			       name_long = { .name = "a.example.net" },
			       name_early = { .name = "a.example", .early = 1 }, name_none = {};

static void a_second_hello_says_the_same_name(void **state)
{
	(void)state;
	two_begin(&name_a);
	assert_two(NULL, HELLO_NAME, 1);
	assert_two(&name_a, HELLO_NAME, 0);
	two_begin(&name_a);
	assert_two(&name_b, HELLO_BAD, 0);
	two_begin(&name_a);
	assert_two(&name_long, HELLO_BAD, 0);
	two_begin(&name_long);
	assert_two(&name_a, HELLO_BAD, 0);
	two_begin(&name_a);
	assert_two(&name_none, HELLO_BAD, 0);
	two_begin(&name_none);
	assert_two(&name_a, HELLO_BAD, 0);
}

static void a_second_hello_is_found_behind_other_records(void **state)
{
	(void)state;
	two_begin(&name_a);
	make_record(&two, 20, "\1", 1);
	make_record(&two, 21, "\1\132", 2);
	assert_two(NULL, HELLO_NAME, 1);
	assert_two(&name_b, HELLO_BAD, 0);
	two_begin(&name_early);
	make_record(&two, 20, "\1", 1);
	make_record(&two, 23, sealed, 40);
	make_record(&two, 23, sealed, 17);
	assert_two(NULL, HELLO_NAME, 1);
	assert_two(&name_b, HELLO_BAD, 0);
}

static void early_data_has_a_type_and_a_tag(void **state)
{
	(void)state;
	two_begin(&name_early);
	make_record(&two, 23, sealed, 16);
	assert_two(NULL, HELLO_BAD, 0);
}

static void once_the_handshake_goes_on_nothing_is_looked_at(void **state)
{
	(void)state;
	two_begin(&name_a); /* TLS 1.2: ClientKeyExchange */
	make_record(&two, 22, "\20\0\0\1\0", 5);
	assert_two(&name_b, HELLO_NAME, 0);
	two_begin(&name_a); /* TLS 1.3 without early data */
	make_record(&two, 20, "\1", 1);
	make_record(&two, 23, sealed, 40);
	assert_two(&name_b, HELLO_NAME, 0);
	two_begin(&name_early); /* more early data than there may be */
	make_record(&two, 23, sealed, 80);
	for (int i = 0; i < 64; i++)
		make_record(&two, 23, sealed, 256);
	assert_int_equal(whole(HELLO_KIND_TLS, two.bytes, two.size), HELLO_NAME);
	assert_false(hello_wants(&hello));
}

/* All that the limits allow, in one segment. */
static void the_worst_segment_is_read_in_time(void **state)
{
	static struct make message;
	size_t each;

	(void)state;
	message.size = two.size = 0;
	make_hello(&message, &(struct make_hello){
				 .name = "a.example", .early = 1, .fill = HELLO_EXTENSIONS - 4 });
	each = (message.size + HELLO_RECORDS - 1) / HELLO_RECORDS;
	make_records(&two, &message, each);
	for (int i = 0; i < HELLO_EARLY_BYTES / 17; i++)
		make_record(&two, 23, message.bytes, 17);
	make_records(&two, &message, each);
	most_steps = 0;
	assert_int_equal(whole(HELLO_KIND_TLS, two.bytes, two.size), HELLO_NAME);
	assert_false(hello_wants(&hello));
	assert_in_range(most_steps, 800, HELLO_STEPS - 1);
}

static void assert_head(const char *head, enum hello_result want, const char *name)
{
	assert_flow(HELLO_KIND_HTTP, head, strlen(head), want, name);
}

static void a_head_says_its_host(void **state)
{
	static const char *const good[] = {
		"GET / HTTP/1.1\r\nHost: a.example\r\n\r\n",
		"GET / HTTP/1.1\nhOST:A.Example\n\n",
		"POST /x?y HTTP/1.0\r\nX: y\r\nHost: \t a.example:80 \t\r\nHosts: b\r\nHos: c\r\n\r\nrest",
		"OPTIONS * HTTP/1.1\r\nA-Host: b\r\nHost:a.example: \r\nB:\r\n\r\n",
		"GET http://A.example/ HTTP/1.1\r\nHost: a.EXAMPLE:8080\r\n\r\n",
		"GET HTTP://a.example:80?q HTTP/1.1\r\nHost: a.example\r\n\r\n",
		"GET http://a.example HTTP/1.0\r\n\r\n",
		"GET /\xc3\xa4 HTTP/1.1\r\nHost: a.example\r\nX: \xc3\xa4\t\r\n\r\n",
		"PRIVATE / HTTP/1.1\r\nHost: a.example\r\n\r\n",
		"CONNECTED / HTTP/1.1\r\nHost: a.example\r\n\r\n",
	};

	(void)state;
	for (unsigned i = 0; i < sizeof(good) / sizeof(good[0]); i++)
		assert_head(good[i], HELLO_NAME, "a.example");
	assert_head("GET / HTTP/1.0\r\n\r\n", HELLO_NONE, "");
	assert_head("GET / HTTP/1.0\r\nHost: a.example\r\n", HELLO_MORE, "");
}

static void a_host_that_servers_may_read_otherwise_is_refused(void **state)
{
	static const char *const bad[] = {
		"GET / HTTP/1.1\r\nHost: a.example\r\nHost: b.example\r\n\r\n",
		"GET / HTTP/1.1\r\nHost: a.example\r\nhost: a.example\r\n\r\n",
		"GET http://b.example/ HTTP/1.1\r\nHost: a.example\r\n\r\n",
		"GET http://a.example.net/ HTTP/1.1\r\nHost: a.example\r\n\r\n",
		"GET http://a.example/ HTTP/1.1\r\nHost: a.example.net\r\n\r\n",
		"GET http://u@a.example/ HTTP/1.1\r\nHost: a.example\r\n\r\n",
		"GET http:///x HTTP/1.1\r\nHost: a.example\r\n\r\n",
		"GET / HTTP/1.1\r\nHost: a.example\r\n b.example\r\n\r\n",
		"GET / HTTP/1.1\r\nHost:\r\n a.example\r\n\r\n",
		"GET / HTTP/1.1\r\nX: y\r\n Host: b.example\r\nHost: a.example\r\n\r\n",
		"GET / HTTP/1.1\r\n Host: b.example\r\nHost: a.example\r\n\r\n",
		"GET / HTTP/1.1\r\nHost : b.example\r\nHost: a.example\r\n\r\n",
		"GET / HTTP/1.1\r\nX: y\rHost: b.example\r\nHost: a.example\r\n\r\n",
		"GET / HTTP/1.1\r\nHost: a.example b.example\r\n\r\n",
		"GET / HTTP/1.1\r\nHost: a.example,b.example\r\n\r\n",
		"GET / HTTP/1.1\r\nHost: a.example:80a\r\n\r\n",
		"GET / HTTP/1.1\r\nHost: a.example.\r\n\r\n",
		"GET / HTTP/1.1\r\nHost: \r\n\r\n",
		"GET / HTTP/1.1\r\nHost: :80\r\n\r\n",
		"GET / HTTP/1.1\r\nHost: [2001:db8::1]\r\n\r\n",
		"GET / HTTP/1.1\r\n: x\r\nHost: a.example\r\n\r\n",
		"GET / HTTP/1.1\r\nX\r\nHost: a.example\r\n\r\n",
		"GET / HTTP/1.1\r\nX: \x0b\r\nHost: a.example\r\n\r\n",
	};

	(void)state;
	for (unsigned i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_head(bad[i], HELLO_BAD, "");
}

static void a_request_that_is_none_is_refused(void **state)
{
	static const char *const bad[] = {
		"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
		"CONNECT a.example:443 HTTP/1.1\r\nHost: a.example\r\n\r\n",
		"connect http://a.example/ HTTP/1.1\r\nHost: a.example\r\n\r\n",
		"GET /\r\n",
		"GET / HTTP/2.0\r\nHost: a.example\r\n\r\n",
		"GET / HTTP/1.2\r\nHost: a.example\r\n\r\n",
		"GET / HTTP/1.1 \r\nHost: a.example\r\n\r\n",
		"GET  / HTTP/1.1\r\nHost: a.example\r\n\r\n",
		"GET\t/ HTTP/1.1\r\nHost: a.example\r\n\r\n",
		"GET /\tHTTP/1.1 HTTP/1.1\r\nHost: a.example\r\n\r\n",
		"GET https://a.example/ HTTP/1.1\r\nHost: a.example\r\n\r\n",
		"GET a.example:80 HTTP/1.1\r\nHost: a.example\r\n\r\n",
		"GET *x HTTP/1.1\r\nHost: a.example\r\n\r\n",
		"\r\nGET / HTTP/1.1\r\nHost: a.example\r\n\r\n",
		" / HTTP/1.1\r\nHost: a.example\r\n\r\n",
		"SSH-2.0-OpenSSH_9.2\r\n",
		"ABCDEFGHIJKLMNOPQRSTUVWXYZABCDEFG / HTTP/1.1\r\nHost: a.example\r\n\r\n",
	};

	(void)state;
	for (unsigned i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_head(bad[i], HELLO_BAD, "");
}

static void a_head_has_8_kib_at_most(void **state)
{
	static const char start[] = "GET / HTTP/1.1\r\nHost: a.example\r\nX: ";
	static char head[HELLO_HEAD + 2];

	(void)state;
	memset(head, 'x', sizeof(head));
	memcpy(head, start, sizeof(start) - 1);
	memcpy(head + HELLO_HEAD - 4, "\r\n\r\n", 4);
	assert_int_equal(whole(HELLO_KIND_HTTP, head, HELLO_HEAD), HELLO_NAME);
	assert_int_equal(flow(HELLO_KIND_HTTP, (uint8_t *)head, HELLO_HEAD, 1, 1), HELLO_NAME);
	memcpy(head + HELLO_HEAD - 4, "x\r\n\r\n", 5);
	assert_int_equal(whole(HELLO_KIND_HTTP, head, HELLO_HEAD + 1), HELLO_BAD);
	assert_int_equal(flow(HELLO_KIND_HTTP, (uint8_t *)head, HELLO_HEAD + 1, 1, 1), HELLO_BAD);
}

static void bytes_that_were_seen_are_not_read_again(void **state)
{
	uint8_t changed[sizeof(hello_of_curl)];
	size_t half = sizeof(hello_of_curl) / 2;

	(void)state;
	memset(changed, 0xff, sizeof(changed));
	memcpy(changed + half, hello_of_curl + half, sizeof(changed) - half);
	hello_begin(&hello, HELLO_KIND_TLS, FIRST);
	assert_int_equal(segment(FIRST, hello_of_curl, half), HELLO_MORE);
	assert_int_equal(segment(FIRST, changed, half), HELLO_MORE);
	assert_int_equal(segment(FIRST + 5, changed, 3), HELLO_MORE);
	assert_int_equal(segment(FIRST - 1, NULL, 0), HELLO_MORE); /* keepalive */
	assert_int_equal(segment(FIRST, changed, sizeof(changed)), HELLO_NAME);
	assert_string_equal(hello.name, "example.com");
}

static void a_gap_is_refused(void **state)
{
	(void)state;
	hello_begin(&hello, HELLO_KIND_TLS, FIRST);
	assert_int_equal(segment(FIRST, hello_of_curl, 100), HELLO_MORE);
	assert_int_equal(segment(FIRST + 101, hello_of_curl + 101, 50), HELLO_BAD);
	assert_int_equal(segment(FIRST + 100, hello_of_curl + 100, 417), HELLO_BAD);
}

static void fresh_storage_is_refused(void **state)
{
	(void)state;
	memset(&hello, 0, sizeof(hello));
	assert_int_equal(segment(0, hello_of_curl, sizeof(hello_of_curl)), HELLO_BAD);
}

static void what_is_refused_stays_refused(void **state)
{
	(void)state;
	whole(HELLO_KIND_TLS, hello_of_curl, sizeof(hello_of_curl));
	assert_true(hello_wants(&hello));
	hello_refuse(&hello);
	assert_false(hello_wants(&hello));
	assert_int_equal(segment(FIRST, hello_of_curl, sizeof(hello_of_curl)), HELLO_BAD);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(real_clients_say_their_name),
		cmocka_unit_test(a_post_quantum_hello_is_longer_than_a_segment),
		cmocka_unit_test(a_hello_of_64_kib_is_one_segment),
		cmocka_unit_test(a_hello_without_a_name_says_none),
		cmocka_unit_test(an_encrypted_hello_is_marked_and_its_outer_name_counts),
		cmocka_unit_test(two_names_are_refused_even_if_equal),
		cmocka_unit_test(a_name_is_letters_digits_and_dots_between),
		cmocka_unit_test(a_name_has_255_bytes_at_most),
		cmocka_unit_test(records_may_cut_it_anywhere),
		cmocka_unit_test(a_hello_has_64_records_at_most),
		cmocka_unit_test(a_hello_has_96_extensions_at_most),
		cmocka_unit_test(part_of_a_hello_says_nothing_yet),
		cmocka_unit_test(a_length_that_lies_is_noticed),
		cmocka_unit_test(a_message_that_ends_anywhere_is_noticed),
		cmocka_unit_test(a_record_ends_with_the_message),
		cmocka_unit_test(fields_that_cannot_be_are_refused),
		cmocka_unit_test(what_is_not_a_hello_is_refused),
		cmocka_unit_test(a_second_hello_says_the_same_name),
		cmocka_unit_test(a_second_hello_is_found_behind_other_records),
		cmocka_unit_test(early_data_has_a_type_and_a_tag),
		cmocka_unit_test(once_the_handshake_goes_on_nothing_is_looked_at),
		cmocka_unit_test(the_worst_segment_is_read_in_time),
		cmocka_unit_test(a_head_says_its_host),
		cmocka_unit_test(a_host_that_servers_may_read_otherwise_is_refused),
		cmocka_unit_test(a_request_that_is_none_is_refused),
		cmocka_unit_test(a_head_has_8_kib_at_most),
		cmocka_unit_test(bytes_that_were_seen_are_not_read_again),
		cmocka_unit_test(a_gap_is_refused),
		cmocka_unit_test(fresh_storage_is_refused),
		cmocka_unit_test(what_is_refused_stays_refused),
	};

	return cmocka_run_group_tests_name("hello", tests, NULL, NULL);
}
