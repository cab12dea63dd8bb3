// SPDX-License-Identifier: Apache-2.0
/*
 * fuzz_proxy_sealed.c - whatever is in a row in place of sealed text, only what was sealed there opens
 *
 * What is taken for sealed text is the text of the same bytes again; a key's text is a key or nothing.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "proxy/store/keys_source.h"
#include "proxy/store/seal.h"

static const uint8_t key[SEAL_KEY] = "a key of which a fuzzer knows 0";
static const struct seal_place place = { "credentials", "default", "claude" };

/* The same bytes, sealed by us, and then with one of them changed by what is given. */
static void ours(const uint8_t *data, size_t size)
{
	uint8_t *sealed = malloc(size + SEAL_SPARE);
	struct secret *back = NULL;

	if (!sealed || size > 4096 || seal_bytes(key, size, &place, data, size, sealed)) {
		free(sealed);
		return;
	}
	if (seal_open(key, &place, sealed, size + SEAL_SPARE, &back) || back->len != size ||
	    memcmp(back->bytes, data, size))
		abort();
	secret_freep(&back);
	sealed[data[0] % (size + SEAL_SPARE)] ^= 1 << (data[size - 1] & 7);
	if (!seal_open(key, &place, sealed, size + SEAL_SPARE, &back))
		abort();
	free(sealed);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct secret *opened = NULL, *text = NULL;
	uint8_t *sealed = NULL;
	size_t n = 0;

	if (!seal_from_text((const char *)data, size, &sealed, &n)) {
		char *again = seal_text(sealed, n);

		/* the last digit may have bits that are nobody's */
		if (!again || strlen(again) != size || memcmp(again, data, size - 4))
			abort();
		if (!seal_open(key, &place, sealed, n, &opened))
			abort();
		free(again);
	}
	free(sealed);
	if (!seal_open(key, &place, data, size, &opened))
		abort();
	text = size <= 4096 ? secret_from(data, size) : NULL;
	if (text && !keys_text_read(text, &opened) && opened->len != SEAL_KEY)
		abort();
	secret_free(opened);
	secret_free(text);
	if (size)
		ours(data, size);
	return 0;
}
