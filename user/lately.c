// SPDX-License-Identifier: Apache-2.0
#include "lately.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "base/addr.h"
#include "names.h"

#define LATELY 1024

struct place {
	uint32_t guard; /* 0: nothing yet */
	uint8_t addr[16];
	uint64_t asked_ns, learned;
	char *name; /* NULL: it had none */
};

struct lately {
	uint64_t seed;
	struct place place[LATELY];
};

int lately_new(struct lately **ret)
{
	struct lately *lately = calloc(1, sizeof(*lately));

	if (!lately)
		return -ENOMEM;
	while (getrandom(&lately->seed, sizeof(lately->seed), 0) != sizeof(lately->seed))
		;
	*ret = lately;
	return 0;
}

void lately_free(struct lately *lately)
{
	if (!lately)
		return;
	for (unsigned i = 0; i < LATELY; i++)
		free(lately->place[i].name);
	free(lately);
}

static struct place *place_of(struct lately *lately, const struct terok_record *record)
{
	return &lately->place[addr_hash(record->dst, lately->seed ^ record->guard) % LATELY];
}

/* A record from before the question counts as well: it waited in the ring meanwhile. */
static bool is_fresh(const struct place *place, const struct terok_record *record, uint64_t learned)
{
	return place->guard == record->guard && place->learned == learned &&
	       record->boot_ns < place->asked_ns + LATELY_NS &&
	       !memcmp(place->addr, record->dst, sizeof(place->addr));
}

const char *lately_name(struct lately *lately, const struct kernel *kernel,
			const struct terok_record *record, uint64_t learned)
{
	struct place *place = place_of(lately, record);
	char name[TEROK_DOMAIN_LEN] = "";

	if (is_fresh(place, record, learned))
		return place->name ?: "";
	free(place->name);
	*place = (struct place){ .guard = record->guard,
				 .asked_ns = record->boot_ns,
				 .learned = learned };
	memcpy(place->addr, record->dst, sizeof(place->addr));
	if (!names_reverse(kernel, record->guard, record->dst, name))
		return "";
	place->name = strdup(name);
	if (!place->name)
		place->guard = 0; /* asked for anew the next time */
	return place->name ?: "";
}
