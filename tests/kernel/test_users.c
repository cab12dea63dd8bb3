// SPDX-License-Identifier: Apache-2.0
/*
 * test_users.c - two users and one agent: what each may learn of what the other does
 *
 * The agent is whole: real guards of 4001 and 4002, real refusals, and clients that are these
 * users. Each hears by everybody's socket and by the one in their own folder.
 */
#include "persons.h"

#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/json.h"
#include "base/sock.h"

#define ASKS      6    /* of each user, one after the other's */
#define FAR_APART 1000 /* of numbers below 10^15: nearer ones were counted, not drawn */
#define GUARDS    10   /* the same of guards, below 10^9 */
#define HERS      12   /* guards of Anne's */
#define LISTINGS  100
#define ROUNDS    6 /* of which one has to show it: others run on this machine as well */
#define MONITOR   "{\"method\":\"org.terok.Firewall1.Monitor\",\"more\":true}"

static struct person {
	uid_t uid;
	uint32_t guard;
	int fd[2]; /* monitors: by everybody's socket, by their own */
	uint64_t heard[2];
	uint64_t ask[ASKS];
} anne, bert;

static int everybody(uid_t uid)
{
	char path[128];

	snprintf(path, sizeof(path), "%s/clearance.sock", getenv("TEROK_RUN"));
	return person_dial(uid, path);
}

static int own(uid_t uid)
{
	char path[192];

	person_path(uid, PERSON_SOCKET, path);
	return person_dial(uid, path);
}

static void begin(struct person *person, uid_t uid, const char *name)
{
	*person = (struct person){ .uid = uid, .guard = person_guard(uid, name) };
	person_await_open(uid);
	person->fd[0] = everybody(uid);
	person->fd[1] = own(uid);
	for (int i = 0; i < 2; i++) {
		if (person->fd[i] < 0)
			fail_msg("dial %d: %s", i, strerror(-person->fd[i]));
		assert_non_null(strstr(person_call(person->fd[i], MONITOR), "\"lost\":0"));
	}
}

/* In each test and not before it: what fails there leaves an agent to nobody. */
static void both_begin(void)
{
	char path[128];

	snprintf(path, sizeof(path), "%s/clearance.sock", getenv("TEROK_RUN"));
	person_login(ANNE);
	person_login(BERT);
	agent_start();
	assert_int_equal(chmod(getenv("TEROK_RUN"), 0711), 0);
	assert_int_equal(everybody(ANNE), -EACCES); /* it is root's, until somebody opens it */
	assert_int_equal(chmod(path, 0666), 0);
	begin(&anne, ANNE, "anne");
	begin(&bert, BERT, "bert");
}

static int teardown(void **state)
{
	for (int i = 0; i < 2; i++) {
		closep(&anne.fd[i]);
		closep(&bert.fd[i]);
	}
	return persons_teardown(state);
}

static struct json_object *get(struct json_object *object, const char *key)
{
	struct json_object *value = json_object_object_get(object, key);

	if (!value)
		fail_msg("no %s in %s", key, json_object_to_json_string(object));
	return value;
}

/* The next event of that type is theirs, and those before it are; all in order, none lost. */
static uint64_t hears(struct person *person, int i, const char *type)
{
	for (;;) {
		const char *frame = person_hear(person->fd[i]), *id;
		_cleanup_(json_putp) struct json_object *object = NULL;
		struct json_object *event;

		assert_non_null(frame);
		assert_int_equal(json_parse(frame, strlen(frame), &object), 0);
		event = get(get(object, "parameters"), "event");
		assert_int_equal(json_object_get_int64(get(get(object, "parameters"), "lost")), 0);
		assert_int_equal(json_object_get_int64(get(event, "sequence")), ++person->heard[i]);
		assert_int_equal(json_object_get_int64(get(event, "guard")), person->guard);
		if (strcmp(json_object_get_string(get(event, "type")), type))
			continue;
		id = strrchr(json_object_get_string(get(event, "request_id")), ':');
		return id ? strtoull(id + 1, NULL, 10) : 0;
	}
}

/* Refused, and asked about: an address of its own each time. */
static void asks(struct person *person, unsigned n)
{
	char addr[32];
	struct test_dest dest = { .addr = addr, .port = TEST_PORT };

	snprintf(addr, sizeof(addr), "203.0.113.%u", 100 + n);
	assert_int_equal(person_inside(person->guard, test_connect, &dest), EHOSTUNREACH);
	person->ask[n] = hears(person, 0, "request");
	assert_int_equal(hears(person, 1, "request"), person->ask[n]);
}

static uint64_t apart(uint64_t a, uint64_t b)
{
	return a > b ? a - b : b - a;
}

/* --- tests ------------------------------------------------------------------------------ */

static void each_hears_their_own_and_counts_nobody_elses(void **state)
{
	(void)state;
	both_begin();
	for (unsigned n = 0; n < ASKS; n++) {
		asks(&anne, n);
		asks(&bert, n);
	}
	/* the numbers that they see are no count of what happened in between */
	for (unsigned n = 0; n < ASKS; n++) {
		assert_true(apart(anne.ask[n], bert.ask[n]) > FAR_APART);
		for (unsigned m = 0; m < n; m++)
			assert_true(apart(anne.ask[n], anne.ask[m]) > FAR_APART);
	}
	assert_true(apart(anne.guard, bert.guard) > GUARDS);
}

static void each_lists_their_own_and_root_all(void **state)
{
	int fd[3];
	char guard[3][32];
	const char *list;

	(void)state;
	both_begin();
	fd[0] = everybody(BERT);
	fd[1] = own(BERT);
	fd[2] = everybody(0);
	snprintf(guard[0], sizeof(guard[0]), "\"guard\":%u,", anne.guard);
	snprintf(guard[1], sizeof(guard[1]), "\"guard\":%u,", bert.guard);
	asks(&anne, 0);
	asks(&anne, 1);
	asks(&bert, 2);
	for (int i = 0; i < 3; i++) {
		assert_true(fd[i] >= 0);
		list = person_call(fd[i], "{\"method\":\"org.terok.Firewall1.ListGuards\"}");
		assert_non_null(strstr(list, guard[1]));
		assert_non_null(strstr(list, "\"refused\":1,"));
		assert_int_equal(strstr(list, guard[0]) != NULL, i == 2);
		assert_int_equal(strstr(list, "\"refused\":2,") != NULL, i == 2);
		list = person_call(fd[i], "{\"method\":\"org.terok.Firewall1.ListRequests\"}");
		assert_non_null(strstr(list, guard[1]));
		assert_int_equal(strstr(list, guard[0]) != NULL, i == 2);
		close(fd[i]);
	}
}

static void each_answers_their_own(void **state)
{
	struct test_dest dest = { .addr = "203.0.113.100", .port = TEST_PORT };
	int fd[2], hers;
	char call[256], answer[256], id[64];

	(void)state;
	both_begin();
	fd[0] = everybody(BERT);
	fd[1] = own(BERT);
	hers = own(ANNE);
	asks(&anne, 0);
	snprintf(id, sizeof(id), "%s",
		 strstr(person_call(hers, "{\"method\":"
					  "\"org.terok.Firewall1.ListRequests\"}"),
			"\"request_id\":\"") +
		     14);
	*strchr(id, '"') = '\0';
	snprintf(call, sizeof(call),
		 "{\"method\":\"org.terok.Firewall1.Answer\",\"parameters\":{"
		 "\"request_id\":\"%s\",\"action\":\"allow\"}}",
		 id);
	snprintf(answer, sizeof(answer),
		 "{\"error\":\"org.terok.Firewall1.UnknownRequest\","
		 "\"parameters\":{\"request_id\":\"%s\"}}",
		 id);
	for (int i = 0; i < 2; i++) {
		assert_true(fd[i] >= 0);
		assert_string_equal(person_call(fd[i], call), answer);
	}
	assert_int_equal(person_inside(anne.guard, test_connect, &dest), EHOSTUNREACH);
	assert_non_null(strstr(person_call(hers, call), "until_ns"));
	assert_int_equal(person_inside(anne.guard, test_connect, &dest), 0);
	/* it was of her guard alone, and answered is as unknown to him as open */
	assert_int_equal(person_inside(bert.guard, test_connect, &dest), EHOSTUNREACH);
	for (int i = 0; i < 2; i++) {
		assert_string_equal(person_call(fd[i], call), answer);
		close(fd[i]);
	}
	assert_non_null(strstr(person_call(hers, call), "AlreadyAnswered"));
	close(hers);
}

#define LIST    "{\"method\":\"org.terok.Firewall1.ListGuards\"}"
#define GRANTS  "{\"method\":\"org.terok.Firewall1.ListGrants\"}"
#define HISTORY "{\"method\":\"org.terok.Firewall1.History\"}"

/* Of the first thing in a reply that has it; the caller's buffer. */
static void field(const char *reply, const char *key, char ret[static 64])
{
	char find[64];
	const char *at;

	snprintf(find, sizeof(find), "\"%s\":\"", key);
	at = strstr(reply, find);
	if (!at)
		fail_msg("no %s in %s", key, reply);
	snprintf(ret, 64, "%.*s", (int)strcspn(at + strlen(find), "\""), at + strlen(find));
}

/* @call about @one and about @other, which is as long, is answered alike. */
static void answered_alike(int fd, const char *call, const char *one, const char *other)
{
	char frame[256], first[512], *at;

	snprintf(frame, sizeof(frame), call, one);
	snprintf(first, sizeof(first), "%s", person_call(fd, frame));
	while ((at = strstr(first, one)))
		memcpy(at, other, strlen(other));
	snprintf(frame, sizeof(frame), call, other);
	assert_string_equal(person_call(fd, frame), first);
}

static void what_answers_made_and_what_happened_is_ones_own(void **state)
{
	static const char revoke[] = "{\"method\":\"org.terok.Firewall1.Revoke\",\"parameters\":{"
				     "\"grant\":\"%s\"}}";
	struct test_dest dest = { .addr = "203.0.113.100", .port = TEST_PORT };
	char call[256], id[64], grant[64], none[64];
	int fd[2], hers;

	(void)state;
	both_begin();
	fd[0] = everybody(BERT);
	fd[1] = own(BERT);
	hers = own(ANNE);
	asks(&anne, 0);
	field(person_call(hers, "{\"method\":\"org.terok.Firewall1.ListRequests\"}"), "request_id",
	      id);
	snprintf(call, sizeof(call),
		 "{\"method\":\"org.terok.Firewall1.Answer\",\"parameters\":{"
		 "\"request_id\":\"%s\",\"action\":\"allow\"}}",
		 id);
	assert_non_null(strstr(person_call(hers, call), "until_ns"));
	field(person_call(hers, GRANTS), "grant", grant);
	assert_non_null(strstr(person_call(hers, HISTORY), id));
	snprintf(none, sizeof(none), "%s", grant);
	none[strlen(none) - 1] ^= 1; /* another digit */
	for (int i = 0; i < 2; i++) {
		assert_true(fd[i] >= 0);
		assert_non_null(strstr(person_call(fd[i], GRANTS), "\"grants\":[]"));
		assert_null(strstr(person_call(fd[i], HISTORY), id));
		answered_alike(fd[i], revoke, grant, none);
		close(fd[i]);
	}
	/* nothing of that took hers back; she does */
	assert_int_equal(person_inside(anne.guard, test_connect, &dest), 0);
	snprintf(call, sizeof(call), revoke, grant);
	assert_string_equal(person_call(hers, call), "{}");
	assert_int_equal(person_inside(anne.guard, test_connect, &dest), EHOSTUNREACH);
	close(hers);
}

/* Time of the agent and its hub on a CPU, nanoseconds. */
static uint64_t cpu_ns(void)
{
	_cleanup_fclose_ FILE *file = NULL;
	uint64_t ns = 0;
	char path[64];

	snprintf(path, sizeof(path), "/proc/%d/schedstat", agent);
	file = fopen(path, "re");
	if (!file || fscanf(file, "%" SCNu64, &ns) != 1) {
		print_message("SKIP: this kernel does not count what a process takes\n");
		skip();
	}
	return ns;
}

static uint64_t listing_ns(int fd)
{
	uint64_t from = cpu_ns();

	for (int i = 0; i < LISTINGS; i++)
		assert_non_null(strstr(person_call(fd, LIST), "\"guards\":[{"));
	return cpu_ns() - from;
}

static uint64_t least(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

/* Who closes the last of a file may wait as long as its maker likes: the hub takes none. */
static void files_are_not_taken(void **state)
{
	union {
		struct cmsghdr head;
		char room[CMSG_SPACE(sizeof(int))];
	} with = { .head = { .cmsg_level = SOL_SOCKET,
			     .cmsg_type = SCM_RIGHTS,
			     .cmsg_len = CMSG_LEN(sizeof(int)) } };
	struct iovec bytes = { "x", 1 };
	struct msghdr msg = { .msg_iov = &bytes,
			      .msg_iovlen = 1,
			      .msg_control = &with,
			      .msg_controllen = sizeof(with.room) };

	(void)state;
	both_begin();
	if (sock_no_fds(anne.fd[0]) == -ENOPROTOOPT) {
		puts("this kernel is older than 6.16, and takes them");
		skip();
	}
	memcpy(CMSG_DATA(&with.head), &(int){ 2 }, sizeof(int));
	for (int i = 0; i < 2; i++) {
		assert_int_equal(sendmsg(anne.fd[i], &msg, MSG_NOSIGNAL), -1);
		assert_int_equal(errno, EPERM);
		assert_int_equal(send(anne.fd[i], "x", 1, MSG_NOSIGNAL), 1); /* the control */
	}
}

/* The core reads a user's guards, and of others' none: a list takes no longer for what they have. */
static void a_list_costs_what_is_on_it(void **state)
{
	uint64_t alone = UINT64_MAX, beside = UINT64_MAX;
	char name[32];
	int fd, hers;

	(void)state;
	both_begin();
	fd = own(BERT);
	hers = own(ANNE);
	for (int i = 0; i < ROUNDS; i++)
		alone = least(alone, listing_ns(fd));
	for (int i = 0; i < HERS; i++) {
		snprintf(name, sizeof(name), "more%d", i);
		person_guard(ANNE, name);
	}
	for (int i = 0; i < ROUNDS && (!i || beside > alone * 2); i++)
		beside = least(beside, listing_ns(fd));
	if (beside > alone * 2)
		fail_msg("%" PRIu64 " ns, alone %" PRIu64, beside / LISTINGS, alone / LISTINGS);
	assert_true(listing_ns(hers) > alone * 4); /* control: hers does */
	close(fd);
	close(hers);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, persons_setup, teardown)
		T(each_hears_their_own_and_counts_nobody_elses),
		T(each_lists_their_own_and_root_all),
		T(each_answers_their_own),
		T(what_answers_made_and_what_happened_is_ones_own),
		T(files_are_not_taken),
		T(a_list_costs_what_is_on_it),
	};

	test_require("users");
	programs_find();
	return cmocka_run_group_tests_name("users", tests, NULL, NULL);
}
