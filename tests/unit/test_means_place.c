// SPDX-License-Identifier: Apache-2.0
/* test_means_place.c - tools/hook_means_place.c: mounts and processes that let a container leave */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/sysmacros.h>

#include <cmocka.h>

#include "base/cleanup.h"
#include "tools/hook_means.h"

#define LENGTH(array) (sizeof(array) / sizeof((array)[0]))

static int place(const char *mountinfo, const char *status, struct problem *why)
{
	_cleanup_fclose_ FILE *mounts = fmemopen((void *)mountinfo, strlen(mountinfo), "r");
	_cleanup_fclose_ FILE *process = fmemopen((void *)status, strlen(status), "r");
	const struct means_place of = { .mountinfo = mounts,
					.status = process,
					.root = "/c/merged",
					.cgroup = "/libpod_parent/libpod-1",
					.proc = makedev(0, 22) };

	assert_true(mounts && process);
	return means_check_place(&of, why);
}

#define HOST                                                                                       \
	"21 1 254:0 / / rw - ext4 /dev/vda rw\n"                                                   \
	"22 21 0:22 / /proc rw - proc proc rw\n"                                                   \
	"23 21 0:23 / /sys/fs/cgroup rw master:1 - cgroup2 cgroup2 rw\n"                           \
	"24 21 0:24 / /sys/fs/bpf rw - bpf bpf rw\n"                                               \
	"25 21 0:22 / /c/merged2/proc rw - proc proc rw\n"
#define INSIDE                                                                                     \
	"31 21 0:31 / /c/merged rw - overlay overlay rw\n"                                         \
	"32 31 0:32 / /c/merged/proc rw - proc proc rw\n"
#define FIRST "Name:\tx\nPid:\t44\nNSpid:\t44\t1\n"

static void a_place_of_its_own_is_no_means(void **state)
{
	struct problem why = {};

	(void)state;
	if (place(HOST INSIDE
		  "33 31 0:23 /libpod_parent/libpod-1 /c/merged/sys/fs/cgroup rw - cgroup2 c rw\n"
		  "34 31 0:23 /libpod_parent/libpod-1/x /c/merged/x rw - cgroup2 c rw\n"
		  "35 31 0:35 / /c/merged/v1 rw - cgroup cgroup rw,cpu\n",
		  FIRST, &why))
		fail_msg("refused: %s", why.text);
	assert_int_equal(place(HOST INSIDE, "NSpid:\t44\t7\t1\n", &why), 0);
}

static void mounts_that_lead_out_are_refused(void **state)
{
	static const struct {
		const char *mount, *said;
	} bad[] = {
		{ "33 31 0:23 / /c/merged/host ro - cgroup2 c rw\n",
		  "cgroups are mounted at its /host:" },
		{ "33 31 0:23 /libpod_parent /c/merged/h rw - cgroup2 c rw\n", "its /h:" },
		{ "33 31 0:23 /libpod_parent/libpod-12 /c/merged/h rw - cgroup2 c rw\n",
		  "its /h:" },
		{ "33 31 0:23 /../.. /c/merged/h rw - cgroup2 c rw\n", "its /h:" },
		{ "33 31 0:23 / /c/merged/a\\040b rw shared:1 master:2 - cgroup2 c rw\n",
		  "its /a b:" },
		{ "33 31 0:24 /terok /c/merged/pins rw - bpf bpf rw\n", "BPF file system" },
		{ "33 31 0:22 / /c/merged/p rw - proc proc rw\n", "the host's /proc" },
		{ "33 31 0:22 /sys /c/merged/p rw - proc proc rw\n", "the host's /proc" },
		{ "33 31 nonsense\n", "cannot be read" },
		{ "33 31 0:22 / /c/merged/p rw proc proc rw\n", "cannot be read" },
		{ "33 31 x / /c/merged/p rw - proc proc rw\n", "cannot be read" },
		{ "33 31 0:22 / /c/merged/p rw - \n", "cannot be read" },
	};

	(void)state;
	for (size_t i = 0; i < LENGTH(bad); i++) {
		struct problem why = {};
		char text[2048];

		snprintf(text, sizeof(text), "%s%s", HOST INSIDE, bad[i].mount);
		if (!place(text, FIRST, &why) || !strstr(why.text, bad[i].said))
			fail_msg("'%s', not '%s'", why.text, bad[i].said);
	}
}

#define BPF     "33 31 0:24 / /c/merged/sys/fs/bpf rw - bpf bpf rw\n"
#define CGROUPS "34 31 0:23 / /c/merged/sys/fs/cgroup rw - cgroup2 c rw\n"

static void what_another_mount_covers_leads_nowhere(void **state)
{
	static const struct {
		const char *covers;
		bool enough;
	} covers[] = {
		{ "35 33 0:35 / /c/merged/sys/fs/bpf ro - tmpfs t rw\n"
		  "36 34 0:36 / /c/merged/sys/fs/cgroup ro - tmpfs t rw\n",
		  true },
		{ "35 33 0:35 / /c/merged/sys/fs/bpf ro - tmpfs t rw\n", false },
		{ "36 34 0:36 / /c/merged/sys/fs/cgroup ro - tmpfs t rw\n", false },
		{ "35 31 0:35 / /c/merged/sys/fs ro - tmpfs t rw\n", true },
		/* one on another, and both below it */
		{ "35 31 0:35 / /c/merged/sys/fs ro - tmpfs t rw\n"
		  "36 33 0:24 / /c/merged/sys/fs/bpf rw - bpf b rw\n",
		  true },
		/* above the container, which begins below it */
		{ "35 21 0:35 / /c ro - tmpfs t rw\n", false },
		/* below it, above it on another mount, and by one that leads out itself */
		{ "35 33 0:35 / /c/merged/sys/fs/bpf/terok ro - tmpfs t rw\n"
		  "36 34 0:36 / /c/merged/sys/fs/cgroup ro - tmpfs t rw\n",
		  false },
		{ "35 32 0:35 / /c/merged/sys/fs ro - tmpfs t rw\n"
		  "36 34 0:36 / /c/merged/sys/fs/cgroup ro - tmpfs t rw\n",
		  false },
		{ "35 33 0:24 / /c/merged/sys/fs/bpf ro - bpf b rw\n"
		  "36 34 0:36 / /c/merged/sys/fs/cgroup ro - tmpfs t rw\n",
		  false },
	};

	(void)state;
	for (size_t i = 0; i < LENGTH(covers); i++) {
		struct problem why = {};
		char text[2048];

		snprintf(text, sizeof(text), "%s%s", HOST INSIDE BPF CGROUPS, covers[i].covers);
		if ((place(text, FIRST, &why) == 0) != covers[i].enough)
			fail_msg("%zu: '%s'", i, why.text);
	}
}

static void a_place_that_is_not_made_yet_is_refused(void **state)
{
	struct problem why = {};

	(void)state;
	assert_int_equal(place(HOST, FIRST, &why), -EPERM);
	assert_non_null(strstr(why.text, "not there yet"));
	assert_int_equal(place(HOST "31 21 0:31 / /c/merged rw - overlay o rw\n", FIRST, &why),
			 -EPERM);
}

static void processes_of_others_are_refused(void **state)
{
	static const char *const bad[] = { "NSpid:\t44\n",
					   "NSpid:\t1\n",
					   "NSpid:\t44\t7\n",
					   "NSpid:\t44\t1\t7\n",
					   "NSpid:\t44\t11\n",
					   "NSpid:\n",
					   "Pid:\t44\nXNSpid:\t44\t1\n" };

	(void)state;
	for (size_t i = 0; i < LENGTH(bad); i++) {
		struct problem why = {};

		if (!place(HOST INSIDE, bad[i], &why))
			fail_msg("taken: %s", bad[i]);
		assert_non_null(strstr(why.text, "process namespace"));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_place_of_its_own_is_no_means),
		cmocka_unit_test(mounts_that_lead_out_are_refused),
		cmocka_unit_test(what_another_mount_covers_leads_nowhere),
		cmocka_unit_test(a_place_that_is_not_made_yet_is_refused),
		cmocka_unit_test(processes_of_others_are_refused),
	};

	return cmocka_run_group_tests_name("means_place", tests, NULL, NULL);
}
