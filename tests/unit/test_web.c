// SPDX-License-Identifier: Apache-2.0
/* test_web.c - the web page's door (links, sessions, hosts, origins) and what its calls say */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "tools/clearance_door.h"
#include "tools/clearance_web_call.c" /* for its tables: each row of them is tried */

#define NOW (100 * SECOND_NS)

static struct door door;

static int setup(void **state)
{
	(void)state;
	return door_open(&door);
}

static const char *new_token(void)
{
	static char token[DOOR_SECRET_LEN + 1];
	const char *made = door_token_new(&door, NOW);

	assert_non_null(made);
	return strcpy(token, made);
}

static const struct door_session *new_session(uint64_t now)
{
	const char *token = door_token_new(&door, now);
	const struct door_session *session;
	char copy[DOOR_SECRET_LEN + 1];

	assert_non_null(token);
	session = door_login(&door, strcpy(copy, token), now);
	assert_non_null(session);
	return session;
}

/* --- links -------------------------------------------------------------------------------- */

static void a_link_lets_in_once(void **state)
{
	const char *token = new_token();

	(void)state;
	assert_non_null(door_login(&door, token, NOW));
	assert_null(door_login(&door, token, NOW));
	assert_null(door_login(&door, "", NOW)); /* what is left of it */
}

static void a_link_ends_after_ten_minutes(void **state)
{
	const char *token = new_token();

	(void)state;
	assert_null(door_login(&door, token, NOW + DOOR_TOKEN_NS));
	token = new_token();
	assert_non_null(door_login(&door, token, NOW + DOOR_TOKEN_NS - 1));
}

static void a_new_link_ends_the_one_before(void **state)
{
	char old[DOOR_SECRET_LEN + 1];

	(void)state;
	strcpy(old, new_token());
	new_token();
	assert_string_not_equal(old, door.token);
	assert_null(door_login(&door, old, NOW));
}

static void no_wrong_token_lets_in_or_uses_up_the_right_one(void **state)
{
	const char *token = new_token();
	char wrong[2 * DOOR_SECRET_LEN];

	(void)state;
	for (int i = 0; i < DOOR_SECRET_LEN; i++) {
		strcpy(wrong, token);
		wrong[i] ^= 1; /* in one bit */
		assert_null(door_login(&door, wrong, NOW));
		wrong[i] = '\0'; /* the start of it */
		assert_null(door_login(&door, wrong, NOW));
	}
	snprintf(wrong, sizeof(wrong), "%s%s", token, "x");
	assert_null(door_login(&door, wrong, NOW));
	assert_non_null(door_login(&door, token, NOW));
}

static void secrets_differ_and_are_of_full_length(void **state)
{
	const struct door_session *session = new_session(NOW);

	(void)state;
	assert_int_equal(strlen(session->cookie), DOOR_SECRET_LEN);
	assert_int_equal(strlen(session->page), DOOR_SECRET_LEN);
	assert_string_not_equal(session->cookie, session->page);
	assert_int_equal(strspn(session->cookie, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrst"
						 "uvwxyz0123456789-_"),
			 DOOR_SECRET_LEN);
	assert_string_not_equal(session->cookie, new_session(NOW)->cookie);
}

/* --- sessions ----------------------------------------------------------------------------- */

static bool known(const char *format, const char *value, uint64_t now)
{
	char cookies[256];

	snprintf(cookies, sizeof(cookies), format, door.cookie_name, value);
	return door_session(&door, cookies, now) != NULL;
}

static void a_cookie_is_found_among_others(void **state)
{
	const char *value = new_session(NOW)->cookie;

	(void)state;
	assert_true(known("%s=%s", value, NOW));
	assert_true(known("a=b; %s=%s", value, NOW));
	assert_true(known("a=b;%s=%s;c=d", value, NOW));
	assert_true(known("; %s=%s ; x", value, NOW));
}

static void what_is_not_our_cookie_opens_nothing(void **state)
{
	const char *value = new_session(NOW)->cookie;
	char other[DOOR_SECRET_LEN + 1];

	(void)state;
	assert_null(door_session(&door, NULL, NOW));
	assert_null(door_session(&door, "", NOW));
	assert_false(known("%s=", "", NOW));
	assert_false(known("%s", "", NOW));
	assert_false(known("x%s=%s", value, NOW));
	assert_false(known("%sx=%s", value, NOW));
	assert_false(known("%s=%sx", value, NOW));
	assert_false(known("%s=\"%s\"", value, NOW));
	strcpy(other, value);
	other[DOOR_SECRET_LEN - 1] ^= 1;
	assert_false(known("%s=%s", other, NOW));
}

static void a_session_ends_after_twelve_hours_or_when_it_is_left(void **state)
{
	const struct door_session *session = new_session(NOW);
	uint64_t number = session->number;
	char value[DOOR_SECRET_LEN + 1];

	(void)state;
	strcpy(value, session->cookie);
	assert_true(known("%s=%s", value, NOW + DOOR_SESSION_NS - 1));
	assert_false(known("%s=%s", value, NOW + DOOR_SESSION_NS));
	assert_true(door_alive(&door, number, NOW));
	door_logout(&door, number);
	assert_false(door_alive(&door, number, NOW));
	assert_false(known("%s=%s", value, NOW));
	assert_false(door_alive(&door, 0, NOW));
}

static void one_more_browser_than_there_is_room_for_ends_the_first(void **state)
{
	uint64_t first = new_session(NOW)->number;

	(void)state;
	for (int i = 1; i < DOOR_SESSIONS; i++)
		new_session(NOW);
	assert_true(door_alive(&door, first, NOW));
	new_session(NOW);
	assert_false(door_alive(&door, first, NOW));
	for (int i = 1; i <= DOOR_SESSIONS; i++)
		assert_true(door_alive(&door, first + i, NOW));
}

static void the_page_has_a_secret_of_its_own(void **state)
{
	const struct door_session *session = new_session(NOW);

	(void)state;
	assert_true(door_page(session, session->page));
	assert_false(door_page(session, NULL));
	assert_false(door_page(session, ""));
	assert_false(door_page(session, session->cookie));
}

/* --- whose page it is from ------------------------------------------------------------------ */

static void only_names_of_loopback_are_our_host(void **state)
{
	static const char *const ours[] = { "localhost", "localhost:8642",  "LOCALHOST:1",
					    "127.0.0.1", "127.0.0.1:65535", "127.1.2.3:80",
					    "[::1]",     "[::1]:8642" };
	static const char *const others[] = {
		"",
		"evil.example",
		"evil.example:8642",
		"localhost.evil.example",
		"127.0.0.1.evil.example",
		"localhost:",
		"localhost:8642x",
		"localhost:123456",
		"localhost:1:2",
		"evil@localhost",
		"10.0.0.1",
		"0.0.0.0",
		"[::]",
		"[::1",
		"[::1]x",
		"[localhost]",
		"[127.0.0.1]",
		"::1",
		"127.1",
		"2130706433",
		"localhost, evil.example",
		"[::ffff:10.0.0.1]",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(ours) / sizeof(ours[0]); i++)
		assert_true(door_host(ours[i]));
	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++)
		if (door_host(others[i]))
			fail_msg("'%s' passed for ours", others[i]);
	assert_false(door_host(NULL));
}

static void an_origin_is_the_host_s_own_or_none(void **state)
{
	static const struct {
		const char *origin, *host;
		bool ours;
	} cases[] = {
		{ "http://localhost:8642", "localhost:8642", true },
		{ "http://[::1]:8642", "[::1]:8642", true },
		/* a page of another port of this machine is somebody else's */
		{ "http://localhost:3000", "localhost:8642", false },
		{ "http://localhost", "localhost:8642", false },
		{ "http://127.0.0.1:8642", "localhost:8642", false },
		{ "https://localhost:8642", "localhost:8642", false },
		{ "http://localhost:8642.evil.example", "localhost:8642", false },
		{ "http://localhost:8642/", "localhost:8642", false },
		{ "null", "localhost:8642", false },
		{ "", "localhost:8642", false },
		{ NULL, "localhost:8642", false },
		{ "http://localhost:8642", NULL, false },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		assert_int_equal(door_origin(cases[i].origin, cases[i].host), cases[i].ours);
}

static void a_browser_says_from_where(void **state)
{
	(void)state;
	assert_true(door_site(NULL)); /* it says nothing: Origin has to do */
	assert_true(door_site("same-origin"));
	assert_false(door_site("same-site"));
	assert_false(door_site("cross-site"));
	assert_false(door_site("none"));
	assert_false(door_site(""));
}

static void nothing_but_loopback_is_listened_on(void **state)
{
	(void)state;
	assert_true(door_loopback("127.0.0.1"));
	assert_true(door_loopback("127.9.9.9"));
	assert_true(door_loopback("::1"));
	assert_false(door_loopback("0.0.0.0"));
	assert_false(door_loopback("::"));
	assert_false(door_loopback("192.168.1.1"));
	assert_false(door_loopback("::ffff:192.0.2.1"));
	assert_false(door_loopback("localhost"));
	assert_false(door_loopback(""));
}

/* --- routes --------------------------------------------------------------------------------- */

static enum web_route find(const char *method, const char *path, const char **allow)
{
	const struct web_asset *asset = NULL;
	enum web_route route = web_route_find(method, path, &asset, allow);

	assert_int_equal(route == ROUTE_ASSET && asset, route == ROUTE_ASSET);
	return route;
}

static void what_changes_something_is_a_post(void **state)
{
	const char *allow;

	(void)state;
	for (size_t i = 0; i < sizeof(routes) / sizeof(routes[0]); i++) {
		bool changes = web_route_changes(routes[i].route);

		assert_string_equal(routes[i].method, changes ? "POST" : "GET");
		assert_int_equal(find(routes[i].method, routes[i].path, &allow), routes[i].route);
		assert_null(allow);
		assert_int_equal(find(changes ? "GET" : "POST", routes[i].path, &allow),
				 ROUTE_NONE);
		assert_string_equal(allow, routes[i].method);
	}
	for (size_t i = 0; i < sizeof(assets) / sizeof(assets[0]); i++) {
		assert_int_equal(find("GET", assets[i].path, &allow), ROUTE_ASSET);
		assert_int_equal(find("POST", assets[i].path, &allow), ROUTE_NONE);
		assert_string_equal(allow, "GET");
	}
}

static void there_is_nothing_else(void **state)
{
	static const char *const paths[] = { "",
					     "//",
					     "/api",
					     "/api/",
					     "/api/answer/",
					     "/API/answer",
					     "/app.js/",
					     "/../app.js",
					     "/index.html",
					     "http://evil.example/",
					     "*" };
	const char *allow;

	(void)state;
	for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
		assert_int_equal(find("GET", paths[i], &allow), ROUTE_NONE);
		assert_null(allow);
	}
	assert_int_equal(find("get", "/", &allow), ROUTE_NONE);
	assert_int_equal(find("HEAD", "/", &allow), ROUTE_NONE);
	assert_int_equal(find("OPTIONS", "/api/answer", &allow), ROUTE_NONE);
}

/* Nothing from anywhere else, nothing that the policy of our responses refuses. */
static void the_page_is_small_and_alone(void **state)
{
	size_t all = 0;

	(void)state;
	for (size_t i = 0; i < sizeof(assets) / sizeof(assets[0]); i++) {
		const char *text = assets[i].text;

		all += assets[i].size;
		for (const char *p = text; (p = strstr(p, "://")); p++)
			if (strncmp(p, "://www.w3.org/2000/svg", 22) &&
			    strncmp(p, "://localhost/#login=", 20))
				fail_msg("%s: %.40s", assets[i].path, p - 8);
		assert_null(strstr(text, "innerHTML"));
		assert_null(strstr(text, "style="));
		assert_null(strstr(text, "onclick=\""));
		assert_null(strstr(text, "eval("));
	}
	assert_in_range(all, 10000, 65536);
}

/* --- what calls say --------------------------------------------------------------------------- */

static void answer_is_bad(const char *body, const char *said)
{
	struct web_answer answer;
	struct problem why = {};

	assert_int_equal(web_answer_parse(body, strlen(body), &answer, &why), -EINVAL);
	if (!strstr(why.text, said))
		fail_msg("'%s' has no '%s'", why.text, said);
	assert_int_equal(web_answer_parse(body, strlen(body), &answer, NULL), -EINVAL);
}

static void an_answer_says_which_requests_what_and_how_far(void **state)
{
	static const char body[] =
	    "{\"requests\":[\"box:1\",\"box:2\"],\"action\":\"allow\",\"scope\":\"time\","
	    "\"seconds\":300,\"reach\":\"children\",\"ports\":\"any\"}";
	static const char least[] = "{\"action\":\"deny\",\"requests\":[\"box:1\"]}";
	struct web_answer answer;

	(void)state;
	assert_int_equal(web_answer_parse(body, strlen(body), &answer, NULL), 0);
	assert_int_equal(answer.n, 2);
	assert_string_equal(answer.ids[0], "box:1");
	assert_string_equal(answer.ids[1], "box:2");
	assert_string_equal(answer.action, "allow");
	assert_string_equal(answer.scope, "time");
	assert_int_equal(answer.seconds, 300);
	assert_string_equal(answer.reach, "children");
	assert_string_equal(answer.ports, "any");
	web_answer_done(&answer);
	assert_int_equal(web_answer_parse(least, strlen(least), &answer, NULL), 0);
	assert_string_equal(answer.scope, "session");
	assert_null(answer.reach);
	assert_null(answer.ports);
	web_answer_done(&answer);
}

static void what_is_no_answer_is_refused(void **state)
{
	(void)state;
	answer_is_bad("", "no JSON object");
	answer_is_bad("[]", "no JSON object");
	answer_is_bad("{} {}", "no JSON object");
	answer_is_bad("{}", "needed");
	answer_is_bad("{\"action\":\"deny\"}", "needed");
	answer_is_bad("{\"requests\":[\"a\"]}", "needed");
	answer_is_bad("{\"requests\":[],\"action\":\"deny\"}", "1 to 64");
	answer_is_bad("{\"requests\":\"a\",\"action\":\"deny\"}", "no array");
	answer_is_bad("{\"requests\":[1],\"action\":\"deny\"}", "no string");
	answer_is_bad("{\"requests\":[\"a\"],\"action\":\"maybe\"}", "allow or deny");
	answer_is_bad("{\"requests\":[\"a\"],\"action\":null}", "no string");
	answer_is_bad("{\"requests\":[\"a\"],\"action\":\"deny\",\"seconds\":\"1\"}", "number");
	answer_is_bad("{\"requests\":[\"a\"],\"action\":\"deny\",\"seconds\":1.5}", "number");
	answer_is_bad("{\"requests\":[\"a\"],\"action\":\"deny\",\"dest\":\"b\"}", "'dest'");
	answer_is_bad("{\"requests\":[\"a\\u0000b\"],\"action\":\"deny\"}", "NUL");
	answer_is_bad("{\"requests\":[\"a\"],\"action\":\"deny\",\"reach\":\"0123456789abcdef\"}",
		      "longer");
}

static void as_many_requests_as_fit_and_not_one_more(void **state)
{
	for (int n = WEB_ANSWERS; n <= WEB_ANSWERS + 1; n++) {
		char body[WEB_BODY_MAX], id[WEB_ID_LEN];
		struct web_answer answer;
		int at = sprintf(body, "{\"action\":\"deny\",\"requests\":[");

		memset(id, 'x', sizeof(id) - 1);
		id[sizeof(id) - 1] = '\0';
		for (int i = 0; i < n; i++)
			at += sprintf(body + at, "%s\"%s\"", i ? "," : "", id);
		at += sprintf(body + at, "]}");
		assert_int_equal(web_answer_parse(body, at, &answer, NULL),
				 n == WEB_ANSWERS ? 0 : -EINVAL);
		if (n == WEB_ANSWERS)
			web_answer_done(&answer);
	}
	(void)state;
}

static void a_text_is_alone_and_fits(void **state)
{
	static const char *const bad[] = { "{}", "{\"grant\":1}", "{\"grant\":\"abcd\"}",
					   "{\"grant\":\"a\",\"b\":1}", "{\"other\":\"a\"}" };
	char text[4] = "";

	(void)state;
	assert_int_equal(web_text_parse("{\"grant\":\"abc\"}", 15, "grant", text, 4, NULL), 0);
	assert_string_equal(text, "abc");
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(web_text_parse(bad[i], strlen(bad[i]), "grant", text, 4, NULL),
				 -EINVAL);
}

static void a_number_is_digits_up_to_its_end(void **state)
{
	static const char *const bad[] = {
		"", "-1", "+1", " 1", "1x", "1001", "99999999999999999999", "0x1"
	};
	int64_t value = 7;

	(void)state;
	assert_int_equal(web_number_parse(NULL, 1000, &value, NULL), 0);
	assert_int_equal(value, 7);
	assert_int_equal(web_number_parse("1000", 1000, &value, NULL), 0);
	assert_int_equal(value, 1000);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(web_number_parse(bad[i], 1000, &value, NULL), -EINVAL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(a_link_lets_in_once, setup),
		cmocka_unit_test_setup(a_link_ends_after_ten_minutes, setup),
		cmocka_unit_test_setup(a_new_link_ends_the_one_before, setup),
		cmocka_unit_test_setup(no_wrong_token_lets_in_or_uses_up_the_right_one, setup),
		cmocka_unit_test_setup(secrets_differ_and_are_of_full_length, setup),
		cmocka_unit_test_setup(a_cookie_is_found_among_others, setup),
		cmocka_unit_test_setup(what_is_not_our_cookie_opens_nothing, setup),
		cmocka_unit_test_setup(a_session_ends_after_twelve_hours_or_when_it_is_left, setup),
		cmocka_unit_test_setup(one_more_browser_than_there_is_room_for_ends_the_first,
				       setup),
		cmocka_unit_test_setup(the_page_has_a_secret_of_its_own, setup),
		cmocka_unit_test(only_names_of_loopback_are_our_host),
		cmocka_unit_test(an_origin_is_the_host_s_own_or_none),
		cmocka_unit_test(a_browser_says_from_where),
		cmocka_unit_test(nothing_but_loopback_is_listened_on),
		cmocka_unit_test(what_changes_something_is_a_post),
		cmocka_unit_test(there_is_nothing_else),
		cmocka_unit_test(the_page_is_small_and_alone),
		cmocka_unit_test(an_answer_says_which_requests_what_and_how_far),
		cmocka_unit_test(what_is_no_answer_is_refused),
		cmocka_unit_test(as_many_requests_as_fit_and_not_one_more),
		cmocka_unit_test(a_text_is_alone_and_fits),
		cmocka_unit_test(a_number_is_digits_up_to_its_end),
	};

	return cmocka_run_group_tests_name("web", tests, NULL, NULL);
}
