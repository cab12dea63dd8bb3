/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cgroup_path.h - what cgroup.c and cgroup_life.c share, and nobody else needs
 */
#ifndef TEROK_CGROUP_PATH_H
#define TEROK_CGROUP_PATH_H

#include "cgroup.h"

/**
 * cgroup_path_clean() - what a person typed, to a path below @root without leading '/'
 *
 * Return: 0; -EINVAL for "..", the root itself or nothing, -ENAMETOOLONG.
 */
int cgroup_path_clean(const char *text, const char *root, char ret[static TEROK_PATH_LEN],
		      struct problem *why);

/** cgroup_open_beneath() - a directory below @dir, by no symbolic link and no other mount */
int cgroup_open_beneath(int dir, const char *path);

#endif
