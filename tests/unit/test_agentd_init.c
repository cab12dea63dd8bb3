// SPDX-License-Identifier: Apache-2.0
/* test_agentd_init.c - user/agentd/init.c and reaper.c: what the first process of a container does */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

#include "agentd/init.h"
#include "base/cleanup.h"
#include "base/log.h"

#define LATE_S 60 /* for all of it */

/* How a life goes; each is a process, the first of its namespace unless it says otherwise. */
struct life {
	const char *command; /* for `sh -c`; NULL: there is none */
	const char *program; /* instead of sh */
	uid_t uid;
	bool second;   /* not the first process of its namespace */
	bool terminal; /* standard input is one */
	uint64_t grace_ns;
	void (*begun)(struct init *init); /* instead of one init_start() */
};

static char folder[] = "/tmp/terok-init-XXXXXX";
static char ready[sizeof(folder) + 32];
static struct loop *init_loop;
static int report = -1; /* what a life writes there we read */

static void on_gone(void *user, int code)
{
	(void)user;
	_exit(code);
}

static void on_leaving(void *user)
{
	(void)user;
}

static void on_started(void *user, int error, const char *text)
{
	(void)user;
	(void)text;
	dprintf(report, "%s;", error ? strerror(-error) : "runs");
}

static void terminal_take(void)
{
	int end = posix_openpt(O_RDWR | O_NOCTTY), fd;

	if (end < 0 || grantpt(end) || unlockpt(end))
		_exit(200);
	fd = open(ptsname(end), O_RDWR | O_NOCTTY);
	setsid();
	if (fd < 0 || ioctl(fd, TIOCSCTTY, 0) || dup2(fd, 0) < 0)
		_exit(201);
	fcntl(end, F_SETFD, FD_CLOEXEC);
}

static _Noreturn void live(const struct life *life)
{
	char *sh[] = { "/bin/sh", "-c", (char *)life->command, NULL };
	char *program[] = { (char *)life->program, NULL }, *none[] = { NULL };
	struct reaper reaper = {};
	struct init_use use = { .reaper = &reaper,
				.argv = life->program   ? program
					: life->command ? sh
							: none,
				.ready_file = ready,
				.grace_ns = life->grace_ns,
				.leaving = on_leaving,
				.gone = on_gone };
	struct init *init;

	prctl(PR_SET_PDEATHSIG, SIGKILL); /* a test that fails leaves nothing */
	if (!life->second &&
	    (unshare(CLONE_NEWNS) || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) ||
	     mount("proc", "/proc", "proc", 0, NULL)))
		_exit(202);
	if (life->terminal)
		terminal_take();
	account_by_uid(life->uid, &use.account);
	if (loop_new(&use.loop))
		_exit(203);
	init_loop = reaper.loop = use.loop;
	if (init_new(&use, &init))
		_exit(204);
	if (life->begun)
		life->begun(init);
	else if (*use.argv)
		init_start(init, on_started, NULL);
	else
		dprintf(report, "up;");
	loop_run(use.loop);
	_exit(205);
}

/* Its first process, as we see it: its end is waited for by life_code(). */
static pid_t life_begin(const struct life *life, int *ret_report)
{
	int ends[2];
	pid_t pid;

	assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
	pid = life->second ? fork() : syscall(SYS_clone, CLONE_NEWPID | SIGCHLD, 0, 0, 0, 0);
	assert_int_not_equal(pid, -1);
	if (!pid) {
		report = ends[1];
		live(life);
	}
	close(ends[1]);
	*ret_report = ends[0];
	return pid;
}

static int life_code(pid_t pid)
{
	int status;

	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	return WEXITSTATUS(status);
}

/* All that it reports until it has @word in it. */
static void report_await(int fd, char *text, size_t size, const char *word)
{
	size_t n = 0;

	text[0] = '\0';
	while (!strstr(text, word)) {
		ssize_t r = read(fd, text + n, size - 1 - n);

		assert_true(r > 0);
		n += r;
		text[n] = '\0';
	}
}

static int life(const struct life *life)
{
	int fd, code = life_code(life_begin(life, &fd));

	close(fd);
	return code;
}

static void the_code_of_the_command_is_ours(void **state)
{
	(void)state;
	for (int second = 0; second < 2; second++) {
		assert_int_equal(life(&(struct life){ .command = "exit 0", .second = second }), 0);
		assert_int_equal(life(&(struct life){ .command = "exit 7", .second = second }), 7);
		assert_int_equal(life(&(struct life){ .command = "kill -9 $$", .second = second }),
				 137);
	}
}

static void orphans_are_reaped_all_the_time(void **state)
{
	/* what ends is a zombie until somebody waits: nobody but the first process does */
	static const char command[] =
	    "i=0; while [ $i -lt 100 ]; do (sleep 0.01 &); i=$((i + 1)); done; sleep 0.5;"
	    "z=$(grep -h '^State:.Z' /proc/[0-9]*/status | wc -l); exit $z";

	(void)state;
	assert_int_equal(life(&(struct life){ .command = command }), 0);
}

static void a_known_zombie_does_not_hide_orphans(void **state)
{
	static const char begin[] = "(sleep 0.05 &); (sleep 0.05 &); exit 3";
	struct reaper reaper = {};
	struct reaped child = {};
	pid_t pid;

	(void)state;
	prctl(PR_SET_CHILD_SUBREAPER, 1);
	assert_int_equal(loop_new(&reaper.loop), 0);
	pid = fork();
	if (!pid) {
		execl("/bin/sh", "sh", "-c", begin, NULL);
		_exit(1);
	}
	assert_int_equal(waitid(P_PID, pid, &(siginfo_t){}, WEXITED | WNOWAIT), 0);
	assert_int_equal(reaper_watch(&reaper, &child, pid, NULL), 0);
	for (int i = 0; reaper.orphans < 2 && i < 200; i++) {
		reaper_look(&reaper);
		usleep(10000); /* nothing is told of an orphan that has ended behind it */
	}
	assert_int_equal(reaper.orphans, 2);
	assert_int_equal(kill(pid, 0), 0); /* its number is still its own */
	assert_false(reaper_empty());
	reaper_release(&child);
	assert_true(reaper_empty());
	timer_disarm(&reaper.again);
	loop_free(reaper.loop);
}

static uint64_t life_ns(const struct life *it, int code)
{
	uint64_t begun_ns = now_boot_ns();

	assert_int_equal(life(it), code);
	return now_boot_ns() - begun_ns;
}

static void what_is_left_has_its_time_to_leave(void **state)
{
	uint64_t ns;

	(void)state;
	for (int second = 0; second < 2; second++) {
		ns =
		    life_ns(&(struct life){ .command = "sleep 0.5 & exit 1", .second = second }, 1);
		assert_true(ns >= SECOND_NS / 2 && ns < 2 * SECOND_NS); /* by itself */
		ns = life_ns(&(struct life){ .command = "sleep 60 & exit 2", .second = second }, 2);
		assert_true(ns >= 2 * SECOND_NS && ns < 3 * SECOND_NS); /* by SIGTERM */
		ns = life_ns(
		    &(struct life){ .command = "(trap '' TERM; sleep 60; sleep 60) & exit 3",
				    .second = second },
		    3);
		assert_true(ns >= 4 * SECOND_NS && ns < 6 * SECOND_NS); /* by SIGKILL */
	}
}

/* Until a life has written @word into its file, which nobody can wait for. */
static void got_await(const char *word)
{
	uint64_t until_ns = now_boot_ns() + 10 * SECOND_NS;
	char text[512] = "";

	while (!strstr(text, word)) {
		FILE *f = fopen(getenv("TEROK_GOT"), "re");

		text[f ? fread(text, 1, sizeof(text) - 1, f) : 0] = '\0';
		if (f)
			fclose(f);
		assert_true(now_boot_ns() < until_ns);
		usleep(5000);
	}
}

static void signals_are_for_the_command(void **state)
{
	static const struct {
		int signo;
		const char *name;
	} each[] = { { SIGHUP, "HUP" },    { SIGINT, "INT" },   { SIGQUIT, "QUIT" },
		     { SIGUSR1, "USR1" },  { SIGUSR2, "USR2" }, { SIGPIPE, "PIPE" },
		     { SIGALRM, "ALRM" },  { SIGTSTP, "TSTP" }, { SIGCONT, "CONT" },
		     { SIGWINCH, "WINCH" } };
	static const char command[] =
	    "for s in HUP INT QUIT USR1 USR2 PIPE ALRM TSTP CONT WINCH; do"
	    " trap \"echo ${s}_ >>$TEROK_GOT\" $s; done;"
	    " trap 'exit 9' TERM; echo set_ >>$TEROK_GOT;"
	    " while :; do (trap '' TSTP; exec sleep 0.02); done 2>/dev/null";
	char word[16];
	int fd;
	pid_t pid = life_begin(&(struct life){ .command = command }, &fd);

	(void)state;
	got_await("set_");
	for (unsigned i = 0; i < sizeof(each) / sizeof(*each); i++) {
		kill(pid, each[i].signo);
		snprintf(word, sizeof(word), "\n%s_", each[i].name);
		got_await(word);
	}
	kill(pid, SIGTERM);
	assert_int_equal(life_code(pid), 9);
	close(fd);
}

static void a_command_that_ignores_sigterm_is_killed(void **state)
{
	char text[64];
	int fd;
	pid_t pid =
	    life_begin(&(struct life){ .command = "trap '' TERM; while :; do sleep 0.1; done",
				       .grace_ns = SECOND_NS / 2 },
		       &fd);

	(void)state;
	report_await(fd, text, sizeof(text), "runs");
	usleep(200000); /* until the shell has its trap, which it tells nobody */
	kill(pid, SIGTERM);
	assert_int_equal(life_code(pid), 137);
	close(fd);
}

static void without_a_command_sigterm_ends_us(void **state)
{
	char text[64];
	int fd;
	pid_t pid = life_begin(&(struct life){}, &fd);

	(void)state;
	report_await(fd, text, sizeof(text), "up");
	kill(pid, SIGUSR1);
	kill(pid, SIGTERM);
	assert_int_equal(life_code(pid), 143);
	close(fd);
}

static struct init *twice_init;

static void on_twice(void *user, int error, const char *text)
{
	on_started(user, error, text);
	if (!error)
		init_start(twice_init, on_started, NULL); /* it runs already */
}

static void start_twice(struct init *init)
{
	twice_init = init;
	init_start(init, on_twice, NULL);
	init_start(init, on_started, NULL); /* it is about to */
}

static void a_command_starts_once(void **state)
{
	char text[128];
	int fd;
	pid_t pid = life_begin(
	    &(struct life){ .command = "echo x >>$TEROK_ONCE; exit 5", .begun = start_twice }, &fd);
	FILE *f;

	(void)state;
	report_await(fd, text, sizeof(text), "runs;runs;runs;");
	assert_int_equal(life_code(pid), 5);
	close(fd);
	f = fopen(getenv("TEROK_ONCE"), "re");
	assert_non_null(f);
	assert_int_equal(fread(text, 1, sizeof(text), f), 2);
	fclose(f);
}

static void on_failed(void *user, int error, const char *text)
{
	(void)user;
	dprintf(report, "%s;", error ? text : "runs");
	if (error && twice_init)
		init_start(TAKE_PTR(twice_init), on_failed, NULL); /* it may be tried again */
	else
		kill(getpid(), SIGTERM);
}

static void start_failed(struct init *init)
{
	twice_init = init;
	init_start(init, on_failed, NULL);
}

static void a_command_that_cannot_be_started_may_be_tried_again(void **state)
{
	char text[256];
	int fd;
	pid_t pid =
	    life_begin(&(struct life){ .program = "/nonexistent/cmd", .begun = start_failed }, &fd);

	(void)state;
	report_await(fd, text, sizeof(text), "directory;run '/nonexistent/cmd'");
	assert_non_null(strstr(text, "run '/nonexistent/cmd': No such file or directory;"));
	assert_int_equal(life_code(pid), 143);
	close(fd);
}

static int on_later(struct timer *timer)
{
	(void)timer;
	init_start(twice_init, on_started, NULL);
	return 0;
}

static void start_and_later(struct init *init)
{
	static struct timer timer;

	twice_init = init;
	init_start(init, on_started, NULL);
	timer_arm(init_loop, &timer, now_boot_ns() + SECOND_NS / 2, on_later);
}

static void a_command_that_has_ended_is_not_started_again(void **state)
{
	char text[128];
	int fd;
	/* what it leaves behind keeps us here until then */
	pid_t pid = life_begin(
	    &(struct life){ .command = "sleep 1 & exit 5", .begun = start_and_later }, &fd);

	(void)state;
	report_await(fd, text, sizeof(text), "runs;No such process;");
	assert_int_equal(life_code(pid), 5);
	close(fd);
}

static void the_command_is_its_user_for_good(void **state)
{
	(void)state;
	assert_int_equal(life(&(struct life){ .command = "[ $(id -u) = 65534 ] || exit 1;"
							 "[ $(id -G) = 65534 ] || exit 2;"
							 "[ $HOME = /nonexistent ] || exit 3;"
							 "[ $USER = nobody ] || exit 4; exit 42",
					      .uid = 65534 }),
			 42);
}

static void the_command_has_the_terminal(void **state)
{
	(void)state;
	/* the eighth field is the terminal's foreground group, the fifth one's own */
	assert_int_equal(
	    life(&(struct life){ .command = "set -- $(cat /proc/$$/stat); "
					    "[ $5 = $$ ] || exit 1; [ $8 = $$ ] || exit 2;"
					    " read x <&- ; exit 42",
				 .terminal = true }),
	    42);
}

static void a_file_says_that_it_runs(void **state)
{
	static char command[256];
	int fd = open(ready, O_WRONLY | O_CREAT | O_CLOEXEC, 0644); /* of a life before */

	(void)state;
	assert_true(fd >= 0);
	close(fd);
	/* the file is written once the program runs: it waits for that */
	snprintf(command, sizeof(command), "until [ -s %s ]; do sleep 0.02; done; exit 6", ready);
	assert_int_equal(life(&(struct life){ .command = command }), 6);
	assert_int_equal(access(ready, F_OK), -1);
}

static int setup_all(void **state)
{
	char once[sizeof(folder) + 16];

	(void)state;
	if (!mkdtemp(folder))
		return -1;
	snprintf(ready, sizeof(ready), "%s/run/ready", folder);
	snprintf(once, sizeof(once), "%s/once", folder);
	setenv("TEROK_ONCE", once, 1);
	snprintf(once, sizeof(once), "%s/got", folder);
	setenv("TEROK_GOT", once, 1);
	snprintf(once, sizeof(once), "%s/run", folder);
	if (mkdir(once, 0755))
		return -1;
	return 0;
}

static int teardown_all(void **state)
{
	char command[128];

	(void)state;
	snprintf(command, sizeof(command), "rm -r %s", folder);
	return system(command);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_code_of_the_command_is_ours),
		cmocka_unit_test(orphans_are_reaped_all_the_time),
		cmocka_unit_test(a_known_zombie_does_not_hide_orphans),
		cmocka_unit_test(what_is_left_has_its_time_to_leave),
		cmocka_unit_test(signals_are_for_the_command),
		cmocka_unit_test(a_command_that_ignores_sigterm_is_killed),
		cmocka_unit_test(without_a_command_sigterm_ends_us),
		cmocka_unit_test(a_command_starts_once),
		cmocka_unit_test(a_command_that_cannot_be_started_may_be_tried_again),
		cmocka_unit_test(a_command_that_has_ended_is_not_started_again),
		cmocka_unit_test(the_command_is_its_user_for_good),
		cmocka_unit_test(the_command_has_the_terminal),
		cmocka_unit_test(a_file_says_that_it_runs),
	};

	if (geteuid()) {
		printf("SKIP test_agentd_init: needs root, for namespaces of processes\n");
		return 77;
	}
	alarm(LATE_S);
	log_setup("test", LOG_EMERG, false);
	return cmocka_run_group_tests_name("agentd_init", tests, setup_all, teardown_all);
}
