// SPDX-License-Identifier: Apache-2.0
/* test_grpc_bytes.c - what of gRPC is bytes: messages, codes, texts, deadlines, memory; no connection */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include <cmocka.h>

#include "grpc/decode.h"
#include "grpc/within.h"

static void a_message_is_the_same_in_pieces_of_any_length(void **state)
{
	const uint8_t bytes[] = "\0\0\0\0\5hello\0\0\0\0\0\0\0\0\0\2yo";

	(void)state;
	for (size_t bite = 1; bite < sizeof(bytes); bite++) {
		struct frame frame = {};
		size_t at = 0, n = sizeof(bytes) - 1;
		char all[32] = "";

		assert_true(frame_between(&frame));
		while (at < n) {
			ssize_t took =
			    frame_take(&frame, bytes + at, bite < n - at ? bite : n - at, 5);

			assert_true(took > 0);
			at += (size_t)took;
			if (!frame.message) {
				assert_false(frame_between(&frame));
				continue;
			}
			strncat(all, (const char *)frame.message, frame.size);
			strcat(all, ".");
			frame_next(&frame);
		}
		assert_true(frame_between(&frame));
		assert_string_equal(all, "hello..yo.");
	}
}

static void a_message_is_as_long_as_it_may_be(void **state)
{
	const uint8_t head[] = { 0, 0, 0, 0, 5 }, huge[] = { 0, 255, 255, 255, 255 },
		      compressed[] = { 1, 0, 0, 0, 1 }, none[] = { 2, 0, 0, 0, 1 };
	struct frame frame = {};

	(void)state;
	assert_int_equal(frame_take(&frame, head, 5, 5), 5);
	assert_int_equal(frame.room, 0); /* memory follows what came */
	frame_next(&frame);
	assert_int_equal(frame_take(&frame, head, 5, 4), -EMSGSIZE);
	frame_next(&frame);
	assert_int_equal(frame_take(&frame, huge, 5, 4 << 20), -EMSGSIZE);
	frame_next(&frame);
	assert_int_equal(frame_take(&frame, compressed, 5, 5), -EOPNOTSUPP);
	frame_next(&frame);
	assert_int_equal(frame_take(&frame, none, 5, 5), -EPROTO);
	frame_next(&frame);
}

static void a_text_passes_in_any_letters(void **state)
{
	char encoded[STATUS_ENCODED], decoded[STATUS_TEXT + 1];
	char all[256], longer[STATUS_TEXT + 2];

	(void)state;
	for (int i = 1; i < 256; i++)
		all[i - 1] = (char)i;
	all[255] = '\0';
	status_encode(encoded, all);
	for (const char *c = encoded; *c; c++)
		assert_true(*c >= 0x20 && *c <= 0x7e);
	assert_string_equal(status_decode(decoded, encoded), all);
	assert_string_equal(status_decode(decoded, "%4a%4A%zz%4%00%"), "JJ%zz%4%00%");
	memset(longer, 'x', sizeof(longer) - 1);
	longer[sizeof(longer) - 1] = '\0';
	assert_int_equal(strlen(status_encode(encoded, longer)), STATUS_TEXT);
	assert_int_equal(strlen(status_decode(decoded, longer)), STATUS_TEXT);
}

static void a_code_that_is_none_is_unknown(void **state)
{
	(void)state;
	assert_int_equal(status_code("0"), GRPC_OK);
	assert_int_equal(status_code("16"), GRPC_UNAUTHENTICATED);
	assert_int_equal(status_code("17"), GRPC_UNKNOWN);
	assert_int_equal(status_code(""), GRPC_UNKNOWN);
	assert_int_equal(status_code("-1"), GRPC_UNKNOWN);
	assert_int_equal(status_code("0x"), GRPC_UNKNOWN);
	assert_int_equal(status_code("4294967296"), GRPC_UNKNOWN);
	assert_string_equal(grpc_code_name(GRPC_UNAVAILABLE), "UNAVAILABLE");
	assert_string_equal(grpc_code_name((enum grpc_code)99), "UNKNOWN");
}

static void what_http_says_instead_has_a_code(void **state)
{
	static const struct {
		unsigned http;
		enum grpc_code code;
	} status[] = { { 400, GRPC_INTERNAL },          { 401, GRPC_UNAUTHENTICATED },
		       { 403, GRPC_PERMISSION_DENIED }, { 404, GRPC_UNIMPLEMENTED },
		       { 429, GRPC_UNAVAILABLE },       { 502, GRPC_UNAVAILABLE },
		       { 503, GRPC_UNAVAILABLE },       { 504, GRPC_UNAVAILABLE },
		       { 500, GRPC_UNKNOWN },           { 302, GRPC_UNKNOWN } };
	static const struct {
		uint32_t error;
		enum grpc_code code;
	} reset[] = { { NGHTTP2_NO_ERROR, GRPC_INTERNAL },
		      { NGHTTP2_PROTOCOL_ERROR, GRPC_INTERNAL },
		      { NGHTTP2_REFUSED_STREAM, GRPC_UNAVAILABLE },
		      { NGHTTP2_CANCEL, GRPC_CANCELLED },
		      { NGHTTP2_ENHANCE_YOUR_CALM, GRPC_RESOURCE_EXHAUSTED },
		      { NGHTTP2_INADEQUATE_SECURITY, GRPC_PERMISSION_DENIED } };

	(void)state;
	for (size_t i = 0; i < sizeof(status) / sizeof(status[0]); i++)
		assert_int_equal(status_of_http(status[i].http), status[i].code);
	for (size_t i = 0; i < sizeof(reset) / sizeof(reset[0]); i++)
		assert_int_equal(status_of_reset(reset[i].error), reset[i].code);
}

static void a_deadline_is_never_shorter_on_the_wire(void **state)
{
	static const uint64_t some[] = { 1,
					 99999999,
					 100000000,
					 100000001,
					 SECOND_NS,
					 30 * SECOND_NS + 1,
					 100000000 * SECOND_NS,
					 3600 * SECOND_NS * 1000000 };
	char text[STATUS_TIMEOUT];
	uint64_t ns;

	(void)state;
	for (size_t i = 0; i < sizeof(some) / sizeof(some[0]); i++) {
		assert_true(status_timeout_read(status_timeout(text, some[i]), &ns));
		assert_true(ns >= some[i]);
		assert_true(ns - some[i] <= some[i] / 10000);
	}
	assert_true(status_timeout_read("99999999H", &ns));
	assert_int_equal(ns, UINT64_MAX);
	assert_true(status_timeout_read("5m", &ns));
	assert_int_equal(ns, 5000000);
	for (const char *const *bad = (const char *const[]){ "", "5", "S", "123456789S", "-1S",
							     "1s", "1SS", " 1S", NULL };
	     *bad; bad++)
		assert_false(status_timeout_read(*bad, &ns));
}

static void only_grpc_is_grpc(void **state)
{
	(void)state;
	assert_true(status_is_grpc("application/grpc"));
	assert_true(status_is_grpc("application/grpc+proto"));
	assert_true(status_is_grpc("Application/gRPC;charset=x"));
	assert_false(status_is_grpc("application/grpc+json"));
	assert_false(status_is_grpc("application/grpc-web"));
	assert_false(status_is_grpc("text/html"));
}

static void what_is_decoded_has_as_much_as_it_may_and_no_more(void **state)
{
	struct decode decode;
	ProtobufCAllocator *within = decode_within(&decode, 1000);
	void *one, *two;

	(void)state;
	assert_null(within->alloc(within->allocator_data, 953)); /* a piece costs 48 beside it */
	assert_null(within->alloc(within->allocator_data, SIZE_MAX));
	one = within->alloc(within->allocator_data, 852);
	two = within->alloc(within->allocator_data, 52);
	assert_non_null(one);
	assert_non_null(two);
	assert_null(within->alloc(within->allocator_data, 0));
	within->free(within->allocator_data, one);
	within->free(within->allocator_data, two);
}

/* How many pages of @bytes are there. */
static unsigned resident(const uint8_t *bytes, size_t n)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE);
	uint8_t *from = (uint8_t *)((uintptr_t)bytes & ~(page - 1));
	unsigned char there[64] = {};
	unsigned count = 0;

	n = (size_t)(bytes + n - from);
	assert_int_equal(mincore(from, n, there), 0);
	for (size_t i = 0; i * page < n; i++)
		count += there[i] & 1;
	return count;
}

static void a_long_piece_is_there_as_far_as_it_was_written(void **state)
{
	nghttp2_mem *mem = pieces();
	uint8_t *piece = mem->malloc(PIECE, NULL);

	(void)state;
	assert_non_null(piece);
	memset(piece, 1, 100);
	assert_int_equal(resident(piece, PIECE), 1);
	piece[PIECE - 1] = 2;
	assert_int_equal(resident(piece, PIECE), 2);
	mem->free(piece, NULL);
	mem->free(NULL, NULL);
}

static void a_piece_that_grows_and_shrinks_keeps_what_is_in_it(void **state)
{
	static const size_t lengths[] = { 0,          1,         100,       PIECE - 17,
					  PIECE - 16, PIECE - 1, PIECE + 1, 10 * PIECE + 3,
					  5,          0 };
	nghttp2_mem *mem = pieces();
	uint8_t *piece = NULL;
	size_t had = 0;

	(void)state;
	for (unsigned i = 0; i < sizeof(lengths) / sizeof(*lengths); i++) {
		size_t n = lengths[i], both = n < had ? n : had;

		piece = mem->realloc(piece, n, NULL);
		assert_non_null(piece);
		for (size_t k = 0; k < both; k++)
			assert_int_equal(piece[k], k % 251);
		for (size_t k = 0; k < n; k++)
			piece[k] = (uint8_t)(k % 251);
		had = n;
	}
	mem->free(piece, NULL);
	piece = mem->calloc(PIECE, 3, NULL);
	for (size_t k = 0; k < 3 * PIECE; k++)
		assert_int_equal(piece[k], 0);
	mem->free(piece, NULL);
	assert_null(mem->calloc(SIZE_MAX / 2, 3, NULL));
	assert_null(mem->malloc(SIZE_MAX, NULL));
	assert_null(mem->malloc(SIZE_MAX / 4, NULL));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_message_is_the_same_in_pieces_of_any_length),
		cmocka_unit_test(a_message_is_as_long_as_it_may_be),
		cmocka_unit_test(a_text_passes_in_any_letters),
		cmocka_unit_test(a_code_that_is_none_is_unknown),
		cmocka_unit_test(what_http_says_instead_has_a_code),
		cmocka_unit_test(a_deadline_is_never_shorter_on_the_wire),
		cmocka_unit_test(only_grpc_is_grpc),
		cmocka_unit_test(what_is_decoded_has_as_much_as_it_may_and_no_more),
		cmocka_unit_test(a_long_piece_is_there_as_far_as_it_was_written),
		cmocka_unit_test(a_piece_that_grows_and_shrinks_keeps_what_is_in_it),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
