// SPDX-License-Identifier: Apache-2.0
/* kernel_maps.c - what this build takes maps for: one is of another layout */
#include "terok/abi.h"

#define terok_said terok_rule /* the layout, not the map's name */
#include "user/kernel_maps.c"
