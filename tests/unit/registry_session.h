/* SPDX-License-Identifier: Apache-2.0 */
/*
 * registry_session.h - a bus that is written down, and what a peer says, for tests of sessions
 */
#ifndef TESTS_REGISTRY_SESSION_H
#define TESTS_REGISTRY_SESSION_H

#include "registry_box.h"

#include "base/log.h"
#include "user/registry/bus.h"
#include "user/registry/command.h"

static struct loop *loop;
static struct bus *bus;
static struct agent_event *events[128]; /* what was told, in order */
static unsigned n_events;
static struct timer pause_timer;

/* What was sent, decoded. */
static Command *sent[64];
static unsigned n_sent;
static int send_fails;

static inline void on_ready(struct bus_subscriber *subscriber)
{
	struct agent_event *event;

	while ((event = bus_take(subscriber))) {
		assert_true(n_events < sizeof(events) / sizeof(*events));
		events[n_events++] = event;
	}
}

static struct bus_subscriber listener;

static inline int on_pause(struct timer *timer)
{
	(void)timer;
	return -ECANCELED;
}

static inline void turn_for(uint64_t ns)
{
	timer_arm(loop, &pause_timer, now_boot_ns() + ns, on_pause);
	assert_int_equal(loop_run(loop), -ECANCELED);
}

/* Until there are so many events; a test that waits for what never comes fails. */
static inline void await_events(unsigned n)
{
	for (int i = 0; i < 10000 && n_events < n; i++)
		turn_for(SECOND_NS / 1000);
	assert_true(n_events >= n);
}

static inline void await_sent(unsigned n)
{
	for (int i = 0; i < 10000 && n_sent < n; i++)
		turn_for(SECOND_NS / 1000);
	assert_true(n_sent >= n);
}

/* The names of what was told, a blank between two, without "agent.". */
static inline const char *told(void)
{
	static char text[4096];
	char name[64];
	int at = 0;

	*text = '\0';
	for (unsigned i = 0; i < n_events; i++)
		at += snprintf(text + at, sizeof(text) - at, "%s%s", i ? " " : "",
			       agent_event_name(events[i], name, sizeof(name)) + strlen("agent."));
	return text;
}

static inline const struct agent_event *last_event(void)
{
	assert_true(n_events > 0);
	return events[n_events - 1];
}

static inline void forget_events(void)
{
	while (n_events)
		agent_event_unref(events[--n_events]);
}

static inline void forget_sent(void)
{
	while (n_sent)
		clawker__clawkerd__v1__command__free_unpacked(sent[--n_sent], NULL);
}

static inline int note_sent(const void *bytes, size_t n)
{
	if (send_fails)
		return send_fails;
	assert_true(n_sent < sizeof(sent) / sizeof(*sent));
	sent[n_sent] = clawker__clawkerd__v1__command__unpack(NULL, n, bytes);
	assert_non_null(sent[n_sent]);
	n_sent++;
	return 0;
}

static inline const Command *last_sent(void)
{
	assert_true(n_sent > 0);
	return sent[n_sent - 1];
}

/* @how: fields of the message that a response has */
#define RESPONSE(name, what, member, MESSAGE, type, ...)                                           \
	Clawker__Clawkerd__V1__##type name##_said = CLAWKER__CLAWKERD__V1__##MESSAGE##__INIT;      \
	Response name = CLAWKER__CLAWKERD__V1__RESPONSE__INIT;                                     \
	do {                                                                                       \
		Clawker__Clawkerd__V1__##type *said __attribute__((unused)) = &name##_said;        \
		__VA_ARGS__;                                                                       \
		name.payload_case = RESPONSE_IS(what);                                             \
		name.member = &name##_said;                                                        \
	} while (0)

static inline int session_begin(void)
{
	log_setup("test", LOG_EMERG, false);
	listener = (struct bus_subscriber){ .ready = on_ready };
	n_events = n_sent = 0;
	send_fails = 0;
	return loop_new(&loop) || bus_new(loop, NULL, &bus) || bus_subscribe(bus, &listener);
}

static inline void session_end(void)
{
	forget_events();
	forget_sent();
	timer_disarm(&pause_timer);
	bus_free(bus);
	loop_free(loop);
}

#endif
