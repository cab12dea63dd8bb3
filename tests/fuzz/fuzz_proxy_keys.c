// SPDX-License-Identifier: Apache-2.0
/*
 * fuzz_proxy_keys.c - ssh-keys.json, and key files
 *
 * Limits that are read are written, and read again, as the same. A key that is taken signs.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "proxy/signer/key_file.h"
#include "proxy/signer/keys_json.h"

static void limits_again(const struct limits *limits)
{
	struct json json = {}, again = {};
	struct json_object *object = NULL;
	struct limits read = {};
	struct problem why;
	const char *text;

	json_open_object(&json, NULL);
	limits_write(limits, &json);
	json_close_object(&json);
	text = json_done(&json);
	if (!text || json_parse(text, strlen(text), &object) || limits_read(object, &read, &why))
		abort();
	json_open_object(&again, NULL);
	limits_write(&read, &again);
	json_close_object(&again);
	if (strcmp(text, json_done(&again)))
		abort();
	json_object_put(object);
	json_free(&json);
	json_free(&again);
	limits_done(&read);
}

static void json_check(const char *text, size_t size)
{
	struct keys_entries entries = {};
	struct problem why;

	if (keys_json_parse(text, size, "p", &entries, &why))
		return;
	for (unsigned i = 0; i < entries.n; i++) {
		if (*entries.entry[i].private_key != '/' || entries.entry[i].limits.total)
			abort();
		limits_again(&entries.entry[i].limits);
	}
	keys_entries_done(&entries);
}

static void file_check(const struct secret *text)
{
	struct wire_out blob = {}, signature = {};
	struct key *key;
	struct problem why;

	if (!limits_key(text->bytes, &blob)) {
		key_blob_check(wire_out_span(&blob));
		wire_out_done(&blob);
	}
	if (key_file_parse(text, NULL, &key, &why))
		return;
	/* its halves may be of two keys, which is found where the public one is known */
	if (!key_sign(key, span_text("data"), 0, &signature))
		key_verify(wire_out_span(&key->blob), wire_out_span(&signature), span_text("data"));
	wire_out_done(&signature);
	key_unref(key);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct secret *text;

	if (size > 65536)
		return 0;
	text = secret_from(data, size);
	if (!text)
		return 0;
	json_check(text->bytes, size);
	file_check(text);
	key_blob_check(span_of(data, size));
	secret_free(text);
	return 0;
}
