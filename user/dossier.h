/* SPDX-License-Identifier: Apache-2.0 */
/*
 * dossier.h - what people are told of a guard besides its name: the kernel's table
 *
 * Pairs come from a container's annotations when it is attached (terok/dossier.h) and stay with
 * the guard, whatever becomes of the agent. What the file at .meta_path says over them is not
 * kept: whoever reads it does so as the guard's owner (user/watcher/).
 *
 * Owns: terok_dossier. Called by: attach, core, verbs, guard.c. Threads: none.
 */
#ifndef TEROK_USER_DOSSIER_H
#define TEROK_USER_DOSSIER_H

#include "kernel.h"
#include "terok/dossier.h"

/**
 * dossier_write() - in place of what was there; an empty one removes it
 * @said: any bytes; what does not belong there is left out
 *
 * A guard without is as well guarded: callers say so and go on. Return: 0, or negative errno.
 */
int dossier_write(const struct kernel *kernel, uint32_t guard, const struct terok_dossier *said,
		  struct problem *why);

/** dossier_read() - 0, and if there is none @ret is empty; or negative errno, and it is empty */
int dossier_read(const struct kernel *kernel, uint32_t guard, struct terok_dossier *ret);

/** dossier_forget() - of a guard that is gone; 0 or a negative errno */
int dossier_forget(const struct kernel *kernel, uint32_t guard);

#endif
