/* SPDX-License-Identifier: Apache-2.0 */
/*
 * audit.h - what was signed for whom: a line of JSON each
 *
 * What the client chose (a user's name, a namespace) is cut and made printable. What cannot be noted
 * is said in the log, once until it can be again, and the signature is given. What was refused never
 * makes the file give way for another: it has half of it, then a file of its own. Threads: none.
 */
#ifndef SIGNER_AUDIT_H
#define SIGNER_AUDIT_H

#include <stdbool.h>
#include <stdint.h>

#include "bind.h"
#include "keyring.h"
#include "purpose.h"

#define AUDIT_REFUSED ".refused" /* behind the file's name */

struct deed {
	const char *project, *task, *container, *token, *peer; /* token as people see it */
	const struct held *held;                               /* NULL: no key of the project */
	struct purpose purpose;
	const struct bound *bound;    /* where it leads, as the host proved; NULL: not known */
	const struct destination *to; /* what it is called; NULL: nobody said */
	size_t size;                  /* bytes that were to be signed */
	bool confirmed;
	const char *outcome, *why; /* "signed", "refused", "failed"; why not, or NULL */
};

/** audit_sign() - add a line to the file at @path; NULL: there is none */
void audit_sign(const char *path, const struct deed *deed);

/** audit_left_out() - @n that were refused to whom @deed says, and have no lines of their own */
void audit_left_out(const char *path, const struct deed *deed, uint64_t n);

/** deed_text() - what would be signed, for people, printable; returns @buf */
const char *deed_text(const struct deed *deed, char *buf, size_t size);

#endif
