// SPDX-License-Identifier: Apache-2.0
#include "dossiers.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define BUCKETS 256

struct entry { /* of a guard that has, or had, anything to say */
	struct entry *next;
	uint32_t guard;
	struct terok_dossier pairs, file, now;
};

struct dossiers {
	dossiers_fn changed;
	void *user;
	struct entry *bucket[BUCKETS];
};

int dossiers_new(dossiers_fn changed, void *user, struct dossiers **ret)
{
	struct dossiers *dossiers = calloc(1, sizeof(*dossiers));

	if (!dossiers)
		return -ENOMEM;
	dossiers->changed = changed;
	dossiers->user = user;
	*ret = dossiers;
	return 0;
}

void dossiers_free(struct dossiers *dossiers)
{
	for (unsigned i = 0; dossiers && i < BUCKETS; i++) {
		for (struct entry *entry; (entry = dossiers->bucket[i]);) {
			dossiers->bucket[i] = entry->next;
			free(entry);
		}
	}
	free(dossiers);
}

static struct entry **entry_slot(const struct dossiers *dossiers, uint32_t guard)
{
	struct entry **slot = (struct entry **)&dossiers->bucket[guard % BUCKETS];

	while (*slot && (*slot)->guard != guard)
		slot = &(*slot)->next;
	return slot;
}

/* What the file says stands over the pairs; only an empty value does not. */
static void entry_merge(struct dossiers *dossiers, struct entry *entry)
{
	struct terok_dossier now = entry->pairs;

	memset(now.meta_path, 0, sizeof(now.meta_path));
	now.flags = 0;
	for (uint32_t i = 0; i < entry->file.n; i++)
		if (*entry->file.value[i])
			terok_dossier_put(&now, entry->file.key[i], entry->file.value[i]);
	if (!memcmp(&now, &entry->now, sizeof(now)))
		return;
	entry->now = now;
	dossiers->changed(entry->guard, &entry->now, dossiers->user);
}

void dossiers_look(struct dossiers *dossiers, const struct kernel *kernel, uint32_t guard)
{
	struct entry **slot = entry_slot(dossiers, guard), *entry = *slot;
	struct terok_dossier pairs;

	if (dossier_read(kernel, guard, &pairs) || (!entry && !terok_dossier_said(&pairs)))
		return;
	if (!entry) {
		entry = calloc(1, sizeof(*entry));
		if (!entry)
			return;
		entry->guard = guard;
		*slot = entry;
	}
	if (strcmp(pairs.meta_path, entry->pairs.meta_path)) /* another file, or none */
		memset(&entry->file, 0, sizeof(entry->file));
	entry->pairs = pairs;
	entry_merge(dossiers, entry);
}

void dossiers_file(struct dossiers *dossiers, uint32_t guard, const struct terok_dossier *file)
{
	static const struct terok_dossier nothing;
	struct entry *entry = *entry_slot(dossiers, guard);

	if (!entry || !*entry->pairs.meta_path)
		return;
	terok_dossier_take(file ?: &nothing, &entry->file);
	entry_merge(dossiers, entry);
}

void dossiers_each(struct dossiers *dossiers)
{
	for (unsigned i = 0; i < BUCKETS; i++)
		for (struct entry *entry = dossiers->bucket[i]; entry; entry = entry->next)
			dossiers->changed(entry->guard, &entry->now, dossiers->user);
}

const struct terok_dossier *dossiers_get(const struct dossiers *dossiers, uint32_t guard)
{
	const struct entry *entry = *entry_slot(dossiers, guard);

	return entry && entry->now.n ? &entry->now : NULL;
}

void dossiers_gone(struct dossiers *dossiers, uint32_t guard)
{
	struct entry **slot = entry_slot(dossiers, guard), *entry = *slot;

	if (!entry)
		return;
	*slot = entry->next;
	free(entry);
}
