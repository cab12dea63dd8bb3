// SPDX-License-Identifier: Apache-2.0
#include "sync.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "backup.h"
#include "base/dir.h"
#include "base/log.h"
#include "cache.h"
#include "sync_within.h"

#define MEND_WAIT_S   10
#define SHA256_DIGITS 64
#define TIDY_NS       (1800 * GIT_SECOND)

/* --- what is remembered --------------------------------------------------------------- */

static int replace(char **to, const char *with)
{
	if (!with)
		return 0;
	free(*to);
	*to = *with ? strdup(with) : NULL;
	return *with && !*to ? -ENOMEM : 0;
}

/* What the command line says, over what was remembered. Whose key it is, is one of three. */
static int take_options(struct mirror_memory *memory, const struct sync_options *options)
{
	bool key = options->ssh_key && *options->ssh_key;
	bool agent = options->ssh_agent && *options->ssh_agent;
	int r = replace(&memory->upstream, options->upstream)
			?: replace(&memory->ssh_key, agent && !key ? "" : options->ssh_key)
			?: replace(&memory->ssh_agent, key && !agent ? "" : options->ssh_agent)
			?: replace(&memory->allow, options->allow);

	memory->personal = options->personal ||
			   (memory->personal && !options->ssh_key && !options->ssh_agent);
	memory->cache = (memory->cache || options->cache) && !options->no_cache;
	if (options->retention >= 0)
		memory->retention = options->retention;
	return r;
}

static bool differ(const char *a, const char *b)
{
	return strcmp(a ?: "", b ?: "");
}

static int write_memory(const struct mirror *mirror, const struct mirror_memory *before,
			struct problem *why)
{
	const struct mirror_memory *now = &mirror->memory;
	char days[16];
	int r = 0;

	snprintf(days, sizeof(days), "%u", now->retention);
	if (differ(now->upstream, before->upstream))
		r = mirror_set(mirror, "remote.origin.url", now->upstream, why);
	if (!r && differ(now->ssh_key, before->ssh_key))
		r = mirror_set(mirror, "terok.sshKey", now->ssh_key, why);
	if (!r && differ(now->ssh_agent, before->ssh_agent))
		r = mirror_set(mirror, "terok.sshAgent", now->ssh_agent, why);
	if (!r && differ(now->allow, before->allow))
		r = mirror_set(mirror, "terok.allow", now->allow, why);
	if (!r && now->personal != before->personal)
		r = mirror_set(mirror, "terok.personalSsh", now->personal ? "true" : NULL, why);
	if (!r && now->cache != before->cache)
		r = mirror_set(mirror, "terok.cloneCache", now->cache ? "true" : NULL, why);
	if (!r && now->retention != before->retention)
		r = mirror_set(mirror, "terok.backupDays", days, why);
	return r;
}

static void forget(struct mirror_memory *memory)
{
	free(memory->upstream);
	free(memory->ssh_key);
	free(memory->ssh_agent);
	free(memory->allow);
}

static int copy_memory(struct mirror_memory *to, const struct mirror_memory *from)
{
	*to = *from;
	to->upstream = to->ssh_key = to->ssh_agent = to->allow = NULL;
	return replace(&to->upstream, from->upstream) ?: replace(&to->ssh_key, from->ssh_key)
			?: replace(&to->ssh_agent, from->ssh_agent)
			?: replace(&to->allow, from->allow);
}

/* Nothing is written of an upstream that may not be reached. */
static int remember(struct syncing *syncing, struct problem *why)
{
	struct mirror *mirror = syncing->mirror;
	struct mirror_memory before = {};
	char old[200], new[200];
	int r = copy_memory(&before, &mirror->memory);

	if (!r && syncing->kept) {
		forget(&mirror->memory);
		r = copy_memory(&mirror->memory, syncing->kept);
		mirror->memory.legacy = mirror->memory.settled = mirror->memory.sha256 = false;
	}
	if (!r)
		r = take_options(&mirror->memory, syncing->options);
	if (!r && mirror->memory.upstream)
		r = upstream_check(mirror, why);
	if (!r && before.upstream && differ(before.upstream, mirror->memory.upstream))
		sync_say(&syncing->result->notes, "the upstream was %s, it is %s now",
			 git_text_redact(old, sizeof(old), before.upstream),
			 git_text_redact(new, sizeof(new), mirror->memory.upstream ?: "none"));
	if (!r)
		r = write_memory(mirror, &before, why);
	if (!!before.upstream != !!mirror->memory.upstream)
		mirror->memory.settled = false;
	forget(&before);
	return r ?: mirror_settle(mirror, why);
}

/* --- one sync ------------------------------------------------------------------------- */

/* The branches that were asked for; a mirror that is new has the default one beside them. */
static int take_wanted(struct syncing *syncing, struct problem *why)
{
	const struct sync_options *options = syncing->options;
	const char *head = syncing->upstream.head;
	int r = 0;

	for (size_t i = 0; i < options->branches_n && !r; i++)
		r = git_branch_check(options->branches[i], why)
			?: refs_add(&syncing->wanted, options->branches[i],
				    strlen(options->branches[i]), "");
	if (!r && syncing->fresh && options->branches_n && head)
		r = refs_add(&syncing->wanted, head, strlen(head), "");
	refs_sort(&syncing->wanted);
	return r;
}

/* Room and packs; what fails here can wait. */
static void tidy(struct syncing *syncing)
{
	struct mirror *mirror = syncing->mirror;
	struct problem why = {};
	int gone = backup_prune(mirror, mirror->memory.retention, &why);

	if (gone > 0)
		sync_say(&syncing->result->notes, "%d backups were older than %u days and are gone",
			 gone, mirror->memory.retention);
	else if (gone < 0)
		sync_say(&syncing->result->notes, "old backups are not removed: %s", why.text);
	if (syncing->fresh &&
	    mirror_git(mirror, &(struct git_run){ .args = GIT("pack-refs", "--all") }, NULL, &why))
		sync_say(&syncing->result->notes, "its references are not packed: %s", why.text);
	else if (!syncing->fresh &&
		 mirror_git(mirror,
			    &(struct git_run){ .args = GIT("gc", "--auto", "--quiet"),
					       .limit_ns = TIDY_NS,
					       .says = "tidying the mirror" },
			    NULL, &why))
		sync_say(&syncing->result->notes, "it is not tidied: %s", why.text);
}

/* When it was; for people, and whoever looks at a mirror that is not synced. */
static void stamp(const struct mirror *mirror)
{
	_cleanup_close_ int dir = open(mirror->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	time_t now = time(NULL);
	struct tm tm;
	char text[32];
	size_t n;

	gmtime_r(&now, &tm);
	n = strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%SZ\n", &tm);
	if (dir >= 0)
		dir_replace(dir, "terok-synced", text, n, NULL);
}

/*
 * Objects are named as the upstream names them, which is known when it has named some. A mirror
 * that is being made has none yet, and becomes such a one; another cannot.
 */
static int match_names(struct syncing *syncing, struct problem *why)
{
	const struct upstream *upstream = &syncing->upstream;
	const char *some = upstream->heads.n  ? upstream->heads.item[0].sha
			   : upstream->tags.n ? upstream->tags.item[0].sha
					      : upstream->head_sha;
	struct mirror *mirror = syncing->mirror;
	bool sha256 = strlen(some) == SHA256_DIGITS;
	int r;

	if (!*some || sha256 == mirror->memory.sha256)
		return 0;
	if (!syncing->fresh)
		return problem(why, -EBADMSG,
			       "%s's upstream names its objects by %s, the mirror by %s; try: "
			       "terok-gate sync %s --force-reinit",
			       mirror->project, sha256 ? "SHA-256" : "SHA-1",
			       sha256 ? "SHA-1" : "SHA-256", mirror->project);
	r = mirror_set(mirror, "core.repositoryFormatVersion", "1", why)
		?: mirror_set(mirror, "extensions.objectFormat", "sha256", why);
	mirror->memory.sha256 = !r;
	return r;
}

static int sync_references(struct syncing *syncing, struct problem *why)
{
	struct sync_result *result = syncing->result;
	int r = upstream_list(syncing->mirror, UPSTREAM_LIST_NS, &syncing->upstream, why)
			?: match_names(syncing, why)
			?: take_wanted(syncing, why)
			?: sync_attic(syncing, why)
			?: sync_fetch(syncing, why)
			?: sync_branches(syncing, why);

	if (!r && !syncing->wanted.n)
		r = sync_tags(syncing, why);
	if (!r)
		r = sync_head(syncing, why);
	if (syncing->upstream.left_out)
		sync_say(
		    &result->notes,
		    "%zu branches or tags of the upstream are left out: names of over %d bytes, "
		    "or none of git's",
		    syncing->upstream.left_out, GIT_BRANCH_MAX);
	return r;
}

static int fail(struct sync_result *result, int r, const struct problem *why)
{
	sync_say(&result->errors, "%s", *why->text ? why->text : strerror(-r));
	return r;
}

static void mend(struct syncing *syncing)
{
	struct problem why = {};
	int gone = mirror_mend(syncing->mirror, MEND_WAIT_S, &why);

	if (gone > 0)
		sync_say(&syncing->result->notes, "%d files of a git that was killed are removed",
			 gone);
	else if (gone < 0)
		sync_say(&syncing->result->notes, "%s", why.text);
}

/* The mirror is there, or is being made; what goes wrong from here on is the result's. */
static int sync_one(struct syncing *syncing)
{
	struct mirror *mirror = syncing->mirror;
	struct sync_result *result = syncing->result;
	struct problem why = {};
	bool legacy = mirror->memory.legacy;
	int r;

	if (!syncing->fresh)
		mend(syncing);
	r = remember(syncing, &why);
	result->migrated = !r && legacy;
	if (!r && mirror->memory.upstream) {
		char clean[GIT_URL_MAX];

		result->upstream_url =
		    strdup(git_text_redact(clean, sizeof(clean), mirror->memory.upstream));
		r = sync_references(syncing, &why);
	}
	if (r) {
		mirror_mend(mirror, 0, NULL); /* a pack that the disk had no room for */
		return fail(result, r, &why);
	}
	tidy(syncing);
	stamp(mirror);
	return 0;
}

/* --- a mirror that is new ------------------------------------------------------------- */

/* All that was written without waiting, before others see it. */
static int put_on_disk(const char *path, struct problem *why)
{
	_cleanup_close_ int dir = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	return dir < 0 || syncfs(dir)
		   ? problem(why, -errno, "put %s on the disk: %s", path, strerror(errno))
		   : 0;
}

static void sync_dir(const char *path)
{
	_cleanup_close_ int dir = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (dir >= 0)
		fsync(dir);
}

static int init(struct mirror *mirror, struct problem *why)
{
	int r = git_run(&(struct git_run){ .dir = mirror->base,
					   .home = mirror->home,
					   .args = GIT("init", "--bare", "--quiet",
						       "--template=", "--", mirror->path) },
			NULL, NULL, why);

	return git_failed(r) ?: mirror_load(mirror, why);
}

/* What was in its place is kept beside it: it may have work that nobody has elsewhere. */
static int set_aside(const struct mirror *mirror, const char *path, struct sync_result *result,
		     struct problem *why)
{
	_cleanup_free_ char *aside = NULL;

	if (asprintf(&aside, "%s/.before-%s-%lld", mirror->base, mirror->project,
		     (long long)time(NULL)) < 0)
		return aside = NULL, -ENOMEM;
	if (renameat2(AT_FDCWD, path, AT_FDCWD, aside, RENAME_NOREPLACE))
		return problem(why, -errno, "rename %s to %s: %s", path, aside, strerror(errno));
	sync_say(&result->notes,
		 "the mirror of before is %s: remove it when nothing of it is needed", aside);
	return 0;
}

static int put_in_place(struct mirror *mirror, const char *from, const char *to,
			struct sync_result *result, struct problem *why)
{
	struct stat st;
	int r = put_on_disk(from, why);

	if (r)
		return r;
	if (!lstat(to, &st)) {
		/* in one step, so that somebody who clones finds one or the other */
		if (renameat2(AT_FDCWD, from, AT_FDCWD, to, RENAME_EXCHANGE))
			return problem(why, -errno, "%s: %s", to, strerror(errno));
		r = set_aside(mirror, from, result, why);
	} else if (rename(from, to)) {
		return problem(why, -errno, "rename %s to %s: %s", from, to, strerror(errno));
	}
	sync_dir(mirror->base);
	return r;
}

static int make_mirror(struct syncing *syncing, struct problem *why)
{
	struct mirror *mirror = syncing->mirror;
	char *place = mirror->path;
	_cleanup_free_ char *scratch = mirror_scratch(mirror, "new");
	int r = scratch ? mirror_remove(scratch, why) : -ENOMEM; /* of somebody who was killed */

	if (r)
		return r;
	mirror->path = scratch;
	mirror->scratch = true;
	r = init(mirror, why);
	if (r)
		fail(syncing->result, r, why);
	else
		r = sync_one(syncing);
	mirror->path = place;
	mirror->scratch = false;
	if (!r) {
		r = put_in_place(mirror, scratch, place, syncing->result, why);
		if (r)
			fail(syncing->result, r, why);
	}
	syncing->result->created = !r;
	if (r)
		mirror_remove(scratch, NULL);
	return r;
}

/* A mirror that is made anew remembers what the one before did. */
static int make_anew(struct syncing *syncing, struct problem *why)
{
	struct mirror_memory kept = {};
	int r = copy_memory(&kept, &syncing->mirror->memory);

	syncing->kept = &kept;
	if (!r)
		r = make_mirror(syncing, why);
	syncing->kept = NULL;
	forget(&kept);
	return r;
}

static int sync_locked(struct syncing *syncing, struct problem *why)
{
	struct mirror *mirror = syncing->mirror;
	bool exists = mirror_exists(mirror);
	int r = exists ? mirror_load(mirror, why) : 0;

	if (r && !(r == -EBADMSG && syncing->options->force_reinit))
		return r;
	syncing->fresh = !exists || syncing->options->force_reinit;
	return syncing->fresh ? make_anew(syncing, why) : sync_one(syncing);
}

static void refresh_cache(struct syncing *syncing)
{
	struct sync_result *result = syncing->result;
	struct problem why = {};
	int r;

	if (!syncing->mirror->memory.cache)
		return;
	r = cache_refresh(syncing->mirror, syncing->options->cache_path,
			  syncing->options->force_reinit, &why);
	result->cache_refreshed = !r;
	if (r)
		result->cache_error = strdup(*why.text ? why.text : strerror(-r));
}

int sync_run(const char *base, const char *project, const struct sync_options *options,
	     struct sync_result *ret, struct problem *why)
{
	_cleanup_mirror_ struct mirror *mirror = NULL;
	struct syncing syncing = { .options = options, .result = ret };
	struct problem said = {};
	int r = mirror_new(base, project, &mirror, why)
		    ?: mirror_lock(mirror, "sync", options->wait_s, why);

	*ret = (struct sync_result){ 0 };
	if (r)
		return r;
	syncing.mirror = mirror;
	ret->path = strdup(mirror->path);
	r = sync_locked(&syncing, &said);
	ret->success = !r;
	if (r && !ret->errors.n)
		fail(ret, r, &said);
	if (!r)
		refresh_cache(&syncing);
	upstream_clear(&syncing.upstream);
	refs_clear(&syncing.wanted);
	return 0;
}
