/* SPDX-License-Identifier: Apache-2.0 */
/*
 * git_text.h - text of git's and of people's: URLs, messages, names of branches. Bytes in, words out
 *
 * Nothing here is believed, nothing is read or run. Threads: any.
 */
#ifndef GATE_GIT_TEXT_H
#define GATE_GIT_TEXT_H

#include <stdbool.h>
#include <stddef.h>

#include "base/problem.h"

#define GIT_URL_MAX    2048
#define GIT_BRANCH_MAX 200 /* bytes: with what we put around it, it stays a file's name */
#define GIT_SHA_MAX    64  /* hexadecimal digits; SHA-1 has 40 */

/* How an upstream is reached. */
enum git_way {
	GIT_WAY_NONE,
	GIT_WAY_HTTPS,
	GIT_WAY_SSH,  /* ssh://, or host:path */
	GIT_WAY_HTTP, /* plain text: only when the operator says so */
	GIT_WAY_GIT,  /* the same */
	GIT_WAY_FILE, /* a path or file://, the same */
};

/**
 * git_url_way() - which way a URL goes
 *
 * Refused: other schemes, "helper::address", a dash in front (of it, of its host or of its
 * path: they would be options), bytes that are no printable ASCII, a relative path.
 * Return: 0; -EINVAL, -EPROTONOSUPPORT with @why, which does not repeat passwords.
 */
int git_url_way(const char *url, enum git_way *ret, struct problem *why);

/** git_way_name() - as GIT_ALLOW_PROTOCOL has it */
const char *git_way_name(enum git_way way);

/**
 * git_text_redact() - @text into @buf (@size bytes, at least 4): what stands between "://" and
 * "@" becomes "***", unprintable bytes become spaces
 *
 * Return: @buf.
 */
const char *git_text_redact(char *buf, size_t size, const char *text);

/**
 * git_text_error() - the lines of standard error that say what was wrong, as one, redacted
 * @lines: NUL-terminated
 *
 * Progress, hints and what was fetched are left out. Return: @buf, which is empty if nothing was said.
 */
const char *git_text_error(char *buf, size_t size, const char *lines);

/**
 * git_branch_check() - may this be a branch's name ("main", "a/b"; without refs/heads/)?
 *
 * git's own rules for references, a limit of GIT_BRANCH_MAX bytes, and no dash in front.
 * Return: 0; -EINVAL with @why.
 */
int git_branch_check(const char *name, struct problem *why);

/**
 * git_ref_check() - the same for a whole ref, of which the name is what stands behind refs/heads/,
 * refs/tags/ or refs/
 */
int git_ref_check(const char *ref, struct problem *why);

/** git_ref_branch() - what is behind "refs/heads/", borrowed; NULL: it is no branch */
const char *git_ref_branch(const char *ref);

/** git_is_sha() - 40 or 64 hexadecimal digits in small letters, and no more */
bool git_is_sha(const char *text);

/** git_is_zero() - one of those, and nothing but zeros */
bool git_is_zero(const char *sha);

#endif
