// SPDX-License-Identifier: Apache-2.0
/*
 * test_journal.c - policy that outlives its guard, on a real disk: kept, full, broken
 */
#include "support.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/db.h"
#include "base/event.h"
#include "journal.h"

#define HOUR_NS (3600 * SECOND_NS)

static struct test_world *world;

static int setup(void **state)
{
	(void)state;
	world = test_world_new();
	test_load(world);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	journal_close();
	umount2(getenv("TEROK_STATE"), MNT_DETACH);
	test_world_free(world);
	return 0;
}

static int keep(uint32_t guard, enum terok_action action, const char *dest, uint64_t until_ns,
		struct problem *why)
{
	struct rule rule = { .guard = guard,
			     .keep = true,
			     .value = { .action = action, .until_ns = until_ns, .uid = 7 } };

	assert_int_equal(dest_parse(dest, &rule.dest, NULL), 0);
	return policy_add(world->kernel, &rule, why);
}

/* The guard goes and comes back, as with a container that is stopped and started. */
static struct guard come_back(struct guard guard)
{
	struct guard_spec spec = { .cgroup_fd = world->cgroup_fd,
				   .netns_fd = -1,
				   .kind = TEROK_KIND_CGROUP,
				   .name = "again",
				   .state = TEROK_STATE_UP,
				   .state_kept = true };
	bool existing;

	assert_int_equal(guard_detach(world->kernel, &guard, NULL), 0);
	journal_close();
	assert_int_equal(guard_attach(world->kernel, &spec, &guard, &existing, NULL), 0);
	assert_false(existing);
	return guard;
}

static void what_is_kept_comes_back_and_nothing_else(void **state)
{
	struct guard guard = test_guard(world, TEROK_STATE_UP, 0, 0);
	uint64_t now = now_boot_ns();
	struct publish port;

	(void)state;
	assert_int_equal(keep(guard.id, TEROK_ALLOW, TEST_FAR, 0, NULL), 0);
	assert_int_equal(keep(guard.id, TEROK_ALLOW, "203.0.113.0/24", now + HOUR_NS, NULL), 0);
	assert_int_equal(keep(guard.id, TEROK_ALLOW, "192.0.2.1", now, NULL), 0);
	assert_int_equal(keep(guard.id, TEROK_DENY, "203.0.113.7", 0, NULL), 0);
	assert_int_equal(test_rule(world, guard.id, TEROK_ALLOW, TEST_FAR6, 0), 0); /* session */
	assert_int_equal(policy_publish(world->kernel, guard.id,
					&(struct publish){ 8080, IPPROTO_TCP }, true, NULL),
			 0);
	assert_int_equal(test_tcp(world, TEST_FAR6), 0);

	guard = come_back(guard);
	assert_int_equal(guard.state, TEROK_STATE_UP);
	assert_int_equal(test_tcp(world, TEST_FAR), 0);
	assert_int_equal(test_tcp(world, "203.0.113.1"), 0);
	assert_int_equal(test_tcp(world, "203.0.113.7"), EHOSTUNREACH);
	assert_int_equal(test_tcp(world, "192.0.2.1"), EHOSTUNREACH);
	assert_int_equal(test_tcp(world, TEST_FAR6), EACCES);
	assert_int_equal(policy_published(world->kernel, guard.id, &port, 1), 1);
	assert_int_equal(port.port, 8080);
}

static void what_is_taken_back_stays_away(void **state)
{
	struct guard guard = test_guard(world, TEROK_STATE_UP, 0, 0);
	struct rule rule = { .value = { .action = TEROK_ALLOW } };
	struct publish port;

	(void)state;
	assert_int_equal(keep(guard.id, TEROK_ALLOW, TEST_FAR, 0, NULL), 0);
	assert_int_equal(keep(guard.id, TEROK_ALLOW, "203.0.113.0/24", 0, NULL), 0);
	assert_int_equal(keep(guard.id, TEROK_DENY, "203.0.113.0/24", 0, NULL), 0); /* replaces */
	assert_int_equal(policy_publish(world->kernel, guard.id,
					&(struct publish){ 8080, IPPROTO_TCP }, true, NULL),
			 0);
	assert_int_equal(policy_publish(world->kernel, guard.id,
					&(struct publish){ 8080, IPPROTO_TCP }, false, NULL),
			 0);
	rule.guard = guard.id;
	assert_int_equal(dest_parse(TEST_FAR, &rule.dest, NULL), 0);
	assert_int_equal(policy_remove(world->kernel, &rule, NULL), 0);
	guard = come_back(guard);
	assert_int_equal(test_tcp(world, TEST_FAR), EHOSTUNREACH);
	assert_int_equal(test_tcp(world, "203.0.113.1"), EHOSTUNREACH);
	test_records(world);
	assert_int_equal(world->last.reason, TEROK_REASON_RULE_DENY);
	assert_int_equal(policy_published(world->kernel, guard.id, &port, 1), 0);
}

/* Three at once, the second in the way of what is there, and one of them of no sense. */
static void what_is_said_at_once_is_kept_all_or_not(void **state)
{
	static const char *const dest[] = { TEST_FAR, "203.0.113.0/24", "192.0.2.1" };
	struct guard guard = test_guard(world, TEROK_STATE_UP, 0, 0);
	struct rule rules[3] = {}, kept;
	char key[JOURNAL_KEY_LEN];

	(void)state;
	for (int i = 0; i < 3; i++) {
		rules[i] = (struct rule){ .guard = guard.id,
					  .keep = true,
					  .weak = true,
					  .value = { .action = TEROK_ALLOW,
						     .author = TEROK_AUTHOR_PROFILE } };
		assert_int_equal(dest_parse(dest[i], &rules[i].dest, NULL), 0);
	}
	assert_true(journal_key(&guard.info, key));
	rules[2].dest.bits = 129;
	assert_int_equal(policy_add_all(world->kernel, rules, 3, NULL), -EINVAL);
	assert_int_equal(journal_get_rule(key, &rules[0], &kept, NULL), 0);
	assert_int_equal(test_tcp(world, TEST_FAR), EHOSTUNREACH);
	rules[2].dest.bits = 128;

	/* what is begun and fails later, in its middle or around it, was never written */
	for (int inner = 0; inner < 2; inner++) {
		assert_int_equal(journal_begin(NULL), 0);
		assert_int_equal(journal_begin(NULL), 0);
		assert_int_equal(journal_put_rule(key, &rules[0], NULL), 0);
		assert_int_equal(journal_end(inner ? -EIO : 0, NULL), inner ? -EIO : 0);
		assert_int_equal(journal_end(inner ? 0 : -EIO, NULL), -EIO);
		assert_int_equal(journal_get_rule(key, &rules[0], &kept, NULL), 0);
	}

	assert_int_equal(keep(guard.id, TEROK_DENY, "192.0.2.1", 0, NULL), 0);
	assert_int_equal(policy_add_all(world->kernel, rules, 3, NULL), 0);
	guard = come_back(guard);
	assert_int_equal(test_tcp(world, TEST_FAR), 0);
	assert_int_equal(test_tcp(world, "203.0.113.1"), 0);
	assert_int_equal(test_tcp(world, "192.0.2.1"), EHOSTUNREACH);
	assert_int_equal(journal_get_rule(key, &rules[2], &kept, NULL), 1);
	assert_int_equal(kept.value.action, TEROK_DENY);
}

static void its_state_comes_back_unless_another_was_asked_for(void **state)
{
	struct guard guard = test_guard(world, TEROK_STATE_UP, 0, 0);

	(void)state;
	assert_int_equal(guard_set_state(world->kernel, guard.id, TEROK_STATE_BLOCK, NULL), 0);
	guard = come_back(guard);
	assert_int_equal(guard.state, TEROK_STATE_BLOCK);
	assert_int_equal(guard_detach(world->kernel, &guard, NULL), 0);
	guard = test_guard(world, TEROK_STATE_DOWN, 0, 0);
	assert_int_equal(guard.state, TEROK_STATE_DOWN);
	assert_int_equal(policy_unkeep(&guard.info, NULL), 0);
	guard = come_back(guard);
	assert_int_equal(guard.state, TEROK_STATE_UP);
}

/* A folder of its own, so small that it can be filled. */
static void state_on_small_disk(void)
{
	const char *dir = getenv("TEROK_STATE");

	assert_int_equal(mkdir(dir, 0700), 0);
	assert_int_equal(mount("small", dir, "tmpfs", 0, "size=256k,mode=0700"), 0);
}

static void disk_fill(void)
{
	static const char block[4096];
	char path[128];
	int fd;

	snprintf(path, sizeof(path), "%s/ballast", getenv("TEROK_STATE"));
	fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	assert_true(fd >= 0);
	while (write(fd, block, sizeof(block)) > 0)
		;
	assert_int_equal(errno, ENOSPC);
	close(fd);
}

static void a_full_disk_refuses_and_changes_nothing(void **state)
{
	struct problem why = {};
	struct guard guard;
	int r = 0;

	(void)state;
	state_on_small_disk();
	guard = test_guard(world, TEROK_STATE_UP, 0, 0);
	assert_int_equal(keep(guard.id, TEROK_ALLOW, "203.0.113.1", 0, NULL), 0);
	disk_fill();
	/* its log may have room for a few more */
	for (int i = 2; !r && i < 200; i++) {
		char dest[32];

		snprintf(dest, sizeof(dest), "192.0.2.%d", i);
		r = keep(guard.id, TEROK_ALLOW, dest, 0, &why);
		assert_int_equal(test_tcp(world, dest), r ? EHOSTUNREACH : 0);
	}
	assert_int_equal(r, -ENOSPC);
	assert_non_null(strstr(why.text, "policy.db"));
	assert_int_equal(guard_set_state(world->kernel, guard.id, TEROK_STATE_DOWN, &why), -ENOSPC);
	assert_int_equal(test_tcp(world, TEST_FAR), EHOSTUNREACH);
	assert_int_equal(policy_publish(world->kernel, guard.id,
					&(struct publish){ 8080, IPPROTO_TCP }, true, &why),
			 -ENOSPC);
	assert_int_equal(policy_published(world->kernel, guard.id, &(struct publish){}, 1), 0);
	/* what is not kept needs no room; what was, is still there */
	assert_int_equal(test_rule(world, guard.id, TEROK_ALLOW, TEST_FAR, 0), 0);
	assert_int_equal(test_tcp(world, "203.0.113.1"), 0);
}

static void a_broken_journal_is_named_and_lets_out_nothing(void **state)
{
	struct guard guard = test_guard(world, TEROK_STATE_UP, 0, 0);
	char path[128], garbage[8192];
	struct problem why = {};
	int fd;

	(void)state;
	assert_int_equal(keep(guard.id, TEROK_ALLOW, TEST_FAR, 0, NULL), 0);
	assert_int_equal(guard_set_state(world->kernel, guard.id, TEROK_STATE_DOWN, NULL), 0);
	journal_close();
	snprintf(path, sizeof(path), "%s/policy.db", getenv("TEROK_STATE"));
	memset(garbage, 'x', sizeof(garbage));
	fd = open(path, O_WRONLY | O_TRUNC | O_CLOEXEC);
	assert_int_equal(write(fd, garbage, sizeof(garbage)), sizeof(garbage));
	close(fd);

	guard = come_back(guard);
	assert_int_equal(guard.state, TEROK_STATE_UP);
	assert_int_equal(test_tcp(world, TEST_FAR), EHOSTUNREACH);
	assert_int_equal(keep(guard.id, TEROK_ALLOW, TEST_FAR, 0, &why), -EUCLEAN);
	assert_non_null(strstr(why.text, "policy.db"));
	assert_int_equal(test_tcp(world, TEST_FAR), EHOSTUNREACH);
}

static void a_newer_journal_and_an_unsafe_folder_are_named(void **state)
{
	struct guard guard = test_guard(world, TEROK_STATE_UP, 0, 0);
	const char *dir = getenv("TEROK_STATE");
	struct problem why = {};
	char path[128];
	sqlite3 *db;

	(void)state;
	assert_int_equal(keep(guard.id, TEROK_ALLOW, TEST_FAR, 0, NULL), 0);
	journal_close();
	snprintf(path, sizeof(path), "%s/policy.db", dir);
	assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
	assert_int_equal(db_exec(db, "PRAGMA user_version = 99", NULL), 0);
	sqlite3_close(db);
	assert_int_equal(keep(guard.id, TEROK_ALLOW, TEST_FAR6, 0, &why), -EPROTO);
	assert_non_null(strstr(why.text, "newer"));

	assert_int_equal(chmod(dir, 0777), 0);
	assert_int_equal(keep(guard.id, TEROK_ALLOW, TEST_FAR6, 0, &why), -EPERM);
	assert_non_null(strstr(why.text, "chmod 0700"));
	assert_int_equal(test_tcp(world, TEST_FAR6), EACCES);
}

/* What the first layout held, a later program finds. */
static void an_older_journal_is_read(void **state)
{
	static const char *const old =
	    "CREATE TABLE guard (key TEXT PRIMARY KEY, state INTEGER NOT NULL, seen INTEGER NOT NULL)"
	    " STRICT;"
	    "CREATE TABLE rule (key TEXT NOT NULL REFERENCES guard ON DELETE CASCADE,"
	    " addr BLOB NOT NULL, bits INTEGER NOT NULL, port INTEGER NOT NULL,"
	    " proto INTEGER NOT NULL, action INTEGER NOT NULL, author INTEGER NOT NULL,"
	    " uid INTEGER NOT NULL, until INTEGER NOT NULL, lasts INTEGER NOT NULL,"
	    " PRIMARY KEY (key, addr, bits, port, proto)) STRICT;"
	    "CREATE TABLE port (key TEXT NOT NULL REFERENCES guard ON DELETE CASCADE,"
	    " port INTEGER NOT NULL, PRIMARY KEY (key, port)) STRICT;"
	    "INSERT INTO guard VALUES ('%s', 2, strftime('%%s') + 0);"
	    "INSERT INTO port VALUES ('%s', 8080); PRAGMA user_version = 1;";
	struct guard guard = test_guard(world, TEROK_STATE_UP, 0, 0);
	char key[JOURNAL_KEY_LEN], path[128], sql[2048];
	struct publish port[2];
	sqlite3 *db;

	(void)state;
	assert_true(journal_key(&guard.info, key));
	snprintf(path, sizeof(path), "%s/policy.db", getenv("TEROK_STATE"));
	journal_close();
	unlink(path);
	assert_int_equal(mkdir(getenv("TEROK_STATE"), 0700) && errno != EEXIST, 0);
	assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
	snprintf(sql, sizeof(sql), old, key, key);
	assert_int_equal(db_exec(db, sql, NULL), 0);
	sqlite3_close(db);
	guard = come_back(guard);
	assert_int_equal(guard.state, TEROK_STATE_DOWN);
	assert_int_equal(policy_published(world->kernel, guard.id, port, 2), 1);
	assert_int_equal(port[0].port, 8080);
	assert_int_equal(port[0].proto, IPPROTO_TCP);
	/* what refers to the guard goes with it */
	assert_int_equal(journal_forget(key, NULL), 0);
	guard = come_back(guard);
	assert_int_equal(policy_published(world->kernel, guard.id, port, 2), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
		T(what_is_kept_comes_back_and_nothing_else),
		T(what_is_taken_back_stays_away),
		T(what_is_said_at_once_is_kept_all_or_not),
		T(its_state_comes_back_unless_another_was_asked_for),
		T(a_full_disk_refuses_and_changes_nothing),
		T(a_broken_journal_is_named_and_lets_out_nothing),
		T(an_older_journal_is_read),
		T(a_newer_journal_and_an_unsafe_folder_are_named),
	};

	test_require("kernel/journal");
	return cmocka_run_group_tests_name("kernel/journal", tests, NULL, NULL);
}
