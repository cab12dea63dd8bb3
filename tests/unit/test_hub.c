// SPDX-License-Identifier: Apache-2.0
/* test_hub.c - hub/hub.c, hub/hub_core.c and hub/wire.c: who hears what, who may answer what, and the text */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "base/event.h"
#include "base/json.h"
#include "hub/hub_core.h"

#define HEARD_MAX 64
#define CONTAINER "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
#define ID(ask)   "0123456789ab:" ask

/* A subscriber that keeps what it hears. */
struct listener {
	struct subscriber subscriber;
	struct event *heard[HEARD_MAX];
	unsigned n;
};

static struct hub_core *core;
static struct hub *hub;
static struct listener root, alice, bob, contract; /* uids 0, 1000, 1001; Clearance1's face */
static struct msg_packet sent;
static int send_error;
static unsigned n_sent, n_done;
static unsigned heard_before_done; /* by contract, when done() was called */
static int last_result;

static int fake_send(struct msg_packet *packet, void *user)
{
	assert_ptr_equal(user, &sent);
	if (send_error)
		return send_error;
	sent = *packet;
	n_sent++;
	return 0;
}

static void on_done(const struct hub_outcome *outcome, void *user)
{
	assert_ptr_equal(user, &n_done);
	n_done++;
	last_result = outcome->result;
	heard_before_done = contract.n;
}

static void keep(struct subscriber *subscriber, struct event *event)
{
	struct listener *listener = container_of(subscriber, struct listener, subscriber);

	assert_true(listener->n < HEARD_MAX);
	listener->heard[listener->n++] = event_ref(event);
}

static void forget(struct listener *listener)
{
	while (listener->n)
		event_unref(listener->heard[--listener->n]);
}

static void forget_all(void)
{
	forget(&root);
	forget(&alice);
	forget(&bob);
	forget(&contract);
}

static void listen_as(struct listener *listener, uint32_t uid, enum face face)
{
	*listener = (struct listener){ .subscriber = { .face = face, .uid = uid, .push = keep } };
	hub_subscribe(hub, &listener->subscriber, false);
}

static int setup(void **state)
{
	(void)state;
	n_sent = n_done = heard_before_done = 0;
	send_error = 0;
	if (hub_core_new(fake_send, &sent, &core))
		return -1;
	hub = hub_core_hub(core);
	listen_as(&root, 0, FACE_FIREWALL);
	listen_as(&alice, 1000, FACE_FIREWALL);
	listen_as(&bob, 1001, FACE_FIREWALL);
	listen_as(&contract, 1000, FACE_CLEARANCE);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	forget_all();
	hub_core_free(core);
	return 0;
}

/* --- what the core says -------------------------------------------------------------- */

static void core_guard(uint32_t id, uint32_t uid, enum guard_news news, enum terok_state state)
{
	struct msg_packet packet = { .type = MSG_GUARD };

	packet.GUARD = (struct msg_guard){ .news = news, .id = id, .state = state };
	packet.GUARD.info.uid = uid;
	strcpy(packet.GUARD.info.container, CONTAINER);
	snprintf(packet.GUARD.info.name, TEROK_NAME_LEN, "box%u", id);
	hub_core_hear(core, &packet);
}

static struct msg_packet refusal(uint32_t guard, uint64_t ask)
{
	struct msg_packet packet = { .type = MSG_REFUSED };
	struct terok_record *record = &packet.REFUSED.record;

	packet.REFUSED.ask = ask;
	packet.REFUSED.count = 3;
	record->guard = guard;
	record->reason = TEROK_REASON_DEFAULT;
	record->hook = TEROK_HOOK_CONNECT4;
	record->proto = 6;
	record->dst_port = 443;
	record->boot_ns = 77;
	memcpy(record->dst, "\0\0\0\0\0\0\0\0\0\0\xff\xff\xc0\0\x02\x01", 16);
	record->pid = 4712;
	record->tgid = 4711;
	record->ppid = 4700;
	record->uid = 1000;
	strcpy(record->comm, "curl");
	strcpy(record->pcomm, "bash");
	strcpy(packet.REFUSED.exe, "/usr/bin/curl");
	return packet;
}

static void core_refuses(uint32_t guard, uint64_t ask)
{
	struct msg_packet packet = refusal(guard, ask);

	hub_core_hear(core, &packet);
}

static void core_gone(uint32_t id)
{
	struct msg_packet packet = { .type = MSG_GONE, .GONE = { id, "cgroup removed" } };

	hub_core_hear(core, &packet);
}

static void core_result(uint64_t ask, uint64_t token, int result)
{
	struct msg_packet packet = { .type = MSG_RESULT };

	packet.RESULT = (struct msg_result){ .ask = ask, .token = token, .result = result };
	if (result)
		strcpy(packet.RESULT.problem, "the table is full");
	hub_core_hear(core, &packet);
}

/* Guard 1 of alice, guard 2 of bob, a question for each. */
static void two_guards(void)
{
	core_guard(1, 1000, GUARD_ATTACHED, TEROK_STATE_UP);
	core_guard(2, 1001, GUARD_ATTACHED, TEROK_STATE_UP);
	core_refuses(1, 5);
	core_refuses(2, 6);
}

/* An answer to @ask by @uid is on its way; its token. */
static uint64_t answering(const char *id, uint32_t uid)
{
	struct hub_answer given = {
		.uid = uid, .action = TEROK_ALLOW, .scope = SCOPE_TIME, .seconds = 90
	};
	struct request *request = hub_find(hub, id, uid);
	uint64_t token;

	assert_non_null(request);
	assert_int_equal(hub_answer_send(hub, request, &given, on_done, &n_done, &token), 0);
	return token;
}

static const char *text(const struct listener *listener, unsigned i)
{
	assert_true(i < listener->n);
	return listener->heard[i]->text[listener->subscriber.face];
}

static void heard_type(const struct listener *listener, unsigned i, const char *type)
{
	char key[64];

	snprintf(key, sizeof(key), "\"type\":\"%s\"", type);
	assert_non_null(strstr(text(listener, i), key));
}

static void count_one(const struct event *event, void *user)
{
	assert_non_null(event->text[FACE_FIREWALL]);
	++*(unsigned *)user;
}

static unsigned n_requests(uint32_t uid, uint32_t guard)
{
	unsigned n = 0;

	hub_requests(hub, uid, guard, count_one, &n);
	return n;
}

/* --- who hears and who may ------------------------------------------------------------ */

static void a_user_hears_of_their_own_guards_and_root_of_all(void **state)
{
	(void)state;
	two_guards();
	assert_int_equal(root.n, 4);
	assert_int_equal(alice.n, 2);
	assert_int_equal(bob.n, 2);
	heard_type(&alice, 0, "guard_attached");
	heard_type(&alice, 1, "request");
	assert_ptr_equal(alice.heard[1], root.heard[2]); /* encoded once, shared */
	assert_ptr_equal(bob.heard[1], root.heard[3]);
	assert_int_equal(contract.n, 2);

	assert_int_equal(n_requests(0, 0), 2);
	assert_int_equal(n_requests(1000, 0), 1);
	assert_int_equal(n_requests(1000, 1), 1);
	assert_int_equal(n_requests(1000, 2), 0);
	assert_int_equal(n_requests(1002, 0), 0);
}

static void a_subscriber_may_follow_one_guard(void **state)
{
	(void)state;
	hub_unsubscribe(&root.subscriber);
	root.subscriber.guard = 2;
	hub_subscribe(hub, &root.subscriber, false);
	two_guards();
	core_refuses(9, 0);
	assert_int_equal(root.n, 2);
	assert_ptr_equal(root.heard[1], bob.heard[1]);
}

/* Of one process, by that socket. */
static void listen_at(struct listener *listener, uint32_t uid, uint32_t pid, unsigned place)
{
	*listener = (struct listener){ .subscriber = { .face = FACE_CLEARANCE,
						       .uid = uid,
						       .pid = pid,
						       .place = place,
						       .push = keep } };
	hub_subscribe(hub, &listener->subscriber, false);
}

static void a_client_that_found_both_sockets_hears_by_one_of_them(void **state)
{
	struct listener flat, deep, other, one, unknown;

	(void)state;
	core_guard(1, 1000, GUARD_LISTED, TEROK_STATE_UP);
	listen_at(&deep, 1000, 7, PLACE_DEEP);
	core_refuses(1, 5);
	assert_int_equal(deep.n, 1); /* it has found only that one yet */
	listen_at(&flat, 1000, 7, PLACE_FLAT);
	listen_at(&other, 1000, 8, PLACE_DEEP);   /* another process */
	listen_at(&one, 1000, 7, PLACE_ONE);      /* a path that nobody finds by looking */
	listen_at(&unknown, 1000, 0, PLACE_DEEP); /* of another pid namespace */
	core_refuses(1, 6);
	assert_int_equal(flat.n, 1);
	assert_int_equal(deep.n, 1);
	assert_int_equal(other.n + one.n + unknown.n, 3);
	hub_unsubscribe(&flat.subscriber);
	core_refuses(1, 7);
	assert_int_equal(flat.n, 1);
	assert_int_equal(deep.n, 2);
	hub_unsubscribe(&deep.subscriber);
	hub_unsubscribe(&other.subscriber);
	hub_unsubscribe(&one.subscriber);
	hub_unsubscribe(&unknown.subscriber);
	forget(&flat);
	forget(&deep);
	forget(&other);
	forget(&one);
	forget(&unknown);
}

static void what_no_known_guard_did_is_told_to_root_alone(void **state)
{
	(void)state;
	core_refuses(9, 0);
	core_refuses(9, 5); /* a question of nobody can be answered by nobody */
	core_refuses(0, 0);
	assert_int_equal(root.n, 3);
	for (unsigned i = 0; i < 3; i++)
		heard_type(&root, i, "refused");
	assert_int_equal(alice.n + bob.n + contract.n, 0);
	assert_int_equal(n_requests(0, 0), 0);
	core_gone(9);
	assert_int_equal(root.n, 3);

	/* control: the same of a guard that is known */
	core_guard(9, 1000, GUARD_LISTED, TEROK_STATE_UP);
	assert_int_equal(alice.n, 0); /* listed is not news */
	core_refuses(9, 0);
	assert_int_equal(alice.n, 1);
	heard_type(&alice, 0, "refused");
	assert_int_equal(contract.n, 0); /* no question: the contract has no word for it */
}

static void a_foreign_request_does_not_exist(void **state)
{
	(void)state;
	two_guards();
	assert_non_null(hub_find(hub, ID("5"), 1000));
	assert_non_null(hub_find(hub, ID("5"), 0));
	assert_null(hub_find(hub, ID("5"), 1001));
	assert_null(hub_find(hub, ID("6"), 1000));
	assert_non_null(hub_find(hub, ID("6"), 1001));
	assert_null(hub_find(hub, ID("7"), 0));
}

static void note_id(struct request *request, void *user)
{
	strcat(strcat(user, request->id), " ");
}

static const char *requests_for(uint32_t uid, const char *dest)
{
	static char ids[256];

	*ids = '\0';
	hub_requests_for(hub, uid, CONTAINER, dest, note_id, ids);
	return ids;
}

/* Both guards are of a container with that name and were refused the same address. */
static void what_waits_for_a_target_is_what_its_asker_may_answer(void **state)
{
	(void)state;
	two_guards();
	core_refuses(1, 7);
	assert_string_equal(requests_for(1000, "192.0.2.1"), ID("5") " " ID("7") " ");
	assert_string_equal(requests_for(1001, "192.0.2.1"), ID("6") " ");
	assert_string_equal(requests_for(0, "192.0.2.1"), ID("5") " " ID("6") " " ID("7") " ");
	assert_string_equal(requests_for(1002, "192.0.2.1"), "");
	assert_string_equal(requests_for(1000, "192.0.2.2"), "");
	answering(ID("5"), 1000);
	assert_string_equal(requests_for(1000, "192.0.2.1"), ID("7") " ");
}

static void replay_tells_what_is_open_and_may_be_seen_oldest_first(void **state)
{
	struct listener late = { .subscriber = { .face = FACE_FIREWALL, .uid = 0, .push = keep } };
	struct listener none = late;

	(void)state;
	two_guards();
	core_refuses(1, 7);
	answering(ID("7"), 0);
	core_refuses(1, 8);
	hub_subscribe(hub, &late.subscriber, true);
	assert_int_equal(late.n, 3); /* 7 is being answered */
	assert_non_null(strstr(text(&late, 0), ID("5")));
	assert_non_null(strstr(text(&late, 1), ID("6")));
	assert_non_null(strstr(text(&late, 2), ID("8")));
	assert_ptr_equal(late.heard[0], alice.heard[1]); /* as it was told */
	hub_subscribe(hub, &none.subscriber, false);
	assert_int_equal(none.n, 0);

	hub_unsubscribe(&none.subscriber);
	none.subscriber.uid = 1001;
	hub_subscribe(hub, &none.subscriber, true);
	assert_int_equal(none.n, 1);
	forget(&late);
	forget(&none);
	hub_unsubscribe(&late.subscriber);
	hub_unsubscribe(&none.subscriber);
	core_refuses(1, 9);
	assert_int_equal(late.n + none.n, 0);
}

/* --- answers -------------------------------------------------------------------------- */

static void an_answer_goes_out_by_its_number_and_its_author_hears_first(void **state)
{
	uint64_t token;

	(void)state;
	two_guards();
	token = answering(ID("5"), 1000);
	assert_int_equal(sent.type, MSG_VERDICT);
	assert_int_equal(sent.VERDICT.ask, 5);
	assert_int_equal(sent.VERDICT.token, token);
	assert_int_equal(sent.VERDICT.action, TEROK_ALLOW);
	assert_int_equal(sent.VERDICT.scope, SCOPE_TIME);
	assert_int_equal(sent.VERDICT.seconds, 90);
	assert_int_equal(sent.VERDICT.uid, 1000);
	/* pending: nobody else can answer it, root neither */
	assert_null(hub_find(hub, ID("5"), 1000));
	assert_null(hub_find(hub, ID("5"), 0));
	assert_int_equal(n_requests(0, 0), 1);

	forget_all();
	core_result(5, token + 1, 0); /* of another answer */
	core_result(6, token, 0);     /* of another question */
	assert_int_equal(n_done + contract.n, 0);
	core_result(5, token, 0);
	assert_int_equal(n_done, 1);
	assert_int_equal(heard_before_done, 0);
	heard_type(&contract, 0, "verdict_applied");
	heard_type(&root, 0, "verdict");
	assert_int_equal(bob.n, 0);
	assert_null(hub_find(hub, ID("5"), 0));
	core_result(5, token, 0);
	assert_int_equal(n_done, 1); /* once */
}

static void an_outcome_is_kept_for_those_who_might_have_answered(void **state)
{
	const struct answered *answered;
	char id[32];

	(void)state;
	two_guards();
	assert_null(hub_find_answered(hub, ID("5"), 1000));
	core_result(5, answering(ID("5"), 1000), -ENOSPC);
	assert_null(hub_find_answered(hub, ID("5"), 1000)); /* it is open, not answered */
	core_result(5, answering(ID("5"), 1000), 0);
	answered = hub_find_answered(hub, ID("5"), 1000);
	assert_non_null(answered);
	assert_int_equal(answered->action, TEROK_ALLOW);
	assert_int_equal(answered->scope, SCOPE_TIME);
	assert_int_equal(answered->uid, 1000);
	assert_ptr_equal(hub_find_answered(hub, ID("5"), 0), answered);
	assert_null(hub_find_answered(hub, ID("5"), 1001));

	/* of so many; then the oldest is forgotten */
	for (uint64_t ask = 100; ask < 100 + ANSWERED_USER_MAX - 1; ask++) {
		core_refuses(1, ask);
		snprintf(id, sizeof(id), ID("%" PRIu64), ask);
		core_result(ask, answering(id, 1000), 0);
		forget_all();
	}
	assert_non_null(hub_find_answered(hub, ID("5"), 1000));
	core_refuses(1, 99);
	core_result(99, answering(ID("99"), 1000), 0);
	assert_null(hub_find_answered(hub, ID("5"), 1000));
	assert_non_null(hub_find_answered(hub, ID("100"), 1000));
}

static void an_answer_that_failed_can_be_given_again(void **state)
{
	uint64_t token;

	(void)state;
	two_guards();
	token = answering(ID("5"), 1000);
	forget_all();
	core_result(5, token, -ENOSPC);
	assert_int_equal(n_done, 1);
	assert_int_equal(last_result, -ENOSPC);
	assert_int_equal(heard_before_done, 1);
	assert_non_null(strstr(text(&contract, 0), "\"ok\":false"));
	assert_non_null(strstr(text(&root, 0), "\"problem\":\"the table is full\""));
	token = answering(ID("5"), 1000);
	core_result(5, token, 0);
	assert_non_null(strstr(text(&contract, 1), "\"ok\":true"));
	assert_null(hub_find(hub, ID("5"), 0));

	/* a question that the core has forgotten is not opened again */
	token = answering(ID("6"), 1001);
	core_result(6, token, -ENOENT);
	assert_int_equal(last_result, -ENOENT);
	assert_null(hub_find(hub, ID("6"), 0));
}

static void an_answer_that_could_not_be_sent_changes_nothing(void **state)
{
	struct hub_answer given = { .uid = 1000, .action = TEROK_DENY, .scope = SCOPE_ONCE };
	struct request *request;
	uint64_t token = 0;

	(void)state;
	two_guards();
	forget_all();
	send_error = -EAGAIN;
	request = hub_find(hub, ID("5"), 1000);
	assert_int_equal(hub_answer_send(hub, request, &given, on_done, &n_done, &token), -EAGAIN);
	assert_int_equal(token, 0);
	assert_int_equal(n_done + root.n, 0);
	assert_ptr_equal(hub_find(hub, ID("5"), 1000), request);
	send_error = 0;
	core_result(5, answering(ID("5"), 1000), 0);
	assert_int_equal(n_done, 1);
}

static void an_answer_outlives_its_asker(void **state)
{
	uint64_t token;

	(void)state;
	two_guards();
	token = answering(ID("5"), 1000);
	hub_answer_forget(hub, token);
	forget_all();
	core_result(5, token, 0);
	assert_int_equal(n_done, 0);
	heard_type(&contract, 0, "verdict_applied");
}

static void a_guard_that_ends_meanwhile_takes_its_requests_along(void **state)
{
	uint64_t token;

	(void)state;
	two_guards();
	core_refuses(1, 7);
	token = answering(ID("5"), 1000);
	core_gone(1);
	assert_null(hub_find(hub, ID("7"), 1000));
	forget_all();
	core_result(5, token, -ENOSPC);
	assert_int_equal(n_done, 1); /* its asker hears of it */
	assert_null(hub_find(hub, ID("5"), 0));
	assert_int_equal(n_requests(0, 0), 1);
	assert_non_null(hub_find(hub, ID("6"), 1001));
	/* the guard has gone, and its owner still hears the end of the story */
	assert_int_equal(root.n, 1);
	assert_int_equal(alice.n + contract.n, 2);
}

static void a_state_that_answers_everything_purges_the_questions(void **state)
{
	static const struct {
		enum terok_state state;
		const char *told;
		unsigned open;
	} cases[] = {
		{ TEROK_STATE_UP, "shield_up", 1 },
		{ TEROK_STATE_DOWN, "shield_down", 0 },
		{ TEROK_STATE_DOWN_ALL, "shield_disengaged", 0 },
		{ TEROK_STATE_BLOCK, NULL, 0 },
		{ TEROK_STATE_NONE, NULL, 0 },
		{ 99, NULL, 0 },
	};

	(void)state;
	core_guard(1, 1000, GUARD_ATTACHED, TEROK_STATE_UP);
	for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		core_refuses(1, 10 + i);
		assert_int_equal(n_requests(1000, 0), 1);
		forget_all();
		core_guard(1, 1000, GUARD_STATE, cases[i].state);
		assert_int_equal(n_requests(1000, 0), cases[i].open);
		heard_type(&alice, 0, "guard_state");
		assert_int_equal(contract.n, cases[i].told ? 1 : 0);
		if (cases[i].told)
			heard_type(&contract, 0, cases[i].told);
		core_guard(1, 1000, GUARD_STATE, TEROK_STATE_DOWN);
	}
}

/* --- listings ------------------------------------------------------------------------- */

struct fake_listing {
	struct listing listing;
	unsigned guards, done;
};

static void on_listed_guard(struct listing *listing, const struct label *label,
			    const struct terok_counts *counts)
{
	struct fake_listing *fake = container_of(listing, struct fake_listing, listing);

	assert_int_equal(counts->refused, label->id);
	fake->guards = fake->guards * 10 + label->id;
}

static void on_listed(struct listing *listing)
{
	struct fake_listing *fake = container_of(listing, struct fake_listing, listing);

	fake->done++;
	hub_list_end(hub, listing);
}

static void core_lists(uint64_t token)
{
	for (uint32_t id = 1; id <= 2; id++) {
		struct msg_packet packet = { .type = MSG_GUARD };

		packet.GUARD.id = id;
		packet.GUARD.token = token;
		packet.GUARD.info.uid = 999 + id;
		packet.GUARD.counts.refused = id;
		hub_core_hear(core, &packet);
	}
	hub_core_hear(core, &(struct msg_packet){ .type = MSG_LISTED, .LISTED = { token } });
}

static void a_listing_shows_what_its_asker_may_see(void **state)
{
	struct fake_listing all = {}, own = {}, none = {};

	(void)state;
	all.listing = own.listing = none.listing =
	    (struct listing){ .guard = on_listed_guard, .done = on_listed };
	own.listing.uid = 1000;
	none.listing.uid = 1002;
	assert_int_equal(hub_list(hub, &all.listing), 0);
	assert_int_equal(sent.type, MSG_LIST);
	assert_int_equal(sent.LIST.token, all.listing.token);
	assert_int_equal(hub_list(hub, &own.listing), 0);
	assert_int_equal(hub_list(hub, &none.listing), 0);
	core_lists(own.listing.token);
	assert_int_equal(own.guards, 1);
	assert_int_equal(own.done, 1);
	assert_int_equal(all.done + none.done, 0);
	core_lists(all.listing.token);
	core_lists(none.listing.token);
	core_lists(none.listing.token);
	assert_int_equal(all.guards, 12);
	assert_int_equal(all.done, 1);
	assert_int_equal(none.guards, 0);
	assert_int_equal(none.done, 1);
	assert_int_equal(root.n, 0); /* a listing is not news */

	send_error = -EPIPE;
	assert_int_equal(hub_list(hub, &all.listing), -EPIPE);
}

/* --- text ----------------------------------------------------------------------------- */

#define EVENT(type, id, dest, port, proto, action, ok, reason, dossier)                            \
	"{\"type\":\"" type "\",\"container\":\"" CONTAINER "\",\"request_id\":\"" id              \
	"\",\"dest\":\"" dest "\",\"port\":" port ",\"proto\":" proto ",\"domain\":\"\","          \
	"\"action\":\"" action "\",\"ok\":" ok ",\"reason\":\"" reason "\",\"dossier\":{" dossier  \
	"}}"
#define NAMES "\"name\":\"box1\",\"container_name\":\"box1\""

static void a_clearance_event_has_the_contracts_eleven_keys_and_no_other(void **state)
{
	static const char *const keys[] = { "type", "container", "request_id", "dest",
					    "port", "proto",     "domain",     "action",
					    "ok",   "reason",    "dossier" };
	static const char *const frames[] = {
		EVENT("container_started", "", "", "0", "0", "", "false", "", NAMES),
		EVENT("connection_blocked", ID("5"), "192.0.2.1", "443", "6", "", "false", "",
		      NAMES ",\"process\":\"curl[4711] /usr/bin/curl\",\"parent\":\"bash[4700]\","
			    "\"uid\":\"1000\",\"reason\":\"default\",\"hook\":\"connect4\""),
		EVENT("verdict_applied", ID("5"), "", "0", "0", "allow", "true", "", ""),
		EVENT("shield_down", "", "", "0", "0", "", "false", "", NAMES),
		EVENT("shield_disengaged", "", "", "0", "0", "", "false", "", NAMES),
		EVENT("shield_up", "", "", "0", "0", "", "false", "", NAMES),
		EVENT("container_exited", "", "", "0", "0", "", "false", "cgroup removed", NAMES),
	};

	(void)state;
	core_guard(1, 1000, GUARD_ATTACHED, TEROK_STATE_UP);
	core_refuses(1, 5);
	core_result(5, answering(ID("5"), 1000), 0);
	core_guard(1, 1000, GUARD_STATE, TEROK_STATE_DOWN);
	core_guard(1, 1000, GUARD_STATE, TEROK_STATE_DOWN_ALL);
	core_guard(1, 1000, GUARD_STATE, TEROK_STATE_UP);
	core_gone(1);
	assert_int_equal(contract.n, 7);
	for (unsigned i = 0; i < contract.n; i++) {
		_cleanup_(json_putp) struct json_object *event = NULL;
		unsigned n = 0;

		assert_string_equal(text(&contract, i), frames[i]);
		assert_int_equal(strlen(frames[i]), contract.heard[i]->n[FACE_CLEARANCE]);
		assert_int_equal(json_parse(frames[i], strlen(frames[i]), &event), 0);
		json_object_object_foreach(event, key, value)
		{
			assert_non_null(value);
			assert_true(n < 11);
			assert_string_equal(key, keys[n++]);
		}
		assert_int_equal(n, 11);
	}
}

static void what_a_container_chose_is_told_harmless(void **state)
{
	struct msg_packet guard = { .type = MSG_GUARD }, refused = refusal(1, 5);

	(void)state;
	guard.GUARD.news = GUARD_ATTACHED;
	guard.GUARD.id = 1;
	guard.GUARD.info.uid = 1000;
	memset(guard.GUARD.info.container, 'c', TEROK_NAME_LEN); /* no NUL anywhere */
	memset(guard.GUARD.info.name, '\xff', TEROK_NAME_LEN);
	memset(refused.REFUSED.record.comm, '"', TEROK_COMM_LEN);
	memset(refused.REFUSED.record.pcomm, '\x1b', TEROK_COMM_LEN);
	memset(refused.REFUSED.exe, '\n', MSG_TEXT);
	memset(refused.REFUSED.cmdline, '\x80', MSG_TEXT);
	refused.REFUSED.record.reason = 250;
	refused.REFUSED.record.hook = 250;
	hub_core_hear(core, &guard);
	hub_core_hear(core, &refused);
	assert_int_equal(alice.n, 2);
	assert_int_equal(contract.n, 2);
	for (unsigned i = 0; i < 2; i++) {
		for (const char *p = text(&alice, i); *p; p++)
			assert_in_range(*p, 0x20, 0x7e);
		for (const char *p = text(&contract, i); *p; p++)
			assert_in_range(*p, 0x20, 0x7e);
		assert_null(strstr(text(&alice, i), "\\u"));
		assert_null(strstr(text(&alice, i), "\\n"));
	}
	assert_non_null(strstr(text(&contract, 1), "\"reason\":\"unknown\",\"hook\":\"unknown\""));
	assert_non_null(hub_find(hub, "cccccccccccc:5", 1000));
}

/* One who may answer is known to be there, whoever else fills the table. */
static void who_listens_is_told_each_once(void **state)
{
	static struct listener many[MSG_AUDIENCE_MAX + 1];

	(void)state;
	assert_int_equal(sent.type, MSG_AUDIENCE);
	assert_int_equal(sent.AUDIENCE.n, 3); /* alice by two faces */
	for (unsigned i = 0; i < 2 * MSG_AUDIENCE_GUARDS; i++) {
		many[i].subscriber =
		    (struct subscriber){ .uid = 4001, .guard = i + 1, .push = keep };
		hub_subscribe(hub, &many[i].subscriber, false);
		if (i < MSG_AUDIENCE_GUARDS)
			assert_int_equal(sent.AUDIENCE.n, 3 + i + 1);
		else
			assert_int_equal(sent.AUDIENCE.n, 4);
	}
	for (unsigned i = 0; i < 2 * MSG_AUDIENCE_GUARDS; i++)
		hub_unsubscribe(&many[i].subscriber);
	assert_int_equal(sent.AUDIENCE.n, 3);
	/* more users than there is room for: it may be anybody */
	for (unsigned i = 0; i < MSG_AUDIENCE_MAX; i++) {
		many[i].subscriber = (struct subscriber){ .uid = 5000 + i, .push = keep };
		hub_subscribe(hub, &many[i].subscriber, false);
	}
	assert_int_equal(sent.AUDIENCE.n, MSG_AUDIENCE_MAX + 1);
	for (unsigned i = 0; i < MSG_AUDIENCE_MAX; i++)
		hub_unsubscribe(&many[i].subscriber);
	assert_int_equal(sent.AUDIENCE.n, 3);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
		T(a_user_hears_of_their_own_guards_and_root_of_all),
		T(a_subscriber_may_follow_one_guard),
		T(a_client_that_found_both_sockets_hears_by_one_of_them),
		T(what_no_known_guard_did_is_told_to_root_alone),
		T(a_foreign_request_does_not_exist),
		T(what_waits_for_a_target_is_what_its_asker_may_answer),
		T(replay_tells_what_is_open_and_may_be_seen_oldest_first),
		T(an_answer_goes_out_by_its_number_and_its_author_hears_first),
		T(an_outcome_is_kept_for_those_who_might_have_answered),
		T(an_answer_that_failed_can_be_given_again),
		T(an_answer_that_could_not_be_sent_changes_nothing),
		T(an_answer_outlives_its_asker),
		T(a_guard_that_ends_meanwhile_takes_its_requests_along),
		T(a_state_that_answers_everything_purges_the_questions),
		T(a_listing_shows_what_its_asker_may_see),
		T(a_clearance_event_has_the_contracts_eleven_keys_and_no_other),
		T(what_a_container_chose_is_told_harmless),
		T(who_listens_is_told_each_once),
	};

	return cmocka_run_group_tests_name("hub", tests, NULL, NULL);
}
