// SPDX-License-Identifier: Apache-2.0
#include "unheard.h"

/* Its own place, a new one, or the last, which is for all the others. */
static struct unheard_of *place_of(struct unheard *unheard, uint32_t guard)
{
	for (unsigned i = 0; i < unheard->n; i++)
		if (unheard->of[i].guard == guard)
			return &unheard->of[i];
	if (unheard->n > UNHEARD_MAX)
		return &unheard->of[UNHEARD_MAX];
	unheard->of[unheard->n] = (struct unheard_of){ unheard->n < UNHEARD_MAX ? guard : 0, 0 };
	return &unheard->of[unheard->n++];
}

void unheard_note(struct unheard *unheard, uint32_t guard, uint64_t count)
{
	place_of(unheard, guard)->count += count;
}

void unheard_say(struct unheard *unheard, void (*fn)(uint32_t guard, uint64_t count, void *user),
		 void *user)
{
	const struct unheard said = *unheard;

	*unheard = (struct unheard){};
	for (unsigned i = 0; i < said.n; i++)
		fn(said.of[i].guard, said.of[i].count, user);
}
