// SPDX-License-Identifier: Apache-2.0
#include "reader_names.h"

#include <stdbool.h>
#include <string.h>

#include "request.h"

#define ID_SHORT 12
#define ID_LONG  64

/* Where @id is, or would be. */
static unsigned slot_of(const char *id)
{
	return request_hash(id) % READER_NAMES_MAX;
}

static bool is_known(const struct reader_names *names, const char *id)
{
	return *id && !strcmp(names->slot[slot_of(id)].id, id);
}

void reader_names_learn(struct reader_names *names, const char *id, const char *name)
{
	unsigned at = slot_of(id);

	if (!*id || strlen(id) >= sizeof(names->slot[at].id))
		return;
	if (strcmp(names->slot[at].id, id)) {
		strcpy(names->slot[at].id, id);
		*names->slot[at].name = '\0';
	}
	names->slot[at].turn = ++names->turn;
	if (name && strlen(name) < sizeof(names->slot[at].name))
		strcpy(names->slot[at].name, name);
}

static bool is_long_id(const char *text)
{
	return strlen(text) == ID_LONG && strspn(text, "0123456789abcdef") == ID_LONG;
}

const char *reader_names_find(const struct reader_names *names, const char *text)
{
	uint64_t turn = 0;
	unsigned found = 0;
	char id[ID_SHORT + 1];

	if (!*text || is_known(names, text))
		return text;
	for (unsigned i = 0; i < READER_NAMES_MAX; i++) {
		if (names->slot[i].turn > turn && !strcmp(names->slot[i].name, text)) {
			turn = names->slot[i].turn;
			found = i;
		}
	}
	if (turn)
		return names->slot[found].id;
	if (!is_long_id(text))
		return text;
	memcpy(id, text, ID_SHORT);
	id[ID_SHORT] = '\0';
	return is_known(names, id) ? names->slot[slot_of(id)].id : text;
}

void reader_names_forget(struct reader_names *names, const char *id)
{
	unsigned at = slot_of(id);

	if (is_known(names, id))
		memset(&names->slot[at], 0, sizeof(names->slot[at]));
}
