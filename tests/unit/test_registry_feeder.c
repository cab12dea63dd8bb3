// SPDX-License-Identifier: Apache-2.0
/*
 * test_registry_feeder.c - user/registry/feeder.c: what podman does with containers, and who acts on it
 *
 * A podman that a script plays says what a case has written into files of its folder.
 */
#include "registry_session.h"

#include "user/registry/feeder.h"

static struct feeder *feeder;
static struct feeder_use use;
static char acted[1024]; /* "dial:aa cancel:bb ..." */
static int evict_fails;
static unsigned moves, lost; /* of one that was named, and of any that may have */
static char moved[32];
static unsigned errors;
static char *old_path;

static void act(const char *what, const char *id)
{
	size_t n = strlen(acted);

	snprintf(acted + n, sizeof(acted) - n, "%s%s:%s", n ? " " : "", what, id);
}

static void on_dial(void *user, const char *id)
{
	(void)user;
	act("dial", id);
}

static void on_cancel(void *user, const char *id)
{
	(void)user;
	act("cancel", id);
}

static void on_moved(void *user, const char *id)
{
	(void)user;
	if (id)
		snprintf(moved, sizeof(moved), "%s", id);
	*(id ? &moves : &lost) += 1;
}

static unsigned dialled, cancelled_at; /* after so many dials; 0: not yet */

static void count_dial(void *user, const char *id)
{
	(void)user;
	(void)id;
	dialled++;
}

static void count_cancel(void *user, const char *id)
{
	(void)user;
	assert_string_equal(id, "ffff");
	cancelled_at = dialled;
}

static int on_evict(void *user, const char *id, struct problem *ret)
{
	(void)user;
	if (!evict_fails)
		act("evict", id);
	return evict_fails ? problem(ret, evict_fails, "no") : 0;
}

static void write_file(const char *name, const char *text)
{
	FILE *file = fopen(in_box(name), "w");

	assert_non_null(file);
	fputs(text, file);
	fclose(file);
}

static bool there(const char *name)
{
	return !access(in_box(name), F_OK);
}

static int setup(void **state)
{
	char path[256];

	(void)state;
	*acted = '\0';
	evict_fails = 0;
	moves = lost = 0;
	feeder = NULL;
	if (box_make() || session_begin())
		return -1;
	/* what it is asked, and what it says; a stream goes on for as long as nobody writes "end" */
	snprintf(
	    path, sizeof(path),
	    "#!/bin/sh\ncd %s\necho \"$*\" >>asked\ncase $1 in\n"
	    "ps) cat list ;;\n"
	    "events) cat events; touch streams; n=0\n"
	    "while [ ! -e end ] && [ $n -lt 1000 ]; do sleep 0.01; n=$((n + 1)); done; rm -f end; "
	    "exit 1;;\nesac\n",
	    box);
	write_file("podman", path);
	write_file("list", "[]");
	write_file("events", "");
	if (chmod(in_box("podman"), 0755))
		return -1;
	old_path = strdup(getenv("PATH"));
	snprintf(path, sizeof(path), "%s:/usr/bin:/bin", box);
	setenv("PATH", path, 1);
	use = (struct feeder_use){ .loop = loop,
				   .bus = bus,
				   .dial = on_dial,
				   .cancel = on_cancel,
				   .evict = on_evict,
				   .moved = on_moved,
				   .backoff_ns = SECOND_NS / 1000,
				   .backoff_max_ns = SECOND_NS / 50 };
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	feeder_free(feeder);
	setenv("PATH", old_path, 1);
	free(old_path);
	session_end();
	return box_remove();
}

static void begin(void)
{
	assert_int_equal(feeder_new(&use, &feeder), 0);
}

static void await_file(const char *name)
{
	for (int i = 0; i < 5000 && !there(name); i++)
		turn_for(SECOND_NS / 1000);
	assert_true(there(name));
}

#define EVENT(id, status, more)                                                                    \
	"{\"ID\":\"" id "\",\"Name\":\"n\",\"Status\":\"" status "\",\"Type\":\"container\","      \
	"\"Attributes\":{" more "}}\n"
#define AGENT                                                                                      \
	"\"dev.clawker.purpose\":\"agent\",\"dev.clawker.agent\":\"dev\","                         \
	"\"dev.clawker.project\":\"p\",\"image\":\"i\""

static void event(const char *text)
{
	assert_int_equal(feeder_take_event(feeder, text, strlen(text)), 0);
	turn_for(SECOND_NS / 1000);
}

static const char *name_of_last(void)
{
	static char name[64];

	return agent_event_name(last_event(), name, sizeof(name));
}

static void what_starts_is_dialled_if_it_is_an_agent(void **state)
{
	(void)state;
	begin();
	event(EVENT("aa", "start", AGENT));
	assert_string_equal(name_of_last(), "docker.container.start");
	assert_string_equal(last_event()->agent, "dev");
	assert_string_equal(last_event()->name, "n");
	assert_non_null(strstr(last_event()->labels, "\"dev.clawker.agent\":\"dev\""));
	assert_null(strstr(last_event()->labels, "image"));
	event(EVENT("aa", "restart", AGENT));
	event(EVENT("aa", "unpause", AGENT));
	event(EVENT("bb", "start", "\"dev.clawker.purpose\":\"monitoring\""));
	event(EVENT("bb", "start", ""));
	assert_string_equal(acted, "dial:aa dial:aa dial:aa");
	assert_int_equal(n_events, 5);
	assert_int_equal(moves, 0);
}

static void what_stops_is_dialled_no_more_and_keeps_its_row(void **state)
{
	static const char *const words[][2] = {
		{ EVENT("aa", "died", AGENT), "docker.container.die" },
		{ EVENT("aa", "stop", AGENT), "docker.container.stop" },
		{ EVENT("aa", "oom", AGENT), "docker.container.oom" },
	};

	(void)state;
	begin();
	for (int i = 0; i < 3; i++) {
		*acted = '\0';
		event(words[i][0]);
		assert_string_equal(acted, "cancel:aa");
		assert_int_equal(moves, i + 1);
		assert_string_equal(moved, "aa");
		assert_string_equal(name_of_last(), words[i][1]);
	}
}

static void a_signal_alone_stops_nothing(void **state)
{
	(void)state;
	begin();
	event(EVENT("aa", "kill", AGENT)); /* podman kill -s WINCH: if it ends it, "died" follows */
	assert_string_equal(acted, "");
	assert_string_equal(name_of_last(), "docker.container.kill");
}

static void what_is_removed_loses_its_row(void **state)
{
	(void)state;
	begin();
	event(EVENT("aa", "remove", AGENT));
	assert_string_equal(acted, "cancel:aa evict:aa");
	assert_int_equal(moves, 1);
	assert_string_equal(name_of_last(), "docker.container.destroy");
}

static void count_errors(void)
{
	char line[512];
	FILE *file = fopen(in_box("log"), "r");

	errors = 0;
	while (file && fgets(line, sizeof(line), file))
		errors += strstr(line, "agentregistry_evict_ceiling") != NULL;
	if (file)
		fclose(file);
}

static void rows_that_stay_five_times_are_an_error_that_is_said_once(void **state)
{
	int saved = dup(2), log = open(in_box("log"), O_CREAT | O_WRONLY, 0600);

	(void)state;
	begin();
	log_setup("test", LOG_ERR, false);
	dup2(log, 2);
	evict_fails = -EIO;
	for (int i = 0; i < FEEDER_EVICTS - 1; i++)
		event(EVENT("aa", "remove", AGENT));
	evict_fails = 0; /* and one that goes counts anew */
	event(EVENT("aa", "remove", AGENT));
	evict_fails = -EIO;
	for (int i = 0; i < FEEDER_EVICTS - 1; i++)
		event(EVENT("aa", "remove", AGENT));
	count_errors();
	assert_int_equal(errors, 0);
	for (int i = 0; i < 3; i++)
		event(EVENT("aa", "remove", AGENT));
	dup2(saved, 2);
	close(saved);
	close(log);
	count_errors();
	assert_int_equal(errors, 1);
}

static void noise_and_what_is_no_container_are_nothing(void **state)
{
	static const char *const noise[] = {
		EVENT("aa", "exec", AGENT),
		EVENT("aa", "attach", AGENT),
		EVENT("aa", "mount", AGENT),
		EVENT("aa", "cleanup", AGENT),
		EVENT("aa", "commit", AGENT),
		"{\"ID\":\"x\",\"Status\":\"create\",\"Type\":\"network\"}",
	};
	static const char *const wrong[] = {
		"",
		"x",
		"[]",
		"{}",
		"{\"ID\":\"aa\",\"Type\":\"container\"}",
		EVENT("../..", "start", AGENT),
		EVENT("", "start", AGENT),
		"{\"ID\":1,\"Status\":\"start\",\"Type\":\"container\"}",
	};

	(void)state;
	begin();
	for (unsigned i = 0; i < sizeof(noise) / sizeof(*noise); i++)
		event(noise[i]);
	for (unsigned i = 0; i < sizeof(wrong) / sizeof(*wrong); i++)
		assert_int_equal(feeder_take_event(feeder, wrong[i], strlen(wrong[i])), -EBADMSG);
	turn_for(SECOND_NS / 1000);
	assert_int_equal(n_events, 0);
	assert_string_equal(acted, "");
}

static void a_list_is_told_as_what_had_happened_last(void **state)
{
	static const char list[] =
	    "[{\"Id\":\"aa\",\"Names\":[\"one\"],\"State\":\"running\",\"Labels\":{" AGENT "}},"
	    "{\"Id\":\"bb\",\"Names\":[\"two\"],\"State\":\"exited\",\"Labels\":{" AGENT "}},"
	    "{\"Id\":\"cc\",\"Names\":[],\"State\":\"paused\",\"Labels\":null},"
	    "{\"Id\":\"dd\",\"State\":\"created\"},"
	    "{\"Id\":\"ee\",\"State\":\"removing\"}]";

	(void)state;
	begin();
	assert_int_equal(feeder_take_list(feeder, list, strlen(list)), 5);
	turn_for(SECOND_NS / 1000);
	assert_string_equal(acted, "dial:aa cancel:bb cancel:ee evict:ee");
	assert_int_equal(n_events, 4);
	assert_string_equal(events[0]->action, "start");
	assert_string_equal(events[0]->name, "one");
	assert_string_equal(events[1]->action, "die");
	assert_string_equal(events[2]->action, "pause");
	assert_string_equal(events[3]->action, "destroy");
	assert_int_equal(feeder_take_list(feeder, "{}", 2), -EBADMSG);
	assert_int_equal(feeder_take_list(feeder, "[{}]", 4), -EBADMSG);
}

/* Twice what the bus takes in a round. */
static void a_list_that_is_longer_than_a_round_is_told_all_the_same(void **state)
{
	const unsigned n = 2 * BUS_QUEUE_MAX;
	struct bus_stats stats;
	FILE *list = fopen(in_box("list"), "w");

	(void)state;
	for (unsigned i = 0; i < n; i++)
		fprintf(list, "%c{\"Id\":\"%x\",\"State\":\"running\",\"Labels\":{" AGENT "}}",
			i ? ',' : '[', i);
	fprintf(list, "]");
	fclose(list);
	write_file("events", EVENT("ffff", "died", AGENT));
	bus_leave(&listener); /* it loses what it is too slow for, and has no room */
	use.dial = count_dial;
	use.cancel = count_cancel;
	dialled = 0;
	begin();
	await_file("streams");
	for (int i = 0; i < 5000 && !cancelled_at; i++)
		turn_for(SECOND_NS / 1000);
	assert_int_equal(cancelled_at, n); /* what happened since comes after all of them */
	bus_stats(bus, &stats);
	assert_int_equal(stats.published, n + 1);
	assert_int_equal(stats.dropped, 0);
}

static void a_list_of_which_one_is_none_is_not_taken(void **state)
{
	static const char list[] = "[{\"Id\":\"aa\",\"State\":\"running\",\"Labels\":{" AGENT "}},"
				   "{\"Id\":\"no id\",\"State\":\"running\"}]";

	(void)state;
	begin();
	assert_int_equal(feeder_take_list(feeder, list, strlen(list)), -EBADMSG);
	assert_string_equal(acted, "");
}

static void containers_are_listed_first_and_then_followed_from_before_that(void **state)
{
	char asked[1024] = "";
	long long since = 0, before = (long long)time(NULL);
	FILE *file;

	(void)state;
	write_file("list", "[{\"Id\":\"aa\",\"State\":\"running\",\"Labels\":{" AGENT "}}]");
	write_file("events", EVENT("aa", "died", AGENT) "no event\n" EVENT("aa", "start", AGENT));
	begin();
	await_events(3);
	assert_string_equal(acted, "dial:aa cancel:aa dial:aa");
	file = fopen(in_box("asked"), "r");
	assert_non_null(file);
	assert_true(fread(asked, 1, sizeof(asked) - 1, file) > 0);
	fclose(file);
	assert_non_null(strstr(asked, "--filter label=dev.clawker.managed=true"));
	assert_ptr_equal(strstr(asked, "ps --all"), asked);
	assert_int_equal(sscanf(strstr(asked, "--since "), "--since %lld", &since), 1);
	assert_true(since >= before && since <= (long long)time(NULL));
}

static void a_stream_that_ends_is_begun_again(void **state)
{
	(void)state;
	begin();
	await_file("streams");
	write_file("events", EVENT("aa", "start", AGENT));
	assert_int_equal(unlink(in_box("streams")), 0);
	write_file("end", "");
	await_events(1);
	assert_string_equal(acted, "dial:aa");
	assert_int_equal(lost, 3); /* two lists, and the end between them */
}

static void a_podman_that_fails_is_asked_again(void **state)
{
	(void)state;
	write_file("list", "no list");
	begin();
	for (int i = 0; i < 5000 && !there("asked"); i++)
		turn_for(SECOND_NS / 1000);
	turn_for(SECOND_NS / 20);
	assert_false(there("streams")); /* what was not listed is not followed */
	write_file("list", "[]");
	await_file("streams");
}

static void nothing_that_it_needs_may_be_missing(void **state)
{
	(void)state;
	for (int i = 0; i < 5; i++) {
		struct feeder_use less = use;

		less.loop = i == 0 ? NULL : less.loop;
		less.bus = i == 1 ? NULL : less.bus;
		less.dial = i == 2 ? NULL : less.dial;
		less.cancel = i == 3 ? NULL : less.cancel;
		less.evict = i == 4 ? NULL : less.evict;
		assert_int_equal(feeder_new(&less, &feeder), -EINVAL);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define TEST(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)
		TEST(what_starts_is_dialled_if_it_is_an_agent),
		TEST(what_stops_is_dialled_no_more_and_keeps_its_row),
		TEST(a_signal_alone_stops_nothing),
		TEST(what_is_removed_loses_its_row),
		TEST(rows_that_stay_five_times_are_an_error_that_is_said_once),
		TEST(noise_and_what_is_no_container_are_nothing),
		TEST(a_list_is_told_as_what_had_happened_last),
		TEST(a_list_that_is_longer_than_a_round_is_told_all_the_same),
		TEST(a_list_of_which_one_is_none_is_not_taken),
		TEST(containers_are_listed_first_and_then_followed_from_before_that),
		TEST(a_stream_that_ends_is_begun_again),
		TEST(a_podman_that_fails_is_asked_again),
		TEST(nothing_that_it_needs_may_be_missing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
