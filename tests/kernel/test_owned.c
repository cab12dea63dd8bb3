// SPDX-License-Identifier: Apache-2.0
/*
 * test_owned.c - terok-bpfd attach and detach of users who are not root: which cgroups are theirs
 *
 * A cgroup is delegated as systemd and the kernel's own pages have it: root gives the directory
 * away, and its user makes others in it. The program is the one that ships, run by a process that
 * is that user. Every refusal has its control beside it, mostly the same cgroup, put right.
 */
#include "persons.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "cgroup.h"
#include "guard.h"
#include "hooks.h"
#include "policy.h"

#define PATH (TEROK_PATH_LEN + 80)

static char home[64];                /* Anne's: what begins there is hers */
static char box[80], inner[96];      /* two cgroups in it, one in the other */
static char mounts[CGROUP_ROOT_LEN]; /* where all that is, as files */

static const char *file_of(const char *path)
{
	static char ret[PATH];

	snprintf(ret, sizeof(ret), "%s%s", mounts, path);
	return ret;
}

static void own(const char *path, uid_t uid)
{
	_cleanup_close_ int fd = cgroup_create(path, NULL);

	assert_true(fd >= 0);
	assert_int_equal(fchown(fd, uid, -1), 0);
}

static int make(void *path)
{
	return mkdir(path, 0755) ? errno : 0;
}

static int unmake(void *path)
{
	return rmdir(path) ? errno : 0;
}

/* As their user does it. */
static void assert_makes(uid_t uid, const char *path)
{
	assert_int_equal(person_as(uid, make, (void *)file_of(path)), 0);
}

static int setup(void **state)
{
	if (persons_setup(state) || cgroup_root(mounts, NULL))
		return -1;
	snprintf(home, sizeof(home), "/terok-test-%d-anne", getpid());
	snprintf(box, sizeof(box), "%s/box", home);
	snprintf(inner, sizeof(inner), "%s/inner", box);
	own(home, ANNE);
	assert_makes(ANNE, box);
	assert_makes(ANNE, inner);
	agent_start();
	return 0;
}

static int teardown(void **state)
{
	if (agent)
		agent_end(SIGTERM);
	umount2(file_of(inner), MNT_DETACH);
	cgroup_remove(home, NULL, NULL);
	return persons_teardown(state);
}

/* --- what is looked at --------------------------------------------------------------------- */

static bool guard_on(const char *path, struct guard *ret)
{
	_cleanup_close_ int fd = cgroup_open(path, NULL);
	uint64_t id;

	assert_true(fd >= 0);
	assert_int_equal(cgroup_id(fd, &id), 0);
	return !guard_of_cgroup(world->kernel, id, ret);
}

static void assert_guarded(const char *path, uint32_t uid)
{
	struct guard guard;

	assert_true(guard_on(path, &guard));
	assert_true(guard.alive);
	assert_int_equal(guard.state, TEROK_STATE_UP);
	assert_int_equal(guard.info.uid, uid);
	assert_int_equal(guard.info.kind, TEROK_KIND_CGROUP);
	assert_string_equal(guard.info.path, path);
}

/* Nothing of it is guarded, not by half either. */
static void assert_refused(uid_t uid, const char *path, const char *why)
{
	_cleanup_close_ int fd = cgroup_open(path, NULL);
	struct guard guard;

	assert_int_equal(AS(uid, "attach", path), 1);
	assert_out(why);
	if (fd >= 0)
		assert_int_equal(hooks_count(world->kernel, fd), 0);
	assert_false(fd >= 0 && guard_on(path, &guard));
}

struct inside {
	const char *path;
	uid_t uid;
	int (*fn)(void *arg);
	void *arg;
};

static int enter(void *arg)
{
	const struct inside *inside = arg;
	int fd = cgroup_open(inside->path, NULL);

	if (fd < 0 || cgroup_join(fd) || setresuid(inside->uid, inside->uid, inside->uid))
		return 255;
	return inside->fn(inside->arg);
}

static int inside(const char *path, uid_t uid, int (*fn)(void *arg), void *arg)
{
	return person_as(0, enter, &(struct inside){ path, uid, fn, arg });
}

static int connect_far(void *arg)
{
	const struct test_dest far = { .addr = TEST_FAR, .port = TEST_PORT };

	(void)arg;
	return test_connect(&far);
}

/* --- theirs -------------------------------------------------------------------------------- */

static void a_user_guards_a_cgroup_of_theirs(void **state)
{
	(void)state;
	assert_int_equal(inside(box, ANNE, connect_far, NULL), 0);
	assert_done(ANNE, "attach", box, "--name", "mine");
	assert_out("attached guard");
	assert_out("(mine)");
	assert_guarded(box, ANNE);
	assert_int_equal(inside(box, ANNE, connect_far, NULL), EHOSTUNREACH);
	assert_int_equal(inside(inner, ANNE, connect_far, NULL), EHOSTUNREACH);
	assert_done(ANNE, "status", "mine");
	assert_int_equal(AS(BERT, "status", "mine"), 1);
	assert_done(ANNE, "allow", "mine", TEST_FAR);
	assert_int_equal(inside(box, ANNE, connect_far, NULL), 0);
	assert_done(ANNE, "attach", box);
	assert_out("already guard");
	assert_int_equal(AS(ANNE, "attach", box, "--state", "down"), 1);
	assert_out("it is guarded already");
	assert_done(ANNE, "detach", "mine");
	assert_int_equal(inside(inner, ANNE, connect_far, NULL), 0);
}

static void it_has_what_was_asked_for(void **state)
{
	_cleanup_close_ int fd = -1;

	(void)state;
	assert_done(ANNE, "attach", "--cgroup", file_of(box), "--state", "block", "--names", "off",
		    "--resolver", "192.0.2.53", "--host-port", "8080", "--gateway", "192.0.2.1",
		    "--publish", "80", "--profile", "none", "--json");
	assert_out("\"result\":\"attached\"");
	assert_out("\"state\":\"block\"");
	assert_done(ANNE, "rules", box);
	assert_out("192.0.2.53");
	assert_out("192.0.2.1");
	assert_out("169.254.1.2");
	assert_done(ANNE, "names", box);
	assert_out("off");
	assert_int_equal(AS(ANNE, "attach", inner, "--profile", "/etc/passwd"), 1);
	assert_out("profiles by name");
	assert_int_equal(AS(ANNE, "attach", inner, "--profile", "nowhere"), 1);
	assert_out("no profile 'nowhere'");
	fd = cgroup_open(inner, NULL);
	assert_int_equal(hooks_count(world->kernel, fd), 0);
	assert_done(ANNE, "attach", inner); /* in a guard of one's own */
	assert_guarded(inner, ANNE);
}

/* --- not theirs ---------------------------------------------------------------------------- */

static void what_belongs_to_others_is_refused(void **state)
{
	char path[128];

	(void)state;
	assert_refused(BERT, box, "belongs to user 4001, not to you");
	own(box, 0);
	assert_refused(ANNE, box, "belongs to root, not to you");
	own(box, ANNE);
	snprintf(path, sizeof(path), "%s/cgroup.procs", box);
	assert_refused(ANNE, path, "is a file, not a cgroup");
	assert_refused(ANNE, "/", "the whole machine");
	snprintf(path, sizeof(path), "%s/../..", box);
	assert_refused(ANNE, path, "'..' is not taken");
	snprintf(path, sizeof(path), "%s/gone", box);
	assert_refused(ANNE, path, "no cgroup");
	assert_done(ANNE, "attach", box);
}

/* user@UID.service is such a one: what it holds as a whole is for who delegated it. */
static void all_that_was_delegated_is_roots(void **state)
{
	(void)state;
	assert_refused(ANNE, home, "all that was delegated to you begins");
	assert_done(ANNE, "attach", box);
	assert_works("attach", home); /* the control */
}

static void anothers_cgroup_within_is_refused(void **state)
{
	(void)state;
	own(inner, BERT);
	assert_refused(ANNE, box, "belongs to user 4002, not to you");
	assert_refused(BERT, inner, "all that was delegated to you begins");
	own(inner, 0);
	assert_refused(ANNE, box, "belongs to root, not to you");
	own(inner, ANNE);
	assert_done(ANNE, "attach", box);
}

static pid_t living(const char *path, uid_t uid)
{
	int ready[2];
	pid_t pid;
	char byte;

	assert_int_equal(pipe(ready), 0);
	fflush(NULL);
	pid = fork();
	if (!pid) {
		int fd = cgroup_open(path, NULL);

		if (fd < 0 || cgroup_join(fd) || setresuid(uid, uid, uid))
			_exit(1);
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (write(ready[1], "", 1) == 1)
			pause();
		_exit(1);
	}
	close(ready[1]);
	assert_int_equal(read(ready[0], &byte, 1), 1);
	close(ready[0]);
	return pid;
}

static void end(pid_t pid)
{
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
}

/* Root's shell in a user's terminal, say: it is not cut off with the rest. */
static void anothers_process_within_is_refused(void **state)
{
	(void)state;
	for (int i = 0; i < 2; i++) {
		pid_t pid = living(i ? box : inner, i ? BERT : 0);

		assert_refused(ANNE, box, "is not yours");
		end(pid);
	}
	assert_true(living(inner, ANNE) > 0); /* ends with its cgroup */
	assert_done(ANNE, "attach", box);
}

static void another_mount_is_refused(void **state)
{
	(void)state;
	assert_int_equal(mount("tmpfs", file_of(inner), "tmpfs", 0, "mode=0777"), 0);
	agent_end(SIGTERM);
	agent_start();
	assert_int_equal(AS(ANNE, "attach", inner), 1);
	assert_out("is another mount, not a cgroup");
	assert_int_equal(umount(file_of(inner)), 0);
	/* root's cgroup, at a place of hers */
	assert_int_equal(mount(mounts, file_of(inner), NULL, MS_BIND, NULL), 0);
	assert_int_equal(AS(ANNE, "attach", inner), 1);
	assert_out("is another mount, not a cgroup");
	assert_int_equal(umount2(file_of(inner), MNT_DETACH), 0);
	assert_done(ANNE, "attach", inner);
}

/* --- guards that there are ------------------------------------------------------------------ */

static void roots_guard_on_it_stays_as_it_is(void **state)
{
	struct guard before, after;

	(void)state;
	assert_works("attach", box, "--state", "down");
	assert_true(guard_on(box, &before));
	assert_int_equal(AS(ANNE, "attach", box), 1);
	assert_out("it is guarded already, and that guard is not yours");
	assert_int_equal(AS(ANNE, "attach", box, "--state", "down_all", "--publish", "80",
			    "--resolver", "192.0.2.53"),
			 1);
	assert_out("that guard is not yours");
	assert_true(guard_on(box, &after));
	assert_memory_equal(&before, &after, sizeof(before));
	assert_works("rules", box);
	assert_null(strstr(said, "192.0.2.53"));
	assert_int_equal(AS(ANNE, "detach", box), 1);
	assert_out("no guard '");
	assert_works("detach", box);
	assert_done(ANNE, "attach", box);
}

static void around_or_within_anothers_guard_is_refused(void **state)
{
	(void)state;
	assert_works("attach", inner);
	assert_refused(ANNE, box, "there is a guard that is not yours");
	assert_works("detach", inner);
	assert_works("attach", home);
	assert_refused(ANNE, box, "lies within a guard that is not yours");
	assert_works("detach", home);
	assert_done(ANNE, "attach", inner);
	assert_done(ANNE, "attach", box); /* around one of hers */
}

static void what_root_attached_only_root_detaches(void **state)
{
	_cleanup_close_ int fd = cgroup_open(box, NULL);
	struct guard_spec spec = { .cgroup_fd = fd,
				   .netns_fd = -1,
				   .name = "hers",
				   .state = TEROK_STATE_UP,
				   .kind = TEROK_KIND_CONTAINER,
				   .uid = ANNE,
				   .by_root = true };
	struct problem why = {};
	struct guard guard;
	bool existing;

	(void)state;
	for (int i = 0; i < 2; i++) {
		assert_int_equal(guard_attach(world->kernel, &spec, &guard, &existing, &why), 0);
		assert_false(existing);
		assert_done(ANNE, "block", "hers");
		assert_int_equal(AS(ANNE, "detach", "hers"), spec.by_root);
		if (!spec.by_root)
			continue;
		assert_out("root attached this guard: only root");
		assert_works("detach", "hers");
		spec.by_root = false;
	}
}

/* --- what comes back ------------------------------------------------------------------------ */

static void again(const char *path)
{
	assert_int_equal(person_as(ANNE, unmake, (void *)file_of(path)), 0);
	assert_makes(ANNE, path);
}

/* Who makes a cgroup anew gets rid of nothing that root said of it, and puts nothing above it. */
static void what_root_said_comes_back_with_the_path(void **state)
{
	(void)state;
	assert_done(ANNE, "attach", inner);
	assert_works("deny", inner, TEST_FAR);
	again(inner);
	assert_int_equal(AS(ANNE, "attach", inner, "--host-port", "7777", "--gateway", TEST_FAR),
			 1);
	assert_out("root said something of this guard");
	assert_int_equal(inside(inner, ANNE, connect_far, NULL), 0); /* it is not guarded */
	assert_done(ANNE, "attach", inner);
	assert_done(ANNE, "allow", inner, "198.51.100.0/24");
	assert_int_equal(inside(inner, ANNE, connect_far, NULL), EHOSTUNREACH);
	assert_works("deny", inner, TEST_FAR, "--remove"); /* the controls */
	assert_int_equal(inside(inner, ANNE, connect_far, NULL), 0);
	again(inner);
	assert_done(ANNE, "attach", inner, "--host-port", "7777", "--gateway", TEST_FAR);
}

/* The path is hers to make: root's guard of it gets none of what she said of hers. */
static void what_a_user_said_is_no_word_of_roots_guard(void **state)
{
	(void)state;
	assert_done(ANNE, "attach", inner);
	assert_done(ANNE, "allow", inner, TEST_FAR);
	assert_int_equal(inside(inner, ANNE, connect_far, NULL), 0);
	again(inner);
	assert_works("attach", inner);
	assert_int_equal(inside(inner, ANNE, connect_far, NULL), EHOSTUNREACH);
	again(inner);
	assert_done(ANNE, "attach", inner); /* the control: it is kept for hers */
	assert_int_equal(inside(inner, ANNE, connect_far, NULL), 0);
}

/* --- who asks ------------------------------------------------------------------------------- */

struct asking {
	const char *path, *force;
	int fd;
};

static int exec_attach(void *arg)
{
	const struct asking *asking = arg;

	if (dup2(asking->fd, 1) < 0 || dup2(asking->fd, 2) < 0)
		return 126;
	execl(bpfd, bpfd, "attach", asking->path, asking->force, NULL);
	return 127;
}

/* She lives in @where, and asks for a guard of @path. */
static int asks_from(const char *where, const char *path, const char *force)
{
	_cleanup_close_ int fd = memfd_create("said", MFD_CLOEXEC);
	int code = inside(where, ANNE, exec_attach, &(struct asking){ path, force, fd });
	ssize_t n = pread(fd, person_out, sizeof(person_out) - 1, 0);

	assert_true(n >= 0);
	person_out[n] = '\0';
	return code;
}

static void who_lives_there_is_told_first(void **state)
{
	(void)state;
	assert_int_equal(asks_from(box, box, NULL), 1);
	assert_out("would be cut off as well");
	assert_int_equal(asks_from(inner, box, NULL), 1);
	assert_out("would be cut off as well");
	assert_int_equal(asks_from(box, inner, NULL), 0);
	assert_guarded(inner, ANNE);
}

static void a_user_may_cut_off_themselves(void **state)
{
	(void)state;
	assert_int_equal(asks_from(inner, box, "--force"), 0);
	assert_guarded(box, ANNE);
	assert_int_equal(asks_from(inner, inner, "--force"), 1);
	assert_out("from within a guard nothing is changed");
}

/* Made and removed as fast as it goes: what is guarded is hers, and what is refused is not. */
static void it_may_come_and_go_meanwhile(void **state)
{
	pid_t pid;
	int status;

	(void)state;
	fflush(NULL);
	pid = fork();
	if (!pid) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (setresgid(ANNE, ANNE, ANNE) || setresuid(ANNE, ANNE, ANNE))
			_exit(1);
		for (;;) {
			rmdir(file_of(inner));
			mkdir(file_of(inner), 0755);
		}
	}
	for (int i = 0; i < 20; i++)
		if (AS(ANNE, "attach", inner) > 1)
			fail_msg("%s", person_out);
	kill(pid, SIGKILL);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	person_as(ANNE, make, (void *)file_of(inner));
	assert_done(ANNE, "attach", inner);
	assert_guarded(inner, ANNE);
}

int main(void)
{
#define TEST(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(a_user_guards_a_cgroup_of_theirs),
		TEST(it_has_what_was_asked_for),
		TEST(what_belongs_to_others_is_refused),
		TEST(all_that_was_delegated_is_roots),
		TEST(anothers_cgroup_within_is_refused),
		TEST(anothers_process_within_is_refused),
		TEST(another_mount_is_refused),
		TEST(roots_guard_on_it_stays_as_it_is),
		TEST(around_or_within_anothers_guard_is_refused),
		TEST(what_root_attached_only_root_detaches),
		TEST(what_root_said_comes_back_with_the_path),
		TEST(what_a_user_said_is_no_word_of_roots_guard),
		TEST(who_lives_there_is_told_first),
		TEST(a_user_may_cut_off_themselves),
		TEST(it_may_come_and_go_meanwhile),
	};

	test_require("kernel/owned");
	programs_find();
	return cmocka_run_group_tests_name("kernel/owned", tests, NULL, NULL);
}
