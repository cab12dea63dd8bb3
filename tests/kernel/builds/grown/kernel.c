// SPDX-License-Identifier: Apache-2.0
/* kernel.c - the loader, with the programs of this folder */
#include "user/kernel.c"
