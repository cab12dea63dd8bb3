// SPDX-License-Identifier: Apache-2.0
#include "setup_text.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/json.h"

#define PATH_CHARS "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789/._+-"
#define HOOK       "terok-hook"

const struct setup_file setup_files[] = {
#include "setup_files.h"
	{},
};

const char *const setup_outdated_names[] = { "terok-bpfd.json", "terok-bpfd-precreate.json", NULL };

/* --- where programs are ------------------------------------------------------------------- */

static bool hook_is_in(const char *dir)
{
	char path[SETUP_DIR_LEN + sizeof("/" HOOK)];

	snprintf(path, sizeof(path), "%s/" HOOK, dir);
	return !access(path, X_OK);
}

static void programs_set(struct setup_programs *to, const char *sbin, const char *bin,
			 const char *libexec)
{
	snprintf(to->sbin, sizeof(to->sbin), "%s", sbin);
	snprintf(to->bin, sizeof(to->bin), "%s", bin);
	snprintf(to->libexec, sizeof(to->libexec), "%s", libexec);
}

/* PREFIX/sbin, whatever PREFIX is now: a tree may have been moved as a whole. */
static void programs_guess(const char *dir, struct setup_programs *to)
{
	size_t n = strlen(dir);
	char bin[SETUP_DIR_LEN], libexec[SETUP_DIR_LEN];
	int prefix = n > 5 && !strcmp(dir + n - 5, "/sbin") ? (int)n - 5 : -1;

	if (!strcmp(dir, TEROK_SBINDIR)) {
		programs_set(to, dir, TEROK_BINDIR, TEROK_LIBEXECDIR);
		return;
	}
	programs_set(to, dir, dir, dir);
	if (prefix < 0)
		return;
	snprintf(bin, sizeof(bin), "%.*s/bin", prefix, dir);
	snprintf(libexec, sizeof(libexec), "%.*s/libexec/terok", prefix, dir);
	if (hook_is_in(libexec))
		programs_set(to, dir, bin, libexec);
}

int setup_programs_find(struct setup_programs *ret, struct problem *why)
{
	struct setup_programs found;
	char dir[SETUP_DIR_LEN - 32];
	ssize_t n = readlink("/proc/self/exe", dir, sizeof(dir) - 1);

	if (n <= 0)
		return problem(why, -ENOENT, "/proc/self/exe cannot be read: is /proc mounted?");
	dir[n] = '\0';
	*strrchr(dir, '/') = '\0';
	if (strspn(dir, PATH_CHARS) != strlen(dir))
		return problem(why, -EINVAL,
			       "this program is in '%.100s': a hook or a unit cannot name a folder "
			       "with other characters than letters, digits and /._+-",
			       dir);
	programs_guess(dir, &found);
	if (!hook_is_in(found.libexec))
		return problem(why, -ENOENT, "%.150s/" HOOK " is not there; try: make install",
			       found.libexec);
	*ret = found;
	return 0;
}

/* --- texts -------------------------------------------------------------------------------- */

static const char *place_of(const char *text, const struct setup_programs *programs, size_t *skip)
{
	static const char *const names[] = { "@SBINDIR@", "@BINDIR@", "@LIBEXECDIR@" };
	const char *const values[] = { programs->sbin, programs->bin, programs->libexec };

	for (unsigned i = 0; i < 3; i++) {
		*skip = strlen(names[i]);
		if (!strncmp(text, names[i], *skip))
			return values[i];
	}
	return NULL;
}

int setup_fill(const struct setup_file *file, const struct setup_programs *programs, char **ret)
{
	_cleanup_free_ char *text = NULL;
	size_t size, skip;
	FILE *f = open_memstream(&text, &size);

	if (!f)
		return -ENOMEM;
	for (const char *p = file->text; *p;) {
		const char *place = *p == '@' ? place_of(p, programs, &skip) : NULL;

		if (place)
			fputs(place, f), p += skip;
		else
			fputc(*p++, f);
	}
	if (fclose(f))
		return -ENOMEM;
	*ret = TAKE_PTR(text);
	return 0;
}

/* N, and nothing but the end behind it; -ENOENT else. */
static int number(const char *text, size_t n)
{
	int value = 0;

	if (!n || n > 8)
		return -ENOENT;
	for (size_t i = 0; i < n; i++) {
		if (text[i] < '0' || text[i] > '9')
			return -ENOENT;
		value = value * 10 + text[i] - '0';
	}
	return value;
}

static int unit_version(const char *text, size_t size)
{
	const char *end = memchr(text, '\n', size), *key;
	size_t n = end ? (size_t)(end - text) : size;

	key = memmem(text, n, "-version: ", 10);
	if (n < 8 || memcmp(text, "# terok-", 8) || !key)
		return -ENOENT;
	key += 10;
	return number(key, text + n - key);
}

static int hook_version(const char *text, size_t size)
{
	_cleanup_(json_putp) struct json_object *object = NULL;
	struct json_object *env;

	if (json_parse(text, size, &object))
		return -ENOENT;
	env = json_member(json_member(object, "hook", json_type_object), "env", json_type_array);
	for (size_t i = 0; env && i < json_object_array_length(env); i++) {
		const char *word = json_object_get_string(json_object_array_get_idx(env, i)) ?: "";

		if (!strncmp(word, "TEROK_HOOK_VERSION=", 19))
			return number(word + 19, strlen(word + 19));
	}
	return -ENOENT;
}

int setup_hook_program(const char *text, size_t size, char ret[static SETUP_DIR_LEN])
{
	_cleanup_(json_putp) struct json_object *object = NULL;
	struct json_object *hook, *args;
	const char *path;

	if (json_parse(text, size, &object))
		return -ENOENT;
	hook = json_member(object, "hook", json_type_object);
	args = json_member(hook, "args", json_type_array);
	path = json_text(hook, "path");
	if (path && !strcmp(path, "/usr/bin/env"))
		path = args ? json_object_get_string(json_object_array_get_idx(args, 1)) : NULL;
	if (!path || *path != '/' || strlen(path) >= SETUP_DIR_LEN)
		return -ENOENT;
	strcpy(ret, path);
	return 0;
}

int setup_version(enum setup_kind kind, const char *text, size_t size)
{
	return kind == SETUP_HOOK ? hook_version(text, size) : unit_version(text, size);
}

/* --- sums --------------------------------------------------------------------------------- */

#define FNV_BEGIN 0xcbf29ce484222325

/* FNV-1a: it has to tell a text from an edited one, not from one that somebody made up. */
static uint64_t sum_on(uint64_t sum, const char *text, size_t size)
{
	for (size_t i = 0; i < size; i++)
		sum = (sum ^ (unsigned char)text[i]) * 0x100000001b3;
	return sum;
}

uint64_t setup_sum(const char *text, size_t size)
{
	return sum_on(FNV_BEGIN, text, size);
}

/* Where the name begins in a path of a program of ours; else 0. */
static size_t folder_of(const char *path, size_t n)
{
	static const char *const names[] = { "terok-bpfd", "terok-clearance", HOOK };
	const char *slash = memrchr(path, '/', n);
	size_t at = slash ? slash + 1 - path : 0;

	for (unsigned i = 0; at && i < 3; i++)
		if (n - at == strlen(names[i]) && !memcmp(path + at, names[i], n - at))
			return at;
	return 0;
}

uint64_t setup_sum_anywhere(const char *text, size_t size)
{
	uint64_t sum = FNV_BEGIN;

	for (size_t i = 0; i < size;) {
		size_t n = 1, skip;

		if (text[i] == '/')
			while (i + n < size && text[i + n] && strchr(PATH_CHARS, text[i + n]))
				n++;
		skip = text[i] == '/' ? folder_of(text + i, n) : 0;
		sum = sum_on(sum, text + i + skip, n - skip);
		i += n;
	}
	return sum;
}

/* Every text that was installed without a version, by setup_sum_anywhere(). */
static const struct {
	const char *name;
	uint64_t sum;
} known[] = {
	{ "terok-bpfd.service", 0x9867a2cb046f3452 },
	{ "terok-bpfd.service", 0x643e3df9dcb6855d },
	{ "terok-bpfd.service", 0x19d840c956786cc8 },
	{ "terok-bpfd.service", 0x747e569360df028f },
	{ "terok-clearance-bridge.service", 0xf8ab306a2b0f8e2f },
	{ "terok-clearance-bridge.service", 0x842aae0a5eba0613 },
	{ "terok-clearance-notifier.service", 0x7941f449f7c7fb9b },
	{ "terok-clearance-notifier.service", 0x9edce96a15b2e828 },
	{ "terok-clearance-notifier.service", 0xaee276e4b12bb4bb },
	{ "terok-bpfd.json", 0xabc29d7ebc83943a },
	{ "terok-bpfd-precreate.json", 0x774dc64da1c17b90 },
};

bool setup_known(const char *name, const char *text, size_t size)
{
	uint64_t sum = setup_sum_anywhere(text, size);

	for (unsigned i = 0; i < sizeof(known) / sizeof(known[0]); i++)
		if (!strcmp(known[i].name, name) && known[i].sum == sum)
			return true;
	return false;
}
