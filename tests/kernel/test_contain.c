// SPDX-License-Identifier: Apache-2.0
/*
 * test_contain.c - what a control plane says of agents: a guard lets nothing out, people hear it, and
 * nobody says it of another's
 *
 * Words are said to a real agent by processes that are users; what is refused is refused by the kernel.
 */
#include "boxes.h"

#include <errno.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "plane.h"

#define SUBSCRIBE "{\"method\":\"org.terok.Clearance1.Subscribe\",\"more\":true}"
#define MONITOR                                                                                    \
	"{\"method\":\"org.terok.Firewall1.Monitor\",\"more\":true,\"parameters\":{\"replay\":"    \
	"true}}"
#define HISTORY "{\"method\":\"org.terok.Firewall1.History\"}"

static const struct test_dest far_side = { .addr = TEST_FAR, .port = TEST_PORT };
static uint32_t annes;

static int setup(void **state)
{
	if (boxes_setup(state))
		return -1;
	person_login(ANNE);
	person_login(BERT);
	annes = person_guard(ANNE, "annes");
	person_guard(BERT, "berts");
	assert_works("allow", "annes", TEST_FAR);
	return 0;
}

static int setup_other(void **state)
{
	return boxes_setup(state);
}

static int contain_by(uid_t uid, const char *container, const char *reason)
{
	struct control_contain *contain = &word->ask.word.CONTAIN;

	memset(word, 0, sizeof(*word));
	word->ask.word.type = CONTROL_CONTAIN;
	snprintf(contain->container, sizeof(contain->container), "%s", container);
	snprintf(contain->reason, sizeof(contain->reason), "%s", reason);
	snprintf(contain->detail, sizeof(contain->detail), "the registry has\x1b[1m another");
	return said_by(uid);
}

static void tell(enum agent_event_type type, const char *container)
{
	struct agent_told *told = &word->ask.word.AGENT;

	memset(word, 0, sizeof(*word));
	word->ask.word.type = CONTROL_AGENT;
	told->type = type;
	told->attempts = 2;
	snprintf(told->container, sizeof(told->container), "%s", container);
	snprintf(told->agent, sizeof(told->agent), "dev");
	snprintf(told->project, sizeof(told->project), "proj");
	snprintf(told->reason, sizeof(told->reason), "why\x1b]0;not\x07");
}

static int tell_by(uid_t uid, enum agent_event_type type, const char *container)
{
	tell(type, container);
	return said_by(uid);
}

static enum terok_state state_of(uint32_t id)
{
	struct guard guard;

	assert_int_equal(guard_get(world->kernel, id, &guard), 0);
	return guard.state;
}

/* A connection to that user's own hub, in which that was called. */
static int calls(uid_t uid, const char *frame)
{
	char path[192];
	int fd;

	person_await_open(uid);
	person_path(uid, PERSON_SOCKET, path);
	fd = person_dial(uid, path);
	assert_true(fd >= 0);
	person_say(fd, frame);
	return fd;
}

/* The next frame with that in it. */
static const char *hears(int fd, const char *text)
{
	const char *frame;

	do {
		frame = person_hear(fd);
		if (!frame)
			fail_msg("the hub has ended, and never said %s", text);
	} while (!strstr(frame, text));
	return frame;
}

static void assert_has(const char *frame, const char *text)
{
	if (!strstr(frame, text))
		fail_msg("%s is not in %s", text, frame);
}

/* --- who is contained ----------------------------------------------------------------------- */

static void who_is_contained_reaches_nothing_from_then_on(void **state)
{
	(void)state;
	assert_int_equal(person_inside(annes, test_connect, &far_side), 0); /* the control */
	assert_int_equal(contain_by(ANNE, "annes", "cert_thumbprint_mismatch"), 0);
	assert_int_equal(word->guard, annes);
	assert_int_equal(state_of(annes), TEROK_STATE_BLOCK);
	assert_int_equal(person_inside(annes, test_connect, &far_side), EHOSTUNREACH);
	assert_done(ANNE, "status", "annes");
	assert_out("CONTAINED: cert_thumbprint_mismatch: the registry has");
	assert_out("lets it out again");
	assert_not_out("\x1b");
	assert_done(ANNE, "status", "--json");
	assert_out("\"contained\":{\"reason\":\"cert_thumbprint_mismatch\",\"detail\":\"the");
	assert_done(ANNE, "up", "annes");
	assert_int_equal(person_inside(annes, test_connect, &far_side), 0);
	assert_done(ANNE, "status", "annes");
	assert_not_out("CONTAINED");
}

/* As the agent opens it for a service (user/handover.c): whoever answers there is outside of the guard. */
static int listen_at(uint16_t port)
{
	const struct sockaddr_in at = { .sin_family = AF_INET,
					.sin_port = htons(port),
					.sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	assert_true(fd >= 0);
	assert_int_equal(bind(fd, (const struct sockaddr *)&at, sizeof(at)), 0);
	assert_int_equal(listen(fd, 8), 0);
	return fd;
}

static void who_is_contained_reaches_no_service_that_leads_out(void **state)
{
	static const uint16_t ports[] = { CONTROL_PORT_GATE, CONTROL_PORT_PROXY, CONTROL_PORT_AGENT,
					  CONTROL_PORT_REGISTRY };
	struct test_dest service = { .addr = "127.0.0.1" };

	(void)state;
	for (int contained = 0; contained < 2; contained++) {
		if (contained)
			assert_int_equal(contain_by(ANNE, "annes", "cert_invalid"), 0);
		for (unsigned i = 0; i < 4; i++) {
			_cleanup_close_ int fd = listen_at(service.port = ports[i]);

			assert_int_equal(person_inside(annes, test_connect, &service),
					 contained && i < 3 ? EHOSTUNREACH : 0);
			assert_int_equal(test_outside(test_connect, &service), 0);
		}
	}
}

static void once_more_is_no_news_and_another_reason_is(void **state)
{
	(void)state;
	assert_int_equal(contain_by(ANNE, "annes", "cert_invalid"), 0);
	assert_int_equal(contain_by(ANNE, "annes", "cert_invalid"), -EALREADY);
	assert_int_equal(contain_by(ANNE, "annes", "register_failed"), 0);
	assert_done(ANNE, "block", "annes"); /* a person who blocks it as well lifts nothing */
	assert_done(ANNE, "status", "annes");
	assert_out("CONTAINED: register_failed");
	assert_done(ANNE, "up", "annes");
	assert_int_equal(contain_by(ANNE, "annes", "register_failed"), 0);
}

static void nobody_contains_anothers(void **state)
{
	(void)state;
	assert_int_equal(contain_by(ANNE, "berts", "cert_invalid"), -ENOENT);
	assert_int_equal(contain_by(ANNE, "nobodys", "cert_invalid"), -ENOENT);
	assert_int_equal(contain_by(ANNE, "", "cert_invalid"), -ENOENT);
	assert_int_equal(contain_by(BERT, "annes", "cert_invalid"), -ENOENT);
	assert_int_equal(state_of(annes), TEROK_STATE_UP);
	assert_int_equal(contain_by(0, "annes", "cert_invalid"), -ENOENT); /* nor does root's */
	assert_works("block", "annes");
	assert_int_equal(AS(ANNE, "up", "annes"), 1);
	assert_out("root blocked it: only root opens it");
	/* what root has blocked is not theirs because of what they say */
	assert_int_equal(contain_by(ANNE, "annes", "register_failed"), 0);
	assert_int_equal(AS(ANNE, "up", "annes"), 1);
	assert_works("up", "annes");
}

/* Whoever knows its id can have one like that: it is not told of what happens to root's, nor blocked for it. */
static void what_is_called_like_roots_container_is_not_it(void **state)
{
	uint32_t decoy = person_guard(ANNE, ID(1));
	struct box *roots;

	(void)state;
	assert_int_equal(contain_by(0, ID(1), "cert_invalid"), -ENOENT);
	assert_int_equal(tell_by(0, AGENT_EVENT_CONNECTED, ID(1)), -ENOENT);
	roots = BOX(.of = 0, .id = ID(1), .no_userns = true);
	assert_int_equal(attach_by(0, roots), 0);
	assert_int_equal(contain_by(0, ID(1), "cert_invalid"), 0);
	assert_int_not_equal(word->guard, decoy);
	assert_int_equal(state_of(word->guard), TEROK_STATE_BLOCK);
	assert_int_equal(state_of(decoy), TEROK_STATE_UP);
}

static int say_inside(const void *arg)
{
	(void)arg;
	return say(NULL);
}

static void from_within_a_guard_nobody_is_contained(void **state)
{
	(void)state;
	tell(AGENT_EVENT_CONNECTED, "annes");
	assert_int_equal(person_inside(annes, say_inside, NULL), 0);
	assert_int_equal(word->result, -EPERM);
	assert_int_equal(tell_by(ANNE, AGENT_EVENT_CONNECTED, "annes"), 0); /* the control */
}

static void what_no_control_plane_says_is_refused(void **state)
{
	struct agent_told *told = &word->ask.word.AGENT;

	(void)state;
	assert_int_equal(tell_by(ANNE, AGENT_EVENT_NONE, "annes"), -EBADMSG);
	assert_int_equal(tell_by(ANNE, AGENT_EVENT_CONTAINER, "annes"), -EBADMSG);
	assert_int_equal(tell_by(ANNE, AGENT_EVENT_CONTAINED, "annes"), -EBADMSG);
	assert_int_equal(tell_by(ANNE, AGENT_EVENT_TYPES_, "annes"), -EBADMSG);
	assert_int_equal(tell_by(ANNE, UINT32_MAX, "annes"), -EBADMSG);
	assert_int_equal(contain_by(ANNE, "annes", ""), -EBADMSG);
	tell(AGENT_EVENT_CONNECTED, "annes");
	memset(told->detail, 'a', sizeof(told->detail));
	assert_int_equal(said_by(ANNE), -EBADMSG);
	tell(AGENT_EVENT_CONNECTED, "annes");
	told->ok = 2;
	assert_int_equal(said_by(ANNE), -EBADMSG);
	assert_int_equal(tell_by(ANNE, AGENT_EVENT_CONNECTED, "annes"), 0); /* the control */
}

/* A reason after the other, until one is no news; how many were is in word->code. */
static int contain_until(void *arg)
{
	struct control_contain *contain = &word->ask.word.CONTAIN;
	unsigned n = 0;

	do {
		snprintf(contain->reason, sizeof(contain->reason), "reason %u", ++n);
		say(arg);
	} while (!word->result && n < 4 * PLANE_REASONS);
	word->code = n - 1;
	return 0;
}

static void reasons_without_end_are_no_news_without_end(void **state)
{
	(void)state;
	assert_int_equal(contain_by(ANNE, "annes", "cert_invalid"), 0);
	assert_int_equal(person_as(ANNE, contain_until, NULL), 0);
	assert_int_equal(word->result, -EALREADY);
	assert_in_range(word->code, PLANE_REASONS, 3 * PLANE_REASONS);
	assert_int_equal(state_of(annes), TEROK_STATE_BLOCK);
	assert_int_equal(contain_by(BERT, "berts", "cert_invalid"), 0);
	assert_int_equal(contain_by(BERT, "berts", "register_failed"), 0); /* who has their own */
	assert_done(ANNE, "up", "annes");
	assert_int_equal(contain_by(ANNE, "annes", "cert_invalid"), 0); /* what is open is closed */
	assert_int_equal(state_of(annes), TEROK_STATE_BLOCK);
}

/* --- who hears of it ------------------------------------------------------------------------ */

static void its_owner_hears_what_happens_and_nobody_else(void **state)
{
	int old = calls(ANNE, SUBSCRIBE), monitor = calls(ANNE, MONITOR),
	    bert = calls(BERT, SUBSCRIBE);
	const char *frame;

	(void)state;
	hears(monitor, "\"lost\":0"); /* it stands */
	assert_int_equal(tell_by(ANNE, AGENT_EVENT_CONNECTED, "annes"), 0);
	frame = hears(old, "agent.");
	assert_has(frame, "{\"type\":\"agent.session.connected\",\"container\":\"annes\",");
	assert_has(frame, "\"reason\":\"why ]0;not \"");
	assert_has(frame, "\"agent\":\"dev\",\"agent_project\":\"proj\",\"attempts\":\"2\"");
	assert_int_equal(tell_by(ANNE, AGENT_EVENT_CONNECTED, "berts"), -ENOENT);
	assert_int_equal(contain_by(ANNE, "annes", "cert_invalid"), 0);
	frame = hears(old, "agent.");
	assert_has(frame, "\"type\":\"agent.contained\"");
	assert_has(frame, "\"ok\":true,\"reason\":\"cert_invalid\"");
	hears(monitor, "\"state\":\"block\""); /* first that it is so, then why */
	frame = hears(monitor, "\"type\":\"agent.contained\"");
	assert_has(frame, "nothing leaves it until a person lets it: terok-bpfd up annes");
	assert_has(frame, "\"uid\":4001");
	/* the next that Bert hears is his own */
	assert_int_equal(tell_by(BERT, AGENT_EVENT_BROKEN, "berts"), 0);
	assert_has(hears(bert, "agent."), "\"agent.session.broken\",\"container\":\"berts\"");
	close(old);
	close(monitor);
	close(bert);
}

/* Until it is too much: how often it was not is in word->code. */
static int tell_until(void *arg)
{
	unsigned n = 0;

	do {
		n++;
		say(arg);
	} while (!word->result && n < 4 * PLANE_BURST);
	word->code = n - 1;
	return 0;
}

static void what_is_said_beyond_a_budget_is_not_told(void **state)
{
	(void)state;
	person_guard(0, "roots");
	tell(AGENT_EVENT_CONNECTED, "roots");
	assert_int_equal(person_as(0, tell_until, NULL), 0);
	assert_int_equal(word->result, -EBUSY);
	assert_in_range(word->code, PLANE_BURST, 3 * PLANE_BURST); /* some came back meanwhile */
	assert_int_equal(tell_by(ANNE, AGENT_EVENT_CONNECTED, "annes"), 0); /* who has their own */
	assert_int_equal(contain_by(0, "roots", "cert_invalid"), 0); /* and that needs none */
}

static void it_is_in_the_journal_and_in_the_audit(void **state)
{
	char command[256];
	int fd;

	(void)state;
	assert_int_equal(contain_by(ANNE, "annes", "cert_invalid"), 0);
	fd = calls(ANNE, HISTORY);
	hears(fd, "\"type\":\"contained\"");
	close(fd);
	agent_end(SIGTERM); /* writes what waits */
	snprintf(command, sizeof(command),
		 "grep -rqs 'shield_block.*contained=cert_invalid: the registry has' %s",
		 getenv("TEROK_STATE"));
	assert_int_equal(system(command), 0);
}

/* --- what it outlives ----------------------------------------------------------------------- */

static void an_agent_that_is_killed_leaves_it_contained_and_the_next_one_says_so(void **state)
{
	int fd;

	(void)state;
	assert_int_equal(contain_by(ANNE, "annes", "cert_invalid"), 0);
	agent_end(SIGKILL);
	assert_int_equal(contain_by(ANNE, "annes", "register_failed"), -ENOENT); /* none to ask */
	assert_int_equal(person_inside(annes, test_connect, &far_side), EHOSTUNREACH);
	assert_works("status", "annes");
	assert_said("CONTAINED: cert_invalid");
	agent_start();
	fd = calls(ANNE, MONITOR);
	assert_has(hears(fd, "agent.contained"), "\"reason\":\"cert_invalid\"");
	close(fd);
	assert_int_equal(contain_by(ANNE, "annes", "cert_invalid"), -EALREADY);
}

static void a_hub_that_is_killed_says_it_again_until_it_is_over(void **state)
{
	pid_t hub = test_worker(agent, "hub"), next;
	int fd = calls(ANNE, MONITOR);

	(void)state;
	hears(fd, "\"lost\":0"); /* by that hub */
	assert_int_equal(kill(hub, SIGSTOP), 0);
	assert_int_equal(contain_by(ANNE, "annes", "cert_invalid"), 0); /* needs no hub */
	assert_int_equal(person_inside(annes, test_connect, &far_side), EHOSTUNREACH);
	assert_int_equal(kill(hub, SIGKILL), 0);
	while (person_hear(fd)) /* until that one is gone */
		;
	close(fd);
	while (!(next = test_worker(agent, "hub")) || next == hub)
		usleep(1000);
	fd = calls(ANNE, MONITOR);
	hears(fd, "agent.contained");
	assert_done(ANNE, "up", "annes");
	hears(fd, "\"state\":\"up\"");
	close(fd);
	fd = calls(ANNE, MONITOR);
	hears(fd, "\"lost\":0");
	assert_int_equal(tell_by(ANNE, AGENT_EVENT_BROKEN, "annes"), 0);
	assert_has(hears(fd, "agent."), "agent.session.broken"); /* and nothing before it */
	close(fd);
}

static void a_start_of_its_container_opens_nothing(void **state)
{
	struct box *box = BOX(.of = ANNE, .id = ID(1));
	struct guard guard;

	(void)state;
	attach_word(box);
	word->ask.word.ATTACH.state = TEROK_STATE_UP;
	assert_int_equal(said_by(ANNE), 0);
	assert_int_equal(guard_now().state, TEROK_STATE_UP);
	assert_int_equal(contain_by(ANNE, ID(1), "cert_invalid"), 0);
	box_end(box);
	n_boxes--;
	while (!guard_of_container(world->kernel, ID(1), ANNE, &guard)) /* it goes with it */
		usleep(1000);
	box = BOX(.of = ANNE, .id = ID(1));
	attach_word(box);
	word->ask.word.ATTACH.state = TEROK_STATE_DOWN; /* as its annotation has it */
	assert_int_equal(said_by(ANNE), 0);
	assert_int_equal(guard_now().state, TEROK_STATE_BLOCK);
	assert_done(ANNE, "up", ID(1));
	assert_int_equal(guard_now().state, TEROK_STATE_UP); /* a person does */
}

int main(void)
{
#define T(name, begin) cmocka_unit_test_setup_teardown(name, begin, boxes_teardown)
	const struct CMUnitTest tests[] = {
		T(who_is_contained_reaches_no_service_that_leads_out, setup),
		T(who_is_contained_reaches_nothing_from_then_on, setup),
		T(once_more_is_no_news_and_another_reason_is, setup),
		T(nobody_contains_anothers, setup),
		T(what_is_called_like_roots_container_is_not_it, setup),
		T(from_within_a_guard_nobody_is_contained, setup),
		T(what_no_control_plane_says_is_refused, setup),
		T(its_owner_hears_what_happens_and_nobody_else, setup),
		T(what_is_said_beyond_a_budget_is_not_told, setup),
		T(it_is_in_the_journal_and_in_the_audit, setup),
		T(an_agent_that_is_killed_leaves_it_contained_and_the_next_one_says_so, setup),
		T(a_hub_that_is_killed_says_it_again_until_it_is_over, setup),
		T(a_start_of_its_container_opens_nothing, setup_other),
		T(reasons_without_end_are_no_news_without_end, setup),
	};

	test_require("kernel/contain");
	programs_find();
	return cmocka_run_group_tests_name("kernel/contain", tests, NULL, NULL);
}
