// SPDX-License-Identifier: Apache-2.0
/* test_hub_back.c - hub/hub.c with a back end that knows containers and no guards, as readers do */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <errno.h>
#include <string.h>
#include <cmocka.h>

#include "base/json.h"
#include "hub/hub.h"

#define OWNER 1000

static struct hub *hub;
static struct subscriber firewall, clearance;
static char heard[FACE_MAX_][2048]; /* the last */
static unsigned n_heard, n_done;
static struct {
	uint64_t token;
	char dest[64];
	enum terok_action action;
	int error;
} given; /* to the back end */
static int last_result;

static int fake_answer(const struct request *request, const struct hub_answer *answer,
		       uint64_t token, void *user)
{
	assert_ptr_equal(user, &given);
	if (given.error)
		return given.error;
	given.token = token;
	given.action = answer->action;
	strcpy(given.dest, request->dest);
	return 0;
}

static const struct hub_back back = { .answer = fake_answer };

static void push(struct subscriber *subscriber, struct event *event)
{
	n_heard++;
	strcpy(heard[subscriber->face], event->text[subscriber->face]);
}

static int setup(void **state)
{
	(void)state;
	memset(&given, 0, sizeof(given));
	memset(heard, 0, sizeof(heard));
	n_heard = n_done = 0;
	last_result = 1;
	if (hub_new(&back, &given, &hub))
		return -1;
	firewall = (struct subscriber){ .face = FACE_FIREWALL, .uid = OWNER, .push = push };
	clearance = (struct subscriber){ .face = FACE_CLEARANCE, .uid = OWNER, .push = push };
	hub_subscribe(hub, &firewall, false);
	hub_subscribe(hub, &clearance, false);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	hub_free(hub);
	return 0;
}

static int ask_with(const char *id, const char *container, const char *dest,
		    const struct said *dossier, unsigned n)
{
	const struct question question = {
		.id = id, .container = container, .dest = dest, .uid = OWNER
	};
	struct news news = { .clearance = "connection_blocked",
			     .dest = "192.0.2.1",
			     .domain = dest,
			     .port = 443,
			     .proto = 6,
			     .dossier = dossier,
			     .n_dossier = n };

	return hub_request_open(hub, &question, &news);
}

static int ask(const char *id, const char *container, const char *dest)
{
	return ask_with(id, container, dest, NULL, 0);
}

static void on_done(const struct hub_outcome *outcome, void *user)
{
	(void)user;
	n_done++;
	last_result = outcome->result;
}

static uint64_t answered_with(const char *id, enum terok_action action)
{
	struct hub_answer answer = { .uid = OWNER, .action = action, .scope = SCOPE_FOREVER };
	struct request *request = hub_find(hub, id, OWNER);
	uint64_t token;

	assert_non_null(request);
	assert_int_equal(hub_answer_send(hub, request, &answer, on_done, NULL, &token), 0);
	assert_int_equal(given.token, token);
	return token;
}

static void result(uint64_t token, int error)
{
	const struct hub_outcome outcome = { .result = error, .problem = error ? "no" : NULL };

	hub_answered(hub, token, &outcome);
}

static void what_a_reader_asks_is_told_as_it_said(void **state)
{
	const struct said dossier[] = { { "task", "t\x1b[1m" }, { "n\"\n", "7" } };

	(void)state;
	assert_int_equal(ask_with("a:1", "box", "one.example", dossier, 2), 0);
	assert_string_equal(heard[FACE_CLEARANCE],
			    "{\"type\":\"connection_blocked\",\"container\":\"box\","
			    "\"request_id\":\"a:1\",\"dest\":\"192.0.2.1\",\"port\":443,"
			    "\"proto\":6,\"domain\":\"one.example\",\"action\":\"\",\"ok\":false,"
			    "\"reason\":\"\",\"dossier\":{\"task\":\"t [1m\",\"n\\\"\\n\":\"7\"}}");
	assert_non_null(strstr(heard[FACE_FIREWALL], "\"type\":\"request\""));
	assert_non_null(strstr(heard[FACE_FIREWALL], "\"guard\":0,\"container\":\"box\""));
	assert_non_null(hub_find(hub, "a:1", OWNER));
	assert_null(hub_find(hub, "a:1", OWNER + 1));
}

static void an_answer_reaches_the_back_end_with_what_was_asked(void **state)
{
	uint64_t token;

	(void)state;
	assert_int_equal(ask("a:1", "box", "one.example"), 0);
	token = answered_with("a:1", TEROK_ALLOW);
	assert_string_equal(given.dest, "one.example");
	assert_int_equal(given.action, TEROK_ALLOW);
	assert_ptr_equal(hub_answering(hub, token)->id, hub_answering(hub, token)->text);
	assert_null(hub_answering(hub, token + 1));
	result(token + 1, 0); /* nobody's */
	assert_int_equal(n_done, 0);
	result(token, 0);
	assert_int_equal(n_done, 1);
	assert_string_equal(heard[FACE_CLEARANCE],
			    "{\"type\":\"verdict_applied\",\"container\":\"box\","
			    "\"request_id\":\"a:1\",\"dest\":\"\",\"port\":0,\"proto\":0,"
			    "\"domain\":\"\",\"action\":\"allow\",\"ok\":true,\"reason\":\"\","
			    "\"dossier\":{}}");
	assert_null(hub_find(hub, "a:1", OWNER));
}

/* The container ends while its answer fails: the request must not come back. */
static void a_purge_is_stronger_than_an_answer_that_fails(void **state)
{
	uint64_t token;

	(void)state;
	assert_int_equal(ask("a:1", "box", "one.example"), 0);
	assert_int_equal(ask("a:2", "box", "two.example"), 0);
	assert_int_equal(ask("b:1", "other", "one.example"), 0);
	token = answered_with("a:1", TEROK_ALLOW);
	hub_request_purge(hub, "box");
	assert_null(hub_find(hub, "a:2", OWNER));
	assert_non_null(hub_find(hub, "b:1", OWNER));
	result(token, -EIO);
	assert_int_equal(last_result, -EIO);
	assert_null(hub_find(hub, "a:1", OWNER));

	/* control: one whose container lives can be tried again */
	token = answered_with("b:1", TEROK_ALLOW);
	result(token, -EIO);
	assert_non_null(hub_find(hub, "b:1", OWNER));
}

/* The container is there again, with the same id, before the old answer came to its end. */
static void an_old_answer_says_nothing_of_a_new_request_with_its_id(void **state)
{
	uint64_t token;

	(void)state;
	assert_int_equal(ask("a:1", "box", "one.example"), 0);
	token = answered_with("a:1", TEROK_ALLOW);
	hub_request_purge(hub, "box");
	assert_int_equal(ask("a:1", "box", "one.example"), 0);
	result(token, 0);
	assert_non_null(hub_find(hub, "a:1", OWNER));
}

static void an_answer_that_the_back_end_does_not_take_changes_nothing(void **state)
{
	const struct hub_answer answer = { .uid = OWNER };
	uint64_t token = 0;

	(void)state;
	assert_int_equal(ask("a:1", "box", "one.example"), 0);
	given.error = -ECONNREFUSED;
	assert_int_equal(
	    hub_answer_send(hub, hub_find(hub, "a:1", OWNER), &answer, on_done, NULL, &token),
	    -ECONNREFUSED);
	assert_int_equal(token, 0);
	assert_non_null(hub_find(hub, "a:1", OWNER));
}

static void count_one(struct request *request, void *user)
{
	(void)request;
	++*(unsigned *)user;
}

/* A request without an address is that of no address, the zero one neither. */
static void what_has_no_address_is_found_by_its_target_alone(void **state)
{
	static const char *const others[] = { "::", "0.0.0.0", "", "192.0.2.1", "one.exampl" };
	unsigned n = 0;

	(void)state;
	assert_int_equal(ask("a:1", "box", "one.example"), 0);
	for (size_t i = 0; i < sizeof(others) / sizeof(*others); i++)
		hub_requests_for(hub, OWNER, "box", others[i], count_one, &n);
	hub_requests_for(hub, OWNER, "bo", "one.example", count_one, &n);
	hub_requests_for(hub, OWNER, "", "one.example", count_one, &n);
	assert_int_equal(n, 0);
	hub_requests_for(hub, OWNER, "box", "one.example", count_one, &n);
	assert_int_equal(n, 1);
}

static void on_listed(struct listing *listing)
{
	listing->uid = 7;
}

static void a_back_end_without_guards_lists_none(void **state)
{
	struct listing listing = { .uid = OWNER, .done = on_listed };

	(void)state;
	assert_int_equal(hub_list(hub, &listing), 0);
	assert_int_equal(listing.uid, 7);
	hub_list_end(hub, &listing);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
		T(what_a_reader_asks_is_told_as_it_said),
		T(an_answer_reaches_the_back_end_with_what_was_asked),
		T(a_purge_is_stronger_than_an_answer_that_fails),
		T(an_old_answer_says_nothing_of_a_new_request_with_its_id),
		T(an_answer_that_the_back_end_does_not_take_changes_nothing),
		T(what_has_no_address_is_found_by_its_target_alone),
		T(a_back_end_without_guards_lists_none),
	};

	return cmocka_run_group_tests_name("hub_back", tests, NULL, NULL);
}
