// SPDX-License-Identifier: Apache-2.0
/*
 * test_whose.c - CONTROL_WHOSE: whose socket is at the other end, as the kernel knows it
 *
 * Both ends are in the network of a box, at two addresses of its loopback: where a socket was made
 * and what its addresses are is all that counts. A client is made by a process in some box's cgroup
 * and in some box's network, and is the test's from then on.
 */
#include "boxes.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/addr.h"
#include "base/cleanup.h"
#include "base/event.h"
#include "base/sock.h"
#include "budget.h"
#include "cgroup.h"
#include "netns.h"
#include "support.h"
#include "whose.h"

#define THEIRS  "10.77.0.2"
#define OURS    "10.77.0.1"
#define THEIRS6 "fd77::2"
#define OURS6   "fd77::1"

static int listener = -1, client = -1, server = -1;

/* --- connections -------------------------------------------------------------------------- */

static void step_into(const struct box *box, int *back)
{
	_cleanup_close_ int netns = netns_of_pid(box->pid, NULL);

	*back = netns_enter(netns);
	assert_true(*back >= 0);
}

/* Its network has addresses before it has a guard. */
static struct box *box_there(uid_t of, const char *id)
{
	struct box *box = BOX(.of = of, .id = id);
	int back;

	step_into(box, &back);
	assert_int_equal(system("ip link set lo up && ip addr add " OURS "/32 dev lo && "
				"ip addr add " THEIRS "/32 dev lo && "
				"ip addr add " OURS6 "/128 dev lo nodad && "
				"ip addr add " THEIRS6 "/128 dev lo nodad"),
			 0);
	netns_leave(&back);
	return box;
}

static struct sockaddr_in6 at(const char *text, uint16_t port)
{
	struct sockaddr_in6 at = { .sin6_family = AF_INET6, .sin6_port = htons(port) };

	assert_int_equal(inet_pton(AF_INET6, text, &at.sin6_addr), 1);
	return at;
}

/* In the network of @there, in the cgroup of @within; NULL: in no guard's */
static int dial_in(const struct box *there, const struct box *within, const char *from,
		   const char *to, uint16_t port)
{
	struct sockaddr_in6 local = at(from, 0), peer = at(to, port);
	_cleanup_close_ int cgroup = within ? cgroup_open(within->cgroup, NULL) : -1;
	int back, fd, off = 0;

	if (within && (cgroup < 0 || cgroup_join(cgroup)))
		return -1;
	step_into(there, &back);
	fd = socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0);
	netns_leave(&back);
	if (fd < 0 || setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof(off)) ||
	    bind(fd, (struct sockaddr *)&local, sizeof(local)) ||
	    connect(fd, (struct sockaddr *)&peer, sizeof(peer)))
		return -1;
	return fd;
}

static void ends_close(void)
{
	closep(&listener);
	closep(&client);
	closep(&server);
}

/* A connection in the network of @there, whose client somebody in the cgroup of @within made. */
static void connect_as(const struct box *there, const struct box *within, const char *from,
		       const char *to)
{
	struct sockaddr_in6 bound = at("::", 0);
	socklen_t size = sizeof(bound);
	int back, pair[2], off = 0;
	char byte;
	pid_t pid;

	ends_close();
	step_into(there, &back);
	listener = socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0);
	netns_leave(&back);
	assert_int_equal(setsockopt(listener, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof(off)), 0);
	assert_int_equal(bind(listener, (struct sockaddr *)&bound, sizeof(bound)), 0);
	assert_int_equal(listen(listener, 4), 0);
	assert_int_equal(getsockname(listener, (struct sockaddr *)&bound, &size), 0);
	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, pair), 0);
	fflush(NULL);
	pid = fork();
	if (!pid) {
		client = dial_in(there, within, from, to, ntohs(bound.sin6_port));
		_exit(client < 0 || sock_send(pair[0], "", 1, &client, 1) ? 1 : 0);
	}
	assert_int_equal(waitpid(pid, NULL, 0), pid);
	close(pair[0]);
	if (sock_receive(pair[1], &byte, 1, &client, 1) != 1 || client < 0)
		fail_msg("no connection from %s to %s", from, to);
	close(pair[1]);
	server = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
	assert_true(server >= 0);
}

static void told(const struct control_packet *reply, void *user)
{
	(void)user;
	if (reply->type == CONTROL_OWNER)
		snprintf(word->text, sizeof(word->text), "%s %u %.*s",
			 reply->OWNER.is == CONTROL_OWNER_SAME    ? "same"
			 : reply->OWNER.is == CONTROL_OWNER_OTHER ? "other"
			 : reply->OWNER.is == CONTROL_OWNER_NONE  ? "none"
								  : "?",
			 reply->OWNER.guard, TEROK_NAME_LEN, reply->OWNER.container);
}

/* *word asks about the connection as the server has it. */
static void whose_word(const char *claimed)
{
	struct control_whose *whose = &word->ask.word.WHOSE;
	struct sockaddr_in6 peer, own;
	socklen_t size = sizeof(peer);

	memset(word, 0, sizeof(*word));
	word->ask.patience_ns = 15 * SECOND_NS;
	word->ask.word.type = CONTROL_WHOSE;
	word->ask.reply = told;
	assert_int_equal(getpeername(server, (struct sockaddr *)&peer, &size), 0);
	assert_int_equal(getsockname(server, (struct sockaddr *)&own, &size), 0);
	memcpy(whose->peer, &peer.sin6_addr, sizeof(whose->peer));
	memcpy(whose->own, &own.sin6_addr, sizeof(whose->own));
	whose->peer_port = ntohs(peer.sin6_port);
	whose->own_port = ntohs(own.sin6_port);
	strcpy(whose->container, claimed);
}

static void assert_whose(uid_t uid, const char *claimed, const char *is, uint32_t guard,
			 const char *container)
{
	char want[128];

	whose_word(claimed);
	if (said_by(uid))
		fail_msg("%d: %s", word->result, word->why.text);
	snprintf(want, sizeof(want), "%s %u %s", is, guard, container);
	assert_string_equal(word->text, want);
}

static void assert_not_found(uid_t uid, const char *claimed, int error, const char *why)
{
	whose_word(claimed);
	assert_int_equal(said_by(uid), error);
	assert_string_equal(word->text, "");
	if (!strstr(word->why.text, why))
		fail_msg("'%s' is not in '%s'", why, word->why.text);
}

/* Sooner or later: nothing says when the kernel is done with it. @ended: its guard may be gone, too */
static void await_not_found(int error, bool ended)
{
	uint64_t until = now_boot_ns() + PERSON_MS * UINT64_C(1000000);

	do {
		whose_word(ID(1));
		said_by(ANNE);
	} while (!strncmp(word->text, "same", 4) && now_boot_ns() < until);
	if (word->result != error && !(ended && !strcmp(word->text, "none 0 ")))
		fail_msg("%d: %s%s", word->result, word->text, word->why.text);
}

static uint32_t guarded(const struct box *box)
{
	assert_int_equal(attach_by(box->of, box), 0);
	return guard_now().id;
}

static int teardown(void **state)
{
	ends_close();
	return boxes_teardown(state);
}

/* --- whose it is ---------------------------------------------------------------------------- */

static void a_container_is_who_it_says(void **state)
{
	struct box *anne = box_there(ANNE, ID(1));
	uint32_t guard = guarded(anne);

	(void)state;
	connect_as(anne, anne, "::ffff:" THEIRS, "::ffff:" OURS);
	assert_whose(ANNE, ID(1), "same", guard, ID(1));
	connect_as(anne, anne, THEIRS6, OURS6);
	assert_whose(ANNE, ID(1), "same", guard, ID(1));
	/* half of it closed it is there still */
	assert_int_equal(shutdown(client, SHUT_WR), 0);
	assert_whose(ANNE, ID(1), "same", guard, ID(1));
	/* an agent that was killed knew nothing that the next does not */
	agent_end(SIGKILL);
	whose_word(ID(1));
	assert_int_equal(said_by(ANNE), -ENOENT);
	agent_start();
	assert_whose(ANNE, ID(1), "same", guard, ID(1));
}

static void another_guard_at_its_address_is_found_out(void **state)
{
	struct box *anne = box_there(ANNE, ID(1)), *second = box_there(ANNE, ID(2));
	struct box *bert = box_there(BERT, ID(3));
	uint32_t other;

	(void)state;
	guarded(anne);
	other = guarded(second);
	guarded(bert);
	connect_as(anne, second, "::ffff:" THEIRS, "::ffff:" OURS);
	assert_whose(ANNE, ID(1), "other", other, ID(2));
	connect_as(anne, bert, "::ffff:" THEIRS, "::ffff:" OURS); /* whose that is is not told */
	assert_whose(ANNE, ID(1), "other", 0, "");
	connect_as(anne, NULL, THEIRS6, OURS6);
	assert_whose(ANNE, ID(1), "other", 0, "");
	/* the same address in a network of its own is not that container's either */
	connect_as(second, second, "::ffff:" THEIRS, "::ffff:" OURS);
	assert_not_found(ANNE, ID(1), -ENOTCONN, "no such connection");
}

static void a_container_without_a_guard_is_no_guards(void **state)
{
	struct box *anne = box_there(ANNE, ID(1)), *bare = box_there(ANNE, ID(2));
	uint32_t guard = guarded(anne);

	(void)state;
	connect_as(anne, bare, "::ffff:" THEIRS,
		   "::ffff:" OURS); /* in a guard's network: a pod's */
	assert_whose(ANNE, ID(2), "none", 0, "");
	connect_as(anne, anne, "::ffff:" THEIRS,
		   "::ffff:" OURS); /* and a guard that is taken for it */
	assert_whose(ANNE, ID(2), "other", guard, ID(1));
	/* others ask for nothing of it, root's services neither */
	assert_whose(BERT, ID(1), "none", 0, "");
	assert_whose(0, ID(1), "none", 0, "");
	/* at an address that no guard has */
	connect_as(bare, bare, "::1", "::1");
	whose_word(ID(2));
	word->ask.word.WHOSE.peer[14] = 1;
	assert_int_equal(said_by(ANNE), 0);
	assert_string_equal(word->text, "none 0 ");
}

/* A socket that the kernel does not find is not nobody's where a guard can have hidden it. */
static void a_guard_that_hides_its_socket_is_not_nobody(void **state)
{
	struct box *anne = box_there(ANNE, ID(1)), *bare = box_there(ANNE, ID(2));
	uint32_t guard = guarded(anne);

	(void)state;
	connect_as(anne, anne, "::ffff:" THEIRS, "::ffff:" OURS);
	assert_whose(ANNE, ID(2), "other", guard, ID(1)); /* the control */
	assert_int_equal(setsockopt(client, SOL_SOCKET, SO_BINDTODEVICE, "lo", 2), 0);
	assert_not_found(ANNE, ID(2), -ENOTCONN, "where guards have the address 10.77.0.2");
	/* nor is another network believed that has it too */
	connect_as(bare, bare, THEIRS6, OURS6);
	assert_not_found(ANNE, ID(2), -ENOTCONN, "where guards have the address fd77::2");
}

/* A guard of somebody's within the container's is around it no less. */
static void of_guards_around_each_other_it_is_the_innermosts(void **state)
{
	struct box *anne = box_there(ANNE, ID(1)), inner = { .pid = anne->pid };
	char parent[TEROK_PATH_LEN];
	uint32_t guard = guarded(anne);

	(void)state;
	memcpy(parent, anne->cgroup, sizeof(parent));
	assert_true((size_t)snprintf(inner.cgroup, sizeof(inner.cgroup), "%.200s/inner", parent) <
		    sizeof(inner.cgroup));
	close(cgroup_create(inner.cgroup, NULL));
	connect_as(anne, &inner, THEIRS6, OURS6);
	assert_whose(ANNE, ID(1), "same", guard, ID(1));
	assert_works("attach", inner.cgroup);
	assert_whose(ANNE, ID(1), "other", 0, "");
	connect_as(anne, anne, THEIRS6, OURS6);
	assert_whose(ANNE, ID(1), "same", guard, ID(1));
}

/* What people call a cgroup is no container. */
static void a_cgroup_that_is_called_like_it_is_another(void **state)
{
	struct box *anne = box_there(ANNE, ID(1)), called = {};
	struct terok_info info;
	uint32_t guard;

	(void)state;
	guarded(anne);
	guard = person_guard(ANNE, ID(4));
	assert_int_equal(guard_info(world->kernel, guard, &info), 0);
	assert_string_equal(info.container, ID(4));
	memcpy(called.cgroup, info.path, sizeof(called.cgroup));
	assert_int_equal(test_rule(world, guard, TEROK_ALLOW, OURS6, 0), 0);
	connect_as(anne, &called, THEIRS6, OURS6);
	assert_whose(ANNE, ID(4), "other", guard, ID(4));
}

static int box_netns = -1;

static int network_of_box(uint32_t guard, void *user)
{
	(void)guard;
	(void)user;
	return box_netns;
}

/* A cgroup that came in the place of a guard's is in no guard, whatever its path says. */
static void another_cgroup_at_a_guards_path_is_not_its(void **state)
{
	const struct whose_use use = { world->kernel, network_of_box, NULL };
	struct box *anne = box_there(ANNE, ID(1)), *bare = box_there(ANNE, ID(2));
	struct control_owner owner;

	(void)state;
	guarded(anne);
	agent_end(SIGKILL); /* nobody notices */
	connect_as(bare, anne, THEIRS6, OURS6);
	whose_word(ID(1));
	box_netns = netns_of_pid(bare->pid, NULL);
	assert_int_equal(whose_socket(&use, &word->ask.word.WHOSE, ANNE, &owner, &word->why), 0);
	assert_int_equal(owner.is, CONTROL_OWNER_SAME);
	kill(anne->pid, SIGKILL);
	waitpid(anne->pid, NULL, 0);
	anne->pid = 0;
	assert_int_equal(cgroup_remove(anne->cgroup, NULL, NULL), 0);
	close(cgroup_create(anne->cgroup, NULL));
	connect_as(bare, anne, THEIRS6, OURS6);
	whose_word(ID(1));
	assert_int_equal(whose_socket(&use, &word->ask.word.WHOSE, ANNE, &owner, &word->why), 0);
	assert_int_equal(owner.is, CONTROL_OWNER_OTHER);
	assert_int_equal(owner.guard, 0);
	closep(&box_netns);
}

static void reset(int *fd)
{
	const struct linger now = { .l_onoff = 1 };

	assert_int_equal(setsockopt(*fd, SOL_SOCKET, SO_LINGER, &now, sizeof(now)), 0);
	closep(fd);
}

/* Who listens where a client was has not its connection, and is another guard's besides. */
static void a_socket_that_has_gone_is_nobodys(void **state)
{
	struct box *anne = box_there(ANNE, ID(1));
	struct sockaddr_in6 was;
	socklen_t size = sizeof(was);
	struct control_packet asked;
	int back;

	(void)state;
	guarded(anne);
	connect_as(anne, anne, "::ffff:" THEIRS, "::ffff:" OURS);
	assert_int_equal(getsockname(client, (struct sockaddr *)&was, &size), 0);
	whose_word(ID(1));
	asked = word->ask.word;
	reset(&client);
	assert_int_equal(said_by(ANNE), -ENOTCONN);
	closep(&server);
	step_into(anne, &back);
	client = socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0);
	netns_leave(&back);
	assert_int_equal(bind(client, (struct sockaddr *)&was, sizeof(was)), 0);
	assert_int_equal(listen(client, 1), 0);
	word->ask.word = asked;
	assert_int_equal(said_by(ANNE), -ENOTCONN);

	/* one that has closed in order has left once both ends know */
	connect_as(anne, anne, THEIRS6, OURS6);
	closep(&client);
	await_not_found(-ENOTCONN, false);
}

static void an_empty_guard_has_no_sockets(void **state)
{
	struct box *anne = box_there(ANNE, ID(1));

	(void)state;
	guarded(anne);
	connect_as(anne, anne, "::ffff:" THEIRS, "::ffff:" OURS);
	kill(anne->pid, SIGKILL);
	waitpid(anne->pid, NULL, 0);
	anne->pid = 0;
	await_not_found(-ESRCH, true);
}

static void what_is_no_question_is_not_answered(void **state)
{
	struct box *anne = box_there(ANNE, ID(1));

	(void)state;
	guarded(anne);
	connect_as(anne, anne, "::ffff:" THEIRS, "::ffff:" OURS);
	assert_not_found(ANNE, "box", -EBADMSG, "no container's id");
	whose_word(ID(1));
	memset(word->ask.word.WHOSE.container, 'a', TEROK_NAME_LEN);
	assert_int_equal(said_by(ANNE), -EBADMSG);
	whose_word(ID(1));
	word->ask.word.WHOSE.own[0] = 1;
	assert_int_equal(said_by(ANNE), -EBADMSG);
	whose_word(ID(1));
	word->ask.word.WHOSE.peer_port = 0;
	assert_int_equal(said_by(ANNE), -EBADMSG);
}

/* --- how much of it --------------------------------------------------------------------------- */

static int nowhere(uint32_t guard, void *user)
{
	(void)guard;
	(void)user;
	return -1;
}

static struct control_whose question(void)
{
	struct control_whose asked = { .peer_port = 1, .own_port = 2 };

	strcpy(asked.container, ID(1));
	return asked;
}

static void nobody_asks_all_the_time(void **state)
{
	const struct whose_use use = { world->kernel, nowhere, NULL };
	const struct control_whose asked = question();
	struct control_owner owner;
	uint64_t began = now_boot_ns();
	unsigned n = 0;
	int r;

	(void)state;
	while (!(r = whose_socket(&use, &asked, ANNE, &owner, NULL)))
		n++;
	assert_int_equal(r, -EAGAIN);
	assert_true(n >= WHOSE_AT_ONCE);
	assert_true(n <= WHOSE_AT_ONCE + 1 + (now_boot_ns() - began) * WHOSE_A_SECOND / SECOND_NS);
	assert_int_equal(whose_socket(&use, &asked, BERT, &owner, NULL), 0);
	/* who has whichever number cannot have root's */
	for (uint32_t uid = 1; uid <= BUDGET_USERS; uid++)
		while (!whose_socket(&use, &asked, uid, &owner, NULL))
			;
	assert_int_equal(whose_socket(&use, &asked, 0, &owner, NULL), 0);
}

static int networks[WHOSE_PLACES + 1];
static uint32_t guards[WHOSE_PLACES + 1];

static int network_of(uint32_t guard, void *user)
{
	(void)user;
	for (unsigned i = 0; i <= WHOSE_PLACES; i++)
		if (guards[i] == guard)
			return networks[i];
	return -1;
}

static int network_new(void)
{
	int ready[2], netns;
	char byte;
	pid_t pid;

	assert_int_equal(pipe(ready), 0);
	pid = fork();
	if (!pid)
		_exit(unshare(CLONE_NEWNET) || write(ready[1], "", 1) != 1 || pause());
	assert_int_equal(read(ready[0], &byte, 1), 1);
	netns = netns_of_pid(pid, NULL);
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	close(ready[0]);
	close(ready[1]);
	return netns;
}

/* As many networks as may have an address; guards that share one are one. */
static void an_address_is_looked_for_in_a_few_networks(void **state)
{
	const struct whose_use use = { world->kernel, network_of, NULL };
	struct control_whose asked = question();
	struct control_owner owner;
	char name[16];

	(void)state;
	addr_of_v4(asked.peer, (const uint8_t[]){ 127, 0, 0, 1 });
	addr_of_v4(asked.own, (const uint8_t[]){ 127, 0, 0, 1 });
	for (unsigned i = 0; i <= WHOSE_PLACES; i++) {
		snprintf(name, sizeof(name), "many%u", i);
		guards[i] = person_guard(BERT + 1, name);
		networks[i] = network_new();
		assert_true(networks[i] >= 0);
		assert_int_equal(whose_socket(&use, &asked, BERT + 1, &owner, NULL),
				 i < WHOSE_PLACES ? -ENOTCONN : -E2BIG);
	}
	closep(&networks[WHOSE_PLACES]);
	networks[WHOSE_PLACES] = dup(networks[0]);
	assert_int_equal(whose_socket(&use, &asked, BERT + 1, &owner, NULL), -ENOTCONN);
	for (unsigned i = 0; i <= WHOSE_PLACES; i++)
		closep(&networks[i]);
}

int main(void)
{
#define CASE(name) cmocka_unit_test_setup_teardown(name, boxes_setup, teardown)
	const struct CMUnitTest tests[] = {
		CASE(a_container_is_who_it_says),
		CASE(another_guard_at_its_address_is_found_out),
		CASE(a_container_without_a_guard_is_no_guards),
		CASE(a_guard_that_hides_its_socket_is_not_nobody),
		CASE(of_guards_around_each_other_it_is_the_innermosts),
		CASE(a_cgroup_that_is_called_like_it_is_another),
		CASE(another_cgroup_at_a_guards_path_is_not_its),
		CASE(a_socket_that_has_gone_is_nobodys),
		CASE(an_empty_guard_has_no_sockets),
		CASE(what_is_no_question_is_not_answered),
		CASE(nobody_asks_all_the_time),
		CASE(an_address_is_looked_for_in_a_few_networks),
	};

	test_require("kernel/whose");
	programs_find();
	return cmocka_run_group_tests_name("kernel/whose", tests, NULL, NULL);
}
