/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-only */
/* next.h - the next version of what kernel and agent share; before all else */
#ifndef TESTS_NEXT_H
#define TESTS_NEXT_H

#include "terok/abi.h"

#undef TEROK_ABI_VERSION
#define TEROK_ABI_VERSION 2

#endif
