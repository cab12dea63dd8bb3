// SPDX-License-Identifier: Apache-2.0
/* hooks.c - hooks on a cgroup, of a kernel with one map more */
#include "other.h"

#include "user/hooks.c"
