/* SPDX-License-Identifier: Apache-2.0 */
/*
 * registry_box.h - a folder of its own for each case of test_registry_*.c
 */
#ifndef TESTS_REGISTRY_BOX_H
#define TESTS_REGISTRY_BOX_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>
#include <cmocka.h>

#include "base/problem.h"

static char box[64]; /* 0700 */
static struct problem why __attribute__((unused));

static inline int box_make(void)
{
	strcpy(box, "/tmp/terok-test-registry-XXXXXX");
	return mkdtemp(box) ? 0 : -1;
}

static inline int box_remove(void)
{
	char command[128];

	snprintf(command, sizeof(command), "rm -rf %s", box);
	return *box ? system(command) : 0;
}

/* A path in the box; good until the fourth call after it. */
static inline const char *in_box(const char *name)
{
	static char paths[4][160];
	static unsigned next;
	char *path = paths[next++ % 4];

	snprintf(path, sizeof(paths[0]), "%s/%s", box, name);
	return path;
}

#endif
