// SPDX-License-Identifier: Apache-2.0
/*
 * test_exec.c - "terok-bpfd exec" as people run it: the real program, agent and hub
 *
 * The program is build/terok-bpfd beside this test's folder, or TEROK_BPFD. What it guards
 * is this test again: "test_exec try ADDRESS" connects once and exits with the errno,
 * "lookup NAME" asks for a name and connects, "retry" connects until it gets through, "late FIFO ADDRESS" waits for a line first.
 */
#include "support.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/pty.h"
#include "cgroup.h"
#include "zone_server.h"

#define LIMIT_NS     UINT64_C(15000000000) /* for anything that is waited for */
#define FAR_TEXT     TEST_FAR ":7777/tcp"
#define ARGS         12
#define NO_SUCH_NAME 3 /* exit code: the rcode */

static char bpfd[512], self[512];
static int ignored; /* a signal that exec is started with ignored; 0: none */

struct talk {             /* one run of exec */
	pid_t pid, last;  /* last: the same after it ended */
	int in, out, err; /* our ends; with a terminal in and out are its outer end, err -1 */
	int inside;       /* the terminal itself, to look at its settings */
	char text[65536]; /* what was written so far, both streams */
	size_t size, seen;
};

static struct test_world *world;
static struct talk talk;

static int setup(void **state)
{
	(void)state;
	world = test_world_new();
	memset(&talk, 0, sizeof(talk));
	talk.in = talk.out = talk.err = talk.inside = -1;
	return 0;
}

static uint64_t left_ms(uint64_t until_ns)
{
	uint64_t now = now_boot_ns();

	return now < until_ns ? (until_ns - now) / 1000000 + 1 : 0;
}

/* A transient agent ends by itself when its last guard has gone. */
static void wait_no_agent(void)
{
	pid_t pid = kernel_agent_pid();
	struct pollfd end = { .events = POLLIN };

	if (!pid)
		return;
	end.fd = pidfd_open(pid, 0);
	if (end.fd >= 0 && poll(&end, 1, LIMIT_NS / 1000000) != 1) {
		kill(pid, SIGKILL);
		fail_msg("the transient agent did not end");
	}
	close(end.fd);
}

static int teardown(void **state)
{
	int *ends[] = { &talk.in, &talk.out, &talk.err, &talk.inside };
	char path[64] = "";
	pid_t agent;

	(void)state;
	if (talk.pid > 0) {
		kill(talk.pid, SIGKILL);
		waitpid(talk.pid, NULL, 0);
		snprintf(path, sizeof(path), "/terok/exec-%d", talk.pid);
	}
	for (size_t i = 0; i < 4; i++)
		if (*ends[i] >= 0 && (i != 1 || talk.out != talk.in))
			close(*ends[i]);
	/* no kernel object of a test that failed half-way may outlive it */
	agent = kernel_agent_pid();
	if (agent > 0) /* asked once: an agent that ends meanwhile has pid 0, and that is us */
		kill(agent, SIGTERM);
	wait_no_agent();
	if (*path)
		cgroup_remove(path, NULL, NULL);
	cgroup_rmdir("/terok");
	zone_server_stop();
	test_world_free(world);
	return 0;
}

static void become(char *const argv[], int in, int out, int err)
{
	char *full[ARGS + 3] = { bpfd, "exec" };

	for (int i = 0; argv[i]; i++)
		full[i + 2] = argv[i];
	if (ignored)
		signal(ignored, SIG_IGN);
	dup2(in, 0);
	dup2(out, 1);
	dup2(err, 2);
	execv(bpfd, full);
	_exit(99);
}

/* exec's arguments follow: EXEC("--json", "--", "true"); standard files are pipes */
#define EXEC(...) start((char *[]){ __VA_ARGS__, NULL })
static void start(char *const argv[])
{
	int in[2], out[2], err[2];

	assert_int_equal(pipe2(in, O_CLOEXEC) | pipe2(out, O_CLOEXEC) | pipe2(err, O_CLOEXEC), 0);
	talk.pid = fork();
	if (!talk.pid)
		become(argv, in[0], out[1], err[1]);
	close(in[0]);
	close(out[1]);
	close(err[1]);
	talk.in = in[1];
	talk.out = out[0];
	talk.err = err[0];
}

/* the same on a terminal, as the leader of its session */
#define EXEC_TTY(...) start_tty((char *[]){ __VA_ARGS__, NULL })
static bool controlling = true; /* is it the session's own? */
static void start_tty(char *const argv[])
{
	talk.in = talk.out = pty_open(-1, &talk.inside);
	assert_true(talk.in >= 0);
	talk.pid = fork();
	if (!talk.pid) {
		if (controlling ? pty_take(talk.inside) : setsid() < 0)
			_exit(98);
		become(argv, talk.inside, talk.inside, talk.inside);
	}
}

/* Read what is there; false: both ends are closed. */
static bool take(uint64_t until_ns)
{
	struct pollfd fds[] = { { .fd = talk.out, .events = POLLIN },
				{ .fd = talk.err, .events = POLLIN } };
	bool open = false;

	if (poll(fds, 2, left_ms(until_ns)) <= 0)
		fail_msg("nothing more came after: %s", talk.text);
	for (int i = 0; i < 2; i++) {
		ssize_t n;

		if (fds[i].fd < 0)
			continue;
		if (!fds[i].revents) {
			open = true;
			continue;
		}
		n = read(fds[i].fd, talk.text + talk.size, sizeof(talk.text) - 1 - talk.size);
		if (n > 0) {
			talk.size += n;
			talk.text[talk.size] = '\0';
			open = true;
		} else if (fds[i].fd == talk.err) {
			close(talk.err);
			talk.err = -1;
		} else if (talk.out != talk.in) {
			close(talk.out);
			talk.out = -1;
		}
	}
	return open;
}

/* Read on until @text comes; what came before it is passed over by the next. */
static void expect(const char *text)
{
	uint64_t until_ns = now_boot_ns() + LIMIT_NS;
	const char *at;

	while (!(at = strstr(talk.text + talk.seen, text)))
		if (!take(until_ns))
			fail_msg("'%s' did not come; there was: %s", text, talk.text);
	talk.seen = at - talk.text + strlen(text);
}

static void type(const char *keys)
{
	assert_int_equal(write(talk.in, keys, strlen(keys)), strlen(keys));
}

/* To the end: everything is read, the exit code comes back. */
static int finish(void)
{
	uint64_t until_ns = now_boot_ns() + LIMIT_NS;
	struct pollfd end = { .fd = pidfd_open(talk.pid, 0), .events = POLLIN };
	int status;

	if (talk.inside >= 0) {
		/* our own descriptor keeps the terminal open, so it has no end of file */
		while (poll(&end, 1, 0) == 0) {
			struct pollfd both[] = { end, { .fd = talk.out, .events = POLLIN } };

			if (poll(both, 2, left_ms(until_ns)) <= 0)
				fail_msg("it did not end; there was: %s", talk.text);
			if (both[1].revents)
				take(until_ns);
		}
		while (poll(&(struct pollfd){ .fd = talk.out, .events = POLLIN }, 1, 0) == 1)
			take(until_ns);
	} else {
		while (take(until_ns))
			;
	}
	close(end.fd);
	assert_int_equal(waitpid(talk.pid, &status, 0), talk.pid);
	talk.last = talk.pid;
	talk.pid = 0;
	if (!WIFEXITED(status))
		fail_msg("ended with status %x: %s", status, talk.text);
	return WEXITSTATUS(status);
}

static void has(const char *text)
{
	if (!strstr(talk.text, text))
		fail_msg("'%s' is missing in: %s", text, talk.text);
}

static void has_not(const char *text)
{
	if (strstr(talk.text, text))
		fail_msg("'%s' is in: %s", text, talk.text);
}

static int count_guards(const struct guard *guard, void *user)
{
	(void)guard;
	++*(int *)user;
	return 0;
}

/* No guard, no cgroup of exec's, and after its last guard no transient agent. */
static void assert_nothing_is_left(void)
{
	struct kernel *kernel;
	char path[64];
	int n = 0;

	wait_no_agent();
	if (!kernel_open(&kernel, NULL)) {
		guard_each(kernel, count_guards, &n);
		kernel_free(kernel);
	}
	assert_int_equal(n, 0);
	snprintf(path, sizeof(path), "/terok/exec-%d", talk.last);
	assert_int_equal(cgroup_open(path, NULL), -ENOENT);
}

/*
 * The first exec's transient agent ends, and unloads, while the second finds it, opens its
 * maps and attaches: whatever the order, the second's command is guarded or does not run.
 */
static void an_exec_that_meets_the_end_of_anothers_agent_is_guarded(void **state)
{
	(void)state;
	for (int i = 0; i < 12; i++) {
		EXEC("--allow", FAR_TEXT, "--", self, "try", TEST_FAR);
		assert_int_equal(finish(), 0);
		EXEC("--deny", "198.51.100.0/24", "--", self, "try", TEST_FAR);
		assert_int_equal(finish(), EHOSTUNREACH);
	}
	assert_nothing_is_left();
}

static void exit_codes_pass_through(void **state)
{
	static const struct {
		char *script;
		int code;
	} cases[] = { { "exit 0", 0 }, { "exit 7", 7 }, { "kill -TERM $$", 128 + SIGTERM } };

	(void)state;
	for (size_t i = 0; i < 3; i++) {
		EXEC("--", "sh", "-c", cases[i].script);
		assert_int_equal(finish(), cases[i].code);
	}
	EXEC("--", "terok-no-such-program");
	assert_int_equal(finish(), 127);
	has("terok-no-such-program: No such file");
	EXEC("--", "/etc/passwd");
	assert_int_equal(finish(), 126);
	assert_nothing_is_left();
}

static void who_started_exec_may_ignore_signals_that_exec_needs(void **state)
{
	static const struct {
		int signal;
		char *mask; /* what CMD ignores then */
	} cases[] = {
		{ SIGCHLD, "SigIgn:.*[13579bdf]....$" },
		{ SIGPIPE, "SigIgn:.*[13579bdf]...$" },
	};

	(void)state;
	for (size_t i = 0; i < 4; i++) {
		ignored = cases[i % 2].signal;
		if (i < 2)
			EXEC("--", "grep", "-q", cases[i % 2].mask, "/proc/self/status");
		else
			EXEC_TTY("--", "grep", "-q", cases[i % 2].mask, "/proc/self/status");
		ignored = 0;
		assert_int_equal(finish(), 0);
	}
	assert_nothing_is_left();
}

static void a_terminal_of_another_session_is_read_by_the_command_itself(void **state)
{
	(void)state;
	controlling = false;
	EXEC_TTY("--", "sh", "-c", "echo ready; read x; echo got-$x");
	controlling = true;
	expect("ready");
	type("hello\n");
	expect("got-hello");
	assert_int_equal(finish(), 0);
	assert_nothing_is_left();
}

static void a_refusal_is_printed_and_summed_up(void **state)
{
	struct test_dest far = { .addr = TEST_FAR, .port = TEST_PORT };

	(void)state;
	assert_int_equal(test_outside(test_connect, &far), 0); /* control: it is reachable */
	EXEC("--", self, "try", TEST_FAR);
	assert_int_equal(finish(), EHOSTUNREACH);
	has("terok: refused test_exec[");
	has("] -> " FAR_TEXT " (default)\n");
	has("1 attempts, 0 allowed, 1 refused (1 delivered, 0 limited, 0 lost)");
	has(FAR_TEXT
	    " refused 1 time (default), not answered; to allow it next time: --allow " FAR_TEXT
	    "\n");
	assert_nothing_is_left();
}

static void the_json_summary_is_the_last_line(void **state)
{
	const char *line;

	(void)state;
	EXEC("--json", "--name", "job-1", "--", self, "try", TEST_FAR);
	assert_int_equal(finish(), EHOSTUNREACH);
	line = strrchr(strndupa(talk.text, talk.size - 1), '\n');
	assert_non_null(line);
	assert_int_equal(strncmp(line, "\n{\"guard\":", 10), 0);
	has("\"name\":\"job-1\",\"exit_code\":113,\"signal\":0,");
	has("\"attempts\":1,\"allowed\":0,\"refused\":1,\"delivered\":1,\"limited\":0,\"lost\":0,");
	has("{\"dest\":\"" TEST_FAR "\",\"port\":7777,\"proto\":\"tcp\",\"reason\":\"default\","
	    "\"count\":1,\"outcome\":\"unanswered\",\"scope\":\"\",\"allow\":\"" FAR_TEXT "\"}");
}

static void allow_opens_and_deny_wins(void **state)
{
	(void)state;
	EXEC("--allow", FAR_TEXT, "--", self, "try", TEST_FAR);
	assert_int_equal(finish(), 0);
	has("1 attempts, 1 allowed, 0 refused");
	has_not("terok: refused");
	EXEC("--allow", TEST_FAR, "--deny", "198.51.100.0/24", "--", self, "try", TEST_FAR);
	assert_int_equal(finish(), EHOSTUNREACH);
	has("(rule_deny)");
}

/* A connect by name, as the command itself would do it: nobody but the agent knows the address. */
static void a_name_that_is_allowed_is_found_and_reached(void **state)
{
	(void)state;
	zone_server_start(world, bpfd,
			  "one.example A 300 203.0.113.1\ntwo.example A 300 203.0.113.2\n");
	EXEC("--allow", "one.example:7777/tcp", "--", self, "lookup", "one.example");
	assert_int_equal(finish(), 0);
	has("2 attempts, 2 allowed, 0 refused"); /* the question is one */
	EXEC("--allow", "two.example", "--", self, "lookup", "one.example");
	assert_int_equal(finish(), NO_SUCH_NAME);
	has("terok: refused the name one.example (name_deny)\n");
	has("1 attempts, 1 allowed, 0 refused");
	has("terok:   one.example refused 1 time (name_deny), not answered; "
	    "to allow it next time: --allow one.example\n");
	EXEC("--allow", "*.one.example", "--deny", "one.example", "--", self, "lookup",
	     "one.example");
	assert_int_equal(finish(), NO_SUCH_NAME);
	assert_nothing_is_left();
}

static void signals_reach_the_command(void **state)
{
	static const int signals[] = { SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGUSR1, SIGUSR2 };

	(void)state;
	for (size_t i = 0; i < sizeof(signals) / sizeof(*signals); i++) {
		EXEC("--", self, "catch");
		expect("ready\n");
		kill(talk.pid, signals[i]);
		assert_int_equal(finish(), 20 + signals[i]);
	}
	assert_nothing_is_left();
}

static void children_are_guarded_and_do_not_outlive_exec(void **state)
{
	char script[700];

	(void)state;
	snprintf(script, sizeof(script),
		 "sh -c 'setsid \"%s\" try " TEST_FAR "; echo child $?'; sleep 1000 & "
		 "setsid sleep 1000 & exit 0",
		 self);
	EXEC("--json", "--", "sh", "-c", script);
	assert_int_equal(finish(), 0);
	has("child 113\n");
	has("\"killed\":2,");
	assert_nothing_is_left();
}

static void a_command_stays_guarded_when_exec_is_killed(void **state)
{
	char fifo[128], answer[128], line[16];
	int fd, r;

	(void)state;
	snprintf(fifo, sizeof(fifo), "%s/go", world->dir);
	snprintf(answer, sizeof(answer), "%s/answer", world->dir);
	assert_int_equal(mkfifo(fifo, 0600) | mkfifo(answer, 0600), 0);
	EXEC("--", self, "late", fifo, answer, TEST_FAR);
	fd = open(fifo, O_WRONLY | O_CLOEXEC); /* waits until the command has it open */
	kill(talk.pid, SIGKILL);
	assert_int_equal(waitpid(talk.pid, NULL, 0), talk.pid);
	talk.last = talk.pid;
	talk.pid = 0;
	assert_int_equal(write(fd, "go\n", 3), 3);
	close(fd);
	fd = open(answer, O_RDONLY | O_CLOEXEC);
	r = read(fd, line, sizeof(line) - 1);
	close(fd);
	assert_true(r > 0);
	line[r] = '\0';
	assert_int_equal(atoi(line), EHOSTUNREACH);
	assert_nothing_is_left(); /* the agent clears up after exec */
}

static struct termios settings(void)
{
	struct termios mode;

	assert_int_equal(tcgetattr(talk.inside, &mode), 0);
	return mode;
}

static void assert_same_settings(const struct termios *before)
{
	struct termios after = settings();

	assert_int_equal(after.c_lflag, before->c_lflag);
	assert_int_equal(after.c_iflag, before->c_iflag);
	assert_int_equal(after.c_oflag, before->c_oflag);
}

static void a_shell_has_job_control(void **state)
{
	struct termios before;

	(void)state;
	EXEC_TTY("--", "env", "PS1=ready> ", "bash", "--norc", "-i");
	before = settings();
	expect("ready> ");
	assert_false(settings().c_lflag & ICANON); /* control: it is raw meanwhile */
	type("tty; cat\r");
	expect("/dev/pts/");
	expect("\n");
	type("echoed\r");
	expect("echoed\r\nechoed"); /* by the terminal, then by cat */
	type("\x1a");
	expect("Stopped");
	expect("ready> ");
	type("jobs\r");
	expect("Stopped");
	expect("cat");
	expect("ready> ");
	type("fg\r");
	expect("cat");
	type("again\r");
	expect("again\r\nagain");
	type("\x03");
	expect("ready> ");
	type("exit 5\r");
	assert_int_equal(finish(), 5);
	before.c_lflag |= ICANON | ECHO | ISIG;
	assert_same_settings(&before);
	assert_nothing_is_left();
}

static void descriptors_of_the_shell_reach_the_command(void **state)
{
	char script[900];

	(void)state;
	snprintf(script, sizeof(script),
		 "\"%s\" exec -- cat <(echo first) <(echo second) 5</dev/null", bpfd);
	talk.in = talk.out = pty_open(-1, &talk.inside);
	talk.pid = fork();
	if (!talk.pid) {
		if (controlling ? pty_take(talk.inside) : setsid() < 0)
			_exit(98);
		for (int fd = 0; fd < 3; fd++)
			dup2(talk.inside, fd);
		execlp("bash", "bash", "-c", script, NULL);
		_exit(99);
	}
	expect("first\r\n");
	expect("second\r\n");
	assert_int_equal(finish(), 0);
}

static void ctrl_z_stops_exec_with_its_command(void **state)
{
	struct termios before;
	int status;

	(void)state;
	EXEC_TTY("--", "sh", "-c",
		 "trap 'echo caught; exit 3' INT; echo up; while :; do read x; done");
	before = settings();
	before.c_lflag |= ICANON | ECHO | ISIG;
	expect("up");
	type("\x1a");
	assert_int_equal(waitpid(talk.pid, &status, WUNTRACED), talk.pid);
	assert_true(WIFSTOPPED(status));
	assert_same_settings(&before); /* the shell gets its terminal as it was */
	kill(talk.pid, SIGCONT);
	/* typed before exec reads again is not lost, after is passed on: either way it arrives */
	while (settings().c_lflag & ICANON)
		sched_yield();
	type("\x03");
	expect("caught");
	assert_int_equal(finish(), 3);
	assert_same_settings(&before);
}

static void a_question_on_the_terminal_is_answered_by_a_key(void **state)
{
	(void)state;
	EXEC_TTY("--", self, "retry", TEST_FAR);
	expect("terok: test_exec[");
	expect("] wants " FAR_TEXT " (default) - [a]llow once");
	type("a");
	expect("terok: " FAR_TEXT ": allow (once)");
	expect("reached\r\n");
	assert_int_equal(finish(), 0);
	has("then allowed (once)");
	assert_nothing_is_left();
}

static void a_denial_on_the_terminal_holds(void **state)
{
	(void)state;
	EXEC_TTY("--", "sh", "-c",
		 "\"$0\" try " TEST_FAR "; read x; \"$0\" try " TEST_FAR "; echo again $?", self);
	expect("[D]eny always");
	type("D");
	expect("deny (session)");
	type("\r");
	expect("again 113");
	assert_int_equal(finish(), 0);
	has("denied (session)");
}

static void open_questions_are_listed_when_the_command_ends(void **state)
{
	(void)state;
	EXEC_TTY("--", self, "try", TEST_FAR);
	assert_int_equal(finish(), EHOSTUNREACH);
	has("not answered; to allow it next time: --allow " FAR_TEXT);
	assert_nothing_is_left();
}

static void without_root_it_says_so(void **state)
{
	(void)state;
	talk.pid = 0;
	assert_int_equal(chmod(world->dir, 0755), 0);
	{
		int err[2];
		pid_t pid;

		assert_int_equal(pipe2(err, O_CLOEXEC), 0);
		pid = fork();
		if (!pid) {
			if (setgid(65534) || setuid(65534))
				_exit(97);
			become((char *[]){ "--", "true", NULL }, 0, 1, err[1]);
		}
		close(err[1]);
		talk.pid = pid;
		talk.err = err[0];
	}
	assert_int_equal(finish(), 1);
	has("needs root; try: sudo terok-bpfd exec -- true");
}

/* What exec guards: this program in another part. */
static int part_catch(void)
{
	sigset_t all;
	int sig = 0;

	sigfillset(&all);
	sigprocmask(SIG_BLOCK, &all, NULL);
	if (write(1, "ready\n", 6) != 6 || sigwait(&all, &sig))
		return 1;
	return 20 + sig;
}

static int part_late(char **argv)
{
	struct test_dest dest = { .addr = argv[4], .port = TEST_PORT };
	int go = open(argv[2], O_RDONLY), fd;
	char byte;

	if (go < 0 || read(go, &byte, 1) != 1)
		return 1;
	fd = open(argv[3], O_WRONLY);
	return dprintf(fd, "%d\n", test_connect(&dest)) < 0;
}

static int part_retry(const char *addr)
{
	struct test_dest dest = { .addr = addr, .port = TEST_PORT };
	struct timespec pause_ns = { .tv_nsec = 10000000 };

	for (int i = 0; i < 1500; i++) {
		if (!test_connect(&dest)) {
			puts("reached");
			return 0;
		}
		nanosleep(&pause_ns, NULL); /* as an application that retries does */
	}
	return 1;
}

static int part_lookup(const char *name)
{
	char addr[ADDR_TEXT];
	struct test_dest dest = { .addr = addr, .port = TEST_PORT };
	int r = zone_lookup(name, addr);

	return r < 0 ? -r : r ? NO_SUCH_NAME : test_connect(&dest);
}

static int part(int argc, char **argv)
{
	if (argc >= 3 && !strcmp(argv[1], "try")) {
		struct test_dest dest = { .addr = argv[2], .port = TEST_PORT };

		return test_connect(&dest);
	}
	if (argc >= 3 && !strcmp(argv[1], "lookup"))
		return part_lookup(argv[2]);
	if (argc >= 3 && !strcmp(argv[1], "retry"))
		return part_retry(argv[2]);
	if (argc >= 5 && !strcmp(argv[1], "late"))
		return part_late(argv);
	if (argc >= 2 && !strcmp(argv[1], "catch"))
		return part_catch();
	return -1;
}

static void find_programs(void)
{
	const char *given = getenv("TEROK_BPFD");
	ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);
	char folder[512];

	self[n > 0 ? n : 0] = '\0';
	snprintf(folder, sizeof(folder), "%s", self);
	for (int i = 0; i < 3; i++)
		*strrchr(folder, '/') = '\0';
	snprintf(bpfd, sizeof(bpfd), "%.480s%s", given ?: folder, given ? "" : "/terok-bpfd");
	if (access(bpfd, X_OK)) {
		printf("%s is not there: make it first\n", bpfd);
		exit(1);
	}
}

int main(int argc, char **argv)
{
#define exec_test(t) cmocka_unit_test_setup_teardown(t, setup, teardown)
	const struct CMUnitTest tests[] = {
		exec_test(an_exec_that_meets_the_end_of_anothers_agent_is_guarded),
		exec_test(exit_codes_pass_through),
		exec_test(who_started_exec_may_ignore_signals_that_exec_needs),
		exec_test(a_terminal_of_another_session_is_read_by_the_command_itself),
		exec_test(a_refusal_is_printed_and_summed_up),
		exec_test(the_json_summary_is_the_last_line),
		exec_test(allow_opens_and_deny_wins),
		exec_test(a_name_that_is_allowed_is_found_and_reached),
		exec_test(signals_reach_the_command),
		exec_test(children_are_guarded_and_do_not_outlive_exec),
		exec_test(a_command_stays_guarded_when_exec_is_killed),
		exec_test(a_shell_has_job_control),
		exec_test(descriptors_of_the_shell_reach_the_command),
		exec_test(ctrl_z_stops_exec_with_its_command),
		exec_test(a_question_on_the_terminal_is_answered_by_a_key),
		exec_test(a_denial_on_the_terminal_holds),
		exec_test(open_questions_are_listed_when_the_command_ends),
		exec_test(without_root_it_says_so),
	};
	int r = argc > 1 ? part(argc, argv) : -1;

	if (r >= 0)
		return r;
	test_require("exec");
	find_programs();
	signal(SIGPIPE, SIG_IGN);
	if (argc > 1)
		cmocka_set_test_filter(argv[1]);
	return cmocka_run_group_tests_name("exec", tests, NULL, NULL);
}
