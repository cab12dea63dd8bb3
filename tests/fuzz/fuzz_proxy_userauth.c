// SPDX-License-Identifier: Apache-2.0
/*
 * fuzz_proxy_userauth.c - data to be signed, and where a connection is said to lead
 *
 * What is borrowed lies in the data; a login or a text is one only as a whole. A binding is believed
 * only if its signature is right, and then it is what was said.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "proxy/signer/bind.h"
#include "proxy/signer/key.h"
#include "proxy/signer/key_file.h"
#include "proxy/signer/purpose.h"

static const uint8_t *begin_of, *end_of;

static void lies_within(struct span span)
{
	if (span.n && (span.at < begin_of || span.at + span.n > end_of))
		abort();
}

static void purpose_check(const uint8_t *data, size_t size)
{
	struct purpose purpose, less;

	begin_of = data;
	end_of = data + size;
	purpose_read(span_of(data, size), &purpose);
	lies_within(purpose.session);
	lies_within(purpose.user);
	lies_within(purpose.key);
	lies_within(purpose.host);
	lies_within(purpose.name);
	if (purpose.kind == PURPOSE_LOGIN && (!purpose.user.n || !purpose.session.n))
		abort();
	if (purpose.kind == PURPOSE_TEXT && !purpose.name.n)
		abort();
	if (purpose.kind == PURPOSE_UNKNOWN || !size)
		return;
	purpose_read(span_of(data, size - 1), &less);
	if (less.kind != PURPOSE_UNKNOWN)
		abort();
}

/* The rest of it as a host would sign it. */
static void bind_check(const uint8_t *data, size_t size)
{
	static struct key *host;
	struct wire_out contents = {}, signature = {};
	struct bindings bindings = {};
	struct problem why;

	if (bind_add(&bindings, span_of(data, size)) == 0 && bindings.n != 1)
		abort();
	bind_done(&bindings);
	if (!host && key_make(KEY_ED25519, &host, &why))
		abort();
	if (size < 2)
		return;
	key_sign(host, span_of(data + 2, size - 2), 0, &signature);
	if (data[0] & 1) /* or nearly */
		signature.bytes[data[1] % signature.n] ^= 1;
	wire_put_string(&contents, wire_out_span(&host->blob));
	wire_put_string(&contents, span_of(data + 2, size - 2));
	wire_put_string(&contents, wire_out_span(&signature));
	wire_put_u8(&contents, data[0] >> 1 & 1);
	for (int i = 0; i < 2; i++)
		bind_add(&bindings, wire_out_span(&contents));
	if (bindings.n > 1 || (bindings.n && data[0] & 1))
		abort();
	if (!bindings.n && !(data[0] & 1) && size > 2 && size - 2 <= BIND_SESSION)
		abort();
	bind_done(&bindings);
	wire_out_done(&contents);
	wire_out_done(&signature);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	purpose_check(data, size);
	bind_check(data, size);
	return 0;
}
