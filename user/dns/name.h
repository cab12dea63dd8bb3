/* SPDX-License-Identifier: Apache-2.0 */
/*
 * name.h - host names: on the wire, as text, as policy compares them
 *
 * As text a name is canonical: lower case, dots between labels, none at the end; labels of
 * letters, digits, '-' and '_', 1 to 63 bytes, 253 in all. Anything else that DNS allows (any
 * byte in a label, the root) is no host name: nobody can allow it, so nobody is asked for it.
 *
 * Called by: the resolver worker. No state, no allocation. Threads: any.
 */
#ifndef TEROK_DNS_NAME_H
#define TEROK_DNS_NAME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define DNS_NAME_LEN  256 /* text, NUL included */
#define DNS_NAME_MAX  253 /* bytes of text */
#define DNS_WIRE_MAX  255 /* bytes on the wire, RFC 1035 2.3.4 */
#define DNS_LABEL_MAX 63
#define DNS_POINTER   0xc0 /* the upper bits of a length: what follows is elsewhere */

/**
 * dns_name_read() - a name in a message, its pointers followed, as text
 * @at: where it begins; behind it afterwards
 * @ret: "" for a name that is no host name (the root included)
 *
 * A pointer must lead backwards, before the piece it ends, so no chain of them loops (RFC 1035
 * 4.1.4), and there are no more of them than a name can have labels. Return: 0; -EBADMSG: cut
 * off, too long, reserved label type, pointer forwards.
 */
int dns_name_read(const uint8_t *msg, size_t size, size_t *at, char ret[static DNS_NAME_LEN]);

/** dns_name_write() - a text as uncompressed wire; bytes written; -ENOSPC, -EINVAL not canonical */
int dns_name_write(uint8_t *out, size_t room, const char *name);

/** dns_name_is_canonical() - is @name, which ends somewhere, a host name as dns_name_read() gives it? */
bool dns_name_is_canonical(const char *name);

/** dns_name_is_below() - is @name a child of @zone, at any depth, and not @zone itself? */
bool dns_name_is_below(const char *name, const char *zone);

/** dns_name_hash() - FNV-1a, 64 bits: the number of a name in the kernel's maps, never 0 */
uint64_t dns_name_hash(const char *name);

#endif
