/* SPDX-License-Identifier: Apache-2.0 */
/*
 * dossiers.h - the dossiers of all guards as a running agent tells them
 *
 * A guard's pairs are in the kernel (dossier.h); what the file at its .meta_path says over them
 * is told by who reads it as the guard's owner, anew whenever it changes. What comes of both is
 * what people hear and what the audit has of the same event.
 *
 * Owns: what the files said. Called by: core. Threads: none.
 */
#ifndef TEROK_DOSSIERS_H
#define TEROK_DOSSIERS_H

#include "base/cleanup.h"
#include "dossier.h"

struct dossiers;

/** dossiers_fn - what is told of @guard from now on; without a path */
typedef void (*dossiers_fn)(uint32_t guard, const struct terok_dossier *now, void *user);

int dossiers_new(dossiers_fn changed, void *user, struct dossiers **ret);
void dossiers_free(struct dossiers *dossiers);

/** dossiers_look() - read the guard's pairs (again); changed() if that says something else */
void dossiers_look(struct dossiers *dossiers, const struct kernel *kernel, uint32_t guard);

/**
 * dossiers_file() - what the guard's file says now; NULL: nothing, or it cannot be read
 *
 * Empty values are passed over, as is what has no room. For a guard that dossiers_look() has not
 * seen it is nothing.
 */
void dossiers_file(struct dossiers *dossiers, uint32_t guard, const struct terok_dossier *file);

/** dossiers_each() - say all of them again */
void dossiers_each(struct dossiers *dossiers);

/** dossiers_get() - what was last told, borrowed; NULL: nothing */
const struct terok_dossier *dossiers_get(const struct dossiers *dossiers, uint32_t guard);

/** dossiers_gone() - the guard is no more */
void dossiers_gone(struct dossiers *dossiers, uint32_t guard);

#endif
