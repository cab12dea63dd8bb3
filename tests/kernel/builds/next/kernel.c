// SPDX-License-Identifier: Apache-2.0
/* kernel.c - the loader of the next version */
#include "next.h"

#include "user/kernel.c"
