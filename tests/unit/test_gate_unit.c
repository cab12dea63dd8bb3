// SPDX-License-Identifier: Apache-2.0
/* test_gate_unit.c - service/unit.c, unit_dir.c, pid_file.c: units as text, whose a pid file is */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <cmocka.h>

#include "base/cleanup.h"
#include "gate/gate.h"
#include "service/pid_file.h"
#include "service/unit.h"
#include "service/unit_dir.h"

#define NOBODY 65534

#define MARK   "# terok-gate-version:"

static struct unit_value values[] = {
	{ "LISTEN", UNIT_LINE, "--bind", "", NULL },
	{ "BASE", UNIT_EXEC, "--base-path", "--base-path=", NULL },
	{ "TOKENS", UNIT_EXEC, "--token-file", "--token-file=", NULL },
	{ "STATE", UNIT_SETTING, "the state folder", "TEROK_SANDBOX_STATE_DIR=", NULL },
	{ "PROGRAM", UNIT_PROGRAM, "this program", "", NULL },
	{},
};
enum { LISTEN, BASE, TOKENS, STATE, PROGRAM };

static void values_reset(void)
{
	values[LISTEN].value = "127.0.0.1:9418";
	values[BASE].value = "/srv/mirrors";
	values[TOKENS].value = "/srv/tokens.json";
	values[STATE].value = "/var/u/.local/share/terok/sandbox";
	values[PROGRAM].value = "/usr/bin/terok-gate";
}

static void units_say_what_they_were_made_of(void **state)
{
	_cleanup_free_ char *socket = NULL, *service = NULL, *at = NULL, *program = NULL;
	unsigned port;

	(void)state;
	values_reset();
	assert_int_equal(unit_make(&gate_service, values, &socket, &service, NULL), 0);
	assert_int_equal(unit_version(socket, MARK), UNIT_VERSION);
	assert_int_equal(unit_version(service, MARK), UNIT_VERSION);
	assert_true(UNIT_VERSION > 13);
	at = unit_listen(socket, &port);
	assert_string_equal(at, "127.0.0.1");
	assert_int_equal(port, 9418);
	program = unit_exec_word(service, "");
	assert_string_equal(program, values[PROGRAM].value);
	/* as older programs look for it */
	assert_non_null(strstr(service, " --base-path=/srv/mirrors "));
	assert_non_null(strstr(service, "SystemCallFilter=@system-service\n"));
	assert_null(unit_exec_word(service, "--port="));
}

static void a_path_of_any_characters_is_read_as_it_was(void **state)
{
	static const char *const paths[] = { "/a b/c",         "/per%cent",    "/dollar$HOME/${x}",
					     "/quo\"te",       "/back\\slash", "/it's",
					     "/h\xc3\xa4user", "/a\\nb%%$$" };

	(void)state;
	for (size_t i = 0; i < sizeof(paths) / sizeof(*paths); i++) {
		_cleanup_free_ char *socket = NULL, *service = NULL, *base = NULL, *tokens = NULL;

		values_reset();
		values[BASE].value = values[TOKENS].value = values[STATE].value = paths[i];
		assert_int_equal(unit_make(&gate_service, values, &socket, &service, NULL), 0);
		base = unit_exec_word(service, "--base-path=");
		tokens = unit_exec_word(service, "--token-file=");
		assert_string_equal(base, paths[i]);
		assert_string_equal(tokens, paths[i]);
	}
}

static void refused(unsigned which, const char *value)
{
	char *socket = NULL, *service = NULL;
	struct problem why = {};

	values_reset();
	values[which].value = value;
	assert_int_equal(unit_make(&gate_service, values, &socket, &service, &why), -EINVAL);
	assert_null(socket);
	assert_true(*why.text);
}

static void what_no_unit_can_hold_is_refused(void **state)
{
	static const char *const bad[] = { "/a\nExecStartPre=/bin/sh",
					   "/a\rb",
					   "/a\x01",
					   "/a\x7f",
					   "/a\xff",
					   "/cut\xc3",
					   "relative",
					   "" };
	static const char *const addresses[] = { "localhost", "127.0.0.1\n", "", "1.2.3.4:5" };
	struct problem why;
	char at[UNIT_TCP];

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
		for (unsigned which = BASE; which <= PROGRAM; which++)
			refused(which, bad[i]);
	refused(PROGRAM, "/with space/terok-gate");
	refused(LISTEN, "/run/a\nListenStream=1");
	assert_int_equal(unit_tcp("127.0.0.1", 0, at, &why), -EINVAL);
	assert_int_equal(unit_tcp("127.0.0.1", 65536, at, &why), -EINVAL);
	for (size_t i = 0; i < sizeof(addresses) / sizeof(*addresses); i++)
		assert_int_equal(unit_tcp(addresses[i], 1, at, &why), -EINVAL);
	assert_int_equal(unit_tcp("::1", 65535, at, &why), 0);
	assert_string_equal(at, "[::1]:65535");
}

static void a_version_is_in_the_first_line(void **state)
{
	static const struct {
		const char *text;
		int version;
		bool marked;
	} rows[] = {
		{ "# terok-gate-version: 6\n[Unit]\n", 6, true },
		{ "# terok-gate-version: 13", 13, true },
		{ "# terok-gate-version: 13\r\n", 13, true },
		{ "# terok-gate-version:\n", -ENOENT, true },
		{ "# terok-gate-version: 13b\n", -ENOENT, true },
		{ "# terok-gate-version: -1\n", -ENOENT, true },
		{ "# terok-gate-version: 999999999999\n", -ENOENT, true },
		{ "[Unit]\n# terok-gate-version: 13\n", -ENOENT, false },
		{ "\n# terok-gate-version: 13\n", -ENOENT, false },
		{ "# terok-credential-proxy-version: 13\n", -ENOENT, false },
		{ "", -ENOENT, false },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		assert_int_equal(unit_version(rows[i].text, MARK), rows[i].version);
		assert_int_equal(unit_marked(rows[i].text, MARK), rows[i].marked);
	}
}

static void listens(const char *line, const char *address, unsigned port)
{
	_cleanup_free_ char *at = NULL;
	unsigned got = 1;

	at = unit_listen(line, &got);
	if (address)
		assert_string_equal(at, address);
	else
		assert_null(at);
	assert_int_equal(got, port);
}

static void where_a_socket_unit_listens(void **state)
{
	(void)state;
	listens("[Socket]\nListenStream=127.0.0.1:9418\n", "127.0.0.1", 9418);
	listens("ListenStream=[::1]:80", "::1", 80);
	listens("ListenStream= 99\n", "::", 99);
	listens("ListenStream=/run/gate.sock\n", "/run/gate.sock", 0);
	listens("ListenStream=%t/gate.sock\n", "%t/gate.sock", 0);
	listens("ListenStream=127.0.0.1:\n", NULL, 0);
	listens("ListenStream=127.0.0.1:x\n", NULL, 0);
	listens("ListenStream=127.0.0.1:99999\n", NULL, 0);
	listens("ListenStream=\n", NULL, 0);
	listens("#ListenStream=127.0.0.1:1\n", NULL, 0);
	listens("ListenStream=]:1\n", "]", 1);
	listens("ListenStream=[:1\n", "", 1);
	/* one that has a port goes before those that have none */
	listens("ListenStream=/run/a.sock\nListenStream=127.0.0.1:7\nListenStream=8\n", "127.0.0.1",
		7);
	listens("ListenStream=/run/a.sock\nListenStream=/run/b.sock\n", "/run/a.sock", 0);
}

/* --- the folder ------------------------------------------------------------------------ */

static void put(const char *dir, const char *name, const char *text)
{
	_cleanup_free_ char *path = NULL;
	_cleanup_fclose_ FILE *file = NULL;

	assert_true(asprintf(&path, "%s/%s", dir, name) > 0);
	file = fopen(path, "we");
	assert_non_null(file);
	fputs(text, file);
}

static int note(const char *name, void *user)
{
	strcat(user, name);
	strcat(user, " ");
	return 0;
}

static void what_has_the_mark_in_its_first_line_is_a_gates(void **state)
{
	char dir[] = "/tmp/test_gate_unit.XXXXXX", found[256] = "", command[64];

	(void)state;
	assert_non_null(mkdtemp(dir));
	put(dir, "terok-gate@.service", "# terok-gate-version: 6\n");
	put(dir, gate_service.socket, "# terok-gate-version: 6\n");
	put(dir, gate_service.unit, "# terok-gate-version: 6\n");
	put(dir, "terok-gate-mine.service", "[Unit]\n# terok-gate-version: 6\n"); /* a person's */
	put(dir, "terok-gatekeeper.service", "# terok-gatekeeper-version: 6\n");
	put(dir, "other.service", "# terok-gate-version: 6\n");
	unit_dir_orphans(&gate_service, dir, note, found);
	assert_string_equal(found, "terok-gate@.service ");
	assert_int_equal(unit_dir_orphans(&gate_service, "/nonexistent", note, found), 0);
	snprintf(command, sizeof(command), "rm -r %s", dir);
	assert_int_equal(system(command), 0);
}

static void in(const char *config, const char *home, int r)
{
	_cleanup_free_ char *path = NULL;
	struct problem why = {};

	if (config)
		setenv("XDG_CONFIG_HOME", config, 1);
	else
		unsetenv("XDG_CONFIG_HOME");
	setenv("HOME", home, 1);
	path = unit_dir_path(&gate_service);
	assert_non_null(path);
	assert_int_equal(unit_dir_check(&gate_service, path, &why), r);
	assert_int_equal(!*why.text, !r);
}

static void units_are_in_the_home_or_nowhere(void **state)
{
	char dir[] = "/tmp/test_gate_unit.XXXXXX", path[64], other[64];

	(void)state;
	if (!getuid()) { /* root is refused before anything else, anywhere */
		in(NULL, "/tmp", -EPERM);
		assert_int_equal(seteuid(NOBODY), 0);
	}
	assert_non_null(mkdtemp(dir));
	snprintf(path, sizeof(path), "%s/home", dir);
	assert_int_equal(mkdir(path, 0700), 0);
	in(NULL, path, 0);
	snprintf(other, sizeof(other), "%s/home/conf", dir);
	in(other, path, 0);
	snprintf(other, sizeof(other), "%s/homes", dir); /* no home for beginning as it does */
	assert_int_equal(mkdir(other, 0700), 0);
	in(other, path, -EPERM);
	assert_int_equal(rmdir(other), 0);
	snprintf(other, sizeof(other), "%s/home/../x", dir);
	in(other, path, -EPERM);
	snprintf(other, sizeof(other), "%s/home/out", dir); /* a link that leads out */
	assert_int_equal(symlink(dir, other), 0);
	in(other, path, -EPERM);
	in("/etc", path, -EPERM);
	in("/", "/", -EPERM);
	assert_int_equal(unlink(other), 0);
	assert_int_equal(rmdir(path), 0);
	assert_int_equal(rmdir(dir), 0);
	assert_int_equal(seteuid(getuid()), 0);
}

/* --- pid files ------------------------------------------------------------------------- */

static char pid_path[64];

static void write_pid(const char *text)
{
	_cleanup_fclose_ FILE *file = fopen(pid_path, "we");

	assert_non_null(file);
	fputs(text, file);
}

/* A process with these words, which has them when this returns, and lives until it is killed. */
static pid_t process(const char *word, const char *next)
{
	int begun[2], input[2];
	char byte;
	pid_t pid;

	assert_int_equal(pipe2(begun, O_CLOEXEC), 0);
	assert_int_equal(pipe2(input, O_CLOEXEC), 0);
	pid = fork();
	if (!pid) {
		dup2(input[0], 0);
		execlp("sh", "sh", "-c", "read line", word, next, NULL);
		_exit(127);
	}
	assert_true(pid > 0);
	close(begun[1]);
	close(input[0]); /* the other end stays open, so that it waits */
	assert_int_equal(read(begun[0], &byte, 1), 0); /* closed by exec() */
	close(begun[0]);
	return pid;
}

static enum pid_state state_of(pid_t pid)
{
	_cleanup_pid_ struct pid_process found = PID_PROCESS_NONE;
	char text[32];

	snprintf(text, sizeof(text), "%d", pid);
	write_pid(text);
	return pid_file_read(pid_path, &found, NULL);
}

static void end(pid_t pid)
{
	siginfo_t info;

	kill(pid, SIGKILL);
	assert_int_equal(waitid(P_PID, pid, &info, WEXITED | WNOWAIT), 0);
	assert_int_equal(state_of(pid), PID_DEAD); /* also before anybody has waited for it */
	assert_int_equal(waitpid(pid, NULL, 0), pid);
	assert_int_equal(state_of(pid), PID_DEAD);
}

static void a_pid_file_is_of_a_process_that_names_it(void **state)
{
	_cleanup_pid_ struct pid_process found = PID_PROCESS_NONE;
	char option[100];
	pid_t pid;

	(void)state;
	snprintf(pid_path, sizeof(pid_path), "/tmp/test_gate_unit.%d", getpid());
	assert_int_equal(pid_file_read(pid_path, &found, NULL), PID_NONE);

	snprintf(option, sizeof(option), "--pid-file=%s", pid_path);
	pid = process(option, NULL);
	assert_int_equal(state_of(pid), PID_OURS);
	end(pid);
	pid = process("--pid-file", pid_path);
	assert_int_equal(state_of(pid), PID_OURS);
	end(pid);

	strcat(option, ".other"); /* of another file */
	pid = process(option, NULL);
	assert_int_equal(state_of(pid), PID_FOREIGN);
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	assert_int_equal(state_of(getpid()), PID_FOREIGN);
	assert_int_equal(state_of(1), PID_FOREIGN);

	write_pid("12x");
	assert_int_equal(pid_file_read(pid_path, &found, NULL), PID_FOREIGN);
	write_pid("");
	assert_int_equal(pid_file_read(pid_path, &found, NULL), PID_FOREIGN);
	write_pid("-1");
	assert_int_equal(pid_file_read(pid_path, &found, NULL), PID_FOREIGN);
	write_pid("99999999999");
	assert_int_equal(pid_file_read(pid_path, &found, NULL), PID_FOREIGN);
	unlink(pid_path);
	assert_int_equal(symlink("/proc/self/stat", pid_path), 0);
	assert_int_equal(pid_file_read(pid_path, &found, NULL), -ELOOP);
	unlink(pid_path);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(units_say_what_they_were_made_of),
		cmocka_unit_test(a_path_of_any_characters_is_read_as_it_was),
		cmocka_unit_test(what_no_unit_can_hold_is_refused),
		cmocka_unit_test(a_version_is_in_the_first_line),
		cmocka_unit_test(where_a_socket_unit_listens),
		cmocka_unit_test(what_has_the_mark_in_its_first_line_is_a_gates),
		cmocka_unit_test(units_are_in_the_home_or_nowhere),
		cmocka_unit_test(a_pid_file_is_of_a_process_that_names_it),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
