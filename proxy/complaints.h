/* SPDX-License-Identifier: Apache-2.0 */
/*
 * complaints.h - lines of the log about requests that were refused: so many of each who asks
 *
 * A container can have a thousand requests refused in a second, and the log is where people look for
 * everything else. So each source has COMPLAINTS lines at once and one a second after that; how many
 * were left out is a line of its own a while later. The audit has each of them.
 *
 * Called by: server.c. Owns: a place for each of COMPLAINTS_SOURCES; beyond that, who was quiet for
 * longest is forgotten. Threads: none.
 */
#ifndef PROXY_COMPLAINTS_H
#define PROXY_COMPLAINTS_H

#include <stdbool.h>

#include "base/event.h"

#define COMPLAINTS         20
#define COMPLAINTS_SOURCES 64
#define COMPLAINTS_TOLD_NS (10 * SECOND_NS) /* until what was left out is said */

struct complaints;

/** complaints_new() - 0; -ENOMEM. @ret is to be freed before @loop */
int complaints_new(struct loop *loop, struct complaints **ret);
/** complaints_free() - what was left out is said. NULL: nothing */
void complaints_free(struct complaints *complaints);

/**
 * complaints_may() - may there be a line about @from, a container's name, or ""? Else it is counted
 * @now_ns: now_boot_ns()
 */
bool complaints_may(struct complaints *complaints, const char *from, uint64_t now_ns);

#endif
