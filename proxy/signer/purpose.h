/* SPDX-License-Identifier: Apache-2.0 */
/*
 * purpose.h - what a signature is for: what stands in the bytes that shall be signed
 *
 * A login (SSH's user authentication, RFC 4252, and OpenSSH's host-bound form of it), a signed text
 * (OpenSSH's SSHSIG, as git signs commits), or nothing that we know. Bytes in, a struct out; all of it
 * is borrowed from them, and was chosen by whoever wants the signature. No state, any thread.
 */
#ifndef SIGNER_PURPOSE_H
#define SIGNER_PURPOSE_H

#include "wire.h"

#define PURPOSE_SHOWN 256 /* bytes of what people read of it, and a NUL */

enum purpose_kind { PURPOSE_UNKNOWN, PURPOSE_LOGIN, PURPOSE_TEXT };

struct purpose {
	enum purpose_kind kind;
	/* of a login */
	struct span session, user, key;
	struct span host; /* the host's key that it says; none: .at is NULL */
	/* of a text: "git", "file" */
	struct span name;
};

/** purpose_read() - never fails: what is not exactly one of those is unknown */
void purpose_read(struct span data, struct purpose *ret);

/** purpose_word() - "login", "text", "unknown" */
const char *purpose_word(const struct purpose *purpose);

#endif
