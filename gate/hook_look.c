// SPDX-License-Identifier: Apache-2.0
/* hook_look.c - what of a push is new: its commits, whether refs step forward, what stands in files */
#include "hook.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/json.h"
#include "base/log.h"
#include "content.h"
#include "scan.h"

#define COMMITS_MAX (64 << 20) /* bytes of names of new commits */
#define LINKS_EACH  2000       /* symlinks that are read by one git */
#define LARGE_MAX   16         /* blobs that are named as too large */

/* What is known of the push while it is looked at. */
struct look {
	struct hook *hook;
	char *tips; /* the commits that refs would have, a line each */
	size_t tips_size;
	char *commits; /* those that are new, a line each */
	size_t commits_size, room;
	struct scan_merge *merge;
	size_t n_merges, merge_room;
	char line[4096];
	size_t line_n;
	char large[LARGE_MAX][GIT_SHA_MAX + 1];
	const char *large_list[LARGE_MAX + 1];
	unsigned n_large;
	struct scan scan;
};

/* --- tips ------------------------------------------------------------------------------- */

/* The commits that refs would have, in the order of updates; a ref of none is refused. */
static int find_tips(struct look *look, struct problem *why)
{
	_cleanup_free_ char *input = NULL, *output = NULL;
	struct updates *updates = &look->hook->updates;
	size_t n = 0, size = updates->n * (GIT_SHA_MAX + 16) + 1;
	const char *at;
	int r;

	input = malloc(size);
	look->tips = malloc(size);
	if (!input || !look->tips)
		return problem(why, -ENOMEM, "no memory for a push");
	for (size_t i = 0; i < updates->n; i++)
		if (updates->item[i].kind != UPDATE_DELETE)
			n += sprintf(input + n, "%s^{commit}\n", updates->item[i].new);
	if (!n)
		return 0;
	r = hook_git(
	    look->hook,
	    &(struct git_run){ .args = GIT("cat-file", "--batch-check=%(objecttype) %(objectname)"),
			       .input = input,
			       .input_size = n },
	    false, &output, why);
	if (r)
		return hook_failed(r, "find the pushed commits", why);
	at = output;
	for (size_t i = 0; i < updates->n; i++) {
		char sha[GIT_SHA_MAX + 1];
		const char *end = strchr(at, '\n');

		if (updates->item[i].kind == UPDATE_DELETE)
			continue;
		if (!end)
			return problem(why, -EBADMSG, "git named less commits than were pushed");
		if (sscanf(at, "commit %64[0-9a-f]\n", sha) == 1 && git_is_sha(sha))
			look->tips_size += sprintf(look->tips + look->tips_size, "%s\n", sha);
		else
			hook_refuse(look->hook, REFUSED_ALWAYS, &updates->item[i],
				    "it would name no commit; push commits, and tags of commits");
		at = end + 1;
	}
	return 0;
}

static int find_forced(struct look *look, struct problem *why)
{
	struct hook *hook = look->hook;

	for (size_t i = 0; i < hook->updates.n; i++) {
		struct update *update = &hook->updates.item[i];
		struct problem wrong;
		enum refusal about;
		int r;

		if (update->kind != UPDATE_MOVE)
			continue;
		r = hook_step(hook, update, why);
		if (r)
			return r;
		about = update->forced && update_branch(update)
			    ? update_judge_forced(update, hook->note.token, &wrong)
			    : REFUSED_NOT;
		if (about)
			hook_refuse(hook, about, update, "%s", wrong.text);
	}
	return 0;
}

/* --- new commits ------------------------------------------------------------------------ */

static int add_merge(struct look *look, const char *commit, unsigned parents)
{
	if (look->n_merges == look->merge_room) {
		size_t room = look->merge_room ? 2 * look->merge_room : 64;
		struct scan_merge *more = reallocarray(look->merge, room, sizeof(*more));

		if (!more)
			return -ENOMEM;
		look->merge = more;
		look->merge_room = room;
	}
	strcpy(look->merge[look->n_merges].commit, commit);
	look->merge[look->n_merges++].parents = parents;
	return 0;
}

/* "COMMIT PARENT PARENT ..." */
static int take_commit(struct look *look)
{
	size_t n = strcspn(look->line, " "), parents = 0;
	char commit[GIT_SHA_MAX + 1];

	if (n > GIT_SHA_MAX)
		return -EBADMSG;
	memcpy(commit, look->line, n);
	commit[n] = '\0';
	for (const char *p = look->line + n; *p; p++)
		parents += *p == ' ';
	if (!git_is_sha(commit))
		return -EBADMSG;
	if (look->commits_size + n + 2 > look->room) {
		size_t room = look->room ? 2 * look->room : 4096;
		char *more = room <= COMMITS_MAX ? realloc(look->commits, room) : NULL;

		if (!more)
			return room <= COMMITS_MAX ? -ENOMEM : -E2BIG;
		look->commits = more;
		look->room = room;
	}
	look->commits_size += sprintf(look->commits + look->commits_size, "%s\n", commit);
	return parents > 1 ? add_merge(look, commit, parents) : 0;
}

static int take_lines(struct look *look, const char *bytes, size_t n,
		      int (*take)(struct look *look))
{
	int r = 0;

	for (size_t i = 0; i < n && !r; i++) {
		if (bytes[i] != '\n') {
			/* a merge of a hundred parents is none; of other lines the beginning is enough */
			if (look->line_n + 1 < sizeof(look->line))
				look->line[look->line_n++] = bytes[i] ?: '?';
			else if (take == take_commit)
				return -E2BIG;
			continue;
		}
		look->line[look->line_n] = '\0';
		look->line_n = 0;
		r = take(look);
	}
	return r;
}

static int on_commits(const char *bytes, size_t n, void *user)
{
	return take_lines(user, bytes, n, take_commit);
}

static int find_commits(struct look *look, struct problem *why)
{
	int r;

	if (!look->tips_size)
		return 0;
	r = hook_git(
	    look->hook,
	    &(struct git_run){ .args = GIT("rev-list", "--parents", "--stdin", "--not", "--all"),
			       .input = look->tips,
			       .input_size = look->tips_size,
			       .take = on_commits,
			       .user = look },
	    false, NULL, why);
	scan_sort(look->merge, look->n_merges);
	return r ? hook_failed(r, "list the new commits", why) : 0;
}

/* --- large files ------------------------------------------------------------------------ */

/* "~BLOB" is one that was left out, for its size */
static int take_large(struct look *look)
{
	if (*look->line != '~' || !git_is_sha(look->line + 1))
		return 0;
	strcpy(look->large[look->n_large], look->line + 1);
	look->large_list[look->n_large] = look->large[look->n_large];
	return ++look->n_large == LARGE_MAX; /* those are enough to refuse it */
}

static int on_objects(const char *bytes, size_t n, void *user)
{
	return take_lines(user, bytes, n, take_large);
}

static int find_large(struct look *look, struct problem *why)
{
	uint64_t most = look->hook->policy.max_object;
	char filter[64];
	int r;

	if (!most || !look->commits_size)
		return 0;
	/* the filter leaves out what has as much as it says, and more */
	snprintf(filter, sizeof(filter), "--filter=blob:limit=%" PRIu64, most + 1);
	look->line_n = 0;
	r = hook_git(
	    look->hook,
	    &(struct git_run){ .args = GIT("rev-list", "--objects", filter,
					   "--filter-print-omitted", "--stdin", "--not", "--all"),
			       .input = look->tips,
			       .input_size = look->tips_size,
			       .take = on_objects,
			       .user = look },
	    false, NULL, why);
	return r ? hook_failed(r, "look for large files", why) : 0;
}

/* --- paths ------------------------------------------------------------------------------ */

static int find_paths(struct look *look, struct problem *why)
{
	struct hook *hook = look->hook;
	int r;

	look->scan = (struct scan){ .policy = &hook->policy,
				    .forbidden = !hook->workflows && hook->policy.forbidden.n,
				    .links = !hook->policy.any_symlinks,
				    .modules = !hook->policy.any_submodules,
				    .large = look->n_large ? look->large_list : NULL,
				    .merge = look->merge,
				    .n_merges = look->n_merges };
	if (!look->commits_size)
		return 0;
	r = hook_git(hook,
		     &(struct git_run){ .args = GIT("diff-tree", "--stdin", "-r", "-m", "-z",
						    "--root", "--raw", "--no-abbrev",
						    "--no-renames", "--ignore-submodules=none"),
					.input = look->commits,
					.input_size = look->commits_size,
					.take = scan_bytes,
					.user = &look->scan },
		     false, NULL, why);
	if (r == -E2BIG)
		return problem(why, r,
			       "too many paths of it must be looked at, or one is too long");
	r = r ?: scan_end(&look->scan);
	return r ? hook_failed(r, "look through the new commits", why) : 0;
}

/* --- merges ----------------------------------------------------------------------------- */

/* What a commit has at a path, "MODE TYPE OBJECT"; "" is nothing. */
static int entry_of(struct hook *hook, const char *commit, const char *path, char ret[128],
		    struct problem *why)
{
	_cleanup_free_ char *output = NULL;
	int r = hook_git(
	    hook,
	    &(struct git_run){ .args = GIT("ls-tree", "-z", "--full-tree", commit, "--", path) },
	    false, &output, why);

	if (r)
		return hook_failed(r, "compare a merge", why);
	snprintf(ret, 128, "%.*s", (int)strcspn(output, "\t"), output);
	return 0;
}

static int commits_by(struct hook *hook, const char *const *args, char **ret, struct problem *why)
{
	int r = hook_git(hook, &(struct git_run){ .args = args }, false, ret, why);

	if (r == 1 && *ret) /* no common commit is no failure */
		return 0;
	return r ? hook_failed(r, "compare a merge", why) : 0;
}

static bool take_sha(const char **at, char ret[GIT_SHA_MAX + 1])
{
	size_t n = strspn(*at, "0123456789abcdef");

	if (n > GIT_SHA_MAX || !n)
		return false;
	memcpy(ret, *at, n);
	ret[n] = '\0';
	*at += n + ((*at)[n] == '\n' || (*at)[n] == ' ');
	return git_is_sha(ret);
}

/*
 * An honest merge takes a path as the one parent has it that changed it, and the other did not
 * since they parted. To take it from one that is behind would be a change by whoever merges.
 */
static int is_honest(struct hook *hook, const struct scan_found *found, bool *ret,
		     struct problem *why)
{
	char first[GIT_SHA_MAX + 8], second[GIT_SHA_MAX + 8], base[GIT_SHA_MAX + 1];
	char entry[128], a[128], b[128], before[128];
	_cleanup_free_ char *bases = NULL;
	const char *at;
	bool from_a, from_b, any = false;
	int r;

	*ret = false;
	snprintf(first, sizeof(first), "%s^1", found->commit);
	snprintf(second, sizeof(second), "%s^2", found->commit);
	r = entry_of(hook, found->commit, found->path, entry, why)
		?: entry_of(hook, first, found->path, a, why)
		?: entry_of(hook, second, found->path, b, why)
		?: commits_by(hook, GIT("merge-base", "--all", first, second), &bases, why);
	if (r)
		return r;
	from_a = !strcmp(entry, a);
	from_b = !strcmp(entry, b);
	for (at = bases; take_sha(&at, base); any = true) {
		r = entry_of(hook, base, found->path, before, why);
		if (r)
			return r;
		if (!(from_a && !strcmp(before, b)) && !(from_b && !strcmp(before, a)))
			return 0;
	}
	*ret = any;
	return 0;
}

static int check_forbidden(struct hook *hook, const struct look *look,
			   const struct scan_found *found, struct problem *why)
{
	char shown[120];
	bool honest = false;
	int r = 0;

	if (found->merge) {
		struct scan_merge *merge = NULL;

		for (size_t i = 0; i < look->n_merges; i++)
			if (!strcmp(look->merge[i].commit, found->commit))
				merge = &look->merge[i];
		if (merge && merge->parents == 2)
			r = is_honest(hook, found, &honest, why);
	}
	if (!r && !honest)
		hook_refuse(
		    hook, REFUSED_WORKFLOWS, NULL,
		    "commit %.12s changes %s, which needs a grant; leave it out, or ask for a token "
		    "with --workflows",
		    found->commit, log_safe(shown, sizeof(shown), found->path));
	return r;
}

/* --- what stands in files --------------------------------------------------------------- */

static void refuse_path(struct hook *hook, const struct scan_found *found, const char *what)
{
	char shown[120];

	hook_refuse(hook, REFUSED_ALWAYS, NULL, "%s of commit %.12s %s",
		    log_safe(shown, sizeof(shown), found->path), found->commit, what);
}

/* The answer to one name of `cat-file --batch`: "SHA blob SIZE\nBYTES\n". */
static int take_blob(const char **at, size_t *left, const char **ret, size_t *size)
{
	const char *end = memchr(*at, '\n', *left);
	size_t head;

	if (!end || sscanf(*at, "%*64[0-9a-f] blob %zu\n", size) != 1)
		return -EBADMSG;
	head = end + 1 - *at;
	if (*size > *left - head || *left - head - *size < 1)
		return -EBADMSG;
	*ret = end + 1;
	*at += head + *size + 1;
	*left -= head + *size + 1;
	return 0;
}

struct bytes {
	char *text;
	size_t n, room, most;
};

static int on_bytes(const char *bytes, size_t n, void *user)
{
	struct bytes *to = user;

	if (n > to->most - to->n)
		return -EFBIG;
	if (to->n + n + 1 > to->room) {
		size_t room = 2 * (to->n + n + 1);
		char *more = realloc(to->text, room);

		if (!more)
			return -ENOMEM;
		to->text = more;
		to->room = room;
	}
	memcpy(to->text + to->n, bytes, n);
	to->n += n;
	to->text[to->n] = '\0';
	return 0;
}

/* Some symlinks: @item are their places in what was found. */
static int read_links(struct look *look, struct scan_found *const *item, size_t n,
		      struct problem *why)
{
	_cleanup_free_ char *input = malloc(n * (GIT_SHA_MAX + 1) + 1);
	struct bytes bytes = { .most = n * (CONTENT_LINK_MAX + 200) };
	_cleanup_free_ void *text = NULL;
	const char *at, *target;
	size_t size = 0, left;
	int r;

	if (!input)
		return problem(why, -ENOMEM, "no memory for a push");
	for (size_t i = 0; i < n; i++)
		size += sprintf(input + size, "%s\n", item[i]->blob);
	r = hook_git(look->hook,
		     &(struct git_run){ .args = GIT("cat-file", "--batch"),
					.input = input,
					.input_size = size,
					.take = on_bytes,
					.user = &bytes },
		     false, NULL, why);
	text = bytes.text;
	if (r == -EFBIG)
		return problem(why, -EFBIG, "symlinks of it have targets of more than %d bytes",
			       CONTENT_LINK_MAX);
	if (r)
		return hook_failed(r, "read the new symlinks", why);
	at = bytes.text;
	left = bytes.n;
	for (size_t i = 0; i < n; i++) {
		struct problem wrong;

		if (take_blob(&at, &left, &target, &size))
			return problem(why, -EBADMSG, "git did not say what stands in a symlink");
		if (content_link(item[i]->path, target, size, &wrong))
			refuse_path(look->hook, item[i], wrong.text);
	}
	return 0;
}

static int check_links(struct look *look, struct problem *why)
{
	struct scan_found *some[LINKS_EACH];
	size_t n = 0;
	int r = 0;

	for (size_t i = 0; i < look->scan.n && !r; i++) {
		if (look->scan.found[i].what == SCAN_LINK)
			some[n++] = &look->scan.found[i];
		if (n == LINKS_EACH) {
			r = read_links(look, some, n, why);
			n = 0;
		}
	}
	return r || !n ? r : read_links(look, some, n, why);
}

/* The same file in many commits is read once. */
static bool was_read(const struct scan *scan, const struct scan_found *found)
{
	for (const struct scan_found *before = scan->found; before < found; before++)
		if (before->what == SCAN_MODULES && !strcmp(before->blob, found->blob))
			return true;
	return false;
}

static int check_modules(struct look *look, const struct scan_found *found, struct problem *why)
{
	char blob[GIT_SHA_MAX + 16];
	struct bytes bytes = { .most = 1 << 20 };
	_cleanup_free_ void *text = NULL;
	struct problem wrong;
	int r;

	if (was_read(&look->scan, found))
		return 0;
	snprintf(blob, sizeof(blob), "--blob=%s", found->blob);
	r = hook_git(
	    look->hook,
	    &(struct git_run){ .args = GIT("config", blob, "-z", "--no-includes", "--list"),
			       .take = on_bytes,
			       .user = &bytes },
	    false, NULL, why);
	text = bytes.text;
	if (r == -ETIMEDOUT || (r < 0 && r != -EFBIG))
		return hook_failed(r, "read .gitmodules", why);
	if (r)
		refuse_path(look->hook, found, "cannot be read");
	else if (bytes.n && content_modules(bytes.text, bytes.n, &wrong))
		refuse_path(look->hook, found, wrong.text);
	return 0;
}

static int judge_found(struct look *look, struct problem *why)
{
	struct hook *hook = look->hook;
	int r = 0;

	/* who is told of ten has enough to mend */
	for (size_t i = 0; i < look->scan.n && !r && hook->n_refused < HOOK_REFUSALS; i++) {
		const struct scan_found *found = &look->scan.found[i];

		switch (found->what) {
		case SCAN_FORBIDDEN: r = check_forbidden(hook, look, found, why); break;
		case SCAN_MODULES: r = check_modules(look, found, why); break;
		case SCAN_MODULES_LINK: refuse_path(hook, found, "is no regular file"); break;
		case SCAN_LARGE:
			refuse_path(hook, found,
				    "is larger than the project's policy (max_object) allows");
			break;
		case SCAN_LINK: break; /* many at once */
		}
	}
	if (!r && look->n_large && hook_may_ask(hook))
		hook_refuse(hook, REFUSED_ALWAYS, NULL,
			    "a file of it is larger than the project's policy (max_object) allows");
	return r ?: check_links(look, why);
}

int hook_look(struct hook *hook, struct problem *why)
{
	struct look *look = calloc(1, sizeof(*look));
	int r;

	if (!look)
		return problem(why, -ENOMEM, "no memory for a push");
	look->hook = hook;
	r = find_tips(look, why) ?: find_forced(look, why);
	if (!r && hook_may_ask(hook))
		r = find_commits(look, why) ?: find_large(look, why) ?: find_paths(look, why);
	if (!r && hook_may_ask(hook))
		r = judge_found(look, why);
	scan_done(&look->scan);
	free(look->merge);
	free(look->commits);
	free(look->tips);
	free(look);
	return r;
}
