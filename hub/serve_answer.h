/* SPDX-License-Identifier: Apache-2.0 */
/*
 * serve_answer.h - the methods that answer a request, of both interfaces
 *
 * Called by: serve.c, whose tables name them. Threads: none.
 */
#ifndef HUB_SERVE_ANSWER_H
#define HUB_SERVE_ANSWER_H

#include "base/varlink.h"

#define CLEARANCE "org.terok.Clearance1"
#define FIREWALL  "org.terok.Firewall1"
#define NO_MEMORY "invalid.asyncvarlink.InternalServerError" /* or no core: what today's hub says */

/** serve_verdict() - org.terok.Clearance1.Verdict: one answer, for ever, or a typed error */
void serve_verdict(struct varlink_call *call, struct json_object *parameters);

/**
 * serve_answer() - org.terok.Firewall1.Answer
 *
 * While somebody else's answer is on its way this one waits, to be told of its outcome, or to be
 * given itself if that one fails.
 */
void serve_answer(struct varlink_call *call, struct json_object *parameters);

#endif
