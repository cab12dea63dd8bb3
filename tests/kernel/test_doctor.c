// SPDX-License-Identifier: Apache-2.0
/*
 * test_doctor.c - doctor: what is well is called so, what is broken is found, and mended
 *
 * Each check is shown content first; then the thing is really broken. Here are doctor itself, the
 * kernel and the agent; test_doctor_pins.c and test_doctor_host.c have the rest.
 */
#include "doctor_ask.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pty.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/event.h"
#include "cgroup.h"
#include "doctor_hand.h"
#include "doctor_proc.h"

/* --- doctor itself --------------------------------------------------------------------------- */

static void its_json_has_what_it_had_and_more(void **state)
{
	(void)state;
	assert_int_equal(DOCTOR("unpriv", "--json"), 0);
	assert_string_equal(said, "{\"checks\":[{\"check\":\"unpriv\",\"guard\":null,\"name\":null,"
				  "\"verdict\":\"ok\",\"detail\":\"BPF programs are root's alone\","
				  "\"fix\":\"\",\"fixable\":false,\"fixed\":false}],"
				  "\"verdict\":\"ok\"}\n");
}

static void a_check_that_is_none_is_a_wrong_command_line(void **state)
{
	(void)state;
	assert_mistake(DOCTOR("nonsense"), 2, "doctor has no check 'nonsense'");
	assert_mistake(VERB("doctor", "nobody"), 2, "no guard 'nobody'");
}

static void keep(const struct finding *finding, void *user)
{
	*(struct finding *)user = *finding;
}

static struct hand_order look_at(const char *name)
{
	struct hand_order order = { .what = HAND_LOOK };
	const struct check *check;

	while ((check = doctor_check(order.check, NULL)) && strcmp(check->name, name))
		order.check++;
	assert_non_null(check);
	return order;
}

static void a_check_that_hangs_or_dies_does_not_take_the_rest_along(void **state)
{
	struct hand_order order = look_at("unpriv");
	struct hand hand = HAND_NONE;
	struct finding finding = {};
	struct hand_events events = { .finding = keep, .user = &finding };
	struct problem why = {};
	pid_t first;

	(void)state;
	assert_int_equal(hand_do(&hand, &order, &events, LIMIT_MS, &why), 0);
	assert_string_equal(finding.detail, "BPF programs are root's alone");
	first = hand.pid;
	kill(first, SIGSTOP);
	assert_int_equal(hand_do(&hand, &order, &events, 200, &why), -ETIMEDOUT);
	assert_string_equal(why.text, "no answer in 0 s");
	assert_int_equal(hand.pid, 0);
	assert_int_equal(kill(first, 0), -1); /* nothing is left of it */
	finding = (struct finding){};
	assert_int_equal(hand_do(&hand, &order, &events, LIMIT_MS, &why), 0);
	assert_string_equal(finding.detail, "BPF programs are root's alone");
	kill(hand.pid, SIGKILL);
	assert_int_equal(hand_do(&hand, &order, &events, LIMIT_MS, &why), -EPIPE);
	assert_string_equal(why.text, "the check ended by signal 9");
	assert_int_equal(hand_do(&hand, &order, &events, LIMIT_MS, &why), 0);
	hand_end(&hand);
	assert_int_equal(waitpid(-1, NULL, WNOHANG), 0); /* the far side alone */
}

static void a_lock_that_is_held_does_not_hang_it(void **state)
{
	uint64_t began = now_boot_ns(), took;
	int lock = kernel_lock(NULL), code;

	(void)state;
	assert_true(lock >= 0);
	code = VERB("doctor", "--only", "kernel", "--only", "agent");
	took = now_boot_ns() - began;
	close(lock); /* before anything fails: teardown takes it */
	assert_int_equal(code, 1);
	assert_said("ok    unpriv ");
	assert_said("warn  agent ");
	assert_true(took < 30 * SECOND_NS);
}

/* On a terminal, where somebody types @answer when they are asked; its exit code. */
static int at_terminal(const char *answer, const char *const argv[])
{
	int terminal, status;
	size_t size = 0;
	bool asked = false;
	pid_t pid = forkpty(&terminal, NULL, NULL, NULL);
	ssize_t n;

	if (!pid) {
		execv(argv[0], (char **)argv);
		_exit(99);
	}
	while ((n = read(terminal, said + size, sizeof(said) - 1 - size)) > 0) {
		said[size += n] = '\0';
		if (!asked && strstr(said, "shall it be done? [y/N]")) {
			asked = true;
			assert_int_equal(write(terminal, answer, strlen(answer)), strlen(answer));
		}
	}
	said[size] = '\0';
	close(terminal);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return WEXITSTATUS(status);
}

static void what_somebody_may_notice_is_asked_for_at_a_terminal(void **state)
{
	const char *const argv[] = { bpfd, "doctor", "--only", "workers", "--fix", NULL };
	pid_t hub;

	(void)state;
	agent_start();
	hub = worker_of("hub");
	kill(hub, SIGSTOP);
	assert_int_equal(at_terminal("n\n", argv), 2);
	assert_said("end worker hub, pid ");
	assert_int_equal(worker_of("hub"), hub);
	assert_int_equal(at_terminal("y\n", argv), 0);
	assert_said("2, without privileges (mended)");
	assert_true(worker_of("hub") != hub);
}

static void at_a_terminal_what_takes_long_is_named(void **state)
{
	const char *const argv[] = { bpfd, "doctor", "--only", "agent", NULL };

	(void)state;
	agent_start();
	kill(agent, SIGSTOP); /* the control socket is waited for for two seconds */
	assert_int_equal(at_terminal("", argv), 2);
	assert_said("looking: control");
	kill(agent, SIGCONT);
}

/* --- the kernel ------------------------------------------------------------------------------ */

static void a_kernel_without_type_data_is_found(void **state)
{
	(void)state;
	assert_well("features", "BTF, programs, maps");
	cover("/sys/kernel/btf/vmlinux", "nothing");
	assert_ill("features", 2, "fail  features   btf (fitting programs to this kernel) is not");
	assert_said("fix: CONFIG_DEBUG_INFO_BTF");
	uncover("/sys/kernel/btf/vmlinux");
	assert_well("features", "BTF, programs, maps");
	assert_well("hooks", "all 12 hooks");
}

static void cgroups_that_are_hidden_are_found(void **state)
{
	char root[CGROUP_ROOT_LEN];
	int code;

	(void)state;
	assert_int_equal(cgroup_root(root, NULL), 0);
	assert_well("cgroups", root);
	assert_int_equal(mount("none", root, "tmpfs", 0, NULL), 0);
	code = DOCTOR("cgroups");
	uncover(root); /* before anything fails: teardown needs it */
	assert_int_equal(code, 2);
	assert_said("is hidden under another mount");
	assert_well("cgroups", root);
}

static void a_read_only_bpffs_is_found(void **state)
{
	char place[128], fix[160];

	(void)state;
	snprintf(place, sizeof(place), "%s/bpf", world->dir);
	snprintf(fix, sizeof(fix), "fix: mount -o remount,rw %s\n", place);
	assert_well("bpffs", "writable");
	assert_int_equal(mount(NULL, place, NULL, MS_REMOUNT | MS_RDONLY, NULL), 0);
	assert_ill("bpffs", 2, "is mounted read-only");
	assert_said(fix);
	assert_int_equal(mount(NULL, place, NULL, MS_REMOUNT, NULL), 0);
	assert_well("bpffs", "writable");
	assert_int_equal(mount("none", place, "tmpfs", 0, NULL), 0);
	assert_ill("bpffs", 1, "no BPF file system at ");
	uncover(place);
}

static void what_locks_bpf_down_or_leaves_it_open_is_found(void **state)
{
	static const char unprivileged[] = "/proc/sys/kernel/unprivileged_bpf_disabled",
			  core[] = "/proc/sys/net/core", /* not all of it is seen in a namespace */
	    jit[] = "/proc/sys/net/core/bpf_jit_enable";

	(void)state;
	assert_well("unpriv", "root's alone");
	cover(unprivileged, "0\n");
	assert_ill("unpriv", 1, "fix: sysctl kernel.unprivileged_bpf_disabled=2");
	uncover(unprivileged);
	assert_int_equal(mount("none", core, "tmpfs", 0, NULL), 0);
	file_write(jit, "1\n");
	assert_well("jit", "compiled");
	file_write(jit, "0\n");
	assert_ill("jit", 1, "fix: sysctl net.core.bpf_jit_enable=1");
	uncover(core);
	assert_int_equal(mount("none", "/sys/kernel/security", "tmpfs", 0, NULL), 0);
	assert_well("lockdown", "not seen");
	file_write("/sys/kernel/security/lockdown", "none [integrity] confidentiality\n");
	assert_well("lockdown", "no hindrance");
	file_write("/sys/kernel/security/lockdown", "none integrity [confidentiality]\n");
	assert_ill("lockdown", 2, "fix: boot with lockdown=integrity");
	uncover("/sys/kernel/security");
}

static void an_agent_that_may_open_too_few_files_is_found(void **state)
{
	const struct rlimit few = { 64, 64 };

	(void)state;
	attach_box();
	assert_well("limits", "the agent is not running");
	agent_start();
	assert_well("limits", "for 1 guards");
	assert_int_equal(prlimit(agent, RLIMIT_NOFILE, &few, NULL), 0);
	assert_ill("limits", 1, "the agent may open 64 files: too few for 1 guards");
	assert_said("fix: LimitNOFILE=");
}

/* --- the agent -------------------------------------------------------------------------------- */

static void a_dead_agent_is_found_and_the_next_is_well(void **state)
{
	(void)state;
	agent_start();
	assert_well("agent", "running, pid ");
	assert_said("ok    build ");
	assert_said("ok    control ");
	assert_said("ok    workers    2, without privileges");
	assert_said("ok    hub ");
	agent_end(SIGKILL);
	assert_ill("agent", 1, "warn  agent      not running");
	assert_said("fix: terok-bpfd run");
	agent_start();
	assert_well("agent", "running, pid ");
}

static void a_stopped_agent_is_found(void **state)
{
	char fix[64];

	(void)state;
	agent_start();
	kill(agent, SIGSTOP);
	snprintf(fix, sizeof(fix), "fix: kill -CONT %d\n", agent);
	assert_ill("agent", 2, "is stopped: nobody is asked");
	assert_said(fix);
	assert_said("fail  control ");
	kill(agent, SIGCONT);
	assert_well("agent", "running, pid ");
}

static void a_lock_that_somebody_else_holds_is_found(void **state)
{
	int lock = kernel_agent_lock(NULL);

	(void)state;
	assert_true(lock >= 0);
	assert_ill("build", 2, "test_doctor, which is no terok-bpfd");
	close(lock);
}

static void a_control_socket_that_is_gone_is_found(void **state)
{
	char path[128];

	(void)state;
	agent_start();
	assert_well("control", "control.sock answers");
	snprintf(path, sizeof(path), "%s/run/control.sock", world->dir);
	assert_int_equal(unlink(path), 0);
	assert_ill("control", 2, "control.sock is not there");
	assert_said("fix: start the agent again");
	agent_end(SIGTERM);
	agent_start();
	assert_well("control", "control.sock answers");
}

static void an_agent_of_another_build_is_found(void **state)
{
	char real[sizeof(bpfd)], command[1400];

	(void)state;
	snprintf(real, sizeof(real), "%s", bpfd);
	snprintf(command, sizeof(command), "cp %s %s/old-bpfd && echo >>%s/old-bpfd", bpfd,
		 world->dir, world->dir);
	assert_int_equal(system(command), 0);
	snprintf(bpfd, sizeof(bpfd), "%s/old-bpfd", world->dir);
	agent_start();
	assert_well("build", "old-bpfd");
	snprintf(bpfd, sizeof(bpfd), "%s", real);
	assert_ill("build", 1, "old-bpfd, another build than this");
	agent_end(SIGTERM);
	agent_start();
	assert_well("build", "terok-bpfd");
}

static void a_stopped_worker_is_found_and_replaced(void **state)
{
	pid_t hub;

	(void)state;
	agent_start();
	hub = worker_of("hub");
	assert_true(hub > 0);
	kill(hub, SIGSTOP);
	assert_ill("workers", 2, "is stopped");
	assert_said("doctor --fix: end worker hub, pid ");
	/* nobody is there to agree, and nothing is done */
	assert_int_equal(DOCTOR("workers", "--fix"), 2);
	assert_said("nobody is there to agree");
	assert_int_equal(kill(hub, 0), 0);
	assert_int_equal(DOCTOR("workers", "--fix", "--yes"), 0);
	assert_said("terok-bpfd: end worker hub, pid ");
	assert_said("2, without privileges (mended)\n");
	assert_well("hub", "clearance.sock answers");
	assert_true(worker_of("hub") != hub);
}

static void a_hub_that_does_not_answer_is_found_and_replaced(void **state)
{
	pid_t hub;

	(void)state;
	agent_start();
	hub = worker_of("hub");
	kill(hub, SIGSTOP);
	assert_ill("hub", 2, "does not answer: Connection timed out; nobody is told");
	assert_int_equal(DOCTOR("hub", "--fix", "--yes", "--json"), 0);
	assert_said("\"fixable\":false,\"fixed\":true}],\"verdict\":\"ok\"}\n");
	assert_well("hub", "clearance.sock answers");
}

/* --- /proc -------------------------------------------------------------------------------------- */

static void a_status_is_read_and_half_of_one_is_not(void **state)
{
	static const char text[] = "Name:\thub\\nUid:\t0\nUmask:\t0077\nState:\tT (stopped)\n"
				   "PPid:\t7\nUid:\t65534\t65533\t1\t1\nCapEff:\t00000000a\n"
				   "CapBnd:\tff\nNoNewPrivs:\t1\nSeccomp:\t2\n";
	struct proc_status status;

	(void)state;
	assert_int_equal(proc_status_parse(text, &status), 0);
	assert_int_equal(status.state, 'T');
	assert_int_equal(status.ppid, 7);
	assert_int_equal(status.uid, 65533);
	assert_int_equal(status.effective, 10);
	assert_int_equal(status.bounding, 255);
	assert_int_equal(status.no_new_privs, 1);
	assert_int_equal(status.seccomp, 2);
	assert_int_equal(proc_status_parse("Name:\thub\nState:\tT\n", &status), -EBADMSG);
	assert_int_equal(proc_status(getpid(), &status), 0);
	assert_int_equal(status.ppid, getppid());
}

#define T(test) cmocka_unit_test_setup_teardown(test, programs_setup, programs_teardown)

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		T(its_json_has_what_it_had_and_more),
		T(a_check_that_is_none_is_a_wrong_command_line),
		T(a_check_that_hangs_or_dies_does_not_take_the_rest_along),
		T(a_lock_that_is_held_does_not_hang_it),
		T(what_somebody_may_notice_is_asked_for_at_a_terminal),
		T(at_a_terminal_what_takes_long_is_named),
		T(a_kernel_without_type_data_is_found),
		T(cgroups_that_are_hidden_are_found),
		T(a_read_only_bpffs_is_found),
		T(what_locks_bpf_down_or_leaves_it_open_is_found),
		T(an_agent_that_may_open_too_few_files_is_found),
		T(a_dead_agent_is_found_and_the_next_is_well),
		T(a_stopped_agent_is_found),
		T(a_lock_that_somebody_else_holds_is_found),
		T(a_control_socket_that_is_gone_is_found),
		T(an_agent_of_another_build_is_found),
		T(a_stopped_worker_is_found_and_replaced),
		T(a_hub_that_does_not_answer_is_found_and_replaced),
		cmocka_unit_test(a_status_is_read_and_half_of_one_is_not),
	};

	test_require("doctor");
	programs_find();
	if (argc > 1)
		cmocka_set_test_filter(argv[1]);
	return cmocka_run_group_tests_name("doctor", tests, NULL, NULL);
}
