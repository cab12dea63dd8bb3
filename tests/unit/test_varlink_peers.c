// SPDX-License-Identifier: Apache-2.0
/*
 * test_varlink_peers.c - base/varlink.c: peers that are slow, that leave early, that cut
 * their bytes in odd places; answers to the byte are in test_varlink.c
 *
 * Peer and server share this thread; the loop is turned by hand and nothing waits.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <errno.h>
#include <malloc.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>

#include "base/confine.h"
#include "base/sock.h"
#include "base/varlink.h"
#include "base/varlink_share.h"

#ifdef CONFINE_SANITIZED /* its header is not everywhere where it is */
size_t __sanitizer_get_current_allocated_bytes(void);
#endif

#define TURNS   256
#define BURN_NS 100000     /* of a slow call, or a bite */
#define BITE    (16 << 10) /* that is read at once */
#define NOISY   40
#define CALL    "{\"method\":\"a.b.Count\"}"
#define ONEWAY  "{\"method\":\"a.b.Count\",\"oneway\":true}"
#define LATER   "{\"method\":\"a.b.Later\"}"
#define SOON    "{\"method\":\"a.b.Later\",\"oneway\":true}"
#define BURN    "{\"method\":\"a.b.Burn\",\"oneway\":true}"

static struct loop *loop;
static struct varlink_server *server;
static size_t looked; /* at so many bytes, for a frame's end */
static char folder[32], path[64];
static int listen_fd;
static unsigned counted, gone, burnt;
static struct varlink_call *later;

/* In the place of libc's: the server's search for the end of a frame is counted. */
void *memchr(const void *bytes, int byte, size_t n)
{
	const unsigned char *p = bytes;

	for (; n--; p++) {
		looked++;
		if (*p == (unsigned char)byte)
			return (void *)p;
	}
	return NULL;
}

/* In the place of libc's: a bite is slow, and counted. */
static unsigned bites;
static bool bites_are_slow;

ssize_t recv(int fd, void *buf, size_t n, int flags)
{
	uint64_t until = now_boot_ns() + BURN_NS;

	bites += n == BITE;
	while (bites_are_slow && n == BITE && now_boot_ns() < until)
		;
	return recvfrom(fd, buf, n, flags, NULL, NULL);
}

/* Answers with its own number and a long text: a lost or repeated answer shows. */
static void run_count(struct varlink_call *call, struct json_object *parameters)
{
	char text[1024];

	(void)parameters;
	snprintf(text, sizeof(text), "{\"n\":%u,\"pad\":\"%0*d\"}", counted++, 900, 0);
	varlink_reply(call, text);
}

/* A call that takes its time. */
static void run_burn(struct varlink_call *call, struct json_object *parameters)
{
	uint64_t until = now_boot_ns() + BURN_NS;

	(void)parameters;
	while (now_boot_ns() < until)
		;
	burnt++;
	varlink_reply(call, NULL);
}

static void on_gone(void *owner)
{
	(void)owner;
	gone++;
	later = NULL;
}

static void run_later(struct varlink_call *call, struct json_object *parameters)
{
	(void)parameters;
	later = call;
	varlink_keep(call, NULL, NULL, on_gone);
}

static const struct varlink_method methods[] = { { "Count", NULL, 0, false, run_count },
						 { "Later", NULL, 0, false, run_later },
						 { "Burn", NULL, 0, false, run_burn } };
static const struct varlink_interface interfaces[] = { { "a.b", "interface a.b\n", methods, 3 } };

static int setup(void **state)
{
	static const struct varlink_info info = { "v", "p", "1", "https://example.com" };
	struct problem why = {};

	(void)state;
	counted = gone = burnt = 0;
	later = NULL;
	strcpy(folder, "/tmp/varlink_peers.XXXXXX");
	if (!mkdtemp(folder))
		return -1;
	snprintf(path, sizeof(path), "%s/sock", folder);
	if (loop_new(&loop) || sock_listen(path, 0600, &listen_fd, &why))
		return -1;
	return varlink_server_new(loop, listen_fd, &info, interfaces, 1, NULL, &server);
}

static int teardown(void **state)
{
	(void)state;
	varlink_server_free(server);
	loop_free(loop);
	close(listen_fd);
	unlink(path);
	return rmdir(folder);
}

static int turn_over(struct timer *timer)
{
	(void)timer;
	return 1;
}

static void turns(unsigned n)
{
	while (n--) {
		struct timer timer = {};

		timer_arm(loop, &timer, now_boot_ns(), turn_over); /* behind those that are due */
		assert_int_equal(loop_run(loop), 1);
	}
}

static int dial(void)
{
	int fd = sock_connect(path);

	assert_true(fd >= 0);
	return fd;
}

/* All of it, as the server takes it; false: the server hung up. */
static bool push(int fd, const char *bytes, size_t size)
{
	while (size) {
		ssize_t n = send(fd, bytes, size, MSG_DONTWAIT | MSG_NOSIGNAL);

		if (n < 0 && errno != EAGAIN)
			return false;
		bytes += n > 0 ? n : 0;
		size -= n > 0 ? n : 0;
		turns(1);
	}
	return true;
}

static bool hung_up(int fd)
{
	char byte;
	ssize_t n;

	turns(TURNS);
	n = recv(fd, &byte, 1, MSG_DONTWAIT | MSG_PEEK);
	return n == 0 || (n < 0 && errno == ECONNRESET);
}

/* A call of @size bytes, its NUL included: white space makes the length. */
static void long_call(char *buf, const char *call, size_t size)
{
	memset(buf, ' ', size);
	memcpy(buf, call, strlen(call));
	buf[size - 1] = '\0';
}

/* What a reader has heard so far; a frame may come in pieces. */
struct reader {
	char frame[2048];
	size_t n;
	unsigned frames;
};

static void hear(struct reader *reader, int fd, size_t bite)
{
	static char buf[64 << 10];
	ssize_t n = recv(fd, buf, bite, MSG_DONTWAIT);
	char head[64];

	for (ssize_t i = 0; i < n; i++) {
		assert_true(reader->n < sizeof(reader->frame));
		reader->frame[reader->n++] = buf[i];
		if (buf[i])
			continue;
		snprintf(head, sizeof(head), "{\"parameters\":{\"n\":%u,", reader->frames++);
		assert_memory_equal(reader->frame, head, strlen(head));
		assert_string_equal(reader->frame + reader->n - 5, "0\"}}");
		reader->n = 0;
	}
}

static void a_slow_reader_misses_no_answer_and_costs_little(void **state)
{
	static char calls[1000 * sizeof(CALL)];
	struct reader reader = {};
	const size_t before = mallinfo2().uordblks + mallinfo2().hblkhd;
	size_t at = 0, most = 0;
	int fd = dial();

	(void)state;
	for (size_t i = 0; i < sizeof(calls); i += sizeof(CALL))
		memcpy(calls + i, CALL, sizeof(CALL));
	/* it asks faster than it reads, so that something is pending at all times */
	while (counted < 40000) { /* 37 MiB: more than any buffer may grow to */
		ssize_t n = send(fd, calls + at, sizeof(calls) - at, MSG_DONTWAIT | MSG_NOSIGNAL);
		size_t now;

		assert_true(n > 0 || errno == EAGAIN);
		at = (at + (n > 0 ? n : 0)) % sizeof(calls);
		turns(2);
		if (counted > 300) /* its socket is full: the rest is pending */
			hear(&reader, fd, 16 << 10);
		now = mallinfo2().uordblks + mallinfo2().hblkhd;
		most = now > most ? now : most;
	}
	for (int idle = 0; idle < TURNS; idle++) {
		unsigned had = reader.frames;

		hear(&reader, fd, 64 << 10);
		turns(1);
		idle = reader.frames > had ? 0 : idle;
	}
	assert_int_equal(reader.frames, counted);
	assert_true(most < before + 4 * VARLINK_OUT_MAX);
	close(fd);
}

static void a_frames_limit_is_the_same_wherever_its_bytes_were_cut(void **state)
{
	static const size_t cuts[] = { 1, 1000, 16383, 16384, 16385, 100000 };
	static char frame[VARLINK_FRAME_MAX + 1];

	(void)state;
	for (size_t i = 0; i < sizeof(cuts) / sizeof(cuts[0]); i++) {
		int fd = dial(), longer = dial();

		turns(2);
		counted = 0;
		long_call(frame, CALL, VARLINK_FRAME_MAX);
		assert_true(push(fd, frame, cuts[i]));
		turns(TURNS);
		assert_true(push(fd, frame + cuts[i], VARLINK_FRAME_MAX - cuts[i]));
		turns(TURNS);
		assert_int_equal(counted, 1);
		assert_false(hung_up(fd));

		long_call(frame, CALL, VARLINK_FRAME_MAX + 1);
		assert_true(push(longer, frame, cuts[i]));
		turns(TURNS);
		push(longer, frame + cuts[i], VARLINK_FRAME_MAX + 1 - cuts[i]);
		assert_true(hung_up(longer));
		assert_int_equal(counted, 1);
		close(fd);
		close(longer);
	}
}

static void each_byte_of_a_slow_frame_is_looked_at_once(void **state)
{
	static char frame[64 << 10];
	int fd = dial();

	(void)state;
	turns(2);
	long_call(frame, CALL, sizeof(frame));
	looked = 0;
	for (size_t i = 0; i < sizeof(frame); i++)
		assert_true(push(fd, frame + i, 1));
	assert_int_equal(counted, 1);
	assert_in_range(looked, sizeof(frame), 2 * sizeof(frame));
	close(fd);
}

static void a_oneway_caller_need_not_stay(void **state)
{
	static const size_t sizes[] = { sizeof(ONEWAY), 16384, 16385, 64000 };
	static char bytes[64000], many[1000 * sizeof(ONEWAY)];
	int fd;

	(void)state;
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		fd = dial();
		counted = 0;
		long_call(bytes, ONEWAY, sizes[i]);
		assert_int_equal(send(fd, bytes, sizes[i], MSG_DONTWAIT), sizes[i]);
		close(fd);
		turns(TURNS);
		assert_int_equal(counted, 1);
	}
	for (size_t i = 0; i < sizeof(many); i += sizeof(ONEWAY))
		memcpy(many + i, ONEWAY, sizeof(ONEWAY));
	fd = dial();
	counted = 0;
	assert_int_equal(send(fd, many, sizeof(many), MSG_DONTWAIT), sizeof(many));
	close(fd);
	turns(TURNS);
	assert_int_equal(counted, 1000);
}

static unsigned rounds;

static int64_t count_round(void *user)
{
	(void)user;
	rounds++;
	return LOOP_SLEEP;
}

/* The loop for @ns; how often it woke up. */
static unsigned wakes(uint64_t ns)
{
	struct timer timer = {};

	rounds = 0;
	loop_set_poll(loop, count_round, NULL);
	timer_arm(loop, &timer, now_boot_ns() + ns, turn_over);
	assert_int_equal(loop_run(loop), 1);
	loop_set_poll(loop, NULL, NULL);
	return rounds;
}

/* No descriptor that is free now can be had; gives the limit that was. */
static rlim_t descriptors_end(void)
{
	int next = dup(listen_fd);
	struct rlimit limit;
	rlim_t was;

	assert_true(next >= 0);
	close(next);
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &limit), 0);
	was = limit.rlim_cur;
	limit.rlim_cur = next;
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
	return was;
}

static void descriptors_begin(rlim_t were)
{
	struct rlimit limit;

	assert_int_equal(getrlimit(RLIMIT_NOFILE, &limit), 0);
	limit.rlim_cur = were;
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
}

/* How often @call fits into @bytes, each with its NUL. */
static size_t repeat(char *bytes, size_t size, const char *call)
{
	size_t n = size / (strlen(call) + 1);

	for (size_t i = 0; i < n; i++)
		memcpy(bytes + i * (strlen(call) + 1), call, strlen(call) + 1);
	return n;
}

static void finish_later(void)
{
	struct varlink_call *call = later;

	assert_non_null(call);
	later = NULL;
	varlink_reply(call, NULL);
	turns(TURNS);
}

static void calls_behind_an_unfinished_one_outlive_their_caller(void **state)
{
	static char many[1000 * sizeof(ONEWAY)]; /* more than a bite */
	int next = dup(listen_fd), fd;

	(void)state;
	close(next);
	for (int half_closed = 0; half_closed < 2; half_closed++) {
		fd = dial();
		counted = 0;
		assert_true(push(fd, LATER, sizeof(LATER)));
		assert_true(push(fd, SOON, sizeof(SOON)));
		assert_int_equal(repeat(many, sizeof(many), ONEWAY), 1000);
		assert_true(push(fd, many, sizeof(many)));
		if (half_closed)
			assert_int_equal(shutdown(fd, SHUT_WR), 0);
		turns(TURNS);
		close(fd);
		turns(TURNS);
		assert_int_equal(gone, 0);
		assert_true(wakes(20000000) < 5); /* it is gone for long, and told once */
		finish_later();
		assert_int_equal(counted, 0); /* in their order */
		assert_true(wakes(20000000) < 5);
		finish_later();
		assert_int_equal(counted, 1000);
		assert_int_equal(gone, 0);
		/* and then nothing of it is left */
		fd = dup(listen_fd);
		assert_int_equal(fd, next);
		close(fd);
	}
}

static void answers_that_nobody_reads_do_not_hold_up_the_calls_of_one_that_left(void **state)
{
	static char many[600 * sizeof(CALL)], last[100 * sizeof(ONEWAY)];
	int fd = dial();

	(void)state;
	assert_int_equal(repeat(many, sizeof(many), CALL), 600);
	assert_int_equal(repeat(last, sizeof(last), ONEWAY), 100);
	assert_true(push(fd, many, sizeof(many)));
	assert_true(push(fd, last, sizeof(last)));
	turns(TURNS);
	assert_in_range(counted, 200, 599);
	close(fd);
	turns(TURNS);
	assert_int_equal(counted, 700);
}

static bool counts(int fd)
{
	unsigned had = counted;

	assert_true(push(fd, CALL, sizeof(CALL)));
	turns(TURNS);
	return counted == had + 1;
}

static void who_cannot_be_accepted_waits_and_keeps_nobody_awake(void **state)
{
	int served = dial(), first, second;
	rlim_t were;
	unsigned woke;

	(void)state;
	assert_true(counts(served));
	first = dial();
	second = dial();
	were = descriptors_end();
	assert_false(counts(first));
	woke = wakes(20000000);
	assert_true(counts(served));

	/* one that goes makes room for one */
	close(served);
	turns(TURNS);
	descriptors_begin(were);
	assert_true(woke < 5);
	assert_int_equal(counted, 3);
	close(first);
	turns(TURNS);
	assert_true(counts(second));
	close(second);
}

static void descriptors_that_others_give_back_are_found_in_time(void **state)
{
	int waiting = dial();
	rlim_t were = descriptors_end();
	unsigned woke;

	(void)state;
	assert_false(counts(waiting));
	descriptors_begin(were);
	woke = wakes(200000000);
	assert_int_equal(counted, 1);
	assert_true(woke < 10);
	close(waiting);
}

/* Connect as @uid: the kernel keeps who did. */
static int dial_as(uid_t uid)
{
	int fd;

	assert_int_equal(seteuid(uid), 0);
	fd = dial();
	assert_int_equal(seteuid(0), 0);
	turns(1); /* so that the backlog never fills */
	return fd;
}

/* Several users connect to a folder and a socket that let all of them. */
static void users_begin(void)
{
	struct rlimit files;

	if (getuid()) {
		print_message("SKIP: only root can be several users\n");
		skip();
	}
	assert_int_equal(chmod(folder, 0755), 0);
	assert_int_equal(chmod(path, 0666), 0);
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &files), 0);
	files.rlim_cur = 2 * VARLINK_PEERS_MAX + 64;
	if (setrlimit(RLIMIT_NOFILE, &files)) {
		print_message("SKIP: too few open files for both ends of all connections\n");
		skip();
	}
}

static void all_users_together_leave_places_to_root(void **state)
{
	static int fd[VARLINK_PEERS_MAX];
	int closed[2], n = 0;

	(void)state;
	users_begin();
	for (; n < VARLINK_USERS_MAX; n++)
		fd[n] = dial_as(1000 + n / VARLINK_UID_MAX);
	assert_true(counts(fd[n - 1]));
	closed[0] = dial_as(1000);
	closed[1] = dial_as(1999);
	assert_true(hung_up(closed[0]) && hung_up(closed[1]));
	for (; n < VARLINK_PEERS_MAX; n++)
		fd[n] = dial_as(0);
	assert_true(counts(fd[n - 1]));

	close(fd[0]);
	turns(TURNS);
	fd[0] = dial_as(1999);
	assert_true(counts(fd[0]));
	close(closed[0]);
	close(closed[1]);
	while (n)
		close(fd[--n]);
}

static void roots_programs_leave_places_to_users(void **state)
{
	static int fd[VARLINK_ROOT_MAX];
	int n = 0, more, user;

	(void)state;
	users_begin();
	while (n < VARLINK_ROOT_MAX)
		fd[n++] = dial_as(0);
	assert_true(counts(fd[n - 1]));
	more = dial_as(0);
	assert_true(hung_up(more));
	user = dial_as(1000);
	assert_true(counts(user));
	close(more);
	close(fd[0]);
	turns(TURNS);
	more = dial_as(0);
	assert_true(counts(more));
	close(more);
	close(user);
	while (--n)
		close(fd[n]);
}

static void a_users_calls_take_turns_with_those_of_others(void **state)
{
	static char many[400 * sizeof(BURN)];
	int fd[8], other;
	unsigned burnt_then;

	(void)state;
	users_begin();
	for (unsigned i = 0; i < 8; i++)
		fd[i] = dial_as(1000);
	other = dial_as(1001);
	turns(8);
	assert_int_equal(repeat(many, sizeof(many), BURN), 400);
	for (unsigned i = 0; i < 8; i++)
		assert_int_equal(send(fd[i], many, sizeof(many), MSG_DONTWAIT), sizeof(many));
	assert_int_equal(send(other, CALL, sizeof(CALL), MSG_DONTWAIT), sizeof(CALL));
	turns(2);
	assert_int_equal(counted, 1); /* after the slice of a round and of a turn, and no more */
	assert_in_range(burnt, 1, 4 * SHARE_SLICE_NS / BURN_NS);
	burnt_then = burnt;
	/* one who has had their turn goes on in the next: nothing is forgotten */
	while (burnt < 3200) {
		burnt_then = burnt;
		turns(4);
		assert_true(burnt > burnt_then);
	}
	assert_int_equal(burnt, 3200);
	for (unsigned i = 0; i < 8; i++)
		close(fd[i]);
	close(other);
}

static size_t memory(void)
{
#ifdef CONFINE_SANITIZED /* its malloc keeps books of its own */
	return __sanitizer_get_current_allocated_bytes();
#else
	return mallinfo2().uordblks + mallinfo2().hblkhd;
#endif
}

/* Also what is no call takes its sayer's time, and not that of others. */
static void a_users_noise_takes_turns_with_the_calls_of_others(void **state)
{
	static char noise[4 * BITE]; /* no frame ends in it */
	int fd[NOISY];

	(void)state;
	memset(noise, 'x', sizeof(noise));
	for (unsigned i = 0; i < NOISY; i++) {
		fd[i] = dial();
		turns(2);
	}
	for (unsigned i = 0; i < NOISY; i++)
		assert_int_equal(send(fd[i], noise, sizeof(noise), MSG_DONTWAIT), sizeof(noise));
	bites = 0;
	bites_are_slow = true;
	turns(1);
	assert_in_range(bites, 1, 2 * SHARE_SLICE_NS / BURN_NS + 2);
	bites_are_slow = false;
	turns(TURNS);
	assert_true(bites >= 4 * NOISY); /* and yet all of it is read */
	for (unsigned i = 0; i < NOISY; i++)
		close(fd[i]);
	turns(4);
}

static void a_users_unfinished_calls_have_a_limit_together(void **state)
{
	static char part[VARLINK_FRAME_MAX - 1];
	int fd[VARLINK_UID_MAX], other;
	size_t before;
	unsigned ended = 0;

	(void)state;
	users_begin();
	other = dial_as(1001);
	memset(part, ' ', sizeof(part));
	before = memory();
	for (unsigned i = 0; i < VARLINK_UID_MAX; i++) {
		fd[i] = dial_as(1000);
		ended += !push(fd[i], part, sizeof(part));
	}
	turns(TURNS);
	if (before) /* a sanitizer's malloc() does not count */
		assert_in_range(memory(), before + VARLINK_UID_BYTES / 2,
				before + VARLINK_UID_BYTES * 5 / 4);
	assert_in_range(ended, VARLINK_UID_MAX / 4, VARLINK_UID_MAX * 3 / 4);
	assert_true(counts(other));
	for (unsigned i = 0; i < VARLINK_UID_MAX; i++)
		close(fd[i]);
	turns(TURNS);
	assert_in_range(memory(), 0, before + (64 << 10)); /* all of it is given back */
	close(other);
}

static void a_server_may_be_for_one_user_and_root(void **state)
{
	int own[VARLINK_UID_MAX + 1], other, root;

	(void)state;
	users_begin();
	varlink_server_own(server, 1000);
	other = dial_as(1001);
	root = dial_as(0);
	for (unsigned i = 0; i <= VARLINK_UID_MAX; i++)
		own[i] = dial_as(1000);
	assert_true(hung_up(other));
	assert_true(counts(root));
	for (unsigned i = 0; i <= VARLINK_UID_MAX; i++) {
		assert_true(counts(own[i]));
		close(own[i]);
	}
	close(other);
	close(root);
}

static void a_socket_may_be_for_one_user_and_root(void **state)
{
	char theirs[80], all[64];
	struct problem why = {};
	int fd, first, second, root;

	(void)state;
	users_begin();
	snprintf(theirs, sizeof(theirs), "%s.1000", path);
	strcpy(all, path);
	assert_int_equal(sock_listen(theirs, 0666, &fd, &why), 0);
	assert_int_equal(varlink_server_listen(server, fd, 1000, 0), 0);
	strcpy(path, theirs);
	first = dial_as(1000);
	second = dial_as(1001);
	root = dial_as(0);
	assert_true(counts(first));
	assert_true(hung_up(second));
	assert_true(counts(root));
	strcpy(path, all);
	close(second);
	second = dial_as(1001);
	assert_true(counts(second));

	/* no more: who is connected stays so */
	varlink_server_unlisten(server, 1001);
	varlink_server_unlisten(server, 1000);
	assert_int_equal(sock_connect(theirs), -ECONNREFUSED);
	assert_true(counts(first));
	assert_true(counts(dial_as(1000)));
	unlink(theirs);
	close(first);
	close(second);
	close(root);
}

static void is_answered(const char *name, const char *answer)
{
	char buf[256] = "", call[128];
	int fd = dial(), n = snprintf(call, sizeof(call), "{\"method\":\"%s\"}", name);

	assert_true(push(fd, call, n + 1));
	turns(TURNS);
	assert_true(recv(fd, buf, sizeof(buf) - 1, MSG_DONTWAIT) > 0);
	assert_non_null(strstr(buf, answer));
	close(fd);
	turns(2);
}

static void a_label_neither_begins_nor_ends_with_a_dash(void **state)
{
	static const char *const bad[] = {
		"-a.b.M", "a-.b.M", "a.-b.M", "a.b-.M", "a.-.M", "a.M-"
	};
	static const char *const good[] = { "a.x.M", "a-b.c--d.M", "a.1.M" };

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		is_answered(bad[i], "ProtocolViolation");
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++)
		is_answered(good[i], "InterfaceNotFound");
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_slow_reader_misses_no_answer_and_costs_little),
		TEST(a_frames_limit_is_the_same_wherever_its_bytes_were_cut),
		TEST(each_byte_of_a_slow_frame_is_looked_at_once),
		TEST(a_oneway_caller_need_not_stay),
		TEST(calls_behind_an_unfinished_one_outlive_their_caller),
		TEST(answers_that_nobody_reads_do_not_hold_up_the_calls_of_one_that_left),
		TEST(who_cannot_be_accepted_waits_and_keeps_nobody_awake),
		TEST(descriptors_that_others_give_back_are_found_in_time),
		TEST(all_users_together_leave_places_to_root),
		TEST(roots_programs_leave_places_to_users),
		TEST(a_users_calls_take_turns_with_those_of_others),
		TEST(a_users_noise_takes_turns_with_the_calls_of_others),
		TEST(a_users_unfinished_calls_have_a_limit_together),
		TEST(a_server_may_be_for_one_user_and_root),
		TEST(a_socket_may_be_for_one_user_and_root),
		TEST(a_label_neither_begins_nor_ends_with_a_dash),
	};

	return cmocka_run_group_tests_name("varlink peers", tests, NULL, NULL);
}
