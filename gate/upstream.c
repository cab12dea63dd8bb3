// SPDX-License-Identifier: Apache-2.0
#include "upstream.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "ssh.h"

/* What git needs to get there. */
struct reach {
	struct git_env env;
	char allow[64];
	bool personal;
};

static void reach_clear(struct reach *reach)
{
	git_env_clear(&reach->env);
}

/* Is a word in a list with commas? */
static bool lists(const char *list, const char *word)
{
	size_t n = strlen(word);

	for (; list && *list;
	     list += list[strcspn(list, ",")] == ',' ? strcspn(list, ",") + 1 : strlen(list))
		if (strcspn(list, ",") == n && !strncmp(list, word, n))
			return true;
	return false;
}

static int find_way(const struct mirror *mirror, struct reach *reach, struct problem *why)
{
	enum git_way way;
	struct problem said = {};
	int r = git_url_way(mirror->memory.upstream, &way, &said);

	if (r)
		return problem(why, r, "%s's upstream: %.200s", mirror->project, said.text);
	if (way > GIT_WAY_SSH && !lists(mirror->memory.allow, git_way_name(way)))
		return problem(
		    why, -EACCES,
		    "%s's upstream goes by %s, which is not allowed: whoever is between can "
		    "change it, or it is a file of this machine; use https or ssh, or "
		    "--allow %s",
		    mirror->project, git_way_name(way), git_way_name(way));
	/* a server may send us on to its https; never from https to something plain */
	snprintf(reach->allow, sizeof(reach->allow), "%s%s", git_way_name(way),
		 way == GIT_WAY_HTTP ? ":https" : "");
	reach->personal = mirror->memory.personal;
	return way == GIT_WAY_SSH ? ssh_environment(mirror, &reach->env, why) : 0;
}

int upstream_check(const struct mirror *mirror, struct problem *why)
{
	_cleanup_(reach_clear) struct reach reach = {};

	return find_way(mirror, &reach, why);
}

static int ask(const struct mirror *mirror, const char *const *args, uint64_t limit_ns,
	       const char *says, char **ret, struct problem *why)
{
	_cleanup_(reach_clear) struct reach reach = {};
	int r = find_way(mirror, &reach, why);

	if (r)
		return r;
	return git_failed(mirror_git(mirror,
				     &(struct git_run){ .args = args,
							.env = &reach.env,
							.allow = reach.allow,
							.personal = reach.personal,
							.limit_ns = limit_ns,
							.says = says },
				     ret, why));
}

/* --- what it has ---------------------------------------------------------------------- */

void upstream_clear(struct upstream *upstream)
{
	refs_clear(&upstream->heads);
	refs_clear(&upstream->tags);
	free(upstream->head);
	*upstream = (struct upstream){ 0 };
}

static bool below(const char *name, const char *prefix, const char **ret)
{
	size_t n = strlen(prefix);

	if (strncmp(name, prefix, n))
		return false;
	*ret = name + n;
	return true;
}

/* "ref: refs/heads/main", which HEAD is */
static int take_head(struct upstream *upstream, const char *target)
{
	const char *branch;

	if (!below(target, REFS_HEADS, &branch) || git_branch_check(branch, NULL))
		return 0;
	free(upstream->head);
	upstream->head = strdup(branch);
	return upstream->head ? 0 : -ENOMEM;
}

static int take_ref(struct upstream *upstream, const char *sha, const char *name)
{
	const char *rest;
	bool head = below(name, REFS_HEADS, &rest);
	size_t n;

	if (!git_is_sha(sha))
		return -EBADMSG;
	if (!strcmp(name, "HEAD"))
		snprintf(upstream->head_sha, sizeof(upstream->head_sha), "%s", sha);
	if (!head && !below(name, REFS_TAGS, &rest))
		return 0;
	n = strlen(rest);
	if (n > 3 && !strcmp(rest + n - 3, "^{}")) /* what a tag points to */
		return 0;
	if (git_branch_check(rest, NULL)) {
		upstream->left_out++;
		return 0;
	}
	return refs_add(head ? &upstream->heads : &upstream->tags, rest, n, sha);
}

/* "ref: TARGET\tHEAD", "SHA\tNAME" */
static int take_line(struct upstream *upstream, char *line)
{
	char *tab = strchr(line, '\t');

	if (!tab)
		return -EBADMSG;
	*tab++ = '\0';
	if (!strncmp(line, "ref: ", 5))
		return strcmp(tab, "HEAD") ? 0 : take_head(upstream, line + 5);
	return take_ref(upstream, line, tab);
}

int upstream_parse(char *text, struct upstream *ret)
{
	_cleanup_upstream_ struct upstream upstream = {};
	int r = 0;

	for (char *line = text, *end; *line && !r; line = end) {
		end = strchrnul(line, '\n');
		if (*end)
			*end++ = '\0';
		r = take_line(&upstream, line);
	}
	if (r)
		return r;
	refs_sort(&upstream.heads);
	refs_sort(&upstream.tags);
	*ret = TAKE(upstream, (struct upstream){ 0 });
	return 0;
}

int upstream_list(const struct mirror *mirror, uint64_t limit_ns, struct upstream *ret,
		  struct problem *why)
{
	_cleanup_free_ char *text = NULL;
	int r = ask(mirror,
		    GIT("ls-remote", "--symref", "origin", "HEAD", "refs/heads/*", "refs/tags/*"),
		    limit_ns, NULL, &text, why);

	if (r)
		return r;
	r = upstream_parse(text, ret);
	return r ? problem(why, r, "%s's upstream: its list of references is not git's",
			   mirror->project)
		 : 0;
}

/* --- its commits ---------------------------------------------------------------------- */

/* The refspecs go by standard input: there may be many. */
static int write_specs(FILE *to, const struct refs *branches)
{
	if (!branches)
		fprintf(to, "+refs/heads/*:" REFS_UPSTREAM "*\n+refs/tags/*:" REFS_MOVED "*\n");
	for (size_t i = 0; branches && i < branches->n; i++)
		fprintf(to, "+refs/heads/%s:" REFS_UPSTREAM "%s\n", branches->item[i].name,
			branches->item[i].name);
	return fclose(to) ? -ENOMEM : 0;
}

int upstream_fetch(const struct mirror *mirror, const struct refs *branches, uint64_t limit_ns,
		   struct problem *why)
{
	_cleanup_(reach_clear) struct reach reach = {};
	_cleanup_free_ char *specs = NULL, *says = NULL;
	size_t size = 0;
	FILE *to = open_memstream(&specs, &size);
	int r = to ? write_specs(to, branches) : -ENOMEM;

	if (!r)
		r = find_way(mirror, &reach, why);
	if (!r && asprintf(&says, "fetching %s", mirror->project) < 0)
		r = -ENOMEM, says = NULL;
	if (r)
		return r;
	return git_failed(
	    mirror_git(mirror,
		       &(struct git_run){
			   .args = GIT("fetch", "--stdin", "--progress", "--no-prune", "--no-tags",
				       "--no-write-fetch-head", "--no-auto-maintenance",
				       "--no-recurse-submodules", "origin"),
			   .env = &reach.env,
			   .allow = reach.allow,
			   .personal = reach.personal,
			   .limit_ns = limit_ns,
			   .input = specs,
			   .input_size = size,
			   .says = says },
		       NULL, why));
}
