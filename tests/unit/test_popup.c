// SPDX-License-Identifier: Apache-2.0
/* test_popup.c - tools/clearance_popup.c: what happens becomes what is shown */
#include "popup_ends.h"

/* --- one that is blocked ---------------------------------------------------------------- */

static void a_first_block_is_a_popup_that_stays_and_can_be_clicked(void **state)
{
	(void)state;
	blocks("box:1", "192.0.2.1", "", 443);
	assert_int_equal(n_sent, 1);
	said("Blocked: 192.0.2.1:443", "Container: box\nProtocol: TCP");
	assert_true(sent[0].actions && sent[0].resident && !sent[0].transient);
	assert_int_equal(sent[0].urgency, URGENCY_CRITICAL);
	assert_int_equal(sent[0].timeout_ms, 0);
	assert_int_equal(sent[0].replaces, 0);
	assert_int_equal(popups.n_waiting, 1);
	assert_string_equal(popup_actions[0], "allow");
	assert_string_equal(popup_actions[1], "Allow");
	assert_string_equal(popup_actions[2], "deny");
	assert_string_equal(popup_actions[3], "Deny");
}

static void the_name_is_what_is_shown_where_there_is_one(void **state)
{
	(void)state;
	blocks("box:1", "192.0.2.1", "example.com", 443);
	said("Blocked: example.com:443", "Container: box\nProtocol: TCP");
	shows();
	blocks("box:2", "2001:db8::1", "", 53);
	said("Blocked: [2001:db8::1]:53", "Container: box\nProtocol: TCP");
}

static void the_body_says_protocol_process_and_how_to_answer_without_buttons(void **state)
{
	struct terok_event event = event_of("request");

	(void)state;
	event.request_id = "box:1";
	event.dest = event.domain = "example.com"; /* a name that was refused: no port yet */
	event.process.exe = "/usr/bin/curl";
	event.process.pid = 4711;
	popups_event(&popups, &event);
	said("Blocked: example.com", "Container: box\nProcess: /usr/bin/curl[4711]");
	event.request_id = "box:2";
	event.dest = "192.0.2.1";
	event.domain = "";
	event.port = 9;
	event.proto = 17;
	popups_event(&popups, &event);
	said("Blocked: 192.0.2.1:9", "Container: box\nProtocol: UDP\nProcess: /usr/bin/curl[4711]");
	popups_ready(&popups, false);
	event.request_id = "box:3";
	event.dest = "192.0.2.2";
	event.proto = 132;
	popups_event(&popups, &event);
	said("Blocked: 192.0.2.2:9", "Container: box\nProtocol: 132\nProcess: /usr/bin/curl[4711]\n"
				     "terok-clearance answer box:3 allow|deny");
}

static void the_body_says_who_started_it_and_which_rule_stood_in_the_way(void **state)
{
	struct terok_event event = event_of("request");

	(void)state;
	event.request_id = "box:1";
	event.dest = "192.0.2.1";
	event.port = 443;
	event.proto = 6;
	event.process.comm = "curl";
	event.process.pid = 4711;
	event.parent[0] = "bash";
	event.parent[1] = "node";
	event.parents = 2;
	event.rule = "deny example.com";
	popups_event(&popups, &event);
	said("Blocked: 192.0.2.1:443", "Container: box\nProtocol: TCP\nProcess: curl[4711]\n"
				       "Started by: bash, node\nRule: deny example.com");
}

static void as_many_ancestors_are_said_as_have_room(void **state)
{
	struct terok_event event = event_of("request");

	(void)state;
	event.request_id = "box:1";
	event.dest = "192.0.2.1";
	event.process.comm = "curl";
	for (event.parents = 0; event.parents < TEROK_PARENTS; event.parents++)
		event.parent[event.parents] = "a name that nobody's process could have";
	popups_event(&popups, &event);
	assert_int_equal(strlen(popups.first->parents), sizeof(popups.first->parents) - 1);
}

static void an_empty_target_is_left_out(void **state)
{
	(void)state;
	blocks("box:1", "", "", 443);
	blocks("", "192.0.2.1", "", 443);
	assert_int_equal(n_sent, 0);
	assert_int_equal(popups.n_waiting, 0);
}

static void a_repeat_is_the_same_popup_with_its_count_and_the_newest_request(void **state)
{
	char body[128], at[16];
	uint32_t id;

	(void)state;
	blocks("box:1", "192.0.2.1", "example.com", 443);
	id = shows();
	quiet_is_over();
	blocks("box:2", "192.0.2.9", "example.com", 80); /* neither address nor port count */
	assert_int_equal(n_sent, 2);
	assert_int_equal(sent[1].replaces, id);
	strftime(at, sizeof(at), "%H:%M:%S", localtime(&popups.first->since));
	snprintf(body, sizeof(body), "Container: box\nProtocol: TCP\nBlocked 2 times since %s", at);
	said("Blocked: example.com:80", body);
	assert_int_equal(popups.n_waiting, 1);
	shows();
	popups_action(&popups, id, "deny");
	assert_string_equal(answered, "box:2 deny session");
	decides("box:1", "allow", true, ""); /* the old one is forgotten */
	assert_int_equal(n_sent, 2);
	decides("box:2", "deny", true, "");
	said("Denied: example.com", "Container: box");
	shows();
}

static void a_count_that_grows_is_shown_once_a_second_and_never_twice_at_once(void **state)
{
	struct terok_event event = event_of("request");

	(void)state;
	event.request_id = "box:1";
	event.dest = "192.0.2.1";
	for (event.count = 1; event.count <= 50; event.count++)
		popups_event(&popups, &event);
	assert_int_equal(n_sent, 1); /* its name is not known yet */
	shows();
	assert_int_equal(n_sent, 1); /* and a moment ago */
	quiet_is_over();
	assert_int_equal(n_sent, 2);
	assert_non_null(strstr(sent[1].body, "Blocked 50 times since "));
	assert_int_equal(sent[1].replaces, 1);
	shows();
	event.count = 50; /* told again, as by a hub that is back */
	popups_event(&popups, &event);
	quiet_is_over();
	assert_int_equal(n_sent, 2);
}

static void other_targets_and_other_containers_are_other_popups(void **state)
{
	struct terok_event event = event_of("request");

	(void)state;
	blocks("box:1", "192.0.2.1", "", 443);
	blocks("box:2", "192.0.2.2", "", 443);
	event.request_id = "bag:3";
	event.dest = "192.0.2.1";
	event.container = "ba9876543210";
	event.guard = 2;
	popups_event(&popups, &event);
	assert_int_equal(n_sent, 3);
	assert_int_equal(popups.n_waiting, 3);
}

/* --- clicks and outcomes ----------------------------------------------------------------- */

static void a_click_answers_with_the_scope_of_its_button(void **state)
{
	static const struct {
		const char *key, *answer;
	} clicks[] = {
		{ "allow", "box:1 allow session" },
		{ "deny", "box:1 deny session" },
		{ "allow-once", "box:1 allow once" },
		{ "allow-forever", "box:1 allow forever" },
	};
	uint32_t id;

	(void)state;
	blocks("box:1", "192.0.2.1", "", 443);
	id = shows();
	for (unsigned i = 0; i < 4; i++) {
		popups_action(&popups, id, clicks[i].key);
		assert_string_equal(answered, clicks[i].answer);
		popups_action(&popups, id, "allow"); /* one at a time */
		assert_int_equal(n_answers, i + 1);
		popups_hub_lost(&popups);
	}
	popups_action(&popups, id, "accept");
	popups_action(&popups, id, "");
	popups_action(&popups, id + 1, "allow");
	popups_action(&popups, 0, "allow");
	assert_int_equal(n_answers, 4);
}

static void an_answer_that_holds_replaces_the_question(void **state)
{
	uint32_t id;

	(void)state;
	blocks("box:1", "192.0.2.1", "example.com", 443);
	id = shows();
	decides("box:1", "allow", true, "");
	said("Allowed: example.com", "Container: box");
	assert_int_equal(sent[1].replaces, id);
	assert_true(!sent[1].actions && !sent[1].resident && sent[1].transient);
	assert_int_equal(sent[1].urgency, URGENCY_NORMAL);
	assert_int_equal(sent[1].timeout_ms, -1);
	assert_int_equal(popups.n_waiting, 0);
	shows();
	assert_null(popups.first);
	popups_action(&popups, id, "allow");
	assert_int_equal(n_answers, 0);
}

static void an_answer_that_failed_says_why_and_can_be_tried_again(void **state)
{
	uint32_t id, again;

	(void)state;
	blocks("box:1", "192.0.2.1", "", 443);
	id = shows();
	popups_action(&popups, id, "deny");
	decides("box:1", "deny", false, "the rule table is full");
	assert_int_equal(n_sent, 3);
	assert_string_equal(sent[1].summary, "Deny failed: 192.0.2.1");
	assert_string_equal(sent[1].body, "Container: box\nthe rule table is full");
	assert_int_equal(sent[1].replaces, id);
	assert_int_equal(sent[1].urgency, URGENCY_CRITICAL);
	assert_true(!sent[1].actions && !sent[1].transient);
	popups_sent(&popups, sent[1].call, id);
	said("Blocked: 192.0.2.1:443", "Container: box\nProtocol: TCP");
	again = shows();
	assert_int_not_equal(again, id);
	popups_answered(&popups, "org.terok.Firewall1.NotApplied", "full", cookie);
	assert_int_equal(n_sent, 3);
	popups_action(&popups, again, "allow");
	assert_int_equal(n_answers, 2);
	decides("box:1", "allow", true, "");
	said("Allowed: 192.0.2.1", "Container: box");
	shows();
	assert_null(popups.first);
}

static void a_failure_is_told_once_whoever_tells_it_first(void **state)
{
	uint64_t first;
	uint32_t id;

	(void)state;
	blocks("box:1", "192.0.2.1", "", 443);
	id = shows();
	popups_action(&popups, id, "deny");
	first = cookie;
	popups_answered(&popups, "org.terok.Firewall1.NotApplied", "full", cookie);
	assert_int_equal(n_sent, 3);
	assert_string_equal(sent[1].summary, "Deny failed: 192.0.2.1");
	assert_string_equal(sent[1].body, "Container: box\nfull");
	popups_sent(&popups, sent[1].call, id);
	id = shows();
	decides("box:1", "deny", false, "full");
	assert_int_equal(n_sent, 3);
	/* another's is told */
	decides("box:1", "allow", false, "full");
	assert_int_equal(n_sent, 5);
	popups_sent(&popups, sent[3].call, id);
	id = shows();
	/* the reply to an answer before this one */
	popups_action(&popups, id, "allow");
	popups_answered(&popups, "org.terok.Firewall1.NotApplied", "full", first);
	assert_int_equal(n_sent, 5);
}

/* A hub of a session, which has no guards: what carries its answers out knows no other. */
static void what_a_shield_asks_is_answered_for_ever(void **state)
{
	uint32_t id;

	(void)state;
	blocks_in(0, "box", "box:1", "192.0.2.1");
	id = shows();
	assert_int_equal(sent[0].n_actions, 4);
	popups_action(&popups, id, "allow-once");
	assert_int_equal(n_answers, 0);
	popups_action(&popups, id, "deny");
	assert_string_equal(answered, "box:1 deny forever");
	popups_ready(&popups, false);
	blocks_in(0, "box", "box:2", "192.0.2.2");
	said("Blocked: 192.0.2.2:443", "Container: box\nProtocol: TCP\n"
				       "terok-clearance answer box:2 allow|deny --scope forever");
	blocks_in(1, "box", "box:3", "192.0.2.3");
	assert_int_equal(sent[n_sent - 1].n_actions, 8);
}

static void a_newer_request_can_be_answered_while_the_older_is(void **state)
{
	uint32_t id;

	(void)state;
	blocks("box:1", "192.0.2.1", "", 443);
	id = shows();
	popups_action(&popups, id, "allow");
	blocks("box:2", "192.0.2.1", "", 80);
	popups_action(&popups, id, "deny");
	assert_string_equal(answered, "box:2 deny session");
}

static void an_answer_that_is_refused_is_told(void **state)
{
	uint32_t id;

	(void)state;
	blocks("box:1", "192.0.2.1", "", 443);
	id = shows();
	popups_action(&popups, id, "allow");
	popups_answered(&popups, "org.terok.Firewall1.UnknownRequest",
			"nobody waits for that answer (any more)", cookie);
	assert_int_equal(n_sent, 2);
	said("Allow failed: 192.0.2.1", "Container: box\nnobody waits for that answer (any more)");
	assert_int_equal(popups.n_waiting, 0);
	shows();

	blocks("box:2", "192.0.2.2", "", 443);
	id = shows();
	answer_result = -ENOTCONN;
	popups_action(&popups, id, "allow");
	assert_string_equal(sent[3].body, "Container: box\nthe hub is away");
	assert_int_equal(popups.n_waiting, 1);
	popups_sent(&popups, sent[3].call, id);
	shows();
	/* an error of nobody's */
	popups_answered(&popups, "org.terok.Firewall1.UnknownRequest", "", 4711);
	popups_answered(&popups, NULL, "", cookie);
	assert_int_equal(popups.n_waiting, 1);
}

static void a_click_behind_somebody_elses_answer_shows_that_one(void **state)
{
	const struct terok_outcome first = { .already = true,
					     .uid = getuid() + 1,
					     .action = "deny",
					     .scope = "forever",
					     .client = "web",
					     .rule = "" };
	const struct terok_outcome own = { .action = "", .scope = "", .client = "", .rule = "" };
	char body[64];
	uint32_t id;

	(void)state;
	blocks("box:1", "192.0.2.1", "", 443);
	id = shows();
	popups_action(&popups, id, "allow");
	popups_outcome(&popups, &own, cookie);
	popups_outcome(&popups, &first, 4711);
	assert_int_equal(n_sent, 1);
	popups_outcome(&popups, &first, cookie);
	popups_answered(&popups, "org.terok.Firewall1.AlreadyAnswered", "x", cookie);
	assert_int_equal(n_sent, 2);
	assert_int_equal(sent[1].replaces, id);
	snprintf(body, sizeof(body), "Container: box\nFor ever\nBy user %u, web", getuid() + 1);
	said("Denied: 192.0.2.1", body);
	shows();
	assert_null(popups.first);
}

static void an_answer_of_somebody_else_says_whose_and_by_which_program(void **state)
{
	struct terok_event event = event_of("verdict");
	char body[64];

	(void)state;
	blocks("box:1", "192.0.2.1", "", 443);
	shows();
	event.request_id = "box:1";
	event.action = "allow";
	event.ok = true;
	event.scope = "session";
	event.uid = getuid() + 1;
	event.client = "tui";
	popups_event(&popups, &event);
	snprintf(body, sizeof(body), "Container: box\nUntil the container ends\nBy user %u, tui",
		 getuid() + 1);
	said("Allowed: 192.0.2.1", body);
	shows();
}

static void an_outcome_says_how_long_it_holds_and_who_gave_it(void **state)
{
	const int64_t minute = now_boot_ns() + 60 * SECOND_NS, week = minute + 604800 * SECOND_NS;
	char buf[POPUP_TERMS], text[64];
	int hour, min, sec;

	(void)state;
	assert_string_equal(popup_terms(buf, "session", 0, getuid(), ""),
			    "Until the container ends");
	assert_string_equal(popup_terms(buf, "forever", 0, getuid(), "tui"), "For ever");
	assert_string_equal(popup_terms(buf, "", 0, getuid(), ""), "");
	snprintf(text, sizeof(text), "By user %u", getuid() + 1);
	assert_string_equal(popup_terms(buf, "", 0, getuid() + 1, ""), text);
	popup_terms(buf, "once", minute, getuid(), "");
	assert_int_equal(sscanf(buf, "Until %2d:%2d:%2d%63s", &hour, &min, &sec, text), 3);
	popup_terms(buf, "time", week, getuid(), "");
	assert_int_equal(sscanf(buf, "Until 20%*2d-%*2d-%*2d %2d:%2d%63s", &hour, &min, text), 2);
}

static void a_verdict_on_something_unknown_is_silent(void **state)
{
	(void)state;
	decides("box:9", "allow", true, "");
	decides("box:9", "allow", false, "why");
	assert_int_equal(n_sent, 0);
}

static void an_outcome_waits_for_the_name_of_what_it_replaces(void **state)
{
	(void)state;
	blocks("box:1", "192.0.2.1", "", 443);
	decides("box:1", "allow", true, ""); /* before the service has said what it is called */
	assert_int_equal(n_sent, 1);
	popups_sent(&popups, sent[0].call, 7);
	assert_int_equal(n_sent, 2);
	assert_int_equal(sent[1].replaces, 7);
	said("Allowed: 192.0.2.1", "Container: box");
	shows();
}

static void a_click_that_closes_is_still_told_its_outcome(void **state)
{
	uint32_t id;

	(void)state;
	blocks("box:1", "192.0.2.1", "", 443);
	id = shows();
	popups_action(&popups, id, "allow");
	popups_closed(&popups, id, CLOSED_DISMISSED); /* as services do that know no resident */
	decides("box:1", "allow", true, "");
	said("Allowed: 192.0.2.1", "Container: box");
	assert_int_equal(sent[1].replaces, 0);
	shows();

	blocks("box:2", "192.0.2.2", "", 443);
	id = shows();
	popups_action(&popups, id, "allow");
	popups_closed(&popups, id, CLOSED_DISMISSED);
	decides("box:2", "allow", false, "full");
	assert_string_equal(sent[3].summary, "Allow failed: 192.0.2.2");
	said("Blocked: 192.0.2.2:443", "Container: box\nProtocol: TCP");
	popups_sent(&popups, sent[3].call, 40);
	popups_sent(&popups, sent[4].call, 41);
}

static void what_was_put_away_stays_away_until_it_is_asked_again(void **state)
{
	uint32_t id;

	(void)state;
	blocks("box:1", "192.0.2.1", "", 443);
	id = shows();
	popups_closed(&popups, id, CLOSED_DISMISSED);
	popups_action(&popups, id, "allow"); /* not there any more */
	assert_int_equal(n_answers, 0);
	blocks("box:1", "192.0.2.1", "", 443); /* told again by a hub that is back */
	assert_int_equal(n_sent, 1);
	blocks("box:3", "192.0.2.3", "", 443); /* another comes and goes */
	shows();
	decides("box:3", "allow", true, "");
	shows();
	assert_int_equal(n_sent, 3);
	blocks("box:2", "192.0.2.1", "", 443);
	assert_int_equal(n_sent, 4);
	shows();
	popups_closed(&popups, ids, CLOSED_DISMISSED);
	decides("box:2", "allow", true,
		""); /* somebody else's: the one who put it away is left alone */
	assert_int_equal(n_sent, 4);
	assert_null(popups.first);
}

/* --- containers --------------------------------------------------------------------------- */

static void a_container_that_comes_and_goes_is_told(void **state)
{
	(void)state;
	guard_is("guard_attached", "up", "");
	said("Container started: box", "");
	assert_int_equal(sent[0].urgency, URGENCY_LOW);
	assert_int_equal(sent[0].timeout_ms, -1);
	assert_true(sent[0].transient && !sent[0].actions);
	shows();
	guard_is("guard_detached", "", "cgroup removed");
	said("Container stopped: box", "Reason: cgroup removed");
	assert_int_equal(sent[1].urgency, URGENCY_LOW);
	assert_true(sent[1].transient);
	shows();
	guard_is("guard_detached", "", "");
	said("Container stopped: box", "");
	shows();
	assert_null(popups.first);
}

static void what_a_container_asked_is_closed_when_it_goes(void **state)
{
	uint32_t id;

	(void)state;
	blocks("box:1", "192.0.2.1", "", 443);
	id = shows();
	blocks("box:2", "192.0.2.2", "", 443); /* what it is called is not known yet */
	guard_is("guard_state", "down", "");
	assert_int_equal(popups.n_waiting, 0);
	assert_int_equal(n_closed, 1);
	assert_int_equal(closed[0], id);
	popups_sent(&popups, sent[1].call, 9);
	assert_int_equal(n_closed, 2);
	assert_int_equal(closed[1], 9);
	decides("box:1", "allow", true, "");
	assert_int_equal(n_sent, 3); /* the alert */
	blocks("box:3", "192.0.2.3", "", 443);
	shows();
	guard_is("guard_detached", "", "");
	assert_int_equal(popups.n_waiting, 0);
}

static void who_is_contained_is_an_alert_until_a_person_opens_it(void **state)
{
	uint32_t id;

	(void)state;
	guard_is("agent.untrusted", "up", "cert_invalid");
	assert_string_equal(sent[0].summary, "Agent not trusted: box");
	assert_int_equal(sent[0].urgency, URGENCY_CRITICAL);
	id = shows();
	guard_is("agent.contained", "block", "cert_invalid");
	assert_string_equal(sent[1].summary, "Container contained: box");
	assert_non_null(strstr(sent[1].body, "cert_invalid"));
	assert_int_equal(sent[1].replaces, id);
	shows();
	guard_is("agent.untrusted", "block", "cert_invalid"); /* told later, and says less */
	guard_is("agent.contained", "block", "cert_invalid"); /* a hub that is back */
	guard_is("agent.session.broken", "block", "eof");
	guard_is("guard_state", "block", "");
	assert_int_equal(n_sent, 2);
	assert_int_equal(n_closed, 0);
	guard_is("guard_state", "up", "");
	assert_int_equal(closed[0], id);
	shows();
	guard_is("agent.contained", "block", "cert_invalid");
	id = shows();
	guard_is("guard_detached", "", "");
	assert_int_equal(closed[1], id);
	shows();
	assert_null(popups.first);
}

static void a_shield_that_is_down_is_an_alert_until_it_is_up(void **state)
{
	uint32_t id;

	(void)state;
	guard_is("guard_state", "down", "");
	assert_string_equal(sent[0].summary, "Shield down: box");
	assert_int_equal(sent[0].urgency, URGENCY_CRITICAL);
	assert_int_equal(sent[0].timeout_ms, -1);
	assert_false(sent[0].transient);
	id = shows();
	guard_is("guard_state", "down_all", "");
	assert_string_equal(sent[1].summary, "Shield disengaged: box");
	assert_int_equal(sent[1].replaces, id);
	shows();
	guard_is("guard_state", "up", "");
	assert_int_equal(n_closed, 1);
	assert_int_equal(closed[0], id);
	said("Shield up: box", "Outbound firewall restored.");
	assert_int_equal(sent[2].urgency, URGENCY_NORMAL);
	assert_true(sent[2].transient);
	shows();
	guard_is("guard_state", "down", "");
	id = shows();
	guard_is("guard_detached", "", "");
	assert_int_equal(closed[1], id);
	shows();
	assert_null(popups.first);
}

static void an_alert_is_closed_also_if_it_has_no_name_yet(void **state)
{
	(void)state;
	guard_is("guard_state", "down", "");
	guard_is("guard_state", "up", "");
	assert_int_equal(n_closed, 0);
	popups_sent(&popups, sent[0].call, 5);
	assert_int_equal(n_closed, 1);
	assert_int_equal(closed[0], 5);
}

static void another_container_keeps_its_popups(void **state)
{
	struct terok_event event = event_of("guard_detached");

	(void)state;
	blocks("box:1", "192.0.2.1", "", 443);
	shows();
	event.guard = 2;
	event.container = "ba9876543210";
	popups_event(&popups, &event);
	assert_int_equal(n_closed, 0);
	assert_int_equal(popups.n_waiting, 1);
}

static void a_request_that_expired_is_closed(void **state)
{
	struct terok_event event = event_of("expired");
	uint32_t id;

	(void)state;
	blocks("box:1", "192.0.2.1", "", 443);
	id = shows();
	event.request_id = "box:1";
	popups_event(&popups, &event);
	assert_int_equal(n_closed, 1);
	assert_int_equal(closed[0], id);
	assert_null(popups.first);
}

/* --- labels and categories ------------------------------------------------------------------ */

static void a_container_is_called_by_task_by_name_or_by_id(void **state)
{
	char buf[POPUP_LABEL];

	(void)state;
	assert_string_equal(popup_label(buf, "web", "7", "box", "0123"), "web/7 \xc2\xb7 box");
	assert_string_equal(popup_label(buf, "web", "7", "", "0123"), "web/7");
	assert_string_equal(popup_label(buf, "web", "", "box", "0123"), "box");
	assert_string_equal(popup_label(buf, "", "7", "box", "0123"), "box");
	assert_string_equal(popup_label(buf, "", "", "", "0123"), "0123");
}

static void the_label_at_block_time_is_the_outcomes(void **state)
{
	struct terok_event event = event_of("request"), verdict = event_of("verdict");

	(void)state;
	event.request_id = verdict.request_id = "box:1";
	event.dest = "192.0.2.1";
	event.json = "{\"dossier\":{\"project\":\"web\",\"task\":\"7\\n<b>\",\"name\":\"box\"}}";
	verdict.action = "allow";
	verdict.ok = true;
	verdict.name = ""; /* a verdict says nothing of whose it is */
	popups_event(&popups, &event);
	shows();
	popups_event(&popups, &verdict);
	said("Allowed: 192.0.2.1", "Task: web/7 <b> \xc2\xb7 box");
	shows();
}

static void categories_are_words_and_others_are_left_out(void **state)
{
	(void)state;
	assert_int_equal(popup_categories("blocked,verdict,shield_up,shield_down,"
					  "container_started,container_exited"),
			 POPUP_ALL);
	assert_int_equal(popup_categories("verdict"), POPUP_VERDICT);
	assert_int_equal(popup_categories("verdicts,,block,shield_down"), POPUP_SHIELD_DOWN);
	assert_int_equal(popup_categories(""), 0);
}

static void without_categories_nothing_is_said_and_all_is_kept_track_of(void **state)
{
	(void)state;
	popups.categories = 0;
	blocks("box:1", "192.0.2.1", "", 443);
	guard_is("guard_attached", "up", "");
	assert_int_equal(popups.n_waiting, 1);
	guard_is("guard_state", "down", "");
	assert_int_equal(popups.n_waiting, 0);
	guard_is("guard_state", "up", "");
	blocks("box:2", "192.0.2.1", "", 443);
	decides("box:2", "allow", true, "");
	guard_is("guard_detached", "", "");
	assert_int_equal(n_sent, 0);
	assert_int_equal(n_wakes, 0);
	assert_null(popups.first);
}

static void a_verdict_that_is_not_shown_still_closes_its_question(void **state)
{
	uint32_t id;

	(void)state;
	popups.categories = POPUP_ALL & ~POPUP_VERDICT;
	blocks("box:1", "192.0.2.1", "", 443);
	id = shows();
	decides("box:1", "allow", true, "");
	assert_int_equal(n_sent, 1);
	assert_int_equal(closed[0], id);
	assert_null(popups.first);
	/* and outcomes alone are shown of what was not */
	popups.categories = POPUP_VERDICT;
	blocks("box:2", "192.0.2.1", "", 443);
	decides("box:2", "allow", true, "");
	said("Allowed: 192.0.2.1", "Container: box");
	shows();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_first_block_is_a_popup_that_stays_and_can_be_clicked),
		TEST(the_name_is_what_is_shown_where_there_is_one),
		TEST(the_body_says_protocol_process_and_how_to_answer_without_buttons),
		TEST(the_body_says_who_started_it_and_which_rule_stood_in_the_way),
		TEST(as_many_ancestors_are_said_as_have_room),
		TEST(an_empty_target_is_left_out),
		TEST(a_repeat_is_the_same_popup_with_its_count_and_the_newest_request),
		TEST(a_count_that_grows_is_shown_once_a_second_and_never_twice_at_once),
		TEST(other_targets_and_other_containers_are_other_popups),
		TEST(a_click_answers_with_the_scope_of_its_button),
		TEST(an_answer_that_holds_replaces_the_question),
		TEST(an_answer_that_failed_says_why_and_can_be_tried_again),
		TEST(a_failure_is_told_once_whoever_tells_it_first),
		TEST(what_a_shield_asks_is_answered_for_ever),
		TEST(a_newer_request_can_be_answered_while_the_older_is),
		TEST(an_answer_that_is_refused_is_told),
		TEST(a_click_behind_somebody_elses_answer_shows_that_one),
		TEST(an_answer_of_somebody_else_says_whose_and_by_which_program),
		TEST(an_outcome_says_how_long_it_holds_and_who_gave_it),
		TEST(a_verdict_on_something_unknown_is_silent),
		TEST(an_outcome_waits_for_the_name_of_what_it_replaces),
		TEST(a_click_that_closes_is_still_told_its_outcome),
		TEST(what_was_put_away_stays_away_until_it_is_asked_again),
		TEST(a_container_that_comes_and_goes_is_told),
		TEST(what_a_container_asked_is_closed_when_it_goes),
		TEST(a_shield_that_is_down_is_an_alert_until_it_is_up),
		TEST(who_is_contained_is_an_alert_until_a_person_opens_it),
		TEST(an_alert_is_closed_also_if_it_has_no_name_yet),
		TEST(another_container_keeps_its_popups),
		TEST(a_request_that_expired_is_closed),
		TEST(a_container_is_called_by_task_by_name_or_by_id),
		TEST(the_label_at_block_time_is_the_outcomes),
		TEST(categories_are_words_and_others_are_left_out),
		TEST(without_categories_nothing_is_said_and_all_is_kept_track_of),
		TEST(a_verdict_that_is_not_shown_still_closes_its_question),
	};

	return cmocka_run_group_tests_name("popup", tests, NULL, NULL);
}
