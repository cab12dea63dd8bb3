// SPDX-License-Identifier: Apache-2.0
/*
 * hub.c - the real hub worker and a pretended core, played by a script
 *
 *   hub SOCKET	serves SOCKET until stdin ends; a command a line, fields with tabs between, in
 *		them %XX is a byte:
 *
 *	guard	ID NAME CONTAINER
 *	gone	ID
 *	refuse	GUARD QUESTION ADDRESS PORT DOMAIN COMM PID EXE CMDLINE COUNT
 *	fail	TEXT		the next answer cannot be applied
 *	alarm	OVER NAME CONTAINER WHY	it has no guard; OVER is 1: no longer so
 *	contain	GUARD REASON DETAIL	it is blocked because of its agent
 *	flood	GUARD QUESTION N	so many questions, each of a name of its own
 *
 * Every answer that reaches the core is a line on stdout: verdict QUESTION ACTION SCOPE
 * SECONDS REACH PORTS. A revocation is: revoked DEST.
 * Called by: test_web.sh, browser.py. Ends with its parent.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/addr.h"
#include "base/event.h"
#include "base/sock.h"
#include "hub/worker.h"
#include "terok/core_msg.h"

#define FIELDS      12
#define GUARDS      8
#define GRANTS_KEPT 256
#define KEPT        2048 /* entries of history */

static struct msg_guard guards[GUARDS];
static unsigned n_guards;
static char failure[128];
static struct msg_entry kept[KEPT]; /* by their numbers, which begin at 1 */
static unsigned n_kept;
static struct msg_grant grants[GRANTS_KEPT];
static unsigned n_grants;
static int core_fd;

static void die(const char *what)
{
	fprintf(stderr, "hub: %s: %s\n", what, strerror(errno));
	exit(1);
}

static void tell(struct msg_packet *packet)
{
	if (send(core_fd, packet, core_msg_size(packet->type), MSG_NOSIGNAL) < 0)
		die("the worker does not listen");
}

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

static void tell_guard(const struct msg_guard *guard, uint32_t news, uint64_t token)
{
	struct msg_packet packet = { .type = MSG_GUARD };

	packet.GUARD = *guard;
	packet.GUARD.news = news;
	packet.GUARD.token = token;
	tell(&packet);
}

/* An entry of the guard, for the caller to fill. */
static struct msg_entry *keep(enum entry_type type, unsigned guard)
{
	struct msg_entry *entry = &kept[n_kept % KEPT];
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	*entry = (struct msg_entry){ .number = ++n_kept, .type = type, .guard = guard, .ok = 1 };
	entry->wall_ns = now.tv_sec * SECOND_NS + now.tv_nsec;
	for (unsigned i = 0; i < n_guards; i++)
		if (guards[i].id == guard) {
			memcpy(entry->name, guards[i].info.name, sizeof(entry->name));
			memcpy(entry->container, guards[i].info.container,
			       sizeof(entry->container));
		}
	return entry;
}

static void grant_keep(const struct msg_verdict *verdict, const struct msg_entry *request,
		       uint64_t seconds)
{
	struct msg_grant *grant = &grants[n_grants % GRANTS_KEPT];
	bool by_name = *request->domain && verdict->reach != REACH_ADDRESS;

	*grant = (struct msg_grant){ .number = ++n_grants,
				     .since_ns = now_boot_ns(),
				     .guard = request->guard,
				     .uid = verdict->uid,
				     .action = verdict->action,
				     .scope = verdict->scope,
				     .by_name = by_name };
	if (seconds)
		grant->until_ns = grant->since_ns + seconds * SECOND_NS;
	if (verdict->ports == PORTS_SAME) {
		grant->port = request->port;
		grant->proto = request->proto;
	}
	snprintf(grant->dest, sizeof(grant->dest), "%s%.*s",
		 verdict->reach == REACH_CHILDREN ? "*." : "", TEROK_DOMAIN_LEN - 3,
		 by_name ? request->domain : request->dest);
}

static void on_grants(const struct msg_grants *asked)
{
	struct msg_packet packet = { .type = MSG_GRANT }, end = { .type = MSG_GRANTED };

	for (unsigned i = n_grants < GRANTS_KEPT ? n_grants : GRANTS_KEPT; i-- > 0;) {
		if (!grants[i].number)
			continue;
		packet.GRANT = grants[i];
		packet.GRANT.token = asked->token;
		tell(&packet);
	}
	end.GRANTED.token = asked->token;
	tell(&end);
}

static void on_revoke(const struct msg_revoke *asked)
{
	struct msg_packet packet = { .type = MSG_REVOKED };

	packet.REVOKED =
	    (struct msg_revoked){ .token = asked->token, .uid = asked->uid, .result = -ENOENT };
	for (unsigned i = 0; i < GRANTS_KEPT; i++)
		if (grants[i].number && grants[i].number == asked->number) {
			packet.REVOKED.grant = grants[i];
			packet.REVOKED.result = 0;
			grants[i].number = 0;
			printf("revoked %s\n", grants[i].dest);
			fflush(stdout);
		}
	tell(&packet);
}

static void keep_verdict(const struct msg_verdict *verdict, uint64_t seconds, bool ok)
{
	for (unsigned i = 0; i < n_kept && i < KEPT; i++)
		if (kept[i].ask == verdict->ask && kept[i].type == ENTRY_REQUEST) {
			struct msg_entry *entry = keep(ENTRY_VERDICT, kept[i].guard), of = *entry;

			*entry = kept[i];
			entry->number = of.number;
			entry->wall_ns = of.wall_ns;
			entry->type = ENTRY_VERDICT;
			entry->uid = verdict->uid;
			entry->action = verdict->action;
			entry->scope = verdict->scope;
			entry->until_ns = seconds ? of.wall_ns + seconds * SECOND_NS : 0;
			entry->ok = ok;
			if (ok)
				grant_keep(verdict, &kept[i], seconds);
			return;
		}
}

static void on_history(const struct msg_history *asked)
{
	struct msg_packet packet = { .type = MSG_ENTRY }, end = { .type = MSG_LISTED };
	uint64_t at = asked->after && asked->after <= n_kept ? asked->after - 1 : n_kept;
	uint64_t first = n_kept > KEPT ? n_kept - KEPT : 0;

	for (unsigned i = 0; i < asked->limit && at > first; i++, at--) {
		packet.ENTRY = kept[(at - 1) % KEPT];
		packet.ENTRY.token = asked->token;
		tell(&packet);
	}
	end.LISTED.token = asked->token;
	end.LISTED.more = at > first;
	tell(&end);
}

static void on_verdict(const struct msg_verdict *verdict)
{
	static const char *const scopes[] = { "session", "once", "time", "forever" };
	static const char *const reaches[] = { "asked", "address", "name", "children" };
	struct msg_packet packet = { .type = MSG_RESULT };
	uint64_t seconds = verdict->scope == SCOPE_ONCE ? 60 : verdict->seconds;

	printf("verdict %" PRIu64 " %s %s %" PRIu64 " %s %s\n", (uint64_t)verdict->ask,
	       verdict->action == TEROK_ALLOW ? "allow" : "deny", scopes[verdict->scope],
	       (uint64_t)verdict->seconds, reaches[verdict->reach],
	       verdict->ports == PORTS_ANY ? "any" : "same");
	fflush(stdout);
	packet.RESULT = (struct msg_result){ .ask = verdict->ask, .token = verdict->token };
	strcpy(packet.RESULT.rule, "a rule");
	if (seconds)
		packet.RESULT.until_ns = now_boot_ns() + seconds * SECOND_NS;
	if (*failure)
		packet.RESULT.result = -ENOSPC;
	keep_verdict(verdict, seconds, !*failure);
	memcpy(packet.RESULT.problem, failure, sizeof(failure));
	failure[0] = '\0';
	tell(&packet);
}

static void on_core(void)
{
	struct msg_packet packet, listed = { .type = MSG_LISTED };
	ssize_t n = recv(core_fd, &packet, sizeof(packet), 0);

	if (n <= 0 || !core_msg_check(&packet, n, FROM_HUB))
		die("the worker ended, or said something that is no message");
	if (packet.type == MSG_VERDICT)
		on_verdict(&packet.VERDICT);
	if (packet.type == MSG_GRANTS)
		on_grants(&packet.GRANTS);
	if (packet.type == MSG_REVOKE)
		on_revoke(&packet.REVOKE);
	if (packet.type == MSG_HISTORY)
		on_history(&packet.HISTORY);
	if (packet.type != MSG_LIST)
		return;
	for (unsigned i = 0; i < n_guards; i++)
		tell_guard(&guards[i], GUARD_LISTED, packet.LIST.token);
	listed.LISTED.token = packet.LIST.token;
	tell(&listed);
}

/* --- commands ---------------------------------------------------------------------------- */

static void on_guard(char *const field[])
{
	struct msg_guard *guard = &guards[n_guards++ % GUARDS];

	*guard = (struct msg_guard){ .id = atoi(field[1]), .state = TEROK_STATE_UP };
	guard->info.uid = getuid();
	guard->info.kind = TEROK_KIND_CONTAINER;
	snprintf(guard->info.name, sizeof(guard->info.name), "%s", field[2]);
	snprintf(guard->info.container, sizeof(guard->info.container), "%s", field[3]);
	tell_guard(guard, GUARD_ATTACHED, 0);
	keep(ENTRY_ATTACHED, guard->id);
}

static void on_gone(char *const field[])
{
	struct msg_packet packet = { .type = MSG_GONE };

	packet.GONE.id = atoi(field[1]);
	strcpy(packet.GONE.reason, "cgroup removed");
	keep(ENTRY_DETACHED, packet.GONE.id);
	for (unsigned i = 0; i < n_guards; i++)
		if (guards[i].id == packet.GONE.id)
			guards[i] = guards[--n_guards];
	tell(&packet);
}

/* "refuse GUARD QUESTION ADDRESS PORT DOMAIN COMM PID EXE CMDLINE COUNT"; no address: by name */
static void on_refuse(char *const field[])
{
	struct msg_packet packet = { .type = MSG_REFUSED };
	struct terok_record *record = &packet.REFUSED.record;
	struct msg_entry *entry;
	struct dest dest = {};

	if (*field[3] && dest_parse(field[3], &dest, NULL))
		die(field[3]);
	packet.REFUSED.ask = strtoull(field[2], NULL, 10);
	packet.REFUSED.count = strtoull(field[10], NULL, 10);
	packet.REFUSED.by_name = !*field[3];
	*record = (struct terok_record){ .guard = atoi(field[1]),
					 .reason = *field[3] ? TEROK_REASON_DEFAULT
							     : TEROK_REASON_NAME_DENY,
					 .hook = TEROK_HOOK_CONNECT4,
					 .proto = *field[3] ? 6 : 0,
					 .dst_port = atoi(field[4]),
					 .tgid = atoi(field[7]),
					 .pid = atoi(field[7]),
					 .ppid = 1,
					 .uid = 1000,
					 .pcomm = "bash" };
	memcpy(record->dst, dest.addr, 16);
	snprintf(record->comm, sizeof(record->comm), "%s", field[6]);
	snprintf(packet.REFUSED.domain, sizeof(packet.REFUSED.domain), "%s", field[5]);
	snprintf(packet.REFUSED.exe, sizeof(packet.REFUSED.exe), "%s", field[8]);
	snprintf(packet.REFUSED.cmdline, sizeof(packet.REFUSED.cmdline), "%s", field[9]);
	record->boot_ns = now_boot_ns();
	strcpy(packet.REFUSED.parents[0], "bash");
	strcpy(packet.REFUSED.parents[1], "node");
	if (!*field[3])
		snprintf(packet.REFUSED.rule, sizeof(packet.REFUSED.rule), "deny *.vendor.example");
	tell(&packet);
	entry = keep(ENTRY_REQUEST, record->guard);
	entry->ask = packet.REFUSED.ask;
	entry->count = packet.REFUSED.count;
	entry->port = record->dst_port;
	entry->proto = record->proto;
	snprintf(entry->dest, sizeof(entry->dest), "%s", *field[3] ? field[3] : field[5]);
	snprintf(entry->domain, sizeof(entry->domain), "%s", field[5]);
	snprintf(entry->process, sizeof(entry->process), "%s[%s] %s", field[6], field[7], field[8]);
}

static void on_flood(char *const field[])
{
	char question[24], domain[64];
	char *const refuse[] = { "refuse", field[1], question, "192.0.2.77", "443", domain,
				 "flood",  "99",     "/bin/x", "x",          "1" };

	for (int i = 0; i < atoi(field[3]); i++) {
		snprintf(question, sizeof(question), "%d", atoi(field[2]) + i);
		snprintf(domain, sizeof(domain), "n%d.flood%d.example", i, i / 50);
		on_refuse(refuse);
	}
}

static void on_alarm(char *const field[])
{
	struct msg_packet packet = { .type = MSG_ALARM };

	packet.ALARM.uid = getuid();
	packet.ALARM.over = atoi(field[1]);
	packet.ALARM.since_ns = now_boot_ns();
	snprintf(packet.ALARM.name, sizeof(packet.ALARM.name), "%s", field[2]);
	snprintf(packet.ALARM.id, sizeof(packet.ALARM.id), "%s", field[3]);
	snprintf(packet.ALARM.why, sizeof(packet.ALARM.why), "%s", field[4]);
	tell(&packet);
}

static void on_contain(char *const field[])
{
	struct msg_packet packet = { .type = MSG_AGENT };

	packet.AGENT.guard = atoi(field[1]);
	packet.AGENT.uid = getuid();
	packet.AGENT.told.type = AGENT_EVENT_CONTAINED;
	packet.AGENT.told.wall_ns = 1;
	snprintf(packet.AGENT.told.reason, sizeof(packet.AGENT.told.reason), "%s", field[2]);
	snprintf(packet.AGENT.told.detail, sizeof(packet.AGENT.told.detail), "%s", field[3]);
	tell(&packet);
}

static void decode(char *text)
{
	char *to = text;
	unsigned byte;

	for (; *text; text++) {
		if (*text == '%' && sscanf(text + 1, "%2x", &byte) == 1) {
			*to++ = byte;
			text += 2;
		} else {
			*to++ = *text;
		}
	}
	*to = '\0';
}

static void on_line(char *line)
{
	static const struct {
		const char *word;
		int fields;
		void (*fn)(char *const field[]);
	} commands[] = {
		{ "guard", 4, on_guard }, { "gone", 2, on_gone },   { "refuse", 11, on_refuse },
		{ "flood", 4, on_flood }, { "alarm", 5, on_alarm }, { "contain", 4, on_contain },
	};
	char *field[FIELDS] = {}, *one;
	int n = 0;

	while (n < FIELDS && (one = strsep(&line, "\t"))) {
		decode(one);
		field[n++] = one;
	}
	if (n == 2 && !strcmp(field[0], "fail"))
		snprintf(failure, sizeof(failure), "%s", field[1]);
	for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++)
		if (n == commands[i].fields && !strcmp(field[0], commands[i].word))
			commands[i].fn(field);
}

int main(int argc, char **argv)
{
	static char line[16384];
	struct problem why = {};
	int listen_fd, pair[2];

	if (argc != 2)
		return 2;
	prctl(PR_SET_PDEATHSIG, SIGTERM);
	setvbuf(stdin, NULL, _IONBF, 0); /* what is read is not waited for again */
	if (sock_listen(argv[1], 0600, &listen_fd, &why))
		return fprintf(stderr, "hub: %s\n", why.text), 1;
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair))
		die("socketpair");
	if (!fork())
		run_worker(pair[1], listen_fd);
	core_fd = pair[0];
	close(pair[1]);
	close(listen_fd);
	puts("ready");
	fflush(stdout);
	for (;;) {
		struct pollfd fds[2] = { { .fd = 0, .events = POLLIN },
					 { .fd = core_fd, .events = POLLIN } };

		if (poll(fds, 2, -1) < 0)
			die("poll");
		if (fds[1].revents)
			on_core();
		if (!fds[0].revents)
			continue;
		if (!fgets(line, sizeof(line), stdin))
			return 0;
		line[strcspn(line, "\n")] = '\0';
		on_line(line);
	}
}
