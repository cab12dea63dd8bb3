// SPDX-License-Identifier: Apache-2.0
/*
 * test_handover.c - CONTROL_LISTEN: a listener within a container is its owner's, and nobody else's
 */
#include "boxes.h"

#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>

#include "base/cleanup.h"
#include "base/event.h"
#include "base/packet.h"
#include "base/sock.h"
#include "handover.h"
#include "programs.h"
#include "support.h"

static struct control_listen wanted;

/* The socket is looked at where it was handed to: another process closes it. */
static int say_listen(void *arg)
{
	struct control_packet packet = { .type = CONTROL_LISTEN, .version = CONTROL_VERSION };
	uint64_t until_ns = now_boot_ns() + 15 * SECOND_NS;
	_cleanup_close_ int sock = packet_connect(control_path(), until_ns), fd = -1;
	struct pollfd ready = { .fd = sock, .events = POLLIN };
	struct sockaddr_in at = {};
	socklen_t size = sizeof(at);
	int yes = 0;

	(void)arg;
	memset(word, 0, sizeof(*word));
	packet.LISTEN = wanted;
	if (sock < 0 || packet_send(sock, &packet, control_msg_size(packet.type), until_ns) ||
	    poll(&ready, 1, LIMIT_MS) != 1 ||
	    sock_receive(sock, &packet, sizeof(packet), &fd, 1) <= 0)
		return -1;
	if (packet.type == CONTROL_DONE) {
		word->result = packet.DONE.result;
		snprintf(word->why.text, sizeof(word->why.text), "%s", packet.DONE.problem);
		return fd >= 0 ? -1 : 0;
	}
	if (packet.type != CONTROL_LISTENS || fd < 0 ||
	    getsockname(fd, (struct sockaddr *)&at, &size))
		return -1;
	size = sizeof(yes);
	getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &yes, &size);
	word->guard = packet.LISTENS.guard;
	word->code = packet.LISTENS.uid;
	snprintf(word->text, sizeof(word->text), "%.64s at %x:%u, %d", packet.LISTENS.container,
		 ntohl(at.sin_addr.s_addr), ntohs(at.sin_port), yes);
	return 0;
}

static void listen_by(uid_t uid, uint32_t guard, uint16_t port)
{
	wanted = (struct control_listen){ .guard = guard, .port = port };
	if (person_as(uid, say_listen, NULL))
		fail_msg("user %u was not answered, or not as it should be", uid);
}

static void assert_no_listener(int result, const char *why)
{
	assert_int_equal(word->result, result);
	if (!strstr(word->why.text, why))
		fail_msg("'%s' is not in '%s'", why, word->why.text);
}

static void a_listener_within_is_its_owners(void **state)
{
	struct box *box = BOX(.of = ANNE, .id = ID(1)), *roots;
	uint32_t guard;

	(void)state;
	assert_int_equal(attach_by(ANNE, box), 0);
	guard = guard_now().id;
	listen_by(BERT, guard, CONTROL_PORT_GATE);
	assert_no_listener(-ENOENT, "no guard");
	listen_by(0, guard, CONTROL_PORT_GATE); /* root's services are for root's */
	assert_no_listener(-ENOENT, "no guard");
	listen_by(ANNE, guard + 1, CONTROL_PORT_GATE);
	assert_no_listener(-ENOENT, "no guard");
	listen_by(ANNE, guard, 22);
	assert_no_listener(-EINVAL, "port 22");
	listen_by(ANNE, guard, CONTROL_PORT_GATE);
	assert_int_equal(word->result, 0);
	assert_int_equal(word->guard, guard);
	assert_int_equal(word->code, ANNE);
	assert_string_equal(word->text, DIGITS "1 at 7f000001:9418, 1");
	/* once more: it was closed by whoever had it */
	listen_by(ANNE, guard, CONTROL_PORT_GATE);
	assert_int_equal(word->result, 0);

	listen_by(ANNE, guard, CONTROL_PORT_REGISTRY);
	assert_string_equal(word->text, DIGITS "1 at 7f000001:7444, 1");
	/* somebody of theirs listens at this one: a socket to reach that with, which is bound nowhere */
	listen_by(ANNE, guard, CONTROL_PORT_PEER);
	assert_int_equal(word->result, 0);
	assert_string_equal(word->text, DIGITS "1 at 0:0, 0");
	listen_by(BERT, guard, CONTROL_PORT_PEER);
	assert_no_listener(-ENOENT, "no guard");

	/* in the host's network there is none to have */
	roots = BOX(.of = 0, .id = ID(2), .no_userns = true);
	assert_int_equal(attach_by(0, roots), 0);
	guard = guard_now().id;
	listen_by(0, guard, CONTROL_PORT_GATE);
	assert_no_listener(-EADDRNOTAVAIL, "host's network");
	listen_by(0, guard, CONTROL_PORT_PEER);
	assert_no_listener(-EADDRNOTAVAIL, "host's network");
	/* nor where nobody is any more */
	kill(roots->pid, SIGKILL);
	waitpid(roots->pid, NULL, 0);
	roots->pid = 0;
	listen_by(0, guard, CONTROL_PORT_GATE);
	assert_true(word->result == -ESRCH || word->result == -ENOENT);
}

static void nobody_asks_for_sockets_all_the_time(void **state)
{
	struct box *box = BOX(.of = ANNE, .id = ID(1));
	struct control_listen want = { .port = CONTROL_PORT_PEER };
	uint64_t began = now_boot_ns();
	struct control_listens told;
	unsigned n = 0;
	int fd;

	(void)state;
	assert_int_equal(attach_by(ANNE, box), 0);
	want.guard = guard_now().id;
	while ((fd = handover_listen(world->kernel, &want, ANNE, &told, NULL)) >= 0 &&
	       n <= 2 * HANDOVER_AT_ONCE) {
		closep(&fd);
		n++;
	}
	assert_int_equal(fd, -EAGAIN);
	assert_true(n >= HANDOVER_AT_ONCE);
	assert_true(n <=
		    HANDOVER_AT_ONCE + 1 + (now_boot_ns() - began) * HANDOVER_A_SECOND / SECOND_NS);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(nobody_asks_for_sockets_all_the_time, boxes_setup,
						boxes_teardown),
		cmocka_unit_test_setup_teardown(a_listener_within_is_its_owners, boxes_setup,
						boxes_teardown),
	};

	test_require("kernel/handover");
	programs_find();
	return cmocka_run_group_tests_name("kernel/handover", tests, NULL, NULL);
}
