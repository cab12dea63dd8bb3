// SPDX-License-Identifier: Apache-2.0
/*
 * test_standalone_history.c - what a session's hub keeps of what happened, confined as it is
 *
 * What it may no longer do ends it at once: so each thing that it does with its file is done here.
 */
#include "hub/session.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/dir.h"
#include "base/event.h"
#include "hub/history_db.h"

#define WEB  "\"dest\":\"198.51.100.1\",\"port\":443,\"proto\":6"
#define BOX  ",\"dossier\":{\"container_name\":\"box\"}"
#define UP   SAYS("shield_up", "c1", "")
#define LATE "{\"method\":\"org.terok.Firewall1.History\",\"parameters\":{\"limit\":%d}}"

static char folder[80], file[96];
static int reader, stream, calls;

static int setup(void **state)
{
	int r = session_setup(state);

	snprintf(folder, sizeof(folder), "%s/state/terok", session.folder);
	snprintf(file, sizeof(file), "%s/history.db", folder);
	session.history = file;
	return r;
}

static int teardown(void **state)
{
	static const char *const names[] = { "",          "-wal",          "-shm",
					     ".broken-1", ".broken-1-wal", ".broken-1-shm" };
	char path[128];

	if (session.hub > 0)
		session_end(&session.hub, SIGKILL);
	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
		snprintf(path, sizeof(path), "%s%s", file, names[i]);
		unlink(path);
	}
	rmdir(file);
	rmdir(folder);
	*strrchr(folder, '/') = '\0';
	rmdir(folder);
	for (size_t i = 0; i < 4; i++) { /* what a hub that was killed leaves */
		static const char *const sockets[] = { "terok-clearance.sock",
						       "terok-shield-events.sock",
						       "terok/clearance/terok-session.sock",
						       "terok/clearance/terok-session/hub.sock" };
		const char *slash = strrchr(sockets[i], '/');
		const char *name = slash ? slash + 1 : sockets[i];

		snprintf(path, sizeof(path), "%s/%s", session.folder, sockets[i]);
		unlink(path);
		snprintf(path, sizeof(path), "%s/%.*s.%s.lock", session.folder,
			 (int)(name - sockets[i]), sockets[i], name);
		unlink(path);
	}
	return session_teardown(state);
}

static void begin(void)
{
	session_hub();
	reader = session_dial(session.readers);
	stream = session_subscribe();
	calls = session_dial(session.clients);
}

/* The newest entries, as text, until the next call. */
static const char *history(int limit)
{
	char frame[128];

	snprintf(frame, sizeof(frame), LATE, limit);
	session_say(calls, frame);
	return session_heard(calls);
}

static unsigned count_of(const char *text, const char *what)
{
	unsigned n = 0;

	for (; (text = strstr(text, what)); text++)
		n++;
	return n;
}

/* All that was said is in: an event behind it has been told. */
static void settle(void)
{
	session_line(reader, UP);
	while (!strstr(session_heard(stream), "shield_up"))
		;
}

static void asks(const char *id)
{
	char text[256];

	snprintf(text, sizeof(text), PENDING("c1", "%s", WEB BOX), id);
	session_line(reader, text);
	settle();
}

static void a_request_its_answer_and_its_client_are_noted(void **state)
{
	const char *text;

	(void)state;
	session_helper("exit 0");
	begin();
	asks("c1:1");
	asks("c1:1"); /* told again is not asked again */
	session_ask(calls, VERDICT("c1", "c1:1", "198.51.100.1", "allow"), OK);
	text = history(10);
	assert_int_equal(count_of(text, "\"number\":"), 2);
	assert_non_null(strstr(text,
			       "\"type\":\"request\",\"guard\":0,\"container\":\"c1\",\"name\":"
			       "\"box\",\"request_id\":\"c1:1\",\"dest\":\"198.51.100.1\","
			       "\"port\":443,\"proto\":6,\"domain\":\"\""));
	text = strstr(text, "\"type\":\"verdict\"");
	assert_non_null(text);
	assert_non_null(strstr(text, "\"action\":\"allow\",\"scope\":\"forever\""));
	assert_non_null(strstr(text, "\"client\":\"test_standalone\",\"ok\":true"));
}

static void an_answer_that_failed_is_noted_as_that(void **state)
{
	const char *text;

	(void)state;
	session_helper("exit 1");
	begin();
	asks("c1:1");
	session_say(calls, VERDICT("c1", "c1:1", "198.51.100.1", "deny"));
	session_heard(calls);
	text = history(1);
	assert_non_null(strstr(text, "\"type\":\"verdict\""));
	assert_non_null(strstr(text, "\"action\":\"deny\""));
	assert_non_null(strstr(text, "\"ok\":false"));
}

static void what_ends_with_its_container_or_the_hub_has_expired(void **state)
{
	const char *text;

	(void)state;
	begin();
	session_line(reader, SAYS("container_started", "c1", ""));
	asks("c1:1");
	session_line(reader, SAYS("container_exited", "c1", ""));
	settle();
	text = history(10);
	assert_int_equal(count_of(text, "\"number\":"), 4);
	assert_non_null(strstr(text, "\"type\":\"guard_attached\""));
	assert_non_null(strstr(text, "\"type\":\"guard_detached\""));
	assert_int_equal(count_of(text, "\"type\":\"expired\""), 1);
	asks("c1:2");
	assert_int_equal(session_end(&session.hub, SIGTERM), 0);
	session_told();
	begin();
	text = history(1);
	assert_non_null(strstr(text, "\"type\":\"expired\""));
	assert_non_null(strstr(text, "\"request_id\":\"c1:2\""));
	assert_int_equal(count_of(history(10), "\"number\":"), 6);
}

static void an_id_that_means_something_else_has_expired_and_is_asked_anew(void **state)
{
	const char *text;

	(void)state;
	begin();
	asks("c1:1");
	session_line(reader, PENDING("c2", "c1:1", WEB));
	settle();
	text = history(10);
	assert_int_equal(count_of(text, "\"number\":"), 3);
	assert_int_equal(count_of(text, "\"type\":\"request\""), 2);
	text = strstr(text, "\"type\":\"expired\"");
	assert_non_null(text);
	assert_int_equal(strncmp(strstr(text, "\"container\""), "\"container\":\"c1\"", 16), 0);
}

static void only_its_user_may_read_it(void **state)
{
	struct stat st;

	(void)state;
	umask(0);
	begin();
	umask(022);
	asks("c1:1");
	assert_int_equal(count_of(history(10), "\"number\":"), 1);
	assert_int_equal(stat(file, &st), 0);
	assert_int_equal(st.st_mode, S_IFREG | 0600);
	assert_int_equal(stat(folder, &st), 0);
	assert_int_equal(st.st_mode, S_IFDIR | 0700);
}

/* More than there is room for: the log is written back, the oldest go, and it goes on. */
static void it_is_never_larger_than_it_may_be(void **state)
{
	enum { CONTAINERS = 30, REQUESTS = 1000 };
	struct stat st;

	(void)state;
	begin();
	for (int c = 0; c < CONTAINERS; c++) {
		for (int i = 0; i < REQUESTS; i++) {
			char text[256];

			snprintf(text, sizeof(text), PENDING("box%d", "box%d:%d", WEB BOX), c, c,
				 i);
			session_line(reader, text);
		}
		settle();
	}
	assert_int_equal(count_of(history(100), "\"number\":"), 100);
	assert_int_equal(stat(file, &st), 0);
	assert_in_range(st.st_size, HISTORY_MIB_MIN << 18, HISTORY_MIB_MIN << 20);
	assert_int_equal(session_end(&session.hub, SIGTERM), 0);
}

static void what_breaks_while_it_runs_is_set_aside(void **state)
{
	const struct history_limits limits = { .days = 1, .mib = HISTORY_MIB_MIN, .file = file };
	char garbage[8192], broken[128];
	struct history_db *db;
	int fd;

	(void)state;
	begin();
	asks("c1:1");
	assert_int_equal(count_of(history(10), "\"number\":"), 1);
	/* its log is written back by whoever closes it last, and that is not this */
	assert_int_equal(history_db_open(&limits, &db, NULL), 0);
	assert_int_equal(db_exec(history_db_handle(db), "PRAGMA wal_checkpoint(TRUNCATE)", NULL),
			 0);
	history_db_close(db);
	fd = open(file, O_WRONLY | O_CLOEXEC);
	assert_true(fd >= 0);
	memset(garbage, 'x', sizeof(garbage));
	assert_int_equal(write(fd, garbage, sizeof(garbage)), sizeof(garbage));
	close(fd);
	asks("c1:2");
	history(1);
	asks("c1:3");
	snprintf(broken, sizeof(broken), "%s.broken-1", file);
	assert_int_equal(access(broken, F_OK), 0);
	assert_non_null(strstr(history(1), "\"request_id\":\"c1:3\""));
}

/* Others may write there: nothing is kept, that is said, and it is mended by whoever mends it. */
static void without_a_folder_that_is_its_users_it_goes_on_and_says_so(void **state)
{
	(void)state;
	dir_make(folder);
	assert_int_equal(chmod(folder, 0777), 0);
	begin();
	asks("c1:1");
	assert_non_null(strstr(history(10), "Firewall1.NoHistory"));
	assert_int_equal(access(file, F_OK), -1);
	session_ask(calls, VERDICT("c1", "c1:2", "198.51.100.1", "allow"), UNKNOWN("c1:2"));
}

/* Begun anew by a hub that has given up all else, when what was in the way has gone. */
static void what_is_mended_while_it_runs_is_kept_from_then_on(void **state)
{
	uint64_t until = now_boot_ns() + SESSION_WAIT_S * SECOND_NS;
	unsigned n = 1;

	(void)state;
	dir_make(file);
	begin();
	asks("c1:1");
	assert_non_null(strstr(history(10), "Firewall1.NoHistory"));
	assert_int_equal(rmdir(file), 0);
	while (strstr(history(10), "Firewall1.NoHistory"))
		assert_true(now_boot_ns() < until);
	do {
		char id[16];

		snprintf(id, sizeof(id), "c1:%u", ++n);
		asks(id);
	} while (!strstr(history(10), "\"type\":\"request\"") && now_boot_ns() < until);
	assert_non_null(strstr(history(10), "\"type\":\"missed\""));
	assert_non_null(strstr(history(1), "\"type\":\"request\""));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
		T(a_request_its_answer_and_its_client_are_noted),
		T(an_answer_that_failed_is_noted_as_that),
		T(what_ends_with_its_container_or_the_hub_has_expired),
		T(an_id_that_means_something_else_has_expired_and_is_asked_anew),
		T(only_its_user_may_read_it),
		T(it_is_never_larger_than_it_may_be),
		T(what_breaks_while_it_runs_is_set_aside),
		T(what_is_mended_while_it_runs_is_kept_from_then_on),
		T(without_a_folder_that_is_its_users_it_goes_on_and_says_so),
	};

	return cmocka_run_group_tests_name("hub/standalone_history", tests, NULL, NULL);
}
