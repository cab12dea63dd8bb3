// SPDX-License-Identifier: Apache-2.0
/* record.c - the ring of the next version */
#include "next.h"

#include "user/record.c"
