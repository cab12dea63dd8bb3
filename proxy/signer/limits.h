/* SPDX-License-Identifier: Apache-2.0 */
/*
 * limits.h - what a key may be used for: destinations, texts, confirmation, how often
 *
 *   { "destinations": [ { "host": "github.com", "user": "git", "keys": [ "ssh-ed25519 AAAA...", ... ] } ],
 *     "namespaces": [ "git" ], "confirm": true, "per_minute": 30, "total": 1000 }
 *
 * beside the paths of ssh-keys.json, or as the text of a row. Each may be left out: without
 * destinations and namespaces a key signs everything, with one of them only what one of them
 * says. What is not as it must be is an error, and its key is nobody's: it is never read as one
 * without limits. A destination is where ssh(1) goes from the container, proved by the host
 * (bind.h); beyond it, by a forwarded agent, such a key signs nothing. Threads: none shared.
 */
#ifndef SIGNER_LIMITS_H
#define SIGNER_LIMITS_H

#include <json-c/json.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/json.h"
#include "base/problem.h"
#include "bind.h"
#include "proxy/store/ssh_key.h"
#include "purpose.h"

#define LIMITS_DESTINATIONS 32
#define LIMITS_KEYS         16 /* of a destination */
#define LIMITS_NAMESPACES   16
#define LIMITS_TEXT         256     /* bytes of a host's, user's or namespace's name, and a NUL */
#define LIMITS_PER_MINUTE   1000000 /* at most */

struct destination {
	char *host, *user; /* user NULL: anybody there */
	struct wire_out *key;
	unsigned n_keys;
};

/* Zero: none. */
struct limits {
	struct destination *destination;
	unsigned n_destinations;
	char **name; /* namespaces */
	unsigned n_names;
	bool confirm;
	unsigned per_minute; /* 0: no end */
	int64_t total;       /* 0: no end */
};

/** limits_read() - from an object; keys of others are left alone. 0; -EINVAL, -ENOMEM, with @why */
int limits_read(struct json_object *from, struct limits *ret, struct problem *why);

/** limits_of_terms() - the same of a row's terms; as limits_read() */
int limits_of_terms(const struct ssh_key_terms *terms, struct limits *ret, struct problem *why);

/** limits_write() - as members of the object that is open */
void limits_write(const struct limits *limits, struct json *json);

/** limits_said() - is there any? */
bool limits_said(const struct limits *limits);

/**
 * limits_allow() - may @blob, a key of ours with these limits, be used for that now?
 * @ret: the destination that lets it; NULL: none does, or none had to; may be NULL
 *
 * How often and whether somebody confirms is not looked at. Return: 0; -EACCES with @why.
 */
int limits_allow(const struct limits *limits, struct span blob, const struct bindings *bindings,
		 const struct purpose *purpose, const struct destination **ret,
		 struct problem *why);

/** limits_reach() - is it of any use where @bindings lead? Who asks what there is sees no others */
bool limits_reach(const struct limits *limits, const struct bindings *bindings);

/** limits_key() - the blob in a line "TYPE BASE64 [COMMENT]"; 0; -EINVAL; -ENOMEM */
int limits_key(const char *line, struct wire_out *ret);

void limits_done(struct limits *limits);

#endif
