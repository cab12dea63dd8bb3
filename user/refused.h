/* SPDX-License-Identifier: Apache-2.0 */
/*
 * refused.h - a refusal as people are told it: who, which name, by which rule
 *
 * Called by: core. Threads: none.
 */
#ifndef TEROK_REFUSED_H
#define TEROK_REFUSED_H

#include "asked.h"
#include "kernel.h"
#include "terok/core_msg.h"

/** refused_describe() - fill the message about @asked; what is not known stays empty */
void refused_describe(const struct kernel *kernel, const struct asked *asked,
		      struct msg_refused *ret);

#endif
