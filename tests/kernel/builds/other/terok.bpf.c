// SPDX-License-Identifier: GPL-2.0-only
/* terok.bpf.c - the same decisions by other instructions, and one map more */
#include "vmlinux.h"

#include <bpf/bpf_helpers.h>

static __always_inline __u64 other_clock(void)
{
	asm volatile("r0 = 0" ::: "r0");
	return bpf_ktime_get_boot_ns();
}

#define bpf_ktime_get_boot_ns other_clock
#include "../../../../bpf/terok.bpf.c"

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, TEROK_MAX_GUARDS);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, __u32);
	__type(value, __u64);
} terok_extra SEC(".maps");
