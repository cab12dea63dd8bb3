// SPDX-License-Identifier: Apache-2.0
/*
 * test_stuck.c - a thousand subscribers that never read: what they cost the hub and the others
 *
 * Without privileges there are fewer of them: a user may not have so many.
 */
#include "served.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/confine.h"
#include "base/varlink.h"
#include "hub/lane.h"

#define STUCK   1000
#define FILL    600 /* events after which each of them is stuck: a socket holds a few hundred */
#define EVENTS  2000
#define ROUNDS  8 /* of which one has to show it: others run on this machine as well */
#define MONITOR "{\"method\":\"" FIREWALL ".Monitor\",\"more\":true}"
#define SUBSCRIBE                                                                                  \
	"{\"method\":\"org.varlink.service.GetInfo\"}\0{\"method\":\"" CLEARANCE                   \
	".Subscribe\",\"more\":true}"
#define BASE_BYTES (2 << 20)  /* what a hub may take */
#define EACH_BYTES (32 << 10) /* ... and for each subscriber */

static int stuck[STUCK], reader;
static unsigned n_stuck;
static uint64_t told;

static int teardown(void **state)
{
	while (n_stuck)
		close(stuck[--n_stuck]);
	return served_teardown(state);
}

/* What the hub has written to itself, bytes. */
static uint64_t memory(void)
{
	_cleanup_fclose_ FILE *file = NULL;
	char name[64], line[256];
	uint64_t kib = 0;

	snprintf(name, sizeof(name), "/proc/%d/status", worker);
	file = fopen(name, "re");
	assert_non_null(file);
	while (fgets(line, sizeof(line), file))
		if (sscanf(line, "RssAnon: %" SCNu64, &kib) == 1)
			break;
	assert_true(kib);
	return kib << 10;
}

/* Its time on a CPU, nanoseconds. */
static uint64_t cpu_ns(void)
{
	_cleanup_fclose_ FILE *file = NULL;
	char name[64];
	uint64_t ns = 0;

	snprintf(name, sizeof(name), "/proc/%d/schedstat", worker);
	file = fopen(name, "re");
	if (!file || fscanf(file, "%" SCNu64, &ns) != 1) {
		print_message("SKIP: this kernel does not count what a process takes\n");
		skip();
	}
	return ns;
}

/* The reader hears each, in order and none lost. */
static void tell(unsigned n)
{
	char number[64];

	while (n--) {
		const char *frame;

		core_refuses(0);
		frame = heard(reader);
		snprintf(number, sizeof(number), "\"sequence\":%" PRIu64 ",", ++told);
		if (!strstr(frame, number) || !strstr(frame, "\"lost\":0}"))
			fail_msg("not number %" PRIu64 ": %s", told, frame);
	}
}

static void begin(void)
{
	struct msg_packet guard = { .type = MSG_GUARD };

	told = 0;
	reader = dial();
	say(reader, MONITOR);
	heard(reader);
	guard.GUARD = (struct msg_guard){ .news = GUARD_LISTED, .id = 1, .state = TEROK_STATE_UP };
	guard.GUARD.info.uid = getuid();
	strcpy(guard.GUARD.info.container, CONTAINER);
	core_says(&guard);
	tell(1);
}

/* Some by each interface, and all of them behind. */
static void get_stuck(void)
{
	unsigned n = getuid() ? VARLINK_UID_MAX - 2 : STUCK;

	for (unsigned i = 0; i < n; i++) {
		int fd = getuid() ? dial() : dial_loose(0);
		static const char calls[] = SUBSCRIBE;

		if (!getuid())
			stuck[n_stuck++] = fd;
		if (i % 8)
			say(fd, MONITOR);
		else
			assert_int_equal(write(fd, calls, sizeof(calls)), sizeof(calls));
		heard(fd);
	}
	tell(FILL);
}

static void they_take_no_more_than_they_may(void **state)
{
	uint64_t before, after;
	unsigned n = getuid() ? VARLINK_UID_MAX - 2 : STUCK;

	(void)state;
	begin();
	before = memory();
	get_stuck();
	tell(2 * LANE_MAX);
	after = memory();
	if (after > before + BASE_BYTES + (uint64_t)n * EACH_BYTES)
		fail_msg("%" PRIu64 " bytes for %u", after - before, n);
	print_message("%" PRIu64 " bytes each, of %d\n", (after - before) / n, EACH_BYTES);
}

static void they_cost_the_others_nothing(void **state)
{
	uint64_t alone[ROUNDS], from, beside = 0;

	(void)state;
	begin();
	for (int i = 0; i < ROUNDS; i++) {
		from = cpu_ns();
		tell(EVENTS);
		alone[i] = cpu_ns() - from;
	}
	get_stuck();
	for (int i = 0; i < ROUNDS; i++) {
		from = cpu_ns();
		tell(EVENTS);
		beside = cpu_ns() - from;
		if (beside * 4 < alone[i] * 5)
			return;
	}
	fail_msg("%" PRIu64 " ns for an event, alone %" PRIu64, beside / EVENTS,
		 alone[ROUNDS - 1] / EVENTS);
}

/* Who reads again is told at once what it missed, and follows. */
static void one_that_reads_again_has_the_newest_and_the_number_lost(void **state)
{
	char number[64];
	uint64_t lost = 0;
	const char *frame;

	(void)state;
	begin();
	get_stuck();
	if (getuid()) {
		print_message("SKIP: whose connections these are only root knows\n");
		skip();
	}
	snprintf(number, sizeof(number), "\"sequence\":%" PRIu64 ",", told - 1);
	do { /* it began after the first */
		frame = heard(stuck[1]);
		assert_int_equal(sscanf(strstr(frame, "\"lost\":"), "\"lost\":%" SCNu64, &lost), 1);
	} while (!strstr(frame, number));
	assert_in_range(lost, 1, told - LANE_MAX);
	tell(1);
	snprintf(number, sizeof(number), "\"sequence\":%" PRIu64 ",", told - 1);
	assert_non_null(strstr(heard(stuck[1]), number));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, served_setup, teardown)
		T(they_take_no_more_than_they_may),
		T(they_cost_the_others_nothing),
		T(one_that_reads_again_has_the_newest_and_the_number_lost),
	};
	struct rlimit files;

	/* both ends of each connection, in this process and in the hub that it starts */
	if (!getrlimit(RLIMIT_NOFILE, &files) && files.rlim_cur < STUCK + 512) {
		files.rlim_cur = STUCK + 512;
		files.rlim_max = files.rlim_max < files.rlim_cur ? files.rlim_cur : files.rlim_max;
		if (setrlimit(RLIMIT_NOFILE, &files) && !getuid()) {
			print_message("SKIP: too few open files for all connections\n");
			return 77;
		}
	}
#ifdef CONFINE_SANITIZED /* confine.h: it takes time and memory of its own */
	print_message("SKIP: a sanitizer's time and memory are not the hub's\n");
	return 77;
#endif
	return cmocka_run_group_tests_name("stuck", tests, NULL, NULL);
}
