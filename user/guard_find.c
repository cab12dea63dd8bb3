// SPDX-License-Identifier: Apache-2.0
/* guard_find.c - from what a person calls a guard to the guard */
#include <ctype.h>
#include <errno.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "guard.h"

struct find {
	const char *text; /* without the user */
	bool by_id;       /* it may be the beginning of an id */
	bool of_one;      /* only guards of .uid */
	uint32_t uid;
	unsigned found;
	uint32_t id[2]; /* the first two */
	struct terok_info info[2];
};

static bool is_called(const struct terok_info *info, const struct find *find)
{
	return !strcmp(find->text, info->name) || !strcmp(find->text, info->path) ||
	       !strcmp(find->text, info->container) ||
	       (find->by_id && !strncmp(find->text, info->container, strlen(find->text)));
}

static int find_one(uint32_t id, const struct terok_info *info, void *user)
{
	struct find *find = user;

	if ((find->of_one && info->uid != find->uid) || !is_called(info, find))
		return 0;
	if (find->found < 2) {
		find->id[find->found] = id;
		find->info[find->found] = *info;
	}
	find->found++;
	return 0;
}

/* "USER:" or "UID:" before it; a cgroup's path may have colons of its own. */
static int user_take(struct find *find, uint32_t scope, struct problem *why)
{
	const char *colon = *find->text == '/' ? NULL : strchr(find->text, ':');
	char user[64], *end = NULL;
	struct passwd *entry;
	unsigned long uid;

	find->of_one = scope || colon;
	find->uid = scope;
	if (!colon)
		return 0;
	snprintf(user, sizeof(user), "%.*s", (int)(colon - find->text), find->text);
	entry = getpwnam(user);
	uid = entry ? entry->pw_uid : strtoul(user, &end, 10);
	if (!entry && (!isdigit((unsigned char)*user) || *end || uid >= UINT32_MAX))
		return problem(why, -ENOENT, "no guard '%s': there is no user '%s'", find->text,
			       user);
	find->text = colon + 1;
	find->uid = uid;
	return scope && scope != uid ? -ENOENT : 0;
}

static void describe(char *ret, size_t size, uint32_t id, const struct terok_info *info)
{
	snprintf(ret, size, "%u (%.40s, %.12s, user %u)", id, info->name, info->container,
		 info->uid);
}

static int ambiguous(const struct find *find, const char *text, struct problem *why)
{
	char first[128], second[128];

	describe(first, sizeof(first), find->id[0], &find->info[0]);
	describe(second, sizeof(second), find->id[1], &find->info[1]);
	return problem(why, -ENOTUNIQ,
		       "%u guards are called '%s': %s%s %s; use the number, or the full id",
		       find->found, text, first, find->found > 2 ? ", ..., and" : " and", second);
}

int guard_find(const struct kernel *kernel, const char *text, uint32_t scope, struct guard *ret,
	       struct problem *why)
{
	struct find find = { .text = text };
	size_t n;
	char *end;
	unsigned long id = strtoul(text, &end, 10);
	bool number = *text >= '1' && *text <= '9' && !*end && id <= UINT32_MAX;
	int r = number ? guard_get(kernel, id, ret) : -ENOENT;

	if (!r && scope && ret->info.uid != scope)
		r = -ENOENT;
	if (r == -ENOENT) {
		r = user_take(&find, scope, why);
		n = strlen(find.text);
		find.by_id = n >= GUARD_ID_MIN && strspn(find.text, "0123456789abcdef") == n;
		if (!r)
			r = kernel_each_label(kernel->map[MAP_INFO], find_one, &find);
		if (!r && find.found > 1)
			return ambiguous(&find, text, why);
		if (!r)
			r = find.found ? guard_get(kernel, find.id[0], ret) : -ENOENT;
	}
	if (r == -ENOENT && why && *why->text)
		return r;
	if (r == -ENOENT)
		return problem(why, r, "no guard '%s'; terok-bpfd status lists them", text);
	return r ? problem(why, r, "look for guard '%s': %s", text, strerror(-r)) : 0;
}
