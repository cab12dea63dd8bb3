/* SPDX-License-Identifier: Apache-2.0 */
/*
 * leaf.h - a peer's certificate as the registry sees it: bytes in, struct out
 *
 * Nothing here says that it is to be believed: its chain was TLS's to check. Called by: identity,
 * register, the verbs of pki. Threads: no state, any.
 */
#ifndef REGISTRY_LEAF_H
#define REGISTRY_LEAF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "agent_name.h"

#define LEAF_AGENT      "urn:clawker:agent:"
#define LEAF_CONTAINER  "urn:clawker:container:"
#define LEAF_THUMBPRINT 32 /* SHA-256 over its DER */
#define LEAF_HEX_LEN    (2 * LEAF_THUMBPRINT + 1)
#define LEAF_CN_LEN     128

/* Zero is missing, which identifies nobody. */
enum san { SAN_MISSING, SAN_MALFORMED, SAN_FOUND };

struct leaf {
	bool present;
	uint8_t thumbprint[LEAF_THUMBPRINT];
	char cn[LEAF_CN_LEN]; /* "" if there is none, more than one, or what is no text */
	enum san agent_san, container_san;
	char agent[AGENT_FULL_LEN];   /* behind LEAF_AGENT, if it was found */
	char container[AGENT_ID_LEN]; /* behind LEAF_CONTAINER */
};

/** leaf_read() - of DER; -EBADMSG: that is no certificate, and @ret is of none */
int leaf_read(const void *der, size_t size, struct leaf *ret);

/**
 * leaf_take_uri() - one more of its URIs: the first of each kind counts
 *
 * An empty tail, a NUL within or more than there is room for is malformed, for good.
 */
void leaf_take_uri(struct leaf *leaf, const char *uri, size_t size);

/** leaf_hex() - lowercase hexadecimal digits of a thumbprint */
void leaf_hex(const uint8_t thumbprint[static LEAF_THUMBPRINT], char ret[static LEAF_HEX_LEN]);

/** leaf_unhex() - back; false: not 64 lowercase digits */
bool leaf_unhex(const char *text, uint8_t ret[static LEAF_THUMBPRINT]);

/** leaf_same() - are both texts one? in a time that their contents do not tell of */
bool leaf_same(const char *a, const char *b);

#endif
