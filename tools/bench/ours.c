// SPDX-License-Identifier: Apache-2.0
/* ours.c - load, guard, allow; see ours.h */
#include "ours.h"

#include <bpf/bpf.h>
#include <errno.h>
#include <stdio.h>

#include "bench.h"
#include "place.h"
#include "policy.h"
#include "terok/names.h"

int ours_load(struct ours *ours)
{
	struct kernel_load report;
	struct problem why = {};
	int r = kernel_load(&ours->kernel, &report, &why);

	return r ? bench_fail(r, "load: %s", why.text) : 0;
}

void ours_unload(struct ours *ours)
{
	struct kernel_load removed;
	struct problem why = {};

	if (!ours->kernel)
		return;
	kernel_free(ours->kernel);
	ours->kernel = NULL;
	if (kernel_unload(&removed, &why))
		bench_note("unload: %s", why.text);
}

int ours_guard(const struct ours *ours, const char *name, int cgroup_fd, unsigned rate,
	       struct guard *ret)
{
	struct guard_spec spec = { .cgroup_fd = cgroup_fd,
				   .netns_fd = -1,
				   .kind = TEROK_KIND_CGROUP,
				   .name = name,
				   .state = TEROK_STATE_UP,
				   .rate = rate,
				   .burst = rate == OURS_NO_RECORD ? 1 : rate };
	struct problem why = {};
	bool existing;
	int r = guard_attach(ours->kernel, &spec, ret, &existing, &why);

	return r ? bench_fail(r, "attach %s: %s", name, why.text) : 0;
}

void ours_release(const struct ours *ours, const struct guard *guard)
{
	struct problem why = {};

	if (guard->id && guard_detach(ours->kernel, guard, &why))
		bench_note("detach: %s", why.text);
}

int ours_allow(const struct ours *ours, uint32_t guard, unsigned first, unsigned n)
{
	struct rule rule = { .guard = guard,
			     .dest = { .bits = 128, .port = PLACE_PORT },
			     .value = { .action = TEROK_ALLOW } };
	struct problem why = {};

	for (unsigned i = first; i < first + n; i++) {
		struct sockaddr_in to = place_allowed(i);
		int r;

		place_mapped(&to, rule.dest.addr);
		r = policy_add(ours->kernel, &rule, &why);
		if (r)
			return bench_fail(r, "rule %u: %s", i, why.text);
	}
	return 0;
}

int ours_stats(void)
{
	int fd = bpf_enable_stats(BPF_STATS_RUN_TIME);

	return fd < 0 ? -errno : fd;
}

void ours_stats_print(const struct ours *ours, const char *title)
{
	static __u64 runs[TEROK_HOOK_MAX_], took[TEROK_HOOK_MAX_]; /* said before */

	for (int hook = TEROK_HOOK_NONE + 1; hook < TEROK_HOOK_MAX_; hook++) {
		struct bpf_prog_info info = {};
		__u32 size = sizeof(info);
		char name[BENCH_NAME];
		__u64 n;

		if (bpf_obj_get_info_by_fd(ours->kernel->prog[hook], &info, &size))
			continue;
		n = info.run_cnt - runs[hook];
		snprintf(name, sizeof(name), "%s: %s, of %llu runs", title, terok_hook_name(hook),
			 (unsigned long long)n);
		if (n)
			bench_row(name, figure_flat((double)(info.run_time_ns - took[hook]) / n),
				  "ns");
		runs[hook] = info.run_cnt;
		took[hook] = info.run_time_ns;
	}
}
