// SPDX-License-Identifier: Apache-2.0
/*
 * test_core_worker.c - user/worker.c: what is said to a worker that does not listen
 *
 * The worker is this test again, started with --worker: it reads nothing until a byte comes
 * by descriptor 4, then reports in the token of a MSG_LIST how much of what it heard.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

#include "base/cleanup.h"
#include "worker.h"

#define MANY    4096 /* more than the socket holds: as many guards as there may be */
#define ALL     (4 * MANY + TEROK_MAX_DOMAINS) /* a new resolver is told so many things at most */
#define WAIT_NS (10 * SECOND_NS)

static struct worker worker;
static struct loop *loop;
static struct timer late;
static int go;
static unsigned n_ready, guards_by_ready;
static uint64_t heard;

/* In the worker: results heard * 10^6 + listings ended * 10^5 + guards heard. */
static int worker_main(void)
{
	struct msg_packet packet, said = { .type = MSG_LIST };
	char byte;

	if (recv(4, &byte, 1, 0) != 1)
		return 1;
	if (byte == 'm') { /* it says no more, and hears nothing */
		shutdown(3, SHUT_WR);
		return recv(4, &byte, 1, 0) == 1;
	}
	for (unsigned i = 0; byte == 'f' && i < MANY; i++) /* it says more than anybody wants */
		if (send(3, &said, core_msg_size(MSG_LIST), 0) < 0)
			return 1;
	while (recv(3, &packet, sizeof(packet), 0) > 0) {
		struct msg_packet pong = { .type = MSG_PONG, .PONG = packet.PING };

		if (packet.type == MSG_PING && byte == 'p')
			pong.PONG.token++; /* of another question */
		if (packet.type == MSG_PING && send(3, &pong, core_msg_size(MSG_PONG), 0) < 0)
			return 1;
		said.LIST.token += packet.type == MSG_RESULT   ? 1000000
				   : packet.type == MSG_LISTED ? 100000
				   : packet.type == MSG_GUARD  ? 1
							       : 0;
		/* the last word of each test */
		if (packet.type == MSG_GONE && send(3, &said, core_msg_size(MSG_LIST), 0) < 0)
			return 1;
	}
	return 0;
}

static void on_ready(void *user)
{
	struct msg_packet packet = { .type = MSG_GUARD };

	(void)user;
	n_ready++;
	for (unsigned i = 0; i < guards_by_ready; i++)
		worker_send(&worker, &packet);
	packet.type = MSG_REFUSED;
	packet.REFUSED.ask = 1;
	worker_send(&worker, &packet);
	packet.type = MSG_GONE;
	if (guards_by_ready)
		worker_send(&worker, &packet);
}

static void on_message(const struct msg_packet *packet, void *user)
{
	(void)user;
	heard = packet->LIST.token;
	loop_stop(loop);
}

static void on_quiet_message(const struct msg_packet *packet, void *user)
{
	(void)user;
	heard = packet->LIST.token;
}

static const struct worker_events quiet = { .ready = on_ready, .message = on_quiet_message };

static int on_late(struct timer *timer)
{
	(void)timer;
	loop_stop(loop);
	return 0;
}

static void start(unsigned guards)
{
	static const struct worker_events events = { .ready = on_ready, .message = on_message };
	int pair[2];

	n_ready = 0;
	heard = 0;
	guards_by_ready = guards;
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
	assert_int_equal(loop_new(&loop), 0);
	go = pair[0];
	worker = (struct worker){ .loop = loop,
				  .name = "test",
				  .peer = FROM_HUB,
				  .listen_fd = pair[1],
				  .events = &events };
	assert_int_equal(worker_start(&worker), 0);
}

static void run(void)
{
	timer_arm(loop, &late, now_boot_ns() + WAIT_NS, on_late);
	assert_int_equal(loop_run(loop), 0);
	timer_disarm(&late);
	worker_stop(&worker);
	loop_free(loop);
	close(worker.listen_fd); /* kept for the next worker */
	close(go);
}

static void a_flood_of_refusals_pushes_out_no_result(void **state)
{
	struct msg_packet packet = { .type = MSG_REFUSED };

	(void)state;
	start(0);
	for (unsigned i = 0; i < 2 * MANY; i++)
		worker_send(&worker, &packet);
	assert_true(worker.lost > 0);
	packet.type = MSG_RESULT;
	worker_send(&worker, &packet);
	packet.type = MSG_LISTED;
	worker_send(&worker, &packet);
	packet.type = MSG_GONE;
	worker_send(&worker, &packet);
	assert_int_equal(send(go, "1", 1, MSG_NOSIGNAL), 1);
	run();
	assert_int_equal(heard, 1100000);
	assert_true(n_ready >= 2); /* and what was dropped is told anew */
}

static void more_guards_than_the_socket_holds_are_told_once(void **state)
{
	(void)state;
	start(MANY);
	assert_int_equal(send(go, "1", 1, MSG_NOSIGNAL), 1);
	run();
	assert_int_equal(heard, MANY);
	assert_int_equal(n_ready, 1);
}

/* It was killed for not taking them, started again, told again, killed ... */
static void as_many_messages_as_there_may_be_domains_are_told(void **state)
{
	(void)state;
	start(ALL);
	assert_int_equal(send(go, "1", 1, MSG_NOSIGNAL), 1);
	run();
	assert_int_equal(heard, ALL);
	assert_int_equal(n_ready, 1);
}

static int on_more(struct timer *timer)
{
	struct msg_packet packet = { .type = MSG_REFUSED };

	for (unsigned i = 0; i < 2 * MANY; i++)
		worker_send(&worker, &packet);
	loop_stop(timer->loop ?: loop);
	return 0;
}

static unsigned n_answered;
static struct timer beat;

static void on_answered(void *user)
{
	(void)user;
	n_answered++;
	loop_stop(loop);
}

static void a_worker_that_lives_answers_when_it_has_done_all_else(void **state)
{
	(void)state;
	n_answered = 0;
	start(MANY);
	worker.events = &quiet;
	worker_attend(&worker, on_answered, NULL);
	assert_false(worker.pulse.alive);
	assert_int_equal(send(go, "1", 1, MSG_NOSIGNAL), 1);
	run();
	assert_int_equal(n_answered, 1);
	assert_int_equal(heard, MANY);
}

/* Asks until there is another worker, which nobody has to ask by a beat. */
static int on_beat(struct timer *timer)
{
	if (n_ready == 1) {
		worker_ping(&worker);
		timer_arm(loop, timer, now_boot_ns() + SECOND_NS / 20, on_beat);
		return 0;
	}
	assert_false(worker.pulse.alive);
	assert_true(worker.pulse.waiting);
	assert_int_equal(send(go, "1", 1, MSG_NOSIGNAL), 1);
	return 0;
}

static void beat_on(const char *byte)
{
	n_answered = 0;
	start(0);
	worker_attend(&worker, on_answered, NULL);
	if (byte)
		assert_int_equal(send(go, byte, 1, MSG_NOSIGNAL), 1);
	timer_arm(loop, &beat, now_boot_ns() + SECOND_NS / 20, on_beat);
	run();
	timer_disarm(&beat);
	assert_int_equal(n_ready, 2);
	assert_int_equal(n_answered, 1);
}

static void a_worker_that_hangs_is_ended_and_started_anew(void **state)
{
	(void)state;
	beat_on(NULL);
}

static void an_answer_to_another_question_is_none(void **state)
{
	(void)state;
	beat_on("p");
}

static void a_worker_that_turns_mute_and_deaf_ends_only_itself(void **state)
{
	struct timer more = {};

	(void)state;
	start(0);
	assert_int_equal(send(go, "m", 1, MSG_NOSIGNAL), 1);
	timer_arm(loop, &more, now_boot_ns() + SECOND_NS / 2, on_more);
	run();
	assert_true(n_ready > 1); /* another was started in its place */
}

static unsigned n_heard, n_resting;
static uint64_t rests_ns;

/* After a hundred words it is not heard for a while. */
static void on_flood(const struct msg_packet *packet, void *user)
{
	(void)packet;
	(void)user;
	n_heard++;
	n_resting += rests_ns && now_boot_ns() < rests_ns;
	if (n_heard == 100) {
		rests_ns = now_boot_ns() + SECOND_NS / 5;
		worker_rest(&worker, rests_ns);
	}
	if (n_heard == MANY)
		loop_stop(loop);
}

static void one_that_says_too_much_waits_until_it_is_heard(void **state)
{
	static const struct worker_events events = { .ready = on_ready, .message = on_flood };

	(void)state;
	start(0);
	worker.events = &events;
	assert_int_equal(send(go, "f", 1, MSG_NOSIGNAL), 1);
	run();
	assert_int_equal(n_heard, MANY); /* nothing is lost */
	assert_int_equal(n_resting, 0);
	assert_true(now_boot_ns() >= rests_ns);
	assert_int_equal(n_ready, 1);
}

static unsigned n_gone;

static void on_gone(void *user)
{
	(void)user;
	if (!n_gone++)
		loop_stop(loop);
}

static void one_that_is_dismissed_is_gone_and_no_other_begins(void **state)
{
	(void)state;
	n_gone = 0;
	start(0);
	worker_dismiss(&worker, on_gone);
	assert_int_equal(n_gone, 0); /* it is not waited for */
	run();
	assert_int_equal(n_gone, 1);
	assert_int_equal(n_ready, 1);
	assert_int_equal(worker.pid, 0);
	worker_dismiss(&worker, on_gone); /* nobody is */
	assert_int_equal(n_gone, 2);
}

/* Who traces a process is told of its end before its parent, which waits as long. */
static pid_t trace(pid_t pid)
{
	int said[2];
	pid_t tracer;
	char byte;

	assert_int_equal(pipe(said), 0);
	tracer = fork();
	if (!tracer) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (!ptrace(PTRACE_SEIZE, pid, NULL, NULL) && write(said[1], "1", 1) == 1)
			pause();
		_exit(0);
	}
	close(said[1]);
	if (read(said[0], &byte, 1) != 1) {
		kill(tracer, SIGKILL);
		waitpid(tracer, NULL, 0);
		tracer = 0;
	}
	close(said[0]);
	return tracer;
}

static void one_that_does_not_end_holds_up_nobody(void **state)
{
	pid_t tracer, pid;

	(void)state;
	start(0);
	pid = worker.pid;
	tracer = trace(pid);
	if (!tracer) {
		worker_end(&worker);
		print_message("nobody may trace here\n");
		skip();
	}
	alarm(WAIT_NS / SECOND_NS); /* else nothing ends it */
	worker_end(&worker);
	alarm(0);
	assert_int_equal(worker.pid, 0);
	assert_int_equal(kill(pid, 0), 0); /* it has not ended */
	kill(tracer, SIGKILL);
	waitpid(tracer, NULL, 0);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
	loop_free(loop);
	close(worker.listen_fd);
	close(go);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_flood_of_refusals_pushes_out_no_result),
		cmocka_unit_test(more_guards_than_the_socket_holds_are_told_once),
		cmocka_unit_test(as_many_messages_as_there_may_be_domains_are_told),
		cmocka_unit_test(a_worker_that_lives_answers_when_it_has_done_all_else),
		cmocka_unit_test(a_worker_that_hangs_is_ended_and_started_anew),
		cmocka_unit_test(an_answer_to_another_question_is_none),
		cmocka_unit_test(a_worker_that_turns_mute_and_deaf_ends_only_itself),
		cmocka_unit_test(one_that_says_too_much_waits_until_it_is_heard),
		cmocka_unit_test(one_that_is_dismissed_is_gone_and_no_other_begins),
		cmocka_unit_test(one_that_does_not_end_holds_up_nobody),
	};

	if (argc > 1 && !strcmp(argv[1], "--worker"))
		return worker_main();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
