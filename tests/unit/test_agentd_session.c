// SPDX-License-Identifier: Apache-2.0
/* test_agentd_session.c - user/agentd/session.c and pipeline.c: commands in, real programs, responses out */
#include <errno.h>
#include <malloc.h>
#include <fcntl.h>
#include <grp.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

#include "agentd/session.h"
#include "base/log.h"

#define LATE_S 20 /* nothing here takes so long */

typedef Clawker__Clawkerd__V1__Command Command;
typedef Clawker__Clawkerd__V1__Response Response;
#define IS(name)   CLAWKER__CLAWKERD__V1__RESPONSE__PAYLOAD_##name
#define SAYS(name) CLAWKER__CLAWKERD__V1__COMMAND__PAYLOAD_##name
#define CODE(name) CLAWKER__CLAWKERD__V1__ERROR_CODE__ERROR_CODE_##name

#define HEARD_MAX  4096

/* The other end. */
static struct {
	struct loop *loop;
	struct reaper reaper;
	struct pipelines pipelines;
	struct agentd_place place;
	struct agentd_session *session;
	Response *heard[HEARD_MAX];
	unsigned n;
	bool deaf, gone, held;
	struct timer timer;
} end;

static int on_send(void *user, const void *bytes, size_t n)
{
	(void)user;
	if (end.gone)
		return -EPIPE;
	if (end.deaf)
		return -ENOBUFS;
	assert_true(end.n < HEARD_MAX);
	end.heard[end.n] = clawker__clawkerd__v1__response__unpack(NULL, n, bytes);
	assert_non_null(end.heard[end.n]);
	end.n++;
	return 0;
}

static void on_hold(void *user, bool hold)
{
	(void)user;
	end.held = hold;
}

static const struct agentd_ways ways = { .send = on_send, .hold = on_hold };

static void begin(void)
{
	end.reaper.loop = end.pipelines.loop = end.place.loop = end.loop;
	end.pipelines.reaper = &end.reaper;
	end.place.pipelines = &end.pipelines;
	assert_int_equal(agentd_session_new(&end.place, &ways, NULL, "cn=test", &end.session), 0);
}

static int setup(void **state)
{
	(void)state;
	memset(&end, 0, sizeof(end));
	alarm(LATE_S);
	if (loop_new(&end.loop))
		return -1;
	begin();
	return 0;
}

static int on_pause(struct timer *timer)
{
	(void)timer;
	return -ECANCELED;
}

static void rounds(uint64_t ns)
{
	timer_arm(end.loop, &end.timer, now_boot_ns() + ns, on_pause);
	assert_int_equal(loop_run(end.loop), -ECANCELED);
}

static int teardown(void **state)
{
	(void)state;
	agentd_session_free(end.session);
	for (int i = 0; end.pipelines.n && i < 100; i++)
		rounds(SECOND_NS / 20);
	for (unsigned i = 0; i < end.n; i++)
		clawker__clawkerd__v1__response__free_unpacked(end.heard[i], NULL);
	timer_disarm(&end.reaper.again);
	loop_free(end.loop);
	alarm(0);
	return end.pipelines.n ? -1 : 0;
}

static int take(Command *command)
{
	uint8_t bytes[1 << 16], *at = bytes;
	size_t n = clawker__clawkerd__v1__command__get_packed_size(command);
	int r;

	if (n > sizeof(bytes))
		at = malloc(n);
	clawker__clawkerd__v1__command__pack(command, at);
	r = agentd_session_take(end.session, at, n);
	if (at != bytes)
		free(at);
	return r;
}

static void say_input(const char *id, const char *bytes, size_t n)
{
	Clawker__Clawkerd__V1__Stdin more = CLAWKER__CLAWKERD__V1__STDIN__INIT;
	Command command = CLAWKER__CLAWKERD__V1__COMMAND__INIT;

	more.data.data = (uint8_t *)bytes;
	more.data.len = n;
	command.command_id = (char *)id;
	command.payload_case = SAYS(STDIN);
	command.stdin = &more;
	take(&command);
}

static void say_close(const char *id)
{
	Clawker__Clawkerd__V1__CloseStdin close = CLAWKER__CLAWKERD__V1__CLOSE_STDIN__INIT;
	Command command = CLAWKER__CLAWKERD__V1__COMMAND__INIT;

	command.command_id = (char *)id;
	command.payload_case = SAYS(CLOSE_STDIN);
	command.close_stdin = &close;
	take(&command);
}

static void say_signal(const char *id, int signo)
{
	Clawker__Clawkerd__V1__Signal sig = CLAWKER__CLAWKERD__V1__SIGNAL__INIT;
	Command command = CLAWKER__CLAWKERD__V1__COMMAND__INIT;

	sig.signo = signo;
	command.command_id = (char *)id;
	command.payload_case = SAYS(SIGNAL);
	command.signal = &sig;
	take(&command);
}

static Clawker__Clawkerd__V1__PipeStage stages[PIPELINE_STAGES + 1];
static char *argvs[PIPELINE_STAGES + 1][4];
static Clawker__Clawkerd__V1__PipeStage *stage_at[PIPELINE_STAGES + 1];
static Clawker__Clawkerd__V1__ShellCommand shell;

/* Stages of `sh -c TEXT`; what else of `shell` and `stages` a test wants it sets before say_shell(). */
static void shell_make(unsigned n, const char *const text[])
{
	shell = (Clawker__Clawkerd__V1__ShellCommand)CLAWKER__CLAWKERD__V1__SHELL_COMMAND__INIT;
	for (unsigned i = 0; i < n; i++) {
		stages[i] =
		    (Clawker__Clawkerd__V1__PipeStage)CLAWKER__CLAWKERD__V1__PIPE_STAGE__INIT;
		argvs[i][0] = "/bin/sh";
		argvs[i][1] = "-c";
		argvs[i][2] = (char *)text[i];
		stages[i].argv = argvs[i];
		stages[i].n_argv = 3;
		stages[i].uid = getuid();
		stages[i].gid = getgid();
		stage_at[i] = &stages[i];
	}
	shell.stages = stage_at;
	shell.n_stages = n;
}

static void say_shell(const char *id)
{
	Command command = CLAWKER__CLAWKERD__V1__COMMAND__INIT;

	command.command_id = (char *)id;
	command.payload_case = SAYS(SHELL);
	command.shell = &shell;
	take(&command);
}

static void say_sh(const char *id, const char *text)
{
	shell_make(1, &text);
	say_shell(id);
}

/* How many of one kind were heard for @id; NULL: for any. */
static unsigned heard(const char *id, int what)
{
	unsigned n = 0;

	for (unsigned i = 0; i < end.n; i++)
		if ((int)end.heard[i]->payload_case == what &&
		    (!id || !strcmp(end.heard[i]->command_id, id)))
			n++;
	return n;
}

/* Until @n of that kind were heard. */
static void hear(const char *id, int what, unsigned n)
{
	uint64_t until_ns = now_boot_ns() + LATE_S * SECOND_NS;

	while (heard(id, what) < n) {
		assert_true(now_boot_ns() < until_ns);
		rounds(SECOND_NS / 100);
	}
}

static const Response *nth(const char *id, int what, unsigned n)
{
	for (unsigned i = 0; i < end.n; i++)
		if ((int)end.heard[i]->payload_case == what &&
		    (!id || !strcmp(end.heard[i]->command_id, id)) && !n--)
			return end.heard[i];
	fail_msg("there is no response of kind %d for %s", what, id ?: "anything");
	return NULL;
}

/* All of the output of @id, in one buffer. */
static size_t output_of(const char *id, char *ret, size_t size)
{
	size_t n = 0;

	for (unsigned i = 0; i < end.n; i++) {
		const Response *r = end.heard[i];

		if (strcmp(r->command_id, id) != 0 || r->payload_case != IS(STDOUT))
			continue;
		assert_true(r->stdout->data.len > 0 && r->stdout->data.len <= PIPELINE_CHUNK);
		if (n + r->stdout->data.len < size)
			memcpy(ret + n, r->stdout->data.data, r->stdout->data.len);
		n += r->stdout->data.len;
	}
	if (n < size)
		ret[n] = '\0';
	return n;
}

static void is_error(unsigned at, const char *id, int code)
{
	assert_true(at < end.n);
	assert_int_equal(end.heard[at]->payload_case, IS(ERROR));
	assert_string_equal(end.heard[at]->command_id, id);
	assert_int_equal(end.heard[at]->error->code, code);
}

/* --- the rules of the wire --- */

static void hello_is_answered_also_without_an_id(void **state)
{
	Clawker__Clawkerd__V1__Hello hello = CLAWKER__CLAWKERD__V1__HELLO__INIT;
	Command command = CLAWKER__CLAWKERD__V1__COMMAND__INIT;

	(void)state;
	command.payload_case = SAYS(HELLO);
	command.hello = &hello;
	assert_int_equal(take(&command), 0);
	command.command_id = "hello";
	assert_int_equal(take(&command), 0);
	assert_int_equal(end.n, 2);
	assert_int_equal(end.heard[0]->payload_case, IS(HELLO_ACK));
	assert_string_equal(end.heard[1]->command_id, "hello");
}

static void every_other_command_needs_an_id(void **state)
{
	char id[SESSION_ID_MAX + 2];

	(void)state;
	say_sh("", "true");
	say_input("", "x", 1);
	say_close("");
	say_signal("", 15);
	assert_int_equal(end.n, 4);
	for (unsigned i = 0; i < 4; i++) {
		is_error(i, "", CODE(INVALID_REQUEST));
		assert_string_equal(end.heard[i]->error->message, "command_id required");
	}
	/* and one that is not too long */
	memset(id, 'i', sizeof(id));
	id[SESSION_ID_MAX + 1] = '\0';
	say_close(id);
	is_error(4, "", CODE(INVALID_REQUEST));
	id[SESSION_ID_MAX] = '\0';
	say_close(id);
	is_error(5, id, CODE(UNKNOWN_COMMAND_ID));
}

static void what_is_wrong_with_a_command_is_said(void **state)
{
	const char *text[PIPELINE_STAGES + 1];

	(void)state;
	shell_make(0, NULL);
	say_shell("a");
	is_error(0, "a", CODE(INVALID_REQUEST));
	for (int i = 0; i < PIPELINE_STAGES + 1; i++)
		text[i] = "cat";
	shell_make(2, text);
	stages[1].n_argv = 0;
	say_shell("a");
	is_error(1, "a", CODE(INVALID_REQUEST));
	shell_make(PIPELINE_STAGES + 1, text);
	say_shell("a");
	is_error(2, "a", CODE(INVALID_REQUEST));
	say_input("b", "x", 1);
	is_error(3, "b", CODE(UNKNOWN_COMMAND_ID));
	say_close("b");
	is_error(4, "b", CODE(UNKNOWN_COMMAND_ID));
	say_signal("b", 15);
	is_error(5, "b", CODE(UNKNOWN_COMMAND_ID));
	say_sh("c", "cat");
	say_sh("c", "cat");
	is_error(6, "c", CODE(INVALID_REQUEST)); /* the second one: the first lives */
	say_close("c");
	hear("c", IS(DONE), 1);
	assert_int_equal(heard("c", IS(ERROR)), 1);
	say_sh("c", "true"); /* an id is free again */
	hear("c", IS(DONE), 2);
}

static void as_many_stages_as_there_may_be_are_a_pipeline(void **state)
{
	const char *text[PIPELINE_STAGES];
	char said[64];

	(void)state;
	for (int i = 0; i < PIPELINE_STAGES; i++)
		text[i] = i ? "exec cat" : "echo through all";
	shell_make(PIPELINE_STAGES, text);
	say_shell("all");
	hear("all", IS(DONE), 1);
	output_of("all", said, sizeof(said));
	assert_string_equal(said, "through all\n");
	assert_int_equal(heard("all", IS(STAGE_EXIT)), PIPELINE_STAGES);
}

static void what_is_no_message_ends_the_session(void **state)
{
	static uint8_t many[400002];

	(void)state;
	assert_int_equal(agentd_session_take(end.session, (const uint8_t *)"\x0a\xff", 2),
			 -EBADMSG);
	/* a stage with 200,000 empty words: few bytes, much memory. 1a: shell, 0a: stage */
	assert_int_equal(agentd_session_take(end.session, (const uint8_t *)"", 0), 0);
	is_error(0, "", CODE(INVALID_REQUEST));
	for (size_t i = 0; i < sizeof(many); i += 2)
		memcpy(many + i, "\x0a\x00", 2);
	memcpy(many, "\x1a\xfe\xb4\x18\x0a\xfa\xb4\x18", 8);
	memset(many + sizeof(many) - 4, 0, 4);
	assert_int_equal(agentd_session_take(end.session, many, sizeof(many)), -EBADMSG);
}

/* --- programs --- */

static void a_pipeline_ends_with_done_after_all_it_said(void **state)
{
	static const char *const text[] = { "echo one; echo two >&2; exit 3",
					    "tr a-z A-Z; exit 4" };
	char said[64];

	(void)state;
	shell_make(2, text);
	say_shell("p");
	hear("p", IS(DONE), 1);
	assert_int_equal(end.heard[0]->payload_case, IS(STARTED));
	assert_int_equal(end.heard[end.n - 1]->payload_case, IS(DONE));
	assert_int_equal(end.heard[end.n - 1]->done->final_exit_code, 4);
	output_of("p", said, sizeof(said));
	assert_string_equal(said, "ONE\n");
	assert_int_equal(nth("p", IS(STDERR), 0)->stderr->stage_index, 0);
	assert_memory_equal(nth("p", IS(STDERR), 0)->stderr->data.data, "two\n", 4);
	assert_int_equal(heard("p", IS(STAGE_EXIT)), 2);
	for (int i = 0; i < 2; i++) {
		const Response *exit = nth("p", IS(STAGE_EXIT), i);

		assert_int_equal(exit->stage_exit->exit_code, 3 + exit->stage_exit->stage_index);
		assert_int_equal(exit->stage_exit->signo, 0);
	}
	assert_int_equal(heard("p", IS(STARTED)), 1);
	rounds(SECOND_NS / 50);
	assert_int_equal(heard("p", IS(DONE)) + heard("p", IS(ERROR)), 1);
}

static void output_of_a_fast_program_is_complete_before_done(void **state)
{
	static char bytes[1 << 21];

	(void)state;
	for (int round = 0; round < 20; round++) {
		char id[16];

		snprintf(id, sizeof(id), "fast-%d", round);
		say_sh(id, "head -c 300000 /dev/zero; echo end");
		hear(id, IS(DONE), 1);
		assert_int_equal(output_of(id, bytes, sizeof(bytes)), 300004);
		assert_memory_equal(bytes + 300000, "end\n", 4);
		assert_int_equal(end.heard[end.n - 1]->payload_case, IS(DONE));
	}
}

static void what_cannot_be_started_is_told_once(void **state)
{
	static const char *const text[] = { "sleep 60", "cat", "cat" };

	(void)state;
	shell_make(3, text);
	argvs[1][0] = "/nonexistent/program";
	say_shell("none");
	hear("none", IS(ERROR), 1);
	assert_int_equal(end.n, 1); /* no Started, no output, no stage's end */
	is_error(0, "none", CODE(SPAWN_FAILED));
	assert_non_null(strstr(end.heard[0]->error->message, "/nonexistent/program"));
	shell_make(1, text);
	stages[0].cwd = "/nonexistent";
	say_shell("where");
	hear("where", IS(ERROR), 1);
	is_error(1, "where", CODE(SPAWN_FAILED));
	rounds(SECOND_NS / 20);
	assert_int_equal(end.n, 2);
	assert_int_equal(end.pipelines.n, 0);
}

static void input_from_the_start_and_a_close_at_once_both_arrive(void **state)
{
	static char much[500000], back[500001];

	(void)state;
	memset(much, 'x', sizeof(much));
	for (int round = 0; round < 10; round++) {
		static const char *const text[] = { "cat" };
		char id[16];

		snprintf(id, sizeof(id), "in-%d", round);
		shell_make(1, text);
		shell.initial_stdin.data = (uint8_t *)much;
		shell.initial_stdin.len = sizeof(much) - 3;
		say_shell(id);
		say_input(id, "end", 3);
		say_close(id);
		say_close(id); /* twice is once */
		hear(id, IS(DONE), 1);
		assert_int_equal(heard(id, IS(ERROR)), 0);
		assert_int_equal(output_of(id, back, sizeof(back)), sizeof(much));
		assert_memory_equal(back + sizeof(much) - 3, "end", 3);
	}
	say_sh("late", "cat");
	say_close("late");
	say_input("late", "x", 1);
	is_error(end.n - 1, "late", CODE(INVALID_REQUEST));
	hear("late", IS(DONE), 1);
}

static void input_that_a_program_does_not_read_is_no_failure(void **state)
{
	static const char *const text[] = { "true" };
	static char much[500000];

	(void)state;
	shell_make(1, text);
	shell.initial_stdin.data = (uint8_t *)much;
	shell.initial_stdin.len = sizeof(much);
	say_shell("deaf");
	hear("deaf", IS(DONE), 1);
	assert_int_equal(nth("deaf", IS(DONE), 0)->done->final_exit_code, 0);
	/* one that closes it and goes on */
	say_sh("shut", "exec 0<&-; echo shut; sleep 0.2; echo later");
	hear("shut", IS(STDOUT), 1);
	say_input("shut", much, sizeof(much));
	hear("shut", IS(DONE), 1);
	assert_int_equal(heard("shut", IS(ERROR)), 0);
}

static void a_signal_is_for_the_group_and_must_be_one(void **state)
{
	(void)state;
	say_sh("s", "trap '' USR1; echo up; sleep 60 | sleep 60");
	hear("s", IS(STDOUT), 1);
	say_signal("s", 0);
	is_error(end.n - 1, "s", CODE(INVALID_REQUEST));
	say_signal("s", -9);
	is_error(end.n - 1, "s", CODE(INVALID_REQUEST));
	say_signal("s", 1000);
	is_error(end.n - 1, "s", CODE(INVALID_REQUEST));
	say_signal("s", SIGTERM);
	hear("s", IS(DONE), 1);
	assert_int_equal(nth("s", IS(STAGE_EXIT), 0)->stage_exit->exit_code, -1);
	assert_int_equal(nth("s", IS(STAGE_EXIT), 0)->stage_exit->signo, SIGTERM);
	assert_int_equal(nth("s", IS(DONE), 0)->done->final_exit_code, 128 + SIGTERM);
}

/* A number that a program wrote on its standard output. */
static pid_t pid_of(const char *id)
{
	char text[32];

	hear(id, IS(STDOUT), 1);
	output_of(id, text, sizeof(text));
	return atoi(text);
}

/* Gone, or a zombie: what is reparented away from us is nobody's we can wait for. */
static void has_gone(pid_t pid)
{
	uint64_t until_ns = now_boot_ns() + 5 * SECOND_NS;
	char path[32], text[256], *at;
	int fd;

	for (;;) {
		ssize_t n;

		waitpid(pid, NULL, WNOHANG); /* ours, if it was given to us */
		snprintf(path, sizeof(path), "/proc/%d/stat", pid);
		fd = open(path, O_RDONLY | O_CLOEXEC);
		if (fd < 0)
			return;
		n = read(fd, text, sizeof(text) - 1);
		close(fd);
		text[n > 0 ? n : 0] = '\0';
		at = strrchr(text, ')');
		if (!at || at[2] == 'Z')
			return;
		assert_true(now_boot_ns() < until_ns);
		rounds(SECOND_NS / 100);
	}
}

static void a_time_out_ends_all_of_it_and_is_told_once(void **state)
{
	static const char *const text[] = { "sleep 60 & echo $!; trap '' TERM; sleep 60" };
	pid_t pid;

	(void)state;
	shell_make(1, text);
	shell.timeout_seconds = 1;
	say_shell("slow");
	pid = pid_of("slow");
	hear("slow", IS(ERROR), 1);
	assert_int_equal(nth("slow", IS(ERROR), 0)->error->code, CODE(TIMEOUT));
	has_gone(pid);
	rounds(SECOND_NS / 20);
	assert_int_equal(heard("slow", IS(DONE)) + heard("slow", IS(ERROR)), 1);
	assert_int_equal(end.heard[end.n - 1]->payload_case, IS(ERROR));
}

static void the_end_of_a_session_ends_its_programs(void **state)
{
	pid_t pid;

	(void)state;
	say_sh("left", "echo $$; sleep 60 | sleep 60");
	pid = pid_of("left");
	agentd_session_free(end.session);
	has_gone(pid);
	begin();
}

static void who_cannot_be_told_has_no_programs(void **state)
{
	pid_t pid;

	(void)state;
	say_sh("p", "echo $$; while :; do echo more; done");
	pid = pid_of("p");
	end.gone = true;
	has_gone(pid);
	/* and nothing is begun for them */
	say_sh("q", "true");
	assert_int_equal(heard("q", IS(STARTED)), 0);
}

static void who_does_not_read_stops_the_program_and_loses_nothing(void **state)
{
	static char bytes[1 << 22];
	const size_t all = 3000000;

	(void)state;
	end.deaf = true;
	say_sh("much", "head -c 3000000 /dev/zero; echo done >&2");
	while (!end.held)
		rounds(SECOND_NS / 50);
	rounds(SECOND_NS / 5);
	assert_int_equal(end.n, 0);
	assert_int_equal(heard("much", IS(DONE)), 0);
	end.deaf = false;
	agentd_session_drained(end.session);
	assert_false(end.held);
	hear("much", IS(DONE), 1);
	assert_int_equal(output_of("much", bytes, sizeof(bytes)), all);
	assert_int_equal(heard("much", IS(STDERR)), 1);
}

static void input_that_waits_holds_the_commands_back(void **state)
{
	static char much[PIPELINE_INPUT];
	size_t before;

	(void)state;
	say_sh("full", "read go </dev/null; sleep 0.3; exec wc -c");
	say_input("full", much, sizeof(much) - 1);
	assert_false(end.held);
	say_input("full", much, 1);
	assert_true(end.held); /* at its limit, before the program runs */
	say_close("full");
	hear("full", IS(DONE), 1);
	assert_false(end.held);
	output_of("full", much, sizeof(much));
	assert_int_equal(atoi(much), PIPELINE_INPUT);
	say_sh("drops", "sleep 0.3; exec wc -c");
	before = mallinfo2().uordblks;
	for (int i = 0; i < 100000; i++)
		say_input("drops", "x", 1);
	assert_true(mallinfo2().uordblks - before < 200000);
	say_close("drops");
	hear("drops", IS(DONE), 1);
	assert_int_equal(output_of("drops", much, sizeof(much)), 7); /* "100000" */
}

static void a_full_queue_drops_what_has_no_place(void **state)
{
	(void)state;
	end.deaf = true;
	for (int i = 0; i < SESSION_QUEUE + 3; i++) { /* by a peer that does not hear of a hold */
		char id[16];

		snprintf(id, sizeof(id), "e-%d", i);
		say_close(id);
	}
	assert_true(end.held);
	end.deaf = false;
	agentd_session_drained(end.session);
	assert_int_equal(end.n, SESSION_QUEUE);
	is_error(SESSION_QUEUE - 1, "e-63", CODE(UNKNOWN_COMMAND_ID));
	assert_false(end.held);
}

static void so_many_commands_at_once_and_no_more(void **state)
{
	(void)state;
	for (int i = 0; i <= SESSION_COMMANDS; i++) {
		char id[16];

		snprintf(id, sizeof(id), "c-%d", i);
		say_sh(id, "exec cat");
	}
	hear("c-32", IS(ERROR), 1);
	assert_int_equal(nth("c-32", IS(ERROR), 0)->error->code, CODE(SPAWN_FAILED));
	hear(NULL, IS(STARTED), SESSION_COMMANDS);
	for (int i = 0; i < SESSION_COMMANDS; i++) {
		char id[16];

		snprintf(id, sizeof(id), "c-%d", i);
		say_close(id);
	}
	hear(NULL, IS(DONE), SESSION_COMMANDS);
	assert_int_equal(heard(NULL, IS(ERROR)), 1);
}

static void what_a_program_leaves_behind_does_not_keep_it_alive(void **state)
{
	char said[64];
	pid_t pid;

	(void)state;
	say_sh("bg", "sleep 60 & echo $!; echo kept");
	hear("bg", IS(DONE), 1); /* after PIPELINE_DRAIN_NS, which is less than the alarm */
	output_of("bg", said, sizeof(said));
	pid = atoi(said);
	assert_non_null(strstr(said, "kept"));
	assert_int_equal(kill(pid, 0), 0); /* it is not a part of the command any more */
	kill(pid, SIGKILL);
	/* one that never stops writing has its time too */
	say_sh("yes", "while :; do echo y; sleep 0.01; done & exit 5");
	hear("yes", IS(DONE), 1);
	assert_int_equal(nth("yes", IS(DONE), 0)->done->final_exit_code, 5);
}

static void a_stage_has_its_folder_and_its_environment(void **state)
{
	static const char *const text[] = { "pwd; echo $COLOUR $TEROK_TEST; echo ${HOME-none}" };
	Clawker__Clawkerd__V1__PipeStage__EnvEntry
	    colour = CLAWKER__CLAWKERD__V1__PIPE_STAGE__ENV_ENTRY__INIT,
	    home = CLAWKER__CLAWKERD__V1__PIPE_STAGE__ENV_ENTRY__INIT;
	Clawker__Clawkerd__V1__PipeStage__EnvEntry *env[] = { &colour, &home };
	char said[128];

	(void)state;
	colour.key = "COLOUR";
	colour.value = "green";
	home.key = "HOME";
	home.value = "/somewhere";
	setenv("TEROK_TEST", "ours", 1);
	shell_make(1, text);
	stages[0].cwd = "/usr";
	stages[0].env = env;
	stages[0].n_env = 2;
	say_shell("where");
	hear("where", IS(DONE), 1);
	output_of("where", said, sizeof(said));
	assert_string_equal(said, "/usr\ngreen ours\n/somewhere\n");
}

static void a_stage_is_its_user_for_good(void **state)
{
	static const char *const text[] = {
		"id -u; id -g; id -G; echo $HOME; kill -0 $PPID 2>/dev/null || echo refused",
		"cat; id -u",
	};
	char said[128];

	(void)state;
	if (geteuid())
		skip(); /* one who is not root is nobody else */
	assert_int_equal(setgroups(2, (gid_t[]){ 4, 27 }), 0); /* what it must not keep */
	shell_make(2, text);
	stages[0].uid = 65534;
	stages[0].gid = 4242;
	say_shell("who");
	hear("who", IS(DONE), 1);
	output_of("who", said, sizeof(said));
	assert_string_equal(said, "65534\n4242\n4242\n/nonexistent\nrefused\n0\n");
	/* "leave it as it is" is no user */
	shell_make(1, text);
	stages[0].uid = UINT32_MAX;
	say_shell("all");
	hear("all", IS(ERROR), 1);
	assert_int_equal(nth("all", IS(ERROR), 0)->error->code, CODE(SPAWN_FAILED));
}

static void a_stage_has_no_descriptor_of_ours_and_all_signals(void **state)
{
	char said[256];
	sigset_t all, before;

	(void)state;
	sigfillset(&all);
	sigprocmask(SIG_BLOCK, &all, &before);
	signal(SIGTTOU, SIG_IGN);
	assert_int_not_equal(open("/dev/null", O_RDONLY), -1); /* one that exec would not close */
	say_sh("fds", "ls /proc/self/fd | wc -l; grep -E '^Sig(Blk|Ign)' /proc/self/status");
	hear("fds", IS(DONE), 1);
	sigprocmask(SIG_SETMASK, &before, NULL);
	output_of("fds", said, sizeof(said));
	assert_string_equal(said, "4\nSigBlk:\t0000000000000000\nSigIgn:\t0000000000000000\n");
}

int main(void)
{
#define CASE(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)
	const struct CMUnitTest tests[] = {
		CASE(hello_is_answered_also_without_an_id),
		CASE(every_other_command_needs_an_id),
		CASE(what_is_wrong_with_a_command_is_said),
		CASE(as_many_stages_as_there_may_be_are_a_pipeline),
		CASE(what_is_no_message_ends_the_session),
		CASE(a_pipeline_ends_with_done_after_all_it_said),
		CASE(output_of_a_fast_program_is_complete_before_done),
		CASE(what_cannot_be_started_is_told_once),
		CASE(input_from_the_start_and_a_close_at_once_both_arrive),
		CASE(input_that_a_program_does_not_read_is_no_failure),
		CASE(a_signal_is_for_the_group_and_must_be_one),
		CASE(a_time_out_ends_all_of_it_and_is_told_once),
		CASE(the_end_of_a_session_ends_its_programs),
		CASE(who_cannot_be_told_has_no_programs),
		CASE(who_does_not_read_stops_the_program_and_loses_nothing),
		CASE(input_that_waits_holds_the_commands_back),
		CASE(a_full_queue_drops_what_has_no_place),
		CASE(so_many_commands_at_once_and_no_more),
		CASE(what_a_program_leaves_behind_does_not_keep_it_alive),
		CASE(a_stage_has_its_folder_and_its_environment),
		CASE(a_stage_is_its_user_for_good),
		CASE(a_stage_has_no_descriptor_of_ours_and_all_signals),
	};

	signal(SIGPIPE, SIG_IGN);
	prctl(PR_SET_CHILD_SUBREAPER, 1); /* what a test leaves behind is ours, and dies with us */
	log_setup("test", LOG_EMERG, false);
	return cmocka_run_group_tests_name("agentd_session", tests, NULL, NULL);
}
