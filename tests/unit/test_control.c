// SPDX-License-Identifier: Apache-2.0
/*
 * test_control.c - user/control.c: who may say what to the core, and nobody can hold it up
 *
 * The server is a child of each test, in which guard numbers say what is to become of a word; it
 * tells of those who went before they were answered. Users are processes that became one. On a
 * kernel before 6.16 nobody refuses the files that a peer sends: every test is run once more with a
 * server that is told so.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <dirent.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <seccomp.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

#include "base/cleanup.h"
#include "base/packet.h"
#include "base/signals.h"
#include "base/sock.h"
#include "control.h"

#define USER    4242
#define SOON_NS (5 * SECOND_NS)
#define ANSWER  1 /* guard numbers: answered at once, */
#define HOLD    2 /* never, */
#define PAGE    3 /* with a full page, */
#define TOO_FAR 4 /* with eight, */
#define REFUSE  5 /* with an error */

struct world {
	char folder[32];
	pid_t server;
	int news; /* a token for each that had gone */
};

static struct control *control;
static struct loop *loop;

static void reply_many(uint64_t token, unsigned n)
{
	struct control_packet packet = { .type = CONTROL_DONE };

	for (packet.DONE.guard = 0; packet.DONE.guard < n; packet.DONE.guard++)
		control_reply(control, token, &packet);
}

static void on_word(const struct control_caller *caller, const struct control_packet *word,
		    void *user)
{
	struct problem why = { "so it is" };

	(void)user;
	if (word->CHANGED.guard == ANSWER)
		control_done(control, caller->token, 0, 77, NULL);
	else if (word->CHANGED.guard == REFUSE)
		control_done(control, caller->token, -EBUSY, 0, &why);
	else if (word->CHANGED.guard != HOLD)
		reply_many(caller->token, CONTROL_PAGE * (word->CHANGED.guard == TOO_FAR ? 8 : 1));
	if (word->CHANGED.guard == PAGE || word->CHANGED.guard == TOO_FAR)
		control_done(control, caller->token, 0, 0, NULL);
}

static void on_gone(uint64_t token, void *user)
{
	if (write(*(int *)user, &token, sizeof(token)) != sizeof(token))
		_exit(1);
}

static int on_end(struct signals *signals, int signal)
{
	(void)signals;
	(void)signal;
	loop_stop(loop);
	return 0;
}

/* No socket of ours refuses files: as a kernel before 6.16 has it. */
static int be_old(void)
{
	scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ALLOW);

	return !filter ||
	       seccomp_rule_add(filter, SCMP_ACT_ERRNO(ENOPROTOOPT), SCMP_SYS(setsockopt), 1,
				SCMP_A2(SCMP_CMP_EQ, 83 /* SO_PASSRIGHTS */)) ||
	       seccomp_load(filter);
}

static void __attribute__((__noreturn__)) serve(int news, int ready, bool old)
{
	static const struct control_events events = { .word = on_word, .gone = on_gone };
	struct signals signals = {};

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (old && be_old())
		_exit(1);
	if (loop_new(&loop) || signals_add(loop, &signals, NULL, on_end) ||
	    control_serve(loop, &events, &news, &control, NULL))
		_exit(1);
	close(ready);
	loop_run(loop);
	control_free(control);
	_exit(0);
}

static int set_up_as(void **state, bool old)
{
	struct world *world = calloc(1, sizeof(*world));
	int news[2], ready[2];
	char byte;

	strcpy(world->folder, "/tmp/test_control.XXXXXX");
	if (!mkdtemp(world->folder) || chmod(world->folder, 0755) || pipe(news) || pipe(ready))
		return -1;
	setenv("TEROK_RUN", world->folder, 1);
	world->server = fork();
	if (!world->server) {
		close(ready[0]);
		serve(news[1], ready[1], old);
	}
	close(news[1]);
	close(ready[1]);
	world->news = news[0];
	*state = world;
	return read(ready[0], &byte, 1) || close(ready[0]) ? -1 : 0;
}

static int set_up(void **state)
{
	return set_up_as(state, false);
}

static int set_up_old(void **state)
{
	return set_up_as(state, true);
}

static int tear_down(void **state)
{
	struct world *world = *state;

	if (world->server) {
		kill(world->server, SIGKILL);
		waitpid(world->server, NULL, 0);
	}
	setenv("TEROK_RUN", world->folder, 1); /* a test may have named another */
	unlink(control_path());
	rmdir(world->folder);
	close(world->news);
	free(world);
	return 0;
}

static uint64_t soon(void)
{
	return now_boot_ns() + SOON_NS;
}

static int connected(void)
{
	int fd = packet_connect(control_path(), soon());

	assert_true(fd >= 0);
	return fd;
}

/* Says a word that names @guard; the connection. */
static int said(uint32_t guard)
{
	struct control_packet word = { .type = CONTROL_CHANGED,
				       .version = CONTROL_VERSION,
				       .CHANGED.guard = guard };
	int fd = connected();

	assert_int_equal(packet_send(fd, &word, control_msg_size(word.type), soon()), 0);
	return fd;
}

/* The result of the one reply that comes; the connection ends behind it. */
static int result_of(int fd)
{
	struct control_packet reply;

	assert_int_equal(packet_receive(fd, &reply, sizeof(reply), soon()),
			 control_msg_size(CONTROL_DONE));
	assert_true(control_msg_check(&reply, control_msg_size(CONTROL_DONE)));
	assert_int_equal(packet_receive(fd, &reply, sizeof(reply), soon()), 0);
	close(fd);
	return reply.DONE.result;
}

/* In a process that is user USER; what @fn returned. */
static int as_user(int (*fn)(void))
{
	pid_t pid;
	int status;

	if (geteuid()) {
		puts("only root can become another user");
		skip();
	}
	pid = fork();
	assert_true(pid >= 0);
	if (!pid) {
		alarm(20);
		_exit(setgid(USER) || setuid(USER) ? 99 : fn());
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	return WEXITSTATUS(status);
}

static void a_word_is_answered(void **state)
{
	struct control_ask ask = { .word = { .type = CONTROL_CHANGED, .CHANGED.guard = ANSWER } };
	struct problem why = {};
	uint32_t guard = 0;

	(void)state;
	assert_int_equal(control_ask(&ask, &guard, &why), 0);
	assert_int_equal(guard, 77);
	assert_string_equal(why.text, "");
	ask.word.CHANGED.guard = REFUSE;
	assert_int_equal(control_ask(&ask, &guard, &why), -EBUSY);
	assert_string_equal(why.text, "so it is");
	assert_int_equal(control_notify(ANSWER), 0);
}

static void without_an_agent_it_is_said(void **state)
{
	(void)state;
	setenv("TEROK_RUN", "/nowhere/at/all", 1);
	assert_int_equal(control_notify(ANSWER), -ENOENT);
}

static int user_changes(void)
{
	return -control_notify(ANSWER);
}

static void what_is_roots_no_user_may_say(void **state)
{
	(void)state;
	assert_int_equal(as_user(user_changes), EPERM);
	assert_int_equal(control_notify(ANSWER), 0); /* the control */
}

static void what_is_no_word_closes(void **state)
{
	const struct control_packet good = { .type = CONTROL_CHANGED, .version = CONTROL_VERSION };
	struct control_packet bad = good, reply;
	const unsigned size = control_msg_size(good.type);
	const unsigned sizes[] = { 1, CONTROL_HEAD, size - 1, size + 1, sizeof(bad) };
	int fd;

	(void)state;
	for (unsigned i = 0; i < sizeof(sizes) / sizeof(*sizes); i++) {
		fd = connected();
		assert_int_equal(packet_send(fd, &good, sizes[i], soon()), 0);
		assert_int_equal(packet_receive(fd, &reply, sizeof(reply), soon()), 0);
		close(fd);
	}
	for (uint32_t type = 0; type < CONTROL_REPLY_MAX_ + 2; type++) {
		bad.type = type;
		if (control_msg_may(type))
			continue;
		fd = connected();
		assert_int_equal(
		    packet_send(fd, &bad, control_msg_size(type) ?: CONTROL_HEAD, soon()), 0);
		assert_int_equal(packet_receive(fd, &reply, sizeof(reply), soon()), 0);
		close(fd);
	}
	bad = good;
	bad.version = CONTROL_VERSION + 1;
	fd = connected();
	assert_int_equal(packet_send(fd, &bad, size, soon()), 0);
	assert_int_equal(packet_receive(fd, &reply, sizeof(reply), soon()), 0);
	close(fd);
	assert_int_equal(control_notify(ANSWER), 0); /* the control */
}

static void who_says_nothing_is_closed_in_a_second(void **state)
{
	uint64_t before = now_boot_ns(), took;
	struct control_packet reply;
	int fd = connected();

	(void)state;
	assert_int_equal(packet_receive(fd, &reply, sizeof(reply), soon()), 0);
	took = now_boot_ns() - before;
	assert_in_range(took, CONTROL_SILENT_NS, 3 * CONTROL_SILENT_NS);
	close(fd);
}

static void who_goes_before_the_answer_is_told_of(void **state)
{
	struct world *world = *state;
	struct pollfd news = { .fd = world->news, .events = POLLIN };
	uint64_t token = 0;
	int fd = said(HOLD);

	close(fd);
	assert_int_equal(poll(&news, 1, 5000), 1);
	assert_int_equal(read(world->news, &token, sizeof(token)), sizeof(token));
	assert_true(token);
	/* who was answered, or refused, is not told of */
	assert_int_equal(control_notify(ANSWER), 0);
	assert_int_equal(control_notify(REFUSE), -EBUSY);
	assert_int_equal(poll(&news, 1, 100), 0);
}

static void a_second_word_is_not_heard(void **state)
{
	struct control_packet word = { .type = CONTROL_CHANGED,
				       .version = CONTROL_VERSION,
				       .CHANGED.guard = ANSWER };
	int fd = said(HOLD);

	(void)state;
	packet_send(fd, &word, control_msg_size(word.type), soon());
	assert_int_equal(packet_receive(fd, &word, sizeof(word), now_boot_ns() + SECOND_NS / 5),
			 -ETIMEDOUT);
	close(fd);
}

static int user_fills_its_share(void)
{
	int fd[CONTROL_PEERS_UID + 1];

	for (int i = 0; i < CONTROL_PEERS_UID; i++) {
		fd[i] = packet_connect(control_path(), soon());
		if (fd[i] < 0)
			return 1;
	}
	fd[CONTROL_PEERS_UID] = packet_connect(control_path(), soon());
	if (result_of(fd[CONTROL_PEERS_UID]) != -EAGAIN)
		return 2;
	close(fd[0]); /* the control: there is room for another, when the server has seen it */
	for (int i = 0; i < 100; i++) {
		int r = control_notify(ANSWER);

		if (r != -ETIMEDOUT)
			return r == -EPERM ? 0 : 3;
	}
	return 4;
}

static void one_user_has_a_share_and_no_more(void **state)
{
	(void)state;
	assert_int_equal(as_user(user_fills_its_share), 0);
}

static void users_leave_room_for_root(void **state)
{
	pid_t users[CONTROL_PEERS / CONTROL_PEERS_UID];
	int pipes[2];
	char byte;

	(void)state;
	if (geteuid()) {
		puts("only root can become another user");
		skip();
	}
	assert_int_equal(pipe(pipes), 0);
	for (unsigned u = 0; u < sizeof(users) / sizeof(*users); u++) {
		users[u] = fork();
		if (users[u])
			continue;
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (setgid(USER) || setuid(USER + u))
			_exit(1);
		for (int i = 0; i < CONTROL_PEERS_UID; i++)
			packet_connect(control_path(), soon());
		if (write(pipes[1], "", 1) == 1)
			pause();
		_exit(1);
	}
	for (unsigned u = 0; u < sizeof(users) / sizeof(*users); u++)
		assert_int_equal(read(pipes[0], &byte, 1), 1);
	assert_int_equal(control_notify(ANSWER), 0);
	for (unsigned u = 0; u < sizeof(users) / sizeof(*users); u++) {
		kill(users[u], SIGKILL);
		waitpid(users[u], NULL, 0);
	}
	close(pipes[0]);
	close(pipes[1]);
}

static unsigned replies_until_the_end(int fd)
{
	struct control_packet reply;
	unsigned n = 0;

	while (packet_receive(fd, &reply, sizeof(reply), soon()) > 0)
		n++;
	close(fd);
	return n;
}

static void a_page_is_kept_for_who_is_slow_and_no_more(void **state)
{
	int slow = said(PAGE), far = said(TOO_FAR);

	(void)state;
	/* neither has taken anything, and the server serves on */
	assert_int_equal(control_notify(ANSWER), 0);
	assert_int_equal(replies_until_the_end(slow), CONTROL_PAGE + 1);
	assert_in_range(replies_until_the_end(far), 1, 8 * CONTROL_PAGE - 1);
}

/* Closing a descriptor can take as long as its maker likes, so none gets in. */
static void descriptors_are_not_taken(void **state)
{
	struct control_packet packet = { .type = CONTROL_CHANGED,
					 .version = CONTROL_VERSION,
					 .CHANGED.guard = ANSWER };
	union {
		struct cmsghdr head;
		char room[CMSG_SPACE(sizeof(int))];
	} with = { .head = { .cmsg_level = SOL_SOCKET,
			     .cmsg_type = SCM_RIGHTS,
			     .cmsg_len = CMSG_LEN(sizeof(int)) } };
	struct iovec bytes = { &packet, control_msg_size(packet.type) };
	struct msghdr msg = { .msg_iov = &bytes,
			      .msg_iovlen = 1,
			      .msg_control = &with,
			      .msg_controllen = sizeof(with.room) };
	int fd = connected(), no_kernel = sock_no_fds(fd), stdin_fd = 0;

	(void)state;
	if (no_kernel == -ENOPROTOOPT) {
		puts("this kernel is older than 6.16, and takes them");
		close(fd);
		skip();
	}
	memcpy(CMSG_DATA(&with.head), &stdin_fd, sizeof(stdin_fd));
	assert_int_equal(sendmsg(fd, &msg, MSG_NOSIGNAL), -1);
	assert_int_equal(errno, EPERM);
	msg.msg_control = NULL; /* the control: the same word alone */
	msg.msg_controllen = 0;
	assert_true(sendmsg(fd, &msg, MSG_NOSIGNAL) > 0);
	assert_int_equal(result_of(fd), 0);
}

/* A server of loopback's that takes nothing; it stays open, or it would all be over. */
static struct sockaddr_in silent_server(void)
{
	struct sockaddr_in sin = { .sin_family = AF_INET, .sin_addr = { htonl(INADDR_LOOPBACK) } };
	socklen_t size = sizeof(sin);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	assert_int_equal(bind(fd, (struct sockaddr *)&sin, size), 0);
	assert_int_equal(listen(fd, 1), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&sin, &size), 0);
	return sin;
}

/* Bytes that nobody takes, and a long wait at their end. */
static int lingering(const struct sockaddr_in *sin)
{
	const struct linger minute = { .l_onoff = 1, .l_linger = 60 };
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	static char bytes[1 << 16];

	if (fd < 0 || connect(fd, (const struct sockaddr *)sin, sizeof(*sin)) ||
	    setsockopt(fd, SOL_SOCKET, SO_LINGER, &minute, sizeof(minute)))
		_exit(99);
	while (send(fd, bytes, sizeof(bytes), MSG_DONTWAIT) > 0)
		;
	return fd;
}

/* In a process of its own: one that ends does not linger, should it be the last that has it. */
static int send_file(const struct control_packet *word, int fd, int file)
{
	union {
		struct cmsghdr head;
		char room[CMSG_SPACE(sizeof(int))];
	} with = { .head = { .cmsg_level = SOL_SOCKET,
			     .cmsg_type = SCM_RIGHTS,
			     .cmsg_len = CMSG_LEN(sizeof(int)) } };
	struct iovec bytes = { (void *)word, control_msg_size(CONTROL_CHANGED) };
	struct msghdr msg = { .msg_iov = &bytes,
			      .msg_iovlen = 1,
			      .msg_control = &with,
			      .msg_controllen = sizeof(with.room) };

	memcpy(CMSG_DATA(&with.head), &file, sizeof(file));
	return sendmsg(fd, &msg, MSG_NOSIGNAL) > 0 ? 0 : errno;
}

/* Says @word with such a connection, of which we keep nothing. */
static int said_with_file(const struct control_packet *word, int fd)
{
	const struct sockaddr_in sin = silent_server();
	int status;
	pid_t pid;

	pid = fork();
	if (!pid)
		_exit(send_file(word, fd, lingering(&sin)));
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	return -WEXITSTATUS(status);
}

static void assert_others_are_served(void)
{
	uint64_t before = now_boot_ns();

	assert_int_equal(control_notify(ANSWER), 0);
	assert_true(now_boot_ns() - before < SECOND_NS);
}

static unsigned files_of(pid_t pid)
{
	char path[40];
	unsigned n = 0;
	DIR *dir;

	snprintf(path, sizeof(path), "/proc/%d/fd", pid);
	dir = opendir(path);
	assert_non_null(dir);
	while (readdir(dir))
		n++;
	closedir(dir);
	return n;
}

/*
 * With a word that is answered, that is held, that is none; behind a word; unheard; and many with
 * who is over their share.
 */
static void files_that_take_long_to_close_hold_up_nobody(void **state)
{
	struct control_packet word = { .type = CONTROL_CHANGED, .version = CONTROL_VERSION };
	static const uint32_t guards[] = { ANSWER, HOLD, REFUSE };
	const struct world *world = *state;
	unsigned files = files_of(world->server);
	int fd;

	for (unsigned i = 0; i < sizeof(guards) / sizeof(guards[0]); i++) {
		word.CHANGED.guard = guards[i];
		fd = connected();
		assert_int_equal(said_with_file(&word, fd), 0);
		if (guards[i] != HOLD)
			assert_int_equal(result_of(fd), guards[i] == ANSWER ? 0 : -EBUSY);
		else
			close(fd);
		assert_others_are_served();
	}
	fd = said(HOLD);
	for (int i = 0; i < 4; i++)
		assert_int_equal(said_with_file(&word, fd), 0);
	close(fd);
	assert_others_are_served();
	word.version++; /* nonsense */
	for (int i = 0; i < 100; i++) {
		fd = connected();
		said_with_file(&word, fd);
		close(fd);
		assert_others_are_served();
	}
	for (int ms = 0; files_of(world->server) > files && ms < 5000; ms++)
		poll(NULL, 0, 1);
	assert_int_equal(files_of(world->server), files); /* and they are closed, soon */
}

static pid_t child_of(pid_t pid)
{
	char path[64];
	int child = 0;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/task/%d/children", pid, pid);
	f = fopen(path, "re");
	assert_non_null(f);
	if (fscanf(f, "%d", &child) != 1)
		child = 0;
	fclose(f);
	return child;
}

static void what_waits_for_who_closes_waits_for_the_next(void **state)
{
	struct control_packet word = { .type = CONTROL_CHANGED,
				       .version = CONTROL_VERSION,
				       .CHANGED.guard = ANSWER };
	const struct world *world = *state;
	unsigned files = files_of(world->server);
	pid_t closer = child_of(world->server);
	int fd;

	assert_true(closer > 0);
	kill(closer, SIGKILL);
	for (int i = 0; i < 4; i++) {
		fd = connected();
		assert_int_equal(said_with_file(&word, fd), 0);
		assert_int_equal(result_of(fd), 0);
	}
	assert_others_are_served();
	for (int ms = 0; (!child_of(world->server) || files_of(world->server) > files) && ms < 5000;
	     ms++)
		poll(NULL, 0, 1);
	assert_int_not_equal(child_of(world->server), closer);
	assert_int_equal(files_of(world->server), files);
}

/* They are all in the backlog, and nobody has accepted them. */
static void a_server_that_ends_is_not_held_up_either(void **state)
{
	struct control_packet word = { .type = CONTROL_CHANGED, .version = CONTROL_VERSION };
	struct world *world = *state;
	int fd[4], status;

	kill(world->server, SIGSTOP);
	for (int i = 0; i < 4; i++) {
		fd[i] = connected();
		assert_int_equal(said_with_file(&word, fd[i]), 0);
		close(fd[i]);
	}
	kill(world->server, SIGTERM);
	kill(world->server, SIGCONT);
	alarm(10);
	assert_int_equal(waitpid(world->server, &status, 0), world->server);
	alarm(0);
	world->server = 0;
	assert_int_equal(status, 0);
}

static void a_full_backlog_of_a_stopped_agent_has_an_end(void **state)
{
	struct world *world = *state;
	int waiting[512], n = 0;

	kill(world->server, SIGSTOP);
	while (n < 512 &&
	       (waiting[n] = packet_connect(control_path(), now_boot_ns() + SECOND_NS / 10)) >= 0)
		n++;
	assert_int_equal(waiting[n], -ETIMEDOUT);
	alarm(10); /* ends the test where there is no end */
	assert_int_equal(control_notify(1), -ETIMEDOUT);
	alarm(0);
	while (n)
		closep(&waiting[--n]);
}

static void a_stopped_agent_is_not_waited_for(void **state)
{
	struct world *world = *state;
	uint64_t before = now_boot_ns();

	kill(world->server, SIGSTOP);
	assert_int_equal(control_notify(ANSWER), -ETIMEDOUT);
	assert_in_range(now_boot_ns() - before, SECOND_NS, 4 * SECOND_NS);
	kill(world->server, SIGCONT);
	assert_int_equal(control_notify(ANSWER), 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
#define OLD(name)                                                                                  \
	{                                                                                          \
#name " before 6.16", name, set_up_old, tear_down, NULL                            \
	}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_word_is_answered),
		TEST(without_an_agent_it_is_said),
		TEST(what_is_roots_no_user_may_say),
		TEST(what_is_no_word_closes),
		TEST(who_says_nothing_is_closed_in_a_second),
		TEST(who_goes_before_the_answer_is_told_of),
		TEST(a_second_word_is_not_heard),
		TEST(one_user_has_a_share_and_no_more),
		TEST(users_leave_room_for_root),
		TEST(a_page_is_kept_for_who_is_slow_and_no_more),
		TEST(descriptors_are_not_taken),
		TEST(a_full_backlog_of_a_stopped_agent_has_an_end),
		TEST(a_stopped_agent_is_not_waited_for),
		OLD(a_word_is_answered),
		OLD(what_is_roots_no_user_may_say),
		OLD(what_is_no_word_closes),
		OLD(who_says_nothing_is_closed_in_a_second),
		OLD(who_goes_before_the_answer_is_told_of),
		OLD(a_second_word_is_not_heard),
		OLD(one_user_has_a_share_and_no_more),
		OLD(users_leave_room_for_root),
		OLD(a_page_is_kept_for_who_is_slow_and_no_more),
		OLD(a_stopped_agent_is_not_waited_for),
		OLD(files_that_take_long_to_close_hold_up_nobody),
		OLD(what_waits_for_who_closes_waits_for_the_next),
		OLD(a_server_that_ends_is_not_held_up_either),
	};

	return cmocka_run_group_tests_name("control", tests, NULL, NULL);
}
