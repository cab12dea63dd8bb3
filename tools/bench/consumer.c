// SPDX-License-Identifier: Apache-2.0
/* consumer.c - the agent and its ring consumer as children; see consumer.h */
#include "consumer.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bench.h"
#include "place.h"
#include "record.h"

#define START_TRIES 2000 /* milliseconds that a start may take */
#define STOP_TRIES  2000

/* A child of the bench in the agent's cgroup, on the consumer's CPU or on any. */
static pid_t child_start(bool pinned)
{
	int cgroup = place_cgroup("agent");
	pid_t pid = fork();

	if (!pid) {
		prctl(PR_SET_PDEATHSIG, SIGTERM);
		place_enter(cgroup, -1);
		bench_cpu(pinned ? 1 : BENCH_ANY_CPU);
	}
	close(cgroup);
	return pid;
}

static void child_stop(pid_t *pid)
{
	if (*pid <= 0)
		return;
	kill(*pid, SIGTERM);
	for (int i = 0; i < STOP_TRIES; i++) {
		if (waitpid(*pid, NULL, WNOHANG) == *pid) {
			*pid = 0;
			return;
		}
		usleep(1000); /* an end, not a measurement */
	}
	bench_note("process %d did not end in 2 s", (int)*pid);
	kill(*pid, SIGKILL);
	waitpid(*pid, NULL, 0);
	*pid = 0;
}

static void reader_record(const struct terok_record *record, void *user)
{
	struct reader_seen *seen = user;

	(void)record;
	seen->at_ns = bench_ns();
	__atomic_store_n(&seen->records, seen->records + 1, __ATOMIC_RELEASE);
}

static int reader_run(struct reader_seen *seen)
{
	struct problem why = {};
	struct records *records;
	struct kernel *kernel;
	struct loop *loop;
	int r = kernel_open(&kernel, &why);

	if (!r)
		r = records_open(kernel, reader_record, seen, &records);
	if (!r)
		r = loop_new(&loop);
	if (!r)
		r = records_start(records, loop);
	__atomic_store_n(&seen->ready, r ? r : 1, __ATOMIC_RELEASE);
	return r ? r : loop_run(loop);
}

int reader_start(struct reader *reader)
{
	struct reader_seen *seen =
	    mmap(NULL, sizeof(*seen), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	if (seen == MAP_FAILED)
		return -errno;
	reader->seen = seen;
	reader->pid = child_start(true);
	if (!reader->pid)
		_exit(reader_run(seen) ? 1 : 0);
	for (int i = 0; i < START_TRIES && !__atomic_load_n(&seen->ready, __ATOMIC_ACQUIRE); i++)
		usleep(1000);
	return seen->ready == 1 ? 0 : seen->ready ? seen->ready : -ETIMEDOUT;
}

void reader_stop(struct reader *reader)
{
	child_stop(&reader->pid);
	if (reader->seen)
		munmap((void *)reader->seen, sizeof(*reader->seen));
	reader->seen = NULL;
}

const char *agent_socket(void)
{
	static char path[sizeof((struct sockaddr_un){}.sun_path)];

	snprintf(path, sizeof(path), "%s/clearance.sock", kernel_run_dir());
	return path;
}

static bool hub_listens(void)
{
	struct sockaddr_un to = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	bool yes;

	memcpy(to.sun_path, agent_socket(), sizeof(to.sun_path)); /* a static buffer of that size */
	yes = fd >= 0 && !connect(fd, (struct sockaddr *)&to, sizeof(to));
	if (fd >= 0)
		close(fd);
	return yes;
}

static void agent_exec(const struct agent *agent)
{
	const char *days = agent->forgets ? "--history-days=0" : "--history-days=30";
	char program[512], log[512];
	int fd;

	snprintf(program, sizeof(program), "%s/%s", bench.build, agent->program ?: "terok-bpfd");
	snprintf(log, sizeof(log), "%s/agent.log", bench.dir);
	fd = open(log, O_WRONLY | O_CREAT | O_APPEND, 0600);
	if (fd >= 0) {
		dup2(fd, STDOUT_FILENO);
		dup2(fd, STDERR_FILENO);
	}
	execl(program, "terok-bpfd", "run", days, agent->upstream ? "--upstream" : NULL,
	      agent->upstream, NULL);
	_exit(127);
}

int agent_start(struct agent *agent, bool pinned)
{
	agent->pid = child_start(pinned);
	if (!agent->pid)
		agent_exec(agent);
	for (int i = 0; i < START_TRIES; i++) {
		if (hub_listens())
			return 0;
		if (waitpid(agent->pid, NULL, WNOHANG) == agent->pid) {
			agent->pid = 0;
			return bench_fail(-ECHILD, "terok-bpfd run ended at once; see its log");
		}
		usleep(1000);
	}
	agent_stop(agent);
	return bench_fail(-ETIMEDOUT, "no hub at %s", agent_socket());
}

void agent_stop(struct agent *agent)
{
	child_stop(&agent->pid);
}

/* A file of the agent's cgroup. */
static FILE *cgroup_file(const char *name)
{
	int cgroup = place_cgroup("agent"), fd = openat(cgroup, name, O_RDONLY | O_CLOEXEC);

	close(cgroup);
	return fd < 0 ? NULL : fdopen(fd, "r");
}

uint64_t agent_cpu_us(void)
{
	unsigned long long us = 0;
	FILE *f = cgroup_file("cpu.stat");

	if (!f)
		return 0;
	if (fscanf(f, "usage_usec %llu", &us) != 1)
		us = 0;
	fclose(f);
	return us;
}

/* The sum of the numbers that follow @key at the start of a line. */
static uint64_t file_sum(const char *path, const char *key)
{
	FILE *f = fopen(path, "re");
	uint64_t sum = 0;
	char line[256];

	while (f && fgets(line, sizeof(line), f))
		if (!strncmp(line, key, strlen(key)))
			sum += strtoull(line + strlen(key), NULL, 10);
	if (f)
		fclose(f);
	return sum;
}

static void process_state(int pid, struct agent_state *state)
{
	char path[300];
	struct dirent *entry;
	DIR *dir;

	state->processes++;
	snprintf(path, sizeof(path), "/proc/%d/smaps_rollup", pid);
	state->rss_kib += file_sum(path, "Rss:");
	state->pss_kib += file_sum(path, "Pss:");
	snprintf(path, sizeof(path), "/proc/%d/task", pid);
	dir = opendir(path);
	while (dir && (entry = readdir(dir))) {
		snprintf(path, sizeof(path), "/proc/%d/task/%.16s/status", pid, entry->d_name);
		if (entry->d_name[0] != '.')
			state->switches += file_sum(path, "voluntary_ctxt_switches:");
	}
	if (dir)
		closedir(dir);
}

int agent_state(struct agent_state *ret)
{
	struct agent_state state = {};
	FILE *f = cgroup_file("cgroup.procs");
	int pid;

	if (!f)
		return -ENOENT;
	while (fscanf(f, "%d", &pid) == 1)
		process_state(pid, &state);
	fclose(f);
	*ret = state;
	return state.processes ? 0 : -ESRCH;
}

int agent_drained(const struct ours *ours, uint64_t timeout_ns)
{
	int fd = ours->kernel->map[MAP_RECORDS], r = -ETIMEDOUT;
	long page = sysconf(_SC_PAGESIZE);
	uint64_t end = bench_ns() + timeout_ns;
	const volatile unsigned long *consumer, *producer;

	consumer = mmap(NULL, page, PROT_READ, MAP_SHARED, fd, 0);
	producer = mmap(NULL, page, PROT_READ, MAP_SHARED, fd, page);
	if (consumer == MAP_FAILED || producer == MAP_FAILED)
		return -errno;
	while (r && bench_ns() < end) {
		r = *consumer == *producer ? 0 : -ETIMEDOUT;
		usleep(100);
	}
	munmap((void *)consumer, page);
	munmap((void *)producer, page);
	return r;
}
