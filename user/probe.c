// SPDX-License-Identifier: Apache-2.0
#include "probe.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <linux/bpf.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "cgroup.h"
#include "kernel.h"

#define LENGTH(array) (sizeof(array) / sizeof((array)[0]))

/* What our programs call, by their types; tests/kernel/test_probe.c compares it with them. */
#define SOCK_ADDR 1
#define SOCK      2
#define SOCKOPT   4
#define SKB       8
#define TASK      (SOCK_ADDR | SOCK | SOCKOPT) /* those that run in the task that called */

static const struct helper {
	unsigned id, used;
	const char *name, *since;
} helpers[] = {
	{ BPF_FUNC_map_lookup_elem, TASK | SKB, "map_lookup_elem", "3.19" },
	{ BPF_FUNC_map_update_elem, SOCK_ADDR | SKB, "map_update_elem", "3.19" },
	{ BPF_FUNC_get_current_uid_gid, TASK, "get_current_uid_gid", "4.2" },
	{ BPF_FUNC_get_current_comm, TASK, "get_current_comm", "4.2" },
	{ BPF_FUNC_skb_load_bytes, SKB, "skb_load_bytes", "4.5" },
	{ BPF_FUNC_get_socket_cookie, SOCK_ADDR | SOCK | SKB, "get_socket_cookie", "4.12" },
	{ BPF_FUNC_skb_cgroup_id, SKB, "skb_cgroup_id", "4.18" },
	{ BPF_FUNC_get_current_cgroup_id, TASK, "get_current_cgroup_id", "4.18" },
	{ BPF_FUNC_get_local_storage, TASK | SKB, "get_local_storage", "4.19" },
	{ BPF_FUNC_sk_lookup_tcp, SOCK_ADDR, "sk_lookup_tcp", "4.20" },
	{ BPF_FUNC_sk_lookup_udp, SOCK_ADDR, "sk_lookup_udp", "4.20" },
	{ BPF_FUNC_sk_release, SOCK_ADDR, "sk_release", "4.20" },
	{ BPF_FUNC_sk_fullsock, SKB, "sk_fullsock", "5.1" },
	{ BPF_FUNC_sk_storage_get, SOCK_ADDR | SKB, "sk_storage_get", "5.2" },
	{ BPF_FUNC_sk_storage_delete, SOCK_ADDR, "sk_storage_delete", "5.2" },
	{ BPF_FUNC_probe_read_kernel, TASK | SKB, "probe_read_kernel", "5.5" },
	{ BPF_FUNC_get_netns_cookie, SOCK_ADDR | SOCK, "get_netns_cookie", "5.7" },
	{ BPF_FUNC_ktime_get_boot_ns, TASK | SKB, "ktime_get_boot_ns", "5.8" },
	{ BPF_FUNC_ringbuf_reserve, TASK | SKB, "ringbuf_reserve", "5.8" },
	{ BPF_FUNC_ringbuf_submit, TASK | SKB, "ringbuf_submit", "5.8" },
	{ BPF_FUNC_get_current_task_btf, TASK, "get_current_task_btf", "5.11" },
	{ BPF_FUNC_loop, SKB, "loop", "5.17" },
	{ BPF_FUNC_set_retval, SOCK_ADDR | SOCK, "set_retval", "5.18" },
};

static unsigned bit_of(int prog_type)
{
	switch (prog_type) {
	case BPF_PROG_TYPE_CGROUP_SOCK_ADDR: return SOCK_ADDR;
	case BPF_PROG_TYPE_CGROUP_SOCK: return SOCK;
	case BPF_PROG_TYPE_CGROUP_SOCKOPT: return SOCKOPT;
	case BPF_PROG_TYPE_CGROUP_SKB: return SKB;
	default: return 0;
	}
}

/*
 * libbpf has libbpf_probe_bpf_helper(), which takes a kernel's newer words for "not for this type
 * of program" for a mistake in the arguments, and so for a yes.
 */
bool probe_has_helper(int prog_type, unsigned helper)
{
	static const char *const no[] = { "invalid func ", "unknown func ", "cannot use helper" };
	const struct bpf_insn insns[] = {
		{ .code = BPF_JMP | BPF_CALL, .imm = helper },
		{ .code = BPF_JMP | BPF_EXIT },
	};
	char log[4096] = "";
	LIBBPF_OPTS(bpf_prog_load_opts, opts, .log_buf = log, .log_size = sizeof(log),
		    .log_level = 1,
		    .expected_attach_type =
			prog_type == BPF_PROG_TYPE_CGROUP_SOCK_ADDR ? BPF_CGROUP_INET4_CONNECT
			: prog_type == BPF_PROG_TYPE_CGROUP_SOCKOPT ? BPF_CGROUP_SETSOCKOPT
								    : 0);
	int fd = bpf_prog_load(prog_type, "probe", "GPL", insns, 2, &opts);

	if (fd >= 0)
		close(fd);
	for (size_t i = 0; fd < 0 && i < LENGTH(no); i++)
		if (strstr(log, no[i]))
			return false;
	/* with a log: it was looked at, and the arguments are wrong, as they are */
	return fd >= 0 || *log;
}

bool probe_knows_helper(int prog_type, unsigned helper)
{
	for (size_t i = 0; i < LENGTH(helpers); i++)
		if (helpers[i].id == helper && helpers[i].used & bit_of(prog_type))
			return true;
	return false;
}

/* --- the ways to ask ------------------------------------------------------------------------- */

static int answer(bool has)
{
	return has ? 0 : -EOPNOTSUPP;
}

static int ask_cgroup2(const struct probe *probe, struct problem *why)
{
	char root[CGROUP_ROOT_LEN];

	(void)probe;
	return answer(!cgroup_root(root, why));
}

static int ask_btf(const struct probe *probe, struct problem *why)
{
	(void)probe, (void)why;
	return answer(kernel_has_btf());
}

static int ask_program(const struct probe *probe, struct problem *why)
{
	(void)why;
	return answer(libbpf_probe_bpf_prog_type(probe->type, NULL) == 1);
}

static int ask_map(const struct probe *probe, struct problem *why)
{
	(void)why;
	return answer(libbpf_probe_bpf_map_type(probe->type, NULL) == 1);
}

static int ask_helper(const struct probe *probe, struct problem *why)
{
	(void)why;
	return answer(probe_has_helper(probe->type, probe->value));
}

static int ask_pins(const struct probe *probe, struct problem *why)
{
	(void)probe, (void)why;
	return answer(!kernel_lost());
}

/* How many of those that programs of that type call are not there; @why has them */
static unsigned helpers_missing(int prog_type, struct problem *why)
{
	unsigned missing = 0;
	size_t at = 0;

	for (size_t i = 0; i < LENGTH(helpers); i++) {
		if (!(helpers[i].used & bit_of(prog_type)) ||
		    probe_has_helper(prog_type, helpers[i].id))
			continue;
		at += snprintf(why->text + at, sizeof(why->text) - at, "%s%s (Linux %s)",
			       missing++ ? ", " : "no helper ", helpers[i].name, helpers[i].since);
		if (at >= sizeof(why->text))
			at = sizeof(why->text) - 1;
	}
	return missing;
}

/* A program of the hook's type, for its place on a cgroup, and all that it calls. */
static int ask_hook(const struct probe *probe, struct problem *why)
{
	static const struct bpf_insn pass[] = {
		{ .code = BPF_ALU64 | BPF_MOV | BPF_K, .imm = 1 },
		{ .code = BPF_JMP | BPF_EXIT },
	};
	LIBBPF_OPTS(bpf_prog_load_opts, opts, .expected_attach_type = probe->value);
	int fd = bpf_prog_load(probe->type, "probe", "GPL", pass, 2, &opts);

	if (fd < 0)
		return problem(why, errno == EPERM ? -EPERM : -EOPNOTSUPP,
			       "no program of its kind can be loaded: %s", strerror(errno));
	close(fd);
	return answer(!helpers_missing(probe->type, why));
}

/* --- what is asked ---------------------------------------------------------------------------- */

#define LINUX "Linux 6.1 or later, with CONFIG_CGROUP_BPF"

static const struct probe probes[] = {
	{ "cgroup2", "what a guard is attached to", "cgroup v2 mounted", ask_cgroup2, 0, 0, 0 },
	{ "btf", "fitting programs to this kernel",
	  "CONFIG_DEBUG_INFO_BTF, readable at /sys/kernel/btf/vmlinux", ask_btf, 0, 0, 0 },
	{ "sock_addr", "connect and sendmsg hooks", "CONFIG_CGROUP_BPF", ask_program,
	  BPF_PROG_TYPE_CGROUP_SOCK_ADDR, 0, 0 },
	{ "cgroup_skb", "the backstop on packets", "CONFIG_CGROUP_BPF", ask_program,
	  BPF_PROG_TYPE_CGROUP_SKB, 0, 0 },
	{ "set_retval", "errno of a refused connect", "Linux 5.18 or later", ask_helper,
	  BPF_PROG_TYPE_CGROUP_SOCK_ADDR, BPF_FUNC_set_retval, 0 },
	{ "ringbuf", "records", "Linux 5.8 or later", ask_map, BPF_MAP_TYPE_RINGBUF, 0, 0 },
	{ "lpm_trie", "prefix rules", "CONFIG_BPF_SYSCALL", ask_map, BPF_MAP_TYPE_LPM_TRIE, 0, 0 },
	{ "sk_storage", "flows of timed rules", "Linux 5.2 or later", ask_map,
	  BPF_MAP_TYPE_SK_STORAGE, 0, 0 },
	{ "cg_storage", "whose guard it is", "Linux 4.19 or later, with CONFIG_CGROUP_BPF", ask_map,
	  BPF_MAP_TYPE_CGROUP_STORAGE, 0, 0 },
	{ "percpu_cg", "counters", "Linux 4.20 or later, with CONFIG_CGROUP_BPF", ask_map,
	  BPF_MAP_TYPE_PERCPU_CGROUP_STORAGE, 0, 0 },
	{ "lru_hash", "datagrams whose address was exchanged", "Linux 4.10 or later", ask_map,
	  BPF_MAP_TYPE_LRU_HASH, 0, 0 },
	{ "egress", "hook: packets that leave", LINUX, ask_hook, BPF_PROG_TYPE_CGROUP_SKB,
	  BPF_CGROUP_INET_EGRESS, TEROK_HOOK_EGRESS },
	{ "ingress", "hook: packets that come", LINUX, ask_hook, BPF_PROG_TYPE_CGROUP_SKB,
	  BPF_CGROUP_INET_INGRESS, TEROK_HOOK_INGRESS },
	{ "connect4", "hook: connect, IPv4", LINUX, ask_hook, BPF_PROG_TYPE_CGROUP_SOCK_ADDR,
	  BPF_CGROUP_INET4_CONNECT, TEROK_HOOK_CONNECT4 },
	{ "connect6", "hook: connect, IPv6", LINUX, ask_hook, BPF_PROG_TYPE_CGROUP_SOCK_ADDR,
	  BPF_CGROUP_INET6_CONNECT, TEROK_HOOK_CONNECT6 },
	{ "sendmsg4", "hook: datagrams, IPv4", LINUX, ask_hook, BPF_PROG_TYPE_CGROUP_SOCK_ADDR,
	  BPF_CGROUP_UDP4_SENDMSG, TEROK_HOOK_SENDMSG4 },
	{ "sendmsg6", "hook: datagrams, IPv6", LINUX, ask_hook, BPF_PROG_TYPE_CGROUP_SOCK_ADDR,
	  BPF_CGROUP_UDP6_SENDMSG, TEROK_HOOK_SENDMSG6 },
	{ "sock_create", "hook: new sockets", LINUX, ask_hook, BPF_PROG_TYPE_CGROUP_SOCK,
	  BPF_CGROUP_INET_SOCK_CREATE, TEROK_HOOK_SOCK_CREATE },
	{ "setsockopt", "hook: socket options", LINUX, ask_hook, BPF_PROG_TYPE_CGROUP_SOCKOPT,
	  BPF_CGROUP_SETSOCKOPT, TEROK_HOOK_SETSOCKOPT },
	{ "recvmsg4", "hook: who a datagram is from, IPv4", LINUX, ask_hook,
	  BPF_PROG_TYPE_CGROUP_SOCK_ADDR, BPF_CGROUP_UDP4_RECVMSG, TEROK_HOOK_RECVMSG4 },
	{ "recvmsg6", "hook: who a datagram is from, IPv6", LINUX, ask_hook,
	  BPF_PROG_TYPE_CGROUP_SOCK_ADDR, BPF_CGROUP_UDP6_RECVMSG, TEROK_HOOK_RECVMSG6 },
	{ "getpeer4", "hook: whom a socket is connected to, IPv4", LINUX, ask_hook,
	  BPF_PROG_TYPE_CGROUP_SOCK_ADDR, BPF_CGROUP_INET4_GETPEERNAME, TEROK_HOOK_GETPEERNAME4 },
	{ "getpeer6", "hook: whom a socket is connected to, IPv6", LINUX, ask_hook,
	  BPF_PROG_TYPE_CGROUP_SOCK_ADDR, BPF_CGROUP_INET6_GETPEERNAME, TEROK_HOOK_GETPEERNAME6 },
	{ "pins", "changing the guards that stand",
	  "terok-bpfd load: they hold, but their pins are gone", ask_pins, 0, 0, 0 },
};

int probe_each(int (*fn)(const struct probe *probe, void *user), void *user)
{
	int r = 0;

	for (size_t i = 0; !r && i < LENGTH(probes); i++)
		r = fn(&probes[i], user);
	return r;
}
