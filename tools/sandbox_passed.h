/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sandbox_passed.h - flags of "podman run" that are passed on: which of them, and which not
 *
 * What terok-sandbox says itself (name, network, guard, user namespace, capabilities ...) and what
 * would let a container out of its guard is refused, in each form that podman understands:
 * --flag VALUE, --flag=VALUE, -pVALUE, -p=VALUE, -itp VALUE. Values of -e are taken over into the
 * spec's environment, so that they do not stand on podman's command line.
 *
 * Called by: sandbox_options.c, sandbox_spec_json.c. Threads: none.
 */
#ifndef TEROK_SANDBOX_PASSED_H
#define TEROK_SANDBOX_PASSED_H

#include "sandbox_spec.h"

/** passed_flags() - nothing but flags; 0, -EINVAL with @why, -ENOMEM */
int passed_flags(struct spec *spec, const struct words *words, struct problem *why);

/** passed_command() - flags, then the image and its command, which take the place of the spec's */
int passed_command(struct spec *spec, const struct words *words, struct problem *why);

#endif
