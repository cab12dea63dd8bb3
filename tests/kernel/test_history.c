// SPDX-License-Identifier: Apache-2.0
/*
 * test_history.c - the journal of a running agent: what people did, for whom, also on a full disk
 */
#include "answers.h"
#include "programs.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "asked.h"
#include "base/event.h"
#include "hub/history_db.h"
#include "terok/clearance.h"

#define ALICE 4001
#define BOB   4002

static const char *state_file(const char *name)
{
	static char path[128];

	snprintf(path, sizeof(path), "%s/%s", getenv("TEROK_STATE"), name);
	return path;
}

static void answer(const char *action, const char *scope)
{
	hub.answered = false;
	hub_answer(action, scope);
	while (!hub_done())
		hub_listen(LIMIT_MS);
	assert_true(hub.answered);
}

/* The verb, until it says that: entries are written a moment after. */
static void await_said(const char *text)
{
	uint64_t until = now_boot_ns() + LIMIT_MS * UINT64_C(1000000);

	for (;;) {
		assert_works("history", "--lines", "1000");
		if (strstr(said, text))
			return;
		if (now_boot_ns() > until)
			fail_msg("'%s' is missing in: %s", text, said);
		poll(NULL, 0, 20);
	}
}

static void await_file(const char *name)
{
	uint64_t until = now_boot_ns() + LIMIT_MS * UINT64_C(1000000);

	while (access(state_file(name), F_OK)) {
		assert_true(now_boot_ns() < until);
		poll(NULL, 0, 20);
	}
}

/* --- one who asks the hub --------------------------------------------------------------------- */

static struct {
	unsigned n, done;
	bool more;
	char dest[8][64], type[8][32], name[8][72];
	char problem[128];
} told;

static void on_entry(const struct terok_entry *entry, bool more, const char *problem, void *user)
{
	(void)user;
	if (!entry) {
		told.done++;
		told.more = more;
		snprintf(told.problem, sizeof(told.problem), "%s", problem ?: "");
		return;
	}
	if (told.n == 8)
		return;
	snprintf(told.dest[told.n], sizeof(told.dest[0]), "%s", entry->dest);
	snprintf(told.type[told.n], sizeof(told.type[0]), "%s", entry->type);
	snprintf(told.name[told.n++], sizeof(told.name[0]), "%s", entry->name);
}

static const struct terok_client_events entries_only = { .entry = on_entry };

static void recall_as(uid_t uid, int64_t guard, int64_t limit)
{
	uint64_t until = now_boot_ns() + LIMIT_MS * UINT64_C(1000000);
	struct terok_client *client = NULL;
	char path[128];
	int r;

	memset(&told, 0, sizeof(told));
	snprintf(path, sizeof(path), "%s/clearance.sock", getenv("TEROK_RUN"));
	assert_int_equal(seteuid(uid), 0);
	r = terok_client_open(path, &entries_only, NULL, &client);
	assert_int_equal(seteuid(0), 0);
	assert_int_equal(r, 0);
	assert_int_equal(terok_client_history(client, guard, 0, limit), 0);
	while (!told.done && now_boot_ns() < until) {
		struct pollfd ready = { .fd = terok_client_fd(client), .events = POLLIN };

		if (poll(&ready, 1, LIMIT_MS) == 1)
			assert_int_equal(terok_client_process(client), 0);
	}
	terok_client_close(client);
	assert_int_equal(told.done, 1);
}

/* --- tests ------------------------------------------------------------------------------------ */

static void what_people_did_is_in_the_journal(void **state)
{
	(void)state;
	agent_start();
	attach_box();
	hub_ask();
	answer("allow", "once");
	/* who asks the agent hears what has just happened */
	recall_as(0, 0, 1000);
	assert_string_equal(told.problem, "");
	assert_int_equal(told.n, 3);
	assert_string_equal(told.type[0], "verdict");
	assert_string_equal(told.dest[0], TEST_FAR);
	assert_string_equal(told.type[1], "request");
	assert_string_equal(told.type[2], "guard_attached");
	assert_string_equal(told.name[2], "box");
	recall_as(0, 0, 1);
	assert_int_equal(told.n, 1);
	assert_true(told.more);
	recall_as(0, 99, 1000);
	assert_int_equal(told.n, 0);
	assert_works("detach", "box");
	await_said("guard_detached");
	terok_client_close(hub.client);
	agent_end(SIGTERM);

	/* and when all is gone it is there for who looks */
	assert_works("history", "box", "--since", "1h");
	assert_said("guard_attached");
	assert_said("request  box");
	assert_said("  " TEST_FAR " port 7777/udp");
	assert_said("test_history[");
	assert_said("verdict  box");
	assert_said("allow once until 20");
	assert_said("by user 0 with test_history");
	assert_works("history", "other");
	assert_string_equal(said, "");
	assert_works("history", "--lines", "1");
	assert_said("guard_detached");
	assert_null(strstr(said, "verdict"));
	assert_works("export", "--json");
	assert_said("{\"number\":");
	assert_said("\"type\":\"verdict\",");
	assert_said("\"action\":\"allow\",\"scope\":\"once\",");
}

/* Of a question that nobody answered, and of one more that an agent did not live to see answered. */
static void what_nobody_can_answer_any_more_has_expired(void **state)
{
	(void)state;
	agent_start();
	attach_box();
	hub_ask();
	assert_works("down", "box");
	await_said("expired");
	assert_works("up", "box");
	hub_ask();
	agent_end(SIGTERM);
	assert_works("history", "--json", "--lines", "1");
	assert_said("\"type\":\"expired\"");
	terok_client_close(hub.client);
}

static void everybody_is_told_of_their_own_guards(void **state)
{
	struct guard_spec spec = { .cgroup_fd = world->cgroup_fd,
				   .netns_fd = -1,
				   .kind = TEROK_KIND_CGROUP,
				   .uid = ALICE,
				   .name = "alices",
				   .state = TEROK_STATE_UP };
	struct guard guard;
	char path[128];
	bool existing;

	(void)state;
	if (guard_attach(world->kernel, &spec, &guard, &existing, NULL))
		fail_msg("no guard");
	agent_start();
	hub_ask();
	answer("deny", "session");
	snprintf(path, sizeof(path), "%s/clearance.sock", getenv("TEROK_RUN"));
	assert_int_equal(chmod(path, 0666), 0);
	assert_int_equal(chmod(getenv("TEROK_RUN"), 0755), 0);
	assert_int_equal(chmod(world->dir, 0755), 0);
	recall_as(ALICE, 0, 1000);
	assert_int_equal(told.n, 2);
	assert_string_equal(told.type[0], "verdict");
	recall_as(BOB, 0, 1000);
	assert_int_equal(told.n, 0);
	assert_false(told.more);
	recall_as(BOB, guard.id, 1000);
	assert_int_equal(told.n, 0);
	recall_as(0, 0, 1000);
	assert_int_equal(told.n, 2);
	terok_client_close(hub.client);
	agent_end(SIGTERM);
}

/* --- the whole of it -------------------------------------------------------------------------- */

#define ALICES 3000 /* entries, many pages */
#define BOBS   7

static void entries_write(void)
{
	static const struct history_limits usual = { .days = HISTORY_DAYS, .mib = HISTORY_MIB };
	static struct msg_entry entry[ALICES + BOBS];
	struct history_db *db = NULL;
	struct problem why = {};

	assert_int_equal(mkdir(getenv("TEROK_STATE"), 0700), 0);
	if (history_db_open(&usual, &db, &why))
		fail_msg("%s", why.text);
	for (unsigned i = 0; i < ALICES + BOBS; i++) {
		bool bobs = i < BOBS * 100 && i % 100 == 50;

		entry[i] = (struct msg_entry){ .type = ENTRY_REQUEST,
					       .wall_ns = time(NULL) * SECOND_NS,
					       .guard = bobs ? 8 : 7,
					       .owner = bobs ? BOB : ALICE,
					       .ask = i + 1 };
		strcpy(entry[i].name, bobs ? "bobs" : "alices");
	}
	assert_int_equal(history_db_write(db, entry, ALICES + BOBS, NULL), 0);
	history_db_close(db);
}

/* As that user, by a program that they need not be able to find: its export, through @filter. */
static void export_as(uid_t uid, const char *filter)
{
	char line[1500], folder[512];

	snprintf(folder, sizeof(folder), "%s", bpfd);
	*strrchr(folder, '/') = '\0';
	snprintf(line, sizeof(line),
		 "exec 9<%s/terok-clearance; setpriv --reuid %u --clear-groups /proc/self/fd/9 "
		 "export --json --socket %s/clearance.sock | %s",
		 folder, uid, getenv("TEROK_RUN"), filter);
	assert_int_equal(verb((const char *const[]){ "/bin/sh", "-c", line, NULL }), 0);
}

static void exported_as(uid_t uid, const char *filter, const char *want)
{
	export_as(uid, filter);
	assert_string_equal(said, want);
}

static void an_export_has_all_that_is_its_users_and_nothing_else(void **state)
{
	static const char names[] = "sed 's/.*\"name\":\"\\([a-z]*\\)\".*/\\1/' | sort | uniq -c | "
				    "tr -s ' '";
	static const char asks[] = "sed 's/.*:\\([0-9]*\\)\",\"dest.*/\\1/' | ";
	char path[128], filter[900];

	(void)state;
	entries_write();
	agent_start();
	snprintf(path, sizeof(path), "%s/clearance.sock", getenv("TEROK_RUN"));
	assert_int_equal(chmod(path, 0666), 0);
	assert_int_equal(chmod(getenv("TEROK_RUN"), 0755), 0);
	assert_int_equal(chmod(world->dir, 0755), 0);
	exported_as(ALICE, names, " 3000 alices\n");
	exported_as(BOB, names, " 7 bobs\n");
	exported_as(4003, names, "");
	exported_as(0, names, " 3000 alices\n 7 bobs\n");
	/* each once, in order; and who stops reading stops it */
	snprintf(filter, sizeof(filter), "%suniq | wc -l", asks);
	exported_as(0, filter, "3007\n");
	snprintf(filter, sizeof(filter), "%ssort -rnc && echo sorted", asks);
	exported_as(0, filter, "sorted\n");
	export_as(0, "head -n 1");
	assert_said("\"type\":\"request\"");
	agent_end(SIGTERM);
	/* root's own has the same, the oldest first */
	snprintf(filter, sizeof(filter), "%s export --json | %ssort -nc && echo sorted", bpfd,
		 asks);
	assert_int_equal(verb((const char *const[]){ "/bin/sh", "-c", filter, NULL }), 0);
	assert_string_equal(said, "sorted\n");
	assert_works("history", "bobs", "--json", "--since", "1h");
	assert_said("\"name\":\"bobs\"");
	assert_null(strstr(said, "alices"));
}

/* --- a disk that is full ---------------------------------------------------------------------- */

static void disk_small(void)
{
	const char *dir = getenv("TEROK_STATE");

	assert_int_equal(mkdir(dir, 0700), 0);
	assert_int_equal(mount("small", dir, "tmpfs", 0, "size=1m,mode=0700"), 0);
}

static void disk_fill(void)
{
	static const char block[4096];
	int fd = open(state_file("ballast"), O_WRONLY | O_CREAT | O_CLOEXEC, 0600);

	assert_true(fd >= 0);
	while (write(fd, block, sizeof(block)) > 0)
		;
	assert_int_equal(errno, ENOSPC);
	close(fd);
}

/* What is open has expired; which nobody writes down. */
static void ask_no_more(void)
{
	assert_works("bypass", "box", "--for", "1h");
	assert_works("bypass", "box", "--off");
}

static void a_full_disk_costs_entries_and_nothing_else(void **state)
{
	(void)state;
	disk_small();
	agent_start();
	attach_box();
	await_said("guard_attached");
	disk_fill();
	/* its log may have room for a few more; people are asked about so many at a time */
	for (int i = 1; i <= 250; i++) {
		char dest[32];

		snprintf(dest, sizeof(dest), "192.0.2.%d", i);
		assert_int_equal(test_udp(world, dest), EPERM);
		if (i % ASKED_OPEN_MAX == 0 || i == 250)
			ask_no_more();
	}
	hub_ask();
	answer("allow", "session");
	assert_true(hub.applied);
	assert_int_equal(test_udp(world, TEST_FAR), 0);
	answer("deny", "session"); /* has been answered; and is no entry */
	recall_as(0, 0, 1000);
	assert_int_equal(unlink(state_file("ballast")), 0);
	/* what comes then is noted, and that something was not */
	for (int i = 1; !strstr(said, "missed") && i <= 250; i++) {
		char dest[32];

		snprintf(dest, sizeof(dest), "203.0.113.%d", i);
		assert_int_equal(test_udp(world, dest), EPERM);
		if (i % ASKED_OPEN_MAX == 0)
			ask_no_more();
		poll(NULL, 0, 40);
		assert_works("history", "--lines", "1000");
	}
	assert_said("missed");
	terok_client_close(hub.client);
	agent_end(SIGTERM);
}

static void a_broken_file_is_set_aside_by_a_running_agent(void **state)
{
	char garbage[4096];
	int fd;

	(void)state;
	agent_start();
	attach_box();
	await_said("guard_attached");
	agent_end(SIGTERM);
	memset(garbage, 'x', sizeof(garbage));
	fd = open(state_file(HISTORY_FILE), O_WRONLY | O_CLOEXEC);
	assert_int_equal(pwrite(fd, garbage, sizeof(garbage), 0), sizeof(garbage));
	close(fd);
	assert_mistake(VERB("history"), 1, HISTORY_FILE);
	agent_start();
	hub_ask();
	answer("allow", "once");
	assert_true(hub.applied);
	await_file(HISTORY_FILE ".broken-1");
	await_said("verdict");
	terok_client_close(hub.client);
	agent_end(SIGTERM);
}

static void mistakes_are_said_in_one_line(void **state)
{
	(void)state;
	assert_works("history");
	assert_said("No history found.");
	assert_mistake(VERB("history", "--since", "never"), 2, "never");
	assert_mistake(VERB("history", "--lines", "-1"), 2, "lines");
	assert_mistake(VERB("run", "--history-days", "never"), 2, "--history-days");
	assert_mistake(VERB("run", "--history-size", "1"), 2, "from 4 to");
}

static int teardown(void **state)
{
	umount2(getenv("TEROK_STATE"), MNT_DETACH);
	return programs_teardown(state);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, programs_setup, teardown)
		T(what_people_did_is_in_the_journal),
		T(what_nobody_can_answer_any_more_has_expired),
		T(everybody_is_told_of_their_own_guards),
		T(an_export_has_all_that_is_its_users_and_nothing_else),
		T(a_full_disk_costs_entries_and_nothing_else),
		T(a_broken_file_is_set_aside_by_a_running_agent),
		T(mistakes_are_said_in_one_line),
	};

	test_require("kernel/history");
	programs_find();
	return cmocka_run_group_tests_name("kernel/history", tests, NULL, NULL);
}
