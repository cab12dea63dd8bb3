// SPDX-License-Identifier: Apache-2.0
/* test_clearance.c - tools/clearance_plain.c: lines as typed, items as lines */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <cmocka.h>

#include "base/sock.h"

/* a program's own sources are in no archive */
#include "tools/clearance_plain.c"
#include "tools/clearance_session.c"

static void parses(const char *line, enum plain_verb verb, unsigned number, const char *scope,
		   int64_t seconds)
{
	struct problem why = {};
	struct plain_command command = plain_parse(line, &why);

	assert_int_equal(command.verb, verb);
	assert_string_equal(why.text, "");
	if (verb != PLAIN_ALLOW && verb != PLAIN_DENY)
		return;
	assert_int_equal(command.number, number);
	assert_string_equal(command.scope.scope, scope);
	assert_int_equal(command.scope.seconds, seconds);
}

static void is_bad(const char *line, const char *said)
{
	struct problem why = {};

	assert_int_equal(plain_parse(line, &why).verb, PLAIN_BAD);
	assert_non_null(strstr(why.text, said));
	assert_int_equal(plain_parse(line, NULL).verb, PLAIN_BAD);
}

static void an_answer_is_a_verb_a_number_and_maybe_a_scope(void **state)
{
	(void)state;
	parses("a 1", PLAIN_ALLOW, 1, "session", 0);
	parses("d 4294967295", PLAIN_DENY, 4294967295, "session", 0);
	parses("allow 12 once", PLAIN_ALLOW, 12, "once", 0);
	parses("deny 12 session", PLAIN_DENY, 12, "session", 0);
	parses("a 12 forever", PLAIN_ALLOW, 12, "forever", 0);
	parses("a 3 90", PLAIN_ALLOW, 3, "time", 90);
	parses("a 3 90s", PLAIN_ALLOW, 3, "time", 90);
	parses("a 3 10m", PLAIN_ALLOW, 3, "time", 600);
	parses("a 3 2h", PLAIN_ALLOW, 3, "time", 7200);
	parses("  A\t3   ONCE  ", PLAIN_ALLOW, 3, "once", 0);
	parses("Deny 007", PLAIN_DENY, 7, "session", 0);
}

static void other_verbs_stand_alone(void **state)
{
	(void)state;
	parses("", PLAIN_NONE, 0, NULL, 0);
	parses(" \t ", PLAIN_NONE, 0, NULL, 0);
	parses("l", PLAIN_LIST, 0, NULL, 0);
	parses("list", PLAIN_LIST, 0, NULL, 0);
	parses("h", PLAIN_HELP, 0, NULL, 0);
	parses("?", PLAIN_HELP, 0, NULL, 0);
	parses("help", PLAIN_HELP, 0, NULL, 0);
	parses("q", PLAIN_QUIT, 0, NULL, 0);
	parses("quit", PLAIN_QUIT, 0, NULL, 0);
	parses("EXIT", PLAIN_QUIT, 0, NULL, 0);
	is_bad("l 1", "nothing follows");
	is_bad("q now", "nothing follows");
}

static void what_is_no_command_answers_nothing(void **state)
{
	(void)state;
	is_bad("x", "no such command");
	is_bad("a1", "no such command");
	is_bad("allowed 1", "no such command");
	is_bad("a", "which request?");
	is_bad("a once", "which request?");
	is_bad("a 0", "which request?");
	is_bad("a -1", "which request?");
	is_bad("a +1", "which request?");
	is_bad("a 1x", "which request?");
	is_bad("a 1,2", "which request?");
	is_bad("a 1 for ever", "one scope");
	is_bad("a 1 ever", "scope 'ever'");
	is_bad("a 1 0s", "scope '0s'");
	is_bad("a 1 367d", "scope '367d'");
	is_bad("a 1 once more", "one scope");
	is_bad("a 1 2 3", "one scope");
}

static void a_number_too_long_for_any_request_is_not_cut_to_another(void **state)
{
	(void)state;
	is_bad("a 4294967297", "which request?"); /* 2^32 + 1 is not 1 */
	is_bad("a 18446744073709551617", "which request?");
	parses("a 0000000000000000000012", PLAIN_ALLOW, 12, "session", 0);
}

static struct item example(void)
{
	struct item item = {
		.number = 3, .state = ITEM_OPEN, .count = 1, .port = 443, .pid = 4711, .proto = 6
	};

	strcpy(item.dest, "192.0.2.1");
	strcpy(item.name, "box");
	strcpy(item.comm, "curl");
	strcpy(item.exe, "/usr/bin/curl");
	strcpy(item.reason, "default");
	return item;
}

static void shows(const struct item *item, const char *line)
{
	char buf[640];

	assert_ptr_equal(plain_format(buf, sizeof(buf), item), buf);
	assert_string_equal(buf, line);
}

static void an_item_is_one_line(void **state)
{
	static const char *const state_words[] = { "BLOCKED", "answered", "allowed", "denied",
						   "gone" };
	struct item item = example();
	char line[128];

	(void)state;
	for (int i = ITEM_OPEN; i <= ITEM_GONE; i++) {
		item.state = i;
		snprintf(line, sizeof(line),
			 "[3] %s  192.0.2.1:443/tcp  box  curl[4711] /usr/bin/curl  (default)",
			 state_words[i]);
		shows(&item, line);
	}
	item = example();
	item.count = 4;
	item.proto = 132;
	shows(&item, "[3] BLOCKED  192.0.2.1:443/132  box  curl[4711] /usr/bin/curl  (default)"
		     "  4 times");
	strcpy(item.problem, "the table is full");
	shows(&item, "[3] BLOCKED  192.0.2.1:443/132  box  curl[4711] /usr/bin/curl  (default)"
		     "  4 times  failed: the table is full");
}

static void the_port_of_an_ipv6_address_is_not_part_of_it(void **state)
{
	struct item item = example();

	(void)state;
	strcpy(item.dest, "2001:db8::1");
	shows(&item,
	      "[3] BLOCKED  [2001:db8::1]:443/tcp  box  curl[4711] /usr/bin/curl  (default)");
}

static void a_name_has_no_port(void **state)
{
	struct item item = example();

	(void)state;
	item.port = item.proto = 0;
	memset(item.dest, 'a', 253);
	item.dest[253] = '\0';
	strcpy(item.reason, "name_deny");
	assert_non_null(strstr(plain_format((char[1024]){ "" }, 1024, &item), "aaa  box  curl["));
}

static void a_line_that_is_too_long_is_cut(void **state)
{
	struct item item = example();
	char buf[17] = "################";

	(void)state;
	assert_string_equal(plain_format(buf, 16, &item), "[3] BLOCKED  19");
	assert_int_equal(buf[16], '\0');
}

/* --- a hub that goes away and comes back ---------------------------------------------- */

#define STANDS "{\"continues\":true,\"parameters\":{\"lost\":0}}"
#define REQUEST(id)                                                                                \
	"{\"continues\":true,\"parameters\":{\"lost\":0,\"event\":{\"type\":\"request\","          \
	"\"request_id\":\"" id "\",\"guard\":1,\"dest\":\"192.0.2.1\",\"port\":443}}}"

static struct timer break_off;
static int hub_fd, hub_end[2];

static int break_over(struct timer *timer)
{
	(void)timer;
	return -ECANCELED;
}

static void run_for(struct session *session, uint64_t ns)
{
	timer_arm(session->loop, &break_off, now_boot_ns() + ns, break_over);
	assert_int_equal(loop_run(session->loop), -ECANCELED);
}

static void hub_accepts(const char *const frames[])
{
	for (int i = 0; i < 2; i++) {
		hub_end[i] = accept(hub_fd, NULL, NULL);
		assert_true(hub_end[i] >= 0);
	}
	for (; *frames; frames++)
		assert_true(send(hub_end[0], *frames, strlen(*frames) + 1, MSG_NOSIGNAL) > 0);
}

static void hub_goes(void)
{
	close(hub_end[0]);
	close(hub_end[1]);
}

static void seen(struct item *item, bool fresh, void *user)
{
	(void)item;
	(void)fresh;
	(void)user;
}

static void a_hub_that_is_back_says_what_is_open(void **state)
{
	static const struct session_face quiet = { .item = seen };
	char folder[] = "/tmp/test_clearance.XXXXXX", path[64];
	struct session session = { .path = path, .reconnect = true, .face = &quiet };

	(void)state;
	assert_non_null(mkdtemp(folder));
	snprintf(path, sizeof(path), "%s/sock", folder);
	assert_int_equal(sock_listen(path, 0600, &hub_fd, NULL), 0);
	assert_int_equal(loop_new(&session.loop), 0);
	assert_int_equal(session_start(&session, NULL), 0);
	hub_accepts((const char *[]){ STANDS, REQUEST("box:1"), REQUEST("box:2"), NULL });
	run_for(&session, SECOND_NS / 5);
	assert_int_equal(session.n, 2);
	/* the answer to the first dies with the hub; the second is answered by somebody else */
	assert_int_equal(session_answer(&session, session.items[0], true, scope_choices), 0);
	hub_goes();
	run_for(&session, SECOND_NS * 3 / 2);
	hub_accepts((const char *[]){ STANDS, REQUEST("box:1"), NULL });
	run_for(&session, SECOND_NS / 5);
	assert_int_equal(session.n, 2);
	assert_int_equal(session.items[0]->state, ITEM_OPEN);
	assert_int_equal(session.items[1]->state, ITEM_GONE);
	assert_int_equal(session_answer(&session, session.items[0], true, scope_choices), 0);
	hub_goes();
	session_stop(&session);
	timer_disarm(&break_off);
	loop_free(session.loop);
	close(hub_fd);
	unlink(path);
	rmdir(folder);
}

static void lines_that_nobody_reads_end_it(void **state)
{
	struct plain plain = {};
	int out = dup(1), pair[2];

	(void)state;
	signal(SIGPIPE, SIG_IGN);
	fflush(stdout);
	assert_int_equal(pipe(pair), 0);
	assert_int_equal(loop_new(&plain.session.loop), 0);
	close(pair[0]);
	assert_int_equal(dup2(pair[1], 1), 1);
	on_note("the hub is back", &plain);
	assert_int_equal(dup2(out, 1), 1);
	timer_arm(plain.session.loop, &break_off, now_boot_ns() + SECOND_NS / 10, break_over);
	assert_int_equal(loop_run(plain.session.loop), 0);
	timer_disarm(&break_off);
	loop_free(plain.session.loop);
	close(pair[1]);
	close(out);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_answer_is_a_verb_a_number_and_maybe_a_scope),
		cmocka_unit_test(other_verbs_stand_alone),
		cmocka_unit_test(what_is_no_command_answers_nothing),
		cmocka_unit_test(a_number_too_long_for_any_request_is_not_cut_to_another),
		cmocka_unit_test(an_item_is_one_line),
		cmocka_unit_test(the_port_of_an_ipv6_address_is_not_part_of_it),
		cmocka_unit_test(a_name_has_no_port),
		cmocka_unit_test(a_line_that_is_too_long_is_cut),
		cmocka_unit_test(a_hub_that_is_back_says_what_is_open),
		cmocka_unit_test(lines_that_nobody_reads_end_it),
	};

	return cmocka_run_group_tests_name("clearance", tests, NULL, NULL);
}
