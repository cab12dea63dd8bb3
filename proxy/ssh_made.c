// SPDX-License-Identifier: Apache-2.0
#include "ssh_made.h"

#include <errno.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/log.h"

static const char *type_of(const struct key *key)
{
	return key->kind == KEY_ED25519 ? "ed25519" : key->kind == KEY_RSA ? "rsa" : "ecdsa";
}

int ssh_made_store(struct store *store, const struct ssh_made *made, const struct ssh_terms *terms)
{
	_cleanup_secret_ struct secret *der = key_der(made->key);
	struct ssh_key row = { .type = type_of(made->key),
			       .blob = made->key->blob.bytes,
			       .blob_size = made->key->blob.n,
			       .comment = made->comment,
			       .fingerprint = made->key->fingerprint };
	_cleanup_free_ char *text = NULL;
	struct ssh_key_terms held;
	struct problem why = {};
	int64_t id;
	int r = der ? ssh_terms_row(terms, &held, &text) : -ENOMEM;

	if (r)
		return log_error(r, "the key");
	r = ssh_key_add(store, &row, der, &id, &why);
	if (!r)
		r = ssh_key_assign(store, made->project, id, &held, &why);
	return r ? log_error(0, "%s", why.text), -EIO : 0;
}

void ssh_made_show(const struct ssh_made *made, bool json)
{
	struct span blob = wire_out_span(&made->key->blob);
	_cleanup_free_ char *base64 = malloc((blob.n + 2) / 3 * 4 + 1);
	_cleanup_free_ char *line = NULL;
	_cleanup_json_ struct json out = {};

	if (!base64)
		return;
	EVP_EncodeBlock((unsigned char *)base64, blob.at, (int)blob.n);
	if (asprintf(&line, "%s %s %s", key_type(made->key), base64, made->comment) < 0) {
		line = NULL;
		return;
	}
	if (!json) {
		printf("%s %s (%s)\n%s\n", made->key->fingerprint, made->comment,
		       made->file ?: "in the store", line);
		return;
	}
	json_open_object(&out, NULL);
	json_add_string(&out, "project", made->project);
	json_add_string(&out, "type", type_of(made->key));
	json_add_string(&out, "fingerprint", made->key->fingerprint);
	json_add_string(&out, "comment", made->comment);
	json_add_string(&out, "public_key", line);
	if (made->file)
		json_add_string(&out, "private_key", made->file);
	if (made->config)
		json_add_string(&out, "config_path", made->config);
	json_close_object(&out);
	printf("%s\n", json_done(&out) ?: "");
}
