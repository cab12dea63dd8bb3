/* SPDX-License-Identifier: Apache-2.0 */
/*
 * popup_ends.h - popups between a hub and a notification service that are the test's
 *
 * What is shown is in sent[], oldest first; the service says what it is called only when the
 * test lets it, by shows() or popups_sent().
 */
#ifndef TESTS_UNIT_POPUP_ENDS_H
#define TESTS_UNIT_POPUP_ENDS_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

/* a program's own sources are in no archive */
#include "tools/clearance_popup.c"
#include "tools/clearance_popup_text.c"

#define LOG_MAX 64

static struct {
	char summary[SUMMARY_MAX + 1], body[BODY_MAX + 1];
	bool actions, resident, transient;
	unsigned n_actions; /* their keys and labels */
	enum urgency urgency;
	int32_t timeout_ms;
	uint32_t replaces;
	uint64_t call;
} sent[LOG_MAX];
static unsigned n_sent, n_closed, n_answers, n_wakes, calls, ids;
static uint32_t closed[LOG_MAX];
static char answered[96];
static uint64_t cookie;
static int answer_result, notify_result;
static struct popups popups;

static inline int service_notify(const struct desktop_note *note, uint32_t replaces, uint64_t *ret,
				 void *user)
{
	assert_ptr_equal(user, &popups);
	if (notify_result)
		return notify_result;
	assert_true(n_sent < LOG_MAX);
	snprintf(sent[n_sent].summary, sizeof(sent[0].summary), "%s", note->summary);
	snprintf(sent[n_sent].body, sizeof(sent[0].body), "%s", note->body);
	sent[n_sent].actions = note->actions != NULL;
	for (const char *const *word = note->actions; word && *word; word++)
		sent[n_sent].n_actions++;
	sent[n_sent].resident = note->resident;
	sent[n_sent].transient = note->transient;
	sent[n_sent].urgency = note->urgency;
	sent[n_sent].timeout_ms = note->timeout_ms;
	sent[n_sent].replaces = replaces;
	sent[n_sent++].call = *ret = ++calls;
	return 0;
}

static inline void service_close(uint32_t id, void *user)
{
	(void)user;
	assert_int_not_equal(id, 0);
	closed[n_closed++] = id;
}

static inline void service_wake(void *user)
{
	(void)user;
	n_wakes++;
}

static inline int hub_answer(const char *request_id, bool allow, const char *scope, uint64_t number,
			     void *user)
{
	(void)user;
	cookie = number;
	n_answers++;
	snprintf(answered, sizeof(answered), "%s %s %s", request_id, allow ? "allow" : "deny",
		 scope);
	return answer_result;
}

static const struct popup_face face = {
	.notify = service_notify, .close = service_close, .wake = service_wake, .answer = hub_answer
};

static inline int setup(void **state)
{
	(void)state;
	memset(sent, 0, sizeof(sent));
	n_sent = n_closed = n_answers = n_wakes = calls = ids = 0;
	answer_result = notify_result = 0;
	popups = (struct popups){ .face = &face, .user = &popups, .categories = POPUP_ALL };
	if (loop_new(&popups.loop))
		return -1;
	popups_start(&popups);
	popups_ready(&popups, true);
	return 0;
}

static inline int teardown(void **state)
{
	(void)state;
	popups_stop(&popups);
	loop_free(popups.loop);
	return popups.n_waiting || popups.n_passing || popups.first;
}

/* The service has shown what was sent last, and says as what. */
static uint32_t shows(void)
{
	uint32_t id = sent[n_sent - 1].replaces ?: ++ids;

	popups_sent(&popups, sent[n_sent - 1].call, id);
	return id;
}

static inline struct terok_event event_of(const char *type)
{
	return (struct terok_event){
		.type = type,
		.guard = 1,
		.container = "0123456789ab",
		.name = "box",
		.request_id = "",
		.dest = "",
		.domain = "",
		.reason = "",
		.hook = "",
		.said = "",
		.source = "",
		.state = "",
		.action = "",
		.scope = "",
		.problem = "",
		.rule = "",
		.client = "",
		.uid = getuid(),
		.json = "{}",
		.process = { .comm = "", .exe = "", .cmdline = "", .parent_comm = "" },
	};
}

static inline void blocks(const char *request_id, const char *dest, const char *domain,
			  int64_t port)
{
	struct terok_event event = event_of("request");

	event.request_id = request_id;
	event.dest = dest;
	event.domain = domain;
	event.port = port;
	event.proto = 6;
	event.count = 1;
	popups_event(&popups, &event);
}

/* The same of another guard. */
static inline void blocks_in(int64_t guard, const char *container, const char *request_id,
			     const char *dest)
{
	struct terok_event event = event_of("request");

	event.guard = guard;
	event.container = event.name = container;
	event.request_id = request_id;
	event.dest = dest;
	event.port = 443;
	event.proto = 6;
	event.count = 1;
	popups_event(&popups, &event);
}

static inline void decides(const char *request_id, const char *action, bool ok, const char *problem)
{
	struct terok_event event = event_of("verdict");

	event.request_id = request_id;
	event.action = action;
	event.ok = ok;
	event.problem = problem;
	popups_event(&popups, &event);
}

static inline void guard_is(const char *type, const char *state, const char *reason)
{
	struct terok_event event = event_of(type);

	event.state = state;
	event.reason = reason;
	popups_event(&popups, &event);
}

static inline void said(const char *summary, const char *body)
{
	assert_true(n_sent > 0);
	assert_string_equal(sent[n_sent - 1].summary, summary);
	assert_string_equal(sent[n_sent - 1].body, body);
}

/* A second passes, and with it whatever was too much. */
static inline void quiet_is_over(void)
{
	for (struct popup *popup = popups.first; popup; popup = popup->next)
		popup->next_ns = 0;
	popups.paced_ns = 0;
	if (popups.later.loop) {
		timer_disarm(&popups.later);
		popups_later(&popups.later);
	}
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

#endif
