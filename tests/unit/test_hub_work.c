// SPDX-License-Identifier: Apache-2.0
/*
 * test_hub_work.c - what one user's call costs says nothing of what another has
 *
 * A clock cannot show that: so the instructions are counted that the whole hub runs for a call,
 * from the socket to the answer, in children that differ in that call alone. Anne has guard 1
 * and asks; Bert calls.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include <cmocka.h>

#include "base/confine.h"
#include "hub/hub_core.h"
#include "hub/serve.h"

#define ANNE       4001
#define TRIES      3       /* what the kernel puts in between makes some more, never less */
#define STEPS_MAX  2000000 /* of one call: ten times what it takes */
#define MANY       800     /* of Anne's */
#define LOOKS      20
#define CONTAINER  "0123456789abcdef"
#define ID(number) "0123456789ab:" number
#define VERDICT(id)                                                                                \
	"{\"method\":\"org.terok.Clearance1.Verdict\",\"parameters\":{\"container\":\"" CONTAINER  \
	"\",\"request_id\":\"" ID(id) "\",\"dest\":\"192.0.2.1\",\"action\":\"allow\"}}"
#define ANSWER(id)                                                                                 \
	"{\"method\":\"org.terok.Firewall1.Answer\",\"parameters\":{"                              \
	"\"request_id\":\"" ID(id) "\",\"action\":\"allow\"}}"

/* Of Anne's requests these are open, on its way to be answered, answered; none is the last. */
#define OPEN      "100000001"
#define ANSWERING "100000002"
#define ANSWERED  "100000003"
#define NONE      "100000004"
#define OWN       "100000005" /* Bert's, open */

static struct sockaddr_un where = { .sun_family = AF_UNIX };
static socklen_t where_size = sizeof(where);
static struct loop *loop;
static struct varlink_server *server;
static struct hub_core *core;
static uint64_t token; /* of the last answer */
static uid_t bert;
static int listener, client;

/* In the place of libc's, which now and then takes some instructions more. */
int clock_gettime(clockid_t clock, struct timespec *ret)
{
	static uint64_t us;

	(void)clock;
	us++;
	*ret = (struct timespec){ .tv_sec = 1000 + us / 1000000, .tv_nsec = us % 1000000 * 1000 };
	return 0;
}

static int fake_send(struct msg_packet *packet, void *user)
{
	(void)user;
	token = packet->VERDICT.token;
	return 0;
}

static int turn_over(struct timer *timer)
{
	(void)timer;
	return 1;
}

static void turn(void)
{
	struct timer timer = {};

	timer_arm(loop, &timer, now_boot_ns(), turn_over); /* behind those that are due */
	loop_run(loop);
}

static void core_guard(uint32_t id, uid_t uid)
{
	struct msg_packet packet = { .type = MSG_GUARD };

	packet.GUARD =
	    (struct msg_guard){ .news = GUARD_ATTACHED, .id = id, .state = TEROK_STATE_UP };
	packet.GUARD.info.uid = uid;
	strcpy(packet.GUARD.info.container, CONTAINER);
	hub_core_hear(core, &packet);
}

static void core_refuses(uint32_t guard, uint64_t ask)
{
	struct msg_packet packet = { .type = MSG_REFUSED };
	struct terok_record *record = &packet.REFUSED.record;

	packet.REFUSED.ask = ask;
	*record = (struct terok_record){ .guard = guard, .proto = 6, .dst_port = 443 };
	memcpy(record->dst, "\0\0\0\0\0\0\0\0\0\0\xff\xff\xc0\0\x02\x01", 16);
	hub_core_hear(core, &packet);
}

/* An answer by root, so far. */
static void root_answers(uint64_t ask, bool ends)
{
	struct hub_answer given = { .action = TEROK_ALLOW };
	struct msg_packet packet = { .type = MSG_RESULT };
	struct request *request;
	char id[32];
	uint64_t ignored;

	snprintf(id, sizeof(id), "0123456789ab:%llu", (unsigned long long)ask);
	request = hub_find(hub_core_hub(core), id, 0);
	assert_non_null(request);
	assert_int_equal(hub_answer_send(hub_core_hub(core), request, &given, NULL, NULL, &ignored),
			 0);
	packet.RESULT = (struct msg_result){ .ask = ask, .token = token };
	if (ends)
		hub_core_hear(core, &packet);
}

/* What is asked at first may seed something: that is done before anybody counts. */
static void call_once(void)
{
	char buf[4096];

	assert_true(send(client, VERDICT(NONE), sizeof(VERDICT(NONE)), 0) > 0);
	turn();
	turn();
	assert_true(recv(client, buf, sizeof(buf), MSG_DONTWAIT) > 0);
}

static int setup(void **state)
{
	(void)state;
	bert = getuid() ?: 4002;
	where_size = sizeof(where);
	listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	client = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	/* a name that the kernel chooses, in no folder */
	if (bind(listener, (struct sockaddr *)&where, sizeof(sa_family_t)) || listen(listener, 8) ||
	    getsockname(listener, (struct sockaddr *)&where, &where_size) || loop_new(&loop) ||
	    hub_core_new(fake_send, NULL, &core) ||
	    serve_new(loop, listener, hub_core_hub(core), &server) || seteuid(bert) ||
	    connect(client, (struct sockaddr *)&where, where_size) || seteuid(getuid()))
		return -1;
	core_guard(1, ANNE);
	core_guard(3, bert);
	for (uint64_t ask = 100000001; ask < 100000004; ask++)
		core_refuses(1, ask);
	core_refuses(3, 100000005);
	root_answers(100000002, false);
	root_answers(100000003, true);
	call_once();
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	varlink_server_free(server);
	hub_core_free(core);
	loop_free(loop);
	close(listener);
	close(client);
	return 0;
}

/* --- counting ------------------------------------------------------------------------- */

static void stopped(pid_t pid)
{
	int status;

	assert_int_equal(waitpid(pid, &status, 0), pid);
	if (WIFEXITED(status) && WEXITSTATUS(status) == 2) {
		print_message("SKIP: a process may not trace its child here\n");
		skip();
	}
	assert_true(WIFSTOPPED(status));
}

/* Instructions of a child from its first stop to its second; then it has to end well. */
static unsigned count(pid_t pid)
{
	unsigned n = 0;
	int status;

	stopped(pid);
	do {
		assert_int_equal(ptrace(PTRACE_SINGLESTEP, pid, NULL, NULL), 0);
		assert_int_equal(waitpid(pid, &status, 0), pid);
		assert_true(WIFSTOPPED(status));
	} while (WSTOPSIG(status) != SIGSTOP && ++n < STEPS_MAX);
	assert_in_range(n, 10, STEPS_MAX - 1);
	assert_int_equal(ptrace(PTRACE_CONT, pid, NULL, NULL), 0);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	return n;
}

static pid_t traced(void)
{
	pid_t pid;

	fflush(NULL);
	pid = fork();
	if (!pid && ptrace(PTRACE_TRACEME, 0, NULL, NULL))
		_exit(2);
	return pid;
}

/* Of a whole call, whose answer has to have that in it. */
static unsigned call_steps(const char *frame, const char *answer)
{
	pid_t pid = traced();
	char buf[4096] = "";

	if (pid)
		return count(pid);
	if (send(client, frame, strlen(frame) + 1, MSG_NOSIGNAL) < 0)
		_exit(1);
	raise(SIGSTOP);
	turn();
	raise(SIGSTOP);
	_exit(recv(client, buf, sizeof(buf) - 1, MSG_DONTWAIT) <= 0 || !strstr(buf, answer));
}

/* Two calls are the same work. */
static void assert_same(const char *one, const char *other, const char *answer)
{
	unsigned least[2] = { UINT32_MAX, UINT32_MAX };

	for (int i = 0; i < TRIES && (!i || least[0] != least[1]); i++) {
		unsigned n[2] = { call_steps(one, answer), call_steps(other, answer) };

		for (int k = 0; k < 2; k++)
			least[k] = n[k] < least[k] ? n[k] : least[k];
	}
	if (least[0] != least[1])
		fail_msg("%u and %u instructions: %s", least[0], least[1], one);
}

/* What becomes of an id of Bert's: 0: nothing is known of it, 1: it is open. */
static int look(const char *id)
{
	struct hub *hub = hub_core_hub(core);
	struct waiter waiter = {};

	if (hub_find(hub, id, bert))
		return 1;
	return hub_wait(hub, id, bert, &waiter) ? 2 : hub_find_answered(hub, id, bert) ? 3 : 0;
}

static unsigned look_steps(const char *id, int found)
{
	pid_t pid = traced();
	int r;

	if (pid)
		return count(pid);
	raise(SIGSTOP);
	r = look(id);
	raise(SIGSTOP);
	_exit(r != found);
}

static void count_event(const struct event *event, void *user)
{
	(void)event;
	++*(unsigned *)user;
}

static unsigned list_steps(uint32_t guard, unsigned found)
{
	pid_t pid = traced();
	unsigned n = 0;

	if (pid)
		return count(pid);
	raise(SIGSTOP);
	hub_requests(hub_core_hub(core), bert, guard, count_event, &n);
	raise(SIGSTOP);
	_exit(n != found);
}

/* --- tests ---------------------------------------------------------------------------- */

static void anothers_request_costs_what_none_does(void **state)
{
	unsigned none = look_steps(ID(NONE), 0);

	(void)state;
	assert_int_equal(look_steps(ID(OPEN), 0), none);
	assert_int_equal(look_steps(ID(ANSWERING), 0), none);
	assert_int_equal(look_steps(ID(ANSWERED), 0), none);
	assert_int_equal(list_steps(1, 0), list_steps(2, 0));
	/* control: the count sees what there is */
	assert_int_not_equal(look_steps(ID(OWN), 1), none);
	assert_true(list_steps(0, 1) > list_steps(2, 0));
}

/* The same from the socket to the answer. */
static void a_call_about_it_does_as_well(void **state)
{
	(void)state;
	assert_same(VERDICT(OPEN), VERDICT(NONE), ".UnknownRequest");
	assert_same(ANSWER(OPEN), ANSWER(NONE), ".UnknownRequest");
}

static void how_much_another_has_costs_nothing(void **state)
{
	unsigned none[LOOKS], own = look_steps(ID(OWN), 1), list = list_steps(0, 1);
	char id[32];

	(void)state;
	for (unsigned i = 0; i < LOOKS; i++) {
		snprintf(id, sizeof(id), ID("3000000%02u"), i);
		none[i] = look_steps(id, 0);
	}
	for (uint64_t ask = 200000000; ask < 200000000 + MANY; ask++)
		core_refuses(1, ask);
	for (uint64_t ask = 200000000; ask < 200000000 + MANY / 2; ask++)
		root_answers(ask, true);
	for (unsigned i = 0; i < LOOKS; i++) {
		snprintf(id, sizeof(id), ID("3000000%02u"), i);
		assert_int_equal(look_steps(id, 0), none[i]);
	}
	assert_int_equal(look_steps(ID(OWN), 1), own);
	assert_int_equal(list_steps(0, 1), list);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
		T(anothers_request_costs_what_none_does),
		T(a_call_about_it_does_as_well),
		T(how_much_another_has_costs_nothing),
	};

#ifdef CONFINE_SANITIZED /* confine.h: its run time counts as well */
	print_message("SKIP: a sanitizer's instructions are not the hub's\n");
	return 77;
#endif
	return cmocka_run_group_tests_name("hub work", tests, NULL, NULL);
}
