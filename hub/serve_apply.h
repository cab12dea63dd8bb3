/* SPDX-License-Identifier: Apache-2.0 */
/*
 * serve_apply.h - org.terok.ClearanceVerdict1 of the agent: Apply is a write into the kernel's maps
 *
 * A program that has its verdicts carried out by a helper may have the agent for one, on the
 * same socket as the hub's other interfaces. Apply answers, for ever, every open request of that
 * container for that destination, a name or an address, which the caller may answer, as Verdict would; it decides
 * nothing that was not asked, because an answer to the core is the number of a question.
 * Called by: serve.c. Threads: none.
 */
#ifndef HUB_SERVE_APPLY_H
#define HUB_SERVE_APPLY_H

#include "base/varlink.h"

#define CLEARANCE_VERDICT "org.terok.ClearanceVerdict1"

/** serve_apply() - the method; the call's user is the struct hub */
void serve_apply(struct varlink_call *call, struct json_object *parameters);

#endif
