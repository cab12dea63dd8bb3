// SPDX-License-Identifier: Apache-2.0
#include "dns/name.h"

#include <errno.h>
#include <string.h>

/* One name never needs more pointers than it can have labels, and without a limit each of
 * thousands of records could end in the same long chain of mere pointers. */
#define POINTERS_MAX 127

/* A byte of a label in canonical form; 0: no host name has it. */
static char canonical(uint8_t c)
{
	if (c >= 'A' && c <= 'Z')
		return c + ('a' - 'A');
	if ((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_')
		return c;
	return 0;
}

/* Where the pointer at @at leads, which must be before @piece; @size: none. */
static size_t pointer_follow(const uint8_t *msg, size_t size, size_t at, size_t piece)
{
	size_t to;

	if (size - at < 2)
		return size;
	to = (msg[at] & 0x3f) << 8 | msg[at + 1];
	return to < piece ? to : size;
}

int dns_name_read(const uint8_t *msg, size_t size, size_t *at, char ret[static DNS_NAME_LEN])
{
	size_t pos = *at, piece = pos, behind = 0, n = 0;
	unsigned pointers = 0;
	bool odd = false;

	ret[0] = '\0';
	for (;;) {
		uint8_t c;

		if (pos >= size)
			goto bad;
		c = msg[pos];
		if (!c)
			break;
		if (c >= DNS_POINTER) {
			behind = behind ?: pos + 2;
			pos = piece = pointer_follow(msg, size, pos, piece);
			if (++pointers > POINTERS_MAX)
				goto bad;
			continue;
		}
		/* as wire so far: n bytes, this label with its length, and the root's zero */
		if (c > DNS_LABEL_MAX || size - pos <= c || n + 1 + c + 1 > DNS_WIRE_MAX)
			goto bad;
		for (unsigned i = 1; i <= c; i++) {
			ret[n + i - 1] = canonical(msg[pos + i]);
			odd |= !ret[n + i - 1];
		}
		n += c + 1;
		ret[n - 1] = '.';
		pos += c + 1;
	}
	ret[n && !odd ? n - 1 : 0] = '\0';
	*at = behind ?: pos + 1;
	return 0;
bad:
	ret[0] = '\0';
	return -EBADMSG;
}

int dns_name_write(uint8_t *out, size_t room, const char *name)
{
	size_t n = strnlen(name, DNS_NAME_LEN), head = 0;

	if (!n || n > DNS_NAME_MAX)
		return -EINVAL;
	if (room < n + 2)
		return -ENOSPC;
	/* each dot becomes the length of the label behind it, and so does the end: the root's */
	for (size_t i = 0; i <= n; i++) {
		if (i < n && name[i] != '.') {
			if (!name[i] || canonical(name[i]) != name[i])
				return -EINVAL;
			out[i + 1] = name[i];
			continue;
		}
		if (i == head || i - head > DNS_LABEL_MAX)
			return -EINVAL;
		out[head] = i - head;
		head = i + 1;
	}
	out[head] = 0;
	return n + 2;
}

bool dns_name_is_canonical(const char *name)
{
	uint8_t wire[DNS_WIRE_MAX];

	return dns_name_write(wire, sizeof(wire), name) > 0;
}

bool dns_name_is_below(const char *name, const char *zone)
{
	size_t n = strlen(name), tail = strlen(zone);

	return tail && n > tail + 1 && name[n - tail - 1] == '.' &&
	       !memcmp(name + n - tail, zone, tail);
}

uint64_t dns_name_hash(const char *name)
{
	uint64_t hash = UINT64_C(0xcbf29ce484222325);

	for (; *name; name++)
		hash = (hash ^ (uint8_t)*name) * UINT64_C(0x100000001b3);
	return hash ?: 1;
}
