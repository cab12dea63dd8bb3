// SPDX-License-Identifier: Apache-2.0
/*
 * test_bad_input.c - whatever a client sends: a typed error or a clean end, and nobody else feels it
 *
 * Anne is the bad one, Bert the other: after each thing of hers he hears the next event of his
 * guard, none lost, and his call is answered. What is no varlink at all is in
 * tests/unit/test_varlink.c as well, to the byte; here the hub is the one that people run.
 */
#include "served.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/json.h"
#include "base/varlink.h"
#include "hub/lane.h"
#include "hub/request.h"

#define ANNE                     4001
#define BERT                     4002
#define CONNECTIONS              10000
#define HUGE_                    (10 << 20) /* bytes of a text that is far too long */
#define LONG                     (200 << 10)
#define ID                       "0123456789ab:5"
#define MONITOR                  "{\"method\":\"" FIREWALL ".Monitor\",\"more\":true}"
#define STANDS                   "{\"continues\":true,\"parameters\":{\"lost\":0}}"
#define GET_INFO                 "{\"method\":\"org.varlink.service.GetInfo\"}"
#define CALL(method, parameters) "{\"method\":\"" method "\",\"parameters\":{" parameters "}}"
#define VERDICT(container, id, dest, action)                                                       \
	CALL(CLEARANCE ".Verdict", "\"container\":" container ",\"request_id\":" id                \
				   ",\"dest\":" dest ",\"action\":" action)
#define ANSWER(more) CALL(FIREWALL ".Answer", "\"request_id\":\"" ID "\",\"action\":\"allow\"" more)
#define C            "\"" CONTAINER "\""
#define I            "\"" ID "\""
#define D            "\"192.0.2.1\""
#define A            "\"allow\""

static uid_t anne, bert; /* the same where there is one user only */
static int bystander, caller;
static uint64_t heard_events;

static int dial_user(uid_t uid)
{
	return getuid() ? dial() : dial_as(uid, 0);
}

static void core_guard_of(uint32_t guard, uid_t uid)
{
	struct msg_packet packet = { .type = MSG_GUARD };

	packet.GUARD =
	    (struct msg_guard){ .news = GUARD_LISTED, .id = guard, .state = TEROK_STATE_UP };
	packet.GUARD.info.uid = uid;
	packet.GUARD.info.kind = TEROK_KIND_CONTAINER;
	strcpy(packet.GUARD.info.container, CONTAINER);
	core_says(&packet);
}

/* Guard 1 is Anne's, with an open question, guard 2 is Bert's. */
static int setup(void **state)
{
	if (served_setup(state))
		return -1;
	anne = getuid() ?: ANNE;
	bert = getuid() ?: BERT;
	heard_events = 0;
	return 0;
}

static struct msg_packet refusal(uint32_t guard, uint64_t ask)
{
	struct msg_packet packet = { .type = MSG_REFUSED };

	packet.REFUSED.ask = ask;
	packet.REFUSED.record = (struct terok_record){
		.guard = guard, .hook = TEROK_HOOK_CONNECT4, .proto = 6, .dst_port = 443
	};
	memcpy(packet.REFUSED.record.dst, "\0\0\0\0\0\0\0\0\0\0\xff\xff\xc0\0\x02\x01", 16);
	return packet;
}

static void both_are_there(void)
{
	struct msg_packet question = refusal(1, 5);

	bystander = dial_user(bert);
	say(bystander,
	    "{\"method\":\"" FIREWALL ".Monitor\",\"more\":true,\"parameters\":{\"guard\":2}}");
	hear(bystander, STANDS);
	caller = dial_user(bert);
	core_guard_of(1, anne);
	core_guard_of(2, bert);
	core_says(&question);
}

/* What Bert hears is in order and complete, and who asks is answered. */
static void nobody_else_feels_it(void)
{
	struct msg_packet packet = refusal(2, 0);
	char number[64];
	const char *frame;

	core_says(&packet);
	frame = heard(bystander);
	snprintf(number, sizeof(number), "\"sequence\":%llu,", (unsigned long long)++heard_events);
	assert_non_null(strstr(frame, number));
	assert_non_null(strstr(frame, "\"lost\":0}"));
	say(caller, GET_INFO);
	assert_non_null(strstr(heard(caller), "\"product\":\"terok-clearance\""));
}

static bool has_ended(int fd)
{
	char byte;
	ssize_t n = recv(fd, &byte, 1, 0);

	return !n || (n < 0 && errno == ECONNRESET);
}

/* --- frames ------------------------------------------------------------------------------ */

#define VIOLATION "\"invalid.asyncvarlink.ProtocolViolation\""
#define WRONG(name)                                                                                \
	"org.varlink.service.InvalidParameter\",\"parameters\":{\"parameter\":\"" name "\""
#define NO_INTERFACE "org.varlink.service.InterfaceNotFound\",\"parameters\":{\"interface\":"
#define NO_METHOD    "org.varlink.service.MethodNotFound\",\"parameters\":{\"method\":"

/* NULL: it is passed over, and the next call is served. */
static const struct {
	const char *frame, *answer;
} frames[] = {
	/* no JSON, or no object */
	{ "", NULL },
	{ " ", NULL },
	{ "{", NULL },
	{ "}", NULL },
	{ "nul", NULL },
	{ "null", NULL },
	{ "7", NULL },
	{ "\"text\"", NULL },
	{ "[" GET_INFO "]", NULL },
	{ "{\"method\"", NULL },
	{ "{\"method\":}", NULL },
	{ "{\"method\":\"org.varlink.service.GetInfo\"", NULL },
	{ GET_INFO GET_INFO, NULL },
	{ "\xff\xfe\xfd", NULL },
	{ "{\"method\":\"org.varlink.service.GetInfo\xc3\x28\"}", NULL },
	{ "\x1b[31m", NULL },
	/* no call */
	{ "{}", VIOLATION },
	{ "{\"method\":7}", VIOLATION },
	{ "{\"method\":null}", VIOLATION },
	{ "{\"method\":{}}", VIOLATION },
	{ "{\"method\":\"\"}", VIOLATION },
	{ "{\"method\":\".\"}", VIOLATION },
	{ "{\"method\":\"Subscribe\"}", VIOLATION },
	{ "{\"method\":\"org.terok.Clearance1.subscribe\"}", VIOLATION },
	{ "{\"method\":\"org.terok.Clearance1.\"}", VIOLATION },
	{ "{\"method\":\"org..Clearance1.Subscribe\"}", VIOLATION },
	{ "{\"method\":\"org.terok.Clearance1.Sub\\u001bscribe\"}", VIOLATION },
	{ "{\"method\":\"org.terok.Clearance1.Subscribe\\u0000\"}", VIOLATION },
	{ "{\"method\":\"org.varlink.service.GetInfo\",\"parameters\":[]}", VIOLATION },
	{ "{\"method\":\"org.varlink.service.GetInfo\",\"parameters\":\"\"}", VIOLATION },
	{ "{\"method\":\"org.varlink.service.GetInfo\",\"more\":1}", VIOLATION },
	{ "{\"method\":\"org.varlink.service.GetInfo\",\"more\":\"true\"}", VIOLATION },
	{ "{\"method\":\"org.varlink.service.GetInfo\",\"upgrade\":null}", VIOLATION },
	{ "{\"method\":\"org.varlink.service.GetInfo\",\"more\":true,\"upgrade\":true}",
	  VIOLATION },
	/* nothing that is there */
	{ CALL("org.terok.Clearance2.Subscribe", ""), NO_INTERFACE "\"org.terok.Clearance2\"" },
	{ CALL("org.terok.clearance1.Subscribe", ""), NO_INTERFACE },
	{ CALL("a.b.C", ""), NO_INTERFACE "\"a.b\"" },
	{ CALL(CLEARANCE ".Nope", ""), NO_METHOD "\"Nope\"" },
	{ CALL(CLEARANCE ".Answer", ""), NO_METHOD },
	{ CALL(CLEARANCE ".Monitor", ""), NO_METHOD },
	{ CALL(FIREWALL ".Verdict", ""), NO_METHOD },
	{ CALL(FIREWALL ".Subscribe", ""), NO_METHOD },
	{ CALL("org.varlink.service.Nope", ""), NO_METHOD },
	{ CALL("org.varlink.service.GetInterfaceDescription", "\"interface\":\"a.b\""),
	  NO_INTERFACE },
	/* wrong types, and what is missing or too much */
	{ CALL("org.varlink.service.GetInterfaceDescription", ""), WRONG("interface") },
	{ CALL("org.varlink.service.GetInterfaceDescription", "\"interface\":7"),
	  WRONG("interface") },
	{ CALL("org.varlink.service.GetInfo", "\"x\":1"), WRONG("x") },
	{ CALL("org.varlink.service.GetInfo", "\"\\u001b[31m\\u202e\":1"), WRONG(" [31m ") },
	{ VERDICT("7", I, D, A), WRONG("container") },
	{ VERDICT("null", I, D, A), WRONG("container") },
	{ VERDICT("[]", I, D, A), WRONG("container") },
	{ VERDICT(C, "{}", D, A), WRONG("request_id") },
	{ VERDICT(C, "5", D, A), WRONG("request_id") },
	{ VERDICT(C, I, "true", A), WRONG("dest") },
	{ VERDICT(C, I, D, "1"), WRONG("action") },
	{ VERDICT(C, I, D, "\"allow\",\"scope\":\"once\""), WRONG("scope") },
	{ CALL(CLEARANCE ".Verdict", "\"container\":" C), WRONG("request_id") },
	{ VERDICT(C, I, D, "\"ALLOW\""), "InvalidAction" },
	{ VERDICT(C, I, D, "\"\""), "InvalidAction" },
	{ VERDICT(C, "\"\"", D, A), "UnknownRequest" },
	{ VERDICT(C, "\"" ID " \"", D, A), "UnknownRequest" },
	{ VERDICT(C, I, "\"192.0.2.1 \"", A), "VerdictTupleMismatch" },
	{ ANSWER(",\"scope\":7"), WRONG("scope") },
	{ ANSWER(",\"scope\":\"\""), "InvalidScope" },
	{ ANSWER(",\"scope\":\"time\",\"seconds\":\"9\""), WRONG("seconds") },
	{ ANSWER(",\"scope\":\"time\",\"seconds\":1.5"), WRONG("seconds") },
	{ ANSWER(",\"scope\":\"time\",\"seconds\":1e9"), WRONG("seconds") },
	{ ANSWER(",\"scope\":\"time\",\"seconds\":-1"), "InvalidScope" },
	{ ANSWER(",\"scope\":\"time\",\"seconds\":0"), "InvalidScope" },
	{ ANSWER(",\"scope\":\"time\",\"seconds\":99999999999999999999999999"), "InvalidScope" },
	{ ANSWER(",\"reach\":[]"), WRONG("reach") },
	{ ANSWER(",\"reach\":\"all\""), WRONG("reach") },
	{ ANSWER(",\"ports\":443"), WRONG("ports") },
	{ ANSWER(",\"uid\":0"), WRONG("uid") },
	{ CALL(FIREWALL ".Answer", "\"request_id\":" I), WRONG("action") },
	{ CALL(FIREWALL ".ListRequests", "\"guard\":true"), WRONG("guard") },
	{ CALL(FIREWALL ".ListRequests", "\"guard\":\"1\""), WRONG("guard") },
	{ CALL(FIREWALL ".ListRequests", "\"guard\":-1"), WRONG("guard") },
	{ CALL(FIREWALL ".ListRequests", "\"guard\":4294967296"), WRONG("guard") },
	{ CALL(FIREWALL ".ListRequests", "\"guard\":4294967295"), "\"requests\":[]" },
	{ CALL(FIREWALL ".History", "\"guard\":-1"), WRONG("guard") },
	{ CALL(FIREWALL ".History", "\"after\":\"1\""), WRONG("after") },
	{ CALL(FIREWALL ".History", "\"after\":-1"), WRONG("after") },
	{ CALL(FIREWALL ".History", "\"limit\":1001"), WRONG("limit") },
	{ CALL(FIREWALL ".History", "\"limit\":[]"), WRONG("limit") },
	{ CALL(FIREWALL ".History", "\"before\":1"), WRONG("before") },
	{ CALL(FIREWALL ".ListGrants", "\"guard\":4294967296"), WRONG("guard") },
	{ CALL(FIREWALL ".ListGrants", "\"guard\":{}"), WRONG("guard") },
	{ CALL(FIREWALL ".Revoke", ""), WRONG("grant") },
	{ CALL(FIREWALL ".Revoke", "\"grant\":7"), WRONG("grant") },
	{ CALL(FIREWALL ".Revoke", "\"grant\":\"\""), "UnknownGrant" },
	{ CALL(FIREWALL ".Revoke", "\"grant\":\"-1\""), "UnknownGrant" },
	{ CALL(FIREWALL ".Revoke", "\"grant\":\"7x\""), "UnknownGrant" },
	{ CALL(FIREWALL ".Monitor", ""), "org.varlink.service.ExpectedMore" },
	{ CALL(FIREWALL ".Monitor", "\"replay\":1"), WRONG("replay") },
	{ CALL(CLEARANCE ".Subscribe", ""), "org.varlink.service.ExpectedMore" },
	{ CALL(CLEARANCE ".Subscribe", "\"x\":1"), WRONG("x") },
};

static void printable(const char *frame)
{
	for (; *frame; frame++)
		if (*frame < 0x20 || *frame > 0x7e)
			fail_msg("byte %02x", (unsigned char)*frame);
}

static void each_wrong_frame_has_its_answer(void **state)
{
	int fd;

	(void)state;
	both_are_there();
	fd = dial_user(anne);
	for (size_t i = 0; i < sizeof(frames) / sizeof(*frames); i++) {
		const char *answer;

		say(fd, frames[i].frame);
		if (frames[i].answer) {
			answer = heard(fd);
			if (!strstr(answer, frames[i].answer))
				fail_msg("%s: %s", frames[i].frame, answer);
			printable(answer);
		}
		say(fd, GET_INFO); /* the connection is as good as before */
		if (!strstr(heard(fd), "terok-clearance"))
			fail_msg("behind %s", frames[i].frame);
		nobody_else_feels_it();
	}
	/* nothing of all that was an answer */
	say(fd, VERDICT(C, I, D, A));
	assert_int_equal(core_hears(MSG_VERDICT).VERDICT.ask, 5);
}

/* --- sizes ------------------------------------------------------------------------------- */

/* @n times @unit between what is before and behind it; the caller's. */
static char *repeated(const char *before, const char *unit, size_t n, const char *behind)
{
	size_t head = strlen(before), size = strlen(unit), tail = strlen(behind);
	char *text = malloc(head + n * size + tail + 1);

	assert_non_null(text);
	memcpy(text, before, head);
	for (size_t i = 0; i < n; i++)
		memcpy(text + head + i * size, unit, size);
	memcpy(text + head + n * size, behind, tail + 1);
	return text;
}

/* All of it, or as much as is taken before the connection ends. */
static void pour(int fd, const char *bytes, size_t size)
{
	while (size) {
		ssize_t n = send(fd, bytes, size, MSG_NOSIGNAL);

		if (n <= 0)
			return;
		bytes += n;
		size -= n;
	}
}

/* A text that fits into a frame, at each place where there may be one. */
static const struct {
	const char *before, *behind, *answer;
} longs[] = {
	{ "{\"method\":\"a.", ".M\"}", NO_INTERFACE },
	{ "{\"method\":\"" FIREWALL ".M", "\"}", NO_METHOD },
	{ "{\"method\":\"org.varlink.service.GetInfo\",\"parameters\":{\"", "\":1}}",
	  "InvalidParameter" },
	{ "{\"method\":\"org.varlink.service.GetInfo\",\"", "\":1}", "terok-clearance" },
	{ "{\"method\":\"" CLEARANCE ".Verdict\",\"parameters\":{\"container\":\"",
	  "\",\"request_id\":" I ",\"dest\":" D ",\"action\":" A "}}", "VerdictTupleMismatch" },
	{ "{\"method\":\"" CLEARANCE ".Verdict\",\"parameters\":{\"container\":" C
	  ",\"request_id\":\"",
	  "\",\"dest\":" D ",\"action\":" A "}}", "UnknownRequest" },
	{ "{\"method\":\"" CLEARANCE ".Verdict\",\"parameters\":{\"container\":" C
	  ",\"request_id\":" I ",\"dest\":\"",
	  "\",\"action\":" A "}}", "VerdictTupleMismatch" },
	{ "{\"method\":\"" CLEARANCE ".Verdict\",\"parameters\":{\"container\":" C
	  ",\"request_id\":" I ",\"dest\":" D ",\"action\":\"",
	  "\"}}", "InvalidAction" },
	{ "{\"method\":\"" FIREWALL ".Revoke\",\"parameters\":{\"grant\":\"", "\"}}",
	  "UnknownGrant" },
	{ "{\"method\":\"" FIREWALL ".Answer\",\"parameters\":{\"action\":" A ",\"request_id\":\"",
	  "\"}}", "UnknownRequest" },
	{ "{\"method\":\"" FIREWALL ".Answer\",\"parameters\":{\"request_id\":" I ",\"action\":\"",
	  "\"}}", "InvalidAction" },
	{ "{\"method\":\"" FIREWALL ".Answer\",\"parameters\":{\"request_id\":" I ",\"action\":" A
	  ",\"scope\":\"",
	  "\"}}", "InvalidScope" },
	{ "{\"method\":\"" FIREWALL ".Answer\",\"parameters\":{\"request_id\":" I ",\"action\":" A
	  ",\"reach\":\"",
	  "\"}}", WRONG("reach") },
	{ "{\"method\":\"" FIREWALL ".Answer\",\"parameters\":{\"request_id\":" I ",\"action\":" A
	  ",\"scope\":\"time\",\"seconds\":",
	  "}}", "InvalidScope" },
};

static void a_long_text_is_refused_by_name_and_said_back_short(void **state)
{
	int fd;

	(void)state;
	both_are_there();
	fd = dial_user(anne);
	for (size_t i = 0; i < sizeof(longs) / sizeof(*longs); i++) {
		_cleanup_free_ char *frame = repeated(longs[i].before, "7", LONG, longs[i].behind);
		const char *answer;

		say(fd, frame);
		answer = heard(fd);
		if (!strstr(answer, longs[i].answer))
			fail_msg("%s...: %.200s", longs[i].before, answer);
		assert_true(strlen(answer) < 2048);
		nobody_else_feels_it();
	}
}

/* Ten megabytes at each of those places, and of what is no text: the connection ends, alone. */
static void what_is_far_too_long_ends_its_connection(void **state)
{
	static const struct {
		const char *before, *unit;
	} huge[] = { { "", "7" },    { "", "[" },    { "", "{\"a\":" },  { "", "\x1b" },
		     { "", "\xff" }, { "{\"", "x" }, { "\"", "\\u202e" } };

	(void)state;
	both_are_there();
	for (size_t i = 0; i < sizeof(huge) / sizeof(*huge) + sizeof(longs) / sizeof(*longs); i++) {
		size_t k = i - sizeof(huge) / sizeof(*huge);
		bool named = i >= sizeof(huge) / sizeof(*huge);
		const char *unit = named ? "\\u001b[31m\\u202e" : huge[i].unit;
		_cleanup_free_ char *frame = repeated(named ? longs[k].before : huge[i].before,
						      unit, HUGE_ / strlen(unit),
						      named ? longs[k].behind : "");
		int fd = dial_user(anne);

		pour(fd, frame, strlen(frame) + 1);
		assert_true(has_ended(fd));
		nobody_else_feels_it();
	}
}

/* As deep as a frame allows; a million calls that are none; a million that ask for much. */
static void many_small_things_are_served_in_turns(void **state)
{
	_cleanup_free_ char *deep =
	    repeated("{\"method\":\"a.b.C\",\"parameters\":{\"a\":", "[", LONG, "");
	_cleanup_free_ char *empty = calloc(1, 1 << 20);
	static const char call[] =
	    CALL("org.varlink.service.GetInterfaceDescription", "\"interface\":\"" FIREWALL "\"");
	int fd;

	(void)state;
	both_are_there();
	fd = dial_user(anne);
	say(fd, deep);
	say(fd, GET_INFO);
	assert_non_null(strstr(heard(fd), "terok-clearance"));
	pour(fd, empty, 1 << 20);
	nobody_else_feels_it();
	say(fd, GET_INFO);
	assert_non_null(strstr(heard(fd), "terok-clearance"));
	/* who does not read what was asked for is not asked any more */
	assert_int_equal(fcntl(fd, F_SETFL, O_NONBLOCK), 0);
	while (send(fd, call, sizeof(call), MSG_NOSIGNAL) > 0)
		;
	assert_int_equal(errno, EAGAIN);
	nobody_else_feels_it();
}

/* --- escape sequences -------------------------------------------------------------------- */

/* Decoded, as a program would show it. */
static void shows_printable(const char *frame)
{
	_cleanup_(json_putp) struct json_object *object = NULL;

	assert_int_equal(json_parse(frame, strlen(frame), &object), 0);
	printable(frame);
	assert_null(strstr(frame, "\\u"));
	assert_null(strstr(frame, "\\n"));
}

static void escapes_of_a_client_come_back_as_spaces(void **state)
{
	static const char *const evil[] = { "\\u001b[2J\\u001b]0;x\\u0007",
					    "\\u202etxt.exe\\u2066",
					    "\\u0085\\u009b31m",
					    "a\\nb\\rc\\td",
					    "\xe2\x80\xae",
					    "\\ud83d\\ude00" };

	(void)state;
	both_are_there();
	for (size_t i = 0; i < sizeof(evil) / sizeof(*evil); i++) {
		for (size_t k = 0; k < sizeof(longs) / sizeof(*longs) - 1; k++) {
			_cleanup_free_ char *frame =
			    repeated(longs[k].before, evil[i], 1, longs[k].behind);
			int fd = dial_user(anne);

			say(fd, frame);
			shows_printable(heard(fd));
			hang_up(fd);
		}
		nobody_else_feels_it();
	}
}

/* All of a field, without an end. */
static void fill(char *field, size_t size, const char *evil)
{
	for (size_t i = 0; i < size; i++)
		field[i] = evil[i % strlen(evil)];
}

/* Of a container: whatever its programs, its names and who answers it are called. */
static void escapes_of_a_container_are_shown_as_spaces(void **state)
{
	static const char evil[] = "\x1b[31m\xe2\x80\xae\x07\r\n\xff\x9b%s\"\\";
	struct msg_packet packet = refusal(1, 6), guard = { .type = MSG_GUARD };
	struct msg_refused *refused = &packet.REFUSED;
	int fd[2];

	(void)state;
	both_are_there();
	for (int i = 0; i < 2; i++)
		fd[i] = dial_user(anne);
	say(fd[0],
	    "{\"method\":\"" FIREWALL ".Monitor\",\"more\":true,\"parameters\":{\"guard\":1}}");
	hear(fd[0], STANDS);
	assert_true(
	    send(fd[1], GET_INFO "\0{\"method\":\"" CLEARANCE ".Subscribe\",\"more\":true}",
		 sizeof(GET_INFO "\0{\"method\":\"" CLEARANCE ".Subscribe\",\"more\":true}"),
		 0) > 0);
	heard(fd[1]);
	guard.GUARD =
	    (struct msg_guard){ .news = GUARD_ATTACHED, .id = 1, .state = TEROK_STATE_UP };
	guard.GUARD.info.uid = anne;
	fill(guard.GUARD.info.container, sizeof(guard.GUARD.info.container), evil);
	fill(guard.GUARD.info.name, sizeof(guard.GUARD.info.name), evil);
	fill(refused->domain, sizeof(refused->domain), evil);
	fill(refused->said, sizeof(refused->said), evil);
	fill(refused->exe, sizeof(refused->exe), evil);
	fill(refused->cmdline, sizeof(refused->cmdline), evil);
	fill(refused->record.comm, sizeof(refused->record.comm), evil);
	fill(refused->record.pcomm, sizeof(refused->record.pcomm), evil);
	core_says(&guard);
	core_says(&packet);
	for (int n = 0; n < 2; n++)
		for (int i = 0; i < 2; i++)
			shows_printable(heard(fd[i]));
	hang_up(fd[1]);
	fd[1] = dial_user(anne);
	say(fd[1], "{\"method\":\"" FIREWALL ".ListRequests\"}");
	shows_printable(heard(fd[1]));
	nobody_else_feels_it();
}

/* --- peers ------------------------------------------------------------------------------- */

static void a_half_closed_peer_is_served_to_the_end(void **state)
{
	struct msg_packet packet = refusal(1, 0);
	int asks, listens, cut;

	(void)state;
	both_are_there();
	asks = dial_user(anne);
	say(asks, GET_INFO);
	say(asks, CALL(CLEARANCE ".Nope", ""));
	assert_int_equal(shutdown(asks, SHUT_WR), 0);
	assert_non_null(strstr(heard(asks), "terok-clearance"));
	assert_non_null(strstr(heard(asks), "MethodNotFound"));
	assert_true(has_ended(asks));

	listens = dial_user(anne);
	say(listens,
	    "{\"method\":\"" FIREWALL ".Monitor\",\"more\":true,\"parameters\":{\"guard\":1}}");
	assert_int_equal(shutdown(listens, SHUT_WR), 0);
	hear(listens, STANDS);
	for (int i = 0; i < 3; i++) {
		core_says(&packet);
		assert_non_null(strstr(heard(listens), "\"refused\""));
	}

	cut = dial_user(anne); /* in the middle of a frame */
	pour(cut, GET_INFO, 10);
	assert_int_equal(shutdown(cut, SHUT_WR), 0);
	assert_true(has_ended(cut));
	nobody_else_feels_it();
}

static void a_peer_that_hears_no_more_is_let_go(void **state)
{
	struct msg_packet packet = refusal(1, 0), verdict;
	int deaf, leaves;

	(void)state;
	both_are_there();
	deaf = dial_user(anne);
	say(deaf,
	    "{\"method\":\"" FIREWALL ".Monitor\",\"more\":true,\"parameters\":{\"guard\":1}}");
	hear(deaf, STANDS);
	assert_int_equal(shutdown(deaf, SHUT_RD), 0);
	for (int i = 0; i < 3; i++)
		core_says(&packet);
	nobody_else_feels_it();
	/* what is on its way goes on without its author */
	leaves = dial_user(anne);
	say(leaves, VERDICT(C, I, D, A));
	verdict = core_hears(MSG_VERDICT);
	hang_up(leaves);
	core_results(&verdict, 0, "");
	nobody_else_feels_it();
	leaves = dial_user(anne);
	say(leaves, ANSWER(""));
	assert_non_null(strstr(heard(leaves), "AlreadyAnswered"));
}

static void who_never_reads_costs_nobody_else_an_event(void **state)
{
	struct msg_packet packet = refusal(1, 0);
	int stuck[4];

	(void)state;
	both_are_there();
	for (int i = 0; i < 4; i++) {
		stuck[i] = dial_user(anne);
		say(stuck[i],
		    i % 2 ? MONITOR : "{\"method\":\"" CLEARANCE ".Subscribe\",\"more\":true}");
	}
	for (int i = 0; i < 8 * LANE_MAX; i++) {
		core_says(&packet);
		if (i % 64 == 0)
			nobody_else_feels_it();
	}
	nobody_else_feels_it();
}

static unsigned descriptors(void)
{
	char path[64];
	unsigned n = 0;
	DIR *dir;

	snprintf(path, sizeof(path), "/proc/%d/fd", worker);
	dir = opendir(path);
	assert_non_null(dir);
	while (readdir(dir))
		n++;
	closedir(dir);
	return n;
}

static void descriptors_that_come_along_are_not_kept(void **state)
{
	union {
		struct cmsghdr head;
		char room[CMSG_SPACE(32 * sizeof(int))];
	} control = { .head = { .cmsg_level = SOL_SOCKET,
				.cmsg_type = SCM_RIGHTS,
				.cmsg_len = CMSG_LEN(32 * sizeof(int)) } };
	struct iovec bytes = { (char *)GET_INFO, sizeof(GET_INFO) };
	struct msghdr msg = { .msg_iov = &bytes,
			      .msg_iovlen = 1,
			      .msg_control = &control,
			      .msg_controllen = CMSG_SPACE(32 * sizeof(int)) };
	unsigned before;
	int fd;

	(void)state;
	both_are_there();
	fd = dial_user(anne);
	say(fd, GET_INFO);
	heard(fd);
	if (getuid()) {
		print_message("SKIP: only root may look what it has open\n");
		skip();
	}
	before = descriptors();
	for (int i = 0; i < 32; i++)
		memcpy(CMSG_DATA(&control.head) + i * sizeof(int), &fd, sizeof(fd));
	for (int i = 0; i < 8; i++) {
		assert_int_equal(sendmsg(fd, &msg, MSG_NOSIGNAL), sizeof(GET_INFO));
		heard(fd);
	}
	assert_int_equal(descriptors(), before);
	nobody_else_feels_it();
}

/* --- connections ------------------------------------------------------------------------- */

/* Is it served? Who is not is told so by the end of the connection, at once. */
static bool is_served(int fd)
{
	char buf[512];

	if (send(fd, GET_INFO, sizeof(GET_INFO), MSG_NOSIGNAL) < 0)
		return false;
	return recv(fd, buf, sizeof(buf), 0) > 0;
}

/* So many connections of one user: @max of them are served, each of the others ends. */
static void connects(uid_t uid, unsigned max)
{
	static int fd[VARLINK_ROOT_MAX];
	unsigned n = 0;

	for (unsigned i = 0; i < CONNECTIONS; i++) {
		int one = dial_loose(uid);

		if (is_served(one)) {
			assert_true(n < max);
			fd[n++] = one;
		} else {
			close(one);
		}
		if (i % 500 == 0)
			nobody_else_feels_it();
	}
	assert_int_equal(n, max);
	assert_true(is_served(fd[0])); /* nobody gave way */
	nobody_else_feels_it();
	while (n)
		close(fd[--n]);
	/* a place is free when the hub has seen it go */
	for (int i = 0; i < CONNECTIONS; i++) {
		fd[0] = dial_loose(uid);
		if (is_served(fd[0]))
			break;
		closep(&fd[0]);
	}
	assert_true(fd[0] >= 0);
	close(fd[0]);
}

static void a_user_with_ten_thousand_connections_has_a_few(void **state)
{
	(void)state;
	both_are_there();
	if (getuid()) {
		print_message("SKIP: only root can be two users\n");
		skip();
	}
	connects(ANNE, VARLINK_UID_MAX);
}

static void root_with_ten_thousand_keeps_no_user_out(void **state)
{
	(void)state;
	if (getuid()) {
		print_message("SKIP: only root can be two users\n");
		skip();
	}
	both_are_there();
	connects(0, VARLINK_ROOT_MAX);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, setup, served_teardown)
		T(each_wrong_frame_has_its_answer),
		T(a_long_text_is_refused_by_name_and_said_back_short),
		T(what_is_far_too_long_ends_its_connection),
		T(many_small_things_are_served_in_turns),
		T(escapes_of_a_client_come_back_as_spaces),
		T(escapes_of_a_container_are_shown_as_spaces),
		T(a_half_closed_peer_is_served_to_the_end),
		T(a_peer_that_hears_no_more_is_let_go),
		T(who_never_reads_costs_nobody_else_an_event),
		T(descriptors_that_come_along_are_not_kept),
		T(a_user_with_ten_thousand_connections_has_a_few),
		T(root_with_ten_thousand_keeps_no_user_out),
	};
	struct rlimit files;

	/* both ends of each connection, in this process and in the hub that it starts */
	if (!getrlimit(RLIMIT_NOFILE, &files) && files.rlim_cur < 2 * VARLINK_PEERS_MAX) {
		files.rlim_cur = 2 * VARLINK_PEERS_MAX;
		files.rlim_max = files.rlim_max < files.rlim_cur ? files.rlim_cur : files.rlim_max;
		if (setrlimit(RLIMIT_NOFILE, &files) && !getuid()) {
			print_message("SKIP: too few open files for all connections\n");
			return 77;
		}
	}
	return cmocka_run_group_tests_name("bad input", tests, NULL, NULL);
}
