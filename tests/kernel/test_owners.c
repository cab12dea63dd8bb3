// SPDX-License-Identifier: Apache-2.0
/*
 * test_owners.c - the hub in users' folders: when it is there, whom it serves, and what a user
 * who puts something in the way achieves
 *
 * Two users, 4001 and 4002, whose folders are below the world's own in place of /run/user.
 */
#include "programs.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/sock.h"
#include "cgroup.h"
#include "control.h"
#include "owner_worker.h"
#include "persons.h"

#define GET_INFO "{\"method\":\"org.varlink.service.GetInfo\"}"
#define FIRST    PERSON_SOCKET

static char folder[128], agent_log[96];

/* --- users and their guards ------------------------------------------------------------ */

static int setup(void **state)
{
	if (persons_setup(state))
		return -1;
	person_folder(ANNE, folder);
	snprintf(agent_log, sizeof(agent_log), "%s/log", world->dir);
	return 0;
}

/* What the agent logs goes to a file. */
static void agent_begin(void)
{
	int fd = open(agent_log, O_WRONLY | O_CREAT | O_APPEND, 0600), was = dup(2);

	assert_true(fd >= 0 && was >= 0);
	dup2(fd, 2);
	agent_start();
	dup2(was, 2);
	close(was);
	close(fd);
}

/* How often the agent said so. */
static unsigned logged(const char *text)
{
	_cleanup_fclose_ FILE *file = fopen(agent_log, "re");
	char line[1024];
	unsigned n = 0;

	while (file && fgets(line, sizeof(line), file))
		n += strstr(line, text) != NULL;
	return n;
}

static void await_logged(const char *text)
{
	_cleanup_close_ int fd = inotify_init1(IN_CLOEXEC);
	struct pollfd changed = { .fd = fd, .events = POLLIN };
	char buf[1024];

	assert_true(inotify_add_watch(fd, agent_log, IN_MODIFY) >= 0);
	while (!logged(text)) {
		if (poll(&changed, 1, PERSON_MS) != 1)
			fail_msg("'%s' was not said", text);
		assert_true(read(fd, buf, sizeof(buf)) > 0);
	}
}

static void await_closed(uid_t uid)
{
	char path[128];

	person_folder(uid, path);
	person_await(path, FIRST, false);
}

/* Does the hub answer @who at a place of @uid's? */
static bool is_served(uid_t who, uid_t uid, const char *place)
{
	_cleanup_close_ int fd = -1;
	const char *heard;
	char path[192];

	person_path(uid, place, path);
	fd = person_dial(who, path);
	if (fd < 0)
		return false;
	if (send(fd, GET_INFO, sizeof(GET_INFO), MSG_NOSIGNAL) != sizeof(GET_INFO))
		return false;
	heard = person_hear(fd);
	return heard && strstr(heard, "org.terok.Clearance1");
}

/* --- where it is, and when -------------------------------------------------------------- */

static void who_has_a_guard_finds_the_hub_where_clients_look(void **state)
{
	char path[192];
	struct stat st;

	(void)state;
	person_login(ANNE);
	person_login(BERT);
	person_guard(ANNE, "anne");
	agent_begin();
	person_await_open(ANNE);
	for (unsigned i = 0; i < MSG_PLACES; i++) {
		person_path(ANNE, owner_place(i), path);
		assert_int_equal(lstat(path, &st), 0);
		assert_int_equal(st.st_mode, S_IFSOCK | 0600);
		assert_int_equal(st.st_uid, ANNE);
		assert_true(is_served(ANNE, ANNE, owner_place(i)));
		*strrchr(path, '/') = '\0';
		assert_int_equal(lstat(path, &st), 0);
		assert_int_equal(st.st_mode, S_IFDIR | 0700);
		assert_int_equal(st.st_uid, ANNE);
	}
	/* who has none finds none */
	person_path(BERT, FIRST, path);
	assert_int_equal(lstat(path, &st), -1);
	person_logout(BERT);
}

static void who_logs_in_after_their_guard_finds_it_then(void **state)
{
	(void)state;
	person_guard(ANNE, "anne");
	agent_begin();
	person_login(ANNE);
	person_await_open(ANNE);
	assert_true(is_served(ANNE, ANNE, FIRST));
	/* and again, after a logout: the folder is another one */
	person_logout(ANNE);
	person_login(ANNE);
	person_await_open(ANNE);
	assert_true(is_served(ANNE, ANNE, FIRST));
}

/* In a container nothing is mounted: the folder is given to its user. */
static void a_folder_that_is_given_to_its_user_later_is_noticed(void **state)
{
	(void)state;
	person_guard(ANNE, "anne");
	agent_begin();
	assert_int_equal(mkdir(folder, 0700), 0);
	assert_int_equal(chown(folder, ANNE, ANNE), 0);
	person_await_open(ANNE);
	assert_true(is_served(ANNE, ANNE, FIRST));
	agent_end(SIGTERM);
}

static void a_first_guard_opens_and_the_last_one_closes(void **state)
{
	char number[16], path[192];
	struct stat st;

	(void)state;
	person_login(ANNE);
	agent_begin();
	person_guard(ANNE, "first");
	person_await_open(ANNE);
	person_guard(ANNE, "second");
	assert_works("detach", "first");
	assert_true(is_served(ANNE, ANNE, FIRST));
	assert_works("detach", "second");
	await_closed(ANNE);
	for (unsigned i = 0; i < MSG_PLACES; i++) {
		person_path(ANNE, owner_place(i), path);
		person_await(folder, owner_place(i), false);
	}
	snprintf(number, sizeof(number), "%u", person_guard(ANNE, "third"));
	person_await_open(ANNE);
	assert_true(is_served(ANNE, ANNE, FIRST));
	agent_end(SIGTERM);
	for (unsigned i = 0; i < MSG_PLACES; i++) {
		person_path(ANNE, owner_place(i), path);
		assert_int_equal(lstat(path, &st), -1);
	}
}

/* Its hub goes with it, a moment later. */
static void await_dead(const char *path)
{
	int fd = person_dial(ANNE, path);

	if (fd >= 0)
		assert_null(person_hear(fd));
	for (; fd >= 0; fd = person_dial(ANNE, path))
		close(fd);
	assert_int_equal(fd, -ECONNREFUSED);
}

static void a_killed_agents_sockets_are_replaced_by_the_next(void **state)
{
	char path[192], buf[1024];
	_cleanup_close_ int changes = -1;
	struct stat st;

	(void)state;
	person_login(ANNE);
	person_guard(ANNE, "anne");
	agent_begin();
	person_await_open(ANNE);
	agent_end(SIGKILL);
	person_path(ANNE, FIRST, path);
	await_dead(path);
	assert_int_equal(lstat(path, &st), 0); /* it is still there: dead */
	changes = inotify_init1(IN_CLOEXEC);
	assert_true(inotify_add_watch(changes, folder, IN_DELETE) >= 0);
	agent_begin();
	assert_true(read(changes, buf, sizeof(buf)) > 0);
	person_await_open(ANNE);
	assert_true(is_served(ANNE, ANNE, FIRST));
	assert_int_equal(logged("the hub is not"), 0);
}

static pid_t hub_pid(void)
{
	char command[96], line[64] = "";
	FILE *pipe;

	snprintf(command, sizeof(command), "pgrep -P %d -f -- '--worker hub'", agent);
	pipe = popen(command, "re");
	assert_non_null(pipe);
	assert_non_null(fgets(line, sizeof(line), pipe));
	pclose(pipe);
	return atoi(line);
}

static void a_new_hub_serves_them_too(void **state)
{
	_cleanup_close_ int before = -1;
	char path[192];

	(void)state;
	person_login(ANNE);
	person_guard(ANNE, "anne");
	agent_begin();
	person_await_open(ANNE);
	person_path(ANNE, FIRST, path);
	before = person_dial(ANNE, path);
	person_call(before, GET_INFO);
	kill(hub_pid(), SIGKILL);
	assert_null(person_hear(before));
	for (unsigned i = 0; i < MSG_PLACES; i++) /* the sockets never closed: it waits there */
		assert_true(is_served(ANNE, ANNE, owner_place(i)));
}

/* --- whom it serves ---------------------------------------------------------------------- */

static void a_users_socket_is_for_them_and_root(void **state)
{
	char path[192];

	(void)state;
	person_login(ANNE);
	person_guard(ANNE, "anne");
	person_guard(BERT, "bert");
	agent_begin();
	person_await_open(ANNE);
	person_path(ANNE, FIRST, path);
	assert_int_equal(person_dial(BERT, path), -EACCES);
	/* Anne lets everybody in; the hub does not */
	assert_int_equal(chmod(folder, 0755), 0);
	assert_int_equal(chmod(path, 0666), 0);
	assert_false(is_served(BERT, ANNE, FIRST));
	assert_true(is_served(ANNE, ANNE, FIRST));
	assert_true(is_served(0, ANNE, FIRST));
}

/* --- what is in the way ------------------------------------------------------------------ */

static int listen_here(void *arg)
{
	int *pair = arg, fd = -1;
	char byte;

	if (sock_listen(FIRST, 0600, &fd, NULL) || write(pair[1], "l", 1) != 1)
		return 1;
	return read(pair[1], &byte, 1) != 1;
}

static void a_hub_of_their_own_is_not_robbed_of_its_place(void **state)
{
	struct stat before, after;
	char path[192], byte;
	int pair[2], status;
	pid_t own;

	(void)state;
	person_login(ANNE);
	person_path(ANNE, FIRST, path);
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
	own = fork();
	if (!own)
		_exit(chdir(folder) || person_as(ANNE, listen_here, pair));
	assert_int_equal(read(pair[0], &byte, 1), 1);
	assert_int_equal(lstat(path, &before), 0);
	person_guard(ANNE, "anne");
	agent_begin();
	person_guard(ANNE, "more");
	await_logged("somebody listens there already");
	agent_end(SIGTERM);
	assert_int_equal(lstat(path, &after), 0);
	assert_int_equal(before.st_ino, after.st_ino);
	assert_int_equal(logged("somebody listens there already"), 1);
	assert_int_equal(write(pair[0], "e", 1), 1);
	assert_int_equal(waitpid(own, &status, 0), own);
	assert_int_equal(status, 0);
	close(pair[0]);
	close(pair[1]);
}

static char target[128];

static int put_link(void *arg)
{
	return symlink(target, arg) != 0;
}

static int put_file(void *arg)
{
	_cleanup_close_ int fd = open(arg, O_WRONLY | O_CREAT | O_EXCL, 0600);

	return write(fd, "mine", 4) != 4;
}

static int put_folder(void *arg)
{
	return mkdir(arg, 0700) != 0;
}

static int put_open_folder(void *arg)
{
	return mkdir(arg, 0700) || chmod(arg, 0777);
}

/* What a user may put in the way of a socket, and what is said of it. */
static const struct {
	int (*put)(void *arg);
	const char *place, *said;
} traps[] = {
	{ put_link, FIRST, "a file that is no socket is there" },
	{ put_file, FIRST, "a file that is no socket is there" },
	{ put_folder, FIRST, "a file that is no socket is there" },
	{ put_link, "terok", "a link or a mount is on the way" },
	{ put_file, "terok", "Not a directory" },
	{ put_open_folder, "terok", "a folder on the way is not that user's alone" },
};

static void what_is_in_the_way_is_neither_followed_nor_removed(void **state)
{
	char path[192], last[192];
	struct stat before, after;

	(void)state;
	snprintf(target, sizeof(target), "%s/target", world->dir);
	assert_int_equal(mkdir(target, 0777), 0);
	assert_int_equal(chmod(target, 0777), 0);
	for (unsigned i = 0; i < sizeof(traps) / sizeof(traps[0]); i++) {
		unlink(agent_log);
		person_login(ANNE);
		person_path(ANNE, traps[i].place, path);
		assert_int_equal(person_as(ANNE, traps[i].put, path), 0);
		assert_int_equal(lstat(path, &before), 0);
		snprintf(last, sizeof(last), "trap%u", i);
		person_guard(ANNE, last);
		agent_begin();
		/* each has another place that is not in the way of it */
		person_await(folder, strcmp(traps[i].place, FIRST) ? FIRST : "terok", true);
		await_logged(traps[i].said);
		agent_end(SIGTERM);
		assert_int_equal(lstat(path, &after), 0);
		assert_int_equal(before.st_ino, after.st_ino);
		assert_int_equal(before.st_mode, after.st_mode);
		assert_works("detach", last);
		person_logout(ANNE);
	}
	assert_int_equal(rmdir(target), 0); /* nothing was made in it */
}

/* A folder that is not the user's: a link, another user's, one that others may write to. */
static void a_folder_that_is_not_theirs_alone_is_left_alone(void **state)
{
	char there[192];

	(void)state;
	person_login(BERT);
	person_folder(BERT, there);
	assert_int_equal(symlink(there, folder), 0);
	person_guard(ANNE, "anne");
	agent_begin();
	assert_int_equal(unlink(folder), 0);
	assert_int_equal(mkdir(folder, 0777), 0);
	assert_int_equal(chmod(folder, 0777), 0);
	assert_int_equal(chown(folder, BERT, BERT), 0);
	assert_int_equal(chown(folder, ANNE, ANNE), 0);
	/* this one is noticed: when Bert's turn has come, Anne's was */
	person_guard(BERT, "bert");
	person_await_open(BERT);
	await_logged("is not that user's alone");
	agent_end(SIGTERM);
	assert_int_equal(logged("is not that user's alone"), 1);
	assert_int_equal(rmdir(folder), 0); /* it is empty */
	person_logout(BERT);
}

static int stop_all_of_mine(void *arg)
{
	for (;;)
		if (kill(-1, SIGSTOP) && errno != ESRCH)
			return 1;
	return arg != NULL;
}

/* What is done for a user is done as that user, who can stop it: nobody else waits for that. */
static void a_user_who_stops_what_is_theirs_stops_nobody_else(void **state)
{
	/* all processes of a user are stopped, so it is a user that nobody else has */
	uid_t own = 2000000000 + getpid();
	pid_t stopper;

	(void)state;
	person_login(own);
	person_login(BERT);
	agent_begin();
	stopper = fork();
	if (!stopper)
		_exit(person_as(own, stop_all_of_mine, NULL));
	person_guard(own, "own");
	person_guard(BERT, "bert");
	person_await_open(BERT);
	assert_true(is_served(BERT, BERT, FIRST));
	assert_works("status");
	kill(stopper, SIGKILL);
	waitpid(stopper, NULL, 0);
	agent_end(SIGTERM);
	person_logout(BERT);
	person_logout(own);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, setup, persons_teardown)
		T(who_has_a_guard_finds_the_hub_where_clients_look),
		T(who_logs_in_after_their_guard_finds_it_then),
		T(a_folder_that_is_given_to_its_user_later_is_noticed),
		T(a_first_guard_opens_and_the_last_one_closes),
		T(a_killed_agents_sockets_are_replaced_by_the_next),
		T(a_new_hub_serves_them_too),
		T(a_users_socket_is_for_them_and_root),
		T(a_hub_of_their_own_is_not_robbed_of_its_place),
		T(what_is_in_the_way_is_neither_followed_nor_removed),
		T(a_folder_that_is_not_theirs_alone_is_left_alone),
		T(a_user_who_stops_what_is_theirs_stops_nobody_else),
	};

	test_require("owners");
	programs_find();
	return cmocka_run_group_tests_name("owners", tests, NULL, NULL);
}
