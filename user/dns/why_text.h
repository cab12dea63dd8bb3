/* SPDX-License-Identifier: Apache-2.0 */
/*
 * why_text.h - refusals for who was refused: text/plain and JSON, with the head of HTTP before it
 *
 * Said is what the core told (core_msg.h) in words that a program can act on: was somebody
 * asked, what came of it, is it worth a retry and when. The header Terok-Retry says that of the
 * newest refusal: now (also if there is none), no, or the seconds until then.
 * Called by: why.c. Threads: none.
 */
#ifndef TEROK_DNS_WHY_TEXT_H
#define TEROK_DNS_WHY_TEXT_H

#include "base/json.h"
#include "dns/policy.h"
#include "dns/why_request.h"
#include "terok/core_msg.h"

/* What a retry would meet. */
enum why_answer {
	WHY_NOBODY,  /* nobody can be asked, or nobody who may answer is there */
	WHY_OPEN,    /* somebody is asked, and has not answered */
	WHY_ALLOWED, /* by an answer or a rule, now */
	WHY_DENIED,  /* by an answer or a rule */
	WHY_OVER,    /* it was answered, and that has ended: a retry asks again */
	WHY_HELD,    /* too many others are open: a retry asks when there is room */
	WHY_MAX_
};

struct why_fate {
	enum why_answer answer;
	bool retry;
	uint64_t after_s; /* not before; 0: now */
};

/* One answer. */
struct why_page {
	const struct why_request *request;
	const struct msg_because *because;
	unsigned n;
	struct msg_becauses last;
	uint64_t now_ns; /* CLOCK_BOOTTIME */
};

/** why_fate_of() - @heard: somebody who may answer is there */
struct why_fate why_fate_of(const struct msg_because *because, bool heard, uint64_t now_ns);

/** why_name_decide() - what @policy says of a name that was refused, into .now_action and .until_ns */
void why_name_decide(const struct dns_policy *policy, enum terok_state state, uint64_t now_ns,
		     struct msg_because *because);

/** why_write() - the whole reply; its bytes are in @out, which may hold an error */
void why_write(struct json *out, const struct why_page *page);

/** why_write_error() - a reply that is a status only; 503 and 429 say that it may be tried again */
void why_write_error(struct json *out, int status);

#endif
