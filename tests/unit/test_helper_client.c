// SPDX-License-Identifier: Apache-2.0
/* test_helper_client.c - hub/helper_client.c: an outcome to each verdict, and never two of one */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include <cmocka.h>

#include "base/sock.h"
#include "hub/helper_client.h"

#define CALL                                                                                       \
	"{\"method\":\"org.terok.ClearanceVerdict1.Apply\",\"parameters\":{\"container\":\"c1\","  \
	"\"dest\":\"example.com\",\"action\":\"allow\"}}"
#define YES "{\"parameters\":{\"ok\":true,\"stderr\":\"\"}}"

static char folder[40], path[64];
static struct loop *loop;
static struct helper_client *client;

/* The helper: what it says when it has heard a call, and what it heard. */
static struct source door;
static struct source calls[HELPER_CALLS_MAX];
static int listen_fd;
static unsigned n_calls, deaf; /* deaf: so many connections are closed before they are read */
static const char *answer;     /* NULL: none; "": it goes away */
static size_t answer_size;
static char heard[1024];

/* The outcomes. */
static unsigned n_told, n_wanted;
static uint64_t last_token;
static bool last_ok;
static char last_text[HELPER_TEXT_SHOWN + 1];

static void on_told(uint64_t token, bool ok, const char *text, void *user)
{
	assert_ptr_equal(user, &n_told);
	last_token = token;
	last_ok = ok;
	strcpy(last_text, text);
	if (++n_told == n_wanted)
		loop_stop(loop);
}

static int on_call(struct source *source, uint32_t events)
{
	int fd = source->fd;

	(void)events;
	if (recv(fd, heard, sizeof(heard), 0) > 0 && answer && *answer) {
		assert_int_equal(send(fd, answer, answer_size, MSG_NOSIGNAL), answer_size);
		return 0;
	}
	if (answer) {
		source_del(source);
		close(fd);
	} else {
		source_set(source, 0);
	}
	return 0;
}

static int on_door(struct source *source, uint32_t events)
{
	int fd = accept(source->fd, NULL, NULL);

	(void)events;
	assert_true(fd >= 0);
	if (n_calls++ < deaf)
		return close(fd);
	return source_add(loop, &calls[n_calls - 1], fd, EPOLLIN, on_call);
}

static void helper_opens(void)
{
	assert_int_equal(sock_listen(path, 0600, &listen_fd, NULL), 0);
	assert_int_equal(source_add(loop, &door, listen_fd, EPOLLIN, on_door), 0);
}

static void helper_answers(const char *text)
{
	answer = text;
	answer_size = strlen(text) + 1;
}

static int setup(void **state)
{
	(void)state;
	listen_fd = -1;
	n_calls = deaf = n_told = n_wanted = 0;
	helper_answers(YES);
	memset(calls, 0, sizeof(calls));
	strcpy(folder, "/tmp/test_helper_client.XXXXXX");
	if (!mkdtemp(folder) || loop_new(&loop))
		return -1;
	snprintf(path, sizeof(path), "%s/sock", folder);
	return helper_client_new(loop, path, 60 * SECOND_NS, on_told, &n_told, &client);
}

static int teardown(void **state)
{
	(void)state;
	helper_client_free(client);
	for (unsigned i = 0; i < HELPER_CALLS_MAX; i++) {
		if (calls[i].loop) {
			source_del(&calls[i]);
			close(calls[i].fd);
		}
	}
	source_del(&door);
	closep(&listen_fd);
	loop_free(loop);
	unlink(path);
	return rmdir(folder);
}

static void apply(uint64_t token)
{
	assert_int_equal(helper_client_apply(client, "c1", "example.com", "allow", token), 0);
}

/* Until so many outcomes have come; all of the loop is new, as it cannot be run twice. */
static void outcomes(unsigned n)
{
	n_wanted = n;
	assert_int_equal(loop_run(loop), 0);
	assert_int_equal(n_told, n);
	assert_int_equal(helper_client_pending(client), 0);
}

static void the_helper_hears_the_call_and_its_answer_is_the_outcome(void **state)
{
	(void)state;
	helper_opens();
	apply(7);
	assert_int_equal(helper_client_pending(client), 1);
	outcomes(1);
	assert_string_equal(heard, CALL);
	assert_int_equal(last_token, 7);
	assert_true(last_ok);
	assert_string_equal(last_text, "");
}

static void what_it_says_is_made_printable(void **state)
{
	(void)state;
	helper_opens();
	helper_answers("{\"parameters\":{\"ok\":false,\"stderr\":\"no\\n\\u001b[31m\\u202e!\"}}");
	apply(1);
	outcomes(1);
	assert_false(last_ok);
	assert_string_equal(last_text, "no  [31m !");
}

static void a_helper_that_is_not_there_is_an_outcome(void **state)
{
	(void)state;
	apply(1);
	outcomes(1);
	assert_false(last_ok);
	assert_string_equal(last_text, "verdict helper unreachable: No such file or directory");
}

static int open_late(struct timer *timer)
{
	(void)timer;
	helper_opens();
	return 0;
}

static void a_helper_that_is_starting_is_reached_by_the_second_try(void **state)
{
	struct timer timer = {};

	(void)state;
	timer_arm(loop, &timer, now_boot_ns() + HELPER_AGAIN_NS / 4, open_late);
	apply(1);
	outcomes(1);
	assert_true(last_ok);
	assert_int_equal(n_calls, 1);
}

static void a_call_that_nobody_heard_is_made_once_more(void **state)
{
	(void)state;
	helper_opens();
	deaf = 1;
	apply(1);
	outcomes(1);
	assert_true(last_ok);
	assert_int_equal(n_calls, 2);
}

static void and_not_a_third_time(void **state)
{
	(void)state;
	helper_opens();
	deaf = 2;
	apply(1);
	outcomes(1);
	assert_false(last_ok);
	assert_non_null(strstr(last_text, "unreachable"));
	assert_int_equal(n_calls, 2);
}

static void a_call_that_was_heard_is_never_repeated(void **state)
{
	(void)state;
	helper_opens();
	helper_answers("");
	apply(1);
	outcomes(1);
	assert_false(last_ok);
	assert_non_null(strstr(last_text, "not known"));
	assert_int_equal(n_calls, 1);
}

static void errors_and_wrong_shapes_are_a_no(void **state)
{
	static const struct {
		const char *answer, *said;
	} wrong[] = {
		{ "{\"error\":\"org.varlink.service.MethodNotFound\",\"parameters\":{\"ok\":true}}",
		  "org.varlink.service.MethodNotFound" },
		{ "{\"parameters\":{}}", "neither" },
		{ "{\"parameters\":{\"ok\":1}}", "neither" },
		{ "{\"parameters\":{\"ok\":\"true\"}}", "neither" },
		{ "{\"parameters\":[true]}", "neither" },
		{ "{\"ok\":true}", "neither" },
		{ "[]", "neither" },
		{ "true", "neither" },
		{ "nonsense", "no JSON" },
		{ "{\"parameters\":{\"ok\":true}", "no JSON" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(wrong) / sizeof(*wrong); i++) {
		if (i) {
			teardown(NULL);
			setup(NULL);
		}
		helper_opens();
		helper_answers(wrong[i].answer);
		apply(i);
		outcomes(1);
		assert_false(last_ok);
		assert_non_null(strstr(last_text, wrong[i].said));
		assert_int_equal(n_calls, 1);
	}
	/* control: stderr may be missing, and there may be more */
	teardown(NULL);
	setup(NULL);
	helper_opens();
	helper_answers("{\"continues\":false,\"parameters\":{\"ok\":true,\"more\":1}}");
	apply(1);
	outcomes(1);
	assert_true(last_ok);
}

static void an_answer_without_end_is_no_answer(void **state)
{
	static char much[128 << 10];

	(void)state;
	helper_opens();
	memset(much, ' ', sizeof(much));
	answer = much;
	answer_size = sizeof(much);
	apply(1);
	outcomes(1);
	assert_false(last_ok);
	assert_non_null(strstr(last_text, "too long"));
}

static int answer_second(struct timer *timer)
{
	(void)timer;
	assert_int_equal(n_calls, 2);
	assert_int_equal(send(calls[1].fd, YES, sizeof(YES), MSG_NOSIGNAL), sizeof(YES));
	return 0;
}

static void none_waits_behind_another(void **state)
{
	struct timer timer = {};

	(void)state;
	helper_opens();
	answer = NULL;
	apply(1);
	apply(2);
	n_wanted = 1;
	timer_arm(loop, &timer, now_boot_ns() + SECOND_NS / 20, answer_second);
	assert_int_equal(loop_run(loop), 0);
	assert_true(last_ok);
	assert_int_equal(helper_client_pending(client), 1);
}

static void a_helper_that_does_not_answer_is_an_outcome_in_time(void **state)
{
	(void)state;
	helper_client_free(client);
	assert_int_equal(helper_client_new(loop, path, SECOND_NS / 20, on_told, &n_told, &client),
			 0);
	helper_opens();
	answer = NULL;
	apply(1);
	outcomes(1);
	assert_false(last_ok);
	assert_non_null(strstr(last_text, "does not answer"));
	assert_int_equal(n_calls, 1);
}

static void only_so_many_are_on_their_way(void **state)
{
	(void)state;
	helper_opens();
	for (unsigned i = 0; i < HELPER_CALLS_MAX; i++)
		apply(i);
	assert_int_equal(helper_client_apply(client, "c", "d", "deny", 99), -EBUSY);
	outcomes(HELPER_CALLS_MAX);
	assert_true(last_ok);
	assert_int_equal(n_calls, HELPER_CALLS_MAX);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
		T(the_helper_hears_the_call_and_its_answer_is_the_outcome),
		T(what_it_says_is_made_printable),
		T(a_helper_that_is_not_there_is_an_outcome),
		T(a_helper_that_is_starting_is_reached_by_the_second_try),
		T(a_call_that_nobody_heard_is_made_once_more),
		T(and_not_a_third_time),
		T(a_call_that_was_heard_is_never_repeated),
		T(errors_and_wrong_shapes_are_a_no),
		T(an_answer_without_end_is_no_answer),
		T(none_waits_behind_another),
		T(a_helper_that_does_not_answer_is_an_outcome_in_time),
		T(only_so_many_are_on_their_way),
	};

	return cmocka_run_group_tests_name("helper_client", tests, NULL, NULL);
}
