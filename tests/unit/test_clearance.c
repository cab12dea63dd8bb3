// SPDX-License-Identifier: Apache-2.0
/* test_clearance.c - tools/clearance_command.c, _plain.c, _session.c: lines, and a hub that goes and comes */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "fake_hub.h"

/* for what it keeps to itself; the rest is in libfaces */
#include "tools/clearance_plain.c"

static void parses(const char *line, enum command_verb verb, unsigned number, const char *scope,
		   int64_t seconds)
{
	struct problem why = {};
	struct command command = command_parse(line, &why);

	assert_int_equal(command.verb, verb);
	assert_string_equal(why.text, "");
	if (verb != COMMAND_ALLOW && verb != COMMAND_DENY)
		return;
	assert_int_equal(command.number, number);
	assert_string_equal(command.choice.scope ?: "none", scope ?: "none");
	assert_int_equal(command.choice.seconds, seconds);
}

static void is_bad(const char *line, const char *said)
{
	struct problem why = {};

	assert_int_equal(command_parse(line, &why).verb, COMMAND_BAD);
	assert_non_null(strstr(why.text, said));
	assert_int_equal(command_parse(line, NULL).verb, COMMAND_BAD);
}

static void an_answer_is_a_verb_a_number_and_maybe_a_scope(void **state)
{
	(void)state;
	parses("a 1", COMMAND_ALLOW, 1, NULL, 0);
	parses("d 4294967295", COMMAND_DENY, 4294967295, NULL, 0);
	parses("allow 12 once", COMMAND_ALLOW, 12, "once", 0);
	parses("deny 12 session", COMMAND_DENY, 12, "session", 0);
	parses("a 12 forever", COMMAND_ALLOW, 12, "forever", 0);
	parses("a 3 90", COMMAND_ALLOW, 3, "time", 90);
	parses("a 3 90s", COMMAND_ALLOW, 3, "time", 90);
	parses("a 3 10m", COMMAND_ALLOW, 3, "time", 600);
	parses("a 3 2h", COMMAND_ALLOW, 3, "time", 7200);
	parses("  A\t3   ONCE  ", COMMAND_ALLOW, 3, "once", 0);
	parses("Deny 007", COMMAND_DENY, 7, NULL, 0);
}

static void other_verbs_stand_alone(void **state)
{
	(void)state;
	parses("", COMMAND_NONE, 0, NULL, 0);
	parses(" \t ", COMMAND_NONE, 0, NULL, 0);
	parses("l", COMMAND_LIST, 0, NULL, 0);
	parses("list", COMMAND_LIST, 0, NULL, 0);
	parses("h", COMMAND_HELP, 0, NULL, 0);
	parses("?", COMMAND_HELP, 0, NULL, 0);
	parses("help", COMMAND_HELP, 0, NULL, 0);
	parses("q", COMMAND_QUIT, 0, NULL, 0);
	parses("quit", COMMAND_QUIT, 0, NULL, 0);
	parses("EXIT", COMMAND_QUIT, 0, NULL, 0);
	parses("g", COMMAND_GRANTS, 0, NULL, 0);
	parses("p", COMMAND_PAST, 0, NULL, 0);
	parses("History", COMMAND_PAST, 0, NULL, 0);
	assert_int_equal(command_parse("r 3", NULL).number, 3);
	is_bad("r", "which one?");
	is_bad("r x", "which one?");
	is_bad("r 0", "which one?");
	is_bad("r 1 2", "which one?");
	assert_string_equal(command_parse("l x.example", NULL).group, "x.example");
	is_bad("l x y", "nothing follows");
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
	is_bad("a 1,2", "which request?");
	is_bad("a any", "which request?");
	is_bad("a 1 for ever", "'ever' is none of");
	is_bad("a 1 ever", "'ever' is none of");
	is_bad("a 1 0s", "'0s' is none of");
	is_bad("a 1 367d", "'367d' is none of");
	is_bad("a 1 once more", "'more' is none of");
	is_bad("a 1 2 3", "one scope is enough");
	is_bad("a 1 once forever", "one scope is enough");
	is_bad("a 1 once name any any any", "too many words");
}

static void how_far_an_answer_reaches_may_follow(void **state)
{
	struct command command = command_parse("a 7 Children 15m ANY", NULL);

	(void)state;
	assert_int_equal(command.verb, COMMAND_ALLOW);
	assert_true(command.choice.allow);
	assert_string_equal(command.choice.reach, "children");
	assert_string_equal(command.choice.ports, "any");
	assert_string_equal(command.choice.scope, "time");
	assert_int_equal(command.choice.seconds, 900);
	command = command_parse("d 7", NULL);
	assert_false(command.choice.allow);
	assert_null(command.choice.reach);
	assert_null(command.choice.ports);
}

static void a_group_is_answered_by_its_name(void **state)
{
	struct command command = command_parse("d github.com once", NULL);

	(void)state;
	assert_int_equal(command.verb, COMMAND_DENY);
	assert_int_equal(command.number, 0);
	assert_string_equal(command.group, "github.com");
	assert_string_equal(command.choice.scope, "once");
	assert_string_equal(command_parse("a web-1", NULL).group, "web-1");
	is_bad("a .", "which request?");
	is_bad("a -x", "which request?");
}

static void a_number_too_long_for_any_request_is_not_cut_to_another(void **state)
{
	(void)state;
	is_bad("a 4294967297", "which request?"); /* 2^32 + 1 is not 1 */
	is_bad("a 18446744073709551617", "which request?");
	parses("a 0000000000000000000012", COMMAND_ALLOW, 12, NULL, 0);
}

static struct item example(void)
{
	struct item item = { .node.number = 3,
			     .state = ITEM_OPEN,
			     .count = 1,
			     .port = 443,
			     .pid = 4711,
			     .proto = 6 };

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
	char line[160];

	(void)state;
	for (int i = ITEM_OPEN; i <= ITEM_GONE; i++) {
		item.state = i;
		item.answer.uid = 1000;
		strcpy(item.answer.scope, "forever");
		strcpy(item.answer.client, "web");
		snprintf(
		    line, sizeof(line),
		    "[3] %s  192.0.2.1:443/tcp  box  curl[4711] /usr/bin/curl  (no rule allows it)%s",
		    state_words[i],
		    i == ITEM_ALLOWED || i == ITEM_DENIED ? "  for ever, by uid 1000 web" : "");
		shows(&item, line);
	}
	item = example();
	item.count = 4;
	item.proto = 132;
	shows(&item,
	      "[3] BLOCKED  192.0.2.1:443/132  box  curl[4711] /usr/bin/curl  (no rule allows it)"
	      "  4 times");
	strcpy(item.problem, "the table is full");
	shows(&item,
	      "[3] BLOCKED  192.0.2.1:443/132  box  curl[4711] /usr/bin/curl  (no rule allows it)"
	      "  4 times  failed: the table is full");
}

static void the_port_of_an_ipv6_address_is_not_part_of_it(void **state)
{
	struct item item = example();

	(void)state;
	strcpy(item.dest, "2001:db8::1");
	shows(
	    &item,
	    "[3] BLOCKED  [2001:db8::1]:443/tcp  box  curl[4711] /usr/bin/curl  (no rule allows it)");
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

static void nothing_unprintable_is_in_a_line(void **state)
{
	struct item item = example();

	(void)state;
	strcpy(item.exe, "/\033[2J\342\200\256\n\177");
	shows(&item,
	      "[3] BLOCKED  192.0.2.1:443/tcp  box  curl[4711] /?[2J?????  (no rule allows it)");
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

#define SOON (SECOND_NS / 20)

static struct timer break_off;
static struct fake_hub hub;
static struct session session;
static char notes[1024];
static unsigned changes;

static int break_over(struct timer *timer)
{
	(void)timer;
	return -ECANCELED;
}

static int never(struct timer *timer)
{
	(void)timer;
	return -ETIMEDOUT;
}

static void run_for(uint64_t ns)
{
	timer_arm(session.loop, &break_off, now_boot_ns() + ns, break_over);
	assert_int_equal(loop_run(session.loop), -ECANCELED);
}

static void on_change(struct item *item, bool fresh, void *user)
{
	(void)item;
	(void)fresh;
	(void)user;
	changes++;
}

static void on_said(const char *text, void *user)
{
	(void)user;
	snprintf(notes + strlen(notes), sizeof(notes) - strlen(notes), "%s;", text);
}

static int hub_setup(void **state)
{
	static const struct session_face quiet = { .item = on_change, .note = on_said };

	(void)state;
	memset(&session, 0, sizeof(session));
	notes[0] = '\0';
	changes = 0;
	if (!fake_hub_open(&hub) || loop_new(&session.loop))
		return -1;
	session.path = hub.path;
	session.reconnect = true;
	session.face = &quiet;
	if (session_start(&session, NULL) || !fake_hub_accept(&hub))
		return -1;
	fake_hub_stands(&hub);
	return 0;
}

static int hub_teardown(void **state)
{
	(void)state;
	session_stop(&session);
	timer_disarm(&break_off);
	loop_free(session.loop);
	fake_hub_close(&hub);
	return 0;
}

/* Until the hub hears a call with @text in it; it answers listings of guards meanwhile. */
static const char *hub_hears(const char *text)
{
	for (int i = 0; i < 200; i++) {
		const char *call = fake_hub_hear(&hub, 0);

		if (call && strstr(call, text))
			return call;
		if (call && strstr(call, ".ListGuards"))
			fake_hub_guards(&hub);
		run_for(SOON / 5);
	}
	return NULL;
}

static enum item_state state_of(const char *id)
{
	struct item *item = list_find_id(&session.list, id);

	assert_non_null(item);
	return item->state;
}

static const struct answer_choice allow = { .allow = true, .scope = "once" };

static int answers(const char *id)
{
	return session_answer(&session, list_find_id(&session.list, id), &allow);
}

static void a_hub_that_is_back_says_what_is_open(void **state)
{
	(void)state;
	fake_hub_request(&hub, "box:1", "box", "", "192.0.2.1", 1);
	fake_hub_request(&hub, "box:2", "box", "", "192.0.2.2", 1);
	assert_non_null(hub_hears(".ListGuards"));
	fake_hub_guards(&hub);
	run_for(SOON);
	assert_int_equal(session.list.open, 2);
	/* the answer to the first dies with the hub; the second is answered by somebody else */
	assert_int_equal(answers("box:1"), 0);
	assert_int_equal(answers("box:1"), -EALREADY);
	fake_hub_leave(&hub);
	run_for(SOON);
	assert_int_equal(answers("box:2"), -ENOTCONN);
	run_for(SECOND_NS * 11 / 10);
	assert_true(fake_hub_accept(&hub));
	fake_hub_stands(&hub);
	fake_hub_request(&hub, "box:1", "box", "", "192.0.2.1", 1);
	assert_non_null(hub_hears(".ListGuards"));
	run_for(SOON);
	/* what was not told may still be on its way */
	assert_int_equal(state_of("box:2"), ITEM_OPEN);
	assert_true(list_find_id(&session.list, "box:2")->unsure);
	fake_hub_guards(&hub);
	run_for(SOON);
	assert_int_equal(state_of("box:1"), ITEM_OPEN);
	assert_non_null(strstr(list_find_id(&session.list, "box:1")->problem, "went away"));
	assert_int_equal(state_of("box:2"), ITEM_GONE);
	assert_int_equal(answers("box:1"), 0);
	assert_string_equal(notes, "the hub went away; trying again;the hub is back;");
}

static void a_failed_answer_can_be_given_again(void **state)
{
	(void)state;
	fake_hub_request(&hub, "box:1", "box", "", "192.0.2.1", 1);
	run_for(SOON);
	assert_int_equal(answers("box:1"), 0);
	assert_non_null(hub_hears(".Answer"));
	fake_hub_event(&hub, "\"type\":\"verdict\",\"request_id\":\"box:1\",\"action\":\"allow\","
			     "\"ok\":false,\"problem\":\"the table is full\"");
	fake_hub_reply(&hub, "{\"error\":\"org.terok.Firewall1.NotApplied\",\"parameters\":"
			     "{\"request_id\":\"box:1\",\"reason\":\"the table is full\"}}");
	run_for(SOON);
	assert_int_equal(state_of("box:1"), ITEM_OPEN);
	assert_string_equal(list_find_id(&session.list, "box:1")->problem, "the table is full");
	assert_int_equal(answers("box:1"), 0);
	assert_string_equal(list_find_id(&session.list, "box:1")->problem, "");
	assert_non_null(hub_hears(".Answer"));
	fake_hub_event(&hub, "\"type\":\"verdict\",\"request_id\":\"box:1\",\"action\":\"allow\","
			     "\"scope\":\"once\",\"ok\":true,\"uid\":1001");
	run_for(SOON);
	assert_int_equal(state_of("box:1"), ITEM_ALLOWED);
	assert_int_equal(list_find_id(&session.list, "box:1")->answer.uid, 1001);
}

static void an_answer_to_what_nobody_waits_for_says_so(void **state)
{
	(void)state;
	fake_hub_request(&hub, "box:1", "box", "", "192.0.2.1", 1);
	run_for(SOON);
	assert_int_equal(answers("box:1"), 0);
	assert_non_null(hub_hears(".Answer"));
	fake_hub_reply(&hub, "{\"error\":\"org.terok.Firewall1.UnknownRequest\",\"parameters\":"
			     "{\"request_id\":\"box:1\"}}");
	run_for(SOON);
	assert_int_equal(state_of("box:1"), ITEM_GONE);
	assert_true(*list_find_id(&session.list, "box:1")->problem);
}

/* Its verdict may be told on the other connection before, or after. */
static void who_was_first_is_how_it_was_answered(void **state)
{
	struct item *item;

	(void)state;
	for (int i = 0; i < 2; i++) {
		fake_hub_request(&hub, i ? "box:2" : "box:1", "box", "", "192.0.2.1", 1);
		run_for(SOON);
		item = list_find_id(&session.list, i ? "box:2" : "box:1");
		assert_int_equal(answers(item->request_id), 0);
		assert_non_null(hub_hears(".Answer"));
		if (i) {
			fake_hub_event(&hub, "\"type\":\"verdict\",\"request_id\":\"box:2\","
					     "\"action\":\"deny\",\"scope\":\"forever\",\"ok\":"
					     "true,\"uid\":1001");
			run_for(SOON);
			assert_int_equal(item->state, ITEM_DENIED);
		}
		fake_hub_reply(
		    &hub, "{\"error\":\"org.terok.Firewall1.AlreadyAnswered\",\"parameters\":"
			  "{\"request_id\":\"box:1\",\"action\":\"deny\",\"scope\":\"forever\","
			  "\"until_ns\":0,\"uid\":1001,\"client\":\"terok-web\",\"ok\":true}}");
		run_for(SOON);
		assert_int_equal(item->state, ITEM_DENIED);
		assert_string_equal(item->answer.scope, "forever");
		assert_string_equal(item->answer.client, "terok-web");
		assert_int_equal(item->answer.uid, 1001);
		assert_non_null(strstr(item->problem, "answered it already"));
	}
}

static void an_answer_says_the_rule_that_it_made(void **state)
{
	struct item *item;

	(void)state;
	fake_hub_request(&hub, "box:1", "box", "", "192.0.2.1", 1);
	run_for(SOON);
	item = list_find_id(&session.list, "box:1");
	assert_int_equal(answers("box:1"), 0);
	assert_non_null(hub_hears(".Answer"));
	fake_hub_reply(&hub, "{\"parameters\":{\"until_ns\":7,\"rule\":\"allow 192.0.2.1\"}}");
	run_for(SOON);
	assert_string_equal(item->answer.rule, "allow 192.0.2.1");
	fake_hub_event(&hub, "\"type\":\"verdict\",\"request_id\":\"box:1\",\"action\":\"allow\","
			     "\"scope\":\"once\",\"ok\":true,\"uid\":0");
	run_for(SOON);
	assert_int_equal(item->state, ITEM_ALLOWED);
	assert_string_equal(item->answer.rule, "allow 192.0.2.1");
}

static void who_asks_by_whom_and_which_rule_are_kept(void **state)
{
	struct item *item;

	(void)state;
	fake_hub_event(&hub,
		       "\"type\":\"request\",\"request_id\":\"box:1\",\"guard\":1,\"name\":"
		       "\"box\",\"dest\":\"192.0.2.1\",\"rule\":\"deny 192.0.2.0/24\",\"parents\":"
		       "[\"bash\",\"node\",\"conmon\"],\"process\":{\"comm\":\"curl\"}");
	run_for(SOON);
	item = list_find_id(&session.list, "box:1");
	assert_string_equal(item->rule, "deny 192.0.2.0/24");
	assert_string_equal(item->parents, "bash < node < conmon");
	fake_hub_event(&hub, "\"type\":\"verdict\",\"request_id\":\"box:1\",\"action\":\"deny\","
			     "\"scope\":\"once\",\"ok\":true,\"uid\":7,\"client\":\"terok-web\","
			     "\"rule\":\"deny 192.0.2.1\"");
	run_for(SOON);
	assert_string_equal(item->answer.client, "terok-web");
	assert_string_equal(item->answer.rule, "deny 192.0.2.1");
}

static void a_container_that_ends_takes_its_requests_with_it(void **state)
{
	(void)state;
	fake_hub_request(&hub, "a:1", "abox", "", "192.0.2.1", 1);
	fake_hub_request(&hub, "b:1", "bbox", "", "192.0.2.1", 1);
	fake_hub_request(&hub, "c:1", "cbox", "", "192.0.2.1", 1);
	fake_hub_event(&hub,
		       "\"type\":\"guard_detached\",\"guard\":%d,\"name\":\"abox\","
		       "\"reason\":\"cgroup removed\"",
		       'a');
	fake_hub_event(&hub,
		       "\"type\":\"guard_state\",\"guard\":%d,\"name\":\"bbox\","
		       "\"state\":\"down\"",
		       'b');
	run_for(SOON);
	assert_int_equal(state_of("a:1"), ITEM_GONE);
	assert_int_equal(state_of("b:1"), ITEM_GONE);
	assert_int_equal(state_of("c:1"), ITEM_OPEN);
	assert_int_equal(answers("a:1"), -EALREADY);
	fake_hub_event(&hub, "\"type\":\"expired\",\"request_id\":\"c:1\"");
	run_for(SOON);
	assert_int_equal(state_of("c:1"), ITEM_GONE);
}

/* More than are sent at once: each is sent once, in order, and only while it waits for it. */
static void many_answers_go_one_behind_the_other(void **state)
{
	char id[16];

	(void)state;
	for (int i = 0; i < 1000; i++) {
		snprintf(id, sizeof(id), "box:%d", i);
		fake_hub_request(&hub, id, "box", "", "192.0.2.1", 1);
		if (i % 100 == 0)
			run_for(SOON / 10);
	}
	run_for(SOON);
	assert_int_equal(session.list.open, 1000);
	for (int i = 0; i < 1000; i++) {
		snprintf(id, sizeof(id), "box:%d", i);
		assert_int_equal(answers(id), 0);
	}
	/* somebody else is faster with one that has not been sent */
	fake_hub_event(&hub, "\"type\":\"verdict\",\"request_id\":\"box:500\",\"action\":\"deny\","
			     "\"ok\":true");
	run_for(SOON);
	for (int i = 0; i < 1000; i++) {
		char want[32];
		const char *call;

		if (i == 500)
			continue;
		call = hub_hears(".Answer");
		snprintf(want, sizeof(want), "\"box:%d\"", i);
		assert_non_null(call);
		assert_non_null(strstr(call, want));
		fake_hub_reply(&hub, "{\"parameters\":{\"until_ns\":0}}");
		if (i % 32 == 0)
			run_for(SOON / 10);
	}
	run_for(SOON);
	assert_null(fake_hub_hear(&hub, 0));
}

/* A hub that was too fast: what we show may be over, so it is asked anew. */
static void what_was_missed_is_asked_for_again(void **state)
{
	static const char lost[] = "{\"continues\":true,\"parameters\":{\"lost\":3,\"event\":{"
				   "\"type\":\"refused\"}}}";

	(void)state;
	fake_hub_request(&hub, "box:1", "box", "", "192.0.2.1", 1);
	assert_non_null(hub_hears(".ListGuards"));
	fake_hub_guards(&hub);
	session.connected_ns = 0; /* long ago */
	fake_hub_stream(&hub, lost, sizeof(lost));
	run_for(SOON);
	assert_int_equal(session.lost, 3);
	fake_hub_leave(&hub);
	assert_true(fake_hub_accept(&hub));
	fake_hub_stands(&hub);
	assert_non_null(hub_hears(".ListGuards"));
	fake_hub_guards(&hub);
	run_for(SOON);
	assert_int_equal(state_of("box:1"), ITEM_GONE);
	assert_int_equal(session.lost, 3);
}

static void lines_that_nobody_reads_end_it(void **state)
{
	static struct plain plain;
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
	timer_arm(plain.session.loop, &break_off, now_boot_ns() + SECOND_NS, never);
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
		cmocka_unit_test(how_far_an_answer_reaches_may_follow),
		cmocka_unit_test(a_group_is_answered_by_its_name),
		cmocka_unit_test(nothing_unprintable_is_in_a_line),
#define hub_test(t) cmocka_unit_test_setup_teardown(t, hub_setup, hub_teardown)
		hub_test(a_hub_that_is_back_says_what_is_open),
		hub_test(a_failed_answer_can_be_given_again),
		hub_test(an_answer_to_what_nobody_waits_for_says_so),
		hub_test(who_was_first_is_how_it_was_answered),
		hub_test(an_answer_says_the_rule_that_it_made),
		hub_test(who_asks_by_whom_and_which_rule_are_kept),
		hub_test(a_container_that_ends_takes_its_requests_with_it),
		hub_test(many_answers_go_one_behind_the_other),
		hub_test(what_was_missed_is_asked_for_again),
		cmocka_unit_test(lines_that_nobody_reads_end_it),
	};

	return cmocka_run_group_tests_name("clearance", tests, NULL, NULL);
}
