/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * maps.h - every map: what it holds, how large, who writes it
 *
 * Names fit the kernel's 15 characters and are the pins' names under v1/maps/. All but
 * counts, budget, wake flag and what was reached are written by the agent only.
 */
#ifndef TEROK_MAPS_H
#define TEROK_MAPS_H

/*
 * The guard, found through the attachment: the key is the attached cgroup, so child
 * cgroups have their ancestor's guard, and the lookup costs nothing. Fresh storage is
 * zero, which denies; it outlives the programs, so detaching writes NONE first.
 */
struct {
	__uint(type, BPF_MAP_TYPE_CGROUP_STORAGE);
	__type(key, __u64);
	__type(value, struct terok_guard);
} terok_guards SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_CGROUP_STORAGE);
	__type(key, __u64);
	__type(value, struct terok_counts);
} terok_counts SEC(".maps");

/* One address each; a hash, because tries cost a cache miss per bit of a large table. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, TEROK_MAX_RULES);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, struct terok_rule_key);
	__type(value, struct terok_rule);
} terok_rules SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_LPM_TRIE);
	__uint(max_entries, TEROK_MAX_RULES);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, struct terok_prefix_key);
	__type(value, struct terok_rule);
} terok_prefix SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, TEROK_MAX_SELF);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, struct terok_self_key);
	__type(value, __u32);
} terok_self SEC(".maps");

/* Ports that the outside may connect to. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, TEROK_MAX_PUBLISH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, struct terok_publish_key);
	__type(value, __u32);
} terok_publish SEC(".maps");

/*
 * Who asked by UDP. Shared by all guards: strangers that flood one make others' be forgotten,
 * which lets nothing out; an answer in time is milliseconds old.
 */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, TEROK_MAX_ASKERS);
	__type(key, struct terok_asker_key);
	__type(value, __u64);
} terok_askers SEC(".maps");

/* Not read here: what is said of domains, from which the agent makes names. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, TEROK_MAX_DOMAINS);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, struct terok_domain_key);
	__type(value, struct terok_rule);
} terok_domains SEC(".maps");

/* Names that were asked for; the hooks add to hits and write nothing else. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, TEROK_MAX_NAMES);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, struct terok_name_key);
	__type(value, struct terok_name);
} terok_names SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, TEROK_MAX_LEARNED);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, struct terok_learned_key);
	__type(value, struct terok_learned);
} terok_learned SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, TEROK_MAX_SYNTHETIC);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, struct terok_learned_key);
	__type(value, struct terok_synthetic);
} terok_synthetic SEC(".maps");

/* Sockets that got another address than they asked for. */
struct {
	__uint(type, BPF_MAP_TYPE_SK_STORAGE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, int);
	__type(value, struct terok_steered);
} terok_steered SEC(".maps");

/*
 * The same for datagrams of unconnected sockets. Shared by all guards: who makes another's
 * entry be forgotten costs it one answer, and lets nothing out.
 */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, TEROK_MAX_SENT);
	__type(key, struct terok_sent_key);
	__type(value, struct terok_steered);
} terok_sent SEC(".maps");

/* Resolvers, by the network namespace that they share with who else is in there. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, TEROK_MAX_GUARDS);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, struct terok_port_key);
	__type(value, __u32);
} terok_ports SEC(".maps");

/* Flows whose first data is looked at, as far as it was. */
struct {
	__uint(type, BPF_MAP_TYPE_SK_STORAGE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, int);
	__type(value, struct hello);
} terok_hellos SEC(".maps");

/* What flows said that were refused for it, by socket cookie; for people, so it may be forgotten. */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, TEROK_MAX_SAID);
	__type(key, __u64);
	__type(value, struct terok_said);
} terok_said SEC(".maps");

/* Not read here: what resolvers were asked. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, TEROK_MAX_GUARDS);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, __u32);
	__type(value, struct terok_queries);
} terok_queries SEC(".maps");

/* Where guards that note it went; whatever has no room is counted. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, TEROK_MAX_REACHED);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, struct terok_reached_key);
	__type(value, struct terok_reached);
} terok_reached SEC(".maps");

/* Not read here: what people call a guard, kept with it so that any agent finds it. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, TEROK_MAX_GUARDS);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, __u32);
	__type(value, struct terok_info);
} terok_info SEC(".maps");

/* Not read here: what else people are told of a guard. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, TEROK_MAX_GUARDS);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, __u32);
	__type(value, struct terok_dossier);
} terok_dossier SEC(".maps");

/*
 * Flows that a rule with an end allowed: they live on when it has ended. And listeners on
 * published ports: what they accept is their clone.
 */
struct {
	__uint(type, BPF_MAP_TYPE_SK_STORAGE);
	__uint(map_flags, BPF_F_NO_PREALLOC | BPF_F_CLONE);
	__type(key, int);
	__type(value, struct terok_flow);
} terok_flows SEC(".maps");

/* Pinned, so that records wait for the next agent. */
struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, TEROK_RING_BYTES);
} terok_records SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__uint(map_flags, BPF_F_MMAPABLE);
	__type(key, __u32);
	__type(value, struct terok_wake);
} terok_wake SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct terok_meta);
} terok_meta SEC(".maps");

#endif
