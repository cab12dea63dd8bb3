// SPDX-License-Identifier: Apache-2.0
/*
 * test_worker.c - the hub as a process: what people hear, how an answer goes, what it gave up
 */
#include "served.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/confine.h"
#include "base/json.h"
#include "hub/hub_core.h"
#include "hub/lane.h"
#include "hub/request.h"

#define LISTS     300
#define ID        "0123456789ab:5"
#define SUBSCRIBE "{\"method\":\"" CLEARANCE ".Subscribe\",\"more\":true}"
#define MONITOR   "{\"method\":\"" FIREWALL ".Monitor\",\"more\":true}"
#define STANDS    "{\"continues\":true,\"parameters\":{\"lost\":0}}"
#define VERDICT(container, id, dest, action)                                                       \
	"{\"method\":\"" CLEARANCE ".Verdict\",\"parameters\":{\"container\":\"" container         \
	"\",\"request_id\":\"" id "\",\"dest\":\"" dest "\",\"action\":\"" action "\"}}"
#define ANSWER(more)                                                                               \
	"{\"method\":\"" FIREWALL ".Answer\",\"parameters\":{\"request_id\":\"" ID "\"," more "}}"
#define TOLD(type, id, dest, port, proto, action, ok, dossier)                                     \
	"{\"continues\":true,\"parameters\":{\"event\":{\"type\":\"" type                          \
	"\",\"container\":\"" CONTAINER "\",\"request_id\":\"" id "\",\"dest\":\"" dest            \
	"\",\"port\":" port ",\"proto\":" proto ",\"domain\":\"\",\"action\":\"" action            \
	"\",\"ok\":" ok ",\"reason\":\"\",\"dossier\":{" dossier "}}}}"
#define BLOCKED                                                                                    \
	TOLD(                                                                                      \
	    "connection_blocked", ID, "192.0.2.1", "443", "6", "", "false",                        \
	    "\"name\":\"box\",\"container_name\":\"box\","                                         \
	    "\"process\":\"curl[4711] /usr/bin/curl\",\"parent\":\"bash[4700]\",\"uid\":\"1000\"," \
	    "\"reason\":\"default\",\"hook\":\"connect4\"")
#define REQUEST                                                                                                                 \
	"{\"continues\":true,\"parameters\":{\"event\":{\"sequence\":1,\"type\":\"request\","                                   \
	"\"boot_ns\":77,\"wall_ns\":0,\"guard\":1,\"container\":\"" CONTAINER                                                   \
	"\",\"name\":\"box\","                                                                                                  \
	"\"request_id\":\"" ID "\",\"dest\":\"192.0.2.1\",\"port\":443,\"proto\":6,"                                            \
	"\"domain\":\"\",\"reason\":\"default\",\"hook\":\"connect4\",\"said\":\"\",\"rule\":\"\",\"source\":\"\","             \
	"\"source_port\":0,\"socket_cookie\":\"0\",\"netns_cookie\":\"0\",\"cgroup\":\"0\","                                    \
	"\"count\":3,\"process\":{\"pid\":4711,\"thread\":4712,\"start_ns\":0,\"uid\":1000,"                                    \
	"\"gid\":0,\"comm\":\"curl\",\"exe\":\"/usr/bin/curl\",\"cmdline\":\"curl -v\","                                        \
	"\"exe_inode\":\"0\",\"exe_device\":\"0\",\"parent_pid\":4700,\"parent_comm\":\"bash\"},\"parents\":[\"bash\",\"sh\"]," \
	"\"state\":\"up\",\"action\":\"\",\"scope\":\"\",\"until_ns\":0,\"ok\":false,"                                          \
	"\"problem\":\"\",\"uid\":0,\"client\":\"\",\"dossier\":{}},\"lost\":0}}"

/* An event, which has the time of day in it: it is there, and all else is as it should be. */
static void hear_event(int fd, const char *frame)
{
	const char *told = heard(fd), *wall = strstr(told, "\"wall_ns\":");
	size_t digits = wall ? strspn(wall + 10, "0123456789") : 0;
	char text[4096];

	assert_non_null(wall);
	assert_true(digits > 10);
	snprintf(text, sizeof(text), "%.*s0%s", (int)(wall + 10 - told), told, wall + 10 + digits);
	assert_string_equal(text, frame);
}

/* A client of Clearance1 and one of Firewall1, and a question that both have heard. */
static void one_question(int *subscriber, int *monitor)
{
	*subscriber = dial();
	*monitor = dial();
	say(*subscriber, SUBSCRIBE);
	say(*monitor, MONITOR);
	hear(*monitor, STANDS);
	core_guard(0);
	core_refuses(5);
	hear_event(*monitor, REQUEST);
	hear(*subscriber, BLOCKED);
}

/* Everything that the core said so far has been told: a listing comes behind it. */
static void all_is_told(void)
{
	int fd = dial();
	struct msg_packet packet;

	say(fd, "{\"method\":\"" FIREWALL ".ListGuards\"}");
	packet = core_hears(MSG_LIST);
	core_guard(packet.LIST.token);
	packet.type = MSG_LISTED;
	packet.LISTED.token = packet.LIST.token;
	core_says(&packet);
	hear(fd, "{\"parameters\":{\"guards\":[{\"guard\":1,\"container\":\"" CONTAINER
		 "\",\"name\":\"box\",\"cgroup\":\"/box\",\"uid\":1000,\"kind\":\"container\","
		 "\"state\":\"up\",\"counters\":{\"attempts\":15,\"allowed\":10,\"refused\":5,"
		 "\"delivered\":3,\"limited\":1,\"lost\":1,\"dropped\":2}}]}}");
}

/* --- tests --------------------------------------------------------------------------- */

static void an_answer_makes_its_way_and_everybody_hears_of_it(void **state)
{
	int subscriber, monitor, caller = dial();
	struct msg_packet verdict;
	const char *told;

	(void)state;
	one_question(&subscriber, &monitor);
	say(caller, VERDICT(CONTAINER, ID, "192.0.2.1", "allow"));
	verdict = core_hears(MSG_VERDICT);
	assert_int_equal(verdict.VERDICT.ask, 5);
	assert_int_equal(verdict.VERDICT.action, TEROK_ALLOW);
	assert_int_equal(verdict.VERDICT.scope, SCOPE_FOREVER);
	assert_int_equal(verdict.VERDICT.uid, getuid());
	assert_int_equal(verdict.VERDICT.pid, getpid()); /* the core knows its name */
	core_results(&verdict, 0, "");
	hear(subscriber, TOLD("verdict_applied", ID, "", "0", "0", "allow", "true", ""));
	hear(caller, "{\"parameters\":{\"ok\":true}}");
	told = heard(monitor);
	assert_non_null(strstr(told, "\"type\":\"verdict\""));
	assert_non_null(strstr(told, "\"rule\":\"allow 192.0.2.1 port 443 tcp\""));
	assert_non_null(strstr(told, "\"client\":\"tui\""));
	say(caller, VERDICT(CONTAINER, ID, "192.0.2.1", "allow"));
	hear(caller, "{\"error\":\"" CLEARANCE
		     ".UnknownRequest\",\"parameters\":{\"request_id\":\"" ID "\"}}");
}

/* By Firewall1 a second answer learns of the first; by Clearance1 it is as if nobody had asked. */
static void a_second_answer_is_told_of_the_first(void **state)
{
	int subscriber, monitor, caller = dial();
	struct msg_packet verdict;
	char already[256];

	(void)state;
	one_question(&subscriber, &monitor);
	snprintf(already, sizeof(already),
		 "{\"error\":\"" FIREWALL ".AlreadyAnswered\",\"parameters\":{\"request_id\":\"" ID
		 "\",\"action\":\"allow\",\"scope\":\"session\",\"until_ns\":99,\"uid\":%u,"
		 "\"client\":\"tui\",\"ok\":true}}",
		 getuid());
	say(caller, ANSWER("\"action\":\"allow\""));
	verdict = core_hears(MSG_VERDICT);
	core_results(&verdict, 0, "");
	hear(caller,
	     "{\"parameters\":{\"until_ns\":99,\"rule\":\"allow 192.0.2.1 port 443 tcp\"}}");
	say(caller, ANSWER("\"action\":\"deny\""));
	hear(caller, already);
	say(caller, VERDICT(CONTAINER, ID, "192.0.2.1", "deny"));
	hear(caller, "{\"error\":\"" CLEARANCE
		     ".UnknownRequest\",\"parameters\":{\"request_id\":\"" ID "\"}}");
}

static void an_answer_waits_for_the_end_of_the_one_before(void **state)
{
	int subscriber, monitor, first = dial(), second = dial(), third = dial();
	struct msg_packet verdict;

	(void)state;
	one_question(&subscriber, &monitor);
	say(first, ANSWER("\"action\":\"allow\""));
	verdict = core_hears(MSG_VERDICT);
	say(second, ANSWER("\"action\":\"deny\""));
	all_is_told(); /* it stands in line before the third */
	say(third, ANSWER("\"action\":\"allow\""));
	all_is_told();
	/* the first fails: the next in line is given */
	core_results(&verdict, -ENOSPC, "the rule table is full");
	assert_non_null(strstr(heard(first), ".NotApplied"));
	verdict = core_hears(MSG_VERDICT);
	assert_int_equal(verdict.VERDICT.action, TEROK_DENY);
	core_results(&verdict, 0, "");
	hear(second,
	     "{\"parameters\":{\"until_ns\":99,\"rule\":\"allow 192.0.2.1 port 443 tcp\"}}");
	assert_non_null(strstr(heard(third),
			       ".AlreadyAnswered\",\"parameters\":{\"request_id\":\"" ID
			       "\",\"action\":\"deny\""));
}

static void who_waits_for_a_request_that_is_gone_is_told_so(void **state)
{
	struct msg_packet verdict, gone = { .type = MSG_GONE, .GONE = { .id = 1 } };
	int subscriber, monitor, first = dial(), second = dial();

	(void)state;
	one_question(&subscriber, &monitor);
	say(first, ANSWER("\"action\":\"allow\""));
	verdict = core_hears(MSG_VERDICT);
	say(second, ANSWER("\"action\":\"deny\""));
	all_is_told();
	core_says(&gone);
	core_results(&verdict, -ENOENT, "nobody asks any more");
	assert_non_null(strstr(heard(first), ".NotApplied"));
	hear(second, "{\"error\":\"" FIREWALL
		     ".UnknownRequest\",\"parameters\":{\"request_id\":\"" ID "\"}}");
}

static void an_answer_to_something_else_is_refused(void **state)
{
	int subscriber, monitor, caller = dial();

	(void)state;
	one_question(&subscriber, &monitor);
	/* the action is looked at first, then the request, then what it was about */
	say(caller, VERDICT("x", "x", "x", "Allow"));
	hear(caller,
	     "{\"error\":\"" CLEARANCE ".InvalidAction\",\"parameters\":{\"action\":\"Allow\"}}");
	say(caller, VERDICT("x", "0123456789ab:6", "x", "deny"));
	hear(caller, "{\"error\":\"" CLEARANCE
		     ".UnknownRequest\",\"parameters\":{\"request_id\":\"0123456789ab:6\"}}");
	say(caller, VERDICT(CONTAINER, ID, "192.0.2.2", "allow"));
	hear(caller, "{\"error\":\"" CLEARANCE ".VerdictTupleMismatch\",\"parameters\":{"
		     "\"expected_container\":\"" CONTAINER "\",\"expected_dest\":\"192.0.2.1\","
		     "\"got_container\":\"" CONTAINER "\",\"got_dest\":\"192.0.2.2\"}}");
	say(caller, VERDICT("0123456789ab", ID, "192.0.2.1", "allow"));
	hear(caller, "{\"error\":\"" CLEARANCE ".VerdictTupleMismatch\",\"parameters\":{"
		     "\"expected_container\":\"" CONTAINER "\",\"expected_dest\":\"192.0.2.1\","
		     "\"got_container\":\"0123456789ab\",\"got_dest\":\"192.0.2.1\"}}");
	/* nothing of that reached the core, and the question is still open */
	say(caller, VERDICT(CONTAINER, ID, "192.0.2.1", "deny"));
	assert_int_equal(core_hears(MSG_VERDICT).VERDICT.action, TEROK_DENY);
}

static void an_answer_that_failed_can_be_tried_again(void **state)
{
	int subscriber, monitor, caller = dial(), other = dial();
	struct msg_packet verdict;

	(void)state;
	one_question(&subscriber, &monitor);
	say(caller, VERDICT(CONTAINER, ID, "192.0.2.1", "allow"));
	verdict = core_hears(MSG_VERDICT);
	say(other, VERDICT(CONTAINER, ID, "192.0.2.1", "deny")); /* one at a time */
	hear(other, "{\"error\":\"" CLEARANCE
		    ".UnknownRequest\",\"parameters\":{\"request_id\":\"" ID "\"}}");
	core_results(&verdict, -ENOSPC, "the rule table is full");
	hear(subscriber, TOLD("verdict_applied", ID, "", "0", "0", "allow", "false", ""));
	hear(caller, "{\"error\":\"" CLEARANCE ".ShieldCliFailed\",\"parameters\":{"
		     "\"action\":\"allow\",\"stderr\":\"the rule table is full\"}}");
	say(caller, VERDICT(CONTAINER, ID, "192.0.2.1", "allow"));
	verdict = core_hears(MSG_VERDICT);
	core_results(&verdict, 0, "");
	hear(subscriber, TOLD("verdict_applied", ID, "", "0", "0", "allow", "true", ""));
	hear(caller, "{\"parameters\":{\"ok\":true}}");
}

static void an_answer_may_have_a_scope(void **state)
{
	int subscriber, monitor, caller = dial();
	struct msg_packet verdict;

	(void)state;
	one_question(&subscriber, &monitor);
#define INVALID_SCOPE(scope, reason)                                                               \
	"{\"error\":\"" FIREWALL ".InvalidScope\",\"parameters\":{\"scope\":\"" scope              \
	"\",\"reason\":\"" reason "\"}}"
	say(caller, ANSWER("\"action\":\"allow\",\"scope\":\"ever\""));
	hear(caller, INVALID_SCOPE("ever", "it is once, time, session (or task) or forever"));
	say(caller, ANSWER("\"action\":\"allow\",\"scope\":\"time\""));
	hear(caller, INVALID_SCOPE("time", "it needs seconds, 1 to 31622400"));
	say(caller, ANSWER("\"action\":\"allow\",\"scope\":\"time\",\"seconds\":31622401"));
	hear(caller, INVALID_SCOPE("time", "it needs seconds, 1 to 31622400"));
	say(caller, ANSWER("\"action\":\"allow\",\"seconds\":9"));
	hear(caller, INVALID_SCOPE("session", "seconds belong to time"));
	say(caller, ANSWER("\"action\":\"maybe\""));
	hear(caller,
	     "{\"error\":\"" FIREWALL ".InvalidAction\",\"parameters\":{\"action\":\"maybe\"}}");

	say(caller, ANSWER("\"action\":\"allow\",\"reach\":\"everything\""));
	assert_non_null(
	    strstr(heard(caller), "InvalidParameter\",\"parameters\":{\"parameter\":\"reach\""));
	say(caller, ANSWER("\"action\":\"allow\",\"ports\":\"443\""));
	assert_non_null(
	    strstr(heard(caller), "InvalidParameter\",\"parameters\":{\"parameter\":\"ports\""));

	say(caller, ANSWER("\"action\":\"deny\",\"scope\":\"time\",\"seconds\":31622400,"
			   "\"reach\":\"children\",\"ports\":\"any\""));
	verdict = core_hears(MSG_VERDICT);
	assert_int_equal(verdict.VERDICT.action, TEROK_DENY);
	assert_int_equal(verdict.VERDICT.scope, SCOPE_TIME);
	assert_int_equal(verdict.VERDICT.seconds, 31622400);
	assert_int_equal(verdict.VERDICT.reach, REACH_CHILDREN);
	assert_int_equal(verdict.VERDICT.ports, PORTS_ANY);
	core_results(&verdict, -ENOENT, "nobody asks any more");
	hear(caller, "{\"error\":\"" FIREWALL ".NotApplied\",\"parameters\":{\"request_id\":\"" ID
		     "\",\"reason\":\"nobody asks any more\"}}");
	core_refuses(5);
	all_is_told();
	say(caller, ANSWER("\"action\":\"allow\",\"scope\":\"task\""));
	verdict = core_hears(MSG_VERDICT);
	assert_int_equal(verdict.VERDICT.scope, SCOPE_SESSION);
	assert_int_equal(verdict.VERDICT.reach, REACH_ASKED);
	assert_int_equal(verdict.VERDICT.ports, PORTS_SAME);
	core_results(&verdict, -ENOSPC, "full");
	assert_non_null(strstr(heard(caller), ".NotApplied"));
	say(caller, ANSWER("\"action\":\"allow\",\"scope\":\"once\",\"seconds\":null"));
	verdict = core_hears(MSG_VERDICT);
	assert_int_equal(verdict.VERDICT.scope, SCOPE_ONCE);
	core_results(&verdict, 0, "");
	hear(caller,
	     "{\"parameters\":{\"until_ns\":99,\"rule\":\"allow 192.0.2.1 port 443 tcp\"}}");
}

static void another_user_neither_sees_nor_answers(void **state)
{
	int subscriber, monitor, stranger;

	(void)state;
	if (getuid()) {
		print_message("SKIP: only root can call as other users\n");
		skip();
	}
	assert_int_equal(seteuid(1001), 0);
	stranger = dial();
	assert_int_equal(seteuid(0), 0);
	one_question(&subscriber, &monitor);
	say(stranger, VERDICT(CONTAINER, ID, "192.0.2.1", "allow"));
	hear(stranger, "{\"error\":\"" CLEARANCE
		       ".UnknownRequest\",\"parameters\":{\"request_id\":\"" ID "\"}}");
	say(stranger, "{\"method\":\"" FIREWALL ".ListRequests\"}");
	hear(stranger, "{\"parameters\":{\"requests\":[]}}");
	/* control: its owner does */
	assert_int_equal(seteuid(1000), 0);
	stranger = dial();
	assert_int_equal(seteuid(0), 0);
	say(stranger, VERDICT(CONTAINER, ID, "192.0.2.1", "allow"));
	assert_int_equal(core_hears(MSG_VERDICT).VERDICT.uid, 1000);
}

static void core_entries(const struct msg_history *wanted, unsigned n)
{
	struct msg_packet packet = { .type = MSG_ENTRY };

	for (unsigned i = 0; i < n; i++) {
		packet.ENTRY = (struct msg_entry){ .token = wanted->token,
						   .number = 1000 - i,
						   .type = ENTRY_EXPIRED };
		memset(packet.ENTRY.dest, '"', sizeof(packet.ENTRY.dest) - 1);
		memset(packet.ENTRY.domain, '"', sizeof(packet.ENTRY.domain) - 1);
		memset(packet.ENTRY.name, '"', sizeof(packet.ENTRY.name) - 1);
		memset(packet.ENTRY.process, '"', sizeof(packet.ENTRY.process) - 1);
		core_says(&packet);
	}
	packet = (struct msg_packet){ .type = MSG_LISTED };
	packet.LISTED.token = wanted->token;
	packet.LISTED.more = 1;
	core_says(&packet);
}

#define HISTORY(p) "{\"method\":\"" FIREWALL ".History\",\"parameters\":{" p "}}"

static void the_journal_is_asked_for_who_calls(void **state)
{
	static const char *const wrong[] = {
		HISTORY("\"limit\":1001"),       HISTORY("\"limit\":-1"),
		HISTORY("\"after\":-1"),         HISTORY("\"guard\":-1"),
		HISTORY("\"guard\":4294967296"), HISTORY("\"guard\":\"1\""),
	};
	struct msg_packet asked;
	int caller = dial();
	const char *reply;

	(void)state;
	for (unsigned i = 0; i < sizeof(wrong) / sizeof(*wrong); i++) {
		say(caller, wrong[i]);
		assert_non_null(strstr(heard(caller), "org.varlink.service.InvalidParameter"));
	}
	say(caller, HISTORY("\"guard\":7,\"after\":99,\"limit\":2"));
	asked = core_hears(MSG_HISTORY);
	assert_int_equal(asked.HISTORY.uid, getuid());
	assert_int_equal(asked.HISTORY.guard, 7);
	assert_int_equal(asked.HISTORY.after, 99);
	assert_int_equal(asked.HISTORY.limit, 2);
	core_entries(&asked.HISTORY, 1);
	reply = heard(caller);
	assert_non_null(strstr(reply, "{\"parameters\":{\"entries\":[{\"number\":1000,"));
	assert_non_null(strstr(reply, "}],\"more\":true}}"));
}

/* A frame as long as there may be. */
static const char *heard_long(int fd)
{
	static char buf[512 << 10];
	size_t n = 0;

	set_patience(fd);
	do {
		ssize_t got = recv(fd, buf + n, sizeof(buf) - n, 0);

		assert_true(got > 0);
		n += got;
	} while (buf[n - 1]);
	return buf;
}

/* A reply has an end, also one of the longest entries there are. */
static void a_page_of_the_journal_is_no_longer_than_a_client_takes(void **state)
{
	int caller = dial(), other = dial();
	struct msg_packet asked;
	const char *reply;

	(void)state;
	say(caller, HISTORY(""));
	asked = core_hears(MSG_HISTORY);
	core_entries(&asked.HISTORY, MSG_HISTORY_MAX);
	reply = heard_long(caller);
	assert_in_range(strlen(reply), 150 << 10, 256 << 10);
	assert_non_null(strstr(reply, "}],\"more\":true}}"));
	/* who hangs up while the core answers holds up nobody */
	say(caller, HISTORY(""));
	asked = core_hears(MSG_HISTORY);
	shutdown(caller, SHUT_RDWR);
	say(other, HISTORY("\"limit\":1"));
	core_entries(&asked.HISTORY, 3);
	asked = core_hears(MSG_HISTORY);
	assert_int_equal(asked.HISTORY.limit, 1);
	core_entries(&asked.HISTORY, 1);
	assert_non_null(strstr(heard(other), "\"number\":1000"));
}

/* Not while the core is busy either, which takes nothing meanwhile. */
static void who_comes_and_goes_leaves_room_for_answers(void **state)
{
	int subscriber, monitor, caller = dial(), coming;
	struct msg_packet packet;

	(void)state;
	if (getuid()) {
		print_message("SKIP: only root can call as other users\n");
		skip();
	}
	one_question(&subscriber, &monitor);
	for (unsigned i = 0; i < 300; i++) {
		assert_int_equal(seteuid(1001), 0);
		coming = dial();
		assert_int_equal(seteuid(0), 0);
		say(coming, "{\"method\":\"" FIREWALL ".Monitor\",\"parameters\":{\"guard\":77},"
			    "\"more\":true}");
		hear(coming, STANDS);
		if (i < 299)
			hang_up(coming);
	}
	say(caller, VERDICT(CONTAINER, ID, "192.0.2.1", "allow"));
	packet = core_hears(MSG_VERDICT);
	core_results(&packet, 0, "");
	hear(caller, "{\"parameters\":{\"ok\":true}}");
	/* and the last word on it comes */
	do
		packet = core_hears(MSG_AUDIENCE);
	while (packet.AUDIENCE.n != 2);
	assert_int_equal(packet.AUDIENCE.who[0].uid, 1001);
	assert_int_equal(packet.AUDIENCE.who[0].guard, 77);
	assert_int_equal(packet.AUDIENCE.who[1].uid, 0);
}

/* A user whose container asked for one destination on many ports answers all of it at once. */
static void who_answers_much_keeps_nobody_waiting(void **state)
{
	int caller = dial(), after = dial(), many;
	struct msg_packet packet;
	unsigned before = 0;

	(void)state;
	if (getuid()) {
		print_message("SKIP: only root can call as other users\n");
		skip();
	}
	assert_int_equal(seteuid(1000), 0);
	many = dial();
	assert_int_equal(seteuid(0), 0);
	packet = (struct msg_packet){ .type = MSG_GUARD };
	packet.GUARD = (struct msg_guard){ .id = 2, .state = TEROK_STATE_UP };
	strcpy(packet.GUARD.info.container, "fedcba987654");
	core_says(&packet);
	packet = (struct msg_packet){ .type = MSG_REFUSED };
	packet.REFUSED.ask = 5;
	packet.REFUSED.record = (struct terok_record){ .guard = 2, .dst_port = 443, .proto = 6 };
	core_says(&packet);
	core_guard(0);
	for (unsigned i = 0; i < 200; i++)
		core_refuses(1000 + i);
	all_is_told();
	say(many,
	    "{\"method\":\"org.terok.ClearanceVerdict1.Apply\",\"parameters\":{\"container\":\"" CONTAINER
	    "\",\"dest\":\"192.0.2.1\",\"action\":\"allow\"}}");
	packet = core_hears(MSG_VERDICT);
	say(caller, "{\"method\":\"" FIREWALL ".Answer\",\"parameters\":{\"request_id\":"
		    "\"fedcba987654:5\",\"action\":\"allow\"}}");
	say(after, "{\"method\":\"org.varlink.service.GetInfo\"}");
	heard(after); /* the answer was read, for it came first */
	for (; packet.VERDICT.ask != 5; before++) {
		core_results(&packet, 0, "");
		packet = core_hears(MSG_VERDICT);
	}
	assert_in_range(before, 1, HUB_ANSWERS_OPEN + 2);
	core_results(&packet, 0, "");
	hear(caller,
	     "{\"parameters\":{\"until_ns\":99,\"rule\":\"allow 192.0.2.1 port 443 tcp\"}}");
	/* and all of the others are answered in the end */
	for (; before < 200; before++) {
		packet = core_hears(MSG_VERDICT);
		core_results(&packet, 0, "");
	}
	hear(many, "{\"parameters\":{\"ok\":true,\"stderr\":\"\"}}");
}

/* Lists that a busy core has not read yet leave room for an answer. */
static void many_lists_leave_room_for_answers(void **state)
{
	int subscriber, monitor, caller = dial(), fd;
	uint64_t lists[HUB_LISTS_OPEN];
	struct msg_packet packet;

	(void)state;
	if (getuid()) {
		print_message("SKIP: only root can call as other users\n");
		skip();
	}
	one_question(&subscriber, &monitor);
	for (unsigned i = 0; i < LISTS; i++) {
		assert_int_equal(seteuid(2000 + i / 60), 0);
		fd = dial();
		assert_int_equal(seteuid(0), 0);
		say(fd, "{\"method\":\"org.varlink.service.GetInfo\"}");
		heard(fd);
		say(fd, "{\"method\":\"" FIREWALL ".ListGuards\"}");
	}
	say(caller, VERDICT(CONTAINER, ID, "192.0.2.1", "allow"));
	for (unsigned i = 0; i < HUB_LISTS_OPEN; i++) {
		packet = core_hears(MSG_LIST);
		lists[i] = packet.LIST.token;
	}
	packet = core_hears(MSG_VERDICT);
	core_results(&packet, 0, "");
	hear(caller, "{\"parameters\":{\"ok\":true}}");
	/* who hung up is not asked for any more */
	hang_up(fd);
	for (unsigned i = 0; i < LISTS - 1; i++) {
		packet = (struct msg_packet){ .type = MSG_LISTED };
		packet.LISTED.token = lists[i % HUB_LISTS_OPEN];
		core_says(&packet);
		if (i + HUB_LISTS_OPEN < LISTS - 1)
			lists[i % HUB_LISTS_OPEN] = core_hears(MSG_LIST).LIST.token;
	}
	say(caller, "{\"method\":\"" FIREWALL ".ListGuards\"}");
	assert_true(core_hears(MSG_LIST).LIST.uid == 0);
}

/* Of an event: sequence, and the lost count of its frame. */
static uint64_t sequence_of(const char *frame, uint64_t *lost)
{
	_cleanup_(json_putp) struct json_object *object = NULL;
	struct json_object *parameters, *event;

	assert_int_equal(json_parse(frame, strlen(frame), &object), 0);
	parameters = json_object_object_get(object, "parameters");
	event = json_object_object_get(parameters, "event");
	assert_non_null(event);
	*lost = json_object_get_int64(json_object_object_get(parameters, "lost"));
	return json_object_get_int64(json_object_object_get(event, "sequence"));
}

#define MANY 1000

static void a_client_that_reads_misses_nothing(void **state)
{
	int monitor = dial();
	uint64_t lost, next = 1;

	(void)state;
	say(monitor, MONITOR);
	hear(monitor, STANDS);
	core_guard(0);
	for (uint64_t ask = 1; ask <= MANY; ask++) {
		core_refuses(ask);
		/* never more on the way than it may be behind */
		for (; next + 50 < ask || (ask == MANY && next <= MANY); next++) {
			assert_int_equal(sequence_of(heard(monitor), &lost), next);
			assert_int_equal(lost, 0);
		}
	}
	assert_int_equal(next, MANY + 1);
}

static void a_client_that_does_not_read_gets_the_newest_and_the_number_lost(void **state)
{
	uint64_t lost = 0, sequence = 0, held = 0, told;
	const char *frame;
	char count[40];
	int monitor = dial();

	(void)state;
	say(monitor, MONITOR);
	hear(monitor, STANDS);
	core_guard(0);
	for (uint64_t ask = 1; ask <= MANY; ask++)
		core_refuses(ask);
	all_is_told();
	/* what its socket took, without a gap */
	while ((sequence = sequence_of(frame = heard(monitor), &lost)) == held + 1)
		held++;
	assert_true(held > 0);
	/* then how many it missed, in the place of the last of them */
	assert_non_null(strstr(frame, "\"type\":\"missed\""));
	snprintf(count, sizeof(count), "\"count\":%" PRIu64 ",", MANY - LANE_MAX - held);
	assert_non_null(strstr(frame, count));
	assert_int_equal(sequence, MANY - LANE_MAX);
	/* then the newest, without a gap */
	for (told = sequence; told < MANY; told++)
		assert_int_equal(sequence_of(heard(monitor), &lost), told + 1);
	assert_int_equal(lost, MANY - LANE_MAX - held);
	/* it has caught up: nothing more is lost */
	core_refuses(MANY + 1);
	assert_int_equal(sequence_of(heard(monitor), &told), MANY + 1);
	assert_int_equal(told, lost);
}

/* A line of /proc/PID/status, behind its key. */
static void status_says(const char *key, const char *value)
{
	_cleanup_fclose_ FILE *file = NULL;
	char name[64], line[256];

	snprintf(name, sizeof(name), "/proc/%d/status", worker);
	file = fopen(name, "re");
	assert_non_null(file);
	while (fgets(line, sizeof(line), file)) {
		if (strncmp(line, key, strlen(key)) || line[strlen(key)] != ':')
			continue;
		line[strcspn(line, "\n")] = '\0';
		assert_string_equal(line + strlen(key) + 2, value);
		return;
	}
	fail_msg("%s is not in %s", key, name);
}

/* A name that ends early must not pass for the shorter one. */
static void an_answer_with_a_nul_in_it_is_refused(void **state)
{
	static const char *const wrong[] = {
		VERDICT(CONTAINER "\\u0000", ID, "192.0.2.1", "allow"),
		VERDICT(CONTAINER, ID "\\u0000", "192.0.2.1", "allow"),
		VERDICT(CONTAINER, ID, "192.0.2.1\\u0000x", "allow"),
		VERDICT(CONTAINER, ID, "192.0.2.1", "allow\\u0000x"),
		ANSWER("\"action\":\"allow\\u0000\""),
		ANSWER("\"action\":\"allow\",\"scope\":\"once\\u0000\""),
	};
	int subscriber, monitor, caller = dial();

	(void)state;
	one_question(&subscriber, &monitor);
	for (unsigned i = 0; i < sizeof(wrong) / sizeof(*wrong); i++) {
		say(caller, wrong[i]);
		assert_non_null(strstr(heard(caller), "org.varlink.service.InvalidParameter"));
	}
	say(caller, VERDICT(CONTAINER, ID, "192.0.2.1", "allow")); /* it still can be answered */
	core_hears(MSG_VERDICT);
}

/* More than a queue holds: what waits for an answer is never left out. */
static void a_replay_tells_every_open_request(void **state)
{
	int monitor = dial();
	uint64_t lost;

	(void)state;
	core_guard(0);
	for (uint64_t ask = 1; ask <= REQUEST_MAX; ask++)
		core_refuses(ask);
	all_is_told();
	say(monitor,
	    "{\"method\":\"" FIREWALL ".Monitor\",\"more\":true,\"parameters\":{\"replay\":true}}");
	hear(monitor, STANDS);
	for (uint64_t n = 1; n <= REQUEST_MAX; n++) {
		assert_int_equal(sequence_of(heard(monitor), &lost), n);
		assert_int_equal(lost, 0);
	}
}

static void a_refusal_of_an_unknown_guard_keeps_its_number(void **state)
{
	int monitor = dial();

	(void)state;
	say(monitor, MONITOR);
	hear(monitor, STANDS);
	core_refuses(0);
	assert_non_null(strstr(heard(monitor), "\"guard\":1,\"container\":\"\""));
}

static void it_has_given_up_everything(void **state)
{
	static const char *const sets[] = { "CapInh", "CapPrm", "CapEff", "CapAmb" };
	int subscriber, monitor;
	char ids[64];
	unsigned id = getuid() ? getuid() : 65534;

	(void)state;
	one_question(&subscriber, &monitor); /* it serves: all stages are behind it */
	for (size_t i = 0; i < sizeof(sets) / sizeof(sets[0]); i++)
		status_says(sets[i], "0000000000000000");
	status_says("NoNewPrivs", "1");
	snprintf(ids, sizeof(ids), "%u\t%u\t%u\t%u", id, id, id, id);
	status_says("Uid", ids);
	if (!getuid()) {
		status_says("CapBnd", "0000000000000000");
		status_says("Gid", ids);
		status_says("Groups", " ");
	}
#ifndef CONFINE_SANITIZED /* confine.c: its run time makes calls of its own choice */
	status_says("Seccomp", "2");
#endif
}

static void it_ends_well_when_the_core_closes(void **state)
{
	int subscriber, monitor;

	(void)state;
	one_question(&subscriber, &monitor);
	closep(&core_fd);
	assert_int_equal(end_of_worker(), 0);
}

static void it_ends_well_when_the_core_leaves_a_verdict_unread(void **state)
{
	int subscriber, monitor, caller = dial();
	char byte;

	(void)state;
	one_question(&subscriber, &monitor);
	say(caller, VERDICT(CONTAINER, ID, "192.0.2.1", "allow"));
	set_patience(core_fd);
	assert_int_equal(recv(core_fd, &byte, 1, MSG_PEEK), 1);
	closep(&core_fd);
	assert_int_equal(end_of_worker(), 0);
}

static void it_ends_when_the_core_says_what_is_no_message(void **state)
{
	struct msg_packet packet = { .type = MSG_VERDICT }; /* only the hub may say that */
	int subscriber, monitor;

	(void)state;
	one_question(&subscriber, &monitor);
	core_says(&packet);
	assert_int_equal(end_of_worker(), 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, served_setup, served_teardown)
		T(an_answer_makes_its_way_and_everybody_hears_of_it),
		T(a_second_answer_is_told_of_the_first),
		T(an_answer_waits_for_the_end_of_the_one_before),
		T(who_waits_for_a_request_that_is_gone_is_told_so),
		T(an_answer_to_something_else_is_refused),
		T(an_answer_that_failed_can_be_tried_again),
		T(an_answer_may_have_a_scope),
		T(another_user_neither_sees_nor_answers),
		T(the_journal_is_asked_for_who_calls),
		T(a_page_of_the_journal_is_no_longer_than_a_client_takes),
		T(who_comes_and_goes_leaves_room_for_answers),
		T(who_answers_much_keeps_nobody_waiting),
		T(many_lists_leave_room_for_answers),
		T(a_client_that_reads_misses_nothing),
		T(a_client_that_does_not_read_gets_the_newest_and_the_number_lost),
		T(an_answer_with_a_nul_in_it_is_refused),
		T(a_replay_tells_every_open_request),
		T(a_refusal_of_an_unknown_guard_keeps_its_number),
		T(it_has_given_up_everything),
		T(it_ends_well_when_the_core_closes),
		T(it_ends_well_when_the_core_leaves_a_verdict_unread),
		T(it_ends_when_the_core_says_what_is_no_message),
	};

	return cmocka_run_group_tests_name("worker", tests, NULL, NULL);
}
