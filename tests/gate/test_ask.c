// SPDX-License-Identifier: Apache-2.0
/*
 * test_ask.c - a push that is refused asks at a session's hub, and is taken or not as a person says
 *
 * Hub and verdict helper are processes as in service; the person is a client of
 * org.terok.Clearance1, which knows nothing of pushes.
 */
#include "gate/pushed.h"
#include "hub/person.h"

#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <syslog.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/json.h"
#include "base/log.h"
#include "gate/verbs.h"

#define ASKS "{\"ask_seconds\": 60}"

static const struct token plain = { .refs = 1, .project = "p", .task = "t", .container = "box" };

static int setup(void **state)
{
	return session_setup(state) ?: pushed_setup(state);
}

static int teardown(void **state)
{
	int r = pushed_teardown(state);

	return session_teardown(state) ?: r;
}

static pid_t push(const char *script)
{
	pid_t pid;

	fflush(NULL);
	pid = fork();
	assert_true(pid >= 0);
	if (!pid) {
		int status = pushed_sh(script);
		char path[128];
		FILE *f;

		snprintf(path, sizeof(path), "%s/heard", pushed_folder);
		f = fopen(path, "w");
		if (f) {
			fputs(pushed_said, f);
			fclose(f);
		}
		_exit(status);
	}
	return pid;
}

/* Its exit code, and what its git was told. */
static int ended(pid_t pid)
{
	char path[128];
	int status;
	size_t n;
	FILE *f;

	assert_int_equal(waitpid(pid, &status, 0), pid);
	snprintf(path, sizeof(path), "%s/heard", pushed_folder);
	f = fopen(path, "r");
	assert_non_null(f);
	n = fread(pushed_said, 1, sizeof(pushed_said) - 1, f);
	pushed_said[n] = '\0';
	fclose(f);
	return WEXITSTATUS(status);
}

static void what_a_person_allows_is_pushed_once(void **state)
{
	pid_t pid;

	(void)state;
	pushed_policy(ASKS);
	pushed_as(&plain);
	person_comes();
	pid = push("commit b; commit .github/workflows/ci.yml; push main");
	person_hears("connection_blocked");
	assert_string_equal(person.dest, "push:refs/heads/main");
	assert_int_equal(strncmp(person.container, "gate:p/t#", 9), 0);
	assert_non_null(strstr(person.dossier, "changes .github/workflows/ci.yml"));
	assert_non_null(strstr(person.dossier, "\"pushed_by\": \"box\"")
			    ?: strstr(person.dossier, "box"));
	person_answers("allow", OK);
	assert_int_equal(ended(pid), 0);
	pushed_says("waiting up to 60 s");
	pushed_says("allowed by the operator, this once");
	person_hears("verdict_applied");
	person_hears("container_exited");
	pushed_works("tip main:.github/workflows/ci.yml");
	person_ran_no_shield();
	/* the next is asked for again */
	pid = push("commit .github/workflows/two.yml; push main");
	person_hears("connection_blocked");
	person_answers("deny", OK);
	assert_int_not_equal(ended(pid), 0);
	pushed_says("refused: the operator said no");
	pushed_works("! tip main:.github/workflows/two.yml");
}

static void a_person_is_shown_all_that_is_refused(void **state)
{
	struct token some = plain;
	pid_t pid;

	(void)state;
	some.push[some.n_push++] = (char *)"agent/**";
	pushed_policy(ASKS);
	pushed_as(&some);
	pushed_works("commit b; git push -q ../base/p.git main; git branch old; "
		     "git reset -q --hard start; commit .github/workflows/ci.yml");
	person_comes();
	pid = push("push --force main");
	person_hears("connection_blocked");
	assert_non_null(strstr(person.dossier, "this token is for agent/**"));
	assert_non_null(strstr(person.dossier, "it replaces history"));
	assert_non_null(strstr(person.dossier, "changes .github/workflows/ci.yml"));
	person_answers("allow", OK);
	assert_int_equal(ended(pid), 0);
	pushed_says("gate: saved refs/terok/backup/main/");
	pushed_works("[ \"$(tip main)\" = \"$(git rev-parse main)\" ]");
}

static void what_nobody_may_lift_is_not_asked_for(void **state)
{
	(void)state;
	pushed_policy(ASKS);
	pushed_as(&plain);
	person_comes();
	pushed_refused("ln -s /etc/passwd l; commit .github/workflows/ci.yml; push main",
		       "l of commit");
	pushed_never_says("waiting");
	pushed_refused("push main:refs/notes/x", "refused refs/notes/x");
	pushed_never_says("waiting");
}

static void nobody_answers_and_the_request_goes(void **state)
{
	pid_t pid;

	(void)state;
	pushed_policy("{\"ask_seconds\": 1}");
	pushed_as(&plain);
	person_comes();
	pid = push("commit .github/workflows/ci.yml; push main");
	person_hears("connection_blocked");
	assert_int_not_equal(ended(pid), 0);
	pushed_says("nobody answered");
	person_hears("container_exited");
	person_is_unknown();
}

static void who_dies_while_it_waits_asks_no_more(void **state)
{
	pid_t pid;

	(void)state;
	pushed_policy(ASKS);
	pushed_as(&plain);
	person_comes();
	/* the hook is what git-receive-pack has started in this repository */
	pid = push("commit .github/workflows/ci.yml; mkfifo ../go; push main & read x <../go; "
		   "here=$(realpath ../base/p.git); for p in /proc/[0-9]*; do "
		   "[ \"$(readlink $p/cwd 2>/dev/null)\" = \"$here\" ] && "
		   "grep -q pre-receive $p/cmdline 2>/dev/null && "
		   "grep -q receive-pack /proc/$(sed -n 's/^PPid:.//p' $p/status)/cmdline && "
		   "kill -9 ${p#/proc/} && echo killed; done; wait");
	person_hears("connection_blocked");
	{
		char path[128];
		FILE *f;

		snprintf(path, sizeof(path), "%s/go", pushed_folder);
		f = fopen(path, "w");
		assert_non_null(f);
		fputs("x\n", f);
		fclose(f);
	}
	ended(pid);
	pushed_says("killed");
	person_hears("container_exited");
	pushed_works("! tip main:.github");
}

static void without_a_hub_it_is_refused_at_once(void **state)
{
	(void)state;
	pushed_policy(ASKS);
	pushed_as(&plain);
	pushed_refused("commit .github/workflows/ci.yml; push main", "nobody was asked");
	pushed_works("! tip main:.github");
}

static void a_hub_that_goes_says_no(void **state)
{
	pid_t pid;

	(void)state;
	pushed_policy(ASKS);
	pushed_as(&plain);
	person_comes();
	pid = push("commit .github/workflows/ci.yml; push main");
	person_hears("connection_blocked");
	session_end(&session.hub, SIGTERM);
	assert_int_not_equal(ended(pid), 0);
	pushed_says("refused: nobody was asked: the hub");
}

#define ASKED(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		ASKED(what_a_person_allows_is_pushed_once),
		ASKED(a_person_is_shown_all_that_is_refused),
		ASKED(what_nobody_may_lift_is_not_asked_for),
		ASKED(nobody_answers_and_the_request_goes),
		ASKED(who_dies_while_it_waits_asks_no_more),
		ASKED(without_a_hub_it_is_refused_at_once),
		ASKED(a_hub_that_goes_says_no),
	};

	if (argc == 3 && !strcmp(argv[1], "hook")) {
		log_setup("terok-gate", LOG_INFO, false);
		return verb_hook(argc - 1, argv + 1);
	}
	return cmocka_run_group_tests_name("ask", tests, NULL, NULL);
}
