// SPDX-License-Identifier: Apache-2.0
/*
 * test_worker.c - the hub as a process: the test is its core and its clients
 *
 * hub_worker_main() runs in a child, confined as in service; every wait is for a
 * descriptor and has an end.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <cmocka.h>

#include "base/cleanup.h"
#include "base/confine.h"
#include "base/json.h"
#include "base/sock.h"
#include "hub/queue.h"
#include "hub/request.h"
#include "hub/worker.h"
#include "terok/core_msg.h"

#define WAIT_S    10 /* for what comes in a millisecond */
#define CONTAINER "0123456789abcdef"
#define ID        "0123456789ab:5"
#define CLEARANCE "org.terok.Clearance1"
#define FIREWALL  "org.terok.Firewall1"
#define SUBSCRIBE "{\"method\":\"" CLEARANCE ".Subscribe\",\"more\":true}"
#define MONITOR   "{\"method\":\"" FIREWALL ".Monitor\",\"more\":true}"
#define STANDS    "{\"continues\":true,\"parameters\":{\"lost\":0}}"
#define VERDICT(container, id, dest, action)                                                       \
	"{\"method\":\"" CLEARANCE ".Verdict\",\"parameters\":{\"container\":\"" container         \
	"\",\"request_id\":\"" id "\",\"dest\":\"" dest "\",\"action\":\"" action "\"}}"
#define ANSWER(more)                                                                               \
	"{\"method\":\"" FIREWALL ".Answer\",\"parameters\":{\"request_id\":\"" ID "\"," more "}}"
#define TOLD(type, id, dest, port, proto, action, ok, dossier)                                     \
	"{\"continues\":true,\"parameters\":{\"event\":{\"type\":\"" type                          \
	"\",\"container\":\"" CONTAINER "\",\"request_id\":\"" id "\",\"dest\":\"" dest            \
	"\",\"port\":" port ",\"proto\":" proto ",\"domain\":\"\",\"action\":\"" action            \
	"\",\"ok\":" ok ",\"reason\":\"\",\"dossier\":{" dossier "}}}}"
#define BLOCKED                                                                                    \
	TOLD(                                                                                      \
	    "connection_blocked", ID, "192.0.2.1", "443", "6", "", "false",                        \
	    "\"name\":\"box\",\"container_name\":\"box\","                                         \
	    "\"process\":\"curl[4711] /usr/bin/curl\",\"parent\":\"bash[4700]\",\"uid\":\"1000\"," \
	    "\"reason\":\"default\",\"hook\":\"connect4\"")
#define REQUEST                                                                                       \
	"{\"continues\":true,\"parameters\":{\"event\":{\"sequence\":1,\"type\":\"request\","         \
	"\"boot_ns\":77,\"guard\":1,\"container\":\"" CONTAINER "\",\"name\":\"box\","                \
	"\"request_id\":\"" ID "\",\"dest\":\"192.0.2.1\",\"port\":443,\"proto\":6,"                  \
	"\"domain\":\"\",\"reason\":\"default\",\"hook\":\"connect4\",\"said\":\"\",\"source\":\"\"," \
	"\"source_port\":0,\"socket_cookie\":\"0\",\"netns_cookie\":\"0\",\"cgroup\":\"0\","          \
	"\"count\":3,\"process\":{\"pid\":4711,\"thread\":4712,\"start_ns\":0,\"uid\":1000,"          \
	"\"gid\":0,\"comm\":\"curl\",\"exe\":\"/usr/bin/curl\",\"cmdline\":\"curl -v\","              \
	"\"exe_inode\":\"0\",\"exe_device\":\"0\",\"parent_pid\":4700,\"parent_comm\":\"bash\"},"     \
	"\"state\":\"up\",\"action\":\"\",\"scope\":\"\",\"until_ns\":0,\"ok\":false,"                \
	"\"problem\":\"\",\"uid\":0},\"lost\":0}}"

static char folder[64], path[96];
static int core_fd, clients[8];
static unsigned n_clients;
static pid_t worker;

/* --- the process --------------------------------------------------------------------- */

static void run_worker(int fd, int listen_fd)
{
	/* out of the way first: one may sit where the other belongs */
	fd = dup2(fd, 100);
	listen_fd = dup2(listen_fd, 101);
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (fd < 0 || listen_fd < 0 || dup2(fd, 3) != 3 || dup2(listen_fd, 4) != 4)
		_exit(99);
	_exit(hub_worker_main());
}

static int setup(void **state)
{
	_cleanup_close_ int listen_fd = -1;
	struct problem why = {};
	int pair[2];

	(void)state;
	n_clients = 0;
	strcpy(folder, "/tmp/test_worker.XXXXXX");
	if (!mkdtemp(folder) || chmod(folder, 0755))
		return -1;
	snprintf(path, sizeof(path), "%s/sock", folder);
	if (sock_listen(path, 0666, &listen_fd, &why) ||
	    socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair))
		return -1;
	fflush(NULL);
	worker = fork();
	if (!worker)
		run_worker(pair[1], listen_fd);
	core_fd = pair[0];
	close(pair[1]);
	return worker < 0 ? -1 : 0;
}

static int teardown(void **state)
{
	(void)state;
	closep(&core_fd);
	while (n_clients)
		closep(&clients[--n_clients]);
	if (worker > 0) {
		kill(worker, SIGKILL);
		waitpid(worker, NULL, 0);
	}
	unlink(path);
	return rmdir(folder);
}

/* Nobody waits for ever for the other. */
static void set_patience(int fd)
{
	const struct timeval patience = { .tv_sec = WAIT_S };

	assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience)), 0);
	assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience)), 0);
}

/* The worker's exit code; it must end by itself. */
static int end_of_worker(void)
{
	int status;

	/* its sockets end with it: wait for that, not for the clock */
	for (char byte; n_clients; closep(&clients[--n_clients]))
		while (recv(clients[n_clients - 1], &byte, 1, 0) > 0)
			;
	assert_int_equal(waitpid(worker, &status, 0), worker);
	worker = -1;
	assert_true(WIFEXITED(status));
	return WEXITSTATUS(status);
}

/* --- the core ------------------------------------------------------------------------ */

static void core_says(struct msg_packet *packet)
{
	assert_int_equal(send(core_fd, packet, core_msg_size(packet->type), MSG_NOSIGNAL),
			 core_msg_size(packet->type));
}

static struct msg_packet core_hears(uint32_t type)
{
	struct msg_packet packet = {};
	ssize_t n;

	set_patience(core_fd);
	n = recv(core_fd, &packet, sizeof(packet), MSG_TRUNC);
	assert_true(n > 0);
	assert_true(core_msg_check(&packet, n, FROM_HUB));
	assert_int_equal(packet.type, type);
	return packet;
}

static void core_guard(uint64_t token)
{
	struct msg_packet packet = { .type = MSG_GUARD };

	packet.GUARD = (struct msg_guard){
		.news = GUARD_LISTED, .id = 1, .state = TEROK_STATE_UP, .token = token
	};
	packet.GUARD.counts = (struct terok_counts){ 10, 5, 3, 1, 1, 2 };
	strcpy(packet.GUARD.info.container, CONTAINER);
	strcpy(packet.GUARD.info.name, "box");
	strcpy(packet.GUARD.info.path, "/box");
	packet.GUARD.info.uid = 1000;
	packet.GUARD.info.kind = TEROK_KIND_CONTAINER;
	core_says(&packet);
}

static void core_refuses(uint64_t ask)
{
	struct msg_packet packet = { .type = MSG_REFUSED };
	struct terok_record *record = &packet.REFUSED.record;

	packet.REFUSED.ask = ask;
	packet.REFUSED.count = 3;
	*record = (struct terok_record){ .guard = 1,
					 .reason = TEROK_REASON_DEFAULT,
					 .hook = TEROK_HOOK_CONNECT4,
					 .proto = 6,
					 .boot_ns = 77,
					 .dst_port = 443,
					 .pid = 4712,
					 .tgid = 4711,
					 .ppid = 4700,
					 .uid = 1000,
					 .comm = "curl",
					 .pcomm = "bash" };
	memcpy(record->dst, "\0\0\0\0\0\0\0\0\0\0\xff\xff\xc0\0\x02\x01", 16);
	strcpy(packet.REFUSED.exe, "/usr/bin/curl");
	strcpy(packet.REFUSED.cmdline, "curl -v");
	core_says(&packet);
}

static void core_results(const struct msg_packet *verdict, int result, const char *problem)
{
	struct msg_packet packet = { .type = MSG_RESULT };

	packet.RESULT = (struct msg_result){ .ask = verdict->VERDICT.ask,
					     .token = verdict->VERDICT.token,
					     .result = result,
					     .until_ns = result ? 0 : 99 };
	strcpy(packet.RESULT.problem, problem);
	core_says(&packet);
}

/* --- clients ------------------------------------------------------------------------- */

static int dial(void)
{
	int fd = sock_connect(path);

	assert_true(fd >= 0);
	assert_int_equal(fcntl(fd, F_SETFL, 0), 0); /* waits, up to its patience */
	set_patience(fd);
	clients[n_clients++] = fd;
	return fd;
}

static void say(int fd, const char *frame)
{
	assert_int_equal(send(fd, frame, strlen(frame) + 1, MSG_NOSIGNAL), strlen(frame) + 1);
}

/* The next frame; waits for it. */
static const char *heard(int fd)
{
	static char buf[64 << 10];
	size_t size = 0;

	for (char *nul = NULL; !nul;) {
		ssize_t n = recv(fd, buf + size, sizeof(buf) - size, MSG_PEEK);

		assert_true(n > 0);
		nul = memchr(buf + size, '\0', n);
		n = nul ? nul + 1 - (buf + size) : n;
		assert_int_equal(recv(fd, buf + size, n, 0), n);
		size += n;
		assert_true(size < sizeof(buf));
	}
	return buf;
}

static void hear(int fd, const char *frame)
{
	assert_string_equal(heard(fd), frame);
}

/* A client of Clearance1 and one of Firewall1, and a question that both have heard. */
static void one_question(int *subscriber, int *monitor)
{
	*subscriber = dial();
	*monitor = dial();
	say(*subscriber, SUBSCRIBE);
	say(*monitor, MONITOR);
	hear(*monitor, STANDS);
	core_guard(0);
	core_refuses(5);
	hear(*monitor, REQUEST);
	hear(*subscriber, BLOCKED);
}

/* Everything that the core said so far has been told: a listing comes behind it. */
static void all_is_told(void)
{
	int fd = dial();
	struct msg_packet packet;

	say(fd, "{\"method\":\"" FIREWALL ".ListGuards\"}");
	packet = core_hears(MSG_LIST);
	core_guard(packet.LIST.token);
	packet.type = MSG_LISTED;
	packet.LISTED.token = packet.LIST.token;
	core_says(&packet);
	hear(fd, "{\"parameters\":{\"guards\":[{\"guard\":1,\"container\":\"" CONTAINER
		 "\",\"name\":\"box\",\"cgroup\":\"/box\",\"uid\":1000,\"kind\":\"container\","
		 "\"state\":\"up\",\"counters\":{\"attempts\":15,\"allowed\":10,\"refused\":5,"
		 "\"delivered\":3,\"limited\":1,\"lost\":1,\"dropped\":2}}]}}");
}

/* --- tests --------------------------------------------------------------------------- */

static void an_answer_makes_its_way_and_everybody_hears_of_it(void **state)
{
	int subscriber, monitor, caller = dial();
	struct msg_packet verdict;

	(void)state;
	one_question(&subscriber, &monitor);
	say(caller, VERDICT(CONTAINER, ID, "192.0.2.1", "allow"));
	verdict = core_hears(MSG_VERDICT);
	assert_int_equal(verdict.VERDICT.ask, 5);
	assert_int_equal(verdict.VERDICT.action, TEROK_ALLOW);
	assert_int_equal(verdict.VERDICT.scope, SCOPE_FOREVER);
	assert_int_equal(verdict.VERDICT.uid, getuid());
	core_results(&verdict, 0, "");
	hear(subscriber, TOLD("verdict_applied", ID, "", "0", "0", "allow", "true", ""));
	hear(caller, "{\"parameters\":{\"ok\":true}}");
	assert_non_null(strstr(heard(monitor), "\"type\":\"verdict\""));
	say(caller, VERDICT(CONTAINER, ID, "192.0.2.1", "allow"));
	hear(caller, "{\"error\":\"" CLEARANCE
		     ".UnknownRequest\",\"parameters\":{\"request_id\":\"" ID "\"}}");
}

static void an_answer_to_something_else_is_refused(void **state)
{
	int subscriber, monitor, caller = dial();

	(void)state;
	one_question(&subscriber, &monitor);
	/* the action is looked at first, then the request, then what it was about */
	say(caller, VERDICT("x", "x", "x", "Allow"));
	hear(caller,
	     "{\"error\":\"" CLEARANCE ".InvalidAction\",\"parameters\":{\"action\":\"Allow\"}}");
	say(caller, VERDICT("x", "0123456789ab:6", "x", "deny"));
	hear(caller, "{\"error\":\"" CLEARANCE
		     ".UnknownRequest\",\"parameters\":{\"request_id\":\"0123456789ab:6\"}}");
	say(caller, VERDICT(CONTAINER, ID, "192.0.2.2", "allow"));
	hear(caller, "{\"error\":\"" CLEARANCE ".VerdictTupleMismatch\",\"parameters\":{"
		     "\"expected_container\":\"" CONTAINER "\",\"expected_dest\":\"192.0.2.1\","
		     "\"got_container\":\"" CONTAINER "\",\"got_dest\":\"192.0.2.2\"}}");
	say(caller, VERDICT("0123456789ab", ID, "192.0.2.1", "allow"));
	hear(caller, "{\"error\":\"" CLEARANCE ".VerdictTupleMismatch\",\"parameters\":{"
		     "\"expected_container\":\"" CONTAINER "\",\"expected_dest\":\"192.0.2.1\","
		     "\"got_container\":\"0123456789ab\",\"got_dest\":\"192.0.2.1\"}}");
	/* nothing of that reached the core, and the question is still open */
	say(caller, VERDICT(CONTAINER, ID, "192.0.2.1", "deny"));
	assert_int_equal(core_hears(MSG_VERDICT).VERDICT.action, TEROK_DENY);
}

static void an_answer_that_failed_can_be_tried_again(void **state)
{
	int subscriber, monitor, caller = dial(), other = dial();
	struct msg_packet verdict;

	(void)state;
	one_question(&subscriber, &monitor);
	say(caller, VERDICT(CONTAINER, ID, "192.0.2.1", "allow"));
	verdict = core_hears(MSG_VERDICT);
	say(other, VERDICT(CONTAINER, ID, "192.0.2.1", "deny")); /* one at a time */
	hear(other, "{\"error\":\"" CLEARANCE
		    ".UnknownRequest\",\"parameters\":{\"request_id\":\"" ID "\"}}");
	core_results(&verdict, -ENOSPC, "the rule table is full");
	hear(subscriber, TOLD("verdict_applied", ID, "", "0", "0", "allow", "false", ""));
	hear(caller, "{\"error\":\"" CLEARANCE ".ShieldCliFailed\",\"parameters\":{"
		     "\"action\":\"allow\",\"stderr\":\"the rule table is full\"}}");
	say(caller, VERDICT(CONTAINER, ID, "192.0.2.1", "allow"));
	verdict = core_hears(MSG_VERDICT);
	core_results(&verdict, 0, "");
	hear(subscriber, TOLD("verdict_applied", ID, "", "0", "0", "allow", "true", ""));
	hear(caller, "{\"parameters\":{\"ok\":true}}");
}

static void an_answer_may_have_a_scope(void **state)
{
	int subscriber, monitor, caller = dial();
	struct msg_packet verdict;

	(void)state;
	one_question(&subscriber, &monitor);
#define INVALID_SCOPE(scope, reason)                                                               \
	"{\"error\":\"" FIREWALL ".InvalidScope\",\"parameters\":{\"scope\":\"" scope              \
	"\",\"reason\":\"" reason "\"}}"
	say(caller, ANSWER("\"action\":\"allow\",\"scope\":\"ever\""));
	hear(caller, INVALID_SCOPE("ever", "it is once, time, session or forever"));
	say(caller, ANSWER("\"action\":\"allow\",\"scope\":\"time\""));
	hear(caller, INVALID_SCOPE("time", "it needs seconds, 1 to 31622400"));
	say(caller, ANSWER("\"action\":\"allow\",\"scope\":\"time\",\"seconds\":31622401"));
	hear(caller, INVALID_SCOPE("time", "it needs seconds, 1 to 31622400"));
	say(caller, ANSWER("\"action\":\"allow\",\"seconds\":9"));
	hear(caller, INVALID_SCOPE("session", "seconds belong to time"));
	say(caller, ANSWER("\"action\":\"maybe\""));
	hear(caller,
	     "{\"error\":\"" FIREWALL ".InvalidAction\",\"parameters\":{\"action\":\"maybe\"}}");

	say(caller, ANSWER("\"action\":\"deny\",\"scope\":\"time\",\"seconds\":31622400"));
	verdict = core_hears(MSG_VERDICT);
	assert_int_equal(verdict.VERDICT.action, TEROK_DENY);
	assert_int_equal(verdict.VERDICT.scope, SCOPE_TIME);
	assert_int_equal(verdict.VERDICT.seconds, 31622400);
	core_results(&verdict, -ENOENT, "nobody asks any more");
	hear(caller, "{\"error\":\"" FIREWALL ".NotApplied\",\"parameters\":{\"request_id\":\"" ID
		     "\",\"reason\":\"nobody asks any more\"}}");
	core_refuses(5);
	all_is_told();
	say(caller, ANSWER("\"action\":\"allow\",\"scope\":\"once\",\"seconds\":null"));
	verdict = core_hears(MSG_VERDICT);
	assert_int_equal(verdict.VERDICT.scope, SCOPE_ONCE);
	core_results(&verdict, 0, "");
	hear(caller, "{\"parameters\":{\"until_ns\":99}}");
}

static void another_user_neither_sees_nor_answers(void **state)
{
	int subscriber, monitor, stranger;

	(void)state;
	if (getuid()) {
		print_message("SKIP: only root can call as other users\n");
		skip();
	}
	assert_int_equal(seteuid(1001), 0);
	stranger = dial();
	assert_int_equal(seteuid(0), 0);
	one_question(&subscriber, &monitor);
	say(stranger, VERDICT(CONTAINER, ID, "192.0.2.1", "allow"));
	hear(stranger, "{\"error\":\"" CLEARANCE
		       ".UnknownRequest\",\"parameters\":{\"request_id\":\"" ID "\"}}");
	say(stranger, "{\"method\":\"" FIREWALL ".ListRequests\"}");
	hear(stranger, "{\"parameters\":{\"requests\":[]}}");
	/* control: its owner does */
	assert_int_equal(seteuid(1000), 0);
	stranger = dial();
	assert_int_equal(seteuid(0), 0);
	say(stranger, VERDICT(CONTAINER, ID, "192.0.2.1", "allow"));
	assert_int_equal(core_hears(MSG_VERDICT).VERDICT.uid, 1000);
}

/* Of an event: sequence, and the lost count of its frame. */
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

#define MANY 1000

static void a_client_that_reads_misses_nothing(void **state)
{
	int monitor = dial();
	uint64_t lost, next = 1;

	(void)state;
	say(monitor, MONITOR);
	hear(monitor, STANDS);
	core_guard(0);
	for (uint64_t ask = 1; ask <= MANY; ask++) {
		core_refuses(ask);
		/* never more on the way than it may be behind */
		for (; next + 50 < ask || (ask == MANY && next <= MANY); next++) {
			assert_int_equal(sequence_of(heard(monitor), &lost), next);
			assert_int_equal(lost, 0);
		}
	}
	assert_int_equal(next, MANY + 1);
}

static void a_client_that_does_not_read_gets_the_newest_and_the_number_lost(void **state)
{
	uint64_t lost = 0, sequence = 0, held = 0, told;
	int monitor = dial();

	(void)state;
	say(monitor, MONITOR);
	hear(monitor, STANDS);
	core_guard(0);
	for (uint64_t ask = 1; ask <= MANY; ask++)
		core_refuses(ask);
	all_is_told();
	/* what its socket took, without a gap */
	while ((sequence = sequence_of(heard(monitor), &lost)) == held + 1)
		held++;
	/* then the newest, without a gap */
	assert_true(held > 0);
	assert_int_equal(sequence, MANY - QUEUE_MAX + 1);
	for (told = sequence; told < MANY; told++)
		assert_int_equal(sequence_of(heard(monitor), &lost), told + 1);
	assert_int_equal(lost, MANY - QUEUE_MAX - held);
	/* it has caught up: nothing more is lost */
	core_refuses(MANY + 1);
	assert_int_equal(sequence_of(heard(monitor), &told), MANY + 1);
	assert_int_equal(told, lost);
}

/* A line of /proc/PID/status, behind its key. */
static void status_says(const char *key, const char *value)
{
	_cleanup_fclose_ FILE *file = NULL;
	char name[64], line[256];

	snprintf(name, sizeof(name), "/proc/%d/status", worker);
	file = fopen(name, "re");
	assert_non_null(file);
	while (fgets(line, sizeof(line), file)) {
		if (strncmp(line, key, strlen(key)) || line[strlen(key)] != ':')
			continue;
		line[strcspn(line, "\n")] = '\0';
		assert_string_equal(line + strlen(key) + 2, value);
		return;
	}
	fail_msg("%s is not in %s", key, name);
}

/* A name that ends early must not pass for the shorter one. */
static void an_answer_with_a_nul_in_it_is_refused(void **state)
{
	static const char *const wrong[] = {
		VERDICT(CONTAINER "\\u0000", ID, "192.0.2.1", "allow"),
		VERDICT(CONTAINER, ID "\\u0000", "192.0.2.1", "allow"),
		VERDICT(CONTAINER, ID, "192.0.2.1\\u0000x", "allow"),
		VERDICT(CONTAINER, ID, "192.0.2.1", "allow\\u0000x"),
		ANSWER("\"action\":\"allow\\u0000\""),
		ANSWER("\"action\":\"allow\",\"scope\":\"once\\u0000\""),
	};
	int subscriber, monitor, caller = dial();

	(void)state;
	one_question(&subscriber, &monitor);
	for (unsigned i = 0; i < sizeof(wrong) / sizeof(*wrong); i++) {
		say(caller, wrong[i]);
		assert_non_null(strstr(heard(caller), "org.varlink.service.InvalidParameter"));
	}
	say(caller, VERDICT(CONTAINER, ID, "192.0.2.1", "allow")); /* it still can be answered */
	core_hears(MSG_VERDICT);
}

/* More than a queue holds: what waits for an answer is never left out. */
static void a_replay_tells_every_open_request(void **state)
{
	int monitor = dial();
	uint64_t lost;

	(void)state;
	core_guard(0);
	for (uint64_t ask = 1; ask <= REQUEST_MAX; ask++)
		core_refuses(ask);
	all_is_told();
	say(monitor,
	    "{\"method\":\"" FIREWALL ".Monitor\",\"more\":true,\"parameters\":{\"replay\":true}}");
	hear(monitor, STANDS);
	for (uint64_t n = 1; n <= REQUEST_MAX; n++) {
		assert_int_equal(sequence_of(heard(monitor), &lost), n);
		assert_int_equal(lost, 0);
	}
}

static void a_refusal_of_an_unknown_guard_keeps_its_number(void **state)
{
	int monitor = dial();

	(void)state;
	say(monitor, MONITOR);
	hear(monitor, STANDS);
	core_refuses(0);
	assert_non_null(strstr(heard(monitor), "\"guard\":1,\"container\":\"\""));
}

static void it_has_given_up_everything(void **state)
{
	static const char *const sets[] = { "CapInh", "CapPrm", "CapEff", "CapAmb" };
	int subscriber, monitor;
	char ids[64];
	unsigned id = getuid() ? getuid() : 65534;

	(void)state;
	one_question(&subscriber, &monitor); /* it serves: all stages are behind it */
	for (size_t i = 0; i < sizeof(sets) / sizeof(sets[0]); i++)
		status_says(sets[i], "0000000000000000");
	status_says("NoNewPrivs", "1");
	snprintf(ids, sizeof(ids), "%u\t%u\t%u\t%u", id, id, id, id);
	status_says("Uid", ids);
	if (!getuid()) {
		status_says("CapBnd", "0000000000000000");
		status_says("Gid", ids);
		status_says("Groups", " ");
	}
#ifndef CONFINE_SANITIZED /* confine.c: its run time makes calls of its own choice */
	status_says("Seccomp", "2");
#endif
}

static void it_ends_well_when_the_core_closes(void **state)
{
	int subscriber, monitor;

	(void)state;
	one_question(&subscriber, &monitor);
	closep(&core_fd);
	assert_int_equal(end_of_worker(), 0);
}

static void it_ends_well_when_the_core_leaves_a_verdict_unread(void **state)
{
	int subscriber, monitor, caller = dial();
	char byte;

	(void)state;
	one_question(&subscriber, &monitor);
	say(caller, VERDICT(CONTAINER, ID, "192.0.2.1", "allow"));
	set_patience(core_fd);
	assert_int_equal(recv(core_fd, &byte, 1, MSG_PEEK), 1);
	closep(&core_fd);
	assert_int_equal(end_of_worker(), 0);
}

static void it_ends_when_the_core_says_what_is_no_message(void **state)
{
	struct msg_packet packet = { .type = MSG_VERDICT }; /* only the hub may say that */
	int subscriber, monitor;

	(void)state;
	one_question(&subscriber, &monitor);
	core_says(&packet);
	assert_int_equal(end_of_worker(), 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
		T(an_answer_makes_its_way_and_everybody_hears_of_it),
		T(an_answer_to_something_else_is_refused),
		T(an_answer_that_failed_can_be_tried_again),
		T(an_answer_may_have_a_scope),
		T(another_user_neither_sees_nor_answers),
		T(a_client_that_reads_misses_nothing),
		T(a_client_that_does_not_read_gets_the_newest_and_the_number_lost),
		T(an_answer_with_a_nul_in_it_is_refused),
		T(a_replay_tells_every_open_request),
		T(a_refusal_of_an_unknown_guard_keeps_its_number),
		T(it_has_given_up_everything),
		T(it_ends_well_when_the_core_closes),
		T(it_ends_well_when_the_core_leaves_a_verdict_unread),
		T(it_ends_when_the_core_says_what_is_no_message),
	};

	return cmocka_run_group_tests_name("worker", tests, NULL, NULL);
}
