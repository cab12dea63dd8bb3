// SPDX-License-Identifier: Apache-2.0
/* test_registry_register.c - user/registry/register.c: every answer that an agent can get, and what is on disk then */
#include "registry_file.h"

#include "base/event.h"
#include "base/log.h"
#include "user/registry/register.h"

static struct loop *loop;
static struct agents *agents;
static struct registrar *registrar;
static struct leaf leaf;
static struct resolved who;

static int setup(void **state)
{
	(void)state;
	log_setup("test", LOG_EMERG, false);
	if (box_make())
		return -1;
	strcpy(file, in_box("controlplane.db"));
	leaf = (struct leaf){ .present = true,
			      .cn = "clawker-clawkerd",
			      .container_san = SAN_FOUND,
			      .container = "aa",
			      .thumbprint = { 1 } };
	who = (struct resolved){ .container = "aa", .project = "proj", .agent = "dev" };
	return loop_new(&loop) ?: agents_open(file, &agents, &why)
			       ?: registrar_new(loop, agents, &registrar);
}

static int teardown(void **state)
{
	(void)state;
	registrar_free(registrar);
	agents_free(agents);
	loop_free(loop);
	return box_remove();
}

/* --- one of them ------------------------------------------------------------------------- */

static struct register_ask ask;
static struct reply got;
static unsigned told, wanted;

static void on_done(struct register_ask *one, const struct reply *reply)
{
	(void)one;
	got = *reply;
	if (++told == wanted)
		loop_stop(loop);
}

static void turn(void)
{
	assert_int_equal(loop_run(loop), 0);
}

static enum reply_code registered(const char *agent, const char *project)
{
	ask = (struct register_ask){ .agent = agent,
				     .project = project,
				     .who = &who,
				     .leaf = &leaf,
				     .done = on_done,
				     .spent = ask.spent };
	told = 0;
	wanted = 1;
	got = (struct reply){};
	register_begin(registrar, &ask);
	if (!told)
		turn();
	/* a loop that was stopped is used up; what is open is committed */
	registrar_free(registrar);
	loop_free(loop);
	assert_int_equal(loop_new(&loop), 0);
	assert_int_equal(registrar_new(loop, agents, &registrar), 0);
	assert_int_equal(told, 1);
	return got.code;
}

static void refused(enum reply_code code, const char *text)
{
	assert_int_equal(got.code, code);
	assert_string_equal(got.text, text);
}

static void what_is_no_request_is_invalid(void **state)
{
	(void)state;
	registered(NULL, NULL);
	refused(REPLY_INVALID, "register: nil request");
	registered("", "proj");
	refused(REPLY_INVALID, "register: invalid agent name");
	assert_int_equal(number(ALL), 0);
}

static void nobody_registers_whom_nobody_resolved(void **state)
{
	(void)state;
	*who.container = '\0';
	registered("dev", "proj");
	refused(REPLY_INTERNAL, "register: identity not resolved");
	assert_int_equal(number(ALL), 0);
}

static void without_a_certificate_it_is_denied(void **state)
{
	(void)state;
	leaf.present = false;
	registered("dev", "proj");
	refused(REPLY_DENIED, REGISTER_FAILED);
}

static void what_the_request_says_must_be_what_the_labels_say(void **state)
{
	(void)state;
	registered("other", "proj");
	refused(REPLY_DENIED, REGISTER_FAILED);
	registered("dev", "other");
	refused(REPLY_DENIED, REGISTER_FAILED);
	registered("dev", "");
	refused(REPLY_DENIED, REGISTER_FAILED);
	assert_int_equal(number(ALL), 0);
}

static void the_certificate_must_be_of_the_container(void **state)
{
	(void)state;
	leaf.container_san = SAN_MISSING;
	registered("dev", "proj");
	refused(REPLY_DENIED, REGISTER_FAILED);
	leaf.container_san = SAN_MALFORMED;
	registered("dev", "proj");
	refused(REPLY_DENIED, REGISTER_FAILED);
	leaf.container_san = SAN_FOUND;
	strcpy(leaf.container, "bb");
	registered("dev", "proj");
	refused(REPLY_DENIED, REGISTER_FAILED);
	assert_int_equal(number(ALL), 0);
}

static void the_first_call_writes_a_row_and_the_second_is_welcome_too(void **state)
{
	struct agent row;

	(void)state;
	assert_int_equal(registered("dev", "proj"), REPLY_OK);
	assert_int_equal(agents_lookup(agents, "aa", &row, &why), 0);
	assert_int_equal(row.thumbprint[0], 1);
	assert_string_equal(row.name, "dev");
	assert_string_equal(row.project, "proj");
	assert_in_range(row.registered, time(NULL) - 60, time(NULL));
	sql("UPDATE agents SET registered_at = 7");
	assert_int_equal(registered("dev", "proj"), REPLY_OK);
	assert_int_equal(number(ALL), 1);
	assert_int_equal(number(ALL " WHERE registered_at = 7"), 1);
}

static void a_row_is_what_the_labels_say_and_not_the_request(void **state)
{
	static char agent[] = "dev", project[] = "proj";

	(void)state;
	assert_int_equal(registered(agent, project), REPLY_OK);
	assert_int_equal(
	    number(ALL " WHERE agent_name = 'dev' AND project = 'proj' AND container_id = 'aa'"
		       " AND thumbprint_hex = '01' || substr(hex(zeroblob(31)), 1)"),
	    1);
}

static void another_certificate_of_the_container_is_denied(void **state)
{
	(void)state;
	assert_int_equal(registered("dev", "proj"), REPLY_OK);
	leaf.thumbprint[0] = 2;
	registered("dev", "proj");
	refused(REPLY_DENIED, REGISTER_FAILED);
	assert_int_equal(number(ALL " WHERE thumbprint_hex LIKE '01%'"), 1);
	assert_int_equal(number(ALL), 1);
}

static void a_malformed_row_is_evicted_and_written_anew(void **state)
{
	(void)state;
	sql("INSERT INTO agents VALUES ('zz', 'aa', 'x', '', 1, 1)");
	assert_int_equal(registered("dev", "proj"), REPLY_OK);
	assert_int_equal(number(ALL), 1);
	assert_int_equal(number(ALL " WHERE thumbprint_hex LIKE '01%'"), 1);
}

static void what_cannot_be_evicted_read_or_written_is_an_error_of_ours(void **state)
{
	(void)state;
	sql("INSERT INTO agents VALUES ('zz', 'aa', 'x', '', 1, 1);"
	    "CREATE TRIGGER stay BEFORE DELETE ON agents BEGIN SELECT raise(ABORT, 'no'); END");
	registered("dev", "proj");
	refused(REPLY_INTERNAL, "register: evict malformed row failed");
	sql("DROP TRIGGER stay; DELETE FROM agents;"
	    "CREATE TRIGGER full BEFORE INSERT ON agents BEGIN SELECT raise(ABORT, 'no'); END");
	registered("dev", "proj");
	refused(REPLY_INTERNAL, "register: persist failed");
	sql("DROP TRIGGER full; ALTER TABLE agents RENAME TO others");
	registered("dev", "proj");
	refused(REPLY_INTERNAL, "register: lookup failed");
	sql("ALTER TABLE others RENAME TO agents");
	assert_int_equal(number(ALL), 0);
	assert_int_equal(registered("dev", "proj"), REPLY_OK);
}

/* A certificate of another container is in the registry already. */
static void a_certificate_that_is_another_containers_is_not_written_twice(void **state)
{
	(void)state;
	assert_int_equal(registered("dev", "proj"), REPLY_OK);
	strcpy(leaf.container, "bb");
	strcpy(who.container, "bb");
	registered("dev", "proj");
	refused(REPLY_INTERNAL, "register: persist failed");
	assert_int_equal(number(ALL), 1);
}

static void an_assertion_is_used_with_the_row_or_not_at_all(void **state)
{
	uint8_t mine[LEAF_THUMBPRINT] = { 1 }, theirs[LEAF_THUMBPRINT] = { 9 };
	struct spent spent = { "clawker-agent", "j", mine, time(NULL) + 100 };

	(void)state;
	ask.spent = &spent;
	registered("other", "proj"); /* denied: it may be used still */
	assert_int_equal(number("SELECT count(*) FROM assertions_spent"), 0);
	assert_int_equal(registered("dev", "proj"), REPLY_OK);
	assert_int_equal(registered("dev", "proj"), REPLY_OK); /* the first reply was lost */
	assert_int_equal(number("SELECT count(*) FROM assertions_spent"), 1);
	spent.thumbprint = theirs;
	leaf.thumbprint[0] = 9;
	strcpy(who.container, "bb");
	strcpy(leaf.container, "bb");
	registered("dev", "proj");
	refused(REPLY_DENIED, REGISTER_FAILED);
	assert_int_equal(number(ALL), 1);
	ask.spent = NULL;
}

/* --- many ---------------------------------------------------------------------------------- */

#define MANY 300

static struct register_ask many[MANY];
static struct leaf leaves[MANY];
static struct resolved whos[MANY];
static unsigned codes[REPLY_UNAUTHENTICATED + 1];

static void on_one(struct register_ask *one, const struct reply *reply)
{
	codes[reply->code]++;
	/* who is told may forget another that was to be told */
	if (one == &many[0])
		register_forget(&many[1]);
	on_done(one, reply);
}

static void begin_many(void)
{
	memset(codes, 0, sizeof(codes));
	told = 0;
	for (int i = 0; i < MANY; i++) {
		leaves[i] = leaf;
		whos[i] = who;
		memcpy(leaves[i].thumbprint, &(int){ i + 1 }, sizeof(int));
		snprintf(leaves[i].container, sizeof(leaves[i].container), "%x", i);
		strcpy(whos[i].container, leaves[i].container);
		many[i] = (struct register_ask){ .agent = "dev",
						 .project = "proj",
						 .who = &whos[i],
						 .leaf = &leaves[i],
						 .done = on_one };
		register_begin(registrar, &many[i]);
	}
}

static void those_of_one_round_are_one_commit_and_nobody_is_told_before(void **state)
{
	(void)state;
	wanted = MANY - 2;
	begin_many();
	assert_int_equal(told, 0);
	assert_int_equal(number(ALL), 0); /* for everybody else */
	register_forget(&many[MANY - 1]);
	turn();
	assert_int_equal(told, MANY - 2);
	assert_int_equal(codes[REPLY_OK], MANY - 2);
	assert_int_equal(number(ALL), MANY); /* whose caller has gone is registered nevertheless */
}

/* A constraint that is looked at when it is committed, and not before. */
static void commits_fail(void)
{
	sql("CREATE TABLE parent (id TEXT PRIMARY KEY);"
	    "CREATE TABLE child (id TEXT REFERENCES parent (id) DEFERRABLE INITIALLY DEFERRED);"
	    "CREATE TRIGGER deferred AFTER INSERT ON agents BEGIN INSERT INTO child VALUES"
	    " (NEW.container_id); END");
}

static void a_commit_that_fails_is_an_error_for_all_of_it(void **state)
{
	(void)state;
	wanted = MANY - 1;
	commits_fail();
	begin_many();
	turn();
	assert_int_equal(codes[REPLY_INTERNAL], MANY - 1);
	assert_int_equal(codes[REPLY_OK], 0);
	assert_int_equal(number(ALL), 0);
	refused(REPLY_INTERNAL, "register: persist failed");
}

/* Two of the same agent; what the second finds may be taken back. */
static void the_same_again_waits_for_the_commit_of_the_first(void **state)
{
	struct register_ask second;

	(void)state;
	commits_fail();
	told = 0;
	wanted = 2;
	ask = (struct register_ask){
		.agent = "dev", .project = "proj", .who = &who, .leaf = &leaf, .done = on_done
	};
	second = ask;
	register_begin(registrar, &ask);
	register_begin(registrar, &second);
	assert_int_equal(told, 0);
	turn();
	assert_int_equal(told, 2);
	refused(REPLY_INTERNAL, "register: persist failed");
	assert_int_equal(number(ALL), 0);
}

static void begin_one(struct register_ask *one, struct resolved *them, struct leaf *theirs,
		      const char *container)
{
	*theirs = leaf;
	*them = who;
	theirs->thumbprint[0] = (uint8_t)*container;
	strcpy(theirs->container, container);
	strcpy(them->container, container);
	*one = (struct register_ask){
		.agent = "dev", .project = "proj", .who = them, .leaf = theirs, .done = on_one
	};
	register_begin(registrar, one);
}

/* Somebody else commits what the first has begun, which fails; what the second began does not. */
static void a_commit_that_failed_is_not_mended_by_the_next_of_its_round(void **state)
{
	(void)state;
	memset(codes, 0, sizeof(codes));
	told = 0;
	wanted = 2;
	commits_fail();
	begin_one(&many[2], &whos[2], &leaves[2], "b");
	assert_true(registrar_commit(registrar, &why) < 0);
	sql("DROP TRIGGER deferred");
	begin_one(&many[3], &whos[3], &leaves[3], "c");
	turn();
	assert_int_equal(number(ALL " WHERE container_id = 'b'"), 0);
	assert_int_equal(many[2].reply.code, REPLY_INTERNAL);
	assert_int_equal(codes[REPLY_OK], 0); /* who shares its round is told so, and comes again */
}

/* As a disk that fails within a statement: sqlite takes back all that was begun, and not that alone. */
static void what_was_taken_back_is_nobodys_success(void **state)
{
	(void)state;
	memset(codes, 0, sizeof(codes));
	told = 0;
	wanted = 3;
	sql("CREATE TRIGGER bad BEFORE INSERT ON agents WHEN NEW.container_id = 'c'"
	    " BEGIN SELECT raise(ROLLBACK, 'no'); END");
	begin_one(&many[2], &whos[2], &leaves[2], "b");
	begin_one(&many[3], &whos[3], &leaves[3], "c");
	assert_int_equal(told, 1);
	refused(REPLY_INTERNAL, "register: persist failed");
	begin_one(&many[4], &whos[4], &leaves[4], "d");
	turn();
	assert_int_equal(number(ALL " WHERE container_id = 'b'"), 0);
	assert_int_equal(many[2].reply.code, REPLY_INTERNAL);
	assert_int_equal(codes[REPLY_OK], 0); /* the last of them is told so too, and comes again */
	assert_int_equal(codes[REPLY_INTERNAL], 3);
}

static void who_is_known_is_told_at_once_and_nothing_is_written(void **state)
{
	struct spent spent = { "clawker-agent", "j", leaf.thumbprint, time(NULL) + 100 };
	struct agent row;

	(void)state;
	ask.spent = &spent;
	assert_int_equal(registered("dev", "proj"), REPLY_OK);
	told = 0;
	wanted = 2;
	commits_fail(); /* and nobody needs one */
	register_begin(registrar, &ask);
	assert_int_equal(told, 1);
	assert_int_equal(got.code, REPLY_OK);
	/* another assertion is to be noted: that is a commit */
	spent.jti = "k";
	register_begin(registrar, &ask);
	assert_int_equal(told, 1);
	turn();
	assert_int_equal(told, 2);
	assert_int_equal(got.code, REPLY_OK);
	assert_int_equal(number("SELECT count(*) FROM assertions_spent"), 2);
	/* nor is a row that was evicted known any more */
	assert_int_equal(registrar_evict(registrar, "aa", &why), 0);
	assert_int_equal(agents_lookup(agents, "aa", &row, &why), -ENOENT);
	register_begin(registrar, &ask);
	assert_int_equal(told, 2);
	register_forget(&ask);
	ask.spent = NULL;
}

static void who_calls_is_seen_when_that_is_long_ago(void **state)
{
	(void)state;
	assert_int_equal(registered("dev", "proj"), REPLY_OK);
	sql("UPDATE agents SET last_seen = last_seen - 5, registered_at = registered_at - 5");
	assert_int_equal(registered("dev", "proj"), REPLY_OK);
	assert_int_equal(number(ALL " WHERE last_seen = registered_at"), 1);
	sql("UPDATE agents SET last_seen = last_seen - 5");
	assert_int_equal(registered("dev", "proj"), REPLY_OK);
	assert_int_equal(number(ALL " WHERE last_seen > registered_at"), 1);
}

static void who_was_seen_is_noted(void **state)
{
	(void)state;
	assert_int_equal(registered("dev", "proj"), REPLY_OK);
	sql("UPDATE agents SET last_seen = 5");
	registrar_touch(registrar, "aa");
	registrar_free(registrar); /* which commits */
	registrar = NULL;
	assert_int_equal(number(ALL " WHERE last_seen > 5"), 1);
}

static int on_fsynced(struct timer *timer)
{
	(void)timer;
	loop_stop(loop);
	return 0;
}

/* How often the file of what is committed has changed: each commit writes to it. */
static void many_that_are_seen_are_one_commit(void **state)
{
	struct timer timer = {};
	sqlite3 *db;
	int64_t before, version = 0;
	sqlite3_stmt *stmt;

	(void)state;
	assert_int_equal(registered("dev", "proj"), REPLY_OK);
	sql("UPDATE agents SET last_seen = 5");
	assert_int_equal(sqlite3_open(file, &db), SQLITE_OK);
	assert_int_equal(sqlite3_prepare_v2(db, "PRAGMA data_version", -1, &stmt, NULL), SQLITE_OK);
	assert_int_equal(sqlite3_step(stmt), SQLITE_ROW);
	before = sqlite3_column_int64(stmt, 0);
	for (unsigned i = 1; i < REGISTRAR_SEEN_MAX; i++) {
		registrar_touch(registrar, i % 2 ? "aa" : "gone");
		sqlite3_reset(stmt);
		assert_int_equal(sqlite3_step(stmt), SQLITE_ROW);
		assert_int_equal(sqlite3_column_int64(stmt, 0), before); /* nothing is written */
	}
	registrar_touch(registrar, "aa"); /* so many are, now */
	timer_arm(loop, &timer, now_boot_ns() + SECOND_NS / 50, on_fsynced);
	turn();
	sqlite3_reset(stmt);
	assert_int_equal(sqlite3_step(stmt), SQLITE_ROW);
	version = sqlite3_column_int64(stmt, 0);
	assert_int_equal(version, before + 1);
	sqlite3_finalize(stmt);
	sqlite3_close(db);
	assert_int_equal(number(ALL " WHERE last_seen > 5"), 1);
}

static void who_was_seen_is_written_after_a_while(void **state)
{
	struct timer timer = {};

	(void)state;
	assert_int_equal(registered("dev", "proj"), REPLY_OK);
	sql("UPDATE agents SET last_seen = 5");
	registrar_touch(registrar, "aa");
	timer_arm(loop, &timer, now_boot_ns() + REGISTRAR_SEEN_NS + SECOND_NS / 2, on_fsynced);
	turn();
	assert_int_equal(number(ALL " WHERE last_seen > 5"), 1);
}

int main(void)
{
#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		CASE(what_is_no_request_is_invalid),
		CASE(nobody_registers_whom_nobody_resolved),
		CASE(without_a_certificate_it_is_denied),
		CASE(what_the_request_says_must_be_what_the_labels_say),
		CASE(the_certificate_must_be_of_the_container),
		CASE(the_first_call_writes_a_row_and_the_second_is_welcome_too),
		CASE(a_row_is_what_the_labels_say_and_not_the_request),
		CASE(another_certificate_of_the_container_is_denied),
		CASE(a_malformed_row_is_evicted_and_written_anew),
		CASE(what_cannot_be_evicted_read_or_written_is_an_error_of_ours),
		CASE(a_certificate_that_is_another_containers_is_not_written_twice),
		CASE(an_assertion_is_used_with_the_row_or_not_at_all),
		CASE(those_of_one_round_are_one_commit_and_nobody_is_told_before),
		CASE(a_commit_that_fails_is_an_error_for_all_of_it),
		CASE(the_same_again_waits_for_the_commit_of_the_first),
		CASE(a_commit_that_failed_is_not_mended_by_the_next_of_its_round),
		CASE(what_was_taken_back_is_nobodys_success),
		CASE(who_is_known_is_told_at_once_and_nothing_is_written),
		CASE(who_calls_is_seen_when_that_is_long_ago),
		CASE(who_was_seen_is_noted),
		CASE(many_that_are_seen_are_one_commit),
		CASE(who_was_seen_is_written_after_a_while),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
