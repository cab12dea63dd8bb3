// SPDX-License-Identifier: Apache-2.0
/* test_registry_agents.c - user/registry/agents.c: rows, and the layouts that a file may come with */
#include "registry_file.h"

#include <signal.h>
#include <sys/wait.h>

#include "base/db.h"
#include "base/log.h"
#include "user/registry/agents.h"

static struct agents *agents;

static int setup(void **state)
{
	(void)state;
	log_setup("test", LOG_EMERG, false);
	if (box_make())
		return -1;
	strcpy(file, in_box("controlplane.db"));
	agents = NULL;
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	agents_free(agents);
	return box_remove();
}

static void opened(void)
{
	agents_free(agents);
	agents = NULL;
	assert_int_equal(agents_open(file, &agents, &why), 0);
}

static struct agent one(uint8_t thumbprint, const char *container, const char *project,
			const char *name)
{
	struct agent agent = { .registered = 1000 };

	memset(agent.thumbprint, thumbprint, sizeof(agent.thumbprint));
	snprintf(agent.container, sizeof(agent.container), "%s", container);
	snprintf(agent.project, sizeof(agent.project), "%s", project);
	snprintf(agent.name, sizeof(agent.name), "%s", name);
	return agent;
}

static int add(uint8_t thumbprint, const char *container, const char *project, const char *name)
{
	struct agent agent = one(thumbprint, container, project, name);

	return agents_add(agents, &agent, &why);
}

/* --- the file --------------------------------------------------------------------------- */

static void a_registry_is_made_in_a_folder_that_is_there(void **state)
{
	struct stat st;

	(void)state;
	assert_int_equal(agents_open("", &agents, &why), -EINVAL);
	assert_int_equal(agents_open(in_box("no/db"), &agents, &why), -ENOENT);
	assert_int_equal(agents_open_reader(file, &agents, &why), -ENOENT);
	opened();
	assert_int_equal(stat(file, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
	assert_int_equal(number("SELECT count(*) FROM agents"), 0);
	assert_int_equal(number("SELECT max(version_id) FROM goose_db_version"), 2);
	assert_int_equal(number("SELECT journal_mode = 'wal' FROM pragma_journal_mode"), 1);
	opened(); /* as it is */
	assert_int_equal(number("SELECT count(*) FROM goose_db_version"), 3);
}

static void the_table_is_as_others_have_it(void **state)
{
	static const char *const columns[] = { "thumbprint_hex", "container_id",  "agent_name",
					       "project",        "registered_at", "last_seen" };

	(void)state;
	opened();
	assert_int_equal(
	    number("SELECT count(*) FROM pragma_table_info('agents') WHERE \"notnull\""), 6);
	assert_int_equal(number("SELECT count(*) FROM pragma_table_info('agents')"), 6);
	for (size_t i = 0; i < sizeof(columns) / sizeof(*columns); i++) {
		char text[160];

		snprintf(text, sizeof(text),
			 "SELECT count(*) FROM pragma_table_info('agents') WHERE name = '%s'",
			 columns[i]);
		assert_int_equal(number(text), 1);
	}
	assert_int_equal(number("SELECT count(*) FROM pragma_table_info('agents') WHERE pk"), 2);
	assert_int_equal(
	    number("SELECT count(*) FROM pragma_index_list('agents') WHERE \"unique\" AND"
		   " origin = 'u'"),
	    2);
	assert_int_equal(
	    number("SELECT count(*) FROM pragma_index_list('agents') WHERE origin = 'c'"), 1);
}

static const char before_numbers[] =
    "CREATE TABLE agents (thumbprint TEXT, x TEXT); INSERT INTO agents VALUES ('1', '2');";

static void a_table_of_before_numbers_is_made_anew(void **state)
{
	(void)state;
	sql(before_numbers);
	assert_int_equal(chmod(file, 0600), 0);
	opened();
	assert_int_equal(number("SELECT count(*) FROM agents"), 0);
	assert_int_equal(add(1, "aa", "p", "a"), 0);
}

static const char first_layout[] =
    "CREATE TABLE goose_db_version (id INTEGER PRIMARY KEY AUTOINCREMENT, version_id INTEGER NOT NULL,"
    " is_applied INTEGER NOT NULL, tstamp TIMESTAMP DEFAULT (datetime('now')));"
    "INSERT INTO goose_db_version (version_id, is_applied) VALUES (0, 1), (1, 1);"
    "CREATE TABLE agents (thumbprint_hex TEXT NOT NULL UNIQUE, container_id TEXT NOT NULL UNIQUE,"
    " agent_name TEXT NOT NULL, project TEXT NOT NULL, canonical_cn TEXT NOT NULL,"
    " registered_at INTEGER NOT NULL, last_seen INTEGER NOT NULL,"
    " PRIMARY KEY (thumbprint_hex, container_id));"
    "INSERT INTO agents VALUES"
    " ('0101010101010101010101010101010101010101010101010101010101010101', 'aa', 'a', 'p', 'cn', 5, 6),"
    " ('0202020202020202020202020202020202020202020202020202020202020202', 'bb', 'b', '', 'cn', 7, 8);";

static void the_second_layout_loses_a_column_and_no_row(void **state)
{
	struct agent agent;

	(void)state;
	sql(first_layout);
	opened();
	assert_int_equal(number("SELECT count(*) FROM agents"), 2);
	assert_int_equal(
	    number("SELECT count(*) FROM pragma_table_info('agents') WHERE name = 'canonical_cn'"),
	    0);
	assert_int_equal(agents_lookup(agents, "bb", &agent, &why), 0);
	assert_string_equal(agent.name, "b");
	assert_string_equal(agent.project, "");
	assert_int_equal(agent.registered, 7);
	assert_int_equal(agent.seen, 8);
}

static void one_of_a_newer_program_is_left_as_it_is(void **state)
{
	(void)state;
	opened();
	agents_free(agents);
	agents = NULL;
	sql("INSERT INTO goose_db_version (version_id, is_applied) VALUES (3, 1)");
	assert_int_equal(agents_open(file, &agents, &why), -EPROTO);
	assert_int_equal(agents_open_reader(file, &agents, &why), -EPROTO);
	/* what was taken back does not count */
	sql("INSERT INTO goose_db_version (version_id, is_applied) VALUES (3, 0)");
	opened();
}

/* --- rows ------------------------------------------------------------------------------- */

static void what_is_added_is_found(void **state)
{
	struct agent agent;

	(void)state;
	opened();
	assert_int_equal(add(1, "aa", "p", "a"), 0);
	assert_int_equal(agents_lookup(agents, "aa", &agent, &why), 0);
	assert_int_equal(agent.thumbprint[31], 1);
	assert_string_equal(agent.project, "p");
	assert_string_equal(agent.name, "a");
	assert_int_equal(agent.seen, 1000); /* as registered */
	assert_int_equal(agents_lookup(agents, "bb", &agent, &why), -ENOENT);
	assert_int_equal(agents_lookup(agents, "", &agent, &why), -ENOENT);
	assert_int_equal(agents_touch(agents, "aa", 2000, &why), 0);
	assert_int_equal(agents_touch(agents, "aa", 1500, &why), 0); /* never back */
	assert_int_equal(agents_touch(agents, "bb", 1500, &why), 0);
	assert_int_equal(agents_lookup(agents, "aa", &agent, &why), 0);
	assert_int_equal(agent.seen, 2000);
}

static void a_thumbprint_and_a_container_have_one_row_each(void **state)
{
	(void)state;
	opened();
	assert_int_equal(add(1, "aa", "p", "a"), 0);
	assert_int_equal(add(1, "bb", "p", "a"), -EEXIST);
	assert_int_equal(add(2, "aa", "p", "a"), -EEXIST);
	assert_int_equal(add(2, "bb", "p", "a"), 0);
}

static void no_row_is_added_that_lacks_something(void **state)
{
	struct agent agent = one(1, "aa", "", "a");

	(void)state;
	opened();
	assert_int_equal(add(0, "aa", "p", "a"), -EINVAL);
	assert_int_equal(add(1, "", "p", "a"), -EINVAL);
	assert_int_equal(add(1, "aa", "p", ""), -EINVAL);
	agent.registered = 0;
	assert_int_equal(agents_add(agents, &agent, &why), -EINVAL);
	agent.registered = -1;
	assert_int_equal(agents_add(agents, &agent, &why), -EINVAL);
	assert_int_equal(add(1, "aa", "", "a"), 0); /* of no project is whole */
}

static void evicting_is_the_same_again(void **state)
{
	struct agent agent;

	(void)state;
	opened();
	assert_int_equal(add(1, "aa", "p", "a"), 0);
	for (int i = 0; i < 2; i++)
		assert_int_equal(agents_evict(agents, "aa", &why), 0);
	assert_int_equal(agents_evict(agents, "", &why), 0);
	assert_int_equal(agents_lookup(agents, "aa", &agent, &why), -ENOENT);
}

static char order[64];

static int note(const struct agent *agent, void *user)
{
	(void)user;
	strcat(order, agent->container);
	return 0;
}

static void a_snapshot_is_by_project_and_name(void **state)
{
	(void)state;
	opened();
	assert_int_equal(add(1, "4", "q", "a"), 0);
	assert_int_equal(add(2, "3", "p", "b"), 0);
	assert_int_equal(add(3, "2", "p", "a"), 0);
	assert_int_equal(add(4, "1", "", "z"), 0);
	*order = '\0';
	assert_int_equal(agents_each(agents, note, NULL, &why), 0);
	assert_string_equal(order, "1234");
}

static void malformed_rows_are_nobody_and_are_said(void **state)
{
	static const char *const bad[] = {
		"INSERT INTO agents VALUES ('zz', 'c0', 'a', 'p', 1, 1)",
		"INSERT INTO agents VALUES ('0101', 'c1', 'a', 'p', 1, 1)",
		"INSERT INTO agents VALUES ('', 'c2', 'a', 'p', 1, 1)",
		"INSERT INTO agents SELECT hex(randomblob(32)), 'c3', 'a', 'p', 1, 1",
		"INSERT INTO agents SELECT lower(hex(randomblob(32))), 'c4', '', 'p', 1, 1",
		"INSERT INTO agents SELECT lower(hex(randomblob(32))), 'c5', 'a' || char(0) || 'b', 'p', 1, 1",
		"INSERT INTO agents SELECT lower(hex(randomblob(32))), 'c6', hex(randomblob(200)), 'p', 1, 1",
		"INSERT INTO agents SELECT randomblob(32), 'c7', 'a', 'p', 1, 1",
	};
	struct agent agent;
	char id[8];

	(void)state;
	opened();
	assert_int_equal(add(1, "aa", "p", "a"), 0);
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		sql(bad[i]);
		snprintf(id, sizeof(id), "c%zu", i);
		assert_int_equal(agents_lookup(agents, id, &agent, &why), -EBADMSG);
	}
	*order = '\0';
	assert_int_equal(agents_each(agents, note, NULL, &why), 0);
	assert_string_equal(order, "aa");
}

static void a_snapshot_that_fails_is_no_empty_one(void **state)
{
	(void)state;
	opened();
	sql("ALTER TABLE agents RENAME TO others");
	assert_true(agents_each(agents, note, NULL, &why) < 0);
	assert_true(*why.text);
}

static void writers_at_the_same_time_wait_for_each_other(void **state)
{
	pid_t child[4];
	int status;

	(void)state;
	opened();
	for (int i = 0; i < 4; i++) {
		child[i] = fork();
		assert_true(child[i] >= 0);
		if (!child[i]) {
			struct agents *mine;
			int r = agents_open(file, &mine, NULL);

			for (int n = 0; !r && n < 50; n++) {
				struct agent agent = one(1, "", "p", "a");

				agent.thumbprint[0] = i;
				agent.thumbprint[1] = n;
				snprintf(agent.container, sizeof(agent.container), "%d%02d", i, n);
				r = agents_add(mine, &agent, NULL);
			}
			_exit(r ? 1 : 0);
		}
	}
	for (int i = 0; i < 4; i++) {
		assert_int_equal(waitpid(child[i], &status, 0), child[i]);
		assert_int_equal(status, 0);
	}
	assert_int_equal(number("SELECT count(*) FROM agents"), 200);
}

/* What was committed stays, what was not is gone. */
static void one_who_is_killed_leaves_whole_commits(void **state)
{
	int told[2], n = 0;
	pid_t child;
	char byte;

	(void)state;
	opened();
	assert_int_equal(pipe(told), 0);
	child = fork();
	assert_true(child >= 0);
	if (!child) {
		struct agents *mine;

		if (agents_open(file, &mine, NULL))
			_exit(1);
		for (int i = 0;; i++) {
			agents_begin(mine, NULL);
			for (int k = 0; k < 10; k++) {
				struct agent agent = one(1, "", "p", "a");

				memcpy(agent.thumbprint, &(int){ 10 * i + k }, sizeof(int));
				snprintf(agent.container, sizeof(agent.container), "%d",
					 10 * i + k);
				agents_add(mine, &agent, NULL);
			}
			if (agents_commit(mine, NULL) || write(told[1], "x", 1) != 1)
				_exit(1);
		}
	}
	close(told[1]);
	for (; n < 20 && read(told[0], &byte, 1) == 1; n++)
		;
	assert_int_equal(kill(child, SIGKILL), 0);
	assert_int_equal(waitpid(child, NULL, 0), child);
	while (read(told[0], &byte, 1) == 1)
		n++;
	close(told[0]);
	opened();
	assert_true(n >= 20);
	assert_int_equal(number("SELECT count(*) FROM agents") % 10, 0);
	assert_true(number("SELECT count(*) FROM agents") >= 10 * n);
}

/* --- assertions -------------------------------------------------------------------------- */

static int spend(const char *jti, uint8_t thumbprint, int64_t expires, int64_t now)
{
	uint8_t bytes[LEAF_THUMBPRINT];
	const struct spent spent = { "clawker-agent", jti, bytes, expires };

	memset(bytes, thumbprint, sizeof(bytes));
	return agents_spend(agents, &spent, now, &why);
}

static void an_assertion_is_used_by_one_certificate(void **state)
{
	uint8_t bytes[LEAF_THUMBPRINT] = {};
	const struct spent other = { "clawker-agent", "j", bytes, 100 };

	(void)state;
	opened();
	assert_int_equal(agents_spent(agents, &other, &why), 0);
	assert_int_equal(spend("j", 1, 100, 10), 0);
	assert_int_equal(spend("j", 1, 100, 10), 0); /* its reply was lost */
	assert_int_equal(spend("j", 2, 100, 10), -EEXIST);
	assert_int_equal(agents_spent(agents, &other, &why), -EEXIST);
	assert_int_equal(spend("k", 2, 100, 10), 0);
	opened(); /* for good */
	assert_int_equal(spend("j", 2, 100, 20), -EEXIST);
}

static void what_is_over_is_forgotten(void **state)
{
	(void)state;
	opened();
	for (int i = 0; i < 50; i++) {
		char jti[8];

		snprintf(jti, sizeof(jti), "%d", i);
		assert_int_equal(spend(jti, 1, 100 + i, 10), 0);
	}
	assert_int_equal(number("SELECT count(*) FROM assertions_spent"), 50);
	assert_int_equal(spend("new", 1, 1000, 124), 0);
	assert_int_equal(number("SELECT count(*) FROM assertions_spent"), 26);
}

static void as_many_are_kept_as_there_is_room_for_and_no_more(void **state)
{
	char text[256];

	(void)state;
	opened();
	snprintf(text, sizeof(text),
		 "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < %u)"
		 " INSERT INTO assertions_spent SELECT 'c', i, x'00', 1000 FROM n",
		 AGENTS_SPENT_MAX - 1);
	sql(text);
	opened();
	assert_int_equal(spend("last", 1, 1000, 10), 0);
	assert_int_equal(spend("more", 1, 1000, 20), -ENOSPC);
	assert_int_equal(spend("more", 1, 2000, 1000), 0); /* they are over */
}

int main(void)
{
#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		CASE(a_registry_is_made_in_a_folder_that_is_there),
		CASE(the_table_is_as_others_have_it),
		CASE(a_table_of_before_numbers_is_made_anew),
		CASE(the_second_layout_loses_a_column_and_no_row),
		CASE(one_of_a_newer_program_is_left_as_it_is),
		CASE(what_is_added_is_found),
		CASE(a_thumbprint_and_a_container_have_one_row_each),
		CASE(no_row_is_added_that_lacks_something),
		CASE(evicting_is_the_same_again),
		CASE(a_snapshot_is_by_project_and_name),
		CASE(malformed_rows_are_nobody_and_are_said),
		CASE(a_snapshot_that_fails_is_no_empty_one),
		CASE(writers_at_the_same_time_wait_for_each_other),
		CASE(one_who_is_killed_leaves_whole_commits),
		CASE(an_assertion_is_used_by_one_certificate),
		CASE(what_is_over_is_forgotten),
		CASE(as_many_are_kept_as_there_is_room_for_and_no_more),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
