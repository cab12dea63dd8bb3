// SPDX-License-Identifier: Apache-2.0
#include "guard_dir.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/dir.h"
#include "guard_share.h"

const char *guard_dir_room(const struct terok_info *info)
{
	switch (info->kind) {
	case TEROK_KIND_CONTAINER: return "containers";
	case TEROK_KIND_CGROUP: return "cgroups";
	default: return NULL;
	}
}

/* Whoever made a cgroup chose its name: no byte of it is left to mean something here. */
static bool name_escape(const char *text, char *ret, size_t room)
{
	size_t n = 0;

	for (const char *p = text; *p; p++) {
		bool plain = isalnum((unsigned char)*p) || strchr("_-", *p) || (*p == '.' && n);

		if (n + 4 > room)
			return false;
		if (plain || *p == '/')
			ret[n++] = plain ? *p : '~';
		else
			n += sprintf(ret + n, "%%%02X", (unsigned char)*p);
	}
	ret[n] = '\0';
	return n;
}

bool guard_dir_name(const struct terok_info *info, char ret[static GUARD_DIR_LEN])
{
	if (info->kind == TEROK_KIND_CGROUP)
		return name_escape(info->path + strspn(info->path, "/"), ret, GUARD_DIR_LEN);
	if (!name_escape(info->name, ret, GUARD_DIR_LEN - 12))
		return false;
	if (info->uid)
		sprintf(ret + strlen(ret), "@%u", info->uid);
	return true;
}

int guard_dir_open(const struct terok_info *info, struct problem *why)
{
	_cleanup_close_ int state = -1, room = -1;
	char name[GUARD_DIR_LEN];

	if (!guard_dir_room(info))
		return -ENOENT;
	if (!guard_dir_name(info, name))
		return problem(why, -ENAMETOOLONG, "%s: too long a name for a folder", info->path);
	state = dir_open(AT_FDCWD, state_dir(), why);
	if (state < 0)
		return state;
	room = dir_open(state, guard_dir_room(info), why);
	if (room < 0)
		return room;
	if (info->kind == TEROK_KIND_CONTAINER && info->uid && faccessat(room, name, F_OK, 0))
		guard_share_make(room, info->uid, name);
	return dir_open(room, name, why);
}

void guard_dir_grown(const struct terok_info *info)
{
	_cleanup_close_ int state = -1, room = -1;
	char name[GUARD_DIR_LEN];

	if (info->kind != TEROK_KIND_CONTAINER || !info->uid || !guard_dir_name(info, name))
		return;
	state = dir_open(AT_FDCWD, state_dir(), NULL);
	room = state < 0 ? -1 : dir_open(state, guard_dir_room(info), NULL);
	if (room >= 0)
		guard_share_make(room, info->uid, name);
}

void guard_dir_rename(const struct terok_info *before, const struct terok_info *now)
{
	char from[GUARD_DIR_LEN], to[GUARD_DIR_LEN];
	_cleanup_close_ int state = -1, room = -1;

	if (!guard_dir_room(before) || !guard_dir_name(before, from) || !guard_dir_name(now, to) ||
	    !strcmp(from, to))
		return;
	state = dir_open(AT_FDCWD, state_dir(), NULL);
	room = state < 0 ? -1 : dir_open(state, guard_dir_room(before), NULL);
	if (room >= 0)
		renameat2(room, from, room, to, RENAME_NOREPLACE);
}
