// SPDX-License-Identifier: Apache-2.0
/*
 * test_standalone.c - a session's hub: what readers say reaches clients, what clients answer
 * reaches the shield
 *
 * Readers, hub, helper and clients are processes and sockets of their own. The checkable
 * statements of the contract, one by one; what it calls a defect is tested for its absence.
 */
#include "hub/session.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"

#define WEB        "\"dest\":\"198.51.100.1\",\"port\":443,\"proto\":6"
#define WEB_FLOW   FLOW("198.51.100.1", "443", "6", "")
#define NAMED      WEB ",\"domain\":\"example.com\""
#define NAMED_FLOW FLOW("198.51.100.1", "443", "6", "example.com")
#define NEVER      "echo ran >>ran"

static int reader, stream, calls;

/* A session that runs, with a reader, a subscriber and one who answers. */
static void begin(const char *shield)
{
	session_helper(shield);
	session_hub();
	reader = session_dial(session.readers);
	stream = session_subscribe();
	calls = session_dial(session.clients);
}

static void begin_hub(void)
{
	session_hub();
	reader = session_dial(session.readers);
	stream = session_subscribe();
	calls = session_dial(session.clients);
}

static void reader_says(const char *text)
{
	session_line(reader, text);
}

static void is_told(const char *event)
{
	session_hear(stream, event);
}

static void blocks(const char *text, const char *event)
{
	reader_says(text);
	is_told(event);
}

/* --- what readers say ----------------------------------------------------------------- */

static void a_pending_line_is_a_blocked_connection_with_all_its_fields(void **state)
{
	(void)state;
	begin_hub();
	blocks("{\"type\":\"pending\",\"container\":\"c1\",\"id\":\"c1:1\"," NAMED
	       ",\"dossier\":{\"project\":\"p\",\"task\":\"t\",\"name\":\"n\"},\"ts\":\"now\"}",
	       EVENT("connection_blocked", "c1", "c1:1", NAMED_FLOW, "", "false", "",
		     "\"project\":\"p\",\"task\":\"t\",\"name\":\"n\""));
	blocks("{\"type\":\"connection_blocked\",\"container\":\"c1\",\"id\":\"c1:2\"," NAMED "}",
	       BLOCKED("c1", "c1:2", NAMED_FLOW));
}

static void a_missing_domain_is_empty(void **state)
{
	(void)state;
	begin_hub();
	blocks(PENDING("c1", "c1:1", WEB), BLOCKED("c1", "c1:1", WEB_FLOW));
	blocks(PENDING("c1", "c1:2", WEB ",\"domain\":null"), BLOCKED("c1", "c1:2", WEB_FLOW));
}

static void an_exit_carries_its_reason(void **state)
{
	(void)state;
	begin_hub();
	blocks(SAYS("container_exited", "c1", ",\"reason\":\"poststop\""),
	       EVENT("container_exited", "c1", "", NO_FLOW, "", "false", "poststop", ""));
	blocks(SAYS("container_exited", "c1", ""),
	       EVENT("container_exited", "c1", "", NO_FLOW, "", "false", "", ""));
}

static void other_events_carry_the_container_and_the_dossier_only(void **state)
{
	(void)state;
	begin_hub();
	blocks(SAYS("container_started", "c1", ",\"reason\":\"x\",\"port\":7"),
	       EVENT("container_started", "c1", "", NO_FLOW, "", "false", "", ""));
	blocks(SAYS("shield_up", "c1", ",\"dossier\":{\"a\":\"b\"},\"id\":\"x\""),
	       EVENT("shield_up", "c1", "", NO_FLOW, "", "false", "", "\"a\":\"b\""));
	blocks(SAYS("shield_down", "c1", ""),
	       EVENT("shield_down", "c1", "", NO_FLOW, "", "false", "", ""));
	blocks(SAYS("shield_disengaged", "c1", ""),
	       EVENT("shield_disengaged", "c1", "", NO_FLOW, "", "false", "", ""));
	blocks(SAYS("shield_down_all", "c1", ""),
	       EVENT("shield_disengaged", "c1", "", NO_FLOW, "", "false", "", ""));
}

static void a_dossier_that_is_no_object_is_empty_and_numbers_are_texts(void **state)
{
	static const char *const none[] = { "[]", "[\"a\"]", "\"a\"", "7", "null", "true" };

	(void)state;
	begin_hub();
	for (size_t i = 0; i < sizeof(none) / sizeof(*none); i++) {
		char text[128];

		snprintf(text, sizeof(text), SAYS("shield_up", "c1", ",\"dossier\":%s"), none[i]);
		blocks(text, EVENT("shield_up", "c1", "", NO_FLOW, "", "false", "", ""));
	}
	blocks(
	    SAYS("shield_up", "c1", ",\"dossier\":{\"n\":12,\"f\":1.5}"),
	    EVENT("shield_up", "c1", "", NO_FLOW, "", "false", "", "\"n\":\"12\",\"f\":\"1.5\""));
}

static void what_cannot_be_printed_is_a_space_in_its_place(void **state)
{
	(void)state;
	begin_hub();
	blocks(
	    PENDING("c1", "c1:1", WEB ",\"domain\":\"evil\\u001b[31mfake\\u0000.example.com\""),
	    BLOCKED("c1", "c1:1", FLOW("198.51.100.1", "443", "6", "evil [31mfake .example.com")));
	blocks(PENDING("c1", "c1:2", WEB ",\"domain\":\"a\\u202eb\""),
	       BLOCKED("c1", "c1:2", FLOW("198.51.100.1", "443", "6", "a b")));
	blocks(SAYS("shield_up", "caf\xc3\xa9\\n", ",\"dossier\":{\"a\":\"x\\ny\xc3\xa9\"}"),
	       EVENT("shield_up", "caf  ", "", NO_FLOW, "", "false", "", "\"a\":\"x y \""));
}

static void markup_survives_and_keys_are_untouched(void **state)
{
	(void)state;
	begin_hub();
	blocks(
	    SAYS("shield_up", "<b>&", ",\"dossier\":{\"k\\u00e9\\n<\":\"<i>&\"}"),
	    EVENT("shield_up", "<b>&", "", NO_FLOW, "", "false", "", "\"k\\u00e9\\n<\":\"<i>&\""));
}

static void types_of_nobody_are_dropped_and_bad_lines_are_swallowed(void **state)
{
	static const char *const dropped[] = {
		"",
		"   ",
		"{",
		"[1]",
		"\xff\xfe",
		"{\"type\":\"verdict_applied\",\"container\":\"c1\",\"request_id\":\"c1:1\"}",
		"{\"type\":\"new_in_a_later_version\",\"container\":\"c1\"}",
		"{\"type\":[\"pending\"],\"container\":\"c1\"}",
		"{\"type\":\"pending\",\"container\":\"c1\"}",
		PENDING("c1", "c1:1", "\"dest\":\"d\",\"port\":-5,\"proto\":6"),
		PENDING("c1", "c1:1", "\"dest\":\"d\",\"port\":\"web\",\"proto\":6"),
		PENDING("c1", "c1:1", "\"dest\":\"d\",\"port\":100000000000000000000,\"proto\":6"),
	};

	(void)state;
	begin_hub();
	for (size_t i = 0; i < sizeof(dropped) / sizeof(*dropped); i++)
		reader_says(dropped[i]);
	blocks(SAYS("shield_up", "c1", ""),
	       EVENT("shield_up", "c1", "", NO_FLOW, "", "false", "", ""));
	session_ask(calls, VERDICT("c1", "c1:1", "d", "allow"), UNKNOWN("c1:1"));
}

static void a_line_that_is_too_long_is_dropped_and_the_next_is_heard(void **state)
{
	static const size_t sizes[] = { 65537, 70000, 10 << 20 };
	_cleanup_free_ char *text = malloc(sizes[2] + 1);

	(void)state;
	assert_non_null(text);
	begin_hub();
	for (size_t i = 0; i < sizeof(sizes) / sizeof(*sizes); i++) {
		memset(text, 'x', sizes[i]);
		memcpy(text, "{\"type\":\"shield_up\",\"container\":\"",
		       strlen("{\"type\":\"shield_up\",\"container\":\""));
		memcpy(text + sizes[i] - 2, "\"}", 3);
		reader_says(text);
		blocks(SAYS("shield_up", "c1", ""),
		       EVENT("shield_up", "c1", "", NO_FLOW, "", "false", "", ""));
	}
}

/* --- who hears ------------------------------------------------------------------------- */

static void every_subscriber_gets_every_event(void **state)
{
	int others[3];

	(void)state;
	begin_hub();
	for (int i = 0; i < 3; i++)
		others[i] = session_subscribe();
	blocks(PENDING("c1", "c1:1", WEB), BLOCKED("c1", "c1:1", WEB_FLOW));
	for (int i = 0; i < 3; i++)
		session_hear(others[i], BLOCKED("c1", "c1:1", WEB_FLOW));
}

/* One that reads misses nothing of what comes in one write; the old hub lost all but 128. */
static void a_burst_reaches_a_subscriber_that_reads(void **state)
{
	enum { LINES = 300 };
	_cleanup_free_ char *text = malloc(LINES * 64);
	size_t n = 0;

	(void)state;
	assert_non_null(text);
	begin_hub();
	for (int i = 0; i < LINES; i++)
		n += sprintf(text + n, "%s{\"type\":\"shield_up\",\"container\":\"c%d\"}",
			     i ? "\n" : "", i);
	reader_says(text);
	for (int i = 0; i < LINES; i++) {
		char want[64];

		snprintf(want, sizeof(want), "\"container\":\"c%d\"", i);
		assert_non_null(strstr(session_heard(stream), want));
	}
}

/* One that does not read keeps nobody waiting; it has gaps, and the newest when it reads again. */
static void who_does_not_read_loses_the_oldest(void **state)
{
	int stuck, seen = 0, last = -1;
	enum { LINES = 4000 };

	(void)state;
	begin_hub();
	stuck = session_subscribe();
	for (int i = 0; i < LINES; i++) {
		char text[64], want[64];

		snprintf(text, sizeof(text), SAYS("shield_up", "c%d", ""), i);
		snprintf(want, sizeof(want), "\"container\":\"c%d\"", i);
		reader_says(text);
		assert_non_null(strstr(session_heard(stream), want));
	}
	while (last != LINES - 1) {
		int now = -1;

		assert_int_equal(sscanf(strstr(session_heard(stuck), "\"container\""),
					"\"container\":\"c%d\"", &now),
				 1);
		assert_true(now > last);
		last = now;
		seen++;
	}
	assert_true(seen >= 128 && seen < LINES);
}

/* --- answers ---------------------------------------------------------------------------- */

static void an_answer_must_cite_the_domain_if_there_is_one(void **state)
{
	(void)state;
	begin("test \"$*\" = 'allow c1 example.com'");
	blocks(PENDING("c1", "c1:1", NAMED), BLOCKED("c1", "c1:1", NAMED_FLOW));
	session_ask(calls, VERDICT("c1", "c1:1", "198.51.100.1", "allow"),
		    ERROR("VerdictTupleMismatch",
			  "\"expected_container\":\"c1\",\"expected_dest\":\"example.com\","
			  "\"got_container\":\"c1\",\"got_dest\":\"198.51.100.1\""));
	session_ask(calls, VERDICT("c1", "c1:1", "example.com", "allow"), OK);
	is_told(APPLIED("c1", "c1:1", "allow", "true"));
}

static void and_the_address_if_there_is_none(void **state)
{
	(void)state;
	begin("exit 0");
	blocks(PENDING("c1", "c1:1", WEB), BLOCKED("c1", "c1:1", WEB_FLOW));
	session_ask(calls, VERDICT("c1", "c1:1", "198.51.100.1", "deny"), OK);
	is_told(APPLIED("c1", "c1:1", "deny", "true"));
}

static void what_ends_a_container_or_its_shield_ends_its_requests_and_no_others(void **state)
{
	static const char *const ends[] = { "shield_down", "shield_disengaged", "shield_down_all",
					    "container_exited" };

	(void)state;
	begin("exit 0");
	for (size_t i = 0; i < 4; i++) {
		char text[128];

		blocks(PENDING("c1", "c1:1", WEB), BLOCKED("c1", "c1:1", WEB_FLOW));
		blocks(PENDING("c2", "c2:1", WEB), BLOCKED("c2", "c2:1", WEB_FLOW));
		snprintf(text, sizeof(text), SAYS("%s", "c1", ""), ends[i]);
		reader_says(text);
		session_heard(stream);
		session_ask(calls, VERDICT("c1", "c1:1", "198.51.100.1", "allow"), UNKNOWN("c1:1"));
		session_ask(calls, VERDICT("c2", "c2:1", "198.51.100.1", "allow"), OK);
		is_told(APPLIED("c2", "c2:1", "allow", "true"));
	}
}

/* The old hub's requests stayed open: it knew the container by its id only. */
static void a_shield_that_is_taken_down_by_name_ends_the_requests_of_its_container(void **state)
{
#define ID   "0123456789ab"
#define REST "cdef0123456789abcdef0123456789abcdef0123456789abcdef"
	static const char *const typed[] = { "web", ID, ID REST };
	char text[256];

	(void)state;
	begin("exit 0");
	reader_says(SAYS("container_started", ID, ""));
	session_heard(stream);
	for (size_t i = 0; i < sizeof(typed) / sizeof(*typed); i++) {
		blocks(PENDING(ID, ID ":1", WEB ",\"dossier\":{\"container_name\":\"web\"}"),
		       EVENT("connection_blocked", ID, ID ":1", WEB_FLOW, "", "false", "",
			     "\"container_name\":\"web\""));
		snprintf(text, sizeof(text), SAYS("shield_down", "%s", ""), typed[i]);
		blocks(text, EVENT("shield_down", ID, "", NO_FLOW, "", "false", "", ""));
		session_ask(calls, VERDICT(ID, ID ":1", "198.51.100.1", "allow"), UNKNOWN(ID ":1"));
	}
	/* when it has gone its name is nobody's */
	reader_says(SAYS("container_exited", ID, ""));
	session_heard(stream);
	blocks(SAYS("shield_up", "web", ""),
	       EVENT("shield_up", "web", "", NO_FLOW, "", "false", "", ""));
}

static void what_begins_a_container_or_its_shield_ends_nothing(void **state)
{
	(void)state;
	begin("exit 0");
	blocks(PENDING("c1", "c1:1", WEB), BLOCKED("c1", "c1:1", WEB_FLOW));
	reader_says(SAYS("shield_up", "c1", ""));
	reader_says(SAYS("container_started", "c1", ""));
	session_heard(stream);
	session_heard(stream);
	session_ask(calls, VERDICT("c1", "c1:1", "198.51.100.1", "allow"), OK);
}

static void a_request_without_an_id_is_told_and_cannot_be_answered(void **state)
{
	(void)state;
	begin("exit 0");
	blocks(PENDING("c1", "", WEB), BLOCKED("c1", "", WEB_FLOW));
	session_ask(calls, VERDICT("c1", "", "198.51.100.1", "allow"), UNKNOWN(""));
}

static void a_container_that_takes_anothers_id_has_the_request(void **state)
{
	(void)state;
	begin("exit 0");
	blocks(PENDING("c1", "x:1", WEB), BLOCKED("c1", "x:1", WEB_FLOW));
	blocks(PENDING("c2", "x:1", WEB), BLOCKED("c2", "x:1", WEB_FLOW));
	session_ask(calls, VERDICT("c1", "x:1", "198.51.100.1", "allow"),
		    ERROR("VerdictTupleMismatch",
			  "\"expected_container\":\"c2\",\"expected_dest\":\"198.51.100.1\","
			  "\"got_container\":\"c1\",\"got_dest\":\"198.51.100.1\""));
	session_ask(calls, VERDICT("c2", "x:1", "198.51.100.1", "allow"), OK);
}

static bool the_shield_ran(void)
{
	char path[64];

	snprintf(path, sizeof(path), "%s/ran", session.folder);
	return !unlink(path);
}

static void an_answer_that_is_none_is_refused_first_and_reaches_nobody(void **state)
{
	(void)state;
	begin(NEVER);
	session_ask(calls, VERDICT("c1", "c1:1", "198.51.100.1", "accept"),
		    ERROR("InvalidAction", "\"action\":\"accept\""));
	session_ask(calls, VERDICT("c1", "c1:1", "198.51.100.1", "Allow"),
		    ERROR("InvalidAction", "\"action\":\"Allow\""));
	session_ask(calls, VERDICT("c1", "c1:1", "198.51.100.1", "allow"), UNKNOWN("c1:1"));
	assert_false(the_shield_ran());
}

static void a_mismatch_is_told_to_its_author_only_and_the_request_stays(void **state)
{
	(void)state;
	begin(NEVER);
	blocks(PENDING("c1", "c1:1", WEB), BLOCKED("c1", "c1:1", WEB_FLOW));
	session_ask(calls, VERDICT("c2", "c1:1", "198.51.100.1", "allow"),
		    ERROR("VerdictTupleMismatch",
			  "\"expected_container\":\"c1\",\"expected_dest\":\"198.51.100.1\","
			  "\"got_container\":\"c2\",\"got_dest\":\"198.51.100.1\""));
	assert_false(the_shield_ran());
	/* control: nothing was told in between */
	session_ask(calls, VERDICT("c1", "c1:1", "198.51.100.1", "allow"), OK);
	is_told(APPLIED("c1", "c1:1", "allow", "true"));
	assert_true(the_shield_ran());
}

static void an_answer_in_force_is_told_to_all_and_is_the_last(void **state)
{
	int other;

	(void)state;
	begin("exit 0");
	other = session_subscribe();
	blocks(PENDING("c1", "c1:1", WEB), BLOCKED("c1", "c1:1", WEB_FLOW));
	session_hear(other, BLOCKED("c1", "c1:1", WEB_FLOW));
	session_ask(calls, VERDICT("c1", "c1:1", "198.51.100.1", "allow"), OK);
	is_told(APPLIED("c1", "c1:1", "allow", "true"));
	session_hear(other, APPLIED("c1", "c1:1", "allow", "true"));
	session_ask(calls, VERDICT("c1", "c1:1", "198.51.100.1", "allow"), UNKNOWN("c1:1"));
}

static void a_shield_that_fails_is_told_and_the_request_is_open_again(void **state)
{
	(void)state;
	begin(
	    "[ -e second ] && { rm second; exit 0; }; touch second; echo '  not \033[1mnow ' >&2; "
	    "exit 1");
	blocks(PENDING("c1", "c1:1", WEB), BLOCKED("c1", "c1:1", WEB_FLOW));
	session_ask(calls, VERDICT("c1", "c1:1", "198.51.100.1", "deny"),
		    ERROR("ShieldCliFailed", "\"action\":\"deny\",\"stderr\":\"not  [1mnow\""));
	is_told(APPLIED("c1", "c1:1", "deny", "false"));
	session_ask(calls, VERDICT("c1", "c1:1", "198.51.100.1", "deny"), OK);
	is_told(APPLIED("c1", "c1:1", "deny", "true"));
}

static void without_a_helper_an_answer_fails_and_can_be_given_again(void **state)
{
	(void)state;
	begin_hub();
	blocks(PENDING("c1", "c1:1", WEB), BLOCKED("c1", "c1:1", WEB_FLOW));
	session_ask(
	    calls, VERDICT("c1", "c1:1", "198.51.100.1", "allow"),
	    ERROR("ShieldCliFailed",
		  "\"action\":\"allow\",\"stderr\":\"verdict helper unreachable: No such file "
		  "or directory\""));
	is_told(APPLIED("c1", "c1:1", "allow", "false"));
	session_helper("exit 0");
	session_ask(calls, VERDICT("c1", "c1:1", "198.51.100.1", "allow"), OK);
	is_told(APPLIED("c1", "c1:1", "allow", "true"));
}

/* A named pipe that the shield waits at. */
static int gate_make(const char *name)
{
	char path[96];
	int fd;

	snprintf(path, sizeof(path), "%s/%s", session.folder, name);
	assert_int_equal(mkfifo(path, 0600), 0);
	fd = open(path, O_RDWR | O_CLOEXEC);
	assert_true(fd >= 0);
	return fd;
}

static void gate_wait(int fd)
{
	struct pollfd ready = { .fd = fd, .events = POLLIN };
	char byte;

	assert_int_equal(poll(&ready, 1, SESSION_WAIT_S * 1000), 1);
	assert_int_equal(read(fd, &byte, 1), 1);
}

static void gate_remove(const char *name, int fd)
{
	char path[96];

	snprintf(path, sizeof(path), "%s/%s", session.folder, name);
	close(fd);
	assert_int_equal(unlink(path), 0);
}

static void while_an_answer_is_on_its_way_nobody_else_can_answer(void **state)
{
	int begun = gate_make("begun"), go = gate_make("go"), other;

	(void)state;
	begin("echo >begun; read x <go");
	other = session_dial(session.clients);
	blocks(PENDING("c1", "c1:1", WEB), BLOCKED("c1", "c1:1", WEB_FLOW));
	session_say(calls, VERDICT("c1", "c1:1", "198.51.100.1", "allow"));
	gate_wait(begun);
	session_ask(other, VERDICT("c1", "c1:1", "198.51.100.1", "deny"), UNKNOWN("c1:1"));
	assert_int_equal(write(go, "\n", 1), 1);
	session_hear(calls, OK);
	is_told(APPLIED("c1", "c1:1", "allow", "true"));
	gate_remove("begun", begun);
	gate_remove("go", go);
}

/* What the old hub put back after its container had gone. */
static void a_container_that_ends_while_its_answer_fails_stays_ended(void **state)
{
	int begun = gate_make("begun"), go = gate_make("go");

	(void)state;
	begin("echo >begun; read x <go; exit 1");
	blocks(PENDING("c1", "c1:1", WEB), BLOCKED("c1", "c1:1", WEB_FLOW));
	session_say(calls, VERDICT("c1", "c1:1", "198.51.100.1", "allow"));
	gate_wait(begun);
	blocks(SAYS("container_exited", "c1", ""),
	       EVENT("container_exited", "c1", "", NO_FLOW, "", "false", "", ""));
	assert_int_equal(write(go, "\n", 1), 1);
	session_hear(calls, ERROR("ShieldCliFailed", "\"action\":\"allow\",\"stderr\":\"\""));
	is_told(APPLIED("c1", "c1:1", "allow", "false"));
	session_ask(calls, VERDICT("c1", "c1:1", "198.51.100.1", "allow"), UNKNOWN("c1:1"));
	gate_remove("begun", begun);
	gate_remove("go", go);
}

static void two_answers_do_not_wait_for_each_other(void **state)
{
	int go = gate_make("go"), other;

	(void)state;
	begin("case $2 in c1) read x <go;; *) echo >go;; esac");
	other = session_dial(session.clients);
	blocks(PENDING("c1", "c1:1", WEB), BLOCKED("c1", "c1:1", WEB_FLOW));
	blocks(PENDING("c2", "c2:1", WEB), BLOCKED("c2", "c2:1", WEB_FLOW));
	session_say(calls, VERDICT("c1", "c1:1", "198.51.100.1", "allow"));
	session_ask(other, VERDICT("c2", "c2:1", "198.51.100.1", "allow"), OK);
	session_hear(calls, OK);
	gate_remove("go", go);
}

static void who_leaves_after_an_answer_has_given_it(void **state)
{
	int fd;

	(void)state;
	begin("exit 0");
	fd = session_dial(session.clients);
	blocks(PENDING("c1", "c1:1", WEB), BLOCKED("c1", "c1:1", WEB_FLOW));
	session_say(fd, VERDICT("c1", "c1:1", "198.51.100.1", "allow"));
	assert_int_equal(shutdown(fd, SHUT_RDWR), 0);
	is_told(APPLIED("c1", "c1:1", "allow", "true"));
}

#define FIREWALL "org.terok.Firewall1"
#define ANSWER(id, more)                                                                           \
	"{\"method\":\"" FIREWALL ".Answer\",\"parameters\":{\"request_id\":\"" id                 \
	"\",\"action\":\"allow\"" more "}}"
#define TOO_MUCH                                                                                   \
	"{\"error\":\"" FIREWALL ".NotApplied\",\"parameters\":{\"request_id\":\"c1:1\","          \
	"\"reason\":\"a shield's answers have no end of their own and are for all of "             \
	"the target\"}}"

/* The shield knows allow and deny: what it cannot carry out is refused, and not nearly done. */
static void an_answer_that_no_shield_can_give_is_refused_and_says_why(void **state)
{
	static const char *const refused[] = {
		ANSWER("c1:1", ",\"scope\":\"once\""),
		ANSWER("c1:1", ",\"scope\":\"time\",\"seconds\":60"),
		ANSWER("c1:1", ",\"scope\":\"forever\",\"reach\":\"address\""),
		ANSWER("c1:1", ",\"scope\":\"forever\",\"reach\":\"children\""),
	};

	(void)state;
	begin("test \"$*\" = 'allow c1 example.com'");
	blocks(PENDING("c1", "c1:1", NAMED), BLOCKED("c1", "c1:1", NAMED_FLOW));
	for (size_t i = 0; i < sizeof(refused) / sizeof(*refused); i++)
		session_ask(calls, refused[i], TOO_MUCH);
	session_ask(calls, ANSWER("c1:1", ",\"scope\":\"forever\",\"reach\":\"name\""),
		    "{\"parameters\":{\"until_ns\":0,\"rule\":\"\"}}");
	is_told(APPLIED("c1", "c1:1", "allow", "true"));
	/* what clients say without being told: as long as the container is there */
	blocks(PENDING("c1", "c1:2", NAMED), BLOCKED("c1", "c1:2", NAMED_FLOW));
	session_ask(calls, ANSWER("c1:2", ""), "{\"parameters\":{\"until_ns\":0,\"rule\":\"\"}}");
	is_told(APPLIED("c1", "c1:2", "allow", "true"));
}

static void the_interface_has_concrete_types_and_four_errors(void **state)
{
	const char *text;

	(void)state;
	begin_hub();
	session_say(calls, "{\"method\":\"org.varlink.service.GetInterfaceDescription\","
			   "\"parameters\":{\"interface\":\"" CLEARANCE "\"}}");
	text = session_heard(calls);
	assert_non_null(strstr(text, "port: int"));
	assert_non_null(strstr(text, "ok: bool"));
	assert_non_null(strstr(text, "dossier: [string]string"));
	assert_null(strstr(text, ": object"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, session_setup, session_teardown)
		T(a_pending_line_is_a_blocked_connection_with_all_its_fields),
		T(a_missing_domain_is_empty),
		T(an_exit_carries_its_reason),
		T(other_events_carry_the_container_and_the_dossier_only),
		T(a_dossier_that_is_no_object_is_empty_and_numbers_are_texts),
		T(what_cannot_be_printed_is_a_space_in_its_place),
		T(markup_survives_and_keys_are_untouched),
		T(types_of_nobody_are_dropped_and_bad_lines_are_swallowed),
		T(a_line_that_is_too_long_is_dropped_and_the_next_is_heard),
		T(every_subscriber_gets_every_event),
		T(a_burst_reaches_a_subscriber_that_reads),
		T(who_does_not_read_loses_the_oldest),
		T(an_answer_must_cite_the_domain_if_there_is_one),
		T(and_the_address_if_there_is_none),
		T(what_ends_a_container_or_its_shield_ends_its_requests_and_no_others),
		T(a_shield_that_is_taken_down_by_name_ends_the_requests_of_its_container),
		T(what_begins_a_container_or_its_shield_ends_nothing),
		T(a_request_without_an_id_is_told_and_cannot_be_answered),
		T(a_container_that_takes_anothers_id_has_the_request),
		T(an_answer_that_is_none_is_refused_first_and_reaches_nobody),
		T(a_mismatch_is_told_to_its_author_only_and_the_request_stays),
		T(an_answer_in_force_is_told_to_all_and_is_the_last),
		T(a_shield_that_fails_is_told_and_the_request_is_open_again),
		T(without_a_helper_an_answer_fails_and_can_be_given_again),
		T(while_an_answer_is_on_its_way_nobody_else_can_answer),
		T(a_container_that_ends_while_its_answer_fails_stays_ended),
		T(two_answers_do_not_wait_for_each_other),
		T(who_leaves_after_an_answer_has_given_it),
		T(an_answer_that_no_shield_can_give_is_refused_and_says_why),
		T(the_interface_has_concrete_types_and_four_errors),
	};

	return cmocka_run_group_tests_name("standalone", tests, NULL, NULL);
}
