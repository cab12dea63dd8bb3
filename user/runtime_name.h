/* SPDX-License-Identifier: Apache-2.0 */
/*
 * runtime_name.h - what docker and nerdctl call their containers, from the files that they keep
 *
 *   /var/lib/docker/containers/ID/config.v2.json     docker
 *   /var/lib/nerdctl/HASH/names/NAMESPACE/NAME       nerdctl; the file holds the id
 *
 * Root's files, and hints nevertheless. Called by: runtime.c. Threads: none.
 */
#ifndef TEROK_RUNTIME_NAME_H
#define TEROK_RUNTIME_NAME_H

#include "base/container.h"
#include "base/problem.h"

/** runtime_id_of_name() - -EINVAL no name, -ENOENT nobody's, -ENOTUNIQ docker's and nerdctl's */
int runtime_id_of_name(const char *name, char id[static CONTAINER_ID_LEN], struct problem *why);

/** runtime_name_of_id() - the first 12 digits if nobody has a name for it */
void runtime_name_of_id(const char *id, char name[static TEROK_NAME_LEN]);

#endif
