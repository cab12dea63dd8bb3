/* SPDX-License-Identifier: Apache-2.0 */
/*
 * base64url.h - RFC 4648, section 5, without padding, and one text for the same bytes
 *
 * Threads: no state, any.
 */
#ifndef REGISTRY_BASE64URL_H
#define REGISTRY_BASE64URL_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/** base64url_write() - text of bytes, NUL-terminated; @ret has room for 4 * (size / 3 + 1) + 1 */
void base64url_write(const void *bytes, size_t size, char *ret);

/** base64url_read() - bytes of text, at most @room; -EBADMSG: it is none, or is too long */
ssize_t base64url_read(const char *text, size_t size, void *ret, size_t room);

#endif
