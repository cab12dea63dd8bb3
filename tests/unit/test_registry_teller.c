// SPDX-License-Identifier: Apache-2.0
/*
 * test_registry_teller.c - user/registry/teller.c: who is contained, what is told, whatever becomes of the agent
 *
 * The other end is the agent's own socket (user/control.c) in the same loop; what it says is played.
 */
#include "registry_session.h"

#include "control.h"
#include "user/registry/contain.h"
#include "user/registry/teller.h"

#define ID  "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
#define ID2 "fedcba9876543210fedcba9876543210fedcba9876543210fedcba9876543210"

static struct control *control;
static struct teller *teller;
static struct bus *whole; /* a bus whose first is the teller */
static struct control_packet words[400];
static unsigned n_words;
/* what is said to the next words, then 0; SILENT: the connection ends without a word */
#define SILENT 1
static int answers[8];
static unsigned n_answers;

static void on_word(const struct control_caller *caller, const struct control_packet *word,
		    void *user)
{
	int result = n_answers ? answers[0] : 0;
	struct problem text = { "so it is" };

	(void)user;
	assert_true(n_words < sizeof(words) / sizeof(*words));
	words[n_words++] = *word;
	if (n_answers)
		memmove(answers, answers + 1, --n_answers * sizeof(*answers));
	if (result == SILENT)
		close(control_take(control, caller->token));
	else
		control_done(control, caller->token, result, 7, result ? &text : NULL);
}

static const struct control_events control_events = { .word = on_word };

static void agent_comes(void)
{
	assert_int_equal(control_serve(loop, &control_events, NULL, &control, &why), 0);
}

static void agent_goes(void)
{
	control_free(control);
	control = NULL;
}

static void on_wished(void *user, const struct agent_event *wish)
{
	(void)user;
	teller_heard(teller, wish);
}

static int begin(enum contain_policy policy)
{
	static const struct bus_first first = { .wished = on_wished };

	teller = NULL;
	control = NULL;
	n_words = n_answers = 0;
	if (box_make() || session_begin() || bus_new(loop, &first, &whole))
		return -1;
	bus_leave(&listener);
	setenv("TEROK_RUN", box, 1);
	return bus_subscribe(whole, &listener) || teller_new(loop, whole, policy, &teller);
}

static int setup(void **state)
{
	(void)state;
	if (begin(CONTAIN_BLOCK))
		return -1;
	agent_comes();
	return 0;
}

static int setup_away(void **state)
{
	(void)state;
	return begin(CONTAIN_BLOCK);
}

static int setup_off(void **state)
{
	(void)state;
	if (begin(CONTAIN_OFF))
		return -1;
	agent_comes();
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	teller_free(teller);
	bus_free(whole);
	agent_goes();
	unsetenv("TEROK_RUN");
	session_end();
	return box_remove();
}

static void answer(int a)
{
	answers[n_answers++] = a;
}

static void publish(enum agent_event_type type, const char *container)
{
	const struct agent_event event = { .type = type,
					   .container = container,
					   .agent = "dev",
					   .project = "proj",
					   .reason = "cert_thumbprint_mismatch",
					   .detail = "another one",
					   .step = "first",
					   .step_count = 3,
					   .attempts = 2 };

	assert_true(bus_publish(whole, &event));
}

static void await_words(unsigned n)
{
	for (int i = 0; i < 10000 && n_words < n; i++)
		turn_for(SECOND_NS / 1000);
	assert_true(n_words >= n);
}

/* Whatever was to be said has been, and answered. */
static void settle(void)
{
	turn_for(SECOND_NS / 50);
}

/* Of those that were told: how many say who is contained, and the last of them. */
static unsigned contained(const struct agent_event **ret)
{
	unsigned n = 0;

	for (unsigned i = 0; i < n_events; i++) {
		if (events[i]->type != AGENT_EVENT_CONTAINED)
			continue;
		n++;
		*ret = events[i];
	}
	return n;
}

static const struct agent_event *await_contained(void)
{
	const struct agent_event *event = NULL;

	for (int i = 0; i < 10000 && !contained(&event); i++)
		turn_for(SECOND_NS / 1000);
	assert_non_null(event);
	return event;
}

/* --- who is contained ----------------------------------------------------------------------- */

static void who_is_not_trusted_is_contained_before_it_is_told(void **state)
{
	const struct agent_event *event = NULL;

	(void)state;
	publish(AGENT_EVENT_UNTRUSTED, ID);
	await_words(2);
	assert_int_equal(words[0].type, CONTROL_CONTAIN);
	assert_string_equal(words[0].CONTAIN.container, ID);
	assert_string_equal(words[0].CONTAIN.reason, "cert_thumbprint_mismatch");
	assert_string_equal(words[0].CONTAIN.detail, "another one");
	assert_int_equal(words[1].type, CONTROL_AGENT);
	assert_int_equal(words[1].AGENT.type, AGENT_EVENT_UNTRUSTED);
	event = await_contained();
	assert_true(event->ok);
	assert_string_equal(event->container, ID);
	assert_string_equal(event->agent, "dev");
	assert_string_equal(event->project, "proj");
	assert_string_equal(event->reason, "cert_thumbprint_mismatch");
	settle();
	assert_int_equal(n_words, 2); /* that it is contained the agent says to people itself */
}

static void what_the_bus_has_no_room_for_is_contained_all_the_same(void **state)
{
	const struct agent_event untrusted = { .type = AGENT_EVENT_UNTRUSTED,
					       .container = ID,
					       .reason = "cert_invalid" };

	(void)state;
	bus_leave(&listener); /* of none of these */
	for (unsigned i = 0; i < BUS_QUEUE_MAX; i++)
		assert_true(bus_publish(whole, &(struct agent_event){ .type = AGENT_EVENT_CONTAINER,
								      .container = ID2,
								      .action = "start" }));
	assert_false(bus_publish(whole, &untrusted));
	await_words(1);
	assert_int_equal(words[0].type, CONTROL_CONTAIN);
	assert_string_equal(words[0].CONTAIN.container, ID);
	assert_string_equal(words[0].CONTAIN.reason, "cert_invalid");
}

static void who_is_contained_already_is_no_news(void **state)
{
	const struct agent_event *event = NULL;

	(void)state;
	answer(-EALREADY);
	publish(AGENT_EVENT_UNTRUSTED, ID);
	await_words(2);
	settle();
	assert_int_equal(contained(&event), 0);
	publish(AGENT_EVENT_UNTRUSTED, ID); /* a person has lifted it meanwhile */
	await_words(4);
	assert_int_equal(words[2].type, CONTROL_CONTAIN);
	assert_true(await_contained()->ok);
}

static void a_container_without_a_guard_is_said_once(void **state)
{
	const struct agent_event *event = NULL;

	(void)state;
	answer(-ENOENT);
	publish(AGENT_EVENT_UNTRUSTED, ID);
	event = await_contained();
	assert_false(event->ok);
	assert_string_equal(event->reason, "no_guard");
	await_words(2);
	answer(-ENOENT);
	publish(AGENT_EVENT_UNTRUSTED, ID);
	await_words(4);
	settle();
	assert_int_equal(contained(&event), 1);
	publish(AGENT_EVENT_UNTRUSTED, ID); /* it has one now */
	await_words(6);
	settle();
	assert_int_equal(contained(&event), 2);
	assert_true(event->ok);
}

static void what_cannot_be_done_is_tried_again_and_holds_up_nobody(void **state)
{
	const struct agent_event *event = NULL;

	(void)state;
	answer(-EIO);
	publish(AGENT_EVENT_UNTRUSTED, ID);
	publish(AGENT_EVENT_UNTRUSTED, ID2);
	await_words(4);
	assert_string_equal(words[1].CONTAIN.container, ID2);
	settle();
	assert_int_equal(contained(&event), 2);
	assert_true(event->ok); /* the other's */
	await_words(5);         /* some seconds later */
	assert_int_equal(words[4].type, CONTROL_CONTAIN);
	assert_string_equal(words[4].CONTAIN.container, ID);
	settle();
	assert_int_equal(contained(&event), 3);
}

static void where_it_is_off_nobody_is_contained_and_all_is_told(void **state)
{
	(void)state;
	publish(AGENT_EVENT_UNTRUSTED, ID);
	await_words(1);
	settle();
	assert_int_equal(n_words, 1);
	assert_int_equal(words[0].AGENT.type, AGENT_EVENT_UNTRUSTED);
}

static void an_id_that_is_too_long_is_nobody_elses(void **state)
{
	char id[AGENT_ID_LEN];

	(void)state;
	memset(id, 'a', sizeof(id) - 1);
	id[sizeof(id) - 1] = '\0';
	answer(-ENOENT);
	publish(AGENT_EVENT_UNTRUSTED, id);
	assert_string_equal(await_contained()->reason, "no_guard");
	settle();
	assert_int_equal(n_words, 1);
	assert_string_equal(words[0].CONTAIN.container, "");
}

static void so_many_wait_and_one_more_does_not(void **state)
{
	struct contain contain = {};
	char id[16];

	(void)state;
	for (unsigned i = 0; i < CONTAIN_MAX; i++) {
		snprintf(id, sizeof(id), "%x", i);
		assert_int_equal(contain_add(&contain, id, NULL, NULL, "r", ""), 0);
	}
	assert_int_equal(contain_add(&contain, "0", NULL, NULL, "r", ""), 0); /* is there */
	assert_int_equal(contain_add(&contain, "fffff", NULL, NULL, "r", ""), -ENOSPC);
	contain_drop(&contain, "7");
	assert_int_equal(contain_add(&contain, "fffff", NULL, NULL, "r", ""), 0);
	contain_done(&contain);
	assert_int_equal(contain.n, 0);
}

/* --- what is told --------------------------------------------------------------------------- */

static void what_happens_is_told_in_its_order(void **state)
{
	(void)state;
	publish(AGENT_EVENT_CONNECTED, ID);
	assert_true(bus_publish(whole, &(struct agent_event){ .type = AGENT_EVENT_CONTAINER,
							      .container = ID,
							      .action = "start" }));
	publish(AGENT_EVENT_REAP_DEGRADED, ID);
	publish(AGENT_EVENT_STEP_STARTED, ID);
	await_words(2);
	settle();
	assert_int_equal(n_words, 2);
	assert_int_equal(words[0].AGENT.type, AGENT_EVENT_CONNECTED);
	assert_int_equal(words[0].AGENT.attempts, 2);
	assert_string_equal(words[0].AGENT.container, ID);
	assert_string_equal(words[0].AGENT.agent, "dev");
	assert_string_equal(words[0].AGENT.project, "proj");
	assert_int_equal(words[1].AGENT.type, AGENT_EVENT_STEP_STARTED);
	assert_string_equal(words[1].AGENT.step, "first");
	assert_int_equal(words[1].AGENT.step_count, 3);
}

static void what_is_too_much_is_said_again(void **state)
{
	(void)state;
	answer(-EBUSY);
	publish(AGENT_EVENT_CONNECTED, ID);
	publish(AGENT_EVENT_BROKEN, ID);
	await_words(3);
	assert_int_equal(words[0].AGENT.type, AGENT_EVENT_CONNECTED);
	assert_int_equal(words[1].AGENT.type, AGENT_EVENT_CONNECTED);
	assert_int_equal(words[2].AGENT.type, AGENT_EVENT_BROKEN);
}

static void what_is_no_guards_is_nobodys_and_the_rest_goes_on(void **state)
{
	(void)state;
	answer(-ENOENT);
	publish(AGENT_EVENT_CONNECTED, ID);
	publish(AGENT_EVENT_BROKEN, ID2);
	await_words(2);
	assert_string_equal(words[1].AGENT.container, ID2);
}

/* --- an agent that is away ------------------------------------------------------------------ */

static void who_was_not_trusted_meanwhile_is_contained_when_it_is_back(void **state)
{
	(void)state;
	publish(AGENT_EVENT_UNTRUSTED, ID);
	for (int i = 0; i < 300; i++) { /* more than is kept of what happens */
		publish(AGENT_EVENT_CONNECTING, ID2);
		if (i % 100 == 99)
			turn_for(SECOND_NS / 100);
		forget_events();
	}
	agent_comes();
	await_words(1);
	assert_int_equal(words[0].type, CONTROL_CONTAIN);
	assert_string_equal(words[0].CONTAIN.container, ID);
	await_words(BUS_SUBSCRIBER_MAX);
	settle();
	/* the containment, and the newest of what happened */
	assert_int_equal(n_words, 1 + BUS_SUBSCRIBER_MAX);
	assert_int_equal(words[1].AGENT.type, AGENT_EVENT_CONNECTING);
}

static void one_that_is_killed_in_between_is_asked_again(void **state)
{
	(void)state;
	answer(SILENT); /* it may have done it, or not */
	answer(-EAGAIN);
	answer(-EALREADY);
	publish(AGENT_EVENT_UNTRUSTED, ID);
	await_words(4);
	for (int i = 0; i < 3; i++)
		assert_int_equal(words[i].type, CONTROL_CONTAIN);
	assert_true(await_contained()->ok); /* it had, and nobody has heard of it yet */
}

static void one_that_goes_and_comes_is_told_what_is_next(void **state)
{
	(void)state;
	publish(AGENT_EVENT_CONNECTED, ID);
	await_words(1);
	settle();
	agent_goes();
	publish(AGENT_EVENT_BROKEN, ID);
	settle();
	agent_comes();
	await_words(2);
	assert_int_equal(words[1].AGENT.type, AGENT_EVENT_BROKEN);
}

static void a_container_that_is_removed_is_forgotten(void **state)
{
	(void)state;
	publish(AGENT_EVENT_UNTRUSTED, ID);
	assert_true(bus_publish(whole, &(struct agent_event){ .type = AGENT_EVENT_CONTAINER,
							      .container = ID,
							      .action = "destroy" }));
	settle();
	agent_comes();
	/* none had run, and nobody waits to be contained: what happens next is what looks for it */
	settle();
	assert_int_equal(n_words, 0);
	publish(AGENT_EVENT_CONNECTED, ID2);
	await_words(2);
	settle();
	assert_int_equal(n_words, 2);
	assert_int_equal(words[0].type, CONTROL_AGENT);
	assert_int_equal(words[1].type, CONTROL_AGENT);
}

int main(void)
{
#define T(name, begin) cmocka_unit_test_setup_teardown(name, begin, teardown)
	const struct CMUnitTest tests[] = {
		T(who_is_not_trusted_is_contained_before_it_is_told, setup),
		T(what_the_bus_has_no_room_for_is_contained_all_the_same, setup),
		T(who_is_contained_already_is_no_news, setup),
		T(a_container_without_a_guard_is_said_once, setup),
		T(what_cannot_be_done_is_tried_again_and_holds_up_nobody, setup),
		T(where_it_is_off_nobody_is_contained_and_all_is_told, setup_off),
		T(an_id_that_is_too_long_is_nobody_elses, setup),
		cmocka_unit_test(so_many_wait_and_one_more_does_not),
		T(what_happens_is_told_in_its_order, setup),
		T(what_is_too_much_is_said_again, setup),
		T(what_is_no_guards_is_nobodys_and_the_rest_goes_on, setup),
		T(who_was_not_trusted_meanwhile_is_contained_when_it_is_back, setup_away),
		T(one_that_is_killed_in_between_is_asked_again, setup),
		T(one_that_goes_and_comes_is_told_what_is_next, setup),
		T(a_container_that_is_removed_is_forgotten, setup_away),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
