// SPDX-License-Identifier: Apache-2.0
/* verb_sync.c - terok-gate sync: a mirror is made, or brought to what its upstream has */
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/cli.h"
#include "base/log.h"
#include "sync.h"
#include "sync_show.h"
#include "verbs.h"

#define DAYS_MAX  36500
#define LIMIT_MAX 86400

/* A path is remembered for later, when the current folder is another. */
static int absolute(const char *option, const char **path, char buf[PATH_MAX])
{
	if (!*path || !**path || **path == '/')
		return 0;
	if (!realpath(*path, buf)) {
		log_error(-errno, "--%s %s", option, *path);
		return -EINVAL;
	}
	*path = buf;
	return 0;
}

static int check_allow(const char *allow)
{
	static const char *const known[] = { "file", "http", "git" };

	while (allow && *allow) {
		size_t n = strcspn(allow, ","), i = 0;

		while (i < 3 && (strlen(known[i]) != n || strncmp(known[i], allow, n)))
			i++;
		if (i == 3) {
			log_error(0, "--allow %.20s: file, http and git can be allowed", allow);
			return -EINVAL;
		}
		allow += n + (allow[n] == ',');
	}
	return 0;
}

static void show(const struct sync_result *result, bool json)
{
	_cleanup_json_ struct json out = {};
	const char *text;

	if (!json) {
		sync_show_text(result);
		return;
	}
	sync_show_json(&out, result);
	text = json_done(&out);
	puts(text ?: "null");
}

static int run(const char *base, const char *project, const struct sync_options *options, bool json)
{
	_cleanup_sync_ struct sync_result result = {};
	struct problem why = {};
	int r;

	umask(077);
	r = sync_run(base, project, options, &result, &why);
	if (r)
		return log_error(0, "sync %s: %s", project, *why.text ? why.text : strerror(-r)),
		       r == -EINVAL ? -EIO : r;
	show(&result, json);
	return result.success ? 0 : -EIO;
}

int verb_sync(int argc, char **argv)
{
	const char *base = NULL, *wait = NULL, *limit = NULL, *days = NULL;
	struct sync_options options = { .retention = -1, .wait_s = MIRROR_WAIT_S };
	char key[PATH_MAX], agent[PATH_MAX];
	struct cli_list branches = {};
	unsigned keep = 0;
	bool json = false;
	const struct cli_option table[] = {
		{ "upstream", "URL", "where it comes from; remembered", CLI_STRING,
		  &options.upstream },
		{ "branch", "NAME", "only this branch; again for more", CLI_LIST, &branches },
		{ "allow", "WAYS", "file, http, git: remembered", CLI_STRING, &options.allow },
		{ "ssh-key", "FILE", "the project's key; remembered", CLI_STRING,
		  &options.ssh_key },
		{ "ssh-agent", "SOCKET", "an agent that has it; remembered", CLI_STRING,
		  &options.ssh_agent },
		{ "use-personal-ssh", NULL, "your own keys and git settings; remembered", CLI_FLAG,
		  &options.personal },
		{ "backup-days", "DAYS", "how long backups stay, 0: for ever; remembered",
		  CLI_STRING, &days },
		{ "cache", NULL, "keep a clone for tasks to begin with; remembered", CLI_FLAG,
		  &options.cache },
		{ "no-cache", NULL, "keep none any more; what is there stays", CLI_FLAG,
		  &options.no_cache },
		{ "cache-path", "FOLDER", "where clones are", CLI_STRING, &options.cache_path },
		{ "force-reinit", NULL, "make it anew, and set the old one aside", CLI_FLAG,
		  &options.force_reinit },
		{ "limit", "SECONDS", "for the transfer (120; 3600 of a new one)", CLI_STRING,
		  &limit },
		{ "wait", "SECONDS", "for another that is at work (60)", CLI_STRING, &wait },
		{ "base-path", "FOLDER", "where mirrors are", CLI_STRING, &base },
		{ "json", NULL, "one JSON object", CLI_FLAG, &json },
		{},
	};
	int r = cli_parse(argc, argv, table, 1, 1);

	if (r < 0)
		return r;
	r = absolute("ssh-key", &options.ssh_key, key)
			?: absolute("ssh-agent", &options.ssh_agent, agent)
			?: check_allow(options.allow)
			?: cli_number("wait", wait, 0, LIMIT_MAX, &options.wait_s)
			?: cli_number("limit", limit, 1, LIMIT_MAX, &options.limit_s)
			?: cli_number("backup-days", days, 0, DAYS_MAX, &keep);
	if (r)
		return r;
	if (days)
		options.retention = keep;
	options.branches = branches.item;
	options.branches_n = branches.n;
	return run(base, argv[1], &options, json);
}
