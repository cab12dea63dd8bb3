// SPDX-License-Identifier: Apache-2.0
#include "purpose.h"

#define MSG_USERAUTH_REQUEST 50
#define MAGIC                "SSHSIG"
#define SESSION_MAX          128 /* bytes of a session's id: a digest */

static bool login_read(struct span data, struct purpose *ret)
{
	struct wire wire = wire_begin(data);
	struct purpose said = { .kind = PURPOSE_LOGIN };
	struct span service, method, algorithm;
	bool bound;

	said.session = wire_string(&wire);
	if (wire_u8(&wire) != MSG_USERAUTH_REQUEST)
		return false;
	said.user = wire_string(&wire);
	service = wire_string(&wire);
	method = wire_string(&wire);
	bound = span_is(method, "publickey-hostbound-v00@openssh.com");
	if (wire_u8(&wire) != 1 || !span_is(service, "ssh-connection") ||
	    !(bound || span_is(method, "publickey")))
		return false;
	algorithm = wire_string(&wire);
	said.key = wire_string(&wire);
	if (bound)
		said.host = wire_string(&wire);
	if (!wire_ended(&wire) || !said.session.n || said.session.n > SESSION_MAX || !said.user.n ||
	    !algorithm.n || (bound && !said.host.n))
		return false;
	*ret = said;
	return true;
}

static bool text_read(struct span data, struct purpose *ret)
{
	struct wire wire = wire_begin(data);
	struct purpose said = { .kind = PURPOSE_TEXT };
	struct span digest, hash;

	if (!span_is(wire_bytes(&wire, sizeof(MAGIC) - 1), MAGIC))
		return false;
	said.name = wire_string(&wire);
	wire_string(&wire); /* reserved */
	digest = wire_string(&wire);
	hash = wire_string(&wire);
	if (!wire_ended(&wire) || !said.name.n)
		return false;
	if (!(span_is(digest, "sha512") && hash.n == 64) &&
	    !(span_is(digest, "sha256") && hash.n == 32))
		return false;
	*ret = said;
	return true;
}

void purpose_read(struct span data, struct purpose *ret)
{
	*ret = (struct purpose){};
	if (!login_read(data, ret))
		text_read(data, ret);
}

const char *purpose_word(const struct purpose *purpose)
{
	switch (purpose->kind) {
	case PURPOSE_LOGIN: return "login";
	case PURPOSE_TEXT: return "text";
	case PURPOSE_UNKNOWN: break;
	}
	return "unknown";
}
