// SPDX-License-Identifier: Apache-2.0
#include "clearance_past.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/event.h"
#include "clearance_item.h"

/* Room for one more of @size bytes each behind @n in *@array. */
static bool room_make(void *array, size_t *room, size_t n, size_t size)
{
	void *old, *more;

	if (n < *room)
		return true;
	memcpy(&old, array, sizeof(old));
	more = reallocarray(old, n ? 2 * n : 64, size);
	if (!more)
		return false;
	memcpy(array, &more, sizeof(more));
	*room = n ? 2 * n : 64;
	return true;
}

void grants_add(struct grants *grants, const struct grant *grant)
{
	if (grants->n < GRANTS_MAX &&
	    room_make(&grants->grant, &grants->room, grants->n, sizeof(*grant)))
		grants->grant[grants->n++] = *grant;
}

void grants_done(struct grants *grants)
{
	free(grants->grant);
	*grants = (struct grants){};
}

void grants_take(struct grants *grants, struct grants *coming)
{
	struct grants old = *grants;

	*grants = *coming;
	*coming = old;
	coming->n = 0;
}

void history_add(struct history *history, const struct entry *entry)
{
	if (history->n < HISTORY_MAX &&
	    room_make(&history->entry, &history->room, history->n, sizeof(*entry)))
		history->entry[history->n++] = *entry;
}

void history_done(struct history *history)
{
	free(history->entry);
	*history = (struct history){};
}

/* Those of @from that are older than all of @to. */
static void append_older(struct history *to, const struct history *from)
{
	for (size_t i = 0; i < from->n; i++)
		if (!to->n || from->entry[i].number < to->entry[to->n - 1].number)
			history_add(to, &from->entry[i]);
}

void history_take(struct history *history, struct history *page, bool older)
{
	struct history old = *history;

	if (older) {
		append_older(history, page);
		history->more = page->more && history->n < HISTORY_MAX;
		page->n = 0;
		return;
	}
	*history = *page;
	*page = old;
	if (old.n && history->n && old.entry[0].number >= history->entry[history->n - 1].number) {
		append_older(history, &old);
		history->more = old.more;
	}
	page->n = 0;
}

bool entry_is_by(const struct entry *entry)
{
	return !strcmp(entry->type, "verdict") || !strcmp(entry->type, "revoked");
}

const char *entry_word(const struct entry *entry)
{
	static const struct {
		const char *type, *word;
	} words[] = {
		{ "request", "asked" },
		{ "guard_attached", "guarded" },
		{ "guard_detached", "guard off" },
		{ "missed", "not kept" },
	};

	if (!strcmp(entry->type, "verdict"))
		return !entry->ok                       ? "FAILED"
		       : strcmp(entry->action, "allow") ? "denied"
							: "allowed";
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		if (!strcmp(entry->type, words[i].type))
			return words[i].word;
	return entry->type;
}

const char *grant_left(char buf[static 16], const struct grant *grant)
{
	uint64_t now = now_boot_ns();

	if (grant->until_ns && grant->until_ns <= now)
		return "ended";
	if (grant->until_ns)
		return age_format(buf, grant->until_ns - now);
	return strcmp(grant->scope, "forever") ? "container" : "ever";
}

const char *grant_format(char *buf, size_t size, const struct grant *grant)
{
	char where[TARGET_LEN], left[16];

	snprintf(buf, size, "%-6s  %-9s  %-20.20s  %s  by uid %" PRId64, grant->action,
		 grant_left(left, grant), grant->name,
		 target_format(where, grant->dest, grant->port, grant->proto), grant->uid);
	return buf;
}

const char *entry_format(char *buf, size_t size, const struct entry *entry)
{
	char wall[32] = "", where[TARGET_LEN] = "", by[200] = "", times[32] = "";
	time_t seconds = entry->wall_ns / (int64_t)SECOND_NS;
	struct tm tm;

	if (localtime_r(&seconds, &tm))
		strftime(wall, sizeof(wall), "%Y-%m-%d %H:%M:%S", &tm);
	if (*entry->dest)
		target_format(where, *entry->domain ? entry->domain : entry->dest, entry->port,
			      entry->proto);
	if (entry_is_by(entry))
		snprintf(by, sizeof(by), "  %s%suid %" PRId64 "%s%s", scope_words(entry->scope),
			 *entry->scope ? ", " : "", entry->uid, *entry->client ? " " : "",
			 entry->client);
	else if (*entry->process)
		snprintf(by, sizeof(by), "  %s", entry->process);
	if (entry->count > 1)
		snprintf(times, sizeof(times), "  %" PRId64 " times", entry->count);
	snprintf(buf, size, "%s  %-9s  %-20.20s  %s%s%s", wall, entry_word(entry), entry->name,
		 where, by, times);
	return buf;
}

bool grant_has(const struct grant *grant, const char *text)
{
	const char *const shown[] = { grant->name, grant->dest, grant->action, grant->scope,
				      grant->grant };

	for (size_t i = 0; i < sizeof(shown) / sizeof(shown[0]); i++)
		if (strcasestr(shown[i], text))
			return true;
	return false;
}

bool entry_has(const struct entry *entry, const char *text)
{
	const char *const shown[] = { entry->name,      entry->dest,    entry->domain,
				      entry->type,      entry->action,  entry->scope,
				      entry->client,    entry->process, entry->request_id,
				      entry_word(entry) };

	for (size_t i = 0; i < sizeof(shown) / sizeof(shown[0]); i++)
		if (strcasestr(shown[i], text))
			return true;
	return false;
}
