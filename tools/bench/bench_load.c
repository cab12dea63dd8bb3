// SPDX-License-Identifier: Apache-2.0
/*
 * bench_load.c - `terok-bpfd load`, as a shell would see it
 *
 * From the start of the process to its end, with nothing loaded before; beside it bpftool
 * loading the same object, and the least that a process can take.
 */
#include <bpf/bpf.h>
#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bench.h"
#include "families.h"
#include "kernel.h"
#include "terok/names.h"

extern char **environ;

static char program[512], object[512], folder[512];

static int spawn(char *const argv[])
{
	posix_spawn_file_actions_t actions;
	int r, status;
	pid_t pid;

	posix_spawn_file_actions_init(&actions);
	posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, "/dev/null", O_WRONLY, 0);
	r = posix_spawnp(&pid, argv[0], &actions, NULL, argv, environ);
	posix_spawn_file_actions_destroy(&actions);
	if (r)
		return -r;
	return waitpid(pid, &status, 0) == pid && !status ? 0 : -ECHILD;
}

static int spawn_measure(struct config *config, struct samples *out)
{
	uint64_t start = bench_ns();
	int r = spawn(config->user);

	samples_add(out, bench_ns() - start);
	return r;
}

static void ours_leave(struct config *config)
{
	char *argv[] = { program, "unload", NULL };

	(void)config;
	spawn(argv);
}

static void bpftool_leave(struct config *config)
{
	char *argv[] = { "rm", "-r", folder, NULL };

	(void)config;
	spawn(argv);
}

/* What the verifier had to walk is most of a load. */
static void programs_print(void)
{
	char *argv[] = { program, "load", NULL };
	struct problem why = {};
	struct kernel *kernel;

	if (spawn(argv) || kernel_open(&kernel, &why))
		return;
	for (int hook = TEROK_HOOK_NONE + 1; hook < TEROK_HOOK_MAX_; hook++) {
		struct bpf_prog_info info = {};
		__u32 size = sizeof(info);
		char name[BENCH_NAME];

		if (bpf_obj_get_info_by_fd(kernel->prog[hook], &info, &size))
			continue;
		snprintf(name, sizeof(name), "%s: instructions that the verifier walked",
			 terok_hook_name(hook));
		bench_row(name, figure_flat(info.verified_insns), "");
	}
	kernel_free(kernel);
	ours_leave(NULL);
}

int bench_load(void)
{
	char *load[] = { program, "load", NULL }, *none[] = { "/bin/true", NULL };
	char *bpftool[] = { "bpftool", "prog", "loadall", object, folder, NULL };
	struct config c[] = {
		{ .name = "terok-bpfd load", .user = load, .leave = ours_leave },
		{ .name = "a process that does nothing", .user = none },
		{ .name = "bpftool prog loadall, the same object",
		  .user = bpftool,
		  .leave = bpftool_leave },
	};
	bool with_bpftool;
	size_t n;
	int r;

	snprintf(program, sizeof(program), "%s/terok-bpfd", bench.build);
	snprintf(object, sizeof(object), "%s/bpf/terok.bpf.o", bench.build);
	snprintf(folder, sizeof(folder), "%s/bpf/bpftool", bench.dir);
	with_bpftool = !access("/usr/sbin/bpftool", X_OK) && !access(object, R_OK);
	n = with_bpftool ? 3 : 2;
	if (!with_bpftool)
		bench_note("no bpftool here: that row is left out");
	for (size_t i = 0; i < n; i++)
		c[i].measure = spawn_measure;
	r = bench_rounds(c, n, bench_pick(9, 3));
	if (r)
		return r;
	bench_table("load", c, n, 1);
	bench_judge("terok-bpfd load", figure_p50(&c[0]), "ns", BOUND_AT_MOST, 100000000,
		    with_bpftool ? "bpftool prog loadall" : "a process that does nothing",
		    figure_ratio(&c[0], &c[n - 1]).value);
	programs_print();
	return 0;
}
