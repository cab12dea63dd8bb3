// SPDX-License-Identifier: Apache-2.0
/* agent_signer.c - the signers that live, and the keepers that begin them */
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include "agent_within.h"
#include "base/cleanup.h"
#include "base/log.h"
#include "signer/launch.h"

#define STARTS    5 /* in a window; then no other until it is over */
#define WINDOW_NS (10 * SECOND_NS)
#define MEND_NS   SECOND_NS /* between two keepers that are begun for others */

/* --- the keepers ------------------------------------------------------------------------- */

/* Beside our own program, as it lies in a build; else where it is installed. */
static int find_program(char ret[static PATH_MAX])
{
	ssize_t n = readlink("/proc/self/exe", ret, PATH_MAX - sizeof(SIGNER_PROGRAM) - 1);
	char *slash;

	if (n > 0) {
		ret[n] = '\0';
		slash = strrchr(ret, '/');
		strcpy(slash ? slash + 1 : ret, SIGNER_PROGRAM);
		if (!access(ret, X_OK))
			return 0;
	}
	snprintf(ret, PATH_MAX, "%s/%s", TEROK_LIBEXECDIR, SIGNER_PROGRAM);
	return access(ret, X_OK) ? -errno : 0;
}

static void __attribute__((__noreturn__))
keeper_exec(const struct agent_options *options, const char *program, int fd)
{
	const struct signer_options signer = { .store = options->store,
					       .keys_file = options->keys_file,
					       .key_file = options->key_file,
					       .passphrase_file = options->passphrase_file,
					       .audit = options->audit,
					       .local = options->local };
	const char *given = getenv("CREDENTIALS_DIRECTORY"); /* where a key of the store may be */
	char folder[PATH_MAX + 32];
	const char *const env[] = { "PATH=/usr/bin:/bin", given ? folder : NULL, NULL };

	if (given)
		snprintf(folder, sizeof(folder), "CREDENTIALS_DIRECTORY=%.*s", PATH_MAX, given);
	launch_exec(program, LAUNCH_KEEP, &signer, (char *const *)env, fd);
	_exit(127);
}

static void keeper_lost(struct agent_keeper *keeper)
{
	source_del(&keeper->source);
	closep(&keeper->fd);
	if (keeper->pid > 0)
		while (waitpid(keeper->pid, NULL, 0) < 0 && errno == EINTR)
			;
	keeper->pid = 0;
}

static int on_mend(struct timer *timer);

/* It never says anything. */
static int on_keeper(struct source *source, uint32_t events)
{
	struct agent_keeper *keeper = container_of(source, struct agent_keeper, source);
	struct agent *agent = keeper->agent;
	uint64_t now = now_boot_ns();

	(void)events;
	keeper_lost(keeper);
	log_warn(0, "who begins signers has ended; another begins");
	timer_arm(agent->loop, &agent->mend,
		  agent->mended_ns + MEND_NS > now ? agent->mended_ns + MEND_NS : now, on_mend);
	return 0;
}

static int keeper_watch(struct agent_keeper *keeper, int fd)
{
	int r = source_add(keeper->agent->loop, &keeper->source, fd, EPOLLRDHUP, on_keeper);

	if (!r)
		keeper->fd = fd;
	return r;
}

/* By the first that lives: begin what @verb says, with @fd for its front. */
static int keeper_tell(struct agent *agent, const char *verb, int fd)
{
	int r = -ESRCH;

	for (unsigned i = 0; r && i < AGENT_KEEPERS; i++)
		if (agent->keeper[i].fd >= 0)
			r = sock_send(agent->keeper[i].fd, verb, 1, &fd, 1);
	return r;
}

/* One that has ended, by one that lives; not more often than each MEND_NS. */
static int on_mend(struct timer *timer)
{
	struct agent *agent = container_of(timer, struct agent, mend);
	int r = 0;

	agent->mended_ns = now_boot_ns();
	for (unsigned i = 0; !r && i < AGENT_KEEPERS; i++) {
		struct agent_keeper *keeper = &agent->keeper[i];
		int pair[2];

		if (keeper->fd >= 0)
			continue;
		if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair)) {
			r = -errno;
			break;
		}
		r = keeper_tell(agent, LAUNCH_KEEP, pair[1]);
		close(pair[1]);
		r = r ?: keeper_watch(keeper, pair[0]);
		if (r)
			close(pair[0]);
	}
	if (r == -ESRCH)
		log_error(0, "nobody is left who begins signers: no key signs until this program "
			     "is begun anew");
	else if (r)
		timer_arm(agent->loop, timer, now_boot_ns() + MEND_NS, on_mend);
	return 0;
}

static int keeper_begin(struct agent_keeper *keeper, const char *program, struct problem *why)
{
	int pair[2], r;

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair))
		return problem(why, -errno, "a socket for the signer: %s", strerror(errno));
	keeper->pid = fork();
	if (!keeper->pid)
		keeper_exec(&keeper->agent->options, program, pair[1]);
	r = keeper->pid < 0 ? -errno : 0;
	close(pair[1]);
	r = r ?: keeper_watch(keeper, pair[0]);
	if (r)
		close(pair[0]);
	return r ? problem(why, r, "no process for the signer: %s", strerror(-r)) : 0;
}

int agent_keep(struct agent *agent, struct problem *why)
{
	const char *program = agent->options.program;
	char found[PATH_MAX];
	int r = program ? 0 : find_program(found);

	if (r)
		return problem(why, r, "%s is neither beside this program nor at %s: %s",
			       SIGNER_PROGRAM, TEROK_LIBEXECDIR, strerror(-r));
	for (unsigned i = 0; !r && i < AGENT_KEEPERS; i++)
		r = keeper_begin(&agent->keeper[i], program ?: found, why);
	return r;
}

/* --- signers ---------------------------------------------------------------------------- */

static int on_reap(struct timer *timer)
{
	struct agent *agent = container_of(timer, struct agent, reap);
	struct agent_signer **at = &agent->signers, *signer;

	while ((signer = *at)) {
		if (signer == agent->newest || signer->n) {
			at = &signer->next;
			continue;
		}
		*at = signer->next;
		link_done(&signer->link); /* which ends it */
		free(signer);
	}
	return 0;
}

/* Not now: we may be within its own link. */
void agent_signer_leave(struct agent_signer *signer)
{
	struct agent *agent = signer->agent;

	if (!--signer->n && signer != agent->newest)
		timer_arm(agent->loop, &agent->reap, now_boot_ns(), on_reap);
}

static int on_opened(struct agent *agent, uint64_t id, struct span payload)
{
	struct agent_client *client = agent_find(agent, id);
	struct word_opened told;

	if (payload.n != sizeof(told))
		return -EPROTO;
	memcpy(&told, payload.at, sizeof(told));
	if (client)
		agent_client_opened(client, &told);
	return 0;
}

static int on_confirm(struct agent *agent, uint64_t id, struct span payload)
{
	struct agent_client *client = agent_find(agent, id);
	struct word_confirm confirm;

	if (payload.n != sizeof(confirm))
		return -EPROTO;
	memcpy(&confirm, payload.at, sizeof(confirm));
	if (client && client->state == CLIENT_BUSY)
		agent_ask(client, &confirm);
	return 0;
}

static int on_word(struct link *link, const struct word *word, struct span payload)
{
	struct agent_signer *signer = container_of(link, struct agent_signer, link);
	struct agent *agent = signer->agent;
	struct agent_client *client;
	char project[WORD_LABEL];

	switch (word->type) {
	case WORD_OPENED: return on_opened(agent, word->session, payload);
	case WORD_CONFIRM: return on_confirm(agent, word->session, payload);
	case WORD_REPLY:
		client = agent_find(agent, word->session);
		if (client)
			agent_client_reply(client, payload);
		return payload.n && payload.n <= AGENT_FRAME_MAX ? 0 : -EPROTO;
	case WORD_WITHDRAW: return 0; /* its client has gone, and the question with it */
	case WORD_PROJECT:
		if (payload.n != sizeof(project))
			return -EPROTO;
		memcpy(project, payload.at, sizeof(project));
		project[sizeof(project) - 1] = '\0';
		agent_local_told(agent, project);
		return 0;
	default: return -EPROTO;
	}
}

static int on_restart(struct timer *timer)
{
	agent_signer_get(container_of(timer, struct agent, restart));
	return 0;
}

static void on_end(struct link *link, int error)
{
	struct agent_signer *signer = container_of(link, struct agent_signer, link);
	struct agent *agent = signer->agent;

	if (error)
		log_error(error, "a signer said what is no word of ours");
	else if (!agent->closing && signer == agent->newest)
		log_warn(0, "the signer has ended; another begins");
	if (signer == agent->newest) {
		agent->newest = NULL;
		timer_arm(agent->loop, &agent->restart, now_boot_ns(), on_restart);
	}
	signer->n++; /* ours, until all have gone */
	for (struct agent_client *client = agent->clients, *next; client; client = next) {
		next = client->next;
		if (client->signer == signer)
			agent_client_fail(client);
	}
	agent_signer_leave(signer);
}

void agent_signer_stuck(struct agent_signer *signer)
{
	log_error(0, "a signer did not answer in %d s; another begins", AGENT_SIGNER_S);
	signer->link.over = true;
	on_end(&signer->link, 0);
}

static void on_drained(struct link *link)
{
	struct agent_signer *signer = container_of(link, struct agent_signer, link);

	for (struct agent_client *client = signer->agent->clients, *next; client; client = next) {
		next = client->next;
		if (client->signer == signer)
			agent_client_go(client);
	}
}

/* May another begin? If not, one does when it may. */
static bool may_start(struct agent *agent)
{
	uint64_t now = now_boot_ns();

	if (now - agent->window_ns > WINDOW_NS) {
		agent->window_ns = now;
		agent->starts = 0;
	}
	if (agent->starts < STARTS) {
		agent->starts++;
		return true;
	}
	if (agent->starts++ == STARTS)
		log_error(0, "the signer began %d times in a row: none for a while", STARTS);
	if (!agent->newest)
		timer_arm(agent->loop, &agent->restart, agent->window_ns + WINDOW_NS + 1,
			  on_restart);
	return false;
}

static int signer_begin(struct agent *agent, struct agent_signer *signer)
{
	int pair[2], r;

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair))
		return -errno;
	r = keeper_tell(agent, LAUNCH_RUN, pair[1]);
	close(pair[1]);
	if (!r)
		r = link_begin(agent->loop, &signer->link, pair[0]);
	if (r)
		close(pair[0]);
	return r;
}

struct agent_signer *agent_signer_renew(struct agent *agent)
{
	struct agent_signer *signer, *before = agent->newest;
	int r;

	if (!may_start(agent))
		return NULL;
	signer = calloc(1, sizeof(*signer));
	if (!signer)
		return NULL;
	signer->agent = agent;
	signer->link =
	    (struct link){ .fd = -1, .said = on_word, .ended = on_end, .drained = on_drained };
	r = signer_begin(agent, signer);
	if (r) {
		log_error(r, "no signer begins");
		free(signer);
		return NULL;
	}
	signer->next = agent->signers;
	agent->signers = agent->newest = signer;
	if (before && !before->n)
		timer_arm(agent->loop, &agent->reap, now_boot_ns(), on_reap);
	agent_local_ask(agent);
	return signer;
}

struct agent_signer *agent_signer_get(struct agent *agent)
{
	return agent->newest ?: agent_signer_renew(agent);
}

void agent_signers_end(struct agent *agent)
{
	timer_disarm(&agent->restart);
	timer_disarm(&agent->reap);
	agent->newest = NULL;
	while (agent->signers) {
		struct agent_signer *signer = agent->signers;

		agent->signers = signer->next;
		link_done(&signer->link);
		free(signer);
	}
	timer_disarm(&agent->mend);
	for (unsigned i = 0; i < AGENT_KEEPERS; i++) /* each ends when its socket has */
		keeper_lost(&agent->keeper[i]);
}
