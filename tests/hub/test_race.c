// SPDX-License-Identifier: Apache-2.0
/*
 * test_race.c - many clients answer the same requests at once: each is decided once
 *
 * RACE_REQUESTS=1000000 for the long run. As another user than root there are fewer clients:
 * so many connections is one user allowed.
 */
#include "served.h"

#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/varlink.h"

#define REQUESTS 8192 /* in `make test` */
#define RACERS   256
#define ROUND    64 /* open at a time */
#define EACH     8  /* answers that a client has on its way */

/* One request of a round. */
struct contest {
	uint64_t ask;
	unsigned verdicts;         /* of them reached the core */
	unsigned decided, winners; /* said yes to by the core; clients that were told so */
	unsigned already, failed;  /* clients that were told of another's, or that theirs failed */
	enum terok_action action;  /* of the one that is in force */
};

static struct racer {
	int fd;
	uint64_t ask[EACH]; /* what it answered, in this order */
	enum terok_action action[EACH];
	unsigned told; /* of them */
	char in[4096];
	size_t n;
} racers[RACERS];
static struct pollfd ready[RACERS + 1]; /* the core is the last */
static unsigned n_racers, waiting;
static struct contest contests[ROUND];

static struct contest *contest_of(uint64_t ask)
{
	struct contest *contest = &contests[ask % ROUND];

	assert_int_equal(contest->ask, ask);
	return contest;
}

/* The core refuses some at first, so that the next in line has its turn. */
static void decide(const struct msg_packet *verdict)
{
	struct contest *contest = contest_of(verdict->VERDICT.ask);
	bool yes = contest->ask % 8 || contest->verdicts;
	struct msg_packet packet = { .type = MSG_RESULT };

	contest->verdicts++;
	if (yes) {
		contest->decided++;
		contest->action = verdict->VERDICT.action;
	}
	packet.RESULT = (struct msg_result){ .ask = contest->ask,
					     .token = verdict->VERDICT.token,
					     .result = yes ? 0 : -ENOSPC,
					     .until_ns = yes ? contest->ask : 0 };
	core_says(&packet);
}

static void decide_all(void)
{
	struct msg_packet packet;

	while (recv(core_fd, &packet, sizeof(packet), MSG_DONTWAIT) > 0) {
		assert_int_equal(packet.type, MSG_VERDICT);
		decide(&packet);
	}
}

static void told(struct racer *racer, const char *frame)
{
	char until[48], action[32];
	struct contest *contest;

	assert_true(racer->told < EACH);
	contest = contest_of(racer->ask[racer->told]);
	snprintf(until, sizeof(until), "\"until_ns\":%" PRIu64, contest->ask);
	snprintf(action, sizeof(action), "\"action\":\"%s\"",
		 contest->action == TEROK_ALLOW ? "allow" : "deny");
	if (strstr(frame, ".AlreadyAnswered\"")) {
		contest->already++;
		/* of the one that is in force, and of no other */
		assert_non_null(strstr(frame, until));
		assert_non_null(strstr(frame, action));
	} else if (strstr(frame, ".NotApplied\"")) {
		contest->failed++;
	} else {
		contest->winners++;
		assert_non_null(strstr(frame, until));
		assert_int_equal(racer->action[racer->told], contest->action);
	}
	racer->told++;
	waiting--;
}

static void racer_hears(struct racer *racer)
{
	ssize_t n = recv(racer->fd, racer->in + racer->n, sizeof(racer->in) - racer->n, 0);
	char *from = racer->in, *nul;

	assert_true(n > 0);
	racer->n += n;
	while ((nul = memchr(from, '\0', racer->in + racer->n - from))) {
		told(racer, from);
		from = nul + 1;
	}
	racer->n -= from - racer->in;
	memmove(racer->in, from, racer->n);
}

/* Every request has as many answers as any other, from clients that are far from each other. */
static void racer_answers(unsigned i, uint64_t first)
{
	struct racer *racer = &racers[i];
	char frames[EACH * 192];
	size_t n = 0;

	racer->told = 0;
	for (unsigned k = 0; k < EACH; k++) {
		racer->ask[k] = first + (i + k * (ROUND / EACH)) % ROUND;
		racer->action[k] = (i ^ k) & 1 ? TEROK_ALLOW : TEROK_DENY;
		n += snprintf(frames + n, sizeof(frames) - n,
			      "{\"method\":\"" FIREWALL ".Answer\",\"parameters\":{\"request_id\":"
			      "\"0123456789ab:%" PRIu64 "\",\"action\":\"%s\"}}",
			      racer->ask[k], racer->action[k] == TEROK_ALLOW ? "allow" : "deny") +
		     1;
	}
	assert_int_equal(send(racer->fd, frames, n, MSG_NOSIGNAL), n);
	waiting += EACH;
}

/* The hub reads its core and its clients in turn: a listing comes behind what the core said. */
static void round_is_known(void)
{
	struct msg_packet packet;

	say(racers[0].fd, "{\"method\":\"" FIREWALL ".ListGuards\"}");
	packet = core_hears(MSG_LIST);
	packet.LISTED.token = packet.LIST.token;
	packet.type = MSG_LISTED;
	core_says(&packet);
	hear(racers[0].fd, "{\"parameters\":{\"guards\":[]}}");
}

static void round_run(uint64_t first)
{
	for (unsigned i = 0; i < ROUND; i++) {
		contests[(first + i) % ROUND] = (struct contest){ .ask = first + i };
		core_refuses(first + i);
	}
	round_is_known();
	for (unsigned i = 0; i < n_racers; i++)
		racer_answers(i, first);
	while (waiting) {
		assert_true(poll(ready, n_racers + 1, WAIT_S * 1000) > 0);
		if (ready[n_racers].revents)
			decide_all();
		for (unsigned i = 0; i < n_racers; i++)
			if (ready[i].revents)
				racer_hears(&racers[i]);
	}
}

static void round_check(void)
{
	for (unsigned i = 0; i < ROUND; i++) {
		assert_int_equal(contests[i].decided, 1);
		assert_int_equal(contests[i].winners, 1);
		assert_int_equal(contests[i].verdicts, contests[i].ask % 8 ? 1 : 2);
		assert_int_equal(contests[i].failed, contests[i].verdicts - 1);
		assert_int_equal(contests[i].winners + contests[i].already + contests[i].failed,
				 n_racers * EACH / ROUND);
	}
}

static void a_race_of_many_clients_has_one_winner_for_each_request(void **state)
{
	const char *text = getenv("RACE_REQUESTS");
	uint64_t requests = text ? strtoull(text, NULL, 10) : REQUESTS;

	(void)state;
	n_racers = getuid() ? VARLINK_UID_MAX : RACERS;
	core_guard(0);
	for (unsigned i = 0; i < n_racers; i++) {
		racers[i] = (struct racer){ .fd = dial() };
		/* it is served: the queue of those who are not yet is short */
		say(racers[i].fd, "{\"method\":\"org.varlink.service.GetInfo\"}");
		heard(racers[i].fd);
		ready[i] = (struct pollfd){ .fd = racers[i].fd, .events = POLLIN };
	}
	ready[n_racers] = (struct pollfd){ .fd = core_fd, .events = POLLIN };
	for (uint64_t first = ROUND; first < ROUND + requests; first += ROUND) {
		round_run(first);
		round_check();
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
		    a_race_of_many_clients_has_one_winner_for_each_request, served_setup,
		    served_teardown),
	};

	return cmocka_run_group_tests_name("hub/race", tests, NULL, NULL);
}
