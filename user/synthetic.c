// SPDX-License-Identifier: Apache-2.0
#include "synthetic.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/addr.h"
#include "base/cleanup.h"
#include "base/log.h"

#define LINE_MAX_ 128

static struct synthetic_ranges ranges = {
	.v4 = 0xc6120000, .v4_mask = 0xfffe0000, .v6_first = 0xfd73796e, .v6_second = 0
};

static uint32_t word(const uint8_t addr[static 16], unsigned i)
{
	uint32_t w;

	memcpy(&w, addr + 4 * i, sizeof(w));
	return ntohl(w);
}

static int range_take(const char *text, struct synthetic_ranges *ret, struct problem *why)
{
	struct dest dest;
	int r = dest_parse(text, &dest, why);

	if (r)
		return r;
	if (dest.port || dest.proto)
		return problem(why, -EINVAL, "'%s': a prefix alone is expected", text);
	if (addr_is_v4(dest.addr)) {
		if (dest.bits < 96 + 8 || dest.bits > 96 + 24)
			return problem(why, -EINVAL, "'%s': 8 to 24 bits are expected", text);
		ret->v4_mask = ~0U << (128 - dest.bits);
		ret->v4 = word(dest.addr, 3) & ret->v4_mask;
		return 0;
	}
	if (dest.bits != 64)
		return problem(why, -EINVAL, "'%s': 64 bits are expected", text);
	ret->v6_first = word(dest.addr, 0);
	ret->v6_second = word(dest.addr, 1);
	return 0;
}

static int ranges_read(FILE *file, struct synthetic_ranges *ret, struct problem *why)
{
	char line[LINE_MAX_];
	int r = 0;

	while (!r && fgets(line, sizeof(line), file)) {
		line[strcspn(line, "\n")] = '\0';
		if (*line && *line != '#')
			r = range_take(line, ret, why);
	}
	return r;
}

const struct synthetic_ranges *synthetic_ranges(void)
{
	static bool known;
	_cleanup_fclose_ FILE *file = NULL;
	struct synthetic_ranges found = ranges;
	const char *folder = getenv("TEROK_CONFIG");
	struct problem why = {};
	char path[4096];

	if (known)
		return &ranges;
	known = true;
	snprintf(path, sizeof(path), "%s/synthetic-ranges", folder ?: "/etc/terok");
	file = fopen(path, "re");
	if (!file)
		return &ranges;
	if (ranges_read(file, &found, &why))
		log_warn(0, "%s: %s; the default ranges are used", path, why.text);
	else
		ranges = found;
	return &ranges;
}

bool synthetic_is_ours(const uint8_t addr[static 16])
{
	const struct synthetic_ranges *r = synthetic_ranges();

	if (addr_is_v4(addr))
		return (word(addr, 3) & r->v4_mask) == r->v4;
	return word(addr, 0) == r->v6_first && word(addr, 1) == r->v6_second;
}

bool synthetic_address(bool v6, uint32_t index, uint8_t ret[static 16])
{
	const struct synthetic_ranges *r = synthetic_ranges();
	uint32_t words[4] = { 0, 0, htonl(0xffff), 0 };

	if (v6) {
		words[0] = htonl(r->v6_first);
		words[1] = htonl(r->v6_second);
		words[2] = 0;
		words[3] = htonl(index + 1); /* no subnet-router anycast */
	} else {
		if (index >= ~r->v4_mask - 1) /* neither its first nor its last */
			return false;
		words[3] = htonl(r->v4 + 1 + index);
	}
	memcpy(ret, words, sizeof(words));
	return true;
}
