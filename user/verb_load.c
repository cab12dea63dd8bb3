// SPDX-License-Identifier: Apache-2.0
/* verb_load.c - terok-bpfd load, unload: programs and maps into the kernel and out of it */
#include <errno.h>
#include <stdio.h>

#include "base/cli.h"
#include "base/json.h"
#include "base/log.h"
#include "kernel.h"
#include "verbs.h"

static void print_json(const char *what, const struct kernel_load *load)
{
	_cleanup_json_ struct json json = {};

	json_open_object(&json, NULL);
	json_add_string(&json, "result", what);
	json_add_string(&json, "pins", kernel_pins());
	json_add_uint(&json, "programs", load->progs);
	json_add_uint(&json, "maps", load->maps);
	json_add_uint(&json, "guards", load->guards);
	json_add_bool(&json, "mounted_bpffs", load->mounted);
	json_add_uint(&json, "took_us", load->took_ns / 1000);
	json_close_object(&json);
	puts(json_done(&json) ?: "{}");
}

int verb_load(int argc, char **argv)
{
	_cleanup_(kernel_freep) struct kernel *kernel = NULL;
	bool json = false;
	const struct cli_option options[] = {
		{ "json", NULL, "one JSON object", CLI_FLAG, &json },
		{},
	};
	struct kernel_load load = {};
	struct problem why = {};
	const char *what;
	int r = cli_parse(argc, argv, options, 0, 0);

	if (r < 0)
		return r;
	r = kernel_load(&kernel, &load, &why);
	if (r)
		return verb_fail(r == -EINVAL ? -EIO : r, &why);

	what = load.loaded     ? "loaded"
	       : load.found    ? "found"
	       : load.replaced ? "replaced"
			       : "unchanged";
	if (json) {
		print_json(what, &load);
		return 0;
	}
	if (load.mounted)
		printf("mounted the BPF filesystem on /sys/fs/bpf\n");
	printf("%s: %u programs, %u maps, %u guards at %s (%.1f ms)\n",
	       load.loaded     ? "loaded"
	       : load.found    ? "the pins were gone; pinned again from what guards held"
	       : load.replaced ? "replaced the programs of another build"
			       : "already loaded",
	       load.progs, load.maps, load.guards, kernel_pins(), load.took_ns / 1e6);
	return 0;
}

/* Of what is guarded nothing is taken away. */
static int unload_idle(struct kernel_load *removed, struct problem *why)
{
	int r = kernel_unload_idle(removed, why);

	return r > 0 ? problem(why, -EBUSY,
			       "something is guarded (terok-bpfd status); without --idle its guard "
			       "would end")
		     : r;
}

int verb_unload(int argc, char **argv)
{
	bool json = false, force = false, idle = false;
	const struct cli_option options[] = {
		{ "force", NULL, "also while an agent is running", CLI_FLAG, &force },
		{ "idle", NULL, "only if nothing is guarded", CLI_FLAG, &idle },
		{ "json", NULL, "one JSON object", CLI_FLAG, &json },
		{},
	};
	struct kernel_load removed = {};
	struct problem why = {};
	pid_t agent;
	int r = cli_parse(argc, argv, options, 0, 0);

	if (r < 0)
		return r;
	agent = kernel_agent_pid();
	if (agent && !force)
		return log_error(0,
				 "an agent is running with pid %d and would be left without its "
				 "maps; stop it first, or use --force",
				 (int)agent),
		       -EBUSY;
	r = idle ? unload_idle(&removed, &why) : kernel_unload(&removed, &why);
	if (r)
		return verb_fail(r == -EINVAL ? -EIO : r, &why);
	if (json)
		print_json(removed.loaded ? "removed" : "nothing", &removed);
	else if (removed.loaded)
		printf("removed %u guards, %u programs, %u maps from %s\n", removed.guards,
		       removed.progs, removed.maps, kernel_pins());
	else
		printf("nothing was loaded at %s\n", kernel_pins());
	return 0;
}
