// SPDX-License-Identifier: Apache-2.0
/* test_registry_watch.c - user/registry/watch.c: what those who watch are shown, and what it may cost */
#include "registry_session.h"

#include "base/sock.h"
#include "user/registry/watch.h"
#include "user/registry/world.h"

static struct watch *watch;
static struct world *world;
static char path[160];

static int setup(void **state)
{
	(void)state;
	watch = NULL;
	if (box_make() || session_begin() || world_new(&world))
		return -1;
	snprintf(path, sizeof(path), "%s/run/w.sock", box);
	return watch_new(loop, bus, world, NULL, path, &watch, &why);
}

static int teardown(void **state)
{
	(void)state;
	watch_free(watch);
	world_free(world);
	session_end();
	return box_remove();
}

/* What there is within a moment, as text; the end of the connection as well. */
static size_t hear(int fd, char *ret, size_t size)
{
	size_t at = 0;

	for (int quiet = 0; quiet < 5 && at + 1 < size;) {
		ssize_t n;

		turn_for(SECOND_NS / 500);
		n = recv(fd, ret + at, size - 1 - at, MSG_DONTWAIT);
		if (!n)
			break;
		at += n > 0 ? (size_t)n : 0;
		quiet = n > 0 ? 0 : quiet + 1;
	}
	ret[at] = '\0';
	return at;
}

static void publish(const char *container)
{
	assert_true(bus_publish(
	    bus, &(struct agent_event){ .type = AGENT_EVENT_CONNECTING, .container = container }));
}

static void the_world_is_first_and_then_events_in_their_order(void **state)
{
	char text[8192];
	int fd = sock_connect(path);

	(void)state;
	assert_true(fd >= 0);
	hear(fd, text, sizeof(text));
	assert_string_equal(text, "{\"snapshot\":{\"containers\":[],\"agents\":[]}}\n");
	publish("aa");
	publish("bb");
	hear(fd, text, sizeof(text));
	assert_non_null(strstr(text, "}\n{\"event\":\"agent.session.connecting\""));
	assert_true(strstr(text, "\"aa\"") < strstr(text, "\"bb\""));
	assert_int_equal(text[strlen(text) - 1], '\n');
	close(fd);
	publish("cc"); /* and nobody is there any more */
	turn_for(SECOND_NS / 100);
}

static void who_reads_slowly_loses_the_oldest_and_is_told_how_many(void **state)
{
	enum { ROUNDS = 40, EACH = 200 };
	static char text[4 << 20];
	unsigned long long lost = 0, lines = 0;
	struct bus_stats stats;
	int fd = sock_connect(path);

	(void)state;
	assert_true(fd >= 0);
	turn_for(SECOND_NS / 500);
	bus_leave(&listener); /* our own is as slow */
	for (int i = 0; i < ROUNDS; i++) {
		for (int k = 0; k < EACH; k++)
			publish("aa");
		turn_for(SECOND_NS / 500);
	}
	hear(fd, text, sizeof(text));
	for (char *at = text; (at = strstr(at, "{\"event\":\"")); at++) {
		unsigned long long n;

		if (sscanf(at, "{\"event\":\"watch.lost\",\"count\":%llu}", &n) == 1)
			lost += n;
		else
			lines++;
	}
	bus_stats(bus, &stats);
	assert_true(lost > 0);
	assert_int_equal(lost, stats.dropped);
	assert_int_equal(lines + lost, ROUNDS * EACH);
	close(fd);
}

static void so_many_may_watch_and_one_that_leaves_makes_room(void **state)
{
	int fd[WATCH_MAX + 1];
	char text[256];

	(void)state;
	for (int i = 0; i <= WATCH_MAX; i++) {
		fd[i] = sock_connect(path);
		assert_true(fd[i] >= 0);
		assert_int_equal(hear(fd[i], text, sizeof(text)) > 0, i < WATCH_MAX);
	}
	close(fd[WATCH_MAX]);
	close(fd[0]);
	turn_for(SECOND_NS / 500);
	fd[0] = sock_connect(path);
	assert_true(hear(fd[0], text, sizeof(text)) > 0);
	for (int i = 0; i < WATCH_MAX; i++)
		close(fd[i]);
}

static void who_says_something_is_none_of_those(void **state)
{
	char text[256];
	int fd = sock_connect(path);

	(void)state;
	assert_true(hear(fd, text, sizeof(text)) > 0);
	assert_int_equal(send(fd, "x", 1, MSG_NOSIGNAL), 1);
	turn_for(SECOND_NS / 500);
	publish("aa");
	assert_int_equal(hear(fd, text, sizeof(text)), 0);
	close(fd);
}

static void its_socket_is_its_users_alone(void **state)
{
	struct watch *second = NULL;
	struct stat st;

	(void)state;
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
	assert_int_equal(watch_new(loop, bus, world, NULL, path, &second, &why), -EADDRINUSE);
	watch_free(TAKE_PTR(watch));
	assert_int_equal(stat(path, &st), -1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define TEST(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)
		TEST(the_world_is_first_and_then_events_in_their_order),
		TEST(who_reads_slowly_loses_the_oldest_and_is_told_how_many),
		TEST(so_many_may_watch_and_one_that_leaves_makes_room),
		TEST(who_says_something_is_none_of_those),
		TEST(its_socket_is_its_users_alone),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
