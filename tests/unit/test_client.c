// SPDX-License-Identifier: Apache-2.0
/*
 * test_client.c - hub/client.c, libclearance, against a hub that says what the test wants
 *
 * Hub and client live in this one thread: what the one sends, the other can read at once.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <cmocka.h>

#include "base/cleanup.h"
#include "base/sock.h"
#include "terok/clearance.h"

#define CALLS_MAX 256 /* client.c's: answers on their way */
#define STANDS    "{\"continues\":true,\"parameters\":{\"lost\":0}}"
#define EVENT(e)  "{\"continues\":true,\"parameters\":{\"event\":{" e "},\"lost\":3}}"
#define MONITOR(p)                                                                                 \
	"{\"method\":\"org.terok.Firewall1.Monitor\",\"parameters\":{" p "},\"more\":true}"
#define ANSWER(p) "{\"method\":\"org.terok.Firewall1.Answer\",\"parameters\":{" p "}}"

static char folder[64], path[96];
static int listen_fd, stream_fd, calls_fd; /* the hub's ends */
static struct terok_client *client;
static struct {
	unsigned subscribed, events, outcomes, answered, guards, lists, entries, pages, closed;
	unsigned grants, grant_lists, revoked;
	unsigned parents;
	int64_t until_ns, uid, wall_ns;
	int error;
	int64_t lost, sequence, pid;
	char name[64], comm[64], json[1024], problem[128], failed[64], order[64];
	bool ok, already, more;
	uint64_t cookie;
} told;

static void is_printable(const char *text)
{
	assert_non_null(text);
	for (; *text; text++)
		assert_true(*text >= 0x20 && *text < 0x7f);
}

static void on_subscribed(void *user)
{
	assert_ptr_equal(user, &told);
	told.subscribed++;
}

static void on_event(const struct terok_event *event, int64_t lost, void *user)
{
	const char *const texts[] = {
		event->type,
		event->container,
		event->name,
		event->request_id,
		event->dest,
		event->domain,
		event->reason,
		event->hook,
		event->source,
		event->socket_cookie,
		event->netns_cookie,
		event->cgroup,
		event->state,
		event->action,
		event->scope,
		event->problem,
		event->rule,
		event->client,
		event->process.comm,
		event->process.exe,
		event->process.cmdline,
		event->process.exe_inode,
		event->process.exe_device,
		event->process.parent_comm,
		event->json,
	};

	assert_ptr_equal(user, &told);
	assert_int_equal(told.subscribed, 1);
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		is_printable(texts[i]);
	told.events++;
	told.lost = lost;
	told.sequence = event->sequence;
	told.pid = event->process.pid;
	told.parents = event->parents;
	told.wall_ns = event->wall_ns;
	for (unsigned i = 0; i < event->parents; i++)
		is_printable(event->parent[i]);
	told.ok = event->ok;
	snprintf(told.name, sizeof(told.name), "%s", event->name);
	snprintf(told.comm, sizeof(told.comm), "%s", event->process.comm);
	snprintf(told.json, sizeof(told.json), "%s", event->json);
}

static void on_answered(const char *error, const char *problem, uint64_t cookie, void *user)
{
	size_t n = strlen(told.order);

	assert_ptr_equal(user, &told);
	is_printable(problem);
	told.answered++;
	told.cookie = cookie;
	snprintf(told.failed, sizeof(told.failed), "%s", error ?: "");
	snprintf(told.problem, sizeof(told.problem), "%s", problem);
	if (n < sizeof(told.order) - 1)
		told.order[n] = 'a' + cookie % 26;
}

static void on_outcome(const struct terok_outcome *outcome, uint64_t cookie, void *user)
{
	assert_ptr_equal(user, &told);
	told.outcomes++;
	told.already = outcome->already;
	told.cookie = cookie;
	told.until_ns = outcome->until_ns;
	told.uid = outcome->uid;
	snprintf(told.name, sizeof(told.name), "%s %s %s", outcome->action, outcome->scope,
		 outcome->client);
}

static void on_guard(const struct terok_guard_status *guard, void *user)
{
	size_t n = strlen(told.order);

	assert_ptr_equal(user, &told);
	if (!guard) {
		told.lists++;
		told.order[n] = '.';
		return;
	}
	is_printable(guard->container);
	is_printable(guard->json);
	told.guards++;
	told.sequence = guard->counters.refused;
	snprintf(told.name, sizeof(told.name), "%s", guard->name);
}

static void on_entry(const struct terok_entry *entry, bool more, const char *problem, void *user)
{
	assert_ptr_equal(user, &told);
	if (!entry) {
		told.pages++;
		told.more = more;
		snprintf(told.problem, sizeof(told.problem), "%s", problem ?: "");
		return;
	}
	is_printable(entry->container);
	is_printable(entry->process);
	is_printable(entry->json);
	told.entries++;
	told.sequence = entry->number;
	told.ok = entry->ok;
	told.uid = entry->uid;
	snprintf(told.name, sizeof(told.name), "%s %s %s", entry->type, entry->dest, entry->client);
}

static void on_grant(const struct terok_grant_status *grant, bool more, const char *problem,
		     void *user)
{
	assert_ptr_equal(user, &told);
	if (!grant) {
		told.grant_lists++;
		told.more = more;
		snprintf(told.problem, sizeof(told.problem), "%s", problem ?: "");
		return;
	}
	is_printable(grant->dest);
	is_printable(grant->json);
	told.grants++;
	told.until_ns = grant->until_ns;
	snprintf(told.name, sizeof(told.name), "%s %s %s %s", grant->grant, grant->action,
		 grant->dest, grant->scope);
}

static void on_revoked(const char *error, const char *problem, uint64_t cookie, void *user)
{
	assert_ptr_equal(user, &told);
	told.revoked++;
	told.cookie = cookie;
	snprintf(told.failed, sizeof(told.failed), "%s", error ?: "");
	snprintf(told.problem, sizeof(told.problem), "%s", problem);
}

static void on_closed(int error, void *user)
{
	assert_ptr_equal(user, &told);
	told.closed++;
	told.error = error;
}

static const struct terok_client_events events = {
	.subscribed = on_subscribed,
	.event = on_event,
	.outcome = on_outcome,
	.answered = on_answered,
	.guard = on_guard,
	.entry = on_entry,
	.grant = on_grant,
	.revoked = on_revoked,
	.closed = on_closed,
};

static int setup(void **state)
{
	struct problem why = {};

	(void)state;
	memset(&told, 0, sizeof(told));
	strcpy(folder, "/tmp/test_client.XXXXXX");
	if (!mkdtemp(folder))
		return -1;
	snprintf(path, sizeof(path), "%s/sock", folder);
	if (sock_listen(path, 0600, &listen_fd, &why) ||
	    terok_client_open(path, &events, &told, &client))
		return -1;
	stream_fd = accept4(listen_fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	calls_fd = accept4(listen_fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	return stream_fd < 0 || calls_fd < 0 ? -1 : 0;
}

static int teardown(void **state)
{
	(void)state;
	terok_client_close(TAKE_PTR(client));
	closep(&stream_fd);
	closep(&calls_fd);
	closep(&listen_fd);
	unlink(path);
	return rmdir(folder);
}

/* The client does all that its descriptor says there is to do; its last word. */
static int process(void)
{
	struct pollfd ready = { .fd = terok_client_fd(client), .events = POLLIN };
	int r = 0;

	while (!r && poll(&ready, 1, 0) > 0)
		r = terok_client_process(client);
	return r;
}

/* A frame as the hub's, its NUL included. */
static int hub_says(int fd, const char *frame)
{
	assert_int_equal(send(fd, frame, strlen(frame) + 1, MSG_NOSIGNAL), strlen(frame) + 1);
	return process();
}

static void hub_hears(int fd, const char *frame)
{
	char buf[1024];
	ssize_t n = recv(fd, buf, sizeof(buf), MSG_PEEK);

	assert_true(n > 0);
	assert_non_null(memchr(buf, '\0', n));
	assert_string_equal(buf, frame);
	recv(fd, buf, strlen(frame) + 1, 0);
}

static void a_subscription_stands_with_the_first_reply(void **state)
{
	(void)state;
	assert_int_equal(terok_client_monitor(client, 0, true), 0);
	hub_hears(stream_fd, MONITOR("\"replay\":true"));
	assert_int_equal(told.subscribed, 0);
	assert_int_equal(hub_says(stream_fd, STANDS), 0);
	assert_int_equal(told.subscribed, 1);
	assert_int_equal(told.events, 0);
	assert_int_equal(terok_client_monitor(client, 0, false), -EALREADY);
	assert_int_equal(hub_says(stream_fd, EVENT("\"sequence\":7,\"ok\":true,\"name\":\"box\","
						   "\"process\":{\"pid\":9,\"comm\":\"curl\"}")),
			 0);
	assert_int_equal(told.subscribed, 1);
	assert_int_equal(told.events, 1);
	assert_int_equal(told.lost, 3);
	assert_int_equal(told.sequence, 7);
	assert_int_equal(told.pid, 9);
	assert_true(told.ok);
	assert_string_equal(told.name, "box");
	assert_string_equal(told.comm, "curl");
	assert_string_equal(told.json, "{\"sequence\":7,\"ok\":true,\"name\":\"box\",\"process\":"
				       "{\"pid\":9,\"comm\":\"curl\"}}");
}

static void one_guard_can_be_followed(void **state)
{
	(void)state;
	assert_int_equal(terok_client_monitor(client, 5, false), 0);
	hub_hears(stream_fd, MONITOR("\"guard\":5"));
}

static void bytes_may_come_one_at_a_time(void **state)
{
	static const char script[] = STANDS
	    "\0" EVENT("\"sequence\":1") "\0" EVENT("\"sequence\":2,\"name\":\"two\"");

	(void)state;
	for (size_t i = 0; i < sizeof(script); i++) {
		assert_int_equal(told.events,
				 i > strlen(STANDS) + 1 + strlen(EVENT("\"sequence\":1")));
		assert_int_equal(send(stream_fd, script + i, 1, MSG_NOSIGNAL), 1);
		assert_int_equal(process(), 0);
	}
	assert_int_equal(told.events, 2);
	assert_int_equal(told.sequence, 2);
	assert_string_equal(told.name, "two");
}

static void many_frames_may_come_at_once(void **state)
{
	static const char script[] = STANDS
	    "\0" EVENT("\"sequence\":1") "\0" EVENT("\"sequence\":2") "\0{\"parameters\":{";

	(void)state;
	assert_int_equal(send(stream_fd, script, sizeof(script) - 1, 0), sizeof(script) - 1);
	assert_int_equal(process(), 0);
	assert_int_equal(told.events, 2);
	assert_int_equal(hub_says(stream_fd, "\"event\":{\"sequence\":3}}}"), 0);
	assert_int_equal(told.sequence, 3);
}

static void a_field_that_is_missing_or_of_another_kind_is_empty(void **state)
{
	(void)state;
	hub_says(stream_fd, STANDS);
	assert_int_equal(hub_says(stream_fd, EVENT("\"name\":7,\"process\":[],\"new\":{\"x\":1}")),
			 0);
	assert_int_equal(told.events, 1);
	assert_string_equal(told.name, "");
	assert_int_equal(told.pid, 0);
	assert_int_equal(hub_says(stream_fd, "{\"parameters\":{\"event\":null,\"lost\":9}}"), 0);
	assert_int_equal(told.events, 1);
}

static void ancestors_are_told_as_far_as_there_is_room(void **state)
{
	(void)state;
	hub_says(stream_fd, STANDS);
	hub_says(stream_fd,
		 EVENT("\"wall_ns\":1700000000000000000,\"parents\":[\"a\",7,\"\\u001b\"]"));
	assert_int_equal(told.parents, 2);
	assert_int_equal(told.wall_ns, 1700000000000000000);
	hub_says(stream_fd,
		 EVENT("\"parents\":[\"1\",\"2\",\"3\",\"4\",\"5\",\"6\",\"7\",\"8\",\"9\"]"));
	assert_int_equal(told.parents, TEROK_PARENTS);
	hub_says(stream_fd, EVENT("\"parents\":\"a\""));
	assert_int_equal(told.parents, 0);
}

static void text_of_the_hub_is_made_printable(void **state)
{
	(void)state;
	hub_says(stream_fd, STANDS);
	hub_says(stream_fd, EVENT("\"name\":\"a\\u001b[31mb\\u007f\",\"process\":{\"comm\":"
				  "\"caf\xc3\xa9\\n\"}"));
	assert_int_equal(told.events, 1);
	assert_string_equal(told.name, "a [31mb ");
	assert_string_equal(told.comm, "caf   ");
}

static void the_event_as_it_came_is_printable_too(void **state)
{
	(void)state;
	hub_says(stream_fd, STANDS);
	/* a field that this client does not know, and one of another kind */
	hub_says(stream_fd, EVENT("\"sequence\":1,\"new\":\"\\u009b31m\\u202e\\u007f\","
				  "\"port\":\"\xc3\xa9\""));
	assert_int_equal(told.events, 1);
}

static void answers_come_back_in_order_with_their_cookies(void **state)
{
	(void)state;
	assert_int_equal(terok_client_answer(client, "c:1", "allow", "session", 0, 0), 0);
	assert_int_equal(terok_client_answer(client, "c:2", "deny", "time", 90, 1), 0);
	assert_int_equal(terok_client_list_guards(client), 0);
	assert_int_equal(terok_client_answer(client, "c\"3", "allow", "once", 90, 2), 0);
	hub_hears(calls_fd,
		  ANSWER("\"request_id\":\"c:1\",\"action\":\"allow\",\"scope\":\"session\""));
	hub_hears(calls_fd, ANSWER("\"request_id\":\"c:2\",\"action\":\"deny\",\"scope\":\"time\","
				   "\"seconds\":90"));
	hub_hears(calls_fd, "{\"method\":\"org.terok.Firewall1.ListGuards\"}");
	hub_hears(calls_fd,
		  ANSWER("\"request_id\":\"c\\\"3\",\"action\":\"allow\",\"scope\":\"once\""));

	assert_int_equal(hub_says(calls_fd, "{\"parameters\":{\"until_ns\":0}}"), 0);
	assert_string_equal(told.order, "a");
	assert_string_equal(told.failed, "");
	assert_int_equal(hub_says(calls_fd,
				  "{\"error\":\"org.terok.Firewall1.NotApplied\",\"parameters\":{"
				  "\"request_id\":\"c:2\",\"reason\":\"full\\n\"}}"),
			 0);
	assert_string_equal(told.failed, "org.terok.Firewall1.NotApplied");
	assert_string_equal(told.problem, "full ");
	hub_says(calls_fd, "{\"parameters\":{\"guards\":[{\"guard\":1,\"name\":\"x\"},7,"
			   "{\"guard\":2,\"name\":\"box\",\"counters\":{\"refused\":5}}]}}");
	assert_int_equal(told.guards, 2);
	assert_int_equal(told.lists, 1);
	assert_int_equal(told.sequence, 5);
	assert_string_equal(told.name, "box");
	hub_says(calls_fd, "{\"error\":\"org.terok.Firewall1.UnknownRequest\",\"parameters\":{"
			   "\"request_id\":\"c\"}}");
	assert_string_equal(told.order, "ab.c");
	assert_string_equal(told.problem, "nobody waits for that answer (any more)");
	assert_int_equal(told.closed, 0);
}

static void an_answer_says_how_much_is_meant(void **state)
{
	struct terok_answer answer = { .action = "allow", .reach = "children", .ports = "any" };

	(void)state;
	assert_int_equal(terok_client_answer_with(client, "c:1", &answer, 1), 0);
	hub_hears(calls_fd, ANSWER("\"request_id\":\"c:1\",\"action\":\"allow\","
				   "\"reach\":\"children\",\"ports\":\"any\""));
	answer = (struct terok_answer){ .action = "deny", .scope = "time", .seconds = 5 };
	assert_int_equal(terok_client_answer_with(client, "c:1", &answer, 2), 0);
	hub_hears(calls_fd, ANSWER("\"request_id\":\"c:1\",\"action\":\"deny\","
				   "\"scope\":\"time\",\"seconds\":5"));
}

static void an_outcome_is_told_before_its_answer(void **state)
{
	(void)state;
	assert_int_equal(terok_client_answer(client, "c:1", "allow", "session", 0, 1), 0);
	assert_int_equal(terok_client_answer(client, "c:2", "allow", "session", 0, 2), 0);
	assert_int_equal(terok_client_answer(client, "c:3", "allow", "session", 0, 3), 0);
	assert_int_equal(hub_says(calls_fd, "{\"parameters\":{\"until_ns\":77}}"), 0);
	assert_int_equal(told.outcomes, 1);
	assert_false(told.already);
	assert_int_equal(told.until_ns, 77);
	assert_string_equal(told.failed, "");
	assert_int_equal(
	    hub_says(calls_fd, "{\"error\":\"org.terok.Firewall1.AlreadyAnswered\",\"parameters\":"
			       "{\"request_id\":\"c:2\",\"action\":\"deny\",\"scope\":\"once\","
			       "\"until_ns\":78,\"uid\":1000,\"client\":\"web\",\"ok\":true}}"),
	    0);
	assert_int_equal(told.outcomes, 2);
	assert_true(told.already);
	assert_int_equal(told.until_ns, 78);
	assert_int_equal(told.uid, 1000);
	assert_string_equal(told.name, "deny once web");
	assert_string_equal(told.failed, "org.terok.Firewall1.AlreadyAnswered");
	assert_string_equal(told.problem, "user 1000 has answered it already by web: deny, once");
	/* what failed has none */
	assert_int_equal(hub_says(calls_fd, "{\"error\":\"org.terok.Firewall1.NotApplied\"}"), 0);
	assert_int_equal(told.outcomes, 2);
}

static void entries_of_the_journal_come_with_the_news_whether_there_are_more(void **state)
{
	(void)state;
	assert_int_equal(terok_client_history(client, 0, 0, 2), 0);
	assert_int_equal(terok_client_history(client, 7, 12, 1000), 0);
	hub_hears(calls_fd,
		  "{\"method\":\"org.terok.Firewall1.History\",\"parameters\":{\"limit\":2}}");
	hub_hears(calls_fd, "{\"method\":\"org.terok.Firewall1.History\",\"parameters\":{"
			    "\"guard\":7,\"after\":12,\"limit\":1000}}");
	assert_int_equal(hub_says(calls_fd,
				  "{\"parameters\":{\"entries\":[{\"number\":13},7,{\"number\":12,"
				  "\"type\":\"verdict\",\"dest\":\"a.example\",\"client\":\"web\","
				  "\"uid\":4001,\"ok\":true,\"process\":\"\\u001b\"}],"
				  "\"more\":true}}"),
			 0);
	assert_int_equal(told.entries, 2);
	assert_int_equal(told.sequence, 12);
	assert_string_equal(told.name, "verdict a.example web");
	assert_int_equal(told.uid, 4001);
	assert_true(told.ok);
	assert_int_equal(told.pages, 1);
	assert_true(told.more);
	assert_int_equal(hub_says(calls_fd, "{\"error\":\"org.terok.Firewall1.NoHistory\","
					    "\"parameters\":{\"reason\":\"disk\"}}"),
			 0);
	assert_int_equal(told.pages, 2);
	assert_false(told.more);
	assert_string_equal(told.problem, "disk");
	assert_int_equal(told.closed, 0);
}

static void grants_come_and_are_taken_back(void **state)
{
	(void)state;
	assert_int_equal(terok_client_list_grants(client, 7), 0);
	assert_int_equal(terok_client_revoke(client, "123", 9), 0);
	assert_int_equal(terok_client_revoke(client, "124", 10), 0);
	hub_hears(calls_fd, "{\"method\":\"org.terok.Firewall1.ListGrants\",\"parameters\":{"
			    "\"guard\":7}}");
	hub_hears(calls_fd, "{\"method\":\"org.terok.Firewall1.Revoke\",\"parameters\":{"
			    "\"grant\":\"123\"}}");
	assert_int_equal(hub_says(calls_fd,
				  "{\"parameters\":{\"grants\":[{\"grant\":\"122\"},7,"
				  "{\"grant\":\"123\",\"action\":\"allow\",\"dest\":\"a\\u001bb\","
				  "\"scope\":\"time\",\"until_ns\":77}],\"more\":true}}"),
			 0);
	assert_int_equal(told.grants, 2);
	assert_int_equal(told.grant_lists, 1);
	assert_true(told.more);
	assert_int_equal(told.until_ns, 77);
	assert_string_equal(told.name, "123 allow a b time");
	assert_int_equal(hub_says(calls_fd, "{}"), 0);
	assert_int_equal(told.revoked, 1);
	assert_int_equal(told.cookie, 9);
	assert_string_equal(told.failed, "");
	assert_int_equal(hub_says(calls_fd, "{\"error\":\"org.terok.Firewall1.UnknownGrant\","
					    "\"parameters\":{\"grant\":\"124\"}}"),
			 0);
	assert_int_equal(told.revoked, 2);
	assert_int_equal(told.cookie, 10);
	assert_string_equal(told.problem, "there is no such grant (any more)");
	assert_int_equal(told.closed, 0);
}

static void an_error_without_a_reason_is_told_by_its_name(void **state)
{
	(void)state;
	assert_int_equal(terok_client_answer(client, "c:1", "allow", "session", 0, 9), 0);
	assert_int_equal(hub_says(calls_fd, "{\"error\":\"a.b.C\"}"), 0);
	assert_string_equal(told.failed, "a.b.C");
	assert_string_equal(told.problem, "a.b.C");
	assert_int_equal(told.cookie, 9);
}

static void there_is_an_end_to_answers_on_their_way(void **state)
{
	char buf[1 << 16];

	(void)state;
	for (unsigned i = 0; i < CALLS_MAX; i++)
		assert_int_equal(terok_client_answer(client, "c:1", "allow", "once", 0, i), 0);
	assert_int_equal(terok_client_answer(client, "c:1", "allow", "once", 0, 999), -EBUSY);
	assert_true(recv(calls_fd, buf, sizeof(buf), 0) > 0);
	assert_int_equal(hub_says(calls_fd, "{}"), 0);
	assert_int_equal(terok_client_answer(client, "c:1", "allow", "once", 0, 1000), 0);
	for (unsigned i = 0; i < CALLS_MAX; i++)
		assert_int_equal(hub_says(calls_fd, "{}"), 0);
	assert_int_equal(told.answered, CALLS_MAX + 1);
	assert_int_equal(told.cookie, 1000);
}

static void a_hub_that_breaks_the_protocol_is_closed(void **state)
{
	static const struct {
		bool calls;
		const char *frame;
	} cases[] = {
		{ false, "garbage" },
		{ false, "" },
		{ false, "[]" },
		{ false, "{\"parameters\":{\"event\":{\"name\":\"\xff\"}}}" },
		{ false, "{\"parameters\":{\"event\":7}}" },
		{ false, "{\"parameters\":7}" },
		{ false, "{\"error\":\"org.varlink.service.MethodNotFound\"}" },
		{ true, "garbage" },
		{ true, "{}" }, /* an answer to nothing */
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		if (i) {
			assert_int_equal(teardown(NULL), 0);
			assert_int_equal(setup(NULL), 0);
		}
		assert_int_equal(hub_says(stream_fd, STANDS), 0); /* control */
		assert_int_equal(hub_says(cases[i].calls ? calls_fd : stream_fd, cases[i].frame),
				 -EPROTO);
		assert_int_equal(told.closed, 1);
		assert_int_equal(told.error, -EPROTO);
		assert_int_equal(terok_client_process(client), -ENOTCONN);
		assert_int_equal(terok_client_answer(client, "c:1", "deny", "once", 0, 0),
				 -ENOTCONN);
		assert_int_equal(told.closed, 1);
	}
}

static void a_hub_that_never_ends_a_frame_is_closed(void **state)
{
	static char much[64 << 10];
	int r = 0;

	(void)state;
	memset(much, ' ', sizeof(much));
	for (int i = 0; !r && i < 1024; i++) {
		ssize_t n = send(stream_fd, much, sizeof(much), MSG_DONTWAIT | MSG_NOSIGNAL);

		assert_true(n > 0);
		r = process();
	}
	assert_int_equal(r, -EPROTO);
	assert_int_equal(told.error, -EPROTO);
}

static void a_hub_that_goes_away_is_no_error(void **state)
{
	(void)state;
	hub_says(stream_fd, STANDS);
	/* what it said before is still told */
	assert_int_equal(
	    send(stream_fd, EVENT("\"sequence\":4"), sizeof(EVENT("\"sequence\":4")), 0),
	    sizeof(EVENT("\"sequence\":4")));
	closep(&stream_fd);
	assert_true(process() < 0);
	assert_int_equal(told.sequence, 4);
	assert_int_equal(told.closed, 1);
	assert_int_equal(told.error, 0);

	assert_int_equal(teardown(NULL), 0);
	assert_int_equal(setup(NULL), 0);
	closep(&calls_fd); /* either of the two is the end */
	assert_true(process() < 0);
	assert_int_equal(told.closed, 1);
	assert_int_equal(told.error, 0);
}

static void no_hub_is_an_error_with_a_name(void **state)
{
	struct terok_client *other = NULL;

	(void)state;
	assert_int_equal(terok_client_open("/nonexistent/sock", &events, &told, &other), -ENOENT);
	closep(&listen_fd); /* the file stays, nobody listens */
	assert_int_equal(terok_client_open(path, &events, &told, &other), -ECONNREFUSED);
	assert_null(other);
	terok_client_close(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
		T(a_subscription_stands_with_the_first_reply),
		T(one_guard_can_be_followed),
		T(bytes_may_come_one_at_a_time),
		T(many_frames_may_come_at_once),
		T(a_field_that_is_missing_or_of_another_kind_is_empty),
		T(ancestors_are_told_as_far_as_there_is_room),
		T(text_of_the_hub_is_made_printable),
		T(the_event_as_it_came_is_printable_too),
		T(answers_come_back_in_order_with_their_cookies),
		T(an_answer_says_how_much_is_meant),
		T(an_outcome_is_told_before_its_answer),
		T(entries_of_the_journal_come_with_the_news_whether_there_are_more),
		T(grants_come_and_are_taken_back),
		T(an_error_without_a_reason_is_told_by_its_name),
		T(there_is_an_end_to_answers_on_their_way),
		T(a_hub_that_breaks_the_protocol_is_closed),
		T(a_hub_that_never_ends_a_frame_is_closed),
		T(a_hub_that_goes_away_is_no_error),
		T(no_hub_is_an_error_with_a_name),
	};

	return cmocka_run_group_tests_name("client", tests, NULL, NULL);
}
