// SPDX-License-Identifier: Apache-2.0
/*
 * test_consumer.c - record.c on a loop: who wakes whom, and that nobody sleeps through it
 */
#include "support.h"

#include <arpa/inet.h>
#include <bpf/bpf.h>
#include <errno.h>
#include <sched.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cgroup.h"

#define MS UINT64_C(1000000)

static struct test_world *world;
static struct loop *loop;
static struct timer limit;

static int setup(void **state)
{
	(void)state;
	world = test_world_new();
	test_load(world);
	test_guard(world, TEROK_STATE_UP, UINT32_MAX, UINT32_MAX);
	assert_int_equal(loop_new(&loop), 0);
	assert_int_equal(records_start(world->records, loop), 0);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	records_close(world->records);
	world->records = NULL;
	timer_disarm(&limit);
	loop_free(loop);
	test_world_free(world);
	return 0;
}

static int stop(struct timer *timer)
{
	(void)timer;
	return -ETIME;
}

/* The consumer's loop for a while; it does not end by itself. */
static void consume_for(uint64_t ns)
{
	timer_arm(loop, &limit, now_boot_ns() + ns, stop);
	assert_int_equal(loop_run(loop), -ETIME);
}

static unsigned asleep(void)
{
	struct terok_wake wake;
	uint32_t zero = 0;

	assert_int_equal(bpf_map_lookup_elem(world->kernel->map[MAP_WAKE], &zero, &wake), 0);
	return wake.asleep;
}

static void the_first_record_wakes_and_the_next_ones_do_not(void **state)
{
	(void)state;
	consume_for(20 * MS);
	assert_int_equal(asleep(), 1);

	/* nobody runs the loop now: the first refusal takes the flag, and it stays taken */
	assert_int_equal(test_tcp(world, TEST_FAR), EHOSTUNREACH);
	assert_int_equal(asleep(), 0);
	assert_int_equal(test_tcp(world, TEST_FAR), EHOSTUNREACH);
	assert_int_equal(asleep(), 0);
	assert_int_equal(world->n_records, 0);

	consume_for(20 * MS);
	assert_int_equal(world->n_records, 2);
	assert_int_equal(asleep(), 1);
}

static void a_closed_consumer_leaves_the_flag_awake(void **state)
{
	(void)state;
	consume_for(20 * MS);
	assert_int_equal(asleep(), 1);
	records_close(world->records);
	world->records = NULL;
	assert_int_equal(asleep(), 0);
}

/* --- the agreement under fire ------------------------------------------------------------ */

#define ROUNDS 10000

static volatile unsigned *taken; /* by the consumer; shared with the refused process */

static void count(const struct terok_record *record, void *user)
{
	(void)record;
	(void)user;
	++*taken;
}

/* Beside each other, not in turns, or a round takes as long as a time slice. */
static void run_on(unsigned cpu)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	sched_setaffinity(0, sizeof(set), &set); /* one CPU only: slower, and as true */
}

static int refused_again_and_again(const void *arg)
{
	struct sockaddr_in sin = { .sin_family = AF_INET, .sin_port = htons(9) };
	int fd = socket(AF_INET, SOCK_DGRAM, 0);

	(void)arg;
	run_on(1);
	inet_pton(AF_INET, TEST_FAR, &sin.sin_addr);
	for (unsigned i = 0; i < ROUNDS; i++) {
		uint64_t until = now_boot_ns() + UINT64_C(10000) * MS;

		if (!connect(fd, (struct sockaddr *)&sin, sizeof(sin)))
			return 1;
		/* the consumer is about to sleep, asleep, or just awake: each in some round */
		while (*taken <= i)
			if (now_boot_ns() > until)
				return 2; /* it slept through a record */
		/* mostly around the moment in which it decides to sleep */
		until = now_boot_ns() + RECORD_LINGER_NS - 10000 + i * 7919 % 20000;
		while (i % 4 && now_boot_ns() < until)
			;
	}
	return 0;
}

static int child_ended(struct source *source, uint32_t events)
{
	(void)source;
	(void)events;
	return -ECHILD;
}

static void no_record_is_slept_through(void **state)
{
	struct source source = {};
	int end[2], status;
	pid_t pid;

	(void)state;
	records_close(world->records);
	taken = (volatile unsigned *)&world->far->datagrams; /* shared memory, not used here */
	*taken = 0;
	assert_int_equal(records_open(world->kernel, count, NULL, &world->records), 0);
	assert_int_equal(records_start(world->records, loop), 0);
	assert_int_equal(pipe(end), 0);
	pid = fork();
	if (!pid) {
		close(end[0]);
		_exit(cgroup_join(world->cgroup_fd) ? 255 : refused_again_and_again(NULL));
	}
	run_on(0);
	close(end[1]); /* its end of file is the child's end */
	assert_int_equal(source_add(loop, &source, end[0], EPOLLIN, child_ended), 0);
	assert_int_equal(loop_run(loop), -ECHILD);
	source_del(&source);
	close(end[0]);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	assert_int_equal(*taken, ROUNDS);
	assert_int_equal(records_foreign(world->records), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
		T(the_first_record_wakes_and_the_next_ones_do_not),
		T(a_closed_consumer_leaves_the_flag_awake),
		T(no_record_is_slept_through),
	};

	test_require("kernel/consumer");
	return cmocka_run_group_tests_name("kernel/consumer", tests, NULL, NULL);
}
