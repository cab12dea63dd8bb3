// SPDX-License-Identifier: Apache-2.0
/*
 * test_push.c - what real git may push, with the hooks and the environment that a gate gives it
 *
 * This program is the gate's hook too: the hooks' folder is made for who makes it. git-receive-pack
 * is started over a local path with what push_environment() says, as a server starts it.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <syslog.h>
#include <unistd.h>
#include <cmocka.h>

#include "base/log.h"
#include "gate/push.h"
#include "gate/verbs.h"

static char folder[64], said[65536];

/* What scripts below begin with: push, and commits that differ. */
static const char prelude[] =
    "set -e; export HOME=$PWD GIT_CONFIG_NOSYSTEM=1 LC_ALL=C\n"
    "export GIT_AUTHOR_NAME=a GIT_AUTHOR_EMAIL=a@example.com\n"
    "export GIT_COMMITTER_NAME=a GIT_COMMITTER_EMAIL=a@example.com\n"
    "push() { git push --receive-pack=\"$PWD/../receive\" \"$PWD/../base/p.git\" \"$@\"; }\n"
    "tip() { git -C ../base/p.git rev-parse -q --verify \"$1\"; }\n"
    "commit() { mkdir -p \"$(dirname \"$1\")\"; echo \"${2:-$1}\" >\"$1\"; git add -A; "
    "git commit -qm \"$1\"; }\n"
    "backups() { git -C ../base/p.git for-each-ref --format='%(refname)' refs/terok/; }\n";

/* Run it in the clone; its exit code, and what it printed is in said. */
static int sh(const char *script)
{
	char path[128];
	size_t n;
	FILE *f;
	int status;

	snprintf(path, sizeof(path), "%s/script", folder);
	f = fopen(path, "w");
	assert_non_null(f);
	fprintf(f, "cd %s/work; exec 2>&1\n%s%s\n", folder, prelude, script);
	fclose(f);
	snprintf(path, sizeof(path), "exec timeout 60 sh %s/script", folder);
	f = popen(path, "r");
	assert_non_null(f);
	n = fread(said, 1, sizeof(said) - 1, f);
	said[n] = '\0';
	status = pclose(f);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 255;
}

static void works(const char *script)
{
	int status = sh(script);

	if (status)
		fail_msg("exit %d of: %s\n%s", status, script, said);
}

static void says(const char *text)
{
	if (!strstr(said, text))
		fail_msg("not said: %s\nbut: %s", text, said);
}

/* The script's push is refused, and the pusher is told @text. */
static void refused(const char *script, const char *text)
{
	int status = sh(script);

	if (!status)
		fail_msg("not refused: %s\n%s", script, said);
	says(text);
}

static void never_says(const char *text)
{
	if (strstr(said, text))
		fail_msg("said: %s\nin: %s", text, said);
}

static void put_policy(const char *text)
{
	char path[128];
	FILE *f;

	snprintf(path, sizeof(path), "%s/base/p.policy.json", folder);
	f = fopen(path, "w");
	assert_non_null(f);
	fputs(text, f);
	fclose(f);
	assert_int_equal(chmod(path, 0600), 0);
}

static int try_as(const struct token *token, bool receives, struct problem *why)
{
	struct push_env env = {};
	char repository[128], path[128];
	FILE *f;
	int r;

	snprintf(repository, sizeof(repository), "%s/base/p.git", folder);
	r = push_environment(token, repository, receives, &env, why);
	if (r)
		return r;
	snprintf(path, sizeof(path), "%s/receive", folder);
	f = fopen(path, "w");
	assert_non_null(f);
	fprintf(f, "#!/bin/sh\nexec env -i PATH=\"$PATH\" HOME=%s/base", folder);
	for (unsigned i = 0; i < env.n; i++)
		fprintf(f, " '%s'", env.item[i]);
	fputs(" git receive-pack \"$@\"\n", f);
	fclose(f);
	push_env_done(&env);
	return chmod(path, 0700);
}

/* From now on pushes are this token's. */
static void as(const struct token *token)
{
	struct problem why = {};

	if (try_as(token, true, &why))
		fail_msg("%s", why.text);
}

static const struct token plain = { .refs = 1, .project = "p", .task = "t" };
static const struct token forceful = { .refs = 1, .project = "p", .task = "t", .force = true };
static const struct token removing = { .refs = 1, .project = "p", .task = "t", .remove = true };
static const struct token trusted = { .refs = 1, .project = "p", .task = "t", .workflows = true };

static int setup(void **state)
{
	char command[512];

	(void)state;
	strcpy(folder, "/tmp/terok-push-XXXXXX");
	if (!mkdtemp(folder))
		return -1;
	snprintf(command, sizeof(command),
		 "cd %s && mkdir -m 700 base && git init -q --bare -b main base/p.git && "
		 "git init -q -b main work",
		 folder);
	if (system(command))
		return -1;
	/* what was there before: an operator's push by path, which runs no hook of ours */
	return sh("commit a; git push -q ../base/p.git main; git branch start");
}

static int teardown(void **state)
{
	char command[128];

	(void)state;
	snprintf(command, sizeof(command), "rm -rf %s", folder);
	return system(command);
}

/* --- refs ------------------------------------------------------------------------------- */

static void branches_and_tags_are_added_and_go_forward(void **state)
{
	(void)state;
	as(&plain);
	works("commit b; push main; [ \"$(tip main)\" = \"$(git rev-parse main)\" ]");
	works("git checkout -qb agent/x; commit c; push agent/x; commit d; push agent/x");
	works("git tag v1; git tag -a -m t v2; push v1 v2; tip refs/tags/v2");
	works("[ -z \"$(backups)\" ]"); /* nothing was displaced */
	works("grep -q agent/x ../base/p.git/terok-push-marker || "
	      "grep -q refs/tags/v2 ../base/p.git/terok-push-marker");
}

static void history_is_replaced_by_who_may_and_what_was_there_is_kept(void **state)
{
	(void)state;
	as(&plain);
	works("commit b; push main; git branch old");
	refused("git reset -q --hard start; commit c; push --force main",
		"gate: refused refs/heads/main");
	says("--force");
	works("[ \"$(tip main)\" = \"$(git rev-parse old)\" ]; [ -z \"$(backups)\" ]");
	as(&forceful);
	works("push --force main");
	says("gate: saved refs/terok/backup/main/");
	works("[ \"$(tip main)\" = \"$(git rev-parse main)\" ]; [ \"$(backups | wc -l)\" = 1 ]; "
	      "[ \"$(tip \"$(backups)\")\" = \"$(git rev-parse old)\" ]; "
	      "backups | grep -Eq '^refs/terok/backup/main/[0-9]{8}T[0-9]{6}Z-[0-9a-f]{12}$'");
	works("grep -q \"^backed-up refs/terok/backup/main/\" ../base/p.git/terok-push-marker");
	/* the same tip is kept once */
	works("push --force old:main; push --force main; [ \"$(backups | wc -l)\" = 2 ]");
}

static void a_branch_is_deleted_by_who_may_and_is_kept(void **state)
{
	(void)state;
	as(&plain);
	works("git checkout -qb x; commit b; push x");
	refused("push --delete x", "--remove");
	works("tip x");
	as(&removing);
	works("push --delete x; ! tip x; [ \"$(tip \"$(backups)\")\" = \"$(git rev-parse x)\" ]");
	refused("push --delete x", "does not exist");
}

static void a_tag_stays_what_it_was(void **state)
{
	(void)state;
	as(&plain);
	works("git tag v1; push v1; commit b; git tag -f v1");
	refused("push --force v1", "refs/tags/v1");
	as(&forceful);
	works("push --force v1; backups | grep -q ^refs/terok/backup-tags/tags/v1/");
}

static void what_is_the_gates_is_neither_seen_nor_pushed(void **state)
{
	(void)state;
	as(&forceful);
	works("git -C ../base/p.git update-ref refs/terok/upstream/main start 2>/dev/null || "
	      "git -C ../base/p.git update-ref refs/terok/upstream/main main");
	works("commit b; push main");
	refused("push main:refs/terok/upstream/main", "deny updating a hidden ref");
	refused("push main:refs/terok/new", "deny updating a hidden ref");
	refused("push main:refs/Terok/new", "refused refs/Terok/new");
	refused("push --delete refs/terok/upstream/main", "deny deleting a hidden ref");
	refused("push main:refs/replace/0123456789012345678901234567890123456789", "policy");
	refused("push main:refs/notes/x", "policy");
	works(
	    "git ls-remote --upload-pack=\"env GIT_CONFIG_COUNT=1 GIT_CONFIG_KEY_0=transfer.hideRefs "
	    "GIT_CONFIG_VALUE_0=refs/terok git-upload-pack\" ../base/p.git");
	never_says("refs/terok");
}

static void a_token_pushes_where_its_patterns_say(void **state)
{
	struct token token = plain;

	(void)state;
	token.push[token.n_push++] = (char *)"agent/**";
	as(&token);
	works("commit b; push main:agent/x main:agent/y/z");
	refused("push main", "this token is for agent/**");
	refused("push main:agentx", "this token is for agent/**");
	/* one that may not be takes the others with it */
	refused("push main:agent/w main:other", "refs/heads/other");
	works("! tip agent/w");
}

static void a_token_that_reads_or_is_of_another_project_pushes_nothing(void **state)
{
	struct token reads = plain, other = plain, admin = plain;
	struct problem why;

	(void)state;
	reads.read_only = true;
	strcpy(other.project, "q");
	strcpy(admin.project, TOKEN_ADMIN);
	assert_int_equal(try_as(&reads, true, &why), -EACCES);
	assert_int_equal(try_as(&reads, false, &why), 0);
	assert_int_equal(try_as(&other, true, &why), -EACCES);
	assert_int_equal(try_as(&admin, true, &why), 0);
	works("commit b; push main");
}

static void a_protected_ref_is_nobodys(void **state)
{
	struct token all = forceful;

	(void)state;
	all.remove = all.workflows = true;
	put_policy("{\"protected\": [\"main\", \"release/*\"]}");
	as(&all);
	refused("commit b; push main", "it is protected (main)");
	refused("push main:release/1", "it is protected (release/*)");
	works("push main:other");
}

static void a_policy_that_is_wrong_lets_nobody_push(void **state)
{
	struct problem why;

	(void)state;
	put_policy("{\"protekted\": [\"main\"]}");
	assert_int_equal(try_as(&plain, true, &why), -EINVAL);
	assert_non_null(strstr(why.text, "protekted"));
	put_policy("{}");
	as(&plain);
	put_policy("{\"protected\": [\"main\""); /* after the gate looked */
	refused("commit b; push main", "p.policy.json");
	put_policy("{\"max_refs\": 2}");
	works("push main:a main:b");
	refused("push main:c main:d main:e", "3 refs at once");
}

/* --- what is in commits ----------------------------------------------------------------- */

static void a_path_that_needs_a_grant_is_refused_in_any_commit(void **state)
{
	(void)state;
	as(&plain);
	refused("commit b; commit .github/workflows/ci.yml; commit c; push main",
		"changes .github/workflows/ci.yml, which needs a grant");
	says("--workflows");
	/* also if a later commit takes it back: who has the history can have the file */
	refused("git rm -q .github/workflows/ci.yml; git commit -qm back; push main",
		"needs a grant");
	works("! tip main^{tree}:b");
	as(&trusted);
	works("push main");
	as(&plain);
	works("commit d; push main"); /* what is there already is not pushed again */
	refused(
	    "git checkout -qb x start; mkdir .github; ln -s ../ci .github/workflows; git add -A; "
	    "git commit -qm l; push x",
	    "needs a grant");
	refused("git checkout -qb y start; ln -s ci .github; git add -A; git commit -qm l; push y",
		"needs a grant");
	refused("git checkout -qb z start; commit .GitHub/Workflows/x; push z", "needs a grant");
	put_policy("{\"forbidden\": [\"Makefile\", \"**/secret/\"]}");
	refused("git checkout -qb w start; commit d/secret/b; push w", "d/secret/b");
	works("git checkout -qb v start; commit .github/workflows/x; push v");
}

static void a_merge_takes_what_upstream_changed_and_nothing_that_it_did_not(void **state)
{
	(void)state;
	works("commit .github/workflows/ci.yml one; git push -q ../base/p.git main");
	works("git checkout -qb agent; commit b");
	works(
	    "git checkout -q main; commit .github/workflows/ci.yml two; git push -q ../base/p.git main");
	as(&plain);
	/* the honest merge of what is there has the new file */
	works("git checkout -q agent; git merge -q -m m main; push agent");
	/* a merge that makes a file of its own */
	refused("git checkout -qb evil main~1; commit c; git merge -q --no-commit main; "
		"echo three >.github/workflows/ci.yml; git add -A; git commit -qm m; push evil",
		"needs a grant");
	/* a merge with the past, which takes the past's file: a change back, by nobody's commit */
	refused(
	    "git checkout -qfb back main; commit d; "
	    "t=$(git rev-parse main~1:.github); r=$(git ls-tree HEAD | sed \"s/[0-9a-f]*\\t.github/$t\\t.github/\" "
	    "| git mktree); c=$(git commit-tree -p HEAD -p main~1 -m m $r); push $c:refs/heads/back",
	    "needs a grant");
}

static void symlinks_stay_in_the_tree(void **state)
{
	static const char *const bad[] = { "/etc/passwd", "../x",        "s/../../x",
					   "a/../b",      ".git/config", "~/x" };
	char script[512];

	(void)state;
	as(&plain);
	works(
	    "ln -s a l; mkdir -p s/t; ln -s ../../a s/t/l; ln -s . here; git add -A; git commit -qm l; "
	    "push main");
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		snprintf(
		    script, sizeof(script),
		    "git checkout -qfB x start; ln -s '%s' bad; git add -A; git commit -qm l; push x",
		    bad[i]);
		refused(script, "bad of commit");
	}
	put_policy("{\"symlinks\": \"any\"}");
	as(&plain);
	works(
	    "git checkout -qfB x start; ln -s /etc/passwd bad; git add -A; git commit -qm l; push x");
	put_policy("{}");
	as(&plain);
	/* what others brought before is not the pusher's */
	works("git checkout -qfB m start; commit e; git merge -q -m m x; push m");
}

static void submodules_come_from_where_they_may(void **state)
{
	static const char *const bad[] = { "ext::sh -c id",
					   "file:///etc",
					   "/etc",
					   "../../../x",
					   "ssh://-oProxyCommand=id/x",
					   "--upload-pack=id",
					   "https://h/%0ax" };
	static const char *const good[] = { "https://example.com/x.git", "../other.git",
					    "git@example.com:o/r", "./x" };
	char script[1024];

	(void)state;
	as(&plain);
	for (size_t i = 0; i < sizeof(good) / sizeof(*good); i++) {
		snprintf(
		    script, sizeof(script),
		    "git checkout -qfB g%zu start; git config -f .gitmodules submodule.s.path s; "
		    "git config -f .gitmodules submodule.s.url '%s'; git add -A; git commit -qm s; "
		    "push g%zu",
		    i, good[i], i);
		works(script);
	}
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		snprintf(
		    script, sizeof(script),
		    "git checkout -qfB x start; git config -f .gitmodules submodule.s.path s; "
		    "git config -f .gitmodules submodule.s.url '%s'; git add -A; git commit -qm s; "
		    "push x",
		    bad[i]);
		refused(script, "odule");
	}
	refused(
	    "git checkout -qfB x start; ln -s a .gitmodules; git add -A; git commit -qm s; push x",
	    ".gitmodules");
	refused(
	    "git checkout -qfB x start; printf '[submodule \"s\"]\\n\\tpath = s\\n\\turl = ../s\\n"
	    "\\tupdate = !id\\n' >.gitmodules; git add -A; git commit -qm s; push x",
	    "");
}

static void names_of_git_are_refused_by_its_own_check(void **state)
{
	(void)state;
	as(&plain);
	refused(
	    "b=$(git rev-parse HEAD:a); t=$(printf '100644 blob %s\\tconfig\\n' $b | git mktree); "
	    "r=$(printf '040000 tree %s\\t.GIT\\n' $t | git mktree --missing); "
	    "c=$(git commit-tree -m x $r); push $c:refs/heads/x",
	    "hasDotgit");
	refused("push HEAD^{tree}:refs/tags/t", "it would name no commit");
	refused("git tag -a -m t b HEAD:a; push b", "it would name no commit");
}

static void what_is_too_large_is_refused(void **state)
{
	(void)state;
	put_policy("{\"max_object\": 100000}");
	as(&plain);
	refused("head -c 100001 /dev/urandom >big; git add -A; git commit -qm big; push main",
		"big of commit");
	refused("git rm -q big; git commit -qm gone; push main", "max_object");
	works("git reset -q --hard start; head -c 100000 /dev/urandom >big; git add -A; "
	      "git commit -qm big; push main");
	put_policy("{\"max_push\": 50000}");
	as(&plain);
	refused("git checkout -qb x start; head -c 60000 /dev/urandom >more; git add -A; "
		"git commit -qm big; push x",
		"exceeds maximum allowed size");
	works("! tip x; git -C ../base/p.git fsck --strict >/dev/null 2>&1");
}

static void what_cannot_be_looked_at_in_time_is_refused(void **state)
{
	(void)state;
	put_policy("{\"check_seconds\": 1}");
	as(&plain);
	/* git by another name is slow, wherever the hook finds it */
	works("mkdir ../slow; ln -s \"$(git --exec-path)\"/* ../slow; rm ../slow/git; "
	      "printf '#!/bin/sh\\ncase \"$*\" in *rev-list*--parents*) exec sleep 30 ;; esac\\n"
	      "exec %s \"$@\"\\n' \"$(command -v git)\" >../slow/git; chmod +x ../slow/git; "
	      "sed -i \"s#env -i#env -i GIT_EXEC_PATH=$PWD/../slow#\" ../receive");
	refused("commit b; push main", "in time");
	works("! tip main:b");
}

/* --- the gate's own --------------------------------------------------------------------- */

static void an_operators_push_by_path_runs_no_hook(void **state)
{
	(void)state;
	works("commit .github/workflows/ci.yml; git push -q ../base/p.git main");
	works(
	    "git reset -q --hard start; git push -q --force ../base/p.git main; [ -z \"$(backups)\" ]");
}

static void hooks_of_the_repository_are_never_run(void **state)
{
	(void)state;
	works(
	    "mkdir -p ../base/p.git/hooks; for h in pre-receive update post-receive post-update "
	    "reference-transaction proc-receive; do printf '#!/bin/sh\\ntouch %s/ran\\nexit 1\\n' "
	    "\"$PWD/..\" >../base/p.git/hooks/$h; chmod +x ../base/p.git/hooks/$h; done");
	as(&plain);
	works("commit b; push main; [ ! -e ../ran ]");
}

static void without_hooks_that_run_nobody_pushes(void **state)
{
	struct problem why = {};

	(void)state;
	as(&plain);
	works("[ \"$(stat -c %a ../base/.terok-hooks)\" = 700 ]; "
	      "[ \"$(stat -c %a ../base/.terok-hooks/pre-receive)\" = 700 ]");
	works(
	    "echo '#!/bin/sh' >../base/.terok-hooks/pre-receive; rm ../base/.terok-hooks/post-receive; "
	    "chmod 600 ../base/.terok-hooks/pre-receive");
	as(&plain); /* made right again */
	refused("commit .github/workflows/x; push main", "needs a grant");
	works("chmod 0777 ../base/.terok-hooks");
	assert_int_equal(try_as(&plain, true, &why), -EPERM);
	assert_non_null(strstr(why.text, ".terok-hooks"));
	/* a hook that is run by somebody else refuses */
	works("chmod 0700 ../base/.terok-hooks");
	refused("git checkout -qfB x start; commit b; git -c core.hooksPath=/dev/null push -q "
		"--receive-pack=\"env GIT_CONFIG_COUNT=1 GIT_CONFIG_KEY_0=core.hooksPath "
		"GIT_CONFIG_VALUE_0=$PWD/../base/.terok-hooks git-receive-pack\" ../base/p.git x",
		"gate: refused");
}

static void what_cannot_be_kept_is_said_and_the_push_stands(void **state)
{
	(void)state;
	as(&forceful);
	works("commit b; push main; git branch old; git reset -q --hard start; commit c");
	/* a ref where their folder should be */
	works("git -C ../base/p.git update-ref refs/terok/backup/main HEAD");
	works("push --force main; [ \"$(tip main)\" = \"$(git rev-parse main)\" ]");
	says("could not be saved");
	works("grep -q '^backup-FAILED main ' ../base/p.git/terok-push-marker");
}

static void many_refs_and_a_large_tree_are_looked_through(void **state)
{
	(void)state;
	as(&plain);
	works(
	    "i=0; while [ $i -lt 300 ]; do i=$((i + 1)); echo \"create refs/heads/b$i HEAD\"; done | "
	    "git update-ref --stdin; push 'refs/heads/b*:refs/heads/b*'");
	works("i=0; while [ $i -lt 3000 ]; do i=$((i + 1)); ln -s a l$i; done; git add -A; "
	      "git commit -qm links; push main");
	refused("rm l2999; ln -s /x l2999; git add -A; git commit -qm bad; push main", "l2999");
}

#define PUSHED(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		PUSHED(branches_and_tags_are_added_and_go_forward),
		PUSHED(history_is_replaced_by_who_may_and_what_was_there_is_kept),
		PUSHED(a_branch_is_deleted_by_who_may_and_is_kept),
		PUSHED(a_tag_stays_what_it_was),
		PUSHED(what_is_the_gates_is_neither_seen_nor_pushed),
		PUSHED(a_token_pushes_where_its_patterns_say),
		PUSHED(a_token_that_reads_or_is_of_another_project_pushes_nothing),
		PUSHED(a_protected_ref_is_nobodys),
		PUSHED(a_policy_that_is_wrong_lets_nobody_push),
		PUSHED(a_path_that_needs_a_grant_is_refused_in_any_commit),
		PUSHED(a_merge_takes_what_upstream_changed_and_nothing_that_it_did_not),
		PUSHED(symlinks_stay_in_the_tree),
		PUSHED(submodules_come_from_where_they_may),
		PUSHED(names_of_git_are_refused_by_its_own_check),
		PUSHED(what_is_too_large_is_refused),
		PUSHED(what_cannot_be_looked_at_in_time_is_refused),
		PUSHED(an_operators_push_by_path_runs_no_hook),
		PUSHED(hooks_of_the_repository_are_never_run),
		PUSHED(without_hooks_that_run_nobody_pushes),
		PUSHED(what_cannot_be_kept_is_said_and_the_push_stands),
		PUSHED(many_refs_and_a_large_tree_are_looked_through),
	};

	if (argc == 3 && !strcmp(argv[1], "hook")) {
		log_setup("terok-gate", LOG_INFO, false);
		return verb_hook(argc - 1, argv + 1);
	}
	return cmocka_run_group_tests_name("push", tests, NULL, NULL);
}
