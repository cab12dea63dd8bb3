// SPDX-License-Identifier: Apache-2.0
/*
 * test_watcher.c - user/watcher/ as a process: the test is its core, and podman
 *
 * The watcher is Anne's, in a folder in place of /run/user/4001. A monitor is a script that is
 * called conmon and has a monitor's arguments. Every wait is for a message and has an end.
 */
#include "persons.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "terok/core_msg.h"
#include "terok/dossier.h"

#define ID      "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
#define QUIET_S 1 /* for what must not come */

static char dir[64];
static int core_fd = -1, keep_fd = -1;
static pid_t watcher, monitor;

/* --- files ----------------------------------------------------------------------------- */

static const char *path_of(const char *name)
{
	static char path[4][320];
	static unsigned n;

	snprintf(path[++n % 4], sizeof(path[0]), "%s/%s", dir, name);
	return path[n % 4];
}

static void folder(const char *name)
{
	char path[320];

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	for (char *p = path + strlen(dir) + 1; (p = strchr(p, '/')); *p++ = '/') {
		*p = '\0';
		if (!mkdir(path, 0700))
			assert_int_equal(chown(path, ANNE, ANNE), 0);
	}
	if (!mkdir(path, 0700))
		assert_int_equal(chown(path, ANNE, ANNE), 0);
}

/* As programs do that do not want half a file to be read. */
static void file(const char *name, const char *text)
{
	char beside[320];
	FILE *out;

	snprintf(beside, sizeof(beside), "%s/%s.new", dir, name);
	out = fopen(beside, "we");
	assert_non_null(out);
	assert_true(fputs(text, out) >= 0);
	assert_int_equal(fclose(out), 0);
	assert_int_equal(chown(beside, ANNE, ANNE), 0);
	assert_int_equal(rename(beside, path_of(name)), 0);
}

/* --- the watcher ----------------------------------------------------------------------- */

static void watcher_start(uint32_t uid, const char *run)
{
	struct msg_packet packet = { .type = MSG_WATCH, .WATCH = { .uid = uid } };
	int pair[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair), 0);
	watcher = fork();
	if (!watcher) {
		int fd = fcntl(pair[1], F_DUPFD_CLOEXEC, 10);

		if (dup2(fd, 3) != 3)
			_exit(98);
		execl(bpfd, "terok-bpfd", "--worker", "watcher", NULL);
		_exit(99);
	}
	close(pair[1]);
	core_fd = pair[0];
	snprintf(packet.WATCH.run, sizeof(packet.WATCH.run), "%s", run);
	assert_int_equal(send(core_fd, &packet, core_msg_size(MSG_WATCH), 0),
			 core_msg_size(MSG_WATCH));
}

/* The next message of that type; what else comes before it is passed over. */
static struct msg_packet hears(uint32_t type)
{
	struct pollfd ready = { .fd = core_fd, .events = POLLIN };
	struct msg_packet packet;

	do {
		ssize_t n;

		if (poll(&ready, 1, PERSON_MS) != 1)
			fail_msg("no message %u came", type);
		n = recv(core_fd, &packet, sizeof(packet), 0);
		if (n <= 0 || !core_msg_check(&packet, n, FROM_WATCHER))
			fail_msg("%zd bytes that are no message", n);
	} while (packet.type != type);
	return packet;
}

/* --- a container ----------------------------------------------------------------------- */

static void container_make(const char *config)
{
	folder("run/containers/overlay-containers/" ID "/userdata");
	folder("run/libpod/tmp/exits");
	folder("run/libpod/tmp/events");
	folder("home/overlay-containers/" ID "/userdata");
	file("home/overlay-containers/" ID "/userdata/config.json", config);
}

static void monitor_start(const char *name)
{
	char bundle[320], pidfile[320], exits[320];
	int pipe_fd[2];

	snprintf(bundle, sizeof(bundle), "%s/home/overlay-containers/" ID "/userdata", dir);
	snprintf(pidfile, sizeof(pidfile),
		 "%s/run/containers/overlay-containers/" ID "/userdata/pidfile", dir);
	snprintf(exits, sizeof(exits), "%s/run/libpod/tmp/exits", dir);
	assert_int_equal(pipe2(pipe_fd, O_CLOEXEC), 0);
	monitor = fork();
	if (!monitor) {
		dup2(pipe_fd[0], 0);
		if (setgid(ANNE) || setuid(ANNE))
			_exit(98);
		execl(path_of("conmon"), "conmon", "-c", ID, "-u", ID, "-b", bundle, "-p", pidfile,
		      "-n", name, "--exit-dir", exits, NULL);
		_exit(99);
	}
	close(pipe_fd[0]);
	keep_fd = pipe_fd[1];
	for (int i = 0; i < PERSON_MS; i++) { /* it cannot say that it is called so now */
		char path[40], comm[20] = "";
		FILE *in;

		snprintf(path, sizeof(path), "/proc/%d/comm", monitor);
		in = fopen(path, "re");
		if (in && fgets(comm, sizeof(comm), in) && !strcmp(comm, "conmon\n"))
			i = PERSON_MS;
		if (in)
			fclose(in);
		usleep(1000);
	}
}

static void monitor_end(void)
{
	if (monitor > 0) {
		kill(monitor, SIGKILL);
		waitpid(monitor, NULL, 0);
	}
	monitor = 0;
	if (keep_fd >= 0)
		close(keep_fd);
	keep_fd = -1;
}

static void write_pid(const char *text)
{
	file("run/containers/overlay-containers/" ID "/userdata/pidfile", text);
}

static struct msg_found container_starts(const char *config)
{
	container_make(config);
	monitor_start("one");
	write_pid("4711");
	return hears(MSG_FOUND).FOUND;
}

static int setup(void **state)
{
	FILE *script;

	(void)state;
	strcpy(dir, "/tmp/terok-watch.XXXXXX");
	assert_non_null(mkdtemp(dir));
	assert_int_equal(chmod(dir, 0755), 0);
	folder("run");
	script = fopen(path_of("conmon"), "we");
	assert_non_null(script);
	fputs("#!/bin/sh\nread line\n", script);
	assert_int_equal(fclose(script), 0);
	assert_int_equal(chmod(path_of("conmon"), 0755), 0);
	watcher_start(ANNE, path_of("run"));
	assert_int_equal(hears(MSG_SWEPT).SWEPT.running, 0);
	return 0;
}

static int teardown(void **state)
{
	char command[128];

	(void)state;
	monitor_end();
	close(core_fd);
	if (watcher > 0)
		waitpid(watcher, NULL, 0);
	snprintf(command, sizeof(command), "rm -rf %s", dir);
	return system(command);
}

/* --- tests ----------------------------------------------------------------------------- */

static void a_container_is_told_when_it_runs(void **state)
{
	struct msg_found found;

	(void)state;
	found =
	    container_starts("{\"annotations\":{\"terok.guard\":\"up\",\"dossier.task\":\"7\"}}");
	assert_int_equal(found.pid, 4711);
	assert_int_equal(found.annotated, 1);
	assert_string_equal(found.id, ID);
	assert_string_equal(found.name, "one");
	assert_string_equal(found.first, "one");
	assert_string_equal(terok_dossier_get(&found.pairs, "task"), "7");
	assert_int_equal(hears(MSG_SWEPT).SWEPT.running, 1);
}

static void one_that_ends_is_told(void **state)
{
	(void)state;
	assert_int_equal(container_starts("{}").annotated, 0);
	monitor_end();
	file("run/libpod/tmp/exits/" ID, "0");
	assert_string_equal(hears(MSG_LEFT).LEFT.id, ID);
	assert_int_equal(hears(MSG_SWEPT).SWEPT.running, 0);
}

static void podmans_events_are_followed(void **state)
{
	FILE *log;

	(void)state;
	file("run/event", ""); /* not where it looks */
	container_starts("{}");
	file("run/libpod/tmp/events/events.log", "");
	monitor_end();
	log = fopen(path_of("run/libpod/tmp/events/events.log"), "ae");
	assert_non_null(log);
	fputs("{\"ID\":\"" ID "\",\"Status\":\"died\",\"Type\":\"container\"}\n", log);
	fclose(log);
	assert_string_equal(hears(MSG_LEFT).LEFT.id, ID);
}

static void another_name_is_told(void **state)
{
	struct msg_found found;

	(void)state;
	container_starts("{}");
	file("home/overlay-containers/containers.json",
	     "[{\"id\":\"" ID "\",\"names\":[\"uno\"]}]");
	found = hears(MSG_FOUND).FOUND;
	assert_string_equal(found.name, "uno");
	assert_string_equal(found.first, "one");
	file("home/overlay-containers/containers.json",
	     "[{\"id\":\"" ID "\",\"names\":[\"a b\"]}]");
	file("home/overlay-containers/containers.json",
	     "[{\"id\":\"" ID "\",\"names\":[\"due\"]}]");
	assert_string_equal(hears(MSG_FOUND).FOUND.name, "due");
}

static void another_process_is_told(void **state)
{
	(void)state;
	container_starts("{}");
	monitor_end();
	monitor_start("one");
	write_pid("4712");
	assert_int_equal(hears(MSG_FOUND).FOUND.pid, 4712);
}

static void what_its_file_says_is_told_whenever_it_changes(void **state)
{
	struct msg_meta meta;
	char config[400];

	(void)state;
	snprintf(config, sizeof(config),
		 "{\"annotations\":{\"dossier.meta_path\":\"%s/meta.json\"}}", dir);
	container_starts(config);
	assert_int_equal(hears(MSG_META).META.there, 0);
	file("meta.json", "{\"task\":\"8\",\"empty\":\"\"}");
	meta = hears(MSG_META).META;
	assert_int_equal(meta.there, 1);
	assert_int_equal(meta.says.n, 1);
	assert_string_equal(terok_dossier_get(&meta.says, "task"), "8");
	file("meta.json", "{\"task\":\"9\"}");
	meta = hears(MSG_META).META;
	assert_string_equal(terok_dossier_get(&meta.says, "task"), "9");
	file("meta.json", "{\"task\":");
	assert_int_equal(hears(MSG_META).META.there, 0);
	file("meta.json", "{\"task\":\"10\"}");
	assert_int_equal(hears(MSG_META).META.there, 1);
	unlink(path_of("meta.json"));
	assert_int_equal(hears(MSG_META).META.there, 0);
}

/* Whatever it finds in place of a file, it neither waits nor dies. */
static void what_is_no_file_is_passed_over(void **state)
{
	static const char *const odd[] = { "/dev/zero", "/", "/proc/self/mem", "/etc/shadow" };

	(void)state;
	for (unsigned i = 0; i < sizeof(odd) / sizeof(odd[0]); i++) {
		char config[400];

		snprintf(config, sizeof(config), "{\"annotations\":{\"dossier.meta_path\":\"%s\"}}",
			 odd[i]);
		container_starts(config);
		assert_int_equal(hears(MSG_META).META.there, 0);
		monitor_end();
		file("run/libpod/tmp/exits/" ID, "0");
		hears(MSG_LEFT);
	}
	assert_int_equal(unlink(path_of("home/overlay-containers/" ID "/userdata/config.json")), 0);
	assert_int_equal(
	    mkfifo(path_of("home/overlay-containers/" ID "/userdata/config.json"), 0666), 0);
	monitor_start("one");
	write_pid("-3");
	write_pid("99999999999");
	write_pid("4713\n");
	assert_int_equal(hears(MSG_FOUND).FOUND.pid, 4713);
}

/* Another's monitor says nothing of her containers. */
static void only_her_own_monitors_are_heard(void **state)
{
	struct pollfd ready = { .fd = core_fd, .events = POLLIN };

	(void)state;
	container_make("{}");
	monitor_start("one");
	kill(monitor, SIGKILL);
	waitpid(monitor, NULL, 0);
	monitor = fork();
	if (!monitor) {
		execl(path_of("conmon"), "conmon", "-c", ID, "-u", ID, "-n", "two", "-p",
		      path_of("run/containers/overlay-containers/" ID "/userdata/pidfile"), NULL);
		_exit(99);
	}
	write_pid("4711");
	while (poll(&ready, 1, QUIET_S * 1000) == 1) {
		struct msg_packet packet;

		assert_true(recv(core_fd, &packet, sizeof(packet), 0) > 0);
		assert_int_equal(packet.type, MSG_SWEPT);
		assert_int_equal(packet.SWEPT.running, 0);
	}
}

static void assert_status(const char *want)
{
	char path[40], text[8192] = "";
	FILE *in;

	snprintf(path, sizeof(path), "/proc/%d/status", watcher);
	in = fopen(path, "re");
	assert_non_null(in);
	assert_true(fread(text, 1, sizeof(text) - 1, in) > 0);
	fclose(in);
	if (!strstr(text, want))
		fail_msg("'%s' is not in %s", want, text);
}

static void it_has_no_powers(void **state)
{
	(void)state;
	assert_status("\nUid:\t4001\t4001\t4001\t4001\n");
	assert_status("\nGid:\t65534\t65534\t65534\t65534\n");
	assert_status("\nGroups:\t \n");
	for (int i = 0; i < 2; i++) {
		assert_status("\nCapInh:\t0000000000000000\n");
		assert_status("\nCapPrm:\t0000000000000000\n");
		assert_status("\nCapEff:\t0000000000000000\n");
		assert_status("\nCapBnd:\t0000000000000000\n");
		assert_status("\nCapAmb:\t0000000000000000\n");
		assert_status("\nNoNewPrivs:\t1\n");
		assert_status("\nSeccomp:\t2\n");
		if (i)
			break;
		/* and root's is root without them */
		close(core_fd);
		waitpid(watcher, NULL, 0);
		watcher_start(0, "");
		hears(MSG_SWEPT);
		assert_status("\nUid:\t0\t0\t0\t0\n");
	}
}

static void it_ends_with_the_core(void **state)
{
	int status;

	(void)state;
	close(core_fd);
	core_fd = -1;
	assert_int_equal(waitpid(watcher, &status, 0), watcher);
	watcher = 0;
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(a_container_is_told_when_it_runs),
		T(one_that_ends_is_told),
		T(podmans_events_are_followed),
		T(another_name_is_told),
		T(another_process_is_told),
		T(what_its_file_says_is_told_whenever_it_changes),
		T(what_is_no_file_is_passed_over),
		T(only_her_own_monitors_are_heard),
		T(it_has_no_powers),
		T(it_ends_with_the_core),
	};

	test_require("test_watcher");
	programs_find();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
