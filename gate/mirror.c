// SPDX-License-Identifier: Apache-2.0
#include "mirror.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/dir.h"
#include "base/log.h"
#include "place.h"

#define FETCH_SPEC  "+refs/heads/*:refs/terok/upstream/*"
#define LEGACY_SPEC "refs/*:refs/*" /* with a plus in front or not: it prunes what agents pushed */

/* --- where it is ---------------------------------------------------------------------- */

static void memory_clear(struct mirror_memory *memory)
{
	free(memory->upstream);
	free(memory->ssh_key);
	free(memory->ssh_agent);
	free(memory->allow);
	*memory = (struct mirror_memory){ .retention = MIRROR_RETENTION_DAYS };
}

void mirror_free(struct mirror *mirror)
{
	if (!mirror)
		return;
	memory_clear(&mirror->memory);
	closep(&mirror->lock);
	free(mirror->base);
	free(mirror->project);
	free(mirror->path);
	free(mirror->home);
	free(mirror);
}

/* The base, absolute and without links: git is started in it, and processes are compared with it. */
static int find_base(const char *base, char **ret, struct problem *why)
{
	_cleanup_free_ char *named = base ? strdup(base) : place_default(PLACE_BASE);
	_cleanup_close_ int fd = -1;

	if (!named)
		return problem(why, -ENOENT,
			       "there is no home for the mirrors; try --base-path FOLDER");
	dir_make(named);
	fd = dir_open(AT_FDCWD, named, why);
	if (fd < 0)
		return fd;
	*ret = realpath(named, NULL);
	return *ret ? 0 : problem(why, -errno, "%s: %s", named, strerror(errno));
}

int mirror_new(const char *base, const char *project, struct mirror **ret, struct problem *why)
{
	_cleanup_mirror_ struct mirror *mirror = calloc(1, sizeof(*mirror));
	int r;

	if (!mirror)
		return -ENOMEM;
	mirror->lock = -1;
	memory_clear(&mirror->memory);
	r = project_check(project, why);
	if (!r)
		r = find_base(base, &mirror->base, why);
	if (!r)
		r = place_repository(mirror->base, project, &mirror->path, why);
	if (!r)
		r = git_home(mirror->base, &mirror->home, why);
	if (r)
		return r;
	mirror->project = strdup(project);
	if (!mirror->project)
		return -ENOMEM;
	*ret = TAKE_PTR(mirror);
	return 0;
}

bool mirror_exists(const struct mirror *mirror)
{
	struct stat st;

	return !lstat(mirror->path, &st);
}

char *mirror_scratch(const struct mirror *mirror, const char *what)
{
	char *path = NULL;

	return asprintf(&path, "%s/.%s-%s", mirror->base, what, mirror->project) < 0 ? NULL : path;
}

int mirror_git(const struct mirror *mirror, const struct git_run *run, char **ret,
	       struct problem *why)
{
	struct git_run here = *run;

	here.dir = mirror->path;
	here.home = mirror->home;
	here.scratch = mirror->scratch;
	return git_run(&here, ret, NULL, why);
}

int mirror_ancestor(const struct mirror *mirror, const char *a, const char *b, struct problem *why)
{
	struct problem said = {};
	int r;

	if (!strcmp(a, b))
		return 1;
	r = mirror_git(mirror,
		       &(struct git_run){ .args = GIT("merge-base", "--is-ancestor", a, b) }, NULL,
		       &said);
	if (r == 0 || r == 1)
		return !r;
	return problem(why, git_failed(r), "compare %.12s with %.12s: %s", a, b, said.text);
}

/* --- what is remembered --------------------------------------------------------------- */

/* What of the configuration has to hold for the safe model. */
struct seen {
	bool bare, hides, logs, fetches, fetches_else, mirrors;
};

static int set_text(char **to, const char *value)
{
	free(*to);
	*to = strdup(value);
	return *to ? 0 : -ENOMEM;
}

static bool is_true(const char *value)
{
	return !strcmp(value, "true") || !strcmp(value, "1") || !strcmp(value, "yes") ||
	       !strcmp(value, "on");
}

static void take_seen(const char *key, const char *value, struct seen *seen)
{
	if (!strcmp(key, "core.bare"))
		seen->bare = is_true(value);
	else if (!strcmp(key, "transfer.hiderefs"))
		seen->hides |= !strcmp(value, "refs/terok");
	else if (!strcmp(key, "core.logallrefupdates"))
		seen->logs = !strcmp(value, "always");
	else if (!strcmp(key, "remote.origin.mirror"))
		seen->mirrors = is_true(value);
	else if (!strcmp(key, "remote.origin.fetch") && !strcmp(value, FETCH_SPEC))
		seen->fetches = true;
	else if (!strcmp(key, "remote.origin.fetch"))
		seen->fetches_else = true;
}

/* Keys come in small letters. */
static int take_memory(const char *key, const char *value, struct mirror_memory *memory)
{
	if (!strcmp(key, "remote.origin.url"))
		return set_text(&memory->upstream, value);
	if (!strcmp(key, "terok.sshkey"))
		return set_text(&memory->ssh_key, value);
	if (!strcmp(key, "terok.sshagent"))
		return set_text(&memory->ssh_agent, value);
	if (!strcmp(key, "terok.allow"))
		return set_text(&memory->allow, value);
	if (!strcmp(key, "terok.personalssh"))
		memory->personal = is_true(value);
	else if (!strcmp(key, "extensions.objectformat"))
		memory->sha256 = !strcmp(value, "sha256");
	else if (!strcmp(key, "terok.clonecache"))
		memory->cache = is_true(value);
	else if (!strcmp(key, "terok.backupdays"))
		memory->retention = strtoul(value, NULL, 10);
	else if (!strcmp(key, "remote.origin.fetch") && strstr(value, LEGACY_SPEC))
		memory->legacy = true;
	return 0;
}

/* "key\nvalue" and a NUL, for each; a key without a value is true. */
static int take_list(char *text, size_t size, struct mirror_memory *memory, struct seen *seen)
{
	int r = 0;

	for (char *item = text; item < text + size && !r; item += strlen(item) + 1) {
		size_t key_n = strcspn(item, "\n");
		_cleanup_free_ char *key = strndup(item, key_n);
		const char *value = item[key_n] ? item + key_n + 1 : "true";

		if (!key)
			return -ENOMEM;
		take_seen(key, value, seen);
		r = take_memory(key, value, memory);
	}
	return r;
}

static bool has_folders(const struct mirror *mirror)
{
	_cleanup_close_ int dir =
	    open(mirror->path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	struct stat st;

	return dir >= 0 && !fstatat(dir, "objects", &st, AT_SYMLINK_NOFOLLOW) &&
	       S_ISDIR(st.st_mode) && !fstatat(dir, "refs", &st, AT_SYMLINK_NOFOLLOW) &&
	       S_ISDIR(st.st_mode) && !fstatat(dir, "HEAD", &st, AT_SYMLINK_NOFOLLOW);
}

int mirror_load(struct mirror *mirror, struct problem *why)
{
	_cleanup_free_ char *text = NULL;
	struct seen seen = {};
	size_t size;
	int r;

	if (!mirror_exists(mirror))
		return problem(
		    why, -ENOENT,
		    "there is no mirror of %s in %s; try: terok-gate sync %s --upstream URL",
		    mirror->project, mirror->base, mirror->project);
	if (!has_folders(mirror))
		return problem(
		    why, -EBADMSG,
		    "%s is no bare repository (HEAD, objects, refs); try: terok-gate sync %s "
		    "--force-reinit --upstream URL",
		    mirror->path, mirror->project);
	memory_clear(&mirror->memory);
	r = git_run(&(struct git_run){ .dir = mirror->path,
				       .home = mirror->home,
				       .args = GIT("config", "--file", "config", "--list", "-z") },
		    &text, &size, why);
	if (r)
		return git_failed(r);
	r = take_list(text, size, &mirror->memory, &seen);
	if (!r && !seen.bare)
		return problem(why, -EBADMSG,
			       "%s is a repository with a work tree: core.bare is false",
			       mirror->path);
	mirror->memory.legacy |= seen.mirrors;
	mirror->memory.settled = seen.hides && seen.logs && !seen.mirrors && !seen.fetches_else &&
				 seen.fetches == !!mirror->memory.upstream;
	return r;
}

int mirror_open(const char *base, const char *project, struct mirror **ret, struct problem *why)
{
	_cleanup_mirror_ struct mirror *mirror = NULL;
	int r = mirror_new(base, project, &mirror, why);

	if (!r)
		r = mirror_load(mirror, why);
	if (!r)
		*ret = TAKE_PTR(mirror);
	return r;
}

int mirror_set(const struct mirror *mirror, const char *key, const char *value, struct problem *why)
{
	const struct git_run set = { .args = GIT("config", "--file", "config", "--replace-all", key,
						 value ?: "") };
	const struct git_run unset = { .args =
					   GIT("config", "--file", "config", "--unset-all", key) };
	int r = mirror_git(mirror, value ? &set : &unset, NULL, why);

	return !value && r == 5 ? 0 : git_failed(r); /* 5: there was none */
}

/* Names of refs that nobody sees are a list: ours is added, others stay. */
static int hide(const struct mirror *mirror, struct problem *why)
{
	return git_failed(mirror_git(
	    mirror,
	    &(struct git_run){ .args = GIT("config", "--file", "config", "--replace-all",
					   "transfer.hideRefs", "refs/terok", "^refs/terok$") },
	    NULL, why));
}

int mirror_settle(struct mirror *mirror, struct problem *why)
{
	int r;

	if (mirror->memory.settled)
		return 0;
	/* first what would lose branches if somebody ran git by hand */
	r = mirror_set(mirror, "remote.origin.fetch", mirror->memory.upstream ? FETCH_SPEC : NULL,
		       why)
			    ?: mirror_set(mirror, "remote.origin.mirror", NULL, why)
			    ?: hide(mirror, why)
			    ?: mirror_set(mirror, "core.logAllRefUpdates", "always", why);
	if (!r)
		mirror->memory.settled = true;
	return r;
}
