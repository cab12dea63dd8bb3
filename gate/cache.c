// SPDX-License-Identifier: Apache-2.0
#include "cache.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/dir.h"
#include "place.h"

#define CLONE_NS (300 * GIT_SECOND)

static int in_cache(const struct mirror *mirror, const char *dir, const char *const *args,
		    char **ret, struct problem *why)
{
	return git_failed(git_run(&(struct git_run){ .dir = dir,
						     .home = mirror->home,
						     .args = args,
						     .allow = "file",
						     .limit_ns = CLONE_NS,
						     .says = "refreshing the clone cache" },
				  ret, NULL, why));
}

/* The mirror's default branch, as the clone has it: "origin/main". */
static int head_of(const struct mirror *mirror, const char *path, char **ret, struct problem *why)
{
	_cleanup_free_ char *text = NULL;
	int r = in_cache(mirror, path, GIT("symbolic-ref", "--short", "refs/remotes/origin/HEAD"),
			 &text, why);

	if (r)
		return r;
	text[strcspn(text, "\n")] = '\0';
	if (strncmp(text, "origin/", 7) || git_branch_check(text + 7, why))
		return -EBADMSG;
	*ret = TAKE_PTR(text);
	return 0;
}

static int update(const struct mirror *mirror, const char *path, struct problem *why)
{
	_cleanup_free_ char *head = NULL;
	int r = in_cache(mirror, path, GIT("remote", "set-url", "origin", mirror->path), NULL, why)
			?: in_cache(mirror, path,
				    GIT("fetch", "--quiet", "--all", "--prune", "--force", "--tags"),
				    NULL, why)
			?: in_cache(mirror, path, GIT("remote", "set-head", "origin", "--auto"),
				    NULL, why)
			?: head_of(mirror, path, &head, why);

	if (r)
		return r;
	return in_cache(mirror, path, GIT("checkout", "-q", "-f", "-B", head + 7, head, "--"), NULL,
			why)
		   ?: in_cache(mirror, path, GIT("clean", "-q", "-ffdx"), NULL, why);
}

static int rebuild(const struct mirror *mirror, const char *folder, const char *path,
		   struct problem *why)
{
	_cleanup_free_ char *scratch = NULL;
	int r;

	if (asprintf(&scratch, "%s/.new-%s", folder, mirror->project) < 0)
		return scratch = NULL, -ENOMEM;
	r = mirror_remove(scratch, why)
			?: in_cache(mirror, folder,
				    GIT("clone", "--quiet", "--no-hardlinks", "--template=", "--",
					mirror->path, scratch),
				    NULL, why)
			?: in_cache(mirror, scratch, GIT("rev-parse", "--quiet", "--verify", "HEAD"),
				    NULL, why)
			?: mirror_remove(path, why);
	if (!r && rename(scratch, path))
		r = problem(why, -errno, "rename %s to %s: %s", scratch, path, strerror(errno));
	if (r)
		mirror_remove(scratch, NULL);
	return r;
}

int cache_refresh(const struct mirror *mirror, const char *folder, bool anew, struct problem *why)
{
	_cleanup_free_ char *named = folder ? strdup(folder) : place_default(PLACE_CACHE),
			    *path = NULL;
	_cleanup_close_ int dir = -1;
	struct stat st;

	if (!named || asprintf(&path, "%s/%s", named, mirror->project) < 0)
		return path = NULL, problem(why, -ENOENT, "there is no home for clone caches");
	dir_make(named);
	dir = dir_open(AT_FDCWD, named, why);
	if (dir < 0)
		return dir;
	if (!anew && !lstat(path, &st) && !update(mirror, path, NULL))
		return 0;
	return rebuild(mirror, named, path, why);
}
