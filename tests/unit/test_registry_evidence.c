// SPDX-License-Identifier: Apache-2.0
/*
 * test_registry_evidence.c - user/registry/evidence.c over user/service/word.c: an agent is asked
 * whose socket that is, and is away, busy, slow, old, a liar, or killed
 *
 * The agent is a socket of the test's, on the same loop, that says what a case wants. The connection
 * that is asked about is real.
 */
#include "registry_box.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include "base/addr.h"
#include "base/cleanup.h"
#include "base/log.h"
#include "base/sock.h"
#include "user/registry/evidence.h"

#define ID       "aa11"
#define QUESTION 12

static struct loop *loop;
static struct evidence *evidence;
static struct evidence_ask ask[QUESTION];
static enum evidence_is told_is;
static unsigned told, told_max; /* the loop ends with the last */
static struct timer end;
static int client = -1, server = -1;
static uint8_t peer[16];
static uint16_t peer_port;

/* --- an agent ------------------------------------------------------------------------------- */

enum says { SAYS_OWNER, SAYS_DONE, SAYS_BUSY, SAYS_NOTHING, SAYS_END, SAYS_NONSENSE };

static struct {
	struct source source;
	int listener;
	enum says says, then; /* .then: all after the first */
	struct control_owner owner;
	struct control_done done;
	struct control_packet word;
	unsigned asked, open, open_max;
	int held[QUESTION];
} agent = { .listener = -1 };

static void agent_answer(int sock)
{
	struct control_packet reply = { .type = CONTROL_OWNER,
					.version = CONTROL_VERSION,
					.OWNER = agent.owner };

	if (agent.says == SAYS_DONE || agent.says == SAYS_BUSY) {
		reply.type = CONTROL_DONE;
		reply.DONE = agent.done;
	}
	/* who asked may have gone */
	if (agent.says == SAYS_NONSENSE)
		send(sock, "nonsense", 8, MSG_NOSIGNAL);
	else if (agent.says != SAYS_END)
		send(sock, &reply, control_msg_size(reply.type), MSG_NOSIGNAL);
}

/* One that comes is heard at once: the word was sent with it. */
static int agent_accept(struct source *source, uint32_t events)
{
	int sock = accept4(agent.listener, NULL, NULL, SOCK_CLOEXEC);
	ssize_t n;

	(void)source;
	(void)events;
	if (agent.says == SAYS_BUSY) { /* and does not hear */
		agent_answer(sock);
		close(sock);
		return 0;
	}
	n = recv(sock, &agent.word, sizeof(agent.word), 0);
	assert_int_equal(n, control_msg_size(CONTROL_WHOSE));
	assert_true(control_msg_check(&agent.word, n));
	assert_int_equal(agent.word.type, CONTROL_WHOSE);
	agent.asked++;
	if (agent.says == SAYS_NOTHING) {
		assert_true(agent.open < QUESTION);
		agent.held[agent.open++] = sock;
		if (agent.open > agent.open_max)
			agent.open_max = agent.open;
	} else {
		agent_answer(sock);
		close(sock);
	}
	agent.says = agent.then;
	return 0;
}

static void agent_begin(enum says says, enum says then)
{
	agent.says = says;
	agent.then = then;
	assert_int_equal(sock_listen_packets(in_box(CONTROL_SOCKET), 0666, &agent.listener, &why),
			 0);
	assert_int_equal(source_add(loop, &agent.source, agent.listener, EPOLLIN, agent_accept), 0);
}

static void agent_let_go(void)
{
	while (agent.open)
		close(agent.held[--agent.open]);
}

static void agent_die(void)
{
	agent_let_go();
	if (agent.listener < 0)
		return;
	source_del(&agent.source);
	closep(&agent.listener);
}

/* An agent has run here: its lock is left. */
static void agent_was_here(void)
{
	int fd = open(in_box("agent.lock"), O_CREAT | O_WRONLY | O_CLOEXEC, 0600);

	assert_true(fd >= 0);
	close(fd);
}

static void owner_is(enum control_owner_is is, const char *container)
{
	agent.owner = (struct control_owner){ .is = is, .guard = 5 };
	strcpy(agent.owner.container, container);
}

static void done_is(int result, const char *text)
{
	agent.done = (struct control_done){ .result = result };
	strcpy(agent.done.problem, text);
}

/* --- questions -------------------------------------------------------------------------------- */

static void connect_ends(void)
{
	struct sockaddr_in at = { .sin_family = AF_INET,
				  .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t size = sizeof(at);
	int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	assert_int_equal(bind(listener, (struct sockaddr *)&at, size), 0);
	assert_int_equal(listen(listener, 1), 0);
	assert_int_equal(getsockname(listener, (struct sockaddr *)&at, &size), 0);
	client = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_int_equal(connect(client, (struct sockaddr *)&at, size), 0);
	server = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
	close(listener);
	assert_int_equal(getpeername(server, (struct sockaddr *)&at, &size), 0);
	addr_of_v4(peer, (const uint8_t *)&at.sin_addr);
	peer_port = ntohs(at.sin_port);
}

static int setup(void **state)
{
	(void)state;
	memset(&agent, 0, sizeof(agent));
	agent.listener = -1;
	memset(ask, 0, sizeof(ask));
	end = (struct timer){};
	told = told_max = 0;
	log_setup("test", LOG_CRIT, false);
	if (box_make() || setenv("TEROK_RUN", box, 1) || loop_new(&loop) ||
	    evidence_new(loop, false, &evidence))
		return -1;
	connect_ends();
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	evidence_free(evidence);
	agent_die();
	loop_free(loop);
	closep(&client);
	closep(&server);
	return box_remove();
}

static void require_guards(void)
{
	evidence_free(evidence);
	assert_int_equal(evidence_new(loop, true, &evidence), 0);
}

static int on_end(struct timer *timer)
{
	(void)timer;
	return -ECANCELED; /* a loop that was stopped stays so */
}

static void on_told(struct evidence_ask *one, enum evidence_is is)
{
	(void)one;
	told++;
	told_is = is;
	if (told == told_max)
		timer_arm(loop, &end, now_boot_ns(), on_end);
}

static void await_told(unsigned n)
{
	told_max = n;
	if (told < n)
		assert_int_equal(loop_run(loop), -ECANCELED);
	timer_disarm(&end);
	assert_int_equal(told, n);
}

static void begin(unsigned i)
{
	ask[i] = (struct evidence_ask){
		.fd = server, .addr = peer, .port = peer_port, .container = ID, .done = on_told
	};
	evidence->ask(evidence, &ask[i]);
}

static enum evidence_is asked(void)
{
	told = 0;
	told_max = 1;
	begin(0);
	await_told(1);
	return told_is;
}

/* --- what an agent says ------------------------------------------------------------------------- */

static void the_connection_is_asked_about_as_its_other_end_has_it(void **state)
{
	struct sockaddr_in at;
	socklen_t size = sizeof(at);
	uint8_t own[16];

	(void)state;
	owner_is(CONTROL_OWNER_SAME, ID);
	agent_begin(SAYS_OWNER, SAYS_OWNER);
	assert_int_equal(asked(), EVIDENCE_AGREES);
	assert_int_equal(getsockname(server, (struct sockaddr *)&at, &size), 0);
	addr_of_v4(own, (const uint8_t *)&at.sin_addr);
	assert_memory_equal(agent.word.WHOSE.peer, peer, 16);
	assert_memory_equal(agent.word.WHOSE.own, own, 16);
	assert_int_equal(agent.word.WHOSE.peer_port, peer_port);
	assert_int_equal(agent.word.WHOSE.own_port, ntohs(at.sin_port));
	assert_string_equal(agent.word.WHOSE.container, ID);
}

static void each_reply_means_one_thing(void **state)
{
	static const struct {
		enum control_owner_is is;
		const char *container;
		enum evidence_is optional, required;
	} rows[] = {
		{ CONTROL_OWNER_SAME, ID, EVIDENCE_AGREES, EVIDENCE_AGREES },
		{ CONTROL_OWNER_SAME, "bb", EVIDENCE_OTHER, EVIDENCE_OTHER },
		{ CONTROL_OWNER_SAME, "", EVIDENCE_OTHER, EVIDENCE_OTHER },
		{ CONTROL_OWNER_OTHER, "bb", EVIDENCE_OTHER, EVIDENCE_OTHER },
		{ CONTROL_OWNER_OTHER, ID, EVIDENCE_OTHER, EVIDENCE_OTHER },
		{ CONTROL_OWNER_OTHER, "", EVIDENCE_OTHER, EVIDENCE_OTHER },
		{ CONTROL_OWNER_NONE, "", EVIDENCE_NOTHING, EVIDENCE_UNGUARDED },
		{ CONTROL_OWNER_MAX_, ID, EVIDENCE_OTHER, EVIDENCE_OTHER },
	};
	struct control_packet reply = { .type = CONTROL_OWNER };
	enum evidence_is is;

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		reply.OWNER = (struct control_owner){ .is = rows[i].is };
		strcpy(reply.OWNER.container, rows[i].container);
		assert_int_equal(evidence_read(&reply, ID, false, &is), 0);
		assert_int_equal(is, rows[i].optional);
		assert_int_equal(evidence_read(&reply, ID, true, &is), 0);
		assert_int_equal(is, rows[i].required);
	}
	reply.OWNER.is = CONTROL_OWNER_SAME;
	memset(reply.OWNER.container, 'a', sizeof(reply.OWNER.container));
	assert_int_equal(evidence_read(&reply, ID, false, &is), 0);
	assert_int_equal(is, EVIDENCE_OTHER);
}

static void an_agent_that_cannot_say_lets_nobody_in(void **state)
{
	(void)state;
	agent_begin(SAYS_DONE, SAYS_DONE);
	done_is(-ENOTCONN, "guard 5 has no such connection");
	assert_int_equal(asked(), EVIDENCE_GONE);
	done_is(-EPERM, "from within a guard nothing is changed");
	assert_int_equal(asked(), EVIDENCE_ERROR);
	done_is(0, ""); /* that is no owner */
	assert_int_equal(asked(), EVIDENCE_ERROR);
}

static void one_that_has_no_time_is_asked_again(void **state)
{
	(void)state;
	done_is(-EAGAIN, "too many speak at once");
	owner_is(CONTROL_OWNER_SAME, ID);
	agent_begin(SAYS_DONE, SAYS_OWNER);
	assert_int_equal(asked(), EVIDENCE_AGREES);
	assert_int_equal(agent.asked, 2);
}

static int heard_error;
static struct control_done heard;

static void on_done(struct word *word, int error, const struct control_packet *reply, int *fd)
{
	(void)word;
	(void)fd;
	heard_error = error;
	if (!error && reply->type == CONTROL_DONE)
		heard = reply->DONE;
	timer_arm(loop, &end, now_boot_ns(), on_end);
}

/* Whoever is told that nobody is there says it no more: a door is given up. */
static void who_is_refused_unheard_is_told_so(void **state)
{
	struct control_packet packet = { .type = CONTROL_WHOSE };
	struct word word = { .heard = on_done };

	(void)state;
	done_is(-EAGAIN, "too many speak at once");
	agent_begin(SAYS_BUSY, SAYS_BUSY);
	assert_int_equal(word_say(loop, &word, in_box(CONTROL_SOCKET), &packet, SECOND_NS), 0);
	assert_int_equal(loop_run(loop), -ECANCELED);
	timer_disarm(&end);
	assert_int_equal(heard_error, 0);
	assert_int_equal(heard.result, -EAGAIN);
}

static void a_connection_that_ended_meanwhile_is_nobodys(void **state)
{
	const struct linger now = { .l_onoff = 1 };

	(void)state;
	owner_is(CONTROL_OWNER_SAME, ID);
	agent_begin(SAYS_OWNER, SAYS_OWNER);
	assert_int_equal(setsockopt(client, SOL_SOCKET, SO_LINGER, &now, sizeof(now)), 0);
	closep(&client);
	assert_int_equal(asked(), EVIDENCE_GONE);
	closep(&server);
	assert_int_equal(asked(), EVIDENCE_ERROR); /* nothing can be asked of it */
}

/* --- what is kept --------------------------------------------------------------------------------- */

static void what_agreed_is_kept_for_the_connection_and_no_other(void **state)
{
	(void)state;
	owner_is(CONTROL_OWNER_SAME, ID);
	agent_begin(SAYS_OWNER, SAYS_OWNER);
	assert_int_equal(asked(), EVIDENCE_AGREES);
	assert_int_equal(asked(), EVIDENCE_AGREES);
	assert_int_equal(agent.asked, 1);
	/* for that container alone */
	told = 0;
	ask[0] = (struct evidence_ask){
		.fd = server, .addr = peer, .port = peer_port, .container = "bb", .done = on_told
	};
	evidence->ask(evidence, &ask[0]);
	await_told(1);
	assert_int_equal(told_is, EVIDENCE_OTHER);
	assert_int_equal(agent.asked, 2);
	closep(&client);
	closep(&server);
	connect_ends();
	owner_is(CONTROL_OWNER_OTHER, "");
	assert_int_equal(asked(), EVIDENCE_OTHER);
	assert_int_equal(agent.asked, 3);
	assert_int_equal(asked(), EVIDENCE_OTHER); /* nor is anything else kept */
	assert_int_equal(agent.asked, 4);
}

/* --- an agent that is away -------------------------------------------------------------------------- */

static void where_no_agent_ever_was_nothing_is_known(void **state)
{
	(void)state;
	assert_int_equal(asked(), EVIDENCE_NOTHING);
	require_guards();
	assert_int_equal(asked(), EVIDENCE_ERROR);
}

static int comes_back(struct timer *timer)
{
	(void)timer;
	agent_begin(SAYS_OWNER, SAYS_OWNER);
	return 0;
}

static void one_that_was_here_is_waited_for(void **state)
{
	struct timer timer = {};

	(void)state;
	agent_was_here();
	owner_is(CONTROL_OWNER_SAME, ID);
	timer_arm(loop, &timer, now_boot_ns() + SECOND_NS / 2, comes_back);
	assert_int_equal(asked(), EVIDENCE_AGREES);
}

static void and_without_it_nobody_comes_in(void **state)
{
	uint64_t began = now_boot_ns();

	(void)state;
	agent_was_here();
	assert_int_equal(asked(), EVIDENCE_ERROR);
	assert_true(now_boot_ns() - began >= EVIDENCE_NS);
}

static void one_that_has_answered_is_not_forgotten(void **state)
{
	(void)state;
	owner_is(CONTROL_OWNER_NONE, "");
	agent_begin(SAYS_OWNER, SAYS_OWNER);
	assert_int_equal(asked(), EVIDENCE_NOTHING);
	agent_die(); /* and nothing of it is left */
	assert_int_equal(asked(), EVIDENCE_ERROR);
}

static int killed(struct timer *timer)
{
	(void)timer;
	agent_die();
	agent_begin(SAYS_OWNER, SAYS_OWNER);
	return 0;
}

static void one_that_is_killed_in_the_middle_is_asked_anew(void **state)
{
	struct timer timer = {};

	(void)state;
	owner_is(CONTROL_OWNER_SAME, ID);
	agent_begin(SAYS_NOTHING, SAYS_NOTHING);
	timer_arm(loop, &timer, now_boot_ns() + SECOND_NS / 10, killed);
	assert_int_equal(asked(), EVIDENCE_AGREES);
	assert_int_equal(agent.asked, 2);
}

static void one_that_says_nothing_or_nonsense_lets_nobody_in(void **state)
{
	uint64_t began = now_boot_ns();

	(void)state;
	agent_begin(SAYS_NOTHING, SAYS_NOTHING);
	assert_int_equal(asked(), EVIDENCE_ERROR);
	assert_true(now_boot_ns() - began >= EVIDENCE_NS);
	agent_let_go();
	agent.says = agent.then = SAYS_NONSENSE;
	assert_int_equal(asked(), EVIDENCE_ERROR);
	agent.says = agent.then = SAYS_END; /* as one of before that word does */
	assert_int_equal(asked(), EVIDENCE_ERROR);
}

/* --- many ---------------------------------------------------------------------------------------------- */

static int answer_held(struct timer *timer)
{
	unsigned n = agent.open;

	assert_int_equal(n, EVIDENCE_ASKING);
	agent.open = 0;
	agent.says = agent.then = SAYS_OWNER;
	for (unsigned i = 0; i < n; i++) {
		agent_answer(agent.held[i]);
		close(agent.held[i]);
	}
	(void)timer;
	return 0;
}

static void a_few_are_asked_at_once_and_all_are_answered(void **state)
{
	struct timer timer = {};

	(void)state;
	owner_is(CONTROL_OWNER_NONE, "");
	agent_begin(SAYS_NOTHING, SAYS_NOTHING);
	for (unsigned i = 0; i < QUESTION; i++)
		begin(i);
	timer_arm(loop, &timer, now_boot_ns() + SECOND_NS / 5, answer_held);
	await_told(QUESTION);
	assert_int_equal(agent.open_max, EVIDENCE_ASKING);
	assert_int_equal(agent.asked, QUESTION);
}

static void on_told_end_others(struct evidence_ask *one, enum evidence_is is)
{
	(void)is;
	told++;
	for (unsigned i = 0; i < QUESTION; i++)
		if (&ask[i] != one)
			evidence->forget(evidence, &ask[i]);
	timer_arm(loop, &end, now_boot_ns(), on_end);
}

static void who_is_told_may_end_all_others(void **state)
{
	(void)state;
	owner_is(CONTROL_OWNER_NONE, "");
	agent_begin(SAYS_OWNER, SAYS_OWNER);
	for (unsigned i = 0; i < QUESTION; i++) {
		begin(i);
		ask[i].done = on_told_end_others;
	}
	await_told(1);
	assert_int_equal(asked(), EVIDENCE_NOTHING); /* and it goes on */
}

static void who_waits_when_all_ends_is_not_told(void **state)
{
	(void)state;
	agent_begin(SAYS_NOTHING, SAYS_NOTHING);
	for (unsigned i = 0; i < QUESTION; i++)
		begin(i);
	evidence_free(evidence);
	assert_int_equal(told, 0);
	assert_int_equal(evidence_new(loop, false, &evidence), 0);
}

int main(void)
{
#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		CASE(the_connection_is_asked_about_as_its_other_end_has_it),
		CASE(each_reply_means_one_thing),
		CASE(an_agent_that_cannot_say_lets_nobody_in),
		CASE(one_that_has_no_time_is_asked_again),
		CASE(who_is_refused_unheard_is_told_so),
		CASE(a_connection_that_ended_meanwhile_is_nobodys),
		CASE(what_agreed_is_kept_for_the_connection_and_no_other),
		CASE(where_no_agent_ever_was_nothing_is_known),
		CASE(one_that_was_here_is_waited_for),
		CASE(and_without_it_nobody_comes_in),
		CASE(one_that_has_answered_is_not_forgotten),
		CASE(one_that_is_killed_in_the_middle_is_asked_anew),
		CASE(one_that_says_nothing_or_nonsense_lets_nobody_in),
		CASE(a_few_are_asked_at_once_and_all_are_answered),
		CASE(who_is_told_may_end_all_others),
		CASE(who_waits_when_all_ends_is_not_told),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
