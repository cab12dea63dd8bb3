// SPDX-License-Identifier: Apache-2.0
#include "dns/why_text.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/addr.h"
#include "base/event.h"
#include "base/sanitise.h"
#include "terok/names.h"

#define OPEN_S  5  /* people read before they answer */
#define HELD_S  30 /* what is open is answered, or not */
#define ALONE_S 60 /* nobody is there; whoever comes is told of what is open */

static const char *const answer_name[] = {
	[WHY_NOBODY] = "nobody", [WHY_OPEN] = "open",  [WHY_ALLOWED] = "allowed",
	[WHY_DENIED] = "denied", [WHY_OVER] = "ended", [WHY_HELD] = "held",
};
_Static_assert(sizeof(answer_name) / sizeof(answer_name[0]) == WHY_MAX_, "a name for each");

static const char *reason_text(const struct msg_because *because)
{
	switch ((enum terok_reason)because->reason) {
	case TEROK_REASON_BLOCKED: return "nothing but loopback is open in state block";
	case TEROK_REASON_HARD: return "link-local and metadata addresses are closed";
	case TEROK_REASON_RULE_DENY: return "a rule denies it";
	case TEROK_REASON_EXPIRED: return "what allowed it has ended";
	case TEROK_REASON_PRIVATE:
		return because->by_name ? "all its addresses are private or local"
					: "private addresses are closed unless a rule allows them";
	case TEROK_REASON_DEFAULT: return "no rule allows it";
	case TEROK_REASON_NAME_DENY:
		return because->by_name ? "no rule allows this name"
					: "it stands for no name that is allowed";
	case TEROK_REASON_SOCKET_KIND: return "sockets of this kind are refused";
	case TEROK_REASON_UNSOLICITED: return "nothing here asked for it";
	case TEROK_REASON_HELLO: return "the connection named another host than was asked for";
	default: return "refused";
	}
}

/* --- what a retry would meet --------------------------------------------------------------- */

static uint64_t seconds_until(uint64_t until_ns, uint64_t now_ns)
{
	return until_ns > now_ns ? (until_ns - now_ns + SECOND_NS - 1) / SECOND_NS : 0;
}

static struct why_fate fate_of_denied(const struct msg_because *because, uint64_t now_ns)
{
	uint64_t left = seconds_until(because->until_ns, now_ns);

	return (struct why_fate){ WHY_DENIED, left > 0, left };
}

struct why_fate why_fate_of(const struct msg_because *because, bool heard, uint64_t now_ns)
{
	if (because->now_action == TEROK_ALLOW)
		return (struct why_fate){ WHY_ALLOWED, true, 0 };
	if (because->now_reason == TEROK_REASON_RULE_DENY)
		return fate_of_denied(because, now_ns);
	if (because->held)
		return (struct why_fate){ WHY_HELD, true, HELD_S };
	if (!because->question)
		return (struct why_fate){ WHY_NOBODY, false, 0 };
	if (because->answered)
		return (struct why_fate){ WHY_OVER, true, 0 };
	return heard ? (struct why_fate){ WHY_OPEN, true, OPEN_S }
		     : (struct why_fate){ WHY_NOBODY, true, ALONE_S };
}

/* The one that denies all of a name; NULL: none does. */
static const struct terok_grant *grant_denies(const struct terok_name *entry)
{
	for (unsigned i = 0; i < entry->n; i++)
		if (entry->grant[i].action == TEROK_DENY && !entry->grant[i].port &&
		    !entry->grant[i].proto)
			return &entry->grant[i];
	return NULL;
}

void why_name_decide(const struct dns_policy *policy, enum terok_state state, uint64_t now_ns,
		     struct msg_because *because)
{
	const struct terok_grant *denies;
	struct terok_name entry = {};
	const char *zone;
	int allowed;

	because->now_action = TEROK_DENY;
	because->now_reason = TEROK_REASON_BLOCKED;
	if (state == TEROK_STATE_NONE || state >= TEROK_STATE_BLOCK)
		return;
	allowed = dns_policy_look(policy, because->domain, now_ns, &entry, &zone);
	denies = allowed ? NULL : grant_denies(&entry);
	because->now_reason = denies ? TEROK_REASON_RULE_DENY : TEROK_REASON_NAME_DENY;
	because->until_ns = denies ? denies->until_ns : 0;
	if (allowed <= 0 && (denies || state == TEROK_STATE_UP))
		return;
	because->now_action = TEROK_ALLOW;
	because->now_reason = TEROK_REASON_NAME;
	because->until_ns = allowed > 0 ? dns_policy_ends(&entry) : 0;
}

/* --- one refusal ---------------------------------------------------------------------------- */

static const char *dest_of(const struct msg_because *because, char buf[static SANITISE_MAX + 1])
{
	if (!because->by_name)
		return addr_format(buf, because->addr);
	return sanitise(buf, SANITISE_MAX, because->domain,
			strnlen(because->domain, sizeof(because->domain)));
}

static const char *safe_of(const char *text, size_t size, char buf[static SANITISE_MAX + 1])
{
	return sanitise(buf, SANITISE_MAX, text, strnlen(text, size));
}

static bool is_wanted(const struct why_page *page, const struct msg_because *because)
{
	const char *want = page->request->dest;
	char buf[SANITISE_MAX + 1];

	return !*want || !strcmp(want, dest_of(because, buf)) ||
	       !strncmp(want, because->domain, sizeof(because->domain));
}

static void because_json(struct json *json, const struct why_page *page,
			 const struct msg_because *because)
{
	struct why_fate fate = why_fate_of(because, page->last.heard, page->now_ns);
	char buf[SANITISE_MAX + 1], number[8];

	json_open_object(json, NULL);
	json_add_string(json, "dest", dest_of(because, buf));
	json_add_uint(json, "port", because->port);
	json_add_string(json, "proto", because->proto ? proto_name(because->proto, number) : "");
	json_add_string(json, "name", safe_of(because->domain, sizeof(because->domain), buf));
	json_add_string(json, "reason", terok_reason_name(because->reason));
	json_add_string(json, "why", reason_text(because));
	json_add_string(json, "rule", safe_of(because->rule, sizeof(because->rule), buf));
	json_add_string(json, "request_id",
			safe_of(because->request, sizeof(because->request), buf));
	json_add_bool(json, "asked", because->question && page->last.heard);
	json_add_string(json, "answer", answer_name[fate.answer]);
	json_add_bool(json, "retry", fate.retry);
	json_add_uint(json, "retry_after_s", fate.after_s);
	json_add_uint(json, "until_s", seconds_until(because->until_ns, page->now_ns));
	json_add_uint(json, "count", because->count);
	json_add_uint(json, "last_s", seconds_until(page->now_ns, because->last_ns));
	json_close_object(json);
}

static void fate_text(FILE *out, const struct why_page *page, const struct msg_because *because)
{
	struct why_fate fate = why_fate_of(because, page->last.heard, page->now_ns);
	static const char *const said[] = {
		[WHY_OPEN] = "somebody was asked and has not answered",
		[WHY_ALLOWED] = "it is allowed now",
		[WHY_DENIED] = "it is denied",
		[WHY_OVER] = "somebody answered, and that has ended",
		[WHY_HELD] = "too many requests wait already; a retry asks when there is room",
	};
	const char *text = said[fate.answer];

	if (fate.answer == WHY_NOBODY)
		text = because->question
			   ? "nobody who may answer is there; it waits for whoever comes"
			   : "nobody is asked about this";
	fprintf(out, "  answer:  %s: %s\n", answer_name[fate.answer], text);
	if (!fate.retry)
		fprintf(out, "  retry:   no\n");
	else if (!fate.after_s)
		fprintf(out, "  retry:   now\n");
	else
		fprintf(out, "  retry:   not before %llu s have gone by\n",
			(unsigned long long)fate.after_s);
}

static void because_text(FILE *out, const struct why_page *page, const struct msg_because *because)
{
	char buf[SANITISE_MAX + 1], number[8];

	fprintf(out, "\n%s", dest_of(because, buf));
	if (because->port)
		fprintf(out, " port %u", because->port);
	if (because->proto)
		fprintf(out, "%s%s", because->port ? "/" : " ", proto_name(because->proto, number));
	if (!because->by_name && *because->domain)
		fprintf(out, " (%s)", safe_of(because->domain, sizeof(because->domain), buf));
	fprintf(out, ", %llu time%s, %llu s ago\n", (unsigned long long)because->count,
		because->count == 1 ? "" : "s",
		(unsigned long long)seconds_until(page->now_ns, because->last_ns));
	fprintf(out, "  why:     %s (%s)\n", reason_text(because),
		terok_reason_name(because->reason));
	if (*because->rule)
		fprintf(out, "  rule:    %s\n", safe_of(because->rule, sizeof(because->rule), buf));
	if (*because->request)
		fprintf(out, "  request: %s\n",
			safe_of(because->request, sizeof(because->request), buf));
	fate_text(out, page, because);
}

/* --- the reply ------------------------------------------------------------------------------ */

static void page_json(FILE *out, const struct why_page *page)
{
	_cleanup_json_ struct json json = {};
	char buf[SANITISE_MAX + 1];

	json_open_object(&json, NULL);
	json_add_string(&json, "guard", safe_of(page->last.name, sizeof(page->last.name), buf));
	json_add_string(&json, "state", terok_state_name(page->last.state));
	json_open_array(&json, "refused");
	for (unsigned i = 0; i < page->n; i++)
		if (is_wanted(page, &page->because[i]))
			because_json(&json, page, &page->because[i]);
	json_close_array(&json);
	json_close_object(&json);
	fprintf(out, "%s\n", json_done(&json) ?: "{}");
}

static void page_text(FILE *out, const struct why_page *page)
{
	char buf[SANITISE_MAX + 1];
	unsigned n = 0;

	for (unsigned i = 0; i < page->n; i++)
		n += is_wanted(page, &page->because[i]);
	fprintf(out, "%s is %s; ", safe_of(page->last.name, sizeof(page->last.name), buf),
		terok_state_name(page->last.state));
	fprintf(out, n ? "refused lately, the last first:\n" : "nothing%s was refused lately.\n",
		*page->request->dest ? " of that" : "");
	for (unsigned i = 0; i < page->n; i++)
		if (is_wanted(page, &page->because[i]))
			because_text(out, page, &page->because[i]);
}

static const char *status_text(int status)
{
	switch (status) {
	case 200: return "OK";
	case 400: return "Bad Request";
	case 403: return "Forbidden";
	case 404: return "Not Found";
	case 405: return "Method Not Allowed";
	case 429: return "Too Many Requests";
	case 431: return "Request Header Fields Too Large";
	default: return "Service Unavailable";
	}
}

/* What a person reads who asks the wrong way. */
static const char *status_hint(int status)
{
	switch (status) {
	case 403: return "this is not your guard's";
	case 404: return "there are /, /why, /why/DEST, /why.json and /why.json/DEST";
	case 405: return "GET is all there is";
	case 429:
	case 503: return "try again in a second";
	default: return "that is no request";
	}
}

/* @retry: a header of its own, or "" */
static void reply_write(struct json *out, int status, bool json, const char *retry,
			const char *body, size_t n)
{
	char head[320];
	int size = snprintf(
	    head, sizeof(head),
	    "HTTP/1.1 %d %s\r\nServer: terok\r\nContent-Type: %s\r\nContent-Length: %zu\r\n"
	    "Cache-Control: no-store\r\n%s%s%sConnection: close\r\n\r\n",
	    status, status_text(status), json ? "application/json" : "text/plain; charset=us-ascii",
	    n, retry, status == 405 ? "Allow: GET\r\n" : "",
	    status == 429 || status == 503 ? "Retry-After: 1\r\n" : "");

	out->comma = false;
	json_add_raw(out, NULL, head, size);
	out->comma = false;
	json_add_raw(out, NULL, body, n);
}

/* The newest that was asked about, for programs that read no further. */
static void retry_header(char *buf, size_t size, const struct why_page *page)
{
	struct why_fate fate = { .retry = true };
	unsigned i = 0;

	while (i < page->n && !is_wanted(page, &page->because[i]))
		i++;
	if (i < page->n)
		fate = why_fate_of(&page->because[i], page->last.heard, page->now_ns);
	if (!fate.retry)
		snprintf(buf, size, "Terok-Retry: no\r\n");
	else if (!fate.after_s)
		snprintf(buf, size, "Terok-Retry: now\r\n");
	else
		snprintf(buf, size, "Terok-Retry: %llu\r\n", (unsigned long long)fate.after_s);
}

void why_write(struct json *out, const struct why_page *page)
{
	_cleanup_free_ char *body = NULL;
	char retry[48];
	size_t size = 0;
	FILE *stream = open_memstream(&body, &size);

	if (!stream) {
		why_write_error(out, 503);
		return;
	}
	retry_header(retry, sizeof(retry), page);
	if (page->request->json)
		page_json(stream, page);
	else
		page_text(stream, page);
	if (fclose(stream))
		why_write_error(out, 503);
	else
		reply_write(out, 200, page->request->json, retry, body, size);
}

void why_write_error(struct json *out, int status)
{
	char body[128];
	int size = snprintf(body, sizeof(body), "%d %s: %s\n", status, status_text(status),
			    status_hint(status));

	reply_write(out, status, false, "", body, size);
}
