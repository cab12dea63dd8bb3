// SPDX-License-Identifier: Apache-2.0
/*
 * test_hello.c - hello.h in the kernel: real flows, judged by the name that they say first
 *
 * hello.bpf.c is attached to the world's cgroup. The client looks at its own socket's storage.
 */
#include "support.h"

#include <arpa/inet.h>
#include <bpf/bpf.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/errqueue.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cgroup.h"
#include "hello.skel.h"
#include "far_server.h"
#include "hello_make.h"

static int hello_load(void *source, __u32 offset, void *to, __u32 n)
{
	(void)source, (void)offset, (void)to, (void)n;
	return -1; /* the kernel reads; here the struct is wanted */
}

#include "hello.h"

#define LIMIT_MS   10000
#define HTTP(host) "GET / HTTP/1.1\r\nHost: " host "\r\n\r\n"

/* How the bytes are handed to the kernel. */
enum way { WAY_SEND, WAY_URGENT, WAY_ZEROCOPY, WAY_SENDFILE, WAY_FASTOPEN };

/* One flow, and what was seen of it; shared with the child that makes it. */
static struct flow_try {
	const char *addr;
	uint16_t port;
	size_t each; /* bytes of one write; 0: all */
	enum way way;
	struct make make;
	struct hello hello; /* out: the storage at the end */
	int answered;       /* out: the server read it to its end */
} * try;

static struct test_world *world;
static struct hello_bpf *hello;
static struct far_server server;

static void allow(const char *name)
{
	char key[HELLO_NAME_SIZE] = {};
	__u32 one = 1;

	snprintf(key, sizeof(key), "%s", name);
	assert_int_equal(bpf_map_update_elem(bpf_map__fd(hello->maps.names), key, &one, 0), 0);
}

static int setup(void **state)
{
	(void)state;
	world = test_world_new();
	far_server_start(&server, world);
	assert_true(far_server_fastopen());
	try = mmap(NULL, sizeof(*try), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	assert_true(try != MAP_FAILED);
	hello = hello_bpf__open_and_load();
	assert_non_null(hello);
	hello->links.on_egress =
	    bpf_program__attach_cgroup(hello->progs.on_egress, world->cgroup_fd);
	assert_non_null(hello->links.on_egress);
	allow("a.example");
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	hello_bpf__destroy(hello);
	munmap(try, sizeof(*try));
	far_server_stop(&server);
	test_world_free(world);
	return 0;
}

static int client_open(void)
{
	struct sockaddr_in6 sin = { .sin6_family = AF_INET6, .sin6_port = htons(try->port) };
	int fd = socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0), one = 1;
	char text[INET6_ADDRSTRLEN + 8];
	ssize_t n;

	snprintf(text, sizeof(text), strchr(try->addr, ':') ? "%s" : "::ffff:%s", try->addr);
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	if (inet_pton(AF_INET6, text, &sin.sin6_addr) != 1)
		return -1;
	if (try->way != WAY_FASTOPEN)
		return connect(fd, (struct sockaddr *)&sin, sizeof(sin)) ? -1 : fd;
	n = sendto(fd, try->make.bytes, try->make.size, MSG_FASTOPEN, (struct sockaddr *)&sin,
		   sizeof(sin));
	return n == (ssize_t)try->make.size ? fd : -1;
}

static int client_sendfile(int fd, const uint8_t *bytes, size_t size)
{
	int file = memfd_create("hello", MFD_CLOEXEC);
	off_t from = 0;

	return write(file, bytes, size) == (ssize_t)size &&
	       sendfile(fd, file, &from, size) == (ssize_t)size;
}

static int client_send(int fd, const uint8_t *bytes, size_t size)
{
	static const int flags[] = { [WAY_URGENT] = MSG_OOB, [WAY_ZEROCOPY] = MSG_ZEROCOPY };
	int one = 1;

	if (try->way == WAY_FASTOPEN)
		return 1;
	if (try->way == WAY_SENDFILE)
		return client_sendfile(fd, bytes, size);
	if (try->way == WAY_ZEROCOPY && setsockopt(fd, SOL_SOCKET, SO_ZEROCOPY, &one, sizeof(one)))
		return 0;
	return send(fd, bytes, size, flags[try->way]) == (ssize_t)size;
}

static int client_look(int fd)
{
	return bpf_map_lookup_elem(bpf_map__fd(hello->maps.hellos), &fd, &try->hello);
}

/* 0, or a line that failed: everything was sent, and answered or refused. */
static int client(const void *arg)
{
	struct linger now = { 1, 0 };
	struct pollfd answer = { .events = POLLIN };
	char byte;

	(void)arg;
	answer.fd = client_open();
	if (answer.fd < 0)
		return 1;
	for (size_t at = 0, n; at < try->make.size; at += n) {
		n = try->each ? try->each : try->make.size;
		n = n < try->make.size - at ? n : try->make.size - at;
		if (!client_send(answer.fd, try->make.bytes + at, n))
			return 2;
	}
	if (client_look(answer.fd))
		return 3;
	if (try->hello.result == HELLO_BAD || try->hello.result == HELLO_NONE ||
	    (try->hello.result == HELLO_NAME && !try->hello.judged)) {
		setsockopt(answer.fd, SOL_SOCKET, SO_LINGER, &now, sizeof(now));
		close(answer.fd);
		return 0;
	}
	shutdown(answer.fd, SHUT_WR);
	try->answered = poll(&answer, 1, LIMIT_MS) == 1 && recv(answer.fd, &byte, 1, 0) == 1;
	return client_look(answer.fd) ? 4 : 0;
}

/* Run it; how many bytes arrived. */
static size_t run(void)
{
	try->answered = 0;
	assert_int_equal(test_inside(world, client, NULL), 0);
	return far_server_report(&server);
}

static void assert_allowed(const char *name)
{
	__u64 dropped = hello->bss->dropped;

	assert_int_equal(run(), try->make.size);
	assert_true(try->answered);
	assert_int_equal(try->hello.result, HELLO_NAME);
	assert_string_equal(try->hello.name, name);
	assert_int_equal(hello->bss->dropped, dropped);
}

/* @arrived: what was on its way before the hello was whole; the result, the name if any. */
static void assert_refused(size_t arrived, enum hello_result result, const char *name)
{
	__u64 dropped = hello->bss->dropped;

	assert_int_equal(run(), arrived);
	assert_false(try->answered);
	assert_int_equal(try->hello.result, result);
	if (result == HELLO_NAME)
		assert_string_equal(try->hello.name, name);
	assert_true(hello->bss->dropped > dropped);
}

static void tls(const struct make_hello *what, size_t each, enum way way)
{
	try->addr = TEST_FAR;
	try->port = 443;
	try->each = each;
	try->way = way;
	try->make.size = try->make.n_lengths = 0;
	make_flow(&try->make, what);
}

static void http(const char *head, size_t each, enum way way)
{
	try->addr = TEST_FAR;
	try->port = 80;
	try->each = each;
	try->way = way;
	try->make.size = 0;
	make_bytes(&try->make, head, strlen(head));
}

static const struct make_hello good = { .name = "A.example" }, bad = { .name = "b.example" },
			       large = { .name = "a.example", .key_share = 1260 },
			       huge = { .name = "a.example", .key_share = 30000 },
			       huge_bad = { .name = "b.example", .key_share = 30000 };

static void an_allowed_name_arrives(void **state)
{
	(void)state;
	tls(&good, 0, WAY_SEND);
	assert_allowed("a.example");
	try->addr = TEST_FAR6;
	assert_allowed("a.example");
	tls(&large, 0, WAY_SEND);
	assert_allowed("a.example");
	http(HTTP("A.example:80"), 0, WAY_SEND);
	assert_allowed("a.example");
}

static void another_name_or_none_does_not(void **state)
{
	static const struct make_hello none = {};

	(void)state;
	tls(&bad, 0, WAY_SEND);
	assert_refused(0, HELLO_NAME, "b.example");
	try->addr = TEST_FAR6;
	assert_refused(0, HELLO_NAME, "b.example");
	tls(&none, 0, WAY_SEND);
	assert_refused(0, HELLO_NONE, "");
	http(HTTP("b.example"), 0, WAY_SEND);
	assert_refused(0, HELLO_NAME, "b.example");
	http("SSH-2.0-x\r\n", 0, WAY_SEND);
	try->port = 443;
	assert_refused(0, HELLO_BAD, "");
}

static void single_bytes_are_put_together(void **state)
{
	(void)state;
	tls(&good, 1, WAY_SEND);
	assert_allowed("a.example");
	tls(&large, 1, WAY_SEND);
	assert_allowed("a.example");
	http(HTTP("a.example"), 1, WAY_SEND);
	assert_allowed("a.example");
}

static void three_parts_are_put_together(void **state)
{
	(void)state;
	tls(&good, 0, WAY_SEND);
	try->each = try->make.size / 3 + 1;
	assert_allowed("a.example");
	tls(&bad, 0, WAY_SEND);
	try->each = try->make.size / 3 + 1;
	assert_refused(2 * try->each, HELLO_NAME, "b.example");
	http(HTTP("b.example"), 13, WAY_SEND);
	assert_refused(try->make.size / 13 * 13, HELLO_NAME, "b.example");
}

/* In this hook a packet is as long as congestion window, and half of the peer's, allow. */
static void a_packet_of_30_kb_is_read_in_whole(void **state)
{
	(void)state;
	assert_int_equal(system("ip route replace default via " TEST_FAR " initcwnd 60 && "
				"ip route replace " TEST_FAR " dev near0 initcwnd 60"),
			 0);
	tls(&huge, 0, WAY_SEND);
	hello->bss->longest = 0;
	assert_allowed("a.example");
	assert_int_equal(hello->bss->longest, try->make.size);
	tls(&huge_bad, 0, WAY_SEND);
	assert_refused(0, HELLO_NAME, "b.example");
}

static void what_follows_the_hello_arrives_with_it(void **state)
{
	static const uint8_t sealed[100];

	(void)state;
	tls(&good, 0, WAY_SEND);
	make_record(&try->make, 20, "\1", 1);
	make_record(&try->make, 23, sealed, sizeof(sealed));
	assert_allowed("a.example");
	assert_false(hello_wants(&try->hello));
}

static void a_second_hello_with_another_name_ends_the_flow(void **state)
{
	(void)state;
	tls(&good, 0, WAY_SEND);
	try->each = try->make.size;
	make_flow(&try->make, &bad);
	assert_refused(try->each, HELLO_BAD, "");
}

static void an_urgent_byte_ends_the_flow(void **state)
{
	(void)state;
	tls(&good, 0, WAY_URGENT);
	assert_refused(0, HELLO_BAD, "");
}

/* The sender could change them afterwards. */
static void pages_of_the_sender_end_the_flow(void **state)
{
	(void)state;
	tls(&good, 0, WAY_ZEROCOPY);
	assert_refused(0, HELLO_BAD, "");
	tls(&good, 0, WAY_SENDFILE);
	assert_refused(0, HELLO_BAD, "");
	http(HTTP("a.example"), 0, WAY_SENDFILE);
	assert_refused(0, HELLO_BAD, "");
}

/* The first flow fetches the cookie, the second has its data in the SYN. */
static void data_in_a_syn_is_judged(void **state)
{
	__u64 before = hello->bss->in_syn;
	size_t arrived;

	(void)state;
	tls(&good, 0, WAY_FASTOPEN);
	assert_allowed("a.example");
	assert_allowed("a.example");
	assert_int_equal(hello->bss->in_syn, before + 1);
	tls(&bad, 0, WAY_FASTOPEN);
	assert_int_equal(test_inside(world, client, NULL), 0);
	assert_int_equal(try->hello.result, HELLO_NAME);
	assert_string_equal(try->hello.name, "b.example");
	assert_int_equal(hello->bss->in_syn, before + 2);
	/* the kernel then opened it without data, or did not: nothing of it came before the next */
	tls(&good, 0, WAY_SEND);
	assert_int_equal(test_inside(world, client, NULL), 0);
	arrived = far_server_report(&server);
	assert_int_equal(arrived ? arrived : far_server_report(&server), try->make.size);
}

static void report_the_cost(void **state)
{
	struct bpf_prog_info info = {};
	__u32 size = sizeof(info);

	(void)state;
	assert_int_equal(
	    bpf_obj_get_info_by_fd(bpf_program__fd(hello->progs.on_egress), &info, &size), 0);
	printf("on_egress: %u instructions verified, %u bytes, %u jited\n", info.verified_insns,
	       info.xlated_prog_len, info.jited_prog_len);
	assert_in_range(info.verified_insns, 1, 100000); /* a tenth of what is allowed */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_allowed_name_arrives),
		cmocka_unit_test(another_name_or_none_does_not),
		cmocka_unit_test(single_bytes_are_put_together),
		cmocka_unit_test(three_parts_are_put_together),
		cmocka_unit_test(a_packet_of_30_kb_is_read_in_whole),
		cmocka_unit_test(what_follows_the_hello_arrives_with_it),
		cmocka_unit_test(a_second_hello_with_another_name_ends_the_flow),
		cmocka_unit_test(an_urgent_byte_ends_the_flow),
		cmocka_unit_test(pages_of_the_sender_end_the_flow),
		cmocka_unit_test(data_in_a_syn_is_judged),
		cmocka_unit_test(report_the_cost),
	};

	test_require("hello");
	return cmocka_run_group_tests_name("hello", tests, setup, teardown);
}
