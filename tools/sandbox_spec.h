/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sandbox_spec.h - what container is wanted: from a JSON object and from a command line
 *
 * A spec is read from text that a person or their orchestrator wrote: an unknown key, a value
 * of another type and whatever would lead around the guard is an error that names it. What is
 * in a spec is fit for podman's command line; sandbox_command.c makes that of it.
 *
 * Called by: sandbox_run.c, sandbox_options.c, the fuzz target. Owns: copies of all it was given.
 * Threads: none.
 */
#ifndef TEROK_SANDBOX_SPEC_H
#define TEROK_SANDBOX_SPEC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/problem.h"
#include "sandbox_words.h"

#define SPEC_MAX         (4U << 20) /* bytes of a spec: environments may hold keys and settings */
#define SPEC_NAME_MAX    63         /* of a container, as the guard keeps it */
#define SPEC_LOOPBACK    16         /* ports of the host's loopback */
#define SPEC_MARKER      ">> init complete"
#define SPEC_GRACE_S     10
#define SPEC_READY_S     60
#define SPEC_HOOK_S      60
#define SPEC_SECONDS_MAX 86400

/* When a person's own command is run, in the order of a container's life. */
enum spec_hook { HOOK_PRE_START, HOOK_POST_START, HOOK_POST_READY, HOOK_POST_STOP, HOOK_MAX_ };

extern const char *const spec_hook_name[HOOK_MAX_];

/* Vendors in the order in which their devices stand on a command line. */
enum spec_gpu { GPU_NVIDIA, GPU_AMD, GPU_INTEL, GPU_MAX_ };

extern const char *const spec_gpu_name[GPU_MAX_];

struct spec {
	char *name, *image, *task_dir, *memory, *cpus, *hostname, *runtime, *workdir, *network;
	char *guard;  /* words of terok.guard; NULL: none */
	char *marker; /* the line that says that it is ready */
	struct words command, extra, volumes, caps, profiles, publish;
	struct words annotations, env; /* "NAME=VALUE"; env also "NAME": as ours */
	struct words hooks[HOOK_MAX_]; /* argv */
	char *gpu[GPU_MAX_];           /* "all" or a number; NULL: none */
	bool gpu_all;                  /* whatever the host has */
	uint16_t loopback[SPEC_LOOPBACK];
	unsigned n_loopback;
	unsigned grace_s, ready_s, hook_s;
	bool restricted, ephemeral, no_guard, wait_ready;
};

/** spec_init() - what holds if nothing is said; spec_done() may follow at any time */
int spec_init(struct spec *spec);
void spec_done(struct spec *spec);

/**
 * spec_parse() - read a spec's JSON into one that was initialised
 *
 * Return: 0; -EINVAL with @why, which names the key; -ENOMEM.
 */
int spec_parse(struct spec *spec, const char *text, size_t size, struct problem *why);

/** spec_check() - is what is needed there, and does it go together? Same errors */
int spec_check(const struct spec *spec, struct problem *why);

/* One thing each, from either source; 0, -EINVAL with @why, -ENOMEM. */
int spec_set_name(struct spec *spec, const char *name, struct problem *why);
int spec_set_text(char **to, const char *what, const char *text, struct problem *why);
int spec_set_runtime(struct spec *spec, const char *name, struct problem *why);
int spec_set_gpus(struct spec *spec, const char *selector, struct problem *why);
int spec_set_hook(struct spec *spec, const char *stage, const char *command, struct problem *why);
int spec_set_loopback(struct spec *spec, const char *ports, struct problem *why);
int spec_add_env(struct spec *spec, const char *pair, struct problem *why);
int spec_add_volume(struct spec *spec, const char *volume, struct problem *why);
int spec_add_cap(struct spec *spec, const char *cap, struct problem *why);
int spec_add_annotation(struct spec *spec, const char *key, const char *value, struct problem *why);
int spec_add_profile(struct spec *spec, const char *name, struct problem *why);
int spec_add_publish(struct spec *spec, const char *port, struct problem *why);

/** spec_target_check() - may something be mounted at this place in the container? */
int spec_target_check(const char *target, size_t n, struct problem *why);

/** spec_name_check() - letters, digits, "_.-", not a dash first; 0 or -EINVAL with @why */
int spec_name_check(const char *name, struct problem *why);

#endif
