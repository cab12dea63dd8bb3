// SPDX-License-Identifier: Apache-2.0
/*
 * bench_ingest.c - a session's hub on one core: lines of readers a second
 *
 * Readers of another process write requests as fast as they are taken, of more containers and
 * ids than the table holds, in writes of so many lines each. The hub runs in this process, on
 * one core; what counts is that core's time from the first line to the last, of the kernel's
 * half too, so that a busy machine does not count; by the clock it is noted. The peer is what the
 * replaced hub's readers wrote to, asyncio and json of Python, on the same core with the same
 * readers: it parses the lines, and makes nothing of them.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/sock.h"
#include "bench.h"
#include "families.h"
#include "hub/hub_reader.h"
#include "hub/ingest.h"
#include "hub/serve.h"

#define READERS    8
#define BATCH      32 /* lines in one write */
#define LISTENERS  10
#define PEER_SHARE 4        /* of the lines: it is slower */
#define SETTLE_NS  50000000 /* until subscriptions stand */
#define LIMIT_NS   60000000000ull

struct kind {
	const char *name;
	bool peer;          /* the script, and not ours */
	bool hub;           /* lines become requests, not only structs */
	unsigned listeners; /* subscribers that read */
	double rate[BENCH_ROUNDS_MAX], by_clock[BENCH_ROUNDS_MAX];
};

static struct {
	char readers[128], clients[128];
	struct sock_place readers_place, clients_place;
	struct loop *loop;
	struct timer turn;
	struct hub_reader *hub;
	struct varlink_server *server;
	struct ingest *ingest;
	pid_t child[READERS + LISTENERS];
	unsigned children;
	unsigned lines, heard;
	uint64_t first_ns, last_ns; /* of our time on a core */
	uint64_t first_clock_ns, last_clock_ns;
	bool with_hub;
} state;

static int turn_over(struct timer *timer)
{
	(void)timer;
	return 1;
}

static uint64_t core_ns(void)
{
	struct timespec spent;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &spent);
	return (uint64_t)spent.tv_sec * SECOND_NS + (uint64_t)spent.tv_nsec;
}

static void on_line(const struct reader_line *line, void *user)
{
	(void)user;
	if (!state.heard++) {
		state.first_ns = core_ns();
		state.first_clock_ns = bench_ns();
	}
	if (state.with_hub)
		hub_reader_hear(line, state.hub);
	if (state.heard == state.lines) {
		state.last_ns = core_ns();
		state.last_clock_ns = bench_ns();
		timer_arm(state.loop, &state.turn, 0, turn_over);
	}
}

static int dial(const char *path)
{
	struct sockaddr_un sun = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	strcpy(sun.sun_path, path);
	if (fd < 0 || connect(fd, (struct sockaddr *)&sun, sizeof(sun)))
		_exit(1);
	return fd;
}

/* One reader of READERS: its share of all lines. */
static void be_reader(unsigned number)
{
	int fd = dial(state.readers);
	static char text[BATCH * 512];

	bench_cpu(1);
	for (unsigned i = number; i < state.lines; i += READERS * BATCH) {
		size_t n = 0;

		for (unsigned k = 0; k < BATCH; k++)
			n += sprintf(
			    text + n,
			    "{\"type\":\"pending\",\"container\":\"%012x\",\"id\":\"%012x:%u\","
			    "\"dest\":\"198.51.100.%u\",\"port\":443,\"proto\":6,\"domain\":"
			    "\"host%u.example.org\",\"dossier\":{\"project\":\"warp-core\","
			    "\"task\":\"t%u\",\"name\":\"box\",\"container_name\":\"box-%u\"},"
			    "\"ts\":\"2026-01-02T10:11:12.123456+00:00\"}\n",
			    i % 5000, i % 5000, i + k, i % 250, i % 1000, i % 7, i % 100);
		if (write(fd, text, n) != (ssize_t)n)
			_exit(1);
	}
	_exit(0);
}

static void be_listener(unsigned number)
{
	static const char subscribe[] =
	    "{\"method\":\"org.terok.Clearance1.Subscribe\",\"more\":true}";
	static char text[256 << 10];
	int fd = dial(state.clients);

	(void)number;
	bench_cpu(1);
	if (send(fd, subscribe, sizeof(subscribe), 0) < 0)
		_exit(1);
	while (recv(fd, text, sizeof(text), 0) > 0)
		;
	_exit(0);
}

static int fork_child(void (*run)(unsigned number), unsigned number)
{
	pid_t pid;

	fflush(NULL);
	pid = fork();
	if (pid < 0)
		return -errno;
	if (!pid) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		run(number);
	}
	state.child[state.children++] = pid;
	return 0;
}

/* Serve until @ns from now, or until all lines have been heard. */
static int serve(uint64_t ns)
{
	timer_arm(state.loop, &state.turn, now_boot_ns() + ns, turn_over);
	return loop_run(state.loop) == 1 ? 0 : -EIO;
}

static int start(void)
{
	struct problem why = {};
	int r = loop_new(&state.loop);

	if (!r)
		r = sock_place_take(state.readers, &state.readers_place, &why);
	if (!r)
		r = sock_place_take(state.clients, &state.clients_place, &why);
	if (!r)
		r = hub_reader_new(state.loop, "/nowhere", NULL, &state.hub);
	if (!r)
		r = serve_new(state.loop, state.clients_place.fd, hub_reader_hub(state.hub),
			      &state.server);
	if (!r)
		r = ingest_new(state.loop, state.readers_place.fd, on_line, NULL, &state.ingest);
	return r ? bench_fail(r, "start a hub: %s", why.text) : 0;
}

static void children_end(void)
{
	for (; state.children; state.children--) {
		kill(state.child[state.children - 1], SIGKILL);
		waitpid(state.child[state.children - 1], NULL, 0);
	}
}

static void stop(void)
{
	timer_disarm(&state.turn);
	varlink_server_free(state.server);
	ingest_free(state.ingest);
	hub_reader_free(state.hub);
	sock_place_leave(&state.clients_place);
	sock_place_leave(&state.readers_place);
	if (state.loop)
		loop_free(state.loop);
	state.loop = NULL;
	state.server = NULL;
	state.ingest = NULL;
	state.hub = NULL;
	children_end();
}

/* --- the peer ------------------------------------------------------------------------ */

static FILE *peer_said; /* what the script writes */

/* The script; returns when it listens. */
static int peer_start(void)
{
	char script[512], lines[16], word[16] = "";
	int said[2];
	pid_t pid;

	snprintf(script, sizeof(script), "%s/ingest_peer.py", bench.source);
	snprintf(lines, sizeof(lines), "%u", state.lines);
	if (pipe(said))
		return -errno;
	fflush(NULL);
	pid = fork();
	if (!pid) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		dup2(said[1], STDOUT_FILENO);
		execlp("python3", "python3", script, state.readers, lines, NULL);
		_exit(127);
	}
	close(said[1]);
	if (pid > 0)
		state.child[state.children++] = pid;
	peer_said = fdopen(said[0], "r");
	if (!peer_said || fscanf(peer_said, "%15s", word) != 1 || strcmp(word, "ready"))
		return bench_fail(-ENOENT, "the peer did not begin (python3)");
	return 0;
}

static int visit_peer(struct kind *kind, unsigned round)
{
	unsigned lines = state.lines;
	double seconds = 0, by_clock = 0;
	int r;

	state.lines = lines / PEER_SHARE;
	r = peer_start();
	for (unsigned i = 0; !r && i < READERS; i++)
		r = fork_child(be_reader, i);
	if (!r && (fscanf(peer_said, "%lf %lf", &seconds, &by_clock) != 2 || seconds <= 0))
		r = bench_fail(-EIO, "the peer did not come to its end");
	if (!r)
		kind->rate[round] = (state.lines - 1) / seconds;
	if (!r)
		kind->by_clock[round] = (state.lines - 1) / by_clock;
	if (peer_said)
		fclose(peer_said);
	peer_said = NULL;
	children_end();
	unlink(state.readers);
	state.lines = lines;
	return r;
}

static int visit(struct kind *kind, unsigned round)
{
	int r;

	if (kind->peer)
		return visit_peer(kind, round);
	r = start();

	state.with_hub = kind->hub;
	state.heard = 0;
	for (unsigned i = 0; !r && i < kind->listeners; i++)
		r = fork_child(be_listener, i);
	if (!r)
		r = serve(SETTLE_NS);
	for (unsigned i = 0; !r && i < READERS; i++)
		r = fork_child(be_reader, i);
	if (!r)
		r = serve(LIMIT_NS);
	stop();
	if (r || state.heard != state.lines)
		return bench_fail(r ? r : -ETIME, "%s: %u of %u lines", kind->name, state.heard,
				  state.lines);
	kind->rate[round] = (state.lines - 1) * 1e9 / (state.last_ns - state.first_ns);
	kind->by_clock[round] =
	    (state.lines - 1) * 1e9 / (state.last_clock_ns - state.first_clock_ns);
	return 0;
}

/* The ratio is of rates of the same round: what drifts hits both. */
static void judge(const struct kind *kind, const struct kind *peer, unsigned rounds,
		  enum bound bound)
{
	double ratio[BENCH_ROUNDS_MAX];

	for (unsigned i = 0; i < rounds; i++)
		ratio[i] = kind->rate[i] / peer->rate[i];
	bench_judge(kind->name, figure_of(kind->rate, rounds), "/s", bound, 200000,
		    kind->peer ? NULL : "the same by asyncio and json of Python",
		    figure_of(ratio, rounds).value);
	bench_note("by the clock: %.0f/s", figure_of(kind->by_clock, rounds).value);
}

int bench_ingest(void)
{
	struct kind kinds[] = {
		{ .name = "lines a second of a core, read and parsed" },
		{ .name = "lines a second of a core, as requests of a hub that nobody listens to",
		  .hub = true },
		{ .name = "lines a second of a core, with a subscriber that reads",
		  .hub = true,
		  .listeners = 1 },
		{ .name = "lines a second of a core, with ten",
		  .hub = true,
		  .listeners = LISTENERS },
		{ .name = "lines a second of a core, read and parsed by asyncio and json of Python",
		  .peer = true },
	};
	enum { KINDS = sizeof(kinds) / sizeof(*kinds) };
	unsigned rounds = bench_pick(7, 3);
	int r = 0;

	state.lines = bench_pick(1024000, 256000); /* whole batches of each reader */
	state.readers_place = state.clients_place = SOCK_PLACE_NONE;
	snprintf(state.readers, sizeof(state.readers), "%s/ingest/readers", bench.dir);
	snprintf(state.clients, sizeof(state.clients), "%s/ingest/clients", bench.dir);
	bench_cpu(0);
	for (unsigned round = 0; !r && round < rounds; round++)
		for (unsigned k = 0; !r && k < KINDS; k++)
			r = visit(&kinds[(round + k) % KINDS], round);
	for (unsigned k = 0; !r && k < KINDS; k++)
		judge(&kinds[k], &kinds[KINDS - 1], rounds, k < 2 ? BOUND_AT_LEAST : BOUND_NONE);
	return r;
}
