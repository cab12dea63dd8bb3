// SPDX-License-Identifier: Apache-2.0
/*
 * fuzz_proxy_agent.c - what a container says to the signer: messages, each behind its length
 *
 * A reply is one of the four there are and as long as it says; what was signed verifies; and a key
 * with limits signed only what they let it.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "proxy/signer/session.h"

static struct signing signing = { .local = true };
static struct keyring ring = { .project = "p", .read = true, .stamp.settled = true };
static struct held held[2];
static char *namespace = "git";

static void begin(void)
{
	struct problem why;

	log_setup("fuzz", LOG_EMERG, false);
	if (loop_new(&signing.refusals.loop))
		abort();
	for (int i = 0; i < 2; i++)
		if (key_make(i ? KEY_P256 : KEY_ED25519, &held[i].key, &why))
			abort();
	held[1].limits.name = &namespace;
	held[1].limits.n_names = 1;
	ring.held = held;
	ring.n = 2;
	signing.rings.ring[0] = &ring;
	signing.rings.n = 1;
}

static void signed_check(struct span message, struct span reply)
{
	struct wire asked = wire_begin(message), wire = wire_begin(reply);
	struct span blob, data, signature;
	struct purpose purpose;

	wire_u8(&asked);
	wire_u8(&wire);
	blob = wire_string(&asked);
	data = wire_string(&asked);
	signature = wire_string(&wire);
	if (!wire_ended(&wire) || key_verify(blob, signature, data))
		abort();
	purpose_read(data, &purpose);
	if (span_same(blob, wire_out_span(&held[1].key->blob)) &&
	    !(purpose.kind == PURPOSE_TEXT && span_is(purpose.name, namespace)))
		abort();
}

static void listed_check(struct span reply)
{
	struct wire wire = wire_begin(reply);
	uint32_t n;

	wire_u8(&wire);
	n = wire_u32(&wire);
	for (uint32_t i = 0; i < 2 * n; i++)
		wire_string(&wire);
	if (!wire_ended(&wire) || n != 2)
		abort();
}

static void say(struct session *session, struct span message)
{
	struct wire_out out = {};
	struct word_confirm ask;
	struct span reply;

	if (session_message(session, message, false, &out, &ask))
		abort();
	reply = wire_out_span(&out);
	if (!reply.n)
		abort();
	switch (*reply.at) {
	case AGENT_FAILURE:
	case AGENT_SUCCESS:
		if (reply.n != 1)
			abort();
		break;
	case AGENT_LISTED: listed_check(reply); break;
	case AGENT_SIGNED: signed_check(message, reply); break;
	default: abort();
	}
	wire_out_done(&out);
}

/* What nobody would guess: a request for one of our keys, of the data that comes. */
static void say_sign(struct session *session, const struct held *with, struct span data)
{
	struct wire_out out = {};

	wire_put_u8(&out, AGENT_SIGN);
	wire_put_string(&out, wire_out_span(&with->key->blob));
	wire_put_string(&out, data);
	wire_put_u32(&out, 0);
	say(session, wire_out_span(&out));
	wire_out_done(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct word_open who = { .project = "p", .local = 1 };
	struct word_opened told = {};
	struct session *session;
	struct wire wire = wire_of(data, size);

	if (!held[0].key)
		begin();
	if (session_open(&signing, &who, (struct span){}, &session, &told))
		abort();
	say_sign(session, &held[0], span_of(data, size));
	say_sign(session, &held[1], span_of(data, size));
	for (int i = 0; i < 16 && wire.left; i++) {
		struct span message = wire_string(&wire);

		if (wire.bad)
			break;
		say(session, message);
	}
	session_free(session);
	return 0;
}
