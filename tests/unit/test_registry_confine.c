// SPDX-License-Identifier: Apache-2.0
/*
 * test_registry_confine.c - user/registry/confine.c: what whoever has taken the control plane over can do
 *
 * What it needs goes on: the registry, certificates that are read again, podman by way of its runner.
 */
#include "registry_box.h"

#include <sys/prctl.h>
#include <sys/resource.h>
#include <time.h>

#include "base/event.h"
#include "base/runner.h"
#include "base/spawn.h"
#include "confined.h"
#include "user/registry/agents.h"
#include "user/registry/confine.h"
#include "user/registry/pki.h"
#include "user/registry/plan.h"
#include "user/registry/podman_line.h"

static char pki_dir[192], db[192], plan_file[192], other[192], bin[192], path[256];
static struct agents *agents;
static int runner;

static void put(const char *file, const char *text, mode_t mode)
{
	int fd = open(file, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode);

	assert_true(fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text));
	close(fd);
}

static int setup(void **state)
{
	unsigned made;
	char podman[208];

	(void)state;
	assert_int_equal(box_make(), 0);
	strcpy(pki_dir, in_box("pki"));
	strcpy(db, in_box("registry/controlplane.db"));
	strcpy(plan_file, in_box("plans/plan.json"));
	strcpy(other, in_box("other"));
	strcpy(bin, in_box("bin"));
	assert_int_equal(
	    mkdir(in_box("registry"), 0700) | mkdir(in_box("plans"), 0700) | mkdir(bin, 0700), 0);
	put(other, "of-another-program-8341", 0600);
	put(plan_file, "{\"steps\":[]}", 0600);
	snprintf(podman, sizeof(podman), "%s/podman", bin);
	put(podman, "#!/bin/sh\ncat \"$(dirname \"$0\")/../other\"\n", 0700);
	return pki_init(pki_dir, time(NULL), &made, &why);
}

static int teardown(void **state)
{
	(void)state;
	return box_remove();
}

/* In the child, as serve does. */
static void confine(void)
{
	const struct cp_confine confine = { .pki = pki_dir, .db = db, .plan = plan_file };
	const char *env[] = { path, NULL };

	snprintf(path, sizeof(path), "PATH=%s:/usr/bin:/bin", bin);
	if (runner_begin(&(struct runner_use){ "test-podman", env, podman_line_may }, &runner,
			 &why) ||
	    confine_privs() || agents_open(db, &agents, &why) || cp_confine(&confine, &why)) {
		fprintf(stderr, "%s\n", why.text);
		_exit(99);
	}
}

static int podman_says(const char *const *argv, struct spawn_result *ret)
{
	const struct spawn spawn = { argv, NULL, 20 * SECOND_NS, 4096, runner };

	return spawn_run(&spawn, ret, &why);
}

static int works(void)
{
	struct agent agent = {
		.thumbprint = { 1 }, .container = "aa", .name = "dev", .registered = 1
	};
	_cleanup_(plan_freep) struct plan *plan = NULL;
	_cleanup_pki_ struct pki pki = {};
	struct spawn_result result;

	confine();
	if (agents_begin(agents, &why) || agents_add(agents, &agent, &why) ||
	    agents_commit(agents, &why))
		return 10;
	if (pki_open(pki_dir, &pki, &why) || plan_read(plan_file, &plan, &why))
		return 11;
	if (podman_says(podman_managed, &result) ||
	    strcmp(result.output, "of-another-program-8341"))
		return 12;
	spawn_result_done(&result);
	agents_free(agents);
	return works_all();
}

static void what_it_is_for_goes_on(void **state)
{
	(void)state;
	assert_int_equal(in_a_front(works), 0);
}

/* More rows than sqlite sorts without a file of its own. */
static int note(const struct agent *agent, void *user)
{
	(void)agent;
	(*(unsigned *)user)++;
	return 0;
}

static int sorts(void)
{
	struct agent agent = { .registered = 1 };
	unsigned n = 0;

	confine();
	if (agents_begin(agents, &why))
		return 1;
	for (unsigned i = 1; i <= 8000; i++) {
		memcpy(agent.thumbprint, &i, sizeof(i));
		snprintf(agent.container, sizeof(agent.container), "%064x", i);
		snprintf(agent.name, sizeof(agent.name), "agent-%u-with-a-name-that-is-long",
			 8000 - i);
		snprintf(agent.project, sizeof(agent.project), "project-%u", i * 7919 % 8000);
		if (agents_add(agents, &agent, &why))
			return 2;
	}
	if (agents_commit(agents, &why) || agents_each(agents, note, &n, &why))
		return 3;
	return n == 8000 ? 0 : 4;
}

static void a_large_registry_is_listed(void **state)
{
	(void)state;
	assert_int_equal(in_a_front(sorts), 0);
}

/* Each of them: how many can be done. */
static int reaches(void)
{
	char beside[256], stolen[256];

	snprintf(beside, sizeof(beside), "%s/new", pki_dir);
	snprintf(stolen, sizeof(stolen), "%s/stolen", pki_dir);
	return tries_all(other) + opens(plan_file, O_WRONLY) + opens("/proc/1/environ", O_RDONLY) +
	       opens(beside, O_WRONLY | O_CREAT) + !rename(plan_file, stolen) +
	       !mkdir(in_box("made"), 0700) + !symlink("/etc/passwd", beside);
}

static int tries_confined(void)
{
	struct rlimit core;

	confine();
	if (getrlimit(RLIMIT_CORE, &core) || core.rlim_max || prctl(PR_GET_DUMPABLE, 0, 0, 0, 0) ||
	    !prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0))
		return 98;
	return reaches() ?: begins() != EPERM;
}

static void nothing_else_does(void **state)
{
	(void)state;
#ifdef CONFINE_SANITIZED
	print_message("a sanitizer's build is not confined\n");
	skip();
#endif
	/* first who is confined: the control, which is not, leaves nothing as it was */
	assert_int_equal(in_a_front(tries_confined), 0);
	assert_int_equal(in_a_front(begins), 0);
	assert_true(in_a_front(reaches) >= 8);
}

/* What podman is asked, and how far somebody gets with anything else. */
static int asks(void)
{
	static const char *const wrong[][6] = {
		{ "podman", "ps", NULL },
		{ "podman", "ps", "--all", "--root", "/tmp", NULL },
		{ "podman", "rm", "-f", "aa", NULL },
		{ "podman", "container", "inspect", "--", NULL },
		{ "podman", "container", "inspect", "--", "--root=/tmp", NULL },
		{ "podman", "container", "inspect", "--", "AA/../x", NULL },
		{ "podman", "container", "inspect", "aa", NULL },
		{ "sh", "-c", "id", NULL },
		{ "/bin/podman", "ps", NULL },
		{ "", NULL },
	};
	const char *line[PODMAN_EVENTS_WORDS + 3] = PODMAN_EVENTS;
	struct spawn_result result;
	int n = 0;

	confine();
	for (size_t i = 0; i < sizeof(wrong) / sizeof(*wrong); i++)
		n += podman_says(wrong[i], &result) != -EPERM;
	n += podman_says(line, &result) != -EPERM;
	line[PODMAN_EVENTS_WORDS] = "1 --url=ssh://x";
	n += podman_says(line, &result) != -EPERM;
	line[PODMAN_EVENTS_WORDS] = "1";
	line[PODMAN_EVENTS_WORDS + 1] = "--url=ssh://x";
	n += podman_says(line, &result) != -EPERM;
	line[PODMAN_EVENTS_WORDS + 1] = NULL;
	return n + 32 * (podman_says(line, &result) != 0);
}

static void podman_is_asked_what_it_is_asked_and_nothing_else(void **state)
{
	(void)state;
	assert_int_equal(in_a_front(asks), 0);
}

#define CASE(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(what_it_is_for_goes_on),
		CASE(a_large_registry_is_listed),
		CASE(nothing_else_does),
		CASE(podman_is_asked_what_it_is_asked_and_nothing_else),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
