// SPDX-License-Identifier: Apache-2.0
/* kernel.c - the loader, with the programs of this folder and one map more */
#include "other.h"

#undef TEROK_VERSION
#define TEROK_VERSION "later"
#include "user/kernel.c"
