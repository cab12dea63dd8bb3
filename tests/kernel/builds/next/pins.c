// SPDX-License-Identifier: Apache-2.0
/* pins.c - pins of the next version */
#include "next.h"

#include "user/pins.c"
