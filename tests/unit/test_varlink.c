// SPDX-License-Identifier: Apache-2.0
/*
 * test_varlink.c - base/varlink.c: every answer to the byte, the order of calls, greedy peers
 *
 * Peers and server live in this one thread: a unix socket hands over what is sent before
 * send() returns, so after a few turns of the loop all that will happen has happened.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <cmocka.h>

#include "base/cleanup.h"
#include "base/sock.h"
#include "base/varlink.h"

#define TURNS    256 /* of the loop: more than any test has steps */
#define PEERS    600
#define TEST     "com.example.Test1"
#define SERVICE  "org.varlink.service"
#define CALL(m)  "{\"method\":\"" m "\"}"
#define ECHO(s)  "{\"method\":\"" TEST ".Echo\",\"parameters\":{\"text\":\"" s "\"}}"
#define SAID(s)  "{\"parameters\":{\"text\":\"" s "\",\"n\":0}}"
#define STREAM   "{\"method\":\"" TEST ".Stream\",\"more\":true}"
#define LATER    CALL(TEST ".Later")
#define LATE     "{\"parameters\":{\"late\":true}}"
#define VIOLATED "{\"error\":\"invalid.asyncvarlink.ProtocolViolation\"}"
#define WRONG(p)                                                                                   \
	"{\"error\":\"" SERVICE ".InvalidParameter\",\"parameters\":{\"parameter\":\"" p "\"}}"
#define INFO                                                                                       \
	"{\"parameters\":{\"vendor\":\"v\",\"product\":\"p\",\"version\":\"1\","                   \
	"\"url\":\"https://example.com\",\"interfaces\":"                                          \
	"[\"com.example.Test1\",\"org.varlink.service\",\"org.zebra.Empty1\"]}}"

static struct loop *loop;
static struct varlink_server *server;
static char folder[64], path[96];
static int listen_fd, peers[PEERS];
static unsigned n_peers, echoes, gone, drained;
static struct varlink_call *later, *streaming;

/* --- the fake interface -------------------------------------------------------------- */

static void run_echo(struct varlink_call *call, struct json_object *parameters)
{
	_cleanup_json_ struct json json = {};

	assert_string_equal(varlink_call_user(call), "the user");
	echoes++;
	json_open_object(&json, NULL);
	json_add_string(&json, "text",
			json_object_get_string(json_object_object_get(parameters, "text")));
	json_add_int(&json, "n", json_object_get_int64(json_object_object_get(parameters, "n")));
	json_close_object(&json);
	varlink_reply(call, json_done(&json));
}

static void run_nothing(struct varlink_call *call, struct json_object *parameters)
{
	(void)parameters;
	varlink_reply(call, "{}");
}

#define LONG (64 << 10)

static void run_long(struct varlink_call *call, struct json_object *parameters)
{
	static char text[LONG];

	(void)parameters;
	echoes++;
	memset(text, ' ', sizeof(text) - 1);
	memcpy(text, "{\"x\":0", 6);
	text[sizeof(text) - 2] = '}';
	varlink_reply(call, text);
}

static void on_gone(void *owner)
{
	assert_ptr_equal(owner, &gone);
	gone++;
	later = streaming = NULL;
}

static void on_drained(void *owner)
{
	(void)owner;
	drained++;
}

static void run_later(struct varlink_call *call, struct json_object *parameters)
{
	(void)parameters;
	later = call;
	varlink_keep(call, &gone, NULL, on_gone);
}

static void run_stream(struct varlink_call *call, struct json_object *parameters)
{
	(void)parameters;
	streaming = call;
	varlink_keep(call, &gone, on_drained, on_gone);
	varlink_stream(call, "{\"continues\":true}", sizeof("{\"continues\":true}"));
}

static const struct varlink_param echo_params[] = {
	{ "text", json_type_string, false },
	{ "n", json_type_int, true },
};
static const struct varlink_param pair_params[] = {
	{ "first", json_type_string, false },
	{ "second", json_type_int, false },
};
static const struct varlink_method methods[] = {
	{ "Echo", echo_params, 2, false, run_echo }, { "Pair", pair_params, 2, false, run_nothing },
	{ "Later", NULL, 0, false, run_later },      { "Stream", NULL, 0, true, run_stream },
	{ "Nothing", NULL, 0, false, run_nothing },  { "Long", NULL, 0, false, run_long },
};
static const struct varlink_interface interfaces[] = {
	{ TEST, "# \"quoted\"\ninterface com.example.Test1\n", methods, 6 },
	{ "org.zebra.Empty1", "interface org.zebra.Empty1\n", NULL, 0 },
};

/* --- peers --------------------------------------------------------------------------- */

static int setup(void **state)
{
	static const struct varlink_info info = { "v", "p", "1", "https://example.com" };
	struct problem why = {};

	(void)state;
	n_peers = echoes = gone = drained = 0;
	later = streaming = NULL;
	strcpy(folder, "/tmp/test_varlink.XXXXXX");
	if (!mkdtemp(folder))
		return -1;
	snprintf(path, sizeof(path), "%s/sock", folder);
	if (loop_new(&loop) || sock_listen(path, 0600, &listen_fd, &why))
		return -1;
	return varlink_server_new(loop, listen_fd, &info, interfaces, 2, "the user", &server);
}

static int teardown(void **state)
{
	(void)state;
	while (n_peers)
		closep(&peers[--n_peers]);
	varlink_server_free(TAKE_PTR(server));
	loop_free(loop);
	close(listen_fd);
	unlink(path);
	return rmdir(folder);
}

static int turn_over(struct timer *timer)
{
	(void)timer;
	return 1;
}

/* One round of the loop each, without waiting. */
static void turns(unsigned n)
{
	while (n--) {
		struct timer timer = {};

		timer_arm(loop, &timer, now_boot_ns(), turn_over); /* behind those that are due */
		assert_int_equal(loop_run(loop), 1);
	}
}

static int dial(void)
{
	int fd = sock_connect(path);

	assert_true(fd >= 0);
	assert_true(n_peers < PEERS);
	peers[n_peers++] = fd;
	return fd;
}

static void hang_up(int fd)
{
	for (unsigned i = 0; i < n_peers; i++)
		if (peers[i] == fd)
			closep(&peers[i]);
	turns(TURNS);
}

/* As many of the bytes as the server takes; it gets every chance to. */
static size_t push(int fd, const char *bytes, size_t size)
{
	size_t done = 0;

	for (unsigned idle = 0; done < size && idle < TURNS;) {
		ssize_t n = send(fd, bytes + done, size - done, MSG_DONTWAIT | MSG_NOSIGNAL);

		idle = n > 0 ? 0 : idle + 1;
		done += n > 0 ? n : 0;
		turns(1);
	}
	return done;
}

static void say(int fd, const char *frame)
{
	assert_int_equal(push(fd, frame, strlen(frame) + 1), strlen(frame) + 1);
	turns(TURNS);
}

/* The next frame that has come; NULL: none. */
static const char *heard(int fd)
{
	static char buf[1 << 20];
	ssize_t n;
	char *nul;

	turns(TURNS);
	n = recv(fd, buf, sizeof(buf), MSG_PEEK | MSG_DONTWAIT);
	nul = n > 0 ? memchr(buf, '\0', n) : NULL;
	if (n <= 0)
		return NULL;
	assert_non_null(nul);
	assert_int_equal(recv(fd, buf, nul + 1 - buf, MSG_DONTWAIT), nul + 1 - buf);
	return buf;
}

static void hear(int fd, const char *frame)
{
	const char *text = heard(fd);

	assert_non_null(text);
	assert_string_equal(text, frame);
}

static void hear_nothing(int fd)
{
	char byte;

	turns(TURNS);
	assert_int_equal(recv(fd, &byte, 1, MSG_DONTWAIT), -1);
	assert_int_equal(errno, EAGAIN);
}

static void hear_end(int fd)
{
	char byte;
	ssize_t n;

	turns(TURNS);
	n = recv(fd, &byte, 1, MSG_DONTWAIT);
	/* reset: it had not read all that was sent */
	assert_true(n == 0 || (n < 0 && errno == ECONNRESET));
}

static void is_served(int fd)
{
	say(fd, ECHO("still here"));
	hear(fd, SAID("still here"));
}

/* --- answers to the byte ------------------------------------------------------------- */

static void the_service_tells_its_interfaces_in_order(void **state)
{
	int fd = dial();

	(void)state;
	say(fd, CALL(SERVICE ".GetInfo"));
	hear(fd, INFO);
	say(fd, "{\"method\":\"" SERVICE ".GetInfo\",\"parameters\":{}}");
	hear(fd, INFO);
}

static void a_description_is_the_text_itself(void **state)
{
#define DESCRIBE(i)                                                                                \
	"{\"method\":\"" SERVICE ".GetInterfaceDescription\",\"parameters\":{\"interface\":\"" i   \
	"\"}}"
	int fd = dial();
	const char *text;

	(void)state;
	say(fd, DESCRIBE(TEST));
	hear(fd, "{\"parameters\":{\"description\":\"# \\\"quoted\\\"\\ninterface "
		 "com.example.Test1\\n\"}}");
	say(fd, DESCRIBE(SERVICE));
	text = heard(fd);
	assert_non_null(text);
	assert_non_null(strstr(text, "\\ninterface org.varlink.service\\n\\nmethod GetInfo() -> "));

	say(fd, DESCRIBE("x.y"));
	hear(fd, "{\"error\":\"org.varlink.service.InterfaceNotFound\","
		 "\"parameters\":{\"interface\":\"x.y\"}}");
}

static void what_is_not_there_is_named(void **state)
{
#define ABSENT(what, key, name)                                                                    \
	"{\"error\":\"" SERVICE "." what "NotFound\",\"parameters\":{\"" key "\":\"" name "\"}}"
	int fd = dial();

	(void)state;
	say(fd, CALL("x.y.Method"));
	hear(fd, ABSENT("Interface", "interface", "x.y"));
	say(fd, CALL(TEST ".Absent"));
	hear(fd, ABSENT("Method", "method", "Absent"));
	say(fd, CALL(SERVICE ".Absent"));
	hear(fd, ABSENT("Method", "method", "Absent"));
	say(fd, CALL("org.zebra.Empty1.Echo"));
	hear(fd, ABSENT("Method", "method", "Echo"));
	is_served(fd);
}

static void the_first_wrong_parameter_is_named(void **state)
{
	static const struct {
		const char *method, *parameters, *answer;
	} cases[] = {
		{ "Echo", "{\"text\":\"x\",\"n\":7}", "{\"parameters\":{\"text\":\"x\",\"n\":7}}" },
		{ "Echo", "{\"n\":7,\"text\":\"x\"}", "{\"parameters\":{\"text\":\"x\",\"n\":7}}" },
		{ "Echo", "{\"text\":\"x\",\"n\":null}", SAID("x") },
		{ "Echo", "{\"text\":\"x\"}", SAID("x") },
		{ "Echo", "{}", WRONG("text") },
		{ "Echo", "{\"text\":1}", WRONG("text") },
		{ "Echo", "{\"text\":null}", WRONG("text") },
		{ "Echo", "{\"text\":\"x\",\"n\":\"7\"}", WRONG("n") },
		{ "Echo", "{\"text\":\"x\",\"n\":7.0}", WRONG("n") },
		{ "Echo", "{\"text\":\"x\",\"extra\":1}", WRONG("extra") },
		{ "Echo", "{\"text\":\"x\",\"z\":1,\"a\":1}", WRONG("z") },
		{ "Echo", "{\"extra\":1,\"n\":\"7\",\"text\":\"x\"}", WRONG("n") },
		{ "Echo", "{\"extra\":1}", WRONG("text") },
		{ "Pair", "{\"first\":\"x\",\"second\":1}", "{}" },
		{ "Pair", "{\"second\":\"x\",\"first\":1}", WRONG("first") },
		{ "Pair", "{\"second\":1}", WRONG("first") },
		{ "Pair", "{\"first\":\"x\",\"second\":null}", WRONG("second") },
		{ "Nothing", "{}", "{}" },
		{ "Nothing", "{\"x\":null}", WRONG("x") },
	};
	int fd = dial();

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char frame[256];

		snprintf(frame, sizeof(frame), "{\"method\":\"" TEST ".%s\",\"parameters\":%s}",
			 cases[i].method, cases[i].parameters);
		say(fd, frame);
		hear(fd, cases[i].answer);
	}
	say(fd, CALL(TEST ".Echo")); /* no parameters at all */
	hear(fd, WRONG("text"));
}

static void a_stream_must_be_called_with_more(void **state)
{
	int fd = dial();

	(void)state;
	say(fd, CALL(TEST ".Stream"));
	hear(fd, "{\"error\":\"org.varlink.service.ExpectedMore\"}");
	say(fd, STREAM);
	hear(fd, "{\"continues\":true}");
}

static void an_object_that_is_no_call_is_a_violation(void **state)
{
	static const char *const frames[] = {
		"{}",
		"{\"parameters\":{}}",
		"{\"method\":null}",
		"{\"method\":\"\"}",
		CALL("Echo"),
		CALL("Test1.Echo"),
		CALL(".Echo"),
		CALL("com.example.Test1."),
		CALL("com.example.Test1.echo"),
		CALL("com.example.Test1.Echo\\u0000"),
		"{\"method\":\"" TEST ".Nothing\",\"parameters\":[]}",
		"{\"method\":\"" TEST ".Nothing\",\"parameters\":\"x\"}",
		"{\"method\":\"" TEST ".Nothing\",\"more\":1}",
		"{\"method\":\"" TEST ".Nothing\",\"more\":null}",
		"{\"method\":\"" TEST ".Nothing\",\"oneway\":\"true\"}",
		"{\"method\":\"" TEST ".Nothing\",\"upgrade\":0}",
		"{\"method\":\"" TEST ".Nothing\",\"more\":true,\"upgrade\":true}",
	};
	int fd = dial();

	(void)state;
	say(fd, CALL(TEST ".Nothing"));
	hear(fd, "{}");
	say(fd, "{\"method\":\"" TEST ".Nothing\",\"more\":true,\"oneway\":false}");
	hear(fd, "{}");
	say(fd, "{\"method\":\"" TEST ".Nothing\",\"parameters\":null}");
	hear(fd, "{}");
	for (size_t i = 0; i < sizeof(frames) / sizeof(frames[0]); i++) {
		say(fd, frames[i]);
		hear(fd, VIOLATED);
	}
	is_served(fd);
}

static void what_cannot_be_parsed_is_ignored(void **state)
{
	static const char *const frames[] = {
		"",
		"garbage",
		"{\"method\":\"" TEST ".Nothing\"",
		"{\"method\":\"" TEST ".Nothing\"} trailing",
		"{\"method\":\"" TEST ".Nothing\"}{}",
		"[" CALL(TEST ".Nothing") "]",
		"null",
		"\"" TEST ".Nothing\"",
		"{\"method\":\"" TEST ".Noth\xffing\"}",
		"{\"method\":\"" TEST ".Nothing\",\"parameters\":{\"x\":\"\xc3(\"}}",
	};
	int fd = dial();

	(void)state;
	for (size_t i = 0; i < sizeof(frames) / sizeof(frames[0]); i++) {
		say(fd, frames[i]);
		hear_nothing(fd);
		is_served(fd);
	}
}

static void a_oneway_call_gets_no_answer_not_even_an_error(void **state)
{
#define ONEWAY(m, more) "{\"method\":\"" m "\",\"oneway\":true" more "}"
	int fd = dial();

	(void)state;
	say(fd, ONEWAY(TEST ".Echo", ",\"parameters\":{\"text\":\"x\"}"));
	assert_int_equal(echoes, 1); /* it ran */
	say(fd, ONEWAY(TEST ".Echo", ""));
	say(fd, ONEWAY(TEST ".Absent", ""));
	say(fd, ONEWAY("no method", ""));
	say(fd, ONEWAY(TEST ".Nothing", ",\"more\":true"));
	say(fd, ONEWAY(TEST ".Stream", ""));
	say(fd, ONEWAY(TEST ".Later", ""));
	varlink_error(TAKE_PTR(later), "a.b.C", NULL);
	hear_nothing(fd);
	is_served(fd);
}

/* --- order --------------------------------------------------------------------------- */

static void pipelined_calls_are_answered_in_order(void **state)
{
	static const char both[] = ECHO("1") "\0" ECHO("2");
	int fd = dial();

	(void)state;
	assert_int_equal(push(fd, both, sizeof(both)), sizeof(both));
	hear(fd, SAID("1"));
	hear(fd, SAID("2"));
}

static void bytes_that_come_one_at_a_time_make_no_difference(void **state)
{
	static const char script[] = ECHO("1") "\0garbage\0\0{}\0" CALL(SERVICE ".GetInfo") //
	    "\0" CALL(TEST ".Echo") "\0" ECHO("\xc3\xa9") "\0" CALL("x.y.Z");
	static char whole[8192], bytes[8192];
	int fast = dial(), slow = dial();
	ssize_t n;

	(void)state;
	assert_int_equal(push(fast, script, sizeof(script)), sizeof(script));
	turns(TURNS);
	for (size_t i = 0; i < sizeof(script); i++) {
		assert_int_equal(send(slow, script + i, 1, MSG_DONTWAIT), 1);
		turns(2);
	}
	n = recv(fast, whole, sizeof(whole), MSG_DONTWAIT);
	assert_true(n > 0);
	assert_int_equal(recv(slow, bytes, sizeof(bytes), MSG_DONTWAIT), n);
	assert_memory_equal(whole, bytes, n);
	assert_memory_equal(whole, SAID("1") "\0" VIOLATED "\0" INFO, 100);
}

static void a_later_answer_holds_back_the_calls_behind_it(void **state)
{
	int fd = dial(), other = dial();

	(void)state;
	say(fd, ECHO("1"));
	say(fd, LATER);
	say(fd, ECHO("2"));
	say(fd, LATER);
	say(fd, ECHO("3"));
	hear(fd, SAID("1"));
	hear_nothing(fd);
	assert_int_equal(echoes, 1); /* not even begun */
	is_served(other);
	varlink_reply(TAKE_PTR(later), "{\"late\":true}");
	hear(fd, LATE);
	hear(fd, SAID("2"));
	hear_nothing(fd);
	varlink_error_text(TAKE_PTR(later), "a.b.Late", "why", "it \"is\"");
	hear(fd, "{\"error\":\"a.b.Late\",\"parameters\":{\"why\":\"it \\\"is\\\"\"}}");
	hear(fd, SAID("3"));
}

static void nothing_is_answered_behind_a_stream(void **state)
{
	static const char both[] = STREAM "\0" ECHO("behind"), noise[64 << 10];
	int fd = dial(), other = dial();

	(void)state;
	assert_int_equal(push(fd, both, sizeof(both)), sizeof(both));
	hear(fd, "{\"continues\":true}");
	say(fd, ECHO("later"));
	say(fd, CALL(SERVICE ".GetInfo"));
	hear_nothing(fd);
	assert_int_equal(echoes, 0);
	is_served(other);
	/* what it says does not heap up either */
	for (int i = 0; i < 64; i++)
		assert_int_equal(push(fd, noise, sizeof(noise)), sizeof(noise));
	varlink_stream(streaming, "{\"n\":1}", sizeof("{\"n\":1}"));
	hear(fd, "{\"n\":1}");
}

/* --- greed --------------------------------------------------------------------------- */

static void a_frame_without_end_ends_its_peer_alone(void **state)
{
	static char endless[1 << 20];
	int other = dial();

	(void)state;
	memset(endless, 'x', sizeof(endless));
	/* also in bites that meet the limit exactly */
	for (size_t bite = sizeof(endless); bite >= 1024; bite /= 4) {
		int fd = dial();
		size_t sent = 0;

		while (sent < sizeof(endless) && push(fd, endless, bite) == bite)
			sent += bite;
		assert_true(sent < sizeof(endless));
		is_served(other);
		hear_end(fd);
	}
}

/* A call of @size bytes, its NUL included: white space makes the length. */
static void long_call(char *buf, size_t size)
{
	memset(buf, ' ', size);
	memcpy(buf, ECHO("long"), sizeof(ECHO("long")) - 1);
	buf[size - 1] = '\0';
}

static void the_longest_frame_is_served_and_one_byte_more_is_not(void **state)
{
	static char frame[VARLINK_FRAME_MAX + 1];
	int fd = dial(), longer = dial();

	(void)state;
	long_call(frame, VARLINK_FRAME_MAX);
	assert_int_equal(push(fd, frame, VARLINK_FRAME_MAX), VARLINK_FRAME_MAX);
	hear(fd, SAID("long"));
	is_served(fd);
	long_call(frame, VARLINK_FRAME_MAX + 1);
	push(longer, frame, VARLINK_FRAME_MAX + 1);
	hear_end(longer);
	assert_int_equal(echoes, 2);
	is_served(fd);
}

#define KIB "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
#define BIG KIB KIB KIB KIB KIB KIB KIB KIB KIB KIB KIB KIB KIB KIB KIB KIB

static void a_peer_that_does_not_read_is_not_served_on(void **state)
{
	static const char call[] = ECHO(BIG);
	const unsigned n = 8192, room = (VARLINK_OUT_MAX + (1 << 20)) / 1024;
	int fd = dial(), other = dial();
	size_t sent = 0;
	unsigned told = 0;

	(void)state;
	for (unsigned i = 0; i < n && sent == i * sizeof(call); i++)
		sent += push(fd, call, sizeof(call));
	assert_true(sent < n * sizeof(call)); /* it stopped to read, too */
	assert_in_range(echoes, 1, room);     /* kernel buffers, ours, and one answer */
	is_served(other);
	/* nothing is lost: it reads, and hears the rest */
	for (const char *text; (text = heard(fd)); told++)
		assert_string_equal(text, SAID(BIG));
	assert_int_equal(told, sent / sizeof(call));
}

static void short_calls_for_long_answers_wait_for_room(void **state)
{
	static char calls[1000 * sizeof(CALL(TEST ".Long"))], answers[LONG];
	int fd = dial();
	unsigned told = 0;

	(void)state;
	for (size_t i = 0; i < sizeof(calls); i += sizeof(CALL(TEST ".Long")))
		memcpy(calls + i, CALL(TEST ".Long"), sizeof(CALL(TEST ".Long")));
	assert_int_equal(push(fd, calls, sizeof(calls)), sizeof(calls));
	turns(TURNS);
	assert_in_range(echoes, 1, (VARLINK_OUT_MAX + (1 << 20)) / LONG + 1);
	for (ssize_t n; (n = recv(fd, answers, sizeof(answers), MSG_DONTWAIT)) > 0; turns(4))
		for (ssize_t i = 0; i < n; i++)
			told += !answers[i];
	assert_int_equal(told, 1000);
}

static void a_stream_says_when_it_is_full_and_when_it_has_room(void **state)
{
	static const char frame[] = BIG;
	unsigned sent = 0, told = 0;
	int fd = dial();

	(void)state;
	say(fd, STREAM);
	hear(fd, "{\"continues\":true}");
	assert_false(varlink_stream_full(streaming));
	for (; !varlink_stream_full(streaming); sent++)
		varlink_stream(streaming, frame, sizeof(frame));
	turns(TURNS);
	assert_int_equal(drained, 0);
	assert_true(varlink_stream_full(streaming));
	for (const char *text; (text = heard(fd)); told++)
		assert_string_equal(text, frame);
	assert_int_equal(told, sent);
	assert_int_equal(drained, 1);
	assert_false(varlink_stream_full(streaming));
}

/* Connect as @uid: the kernel keeps who did. */
static int dial_as(uid_t uid)
{
	int fd;

	if (!getuid())
		assert_int_equal(seteuid(uid), 0);
	fd = dial();
	if (!getuid())
		assert_int_equal(seteuid(0), 0);
	turns(1); /* so that the backlog never fills */
	return fd;
}

static void one_user_cannot_keep_others_out(void **state)
{
	int first, last = -1;

	(void)state;
	assert_int_equal(chmod(folder, 0755), 0);
	assert_int_equal(chmod(path, 0666), 0);
	first = dial_as(1000);
	for (int i = 1; i < VARLINK_UID_MAX; i++)
		last = dial_as(1000);
	is_served(last);
	hear_end(dial_as(1000));
	is_served(first);
	hang_up(first);
	is_served(dial_as(1000));
	if (getuid()) {
		print_message("not root: that others are served meanwhile is not seen\n");
		return;
	}
	is_served(dial_as(1001));
	for (int i = 0; i <= VARLINK_UID_MAX; i++)
		last = dial_as(0);
	is_served(last);
}

/* --- ends ---------------------------------------------------------------------------- */

static void a_half_closed_peer_hears_its_answers_and_the_end(void **state)
{
	static const char both[] = ECHO("1") "\0" ECHO("2");
	int fd = dial(), patient = dial();

	(void)state;
	assert_int_equal(send(fd, both, sizeof(both), MSG_DONTWAIT), sizeof(both));
	assert_int_equal(shutdown(fd, SHUT_WR), 0);
	hear(fd, SAID("1"));
	hear(fd, SAID("2"));
	hear_end(fd);

	say(patient, LATER);
	assert_int_equal(shutdown(patient, SHUT_WR), 0);
	hear_nothing(patient);
	varlink_reply(TAKE_PTR(later), "{\"late\":true}");
	hear(patient, LATE);
	hear_end(patient);
	assert_int_equal(gone, 0);
}

static void a_half_closed_peer_hears_also_what_it_had_no_room_for(void **state)
{
	static const char call[] = ECHO(BIG);
	const unsigned n = 300; /* more than its socket holds, less than would wait */
	int fd = dial();
	unsigned told = 0;

	(void)state;
	for (unsigned i = 0; i < n; i++)
		assert_int_equal(push(fd, call, sizeof(call)), sizeof(call));
	assert_int_equal(shutdown(fd, SHUT_WR), 0);
	for (const char *text; (text = heard(fd)); told++)
		assert_string_equal(text, SAID(BIG));
	assert_int_equal(told, n);
	hear_end(fd);
}

static void a_peer_that_vanishes_takes_its_call_along(void **state)
{
	int fd = dial(), stream = dial(), other = dial();

	(void)state;
	say(fd, LATER);
	assert_non_null(later);
	assert_int_equal(gone, 0);
	hang_up(fd);
	assert_int_equal(gone, 1);
	say(stream, STREAM);
	hang_up(stream);
	assert_int_equal(gone, 2);
	say(other, LATER);
	varlink_reply(TAKE_PTR(later), NULL);
	hear(other, "{}");
	hang_up(other); /* an answered call is nobody's any more */
	assert_int_equal(gone, 2);
}

static void the_servers_end_ends_every_call(void **state)
{
	int fd = dial();

	(void)state;
	say(fd, LATER);
	varlink_server_free(TAKE_PTR(server));
	assert_int_equal(gone, 1);
	hear_end(fd);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
		T(the_service_tells_its_interfaces_in_order),
		T(a_description_is_the_text_itself),
		T(what_is_not_there_is_named),
		T(the_first_wrong_parameter_is_named),
		T(a_stream_must_be_called_with_more),
		T(an_object_that_is_no_call_is_a_violation),
		T(what_cannot_be_parsed_is_ignored),
		T(a_oneway_call_gets_no_answer_not_even_an_error),
		T(pipelined_calls_are_answered_in_order),
		T(bytes_that_come_one_at_a_time_make_no_difference),
		T(a_later_answer_holds_back_the_calls_behind_it),
		T(nothing_is_answered_behind_a_stream),
		T(a_frame_without_end_ends_its_peer_alone),
		T(the_longest_frame_is_served_and_one_byte_more_is_not),
		T(a_peer_that_does_not_read_is_not_served_on),
		T(short_calls_for_long_answers_wait_for_room),
		T(a_stream_says_when_it_is_full_and_when_it_has_room),
		T(one_user_cannot_keep_others_out),
		T(a_half_closed_peer_hears_its_answers_and_the_end),
		T(a_half_closed_peer_hears_also_what_it_had_no_room_for),
		T(a_peer_that_vanishes_takes_its_call_along),
		T(the_servers_end_ends_every_call),
	};

	return cmocka_run_group_tests_name("varlink", tests, NULL, NULL);
}
