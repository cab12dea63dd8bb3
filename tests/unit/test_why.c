// SPDX-License-Identifier: Apache-2.0
/* test_why.c - user/dns/why_request.c, why_text.c: what a guard may ask, and what it is told */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "base/event.h"
#include "dns/why_text.h"

#define NOW   (1000 * SECOND_NS)
#define HEARD 1

static struct why_request request;

static int parse(const char *text)
{
	return why_request_parse((const uint8_t *)text, strlen(text), &request);
}

static void asks(const char *path, bool json, const char *dest)
{
	char text[512];

	snprintf(text, sizeof(text), "GET %s HTTP/1.1\r\nHost: x\r\n\r\n", path);
	assert_int_equal(parse(text), 200);
	assert_int_equal(request.json, json);
	assert_string_equal(request.dest, dest);
}

static void is_not_there(const char *path)
{
	char text[512];

	snprintf(text, sizeof(text), "GET %s HTTP/1.1\r\n\r\n", path);
	assert_int_equal(parse(text), 404);
}

static void a_few_paths_are_there(void **state)
{
	(void)state;
	asks("/", false, "");
	asks("/why", false, "");
	asks("/why/", false, "");
	asks("/why.json", true, "");
	asks("/why/API.Example", false, "api.example");
	asks("/why.json/2001:db8::1", true, "2001:db8::1");
	asks("/why/192.0.2.1", false, "192.0.2.1");
	is_not_there("/wh");
	is_not_there("/why.txt");
	is_not_there("//");
	is_not_there("//why");
	is_not_there("/why/a/b");
	is_not_there("/why/a%20b");
	is_not_there("/why/a?b");
	is_not_there("why");
	is_not_there("*");
	is_not_there("http://169.254.84.75/");
}

static void a_name_has_the_length_of_a_name(void **state)
{
	char path[TEROK_DOMAIN_LEN + 16] = "/why/", name[TEROK_DOMAIN_LEN + 1] = "";

	(void)state;
	memset(name, 'a', TEROK_DOMAIN_LEN - 1);
	strcat(path, name);
	asks(path, false, name);
	strcat(path, "a");
	is_not_there(path);
}

static void who_accepts_json_gets_json(void **state)
{
	(void)state;
	assert_int_equal(parse("GET /why HTTP/1.1\r\nACCEPT: text/html, Application/JSON\r\n\r\n"),
			 200);
	assert_true(request.json);
	assert_int_equal(parse("GET /why HTTP/1.1\r\nAccept: */*\r\n\r\n"), 200);
	assert_false(request.json);
	assert_int_equal(parse("GET / HTTP/1.0\nAccept:application/json\n\n"), 200);
	assert_true(request.json);
	assert_int_equal(parse("GET / HTTP/1.1\r\nX-Accept: application/json\r\n\r\n"), 200);
	assert_false(request.json);
}

static void everything_but_get_is_refused(void **state)
{
	static const char *const methods[] = { "HEAD",    "POST",    "PUT",  "DELETE",
					       "OPTIONS", "CONNECT", "GETS", "G" };
	char text[64];

	(void)state;
	for (unsigned i = 0; i < sizeof(methods) / sizeof(methods[0]); i++) {
		snprintf(text, sizeof(text), "%s /why HTTP/1.1\r\n\r\n", methods[i]);
		assert_int_equal(parse(text), 405);
	}
	assert_int_equal(parse("GET /why\r\n\r\n"), 400);
	assert_int_equal(parse("GET /why FTP/1.1\r\n\r\n"), 400);
	assert_int_equal(parse("GET /why HTTP/2\r\n\r\n"), 400);
	assert_int_equal(parse("GET\r\n\r\n"), 400);
	assert_int_equal(
	    why_request_parse((const uint8_t *)"GET /\0 HTTP/1.1\r\n\r\n", 19, &request), 400);
}

static void a_request_may_come_in_bytes_and_has_an_end(void **state)
{
	static const char text[] = "GET /why HTTP/1.1\r\nHost: x\r\n\r\n";
	uint8_t endless[WHY_REQUEST_MAX];

	(void)state;
	for (size_t n = 0; n < sizeof(text) - 1; n++)
		assert_int_equal(why_request_parse((const uint8_t *)text, n, &request), 0);
	assert_int_equal(parse(text), 200);
	memset(endless, 'A', sizeof(endless));
	assert_int_equal(why_request_parse(endless, sizeof(endless) - 1, &request), 0);
	assert_int_equal(why_request_parse(endless, sizeof(endless), &request), 431);
	endless[20] = '\n';
	assert_int_equal(why_request_parse(endless, sizeof(endless), &request), 431);
}

/* The lengths that DNS messages have, and that HTTP never begins with. */
static void http_is_no_dns_message(void **state)
{
	(void)state;
	assert_true(why_request_begins((const uint8_t *)"GE", 2));
	assert_false(why_request_begins((const uint8_t *)"G", 1));
	for (unsigned size = 0; size <= 2048; size++)
		assert_false(why_request_begins((const uint8_t[]){ size >> 8, size }, 2));
}

/* --- what a retry would meet ----------------------------------------------------------------- */

static struct msg_because refusal(void)
{
	struct msg_because because = { .port = 443,
				       .proto = 6,
				       .reason = TEROK_REASON_DEFAULT,
				       .count = 3,
				       .last_ns = NOW - 12 * SECOND_NS,
				       .question = 1,
				       .now_action = TEROK_DENY,
				       .now_reason = TEROK_REASON_DEFAULT,
				       .request = "0123456789ab:5",
				       .domain = "api.example" };

	memcpy(because.addr, "\0\0\0\0\0\0\0\0\0\0\xff\xff\xc0\0\x02\x01", 16);
	return because;
}

static void fate_is(const struct msg_because *because, bool heard, enum why_answer answer,
		    bool retry, uint64_t after_s)
{
	struct why_fate fate = why_fate_of(because, heard, NOW);

	assert_int_equal(fate.answer, answer);
	assert_int_equal(fate.retry, retry);
	assert_int_equal(fate.after_s, after_s);
}

static void what_counts_is_what_holds_now(void **state)
{
	struct msg_because because = refusal();

	(void)state;
	fate_is(&because, true, WHY_OPEN, true, 5);
	fate_is(&because, false, WHY_NOBODY, true, 60);
	because.question = 0;
	fate_is(&because, true, WHY_NOBODY, false, 0);
	because.held = 1;
	fate_is(&because, true, WHY_HELD, true, 30);
	fate_is(&because, false, WHY_HELD, true, 30);
	because.held = 0;
	because.question = 1;
	because.answered = 1;
	fate_is(&because, true, WHY_OVER, true, 0);
	because.now_action = TEROK_ALLOW;
	fate_is(&because, true, WHY_ALLOWED, true, 0);
	because.now_action = TEROK_DENY;
	because.now_reason = TEROK_REASON_RULE_DENY;
	fate_is(&because, true, WHY_DENIED, false, 0);
	because.until_ns = NOW + 1;
	fate_is(&because, true, WHY_DENIED, true, 1);
	because.until_ns = NOW;
	fate_is(&because, true, WHY_DENIED, false, 0);
}

static void a_name_is_what_the_resolver_would_say(void **state)
{
	_cleanup_(dns_policy_freep) struct dns_policy *policy = NULL;
	struct dns_rule rule = { .action = TEROK_ALLOW,
				 .until_ns = NOW + 7,
				 .domain = "*.example" };
	struct msg_because because = refusal();

	(void)state;
	because.by_name = 1;
	assert_int_equal(dns_policy_new(&policy), 0);
	why_name_decide(policy, TEROK_STATE_UP, NOW, &because);
	assert_int_equal(because.now_action, TEROK_DENY);
	assert_int_equal(because.now_reason, TEROK_REASON_NAME_DENY);
	why_name_decide(policy, TEROK_STATE_DOWN, NOW, &because);
	assert_int_equal(because.now_action, TEROK_ALLOW);
	why_name_decide(policy, TEROK_STATE_BLOCK, NOW, &because);
	assert_int_equal(because.now_action, TEROK_DENY);
	assert_int_equal(dns_policy_add(policy, &rule), 0);
	why_name_decide(policy, TEROK_STATE_BLOCK, NOW, &because);
	assert_int_equal(because.now_action, TEROK_DENY);
	why_name_decide(policy, TEROK_STATE_UP, NOW, &because);
	assert_int_equal(because.now_action, TEROK_ALLOW);
	assert_int_equal(because.until_ns, NOW + 7);
	why_name_decide(policy, TEROK_STATE_UP, NOW + 8, &because); /* it has ended */
	assert_int_equal(because.now_action, TEROK_DENY);
	rule =
	    (struct dns_rule){ .action = TEROK_DENY, .until_ns = NOW + 9, .domain = "api.example" };
	assert_int_equal(dns_policy_add(policy, &rule), 0);
	why_name_decide(policy, TEROK_STATE_DOWN, NOW, &because);
	assert_int_equal(because.now_action, TEROK_DENY);
	assert_int_equal(because.now_reason, TEROK_REASON_RULE_DENY);
	assert_int_equal(because.until_ns, NOW + 9);
}

/* --- the reply -------------------------------------------------------------------------------- */

static struct json out;

static const char *written(const struct msg_because *because, unsigned n, const char *dest,
			   bool json)
{
	struct why_page page = { .because = because, .n = n, .now_ns = NOW };
	const char *body;
	size_t size;

	request = (struct why_request){ .json = json };
	strcpy(request.dest, dest);
	page.request = &request;
	page.last = (struct msg_becauses){ .state = TEROK_STATE_UP, .heard = HEARD, .name = "box" };
	json_reset(&out);
	why_write(&out, &page);
	assert_non_null(json_done(&out));
	for (const char *p = out.text; *p; p++)
		assert_true((*p >= 0x20 && *p <= 0x7e) || *p == '\n' || *p == '\r');
	body = strstr(out.text, "\r\n\r\n");
	assert_non_null(body);
	assert_int_equal(sscanf(strstr(out.text, "Content-Length: "), "Content-Length: %zu", &size),
			 1);
	assert_int_equal(size, strlen(body + 4));
	return body + 4;
}

static void text_says_what_to_do(void **state)
{
	struct msg_because because[2] = { refusal(), refusal() };

	(void)state;
	because[1].by_name = 1;
	because[1].port = 0;
	because[1].proto = 0;
	because[1].count = 1;
	because[1].reason = TEROK_REASON_RULE_DENY;
	because[1].now_reason = TEROK_REASON_RULE_DENY;
	because[1].question = 0;
	because[1].request[0] = '\0';
	strcpy(because[1].rule, "deny api.example");
	assert_string_equal(written(because, 2, "", false),
			    "box is up; refused lately, the last first:\n"
			    "\n"
			    "192.0.2.1 port 443/tcp (api.example), 3 times, 12 s ago\n"
			    "  why:     no rule allows it (default)\n"
			    "  request: 0123456789ab:5\n"
			    "  answer:  open: somebody was asked and has not answered\n"
			    "  retry:   not before 5 s have gone by\n"
			    "\n"
			    "api.example, 1 time, 12 s ago\n"
			    "  why:     a rule denies it (rule_deny)\n"
			    "  rule:    deny api.example\n"
			    "  answer:  denied: it is denied\n"
			    "  retry:   no\n");
	assert_string_equal(written(because, 0, "", false),
			    "box is up; nothing was refused lately.\n");
	assert_string_equal(written(because, 2, "192.0.2.2", false),
			    "box is up; nothing of that was refused lately.\n");
	assert_non_null(strstr(written(because, 2, "api.example", false), "deny api.example"));
	assert_null(strstr(written(because, 2, "192.0.2.1", false), "deny api.example"));
}

static void json_has_the_same(void **state)
{
	struct msg_because because = refusal();

	(void)state;
	assert_string_equal(
	    written(&because, 1, "", true),
	    "{\"guard\":\"box\",\"state\":\"up\",\"refused\":[{\"dest\":\"192.0.2.1\","
	    "\"port\":443,\"proto\":\"tcp\",\"name\":\"api.example\",\"reason\":\"default\","
	    "\"why\":\"no rule allows it\",\"rule\":\"\",\"request_id\":\"0123456789ab:5\","
	    "\"asked\":true,\"answer\":\"open\",\"retry\":true,\"retry_after_s\":5,"
	    "\"until_s\":0,\"count\":3,\"last_s\":12}]}\n");
	assert_string_equal(written(&because, 0, "", true),
			    "{\"guard\":\"box\",\"state\":\"up\",\"refused\":[]}\n");
}

/* For who reads no further than the head. */
static void the_head_says_when_to_retry(void **state)
{
	struct msg_because because[3] = { refusal(), refusal(), refusal() };

	(void)state;
	because[0].question = 0;
	because[1].addr[15] = 2;
	because[2].addr[15] = 3;
	because[2].now_action = TEROK_ALLOW;
	written(because, 3, "", false);
	assert_non_null(strstr(out.text, "\r\nTerok-Retry: no\r\n"));
	written(because, 3, "192.0.2.2", true);
	assert_non_null(strstr(out.text, "\r\nTerok-Retry: 5\r\n"));
	written(because, 3, "192.0.2.3", true);
	assert_non_null(strstr(out.text, "\r\nTerok-Retry: now\r\n"));
	written(because, 3, "192.0.2.4", true);
	assert_non_null(strstr(out.text, "\r\nTerok-Retry: now\r\n"));
}

static void nothing_unprintable_leaves(void **state)
{
	struct msg_because because = refusal();

	(void)state;
	because.by_name = 1;
	because.reason = 200;
	because.proto = 99;
	memset(because.domain, 0x1b, sizeof(because.domain));
	memset(because.request, 0xff, sizeof(because.request));
	memset(because.rule, '\n', sizeof(because.rule));
	assert_non_null(written(&because, 1, "", false));
	assert_non_null(written(&because, 1, "", true));
}

static void an_error_is_a_reply_too(void **state)
{
	static const int statuses[] = { 400, 403, 404, 405, 429, 431, 503 };

	(void)state;
	for (unsigned i = 0; i < sizeof(statuses) / sizeof(statuses[0]); i++) {
		_cleanup_json_ struct json reply = {};
		char first[32];

		why_write_error(&reply, statuses[i]);
		snprintf(first, sizeof(first), "HTTP/1.1 %d ", statuses[i]);
		assert_int_equal(strncmp(json_done(&reply), first, strlen(first)), 0);
		assert_non_null(strstr(reply.text, "Connection: close\r\n"));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_few_paths_are_there),
		cmocka_unit_test(a_name_has_the_length_of_a_name),
		cmocka_unit_test(who_accepts_json_gets_json),
		cmocka_unit_test(everything_but_get_is_refused),
		cmocka_unit_test(a_request_may_come_in_bytes_and_has_an_end),
		cmocka_unit_test(http_is_no_dns_message),
		cmocka_unit_test(what_counts_is_what_holds_now),
		cmocka_unit_test(a_name_is_what_the_resolver_would_say),
		cmocka_unit_test(text_says_what_to_do),
		cmocka_unit_test(json_has_the_same),
		cmocka_unit_test(the_head_says_when_to_retry),
		cmocka_unit_test(nothing_unprintable_leaves),
		cmocka_unit_test(an_error_is_a_reply_too),
	};

	return cmocka_run_group_tests_name("unit/why", tests, NULL, NULL);
}
