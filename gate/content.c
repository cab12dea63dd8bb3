// SPDX-License-Identifier: Apache-2.0
#include "content.h"

#include <ctype.h>
#include <errno.h>
#include <string.h>
#include <strings.h>

#include "base/log.h"
#include "git_text.h"

#define UP_MAX 2 /* ../.. of a relative URL: the host's other owners */

static int has_control(const char *text, size_t size)
{
	for (size_t i = 0; i < size; i++)
		if ((unsigned char)text[i] < ' ' || text[i] == 0x7f)
			return 1;
	return 0;
}

/* --- symlinks ------------------------------------------------------------------------- */

static unsigned depth_of(const char *path)
{
	unsigned depth = 0;

	for (; *path; path++)
		depth += *path == '/';
	return depth;
}

/* A backslash is a slash where some check out. */
static size_t part_of(const char *text, size_t size)
{
	size_t n = 0;

	while (n < size && text[n] != '/' && text[n] != '\\')
		n++;
	return n;
}

int content_link(const char *path, const char *target, size_t size, struct problem *why)
{
	unsigned up = 0, depth = depth_of(path);
	bool down = false;

	if (!size || size > CONTENT_LINK_MAX || has_control(target, size))
		return problem(
		    why, -EPERM,
		    "is a symlink whose target is empty, has a control character or is over %d "
		    "bytes",
		    CONTENT_LINK_MAX);
	if (*target == '/' || *target == '\\' || *target == '~' ||
	    (size > 1 && isalpha((unsigned char)*target) && target[1] == ':'))
		return problem(why, -EPERM, "is a symlink to an absolute path");
	for (size_t i = 0; i < size;) {
		size_t n = part_of(target + i, size - i);
		bool dots = n == 2 && target[i] == '.' && target[i + 1] == '.';

		if (dots && down)
			return problem(
			    why, -EPERM,
			    "is a symlink that goes up (\"..\") behind another name; begin with "
			    "what goes up");
		if (dots && ++up > depth)
			return problem(why, -EPERM, "is a symlink that leads out of the tree");
		if (n && !dots && !(n == 1 && target[i] == '.'))
			down = true;
		if (n == 4 && !strncasecmp(target + i, ".git", 4))
			return problem(why, -EPERM, "is a symlink into .git");
		i += n + 1;
	}
	return 0;
}

/* --- submodules ----------------------------------------------------------------------- */

static int check_relative(const char *url, struct problem *why)
{
	unsigned up = 0;
	bool down = false;

	for (const char *at = url; *at;) {
		size_t n = strcspn(at, "/");
		bool dots = n == 2 && !strncmp(at, "..", 2);

		if (dots && (down || ++up > UP_MAX))
			return problem(why, -EPERM, "goes up where it may not (two steps, first)");
		if (n && !dots && !(n == 1 && *at == '.'))
			down = true;
		at += n + !!at[n];
	}
	return down ? 0 : problem(why, -EPERM, "names no repository");
}

int content_submodule(const char *url, struct problem *why)
{
	struct problem wrong;
	enum git_way way;

	if (has_control(url, strlen(url)) || strchr(url, '\\'))
		return problem(why, -EPERM, "has a control character or a backslash");
	/* what is decoded by who fetches may be a newline for who keeps passwords */
	if (strcasestr(url, "%0a") || strcasestr(url, "%0d") || strcasestr(url, "%00"))
		return problem(why, -EPERM, "has an encoded control character");
	if (!strncmp(url, "./", 2) || !strncmp(url, "../", 3))
		return check_relative(url, why);
	if (git_url_way(url, &way, &wrong))
		return problem(why, -EPERM, "%s", wrong.text);
	if (way == GIT_WAY_FILE)
		return problem(why, -EPERM, "is a path of the machine that fetches it");
	return 0;
}

static bool ends_in(const char *key, const char *name)
{
	size_t n = strlen(key), e = strlen(name);

	return n > e && !strcasecmp(key + n - e, name);
}

/* A path below the tree: no way up, no option, nothing of git's. */
static bool is_inside(const char *path)
{
	if (!*path || *path == '/' || *path == '-' || has_control(path, strlen(path)))
		return false;
	for (const char *at = path; *at;) {
		size_t n = strcspn(at, "/\\");

		if ((n == 2 && !strncmp(at, "..", 2)) || (n == 4 && !strncasecmp(at, ".git", 4)))
			return false;
		at += n + !!at[n];
	}
	return true;
}

/* @key: section.NAME.key, the first and the last in small letters */
static int check_setting(const char *key, const char *value, struct problem *why)
{
	size_t section = sizeof("submodule.") - 1;
	struct problem wrong;
	char shown[80];

	if (strncmp(key, "submodule.", section))
		return 0; /* nobody reads it there */
	log_safe(shown, sizeof(shown), key);
	if (ends_in(key, ".url") && content_submodule(value, &wrong))
		return problem(why, -EPERM, "%s: the URL %s", shown, wrong.text);
	if (ends_in(key, ".path") && !is_inside(value))
		return problem(why, -EPERM, "%s: the path leads out of the tree, or is an option",
			       shown);
	if (ends_in(key, ".update") && *value == '!')
		return problem(why, -EPERM, "%s: is a command", shown);
	if (!strncmp(key + section, "..", 2) || strstr(key, "/../") || strstr(key, "/..."))
		return problem(why, -EPERM, "%s: the name leads out of the tree", shown);
	return 0;
}

int content_modules(const char *text, size_t size, struct problem *why)
{
	while (size) {
		size_t n = strnlen(text, size);
		char key[512];
		const char *value = memchr(text, '\n', n);
		size_t key_size = value ? (size_t)(value - text) : n;
		int r;

		if (n == size) /* the text was cut off */
			return problem(why, -EPERM, "cannot be read to its end");
		if (key_size >= sizeof(key))
			return problem(why, -EPERM, "has a name of %zu bytes", key_size);
		memcpy(key, text, key_size);
		key[key_size] = '\0';
		r = check_setting(key, value ? value + 1 : "", why);
		if (r)
			return r;
		text += n + 1;
		size -= n + 1;
	}
	return 0;
}
