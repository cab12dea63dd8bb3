// SPDX-License-Identifier: Apache-2.0
/*
 * test_users.c - two users and root at one hub: nothing of one reaches the other
 *
 * Anne has guard 11, Bert has guard 12. Each test runs twice: they come by everybody's socket,
 * and each by one of their own. That a look-up takes no longer for what another has is shown in
 * tests/unit/test_hub_work.c.
 */
#include "served.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/json.h"
#include "hub/lane.h"

#define ANNE      4001
#define BERT      4002
#define SUBSCRIBE "{\"method\":\"" CLEARANCE ".Subscribe\",\"more\":true}"
#define MONITOR   "{\"method\":\"" FIREWALL ".Monitor\",\"more\":true}"
#define STANDS    "{\"continues\":true,\"parameters\":{\"lost\":0}}"
#define GET_INFO  "{\"method\":\"org.varlink.service.GetInfo\"}"
#define ID(ask)   "0123456789ab:" #ask
#define FLOOD     (8 * LANE_MAX)

static bool by_own; /* sockets of their own */

static int setup(void **state)
{
	by_own = false;
	return served_setup(state);
}

static int setup_own(void **state)
{
	by_own = true;
	if (served_setup(state))
		return -1;
	core_opens(ANNE);
	core_opens(BERT);
	return 0;
}

/* --- who is there ---------------------------------------------------------------------- */

static int join(uid_t uid)
{
	return dial_as(uid, by_own ? uid : 0);
}

static int subscriber(uid_t uid)
{
	static const char calls[] = GET_INFO "\0" SUBSCRIBE;
	int fd = join(uid);

	/* a subscription says nothing when it stands: with the answer to what came with it, it does */
	assert_int_equal(send(fd, calls, sizeof(calls), MSG_NOSIGNAL), sizeof(calls));
	heard(fd);
	return fd;
}

static int monitor(uid_t uid)
{
	int fd = join(uid);

	say(fd, MONITOR);
	hear(fd, STANDS);
	return fd;
}

static uint32_t guard_of(uid_t uid)
{
	return uid - ANNE + 11;
}

static void core_guard_of(uid_t uid, enum guard_news news, uint64_t token)
{
	struct msg_packet packet = { .type = MSG_GUARD };

	packet.GUARD = (struct msg_guard){
		.news = news, .id = guard_of(uid), .state = TEROK_STATE_UP, .token = token
	};
	packet.GUARD.counts.refused = uid;
	packet.GUARD.info.uid = uid;
	packet.GUARD.info.kind = TEROK_KIND_CONTAINER;
	strcpy(packet.GUARD.info.container, CONTAINER);
	snprintf(packet.GUARD.info.name, TEROK_NAME_LEN, "box of %u", uid);
	core_says(&packet);
}

static void core_refuses_to(uid_t uid, uint64_t ask)
{
	struct msg_packet packet = { .type = MSG_REFUSED };

	packet.REFUSED.ask = ask;
	packet.REFUSED.count = 1;
	packet.REFUSED.record = (struct terok_record){ .guard = guard_of(uid),
						       .reason = TEROK_REASON_DEFAULT,
						       .hook = TEROK_HOOK_CONNECT4,
						       .proto = 6,
						       .dst_port = 443 };
	memcpy(packet.REFUSED.record.dst, "\0\0\0\0\0\0\0\0\0\0\xff\xff\xc0\0\x02\x01", 16);
	core_says(&packet);
}

static void call_answer(int fd, const char *id)
{
	char frame[256];

	snprintf(frame, sizeof(frame),
		 "{\"method\":\"" FIREWALL ".Answer\",\"parameters\":{\"request_id\":\"%s\","
		 "\"action\":\"allow\"}}",
		 id);
	say(fd, frame);
}

/* An event's own number, and how many were lost before it. */
static uint64_t sequence_of(const char *frame, uint64_t *lost)
{
	_cleanup_(json_putp) struct json_object *object = NULL;
	struct json_object *parameters, *event;

	assert_int_equal(json_parse(frame, strlen(frame), &object), 0);
	parameters = json_object_object_get(object, "parameters");
	event = json_object_object_get(parameters, "event");
	assert_non_null(event);
	*lost = json_object_get_int64(json_object_object_get(parameters, "lost"));
	return json_object_get_int64(json_object_object_get(event, "sequence"));
}

/* The next event is that, and the @number-th that is heard, with none lost. */
static void hears(int fd, uint64_t number, const char *type, const char *of)
{
	const char *frame = heard(fd);
	char key[64];
	uint64_t lost;

	snprintf(key, sizeof(key), "\"type\":\"%s", type);
	if (!strstr(frame, key) || !strstr(frame, of))
		fail_msg("not %s of %s: %s", type, of, frame);
	assert_int_equal(sequence_of(frame, &lost), number);
	assert_int_equal(lost, 0);
}

/* --- tests ------------------------------------------------------------------------------ */

/* Everything that can become of Anne's guard; then one thing of Bert's, which he hears first. */
static void nobody_hears_of_anothers_guard(void **state)
{
	struct msg_packet verdict,
	    gone = { .type = MSG_GONE, .GONE = { guard_of(ANNE), "removed" } };
	int anne = monitor(ANNE), bert = monitor(BERT), contract = subscriber(BERT);
	int root = dial_as(0, by_own ? BERT : 0), caller = join(ANNE);
	uint64_t n = 0;

	(void)state;
	say(root, MONITOR);
	hear(root, STANDS);
	core_guard_of(ANNE, GUARD_ATTACHED, 0);
	hears(anne, ++n, "guard_attached", "box of 4001");
	core_refuses_to(ANNE, 0);
	hears(anne, ++n, "refused", "box of 4001");
	core_refuses_to(ANNE, 5);
	hears(anne, ++n, "request", ID(5));
	call_answer(caller, ID(5));
	verdict = core_hears(MSG_VERDICT);
	assert_int_equal(verdict.VERDICT.uid, ANNE);
	core_results(&verdict, 0, "");
	hears(anne, ++n, "verdict", ID(5));
	core_says(&gone);
	hears(anne, ++n, "guard_detached", "box of 4001");
	for (uint64_t i = 1; i <= n; i++)
		hears(root, i, "", "box of 4001");

	core_guard_of(BERT, GUARD_LISTED, 0);
	core_refuses_to(BERT, 6);
	hears(bert, 1, "request", ID(6));
	hears(root, n + 1, "request", ID(6));
	assert_non_null(strstr(heard(contract), "\"request_id\":\"" ID(6) "\""));
}

/* What is asked about @one and about @other, which is as long, is answered alike. */
static void answered_alike(int fd, const char *frame, const char *one, const char *other)
{
	char call[512], first[1024], *place;

	snprintf(call, sizeof(call), frame, one);
	say(fd, call);
	snprintf(first, sizeof(first), "%s", heard(fd));
	while ((place = strstr(first, one)))
		memcpy(place, other, strlen(other));
	snprintf(call, sizeof(call), frame, other);
	say(fd, call);
	hear(fd, first);
}

#define ASK_VERDICT                                                                                \
	"{\"method\":\"" CLEARANCE ".Verdict\",\"parameters\":{\"container\":\"" CONTAINER         \
	"\",\"request_id\":\"%s\",\"dest\":\"192.0.2.1\",\"action\":\"allow\"}}"
#define ASK_OTHER                                                                                  \
	"{\"method\":\"" CLEARANCE ".Verdict\",\"parameters\":{\"container\":\"x\","               \
	"\"request_id\":\"%s\",\"dest\":\"x\",\"action\":\"deny\"}}"
#define ASK_ANSWER                                                                                 \
	"{\"method\":\"" FIREWALL ".Answer\",\"parameters\":{\"request_id\":\"%s\","               \
	"\"action\":\"deny\"}}"

static void anothers_request_is_answered_as_one_that_never_was(void **state)
{
	static const char *const frames[] = { ASK_VERDICT, ASK_OTHER, ASK_ANSWER };
	int caller = join(ANNE), bert = join(BERT);
	struct msg_packet verdict;

	(void)state;
	core_guard_of(ANNE, GUARD_LISTED, 0);
	core_refuses_to(ANNE, 5); /* open, then answered, */
	core_refuses_to(ANNE, 6); /* on its way, */
	core_refuses_to(ANNE, 7); /* and open */
	for (const char *list = ""; !strstr(list, ID(7)); list = heard(caller))
		say(caller, "{\"method\":\"" FIREWALL ".ListRequests\"}");
	for (size_t i = 0; i < sizeof(frames) / sizeof(*frames); i++)
		answered_alike(bert, frames[i], ID(5), ID(9));
	call_answer(caller, ID(5));
	verdict = core_hears(MSG_VERDICT);
	core_results(&verdict, 0, "");
	heard(caller);
	call_answer(caller, ID(6));
	core_hears(MSG_VERDICT);
	for (size_t i = 0; i < sizeof(frames) / sizeof(*frames); i++) {
		answered_alike(bert, frames[i], ID(5), ID(9));
		answered_alike(bert, frames[i], ID(6), ID(9));
		answered_alike(bert, frames[i], ID(7), ID(9));
	}
}

static void anothers_guard_is_answered_as_one_that_never_was(void **state)
{
	int caller = join(ANNE), bert = join(BERT);

	(void)state;
	core_guard_of(ANNE, GUARD_LISTED, 0);
	core_refuses_to(ANNE, 5);
	for (const char *list = ""; !strstr(list, ID(5)); list = heard(caller))
		say(caller, "{\"method\":\"" FIREWALL ".ListRequests\"}");
	answered_alike(bert,
		       "{\"method\":\"" FIREWALL ".ListRequests\",\"parameters\":{\"guard\":%s}}",
		       "11", "99");
	say(bert, "{\"method\":\"" FIREWALL ".ListRequests\"}");
	hear(bert, "{\"parameters\":{\"requests\":[]}}");
	/* the stream stands, without a word of what is open; what is Bert's is not of that guard */
	say(bert, "{\"method\":\"" FIREWALL ".Monitor\",\"more\":true,"
		  "\"parameters\":{\"guard\":11,\"replay\":true}}");
	hear(bert, STANDS);
	bert = monitor(BERT);
	core_guard_of(BERT, GUARD_LISTED, 0);
	core_refuses_to(BERT, 6);
	hears(bert, 1, "request", ID(6));
}

static void a_listing_is_of_ones_own_guards(void **state)
{
	struct msg_packet packet;
	int bert = join(BERT);
	const char *list;

	(void)state;
	say(bert, "{\"method\":\"" FIREWALL ".ListGuards\"}");
	packet = core_hears(MSG_LIST);
	assert_int_equal(packet.LIST.uid, BERT);
	core_guard_of(BERT, GUARD_LISTED, packet.LIST.token);
	core_guard_of(ANNE, GUARD_LISTED, packet.LIST.token); /* it would be a mistake */
	packet.type = MSG_LISTED;
	packet.LISTED.token = packet.LIST.token;
	core_says(&packet);
	list = heard(bert);
	assert_non_null(strstr(list, "box of 4002"));
	assert_non_null(strstr(list, "\"refused\":4002"));
	assert_null(strstr(list, "4001"));
}

/* Neither is behind for the other's sake: what Anne floods, Bert neither hears nor misses. */
static void a_flood_of_one_is_lost_to_that_one_alone(void **state)
{
	int anne = monitor(ANNE), bert = monitor(BERT), quick = monitor(ANNE);
	uint64_t lost = 0;

	(void)state;
	core_guard_of(ANNE, GUARD_LISTED, 0);
	core_guard_of(BERT, GUARD_LISTED, 0);
	core_refuses_to(BERT, 0);
	for (unsigned i = 1; i <= FLOOD; i++) {
		core_refuses_to(ANNE, 0);
		if (i % (LANE_MAX / 2) == 0) /* she follows by another connection */
			while (sequence_of(heard(quick), &lost) < i)
				;
	}
	assert_int_equal(lost, 0);
	core_refuses_to(BERT, 0);
	hears(bert, 1, "refused", "box of 4002");
	hears(bert, 2, "refused", "box of 4002");
	/* control: who did not read has missed some */
	while (sequence_of(heard(anne), &lost) < FLOOD)
		;
	assert_true(lost > 0);
}

static void an_answer_on_its_way_holds_up_nobody_else(void **state)
{
	struct msg_packet verdict;
	int anne = join(ANNE), bert = join(BERT), hears_bert = monitor(BERT);

	(void)state;
	core_guard_of(ANNE, GUARD_LISTED, 0);
	core_guard_of(BERT, GUARD_LISTED, 0);
	core_refuses_to(ANNE, 5);
	core_refuses_to(BERT, 6);
	hears(hears_bert, 1, "request", ID(6));
	call_answer(anne, ID(5));
	core_hears(MSG_VERDICT); /* and no word of what became of it */
	call_answer(bert, ID(6));
	verdict = core_hears(MSG_VERDICT);
	assert_int_equal(verdict.VERDICT.uid, BERT);
	assert_int_equal(verdict.VERDICT.ask, 6);
	core_results(&verdict, 0, "");
	assert_non_null(strstr(heard(bert), "until_ns"));
}

static void ones_own_socket_is_closed_to_others(void **state)
{
	char byte;
	int fd;

	(void)state;
	if (!by_own)
		return;
	fd = dial_as(BERT, ANNE);
	assert_true(recv(fd, &byte, 1, 0) <= 0);
	fd = dial_as(0, ANNE);
	say(fd, GET_INFO);
	assert_non_null(strstr(heard(fd), CLEARANCE));
}

int main(void)
{
#define T(f)                                                                                       \
	cmocka_unit_test_setup_teardown(f, setup, served_teardown),                                \
	{                                                                                          \
#f " (sockets of their own)", f, setup_own, served_teardown, NULL                  \
	}
	const struct CMUnitTest tests[] = {
		T(nobody_hears_of_anothers_guard),
		T(anothers_request_is_answered_as_one_that_never_was),
		T(anothers_guard_is_answered_as_one_that_never_was),
		T(a_listing_is_of_ones_own_guards),
		T(a_flood_of_one_is_lost_to_that_one_alone),
		T(an_answer_on_its_way_holds_up_nobody_else),
		T(ones_own_socket_is_closed_to_others),
	};

	if (getuid()) {
		print_message("SKIP: only root can be two users\n");
		return 77;
	}
	return cmocka_run_group_tests_name("users", tests, NULL, NULL);
}
