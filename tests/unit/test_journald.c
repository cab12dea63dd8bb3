// SPDX-License-Identifier: Apache-2.0
/*
 * test_journald.c - base/journald.c and user/system_log.c: what of a container gets into the journal
 *
 * The test is the journal: it reads entries as journald does, and fails at any that is not one.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <endian.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <syslog.h>
#include <unistd.h>
#include <cmocka.h>

#include "base/cleanup.h"
#include "base/journald.h"
#include "system_log.h"

static char place[64];
static int journal = -1;
static struct journald to;
static struct journald_entry entry;

static struct field {
	char name[64], value[JOURNALD_MAX];
	size_t size;
} fields[64];
static unsigned n_fields;

/* The protocol, read as its manual says; whatever is wrong with it ends the test. */
static void take_apart(const char *bytes, size_t n)
{
	const char *end = bytes + n;

	for (n_fields = 0; bytes < end; n_fields++) {
		struct field *field = &fields[n_fields];
		const char *line = memchr(bytes, '\n', end - bytes);
		const char *equals = memchr(bytes, '=', line - bytes);
		uint64_t size;

		assert_true(n_fields < 64);
		assert_non_null(line);
		if (equals) {
			size = line - equals - 1;
			snprintf(field->name, sizeof(field->name), "%.*s", (int)(equals - bytes),
				 bytes);
			memcpy(field->value, equals + 1, size);
			bytes = line + 1;
		} else {
			snprintf(field->name, sizeof(field->name), "%.*s", (int)(line - bytes),
				 bytes);
			memcpy(&size, line + 1, sizeof(size));
			size = le64toh(size);
			assert_true(size <= (size_t)(end - line) - 1 - sizeof(size) - 1);
			memcpy(field->value, line + 1 + sizeof(size), size);
			bytes = line + 1 + sizeof(size) + size;
			assert_int_equal(*bytes++, '\n');
		}
		field->size = size;
		field->value[size] = '\0';
		assert_true(*field->name);
		assert_int_equal(strspn(field->name, "ABCDEFGHIJKLMNOPQRSTUVWXYZ_"),
				 strlen(field->name));
	}
}

/* The next entry; false: there is none. */
static bool hears(void)
{
	char bytes[2 * JOURNALD_MAX];
	ssize_t n = recv(journal, bytes, sizeof(bytes), MSG_DONTWAIT);

	if (n < 0)
		return false;
	take_apart(bytes, n);
	return true;
}

static const struct field *field(const char *name)
{
	const struct field *found = NULL;

	for (unsigned i = 0; i < n_fields; i++) {
		if (strcmp(fields[i].name, name) != 0)
			continue;
		assert_null(found); /* once */
		found = &fields[i];
	}
	return found;
}

static const char *value(const char *name)
{
	return field(name) ? field(name)->value : "";
}

static int setup(void **state)
{
	struct sockaddr_un sun = { .sun_family = AF_UNIX };
	int room = 1 << 20;

	(void)state;
	snprintf(place, sizeof(place), "/tmp/test_journald.%d", getpid());
	strcpy(sun.sun_path, place);
	journal = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	setsockopt(journal, SOL_SOCKET, SO_RCVBUF, &room, sizeof(room));
	return bind(journal, (struct sockaddr *)&sun, sizeof(sun));
}

static int teardown(void **state)
{
	(void)state;
	journald_close(&to);
	system_log_close();
	closep(&journal);
	return unlink(place);
}

/* --- entries -------------------------------------------------------------------------------- */

static void an_entry_is_what_it_was_made_of(void **state)
{
	(void)state;
	assert_int_equal(journald_open(place, &to), 0);
	journald_begin(&entry, "test", LOG_WARNING, "0123", "a message");
	journald_text(&entry, "TEROK_NAME", "web", 3);
	journald_number(&entry, "TEROK_GUARD", 18446744073709551615U);
	journald_text(&entry, "TEROK_EMPTY", "", 10);
	assert_true(journald_send(&to, &entry));
	assert_true(hears());
	assert_string_equal(value("MESSAGE"), "a message");
	assert_string_equal(value("PRIORITY"), "4");
	assert_string_equal(value("SYSLOG_IDENTIFIER"), "test");
	assert_string_equal(value("MESSAGE_ID"), "0123");
	assert_string_equal(value("TEROK_NAME"), "web");
	assert_string_equal(value("TEROK_GUARD"), "18446744073709551615");
	assert_null(field("TEROK_EMPTY"));
	assert_int_equal(n_fields, 6);
}

static void no_value_becomes_a_field(void **state)
{
	static const char evil[] = "x\nPRIORITY=0\nTEROK_UID=0\n=\n";

	(void)state;
	assert_int_equal(journald_open(place, &to), 0);
	journald_begin(&entry, "test", LOG_INFO, NULL, evil);
	journald_text(&entry, "TEROK_NAME", evil, sizeof(evil));
	journald_text(&entry, "TEROK_EXE", "\n", 1);
	assert_true(journald_send(&to, &entry));
	assert_true(hears());
	assert_string_equal(value("MESSAGE"), evil);
	assert_string_equal(value("TEROK_NAME"), evil);
	assert_string_equal(value("TEROK_EXE"), "\n");
	assert_string_equal(value("PRIORITY"), "6");
	assert_int_equal(n_fields, 5);
}

static void values_and_entries_have_an_end(void **state)
{
	char text[JOURNALD_VALUE + 2], name[] = "TEROK_A";

	(void)state;
	memset(text, 'x', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	assert_int_equal(journald_open(place, &to), 0);
	journald_begin(&entry, "test", LOG_INFO, NULL, "m");
	for (int i = 0; i < 20; i++, name[6]++)
		journald_text(&entry, name, text, sizeof(text));
	assert_true(entry.full);
	assert_true(journald_send(&to, &entry));
	assert_true(hears());
	assert_int_equal(field("TEROK_A")->size, JOURNALD_VALUE);
	assert_true(n_fields > 10 && n_fields < 20);
}

static void nobody_is_waited_for(void **state)
{
	unsigned sent = 0;

	(void)state;
	assert_int_equal(journald_open(place, &to), 0);
	journald_begin(&entry, "test", LOG_INFO, NULL, "m");
	for (unsigned i = 0; i < 10000; i++)
		sent += journald_send(&to, &entry);
	assert_true(sent < 10000);
	assert_int_equal(to.lost, 10000 - sent);
	journald_close(&to);
	assert_false(journald_send(&to, &entry));
	assert_int_equal(journald_open("/tmp/nobody.is.here", &to), -ENOENT);
	assert_int_equal(to.fd, -1);
}

static void it_reads_us_only_if_it_is_our_stderr(void **state)
{
	(void)state;
	unsetenv("JOURNAL_STREAM");
	assert_false(journald_reads());
	setenv("JOURNAL_STREAM", "1:2", 1);
	assert_false(journald_reads());
	unsetenv("JOURNAL_STREAM");
}

/* --- guards and what they ask ---------------------------------------------------------------- */

static const struct terok_info info = { .uid = 1000,
					.container = "0123456789abcdef0123",
					.name = "w\xff"
						"e\nb=",
					.path = "/web" };
static struct asked asked;
static const struct process_text process = { .exe = "/usr/bin/cu\nrl" };

static void begin(void)
{
	system_log_open(place);
	system_log_guard(7, &info, TEROK_STATE_UP, GUARD_LISTED);
	asked = (struct asked){ .id = 42,
				.record = { .guard = 7,
					    .family = AF_INET,
					    .proto = IPPROTO_TCP,
					    .dst_port = 443,
					    .tgid = 4711,
					    .reason = TEROK_REASON_DEFAULT,
					    .comm = "curl" } };
	memset(asked.record.dst + 10, 0xff, 2);
	memcpy(asked.record.dst + 12, "\306\063\144\002", 4);
}

static void guards_come_change_and_go(void **state)
{
	(void)state;
	begin();
	assert_false(hears()); /* it was there before */
	system_log_guard(8, &info, TEROK_STATE_UP, GUARD_ATTACHED);
	assert_true(hears());
	assert_string_equal(value("MESSAGE_ID"), SYSTEM_LOG_ATTACHED);
	assert_string_equal(value("MESSAGE"), "guard 8 (w?e?b=) is attached, state up");
	assert_string_equal(value("TEROK_GUARD"), "8");
	assert_string_equal(value("TEROK_CONTAINER"), "0123456789abcdef0123");
	assert_string_equal(value("TEROK_NAME"), info.name);
	assert_string_equal(value("TEROK_UID"), "1000");
	assert_string_equal(value("TEROK_STATE"), "up");
	assert_string_equal(value("TEROK_CGROUP"), "/web");
	assert_string_equal(value("SYSLOG_IDENTIFIER"), "terok-bpfd");
	system_log_guard(8, &info, TEROK_STATE_BLOCK, GUARD_STATE);
	assert_true(hears());
	assert_string_equal(value("MESSAGE_ID"), SYSTEM_LOG_STATE);
	assert_string_equal(value("TEROK_STATE"), "block");
	system_log_gone(8, "detached");
	assert_true(hears());
	assert_string_equal(value("MESSAGE_ID"), SYSTEM_LOG_GONE);
	assert_string_equal(value("TEROK_REASON"), "detached");
	system_log_gone(8, "detached");
	assert_false(hears());
}

static void a_request_and_its_verdict_can_be_looked_for(void **state)
{
	struct msg_verdict verdict = { .action = TEROK_ALLOW, .scope = SCOPE_ONCE, .uid = 1000 };
	struct msg_result result = { .rule = "allow 198.51.100.2 port 443 tcp",
				     .client = "terok-clearance" };

	(void)state;
	begin();
	system_log_request(&asked, &process);
	assert_true(hears());
	assert_string_equal(value("MESSAGE_ID"), SYSTEM_LOG_REQUEST);
	assert_string_equal(value("MESSAGE"),
			    "guard 7 (w?e?b=) asks for 198.51.100.2 port 443/tcp: "
			    "curl[4711], request 0123456789ab:42");
	assert_string_equal(value("TEROK_REQUEST"), "0123456789ab:42");
	assert_string_equal(value("TEROK_DEST"), "198.51.100.2");
	assert_string_equal(value("TEROK_PORT"), "443");
	assert_string_equal(value("TEROK_PROTO"), "tcp");
	assert_string_equal(value("TEROK_COMM"), "curl");
	assert_string_equal(value("TEROK_EXE"), process.exe);
	assert_string_equal(value("TEROK_PID"), "4711");
	assert_null(field("TEROK_DOMAIN"));

	strcpy(asked.told, "example.com");
	system_log_verdict(&asked, &verdict, &result);
	assert_true(hears());
	assert_string_equal(value("MESSAGE_ID"), SYSTEM_LOG_VERDICT);
	assert_string_equal(value("TEROK_REQUEST"), "0123456789ab:42");
	assert_string_equal(value("TEROK_DOMAIN"), "example.com");
	assert_string_equal(value("TEROK_VERDICT"), "allow");
	assert_string_equal(value("TEROK_SCOPE"), "once");
	assert_string_equal(value("TEROK_OK"), "yes");
	assert_string_equal(value("TEROK_RULE"), result.rule);
	assert_string_equal(value("TEROK_CLIENT"), "terok-clearance");
	assert_string_equal(value("TEROK_CLIENT_UID"), "1000");
	assert_string_equal(value("PRIORITY"), "5");

	result.result = -ENOSPC;
	strcpy(result.problem, "the table is full");
	system_log_verdict(&asked, &verdict, &result);
	assert_true(hears());
	assert_string_equal(value("TEROK_OK"), "no");
	assert_string_equal(value("TEROK_PROBLEM"), "the table is full");
	assert_string_equal(value("PRIORITY"), "4");

	asked.id = 0; /* nothing was asked by that number */
	system_log_verdict(&asked, &verdict, &result);
	assert_false(hears());
	system_log_revoked(7, "example.com", 443, IPPROTO_TCP, TEROK_ALLOW, 0, "terok-clearance");
	assert_true(hears());
	assert_string_equal(value("MESSAGE_ID"), SYSTEM_LOG_REVOKED);
	assert_string_equal(value("TEROK_DEST"), "example.com");
}

static void a_guard_cannot_flood_it(void **state)
{
	unsigned n = 0;

	(void)state;
	begin();
	for (unsigned i = 0; i < 10 * SYSTEM_LOG_REQUESTS; i++) {
		system_log_request(&asked, &process);
		while (hears())
			n++;
	}
	assert_in_range(n, SYSTEM_LOG_REQUESTS, SYSTEM_LOG_REQUESTS + 5);
	assert_int_equal(system_log_unlogged(), 10 * SYSTEM_LOG_REQUESTS - n);
	/* and takes nothing from another, of the same user */
	system_log_guard(8, &info, TEROK_STATE_UP, GUARD_ATTACHED);
	assert_true(hears());
	/* what was left out is told with the next one of it */
	usleep(1100000);
	system_log_request(&asked, &process);
	assert_true(hears());
	assert_int_equal(atoi(value("TEROK_UNLOGGED")), 10 * SYSTEM_LOG_REQUESTS - n);
	assert_int_equal(system_log_unlogged(), 0);
}

static void nor_can_a_user(void **state)
{
	unsigned n = 0;

	(void)state;
	begin();
	for (unsigned i = 0; i < 2 * SYSTEM_LOG_USER; i++) {
		system_log_guard(7, &info, TEROK_STATE_UP, GUARD_STATE);
		while (hears())
			n++;
	}
	assert_in_range(n, SYSTEM_LOG_USER, SYSTEM_LOG_USER + 50);
}

static void an_alarm_is_a_warning(void **state)
{
	(void)state;
	begin();
	system_log_alarm(7, "asks for names that look like data", "TEROK_DOMAIN", "x\ny.example");
	assert_true(hears());
	assert_string_equal(value("MESSAGE_ID"), SYSTEM_LOG_ALARM);
	assert_string_equal(value("PRIORITY"), "4");
	assert_string_equal(value("TEROK_DOMAIN"), "x\ny.example");
}

static void without_a_journal_nothing_is_written(void **state)
{
	(void)state;
	system_log_open(NULL); /* it does not read us */
	system_log_guard(7, &info, TEROK_STATE_UP, GUARD_ATTACHED);
	system_log_request(&asked, &process);
	system_log_gone(7, "detached");
	assert_false(hears());
	assert_int_equal(system_log_unlogged(), 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(an_entry_is_what_it_was_made_of),
		TEST(no_value_becomes_a_field),
		TEST(values_and_entries_have_an_end),
		TEST(nobody_is_waited_for),
		TEST(it_reads_us_only_if_it_is_our_stderr),
		TEST(guards_come_change_and_go),
		TEST(a_request_and_its_verdict_can_be_looked_for),
		TEST(a_guard_cannot_flood_it),
		TEST(nor_can_a_user),
		TEST(an_alarm_is_a_warning),
		TEST(without_a_journal_nothing_is_written),
	};

	return cmocka_run_group_tests_name("journald", tests, NULL, NULL);
}
