// SPDX-License-Identifier: Apache-2.0
#include "watcher/table.h"

#include <stdlib.h>
#include <string.h>

void table_begin(struct table *table)
{
	for (struct entry *entry = table->entry; entry; entry = entry->next)
		entry->seen = false;
}

static struct entry *entry_new(struct table *table, const struct monitor *monitor)
{
	struct entry *entry = table->n < TABLE_MAX ? calloc(1, sizeof(*entry)) : NULL;

	if (!entry)
		return NULL;
	entry->next = table->entry;
	entry->monitor = *monitor;
	strcpy(entry->name, monitor->name);
	table->entry = entry;
	table->n++;
	return entry;
}

struct entry *table_see(struct table *table, const struct monitor *monitor, pid_t monitor_pid,
			pid_t pid, bool *fresh)
{
	struct entry *entry = table->entry;

	while (entry && strcmp(entry->monitor.id, monitor->id))
		entry = entry->next;
	if (!entry)
		entry = entry_new(table, monitor);
	if (!entry)
		return NULL;
	*fresh = entry->monitor_pid != monitor_pid || entry->pid != pid;
	if (*fresh) {
		entry->monitor = *monitor;
		entry->monitor_pid = monitor_pid;
		entry->pid = pid;
		entry->untold = true;
	}
	entry->seen = true;
	entry->ended = false;
	return entry;
}

void table_end(struct table *table)
{
	for (struct entry *entry = table->entry; entry; entry = entry->next) {
		if (entry->seen || entry->ended)
			continue;
		entry->ended = entry->untold = true;
		entry->unsaid = false;
	}
}

static void say_entry(const struct entry *entry, struct msg_packet *packet)
{
	packet->type = entry->ended ? MSG_LEFT : MSG_FOUND;
	packet->pad = 0;
	if (entry->ended) {
		packet->LEFT = (struct msg_left){};
		memcpy(packet->LEFT.id, entry->monitor.id, CONTAINER_ID_LEN);
		return;
	}
	packet->FOUND = (struct msg_found){ .pid = entry->pid,
					    .annotated = entry->annotated,
					    .pairs = entry->pairs };
	memcpy(packet->FOUND.id, entry->monitor.id, CONTAINER_ID_LEN);
	memcpy(packet->FOUND.name, entry->name, sizeof(entry->name));
	memcpy(packet->FOUND.first, entry->monitor.name, sizeof(entry->monitor.name));
}

static void say_file(const struct entry *entry, struct msg_packet *packet)
{
	packet->type = MSG_META;
	packet->pad = 0;
	packet->META = (struct msg_meta){ .there = entry->there, .says = entry->file };
	memcpy(packet->META.id, entry->monitor.id, CONTAINER_ID_LEN);
}

bool table_say(struct table *table, bool (*say)(struct msg_packet *packet, void *user), void *user)
{
	struct entry **slot = &table->entry, *entry;
	struct msg_packet packet;

	while ((entry = *slot)) {
		if (entry->untold) {
			say_entry(entry, &packet);
			if (!say(&packet, user))
				return false;
			entry->untold = false;
		}
		if (entry->unsaid) {
			say_file(entry, &packet);
			if (!say(&packet, user))
				return false;
			entry->unsaid = false;
		}
		if (entry->ended) {
			*slot = entry->next;
			table->n--;
			free(entry);
		} else {
			slot = &entry->next;
		}
	}
	return true;
}

void table_free(struct table *table)
{
	for (struct entry *entry; (entry = table->entry); free(entry))
		table->entry = entry->next;
	table->n = 0;
}
