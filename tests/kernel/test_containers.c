// SPDX-License-Identifier: Apache-2.0
/*
 * test_containers.c - user/containers.c: what watchers say, true or not, and what is believed of it
 *
 * A container is a process of Anne's in a user namespace that she made and a cgroup that is hers;
 * what her watcher, Bert's and root's say of it the test says.
 */
#include "persons.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cgroup.h"
#include "containers.h"
#include "dossier.h"

#define ID      "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
#define WAIT_MS 900 /* the grace of an alarm, and as long again */
#define ALARMS  32  /* of one user at once */

static struct containers *containers;
static struct loop *loop;
static struct timer stop;
static struct {
	unsigned began, over, renamed, described, files, swept;
	struct msg_alarm last;
	struct terok_dossier file;
} heard;
static char cgroup[TEROK_PATH_LEN];
static int cgroup_fd = -1;
static pid_t process;

static void on_alarm(const struct msg_alarm *alarm, void *user)
{
	(void)user;
	heard.last = *alarm;
	heard.began += !alarm->over;
	heard.over += alarm->over;
}

static void on_renamed(uint32_t guard, void *user)
{
	(void)user;
	(void)guard;
	heard.renamed++;
}

static void on_described(uint32_t guard, void *user)
{
	(void)user;
	(void)guard;
	heard.described++;
}

static void on_file(uint32_t guard, const struct terok_dossier *says, void *user)
{
	static const struct terok_dossier nothing;

	(void)user;
	(void)guard;
	heard.files++;
	heard.file = says ? *says : nothing;
}

static void on_swept(uint32_t uid, void *user)
{
	(void)user;
	(void)uid;
	heard.swept++;
}

static const struct containers_events events = { .swept = on_swept,
						 .alarm = on_alarm,
						 .renamed = on_renamed,
						 .described = on_described,
						 .file = on_file };

static int on_stop(struct timer *timer)
{
	(void)timer;
	return -ECANCELED;
}

static void turn(unsigned ms)
{
	timer_arm(loop, &stop, now_boot_ns() + ms * UINT64_C(1000000), on_stop);
	assert_int_equal(loop_run(loop), -ECANCELED);
}

/* A process of @uid's, in a user namespace of its own, in that cgroup. */
static pid_t process_of(uid_t uid, int in)
{
	int pipe_fd[2];
	char byte;
	pid_t pid;

	assert_int_equal(pipe(pipe_fd), 0);
	pid = fork();
	if (!pid) {
		if ((in >= 0 && cgroup_join(in)) || setgid(uid) || setuid(uid) ||
		    unshare(CLONE_NEWUSER) || prctl(PR_SET_PDEATHSIG, SIGKILL) ||
		    write(pipe_fd[1], "1", 1) != 1)
			_exit(1);
		for (;;)
			pause();
	}
	close(pipe_fd[1]);
	assert_int_equal(read(pipe_fd[0], &byte, 1), 1);
	close(pipe_fd[0]);
	return pid;
}

static void process_end(void)
{
	if (process > 0) {
		kill(process, SIGKILL);
		waitpid(process, NULL, 0);
	}
	process = 0;
}

static void found(uint32_t uid, const char *id, pid_t pid, const char *name, bool annotated)
{
	struct msg_packet packet = { .type = MSG_FOUND };

	packet.FOUND.pid = pid;
	packet.FOUND.annotated = annotated;
	snprintf(packet.FOUND.id, sizeof(packet.FOUND.id), "%s", id);
	snprintf(packet.FOUND.name, sizeof(packet.FOUND.name), "%s", name);
	snprintf(packet.FOUND.first, sizeof(packet.FOUND.first), "box");
	terok_dossier_put(&packet.FOUND.pairs, "task", "7");
	containers_hear(containers, uid, &packet);
}

static void left(uint32_t uid)
{
	struct msg_packet packet = { .type = MSG_LEFT };

	strcpy(packet.LEFT.id, ID);
	containers_hear(containers, uid, &packet);
}

static struct guard guard_of(uint32_t uid, const char *name)
{
	struct guard_spec spec = { .cgroup_fd = cgroup_fd,
				   .netns_fd = -1,
				   .kind = TEROK_KIND_CONTAINER,
				   .uid = uid,
				   .container = ID,
				   .name = name,
				   .state = TEROK_STATE_UP };
	struct guard guard;
	bool existing;

	assert_int_equal(guard_attach(world->kernel, &spec, &guard, &existing, NULL), 0);
	return guard;
}

static void assert_name(const struct guard *guard, const char *name)
{
	struct terok_info info;

	assert_int_equal(guard_info(world->kernel, guard->id, &info), 0);
	assert_string_equal(info.name, name);
}

static int setup(void **state)
{
	char full[CGROUP_ROOT_LEN + TEROK_PATH_LEN];

	programs_setup(state);
	memset(&heard, 0, sizeof(heard));
	snprintf(cgroup, sizeof(cgroup), "%.100s/libpod-" ID, world->cgroup_path);
	cgroup_fd = cgroup_create(cgroup, NULL);
	assert_true(cgroup_fd >= 0);
	assert_int_equal(cgroup_root(full, NULL), 0);
	strcat(full, cgroup);
	assert_int_equal(chown(full, ANNE, ANNE), 0);
	assert_int_equal(loop_new(&loop), 0);
	assert_int_equal(containers_new(loop, world->kernel, &events, NULL, &containers), 0);
	process = process_of(ANNE, cgroup_fd);
	return 0;
}

static int teardown(void **state)
{
	process_end();
	containers_free(containers);
	loop_free(loop);
	close(cgroup_fd);
	cgroup_remove(cgroup, NULL, NULL);
	return programs_teardown(state);
}

/* --- alarms ---------------------------------------------------------------------------- */

static void one_that_asks_for_a_guard_and_has_none_is_an_alarm_until_it_ends(void **state)
{
	(void)state;
	found(ANNE, ID, process, "box", true);
	assert_int_equal(heard.began, 0); /* a hook may be about to attach */
	turn(WAIT_MS);
	assert_int_equal(heard.began, 1);
	assert_string_equal(heard.last.id, ID);
	assert_string_equal(heard.last.name, "box");
	assert_int_equal(heard.last.uid, ANNE);
	assert_non_null(strstr(heard.last.why, "terok-bpfd attach 0123456789ab"));
	assert_string_equal(terok_dossier_get(&heard.last.pairs, "task"), "7");
	left(ANNE); /* her watcher may say so: it is the process that counts */
	turn(1);
	assert_int_equal(heard.over, 0);
	process_end();
	turn(100);
	assert_int_equal(heard.over, 1);
}

static void one_that_asks_for_nothing_is_none(void **state)
{
	(void)state;
	found(ANNE, ID, process, "box", false);
	turn(WAIT_MS);
	assert_int_equal(heard.began, 0);
}

static void a_guard_in_time_is_no_alarm_and_a_late_one_ends_it(void **state)
{
	struct guard guard;

	(void)state;
	found(ANNE, ID, process, "box", true);
	guard = guard_of(ANNE, "box");
	containers_guard(containers, &guard.info);
	turn(WAIT_MS);
	assert_int_equal(heard.began, 0);
	/* somebody takes it off */
	assert_int_equal(guard_detach(world->kernel, &guard, NULL), 0);
	containers_gone(containers, guard.id);
	turn(WAIT_MS);
	assert_int_equal(heard.began, 1);
	guard = guard_of(ANNE, "box");
	containers_guard(containers, &guard.info);
	assert_int_equal(heard.over, 1);
}

static void a_guard_of_a_cgroup_above_is_a_guard(void **state)
{
	(void)state;
	test_guard(world, TEROK_STATE_UP, 0, 0);
	found(ANNE, ID, process, "box", true);
	turn(WAIT_MS);
	assert_int_equal(heard.began, 0);
}

static void one_that_shares_its_cgroup_is_an_alarm_that_says_so(void **state)
{
	(void)state;
	process_end();
	process = process_of(ANNE, -1);
	found(ANNE, ID, process, "box", true);
	turn(WAIT_MS);
	assert_int_equal(heard.began, 1);
	assert_non_null(strstr(heard.last.why, "--cgroup-parent"));
}

static void one_user_has_so_many_alarms(void **state)
{
	char id[65];

	(void)state;
	process_end();
	process = process_of(ANNE, -1);
	for (unsigned i = 0; i < ALARMS + 8; i++) {
		snprintf(id, sizeof(id), "%064x", i);
		found(ANNE, id, process, "box", true);
	}
	turn(WAIT_MS);
	assert_int_equal(heard.began, ALARMS);
	found(0, ID, getpid(), "box", true); /* another's are not fewer for it */
	turn(WAIT_MS);
	assert_int_equal(heard.began, ALARMS + 1);
}

static void sweeps(uint32_t uid)
{
	struct msg_packet packet = { .type = MSG_SWEPT };

	containers_hear(containers, uid, &packet);
}

/* A watcher that begins anew says all that run: what it does not say has ended meanwhile. */
static void what_a_new_watcher_does_not_see_has_ended(void **state)
{
	(void)state;
	found(ANNE, ID, process, "box", false);
	sweeps(ANNE);
	assert_true(containers_has(containers, ANNE, ID));
	assert_false(containers_has(containers, BERT, ID));
	containers_begin(containers, BERT);
	sweeps(BERT);
	assert_true(containers_has(containers, ANNE, ID));
	containers_begin(containers, ANNE);
	found(ANNE, ID, process, "box", false);
	sweeps(ANNE);
	assert_true(containers_has(containers, ANNE, ID));
	containers_begin(containers, ANNE);
	sweeps(ANNE);
	assert_false(containers_has(containers, ANNE, ID));
	assert_int_equal(heard.swept, 4);
}

/* --- lies ------------------------------------------------------------------------------ */

static void what_is_said_of_anothers_process_is_refused(void **state)
{
	pid_t bert = process_of(BERT, -1);
	const struct {
		uint32_t uid;
		pid_t pid;
	} lies[] = {
		{ BERT, process },   /* Anne's */
		{ ANNE, getpid() },  /* root's */
		{ ANNE, 1 },         /* init's */
		{ BERT, INT32_MAX }, /* nobody's */
		{ ANNE, bert },      /* Bert's */
	};

	(void)state;
	for (unsigned i = 0; i < sizeof(lies) / sizeof(lies[0]); i++) {
		found(lies[i].uid, ID, lies[i].pid, "box", true);
		turn(WAIT_MS);
		if (heard.began)
			fail_msg("lie %u is believed", i);
	}
	kill(bert, SIGKILL);
	waitpid(bert, NULL, 0);
}

static void only_its_owners_watcher_may_name_a_guard(void **state)
{
	struct guard guard = guard_of(ANNE, "box");

	(void)state;
	found(BERT, ID, process, "mine", true);
	found(0, ID, process, "roots", true);
	assert_name(&guard, "box");
	found(ANNE, ID, process, "new", true);
	assert_name(&guard, "new");
	assert_int_equal(heard.renamed, 1);
	found(ANNE, ID, process, "newer", true);
	assert_name(&guard, "newer");
	/* an agent that comes later knows only what it was called at its start, and now */
	containers_free(containers);
	assert_int_equal(containers_new(loop, world->kernel, &events, NULL, &containers), 0);
	found(ANNE, ID, process, "newest", true);
	assert_name(&guard, "newest");
	found(ANNE, ID, process, "no name;", true); /* digits, then */
	assert_name(&guard, "0123456789ab");
}

static void a_name_that_somebody_gave_it_stays(void **state)
{
	struct guard guard = guard_of(ANNE, "hers");

	(void)state;
	found(ANNE, ID, process, "new", true);
	assert_name(&guard, "hers");
	assert_int_equal(heard.renamed, 0);
}

static void odd_words_are_passed_over(void **state)
{
	struct msg_packet packet = { .type = MSG_FOUND };

	(void)state;
	memset(&packet.FOUND, 0xff, sizeof(packet.FOUND));
	containers_hear(containers, ANNE, &packet);
	found(ANNE, "../../etc", process, "box", true);
	found(ANNE, "", process, "box", true);
	memset(&packet.META, 0xff, sizeof(packet.META));
	packet.type = MSG_META;
	containers_hear(containers, ANNE, &packet);
	memset(&packet.LEFT, 0xff, sizeof(packet.LEFT));
	packet.type = MSG_LEFT;
	containers_hear(containers, ANNE, &packet);
	turn(WAIT_MS);
	assert_int_equal(heard.began, 0);
}

/* --- dossiers -------------------------------------------------------------------------- */

static void meta(uint32_t uid, const char *task)
{
	struct msg_packet packet = { .type = MSG_META };

	strcpy(packet.META.id, ID);
	packet.META.there = task != NULL;
	if (task)
		terok_dossier_put(&packet.META.says, "task", task);
	containers_hear(containers, uid, &packet);
}

/* What is logged of a container whose file is there, and cannot be read; static. */
static const char *logged(const char *path)
{
	struct msg_packet packet = { .type = MSG_FOUND };
	static char text[1024];
	int saved = dup(2), fd = memfd_create("log", 0);
	ssize_t n;

	strcpy(packet.FOUND.id, ID);
	strcpy(packet.FOUND.name, "box");
	strcpy(packet.FOUND.first, "box");
	packet.FOUND.pid = process;
	snprintf(packet.FOUND.pairs.meta_path, sizeof(packet.FOUND.pairs.meta_path), "%s", path);
	assert_true(saved >= 0 && fd >= 0 && dup2(fd, 2) == 2);
	containers_hear(containers, ANNE, &packet);
	meta(ANNE, NULL);
	meta(ANNE, NULL); /* is said once */
	dup2(saved, 2);
	n = pread(fd, text, sizeof(text) - 1, 0);
	text[n > 0 ? n : 0] = '\0';
	close(saved);
	close(fd);
	return text;
}

static void a_file_that_the_agent_cannot_see_is_said_once(void **state)
{
	const char *text;

	(void)state;
	assert_string_equal(logged("/srv/meta.json"), ""); /* it may come yet */
	text = logged("/tmp/\x1bmeta.json");
	assert_non_null(strstr(text, "/tmp/?meta.json cannot be read"));
	assert_non_null(strstr(text, "put the file below /run/user/4001"));
	assert_ptr_equal(strchr(text, '\n'), text + strlen(text) - 1);
}

static void pairs_are_written_for_a_guard_that_has_none(void **state)
{
	struct guard guard = guard_of(ANNE, "box");
	struct terok_dossier kept = {};

	(void)state;
	found(ANNE, ID, process, "box", true);
	assert_int_equal(heard.described, 1);
	assert_int_equal(dossier_read(world->kernel, guard.id, &kept), 0);
	assert_string_equal(terok_dossier_get(&kept, "task"), "7");
	terok_dossier_put(&kept, "task", "of the hook");
	assert_int_equal(dossier_write(world->kernel, guard.id, &kept, NULL), 0);
	found(ANNE, ID, process, "box", true);
	assert_int_equal(heard.described, 1);
}

static void what_its_file_said_before_counts_when_it_has_a_guard(void **state)
{
	struct guard guard;

	(void)state;
	found(ANNE, ID, process, "box", true);
	meta(ANNE, "8");
	assert_int_equal(heard.files, 0);
	guard = guard_of(ANNE, "box");
	containers_guard(containers, &guard.info);
	assert_string_equal(terok_dossier_get(&heard.file, "task"), "8");
	meta(BERT, "his");
	assert_string_equal(terok_dossier_get(&heard.file, "task"), "8");
	meta(ANNE, NULL);
	assert_int_equal(heard.file.n, 0);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(one_that_asks_for_a_guard_and_has_none_is_an_alarm_until_it_ends),
		T(one_that_asks_for_nothing_is_none),
		T(a_guard_in_time_is_no_alarm_and_a_late_one_ends_it),
		T(a_guard_of_a_cgroup_above_is_a_guard),
		T(one_that_shares_its_cgroup_is_an_alarm_that_says_so),
		T(one_user_has_so_many_alarms),
		T(what_a_new_watcher_does_not_see_has_ended),
		T(what_is_said_of_anothers_process_is_refused),
		T(only_its_owners_watcher_may_name_a_guard),
		T(a_name_that_somebody_gave_it_stays),
		T(odd_words_are_passed_over),
		T(a_file_that_the_agent_cannot_see_is_said_once),
		T(pairs_are_written_for_a_guard_that_has_none),
		T(what_its_file_said_before_counts_when_it_has_a_guard),
	};

	test_require("test_containers");
	programs_find();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
