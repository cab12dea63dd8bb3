// SPDX-License-Identifier: GPL-2.0-only
/* terok.bpf.c - a build whose author changed a map and forgot that this is another version */
#define terok_said terok_said_too
#include "../../../../bpf/terok.bpf.c"
#undef terok_said

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, TEROK_MAX_SAID);
	__type(key, __u64);
	__type(value, struct terok_rule);
} terok_said SEC(".maps");
