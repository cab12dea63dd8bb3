// SPDX-License-Identifier: Apache-2.0
/* kernel_maps.c - what this build takes maps for: one more */
#include "other.h"

/* the one place where the file names it is its row: here are two */
#define MAP_META MAP_EXTRA] = { "terok_extra", sizeof(__u32), sizeof(__u64), true }, [MAP_META
#include "user/kernel_maps.c"
