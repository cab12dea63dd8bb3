// SPDX-License-Identifier: GPL-2.0-only
/*
 * bench.bpf.c - the least that a hook can do, to compare ours with
 *
 * No header: three programs, one helper. The helper's number is part of the kernel's ABI.
 */
#define SEC(name)    __attribute__((section(name), used))

#define EHOSTUNREACH 113

static long (*const bpf_set_retval)(int retval) = (void *)187;

SEC("cgroup/connect4")
int bench_allow(void *ctx)
{
	(void)ctx;
	return 1;
}

SEC("cgroup_skb/egress")
int bench_pass(void *ctx)
{
	(void)ctx;
	return 1;
}

SEC("cgroup/connect4")
int bench_refuse(void *ctx)
{
	(void)ctx;
	bpf_set_retval(-EHOSTUNREACH);
	return 0;
}

char LICENSE[] SEC("license") = "GPL";
