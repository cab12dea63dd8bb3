/* SPDX-License-Identifier: Apache-2.0 */
/*
 * kernel.h - the BPF object: open, load, pin, adopt, replace, unload
 *
 * Owns: everything under the pin folder (TEROK_PINS, default /sys/fs/bpf/terok):
 *   v1/maps/NAME         the maps, shared by programs and agents of this ABI version
 *   v1/progs/HOOK        the programs
 * Pins are how maps and programs are found, not what keeps them: guarded cgroups do that
 * (hooks.h). So when the BPF file system is unmounted or emptied every guard goes on, and the
 * next load takes the maps from the programs that stand and pins them again.
 * Called by: verbs and core. Knows bpffs, not policy.
 * Threads: none.
 *
 * Locks (flock; files under TEROK_RUN, default /run/terok):
 *   agent.lock    held for life by the one consumer of the ring; holds its pid
 *   policy.lock   held around every read-modify-write of maps and hooks
 */
#ifndef TEROK_KERNEL_H
#define TEROK_KERNEL_H

#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/cleanup.h"
#include "base/problem.h"
#include "terok/abi.h"

enum kernel_map {
	MAP_GUARDS,
	MAP_COUNTS,
	MAP_RULES,
	MAP_PREFIX,
	MAP_SELF,
	MAP_PUBLISH,
	MAP_ASKERS,
	MAP_DOMAINS,
	MAP_NAMES,
	MAP_LEARNED,
	MAP_SYNTHETIC,
	MAP_QUERIES,
	MAP_STEERED,
	MAP_SENT,
	MAP_HELLOS,
	MAP_PORTS,
	MAP_SAID,
	MAP_REACHED,
	MAP_DOSSIER,
	MAP_INFO,
	MAP_FLOWS,
	MAP_RECORDS,
	MAP_WAKE,
	MAP_META,
	MAP_MAX_,
};

struct kernel {
	int map[MAP_MAX_];                          /* descriptors, -1: not open */
	int prog[TEROK_HOOK_MAX_];                  /* by hook; index TEROK_HOOK_NONE unused */
	uint32_t prog_id[TEROK_HOOK_MAX_], meta_id; /* the kernel's numbers of programs and map */
	uint64_t loaded_ns;                         /* when they were, or were adopted, last */
};

struct kernel_load {
	bool mounted;  /* bpffs was not mounted and is now */
	bool loaded;   /* nothing was there before */
	bool replaced; /* programs of another build were there: guards now run ours */
	bool found;    /* the pins were lost: maps were taken from the guards */
	unsigned maps, progs, guards; /* what is pinned now */
	uint64_t took_ns;
};

/** kernel_paths() - the pin folder of this ABI version and the runtime folder; static strings */
const char *kernel_pins(void);
const char *kernel_run_dir(void);

/**
 * kernel_load() - make sure that this build's programs and maps are loaded and pinned
 *
 * Mounts bpffs if nobody has, adopts the maps of pins it finds, or of guards whose pins were
 * lost, makes those that this build has and the other had not, and moves guards to the new
 * programs without a gap; refuses pins of another version or layout by name, before it changes
 * anything.
 * Idempotent. On error what was there before is still there and still enforces.
 */
int kernel_load(struct kernel **ret, struct kernel_load *report, struct problem *why);

/**
 * kernel_open() - open what is pinned, load nothing
 *
 * Return: 0; -ENOENT nothing is loaded; -EUCLEAN not all is pinned, or guards stand without.
 */
int kernel_open(struct kernel **ret, struct problem *why);

/**
 * kernel_load_apart() - this build's programs over maps of their own, for comparing
 *
 * Nothing is pinned, attached or written; they go with kernel_free(). What the kernel says of them
 * (tags, layouts) is what it would say of those that kernel_load() makes.
 */
int kernel_load_apart(struct kernel **ret, struct problem *why);

/** kernel_prog_name() - what the kernel calls a hook's program */
const char *kernel_prog_name(enum terok_hook hook);

/** kernel_has_btf() - can the kernel's own type data be read? Programs are fitted to them */
bool kernel_has_btf(void);

/** kernel_lost() - how many guards stand in the kernel although nothing is pinned; or negative */
int kernel_lost(void);

/**
 * kernel_unload() - detach every guard and remove every pin; counts what was removed
 *
 * Every guard: also those whose pins were lost, or of another version. A cgroup that was removed already keeps its
 * programs until its last socket is gone.
 */
int kernel_unload(struct kernel_load *removed, struct problem *why);

/** kernel_unload_idle() - the same, but only if no guard is there; 1: kept, some guard is */
int kernel_unload_idle(struct kernel_load *removed, struct problem *why);

/** kernel_each_label() - every guard's number and label, in no order; fn as usual; negative errno */
int kernel_each_label(int info_map,
		      int (*fn)(uint32_t id, const struct terok_info *info, void *user),
		      void *user);

/**
 * kernel_is_current() - are these still the pinned maps?
 *
 * An agent that ended may have unloaded them since they were opened: what is written into
 * them then guards nobody. Only a holder of policy.lock can rely on the answer.
 */
bool kernel_is_current(const struct kernel *kernel);

/**
 * kernel_is_latest() - has nobody loaded since they were opened?
 *
 * Another build may have put its own programs in the place of these: for who opens them long before
 * they are attached.
 */
bool kernel_is_latest(const struct kernel *kernel);

void kernel_free(struct kernel *kernel);
DEFINE_CLEANUP(struct kernel, kernel_free)

/**
 * kernel_walk_end() - how a walk through a map's keys ended
 * @r: what ended it, 0: bpf_map_get_next_key(), whose errno is read
 *
 * It ends with ENOENT; whatever else ends it leaves entries that were not looked at.
 */
static inline int kernel_walk_end(int r)
{
	return r ? r : errno == ENOENT ? 0 : -errno;
}

/** kernel_lock() - policy.lock, waiting; close the descriptor to release; negative errno */
int kernel_lock(struct problem *why);

/** kernel_agent_lock() - agent.lock or -EBUSY with the holder's pid in @why; returns the fd */
int kernel_agent_lock(struct problem *why);

/**
 * kernel_agent_left() - note in agent.lock, by its time, that the agent ends now
 *
 * Whoever needs an agent waits a few seconds for the next one then, which an upgrade starts.
 */
void kernel_agent_left(int fd);

/** kernel_agent_pid() - pid of the running agent, 0 if none */
pid_t kernel_agent_pid(void);

#endif
