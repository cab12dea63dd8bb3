// SPDX-License-Identifier: Apache-2.0
/*
 * test_doctor_inside.c - doctor asks as a guard's processes would, and what runs beside the agent
 */
#include "doctor_ask.h"

#include <arpa/inet.h>
#include <bpf/bpf.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cgroup.h"
#include "doctor_inside.h"
#include "hooks.h"

static pid_t lives;

static int setup(void **state)
{
	programs_setup(state);
	agent_start_asking("127.0.0.1:1");
	attach_box();
	lives = move_in();
	assert_works("status");
	return 0;
}

static int teardown(void **state)
{
	move_out(lives);
	return programs_teardown(state);
}

static struct terok_counts counts(void)
{
	struct terok_counts ret;
	struct guard guard;

	assert_int_equal(guard_get(world->kernel, 1, &guard), 0);
	assert_int_equal(guard_counts(world->kernel, &guard, &ret), 0);
	return ret;
}

/*
 * Somebody else's program on the same hook, after ours: refuse all, or give out another address
 * that an answer comes from. The descriptor is take_off()'s.
 */
static int put_on(enum terok_hook hook)
{
	static const struct bpf_insn refuse[] = {
		{ .code = BPF_ALU64 | BPF_MOV | BPF_K, .imm = 0 },
		{ .code = BPF_JMP | BPF_EXIT },
	};
	static const struct bpf_insn another[] = {
		{ .code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = 2, .imm = 0x01010101 },
		{ .code = BPF_STX | BPF_MEM | BPF_W,
		  .dst_reg = 1,
		  .src_reg = 2,
		  .off = offsetof(struct bpf_sock_addr, user_ip4) },
		{ .code = BPF_ALU64 | BPF_MOV | BPF_K, .imm = 1 },
		{ .code = BPF_JMP | BPF_EXIT },
	};
	LIBBPF_OPTS(bpf_prog_load_opts, load, .expected_attach_type = hooks_type(hook));
	LIBBPF_OPTS(bpf_prog_attach_opts, opts, .flags = BPF_F_ALLOW_MULTI);
	bool reads = hook == TEROK_HOOK_RECVMSG4;
	int fd = bpf_prog_load(BPF_PROG_TYPE_CGROUP_SOCK_ADDR, "stranger", "GPL",
			       reads ? another : refuse, reads ? 4 : 2, &load);

	assert_true(fd >= 0);
	assert_int_equal(bpf_prog_attach_opts(fd, world->cgroup_fd, hooks_type(hook), &opts), 0);
	return fd;
}

static void take_off(int fd, enum terok_hook hook)
{
	assert_int_equal(bpf_prog_detach2(fd, world->cgroup_fd, hooks_type(hook)), 0);
	close(fd);
}

/* The agent hears of who moved in a moment later: until then it has no resolver. */
static void await_resolver(void)
{
	for (int i = 0; i < 500 && DOCTOR("resolver"); i++)
		usleep(10000);
}

/* --- inside --------------------------------------------------------------------------------------- */

static void what_answers_inside_is_well_and_nobody_hears_of_it(void **state)
{
	(void)state;
	await_resolver();
	assert_well("resolver", "answers, and so does any name server that it asks");
	assert_well("why", "box: http://169.254.84.75/ answers inside it");
	assert_int_equal(counts().refused, 0);
	assert_works("logs", "box", "--json");
	assert_null(strstr(said, "doctor"));
	assert_null(strstr(said, "192.0.2.53"));
}

static void a_question_that_does_not_come_through_is_found(void **state)
{
	int fd;

	(void)state;
	await_resolver();
	fd = put_on(TEROK_HOOK_SENDMSG4);
	assert_ill("resolver", 2,
		   "answers, but not what its processes ask: Operation not permitted");
	assert_said("fix: see the checks attached and state");
	assert_ill("attached", 1, "sendmsg4: another program, stranger");
	take_off(fd, TEROK_HOOK_SENDMSG4);
	assert_well("resolver", "any name server that it asks");
}

static void an_answer_from_somebody_else_is_found(void **state)
{
	int fd;

	(void)state;
	await_resolver();
	fd = put_on(TEROK_HOOK_RECVMSG4);
	assert_ill("resolver", 2, "the answer does not come from whom was asked");
	take_off(fd, TEROK_HOOK_RECVMSG4);
	assert_well("resolver", "any name server that it asks");
}

static void a_why_page_that_does_not_answer_is_found(void **state)
{
	int fd;

	(void)state;
	await_resolver();
	assert_well("why", "answers inside it");
	fd = put_on(TEROK_HOOK_CONNECT4);
	assert_ill("why", 2, "why.json does not answer inside it: Operation not permitted");
	take_off(fd, TEROK_HOOK_CONNECT4);
	assert_well("why", "answers inside it");
}

static void a_stopped_resolver_is_found_and_replaced(void **state)
{
	pid_t pid;

	(void)state;
	await_resolver();
	pid = worker_of("resolver");
	assert_true(pid > 0);
	kill(pid, SIGSTOP);
	assert_ill("resolver", 2, "does not answer: Connection timed out");
	assert_mends("workers", "end worker resolver, pid ");
	await_resolver();
	assert_well("resolver", "any name server that it asks");
}

static void freeze(const char *text)
{
	int fd = openat(world->cgroup_fd, "cgroup.freeze", O_WRONLY);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, 1), 1);
	close(fd);
}

static void a_frozen_guard_does_not_hang_it(void **state)
{
	int code;

	(void)state;
	await_resolver();
	freeze("1");
	code = DOCTOR("resolver");
	freeze("0");
	assert_int_equal(code, 1);
	assert_said("whether its processes reach it cannot be told: Connection timed out");
	assert_said("fix: are its processes frozen");
	assert_well("resolver", "any name server that it asks");
}

static void nobody_of_ours_stays_inside(void **state)
{
	struct guard guard;
	char text[64] = "", mine[32];
	int fd;

	(void)state;
	assert_int_equal(guard_get(world->kernel, 1, &guard), 0);
	fd = doctor_socket(&guard, SOCK_STREAM);
	assert_true(fd >= 0);
	close(fd);
	fd = openat(world->cgroup_fd, "cgroup.procs", O_RDONLY);
	assert_true(read(fd, text, sizeof(text) - 1) > 0);
	close(fd);
	snprintf(mine, sizeof(mine), "%d\n", lives);
	assert_string_equal(text, mine);
	move_out(lives);
	assert_int_equal(doctor_socket(&guard, SOCK_STREAM), -ESRCH);
	lives = move_in();
}

/* --- beside ---------------------------------------------------------------------------------------- */

/* Somebody listens at that port and gives everybody that answer; NULL: none, and does not close. */
static pid_t serve(uint16_t port, const char *answer)
{
	struct sockaddr_in at = { .sin_family = AF_INET,
				  .sin_port = htons(port),
				  .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), one = 1;
	char request[512];
	pid_t pid;

	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	assert_int_equal(bind(fd, (struct sockaddr *)&at, sizeof(at)), 0);
	assert_int_equal(listen(fd, 8), 0);
	pid = fork();
	if (pid) {
		close(fd);
		return pid;
	}
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	for (;;) {
		int peer = accept(fd, NULL, NULL);

		if (!answer)
			continue;
		if (read(peer, request, sizeof(request)) > 0 &&
		    write(peer, answer, strlen(answer)) < 0)
			_exit(1);
		close(peer);
	}
}

static void services_that_are_not_installed_are_not_missed(void **state)
{
	(void)state;
	assert_well("services", "ok    gate       not installed\n");
	assert_said("ok    proxy      not installed\n");
	assert_said("ok    signer     not installed\n");
}

static void a_service_is_asked_and_what_is_none_is_found(void **state)
{
	pid_t pid;

	(void)state;
	pid = serve(18731, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
	assert_well("proxy", "port 18731 answers");
	move_out(pid);
	pid = serve(18731, "HTTP/1.1 503 no\r\n\r\n");
	assert_ill("proxy", 2, "what listens at port 18731 is no terok-credential-proxy");
	assert_said("fix: systemctl --user restart terok-credential-proxy");
	move_out(pid);
	pid = serve(18731, NULL);
	assert_ill("proxy", 2, "port 18731 does not answer: Connection timed out");
	move_out(pid);
	pid = serve(9418, "HTTP/1.1 401 who\r\n\r\n");
	assert_well("gate", "port 9418 answers");
	move_out(pid);
	pid = serve(18732, NULL);
	assert_well("signer", "port 18732 answers");
	move_out(pid);
}

#define T(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		T(what_answers_inside_is_well_and_nobody_hears_of_it),
		T(a_question_that_does_not_come_through_is_found),
		T(an_answer_from_somebody_else_is_found),
		T(a_why_page_that_does_not_answer_is_found),
		T(a_stopped_resolver_is_found_and_replaced),
		T(a_frozen_guard_does_not_hang_it),
		T(nobody_of_ours_stays_inside),
		cmocka_unit_test_setup_teardown(services_that_are_not_installed_are_not_missed,
						programs_setup, programs_teardown),
		cmocka_unit_test_setup_teardown(a_service_is_asked_and_what_is_none_is_found,
						programs_setup, programs_teardown),
	};

	test_require("doctor_inside");
	programs_find();
	if (argc > 1)
		cmocka_set_test_filter(argv[1]);
	return cmocka_run_group_tests_name("doctor_inside", tests, NULL, NULL);
}
