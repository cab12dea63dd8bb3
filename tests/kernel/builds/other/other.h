/* SPDX-License-Identifier: Apache-2.0 */
/*
 * other.h - a later build: other instructions, one map more
 *
 * Before all else that includes kernel.h.
 */
#ifndef TESTS_OTHER_H
#define TESTS_OTHER_H

#define MAP_META MAP_META, MAP_EXTRA
#include "kernel.h"
#undef MAP_META

#endif
