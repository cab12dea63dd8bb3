// SPDX-License-Identifier: Apache-2.0
/*
 * test_registry_dialer.c - user/registry/dialer.c, dial.c: who is dialled, how often, and what is told of it
 *
 * Lines are played: the peer says what a case wants, and its sockets fail to close.
 */
#include "registry_file.h"
#include "registry_session.h"
#include "registry_lines.h"
#include "registry_runtime.h"
#include "user/registry/dialer.h"
#include "user/registry/dial.h"

#define A "aa"

static struct dialer *dialer;
static struct agents *agents;
static struct dialer_use use;
static struct grpc_peer peer;
static char *uris[2];
static uint64_t random_value, randoms;

static uint64_t fake_random(void)
{
	randoms++;
	return random_value;
}

static unsigned times_seen;

static void note_seen(void *user, const char *container)
{
	(void)user;
	assert_string_equal(container, A);
	times_seen++;
}

static int setup(void **state)
{
	(void)state;
	empty_runtime();
	opens = closes = 0;
	open_fails = close_fails = 0;
	times_seen = 0;
	random_value = randoms = 0;
	line = NULL;
	uris[0] = (char *)"urn:clawker:agent:clawker.proj.dev";
	uris[1] = (char *)"urn:clawker:container:" A;
	peer = (struct grpc_peer){
		.has_cert = true, .chain = true, .thumbprint = { 1 }, .uri = uris, .n_uri = 2
	};
	if (box_make() || session_begin() ||
	    agents_open(strcpy(file, in_box("cp.db")), &agents, &why))
		return -1;
	use = (struct dialer_use){ .loop = loop,
				   .runtime = &fake,
				   .lines = &lines,
				   .agents = agents,
				   .bus = bus,
				   .seen = note_seen,
				   .times = DIAL_TIMES,
				   .random = fake_random };
	use.times.backoff_ns = SECOND_NS / 1000;
	put_container(A, "10.0.0.1", "proj", "dev");
	return dialer_new(&use, &dialer);
}

/* As it is used, with other times. */
static void with(void (*change)(struct dialer_use *of))
{
	dialer_free(dialer);
	change(&use);
	assert_int_equal(dialer_new(&use, &dialer), 0);
}

static int teardown(void **state)
{
	(void)state;
	dialer_free(dialer);
	assert_null(line);
	agents_free(agents);
	session_end();
	return box_remove();
}

static void row(uint8_t thumbprint)
{
	struct agent agent = { .thumbprint = { thumbprint }, .registered = 1 };

	strcpy(agent.container, A);
	strcpy(agent.name, "dev");
	strcpy(agent.project, "proj");
	assert_int_equal(agents_add(agents, &agent, &why), 0);
}

static void await_line(void)
{
	for (int i = 0; i < 10000 && !line; i++)
		turn_for(SECOND_NS / 1000);
	assert_non_null(line);
}

static void say(Response *response, const char *id)
{
	uint8_t bytes[4096];
	size_t n;

	response->command_id = (char *)id;
	n = clawker__clawkerd__v1__response__pack(response, bytes);
	line->events->message(line->user, bytes, n);
	turn_for(0);
}

static void ack(void)
{
	RESPONSE(hello, HELLO_ACK, hello_ack, HELLO_ACK, HelloAck, );
	say(&hello, "hello");
}

static void up(void)
{
	await_line();
	line->events->up(line->user, &peer);
	assert_int_equal(last_sent()->payload_case, COMMAND_IS(HELLO));
	assert_string_equal(last_sent()->command_id, "hello");
}

/* Dialled, and greeted. */
static void session(void)
{
	assert_int_equal(dialer_dial(dialer, A), 0);
	up();
	ack();
}

static void over(bool eof, const char *text)
{
	line->events->over(line->user, eof, text);
	turn_for(0);
}

static void registers(bool ok, const char *error)
{
	RESPONSE(done, REGISTER_DONE, register_done, REGISTER_DONE, RegisterDone, said->ok = ok;
		 said->error = (char *)error);
	say(&done, "register-" A);
}

static void ready(int code)
{
	RESPONSE(done, DONE, done, DONE, Done, said->final_exit_code = code);
	say(&done, "init-" A "-agent-ready-0");
}

#define INIT " init.started init.step.started"

/* --- sessions ----------------------------------------------------------------------------- */

static void one_that_the_registry_knows_is_connected_and_no_more_is_said(void **state)
{
	(void)state;
	row(1);
	session();
	await_events(4);
	assert_string_equal(told(), "session.connecting session.connected" INIT);
	assert_string_equal(events[0]->address, "10.0.0.1:7700");
	assert_string_equal(events[0]->agent, "dev");
	assert_string_equal(events[0]->project, "proj");
	assert_int_equal(events[1]->attempts, 1);
	assert_string_equal(events[1]->peer_name, "clawker.proj.dev");
	assert_int_equal(strlen(events[1]->peer_thumbprint), 64);
	ready(0);
	assert_int_equal(last_event()->type, AGENT_EVENT_INIT_COMPLETED);
	assert_int_equal(dialer_count(dialer), 1);
}

/* When its session begins and when it ends; nobody else's is it, whatever it says. */
static void who_has_the_certificate_of_its_row_is_seen(void **state)
{
	(void)state;
	row(1);
	session();
	assert_int_equal(times_seen, 1);
	over(true, "");
	assert_int_equal(times_seen, 2);
	up();
	over(true, ""); /* there was no session */
	assert_int_equal(times_seen, 2);
	peer.thumbprint[0] = 2;
	up();
	ack();
	over(true, "");
	assert_int_equal(times_seen, 2);
}

static void another_certificate_is_told_and_the_plan_runs(void **state)
{
	(void)state;
	row(2);
	session();
	await_events(5);
	assert_string_equal(told(), "session.connecting session.connected untrusted" INIT);
	assert_string_equal(events[2]->reason, "cert_thumbprint_mismatch");
	assert_non_null(line);
}

static void a_peer_that_cannot_be_identified_is_told_and_the_plan_runs(void **state)
{
	(void)state;
	row(1);
	peer.n_uri = 0;
	session();
	await_events(5);
	assert_string_equal(told(), "session.connecting session.connected untrusted" INIT);
	assert_string_equal(events[2]->reason, "cert_invalid");
	assert_string_equal(events[1]->peer_name, "");
}

static void a_chain_that_is_not_believed_ends_nothing(void **state)
{
	(void)state;
	row(1);
	peer.chain = false;
	peer.why_not = "certificate has expired";
	session();
	await_events(4);
	assert_string_equal(told(), "session.connecting session.connected" INIT);
}

static void the_registry_is_compared_in_each_of_its_ways(void **state)
{
	struct leaf leaf = { .present = true, .thumbprint = { 1 }, .agent_san = SAN_FOUND };

	(void)state;
	assert_int_equal(dial_classify(NULL, A, &leaf, &why), ROW_NOT_QUERIED);
	assert_string_equal(why.text, "there is no registry");
	assert_int_equal(dial_classify(agents, A, &leaf, &why), ROW_MISS);
	row(1);
	assert_int_equal(dial_classify(agents, A, &leaf, &why), ROW_MATCH);
	leaf.thumbprint[31] = 1;
	assert_int_equal(dial_classify(agents, A, &leaf, &why), ROW_MISMATCH);
	leaf.agent_san = SAN_MALFORMED;
	assert_int_equal(dial_classify(agents, A, &leaf, &why), ROW_NOT_QUERIED);
	leaf.present = false;
	assert_int_equal(dial_classify(agents, A, &leaf, &why), ROW_NOT_QUERIED);
}

static void a_malformed_row_is_a_miss_and_one_that_cannot_be_read_is_none(void **state)
{
	struct leaf leaf = { .present = true, .thumbprint = { 1 }, .agent_san = SAN_FOUND };

	(void)state;
	row(1);
	sql("UPDATE agents SET thumbprint_hex='zz'");
	assert_int_equal(dial_classify(agents, A, &leaf, &why), ROW_MISS);
	sql("ALTER TABLE agents RENAME TO others");
	assert_int_equal(dial_classify(agents, A, &leaf, &why), ROW_NOT_QUERIED);
	sql("ALTER TABLE others RENAME TO agents");
}

/* --- registering ---------------------------------------------------------------------------- */

static void one_that_the_registry_does_not_know_is_told_to_register(void **state)
{
	(void)state;
	session();
	assert_string_equal(told(), "session.connecting session.connected");
	assert_int_equal(last_sent()->payload_case, COMMAND_IS(REGISTER_REQUIRED));
	assert_string_equal(last_sent()->command_id, "register-" A);
	row(1);
	ready(0); /* of nobody: it does not matter */
	registers(true, "");
	await_events(5);
	assert_string_equal(told(), "session.connecting session.connected registered" INIT);
	assert_true(events[2]->ok);
}

static void that_it_failed_is_told_before_that_it_is_not_trusted(void **state)
{
	(void)state;
	session();
	registers(false, "no token");
	await_events(6);
	assert_string_equal(told(),
			    "session.connecting session.connected registered untrusted" INIT);
	assert_false(events[2]->ok);
	assert_string_equal(events[2]->reason, "no token");
	assert_string_equal(events[3]->reason, "register_failed");
	assert_string_equal(events[3]->detail, "no token");
}

static void an_error_is_told_with_its_code_and_text(void **state)
{
	(void)state;
	session();
	{
		RESPONSE(error, ERROR, error, ERROR, Error, said->code = CODE_IS(IO_ERROR);
			 said->message = (char *)"too many wait");
		say(&error, "register-" A);
	}
	await_events(6);
	assert_string_equal(events[2]->reason, "IO_ERROR: too many wait");
	assert_non_null(line);
}

static void who_says_that_it_has_registered_needs_a_row(void **state)
{
	(void)state;
	session();
	registers(true, "");
	await_events(6);
	assert_false(events[2]->ok);
	assert_string_equal(events[2]->reason, "it says so, and has no row");
	dialer_cancel(dialer, A);
	forget_events();

	session();
	row(9);
	registers(true, "");
	await_events(6);
	assert_non_null(strstr(events[2]->reason, "another certificate"));
	dialer_cancel(dialer, A);
	forget_events();

	assert_int_equal(agents_evict(agents, A, &why), 0);
	session();
	sql("ALTER TABLE agents RENAME TO others");
	registers(true, "");
	await_events(6);
	assert_non_null(strstr(events[2]->reason, "its row cannot be read"));
	sql("ALTER TABLE others RENAME TO agents");
}

static void short_register(struct dialer_use *of)
{
	of->times.register_ns = SECOND_NS / 50;
}

static void who_does_not_say_whether_it_has_registered_loses_its_session(void **state)
{
	(void)state;
	with(short_register);
	session();
	await_events(5);
	assert_ptr_equal(strstr(told(), "session.connecting session.connected registered untrusted "
					"session.broken"),
			 told());
	assert_string_equal(events[4]->reason, "register timeout");
	assert_int_equal(closes, 1);
	await_line(); /* and again */
}

static void a_session_that_breaks_meanwhile_has_not_registered(void **state)
{
	(void)state;
	session();
	over(false, "UNAVAILABLE: gone");
	assert_string_equal(told(), "session.connecting session.connected registered untrusted "
				    "session.broken");
	assert_string_equal(events[2]->reason, "UNAVAILABLE: gone");
	await_line();
	up();
	send_fails = -EPIPE; /* RegisterRequired, and what comes after it */
	ack();
	await_events(13);
	assert_string_equal(events[7]->reason, "Broken pipe");
	assert_int_equal(events[12]->type, AGENT_EVENT_INIT_FAILED);
}

/* --- attempts ------------------------------------------------------------------------------- */

static int inside_says;

static int fake_inside(void *user, const char *container)
{
	(void)user;
	assert_string_equal(container, A);
	return inside_says;
}

static void by_sockets(struct dialer_use *of)
{
	of->inside = fake_inside;
}

static void who_is_reached_from_within_is_at_its_own_loopback_or_nowhere(void **state)
{
	static const uint8_t loopback[16] = { [10] = 0xff, [11] = 0xff, [12] = 127, [15] = 1 };

	(void)state;
	inside_says = -ENOENT; /* its guard is not there yet */
	with(by_sockets);
	assert_int_equal(dialer_dial(dialer, A), 0);
	for (unsigned before = randoms; randoms < before + 3;)
		turn_for(SECOND_NS / 1000);
	assert_int_equal(opens, 0); /* it has an address, which is not the host's to reach */
	inside_says = 1000;         /* no descriptor: nobody here closes it */
	session();
	assert_int_equal(opened_fd, 1000);
	assert_memory_equal(line->addr, loopback, 16);
}

static void one_that_does_not_run_is_told_and_left(void **state)
{
	(void)state;
	has.n = 0;
	assert_int_equal(dialer_dial(dialer, A), 0);
	await_events(1);
	assert_string_equal(told(), "session.failed");
	assert_string_equal(events[0]->reason, "container_not_running");
	assert_int_equal(dialer_count(dialer), 0);
	assert_int_equal(opens, 0);
	put_container(A, "10.0.0.1", "proj", "dev"); /* and dialled when somebody asks again */
	session();
}

static void one_that_is_not_in_the_network_is_told_and_left(void **state)
{
	(void)state;
	there[0].n_addr = 0;
	assert_int_equal(dialer_dial(dialer, A), 0);
	await_events(1);
	assert_string_equal(events[0]->reason, "clawker_net_endpoint_missing");
	assert_int_equal(dialer_count(dialer), 0);
}

static void one_that_could_not_be_looked_at_may_run(void **state)
{
	(void)state;
	has.n = 0;
	has.failed = 1;
	assert_int_equal(dialer_dial(dialer, A), 0);
	for (int i = 0; i < 1000 && looks < 2; i++)
		turn_for(SECOND_NS / 1000);
	assert_int_equal(n_events, 0);
	has.failed = 0;
	fails = 2; /* nor is a runtime that is away one without containers */
	has.n = 1;
	await_line();
	assert_int_equal(fails, 0);
	assert_int_equal(opens, 1);
}

static void short_total(struct dialer_use *of)
{
	of->times.total_ns = SECOND_NS / 20;
	of->times.backoff_max_ns = SECOND_NS / 100;
	of->random = NULL; /* the kernel's */
}

static void attempts_end_when_their_time_is_over(void **state)
{
	(void)state;
	with(short_total);
	open_fails = -ENETUNREACH;
	assert_int_equal(dialer_dial(dialer, A), 0);
	await_events(2);
	assert_string_equal(told(), "session.connecting session.failed");
	assert_string_equal(events[1]->reason, "connect_total_timeout");
	assert_int_equal(events[1]->attempts, opens);
	assert_true(opens > 1);
	assert_int_equal(dialer_count(dialer), 0);
	forget_events();
	cannot = -EIO;
	assert_int_equal(dialer_dial(dialer, A), 0);
	await_events(1);
	assert_string_equal(events[0]->reason, "connect_total_timeout");
	assert_int_equal(events[0]->attempts, 0);
}

static void what_fails_of_ours_is_told_once_and_leaves_nothing(void **state)
{
	(void)state;
	with(short_total);
	for (unsigned i = 0; i < 4; i++, open_fails = cannot = 0) {
		*(i % 2 ? &open_fails : &cannot) = i < 2 ? -ENOMEM : -EMFILE;
		assert_int_equal(dialer_dial(dialer, A), 0);
		turn_for(3 * use.times.total_ns);
		assert_string_equal(strrchr(told(), '.'), ".failed");
		assert_int_equal(n_events, 1 + i % 2); /* that it connects is told before */
		assert_int_equal(dialer_count(dialer), 0);
		forget_events();
	}
	session(); /* and it is dialled when somebody asks again */
}

static void that_somebody_asked_again_is_not_lost(void **state)
{
	(void)state;
	with(short_total);
	open_fails = -ENETUNREACH;
	assert_int_equal(dialer_dial(dialer, A), 0);
	await_events(1);
	assert_int_equal(dialer_dial(dialer, A), 0);
	await_events(3);
	assert_string_equal(told(), "session.connecting session.failed session.connecting");
	await_events(4);
	assert_int_equal(dialer_count(dialer), 0);
}

/* HelloAck, and fields that nobody knows, of which each costs fifty times what it is long. */
static void what_is_far_larger_when_it_is_decoded_is_no_response(void **state)
{
	static uint8_t bytes[400000] = { 0x12, 0 }; /* hello_ack */

	(void)state;
	row(1);
	for (size_t n = 2; n < sizeof(bytes); n += 2)
		bytes[n] = 0x78; /* field 15: 0 */
	assert_int_equal(dialer_dial(dialer, A), 0);
	up();
	line->events->message(line->user, bytes, 2000);
	await_events(4);
	assert_string_equal(told(), "session.connecting session.connected" INIT);
	line->events->message(line->user, bytes, sizeof(bytes));
	await_events(7);
	assert_int_equal(events[6]->type, AGENT_EVENT_BROKEN);
	assert_string_equal(events[6]->reason, "a Response cannot be read");
}

static void a_look_of_before_a_start_says_nothing_of_it(void **state)
{
	(void)state;
	answers_later = true;
	has.n = 0;
	assert_int_equal(dialer_dial(dialer, A), 0);
	turn_for(SECOND_NS / 1000);
	assert_int_equal(looks, 1);
	assert_int_equal(dialer_dial(dialer, A), 0); /* it has started */
	later(&has, 0, NULL, later_user);
	turn_for(SECOND_NS / 1000);
	assert_int_equal(n_events, 0);
	assert_int_equal(looks, 2);
	has.n = 1;
	later(&has, 0, NULL, later_user);
	await_events(1);
	assert_string_equal(told(), "session.connecting");
}

static void slow_backoff(struct dialer_use *of)
{
	of->times.backoff_ns = SECOND_NS / 10;
	of->times.backoff_max_ns = SECOND_NS * 3 / 10;
}

static void pauses_are_random_below_a_limit_that_doubles(void **state)
{
	struct dial *dial = NULL;

	(void)state;
	with(slow_backoff);
	random_value = 3 * SECOND_NS / 100 + SECOND_NS * 6; /* beyond each limit, and 0 after it */
	open_fails = -ECONNREFUSED;
	assert_int_equal(dialer_dial(dialer, A), 0);
	for (int i = 0; i < 5000 && randoms < 4; i++)
		turn_for(SECOND_NS / 1000);
	assert_int_equal(randoms, 4);
	open_fails = 0;
	await_line();
	dial = line->user;
	assert_int_equal(dial->backoff_ns, SECOND_NS * 3 / 10);
	assert_int_equal(dial->attempts, 5);
	assert_string_equal(told(), "session.connecting"); /* once a cycle */
}

static void who_does_not_greet_is_dialled_again(void **state)
{
	(void)state;
	assert_int_equal(dialer_dial(dialer, A), 0);
	up();
	ready(0);
	assert_int_equal(closes, 1);
	up();
	over(true, "");
	up();
	line->events->message(line->user, (const uint8_t *)"\xff", 1);
	assert_int_equal(closes, 3);
	up();
	ack();
	assert_int_equal(events[1]->attempts, 4);
}

static void short_hello(struct dialer_use *of)
{
	of->times.hello_ns = SECOND_NS / 100;
}

static void who_says_nothing_is_late(void **state)
{
	(void)state;
	with(short_hello);
	assert_int_equal(dialer_dial(dialer, A), 0);
	await_line(); /* and is never up */
	for (int i = 0; i < 1000 && closes < 1; i++)
		turn_for(SECOND_NS / 1000);
	up(); /* and no HelloAck */
	for (int i = 0; i < 1000 && closes < 2; i++)
		turn_for(SECOND_NS / 1000);
	assert_int_equal(closes, 2);
	assert_string_equal(told(), "session.connecting");
}

/* --- ends ----------------------------------------------------------------------------------- */

static void a_session_that_ends_is_told_and_dialled_again(void **state)
{
	(void)state;
	row(1);
	session();
	await_events(4);
	ready(0);
	over(true, "");
	await_events(7);
	assert_int_equal(events[6]->type, AGENT_EVENT_BROKEN);
	assert_string_equal(events[6]->reason, "eof");
	up();
	ack();
	await_events(11);
	over(false, "UNAVAILABLE: the connection was reset");
	await_events(14);
	assert_string_equal(told(), "session.connecting session.connected" INIT
				    " init.step.completed init.completed session.broken "
				    "session.connecting session.connected" INIT
				    " init.step.failed init.failed session.broken");
	assert_string_equal(events[11]->reason, "transport_error");
	await_line();
}

static void what_nobody_asked_for_ends_nothing(void **state)
{
	(void)state;
	row(1);
	session();
	await_events(4);
	ready(0);
	for (int i = 0; i < 100; i++)
		ready(0);
	ack();
	assert_int_equal(n_events, 6);
	assert_int_equal(closes, 0);
}

static void nothing_is_told_of_one_that_was_cancelled(void **state)
{
	(void)state;
	for (int at = 0; at < 5; at++) {
		assert_int_equal(dialer_dial(dialer, A), 0);
		if (at)
			await_line();
		if (at > 1)
			up();
		if (at > 2)
			ack();
		if (at > 3)
			registers(false, "");
		if (at)
			turn_for(SECOND_NS / 200);
		forget_events();
		dialer_cancel(dialer, A);
		assert_null(line);
		turn_for(SECOND_NS / 50);
		assert_int_equal(n_events, 0);
		assert_int_equal(dialer_count(dialer), 0);
	}
	assert_int_equal(opens, closes);
	dialer_cancel(dialer, A); /* nobody: nothing */
}

static void who_is_dialled_is_not_dialled_twice(void **state)
{
	(void)state;
	assert_int_equal(dialer_dial(dialer, A), 0);
	assert_int_equal(dialer_dial(dialer, A), 0);
	await_line();
	assert_int_equal(dialer_dial(dialer, A), 0);
	turn_for(SECOND_NS / 50);
	assert_int_equal(opens, 1);
	assert_int_equal(dialer_count(dialer), 1);
	assert_int_equal(dialer_dial(dialer, "no id"), -EINVAL);
}

static void far_apart(struct dialer_use *of)
{
	of->times.apart_ns = SECOND_NS / 10;
}

static void those_who_ask_at_once_are_told_by_one_look_and_connect_each_at_its_time(void **state)
{
	(void)state;
	put_container("bb", "10.0.0.2", "proj", "dev2");
	put_container("cc", "10.0.0.3", "proj", "dev3");
	with(far_apart);
	random_value = SECOND_NS / 5 + SECOND_NS / 50; /* beyond what three have: the rest of it */
	assert_int_equal(dialer_dial(dialer, "cc"), 0);
	assert_int_equal(dialer_dial(dialer, A), 0);
	assert_int_equal(dialer_dial(dialer, "bb"), 0);
	turn_for(SECOND_NS / 1000);
	assert_int_equal(randoms, 3);
	assert_int_equal(opens, 0);
	dialer_cancel(dialer, "bb"); /* one that waits for its turn is forgotten */
	await_events(2);
	assert_int_equal(looks, 1);
	assert_int_equal(opens, 2);
	/* the fake knows its last line alone */
	dialer_cancel(dialer, A);
	dialer_cancel(dialer, "cc");
	assert_int_equal(closes, 2);
}

static void descriptors_that_leak_end_it(void **state)
{
	(void)state;
	close_fails = -EIO;
	assert_int_equal(dialer_dial(dialer, A), 0);
	for (int i = 0; i < DIAL_CLOSES - 1; i++) {
		await_line();
		over(false, "x");
	}
	close_fails = 0; /* one that is well, and it is counted anew */
	await_line();
	over(false, "x");
	close_fails = -EIO;
	for (int i = 0; i < DIAL_CLOSES; i++) {
		await_line();
		over(false, "x");
	}
	await_events(2);
	assert_string_equal(told(), "session.connecting session.failed");
	assert_string_equal(events[1]->reason, "fd-leak-ceiling: 5 consecutive close failures");
	assert_int_equal(opens, 2 * DIAL_CLOSES);
	assert_int_equal(dialer_count(dialer), 0);
	close_fails = 0;
}

static void nothing_that_it_needs_may_be_missing(void **state)
{
	struct dialer *none = NULL;

	(void)state;
	for (int i = 0; i < 5; i++) {
		struct dialer_use less = use;

		less.loop = i == 0 ? NULL : less.loop;
		less.runtime = i == 1 ? NULL : less.runtime;
		less.lines = i == 2 ? NULL : less.lines;
		less.agents = i == 3 ? NULL : less.agents;
		less.bus = i == 4 ? NULL : less.bus;
		assert_int_equal(dialer_new(&less, &none), -EINVAL);
		assert_null(none);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define TEST(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)
		TEST(one_that_the_registry_knows_is_connected_and_no_more_is_said),
		TEST(who_has_the_certificate_of_its_row_is_seen),
		TEST(another_certificate_is_told_and_the_plan_runs),
		TEST(a_peer_that_cannot_be_identified_is_told_and_the_plan_runs),
		TEST(a_chain_that_is_not_believed_ends_nothing),
		TEST(the_registry_is_compared_in_each_of_its_ways),
		TEST(a_malformed_row_is_a_miss_and_one_that_cannot_be_read_is_none),
		TEST(one_that_the_registry_does_not_know_is_told_to_register),
		TEST(that_it_failed_is_told_before_that_it_is_not_trusted),
		TEST(an_error_is_told_with_its_code_and_text),
		TEST(who_says_that_it_has_registered_needs_a_row),
		TEST(who_does_not_say_whether_it_has_registered_loses_its_session),
		TEST(a_session_that_breaks_meanwhile_has_not_registered),
		TEST(who_is_reached_from_within_is_at_its_own_loopback_or_nowhere),
		TEST(one_that_does_not_run_is_told_and_left),
		TEST(one_that_is_not_in_the_network_is_told_and_left),
		TEST(one_that_could_not_be_looked_at_may_run),
		TEST(attempts_end_when_their_time_is_over),
		TEST(what_fails_of_ours_is_told_once_and_leaves_nothing),
		TEST(that_somebody_asked_again_is_not_lost),
		TEST(what_is_far_larger_when_it_is_decoded_is_no_response),
		TEST(a_look_of_before_a_start_says_nothing_of_it),
		TEST(pauses_are_random_below_a_limit_that_doubles),
		TEST(who_does_not_greet_is_dialled_again),
		TEST(who_says_nothing_is_late),
		TEST(a_session_that_ends_is_told_and_dialled_again),
		TEST(what_nobody_asked_for_ends_nothing),
		TEST(nothing_is_told_of_one_that_was_cancelled),
		TEST(who_is_dialled_is_not_dialled_twice),
		TEST(those_who_ask_at_once_are_told_by_one_look_and_connect_each_at_its_time),
		TEST(descriptors_that_leak_end_it),
		TEST(nothing_that_it_needs_may_be_missing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
