// SPDX-License-Identifier: Apache-2.0
/*
 * doctor_names.c - checks about names: who resolves them, and what became of them
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "cgroup.h"
#include "doctor.h"
#include "doctor_inside.h"
#include "doctor_proc.h"
#include "domains.h"
#include "names_list.h"
#include "netns.h"
#include "upstreams.h"

#define ANSWER_MS   1000
#define FULL_SOON   80 /* percent of a table */
#define FAILED_MANY 10 /* percent of questions that were passed on */
#define FAILED_MIN  10 /* fewer are weather */

/* --- who resolves them -------------------------------------------------------------------- */

static int count_domain(const struct domain_rule *rule, void *user)
{
	(void)rule;
	++*(size_t *)user;
	return 0;
}

static void check_upstream(struct doctor *doctor)
{
	pid_t pid = kernel_agent_pid();
	struct msg_upstreams upstreams;
	char first[64];
	int r;

	if (!pid)
		return;
	if (proc_option(pid, "upstream", first, sizeof(first))) {
		doctor_say(doctor, VERDICT_OK, "", "as the agent's command line says");
		return;
	}
	r = upstreams_read(upstreams_path(), &upstreams);
	if (!r && upstreams.n)
		doctor_say(doctor, VERDICT_OK, "", "%u name server%s in %s", upstreams.n,
			   upstreams.n == 1 ? "" : "s", upstreams_path());
	else
		doctor_say(doctor, VERDICT_FAIL,
			   "name one there, or start the agent with --upstream ADDR",
			   "%s names no name server%s%s", upstreams_path(), r ? ": " : "",
			   r ? strerror(-r) : "");
}

/*
 * The name of 127.0.0.1: answered on the spot, since reverse questions never leave the host.
 * Any answer will do.
 */
static int resolver_ask(uint16_t port)
{
	static const char question[] = "\x47\x11\1\0\0\1\0\0\0\0\0\0"
				       "\1"
				       "1\1"
				       "0\1"
				       "0\003127\7in-addr\4arpa\0\0\14\0\1";
	struct sockaddr_in to = { .sin_family = AF_INET,
				  .sin_port = htons(port),
				  .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	_cleanup_close_ int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	struct pollfd answer = { .fd = fd, .events = POLLIN };
	char reply[512];
	int n;

	if (fd < 0 || connect(fd, (struct sockaddr *)&to, sizeof(to)) ||
	    send(fd, question, sizeof(question) - 1, 0) < 0)
		return -errno;
	n = poll(&answer, 1, ANSWER_MS);
	if (n <= 0)
		return n ? -errno : -ETIMEDOUT;
	n = recv(fd, reply, sizeof(reply), MSG_DONTWAIT);
	if (n < 0)
		return -errno;
	return n < 12 || memcmp(reply, question, 2) ? -EBADMSG : 0;
}

/* From where its processes stand. */
static int resolver_probe(const struct guard *guard, pid_t pid)
{
	_cleanup_close_ int netns_fd = netns_of_pid(pid, NULL);
	int back = netns_fd < 0 ? netns_fd : netns_enter(netns_fd), r;

	if (back < 0)
		return back;
	r = resolver_ask(guard->value.dns_port);
	netns_leave(&back);
	return r;
}

static pid_t lives(const struct guard *guard)
{
	_cleanup_close_ int cgroup_fd = cgroup_open_id(guard->info.cgroup, NULL);

	return cgroup_fd < 0 ? 0 : cgroup_first_pid(cgroup_fd);
}

/* The same as its processes ask: any name server, which the hooks exchange for the resolver. */
static void say_steered(struct doctor *doctor, int r)
{
	unsigned port = doctor->guard->value.dns_port;

	if (!r)
		doctor_say(doctor, VERDICT_OK, "",
			   "port %u answers, and so does any name server that it asks", port);
	else if (r == -ETIMEDOUT || r == -ESRCH || r == -EAGAIN)
		doctor_say(doctor, VERDICT_WARN, "are its processes frozen, or its limits reached?",
			   "port %u answers; whether its processes reach it cannot be told: %s",
			   port, strerror(-r));
	else
		doctor_say(doctor, VERDICT_FAIL, "see the checks attached and state",
			   "port %u answers, but not what its processes ask: %s", port,
			   r == -EBADMSG ? "a name that nobody allows is not \"no such name\""
			   : r == -EXDEV ? "the answer does not come from whom was asked"
					 : strerror(-r));
}

static void check_resolver(struct doctor *doctor)
{
	const struct guard *guard = doctor->guard;
	pid_t pid = lives(guard);
	int r;

	if (!kernel_agent_pid() || !guard->alive || guard->value.names & TEROK_NAMES_OFF)
		return; /* said elsewhere */
	if (!pid) {
		doctor_say(doctor, VERDICT_OK, "", "nobody lives in it");
		return;
	}
	if (!guard->value.dns_port) {
		doctor_say(doctor, VERDICT_FAIL,
			   "its reason is in the agent's log; attach it again",
			   "it has none: names do not resolve");
		return;
	}
	r = resolver_probe(guard, pid);
	if (r)
		doctor_say(
		    doctor, VERDICT_FAIL,
		    "if somebody destroyed its sockets they are back in a second; else start "
		    "the agent again",
		    "port %u does not answer: %s", guard->value.dns_port, strerror(-r));
	else
		say_steered(doctor, doctor_ask_nobodys(guard));
}

static void check_why(struct doctor *doctor)
{
	const struct guard *guard = doctor->guard;
	int r;

	if (!kernel_agent_pid() || !guard->value.dns_port || !lives(guard))
		return;
	r = doctor_ask_why(guard);
	if (r)
		doctor_say(doctor, r == -ETIMEDOUT || r == -ESRCH ? VERDICT_WARN : VERDICT_FAIL,
			   "start the agent again",
			   "http://169.254.84.75/why.json does not answer inside it: %s",
			   strerror(-r));
	else
		doctor_say(doctor, VERDICT_OK, "", "http://169.254.84.75/ answers inside it");
}

static int count_wildcard(const struct domain_rule *rule, void *user)
{
	unsigned *n = user;

	*n += rule->value.action == TEROK_ALLOW && !strncmp(rule->domain, "*.", 2);
	return 0;
}

static void check_mode(struct doctor *doctor)
{
	const struct guard *guard = doctor->guard;
	unsigned wildcards = 0;

	if (!(guard->value.names & TEROK_NAMES_OFF))
		return;
	names_domains(doctor->kernel, guard->id, count_wildcard, &wildcards);
	if (wildcards)
		doctor_say(doctor, VERDICT_WARN,
			   "terok-bpfd attach it again with --names learn, or allow the names "
			   "themselves",
			   "names are off: %u wildcard%s the domain itself only", wildcards,
			   wildcards == 1 ? " covers" : "s cover");
	else
		doctor_say(doctor, VERDICT_OK, "",
			   "names are off: a domain is the addresses that the host found");
}

/* --- what became of them ------------------------------------------------------------------ */

static void say_fill(struct doctor *doctor, const char *what, size_t n, size_t most,
		     const char *fix)
{
	enum verdict verdict = n >= most                             ? VERDICT_FAIL
			       : n * 100 >= (size_t)FULL_SOON * most ? VERDICT_WARN
								     : VERDICT_OK;

	doctor_say(doctor, verdict, verdict == VERDICT_OK ? "" : fix, "%zu of %zu %s", n, most,
		   what);
}

struct sums {
	const struct kernel *kernel;
	size_t domains, names, learned, synthetic;
};

static int sum_guard(const struct guard *guard, void *user)
{
	_cleanup_names_list_ struct names_list list = {};
	struct sums *sums = user;

	names_domains(sums->kernel, guard->id, count_domain, &sums->domains);
	if (names_list(sums->kernel, guard->id, &list, NULL))
		return 0;
	sums->names += list.n;
	for (size_t i = 0; i < list.n_addresses; i++)
		if (name_is_synthetic(&list.address[i]))
			sums->synthetic++;
		else
			sums->learned++;
	return 0;
}

static void check_tables(struct doctor *doctor)
{
	struct sums sums = { .kernel = doctor->kernel };

	if (!doctor->kernel)
		return;
	guard_each(doctor->kernel, sum_guard, &sums);
	say_fill(doctor, "rules of domains", sums.domains, TEROK_MAX_DOMAINS,
		 "take domains away with terok-bpfd allow|deny --remove");
	say_fill(doctor, "names", sums.names, TEROK_MAX_NAMES, "terok-bpfd flush GUARD");
	say_fill(doctor, "learned addresses", sums.learned, TEROK_MAX_LEARNED,
		 "terok-bpfd flush GUARD");
	say_fill(doctor, "synthetic addresses", sums.synthetic, TEROK_MAX_SYNTHETIC,
		 "terok-bpfd flush GUARD");
}

static void check_fill(struct doctor *doctor)
{
	_cleanup_names_list_ struct names_list list = {};
	const struct guard *guard = doctor->guard;
	struct problem why = {};
	char fix[TEROK_NAME_LEN + 40];

	snprintf(fix, sizeof(fix), "terok-bpfd flush %s", guard->info.name);
	if (names_list(doctor->kernel, guard->id, &list, &why)) {
		doctor_say(doctor, VERDICT_FAIL, "", "%s", why.text);
		return;
	}
	say_fill(doctor, "names", list.n, NAMES_PER_GUARD, fix);
	say_fill(doctor, "addresses", list.n_addresses, NAMES_ADDRESSES, fix);
}

static int say_shared(const struct names_shared *shared, void *user)
{
	struct doctor *doctor = user;
	char addr[ADDR_TEXT], fix[1024];

	names_shared_fix(fix, sizeof(fix), shared, doctor->guard->info.name);
	if (shared->how == SHARED_DENIED)
		doctor_say(doctor, VERDICT_WARN, fix,
			   "%s is of %s, which is allowed, and of %s, which is denied: nobody "
			   "reaches it",
			   addr_format(addr, shared->addr), shared->name, shared->other);
	else
		doctor_say(doctor, VERDICT_WARN, fix,
			   "%s is of %s and of %s, which is allowed less and is reached all the "
			   "same",
			   addr_format(addr, shared->addr), shared->name, shared->other);
	return 0;
}

static void check_shared(struct doctor *doctor)
{
	_cleanup_names_list_ struct names_list list = {};
	const struct guard *guard = doctor->guard;
	unsigned before = doctor->said;
	struct problem why = {};
	int r = names_list(doctor->kernel, guard->id, &list, &why);

	if (!r)
		r = names_shared_each(doctor->kernel, guard->id, &list, say_shared, doctor, &why);
	if (r)
		doctor_say(doctor, VERDICT_FAIL, "", "%s", *why.text ? why.text : strerror(-r));
	else if (doctor->said == before)
		doctor_say(doctor, VERDICT_OK, "",
			   "no two names of different rules have one address");
}

/* Of one guard's questions, since its resolver began. */
static void check_queries(struct doctor *doctor)
{
	const struct guard *guard = doctor->guard;
	unsigned before = doctor->said;
	struct terok_queries q;

	names_queries(doctor->kernel, guard->id, &q);
	if (q.spent)
		doctor_say(doctor, VERDICT_WARN,
			   "allow the names that it needs by themselves, not by a wildcard; the "
			   "agent's log has those that were asked",
			   "%llu questions were over its budget of new names, or of questions a "
			   "second",
			   q.spent);
	if (q.alarms)
		doctor_say(doctor, VERDICT_WARN,
			   "look at the agent's log, and narrow the wildcard that allows them",
			   "%llu names that were passed on look like data", q.alarms);
	if (q.rebound)
		doctor_say(doctor, VERDICT_WARN, "allow the address itself if it is meant",
			   "%llu private or local addresses were left out of answers", q.rebound);
	if (q.failed >= FAILED_MIN && q.failed * 100 >= q.forwarded * FAILED_MANY)
		doctor_say(doctor, VERDICT_WARN, "are the host's name servers well?",
			   "%llu of %llu questions that were passed on had no answer", q.failed,
			   q.forwarded);
	if (doctor->said == before)
		doctor_say(doctor, VERDICT_OK, "", "%llu asked, %llu passed on, %llu refused",
			   q.asked, q.forwarded, q.blocked);
}

const struct check doctor_names[] = {
	{ .name = "upstream", .host = check_upstream },
	{ .name = "tables", .host = check_tables },
	{ .name = "resolver", .guard = check_resolver },
	{ .name = "why", .guard = check_why },
	{ .name = "mode", .guard = check_mode },
	{ .name = "names", .guard = check_fill },
	{ .name = "shared", .guard = check_shared },
	{ .name = "queries", .guard = check_queries },
	{},
};
