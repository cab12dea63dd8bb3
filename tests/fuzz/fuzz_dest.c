// SPDX-License-Identifier: Apache-2.0
/* fuzz_dest.c - what is read as a destination or a time, and written, is read as the same */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/addr.h"

static void write_and_read(const struct dest *dest)
{
	char host[ADDR_TEXT], text[128], name[8], port[8] = "", proto[16] = "";
	struct dest again = {};
	int v6;

	dest_format(host, dest);
	v6 = dest->port && dest->bits == 128 && strchr(host, ':');
	if (dest->port)
		snprintf(port, sizeof(port), ":%u", dest->port);
	if (dest->proto)
		snprintf(proto, sizeof(proto), "/%s", proto_name(dest->proto, name));
	snprintf(text, sizeof(text), v6 ? "[%s]%s%s" : "%s%s%s", host, port, proto);
	if (dest_parse(text, &again, NULL) || memcmp(again.addr, dest->addr, 16) ||
	    again.bits != dest->bits || again.port != dest->port || again.proto != dest->proto)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct problem why = {};
	char text[256];
	struct dest dest;
	uint64_t seconds, again;

	if (size >= sizeof(text))
		return 0;
	memcpy(text, data, size);
	text[size] = '\0';
	if (!dest_parse(text, &dest, &why))
		write_and_read(&dest);
	else if (!why.text[0])
		abort();
	if (duration_parse(text, &seconds, NULL))
		return 0;
	snprintf(text, sizeof(text), "%" PRIu64 "s", seconds);
	if (!seconds || seconds > 366 * 86400 || duration_parse(text, &again, NULL) ||
	    again != seconds)
		abort();
	return 0;
}
