// SPDX-License-Identifier: Apache-2.0
/*
 * test_agent.c - "terok-bpfd run" and the verbs, as people run them: survival, bad input
 *
 * The program is the one beside this test's folder. Its clients are libclearance.
 */
#include "support.h"

#include <bpf/bpf.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/pidfd.h>
#include <sys/socket.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/confine.h"
#include "base/sock.h"
#include "cgroup.h"
#include "terok/clearance.h"

#define LIMIT_MS 10000 /* for anything that is waited for */

static char bpfd[512];
static struct test_world *world;
static pid_t agent;

/* --- the programs ---------------------------------------------------------------------- */

/* Run a verb; its exit code. What it printed (both streams) is in said. */
static char said[65536];
#define VERB(...) verb((const char *const[]){ bpfd, __VA_ARGS__, NULL })
static int verb(const char *const argv[])
{
	int out[2], status;
	size_t size = 0;
	ssize_t n;
	pid_t pid;

	assert_int_equal(pipe2(out, O_CLOEXEC), 0);
	pid = fork();
	if (!pid) {
		dup2(out[1], 1);
		dup2(out[1], 2);
		execv(argv[0], (char **)argv);
		_exit(99);
	}
	close(out[1]);
	while ((n = read(out[0], said + size, sizeof(said) - 1 - size)) > 0)
		size += n;
	said[size] = '\0';
	close(out[0]);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	return WEXITSTATUS(status);
}

static void assert_said(const char *text)
{
	if (!strstr(said, text))
		fail_msg("'%s' is missing in: %s", text, said);
}

/* One line, and the exit code of its kind. */
static void assert_mistake(int code, int want, const char *text)
{
	char *end = strchr(said, '\n');

	assert_said(text);
	assert_int_equal(code, want);
	if (!end || end[1])
		fail_msg("not one line: %s", said);
}

static void agent_start(void)
{
	struct pollfd ready = { .events = POLLIN };
	int pair[2];
	char fd[8];

	assert_int_equal(pipe(pair), 0);
	agent = fork();
	if (!agent) {
		close(pair[0]);
		snprintf(fd, sizeof(fd), "%d", pair[1]);
		execl(bpfd, "terok-bpfd", "run", "--ready-fd", fd, NULL);
		_exit(99);
	}
	close(pair[1]);
	ready.fd = pair[0];
	assert_int_equal(poll(&ready, 1, LIMIT_MS), 1);
	assert_int_equal(read(pair[0], fd, 1), 1);
	close(pair[0]);
}

static void agent_end(int sig)
{
	kill(agent, sig);
	waitpid(agent, NULL, 0);
	agent = 0;
}

static int setup(void **state)
{
	(void)state;
	world = test_world_new();
	assert_int_equal(VERB("load"), 0);
	assert_int_equal(kernel_open(&world->kernel, NULL), 0);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	if (agent)
		agent_end(SIGKILL);
	test_world_free(world);
	return 0;
}

/* --- a hub client ---------------------------------------------------------------------- */

static struct {
	struct terok_client *client;
	char type[32], state[12], id[40], dest[52], exe[160], error[64];
	int64_t guard;
	bool subscribed, answered;
	unsigned events;
} hub;

static void on_subscribed(void *user)
{
	(void)user;
	hub.subscribed = true;
}

static void on_event(const struct terok_event *event, int64_t lost, void *user)
{
	(void)lost;
	(void)user;
	hub.events++;
	hub.guard = event->guard;
	snprintf(hub.type, sizeof(hub.type), "%s", event->type);
	snprintf(hub.state, sizeof(hub.state), "%s", event->state);
	snprintf(hub.id, sizeof(hub.id), "%s", event->request_id);
	snprintf(hub.dest, sizeof(hub.dest), "%s", event->dest);
	snprintf(hub.exe, sizeof(hub.exe), "%s", event->process.exe);
}

static void on_answered(const char *error, const char *problem, uint64_t cookie, void *user)
{
	(void)problem;
	(void)cookie;
	(void)user;
	hub.answered = true;
	snprintf(hub.error, sizeof(hub.error), "%s", error ? error : "");
}

static const struct terok_client_events events = { .subscribed = on_subscribed,
						   .event = on_event,
						   .answered = on_answered };

static void hub_path(char path[static 128])
{
	snprintf(path, 128, "%s/clearance.sock", getenv("TEROK_RUN"));
}

static void hub_wait(const bool *done, const char *type)
{
	uint64_t until = now_boot_ns() + LIMIT_MS * UINT64_C(1000000);

	while (done ? !*done : strcmp(hub.type, type) != 0) {
		struct pollfd ready = { .fd = terok_client_fd(hub.client), .events = POLLIN };

		if (now_boot_ns() > until || poll(&ready, 1, LIMIT_MS) != 1)
			fail_msg("no %s came", type);
		assert_int_equal(terok_client_process(hub.client), 0);
	}
}

static void hub_connect(bool replay)
{
	char path[128];

	hub_path(path);
	memset(&hub, 0, sizeof(hub));
	assert_int_equal(terok_client_open(path, &events, NULL, &hub.client), 0);
	assert_int_equal(terok_client_monitor(hub.client, 0, replay), 0);
	hub_wait(&hub.subscribed, "subscription");
}

static void hub_answer(const char *action)
{
	hub.answered = false;
	assert_int_equal(terok_client_answer(hub.client, hub.id, action, "session", 0, 1), 0);
	hub_wait(&hub.answered, "answer");
}

/* --- the walk -------------------------------------------------------------------------- */

static void attach(void)
{
	assert_int_equal(VERB("attach", world->cgroup_path, "--name", "box"), 0);
}

static void refused_told_answered_passed(void **state)
{
	(void)state;
	agent_start();
	attach();
	hub_connect(false);
	assert_int_equal(test_tcp(world, TEST_FAR), EHOSTUNREACH);
	hub_wait(NULL, "request");
	assert_string_equal(hub.dest, TEST_FAR);
	assert_int_equal(hub.guard, 1);
	hub_answer("allow");
	assert_string_equal(hub.error, "");
	/* in force before the answer's answer: no waiting here */
	assert_int_equal(test_tcp(world, TEST_FAR), 0);
	hub_answer("deny");
	assert_string_equal(hub.error, "org.terok.Firewall1.UnknownRequest");
	assert_int_equal(test_tcp(world, TEST_FAR), 0);
	terok_client_close(hub.client);
}

/* Between question and answer the whole range was denied: the answer cannot hold, so it fails. */
static void an_answer_that_would_not_hold_is_refused(void **state)
{
	(void)state;
	agent_start();
	attach();
	hub_connect(false);
	assert_int_equal(test_tcp(world, TEST_FAR), EHOSTUNREACH);
	hub_wait(NULL, "request");
	assert_int_equal(VERB("deny", "box", "198.51.100.0/24"), 0);
	hub_answer("allow");
	assert_string_equal(hub.error, "org.terok.Firewall1.NotApplied");
	assert_int_equal(test_tcp(world, TEST_FAR), EHOSTUNREACH);
	assert_int_equal(VERB("rules", "box"), 0);
	assert_null(strstr(said, "allow"));
	/* asked again when nothing stands above it */
	assert_int_equal(VERB("deny", "box", "198.51.100.0/24", "--remove"), 0);
	hub.type[0] = '\0';
	assert_int_equal(test_tcp(world, TEST_FAR), EHOSTUNREACH);
	hub_wait(NULL, "request");
	hub_answer("allow");
	assert_string_equal(hub.error, "");
	assert_int_equal(test_tcp(world, TEST_FAR), 0);
	terok_client_close(hub.client);
}

static void a_bypass_window_is_told_and_its_end_too(void **state)
{
	(void)state;
	agent_start();
	attach();
	hub_connect(false);
	assert_int_equal(VERB("bypass", "box", "--for", "1s"), 0);
	assert_said("open for 1 s");
	hub_wait(NULL, "guard_state");
	assert_string_equal(hub.state, "down");
	/* nobody says anything more: the window's own end is news */
	hub.type[0] = '\0';
	hub_wait(NULL, "guard_state");
	assert_string_equal(hub.state, "up");
	assert_int_equal(test_tcp(world, TEST_FAR), EHOSTUNREACH);
	assert_mistake(VERB("bypass", "box"), 2, "--for TIME or --off");
	terok_client_close(hub.client);
}

static pid_t hold_connection(void)
{
	int pipes[2];
	char byte;
	pid_t pid;

	assert_int_equal(pipe(pipes), 0);
	pid = fork();
	if (!pid) {
		const struct test_dest far = { .addr = TEST_FAR, .port = TEST_PORT };

		if (cgroup_join(world->cgroup_fd) || test_connect(&far) ||
		    write(pipes[1], "c", 1) != 1)
			_exit(1);
		pause();
		_exit(0);
	}
	close(pipes[1]);
	assert_int_equal(read(pipes[0], &byte, 1), 1);
	close(pipes[0]);
	return pid;
}

static void a_transition_ends_connections_unless_told_to_keep_them(void **state)
{
	pid_t holder;

	(void)state;
	attach();
	assert_int_equal(VERB("down", "box"), 0);
	holder = hold_connection();
	assert_int_equal(VERB("up", "box", "--keep-flows"), 0);
	assert_null(strstr(said, "ended"));
	assert_int_equal(VERB("block", "box"), 0);
	assert_said("1 connection ended");
	assert_int_equal(VERB("up", "box", "--json"), 0);
	assert_said("\"flows_ended\":0");
	kill(holder, SIGKILL);
	waitpid(holder, NULL, 0);
}

static void a_killed_agent_changes_nothing_and_its_records_wait(void **state)
{
	unsigned streams = world->far->streams;

	(void)state;
	agent_start();
	attach();
	assert_int_equal(VERB("allow", "box", "203.0.113.1"), 0);
	assert_int_equal(test_tcp(world, "203.0.113.1"), 0);
	agent_end(SIGKILL);

	assert_int_equal(test_tcp(world, TEST_FAR), EHOSTUNREACH);
	assert_int_equal(test_tcp(world, "203.0.113.1"), 0);
	while (world->far->streams < streams + 2)
		;
	assert_int_equal(world->far->streams, streams + 2);

	/* the next one adopts the guard, and hears what happened meanwhile */
	agent_start();
	hub_connect(true);
	hub_wait(NULL, "request");
	assert_string_equal(hub.dest, TEST_FAR);
	assert_int_equal(hub.guard, 1);
	hub_answer("allow");
	assert_int_equal(test_tcp(world, TEST_FAR), 0);
	terok_client_close(hub.client);
}

static void a_second_agent_is_refused_with_the_pid_of_the_first(void **state)
{
	char pid[32];
	int code;

	(void)state;
	agent_start();
	snprintf(pid, sizeof(pid), "with pid %d", agent);
	code = VERB("run");
	assert_mistake(code, 1, pid);
	code = VERB("unload");
	assert_mistake(code, 1, pid);
	assert_int_equal(VERB("status"), 0);
	assert_said("running");
	agent_end(SIGTERM);
	assert_int_equal(VERB("status"), 0);
	assert_said("not running");
}

static pid_t child_of(pid_t parent)
{
	char path[64];
	long pid = 0;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/task/%d/children", parent, parent);
	f = fopen(path, "r");
	assert_non_null(f);
	if (fscanf(f, "%ld", &pid) != 1)
		pid = 0;
	fclose(f);
	return pid;
}

static void a_killed_hub_is_started_again_and_knows_what_is_open(void **state)
{
	struct pollfd gone = { .events = POLLIN };
	pid_t worker;

	(void)state;
	agent_start();
	attach();
	hub_connect(false);
	assert_int_equal(test_tcp(world, TEST_FAR), EHOSTUNREACH);
	hub_wait(NULL, "request");
	terok_client_close(hub.client);

	worker = child_of(agent);
	assert_true(worker > 0);
	gone.fd = pidfd_open(worker, 0);
	kill(worker, SIGKILL);
	assert_int_equal(poll(&gone, 1, LIMIT_MS), 1);
	close(gone.fd);
	hub_connect(true); /* the socket is the core's: it waits in the backlog if need be */
	hub_wait(NULL, "request");
	assert_string_equal(hub.dest, TEST_FAR);
	hub_answer("allow");
	assert_int_equal(test_tcp(world, TEST_FAR), 0);
	terok_client_close(hub.client);
}

static void a_guard_whose_cgroup_goes_is_forgotten(void **state)
{
	char path[TEROK_PATH_LEN + 8];
	int fd;

	(void)state;
	snprintf(path, sizeof(path), "%s-gone", world->cgroup_path);
	fd = cgroup_create(path, NULL);
	assert_int_equal(VERB("attach", path, "--name", "gone"), 0);
	assert_int_equal(VERB("allow", "gone", "203.0.113.0/24"), 0);
	agent_start();
	hub_connect(false);
	close(fd);
	assert_int_equal(cgroup_remove(path, NULL, NULL), 0);
	hub_wait(NULL, "guard_detached");
	assert_int_equal(VERB("status", "--json"), 0);
	assert_said("\"guards\":[]");
	terok_client_close(hub.client);
}

/* --- what the processes may still do ----------------------------------------------------- */

static void status_line(pid_t pid, const char *key, char ret[static 64])
{
	char path[32], line[256];
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/status", pid);
	f = fopen(path, "r");
	assert_non_null(f);
	ret[0] = '\0';
	while (fgets(line, sizeof(line), f))
		if (!strncmp(line, key, strlen(key)))
			sscanf(line + strlen(key), ": %63s", ret);
	fclose(f);
}

static void privileges_are_what_they_are_said_to_be(void **state)
{
	static const char *const sets[] = { "CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb" };
	char value[64];
	pid_t worker;

	(void)state;
	agent_start();
	hub_connect(false); /* it serves: it is confined */
	worker = child_of(agent);
	for (size_t i = 0; i < 5; i++) {
		status_line(worker, sets[i], value);
		assert_string_equal(value, "0000000000000000");
	}
	status_line(worker, "Uid", value);
	assert_string_equal(value, "65534");
	status_line(worker, "Seccomp", value);
#ifndef CONFINE_SANITIZED /* its run time makes calls of its own choice */
	assert_string_equal(value, "2");
#endif
	status_line(worker, "NoNewPrivs", value);
	assert_string_equal(value, "1");

	status_line(agent, "NoNewPrivs", value);
	assert_string_equal(value, "1");
	status_line(agent, "CapEff", value);
	/* 1-2 no, DAC_READ_SEARCH, KILL, SETGID, SETUID, SETPCAP, NET_ADMIN, PTRACE, ADMIN, PERFMON, BPF */
	assert_int_equal(strtoull(value, NULL, 16) &
			     ~(1ULL << 2 | 1ULL << 5 | 1ULL << 6 | 1ULL << 7 | 1ULL << 8 |
			       1ULL << 12 | 1ULL << 19 | 1ULL << 21 | 1ULL << 38 | 1ULL << 39),
			 0);
	terok_client_close(hub.client);
}

/* --- load, unload ------------------------------------------------------------------------ */

/* The usual limit of 1,024 files is enough for 340 guards. */
static void it_may_open_files_for_every_guard_there_can_be(void **state)
{
	struct rlimit mine, its;

	(void)state;
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &mine), 0);
	its = mine;
	its.rlim_cur = 1024;
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &its), 0);
	agent_start();
	assert_int_equal(prlimit(agent, RLIMIT_NOFILE, NULL, &its), 0);
	assert_true(its.rlim_cur > 3 * TEROK_MAX_GUARDS || its.rlim_cur == mine.rlim_max);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &mine), 0);
}

static void loading_twice_is_harmless_and_unloading_removes_all(void **state)
{
	(void)state;
	attach();
	assert_int_equal(VERB("deny", "box", "192.0.2.1"), 0);
	assert_int_equal(VERB("load"), 0);
	assert_said("already loaded");
	assert_int_equal(VERB("rules", "box", "--json"), 0);
	assert_said("192.0.2.1");
	assert_int_equal(test_tcp(world, TEST_FAR), EHOSTUNREACH);
	assert_int_equal(VERB("unload"), 0);
	assert_said("removed 1 guards, 6 programs, 10 maps");
	assert_int_equal(access(getenv("TEROK_PINS"), F_OK), -1);
	assert_int_equal(test_tcp(world, TEST_FAR), 0);
	assert_int_equal(VERB("unload"), 0);
	assert_said("nothing was loaded");
}

static void maps_show_their_fields_by_name(void **state)
{
	char path[160], command[256], out[2048] = "";
	FILE *f;

	(void)state;
	attach();
	assert_int_equal(VERB("allow", "box", "192.0.2.7:443/tcp"), 0);
	snprintf(path, sizeof(path), "%s/v1/maps/terok_rules", getenv("TEROK_PINS"));
	snprintf(command, sizeof(command),
		 "PATH=$PATH:/usr/sbin bpftool map dump pinned %s | tr -d ' \\n'", path);
	f = popen(command, "r");
	assert_non_null(f);
	assert_true(fread(out, 1, sizeof(out) - 1, f) > 0);
	pclose(f);
	assert_non_null(strstr(out, "\"guard\":1,\"port\":443,\"proto\":6,"));
	assert_non_null(strstr(out, "\"addr\":[0,0,0,0,0,0,0,0,0,0,255,255,192,0,2,7]"));
	assert_non_null(strstr(out, "\"until_ns\":0"));
}

static void a_half_attached_guard_denies_and_is_completed(void **state)
{
	char path[160];

	(void)state;
	attach();
	assert_int_equal(VERB("allow", "box", TEST_FAR), 0);
	assert_int_equal(test_tcp(world, TEST_FAR), 0);
	/* as if an agent had died between the links and the state word */
	guard_set_state(world->kernel, 1, TEROK_STATE_NONE, NULL);
	snprintf(path, sizeof(path), "%s/v1/guards/1/connect4", getenv("TEROK_PINS"));
	assert_int_equal(unlink(path), 0);
	assert_int_equal(VERB("status"), 0);
	assert_said("error");
	assert_int_not_equal(test_udp(world, TEST_FAR), 0);
	assert_int_equal(VERB("attach", world->cgroup_path), 0);
	assert_said("already guard 1");
	assert_int_equal(test_tcp(world, TEST_FAR), 0);
	assert_int_equal(test_tcp(world, "203.0.113.1"), EHOSTUNREACH);
}

/* --- bad input --------------------------------------------------------------------------- */

static void wrong_command_lines_are_one_line_and_exit_2(void **state)
{
	(void)state;
	attach();
	assert_mistake(VERB("frobnicate"), 2, "frobnicate");
	assert_mistake(VERB("load", "--nonsense"), 2, "--nonsense");
	assert_mistake(VERB("attach"), 2, "attach");
	assert_mistake(VERB("allow", "box", "example.com"), 2, "example.com");
	assert_mistake(VERB("allow", "box", "10.0.0.0/33"), 2, "33");
	assert_mistake(VERB("allow", "box", "192.0.2.1", "--port", "70000"), 2, "70000");
	assert_mistake(VERB("allow", "box", "192.0.2.1", "--proto", "carrier"), 2, "carrier");
	assert_mistake(VERB("deny", "box", "192.0.2.1", "--for", "soon"), 2, "soon");
	assert_mistake(VERB("allow", "box", "192.0.2.1:1", "--port", "2"), 2, "twice");
	assert_int_equal(VERB("rules", "box"), 0);
	assert_said("0 rules");
}

static void what_is_not_there_is_named_and_exits_1(void **state)
{
	(void)state;
	assert_mistake(VERB("attach", "no-such-container"), 1, "no-such-container");
	assert_mistake(VERB("attach", "/no/such/cgroup"), 1, "/no/such/cgroup");
	assert_mistake(VERB("attach", "/../etc"), 1, "..");
	assert_mistake(VERB("up", "nobody"), 1, "nobody");
	assert_mistake(VERB("watch"), 1, "terok-bpfd run");
}

static void a_full_rule_table_refuses_and_evicts_nothing(void **state)
{
	struct terok_rule_key key = { .guard = 1, .addr = { [10] = 0xff, [11] = 0xff } };
	struct terok_rule rule = { .action = TEROK_ALLOW, .bits = 128 };
	char dest[] = "203.0.113.99";

	(void)state;
	attach();
	assert_int_equal(VERB("allow", "box", TEST_FAR), 0);
	for (unsigned i = 0; i < TEROK_MAX_RULES - 1; i++) {
		memcpy(key.addr + 12, &i, 4);
		key.addr[12] |= 0x20; /* never the one that matters */
		key.port = 1 + i / 30000;
		if (bpf_map_update_elem(world->kernel->map[MAP_RULES], &key, &rule, BPF_ANY))
			break;
	}
	/* keys that met each other left room: fill it up */
	for (key.port = 100;
	     !bpf_map_update_elem(world->kernel->map[MAP_RULES], &key, &rule, BPF_ANY); key.port++)
		;
	assert_mistake(VERB("allow", "box", dest), 1, "full");
	assert_int_equal(test_tcp(world, dest), EHOSTUNREACH);
	assert_int_equal(test_tcp(world, TEST_FAR), 0);
	assert_int_equal(VERB("deny", "box", TEST_FAR), 0); /* replaces: needs no room */
	assert_int_equal(test_tcp(world, TEST_FAR), EHOSTUNREACH);
}

static void pins_of_another_version_are_named(void **state)
{
	char path[160];

	(void)state;
	assert_int_equal(VERB("unload"), 0);
	assert_int_equal(mkdir(getenv("TEROK_PINS"), 0700), 0);
	snprintf(path, sizeof(path), "%s/v9", getenv("TEROK_PINS"));
	assert_int_equal(mkdir(path, 0700), 0);
	assert_mistake(VERB("load"), 1, "v9");
	assert_mistake(VERB("status"), 1, "v9");
	assert_int_equal(rmdir(path), 0);
	assert_int_equal(VERB("load"), 0);
}

static void a_map_of_another_layout_is_named(void **state)
{
	char path[160];
	int fd;

	(void)state;
	fd = bpf_map_create(BPF_MAP_TYPE_HASH, "other", 4, 4, 16, NULL);
	snprintf(path, sizeof(path), "%s/v1/maps/terok_info", getenv("TEROK_PINS"));
	assert_int_equal(unlink(path), 0);
	assert_int_equal(bpf_obj_pin(fd, path), 0);
	close(fd);
	assert_mistake(VERB("load"), 1, "terok_info");
	assert_said("unload");
}

static void a_read_only_bpffs_is_named(void **state)
{
	char path[128];

	(void)state;
	assert_int_equal(VERB("unload"), 0);
	snprintf(path, sizeof(path), "%s/bpf", world->dir);
	assert_int_equal(mount(NULL, path, NULL, MS_REMOUNT | MS_RDONLY, NULL), 0);
	assert_mistake(VERB("load"), 1, "read-only");
	assert_int_equal(mount(NULL, path, NULL, MS_REMOUNT, NULL), 0);
	assert_int_equal(VERB("load"), 0);
}

static void a_kernel_without_btf_is_named(void **state)
{
	(void)state;
	assert_int_equal(VERB("unload"), 0);
	assert_int_equal(mount("none", "/sys/kernel/btf", "tmpfs", 0, NULL), 0);
	assert_mistake(VERB("load"), 1, "BTF");
	assert_int_equal(umount("/sys/kernel/btf"), 0);
}

static void a_host_without_cgroup_v2_is_named(void **state)
{
	char root[CGROUP_ROOT_LEN];

	(void)state;
	assert_int_equal(cgroup_root(root, NULL), 0);
	/* hybrid: cover the v2 half; unified: cover all of it */
	assert_int_equal(mount("none", root, "tmpfs", 0, NULL), 0);
	assert_mistake(VERB("attach", "/some"), 1, "cgroup");
	assert_int_equal(umount(root), 0);
}

static int as_nobody(const void *arg)
{
	(void)arg;
	if (setgid(65534) || setuid(65534))
		return 98;
	return VERB("load") == 1 && strstr(said, "root") ? 0 : 97;
}

static void without_privileges_the_way_out_is_named(void **state)
{
	(void)state;
	chmod(world->dir, 0755);
	assert_int_equal(test_outside(as_nobody, NULL), 0);
}

/* --- hostile peers ----------------------------------------------------------------------- */

static int peer_connect(void)
{
	char path[128];
	int fd;

	hub_path(path);
	fd = sock_connect(path);
	assert_true(fd >= 0);
	assert_int_equal(fcntl(fd, F_SETFL, 0), 0);
	return fd;
}

static void peers_that_lie_flood_or_never_read_hurt_only_themselves(void **state)
{
	static const char list[] = "{\"method\":\"org.terok.Firewall1.ListGuards\"}";
	static char block[1 << 16];
	int garbage, endless, deaf;
	size_t sent = 0;

	(void)state;
	agent_start();
	attach();
	signal(SIGPIPE, SIG_IGN);
	memset(block, 'x', sizeof(block));

	garbage = peer_connect();
	assert_int_equal(write(garbage, "{{{\0[1]\0\xff\xfe\0", 10), 10);
	endless = peer_connect(); /* a gigabyte without a NUL: cut off long before */
	while (sent < 1U << 30) {
		ssize_t n = send(endless, block, sizeof(block), MSG_NOSIGNAL);

		if (n < 0)
			break;
		sent += n;
	}
	assert_true(sent < 4U << 20);
	deaf = peer_connect(); /* asks and asks, and never reads */
	assert_int_equal(fcntl(deaf, F_SETFL, O_NONBLOCK), 0);
	for (int i = 0; i < 200000; i++)
		if (write(deaf, list, sizeof(list)) < 0)
			break;
	assert_int_equal(errno, EAGAIN);

	/* everybody else is served, and the walk goes on */
	hub_connect(false);
	assert_int_equal(test_tcp(world, TEST_FAR), EHOSTUNREACH);
	hub_wait(NULL, "request");
	hub_answer("allow");
	assert_int_equal(test_tcp(world, TEST_FAR), 0);
	assert_int_equal(waitpid(agent, NULL, WNOHANG), 0);
	terok_client_close(hub.client);
	close(garbage);
	close(endless);
	close(deaf);
}

static void find_program(void)
{
	char self[480];
	ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);

	self[n > 0 ? n : 0] = '\0';
	for (int i = 0; i < 3; i++)
		*strrchr(self, '/') = '\0';
	snprintf(bpfd, sizeof(bpfd), "%s/terok-bpfd", self);
	if (access(bpfd, X_OK)) {
		printf("%s is not there: make it first\n", bpfd);
		exit(1);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
		T(refused_told_answered_passed),
		T(an_answer_that_would_not_hold_is_refused),
		T(a_bypass_window_is_told_and_its_end_too),
		T(a_transition_ends_connections_unless_told_to_keep_them),
		T(a_killed_agent_changes_nothing_and_its_records_wait),
		T(a_second_agent_is_refused_with_the_pid_of_the_first),
		T(a_killed_hub_is_started_again_and_knows_what_is_open),
		T(a_guard_whose_cgroup_goes_is_forgotten),
		T(privileges_are_what_they_are_said_to_be),
		T(it_may_open_files_for_every_guard_there_can_be),
		T(loading_twice_is_harmless_and_unloading_removes_all),
		T(maps_show_their_fields_by_name),
		T(a_half_attached_guard_denies_and_is_completed),
		T(wrong_command_lines_are_one_line_and_exit_2),
		T(what_is_not_there_is_named_and_exits_1),
		T(a_full_rule_table_refuses_and_evicts_nothing),
		T(pins_of_another_version_are_named),
		T(a_map_of_another_layout_is_named),
		T(a_read_only_bpffs_is_named),
		T(a_kernel_without_btf_is_named),
		T(a_host_without_cgroup_v2_is_named),
		T(without_privileges_the_way_out_is_named),
		T(peers_that_lie_flood_or_never_read_hurt_only_themselves),
	};

	test_require("kernel/agent");
	find_program();
	return cmocka_run_group_tests_name("kernel/agent", tests, NULL, NULL);
}
