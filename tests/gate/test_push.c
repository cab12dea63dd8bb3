// SPDX-License-Identifier: Apache-2.0
/*
 * test_push.c - what real git may push, with the hooks and the environment that a gate gives it
 *
 * This program is the gate's hook too: the hooks' folder is made for who makes it. git-receive-pack
 * is started over a local path with what push_environment() says, as a server starts it.
 */
#include "gate/pushed.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <syslog.h>

#include "base/log.h"
#include "gate/push.h"
#include "gate/verbs.h"

static const struct token plain = { .refs = 1, .project = "p", .task = "t" };
static const struct token forceful = { .refs = 1, .project = "p", .task = "t", .force = true };
static const struct token removing = { .refs = 1, .project = "p", .task = "t", .remove = true };
static const struct token trusted = { .refs = 1, .project = "p", .task = "t", .workflows = true };

/* --- refs ------------------------------------------------------------------------------- */

static void branches_and_tags_are_added_and_go_forward(void **state)
{
	(void)state;
	pushed_as(&plain);
	pushed_works("commit b; push main; [ \"$(tip main)\" = \"$(git rev-parse main)\" ]");
	pushed_works("git checkout -qb agent/x; commit c; push agent/x; commit d; push agent/x");
	pushed_works("git tag v1; git tag -a -m t v2; push v1 v2; tip refs/tags/v2");
	pushed_works("[ -z \"$(backups)\" ]"); /* nothing was displaced */
	pushed_works("grep -q agent/x ../base/p.git/terok-push-marker || "
		     "grep -q refs/tags/v2 ../base/p.git/terok-push-marker");
}

static void history_is_replaced_by_who_may_and_what_was_there_is_kept(void **state)
{
	(void)state;
	pushed_as(&plain);
	pushed_works("commit b; push main; git branch old");
	pushed_refused("git reset -q --hard start; commit c; push --force main",
		       "gate: refused refs/heads/main");
	pushed_says("--force");
	pushed_works("[ \"$(tip main)\" = \"$(git rev-parse old)\" ]; [ -z \"$(backups)\" ]");
	pushed_as(&forceful);
	pushed_works("push --force main");
	pushed_says("gate: saved refs/terok/backup/main/");
	pushed_works(
	    "[ \"$(tip main)\" = \"$(git rev-parse main)\" ]; [ \"$(backups | wc -l)\" = 1 ]; "
	    "[ \"$(tip \"$(backups)\")\" = \"$(git rev-parse old)\" ]; "
	    "backups | grep -Eq '^refs/terok/backup/main/[0-9]{8}T[0-9]{6}Z-[0-9a-f]{12}$'");
	pushed_works(
	    "grep -q \"^backed-up refs/terok/backup/main/\" ../base/p.git/terok-push-marker");
	/* the same tip is kept once */
	pushed_works("push --force old:main; push --force main; [ \"$(backups | wc -l)\" = 2 ]");
}

static void a_branch_is_deleted_by_who_may_and_is_kept(void **state)
{
	(void)state;
	pushed_as(&plain);
	pushed_works("git checkout -qb x; commit b; push x");
	pushed_refused("push --delete x", "--remove");
	pushed_works("tip x");
	pushed_as(&removing);
	pushed_works(
	    "push --delete x; ! tip x; [ \"$(tip \"$(backups)\")\" = \"$(git rev-parse x)\" ]");
	pushed_refused("push --delete x", "does not exist");
}

static void a_tag_stays_what_it_was(void **state)
{
	(void)state;
	pushed_as(&plain);
	pushed_works("git tag v1; push v1; commit b; git tag -f v1");
	pushed_refused("push --force v1", "refs/tags/v1");
	pushed_as(&forceful);
	pushed_works("push --force v1; backups | grep -q ^refs/terok/backup-tags/tags/v1/");
}

/* 200 bytes and one: a backup's name would be cut, and lead nowhere */
static void a_name_that_could_not_be_kept_is_refused(void **state)
{
	(void)state;
	pushed_works("printf '%0200d' 0 >../long");
	pushed_as(&forceful);
	pushed_works("l=$(cat ../long); commit b; push main:refs/heads/$l; git tag $l; "
		     "push refs/tags/$l; git reset -q --hard start; commit c; "
		     "push --force main:refs/heads/$l; "
		     "backups | grep -q \"^refs/terok/backup/$l/[^/]*$\"");
	pushed_refused("push main:refs/heads/$(cat ../long)x",
		       "a branch's name of 201 bytes: 1 to 200 are allowed");
	pushed_refused("git tag $(cat ../long)x; push refs/tags/$(cat ../long)x",
		       "a tag's name of 201 bytes: 1 to 200 are allowed");
	pushed_refused("push main:refs/tags/-x", "that is no name of a tag");
	/* one that an older gate let in is not displaced either */
	pushed_works("git -C ../base/p.git update-ref refs/heads/$(cat ../long)x refs/heads/main");
	pushed_refused("push --force main:refs/heads/$(cat ../long)x", "1 to 200 are allowed");
}

static void what_is_the_gates_is_neither_seen_nor_pushed(void **state)
{
	(void)state;
	pushed_as(&forceful);
	pushed_works(
	    "git -C ../base/p.git update-ref refs/terok/upstream/main start 2>/dev/null || "
	    "git -C ../base/p.git update-ref refs/terok/upstream/main main");
	pushed_works("commit b; push main");
	pushed_refused("push main:refs/terok/upstream/main", "deny updating a hidden ref");
	pushed_refused("push main:refs/terok/new", "deny updating a hidden ref");
	pushed_refused("push main:refs/Terok/new", "refused refs/Terok/new");
	pushed_refused("push --delete refs/terok/upstream/main", "deny deleting a hidden ref");
	pushed_refused("push main:refs/replace/0123456789012345678901234567890123456789", "policy");
	pushed_refused("push main:refs/notes/x", "policy");
	pushed_works(
	    "git ls-remote --upload-pack=\"env GIT_CONFIG_COUNT=1 GIT_CONFIG_KEY_0=transfer.hideRefs "
	    "GIT_CONFIG_VALUE_0=refs/terok git-upload-pack\" ../base/p.git");
	pushed_never_says("refs/terok");
}

static void a_token_pushes_where_its_patterns_say(void **state)
{
	struct token token = plain;

	(void)state;
	token.push[token.n_push++] = (char *)"agent/**";
	pushed_as(&token);
	pushed_works("commit b; push main:agent/x main:agent/y/z");
	pushed_refused("push main", "this token is for agent/**");
	pushed_refused("push main:agentx", "this token is for agent/**");
	/* one that may not be takes the others with it */
	pushed_refused("push main:agent/w main:other", "refs/heads/other");
	pushed_works("! tip agent/w");
}

static void a_token_that_reads_or_is_of_another_project_pushes_nothing(void **state)
{
	struct token reads = plain, other = plain, admin = plain;
	struct problem why;

	(void)state;
	reads.read_only = true;
	strcpy(other.project, "q");
	strcpy(admin.project, TOKEN_ADMIN);
	assert_int_equal(pushed_try_as(&reads, true, &why), -EACCES);
	assert_int_equal(pushed_try_as(&reads, false, &why), 0);
	assert_int_equal(pushed_try_as(&other, true, &why), -EACCES);
	assert_int_equal(pushed_try_as(&admin, true, &why), 0);
	pushed_works("commit b; push main");
}

static void a_protected_ref_is_nobodys(void **state)
{
	struct token all = forceful;

	(void)state;
	all.remove = all.workflows = true;
	pushed_policy("{\"protected\": [\"main\", \"release/*\"]}");
	pushed_as(&all);
	pushed_refused("commit b; push main", "it is protected (main)");
	pushed_refused("push main:release/1", "it is protected (release/*)");
	pushed_works("push main:other");
}

static void a_policy_that_is_wrong_lets_nobody_push(void **state)
{
	struct problem why;

	(void)state;
	pushed_policy("{\"protekted\": [\"main\"]}");
	assert_int_equal(pushed_try_as(&plain, true, &why), -EINVAL);
	assert_non_null(strstr(why.text, "protekted"));
	pushed_policy("{}");
	pushed_as(&plain);
	pushed_policy("{\"protected\": [\"main\""); /* after the gate looked */
	pushed_refused("commit b; push main", "p.policy.json");
	pushed_policy("{\"max_refs\": 2}");
	pushed_works("push main:a main:b");
	pushed_refused("push main:c main:d main:e", "3 refs at once");
}

/* --- what is in commits ----------------------------------------------------------------- */

static void a_path_that_needs_a_grant_is_refused_in_any_commit(void **state)
{
	(void)state;
	pushed_as(&plain);
	pushed_refused("commit b; commit .github/workflows/ci.yml; commit c; push main",
		       "changes .github/workflows/ci.yml, which needs a grant");
	pushed_says("--workflows");
	/* also if a later commit takes it back: who has the history can have the file */
	pushed_refused("git rm -q .github/workflows/ci.yml; git commit -qm back; push main",
		       "needs a grant");
	pushed_works("! tip main^{tree}:b");
	pushed_as(&trusted);
	pushed_works("push main");
	pushed_as(&plain);
	pushed_works("commit d; push main"); /* what is there already is not pushed again */
	pushed_refused(
	    "git checkout -qb x start; mkdir .github; ln -s ../ci .github/workflows; git add -A; "
	    "git commit -qm l; push x",
	    "needs a grant");
	pushed_refused(
	    "git checkout -qb y start; ln -s ci .github; git add -A; git commit -qm l; push y",
	    "needs a grant");
	pushed_refused("git checkout -qb z start; commit .GitHub/Workflows/x; push z",
		       "needs a grant");
	pushed_policy("{\"forbidden\": [\"Makefile\", \"**/secret/\"]}");
	pushed_refused("git checkout -qb w start; commit d/secret/b; push w", "d/secret/b");
	pushed_works("git checkout -qb v start; commit .github/workflows/x; push v");
}

static void a_merge_takes_what_upstream_changed_and_nothing_that_it_did_not(void **state)
{
	(void)state;
	pushed_works("commit .github/workflows/ci.yml one; git push -q ../base/p.git main");
	pushed_works("git checkout -qb agent; commit b");
	pushed_works(
	    "git checkout -q main; commit .github/workflows/ci.yml two; git push -q ../base/p.git main");
	pushed_as(&plain);
	/* the honest merge of what is there has the new file */
	pushed_works("git checkout -q agent; git merge -q -m m main; push agent");
	/* a merge that makes a file of its own */
	pushed_refused(
	    "git checkout -qb evil main~1; commit c; git merge -q --no-commit main; "
	    "echo three >.github/workflows/ci.yml; git add -A; git commit -qm m; push evil",
	    "needs a grant");
	/* a merge with the past, which takes the past's file: a change back, by nobody's commit */
	pushed_refused(
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
	pushed_as(&plain);
	pushed_works(
	    "ln -s a l; mkdir -p s/t; ln -s ../../a s/t/l; ln -s . here; git add -A; git commit -qm l; "
	    "push main");
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		snprintf(
		    script, sizeof(script),
		    "git checkout -qfB x start; ln -s '%s' bad; git add -A; git commit -qm l; push x",
		    bad[i]);
		pushed_refused(script, "bad of commit");
	}
	pushed_policy("{\"symlinks\": \"any\"}");
	pushed_as(&plain);
	pushed_works(
	    "git checkout -qfB x start; ln -s /etc/passwd bad; git add -A; git commit -qm l; push x");
	pushed_policy("{}");
	pushed_as(&plain);
	/* what others brought before is not the pusher's */
	pushed_works("git checkout -qfB m start; commit e; git merge -q -m m x; push m");
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
	pushed_as(&plain);
	for (size_t i = 0; i < sizeof(good) / sizeof(*good); i++) {
		snprintf(
		    script, sizeof(script),
		    "git checkout -qfB g%zu start; git config -f .gitmodules submodule.s.path s; "
		    "git config -f .gitmodules submodule.s.url '%s'; git add -A; git commit -qm s; "
		    "push g%zu",
		    i, good[i], i);
		pushed_works(script);
	}
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		snprintf(
		    script, sizeof(script),
		    "git checkout -qfB x start; git config -f .gitmodules submodule.s.path s; "
		    "git config -f .gitmodules submodule.s.url '%s'; git add -A; git commit -qm s; "
		    "push x",
		    bad[i]);
		pushed_refused(script, "odule");
	}
	pushed_refused(
	    "git checkout -qfB x start; ln -s a .gitmodules; git add -A; git commit -qm s; push x",
	    ".gitmodules");
	pushed_refused(
	    "git checkout -qfB x start; printf '[submodule \"s\"]\\n\\tpath = s\\n\\turl = ../s\\n"
	    "\\tupdate = !id\\n' >.gitmodules; git add -A; git commit -qm s; push x",
	    "");
}

static void names_of_git_are_refused_by_its_own_check(void **state)
{
	(void)state;
	pushed_as(&plain);
	pushed_refused(
	    "b=$(git rev-parse HEAD:a); t=$(printf '100644 blob %s\\tconfig\\n' $b | git mktree); "
	    "r=$(printf '040000 tree %s\\t.GIT\\n' $t | git mktree --missing); "
	    "c=$(git commit-tree -m x $r); push $c:refs/heads/x",
	    "hasDotgit");
	pushed_refused("push HEAD^{tree}:refs/tags/t", "it would name no commit");
	pushed_refused("git tag -a -m t b HEAD:a; push b", "it would name no commit");
}

static void what_is_too_large_is_refused(void **state)
{
	(void)state;
	pushed_policy("{\"max_object\": 100000}");
	pushed_as(&plain);
	pushed_refused(
	    "head -c 100001 /dev/urandom >big; git add -A; git commit -qm big; push main",
	    "big of commit");
	pushed_refused("git rm -q big; git commit -qm gone; push main", "max_object");
	pushed_works("git reset -q --hard start; head -c 100000 /dev/urandom >big; git add -A; "
		     "git commit -qm big; push main");
	pushed_policy("{\"max_push\": 50000}");
	pushed_as(&plain);
	pushed_refused("git checkout -qb x start; head -c 60000 /dev/urandom >more; git add -A; "
		       "git commit -qm big; push x",
		       "exceeds maximum allowed size");
	pushed_works("! tip x; git -C ../base/p.git fsck --strict >/dev/null 2>&1");
}

static void what_cannot_be_looked_at_in_time_is_refused(void **state)
{
	(void)state;
	pushed_policy("{\"check_seconds\": 1}");
	pushed_as(&plain);
	/* git by another name is slow, wherever the hook finds it */
	pushed_works(
	    "mkdir ../slow; ln -s \"$(git --exec-path)\"/* ../slow; rm ../slow/git; "
	    "printf '#!/bin/sh\\ncase \"$*\" in *rev-list*--parents*) exec sleep 30 ;; esac\\n"
	    "exec %s \"$@\"\\n' \"$(command -v git)\" >../slow/git; chmod +x ../slow/git; "
	    "sed -i \"s#env -i#env -i GIT_EXEC_PATH=$PWD/../slow#\" ../receive");
	pushed_refused("commit b; push main", "in time");
	pushed_works("! tip main:b");
}

/* --- the gate's own --------------------------------------------------------------------- */

static void an_operators_push_by_path_runs_no_hook(void **state)
{
	(void)state;
	pushed_works("commit .github/workflows/ci.yml; git push -q ../base/p.git main");
	pushed_works(
	    "git reset -q --hard start; git push -q --force ../base/p.git main; [ -z \"$(backups)\" ]");
}

static void hooks_of_the_repository_are_never_run(void **state)
{
	(void)state;
	pushed_works(
	    "mkdir -p ../base/p.git/hooks; for h in pre-receive update post-receive post-update "
	    "reference-transaction proc-receive; do printf '#!/bin/sh\\ntouch %s/ran\\nexit 1\\n' "
	    "\"$PWD/..\" >../base/p.git/hooks/$h; chmod +x ../base/p.git/hooks/$h; done");
	pushed_as(&plain);
	pushed_works("commit b; push main; [ ! -e ../ran ]");
}

static void without_hooks_that_run_nobody_pushes(void **state)
{
	struct problem why = {};

	(void)state;
	pushed_as(&plain);
	pushed_works("[ \"$(stat -c %a ../base/.terok-hooks)\" = 700 ]; "
		     "[ \"$(stat -c %a ../base/.terok-hooks/pre-receive)\" = 700 ]");
	pushed_works(
	    "echo '#!/bin/sh' >../base/.terok-hooks/pre-receive; rm ../base/.terok-hooks/post-receive; "
	    "chmod 600 ../base/.terok-hooks/pre-receive");
	pushed_as(&plain); /* made right again */
	pushed_refused("commit .github/workflows/x; push main", "needs a grant");
	pushed_works("chmod 0777 ../base/.terok-hooks");
	assert_int_equal(pushed_try_as(&plain, true, &why), -EPERM);
	assert_non_null(strstr(why.text, ".terok-hooks"));
	/* a hook that is run by somebody else refuses */
	pushed_works("chmod 0700 ../base/.terok-hooks");
	pushed_refused(
	    "git checkout -qfB x start; commit b; git -c core.hooksPath=/dev/null push -q "
	    "--receive-pack=\"env GIT_CONFIG_COUNT=1 GIT_CONFIG_KEY_0=core.hooksPath "
	    "GIT_CONFIG_VALUE_0=$PWD/../base/.terok-hooks git-receive-pack\" ../base/p.git x",
	    "gate: refused");
}

static void what_is_displaced_is_kept_before_anything_moves(void **state)
{
	(void)state;
	pushed_as(&forceful);
	/* whoever is killed when refs have moved never comes to what is done after it */
	pushed_works("echo '#!/bin/sh' >../base/.terok-hooks/post-receive");
	pushed_works("commit b; push main; git branch old; git reset -q --hard start; commit c; "
		     "push --force main");
	pushed_never_says("gate: saved");
	pushed_works("[ \"$(tip \"$(backups)\")\" = \"$(git rev-parse old)\" ]");
}

static void where_nothing_may_be_run_nobody_pushes(void **state)
{
	struct problem why = {};
	char path[128];
	int r;

	(void)state;
	snprintf(path, sizeof(path), "%s/base/.terok-hooks", pushed_folder);
	pushed_works("mkdir -m 700 ../base/.terok-hooks");
	if (mount("hooks", path, "tmpfs", MS_NOEXEC, "mode=0700")) {
		print_message("no mount: %s\n", strerror(errno));
		skip();
	}
	r = pushed_try_as(&plain, true, &why);
	assert_int_equal(umount(path), 0);
	assert_int_equal(r, -EACCES);
	assert_non_null(strstr(why.text, "cannot be run"));
}

static void what_cannot_be_kept_is_said_and_the_push_stands(void **state)
{
	(void)state;
	pushed_as(&forceful);
	pushed_works("commit b; push main; git branch old; git reset -q --hard start; commit c");
	/* a ref where their folder should be */
	pushed_works("git -C ../base/p.git update-ref refs/terok/backup/main HEAD");
	pushed_works("push --force main; [ \"$(tip main)\" = \"$(git rev-parse main)\" ]");
	pushed_says("could not be saved");
	pushed_works("grep -q '^backup-FAILED main ' ../base/p.git/terok-push-marker");
}

static void many_refs_and_a_large_tree_are_looked_through(void **state)
{
	(void)state;
	pushed_as(&plain);
	pushed_works(
	    "i=0; while [ $i -lt 300 ]; do i=$((i + 1)); echo \"create refs/heads/b$i HEAD\"; done | "
	    "git update-ref --stdin; push 'refs/heads/b*:refs/heads/b*'");
	pushed_works("i=0; while [ $i -lt 3000 ]; do i=$((i + 1)); ln -s a l$i; done; git add -A; "
		     "git commit -qm links; push main");
	pushed_refused("rm l2999; ln -s /x l2999; git add -A; git commit -qm bad; push main",
		       "l2999");
}

#define PUSHED(test) cmocka_unit_test_setup_teardown(test, pushed_setup, pushed_teardown)

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		PUSHED(branches_and_tags_are_added_and_go_forward),
		PUSHED(history_is_replaced_by_who_may_and_what_was_there_is_kept),
		PUSHED(a_branch_is_deleted_by_who_may_and_is_kept),
		PUSHED(a_tag_stays_what_it_was),
		PUSHED(a_name_that_could_not_be_kept_is_refused),
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
		PUSHED(what_is_displaced_is_kept_before_anything_moves),
		PUSHED(where_nothing_may_be_run_nobody_pushes),
		PUSHED(what_cannot_be_kept_is_said_and_the_push_stands),
		PUSHED(many_refs_and_a_large_tree_are_looked_through),
	};

	if (argc == 3 && !strcmp(argv[1], "hook")) {
		log_setup("terok-gate", LOG_INFO, false);
		return verb_hook(argc - 1, argv + 1);
	}
	return cmocka_run_group_tests_name("push", tests, NULL, NULL);
}
